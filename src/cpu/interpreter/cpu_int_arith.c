/* Arithmetic and logic of one and two operands. */
#include "cpu/interpreter/cpu_alu.h"
#include "cpu/interpreter/cpu_integer.h"
#include "cpu/interpreter/cpu_operand.h"

#define CPU_TWO(name)                                                                              \
    static bool compute_##name(struct cpu_modify *modify, uint64_t *value)                         \
    {                                                                                              \
        uint8_t v8 = (uint8_t)*value;                                                              \
        uint16_t v16 = (uint16_t)*value;                                                           \
        uint32_t v32 = (uint32_t)*value;                                                           \
                                                                                                   \
        switch (modify->width) {                                                                   \
        case 1:                                                                                    \
            modify->flags = cpu_alu_##name##_8(&v8, (uint8_t)modify->source, modify->flags);       \
            *value = v8;                                                                           \
            break;                                                                                 \
        case 2:                                                                                    \
            modify->flags = cpu_alu_##name##_16(&v16, (uint16_t)modify->source, modify->flags);    \
            *value = v16;                                                                          \
            break;                                                                                 \
        case 4:                                                                                    \
            modify->flags = cpu_alu_##name##_32(&v32, (uint32_t)modify->source, modify->flags);    \
            *value = v32;                                                                          \
            break;                                                                                 \
        default:                                                                                   \
            modify->flags = cpu_alu_##name##_64(value, modify->source, modify->flags);             \
            break;                                                                                 \
        }                                                                                          \
        return true;                                                                               \
    }

#define CPU_ONE(name)                                                                              \
    static bool compute_##name(struct cpu_modify *modify, uint64_t *value)                         \
    {                                                                                              \
        uint8_t v8 = (uint8_t)*value;                                                              \
        uint16_t v16 = (uint16_t)*value;                                                           \
        uint32_t v32 = (uint32_t)*value;                                                           \
                                                                                                   \
        switch (modify->width) {                                                                   \
        case 1:                                                                                    \
            modify->flags = cpu_alu_##name##_8(&v8, modify->flags);                                \
            *value = v8;                                                                           \
            break;                                                                                 \
        case 2:                                                                                    \
            modify->flags = cpu_alu_##name##_16(&v16, modify->flags);                              \
            *value = v16;                                                                          \
            break;                                                                                 \
        case 4:                                                                                    \
            modify->flags = cpu_alu_##name##_32(&v32, modify->flags);                              \
            *value = v32;                                                                          \
            break;                                                                                 \
        default:                                                                                   \
            modify->flags = cpu_alu_##name##_64(value, modify->flags);                             \
            break;                                                                                 \
        }                                                                                          \
        return true;                                                                               \
    }

CPU_TWO(add)
CPU_TWO(or)
CPU_TWO(adc)
CPU_TWO(sbb)
CPU_TWO(and)
CPU_TWO(sub)
CPU_TWO(xor)
CPU_TWO(cmp)
CPU_TWO(test)
CPU_ONE(inc)
CPU_ONE(dec)
CPU_ONE(neg)

static bool compute_not(struct cpu_modify *modify, uint64_t *value)
{
    *value = ~*value & cpu_mask_of(modify->width);
    return true;
}

static cpu_compute *compute_of(const struct x86_insn *insn)
{
    switch (x86_rows[insn->row].op) {
    case X86_OP_ADD:
        return compute_add;
    case X86_OP_OR:
        return compute_or;
    case X86_OP_ADC:
        return compute_adc;
    case X86_OP_SBB:
        return compute_sbb;
    case X86_OP_AND:
        return compute_and;
    case X86_OP_SUB:
        return compute_sub;
    case X86_OP_XOR:
        return compute_xor;
    case X86_OP_CMP:
        return compute_cmp;
    case X86_OP_TEST:
        return compute_test;
    case X86_OP_INC:
        return compute_inc;
    case X86_OP_DEC:
        return compute_dec;
    case X86_OP_NEG:
        return compute_neg;
    default:
        return compute_not;
    }
}

/* ADD OR ADC SBB AND SUB XOR */
enum cpu_result cpu_int_two(struct cpu *cpu, const struct x86_insn *insn)
{
    struct cpu_modify modify = {.insn = insn};

    if (!cpu_operand_read(cpu, insn, 1, &modify.source)) {
        return CPU_FAULT;
    }
    return cpu_operand_modify(cpu, &modify, 0, compute_of(insn));
}

/* CMP TEST */
enum cpu_result cpu_int_compare(struct cpu *cpu, const struct x86_insn *insn)
{
    struct cpu_modify modify = {.insn = insn, .width = insn->operands[0].width};
    uint64_t value;

    if (!cpu_operand_read(cpu, insn, 0, &value) ||
        !cpu_operand_read(cpu, insn, 1, &modify.source)) {
        return CPU_FAULT;
    }
    compute_of(insn)(&modify, &value);
    cpu->arith = modify.flags;
    return CPU_NEXT;
}

/* INC DEC NEG NOT */
enum cpu_result cpu_int_one(struct cpu *cpu, const struct x86_insn *insn)
{
    struct cpu_modify modify = {.insn = insn};

    return cpu_operand_modify(cpu, &modify, 0, compute_of(insn));
}

/* ADCX ADOX: an addition whose carry goes in and out by one flag, the others stay. */
enum cpu_result cpu_int_adx(struct cpu *cpu, const struct x86_insn *insn)
{
    bool is_carry = x86_rows[insn->row].op == X86_OP_ADCX;
    uint32_t flag = is_carry ? CPU_ARITH_CF : CPU_ARITH_OF;
    unsigned width = insn->operands[0].width;
    uint64_t a = cpu_register_read(cpu, &insn->operands[0]);
    uint64_t carry = (cpu->arith & flag) != 0;
    uint64_t b, sum;
    bool carried;

    if (!cpu_operand_read(cpu, insn, 1, &b)) {
        return CPU_FAULT;
    }
    if (width == 8) {
        carried = __builtin_add_overflow(a, b, &sum);
        carried |= __builtin_add_overflow(sum, carry, &sum);
    } else {
        sum = a + b + carry;
        carried = sum >> 32 != 0;
    }
    cpu_register_write(cpu, &insn->operands[0], sum);
    cpu->arith = (cpu->arith & ~flag) | (carried ? flag : 0);
    return CPU_NEXT;
}

uint32_t cpu_int_flags_of_compare(uint64_t a, uint64_t b, unsigned width)
{
    uint8_t v8 = (uint8_t)a;
    uint16_t v16 = (uint16_t)a;
    uint32_t v32 = (uint32_t)a;

    switch (width) {
    case 1:
        return cpu_alu_cmp_8(&v8, (uint8_t)b, 0);
    case 2:
        return cpu_alu_cmp_16(&v16, (uint16_t)b, 0);
    case 4:
        return cpu_alu_cmp_32(&v32, (uint32_t)b, 0);
    default:
        return cpu_alu_cmp_64(&a, b, 0);
    }
}
