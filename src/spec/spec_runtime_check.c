/*
 * What a config.json must keep beyond its types. The bar is what runc and crun accept, so that the
 * configurations of real engines pass, and everything that could only fail later, with a worse
 * message, is refused here.
 */
#include "base/str.h"
#include "spec/spec_runtime_priv.h"

/* Is value one of names (ended by NULL)? */
static bool one_of(const char *value, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (st_streq(value, *names)) {
            return true;
        }
    }
    return false;
}

static bool is_absolute(const char *path)
{
    return path != NULL && path[0] == '/';
}

static bool is_empty(const char *text)
{
    return text == NULL || text[0] == '\0';
}

static int check_version(const char *version, struct st_err *err)
{
    if (is_empty(version)) {
        return st_fail(err, ST_EINVAL, "ociVersion: must be set");
    }
    const char *rest = st_after_prefix(version, "1.");
    if (rest == NULL || rest[0] < '0' || rest[0] > '9') {
        return st_fail(err, ST_EINVAL, "ociVersion: unsupported version \"%.40s\"", version);
    }
    return 0;
}

static int check_rlimits(const struct spec_process *process, struct st_err *err)
{
    for (size_t i = 0; i < process->rlimits_count; i++) {
        const struct spec_rlimit *limit = &process->rlimits[i];
        if (is_empty(limit->type)) {
            return st_fail(err, ST_EINVAL, "process.rlimits[%zu].type: must be set", i);
        }
        for (size_t k = 0; k < i; k++) {
            if (st_streq(limit->type, process->rlimits[k].type)) {
                return st_fail(err, ST_EINVAL, "process.rlimits[%zu]: %.40s is given twice", i,
                               limit->type);
            }
        }
    }
    return 0;
}

static int check_scheduling(const struct spec_process *process, struct st_err *err)
{
    static const char *const policies[] = {"SCHED_OTHER",    "SCHED_FIFO", "SCHED_RR",
                                           "SCHED_BATCH",    "SCHED_ISO",  "SCHED_IDLE",
                                           "SCHED_DEADLINE", NULL};
    static const char *const classes[] = {"IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE",
                                          NULL};
    const struct spec_scheduler *scheduler = process->scheduler;
    const struct spec_io_priority *io = process->io_priority;
    if (scheduler != NULL) {
        if (!one_of(scheduler->policy, policies)) {
            return st_fail(err, ST_EINVAL, "process.scheduler.policy: unknown policy \"%.40s\"",
                           scheduler->policy != NULL ? scheduler->policy : "");
        }
        if (scheduler->nice < -20 || scheduler->nice > 19) {
            return st_fail(err, ST_EINVAL, "process.scheduler.nice: %d is not in -20 to 19",
                           scheduler->nice);
        }
        if (scheduler->priority != 0 && !st_streq(scheduler->policy, "SCHED_FIFO") &&
            !st_streq(scheduler->policy, "SCHED_RR")) {
            return st_fail(err, ST_EINVAL,
                           "process.scheduler.priority: only SCHED_FIFO and SCHED_RR have one");
        }
    }
    if (io != NULL) {
        if (!one_of(io->class, classes)) {
            return st_fail(err, ST_EINVAL, "process.ioPriority.class: unknown class \"%.40s\"",
                           io->class != NULL ? io->class : "");
        }
        if (io->priority < 0 || io->priority > 7) {
            return st_fail(err, ST_EINVAL, "process.ioPriority.priority: %d is not in 0 to 7",
                           io->priority);
        }
    }
    return 0;
}

