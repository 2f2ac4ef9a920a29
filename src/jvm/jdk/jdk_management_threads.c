/*
 * java.lang.management about threads: times, ThreadInfo, deadlocks: see jdk_management.h. What
 * threads wait for and own is looked at while the world stands still, and kept in tables of C, with
 * objects as local references; the Java objects are made afterwards.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "jvm/jdk/jdk_locks.h"
#include "jvm/jdk/jdk_management.h"
#include "jvm/jdk/jvm.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_held.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_loader.h"
#include "jvm/runtime/jrt_monitor.h"
#include "jvm/runtime/jrt_stack.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"
#include "os/os_file.h"

#define THREAD_INFO "java/lang/management/ThreadInfo"
#define INFO_BASE                                                                                  \
    "(Ljava/lang/Thread;ILjava/lang/Object;Ljava/lang/Thread;JJJJ[Ljava/lang/StackTraceElement;"

enum {
    STAT_TEXT = 1024,
    HELD_FIRST = 64,
    RUNNABLE = 0x5, /* of threadStatus */
    BLOCKED = 0x400,
    SUSPENDED = 0x100000 /* JMM_THREAD_STATE_FLAG_SUSPENDED, beside threadStatus */
};

/* ---- one thread by its id ---- */

struct sought {
    int64_t id;
    const struct jrt_thread *self;
    bool found;
    int os_id;
    int64_t allocated;
    jref_t object;
};

static void seek(struct jrt_thread *each, void *argument)
{
    struct sought *sought = argument;
    const struct job_object *object = job_from_ref(each->object);
    if (!sought->found && object != NULL && jrt_long(object, JRT_AT(Thread, tid)) == sought->id) {
        sought->found = true;
        sought->os_id = each->os_id;
        sought->object = each->object;
        sought->allocated = (int64_t)jgc_local_allocated(&each->alloc, each == sought->self);
    }
}

/* In VM. id 0: the calling thread. */
static bool find(struct jrt_thread *thread, int64_t id, struct sought *ret_sought)
{
    const struct job_object *own = job_from_ref(thread->object);
    *ret_sought = (struct sought){.id = id, .self = thread};
    if (id == 0 && own != NULL) {
        ret_sought->id = jrt_long(own, JRT_AT(Thread, tid));
    }
    jrt_threads_each(seek, ret_sought);
    return ret_sought->found;
}

/* 0 is the calling thread. false: an exception is pending. */
static bool check_id(struct jrt_thread *thread, jlong id)
{
    return id >= 0 || jrt_throw(thread, JRT_IllegalArgumentException, "Invalid thread ID");
}

/* Of an array of ids each is one. false: an exception is pending. */
static bool check_ids(struct jrt_thread *thread, jobject ids)
{
    struct job_array *array = (struct job_array *)jdk_get(ids);
    const int64_t *id = job_elements(array);
    for (int32_t i = 0; i < array->length; i++) {
        if (id[i] <= 0) {
            return jrt_throw(thread, JRT_IllegalArgumentException, "Invalid thread ID entry");
        }
    }
    return true;
}

/* Field 14 of its stat file, in ticks; its name, which may hold anything, ends with the last ')'.
 */
static jlong user_time(int os_id)
{
    char path[64];
    char text[STAT_TEXT];
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/stat", os_id);
    const char *at =
        os_read_text(AT_FDCWD, path, text, sizeof text) > 0 ? strrchr(text, ')') : NULL;
    for (unsigned field = 2; at != NULL && field < 14; field++) {
        at = strchr(at + 1, ' ');
    }
    return at != NULL ? (jlong)(strtoull(at + 1, NULL, 10) * 1000000000 /
                                (unsigned long long)sysconf(_SC_CLK_TCK))
                      : -1;
}

struct reset {
    struct sought sought;
    struct jrt_thread *thread;
    enum jrt_waits_part part;
};

static void seek_thread(struct jrt_thread *each, void *argument)
{
    struct reset *reset = argument;
    bool before = reset->sought.found;
    seek(each, &reset->sought);
    reset->thread = !before && reset->sought.found ? each : reset->thread;
}

static void reset_waits(void *argument)
{
    struct reset *reset = argument;
    if (reset->sought.id != 0) {
        jrt_threads_each(seek_thread, reset);
    }
    if (reset->sought.id == 0 || reset->thread != NULL) {
        jrt_waits_reset(reset->thread, reset->part);
    }
}

