/* Where branches lead, near and far, and the frames that returns find. All code around is INT3, so
 * a case may land anywhere in it but among its own bytes. */
#include "cases/cases_make.h"
#include "x86/x86_regs.h"

/* Offset in CASES_CODE, never where cases begin. */
static uint64_t code_offset(struct cases_random *random)
{
    if (cases_chance(random, 88)) {
        return 0x2000 + cases_below(random, 0x7f00);
    }
    return 0xa000 + cases_below(random, 0x4000);
}

/* ---- near ---- */

static uint64_t near_target(struct cases_case *c, struct cases_random *random)
{
    uint64_t offset = code_offset(random);

    if (cases_in_64(c)) {
        return cases_chance(random, 5) ? UINT64_C(0x0000800000000000) + offset
                                       : CASES_CODE + offset;
    }
    if (c->insn.opsize > 2 && cases_chance(random, 5)) {
        c->about |= CASES_ABOUT_SEGMENTS;
        return 0x10000 + offset;
    }
    return offset;
}

static bool relative(struct cases_case *c, struct cases_random *random)
{
    struct x86_insn *insn = &c->insn;
    uint64_t next = c->ip + c->length;
    uint64_t to;

    if (insn->imm_size == 1) {
        to = next + (uint64_t)insn->imm;
        /* LOOP counts by rCX. */
        c->gpr[X86_RCX] = cases_chance(random, 50) ? cases_below(random, 3) : c->gpr[X86_RCX];
        if (!cases_in_64(c) && to > 0xffff) {
            c->about |= CASES_ABOUT_SEGMENTS;
        }
        return to < c->ip || to >= next;
    }
    to = cases_in_64(c) ? CASES_CODE + code_offset(random) : near_target(c, random);
    cases_patch(c, insn->imm_at, insn->imm_size, to - next);
    return true;
}

static bool near(struct cases_case *c, struct cases_random *random)
{
    const struct x86_insn *insn = &c->insn;

    /* Whether 66 means something to near branches of 64-bit code is up to the maker. */
    if (cases_in_64(c) && insn->has_66) {
        return false;
    }
    if (insn->operands[0].kind == X86_REL) {
        return relative(c, random);
    }
    if (x86_rows[c->row].op == X86_OP_RET) {
        cases_poke(c, cases_stack(c), insn->opsize, near_target(c, random));
        if (insn->imm_size != 0 && !cases_in_64(c) && cases_level(c) == 0) {
            cases_patch(c, insn->imm_at, 2, 4 * cases_below(random, 0x40));
        }
        return true;
    }
    return cases_set_source(c, 0, near_target(c, random));
}

/* ---- far ---- */

/* A selector of code, and an offset in it. */
struct far_pointer {
    uint16_t selector;
    uint64_t offset;
};

static struct far_pointer code_of(const struct cases_case *c, unsigned level,
                                  struct cases_random *random)
{
    struct far_pointer to = {0, code_offset(random)};
    bool outer = level == 3;

    switch (cases_below(random, cases_in_long(c) ? 4 : 2)) {
    case 0:
        to.selector = CASES_SELECTOR(outer ? CASES_CODE16_3 : CASES_CODE16_0, level);
        break;
    case 1:
        to.selector = CASES_SELECTOR(outer ? CASES_CODE32_3 : CASES_CODE32_0, level);
        break;
    default:
        to.selector = CASES_SELECTOR(outer ? CASES_CODE64_3 : CASES_CODE64_0, level);
        to.offset += CASES_CODE;
        break;
    }
    return to;
}

static struct far_pointer far_target(struct cases_case *c, struct cases_random *random)
{
    static const uint8_t others[] = {
        CASES_CONFORMING_0, CASES_CONFORMING_3, CASES_GATE_0,        CASES_GATE_PARAMETERS,
        CASES_GATE_286,     CASES_GATE_DATA,    CASES_GATE_NULL,     CASES_GATE_CONFORMING,
        CASES_GATE_ABSENT,  CASES_GATE_TASK,    CASES_TSS_2,         CASES_TSS_286,
        CASES_TSS_NONE,     CASES_TSS_1,        CASES_ABSENT_CODE_0, CASES_GATE_PRIVILEGED,
        CASES_CODE_L_AND_D, CASES_CODE32_1,
    };
    unsigned level = cases_level(c);
    unsigned what = cases_below(random, 100);
    struct far_pointer to = code_of(c, level, random);