int spec_process_check(const struct spec_process *process, struct st_err *err)
{
    if (process->args_count == 0) {
        return st_fail(err, ST_EINVAL, "process.args: must not be empty");
    }
    if (is_empty(process->cwd)) {
        return st_fail(err, ST_EINVAL, "process.cwd: must not be empty");
    }
    if (!is_absolute(process->cwd)) {
        return st_fail(err, ST_EINVAL, "process.cwd: \"%.200s\" is not an absolute path",
                       process->cwd);
    }
    if (process->has_oom_score_adj &&
        (process->oom_score_adj < -1000 || process->oom_score_adj > 1000)) {
        return st_fail(err, ST_EINVAL, "process.oomScoreAdj: %d is not in -1000 to 1000",
                       process->oom_score_adj);
    }
    int r = check_rlimits(process, err);
    return r < 0 ? r : check_scheduling(process, err);
}

static int check_mounts(const struct spec_runtime *config, struct st_err *err)
{
    for (size_t i = 0; i < config->mounts_count; i++) {
        const struct spec_mount *mount = &config->mounts[i];
        if (is_empty(mount->destination)) {
            return st_fail(err, ST_EINVAL, "mounts[%zu].destination: must not be empty", i);
        }
        if ((mount->uid_mappings_count > 0) != (mount->gid_mappings_count > 0)) {
            return st_fail(err, ST_EINVAL,
                           "mounts[%zu]: uidMappings and gidMappings must be given together", i);
        }
    }
    return 0;
}

static int check_hook_list(const char *stage, const struct spec_hook *list, size_t count,
                           struct st_err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_absolute(list[i].path)) {
            return st_fail(err, ST_EINVAL, "hooks.%s[%zu].path: \"%.200s\" is not an absolute path",
                           stage, i, list[i].path != NULL ? list[i].path : "");
        }
        if (list[i].has_timeout_seconds && list[i].timeout_seconds <= 0) {
            return st_fail(err, ST_EINVAL, "hooks.%s[%zu].timeout: must be above zero", stage, i);
        }
    }
    return 0;
}

static int check_hooks(const struct spec_hooks *hooks, struct st_err *err)
{
    if (hooks == NULL) {
        return 0;
    }
    int r = check_hook_list("prestart", hooks->prestart, hooks->prestart_count, err);
    r = r < 0 ? r
              : check_hook_list("createRuntime", hooks->create_runtime, hooks->create_runtime_count,
                                err);
    r = r < 0 ? r
              : check_hook_list("createContainer", hooks->create_container,
                                hooks->create_container_count, err);
    r = r < 0 ? r
              : check_hook_list("startContainer", hooks->start_container,
                                hooks->start_container_count, err);
    r = r < 0 ? r : check_hook_list("poststart", hooks->poststart, hooks->poststart_count, err);
    return r < 0 ? r : check_hook_list("poststop", hooks->poststop, hooks->poststop_count, err);
}

static int check_namespaces(const struct spec_runtime *config, struct st_err *err)
{
    const struct spec_linux *lin = config->linux_;
    bool seen[SPEC_NS_COUNT] = {false};
    for (size_t i = 0; i < lin->namespaces_count; i++) {
        const struct spec_namespace *ns = &lin->namespaces[i];
        if (seen[ns->type]) {
            return st_fail(err, ST_EINVAL, "linux.namespaces[%zu]: \"%s\" is given twice", i,
                           spec_namespace_name(ns->type));
        }
        seen[ns->type] = true;
        if (!is_empty(ns->path) && !is_absolute(ns->path)) {
            return st_fail(err, ST_EINVAL,
                           "linux.namespaces[%zu].path: \"%.200s\" is not an absolute path", i,
                           ns->path);
        }
    }
    if (!seen[SPEC_NS_UTS] && !is_empty(config->hostname)) {
        return st_fail(err, ST_EINVAL, "hostname: cannot be set without a uts namespace");
    }
    if (!seen[SPEC_NS_UTS] && !is_empty(config->domainname)) {
        return st_fail(err, ST_EINVAL, "domainname: cannot be set without a uts namespace");
    }
    if (!seen[SPEC_NS_TIME] && lin->time_offsets != NULL) {
        return st_fail(err, ST_EINVAL, "linux.timeOffsets: need a time namespace");
    }
    const struct spec_namespace *user = spec_runtime_namespace(config, SPEC_NS_USER);
    if (user != NULL && is_empty(user->path) &&
        (lin->uid_mappings_count == 0 || lin->gid_mappings_count == 0)) {
        return st_fail(err, ST_EINVAL,
                       "linux.uidMappings, gidMappings: a new user namespace needs both");
    }
    return 0;
}

