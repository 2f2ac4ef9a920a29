/*
 * JNI (Java Native Interface specification, version 10): the types that native code passes, and the
 * place of each function in the table that a JNIEnv points to. Our own declarations: nothing of a
 * JDK is needed to build.
 */
#pragma once

#include <stdarg.h>
#include <stdint.h>

#include "jvm/runtime/jrt_handle.h"

#define JDK_EXPORT __attribute__((visibility("default")))

typedef uint8_t jboolean;
typedef int8_t jbyte;
typedef uint16_t jchar;
typedef int16_t jshort;
typedef int32_t jint;
typedef int64_t jlong;
typedef float jfloat;
typedef double jdouble;
typedef jint jsize;
typedef jrt_handle_t jobject;
typedef jobject jclass, jstring, jarray, jthrowable, jweak;
typedef struct jrt_method *jmethodID;
typedef struct jrt_field *jfieldID;

typedef union {
    jboolean z;
    jbyte b;
    jchar c;
    jshort s;
    jint i;
    jlong j;
    jfloat f;
    jdouble d;
    jobject l;
} jvalue;

/* A thread's JNIEnv is the address of jrt_thread.jni. */
typedef const void *JNIEnv;
typedef const struct jdk_invoke_table *JavaVM;

enum {
    JNI_OK = 0,
    JNI_ERR = -1,
    JNI_EDETACHED = -2,
    JNI_EVERSION = -3,
    JNI_ENOMEM = -4,
    JNI_EEXIST = -5,
    JNI_EINVAL = -6,
    JNI_COMMIT = 1,
    JNI_ABORT = 2
};
enum { JDK_JNI_VERSION = 0x000a0000 };

typedef struct {
    const char *name;
    const char *signature;
    void *function;
} JNINativeMethod;

typedef struct {
    char *optionString;
    void *extraInfo;
} JavaVMOption;

typedef struct {
    jint version;
    jint nOptions;
    JavaVMOption *options;
    jboolean ignoreUnrecognized;
} JavaVMInitArgs;

typedef struct {
    jint version;
    char *name;
    jobject group;
} JavaVMAttachArgs;

/* The primitive types: X(Name, type, slot member, letter, enum jrt_type). */
#define JDK_PRIMITIVES(X)                                                                          \
    X(Boolean, jboolean, i, 'Z', JRT_BOOLEAN)                                                      \
    X(Byte, jbyte, i, 'B', JRT_BYTE)                                                               \
    X(Char, jchar, i, 'C', JRT_CHAR)                                                               \
    X(Short, jshort, i, 'S', JRT_SHORT)                                                            \
    X(Int, jint, i, 'I', JRT_INT)                                                                  \
    X(Long, jlong, j, 'J', JRT_LONG)                                                               \
    X(Float, jfloat, f, 'F', JRT_FLOAT)                                                            \
    X(Double, jdouble, d, 'D', JRT_DOUBLE)

/* All types, in the order in which the functions' families have theirs. */
enum jdk_jni_type {
    JDK_TYPE_Object,
    JDK_TYPE_Boolean,
    JDK_TYPE_Byte,
    JDK_TYPE_Char,
    JDK_TYPE_Short,
    JDK_TYPE_Int,
    JDK_TYPE_Long,
    JDK_TYPE_Float,
    JDK_TYPE_Double,
    JDK_TYPE_Void
};

enum { JDK_JNI_FUNCTIONS = 234 };

/* What each of jdk_jni_*.c puts into the table; jdk_jni.c has all of it. */
void jdk_jni_fill_objects(void **table);
void jdk_jni_fill_calls(void **table);
void jdk_jni_fill_fields(void **table);
void jdk_jni_fill_strings(void **table);
void jdk_jni_fill_arrays(void **table);

/* The table, filled in. Before the first thread is attached. */
const void *jdk_jni_table(void);
/* The invocation interface: what GetJavaVM gives. */
JavaVM *jdk_java_vm(void);

static inline struct jrt_thread *jdk_thread(JNIEnv *env)
{
    return (struct jrt_thread *)(uintptr_t)((char *)(uintptr_t)env -
                                            offsetof(struct jrt_thread, jni));
}

/* An exception that is pending when a function is called stands aside for its time, so that what it
 * calls runs as ever; it is pending again afterwards, unless the function threw another. The
 * collector finds it on the native stack. In VM. */
static inline struct job_object *jdk_set_aside(struct jrt_thread *thread)
{
    struct job_object *earlier = job_from_ref(thread->exception);
    thread->exception.word = 0;
    return earlier;
}

static inline void jdk_leave(struct jrt_thread *thread, const struct job_object *earlier)
{
    if (earlier != NULL && !jrt_failed(thread)) {
        thread->exception = job_to_ref(earlier);
    }
    jrt_to_native(thread);
}

/* Each function begins with ENTER and ends with LEAVE: native state outside, the VM's inside.
 * ENTER_PENDING leaves a pending exception where it is. */
#define JDK_ENTER_PENDING(env)                                                                     \
    struct jrt_thread *thread = jdk_thread(env);                                                   \
    const struct job_object *jdk_earlier = NULL;                                                   \
    jrt_to_vm(thread)
#define JDK_ENTER(env)                                                                             \
    struct jrt_thread *thread = jdk_thread(env);                                                   \
    jrt_to_vm(thread);                                                                             \
    const struct job_object *jdk_earlier = jdk_set_aside(thread)
#define JDK_LEAVE() jdk_leave(thread, jdk_earlier)
#define JDK_RETURN(value)                                                                          \
    do {                                                                                           \
        __typeof__(value) jdk_value = (value);                                                     \
        jdk_leave(thread, jdk_earlier);                                                            \
        return jdk_value;                                                                          \
    } while (0)

/* What a handle stands for that JNI does not allow to be null. */
static inline struct job_object *jdk_get(jobject handle)
{
    return job_from_ref(*(jref_t *)((uintptr_t)handle & ~(uintptr_t)3));
}

/* Class of a jclass. */
static inline struct jrt_class *jdk_class(jclass class)
{
    return jrt_class_of_mirror(jdk_get(class));
}

/* A local jclass; NULL for NULL. In VM. */
static inline jclass jdk_local_class(struct jrt_thread *thread, const struct jrt_class *class)
{
    return class != NULL ? jrt_local(thread, jrt_mirror(class)) : NULL;
}

/* Calls a method with JNI's arguments: of a va_list, or an array. The result's slot; not meaningful
 * when an exception is pending. In VM. `virtual`: by the receiver's class. */
union jrt_slot jdk_call_list(struct jrt_thread *thread, jobject receiver, jmethodID method,
                             bool virtually, va_list *list);
union jrt_slot jdk_call_array(struct jrt_thread *thread, jobject receiver, jmethodID method,
                              bool virtually, const jvalue *values);
