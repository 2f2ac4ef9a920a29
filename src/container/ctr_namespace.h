/*
 * Namespaces of a container: which are new, which are joined, and the ID maps of its user
 * namespace.
 *
 * The usual case needs one clone3 with all new namespaces. A helper process in between is needed
 * where a namespace can only be changed for children (pid, time) or must be entered with the
 * privileges of another user namespace; it makes the container's process with CLONE_PARENT, so
 * that it is the runtime's child all the same.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "spec/spec_runtime.h"

struct ctr_namespaces {
    unsigned created;              /* CLONE_NEW* of new ones */
    unsigned joined;               /* and of joined ones */
    int joined_fds[SPEC_NS_COUNT]; /* of those that are joined, else -1 */
    bool needs_helper;
};

/* Reads the config and opens the namespaces to join, in the caller's namespaces. */
int ctr_namespaces_open(const struct spec_runtime *config, struct ctr_namespaces *ret_namespaces,
                        struct st_err *err);
void ctr_namespaces_done(struct ctr_namespaces *namespaces);

/* The flag (CLONE_NEW*) of a type. */
unsigned ctr_namespace_flag(enum spec_namespace_type type);

/* In a child: joins all that are to be joined, in an order in which each is permitted. map: called
 * after a new user namespace was made by unshare, to have its maps written; only with a helper. */
int ctr_namespaces_join(struct ctr_namespaces *namespaces, int (*map)(void *arg), void *map_arg,
                        struct st_err *err);

/* In the helper: makes the time namespace for children and sets its clocks. proc: see ctr_proc.h.
 */
int ctr_namespaces_time(const struct spec_runtime *config, int proc, struct st_err *err);

/* In the parent: writes the ID maps of pid's new user namespace, by itself if it may, else by
 * newuidmap and newgidmap. */
int ctr_namespaces_map(const struct spec_runtime *config, int proc, pid_t pid, struct st_err *err);

/* In a child with a new network namespace: brings the loopback interface up. */
int ctr_namespaces_loopback(struct st_err *err);
