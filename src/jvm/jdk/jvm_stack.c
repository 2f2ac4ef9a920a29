/*
 * JVM_ functions that look at stacks: traces of exceptions, who calls, other threads' traces
 * (jvm-interface.md 7).
 */
#include <stdlib.h>
#include <string.h>

#include "jvm/classfile/jcf_flags.h"
#include "jvm/jdk/jdk.h"
#include "jvm/jdk/jdk_jni.h"
#include "jvm/jdk/jvm.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_invoke.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_loader.h"
#include "jvm/runtime/jrt_stack.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"

/* ---- Throwable, StackTraceElement ---- */

void JVM_FillInStackTrace(JNIEnv *env, jobject throwable)
{
    JDK_ENTER(env);
    jrt_fill_stack_trace(thread, jrt_get(throwable));
    JDK_LEAVE();
}

void JVM_InitStackTraceElementArray(JNIEnv *env, jobject elements, jobject throwable)
{
    JDK_ENTER(env);
    (void)(elements != NULL && throwable != NULL
               ? jrt_stack_trace_elements(thread, jrt_get(throwable),
                                          (struct job_array *)jrt_get(elements))
               : jrt_throw_null(thread));
    JDK_LEAVE();
}

void JVM_InitStackTraceElement(JNIEnv *env, jobject element, jobject frame_info)
{
    JDK_ENTER(env);
    const struct job_object *info = jrt_get(frame_info);
    struct job_object *to = jrt_get(element);
    if (info == NULL || to == NULL) {
        (void)jrt_throw_null(thread);
    } else {
        const struct job_object *member = jrt_ref(info, JRT_AT(StackFrameInfo, memberName));
        struct jrt_method *method = jrt_member_method(member);
        if (method == NULL) {
            (void)jrt_throw(thread, JRT_InternalError, "a stack frame without a method");
        } else {
            (void)!jrt_fill_element(thread, to, method,
                                    (uint32_t)jrt_int(info, JRT_AT(StackFrameInfo, bci)));
        }
    }
    JDK_LEAVE();
}

jstring JVM_GetExtendedNPEMessage(JNIEnv *env, jthrowable throwable)
{
    JDK_ENTER(env);
    JDK_RETURN(throwable != NULL && jdk_options.show_code_details
                   ? jrt_local(thread, jrt_npe_message(thread, jrt_get(throwable)))
                   : NULL);
}

/* ---- who calls ---- */

static bool is_in(const struct jrt_method *method, const char *class)
{
    const struct jrt_class *holder = jrt_class_at(method->class_at);
    return holder->loader == jrt_known.boot_loader && strcmp(jrt_text(holder->name), class) == 0;
}

/* The class that called the method that called Reflection.getCallerClass; NULL: there is none, or
 * InternalError is pending. */
static const struct jrt_class *caller_class(struct jrt_thread *thread)
{
    struct jrt_walk walk;
    jrt_walk_start(&walk, thread);
    for (uint32_t depth = 0; walk.fp != NULL; jrt_walk_next(&walk), depth++) {
        const struct jrt_method *method = jrt_walk_method(&walk);
        if (depth == 0 && (!is_in(method, "jdk/internal/reflect/Reflection") ||
                           strcmp(jrt_text(method->name), "getCallerClass") != 0)) {
            (void)jrt_throw(thread, JRT_InternalError,
                            "JVM_GetCallerClass must only be called from "
                            "Reflection.getCallerClass");
            return NULL;
        }
        if (depth < 2 && (method->flags & JRT_METHOD_CALLER_SENSITIVE) == 0) {
            (void)jrt_throw(thread, JRT_InternalError,
                            "CallerSensitive annotation expected at frame %u", depth);
            return NULL;
        }
        if (depth >= 2 && !jrt_frame_ignored_by_security(method)) {
            return jrt_class_at(method->class_at);
        }
    }
    return NULL;
}

jclass JVM_GetCallerClass(JNIEnv *env)
{
    JDK_ENTER(env);
    const struct jrt_class *class = caller_class(thread);
    JDK_RETURN(class != NULL ? jrt_local(thread, jrt_mirror(class)) : NULL);
}

