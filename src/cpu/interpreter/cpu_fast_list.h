/*
 * The fast handlers, one X(name) each. Their order is what cpu_code_lower.c computes with.
 */
#pragma once

/* Memory operands come in two forms: _m is base + disp of 64-bit code, _x is everything that has
 * no checks: base + index << shift + disp in a segment, truncated to the mode's addresses. */

/* Two operands: register and register or immediate, register and memory, memory and register or
 * immediate. */
#define CPU_FAST_FORMS(X, name)                                                                    \
    X(name##_rr)                                                                                   \
    X(name##_ri)                                                                                   \
    X(name##_rm_m) X(name##_rm_x) X(name##_mr_m) X(name##_mr_x) X(name##_mi_m) X(name##_mi_x)
#define CPU_FAST_WIDTHS(X, name)                                                                   \
    CPU_FAST_FORMS(X, name##_8)                                                                    \
    CPU_FAST_FORMS(X, name##_16) CPU_FAST_FORMS(X, name##_32) CPU_FAST_FORMS(X, name##_64)
#define CPU_FAST_TWO_LIST(X)                                                                       \
    CPU_FAST_WIDTHS(X, add)                                                                        \
    CPU_FAST_WIDTHS(X, or)                                                                         \
    CPU_FAST_WIDTHS(X, adc)                                                                        \
    CPU_FAST_WIDTHS(X, sbb)                                                                        \
    CPU_FAST_WIDTHS(X, and)                                                                        \
    CPU_FAST_WIDTHS(X, sub)                                                                        \
    CPU_FAST_WIDTHS(X, xor)                                                                        \
    CPU_FAST_WIDTHS(X, cmp) CPU_FAST_WIDTHS(X, test) CPU_FAST_WIDTHS(X, mov)

/* One operand: register or memory. */
#define CPU_FAST_PLACES(X, name) X(name##_r) X(name##_m) X(name##_x)
#define CPU_FAST_ONE_WIDTHS(X, name)                                                               \
    CPU_FAST_PLACES(X, name##_8)                                                                   \
    CPU_FAST_PLACES(X, name##_16) CPU_FAST_PLACES(X, name##_32) CPU_FAST_PLACES(X, name##_64)
#define CPU_FAST_ONE_LIST(X)                                                                       \
    CPU_FAST_ONE_WIDTHS(X, inc)                                                                    \
    CPU_FAST_ONE_WIDTHS(X, dec) CPU_FAST_ONE_WIDTHS(X, neg) CPU_FAST_ONE_WIDTHS(X, not )

/* Extensions: from a register or memory of the first width to a register of the second. */
#define CPU_FAST_EXTEND_LIST(X)                                                                    \
    CPU_FAST_PLACES(X, movzx_8_32)                                                                 \
    CPU_FAST_PLACES(X, movzx_16_32)                                                                \
    CPU_FAST_PLACES(X, movsx_8_32)                                                                 \
    CPU_FAST_PLACES(X, movsx_16_32)                                                                \
    CPU_FAST_PLACES(X, movsx_8_64)                                                                 \
    CPU_FAST_PLACES(X, movsx_16_64) CPU_FAST_PLACES(X, movsx_32_64)

/* Shifts of registers by an immediate and by CL. */
#define CPU_FAST_SHIFT(X, name) X(name##_32_i) X(name##_32_c) X(name##_64_i) X(name##_64_c)
#define CPU_FAST_SHIFT_LIST(X)                                                                     \
    CPU_FAST_SHIFT(X, rol)                                                                         \
    CPU_FAST_SHIFT(X, ror) CPU_FAST_SHIFT(X, shl) CPU_FAST_SHIFT(X, shr) CPU_FAST_SHIFT(X, sar)

/* By condition, in the order of the opcodes' low nibble. */
#define CPU_FAST_CONDITIONS(X, name)                                                               \
    X(name##_0)                                                                                    \
    X(name##_1)                                                                                    \
    X(name##_2)                                                                                    \
    X(name##_3)                                                                                    \
    X(name##_4)                                                                                    \
    X(name##_5)                                                                                    \
    X(name##_6)                                                                                    \
    X(name##_7)                                                                                    \
    X(name##_8)                                                                                    \
    X(name##_9)                                                                                    \
    X(name##_10)                                                                                   \
    X(name##_11) X(name##_12) X(name##_13) X(name##_14) X(name##_15)
#define CPU_FAST_CONDITION_LIST(X)                                                                 \
    CPU_FAST_CONDITIONS(X, setcc)                                                                  \
    CPU_FAST_CONDITIONS(X, cmov_32)                                                                \
    CPU_FAST_CONDITIONS(X, cmov_64) CPU_FAST_CONDITIONS(X, jcc_near) CPU_FAST_CONDITIONS(X, jcc_far)

#define CPU_FAST_OTHER_LIST(X)                                                                     \
    X(lea_32_m)                                                                                    \
    X(lea_32_x)                                                                                    \
    X(lea_64_m)                                                                                    \
    X(lea_64_x)                                                                                    \
    X(mov_64_i64)                                                                                  \
    X(imul_32_r)                                                                                   \
    X(imul_32_m)                                                                                   \
    X(imul_32_x)                                                                                   \
    X(imul_64_r)                                                                                   \
    X(imul_64_m)                                                                                   \
    X(imul_64_x)                                                                                   \
    X(imul_32_ri)                                                                                  \
    X(imul_64_ri)                                                                                  \
    X(cwde)                                                                                        \
    X(cdqe)                                                                                        \
    X(cdq)                                                                                         \
    X(cqo)                                                                                         \
    X(bswap_32)                                                                                    \
    X(bswap_64)                                                                                    \
    X(bt_32_i)                                                                                     \
    X(bt_64_i)                                                                                     \
    X(bt_32_r)                                                                                     \
    X(bt_64_r)                                                                                     \
    X(xchg_32_r)                                                                                   \
    X(xchg_64_r)                                                                                   \
    X(push_64_r)                                                                                   \
    X(push_64_i)                                                                                   \
    X(push_64_m)                                                                                   \
    X(push_64_x)                                                                                   \
    X(pop_64_r)                                                                                    \
    X(push_32_r)                                                                                   \
    X(push_32_i)                                                                                   \
    X(pop_32_r)                                                                                    \
    X(leave_64)                                                                                    \
    X(nop)                                                                                         \
    X(jmp_near)                                                                                    \
    X(jmp_far)                                                                                     \
    X(call_64)                                                                                     \
    X(call_32)                                                                                     \
    X(ret_64)                                                                                      \
    X(ret_32)                                                                                      \
    X(jmp_64_r)                                                                                    \
    X(jmp_64_m)                                                                                    \
    X(jmp_64_x)                                                                                    \
    X(call_64_r)                                                                                   \
    X(call_64_m)                                                                                   \
    X(call_64_x)

/* Vector and x87 instructions that are prepared (cpu_simd.h), by enum cpu_simd_form: registers, or
 * memory as _m or _x. */
#define CPU_FAST_VECTOR_LIST(X)                                                                    \
    X(simd_r)                                                                                      \
    X(simd_load_m)                                                                                 \
    X(simd_load_x)                                                                                 \
    X(simd_store_m)                                                                                \
    X(simd_store_x)                                                                                \
    X(simd_flags_r)                                                                                \
    X(simd_flags_m)                                                                                \
    X(simd_flags_x)                                                                                \
    X(simd_x87_r)                                                                                  \
    X(simd_x87_flags)                                                                              \
    X(simd_x87_load_m) X(simd_x87_load_x) X(simd_x87_store_m) X(simd_x87_store_x)

/* Not instructions, or any: see cpu_code_run.c. */
#define CPU_FAST_CONTROL_LIST(X)                                                                   \
    X(stale) X(go_on) X(careful) X(general) X(find) X(link) X(slow) X(simd_any)

#define CPU_FAST_LIST(X)                                                                           \
    CPU_FAST_CONTROL_LIST(X)                                                                       \
    CPU_FAST_TWO_LIST(X)                                                                           \
    CPU_FAST_ONE_LIST(X)                                                                           \
    CPU_FAST_EXTEND_LIST(X)                                                                        \
    CPU_FAST_SHIFT_LIST(X) CPU_FAST_CONDITION_LIST(X) CPU_FAST_OTHER_LIST(X) CPU_FAST_VECTOR_LIST(X)
