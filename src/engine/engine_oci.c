/*
 * config.json of a container, derived from an instance's neutral config: what docker gives its
 * runtime for the same options. Mounts and devices are in engine_oci_mounts.c and
 * engine_oci_devices.c.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/print.h"
#include "base/str.h"
#include "engine/engine_isolation.h"
#include "engine/monitor/mon_protocol.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define CPU_PERIOD_US 100000

static const char *const masked_paths[] = {
    "/proc/asound",      "/proc/acpi",          "/proc/interrupts", "/proc/kcore",
    "/proc/keys",        "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
    "/proc/sched_debug", "/proc/scsi",          "/sys/firmware",    "/sys/devices/virtual/powercap",
};

static const char *const readonly_paths[] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

const char *engine_textf(struct json_doc *arena, const char *format, ...)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(1 << 20);
    va_list args;

    va_start(args, format);
    int r = st_buf_vprintf(&text, format, args);
    va_end(args);
    return r < 0 ? NULL : json_doc_copy(arena, st_buf_string(&text));
}

void engine_strings_add(struct engine_strings *list, const char *text)
{
    if (text == NULL || list->failed) {
        list->failed = true;
        return;
    }
    if (list->count + 1 >= list->room) {
        size_t room = list->room == 0 ? 16 : list->room * 2;
        const char **items = json_doc_alloc(list->arena, room, sizeof(*items));
        if (items == NULL) {
            list->failed = true;
            return;
        }
        if (list->count > 0) {
            memcpy(items, list->items, list->count * sizeof(*items));
        }
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = text;
    list->items[list->count] = NULL;
}

void engine_strings_addf(struct engine_strings *list, const char *format, ...)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(1 << 20);
    va_list args;

    va_start(args, format);
    int r = st_buf_vprintf(&text, format, args);
    va_end(args);
    engine_strings_add(list, r < 0 ? NULL : json_doc_copy(list->arena, st_buf_string(&text)));
}

static bool has_variable(const char **env, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        const char *rest = st_after_prefix(env[i], name);
        if (rest != NULL && *rest == '=') {
            return true;
        }
    }
    return false;
}

void engine_process_env(struct engine_strings *env, const struct engine_config *config,
                        const char *home)
{
    const struct engine_process *p = &config->process;

    if (!has_variable(p->env, p->env_count, "PATH")) {
        engine_strings_add(env, DEFAULT_PATH);
    }
    if (!has_variable(p->env, p->env_count, "HOSTNAME") && config->network.hostname != NULL) {
        engine_strings_addf(env, "HOSTNAME=%s", config->network.hostname);
    }
    if (p->tty && !has_variable(p->env, p->env_count, "TERM")) {
        engine_strings_add(env, "TERM=xterm");
    }
    for (size_t i = 0; i < p->env_count; i++) {
        engine_strings_add(env, p->env[i]);
    }
    if (home != NULL && !has_variable(p->env, p->env_count, "HOME")) {
        engine_strings_addf(env, "HOME=%s", home);
    }
}

static int set_rlimits(struct json_doc *arena, const struct engine_resources *resources,
                       struct spec_process *process)
{
    if (resources->ulimits_count == 0) {
        return 0;
    }
    process->rlimits = json_doc_alloc(arena, resources->ulimits_count, sizeof(*process->rlimits));
    if (process->rlimits == NULL) {
        return -ST_ENOMEM;
    }
    for (size_t i = 0; i < resources->ulimits_count; i++) {
        char name[32];
        size_t n = 0;

        for (const char *c = resources->ulimits[i].type; *c != 0 && n < sizeof(name) - 1; c++) {
            name[n++] = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
        }
        name[n] = 0;
        process->rlimits[i] = resources->ulimits[i];
        process->rlimits[i].type = engine_textf(arena, "RLIMIT_%s", name);
    }
    process->rlimits_count = resources->ulimits_count;
    return 0;
}

static int set_caps(struct json_doc *arena, const struct engine_config *config, bool all,
                    struct spec_process *process, struct st_err *err)
{
    struct engine_config changed = *config;
    const char **names = NULL;
    size_t count = 0;
    struct spec_capabilities *caps = json_doc_alloc(arena, 1, sizeof(*caps));

    changed.security.privileged |= all;
    int r = caps == NULL ? -ST_ENOMEM : engine_caps(arena, &changed, &names, &count, err);
    if (r < 0) {
        return r;
    }
    caps->bounding = names;
    caps->bounding_count = count;
    if (process->user.uid == 0) { /* Another user has them only through files that give them. */
        caps->effective = caps->permitted = names;
        caps->effective_count = caps->permitted_count = count;
    }
    process->capabilities = caps;
    return 0;
}

