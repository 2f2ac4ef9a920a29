/* The verbs that change the state of instances: start stop restart kill pause unpause rm rename
 * wait. */
#include <stdlib.h>

#include "base/str.h"
#include "cli/cli_out.h"
#include "strata/verb_attach.h"
#include "strata/verb_engine.h"
#include "strata/verbs.h"

#define INSTANCES                                                                                  \
    .arguments = "INSTANCE...", .min = 1, .max = CLI_ANY, .complete = CLI_COMPLETE_INSTANCE,       \
    .exits = each_exits

static const struct cli_exit each_exits[] = {
    {"0", "All went well."},
    {"1", "One or more failed; each failure is shown on standard error."},
    {0},
};

/* ---- start ---- */

static int act_start(struct cli *cli, struct engine *engine, const char *ref, struct st_err *err)
{
    st_auto(engine_instance) struct engine_instance *instance = NULL;
    struct engine_start_options options = {0};
    (void)cli;
    int r = engine_find(engine, ref, &instance, err);
    return r < 0 ? r : engine_start(instance, &options, NULL, NULL, err);
}

static int verb_start(struct cli *cli, struct st_err *err)
{
    bool interactive = cli_flag(cli, "interactive");
    if (!cli_flag(cli, "attach") && !interactive) {
        return verb_each(cli, act_start, true, err);
    }
    if (cli->n_args > 1) {
        return st_fail(err, ST_EINVAL, "only one instance can be started and attached to");
    }
    st_auto(engine) struct engine *engine = NULL;
    st_auto(engine_instance) struct engine_instance *instance = NULL;
    struct engine_state state;
    int r = verb_open_instance(cli, &engine, &instance, err);
    r = r < 0 ? r : engine_instance_state(instance, &state, err);
    if (r < 0) {
        return r;
    }
    struct verb_attach_options options = {
        .with_stdin = interactive && engine_instance_config(instance)->process.open_stdin,
        .with_stdout = true,
        .with_stderr = true,
        .sig_proxy = cli_flag(cli, "sig-proxy"),
        .detach_keys = cli_text(cli, "detach-keys"),
    };
    return state.status == ENGINE_RUNNING ? verb_attach_running(instance, &options, err)
                                          : verb_start_attached(cli, instance, &options, err);
}

static const struct cli_option start_options[] = {
    {.name = "attach",
     .letter = 'a',
     .kind = CLI_FLAG,
     .help = "Attach to its output and end with its exit code."},
    {.name = "interactive",
     .letter = 'i',
     .kind = CLI_FLAG,
     .help = "Attach to its standard input and its output."},
    {.name = "sig-proxy",
     .kind = CLI_FLAG,
     .fallback = "true",
     .help = "Pass signals on to the process where it has no terminal."},
    {.name = "detach-keys",
     .kind = CLI_STRING,
     .value = "KEYS",
     .help = "Keys that detach from a terminal. Without it, ctrl-p,ctrl-q."},
    {.name = "checkpoint", .kind = CLI_UNSUPPORTED},
    {.name = "checkpoint-dir", .kind = CLI_UNSUPPORTED},
    {0},
};

const struct cli_verb strata_verb_start = {
    .name = "start",
    .summary = "Start stopped instances.",
    .options = {start_options},
    INSTANCES,
    .see_also = "strata-run(1), strata-stop(1)",
    .run = verb_start,
};

/* ---- stop, restart ---- */

/* The seconds of --timeout or of docker's older --time. */
static int timeout_of(const struct cli *cli)
{
    const char *name = cli_given(cli, "timeout") ? "timeout" : "time";
    int64_t seconds = cli_signed(cli, name);
    seconds = ST_MAX(seconds, -1);
    return cli_given(cli, name) ? (int)ST_MIN(seconds, INT32_MAX) : ENGINE_TIMEOUT_DEFAULT;
}

static int act_stop(struct cli *cli, struct engine *engine, const char *ref, struct st_err *err)
{
    st_auto(engine_instance) struct engine_instance *instance = NULL;
    int r = engine_find(engine, ref, &instance, err);
    return r < 0 ? r : engine_stop(instance, cli_text(cli, "signal"), timeout_of(cli), err);
}

