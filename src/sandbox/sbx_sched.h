/* CPU scheduling, I/O priority, affinity and personality by the names of OCI's config.json. Any
 * thread. */
#pragma once

#include <sched.h>

#include "base/err.h"

struct sbx_sched {
    const char *policy; /* SCHED_OTHER, SCHED_FIFO ... */
    int32_t nice;
    int32_t priority;
    const char *const *flags; /* SCHED_FLAG_* */
    size_t flag_count;
    uint64_t runtime_ns;
    uint64_t deadline_ns;
    uint64_t period_ns;
};

/* Puts a scheduling policy in force for this thread. -ST_EINVAL: an unknown policy or flag. */
int sbx_sched_set(const struct sbx_sched *sched, struct st_err *err);

/* Sets the I/O priority of this thread: class IOPRIO_CLASS_RT, _BE or _IDLE, level 0 (highest)
 * to 7. */
int sbx_ioprio_set(const char *io_class, int level, struct st_err *err);

/* Parses a list of CPUs such as "0-3,7". -ST_EINVAL, -ST_ERANGE above CPU_SETSIZE. */
int sbx_cpu_list_parse(const char *list, cpu_set_t *ret_set);

/* Personality of this process: domain LINUX or LINUX32. */
int sbx_personality_set(const char *domain, struct st_err *err);
