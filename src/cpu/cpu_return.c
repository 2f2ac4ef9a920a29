/* Far returns and returns from interrupts, in all modes (SDM 3A 5.8.6, 6.12.1, 6.14.3, 20.2). */
#include "cpu/cpu_sys.h"

static bool general_protection(struct cpu *cpu)
{
    cpu_raise(cpu, CPU_GP);
    return false;
}

/* Where a return leads. */
struct frame {
    struct cpu_stack stack; /* after what was popped */
    struct cpu_descriptor code;
    struct cpu_segment ss; /* of the outer level, or as IRET in 64-bit mode has popped it */
    uint64_t rip, flags, sp;
    uint16_t cs;
    unsigned cpl;
    bool new_stack; /* ss and sp are to be loaded */
};

/* The code segment that is returned to. */
static bool return_code(struct cpu *cpu, struct frame *frame)
{
    struct cpu_descriptor *d = &frame->code;
    unsigned rpl = frame->cs & 3;
    unsigned dpl;
    bool conforming;

    if (cpu_null(frame->cs)) {
        return general_protection(cpu);
    }
    if (!cpu_descriptor_read(cpu, frame->cs, CPU_GP, 0, d)) {
        return false;
    }
    dpl = cpu_descriptor_dpl(d);
    conforming = (d->attributes & X86_SEG_CONFORMING) != 0;
    if ((d->attributes & (X86_SEG_S | X86_SEG_CODE)) != (X86_SEG_S | X86_SEG_CODE) ||
        rpl < cpu->cpl || (conforming ? dpl > rpl : dpl != rpl) ||
        (cpu->long_mode &&
         (d->attributes & (X86_SEG_L | X86_SEG_DB)) == (X86_SEG_L | X86_SEG_DB))) {
        return cpu_raise_selector(cpu, CPU_GP, frame->cs, 0);
    }
    if ((d->attributes & X86_SEG_P) == 0) {
        return cpu_raise_selector(cpu, CPU_NP, frame->cs, 0);
    }
    frame->cpl = rpl;
    return true;
}

/* Pops and checks SS:rSP for the level that is returned to. */
static bool return_stack(struct cpu *cpu, struct frame *frame, unsigned opsize)
{
    uint64_t selector;
    bool to_64 = cpu->long_mode && (frame->code.attributes & X86_SEG_L) != 0;

    if (!cpu_pop(cpu, &frame->stack, &frame->sp, opsize) ||
        !cpu_pop(cpu, &frame->stack, &selector, opsize)) {
        return false;
    }
    frame->new_stack = true;
    if (cpu_null((uint16_t)selector) && to_64 && frame->cpl != 3 && (selector & 3) == frame->cpl) {
        frame->ss = (struct cpu_segment){
            .selector = (uint16_t)selector,
            .attributes = (uint16_t)(frame->cpl << X86_SEG_DPL_SHIFT),
        };
        return true;
    }
    return cpu_stack_segment(cpu, (uint16_t)selector, frame->cpl, CPU_GP, 0, &frame->ss);
}

/* Data segments that the outer level may not use become null. Their bases stay: 64-bit code may go
 * on with FS and GS as the MSRs have set them. */
static void drop_inner_segments(struct cpu *cpu)
{
    static const enum x86_seg data[] = {X86_ES, X86_DS, X86_FS, X86_GS};

    for (unsigned i = 0; i < ST_COUNT(data); i++) {
        struct cpu_segment *s = &cpu->segments[data[i]];
        unsigned dpl = s->attributes >> X86_SEG_DPL_SHIFT & 3;
        bool conforming = (s->attributes & (X86_SEG_CODE | X86_SEG_CONFORMING)) ==
                          (X86_SEG_CODE | X86_SEG_CONFORMING);

        if ((s->attributes & X86_SEG_P) != 0 && !conforming && dpl < cpu->cpl) {
            s->selector = 0;
            s->attributes = 0;
        }
    }
}

