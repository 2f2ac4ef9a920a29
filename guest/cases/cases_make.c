/*
 * Makes cases: bytes that are an instance of a row, registers that lead its memory operand to where
 * it may do no harm, and what the instruction itself is about (cases_special.c). Nothing here looks
 * at the CPU: the same case comes of the same numbers everywhere.
 */
#include "cases/cases_make.h"

#include "base/memops.h"
#include "cases/cases_rows.h"
#include "x86/x86_decode.h"
#include "x86/x86_regs.h"

enum { TRIES = 3000, ROW_CASES = 200 };

uint64_t cases_next(struct cases_random *random)
{
    random->state ^= random->state >> 12;
    random->state ^= random->state << 25;
    random->state ^= random->state >> 27;
    return random->state * UINT64_C(0x2545f4914f6cdd1d);
}

unsigned cases_below(struct cases_random *random, unsigned limit)
{
    return (unsigned)((cases_next(random) >> 33) % limit);
}

bool cases_chance(struct cases_random *random, unsigned percent)
{
    return cases_below(random, 100) < percent;
}

/* ---- modes ---- */

static const struct {
    const char *name;
    uint8_t decoded, level;
    uint8_t code, stack; /* indexes of descriptors */
} modes[CASES_MODES] = {
    [CASES_REAL] = {"real", X86_MODE_16, 0, 0, 0},
    [CASES_V86] = {"v86", X86_MODE_16, 3, 0, 0},
    [CASES_16_0] = {"16_0", X86_MODE_16, 0, CASES_CODE16_0, CASES_STACK16_0},
    [CASES_16_3] = {"16_3", X86_MODE_16, 3, CASES_CODE16_3, CASES_STACK16_3},
    [CASES_32_0] = {"32_0", X86_MODE_32, 0, CASES_CODE32_0, CASES_STACK32_0},
    [CASES_32_3] = {"32_3", X86_MODE_32, 3, CASES_CODE32_3, CASES_STACK32_3},
    [CASES_C16_0] = {"c16_0", X86_MODE_16, 0, CASES_CODE16_0, CASES_STACK16_0},
    [CASES_C16_3] = {"c16_3", X86_MODE_16, 3, CASES_CODE16_3, CASES_STACK16_3},
    [CASES_C32_0] = {"c32_0", X86_MODE_32, 0, CASES_CODE32_0, CASES_STACK32_0},
    [CASES_C32_3] = {"c32_3", X86_MODE_32, 3, CASES_CODE32_3, CASES_STACK32_3},
    [CASES_64_0] = {"64_0", X86_MODE_64, 0, CASES_CODE64_0, CASES_DATA32_0},
    [CASES_64_3] = {"64_3", X86_MODE_64, 3, CASES_CODE64_3, CASES_DATA32_3},
};

const char *cases_mode_name(enum cases_mode mode)
{
    return modes[mode].name;
}

unsigned cases_level(const struct cases_case *c)
{
    return modes[c->mode].level;
}

bool cases_in_64(const struct cases_case *c)
{
    return c->mode >= CASES_64_0;
}

bool cases_in_long(const struct cases_case *c)
{
    return c->mode >= CASES_C16_0;
}

bool cases_is_8086(const struct cases_case *c)
{
    return c->mode <= CASES_V86;
}

/* Whole states of x87 and vector registers: tests/cpu/vector_differ has these. */
static bool is_whole_state(uint16_t op)
{
    return op == X86_OP_FXSAVE || op == X86_OP_FXRSTOR || op == X86_OP_XSAVE ||
           op == X86_OP_XRSTOR || op == X86_OP_XSAVEC || op == X86_OP_XSAVEOPT;
}

bool cases_has(uint16_t row, enum cases_mode mode)
{
    const struct cases_row *r = &cases_rows[row];
    const struct x86_row *facts = &x86_rows[row];
    bool in_64 = mode >= CASES_64_0;

    if ((r->flags & CASES_ROW_OTHER) != 0 || is_whole_state(facts->op) ||
        (r->only64 == 1 && in_64) ||
        (!in_64 &&
         (r->only64 == 2 || r->y64 == 2 || r->osize == 3 || r->asize == 3 || r->rexb == 2)) ||
        (in_64 && r->asize == 1)) {
        return false;
    }
    if (facts->op == X86_OP_HLT) {
        return modes[mode].level == 3;
    }
    /* User code can enter the others in the modes of a 64-bit system. */
    return (facts->attributes & (X86_SYSTEM | X86_PRIVILEGED | X86_IOPL_SENSITIVE)) != 0 ||
           mode == CASES_REAL || mode == CASES_V86 || mode == CASES_16_0 || mode == CASES_32_0 ||
           (in_64 && r->only64 == 2);
}

