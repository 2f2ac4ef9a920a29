/* What `inspect` prints of an instance: docker's JSON of a container, and "Isolation" beside it. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/print.h"
#include "base/str.h"
#include "engine/engine_vm_image.h"
#include "os/os_time.h"

#define NO_TIME "0001-01-01T00:00:00Z"
#define SHM_DEFAULT_BYTES (64 << 20)

static void time_member(struct json_writer *w, const char *key, int64_t ns)
{
    char text[OS_TIME_TEXT];

    if (ns > 0) {
        os_time_rfc3339((uint64_t)ns, text);
    }
    json_write_key_string(w, key, ns > 0 ? text : NO_TIME);
}

/* A list, or null as docker has it for an absent one. */
static void list_member(struct json_writer *w, const char *key, const char *const *items,
                        size_t count)
{
    json_write_key(w, key);
    if (count == 0) {
        json_write_null(w);
        return;
    }
    json_write_array(w);
    for (size_t i = 0; i < count; i++) {
        json_write_string(w, items[i]);
    }
    json_write_end(w);
}

static void pairs_member(struct json_writer *w, const char *key, const struct json_pair *pairs,
                         size_t count)
{
    json_write_key(w, key);
    json_write_object(w);
    for (size_t i = 0; i < count; i++) {
        json_write_key_string(w, pairs[i].key, pairs[i].value);
    }
    json_write_end(w);
}

static void null_member(struct json_writer *w, const char *key)
{
    json_write_key(w, key);
    json_write_null(w);
}

static void write_state(struct json_writer *w, const struct engine_state *state)
{
    bool running = state->status == ENGINE_RUNNING || state->status == ENGINE_PAUSED ||
                   state->status == ENGINE_RESTARTING;

    json_write_key(w, "State");
    json_write_object(w);
    json_write_key_string(w, "Status", engine_status_name(state->status));
    json_write_key_bool(w, "Running", running);
    json_write_key_bool(w, "Paused", state->status == ENGINE_PAUSED);
    json_write_key_bool(w, "Restarting", state->status == ENGINE_RESTARTING);
    json_write_key_bool(w, "OOMKilled", state->oom_killed);
    json_write_key_bool(w, "Dead", state->status == ENGINE_DEAD);
    json_write_key_i64(w, "Pid", state->pid);
    json_write_key_i64(w, "ExitCode", state->exit_code);
    json_write_key_string(w, "Error", state->error);
    time_member(w, "StartedAt", state->started_ns);
    time_member(w, "FinishedAt", state->finished_ns);
    json_write_end(w);
}

/* The argument vector in docker's two parts. */
static void write_command(struct json_writer *w, const struct engine_process *p)
{
    const char *const *first = p->entrypoint_count > 0 ? p->entrypoint : p->cmd;
    size_t first_count = p->entrypoint_count > 0 ? p->entrypoint_count : p->cmd_count;
    size_t second_count = p->entrypoint_count > 0 ? p->cmd_count : 0;

    json_write_key_string(w, "Path", first_count > 0 ? first[0] : "");
    json_write_key(w, "Args");
    json_write_array(w);
    for (size_t i = 1; i < first_count; i++) {
        json_write_string(w, first[i]);
    }
    for (size_t i = 0; i < second_count; i++) {
        json_write_string(w, p->cmd[i]);
    }
    json_write_end(w);
}

static void write_binding(struct json_writer *w, const char *address, unsigned port)
{
    char text[8];

    st_snprintf(text, sizeof(text), "%u", port);
    json_write_object(w);
    json_write_key_string(w, "HostIp", address);
    json_write_key_string(w, "HostPort", port == 0 ? "" : text);
    json_write_end(w);
}

