/*
 * The compiler from seccomp rules to BPF: see sbx_seccomp.h.
 *
 * For each architecture: resolve the names into calls (number, rules), sort them, join neighbours
 * with the same outcome into ranges that together cover all numbers, and emit a balanced tree of
 * comparisons over the ranges.
 */
#include "sandbox/sbx_seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/str.h"
#include "os/os_security.h"
#include "sandbox/sbx_seccomp_priv.h"

static const struct {
    const char *name;
    uint32_t token;       /* libseccomp's */
    uint32_t audit;       /* what seccomp_data.arch says */
    uint32_t number_base; /* added to the architecture's call numbers */
} architectures[] = {
    {"SCMP_ARCH_X86_64", SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64, 0},
    {"SCMP_ARCH_X86", SCMP_ARCH_X86, AUDIT_ARCH_I386, 0},
    {"SCMP_ARCH_X32", SCMP_ARCH_X32, AUDIT_ARCH_X86_64, SBX_X32_BIT},
};

/* Architectures of other processors: profiles list them, and no call of theirs can be made here. */
static const char *const foreign_architectures[] = {
    "SCMP_ARCH_ARM",         "SCMP_ARCH_AARCH64", "SCMP_ARCH_MIPS",     "SCMP_ARCH_MIPS64",
    "SCMP_ARCH_MIPS64N32",   "SCMP_ARCH_MIPSEL",  "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32",
    "SCMP_ARCH_PPC",         "SCMP_ARCH_PPC64",   "SCMP_ARCH_PPC64LE",  "SCMP_ARCH_S390",
    "SCMP_ARCH_S390X",       "SCMP_ARCH_PARISC",  "SCMP_ARCH_PARISC64", "SCMP_ARCH_RISCV64",
    "SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_M68K",    "SCMP_ARCH_SH",       "SCMP_ARCH_SHEB",
};

enum { NATIVE = 0, ARCHITECTURE_COUNT = ST_COUNT(architectures) };

static int find_architecture(const char *name)
{
    for (int i = 0; i < ARCHITECTURE_COUNT; i++) {
        if (st_streq(architectures[i].name, name)) {
            return i;
        }
    }
    for (size_t i = 0; i < ST_COUNT(foreign_architectures); i++) {
        if (st_streq(foreign_architectures[i], name)) {
            return ARCHITECTURE_COUNT;
        }
    }
    return -ST_EINVAL;
}

bool sbx_seccomp_knows_architecture(const char *name)
{
    return find_architecture(name) >= 0;
}

const char *const *sbx_seccomp_architecture_names(void)
{
    static const char *const names[] = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", NULL};
    return names;
}

uint32_t sbx_seccomp_library_version(void)
{
    const struct scmp_version *version = seccomp_version();
    return version == NULL ? 0 : version->major << 16 | version->minor << 8 | version->micro;
}

/* -- calls: what the profile says of one number */

struct call {
    uint32_t number;
    uint32_t rule; /* index in the profile */
    int32_t mux;   /* i386's socketcall and ipc: the value of argument 0, else -1 */
};

struct calls {
    struct call *list;
    size_t count;
    size_t capacity;
};

static int add_call(struct calls *calls, uint32_t number, size_t rule, int32_t mux)
{
    if (calls->count == calls->capacity) {
        size_t capacity = calls->capacity == 0 ? 512 : calls->capacity * 2;
        struct call *list = realloc(calls->list, capacity * sizeof(*list));
        if (list == NULL) {
            return -ST_ENOMEM;
        }
        calls->list = list;
        calls->capacity = capacity;
    }
    calls->list[calls->count++] = (struct call){number, (uint32_t)rule, mux};
    return 0;
}

/* i386 makes these calls through socketcall(2) and ipc(2), whose first argument says which, or
 * directly. */
