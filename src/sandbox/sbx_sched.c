/* Scheduling by names: see sbx_sched.h. */
#include "sandbox/sbx_sched.h"

#include <linux/ioprio.h>
#include <string.h>
#include <sys/personality.h>

#include "base/str.h"
#include "os/os_identity.h"

/* The kernel's struct sched_attr, version 1 (sched_setattr(2)); the C library of Debian 12 has
 * none. */
struct sched_attributes {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime;
    uint64_t deadline;
    uint64_t period;
    uint32_t util_min;
    uint32_t util_max;
};
_Static_assert(sizeof(struct sched_attributes) == 56, "SCHED_ATTR_SIZE_VER1 of the kernel");

static const struct {
    const char *name;
    uint32_t policy;
} policies[] = {
    {"SCHED_OTHER", 0}, {"SCHED_FIFO", 1}, {"SCHED_RR", 2},       {"SCHED_BATCH", 3},
    {"SCHED_ISO", 4},   {"SCHED_IDLE", 5}, {"SCHED_DEADLINE", 6},
};

static const struct {
    const char *name;
    uint64_t flag;
} sched_flags[] = {
    {"SCHED_FLAG_RESET_ON_FORK", 0x01},  {"SCHED_FLAG_RECLAIM", 0x02},
    {"SCHED_FLAG_DL_OVERRUN", 0x04},     {"SCHED_FLAG_KEEP_POLICY", 0x08},
    {"SCHED_FLAG_KEEP_PARAMS", 0x10},    {"SCHED_FLAG_UTIL_CLAMP_MIN", 0x20},
    {"SCHED_FLAG_UTIL_CLAMP_MAX", 0x40},
};

static int add_flag(const char *name, uint64_t *flags)
{
    for (size_t i = 0; i < ST_COUNT(sched_flags); i++) {
        if (st_streq(sched_flags[i].name, name)) {
            *flags |= sched_flags[i].flag;
            return 0;
        }
    }
    return -ST_EINVAL;
}

int sbx_sched_set(const struct sbx_sched *sched, struct st_err *err)
{
    struct sched_attributes attr = {
        .size = sizeof(attr),
        .nice = sched->nice,
        .priority = (uint32_t)sched->priority,
        .runtime = sched->runtime_ns,
        .deadline = sched->deadline_ns,
        .period = sched->period_ns,
    };
    size_t i = 0;
    while (i < ST_COUNT(policies) && !st_streq(policies[i].name, sched->policy)) {
        i++;
    }
    if (i == ST_COUNT(policies)) {
        return st_fail(err, ST_EINVAL, "scheduler: unknown policy %s", sched->policy);
    }
    attr.policy = policies[i].policy;
    for (i = 0; i < sched->flag_count; i++) {
        if (add_flag(sched->flags[i], &attr.flags) < 0) {
            return st_fail(err, ST_EINVAL, "scheduler: unknown flag %s", sched->flags[i]);
        }
    }
    int r = os_sched_setattr(0, &attr, 0);
    return r < 0 ? st_fail_os(err, r, "setting scheduler policy %s", sched->policy) : 0;
}

int sbx_ioprio_set(const char *io_class, int level, struct st_err *err)
{
    static const char *const classes[] = {NULL, "IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE",
                                          "IOPRIO_CLASS_IDLE"};
    for (int i = 1; i < (int)ST_COUNT(classes); i++) {
        if (st_streq(classes[i], io_class)) {
            if (level < 0 || level > 7) {
                return st_fail(err, ST_EINVAL, "I/O priority %d is not in 0-7", level);
            }
            int r = os_ioprio_set(IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(i, level));
            return r < 0 ? st_fail_os(err, r, "setting I/O priority %s", io_class) : 0;
        }
    }
    return st_fail(err, ST_EINVAL, "unknown I/O priority class %s", io_class);
}

static int add_cpus(char *range, cpu_set_t *set)
{
    uint64_t first;
    uint64_t last;
    char *dash = strchr(range, '-');
    if (dash != NULL) {
        *dash = '\0';
    }
    int r = st_parse_u64(range, 10, CPU_SETSIZE - 1, &first);
    if (r == 0) {
        last = first;
        r = dash == NULL ? 0 : st_parse_u64(dash + 1, 10, CPU_SETSIZE - 1, &last);
    }
    if (r < 0 || last < first) {
        return r < 0 ? r : -ST_EINVAL;
    }
    for (uint64_t cpu = first; cpu <= last; cpu++) {
        CPU_SET(cpu, set);
    }
    return 0;
}

int sbx_cpu_list_parse(const char *list, cpu_set_t *ret_set)
{
    char copy[4096];
    cpu_set_t set;
    CPU_ZERO(&set);
    if (!st_strcopy(copy, sizeof(copy), list)) {
        return -ST_ERANGE;
    }
    char *rest = copy;
    for (char *range; (range = strsep(&rest, ",")) != NULL;) {
        int r = add_cpus(range, &set);
        if (r < 0) {
            return r;
        }
    }
    *ret_set = set;
    return 0;
}

int sbx_personality_set(const char *domain, struct st_err *err)
{
    unsigned long persona = PER_LINUX;
    if (st_streq(domain, "LINUX32")) {
        persona = PER_LINUX32;
    } else if (!st_streq(domain, "LINUX")) {
        return st_fail(err, ST_EINVAL, "personality %s is neither LINUX nor LINUX32", domain);
    }
    int r = os_personality(persona);
    return r < 0 ? st_fail_os(err, r, "setting personality %s", domain) : 0;
}
