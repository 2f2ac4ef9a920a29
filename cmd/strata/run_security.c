/* What an instance may do and see: capabilities, filters, namespaces shared with others, devices.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "os/os_file.h"
#include "strata/run_config_priv.h"

#define PROFILE_MAX (4u << 20)

static bool one_of(const char *text, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (st_streq(text, *list)) {
            return true;
        }
    }
    return false;
}

/* A mode that is one of the list or, with `shared`, container:NAME. NULL and "" are the default. */
static int fill_mode(struct run_parse *p, const char *option, const char *const *list, bool shared,
                     const char **ret_mode)
{
    const char *mode = cli_text(p->cli, option);
    if (mode == NULL || mode[0] == '\0') {
        return 0;
    }
    if (!one_of(mode, list) && !(shared && st_starts_with(mode, "container:"))) {
        return run_invalid(p, option, mode, "there is no such mode");
    }
    return run_resolve_mode(p, mode, ret_mode);
}

static int fill_modes(struct run_parse *p)
{
    static const char *const host[] = {"host", NULL};
    static const char *const host_or_private[] = {"host", "private", NULL};
    static const char *const ipc[] = {"none", "private", "shareable", "host", NULL};
    struct engine_security *to = &p->config->security;
    const char *users = NULL;
    int r = fill_mode(p, "pid", host, true, &to->pid_mode);
    r = r == 0 ? fill_mode(p, "ipc", ipc, true, &to->ipc_mode) : r;
    r = r == 0 ? fill_mode(p, "uts", host, false, &to->uts_mode) : r;
    r = r == 0 ? fill_mode(p, "cgroupns", host_or_private, false, &to->cgroup_mode) : r;
    r = r == 0 ? fill_mode(p, "userns", host, false, &users) : r;
    if (r == 0 && to->uts_mode != NULL && p->config->network.hostname != NULL) {
        r = st_fail(p->err, ST_EINVAL, "conflicting options: --hostname and --uts host");
    }
    return r;
}

static int read_profile(struct run_parse *p, const char *path)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(PROFILE_MAX);
    int r = os_read_file(AT_FDCWD, path, &text);
    if (r < 0) {
        return st_fail_os(p->err, r, "reading the seccomp profile %s", path);
    }
    return run_copy(p, st_buf_string(&text), text.length, &p->config->security.seccomp);
}

/* Options may be spelled NAME=VALUE, or NAME:VALUE as of old; the engine gets them with '='. */
static int security_option(struct run_parse *p, const char **option)
{
    static const char *const flags[] = {"no-new-privileges", "no-new-privileges=true",
                                        "no-new-privileges=false", "systempaths=unconfined", NULL};
    const char *spelled = *option;
    const char *copied = NULL;
    int r = run_copy(p, spelled, strlen(spelled), &copied);
    if (r < 0) {
        return r;
    }
    char *text = (char *)copied;
    if (strchr(text, '=') == NULL && strchr(text, ':') != NULL) {
        *strchr(text, ':') = '=';
    }
    *option = text;
    const char *profile = st_after_prefix(text, "seccomp=");
    if (profile != NULL && !st_streq(profile, "unconfined") && !st_streq(profile, "builtin")) {
        r = read_profile(p, profile);
    } else if (profile == NULL && !one_of(text, flags) && !st_starts_with(text, "apparmor=") &&
               !st_starts_with(text, "label=")) {
        r = run_invalid(p, "security-opt", spelled, "there is no such option");
    }
    return r;
}

static int fill_sysctls(struct run_parse *p)
{
    static const char *const allowed[] = {
        "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni",          "kernel.sem", "kernel.shmall",
        "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced", NULL};
    struct engine_security *to = &p->config->security;
    int r = run_pairs(p, "sysctl", &to->sysctls, &to->sysctls_count);
    bool shared = !st_streq(p->config->isolation, "vm"); /* the kernel, with others */
    for (size_t i = 0; r == 0 && shared && i < to->sysctls_count; i++) {
        const char *name = to->sysctls[i].key;
        if (!one_of(name, allowed) && !st_starts_with(name, "net.") &&
            !st_starts_with(name, "fs.mqueue.")) {
            r = run_invalid(p, "sysctl", name,
                            "only parameters that a namespace has of its own can be set");
        }
    }
    return r;
}

static bool is_access(const char *text)
{
    size_t length = strlen(text);
    return length > 0 && length <= 3 && strspn(text, "rwm") == length;
}

/* HOST[:TARGET][:ACCESS] */
static int parse_device(struct run_parse *p, const char *spelled, struct engine_device *to)
{
    const char *copied = NULL;
    int r = run_copy(p, spelled, strlen(spelled), &copied);
    if (r < 0) {
        return r;
    }
    char *parts[3] = {(char *)copied, NULL, NULL};
    size_t n = 1;
    for (char *at = parts[0]; *at != '\0'; at++) {
        if (*at == ':' && n == ST_COUNT(parts)) {
            return run_invalid(p, "device", spelled, "it must be HOST[:TARGET[:ACCESS]]");
        }
        if (*at == ':') {
            *at = '\0';
            parts[n++] = at + 1;
        }
    }
    *to = (struct engine_device){.host = parts[0], .target = parts[0], .access = "rwm"};
    if (n == 2 && is_access(parts[1])) {
        to->access = parts[1];
    } else if (n > 1) {
        to->target = parts[1];
    }
    if (n == 3 && !is_access(parts[2])) {
        return run_invalid(p, "device", spelled, "the access must be of the letters r, w and m");
    }
    if (n == 3) {
        to->access = parts[2];
    }
    return to->host[0] == '/' && to->target[0] == '/'
               ? 0
               : run_invalid(p, "device", spelled, "the paths must be absolute");
}

static int fill_devices(struct run_parse *p)
{
    struct engine_security *to = &p->config->security;
    size_t count = cli_count(p->cli, "device");
    size_t cursor = 0;
    const char *text;
    if (count == 0) {
        return 0;
    }
    int r = run_alloc(p, count, sizeof *to->devices, &to->devices);
    while (r == 0 && (text = cli_next(p->cli, "device", &cursor)) != NULL) {
        r = parse_device(p, text, &to->devices[to->devices_count++]);
    }
    return r;
}

int run_fill_security(struct run_parse *p)
{
    struct engine_security *to = &p->config->security;
    to->privileged = cli_flag(p->cli, "privileged");
    to->readonly_root = cli_flag(p->cli, "read-only");
    int r = run_list(p, "cap-add", &to->cap_add, &to->cap_add_count);
    r = r == 0 ? run_list(p, "cap-drop", &to->cap_drop, &to->cap_drop_count) : r;
    r = r == 0 ? run_list(p, "security-opt", &to->options, &to->options_count) : r;
    for (size_t i = 0; r == 0 && i < to->options_count; i++) {
        r = security_option(p, &to->options[i]);
    }
    r = r == 0 ? fill_modes(p) : r;
    r = r == 0 ? fill_sysctls(p) : r;
    return r == 0 ? fill_devices(p) : r;
}
