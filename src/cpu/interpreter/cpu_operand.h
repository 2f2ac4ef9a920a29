/*
 * Operands of decoded instructions, for handlers of the general kind: registers, immediates and
 * memory through all checks. Values are zero-extended from the operand's width.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cpu/interpreter/cpu_access.h"
#include "cpu/interpreter/cpu_int.h"
#include "cpu/interpreter/cpu_struct.h"

/* A little-endian value at any address; one access by the host. */
#define CPU_UNALIGNED(bits)                                                                        \
    struct cpu_unaligned_##bits {                                                                  \
        uint##bits##_t v;                                                                          \
    } __attribute__((packed, may_alias))
CPU_UNALIGNED(8);
CPU_UNALIGNED(16);
CPU_UNALIGNED(32);
CPU_UNALIGNED(64);

/* size: 1, 2, 4 or 8. */
static inline uint64_t cpu_get(const void *at, unsigned size)
{
    switch (size) {
    case 1:
        return *(const uint8_t *)at;
    case 2:
        return ((const struct cpu_unaligned_16 *)at)->v;
    case 4:
        return ((const struct cpu_unaligned_32 *)at)->v;
    default:
        return ((const struct cpu_unaligned_64 *)at)->v;
    }
}

static inline void cpu_put(void *at, unsigned size, uint64_t value)
{
    switch (size) {
    case 1:
        *(uint8_t *)at = (uint8_t)value;
        break;
    case 2:
        ((struct cpu_unaligned_16 *)at)->v = (uint16_t)value;
        break;
    case 4:
        ((struct cpu_unaligned_32 *)at)->v = (uint32_t)value;
        break;
    default:
        ((struct cpu_unaligned_64 *)at)->v = value;
        break;
    }
}

static inline uint64_t cpu_mask_of(unsigned size)
{
    return size >= 8 ? UINT64_MAX : (1ull << size * 8) - 1;
}

static inline int64_t cpu_sign_extend(uint64_t value, unsigned size)
{
    unsigned shift = 64 - size * 8;

    return (int64_t)(value << shift) >> shift;
}

/* A general register, of which the low `size` bytes count; a write of 4 bytes clears the rest. */
static inline uint64_t cpu_gpr_get(const struct cpu *cpu, unsigned reg, unsigned size)
{
    return cpu->gpr[reg] & cpu_mask_of(size);
}

static inline void cpu_gpr_put(struct cpu *cpu, unsigned reg, unsigned size, uint64_t value)
{
    uint64_t mask = size == 4 ? UINT64_MAX : cpu_mask_of(size);

    cpu->gpr[reg] = (cpu->gpr[reg] & ~mask) | (value & mask & cpu_mask_of(size));
}

/* Operand n of the instruction: X86_GPR, X86_GPR_HIGH, X86_SEG (read), X86_IMM and its kind, memory
 * of 1 to 8 bytes. false: an exception was recorded. */
bool cpu_operand_read(struct cpu *cpu, const struct x86_insn *insn, unsigned n,
                      uint64_t *ret_value);
bool cpu_operand_write(struct cpu *cpu, const struct x86_insn *insn, unsigned n, uint64_t value);

static inline bool cpu_operand_is_memory(const struct x86_insn *insn, unsigned n)
{
    return insn->operands[n].kind == X86_MEM || insn->operands[n].kind == X86_MOFFS;
}

/* A register operand, which cannot fault. */
uint64_t cpu_register_read(const struct cpu *cpu, const struct x86_operand *operand);
void cpu_register_write(struct cpu *cpu, const struct x86_operand *operand, uint64_t value);

/* Operand 0 is replaced by what `compute` makes of it; a memory operand of a LOCKed instruction by
 * a host atomic, for which `compute` may run more than once. *flags is the instruction's: flags
 * before it when compute is called, taken over when all is done. `compute` returns false to leave
 * the operand as it was. */
struct cpu_modify {
    const struct x86_insn *insn;
    unsigned width;  /* bytes */
    uint64_t source; /* the other operand, or whatever compute wants */
    uint64_t count;
    uint64_t old;   /* what the operand was, when done */
    uint32_t flags; /* as cpu_flags.h */
};
typedef bool cpu_compute(struct cpu_modify *modify, uint64_t *value);
enum cpu_result cpu_operand_modify(struct cpu *cpu, struct cpu_modify *modify, uint64_t displaced,
                                   cpu_compute *compute);

/* Defines compute_NAME, by cpu_alu_NAME_BITS(&value, source, flags), for operands of 16, 32 and 64
 * bits. */
#define CPU_COMPUTE(name)                                                                          \
    static bool compute_##name(struct cpu_modify *modify, uint64_t *value)                         \
    {                                                                                              \
        uint16_t v16 = (uint16_t)*value;                                                           \
        uint32_t v32 = (uint32_t)*value;                                                           \
                                                                                                   \
        switch (modify->width) {                                                                   \
        case 2:                                                                                    \
            modify->flags = cpu_alu_##name##_16(&v16, (uint16_t)modify->source, modify->flags);    \
            *value = v16;                                                                          \
            break;                                                                                 \
        case 4:                                                                                    \
            modify->flags = cpu_alu_##name##_32(&v32, (uint32_t)modify->source, modify->flags);    \
            *value = v32;                                                                          \
            break;                                                                                 \
        default:                                                                                   \
            modify->flags = cpu_alu_##name##_64(value, modify->source, modify->flags);             \
            break;                                                                                 \
        }                                                                                          \
        return true;                                                                               \
    }

/* Sets rSP to a value of the stack's size (cpu_int_stack.c). */
void cpu_stack_set(struct cpu *cpu, uint64_t value);
