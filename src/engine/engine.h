/*
 * Instances on this host: made, started, watched, stopped and removed, whichever isolation runs
 * them.
 *
 * There is no daemon. Each call opens what it needs below <data> and <run> (docs/state.md), takes
 * the lock of the instance it changes and leaves; what lives on is one strata-monitor per running
 * instance. Every function that takes a `struct engine` may be called by one thread at a time.
 * Results: >= 0, or -ST_Exxx with *err filled in; -ST_ENOTFOUND where no instance (volume, image)
 * has the name, -ST_ECONFLICT where a name is taken, -ST_ESTATE where its state forbids it.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/heap.h"
#include "engine/engine_config.h"

struct engine;
struct engine_instance;
struct engine_stream;

#define ENGINE_ID_LENGTH 64
#define ENGINE_ID_SHORT 12

/* Exit codes that stand for a failure of ours, as docker has them. */
#define ENGINE_EXIT_FAILED 125
#define ENGINE_EXIT_NOT_EXECUTABLE 126
#define ENGINE_EXIT_NO_COMMAND 127

struct engine_options { /* NULL members: the environment's STRATA_DATA, STRATA_RUN, or the defaults
                         */
    const char *data;   /* /var/lib/strata */
    const char *run;    /* /run/strata */
    const char *programs; /* folder of strata-oci, strata-monitor, strata-init; NULL: our own */
};

/* Opens the engine, making its folders, and ends what dead processes left (engine_collect). */
int engine_open(const struct engine_options *options, struct engine **ret_engine,
                struct st_err *err);
struct engine *engine_close(struct engine *engine);

/* Frees what belongs to instances without a living monitor, and half-made or half-removed ones:
 * their processes, cgroups, addresses, rules, folders. Cheap when there is nothing. */
int engine_collect(struct engine *engine, struct st_err *err);

const char *engine_data_path(const struct engine *engine);
const char *engine_run_path(const struct engine *engine);

/* ---- states ---- */

enum engine_status {
    ENGINE_CREATED,
    ENGINE_RUNNING,
    ENGINE_PAUSED,
    ENGINE_RESTARTING,
    ENGINE_REMOVING,
    ENGINE_EXITED,
    ENGINE_DEAD,
};

const char *engine_status_name(enum engine_status status);

struct engine_state {
    enum engine_status status;
    int64_t pid; /* of process 1 on the host; 0 unless it runs */
    int64_t monitor_pid;
    uint64_t monitor_start; /* clock ticks since boot */
    int64_t started_ns;     /* since 1970; 0: never */
    int64_t finished_ns;
    int64_t restarts;
    int exit_code;
    bool oom_killed;
    bool stopped_by_user;
    char error[256];
};

/* ---- making and finding ---- */

/* Makes an instance from a filled-in config; id, name (NULL: one is made up), created_ns, image_id
 * and what the image supplies (env, entrypoint, cmd, cwd, user, labels, volumes, ports, stop
 * signal) are completed. warnings (NULL allowed) gets lines for a person. *ret_instance is the
 * caller's. */
int engine_create(struct engine *engine, const struct engine_config *config,
                  struct st_buf *warnings, struct engine_instance **ret_instance,
                  struct st_err *err);

/* By id, unambiguous beginning of an id, or name. */
int engine_find(struct engine *engine, const char *ref, struct engine_instance **ret_instance,
                struct st_err *err);
struct engine_instance *engine_instance_free(struct engine_instance *instance);
static inline void st_cleanup_engine_instance(struct engine_instance **instance)
{
    *instance = engine_instance_free(*instance);
}

const char *engine_instance_id(const struct engine_instance *instance);
const char *engine_instance_name(const struct engine_instance *instance);
const struct engine_config *engine_instance_config(const struct engine_instance *instance);
/* The state as of now, read from the files. */
int engine_instance_state(struct engine_instance *instance, struct engine_state *ret_state,
                          struct st_err *err);

struct engine_filter {
    const char *key; /* id name label status exited ancestor before since volume network publish
                        expose isolation */
    const char *value;
};

struct engine_list_options {
    bool all; /* else only what runs */
    int last; /* > 0: that many newest, of any state */
    const struct engine_filter *filters;
    size_t filters_count;
    bool size; /* fill in size_bytes */
};

struct engine_item {
    struct engine_instance *instance;
    struct engine_state state;
    int64_t size_bytes; /* of its writable layer, if asked for */
    int64_t virtual_bytes;
};

