/*
 * Resource limits (config-linux.md: Control groups), written to the control files of either
 * version.
 *
 * Simple numbers are one table: the member of the config, and the file's name in each version.
 * What depends on order or takes several numbers has a function of its own. A limit that was asked
 * for and has no controller is an error; what the running kernel has long given up is a warning.
 */
#include "container/ctr_cgroup_limits.h"

#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/print.h"
#include "base/str.h"
#include "container/ctr_cgroup_priv.h"
#include "spec/spec_runtime.h"

uint64_t ctr_cgroup_cpu_weight(uint64_t shares)
{
    if (shares == 0) {
        return 0;
    }
    shares = ST_MIN(ST_MAX(shares, (uint64_t)2), (uint64_t)262144);
    return 1 + (shares - 2) * 9999 / 262142;
}

uint64_t ctr_cgroup_io_weight(uint64_t weight)
{
    if (weight == 0) {
        return 0;
    }
    weight = ST_MIN(ST_MAX(weight, (uint64_t)10), (uint64_t)1000);
    return 1 + (weight - 10) * 9999 / 990;
}

int ctr_cgroup_swap_max(int64_t limit, int64_t swap, int64_t *ret_swap)
{
    if (swap == -1 || (limit == -1 && swap == 0)) {
        *ret_swap = -1;
        return 0;
    }
    if (limit <= 0 || swap < limit) {
        return -ST_EINVAL;
    }
    *ret_swap = swap - limit;
    return 0;
}

static bool needs_cpu_time(const struct spec_cpu *cpu)
{
    return (cpu->has_shares && cpu->shares != 0) || (cpu->has_quota && cpu->quota != 0) ||
           (cpu->has_period && cpu->period != 0) || cpu->has_burst || cpu->has_idle ||
           cpu->has_realtime_period || cpu->has_realtime_runtime;
}

static bool needs_memory(const struct spec_memory *memory)
{
    return (memory->has_limit && memory->limit != 0) || (memory->has_swap && memory->swap != 0) ||
           (memory->has_reservation && memory->reservation != 0) || memory->has_swappiness ||
           (memory->has_kernel_tcp && memory->kernel_tcp != 0) ||
           (memory->has_disable_oom_killer && memory->disable_oom_killer);
}

static bool needs_block_io(const struct spec_block_io *io)
{
    return (io->has_weight && io->weight != 0) || io->weight_device_count != 0 ||
           io->read_bps_count != 0 || io->write_bps_count != 0 || io->read_iops_count != 0 ||
           io->write_iops_count != 0;
}

static uint32_t bit_if(bool needed, enum ctr_cgroup_controller controller)
{
    return needed ? 1u << controller : 0;
}

uint32_t ctr_cgroup_needed(const struct spec_resources *resources)
{
    if (resources == NULL) {
        return 0;
    }
    const struct spec_cpu *cpu = resources->cpu;
    const struct spec_pids *pids = resources->pids;
    uint32_t needed = 0;
    if (cpu != NULL) {
        needed |= bit_if(needs_cpu_time(cpu), CTR_CPU);
        needed |= bit_if((cpu->cpus != NULL && cpu->cpus[0] != '\0') ||
                             (cpu->mems != NULL && cpu->mems[0] != '\0'),
                         CTR_CPUSET);
    }
    needed |= bit_if(resources->memory != NULL && needs_memory(resources->memory), CTR_MEMORY);
    needed |= bit_if(pids != NULL && pids->has_limit && pids->limit != 0, CTR_PIDS);
    needed |= bit_if(resources->block_io != NULL && needs_block_io(resources->block_io), CTR_BLKIO);
    needed |= bit_if(resources->hugepage_limits_count != 0, CTR_HUGETLB);
    needed |= bit_if(resources->rdma_count != 0, CTR_RDMA);
    return needed;
}

struct limits {
    struct ctr_cgroup *cgroup;
    const struct spec_resources *resources;
    uint32_t needed; /* controllers, as bits */
    bool update;
    struct st_err *err;
};

static int missing(struct limits *to, enum ctr_cgroup_controller controller, const char *what)
{
    return st_fail(to->err, ST_EOPNOTSUPP, "%s: there is no %s controller here", what,
                   ctr_cgroup_controller_name(controller, false));
}

