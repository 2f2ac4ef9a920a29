/*
 * Delivery of interrupts and exceptions (SDM 3A chapter 6), and what happens to exceptions that
 * come while one is delivered.
 */
#include "cpu/cpu_sys.h"

/* ---- recording ---- */

static bool vector_has_error(enum cpu_vector vector)
{
    switch (vector) {
    case CPU_DF:
    case CPU_TS:
    case CPU_NP:
    case CPU_SS:
    case CPU_GP:
    case CPU_PF:
    case CPU_AC:
        return true;
    case CPU_DE:
    case CPU_DB:
    case CPU_NMI:
    case CPU_BP:
    case CPU_OF:
    case CPU_BR:
    case CPU_UD:
    case CPU_NM:
    case CPU_MF:
    case CPU_MC:
    case CPU_XM:
        break;
    }
    return false;
}

enum cpu_result cpu_raise(struct cpu *cpu, enum cpu_vector vector)
{
    cpu->fault = (struct cpu_fault){
        .pending = true, .vector = (uint8_t)vector, .has_error = vector_has_error(vector)};
    return CPU_FAULT;
}

enum cpu_result cpu_raise_error(struct cpu *cpu, enum cpu_vector vector, uint32_t error)
{
    cpu->fault = (struct cpu_fault){
        .pending = true, .vector = (uint8_t)vector, .has_error = true, .error = error};
    return CPU_FAULT;
}

enum cpu_result cpu_raise_page_fault(struct cpu *cpu, uint64_t linear, uint32_t error)
{
    cpu->fault = (struct cpu_fault){
        .pending = true, .vector = CPU_PF, .has_error = true, .error = error, .cr2 = linear};
    return CPU_FAULT;
}

/* ---- delivery ---- */

static bool general_protection(struct cpu *cpu, uint32_t error)
{
    cpu_raise_error(cpu, CPU_GP, error);
    return false;
}

static bool real_interrupt(struct cpu *cpu, const struct cpu_interrupt *interrupt)
{
    uint32_t at = interrupt->vector * 4u;
    struct cpu_stack stack;
    uint16_t target[2];

    if (at + 3 > cpu->idtr.limit) {
        return general_protection(cpu, 0);
    }
    cpu_stack_current(cpu, &stack);
    if (!cpu_load_linear(cpu, (cpu->idtr.base + at) & 0xffffffffu, target, 4, true) ||
        !cpu_push(cpu, &stack, interrupt->rflags, 2) ||
        !cpu_push(cpu, &stack, cpu->segments[X86_CS].selector, 2) ||
        !cpu_push(cpu, &stack, interrupt->rip, 2)) {
        return false;
    }
    cpu_stack_commit(cpu, &stack);
    cpu_set_flags(cpu, 0, X86_IF | X86_TF | X86_AC | X86_RF);
    cpu_segment_real(cpu, X86_CS, target[1]);
    cpu_mode_update(cpu);
    cpu->rip = target[0];
    return true;
}

/* A gate of the IDT with what it leads to. */
struct gate {
    struct cpu_descriptor code;
    uint64_t offset;
    uint16_t selector;
    unsigned type;
    unsigned stack_number;
    unsigned cpl;  /* of the handler */
    unsigned size; /* of what is pushed */
};

/* Reads and checks the gate. 1: a gate, 0: a task gate, -1: an exception was recorded. */
static int read_gate(struct cpu *cpu, const struct cpu_interrupt *interrupt, uint32_t ext,
                     struct gate *ret_gate)
{
    unsigned size = cpu->long_mode ? 16 : 8;
    uint32_t at = interrupt->vector * size;
    uint32_t error = interrupt->vector * 8u + 2 + ext;
    uint64_t mask = cpu->long_mode ? ~0ull : 0xffffffffu;
    uint64_t raw[2] = {0, 0};
    unsigned type;

