/* strata-oci: the OCI runtime, behind runc's command line. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/print.h"
#include "base/str.h"
#include "cli/cli_out.h"
#include "os/os_file.h"
#include "os/os_process.h"
#include "strata-oci/oci.h"

static const struct cli_option options[] = {
    {.name = "root",
     .kind = CLI_STRING,
     .value = "DIR",
     .complete = CLI_COMPLETE_FOLDER,
     .help = "Keep the state of containers in DIR. The default is /run/strata-oci, and "
             "$XDG_RUNTIME_DIR/strata-oci for others than root."},
    {.name = "log",
     .kind = CLI_STRING,
     .value = "FILE",
     .complete = CLI_COMPLETE_FILE,
     .help = "Append messages to FILE instead of writing them to standard error."},
    {.name = "log-format",
     .kind = CLI_STRING,
     .value = "FORMAT",
     .choices = "text|json",
     .fallback = "text",
     .help = "Write the log as text or json."},
    {.name = "debug", .kind = CLI_FLAG, .help = "Log debugging messages too."},
    {.name = "systemd-cgroup",
     .kind = CLI_FLAG,
     .help = "Refused: cgroups are managed by the cgroupfs driver only."},
    {.name = "rootless",
     .kind = CLI_STRING,
     .value = "WHEN",
     .choices = "true|false|auto",
     .fallback = "auto",
     .help = "Forgive what an unprivileged user may not do with cgroups."},
    {.name = "criu", .kind = CLI_STRING, .value = "FILE"},
    {0},
};

static const struct cli_verb *const verbs[] = {
    &oci_verb_create,   &oci_verb_delete, &oci_verb_events, &oci_verb_exec,
    &oci_verb_features, &oci_verb_kill,   &oci_verb_list,   &oci_verb_pause,
    &oci_verb_ps,       &oci_verb_resume, &oci_verb_run,    &oci_verb_spec,
    &oci_verb_start,    &oci_verb_state,  &oci_verb_update, NULL,
};

static const struct cli_exit exits[] = {
    {"0", "The command did what it was asked for."},
    {"1", "It failed; the message says why."},
    {"N", "run and exec in the foreground: the exit status of the container's process, or 128 plus "
          "the number of the signal that ended it."},
    {0},
};

static struct oci state = {.log = {.fd = -1}};

static void warn(void *arg, const char *text)
{
    struct oci *oci = arg;
    cli_log_text(&oci->log, CLI_LOG_WARNING, text);
}

/* The folder of the containers as an absolute path: it is part of what others are told. */
static int find_root(const struct cli *cli, struct oci *oci, struct st_err *err)
{
    char cwd[sizeof(oci->root)];
    const char *root = cli_text(cli, "root");
    if (root == NULL || root[0] == '\0') {
        return ctr_default_root(oci->root, sizeof(oci->root), err);
    }
    if (root[0] == '/') {
        return st_strcopy(oci->root, sizeof(oci->root), root)
                   ? 0
                   : st_fail(err, ST_ENAMETOOLONG, "--root is too long");
    }
    int r = os_getcwd(cwd, sizeof(cwd));
    if (r < 0) {
        return st_fail_os(err, r, "finding the working folder");
    }
    return st_snprintf(oci->root, sizeof(oci->root), "%s/%s", cwd, root) < sizeof(oci->root)
               ? 0
               : st_fail(err, ST_ENAMETOOLONG, "--root is too long");
}

static int prepare(struct cli *cli, struct st_err *err)
{
    const char *rootless = cli_text(cli, "rootless");
    cli->user = &state;
    int r =
        cli_log_open(&state.log, cli_text(cli, "log"),
                     st_streq(cli_text(cli, "log-format"), "json"), cli_flag(cli, "debug"), err);
    if (r < 0) {
        return r;
    }
    if (cli_flag(cli, "systemd-cgroup")) {
        return st_fail(err, ST_EUNSUPPORTED,
                       "--systemd-cgroup is not supported: use the cgroupfs driver");
    }
    state.runtime = (struct ctr_runtime){
        .root = state.root,
        .rootless = st_streq(rootless, "true") || (st_streq(rootless, "auto") && ctr_is_rootless()),
        .warn = warn,
        .warn_arg = &state,
    };
    return find_root(cli, &state, err);
}

/* Engines read the log; a person reads standard error. */
static void report(struct cli *cli, const struct st_err *err)
{
    if (cli->user != NULL && state.log.fd > STDERR_FILENO) {
        cli_log_text(&state.log, CLI_LOG_ERROR, err->msg);
    }
    cli_print_error("strata-oci", err);
}

int oci_finish(struct cli *cli, int result, int status, struct st_err *err)
{
    if (result < 0 && status != 0) {
        report(cli, err);
        return status;
    }
    return result < 0 ? result : status;
}

static const struct cli_program program = {
    .name = "strata-oci",
    .version = "version " STRATA_VERSION "\nspec: 1.2.1",
    .summary = "Run containers as the OCI runtime specification has them.",
    .about = "strata-oci creates and runs containers from bundles: folders with a root file system "
             "and a config.json. Its command line and its output are those of runc, so Docker, "
             "Podman, containerd and CRI-O can drive it.",
    .options = {options},
    .verbs = verbs,
    .exits = exits,
    .files = "/run/strata-oci: the state of the containers.",
    .see_also = "strata(1), runc(8)",
    .failure = 1,
    .single_dash_long = true,
    .one_page = true,
    .prepare = prepare,
    .report = report,
};

/* Does the command put a process into a container? Argument lists are not parsed yet: that changes
 * their order, and they may have to be handed on. */
static bool enters_container(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (st_streq(argv[i], "run") || st_streq(argv[i], "create") || st_streq(argv[i], "exec")) {
            return true;
        }
    }
    return false;
}

/* Descriptors 0 to 2 must be something, or what is opened next would become it. */
static int open_standard_fds(void)
{
    struct stat st;
    for (int fd = 0; fd < 3; fd++) {
        if (os_fstat(fd, &st) == -ST_EBADF) {
            int opened = os_open("/dev/null", O_RDWR, 0);
            if (opened < 0 || os_set_cloexec(opened, false) < 0) {
                return -ST_EBADF;
            }
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct st_err err = {0};
    if (open_standard_fds() < 0) {
        return 1;
    }
    if (enters_container(argc, argv) && ctr_protect_self(argv, &err) < 0) {
        cli_print_error("strata-oci", &err);
        return 1;
    }
    return cli_main(&program, argc, argv);
}
