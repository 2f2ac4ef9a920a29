/*
 * `strata vm`: virtual machines that boot a kernel of the user's. A machine is an instance like all
 * others: what is the same for containers is the same verb under another name.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/print.h"
#include "base/str.h"
#include "cli/cli_out.h"
#include "os/os_file.h"
#include "os/os_terminal.h"
#include "os/os_time.h"
#include "strata-vm/vm_options.h"
#include "strata/verb_attach.h"
#include "strata/verb_engine.h"
#include "strata/verb_vm.h"
#include "strata/verbs.h"

enum { WORDS_MAX = 200, TEXT_MAX_BYTES = 65536 };

/* strata-vm's words under construction; the texts are heap's. */
struct words {
    char *list[WORDS_MAX + 1];
    size_t count;
};

static void words_done(struct words *words)
{
    for (size_t i = 0; i < words->count; i++) {
        free(words->list[i]);
    }
}

/* Options whose value names a file, which the machine's process finds from elsewhere. */
static bool names_file(const char *name)
{
    return st_streq(name, "kernel") || st_streq(name, "initrd") || st_streq(name, "disk");
}

static int add_word(struct words *words, const char *name, const char *value, struct st_err *err)
{
    char here[PATH_MAX] = "";
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(TEXT_MAX_BYTES);

    if (names_file(name) && value[0] != '/') {
        int r = os_getcwd(here, sizeof here);
        if (r < 0) {
            return st_fail_os(err, r, "the current folder");
        }
    }
    st_buf_printf(&text, "--%s=%s%s%s", name, here, here[0] != 0 ? "/" : "", value);
    char *word = st_buf_steal(&text);
    if (word == NULL || words->count == WORDS_MAX) {
        free(word);
        return st_fail(err, ST_ELIMIT, "too many options of the machine");
    }
    words->list[words->count++] = word;
    return 0;
}

static int fill_words(const struct cli *cli, struct words *words, struct st_err *err)
{
    int r = 0;
    for (const struct cli_option *option = vm_machine_options; r >= 0 && option->name != NULL;
         option++) {
        const char *text;
        if (option->kind == CLI_LIST) {
            for (size_t at = 0; r >= 0 && (text = cli_next(cli, option->name, &at)) != NULL;) {
                r = add_word(words, option->name, text, err);
            }
        } else if (cli_given(cli, option->name)) {
            text = option->kind == CLI_FLAG ? (cli_flag(cli, option->name) ? "true" : "false")
                                            : cli_text(cli, option->name);
            r = add_word(words, option->name, text, err);
        }
    }
    if (r >= 0 && cli_count(cli, "net") == 0) {
        r = add_word(words, "net", "user", err);
    }
    return r;
}

static int create(struct cli *cli, struct engine *engine, bool foreground,
                  struct engine_instance **ret_instance, struct st_err *err)
{
    static const char *entrypoint[] = {"strata-vm", NULL};
    struct words words = {.count = 0};
    st_auto(buf) struct st_buf warnings = ST_BUF_HEAP(TEXT_MAX_BYTES);
    bool tty = foreground ? os_is_terminal(STDIN_FILENO) : true;

    if (cli_text(cli, "kernel") == NULL) {
        int r = st_fail(err, ST_EINVAL, "nothing to boot");
        st_hint(err, "Name a kernel with --kernel.");
        return r;
    }
    if (os_access(AT_FDCWD, cli_text(cli, "kernel"), R_OK, 0) < 0) {
        return st_fail(err, ST_ENOENT, "kernel %s cannot be read", cli_text(cli, "kernel"));
    }
    int r = fill_words(cli, &words, err);
    struct engine_config config = {
        .name = cli_text(cli, "name"),
        .isolation = "vm",
        .no_image = true,
        .image = cli_text(cli, "kernel"),
        .auto_remove = cli_flag(cli, "rm"),
        .process = {.entrypoint = entrypoint,
                    .entrypoint_count = 1,
                    .cmd = (const char **)words.list,
                    .cmd_count = words.count,
                    .tty = tty,
                    .open_stdin = true,
                    .stdin_once = foreground,
                    .attach_stdin = foreground,
                    .attach_stdout = foreground,
                    .attach_stderr = foreground,
                    .stop_signal = "SIGPWR"},
        .network = {.mode = "none"},
        .restart = {.policy = cli_text(cli, "restart")},
    };
    r = r < 0 ? r : engine_create(engine, &config, &warnings, ret_instance, err);
    verb_warnings(&warnings);
    words_done(&words);
    return r;
}

