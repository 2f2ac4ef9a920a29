/* The verb exec. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "strata-oci/oci.h"

static const struct cli_option options[] = {
    {.name = "process",
     .letter = 'p',
     .kind = CLI_STRING,
     .value = "FILE",
     .complete = CLI_COMPLETE_FILE,
     .help = "Run the process that FILE (JSON) describes."},
    {.name = "tty", .letter = 't', .kind = CLI_FLAG, .help = "Give it a terminal."},
    {.name = "cwd", .kind = CLI_STRING, .value = "DIR", .help = "Start it in DIR."},
    {.name = "env",
     .letter = 'e',
     .kind = CLI_LIST,
     .value = "NAME=VALUE",
     .help = "Add to its environment."},
    {.name = "user",
     .letter = 'u',
     .kind = CLI_STRING,
     .value = "UID[:GID]",
     .help = "Run it as this user."},
    {.name = "additional-gids",
     .letter = 'g',
     .kind = CLI_LIST,
     .value = "GID",
     .help = "Add a group."},
    {.name = "cap", .letter = 'c', .kind = CLI_LIST, .value = "CAP", .help = "Add a capability."},
    {.name = "no-new-privs", .kind = CLI_FLAG, .help = "Set no_new_privs."},
    {.name = "pid-file",
     .kind = CLI_STRING,
     .value = "FILE",
     .complete = CLI_COMPLETE_FILE,
     .help = "Write the number of the process to FILE."},
    {.name = "detach", .letter = 'd', .kind = CLI_FLAG, .help = "Return when it was started."},
    {.name = "console-socket",
     .kind = CLI_STRING,
     .value = "FILE",
     .complete = CLI_COMPLETE_FILE,
     .help = "Send the terminal's master side over this socket."},
    {.name = "apparmor", .kind = CLI_STRING, .value = "PROFILE", .help = "Confine it by PROFILE."},
    {.name = "process-label",
     .kind = CLI_STRING,
     .value = "LABEL",
     .help = "Give it this SELinux label."},
    {.name = "cgroup",
     .kind = CLI_STRING,
     .value = "PATH",
     .help = "Put it into the cgroup PATH below the container's."},
    {.name = "ignore-paused", .kind = CLI_FLAG, .help = "Allow it in a paused container."},
    {.name = "preserve-fds",
     .kind = CLI_U64,
     .value = "N",
     .fallback = "0",
     .help = "Pass descriptors 3 to 3+N-1 on."},
    {0},
};

/* The values of a list option; with commas, each is several. The texts are cut in place. */
static int gather(const struct cli *cli, const char *name, bool commas, const char ***ret_values,
                  size_t *ret_count, struct st_err *err)
{
    size_t cursor = 0, count = 0, room = cli_count(cli, name) + 1;
    const char *text;
    while ((text = cli_next(cli, name, &cursor)) != NULL) {
        for (; *text != '\0'; text++) {
            room += *text == ',';
        }
    }
    const char **values = calloc(room, sizeof(*values));
    if (values == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    cursor = 0;
    while ((text = cli_next(cli, name, &cursor)) != NULL) {
        char *rest = (char *)(uintptr_t)text; /* argv is ours to change */
        while (commas && strchr(rest, ',') != NULL) {
            values[count++] = strsep(&rest, ",");
        }
        values[count++] = rest;
    }
    *ret_values = values;
    *ret_count = count;
    return 0;
}

/* "/a/b" or "a/b" below the container's cgroup; "controller:path" is v1's way to say it. */
static int read_cgroup(const struct cli *cli, const char **ret_path, struct st_err *err)
{
    const char *path = cli_text(cli, "cgroup");
    if (path != NULL && strchr(path, ':') != NULL) {
        return st_fail(err, ST_EUNSUPPORTED,
                       "--cgroup: only one path for all controllers is supported");
    }
    *ret_path = path;
    return 0;
}

static int verb_exec(struct cli *cli, struct st_err *err)
{
    st_auto(free) const char **env = NULL;
    st_auto(free) const char **gids = NULL;
    st_auto(free) const char **caps = NULL;
    struct ctr_exec_options o = {
        .id = cli->args[0],
        .process_file = cli_text(cli, "process"),
        .args = (const char *const *)(cli->args + 1),
        .args_count = cli->n_args - 1,
        .cwd = cli_text(cli, "cwd"),
        .user = cli_text(cli, "user"),
        .apparmor = cli_text(cli, "apparmor"),
        .label = cli_text(cli, "process-label"),
        .console_socket = cli_text(cli, "console-socket"),
        .pid_file = cli_text(cli, "pid-file"),
        .preserve_fds = (unsigned)cli_number(cli, "preserve-fds"),
        .tty = cli_flag(cli, "tty"),
        .detach = cli_flag(cli, "detach"),
        .no_new_privs = cli_flag(cli, "no-new-privs"),
        .ignore_paused = cli_flag(cli, "ignore-paused"),
    };
    int status = 0;
    if (cli_number(cli, "preserve-fds") > INT_MAX / 2) {
        return st_fail(err, ST_EINVAL, "--preserve-fds: too many");
    }
    if (o.process_file == NULL && o.args_count == 0) {
        return st_fail(err, ST_EINVAL, "exec: say what to run, or --process FILE");
    }
    int r = gather(cli, "env", false, &env, &o.env_count, err);
    if (r == 0) {
        r = gather(cli, "additional-gids", true, &gids, &o.gids_count, err);
    }
    if (r == 0) {
        r = gather(cli, "cap", true, &caps, &o.caps_count, err);
    }
    if (r == 0) {
        r = read_cgroup(cli, &o.cgroup, err);
    }
    o.env = env;
    o.gids = gids;
    o.caps = caps;
    if (r == 0) {
        r = ctr_exec(&oci_of(cli)->runtime, &o, &status, err);
    }
    return oci_finish(cli, r, status, err);
}

const struct cli_verb oci_verb_exec = {
    .name = "exec",
    .summary = "Run another process in a container.",
    .options = {options},
    .arguments = "ID [COMMAND [ARG...]]",
    .min = 1,
    .max = CLI_ANY,
    .command = true,
    .run = verb_exec,
};
