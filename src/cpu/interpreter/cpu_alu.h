/*
 * Integer operations by the host's own instructions, which give the result and the flags exactly as
 * the manual and the silicon have them, those left undefined included. Each takes the flags before
 * and returns those after, as cpu_flags.h keeps them.
 */
#pragma once

#include <stdint.h>

#include "cpu/interpreter/cpu_flags.h"

/* The host's flags to AX. */
#define CPU_ALU_GET "\n\tlahf\n\tseto %%al"
/* The guest's carry to the host's. */
#define CPU_ALU_CARRY "bt $8, %k[before]\n\t"

/* cpu_alu_NAME_BITS(&target, source, flags): target = target op source. */
#define CPU_ALU_TWO(name, bits, before_text, text)                                                 \
    static inline uint32_t cpu_alu_##name##_##bits(uint##bits##_t *target, uint##bits##_t source,  \
                                                   uint32_t before)                                \
    {                                                                                              \
        uint##bits##_t value = *target;                                                            \
        uint32_t after;                                                                            \
                                                                                                   \
        __asm__(before_text text " %[source], %[value]" CPU_ALU_GET                                \
                : [value] "+&r"(value), "=&a"(after)                                               \
                : [source] "r"(source), [before] "r"(before)                                       \
                : "cc");                                                                           \
        *target = value;                                                                           \
        return after;                                                                              \
    }

/* cpu_alu_NAME_BITS(&target, flags): target = op target. */
#define CPU_ALU_ONE(name, bits, before_text, text)                                                 \
    static inline uint32_t cpu_alu_##name##_##bits(uint##bits##_t *target, uint32_t before)        \
    {                                                                                              \
        uint##bits##_t value = *target;                                                            \
        uint32_t after;                                                                            \
                                                                                                   \
        __asm__(before_text text " %[value]" CPU_ALU_GET                                           \
                : [value] "+&r"(value), "=&a"(after)                                               \
                : [before] "r"(before)                                                             \
                : "cc");                                                                           \
        *target = value;                                                                           \
        return after;                                                                              \
    }

/* cpu_alu_NAME_BITS(&target, count, flags): a shift or rotation by CL; the count is not masked. The
 * host is given the flags before, and keeps them where the masked count is 0. */
#define CPU_ALU_SHIFT(name, bits, text)                                                            \
    static inline uint32_t cpu_alu_##name##_##bits(uint##bits##_t *target, uint8_t count,          \
                                                   uint32_t before)                                \
    {                                                                                              \
        uint##bits##_t value = *target;                                                            \
        uint32_t after = before;                                                                   \
                                                                                                   \
        __asm__("add $0x7f, %%al\n\tsahf\n\t" text " %%cl, %[value]" CPU_ALU_GET                   \
                : [value] "+&r"(value), "+&a"(after)                                               \
                : "c"(count)                                                                       \
                : "cc");                                                                           \
        *target = value;                                                                           \
        return after;                                                                              \
    }

/* cpu_alu_NAME_BITS(&target, source, count, flags): SHLD and SHRD. */
#define CPU_ALU_SHIFT_DOUBLE(name, bits, text)                                                     \
    static inline uint32_t cpu_alu_##name##_##bits(uint##bits##_t *target, uint##bits##_t source,  \
                                                   uint8_t count, uint32_t before)                 \
    {                                                                                              \
        uint##bits##_t value = *target;                                                            \
        uint32_t after = before;                                                                   \
                                                                                                   \
        __asm__("add $0x7f, %%al\n\tsahf\n\t" text " %%cl, %[source], %[value]" CPU_ALU_GET        \
                : [value] "+&r"(value), "+&a"(after)                                               \
                : "c"(count), [source] "r"(source)                                                 \
                : "cc");                                                                           \
        *target = value;                                                                           \
        return after;                                                                              \
    }

/* cpu_alu_NAME_BITS(&target, source, flags): as CPU_ALU_TWO where the operation leaves flags as
 * they were, or target as it was. */
