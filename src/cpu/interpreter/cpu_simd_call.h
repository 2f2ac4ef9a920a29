/*
 * Calls the stub of a prepared instruction. Whoever does so has seen that its place is of the
 * current generation and that nothing it needs is blocked (cpu_simd_is_free).
 */
#pragma once

#include "cpu/interpreter/cpu_simd.h"
#include "cpu/interpreter/cpu_struct.h"

static inline bool cpu_simd_is_free(const struct cpu *cpu, const struct cpu_simd_op *simd)
{
    return simd->generation == cpu->fpu.generation && !(cpu->fpu.blocked & simd->needs);
}

/* The place of one of its registers. */
static inline void *cpu_simd_storage(struct cpu *cpu, uint16_t at)
{
    return (uint64_t *)cpu + at;
}

static inline cpu_stub *cpu_simd_stub_of(const struct cpu *cpu, const struct cpu_simd_op *simd)
{
    return (cpu_stub *)(uintptr_t)(cpu->fpu.stub_code + simd->stub);
}

/* Without and with a memory operand. Return what the stub does: the arithmetic flags, if it has
 * CPU_STUB_FLAGS. */
static inline uint32_t cpu_simd_call(struct cpu *cpu, const struct cpu_simd_op *simd)
{
    return cpu_simd_stub_of(cpu, simd)(
        cpu_simd_storage(cpu, simd->at[0]), cpu_simd_storage(cpu, simd->at[1]),
        cpu_simd_storage(cpu, simd->at[2]), cpu_simd_storage(cpu, simd->at[3]));
}

static inline uint32_t cpu_simd_call_at(struct cpu *cpu, const struct cpu_simd_op *simd,
                                        void *memory)
{
    return cpu_simd_stub_of(cpu, simd)(cpu_simd_storage(cpu, simd->at[0]), memory,
                                       cpu_simd_storage(cpu, simd->at[2]),
                                       cpu_simd_storage(cpu, simd->at[3]));
}

/* x87's pointers to what it did last (SDM 1 8.1.8): of an instruction at `rip`, and of its memory
 * operand. */
static inline void cpu_simd_note_x87(struct cpu *cpu, const struct cpu_simd_op *simd, uint64_t rip)
{
    cpu->fpu.fip = rip;
    cpu->fpu.fcs = cpu->segments[X86_CS].selector;
    cpu->fpu.fop = simd->fop;
}

static inline void cpu_simd_note_x87_data(struct cpu *cpu, const struct cpu_simd_op *simd,
                                          uint64_t offset)
{
    cpu->fpu.fdp = offset;
    cpu->fpu.fds = cpu->segments[simd->seg].selector;
}
