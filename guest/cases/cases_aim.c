/* Where memory operands, strings and the stack of a case lead: mostly to the windows that count, at
 * times to the edges of pages and segments, to special pages, or to what is no address. */
#include "base/memops.h"
#include "cases/cases_make.h"
#include "x86/x86_regs.h"

static uint64_t address_mask(const struct cases_case *c)
{
    return c->insn.addrsize == 8 ? ~0ull : c->insn.addrsize == 4 ? 0xffffffff : 0xffff;
}

/* Which 64 KiB a segment leads to. */
static uint64_t region(const struct cases_case *c, enum x86_seg seg)
{
    uint64_t base = cases_base(c, seg);

    if (!cases_in_64(c) && base >= CASES_CODE && base < CASES_DATA) {
        return CASES_CODE;
    }
    return !cases_in_64(c) && base >= CASES_STACK ? CASES_STACK : CASES_DATA;
}

static uint64_t unusual(const struct cases_case *c, enum x86_seg seg, struct cases_random *random)
{
    static const uint16_t pages[] = {CASES_PAGE_ABSENT, CASES_PAGE_READ_ONLY, CASES_PAGE_OTHER,
                                     CASES_PAGE_NX};
    static const uint64_t strange[] = {0x0000800000000000, 0xffff7fffffffff00, 0x8000000000000000,
                                       0x00007ffffffffffc};
    uint64_t to = region(c, seg);
    uint64_t few = cases_below(random, 8);

    switch (cases_below(random, 5)) {
    case 0:
        return to + pages[cases_below(random, 4)] + 8 * few;
    case 1:
        return to + pages[cases_below(random, 4)] - few;
    case 2: /* the segment's limit */
        return cases_base(c, seg) == to ? to + 0x10000 - few : to + 0x8000;
    case 3:
        return to + (cases_chance(random, 50) ? 0x8020 : 0x8000) - few;
    default:
        return cases_in_64(c) ? strange[cases_below(random, 4)] + few : to + 0x8000 + few;
    }
}

static uint64_t target(const struct cases_case *c, enum x86_seg seg, struct cases_random *random)
{
    uint64_t to = region(c, seg) + 0x8000;
    unsigned half = to == CASES_STACK + 0x8000 ? 0x1c0 : 0x3c0;
    unsigned what = cases_below(random, 100);

    if (what < 75) {
        to += cases_below(random, 2 * half) - (uint64_t)half;
        return cases_chance(random, 60) ? to & ~7ull : to;
    }
    return what < 82 ? to - cases_below(random, 16) : unusual(c, seg, random);
}

/* ---- the memory operand ---- */

static int memory_operand(const struct x86_insn *insn)
{
    for (unsigned i = 0; i < insn->operands_count; i++) {
        if (insn->operands[i].kind == X86_MEM || insn->operands[i].kind == X86_MOFFS) {
            return (int)i;
        }
    }
    return -1;
}

static uint64_t linear(const struct cases_case *c)
{
    const struct x86_mem *mem = &c->insn.mem;
    uint64_t at = (uint64_t)mem->disp;

    at += mem->base >= 0 ? c->gpr[mem->base] : 0;
    at += mem->index >= 0 ? c->gpr[mem->index] * mem->scale : 0;
    at += mem->rip ? c->ip + c->length : 0;
    if (x86_rows[c->row].op == X86_OP_XLAT) {
        at += c->gpr[X86_RAX] & 0xff;
    }
    at = (at & address_mask(c)) + cases_base(c, mem->seg);
    return cases_in_64(c) ? at : (uint32_t)at;
}

uint64_t cases_memory(const struct cases_case *c)
{
    return memory_operand(&c->insn) < 0 ? 0 : linear(c);
}

uint64_t cases_stack(const struct cases_case *c)
{
    return cases_base(c, X86_SS) + c->gpr[X86_RSP];
}

static void set_disp(struct cases_case *c, uint64_t value)
{
    unsigned size = c->insn.disp_size;

    cases_patch(c, c->insn.disp_at, size, value);
    c->insn.mem.disp = size == 2 ? (int16_t)value : size == 4 ? (int32_t)value : (int64_t)value;
}

/* Relative to rSP, which stays: only a displacement can be chosen. */
static bool aim_at_stack(struct cases_case *c, struct cases_random *random)
{
    struct x86_mem *mem = &c->insn.mem;

    if (mem->index >= 0) {
        c->gpr[mem->index] = 0;
    }
    if (c->insn.disp_size == 4) {
        set_disp(c, cases_below(random, 0x80) - 0x40ull);
    }
    return mem->index != X86_RSP && mem->seg == X86_SS;
}

