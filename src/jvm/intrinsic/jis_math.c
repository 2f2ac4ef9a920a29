/*
 * java.lang.Math, and the bits of numbers. Math.sin, cos, tan, exp, log and pow are the host's:
 * less than 1 ulp from the exact result, as Math may be; StrictMath stays the library's fdlibm.
 * log10, of which the host is less sure, is computed with the 64-bit fraction of long double.
 */
#include <math.h>

#include "jvm/intrinsic/jis_priv.h"

static bool give_long(union jrt_slot *result, int64_t value)
{
    result->j = value;
    return true;
}

static bool give_float(union jrt_slot *result, float value)
{
    result->word = 0;
    result->f = value;
    return true;
}

static bool give_double(union jrt_slot *result, double value)
{
    result->d = value;
    return true;
}

/* Beyond, the host's reduction by pi has not the digits that an argument near a multiple of it
 * takes: StrictMath's, which the library's method calls, has. */
static bool is_reduced_well(double argument)
{
    return fabs(argument) < 1e8;
}

JIS(math_sin)
{
    if (!is_reduced_well(args[0].d)) {
        return false;
    }
    return give_double(result, sin(args[0].d));
}

JIS(math_cos)
{
    if (!is_reduced_well(args[0].d)) {
        return false;
    }
    return give_double(result, cos(args[0].d));
}

JIS(math_tan)
{
    if (!is_reduced_well(args[0].d)) {
        return false;
    }
    return give_double(result, tan(args[0].d));
}

JIS(math_exp)
{
    return give_double(result, exp(args[0].d));
}

JIS(math_log)
{
    return give_double(result, log(args[0].d));
}

JIS(math_log10)
{
    return give_double(result, (double)log10l(args[0].d));
}

/* C99's powers of 1 and -1 are numbers where Java's are none. */
JIS(math_pow)
{
    double base = args[0].d;
    double exponent = args[2].d;
    if (isnan(exponent) || (isinf(exponent) && fabs(base) == 1)) {
        return give_double(result, NAN);
    }
    return give_double(result, pow(base, exponent));
}

JIS(math_sqrt)
{
    return give_double(result, sqrt(args[0].d));
}

JIS(math_fma)
{
    return give_double(result, fma(args[0].d, args[2].d, args[4].d));
}

JIS(math_fmaf)
{
    return give_float(result, fmaf(args[0].f, args[1].f, args[2].f));
}

JIS(math_floor)
{
    return give_double(result, floor(args[0].d));
}

JIS(math_ceil)
{
    return give_double(result, ceil(args[0].d));
}

JIS(math_rint)
{
    return give_double(result, rint(args[0].d));
}

JIS(abs_int)
{
    int32_t value = args[0].i;
    return jis_give(result, (int32_t)(value < 0 ? 0 - (uint32_t)value : (uint32_t)value));
}

JIS(abs_long)
{
    int64_t value = args[0].j;
    return give_long(result, (int64_t)(value < 0 ? 0 - (uint64_t)value : (uint64_t)value));
}

JIS(abs_float)
{
    return jis_give(result, args[0].i & INT32_MAX);
}

JIS(abs_double)
{
    return give_long(result, args[0].j & INT64_MAX);
}

JIS(max_int)
{
    return jis_give(result, args[0].i >= args[1].i ? args[0].i : args[1].i);
}

JIS(min_int)
{
    return jis_give(result, args[0].i <= args[1].i ? args[0].i : args[1].i);
}

JIS(max_long)
{
    return give_long(result, args[0].j >= args[2].j ? args[0].j : args[2].j);
}

JIS(min_long)
{
    return give_long(result, args[0].j <= args[2].j ? args[0].j : args[2].j);
}

/* The larger (smaller) of two of which neither is NaN and that are not zeros both: the rest is left
 * to the bytecode. */
JIS(max_double)
{
    double a = args[0].d;
    double b = args[2].d;
    return (a > b || b > a) && give_double(result, a > b ? a : b);
}

JIS(min_double)
{
    double a = args[0].d;
    double b = args[2].d;
    return (a > b || b > a) && give_double(result, a < b ? a : b);
}

JIS(max_float)
{
    float a = args[0].f;
    float b = args[1].f;
    return (a > b || b > a) && give_float(result, a > b ? a : b);
}

JIS(min_float)
{
    float a = args[0].f;
    float b = args[1].f;
    return (a > b || b > a) && give_float(result, a < b ? a : b);
}

JIS(add_exact)
{
    int32_t sum;
    return !__builtin_add_overflow(args[0].i, args[1].i, &sum) && jis_give(result, sum);
}

JIS(add_exact_long)
{
    int64_t sum;
    return !__builtin_add_overflow(args[0].j, args[2].j, &sum) && give_long(result, sum);
}

JIS(subtract_exact)
{
    int32_t difference;
    return !__builtin_sub_overflow(args[0].i, args[1].i, &difference) &&
           jis_give(result, difference);
}

JIS(subtract_exact_long)
{
    int64_t difference;
    return !__builtin_sub_overflow(args[0].j, args[2].j, &difference) &&
           give_long(result, difference);
}

JIS(multiply_exact)
{
    int32_t product;
    return !__builtin_mul_overflow(args[0].i, args[1].i, &product) && jis_give(result, product);
}

JIS(multiply_exact_long)
{
    int64_t product;
    return !__builtin_mul_overflow(args[0].j, args[2].j, &product) && give_long(result, product);
}

JIS(multiply_high)
{
    return give_long(result, (int64_t)((__int128)args[0].j * args[2].j >> 64));
}

JIS(bit_count)
{
    return jis_give(result, __builtin_popcount((uint32_t)args[0].i));
}

JIS(bit_count_long)
{
    return jis_give(result, __builtin_popcountll(args[0].word));
}

JIS(leading_zeros)
{
    uint32_t word = (uint32_t)args[0].i;
    return jis_give(result, word != 0 ? __builtin_clz(word) : 32);
}

JIS(leading_zeros_long)
{
    return jis_give(result, args[0].word != 0 ? __builtin_clzll(args[0].word) : 64);
}

JIS(trailing_zeros)
{
    uint32_t word = (uint32_t)args[0].i;
    return jis_give(result, word != 0 ? __builtin_ctz(word) : 32);
}

JIS(trailing_zeros_long)
{
    return jis_give(result, args[0].word != 0 ? __builtin_ctzll(args[0].word) : 64);
}

JIS(reverse_bytes)
{
    return jis_give(result, (int32_t)__builtin_bswap32((uint32_t)args[0].i));
}

JIS(reverse_bytes_long)
{
    return give_long(result, (int64_t)__builtin_bswap64(args[0].word));
}

JIS(float_to_bits)
{
    return jis_give(result, isnan(args[0].f) ? 0x7fc00000 : args[0].i);
}

JIS(double_to_bits)
{
    return give_long(result, isnan(args[0].d) ? 0x7ff8000000000000 : args[0].j);
}

/* (int index, int length, ...): an index that is in range. */
JIS(check_index)
{
    return args[0].i >= 0 && args[0].i < args[1].i && jis_give(result, args[0].i);
}

/* A float's or double's bits are its slot. */
#define SAME_SLOT(id)                                                                              \
    JIS(id)                                                                                        \
    {                                                                                              \
        *result = args[0];                                                                         \
        return true;                                                                               \
    }
SAME_SLOT(float_bits)
SAME_SLOT(bits_float)
SAME_SLOT(double_bits)
SAME_SLOT(bits_double)

JIS(strict_sqrt)
{
    return give_double(result, sqrt(args[0].d));
}
