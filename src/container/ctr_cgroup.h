/*
 * The container's control groups, by the cgroupfs driver: version 1, version 2 and hybrid (version
 * 1 controllers beside controllers of a version 2 hierarchy at /sys/fs/cgroup/unified). See
 * config-linux.md: Cgroups path, Control groups, Device allow-list, Unified.
 *
 * A container has one cgroup of the same name in each hierarchy. cgroupsPath: absolute, it is below
 * the hierarchy's root; relative, below the caller's own cgroup (version 2: below the parent of the
 * caller's own, since a cgroup with processes cannot share out controllers); absent, it is the
 * container's id, relative on version 1 as runc has it.
 *
 * Parent side only, one thread. All paths are of the host.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

struct spec_resources;

enum ctr_cgroup_mode {
    CTR_CGROUP_NONE, /* no cgroup: rootless without delegation, or no hierarchy is mounted */
    CTR_CGROUP_V1,
    CTR_CGROUP_HYBRID, /* V1 and a version 2 hierarchy */
    CTR_CGROUP_V2,
};

/* The most hierarchies: each controller its own, the named one of systemd, and version 2. */
enum { CTR_CGROUP_MAX_HIERARCHIES = 20 };

struct ctr_cgroup_hierarchy {
    char *names;          /* as in /proc/self/cgroup: "cpu,cpuacct", "name=systemd"; "": v2 */
    char *mount;          /* "/sys/fs/cgroup/memory" */
    char *path;           /* of the container's cgroup below mount: "/a/b" */
    uint32_t controllers; /* bits: 1 << enum ctr_cgroup_controller (ctr_cgroup_priv.h) */
    bool v2;
    int fd; /* O_PATH: the container's cgroup; -1 until it is needed */
};

struct ctr_cgroup {
    enum ctr_cgroup_mode mode;
    bool rootless;      /* permission errors of what nobody asked for are forgiven */
    bool explicit_path; /* config has cgroupsPath */
    size_t count;
    struct ctr_cgroup_hierarchy hierarchies[CTR_CGROUP_MAX_HIERARCHIES];
    void (*warn)(void *arg, const char *text); /* one line each; NULL: not told */
    void *warn_arg;
};

/* Finds the hierarchies and names the container's cgroups; makes nothing. cgroups_path as in the
 * config (NULL: absent). The caller has zeroed *cgroup or set warn. Free with ctr_cgroup_done,
 * also after a failure. */
int ctr_cgroup_init(struct ctr_cgroup *cgroup, const char *cgroups_path, const char *id,
                    bool rootless, struct st_err *err);
void ctr_cgroup_done(struct ctr_cgroup *cgroup);

static inline void st_cleanup_ctr_cgroup(struct ctr_cgroup *cgroup)
{
    ctr_cgroup_done(cgroup);
}

/* For the state record: a line for each hierarchy, "CONTROLLERS MOUNT PATH\n" with CONTROLLERS as
 * in /proc/self/cgroup ("memory", "name=systemd"; "" is written as "-" for version 2). Valid before
 * ctr_cgroup_create, so it can be recorded first. ctr_cgroup_load is the opposite and opens
 * nothing; a text with other things in it is -ST_ECORRUPT. */
int ctr_cgroup_save(const struct ctr_cgroup *cgroup, struct st_buf *to);
int ctr_cgroup_load(struct ctr_cgroup *cgroup, const char *text, struct st_err *err);

/* The host's path of the container's cgroup for a controller ("memory"; NULL or "": version 2, or
 * the first hierarchy) written to ret_path. -ST_ENOTFOUND without one. */
int ctr_cgroup_path(const struct ctr_cgroup *cgroup, const char *controller, char *ret_path,
                    size_t size);

