/* Descriptor table registers, task register and machine status word (SDM 2: LGDT, SGDT, LLDT, SLDT,
 * LTR, STR, LMSW, SMSW). */
#include "base/memops.h"
#include "cpu/interpreter/cpu_handlers.h"

/* User-mode instruction prevention. */
static bool umip(const struct cpu *cpu)
{
    return cpu->cpl != 0 && (cpu->cr4 & X86_CR4_UMIP) != 0;
}

enum cpu_result cpu_sys_store_table(struct cpu *cpu, const struct x86_insn *insn)
{
    const struct cpu_table *table = x86_rows[insn->row].op == X86_OP_SGDT ? &cpu->gdtr : &cpu->idtr;
    uint8_t bytes[10];

    if (umip(cpu)) {
        return cpu_raise(cpu, CPU_GP);
    }
    cpu_put(bytes, 2, table->limit);
    cpu_put(bytes + 2, 8, table->base);
    return cpu_store(cpu, insn->mem.seg, cpu_effective(cpu, insn), bytes, cpu_in_64(cpu) ? 10 : 6)
               ? CPU_NEXT
               : CPU_FAULT;
}

enum cpu_result cpu_sys_load_table(struct cpu *cpu, const struct x86_insn *insn)
{
    struct cpu_table *table = x86_rows[insn->row].op == X86_OP_LGDT ? &cpu->gdtr : &cpu->idtr;
    bool wide = cpu_in_64(cpu);
    uint8_t bytes[10];
    uint64_t base;

    if (!cpu_load(cpu, insn->mem.seg, cpu_effective(cpu, insn), bytes, wide ? 10 : 6)) {
        return CPU_FAULT;
    }
    base = cpu_get(bytes + 2, wide ? 8 : 4);
    if (wide && !cpu_canonical(base)) {
        return cpu_raise(cpu, CPU_GP);
    }
    table->base = !wide && insn->opsize == 2 ? base & 0xffffff : base;
    table->limit = (uint16_t)cpu_get(bytes, 2);
    return CPU_NEXT;
}

/* SLDT and STR. */
enum cpu_result cpu_sys_store_selector(struct cpu *cpu, const struct x86_insn *insn)
{
    const struct cpu_segment *segment =
        x86_rows[insn->row].op == X86_OP_SLDT ? &cpu->ldtr : &cpu->tr;

    if (umip(cpu)) {
        return cpu_raise(cpu, CPU_GP);
    }
    return cpu_operand_write(cpu, insn, 0, segment->selector) ? CPU_NEXT : CPU_FAULT;
}

enum cpu_result cpu_sys_lldt(struct cpu *cpu, const struct x86_insn *insn)
{
    uint64_t selector;

    return cpu_operand_read(cpu, insn, 0, &selector) &&
                   cpu_load_ldtr(cpu, (uint16_t)selector, CPU_GP)
               ? CPU_NEXT
               : CPU_FAULT;
}

enum cpu_result cpu_sys_ltr(struct cpu *cpu, const struct x86_insn *insn)
{
    struct cpu_descriptor d;
    uint64_t selector;
    uint8_t access;

    if (!cpu_operand_read(cpu, insn, 0, &selector)) {
        return CPU_FAULT;
    }
    if (cpu_null((uint16_t)selector)) {
        return cpu_raise(cpu, CPU_GP);
    }
    if (!cpu_task_target(cpu, (uint16_t)selector, CPU_GP, 0, &d)) {
        return CPU_FAULT;
    }
    if (cpu->long_mode && (cpu_descriptor_type(&d) != X86_TYPE_TSS || !cpu_canonical(d.base))) {
        return cpu_raise_error(cpu, CPU_GP, selector & 0xfffcu);
    }
    access = (uint8_t)d.attributes | 2;
    if (!cpu_store_linear(cpu, d.at + 5, &access, 1, true)) {
        return CPU_FAULT;
    }
    cpu->tr = cpu_descriptor_segment(&d, (uint16_t)selector);
    cpu->tr.attributes |= 2;
    return CPU_NEXT;
}

enum cpu_result cpu_sys_smsw(struct cpu *cpu, const struct x86_insn *insn)
{
    if (umip(cpu)) {
        return cpu_raise(cpu, CPU_GP);
    }
    return cpu_operand_write(cpu, insn, 0, cpu->cr0) ? CPU_NEXT : CPU_FAULT;
}

enum cpu_result cpu_sys_lmsw(struct cpu *cpu, const struct x86_insn *insn)
{
    const uint64_t word = X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS;
    uint64_t value;

    if (!cpu_operand_read(cpu, insn, 0, &value)) {
        return CPU_FAULT;
    }
    /* PE can be set but not cleared. */
    value = (cpu->cr0 & ~(word & ~(uint64_t)X86_CR0_PE)) | (value & word);
    return cpu_set_cr0(cpu, value) ? CPU_END : CPU_FAULT;
}
