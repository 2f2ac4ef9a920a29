/*
 * The verifier of class files without stack maps: the library's own libverify, and the JVM_
 * functions by which it reads a class (jvm-interface.md 11). Texts that it gets are symbols, which
 * live as long as the machine.
 */
#include <dlfcn.h>
#include <string.h>

#include "jvm/classfile/jcf_flags.h"
#include "jvm/jdk/jdk.h"
#include "jvm/jdk/jdk_jni.h"
#include "jvm/jdk/jdk_reflect.h"
#include "jvm/jdk/jvm.h"
#include "jvm/runtime/jrt_file.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_module.h"
#include "jvm/runtime/jrt_pool.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"

/* VerifyClassForMajorVersion: its results. */
typedef jboolean verify_t(JNIEnv *env, jclass class, char *message, jint size, jint major);
enum { NOT_VERIFIED, VERIFIED, NO_MEMORY, BAD_FORMAT };

enum { MESSAGE_BYTES = 1024 };

static verify_t *verifier(void)
{
    struct st_err err = {.code = 0};
    void *library = jdk_verify_library(&err);
    return library != NULL ? (verify_t *)dlsym(library, "VerifyClassForMajorVersion") : NULL;
}

bool jdk_verify_old(struct jrt_thread *thread, struct jrt_class *class, const char *reason)
{
    char message[MESSAGE_BYTES] = "Could not link verifier";
    verify_t *verify = verifier();
    jboolean verdict = NOT_VERIFIED;
    if (verify != NULL) {
        struct jrt_locals_mark mark;
        jrt_locals_push(thread, &mark);
        jclass handle = jrt_local(thread, jrt_mirror(class));
        message[0] = 0;
        if (handle != NULL) {
            jrt_to_native(thread);
            verdict = verify((JNIEnv *)&thread->jni, handle, message, sizeof message, class->major);
            jrt_to_vm(thread);
        }
        jrt_locals_pop(thread, &mark);
    }
    if (jrt_failed(thread)) {
        return false;
    }
    reason = reason != NULL ? reason : message;
    switch (verdict) {
    case VERIFIED:
        return true;
    case NO_MEMORY:
        return jrt_throw_oom(thread, JRT_OOM_HEAP);
    case BAD_FORMAT:
        return jrt_throw(thread, JRT_ClassFormatError, "%s", reason);
    default:
        return jrt_throw(thread, JRT_VerifyError, "%s", reason);
    }
}

/* ---- the class ---- */

const char *JVM_GetClassNameUTF(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    JDK_RETURN(jrt_text(jdk_class(of)->name));
}

jint JVM_GetClassCPEntriesCount(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    const struct jrt_class *class = jdk_class(of);
    JDK_RETURN((jint)(class->pool != 0 ? jrt_pool_of(class)->count : 0));
}

void JVM_GetClassCPTypes(JNIEnv *env, jclass of, unsigned char *types)
{
    JDK_ENTER(env);
    const struct jrt_class *class = jdk_class(of);
    if (class->pool != 0) {
        const struct jrt_pool *pool = jrt_pool_of(class);
        memcpy(types, pool->tags, pool->count);
    }
    JDK_LEAVE();
}

jint JVM_GetClassFieldsCount(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    JDK_RETURN((jint)jdk_class(of)->field_count);
}

jint JVM_GetClassMethodsCount(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    JDK_RETURN((jint)jdk_class(of)->method_count);
}

jboolean JVM_IsSameClassPackage(JNIEnv *env, jclass one, jclass other)
{
    JDK_ENTER(env);
    JDK_RETURN((jboolean)(jrt_same_package(jdk_class(one), jdk_class(other)) ? 1 : 0));
}

void JVM_ReleaseUTF(const char *text ST_UNUSED)
{
    /* A symbol stays. */
}

/* ---- members by number ---- */

/* A method of the class; NULL: the number is none. */
static const struct jrt_method *method_of(jclass of, jint number)
{
    const struct jrt_class *class = jdk_class(of);
    return number >= 0 && number < class->method_count ? jrt_method_at(class->methods) + number
                                                       : NULL;
}

