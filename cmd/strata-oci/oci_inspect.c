/* The verbs that tell about containers: state, list, ps, events, spec, features. */
#include <fcntl.h>
#include <stdlib.h>

#include "base/heap.h"
#include "base/print.h"
#include "base/str.h"
#include "cli/cli_out.h"
#include "os/os_file.h"
#include "strata-oci/oci.h"

/* The largest output. */
enum { OUTPUT_MAX = 64 << 20 };

static int print(int result, struct st_buf *text, struct st_err *err)
{
    if (result < 0) {
        return result;
    }
    int r = cli_buf_out(text);
    return r < 0 ? st_fail_os(err, r, "writing to standard output") : 0;
}

static int verb_state(struct cli *cli, struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(OUTPUT_MAX);
    return print(ctr_state(&oci_of(cli)->runtime, cli->args[0], &text, err), &text, err);
}

static const struct cli_option list_options[] = {
    {.name = "format",
     .letter = 'f',
     .kind = CLI_STRING,
     .value = "FORMAT",
     .choices = "table|json",
     .fallback = "table",
     .help = "Print a table or JSON."},
    {.name = "quiet", .letter = 'q', .kind = CLI_FLAG, .help = "Print IDs only."},
    {0},
};

static int verb_list(struct cli *cli, struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(OUTPUT_MAX);
    enum ctr_format format = cli_flag(cli, "quiet")                      ? CTR_QUIET
                             : st_streq(cli_text(cli, "format"), "json") ? CTR_JSON
                                                                         : CTR_TABLE;
    return print(ctr_list(&oci_of(cli)->runtime, format, &text, err), &text, err);
}

static const struct cli_option ps_options[] = {
    {.name = "format",
     .letter = 'f',
     .kind = CLI_STRING,
     .value = "FORMAT",
     .choices = "table|json",
     .fallback = "table",
     .help = "Print what ps(1) prints of the container's processes, or their numbers as JSON."},
    {0},
};

static int verb_ps(struct cli *cli, struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(OUTPUT_MAX);
    enum ctr_format format = st_streq(cli_text(cli, "format"), "json") ? CTR_JSON : CTR_TABLE;
    return print(ctr_ps(&oci_of(cli)->runtime, cli->args[0], format, cli->args + 1, &text, err),
                 &text, err);
}

const struct cli_verb oci_verb_state = {
    .name = "state",
    .summary = "Print the state of a container as JSON.",
    .arguments = "ID",
    .min = 1,
    .max = 1,
    .run = verb_state,
};
const struct cli_verb oci_verb_list = {
    .name = "list",
    .summary = "List containers.",
    .options = {list_options},
    .run = verb_list,
};
const struct cli_verb oci_verb_ps = {
    .name = "ps",
    .summary = "List the processes of a container.",
    .options = {ps_options},
    .arguments = "ID [PS-OPTION...]",
    .min = 1,
    .max = CLI_ANY,
    .command = true,
    .run = verb_ps,
};

static const struct cli_option spec_options[] = {
    {.name = "bundle",
     .letter = 'b',
     .kind = CLI_STRING,
     .value = "DIR",
     .complete = CLI_COMPLETE_FOLDER,
     .help = "Write config.json into DIR."},
    {.name = "rootless",
     .kind = CLI_FLAG,
     .help = "Make one for an unprivileged user, with a user namespace."},
    {0},
};

static int verb_spec(struct cli *cli, struct st_err *err)
{
    char path[4096];
    const char *bundle = cli_text(cli, "bundle");
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(OUTPUT_MAX);
    if (st_snprintf(path, sizeof(path), "%s/config.json", bundle == NULL ? "." : bundle) >=
        sizeof(path)) {
        return st_fail(err, ST_ENAMETOOLONG, "--bundle is too long");
    }
    int r = ctr_spec(cli_flag(cli, "rootless"), &text, err);
    if (r < 0) {
        return r;
    }
    st_auto(fd) int fd = os_open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (fd == -ST_EEXIST) {
        return st_fail(err, ST_EEXIST, "File %s exists. Remove it first", path);
    }
    r = fd < 0 ? fd : os_write_all(fd, text.data, text.length);
    if (r < 0 && fd >= 0) {
        (void)os_unlinkat(AT_FDCWD, path, 0);
    }
    return r < 0 ? st_fail_os(err, r, "writing %s", path) : 0;
}

static int verb_features(struct cli *cli, struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(OUTPUT_MAX);
    (void)cli;
    return print(ctr_features(&text, err), &text, err);
}

const struct cli_verb oci_verb_spec = {
    .name = "spec",
    .summary = "Write a config.json to begin with.",
    .options = {spec_options},
    .run = verb_spec,
};
const struct cli_verb oci_verb_features = {
    .name = "features",
    .summary = "Print what this runtime supports as JSON.",
    .run = verb_features,
};
