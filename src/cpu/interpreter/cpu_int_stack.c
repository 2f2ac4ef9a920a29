/*
 * The stack. Its addresses wrap at the stack segment's size (cpu->stack_mask); rSP is changed when
 * nothing can fault any more.
 */
#include "cpu/interpreter/cpu_integer.h"
#include "cpu/interpreter/cpu_operand.h"

void cpu_stack_set(struct cpu *cpu, uint64_t value)
{
    uint64_t mask = cpu->stack_mask;

    /* A 32-bit stack pointer clears the upper half, as all 32-bit results do. */
    cpu->gpr[X86_RSP] =
        mask == 0xffff ? (cpu->gpr[X86_RSP] & ~mask) | (value & mask) : value & mask;
}

static bool push(struct cpu *cpu, uint64_t value, unsigned width)
{
    uint64_t top = (cpu->gpr[X86_RSP] - width) & cpu->stack_mask;

    if (!cpu_store(cpu, X86_SS, top, &value, width)) {
        return false;
    }
    cpu_stack_set(cpu, top);
    return true;
}

/* A segment register is zero-extended: one of the two ways that the manual allows. */
enum cpu_result cpu_int_push(struct cpu *cpu, const struct x86_insn *insn)
{
    uint64_t value;

    if (!cpu_operand_read(cpu, insn, 0, &value)) {
        return CPU_FAULT;
    }
    if (insn->operands[0].kind == X86_IMM) {
        value = (uint64_t)insn->imm;
    }
    return push(cpu, value, insn->opsize) ? CPU_NEXT : CPU_FAULT;
}

/* POP to a register or memory. A memory operand's address is computed with rSP incremented. */
enum cpu_result cpu_int_pop(struct cpu *cpu, const struct x86_insn *insn)
{
    unsigned width = insn->opsize;
    uint64_t before = cpu->gpr[X86_RSP];
    uint64_t value = 0;

    if (!cpu_load(cpu, X86_SS, before & cpu->stack_mask, &value, width)) {
        return CPU_FAULT;
    }
    cpu_stack_set(cpu, before + width);
    if (!cpu_operand_write(cpu, insn, 0, value)) {
        cpu->gpr[X86_RSP] = before;
        return CPU_FAULT;
    }
    return CPU_NEXT;
}

/* All is written or nothing: the range is probed first. */
enum cpu_result cpu_int_pusha(struct cpu *cpu, const struct x86_insn *insn)
{
    unsigned width = insn->opsize;
    uint64_t before = cpu->gpr[X86_RSP];

    for (unsigned i = 1; i <= 8; i++) {
        if (!cpu_probe_store(cpu, X86_SS, (before - i * width) & cpu->stack_mask, width)) {
            return CPU_FAULT;
        }
    }
    for (unsigned i = 0; i < 8; i++) {
        if (!push(cpu, i == X86_RSP ? before : cpu->gpr[i], width)) {
            cpu->gpr[X86_RSP] = before;
            return CPU_FAULT;
        }
    }
    return CPU_NEXT;
}

enum cpu_result cpu_int_popa(struct cpu *cpu, const struct x86_insn *insn)
{
    unsigned width = insn->opsize;
    uint64_t before = cpu->gpr[X86_RSP];
    uint64_t values[8] = {0};

    for (unsigned i = 0; i < 8; i++) {
        if (!cpu_load(cpu, X86_SS, (before + i * width) & cpu->stack_mask, &values[i], width)) {
            return CPU_FAULT;
        }
    }
    for (unsigned i = 0; i < 8; i++) {
        if (7 - i != X86_RSP) {
            cpu_gpr_put(cpu, 7 - i, width, values[i]);
        }
    }
    cpu_stack_set(cpu, before + 8 * width);
    return CPU_NEXT;
}

/* Checks all that ENTER reads and writes, in its order, so that it then faults nowhere. */
static bool check_enter(struct cpu *cpu, unsigned width, unsigned level, uint64_t sp)
{
    uint64_t mask = cpu->stack_mask;
    uint64_t bp = cpu->gpr[X86_RBP];
    uint64_t frame = cpu->gpr[X86_RSP] - width;
    uint64_t value;

    for (unsigned i = 0; i <= level; i++) {
        if ((i > 0 && i < level &&
             !cpu_load(cpu, X86_SS, (bp - i * width) & mask, &value, width)) ||
            !cpu_probe_store(cpu, X86_SS, (frame - i * width) & mask, width)) {
            return false;
        }
    }
    /* The processor looks whether the new top could be written. */
    return cpu_probe_store(cpu, X86_SS, sp & mask, width);
}

/* ENTER size, level (SDM 2, ENTER): the old rBP, copies of level - 1 frame pointers, the new one;
 * what is copied may have been pushed just before. */
enum cpu_result cpu_int_enter(struct cpu *cpu, const struct x86_insn *insn)
{
    unsigned width = insn->opsize;
    unsigned level = insn->imm2 & 31;
    uint64_t mask = cpu->stack_mask;
    uint64_t bp = cpu->gpr[X86_RBP];
    uint64_t frame = cpu->gpr[X86_RSP] - width;
    uint64_t sp = frame - level * width - (uint64_t)(insn->imm & 0xffff);

    if (!check_enter(cpu, width, level, sp)) {
        return CPU_FAULT;
    }
    for (unsigned i = 0; i <= level; i++) {
        uint64_t value = i == 0 ? bp : frame;

        if ((i > 0 && i < level &&
             !cpu_load(cpu, X86_SS, (bp - i * width) & mask, &value, width)) ||
            !cpu_store(cpu, X86_SS, (frame - i * width) & mask, &value, width)) {
            return CPU_FAULT;
        }
    }
    cpu_gpr_put(cpu, X86_RBP, width, frame & mask);
    cpu_stack_set(cpu, sp);
    return CPU_NEXT;
}

enum cpu_result cpu_int_leave(struct cpu *cpu, const struct x86_insn *insn)
{
    unsigned width = insn->opsize;
    uint64_t frame = cpu->gpr[X86_RBP];
    uint64_t value = 0;

    if (!cpu_load(cpu, X86_SS, frame & cpu->stack_mask, &value, width)) {
        return CPU_FAULT;
    }
    cpu_stack_set(cpu, frame + width);
    cpu_gpr_put(cpu, X86_RBP, width, value);
    return CPU_NEXT;
}