/* Makes the cgroups, with the parents they need (version 1: cpuset inherits the parent's CPUs and
 * nodes; version 2: controllers are enabled on the way down). What is there already is used. On
 * failure nothing new is left. resources: what will be limited, for which controllers are needed
 * (NULL: nothing). With `rootless` and without permission the mode becomes CTR_CGROUP_NONE, unless
 * limits were asked for. */
int ctr_cgroup_create(struct ctr_cgroup *cgroup, const struct spec_resources *resources,
                      struct st_err *err);

/* A descriptor for CLONE_INTO_CGROUP, owned by *cgroup, or -1 where there is no version 2
 * hierarchy. */
int ctr_cgroup_clone_fd(const struct ctr_cgroup *cgroup);

/* Moves a process into the cgroups. in_v2: it is in the version 2 one already (by
 * CLONE_INTO_CGROUP). sub: a cgroup below (exec --cgroup), or NULL; it must exist. beside:
 * the container's first process, in whose cgroup the new one is put where the container has shared
 * out its own; 0: none. */
int ctr_cgroup_join(struct ctr_cgroup *cgroup, pid_t pid, bool in_v2, const char *sub, pid_t beside,
                    struct st_err *err);

/* Puts the device list in force: default devices, then the config's rules (NULL resources: the
 * defaults alone); on an update only if there are rules. At creation version 1 forbids all for a
 * moment in between: no process of the container may have got the word to go on. */
int ctr_cgroup_apply_devices(struct ctr_cgroup *cgroup, const struct spec_resources *resources,
                             bool update, struct st_err *err);

/* Applies limits; on an update in orders of writes that a running container needs. NULL resources:
 * none. */
int ctr_cgroup_apply(struct ctr_cgroup *cgroup, const struct spec_resources *resources, bool update,
                     struct st_err *err);

/* Freezes or thaws all processes; returns when they are. */
int ctr_cgroup_freeze(struct ctr_cgroup *cgroup, struct st_err *err);
int ctr_cgroup_thaw(struct ctr_cgroup *cgroup, struct st_err *err);

/* 1 when frozen (by itself or with a parent), 0 when not or where it cannot be known. */
int ctr_cgroup_frozen(struct ctr_cgroup *cgroup);

/* Is there a cgroup on disk with (1) or without (0) processes? -ST_ENOENT when it is gone. */
int ctr_cgroup_populated(struct ctr_cgroup *cgroup);

/* All processes, those of cgroups below included. The caller frees *ret_pids. */
int ctr_cgroup_pids(struct ctr_cgroup *cgroup, pid_t **ret_pids, size_t *ret_count,
                    struct st_err *err);

/* Sends a signal to all processes: SIGKILL by cgroup.kill where there is one, else to a frozen
 * cgroup, again until none is left that had not got it. */
int ctr_cgroup_kill(struct ctr_cgroup *cgroup, int signal_number, struct st_err *err);

/* Removes the cgroups and all below them, waiting up to some seconds for processes that are being
 * torn down. 0 when there are none. */
int ctr_cgroup_remove(struct ctr_cgroup *cgroup, struct st_err *err);

/* Appends the "data" object of `events --stats` as runc prints it. */
int ctr_cgroup_stats(struct ctr_cgroup *cgroup, struct st_buf *to, struct st_err *err);

/* Watching for out-of-memory kills. */
struct ctr_cgroup_oom {
    int fd;        /* to wait on: poll with `events` */
    int events;    /* POLLIN or POLLPRI */
    int file;      /* private */
    bool v2;       /* private */
    uint64_t seen; /* private */
};
int ctr_cgroup_oom_open(struct ctr_cgroup *cgroup, struct ctr_cgroup_oom *ret_oom,
                        struct st_err *err);
/* After fd woke: 1 when a process was killed for memory since the last call, 0 when not,
 * -ST_ENOENT when the cgroup is gone. */
int ctr_cgroup_oom_read(struct ctr_cgroup_oom *oom);
void ctr_cgroup_oom_close(struct ctr_cgroup_oom *oom);
