/* What the parts of the control groups share: ctr_cgroup*.c. */
#pragma once

#include "base/attr.h"
#include "container/ctr_cgroup.h"

/* Bits of ctr_cgroup_hierarchy.controllers. */
enum ctr_cgroup_controller {
    CTR_CPU,
    CTR_CPUACCT,
    CTR_CPUSET,
    CTR_MEMORY,
    CTR_DEVICES,
    CTR_FREEZER,
    CTR_BLKIO, /* "io" in version 2 */
    CTR_PIDS,
    CTR_HUGETLB,
    CTR_RDMA,
    CTR_NET_CLS,
    CTR_NET_PRIO,
    CTR_PERF_EVENT,
    CTR_MISC,
    CTR_CONTROLLER_COUNT,
};

/* Its name in a version; NULL if there is none. */
const char *ctr_cgroup_controller_name(enum ctr_cgroup_controller controller, bool v2);

/* Bits of a list of names that are separated by any of `separators`; unknown names have none. */
uint32_t ctr_cgroup_controller_bits(const char *names, const char *separators);

/* The hierarchy that has a controller, version 1 first; NULL without one. For a hierarchy of
 * version 2 this is what the container's cgroup has enabled. */
struct ctr_cgroup_hierarchy *ctr_cgroup_find(struct ctr_cgroup *cgroup,
                                             enum ctr_cgroup_controller controller);

/* The version 2 hierarchy; NULL without one. */
struct ctr_cgroup_hierarchy *ctr_cgroup_v2(struct ctr_cgroup *cgroup);

/* The one to ask for processes: version 2, else that of the freezer, else any. NULL without one. */
struct ctr_cgroup_hierarchy *ctr_cgroup_tasks(struct ctr_cgroup *cgroup);

void ctr_cgroup_warn(const struct ctr_cgroup *cgroup, const char *format, ...) ST_PRINTF(2, 3);

/* The host's path of a file of the container's cgroup; file NULL: of the cgroup. */
int ctr_cgroup_file(const struct ctr_cgroup_hierarchy *hierarchy, const char *file, char *ret_path,
                    size_t size);

/* Files of the container's cgroup: 0 or -errno; the text in one write. */
int ctr_cgroup_write(const struct ctr_cgroup_hierarchy *hierarchy, const char *file,
                     const char *text);
int ctr_cgroup_read(const struct ctr_cgroup_hierarchy *hierarchy, const char *file, char *ret_text,
                    size_t size);
/* A number; "max" is UINT64_MAX. */
int ctr_cgroup_read_number(const struct ctr_cgroup_hierarchy *hierarchy, const char *file,
                           uint64_t *ret_value);

/* The number after a key at the start of a line ("oom_kill 3"); false without it. Pure. */
bool ctr_cgroup_keyed(const char *text, const char *key, uint64_t *ret_value);

/* The controllers that limits need, as bits. Pure. */
uint32_t ctr_cgroup_needed(const struct spec_resources *resources);
