/* Running hooks (runtime-spec config.md, "POSIX-platform Hooks"). */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "container/ctr_record.h"
#include "spec/spec_state.h"

struct spec_hook;

struct ctr_hooks {
    const char *kind; /* "prestart" ...: for messages */
    const struct spec_hook *hooks;
    size_t count;
    const struct ctr_record *record; /* what the state on their standard input says */
    pid_t pid;                       /* 0: leave it out */
    enum spec_status status;
};

/* Runs them in order, each with the state on its standard input, and waits for each, at most for
 * its timeout (then it is killed). The first that fails is the result; its last output is in the
 * message. Costs nothing when there are none. */
int ctr_hooks_run(const struct ctr_hooks *hooks, struct st_err *err);

/* As ctr_hooks_run, but goes on after a failure; each is told to warn (which may be NULL). */
void ctr_hooks_run_all(const struct ctr_hooks *hooks, void (*warn)(void *arg, const char *text),
                       void *warn_arg);
