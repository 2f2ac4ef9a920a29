/*
 * JVM_ functions of jdk.internal.reflect.ConstantPool: the constant pool as annotations' parser
 * reads it. The object holds its class's mirror.
 */
#include "jvm/classfile/jcf_flags.h"
#include "jvm/jdk/jdk.h"
#include "jvm/jdk/jdk_jni.h"
#include "jvm/jdk/jvm.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_loader.h"
#include "jvm/runtime/jrt_pool.h"
#include "jvm/runtime/jrt_resolve.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_throw.h"

jobject JVM_GetClassConstantPool(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    struct jrt_class *class = jdk_class(of);
    struct jrt_class *pool_class =
        class->pool != 0 ? jrt_known_class(thread, JRT_ConstantPool) : NULL;
    struct job_object *made = pool_class != NULL && jrt_init_class(thread, pool_class)
                                  ? jrt_new(thread, pool_class)
                                  : NULL;
    if (made != NULL) {
        jrt_set_ref(made, JRT_AT(ConstantPool, constantPoolOop), jrt_get(of));
    }
    JDK_RETURN(jrt_local(thread, made));
}

static struct jrt_class *class_of(jobject pool)
{
    return jrt_class_of_mirror(jrt_ref(jrt_get(pool), JRT_AT(ConstantPool, constantPoolOop)));
}

/* A set of tags. */
#define TAG(name) (1u << JCF_TAG_##name)
enum {
    METHODS = TAG(METHOD) | TAG(INTERFACE_METHOD),
    MEMBERS = METHODS | TAG(FIELD),
    WITH_NAME_AND_TYPE = MEMBERS | TAG(INVOKE_DYNAMIC)
};

/* The class whose pool it is, if the index is inside and its tag one of the set; NULL:
 * IllegalArgumentException is pending. */
static struct jrt_class *checked(struct jrt_thread *thread, jobject pool, jint index, uint32_t tags)
{
    struct jrt_class *class = class_of(pool);
    const struct jrt_pool *constants = jrt_pool_of(class);
    if (index < 0 || index >= constants->count) {
        (void)jrt_throw(thread, JRT_IllegalArgumentException, "Constant pool index out of bounds");
        return NULL;
    }
    if ((tags >> constants->tags[index] & 1) == 0) {
        (void)jrt_throw(thread, JRT_IllegalArgumentException, "Wrong type at constant pool index");
        return NULL;
    }
    return class;
}

jint JVM_ConstantPoolGetSize(JNIEnv *env, jobject pool, jobject unused ST_UNUSED)
{
    JDK_ENTER(env);
    JDK_RETURN((jint)jrt_pool_of(class_of(pool))->count);
}

/* ---- classes ---- */

/* The class of a CLASS constant if the loader knows it already. */
static struct jrt_class *class_if_loaded(struct jrt_class *in, uint16_t index)
{
    struct jrt_class *class = jrt_pool_class_if_resolved(in, index);
    job_offset_t name = class == NULL ? jrt_pool_named(in, index) : 0;
    return name != 0 ? jrt_loaded_class((struct jrt_loader *)job_at(in->loader), name) : class;
}

static struct jrt_class *class_at(struct jrt_thread *thread, struct jrt_class *in, uint16_t index,
                                  bool load)
{
    return load ? jrt_resolve_class(thread, in, index) : class_if_loaded(in, index);
}

static jclass get_class(JNIEnv *env, jobject pool, jint index, bool load)
{
    JDK_ENTER(env);
    struct jrt_class *in = checked(thread, pool, index, TAG(CLASS));
    const struct jrt_class *class = in != NULL ? class_at(thread, in, (uint16_t)index, load) : NULL;
    JDK_RETURN(class != NULL ? jrt_local(thread, jrt_mirror(class)) : NULL);
}

jclass JVM_ConstantPoolGetClassAt(JNIEnv *env, jobject pool, jobject unused ST_UNUSED, jint index)
{
    return get_class(env, pool, index, true);
}

jclass JVM_ConstantPoolGetClassAtIfLoaded(JNIEnv *env, jobject pool, jobject unused ST_UNUSED,
                                          jint index)
{
    return get_class(env, pool, index, false);
}