static int failed(struct limits *to, int r, const char *file, const char *text)
{
    return st_fail_os(to->err, r, "cgroup: writing \"%s\" to %s", text, file);
}

static void number_text(int64_t value, bool v2, char *ret_text, size_t size)
{
    if (v2 && value < 0) {
        st_strcopy(ret_text, size, "max");
    } else {
        st_snprintf(ret_text, size, "%lld", (long long)value);
    }
}

/* Writes value to the controller's file; a NULL name: the version has no such file. */
static int put_number(struct limits *to, enum ctr_cgroup_controller controller, const char *v1,
                      const char *v2, int64_t value)
{
    char text[32];
    struct ctr_cgroup_hierarchy *hierarchy = ctr_cgroup_find(to->cgroup, controller);
    if (hierarchy == NULL) {
        return missing(to, controller, v1 != NULL ? v1 : v2);
    }
    const char *file = hierarchy->v2 ? v2 : v1;
    if (file == NULL) {
        return 0;
    }
    number_text(value, hierarchy->v2, text, sizeof(text));
    int r = ctr_cgroup_write(hierarchy, file, text);
    return r < 0 ? failed(to, r, file, text) : 0;
}

static int put_text(struct limits *to, enum ctr_cgroup_controller controller, const char *file,
                    const char *text)
{
    struct ctr_cgroup_hierarchy *hierarchy = ctr_cgroup_find(to->cgroup, controller);
    if (hierarchy == NULL) {
        return missing(to, controller, file);
    }
    int r = ctr_cgroup_write(hierarchy, file, text);
    return r < 0 ? failed(to, r, file, text) : 0;
}

enum of { OF_MEMORY, OF_CPU, OF_PIDS };
enum width { BOOLEAN, NUMBER };

