/*
 * The decoder: prefixes, the row that opcode, prefixes and ModRM select (a walk over the tables of
 * x86_tables_priv.h), then the row's operands.
 *
 * Nothing checks bounds on the way: at least 32 bytes can be read, from the caller's memory or from
 * a copy that is filled up with zeros, and no path reads more (at most 14 prefixes, then 3 bytes of
 * VEX, opcode, ModRM, SIB, 4 of displacement and 8 of immediates). Whether the bytes looked at were
 * all there is asked once, at the end.
 */
#include "x86/x86_decode.h"

#include "base/err.h"
#include "base/memops.h"
#include "x86/x86_tables_priv.h"

enum { WINDOW = 32, NO_SIZE = 3 };

struct decoding {
    const uint8_t *start;
    const uint8_t *at; /* the next byte */
    struct x86_insn *insn;
    uint32_t key;
    uint8_t sizes[4]; /* index into a row of x86_widths: by operand size, mode, address, VEX.L */
};

/* Classes of bytes before the opcode. */
enum prefix { NO_PREFIX, SEGMENT, SIZE_66, SIZE_67, LOCK, REP, REX };

static const uint8_t prefixes[256] = {
    [0x26] = SEGMENT, [0x2e] = SEGMENT, [0x36] = SEGMENT, [0x3e] = SEGMENT, [0x64] = SEGMENT,
    [0x65] = SEGMENT, [0x66] = SIZE_66, [0x67] = SIZE_67, [0xf0] = LOCK,    [0xf2] = REP,
    [0xf3] = REP,     [0x40] = REX,     [0x41] = REX,     [0x42] = REX,     [0x43] = REX,
    [0x44] = REX,     [0x45] = REX,     [0x46] = REX,     [0x47] = REX,     [0x48] = REX,
    [0x49] = REX,     [0x4a] = REX,     [0x4b] = REX,     [0x4c] = REX,     [0x4d] = REX,
    [0x4e] = REX,     [0x4f] = REX,
};

