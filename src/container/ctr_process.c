/* The process of a container: see ctr_process.h. */
#include "container/ctr_process.h"

#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>

#include "base/print.h"
#include "base/str.h"
#include "container/ctr_filter.h"
#include "container/ctr_lookup.h"
#include "container/ctr_proc.h"
#include "os/os_file.h"
#include "os/os_identity.h"
#include "os/os_process.h"
#include "os/os_security.h"
#include "sandbox/sbx_rlimit.h"
#include "sandbox/sbx_sched.h"
#include "spec/spec_runtime.h"

static void warn(const struct ctr_process *process, const char *text)
{
    if (process->warn != NULL) {
        process->warn(process->warn_arg, text);
    }
}

static uint64_t mask_of(const struct ctr_process *process, const char **names, size_t count)
{
    uint64_t mask = 0;
    for (size_t i = 0; i < count; i++) {
        char text[160];
        int number = sbx_cap_number(names[i]);
        if (number >= 0) {
            mask |= UINT64_C(1) << number;
        } else {
            st_snprintf(text, sizeof(text), "ignoring unknown capability \"%.64s\"", names[i]);
            warn(process, text);
        }
    }
    return mask;
}

int ctr_process_caps(struct ctr_process *process, struct st_err *err)
{
    const struct spec_capabilities *c = process->spec->capabilities;
    if (c == NULL) {
        process->caps = (struct sbx_caps){0};
        return 0;
    }
    process->caps = (struct sbx_caps){
        .bounding = mask_of(process, c->bounding, c->bounding_count),
        .effective = mask_of(process, c->effective, c->effective_count),
        .permitted = mask_of(process, c->permitted, c->permitted_count),
        .inheritable = mask_of(process, c->inheritable, c->inheritable_count),
        .ambient = mask_of(process, c->ambient, c->ambient_count),
    };
    if ((process->caps.effective & ~process->caps.permitted) != 0) {
        return st_fail(err, ST_EINVAL,
                       "process.capabilities: effective must be a subset of permitted");
    }
    return 0;
}

int ctr_process_check_fds(unsigned count, struct st_err *err)
{
    for (unsigned i = 0; i < count; i++) {
        /* Ours close themselves; what the caller handed over doesn't, or it would not be here. */
        if (os_is_cloexec((int)(3 + i)) != 0) {
            return st_fail(err, ST_EBADF, "--preserve-fds: descriptor %u is not open", 3 + i);
        }
    }
    return 0;
}

int ctr_process_limits(const struct ctr_process *process, pid_t pid, struct st_err *err)
{
    char clamped[512] = "";
    for (size_t i = 0; i < process->spec->rlimits_count; i++) {
        const struct spec_rlimit *limit = &process->spec->rlimits[i];
        int number = sbx_rlimit_number(limit->type);
        if (number < 0) {
            return st_fail(err, ST_EINVAL, "process.rlimits: unknown type \"%.64s\"", limit->type);
        }
        int r = sbx_rlimit_set(pid, number, limit->soft, limit->hard);
        if (r < 0) {
            return st_fail_os(err, r, "error setting rlimit type %s", limit->type);
        }
        if (r > 0) {
            size_t length = st_strlen(clamped);
            st_snprintf(clamped + length, sizeof(clamped) - length, " %s", limit->type);
        }
    }
    if (clamped[0] != '\0') {
        char text[640];
        st_snprintf(text, sizeof(text),
                    "without CAP_SYS_RESOURCE, clamped to the hard limits in force:%s", clamped);
        warn(process, text);
    }
    return 0;
}

int ctr_process_oom_score(const struct ctr_process *process, pid_t pid, struct st_err *err)
{
    char path[48], text[16];
    if (!process->spec->has_oom_score_adj) {
        return 0;
    }
    st_snprintf(path, sizeof(path), "%d/oom_score_adj", pid);
    size_t length = st_snprintf(text, sizeof(text), "%d", process->spec->oom_score_adj);
    int r = ctr_proc_write(process->proc, path, text, length);
    if (r == -ST_EACCES || r == -ST_EPERM) {
        warn(process, "oom_score_adj was not lowered, since CAP_SYS_RESOURCE is missing");
        return 0;
    }
    return r < 0 ? st_fail_os(err, r, "setting oom_score_adj to %s", text) : 0;
}

static int join_keyring(const struct ctr_process *process, struct st_err *err)
{
    if (process->keyring == NULL) {
        return 0;
    }
    long r =
        os_keyctl(KEYCTL_JOIN_SESSION_KEYRING, (unsigned long)(uintptr_t)process->keyring, 0, 0, 0);
    if (r == -ST_ENOSYS) {
        return 0;
    }
    if (r < 0) {
        return st_fail_os(err, (int)r, "unable to join session keyring %s", process->keyring);
    }
    return 0;
}

