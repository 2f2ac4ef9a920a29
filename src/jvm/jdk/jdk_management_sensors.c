/*
 * Thresholds of memory pools and who is told of collections: see jdk_management.h.
 *
 * A sensor (sun.management.Sensor) is triggered when its pool's usage comes to its threshold and
 * cleared when it falls below: usage is looked at when a threshold is set, after a collection, and
 * where an allocation reaches what jgc_watch or job_meta_watch wait for. A sensor of usage after
 * collections is triggered by each collection that leaves so much. What is to be told is noted
 * under `lock`, which is held where no Java code can run; the thread "Notification Thread", which
 * begins with the first sensor or listener, does the calls of Java code.
 *
 * Locks, in this order: the heap's, `lock`.
 */
#include <pthread.h>

#include "base/arith.h"
#include "jvm/jdk/jdk.h"
#include "jvm/jdk/jdk_management.h"
#include "jvm/object/job_meta.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_life.h"
#include "jvm/runtime/jrt_loader.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"
#include "os/os_thread.h"
#include "os/os_time.h"

#define SENSOR "sun/management/Sensor"

enum {
    PRIORITY = 9,   /* of the thread, as HotSpot has it */
    TOLD_MAX = 256, /* collections that wait to be told; older ones are forgotten */
    COUNT_MAX = 1 << 30
};

/* What a threshold is of, as the library has it. */
enum { USAGE_HIGH = 901, USAGE_LOW, COLLECTION_HIGH, COLLECTION_LOW };

enum kind { OF_USAGE, OF_COLLECTION, KINDS };

struct sensor {
    jobject object;         /* a global reference; NULL: there is none yet */
    uint64_t high, low;     /* bytes; high 0: nothing is looked at */
    bool on;                /* as Java code was told last */
    int32_t triggers;       /* to be told */
    bool clears;            /* to be told, after the triggers */
    struct jgc_usage usage; /* at the last trigger */
};

struct collection {
    struct jgc_pause pause;
    int64_t time_ms;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct sensor sensors[JDK_POOLS][KINDS]; /* [lock] as all from here on */
static struct collection told[TOLD_MAX];        /* a ring */
static uint32_t told_first, told_count;
static bool tells_collections;
static bool running; /* the thread */
static bool wanted;  /* there is something for it */

static void want_locked(void)
{
    wanted = true;
    (void)pthread_cond_signal(&changed);
}

/* ---- what is noted ---- */

static void metaspace_reached(void);

/* Allocations are looked at while they could trigger the sensor. */
static void watch_locked(enum jdk_pool pool)
{
    const struct sensor *sensor = &sensors[pool][OF_USAGE];
    bool waits = sensor->object != NULL && sensor->high != 0 &&
                 ((!sensor->on && sensor->triggers == 0) || sensor->clears);
    uint64_t bytes = waits ? sensor->high : UINT64_MAX;
    if (pool == JDK_POOL_HEAP) {
        jgc_watch(bytes);
    } else {
        job_meta_watch(bytes, metaspace_reached);
    }
}

static void trigger_locked(struct sensor *sensor, const struct jgc_usage *usage)
{
    sensor->triggers = ST_MIN(sensor->triggers + 1, COUNT_MAX);
    sensor->clears = false;
    sensor->usage = *usage;
    want_locked();
}

/* Usage goes up and down: only crossing the threshold counts. */
static void look_locked(enum jdk_pool pool, const struct jgc_usage *usage)
{
    struct sensor *sensor = &sensors[pool][OF_USAGE];
    if (sensor->object == NULL || sensor->high == 0) {
        return;
    }
    if (usage->used_bytes >= sensor->high) {
        if ((!sensor->on && sensor->triggers == 0) || sensor->clears) {
            trigger_locked(sensor, usage);
        }
    } else if (usage->used_bytes < sensor->low && (sensor->on || sensor->triggers != 0) &&
               !sensor->clears) {
        sensor->clears = true;
        want_locked();
    }
    watch_locked(pool);
}

/* Each collection counts. */
static void look_after_locked(const struct jgc_usage *usage)
{
    struct sensor *sensor = &sensors[JDK_POOL_HEAP][OF_COLLECTION];
    if (sensor->object == NULL || sensor->high == 0) {
        return;
    }
    if (usage->used_bytes >= sensor->high) {
        trigger_locked(sensor, usage);
    } else if (usage->used_bytes < sensor->low && (sensor->on || sensor->triggers != 0)) {
        sensor->clears = true;
        want_locked();
    }
}

static void metaspace_reached(void)
{
    struct jgc_usage usage = jdk_pool_usage(JDK_POOL_METASPACE);
    pthread_mutex_lock(&lock);
    look_locked(JDK_POOL_METASPACE, &usage);
    pthread_mutex_unlock(&lock);
}

void jdk_reached(const struct jgc_usage *usage)
{
    pthread_mutex_lock(&lock);
    look_locked(JDK_POOL_HEAP, usage);
    pthread_mutex_unlock(&lock);
}

void jdk_collected(const struct jgc_pause *pause)
{
    struct jgc_usage metaspace = jdk_pool_usage(JDK_POOL_METASPACE);
    pthread_mutex_lock(&lock);
    if (tells_collections) {
        if (told_count == TOLD_MAX) {
            told_first = (told_first + 1) % TOLD_MAX;
            told_count--;
        }
        told[(told_first + told_count++) % TOLD_MAX] =
            (struct collection){.pause = *pause, .time_ms = (int64_t)(os_realtime_ns() / 1000000)};
        want_locked();
    }
    look_after_locked(&pause->after);
    look_locked(JDK_POOL_HEAP, &pause->after);
    look_locked(JDK_POOL_METASPACE, &metaspace);
    pthread_mutex_unlock(&lock);
}

/* ---- the thread ---- */

/* A call that the thread owes to a sensor. */
struct call {
    struct sensor *of;
    enum jdk_pool pool;
    struct job_object *object;
    bool clears;
    int32_t count;
    struct jgc_usage usage;
};

static bool take_call(struct call *ret_call)
{
    bool found = false;
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; !found && i < JDK_POOLS * KINDS; i++) {
        enum jdk_pool pool = (enum jdk_pool)(i / KINDS);
        struct sensor *sensor = &sensors[pool][i % KINDS];
        found = sensor->triggers != 0 || sensor->clears;
        if (!found) {
            continue;
        }
        *ret_call = (struct call){.of = sensor,
                                  .pool = pool,
                                  .object = jrt_get(sensor->object),
                                  .clears = sensor->clears,
                                  .count = sensor->triggers,
                                  .usage = sensor->usage};
        if (sensor->clears) {
            sensor->on = sensor->clears = false;
            sensor->triggers = 0;
            watch_locked(pool);
        }
    }
    pthread_mutex_unlock(&lock);
    return found;
}