jint JVM_GetFieldIxModifiers(JNIEnv *env, jclass of, int number)
{
    JDK_ENTER(env);
    const struct jrt_class *class = jdk_class(of);
    const struct jrt_field *fields = job_at(class->fields);
    bool there = number >= 0 && number < class->field_count;
    JDK_RETURN((jint)(there ? fields[number].access & JDK_FIELD_MODIFIERS : 0));
}

jint JVM_GetMethodIxModifiers(JNIEnv *env, jclass of, int number)
{
    JDK_ENTER(env);
    const struct jrt_method *method = method_of(of, number);
    JDK_RETURN((jint)(method != NULL ? method->access & JDK_METHOD_MODIFIERS : 0));
}

/* Functions that tell a number of a method. */
#define NUMBER(name, value)                                                                        \
    jint JVM_GetMethodIx##name(JNIEnv *env, jclass of, jint number)                                \
    {                                                                                              \
        JDK_ENTER(env);                                                                            \
        const struct jrt_method *method = method_of(of, number);                                   \
        JDK_RETURN((jint)(method != NULL ? (value) : 0));                                          \
    }
NUMBER(ByteCodeLength, method->bytecode_length)
NUMBER(ExceptionTableLength, method->handler_count)
NUMBER(LocalsCount, method->max_locals)
NUMBER(ArgsSize, method->arg_slots)
NUMBER(MaxStack, method->max_stack)

void JVM_GetMethodIxByteCode(JNIEnv *env, jclass of, jint number, unsigned char *code)
{
    JDK_ENTER(env);
    const struct jrt_method *method = method_of(of, number);
    if (method != NULL) {
        memcpy(code, job_at(method->bytecode), method->bytecode_length);
    }
    JDK_LEAVE();
}

void JVM_GetMethodIxExceptionTableEntry(JNIEnv *env, jclass of, jint number, jint at,
                                        JVM_ExceptionTableEntryType *entry)
{
    JDK_ENTER(env);
    const struct jrt_method *method = method_of(of, number);
    *entry = (JVM_ExceptionTableEntryType){.start_pc = 0};
    if (method != NULL && at >= 0 && at < method->handler_count) {
        const struct jrt_handler *handler =
            (const struct jrt_handler *)job_at(method->handlers) + at;
        *entry = (JVM_ExceptionTableEntryType){.start_pc = handler->start,
                                               .end_pc = handler->end,
                                               .handler_pc = handler->target,
                                               .catchType = handler->catch_index};
    }
    JDK_LEAVE();
}

/* The exceptions that a method declares: constants, big-endian. */
static struct jcf_range exceptions_of(const struct jrt_method *method)
{
    struct jcf_method file = {.flags = 0};
    if (method != NULL) {
        jrt_method_attributes(method, &file);
    }
    return file.exceptions;
}

jint JVM_GetMethodIxExceptionsCount(JNIEnv *env, jclass of, jint number)
{
    JDK_ENTER(env);
    JDK_RETURN((jint)(exceptions_of(method_of(of, number)).length / 2));
}

void JVM_GetMethodIxExceptionIndexes(JNIEnv *env, jclass of, jint number, unsigned short *indices)
{
    JDK_ENTER(env);
    struct jcf_range declared = exceptions_of(method_of(of, number));
    for (uint32_t i = 0; i < declared.length / 2; i++) {
        const uint8_t *bytes = jrt_pool_bytes(jrt_pool_of(jdk_class(of))) + declared.at;
        indices[i] = jcf_u2(bytes + 2 * i);
    }
    JDK_LEAVE();
}

jboolean JVM_IsConstructorIx(JNIEnv *env, jclass of, int number)
{
    JDK_ENTER(env);
    const struct jrt_method *method = method_of(of, number);
    JDK_RETURN((jboolean)(method != NULL && (method->flags & JRT_METHOD_INITIALIZER) != 0));
}

