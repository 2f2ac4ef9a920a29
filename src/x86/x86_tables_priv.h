/*
 * The tables that tools/make_x86_tables.py makes from x86_rows.def, as decoder, encoder and
 * disassembler see them. All are constants without pointers.
 *
 *   x86_slots[space * 256 + opcode] -> row, or a node of a decision tree over the decoder's key
 *   x86_nodes[n]: x86_branches[base + ((key >> shift) & mask)] -> row or another node
 *   x86_encodings[row]: how the row is written in bytes; its operands are indexes into x86_specs
 */
#pragma once

#include "x86/x86_insn.h"

/* A slot's value: has ModRM; the rest is a row, or a node if X86_SLOT_NODE. */
enum { X86_SLOT_MODRM = 0x8000, X86_SLOT_NODE = 0x4000, X86_SLOT_INDEX = 0x3fff };

/* The key's bits: all that may tell two rows of an opcode apart. FIELDS of the generator. */
enum {
    X86_KEY_PP = 0,
    X86_KEY_MODRM = 3, /* rm, reg */
    X86_KEY_MOD3 = 2,
    X86_KEY_W = 9,
    X86_KEY_L = 10,
    X86_KEY_M64 = 11,
    X86_KEY_Y64 = 12,
    X86_KEY_OSIZE = 13,
    X86_KEY_ASIZE = 15,
    X86_KEY_REXB = 17,
};

/* Where an operand stands in the bytes. */
enum x86_how {
    X86_HOW_RM, /* ModRM.rm: register or memory */
    X86_HOW_REG,
    X86_HOW_VVVV,
    X86_HOW_IS4,
    X86_HOW_OPCODE,
    X86_HOW_VSIB,
    X86_HOW_SREG,
    X86_HOW_CREG,
    X86_HOW_DREG,
    X86_HOW_IMM8,
    X86_HOW_IMM8S,
    X86_HOW_IMM8_SECOND,
    X86_HOW_IMM16,
    X86_HOW_IMMZ,
    X86_HOW_IMMV,
    X86_HOW_REL8,
    X86_HOW_RELZ,
    X86_HOW_FAR,
    X86_HOW_MOFFS,
    X86_HOW_ONE,
    X86_HOW_STRING_SOURCE,
    X86_HOW_STRING_TARGET,
    X86_HOW_STACK,
    X86_HOW_FIXED_GPR,
    X86_HOW_FIXED_SEG,
    X86_HOW_FIXED_ST,
    X86_HOW_FIXED_XMM,
    X86_HOW_FIXED_MEM, /* seg:base register */
};

/* Widths: x86_widths[][] gives bytes by what the width depends on. */
enum x86_width {
    X86_WIDTH_0,
    X86_WIDTH_1,
    X86_WIDTH_2,
    X86_WIDTH_4,
    X86_WIDTH_8,
    X86_WIDTH_10,
    X86_WIDTH_16,
    X86_WIDTH_32,
    X86_WIDTH_V,    /* by operand size: 2, 4, 8 */
    X86_WIDTH_Z,    /* 2, 4, 4 */
    X86_WIDTH_Y,    /* 4, 4, 8 */
    X86_WIDTH_FAR,  /* 4, 6, 10 */
    X86_WIDTH_PAIR, /* 4, 8 */
    X86_WIDTH_ENV,  /* 14, 28, 28 */
    X86_WIDTH_SAVE, /* 94, 108, 108 */
    X86_WIDTH_BY_MODE,
    X86_WIDTH_N = X86_WIDTH_BY_MODE, /* 4, 4, 8 */
    X86_WIDTH_TABLE,                 /* 6, 6, 10 */
    X86_WIDTH_BY_ADDRESS,
    X86_WIDTH_A = X86_WIDTH_BY_ADDRESS, /* 2, 4, 8 */
    X86_WIDTH_BY_LENGTH,
    X86_WIDTH_L = X86_WIDTH_BY_LENGTH, /* 16, 32 */
    X86_WIDTH_H,                       /* 8, 16 */
    X86_WIDTH_Q,                       /* 4, 8 */
    X86_WIDTHS,
};

enum { X86_SPEC_XY = 0x7f }; /* kind of a spec: X86_XMM or X86_YMM by VEX.L */

struct x86_spec {
    uint8_t how;       /* enum x86_how */
    uint8_t kind;      /* enum x86_kind of the register, or the fixed register's number */
    uint8_t width;     /* enum x86_width */
    uint8_t mem_width; /* ... if it is memory */
    uint8_t access;    /* enum x86_access */
    bool implicit;
};

/* struct x86_encoding.flags */
#define X86_ENC_MAP(map) ((uint32_t)(map))   /* bits 0-1 */
#define X86_ENC_PP(pp) ((uint32_t)(pp) << 2) /* bits 2-3 */
#define X86_ENC_Y(y) (1u << 20 | (uint32_t)(y) << 21)
#define X86_ENC_OSIZE(size) ((uint32_t)((size) + 1) << 22) /* 0: any */
#define X86_ENC_ASIZE(size) ((uint32_t)((size) + 1) << 24)
#define X86_ENC_REXB(b) (1u << 26 | (uint32_t)(b) << 27)
enum {
    X86_ENC_MANDATORY = 1 << 4, /* PP is demanded */
    X86_ENC_NO_REP = 1 << 5,    /* F2 and F3 are not allowed */
    X86_ENC_VEX = 1 << 6,
    X86_ENC_MODRM = 1 << 7,
    X86_ENC_FIXED = 1 << 8, /* all of ModRM is given */
    X86_ENC_DIGIT = 1 << 9, /* ModRM.reg is given */
    X86_ENC_OPCODE_REG = 1 << 10,
    X86_ENC_ANY_MOD = 1 << 11,
    X86_ENC_VVVV = 1 << 12, /* VEX.vvvv is an operand */
    X86_ENC_GATHER = 1 << 13,
    X86_ENC_LOCKABLE = 1 << 14,
    X86_ENC_DEFAULT_64 = 1 << 15,
    X86_ENC_FORCE_64 = 1 << 16,
    X86_ENC_W1 = 1 << 17,
    X86_ENC_L1 = 1 << 18,
};

struct x86_encoding {
    uint16_t specs[X86_OPERANDS_MAX];
    uint8_t count;
    uint8_t opcode;
    uint8_t modrm; /* the bits of ModRM that the row gives */
    uint32_t flags;
};

struct x86_node {
    uint16_t base;
    uint8_t shift;
    uint8_t mask;
};

extern const struct x86_encoding x86_encodings[];
extern const struct x86_spec x86_specs[];
extern const uint16_t x86_slots[];
extern const struct x86_node x86_nodes[];
extern const uint16_t x86_branches[];
extern const char x86_names[];
extern const uint16_t x86_name_at[];
extern const uint16_t x86_op_rows[]; /* first row of an op; that of op + 1 ends it */
extern const char x86_feature_names[];
extern const uint8_t x86_widths[X86_WIDTHS][3];

/* The row that a key and an opcode of a space (map, or 3 + map with VEX) select; 0: none. */
static inline uint16_t x86_find_row(uint16_t slot, uint32_t key)
{
    uint16_t value = slot & (X86_SLOT_NODE | X86_SLOT_INDEX);
    while (value & X86_SLOT_NODE) {
        const struct x86_node *node = &x86_nodes[value & X86_SLOT_INDEX];
        value = x86_branches[node->base + ((key >> node->shift) & node->mask)];
    }
    return value;
}
