/* The verbs that take things out of an instance and into it: logs, cp, port. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/cli_out.h"
#include "os/os_time.h"
#include "strata/verb_engine.h"
#include "strata/verbs.h"

/* ---- logs ---- */

static int verb_logs(struct cli *cli, struct st_err *err)
{
    st_auto(engine) struct engine *engine = NULL;
    st_auto(engine_instance) struct engine_instance *instance = NULL;
    int64_t now = (int64_t)os_realtime_ns();
    const char *tail = cli_text(cli, "tail");
    const char *since = cli_text(cli, "since");
    const char *until = cli_text(cli, "until");
    struct engine_logs_options options = {
        .tail = -1,
        .follow = cli_flag(cli, "follow"),
        .timestamps = cli_flag(cli, "timestamps"),
        .details = cli_flag(cli, "details"),
        .out_fd = STDOUT_FILENO,
        .err_fd = STDERR_FILENO,
    };
    if (!st_streq(tail, "all") && st_parse_i64(tail, -1, INT64_MAX, &options.tail) < 0) {
        return st_fail(err, ST_EINVAL,
                       "invalid value \"%s\" for --tail: it must be a number or all", tail);
    }
    int r = since == NULL ? 0 : engine_parse_time(since, now, &options.since_ns, err);
    r = r < 0 || until == NULL ? r : engine_parse_time(until, now, &options.until_ns, err);
    r = r < 0 ? r : verb_open_instance(cli, &engine, &instance, err);
    return r < 0 ? r : engine_logs(instance, &options, err);
}

static const struct cli_option logs_options[] = {
    {.name = "follow", .letter = 'f', .kind = CLI_FLAG, .help = "Go on with what is written next."},
    {.name = "tail",
     .letter = 'n',
     .kind = CLI_STRING,
     .value = "LINES",
     .fallback = "all",
     .help = "Show only this many of the last lines."},
    {.name = "timestamps", .letter = 't', .kind = CLI_FLAG, .help = "Show the time of each line."},
    {.name = "since",
     .kind = CLI_STRING,
     .value = "TIME",
     .help = "Show lines since this time: 10m, 2024-01-02T15:04:05 or seconds since 1970."},
    {.name = "until", .kind = CLI_STRING, .value = "TIME", .help = "Show lines before this time."},
    {.name = "details",
     .kind = CLI_FLAG,
     .help = "Show what the options of the log add to each line."},
    {0},
};

static const struct cli_example logs_examples[] = {
    {"strata logs -f --tail 20 web", "Show the last twenty lines and what comes next."},
    {0},
};

const struct cli_verb strata_verb_logs = {
    .name = "logs",
    .summary = "Show what an instance has written.",
    .options = {logs_options},
    .arguments = "INSTANCE",
    .min = 1,
    .max = 1,
    .complete = CLI_COMPLETE_INSTANCE,
    .examples = logs_examples,
    .see_also = "strata-attach(1)",
    .run = verb_logs,
};

/* ---- cp ---- */

/* The path of INSTANCE:PATH; NULL for a path of the host, which may say so by / or . at its
 * beginning. Cuts the argument at the colon. */
static const char *instance_path(char *argument)
{
    char *colon = strchr(argument, ':');
    if (argument[0] == '/' || argument[0] == '.' || colon == NULL || colon == argument) {
        return NULL;
    }
    *colon = '\0';
    return colon + 1;
}

static int verb_cp(struct cli *cli, struct st_err *err)
{
    st_auto(engine) struct engine *engine = NULL;
    st_auto(engine_instance) struct engine_instance *instance = NULL;
    char *from = cli->args[0];
    char *to = cli->args[1];
    const char *from_path = instance_path(from);
    const char *to_path = instance_path(to);
    struct engine_cp_options options = {
        .archive = cli_flag(cli, "archive"),
        .follow_links = cli_flag(cli, "follow-link"),
        .tar_fd = from_path != NULL ? STDOUT_FILENO : STDIN_FILENO,
    };
    if (from_path != NULL && to_path != NULL) {
        return st_fail(err, ST_EINVAL, "copying between instances is not supported");
    }
    if (from_path == NULL && to_path == NULL) {
        return st_fail(err, ST_EINVAL, "one of the two must be INSTANCE:PATH");
    }
    int r = verb_open(cli, &engine, err);
    r = r < 0 ? r : engine_find(engine, from_path != NULL ? from : to, &instance, err);
    if (r < 0) {
        return r;
    }
    return from_path != NULL ? engine_cp_out(instance, from_path, to, &options, err)
                             : engine_cp_in(instance, from, to_path, &options, err);
}