static const struct {
    const char *name;
    int16_t direct; /* -1: there is none */
    uint8_t mux;    /* the number of socketcall or ipc */
    uint8_t which;
} muxed[] = {
    {"socket", 359, 102, 1},      {"bind", 361, 102, 2},        {"connect", 362, 102, 3},
    {"listen", 363, 102, 4},      {"accept", -1, 102, 5},       {"getsockname", 367, 102, 6},
    {"getpeername", 368, 102, 7}, {"socketpair", 360, 102, 8},  {"send", -1, 102, 9},
    {"recv", -1, 102, 10},        {"sendto", 369, 102, 11},     {"recvfrom", 371, 102, 12},
    {"shutdown", 373, 102, 13},   {"setsockopt", 366, 102, 14}, {"getsockopt", 365, 102, 15},
    {"sendmsg", 370, 102, 16},    {"recvmsg", 372, 102, 17},    {"accept4", 364, 102, 18},
    {"recvmmsg", 337, 102, 19},   {"sendmmsg", 345, 102, 20},   {"semop", -1, 117, 1},
    {"semget", 393, 117, 2},      {"semctl", 394, 117, 3},      {"semtimedop", -1, 117, 4},
    {"msgsnd", 400, 117, 11},     {"msgrcv", 401, 117, 12},     {"msgget", 399, 117, 13},
    {"msgctl", 402, 117, 14},     {"shmat", 397, 117, 21},      {"shmdt", 398, 117, 22},
    {"shmget", 395, 117, 23},     {"shmctl", 396, 117, 24},
};

/* Conditions on a call's arguments cannot be checked behind socketcall's pointer, so only rules
 * without conditions apply there. */
static int add_muxed_call(struct calls *calls, const char *name, size_t rule, bool conditional)
{
    for (size_t i = 0; i < ST_COUNT(muxed); i++) {
        if (!st_streq(muxed[i].name, name)) {
            continue;
        }
        int r = 0;
        if (muxed[i].direct >= 0) {
            r = add_call(calls, (uint32_t)muxed[i].direct, rule, -1);
        }
        if (r == 0 && !conditional) {
            r = add_call(calls, muxed[i].mux, rule, muxed[i].which);
        }
        return r < 0 ? r : 1;
    }
    return 0;
}

