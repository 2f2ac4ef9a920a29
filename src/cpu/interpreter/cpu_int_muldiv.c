/* Multiplication, division, sign extension and decimal adjustments. */
#include "cpu/interpreter/cpu_flags.h"
#include "cpu/interpreter/cpu_integer.h"
#include "cpu/interpreter/cpu_operand.h"

/* The double-width register pair of MUL and DIV: AX, DX:AX, EDX:EAX, RDX:RAX. */
static unsigned __int128 pair_get(const struct cpu *cpu, unsigned width)
{
    if (width == 1) {
        return cpu->gpr[X86_RAX] & 0xffff;
    }
    return (unsigned __int128)cpu_gpr_get(cpu, X86_RDX, width) << width * 8 |
           cpu_gpr_get(cpu, X86_RAX, width);
}

static void pair_put(struct cpu *cpu, unsigned width, uint64_t low, uint64_t high)
{
    if (width == 1) {
        cpu_gpr_put(cpu, X86_RAX, 2, (low & 0xff) | (high & 0xff) << 8);
    } else {
        cpu_gpr_put(cpu, X86_RAX, width, low);
        cpu_gpr_put(cpu, X86_RDX, width, high);
    }
}

/* a * b by the host: low and high half, and the flags after, which has those that it leaves
 * undefined begin as the guest had them. */