    if (cases_is_8086(c)) {
        to.selector = (uint16_t)((CASES_CODE >> 4) + cases_below(random, 0x700));
        to.offset = 0x2000 + cases_below(random, 0x6000);
        if (c->insn.opsize > 2 && cases_chance(random, 5)) {
            to.offset |= 0x10000;
            c->about |= CASES_ABOUT_SEGMENTS;
        }
    } else if (what < 45) {
        if (c->insn.opsize > 2 && cases_chance(random, 8)) {
            to.offset += 0x10000;
            c->about |= CASES_ABOUT_SEGMENTS;
        }
    } else if (what < 80) {
        unsigned rpl = cases_chance(random, 70) ? level : cases_below(random, 4);

        to.selector = CASES_SELECTOR(others[cases_below(random, sizeof others)], rpl);
    } else if (what < 85) {
        to.selector = CASES_LOCAL(CASES_LOCAL_CODE_3, level);
    } else {
        to.selector = cases_selector(c, random);
    }
    /* Flat code is no place for 16-bit offsets: there is the harness. */
    return to;
}

/* Whether code of that selector is flat, so that the offset is the address. */
static bool is_flat(const struct cases_case *c, uint16_t selector)
{
    unsigned index = selector >> 3;

    return !cases_is_8086(c) && (selector & 4) == 0 &&
           ((index >= CASES_HARNESS_64 && index <= CASES_HARNESS_16) ||
            (index >= CASES_FAST_CODE_0 && index <= CASES_CODE_L_AND_D));
}

static bool is_safe(const struct cases_case *c, struct far_pointer *to)
{
    if (is_flat(c, to->selector)) {
        if (c->insn.opsize == 2) {
            return false;
        }
        to->offset = CASES_CODE + (to->offset & 0xffff);
    }
    return true;
}

/* CALL and JMP. */
static bool go_far(struct cases_case *c, struct cases_random *random)
{
    struct far_pointer to = far_target(c, random);
    unsigned size = c->insn.opsize;

    if (!is_safe(c, &to)) {
        return false;
    }
    if (c->insn.operands[0].kind == X86_FAR) {
        cases_patch(c, c->insn.imm_at, size, to.offset);
        cases_patch(c, c->insn.imm_at + size, 2, to.selector);
    } else {
        cases_poke(c, cases_memory(c), size, to.offset);
        cases_poke(c, cases_memory(c) + size, 2, to.selector);
    }
    return true;
}

/* ---- returns ---- */

static uint64_t flags_to_return(struct cases_random *random)
{
    uint64_t flags =
        cases_next(random) & (X86_ARITH | X86_IF | X86_DF | X86_IOPL | X86_AC | X86_ID | X86_NT);

    return flags | 2;
}

/* Puts a value of the operand's size above the others of the frame. */
static void push_up(struct cases_case *c, unsigned *at, uint64_t value)
{
    cases_poke(c, cases_stack(c) + *at, c->insn.opsize, value);
    *at += c->insn.opsize;
}

static void push_stack(struct cases_case *c, unsigned *at, unsigned level,
                       struct cases_random *random)
{
    uint16_t stack = CASES_SELECTOR(level == 3 ? CASES_STACK32_3 : CASES_STACK32_0, level);
    uint64_t offset = 0x8000 + 4 * cases_below(random, 0x40);

    if (cases_in_64(c)) {
        stack = CASES_SELECTOR(level == 3 ? CASES_DATA32_3 : CASES_DATA32_0, level);
        offset += CASES_STACK;
    }
    if (cases_chance(random, 15)) {
        stack = cases_selector(c, random);
    }
    push_up(c, at, offset);
    push_up(c, at, stack);
}

static bool to_v86(struct cases_case *c, struct cases_random *random)
{
    unsigned at = 0;

    push_up(c, &at, 0x2000 + cases_below(random, 0x6000));
    push_up(c, &at, (CASES_CODE >> 4) + cases_below(random, 0x700));
    push_up(c, &at, flags_to_return(random) | X86_VM);
    push_up(c, &at, 0x8000);
    push_up(c, &at, CASES_STACK >> 4);
    push_up(c, &at, CASES_DATA >> 4);
    push_up(c, &at, (CASES_DATA >> 4) + 1);
    push_up(c, &at, (CASES_DATA >> 4) + 2);
    return true;
}

