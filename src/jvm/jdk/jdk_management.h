/*
 * java.lang.management: what libmanagement and libmanagement_ext ask by the table that
 * JVM_GetManagement gives (jvm-interface.md 8.8). The part about threads is in
 * jdk_management_threads.c. All are called as native methods are.
 */
#pragma once

#include "jvm/jdk/jdk_jni.h"

/* Makes and initializes an object of a class of the boot loader by its constructor's descriptor,
 * given with the arguments as jrt_call takes them; `thread` is in VM. NULL: an exception is
 * pending.
 */
#define JDK_CONSTRUCT(thread, class_name, descriptor, ...)                                         \
    __extension__({                                                                                \
        struct jrt_method *jdk_made_by =                                                           \
            jdk_management_method(thread, class_name, "<init>", descriptor);                       \
        struct job_object *jdk_made =                                                              \
            jdk_made_by != NULL ? jrt_new(thread, jrt_class_at(jdk_made_by->class_at)) : NULL;     \
        union jrt_slot jdk_nothing;                                                                \
        jdk_made != NULL &&jrt_call(thread, jdk_made_by, &jdk_nothing, jdk_made, __VA_ARGS__)      \
            ? jdk_made                                                                             \
            : NULL;                                                                                \
    })

/* A method of a class of the boot loader, which is initialized. NULL: an exception is pending. */
struct jrt_method *jdk_management_method(struct jrt_thread *thread, const char *class_name,
                                         const char *name, const char *descriptor);

/* ---- jdk_management_threads.c ---- */

jint jdk_thread_info(JNIEnv *env, jobject ids, jint depth, jobject result);
jobject jdk_dump_threads(JNIEnv *env, jobject ids, jboolean monitors, jboolean synchronizers,
                         jint depth);
jobject jdk_circular_threads(JNIEnv *env);
jobject jdk_deadlocked_threads(JNIEnv *env, jboolean monitors_only);
/* Nanoseconds that a thread has used, in all or (`all` false) in user mode; bytes that it has
 * allocated. id 0: the calling one. -1: there is no such thread. */
jlong jdk_thread_cpu_time(JNIEnv *env, jlong id, jboolean all);
jlong jdk_thread_allocated(JNIEnv *env, jlong id);
/* Forgets how often, or how long, a thread (0: all) was kept waiting. false: there is none. */
bool jdk_thread_waits_reset(JNIEnv *env, jlong id, enum jrt_waits_part part);