static bool aim_memory(struct cases_case *c, struct cases_random *random)
{
    const struct x86_mem *mem = &c->insn.mem;
    uint64_t to = target(c, mem->seg, random);
    uint64_t offset = to - cases_base(c, mem->seg);

    if (mem->base == X86_RSP) {
        return aim_at_stack(c, random);
    }
    if (mem->base == mem->index && mem->base >= 0) {
        return false;
    }
    if (mem->index >= 0 && cases_chance(random, 50)) {
        c->gpr[mem->index] &= 0xff;
    }
    if (x86_rows[c->row].op == X86_OP_XLAT) {
        offset -= c->gpr[X86_RAX] & 0xff;
    }
    if (mem->index >= 0) {
        offset -= c->gpr[mem->index] * mem->scale;
    }
    if (mem->rip) {
        set_disp(c, offset - (c->ip + c->length));
    } else if (mem->base >= 0) {
        c->gpr[mem->base] = (offset - (uint64_t)mem->disp) & address_mask(c);
    } else if (c->insn.disp_size > 1) {
        set_disp(c, offset);
    } else if (mem->index >= 0 && mem->scale == 1) {
        c->gpr[mem->index] = (to - cases_base(c, mem->seg) - (uint64_t)mem->disp) & address_mask(c);
    } else {
        return false;
    }
    return linear(c) == to;
}

/* The bit's number of a bit string moves its address: not far. */
static bool tame_bit_string(struct cases_case *c)
{
    const struct x86_operand *number = &c->insn.operands[1];
    const struct x86_mem *mem = &c->insn.mem;

    if ((x86_rows[c->row].attributes & X86_BIT_STRING) != 0 && number->kind == X86_GPR) {
        unsigned shift = 64 - number->width * 8;
        uint64_t near = c->gpr[number->reg] & 0x3ff;

        c->gpr[number->reg] = (uint64_t)((int64_t)(near << shift) >> shift);
        return number->reg != X86_RSP && mem->base != (int)number->reg &&
               mem->index != (int)number->reg;
    }
    return true;
}

/* What may be written must be among what is set anew. */
static bool is_tame(const struct cases_case *c, int operand)
{
    const struct x86_insn *insn = &c->insn;

    return !cases_is_8086(c) || (insn->operands[operand].access & X86_WRITE) == 0 ||
           region(c, insn->mem.seg) != CASES_CODE;
}

/* ---- strings ---- */

static bool aim_strings(struct cases_case *c, struct cases_random *random)
{
    const struct x86_insn *insn = &c->insn;

    for (unsigned i = 0; i < insn->operands_count; i++) {
        bool source = insn->operands[i].kind == X86_STRING_SOURCE;
        enum x86_seg seg = source ? insn->operands[i].reg : X86_ES;
        uint64_t offset;

        if (!source && insn->operands[i].kind != X86_STRING_TARGET) {
            continue;
        }
        offset = target(c, seg, random) - cases_base(c, seg);
        if ((offset & ~address_mask(c)) != 0) {
            return false;
        }
        if (!source && cases_is_8086(c) && region(c, seg) != CASES_DATA) {
            return false;
        }
        c->gpr[source ? X86_RSI : X86_RDI] = offset;
        if (insn->rep != 0) {
            c->gpr[X86_RCX] = cases_below(random, 12);
        }
    }
    return true;
}

/* ---- the stack ---- */

static bool aim_stack(struct cases_case *c, struct cases_random *random)
{
    uint16_t op = x86_rows[c->row].op;
    uint64_t base = cases_in_64(c) ? CASES_STACK : 0;

    if (op == X86_OP_ENTER || op == X86_OP_LEAVE) {
        c->gpr[X86_RBP] = base + 0x7f80 + 4 * cases_below(random, 0x40);
    }
    if (op == X86_OP_ENTER) {
        /* A frame that stays within the window. */
        cases_patch(c, c->insn.imm_at, 2, cases_below(random, 0x80));
    }
    /* Faults of the stack: where there is another one for the exception. */
    if (c->paging != CASES_PAGING_NONE && cases_level(c) == 3 && cases_chance(random, 4)) {
        static const uint16_t pages[] = {CASES_PAGE_ABSENT, CASES_PAGE_READ_ONLY, CASES_PAGE_OTHER};

        c->gpr[X86_RSP] = base + pages[cases_below(random, 3)] + 4 * cases_below(random, 5) - 8;
    }
    if (cases_in_64(c) && cases_chance(random, 2)) {
        c->gpr[X86_RSP] = UINT64_C(0x0000800000000000) + 8 * cases_below(random, 3) - 8;
    }
    return true;
}

/* A register that the instruction writes is not the stack's in modes whose next exception needs
 * that. */