static void write_wanted_ports(struct json_writer *w, const struct engine_network *network)
{
    json_write_key(w, "PortBindings");
    json_write_object(w);
    for (size_t i = 0; i < network->ports_count; i++) {
        const struct engine_port *port = &network->ports[i];
        char key[24];
        bool seen = false;

        for (size_t j = 0; j < i && !seen; j++) {
            seen = network->ports[j].port == port->port &&
                   st_streq(network->ports[j].protocol, port->protocol);
        }
        if (seen) {
            continue;
        }
        st_snprintf(key, sizeof(key), "%u/%s", port->port, port->protocol);
        json_write_key(w, key);
        json_write_array(w);
        for (size_t j = i; j < network->ports_count; j++) {
            const struct engine_port *other = &network->ports[j];
            if (other->port == port->port && st_streq(other->protocol, port->protocol)) {
                write_binding(w, other->host_address == NULL ? "" : other->host_address,
                              other->host_first);
            }
        }
        json_write_end(w);
    }
    json_write_end(w);
}

static void write_binds(struct json_writer *w, const struct engine_config *config)
{
    bool any = false;

    json_write_key(w, "Binds");
    for (size_t i = 0; i < config->mounts_count; i++) {
        if (config->mounts[i].spelled != NULL && !st_streq(config->mounts[i].type, "tmpfs")) {
            if (!any) {
                json_write_array(w);
            }
            any = true;
            json_write_string(w, config->mounts[i].spelled);
        }
    }
    if (any) {
        json_write_end(w);
    } else {
        json_write_null(w);
    }
}

static void write_devices(struct json_writer *w, const struct engine_security *s)
{
    json_write_key(w, "Devices");
    json_write_array(w);
    for (size_t i = 0; i < s->devices_count; i++) {
        const struct engine_device *d = &s->devices[i];
        json_write_object(w);
        json_write_key_string(w, "PathOnHost", d->host);
        json_write_key_string(w, "PathInContainer", d->target == NULL ? d->host : d->target);
        json_write_key_string(w, "CgroupPermissions", d->access == NULL ? "rwm" : d->access);
        json_write_end(w);
    }
    json_write_end(w);
}

static void write_tmpfs(struct json_writer *w, const struct engine_config *config)
{
    bool any = false;

    for (size_t i = 0; i < config->mounts_count; i++) {
        if (!st_streq(config->mounts[i].type, "tmpfs") || config->mounts[i].spelled == NULL) {
            continue;
        }
        if (!any) {
            json_write_key(w, "Tmpfs");
            json_write_object(w);
        }
        any = true;
        json_write_key_string(w, config->mounts[i].target,
                              config->mounts[i].options == NULL ? "" : config->mounts[i].options);
    }
    if (any) {
        json_write_end(w);
    }
}

static void write_limits(struct json_writer *w, const struct engine_resources *r)
{
    json_write_key_i64(w, "CpuShares", r->cpu_shares);
    json_write_key_i64(w, "Memory", r->memory_bytes);
    json_write_key_i64(w, "NanoCpus", r->nano_cpus);
    json_write_key_string(w, "CgroupParent", "");
    json_write_key_i64(w, "BlkioWeight", r->blkio_weight);
    json_write_key_i64(w, "CpuPeriod", r->cpu_period_us);
    json_write_key_i64(w, "CpuQuota", r->cpu_quota_us);
    json_write_key_string(w, "CpusetCpus", r->cpuset_cpus == NULL ? "" : r->cpuset_cpus);
    json_write_key_string(w, "CpusetMems", r->cpuset_mems == NULL ? "" : r->cpuset_mems);
    json_write_key_i64(w, "MemoryReservation", r->memory_reservation_bytes);
    json_write_key_i64(w, "MemorySwap", r->memory_swap_bytes);
    if (r->has_swappiness) {
        json_write_key_i64(w, "MemorySwappiness", r->swappiness);
    } else {
        null_member(w, "MemorySwappiness");
    }
    json_write_key_bool(w, "OomKillDisable", r->oom_kill_disable);
    json_write_key_i64(w, "OomScoreAdj", r->oom_score_adj);
    json_write_key_i64(w, "PidsLimit", r->pids_limit);
    json_write_key_i64(w, "ShmSize", r->shm_bytes > 0 ? r->shm_bytes : SHM_DEFAULT_BYTES);
    json_write_key(w, "Ulimits");
    json_write_array(w);
    for (size_t i = 0; i < r->ulimits_count; i++) {
        json_write_object(w);
        json_write_key_string(w, "Name", r->ulimits[i].type);
        json_write_key_i64(w, "Hard", (int64_t)r->ulimits[i].hard);
        json_write_key_i64(w, "Soft", (int64_t)r->ulimits[i].soft);
        json_write_end(w);
    }
    json_write_end(w);
}

