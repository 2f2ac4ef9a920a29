/* Resource limits: see sbx_rlimit.h. */
#include "sandbox/sbx_rlimit.h"

#include "base/str.h"
#include "os/os_identity.h"

/* In the order of the kernel's numbers for x86 and the generic ABI. */
static const char *const names[] = {
    "RLIMIT_CPU",
    "RLIMIT_FSIZE",
    "RLIMIT_DATA",
    "RLIMIT_STACK",
    "RLIMIT_CORE",
    "RLIMIT_RSS",
    "RLIMIT_NPROC",
    "RLIMIT_NOFILE",
    "RLIMIT_MEMLOCK",
    "RLIMIT_AS",
    "RLIMIT_LOCKS",
    "RLIMIT_SIGPENDING",
    "RLIMIT_MSGQUEUE",
    "RLIMIT_NICE",
    "RLIMIT_RTPRIO",
    "RLIMIT_RTTIME",
    NULL,
};
_Static_assert(RLIMIT_NOFILE == 7 && RLIMIT_RTTIME == 15, "the names are in the numbers' order");

int sbx_rlimit_number(const char *name)
{
    for (int i = 0; names[i] != NULL; i++) {
        if (st_streq(name, names[i])) {
            return i;
        }
    }
    return -ST_EINVAL;
}

const char *const *sbx_rlimit_names(void)
{
    return names;
}

int sbx_rlimit_set(pid_t pid, int number, uint64_t soft, uint64_t hard)
{
    struct rlimit wanted = {.rlim_cur = soft, .rlim_max = hard};
    struct rlimit now;
    int r = os_prlimit(pid, number, &wanted, NULL);
    if (r != -ST_EPERM) {
        return r;
    }
    r = os_prlimit(pid, number, NULL, &now);
    if (r < 0) {
        return r;
    }
    wanted.rlim_max = ST_MIN(wanted.rlim_max, now.rlim_max);
    wanted.rlim_cur = ST_MIN(wanted.rlim_cur, wanted.rlim_max);
    r = os_prlimit(pid, number, &wanted, NULL);
    return r < 0 ? r : 1;
}