static bool keeps_stack(const struct cases_case *c)
{
    for (unsigned i = 0; i < c->insn.operands_count; i++) {
        const struct x86_operand *o = &c->insn.operands[i];

        if (o->kind == X86_GPR && o->reg == X86_RSP && !o->implicit &&
            (o->access & X86_WRITE) != 0) {
            return cases_level(c) == 3 || cases_in_64(c);
        }
    }
    return true;
}

/* ---- what segments allow ---- */

struct allowed {
    uint64_t first, last; /* offsets */
    bool read, write;
};

static struct allowed segment_allows(const struct cases_case *c, enum x86_seg seg)
{
    unsigned index = c->segments[seg] >> 3;
    struct allowed all = {0, 0xffff, true, true};

    if (cases_is_8086(c)) {
        return all;
    }
    switch (index) {
    case CASES_NULL:
        return (struct allowed){1, 0, false, false};
    case CASES_DATA32_0:
    case CASES_DATA32_3:
        all.last = 0xffffffff;
        break;
    case CASES_DOWN16_3:
        all.first = 0x8000;
        break;
    case CASES_DOWN32_3:
        all.first = 0x8000;
        all.last = 0xffffffff;
        break;
    case CASES_SMALL_3:
        all.last = 0x1f;
        break;
    case CASES_READ_ONLY_3:
    case CASES_CODE16_0:
    case CASES_CODE32_0:
    case CASES_CODE16_3:
    case CASES_CODE32_3:
    case CASES_CONFORMING_3:
        all.write = false;
        break;
    default:
        break;
    }
    return all;
}

static bool is_allowed(const struct cases_case *c, enum x86_seg seg, uint64_t offset, unsigned size,
                       unsigned access)
{
    struct allowed allowed = segment_allows(c, seg);

    return offset >= allowed.first && offset + size - 1 <= allowed.last &&
           ((access & X86_READ) == 0 || allowed.read) &&
           ((access & X86_WRITE) == 0 || allowed.write);
}

/* Whether all accesses of the case are ones that their segments allow. */
static bool segments_allow(const struct cases_case *c)
{
    const struct x86_insn *insn = &c->insn;

    for (unsigned i = 0; i < insn->operands_count && !cases_in_64(c); i++) {
        const struct x86_operand *o = &insn->operands[i];
        enum x86_seg seg = o->kind == X86_STRING_TARGET ? X86_ES : o->reg;
        /* Those that say no width access up to so much. */
        unsigned size = o->width != 0 ? o->width : 64;
        bool is_string_of_bits = (x86_rows[c->row].attributes & X86_BIT_STRING) != 0;

        if (o->kind == X86_MEM || o->kind == X86_MOFFS) {
            uint64_t offset = linear(c) - cases_base(c, insn->mem.seg);

            size += is_string_of_bits ? 0x400 / 8 : 0;
            /* Bits beyond the address size are at the segment's beginning. */
            if (is_string_of_bits && offset + size - 1 > address_mask(c)) {
                return false;
            }
            if (!is_allowed(c, insn->mem.seg, (uint32_t)offset, size, o->access | X86_READ)) {
                return false;
            }
        } else if (o->kind == X86_STRING_SOURCE || o->kind == X86_STRING_TARGET) {
            uint64_t offset = c->gpr[o->kind == X86_STRING_SOURCE ? X86_RSI : X86_RDI];
            uint64_t around = insn->rep != 0 ? size * 12 : size;

            if (!is_allowed(c, seg, offset, size, o->access) ||
                !is_allowed(c, seg, offset + around, 1, o->access) ||
                !is_allowed(c, seg, offset - around, 1, o->access)) {
                return false;
            }
        }
    }
    return true;
}

void cases_judge(struct cases_case *c)
{
    c->about |= segments_allow(c) ? 0 : CASES_ABOUT_SEGMENTS;
}

bool cases_aim(struct cases_case *c, struct cases_random *random)
{
    int memory = memory_operand(&c->insn);

    if (!aim_stack(c, random) || !keeps_stack(c) || !aim_strings(c, random)) {
        return false;
    }
    if (memory < 0) {
        return true;
    }
    return tame_bit_string(c) && aim_memory(c, random) && is_tame(c, memory);
}

bool cases_set_source(struct cases_case *c, unsigned operand, uint64_t value)
{
    const struct x86_operand *o = &c->insn.operands[operand];

    if (o->kind == X86_GPR) {
        if (o->reg == X86_RSP || (cases_memory(c) != 0 && (c->insn.mem.base == (int)o->reg ||
                                                           c->insn.mem.index == (int)o->reg))) {
            return false;
        }
        c->gpr[o->reg] = value;
        return true;
    }
    if (o->kind == X86_MEM) {
        cases_poke(c, cases_memory(c), o->width != 0 && o->width < 8 ? o->width : 8, value);
        return true;
    }
    return false;
}
