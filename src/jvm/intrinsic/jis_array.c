/* java.util.Arrays and what is below it. */
#include <string.h>

#include "jvm/intrinsic/jis_priv.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_raw.h"

enum { PART_BYTES = 512 };

/* Where two places differ first, in bytes; `count`: nowhere. */
static size_t first_difference(const uint8_t *a, const uint8_t *b, size_t count)
{
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        uint64_t different = jis_load_le64(a + i) ^ jis_load_le64(b + i);
        if (different != 0) {
            return i + (unsigned)__builtin_ctzll(different) / 8;
        }
    }
    while (i < count && a[i] == b[i]) {
        i++;
    }
    return i;
}

static bool equal(const union jrt_slot *args, unsigned elements_at, unsigned shift,
                  union jrt_slot *result)
{
    const struct job_array *a = jis_array(&args[0]);
    const struct job_array *b = jis_array(&args[1]);
    if (a == NULL || b == NULL || a == b || a->length != b->length) {
        return jis_give(result, a == b);
    }
    return jis_give(result, memcmp((const char *)a + elements_at, (const char *)b + elements_at,
                                   (size_t)(uint32_t)a->length << shift) == 0);
}

JIS(equal_bytes)
{
    return equal(args, JOB_WIDE_ELEMENTS_AT, 0, result);
}

JIS(equal_chars)
{
    return equal(args, JOB_ELEMENTS_AT, 1, result);
}

JIS(equal_ints)
{
    return equal(args, JOB_ELEMENTS_AT, 2, result);
}

JIS(equal_longs)
{
    return equal(args, JOB_WIDE_ELEMENTS_AT, 3, result);
}

/* `bytes` bytes at an offset as Unsafe counts them: from an object's start, or an address where
 * there is no object. NULL: they are not all the object's. */
static const uint8_t *place(const union jrt_slot *object_slot, int64_t offset, uint64_t bytes)
{
    const struct job_object *object = job_from_ref(object_slot->ref);
    if (object == NULL) {
        return (const uint8_t *)(uintptr_t)offset;
    }
    uint64_t size = job_object_bytes(object);
    if (offset < 0 || (uint64_t)offset > size || bytes > size - (uint64_t)offset) {
        return NULL;
    }
    return (const uint8_t *)object + offset;
}

/* The same for memory outside the heap, by parts; false: some of it is gone. */
static bool raw_difference(const uint8_t *a, const uint8_t *b, size_t count, size_t *ret_at)
{
    uint8_t parts[2][PART_BYTES];
    size_t done = 0;
    for (size_t part = 0; done < count; done += part) {
        part = ST_MIN(count - done, (size_t)PART_BYTES);
        if (!jrt_raw_copy(parts[0], a + done, part) || !jrt_raw_copy(parts[1], b + done, part)) {
            return false;
        }
        size_t at = first_difference(parts[0], parts[1], part);
        if (at < part) {
            *ret_at = done + at;
            return true;
        }
    }
    *ret_at = count;
    return true;
}

/* (Object a, long a_offset, Object b, long b_offset, int count, int shift): the index of the first
 * element that differs; ~ what was not looked at, here nothing. */
JIS(vectorized_mismatch)
{
    int32_t count = args[6].i;
    int32_t shift = args[7].i;
    if (count < 0 || shift < 0 || shift > 3) {
        return false;
    }
    size_t bytes = (size_t)(uint32_t)count << shift;
    const uint8_t *a = place(&args[0], args[1].j, bytes);
    const uint8_t *b = place(&args[3], args[4].j, bytes);
    if (a == NULL || b == NULL) {
        return false;
    }
    size_t at = 0;
    if (args[0].ref.word != 0 && args[3].ref.word != 0) {
        at = first_difference(a, b, bytes);
    } else if (!raw_difference(a, b, bytes, &at)) {
        return false; /* the library's method takes the fault */
    }
    return jis_give(result, at < bytes ? (int32_t)(at >> shift) : -1);
}

static uint32_t hash_step(uint32_t hash, uint32_t element)
{
    return 31 * hash + element;
}

/* Arrays.hashCode(byte[]) and (int[]) */
JIS(hash_bytes)
{
    const struct job_array *array = jis_array(&args[0]);
    uint32_t hash = array != NULL;
    const uint8_t *bytes = array != NULL ? jis_bytes(array, 0, array->length) : NULL;
    for (int32_t i = 0; bytes != NULL && i < array->length; i++) {
        hash = hash_step(hash, (uint32_t)(int32_t)(int8_t)bytes[i]);
    }
    return jis_give(result, (int32_t)hash);
}

JIS(hash_ints)
{
    const struct job_array *array = jis_array(&args[0]);
    uint32_t hash = array != NULL;
    const uint32_t *ints = array != NULL ? jis_ints(array, 0, array->length) : NULL;
    for (int32_t i = 0; ints != NULL && i < array->length; i++) {
        hash = hash_step(hash, ints[i]);
    }
    return jis_give(result, (int32_t)hash);
}

/* Arrays.fill of all */
JIS(fill_bytes)
{
    const struct job_array *array = jis_array(&args[0]);
    if (array == NULL) {
        return false;
    }
    memset((char *)array + JOB_WIDE_ELEMENTS_AT, args[1].i, (size_t)(uint32_t)array->length);
    return true;
}

JIS(fill_ints)
{
    const struct job_array *array = jis_array(&args[0]);
    if (array == NULL) {
        return false;
    }
    uint32_t *ints = jis_ints(array, 0, array->length);
    for (int32_t i = 0; i < array->length; i++) {
        ints[i] = (uint32_t)args[1].i;
    }
    return true;
}

JIS(fill_chars)
{
    const struct job_array *array = jis_array(&args[0]);
    if (array == NULL) {
        return false;
    }
    uint16_t *chars = jis_chars(array, 0, array->length);
    for (int32_t i = 0; i < array->length; i++) {
        chars[i] = (uint16_t)args[1].i;
    }
    return true;
}

JIS(fill_longs)
{
    const struct job_array *array = jis_array(&args[0]);
    if (array == NULL) {
        return false;
    }
    uint64_t *longs = jis_longs(array, 0, array->length);
    for (int32_t i = 0; i < array->length; i++) {
        longs[i] = args[1].word;
    }
    return true;
}
