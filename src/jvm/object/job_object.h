/*
 * What a Java object looks like in memory, and what the collector knows of its class.
 *
 *      0        4        8
 *      +--------+--------+---------------------------------------
 *      | lock   | class  | fields
 *      +--------+--------+--------+------------------------------
 *      | lock   | class  | length | elements, from 12; from 16 for long, double and byte
 *      +--------+--------+--------+------------------------------
 *
 * The low word is the lock and the identity hash, changed by 32-bit compare-and-swap on it alone;
 * the high word is the class as an offset into the metadata (job_meta.h) and never changes while an
 * object lives. (byte[] starts at 16 because the library reads longs from it atomically.)
 *
 * A reference is 32 bits: the address shifted right by 3, the heap lying below 32 GiB; 0 is null.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "jvm/object/job_meta.h"

struct job_object {
    uint32_t lock;         /* [a] see job_lock.h */
    job_offset_t class_at; /* [I] of its struct job_class */
};

struct job_array {
    struct job_object object;
    int32_t length; /* [I] >= 0 */
};

/* A compressed reference. */
typedef struct {
    uint32_t word;
} jref_t;

enum {
    JOB_REF_SHIFT = 3,
    JOB_ALIGN = 8, /* of objects, and what their sizes are multiples of */
    JOB_HEADER_BYTES = 8,
    JOB_LENGTH_AT = 8,
    JOB_ELEMENTS_AT = 12,
    JOB_WIDE_ELEMENTS_AT = 16, /* of long[], double[], byte[] and boolean[] */
    JOB_ARRAY_MAX = INT32_MAX - 2
};

static inline struct job_object *job_from_ref(jref_t ref)
{
    return (struct job_object *)((uintptr_t)ref.word << JOB_REF_SHIFT);
}

static inline jref_t job_to_ref(const void *object)
{
    return (jref_t){(uint32_t)((uintptr_t)object >> JOB_REF_SHIFT)};
}

/* How the collector walks an instance of a class. */
enum job_kind {
    JOB_INSTANCE, /* references at ref_runs */
    JOB_MIRROR,   /* java.lang.Class: also the static fields of the class that it stands for */
    JOB_SOFT_REFERENCE, /* subclasses of java.lang.ref.Reference: `referent` and `discovered` are
                           not */
    JOB_WEAK_REFERENCE, /* in ref_runs, the collector treats them by strength */
    JOB_FINAL_REFERENCE,
    JOB_PHANTOM_REFERENCE,
    JOB_REF_ARRAY,
    JOB_PRIMITIVE_ARRAY
};

enum job_class_flag {
    JOB_CLASS_FINALIZED = 1, /* instances are registered with Finalizer */
    JOB_CLASS_IMMOVABLE = 2  /* instances stay where they are made: mirrors */
};

/* Consecutive reference fields. */
struct job_ref_run {
    uint16_t first; /* the first one's byte offset in the object, divided by 4 */
    uint16_t count;
};

/*
 * The part of a class that its objects need. It is the first member of the runtime's class, lies in
 * the metadata (written part) and has no C pointers.
 */
struct job_class {
    uint8_t kind;            /* [I] enum job_kind */
    uint8_t flags;           /* [I] enum job_class_flag, or-ed */
    uint8_t element_shift;   /* [I] of arrays: log2 of an element's bytes */
    uint8_t elements_at;     /* [I] of arrays: JOB_ELEMENTS_AT or JOB_WIDE_ELEMENTS_AT */
    uint32_t instance_bytes; /* [I] header included, a multiple of 8; of JOB_MIRROR: without static
                                fields, which follow */
    job_offset_t ref_runs;   /* [I] struct job_ref_run[ref_run_count] */
    uint32_t ref_run_count;  /* [I] inherited ones included */
    jref_t mirror;           /* [I once set] its java.lang.Class, which never moves */
    uint32_t static_bytes;   /* [I] of its static fields, which follow its mirror's own fields */
    uint32_t static_refs;    /* [I] how many of them, the first ones, are references */
};

/*
 * Where the runtime put fields that the collector must know: byte offsets in the object. Set before
 * the first collection that meets objects of such a class; 0: not known yet.
 */
struct job_layout {
    uint16_t mirror_class_at; /* in java.lang.Class: uint32_t, offset of the struct job_class that
                                 it stands for, 0: of a primitive type */
    uint16_t referent_at;     /* in java.lang.ref.Reference, as the next three: jref_t */
    uint16_t queue_at;
    uint16_t next_at;
    uint16_t discovered_at;
    uint16_t soft_timestamp_at; /* in java.lang.ref.SoftReference: int64_t, milliseconds */
    uint16_t soft_clock_at;     /* in the mirror of soft_class, its static field: int64_t */
    job_offset_t soft_class;    /* java.lang.ref.SoftReference */
};
extern struct job_layout job_layout;

static inline struct job_class *job_class_of(const struct job_object *object)
{
    return (struct job_class *)job_at(object->class_at);
}

/* Bytes of an object, a multiple of JOB_ALIGN. A class's mirror has its static fields with it. */
size_t job_object_bytes(const struct job_object *object);
/* Bytes of an array of `length` elements (>= 0); 0 if they are more than an array may have:
 * OutOfMemoryError "Requested array size exceeds VM limit". */
size_t job_array_bytes(const struct job_class *array_class, int32_t length);

/* The class that a mirror stands for; NULL: a primitive type. */
static inline struct job_class *job_mirrored(const struct job_object *mirror)
{
    job_offset_t at = *(const job_offset_t *)((const char *)mirror + job_layout.mirror_class_at);
    return at == 0 ? NULL : (struct job_class *)job_at(at);
}

static inline void *job_elements(const struct job_array *array)
{
    return (char *)array + job_class_of(&array->object)->elements_at;
}

/* The place of a field at byte `offset`. */
static inline void *job_field(const struct job_object *object, uint32_t offset)
{
    return (char *)object + offset;
}

/* Consecutive reference slots of an object. */
typedef void job_visit_t(void *argument, jref_t *first, size_t count);

/* Calls visit(argument, first, count) for the strong reference slots of the object: fields, static
 * fields of a mirror, elements; not for none. `referent` and `discovered` of a
 * java.lang.ref.Reference are left out. */
void job_visit_refs(struct job_object *object, job_visit_t *visit, void *argument);
