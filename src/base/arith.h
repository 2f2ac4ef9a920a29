/* Checked arithmetic: each macro stores the result and yields true when it did not fit. */
#pragma once

#define st_add_overflows(a, b, ret_sum) __builtin_add_overflow((a), (b), (ret_sum))
#define st_sub_overflows(a, b, ret_difference) __builtin_sub_overflow((a), (b), (ret_difference))
#define st_mul_overflows(a, b, ret_product) __builtin_mul_overflow((a), (b), (ret_product))

/* `value` rounded up to a multiple of `align`, a power of two. The caller knows that it fits. */
#define ST_ALIGN_UP(value, align)                                                                  \
    (((value) + ((__typeof__(value))(align)-1)) & ~((__typeof__(value))(align)-1))

/* `value` rounded down to a multiple of `align`, a power of two. */
#define ST_ALIGN_DOWN(value, align) ((value) & ~((__typeof__(value))(align)-1))
