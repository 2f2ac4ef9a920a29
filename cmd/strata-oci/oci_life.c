/* The verbs of a container's life: create, run, start, kill, delete, pause, resume. */
#include <limits.h>

#include "strata-oci/oci.h"

#define LAUNCH_OPTIONS                                                                             \
    {.name = "bundle",                                                                             \
     .letter = 'b',                                                                                \
     .kind = CLI_STRING,                                                                           \
     .value = "DIR",                                                                               \
     .complete = CLI_COMPLETE_FOLDER,                                                              \
     .help = "The bundle: the folder with config.json. The default is the working folder."},       \
        {.name = "console-socket",                                                                 \
         .kind = CLI_STRING,                                                                       \
         .value = "FILE",                                                                          \
         .complete = CLI_COMPLETE_FILE,                                                            \
         .help = "Send the terminal's master side over this socket."},                             \
        {.name = "pid-file",                                                                       \
         .kind = CLI_STRING,                                                                       \
         .value = "FILE",                                                                          \
         .complete = CLI_COMPLETE_FILE,                                                            \
         .help = "Write the number of the container's process to FILE."},                          \
        {.name = "no-pivot",                                                                       \
         .kind = CLI_FLAG,                                                                         \
         .help = "Enter the root without pivot_root, for hosts whose own root is a ramdisk."},     \
        {.name = "no-new-keyring",                                                                 \
         .kind = CLI_FLAG,                                                                         \
         .help = "Keep the caller's session keyring."},                                            \
    {                                                                                              \
        .name = "preserve-fds", .kind = CLI_U64, .value = "N", .fallback = "0",                    \
        .help = "Pass descriptors 3 to 3+N-1 on to the container's process."                       \
    }

static const struct cli_option create_options[] = {
    LAUNCH_OPTIONS,
    {0},
};

static const struct cli_option run_options[] = {
    LAUNCH_OPTIONS,
    {.name = "detach",
     .letter = 'd',
     .kind = CLI_FLAG,
     .help = "Return when the container was started."},
    {.name = "keep", .kind = CLI_FLAG, .help = "Do not delete the container when it ends."},
    {.name = "no-subreaper",
     .kind = CLI_FLAG,
     .help = "Leave processes that outlive the container to the host's init."},
    {0},
};

static int read_launch(struct cli *cli, struct ctr_create_options *ret_options, struct st_err *err)
{
    uint64_t fds = cli_number(cli, "preserve-fds");
    if (fds > INT_MAX / 2) {
        return st_fail(err, ST_EINVAL, "--preserve-fds: too many");
    }
    *ret_options = (struct ctr_create_options){
        .id = cli->args[0],
        .bundle = cli_text(cli, "bundle"),
        .console_socket = cli_text(cli, "console-socket"),
        .pid_file = cli_text(cli, "pid-file"),
        .preserve_fds = (unsigned)fds,
        .no_pivot = cli_flag(cli, "no-pivot"),
        .no_new_keyring = cli_flag(cli, "no-new-keyring"),
    };
    return 0;
}

static int verb_create(struct cli *cli, struct st_err *err)
{
    struct ctr_create_options options;
    int status = 0;
    int r = read_launch(cli, &options, err);
    if (r == 0) {
        r = ctr_create(&oci_of(cli)->runtime, &options, &status, err);
    }
    return oci_finish(cli, r, status, err);
}

static int verb_run(struct cli *cli, struct st_err *err)
{
    struct ctr_create_options options;
    int status = 0;
    int r = read_launch(cli, &options, err);
    if (r == 0) {
        options.detach = cli_flag(cli, "detach");
        options.keep = cli_flag(cli, "keep");
        options.no_subreaper = cli_flag(cli, "no-subreaper");
        r = ctr_run(&oci_of(cli)->runtime, &options, &status, err);
    }
    return oci_finish(cli, r, status, err);
}

static int verb_start(struct cli *cli, struct st_err *err)
{
    int status = 0;
    int r = ctr_start(&oci_of(cli)->runtime, cli->args[0], &status, err);
    return oci_finish(cli, r, status, err);
}

static const struct cli_option kill_options[] = {
    {.name = "all",
     .letter = 'a',
     .kind = CLI_FLAG,
     .help = "Send the signal to all processes of the container."},
    {0},
};

static int verb_kill(struct cli *cli, struct st_err *err)
{
    const char *signal = cli->n_args > 1 ? cli->args[1] : "SIGTERM";
    return ctr_kill(&oci_of(cli)->runtime, cli->args[0], signal, cli_flag(cli, "all"), err);
}

static const struct cli_option delete_options[] = {
    {.name = "force",
     .letter = 'f',
     .kind = CLI_FLAG,
     .help = "Kill it if it runs, and succeed if there is no such container."},
    {0},
};

static int verb_delete(struct cli *cli, struct st_err *err)
{
    return ctr_delete(&oci_of(cli)->runtime, cli->args[0], cli_flag(cli, "force"), err);
}

static int verb_pause(struct cli *cli, struct st_err *err)
{
    return ctr_pause(&oci_of(cli)->runtime, cli->args[0], err);
}

static int verb_resume(struct cli *cli, struct st_err *err)
{
    return ctr_resume(&oci_of(cli)->runtime, cli->args[0], err);
}

const struct cli_verb oci_verb_create = {
    .name = "create",
    .summary = "Create a container; its process waits to be started.",
    .options = {create_options},
    .arguments = "ID",
    .min = 1,
    .max = 1,
    .run = verb_create,
};
const struct cli_verb oci_verb_run = {
    .name = "run",
    .summary = "Create and start a container.",
    .options = {run_options},
    .arguments = "ID",
    .min = 1,
    .max = 1,
    .run = verb_run,
};
const struct cli_verb oci_verb_start = {
    .name = "start",
    .summary = "Start a created container.",
    .arguments = "ID",
    .min = 1,
    .max = 1,
    .run = verb_start,
};
const struct cli_verb oci_verb_kill = {
    .name = "kill",
    .summary = "Send a signal to a container's process (SIGTERM by default).",
    .options = {kill_options},
    .arguments = "ID [SIGNAL]",
    .min = 1,
    .max = 2,
    .run = verb_kill,
};
const struct cli_verb oci_verb_delete = {
    .name = "delete",
    .summary = "Delete a container that has stopped.",
    .options = {delete_options},
    .arguments = "ID",
    .min = 1,
    .max = 1,
    .run = verb_delete,
};
const struct cli_verb oci_verb_pause = {
    .name = "pause",
    .summary = "Freeze all processes of a container.",
    .arguments = "ID",
    .min = 1,
    .max = 1,
    .run = verb_pause,
};
const struct cli_verb oci_verb_resume = {
    .name = "resume",
    .summary = "Thaw all processes of a paused container.",
    .arguments = "ID",
    .min = 1,
    .max = 1,
    .run = verb_resume,
};
