/* Shifts, rotations, and the bit instructions of a bit string. */
#include "cpu/interpreter/cpu_alu.h"
#include "cpu/interpreter/cpu_integer.h"
#include "cpu/interpreter/cpu_operand.h"

#define CPU_SHIFT(name)                                                                            \
    static bool compute_##name(struct cpu_modify *modify, uint64_t *value)                         \
    {                                                                                              \
        uint8_t count = (uint8_t)modify->count;                                                    \
        uint8_t v8 = (uint8_t)*value;                                                              \
        uint16_t v16 = (uint16_t)*value;                                                           \
        uint32_t v32 = (uint32_t)*value;                                                           \
                                                                                                   \
        switch (modify->width) {                                                                   \
        case 1:                                                                                    \
            modify->flags = cpu_alu_##name##_8(&v8, count, modify->flags);                         \
            *value = v8;                                                                           \
            break;                                                                                 \
        case 2:                                                                                    \
            modify->flags = cpu_alu_##name##_16(&v16, count, modify->flags);                       \
            *value = v16;                                                                          \
            break;                                                                                 \
        case 4:                                                                                    \
            modify->flags = cpu_alu_##name##_32(&v32, count, modify->flags);                       \
            *value = v32;                                                                          \
            break;                                                                                 \
        default:                                                                                   \
            modify->flags = cpu_alu_##name##_64(value, count, modify->flags);                      \
            break;                                                                                 \
        }                                                                                          \
        return true;                                                                               \
    }

CPU_SHIFT(rol)
CPU_SHIFT(ror)
CPU_SHIFT(rcl)
CPU_SHIFT(rcr)
CPU_SHIFT(shl)
CPU_SHIFT(shr)
CPU_SHIFT(sar)

static cpu_compute *shift_of(const struct x86_insn *insn)
{
    switch (x86_rows[insn->row].op) {
    case X86_OP_ROL:
        return compute_rol;
    case X86_OP_ROR:
        return compute_ror;
    case X86_OP_RCL:
        return compute_rcl;
    case X86_OP_RCR:
        return compute_rcr;
    case X86_OP_SHR:
        return compute_shr;
    case X86_OP_SAR:
        return compute_sar;
    default:
        return compute_shl;
    }
}

/* ROL ROR RCL RCR SHL SHR SAR */
enum cpu_result cpu_int_shift(struct cpu *cpu, const struct x86_insn *insn)
{
    struct cpu_modify modify = {.insn = insn};

    (void)cpu_operand_read(cpu, insn, 1, &modify.count);
    return cpu_operand_modify(cpu, &modify, 0, shift_of(insn));
}

#define CPU_SHIFT_DOUBLE(name)                                                                     \
    static bool compute_##name(struct cpu_modify *modify, uint64_t *value)                         \
    {                                                                                              \
        uint8_t count = (uint8_t)modify->count;                                                    \
        uint16_t v16 = (uint16_t)*value;                                                           \
        uint32_t v32 = (uint32_t)*value;                                                           \
                                                                                                   \
        switch (modify->width) {                                                                   \
        case 2:                                                                                    \
            modify->flags =                                                                        \
                cpu_alu_##name##_16(&v16, (uint16_t)modify->source, count, modify->flags);         \
            *value = v16;                                                                          \
            break;                                                                                 \
        case 4:                                                                                    \
            modify->flags =                                                                        \
                cpu_alu_##name##_32(&v32, (uint32_t)modify->source, count, modify->flags);         \
            *value = v32;                                                                          \
            break;                                                                                 \
        default:                                                                                   \
            modify->flags = cpu_alu_##name##_64(value, modify->source, count, modify->flags);      \
            break;                                                                                 \
        }                                                                                          \
        return true;                                                                               \
    }

CPU_SHIFT_DOUBLE(shld)
CPU_SHIFT_DOUBLE(shrd)

enum cpu_result cpu_int_shift_double(struct cpu *cpu, const struct x86_insn *insn)
{
    struct cpu_modify modify = {.insn = insn};

    (void)cpu_operand_read(cpu, insn, 1, &modify.source);
    (void)cpu_operand_read(cpu, insn, 2, &modify.count);
    return cpu_operand_modify(cpu, &modify, 0,
                              x86_rows[insn->row].op == X86_OP_SHLD ? compute_shld : compute_shrd);
}

/* BT BTS BTR BTC within a value: the host masks the bit's number. */
CPU_COMPUTE(bt)
CPU_COMPUTE(bts)
CPU_COMPUTE(btr)
CPU_COMPUTE(btc)

/* With a register for the bit's number a memory operand is a string of bits: the number, signed,
 * moves the operand. */
enum cpu_result cpu_int_bit(struct cpu *cpu, const struct x86_insn *insn)
{
    uint16_t op = x86_rows[insn->row].op;
    unsigned width = insn->operands[0].width;
    struct cpu_modify modify = {.insn = insn, .width = width};
    uint64_t displaced = 0;
    uint64_t value;

    (void)cpu_operand_read(cpu, insn, 1, &modify.source);
    if (cpu_operand_is_memory(insn, 0) && insn->operands[1].kind == X86_GPR) {
        int64_t number = cpu_sign_extend(modify.source, width);
        int64_t units = number >> (width == 2 ? 4 : width == 4 ? 5 : 6);

        displaced = (uint64_t)units * width;
    }
    if (op != X86_OP_BT) {
        return cpu_operand_modify(cpu, &modify, displaced,
                                  op == X86_OP_BTS   ? compute_bts
                                  : op == X86_OP_BTR ? compute_btr
                                                     : compute_btc);
    }
    if (cpu_operand_is_memory(insn, 0)) {
        uint64_t offset = (cpu_effective(cpu, insn) + displaced) & cpu_mask_of(insn->addrsize);

        value = 0;
        if (!cpu_load(cpu, (enum x86_seg)insn->mem.seg, offset, &value, width)) {
            return CPU_FAULT;
        }
    } else {
        value = cpu_register_read(cpu, &insn->operands[0]);
    }
    modify.flags = cpu->arith;
    compute_bt(&modify, &value);
    cpu->arith = modify.flags;
    return CPU_NEXT;
}

/* SHLX SHRX SARX RORX: no flags. */
enum cpu_result cpu_int_shift_bmi(struct cpu *cpu, const struct x86_insn *insn)
{
    struct cpu_modify modify = {.insn = insn, .width = insn->operands[0].width};
    uint64_t value;

    if (!cpu_operand_read(cpu, insn, 1, &value)) {
        return CPU_FAULT;
    }
    (void)cpu_operand_read(cpu, insn, 2, &modify.count);
    switch (x86_rows[insn->row].op) {
    case X86_OP_SHLX:
        compute_shl(&modify, &value);
        break;
    case X86_OP_SHRX:
        compute_shr(&modify, &value);
        break;
    case X86_OP_SARX:
        compute_sar(&modify, &value);
        break;
    default:
        compute_ror(&modify, &value);
        break;
    }
    cpu_register_write(cpu, &insn->operands[0], value);
    return CPU_NEXT;
}
