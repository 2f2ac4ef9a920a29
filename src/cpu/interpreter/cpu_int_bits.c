/* Instructions that look for, count, gather and scatter bits. */
#include "cpu/interpreter/cpu_alu.h"
#include "cpu/interpreter/cpu_integer.h"
#include "cpu/interpreter/cpu_operand.h"

CPU_COMPUTE(bsf)
CPU_COMPUTE(bsr)

/* BSF and BSR (told apart by the opcode: where a CPU has no TZCNT or LZCNT these are what their
 * bytes mean) leave their target alone where the source is 0, all of the register's 64 bits. */
enum cpu_result cpu_int_scan(struct cpu *cpu, const struct x86_insn *insn)
{
    struct cpu_modify modify = {
        .insn = insn, .width = insn->operands[0].width, .flags = cpu->arith};
    uint64_t value = 0;

    if (!cpu_operand_read(cpu, insn, 1, &modify.source)) {
        return CPU_FAULT;
    }
    if (insn->opcode == 0xbc) {
        compute_bsf(&modify, &value);
    } else {
        compute_bsr(&modify, &value);
    }
    if (modify.source != 0) {
        cpu_register_write(cpu, &insn->operands[0], value);
    }
    cpu->arith = modify.flags;
    return CPU_NEXT;
}

/* Population count; no host instruction is asked for. */
static unsigned count_ones(uint64_t value)
{
    value -= value >> 1 & 0x5555555555555555;
    value = (value & 0x3333333333333333) + (value >> 2 & 0x3333333333333333);
    value = (value + (value >> 4)) & 0x0f0f0f0f0f0f0f0f;
    return (unsigned)(value * 0x0101010101010101 >> 56);
}

/* TZCNT LZCNT POPCNT */
enum cpu_result cpu_int_count(struct cpu *cpu, const struct x86_insn *insn)
{
    uint16_t op = x86_rows[insn->row].op;
    unsigned bits = insn->operands[0].width * 8u;
    uint64_t source, value;

    if (!cpu_operand_read(cpu, insn, 1, &source)) {
        return CPU_FAULT;
    }
    if (op == X86_OP_POPCNT) {
        value = count_ones(source);
        cpu->arith = source == 0 ? CPU_ARITH_ZF : 0;
    } else {
        if (source == 0) {
            value = bits;
        } else if (op == X86_OP_TZCNT) {
            value = (uint64_t)__builtin_ctzll(source);
        } else {
            value = (uint64_t)__builtin_clzll(source) - (64 - bits);
        }
        cpu->arith = (cpu->arith & ~(uint32_t)(CPU_ARITH_ZF | CPU_ARITH_CF)) |
                     (value == 0 ? CPU_ARITH_ZF : 0) | (source == 0 ? CPU_ARITH_CF : 0);
    }
    cpu_register_write(cpu, &insn->operands[0], value);
    return CPU_NEXT;
}

/* Of 16 bits it is undefined; processors clear them. */
enum cpu_result cpu_int_bswap(struct cpu *cpu, const struct x86_insn *insn)
{
    unsigned width = insn->opsize;
    uint64_t value = __builtin_bswap64(cpu->gpr[insn->operands[0].reg]);

    value = width == 2 ? 0 : width == 4 ? value >> 32 : value;
    cpu_gpr_put(cpu, insn->operands[0].reg, width, value);
    return CPU_NEXT;
}

static uint64_t deposit(uint64_t source, uint64_t mask)
{
    uint64_t value = 0;

    for (; mask != 0; mask &= mask - 1, source >>= 1) {
        if (source & 1) {
            value |= mask & (0 - mask);
        }
    }
    return value;
}

static uint64_t extract(uint64_t source, uint64_t mask)
{
    uint64_t value = 0;

    for (uint64_t bit = 1; mask != 0; mask &= mask - 1, bit <<= 1) {
        if (source & mask & (0 - mask)) {
            value |= bit;
        }
    }
    return value;
}

static uint64_t extract_field(uint64_t source, uint64_t control)
{
    unsigned start = control & 0xff;
    unsigned length = control >> 8 & 0xff;

    source = start < 64 ? source >> start : 0;
    return length < 64 ? source & ((1ull << length) - 1) : source;
}

static uint64_t zero_from(uint64_t source, uint64_t index)
{
    return (index & 0xff) < 64 ? source & ((1ull << (index & 0xff)) - 1) : source;
}

/* ANDN BEXTR BLSR BLSMSK BLSI BZHI PDEP PEXT. Operand 1 is not the memory one for ANDN, PDEP and
 * PEXT. Flags left undefined by the manual: AF and PF are cleared, as processors do. */
enum cpu_result cpu_int_bmi(struct cpu *cpu, const struct x86_insn *insn)
{
    unsigned width = insn->operands[0].width;
    bool two = insn->operands_count < 3;
    uint64_t value = 0, a, b = 0;
    bool carry = false;

    if (!cpu_operand_read(cpu, insn, 1, &a) || (!two && !cpu_operand_read(cpu, insn, 2, &b))) {
        return CPU_FAULT;
    }
    switch (x86_rows[insn->row].op) {
    case X86_OP_ANDN:
        value = ~a & b;
        break;
    case X86_OP_BEXTR:
        value = extract_field(a, b);
        break;
    case X86_OP_BLSR:
        value = a & (a - 1);
        carry = a == 0;
        break;
    case X86_OP_BLSMSK:
        value = a ^ (a - 1);
        carry = a == 0;
        break;
    case X86_OP_BLSI:
        value = a & (0 - a);
        carry = a != 0;
        break;
    case X86_OP_BZHI:
        value = zero_from(a, b);
        carry = (b & 0xff) > width * 8 - 1;
        break;
    case X86_OP_PDEP:
        cpu_register_write(cpu, &insn->operands[0], deposit(a, b));
        return CPU_NEXT;
    default:
        cpu_register_write(cpu, &insn->operands[0], extract(a, b));
        return CPU_NEXT;
    }
    value &= cpu_mask_of(width);
    cpu_register_write(cpu, &insn->operands[0], value);
    cpu->arith =
        (value == 0 ? CPU_ARITH_ZF : 0) | (carry ? CPU_ARITH_CF : 0) |
        (cpu_sign_extend(value, width) < 0 && x86_rows[insn->row].op != X86_OP_BEXTR ? CPU_ARITH_SF
                                                                                     : 0);
    return CPU_NEXT;
}

/* CRC-32C by bits, the polynomial reflected (SDM 2, CRC32). */
enum cpu_result cpu_int_crc32(struct cpu *cpu, const struct x86_insn *insn)
{
    uint32_t crc = (uint32_t)cpu->gpr[insn->operands[0].reg];
    uint64_t source;

    if (!cpu_operand_read(cpu, insn, 1, &source)) {
        return CPU_FAULT;
    }
    for (unsigned i = 0; i < insn->operands[1].width; i++) {
        crc ^= (uint32_t)(source >> i * 8 & 0xff);
        for (unsigned bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (0x82f63b78u & (0 - (crc & 1)));
        }
    }
    cpu->gpr[insn->operands[0].reg] = crc;
    return CPU_NEXT;
}