    if (at + size - 1 > cpu->idtr.limit) {
        general_protection(cpu, error);
        return -1;
    }
    if (!cpu_load_linear(cpu, (cpu->idtr.base + at) & mask, &raw[0], 8, true) ||
        (cpu->long_mode && !cpu_load_linear(cpu, cpu->idtr.base + at + 8, &raw[1], 8, true))) {
        return -1;
    }
    type = raw[0] >> 40 & 0x1f;
    switch (type) {
    case X86_TYPE_INTERRUPT_GATE:
    case X86_TYPE_TRAP_GATE:
        break;
    case X86_TYPE_INTERRUPT_GATE16:
    case X86_TYPE_TRAP_GATE16:
    case X86_TYPE_TASK_GATE:
        if (!cpu->long_mode) {
            break;
        }
        ST_FALLTHROUGH;
    default:
        general_protection(cpu, error);
        return -1;
    }
    if (interrupt->kind == CPU_SOFTWARE && (raw[0] >> 45 & 3) < cpu->cpl) {
        general_protection(cpu, error);
        return -1;
    }
    if ((raw[0] >> 47 & 1) == 0) {
        cpu_raise_error(cpu, CPU_NP, error);
        return -1;
    }
    ret_gate->type = type;
    ret_gate->selector = (uint16_t)(raw[0] >> 16);
    ret_gate->stack_number = cpu->long_mode ? raw[0] >> 32 & 7 : 0;
    ret_gate->offset = (raw[0] & 0xffff) | (raw[0] >> 32 & 0xffff0000u) | raw[1] << 32;
    ret_gate->size = 8;
    if (!cpu->long_mode) {
        bool wide = (type & 8) != 0;

        ret_gate->size = wide ? 4 : 2;
        ret_gate->offset &= wide ? 0xffffffffu : 0xffff;
    }
    return type != X86_TYPE_TASK_GATE;
}

static bool read_target(struct cpu *cpu, struct gate *gate, uint32_t ext)
{
    struct cpu_descriptor *code = &gate->code;

    if (cpu_null(gate->selector)) {
        return general_protection(cpu, ext);
    }
    if (!cpu_descriptor_read(cpu, gate->selector, CPU_GP, ext, code)) {
        return false;
    }
    gate->cpl = (code->attributes & X86_SEG_CONFORMING) != 0 ? cpu->cpl : cpu_descriptor_dpl(code);
    if ((code->attributes & (X86_SEG_S | X86_SEG_CODE)) != (X86_SEG_S | X86_SEG_CODE) ||
        cpu_descriptor_dpl(code) > cpu->cpl || (cpu->v86 && gate->cpl != 0) ||
        (cpu->long_mode && (code->attributes & (X86_SEG_L | X86_SEG_DB)) != X86_SEG_L)) {
        return cpu_raise_selector(cpu, CPU_GP, gate->selector, ext);
    }
    if ((code->attributes & X86_SEG_P) == 0) {
        return cpu_raise_selector(cpu, CPU_NP, gate->selector, ext);
    }
    return true;
}

static bool handler_stack(struct cpu *cpu, const struct gate *gate, uint32_t ext,
                          struct cpu_stack *ret_stack)
{
    uint64_t sp;

    if (!cpu->long_mode) {
        if (gate->cpl < cpu->cpl) {
            return cpu_inner_stack(cpu, gate->cpl, ext, ret_stack);
        }
        cpu_stack_current(cpu, ret_stack);
        ret_stack->error = ext;
        return true;
    }
    if (gate->stack_number != 0) {
        uint32_t at = 0x24 + 8 * (gate->stack_number - 1);

        if (at + 7 > cpu->tr.limit) {
            return cpu_raise_selector(cpu, CPU_TS, cpu->tr.selector, ext);
        }
        if (!cpu_load_linear(cpu, cpu->tr.base + at, &sp, 8, true)) {
            return false;
        }
        cpu_stack_wide(sp, gate->cpl, ret_stack);
    } else if (gate->cpl < cpu->cpl) {
        if (!cpu_inner_stack(cpu, gate->cpl, ext, ret_stack)) {
            return false;
        }
    } else {
        cpu_stack_wide(cpu->gpr[X86_RSP], gate->cpl, ret_stack);
    }
    ret_stack->error = ext;
    ret_stack->sp &= ~15ull;
    return true;
}

static bool push_frame(struct cpu *cpu, const struct cpu_interrupt *interrupt,
                       const struct gate *gate, struct cpu_stack *stack)
{
    unsigned size = gate->size;

    if (cpu->v86) {
        static const enum x86_seg order[] = {X86_GS, X86_FS, X86_DS, X86_ES};

        for (unsigned i = 0; i < ST_COUNT(order); i++) {
            if (!cpu_push(cpu, stack, cpu->segments[order[i]].selector, size)) {
                return false;
            }
        }
    }
    if ((cpu->long_mode || gate->cpl < cpu->cpl) &&
        (!cpu_push(cpu, stack, cpu->segments[X86_SS].selector, size) ||
         !cpu_push(cpu, stack, cpu->gpr[X86_RSP], size))) {
        return false;
    }
    return cpu_push(cpu, stack, interrupt->rflags, size) &&
           cpu_push(cpu, stack, cpu->segments[X86_CS].selector, size) &&
           cpu_push(cpu, stack, interrupt->rip, size) &&
           (!interrupt->has_error || cpu_push(cpu, stack, interrupt->error, size));
}

