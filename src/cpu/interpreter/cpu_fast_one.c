/* Fast handlers of instructions with one operand, extensions, shifts, multiplications, LEA. */
#include "cpu/interpreter/cpu_fast.h"

#define NOTHING (void)0
#define CPU_BODY(name, declare, action)                                                            \
    CPU_FAST(name)                                                                                 \
    {                                                                                              \
        declare;                                                                                   \
        action;                                                                                    \
        CPU_GO(op + 1, flags);                                                                     \
    }

/* ---- INC DEC NEG NOT ---- */

#define ONE_PLACE(name, bits, form, declare, get, set)                                             \
    CPU_FAST(name##_##bits##_##form)                                                               \
    {                                                                                              \
        declare;                                                                                   \
        uint##bits##_t value = get;                                                                \
                                                                                                   \
        flags = cpu_alu_##name##_##bits(&value, (uint32_t)flags);                                  \
        set;                                                                                       \
        CPU_GO(op + 1, flags);                                                                     \
    }
#define ONE(name, bits)                                                                            \
    ONE_PLACE(name, bits, r, NOTHING, CPU_GET_##bits(op->target),                                  \
              CPU_SET_##bits(op->target, value))                                                   \
    ONE_PLACE(name, bits, m, CPU_MEMORY(write, m, bits), at->v, at->v = value)                     \
    ONE_PLACE(name, bits, x, CPU_MEMORY(write, x, bits), at->v, at->v = value)
#define NOT(bits)                                                                                  \
    CPU_BODY(not_##bits##_r, NOTHING,                                                              \
             CPU_SET_##bits(op->target, (uint##bits##_t) ~CPU_GET_##bits(op->target)))             \
    CPU_BODY(not_##bits##_m, CPU_MEMORY(write, m, bits), at->v = (uint##bits##_t) ~at->v)          \
    CPU_BODY(not_##bits##_x, CPU_MEMORY(write, x, bits), at->v = (uint##bits##_t) ~at->v)

ONE(inc, 8)
ONE(inc, 16)
ONE(inc, 32)
ONE(inc, 64)
ONE(dec, 8)
ONE(dec, 16)
ONE(dec, 32)
ONE(dec, 64)
ONE(neg, 8)
ONE(neg, 16)
ONE(neg, 32)
ONE(neg, 64)
NOT(8)
NOT(16)
NOT(32)
NOT(64)

/* ---- MOVZX MOVSX MOVSXD ---- */

#define EXTEND(name, from, to, type, wide)                                                         \
    CPU_BODY(name##_##from##_##to##_r, NOTHING,                                                    \
             CPU_SET_##to(op->target, (wide)(type)CPU_GET_##from(op->source)))                     \
    CPU_BODY(name##_##from##_##to##_m, CPU_MEMORY(read, m, from),                                  \
             CPU_SET_##to(op->target, (wide)(type)at->v))                                          \
    CPU_BODY(name##_##from##_##to##_x, CPU_MEMORY(read, x, from),                                  \
             CPU_SET_##to(op->target, (wide)(type)at->v))

EXTEND(movzx, 8, 32, uint8_t, uint32_t)
EXTEND(movzx, 16, 32, uint16_t, uint32_t)
EXTEND(movsx, 8, 32, int8_t, uint32_t)
EXTEND(movsx, 16, 32, int16_t, uint32_t)
EXTEND(movsx, 8, 64, int8_t, uint64_t)
EXTEND(movsx, 16, 64, int16_t, uint64_t)
EXTEND(movsx, 32, 64, int32_t, uint64_t)

/* ---- shifts ---- */

#define SHIFT(name, bits)                                                                          \
    CPU_FAST(name##_##bits##_i)                                                                    \
    {                                                                                              \
        uint##bits##_t value = CPU_GET_##bits(op->target);                                         \
                                                                                                   \
        flags = cpu_alu_##name##_##bits(&value, (uint8_t)op->imm, (uint32_t)flags);                \
        CPU_SET_##bits(op->target, value);                                                         \
        CPU_GO(op + 1, flags);                                                                     \
    }                                                                                              \
    CPU_FAST(name##_##bits##_c)                                                                    \
    {                                                                                              \
        uint##bits##_t value = CPU_GET_##bits(op->target);                                         \
                                                                                                   \
        flags = cpu_alu_##name##_##bits(&value, (uint8_t)cpu->gpr[X86_RCX], (uint32_t)flags);      \
        CPU_SET_##bits(op->target, value);                                                         \
        CPU_GO(op + 1, flags);                                                                     \
    }

SHIFT(rol, 32)
SHIFT(rol, 64)
SHIFT(ror, 32)
SHIFT(ror, 64)
SHIFT(shl, 32)
SHIFT(shl, 64)
SHIFT(shr, 32)
SHIFT(shr, 64)
SHIFT(sar, 32)
SHIFT(sar, 64)

/* ---- IMUL of two and three operands ---- */

#define MULTIPLY(bits, form, declare, get, source)                                                 \
    CPU_FAST(imul_##bits##_##form)                                                                 \
    {                                                                                              \
        declare;                                                                                   \
        uint##bits##_t value = get;                                                                \
                                                                                                   \
        flags = cpu_alu_imul_##bits(&value, source, (uint32_t)flags);                              \
        CPU_SET_##bits(op->target, value);                                                         \
        CPU_GO(op + 1, flags);                                                                     \
    }
#define MULTIPLIES(bits)                                                                           \
    MULTIPLY(bits, r, NOTHING, CPU_GET_##bits(op->target), CPU_GET_##bits(op->source))             \
    MULTIPLY(bits, m, CPU_MEMORY(read, m, bits), CPU_GET_##bits(op->target), at->v)                \
    MULTIPLY(bits, x, CPU_MEMORY(read, x, bits), CPU_GET_##bits(op->target), at->v)                \
    MULTIPLY(bits, ri, NOTHING, CPU_GET_##bits(op->source), (uint##bits##_t)(int64_t)op->imm)

MULTIPLIES(32)
MULTIPLIES(64)

/* ---- bits ---- */

#define BIT_TEST(bits)                                                                             \
    CPU_FAST(bt_##bits##_i)                                                                        \
    {                                                                                              \
        uint##bits##_t value = CPU_GET_##bits(op->target);                                         \
                                                                                                   \
        flags = cpu_alu_bt_##bits(&value, (uint##bits##_t)op->imm, (uint32_t)flags);               \
        CPU_GO(op + 1, flags);                                                                     \
    }                                                                                              \
    CPU_FAST(bt_##bits##_r)                                                                        \
    {                                                                                              \
        uint##bits##_t value = CPU_GET_##bits(op->target);                                         \
                                                                                                   \
        flags = cpu_alu_bt_##bits(&value, CPU_GET_##bits(op->source), (uint32_t)flags);            \
        CPU_GO(op + 1, flags);                                                                     \
    }

BIT_TEST(32)
BIT_TEST(64)

/* ---- registers alone, no flags ---- */

CPU_BODY(lea_32_m, NOTHING, CPU_SET_32(op->target, CPU_LINEAR_m))
CPU_BODY(lea_32_x, NOTHING, CPU_SET_32(op->target, CPU_LINEAR_x))
CPU_BODY(lea_64_m, NOTHING, CPU_SET_64(op->target, CPU_LINEAR_m))
CPU_BODY(lea_64_x, NOTHING, CPU_SET_64(op->target, CPU_LINEAR_x))
CPU_BODY(mov_64_i64, NOTHING, CPU_SET_64(op->target, op->imm64))
CPU_BODY(cwde, NOTHING, CPU_SET_32(X86_RAX, (uint32_t)(int16_t)cpu->gpr[X86_RAX]))
CPU_BODY(cdqe, NOTHING, CPU_SET_64(X86_RAX, (uint64_t)(int32_t)cpu->gpr[X86_RAX]))
CPU_BODY(cdq, NOTHING, CPU_SET_32(X86_RDX, (uint32_t)((int32_t)cpu->gpr[X86_RAX] >> 31)))
CPU_BODY(cqo, NOTHING, CPU_SET_64(X86_RDX, (uint64_t)((int64_t)cpu->gpr[X86_RAX] >> 63)))
CPU_BODY(bswap_32, NOTHING,
         CPU_SET_32(op->target, __builtin_bswap32((uint32_t)cpu->gpr[op->target])))
CPU_BODY(bswap_64, NOTHING, CPU_SET_64(op->target, __builtin_bswap64(cpu->gpr[op->target])))
CPU_BODY(nop, NOTHING, NOTHING)

#define EXCHANGE(bits)                                                                             \
    CPU_FAST(xchg_##bits##_r)                                                                      \
    {                                                                                              \
        uint##bits##_t value = CPU_GET_##bits(op->target);                                         \
                                                                                                   \
        CPU_SET_##bits(op->target, CPU_GET_##bits(op->source));                                    \
        CPU_SET_##bits(op->source, value);                                                         \
        CPU_GO(op + 1, flags);                                                                     \
    }
EXCHANGE(32)
EXCHANGE(64)

/* ---- by condition ---- */

#define CONDITIONAL(code)                                                                          \
    CPU_BODY(setcc_##code, NOTHING, CPU_SET_8(op->target, cpu_condition((uint32_t)flags, code)))   \
    CPU_BODY(cmov_32_##code, NOTHING,                                                              \
             CPU_SET_32(op->target, cpu_condition((uint32_t)flags, code)                           \
                                        ? CPU_GET_32(op->source)                                   \
                                        : CPU_GET_32(op->target)))                                 \
    CPU_BODY(cmov_64_##code, NOTHING,                                                              \
             CPU_SET_64(op->target, cpu_condition((uint32_t)flags, code)                           \
                                        ? CPU_GET_64(op->source)                                   \
                                        : CPU_GET_64(op->target)))
CONDITIONAL(0)
CONDITIONAL(1)
CONDITIONAL(2)
CONDITIONAL(3)
CONDITIONAL(4)
CONDITIONAL(5)
CONDITIONAL(6)
CONDITIONAL(7)
CONDITIONAL(8)
CONDITIONAL(9)
CONDITIONAL(10)
CONDITIONAL(11)
CONDITIONAL(12)
CONDITIONAL(13)
CONDITIONAL(14)
CONDITIONAL(15)