static void write_host_config(struct json_writer *w, const struct engine_config *config)
{
    const struct engine_security *s = &config->security;
    const struct engine_network *n = &config->network;

    json_write_key(w, "HostConfig");
    json_write_object(w);
    write_binds(w, config);
    json_write_key_string(w, "ContainerIDFile", "");
    json_write_key(w, "LogConfig");
    json_write_object(w);
    json_write_key_string(w, "Type",
                          config->logging.driver == NULL ? "json-file" : config->logging.driver);
    pairs_member(w, "Config", config->logging.options, config->logging.options_count);
    json_write_end(w);
    json_write_key_string(w, "NetworkMode", n->mode);
    write_wanted_ports(w, n);
    json_write_key(w, "RestartPolicy");
    json_write_object(w);
    json_write_key_string(w, "Name",
                          config->restart.policy == NULL ? "no" : config->restart.policy);
    json_write_key_i64(w, "MaximumRetryCount", config->restart.max_retries);
    json_write_end(w);
    json_write_key_bool(w, "AutoRemove", config->auto_remove);
    list_member(w, "CapAdd", s->cap_add, s->cap_add_count);
    list_member(w, "CapDrop", s->cap_drop, s->cap_drop_count);
    json_write_key_string(w, "CgroupnsMode", s->cgroup_mode == NULL ? "" : s->cgroup_mode);
    list_member(w, "Dns", n->dns, n->dns_count);
    list_member(w, "DnsOptions", n->dns_options, n->dns_options_count);
    list_member(w, "DnsSearch", n->dns_search, n->dns_search_count);
    list_member(w, "ExtraHosts", n->extra_hosts, n->extra_hosts_count);
    list_member(w, "GroupAdd", config->process.groups, config->process.groups_count);
    json_write_key_string(w, "IpcMode", s->ipc_mode == NULL ? "private" : s->ipc_mode);
    json_write_key_string(w, "PidMode", s->pid_mode == NULL ? "" : s->pid_mode);
    json_write_key_bool(w, "Privileged", s->privileged);
    json_write_key_bool(w, "PublishAllPorts", n->publish_all);
    json_write_key_bool(w, "ReadonlyRootfs", s->readonly_root);
    list_member(w, "SecurityOpt", s->options, s->options_count);
    json_write_key_string(w, "UTSMode", s->uts_mode == NULL ? "" : s->uts_mode);
    json_write_key_string(w, "UsernsMode", "");
    write_tmpfs(w, config);
    if (s->sysctls_count > 0) {
        pairs_member(w, "Sysctls", s->sysctls, s->sysctls_count);
    }
    json_write_key_string(w, "Runtime", "strata-oci");
    json_write_key_string(w, "Isolation", "");
    write_devices(w, s);
    write_limits(w, &config->resources);
    if (config->process.init) {
        json_write_key_bool(w, "Init", true);
    }
    json_write_end(w);
}

static void write_mounts(struct json_writer *w, const struct engine_instance *instance)
{
    const struct engine_config *config = instance->config;

    json_write_key(w, "Mounts");
    json_write_array(w);
    for (size_t i = 0; i < config->mounts_count; i++) {
        const struct engine_mount *m = &config->mounts[i];
        bool volume = st_streq(m->type, "volume");
        st_auto(free) char *folder =
            volume ? engine_path(instance->engine->data, "volumes", m->source) : NULL;
        st_auto(free) char *data = folder == NULL ? NULL : engine_path(folder, "_data", NULL);

        json_write_object(w);
        json_write_key_string(w, "Type", m->type);
        if (volume) {
            json_write_key_string(w, "Name", m->source);
        }
        json_write_key_string(w, "Source",
                              volume                      ? data
                              : st_streq(m->type, "bind") ? m->source
                                                          : "");
        json_write_key_string(w, "Destination", m->target);
        if (volume) {
            json_write_key_string(w, "Driver", "local");
        }
        json_write_key_string(w, "Mode", "");
        json_write_key_bool(w, "RW", !m->readonly);
        json_write_key_string(w, "Propagation",
                              !st_streq(m->type, "bind") ? ""
                              : m->propagation == NULL   ? "rprivate"
                                                         : m->propagation);
        json_write_end(w);
    }
    json_write_end(w);
}

