/*
 * Task switches through 16- and 32-bit TSSs (SDM 3A chapter 7).
 *
 * Until the new task's state is in the registers nothing has changed but descriptor and TSS bits
 * that can be written without a fault; exceptions after that belong to the new task.
 */
#include "base/memops.h"
#include "cpu/cpu_sys.h"

enum { TSS16_SIZE = 0x2c, TSS32_SIZE = 0x68 };

/* The state that a TSS holds. */
struct task {
    uint64_t gpr[8];
    uint64_t rip, flags, cr3;
    uint16_t selectors[6]; /* by enum x86_seg */
    uint16_t ldtr;
    bool trap;
};

/* Segments in the order that both TSSs have them. */
static const enum x86_seg order[] = {X86_ES, X86_CS, X86_SS, X86_DS, X86_FS, X86_GS};

static bool is_wide(uint16_t attributes)
{
    return (attributes & 8) != 0;
}

static uint64_t get(const uint8_t *bytes, unsigned size)
{
    uint64_t value = 0;

    memcpy(&value, bytes, size);
    return value;
}

/* Linear accesses of more than 64 bytes go in two. */
static bool transfer(struct cpu *cpu, uint64_t linear, uint8_t *bytes, unsigned size, bool write)
{
    for (unsigned at = 0; at < size; at += 4) {
        bool done = write ? cpu_store_linear(cpu, linear + at, bytes + at, 4, true)
                          : cpu_load_linear(cpu, linear + at, bytes + at, 4, true);

        if (!done) {
            return false;
        }
    }
    return true;
}

static void unpack(const uint8_t *tss, bool wide, struct task *ret_task)
{
    unsigned size = wide ? 4 : 2;
    unsigned at = wide ? 0x20 : 0x0e;
    unsigned segments = wide ? 6 : 4;

    *ret_task = (struct task){.cr3 = wide ? get(tss + 0x1c, 4) : 0};
    ret_task->rip = get(tss + at, size);
    ret_task->flags = get(tss + at + size, size);
    at += 2 * size;
    for (unsigned i = 0; i < 8; i++, at += size) {
        ret_task->gpr[i] = get(tss + at, size) | (wide ? 0 : 0xffff0000u);
    }
    for (unsigned i = 0; i < segments; i++, at += size) {
        ret_task->selectors[order[i]] = (uint16_t)get(tss + at, 2);
    }
    ret_task->ldtr = (uint16_t)get(tss + at, 2);
    ret_task->trap = wide && (tss[0x64] & 1) != 0;
}

/* Puts the registers into the image of the task that is left. */
static void pack(const struct cpu *cpu, uint8_t *tss, bool wide, uint64_t rip, uint64_t flags)
{
    unsigned size = wide ? 4 : 2;
    unsigned at = wide ? 0x20 : 0x0e;
    unsigned segments = wide ? 6 : 4;

    memcpy(tss + at, &rip, size);
    memcpy(tss + at + size, &flags, size);
    at += 2 * size;
    for (unsigned i = 0; i < 8; i++, at += size) {
        memcpy(tss + at, &cpu->gpr[i], size);
    }
    for (unsigned i = 0; i < segments; i++, at += size) {
        memcpy(tss + at, &cpu->segments[order[i]].selector, 2);
    }
}

static bool set_busy(struct cpu *cpu, uint64_t descriptor_at, bool busy)
{
    uint8_t access;

    if (!cpu_load_linear(cpu, descriptor_at + 5, &access, 1, true)) {
        return false;
    }
    access = busy ? access | 2 : access & ~2;
    return cpu_store_linear(cpu, descriptor_at + 5, &access, 1, true);
}

bool cpu_task_target(struct cpu *cpu, uint16_t selector, enum cpu_vector vector, uint32_t ext,
                     struct cpu_descriptor *ret_tss)
{
    if ((selector & 4) != 0 || cpu_null(selector)) {
        return cpu_raise_selector(cpu, vector, selector, ext);
    }
    if (!cpu_descriptor_read(cpu, selector, vector, ext, ret_tss)) {
        return false;
    }
    if ((ret_tss->attributes & X86_SEG_S) != 0 ||
        (cpu_descriptor_type(ret_tss) != X86_TYPE_TSS &&
         cpu_descriptor_type(ret_tss) != X86_TYPE_TSS16)) {
        return cpu_raise_selector(cpu, vector, selector, ext);
    }
    if ((ret_tss->attributes & X86_SEG_P) == 0) {
        return cpu_raise_selector(cpu, CPU_NP, selector, ext);
    }
    return true;
}

