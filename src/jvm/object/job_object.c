/* Sizes and reference slots of objects: see job_object.h. */
#include "jvm/object/job_object.h"

#include <assert.h>

#include "base/arith.h"
#include "base/assert.h"

static_assert(sizeof(struct job_object) == JOB_HEADER_BYTES, "the header that compiled code knows");
static_assert(offsetof(struct job_array, length) == JOB_LENGTH_AT, "and where lengths are");

struct job_layout job_layout;

size_t job_array_bytes(const struct job_class *array_class, int32_t length)
{
    ST_ASSERT(length >= 0);
    if (length > JOB_ARRAY_MAX) {
        return 0;
    }
    size_t bytes = array_class->elements_at + ((size_t)length << array_class->element_shift);
    return ST_ALIGN_UP(bytes, JOB_ALIGN);
}

size_t job_object_bytes(const struct job_object *object)
{
    const struct job_class *of = job_class_of(object);
    switch ((enum job_kind)of->kind) {
    case JOB_REF_ARRAY:
    case JOB_PRIMITIVE_ARRAY:
        return job_array_bytes(of, ((const struct job_array *)object)->length);
    case JOB_MIRROR: {
        const struct job_class *mirrored = job_mirrored(object);
        uint32_t statics = mirrored == NULL ? 0 : mirrored->static_bytes;
        return of->instance_bytes + ST_ALIGN_UP(statics, JOB_ALIGN);
    }
    case JOB_INSTANCE:
    case JOB_SOFT_REFERENCE:
    case JOB_WEAK_REFERENCE:
    case JOB_FINAL_REFERENCE:
    case JOB_PHANTOM_REFERENCE:
        break;
    }
    return of->instance_bytes;
}

void job_visit_refs(struct job_object *object, job_visit_t *visit, void *argument)
{
    const struct job_class *of = job_class_of(object);
    if (of->kind == JOB_PRIMITIVE_ARRAY) {
        return;
    }
    if (of->kind == JOB_REF_ARRAY) {
        struct job_array *array = (struct job_array *)object;
        if (array->length > 0) {
            visit(argument, job_elements(array), (size_t)array->length);
        }
        return;
    }
    const struct job_ref_run *runs = job_at(of->ref_runs);
    for (uint32_t i = 0; i < of->ref_run_count; i++) {
        visit(argument, job_field(object, runs[i].first * 4U), runs[i].count);
    }
    const struct job_class *mirrored = of->kind == JOB_MIRROR ? job_mirrored(object) : NULL;
    if (mirrored != NULL && mirrored->static_refs > 0) {
        visit(argument, job_field(object, of->instance_bytes), mirrored->static_refs);
    }
}