static int set_scheduling(const struct ctr_process *process, struct st_err *err)
{
    const struct spec_process *spec = process->spec;
    int r = 0;
    if (process->affinity_final && spec->exec_cpu_affinity != NULL &&
        spec->exec_cpu_affinity->final != NULL) {
        cpu_set_t set;
        r = sbx_cpu_list_parse(spec->exec_cpu_affinity->final, &set);
        r = r < 0 ? r : os_sched_setaffinity(0, sizeof(set), &set);
        if (r < 0) {
            return st_fail_os(err, r, "setting the CPU affinity %s",
                              spec->exec_cpu_affinity->final);
        }
    }
    if (spec->scheduler != NULL) {
        const struct sbx_sched sched = {
            .policy = spec->scheduler->policy,
            .nice = spec->scheduler->nice,
            .priority = spec->scheduler->priority,
            .flags = (const char *const *)spec->scheduler->flags,
            .flag_count = spec->scheduler->flags_count,
            .runtime_ns = spec->scheduler->runtime_ns,
            .deadline_ns = spec->scheduler->deadline_ns,
            .period_ns = spec->scheduler->period_ns,
        };
        r = sbx_sched_set(&sched, err);
    }
    if (r == 0 && spec->io_priority != NULL) {
        r = sbx_ioprio_set(spec->io_priority->class, spec->io_priority->priority, err);
    }
    if (r == 0 && process->personality != NULL) {
        r = sbx_personality_set(process->personality->domain, err);
    }
    return r;
}

/* Labels take effect at the next exec. */
static int set_labels(const struct ctr_process *process, struct st_err *err)
{
    char text[1024];
    const char *profile = process->spec->apparmor_profile;
    const char *label = process->spec->selinux_label;
    if (profile != NULL && profile[0] != '\0') {
        size_t length = st_snprintf(text, sizeof(text), "exec %s", profile);
        int r = length >= sizeof(text)
                    ? -ST_ENAMETOOLONG
                    : ctr_proc_write(process->proc, "self/attr/apparmor/exec", text, length);
        if (r == -ST_ENOENT) {
            r = ctr_proc_write(process->proc, "self/attr/exec", text, length);
        }
        if (r < 0) {
            return st_fail_os(err, r, "unable to apply apparmor profile %s", profile);
        }
    }
    if (label != NULL && label[0] != '\0') {
        int r = ctr_proc_write(process->proc, "self/attr/exec", label, st_strlen(label));
        if (r < 0) {
            return st_fail_os(err, r, "unable to apply SELinux label %s", label);
        }
    }
    return 0;
}

int ctr_process_prepare(struct ctr_process *process, struct st_err *err)
{
    int r = os_setsid();
    if (r < 0 && r != -ST_EPERM) {
        return st_fail_os(err, r, "starting a session");
    }
    r = join_keyring(process, err);
    if (r == 0) {
        r = set_scheduling(process, err);
    }
    if (r == 0 && process->spec->no_new_privileges) {
        r = os_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        r = r < 0 ? st_fail_os(err, r, "setting no_new_privs") : 0;
    }
    return r;
}

/* The container's user must be able to open /dev/stdout again; /dev/null stays everybody's. */
static void give_standard_fds(uid_t uid)
{
    for (int fd = 0; fd < 3; fd++) {
        struct stat st;
        bool is_null;
        if (os_fstat(fd, &st) < 0 || st.st_uid == uid) {
            continue;
        }
        is_null = S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
        if (!is_null) {
            (void)os_fchownat(fd, "", uid, (gid_t)-1, AT_EMPTY_PATH);
        }
    }
}

/* A folder that leads out of the root, as a descriptor that leaked can, has no path here
 * (CVE-2024-21626). */
static int enter_folder(struct ctr_process *process, bool as_user, struct st_err *err)
{
    char path[4096];
    const char *cwd = process->spec->cwd;
    int r = os_chdir(cwd);
    if (r == -ST_EACCES && !as_user) {
        process->chdir_late = true;
        return 0;
    }
    if (r < 0) {
        return st_fail_os(err, r, "chdir to cwd (\"%s\") set in config.json failed", cwd);
    }
    process->chdir_late = false;
    r = os_getcwd(path, sizeof(path));
    if (r < 0 || path[0] != '/') {
        return st_fail(err, ST_EPERM,
                       "current working directory is outside of container mount namespace root");
    }
    return 0;
}