static int verb_stop(struct cli *cli, struct st_err *err)
{
    return verb_each(cli, act_stop, true, err);
}

static int act_restart(struct cli *cli, struct engine *engine, const char *ref, struct st_err *err)
{
    st_auto(engine_instance) struct engine_instance *instance = NULL;
    int r = engine_find(engine, ref, &instance, err);
    return r < 0 ? r : engine_restart(instance, cli_text(cli, "signal"), timeout_of(cli), err);
}

static int verb_restart(struct cli *cli, struct st_err *err)
{
    return verb_each(cli, act_restart, true, err);
}

static const struct cli_option stop_options[] = {
    {.name = "timeout",
     .letter = 't',
     .kind = CLI_I64,
     .value = "SECONDS",
     .help = "Kill it after this time. -1: never. Without it, the instance's own, or 10."},
    {.name = "time", .kind = CLI_I64, .value = "SECONDS"},
    {.name = "signal",
     .letter = 's',
     .kind = CLI_STRING,
     .value = "SIGNAL",
     .help = "Ask with this signal. Without it, the instance's own, or SIGTERM."},
    {0},
};

static const struct cli_example stop_examples[] = {
    {"strata stop --timeout 2 web", "Give the instance two seconds to end by itself."},
    {0},
};

const struct cli_verb strata_verb_stop = {
    .name = "stop",
    .summary = "Stop running instances.",
    .about = "The process is asked by a signal to end, and killed when it has not ended in time.",
    .options = {stop_options},
    INSTANCES,
    .examples = stop_examples,
    .see_also = "strata-kill(1), strata-start(1)",
    .run = verb_stop,
};

const struct cli_verb strata_verb_restart = {
    .name = "restart",
    .summary = "Stop instances and start them again.",
    .options = {stop_options},
    INSTANCES,
    .see_also = "strata-stop(1), strata-start(1)",
    .run = verb_restart,
};

/* ---- kill ---- */

static int act_kill(struct cli *cli, struct engine *engine, const char *ref, struct st_err *err)
{
    st_auto(engine_instance) struct engine_instance *instance = NULL;
    int r = engine_find(engine, ref, &instance, err);
    return r < 0 ? r : engine_kill(instance, cli_text(cli, "signal"), err);
}

static int verb_kill(struct cli *cli, struct st_err *err)
{
    const char *signal = cli_text(cli, "signal");
    if (engine_signal_number(signal) < 0) {
        return st_fail(err, ST_EINVAL, "invalid signal: %s", signal);
    }
    return verb_each(cli, act_kill, true, err);
}

static const struct cli_option kill_options[] = {
    {.name = "signal",
     .letter = 's',
     .kind = CLI_STRING,
     .value = "SIGNAL",
     .fallback = "KILL",
     .help = "Send this signal, by name or number."},
    {0},
};

const struct cli_verb strata_verb_kill = {
    .name = "kill",
    .summary = "Send a signal to running instances.",
    .options = {kill_options},
    INSTANCES,
    .see_also = "strata-stop(1)",
    .run = verb_kill,
};

/* ---- pause, unpause ---- */

static int act_pause(struct cli *cli, struct engine *engine, const char *ref, struct st_err *err)
{
    st_auto(engine_instance) struct engine_instance *instance = NULL;
    (void)cli;
    int r = engine_find(engine, ref, &instance, err);
    return r < 0 ? r : engine_pause(instance, err);
}

static int verb_pause(struct cli *cli, struct st_err *err)
{
    return verb_each(cli, act_pause, true, err);
}

const struct cli_verb strata_verb_pause = {
    .name = "pause",
    .summary = "Freeze all processes of instances.",
    INSTANCES,
    .see_also = "strata-unpause(1)",
    .run = verb_pause,
};

