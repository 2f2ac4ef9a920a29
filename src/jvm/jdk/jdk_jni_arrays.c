/*
 * JNI: arrays (JNI specification, chapter 4, "Array operations"), and direct buffers.
 *
 * Get...ArrayElements copies; GetPrimitiveArrayCritical gives the elements themselves: the
 * collector finds the array by the thread's critical handles and leaves it where it is.
 */
#include <stdlib.h>
#include <string.h>

#include "jvm/jdk/jdk.h"
#include "jvm/jdk/jdk_jni.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_message.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"

enum {
    GET_ARRAY_LENGTH = 171,
    NEW_OBJECT_ARRAY,
    GET_OBJECT_ARRAY_ELEMENT,
    SET_OBJECT_ARRAY_ELEMENT,
    NEW_ARRAY, /* the primitive types in the order of JDK_PRIMITIVES, as the next ones */
    GET_ELEMENTS = 183,
    RELEASE_ELEMENTS = 191,
    GET_REGION = 199,
    SET_REGION = 207,
    GET_CRITICAL = 222,
    RELEASE_CRITICAL = 223,
    NEW_DIRECT_BUFFER = 229,
    GET_DIRECT_ADDRESS = 230,
    GET_DIRECT_CAPACITY = 231
};

static struct job_array *array_of(jarray array)
{
    return (struct job_array *)jdk_get(array);
}

static jsize GetArrayLength(JNIEnv *env, jarray array)
{
    JDK_ENTER(env);
    JDK_RETURN(array_of(array)->length);
}

static bool in_bounds(struct jrt_thread *thread, const struct job_array *array, jsize at,
                      jsize count)
{
    if (count < 0) {
        (void)jrt_throw(thread, JRT_ArrayIndexOutOfBoundsException, "Length %d is negative", count);
        return false;
    }
    if (at < 0 || at > array->length - count) {
        (void)jrt_throw(thread, JRT_ArrayIndexOutOfBoundsException,
                        "Array region %d..%lld out of bounds for length %d", at,
                        (long long)at + count, array->length);
        return false;
    }
    return true;
}

static jobject NewObjectArray(JNIEnv *env, jsize length, jclass element, jobject first)
{
    JDK_ENTER(env);
    struct jrt_class *class = jrt_array_class(thread, jdk_class(element));
    struct job_array *array = class != NULL ? jrt_new_array(thread, class, length) : NULL;
    for (jsize i = 0; array != NULL && first != NULL && i < length; i++) {
        jgc_store(&array->object, (jref_t *)job_elements(array) + i, job_to_ref(jrt_get(first)));
    }
    JDK_RETURN(array != NULL ? jrt_local(thread, &array->object) : NULL);
}

static jobject GetObjectArrayElement(JNIEnv *env, jarray array, jsize index)
{
    JDK_ENTER(env);
    const struct job_array *from = array_of(array);
    jobject element = NULL;
    if (index < 0 || index >= from->length) {
        (void)jrt_throw(thread, JRT_ArrayIndexOutOfBoundsException,
                        "Index %d out of bounds for length %d", index, from->length);
    } else {
        element = jrt_local(thread, job_from_ref(((jref_t *)job_elements(from))[index]));
    }
    JDK_RETURN(element);
}

/* "int[3][]": the element's type with the index at the first dimension. */
static void throw_store(struct jrt_thread *thread, const struct jrt_class *from,
                        const struct jrt_class *wanted, jsize index)
{
    char name[JRT_MESSAGE_BYTES];
    char type[JRT_MESSAGE_BYTES];
    char more[2 * 255 + 1] = "";
    const char *descriptor = jrt_text(wanted->name);
    size_t dimensions = strspn(descriptor, "[");
    for (size_t i = 0; i < dimensions; i++) {
        memcpy(&more[2 * i], "[]", 3);
    }
    if (dimensions == 0) {
        jrt_external_name(wanted, type, sizeof type);
    } else {
        (void)jrt_type_text(descriptor + dimensions, type, sizeof type);
    }
    (void)jrt_throw(thread, JRT_ArrayStoreException, "type mismatch: can not store %s to %s[%d]%s",
                    jrt_external_name(from, name, sizeof name), type, index, more);
}

