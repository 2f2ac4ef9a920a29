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