static int vm_create(struct cli *cli, struct st_err *err)
{
    st_auto(engine) struct engine *engine = NULL;
    st_auto(engine_instance) struct engine_instance *instance = NULL;
    int r = verb_open(cli, &engine, err);
    r = r < 0 ? r : create(cli, engine, false, &instance, err);
    return r < 0 ? r : cli_printf("%s\n", engine_instance_id(instance));
}

static int run_detached(struct cli *cli, struct engine_instance *instance, struct st_err *err)
{
    struct engine_start_options options = {0};
    int code = cli_failure(cli);
    char id[ENGINE_ID_LENGTH + 1];
    (void)st_strcopy(id, sizeof id, engine_instance_id(instance));
    int r = engine_start(instance, &options, NULL, &code, err);
    return r < 0 ? r : cli_printf("%s\n", id);
}

static int vm_run(struct cli *cli, struct st_err *err)
{
    st_auto(engine) struct engine *engine = NULL;
    st_auto(engine_instance) struct engine_instance *instance = NULL;
    bool detach = cli_flag(cli, "detach");
    int r = verb_open(cli, &engine, err);
    r = r < 0 ? r : create(cli, engine, !detach, &instance, err);
    if (r < 0 || detach) {
        return r < 0 ? r : run_detached(cli, instance, err);
    }
    struct verb_attach_options options = {
        .with_stdin = true,
        .with_stdout = true,
        .with_stderr = true,
        .detach_keys = cli_text(cli, "detach-keys"),
    };
    return verb_start_attached(cli, instance, &options, err);
}

/* ---- reboot ---- */

static int act_reboot(struct cli *cli, struct engine *engine, const char *ref, struct st_err *err)
{
    st_auto(engine_instance) struct engine_instance *instance = NULL;
    (void)cli;
    int r = engine_find(engine, ref, &instance, err);
    return r < 0 ? r : engine_reset(instance, err);
}

static int vm_reboot(struct cli *cli, struct st_err *err)
{
    return verb_each(cli, act_reboot, true, err);
}

/* ---- ls ---- */

static int list_row(const struct engine_item *item, struct st_buf *to)
{
    st_auto(buf) struct st_buf status = ST_BUF_HEAP(256);
    int r = engine_status_text(item, (int64_t)os_realtime_ns(), &status);

    if (r >= 0) {
        st_buf_printf(to, "%-20s %.*s   %-28s %s\n", engine_instance_name(item->instance),
                      ENGINE_ID_SHORT, engine_instance_id(item->instance), st_buf_string(&status),
                      engine_instance_config(item->instance)->image);
    }
    return r;
}

static int vm_ls(struct cli *cli, struct st_err *err)
{
    static const struct engine_filter machines = {"isolation", "vm"};
    const struct engine_list_options options = {
        .all = cli_flag(cli, "all"), .filters = &machines, .filters_count = 1};
    st_auto(engine) struct engine *engine = NULL;
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(1 << 20);
    struct engine_list list = {0};
    int r = verb_open(cli, &engine, err);
    r = r < 0 ? r : engine_list(engine, &options, &list, err);
    if (r < 0) {
        return r;
    }
    st_buf_printf(&text, "%-20s %-12s   %-28s %s\n", "NAME", "ID", "STATUS", "KERNEL");
    for (size_t i = 0; r >= 0 && i < list.count; i++) {
        r = list_row(&list.items[i], &text);
    }
    r = r < 0 ? r : cli_buf_out(&text);
    if (r >= 0 && list.left_out.code != 0) {
        r = st_fail(err, list.left_out.code, "a machine is missing here: %s", list.left_out.msg);
    }
    engine_list_done(&list);
    return r;
}

/* ---- tables ---- */

static const struct cli_option own_options[] = {
    {.name = "name", .kind = CLI_STRING, .value = "NAME", .help = "Name the machine NAME."},
    {.name = "rm", .kind = CLI_FLAG, .help = "Remove the machine when it has ended."},
    {.name = "restart",
     .kind = CLI_STRING,
     .value = "POLICY",
     .choices = "no|always|unless-stopped|on-failure",
     .help = "Start it again when its process has ended."},
    {0},
};

static const struct cli_option run_options[] = {
    {.name = "detach",
     .letter = 'd',
     .kind = CLI_FLAG,
     .help = "Print the ID and leave the machine running in the background."},
    {.name = "detach-keys",
     .kind = CLI_STRING,
     .value = "KEYS",
     .help = "Keys that detach from the terminal. Without it, ctrl-p,ctrl-q."},
    {0},
};

