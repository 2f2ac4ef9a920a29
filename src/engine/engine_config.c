/* The config file of an instance: tables, reading, writing. See engine_config.h. */
#include "engine/engine_config.h"

#include <string.h>

#include "base/str.h"
#include "engine/engine_priv.h"

static const struct json_field rlimit_fields[] = {
    JSON_STR(struct spec_rlimit, "name", type),
    JSON_U64(struct spec_rlimit, "hard", hard, JSON_KEEP),
    JSON_U64(struct spec_rlimit, "soft", soft, JSON_KEEP),
};
static const struct json_table rlimit_table = JSON_TABLE(struct spec_rlimit, rlimit_fields);

#define P struct engine_process
static const struct json_field process_fields[] = {
    JSON_STRINGS(P, "entrypoint", entrypoint),
    JSON_STRINGS(P, "cmd", cmd),
    JSON_STRINGS(P, "env", env),
    JSON_STR(P, "cwd", cwd),
    JSON_STR(P, "user", user),
    JSON_BOOLEAN(P, "tty", tty, 0),
    JSON_BOOLEAN(P, "openStdin", open_stdin, 0),
    JSON_BOOLEAN(P, "stdinOnce", stdin_once, 0),
    JSON_BOOLEAN(P, "attachStdin", attach_stdin, 0),
    JSON_BOOLEAN(P, "attachStdout", attach_stdout, 0),
    JSON_BOOLEAN(P, "attachStderr", attach_stderr, 0),
    JSON_BOOLEAN(P, "init", init, 0),
    JSON_STRINGS(P, "groups", groups),
    JSON_STR(P, "stopSignal", stop_signal),
    JSON_OPT_I64(P, "stopTimeoutSeconds", stop_timeout_s),
};
#undef P
static const struct json_table process_table = JSON_TABLE(struct engine_process, process_fields);

#define R struct engine_resources
static const struct json_field resources_fields[] = {
    JSON_I64(R, "nanoCpus", nano_cpus, 0),
    JSON_I64(R, "cpuShares", cpu_shares, 0),
    JSON_I64(R, "cpuQuotaUs", cpu_quota_us, 0),
    JSON_I64(R, "cpuPeriodUs", cpu_period_us, 0),
    JSON_STR(R, "cpusetCpus", cpuset_cpus),
    JSON_STR(R, "cpusetMems", cpuset_mems),
    JSON_I64(R, "memoryBytes", memory_bytes, 0),
    JSON_I64(R, "memorySwapBytes", memory_swap_bytes, 0),
    JSON_I64(R, "memoryReservationBytes", memory_reservation_bytes, 0),
    JSON_OPT_I64(R, "swappiness", swappiness),
    JSON_I64(R, "pidsLimit", pids_limit, 0),
    JSON_I64(R, "blkioWeight", blkio_weight, 0),
    JSON_BOOLEAN(R, "oomKillDisable", oom_kill_disable, 0),
    JSON_I64(R, "oomScoreAdj", oom_score_adj, 0),
    JSON_I64(R, "shmBytes", shm_bytes, 0),
    JSON_STRUCTS(R, "ulimits", ulimits, struct spec_rlimit, &rlimit_table),
};
#undef R
static const struct json_table resources_table =
    JSON_TABLE(struct engine_resources, resources_fields);

#define M struct engine_mount
static const struct json_field mount_fields[] = {
    JSON_STR(M, "type", type),
    JSON_STR(M, "source", source),
    JSON_STR(M, "target", target),
    JSON_BOOLEAN(M, "readonly", readonly, 0),
    JSON_BOOLEAN(M, "noCopy", no_copy, 0),
    JSON_BOOLEAN(M, "anonymous", anonymous, 0),
    JSON_BOOLEAN(M, "sourceMustExist", source_must_exist, 0),
    JSON_STR(M, "propagation", propagation),
    JSON_STR(M, "options", options),
    JSON_STR(M, "spelled", spelled),
};
#undef M
static const struct json_table mount_table = JSON_TABLE(struct engine_mount, mount_fields);

static const struct json_field port_fields[] = {
    JSON_STR(struct engine_port, "protocol", protocol),
    JSON_U32(struct engine_port, "port", port, JSON_KEEP),
    JSON_STR(struct engine_port, "hostAddress", host_address),
    JSON_U32(struct engine_port, "hostFirst", host_first, 0),
    JSON_U32(struct engine_port, "hostLast", host_last, 0),
};
static const struct json_table port_table = JSON_TABLE(struct engine_port, port_fields);

#define N struct engine_network
static const struct json_field network_fields[] = {
    JSON_STR(N, "mode", mode),
    JSON_STRUCTS(N, "ports", ports, struct engine_port, &port_table),
    JSON_STRINGS(N, "exposed", exposed),
    JSON_BOOLEAN(N, "publishAll", publish_all, 0),
    JSON_STR(N, "hostname", hostname),
    JSON_STR(N, "domainname", domainname),
    JSON_STRINGS(N, "extraHosts", extra_hosts),
    JSON_STRINGS(N, "dns", dns),
    JSON_STRINGS(N, "dnsSearch", dns_search),
    JSON_STRINGS(N, "dnsOptions", dns_options),
};
#undef N
static const struct json_table network_table = JSON_TABLE(struct engine_network, network_fields);