bool jdk_thread_waits_reset(JNIEnv *env, jlong id, enum jrt_waits_part part)
{
    JDK_ENTER(env);
    if (id < 0) {
        (void)jrt_throw_class(thread, jrt_known_class(thread, JRT_IllegalArgumentException), NULL);
        JDK_RETURN((bool)false);
    }
    struct reset reset = {.sought = {.id = id, .self = thread}, .part = part};
    jrt_stop_world(thread, reset_waits, &reset);
    JDK_RETURN((bool)(id == 0 || reset.thread != NULL));
}

static jlong number_of(const struct sought *sought, enum jdk_thread_number which)
{
    switch (which) {
    case JDK_THREAD_ALLOCATED:
        return sought->allocated;
    case JDK_THREAD_TIME:
        return jdk_cpu_time_ns(sought->os_id);
    case JDK_THREAD_USER_TIME:
        return user_time(sought->os_id);
    }
    return -1;
}

jlong jdk_thread_number(JNIEnv *env, jlong id, enum jdk_thread_number which)
{
    struct sought sought;
    JDK_ENTER(env);
    bool found = check_id(thread, id) && find(thread, id, &sought);
    JDK_LEAVE();
    return found ? number_of(&sought, which) : -1;
}

void jdk_thread_numbers(JNIEnv *env, jobject ids, jobject ret_numbers, enum jdk_thread_number which)
{
    JDK_ENTER(env);
    if (ids == NULL || ret_numbers == NULL) {
        (void)jrt_throw_null(thread);
        JDK_LEAVE();
        return;
    }
    int32_t count = ((const struct job_array *)jdk_get(ids))->length;
    if (!check_ids(thread, ids) ||
        (((const struct job_array *)jdk_get(ret_numbers))->length != count &&
         !jrt_throw(thread, JRT_IllegalArgumentException,
                    "The length of the given long array does not match the length of the given "
                    "array of thread IDs"))) {
        count = 0;
    }
    for (int32_t i = 0; i < count; i++) {
        struct sought sought;
        int64_t id = ((const int64_t *)job_elements((struct job_array *)jdk_get(ids)))[i];
        if (find(thread, id, &sought)) {
            jlong number = number_of(&sought, which);
            ((int64_t *)job_elements((struct job_array *)jdk_get(ret_numbers)))[i] = number;
        }
    }
    JDK_LEAVE();
}

/* ---- what threads wait for and own ---- */

/* An object that a thread holds locked: a monitor with the frame that locked it, or a synchronizer
 * of java.util.concurrent. */
struct held {
    jref_t object;
    uint32_t thread; /* index among the threads asked about */
    int32_t depth;   /* -1: not a frame's (JNI) */
    uint32_t order;  /* in which it was found */
    bool synchronizer;
};

struct look {
    const struct job_array *threads; /* Thread objects, null for those that have ended */
    struct waiting {
        const struct jrt_thread *thread; /* NULL: not alive */
        int32_t status;
        jref_t lock, owner;
        struct jrt_waits blocked, waited; /* with the time of the present one */
    } * of;
    struct held *held; /* NULL: not wanted */
    uint32_t held_count, held_room;
    uint32_t of_frames; /* the first of them: frames', by object */
    bool held_lost;     /* there was no memory for one of them */
    bool monitors, synchronizers;
    struct jdk_synchronizers synchronizer;
};

static struct jrt_thread *thread_of(const struct job_object *object)
{
    return object != NULL ? (struct jrt_thread *)(uintptr_t)jrt_long(object, JRT_AT(Thread, eetop))
                          : NULL;
}

/* World stopped. */
static void look_at(const struct look *look, struct waiting *waiting)
{
    struct jdk_waiting now;
    jdk_waiting_of(waiting->thread, &look->synchronizer, &now);
    if ((now.status & BLOCKED) != 0 && now.owner == NULL) { /* it gets it just now */
        now.status = RUNNABLE;
        now.lock = NULL;
    }
    waiting->status = now.status | (waiting->thread->suspended != 0 ? SUSPENDED : 0);
    waiting->lock = job_to_ref(now.lock);
    waiting->owner = job_to_ref(now.owner);
    waiting->blocked = waiting->thread->blocked;
    waiting->blocked.ns = jrt_waits_ns(&waiting->blocked);
    waiting->waited = waiting->thread->waited;
    waiting->waited.ns = jrt_waits_ns(&waiting->waited);
}

