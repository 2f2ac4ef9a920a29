/* Carrying the streams of an instance on the command's own: run, start --attach, attach. */
#pragma once

#include "cli/cli.h"
#include "engine/engine.h"

struct verb_attach_options {
    bool with_stdin;
    bool with_stdout;
    bool with_stderr;
    bool sig_proxy;
    const char *detach_keys; /* NULL: the default */
};

/* Starts the instance with its streams attached, and carries them until it ends or is detached
 * from. Returns the exit status of the command: the instance's own, 0 when detached; or 125 to 127
 * after printing why it could not start. */
int verb_start_attached(struct cli *cli, struct engine_instance *instance,
                        const struct verb_attach_options *options, struct st_err *err);

/* The same for one that runs already. Returns the exit status or a failure. */
int verb_attach_running(struct engine_instance *instance, const struct verb_attach_options *options,
                        struct st_err *err);
