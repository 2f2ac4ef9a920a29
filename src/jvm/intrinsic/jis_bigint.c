/*
 * java.math.BigInteger's loops. Magnitudes are int[], most significant first; here they are worked
 * on as 64-bit limbs, least significant first, in scratch memory.
 */
#include <stdlib.h>
#include <string.h>

#include "jvm/intrinsic/jis_priv.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_known.h"

typedef unsigned __int128 wide_t;

enum { STACK_LIMBS = 320, MONTGOMERY_INTS = 512 };

static size_t limbs_of(int32_t ints)
{
    return ((size_t)(uint32_t)ints + 1) / 2;
}

static void from_ints(uint64_t *to, const uint32_t *ints, int32_t count)
{
    size_t at = 0;
    for (; count >= 2; count -= 2) {
        to[at++] = (uint64_t)ints[count - 2] << 32 | ints[count - 1];
    }
    if (count == 1) {
        to[at] = ints[0];
    }
}

static void to_ints(uint32_t *ints, const uint64_t *from, int32_t count)
{
    size_t at = 0;
    for (; count >= 2; count -= 2) {
        ints[count - 1] = (uint32_t)from[at];
        ints[count - 2] = (uint32_t)(from[at++] >> 32);
    }
    if (count == 1) {
        ints[0] = (uint32_t)from[at];
    }
}

/* to[0..count) += from[0..count) * by; the carry. */
static uint64_t add_product(uint64_t *to, const uint64_t *from, size_t count, uint64_t by)
{
    uint64_t carry = 0;
    for (size_t i = 0; i < count; i++) {
        wide_t sum = (wide_t)from[i] * by + to[i] + carry;
        to[i] = (uint64_t)sum;
        carry = (uint64_t)(sum >> 64);
    }
    return carry;
}

static void multiply(uint64_t *to, const uint64_t *a, size_t a_count, const uint64_t *b,
                     size_t b_count)
{
    memset(to, 0, a_count * sizeof *to);
    for (size_t i = 0; i < b_count; i++) {
        to[i + a_count] = add_product(to + i, a, a_count, b[i]);
    }
}

/* Products of different limbs once, doubled, and the squares. */
static void square(uint64_t *to, const uint64_t *a, size_t count)
{
    memset(to, 0, 2 * count * sizeof *to);
    for (size_t i = 0; i + 1 < count; i++) {
        to[i + count] = add_product(to + 2 * i + 1, a + i + 1, count - i - 1, a[i]);
    }
    uint64_t high = 0;
    uint64_t carry = 0;
    for (size_t i = 0; i < count; i++) {
        wide_t own = (wide_t)a[i] * a[i];
        uint64_t low = to[2 * i] << 1 | high;
        uint64_t next = to[2 * i + 1] << 1 | to[2 * i] >> 63;
        high = to[2 * i + 1] >> 63;
        wide_t sum = (wide_t)low + (uint64_t)own + carry;
        to[2 * i] = (uint64_t)sum;
        sum = (wide_t)next + (uint64_t)(own >> 64) + (uint64_t)(sum >> 64);
        to[2 * i + 1] = (uint64_t)sum;
        carry = (uint64_t)(sum >> 64);
    }
}

static uint64_t subtract(uint64_t *from, const uint64_t *what, size_t count)
{
    uint64_t borrow = 0;
    for (size_t i = 0; i < count; i++) {
        wide_t difference = (wide_t)from[i] - what[i] - borrow;
        from[i] = (uint64_t)difference;
        borrow = (uint64_t)(difference >> 64) & 1;
    }
    return borrow;
}

static bool at_least(const uint64_t *a, const uint64_t *b, size_t count)
{
    while (count-- > 0) {
        if (a[count] != b[count]) {
            return a[count] > b[count];
        }
    }
    return true;
}

/* product[0..2 count) is divided by 2^(64 count) modulo n; the result is its upper half. `inverse`:
 * -1 / n modulo 2^64. */
static void reduce(uint64_t *product, const uint64_t *n, size_t count, uint64_t inverse)
{
    uint64_t over = 0;
    for (size_t i = 0; i < count; i++) {
        wide_t sum = (wide_t)product[i + count] +
                     add_product(product + i, n, count, product[i] * inverse) + over;
        product[i + count] = (uint64_t)sum;
        over = (uint64_t)(sum >> 64);
    }
    uint64_t *result = product + count;
    while (over > 0) {
        over -= subtract(result, n, count);
    }
    while (at_least(result, n, count)) {
        (void)subtract(result, n, count);
    }
}

