/*
 * Starting an instance. The monitor mounts the root while this command makes the network:
 *
 *     lock home, clean leftovers, run folder, lock "alive"
 *     spawn strata-monitor  ------------------->  mount the root
 *     network namespace, address, ports           |
 *     hosts, resolv.conf                          |
 *     <-------------------------------------- MOUNTED
 *     user, volumes, config.json
 *     GO ------------------------------------->  strata-oci
 *     <-------------------------------------- STARTED or FAILED
 */
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "base/print.h"
#include "base/str.h"
#include "engine/engine_isolation.h"
#include "engine/monitor/mon_config.h"
#include "engine/monitor/mon_protocol.h"
#include "net/net_hosts.h"
#include "os/os_dir.h"
#include "os/os_process.h"
#include "os/os_socket.h"

#define LOG_MAX_OF_REMOVED (16 << 20)

enum { STOP_TIMEOUT_S = 10 };

struct starting {
    struct engine_launch launch;
    const struct engine_start_options *options;
    char *folder;
    int folder_fd;
    int alive;   /* the locked file */
    int control; /* our end of the socket to the monitor */
    pid_t monitor;
    bool attached; /* to the network */
    struct net_lease lease;
    struct engine_instance *net_source;
};

/* ---- the monitor's orders ---- */

static void text_entry(struct st_buf *to, const char *key, const char *value)
{
    st_buf_printf(to, "%s=%s", key, value);
    st_buf_char(to, 0);
}

static void number_entry(struct st_buf *to, const char *key, int64_t value)
{
    st_buf_printf(to, "%s=%lld", key, (long long)value);
    st_buf_char(to, 0);
}

static const char *log_option(const struct engine_logging *logging, const char *key)
{
    for (size_t i = 0; i < logging->options_count; i++) {
        if (st_streq(logging->options[i].key, key)) {
            return logging->options[i].value;
        }
    }
    return NULL;
}

/* "10m", "1g", "500k", "7": bytes. */
static int parse_bytes(const char *text, int64_t *ret_bytes)
{
    char digits[24];
    size_t n = strspn(text, "0123456789");
    uint64_t value;

    if (n == 0 || n >= sizeof(digits)) {
        return -ST_EINVAL;
    }
    memcpy(digits, text, n);
    digits[n] = 0;
    unsigned shift = text[n] == 'k' || text[n] == 'K'   ? 10
                     : text[n] == 'm' || text[n] == 'M' ? 20
                     : text[n] == 'g' || text[n] == 'G' ? 30
                                                        : 0;
    int r = st_parse_u64(digits, 10, UINT64_C(1) << 32, &value);
    *ret_bytes = r < 0 ? 0 : (int64_t)(value << shift);
    return r;
}

static int log_entries(const struct engine_instance *instance, struct st_buf *to,
                       struct st_err *err)
{
    const struct engine_logging *logging = &instance->config->logging;
    const char *size = log_option(logging, "max-size");
    const char *files = log_option(logging, "max-file");
    int64_t bytes = 0;
    uint64_t count = 1;