struct engine_list {
    struct engine_item *items; /* newest first */
    size_t count;
    struct st_err left_out; /* why one that cannot be read is missing; code 0: none is */
};

/* Instances that vanish meanwhile are no failure, nor are those that cannot be read: the others are
 * listed. */
int engine_list(struct engine *engine, const struct engine_list_options *options,
                struct engine_list *ret_list, struct st_err *err);
void engine_list_done(struct engine_list *list);

/* "Up 3 minutes (Paused)", "Exited (0) 2 hours ago" as docker has it. */
int engine_status_text(const struct engine_item *item, int64_t now_ns, struct st_buf *to);
/* "3 minutes" for a span of time. */
int engine_duration_text(int64_t span_ns, struct st_buf *to);
/* The command as `ps` shows it, not shortened and without quotes around. */
int engine_command_text(const struct engine_config *config, struct st_buf *to);
/* Published ports as `ps` shows them. */
int engine_ports_text(struct engine_instance *instance, const struct engine_state *state,
                      struct st_buf *to);

/* Appends the JSON object that `docker inspect` prints for it. */
int engine_inspect(struct engine_instance *instance, bool size, struct st_buf *to,
                   struct st_err *err);

/* ---- life ---- */

struct engine_start_options {
    bool attach; /* *ret_stream is wanted before the first output */
    bool owner;  /* `run` in the foreground: the caller cleans up by engine_stream_finish */
    unsigned rows, columns; /* of the terminal; 0: unknown */
};

/* Starts it. Returns when its process runs (or has run). On a failure err holds what to print and
 * *ret_exit_code (NULL allowed) 125, 126 or 127; the instance is left as docker leaves it. */
int engine_start(struct engine_instance *instance, const struct engine_start_options *options,
                 struct engine_stream **ret_stream, int *ret_exit_code, struct st_err *err);

/* Signal is a name with or without SIG, or a number; NULL: the stop signal. timeout_s < 0: wait for
 * ever; ENGINE_TIMEOUT_DEFAULT: the config's, or 10 seconds. */
#define ENGINE_TIMEOUT_DEFAULT INT32_MIN
int engine_stop(struct engine_instance *instance, const char *signal, int timeout_s,
                struct st_err *err);
int engine_restart(struct engine_instance *instance, const char *signal, int timeout_s,
                   struct st_err *err);
int engine_kill(struct engine_instance *instance, const char *signal, struct st_err *err);
int engine_pause(struct engine_instance *instance, struct st_err *err);
int engine_unpause(struct engine_instance *instance, struct st_err *err);
/* A machine's reset button. -ST_EUNSUPPORTED: a container has none. */
int engine_reset(struct engine_instance *instance, struct st_err *err);
/* Path of the socket for a debugger of a running machine; freed by the caller. -ST_EUNSUPPORTED: a
 * container has none; -ST_ESTATE: it does not run. */
int engine_debugger_path(struct engine_instance *instance, char **ret_path, struct st_err *err);
int engine_rename(struct engine_instance *instance, const char *name, struct st_err *err);
/* Removes it; force: kills it first. volumes: its anonymous ones too. */
int engine_remove(struct engine_instance *instance, bool force, bool volumes, struct st_err *err);

enum engine_wait_for { ENGINE_WAIT_NOT_RUNNING, ENGINE_WAIT_NEXT_EXIT, ENGINE_WAIT_REMOVED };
/* Waits and stores the exit code. */
int engine_wait(struct engine_instance *instance, enum engine_wait_for until, int *ret_exit_code,
                struct st_err *err);

/* The number of a signal by name or number; -ST_EINVAL. */
int engine_signal_number(const char *name);

/* ---- streams ---- */

struct engine_attach_options {
    int in_fd; /* -1: none; the caller's in every case */
    int out_fd;
    int err_fd;
    bool tty; /* in_fd is a terminal: raw mode for as long as it lasts, its size is passed on */
    bool sig_proxy;          /* pass signals that we get on to the instance */
    const char *detach_keys; /* "ctrl-p,ctrl-q" if NULL */
};

enum engine_attach_end { ENGINE_ATTACH_EXITED, ENGINE_ATTACH_DETACHED, ENGINE_ATTACH_LOST };

/* Attaches to a running instance. */
int engine_attach(struct engine_instance *instance, bool with_stdin,
                  struct engine_stream **ret_stream, struct st_err *err);
/* Carries bytes until the instance ends or the keys are typed; *ret_exit_code is set for
 * ENGINE_ATTACH_EXITED. Returns an enum engine_attach_end or a failure. */