static void write_exposed(struct json_writer *w, const struct engine_network *n)
{
    if (n->exposed_count + n->ports_count == 0) {
        return;
    }
    json_write_key(w, "ExposedPorts");
    json_write_object(w);
    for (size_t i = 0; i < n->exposed_count; i++) {
        json_write_key(w, n->exposed[i]);
        json_write_object(w);
        json_write_end(w);
    }
    for (size_t i = 0; i < n->ports_count; i++) {
        char key[24];
        bool seen = false;

        st_snprintf(key, sizeof(key), "%u/%s", n->ports[i].port, n->ports[i].protocol);
        for (size_t j = 0; j < n->exposed_count && !seen; j++) {
            seen = st_streq(n->exposed[j], key);
        }
        for (size_t j = 0; j < i && !seen; j++) {
            seen = n->ports[j].port == n->ports[i].port &&
                   st_streq(n->ports[j].protocol, n->ports[i].protocol);
        }
        if (!seen) {
            json_write_key(w, key);
            json_write_object(w);
            json_write_end(w);
        }
    }
    json_write_end(w);
}

static void write_config(struct json_writer *w, const struct engine_config *config)
{
    const struct engine_process *p = &config->process;

    json_write_key(w, "Config");
    json_write_object(w);
    json_write_key_string(w, "Hostname",
                          config->network.hostname == NULL ? "" : config->network.hostname);
    json_write_key_string(w, "Domainname",
                          config->network.domainname == NULL ? "" : config->network.domainname);
    json_write_key_string(w, "User", p->user == NULL ? "" : p->user);
    json_write_key_bool(w, "AttachStdin", p->attach_stdin);
    json_write_key_bool(w, "AttachStdout", p->attach_stdout);
    json_write_key_bool(w, "AttachStderr", p->attach_stderr);
    write_exposed(w, &config->network);
    json_write_key_bool(w, "Tty", p->tty);
    json_write_key_bool(w, "OpenStdin", p->open_stdin);
    json_write_key_bool(w, "StdinOnce", p->stdin_once);
    json_write_key(w, "Env");
    json_write_array(w);
    for (size_t i = 0; i < p->env_count; i++) {
        json_write_string(w, p->env[i]);
    }
    json_write_end(w);
    list_member(w, "Cmd", p->cmd, p->cmd_count);
    json_write_key_string(w, "Image", config->image);
    null_member(w, "Volumes");
    json_write_key_string(w, "WorkingDir", p->cwd == NULL ? "" : p->cwd);
    list_member(w, "Entrypoint", p->entrypoint, p->entrypoint_count);
    null_member(w, "OnBuild");
    pairs_member(w, "Labels", config->labels, config->labels_count);
    if (p->stop_signal != NULL) {
        json_write_key_string(w, "StopSignal", p->stop_signal);
    }
    if (p->has_stop_timeout_s) {
        json_write_key_i64(w, "StopTimeout", p->stop_timeout_s);
    }
    json_write_end(w);
}

static void write_endpoint(struct json_writer *w, const struct net_lease *lease, bool inside)
{
    char text[INET_ADDRSTRLEN] = "";
    char mac[20] = "";

    if (lease != NULL) {
        st_snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", lease->mac[0], lease->mac[1],
                    lease->mac[2], lease->mac[3], lease->mac[4], lease->mac[5]);
        inet_ntop(AF_INET, &lease->gateway, text, sizeof(text));
    }
    if (inside) {
        null_member(w, "IPAMConfig");
        null_member(w, "Links");
        null_member(w, "Aliases");
        json_write_key_string(w, "NetworkID", lease == NULL ? "" : lease->bridge);
        json_write_key_string(w, "EndpointID", lease == NULL ? "" : lease->link);
    }
    json_write_key_string(w, "Gateway", text);
    if (lease != NULL) {
        inet_ntop(AF_INET, &lease->address, text, sizeof(text));
    }
    json_write_key_string(w, "IPAddress", text);
    json_write_key_i64(w, "IPPrefixLen", lease == NULL ? 0 : lease->prefix);
    json_write_key_string(w, "IPv6Gateway", "");
    json_write_key_string(w, "GlobalIPv6Address", "");
    json_write_key_i64(w, "GlobalIPv6PrefixLen", 0);
    json_write_key_string(w, "MacAddress", mac);
}

