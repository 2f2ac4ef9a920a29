/*
 * The management table: memory, classes, options, attributes: see jdk_management.h. What this
 * machine does not have is told so by the table itself (thresholds), or thrown as
 * UnsupportedOperationException where the library asks all the same.
 */
#include "jvm/jdk/jdk_management.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "jvm/gc/jgc.h"
#include "jvm/jdk/jdk.h"
#include "jvm/jdk/jdk_flags.h"
#include "jvm/jdk/jdk_log.h"
#include "jvm/jdk/jvm.h"
#include "jvm/object/job_meta.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_loader.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"
#include "jvm/runtime/jrt_vm.h"
#include "os/os_time.h"

enum { VERSION = 0x20030000, VERSION_MASK = 0xffff0000 };

#define HELPER "sun/management/ManagementFactoryHelper"
#define COLLECTOR "com/sun/management/internal/GarbageCollectorExtImpl"
#define POOL_BEAN "java/lang/management/MemoryPoolMXBean"
#define MANAGER_BEAN "java/lang/management/MemoryManagerMXBean"
#define COLLECTOR_BEAN "java/lang/management/GarbageCollectorMXBean"

/* Bits of the structure that GetOptionalSupport fills in. */
enum {
    SUPPORTS_CONTENTION = 1 << 2,
    SUPPORTS_THREAD_CPU_TIME = 1 << 3 | 1 << 4, /* the calling thread's; others' */
    SUPPORTS_MONITORS = 1 << 5,
    SUPPORTS_SYNCHRONIZERS = 1 << 6,
    SUPPORTS_ALLOCATED = 1 << 7
};

enum long_attribute {
    CLASSES_LOADED = 1,
    CLASSES_UNLOADED,
    THREADS_STARTED,
    THREADS_LIVE,
    THREADS_PEAK,
    THREADS_DAEMON,
    START_MS,
    COMPILED_MS,
    COLLECTED_MS,
    COLLECTIONS,
    UPTIME_MS,
    PROCESS_ID = 201,
    PHYSICAL_BYTES,
    COLLECTOR_ATTRIBUTES = 401
};

enum bool_attribute { VERBOSE_GC = 21, VERBOSE_CLASS, CONTENTION, CPU_TIME, ALLOCATED };

enum statistic { PEAK_THREADS = 801, WAIT_COUNTS, WAIT_TIMES, PEAK_POOL = 805 };

/* ---- pools and managers: objects made once ---- */

enum pool { BLOCKS, LARGE, METASPACE, POOLS };
enum manager { HEAP_MANAGER, METASPACE_MANAGER, MANAGERS };

static const char *const pool_names[] = {"Blocks", "Large Objects", "Metaspace"};
static const char *const manager_names[] = {"Mark Region", "Metaspace Manager"};

static pthread_mutex_t beans_lock = PTHREAD_MUTEX_INITIALIZER;
static jobject pool_beans[POOLS];       /* global references */
static jobject manager_beans[MANAGERS]; /* the same */

struct jrt_method *jdk_management_method(struct jrt_thread *thread, const char *class_name,
                                         const char *name, const char *descriptor)
{
    job_offset_t symbol = jrt_symbol_of(class_name);
    struct jrt_class *class =
        symbol != 0 ? jrt_load_class(thread, jrt_loader_of(thread, NULL), symbol) : NULL;
    if (class == NULL || !jrt_init_class(thread, class)) {
        return NULL;
    }
    struct jrt_method *method =
        jrt_find_method(class, jrt_symbol_of(name), jrt_symbol_of(descriptor));
    if (method == NULL) {
        (void)jrt_throw(thread, JRT_NoSuchMethodError, "%s.%s%s", class_name, name, descriptor);
    }
    return method;
}