static int resolve_rule(struct calls *calls, int arch, const struct sbx_seccomp_rule *rule,
                        size_t rule_index)
{
    for (size_t i = 0; i < rule->name_count; i++) {
        if (architectures[arch].audit == AUDIT_ARCH_I386) {
            int r = add_muxed_call(calls, rule->names[i], rule_index, rule->arg_count > 0);
            if (r != 0) {
                if (r < 0) {
                    return r;
                }
                continue;
            }
        }
        int number = seccomp_syscall_resolve_name_arch(architectures[arch].token, rule->names[i]);
        if (number < 0) {
            continue;
        }
        uint32_t bits = (uint32_t)number | architectures[arch].number_base;
        int r = add_call(calls, bits, rule_index, -1);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int compare_calls(const void *left, const void *right)
{
    const struct call *a = left;
    const struct call *b = right;
    if (a->number != b->number) {
        return a->number < b->number ? -1 : 1;
    }
    return a->rule < b->rule ? -1 : a->rule > b->rule;
}

/* -- ranges: numbers with one outcome */

struct range {
    uint32_t start;  /* the first number; the range ends where the next one starts */
    uint32_t action; /* where no conditions are */
    uint32_t first;  /* calls whose conditions decide */
    uint32_t count;  /* 0: the action alone */
};

struct ranges {
    struct range *list;
    size_t count;
};

static void add_range(struct ranges *ranges, struct range range)
{
    struct range *last = ranges->count > 0 ? &ranges->list[ranges->count - 1] : NULL;
    if (last != NULL && last->start == range.start) {
        *last = range; /* an empty gap */
        ranges->count--;
        last = ranges->count > 0 ? last - 1 : NULL;
    }
    if (last != NULL && last->count == 0 && range.count == 0 && last->action == range.action) {
        return;
    }
    ranges->list[ranges->count++] = range;
}

/* The outcome of the calls first..end-1, which have the same number. */
static struct range outcome_of(const struct sbx_seccomp_profile *profile, const struct calls *calls,
                               size_t first, size_t end)
{
    struct range range = {.start = calls->list[first].number, .action = profile->default_action};
    for (size_t i = first; i < end; i++) {
        const struct sbx_seccomp_rule *rule = &profile->rules[calls->list[i].rule];
        if (rule->arg_count == 0 && calls->list[i].mux < 0) {
            range.action = rule->action;
            return range;
        }
    }
    range.first = (uint32_t)first;
    range.count = (uint32_t)(end - first);
    return range;
}

static bool refuses(uint32_t action)
{
    switch (action & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_ALLOW:
    case SECCOMP_RET_LOG:
    case SECCOMP_RET_TRACE:
    case SECCOMP_RET_USER_NOTIF:
        return false;
    }
    return true;
}

/* Joins the sorted calls into ranges from `base` to the last number. The list has room for 2 *
 * calls + 2. */
static void make_ranges(const struct sbx_seccomp_profile *profile, const struct calls *calls,
                        uint32_t base, struct ranges *ranges)
{
    struct range gap = {.start = base, .action = profile->default_action};
    add_range(ranges, gap);
    for (size_t i = 0; i < calls->count;) {
        size_t end = i + 1;
        while (end < calls->count && calls->list[end].number == calls->list[i].number) {
            end++;
        }
        add_range(ranges, outcome_of(profile, calls, i, end));
        gap.start = calls->list[i].number + 1;
        add_range(ranges, gap);
        i = end;
    }
    if (calls->count > 0 && refuses(profile->default_action)) {
        gap.action = SECCOMP_RET_ERRNO | ENOSYS;
        add_range(ranges, gap);
    }
}

/* -- code */

struct code {
    struct sock_filter *list;
    size_t count;
    size_t capacity;
    int status; /* the first failure sticks */
};

enum {
    TO_NEXT_RULE = 254, /* placeholder of a jump, replaced when the rule's end is known */
    MAX_JUMP = 250,
};

static void emit(struct code *code, uint16_t op, uint32_t k, uint8_t if_true, uint8_t if_false)
{
    if (code->count == code->capacity) {
        size_t capacity = code->capacity == 0 ? 512 : code->capacity * 2;
        struct sock_filter *list = realloc(code->list, capacity * sizeof(*list));
        if (list == NULL) {
            code->status = -ST_ENOMEM;
            code->count = 0;
            return;
        }
        code->list = list;
        code->capacity = capacity;
    }
    code->list[code->count++] = (struct sock_filter){op, if_true, if_false, k};
}

static void emit_load(struct code *code, size_t offset)
{
    emit(code, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void emit_return(struct code *code, uint32_t action)
{
    emit(code, BPF_RET | BPF_K, action, 0, 0);
}

static void emit_jump(struct code *code, uint16_t test, uint32_t k, uint8_t if_true,
                      uint8_t if_false)
{
    emit(code, BPF_JMP | BPF_K | test, k, if_true, if_false);
}

/* A 64-bit condition with 32-bit registers: the high halves decide unless they are equal. Falls
 * through when the condition holds, else jumps to the next rule. */
static void emit_condition(struct code *code, const struct sbx_seccomp_arg *arg)
{
    size_t low_at = offsetof(struct seccomp_data, args) + arg->index * sizeof(uint64_t);
    size_t high_at = low_at + sizeof(uint32_t);
    uint32_t low = (uint32_t)arg->value;
    uint32_t high = (uint32_t)(arg->value >> 32);

    emit_load(code, high_at);
    switch (arg->op) {
    case SBX_OP_EQ:
        emit_jump(code, BPF_JEQ, high, 0, TO_NEXT_RULE);
        emit_load(code, low_at);
        emit_jump(code, BPF_JEQ, low, 0, TO_NEXT_RULE);
        break;
    case SBX_OP_NE:
        emit_jump(code, BPF_JEQ, high, 0, 2);
        emit_load(code, low_at);
        emit_jump(code, BPF_JEQ, low, TO_NEXT_RULE, 0);
        break;
    case SBX_OP_GT:
    case SBX_OP_GE:
        emit_jump(code, BPF_JGT, high, 3, 0);
        emit_jump(code, BPF_JEQ, high, 0, TO_NEXT_RULE);
        emit_load(code, low_at);
        emit_jump(code, arg->op == SBX_OP_GT ? BPF_JGT : BPF_JGE, low, 0, TO_NEXT_RULE);
        break;
    case SBX_OP_LT:
    case SBX_OP_LE:
        emit_jump(code, BPF_JGT, high, TO_NEXT_RULE, 0);
        emit_jump(code, BPF_JEQ, high, 0, 2);
        emit_load(code, low_at);
        emit_jump(code, arg->op == SBX_OP_LT ? BPF_JGE : BPF_JGT, low, TO_NEXT_RULE, 0);
        break;
    case SBX_OP_MASKED_EQ:
        emit(code, BPF_ALU | BPF_AND | BPF_K, high, 0, 0);
        emit_jump(code, BPF_JEQ, (uint32_t)(arg->value_two >> 32), 0, TO_NEXT_RULE);
        emit_load(code, low_at);
        emit(code, BPF_ALU | BPF_AND | BPF_K, low, 0, 0);
        emit_jump(code, BPF_JEQ, (uint32_t)arg->value_two, 0, TO_NEXT_RULE);
        break;
    }
}

static void emit_rule(struct code *code, const struct sbx_seccomp_arg *args, size_t count,
                      uint32_t action)
{
    size_t start = code->count;
    for (size_t i = 0; i < count; i++) {
        emit_condition(code, &args[i]);
    }
    emit_return(code, action);
    if (code->status < 0) {
        return;
    }
    for (size_t i = start; i < code->count; i++) {
        struct sock_filter *instruction = &code->list[i];
        uint8_t to_end = (uint8_t)(code->count - i - 1);
        if (BPF_CLASS(instruction->code) != BPF_JMP) {
            continue;
        }
        if (instruction->jt == TO_NEXT_RULE) {
            instruction->jt = to_end;
        }
        if (instruction->jf == TO_NEXT_RULE) {
            instruction->jf = to_end;
        }
    }
}

static bool has_alternatives(const struct sbx_seccomp_rule *rule)
{
    unsigned seen = 0;
    for (size_t i = 0; i < rule->arg_count; i++) {
        unsigned bit = 1U << rule->args[i].index;
        if ((seen & bit) != 0) {
            return true;
        }
        seen |= bit;
    }
    return false;
}

static void emit_leaf(struct code *code, const struct sbx_seccomp_profile *profile,
                      const struct calls *calls, const struct range *range)
{
    for (size_t i = range->first; i < range->first + range->count; i++) {
        const struct sbx_seccomp_rule *rule = &profile->rules[calls->list[i].rule];
        if (calls->list[i].mux >= 0) {
            struct sbx_seccomp_arg which = {0, SBX_OP_EQ, (uint64_t)calls->list[i].mux, 0};
            emit_rule(code, &which, 1, rule->action);
        } else if (has_alternatives(rule)) {
            for (size_t a = 0; a < rule->arg_count; a++) {
                emit_rule(code, &rule->args[a], 1, rule->action);
            }
        } else {
            emit_rule(code, rule->args, rule->arg_count, rule->action);
        }
    }
    emit_return(code, range->count > 0 ? profile->default_action : range->action);
}

static void emit_tree(struct code *code, const struct sbx_seccomp_profile *profile,
                      const struct calls *calls, const struct range *list, size_t count)
{
    if (count == 1) {
        emit_leaf(code, profile, calls, list);
        return;
    }
    size_t middle = count / 2;
    size_t at = code->count;
    emit_jump(code, BPF_JGE, list[middle].start, 0, 0);
    emit_tree(code, profile, calls, list, middle);
    if (code->status < 0) {
        return;
    }
    size_t left = code->count - at - 1;
    if (left <= MAX_JUMP) {
        code->list[at].jt = (uint8_t)left;
    } else {
        /* Too far for a conditional jump: a long one behind it. */
        emit_return(code, 0);
        if (code->status < 0) {
            return;
        }
        memmove(&code->list[at + 2], &code->list[at + 1], left * sizeof(code->list[0]));
        code->list[at].jf = 1;
        code->list[at + 1] = (struct sock_filter){BPF_JMP | BPF_JA, 0, 0, (uint32_t)left};
    }
    emit_tree(code, profile, calls, list + middle, count - middle);
}

static int emit_architecture(struct code *code, const struct sbx_seccomp_profile *profile, int arch)
{
    struct calls calls = {0};
    struct ranges ranges = {0};
    int r = 0;
    for (size_t i = 0; r == 0 && i < profile->rule_count; i++) {
        if (profile->rules[i].action != profile->default_action ||
            profile->rules[i].arg_count == 0) {
            r = resolve_rule(&calls, arch, &profile->rules[i], i);
        }
    }
    if (r == 0) {
        ranges.list = malloc((2 * calls.count + 2) * sizeof(*ranges.list));
        r = ranges.list == NULL ? -ST_ENOMEM : 0;
    }
    if (r == 0) {
        if (calls.count > 0) {
            qsort(calls.list, calls.count, sizeof(calls.list[0]), compare_calls);
        }
        make_ranges(profile, &calls, architectures[arch].number_base, &ranges);
        emit_tree(code, profile, &calls, ranges.list, ranges.count);
        r = code->status;
    }
    free(ranges.list);
    free(calls.list);
    return r;
}

/* Puts `if (A >= or == k) go on, else skip the code since at` before that code: there is room at at
 * and at + 1. */
static void skip_unless(struct code *code, size_t at, uint16_t test, uint32_t k)
{
    size_t length = code->count - at - 2;
    code->list[at] = (struct sock_filter){(uint16_t)(BPF_JMP | BPF_K | test), 1, 0, k};
    code->list[at + 1] = (struct sock_filter){BPF_JMP | BPF_JA, 0, 0, (uint32_t)length};
}

static void reserve_skip(struct code *code)
{
    emit_return(code, 0);
    emit_return(code, 0);
}

/* x32 shares its architecture with x86-64: its numbers have a bit of their own. */
static int emit_x86_64(struct code *code, const struct sbx_seccomp_profile *profile, bool with_x32)
{
    emit_load(code, offsetof(struct seccomp_data, nr));
    size_t at = code->count;
    reserve_skip(code);
    int r = 0;
    if (with_x32) {
        r = emit_architecture(code, profile, 2);
    } else {
        emit_return(code, SECCOMP_RET_KILL_PROCESS);
    }
    if (r < 0 || code->status < 0) {
        return r < 0 ? r : code->status;
    }
    skip_unless(code, at, BPF_JGE, SBX_X32_BIT);
    return emit_architecture(code, profile, NATIVE);
}

static int emit_program(struct code *code, const struct sbx_seccomp_profile *profile,
                        const bool wanted[ARCHITECTURE_COUNT])
{
    emit_load(code, offsetof(struct seccomp_data, arch));
    size_t at = code->count;
    reserve_skip(code);
    int r = emit_x86_64(code, profile, wanted[2]);
    if (r < 0) {
        return r;
    }
    skip_unless(code, at, BPF_JEQ, AUDIT_ARCH_X86_64);
    if (wanted[1]) {
        at = code->count;
        reserve_skip(code);
        emit_load(code, offsetof(struct seccomp_data, nr));
        r = emit_architecture(code, profile, 1);
        if (r < 0) {
            return r;
        }
        skip_unless(code, at, BPF_JEQ, AUDIT_ARCH_I386);
    }
    emit_return(code, SECCOMP_RET_KILL_PROCESS);
    return code->status;
}

static int check_args(const struct sbx_seccomp_profile *profile, struct st_err *err)
{
    for (size_t i = 0; i < profile->rule_count; i++) {
        for (size_t a = 0; a < profile->rules[i].arg_count; a++) {
            if (profile->rules[i].args[a].index > 5) {
                return st_fail(err, ST_EINVAL, "seccomp: argument index %u is not in 0-5",
                               profile->rules[i].args[a].index);
            }
        }
        if (profile->rules[i].arg_count > 30) {
            return st_fail(err, ST_ELIMIT, "seccomp: a rule has %zu conditions, at most 30 fit",
                           profile->rules[i].arg_count);
        }
    }
    return 0;
}

int sbx_seccomp_compile(const struct sbx_seccomp_profile *profile, struct sbx_filter *ret_filter,
                        struct st_err *err)
{
    bool wanted[ARCHITECTURE_COUNT] = {[NATIVE] = true};
    struct code code = {0};
    for (size_t i = 0; i < profile->architecture_count; i++) {
        int arch = find_architecture(profile->architectures[i]);
        if (arch < 0) {
            return st_fail(err, ST_EINVAL, "seccomp: unknown architecture %s",
                           profile->architectures[i]);
        }
        if (arch < ARCHITECTURE_COUNT) {
            wanted[arch] = true;
        }
    }
    int r = check_args(profile, err);
    if (r < 0) {
        return r;
    }
    r = emit_program(&code, profile, wanted);
    if (r < 0) {
        free(code.list);
        return st_fail_os(err, r, "compiling the seccomp profile");
    }
    if (code.count > BPF_MAXINSNS) {
        free(code.list);
        return st_fail(err, ST_ELIMIT,
                       "seccomp: the profile needs %zu instructions, at most %d fit", code.count,
                       BPF_MAXINSNS);
    }
    *ret_filter = (struct sbx_filter){code.list, code.count};
    return 0;
}

void sbx_filter_done(struct sbx_filter *filter)
{
    free(filter->code);
    *filter = (struct sbx_filter){0};
}

int sbx_seccomp_load(const struct sock_filter *code, size_t count, unsigned flags)
{
    if (count > BPF_MAXINSNS) {
        return -ST_E2BIG;
    }
    struct sock_fprog program = {
        .len = (unsigned short)count,
        .filter = (struct sock_filter *)(uintptr_t)code,
    };
    return os_seccomp(SECCOMP_SET_MODE_FILTER, flags, &program);
}