/* An int[] of `length` for a result: the one that was given, if it is there and long enough. */
static struct job_array *room_for(struct jrt_thread *thread, struct job_array *given,
                                  int32_t length)
{
    if (given != NULL && given->length >= length) {
        return given;
    }
    return jrt_new_array(thread, jrt_known.primitive_array[JRT_INT], length);
}

/* (int[] x, int xlen, int[] y, int ylen, int[] z): z, or a new one, with the product first. */
JIS(multiply_to_len)
{
    int32_t x_length = args[1].i;
    int32_t y_length = args[3].i;
    const uint32_t *x = jis_ints(jis_array(&args[0]), 0, x_length);
    const uint32_t *y = jis_ints(jis_array(&args[2]), 0, y_length);
    bool aliased = args[4].ref.word != 0 &&
                   (args[4].ref.word == args[0].ref.word || args[4].ref.word == args[2].ref.word);
    if (x == NULL || y == NULL || x_length == 0 || y_length == 0 || aliased ||
        (int64_t)x_length + y_length > JOB_ARRAY_MAX) {
        return false;
    }
    size_t x_count = limbs_of(x_length);
    size_t y_count = limbs_of(y_length);
    uint64_t few[STACK_LIMBS];
    size_t all = 2 * (x_count + y_count);
    uint64_t *scratch = all <= STACK_LIMBS ? few : malloc(all * sizeof *scratch);
    if (scratch == NULL) {
        return false;
    }
    uint64_t *a = scratch + x_count + y_count;
    uint64_t *b = a + x_count;
    from_ints(a, x, x_length);
    from_ints(b, y, y_length);
    multiply(scratch, a, x_count, b, y_count);
    struct job_array *z = room_for(thread, jis_array(&args[4]), x_length + y_length);
    if (z != NULL) {
        to_ints(jis_ints(z, 0, x_length + y_length), scratch, x_length + y_length);
        result->word = job_to_ref(z).word;
    }
    if (scratch != few) {
        free(scratch);
    }
    return z != NULL;
}

/* (int[] x, int len, int[] z, int zlen) */
JIS(square_to_len)
{
    int32_t length = args[1].i;
    int32_t z_length = args[3].i;
    const uint32_t *x = jis_ints(jis_array(&args[0]), 0, length);
    struct job_array *z = jis_array(&args[2]);
    if (x == NULL || length == 0 || length > JOB_ARRAY_MAX / 2 || z_length != 2 * length ||
        (z != NULL && (z->length > z_length || args[2].ref.word == args[0].ref.word))) {
        return false;
    }
    size_t count = limbs_of(length);
    uint64_t few[STACK_LIMBS];
    uint64_t *scratch = 3 * count <= STACK_LIMBS ? few : malloc(3 * count * sizeof *scratch);
    if (scratch == NULL) {
        return false;
    }
    from_ints(scratch + 2 * count, x, length);
    square(scratch, scratch + 2 * count, count);
    z = room_for(thread, z, z_length);
    if (z != NULL) {
        to_ints(jis_ints(z, 0, z_length), scratch, z_length);
        result->word = job_to_ref(z).word;
    }
    if (scratch != few) {
        free(scratch);
    }
    return z != NULL;
}

/* (int[] out, int[] in, int offset, int len, int k): out += in * k, its last int `offset` ints
 * before out's end; the carry. */
JIS(mul_add)
{
    const struct job_array *out = jis_array(&args[0]);
    int32_t offset = args[2].i;
    int32_t length = args[3].i;
    uint64_t by = (uint32_t)args[4].i;
    const uint32_t *in = jis_ints(jis_array(&args[1]), 0, length);
    if (in == NULL || out == NULL || offset < 0 || offset > out->length ||
        length > out->length - offset) {
        return false;
    }
    uint32_t *to = jis_ints(out, out->length - offset - length, length);
    uint64_t carry = 0;
    for (int32_t i = length; i-- > 0;) {
        carry += in[i] * by + to[i];
        to[i] = (uint32_t)carry;
        carry >>= 32;
    }
    result->word = (uint32_t)carry;
    return true;
}