bool cpu_task_back_link(struct cpu *cpu, uint16_t *ret_selector)
{
    return cpu_load_linear(cpu, cpu->tr.base, ret_selector, 2, true);
}

/* ---- the new task's segments ---- */

static bool load_code(struct cpu *cpu, uint16_t selector, uint32_t ext)
{
    struct cpu_descriptor d;
    unsigned rpl = selector & 3;
    unsigned dpl;

    if (cpu_null(selector)) {
        return cpu_raise_selector(cpu, CPU_TS, selector, ext);
    }
    if (!cpu_descriptor_read(cpu, selector, CPU_TS, ext, &d)) {
        return false;
    }
    dpl = cpu_descriptor_dpl(&d);
    if ((d.attributes & (X86_SEG_S | X86_SEG_CODE)) != (X86_SEG_S | X86_SEG_CODE) ||
        ((d.attributes & X86_SEG_CONFORMING) != 0 ? dpl > rpl : dpl != rpl)) {
        return cpu_raise_selector(cpu, CPU_TS, selector, ext);
    }
    if ((d.attributes & X86_SEG_P) == 0) {
        return cpu_raise_selector(cpu, CPU_NP, selector, ext);
    }
    if (!cpu_descriptor_accessed(cpu, &d)) {
        return false;
    }
    cpu_set_cs(cpu, &d, selector, rpl);
    return true;
}

static bool load_data(struct cpu *cpu, enum x86_seg seg, uint16_t selector, uint32_t ext)
{
    if (cpu_load_segment(cpu, seg, selector)) {
        return true;
    }
    /* What MOV would raise as #GP is an invalid TSS. */
    if (cpu->fault.vector == CPU_GP) {
        cpu->fault.vector = CPU_TS;
    }
    cpu->fault.error |= cpu->fault.vector == CPU_PF ? 0 : ext;
    return false;
}

static bool load_segments(struct cpu *cpu, const struct task *task, uint32_t ext)
{
    struct cpu_segment ss;

    /* Hidden parts of the old task are used no more. */
    for (unsigned i = 0; i < ST_COUNT(order); i++) {
        cpu->segments[order[i]] = (struct cpu_segment){.selector = task->selectors[order[i]]};
    }
    cpu->ldtr = (struct cpu_segment){.selector = task->ldtr};
    if ((task->flags & X86_VM) != 0) {
        cpu->cpl = 3;
        cpu->v86 = true;
        for (unsigned i = 0; i < ST_COUNT(order); i++) {
            cpu_segment_real(cpu, order[i], task->selectors[order[i]]);
        }
        cpu_mode_update(cpu);
        return cpu_load_ldtr(cpu, task->ldtr, CPU_TS);
    }
    cpu->cpl = task->selectors[X86_CS] & 3;
    cpu_mode_update(cpu);
    if (!cpu_load_ldtr(cpu, task->ldtr, CPU_TS) || !load_code(cpu, task->selectors[X86_CS], ext) ||
        !cpu_stack_segment(cpu, task->selectors[X86_SS], cpu->cpl, CPU_TS, ext, &ss)) {
        return false;
    }
    cpu->segments[X86_SS] = ss;
    cpu_segment_update(cpu, X86_SS);
    return load_data(cpu, X86_DS, task->selectors[X86_DS], ext) &&
           load_data(cpu, X86_ES, task->selectors[X86_ES], ext) &&
           load_data(cpu, X86_FS, task->selectors[X86_FS], ext) &&
           load_data(cpu, X86_GS, task->selectors[X86_GS], ext);
}

/* ---- the switch ---- */

