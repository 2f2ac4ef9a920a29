/* Fields of Java objects from C, by byte offset (JRT_AT). Plain accesses; atomic ones where another
 * thread looks. */
#pragma once

#include "jvm/gc/jgc.h"
#include "jvm/object/job_object.h"

static inline int32_t jrt_int(const struct job_object *object, uint32_t at)
{
    return __atomic_load_n((int32_t *)((uintptr_t)object + at), __ATOMIC_RELAXED);
}

static inline void jrt_set_int(struct job_object *object, uint32_t at, int32_t value)
{
    __atomic_store_n((int32_t *)((uintptr_t)object + at), value, __ATOMIC_RELEASE);
}

static inline int64_t jrt_long(const struct job_object *object, uint32_t at)
{
    return __atomic_load_n((int64_t *)((uintptr_t)object + at), __ATOMIC_ACQUIRE);
}

static inline void jrt_set_long(struct job_object *object, uint32_t at, int64_t value)
{
    __atomic_store_n((int64_t *)((uintptr_t)object + at), value, __ATOMIC_RELEASE);
}

static inline uint8_t jrt_byte(const struct job_object *object, uint32_t at)
{
    return __atomic_load_n((uint8_t *)((uintptr_t)object + at), __ATOMIC_RELAXED);
}

static inline void jrt_set_byte(struct job_object *object, uint32_t at, uint8_t value)
{
    __atomic_store_n((uint8_t *)((uintptr_t)object + at), value, __ATOMIC_RELEASE);
}

static inline struct job_object *jrt_ref(const struct job_object *object, uint32_t at)
{
    return job_from_ref(*(const jref_t *)((uintptr_t)object + at));
}

static inline void jrt_set_ref(struct job_object *object, uint32_t at,
                               const struct job_object *value)
{
    jgc_store(object, (jref_t *)((uintptr_t)object + at), job_to_ref(value));
}
