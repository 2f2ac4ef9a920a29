/*
 * Vector and x87 instructions made ready to run.
 *
 * cpu_simd_prepare is done once for a decoded instruction; cpu_simd_run then needs nothing but what
 * it made and the address of the memory operand. Instructions that are not of that kind (their
 * memory operand is not one piece, or they save, load or change the state as a whole) have general
 * handlers only.
 */
#pragma once

#include "cpu/interpreter/cpu_int.h"
#include "cpu/interpreter/cpu_simd_stub.h"

/* From CPU_SIMD_X87 on FIP, FDP and FOP are kept. */
enum cpu_simd_form {
    CPU_SIMD_REGISTERS, /* no memory operand */
    CPU_SIMD_LOAD,
    CPU_SIMD_STORE,
    CPU_SIMD_FLAGS,      /* as CPU_SIMD_REGISTERS, writes arithmetic flags */
    CPU_SIMD_LOAD_FLAGS, /* as CPU_SIMD_LOAD, writes arithmetic flags */
    CPU_SIMD_X87,
    CPU_SIMD_X87_LOAD,
    CPU_SIMD_X87_STORE,
};

struct cpu_simd_op {
    struct cpu_stub_key key;
    uint32_t stub;       /* its place */
    uint32_t generation; /* of the place */
    uint16_t at[4];      /* the stub's arguments: offsets in struct cpu, in 8 bytes */
    uint8_t form;        /* enum cpu_simd_form */
    uint8_t needs;       /* enum cpu_fpu_block: what must not be set in cpu->fpu.blocked */
    uint8_t width;       /* bytes of the memory operand */
    uint8_t align;       /* its address must have none of these bits */
    uint16_t fop;        /* x87's opcode for FOP */
    uint8_t seg;         /* enum x86_seg of the memory operand */
    uint8_t unused;
};

/* Makes *ret_op of an instruction of the rows with attribute X86_SIMD or X86_FPU. false: only
 * cpu_vector_handler's handler runs it. */
bool cpu_simd_prepare(struct cpu *cpu, const struct x86_insn *insn, struct cpu_simd_op *ret_op);

/* Runs it: CPU_NEXT, or CPU_FAULT with an exception recorded and nothing changed but exception
 * flags. `offset` is that of the memory operand in its segment, as cpu_effective tells it; cpu->rip
 * the instruction's own. */
enum cpu_result cpu_simd_run(struct cpu *cpu, struct cpu_simd_op *op, uint64_t offset);

/* ---- between the files of this part ---- */

/* Sees to it that nothing of `needs` (enum cpu_fpu_block) stands in the way: raises #UD, #NM, #MF
 * or loads the guest's state into the host's FPU. CPU_BLOCK_MXCSR stays set while the guest unmasks
 * exceptions. */
enum cpu_result cpu_fpu_clear_way(struct cpu *cpu, unsigned needs);

/* Their parts of cpu_fpu_leave. */
void cpu_fpu_unload_x87(struct cpu *cpu);
void cpu_fpu_unload_mxcsr(struct cpu *cpu);

/* MXCSR as the guest sees it; and loads it (a value without reserved bits). */
uint32_t cpu_fpu_mxcsr(const struct cpu *cpu);
void cpu_fpu_set_mxcsr(struct cpu *cpu, uint32_t mxcsr);
/* After the x87 control word was changed to this. */
void cpu_fpu_fcw_changed(struct cpu *cpu, uint16_t fcw);

enum { CPU_MXCSR_MASK = 0xffff }; /* bits that are not reserved */

/* General handlers: of operands that are masked or gathered (cpu_simd_partial.c), of the x87
 * environment (cpu_fpu_env.c), of whole states (cpu_fpu_xsave.c). NULL: not theirs. */
cpu_general *cpu_simd_partial_handler(uint16_t op);
cpu_general *cpu_fpu_env_handler(uint16_t op);
cpu_general *cpu_fpu_xsave_handler(uint16_t op);