static void SetObjectArrayElement(JNIEnv *env, jarray array, jsize index, jobject value)
{
    JDK_ENTER(env);
    struct job_array *to = array_of(array);
    struct job_object *element = jrt_get(value);
    const struct jrt_class *wanted = jrt_class_at(jrt_class_of(&to->object)->element);
    if (index < 0 || index >= to->length) {
        (void)jrt_throw(thread, JRT_ArrayIndexOutOfBoundsException,
                        "Index %d out of bounds for length %d", index, to->length);
    } else if (element != NULL && !jrt_is_subtype(jrt_class_of(element), wanted)) {
        throw_store(thread, jrt_class_of(element), wanted, index);
    } else {
        jgc_store(&to->object, (jref_t *)job_elements(to) + index, job_to_ref(element));
    }
    JDK_LEAVE();
}

static jobject new_array(JNIEnv *env, jsize length, enum jrt_type type)
{
    JDK_ENTER(env);
    struct job_array *array = jrt_new_array(thread, jrt_known.primitive_array[type], length);
    JDK_RETURN(array != NULL ? jrt_local(thread, &array->object) : NULL);
}

static size_t bytes_of(const struct job_array *array)
{
    return (size_t)array->length << job_class_of(&array->object)->element_shift;
}

static void *get_elements(JNIEnv *env, jarray array, jboolean *is_copy)
{
    JDK_ENTER(env);
    const struct job_array *from = array_of(array);
    size_t bytes = bytes_of(from);
    void *copy = malloc(bytes != 0 ? bytes : 1);
    if (copy != NULL) {
        memcpy(copy, job_elements(from), bytes);
        if (is_copy != NULL) {
            *is_copy = 1;
        }
    } else {
        (void)jrt_throw_oom(thread, JRT_OOM_HEAP);
    }
    JDK_RETURN(copy);
}

static void release_elements(JNIEnv *env, jarray array, void *elements, jint mode)
{
    JDK_ENTER(env);
    const struct job_array *to = array_of(array);
    if (mode != JNI_ABORT) {
        memcpy(job_elements(to), elements, bytes_of(to));
    }
    JDK_LEAVE();
    if (mode != JNI_COMMIT) {
        free(elements);
    }
}

static void region(JNIEnv *env, jarray array, jsize at, jsize count, void *buffer, bool set)
{
    JDK_ENTER(env);
    const struct job_array *of = array_of(array);
    if (in_bounds(thread, of, at, count)) {
        uint8_t shift = job_class_of(&of->object)->element_shift;
        char *elements = (char *)job_elements(of) + ((size_t)at << shift);
        if (count != 0) {
            memcpy(set ? (void *)elements : buffer, set ? buffer : elements,
                   (size_t)count << shift);
        }
    }
    JDK_LEAVE();
}

#define ARRAY_FUNCTIONS(Name, type, member, letter, number)                                        \
    static jobject New##Name##Array(JNIEnv *env, jsize length)                                     \
    {                                                                                              \
        return new_array(env, length, number);                                                     \
    }                                                                                              \
    static void Set##Name##ArrayRegion(JNIEnv *env, jarray array, jsize at, jsize count,           \
                                       const type *buffer)                                         \
    {                                                                                              \
        region(env, array, at, count, (void *)(uintptr_t)buffer, true);                            \
    }
JDK_PRIMITIVES(ARRAY_FUNCTIONS)

static void get_region(JNIEnv *env, jarray array, jsize at, jsize count, void *buffer)
{
    region(env, array, at, count, buffer, false);
}

/* ---- critical regions ---- */

static void *GetPrimitiveArrayCritical(JNIEnv *env, jarray array, jboolean *is_copy)
{
    JDK_ENTER(env);
    void *elements =
        jrt_critical_enter(thread, array_of(array)) ? job_elements(array_of(array)) : NULL;
    if (is_copy != NULL) {
        *is_copy = 0;
    }
    JDK_RETURN(elements);
}

static void ReleasePrimitiveArrayCritical(JNIEnv *env, jarray array, void *elements ST_UNUSED,
                                          jint mode ST_UNUSED)
{
    JDK_ENTER(env);
    jrt_critical_leave(thread, array_of(array));
    JDK_LEAVE();
}

/* ---- direct buffers ---- */

