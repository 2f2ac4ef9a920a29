/*
 * Stubs: a vector or x87 instruction encoded anew, so that the host runs it on the guest's state.
 *
 *     load host registers from the storage of the guest's registers that the instruction names
 *     the instruction, with host registers 1, 2, 3, 4 for ModRM.reg, ModRM.rm, VEX.vvvv and the
 *         immediate's register, (%rsi) for a memory operand, eax for a general register; x87 and
 *         MMX registers are the host's own
 *     store what it wrote; return the arithmetic flags, as struct cpu.arith has them, if it did
 *
 * What a stub depends on is its key; the registers' numbers are not in it (but for x87 and MMX), so
 * a few hundred stubs do for most guests. They lie in memory of a bounded size that is emptied when
 * full; a new generation begins then and what is held of older ones is void.
 */
#pragma once

#include <stdint.h>

#include "platform/platform.h"

/* What an operand field of the encoding holds, with enum cpu_stub_use. */
enum cpu_stub_class {
    CPU_STUB_NONE, /* no operand: bits of the opcode, or a register that is not renamed */
    CPU_STUB_XMM,
    CPU_STUB_YMM,
    CPU_STUB_GPR,
    CPU_STUB_MEMORY, /* of rm */
};
enum cpu_stub_use { CPU_STUB_LOAD = 8, CPU_STUB_STORE = 16 };

/* Bits of struct cpu_stub_key.encoding. */
enum cpu_stub_encoding {
    CPU_STUB_MAP = 3, /* 0: one byte (x87) */
    CPU_STUB_PREFIX_SHIFT = 2,
    CPU_STUB_PREFIX = 3 << 2, /* as VEX.pp */
    CPU_STUB_VEX = 1 << 4,
    CPU_STUB_L = 1 << 5,
    CPU_STUB_W = 1 << 6,
    CPU_STUB_IMMEDIATE = 1 << 7,
};

/* Bits of struct cpu_stub_key.extra. */
enum cpu_stub_extra {
    CPU_STUB_FLAGS = 1 << 0,     /* returns flags */
    CPU_STUB_FLAGS_IN = 1 << 1,  /* the third argument is the flags before, as a number */
    CPU_STUB_XMM0 = 1 << 2,      /* the fourth argument is XMM0's storage: read */
    CPU_STUB_XMM0_OUT = 1 << 3,  /* ... written */
    CPU_STUB_LENGTHS = 1 << 4,   /* the third argument is the general registers: reads rAX, rDX */
    CPU_STUB_INDEX_OUT = 1 << 5, /* ... writes rCX */
    CPU_STUB_ZEROING =
        1 << 7, /* VZEROUPPER, VZEROALL: of `imm` registers, from the first argument's on */
    CPU_STUB_IS4 = 1 << 6, /* the fourth argument is that of the immediate's register */
};

/* All that a stub depends on. Two with the same bytes are the same stub. */
struct cpu_stub_key {
    uint8_t opcode;
    uint8_t modrm;         /* bits of the opcode and numbers of x87 and MMX registers; else 0 */
    uint8_t imm;           /* the immediate's register taken out */
    uint8_t encoding;      /* enum cpu_stub_encoding */
    uint8_t reg, rm, vvvv; /* enum cpu_stub_class and enum cpu_stub_use */
    uint8_t extra;         /* enum cpu_stub_extra */
};

/* Arguments: storage (or memory) of ModRM.reg, ModRM.rm, VEX.vvvv and what `extra` says. */
typedef uint32_t cpu_stub(void *reg, void *rm, void *vvvv, void *extra);

struct cpu_stubs;

/* NULL: no memory. Freed with the same platform. One vCPU's, used by its thread. */
struct cpu_stubs *cpu_stubs_new(struct platform *platform);
void cpu_stubs_free(struct cpu_stubs *stubs, struct platform *platform);

/* The place of the stub with this key, made if it is not there; *generation is incremented if all
 * others had to go for it. */
uint32_t cpu_stubs_find(struct cpu_stubs *stubs, const struct cpu_stub_key *key,
                        uint32_t *generation);

/* Where the places count from: a stub is called at code + place, until the generation changes. */
const uint8_t *cpu_stubs_code(const struct cpu_stubs *stubs);
