/* JNI: fields (JNI specification, chapter 4, "Accessing fields of objects" and "static fields"). */
#include <string.h>

#include "jvm/classfile/jcf_flags.h"
#include "jvm/jdk/jdk_jni.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_message.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"

enum {
    GET_FIELD_ID = 94,
    GET_FIELD = 95, /* Object, then the primitive types in the order of JDK_PRIMITIVES */
    SET_FIELD = 104,
    GET_STATIC_FIELD_ID = 144,
    GET_STATIC_FIELD = 145,
    SET_STATIC_FIELD = 154
};

static jfieldID find_field(JNIEnv *env, jclass in, const char *name, const char *descriptor,
                           bool fixed)
{
    JDK_ENTER(env);
    struct jrt_class *class = jdk_class(in);
    struct jrt_field *field = NULL;
    job_offset_t name_symbol = jrt_symbol_find(name, strlen(name));
    job_offset_t descriptor_symbol = jrt_symbol_find(descriptor, strlen(descriptor));
    bool known = name_symbol != 0 && descriptor_symbol != 0;
    if (known && (class->flags & JRT_CLASS_PRIMITIVE) == 0 && jrt_init_class(thread, class)) {
        field = jrt_find_field(class, name_symbol, descriptor_symbol);
    }
    if (field != NULL && ((field->access & JCF_ACC_STATIC) != 0) != fixed) {
        field = NULL;
    }
    if (field == NULL && !jrt_failed(thread)) {
        char text[JRT_MESSAGE_BYTES];
        (void)(fixed ? jrt_throw(thread, JRT_NoSuchFieldError, "%s", name)
                     : jrt_throw(thread, JRT_NoSuchFieldError, "%s.%s %s",
                                 jrt_external_name(class, text, sizeof text), name, descriptor));
    }
    JDK_RETURN(field);
}

static jfieldID GetFieldID(JNIEnv *env, jclass class, const char *name, const char *descriptor)
{
    return find_field(env, class, name, descriptor, false);
}

static jfieldID GetStaticFieldID(JNIEnv *env, jclass class, const char *name,
                                 const char *descriptor)
{
    return find_field(env, class, name, descriptor, true);
}

/* An instance field's place, and the object that has it; a static one's, in its mirror. */
static void *place(const struct job_object *object, const struct jrt_field *field)
{
    return (char *)(uintptr_t)object + field->offset;
}

static struct job_object *mirror_of(const struct jrt_field *field)
{
    return jrt_mirror(jrt_class_at(field->class_at));
}

static void store_reference(struct job_object *object, const struct jrt_field *field, jobject value)
{
    jgc_store_volatile(object, place(object, field), job_to_ref(jrt_get(value)));
}

static jobject GetObjectField(JNIEnv *env, jobject object, jfieldID field)
{
    JDK_ENTER(env);
    jref_t ref = {__atomic_load_n((uint32_t *)place(jdk_get(object), field), __ATOMIC_SEQ_CST)};
    JDK_RETURN(jrt_local(thread, job_from_ref(ref)));
}

static jobject GetStaticObjectField(JNIEnv *env, jclass class ST_UNUSED, jfieldID field)
{
    JDK_ENTER(env);
    jref_t ref = {__atomic_load_n((uint32_t *)place(mirror_of(field), field), __ATOMIC_SEQ_CST)};
    JDK_RETURN(jrt_local(thread, job_from_ref(ref)));
}

static void SetObjectField(JNIEnv *env, jobject object, jfieldID field, jobject value)
{
    JDK_ENTER(env);
    store_reference(jdk_get(object), field, value);
    JDK_LEAVE();
}

static void SetStaticObjectField(JNIEnv *env, jclass class ST_UNUSED, jfieldID field, jobject value)
{
    JDK_ENTER(env);
    store_reference(mirror_of(field), field, value);
    JDK_LEAVE();
}

/* All accesses are as of volatile fields: native code does not say which it means. */
#define ACCESSORS(Name, jtype, member, letter, number)                                             \
    static jtype Get##Name##Field(JNIEnv *env, jobject object, jfieldID field)                     \
    {                                                                                              \
        JDK_ENTER(env);                                                                            \
        jtype value;                                                                               \
        __atomic_load((jtype *)place(jdk_get(object), field), &value, __ATOMIC_SEQ_CST);           \
        JDK_RETURN(value);                                                                         \
    }                                                                                              \
    static jtype GetStatic##Name##Field(JNIEnv *env, jclass class ST_UNUSED, jfieldID field)       \
    {                                                                                              \
        JDK_ENTER(env);                                                                            \
        jtype value;                                                                               \
        __atomic_load((jtype *)place(mirror_of(field), field), &value, __ATOMIC_SEQ_CST);          \
        JDK_RETURN(value);                                                                         \
    }                                                                                              \
    static void Set##Name##Field(JNIEnv *env, jobject object, jfieldID field, jtype value)         \
    {                                                                                              \
        JDK_ENTER(env);                                                                            \
        value = field->type == JRT_BOOLEAN ? (jtype)((jint)value & 1) : value;                     \
        __atomic_store((jtype *)place(jdk_get(object), field), &value, __ATOMIC_SEQ_CST);          \
        JDK_LEAVE();                                                                               \
    }                                                                                              \
    static void SetStatic##Name##Field(JNIEnv *env, jclass class ST_UNUSED, jfieldID field,        \
                                       jtype value)                                                \
    {                                                                                              \
        JDK_ENTER(env);                                                                            \
        value = field->type == JRT_BOOLEAN ? (jtype)((jint)value & 1) : value;                     \
        __atomic_store((jtype *)place(mirror_of(field), field), &value, __ATOMIC_SEQ_CST);         \
        JDK_LEAVE();                                                                               \
    }
JDK_PRIMITIVES(ACCESSORS)

#define PLACE(Name, jtype, member, letter, number)                                                 \
    table[GET_FIELD + JDK_TYPE_##Name] = (void *)Get##Name##Field;                                 \
    table[SET_FIELD + JDK_TYPE_##Name] = (void *)Set##Name##Field;                                 \
    table[GET_STATIC_FIELD + JDK_TYPE_##Name] = (void *)GetStatic##Name##Field;                    \
    table[SET_STATIC_FIELD + JDK_TYPE_##Name] = (void *)SetStatic##Name##Field;

void jdk_jni_fill_fields(void **table)
{
    JDK_PRIMITIVES(PLACE)
    PLACE(Object, jobject, ref, 'L', JRT_OBJECT)
    table[GET_FIELD_ID] = (void *)GetFieldID;
    table[GET_STATIC_FIELD_ID] = (void *)GetStaticFieldID;
}
