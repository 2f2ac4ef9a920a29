/*
 * JNI: versions, classes, exceptions, references, objects, monitors, native methods, reflection,
 * modules (JNI specification, chapter 4).
 */
#include <stdlib.h>
#include <string.h>

#include "jvm/classfile/jcf_flags.h"
#include "jvm/jdk/jdk.h"
#include "jvm/jdk/jdk_fast.h"
#include "jvm/jdk/jdk_jni.h"
#include "jvm/jdk/jvm.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_loader.h"
#include "jvm/runtime/jrt_message.h"
#include "jvm/runtime/jrt_monitor.h"
#include "jvm/runtime/jrt_stack.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"

static jint GetVersion(JNIEnv *env ST_UNUSED)
{
    return JDK_JNI_VERSION;
}

/* ---- classes ---- */

static jclass DefineClass(JNIEnv *env, const char *name, jobject loader, const jbyte *bytes,
                          jsize size)
{
    return JVM_DefineClass(env, name, loader, bytes, size, NULL);
}

/* The loader that FindClass asks: of the native method that calls; in JNI_OnLoad that of the class
 * whose library it is; the system's where no Java code called. false: an exception is pending. */
static bool caller_loader(struct jrt_thread *thread, struct jrt_loader **ret_loader,
                          const struct jrt_class **ret_caller)
{
    struct jrt_walk walk;
    jrt_walk_start(&walk, thread);
    *ret_caller = NULL;
    if (walk.fp == NULL) {
        *ret_loader = jrt_loader_of(thread, jdk_system_loader());
        return *ret_loader != NULL;
    }
    const struct jrt_class *class = jrt_class_at(jrt_walk_method(&walk)->class_at);
    if (class == jrt_known.class[JRT_NativeLibraries] && class->loader == jrt_known.boot_loader) {
        union jrt_slot result = {.word = 0};
        struct jrt_method *from = jrt_declared_method(class, jrt_symbol_of("getFromClass"),
                                                      jrt_symbol_of("()Ljava/lang/Class;"));
        if (from != NULL && !jrt_exec->call(thread, from, &result, &result)) {
            return false;
        }
        if (from != NULL && result.ref.word != 0) {
            class = jrt_class_of_mirror(job_from_ref(result.ref));
        }
    }
    *ret_loader = (struct jrt_loader *)job_at(class->loader);
    *ret_caller = class;
    return true;
}

/* A class's descriptor is as good as its name. */
static struct jrt_class *need_class(struct jrt_thread *thread, struct jrt_loader *loader,
                                    const char *name)
{
    size_t length = strlen(name);
    bool descriptor = length > 1 && name[0] == 'L' && name[length - 1] == ';';
    job_offset_t symbol = descriptor ? jrt_symbol(name + 1, length - 2) : jrt_symbol(name, length);
    return symbol != 0 ? jrt_need_class(thread, loader, symbol) : NULL;
}

static jclass FindClass(JNIEnv *env, const char *name)
{
    JDK_ENTER(env);
    struct jrt_loader *loader;
    const struct jrt_class *caller;
    struct jrt_class *class = NULL;
    if (name == NULL) {
        (void)jrt_throw(thread, JRT_NoClassDefFoundError, "No class name given");
    } else if (jdk_check_class_name(thread, name) && caller_loader(thread, &loader, &caller)) {
        class = need_class(thread, loader, name);
        if (class != NULL && caller != NULL &&
            !jrt_check_package(thread, loader, jrt_protection_domain(caller), class)) {
            class = NULL;
        }
        if (class != NULL && !jrt_init_class(thread, class)) {
            class = NULL;
        }
    }
    JDK_RETURN(jdk_local_class(thread, class));
}

static jclass GetSuperclass(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    const struct jrt_class *class = jdk_class(of);
    bool none = (class->access & JCF_ACC_INTERFACE) != 0 || class->super == 0;
    JDK_RETURN(none ? NULL : jdk_local_class(thread, jrt_class_at(class->super)));
}