/* Rows that no other test has, or not on all hosts. */
static bool is_ours_alone(uint16_t row)
{
    return (x86_rows[row].attributes & (X86_SYSTEM | X86_IOPL_SENSITIVE)) != 0 ||
           (cases_rows[row].map == 1 && cases_rows[row].opcode == 0x0d);
}

unsigned cases_wanted(uint16_t row, enum cases_mode mode, unsigned share)
{
    unsigned count = 0, wanted;

    if (!cases_has(row, mode)) {
        return 0;
    }
    for (enum cases_mode m = CASES_REAL; m < CASES_MODES; m++) {
        count += cases_has(row, m);
    }
    wanted = is_ours_alone(row) ? (ROW_CASES + count - 1) / count : 0;
    return wanted < share ? share : wanted;
}

/* ---- bytes ---- */

static const uint8_t segment_prefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65};
static const uint8_t mandatory[] = {0, 0x66, 0xf3, 0xf2};

static unsigned put_prefixes(const struct cases_case *c, uint8_t *bytes, const struct cases_row *r,
                             struct cases_random *random)
{
    bool repeats = (x86_rows[c->row].attributes & (X86_REP | X86_REPCC)) != 0;
    bool free = r->prefix >= CASES_ANY_PREFIX;
    unsigned at = 0;

    if (cases_chance(random, 3)) {
        bytes[at++] = 0xf0;
    }
    if (cases_chance(random, r->asize != 0 ? 50 : 8)) {
        bytes[at++] = 0x67;
    }
    if (cases_chance(random, 10)) {
        bytes[at++] = segment_prefixes[cases_below(random, 6)];
    }
    if (free && cases_chance(random, r->osize != 0 ? 50 : 20)) {
        bytes[at++] = 0x66;
    }
    if (r->prefix == CASES_ANY_PREFIX && cases_chance(random, repeats ? 50 : 3)) {
        bytes[at++] = cases_chance(random, 50) ? 0xf2 : 0xf3;
    }
    if (!free && r->prefix != 0) {
        bytes[at++] = mandatory[r->prefix];
    }
    return at;
}

static unsigned put_opcode(const struct cases_case *c, uint8_t *bytes, const struct cases_row *r,
                           struct cases_random *random)
{
    unsigned at = 0;

    if (cases_in_64(c) &&
        (r->y64 == 2 || r->osize == 3 || r->rexb == 2 || cases_chance(random, 50))) {
        uint8_t rex = (uint8_t)(0x40 | cases_below(random, cases_chance(random, 40) ? 16 : 1));

        rex |= r->y64 == 2 || r->osize == 3 || cases_chance(random, 30) ? 8 : 0;
        rex |= r->rexb == 2 ? 1 : 0;
        bytes[at++] = rex;
    }
    if (r->map > 0) {
        bytes[at++] = 0x0f;
    }
    if (r->map > 1) {
        bytes[at++] = r->map == 2 ? 0x38 : 0x3a;
    }
    bytes[at++] = r->opcode;
    if ((r->flags & CASES_ROW_REGISTER) != 0) {
        bytes[at - 1] |= (uint8_t)cases_below(random, 8);
    }
    return at;
}

static uint8_t make_modrm(const struct cases_row *r, struct cases_random *random)
{
    uint8_t modrm = (uint8_t)cases_below(random, 256);

    if ((r->flags & CASES_ROW_FIXED) != 0) {
        return r->modrm;
    }
    if (r->mod3 == 2 || (r->mod3 == 0 && cases_chance(random, 35))) {
        modrm |= 0xc0;
    } else if (modrm >= 0xc0) {
        modrm = (modrm & 0x3f) | (uint8_t)(cases_below(random, 3) << 6);
    }
    if ((r->flags & CASES_ROW_DIGIT) != 0) {
        modrm = (uint8_t)((modrm & 0xc7) | r->modrm);
    }
    return modrm;
}

static bool make_bytes(struct cases_case *c, struct cases_random *random)
{
    const struct cases_row *r = &cases_rows[c->row];
    unsigned at = put_prefixes(c, c->bytes, r, random);
    int length;

    at += put_opcode(c, c->bytes + at, r, random);
    if ((r->flags & CASES_ROW_MODRM) != 0) {
        c->bytes[at++] = make_modrm(r, random);
    }
    while (at < X86_INSN_MAX) {
        c->bytes[at++] = (uint8_t)(cases_next(random) >> 40);
    }
    length = x86_decode(modes[c->mode].decoded, c->bytes, X86_INSN_MAX, &c->insn);
    if (length <= 0 || c->insn.row != c->row) {
        return false;
    }
    c->length = (uint8_t)length;
    return true;
}