/* The lower half of the result is zero. */
static bool montgomery(const uint32_t *a, const uint32_t *b, const uint32_t *n, int32_t length,
                       uint64_t inverse, uint32_t *ret_product)
{
    uint64_t scratch[MONTGOMERY_INTS / 2 * 5];
    size_t count = limbs_of(length);
    uint64_t *product = scratch;
    uint64_t *left = product + 2 * count;
    uint64_t *right = left + count;
    uint64_t *modulus = right + count;
    from_ints(left, a, length);
    from_ints(right, b, length);
    from_ints(modulus, n, length);
    if (modulus[0] * inverse != UINT64_MAX || at_least(left, modulus, count) ||
        at_least(right, modulus, count)) {
        return false; /* not what the library passes */
    }
    if (a == b) {
        square(product, left, count);
    } else {
        multiply(product, left, count, right, count);
    }
    reduce(product, modulus, count, inverse);
    to_ints(ret_product, product + count, length);
    memset(ret_product + length, 0, (size_t)length * sizeof *ret_product);
    return true;
}

/* What both methods do with their slots: a * b into the array `product`, which is the result. */
static bool montgomery_into(const union jrt_slot *a, const union jrt_slot *b,
                            const union jrt_slot *n, int32_t length, uint64_t inverse,
                            const union jrt_slot *product, union jrt_slot *result)
{
    const struct job_array *to = jis_array(product);
    if (length <= 0 || length > MONTGOMERY_INTS || length % 2 != 0 || to == NULL ||
        to->length != 2 * length) {
        return false;
    }
    const uint32_t *left = jis_ints(jis_array(a), 0, length);
    const uint32_t *right = jis_ints(jis_array(b), 0, length);
    const uint32_t *modulus = jis_ints(jis_array(n), 0, length);
    if (left == NULL || right == NULL || modulus == NULL ||
        !montgomery(left, right, modulus, length, inverse, jis_ints(to, 0, 2 * length))) {
        return false;
    }
    result->word = product->ref.word;
    return true;
}

/* (int[] a, int[] b, int[] n, int len, long inv, int[] product) */
JIS(montgomery_multiply)
{
    return montgomery_into(&args[0], &args[1], &args[2], args[3].i, args[4].word, &args[6], result);
}

/* (int[] a, int[] n, int len, long inv, int[] product) */
JIS(montgomery_square)
{
    return montgomery_into(&args[0], &args[0], &args[1], args[2].i, args[3].word, &args[5], result);
}

/* (int[] to, int[] from, int at, int bits, int count): to[at + i] = from[i], from[i + 1] << bits.
 */
JIS(shift_left)
{
    int32_t at = args[2].i;
    int32_t bits = args[3].i;
    int32_t count = args[4].i;
    uint32_t *to = jis_ints(jis_array(&args[0]), at, count);
    const uint32_t *from = jis_ints(jis_array(&args[1]), 0, count);
    if (to == NULL || from == NULL || bits < 1 || bits > 31 ||
        jis_array(&args[1])->length == count) {
        return false;
    }
    for (int32_t i = 0; i < count; i++) {
        to[i] = from[i] << bits | from[i + 1] >> (32 - bits);
    }
    return true;
}

/* (int[] to, int[] from, int at, int bits, int count): from the end, to[...] = from[i - 1], from[i]
 * >> bits. */
JIS(shift_right)
{
    int32_t at = args[2].i;
    int32_t bits = args[3].i;
    int32_t count = args[4].i;
    if (at < 0 || count < 1 || bits < 1 || bits > 31) {
        return false;
    }
    int32_t last = at == 0 ? count - 1 : count;
    int32_t steps = last - at + 1;
    if (steps <= 0) {
        return true;
    }
    uint32_t *to = jis_ints(jis_array(&args[0]), at, steps);
    const uint32_t *from = jis_ints(jis_array(&args[1]), count - steps, steps);
    if (to == NULL || from == NULL || jis_array(&args[1])->length == count) {
        return false;
    }
    for (int32_t i = steps; i-- > 0;) {
        to[i] = from[i + 1] >> bits | from[i] << (32 - bits);
    }
    return true;
}
