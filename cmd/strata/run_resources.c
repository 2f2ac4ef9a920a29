/* What an instance may use: CPUs, memory, processes and the limits of each process. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "strata/run_config_priv.h"

/* "1.5" as billionths. More than nine digits behind the point would be cut: refused. */
static int parse_cpus(const char *text, int64_t *ret_nano)
{
    char digits[24];
    const char *point = strchr(text, '.');
    size_t whole = point != NULL ? (size_t)(point - text) : strlen(text);
    size_t fraction = point != NULL ? strlen(point + 1) : 0;
    uint64_t value;
    while (fraction > 0 && point[fraction] == '0') {
        fraction--;
    }
    if (whole + fraction == 0 || whole > 9 || fraction > 9) {
        return -ST_EINVAL;
    }
    memcpy(digits, text, whole);
    memset(digits + whole, '0', 9);
    if (fraction > 0) {
        memcpy(digits + whole, point + 1, fraction);
    }
    digits[whole + 9] = '\0';
    int r = st_parse_u64(digits, 10, INT64_MAX, &value);
    if (r == 0) {
        *ret_nano = (int64_t)value;
    }
    return r;
}

static int fill_cpus(struct run_parse *p)
{
    struct engine_resources *to = &p->config->resources;
    const char *cpus = cli_text(p->cli, "cpus");
    if (cpus != NULL && parse_cpus(cpus, &to->nano_cpus) < 0) {
        return run_invalid(p, "cpus", cpus, "it must be a number such as 2 or 0.5");
    }
    to->cpu_shares = cli_signed(p->cli, "cpu-shares");
    to->cpu_period_us = cli_signed(p->cli, "cpu-period");
    to->cpu_quota_us = cli_signed(p->cli, "cpu-quota");
    to->cpuset_cpus = cli_text(p->cli, "cpuset-cpus");
    to->cpuset_mems = cli_text(p->cli, "cpuset-mems");
    if (to->nano_cpus > 0 && (to->cpu_period_us > 0 || to->cpu_quota_us > 0)) {
        return st_fail(p->err, ST_EINVAL,
                       "conflicting options: --cpus excludes --cpu-period and --cpu-quota");
    }
    return 0;
}

static int size_option(struct run_parse *p, const char *name, int64_t *ret_bytes)
{
    uint64_t bytes = cli_number(p->cli, name);
    if (bytes > INT64_MAX) {
        return run_invalid(p, name, cli_text(p->cli, name), "it is too large");
    }
    *ret_bytes = (int64_t)bytes;
    return 0;
}

static int fill_memory(struct run_parse *p)
{
    struct engine_resources *to = &p->config->resources;
    const char *swap = cli_text(p->cli, "memory-swap");
    uint64_t bytes = 0;
    int r = size_option(p, "memory", &to->memory_bytes);
    r = r == 0 ? size_option(p, "memory-reservation", &to->memory_reservation_bytes) : r;
    r = r == 0 ? size_option(p, "shm-size", &to->shm_bytes) : r;
    if (r < 0) {
        return r;
    }
    if (st_streq(swap, "-1")) {
        to->memory_swap_bytes = -1;
    } else if (swap != NULL) {
        if (cli_parse_size(swap, &bytes) < 0 || bytes > INT64_MAX) {
            return run_invalid(p, "memory-swap", swap, "it must be a size such as 1g, or -1");
        }
        to->memory_swap_bytes = (int64_t)bytes;
    }
    if (cli_given(p->cli, "memory-swappiness")) {
        to->swappiness = cli_signed(p->cli, "memory-swappiness");
        to->has_swappiness = to->swappiness != -1;
    }
    return 0;
}

static int parse_ulimit(struct run_parse *p, const char *text, struct spec_rlimit *to)
{
    static const char *const names[] = {
        "as",   "core",   "cpu",   "data", "fsize",  "locks",  "memlock",    "msgqueue",
        "nice", "nofile", "nproc", "rss",  "rtprio", "rttime", "sigpending", "stack"};
    char soft[24];
    size_t length = strcspn(text, "=");
    for (size_t i = 0; i < ST_COUNT(names) && to->type == NULL; i++) {
        if (strlen(names[i]) == length && strncmp(names[i], text, length) == 0) {
            to->type = names[i];
        }
    }
    if (to->type == NULL || text[length] == '\0') {
        return run_invalid(p, "ulimit", text,
                           to->type == NULL ? "there is no such limit"
                                            : "it must be NAME=SOFT[:HARD]");
    }
    const char *values = text + length + 1;
    length = strcspn(values, ":");
    const char *hard = values[length] == ':' ? values + length + 1 : NULL;
    if (length >= sizeof soft) {
        return run_invalid(p, "ulimit", text, "the number is too large");
    }
    memcpy(soft, values, length);
    soft[length] = '\0';
    to->soft = UINT64_MAX;
    if (!st_streq(soft, "-1") && st_parse_u64(soft, 10, INT64_MAX, &to->soft) < 0) {
        return run_invalid(p, "ulimit", text, "the limits must be numbers or -1");
    }
    to->hard = hard == NULL ? to->soft : UINT64_MAX;
    if (hard != NULL && !st_streq(hard, "-1") && st_parse_u64(hard, 10, INT64_MAX, &to->hard) < 0) {
        return run_invalid(p, "ulimit", text, "the limits must be numbers or -1");
    }
    return to->soft <= to->hard
               ? 0
               : run_invalid(p, "ulimit", text, "the soft limit is above the hard limit");
}

/* Of two of one name, the last counts. */
static int fill_ulimits(struct run_parse *p)
{
    struct engine_resources *to = &p->config->resources;
    size_t count = cli_count(p->cli, "ulimit");
    size_t cursor = 0;
    const char *text;
    if (count == 0) {
        return 0;
    }
    int r = run_alloc(p, count, sizeof *to->ulimits, &to->ulimits);
    while (r == 0 && (text = cli_next(p->cli, "ulimit", &cursor)) != NULL) {
        struct spec_rlimit limit = {0};
        size_t i = 0;
        r = parse_ulimit(p, text, &limit);
        while (r == 0 && i < to->ulimits_count && !st_streq(to->ulimits[i].type, limit.type)) {
            i++;
        }
        if (r == 0) {
            to->ulimits[i] = limit;
            to->ulimits_count += i == to->ulimits_count;
        }
    }
    return r;
}

int run_fill_resources(struct run_parse *p)
{
    struct engine_resources *to = &p->config->resources;
    int r = fill_cpus(p);
    r = r == 0 ? fill_memory(p) : r;
    r = r == 0 ? fill_ulimits(p) : r;
    to->oom_kill_disable = cli_flag(p->cli, "oom-kill-disable");
    to->oom_score_adj = cli_signed(p->cli, "oom-score-adj");
    to->pids_limit = cli_signed(p->cli, "pids-limit");
    to->blkio_weight = cli_signed(p->cli, "blkio-weight");
    return r;
}