void cases_patch(struct cases_case *c, unsigned at, unsigned size, uint64_t value)
{
    for (unsigned i = 0; i < size && at + i < X86_INSN_MAX; i++) {
        c->bytes[at + i] = (uint8_t)(value >> i * 8);
    }
}

void cases_poke(struct cases_case *c, uint64_t at, unsigned size, uint64_t value)
{
    if (c->pokes_count < CASES_POKES && at >= CASES_GDT && at + size <= CASES_STACK_0) {
        c->pokes[c->pokes_count++] =
            (struct cases_poke){.at = (uint32_t)at, .size = (uint8_t)size, .value = value};
    }
}

/* ---- the state before ---- */

/* A value of a register: often near what arithmetic turns on. */
uint64_t cases_value(struct cases_random *random)
{
    uint64_t v = cases_next(random);

    switch (cases_below(random, 10)) {
    case 0:
        return v & 0xff;
    case 1:
        return 0 - (v & 0xff);
    case 2:
        return 1ull << (v & 63);
    case 3:
        return (1ull << (v & 63)) - 1;
    case 4:
        return 0x8000000080008080;
    case 5:
        return v & 0xffffffff;
    case 6:
        return 0;
    default:
        return v;
    }
}

static uint16_t data_segment(const struct cases_case *c, struct cases_random *random)
{
    static const uint8_t others[] = {CASES_DOWN16_3, CASES_DOWN32_3,       CASES_READ_ONLY_3,
                                     CASES_SMALL_3,  CASES_EXECUTE_ONLY_3, CASES_CONFORMING_3};
    unsigned level = cases_level(c);
    unsigned sixteen = level == 0 ? CASES_DATA16_0 : CASES_DATA16_3;
    unsigned flat = level == 0 ? CASES_DATA32_0 : CASES_DATA32_3;
    bool narrow = modes[c->mode].decoded == X86_MODE_16;
    unsigned what = cases_below(random, 100);

    if (cases_is_8086(c)) {
        return (uint16_t)((CASES_DATA >> 4) + (what < 30 ? cases_below(random, 0x80) : 0));
    }
    if (what < 75) {
        return CASES_SELECTOR(narrow ? sixteen : flat, level);
    }
    if (what < 80) {
        return CASES_SELECTOR(narrow ? flat : sixteen, level);
    }
    /* An execute-only segment cannot be loaded here. */
    if (what < 95) {
        unsigned index = others[cases_below(random, sizeof others)];

        return CASES_SELECTOR(index == CASES_EXECUTE_ONLY_3 ? CASES_SMALL_3 : index, 3);
    }
    return 0;
}

uint64_t cases_base(const struct cases_case *c, enum x86_seg seg)
{
    unsigned index = c->segments[seg] >> 3;

    if (cases_is_8086(c)) {
        return (uint64_t)c->segments[seg] << 4;
    }
    if (cases_in_64(c)) {
        return seg == X86_FS ? c->fs_base : seg == X86_GS ? c->gs_base : 0;
    }
    switch (index) {
    case CASES_CODE16_0:
    case CASES_CODE32_0:
    case CASES_CODE16_3:
    case CASES_CODE32_3:
    case CASES_CONFORMING_3:
        return CASES_CODE;
    case CASES_STACK16_0:
    case CASES_STACK32_0:
    case CASES_STACK16_3:
    case CASES_STACK32_3:
        return CASES_STACK;
    case CASES_DATA16_0:
    case CASES_DATA16_3:
    case CASES_DOWN16_3:
    case CASES_DOWN32_3:
    case CASES_READ_ONLY_3:
        return CASES_DATA;
    case CASES_SMALL_3:
        return CASES_DATA + 0x8000;
    default:
        return 0;
    }
}