jboolean JVM_IsVMGeneratedMethodIx(JNIEnv *env, jclass of, int number)
{
    JDK_ENTER(env);
    const struct jrt_method *method = method_of(of, number);
    JDK_RETURN((jboolean)(method != NULL && (method->flags & JRT_METHOD_OVERPASS) != 0));
}

const char *JVM_GetMethodIxNameUTF(JNIEnv *env, jclass of, jint number)
{
    JDK_ENTER(env);
    const struct jrt_method *method = method_of(of, number);
    JDK_RETURN(method != NULL ? jrt_text(method->name) : NULL);
}

const char *JVM_GetMethodIxSignatureUTF(JNIEnv *env, jclass of, jint number)
{
    JDK_ENTER(env);
    const struct jrt_method *method = method_of(of, number);
    JDK_RETURN(method != NULL ? jrt_text(method->descriptor) : NULL);
}

/* ---- constants ---- */

#define TAG(name) (1u << JCF_TAG_##name)
enum { METHODS = TAG(METHOD) | TAG(INTERFACE_METHOD) };

/* Whether the constant is there and its tag one of the set. */
static bool is_constant(const struct jrt_class *class, jint index, uint32_t tags)
{
    const struct jrt_pool *pool = class->pool != 0 ? jrt_pool_of(class) : NULL;
    return pool != NULL && index > 0 && index < pool->count && (tags >> pool->tags[index] & 1) != 0;
}

static const char *text_of(job_offset_t symbol)
{
    return symbol != 0 ? jrt_text(symbol) : NULL;
}

const char *JVM_GetCPClassNameUTF(JNIEnv *env, jclass of, jint index)
{
    JDK_ENTER(env);
    const struct jrt_class *class = jdk_class(of);
    JDK_RETURN(is_constant(class, index, TAG(CLASS))
                   ? text_of(jrt_pool_named(class, (uint16_t)index))
                   : NULL);
}

/* Functions that tell a part of a member constant. */
#define MEMBER_TEXT(name, tags, part)                                                              \
    const char *JVM_GetCP##name##UTF(JNIEnv *env, jclass of, jint index)                           \
    {                                                                                              \
        JDK_ENTER(env);                                                                            \
        const struct jrt_class *class = jdk_class(of);                                             \
        struct jrt_member_name member;                                                             \
        bool good =                                                                                \
            is_constant(class, index, tags) && jrt_pool_member(class, (uint16_t)index, &member);   \
        JDK_RETURN(good ? text_of(member.part) : NULL);                                            \
    }
MEMBER_TEXT(FieldName, TAG(FIELD), name)
MEMBER_TEXT(FieldSignature, TAG(FIELD), descriptor)
MEMBER_TEXT(FieldClassName, TAG(FIELD), class_name)
MEMBER_TEXT(MethodName, METHODS, name)
MEMBER_TEXT(MethodSignature, METHODS, descriptor)
MEMBER_TEXT(MethodClassName, METHODS, class_name)

jint JVM_GetCPFieldModifiers(JNIEnv *env, jclass of, int index, jclass called)
{
    JDK_ENTER(env);
    const struct jrt_class *class = jdk_class(of);
    struct jrt_member_name member;
    const struct jrt_field *field = NULL;
    if (is_constant(class, index, TAG(FIELD)) && jrt_pool_member(class, (uint16_t)index, &member)) {
        field = jrt_declared_field(jdk_class(called), member.name, member.descriptor);
    }
    JDK_RETURN((jint)(field != NULL ? field->access & JDK_FIELD_MODIFIERS : -1));
}

jint JVM_GetCPMethodModifiers(JNIEnv *env, jclass of, int index, jclass called)
{
    JDK_ENTER(env);
    const struct jrt_class *class = jdk_class(of);
    struct jrt_member_name member;
    const struct jrt_method *method = NULL;
    if (is_constant(class, index, METHODS) && jrt_pool_member(class, (uint16_t)index, &member)) {
        method = jrt_declared_method(jdk_class(called), member.name, member.descriptor);
    }
    JDK_RETURN((jint)(method != NULL ? method->access & JDK_METHOD_MODIFIERS : -1));
}