static void add_held(struct look *look, struct held held)
{
    if (look->held_count == look->held_room) {
        struct held *grown = realloc(look->held, 2 * look->held_room * sizeof *grown);
        if (grown == NULL) {
            look->held_lost = true;
            return;
        }
        look->held = grown;
        look->held_room *= 2;
    }
    held.order = look->held_count;
    look->held[look->held_count++] = held;
}

/* The monitors that frames of a thread hold, newest first. What it waits on it does not hold
 * meanwhile. */
static void add_frames(struct look *look, uint32_t which)
{
    const struct waiting *waiting = &look->of[which];
    struct held held = {.thread = which};
    struct jrt_walk walk;
    for (jrt_walk_start(&walk, waiting->thread); walk.fp != NULL; jrt_walk_next(&walk)) {
        uint32_t count;
        const struct jrt_held *entries = jrt_held_of(waiting->thread, walk.fp, &count);
        bool first = true;
        while (count-- > 0) {
            held.object = entries[count].object;
            if (!first || held.object.word != waiting->lock.word) {
                add_held(look, held);
                first = false;
            }
        }
        held.object = job_to_ref(jrt_exec->locked(walk.fp));
        if (held.object.word != 0 && (!first || held.object.word != waiting->lock.word)) {
            add_held(look, held);
        }
        held.depth++;
    }
}

static int by_object(const void *one, const void *other)
{
    const struct held *a = one;
    const struct held *b = other;
    return a->thread != b->thread
               ? (a->thread < b->thread ? -1 : 1)
               : (a->object.word > b->object.word) - (a->object.word < b->object.word);
}

static void look_at_object(void *argument, struct job_object *object)
{
    struct look *look = argument;
    uint32_t number = look->monitors ? jrt_monitor_owner(object) : 0;
    jref_t owner = {.word = 0};
    if (look->synchronizers && jdk_is_synchronizer(&look->synchronizer, object)) {
        owner = job_to_ref(jrt_ref(object, look->synchronizer.owner_at));
    }
    if (number == 0 && owner.word == 0) {
        return;
    }
    for (int32_t i = 0; i < look->threads->length; i++) {
        const struct jrt_thread *thread = look->of[i].thread;
        struct held held = {.object = job_to_ref(object), .thread = (uint32_t)i, .depth = -1};
        if (thread != NULL && number != 0 && thread->number == number &&
            bsearch(&held, look->held, look->of_frames, sizeof held, by_object) == NULL) {
            add_held(look, held);
        }
        if (thread != NULL && owner.word != 0 && thread->object.word == owner.word) {
            held.synchronizer = true;
            add_held(look, held);
        }
    }
}

/* Of a thread's monitors those of newer frames come first, those of no frame last. */
static int by_depth(const void *one, const void *other)
{
    const struct held *a = one;
    const struct held *b = other;
    uint32_t one_depth = (uint32_t)a->depth;
    uint32_t other_depth = (uint32_t)b->depth;
    return one_depth != other_depth ? (one_depth < other_depth ? -1 : 1)
                                    : (a->order > b->order) - (a->order < b->order);
}

static void look_around(struct look *look)
{
    for (int32_t i = 0; i < look->threads->length; i++) {
        look->of[i].thread =
            thread_of(job_from_ref(((const jref_t *)job_elements(look->threads))[i]));
    }
    for (int32_t i = 0; i < look->threads->length; i++) {
        if (look->of[i].thread != NULL) {
            look_at(look, &look->of[i]);
        }
    }
    for (int32_t i = 0; look->monitors && i < look->threads->length; i++) {
        if (look->of[i].thread != NULL) {
            add_frames(look, (uint32_t)i);
        }
    }
    if (look->held != NULL) {
        look->of_frames = look->held_count;
        qsort(look->held, look->of_frames, sizeof *look->held, by_object);
        jgc_each_object(look_at_object, look);
        qsort(look->held, look->held_count, sizeof *look->held, by_depth);
    }
}

/* Looks at the threads of an array (a handle). What was found is kept by local references from then
 * on. false: an exception is pending. */