static jboolean IsAssignableFrom(JNIEnv *env, jclass from, jclass to)
{
    JDK_ENTER(env);
    const struct jrt_class *a = jdk_class(from);
    const struct jrt_class *b = jdk_class(to);
    bool primitive = ((a->flags | b->flags) & JRT_CLASS_PRIMITIVE) != 0;
    JDK_RETURN((jboolean)(a == b || (!primitive && jrt_is_subtype(a, b))));
}

static jclass GetObjectClass(JNIEnv *env, jobject object)
{
    JDK_ENTER(env);
    const struct job_object *of = jrt_get(object);
    JDK_RETURN(of != NULL ? jdk_local_class(thread, jrt_class_of(of)) : NULL);
}

static jboolean IsInstanceOf(JNIEnv *env, jobject object, jclass class)
{
    JDK_ENTER(env);
    const struct job_object *of = jrt_get(object);
    JDK_RETURN((jboolean)(of == NULL || jrt_is_subtype(jrt_class_of(of), jdk_class(class))));
}

static jobject GetModule(JNIEnv *env, jclass class)
{
    JDK_ENTER(env);
    const struct job_object *mirror = jrt_get(class);
    if (mirror == NULL) {
        (void)jrt_throw(thread, JRT_NullPointerException, NULL);
    }
    JDK_RETURN(mirror != NULL ? jrt_local(thread, jrt_ref(mirror, JRT_AT(Class, module))) : NULL);
}

/* ---- exceptions ---- */

static jint Throw(JNIEnv *env, jthrowable throwable)
{
    JDK_ENTER(env);
    (void)jrt_throw_object(thread, jrt_get(throwable));
    JDK_RETURN((jint)JNI_OK);
}

static jint ThrowNew(JNIEnv *env, jclass class, const char *message)
{
    JDK_ENTER(env);
    (void)jrt_throw_class(thread, jdk_class(class), message);
    JDK_RETURN((jint)JNI_OK);
}

static jthrowable ExceptionOccurred(JNIEnv *env)
{
    JDK_ENTER_PENDING(env);
    JDK_RETURN(jrt_local(thread, job_from_ref(thread->exception)));
}

static jboolean ExceptionCheck(JNIEnv *env)
{
    return jrt_failed(jdk_thread(env)) ? 1 : 0;
}

static void ExceptionClear(JNIEnv *env)
{
    JDK_ENTER_PENDING(env);
    (void)jrt_catch(thread);
    JDK_LEAVE();
}

static void ExceptionDescribe(JNIEnv *env)
{
    JDK_ENTER_PENDING(env);
    jdk_describe_exception(thread);
    JDK_LEAVE();
}

static void FatalError(JNIEnv *env ST_UNUSED, const char *message)
{
    jdk_fatal(message);
}

/* ---- references ---- */

enum { LOCALS_MAX = 65536 };

struct jrt_local_frame {
    struct jrt_local_frame *outer;
    struct jrt_locals_mark mark;
};

/* There is always room, but nobody may ask for more than HotSpot gives. */
static bool is_capacity(jint capacity)
{
    return capacity >= 0 && capacity <= LOCALS_MAX;
}

static jint PushLocalFrame(JNIEnv *env, jint capacity)
{
    JDK_ENTER(env);
    if (!is_capacity(capacity)) {
        JDK_RETURN((jint)JNI_ERR);
    }
    struct jrt_local_frame *frame = malloc(sizeof *frame);
    if (frame == NULL) {
        (void)jrt_throw_oom(thread, JRT_OOM_HEAP);
        JDK_RETURN((jint)JNI_ENOMEM);
    }
    frame->outer = thread->local_frames;
    jrt_locals_push(thread, &frame->mark);
    thread->local_frames = frame;
    JDK_RETURN((jint)JNI_OK);
}

static jobject PopLocalFrame(JNIEnv *env, jobject result)
{
    JDK_ENTER(env);
    struct job_object *object = jrt_get(result);
    struct jrt_local_frame *frame = thread->local_frames;
    if (frame != NULL) {
        jrt_locals_pop(thread, &frame->mark);
        thread->local_frames = frame->outer;
        free(frame);
    }
    JDK_RETURN(jrt_local(thread, object));
}

