/*
 * Containers as the OCI runtime specification 1.2.1 has them: what `strata-oci`'s verbs do.
 *
 * Nothing here prints: texts are appended to buffers, failures go to err, warnings to the runtime's
 * warn. One thread; processes are made by clone, so the caller must have no other threads.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

struct ctr_runtime {
    const char *root; /* folder of the containers, absolute */
    bool rootless;    /* what needs privilege may be missing */
    void (*warn)(void *arg, const char *text);
    void *warn_arg;
};

/* Is the caller another user than root, or root in a user namespace alone (as podman makes one for
 * a user)? */
bool ctr_is_rootless(void);

/* The folder of the containers where none is given: /run/strata-oci, where ctr_is_rootless
 * $XDG_RUNTIME_DIR/strata-oci. -ST_ENOENT when that is not set either. */
int ctr_default_root(char *ret_path, size_t size, struct st_err *err);

/* Runs this program again from a read-only view of its own file, unless it is one already: a
 * container that gets hold of /proc/PID/exe of ours cannot write to it (CVE-2019-5736). Returns
 * only 0, or a failure. To be called before anything is opened. */
int ctr_protect_self(char **argv, struct st_err *err);

struct ctr_create_options {
    const char *id;
    const char *bundle;         /* NULL: the working folder */
    const char *console_socket; /* NULL: none */
    const char *pid_file;       /* NULL: none */
    unsigned preserve_fds;
    bool no_pivot;
    bool no_new_keyring;
    bool detach;       /* run only */
    bool keep;         /* run only: do not delete it when it ends */
    bool no_subreaper; /* run only */
};

/* The *ret_exit of this and of the following: on failure 127 when the program is not there, 126
 * when it can't be executed, else 0. */
int ctr_create(const struct ctr_runtime *runtime, const struct ctr_create_options *options,
               int *ret_exit, struct st_err *err);

/* Creates and starts; in the foreground also waits, and deletes. Returns 0 with the exit status,
 * which is 0 when detached. */
int ctr_run(const struct ctr_runtime *runtime, const struct ctr_create_options *options,
            int *ret_exit, struct st_err *err);

int ctr_start(const struct ctr_runtime *runtime, const char *id, int *ret_exit, struct st_err *err);

/* signal: a number or a name with or without SIG. */
int ctr_kill(const struct ctr_runtime *runtime, const char *id, const char *signal, bool all,
             struct st_err *err);

int ctr_delete(const struct ctr_runtime *runtime, const char *id, bool force, struct st_err *err);

int ctr_pause(const struct ctr_runtime *runtime, const char *id, struct st_err *err);
int ctr_resume(const struct ctr_runtime *runtime, const char *id, struct st_err *err);

/* Append what `state`, `list` and `ps` print. */
int ctr_state(const struct ctr_runtime *runtime, const char *id, struct st_buf *to,
              struct st_err *err);

enum ctr_format { CTR_TABLE, CTR_JSON, CTR_QUIET };
int ctr_list(const struct ctr_runtime *runtime, enum ctr_format format, struct st_buf *to,
             struct st_err *err);

/* args: of ps(1), NULL-terminated, may be empty; only for CTR_TABLE. */
int ctr_ps(const struct ctr_runtime *runtime, const char *id, enum ctr_format format, char **args,
           struct st_buf *to, struct st_err *err);

/* Options of `update` by name; NULL: not given. */
struct ctr_update_options {
    const char *resources; /* a file, "-": standard input; excludes all others */
    const char *blkio_weight;
    const char *cpu_period;
    const char *cpu_quota;
    const char *cpu_burst;
    const char *cpu_share;
    const char *cpu_rt_period;
    const char *cpu_rt_runtime;
    const char *cpuset_cpus;
    const char *cpuset_mems;
    const char *cpu_idle;
    const char *memory;
    const char *memory_reservation;
    const char *memory_swap;
    const char *pids_limit;
};
int ctr_update(const struct ctr_runtime *runtime, const char *id,
               const struct ctr_update_options *options, struct st_err *err);

/* Appends one event with the container's statistics. */
int ctr_stats(const struct ctr_runtime *runtime, const char *id, struct st_buf *to,
              struct st_err *err);

/* Calls emit with each line: statistics every interval_ns and out-of-memory events, until the
 * container stops or emit fails. */
int ctr_events(const struct ctr_runtime *runtime, const char *id, uint64_t interval_ns,
               int (*emit)(void *arg, const struct st_buf *line), void *emit_arg,
               struct st_err *err);

struct ctr_exec_options {
    const char *id;
    const char *process_file; /* NULL: the options below */
    const char *const *args;  /* NULL-terminated */
    size_t args_count;
    const char *cwd;        /* NULL: the container's */
    const char *user;       /* "UID[:GID]"; NULL: the container's */
    const char *const *env; /* added to the container's */
    size_t env_count;
    const char *const *gids; /* additional */
    size_t gids_count;
    const char *const *caps; /* added to the container's */
    size_t caps_count;
    const char *apparmor; /* NULL: the container's */
    const char *label;
    const char *cgroup; /* below the container's; NULL: the container's */
    const char *console_socket;
    const char *pid_file;
    unsigned preserve_fds;
    bool tty;
    bool detach;
    bool no_new_privs;
    bool ignore_paused;
};
int ctr_exec(const struct ctr_runtime *runtime, const struct ctr_exec_options *options,
             int *ret_exit, struct st_err *err);

/* Append what `spec` writes to config.json, and what `features` prints. */
int ctr_spec(bool rootless, struct st_buf *to, struct st_err *err);
int ctr_features(struct st_buf *to, struct st_err *err);
