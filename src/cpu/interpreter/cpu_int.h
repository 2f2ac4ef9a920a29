/*
 * How the files of the software CPU speak to each other.
 *
 * A handler carries out one decoded instruction. It checks everything first (faults, privileges,
 * memory) and changes architectural state only when nothing can fault any more, so that an
 * instruction that faults has done nothing (REP strings: what is done is done, and RIP stays).
 * Memory operands go through cpu_load and cpu_store, which translate, check and, for devices, call
 * the bus.
 */
#pragma once

#include "cpu/cpu.h"
#include "vcpu/vcpu_state.h"
#include "x86/x86_insn.h"

struct cpu;

/* How a handler of the general kind ends. */
enum cpu_result {
    CPU_NEXT,   /* go on after this instruction: the caller advances RIP */
    CPU_JUMPED, /* cpu->rip is the next instruction's: the caller looks its code up anew */
    CPU_END,    /* as CPU_NEXT, but what was decoded or assumed (mode, privilege, tables, interrupt
                 * flag, debug registers) may hold no more: the caller leaves its fast path */
    CPU_FAULT,  /* an exception was recorded by cpu_raise; RIP and state are as before */
    CPU_AGAIN,  /* an iteration of a REP instruction is done and an event is to be looked at: RIP
                   stays */
};

/* A handler of the general kind, for system, x87 and SIMD instructions and whatever is rare.
 * cpu->rip is the address of the instruction itself. */
typedef enum cpu_result cpu_general(struct cpu *cpu, const struct x86_insn *insn);

/* Vectors. */
enum cpu_vector {
    CPU_DE = 0,
    CPU_DB = 1,
    CPU_NMI = 2,
    CPU_BP = 3,
    CPU_OF = 4,
    CPU_BR = 5,
    CPU_UD = 6,
    CPU_NM = 7,
    CPU_DF = 8,
    CPU_TS = 10,
    CPU_NP = 11,
    CPU_SS = 12,
    CPU_GP = 13,
    CPU_PF = 14,
    CPU_MF = 16,
    CPU_AC = 17,
    CPU_MC = 18,
    CPU_XM = 19,
};

/* Record an exception of the current instruction. Return CPU_FAULT. */
enum cpu_result cpu_raise(struct cpu *cpu, enum cpu_vector vector);
enum cpu_result cpu_raise_error(struct cpu *cpu, enum cpu_vector vector, uint32_t error);
enum cpu_result cpu_raise_page_fault(struct cpu *cpu, uint64_t linear, uint32_t error);

/* ---- memory: false means that an exception was recorded ---- */

/* The offset of a memory operand within its segment. */
uint64_t cpu_effective(const struct cpu *cpu, const struct x86_insn *insn);

/* Whole operands of 1 to 64 bytes at seg:offset with the segment's checks (limit, type, canonical),
 * at the current privilege. A store that faults has stored nothing. */
bool cpu_load(struct cpu *cpu, enum x86_seg seg, uint64_t offset, void *ret_bytes, unsigned size);
/* As cpu_load, of a far pointer of that size: it may lie at half of the alignment that a number of
 * its size has (SDM 3A table 6-7). */
bool cpu_load_far_pointer(struct cpu *cpu, enum x86_seg seg, uint64_t offset, void *ret_bytes,
                          unsigned size);
bool cpu_store(struct cpu *cpu, enum x86_seg seg, uint64_t offset, const void *bytes,
               unsigned size);
/* Checks that a store there would not fault. */
bool cpu_probe_store(struct cpu *cpu, enum x86_seg seg, uint64_t offset, unsigned size);

/* At a linear address, as the supervisor (descriptor tables, TSS: `system` accesses) or at the
 * current privilege. */
bool cpu_load_linear(struct cpu *cpu, uint64_t linear, void *ret_bytes, unsigned size, bool system);
bool cpu_store_linear(struct cpu *cpu, uint64_t linear, const void *bytes, unsigned size,
                      bool system);

/* ---- flags: the six arithmetic ones are kept apart (cpu_flags.h) ---- */

/* All of RFLAGS. */
uint64_t cpu_rflags(const struct cpu *cpu);
/* Replaces the bits of `mask`. Whoever changes TF, IF, VM, AC or IOPL ends with CPU_END or
 * CPU_JUMPED. */
void cpu_set_rflags(struct cpu *cpu, uint64_t value, uint64_t mask);

/* Whether the guest's CPUID shows a feature (enum x86_feature; 0: always). */
bool cpu_has_feature(const struct cpu *cpu, uint16_t feature);

/* ---- running (cpu_code_*.c) ---- */

/* Runs from cpu->rip until retired reaches run_limit (CPU_AGAIN), an exception was recorded
 * (CPU_FAULT; rip is the faulting instruction's), or the mode or what events depend on changed
 * (CPU_END, CPU_JUMPED). */
enum cpu_result cpu_code_run(struct cpu *cpu);
/* One instruction, or one iteration of a REP instruction (CPU_AGAIN). */
enum cpu_result cpu_code_step(struct cpu *cpu);

/* The vCPU's store of decoded instructions. NULL: no memory. */
struct cpu_code *cpu_code_new(struct cpu *cpu);
void cpu_code_free(struct cpu *cpu);
/* Bytes of a page marked MEM_PAGE_CODE have been stored by this vCPU; and by anybody else, on any
 * thread. */
void cpu_code_written(struct cpu *cpu, uint64_t physical, unsigned size);
void cpu_code_written_elsewhere(struct cpu *cpu, uint64_t physical_page);
/* Forgets everything: the memory map changed. */
void cpu_code_flush(struct cpu *cpu);

/* ---- system (cpu_sys_*.c): the general handler of a row, NULL: none there ---- */
cpu_general *cpu_system_handler(uint16_t op);

/* ---- x87, MMX, SSE, AVX (cpu_simd.h, cpu_fpu.h) ---- */
cpu_general *cpu_vector_handler(const struct x86_row *row);