/* The rest of a return in protected mode, which cannot fault. */
static void commit(struct cpu *cpu, const struct frame *frame, uint16_t release)
{
    bool outward = frame->cpl > cpu->cpl;

    if (frame->new_stack) {
        cpu->segments[X86_SS] = frame->ss;
    }
    cpu_set_cs(cpu, &frame->code, frame->cs, frame->cpl);
    if (outward) {
        drop_inner_segments(cpu);
        cpu_mode_update(cpu);
    }
    if (frame->new_stack) {
        uint64_t sp = frame->sp + release;

        if (cpu->stack_size == 2) {
            /* Of a stack of 16 bits SP alone is loaded, whatever was popped. */
            sp = (cpu->gpr[X86_RSP] & ~0xffffull) | (sp & 0xffff);
        }
        cpu->gpr[X86_RSP] = cpu->stack_size == 8 ? sp : (uint32_t)sp;
    } else {
        struct cpu_stack stack = frame->stack;

        stack.sp = (stack.sp & ~stack.mask) | ((stack.sp + release) & stack.mask);
        cpu_stack_commit(cpu, &stack);
    }
    cpu->rip = frame->rip;
}

static enum cpu_result real_return(struct cpu *cpu, struct frame *frame, uint16_t release)
{
    if (frame->rip > cpu->segments[X86_CS].limit) {
        return cpu_raise(cpu, CPU_GP);
    }
    frame->stack.sp =
        (frame->stack.sp & ~frame->stack.mask) | ((frame->stack.sp + release) & frame->stack.mask);
    cpu_stack_commit(cpu, &frame->stack);
    cpu_segment_real(cpu, X86_CS, frame->cs);
    cpu_mode_update(cpu);
    cpu->rip = frame->rip;
    return CPU_JUMPED;
}

static bool pop_cs_rip(struct cpu *cpu, struct frame *frame, unsigned opsize)
{
    uint64_t cs;

    cpu_stack_current(cpu, &frame->stack);
    if (!cpu_pop(cpu, &frame->stack, &frame->rip, opsize) ||
        !cpu_pop(cpu, &frame->stack, &cs, opsize)) {
        return false;
    }
    frame->cs = (uint16_t)cs;
    return true;
}

enum cpu_result cpu_far_return(struct cpu *cpu, unsigned opsize, uint16_t release)
{
    struct frame frame = {.new_stack = false};

    if (!pop_cs_rip(cpu, &frame, opsize)) {
        return CPU_FAULT;
    }
    if (!cpu->protected_mode) {
        return real_return(cpu, &frame, release);
    }
    if (!return_code(cpu, &frame)) {
        return CPU_FAULT;
    }
    if (frame.cpl > cpu->cpl) {
        frame.stack.sp =
            (frame.stack.sp & ~frame.stack.mask) | ((frame.stack.sp + release) & frame.stack.mask);
        if (!return_stack(cpu, &frame, opsize)) {
            return CPU_FAULT;
        }
    }
    if (!cpu_check_target(cpu, &frame.code, frame.rip) ||
        !cpu_descriptor_accessed(cpu, &frame.code)) {
        return CPU_FAULT;
    }
    commit(cpu, &frame, release);
    return CPU_JUMPED;
}

/* ---- IRET ---- */

static uint64_t iret_flags_mask(const struct cpu *cpu, unsigned opsize)
{
    uint64_t mask = X86_ARITH | X86_TF | X86_DF | X86_NT | X86_RF | X86_AC | X86_ID;

    if (!cpu->protected_mode && !cpu->v86) {
        mask |= X86_IF | X86_IOPL;
    } else if (cpu->v86) {
        mask |= X86_IF; /* IOPL is 3 */
    } else {
        if (cpu->cpl <= cpu_iopl(cpu)) {
            mask |= X86_IF;
        }
        if (cpu->cpl == 0) {
            mask |= X86_IOPL | X86_VIF | X86_VIP;
        }
    }
    return opsize == 2 ? mask & 0xffff : mask;
}

/* NMIs may come again; and RF holds for one instruction, which is then run by itself. */
static void after_iret(struct cpu *cpu)
{
    cpu->nmi_masked = false;
    if (cpu->nmi_pending > 0 || (cpu->rflags & X86_RF) != 0) {
        cpu_attend(cpu, 0);
    }
}

/* From CPL 0 to virtual-8086 mode: six more registers are on the stack. */
static enum cpu_result to_v86(struct cpu *cpu, struct frame *frame)
{
    static const enum x86_seg order[] = {X86_SS, X86_ES, X86_DS, X86_FS, X86_GS};
    uint64_t selectors[ST_COUNT(order)];

