/* Moves, exchanges, and the flags as operands. */
#include "cpu/interpreter/cpu_alu.h"
#include "cpu/interpreter/cpu_flags.h"
#include "cpu/interpreter/cpu_integer.h"
#include "cpu/interpreter/cpu_operand.h"

/* MOV, MOVZX, MOVNTI: values are zero-extended already. */
enum cpu_result cpu_int_mov(struct cpu *cpu, const struct x86_insn *insn)
{
    uint64_t value;

    if (!cpu_operand_read(cpu, insn, 1, &value) || !cpu_operand_write(cpu, insn, 0, value)) {
        return CPU_FAULT;
    }
    return CPU_NEXT;
}

/* MOVSX MOVSXD */
enum cpu_result cpu_int_movsx(struct cpu *cpu, const struct x86_insn *insn)
{
    uint64_t value;

    if (!cpu_operand_read(cpu, insn, 1, &value)) {
        return CPU_FAULT;
    }
    value = (uint64_t)cpu_sign_extend(value, insn->operands[1].width);
    cpu_register_write(cpu, &insn->operands[0], value & cpu_mask_of(insn->operands[0].width));
    return CPU_NEXT;
}

enum cpu_result cpu_int_movbe(struct cpu *cpu, const struct x86_insn *insn)
{
    unsigned width = insn->operands[0].width;
    uint64_t value;

    if (!cpu_operand_read(cpu, insn, 1, &value)) {
        return CPU_FAULT;
    }
    value = __builtin_bswap64(value) >> (64 - width * 8);
    return cpu_operand_write(cpu, insn, 0, value) ? CPU_NEXT : CPU_FAULT;
}

enum cpu_result cpu_int_lea(struct cpu *cpu, const struct x86_insn *insn)
{
    cpu_register_write(cpu, &insn->operands[0], cpu_effective(cpu, insn));
    return CPU_NEXT;
}

static bool compute_replace(struct cpu_modify *modify, uint64_t *value)
{
    *value = modify->source;
    return true;
}

/* With memory it is locked whether LOCK is written or not. */
enum cpu_result cpu_int_xchg(struct cpu *cpu, const struct x86_insn *insn)
{
    unsigned memory = cpu_operand_is_memory(insn, 1) ? 1 : 0;
    unsigned other = 1 - memory;
    struct x86_insn locked = *insn;
    struct cpu_modify modify = {.insn = &locked};

    locked.lock = true;
    locked.operands[0] = insn->operands[memory];
    modify.source = cpu_register_read(cpu, &insn->operands[other]);
    if (cpu_operand_modify(cpu, &modify, 0, compute_replace) == CPU_FAULT) {
        return CPU_FAULT;
    }
    cpu_register_write(cpu, &insn->operands[other], modify.old);
    return CPU_NEXT;
}

static bool compute_add(struct cpu_modify *modify, uint64_t *value)
{
    uint8_t v8 = (uint8_t)*value;
    uint16_t v16 = (uint16_t)*value;
    uint32_t v32 = (uint32_t)*value;

    switch (modify->width) {
    case 1:
        modify->flags = cpu_alu_add_8(&v8, (uint8_t)modify->source, modify->flags);
        *value = v8;
        break;
    case 2:
        modify->flags = cpu_alu_add_16(&v16, (uint16_t)modify->source, modify->flags);
        *value = v16;
        break;
    case 4:
        modify->flags = cpu_alu_add_32(&v32, (uint32_t)modify->source, modify->flags);
        *value = v32;
        break;
    default:
        modify->flags = cpu_alu_add_64(value, modify->source, modify->flags);
        break;
    }
    return true;
}

enum cpu_result cpu_int_xadd(struct cpu *cpu, const struct x86_insn *insn)
{
    struct cpu_modify modify = {.insn = insn, .source = cpu_register_read(cpu, &insn->operands[1])};
    uint64_t value;

    if (cpu_operand_is_memory(insn, 0)) {
        if (cpu_operand_modify(cpu, &modify, 0, compute_add) == CPU_FAULT) {
            return CPU_FAULT;
        }
        cpu_register_write(cpu, &insn->operands[1], modify.old);
        return CPU_NEXT;
    }
    /* The sum goes last where both are one register. */
    modify.width = insn->operands[0].width;
    modify.flags = cpu->arith;
    value = modify.old = cpu_register_read(cpu, &insn->operands[0]);
    compute_add(&modify, &value);
    cpu_register_write(cpu, &insn->operands[1], modify.old);
    cpu_register_write(cpu, &insn->operands[0], value);
    cpu->arith = modify.flags;
    return CPU_NEXT;
}

/* modify.count is the accumulator. */
static bool compute_exchange_if(struct cpu_modify *modify, uint64_t *value)
{
    modify->flags = cpu_int_flags_of_compare(modify->count, *value, modify->width);
    if (*value != modify->count) {
        return false;
    }
    *value = modify->source;
    return true;
}

enum cpu_result cpu_int_cmpxchg(struct cpu *cpu, const struct x86_insn *insn)
{
    unsigned width = insn->operands[0].width;
    struct cpu_modify modify = {.insn = insn,
                                .source = cpu_register_read(cpu, &insn->operands[1]),
                                .count = cpu_gpr_get(cpu, X86_RAX, width)};

    if (cpu_operand_modify(cpu, &modify, 0, compute_exchange_if) == CPU_FAULT) {
        return CPU_FAULT;
    }
    if (modify.old != modify.count) {
        cpu_gpr_put(cpu, X86_RAX, width, modify.old);
    }
    return CPU_NEXT;
}

