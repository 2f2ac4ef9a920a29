/*
 * JVM_ functions of java.lang.reflect.Array: arrays of any type, elements boxed or as values
 * (jvm-interface.md 2.4).
 */
#include "jvm/jdk/jdk_convert.h"
#include "jvm/jdk/jdk_jni.h"
#include "jvm/jdk/jvm.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_throw.h"

enum { DIMENSIONS_MAX = 255 };

static bool throw_argument(struct jrt_thread *thread, const char *message)
{
    return jrt_throw_class(thread, jrt_known_class(thread, JRT_IllegalArgumentException), message);
}

/* ---- making ---- */

jobject JVM_NewArray(JNIEnv *env, jclass of, jint length)
{
    JDK_ENTER(env);
    if (of == NULL) {
        (void)jrt_throw_null(thread);
        JDK_RETURN((jobject)NULL);
    }
    struct jrt_class *element = jdk_class(of);
    if (length < 0) {
        (void)jrt_throw(thread, JRT_NegativeArraySizeException, "%d", length);
        JDK_RETURN((jobject)NULL);
    }
    if (element == jrt_known.primitive[JRT_VOID] || element->dimensions >= DIMENSIONS_MAX) {
        (void)throw_argument(thread, NULL);
        JDK_RETURN((jobject)NULL);
    }
    struct jrt_class *class = jrt_array_class(thread, element);
    struct job_array *array = class != NULL ? jrt_new_array(thread, class, length) : NULL;
    JDK_RETURN(array != NULL ? jrt_local(thread, &array->object) : NULL);
}

static struct job_array *new_multi(struct jrt_thread *thread, struct jrt_class *class,
                                   const struct job_array *lengths)
{
    int32_t sizes[DIMENSIONS_MAX];
    int32_t count = lengths->length;
    if (lengths->object.class_at != job_offset(jrt_known.primitive_array[JRT_INT]) || count <= 0 ||
        count > DIMENSIONS_MAX - class->dimensions || class == jrt_known.primitive[JRT_VOID]) {
        (void)throw_argument(thread, NULL);
        return NULL;
    }
    for (int32_t i = 0; i < count; i++) {
        sizes[i] = ((const int32_t *)job_elements(lengths))[i];
    }
    for (int32_t i = 0; i < count && class != NULL; i++) {
        class = jrt_array_class(thread, class);
    }
    return class != NULL ? jrt_new_multi_array(thread, class, sizes, (uint32_t)count) : NULL;
}

jobject JVM_NewMultiArray(JNIEnv *env, jclass of, jobject lengths)
{
    JDK_ENTER(env);
    struct job_array *array = NULL;
    if (of == NULL || lengths == NULL) {
        (void)jrt_throw_null(thread);
    } else {
        array = new_multi(thread, jdk_class(of), (const struct job_array *)jrt_get(lengths));
    }
    JDK_RETURN(array != NULL ? jrt_local(thread, &array->object) : NULL);
}

/* ---- elements ---- */

/* The array that a handle stands for; NULL: an exception is pending. */
static struct job_array *array_of(struct jrt_thread *thread, jobject handle, bool primitive)
{
    struct job_object *object = jrt_get(handle);
    if (object == NULL) {
        (void)jrt_throw_null(thread);
        return NULL;
    }
    const struct jrt_class *class = jrt_class_of(object);
    if ((class->flags & JRT_CLASS_ARRAY) == 0) {
        (void)throw_argument(thread, "Argument is not an array");
        return NULL;
    }
    if (primitive && class->object.kind != JOB_PRIMITIVE_ARRAY) {
        (void)throw_argument(thread, "Argument is not an array of primitive type");
        return NULL;
    }
    return (struct job_array *)object;
}

static bool check_index(struct jrt_thread *thread, const struct job_array *array, jint index)
{
    if (index >= 0 && index < array->length) {
        return true;
    }
    return jrt_throw_class(thread, jrt_known_class(thread, JRT_ArrayIndexOutOfBoundsException),
                           NULL);
}

static enum jrt_type component_of(const struct job_array *array)
{
    return (enum jrt_type)jrt_class_of(&array->object)->component_type;
}

static union jrt_slot load(const struct job_array *array, jint index)
{
    const void *elements = job_elements(array);
    union jrt_slot value = {.word = 0};
    switch (component_of(array)) {
    case JRT_BOOLEAN:
        value.i = ((const uint8_t *)elements)[index] & 1;
        break;
    case JRT_BYTE:
        value.i = ((const int8_t *)elements)[index];
        break;
    case JRT_CHAR:
        value.i = ((const uint16_t *)elements)[index];
        break;
    case JRT_SHORT:
        value.i = ((const int16_t *)elements)[index];
        break;
    case JRT_INT:
        value.i = ((const int32_t *)elements)[index];
        break;
    case JRT_LONG:
        value.j = ((const int64_t *)elements)[index];
        break;
    case JRT_FLOAT:
        value.f = ((const float *)elements)[index];
        break;
    case JRT_DOUBLE:
        value.d = ((const double *)elements)[index];
        break;
    case JRT_OBJECT:
    case JRT_ARRAY:
        value.word = ((const jref_t *)elements)[index].word;
        break;
    case JRT_VOID:
        break;
    }
    return value;
}

