/*
 * The system side among itself: modes, segments, far transfers, interrupts, tasks, model-specific
 * registers. Functions that return bool or CPU_FAULT have then recorded an exception and changed
 * nothing. All: the vCPU's thread.
 */
#pragma once

#include "cpu/cpu_exclusive.h"
#include "cpu/cpu_mmu.h"
#include "cpu/cpu_watch.h"

static inline bool cpu_in_64(const struct cpu *cpu)
{
    return (cpu->code_mode & CPU_MODE_BITS) == X86_MODE_64;
}

static inline unsigned cpu_iopl(const struct cpu *cpu)
{
    return (unsigned)(cpu->rflags >> 12) & 3;
}

/* ---- modes (cpu_mode.c) ---- */

/* cpu_set_rflags with all that follows: privilege of accesses (AC), single steps (TF), interrupts
 * that were waiting (IF). Not the mode: who changes VM calls cpu_mode_update. */
void cpu_set_flags(struct cpu *cpu, uint64_t value, uint64_t mask);

/* Recomputes all that follows from the control registers, EFER, the segments, CPL and flags. */
void cpu_mode_update(struct cpu *cpu);
/* What follows from one segment register alone, after it was loaded. */
void cpu_segment_update(struct cpu *cpu, enum x86_seg seg);
/* As MOV to CR0, CR3, CR4, WRMSR of EFER have it. */
bool cpu_set_cr0(struct cpu *cpu, uint64_t value);
bool cpu_set_cr3(struct cpu *cpu, uint64_t value);
bool cpu_set_cr4(struct cpu *cpu, uint64_t value);
/* The rights of user pages by protection key. What is cached of them goes: end the block. */
void cpu_set_pkru(struct cpu *cpu, uint32_t value);
bool cpu_set_efer(struct cpu *cpu, uint64_t value);

/* ---- segments (cpu_segment.c) ---- */

struct cpu_descriptor {
    uint64_t base; /* of a gate: its offset */
    uint32_t limit;
    uint16_t attributes; /* as struct cpu_segment has them */
    uint16_t selector;   /* the one it was found by */
    uint16_t gate_selector;
    uint8_t gate_count; /* parameters; or interrupt stack number */
    uint64_t at;        /* linear address of the descriptor */
};

static inline unsigned cpu_descriptor_type(const struct cpu_descriptor *descriptor)
{
    return descriptor->attributes & 0xf;
}

static inline unsigned cpu_descriptor_dpl(const struct cpu_descriptor *descriptor)
{
    return descriptor->attributes >> X86_SEG_DPL_SHIFT & 3;
}

static inline bool cpu_null(uint16_t selector)
{
    return (selector & ~3) == 0;
}

/* Reads the descriptor of a selector that is not null; in long mode system descriptors are of 16
 * bytes. Outside of its table: raises `vector` with the selector. */
bool cpu_descriptor_read(struct cpu *cpu, uint16_t selector, enum cpu_vector vector, uint32_t ext,
                         struct cpu_descriptor *ret_descriptor);
/* As cpu_descriptor_read for LAR, LSL, VERR, VERW: 1 found, 0 outside of its table or null, -1 an
 * exception was recorded. */
int cpu_descriptor_look(struct cpu *cpu, uint16_t selector, struct cpu_descriptor *ret_descriptor);
/* Sets the accessed bit in memory and in *descriptor. */
bool cpu_descriptor_accessed(struct cpu *cpu, struct cpu_descriptor *descriptor);
/* Makes a segment register's contents of it. */
struct cpu_segment cpu_descriptor_segment(const struct cpu_descriptor *descriptor,
                                          uint16_t selector);

/* Loads ES, SS, DS, FS or GS as MOV does. */
bool cpu_load_segment(struct cpu *cpu, enum x86_seg seg, uint16_t selector);
/* Real and virtual-8086 mode: what a selector makes of a segment register. */
void cpu_segment_real(struct cpu *cpu, enum x86_seg seg, uint16_t selector);
/* Checks a stack segment for a privilege level and reads it. `vector` is #TS, #GP ...; not present:
 * #SS. */
bool cpu_stack_segment(struct cpu *cpu, uint16_t selector, unsigned cpl, enum cpu_vector vector,
                       uint32_t ext, struct cpu_segment *ret_segment);
