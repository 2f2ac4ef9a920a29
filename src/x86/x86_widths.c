/* Operand widths in bytes, by what each depends on (x86_tables_priv.h), and the names. */
#include "x86/x86_tables_priv.h"

const uint8_t x86_widths[X86_WIDTHS][3] = {
    /* by operand size */
    [X86_WIDTH_1] = {1, 1, 1},
    [X86_WIDTH_2] = {2, 2, 2},
    [X86_WIDTH_4] = {4, 4, 4},
    [X86_WIDTH_8] = {8, 8, 8},
    [X86_WIDTH_10] = {10, 10, 10},
    [X86_WIDTH_16] = {16, 16, 16},
    [X86_WIDTH_32] = {32, 32, 32},
    [X86_WIDTH_V] = {2, 4, 8},
    [X86_WIDTH_Z] = {2, 4, 4},
    [X86_WIDTH_Y] = {4, 4, 8},
    [X86_WIDTH_FAR] = {4, 6, 10},
    [X86_WIDTH_PAIR] = {4, 8, 16},
    [X86_WIDTH_ENV] = {14, 28, 28},
    [X86_WIDTH_SAVE] = {94, 108, 108},
    /* by mode */
    [X86_WIDTH_N] = {4, 4, 8},
    [X86_WIDTH_TABLE] = {6, 6, 10},
    /* by address size */
    [X86_WIDTH_A] = {2, 4, 8},
    /* by VEX.L */
    [X86_WIDTH_L] = {16, 32, 32},
    [X86_WIDTH_H] = {8, 16, 16},
    [X86_WIDTH_Q] = {4, 8, 8},
};

const char *x86_op_name(uint16_t op)
{
    return op < X86_OPS ? x86_names + x86_name_at[op] : "";
}

const char *x86_feature_name(uint16_t feature)
{
    const char *name = x86_feature_names;
    if (feature >= X86_FEATURES) {
        return "";
    }
    for (; feature > 0; feature--) {
        while (*name++ != 0) {
        }
    }
    return name;
}
