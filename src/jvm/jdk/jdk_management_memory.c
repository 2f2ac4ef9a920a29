/*
 * java.lang.management about memory: the beans of pools and of what manages them, their usage, what
 * the last collection did. Thresholds and who is told of them are in jdk_management_sensors.c.
 *
 * The heap is one pool, whose thresholds are of all that is used; class metadata is the other.
 */
#include <pthread.h>

#include "base/arith.h"
#include "jvm/jdk/jdk.h"
#include "jvm/jdk/jdk_management.h"
#include "jvm/object/job_meta.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_loader.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"

#define HELPER "sun/management/ManagementFactoryHelper"
#define COLLECTOR "com/sun/management/internal/GarbageCollectorExtImpl"
#define POOL_BEAN "java/lang/management/MemoryPoolMXBean"
#define MANAGER_BEAN "java/lang/management/MemoryManagerMXBean"
#define COLLECTOR_BEAN "java/lang/management/GarbageCollectorMXBean"
#define GC_INFO "com/sun/management/GcInfo"
#define USAGE "java/lang/management/MemoryUsage"

enum { COLLECTOR_THREADS = 1 };

/* ---- pools and managers: objects made once ---- */

enum manager { HEAP_MANAGER, METASPACE_MANAGER, MANAGERS };

static const char *const pool_names[] = {"Mark Region Heap", "Metaspace"};
static const char *const manager_names[] = {"Mark Region", "Metaspace Manager"};

static pthread_mutex_t beans_lock = PTHREAD_MUTEX_INITIALIZER;
static jobject pool_beans[JDK_POOLS];   /* global references */
static jobject manager_beans[MANAGERS]; /* the same */

/* With both thresholds; metadata, which is not collected, with that of its usage alone. */
static struct job_object *make_pool(struct jrt_thread *thread, unsigned pool)
{
    struct jrt_method *method =
        jdk_management_method(thread, HELPER, "createMemoryPool",
                              "(Ljava/lang/String;ZJJ)Ljava/lang/management/MemoryPoolMXBean;");
    struct job_object *name = method != NULL ? jrt_string_of(thread, pool_names[pool]) : NULL;
    union jrt_slot made = {.word = 0};
    bool heap = pool == JDK_POOL_HEAP;
    return name != NULL && jrt_call(thread, method, &made, name, heap, (int64_t)0,
                                    heap ? (int64_t)0 : (int64_t)-1)
               ? job_from_ref(made.ref)
               : NULL;
}

/* Of com.sun.management's kind; of java.lang.management's where that module is not there. */
static struct jrt_method *collector_maker(struct jrt_thread *thread)
{
    static const char maker[] = "createGarbageCollector";
    static const char descriptor[] = "(Ljava/lang/String;Ljava/lang/String;)"
                                     "Ljava/lang/management/GarbageCollectorMXBean;";
    struct jrt_method *method = jdk_management_method(thread, COLLECTOR, maker, descriptor);
    if (method == NULL && (jrt_pending_is(thread, JRT_ClassNotFoundException) ||
                           jrt_pending_is(thread, JRT_NoClassDefFoundError))) {
        (void)jrt_catch(thread);
        method = jdk_management_method(thread, HELPER, maker, descriptor);
    }
    return method;
}

static struct job_object *make_manager(struct jrt_thread *thread, unsigned manager)
{
    bool collector = manager == HEAP_MANAGER;
    struct jrt_method *method =
        collector ? collector_maker(thread)
                  : jdk_management_method(
                        thread, HELPER, "createMemoryManager",
                        "(Ljava/lang/String;)Ljava/lang/management/MemoryManagerMXBean;");
    struct job_object *name = method != NULL ? jrt_string_of(thread, manager_names[manager]) : NULL;
    struct job_object *none = NULL;
    union jrt_slot made = {.word = 0};
    bool good = name != NULL && (collector ? jrt_call(thread, method, &made, name, none)
                                           : jrt_call(thread, method, &made, name));
    return good ? job_from_ref(made.ref) : NULL;
}

/* A bean, made by whoever asks first; NULL: an exception is pending. */
static struct job_object *
bean(struct jrt_thread *thread, jobject *kept,
     struct job_object *(*make)(struct jrt_thread *thread, unsigned which), unsigned which)
{
    jobject made = __atomic_load_n(kept, __ATOMIC_ACQUIRE);
    if (made == NULL) {
        struct job_object *object = make(thread, which);
        made = object != NULL ? jrt_global(object) : NULL;
        if (made == NULL) {
            return NULL;
        }
        pthread_mutex_lock(&beans_lock);
        jobject first = *kept;
        if (first == NULL) {
            __atomic_store_n(kept, made, __ATOMIC_RELEASE);
        }
        pthread_mutex_unlock(&beans_lock);
        if (first != NULL) {
            jrt_global_delete(made);
            made = first;
        }
    }
    return jrt_get(made);
}