static jobject NewGlobalRef(JNIEnv *env, jobject object)
{
    JDK_ENTER(env);
    JDK_RETURN(jrt_global(jrt_get(object)));
}

static void DeleteGlobalRef(JNIEnv *env, jobject object)
{
    JDK_ENTER(env);
    jrt_global_delete(object);
    JDK_LEAVE();
}

static jobject NewLocalRef(JNIEnv *env, jobject object)
{
    JDK_ENTER(env);
    JDK_RETURN(jrt_local(thread, jrt_get(object)));
}

static void DeleteLocalRef(JNIEnv *env, jobject object)
{
    JDK_ENTER(env);
    jrt_local_delete(thread, object);
    JDK_LEAVE();
}

static jweak NewWeakGlobalRef(JNIEnv *env, jobject object)
{
    JDK_ENTER(env);
    JDK_RETURN(jrt_weak(jrt_get(object)));
}

static void DeleteWeakGlobalRef(JNIEnv *env, jweak object)
{
    JDK_ENTER(env);
    jrt_weak_delete(object);
    JDK_LEAVE();
}

static jboolean IsSameObject(JNIEnv *env, jobject a, jobject b)
{
    JDK_ENTER(env);
    JDK_RETURN((jboolean)(jrt_get(a) == jrt_get(b)));
}

static jint EnsureLocalCapacity(JNIEnv *env ST_UNUSED, jint capacity)
{
    return is_capacity(capacity) ? JNI_OK : JNI_ERR;
}

static jint GetObjectRefType(JNIEnv *env, jobject object)
{
    JDK_ENTER(env);
    JDK_RETURN((jint)jrt_handle_kind(thread, object));
}

/* ---- objects and monitors ---- */

static jobject AllocObject(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    JDK_RETURN(jrt_local(thread, jrt_new_instance(thread, jdk_class(of))));
}

static jint MonitorEnter(JNIEnv *env, jobject object)
{
    JDK_ENTER(env);
    struct job_object *of = jrt_get(object);
    bool good = of != NULL ? jrt_monitor_enter_native(thread, of) : jrt_throw_null(thread);
    JDK_RETURN((jint)(good ? JNI_OK : JNI_ERR));
}

static jint MonitorExit(JNIEnv *env, jobject object)
{
    JDK_ENTER(env);
    struct job_object *of = jrt_get(object);
    bool good = of != NULL ? jrt_monitor_exit_native(thread, of) : jrt_throw_null(thread);
    JDK_RETURN((jint)(good ? JNI_OK : JNI_ERR));
}

static jint GetJavaVM(JNIEnv *env ST_UNUSED, JavaVM **ret_vm)
{
    *ret_vm = jdk_java_vm();
    return JNI_OK;
}

/* ---- native methods ---- */

static bool register_one(struct jrt_thread *thread, const struct jrt_class *class,
                         const JNINativeMethod *row)
{
    char holder[JRT_MESSAGE_BYTES];
    char text[JRT_MESSAGE_BYTES];
    job_offset_t name = jrt_symbol_find(row->name, strlen(row->name));
    job_offset_t descriptor = jrt_symbol_find(row->signature, strlen(row->signature));
    (void)jrt_external_name(class, holder, sizeof holder);
    if (name == 0 || descriptor == 0) {
        return jrt_throw(thread, JRT_NoSuchMethodError, "Method %s.%s%s not found", holder,
                         row->name, row->signature);
    }
    struct jrt_method *method = jrt_find_method(class, name, descriptor);
    if (method == NULL || (method->access & JCF_ACC_NATIVE) == 0) {
        return jrt_throw(thread, JRT_NoSuchMethodError, "Method '%s' %s",
                         jrt_method_text(holder, row->name, row->signature, text, sizeof text),
                         method == NULL ? "name or signature does not match"
                                        : "is not declared as native");
    }
    jdk_log_native("Registering JNI", method, "");
    /* What the machine supplies itself stays: the library registers its own tables over JVM_
     * functions. */
    if (jdk_fast_find(method) == NULL) {
        __atomic_store_n(&method->native, (uint64_t)(uintptr_t)row->function, __ATOMIC_RELEASE);
        jrt_exec->set_entry(method);
    }
    return true;
}

