/*
 * Objects and arrays made from C, cloning, boxing. See jrt_alloc.h.
 */
#include "jvm/runtime/jrt_alloc.h"

#include <string.h>

#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_class_priv.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_throw.h"

static void *no_memory(struct jrt_thread *thread)
{
    (void)jrt_throw_oom(thread, thread->alloc.failure == JGC_SIZE_LIMIT ? JRT_OOM_ARRAY_SIZE
                                                                        : JRT_OOM_HEAP);
    return NULL;
}

bool jrt_register_finalizer(struct jrt_thread *thread, struct job_object *object)
{
    return jrt_call(thread, jrt_known.method[JRT_METHOD_registerFinalizer], NULL, object);
}

struct job_object *jrt_new(struct jrt_thread *thread, struct jrt_class *class)
{
    struct job_object *object = jgc_alloc(&thread->alloc, class->object.instance_bytes);
    if (!object) {
        return no_memory(thread);
    }
    object->class_at = job_offset(class);
    return object;
}

struct job_object *jrt_new_instance(struct jrt_thread *thread, struct jrt_class *class)
{
    return jrt_check_instances(thread, class, false) && jrt_init_class(thread, class)
               ? jrt_new(thread, class)
               : NULL;
}

struct job_array *jrt_new_array(struct jrt_thread *thread, struct jrt_class *class, int32_t length)
{
    if (length < 0) {
        (void)jrt_throw(thread, JRT_NegativeArraySizeException, "%d", length);
        return NULL;
    }
    size_t bytes = job_array_bytes(&class->object, length);
    if (!bytes) {
        (void)jrt_throw_oom(thread, JRT_OOM_ARRAY_SIZE);
        return NULL;
    }
    struct job_array *array = jgc_alloc(&thread->alloc, bytes);
    if (!array) {
        return no_memory(thread);
    }
    array->object.class_at = job_offset(class);
    array->length = length;
    return array;
}

static struct job_array *new_nested(struct jrt_thread *thread, struct jrt_class *class,
                                    const int32_t *lengths, uint32_t count)
{
    struct job_array *array = jrt_new_array(thread, class, lengths[0]);
    for (int32_t i = 0; array && count > 1 && i < lengths[0]; i++) {
        struct job_array *inner =
            new_nested(thread, jrt_class_at(class->element), lengths + 1, count - 1);
        if (!inner) {
            return NULL;
        }
        jref_t *slots = job_elements(array);
        jgc_store(&array->object, &slots[i], job_to_ref(inner));
    }
    return array;
}

struct job_array *jrt_new_multi_array(struct jrt_thread *thread, struct jrt_class *class,
                                      const int32_t *lengths, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (lengths[i] < 0) {
            (void)jrt_throw(thread, JRT_NegativeArraySizeException, "%d", lengths[i]);
            return NULL;
        }
    }
    return new_nested(thread, class, lengths, count);
}

struct job_object *jrt_clone(struct jrt_thread *thread, struct job_object *object)
{
    struct jrt_class *class = jrt_class_of(object);
    bool reference =
        class->object.kind >= JOB_SOFT_REFERENCE && class->object.kind <= JOB_PHANTOM_REFERENCE;
    if (!(class->flags & JRT_CLASS_CLONEABLE) || reference) {
        char name[512];
        (void)jrt_throw(thread, JRT_CloneNotSupportedException, "%s",
                        jrt_external_name(class, name, sizeof(name)));
        return NULL;
    }
    size_t bytes = job_object_bytes(object);
    struct job_object *copy = jgc_alloc(&thread->alloc, bytes);
    if (!copy) {
        return no_memory(thread);
    }
    copy->class_at = object->class_at;
    uint64_t *to = (uint64_t *)(copy + 1);
    const uint64_t *from = (const uint64_t *)(object + 1);
    for (size_t i = 0; i < bytes / 8 - 1; i++) {
        __atomic_store_n(&to[i], __atomic_load_n(&from[i], __ATOMIC_RELAXED), __ATOMIC_RELAXED);
    }
    jgc_stored(copy, (jref_t *)to, bytes / 4 - 2);
    if ((class->object.flags & JOB_CLASS_FINALIZED) && !jrt_register_finalizer(thread, copy)) {
        return NULL;
    }
    return copy;
}