/* Which of the kept beans an object is; `count`: none. In VM. */
static unsigned index_of(const jobject *kept, unsigned count, jobject object)
{
    unsigned i = 0;
    while (i < count && (kept[i] == NULL || jrt_get(kept[i]) != jrt_get(object))) {
        i++;
    }
    return i;
}

/* An array of those beans of which `wanted` has the bit. */
static jobject beans(struct jrt_thread *thread, const char *class_name, jobject *kept,
                     unsigned count, unsigned wanted,
                     struct job_object *(*make)(struct jrt_thread *thread, unsigned which))
{
    struct job_array *array = jdk_management_array(thread, class_name, __builtin_popcount(wanted));
    uint32_t at = 0;
    for (unsigned i = 0; array != NULL && i < count; i++) {
        if ((wanted >> i & 1) == 0) {
            continue;
        }
        struct job_object *one = bean(thread, &kept[i], make, i);
        if (one == NULL) {
            return NULL;
        }
        jgc_store(&array->object, (jref_t *)job_elements(array) + at++, job_to_ref(one));
    }
    return array != NULL ? jrt_local(thread, &array->object) : NULL;
}

/* Of a manager, or all of them. NULL: an exception is pending, or it is none. */
jobject jdk_memory_pools(JNIEnv *env, jobject manager)
{
    static const unsigned managed[MANAGERS] = {1u << JDK_POOL_HEAP, 1u << JDK_POOL_METASPACE};
    JDK_ENTER(env);
    unsigned which = manager == NULL ? MANAGERS : index_of(manager_beans, MANAGERS, manager);
    if (manager != NULL && which == MANAGERS) {
        JDK_RETURN((jobject)NULL);
    }
    unsigned wanted = manager == NULL ? (1u << JDK_POOLS) - 1 : managed[which];
    JDK_RETURN(beans(thread, POOL_BEAN, pool_beans, JDK_POOLS, wanted, make_pool));
}

jobject jdk_memory_managers(JNIEnv *env, jobject pool)
{
    static const unsigned managers[JDK_POOLS] = {1u << HEAP_MANAGER, 1u << METASPACE_MANAGER};
    JDK_ENTER(env);
    unsigned which = pool == NULL ? JDK_POOLS : index_of(pool_beans, JDK_POOLS, pool);
    if (pool != NULL && which == JDK_POOLS) {
        JDK_RETURN((jobject)NULL);
    }
    unsigned wanted = pool == NULL ? (1u << MANAGERS) - 1 : managers[which];
    JDK_RETURN(beans(thread, MANAGER_BEAN, manager_beans, MANAGERS, wanted, make_manager));
}

enum jdk_pool jdk_pool_of(struct jrt_thread *thread, jobject pool)
{
    if (pool == NULL) {
        (void)jrt_throw_null(thread);
        return JDK_POOLS;
    }
    return (enum jdk_pool)index_of(pool_beans, JDK_POOLS, pool);
}

/* Whether an object is the collector's bean; else an exception is pending. */
static bool check_collector(struct jrt_thread *thread, jobject manager)
{
    if (manager == NULL) {
        return jrt_throw_null(thread);
    }
    struct jrt_class *class =
        jrt_load_class(thread, jrt_loader_of(thread, NULL), jrt_symbol_of(COLLECTOR_BEAN));
    if (class == NULL) {
        return false;
    }
    if (!jrt_is_subtype(jrt_class_of(jrt_get(manager)), class)) {
        return jrt_throw(
            thread, JRT_IllegalArgumentException,
            "the object is not an instance of java.lang.management.GarbageCollectorMXBean class");
    }
    return index_of(manager_beans, MANAGERS, manager) == HEAP_MANAGER ||
           jrt_throw(thread, JRT_IllegalArgumentException, "Invalid GC memory manager");
}

bool jdk_is_collector(JNIEnv *env, jobject manager)
{
    JDK_ENTER(env);
    JDK_RETURN(check_collector(thread, manager));
}

/* ---- usage ---- */

static struct jgc_usage metaspace(uint64_t used)
{
    return (struct jgc_usage){.used_bytes = used, .committed_bytes = used};
}

struct jgc_usage jdk_pool_usage(enum jdk_pool pool)
{
    if (pool == JDK_POOL_METASPACE) {
        return metaspace(job_meta_used());
    }
    struct jgc_stats stats;
    jgc_get_stats(&stats);
    return stats.heap;
}

