/* Names of seccomp's actions, operators and flags as OCI's config.json has them. */
#include <linux/seccomp.h>

#include "base/str.h"
#include "sandbox/sbx_seccomp.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

static const struct {
    const char *name;
    uint32_t action;
} actions[] = {
    {"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD},
    {"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS},
    {"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD},
    {"SCMP_ACT_TRAP", SECCOMP_RET_TRAP},
    {"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO},
    {"SCMP_ACT_TRACE", SECCOMP_RET_TRACE},
    {"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW},
    {"SCMP_ACT_LOG", SECCOMP_RET_LOG},
    {"SCMP_ACT_NOTIFY", SECCOMP_RET_USER_NOTIF},
};

static const char *const action_names[] = {
    "SCMP_ACT_KILL",        "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP",
    "SCMP_ACT_ERRNO",       "SCMP_ACT_TRACE",
    "SCMP_ACT_ALLOW",       "SCMP_ACT_LOG",
    "SCMP_ACT_NOTIFY",      NULL,
};

/* In the order of enum sbx_seccomp_op. */
static const char *const op_names[] = {
    "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE",        "SCMP_CMP_EQ",
    "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ", NULL,
};

static const struct {
    const char *name;
    unsigned flag;
} flags[] = {
    {"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
    {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
    {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
};

static const char *const flag_names[] = {
    "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
    NULL,
};

int sbx_seccomp_action(const char *name, uint32_t errno_ret, uint32_t *ret_action)
{
    for (size_t i = 0; i < ST_COUNT(actions); i++) {
        if (st_streq(actions[i].name, name)) {
            bool has_data =
                actions[i].action == SECCOMP_RET_ERRNO || actions[i].action == SECCOMP_RET_TRACE;
            *ret_action = actions[i].action | (has_data ? errno_ret & SECCOMP_RET_DATA : 0);
            return 0;
        }
    }
    return -ST_EINVAL;
}

int sbx_seccomp_op(const char *name, enum sbx_seccomp_op *ret_op)
{
    for (int i = 0; op_names[i] != NULL; i++) {
        if (st_streq(op_names[i], name)) {
            *ret_op = (enum sbx_seccomp_op)i;
            return 0;
        }
    }
    return -ST_EINVAL;
}

int sbx_seccomp_flag(const char *name, unsigned *ret_flag)
{
    for (size_t i = 0; i < ST_COUNT(flags); i++) {
        if (st_streq(flags[i].name, name)) {
            *ret_flag = flags[i].flag;
            return 0;
        }
    }
    return -ST_EINVAL;
}

const char *const *sbx_seccomp_action_names(void)
{
    return action_names;
}

const char *const *sbx_seccomp_op_names(void)
{
    return op_names;
}

const char *const *sbx_seccomp_flag_names(void)
{
    return flag_names;
}
