/* `strata exec`: a further process in a running instance. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/cli_out.h"
#include "os/os_terminal.h"
#include "strata/run_config_priv.h"
#include "strata/verb_engine.h"
#include "strata/verbs.h"

static void st_cleanup_memory(struct json_doc **memory)
{
    *memory = json_doc_free(*memory);
}

static int verb_exec(struct cli *cli, struct st_err *err)
{
    st_auto(engine) struct engine *engine = NULL;
    st_auto(engine_instance) struct engine_instance *instance = NULL;
    st_auto(memory) struct json_doc *memory = json_doc_new();
    struct engine_config config = {0};
    struct run_parse parse = {.cli = cli, .config = &config, .memory = memory, .err = err};
    int code = cli_failure(cli);
    struct engine_exec_options options = {
        .args = (const char *const *)cli->args + 1,
        .args_count = cli->n_args - 1,
        .cwd = cli_text(cli, "workdir"),
        .user = cli_text(cli, "user"),
        .detach_keys = cli_text(cli, "detach-keys"),
        .tty = cli_flag(cli, "tty"),
        .interactive = cli_flag(cli, "interactive"),
        .detach = cli_flag(cli, "detach"),
        .privileged = cli_flag(cli, "privileged"),
    };
    if (memory == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory while reading the options");
    }
    if (options.tty && options.interactive && !options.detach && !os_is_terminal(STDIN_FILENO)) {
        st_fail(err, ST_ENOTTY, "the input device is not a TTY");
        cli_print_error(cli->program->name, err);
        return 1;
    }
    int r = run_fill_env(&parse);
    options.env = (const char *const *)config.process.env;
    options.env_count = config.process.env_count;
    r = r < 0 ? r : verb_open_instance(cli, &engine, &instance, err);
    if (r < 0) {
        return r;
    }
    r = engine_exec(instance, &options, &code, err);
    if (r < 0) {
        cli_print_error(cli->program->name, err);
    }
    return code;
}

static const struct cli_option exec_options[] = {
    {.name = "interactive", .letter = 'i', .kind = CLI_FLAG, .help = "Keep standard input open."},
    {.name = "tty", .letter = 't', .kind = CLI_FLAG, .help = "Give the process a terminal."},
    {.name = "detach",
     .letter = 'd',
     .kind = CLI_FLAG,
     .help = "Leave it running in the background."},
    {.name = "env",
     .letter = 'e',
     .kind = CLI_LIST,
     .value = "NAME[=VALUE]",
     .help = "Set a variable. Without a value it is the caller's variable of that name."},
    {.name = "env-file",
     .kind = CLI_LIST,
     .value = "FILE",
     .complete = CLI_COMPLETE_FILE,
     .help = "Read variables from a file: one NAME=VALUE a line, # begins a comment."},
    {.name = "workdir",
     .letter = 'w',
     .kind = CLI_STRING,
     .value = "PATH",
     .help = "Start in this folder of the instance."},
    {.name = "user",
     .letter = 'u',
     .kind = CLI_STRING,
     .value = "USER[:GROUP]",
     .help = "Run as this user, by name or number."},
    {.name = "privileged", .kind = CLI_FLAG, .help = "Give it all capabilities."},
    {.name = "detach-keys",
     .kind = CLI_STRING,
     .value = "KEYS",
     .help = "Keys that detach from a terminal. Without it, ctrl-p,ctrl-q."},
    {0},
};

static const struct cli_exit exec_exits[] = {
    {"125", "Strata itself failed, or the command line is wrong."},
    {"126", "The command cannot be executed."},
    {"127", "The command was not found."},
    {"any other", "The exit code of the command; 128 and the signal when one ended it."},
    {0},
};

static const struct cli_example exec_examples[] = {
    {"strata exec -it web sh", "Look around in a running instance."},
    {"strata exec -u 1000 -e LANG=C web id", "Run a command as another user."},
    {0},
};

const struct cli_verb strata_verb_exec = {
    .name = "exec",
    .summary = "Run a command in a running instance.",
    .options = {exec_options},
    .arguments = "INSTANCE COMMAND [ARG...]",
    .min = 2,
    .max = CLI_ANY,
    .complete = CLI_COMPLETE_INSTANCE,
    .command = true,
    .failure = ENGINE_EXIT_FAILED,
    .examples = exec_examples,
    .exits = exec_exits,
    .see_also = "strata-run(1), strata-attach(1)",
    .run = verb_exec,
};