/* Published ports as they are, by port of the instance; exposed ones without a binding are null. */
static void write_ports(struct json_writer *w, const struct engine_network *network,
                        const struct engine_binding *bindings, size_t count)
{
    json_write_key(w, "Ports");
    json_write_object(w);
    for (size_t i = 0; i < count; i++) {
        char key[24];
        bool seen = false;

        for (size_t j = 0; j < i && !seen; j++) {
            seen = bindings[j].port == bindings[i].port &&
                   st_streq(bindings[j].protocol, bindings[i].protocol);
        }
        if (seen) {
            continue;
        }
        st_snprintf(key, sizeof(key), "%u/%s", bindings[i].port, bindings[i].protocol);
        json_write_key(w, key);
        json_write_array(w);
        for (size_t j = i; j < count; j++) {
            if (bindings[j].port == bindings[i].port &&
                st_streq(bindings[j].protocol, bindings[i].protocol)) {
                write_binding(w, bindings[j].host_address, bindings[j].host_port);
            }
        }
        json_write_end(w);
    }
    for (size_t i = 0; i < network->exposed_count; i++) {
        bool bound = false;
        for (size_t j = 0; j < count && !bound; j++) {
            char key[24];
            st_snprintf(key, sizeof(key), "%u/%s", bindings[j].port, bindings[j].protocol);
            bound = st_streq(key, network->exposed[i]);
        }
        if (!bound) {
            null_member(w, network->exposed[i]);
        }
    }
    json_write_end(w);
}

/* How a running instance is on the network now. */
struct on_network {
    struct net_lease lease;
    bool leased;
    struct engine_binding *bindings;
    size_t bindings_count;
};

static void on_network_done(struct on_network *on)
{
    free(on->bindings);
    net_lease_done(&on->lease);
}

/* Whatever it returns, on_network_done is to be called. */
static int read_network(struct engine_instance *instance, struct on_network *on, struct st_err *err)
{
    int r = engine_ports(instance, &on->bindings, err);

    on->bindings_count = r > 0 ? (size_t)r : 0;
    r = r < 0 ? r : engine_has_monitor(instance, err);
    if (r == 1 && st_streq(instance->config->network.mode, "user")) {
        inet_pton(AF_INET, ENGINE_VM_ADDRESS, &on->lease.address);
        inet_pton(AF_INET, ENGINE_VM_GATEWAY, &on->lease.gateway);
        on->lease.prefix = ENGINE_VM_PREFIX;
        engine_vm_mac(instance->config->id, on->lease.mac);
        on->leased = true;
        return 0;
    }
    if (r < 1 || !st_streq(instance->config->network.mode, "bridge")) {
        return r;
    }
    r = net_lease_get(&instance->engine->net, instance->config->id, &on->lease, err);
    on->leased = r >= 0;
    return r == -ST_ENOTFOUND ? 0 : r;
}

static void write_network(struct json_writer *w, const struct engine_instance *instance,
                          const struct on_network *on)
{
    const char *mode = instance->config->network.mode;

    json_write_key(w, "NetworkSettings");
    json_write_object(w);
    json_write_key_string(w, "Bridge", "");
    json_write_key_string(w, "SandboxID", "");
    json_write_key_string(w, "SandboxKey", "");
    write_ports(w, &instance->config->network, on->bindings, on->bindings_count);
    write_endpoint(w, on->leased ? &on->lease : NULL, false);
    json_write_key(w, "Networks");
    json_write_object(w);
    if (!st_starts_with(mode, "container:")) {
        json_write_key(w, mode);
        json_write_object(w);
        write_endpoint(w, on->leased ? &on->lease : NULL, true);
        json_write_end(w);
    }
    json_write_end(w);
    json_write_end(w);
}

