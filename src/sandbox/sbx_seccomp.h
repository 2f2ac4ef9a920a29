/*
 * seccomp filters: a compiler from a list of rules to a BPF program, and its loading.
 *
 * The program looks a system call's number up by binary search over ranges of numbers with the same
 * outcome, so the stock engines' profile of some 360 names takes about eight comparisons a call and
 * a few hundred instructions. libseccomp serves only to turn names into numbers for each
 * architecture.
 *
 * Semantics (OCI runtime-spec 1.2.1, config-linux.md, "Seccomp"; where it is silent, as runc):
 * - names that an architecture does not have are skipped;
 * - all conditions of a rule must hold, but conditions on the same argument are alternatives;
 * - of several rules for one call, one without conditions wins, then the first whose conditions
 * hold;
 * - calls of an architecture that is not listed kill the process; the native one is always listed;
 * - where the default action refuses calls, numbers above all those that the profile names fail
 * with ENOSYS, so that C libraries fall back from calls which are newer than the profile.
 *
 * All functions: any thread, no global state.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

struct sock_filter;

enum sbx_seccomp_op {
    SBX_OP_NE,
    SBX_OP_LT,
    SBX_OP_LE,
    SBX_OP_EQ,
    SBX_OP_GE,
    SBX_OP_GT,
    SBX_OP_MASKED_EQ, /* (argument & value) == value_two */
};

struct sbx_seccomp_arg {
    unsigned index; /* 0-5 */
    enum sbx_seccomp_op op;
    uint64_t value;
    uint64_t value_two;
};

struct sbx_seccomp_rule {
    const char *const *names;
    size_t name_count;
    uint32_t action; /* what the filter returns: SECCOMP_RET_* with its data */
    const struct sbx_seccomp_arg *args;
    size_t arg_count;
};

struct sbx_seccomp_profile {
    uint32_t default_action;
    const char *const *architectures; /* SCMP_ARCH_*; the native one need not be there */
    size_t architecture_count;
    const struct sbx_seccomp_rule *rules;
    size_t rule_count;
};

/* An owned program. */
struct sbx_filter {
    struct sock_filter *code;
    size_t count;
};

/* The filter's return value for an action's name (SCMP_ACT_*), errno_ret being the data of ERRNO
 * and TRACE. -ST_EINVAL: no such action. */
int sbx_seccomp_action(const char *name, uint32_t errno_ret, uint32_t *ret_action);

/* An operator's name (SCMP_CMP_*). -ST_EINVAL: no such operator. */
int sbx_seccomp_op(const char *name, enum sbx_seccomp_op *ret_op);

/* A flag's name (SECCOMP_FILTER_FLAG_*). -ST_EINVAL: no such flag. */
int sbx_seccomp_flag(const char *name, unsigned *ret_flag);

/* Does a filter architecture's name (SCMP_ARCH_*) mean anything to this build? */
bool sbx_seccomp_knows_architecture(const char *name);

/* The names that the functions above know, in order, NULL at the end. */
const char *const *sbx_seccomp_action_names(void);
const char *const *sbx_seccomp_op_names(void);
const char *const *sbx_seccomp_flag_names(void);
const char *const *sbx_seccomp_architecture_names(void);

/* Compiles a profile. -ST_EINVAL: an unknown architecture or a bad argument index; -ST_ELIMIT: more
 * than the kernel's 4096 instructions; -ST_ENOMEM. */
int sbx_seccomp_compile(const struct sbx_seccomp_profile *profile, struct sbx_filter *ret_filter,
                        struct st_err *err);
void sbx_filter_done(struct sbx_filter *filter);

/* Loads a filter for this thread (SECCOMP_FILTER_FLAG_* in flags). Returns 0, with
 * FLAG_NEW_LISTENER its descriptor, or -errno. The caller has set no_new_privs or has
 * CAP_SYS_ADMIN. */
int sbx_seccomp_load(const struct sock_filter *code, size_t count, unsigned flags);

/* libseccomp's version as 0x00MMmmpp, for keys of cached filters. */
uint32_t sbx_seccomp_library_version(void);
