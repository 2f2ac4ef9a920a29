/*
 * System.arraycopy (jvm-interface.md 9.24), with HotSpot's messages.
 */
#include <string.h>

#include "base/print.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_class_priv.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_message.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"

/* What an array's type is called where its length follows in brackets: "int", "object array". */
static const char *element_text(const struct jrt_class *class)
{
    if (class->object.kind == JOB_REF_ARRAY) {
        return "object array";
    }
    const struct jrt_class *element = jrt_class_at(class->element);
    return jrt_text(element->name);
}

static bool throw_mismatch(struct jrt_thread *thread, const struct jrt_class *from,
                           const struct jrt_class *to)
{
    char one[JRT_MESSAGE_BYTES];
    char other[JRT_MESSAGE_BYTES];
    return jrt_throw(thread, JRT_ArrayStoreException,
                     "arraycopy: type mismatch: can not copy %s[] into %s[]",
                     jrt_external_name(jrt_class_at(from->element), one, sizeof(one)),
                     jrt_external_name(jrt_class_at(to->element), other, sizeof(other)));
}

static bool throw_type(struct jrt_thread *thread, const struct job_object *from,
                       const struct job_object *to)
{
    const struct jrt_class *from_class = jrt_class_of(from);
    const struct jrt_class *to_class = jrt_class_of(to);
    char name[JRT_MESSAGE_BYTES];
    if (!(from_class->flags & JRT_CLASS_ARRAY)) {
        return jrt_throw(thread, JRT_ArrayStoreException,
                         "arraycopy: source type %s is not an array",
                         jrt_external_name(from_class, name, sizeof(name)));
    }
    if (!(to_class->flags & JRT_CLASS_ARRAY)) {
        return jrt_throw(thread, JRT_ArrayStoreException,
                         "arraycopy: destination type %s is not an array",
                         jrt_external_name(to_class, name, sizeof(name)));
    }
    return jrt_throw(thread, JRT_ArrayStoreException,
                     "arraycopy: type mismatch: can not copy %s[] into %s[]",
                     element_text(from_class), element_text(to_class));
}

static bool throw_bounds(struct jrt_thread *thread, const struct job_array *from, int32_t from_at,
                         const struct job_array *to, int32_t to_at, int32_t count)
{
    const enum jrt_known_class exception = JRT_ArrayIndexOutOfBoundsException;
    const char *from_text = element_text(jrt_class_of(&from->object));
    const char *to_text = element_text(jrt_class_of(&to->object));
    if (from_at < 0) {
        return jrt_throw(thread, exception, "arraycopy: source index %d out of bounds for %s[%d]",
                         from_at, from_text, from->length);
    }
    if (to_at < 0) {
        return jrt_throw(thread, exception,
                         "arraycopy: destination index %d out of bounds for %s[%d]", to_at, to_text,
                         to->length);
    }
    if (count < 0) {
        return jrt_throw(thread, exception, "arraycopy: length %d is negative", count);
    }
    if ((uint32_t)from_at + (uint32_t)count > (uint32_t)from->length) {
        return jrt_throw(thread, exception,
                         "arraycopy: last source index %u out of bounds for %s[%d]",
                         (uint32_t)from_at + (uint32_t)count, from_text, from->length);
    }
    return jrt_throw(thread, exception,
                     "arraycopy: last destination index %u out of bounds for %s[%d]",
                     (uint32_t)to_at + (uint32_t)count, to_text, to->length);
}

/* Elements are copied whole: another thread never sees a part of one. */
#define COPY(type, to, from, count)                                                                \
    do {                                                                                           \
        type *copy_to = (type *)(to);                                                              \
        const type *copy_from = (const type *)(from);                                              \
        if (copy_to <= copy_from) {                                                                \
            for (size_t copy_i = 0; copy_i < (size_t)(count); copy_i++) {                          \
                __atomic_store_n(&copy_to[copy_i],                                                 \
                                 __atomic_load_n(&copy_from[copy_i], __ATOMIC_RELAXED),            \
                                 __ATOMIC_RELAXED);                                                \
            }                                                                                      \
        } else {                                                                                   \
            for (size_t copy_i = (size_t)(count); copy_i-- > 0;) {                                 \
                __atomic_store_n(&copy_to[copy_i],                                                 \
                                 __atomic_load_n(&copy_from[copy_i], __ATOMIC_RELAXED),            \
                                 __ATOMIC_RELAXED);                                                \
            }                                                                                      \
        }                                                                                          \
    } while (0)