bool cpu_load_ldtr(struct cpu *cpu, uint16_t selector, enum cpu_vector vector);
/* Raises vector with an error code of a selector. Returns false. */
bool cpu_raise_selector(struct cpu *cpu, enum cpu_vector vector, uint16_t selector, uint32_t ext);

/* ---- stacks (cpu_stack.c) ---- */

/* A stack that need not be the one in force. */
struct cpu_stack {
    struct cpu_segment segment;
    uint64_t sp;
    uint64_t mask;
    enum cpu_privilege privilege;
    bool wide;      /* 64-bit: no limit */
    uint32_t error; /* of #SS */
};

void cpu_stack_current(const struct cpu *cpu, struct cpu_stack *ret_stack);
/* 64-bit stack without a segment. */
void cpu_stack_wide(uint64_t sp, unsigned cpl, struct cpu_stack *ret_stack);
void cpu_stack_of(const struct cpu_segment *segment, uint64_t sp, unsigned cpl,
                  struct cpu_stack *ret_stack);
bool cpu_push(struct cpu *cpu, struct cpu_stack *stack, uint64_t value, unsigned size);
bool cpu_pop(struct cpu *cpu, struct cpu_stack *stack, uint64_t *ret_value, unsigned size);
/* The value of rSP after the stack was used. */
void cpu_stack_commit(struct cpu *cpu, const struct cpu_stack *stack);

/* ---- far transfers (cpu_far.c, cpu_gate.c, cpu_return.c) ---- */

enum cpu_result cpu_far_jump(struct cpu *cpu, uint16_t selector, uint64_t offset, unsigned opsize,
                             uint64_t next_rip);
enum cpu_result cpu_far_call(struct cpu *cpu, uint16_t selector, uint64_t offset, unsigned opsize,
                             uint64_t next_rip);
enum cpu_result cpu_far_return(struct cpu *cpu, unsigned opsize, uint16_t release);
enum cpu_result cpu_iret(struct cpu *cpu, unsigned opsize, uint64_t next_rip);
/* Loads CS; privilege is the new CPL. Cannot fault. */
void cpu_set_cs(struct cpu *cpu, const struct cpu_descriptor *descriptor, uint16_t selector,
                unsigned cpl);
/* Checks that rip can be jumped to in that code segment. */
bool cpu_check_target(struct cpu *cpu, const struct cpu_descriptor *code, uint64_t rip);
/* Reads and checks a code segment for a direct far jump or call. */
bool cpu_code_target(struct cpu *cpu, uint16_t selector, struct cpu_descriptor *ret_code);
/* The inner stack for a privilege level from the TSS in force. */
bool cpu_inner_stack(struct cpu *cpu, unsigned cpl, uint32_t ext, struct cpu_stack *ret_stack);

/* ---- interrupts (cpu_interrupt.c) ---- */

enum cpu_interrupt_kind {
    CPU_EXTERNAL,  /* hardware, NMI */
    CPU_EXCEPTION, /* also INT1 */
    CPU_SOFTWARE,  /* INT n, INT3, INTO: gates' DPL is checked */
};

struct cpu_interrupt {
    uint8_t vector;
    enum cpu_interrupt_kind kind;
    bool has_error;
    uint32_t error;
    uint64_t rip;    /* to return to */
    uint64_t rflags; /* to save */
};

/* Delivers through the IDT or IVT. */
bool cpu_interrupt(struct cpu *cpu, const struct cpu_interrupt *interrupt);
/* Delivers the recorded exception, double faults included; false: triple fault. */
bool cpu_deliver_fault(struct cpu *cpu);

/* ---- tasks (cpu_task.c) ---- */

enum cpu_task_reason { CPU_TASK_JUMP, CPU_TASK_CALL, CPU_TASK_IRET, CPU_TASK_INTERRUPT };

/* Switches to the task of a TSS descriptor that was checked for privilege. next_rip is saved in the
 * old one; an interrupt's error code is pushed on the new stack. */
bool cpu_task_switch(struct cpu *cpu, const struct cpu_descriptor *tss, enum cpu_task_reason reason,
                     uint64_t next_rip, bool has_error, uint32_t error);
/* The link to the task before. */
bool cpu_task_back_link(struct cpu *cpu, uint16_t *ret_selector);
/* Reads and checks the TSS descriptor of a jump, call or task gate (`vector` #GP or #TS). */
bool cpu_task_target(struct cpu *cpu, uint16_t selector, enum cpu_vector vector, uint32_t ext,
                     struct cpu_descriptor *ret_tss);
