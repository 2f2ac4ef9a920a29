/*
 * A container's first process, from its birth to the program it executes.
 *
 *     [helper: joins, time namespace, clone3(CLONE_PARENT)]
 *     go -> joins -> root of the user namespace -> mounts -> hooks (runtime's, createContainer)
 *     -> terminal -> root entered -> identity -> program found -> READY -> committed
 *     -> started -> seccomp, capabilities -> startContainer hooks -> exec
 *
 * Each wait is a read from a socket whose other end only the runtime has: when it is killed before
 * the container is committed, this process ends by itself.
 */
#pragma once

#include "container/ctr_cgroup.h"
#include "container/ctr_namespace.h"
#include "container/ctr_process.h"
#include "container/ctr_record.h"
#include "container/ctr_rootfs.h"

struct ctr_init {
    const struct spec_runtime *config;
    const struct ctr_record *record; /* for hooks; its pid is not known yet */
    struct ctr_process process;
    struct ctr_rootfs rootfs;
    struct ctr_namespaces namespaces;
    struct ctr_cgroup *cgroup; /* the child's copy is closed once the mounts are there */
    int sync;                  /* the child's end */
    int runtime_sync;          /* the runtime's, to close */
    int runtime_folder;        /* the runtime's, whose lock must not outlive it */
    int listener;              /* where to wait for `start`; -1: GO over sync starts it */
    int console;               /* connected console socket; -1: the terminal goes over sync */
    int proc;                  /* see ctr_proc.h */
    int guardian;              /* pidfd of the process with whose death this one dies; -1: none */
    int death_signal;          /* 0: none */
    bool wants_hooks;          /* the runtime has hooks to run once the mounts are there */
};

/* The child's life. */
ST_NORETURN void ctr_init_main(struct ctr_init *init);