static int act_unpause(struct cli *cli, struct engine *engine, const char *ref, struct st_err *err)
{
    st_auto(engine_instance) struct engine_instance *instance = NULL;
    (void)cli;
    int r = engine_find(engine, ref, &instance, err);
    return r < 0 ? r : engine_unpause(instance, err);
}

static int verb_unpause(struct cli *cli, struct st_err *err)
{
    return verb_each(cli, act_unpause, true, err);
}

const struct cli_verb strata_verb_unpause = {
    .name = "unpause",
    .summary = "Let paused instances go on.",
    INSTANCES,
    .see_also = "strata-pause(1)",
    .run = verb_unpause,
};

/* ---- rm ---- */

static int act_rm(struct cli *cli, struct engine *engine, const char *ref, struct st_err *err)
{
    st_auto(engine_instance) struct engine_instance *instance = NULL;
    bool force = cli_flag(cli, "force");
    int r = engine_find(engine, ref, &instance, err);
    return r < 0 ? r : engine_remove(instance, force, cli_flag(cli, "volumes"), err);
}

/* With --force an instance that is gone is as good as removed; it is said all the same. */
static int verb_rm(struct cli *cli, struct st_err *err)
{
    return verb_each(cli, act_rm, true, err);
}

static const struct cli_option rm_options[] = {
    {.name = "force", .letter = 'f', .kind = CLI_FLAG, .help = "Kill running instances first."},
    {.name = "volumes",
     .letter = 'v',
     .kind = CLI_FLAG,
     .help = "Remove the anonymous volumes of the instances too."},
    {.name = "link", .letter = 'l', .kind = CLI_UNSUPPORTED},
    {0},
};

static const struct cli_example rm_examples[] = {
    {"strata rm -f $(strata ps -aq)", "Remove every instance, running or not."},
    {0},
};

const struct cli_verb strata_verb_rm = {
    .name = "rm",
    .aliases = {"remove"},
    .summary = "Remove instances.",
    .options = {rm_options},
    INSTANCES,
    .examples = rm_examples,
    .see_also = "strata-stop(1)",
    .run = verb_rm,
};

/* ---- wait ---- */

static int act_wait(struct cli *cli, struct engine *engine, const char *ref, struct st_err *err)
{
    st_auto(engine_instance) struct engine_instance *instance = NULL;
    int code = 0;
    (void)cli;
    int r = engine_find(engine, ref, &instance, err);
    r = r < 0 ? r : engine_wait(instance, ENGINE_WAIT_NOT_RUNNING, &code, err);
    return r < 0 ? r : cli_printf("%d\n", code);
}

static int verb_wait(struct cli *cli, struct st_err *err)
{
    return verb_each(cli, act_wait, false, err);
}

const struct cli_verb strata_verb_wait = {
    .name = "wait",
    .summary = "Wait until instances end, and print their exit codes.",
    INSTANCES,
    .run = verb_wait,
};

/* ---- rename ---- */

static int verb_rename(struct cli *cli, struct st_err *err)
{
    st_auto(engine) struct engine *engine = NULL;
    st_auto(engine_instance) struct engine_instance *instance = NULL;
    int r = verb_open_instance(cli, &engine, &instance, err);
    return r < 0 ? r : engine_rename(instance, cli->args[1], err);
}

const struct cli_verb strata_verb_rename = {
    .name = "rename",
    .summary = "Give an instance another name.",
    .arguments = "INSTANCE NAME",
    .min = 2,
    .max = 2,
    .complete = CLI_COMPLETE_INSTANCE,
    .run = verb_rename,
};

/* ---- what strata-monitor execs ---- */

static int verb_internal_cleanup(struct cli *cli, struct st_err *err)
{
    st_auto(engine) struct engine *engine = NULL;
    int r = verb_open(cli, &engine, err);
    return r < 0 ? r : engine_cleanup(engine, cli->args[0], err);
}

const struct cli_verb strata_verb_internal_cleanup = {
    .name = "internal-cleanup",
    .summary = "Clean up after an instance that has ended.",
    .arguments = "ID",
    .min = 1,
    .max = 1,
    .hidden = true,
    .run = verb_internal_cleanup,
};
