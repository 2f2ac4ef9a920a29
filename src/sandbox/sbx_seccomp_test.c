/* The seccomp compiler, by running its programs: on their own, and against libseccomp's for the
 * same rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>

#include "base/str.h"
#include "os/os_file.h"
#include "sandbox/sbx_seccomp.h"

static bool jump_taken(const struct sock_filter *i, uint32_t a)
{
    switch (BPF_OP(i->code)) {
    case BPF_JEQ:
        return a == i->k;
    case BPF_JGT:
        return a > i->k;
    case BPF_JGE:
        return a >= i->k;
    case BPF_JSET:
        return (a & i->k) != 0;
    }
    abort();
}

/* Classic BPF as far as seccomp filters use it. */
static uint32_t run(const struct sock_filter *code, size_t count, const struct seccomp_data *data)
{
    uint32_t a = 0;
    uint32_t scratch[16] = {0};
    for (size_t pc = 0; pc < count; pc++) {
        const struct sock_filter *i = &code[pc];
        switch (BPF_CLASS(i->code)) {
        case BPF_LD:
            if (BPF_MODE(i->code) == BPF_MEM) {
                a = scratch[i->k];
            } else {
                assert_true(i->k % 4 == 0 && i->k < sizeof(*data));
                memcpy(&a, (const char *)data + i->k, sizeof(a));
            }
            break;
        case BPF_ST:
            scratch[i->k] = a;
            break;
        case BPF_ALU:
            assert_int_equal(BPF_OP(i->code), BPF_AND);
            a &= i->k;
            break;
        case BPF_JMP:
            pc += BPF_OP(i->code) == BPF_JA ? i->k : jump_taken(i, a) ? i->jt : i->jf;
            break;
        case BPF_RET:
            return i->k;
        default:
            abort();
        }
    }
    abort();
}

static uint32_t ask(const struct sbx_filter *filter, uint32_t arch, const char *name, uint64_t arg0,
                    uint64_t arg1)
{
    struct seccomp_data data = {.arch = arch, .args = {arg0, arg1}};
    data.nr = seccomp_syscall_resolve_name_arch(
        arch == AUDIT_ARCH_I386 ? SCMP_ARCH_X86 : SCMP_ARCH_X86_64, name);
    return run(filter->code, filter->count, &data);
}

#define ENOSYS_ACTION (SECCOMP_RET_ERRNO | ENOSYS)
#define EPERM_ACTION (SECCOMP_RET_ERRNO | EPERM)