/* A sysctl that is not of the container's own namespaces would change the host. */
static int check_sysctl(const struct spec_runtime *config, const char *key, struct st_err *err)
{
    static const char *const ipc[] = {
        "kernel.msgmax", "kernel.msgmnb",          "kernel.msgmni", "kernel.sem", "kernel.shmall",
        "kernel.shmmax", "kernel.shm_rmid_forced", "kernel.shmmni", NULL};
    static const char *const uts[] = {"kernel.domainname", "kernel.hostname", NULL};
    char name[256];
    enum spec_namespace_type type;
    if (!st_strcopy(name, sizeof(name), key) || name[0] == '\0') {
        return st_fail(err, ST_EINVAL, "linux.sysctl: \"%.60s\" is not a name", key);
    }
    /* Both separators are in use; a '/' first means that dots belong to names. */
    for (char *p = name; *p != '\0' && *p != '.'; p++) {
        if (*p == '/') {
            for (char *q = name; *q != '\0'; q++) {
                *q = *q == '/' ? '.' : *q;
            }
        }
    }
    if (st_starts_with(name, "net.")) {
        type = SPEC_NS_NETWORK;
    } else if (one_of(name, ipc) || st_starts_with(name, "fs.mqueue.")) {
        type = SPEC_NS_IPC;
    } else if (one_of(name, uts)) {
        type = SPEC_NS_UTS;
    } else {
        return st_fail(err, ST_EINVAL,
                       "linux.sysctl: \"%.100s\" is not of a namespace of the container", key);
    }
    if (spec_runtime_namespace(config, type) == NULL) {
        return st_fail(err, ST_EINVAL, "linux.sysctl: \"%.100s\" needs a %s namespace", key,
                       spec_namespace_name(type));
    }
    return 0;
}

static int check_devices(const struct spec_linux *lin, struct st_err *err)
{
    static const char *const types[] = {"c", "b", "u", "p", NULL};
    for (size_t i = 0; i < lin->devices_count; i++) {
        const struct spec_device *device = &lin->devices[i];
        if (!is_absolute(device->path)) {
            return st_fail(err, ST_EINVAL,
                           "linux.devices[%zu].path: \"%.200s\" is not an absolute path", i,
                           device->path != NULL ? device->path : "");
        }
        if (!one_of(device->type, types)) {
            return st_fail(err, ST_EINVAL,
                           "linux.devices[%zu].type: \"%.20s\" is none of c, b, u and p", i,
                           device->type != NULL ? device->type : "");
        }
    }
    return 0;
}

int spec_resources_check(const struct spec_resources *resources, struct st_err *err)
{
    static const char *const types[] = {"a", "b", "c", "", NULL};
    for (size_t i = 0; i < resources->devices_count; i++) {
        const struct spec_device_rule *rule = &resources->devices[i];
        if (rule->type != NULL && !one_of(rule->type, types)) {
            return st_fail(err, ST_EINVAL,
                           "linux.resources.devices[%zu].type: \"%.20s\" is none of a, b and c", i,
                           rule->type);
        }
        for (const char *p = rule->access; p != NULL && *p != '\0'; p++) {
            if (*p != 'r' && *p != 'w' && *p != 'm') {
                return st_fail(err, ST_EINVAL,
                               "linux.resources.devices[%zu].access: \"%.20s\" is not of r, w "
                               "and m",
                               i, rule->access);
            }
        }
    }
    for (size_t i = 0; i < resources->unified_count; i++) {
        const char *key = resources->unified[i].key;
        for (const char *p = key; p == key || *p != '\0'; p++) {
            if (*p == '/' || *p == '\0') {
                return st_fail(err, ST_EINVAL,
                               "linux.resources.unified: \"%.60s\" is not a file of a cgroup", key);
            }
        }
    }
    return 0;
}

