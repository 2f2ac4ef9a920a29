/* Staying in front of a process of a container until it ends: signals are passed on, its terminal
 * is relayed. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

struct ctr_notify;

/* Waits for the process of pidfd, a child of the caller, and reaps it. master: its terminal's,
 * owned from here on, or -1. notify: whose messages to pass on; NULL: nobody's. reap_others:
 * orphans of the container come to us (child subreaper). Returns 0 with the exit status as a shell
 * says it. */
int ctr_foreground_wait(int pidfd, int master, struct ctr_notify *notify, bool reap_others,
                        int *ret_exit, struct st_err *err);

/* Blocks the signals that ctr_foreground_wait passes on, so that none is lost before; the child's
 * are reset by itself. */
int ctr_foreground_prepare(struct st_err *err);
