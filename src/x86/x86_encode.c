/*
 * The encoder. The specs of a row (x86_tables_priv.h) say which field each operand goes to:
 * operands are put into `struct fields`, then the fields are written in the order of the bytes.
 * That the result means what was wanted is asked of the decoder.
 */
#include "x86/x86_encode.h"

#include "base/err.h"
#include "base/memops.h"
#include "x86/x86_decode.h"
#include "x86/x86_tables_priv.h"

enum { ROOM = 40 }; /* more than prefixes, opcode, ModRM, displacement and immediates can take */

struct fields {
    uint8_t bytes[ROOM];
    unsigned used;
    unsigned reg, rm, vvvv, opcode_reg, is4; /* with the bit that REX or VEX holds */
    bool has_is4;
    bool memory;     /* rm is memory */
    bool needs_rex;  /* a byte register that only REX can name */
    unsigned modrm;  /* mod and rm of the memory form */
    int sib;         /* -1: none */
    unsigned rex_xb; /* of the memory form */
    unsigned disp_size;
};

static void put(struct fields *f, uint64_t value, unsigned size)
{
    for (; size > 0; size--) {
        f->bytes[f->used++] = (uint8_t)value;
        value >>= 8;
    }
}

static bool fits(int64_t value, unsigned bytes)
{
    return bytes >= 8 || (value >> (8 * bytes - 1)) == 0 || (value >> (8 * bytes - 1)) == -1;
}

/* 16-bit addresses: pairs of base and index have a number each. */
static bool make_mem16(struct fields *f, const struct x86_insn *insn)
{
    static const int8_t forms[8][2] = {
        {X86_RBX, X86_RSI}, {X86_RBX, X86_RDI}, {X86_RBP, X86_RSI}, {X86_RBP, X86_RDI},
        {X86_RSI, -1},      {X86_RDI, -1},      {X86_RBP, -1},      {X86_RBX, -1},
    };
    const struct x86_mem *mem = &insn->mem;
    int64_t disp = (int16_t)mem->disp;
    if (mem->vsib || mem->rip || !(fits(mem->disp, 2) || mem->disp >> 16 == 0)) {
        return false;
    }
    if (mem->base < 0 && mem->index < 0) {
        f->modrm = 6;
        f->disp_size = 2;
        return true;
    }
    unsigned form = 0;
    while (form < 8 && (forms[form][0] != mem->base || forms[form][1] != mem->index)) {
        form++;
    }
    if (form == 8 || (mem->index >= 0 && mem->scale != 1)) {
        return false;
    }
    unsigned size = disp == 0 ? 0 : fits(disp, 1) ? 1 : 2;
    size = size == 0 && form == 6 ? 1 : size;
    f->disp_size = ST_MAX(size, ST_MIN(insn->disp_size, 2u));
    f->modrm = f->disp_size << 6 | form;
    return true;
}

static bool make_mem_base(struct fields *f, const struct x86_insn *insn)
{
    const struct x86_mem *mem = &insn->mem;
    unsigned base = (unsigned)mem->base;
    unsigned size = mem->disp == 0 ? 0 : fits(mem->disp, 1) ? 1 : 4;
    size = size == 0 && (base & 7) == 5 ? 1 : size;
    size = ST_MAX(size, (unsigned)insn->disp_size);
    f->disp_size = size > 1 ? 4 : size;
    f->modrm = (f->disp_size == 4 ? 2u : f->disp_size) << 6;
    f->rex_xb |= base >> 3 & 1;
    if (f->sib < 0 && (base & 7) == 4) {
        f->sib = 4 << 3;
    }
    if (f->sib < 0) {
        f->modrm |= base & 7;
    } else {
        f->modrm |= 4;
        f->sib |= (int)(base & 7);
    }
    return true;
}

/* The memory form for 32- and 64-bit addresses. */
static bool make_mem(struct fields *f, const struct x86_insn *insn)
{
    const struct x86_mem *mem = &insn->mem;
    bool absolute = insn->addrsize == 4 && mem->base < 0 && mem->index < 0 && mem->disp >> 32 == 0;
    if (!fits(mem->disp, 4) && !absolute) {
        return false;
    }
    if (mem->index >= 0) {
        unsigned scale = mem->scale == 1 ? 0 : mem->scale == 2 ? 1 : mem->scale == 4 ? 2 : 3;
        if ((mem->index == 4 && !mem->vsib) || mem->rip || 1u << scale != mem->scale) {
            return false;
        }
        f->sib = (int)(scale << 6 | ((unsigned)mem->index & 7) << 3);
        f->rex_xb |= (unsigned)mem->index >> 2 & 2;
    }
    if (mem->base >= 0) {
        return !mem->rip && make_mem_base(f, insn);
    }
    f->disp_size = 4;
    if (mem->rip || (f->sib < 0 && insn->mode != X86_MODE_64)) {
        f->modrm = 5;
        return true;
    }
    f->modrm = 4;
    f->sib = (f->sib < 0 ? 4 << 3 : f->sib) | 5;
    return true;
}

