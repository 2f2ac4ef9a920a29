/*
 * The constant pool of a class at run time: what the class file says, one 32-bit value an entry,
 * and what resolution made of it. Texts become symbols when they are first needed: most never are.
 *
 * resolved[index] is 0 until the entry is resolved, then by its tag:
 *   UTF8                       its symbol
 *   CLASS                      its struct jrt_class
 *   FIELD                      its struct jrt_field
 *   METHOD, INTERFACE_METHOD   its struct jrt_method; the ways to call it are jrt_resolve_method's
 *   STRING, METHOD_HANDLE, METHOD_TYPE, DYNAMIC of a reference
 *                              1 + its index in the class's resolved references
 *   DYNAMIC of a primitive     1 + index of the box in the resolved references
 * and JRT_POOL_FAILED where resolution failed: why, is in the class's list of failures.
 */
#pragma once

#include "jvm/classfile/jcf_flags.h"
#include "jvm/runtime/jrt_class.h"
#include "jvm/runtime/jrt_symbol.h"

enum { JRT_POOL_FAILED = 1 }; /* no metadata lies at 1, nor is it 1 + an index: index 0 is unused */

struct jrt_pool {
    uint16_t count;
    uint16_t bootstrap_count;
    job_offset_t bytes;      /* [I] the class file */
    uint32_t size;           /* [I] its bytes */
    job_offset_t values;     /* [I] uint32_t[count], see jrt_pool_value */
    job_offset_t resolved;   /* [a] uint32_t[count] */
    job_offset_t bootstraps; /* [I] struct jrt_bootstrap[bootstrap_count] */
    uint8_t tags[];          /* [I] enum jcf_tag */
};

struct jrt_bootstrap {
    uint16_t handle, count; /* METHOD_HANDLE; number of arguments */
    uint32_t arguments;     /* uint16_t[count], big-endian, in the class file */
};

static inline const struct jrt_pool *jrt_pool_of(const struct jrt_class *class)
{
    return (const struct jrt_pool *)job_at(class->pool);
}

/* UTF8: where its text begins in the class file, its length (big-endian) before it. INTEGER, FLOAT:
 * the bits. LONG, DOUBLE: the low half, the high one in the entry after it. CLASS, STRING,
 * METHOD_TYPE, MODULE, PACKAGE: the UTF8's index. The others: the first index in the upper half,
 * the second in the lower. */
static inline uint32_t jrt_pool_value(const struct jrt_pool *pool, uint16_t index)
{
    return ((const uint32_t *)job_at(pool->values))[index];
}
static inline uint16_t jrt_pool_high(const struct jrt_pool *pool, uint16_t index)
{
    return (uint16_t)(jrt_pool_value(pool, index) >> 16);
}
static inline uint16_t jrt_pool_low(const struct jrt_pool *pool, uint16_t index)
{
    return (uint16_t)jrt_pool_value(pool, index);
}
static inline uint64_t jrt_pool_wide(const struct jrt_pool *pool, uint16_t index)
{
    return (uint64_t)jrt_pool_value(pool, (uint16_t)(index + 1)) << 32 |
           jrt_pool_value(pool, index);
}

static inline uint32_t *jrt_pool_resolved(const struct jrt_pool *pool, uint16_t index)
{
    return (uint32_t *)job_at(pool->resolved) + index;
}

/* The class file's bytes. */
static inline const uint8_t *jrt_pool_bytes(const struct jrt_pool *pool)
{
    return (const uint8_t *)job_at(pool->bytes);
}

/* The symbol of a UTF8 entry; 0: out of metadata. Index 0 gives 0. Any thread. */
job_offset_t jrt_pool_symbol(const struct jrt_class *class, uint16_t index) ST_MUST_CHECK;
/* That of the text that a CLASS, STRING, METHOD_TYPE ... names. */
job_offset_t jrt_pool_named(const struct jrt_class *class, uint16_t index) ST_MUST_CHECK;

/* The names of a FIELD, METHOD or INTERFACE_METHOD, of a DYNAMIC or INVOKE_DYNAMIC (class_name 0)
 * or of a NAME_AND_TYPE (likewise). false: out of metadata. */
struct jrt_member_name {
    job_offset_t class_name, name, descriptor;
};
bool jrt_pool_member(const struct jrt_class *class, uint16_t index,
                     struct jrt_member_name *ret_member) ST_MUST_CHECK;

/* The class of a CLASS entry if it is resolved, else NULL. */
static inline struct jrt_class *jrt_pool_class_if_resolved(const struct jrt_class *class,
                                                           uint16_t index)
{
    uint32_t word = __atomic_load_n(jrt_pool_resolved(jrt_pool_of(class), index), __ATOMIC_ACQUIRE);
    return word > JRT_POOL_FAILED ? jrt_class_at(word) : NULL;
}
