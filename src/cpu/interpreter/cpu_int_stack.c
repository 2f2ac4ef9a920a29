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

/* Pushes a value of `width` bytes of which `stored` are written. */
static bool push(struct cpu *cpu, uint64_t value, unsigned width, unsigned stored)
{
    uint64_t top = (cpu->gpr[X86_RSP] - width) & cpu->stack_mask;

    if (!cpu_store(cpu, X86_SS, top, &value, stored)) {
        return false;
    }
    cpu_stack_set(cpu, top);
    return true;
}

/* A segment register pushed with 32 bits or more: processors write the selector alone or zeroes
 * above it; 64-bit mode writes all. */
enum cpu_result cpu_int_push(struct cpu *cpu, const struct x86_insn *insn)
{
    bool segment = insn->operands[0].kind == X86_SEG;
    unsigned width = insn->opsize;
    uint64_t value;

    if (!cpu_operand_read(cpu, insn, 0, &value)) {
        return CPU_FAULT;
    }
    if (insn->operands[0].kind == X86_IMM) {
        value = (uint64_t)insn->imm;
    }
    return push(cpu, value, width, segment && width == 4 ? 2 : width) ? CPU_NEXT : CPU_FAULT;
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
        if (!push(cpu, i == X86_RSP ? before : cpu->gpr[i], width, width)) {
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

/* ENTER size, level (SDM 2, ENTER): the old rBP, copies of level - 1 frame pointers, the new one.
 */
enum cpu_result cpu_int_enter(struct cpu *cpu, const struct x86_insn *insn)
{
    unsigned width = insn->opsize;
    unsigned level = insn->imm2 & 31;
    uint64_t mask = cpu->stack_mask;
    uint64_t sp = cpu->gpr[X86_RSP];
    uint64_t bp = cpu->gpr[X86_RBP];
    uint64_t frame = sp - width;
    uint64_t values[32] = {bp};

    for (unsigned i = 1; i < level; i++) {
        if (!cpu_load(cpu, X86_SS, (bp - i * width) & mask, &values[i], width)) {
            return CPU_FAULT;
        }
    }
    if (level > 0) {
        values[level] = frame;
    }
    for (unsigned i = 0; i <= level; i++) {
        if (!cpu_probe_store(cpu, X86_SS, (frame - i * width) & mask, width)) {
            return CPU_FAULT;
        }
    }
    /* The processor checks that the new top could be written (SDM 2). */
    sp = frame - level * width - (uint64_t)(insn->imm & 0xffff);
    if (!cpu_probe_store(cpu, X86_SS, sp & mask, width)) {
        return CPU_FAULT;
    }
    for (unsigned i = 0; i <= level; i++) {
        if (!cpu_store(cpu, X86_SS, (frame - i * width) & mask, &values[i], width)) {
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
