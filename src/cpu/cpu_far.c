/*
 * Far jumps and calls: direct, through call gates with a switch of stacks, to tasks (SDM 3A 5.8).
 */
#include "cpu/cpu_sys.h"

static uint64_t truncate(uint64_t value, unsigned opsize)
{
    return opsize == 8 ? value : value & ((1ull << opsize * 8) - 1);
}

static bool general_protection(struct cpu *cpu)
{
    cpu_raise(cpu, CPU_GP);
    return false;
}

void cpu_set_cs(struct cpu *cpu, const struct cpu_descriptor *descriptor, uint16_t selector,
                unsigned cpl)
{
    cpu->segments[X86_CS] =
        cpu_descriptor_segment(descriptor, (uint16_t)((selector & 0xfffcu) | cpl));
    cpu->cpl = (uint8_t)cpl;
    cpu_mode_update(cpu);
}

bool cpu_check_target(struct cpu *cpu, const struct cpu_descriptor *code, uint64_t rip)
{
    if (cpu->long_mode && (code->attributes & X86_SEG_L) != 0) {
        return cpu_canonical(rip) || general_protection(cpu);
    }
    return rip <= code->limit || general_protection(cpu);
}

/* What all code segments must be. */
static bool is_code(const struct cpu_descriptor *d)
{
    return (d->attributes & (X86_SEG_S | X86_SEG_CODE)) == (X86_SEG_S | X86_SEG_CODE);
}

static bool present_code(struct cpu *cpu, struct cpu_descriptor *d)
{
    if (cpu->long_mode && (d->attributes & (X86_SEG_L | X86_SEG_DB)) == (X86_SEG_L | X86_SEG_DB)) {
        return cpu_raise_selector(cpu, CPU_GP, d->selector, 0);
    }
    if ((d->attributes & X86_SEG_P) == 0) {
        return cpu_raise_selector(cpu, CPU_NP, d->selector, 0);
    }
    return true;
}

/* A code segment descriptor that is jumped or called to directly. */
static bool direct_code(struct cpu *cpu, struct cpu_descriptor *d)
{
    unsigned dpl = cpu_descriptor_dpl(d);
    unsigned rpl = d->selector & 3;
    bool conforming = (d->attributes & X86_SEG_CONFORMING) != 0;

    if (!is_code(d) || (conforming ? dpl > cpu->cpl : rpl > cpu->cpl || dpl != cpu->cpl)) {
        return cpu_raise_selector(cpu, CPU_GP, d->selector, 0);
    }
    return present_code(cpu, d);
}

/* Checks a call gate and reads the code segment that it leads to. */
static bool gate_code(struct cpu *cpu, const struct cpu_descriptor *gate, bool call,
                      struct cpu_descriptor *ret_code)
{
    unsigned gate_dpl = cpu_descriptor_dpl(gate);
    unsigned dpl;
    bool conforming;

    if (gate_dpl < cpu->cpl || gate_dpl < (gate->selector & 3u)) {
        return cpu_raise_selector(cpu, CPU_GP, gate->selector, 0);
    }
    if ((gate->attributes & X86_SEG_P) == 0) {
        return cpu_raise_selector(cpu, CPU_NP, gate->selector, 0);
    }
    if (cpu_null(gate->gate_selector)) {
        return general_protection(cpu);
    }
    if (!cpu_descriptor_read(cpu, gate->gate_selector, CPU_GP, 0, ret_code)) {
        return false;
    }
    dpl = cpu_descriptor_dpl(ret_code);
    conforming = (ret_code->attributes & X86_SEG_CONFORMING) != 0;
    if (!is_code(ret_code) || dpl > cpu->cpl || (!call && !conforming && dpl != cpu->cpl) ||
        (cpu->long_mode && (ret_code->attributes & (X86_SEG_L | X86_SEG_DB)) != X86_SEG_L)) {
        return cpu_raise_selector(cpu, CPU_GP, gate->gate_selector, 0);
    }
    return present_code(cpu, ret_code);
}

/* Real and virtual-8086 mode. */
static bool real_target(struct cpu *cpu, uint64_t offset)
{
    return offset <= cpu->segments[X86_CS].limit || general_protection(cpu);
}

static void set_real_cs(struct cpu *cpu, uint16_t selector, uint64_t offset)
{
    cpu_segment_real(cpu, X86_CS, selector);
    cpu_mode_update(cpu);
    cpu->rip = offset;
}