static jint RegisterNatives(JNIEnv *env, jclass of, const JNINativeMethod *rows, jint count)
{
    JDK_ENTER(env);
    struct jrt_class *class = jdk_class(of);
    bool good = true;
    for (jint i = 0; good && i < count; i++) {
        good = register_one(thread, class, &rows[i]);
    }
    JDK_RETURN((jint)(good ? JNI_OK : JNI_ERR));
}

static jint UnregisterNatives(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    struct jrt_class *class = jdk_class(of);
    struct jrt_method *methods = job_at(class->methods);
    for (uint32_t i = 0; i < class->method_count; i++) {
        if ((methods[i].access & JCF_ACC_NATIVE) != 0 && jdk_fast_find(&methods[i]) == NULL) {
            __atomic_store_n(&methods[i].native, 0, __ATOMIC_RELEASE);
        }
    }
    JDK_RETURN((jint)JNI_OK);
}

/* ---- reflection ---- */

static jmethodID FromReflectedMethod(JNIEnv *env, jobject method)
{
    JDK_ENTER(env);
    JDK_RETURN(jdk_reflected_method(jrt_get(method)));
}

static jfieldID FromReflectedField(JNIEnv *env, jobject field)
{
    JDK_ENTER(env);
    JDK_RETURN(jdk_reflected_field(jrt_get(field)));
}

static jobject ToReflectedMethod(JNIEnv *env, jclass class ST_UNUSED, jmethodID method,
                                 jboolean fixed ST_UNUSED)
{
    JDK_ENTER(env);
    JDK_RETURN(jrt_local(thread, jdk_reflect_method(thread, method)));
}

static jobject ToReflectedField(JNIEnv *env, jclass class ST_UNUSED, jfieldID field,
                                jboolean fixed ST_UNUSED)
{
    JDK_ENTER(env);
    JDK_RETURN(jrt_local(thread, jdk_reflect_field(thread, field)));
}

void jdk_jni_fill_objects(void **table)
{
    static const struct {
        uint8_t at;
        void *function;
    } rows[] = {
        {4, (void *)GetVersion},
        {5, (void *)DefineClass},
        {6, (void *)FindClass},
        {7, (void *)FromReflectedMethod},
        {8, (void *)FromReflectedField},
        {9, (void *)ToReflectedMethod},
        {10, (void *)GetSuperclass},
        {11, (void *)IsAssignableFrom},
        {12, (void *)ToReflectedField},
        {13, (void *)Throw},
        {14, (void *)ThrowNew},
        {15, (void *)ExceptionOccurred},
        {16, (void *)ExceptionDescribe},
        {17, (void *)ExceptionClear},
        {18, (void *)FatalError},
        {19, (void *)PushLocalFrame},
        {20, (void *)PopLocalFrame},
        {21, (void *)NewGlobalRef},
        {22, (void *)DeleteGlobalRef},
        {23, (void *)DeleteLocalRef},
        {24, (void *)IsSameObject},
        {25, (void *)NewLocalRef},
        {26, (void *)EnsureLocalCapacity},
        {27, (void *)AllocObject},
        {31, (void *)GetObjectClass},
        {32, (void *)IsInstanceOf},
        {215, (void *)RegisterNatives},
        {216, (void *)UnregisterNatives},
        {217, (void *)MonitorEnter},
        {218, (void *)MonitorExit},
        {219, (void *)GetJavaVM},
        {226, (void *)NewWeakGlobalRef},
        {227, (void *)DeleteWeakGlobalRef},
        {228, (void *)ExceptionCheck},
        {232, (void *)GetObjectRefType},
        {233, (void *)GetModule},
    };
    for (unsigned i = 0; i < ST_COUNT(rows); i++) {
        table[rows[i].at] = rows[i].function;
    }
}