static const struct json_field device_fields[] = {
    JSON_STR(struct engine_device, "host", host),
    JSON_STR(struct engine_device, "target", target),
    JSON_STR(struct engine_device, "access", access),
};
static const struct json_table device_table = JSON_TABLE(struct engine_device, device_fields);

#define S struct engine_security
static const struct json_field security_fields[] = {
    JSON_BOOLEAN(S, "privileged", privileged, 0),
    JSON_BOOLEAN(S, "readonlyRoot", readonly_root, 0),
    JSON_STRINGS(S, "capAdd", cap_add),
    JSON_STRINGS(S, "capDrop", cap_drop),
    JSON_STRINGS(S, "options", options),
    JSON_STR(S, "seccomp", seccomp),
    JSON_STR(S, "pidMode", pid_mode),
    JSON_STR(S, "ipcMode", ipc_mode),
    JSON_STR(S, "utsMode", uts_mode),
    JSON_STR(S, "cgroupMode", cgroup_mode),
    JSON_PAIRS(S, "sysctls", sysctls),
    JSON_STRUCTS(S, "devices", devices, struct engine_device, &device_table),
};
#undef S
static const struct json_table security_table = JSON_TABLE(struct engine_security, security_fields);

static const struct json_field restart_fields[] = {
    JSON_STR(struct engine_restart, "policy", policy),
    JSON_I64(struct engine_restart, "maxRetries", max_retries, 0),
};
static const struct json_table restart_table = JSON_TABLE(struct engine_restart, restart_fields);

static const struct json_field logging_fields[] = {
    JSON_STR(struct engine_logging, "driver", driver),
    JSON_PAIRS(struct engine_logging, "options", options),
};
static const struct json_table logging_table = JSON_TABLE(struct engine_logging, logging_fields);

#define C struct engine_config
static const struct json_field config_fields[] = {
    JSON_I64(C, "version", version, JSON_KEEP),
    JSON_STR(C, "id", id),
    JSON_STR(C, "name", name),
    JSON_I64(C, "createdNs", created_ns, JSON_KEEP),
    JSON_STR(C, "isolation", isolation),
    JSON_STR(C, "image", image),
    JSON_STR(C, "imageId", image_id),
    JSON_BOOLEAN(C, "autoRemove", auto_remove, 0),
    JSON_EMBED(C, "process", process, struct engine_process, &process_table),
    JSON_EMBED(C, "resources", resources, struct engine_resources, &resources_table),
    JSON_STRUCTS(C, "mounts", mounts, struct engine_mount, &mount_table),
    JSON_EMBED(C, "network", network, struct engine_network, &network_table),
    JSON_EMBED(C, "security", security, struct engine_security, &security_table),
    JSON_EMBED(C, "restart", restart, struct engine_restart, &restart_table),
    JSON_EMBED(C, "logging", logging, struct engine_logging, &logging_table),
    JSON_PAIRS(C, "labels", labels),
};
#undef C
static const struct json_table config_table = JSON_TABLE(struct engine_config, config_fields);

int engine_config_parse(const char *text, size_t length, struct engine_config **ret_config,
                        struct st_err *err)
{
    static const struct json_limits limits = {ENGINE_CONFIG_MAX_BYTES, 32};
    struct json_doc *doc = NULL;
    void *memory = NULL;

    int r = json_bind_parse(&config_table, text, length, &limits, &memory, &doc, err);
    if (r < 0) {
        return r == -ST_ENOMEM ? r : st_wrap(err, -ST_ECORRUPT, "the instance's config");
    }
    struct engine_config *config = memory;

    config->doc = doc;
    if (config->version != ENGINE_CONFIG_VERSION) {
        r = st_fail(err, ST_EVERSION,
                    "the instance's config has version %lld; this program knows version %d",
                    (long long)config->version, ENGINE_CONFIG_VERSION);
    } else if (config->id == NULL || config->name == NULL ||
               (config->image_id == NULL && !engine_is_imageless(config->isolation))) {
        r = st_fail(err, ST_ECORRUPT, "the instance's config has no id, name or imageId");
    } else {
        r = engine_config_check(config, err);
        r = r < 0 ? -ST_ECORRUPT : 0;
    }
    if (r < 0) {
        engine_config_free(config);
        return r;
    }
    *ret_config = config;
    return 0;
}

int engine_config_write(const struct engine_config *config, struct st_buf *to)
{
    struct json_writer w = {.to = to};

    json_bind_write(&config_table, config, &w);
    return st_buf_char(to, '\n');
}

struct engine_config *engine_config_free(struct engine_config *config)
{
    if (config != NULL) {
        json_doc_free(config->doc);
    }
    return NULL;
}