static enum cpu_result to_task(struct cpu *cpu, const struct cpu_descriptor *descriptor, bool call,
                               uint64_t next_rip)
{
    struct cpu_descriptor tss = *descriptor;
    unsigned dpl = cpu_descriptor_dpl(descriptor);

    if (dpl < cpu->cpl || dpl < (descriptor->selector & 3u)) {
        cpu_raise_selector(cpu, CPU_GP, descriptor->selector, 0);
        return CPU_FAULT;
    }
    if (cpu_descriptor_type(descriptor) == X86_TYPE_TASK_GATE) {
        if ((descriptor->attributes & X86_SEG_P) == 0) {
            cpu_raise_selector(cpu, CPU_NP, descriptor->selector, 0);
            return CPU_FAULT;
        }
        if (!cpu_task_target(cpu, descriptor->gate_selector, CPU_GP, 0, &tss)) {
            return CPU_FAULT;
        }
    } else if ((tss.attributes & X86_SEG_P) == 0) {
        cpu_raise_selector(cpu, CPU_NP, tss.selector, 0);
        return CPU_FAULT;
    }
    return cpu_task_switch(cpu, &tss, call ? CPU_TASK_CALL : CPU_TASK_JUMP, next_rip, false, 0)
               ? CPU_JUMPED
               : CPU_FAULT;
}

enum system_kind { KIND_GATE, KIND_TASK, KIND_NONE };

static enum system_kind system_kind(const struct cpu *cpu, const struct cpu_descriptor *d)
{
    switch (cpu_descriptor_type(d)) {
    case X86_TYPE_CALL_GATE:
        return KIND_GATE;
    case X86_TYPE_CALL_GATE16:
        return cpu->long_mode ? KIND_NONE : KIND_GATE;
    case X86_TYPE_TSS16:
    case X86_TYPE_TSS:
    case X86_TYPE_TASK_GATE:
        return cpu->long_mode ? KIND_NONE : KIND_TASK;
    default:
        return KIND_NONE;
    }
}

enum cpu_result cpu_far_jump(struct cpu *cpu, uint16_t selector, uint64_t offset, unsigned opsize,
                             uint64_t next_rip)
{
    struct cpu_descriptor d;
    struct cpu_descriptor code;

    offset = truncate(offset, opsize);
    if (!cpu->protected_mode) {
        if (!real_target(cpu, offset)) {
            return CPU_FAULT;
        }
        set_real_cs(cpu, selector, offset);
        return CPU_JUMPED;
    }
    if (cpu_null(selector)) {
        return cpu_raise(cpu, CPU_GP);
    }
    if (!cpu_descriptor_read(cpu, selector, CPU_GP, 0, &d)) {
        return CPU_FAULT;
    }
    code = d;
    if ((d.attributes & X86_SEG_S) == 0) {
        switch (system_kind(cpu, &d)) {
        case KIND_TASK:
            return to_task(cpu, &d, false, next_rip);
        case KIND_NONE:
            return cpu_raise_error(cpu, CPU_GP, selector & 0xfffcu);
        case KIND_GATE:
            if (!gate_code(cpu, &d, false, &code)) {
                return CPU_FAULT;
            }
            offset = d.base;
            break;
        }
    } else if (!direct_code(cpu, &code)) {
        return CPU_FAULT;
    }
    if (!cpu_check_target(cpu, &code, offset) || !cpu_descriptor_accessed(cpu, &code)) {
        return CPU_FAULT;
    }
    cpu_set_cs(cpu, &code, code.selector, cpu->cpl);
    cpu->rip = offset;
    return CPU_JUMPED;
}

/* Reads `size` bytes of the TSS in force at an offset. */
static bool read_tss(struct cpu *cpu, uint32_t offset, void *ret_bytes, unsigned size, uint32_t ext)
{
    if (offset + size - 1 > cpu->tr.limit) {
        return cpu_raise_selector(cpu, CPU_TS, cpu->tr.selector, ext);
    }
    return cpu_load_linear(cpu, cpu->tr.base + offset, ret_bytes, size, true);
}

bool cpu_inner_stack(struct cpu *cpu, unsigned cpl, uint32_t ext, struct cpu_stack *ret_stack)
{
    bool wide = (cpu->tr.attributes & 8) != 0;
    struct cpu_segment segment;
    uint64_t sp = 0;
    uint16_t selector = 0;

    if (cpu->long_mode) {
        if (!read_tss(cpu, 4 + 8 * cpl, &sp, 8, ext)) {
            return false;
        }
        cpu_stack_wide(sp, cpl, ret_stack);
        ret_stack->error = ext;
        return true;
    }
    if (!read_tss(cpu, wide ? 4 + 8 * cpl : 2 + 4 * cpl, &sp, wide ? 4 : 2, ext) ||
        !read_tss(cpu, wide ? 8 + 8 * cpl : 4 + 4 * cpl, &selector, 2, ext) ||
        !cpu_stack_segment(cpu, selector, cpl, CPU_TS, ext, &segment)) {
        return false;
    }
    cpu_stack_of(&segment, sp, cpl, ret_stack);
    ret_stack->error = (selector & 0xfffcu) | ext;
    return true;
}

