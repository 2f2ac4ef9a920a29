/* Fast handlers of instructions with two operands: ADD to XOR, CMP, TEST, MOV. */
#include "cpu/interpreter/cpu_fast.h"

#define IMMEDIATE(bits) ((uint##bits##_t)(int64_t)op->imm)

/* target = target op source. */
#define MODIFY(name, bits, form, declare, get, source, set)                                        \
    CPU_FAST(name##_##bits##_##form)                                                               \
    {                                                                                              \
        declare;                                                                                   \
        uint##bits##_t value = get;                                                                \
                                                                                                   \
        flags = cpu_alu_##name##_##bits(&value, source, (uint32_t)flags);                          \
        set;                                                                                       \
        CPU_GO(op + 1, flags);                                                                     \
    }
/* target op source, for the flags alone. */
#define COMPARE(name, bits, form, declare, get, source)                                            \
    MODIFY(name, bits, form, declare, get, source, (void)value)

#define NOTHING (void)0
#define READ(form, bits) CPU_MEMORY(read, form, bits)
#define WRITE(form, bits) CPU_MEMORY(write, form, bits)

#define TWO(name, bits)                                                                            \
    MODIFY(name, bits, rr, NOTHING, CPU_GET_##bits(op->target), CPU_GET_##bits(op->source),        \
           CPU_SET_##bits(op->target, value))                                                      \
    MODIFY(name, bits, ri, NOTHING, CPU_GET_##bits(op->target), IMMEDIATE(bits),                   \
           CPU_SET_##bits(op->target, value))                                                      \
    MODIFY(name, bits, rm_m, READ(m, bits), CPU_GET_##bits(op->target), at->v,                     \
           CPU_SET_##bits(op->target, value))                                                      \
    MODIFY(name, bits, rm_x, READ(x, bits), CPU_GET_##bits(op->target), at->v,                     \
           CPU_SET_##bits(op->target, value))                                                      \
    MODIFY(name, bits, mr_m, WRITE(m, bits), at->v, CPU_GET_##bits(op->source), at->v = value)     \
    MODIFY(name, bits, mr_x, WRITE(x, bits), at->v, CPU_GET_##bits(op->source), at->v = value)     \
    MODIFY(name, bits, mi_m, WRITE(m, bits), at->v, IMMEDIATE(bits), at->v = value)                \
    MODIFY(name, bits, mi_x, WRITE(x, bits), at->v, IMMEDIATE(bits), at->v = value)

#define TWO_COMPARED(name, bits)                                                                   \
    COMPARE(name, bits, rr, NOTHING, CPU_GET_##bits(op->target), CPU_GET_##bits(op->source))       \
    COMPARE(name, bits, ri, NOTHING, CPU_GET_##bits(op->target), IMMEDIATE(bits))                  \
    COMPARE(name, bits, rm_m, READ(m, bits), CPU_GET_##bits(op->target), at->v)                    \
    COMPARE(name, bits, rm_x, READ(x, bits), CPU_GET_##bits(op->target), at->v)                    \
    COMPARE(name, bits, mr_m, READ(m, bits), at->v, CPU_GET_##bits(op->source))                    \
    COMPARE(name, bits, mr_x, READ(x, bits), at->v, CPU_GET_##bits(op->source))                    \
    COMPARE(name, bits, mi_m, READ(m, bits), at->v, IMMEDIATE(bits))                               \
    COMPARE(name, bits, mi_x, READ(x, bits), at->v, IMMEDIATE(bits))

#define WIDTHS(kind, name) kind(name, 8) kind(name, 16) kind(name, 32) kind(name, 64)

WIDTHS(TWO, add)
WIDTHS(TWO, or)
WIDTHS(TWO, adc)
WIDTHS(TWO, sbb)
WIDTHS(TWO, and)
WIDTHS(TWO, sub)
WIDTHS(TWO, xor)
WIDTHS(TWO_COMPARED, cmp)
WIDTHS(TWO_COMPARED, test)

#define MOVE(bits, form, declare, action)                                                          \
    CPU_FAST(mov_##bits##_##form)                                                                  \
    {                                                                                              \
        declare;                                                                                   \
        action;                                                                                    \
        CPU_GO(op + 1, flags);                                                                     \
    }
#define MOV(bits)                                                                                  \
    MOVE(bits, rr, NOTHING, CPU_SET_##bits(op->target, CPU_GET_##bits(op->source)))                \
    MOVE(bits, ri, NOTHING, CPU_SET_##bits(op->target, IMMEDIATE(bits)))                           \
    MOVE(bits, rm_m, READ(m, bits), CPU_SET_##bits(op->target, at->v))                             \
    MOVE(bits, rm_x, READ(x, bits), CPU_SET_##bits(op->target, at->v))                             \
    MOVE(bits, mr_m, WRITE(m, bits), at->v = CPU_GET_##bits(op->source))                           \
    MOVE(bits, mr_x, WRITE(x, bits), at->v = CPU_GET_##bits(op->source))                           \
    MOVE(bits, mi_m, WRITE(m, bits), at->v = IMMEDIATE(bits))                                      \
    MOVE(bits, mi_x, WRITE(x, bits), at->v = IMMEDIATE(bits))

MOV(8)
MOV(16)
MOV(32)
MOV(64)
