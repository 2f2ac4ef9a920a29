/* What an instance's config must fulfil, whoever wrote it: see engine_config.h. */
#include <string.h>

#include "base/str.h"
#include "engine/engine_config.h"
#include "engine/engine_priv.h"

static bool one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (st_streq(text, *words)) {
            return true;
        }
    }
    return false;
}

bool engine_is_id(const char *text)
{
    size_t n = strspn(text, "0123456789abcdef");

    return n == ENGINE_ID_LENGTH && text[n] == 0;
}

bool engine_is_name(const char *text)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t n = strlen(text);

    return n >= 2 && n < 256 && strchr(first, text[0]) != NULL &&
           strspn(text + strspn(text, first),
                  "_.-abcdefghijklmnopqrstuvwxyz"
                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == n - strspn(text, first);
}

/* "container:<id>" or one of the words, or absent. */
static int check_mode(const char *what, const char *mode, const char *const *words,
                      struct st_err *err)
{
    const char *id = mode == NULL ? NULL : st_after_prefix(mode, "container:");

    if (mode == NULL || (id != NULL ? engine_is_id(id) : one_of(mode, words))) {
        return 0;
    }
    return st_fail(err, ST_EINVAL, "invalid %s mode: %s", what, mode);
}

static int check_mount(const struct engine_mount *mount, struct st_err *err)
{
    static const char *const types[] = {"bind", "volume", "tmpfs", NULL};
    static const char *const propagations[] = {"private", "rprivate", "shared", "rshared",
                                               "slave",   "rslave",   NULL};

    if (mount->type == NULL || !one_of(mount->type, types)) {
        return st_fail(err, ST_EINVAL, "invalid mount type: %s",
                       mount->type == NULL ? "(none)" : mount->type);
    }
    if (mount->target == NULL || mount->target[0] != '/' || st_streq(mount->target, "/")) {
        return st_fail(err, ST_EINVAL,
                       "invalid mount: the destination '%s' must be an absolute path and not '/'",
                       mount->target == NULL ? "" : mount->target);
    }
    if (st_streq(mount->type, "bind") && (mount->source == NULL || mount->source[0] != '/')) {
        return st_fail(err, ST_EINVAL, "invalid mount: the source '%s' must be an absolute path",
                       mount->source == NULL ? "" : mount->source);
    }
    if (st_streq(mount->type, "volume") && mount->source != NULL &&
        !engine_is_name(mount->source)) {
        return st_fail(err, ST_EINVAL, "invalid volume name: '%s' includes invalid characters",
                       mount->source);
    }
    if (mount->propagation != NULL && !one_of(mount->propagation, propagations)) {
        return st_fail(err, ST_EINVAL, "invalid mount propagation: %s", mount->propagation);
    }
    return 0;
}

static int check_mounts(const struct engine_config *config, struct st_err *err)
{
    for (size_t i = 0; i < config->mounts_count; i++) {
        int r = check_mount(&config->mounts[i], err);

        if (r < 0) {
            return r;
        }
        for (size_t j = 0; j < i; j++) {
            if (st_streq(config->mounts[i].target, config->mounts[j].target)) {
                return st_fail(err, ST_EINVAL, "Duplicate mount point: %s",
                               config->mounts[i].target);
            }
        }
    }
    return 0;
}

static int check_resources(const struct engine_resources *r, struct st_err *err)
{
    if (r->memory_bytes != 0 && r->memory_bytes < (6 << 20)) {
        return st_fail(err, ST_EINVAL, "Minimum memory limit allowed is 6MB");
    }
    if (r->memory_swap_bytes > 0 && r->memory_bytes == 0) {
        return st_fail(err, ST_EINVAL,
                       "You should always set the Memory limit when using Memoryswap limit");
    }
    if (r->memory_swap_bytes > 0 && r->memory_swap_bytes < r->memory_bytes) {
        return st_fail(err, ST_EINVAL,
                       "Minimum memoryswap limit should be larger than memory limit");
    }
    if (r->nano_cpus < 0 || r->cpu_shares < 0 || r->cpu_period_us < 0 || r->shm_bytes < 0 ||
        r->memory_bytes < 0 || r->memory_reservation_bytes < 0) {
        return st_fail(err, ST_EINVAL, "a resource limit is negative");
    }
    if (r->nano_cpus > 0 && (r->cpu_quota_us != 0 || r->cpu_period_us != 0)) {
        return st_fail(err, ST_EINVAL,
                       "Conflicting options: --cpus cannot be given with --cpu-quota or "
                       "--cpu-period");
    }
    if (r->has_swappiness && (r->swappiness < 0 || r->swappiness > 100)) {
        return st_fail(err, ST_EINVAL,
                       "Invalid value: %lld, valid memory swappiness range is "
                       "0-100",
                       (long long)r->swappiness);
    }
    if (r->oom_score_adj < -1000 || r->oom_score_adj > 1000) {
        return st_fail(err, ST_EINVAL,
                       "Invalid value %lld, range for oom score adj is "
                       "[-1000, 1000]",
                       (long long)r->oom_score_adj);
    }
    for (size_t i = 0; i < r->ulimits_count; i++) {
        if (r->ulimits[i].type == NULL || r->ulimits[i].soft > r->ulimits[i].hard) {
            return st_fail(err, ST_EINVAL,
                           "ulimit soft limit must be less than or equal to hard "
                           "limit");
        }
    }
    return 0;
}