/* The sensor was told that it is on. */
static void triggered(const struct call *call)
{
    pthread_mutex_lock(&lock);
    call->of->on = true;
    call->of->triggers -= ST_MIN(call->count, call->of->triggers);
    watch_locked(call->pool);
    pthread_mutex_unlock(&lock);
}

static void call_sensor(struct jrt_thread *thread, const struct call *call)
{
    struct job_object *usage = NULL;
    const char *descriptor = "(I)V";
    if (!call->clears) {
        usage = jdk_usage_object(thread, &call->usage);
        descriptor = usage != NULL ? "(ILjava/lang/management/MemoryUsage;)V" : descriptor;
        (void)jrt_catch(thread); /* without memory for it the sensor alone is told */
    }
    const struct jrt_method *method =
        jdk_management_method(thread, SENSOR, call->clears ? "clear" : "trigger", descriptor);
    union jrt_slot nothing;
    if (method != NULL) {
        struct jrt_method *own = jrt_virtual_method(jrt_class_of(call->object), method);
        (void)!(usage != NULL ? jrt_call(thread, own, &nothing, call->object, call->count, usage)
                              : jrt_call(thread, own, &nothing, call->object, call->count));
    }
    (void)jrt_catch(thread);
    if (!call->clears) {
        triggered(call);
    }
}

static bool take_collection(struct collection *ret_collection)
{
    pthread_mutex_lock(&lock);
    bool found = told_count != 0;
    if (found) {
        *ret_collection = told[told_first];
        told_first = (told_first + 1) % TOLD_MAX;
        told_count--;
    }
    pthread_mutex_unlock(&lock);
    return found;
}

static void tell(struct jrt_thread *thread)
{
    struct call call;
    struct collection collection;
    while (take_call(&call)) {
        call_sensor(thread, &call);
    }
    while (take_collection(&collection)) {
        jdk_tell_collection(thread, &collection.pause, collection.time_ms);
        (void)jrt_catch(thread);
    }
}

static struct jrt_thread *attach(void)
{
    struct jrt_thread *thread = jrt_thread_attach(NULL);
    if (thread == NULL) {
        return NULL; /* no memory for it now: what comes next may find some */
    }
    if (jrt_thread_make_object(thread, "Notification Thread", job_from_ref(jrt_system_group), true,
                               true)) {
        jrt_set_int(job_from_ref(thread->object), JRT_AT(Thread, priority), PRIORITY);
    }
    (void)jrt_catch(thread);
    return thread;
}