static bool through_task_gate(struct cpu *cpu, const struct cpu_interrupt *interrupt,
                              const struct gate *gate, uint32_t ext)
{
    struct cpu_descriptor tss;

    return cpu_task_target(cpu, gate->selector, CPU_TS, ext, &tss) &&
           cpu_task_switch(cpu, &tss, CPU_TASK_INTERRUPT, interrupt->rip, interrupt->has_error,
                           interrupt->error);
}

bool cpu_interrupt(struct cpu *cpu, const struct cpu_interrupt *interrupt)
{
    uint32_t ext = interrupt->kind == CPU_SOFTWARE ? 0 : 1;
    uint64_t cleared = X86_TF | X86_NT | X86_RF | X86_VM;
    struct gate gate;
    struct cpu_stack stack;
    bool inward;
    int kind;

    if ((cpu->cr0 & X86_CR0_PE) == 0) {
        return real_interrupt(cpu, interrupt);
    }
    kind = read_gate(cpu, interrupt, ext, &gate);
    if (kind <= 0) {
        return kind == 0 && through_task_gate(cpu, interrupt, &gate, ext);
    }
    if (!read_target(cpu, &gate, ext) || !handler_stack(cpu, &gate, ext, &stack) ||
        !push_frame(cpu, interrupt, &gate, &stack)) {
        return false;
    }
    if (cpu->long_mode ? !cpu_canonical(gate.offset) : gate.offset > gate.code.limit) {
        return general_protection(cpu, ext);
    }
    if (!cpu_descriptor_accessed(cpu, &gate.code)) {
        return false;
    }
    inward = gate.cpl < cpu->cpl;
    if (inward) {
        cpu->segments[X86_SS] = stack.segment;
    }
    if (cpu->v86) {
        static const enum x86_seg data[] = {X86_ES, X86_DS, X86_FS, X86_GS};

        for (unsigned i = 0; i < ST_COUNT(data); i++) {
            cpu->segments[data[i]] = (struct cpu_segment){.selector = 0};
        }
    }
    if ((gate.type & 1) == 0) {
        cleared |= X86_IF;
    }
    cpu_set_flags(cpu, 0, cleared);
    cpu_set_cs(cpu, &gate.code, gate.selector, gate.cpl);
    cpu_stack_commit(cpu, &stack);
    cpu->rip = gate.offset;
    return true;
}

/* ---- exceptions of exceptions ---- */

static bool contributory(unsigned vector)
{
    return vector == CPU_DE || (vector >= CPU_TS && vector <= CPU_GP);
}

/* Whether `second`, raised while `first` was delivered, makes a double fault (SDM 3A table 6-5). */
static bool doubles(unsigned first, unsigned second)
{
    if (first == CPU_PF) {
        return second == CPU_PF || contributory(second);
    }
    return contributory(first) && contributory(second);
}

/* What makes the saved RF 1: faults that are not code breakpoints, so that those do not hit again
 * on return. */
static bool saves_rf(const struct cpu_fault *fault)
{
    return fault->vector != CPU_DB && fault->vector != CPU_DF && fault->vector != CPU_MC;
}

bool cpu_deliver_fault(struct cpu *cpu)
{
    while (cpu->fault.pending) {
        struct cpu_fault fault = cpu->fault;
        struct cpu_interrupt interrupt = {
            .vector = fault.vector,
            .kind = CPU_EXCEPTION,
            .has_error = fault.has_error && (cpu->cr0 & X86_CR0_PE) != 0,
            .error = fault.error,
            .rip = cpu->rip,
            .rflags = cpu_rflags(cpu),
        };

        cpu->fault.pending = false;
        cpu->vcpu.counters.exits[VCPU_COUNT_EXCEPTION]++;
        if (fault.vector == CPU_PF) {
            cpu->cr2 = fault.cr2;
        }
        if (fault.vector == CPU_DB) {
            /* Bits 0-3 tell of this exception, the others add up. */
            cpu->dr6 = (cpu->dr6 & ~0xfull) | fault.dr6;
            cpu->dr7 &= ~(uint64_t)X86_DR7_GD;
        }
        if (saves_rf(&fault)) {
            interrupt.rflags |= X86_RF;
        }
        if (cpu_interrupt(cpu, &interrupt)) {
            return true;
        }
        if (fault.vector == CPU_DF) {
            cpu->fault.pending = false;
            return false;
        }
        if (doubles(fault.vector, cpu->fault.vector)) {
            if (cpu->fault.vector == CPU_PF) {
                cpu->cr2 = cpu->fault.cr2;
            }
            cpu_raise_error(cpu, CPU_DF, 0);
        }
    }
    return true;
}
