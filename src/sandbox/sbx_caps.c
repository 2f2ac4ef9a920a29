/* Capabilities: see sbx_caps.h. */
#include "sandbox/sbx_caps.h"

#include <linux/capability.h>
#include <sys/prctl.h>

#include "base/str.h"
#include "os/os_identity.h"
#include "os/os_process.h"

/* In the kernel's order (linux/capability.h). */
static const char *const names[] = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};
_Static_assert(ST_COUNT(names) == CAP_LAST_CAP + 1, "one name for each capability of the headers");

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool same_name(const char *a, const char *b)
{
    while (*a != '\0' && upper(*a) == *b) {
        a++;
        b++;
    }
    return *a == '\0' && *b == '\0';
}

int sbx_cap_number(const char *name)
{
    for (unsigned i = 0; i < ST_COUNT(names); i++) {
        if (same_name(name, names[i])) {
            return (int)i;
        }
    }
    return -ST_EINVAL;
}

const char *sbx_cap_name(unsigned number)
{
    return number < ST_COUNT(names) ? names[number] : NULL;
}

unsigned sbx_cap_count(void)
{
    return ST_COUNT(names);
}

uint64_t sbx_caps_all(void)
{
    unsigned count = ST_COUNT(names);
    while (count > 0 && os_prctl(PR_CAPBSET_READ, count - 1, 0, 0, 0) < 0) {
        count--;
    }
    return (UINT64_C(1) << count) - 1;
}

int sbx_caps_bound(uint64_t keep)
{
    /* Up to the first number that the kernel does not have: it may have more than this build has
     * names. */
    for (unsigned i = 0; i < 64; i++) {
        if ((keep >> i & 1) != 0) {
            continue;
        }
        int r = os_prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
        if (r == -ST_EINVAL) {
            return 0;
        }
        if (r == -ST_EPERM && os_prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 0) {
            continue;
        }
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int sbx_caps_apply(const struct sbx_caps *sets)
{
    struct os_capabilities caps = {
        .effective = sets->effective,
        .permitted = sets->permitted,
        .inheritable = sets->inheritable,
    };
    int r = os_capset(&caps);
    if (r < 0) {
        return r;
    }
    r = os_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    uint64_t raise = sets->ambient & sets->permitted & sets->inheritable;
    for (unsigned i = 0; r >= 0 && i < 64; i++) {
        if ((raise >> i & 1) != 0) {
            r = os_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0);
        }
    }
    return r < 0 ? r : 0;
}
