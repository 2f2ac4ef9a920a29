/*
 * What instructions are about, each kind in its own way: selectors, branch targets, ports, values
 * of control registers and of MSRs. Values that would end the harness (another root of the page
 * tables, no protection) are not made: whole guests show those.
 */
#include "cases/cases_make.h"
#include "x86/x86_regs.h"

/* ---- segments ---- */

static uint16_t paragraph(enum x86_seg seg, struct cases_random *random)
{
    static const uint16_t stacks[] = {CASES_STACK >> 4, (CASES_STACK >> 4) + 8, CASES_DATA >> 4};
    static const uint16_t any[] = {CASES_CODE >> 4, CASES_DATA >> 4, (CASES_DATA >> 4) + 0x10,
                                   CASES_STACK >> 4, 0x4000};

    return seg == X86_SS ? stacks[cases_below(random, 3)] : any[cases_below(random, 5)];
}

uint16_t cases_selector(const struct cases_case *c, struct cases_random *random)
{
    static const uint8_t usual[] = {CASES_DATA16_0,  CASES_DATA32_0,  CASES_DATA16_3,
                                    CASES_DATA32_3,  CASES_STACK16_0, CASES_STACK32_0,
                                    CASES_STACK16_3, CASES_STACK32_3, CASES_CODE32_3};
    unsigned level = cases_level(c);
    unsigned what = cases_below(random, 100);
    unsigned rpl = cases_chance(random, 60) ? level : cases_below(random, 4);

    if (what < 45) {
        return CASES_SELECTOR(usual[cases_below(random, sizeof usual)], rpl);
    }
    if (what < 90) {
        return CASES_SELECTOR(1 + cases_below(random, CASES_TSS_FAULTS - 1), rpl);
    }
    if (what < 96) {
        return CASES_LOCAL(cases_below(random, CASES_LOCALS + 1), rpl);
    }
    return cases_chance(random, 70) ? (uint16_t)cases_below(random, 4)
                                    : CASES_SELECTOR(0x200 + cases_below(random, 0x200), rpl);
}

static bool load_segment(struct cases_case *c, struct cases_random *random)
{
    const struct x86_insn *insn = &c->insn;
    enum x86_seg seg = X86_SEG_NONE;
    uint16_t selector;

    for (unsigned i = 0; i < insn->operands_count; i++) {
        if (insn->operands[i].kind == X86_SEG && (insn->operands[i].access & X86_WRITE) != 0) {
            seg = insn->operands[i].reg;
        }
    }
    selector = cases_is_8086(c) ? paragraph(seg, random) : cases_selector(c, random);
    if (insn->operands[0].kind == X86_SEG && x86_rows[c->row].op == X86_OP_MOV) {
        return cases_set_source(c, 1, selector);
    }
    if (x86_rows[c->row].op == X86_OP_POP) {
        cases_poke(c, cases_stack(c), 2, selector);
    } else {
        cases_poke(c, cases_memory(c) + insn->opsize, 2, selector);
    }
    return true;
}

static bool name_selector(struct cases_case *c, struct cases_random *random)
{
    uint16_t op = x86_rows[c->row].op;
    unsigned operand = op == X86_OP_LAR || op == X86_OP_LSL || op == X86_OP_ARPL;
    uint64_t upper = c->insn.operands[operand].kind == X86_GPR ? cases_next(random) << 16 : 0;

    uint16_t selector = cases_selector(c, random);

    if (op == X86_OP_LTR && selector < 4) {
        c->about |= CASES_ABOUT_RESERVED; /* of a null one: a machine that loads it is lost */
    }
    return cases_set_source(c, operand, upper | selector);
}

static bool load_table(struct cases_case *c, struct cases_random *random)
{
    bool global = x86_rows[c->row].op == X86_OP_LGDT;
    uint64_t base = global ? CASES_GDT : c->mode == CASES_REAL ? 0 : CASES_IDT;
    unsigned limit = global                  ? CASES_DESCRIPTORS * 8 - 1
                     : c->mode == CASES_REAL ? 0x3ff
                     : cases_in_long(c)      ? 0xfff
                                             : 0x7ff;

    if (cases_in_long(c)) {
        base = global ? CASES_GDT_64 : CASES_IDT_64;
    }
    if (cases_in_64(c) && cases_chance(random, 8)) {
        base |= UINT64_C(0x0001000000000000) << cases_below(random, 15);
        c->about |= CASES_ABOUT_RESERVED;
    }
    limit += cases_below(random, 0x8000);
    cases_poke(c, cases_memory(c), 2, limit);
    cases_poke(c, cases_memory(c) + 2, cases_in_64(c) ? 8 : 4, base);
    return true;
}

