/* `update`: changes the limits of a container that exists. Only what was given is written; the rest
 * stays as the kernel has it. See ctr.h. */
#include <fcntl.h>
#include <stdlib.h>

#include "base/str.h"
#include "base/unit.h"
#include "container/ctr_open.h"
#include "container/ctr_status.h"
#include "os/os_file.h"
#include "spec/spec_runtime.h"
#include "json/json_doc.h"

enum { RESOURCES_MAX = 1 << 20 };

/* The resources that the options make, with what they point to. */
struct wanted {
    struct spec_resources resources;
    struct spec_cpu cpu;
    struct spec_memory memory;
    struct spec_pids pids;
    struct spec_block_io block_io;
};

static int read_unsigned(const char *option, const char *text, uint64_t max, bool *ret_has,
                         uint64_t *ret_value, struct st_err *err)
{
    if (text == NULL) {
        return 0;
    }
    int r = st_parse_u64(text, 10, max, ret_value);
    *ret_has = r >= 0;
    return r < 0 ? st_fail_os(err, r, "--%s %s", option, text) : 0;
}

static int read_signed(const char *option, const char *text, bool *ret_has, int64_t *ret_value,
                       struct st_err *err)
{
    if (text == NULL) {
        return 0;
    }
    int r = st_parse_i64(text, INT64_MIN, INT64_MAX, ret_value);
    *ret_has = r >= 0;
    return r < 0 ? st_fail_os(err, r, "--%s %s", option, text) : 0;
}

/* Bytes with a unit; -1: unlimited. */
static int read_size(const char *option, const char *text, bool *ret_has, int64_t *ret_value,
                     struct st_err *err)
{
    uint64_t bytes = 0;
    if (text == NULL) {
        return 0;
    }
    if (st_streq(text, "-1")) {
        *ret_value = -1;
        *ret_has = true;
        return 0;
    }
    int r = st_parse_size(text, &bytes);
    if (r >= 0 && bytes > INT64_MAX) {
        r = -ST_ERANGE;
    }
    if (r < 0) {
        return st_fail_os(err, r, "--%s %s", option, text);
    }
    *ret_value = (int64_t)bytes;
    *ret_has = true;
    return 0;
}

static int read_cpu(const struct ctr_update_options *options, struct spec_cpu *cpu,
                    struct st_err *err)
{
    int r = read_unsigned("cpu-period", options->cpu_period, UINT64_MAX, &cpu->has_period,
                          &cpu->period, err);
    if (r >= 0) {
        r = read_signed("cpu-quota", options->cpu_quota, &cpu->has_quota, &cpu->quota, err);
    }
    if (r >= 0) {
        r = read_unsigned("cpu-burst", options->cpu_burst, UINT64_MAX, &cpu->has_burst, &cpu->burst,
                          err);
    }
    if (r >= 0) {
        r = read_unsigned("cpu-share", options->cpu_share, UINT64_MAX, &cpu->has_shares,
                          &cpu->shares, err);
    }
    if (r >= 0) {
        r = read_unsigned("cpu-rt-period", options->cpu_rt_period, UINT64_MAX,
                          &cpu->has_realtime_period, &cpu->realtime_period, err);
    }
    if (r >= 0) {
        r = read_signed("cpu-rt-runtime", options->cpu_rt_runtime, &cpu->has_realtime_runtime,
                        &cpu->realtime_runtime, err);
    }
    if (r >= 0) {
        r = read_signed("cpu-idle", options->cpu_idle, &cpu->has_idle, &cpu->idle, err);
    }
    cpu->cpus = options->cpuset_cpus;
    cpu->mems = options->cpuset_mems;
    return r;
}

static int read_memory(const struct ctr_update_options *options, struct spec_memory *memory,
                       struct st_err *err)
{
    int r = read_size("memory", options->memory, &memory->has_limit, &memory->limit, err);
    if (r >= 0) {
        r = read_size("memory-reservation", options->memory_reservation, &memory->has_reservation,
                      &memory->reservation, err);
    }
    if (r >= 0) {
        r = read_size("memory-swap", options->memory_swap, &memory->has_swap, &memory->swap, err);
    }
    return r;
}

static int read_options(const struct ctr_update_options *options, struct wanted *wanted,
                        struct st_err *err)
{
    uint64_t weight = 0;
    *wanted = (struct wanted){0};
    wanted->resources = (struct spec_resources){
        .cpu = &wanted->cpu,
        .memory = &wanted->memory,
        .pids = &wanted->pids,
        .block_io = &wanted->block_io,
    };
    int r = read_cpu(options, &wanted->cpu, err);
    if (r >= 0) {
        r = read_memory(options, &wanted->memory, err);
    }
    if (r >= 0) {
        r = read_signed("pids-limit", options->pids_limit, &wanted->pids.has_limit,
                        &wanted->pids.limit, err);
    }
    if (r >= 0) {
        r = read_unsigned("blkio-weight", options->blkio_weight, 1000, &wanted->block_io.has_weight,
                          &weight, err);
        wanted->block_io.weight = (uint16_t)weight;
    }
    return r;
}

static int read_file(const char *path, struct spec_resources **ret_resources,
                     struct json_doc **ret_doc, struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(RESOURCES_MAX);
    int r = st_streq(path, "-") ? os_read_all(0, &text) : os_read_file(AT_FDCWD, path, &text);
    if (r < 0) {
        return st_fail_os(err, r, "reading %s", path);
    }
    return spec_resources_parse(st_buf_string(&text), text.length, ret_resources, ret_doc, err);
}

static int apply(struct ctr_opened *opened, const struct spec_resources *resources,
                 struct st_err *err)
{
    int status = ctr_status_of(opened->folder, &opened->record, false, NULL, err);
    if (status < 0) {
        return status;
    }
    if (status == SPEC_STATUS_STOPPED) {
        return st_fail(err, ST_ESTATE, "container is not running: its limits cannot be changed");
    }
    int r = ctr_cgroup_apply_devices(&opened->cgroup, resources, true, err);
    return r < 0 ? r : ctr_cgroup_apply(&opened->cgroup, resources, true, err);
}

int ctr_update(const struct ctr_runtime *runtime, const char *id,
               const struct ctr_update_options *options, struct st_err *err)
{
    struct wanted wanted;
    st_auto(ctr_opened) struct ctr_opened opened;
    int r = ctr_opened_open(runtime, id, true, &opened, err);
    if (r < 0) {
        return r;
    }
    if (options->resources != NULL) {
        struct spec_resources *resources = NULL;
        struct json_doc *doc = NULL;
        r = read_file(options->resources, &resources, &doc, err);
        r = r < 0 ? r : apply(&opened, resources, err);
        json_doc_free(doc);
        return r;
    }
    r = read_options(options, &wanted, err);
    return r < 0 ? r : apply(&opened, &wanted.resources, err);
}