static int check_seccomp(const struct spec_seccomp *seccomp, struct st_err *err)
{
    for (size_t i = 0; i < seccomp->syscalls_count; i++) {
        const struct spec_seccomp_syscall *rule = &seccomp->syscalls[i];
        if (rule->names_count == 0) {
            return st_fail(err, ST_EINVAL, "linux.seccomp.syscalls[%zu].names: must not be empty",
                           i);
        }
        for (size_t k = 0; k < rule->args_count; k++) {
            if (rule->args[k].index > 5) {
                return st_fail(err, ST_EINVAL,
                               "linux.seccomp.syscalls[%zu].args[%zu].index: %u is not in 0 to 5",
                               i, k, rule->args[k].index);
            }
        }
    }
    return 0;
}

static int check_paths(const char *what, const char *const *paths, size_t count, struct st_err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_absolute(paths[i])) {
            return st_fail(err, ST_EINVAL, "linux.%s[%zu]: \"%.200s\" is not an absolute path",
                           what, i, paths[i]);
        }
    }
    return 0;
}

static int check_linux_texts(const struct spec_linux *lin, struct st_err *err)
{
    static const char *const propagations[] = {
        "",        "shared", "slave",    "private",     "unbindable",
        "rshared", "rslave", "rprivate", "runbindable", NULL};
    static const char *const domains[] = {"LINUX", "LINUX32", NULL};
    if (lin->rootfs_propagation != NULL && !one_of(lin->rootfs_propagation, propagations)) {
        return st_fail(err, ST_EINVAL, "linux.rootfsPropagation: unknown value \"%.40s\"",
                       lin->rootfs_propagation);
    }
    if (lin->personality != NULL) {
        if (!one_of(lin->personality->domain, domains)) {
            return st_fail(err, ST_EINVAL, "linux.personality.domain: unknown domain \"%.40s\"",
                           lin->personality->domain != NULL ? lin->personality->domain : "");
        }
        if (lin->personality->flags_count > 0) {
            return st_fail(err, ST_EINVAL, "linux.personality.flags: no flag is supported");
        }
    }
    return 0;
}

static int check_linux(const struct spec_runtime *config, struct st_err *err)
{
    const struct spec_linux *lin = config->linux_;
    int r = check_namespaces(config, err);
    for (size_t i = 0; r == 0 && i < lin->sysctl_count; i++) {
        r = check_sysctl(config, lin->sysctl[i].key, err);
    }
    r = r < 0 ? r : check_devices(lin, err);
    r = r < 0 || lin->resources == NULL ? r : spec_resources_check(lin->resources, err);
    r = r < 0 || lin->seccomp == NULL ? r : check_seccomp(lin->seccomp, err);
    r = r < 0 ? r : check_paths("maskedPaths", lin->masked_paths, lin->masked_paths_count, err);
    r = r < 0 ? r
              : check_paths("readonlyPaths", lin->readonly_paths, lin->readonly_paths_count, err);
    return r < 0 ? r : check_linux_texts(lin, err);
}

int spec_runtime_check(const struct spec_runtime *config, struct st_err *err)
{
    int r = check_version(config->oci_version, err);
    if (r < 0) {
        return r;
    }
    if (config->root == NULL || is_empty(config->root->path)) {
        return st_fail(err, ST_EINVAL, "root.path: must be set");
    }
    if (config->process != NULL) {
        r = spec_process_check(config->process, err);
    }
    r = r < 0 ? r : check_mounts(config, err);
    r = r < 0 ? r : check_hooks(config->hooks, err);
    return r < 0 || config->linux_ == NULL ? r : check_linux(config, err);
}