/* NT: back to the task that the TSS names. */
static void to_task(struct cases_case *c, struct cases_random *random)
{
    unsigned index = cases_chance(random, 70) ? CASES_TSS_2 : CASES_TSS_286;

    c->rflags |= X86_NT;
    cases_poke(c, CASES_TSS, 2, CASES_SELECTOR(index, 0));
    if (cases_chance(random, 80)) {
        cases_poke(c, CASES_GDT + index * 8 + 5, 1, index == CASES_TSS_2 ? 0x8b : 0x83);
    }
}

static bool go_back(struct cases_case *c, struct cases_random *random)
{
    bool flags = x86_rows[c->row].op == X86_OP_IRET;
    bool legacy_0 = c->mode == CASES_16_0 || c->mode == CASES_32_0;
    unsigned level = cases_level(c) == 0 && cases_chance(random, 35) ? 3 : cases_level(c);
    struct far_pointer to =
        cases_chance(random, 75) ? code_of(c, level, random) : far_target(c, random);
    unsigned at = 0;

    if (cases_is_8086(c)) {
        to = far_target(c, random);
    }
    if (!is_safe(c, &to)) {
        return false;
    }
    if (flags && legacy_0 && c->insn.opsize == 4 && cases_chance(random, 12)) {
        return to_v86(c, random);
    }
    if (flags && legacy_0 && cases_chance(random, 12)) {
        to_task(c, random);
    }
    push_up(c, &at, to.offset);
    push_up(c, &at, to.selector);
    if (flags) {
        push_up(c, &at, flags_to_return(random));
    } else if (c->insn.imm_size != 0) {
        unsigned more = 4 * cases_below(random, 0x20);

        cases_patch(c, c->insn.imm_at, 2, more);
        at += more;
    }
    if (!cases_is_8086(c)) {
        push_stack(c, &at, level, random);
    }
    return true;
}

/* ---- system calls, software interrupts ---- */

static bool leave_system(struct cases_case *c, struct cases_random *random)
{
    uint64_t to = CASES_CODE + code_offset(random);

    to = cases_in_64(c) && cases_chance(random, 10) ? to | UINT64_C(0x0000800000000000) : to;
    if (x86_rows[c->row].op == X86_OP_SYSRET) {
        c->gpr[X86_RCX] = to;
        c->gpr[X86_R8 + 3] = cases_next(random) & ~(uint64_t)(X86_TF | X86_VIF | X86_VIP);
    } else {
        c->gpr[X86_RDX] = to;
        c->gpr[X86_RCX] = CASES_STACK + 0x8000 + 4 * cases_below(random, 0x40);
    }
    return true;
}

static bool interrupt(struct cases_case *c, struct cases_random *random)
{
    /* The harness cannot tell an interrupt of these from the exception: one has an error code. */
    const uint32_t with_code = 0x27d00;
    unsigned vector =
        cases_chance(random, 20) ? cases_below(random, 32) : 32 + cases_below(random, 224);

    if (vector < 32 && (with_code >> vector & 1) != 0 && cases_level(c) == 0 && !cases_in_long(c) &&
        c->mode != CASES_REAL) {
        vector = 3;
    }
    if (vector >= 32 && vector % 16 == 11 && !cases_in_long(c)) {
        c->about |= CASES_ABOUT_SEGMENTS; /* the gate leads behind its segment */
    }
    cases_patch(c, c->insn.imm_at, 1, vector);
    return true;
}

bool cases_transfer(struct cases_case *c, struct cases_random *random)
{
    switch (x86_rows[c->row].op) {
    case X86_OP_CALLF:
    case X86_OP_JMPF:
        return go_far(c, random);
    case X86_OP_RETF:
    case X86_OP_IRET:
        return go_back(c, random);
    case X86_OP_SYSRET:
    case X86_OP_SYSEXIT:
        return leave_system(c, random);
    case X86_OP_SYSCALL:
        /* What comes of it in real mode the manuals leave open: it is only refused there. */
        c->no_syscall |= c->mode == CASES_REAL;
        return true;
    case X86_OP_INT:
        return interrupt(c, random);
    default:
        break;
    }
    return (x86_rows[c->row].attributes & X86_SYSTEM) != 0 || near(c, random);
}