/* ---- control registers ---- */

static uint64_t value_of_cr0(struct cases_case *c, struct cases_random *random)
{
    const uint64_t free =
        X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_NE | X86_CR0_WP | X86_CR0_AM;
    uint64_t value = c->cr0 ^ (cases_next(random) & free);

    if (cases_chance(random, 15)) {
        value |= cases_next(random) & (X86_CR0_CD | X86_CR0_NW);
        if ((value & X86_CR0_CD) == 0 && (value & X86_CR0_NW) != 0) {
            c->about |= CASES_ABOUT_RESERVED;
        }
    }
    if (cases_chance(random, 10) && (c->paging != CASES_PAGING_NONE || c->mode == CASES_REAL)) {
        value = (value & ~(uint64_t)X86_CR0_PE) | X86_CR0_PG;
        c->about |= CASES_ABOUT_RESERVED;
    } else if (cases_chance(random, 15) && !cases_in_long(c) && c->mode != CASES_REAL) {
        value ^= X86_CR0_PG;
    } else if (cases_chance(random, 10) && cases_in_64(c)) {
        value &= ~(uint64_t)X86_CR0_PG;
        c->about |= CASES_ABOUT_RESERVED;
    }
    if (cases_chance(random, 8)) {
        value |= 1ull << (32 + cases_below(random, 32));
        c->about |= cases_in_64(c) ? CASES_ABOUT_RESERVED : 0;
    }
    return cases_chance(random, 20) ? value | (cases_next(random) & 0xff40) : value;
}

static uint64_t value_of_cr4(struct cases_case *c, struct cases_random *random)
{
    static const uint8_t reserved[] = {15, 27, 29, 33, 63};
    const uint64_t free = X86_CR4_TSD | X86_CR4_DE | X86_CR4_PCE | X86_CR4_UMIP | X86_CR4_MCE |
                          X86_CR4_FSGSBASE | X86_CR4_OSXSAVE | X86_CR4_PSE | X86_CR4_OSFXSR |
                          X86_CR4_OSXMMEXCPT | X86_CR4_PGE | X86_CR4_SMEP | X86_CR4_SMAP;
    uint64_t value = c->cr4 ^ (cases_next(random) & free);

    /* Without the privilege to fetch the next instruction there is only a fault to see. */
    if (cases_chance(random, 10)) {
        value |= 1ull << reserved[cases_below(random, sizeof reserved)];
        c->about |= CASES_ABOUT_RESERVED;
    }
    if (cases_chance(random, 10) && (cases_in_long(c) || c->paging == CASES_PAGING_NONE)) {
        value ^= X86_CR4_PAE;
        c->about |= cases_in_long(c) ? CASES_ABOUT_RESERVED : 0;
    }
    if (cases_chance(random, 10)) {
        value |= X86_CR4_PCIDE;
    }
    c->needs |= (uint32_t)value;
    return value;
}

/* Added to where the tables are. */
static uint64_t bits_of_cr3(struct cases_case *c, struct cases_random *random)
{
    uint64_t low = cases_next(random) & (c->paging == CASES_PAGING_PAE ? 0x1f : 0xfff);

    if (cases_in_64(c) && cases_chance(random, 15)) {
        c->about |= CASES_ABOUT_RESERVED;
        return low | 1ull << (52 + cases_below(random, 12));
    }
    return low;
}

