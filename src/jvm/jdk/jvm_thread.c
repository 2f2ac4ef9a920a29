/* JVM_ functions of java.lang.Thread and of references. */
#include "jvm/jdk/jdk.h"
#include "jvm/jdk/jdk_jni.h"
#include "jvm/jdk/jvm.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_life.h"
#include "jvm/runtime/jrt_monitor.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_throw.h"
#include "os/os_thread.h"

void JVM_StartThread(JNIEnv *env, jobject of)
{
    JDK_ENTER(env);
    (void)!jrt_thread_start(thread, jrt_get(of));
    JDK_LEAVE();
}

void JVM_StopThread(JNIEnv *env, jobject of, jobject exception)
{
    JDK_ENTER(env);
    (void)(exception != NULL ? jrt_thread_stop(thread, jrt_get(of), jrt_get(exception))
                             : jrt_throw_null(thread));
    JDK_LEAVE();
}

static struct jrt_thread *running(jobject of)
{
    return (struct jrt_thread *)(uintptr_t)jrt_long(jrt_get(of), JRT_AT(Thread, eetop));
}

void JVM_SuspendThread(JNIEnv *env, jobject of)
{
    JDK_ENTER(env);
    struct jrt_thread *target = running(of);
    if (target != NULL) {
        jrt_thread_suspend(thread, target);
    }
    JDK_LEAVE();
}

void JVM_ResumeThread(JNIEnv *env, jobject of)
{
    JDK_ENTER(env);
    struct jrt_thread *target = running(of);
    if (target != NULL) {
        jrt_thread_resume(target);
    }
    JDK_LEAVE();
}

void JVM_SetThreadPriority(JNIEnv *env, jobject of, jint priority)
{
    JDK_ENTER(env);
    jrt_set_int(jrt_get(of), JRT_AT(Thread, priority), priority);
    JDK_LEAVE();
}

void JVM_Yield(JNIEnv *env, jclass unused ST_UNUSED)
{
    JDK_ENTER(env);
    jrt_yield(thread);
    JDK_LEAVE();
}

void JVM_Sleep(JNIEnv *env, jclass unused ST_UNUSED, jlong milliseconds)
{
    JDK_ENTER(env);
    (void)!jrt_sleep(thread, milliseconds);
    JDK_LEAVE();
}

jobject JVM_CurrentThread(JNIEnv *env, jclass unused ST_UNUSED)
{
    JDK_ENTER(env);
    JDK_RETURN(jrt_local(thread, job_from_ref(thread->object)));
}

void JVM_Interrupt(JNIEnv *env, jobject of)
{
    JDK_ENTER(env);
    jrt_interrupt(jrt_get(of));
    JDK_LEAVE();
}

jboolean JVM_HoldsLock(JNIEnv *env, jclass unused ST_UNUSED, jobject object)
{
    JDK_ENTER(env);
    bool holds = false;
    if (object == NULL) {
        (void)jrt_throw_null(thread);
    } else {
        holds = jrt_monitor_owned(thread, jrt_get(object));
    }
    JDK_RETURN((jboolean)holds);
}

void JVM_SetNativeThreadName(JNIEnv *env, jobject of, jstring name)
{
    JDK_ENTER(env);
    const struct jrt_thread *target =
        (const struct jrt_thread *)(uintptr_t)jrt_long(jrt_get(of), JRT_AT(Thread, eetop));
    if (target == thread) {
        char text[64];
        (void)jrt_string_utf8(jrt_get(name), text, 16);
        os_thread_name(text);
    }
    JDK_LEAVE();
}

/* Living threads' objects, from the array's end: the list has the newest first. */
struct found_threads {
    struct job_array *array; /* NULL: only counted */
    int32_t count;
};

static void add_thread(struct jrt_thread *each, void *argument)
{
    struct found_threads *found = argument;
    if (each->object.word == 0) {
        return;
    }
    found->count++;
    if (found->array != NULL && found->count <= found->array->length) {
        jgc_store(&found->array->object,
                  (jref_t *)job_elements(found->array) + found->array->length - found->count,
                  each->object);
    }
}

jobject JVM_GetAllThreads(JNIEnv *env, jclass unused ST_UNUSED)
{
    JDK_ENTER(env);
    struct found_threads found = {.array = NULL};
    struct jrt_class *class = jrt_array_class(thread, jrt_known.class[JRT_Thread]);
    jrt_threads_each(add_thread, &found);
    do { /* until none has begun while the array was made */
        int32_t count = found.count;
        struct job_array *array = class != NULL ? jrt_new_array(thread, class, count) : NULL;
        if (array == NULL) {
            JDK_RETURN((jobject)NULL);
        }
        found = (struct found_threads){.array = array};
        jrt_threads_each(add_thread, &found);
    } while (found.count > found.array->length);
    int32_t ended = found.array->length - found.count;
    if (ended > 0) { /* an array without holes */
        struct job_array *shorter = jrt_new_array(thread, class, found.count);
        for (int32_t i = 0; shorter != NULL && i < found.count; i++) {
            jgc_store(&shorter->object, (jref_t *)job_elements(shorter) + i,
                      ((jref_t *)job_elements(found.array))[ended + i]);
        }
        found.array = shorter;
    }
    JDK_RETURN(found.array != NULL ? jrt_local(thread, &found.array->object) : NULL);
}

/* ---- java.lang.ref ---- */

static pthread_mutex_t pending_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t pending_some = PTHREAD_COND_INITIALIZER;

void jdk_collection_finished(const struct jgc_pause *pause)
{
    if (pause->references != 0) {
        pthread_mutex_lock(&pending_lock);
        pthread_cond_broadcast(&pending_some);
        pthread_mutex_unlock(&pending_lock);
    }
}

jobject JVM_GetAndClearReferencePendingList(JNIEnv *env)
{
    JDK_ENTER(env);
    JDK_RETURN(jrt_local(thread, job_from_ref(jgc_take_pending())));
}

jboolean JVM_HasReferencePendingList(JNIEnv *env ST_UNUSED)
{
    return jgc_has_pending() ? 1 : 0;
}

void JVM_WaitForReferencePendingList(JNIEnv *env ST_UNUSED)
{
    /* In native state: the world is stopped without this thread. */
    pthread_mutex_lock(&pending_lock);
    while (!jgc_has_pending()) {
        pthread_cond_wait(&pending_some, &pending_lock);
    }
    pthread_mutex_unlock(&pending_lock);
}

jboolean JVM_ReferenceRefersTo(JNIEnv *env, jobject reference, jobject object)
{
    JDK_ENTER(env);
    JDK_RETURN(
        (jboolean)(jrt_ref(jrt_get(reference), JRT_AT(Reference, referent)) == jrt_get(object)));
}

jboolean JVM_PhantomReferenceRefersTo(JNIEnv *env, jobject reference, jobject object)
{
    return JVM_ReferenceRefersTo(env, reference, object);
}

void JVM_ReferenceClear(JNIEnv *env, jobject reference)
{
    JDK_ENTER(env);
    jrt_set_ref(jrt_get(reference), JRT_AT(Reference, referent), NULL);
    JDK_LEAVE();
}