/* Pushes what a call to an inner level leaves for the return: the outer stack and the parameters
 * that the gate asks for. */
static bool push_outer(struct cpu *cpu, const struct cpu_descriptor *gate, unsigned size,
                       struct cpu_stack *inner)
{
    struct cpu_stack outer;
    uint64_t parameters[31];
    unsigned count = cpu->long_mode ? 0 : gate->gate_count;

    cpu_stack_current(cpu, &outer);
    if (!cpu_push(cpu, inner, cpu->segments[X86_SS].selector, size) ||
        !cpu_push(cpu, inner, cpu->gpr[X86_RSP], size)) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        if (!cpu_pop(cpu, &outer, &parameters[i], size)) {
            return false;
        }
    }
    for (unsigned i = count; i > 0; i--) {
        if (!cpu_push(cpu, inner, parameters[i - 1], size)) {
            return false;
        }
    }
    return true;
}

static enum cpu_result call_gate(struct cpu *cpu, const struct cpu_descriptor *gate,
                                 uint64_t next_rip)
{
    struct cpu_descriptor code;
    struct cpu_stack stack;
    unsigned size = cpu->long_mode ? 8 : cpu_descriptor_type(gate) == X86_TYPE_CALL_GATE ? 4 : 2;
    unsigned cpl = cpu->cpl;

    if (!gate_code(cpu, gate, true, &code)) {
        return CPU_FAULT;
    }
    if ((code.attributes & X86_SEG_CONFORMING) == 0) {
        cpl = cpu_descriptor_dpl(&code);
    }
    if (cpl < cpu->cpl) {
        if (!cpu_inner_stack(cpu, cpl, 0, &stack) || !push_outer(cpu, gate, size, &stack)) {
            return CPU_FAULT;
        }
    } else {
        cpu_stack_current(cpu, &stack);
        /* A gate of long mode leads to 64-bit code, which has no limit. */
        stack.wide |= cpu->long_mode;
        stack.mask = cpu->long_mode ? ~0ull : stack.mask;
    }
    if (!cpu_push(cpu, &stack, cpu->segments[X86_CS].selector, size) ||
        !cpu_push(cpu, &stack, next_rip, size) || !cpu_check_target(cpu, &code, gate->base) ||
        !cpu_descriptor_accessed(cpu, &code)) {
        return CPU_FAULT;
    }
    if (cpl < cpu->cpl) {
        cpu->segments[X86_SS] = stack.segment;
    }
    cpu_set_cs(cpu, &code, code.selector, cpl);
    cpu_stack_commit(cpu, &stack);
    cpu->rip = gate->base;
    return CPU_JUMPED;
}

enum cpu_result cpu_far_call(struct cpu *cpu, uint16_t selector, uint64_t offset, unsigned opsize,
                             uint64_t next_rip)
{
    struct cpu_descriptor d;
    struct cpu_stack stack;

    offset = truncate(offset, opsize);
    cpu_stack_current(cpu, &stack);
    if (cpu->protected_mode) {
        if (cpu_null(selector)) {
            return cpu_raise(cpu, CPU_GP);
        }
        if (!cpu_descriptor_read(cpu, selector, CPU_GP, 0, &d)) {
            return CPU_FAULT;
        }
        if ((d.attributes & X86_SEG_S) == 0) {
            switch (system_kind(cpu, &d)) {
            case KIND_GATE:
                return call_gate(cpu, &d, next_rip);
            case KIND_TASK:
                return to_task(cpu, &d, true, next_rip);
            case KIND_NONE:
                return cpu_raise_error(cpu, CPU_GP, selector & 0xfffcu);
            }
        }
        if (!direct_code(cpu, &d)) {
            return CPU_FAULT;
        }
    }
    if (!cpu_push(cpu, &stack, cpu->segments[X86_CS].selector, opsize) ||
        !cpu_push(cpu, &stack, next_rip, opsize)) {
        return CPU_FAULT;
    }
    if (!cpu->protected_mode) {
        if (!real_target(cpu, offset)) {
            return CPU_FAULT;
        }
        set_real_cs(cpu, selector, offset);
    } else {
        if (!cpu_check_target(cpu, &d, offset) || !cpu_descriptor_accessed(cpu, &d)) {
            return CPU_FAULT;
        }
        cpu_set_cs(cpu, &d, selector, cpu->cpl);
    }
    cpu_stack_commit(cpu, &stack);
    cpu->rip = offset;
    return CPU_JUMPED;
}