bool engine_no_new_privileges(const struct engine_config *config)
{
    for (size_t i = 0; i < config->security.options_count; i++) {
        const char *rest = st_after_prefix(config->security.options[i], "no-new-privileges");
        if (rest != NULL && !st_streq(rest, "=false") && !st_streq(rest, ":false")) {
            return true;
        }
    }
    return false;
}

int engine_oci_process(struct json_doc *arena, const struct engine_config *config,
                       const struct engine_identity *identity, bool privileged,
                       struct spec_process *ret_process, struct st_err *err)
{
    const struct engine_process *p = &config->process;
    struct engine_strings args = {.arena = arena};
    struct engine_strings env = {.arena = arena};
    struct spec_process process = {
        .terminal = p->tty,
        .cwd = p->cwd == NULL ? "/" : p->cwd,
        .no_new_privileges = engine_no_new_privileges(config),
        .user = {.uid = identity->uid,
                 .gid = identity->gid,
                 .additional_gids = identity->groups,
                 .additional_gids_count = identity->groups_count},
        .has_oom_score_adj = config->resources.oom_score_adj != 0,
        .oom_score_adj = (int32_t)config->resources.oom_score_adj,
    };

    if (p->init) {
        engine_strings_add(&args, "/sbin/docker-init");
        engine_strings_add(&args, "--");
    }
    for (size_t i = 0; i < p->entrypoint_count; i++) {
        engine_strings_add(&args, p->entrypoint[i]);
    }
    for (size_t i = 0; i < p->cmd_count; i++) {
        engine_strings_add(&args, p->cmd[i]);
    }
    engine_process_env(&env, config, identity->home == NULL ? "/" : identity->home);
    int r = set_rlimits(arena, &config->resources, &process);
    if (r < 0 || args.failed || env.failed) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    process.args = args.items;
    process.args_count = args.count;
    process.env = env.items;
    process.env_count = env.count;
    r = set_caps(arena, config, privileged, &process, err);
    if (r >= 0) {
        *ret_process = process;
    }
    return r;
}

/* "/proc/PID/ns/KIND" of the running instance that a mode "container:ID" names. */
static int joined_path(struct json_doc *arena, struct engine *engine, const char *id,
                       const char *kind, const char **ret_path, struct st_err *err)
{
    struct engine_instance *other = NULL;
    struct engine_state state;
    int r = engine_home_open(engine, id, &other, err);

    if (r < 0) {
        return r;
    }
    r = engine_state_read(other, &state, err);
    if (r >= 0 && state.pid == 0) {
        r = st_fail(err, ST_ESTATE, "cannot join %s of a non running container: %s", kind, id);
    }
    engine_instance_free(other);
    if (r < 0) {
        return r;
    }
    *ret_path = engine_textf(arena, "/proc/%lld/ns/%s", (long long)state.pid, kind);
    return *ret_path == NULL ? -ST_ENOMEM : 0;
}

static int add_mode_namespace(struct json_doc *arena, struct engine *engine, const char *mode,
                              enum spec_namespace_type type, const char *kind,
                              struct spec_linux *to, struct st_err *err)
{
    const char *id = mode == NULL ? NULL : st_after_prefix(mode, "container:");
    const char *path = NULL;

    if (st_streq(mode, "host")) {
        return 0;
    }
    if (id != NULL) {
        int r = joined_path(arena, engine, id, kind, &path, err);
        if (r < 0) {
            return r;
        }
    }
    to->namespaces[to->namespaces_count++] = (struct spec_namespace){.type = type, .path = path};
    return 0;
}

static bool cgroup_is_v2(void)
{
    return os_access(AT_FDCWD, "/sys/fs/cgroup/cgroup.controllers", F_OK, 0) == 0;
}

static int set_namespaces(struct json_doc *arena, const struct engine_launch *launch,
                          struct spec_linux *to, struct st_err *err)
{
    const struct engine_security *s = &launch->instance->config->security;
    struct engine *engine = launch->instance->engine;