#define CPU_MULTIPLY(name, bits, accumulator)                                                      \
    static uint32_t name##_##bits(uint64_t a, uint64_t b, uint32_t before, uint64_t *ret_low,      \
                                  uint64_t *ret_high)                                              \
    {                                                                                              \
        uint32_t after = before;                                                                   \
        uint##bits##_t high = 0;                                                                   \
        uint##bits##_t low;                                                                        \
                                                                                                   \
        __asm__("add $0x7f, %%al\n\tsahf\n\tmov %[a], %%" accumulator "\n\t" #name " %[b]\n\t"     \
                "mov %%" accumulator ", %[low]\n\tlahf\n\tseto %%al"                               \
                : "+&a"(after), [low] "=&r"(low), "+&d"(high)                                      \
                : [a] "r"((uint##bits##_t)a), [b] "r"((uint##bits##_t)b)                           \
                : "cc");                                                                           \
        *ret_low = low;                                                                            \
        *ret_high = high;                                                                          \
        return after;                                                                              \
    }

CPU_MULTIPLY(mul, 16, "ax")
CPU_MULTIPLY(mul, 32, "eax")
CPU_MULTIPLY(mul, 64, "rax")
CPU_MULTIPLY(imul, 16, "ax")
CPU_MULTIPLY(imul, 32, "eax")
CPU_MULTIPLY(imul, 64, "rax")

#define CPU_MULTIPLY_BYTES(name)                                                                   \
    static uint32_t name##_8(uint64_t a, uint64_t b, uint32_t before, uint64_t *ret_low,           \
                             uint64_t *ret_high)                                                   \
    {                                                                                              \
        uint32_t after = before;                                                                   \
        uint16_t product;                                                                          \
                                                                                                   \
        __asm__("add $0x7f, %%al\n\tsahf\n\tmov %[a], %%al\n\t" #name " %[b]\n\t"                  \
                "mov %%ax, %[product]\n\tlahf\n\tseto %%al"                                        \
                : "+&a"(after), [product] "=&r"(product)                                           \
                : [a] "r"((uint8_t)a), [b] "r"((uint8_t)b)                                         \
                : "cc");                                                                           \
        *ret_low = product & 0xff;                                                                 \
        *ret_high = product >> 8;                                                                  \
        return after;                                                                              \
    }

CPU_MULTIPLY_BYTES(mul)
CPU_MULTIPLY_BYTES(imul)

typedef uint32_t multiply_fn(uint64_t a, uint64_t b, uint32_t before, uint64_t *ret_low,
                             uint64_t *ret_high);

static multiply_fn *multiply_of(bool is_signed, unsigned width)
{
    switch (width) {
    case 1:
        return is_signed ? imul_8 : mul_8;
    case 2:
        return is_signed ? imul_16 : mul_16;
    case 4:
        return is_signed ? imul_32 : mul_32;
    default:
        return is_signed ? imul_64 : mul_64;
    }
}

/* MUL, and IMUL of one operand. */
enum cpu_result cpu_int_mul(struct cpu *cpu, const struct x86_insn *insn)
{
    bool is_signed = x86_rows[insn->row].op == X86_OP_IMUL;
    unsigned width = insn->operands[0].width;
    uint64_t b, low, high;

    if (!cpu_operand_read(cpu, insn, 0, &b)) {
        return CPU_FAULT;
    }
    cpu->arith = multiply_of(is_signed, width)(cpu->gpr[X86_RAX], b, cpu->arith, &low, &high);
    pair_put(cpu, width, low, high);
    return CPU_NEXT;
}

/* IMUL of one, two or three operands. */
enum cpu_result cpu_int_imul(struct cpu *cpu, const struct x86_insn *insn)
{
    unsigned width = insn->operands[0].width;
    unsigned left = insn->imm_size != 0 ? 1 : 0;
    uint64_t a, b, low, high;

    if (insn->map == 0 && insn->imm_size == 0) {
        return cpu_int_mul(cpu, insn);
    }
    if (!cpu_operand_read(cpu, insn, left, &a) || !cpu_operand_read(cpu, insn, left + 1, &b)) {
        return CPU_FAULT;
    }
    cpu->arith = multiply_of(true, width)(a, b, cpu->arith, &low, &high);
    cpu_register_write(cpu, &insn->operands[0], low);
    return CPU_NEXT;
}

enum cpu_result cpu_int_mulx(struct cpu *cpu, const struct x86_insn *insn)
{
    unsigned width = insn->operands[0].width;
    uint64_t b, low, high;

    if (!cpu_operand_read(cpu, insn, 2, &b)) {
        return CPU_FAULT;
    }
    (void)multiply_of(false, width)(cpu->gpr[X86_RDX], b, cpu->arith, &low, &high);
    /* Where both targets are one register it holds the high half. */
    cpu_register_write(cpu, &insn->operands[1], low);
    cpu_register_write(cpu, &insn->operands[0], high);
    return CPU_NEXT;
}

enum cpu_result cpu_int_div(struct cpu *cpu, const struct x86_insn *insn)
{
    unsigned width = insn->operands[0].width;
    unsigned __int128 dividend = pair_get(cpu, width);
    uint64_t divisor;

    if (!cpu_operand_read(cpu, insn, 0, &divisor)) {
        return CPU_FAULT;
    }
    if (divisor == 0 || (uint64_t)(dividend >> width * 8) >= divisor) {
        return cpu_raise(cpu, CPU_DE);
    }
    pair_put(cpu, width, (uint64_t)(dividend / divisor), (uint64_t)(dividend % divisor));
    return CPU_NEXT;
}

enum cpu_result cpu_int_idiv(struct cpu *cpu, const struct x86_insn *insn)
{
    unsigned width = insn->operands[0].width;
    unsigned bits = width * 8;
    unsigned __int128 pair = pair_get(cpu, width);
    unsigned __int128 magnitude, quotient, most;
    uint64_t divisor, divisor_magnitude, remainder;
    bool negative, divisor_negative;

    if (!cpu_operand_read(cpu, insn, 0, &divisor)) {
        return CPU_FAULT;
    }
    divisor = (uint64_t)cpu_sign_extend(divisor, width);
    divisor_negative = (int64_t)divisor < 0;
    divisor_magnitude = divisor_negative ? 0 - divisor : divisor;
    negative = (pair >> (2 * bits - 1) & 1) != 0;
    if (negative && bits < 64) {
        pair |= ~(unsigned __int128)0 << 2 * bits;
    }
    magnitude = negative ? 0 - pair : pair;
    if (divisor == 0) {
        return cpu_raise(cpu, CPU_DE);
    }
    quotient = magnitude / divisor_magnitude;
    remainder = (uint64_t)(magnitude % divisor_magnitude);
    most = ((unsigned __int128)1 << (bits - 1)) - (negative == divisor_negative);
    if (quotient > most) {
        return cpu_raise(cpu, CPU_DE);
    }
    pair_put(cpu, width, (uint64_t)(negative != divisor_negative ? 0 - quotient : quotient),
             negative ? 0 - remainder : remainder);
    return CPU_NEXT;
}

/* CBW CWDE CDQE: the accumulator's low half into all of it. CWD CDQ CQO: its sign into rDX. */
enum cpu_result cpu_int_extend(struct cpu *cpu, const struct x86_insn *insn)
{
    unsigned width = insn->opsize;

    if (insn->opcode == 0x98) {
        uint64_t half = cpu_gpr_get(cpu, X86_RAX, width / 2);

        cpu_gpr_put(cpu, X86_RAX, width, (uint64_t)cpu_sign_extend(half, width / 2));
    } else {
        bool negative = cpu_sign_extend(cpu->gpr[X86_RAX], width) < 0;

        cpu_gpr_put(cpu, X86_RDX, width, negative ? UINT64_MAX : 0);
    }
    return CPU_NEXT;
}

/* SF, ZF and PF of a byte. */
static uint32_t flags_of_byte(uint8_t value)
{
    return (value & 0x80 ? CPU_ARITH_SF : 0) | (value == 0 ? CPU_ARITH_ZF : 0) |
           (__builtin_parity(value) == 0 ? CPU_ARITH_PF : 0);
}

/* DAA DAS AAA AAS, as the operation sections of SDM 2 have them. */
enum cpu_result cpu_int_decimal(struct cpu *cpu, const struct x86_insn *insn)
{
    uint16_t op = x86_rows[insn->row].op;
    bool subtract = op == X86_OP_DAS || op == X86_OP_AAS;
    uint8_t al = (uint8_t)cpu->gpr[X86_RAX];
    uint16_t ax = (uint16_t)cpu->gpr[X86_RAX];
    bool adjust = (al & 15) > 9 || (cpu->arith & CPU_ARITH_AF) != 0;
    bool carry = false;

    if (op == X86_OP_DAA || op == X86_OP_DAS) {
        uint8_t value = al;

        carry = (cpu->arith & CPU_ARITH_CF) != 0;
        if (adjust) {
            value = (uint8_t)(subtract ? value - 6 : value + 6);
        }
        if (al > 0x99 || carry) {
            value = (uint8_t)(subtract ? value - 0x60 : value + 0x60);
            carry = true;
        } else if (adjust && subtract && al < 6) {
            carry = true;
        }
        cpu_gpr_put(cpu, X86_RAX, 1, value);
        cpu->arith = flags_of_byte(value);
    } else {
        if (adjust) {
            ax = (uint16_t)(subtract ? ax - 0x106 : ax + 0x106);
            carry = true;
        }
        cpu_gpr_put(cpu, X86_RAX, 2, ax & 0xff0f);
        cpu->arith = flags_of_byte((uint8_t)(ax & 15));
    }
    cpu->arith |= (adjust ? CPU_ARITH_AF : 0) | (carry ? CPU_ARITH_CF : 0);
    return CPU_NEXT;
}

enum cpu_result cpu_int_aam(struct cpu *cpu, const struct x86_insn *insn)
{
    uint8_t base = (uint8_t)insn->imm;
    uint8_t al = (uint8_t)cpu->gpr[X86_RAX];

    if (base == 0) {
        return cpu_raise(cpu, CPU_DE);
    }
    cpu_gpr_put(cpu, X86_RAX, 2, (uint64_t)(al / base) << 8 | al % base);
    cpu->arith = flags_of_byte(al % base);
    return CPU_NEXT;
}

enum cpu_result cpu_int_aad(struct cpu *cpu, const struct x86_insn *insn)
{
    uint16_t ax = (uint16_t)cpu->gpr[X86_RAX];
    uint8_t value = (uint8_t)((ax & 0xff) + (ax >> 8) * (uint8_t)insn->imm);

    cpu_gpr_put(cpu, X86_RAX, 2, value);
    cpu->arith = flags_of_byte(value);
    return CPU_NEXT;
}
