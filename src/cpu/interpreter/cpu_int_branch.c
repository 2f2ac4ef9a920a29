/*
 * Near branches. The target is checked (canonical in 64-bit mode, the limit of CS elsewhere) before
 * anything changes.
 */
#include "cpu/interpreter/cpu_flags.h"
#include "cpu/interpreter/cpu_integer.h"
#include "cpu/interpreter/cpu_operand.h"

/* Whether the CPU can fetch from there, or #GP(0). */
static bool target_allowed(struct cpu *cpu, uint64_t target)
{
    bool allowed = (cpu->code_mode & CPU_MODE_BITS) == X86_MODE_64
                       ? (uint64_t)cpu_sign_extend(target, 6) == target
                       : target <= cpu->segments[X86_CS].limit;

    if (!allowed) {
        (void)cpu_raise_error(cpu, CPU_GP, 0);
    }
    return allowed;
}

/* Where a relative branch leads, truncated to the operand size. */
static uint64_t relative(const struct cpu *cpu, const struct x86_insn *insn)
{
    return (cpu->rip + insn->length + (uint64_t)insn->imm) & cpu_mask_of(insn->opsize);
}

static uint64_t next_of(const struct cpu *cpu, const struct x86_insn *insn)
{
    uint64_t next = cpu->rip + insn->length;

    return (cpu->code_mode & CPU_MODE_BITS) == X86_MODE_64 ? next : next & 0xffffffff;
}

static enum cpu_result go(struct cpu *cpu, uint64_t target)
{
    if (!target_allowed(cpu, target)) {
        return CPU_FAULT;
    }
    cpu->rip = target;
    return CPU_JUMPED;
}

enum cpu_result cpu_int_jcc(struct cpu *cpu, const struct x86_insn *insn)
{
    if (!cpu_condition(cpu->arith, insn->opcode & 15)) {
        return CPU_NEXT;
    }
    return go(cpu, relative(cpu, insn));
}

enum cpu_result cpu_int_jmp(struct cpu *cpu, const struct x86_insn *insn)
{
    uint64_t target;

    if (insn->operands[0].kind == X86_REL) {
        return go(cpu, relative(cpu, insn));
    }
    if (!cpu_operand_read(cpu, insn, 0, &target)) {
        return CPU_FAULT;
    }
    return go(cpu, target);
}

enum cpu_result cpu_int_call(struct cpu *cpu, const struct x86_insn *insn)
{
    unsigned width = insn->opsize;
    uint64_t next = next_of(cpu, insn);
    uint64_t top = (cpu->gpr[X86_RSP] - width) & cpu->stack_mask;
    uint64_t target;

    if (insn->operands[0].kind == X86_REL) {
        target = relative(cpu, insn);
    } else if (!cpu_operand_read(cpu, insn, 0, &target)) {
        return CPU_FAULT;
    }
    if (!target_allowed(cpu, target) || !cpu_store(cpu, X86_SS, top, &next, width)) {
        return CPU_FAULT;
    }
    cpu_stack_set(cpu, top);
    cpu->rip = target;
    return CPU_JUMPED;
}

enum cpu_result cpu_int_ret(struct cpu *cpu, const struct x86_insn *insn)
{
    unsigned width = insn->opsize;
    uint64_t released = insn->imm_size != 0 ? (uint64_t)insn->imm & 0xffff : 0;
    uint64_t target = 0;

    if (!cpu_load(cpu, X86_SS, cpu->gpr[X86_RSP] & cpu->stack_mask, &target, width) ||
        !target_allowed(cpu, target)) {
        return CPU_FAULT;
    }
    cpu_stack_set(cpu, cpu->gpr[X86_RSP] + width + released);
    cpu->rip = target;
    return CPU_JUMPED;
}

/* LOOP LOOPE LOOPNE: rCX of the address size is counted down, also where the jump is not taken. */
enum cpu_result cpu_int_loop(struct cpu *cpu, const struct x86_insn *insn)
{
    uint64_t count = (cpu->gpr[X86_RCX] - 1) & cpu_mask_of(insn->addrsize);
    bool zero = (cpu->arith & CPU_ARITH_ZF) != 0;
    bool taken = count != 0;
    uint64_t target = relative(cpu, insn);

    switch (x86_rows[insn->row].op) {
    case X86_OP_LOOPE:
        taken = taken && zero;
        break;
    case X86_OP_LOOPNE:
        taken = taken && !zero;
        break;
    default:
        break;
    }
    if (taken && !target_allowed(cpu, target)) {
        return CPU_FAULT;
    }
    cpu_gpr_put(cpu, X86_RCX, insn->addrsize, count);
    if (!taken) {
        return CPU_NEXT;
    }
    cpu->rip = target;
    return CPU_JUMPED;
}

/* JCXZ JECXZ JRCXZ */
enum cpu_result cpu_int_jcxz(struct cpu *cpu, const struct x86_insn *insn)
{
    if (cpu_gpr_get(cpu, X86_RCX, insn->addrsize) != 0) {
        return CPU_NEXT;
    }
    return go(cpu, relative(cpu, insn));
}

/* #BR where the index, signed, is not within the pair of bounds in memory. */
enum cpu_result cpu_int_bound(struct cpu *cpu, const struct x86_insn *insn)
{
    unsigned width = insn->opsize;
    int64_t index = cpu_sign_extend(cpu->gpr[insn->operands[0].reg], width);
    uint64_t offset = cpu_effective(cpu, insn);
    uint64_t low = 0;
    uint64_t high = 0;

    if (!cpu_load(cpu, (enum x86_seg)insn->mem.seg, offset, &low, width) ||
        !cpu_load(cpu, (enum x86_seg)insn->mem.seg, (offset + width) & cpu_mask_of(insn->addrsize),
                  &high, width)) {
        return CPU_FAULT;
    }
    if (index < cpu_sign_extend(low, width) || index > cpu_sign_extend(high, width)) {
        return cpu_raise(cpu, CPU_BR);
    }
    return CPU_NEXT;
}

/* UD0 UD1 UD2, and whatever is no instruction on this CPU. */
enum cpu_result cpu_int_undefined(struct cpu *cpu, const struct x86_insn *insn)
{
    (void)insn;
    return cpu_raise(cpu, CPU_UD);
}
