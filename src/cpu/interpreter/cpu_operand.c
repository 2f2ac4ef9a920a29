/* Operands of decoded instructions: read, written, and replaced in one go. */
#include "cpu/interpreter/cpu_operand.h"

#include "cpu/interpreter/cpu_flags.h"

uint64_t cpu_effective(const struct cpu *cpu, const struct x86_insn *insn)
{
    const struct x86_mem *mem = &insn->mem;
    uint64_t offset = (uint64_t)mem->disp;

    if (mem->base >= 0) {
        offset += cpu->gpr[mem->base];
    }
    if (mem->index >= 0 && !mem->vsib) {
        offset += cpu->gpr[mem->index] * mem->scale;
    }
    if (mem->rip) {
        offset += cpu->rip + insn->length;
    }
    return offset & cpu_mask_of(insn->addrsize);
}

uint64_t cpu_register_read(const struct cpu *cpu, const struct x86_operand *operand)
{
    switch (operand->kind) {
    case X86_GPR_HIGH:
        return cpu->gpr[operand->reg] >> 8 & 0xff;
    case X86_SEG:
        return cpu->segments[operand->reg].selector;
    default:
        return cpu_gpr_get(cpu, operand->reg, operand->width);
    }
}

void cpu_register_write(struct cpu *cpu, const struct x86_operand *operand, uint64_t value)
{
    if (operand->kind == X86_GPR_HIGH) {
        cpu->gpr[operand->reg] = (cpu->gpr[operand->reg] & ~(uint64_t)0xff00) | (value & 0xff) << 8;
    } else {
        cpu_gpr_put(cpu, operand->reg, operand->width, value);
    }
}

bool cpu_operand_read(struct cpu *cpu, const struct x86_insn *insn, unsigned n, uint64_t *ret_value)
{
    const struct x86_operand *operand = &insn->operands[n];
    uint64_t value = 0;

    switch (operand->kind) {
    case X86_MEM:
    case X86_MOFFS:
        if (!cpu_load(cpu, (enum x86_seg)insn->mem.seg, cpu_effective(cpu, insn), &value,
                      operand->width)) {
            return false;
        }
        break;
    case X86_IMM:
        value = (uint64_t)insn->imm & cpu_mask_of(operand->width);
        break;
    case X86_IMM2:
        value = insn->imm2;
        break;
    case X86_REL:
        value = (uint64_t)insn->imm;
        break;
    case X86_CONST_1:
        value = 1;
        break;
    default:
        value = cpu_register_read(cpu, operand);
        break;
    }
    *ret_value = value;
    return true;
}

bool cpu_operand_write(struct cpu *cpu, const struct x86_insn *insn, unsigned n, uint64_t value)
{
    if (cpu_operand_is_memory(insn, n)) {
        return cpu_store(cpu, (enum x86_seg)insn->mem.seg, cpu_effective(cpu, insn), &value,
                         insn->operands[n].width);
    }
    cpu_register_write(cpu, &insn->operands[n], value);
    return true;
}

/* Compares and exchanges `size` bytes at any address, also one that crosses a cache line. */
static bool exchange(void *at, unsigned size, uint64_t *expected, uint64_t value)
{
    uint64_t old = *expected;
    bool done;

#define CPU_EXCHANGE(bits, suffix)                                                                 \
    __asm__ volatile("lock cmpxchg" suffix                                                         \
                     : "=@ccz"(done), "+a"(old), "+m"(*(struct cpu_unaligned_##bits *)at)          \
                     : [value] "r"(value)                                                          \
                     : "memory")
    switch (size) {
    case 1:
        CPU_EXCHANGE(8, "b %b[value], %2");
        break;
    case 2:
        CPU_EXCHANGE(16, "w %w[value], %2");
        break;
    case 4:
        CPU_EXCHANGE(32, "l %k[value], %2");
        break;
    default:
        CPU_EXCHANGE(64, "q %q[value], %2");
        break;
    }
#undef CPU_EXCHANGE
    *expected = old & cpu_mask_of(size);
    return done;
}

/* The memory operand `displaced` bytes on from where the instruction names it. */
static enum cpu_result modify_memory(struct cpu *cpu, struct cpu_modify *modify, uint64_t displaced,
                                     cpu_compute *compute, bool locked)
{
    const struct x86_insn *insn = modify->insn;
    struct cpu_rmw rmw;
    uint64_t offset = (cpu_effective(cpu, insn) + displaced) & cpu_mask_of(insn->addrsize);
    uint64_t value, old;
    bool write;

    if (!cpu_rmw_begin(cpu, (enum x86_seg)insn->mem.seg, offset, modify->width, locked, &rmw)) {
        return CPU_FAULT;
    }
    old = cpu_get(rmw.at, modify->width);
    do {
        value = old;
        modify->flags = cpu->arith;
        write = compute(modify, &value);
        if (!locked) {
            if (write) {
                cpu_put(rmw.at, modify->width, value);
            }
            break;
        }
        /* A locked instruction that changes nothing writes back what it found. */
    } while (!exchange(rmw.at, modify->width, &old, write ? value : old));
    modify->old = old;
    cpu_rmw_end(cpu, &rmw, write);
    return CPU_NEXT;
}

enum cpu_result cpu_operand_modify(struct cpu *cpu, struct cpu_modify *modify, uint64_t displaced,
                                   cpu_compute *compute)
{
    const struct x86_insn *insn = modify->insn;
    uint64_t value;

    modify->width = insn->operands[0].width;
    if (cpu_operand_is_memory(insn, 0)) {
        if (modify_memory(cpu, modify, displaced, compute, insn->lock) == CPU_FAULT) {
            return CPU_FAULT;
        }
    } else {
        value = modify->old = cpu_register_read(cpu, &insn->operands[0]);
        modify->flags = cpu->arith;
        if (compute(modify, &value)) {
            cpu_register_write(cpu, &insn->operands[0], value);
        }
    }
    cpu->arith = modify->flags;
    return CPU_NEXT;
}
