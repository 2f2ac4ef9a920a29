/* Makes cases: bytes that are an instruction, and registers that have its memory in reach. */
#include <string.h>

#include "differ.h"

uint64_t differ_next(struct differ_random *random)
{
    random->state ^= random->state >> 12;
    random->state ^= random->state << 25;
    random->state ^= random->state >> 27;
    return random->state * 0x2545f4914f6cdd1d;
}

static unsigned below(struct differ_random *random, unsigned limit)
{
    return (unsigned)((differ_next(random) >> 33) % limit);
}

static bool chance(struct differ_random *random, unsigned percent)
{
    return below(random, 100) < percent;
}

/* A value of a register: often near what arithmetic turns on. */
static uint64_t value(struct differ_random *random)
{
    uint64_t v = differ_next(random);

    switch (below(random, 10)) {
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

/* ---- bytes ---- */

static unsigned put_legacy(uint8_t *bytes, enum x86_mode mode, const struct differ_template *t,
                           struct differ_random *random)
{
    unsigned at = 0;

    if (chance(random, 4)) {
        bytes[at++] = 0xf0;
    }
    if (chance(random, 5)) {
        bytes[at++] = 0x67;
    }
    if (mode == X86_MODE_64 && chance(random, 5)) {
        bytes[at++] = 0x64;
    }
    if (chance(random, 15)) {
        bytes[at++] = 0x66;
    }
    if (t->prefix != 0) {
        bytes[at++] = t->prefix;
    }
    if (mode == X86_MODE_64 && (t->w || chance(random, 50))) {
        bytes[at++] = (uint8_t)(0x40 | (t->w ? 8 : 0) | below(random, chance(random, 30) ? 16 : 8));
    }
    if (t->space > 0) {
        bytes[at++] = 0x0f;
    }
    if (t->space > 1) {
        bytes[at++] = t->space == 2 ? 0x38 : 0x3a;
    }
    bytes[at++] = t->opcode;
    return at;
}

static unsigned put_vex(uint8_t *bytes, enum x86_mode mode, const struct differ_template *t,
                        struct differ_random *random)
{
    uint8_t last = (uint8_t)(t->prefix | (t->l ? 4 : 0) | (t->w ? 0x80 : 0));
    uint8_t first =
        (uint8_t)((mode == X86_MODE_64 ? differ_next(random) & 0xe0 : 0xe0) | (t->space - 3));

    /* Most rows want no second source, which is written 1111. */
    last |= chance(random, 50) ? 0x78 : (uint8_t)(differ_next(random) & 0x78);
    if (mode != X86_MODE_64) {
        last |= 0x40;
    }
    bytes[0] = 0xc4;
    bytes[1] = first;
    bytes[2] = last;
    bytes[3] = t->opcode;
    return 4;
}

void differ_bytes(uint8_t *ret_bytes, enum x86_mode mode, const struct differ_template *t,
                  struct differ_random *random)
{
    unsigned at =
        t->space < 4 ? put_legacy(ret_bytes, mode, t, random) : put_vex(ret_bytes, mode, t, random);
    uint8_t other = (uint8_t)differ_next(random);

    switch (below(random, 4)) {
    case 0:
        ret_bytes[at++] = other;
        break;
    case 1: /* another register or base */
        ret_bytes[at++] = (uint8_t)((t->modrm & 0xc0) | (other & 0x3f));
        break;
    case 2: /* another base, the same /digit */
        ret_bytes[at++] = (uint8_t)((t->modrm & 0x38) | (other & 0xc7));
        break;
    default:
        ret_bytes[at++] = t->modrm;
        break;
    }
    while (at < 15) {
        uint64_t more = differ_next(random);

        for (unsigned i = 0; i < 8 && at < 15; i++) {
            ret_bytes[at++] = (uint8_t)(more >> i * 8);
        }
    }
    ret_bytes[15] = 0;
}

/* ---- memory ---- */

/* Somewhere in the data, at times over an edge. */
static uint64_t place(struct differ_random *random)
{
    uint64_t offset;

    switch (below(random, 40)) {
    case 0: /* into what is read-only */
        return DIFFER_CONST - 32 + below(random, 64);
    case 1: /* off the end */
        return DIFFER_CONST + DIFFER_CONST_BYTES - 32 + below(random, 64);
    case 2: /* over the edge of a page */
        return DIFFER_DATA + 0x1000 * (1 + below(random, 3)) - below(random, 33);
    default:
        break;
    }
    offset = 0x800 + below(random, DIFFER_DATA_BYTES - 0x1000);
    return DIFFER_DATA + (chance(random, 70) ? offset & ~31ull : offset);
}

static void poke(struct differ_case *c, unsigned at, unsigned size, uint64_t v)
{
    for (unsigned i = 0; i < size && at != 0; i++) {
        c->bytes[at + i] = (uint8_t)(v >> i * 8);
    }
}

/* The base of the segments of data. */
static uint64_t data_base(const struct differ_case *c)
{
    return c->mode == X86_MODE_16 ? DIFFER_DATA : 0;
}

/* As aim, for 16-bit addresses. */
static bool aim_16(struct differ_case *c, uint64_t offset)
{
    const struct x86_mem *mem = &c->insn.mem;
    uint64_t *gpr = c->before.gpr;

    if (mem->base < 0 && mem->index < 0) {
        c->insn.mem.disp = (int64_t)offset;
        poke(c, c->insn.disp_at, 2, offset);
        return true;
    }
    if (mem->index >= 0 && mem->base >= 0) {
        offset -= gpr[mem->index];
    }
    gpr[mem->base >= 0 ? mem->base : mem->index] = (offset - (uint64_t)mem->disp) & 0xffff;
    return true;
}

/* Has the memory operand at `target`. */
static bool aim(struct differ_case *c, struct differ_random *random, uint64_t target,
                uint64_t fs_base)
{
    struct x86_insn *insn = &c->insn;
    struct x86_mem *mem = &insn->mem;
    uint64_t *gpr = c->before.gpr;
    uint64_t offset = target - data_base(c);

    if (mem->seg == X86_FS) {
        offset -= fs_base;
    }
    if (insn->addrsize == 2) {
        return aim_16(c, offset);
    }
    if (mem->vsib) {
        return mem->base >= 0 && (gpr[mem->base] = offset - (uint64_t)mem->disp, true);
    }
    if (mem->index >= 0 && mem->index != mem->base && mem->index != X86_RSP) {
        if (chance(random, 50)) {
            gpr[mem->index] &= 0xff;
        }
        offset -= gpr[mem->index] * mem->scale;
    } else if (mem->index >= 0) {
        return false;
    }
    if (mem->rip) {
        offset -= c->rip + insn->length;
        mem->disp = (int32_t)offset;
        poke(c, insn->disp_at, 4, offset);
        return (uint64_t)mem->disp == offset || insn->addrsize == 4;
    }
    if (mem->base >= 0) {
        gpr[mem->base] = offset - (uint64_t)mem->disp;
        if (insn->addrsize == 4) {
            gpr[mem->base] &= 0xffffffff;
        }
        return true;
    }
    mem->disp = insn->disp_size == 4 ? (int32_t)offset : (int64_t)offset;
    poke(c, insn->disp_at, insn->disp_size, offset);
    return (uint64_t)mem->disp == offset || insn->addrsize == 4;
}

/* The bit's number of a bit string moves its address: not far. false: it is part of the address. */
static bool tame_bit_string(struct differ_case *c)
{
    const struct x86_operand *number = &c->insn.operands[1];
    const struct x86_mem *mem = &c->insn.mem;

    if ((x86_rows[c->insn.row].attributes & X86_BIT_STRING) != 0 && number->kind == X86_GPR) {
        uint64_t *gpr = &c->before.gpr[number->reg];
        unsigned shift = 64 - number->width * 8;

        *gpr = (uint64_t)((int64_t)((*gpr & 0x3fff) << shift << (number->width == 2 ? 2 : 0)) >>
                          shift);
        return mem->base != (int)number->reg && mem->index != (int)number->reg;
    }
    return true;
}

static bool aim_strings(struct differ_case *c, struct differ_random *random, uint64_t fs_base)
{
    const struct x86_insn *insn = &c->insn;
    uint64_t *gpr = c->before.gpr;

    for (unsigned i = 0; i < insn->operands_count; i++) {
        if (insn->operands[i].kind == X86_STRING_SOURCE) {
            gpr[X86_RSI] =
                place(random) - data_base(c) - (insn->seg_override == X86_FS ? fs_base : 0);
        } else if (insn->operands[i].kind == X86_STRING_TARGET) {
            gpr[X86_RDI] = place(random) - data_base(c);
        } else {
            continue;
        }
        if (insn->addrsize < 4 && c->mode == X86_MODE_32) {
            return false;
        }
        if (c->mode == X86_MODE_16 && insn->seg_override < X86_SEG_NONE &&
            (insn->seg_override >= X86_FS || insn->seg_override == X86_CS)) {
            return false;
        }
        if (insn->rep != 0) {
            gpr[X86_RCX] = below(random, 4) == 0 ? below(random, 3) : below(random, 300);
        }
    }
    return true;
}

static bool uses_stack(const struct x86_insn *insn)
{
    uint16_t op = x86_rows[insn->row].op;

    for (unsigned i = 0; i < insn->operands_count; i++) {
        if (insn->operands[i].kind == X86_STACK) {
            return true;
        }
    }
    return op == X86_OP_LEAVE || op == X86_OP_ENTER || op == X86_OP_PUSHA || op == X86_OP_POPA;
}

static int memory_operand(const struct x86_insn *insn)
{
    for (unsigned i = 0; i < insn->operands_count; i++) {
        if (insn->operands[i].kind == X86_MEM || insn->operands[i].kind == X86_MOFFS) {
            return (int)i;
        }
    }
    return -1;
}

static void random_registers(struct differ_case *c, struct differ_random *random)
{
    struct differ_state *state = &c->before;

    for (unsigned i = 0; i < 16; i++) {
        state->gpr[i] = value(random);
    }
    state->rflags = 0x202 | (differ_next(random) & X86_ARITH) | (chance(random, 30) ? X86_DF : 0);
}

bool differ_make(struct differ_case *c, struct differ_random *random, uint64_t fs_base)
{
    struct x86_insn *insn = &c->insn;
    int memory = memory_operand(insn);

    /* Not into itself. */
    if (insn->operands[0].kind == X86_REL && insn->imm < 0 && insn->imm >= -(int64_t)c->length) {
        return false;
    }
    c->before.rip = c->rip;
    random_registers(c, random);
    if (uses_stack(insn)) {
        c->before.gpr[X86_RSP] = place(random) - data_base(c);
        c->before.gpr[X86_RBP] = place(random) - data_base(c);
    }
    if (!aim_strings(c, random, fs_base)) {
        return false;
    }
    if (memory >= 0) {
        uint64_t target = place(random);

        if (!tame_bit_string(c)) {
            return false;
        }
        if ((insn->addrsize < 4 && c->mode == X86_MODE_32) ||
            (c->mode != X86_MODE_64 && insn->mem.seg >= X86_FS) || insn->mem.seg == X86_GS ||
            (c->mode == X86_MODE_16 && insn->mem.seg == X86_CS)) {
            return false;
        }
        if (x86_rows[insn->row].op == X86_OP_XLAT) {
            c->before.gpr[X86_RBX] = target - data_base(c);
        } else if (!aim(c, random, target, fs_base)) {
            return false;
        }
    }
    if (c->mode != X86_MODE_64) {
        for (unsigned i = 0; i < 16; i++) {
            c->before.gpr[i] = i < 8 ? (uint32_t)c->before.gpr[i] : 0;
        }
    }
    return true;
}