/* Simple numbers: present when `has` is set; zero means "not set" where skip_zero says so. */
static const struct simple {
    enum of of;
    enum ctr_cgroup_controller controller;
    const char *v1;
    const char *v2;
    uint64_t (*convert_v2)(uint64_t);
    size_t has;
    size_t value;
    enum width width;
    bool skip_zero;
} simple_limits[] = {
#define LIMIT(group, type, member, ...)                                                            \
    {                                                                                              \
        .of = (group), .has = offsetof(struct type, has_##member),                                 \
        .value = offsetof(struct type, member), __VA_ARGS__                                        \
    }
    LIMIT(OF_CPU, spec_cpu, idle, .controller = CTR_CPU, .v1 = "cpu.idle", .v2 = "cpu.idle",
          .width = NUMBER),
    LIMIT(OF_CPU, spec_cpu, shares, .controller = CTR_CPU, .v1 = "cpu.shares", .v2 = "cpu.weight",
          .convert_v2 = ctr_cgroup_cpu_weight, .width = NUMBER, .skip_zero = true),
    LIMIT(OF_CPU, spec_cpu, realtime_period, .controller = CTR_CPU, .v1 = "cpu.rt_period_us",
          .width = NUMBER, .skip_zero = true),
    LIMIT(OF_CPU, spec_cpu, realtime_runtime, .controller = CTR_CPU, .v1 = "cpu.rt_runtime_us",
          .width = NUMBER, .skip_zero = true),
    LIMIT(OF_MEMORY, spec_memory, reservation, .controller = CTR_MEMORY,
          .v1 = "memory.soft_limit_in_bytes", .v2 = "memory.low", .width = NUMBER,
          .skip_zero = true),
    LIMIT(OF_MEMORY, spec_memory, kernel_tcp, .controller = CTR_MEMORY,
          .v1 = "memory.kmem.tcp.limit_in_bytes", .width = NUMBER, .skip_zero = true),
    LIMIT(OF_MEMORY, spec_memory, swappiness, .controller = CTR_MEMORY, .v1 = "memory.swappiness",
          .width = NUMBER),
    LIMIT(OF_MEMORY, spec_memory, disable_oom_killer, .controller = CTR_MEMORY,
          .v1 = "memory.oom_control", .width = BOOLEAN, .skip_zero = true),
#undef LIMIT
};

static int put_simple(struct limits *to, const struct simple *limit, const void *config)
{
    const char *members = config;
    if (members == NULL || !*(const bool *)(members + limit->has)) {
        return 0;
    }
    int64_t value = limit->width == BOOLEAN ? *(const bool *)(members + limit->value)
                                            : *(const int64_t *)(members + limit->value);
    if (value == 0 && limit->skip_zero) {
        return 0;
    }
    struct ctr_cgroup_hierarchy *hierarchy = ctr_cgroup_find(to->cgroup, limit->controller);
    if (hierarchy != NULL && hierarchy->v2 && limit->convert_v2 != NULL) {
        value = (int64_t)limit->convert_v2((uint64_t)value);
    }
    return put_number(to, limit->controller, limit->v1, limit->v2, value);
}

static int put_all_simple(struct limits *to, enum of of, const void *config)
{
    int r = 0;
    for (size_t i = 0; r >= 0 && i < ST_COUNT(simple_limits); i++) {
        if (simple_limits[i].of == of) {
            r = put_simple(to, &simple_limits[i], config);
        }
    }
    return r;
}

/* "QUOTA PERIOD", of which the config may have one: the other stays as it is. */
static int put_cpu_max(struct limits *to, struct ctr_cgroup_hierarchy *hierarchy,
                       const struct spec_cpu *cpu)
{
    char old[64] = "max 100000";
    char text[64];
    char quota[24];
    if (to->update) {
        (void)ctr_cgroup_read(hierarchy, "cpu.max", old, sizeof(old));
    }
    char *period = strchr(old, ' ');
    if (period == NULL) {
        return st_fail(to->err, ST_ECORRUPT, "cgroup: cpu.max says \"%s\"", old);
    }
    *period++ = '\0';
    if (cpu->has_quota && cpu->quota != 0) {
        number_text(cpu->quota, true, quota, sizeof(quota));
    } else {
        st_strcopy(quota, sizeof(quota), old);
    }
    if (cpu->has_period && cpu->period != 0) {
        st_snprintf(text, sizeof(text), "%s %llu", quota, (unsigned long long)cpu->period);
    } else {
        st_snprintf(text, sizeof(text), "%s %s", quota, period);
    }
    int r = ctr_cgroup_write(hierarchy, "cpu.max", text);
    return r < 0 ? failed(to, r, "cpu.max", text) : 0;
}

/* The kernel checks each against the other that is set, so a change of both may need the second
 * first. */
static int put_cfs(struct limits *to, struct ctr_cgroup_hierarchy *hierarchy,
                   const struct spec_cpu *cpu)
{
    char text[32];
    bool period_refused = false;
    int r = 0;
    if (cpu->has_period && cpu->period != 0) {
        st_snprintf(text, sizeof(text), "%llu", (unsigned long long)cpu->period);
        r = ctr_cgroup_write(hierarchy, "cpu.cfs_period_us", text);
        period_refused = r == -ST_EINVAL && cpu->has_quota && cpu->quota != 0;
        if (r < 0 && !period_refused) {
            return failed(to, r, "cpu.cfs_period_us", text);
        }
    }
    if (cpu->has_quota && cpu->quota != 0) {
        r = put_number(to, CTR_CPU, "cpu.cfs_quota_us", NULL, cpu->quota);
    }
    if (r >= 0 && period_refused) {
        r = put_number(to, CTR_CPU, "cpu.cfs_period_us", NULL, (int64_t)cpu->period);
    }
    return r;
}

static int put_burst(struct limits *to, struct ctr_cgroup_hierarchy *hierarchy,
                     const struct spec_cpu *cpu, bool last)
{
    const char *file = hierarchy->v2 ? "cpu.max.burst" : "cpu.cfs_burst_us";
    char text[32];
    st_snprintf(text, sizeof(text), "%llu", (unsigned long long)cpu->burst);
    int r = ctr_cgroup_write(hierarchy, file, text);
    if (r == -ST_EINVAL && !last) {
        return 1;
    }
    return r < 0 ? failed(to, r, file, text) : 0;
}

static int put_cpu_time(struct limits *to, const struct spec_cpu *cpu)
{
    if (!cpu->has_quota && !cpu->has_period && !cpu->has_burst) {
        return 0;
    }
    struct ctr_cgroup_hierarchy *hierarchy = ctr_cgroup_find(to->cgroup, CTR_CPU);
    if (hierarchy == NULL) {
        return missing(to, CTR_CPU, "cpu.quota");
    }
    /* A burst above the old quota is refused, and so is a quota below the old burst. */
    int burst_left = cpu->has_burst ? put_burst(to, hierarchy, cpu, false) : 0;
    int r = burst_left;
    if (r >= 0 && (cpu->has_quota || cpu->has_period)) {
        r = hierarchy->v2 ? put_cpu_max(to, hierarchy, cpu) : put_cfs(to, hierarchy, cpu);
    }
    if (r >= 0 && burst_left > 0) {
        r = put_burst(to, hierarchy, cpu, true);
    }
    return r;
}

static int put_cpu(struct limits *to, const struct spec_cpu *cpu)
{
    if (cpu == NULL) {
        return 0;
    }
    struct spec_cpu changed = *cpu;
    /* An idle cgroup has no weight: the kernel refuses it. */
    changed.has_shares = cpu->has_shares && !(cpu->has_idle && cpu->idle == 1);
    int r = put_all_simple(to, OF_CPU, &changed);
    if (r >= 0) {
        r = put_cpu_time(to, cpu);
    }
    if (r >= 0 && cpu->cpus != NULL && cpu->cpus[0] != '\0') {
        r = put_text(to, CTR_CPUSET, "cpuset.cpus", cpu->cpus);
    }
    if (r >= 0 && cpu->mems != NULL && cpu->mems[0] != '\0') {
        r = put_text(to, CTR_CPUSET, "cpuset.mems", cpu->mems);
    }
    return r;
}

/* A limit below the present use makes the kernel kill; with checkBeforeUpdate it is refused. */
static int check_memory(struct limits *to, const struct ctr_cgroup_hierarchy *hierarchy,
                        const struct spec_memory *memory)
{
    uint64_t used;
    if (!memory->has_check_before_update || !memory->check_before_update || !memory->has_limit ||
        memory->limit <= 0) {
        return 0;
    }
    const char *file = hierarchy->v2 ? "memory.current" : "memory.usage_in_bytes";
    int r = ctr_cgroup_read_number(hierarchy, file, &used);
    if (r < 0) {
        return st_fail_os(to->err, r, "cgroup: reading %s", file);
    }
    if (used > (uint64_t)memory->limit) {
        return st_fail(to->err, ST_EBUSY,
                       "memory limit %lld is below what is used now (%llu), and "
                       "checkBeforeUpdate is set",
                       (long long)memory->limit, (unsigned long long)used);
    }
    return 0;
}

static int put_memory_v2(struct limits *to, const struct ctr_cgroup_hierarchy *hierarchy,
                         const struct spec_memory *memory)
{
    int64_t swap_max;
    int r = 0;
    if (memory->has_swap && memory->swap != 0) {
        uint64_t old;
        int64_t limit = memory->has_limit ? memory->limit : 0;
        if (!memory->has_limit && to->update &&
            ctr_cgroup_read_number(hierarchy, "memory.max", &old) >= 0) {
            limit = old > INT64_MAX ? -1 : (int64_t)old;
        }
        r = ctr_cgroup_swap_max(limit, memory->swap, &swap_max);
        if (r < 0) {
            return st_fail_os(to->err, r, "memory.swap %lld with memory.limit %lld",
                              (long long)memory->swap, (long long)limit);
        }
        r = put_number(to, CTR_MEMORY, NULL, "memory.swap.max", swap_max);
    } else if (memory->has_limit && memory->limit == -1) {
        r = put_number(to, CTR_MEMORY, NULL, "memory.swap.max", -1);
        r = r == -ST_ENOENT ? 0 : r;
    }
    if (r >= 0 && memory->has_limit && memory->limit != 0) {
        r = put_number(to, CTR_MEMORY, NULL, "memory.max", memory->limit);
    }
    return r;
}

static const char limit_file[] = "memory.limit_in_bytes";
static const char swap_file[] = "memory.memsw.limit_in_bytes";

/* The sum with swap can never be below the limit: upwards the sum goes first, downwards last. */
static int put_memory_v1(struct limits *to, const struct ctr_cgroup_hierarchy *hierarchy,
                         const struct spec_memory *memory)
{
    char text[32];
    bool swap = memory->has_swap && memory->swap != 0;
    int64_t swap_value = memory->swap;
    if (memory->has_limit && memory->limit == -1 && !swap) {
        uint64_t unused;
        swap = ctr_cgroup_read_number(hierarchy, swap_file, &unused) >= 0;
        swap_value = -1;
    }
    if (!memory->has_limit || memory->limit == 0) {
        return swap ? put_number(to, CTR_MEMORY, swap_file, NULL, swap_value) : 0;
    }
    number_text(memory->limit, false, text, sizeof(text));
    int r = ctr_cgroup_write(hierarchy, limit_file, text);
    if (r == -ST_EINVAL && swap) {
        r = put_number(to, CTR_MEMORY, swap_file, NULL, swap_value);
        return r < 0 ? r : put_number(to, CTR_MEMORY, limit_file, NULL, memory->limit);
    }
    if (r < 0) {
        return failed(to, r, limit_file, text);
    }
    return swap ? put_number(to, CTR_MEMORY, swap_file, NULL, swap_value) : 0;
}

static int put_memory(struct limits *to, const struct spec_memory *memory)
{
    if (memory != NULL && memory->has_kernel && memory->kernel > 0) {
        ctr_cgroup_warn(to->cgroup, "memory.kernel is ignored: Linux has no such limit any more");
    }
    if ((to->needed & (1u << CTR_MEMORY)) == 0) {
        return 0;
    }
    struct ctr_cgroup_hierarchy *hierarchy = ctr_cgroup_find(to->cgroup, CTR_MEMORY);
    if (hierarchy == NULL) {
        return missing(to, CTR_MEMORY, "memory");
    }
    int r = check_memory(to, hierarchy, memory);
    if (r >= 0) {
        r = hierarchy->v2 ? put_memory_v2(to, hierarchy, memory)
                          : put_memory_v1(to, hierarchy, memory);
    }
    return r < 0 ? r : put_all_simple(to, OF_MEMORY, memory);
}

static int put_pids(struct limits *to, const struct spec_pids *pids)
{
    char text[32];
    if ((to->needed & (1u << CTR_PIDS)) == 0) {
        return 0;
    }
    number_text(pids->limit, true, text, sizeof(text));
    return put_text(to, CTR_PIDS, "pids.max", text);
}

/* Writes to the first of two files that is there. */
static int put_either(struct limits *to, const struct ctr_cgroup_hierarchy *hierarchy,
                      const char *file, const char *text, const char *other, const char *other_text)
{
    int r = ctr_cgroup_write(hierarchy, file, text);
    if (r != -ST_ENOENT) {
        return r < 0 ? failed(to, r, file, text) : 0;
    }
    r = ctr_cgroup_write(hierarchy, other, other_text);
    return r < 0 ? failed(to, r, other, other_text) : 0;
}

/* device: "MAJOR:MINOR ", or "" for the default. */
static int put_weight(struct limits *to, const struct ctr_cgroup_hierarchy *hierarchy,
                      const char *device, uint64_t weight)
{
    char same[64];
    char converted[64];
    st_snprintf(same, sizeof(same), "%s%llu", device, (unsigned long long)weight);
    st_snprintf(converted, sizeof(converted), "%s%llu", device,
                (unsigned long long)ctr_cgroup_io_weight(weight));
    if (hierarchy->v2) {
        return put_either(to, hierarchy, "io.bfq.weight", same, "io.weight", converted);
    }
    if (device[0] == '\0') {
        return put_either(to, hierarchy, "blkio.weight", same, "blkio.bfq.weight", same);
    }
    return put_either(to, hierarchy, "blkio.weight_device", same, "blkio.bfq.weight_device", same);
}

static int put_throttles(struct limits *to, const struct ctr_cgroup_hierarchy *hierarchy,
                         const struct spec_throttle_device *devices, size_t count, const char *v1,
                         const char *key)
{
    char text[80];
    for (size_t i = 0; i < count; i++) {
        const char *file = hierarchy->v2 ? "io.max" : v1;
        unsigned long long rate = devices[i].rate;
        size_t n = st_snprintf(text, sizeof(text), "%lld:%lld ", (long long)devices[i].major,
                               (long long)devices[i].minor);
        if (!hierarchy->v2) {
            st_snprintf(text + n, sizeof(text) - n, "%llu", rate);
        } else if (rate == 0) {
            st_snprintf(text + n, sizeof(text) - n, "%s=max", key);
        } else {
            st_snprintf(text + n, sizeof(text) - n, "%s=%llu", key, rate);
        }
        int r = ctr_cgroup_write(hierarchy, file, text);
        if (r < 0) {
            return failed(to, r, file, text);
        }
    }
    return 0;
}

static int put_block_io(struct limits *to, const struct spec_block_io *io)
{
    char device[48];
    if ((to->needed & (1u << CTR_BLKIO)) == 0) {
        return 0;
    }
    struct ctr_cgroup_hierarchy *hierarchy = ctr_cgroup_find(to->cgroup, CTR_BLKIO);
    if (hierarchy == NULL) {
        return missing(to, CTR_BLKIO, "blockIO");
    }
    int r = io->has_weight && io->weight != 0 ? put_weight(to, hierarchy, "", io->weight) : 0;
    for (size_t i = 0; r >= 0 && i < io->weight_device_count; i++) {
        const struct spec_weight_device *weight = &io->weight_device[i];
        st_snprintf(device, sizeof(device), "%lld:%lld ", (long long)weight->major,
                    (long long)weight->minor);
        r = weight->has_weight ? put_weight(to, hierarchy, device, weight->weight) : 0;
    }
    if (r >= 0) {
        r = put_throttles(to, hierarchy, io->read_bps, io->read_bps_count,
                          "blkio.throttle.read_bps_device", "rbps");
    }
    if (r >= 0) {
        r = put_throttles(to, hierarchy, io->write_bps, io->write_bps_count,
                          "blkio.throttle.write_bps_device", "wbps");
    }
    if (r >= 0) {
        r = put_throttles(to, hierarchy, io->read_iops, io->read_iops_count,
                          "blkio.throttle.read_iops_device", "riops");
    }
    if (r >= 0) {
        r = put_throttles(to, hierarchy, io->write_iops, io->write_iops_count,
                          "blkio.throttle.write_iops_device", "wiops");
    }
    return r;
}

static int put_hugepages(struct limits *to, const struct spec_hugepage_limit *limit)
{
    char v1[64];
    char v2[64];
    if (strchr(limit->page_size, '/') != NULL) {
        return st_fail(to->err, ST_EINVAL, "hugepageLimits: page size %s", limit->page_size);
    }
    st_snprintf(v1, sizeof(v1), "hugetlb.%s.limit_in_bytes", limit->page_size);
    st_snprintf(v2, sizeof(v2), "hugetlb.%s.max", limit->page_size);
    int64_t value = (int64_t)ST_MIN(limit->limit, (uint64_t)INT64_MAX);
    int r = put_number(to, CTR_HUGETLB, v1, v2, value);
    if (r < 0) {
        return r;
    }
    /* Reservations are counted apart, by kernels that can. */
    struct ctr_cgroup_hierarchy *hierarchy = ctr_cgroup_find(to->cgroup, CTR_HUGETLB);
    char text[32];
    number_text(value, hierarchy->v2, text, sizeof(text));
    st_snprintf(v1, sizeof(v1), "hugetlb.%s.rsvd.limit_in_bytes", limit->page_size);
    st_snprintf(v2, sizeof(v2), "hugetlb.%s.rsvd.max", limit->page_size);
    r = ctr_cgroup_write(hierarchy, hierarchy->v2 ? v2 : v1, text);
    return r < 0 && r != -ST_ENOENT ? failed(to, r, hierarchy->v2 ? v2 : v1, text) : 0;
}

static int put_rdma(struct limits *to, const struct spec_rdma *rdma)
{
    char text[256];
    size_t n = st_snprintf(text, sizeof(text), "%s", rdma->device);
    if (n < sizeof(text) && rdma->has_hca_handles) {
        n += st_snprintf(text + n, sizeof(text) - n, " hca_handle=%u", rdma->hca_handles);
    }
    if (n < sizeof(text) && rdma->has_hca_objects) {
        n += st_snprintf(text + n, sizeof(text) - n, " hca_object=%u", rdma->hca_objects);
    }
    if (n >= sizeof(text)) {
        return st_fail(to->err, ST_EINVAL, "rdma: device name %s", rdma->device);
    }
    return put_text(to, CTR_RDMA, "rdma.max", text);
}

static int put_network(struct limits *to, const struct spec_network *network)
{
    if (network == NULL) {
        return 0;
    }
    int r = 0;
    if (network->has_class_id && network->class_id != 0) {
        if (ctr_cgroup_find(to->cgroup, CTR_NET_CLS) == NULL) {
            ctr_cgroup_warn(to->cgroup, "network.classID is ignored: no net_cls controller here");
        } else {
            r = put_number(to, CTR_NET_CLS, "net_cls.classid", NULL, network->class_id);
        }
    }
    if (r >= 0 && network->priorities_count != 0 &&
        ctr_cgroup_find(to->cgroup, CTR_NET_PRIO) == NULL) {
        ctr_cgroup_warn(to->cgroup, "network.priorities are ignored: no net_prio controller here");
        return r;
    }
    for (size_t i = 0; r >= 0 && i < network->priorities_count; i++) {
        char text[128];
        st_snprintf(text, sizeof(text), "%s %u", network->priorities[i].name,
                    network->priorities[i].priority);
        r = put_text(to, CTR_NET_PRIO, "net_prio.ifpriomap", text);
    }
    return r;
}

/* Files of version 2 by name, as the config has them; last, so that they win. */
static int put_unified(struct limits *to)
{
    const struct spec_resources *resources = to->resources;
    if (resources->unified_count == 0) {
        return 0;
    }
    struct ctr_cgroup_hierarchy *v2 = ctr_cgroup_v2(to->cgroup);
    if (v2 == NULL) {
        return st_fail(to->err, ST_EOPNOTSUPP, "resources.unified needs cgroup version 2");
    }
    for (size_t i = 0; i < resources->unified_count; i++) {
        const char *file = resources->unified[i].key;
        if (strchr(file, '/') != NULL) {
            return st_fail(to->err, ST_EINVAL, "unified: %s is no file of a cgroup", file);
        }
        /* Several lines, as for io.max, take a write each. */
        st_auto(buf) struct st_buf text = ST_BUF_HEAP(1 << 16);
        st_buf_text(&text, resources->unified[i].value);
        int r = st_buf_status(&text);
        char *rest = text.data;
        for (char *line; r >= 0 && rest != NULL && (line = strtok_r(NULL, "\n", &rest)) != NULL;) {
            r = ctr_cgroup_write(v2, file, line);
        }
        if (r < 0) {
            return failed(to, r, file, resources->unified[i].value);
        }
    }
    return 0;
}

int ctr_cgroup_apply(struct ctr_cgroup *cgroup, const struct spec_resources *resources, bool update,
                     struct st_err *err)
{
    uint32_t needed = ctr_cgroup_needed(resources);
    struct limits to = {cgroup, resources, needed, update, err};
    if (cgroup->count == 0) {
        if (needed != 0) {
            ctr_cgroup_warn(cgroup, "resource limits are ignored: there is no cgroup to set them");
        }
        return 0;
    }
    if (resources == NULL) {
        return 0;
    }
    int r = put_cpu(&to, resources->cpu);
    if (r >= 0) {
        r = put_memory(&to, resources->memory);
    }
    if (r >= 0) {
        r = put_pids(&to, resources->pids);
    }
    if (r >= 0) {
        r = put_block_io(&to, resources->block_io);
    }
    for (size_t i = 0; r >= 0 && i < resources->hugepage_limits_count; i++) {
        r = put_hugepages(&to, &resources->hugepage_limits[i]);
    }
    for (size_t i = 0; r >= 0 && i < resources->rdma_count; i++) {
        r = put_rdma(&to, &resources->rdma[i]);
    }
    if (r >= 0) {
        r = put_network(&to, resources->network);
    }
    return r < 0 ? r : put_unified(&to);
}