static const struct cli_option ls_options[] = {
    {.name = "all", .letter = 'a', .kind = CLI_FLAG, .help = "List machines that do not run too."},
    {0},
};

static const struct cli_exit run_exits[] = {
    {"0", "The guest switched the machine off."},
    {"101", "The guest's kernel panicked."},
    {"102", "The guest crashed: triple fault."},
    {"104", "Somebody ended the machine."},
    {"105", "The machine broke down: a fault of Strata."},
    {"125", "The machine could not be made or started."},
    {0},
};

static const struct cli_exit exits[] = {
    {"0", "All went well."},
    {"1", "Something failed; standard error says what."},
    {0},
};

static const struct cli_example run_examples[] = {
    {"strata vm run --rm --kernel vmlinuz --initrd initrd.img --append console=ttyS0",
     "Boot a kernel with its serial console on this terminal."},
    {"strata vm run -d --name db --kernel vmlinuz --disk db.img --publish 5432:5432",
     "Run a machine with a disk in the background, one port of it published."},
    {0},
};

static const struct cli_verb verb_create = {
    .name = "create",
    .summary = "Make a virtual machine without starting it.",
    .about = "The ID is printed. Start it with strata vm start.",
    .options = {own_options, vm_machine_options},
    .failure = ENGINE_EXIT_FAILED,
    .exits = exits,
    .see_also = "strata-vm-run(1), strata-start(1)",
    .run = vm_create,
};

static const struct cli_verb verb_run = {
    .name = "run",
    .summary = "Make and start a virtual machine.",
    .about = "In the foreground the first serial port is the terminal, and the command ends when "
             "the guest switches the machine off. In a terminal Ctrl-A is the escape key: then x "
             "ends the machine, b presses the power button, p pauses it or lets it go on. Without "
             "--net the machine has one network card on a user-mode network.",
    .options = {run_options, own_options, vm_machine_options},
    .failure = ENGINE_EXIT_FAILED,
    .examples = run_examples,
    .exits = run_exits,
    .see_also = "strata-vm(1), strata-vm-create(1), strata-vm-gdb(1)",
    .run = vm_run,
};

static const struct cli_verb verb_reboot = {
    .name = "reboot",
    .aliases = {"reset"},
    .summary = "Press the reset button of running machines.",
    .about = "The guest is not asked. To have it shut down, use strata vm stop, which presses the "
             "power button.",
    .arguments = "INSTANCE...",
    .min = 1,
    .max = CLI_ANY,
    .complete = CLI_COMPLETE_INSTANCE,
    .exits = exits,
    .see_also = "strata-stop(1)",
    .run = vm_reboot,
};

static const struct cli_verb verb_ls = {
    .name = "ls",
    .aliases = {"list"},
    .summary = "List virtual machines.",
    .options = {ls_options},
    .exits = exits,
    .see_also = "strata-ps(1)",
    .run = vm_ls,
};

static const struct cli_verb console = {.name = "console", .same_as = &strata_verb_attach};
static const struct cli_verb inspect = {.name = "inspect", .same_as = &strata_verb_inspect};
static const struct cli_verb kill_verb = {.name = "kill", .same_as = &strata_verb_kill};
static const struct cli_verb logs = {.name = "logs", .same_as = &strata_verb_logs};
static const struct cli_verb pause_verb = {.name = "pause", .same_as = &strata_verb_pause};
static const struct cli_verb resume = {.name = "resume", .same_as = &strata_verb_unpause};
static const struct cli_verb rm = {.name = "rm", .same_as = &strata_verb_rm};
static const struct cli_verb start = {.name = "start", .same_as = &strata_verb_start};
static const struct cli_verb stop = {.name = "stop", .same_as = &strata_verb_stop};

static const struct cli_verb *const verbs[] = {
    &console, &verb_create, &strata_verb_vm_gdb,
    &inspect, &kill_verb,   &logs,
    &verb_ls, &pause_verb,  &verb_reboot,
    &resume,  &rm,          &verb_run,
    &start,   &stop,        NULL,
};

const struct cli_verb strata_verb_vm = {
    .name = "vm",
    .summary = "Run and manage virtual machines.",
    .about = "A machine boots a kernel of yours, under KVM or, where there is none that is of use, "
             "on a CPU in software. It is an instance: strata ps, logs, inspect and rm see it too.",
    .verbs = verbs,
};
