/*
 * Turning the calling process into what config.json's `process` describes: limits, labels,
 * identity, working folder, seccomp, capabilities and the program itself. Used by a container's
 * first process and by `exec`, in the child, which is alone in its memory.
 *
 * Order: ctr_process_prepare (host still trusted, all privileges) -> the container's root is
 * entered -> ctr_process_identity -> ctr_process_find -> [wait to be started] ->
 * ctr_process_restrict -> [startContainer hooks] -> ctr_process_execute.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "sandbox/sbx_caps.h"

struct spec_process;
struct spec_personality;
struct ctr_filter;

struct ctr_process {
    const struct spec_process *spec;
    const char **env; /* of the program, ends with NULL; room for one more entry is kept free */
    size_t env_count;
    struct sbx_caps caps;
    const struct ctr_filter *filter; /* NULL: no seccomp */
    const struct spec_personality *personality;
    const char *keyring;  /* name of the session keyring to join; NULL: keep the caller's */
    int proc;             /* see ctr_proc.h */
    unsigned keep_fds;    /* descriptors from 3 on that the program gets */
    bool user_namespace;  /* its own */
    bool affinity_final;  /* execCPUAffinity counts (exec only) */
    int listener_channel; /* where to say which descriptor the listener will have; -1: nowhere */
    void (*warn)(void *arg, const char *text);
    void *warn_arg;

    /* Of this module. */
    bool no_program; /* what failed was finding or executing the program */
    bool chdir_late; /* the folder may be entered only as the user */
};

/* Turns names into masks; unknown ones are warned of and left out. */
int ctr_process_caps(struct ctr_process *process, struct st_err *err);

/* Were descriptors 3 to 3 + count - 1, which the program is to keep, handed over by the caller? */
int ctr_process_check_fds(unsigned count, struct st_err *err);

/* Resource limits of a process that is a child of the caller (or 0: the caller itself), clamped
 * with one warning where they may not be raised. */
int ctr_process_limits(const struct ctr_process *process, pid_t pid, struct st_err *err);

/* The oom_score_adj of a child of the caller; a warning where it may not be lowered that far. */
int ctr_process_oom_score(const struct ctr_process *process, pid_t pid, struct st_err *err);

/* Session, keyring, scheduling, personality, no_new_privs. */
int ctr_process_prepare(struct ctr_process *process, struct st_err *err);

/* Working folder, owners of the standard descriptors, bounding set, groups, user, umask. The
 * process keeps its permitted capabilities, for ctr_process_restrict. */
int ctr_process_identity(struct ctr_process *process, struct st_err *err);

/* Looks the program up as the user, by PATH of the new environment, and adds HOME if it is
 * missing. */
int ctr_process_find(struct ctr_process *process, char *ret_path, size_t size, struct st_err *err);

/* Descriptors, labels for the next exec, the filter (now, if loading needs a capability that is
 * given up) and the capability sets. */
int ctr_process_restrict(struct ctr_process *process, struct st_err *err);

/* Loads the filter if it has not been, and executes the program. Returns only on failure. */
int ctr_process_execute(struct ctr_process *process, const char *path, struct st_err *err);
