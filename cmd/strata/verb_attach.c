/* `strata attach`, and what run and start share with it. */
#include "strata/verb_attach.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/cli_out.h"
#include "os/os_terminal.h"
#include "strata/verb_engine.h"
#include "strata/verbs.h"

static int carry(struct engine_instance *instance, struct engine_stream *stream,
                 const struct verb_attach_options *options, int *ret_exit_code, struct st_err *err)
{
    bool tty = engine_instance_config(instance)->process.tty;
    struct engine_attach_options attach = {
        .in_fd = options->with_stdin ? STDIN_FILENO : -1,
        .out_fd = options->with_stdout ? STDOUT_FILENO : -1,
        .err_fd = options->with_stderr ? STDERR_FILENO : -1,
        .tty = tty && options->with_stdin && os_is_terminal(STDIN_FILENO),
        .sig_proxy = options->sig_proxy && !tty,
        .detach_keys = options->detach_keys,
    };
    int end = engine_stream_run(stream, &attach, ret_exit_code, err);
    if (end == ENGINE_ATTACH_DETACHED) {
        (void)cli_write(STDERR_FILENO, "read escape sequence\n", 21);
        *ret_exit_code = 0;
    } else if (end == ENGINE_ATTACH_LOST) {
        return st_fail(err, ST_ECONNRESET, "the monitor of the instance is gone");
    }
    return end;
}

int verb_start_attached(struct cli *cli, struct engine_instance *instance,
                        const struct verb_attach_options *options, struct st_err *err)
{
    struct engine_start_options start = {.attach = true, .owner = true};
    struct engine_stream *stream = NULL;
    struct winsize size = {0};
    int code = cli_failure(cli);
    if (engine_instance_config(instance)->process.tty &&
        os_window_size_get(STDOUT_FILENO, &size) == 0) {
        start.rows = size.ws_row;
        start.columns = size.ws_col;
    }
    int r = engine_start(instance, &start, &stream, &code, err);
    if (r < 0) {
        cli_print_error(cli->program->name, err);
        return code;
    }
    r = carry(instance, stream, options, &code, err);
    if (r < 0) {
        struct st_err ignored = {0};
        (void)engine_stream_finish(stream, &ignored);
        return r;
    }
    r = engine_stream_finish(stream, err);
    if (r < 0) {
        cli_warn(cli->program->name, "%s", err->msg);
    }
    return code;
}

int verb_attach_running(struct engine_instance *instance, const struct verb_attach_options *options,
                        struct st_err *err)
{
    struct engine_stream *stream = NULL;
    struct st_err ignored = {0};
    int code = 0;
    int r = engine_attach(instance, options->with_stdin, &stream, err);
    if (r < 0) {
        return r;
    }
    r = carry(instance, stream, options, &code, err);
    (void)engine_stream_finish(stream, &ignored);
    return r < 0 ? r : code;
}

static int verb_attach(struct cli *cli, struct st_err *err)
{
    st_auto(engine) struct engine *engine = NULL;
    st_auto(engine_instance) struct engine_instance *instance = NULL;
    struct engine_state state;
    int r = verb_open_instance(cli, &engine, &instance, err);
    r = r < 0 ? r : engine_instance_state(instance, &state, err);
    if (r < 0) {
        return r;
    }
    if (state.status != ENGINE_RUNNING) {
        return st_fail(err, ST_ESTATE, "cannot attach to %s: it is %s", cli->args[0],
                       engine_status_name(state.status));
    }
    const struct engine_process *process = &engine_instance_config(instance)->process;
    struct verb_attach_options options = {
        .with_stdin = !cli_flag(cli, "no-stdin") && process->open_stdin,
        .with_stdout = true,
        .with_stderr = true,
        .sig_proxy = cli_flag(cli, "sig-proxy"),
        .detach_keys = cli_text(cli, "detach-keys"),
    };
    if (options.with_stdin && process->tty && !os_is_terminal(STDIN_FILENO)) {
        return st_fail(err, ST_ENOTTY, "the input device is not a TTY");
    }
    return verb_attach_running(instance, &options, err);
}

static const struct cli_option attach_options[] = {
    {.name = "detach-keys",
     .kind = CLI_STRING,
     .value = "KEYS",
     .help = "Keys that detach from a terminal. Without it, ctrl-p,ctrl-q."},
    {.name = "no-stdin", .kind = CLI_FLAG, .help = "Do not attach standard input."},
    {.name = "sig-proxy",
     .kind = CLI_FLAG,
     .fallback = "true",
     .help = "Pass signals on to the process where it has no terminal."},
    {0},
};

static const struct cli_exit attach_exits[] = {
    {"0", "Detached, or the instance ended with 0."},
    {"1", "Strata failed."},
    {"any other", "The exit code of the instance."},
    {0},
};

const struct cli_verb strata_verb_attach = {
    .name = "attach",
    .summary = "Connect to the standard streams of a running instance.",
    .options = {attach_options},
    .arguments = "INSTANCE",
    .min = 1,
    .max = 1,
    .complete = CLI_COMPLETE_INSTANCE,
    .exits = attach_exits,
    .see_also = "strata-logs(1), strata-exec(1)",
    .run = verb_attach,
};