    to->namespaces = json_doc_alloc(arena, SPEC_NS_COUNT, sizeof(*to->namespaces));
    if (to->namespaces == NULL) {
        return -ST_ENOMEM;
    }
    to->namespaces[to->namespaces_count++].type = SPEC_NS_MOUNT;
    if (launch->netns >= 0) {
        to->namespaces[to->namespaces_count++] = (struct spec_namespace){
            .type = SPEC_NS_NETWORK, .path = engine_textf(arena, "/proc/self/fd/%d", MON_NETNS_FD)};
    }
    int r = add_mode_namespace(arena, engine, s->uts_mode, SPEC_NS_UTS, "uts", to, err);
    r = r < 0 ? r : add_mode_namespace(arena, engine, s->pid_mode, SPEC_NS_PID, "pid", to, err);
    r = r < 0 ? r : add_mode_namespace(arena, engine, s->ipc_mode, SPEC_NS_IPC, "ipc", to, err);
    const char *cgroup = s->cgroup_mode != NULL             ? s->cgroup_mode
                         : s->privileged || !cgroup_is_v2() ? "host"
                                                            : "private";
    return r < 0 ? r : add_mode_namespace(arena, engine, cgroup, SPEC_NS_CGROUP, "cgroup", to, err);
}

int engine_oci_resources(struct json_doc *arena, const struct engine_config *config,
                         struct spec_linux *linux_part, struct st_err *err)
{
    const struct engine_resources *r = &config->resources;
    struct {
        struct spec_resources all;
        struct spec_memory memory;
        struct spec_cpu cpu;
        struct spec_pids pids;
        struct spec_block_io block;
    } *made = json_doc_alloc(arena, 1, sizeof(*made));

    if (made == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    made->memory = (struct spec_memory){
        .has_limit = r->memory_bytes > 0,
        .limit = r->memory_bytes,
        .has_reservation = r->memory_reservation_bytes > 0,
        .reservation = r->memory_reservation_bytes,
        .has_swap = r->memory_bytes > 0 && r->memory_swap_bytes != 0,
        .swap = r->memory_swap_bytes,
        .has_swappiness = r->has_swappiness,
        .swappiness = (uint64_t)r->swappiness,
        .has_disable_oom_killer = r->oom_kill_disable,
        .disable_oom_killer = r->oom_kill_disable,
    };
    made->cpu = (struct spec_cpu){
        .has_shares = r->cpu_shares > 0,
        .shares = (uint64_t)r->cpu_shares,
        .has_quota = r->nano_cpus > 0 || r->cpu_quota_us != 0,
        .quota = r->nano_cpus > 0 ? r->nano_cpus / 1000 * CPU_PERIOD_US / 1000000 : r->cpu_quota_us,
        .has_period = r->nano_cpus > 0 || r->cpu_period_us > 0,
        .period = r->nano_cpus > 0 ? CPU_PERIOD_US : (uint64_t)r->cpu_period_us,
        .cpus = r->cpuset_cpus,
        .mems = r->cpuset_mems,
    };
    made->pids = (struct spec_pids){.has_limit = r->pids_limit > 0, .limit = r->pids_limit};
    made->block = (struct spec_block_io){.has_weight = r->blkio_weight > 0,
                                         .weight = (uint16_t)r->blkio_weight};
    made->all.memory = &made->memory;
    made->all.cpu = &made->cpu;
    made->all.pids = r->pids_limit > 0 ? &made->pids : NULL;
    made->all.block_io = r->blkio_weight > 0 ? &made->block : NULL;
    linux_part->resources = &made->all;
    linux_part->cgroups_path = engine_textf(arena, "/strata/%s", config->id);
    return linux_part->cgroups_path == NULL ? st_fail(err, ST_ENOMEM, "out of memory") : 0;
}

/* --sysctl's, and docker's two that let unprivileged users ping and serve low ports. */
static int set_sysctls(struct json_doc *arena, const struct engine_launch *launch,
                       struct spec_linux *to)
{
    const struct engine_security *s = &launch->instance->config->security;
    struct json_pair *pairs = json_doc_alloc(arena, s->sysctls_count + 3, sizeof(*pairs));
    size_t n = 0;