static bool take_look(struct jrt_thread *thread, jobject threads, struct look *look)
{
    int32_t count = ((const struct job_array *)jdk_get(threads))->length;
    bool holds = look->monitors || look->synchronizers;
    jdk_synchronizers_find(thread, &look->synchronizer);
    look->of = calloc((size_t)(uint32_t)count + 1, sizeof *look->of);
    look->held_room = HELD_FIRST;
    look->held = holds ? calloc(HELD_FIRST, sizeof *look->held) : NULL;
    if (look->of == NULL || (holds && look->held == NULL)) {
        return jrt_throw_oom(thread, JRT_OOM_HEAP);
    }
    if (holds) { /* the walk sees what a collection has found */
        jgc_collect(&thread->alloc, JGC_SYSTEM);
    }
    jrt_world_stop(thread);
    look->threads = (const struct job_array *)jdk_get(threads);
    look_around(look);
    jrt_world_resume();
    bool good = !look->held_lost;
    for (int32_t i = 0; good && i < count; i++) {
        good = (look->of[i].lock.word == 0 ||
                jrt_local(thread, job_from_ref(look->of[i].lock)) != NULL) &&
               (look->of[i].owner.word == 0 ||
                jrt_local(thread, job_from_ref(look->of[i].owner)) != NULL);
    }
    for (uint32_t i = 0; good && i < look->held_count; i++) {
        good = jrt_local(thread, job_from_ref(look->held[i].object)) != NULL;
    }
    return good || jrt_throw_oom(thread, JRT_OOM_HEAP);
}

static void done(struct look *look)
{
    free(look->of);
    free(look->held);
}

/* ---- ThreadInfo ---- */

/* The first `depth` elements of a trace; all where it is negative. */
static struct job_array *cut_trace(struct jrt_thread *thread, struct job_array *trace, jint depth)
{
    int32_t all = trace != NULL ? trace->length : 0;
    int32_t count = depth < 0 || depth > all ? all : depth;
    if (trace != NULL && count == all) {
        return trace;
    }
    struct job_array *cut = jdk_management_array(thread, "java/lang/StackTraceElement", count);
    for (int32_t i = 0; cut != NULL && i < count; i++) {
        jgc_store(&cut->object, (jref_t *)job_elements(cut) + i,
                  ((const jref_t *)job_elements(trace))[i]);
    }
    return cut;
}

/* What a thread holds of a kind, and, for monitors, at which depths. */
static bool held_arrays(struct jrt_thread *thread, const struct look *look, uint32_t of,
                        bool synchronizers, struct job_array **ret_objects,
                        struct job_array **ret_depths)
{
    int32_t count = 0;
    for (uint32_t i = 0; i < look->held_count; i++) {
        count += look->held[i].thread == of && look->held[i].synchronizer == synchronizers;
    }
    struct job_array *objects = jdk_management_array(thread, "java/lang/Object", count);
    struct job_array *depths =
        objects != NULL ? jrt_new_array(thread, jrt_known.primitive_array[JRT_INT], count) : NULL;
    if (depths == NULL) {
        return false;
    }
    uint32_t at = 0;
    for (uint32_t i = 0; i < look->held_count; i++) {
        const struct held *held = &look->held[i];
        if (held->thread == of && held->synchronizer == synchronizers) {
            jgc_store(&objects->object, (jref_t *)job_elements(objects) + at, held->object);
            ((int32_t *)job_elements(depths))[at++] = held->depth;
        }
    }
    *ret_objects = objects;
    *ret_depths = depths;
    return true;
}

/* Milliseconds; -1: they are not taken. */
static int64_t waits_ms(const struct jrt_waits *waits)
{
    return jrt_waits_timed() ? (int64_t)(waits->ns / 1000000) : -1;
}

static struct job_object *make_info(struct jrt_thread *thread, const struct look *look, uint32_t of,
                                    struct job_object *java_thread, struct job_array *trace)
{
    const struct waiting *waiting = &look->of[of];
    struct job_object *lock = job_from_ref(waiting->lock);
    struct job_object *owner = job_from_ref(waiting->owner);
    int64_t blocks = (int64_t)waiting->blocked.count;
    int64_t waits = (int64_t)waiting->waited.count;
    int64_t blocked_ms = waits_ms(&waiting->blocked);
    int64_t waited_ms = waits_ms(&waiting->waited);
    struct job_array *monitors = NULL;
    struct job_array *depths = NULL;
    struct job_array *synchronizers = NULL;
    struct job_array *unused = NULL;
    if (look->held == NULL) {
        return JDK_CONSTRUCT(thread, THREAD_INFO, INFO_BASE ")V", java_thread, waiting->status,
                             lock, owner, blocks, blocked_ms, waits, waited_ms, &trace->object);
    }
    if (!held_arrays(thread, look, of, false, &monitors, &depths) ||
        !held_arrays(thread, look, of, true, &synchronizers, &unused)) {
        return NULL;
    }
    return JDK_CONSTRUCT(
        thread, THREAD_INFO, INFO_BASE "[Ljava/lang/Object;[I[Ljava/lang/Object;)V", java_thread,
        waiting->status, lock, owner, blocks, blocked_ms, waits, waited_ms, &trace->object,
        &monitors->object, &depths->object, &synchronizers->object);
}