/* Puts a register operand where its spec says. Immediates are written later. */
static bool place(struct fields *f, const struct x86_insn *insn, const struct x86_spec *spec,
                  const struct x86_operand *op)
{
    unsigned reg = op->reg;
    if (op->kind == X86_GPR_HIGH) {
        reg += 4;
    } else if (op->kind == X86_GPR && op->width == 1 && reg >= 4 && reg < 8) {
        f->needs_rex = true;
    }
    if (reg > 15) {
        return false;
    }
    switch ((enum x86_how)spec->how) {
    case X86_HOW_RM:
    case X86_HOW_VSIB:
        f->memory = op->kind == X86_MEM;
        f->rm = reg;
        return !f->memory || (insn->addrsize == 2 ? make_mem16(f, insn) : make_mem(f, insn));
    case X86_HOW_REG:
    case X86_HOW_SREG:
    case X86_HOW_CREG:
    case X86_HOW_DREG:
        f->reg = reg;
        return true;
    case X86_HOW_VVVV:
        f->vvvv = reg;
        return true;
    case X86_HOW_IS4:
        f->is4 = reg;
        f->has_is4 = true;
        return true;
    case X86_HOW_OPCODE:
        f->opcode_reg = reg;
        return true;
    default:
        return true;
    }
}

/* The segment prefix, 0: none. */
static uint8_t segment_prefix(const struct x86_insn *insn, const struct fields *f)
{
    static const uint8_t bytes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65};
    unsigned wanted = insn->seg_override;
    if (f->memory && wanted == X86_SEG_NONE) {
        const struct x86_mem *mem = &insn->mem;
        unsigned usual = mem->base == X86_RBP || mem->base == X86_RSP ? X86_SS : X86_DS;
        wanted = mem->seg == usual ? X86_SEG_NONE : mem->seg;
        if (insn->mode == X86_MODE_64 && wanted < X86_FS) {
            wanted = X86_SEG_NONE; /* bases and limits of these do not count */
        }
    }
    return wanted < ST_COUNT(bytes) ? bytes[wanted] : 0;
}

static void put_prefixes(struct fields *f, const struct x86_insn *insn, uint32_t flags)
{
    unsigned mode_size = insn->mode == X86_MODE_16 ? 2 : 4;
    unsigned address = insn->mode == X86_MODE_16 ? 2 : insn->mode == X86_MODE_32 ? 4 : 8;
    unsigned pp = flags & X86_ENC_MANDATORY ? flags >> 2 & 3 : 0;
    uint8_t segment = segment_prefix(insn, f);
    if (insn->lock) {
        put(f, 0xf0, 1);
    }
    if (segment != 0) {
        put(f, segment, 1);
    }
    if (insn->addrsize != address) {
        put(f, 0x67, 1);
    }
    if (flags & X86_ENC_VEX) {
        return;
    }
    if (pp == 1 || (insn->opsize != mode_size && insn->opsize != 8)) {
        put(f, 0x66, 1);
    }
    if (pp >= 2) {
        put(f, pp == 2 ? 0xf3 : 0xf2, 1);
    } else if (insn->rep != 0) {
        put(f, insn->rep, 1);
    }
}

static void put_vex(struct fields *f, const struct x86_insn *insn, uint32_t flags, bool wide,
                    unsigned rxb)
{
    unsigned map = flags & 3;
    unsigned last = (~f->vvvv & 15) << 3 | (insn->vex_l ? 4u : 0) | (flags >> 2 & 3);
    if (map == 1 && !wide && !(rxb & 3)) {
        put(f, 0xc5, 1);
        put(f, (~rxb & 4) << 5 | last, 1);
        return;
    }
    put(f, 0xc4, 1);
    put(f, (~rxb & 7) << 5 | map, 1);
    put(f, (wide ? 0x80u : 0) | last, 1);
}

static bool put_opcode(struct fields *f, const struct x86_insn *insn,
                       const struct x86_encoding *row)
{
    uint32_t flags = row->flags;
    bool is_default =
        insn->mode == X86_MODE_64 && (flags & (X86_ENC_DEFAULT_64 | X86_ENC_FORCE_64));
    bool wide = (flags & X86_ENC_W1) || (insn->opsize == 8 && !is_default);
    unsigned b = f->memory ? f->rex_xb : (f->rm | f->opcode_reg) >> 3 & 1;
    unsigned rxb = (f->reg >> 1 & 4) | b;
    if (flags & X86_ENC_VEX) {
        put_vex(f, insn, flags, wide, rxb);
    } else if (rxb != 0 || wide || f->needs_rex) {
        if (insn->mode != X86_MODE_64) {
            return false;
        }
        put(f, 0x40 | (wide ? 8u : 0) | rxb, 1);
    }
    if (!(flags & X86_ENC_VEX) && (flags & 3)) {
        put(f, 0x0f, 1);
        if ((flags & 3) > 1) {
            put(f, (flags & 3) == 2 ? 0x38 : 0x3a, 1);
        }
    }
    put(f, row->opcode | (flags & X86_ENC_OPCODE_REG ? f->opcode_reg & 7 : 0), 1);
    return true;
}