static void write_paths(struct json_writer *w, const struct engine_instance *instance)
{
    static const char *const files[][2] = {
        {"ResolvConfPath", "resolv.conf"}, {"HostnamePath", "hostname"}, {"HostsPath", "hosts"}};
    st_auto(free) char *home = engine_home_path(instance);
    st_auto(free) char *log = home == NULL ? NULL : engine_path(home, "log", NULL);
    st_auto(free) char *folder =
        engine_path(instance->engine->run, "instances", instance->config->id);

    for (size_t i = 0; i < ST_COUNT(files); i++) {
        st_auto(free) char *path = folder == NULL ? NULL : engine_path(folder, files[i][1], NULL);
        json_write_key_string(w, files[i][0], path);
    }
    json_write_key_string(w, "LogPath",
                          st_streq(instance->config->logging.driver, "none") ? "" : log);
}

static void write_driver(struct json_writer *w, const struct engine_instance *instance)
{
    st_auto(free) char *home = engine_home_path(instance);
    st_auto(free) char *upper = home == NULL ? NULL : engine_path(home, "rootfs", "upper");

    json_write_key(w, "GraphDriver");
    json_write_object(w);
    json_write_key(w, "Data");
    json_write_object(w);
    json_write_key_string(w, "UpperDir", instance->in_run ? "" : upper);
    json_write_end(w);
    json_write_key_string(w, "Name", "overlay2");
    json_write_end(w);
}

/* What a machine counts, where it runs and answers. */
static void write_metrics(struct json_writer *w, struct engine_instance *instance,
                          const struct engine_state *state)
{
    const struct engine_isolation *isolation = engine_isolation_of(instance->config);
    const struct json_value *value = NULL;
    struct json_doc *doc = NULL;

    if (isolation->metrics == NULL || state->pid == 0 ||
        isolation->metrics(instance, &doc, &value, NULL) < 0) {
        return;
    }
    if (value != NULL) {
        json_write_key(w, "Metrics");
        json_write_value(w, value);
    }
    json_doc_free(doc);
}

int engine_inspect(struct engine_instance *instance, bool size, struct st_buf *to,
                   struct st_err *err)
{
    const struct engine_config *config = instance->config;
    struct json_writer w = {.to = to, .indent = 4};
    struct engine_state state;
    struct on_network on = {0};
    char name[300];
    int64_t own = 0;
    int64_t all = 0;
    int r = engine_state_read(instance, &state, err);

    r = r < 0 || !size ? r : engine_size(instance, &own, &all, err);
    r = r < 0 ? r : read_network(instance, &on, err);
    if (r < 0) {
        on_network_done(&on);
        return r;
    }
    st_snprintf(name, sizeof(name), "/%s", config->name);
    json_write_object(&w);
    json_write_key_string(&w, "Id", config->id);
    time_member(&w, "Created", config->created_ns);
    write_command(&w, &config->process);
    write_state(&w, &state);
    json_write_key_string(&w, "Image", config->image_id);
    write_paths(&w, instance);
    json_write_key_string(&w, "Name", name);
    json_write_key_i64(&w, "RestartCount", state.restarts);
    json_write_key_string(&w, "Driver", "overlay2");
    json_write_key_string(&w, "Platform", "linux");
    json_write_key_string(&w, "MountLabel", "");
    json_write_key_string(&w, "ProcessLabel", "");
    json_write_key_string(&w, "AppArmorProfile", "");
    null_member(&w, "ExecIDs");
    json_write_key_string(&w, "Isolation", config->isolation);
    write_metrics(&w, instance, &state);
    write_host_config(&w, config);
    write_driver(&w, instance);
    if (size) {
        json_write_key_i64(&w, "SizeRw", own);
        json_write_key_i64(&w, "SizeRootFs", all);
    }
    write_mounts(&w, instance);
    write_config(&w, config);
    write_network(&w, instance, &on);
    on_network_done(&on);
    json_write_end(&w);
    return st_buf_status(to);
}