static struct job_object *make_pool(struct jrt_thread *thread, unsigned pool)
{
    struct jrt_method *method =
        jdk_management_method(thread, HELPER, "createMemoryPool",
                              "(Ljava/lang/String;ZJJ)Ljava/lang/management/MemoryPoolMXBean;");
    struct job_object *name = method != NULL ? jrt_string_of(thread, pool_names[pool]) : NULL;
    union jrt_slot made = {.word = 0};
    return name != NULL && jrt_call(thread, method, &made, name, pool != METASPACE, (int64_t)-1,
                                    (int64_t)-1)
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
    union jrt_slot made = {.word = 0};
    bool good = name != NULL && (collector ? jrt_call(thread, method, &made, name, NULL)
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
    struct jrt_class *class =
        jrt_load_class(thread, jrt_loader_of(thread, NULL), jrt_symbol_of(class_name));
    struct jrt_class *of = class != NULL ? jrt_array_class(thread, class) : NULL;
    struct job_array *array =
        of != NULL ? jrt_new_array(thread, of, __builtin_popcount(wanted)) : NULL;
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

/* Of a manager, or all of them. */
static jobject memory_pools(JNIEnv *env, jobject manager)
{
    static const unsigned managed[MANAGERS + 1] = {1u << BLOCKS | 1u << LARGE, 1u << METASPACE, 0};
    JDK_ENTER(env);
    unsigned wanted =
        manager == NULL ? (1u << POOLS) - 1 : managed[index_of(manager_beans, MANAGERS, manager)];
    JDK_RETURN(beans(thread, POOL_BEAN, pool_beans, POOLS, wanted, make_pool));
}

static jobject memory_managers(JNIEnv *env, jobject pool)
{
    JDK_ENTER(env);
    unsigned which = pool == NULL ? POOLS : index_of(pool_beans, POOLS, pool);
    unsigned wanted = pool == NULL         ? (1u << MANAGERS) - 1
                      : which == METASPACE ? 1u << METASPACE_MANAGER
                      : which < METASPACE  ? 1u << HEAP_MANAGER
                                           : 0;
    JDK_RETURN(beans(thread, MANAGER_BEAN, manager_beans, MANAGERS, wanted, make_manager));
}

/* ---- usage ---- */

static jobject usage_object(struct jrt_thread *thread, const struct jgc_usage *usage)
{
    uint64_t committed = ST_MAX(usage->committed_bytes, usage->used_bytes);
    uint64_t max = usage->max_bytes;
    struct job_object *made =
        JDK_CONSTRUCT(thread, "java/lang/management/MemoryUsage", "(JJJJ)V",
                      (int64_t)usage->init_bytes, (int64_t)usage->used_bytes, (int64_t)committed,
                      max == 0 || max < committed ? (int64_t)-1 : (int64_t)max);
    return made != NULL ? jrt_local(thread, made) : NULL;
}

static struct jgc_usage metaspace(bool peak)
{
    uint64_t used = peak ? job_meta_peak() : job_meta_used();
    return (struct jgc_usage){.used_bytes = used, .committed_bytes = used};
}

enum moment { NOW, AT_PEAK, AFTER_COLLECTION };

static jobject pool_usage(JNIEnv *env, jobject pool, enum moment moment)
{
    struct jgc_stats stats;
    jgc_get_stats(&stats);
    JDK_ENTER(env);
    unsigned which = index_of(pool_beans, POOLS, pool);
    if (which == POOLS || (which == METASPACE && moment == AFTER_COLLECTION)) {
        JDK_RETURN((jobject)NULL);
    }
    const struct jgc_usage *pools = moment == NOW       ? stats.pools
                                    : moment == AT_PEAK ? stats.peaks
                                                        : stats.after;
    struct jgc_usage usage = which == METASPACE ? metaspace(moment == AT_PEAK) : pools[which];
    JDK_RETURN(usage_object(thread, &usage));
}

static jobject usage_now(JNIEnv *env, jobject pool)
{
    return pool_usage(env, pool, NOW);
}

static jobject usage_at_peak(JNIEnv *env, jobject pool)
{
    return pool_usage(env, pool, AT_PEAK);
}

static jobject usage_after_collection(JNIEnv *env, jobject pool)
{
    return pool_usage(env, pool, AFTER_COLLECTION);
}

static jobject memory_usage(JNIEnv *env, jboolean heap)
{
    struct jgc_stats stats;
    jgc_get_stats(&stats);
    struct jgc_usage usage = heap ? stats.heap : metaspace(false);
    JDK_ENTER(env);
    JDK_RETURN(usage_object(thread, &usage));
}

/* ---- attributes ---- */

static jint version(JNIEnv *env ST_UNUSED)
{
    return VERSION;
}

static jint optional_support(JNIEnv *env ST_UNUSED, uint32_t *ret_bits)
{
    *ret_bits = SUPPORTS_CONTENTION | SUPPORTS_THREAD_CPU_TIME | SUPPORTS_MONITORS |
                SUPPORTS_SYNCHRONIZERS | SUPPORTS_ALLOCATED;
    return 0;
}

static void count_class(struct jrt_class *class ST_UNUSED, void *argument)
{
    ++*(jlong *)argument;
}

static jlong loaded_classes(void)
{
    jlong count = 0;
    jrt_classes_each(count_class, &count);
    return count;
}

static jlong long_attribute(JNIEnv *env, jobject of ST_UNUSED, jint which)
{
    struct jrt_thread_numbers threads;
    struct jgc_stats stats;
    jgc_get_stats(&stats);
    jrt_thread_numbers(&threads);
    (void)env;
    switch ((enum long_attribute)which) {
    case CLASSES_LOADED:
        return loaded_classes() + (jlong)jrt_unloaded_classes();
    case CLASSES_UNLOADED:
        return (jlong)jrt_unloaded_classes();
    case THREADS_STARTED:
        return (jlong)threads.started;
    case THREADS_LIVE:
        return threads.living;
    case THREADS_PEAK:
        return threads.peak;
    case THREADS_DAEMON:
        return threads.living - threads.not_daemons;
    case START_MS:
        return (jlong)((os_realtime_ns() - jdk_uptime_ns()) / 1000000);
    case COMPILED_MS:
        return 0;
    case COLLECTED_MS:
        return (jlong)(stats.collected_ns / 1000000);
    case COLLECTIONS:
        return (jlong)stats.collections;
    case UPTIME_MS:
        return (jlong)(jdk_uptime_ns() / 1000000);
    case PROCESS_ID:
        return getpid();
    case PHYSICAL_BYTES:
        return (jlong)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    case COLLECTOR_ATTRIBUTES:
        return 1;
    }
    return -1;
}

static jint long_attributes(JNIEnv *env, jobject of, const jint *which, jint count,
                            jlong *ret_values)
{
    jint known = 0;
    for (jint i = 0; i < count; i++) {
        ret_values[i] = long_attribute(env, of, which[i]);
        known += ret_values[i] >= 0;
    }
    return known;
}

/* The log lines that a switch is about; NULL: it is none. */
static const char *switch_of(jint which, bool **ret_switch)
{
    *ret_switch = which == VERBOSE_GC ? &jrt_options.log_gc : &jrt_options.log_class;
    return which == VERBOSE_GC ? "gc" : which == VERBOSE_CLASS ? "class,load" : NULL;
}

static jboolean bool_attribute(JNIEnv *env ST_UNUSED, jint which)
{
    bool *is;
    if (switch_of(which, &is) != NULL) {
        return __atomic_load_n(is, __ATOMIC_RELAXED);
    }
    return which == CONTENTION ? jrt_waits_timed() : which == CPU_TIME || which == ALLOCATED;
}

/* What it was. Those that are no switches stay what they are. */
static jboolean set_bool_attribute(JNIEnv *env, jint which, jboolean on)
{
    jboolean before = bool_attribute(env, which);
    bool *is;
    const char *tags = switch_of(which, &is);
    if (tags != NULL) {
        jdk_log_set(tags, on != 0);
        __atomic_store_n(is, on != 0, __ATOMIC_RELAXED);
    } else if (which == CONTENTION) {
        before = jrt_waits_time(on != 0);
    }
    return before;
}

static jboolean reset_statistic(JNIEnv *env, jvalue of, jint which)
{
    switch (which) {
    case PEAK_THREADS:
        jrt_thread_reset_peak();
        return 1;
    case WAIT_COUNTS:
        return jdk_thread_waits_reset(env, of.j, JRT_WAITS_COUNT);
    case WAIT_TIMES:
        return jdk_thread_waits_reset(env, of.j, JRT_WAITS_TIME);
    case PEAK_POOL:
        jgc_reset_peaks();
        return 1;
    default:
        return 0;
    }
}

/* ---- times and bytes of several threads ---- */

static int64_t *longs_of(jobject array, uint32_t *ret_count)
{
    struct job_array *longs = (struct job_array *)jrt_get(array);
    *ret_count = longs != NULL ? (uint32_t)longs->length : 0;
    return longs != NULL ? job_elements(longs) : NULL;
}

/* Fills an array of longs for an array of thread ids. */
static void for_each_id(JNIEnv *env, jobject ids, jobject values, jboolean all, bool bytes)
{
    struct jrt_thread *thread = jdk_thread(env);
    for (uint32_t i = 0;; i++) {
        uint32_t count;
        uint32_t room;
        jrt_to_vm(thread);
        const int64_t *id = longs_of(ids, &count);
        (void)longs_of(values, &room);
        int64_t one = i < count && i < room ? id[i] : 0;
        jrt_to_native(thread);
        if (i >= count || i >= room) {
            return;
        }
        jlong value = bytes ? jdk_thread_allocated(env, one) : jdk_thread_cpu_time(env, one, all);
        jrt_to_vm(thread);
        longs_of(values, &room)[i] = value;
        jrt_to_native(thread);
    }
}

static void threads_allocated(JNIEnv *env, jobject ids, jobject values)
{
    for_each_id(env, ids, values, 1, true);
}

static void threads_cpu_time(JNIEnv *env, jobject ids, jobject values, jboolean all)
{
    for_each_id(env, ids, values, all, false);
}

static jlong cpu_time(JNIEnv *env, jlong id)
{
    return jdk_thread_cpu_time(env, id, 1);
}

static jlong all_allocated(JNIEnv *env ST_UNUSED)
{
    struct jgc_stats stats;
    jgc_get_stats(&stats);
    return (jlong)stats.allocated_bytes;
}

/* The machine has no threads of its own that work for it. */
static jint internal_thread_times(JNIEnv *env ST_UNUSED, jobject names ST_UNUSED,
                                  jobject times ST_UNUSED)
{
    return 0;
}

/* ---- options ---- */

struct vm_global {
    jstring name;
    jvalue value;
    jint type;
    jint origin;
    uint32_t bits; /* 1: writeable, 2: external */
    void *reserved[2];
};

enum { GLOBAL_BOOL = 1, GLOBAL_TEXT = 2, GLOBAL_LONG = 3, GLOBAL_DOUBLE = 4 };
enum { ORIGIN_DEFAULT = 1, ORIGIN_COMMAND_LINE = 2 };

static jobject global_names(JNIEnv *env)
{
    JDK_ENTER(env);
    struct jrt_class *of = jrt_array_class(thread, jrt_known.class[JRT_String]);
    struct job_array *array =
        of != NULL ? jrt_new_array(thread, of, (int32_t)jdk_flag_count()) : NULL;
    for (uint32_t i = 0; array != NULL && i < jdk_flag_count(); i++) {
        struct jdk_flag flag;
        jdk_flag_get(&jdk_options, i, &flag);
        struct job_object *name = jrt_string_of(thread, flag.name);
        if (name == NULL) {
            array = NULL;
        } else {
            jgc_store(&array->object, (jref_t *)job_elements(array) + i, job_to_ref(name));
        }
    }
    JDK_RETURN(array != NULL ? jrt_local(thread, &array->object) : NULL);
}

/* False: an exception is pending. */
static bool fill_global(struct jrt_thread *thread, struct vm_global *to, unsigned which,
                        jstring name)
{
    struct jdk_flag flag;
    jdk_flag_get(&jdk_options, which, &flag);
    *to = (struct vm_global){
        .name = name, .origin = flag.given ? ORIGIN_COMMAND_LINE : ORIGIN_DEFAULT, .bits = 2};
    switch (flag.kind) {
    case JDK_FLAG_BOOL:
        to->type = GLOBAL_BOOL;
        to->value.z = flag.truth;
        break;
    case JDK_FLAG_NUMBER:
        to->type = GLOBAL_LONG;
        to->value.j = flag.number;
        break;
    case JDK_FLAG_DOUBLE:
        to->type = GLOBAL_DOUBLE;
        to->value.d = flag.real;
        break;
    case JDK_FLAG_TEXT: {
        struct job_object *text = flag.text != NULL ? jrt_string_of(thread, flag.text) : NULL;
        to->type = GLOBAL_TEXT;
        to->value.l = text != NULL ? jrt_local(thread, text) : NULL;
        break;
    }
    }
    return !jrt_failed(thread);
}

static unsigned global_of(const struct job_object *string)
{
    char text[64];
    struct jdk_flag flag;
    unsigned i = 0;
    if (string == NULL || jrt_string_utf8(string, text, sizeof text) >= sizeof text) {
        return jdk_flag_count();
    }
    for (; i < jdk_flag_count(); i++) {
        jdk_flag_get(&jdk_options, i, &flag);
        if (strcmp(flag.name, text) == 0) {
            break;
        }
    }
    return i;
}

/* Those of the names, or all; an unknown one has no name afterwards. How many were known. */
static jint vm_globals(JNIEnv *env, jobject names, struct vm_global *ret_globals, jint count)
{
    jint known = 0;
    JDK_ENTER(env);
    const struct job_array *array = (const struct job_array *)jrt_get(names);
    for (jint i = 0; i < count; i++) {
        struct job_object *string = NULL;
        unsigned which = (unsigned)i;
        if (names != NULL) {
            array = (const struct job_array *)jrt_get(names);
            string =
                i < array->length ? job_from_ref(((const jref_t *)job_elements(array))[i]) : NULL;
            which = global_of(string);
        } else if (which < jdk_flag_count()) {
            struct jdk_flag flag;
            jdk_flag_get(&jdk_options, which, &flag);
            string = jrt_string_of(thread, flag.name);
        }
        ret_globals[i] = (struct vm_global){.name = NULL};
        if (which < jdk_flag_count() && string != NULL) {
            known += fill_global(thread, &ret_globals[i], which, jrt_local(thread, string));
        }
    }
    JDK_RETURN(known);
}

/* ---- collectors ---- */

struct collector_attribute {
    const char *name;
    char type;
    const char *description;
};

static jint collector_attributes(JNIEnv *env ST_UNUSED, jobject of ST_UNUSED,
                                 struct collector_attribute *ret_attributes, jint count)
{
    if (count < 1) {
        return 0;
    }
    ret_attributes[0] = (struct collector_attribute){"GcThreadCount", 'I', "Number of GC threads"};
    return 1;
}

struct last_collection {
    jlong index, start_ms, end_ms;
    jobject before, after;
    jint value_count;
    jvalue *values;
};

/* Index 0: nothing is told of it; what pools held before it is not kept. */
static void last_collection(JNIEnv *env ST_UNUSED, jobject of ST_UNUSED,
                            struct last_collection *ret_collection)
{
    ret_collection->index = 0;
}

/* Listeners may come; they are not told of collections (docs/jvm.md). */
static void set_notification(JNIEnv *env ST_UNUSED, jobject of ST_UNUSED, jboolean on ST_UNUSED)
{
}

/* ---- what is not here ---- */

static void unsupported(JNIEnv *env, const char *what)
{
    JDK_ENTER(env);
    (void)jrt_throw(thread, JRT_UnsupportedOperationException,
                    "%s are not in this virtual machine yet", what);
    JDK_LEAVE();
}

static jint dump_heap(JNIEnv *env, jstring file ST_UNUSED, jboolean live ST_UNUSED)
{
    unsupported(env, "heap dumps");
    return -1;
}

static void set_sensor(JNIEnv *env, jobject pool ST_UNUSED, jint kind ST_UNUSED,
                       jobject sensor ST_UNUSED)
{
    unsupported(env, "thresholds of memory pools");
}

static jlong set_threshold(JNIEnv *env, jobject pool ST_UNUSED, jint kind ST_UNUSED,
                           jlong threshold ST_UNUSED)
{
    unsupported(env, "thresholds of memory pools");
    return -1;
}

static jint set_global(JNIEnv *env, jstring name ST_UNUSED, jvalue value ST_UNUSED)
{
    unsupported(env, "options that change");
    return -1;
}

static jobject no_commands(JNIEnv *env)
{
    JDK_ENTER(env);
    struct jrt_class *of = jrt_array_class(thread, jrt_known.class[JRT_String]);
    struct job_array *array = of != NULL ? jrt_new_array(thread, of, 0) : NULL;
    JDK_RETURN(array != NULL ? jrt_local(thread, &array->object) : NULL);
}

static void command_info(JNIEnv *env, jobject commands ST_UNUSED, void *infos ST_UNUSED)
{
    unsupported(env, "diagnostic commands");
}

static void command_arguments(JNIEnv *env, jstring command ST_UNUSED, void *infos ST_UNUSED,
                              jint count ST_UNUSED)
{
    unsupported(env, "diagnostic commands");
}

static jstring run_command(JNIEnv *env, jstring command ST_UNUSED)
{
    unsupported(env, "diagnostic commands");
    return NULL;
}

static void set_command_notification(JNIEnv *env ST_UNUSED, jboolean on ST_UNUSED)
{
}

void *JVM_GetManagement(jint wanted)
{
    /* In the library's order; jmm.h's names are in jvm-interface.md 8.8. */
    static const void *const table[] = {
        NULL,
        NULL,
        version,
        optional_support,
        jdk_thread_info,
        memory_pools,
        memory_managers,
        usage_now,
        usage_at_peak,
        jdk_thread_allocated,
        threads_allocated,
        memory_usage,
        long_attribute,
        bool_attribute,
        set_bool_attribute,
        long_attributes,
        jdk_circular_threads,
        cpu_time,
        global_names,
        vm_globals,
        internal_thread_times,
        reset_statistic,
        set_sensor,
        set_threshold,
        usage_after_collection,
        collector_attributes,
        last_collection,
        jdk_thread_cpu_time,
        threads_cpu_time,
        dump_heap,
        jdk_deadlocked_threads,
        set_global,
        all_allocated,
        jdk_dump_threads,
        set_notification,
        no_commands,
        command_info,
        command_arguments,
        run_command,
        set_command_notification,
    };
    return (wanted & (jint)VERSION_MASK) == VERSION ? (void *)(uintptr_t)table : NULL;
}