static void make_control(struct cases_case *c, struct cases_random *random)
{
    static const struct {
        uint32_t bit;
        uint8_t percent;
    } bits[] = {
        {X86_CR4_TSD, 20},  {X86_CR4_DE, 30},       {X86_CR4_PCE, 20},     {X86_CR4_UMIP, 20},
        {X86_CR4_MCE, 20},  {X86_CR4_FSGSBASE, 60}, {X86_CR4_OSXSAVE, 60}, {X86_CR4_PSE, 30},
        {X86_CR4_SMEP, 10}, {X86_CR4_SMAP, 15},     {X86_CR4_OSFXSR, 80},  {X86_CR4_PGE, 10},
    };

    c->paging = cases_in_long(c)        ? CASES_PAGING_LONG
                : c->mode == CASES_REAL ? CASES_PAGING_NONE
                                        : cases_below(random, 3);
    c->cr0 =
        X86_CR0_ET | X86_CR0_NE | (cases_chance(random, 30) ? X86_CR0_MP : 0) |
        (cases_chance(random, 12) ? X86_CR0_TS : 0) | (cases_chance(random, 4) ? X86_CR0_EM : 0) |
        (cases_chance(random, 25) ? X86_CR0_AM : 0) | (cases_chance(random, 70) ? X86_CR0_WP : 0);
    c->cr0 |= c->mode == CASES_REAL ? 0 : X86_CR0_PE;
    c->cr0 |= c->paging == CASES_PAGING_NONE ? 0 : (uint32_t)X86_CR0_PG;
    for (unsigned i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        c->cr4 |= cases_chance(random, bits[i].percent) ? bits[i].bit : 0;
    }
    c->cr4 |= c->paging >= CASES_PAGING_PAE ? X86_CR4_PAE : 0;
    c->needs = c->cr4;
    c->no_syscall = cases_chance(random, 8);
}

static void make_state(struct cases_case *c, struct cases_random *random)
{
    unsigned level = cases_level(c);

    make_control(c, random);
    for (unsigned i = 0; i < 16; i++) {
        c->gpr[i] = cases_value(random);
    }
    c->ip = CASES_IP + cases_below(random, 0x1000);
    c->rflags = 2 | (cases_next(random) & (X86_ARITH | X86_IF | X86_IOPL | X86_ID)) |
                (cases_chance(random, 25) ? X86_DF : 0) | (cases_chance(random, 15) ? X86_AC : 0) |
                (cases_chance(random, 5) ? X86_NT : 0);
    for (unsigned seg = X86_ES; seg <= X86_GS; seg++) {
        c->segments[seg] = data_segment(c, random);
    }
    c->segments[X86_CS] = CASES_SELECTOR(modes[c->mode].code, level);
    c->segments[X86_SS] = CASES_SELECTOR(modes[c->mode].stack, level);
    c->gpr[X86_RSP] = 0x8000 + 4 * cases_below(random, 0x20);
    if (cases_is_8086(c)) {
        c->segments[X86_CS] = CASES_CODE >> 4;
        c->segments[X86_SS] = CASES_STACK >> 4;
        c->rflags &= c->mode == CASES_REAL ? 0xffff : ~0ull;
        c->rflags |= c->mode == CASES_V86 ? X86_VM : 0;
    }
    for (unsigned i = 0; i < 2; i++) {
        uint64_t base = CASES_DATA + 8 * cases_below(random, 16);

        *(i == 0 ? &c->fs_base : &c->gs_base) = base;
    }
    if (cases_in_64(c)) {
        c->ip += CASES_CODE;
        c->gpr[X86_RSP] += CASES_STACK;
    } else if (cases_in_long(c)) {
        c->fs_base = cases_base(c, X86_FS);
        c->gs_base = cases_base(c, X86_GS);
    }
}

/* Outside of 64-bit code there are eight registers of 32 bits. */
static void narrow_registers(struct cases_case *c)
{
    for (unsigned i = 0; i < 16 && !cases_in_64(c); i++) {
        c->gpr[i] = i < 8 ? (uint32_t)c->gpr[i] : 0;
    }
}

static bool make_case(struct cases_case *c, struct cases_random *random)
{
    if (!make_bytes(c, random)) {
        return false;
    }
    make_state(c, random);
    narrow_registers(c);
    if (!cases_aim(c, random) || !cases_special(c, random)) {
        return false;
    }
    narrow_registers(c);
    cases_judge(c);
    /* Immediates may be others now. */
    return x86_decode(modes[c->mode].decoded, c->bytes, X86_INSN_MAX, &c->insn) == c->length &&
           c->insn.row == c->row;
}

bool cases_make(uint16_t row, enum cases_mode mode, uint64_t seed, unsigned number,
                struct cases_case *ret_case)
{
    struct cases_random random = {
        (seed * 0x9e3779b97f4a7c15 + row * 0x10001ull + mode * 0x100000001ull + 1) ^
        (uint64_t)(number + 1) << 40};

    for (unsigned i = 0; i < 4; i++) {
        cases_next(&random);
    }
    for (unsigned i = 0; i < TRIES; i++) {
        memset(ret_case, 0, sizeof *ret_case);
        ret_case->row = row;
        ret_case->mode = (uint8_t)mode;
        if (make_case(ret_case, &random)) {
            return true;
        }
    }
    return false;
}