static enum jrt_known_class box_class(enum jrt_type type)
{
    switch (type) {
    case JRT_BOOLEAN:
        return JRT_Boolean;
    case JRT_CHAR:
        return JRT_Character;
    case JRT_FLOAT:
        return JRT_Float;
    case JRT_DOUBLE:
        return JRT_Double;
    case JRT_BYTE:
        return JRT_Byte;
    case JRT_SHORT:
        return JRT_Short;
    case JRT_INT:
        return JRT_Integer;
    case JRT_LONG:
        return JRT_Long;
    case JRT_OBJECT:
    case JRT_ARRAY:
    case JRT_VOID:
        break;
    }
    return JRT_Object;
}

static uint32_t box_value_at(enum jrt_type type)
{
    switch (type) {
    case JRT_BOOLEAN:
        return JRT_AT(Boolean, value);
    case JRT_CHAR:
        return JRT_AT(Character, value);
    case JRT_FLOAT:
        return JRT_AT(Float, value);
    case JRT_DOUBLE:
        return JRT_AT(Double, value);
    case JRT_BYTE:
        return JRT_AT(Byte, value);
    case JRT_SHORT:
        return JRT_AT(Short, value);
    case JRT_INT:
        return JRT_AT(Integer, value);
    case JRT_LONG:
        return JRT_AT(Long, value);
    case JRT_OBJECT:
    case JRT_ARRAY:
    case JRT_VOID:
        break;
    }
    return 0;
}

static uint32_t method_of_box(enum jrt_type type)
{
    switch (type) {
    case JRT_BOOLEAN:
        return JRT_METHOD_boxBoolean;
    case JRT_CHAR:
        return JRT_METHOD_boxCharacter;
    case JRT_FLOAT:
        return JRT_METHOD_boxFloat;
    case JRT_DOUBLE:
        return JRT_METHOD_boxDouble;
    case JRT_BYTE:
        return JRT_METHOD_boxByte;
    case JRT_SHORT:
        return JRT_METHOD_boxShort;
    case JRT_INT:
        return JRT_METHOD_boxInteger;
    case JRT_LONG:
    case JRT_OBJECT:
    case JRT_ARRAY:
    case JRT_VOID:
        break;
    }
    return JRT_METHOD_boxLong;
}

struct job_object *jrt_box(struct jrt_thread *thread, enum jrt_type type, union jrt_slot value)
{
    union jrt_slot result = {0};
    struct jrt_class *class = jrt_known.class[box_class(type)];
    union jrt_slot args[2] = {value}; /* long and double take two */
    if (!jrt_init_class(thread, class) ||
        !jrt_exec->call(thread, jrt_known.method[method_of_box(type)], args, &result)) {
        return NULL;
    }
    return job_from_ref(result.ref);
}

enum jrt_type jrt_unbox(const struct job_object *box, union jrt_slot *ret_value)
{
    for (enum jrt_type type = JRT_BOOLEAN; box && type <= JRT_LONG; type++) {
        if (jrt_class_of(box) != jrt_known.class[box_class(type)]) {
            continue;
        }
        const void *at = (const char *)box + box_value_at(type);
        switch (type) {
        case JRT_BOOLEAN:
            ret_value->i = *(const uint8_t *)at;
            break;
        case JRT_BYTE:
            ret_value->i = *(const int8_t *)at;
            break;
        case JRT_CHAR:
            ret_value->i = *(const uint16_t *)at;
            break;
        case JRT_SHORT:
            ret_value->i = *(const int16_t *)at;
            break;
        case JRT_INT:
        case JRT_FLOAT:
            ret_value->i = *(const int32_t *)at;
            break;
        case JRT_LONG:
        case JRT_DOUBLE:
            ret_value->j = *(const int64_t *)at;
            break;
        case JRT_OBJECT:
        case JRT_ARRAY:
        case JRT_VOID:
            break;
        }
        return type;
    }
    return JRT_OBJECT;
}