static void store(struct job_array *array, jint index, union jrt_slot value)
{
    void *elements = job_elements(array);
    switch (component_of(array)) {
    case JRT_BOOLEAN:
        ((uint8_t *)elements)[index] = (uint8_t)(value.i & 1);
        break;
    case JRT_BYTE:
        ((int8_t *)elements)[index] = (int8_t)value.i;
        break;
    case JRT_CHAR:
    case JRT_SHORT:
        ((uint16_t *)elements)[index] = (uint16_t)value.i;
        break;
    case JRT_INT:
        ((int32_t *)elements)[index] = value.i;
        break;
    case JRT_FLOAT:
        ((float *)elements)[index] = value.f;
        break;
    case JRT_LONG:
        ((int64_t *)elements)[index] = value.j;
        break;
    case JRT_DOUBLE:
        ((double *)elements)[index] = value.d;
        break;
    case JRT_OBJECT:
    case JRT_ARRAY:
        jgc_store(&array->object, (jref_t *)elements + index, value.ref);
        break;
    case JRT_VOID:
        break;
    }
}

jint JVM_GetArrayLength(JNIEnv *env, jobject of)
{
    JDK_ENTER(env);
    const struct job_array *array = array_of(thread, of, false);
    JDK_RETURN(array != NULL ? array->length : 0);
}

jobject JVM_GetArrayElement(JNIEnv *env, jobject of, jint index)
{
    JDK_ENTER(env);
    const struct job_array *array = array_of(thread, of, false);
    if (array == NULL || !check_index(thread, array, index)) {
        JDK_RETURN((jobject)NULL);
    }
    union jrt_slot value = load(array, index);
    bool reference = jrt_class_of(&array->object)->object.kind == JOB_REF_ARRAY;
    JDK_RETURN(jrt_local(thread, reference ? job_from_ref(value.ref)
                                           : jrt_box(thread, component_of(array), value)));
}

void JVM_SetArrayElement(JNIEnv *env, jobject of, jint index, jobject element)
{
    JDK_ENTER(env);
    struct job_array *array = array_of(thread, of, false);
    const struct job_object *object = jrt_get(element);
    if (array == NULL) {
        JDK_LEAVE();
        return;
    }
    const struct jrt_class *class = jrt_class_of(&array->object);
    union jrt_slot value = {.word = job_to_ref(object).word};
    bool good = true;
    if (class->object.kind == JOB_REF_ARRAY) {
        good = check_index(thread, array, index);
        if (good && object != NULL &&
            !jrt_is_subtype(jrt_class_of(object), jrt_class_at(class->element))) {
            good = throw_argument(thread, "array element type mismatch");
        }
    } else if (object == NULL) {
        good = throw_argument(thread, NULL);
    } else {
        enum jrt_type from = jrt_unbox(object, &value);
        good = check_index(thread, array, index);
        if (good && !jdk_widen(&value, from, component_of(array))) {
            good = throw_argument(thread, "argument type mismatch");
        }
    }
    if (good) {
        store(array, index, value);
    }
    JDK_LEAVE();
}

/* ---- elements as values: `code` is an enum jrt_type ---- */

static jvalue to_jvalue(union jrt_slot slot, enum jrt_type type)
{
    jvalue value = {.j = 0};
    switch (type) {
    case JRT_BOOLEAN:
        value.z = (jboolean)(slot.i & 1);
        break;
    case JRT_BYTE:
        value.b = (jbyte)slot.i;
        break;
    case JRT_CHAR:
        value.c = (jchar)slot.i;
        break;
    case JRT_SHORT:
        value.s = (jshort)slot.i;
        break;
    case JRT_INT:
        value.i = slot.i;
        break;
    case JRT_FLOAT:
        value.f = slot.f;
        break;
    case JRT_LONG:
        value.j = slot.j;
        break;
    case JRT_DOUBLE:
        value.d = slot.d;
        break;
    case JRT_OBJECT:
    case JRT_ARRAY:
    case JRT_VOID:
        break;
    }
    return value;
}

static union jrt_slot from_jvalue(jvalue value, enum jrt_type type)
{
    union jrt_slot slot = {.word = 0};
    switch (type) {
    case JRT_BOOLEAN:
        slot.i = value.z & 1;
        break;
    case JRT_BYTE:
        slot.i = value.b;
        break;
    case JRT_CHAR:
        slot.i = value.c;
        break;
    case JRT_SHORT:
        slot.i = value.s;
        break;
    case JRT_INT:
        slot.i = value.i;
        break;
    case JRT_FLOAT:
        slot.f = value.f;
        break;
    case JRT_LONG:
        slot.j = value.j;
        break;
    case JRT_DOUBLE:
        slot.d = value.d;
        break;
    case JRT_OBJECT:
    case JRT_ARRAY:
    case JRT_VOID:
        break;
    }
    return slot;
}

jvalue JVM_GetPrimitiveArrayElement(JNIEnv *env, jobject of, jint index, jint code)
{
    JDK_ENTER(env);
    jvalue none = {.j = 0};
    const struct job_array *array = array_of(thread, of, true);
    if (array == NULL || !check_index(thread, array, index)) {
        JDK_RETURN(none);
    }
    union jrt_slot value = load(array, index);
    if (!jdk_widen(&value, component_of(array), (enum jrt_type)code)) {
        (void)throw_argument(thread, "argument type mismatch");
        JDK_RETURN(none);
    }
    JDK_RETURN(to_jvalue(value, (enum jrt_type)code));
}

void JVM_SetPrimitiveArrayElement(JNIEnv *env, jobject of, jint index, jvalue element,
                                  unsigned char code)
{
    JDK_ENTER(env);
    struct job_array *array = array_of(thread, of, true);
    union jrt_slot value = from_jvalue(element, (enum jrt_type)code);
    if (array != NULL && check_index(thread, array, index)) {
        if (jdk_widen(&value, (enum jrt_type)code, component_of(array))) {
            store(array, index, value);
        } else {
            (void)throw_argument(thread, "argument type mismatch");
        }
    }
    JDK_LEAVE();
}