    if (pairs == NULL) {
        return -ST_ENOMEM;
    }
    if (launch->own_network) {
        pairs[n++] = (struct json_pair){"net.ipv4.ip_unprivileged_port_start", "0"};
        pairs[n++] = (struct json_pair){"net.ipv4.ping_group_range", "0 2147483647"};
    }
    for (size_t i = 0; i < s->sysctls_count; i++) {
        size_t at = 0;
        while (at < n && !st_streq(pairs[at].key, s->sysctls[i].key)) {
            at++;
        }
        pairs[at] = s->sysctls[i];
        n = at == n ? n + 1 : n;
    }
    to->sysctl = n > 0 ? pairs : NULL;
    to->sysctl_count = n;
    return 0;
}

const char *engine_security_option(const struct engine_security *s, const char *name)
{
    for (size_t i = 0; i < s->options_count; i++) {
        const char *rest = st_after_prefix(s->options[i], name);
        if (rest != NULL && (*rest == '=' || *rest == ':')) {
            return rest + 1;
        }
    }
    return NULL;
}

static void set_paths(const struct engine_security *s, struct spec_linux *to)
{
    static const char *masked[ST_COUNT(masked_paths) + 1];
    static const char *readonly[ST_COUNT(readonly_paths) + 1];

    if (s->privileged || st_streq(engine_security_option(s, "systempaths"), "unconfined")) {
        return;
    }
    memcpy(masked, masked_paths, sizeof(masked_paths));
    memcpy(readonly, readonly_paths, sizeof(readonly_paths));
    to->masked_paths = masked;
    to->masked_paths_count = ST_COUNT(masked_paths);
    to->readonly_paths = readonly;
    to->readonly_paths_count = ST_COUNT(readonly_paths);
}

/* *ret_owner, if set, owns the policy and is freed by the caller. */
static int set_seccomp(struct json_doc *arena, const struct engine_config *config,
                       const struct spec_process *process, struct spec_linux *to,
                       struct spec_runtime **ret_owner, struct st_err *err)
{
    const struct engine_security *s = &config->security;
    const char *const *caps = process->capabilities->bounding;
    size_t count = process->capabilities->bounding_count;

    if (s->seccomp != NULL) {
        int r = engine_seccomp_profile(s->seccomp, caps, count, ret_owner, err);
        if (r >= 0 && (*ret_owner)->linux_ != NULL) {
            to->seccomp = (*ret_owner)->linux_->seccomp;
        }
        return r;
    }
    if (s->privileged || st_streq(engine_security_option(s, "seccomp"), "unconfined")) {
        return 0;
    }
    int r = engine_default_seccomp(arena, caps, count, &to->seccomp);
    return r < 0 ? st_fail(err, ST_ENOMEM, "out of memory") : 0;
}

int engine_oci_write(const struct engine_launch *launch, struct st_buf *to, struct st_err *err)
{
    static const struct json_pair annotations[] = {{"strata.parent-death-signal", "SIGKILL"}};
    const struct engine_config *config = launch->instance->config;
    struct json_doc *arena = json_doc_new();
    struct spec_runtime *policy = NULL;
    struct spec_process process;
    struct spec_linux linux_part = {0};
    struct spec_root root = {.path = "rootfs", .readonly = config->security.readonly_root};
    struct spec_console_size size = {.height = launch->rows, .width = launch->columns};
    struct spec_runtime spec = {.oci_version = SPEC_RUNTIME_VERSION,
                                .process = &process,
                                .root = &root,
                                .linux_ = &linux_part,
                                .annotations = (struct json_pair *)(uintptr_t)annotations,
                                .annotations_count = 1};

    if (arena == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    if (config->security.uts_mode == NULL) {
        spec.hostname = config->network.hostname;
        spec.domainname = config->network.domainname;
    }
    int r = engine_oci_process(arena, config, &launch->identity, false, &process, err);
    if (r >= 0 && process.terminal && size.height > 0 && size.width > 0) {
        process.console_size = &size;
    }
    r = r < 0 ? r : set_namespaces(arena, launch, &linux_part, err);
    r = r < 0 ? r : engine_oci_mounts(arena, launch, &spec, err);
    r = r < 0 ? r : engine_oci_resources(arena, config, &linux_part, err);
    r = r < 0 ? r : engine_oci_devices(arena, config, &linux_part, err);
    r = r < 0 ? r : set_sysctls(arena, launch, &linux_part);
    r = r < 0 ? r : set_seccomp(arena, config, &process, &linux_part, &policy, err);
    if (r >= 0) {
        set_paths(&config->security, &linux_part);
        r = spec_runtime_write(&spec, 0, to);
    }
    spec_runtime_free(policy);
    json_doc_free(arena);
    return r;
}