/* Puts a ThreadInfo into `to` (a handle) for each living one of `threads` (a handle); the others
 * stay null. false: an exception is pending. */
static bool fill_infos(JNIEnv *env, jobject threads, jobject to, jint depth, struct look *look)
{
    struct jrt_thread *thread = jdk_thread(env);
    jobject traces = NULL;
    if (depth != 0) { /* of threads that have ended since it has none */
        jrt_to_native(thread);
        traces = JVM_DumpThreads(env, NULL, threads);
        jrt_to_vm(thread);
        if (traces == NULL) {
            return false;
        }
    }
    if (!take_look(thread, threads, look)) {
        return false;
    }
    int32_t count = ((const struct job_array *)jdk_get(threads))->length;
    for (int32_t i = 0; i < count; i++) {
        if (look->of[i].thread == NULL) {
            continue;
        }
        struct job_array *trace = NULL;
        if (traces != NULL) {
            trace = (struct job_array *)job_from_ref(
                ((const jref_t *)job_elements((struct job_array *)jdk_get(traces)))[i]);
        }
        trace = cut_trace(thread, trace, depth);
        struct job_object *java_thread =
            job_from_ref(((const jref_t *)job_elements((struct job_array *)jdk_get(threads)))[i]);
        struct job_object *info =
            trace != NULL ? make_info(thread, look, (uint32_t)i, java_thread, trace) : NULL;
        if (info == NULL) {
            return false;
        }
        struct job_array *array = (struct job_array *)jdk_get(to);
        jgc_store(&array->object, (jref_t *)job_elements(array) + i, job_to_ref(info));
    }
    return true;
}

/* The Thread objects of ids (a handle to long[]), null where there is none; a local reference. In
 * VM. */
static jobject threads_of_ids(struct jrt_thread *thread, jobject ids)
{
    int32_t count = ((const struct job_array *)jdk_get(ids))->length;
    struct job_array *array = jdk_management_array(thread, "java/lang/Thread", count);
    jobject local = array != NULL ? jrt_local(thread, &array->object) : NULL;
    for (int32_t i = 0; local != NULL && i < count; i++) {
        struct sought sought;
        int64_t id = ((const int64_t *)job_elements((struct job_array *)jdk_get(ids)))[i];
        if (id > 0 && find(thread, id, &sought)) {
            array = (struct job_array *)jdk_get(local);
            jgc_store(&array->object, (jref_t *)job_elements(array) + i, sought.object);
        }
    }
    return local;
}

/* What GetThreadInfo is given; false: an exception is pending. */
static bool check_request(struct jrt_thread *thread, jobject ids, jint depth, jobject result)
{
    if (ids == NULL || result == NULL) {
        return jrt_throw_null(thread);
    }
    if (depth < -1) {
        return jrt_throw(thread, JRT_IllegalArgumentException, "Invalid maxDepth");
    }
    const struct jrt_class *class =
        jrt_load_class(thread, jrt_loader_of(thread, NULL), jrt_symbol_of(THREAD_INFO));
    if (class == NULL || !check_ids(thread, ids)) {
        return false;
    }
    const struct job_array *infos = (const struct job_array *)jdk_get(result);
    if (jrt_class_at(jrt_class_of(&infos->object)->element) != class) {
        return jrt_throw(thread, JRT_IllegalArgumentException,
                         "infoArray element type is not ThreadInfo class");
    }
    return infos->length == ((const struct job_array *)jdk_get(ids))->length ||
           jrt_throw(thread, JRT_IllegalArgumentException,
                     "The length of the given ThreadInfo array does not match the length of the "
                     "given array of thread IDs");
}

jint jdk_thread_info(JNIEnv *env, jobject ids, jint depth, jobject result)
{
    struct look look = {.of = NULL};
    JDK_ENTER(env);
    if (check_request(thread, ids, depth, result)) {
        jobject threads = threads_of_ids(thread, ids);
        if (threads != NULL && ((const struct job_array *)jdk_get(threads))->length != 0) {
            (void)fill_infos(env, threads, result, depth, &look);
        }
    }
    done(&look);
    JDK_RETURN((jint)0);
}