/* Widest steps that keep elements whole: eight bytes at a time where both places allow it. */
static void move(char *to, const char *from, size_t bytes, uint32_t shift)
{
    if (shift == 0) {
        memmove(to, from, bytes);
    } else if ((((uintptr_t)to | (uintptr_t)from | bytes) & 7) == 0) {
        COPY(uint64_t, to, from, bytes / 8);
    } else if (shift == 1) {
        COPY(uint16_t, to, from, bytes / 2);
    } else {
        COPY(uint32_t, to, from, bytes / 4);
    }
}

static bool copy_checked(struct jrt_thread *thread, const struct jrt_class *from_class,
                         const jref_t *from, struct job_array *to, int32_t to_at, int32_t count)
{
    const struct jrt_class *to_class = jrt_class_of(&to->object);
    const struct jrt_class *element = jrt_class_at(to_class->element);
    jref_t *slots = (jref_t *)job_elements(to) + to_at;
    for (int32_t i = 0; i < count; i++) {
        jref_t ref = {__atomic_load_n(&from[i].word, __ATOMIC_RELAXED)};
        const struct job_object *object = job_from_ref(ref);
        if (object && !jrt_is_subtype(jrt_class_of(object), element)) {
            char one[JRT_MESSAGE_BYTES];
            char other[JRT_MESSAGE_BYTES];
            if (!jrt_is_subtype(element, jrt_class_at(from_class->element))) {
                return throw_mismatch(thread, from_class, to_class); /* no element can be one */
            }
            return jrt_throw(thread, JRT_ArrayStoreException,
                             "arraycopy: element type mismatch: can not cast one of the elements "
                             "of %s[] to the type of the destination array, %s",
                             jrt_external_name(jrt_class_at(from_class->element), one, sizeof(one)),
                             jrt_external_name(element, other, sizeof(other)));
        }
        jgc_store(&to->object, &slots[i], ref);
    }
    return true;
}

bool jrt_array_copy(struct jrt_thread *thread, struct job_object *from, int32_t from_at,
                    struct job_object *to, int32_t to_at, int32_t count)
{
    if (!from || !to) {
        return jrt_throw(thread, JRT_NullPointerException, NULL);
    }
    const struct jrt_class *from_class = jrt_class_of(from);
    const struct jrt_class *to_class = jrt_class_of(to);
    uint8_t kind = from_class->object.kind;
    if (kind != to_class->object.kind || kind < JOB_REF_ARRAY ||
        (kind == JOB_PRIMITIVE_ARRAY && from_class != to_class)) {
        return throw_type(thread, from, to);
    }
    struct job_array *source = (struct job_array *)from;
    struct job_array *target = (struct job_array *)to;
    if ((from_at | to_at | count) < 0 ||
        (uint32_t)from_at + (uint32_t)count > (uint32_t)source->length ||
        (uint32_t)to_at + (uint32_t)count > (uint32_t)target->length) {
        return throw_bounds(thread, source, from_at, target, to_at, count);
    }
    uint32_t shift = from_class->object.element_shift;
    const char *source_place = (const char *)job_elements(source) + ((size_t)from_at << shift);
    if (kind == JOB_REF_ARRAY && from_class != to_class &&
        !jrt_is_subtype(jrt_class_at(from_class->element), jrt_class_at(to_class->element))) {
        return copy_checked(thread, from_class, (const jref_t *)source_place, target, to_at, count);
    }
    char *target_place = (char *)job_elements(target) + ((size_t)to_at << shift);
    move(target_place, source_place, (size_t)count << shift, shift);
    if (kind == JOB_REF_ARRAY) {
        jgc_stored(to, (jref_t *)target_place, (size_t)count);
    }
    return true;
}