static int check_network(const struct engine_network *network, struct st_err *err)
{
    static const char *const modes[] = {"bridge", "host", "none", "user", NULL};
    int r = check_mode("network", network->mode, modes, err);

    for (size_t i = 0; r == 0 && i < network->ports_count; i++) {
        const struct engine_port *port = &network->ports[i];
        bool udp = st_streq(port->protocol, "udp");

        if ((!udp && !st_streq(port->protocol, "tcp")) || port->port == 0 || port->port > 65535 ||
            port->host_first > 65535 || port->host_last > 65535) {
            return st_fail(err, ST_EINVAL, "invalid port: %u/%s", port->port,
                           port->protocol == NULL ? "" : port->protocol);
        }
    }
    if (r == 0 && network->hostname != NULL && strlen(network->hostname) > 64) {
        return st_fail(err, ST_EINVAL, "invalid hostname: %s", network->hostname);
    }
    return r;
}

static int check_restart(const struct engine_config *config, struct st_err *err)
{
    static const char *const policies[] = {"no", "always", "unless-stopped", "on-failure", NULL};
    const char *policy = config->restart.policy;

    if (policy != NULL && !one_of(policy, policies)) {
        return st_fail(err, ST_EINVAL, "invalid restart policy '%s'", policy);
    }
    if (config->restart.max_retries != 0 && !st_streq(policy, "on-failure")) {
        return st_fail(err, ST_EINVAL,
                       "maximum retry count cannot be used with restart policy "
                       "'%s'",
                       policy == NULL ? "no" : policy);
    }
    if (config->restart.max_retries < 0) {
        return st_fail(err, ST_EINVAL, "maximum retry count must be a positive integer");
    }
    if (config->auto_remove && policy != NULL && !st_streq(policy, "no")) {
        return st_fail(err, ST_EINVAL, "Conflicting options: --restart and --rm");
    }
    return 0;
}

int engine_config_check(const struct engine_config *config, struct st_err *err)
{
    static const char *const pid_modes[] = {"host", "private", NULL};
    static const char *const ipc_modes[] = {"none", "private", "shareable", "host", NULL};
    static const char *const uts_modes[] = {"host", NULL};
    static const char *const cgroup_modes[] = {"private", "host", NULL};
    static const char *const drivers[] = {"json-file", "none", "local", NULL};

    if (config->id != NULL && !engine_is_id(config->id)) {
        return st_fail(err, ST_EINVAL, "invalid instance id: %s", config->id);
    }
    if (config->name != NULL && !engine_is_name(config->name)) {
        return st_fail(err, ST_EINVAL,
                       "Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
                       config->name);
    }
    if (config->isolation != NULL && !st_streq(config->isolation, "container") &&
        !engine_is_imageless(config->isolation)) {
        return st_fail(err, ST_EUNSUPPORTED, "isolation '%s' is not supported", config->isolation);
    }
    if (config->process.cwd != NULL && config->process.cwd[0] != '/') {
        return st_fail(err, ST_EINVAL,
                       "the working directory '%s' is invalid, it needs to be an absolute path",
                       config->process.cwd);
    }
    if (config->process.stop_signal != NULL &&
        engine_signal_number(config->process.stop_signal) < 0) {
        return st_fail(err, ST_EINVAL, "Invalid signal: %s", config->process.stop_signal);
    }
    if (config->logging.driver != NULL && !one_of(config->logging.driver, drivers)) {
        return st_fail(err, ST_EUNSUPPORTED, "logging driver '%s' is not supported",
                       config->logging.driver);
    }
    int r = check_mode("PID", config->security.pid_mode, pid_modes, err);
    r = r < 0 ? r : check_mode("IPC", config->security.ipc_mode, ipc_modes, err);
    r = r < 0 ? r : check_mode("UTS", config->security.uts_mode, uts_modes, err);
    r = r < 0 ? r : check_mode("cgroup namespace", config->security.cgroup_mode, cgroup_modes, err);
    r = r < 0 ? r : check_mounts(config, err);
    r = r < 0 ? r : check_resources(&config->resources, err);
    r = r < 0 ? r : check_network(&config->network, err);
    return r < 0 ? r : check_restart(config, err);
}
