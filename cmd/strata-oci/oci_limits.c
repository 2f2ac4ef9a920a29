/* The verbs about resources: update and events. */
#include <stdlib.h>

#include "base/heap.h"
#include "cli/cli_out.h"
#include "strata-oci/oci.h"

enum { OUTPUT_MAX = 1 << 20 };

static const struct cli_option update_options[] = {
    {.name = "resources",
     .letter = 'r',
     .kind = CLI_STRING,
     .value = "FILE",
     .complete = CLI_COMPLETE_FILE,
     .help = "Read the limits from FILE, a JSON object as linux.resources; - is standard input. "
             "All other options are ignored then."},
    {.name = "blkio-weight",
     .kind = CLI_STRING,
     .value = "N",
     .help = "Set the block I/O weight, 10 to 1000."},
    {.name = "cpu-period",
     .kind = CLI_STRING,
     .value = "US",
     .help = "Set the period of CPU quotas, in microseconds."},
    {.name = "cpu-quota",
     .kind = CLI_STRING,
     .value = "US",
     .help = "Set the CPU time that a period allows, in microseconds."},
    {.name = "cpu-burst",
     .kind = CLI_STRING,
     .value = "US",
     .help = "Set the unused CPU time that may be saved up, in microseconds."},
    {.name = "cpu-share",
     .kind = CLI_STRING,
     .value = "N",
     .help = "Set the share of CPU time against other containers."},
    {.name = "cpu-rt-period",
     .kind = CLI_STRING,
     .value = "US",
     .help = "Set the period of realtime scheduling, in microseconds."},
    {.name = "cpu-rt-runtime",
     .kind = CLI_STRING,
     .value = "US",
     .help = "Set the realtime that a period allows, in microseconds."},
    {.name = "cpuset-cpus",
     .kind = CLI_STRING,
     .value = "LIST",
     .help = "Set the CPUs to run on, as 0-3,7."},
    {.name = "cpuset-mems",
     .kind = CLI_STRING,
     .value = "LIST",
     .help = "Set the memory nodes to use."},
    {.name = "cpu-idle",
     .kind = CLI_STRING,
     .value = "N",
     .help = "Run at idle priority (1) or not (0)."},
    {.name = "memory",
     .kind = CLI_STRING,
     .value = "BYTES",
     .help = "Set the memory limit; -1 is unlimited."},
    {.name = "memory-reservation",
     .kind = CLI_STRING,
     .value = "BYTES",
     .help = "Set the memory to be spared when memory runs short."},
    {.name = "memory-swap",
     .kind = CLI_STRING,
     .value = "BYTES",
     .help = "Set the limit of memory and swap together; -1 is unlimited."},
    {.name = "kernel-memory", .kind = CLI_STRING, .value = "BYTES"},
    {.name = "kernel-memory-tcp", .kind = CLI_STRING, .value = "BYTES"},
    {.name = "pids-limit",
     .kind = CLI_STRING,
     .value = "N",
     .help = "Set the largest number of processes; -1 is unlimited."},
    {0},
};

static int verb_update(struct cli *cli, struct st_err *err)
{
    const struct ctr_update_options options = {
        .resources = cli_text(cli, "resources"),
        .blkio_weight = cli_text(cli, "blkio-weight"),
        .cpu_period = cli_text(cli, "cpu-period"),
        .cpu_quota = cli_text(cli, "cpu-quota"),
        .cpu_burst = cli_text(cli, "cpu-burst"),
        .cpu_share = cli_text(cli, "cpu-share"),
        .cpu_rt_period = cli_text(cli, "cpu-rt-period"),
        .cpu_rt_runtime = cli_text(cli, "cpu-rt-runtime"),
        .cpuset_cpus = cli_text(cli, "cpuset-cpus"),
        .cpuset_mems = cli_text(cli, "cpuset-mems"),
        .cpu_idle = cli_text(cli, "cpu-idle"),
        .memory = cli_text(cli, "memory"),
        .memory_reservation = cli_text(cli, "memory-reservation"),
        .memory_swap = cli_text(cli, "memory-swap"),
        .pids_limit = cli_text(cli, "pids-limit"),
    };
    return ctr_update(&oci_of(cli)->runtime, cli->args[0], &options, err);
}

static const struct cli_option events_options[] = {
    {.name = "interval",
     .kind = CLI_DURATION,
     .value = "TIME",
     .fallback = "5s",
     .help = "Print statistics this often."},
    {.name = "stats", .kind = CLI_FLAG, .help = "Print the statistics once and return."},
    {0},
};

static int print_line(void *arg, const struct st_buf *line)
{
    (void)arg;
    return cli_buf_out(line);
}

static int verb_events(struct cli *cli, struct st_err *err)
{
    const struct ctr_runtime *runtime = &oci_of(cli)->runtime;
    if (!cli_flag(cli, "stats")) {
        return ctr_events(runtime, cli->args[0], cli_number(cli, "interval"), print_line, NULL,
                          err);
    }
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(OUTPUT_MAX);
    int r = ctr_stats(runtime, cli->args[0], &text, err);
    if (r < 0) {
        return r;
    }
    r = cli_buf_out(&text);
    return r < 0 ? st_fail_os(err, r, "writing to standard output") : 0;
}

const struct cli_verb oci_verb_update = {
    .name = "update",
    .summary = "Change the resource limits of a container.",
    .options = {update_options},
    .arguments = "ID",
    .min = 1,
    .max = 1,
    .run = verb_update,
};
const struct cli_verb oci_verb_events = {
    .name = "events",
    .summary = "Print statistics and out-of-memory events of a container.",
    .options = {events_options},
    .arguments = "ID",
    .min = 1,
    .max = 1,
    .run = verb_events,
};