struct job_object *jdk_usage_object(struct jrt_thread *thread, const struct jgc_usage *usage)
{
    uint64_t committed = ST_MAX(usage->committed_bytes, usage->used_bytes);
    uint64_t max = usage->max_bytes;
    return JDK_CONSTRUCT(thread, USAGE, "(JJJJ)V", (int64_t)usage->init_bytes,
                         (int64_t)usage->used_bytes, (int64_t)committed,
                         max == 0 || max < committed ? (int64_t)-1 : (int64_t)max);
}

enum moment { NOW, AT_PEAK, AFTER_COLLECTION };

/* Before the first collection nothing is left by one. */
static struct jgc_usage heap_at(enum moment moment)
{
    struct jgc_stats stats;
    jgc_get_stats(&stats);
    switch (moment) {
    case NOW:
        break;
    case AT_PEAK:
        return stats.peak;
    case AFTER_COLLECTION:
        return stats.collections != 0 ? stats.last.after
                                      : (struct jgc_usage){.init_bytes = stats.heap.init_bytes,
                                                           .max_bytes = stats.heap.max_bytes};
    }
    return stats.heap;
}

static jobject usage_at(JNIEnv *env, jobject pool, enum moment moment)
{
    JDK_ENTER(env);
    struct job_object *object = NULL;
    struct jgc_usage usage;
    switch (jdk_pool_of(thread, pool)) {
    case JDK_POOL_HEAP:
        usage = heap_at(moment);
        object = jdk_usage_object(thread, &usage);
        break;
    case JDK_POOL_METASPACE:
        usage = metaspace(moment == AT_PEAK ? job_meta_peak() : job_meta_used());
        object = moment != AFTER_COLLECTION ? jdk_usage_object(thread, &usage) : NULL;
        break;
    case JDK_POOLS:
        break;
    }
    JDK_RETURN(object != NULL ? jrt_local(thread, object) : NULL);
}

jobject jdk_usage_now(JNIEnv *env, jobject pool)
{
    return usage_at(env, pool, NOW);
}

jobject jdk_usage_at_peak(JNIEnv *env, jobject pool)
{
    return usage_at(env, pool, AT_PEAK);
}

jobject jdk_usage_after_collection(JNIEnv *env, jobject pool)
{
    return usage_at(env, pool, AFTER_COLLECTION);
}

jobject jdk_memory_usage(JNIEnv *env, jboolean heap)
{
    JDK_ENTER(env);
    struct jgc_usage usage = jdk_pool_usage(heap ? JDK_POOL_HEAP : JDK_POOL_METASPACE);
    struct job_object *object = jdk_usage_object(thread, &usage);
    JDK_RETURN(object != NULL ? jrt_local(thread, object) : NULL);
}

bool jdk_reset_pool_peak(JNIEnv *env, jobject pool)
{
    JDK_ENTER(env);
    enum jdk_pool which = jdk_pool_of(thread, pool);
    switch (which) {
    case JDK_POOL_HEAP:
        jgc_reset_peak();
        break;
    case JDK_POOL_METASPACE:
        job_meta_reset_peak();
        break;
    case JDK_POOLS:
        break;
    }
    JDK_RETURN((bool)(which != JDK_POOLS));
}

/* ---- collections ---- */

jint jdk_collector_attributes(JNIEnv *env, jobject of ST_UNUSED,
                              struct jdk_collector_attribute *ret_attributes, jint count)
{
    if (count == 0) {
        return 0;
    }
    if (ret_attributes == NULL) {
        JDK_ENTER(env);
        (void)jrt_throw_null(thread);
        JDK_RETURN((jint)0);
    }
    ret_attributes[0] =
        (struct jdk_collector_attribute){"GcThreadCount", 'I', "Number of GC threads"};
    return 1;
}

static int64_t uptime_ms(uint64_t monotonic_ns)
{
    return (int64_t)(jdk_uptime_at(monotonic_ns) / 1000000);
}

/* Fills in what the pools held before or after a collection, in their order. false: an exception is
 * pending. */
static bool fill_usages(struct jrt_thread *thread, struct job_array *array,
                        const struct jgc_usage *heap, uint64_t meta_bytes)
{
    const struct jgc_usage all[JDK_POOLS] = {*heap, metaspace(meta_bytes)};
    for (uint32_t i = 0; i < JDK_POOLS; i++) {
        struct job_object *usage = jdk_usage_object(thread, &all[i]);
        if (usage == NULL) {
            return false;
        }
        jgc_store(&array->object, (jref_t *)job_elements(array) + i, job_to_ref(usage));
    }
    return true;
}

static struct job_array *usages(struct jrt_thread *thread, const struct jgc_usage *heap,
                                uint64_t meta_bytes)
{
    struct job_array *array = jdk_management_array(thread, USAGE, JDK_POOLS);
    return array != NULL && fill_usages(thread, array, heap, meta_bytes) ? array : NULL;
}