/* An array (a handle) without the elements that are null; NULL: an exception is pending. */
static jobject without_holes(struct jrt_thread *thread, jobject infos)
{
    const jref_t *from = job_elements((struct job_array *)jdk_get(infos));
    int32_t all = ((const struct job_array *)jdk_get(infos))->length;
    int32_t count = 0;
    for (int32_t i = 0; i < all; i++) {
        count += from[i].word != 0;
    }
    if (count == all) {
        return infos;
    }
    struct job_array *array = jdk_management_array(thread, THREAD_INFO, count);
    from = job_elements((struct job_array *)jdk_get(infos));
    int32_t at = 0;
    for (int32_t i = 0; array != NULL && i < all; i++) {
        if (from[i].word != 0) {
            jgc_store(&array->object, (jref_t *)job_elements(array) + at++, from[i]);
        }
    }
    return array != NULL ? jrt_local(thread, &array->object) : NULL;
}

jobject jdk_dump_threads(JNIEnv *env, jobject ids, jboolean monitors, jboolean synchronizers,
                         jint depth)
{
    struct look look = {.monitors = monitors != 0, .synchronizers = synchronizers != 0};
    jobject threads = ids == NULL ? JVM_GetAllThreads(env, NULL) : NULL;
    JDK_ENTER(env);
    if (ids != NULL && check_ids(thread, ids)) {
        threads = threads_of_ids(thread, ids);
    }
    int32_t count = threads != NULL ? ((const struct job_array *)jdk_get(threads))->length : 0;
    struct job_array *array =
        threads != NULL ? jdk_management_array(thread, THREAD_INFO, count) : NULL;
    jobject result = array != NULL ? jrt_local(thread, &array->object) : NULL;
    if (result != NULL && count != 0 && !fill_infos(env, threads, result, depth, &look)) {
        result = NULL;
    }
    done(&look);
    if (result != NULL && ids == NULL) { /* of all threads, those that have ended meanwhile */
        result = without_holes(thread, result);
    }
    JDK_RETURN(result);
}

/* ---- deadlocks ---- */

/* The thread that one waits for, as an index; -1: none. */
static int32_t waits_for(const struct look *look, int32_t one, bool monitors_only)
{
    const struct waiting *waiting = &look->of[one];
    if (waiting->thread == NULL || waiting->owner.word == 0 ||
        (monitors_only && jdk_is_synchronizer(&look->synchronizer, job_from_ref(waiting->lock)))) {
        return -1;
    }
    for (int32_t i = 0; i < look->threads->length; i++) {
        if (look->of[i].thread != NULL && look->of[i].thread->object.word == waiting->owner.word) {
            return i;
        }
    }
    return -1;
}

/* Marks threads that wait for each other in a circle; how many. */
static int32_t mark_circles(const struct look *look, bool monitors_only, bool *marks)
{
    int32_t count = look->threads->length;
    int32_t marked = 0;
    for (int32_t i = 0; i < count; i++) {
        int32_t at = i;
        for (int32_t steps = 0; at >= 0 && steps <= count; steps++) {
            at = waits_for(look, at, monitors_only);
            if (at == i) {
                marks[i] = true;
                marked++;
                break;
            }
        }
    }
    return marked;
}

static jobject circles(JNIEnv *env, bool monitors_only)
{
    struct look look = {.of = NULL};
    jobject threads = JVM_GetAllThreads(env, NULL);
    jobject result = NULL;
    JDK_ENTER(env);
    if (threads != NULL && take_look(thread, threads, &look)) {
        look.threads = (const struct job_array *)jdk_get(threads);
        int32_t count = look.threads->length;
        bool *marks = calloc((size_t)(uint32_t)count + 1, sizeof *marks);
        int32_t marked = marks != NULL ? mark_circles(&look, monitors_only, marks) : 0;
        struct job_array *array =
            marked != 0 ? jdk_management_array(thread, "java/lang/Thread", marked) : NULL;
        const jref_t *from = job_elements((struct job_array *)jdk_get(threads));
        int32_t at = 0;
        for (int32_t i = 0; array != NULL && i < count; i++) {
            if (marks[i]) {
                jgc_store(&array->object, (jref_t *)job_elements(array) + at++, from[i]);
            }
        }
        result = array != NULL ? jrt_local(thread, &array->object) : NULL;
        free(marks);
    }
    done(&look);
    JDK_RETURN(result);
}

jobject jdk_circular_threads(JNIEnv *env)
{
    return circles(env, true);
}

jobject jdk_deadlocked_threads(JNIEnv *env, jboolean monitors_only)
{
    return circles(env, monitors_only != 0);
}
