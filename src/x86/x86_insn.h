/*
 * A decoded instruction, and the facts of the row of the instruction table that it is an instance
 * of. Rows are written once, in x86_rows.def; the decoder's, encoder's and disassembler's tables
 * are made from it at build time (tools/make_x86_tables.py).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "x86/x86_ops.gen.h" /* made from x86_rows.def: enum x86_op, enum x86_feature */

enum { X86_INSN_MAX = 15, X86_OPERANDS_MAX = 6 };

/* Register numbers within their class, as encoded (REX, VEX and so on applied). */
enum x86_gpr {
    X86_RAX,
    X86_RCX,
    X86_RDX,
    X86_RBX,
    X86_RSP,
    X86_RBP,
    X86_RSI,
    X86_RDI,
    X86_R8 /* ... R15 = 15 */
};
enum x86_seg { X86_ES, X86_CS, X86_SS, X86_DS, X86_FS, X86_GS, X86_SEG_NONE = 7 };

/* How the code segment and EFER.LMA have it decoded. */
enum x86_mode { X86_MODE_16, X86_MODE_32, X86_MODE_64 };

/* Kinds of operands. */
enum x86_kind {
    X86_NONE,
    X86_GPR,      /* reg: enum x86_gpr; width 1, 2, 4, 8 */
    X86_GPR_HIGH, /* reg 0-3: AH CH DH BH */
    X86_SEG,      /* reg: enum x86_seg */
    X86_CR,
    X86_DR,
    X86_ST, /* x87 stack register, relative to the top */
    X86_MMX,
    X86_XMM, /* width: bytes of the register that count (16; 4 of a scalar single ...) */
    X86_YMM,
    X86_MEM,   /* insn.mem; width: bytes accessed (of one element by gathers), 0: see the row (lea,
                  invlpg, xsave ...). Implicit: xlat (seg:rBX, AL to be added), maskmovq, monitor */
    X86_MOFFS, /* memory at insn.mem with only disp */
    X86_STRING_SOURCE, /* reg (enum x86_seg):rSI */
    X86_STRING_TARGET, /* ES:rDI */
    X86_STACK,         /* at SS:rSP: pushed (written) or popped (read); width 0: see the row */
    X86_IMM,     /* insn.imm, extended to the width of the operation as the instruction has it */
    X86_IMM2,    /* insn.imm2: second immediate (enter) */
    X86_REL,     /* insn.imm: signed offset from the next instruction */
    X86_FAR,     /* insn.imm2 selector : insn.imm offset */
    X86_CONST_1, /* the implied 1 of D0/D1 */
};

/* Which field of the encoding names a register or memory operand, for whoever encodes it anew. */
enum x86_field {
    X86_FIELD_NONE, /* fixed by the opcode, or an immediate */
    X86_FIELD_REG,  /* ModRM.reg */
    X86_FIELD_RM,   /* ModRM.rm, the vector register of VSIB excepted */
    X86_FIELD_VVVV,
    X86_FIELD_IS4, /* high half of the immediate */
    X86_FIELD_OPCODE,
};

/* What an instruction does with an operand. */
enum x86_access { X86_READ = 1, X86_WRITE = 2, X86_COND = 4 /* the write may not happen */ };

struct x86_operand {
    uint8_t kind;   /* enum x86_kind */
    uint8_t field;  /* enum x86_field */
    uint8_t reg;    /* register number */
    uint8_t width;  /* bytes */
    uint8_t access; /* enum x86_access */
    bool implicit; /* not in the assembler's text: cl of a shift is explicit, rdx of mul is implicit
                    */
};

/* A memory operand: seg : base + index * scale + disp, truncated to the address size. */
struct x86_mem {
    int8_t base;   /* enum x86_gpr; -1: none (also with rip) */
    int8_t index;  /* enum x86_gpr, for VSIB the vector register; -1: none */
    uint8_t scale; /* 1, 2, 4, 8 */
    uint8_t seg;   /* enum x86_seg in force: override or default */
    bool rip;      /* disp is relative to the next instruction */
    bool vsib;
    int64_t disp; /* sign-extended */
};

struct x86_insn {
    uint16_t row;   /* index into x86_rows; 0: not an instruction (#UD) */
    uint8_t length; /* bytes, 1 to 15 */
    uint8_t mode;   /* enum x86_mode */
    uint8_t opsize; /* effective operand size 2, 4, 8 (REX.W and defaults of 64-bit mode applied; a
                       mandatory 66 does not count) */
    uint8_t addrsize; /* 2, 4, 8 */
    uint8_t opcode;   /* last opcode byte */
    uint8_t map;      /* 0: one byte, 1: 0F, 2: 0F38, 3: 0F3A; VEX maps alike */
    uint8_t prefix; /* the one that may be mandatory, as VEX.pp: 0 none, 1 66, 2 F3, 3 F2 (the last
                       of F3 and F2 goes before 66) */
    uint8_t rep;    /* 0, or the last of 0xf2 and 0xf3, whether it means something or not */
    bool lock;
    bool has_66;
    bool has_67;
    uint8_t seg_override; /* enum x86_seg; X86_SEG_NONE; in 64-bit mode FS or GS only */
    bool has_rex;
    uint8_t rex; /* W R X B of REX or VEX in bits 3 to 0; 0 without */
    bool vex;
    bool vex_l;
    uint8_t vvvv; /* VEX.vvvv inverted: the register, whose bit 3 counts in 64-bit mode alone */
    bool has_modrm;
    uint8_t modrm;     /* byte as written */
    uint8_t modrm_at;  /* its offset in the instruction, 0: none */
    uint8_t disp_size; /* 0, 1, 2, 4, 8 */
    uint8_t disp_at;   /* offset of the displacement, 0: none */
    uint8_t imm_size;  /* bytes of the first immediate, 0: none */
    uint8_t imm_at;
    struct x86_mem mem; /* valid if an operand is X86_MEM or X86_MOFFS */
    int64_t imm;        /* sign-extended; zero-extended where it is a byte or word that is no number
                           of the operation's width (in, int, shifts, shuffles, ret, enter, far) */
    uint64_t imm2;
    uint8_t operands_count; /* explicit ones first, in Intel's order; then implicit ones */
    struct x86_operand operands[X86_OPERANDS_MAX];
};