/* Saves the old task and marks descriptors. */
static bool leave(struct cpu *cpu, const struct cpu_descriptor *tss, enum cpu_task_reason reason,
                  uint64_t next_rip)
{
    bool wide = is_wide(cpu->tr.attributes);
    uint64_t flags = cpu_rflags(cpu);
    uint64_t old_at = cpu->gdtr.base + (cpu->tr.selector & 0xfff8u);
    unsigned first = wide ? 0x20 : 0x0e;
    unsigned size = wide ? 0x60 - 0x20 : 0x2a - 0x0e;
    uint8_t image[TSS32_SIZE];

    memset(image, 0, sizeof image);
    if (first + size - 1 > cpu->tr.limit) {
        return cpu_raise_selector(cpu, CPU_TS, cpu->tr.selector, 0);
    }
    /* All of what is written must be writable before any of it is. */
    if (!cpu_linear_probe(cpu, cpu->tr.base + first, size, true, CPU_PRIV_SYSTEM) ||
        !cpu_linear_probe(cpu, tss->base, 2, true, CPU_PRIV_SYSTEM) ||
        !cpu_linear_probe(cpu, tss->at + 5, 1, true, CPU_PRIV_SYSTEM)) {
        return false;
    }
    if (reason == CPU_TASK_JUMP || reason == CPU_TASK_IRET) {
        if (!set_busy(cpu, old_at, false)) {
            return false;
        }
    }
    if (reason == CPU_TASK_IRET) {
        flags &= ~(uint64_t)X86_NT;
    }
    pack(cpu, image, wide, next_rip, flags);
    if (!transfer(cpu, cpu->tr.base + first, image + first, size, true)) {
        return false;
    }
    if (reason == CPU_TASK_CALL || reason == CPU_TASK_INTERRUPT) {
        uint16_t link = cpu->tr.selector;

        if (!cpu_store_linear(cpu, tss->base, &link, 2, true)) {
            return false;
        }
    }
    return reason == CPU_TASK_IRET || set_busy(cpu, tss->at, true);
}

static bool push_error(struct cpu *cpu, bool wide, uint32_t error)
{
    struct cpu_stack stack;

    cpu_stack_current(cpu, &stack);
    stack.error = 1;
    if (!cpu_push(cpu, &stack, error, wide ? 4 : 2)) {
        return false;
    }
    cpu_stack_commit(cpu, &stack);
    return true;
}

bool cpu_task_switch(struct cpu *cpu, const struct cpu_descriptor *tss, enum cpu_task_reason reason,
                     uint64_t next_rip, bool has_error, uint32_t error)
{
    bool wide = is_wide(tss->attributes);
    uint32_t ext = reason == CPU_TASK_INTERRUPT ? 1 : 0;
    unsigned size = wide ? TSS32_SIZE : TSS16_SIZE;
    uint8_t image[TSS32_SIZE];
    struct task task;

    if (tss->limit < size - 1) {
        return cpu_raise_selector(cpu, CPU_TS, tss->selector, ext);
    }
    if (!transfer(cpu, tss->base, image, size, false) || !leave(cpu, tss, reason, next_rip)) {
        return false;
    }
    unpack(image, wide, &task);
    if (reason == CPU_TASK_CALL || reason == CPU_TASK_INTERRUPT) {
        task.flags |= X86_NT;
    }
    cpu->tr = cpu_descriptor_segment(tss, tss->selector);
    cpu->tr.attributes |= 2;
    cpu->cr0 |= X86_CR0_TS;
    cpu->dr7 &= ~0x155ull; /* local breakpoints */
    for (unsigned i = 0; i < 8; i++) {
        cpu->gpr[i] = task.gpr[i];
    }
    cpu->rip = task.rip;
    cpu_set_flags(cpu, task.flags, wide ? 0x3f7fd5 : 0x7fd5);
    cpu_watch_update(cpu);
    if (wide && (cpu->cr0 & X86_CR0_PG) != 0 && task.cr3 != cpu->cr3 &&
        !cpu_set_cr3(cpu, task.cr3)) {
        return cpu_raise_selector(cpu, CPU_TS, tss->selector, ext);
    }
    if (!load_segments(cpu, &task, ext)) {
        return false;
    }
    if (cpu->rip > cpu->segments[X86_CS].limit) {
        cpu_raise_error(cpu, CPU_GP, ext);
        return false;
    }
    if (has_error && !push_error(cpu, wide, error)) {
        return false;
    }
    if (task.trap) {
        cpu->trapped_dr6 |= X86_DR6_BT;
        cpu_attend(cpu, CPU_ATT_TRAP);
    }
    return true;
}