int engine_stream_run(struct engine_stream *stream, const struct engine_attach_options *options,
                      int *ret_exit_code, struct st_err *err);
/* Ends the stream; for an owner whose instance has ended, cleans up after it (removal included). */
int engine_stream_finish(struct engine_stream *stream, struct st_err *err);

/* ---- looking inside ---- */

struct engine_exec_options {
    const char *const *args;
    size_t args_count;
    const char *const *env;
    size_t env_count;
    const char *cwd;
    const char *user;
    const char *detach_keys;
    bool tty;
    bool interactive;
    bool detach;
    bool privileged;
};

/* Runs a process in a running instance on the caller's standard streams. *ret_exit_code: its own,
 * or 126, 127 with err filled in and a negative result. */
int engine_exec(struct engine_instance *instance, const struct engine_exec_options *options,
                int *ret_exit_code, struct st_err *err);

struct engine_logs_options {
    int64_t tail;     /* -1: all */
    int64_t since_ns; /* since 1970; 0: no bound */
    int64_t until_ns;
    bool follow;
    bool timestamps;
    bool details;
    int out_fd;
    int err_fd;
};

int engine_logs(struct engine_instance *instance, const struct engine_logs_options *options,
                struct st_err *err);
/* "10m", "2024-01-02T15:04:05", "1700000000.5" as --since takes it. */
int engine_parse_time(const char *text, int64_t now_ns, int64_t *ret_ns, struct st_err *err);

struct engine_cp_options {
    bool archive;      /* -a: keep uid and gid */
    bool follow_links; /* -L: of the source */
    int tar_fd;        /* the stream for a path "-" */
};
/* docker cp's rules; "-" for the host path: a tar stream. */
int engine_cp_out(struct engine_instance *instance, const char *path, const char *host_path,
                  const struct engine_cp_options *options, struct st_err *err);
int engine_cp_in(struct engine_instance *instance, const char *host_path, const char *path,
                 const struct engine_cp_options *options, struct st_err *err);

/* ---- ports ---- */

struct engine_binding {
    char protocol[4];
    uint16_t port;
    char host_address[46];
    uint16_t host_port;
};
/* Published ports of a running instance; *ret_bindings is freed by free(). Returns their number. */
int engine_ports(struct engine_instance *instance, struct engine_binding **ret_bindings,
                 struct st_err *err);

/* ---- volumes ---- */

struct engine_volume {
    char *name;
    char *path; /* of its _data folder */
    int64_t created_ns;
    bool anonymous;
    struct json_pair *labels;
    size_t labels_count;
    struct json_pair *options;
    size_t options_count;
    void *memory; /* owns labels and options */
};

void engine_volume_done(struct engine_volume *volume);
/* name NULL: an anonymous one. An existing one of the name is success. */
int engine_volume_create(struct engine *engine, const char *name, const struct json_pair *labels,
                         size_t labels_count, const struct json_pair *options, size_t options_count,
                         struct engine_volume *ret_volume, struct st_err *err);
int engine_volume_find(struct engine *engine, const char *name, struct engine_volume *ret_volume,
                       struct st_err *err);
/* Sorted by name; freed by engine_volumes_free. dangling: only those that no instance uses (1),
 * only those in use (0), all (-1). Those that cannot be read are no failure: *left_out (NULL: not
 * asked for) gets the reason of one of them. */
int engine_volume_list(struct engine *engine, int dangling, struct engine_volume **ret_volumes,
                       size_t *ret_count, struct st_err *left_out, struct st_err *err);
void engine_volumes_free(struct engine_volume *volumes, size_t count);
/* -ST_EBUSY while an instance uses it, unless force and no such volume: then success. */
int engine_volume_remove(struct engine *engine, const char *name, bool force, struct st_err *err);
/* Removes unused anonymous volumes (all: named ones too); names of the removed ones, a line each.
 */
int engine_volume_prune(struct engine *engine, bool all, struct st_buf *removed,
                        int64_t *ret_freed_bytes, struct st_err *err);
int engine_volume_inspect(const struct engine_volume *volume, struct st_buf *to);

/* Ids of instances that use an image, for `image rm`: lines of "<id> <running|stopped>\n". */
int engine_image_users(struct engine *engine, const char *image_id, struct st_buf *lines,
                       struct st_err *err);

/* The hidden verb that strata-monitor execs: cleans up after an ended instance. */
int engine_cleanup(struct engine *engine, const char *id, struct st_err *err);
