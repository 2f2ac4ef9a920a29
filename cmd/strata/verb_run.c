/* `strata run` and `strata create`. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/cli_out.h"
#include "os/os_file.h"
#include "os/os_terminal.h"
#include "strata/run_config.h"
#include "strata/run_options.h"
#include "strata/verb_attach.h"
#include "strata/verb_engine.h"
#include "strata/verbs.h"

static void st_cleanup_run_config(struct run_config *config)
{
    run_config_done(config);
}

/* Makes the file of --cidfile before the instance, so that two commands can't share one. */
static int open_id_file(const char *path, int *ret_fd, struct st_err *err)
{
    if (path == NULL) {
        return 0;
    }
    int fd = os_open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (fd == -ST_EEXIST) {
        return st_fail(err, ST_EEXIST,
                       "the ID file %s exists: make sure that its instance isn't wanted any more, "
                       "or delete the file",
                       path);
    }
    if (fd < 0) {
        return st_fail_os(err, fd, "making the ID file %s", path);
    }
    *ret_fd = fd;
    return 0;
}

/* Creates the instance of the command line and writes its ID file. */
static int create(struct cli *cli, struct engine *engine, struct engine_instance **ret_instance,
                  struct st_err *err)
{
    st_auto(run_config) struct run_config run = {0};
    st_auto(buf) struct st_buf warnings = ST_BUF_HEAP(1 << 16);
    st_auto(fd) int id_fd = -1;
    const char *id_file = cli_text(cli, "cidfile");
    int r = run_config_fill(cli, engine, &run, err);
    r = r < 0 ? r : open_id_file(id_file, &id_fd, err);
    if (r < 0) {
        return r;
    }
    r = engine_create(engine, &run.config, &warnings, ret_instance, err);
    verb_warnings(&warnings);
    if (r == -ST_ENOTFOUND && err->hint[0] == '\0' && st_starts_with(err->msg, "No such image")) {
        st_hint(err, "See 'strata image ls'; 'strata image load' and 'strata image bootstrap' make "
                     "images.");
    }
    if (r < 0 && id_fd >= 0) {
        (void)os_unlinkat(AT_FDCWD, id_file, 0);
    }
    if (r >= 0 && id_fd >= 0) {
        r = os_write_all(id_fd, engine_instance_id(*ret_instance), ENGINE_ID_LENGTH);
        r = r < 0 ? st_fail_os(err, r, "writing the ID file %s", id_file) : r;
    }
    return r;
}

static int verb_create(struct cli *cli, struct st_err *err)
{
    st_auto(engine) struct engine *engine = NULL;
    st_auto(engine_instance) struct engine_instance *instance = NULL;
    int r = verb_open(cli, &engine, err);
    r = r < 0 ? r : create(cli, engine, &instance, err);
    return r < 0 ? r : cli_printf("%s\n", engine_instance_id(instance));
}

static int run_detached(struct cli *cli, struct engine_instance *instance, struct st_err *err)
{
    struct engine_start_options options = {0};
    int code = cli_failure(cli);
    char id[ENGINE_ID_LENGTH + 1];
    (void)st_strcopy(id, sizeof id, engine_instance_id(instance));
    int r = engine_start(instance, &options, NULL, &code, err);
    if (r < 0) {
        cli_print_error(cli->program->name, err);
        return code;
    }
    return cli_printf("%s\n", id);
}

static int verb_run(struct cli *cli, struct st_err *err)
{
    st_auto(engine) struct engine *engine = NULL;
    st_auto(engine_instance) struct engine_instance *instance = NULL;
    bool detach = cli_flag(cli, "detach");
    if (!detach && cli_flag(cli, "tty") && cli_flag(cli, "interactive") &&
        !os_is_terminal(STDIN_FILENO)) {
        st_fail(err, ST_ENOTTY, "the input device is not a TTY");
        cli_print_error(cli->program->name, err);
        return 1;
    }
    int r = verb_open(cli, &engine, err);
    r = r < 0 ? r : create(cli, engine, &instance, err);
    if (r < 0) {
        return r;
    }
    if (detach) {
        return run_detached(cli, instance, err);
    }
    const struct engine_process *process = &engine_instance_config(instance)->process;
    struct verb_attach_options options = {
        .with_stdin = process->attach_stdin,
        .with_stdout = process->attach_stdout,
        .with_stderr = process->attach_stderr,
        .sig_proxy = cli_flag(cli, "sig-proxy"),
        .detach_keys = cli_text(cli, "detach-keys"),
    };
    return verb_start_attached(cli, instance, &options, err);
}

static const struct cli_option run_own_options[] = {
    {.name = "detach",
     .letter = 'd',
     .kind = CLI_FLAG,
     .help = "Print the ID and leave the instance running in the background."},
    {.name = "sig-proxy",
     .kind = CLI_FLAG,
     .fallback = "true",
     .help = "Pass signals on to the process where it has no terminal."},
    {.name = "detach-keys",
     .kind = CLI_STRING,
     .value = "KEYS",
     .help = "Keys that detach from a terminal. Without it, ctrl-p,ctrl-q."},
    {0},
};

static const struct cli_exit run_exits[] = {
    {"125", "Strata itself failed, or the command line is wrong."},
    {"126", "The command cannot be executed."},
    {"127", "The command was not found."},
    {"any other", "The exit code of the command; 128 and the signal when one ended it."},
    {0},
};

static const struct cli_example run_examples[] = {
    {"strata run --rm debian cat /etc/os-release", "Run one command and remove the instance."},
    {"strata run -it --name work -v $PWD:/src -w /src debian bash",
     "Work in a shell with the current folder at /src."},
    {"strata run --isolation jvm -m 256m app.jar --verbose",
     "Run a jar of this folder on Strata's Java virtual machine, within 256 MiB."},
    {"strata run -d -p 8080:80 --memory 64m --restart always web",
     "Serve port 80 of an image at port 8080 of the host, within 64 MiB, whatever happens."},
    {0},
};

const struct cli_verb strata_verb_run = {
    .name = "run",
    .summary = "Run a command in a new instance.",
    .about =
        "The instance is made from IMAGE and started. Without COMMAND it runs what the image "
        "says. With --isolation jvm IMAGE is a jar of the host's, and what follows are its "
        "arguments. Unless --detach is given, the instance's output is the command's own, and the "
        "command ends when the instance does.",
    .options = {run_own_options, run_process_options, run_resource_options, run_place_options,
                run_security_options},
    .arguments = "IMAGE [COMMAND [ARG...]]",
    .min = 1,
    .max = CLI_ANY,
    .complete = CLI_COMPLETE_IMAGE,
    .command = true,
    .failure = ENGINE_EXIT_FAILED,
    .examples = run_examples,
    .exits = run_exits,
    .see_also = "strata-create(1), strata-exec(1), strata-image(1)",
    .run = verb_run,
};

static const struct cli_exit create_exits[] = {
    {"0", "The instance was made and its ID printed."},
    {"125", "Strata failed, or the command line is wrong."},
    {0},
};

const struct cli_verb strata_verb_create = {
    .name = "create",
    .summary = "Make an instance without starting it.",
    .about = "The options are those of run, and the ID is printed. Start it with strata start.",
    .options = {run_process_options, run_resource_options, run_place_options, run_security_options},
    .arguments = "IMAGE [COMMAND [ARG...]]",
    .min = 1,
    .max = CLI_ANY,
    .complete = CLI_COMPLETE_IMAGE,
    .command = true,
    .failure = ENGINE_EXIT_FAILED,
    .exits = create_exits,
    .see_also = "strata-run(1), strata-start(1)",
    .run = verb_create,
};