static inline uint16_t get16(const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static inline uint32_t get32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static inline uint64_t get64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static inline int64_t signed_byte(uint8_t byte)
{
    return (byte ^ 0x80) - 0x80;
}

static uint8_t segment_of_prefix(uint8_t byte, enum x86_mode mode, uint8_t before)
{
    if (byte >= 0x64) {
        return (uint8_t)(byte - 0x64 + X86_FS);
    }
    /* In 64-bit mode the other four are null prefixes: they do not even end what FS or GS said. */
    return mode == X86_MODE_64 ? before : (byte >> 3) & 3;
}

/* Reads prefixes up to the opcode. Returns false if there are too many. */
static bool read_prefixes(struct decoding *d)
{
    struct x86_insn *insn = d->insn;
    const uint8_t *at = d->at;
    for (;; at++) {
        uint8_t byte = *at;
        enum prefix class = prefixes[byte];
        if (__builtin_expect(class == NO_PREFIX, 1)) {
            break;
        }
        if (at - d->start >= X86_INSN_MAX - 1) {
            d->at = d->start + X86_INSN_MAX + 1; /* the opcode would be beyond the limit */
            return false;
        }
        if (class == REX) {
            if (insn->mode != X86_MODE_64) {
                break;
            }
            insn->has_rex = true;
            insn->rex = byte & 15;
            continue;
        }
        insn->has_rex = false; /* only right before the opcode */
        insn->rex = 0;
        switch (class) {
        case SEGMENT:
            insn->seg_override = segment_of_prefix(byte, insn->mode, insn->seg_override);
            break;
        case SIZE_66:
            insn->has_66 = true;
            break;
        case SIZE_67:
            insn->has_67 = true;
            break;
        case LOCK:
            insn->lock = true;
            break;
        case REP:
            insn->rep = byte;
            break;
        case REX:
        case NO_PREFIX:
            break;
        }
    }
    d->at = at;
    return true;
}

/* Reads a VEX prefix, whose first byte is `byte`, after which d->at is. Returns the space of the
 * opcode; 0: none, #UD. */
static unsigned read_vex(struct decoding *d, uint8_t byte)
{
    struct x86_insn *insn = d->insn;
    uint8_t first = *d->at++;
    uint8_t last = first;
    uint8_t rxb = (uint8_t)(~first >> 5 & 4);
    unsigned map = 1;
    if (byte == 0xc4) {
        last = *d->at++;
        rxb = (uint8_t)(~first >> 5 & 7);
        map = first & 31;
        insn->rex = (uint8_t)(last >> 4 & 8);
    }
    bool before = insn->lock || insn->has_66 || insn->rep != 0 || insn->has_rex;
    insn->vex = true;
    insn->vvvv = ~last >> 3 & 15;
    insn->vex_l = last & 4;
    insn->prefix = last & 3;
    if (insn->mode == X86_MODE_64) {
        insn->rex |= rxb;
    }
    return before || map < 1 || map > 3 ? 0 : 3 + map;
}

/* Reads the opcode with its escapes. Returns the space it is in; -1: none, #UD. */
static int read_opcode(struct decoding *d)
{
    struct x86_insn *insn = d->insn;
    uint8_t byte = *d->at++;
    int space = 0;
    if (byte == 0x0f) {
        space = 1;
        byte = *d->at++;
        if (byte == 0x38 || byte == 0x3a) {
            space = byte == 0x38 ? 2 : 3;
            byte = *d->at++;
        }
    } else if ((byte & 0xfe) == 0xc4 && (insn->mode == X86_MODE_64 || *d->at >= 0xc0)) {
        space = (int)read_vex(d, byte);
        if (space == 0) {
            return -1;
        }
        byte = *d->at++;
    } else if (byte == 0x62 && (insn->mode == X86_MODE_64 || *d->at >= 0xc0)) {
        return -1; /* EVEX */
    }
    insn->opcode = byte;
    insn->map = (uint8_t)(space > 3 ? space - 3 : space);
    return space;
}

/* The part of the key that prefixes make, and the sizes. */
static void make_key(struct decoding *d)
{
    struct x86_insn *insn = d->insn;
    bool long_mode = insn->mode == X86_MODE_64;
    bool wide = insn->rex & 8;
    if (!insn->vex) {
        uint8_t rep = insn->rep == 0xf3 ? 2 : 3;
        insn->prefix = insn->rep != 0 ? rep : insn->has_66;
    }
    unsigned size = insn->has_66 ^ (insn->mode != X86_MODE_16);
    size = long_mode && wide ? 2 : size;
    unsigned address = long_mode ? 2 - insn->has_67 : insn->has_67 ^ (insn->mode != X86_MODE_16);
    insn->addrsize = (uint8_t)(2 << address);
    d->sizes[0] = (uint8_t)size;
    d->sizes[1] = long_mode ? 2 : 1;
    d->sizes[2] = (uint8_t)address;
    d->sizes[3] = insn->vex_l;
    d->key = (uint32_t)insn->prefix << X86_KEY_PP | (uint32_t)wide << X86_KEY_W |
             (uint32_t)insn->vex_l << X86_KEY_L | (uint32_t)long_mode << X86_KEY_M64 |
             (uint32_t)(long_mode && wide) << X86_KEY_Y64 | size << X86_KEY_OSIZE |
             address << X86_KEY_ASIZE | (uint32_t)(insn->rex & 1) << X86_KEY_REXB;
}

/* ModRM memory forms of 16-bit addresses (SDM 2 table 2-1). */
static void read_mem16(struct decoding *d)
{
    static const int8_t bases[8] = {X86_RBX, X86_RBX, X86_RBP, X86_RBP,
                                    X86_RSI, X86_RDI, X86_RBP, X86_RBX};
    static const int8_t indexes[8] = {X86_RSI, X86_RDI, X86_RSI, X86_RDI, -1, -1, -1, -1};
    struct x86_insn *insn = d->insn;
    unsigned mod = insn->modrm >> 6;
    unsigned rm = insn->modrm & 7;
    insn->mem.base = bases[rm];
    insn->mem.index = indexes[rm];
    if (mod == 0 && rm == 6) {
        insn->mem.base = -1;
        insn->disp_size = 2;
    } else {
        insn->disp_size = (uint8_t)mod;
    }
    insn->mem.seg = insn->mem.base == X86_RBP ? X86_SS : X86_DS;
    insn->disp_at = insn->disp_size != 0 ? (uint8_t)(d->at - d->start) : 0;
    if (insn->disp_size == 1) {
        insn->mem.disp = signed_byte(*d->at);
    } else if (insn->disp_size == 2) {
        insn->mem.disp = (int16_t)get16(d->at);
    }
    d->at += insn->disp_size;
}

/* ModRM memory forms of 32- and 64-bit addresses, with SIB (SDM 2 tables 2-2 and 2-3). */
static void read_mem(struct decoding *d, bool vsib)
{
    struct x86_insn *insn = d->insn;
    unsigned mod = insn->modrm >> 6;
    unsigned rm = insn->modrm & 7;
    int base = (int)rm | (insn->rex & 1) << 3;
    insn->mem.index = -1;
    if (rm == 4) {
        uint8_t sib = *d->at++;
        int index = (sib >> 3 & 7) | (insn->rex & 2) << 2;
        insn->mem.scale = (uint8_t)(1 << (sib >> 6));
        insn->mem.index = (int8_t)(index == 4 && !vsib ? -1 : index);
        insn->mem.vsib = vsib;
        rm = sib & 7;
        base = (int)rm | (insn->rex & 1) << 3;
        if (rm == 5 && mod == 0) {
            base = -1;
        }
    } else if (rm == 5 && mod == 0) {
        base = -1;
        insn->mem.rip = insn->mode == X86_MODE_64;
    }
    insn->mem.base = (int8_t)base;
    insn->mem.seg = base == X86_RSP || base == X86_RBP ? X86_SS : X86_DS;
    insn->disp_size = (uint8_t)(mod == 1 ? 1 : mod == 2 || base < 0 ? 4 : 0);
    if (insn->disp_size != 0) {
        insn->disp_at = (uint8_t)(d->at - d->start);
        insn->mem.disp = insn->disp_size == 1 ? signed_byte(*d->at) : (int32_t)get32(d->at);
        d->at += insn->disp_size;
    }
}

/* Returns false for what is #UD: 16-bit addresses with a vector index, and no SIB. */
static bool read_modrm_memory(struct decoding *d, bool vsib)
{
    struct x86_insn *insn = d->insn;
    insn->mem.scale = 1;
    if (insn->addrsize == 2) {
        read_mem16(d);
    } else {
        read_mem(d, vsib);
    }
    if (insn->seg_override != X86_SEG_NONE) {
        insn->mem.seg = insn->seg_override;
    }
    return !vsib || insn->mem.vsib;
}

/* An immediate of `size` bytes, which is the second one if there was a first. */
static void read_immediate(struct decoding *d, struct x86_operand *operand, unsigned size,
                           bool is_signed)
{
    struct x86_insn *insn = d->insn;
    int64_t value = 0;
    switch (size) {
    case 1:
        value = is_signed ? signed_byte(*d->at) : *d->at;
        break;
    case 2:
        value = is_signed ? (int16_t)get16(d->at) : get16(d->at);
        break;
    case 4:
        value = is_signed ? (int32_t)get32(d->at) : (int64_t)get32(d->at);
        break;
    default:
        value = (int64_t)get64(d->at);
        break;
    }
    operand->kind = X86_IMM;
    insn->imm = value;
    insn->imm_size = (uint8_t)size;
    insn->imm_at = (uint8_t)(d->at - d->start);
    d->at += size;
}

static void read_moffs(struct decoding *d, struct x86_operand *operand)
{
    struct x86_insn *insn = d->insn;
    insn->disp_size = insn->addrsize;
    insn->disp_at = (uint8_t)(d->at - d->start);
    insn->mem.base = -1;
    insn->mem.index = -1;
    insn->mem.scale = 1;
    insn->mem.seg = insn->seg_override != X86_SEG_NONE ? insn->seg_override : X86_DS;
    uint64_t offset = insn->addrsize == 2   ? get16(d->at)
                      : insn->addrsize == 4 ? get32(d->at)
                                            : get64(d->at);
    insn->mem.disp = (int64_t)offset;
    operand->kind = X86_MOFFS;
    d->at += insn->addrsize;
}

/* Register `number` of the kind that a spec names. */
static void set_register(const struct decoding *d, const struct x86_spec *spec, unsigned number,
                         struct x86_operand *operand)
{
    operand->kind = spec->kind;
    operand->reg = (uint8_t)number;
    if (spec->kind == X86_GPR) {
        if (operand->width == 1 && !d->insn->has_rex && number - 4 < 4) {
            operand->kind = X86_GPR_HIGH;
            operand->reg = (uint8_t)(number - 4);
        }
    } else if (spec->kind == X86_SPEC_XY) {
        operand->kind = d->insn->vex_l ? X86_YMM : X86_XMM;
    } else if (spec->kind == X86_MMX || spec->kind == X86_ST) {
        operand->reg = number & 7;
    }
}

/* Operands that are immediates or stand for themselves. */
static void read_immediate_operand(struct decoding *d, const struct x86_spec *spec,
                                   struct x86_operand *operand)
{
    struct x86_insn *insn = d->insn;
    uint8_t z = x86_widths[X86_WIDTH_Z][d->sizes[0]];
    switch ((enum x86_how)spec->how) {
    case X86_HOW_IMM8:
        read_immediate(d, operand, 1, false);
        break;
    case X86_HOW_IMM8S:
        read_immediate(d, operand, 1, true);
        break;
    case X86_HOW_IMM16:
        read_immediate(d, operand, 2, false);
        break;
    case X86_HOW_IMMZ:
        read_immediate(d, operand, z, true);
        break;
    case X86_HOW_IMMV:
        read_immediate(d, operand, insn->opsize, true);
        break;
    case X86_HOW_REL8:
        read_immediate(d, operand, 1, true);
        operand->kind = X86_REL;
        break;
    case X86_HOW_RELZ:
        read_immediate(d, operand, z, true);
        operand->kind = X86_REL;
        break;
    case X86_HOW_IMM8_SECOND:
        operand->kind = X86_IMM2;
        insn->imm2 = *d->at++;
        break;
    case X86_HOW_FAR:
        read_immediate(d, operand, z, false);
        operand->kind = X86_FAR;
        insn->imm2 = get16(d->at);
        d->at += 2;
        break;
    case X86_HOW_MOFFS:
        read_moffs(d, operand);
        break;
    default: /* X86_HOW_ONE */
        operand->kind = X86_CONST_1;
        break;
    }
}

/* Control and debug registers and segments: returns whether there is such a register. */
static bool read_system_register(struct decoding *d, const struct x86_spec *spec,
                                 struct x86_operand *operand)
{
    const struct x86_insn *insn = d->insn;
    unsigned number = insn->modrm >> 3 & 7;
    if (spec->how == X86_HOW_SREG) {
        operand->kind = X86_SEG;
        operand->reg = (uint8_t)number;
        return number <= X86_GS && !(number == X86_CS && (spec->access & X86_WRITE));
    }
    number |= (insn->rex & 4) << 1;
    operand->reg = (uint8_t)number;
    operand->kind = spec->how == X86_HOW_CREG ? X86_CR : X86_DR;
    if (operand->kind == X86_CR) {
        return number <= 4 ? number != 1 : number == 8;
    }
    return number < 8;
}

static void set_fixed(struct decoding *d, const struct x86_spec *spec, struct x86_operand *operand)
{
    static const uint8_t kinds[] = {
        [X86_HOW_FIXED_GPR - X86_HOW_FIXED_GPR] = X86_GPR,
        [X86_HOW_FIXED_SEG - X86_HOW_FIXED_GPR] = X86_SEG,
        [X86_HOW_FIXED_ST - X86_HOW_FIXED_GPR] = X86_ST,
        [X86_HOW_FIXED_XMM - X86_HOW_FIXED_GPR] = X86_XMM,
        [X86_HOW_FIXED_MEM - X86_HOW_FIXED_GPR] = X86_MEM,
    };
    struct x86_insn *insn = d->insn;
    operand->reg = spec->kind;
    operand->kind = kinds[spec->how - X86_HOW_FIXED_GPR];
    if (operand->kind == X86_GPR && operand->width == 1 && operand->reg >= 4) {
        operand->kind = X86_GPR_HIGH;
        operand->reg = (uint8_t)(operand->reg - 4);
    } else if (operand->kind == X86_MEM) {
        insn->mem.base = (int8_t)spec->kind;
        insn->mem.index = -1;
        insn->mem.scale = 1;
        insn->mem.seg = insn->seg_override != X86_SEG_NONE ? insn->seg_override : X86_DS;
        operand->reg = 0;
    }
}

static inline uint8_t width_of(const struct decoding *d, enum x86_width width)
{
    unsigned by = (width >= X86_WIDTH_BY_MODE) + (width >= X86_WIDTH_BY_ADDRESS) +
                  (width >= X86_WIDTH_BY_LENGTH);
    return x86_widths[width][d->sizes[by]];
}

static inline uint8_t field_of(const struct x86_spec *spec)
{
    static const uint8_t fields[] = {
        [X86_HOW_RM] = X86_FIELD_RM,    [X86_HOW_VSIB] = X86_FIELD_RM,
        [X86_HOW_REG] = X86_FIELD_REG,  [X86_HOW_VVVV] = X86_FIELD_VVVV,
        [X86_HOW_IS4] = X86_FIELD_IS4,  [X86_HOW_OPCODE] = X86_FIELD_OPCODE,
        [X86_HOW_SREG] = X86_FIELD_REG, [X86_HOW_CREG] = X86_FIELD_REG,
        [X86_HOW_DREG] = X86_FIELD_REG, [X86_HOW_FIXED_MEM] = X86_FIELD_NONE,
    };
    return fields[spec->how];
}

/* One operand of the row. Returns false for #UD. */
static bool read_operand(struct decoding *d, const struct x86_spec *spec,
                         struct x86_operand *operand)
{
    struct x86_insn *insn = d->insn;
    operand->width = width_of(d, spec->width);
    operand->access = spec->access;
    operand->implicit = spec->implicit;
    operand->field = field_of(spec);
    switch ((enum x86_how)spec->how) {
    case X86_HOW_RM:
        if (insn->modrm < 0xc0) {
            operand->kind = X86_MEM;
            operand->width = width_of(d, spec->mem_width);
            return true;
        }
        ST_FALLTHROUGH;
    case X86_HOW_VSIB:
        if (spec->how == X86_HOW_VSIB) {
            operand->kind = X86_MEM;
            return true;
        }
        set_register(d, spec, (insn->modrm & 7u) | (insn->rex & 1u) << 3, operand);
        return true;
    case X86_HOW_REG:
        set_register(d, spec, (insn->modrm >> 3 & 7u) | (insn->rex & 4u) << 1, operand);
        return true;
    case X86_HOW_VVVV:
        set_register(d, spec, insn->vvvv & (insn->mode == X86_MODE_64 ? 15u : 7u), operand);
        return true;
    case X86_HOW_OPCODE:
        set_register(d, spec, (insn->opcode & 7u) | (insn->rex & 1u) << 3, operand);
        return true;
    case X86_HOW_IS4:
        read_immediate(d, operand, 1, false);
        set_register(d, spec, (unsigned)insn->imm >> 4 & (insn->mode == X86_MODE_64 ? 15u : 7u),
                     operand);
        insn->imm &= 15; /* the register is an operand; these bits mean nothing */
        return true;
    case X86_HOW_SREG:
    case X86_HOW_CREG:
    case X86_HOW_DREG:
        return read_system_register(d, spec, operand);
    case X86_HOW_STRING_SOURCE:
        operand->kind = X86_STRING_SOURCE;
        operand->reg = insn->seg_override != X86_SEG_NONE ? insn->seg_override : X86_DS;
        return true;
    case X86_HOW_STRING_TARGET:
        operand->kind = X86_STRING_TARGET;
        operand->reg = X86_ES;
        return true;
    case X86_HOW_STACK:
        operand->kind = X86_STACK;
        operand->reg = X86_SS;
        return true;
    case X86_HOW_FIXED_GPR:
    case X86_HOW_FIXED_SEG:
    case X86_HOW_FIXED_ST:
    case X86_HOW_FIXED_XMM:
    case X86_HOW_FIXED_MEM:
        set_fixed(d, spec, operand);
        return true;
    case X86_HOW_IMM8:
    case X86_HOW_IMM8S:
    case X86_HOW_IMM8_SECOND:
    case X86_HOW_IMM16:
    case X86_HOW_IMMZ:
    case X86_HOW_IMMV:
    case X86_HOW_REL8:
    case X86_HOW_RELZ:
    case X86_HOW_FAR:
    case X86_HOW_MOFFS:
    case X86_HOW_ONE:
        read_immediate_operand(d, spec, operand);
        return true;
    }
    return false;
}

/* Sizes that the row has a say in. */
static void apply_row_sizes(struct decoding *d, uint32_t flags)
{
    struct x86_insn *insn = d->insn;
    bool long_mode = insn->mode == X86_MODE_64;
    if ((flags & (X86_ENC_MANDATORY | X86_ENC_PP(3))) == (X86_ENC_MANDATORY | X86_ENC_PP(1)) &&
        d->sizes[0] < 2) {
        d->sizes[0] = insn->mode != X86_MODE_16;
    } else if (long_mode && (flags & (X86_ENC_DEFAULT_64 | X86_ENC_FORCE_64))) {
        if ((flags & X86_ENC_FORCE_64) || !insn->has_66 || (insn->rex & 8)) {
            d->sizes[0] = 2;
        }
    }
    insn->opsize = (uint8_t)(2 << d->sizes[0]);
}

/* What no table says: returns whether the instruction is one. */
static bool check(const struct decoding *d, const struct x86_encoding *row)
{
    const struct x86_insn *insn = d->insn;
    if (insn->lock && (!(row->flags & X86_ENC_LOCKABLE) || insn->modrm >= 0xc0)) {
        return false;
    }
    if (!insn->vex) {
        return true;
    }
    if (!(row->flags & X86_ENC_VVVV) && insn->vvvv != 0) {
        return false;
    }
    if (row->flags & X86_ENC_GATHER) {
        unsigned target = insn->operands[0].reg;
        unsigned mask = insn->operands[2].reg;
        unsigned index = (unsigned)insn->mem.index;
        return target != mask && target != index && mask != index;
    }
    return true;
}

/* Returns whether the bytes are an instruction. */
static bool decode(struct decoding *d)
{
    struct x86_insn *insn = d->insn;
    if (!read_prefixes(d)) {
        return false;
    }
    int space = read_opcode(d);
    if (space < 0) {
        return false;
    }
    make_key(d);
    uint16_t slot = x86_slots[space * 256 + insn->opcode];
    if (slot & X86_SLOT_MODRM) {
        insn->modrm_at = (uint8_t)(d->at - d->start);
        insn->modrm = *d->at++;
        insn->has_modrm = true;
        d->key |= (insn->modrm & 63u) << X86_KEY_MODRM | (uint32_t)(insn->modrm >= 0xc0)
                                                             << X86_KEY_MOD3;
    }
    uint16_t row = x86_find_row(slot, d->key);
    if (row == 0) {
        return false;
    }
    const struct x86_encoding *encoding = &x86_encodings[row];
    apply_row_sizes(d, encoding->flags);
    if (insn->has_modrm && insn->modrm < 0xc0 && !(encoding->flags & X86_ENC_ANY_MOD)) {
        if (!read_modrm_memory(d, encoding->flags & X86_ENC_GATHER)) {
            return false;
        }
    }
    if (encoding->flags & X86_ENC_ANY_MOD) {
        insn->modrm |= 0xc0;
    }
    for (unsigned i = 0; i < encoding->count; i++) {
        if (!read_operand(d, &x86_specs[encoding->specs[i]], &insn->operands[i])) {
            return false;
        }
    }
    insn->operands_count = encoding->count;
    insn->row = row;
    return check(d, encoding);
}

int x86_decode(enum x86_mode mode, const uint8_t *bytes, size_t size, struct x86_insn *ret_insn)
{
    uint8_t window[WINDOW];
    struct decoding d = {.start = bytes, .insn = ret_insn};
    if (size < WINDOW) {
        memset(window, 0, sizeof(window));
        memcpy(window, bytes, size);
        d.start = window;
    }
    d.at = d.start;
    memset(ret_insn, 0, sizeof(*ret_insn));
    ret_insn->mode = (uint8_t)mode;
    ret_insn->seg_override = X86_SEG_NONE;
    bool good = decode(&d);
    size_t length = (size_t)(d.at - d.start);
    ret_insn->length = (uint8_t)ST_MIN(length, (size_t)X86_INSN_MAX);
    if (__builtin_expect(good && length <= size && length <= X86_INSN_MAX, 1)) {
        return (int)length;
    }
    ret_insn->row = 0;
    if (length > size && size < X86_INSN_MAX) {
        return -ST_EAGAIN;
    }
    return length > X86_INSN_MAX ? -ST_E2BIG : -ST_EINVAL;
}