#define CPU_ALU_SEARCH(name, bits, text)                                                           \
    static inline uint32_t cpu_alu_##name##_##bits(uint##bits##_t *target, uint##bits##_t source,  \
                                                   uint32_t before)                                \
    {                                                                                              \
        uint##bits##_t value = *target;                                                            \
        uint32_t after = before;                                                                   \
                                                                                                   \
        __asm__("add $0x7f, %%al\n\tsahf\n\t" text " %[source], %[value]" CPU_ALU_GET              \
                : [value] "+&r"(value), "+&a"(after)                                               \
                : [source] "r"(source)                                                             \
                : "cc");                                                                           \
        *target = value;                                                                           \
        return after;                                                                              \
    }

CPU_ALU_TWO(add, 8, "", "add")
CPU_ALU_TWO(add, 16, "", "add")
CPU_ALU_TWO(add, 32, "", "add")
CPU_ALU_TWO(add, 64, "", "add")
CPU_ALU_TWO(or, 8, "", "or")
CPU_ALU_TWO(or, 16, "", "or")
CPU_ALU_TWO(or, 32, "", "or")
CPU_ALU_TWO(or, 64, "", "or")
CPU_ALU_TWO(and, 8, "", "and")
CPU_ALU_TWO(and, 16, "", "and")
CPU_ALU_TWO(and, 32, "", "and")
CPU_ALU_TWO(and, 64, "", "and")
CPU_ALU_TWO(sub, 8, "", "sub")
CPU_ALU_TWO(sub, 16, "", "sub")
CPU_ALU_TWO(sub, 32, "", "sub")
CPU_ALU_TWO(sub, 64, "", "sub")
CPU_ALU_TWO(xor, 8, "", "xor")
CPU_ALU_TWO(xor, 16, "", "xor")
CPU_ALU_TWO(xor, 32, "", "xor")
CPU_ALU_TWO(xor, 64, "", "xor")
CPU_ALU_TWO(cmp, 8, "", "cmp")
CPU_ALU_TWO(cmp, 16, "", "cmp")
CPU_ALU_TWO(cmp, 32, "", "cmp")
CPU_ALU_TWO(cmp, 64, "", "cmp")
CPU_ALU_TWO(test, 8, "", "test")
CPU_ALU_TWO(test, 16, "", "test")
CPU_ALU_TWO(test, 32, "", "test")
CPU_ALU_TWO(test, 64, "", "test")
CPU_ALU_TWO(adc, 8, CPU_ALU_CARRY, "adc")
CPU_ALU_TWO(adc, 16, CPU_ALU_CARRY, "adc")
CPU_ALU_TWO(adc, 32, CPU_ALU_CARRY, "adc")
CPU_ALU_TWO(adc, 64, CPU_ALU_CARRY, "adc")
CPU_ALU_TWO(sbb, 8, CPU_ALU_CARRY, "sbb")
CPU_ALU_TWO(sbb, 16, CPU_ALU_CARRY, "sbb")
CPU_ALU_TWO(sbb, 32, CPU_ALU_CARRY, "sbb")
CPU_ALU_TWO(sbb, 64, CPU_ALU_CARRY, "sbb")
CPU_ALU_ONE(inc, 8, CPU_ALU_CARRY, "inc")
CPU_ALU_ONE(inc, 16, CPU_ALU_CARRY, "inc")
CPU_ALU_ONE(inc, 32, CPU_ALU_CARRY, "inc")
CPU_ALU_ONE(inc, 64, CPU_ALU_CARRY, "inc")
CPU_ALU_ONE(dec, 8, CPU_ALU_CARRY, "dec")
CPU_ALU_ONE(dec, 16, CPU_ALU_CARRY, "dec")
CPU_ALU_ONE(dec, 32, CPU_ALU_CARRY, "dec")
CPU_ALU_ONE(dec, 64, CPU_ALU_CARRY, "dec")
CPU_ALU_ONE(neg, 8, "", "neg")
CPU_ALU_ONE(neg, 16, "", "neg")
CPU_ALU_ONE(neg, 32, "", "neg")
CPU_ALU_ONE(neg, 64, "", "neg")
CPU_ALU_SHIFT(rol, 8, "rol")
CPU_ALU_SHIFT(rol, 16, "rol")
CPU_ALU_SHIFT(rol, 32, "rol")
CPU_ALU_SHIFT(rol, 64, "rol")
CPU_ALU_SHIFT(ror, 8, "ror")
CPU_ALU_SHIFT(ror, 16, "ror")
CPU_ALU_SHIFT(ror, 32, "ror")
CPU_ALU_SHIFT(ror, 64, "ror")
CPU_ALU_SHIFT(rcl, 8, "rcl")
CPU_ALU_SHIFT(rcl, 16, "rcl")
CPU_ALU_SHIFT(rcl, 32, "rcl")
CPU_ALU_SHIFT(rcl, 64, "rcl")
CPU_ALU_SHIFT(rcr, 8, "rcr")
CPU_ALU_SHIFT(rcr, 16, "rcr")
CPU_ALU_SHIFT(rcr, 32, "rcr")
CPU_ALU_SHIFT(rcr, 64, "rcr")
CPU_ALU_SHIFT(shl, 8, "shl")
CPU_ALU_SHIFT(shl, 16, "shl")
CPU_ALU_SHIFT(shl, 32, "shl")
CPU_ALU_SHIFT(shl, 64, "shl")
CPU_ALU_SHIFT(shr, 8, "shr")
CPU_ALU_SHIFT(shr, 16, "shr")
CPU_ALU_SHIFT(shr, 32, "shr")
CPU_ALU_SHIFT(shr, 64, "shr")
CPU_ALU_SHIFT(sar, 8, "sar")
CPU_ALU_SHIFT(sar, 16, "sar")
CPU_ALU_SHIFT(sar, 32, "sar")
CPU_ALU_SHIFT(sar, 64, "sar")
CPU_ALU_SHIFT_DOUBLE(shld, 16, "shld")
CPU_ALU_SHIFT_DOUBLE(shld, 32, "shld")
CPU_ALU_SHIFT_DOUBLE(shld, 64, "shld")
CPU_ALU_SHIFT_DOUBLE(shrd, 16, "shrd")
CPU_ALU_SHIFT_DOUBLE(shrd, 32, "shrd")
CPU_ALU_SHIFT_DOUBLE(shrd, 64, "shrd")
CPU_ALU_SEARCH(imul, 16, "imul")
CPU_ALU_SEARCH(imul, 32, "imul")
CPU_ALU_SEARCH(imul, 64, "imul")
CPU_ALU_SEARCH(bt, 16, "bt")
CPU_ALU_SEARCH(bt, 32, "bt")
CPU_ALU_SEARCH(bt, 64, "bt")
CPU_ALU_SEARCH(bts, 16, "bts")
CPU_ALU_SEARCH(bts, 32, "bts")
CPU_ALU_SEARCH(bts, 64, "bts")
CPU_ALU_SEARCH(btr, 16, "btr")
CPU_ALU_SEARCH(btr, 32, "btr")
CPU_ALU_SEARCH(btr, 64, "btr")
CPU_ALU_SEARCH(btc, 16, "btc")
CPU_ALU_SEARCH(btc, 32, "btc")
CPU_ALU_SEARCH(btc, 64, "btc")
CPU_ALU_SEARCH(bsf, 16, "bsf")
CPU_ALU_SEARCH(bsf, 32, "bsf")
CPU_ALU_SEARCH(bsf, 64, "bsf")
CPU_ALU_SEARCH(bsr, 16, "bsr")
CPU_ALU_SEARCH(bsr, 32, "bsr")
CPU_ALU_SEARCH(bsr, 64, "bsr")