static bool load_control(struct cases_case *c, struct cases_random *random)
{
    const struct x86_operand *to = &c->insn.operands[0];
    uint64_t value = cases_value(random);

    if (to->kind == X86_DR) {
        if (to->reg == 7 || to->reg == 5) {
            value &= ~(uint64_t)X86_DR7_GD;
        }
        if (to->reg >= 4 && cases_chance(random, 80)) {
            value = (uint32_t)value;
        }
        /* A breakpoint that is on is where nothing is. */
        if (to->reg < 4 && cases_chance(random, 50)) {
            c->dr7 = 0;
        }
        return cases_set_source(c, 1, value);
    }
    if (to->kind != X86_CR) {
        return true;
    }
    switch (to->reg) {
    case 0:
        value = value_of_cr0(c, random);
        break;
    case 3:
        value = bits_of_cr3(c, random);
        c->root_register = (uint8_t)(c->insn.operands[1].reg + 1);
        break;
    case 4:
        value = value_of_cr4(c, random);
        break;
    case 8:
        value = cases_chance(random, 70) ? value & 15 : value;
        break;
    default:
        break;
    }
    return cases_set_source(c, 1, value);
}

static bool load_status_word(struct cases_case *c, struct cases_random *random)
{
    uint64_t value = cases_next(random);

    return cases_set_source(c, 0, c->mode == CASES_REAL ? value & ~1ull : value);
}

static bool invalidate_context(struct cases_case *c, struct cases_random *random)
{
    static const uint64_t contexts[] = {0, 1, 0xfff, 0x1000, 0x8000000000000000};
    uint64_t type = cases_below(random, cases_chance(random, 80) ? 4 : 8);
    uint64_t address = cases_chance(random, 80) ? CASES_DATA : cases_next(random);

    cases_poke(c, cases_memory(c), 8,
               contexts[cases_below(random, cases_chance(random, 60) ? 1 : 5)]);
    cases_poke(c, cases_memory(c) + 8, 8, address);
    return cases_set_source(c, 0, cases_chance(random, 95) ? type : type | 1ull << 32);
}

static uint64_t canonical(uint64_t value)
{
    return (uint64_t)((int64_t)(value << 16) >> 16);
}

static bool access_msr(struct cases_case *c, struct cases_random *random)
{
    static const uint32_t some[] = {
        X86_MSR_EFER,        X86_MSR_STAR,         X86_MSR_LSTAR,        X86_MSR_CSTAR,
        X86_MSR_SFMASK,      X86_MSR_FS_BASE,      X86_MSR_GS_BASE,      X86_MSR_KERNEL_GS_BASE,
        X86_MSR_SYSENTER_CS, X86_MSR_SYSENTER_ESP, X86_MSR_SYSENTER_EIP, X86_MSR_PAT,
    };
    uint32_t msr = some[cases_below(random, sizeof some / sizeof some[0])];
    uint64_t value = cases_value(random);

    value = cases_chance(random, 70) ? canonical(value) : value;
    if (msr == X86_MSR_EFER) {
        value = (cases_in_long(c) ? X86_EFER_LME | X86_EFER_LMA : 0) |
                (cases_next(random) & (X86_EFER_SCE | X86_EFER_NX));
        value |= cases_chance(random, 15) ? 1ull << (16 + cases_below(random, 48)) : 0;
        value ^= cases_chance(random, 15) ? X86_EFER_LME : 0;
    } else if (msr == X86_MSR_PAT && cases_chance(random, 80)) {
        static const uint8_t types[] = {0, 1, 4, 5, 6, 7};

        value = 0;
        for (unsigned i = 0; i < 8; i++) {
            value |= (uint64_t)types[cases_below(random, sizeof types)] << i * 8;
        }
    }
    if (msr == X86_MSR_SYSENTER_CS) {
        value &= 0xffff; /* whether there are more bits is up to the maker */
    } else if (msr == X86_MSR_SFMASK) {
        value = (uint32_t)value;
    }
    if (value != canonical(value) || msr == X86_MSR_EFER || msr == X86_MSR_PAT) {
        c->about |= CASES_ABOUT_RESERVED;
    }
    c->gpr[X86_RCX] = msr | (cases_chance(random, 20) ? cases_next(random) << 32 : 0);
    c->gpr[X86_RAX] = (uint32_t)value;
    c->gpr[X86_RDX] = value >> 32;
    return true;
}

static bool access_xcr(struct cases_case *c, struct cases_random *random)
{
    static const uint8_t sets[] = {1, 3, 7, 3, 7, 1, 0, 2, 4, 5, 6, 0x1f};

    c->gpr[X86_RCX] = cases_chance(random, 88) ? 0 : 2 + cases_below(random, 5);
    c->gpr[X86_RAX] = sets[cases_below(random, sizeof sets)];
    c->gpr[X86_RDX] = cases_chance(random, 92) ? 0 : 1u << cases_below(random, 30);
    return true;
}