static void decides_by_name_number_and_architecture(void **state)
{
    (void)state;
    const char *const allowed[] = {"read", "write", "no_such_call", "exit_group", "socket"};
    const char *const architectures[] = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_AARCH64"};
    const struct sbx_seccomp_rule rule = {allowed, 5, SECCOMP_RET_ALLOW, NULL, 0};
    const struct sbx_seccomp_profile profile = {EPERM_ACTION, architectures, 3, &rule, 1};
    struct sbx_filter filter;
    struct st_err err;
    assert_int_equal(sbx_seccomp_compile(&profile, &filter, &err), 0);
    assert_int_equal(ask(&filter, AUDIT_ARCH_X86_64, "read", 0, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(ask(&filter, AUDIT_ARCH_X86_64, "open", 0, 0), EPERM_ACTION);
    assert_int_equal(ask(&filter, AUDIT_ARCH_X86_64, "openat2", 0, 0), ENOSYS_ACTION);
    assert_int_equal(ask(&filter, AUDIT_ARCH_I386, "read", 0, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(ask(&filter, AUDIT_ARCH_I386, "socketcall", 1, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(ask(&filter, AUDIT_ARCH_I386, "socketcall", 2, 0), EPERM_ACTION);
    assert_int_equal(ask(&filter, AUDIT_ARCH_AARCH64, "read", 0, 0), SECCOMP_RET_KILL_PROCESS);
    struct seccomp_data x32 = {.nr = 0x40000000, .arch = AUDIT_ARCH_X86_64};
    assert_int_equal(run(filter.code, filter.count, &x32), SECCOMP_RET_KILL_PROCESS);
    sbx_filter_done(&filter);
}

static const struct {
    enum sbx_seccomp_op op;
    enum scmp_compare theirs;
} ops[] = {
    {SBX_OP_NE, SCMP_CMP_NE},
    {SBX_OP_LT, SCMP_CMP_LT},
    {SBX_OP_LE, SCMP_CMP_LE},
    {SBX_OP_EQ, SCMP_CMP_EQ},
    {SBX_OP_GE, SCMP_CMP_GE},
    {SBX_OP_GT, SCMP_CMP_GT},
    {SBX_OP_MASKED_EQ, SCMP_CMP_MASKED_EQ},
};

static size_t export_theirs(scmp_filter_ctx ctx, struct sock_filter *code, size_t max)
{
    int fd = os_memfd("filter", 0);
    assert_int_equal(seccomp_export_bpf(ctx, fd), 0);
    ssize_t size = os_pread(fd, code, max * sizeof(*code), 0);
    assert_true(size > 0);
    close(fd);
    return (size_t)size / sizeof(*code);
}

static void decides_conditions_as_libseccomp_does(void **state)
{
    (void)state;
    const uint64_t interesting[] = {0,
                                    1,
                                    7,
                                    0xffffffff,
                                    0x100000000,
                                    0x100000001,
                                    0x7fffffffffffffff,
                                    0xffffffffffffffff,
                                    0x700000007,
                                    0x7e020000};
    const char *const names[] = {"clone"};
    static struct sock_filter theirs[4096];
    for (size_t o = 0; o < ST_COUNT(ops); o++) {
        for (size_t v = 0; v < ST_COUNT(interesting); v++) {
            uint64_t datum = interesting[v] & 0x100000007;
            struct sbx_seccomp_arg args[2] = {{0, ops[o].op, interesting[v], datum},
                                              {1, SBX_OP_NE, 3, 0}};
            struct sbx_seccomp_rule rule = {names, 1, SECCOMP_RET_ALLOW, args, 2};
            struct sbx_seccomp_profile profile = {EPERM_ACTION, NULL, 0, &rule, 1};
            struct sbx_filter ours;
            assert_int_equal(sbx_seccomp_compile(&profile, &ours, NULL), 0);
            scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
            struct scmp_arg_cmp cmp[2] = {{0, ops[o].theirs, interesting[v], datum},
                                          {1, SCMP_CMP_NE, 3, 0}};
            int r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 2, cmp);
            if (r < 0) { /* a mask that can never match is an error there */
                seccomp_release(ctx);
                sbx_filter_done(&ours);
                continue;
            }
            size_t count = export_theirs(ctx, theirs, ST_COUNT(theirs));
            for (size_t a = 0; a < ST_COUNT(interesting); a++) {
                for (uint64_t b = 2; b < 4; b++) {
                    struct seccomp_data data = {.arch = AUDIT_ARCH_X86_64,
                                                .nr = SCMP_SYS(clone),
                                                .args = {interesting[a], b}};
                    assert_int_equal(run(ours.code, ours.count, &data), run(theirs, count, &data));
                }
            }
            seccomp_release(ctx);
            sbx_filter_done(&ours);
        }
    }
}

static void a_rule_without_conditions_wins_then_the_first_that_holds(void **state)
{
    (void)state;
    const char *const names[] = {"personality"};
    const char *const both[] = {"personality", "ptrace"};
    const struct sbx_seccomp_arg zero = {0, SBX_OP_EQ, 0, 0};
    const struct sbx_seccomp_arg alternatives[2] = {{0, SBX_OP_EQ, 8, 0}, {0, SBX_OP_EQ, 9, 0}};
    const struct sbx_seccomp_rule rules[] = {
        {names, 1, SECCOMP_RET_LOG, &zero, 1},
        {both, 2, SECCOMP_RET_ALLOW, alternatives, 2},
        {names, 1, SECCOMP_RET_TRAP, &zero, 1},
    };
    struct sbx_seccomp_profile profile = {EPERM_ACTION, NULL, 0, rules, 3};
    struct sbx_filter filter;
    assert_int_equal(sbx_seccomp_compile(&profile, &filter, NULL), 0);
    assert_int_equal(ask(&filter, AUDIT_ARCH_X86_64, "personality", 0, 0), SECCOMP_RET_LOG);
    assert_int_equal(ask(&filter, AUDIT_ARCH_X86_64, "personality", 8, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(ask(&filter, AUDIT_ARCH_X86_64, "personality", 9, 0), SECCOMP_RET_ALLOW);
    assert_int_equal(ask(&filter, AUDIT_ARCH_X86_64, "personality", 1, 0), EPERM_ACTION);
    assert_int_equal(ask(&filter, AUDIT_ARCH_X86_64, "ptrace", 9, 0), SECCOMP_RET_ALLOW);
    sbx_filter_done(&filter);
}

static void reaches_every_call_of_a_profile_too_big_for_short_jumps(void **state)
{
    (void)state;
    enum { RULES = 400 };
    static char names[RULES][32];
    static const char *pointers[RULES];
    static struct sbx_seccomp_arg args[RULES][3];
    static struct sbx_seccomp_rule rules[RULES];
    size_t count = 0;
    for (int number = 0; number < 440 && count < RULES; number += 1) {
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, number);
        if (name == NULL) {
            continue;
        }
        if (number % 2 == 0) {
            assert_true(st_strcopy(names[count], sizeof(names[count]), name));
            pointers[count] = names[count];
            for (unsigned a = 0; a < 2; a++) {
                args[count][a] = (struct sbx_seccomp_arg){a, SBX_OP_EQ, (uint64_t)number, 0};
            }
            rules[count] =
                (struct sbx_seccomp_rule){&pointers[count], 1, SECCOMP_RET_ALLOW, args[count], 2};
            count++;
        }
        free(name);
    }
    struct sbx_seccomp_profile profile = {EPERM_ACTION, NULL, 0, rules, count};
    struct sbx_filter filter;
    assert_int_equal(sbx_seccomp_compile(&profile, &filter, NULL), 0);
    assert_true(filter.count > 1000);
    for (size_t i = 0; i < count; i++) {
        uint64_t number = args[i][0].value;
        assert_int_equal(ask(&filter, AUDIT_ARCH_X86_64, names[i], number, number),
                         SECCOMP_RET_ALLOW);
        assert_int_equal(ask(&filter, AUDIT_ARCH_X86_64, names[i], number, number + 1),
                         EPERM_ACTION);
    }
    sbx_filter_done(&filter);
}

static void refuses_what_it_does_not_know(void **state)
{
    (void)state;
    const char *const architectures[] = {"SCMP_ARCH_Z80"};
    const char *const names[] = {"read"};
    const struct sbx_seccomp_arg bad = {6, SBX_OP_EQ, 0, 0};
    const struct sbx_seccomp_rule rule = {names, 1, SECCOMP_RET_ALLOW, &bad, 1};
    struct sbx_seccomp_profile profile = {EPERM_ACTION, architectures, 1, NULL, 0};
    struct sbx_filter filter;
    struct st_err err = {0};
    assert_int_equal(sbx_seccomp_compile(&profile, &filter, &err), -ST_EINVAL);
    assert_non_null(strstr(err.msg, "SCMP_ARCH_Z80"));
    profile = (struct sbx_seccomp_profile){EPERM_ACTION, NULL, 0, &rule, 1};
    assert_int_equal(sbx_seccomp_compile(&profile, &filter, &err), -ST_EINVAL);
    assert_non_null(strstr(err.msg, "index 6"));
    uint32_t action = 0;
    assert_int_equal(sbx_seccomp_action("SCMP_ACT_ERRNO", 38, &action), 0);
    assert_int_equal(action, SECCOMP_RET_ERRNO | 38);
    assert_int_equal(sbx_seccomp_action("SCMP_ACT_NOTHING", 0, &action), -ST_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decides_by_name_number_and_architecture),
        cmocka_unit_test(decides_conditions_as_libseccomp_does),
        cmocka_unit_test(a_rule_without_conditions_wins_then_the_first_that_holds),
        cmocka_unit_test(reaches_every_call_of_a_profile_too_big_for_short_jumps),
        cmocka_unit_test(refuses_what_it_does_not_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