/* Whether SecurityManager.getClassContext has the frame in it. */
static bool in_context(const struct jrt_method *method)
{
    return !jrt_frame_ignored_by_security(method) && (method->access & JCF_ACC_NATIVE) == 0;
}

jobject JVM_GetClassContext(JNIEnv *env)
{
    JDK_ENTER(env);
    struct jrt_walk walk;
    int32_t count = 0;
    for (jrt_walk_start(&walk, thread); walk.fp != NULL; jrt_walk_next(&walk)) {
        count += in_context(jrt_walk_method(&walk));
    }
    struct job_array *array = jrt_new_array(thread, jrt_known.class_array, count);
    if (array == NULL) {
        JDK_RETURN((jobject)NULL);
    }
    jref_t *at = job_elements(array);
    for (jrt_walk_start(&walk, thread); walk.fp != NULL; jrt_walk_next(&walk)) {
        const struct jrt_method *method = jrt_walk_method(&walk);
        if (in_context(method)) {
            jgc_store(&array->object, at++, jrt_class_at(method->class_at)->object.mirror);
        }
    }
    JDK_RETURN(jrt_local(thread, &array->object));
}

/* The loader of a user's class: not the boot loader, not the platform's. */
static struct job_object *user_loader(const struct jrt_class *class)
{
    struct job_object *loader = jrt_loader_object((const struct jrt_loader *)job_at(class->loader));
    if (loader == NULL) {
        return NULL;
    }
    const struct jrt_class *of = jrt_class_of(loader);
    bool platform =
        of->loader == jrt_known.boot_loader &&
        strcmp(jrt_text(of->name), "jdk/internal/loader/ClassLoaders$PlatformClassLoader") == 0;
    return platform ? NULL : loader;
}

jobject JVM_LatestUserDefinedLoader(JNIEnv *env)
{
    JDK_ENTER(env);
    struct jrt_walk walk;
    struct job_object *loader = NULL;
    for (jrt_walk_start(&walk, thread); walk.fp != NULL && loader == NULL; jrt_walk_next(&walk)) {
        const struct jrt_class *class = jrt_class_at(jrt_walk_method(&walk)->class_at);
        if (!jrt_is_subtype(class, jrt_known.class[JRT_MethodAccessorImpl]) &&
            !jrt_is_subtype(class, jrt_known.class[JRT_ConstructorAccessorImpl])) {
            loader = user_loader(class);
        }
    }
    JDK_RETURN(jrt_local(thread, loader));
}

/* ---- other threads' traces ---- */

struct dumped_frame {
    job_offset_t method;
    uint32_t bytecode_index;
};

struct dump {
    bool alive;
    uint32_t count;
    struct dumped_frame *frames;
};

struct dumps {
    const struct job_array *threads;
    struct dump *of; /* one for each */
    bool failed;
};

static bool take_dump(const struct jrt_thread *target, struct dump *ret_dump)
{
    struct jrt_walk walk;
    uint32_t count = 0;
    for (jrt_walk_start(&walk, target); walk.fp != NULL; jrt_walk_next(&walk)) {
        count++;
    }
    struct dumped_frame *frames = calloc(count + 1u, sizeof *frames);
    if (frames == NULL) {
        return false;
    }
    *ret_dump = (struct dump){.alive = true, .frames = frames};
    for (jrt_walk_start(&walk, target); walk.fp != NULL; jrt_walk_next(&walk)) {
        const struct jrt_frame *frame = jrt_frame_of(walk.fp);
        frames[ret_dump->count++] =
            (struct dumped_frame){frame->method, jrt_exec->bytecode_index(frame)};
    }
    return true;
}

/* World stopped. */
static void take_dumps(void *argument)
{
    struct dumps *dumps = argument;
    for (int32_t i = 0; i < dumps->threads->length && !dumps->failed; i++) {
        const struct job_object *object =
            job_from_ref(((const jref_t *)job_elements(dumps->threads))[i]);
        int64_t address = object != NULL ? jrt_long(object, JRT_AT(Thread, eetop)) : 0;
        if (address != 0) {
            dumps->failed =
                !take_dump((const struct jrt_thread *)(uintptr_t)address, &dumps->of[i]);
        }
    }
}