    if (st_streq(logging->driver, "none")) {
        return 0;
    }
    if (size != NULL && (parse_bytes(size, &bytes) < 0 || bytes == 0)) {
        return st_fail(err, ST_EINVAL, "invalid value for max-size: %s", size);
    }
    if (files != NULL && (st_parse_u64(files, 10, 1000, &count) < 0 || count == 0)) {
        return st_fail(err, ST_EINVAL, "invalid value for max-file: %s", files);
    }
    if (instance->in_run && size == NULL) { /* It is in memory: bounded. */
        bytes = LOG_MAX_OF_REMOVED;
        count = 2;
    }
    st_auto(free) char *home = engine_home_path(instance);
    st_auto(free) char *log = home == NULL ? NULL : engine_path(home, "log", NULL);
    if (log == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    text_entry(to, "log", log);
    number_entry(to, "log_max_bytes", bytes);
    number_entry(to, "log_max_files", (int64_t)count);
    return 0;
}

static int64_t restart_kind(const struct engine_restart *restart)
{
    return st_streq(restart->policy, "on-failure")                      ? MON_RESTART_ON_FAILURE
           : restart->policy == NULL || st_streq(restart->policy, "no") ? MON_RESTART_NO
                                                                        : MON_RESTART_ALWAYS;
}

static int write_orders(const struct starting *s, struct st_err *err)
{
    struct engine_instance *instance = s->launch.instance;
    const struct engine_config *config = instance->config;
    const struct engine_process *p = &config->process;
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(MON_CONFIG_MAX);
    st_auto(free) char *oci = engine_program(instance->engine, "strata-oci");
    st_auto(free) char *strata = engine_program(instance->engine, "strata");
    st_auto(free) char *oci_root = engine_path(instance->engine->run, "oci", NULL);
    st_auto(free) char *home = engine_home_path(instance);

    if (oci == NULL || strata == NULL || oci_root == NULL || home == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    text_entry(&text, "id", config->id);
    text_entry(&text, "oci", oci);
    text_entry(&text, "oci_root", oci_root);
    text_entry(&text, "strata", strata);
    text_entry(&text, "home", home);
    number_entry(&text, "restart", restart_kind(&config->restart));
    number_entry(&text, "restart_max", config->restart.max_retries);
    number_entry(&text, "stop_signal",
                 engine_signal_number(p->stop_signal == NULL ? "TERM" : p->stop_signal));
    number_entry(&text, "stop_timeout_s",
                 p->has_stop_timeout_s && p->stop_timeout_s >= 0 ? p->stop_timeout_s
                                                                 : STOP_TIMEOUT_S);
    number_entry(&text, "tty", p->tty);
    number_entry(&text, "open_stdin", p->open_stdin);
    number_entry(&text, "stdin_once", p->stdin_once);
    number_entry(&text, "watch_oom",
                 config->resources.memory_bytes > 0 && engine_isolation_of(config)->files);
    int r = log_entries(instance, &text, err);
    if (engine_isolation_of(config)->files) {
        r = r < 0 ? r : engine_rootfs_entries(instance, &text, err);
    } else {
        text_entry(&text, "arguments", ENGINE_ARGUMENTS);
        number_entry(&text, "workload", config->image_id != NULL);
    }
    if (r < 0) {
        return r;
    }
    st_auto(fd) int fd = os_openat(s->folder_fd, "monitor", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    r = st_buf_status(&text);
    r = r < 0 ? r : fd;
    r = r < 0 ? r : os_write_all(fd, text.data, text.length);
    return r < 0 ? st_fail_os(err, r, "writing the monitor's orders") : 0;
}

/* ---- run folder and monitor ---- */

static int make_folder(struct starting *s, struct st_err *err)
{
    const struct engine_instance *instance = s->launch.instance;
    const struct engine *engine = instance->engine;
    const char *id = instance->config->id;
    int r = instance->in_run ? 0 : os_mkdirat(engine->folders_fd, id, 0710);

    s->folder = engine_path(engine->run, "instances", id);
    if (s->folder == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    r = r == -ST_EEXIST ? 0 : r;
    r = r < 0 ? r : (s->folder_fd = os_openat(engine->folders_fd, id, O_RDONLY | O_DIRECTORY, 0));
    r = r < 0 ? r : (s->alive = os_openat(s->folder_fd, "alive", O_RDWR | O_CREAT, 0600));
    r = r < 0 ? r : os_flock(s->alive, LOCK_EX);
    r = r < 0 ? r : os_mkdirat(s->folder_fd, "rootfs", 0755);
    r = r < 0 && r != -ST_EEXIST ? r : os_mkdirat(s->folder_fd, "rw", 0755);
    if (r >= 0 && st_streq(instance->config->security.ipc_mode, "shareable")) {
        r = os_mkdirat(s->folder_fd, "shm", 0755);
        r = r < 0 ? r : os_fchmodat(s->folder_fd, "shm", 01777);
    }
    r = r == -ST_EEXIST ? 0 : r;
    s->launch.folder = s->folder;
    s->launch.folder_fd = s->folder_fd;
    return r < 0 ? st_fail_os(err, r, "making the run folder %s", s->folder) : 0;
}

static int spawn_monitor(struct starting *s, struct st_err *err)
{
    int sockets[2];
    char starter[16];
    char lock[16];
    st_auto(free) char *program = engine_program(s->launch.instance->engine, "strata-monitor");

    if (program == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    int r = os_socketpair(SOCK_SEQPACKET, sockets);
    if (r < 0) {
        return st_fail_os(err, r, "making a socket for the monitor");
    }
    s->control = sockets[0];
    st_snprintf(starter, sizeof(starter), "%d", sockets[1]);
    st_snprintf(lock, sizeof(lock), "%d", s->alive);
    const char *const argv[] = {program, s->folder, starter, lock, NULL};
    const int keep[] = {sockets[1], s->alive};
    struct os_spawn spawn = {.path = program,
                             .argv = argv,
                             .stdin_fd = -1,
                             .stdout_fd = -1,
                             .stderr_fd = -1,
                             .keep_fds = keep,
                             .keep_count = 2,
                             .new_session = true};
    s->monitor = os_spawn(&spawn, NULL);
    os_close(&sockets[1]);
    if (s->monitor < 0) {
        return st_fail_os(err, (int)s->monitor, "starting %s", program);
    }
    os_close(&s->alive); /* The monitor has it now: the lock goes with the monitor. */
    return 0;
}

/* ---- network ---- */

static int attach_bridge(struct starting *s, struct st_err *err)
{
    const struct engine_instance *instance = s->launch.instance;
    st_auto(net_ports) struct net_ports ports = {0};
    int r = engine_ports_wanted(&instance->config->network, &ports, err);

    r = r < 0 ? r
              : net_attach(&instance->engine->net, s->launch.netns, instance->config->id, &ports,
                           &s->lease, s->launch.warnings, err);
    if (r == -ST_EEXIST) { /* Left by a start that was killed. */
        r = net_detach(&instance->engine->net, instance->config->id, NET_DETACH_LINK, err);
        r = r < 0 ? r
                  : net_attach(&instance->engine->net, s->launch.netns, instance->config->id,
                               &ports, &s->lease, s->launch.warnings, err);
    }
    if (r >= 0) {
        s->attached = true;
        s->launch.lease = &s->lease;
    }
    return r;
}

static int join_network(struct starting *s, const char *id, struct st_err *err)
{
    struct engine_state state;
    char path[64];
    int r = engine_home_open(s->launch.instance->engine, id, &s->net_source, err);

    r = r < 0 ? r : engine_state_read(s->net_source, &state, err);
    if (r >= 0 && state.pid == 0) {
        r = st_fail(err, ST_ESTATE, "cannot join network of a non running container: %s", id);
    }
    if (r < 0) {
        return r;
    }
    st_snprintf(path, sizeof(path), "/proc/%lld/ns/net", (long long)state.pid);
    s->launch.netns = os_open(path, O_RDONLY, 0);
    s->launch.net_source = s->net_source;
    return s->launch.netns < 0 ? st_fail_os(err, s->launch.netns, "joining the network of %s", id)
                               : 0;
}

static int set_network(struct starting *s, struct st_err *err)
{
    const char *mode = s->launch.instance->config->network.mode;
    const char *id = st_after_prefix(mode, "container:");

    if (st_streq(mode, "host")) {
        return 0;
    }
    if (id != NULL) {
        return join_network(s, id, err);
    }
    s->launch.netns = net_namespace_new(err);
    if (s->launch.netns < 0) {
        return s->launch.netns;
    }
    s->launch.own_network = true;
    return st_streq(mode, "none") ? net_loopback_up(s->launch.netns, err) : attach_bridge(s, err);
}

static int write_name_file(struct starting *s, const char *name, const struct st_buf *text,
                           struct st_err *err)
{
    st_auto(fd) int fd = os_openat(s->folder_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    int r = fd < 0 ? fd : os_fchmod(fd, 0644);

    r = r < 0 ? r : os_write_all(fd, st_buf_string(text), text->length);
    return r < 0 ? st_fail_os(err, r, "writing %s", name) : 0;
}

static int write_names(struct starting *s, struct st_err *err)
{
    const struct engine_network *n = &s->launch.instance->config->network;
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(1 << 20);
    const struct net_names names = {
        .hostname = n->hostname,
        .domain = n->domainname,
        .address = s->launch.lease != NULL ? s->lease.address : (struct in_addr){0},
        .gateway = s->launch.lease != NULL ? s->lease.gateway : (struct in_addr){0},
        .add_hosts = n->extra_hosts,
        .add_hosts_count = n->extra_hosts_count,
    };
    const struct net_dns dns = {
        .servers = n->dns,
        .server_count = n->dns_count,
        .search = n->dns_search,
        .search_count = n->dns_search_count,
        .options = n->dns_options,
        .option_count = n->dns_options_count,
    };

    if (s->net_source != NULL) {
        return 0;
    }
    int r = net_hosts_text(&names, &text, err);
    r = r < 0 ? r : write_name_file(s, "hosts", &text, err);
    st_buf_reset(&text);
    r = r < 0 ? r : net_resolv_text(st_streq(n->mode, "host"), &dns, &text, err);
    r = r < 0 ? r : write_name_file(s, "resolv.conf", &text, err);
    st_buf_reset(&text);
    st_buf_printf(&text, "%s\n", n->hostname == NULL ? "" : n->hostname);
    return r < 0 ? r : write_name_file(s, "hostname", &text, err);
}

/* ---- the conversation ---- */

static int await_root(struct starting *s, struct st_err *err)
{
    struct {
        struct mon_record head;
        char bytes[MON_PAYLOAD_MAX];
    } record;
    size_t count = 0;
    ssize_t n = os_recv_fds(s->control, &record, sizeof(record) - 1, &s->launch.root, 1, &count, 0);

    if (n >= (ssize_t)sizeof(record.head) && record.head.type == MON_MOUNTED && count == 1) {
        return 0;
    }
    if (n >= (ssize_t)sizeof(record.head) && record.head.type == MON_FAILED) {
        ((char *)&record)[n] = 0;
        return st_fail_os(err, -record.head.a, "%s", record.bytes);
    }
    return n < 0 ? st_fail_os(err, (int)n, "the monitor of the instance")
                 : st_fail(err, ST_EIO, "the monitor of the instance ended unexpectedly");
}

static int fill_volumes(const struct starting *s, struct st_err *err)
{
    const struct engine_instance *instance = s->launch.instance;
    const struct engine_config *config = instance->config;

    for (size_t i = 0; i < config->mounts_count; i++) {
        const struct engine_mount *mount = &config->mounts[i];

        if (!st_streq(mount->type, "volume") || mount->no_copy) {
            continue;
        }
        st_auto(free) char *volume = engine_path(instance->engine->data, "volumes", mount->source);
        st_auto(free) char *folder = volume == NULL ? NULL : engine_path(volume, "_data", NULL);
        if (folder == NULL) {
            return st_fail(err, ST_ENOMEM, "out of memory");
        }
        int r = engine_rootfs_fill(s->launch.root, mount->target, folder, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int go(struct starting *s, int *ret_exit_code, struct st_err *err)
{
    const struct engine_isolation *isolation = engine_isolation_of(s->launch.instance->config);
    const struct engine_start_options *o = s->options;
    unsigned wants = (o->attach ? MON_WANT_OUTPUT | MON_WANT_INPUT | MON_WANT_NEXT_EXIT : 0) |
                     (o->owner ? MON_WANT_OWNER : 0);
    struct mon_record head = {.version = MON_PROTOCOL_VERSION,
                              .type = MON_GO,
                              .flags = (uint16_t)wants,
                              .a = (int32_t)o->rows,
                              .b = (int32_t)o->columns};
    char bytes[MON_PAYLOAD_MAX];
    size_t fds = s->launch.netns >= 0 ? 1 : 0;
    ssize_t sent = os_send_fds(s->control, &head, sizeof(head), &s->launch.netns, fds);
    int r = sent < 0 ? (int)sent : engine_control_receive(s->control, &head, bytes);

    if (r < 0) {
        return st_fail_os(err, r, "the monitor of the instance");
    }
    if (head.type == MON_STARTED) {
        return 0;
    }
    if (head.type == MON_FAILED && head.flags == MON_FAILED_HERE) {
        return st_fail_os(err, -head.a, "%.*s", (int)head.length, bytes);
    }
    bytes[ST_MIN(head.length, (uint32_t)MON_PAYLOAD_MAX - 1)] = 0;
    *ret_exit_code =
        isolation->failure(&s->launch, head.a, head.flags == MON_FAILED_TEXT ? bytes : NULL, err);
    return -ST_EIO;
}

/* Network, names, root, volumes of what runs in them. */
static int set_files(struct starting *s, struct st_err *err)
{
    const struct engine_config *config = s->launch.instance->config;
    int r = set_network(s, err);

    r = r < 0 ? r : write_names(s, err);
    r = r < 0 ? r : await_root(s, err);
    if (r >= 0) {
        r = engine_identity_find(s->launch.root, config->process.user, config->process.groups,
                                 config->process.groups_count, &s->launch.identity, err);
    }
    return r < 0 ? r : fill_volumes(s, err);
}

static int launch(struct starting *s, int *ret_exit_code, struct st_err *err)
{
    const struct engine_config *config = s->launch.instance->config;
    int r = make_folder(s, err);

    r = r < 0 ? r : write_orders(s, err);
    r = r < 0 ? r : spawn_monitor(s, err);
    if (engine_isolation_of(config)->files) {
        r = r < 0 ? r : set_files(s, err);
    }
    r = r < 0 ? r : engine_isolation_of(config)->prepare(&s->launch, err);
    return r < 0 ? r : go(s, ret_exit_code, err);
}

static void finish(struct starting *s)
{
    engine_identity_done(&s->launch.identity);
    os_close(&s->launch.root);
    os_close(&s->launch.netns);
    os_close(&s->folder_fd);
    os_close(&s->alive);
    os_close(&s->control);
    net_lease_done(&s->lease);
    engine_instance_free(s->net_source);
    free(s->folder);
}

/* Takes everything back. A monitor whose word did not reach us may have an instance by now, which
 * ends with it; nobody else can know of it. */
static void undo(struct starting *s, int exit_code, const struct st_err *err)
{
    struct engine_instance *instance = s->launch.instance;
    struct engine_state state = {.exit_code = exit_code, .status = ENGINE_CREATED};
    siginfo_t info;

    os_close(&s->control);
    os_close(&s->alive);
    if (s->monitor > 0) {
        (void)os_kill(s->monitor, SIGKILL);
        (void)os_waitid(P_PID, (unsigned)s->monitor, &info, WEXITED);
    }
    if (err != NULL && !instance->in_run) {
        st_snprintf(state.error, sizeof(state.error), "%s", err->msg);
        (void)engine_exit_write(instance, &state);
    }
    if (instance->config->auto_remove) {
        (void)engine_clean(instance, NULL);
    } else {
        (void)engine_clean_run(instance, NULL);
    }
}

static int make_stream(struct starting *s, struct engine_stream **ret_stream, struct st_err *err)
{
    struct engine_stream *stream = calloc(1, sizeof(*stream));

    if (stream == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    stream->instance = s->launch.instance;
    stream->fd = os_take_fd(s->control);
    stream->owner = s->options->owner;
    *ret_stream = stream;
    return 0;
}

int engine_start(struct engine_instance *instance, const struct engine_start_options *options,
                 struct engine_stream **ret_stream, int *ret_exit_code, struct st_err *err)
{
    struct starting s = {
        .launch = {.instance = instance,
                   .folder_fd = -1,
                   .root = -1,
                   .netns = -1,
                   .rows = options->rows,
                   .columns = options->columns},
        .options = options,
        .folder_fd = -1,
        .alive = -1,
        .control = -1,
    };
    int ignored;
    int *code = ret_exit_code == NULL ? &ignored : ret_exit_code;
    struct st_err own = {0};
    struct st_err *e = err == NULL ? &own : err;

    *code = ENGINE_EXIT_FAILED;
    int r = engine_home_lock(instance, true, e);
    if (r < 0) {
        return r;
    }
    int alive = engine_alive(instance->engine, instance->config->id);
    if (alive < 0 && alive != -ST_ENOENT) {
        engine_home_unlock(instance);
        return st_fail_os(e, alive, "the state of %s", instance->config->name);
    }
    if (alive == 1) {
        engine_home_unlock(instance);
        return options->attach ? st_fail(e, ST_ESTATE, "Container %s is already running",
                                         instance->config->name)
                               : 0;
    }
    r = alive == -ST_ENOENT ? 0 : engine_clean_run(instance, e);
    if (r >= 0) {
        r = launch(&s, code, e);
        if (r < 0) {
            undo(&s, *code, e);
        } else if (ret_stream != NULL) {
            r = make_stream(&s, ret_stream, e);
        }
    }
    finish(&s);
    engine_home_unlock(instance);
    return r;
}