/* EFLAGS bits that rows speak of. */
enum x86_flags {
    X86_CF = 1u << 0,
    X86_PF = 1u << 2,
    X86_AF = 1u << 4,
    X86_ZF = 1u << 6,
    X86_SF = 1u << 7,
    X86_TF = 1u << 8,
    X86_IF = 1u << 9,
    X86_DF = 1u << 10,
    X86_OF = 1u << 11,
    X86_IOPL = 3u << 12,
    X86_NT = 1u << 14,
    X86_RF = 1u << 16,
    X86_VM = 1u << 17,
    X86_AC = 1u << 18,
    X86_VIF = 1u << 19,
    X86_VIP = 1u << 20,
    X86_ID = 1u << 21,
    X86_ARITH = X86_CF | X86_PF | X86_AF | X86_ZF | X86_SF | X86_OF,
};

/* Attributes of a row. */
enum x86_attr {
    X86_LOCKABLE = 1u << 0,    /* LOCK allowed with a memory destination */
    X86_REP = 1u << 1,         /* REP repeats it */
    X86_REPCC = 1u << 2,       /* REPE/REPNE repeat it by ZF */
    X86_BRANCH = 1u << 3,      /* may change RIP (ends a run of instructions) */
    X86_CONDITIONAL = 1u << 4, /* ... or fall through */
    X86_CALL = 1u << 5,
    X86_RETURN = 1u << 6,
    X86_PRIVILEGED = 1u << 7, /* #GP unless CPL 0 */
    X86_IOPL_SENSITIVE = 1u << 8,
    X86_SYSTEM = 1u << 9, /* changes or reads more than registers, flags and memory */
    X86_SERIALIZING = 1u << 10,
    X86_NOT_64 = 1u << 11, /* #UD in 64-bit mode */
    X86_ONLY_64 = 1u << 12,
    X86_NOT_REAL = 1u << 13,   /* #UD in real and virtual-8086 mode */
    X86_DEFAULT_64 = 1u << 14, /* operand size is 64 in 64-bit mode without REX.W */
    X86_FORCE_64 = 1u << 15,   /* ... and 66 does not make it 16 */
    X86_FPU = 1u << 16,        /* x87: CR0.EM, TS, pending #MF as the FPU has them */
    X86_SIMD =
        1u
        << 17, /* MMX, SSE, AVX: CR0.EM, TS, CR4.OSFXSR, XCR0; run by the host's own instruction */
    X86_FPX = 1u << 18,         /* may raise #XM */
    X86_ALIGNED = 1u << 19,     /* #GP if its 16- or 32-byte memory operand is not aligned */
    X86_PARTIAL = 1u << 20,     /* masks, gathers or stores part of its memory operand */
    X86_HOST_RUNS = 1u << 21,   /* may run as itself on the host with only its operands renamed */
    X86_REG_ONLY = 1u << 22,    /* ModRM.mod must be 3 */
    X86_MEM_ONLY = 1u << 23,    /* ModRM.mod must not be 3 */
    X86_BIT_STRING = 1u << 24,  /* bt r/m, r: the register's upper bits go into the address */
    X86_HINT = 1u << 25,        /* does nothing to the state */
    X86_ELSE_LEGACY = 1u << 26, /* a CPU without the feature ignores the F3: that is the row of the
                                   same opcode without it (tzcnt: bsf, wbnoinvd: wbinvd) */
    X86_FLAGS_MAYBE = 1u << 27, /* flags are left alone if the count is zero */
    X86_ATOMIC = 1u << 28,      /* locks its memory operand also without LOCK (xchg) */
};

/* A row: the facts of an instruction in one encoding. */
struct x86_row {
    uint16_t op;            /* enum x86_op: one for each mnemonic */
    uint16_t feature;       /* enum x86_feature that CPUID must show; 0: always there */
    uint32_t attributes;    /* enum x86_attr */
    uint32_t flags_read;    /* enum x86_flags */
    uint32_t flags_written; /* set, cleared or computed (perhaps, with X86_FLAGS_MAYBE) */
    uint32_t flags_undefined;
};

/* Row 0 is no instruction. Rows of one op follow each other. */
extern const struct x86_row x86_rows[];
extern const uint16_t x86_rows_count; /* row 0 included */

/* The mnemonic in lower case; "" for what is no op. Static storage. What differs only by the
 * operand size has one op (movs, cmps, pushf, iret ...); far transfers are callf, jmpf, retf. */
const char *x86_op_name(uint16_t op);

/* The name of an enum x86_feature as in the last column of x86_rows.def. Static storage. */
const char *x86_feature_name(uint16_t feature);
