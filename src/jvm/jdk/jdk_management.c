/*
 * The management table: classes, options, attributes: see jdk_management.h. What this machine does
 * not have is thrown as UnsupportedOperationException.
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

/* Bits of the structure that GetOptionalSupport fills in. */
enum {
    SUPPORTS_THRESHOLDS = 1 << 0,
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
    OPTIONS = 104,
    PROCESS_ID = 201,
    PHYSICAL_BYTES,
    COLLECTOR_ATTRIBUTES = 401
};

enum bool_attribute { VERBOSE_GC = 21, VERBOSE_CLASS, CONTENTION, CPU_TIME, ALLOCATED };

enum statistic { PEAK_THREADS = 801, WAIT_COUNTS, WAIT_TIMES, PEAK_POOL = 805 };

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

struct job_array *jdk_management_array(struct jrt_thread *thread, const char *class_name,
                                       int32_t count)
{
    struct jrt_class *class =
        jrt_load_class(thread, jrt_loader_of(thread, NULL), jrt_symbol_of(class_name));
    struct jrt_class *of = class != NULL ? jrt_array_class(thread, class) : NULL;
    return of != NULL ? jrt_new_array(thread, of, count) : NULL;
}

/* ---- attributes ---- */

static jint version(JNIEnv *env ST_UNUSED)
{
    return VERSION;
}

static jint optional_support(JNIEnv *env ST_UNUSED, uint32_t *ret_bits)
{
    *ret_bits = SUPPORTS_THRESHOLDS | SUPPORTS_CONTENTION | SUPPORTS_THREAD_CPU_TIME |
                SUPPORTS_MONITORS | SUPPORTS_SYNCHRONIZERS | SUPPORTS_ALLOCATED;
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

/* Of the collector. */
static jlong collector_attribute(jint which)
{
    struct jgc_stats stats;
    jgc_get_stats(&stats);
    switch (which) {
    case COLLECTED_MS:
        return (jlong)(stats.collected_ns / 1000000);
    case COLLECTIONS:
        return (jlong)stats.collections;
    case COLLECTOR_ATTRIBUTES:
        return 1;
    default:
        return -1;
    }
}

static jlong long_attribute(JNIEnv *env, jobject of, jint which)
{
    struct jrt_thread_numbers threads;
    if (of != NULL) {
        return jdk_is_collector(env, of) ? collector_attribute(which) : 0;
    }
    jrt_thread_numbers(&threads);
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
    case UPTIME_MS:
        return (jlong)(jdk_uptime_ns() / 1000000);
    case OPTIONS:
        return (jlong)jdk_flag_count();
    case PROCESS_ID:
        return getpid();
    case PHYSICAL_BYTES:
        return (jlong)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    case COLLECTED_MS:
    case COLLECTIONS:
    case COLLECTOR_ATTRIBUTES:
        break; /* of the collector alone */
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
        return jdk_reset_pool_peak(env, of.l);
    default:
        return 0;
    }
}

/* ---- times and bytes of several threads ---- */

static enum jdk_thread_number time_of(jboolean all)
{
    return all ? JDK_THREAD_TIME : JDK_THREAD_USER_TIME;
}

static jlong thread_allocated(JNIEnv *env, jlong id)
{
    return jdk_thread_number(env, id, JDK_THREAD_ALLOCATED);
}

static void threads_allocated(JNIEnv *env, jobject ids, jobject values)
{
    jdk_thread_numbers(env, ids, values, JDK_THREAD_ALLOCATED);
}

static jlong cpu_time(JNIEnv *env, jlong id)
{
    return jdk_thread_number(env, id, JDK_THREAD_TIME);
}

static jlong cpu_time_of_kind(JNIEnv *env, jlong id, jboolean all)
{
    return jdk_thread_number(env, id, time_of(all));
}

static void cpu_times_of_kind(JNIEnv *env, jobject ids, jobject values, jboolean all)
{
    jdk_thread_numbers(env, ids, values, time_of(all));
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
        jdk_memory_pools,
        jdk_memory_managers,
        jdk_usage_now,
        jdk_usage_at_peak,
        thread_allocated,
        threads_allocated,
        jdk_memory_usage,
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
        jdk_set_sensor,
        jdk_set_threshold,
        jdk_usage_after_collection,
        jdk_collector_attributes,
        jdk_last_collection,
        cpu_time_of_kind,
        cpu_times_of_kind,
        dump_heap,
        jdk_deadlocked_threads,
        set_global,
        all_allocated,
        jdk_dump_threads,
        jdk_set_collection_notification,
        no_commands,
        command_info,
        command_arguments,
        run_command,
        set_command_notification,
    };
    return (wanted & (jint)VERSION_MASK) == VERSION ? (void *)(uintptr_t)table : NULL;
}