static void put_modrm(struct fields *f, const struct x86_insn *insn, const struct x86_encoding *row)
{
    if (row->flags & X86_ENC_FIXED) {
        put(f, row->modrm, 1);
        return;
    }
    unsigned reg = row->flags & X86_ENC_DIGIT ? row->modrm & 0x38u : (f->reg & 7) << 3;
    if (!f->memory) {
        put(f, 0xc0 | reg | (f->rm & 7), 1);
        return;
    }
    put(f, f->modrm | reg, 1);
    if (f->sib >= 0) {
        put(f, (unsigned)f->sib, 1);
    }
    put(f, (uint64_t)insn->mem.disp, f->disp_size);
}

/* The bytes of an immediate, displacement of moffs or branch that a spec takes; false: the value
 * does not fit. */
static bool put_immediate(struct fields *f, const struct x86_insn *insn,
                          const struct x86_spec *spec)
{
    unsigned z = insn->opsize == 2 ? 2 : 4;
    unsigned size = 0;
    int64_t value = insn->imm;
    bool is_signed = true;
    switch ((enum x86_how)spec->how) {
    case X86_HOW_IMM8:
        size = 1;
        is_signed = false;
        break;
    case X86_HOW_IMM8S:
    case X86_HOW_REL8:
        size = 1;
        break;
    case X86_HOW_IMM16:
        size = 2;
        is_signed = false;
        break;
    case X86_HOW_IMMZ:
    case X86_HOW_RELZ:
        size = z;
        break;
    case X86_HOW_IMMV:
        size = insn->opsize;
        break;
    case X86_HOW_IMM8_SECOND:
        value = (int64_t)insn->imm2;
        size = 1;
        is_signed = false;
        break;
    case X86_HOW_FAR:
        put(f, (uint64_t)insn->imm, z);
        value = (int64_t)insn->imm2;
        size = 2;
        is_signed = false;
        break;
    case X86_HOW_MOFFS:
        value = insn->mem.disp;
        size = insn->addrsize;
        is_signed = false;
        break;
    case X86_HOW_IS4:
        value = (int64_t)(f->is4 << 4) | (insn->imm & 15);
        size = 1;
        is_signed = false;
        break;
    default:
        return true;
    }
    put(f, (uint64_t)value, size);
    return is_signed ? fits(value, size) : size == 8 || (uint64_t)value >> 8 * size == 0;
}

static bool same_memory(const struct x86_mem *a, const struct x86_mem *b)
{
    return a->base == b->base && a->index == b->index && a->rip == b->rip &&
           (a->index < 0 || a->scale == b->scale);
}

/* Whether the bytes decode to what was wanted. */
static bool means(const struct x86_insn *insn, const uint8_t *bytes, unsigned size)
{
    struct x86_insn back;
    if (x86_decode((enum x86_mode)insn->mode, bytes, size, &back) != (int)size ||
        back.row != insn->row) {
        return false;
    }
    for (unsigned i = 0; i < back.operands_count && !back.operands[i].implicit; i++) {
        const struct x86_operand *a = &back.operands[i];
        const struct x86_operand *b = &insn->operands[i];
        if (a->kind != b->kind || a->reg != b->reg || a->width != b->width ||
            (a->kind == X86_MEM && !same_memory(&back.mem, &insn->mem))) {
            return false;
        }
    }
    return true;
}

int x86_encode(const struct x86_insn *insn, uint8_t ret_bytes[X86_INSN_MAX])
{
    if (insn->row == 0 || insn->row >= x86_rows_count || insn->mode > X86_MODE_64) {
        return -ST_EINVAL;
    }
    const struct x86_encoding *row = &x86_encodings[insn->row];
    struct fields f = {.sib = -1};
    for (unsigned i = 0; i < row->count; i++) {
        if (!place(&f, insn, &x86_specs[row->specs[i]], &insn->operands[i])) {
            return -ST_EINVAL;
        }
    }
    if ((row->flags & X86_ENC_REXB(1)) == X86_ENC_REXB(1) && f.opcode_reg == 0) {
        return -ST_EINVAL; /* xchg eax, eax is nop */
    }
    put_prefixes(&f, insn, row->flags);
    if (!put_opcode(&f, insn, row)) {
        return -ST_EINVAL;
    }
    if (row->flags & X86_ENC_MODRM) {
        put_modrm(&f, insn, row);
    }
    for (unsigned i = 0; i < row->count; i++) {
        if (!put_immediate(&f, insn, &x86_specs[row->specs[i]])) {
            return -ST_EINVAL;
        }
    }
    if (f.used > X86_INSN_MAX || !means(insn, f.bytes, f.used)) {
        return -ST_EINVAL;
    }
    memcpy(ret_bytes, f.bytes, f.used);
    return (int)f.used;
}