jint JVM_ConstantPoolGetClassRefIndexAt(JNIEnv *env, jobject pool, jobject unused ST_UNUSED,
                                        jint index)
{
    JDK_ENTER(env);
    const struct jrt_class *in = checked(thread, pool, index, MEMBERS);
    JDK_RETURN((jint)(in != NULL ? jrt_pool_high(jrt_pool_of(in), (uint16_t)index) : 0));
}

/* ---- members ---- */

/* The Method, Constructor or Field of a member constant, among those the class itself declares (of
 * fields: inherits). NULL: an exception is pending, or the class is not loaded. */
static struct job_object *member_at(struct jrt_thread *thread, struct jrt_class *in, uint16_t index,
                                    bool field, bool load)
{
    const struct jrt_class *class =
        class_at(thread, in, jrt_pool_high(jrt_pool_of(in), index), load);
    struct jrt_member_name name;
    if (class == NULL) {
        return NULL;
    }
    if (!jrt_pool_member(in, index, &name)) {
        (void)jrt_throw_oom(thread, JRT_OOM_METASPACE);
        return NULL;
    }
    if (field) {
        struct jrt_field *found = jrt_find_field(class, name.name, name.descriptor);
        if (found != NULL) {
            return jdk_reflect_field(thread, found);
        }
    } else {
        struct jrt_method *found = jrt_declared_method(class, name.name, name.descriptor);
        if (found != NULL) {
            return jdk_reflect_method(thread, found);
        }
    }
    (void)jrt_throw(thread, JRT_RuntimeException, "Unable to look up %s in target class",
                    field ? "field" : "method");
    return NULL;
}

static jobject get_member(JNIEnv *env, jobject pool, jint index, bool field, bool load)
{
    JDK_ENTER(env);
    struct jrt_class *in = checked(thread, pool, index, field ? TAG(FIELD) : METHODS);
    JDK_RETURN(in != NULL ? jrt_local(thread, member_at(thread, in, (uint16_t)index, field, load))
                          : NULL);
}

jobject JVM_ConstantPoolGetMethodAt(JNIEnv *env, jobject pool, jobject unused ST_UNUSED, jint index)
{
    return get_member(env, pool, index, false, true);
}

jobject JVM_ConstantPoolGetMethodAtIfLoaded(JNIEnv *env, jobject pool, jobject unused ST_UNUSED,
                                            jint index)
{
    return get_member(env, pool, index, false, false);
}

jobject JVM_ConstantPoolGetFieldAt(JNIEnv *env, jobject pool, jobject unused ST_UNUSED, jint index)
{
    return get_member(env, pool, index, true, true);
}

jobject JVM_ConstantPoolGetFieldAtIfLoaded(JNIEnv *env, jobject pool, jobject unused ST_UNUSED,
                                           jint index)
{
    return get_member(env, pool, index, true, false);
}

/* ---- names ---- */

/* A String[] of symbols. */
static jobject symbol_strings(struct jrt_thread *thread, const job_offset_t *symbols,
                              uint32_t count)
{
    struct job_array *array = jrt_new_array(thread, jrt_known.string_array, (int32_t)count);
    for (uint32_t i = 0; array != NULL && i < count; i++) {
        const struct job_object *string = jrt_intern_symbol(thread, symbols[i]);
        if (string == NULL) {
            return NULL;
        }
        jgc_store(&array->object, (jref_t *)job_elements(array) + i, job_to_ref(string));
    }
    return array != NULL ? jrt_local(thread, &array->object) : NULL;
}

static jobject get_names(JNIEnv *env, jobject pool, jint index, uint32_t tags)
{
    JDK_ENTER(env);
    const struct jrt_class *in = checked(thread, pool, index, tags);
    struct jrt_member_name name;
    if (in == NULL) {
        JDK_RETURN((jobject)NULL);
    }
    if (!jrt_pool_member(in, (uint16_t)index, &name)) {
        (void)jrt_throw_oom(thread, JRT_OOM_METASPACE);
        JDK_RETURN((jobject)NULL);
    }
    const job_offset_t symbols[] = {name.class_name, name.name, name.descriptor};
    JDK_RETURN(name.class_name != 0 ? symbol_strings(thread, symbols, 3)
                                    : symbol_strings(thread, symbols + 1, 2));
}