static bool count_events(struct cases_case *c, struct cases_random *random)
{
    c->gpr[X86_RCX] = cases_below(random, 4);
    return true;
}

static bool identify(struct cases_case *c, struct cases_random *random)
{
    c->gpr[X86_RAX] = cases_below(random, 8);
    c->gpr[X86_RCX] = 0;
    return true;
}

/* ---- ports ---- */

static bool access_port(struct cases_case *c, struct cases_random *random)
{
    /* Nobody is there: reads give ones. By the I/O map four of each eight may be used. */
    if (c->insn.imm_size != 0) {
        cases_patch(c, c->insn.imm_at, 1, 0xa8 + cases_below(random, 8));
    } else {
        c->gpr[X86_RDX] = (cases_next(random) << 16) | (0x140 + cases_below(random, 0x20));
    }
    return true;
}

/* ---- flags, bases ---- */

static bool pop_flags(struct cases_case *c, struct cases_random *random)
{
    cases_poke(c, cases_stack(c), c->insn.opsize, cases_next(random) & ~(uint64_t)X86_TF);
    return true;
}

static bool load_base(struct cases_case *c, struct cases_random *random)
{
    uint64_t value = cases_next(random);

    value = cases_chance(random, 75) ? canonical(value) : value;
    if (c->insn.opsize == 8 && value != canonical(value)) {
        c->about |= CASES_ABOUT_RESERVED;
    }
    return cases_set_source(c, 0, value);
}

/* ---- which is which ---- */

static const struct {
    uint16_t op;
    bool (*make)(struct cases_case *c, struct cases_random *random);
} specials[] = {
    {X86_OP_LES, load_segment},      {X86_OP_LDS, load_segment},
    {X86_OP_LSS, load_segment},      {X86_OP_LFS, load_segment},
    {X86_OP_LGS, load_segment},      {X86_OP_LAR, name_selector},
    {X86_OP_LSL, name_selector},     {X86_OP_VERR, name_selector},
    {X86_OP_VERW, name_selector},    {X86_OP_LLDT, name_selector},
    {X86_OP_LTR, name_selector},     {X86_OP_ARPL, name_selector},
    {X86_OP_LGDT, load_table},       {X86_OP_LIDT, load_table},
    {X86_OP_LMSW, load_status_word}, {X86_OP_INVPCID, invalidate_context},
    {X86_OP_RDMSR, access_msr},      {X86_OP_WRMSR, access_msr},
    {X86_OP_XSETBV, access_xcr},     {X86_OP_XGETBV, access_xcr},
    {X86_OP_RDPMC, count_events},    {X86_OP_CPUID, identify},
    {X86_OP_IN, access_port},        {X86_OP_OUT, access_port},
    {X86_OP_INS, access_port},       {X86_OP_OUTS, access_port},
    {X86_OP_POPF, pop_flags},        {X86_OP_WRFSBASE, load_base},
    {X86_OP_WRGSBASE, load_base},
};

bool cases_special(struct cases_case *c, struct cases_random *random)
{
    const struct x86_row *row = &x86_rows[c->row];

    for (unsigned i = 0; i < sizeof specials / sizeof specials[0]; i++) {
        if (specials[i].op == row->op) {
            return specials[i].make(c, random);
        }
    }
    if (row->op == X86_OP_MOV && (row->attributes & X86_SYSTEM) != 0) {
        return (row->attributes & X86_PRIVILEGED) != 0 ? load_control(c, random)
                                                       : load_segment(c, random);
    }
    if (row->op == X86_OP_POP && (row->attributes & X86_SYSTEM) != 0) {
        return load_segment(c, random);
    }
    if ((row->op == X86_OP_SHLD || row->op == X86_OP_SHRD) && c->insn.opsize == 2) {
        /* More than all bits: the result is undefined. */
        c->gpr[X86_RCX] &= ~(uint64_t)0x10;
        if (c->insn.imm_size != 0) {
            cases_patch(c, c->insn.imm_at, 1, cases_below(random, 17));
        }
    }
    return (row->attributes & X86_BRANCH) == 0 || cases_transfer(c, random);
}
