/*
 * Making a container, in the parent: `create`, and the first half of `run`.
 *
 * What exists afterwards, in the order in which it is made: the folder with the names of the
 * cgroups, the cgroups, the process, the state. The state is written last, so whoever finds it
 * finds a whole container; ctr_launch undoes everything on failure, and after a kill the process
 * ends by itself and `delete --force` does the rest.
 */
#pragma once

#include "container/ctr.h"
#include "container/ctr_cgroup.h"
#include "container/ctr_filter.h"
#include "container/ctr_init.h"
#include "container/ctr_notify.h"

struct ctr_launch {
    const struct ctr_runtime *runtime;
    const struct ctr_create_options *options;
    bool run; /* start it at once */
    struct ctr_notify notify;

    struct st_buf config_text;
    struct spec_runtime *config;
    struct ctr_record record;
    struct ctr_cgroup cgroup;
    struct ctr_filter filter;
    struct ctr_init init;
    int folder;      /* locked */
    int sync;        /* our end; after a run's start: at its end once the program was executed */
    int pidfd;       /* of the container's process */
    int master;      /* of its terminal, when it is ours to relay; else -1 */
    int exit_status; /* of the command, when the program could not be executed; else 0 */
    bool claimed;    /* there is a folder to remove */
    bool hooks_ran;  /* so poststop hooks are due */
    bool is_child;   /* the process is our child (not with a guardian) */
};

/* Makes the container. On success the state is written and, with run, the program was executed.
 * *launch is to be freed by ctr_launch_done in any case. */
int ctr_launch(struct ctr_launch *launch, struct st_err *err);
void ctr_launch_done(struct ctr_launch *launch);