jobject JVM_ConstantPoolGetMemberRefInfoAt(JNIEnv *env, jobject pool, jobject unused ST_UNUSED,
                                           jint index)
{
    return get_names(env, pool, index, MEMBERS);
}

jobject JVM_ConstantPoolGetNameAndTypeRefInfoAt(JNIEnv *env, jobject pool, jobject unused ST_UNUSED,
                                                jint index)
{
    return get_names(env, pool, index, TAG(NAME_AND_TYPE));
}

jint JVM_ConstantPoolGetNameAndTypeRefIndexAt(JNIEnv *env, jobject pool, jobject unused ST_UNUSED,
                                              jint index)
{
    JDK_ENTER(env);
    const struct jrt_class *in = checked(thread, pool, index, WITH_NAME_AND_TYPE);
    JDK_RETURN((jint)(in != NULL ? jrt_pool_low(jrt_pool_of(in), (uint16_t)index) : 0));
}

/* ---- values ---- */

static uint64_t bits_at(struct jrt_thread *thread, jobject pool, jint index, uint32_t tag,
                        bool wide)
{
    const struct jrt_class *in = checked(thread, pool, index, tag);
    if (in == NULL) {
        return 0;
    }
    return wide ? jrt_pool_wide(jrt_pool_of(in), (uint16_t)index)
                : jrt_pool_value(jrt_pool_of(in), (uint16_t)index);
}

jint JVM_ConstantPoolGetIntAt(JNIEnv *env, jobject pool, jobject unused ST_UNUSED, jint index)
{
    JDK_ENTER(env);
    JDK_RETURN((jint)bits_at(thread, pool, index, TAG(INTEGER), false));
}

jlong JVM_ConstantPoolGetLongAt(JNIEnv *env, jobject pool, jobject unused ST_UNUSED, jint index)
{
    JDK_ENTER(env);
    JDK_RETURN((jlong)bits_at(thread, pool, index, TAG(LONG), true));
}

jfloat JVM_ConstantPoolGetFloatAt(JNIEnv *env, jobject pool, jobject unused ST_UNUSED, jint index)
{
    JDK_ENTER(env);
    union jrt_slot value = {.word = bits_at(thread, pool, index, TAG(FLOAT), false)};
    JDK_RETURN(value.f);
}

jdouble JVM_ConstantPoolGetDoubleAt(JNIEnv *env, jobject pool, jobject unused ST_UNUSED, jint index)
{
    JDK_ENTER(env);
    union jrt_slot value = {.word = bits_at(thread, pool, index, TAG(DOUBLE), true)};
    JDK_RETURN(value.d);
}

jstring JVM_ConstantPoolGetStringAt(JNIEnv *env, jobject pool, jobject unused ST_UNUSED, jint index)
{
    JDK_ENTER(env);
    struct jrt_class *in = checked(thread, pool, index, TAG(STRING));
    union jrt_slot value;
    enum jrt_type type;
    uint32_t reference;
    bool found =
        in != NULL && jrt_resolve_constant(thread, in, (uint16_t)index, &value, &type, &reference);
    JDK_RETURN(found ? jrt_local(thread, job_from_ref(value.ref)) : NULL);
}

jstring JVM_ConstantPoolGetUTF8At(JNIEnv *env, jobject pool, jobject unused ST_UNUSED, jint index)
{
    JDK_ENTER(env);
    const struct jrt_class *in = checked(thread, pool, index, TAG(UTF8));
    job_offset_t symbol = in != NULL ? jrt_pool_symbol(in, (uint16_t)index) : 0;
    JDK_RETURN(symbol != 0 ? jrt_local(thread, jrt_intern_symbol(thread, symbol)) : NULL);
}

jbyte JVM_ConstantPoolGetTagAt(JNIEnv *env, jobject pool, jobject unused ST_UNUSED, jint index)
{
    JDK_ENTER(env);
    const struct jrt_class *in = checked(thread, pool, index, UINT32_MAX);
    JDK_RETURN((jbyte)(in != NULL ? jrt_pool_of(in)->tags[index] : 0));
}
