/* PUSHF, POPF and single flags. */
#include "cpu/interpreter/cpu_handlers.h"

enum cpu_result cpu_sys_pushf(struct cpu *cpu, const struct x86_insn *insn)
{
    struct cpu_stack stack;

    if (cpu_v86_traps(cpu)) {
        return cpu_raise(cpu, CPU_GP);
    }
    cpu_stack_current(cpu, &stack);
    if (!cpu_push(cpu, &stack, cpu_rflags(cpu) & ~(uint64_t)(X86_VM | X86_RF), insn->opsize)) {
        return CPU_FAULT;
    }
    cpu_stack_commit(cpu, &stack);
    return CPU_NEXT;
}

enum cpu_result cpu_sys_popf(struct cpu *cpu, const struct x86_insn *insn)
{
    uint64_t mask = X86_ARITH | X86_TF | X86_DF | X86_NT | X86_RF | X86_AC | X86_ID;
    uint64_t before = cpu->rflags;
    struct cpu_stack stack;
    uint64_t value;

    if (cpu_v86_traps(cpu)) {
        return cpu_raise(cpu, CPU_GP);
    }
    cpu_stack_current(cpu, &stack);
    if (!cpu_pop(cpu, &stack, &value, insn->opsize)) {
        return CPU_FAULT;
    }
    if (cpu->v86 || !cpu->protected_mode || cpu->cpl <= cpu_iopl(cpu)) {
        mask |= X86_IF;
    }
    if (!cpu->v86 && cpu->cpl == 0) {
        mask |= X86_IOPL;
    }
    if (insn->opsize == 2) {
        mask &= 0xffff;
    }
    cpu_stack_commit(cpu, &stack);
    cpu_set_flags(cpu, value & ~(uint64_t)X86_RF, mask);
    return cpu_end_if(((cpu->rflags ^ before) & (X86_TF | X86_IF | X86_AC | X86_IOPL)) != 0);
}

static bool may_change_if(const struct cpu *cpu)
{
    if (cpu->v86) {
        return cpu_iopl(cpu) == 3;
    }
    return !cpu->protected_mode || cpu->cpl <= cpu_iopl(cpu);
}

enum cpu_result cpu_sys_cli(struct cpu *cpu, const struct x86_insn *insn)
{
    (void)insn;
    if (!may_change_if(cpu)) {
        return cpu_raise(cpu, CPU_GP);
    }
    cpu->rflags &= ~(uint64_t)X86_IF;
    return CPU_NEXT;
}

enum cpu_result cpu_sys_sti(struct cpu *cpu, const struct x86_insn *insn)
{
    (void)insn;
    if (!may_change_if(cpu)) {
        return cpu_raise(cpu, CPU_GP);
    }
    if ((cpu->rflags & X86_IF) != 0) {
        return CPU_NEXT;
    }
    cpu_set_flags(cpu, X86_IF, X86_IF);
    cpu->shadow = CPU_SHADOW_STI;
    return CPU_END;
}

enum cpu_result cpu_sys_clac(struct cpu *cpu, const struct x86_insn *insn)
{
    (void)insn;
    if (cpu->cpl != 0) {
        return cpu_raise(cpu, CPU_UD);
    }
    cpu_set_flags(cpu, 0, X86_AC);
    return CPU_NEXT;
}

enum cpu_result cpu_sys_stac(struct cpu *cpu, const struct x86_insn *insn)
{
    (void)insn;
    if (cpu->cpl != 0) {
        return cpu_raise(cpu, CPU_UD);
    }
    cpu_set_flags(cpu, X86_AC, X86_AC);
    return CPU_NEXT;
}