    if (!cpu_pop(cpu, &frame->stack, &frame->sp, 4)) {
        return CPU_FAULT;
    }
    for (unsigned i = 0; i < ST_COUNT(order); i++) {
        if (!cpu_pop(cpu, &frame->stack, &selectors[i], 4)) {
            return CPU_FAULT;
        }
    }
    if (frame->rip > 0xffff) {
        return cpu_raise(cpu, CPU_GP);
    }
    cpu_set_flags(cpu, frame->flags, iret_flags_mask(cpu, 4) | X86_VM);
    cpu->cpl = 3;
    cpu->v86 = true;
    cpu_segment_real(cpu, X86_CS, frame->cs);
    for (unsigned i = 0; i < ST_COUNT(order); i++) {
        cpu_segment_real(cpu, order[i], (uint16_t)selectors[i]);
    }
    cpu->gpr[X86_RSP] = frame->sp;
    cpu->rip = frame->rip;
    cpu_mode_update(cpu);
    after_iret(cpu);
    return CPU_JUMPED;
}

static enum cpu_result return_from_task(struct cpu *cpu, uint64_t next_rip)
{
    struct cpu_descriptor tss;
    uint16_t link;

    if (!cpu_task_back_link(cpu, &link)) {
        return CPU_FAULT;
    }
    if (cpu_null(link) || (link & 4) != 0) {
        return cpu_raise_error(cpu, CPU_TS, link & 0xfffcu);
    }
    if (!cpu_descriptor_read(cpu, link, CPU_TS, 0, &tss)) {
        return CPU_FAULT;
    }
    if ((tss.attributes & X86_SEG_S) != 0 || (cpu_descriptor_type(&tss) != X86_TYPE_TSS_BUSY &&
                                              cpu_descriptor_type(&tss) != X86_TYPE_TSS16_BUSY)) {
        return cpu_raise_error(cpu, CPU_TS, link & 0xfffcu);
    }
    if ((tss.attributes & X86_SEG_P) == 0) {
        return cpu_raise_error(cpu, CPU_NP, link & 0xfffcu);
    }
    if (!cpu_task_switch(cpu, &tss, CPU_TASK_IRET, next_rip, false, 0)) {
        return CPU_FAULT;
    }
    after_iret(cpu);
    return CPU_JUMPED;
}

enum cpu_result cpu_iret(struct cpu *cpu, unsigned opsize, uint64_t next_rip)
{
    struct frame frame = {.new_stack = false};
    uint64_t mask = iret_flags_mask(cpu, opsize);
    enum cpu_result result;

    if (cpu->v86 && cpu_iopl(cpu) < 3) {
        return cpu_raise(cpu, CPU_GP);
    }
    if (cpu->protected_mode && (cpu->rflags & X86_NT) != 0) {
        return cpu->long_mode ? cpu_raise(cpu, CPU_GP) : return_from_task(cpu, next_rip);
    }
    if (!pop_cs_rip(cpu, &frame, opsize) || !cpu_pop(cpu, &frame.stack, &frame.flags, opsize)) {
        return CPU_FAULT;
    }
    if (!cpu->protected_mode) {
        result = real_return(cpu, &frame, 0);
        if (result == CPU_JUMPED) {
            cpu_set_flags(cpu, frame.flags, mask);
            after_iret(cpu);
        }
        return result;
    }
    if (!cpu->long_mode && opsize == 4 && cpu->cpl == 0 && (frame.flags & X86_VM) != 0) {
        return to_v86(cpu, &frame);
    }
    if (!return_code(cpu, &frame)) {
        return CPU_FAULT;
    }
    if ((frame.cpl > cpu->cpl || cpu_in_64(cpu)) && !return_stack(cpu, &frame, opsize)) {
        return CPU_FAULT;
    }
    if (!cpu_check_target(cpu, &frame.code, frame.rip) ||
        !cpu_descriptor_accessed(cpu, &frame.code)) {
        return CPU_FAULT;
    }
    cpu_set_flags(cpu, frame.flags, mask);
    commit(cpu, &frame, 0);
    after_iret(cpu);
    return CPU_JUMPED;
}