/* The caller's array of MemoryUsage; NULL: an exception is pending. */
static struct job_array *usages_given(struct jrt_thread *thread, jobject given)
{
    struct job_array *array = (struct job_array *)jrt_get(given);
    const struct jrt_class *class =
        jrt_load_class(thread, jrt_loader_of(thread, NULL), jrt_symbol_of(USAGE));
    if (array == NULL) {
        (void)jrt_throw_null(thread);
        return NULL;
    }
    if (array->length != JDK_POOLS) {
        (void)jrt_throw(thread, JRT_IllegalArgumentException,
                        "The length of the given MemoryUsage array does not match the number of "
                        "memory pools.");
        return NULL;
    }
    if (class == NULL || jrt_class_at(jrt_class_of(&array->object)->element) != class) {
        (void)jrt_throw(thread, JRT_IllegalArgumentException,
                        "The element type is not MemoryUsage class");
        return NULL;
    }
    return array;
}

void jdk_last_collection(JNIEnv *env, jobject of, struct jdk_last_collection *to)
{
    struct jgc_stats stats;
    JDK_ENTER(env);
    if (!check_collector(thread, of)) {
        JDK_LEAVE();
        return;
    }
    jgc_get_stats(&stats);
    const struct jgc_pause *last = &stats.last;
    to->index = stats.collections != 0 ? (jlong)last->number + 1 : 0;
    if (to->index != 0) {
        to->start_ms = uptime_ms(last->begin_ns);
        to->end_ms = uptime_ms(last->begin_ns + last->ns);
        struct job_array *before = usages_given(thread, to->before);
        struct job_array *after = before != NULL ? usages_given(thread, to->after) : NULL;
        if (after != NULL && fill_usages(thread, before, &last->before, last->meta_before_bytes) &&
            fill_usages(thread, after, &last->after, last->meta_after_bytes) &&
            to->value_count > 0) {
            to->values[0].i = COLLECTOR_THREADS;
        }
    }
    JDK_LEAVE();
}

/* A GcInfo by its private constructor. NULL: an exception is pending. */
static struct job_object *info_of(struct jrt_thread *thread, struct job_object *collector,
                                  const struct jgc_pause *pause)
{
    struct jrt_method *builder_of = jdk_management_method(
        thread, COLLECTOR, "getGcInfoBuilder", "()Lcom/sun/management/internal/GcInfoBuilder;");
    union jrt_slot builder = {.word = 0};
    if (builder_of == NULL || !jrt_call(thread, builder_of, &builder, collector)) {
        return NULL;
    }
    struct job_array *before = usages(thread, &pause->before, pause->meta_before_bytes);
    struct job_array *after =
        before != NULL ? usages(thread, &pause->after, pause->meta_after_bytes) : NULL;
    struct job_array *more =
        after != NULL ? jdk_management_array(thread, "java/lang/Integer", 1) : NULL;
    struct job_object *count =
        more != NULL ? jrt_box(thread, JRT_INT, (union jrt_slot){.i = COLLECTOR_THREADS}) : NULL;
    if (count == NULL) {
        return NULL;
    }
    jgc_store(&more->object, (jref_t *)job_elements(more), job_to_ref(count));
    return JDK_CONSTRUCT(
        thread, GC_INFO,
        "(Lcom/sun/management/internal/GcInfoBuilder;JJJ[Ljava/lang/management/MemoryUsage;"
        "[Ljava/lang/management/MemoryUsage;[Ljava/lang/Object;)V",
        job_from_ref(builder.ref), (int64_t)pause->number + 1, uptime_ms(pause->begin_ns),
        uptime_ms(pause->begin_ns + pause->ns), &before->object, &after->object, &more->object);
}

void jdk_tell_collection(struct jrt_thread *thread, const struct jgc_pause *pause, int64_t time_ms)
{
    static const char descriptor[] = "(JLjava/lang/String;Ljava/lang/String;Ljava/lang/String;"
                                     "Lcom/sun/management/GcInfo;)V";
    struct job_object *collector = jrt_get(manager_beans[HEAP_MANAGER]);
    struct job_object *info = info_of(thread, collector, pause);
    struct job_object *name =
        info != NULL ? jrt_string_of(thread, manager_names[HEAP_MANAGER]) : NULL;
    struct job_object *action = name != NULL ? jrt_string_of(thread, "end of major GC") : NULL;
    struct job_object *cause =
        action != NULL ? jrt_string_of(thread, jgc_cause_name(pause->cause)) : NULL;
    struct jrt_method *tell =
        cause != NULL ? jdk_management_method(thread, COLLECTOR, "createGCNotification", descriptor)
                      : NULL;
    union jrt_slot nothing;
    if (tell != NULL) {
        (void)!jrt_call(thread, tell, &nothing, collector, time_ms, name, action, cause, info);
    }
}