static int set_groups(const struct ctr_process *process, struct st_err *err)
{
    const struct spec_user *user = &process->spec->user;
    int r = os_setgroups(user->additional_gids_count, user->additional_gids);
    /* A user namespace made without privilege has setgroups denied. */
    if (r == -ST_EPERM && process->user_namespace && user->additional_gids_count == 0) {
        r = 0;
    }
    if (r < 0) {
        return st_fail_os(err, r, "setting the additional groups");
    }
    r = os_setresgid(user->gid, user->gid, user->gid);
    return r < 0 ? st_fail_os(err, r, "setting the group %u", user->gid) : 0;
}

static int set_user(const struct ctr_process *process, struct st_err *err)
{
    const struct spec_user *user = &process->spec->user;
    struct os_capabilities caps;
    int r = os_prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    if (r >= 0) {
        r = os_setresuid(user->uid, user->uid, user->uid);
    }
    if (r < 0) {
        return st_fail_os(err, r, "setting the user %u", user->uid);
    }
    if (user->uid != 0) {
        r = os_capget(&caps);
        caps.effective = caps.permitted;
        r = r < 0 ? r : os_capset(&caps);
    }
    return r < 0 ? st_fail_os(err, r, "keeping capabilities") : 0;
}

int ctr_process_identity(struct ctr_process *process, struct st_err *err)
{
    give_standard_fds(process->spec->user.uid);
    int r = enter_folder(process, false, err);
    if (r < 0) {
        return r;
    }
    r = sbx_caps_bound(process->caps.bounding);
    if (r < 0) {
        return st_fail_os(err, r, "dropping the bounding set");
    }
    r = set_groups(process, err);
    if (r == 0) {
        r = set_user(process, err);
    }
    if (r == 0 && process->chdir_late) {
        r = enter_folder(process, true, err);
    }
    if (r == 0) {
        (void)os_umask(process->spec->user.has_umask ? process->spec->user.umask : 0022);
    }
    return r;
}

int ctr_process_find(struct ctr_process *process, char *ret_path, size_t size, struct st_err *err)
{
    const struct spec_process *spec = process->spec;
    if (ctr_lookup_variable(process->env, "HOME") == NULL) {
        char *home = ctr_lookup_home(spec->user.uid);
        if (home == NULL) {
            return st_fail(err, ST_ENOMEM, "out of memory");
        }
        process->env[process->env_count++] = home;
        process->env[process->env_count] = NULL;
    }
    int r = ctr_lookup_program(spec->args[0], ctr_lookup_variable(process->env, "PATH"), ret_path,
                               size, err);
    process->no_program = r < 0;
    return r;
}

static int load_filter(struct ctr_process *process, struct st_err *err)
{
    int r = ctr_filter_load(process->filter, process->listener_channel);
    if (r < 0) {
        return st_fail_os(err, r, "unable to init seccomp");
    }
    process->filter = NULL;
    return 0;
}

/* Before the filter, which may not allow it. */
static int prepare_descriptors(const struct ctr_process *process, struct st_err *err)
{
    int r = os_close_range(3 + process->keep_fds, ~0U, CLOSE_RANGE_CLOEXEC);
    for (unsigned i = 0; r == 0 && i < process->keep_fds; i++) {
        r = os_set_cloexec((int)(3 + i), false);
    }
    return r < 0 ? st_fail_os(err, r, "preparing descriptors") : 0;
}

int ctr_process_restrict(struct ctr_process *process, struct st_err *err)
{
    int r = prepare_descriptors(process, err);
    /* With a user namespace the runtime did it: here it could raise none. */
    if (r == 0 && !process->user_namespace) {
        r = ctr_process_limits(process, 0, err);
    }
    if (r == 0) {
        r = set_labels(process, err);
    }
    if (r == 0 && process->filter != NULL &&
        (!process->spec->no_new_privileges || process->listener_channel >= 0)) {
        r = load_filter(process, err);
    }
    if (r == 0) {
        struct sbx_caps caps = process->caps;
        /* What the runtime itself lacks cannot be handed on. */
        struct os_capabilities have;
        r = os_capget(&have);
        if (r == 0) {
            caps.permitted &= have.permitted;
            caps.effective &= caps.permitted;
            caps.inheritable &= have.permitted | have.inheritable;
            r = sbx_caps_apply(&caps);
        }
        r = r < 0 ? st_fail_os(err, r, "unable to apply caps") : 0;
    }
    return r;
}

int ctr_process_execute(struct ctr_process *process, const char *path, struct st_err *err)
{
    int r = 0;
    if (process->filter != NULL) {
        r = load_filter(process, err);
        if (r < 0) {
            return r;
        }
    }
    r = os_execve(path, process->spec->args, process->env);
    process->no_program = true;
    return st_fail_os(err, r, "exec %s", path);
}
