/*
 * A class's resolved references: an Object[] that its mirror keeps, with strings, method handles,
 * appendices, mirrors of classes of other loaders: whatever the class must keep alive. It grows by
 * being replaced; an index stays good, and what stands there stays.
 */
#pragma once

#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_thread.h"

/* Adds one; its index, from 1. 0: OutOfMemoryError is pending. IN_VM. */
uint32_t jrt_add_reference(struct jrt_thread *thread, struct jrt_class *class,
                           struct job_object *object) ST_MUST_CHECK;

/* The array (jrt_resolve.h: jrt_resolved_references), NULL before anything was added. */
static inline struct job_object *jrt_reference(const struct jrt_class *class, uint32_t index)
{
    const struct job_array *array =
        (const struct job_array *)jrt_ref(jrt_mirror(class), JRT_AT(Class, resolvedReferences));
    return job_from_ref(((const jref_t *)job_elements(array))[index]);
}
