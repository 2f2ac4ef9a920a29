/*
 * What leaves share: arrays as checked ranges, and fields of objects by name.
 */
#pragma once

#include "base/attr.h"
#include "jvm/intrinsic/jis.h"
#include "jvm/object/job_object.h"

#define JIS_LEAF(id, class, name, descriptor) jrt_leaf_t jis_##id;
#include "jvm/intrinsic/jis_leaves.def"
#undef JIS_LEAF

/* Defines a leaf. */
#define JIS(id)                                                                                    \
    bool jis_##id(struct jrt_thread *thread ST_UNUSED, const union jrt_slot *args ST_UNUSED,       \
                  union jrt_slot *result ST_UNUSED)

/* An int or boolean as the result; true. */
static inline bool jis_give(union jrt_slot *result, int32_t value)
{
    result->word = (uint32_t)value;
    return true;
}

static inline struct job_array *jis_array(const union jrt_slot *slot)
{
    return (struct job_array *)job_from_ref(slot->ref);
}

/* `count` elements from `from` on; NULL: the array is null or has not so many. */
static inline char *jis_part(const struct job_array *array, int32_t from, int32_t count,
                             unsigned elements_at, unsigned shift)
{
    if (array == NULL || (from | count) < 0 ||
        (uint32_t)from + (uint32_t)count > (uint32_t)array->length) {
        return NULL;
    }
    return (char *)array + elements_at + ((size_t)from << shift);
}

static inline uint8_t *jis_bytes(const struct job_array *array, int32_t from, int32_t count)
{
    return (uint8_t *)jis_part(array, from, count, JOB_WIDE_ELEMENTS_AT, 0);
}

static inline uint16_t *jis_chars(const struct job_array *array, int32_t from, int32_t count)
{
    return (uint16_t *)jis_part(array, from, count, JOB_ELEMENTS_AT, 1);
}

static inline uint32_t *jis_ints(const struct job_array *array, int32_t from, int32_t count)
{
    return (uint32_t *)jis_part(array, from, count, JOB_ELEMENTS_AT, 2);
}

static inline uint64_t *jis_longs(const struct job_array *array, int32_t from, int32_t count)
{
    return (uint64_t *)jis_part(array, from, count, JOB_WIDE_ELEMENTS_AT, 3);
}

/* A field that leaves read by name: where it is in the class that was asked for last. */
struct jis_field {
    const char *name, *descriptor;
    uint64_t found; /* [a] class in the upper half, offset in the lower */
};

/* Its offset in an object (not null); 0: it has no such field. */
uint32_t jis_offset(struct jis_field *field, const struct job_object *object);

/* An object that a field refers to; NULL: null, or no such field. */
struct job_object *jis_referred(struct jis_field *field, const struct job_object *object);

/* Puts a number's bytes in the order of the digests and ciphers that are big-endian. */
static inline uint32_t jis_load_be32(const uint8_t *from)
{
    uint32_t word;
    __builtin_memcpy(&word, from, sizeof word);
    return __builtin_bswap32(word);
}

static inline uint64_t jis_load_be64(const uint8_t *from)
{
    uint64_t word;
    __builtin_memcpy(&word, from, sizeof word);
    return __builtin_bswap64(word);
}

static inline uint32_t jis_load_le32(const uint8_t *from)
{
    uint32_t word;
    __builtin_memcpy(&word, from, sizeof word);
    return word;
}

static inline uint64_t jis_load_le64(const uint8_t *from)
{
    uint64_t word;
    __builtin_memcpy(&word, from, sizeof word);
    return word;
}