static const struct cli_option cp_options[] = {
    {.name = "archive", .letter = 'a', .kind = CLI_FLAG, .help = "Keep owners and groups."},
    {.name = "follow-link",
     .letter = 'L',
     .kind = CLI_FLAG,
     .help = "Copy what a symbolic link as source points at."},
    {.name = "quiet", .letter = 'q', .kind = CLI_FLAG},
    {0},
};

static const struct cli_example cp_examples[] = {
    {"strata cp web:/etc/nginx .", "Copy a folder out of an instance."},
    {"strata cp - web:/srv < site.tar", "Unpack a tar stream in an instance."},
    {0},
};

const struct cli_verb strata_verb_cp = {
    .name = "cp",
    .summary = "Copy files between an instance and the host.",
    .about = "One of FROM and TO is INSTANCE:PATH, the other a path of the host, or - for a tar "
             "stream on standard output or standard input.",
    .options = {cp_options},
    .arguments = "FROM TO",
    .min = 2,
    .max = 2,
    .complete = CLI_COMPLETE_FILE,
    .examples = cp_examples,
    .run = verb_cp,
};

/* ---- port ---- */

/* "80" or "80/udp". */
static int parse_port(const char *text, uint16_t *ret_port, const char **ret_protocol,
                      struct st_err *err)
{
    char number[8];
    uint64_t value;
    size_t length = strcspn(text, "/");
    *ret_protocol = text[length] == '/' ? text + length + 1 : "tcp";
    if (length < sizeof number) {
        memcpy(number, text, length);
        number[length] = '\0';
        if (st_parse_u64(number, 10, 65535, &value) == 0 && value > 0) {
            *ret_port = (uint16_t)value;
            return 0;
        }
    }
    return st_fail(err, ST_EINVAL, "invalid port \"%s\": it must be PORT[/PROTOCOL]", text);
}

static int verb_port(struct cli *cli, struct st_err *err)
{
    st_auto(engine) struct engine *engine = NULL;
    st_auto(engine_instance) struct engine_instance *instance = NULL;
    st_auto(free) struct engine_binding *bindings = NULL;
    st_auto(buf) struct st_buf out = ST_BUF_HEAP(1 << 20);
    const char *protocol = NULL;
    uint16_t port = 0;
    int r = cli->n_args > 1 ? parse_port(cli->args[1], &port, &protocol, err) : 0;
    r = r < 0 ? r : verb_open_instance(cli, &engine, &instance, err);
    r = r < 0 ? r : engine_ports(instance, &bindings, err);
    if (r < 0) {
        return r;
    }
    for (int i = 0; i < r; i++) {
        const struct engine_binding *b = &bindings[i];
        if (protocol == NULL) {
            st_buf_printf(&out, "%u/%s -> %s:%u\n", b->port, b->protocol, b->host_address,
                          b->host_port);
        } else if (b->port == port && st_streq(b->protocol, protocol)) {
            st_buf_printf(&out, "%s:%u\n", b->host_address, b->host_port);
        }
    }
    if (protocol != NULL && out.length == 0) {
        return st_fail(err, ST_ENOTFOUND, "no public port %u/%s is published for %s", port,
                       protocol, cli->args[0]);
    }
    return cli_buf_out(&out);
}

const struct cli_verb strata_verb_port = {
    .name = "port",
    .summary = "Show the published ports of an instance.",
    .arguments = "INSTANCE [PORT[/PROTOCOL]]",
    .min = 1,
    .max = 2,
    .complete = CLI_COMPLETE_INSTANCE,
    .run = verb_port,
};