struct job_object *jdk_direct_buffer(struct jrt_thread *thread, void *address, int64_t capacity)
{
    struct jrt_class *class = jrt_known_class(thread, JRT_DirectByteBuffer);
    struct jrt_method *init =
        class != NULL && jrt_init_class(thread, class)
            ? jrt_declared_method(class, jrt_known.name_init, jrt_symbol_of("(JI)V"))
            : NULL;
    struct job_object *buffer = init != NULL ? jrt_new(thread, class) : NULL;
    if (buffer == NULL) {
        return NULL;
    }
    union jrt_slot slots[4] = {{.word = job_to_ref(buffer).word}, {.j = (jlong)(uintptr_t)address}};
    slots[3].word = (uint32_t)(jint)capacity;
    union jrt_slot nothing;
    return jrt_exec->call(thread, init, slots, &nothing) ? buffer : NULL;
}

bool jdk_fill_buffer(const struct job_object *buffer, const void *bytes, size_t count)
{
    memcpy((void *)(uintptr_t)jrt_long(buffer, JRT_AT(Buffer, address)), bytes, count);
    return true;
}

static jobject NewDirectByteBuffer(JNIEnv *env, void *address, jlong capacity)
{
    JDK_ENTER(env);
    JDK_RETURN(jrt_local(thread, jdk_direct_buffer(thread, address, capacity)));
}

static bool is_direct(struct jrt_thread *thread, const struct job_object *buffer)
{
    struct jrt_class *class = jrt_known_class(thread, JRT_Buffer);
    struct jrt_class *direct = jrt_known_class(thread, JRT_DirectBuffer);
    return buffer != NULL && class != NULL && direct != NULL &&
           jrt_is_subtype(jrt_class_of(buffer), class) &&
           jrt_is_subtype(jrt_class_of(buffer), direct);
}

static void *GetDirectBufferAddress(JNIEnv *env, jobject buffer)
{
    JDK_ENTER(env);
    const struct job_object *object = jrt_get(buffer);
    void *address = is_direct(thread, object)
                        ? (void *)(uintptr_t)jrt_long(object, JRT_AT(Buffer, address))
                        : NULL;
    JDK_RETURN(address);
}

static jlong GetDirectBufferCapacity(JNIEnv *env, jobject buffer)
{
    JDK_ENTER(env);
    const struct job_object *object = jrt_get(buffer);
    jlong capacity = is_direct(thread, object) ? jrt_int(object, JRT_AT(Buffer, capacity)) : -1;
    JDK_RETURN(capacity);
}

#define PLACE(Name, type, member, letter, number)                                                  \
    table[NEW_ARRAY + (JDK_TYPE_##Name - JDK_TYPE_Boolean)] = (void *)New##Name##Array;            \
    table[GET_ELEMENTS + (JDK_TYPE_##Name - JDK_TYPE_Boolean)] = (void *)get_elements;             \
    table[RELEASE_ELEMENTS + (JDK_TYPE_##Name - JDK_TYPE_Boolean)] = (void *)release_elements;     \
    table[GET_REGION + (JDK_TYPE_##Name - JDK_TYPE_Boolean)] = (void *)get_region;                 \
    table[SET_REGION + (JDK_TYPE_##Name - JDK_TYPE_Boolean)] = (void *)Set##Name##ArrayRegion;

void jdk_jni_fill_arrays(void **table)
{
    JDK_PRIMITIVES(PLACE)
    table[GET_ARRAY_LENGTH] = (void *)GetArrayLength;
    table[NEW_OBJECT_ARRAY] = (void *)NewObjectArray;
    table[GET_OBJECT_ARRAY_ELEMENT] = (void *)GetObjectArrayElement;
    table[SET_OBJECT_ARRAY_ELEMENT] = (void *)SetObjectArrayElement;
    table[GET_CRITICAL] = (void *)GetPrimitiveArrayCritical;
    table[RELEASE_CRITICAL] = (void *)ReleasePrimitiveArrayCritical;
    table[NEW_DIRECT_BUFFER] = (void *)NewDirectByteBuffer;
    table[GET_DIRECT_ADDRESS] = (void *)GetDirectBufferAddress;
    table[GET_DIRECT_CAPACITY] = (void *)GetDirectBufferCapacity;
}
