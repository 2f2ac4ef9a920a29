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
/* An array of a class of the boot loader. NULL: an exception is pending. */
struct job_array *jdk_management_array(struct jrt_thread *thread, const char *class_name,
                                       int32_t count);

/* ---- jdk_management_threads.c ---- */

jint jdk_thread_info(JNIEnv *env, jobject ids, jint depth, jobject result);
jobject jdk_dump_threads(JNIEnv *env, jobject ids, jboolean monitors, jboolean synchronizers,
                         jint depth);
jobject jdk_circular_threads(JNIEnv *env);
jobject jdk_deadlocked_threads(JNIEnv *env, jboolean monitors_only);
/* What is known of a thread (0: the calling one) in numbers: bytes that it has allocated,
 * nanoseconds that it has used, in all or in user mode. -1: there is no such thread. */
enum jdk_thread_number { JDK_THREAD_ALLOCATED, JDK_THREAD_TIME, JDK_THREAD_USER_TIME };
jlong jdk_thread_number(JNIEnv *env, jlong id, enum jdk_thread_number which);
/* Of an array of ids, into one of longs, which stays as it is where there is no such thread. */
void jdk_thread_numbers(JNIEnv *env, jobject ids, jobject ret_numbers,
                        enum jdk_thread_number which);
/* Forgets how often, or how long, a thread (0: all) was kept waiting. false: there is none. */
bool jdk_thread_waits_reset(JNIEnv *env, jlong id, enum jrt_waits_part part);

/* ---- jdk_management_memory.c ---- */

enum jdk_pool { JDK_POOL_HEAP, JDK_POOL_METASPACE, JDK_POOLS };

jobject jdk_memory_pools(JNIEnv *env, jobject manager);
jobject jdk_memory_managers(JNIEnv *env, jobject pool);
jobject jdk_usage_now(JNIEnv *env, jobject pool);
jobject jdk_usage_at_peak(JNIEnv *env, jobject pool);
jobject jdk_usage_after_collection(JNIEnv *env, jobject pool);
jobject jdk_memory_usage(JNIEnv *env, jboolean heap);
bool jdk_reset_pool_peak(JNIEnv *env, jobject pool);

struct jdk_collector_attribute {
    const char *name;
    char type;
    const char *description;
};
jint jdk_collector_attributes(JNIEnv *env, jobject of,
                              struct jdk_collector_attribute *ret_attributes, jint count);

struct jdk_last_collection {
    jlong index, start_ms, end_ms; /* index 0: there was none */
    jobject before, after;         /* the caller's arrays of MemoryUsage, filled in */
    jint value_count;              /* room in `values` */
    jvalue *values;
};
void jdk_last_collection(JNIEnv *env, jobject of, struct jdk_last_collection *to);

/* Which pool an object is the bean of; JDK_POOLS: of none, or NullPointerException is pending. In
 * VM. */
enum jdk_pool jdk_pool_of(struct jrt_thread *thread, jobject pool);
/* Whether it is the collector's bean; false: an exception is pending. */
bool jdk_is_collector(JNIEnv *env, jobject manager);
struct jgc_usage jdk_pool_usage(enum jdk_pool pool);
/* A MemoryUsage; NULL: an exception is pending. In VM. */
struct job_object *jdk_usage_object(struct jrt_thread *thread, const struct jgc_usage *usage);
/* Sends a GarbageCollectionNotificationInfo to the collector's listeners. In VM; an exception may
 * be pending afterwards. */
void jdk_tell_collection(struct jrt_thread *thread, const struct jgc_pause *pause, int64_t time_ms);

/* ---- jdk_management_sensors.c ---- */

void jdk_set_sensor(JNIEnv *env, jobject pool, jint kind, jobject sensor);
jlong jdk_set_threshold(JNIEnv *env, jobject pool, jint kind, jlong threshold);
void jdk_set_collection_notification(JNIEnv *env, jobject of, jboolean on);