/* Classes of frames stay: their threads may leave the methods from now on. */
static bool keep_classes(struct jrt_thread *thread, const struct dump *dump)
{
    job_offset_t last = 0;
    for (uint32_t i = 0; i < dump->count; i++) {
        const struct jrt_class *class =
            jrt_class_at(jrt_method_at(dump->frames[i].method)->class_at);
        bool may_unload =
            (class->flags & JRT_CLASS_HIDDEN) != 0 || class->loader != jrt_known.boot_loader;
        if (may_unload && job_offset(class) != last &&
            jrt_local(thread, jrt_mirror(class)) == NULL) {
            return false;
        }
        last = job_offset(class);
    }
    return true;
}

/* The StackTraceElement[] of a thread's dump. */
static struct job_array *dump_elements(struct jrt_thread *thread, struct jrt_class *class,
                                       const struct dump *dump)
{
    struct job_array *array = jrt_new_array(thread, class, (int32_t)dump->count);
    for (uint32_t i = 0; array != NULL && i < dump->count; i++) {
        struct job_object *element = jrt_new(thread, jrt_known.class[JRT_StackTraceElement]);
        if (element == NULL ||
            !jrt_fill_element(thread, element, jrt_method_at(dump->frames[i].method),
                              dump->frames[i].bytecode_index)) {
            return NULL;
        }
        jgc_store(&array->object, (jref_t *)job_elements(array) + i, job_to_ref(element));
    }
    return array;
}

static struct job_array *dumps_array(struct jrt_thread *thread, const struct dumps *dumps,
                                     int32_t count)
{
    struct jrt_class *element = jrt_known.class[JRT_StackTraceElement];
    struct jrt_class *one =
        jrt_init_class(thread, element) ? jrt_array_class(thread, element) : NULL;
    struct jrt_class *all = one != NULL ? jrt_array_class(thread, one) : NULL;
    struct job_array *array = all != NULL ? jrt_new_array(thread, all, count) : NULL;
    for (int32_t i = 0; array != NULL && i < count; i++) {
        if (!dumps->of[i].alive) {
            continue;
        }
        struct job_array *elements = dump_elements(thread, one, &dumps->of[i]);
        if (elements == NULL) {
            return NULL;
        }
        jgc_store(&array->object, (jref_t *)job_elements(array) + i, job_to_ref(elements));
    }
    return array;
}

static struct job_array *dump_threads(struct jrt_thread *thread, jobject threads)
{
    struct dumps dumps = {.threads = (const struct job_array *)jrt_get(threads)};
    struct job_array *array = NULL;
    int32_t count = dumps.threads->length;
    dumps.of = calloc((size_t)count, sizeof *dumps.of);
    if (dumps.of == NULL) {
        (void)jrt_throw_oom(thread, JRT_OOM_HEAP);
        return NULL;
    }
    jrt_world_stop(thread);
    dumps.threads = (const struct job_array *)jrt_get(threads);
    take_dumps(&dumps);
    jrt_world_resume();
    bool good = !dumps.failed || jrt_throw_oom(thread, JRT_OOM_HEAP);
    for (int32_t i = 0; i < count && good; i++) {
        good = keep_classes(thread, &dumps.of[i]);
    }
    if (good) {
        array = dumps_array(thread, &dumps, count);
    }
    for (int32_t i = 0; i < count; i++) {
        free(dumps.of[i].frames);
    }
    free(dumps.of);
    return array;
}

jobject JVM_DumpThreads(JNIEnv *env, jclass unused ST_UNUSED, jobject threads)
{
    JDK_ENTER(env);
    struct job_array *array = NULL;
    if (threads == NULL) {
        (void)jrt_throw_null(thread);
    } else if (((const struct job_array *)jrt_get(threads))->length == 0) {
        (void)jrt_throw_class(thread, jrt_known_class(thread, JRT_IllegalArgumentException), NULL);
    } else {
        struct jrt_locals_mark mark;
        jrt_locals_push(thread, &mark);
        array = dump_threads(thread, threads);
        jrt_locals_pop(thread, &mark);
    }
    JDK_RETURN(array != NULL ? jrt_local(thread, &array->object) : NULL);
}
