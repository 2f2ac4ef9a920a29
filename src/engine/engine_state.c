/*
 * What state an instance is in, read from the files that its monitor writes: "state" in the run
 * folder while it lives, "exit" in the home after each end. Whether it lives is said by the lock on
 * "alive" alone.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/print.h"
#include "base/str.h"
#include "engine/engine_priv.h"

enum { STATE_MAX = 65536 };

struct record { /* both files */
    int64_t version;
    const char *status;
    int64_t monitor;
    uint64_t monitor_start;
    int64_t pid;
    uint64_t pid_start;
    int64_t started_ns;
    int64_t finished_ns;
    int64_t restarts;
    int32_t exit_code;
    bool oom_killed;
    bool stopped_by_user;
    const char *error;
};

static const struct json_field record_fields[] = {
    JSON_I64(struct record, "version", version, JSON_KEEP),
    JSON_STR(struct record, "status", status),
    JSON_I64(struct record, "monitor", monitor, 0),
    JSON_U64(struct record, "monitorStart", monitor_start, 0),
    JSON_I64(struct record, "pid", pid, 0),
    JSON_U64(struct record, "pidStart", pid_start, 0),
    JSON_I32(struct record, "exitCode", exit_code, JSON_KEEP),
    JSON_BOOLEAN(struct record, "oomKilled", oom_killed, 0),
    JSON_BOOLEAN(struct record, "stoppedByUser", stopped_by_user, 0),
    JSON_I64(struct record, "startedNs", started_ns, 0),
    JSON_I64(struct record, "finishedNs", finished_ns, 0),
    JSON_I64(struct record, "restarts", restarts, 0),
    JSON_STR(struct record, "error", error),
};
static const struct json_table record_table = JSON_TABLE(struct record, record_fields);

const char *engine_status_name(enum engine_status status)
{
    static const char *const names[] = {"created",  "running", "paused", "restarting",
                                        "removing", "exited",  "dead"};

    return names[status];
}

int engine_alive(const struct engine *engine, const char *id)
{
    char path[ENGINE_ID_LENGTH + sizeof("/alive")];

    st_snprintf(path, sizeof(path), "%s/alive", id);
    st_auto(fd) int fd = os_openat(engine->folders_fd, path, O_RDONLY, 0);
    if (fd < 0) {
        return fd;
    }
    int r = os_flock(fd, LOCK_SH | LOCK_NB);
    return r == -ST_EAGAIN ? 1 : r;
}

int engine_has_monitor(const struct engine_instance *instance, struct st_err *err)
{
    int r = engine_alive(instance->engine, instance->config->id);

    return r >= 0            ? r
           : r == -ST_ENOENT ? 0
                             : st_fail_os(err, r, "the state of %s", instance->config->name);
}

int engine_state_parse(const char *text, size_t length, struct engine_state *state,
                       uint64_t *ret_pid_start, struct st_err *err)
{
    static const struct json_limits limits = {STATE_MAX, 8};
    struct json_doc *doc = NULL;
    void *memory = NULL;

    int r = json_bind_parse(&record_table, text, length, &limits, &memory, &doc, err);
    if (r < 0) {
        return r == -ST_ENOMEM ? r : -ST_ECORRUPT;
    }
    const struct record *record = memory;
    if (record->version != 1 || record->pid < 0 || record->pid > INT32_MAX || record->monitor < 0 ||
        record->monitor > INT32_MAX) {
        r = record->version != 1 ? st_fail(err, ST_EVERSION, "a state of another version")
                                 : st_fail(err, ST_ECORRUPT, "a state with a bad pid");
    } else {
        state->status = st_streq(record->status, "running")      ? ENGINE_RUNNING
                        : st_streq(record->status, "restarting") ? ENGINE_RESTARTING
                                                                 : ENGINE_EXITED;
        state->pid = record->pid;
        state->monitor_pid = record->monitor;
        state->monitor_start = record->monitor_start;
        *ret_pid_start = record->pid_start;
        state->started_ns = record->started_ns;
        state->finished_ns = record->finished_ns;
        state->restarts = record->restarts;
        state->exit_code = record->exit_code;
        state->oom_killed = record->oom_killed;
        state->stopped_by_user = record->stopped_by_user;
        st_snprintf(state->error, sizeof(state->error), "%s",
                    record->error == NULL ? "" : record->error);
    }
    json_doc_free(doc);
    return r;
}

static int read_record(int dir, const char *name, struct engine_state *state,
                       uint64_t *ret_pid_start, struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(STATE_MAX);
    int r = os_read_file(dir, name, &text);

    if (r < 0) {
        return r == -ST_ENOENT ? r : st_fail_os(err, r, "reading the state of an instance");
    }
    return engine_state_parse(st_buf_string(&text), text.length, state, ret_pid_start, err);
}

int engine_state_read(struct engine_instance *instance, struct engine_state *ret_state,
                      struct st_err *err)
{
    const struct engine *engine = instance->engine;
    struct engine_state state = {.status = ENGINE_CREATED};
    char path[ENGINE_ID_LENGTH + 16];
    uint64_t pid_start = 0;

    int alive = engine_has_monitor(instance, err);
    if (alive < 0) {
        return alive;
    }
    if (alive == 1) {
        st_snprintf(path, sizeof(path), "%s/state", instance->config->id);
        int r = read_record(engine->folders_fd, path, &state, &pid_start, err);
        if (r < 0 && r != -ST_ENOENT) {
            return r;
        }
        if (r == 0) {
            st_snprintf(path, sizeof(path), "%s/paused", instance->config->id);
            if (state.status == ENGINE_RUNNING &&
                os_access(engine->folders_fd, path, F_OK, 0) == 0) {
                state.status = ENGINE_PAUSED;
            }
            *ret_state = state;
            return 0;
        }
    }
    int r = read_record(instance->home_fd, "exit", &state, &pid_start, err);
    if (r < 0 && r != -ST_ENOENT) {
        return r;
    }
    *ret_state = state;
    return 0;
}

int engine_instance_state(struct engine_instance *instance, struct engine_state *ret_state,
                          struct st_err *err)
{
    return engine_state_read(instance, ret_state, err);
}

int engine_exit_write(const struct engine_instance *instance, const struct engine_state *state)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(STATE_MAX);
    struct json_writer w = {.to = &text};
    struct record record = {.version = 1,
                            .exit_code = state->exit_code,
                            .started_ns = state->started_ns,
                            .finished_ns = state->finished_ns,
                            .restarts = state->restarts,
                            .oom_killed = state->oom_killed,
                            .stopped_by_user = state->stopped_by_user,
                            .error = state->error};

    json_bind_write(&record_table, &record, &w);
    int r = st_buf_char(&text, '\n');
    return r < 0 ? r
                 : os_replace_file(instance->home_fd, "exit", text.data, text.length, 0600, false);
}