/* CMPXCHG8B CMPXCHG16B. Both are done by the host's locked instruction, LOCK written or not. */
enum cpu_result cpu_int_cmpxchg_wide(struct cpu *cpu, const struct x86_insn *insn)
{
    bool sixteen = x86_rows[insn->row].op == X86_OP_CMPXCHG16B;
    unsigned half = sixteen ? 8 : 4;
    uint64_t offset = cpu_effective(cpu, insn);
    uint64_t low = cpu->gpr[X86_RAX];
    uint64_t high = cpu->gpr[X86_RDX];
    struct cpu_rmw rmw;
    bool equal;

    if (sixteen &&
        ((cpu->segments[insn->mem.seg].linear_base + offset) & 15 & cpu->linear_mask) != 0) {
        return cpu_raise_error(cpu, CPU_GP, 0);
    }
    if (!cpu_rmw_begin(cpu, (enum x86_seg)insn->mem.seg, offset, half * 2, insn->lock, &rmw)) {
        return CPU_FAULT;
    }
    if (sixteen) {
        __asm__ volatile("lock cmpxchg16b %[at]"
                         : "=@ccz"(equal), "+a"(low), "+d"(high), [at] "+m"(*(char(*)[16])rmw.at)
                         : "b"(cpu->gpr[X86_RBX]), "c"(cpu->gpr[X86_RCX])
                         : "memory");
    } else {
        low = (uint32_t)low;
        high = (uint32_t)high;
        __asm__ volatile("lock cmpxchg8b %[at]"
                         : "=@ccz"(equal), "+a"(low), "+d"(high), [at] "+m"(*(char(*)[8])rmw.at)
                         : "b"(cpu->gpr[X86_RBX]), "c"(cpu->gpr[X86_RCX])
                         : "memory");
    }
    cpu_rmw_end(cpu, &rmw, equal);
    if (!equal) {
        cpu_gpr_put(cpu, X86_RAX, half, low);
        cpu_gpr_put(cpu, X86_RDX, half, high);
    }
    cpu->arith = (cpu->arith & ~(uint32_t)CPU_ARITH_ZF) | (equal ? CPU_ARITH_ZF : 0);
    return CPU_NEXT;
}

/* The memory is read, and a register of 32 bits is extended, also where the condition is false. */
enum cpu_result cpu_int_cmov(struct cpu *cpu, const struct x86_insn *insn)
{
    uint64_t value;

    if (!cpu_operand_read(cpu, insn, 1, &value)) {
        return CPU_FAULT;
    }
    if (!cpu_condition(cpu->arith, insn->opcode & 15)) {
        value = cpu_register_read(cpu, &insn->operands[0]);
    }
    cpu_register_write(cpu, &insn->operands[0], value);
    return CPU_NEXT;
}

enum cpu_result cpu_int_setcc(struct cpu *cpu, const struct x86_insn *insn)
{
    bool value = cpu_condition(cpu->arith, insn->opcode & 15);

    return cpu_operand_write(cpu, insn, 0, value) ? CPU_NEXT : CPU_FAULT;
}

enum cpu_result cpu_int_xlat(struct cpu *cpu, const struct x86_insn *insn)
{
    uint64_t offset = cpu->gpr[X86_RBX] + (cpu->gpr[X86_RAX] & 0xff);
    uint8_t value;

    if (!cpu_load(cpu, (enum x86_seg)insn->mem.seg, offset & cpu_mask_of(insn->addrsize), &value,
                  1)) {
        return CPU_FAULT;
    }
    cpu_gpr_put(cpu, X86_RAX, 1, value);
    return CPU_NEXT;
}

/* CLC STC CMC CLD STD */
enum cpu_result cpu_int_flag(struct cpu *cpu, const struct x86_insn *insn)
{
    switch (x86_rows[insn->row].op) {
    case X86_OP_CLC:
        cpu->arith &= ~(uint32_t)CPU_ARITH_CF;
        break;
    case X86_OP_STC:
        cpu->arith |= CPU_ARITH_CF;
        break;
    case X86_OP_CMC:
        cpu->arith ^= CPU_ARITH_CF;
        break;
    case X86_OP_CLD:
        cpu->rflags &= ~(uint64_t)X86_DF;
        break;
    default:
        cpu->rflags |= X86_DF;
        break;
    }
    return CPU_NEXT;
}

enum cpu_result cpu_int_lahf(struct cpu *cpu, const struct x86_insn *insn)
{
    uint64_t flags = (cpu_arith_to_rflags(cpu->arith) & 0xff) | 2;

    (void)insn;
    cpu->gpr[X86_RAX] = (cpu->gpr[X86_RAX] & ~(uint64_t)0xff00) | flags << 8;
    return CPU_NEXT;
}

enum cpu_result cpu_int_sahf(struct cpu *cpu, const struct x86_insn *insn)
{
    (void)insn;
    cpu->arith = (cpu->arith & CPU_ARITH_OF) | cpu_arith_from_rflags(cpu->gpr[X86_RAX] >> 8 & 0xff);
    return CPU_NEXT;
}

enum cpu_result cpu_int_salc(struct cpu *cpu, const struct x86_insn *insn)
{
    (void)insn;
    cpu_gpr_put(cpu, X86_RAX, 1, cpu->arith & CPU_ARITH_CF ? 0xff : 0);
    return CPU_NEXT;
}

/* NOP, prefetches and hints that need nothing done. */
enum cpu_result cpu_int_nop(struct cpu *cpu, const struct x86_insn *insn)
{
    (void)cpu;
    (void)insn;
    return CPU_NEXT;
}

/* MFENCE LFENCE SFENCE */
enum cpu_result cpu_int_fence(struct cpu *cpu, const struct x86_insn *insn)
{
    (void)cpu;
    (void)insn;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return CPU_NEXT;
}