static void *run(void *argument ST_UNUSED)
{
    struct jrt_thread *thread = NULL;
    os_thread_name("Notification");
    for (;;) {
        pthread_mutex_lock(&lock);
        while (!wanted) {
            pthread_cond_wait(&changed, &lock);
        }
        wanted = false;
        pthread_mutex_unlock(&lock);
        if (thread == NULL) {
            thread = attach();
        } else {
            jrt_to_vm(thread);
        }
        if (thread != NULL) {
            tell(thread);
            jrt_to_native(thread);
        }
    }
    return NULL;
}

/* Where the host has no thread for it now, the next one that asks tries again. */
static void start(void)
{
    pthread_mutex_lock(&lock);
    running = running || os_thread_detach(0, run, NULL) >= 0;
    pthread_mutex_unlock(&lock);
}

/* ---- what the library calls ---- */

static bool kind_of(jint of, enum kind *ret_kind)
{
    *ret_kind = of == COLLECTION_HIGH || of == COLLECTION_LOW ? OF_COLLECTION : OF_USAGE;
    return of >= USAGE_HIGH && of <= COLLECTION_LOW;
}

static bool is_sensor(struct jrt_thread *thread, jobject object)
{
    struct jrt_class *class =
        jrt_load_class(thread, jrt_loader_of(thread, NULL), jrt_symbol_of(SENSOR));
    if (class == NULL) {
        return false;
    }
    return jrt_is_subtype(jrt_class_of(jrt_get(object)), class) ||
           jrt_throw(thread, JRT_IllegalArgumentException,
                     "Sensor is not an instance of sun.management.Sensor class");
}

/* In VM; false: an exception is pending. */
static bool set_sensor(struct jrt_thread *thread, jobject pool, jint of, jobject object)
{
    enum kind kind;
    if (pool == NULL || object == NULL) {
        return jrt_throw_null(thread);
    }
    if (!is_sensor(thread, object)) {
        return false;
    }
    enum jdk_pool which = jdk_pool_of(thread, pool);
    if (which == JDK_POOLS || !kind_of(of, &kind)) {
        return true;
    }
    jobject kept = jrt_global(jrt_get(object));
    if (kept == NULL) {
        return jrt_throw_oom(thread, JRT_OOM_HEAP);
    }
    struct sensor *sensor = &sensors[which][kind];
    pthread_mutex_lock(&lock);
    jobject before = sensor->object;
    sensor->object = kept;
    watch_locked(which);
    pthread_mutex_unlock(&lock);
    jrt_global_delete(before);
    start();
    return true;
}

void jdk_set_sensor(JNIEnv *env, jobject pool, jint kind, jobject sensor)
{
    JDK_ENTER(env);
    (void)!set_sensor(thread, pool, kind, sensor);
    JDK_LEAVE();
}

/* What it was; -1: the pool has no such threshold. A new one counts at once, but one of collections
 * at the next of them. */
static jlong set_threshold(enum jdk_pool pool, jint of, uint64_t bytes)
{
    enum kind kind;
    if (pool == JDK_POOLS || !kind_of(of, &kind) ||
        (pool == JDK_POOL_METASPACE && kind == OF_COLLECTION)) {
        return -1;
    }
    struct jgc_usage usage = jdk_pool_usage(pool);
    struct sensor *sensor = &sensors[pool][kind];
    bool high = of == USAGE_HIGH || of == COLLECTION_HIGH;
    pthread_mutex_lock(&lock);
    uint64_t *threshold = high ? &sensor->high : &sensor->low;
    uint64_t before = *threshold;
    *threshold = bytes;
    if (kind == OF_USAGE && before != bytes) {
        look_locked(pool, &usage);
        watch_locked(pool);
    }
    pthread_mutex_unlock(&lock);
    return (jlong)before;
}

jlong jdk_set_threshold(JNIEnv *env, jobject pool, jint kind, jlong threshold)
{
    JDK_ENTER(env);
    enum jdk_pool which = jdk_pool_of(thread, pool);
    jlong before = -1;
    if (threshold < 0 && !jrt_failed(thread)) {
        (void)jrt_throw(thread, JRT_IllegalArgumentException, "Invalid threshold value");
    }
    if (!jrt_failed(thread)) {
        before = set_threshold(which, kind, (uint64_t)threshold);
    }
    JDK_RETURN(before);
}

void jdk_set_collection_notification(JNIEnv *env, jobject of, jboolean on)
{
    if (jdk_is_collector(env, of)) {
        pthread_mutex_lock(&lock);
        tells_collections = on != 0;
        pthread_mutex_unlock(&lock);
        start();
    }
}
