/*
 * Threads: who there are, their stacks, how the world is stopped. See jrt_thread.h.
 *
 * Stopping. Whoever stops the world holds `stopper`, sets `stopping` and every thread's poll, and
 * waits until each other thread is in native state: threads in Java and VM code come to a poll and
 * go there, threads that come back from native code see `stopping` and stay. Both sides write their
 * word and then read the other's (sequentially consistent), so one of them sees the other. Thread
 * structures are never given back to the C library, only used again: waking one that has ended is
 * harmless.
 *
 * Locks, in this order: stopper, threads.
 */
#include "jvm/runtime/jrt_thread.h"
#include "jvm/object/job_lock.h"

#include <stdlib.h>
#include <string.h>

#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_handle.h"
#include "jvm/runtime/jrt_held.h"
#include "jvm/runtime/jrt_throw.h"
#include "jvm/runtime/jrt_vm.h"
#include "os/os_memory.h"
#include "os/os_thread.h"
#include "os/os_time.h"

enum {
    NATIVE_RESERVE = 128 << 10, /* of the native stack, for C and libraries that are entered at the
                                   limit; at most half of it */
    JAVA_RESERVE_SLOTS = 256,   /* of the Java stack, for handling the overflow itself */
    STOP_WAIT_NS = 100000 /* between looks at a thread that may have gone to native code unseen */
};

static pthread_mutex_t stopper = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t threads_lock = PTHREAD_MUTEX_INITIALIZER;
static struct jrt_thread *living; /* [threads] */
static struct jrt_thread *unused; /* [threads] ended, to be used again */
static uint32_t last_number;      /* [threads] */
static uint32_t living_count;     /* [threads] */
static uint32_t peak_count;       /* [threads] */
static uint64_t started_count;    /* [threads] */
static uint32_t not_daemon_count; /* [threads] */
static uint32_t ends;     /* [a] changes when a thread ends: what jrt_threads_wait_alone waits on */
static uint32_t stopping; /* [a] 1: the world is being stopped or is */
static uint32_t stopped_changed;      /* [a] changes when a thread stops at a poll */
static struct jrt_thread *stop_owner; /* [stopper] */

static __thread struct jrt_thread *current __attribute__((tls_model("initial-exec")));

struct jrt_thread *jrt_current(void)
{
    return current;
}

static void wait_while_stopped(struct jrt_thread *thread)
{
    for (;;) {
        __atomic_store_n(&thread->state, JRT_IN_NATIVE, __ATOMIC_SEQ_CST);
        __atomic_add_fetch(&stopped_changed, 1, __ATOMIC_SEQ_CST);
        os_futex_wake(&stopped_changed, 1);
        while (__atomic_load_n(&stopping, __ATOMIC_SEQ_CST) != 0) {
            os_futex_wait(&stopping, 1);
        }
        __atomic_store_n(&thread->state, JRT_IN_VM, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&stopping, __ATOMIC_SEQ_CST) == 0) {
            return;
        }
    }
}

void jrt_to_vm(struct jrt_thread *thread)
{
    __atomic_store_n(&thread->state, JRT_IN_VM, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&stopping, __ATOMIC_SEQ_CST) != 0 &&
        __atomic_load_n(&stop_owner, __ATOMIC_RELAXED) != thread) {
        wait_while_stopped(thread);
    }
}

static void take_async_exception(struct jrt_thread *thread)
{
    pthread_mutex_lock(&threads_lock);
    jref_t exception = thread->async_exception;
    thread->async_exception.word = 0;
    pthread_mutex_unlock(&threads_lock);
    if (exception.word != 0) {
        thread->exception = exception;
    }
}

static void wait_while_suspended(struct jrt_thread *thread)
{
    jrt_to_native(thread);
    __atomic_add_fetch(&stopped_changed, 1, __ATOMIC_SEQ_CST);
    os_futex_wake(&stopped_changed, UINT32_MAX);
    while (__atomic_load_n(&thread->suspended, __ATOMIC_SEQ_CST) != 0) {
        os_futex_wait(&thread->suspended, 1);
    }
    jrt_to_vm(thread);
}

ST_NOINLINE void jrt_poll(struct jrt_thread *thread)
{
    uint32_t state = thread->state;
    __atomic_store_n(&thread->poll, 0, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&thread->suspended, __ATOMIC_SEQ_CST) != 0 &&
        __atomic_load_n(&stop_owner, __ATOMIC_RELAXED) != thread) {
        wait_while_suspended(thread);
        __atomic_store_n(&thread->state, state, __ATOMIC_RELEASE);
    }
    if (__atomic_load_n(&stopping, __ATOMIC_SEQ_CST) != 0 &&
        __atomic_load_n(&stop_owner, __ATOMIC_RELAXED) != thread) {
        jrt_note_native_state(thread);
        wait_while_stopped(thread);
        __atomic_store_n(&thread->state, state, __ATOMIC_RELEASE);
    }
    if (thread->async_exception.word != 0) {
        take_async_exception(thread);
    }
}

void jrt_thread_throw_into(struct jrt_thread *target, const struct job_object *exception)
{
    pthread_mutex_lock(&threads_lock);
    if (target->living) {
        target->async_exception = job_to_ref(exception);
        jrt_thread_ask(target);
    }
    pthread_mutex_unlock(&threads_lock);
}

void jrt_thread_ask(struct jrt_thread *thread)
{
    __atomic_store_n(&thread->poll, 1, __ATOMIC_SEQ_CST);
}

void jrt_thread_suspend(struct jrt_thread *thread, struct jrt_thread *target)
{
    __atomic_store_n(&target->suspended, 1, __ATOMIC_SEQ_CST);
    jrt_thread_ask(target);
    if (target == thread) {
        return;
    }
    /* In native state it polls when it comes back. */
    jrt_to_native(thread);
    while (target->living && __atomic_load_n(&target->suspended, __ATOMIC_SEQ_CST) != 0 &&
           __atomic_load_n(&target->state, __ATOMIC_SEQ_CST) != JRT_IN_NATIVE) {
        uint32_t seen = __atomic_load_n(&stopped_changed, __ATOMIC_SEQ_CST);
        jrt_thread_ask(target);
        os_futex_wait_until(&stopped_changed, seen, false,
                            (int64_t)os_monotonic_ns() + STOP_WAIT_NS);
    }
    jrt_to_vm(thread);
}

void jrt_thread_resume(struct jrt_thread *target)
{
    __atomic_store_n(&target->suspended, 0, __ATOMIC_SEQ_CST);
    os_futex_wake(&target->suspended, 1);
}

/* Waits until every other thread is in native state. [stopper] */
static void wait_for_stops(struct jrt_thread *thread)
{
    pthread_mutex_lock(&threads_lock);
    struct jrt_thread *other = living;
    pthread_mutex_unlock(&threads_lock);
    /* Nobody leaves the list while `stopper` is held, and who joins it is in native state. */
    for (; other != NULL; other = other->next) {
        while (other != thread &&
               __atomic_load_n(&other->state, __ATOMIC_SEQ_CST) != JRT_IN_NATIVE) {
            uint32_t seen = __atomic_load_n(&stopped_changed, __ATOMIC_SEQ_CST);
            jrt_thread_ask(other);
            if (__atomic_load_n(&other->state, __ATOMIC_SEQ_CST) != JRT_IN_NATIVE) {
                os_futex_wait_until(&stopped_changed, seen, false,
                                    (int64_t)os_monotonic_ns() + STOP_WAIT_NS);
            }
        }
    }
}

void jrt_world_stop(struct jrt_thread *thread)
{
    jrt_to_native(thread);
    pthread_mutex_lock(&stopper);
    __atomic_store_n(&stop_owner, thread, __ATOMIC_SEQ_CST);
    __atomic_store_n(&stopping, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&thread->state, JRT_IN_VM, __ATOMIC_SEQ_CST);
    wait_for_stops(thread);
}

void jrt_world_resume(void)
{
    __atomic_store_n(&stop_owner, NULL, __ATOMIC_SEQ_CST);
    __atomic_store_n(&stopping, 0, __ATOMIC_SEQ_CST);
    os_futex_wake(&stopping, UINT32_MAX);
    pthread_mutex_unlock(&stopper);
}

void jrt_stop_world(struct jrt_thread *thread, void (*action)(void *argument), void *argument)
{
    jrt_world_stop(thread);
    action(argument);
    jrt_world_resume();
}

bool jrt_world_stopped(void)
{
    return current != NULL && __atomic_load_n(&stop_owner, __ATOMIC_RELAXED) == current;
}

static void visit_frames(struct jrt_thread *thread, struct jgc_visitor *visitor)
{
    bool called = false;
    for (union jrt_slot *fp = thread->top; fp != NULL;) {
        const struct jrt_frame *frame = jrt_frame_of(fp);
        /* A class lives while its code runs. */
        struct jrt_class *class = jrt_class_at(jrt_method_at(frame->method)->class_at);
        jgc_visit_slot(visitor, &class->object.mirror);
        jrt_exec->scan_frame(visitor, fp, called);
        called = (frame->flags & JRT_FRAME_ENTRY) == 0;
        fp = frame->caller != 0 ? thread->stack + frame->caller : NULL;
    }
}

void jrt_threads_roots(struct jgc_visitor *visitor)
{
    if (current != NULL) {
        jrt_note_native_state(current);
    }
    pthread_mutex_lock(&threads_lock);
    for (struct jrt_thread *thread = living; thread != NULL; thread = thread->next) {
        jgc_visit_slot(visitor, &thread->object);
        jgc_visit_slot(visitor, &thread->exception);
        jgc_visit_slot(visitor, &thread->async_exception);
        jrt_locals_visit(thread, visitor);
        jrt_critical_visit(thread, visitor);
        jrt_held_visit(thread, visitor);
        visit_frames(thread, visitor);
        if (thread->native_stopped != NULL) {
            jgc_scan_words(visitor, thread->saved_registers, thread->saved_registers + 6);
            jgc_scan_words(visitor, thread->native_stopped, thread->native_base);
        }
    }
    pthread_mutex_unlock(&threads_lock);
}

static struct jrt_thread *take_structure(void)
{
    pthread_mutex_lock(&threads_lock);
    struct jrt_thread *thread = unused;
    if (thread != NULL) {
        unused = thread->next;
    }
    uint32_t number = thread != NULL ? thread->number : 0;
    if (thread == NULL && last_number < JOB_LOCK_OWNER_MAX) {
        number = ++last_number;
    }
    pthread_mutex_unlock(&threads_lock);
    if (thread == NULL && number != 0) {
        thread = calloc(1, sizeof *thread);
        if (thread != NULL) {
            thread->number = number;
        }
    }
    return thread;
}

static void give_structure(struct jrt_thread *thread)
{
    memset(thread, 0, offsetof(struct jrt_thread, number));
    pthread_mutex_lock(&threads_lock);
    thread->next = unused;
    unused = thread;
    pthread_mutex_unlock(&threads_lock);
}

static int map_java_stack(struct jrt_thread *thread, size_t bytes)
{
    void *memory;
    int r = os_mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, &memory);
    if (r >= 0) {
        thread->stack = memory;
        thread->stack_bytes = bytes;
        thread->stack_limit = thread->stack + bytes / sizeof(union jrt_slot) - JAVA_RESERVE_SLOTS;
    }
    return r;
}

/* Where a thread's sequence of identity hashes begins: another place for each thread that there
 * ever was, and the same in each run. A program that walks a set in the order of its hashes gives
 * the same output each time, as on HotSpot. Never 0. */
static uint64_t first_hash_seed(void)
{
    static uint64_t threads; /* [a] */
    uint64_t seed = __atomic_add_fetch(&threads, 1, __ATOMIC_RELAXED) * 0x9e3779b97f4a7c15u;
    seed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9u;
    seed = (seed ^ (seed >> 27)) * 0x94d049bb133111ebu;
    return seed ^ (seed >> 31);
}

static int fill_in(struct jrt_thread *thread, size_t stack_bytes)
{
    char *low;
    int r = os_thread_stack(&low, &thread->native_base);
    if (r >= 0) {
        r = map_java_stack(thread, stack_bytes);
    }
    if (r < 0) {
        return r;
    }
    thread->jni = jrt_options.jni;
    thread->native_limit =
        low + ST_MIN((size_t)NATIVE_RESERVE, (size_t)(thread->native_base - low) / 2);
    thread->os_id = os_thread_id();
    thread->hash_seed = first_hash_seed();
    thread->locals = jrt_locals_new();
    if (thread->locals == NULL) {
        (void)os_munmap(thread->stack, thread->stack_bytes);
        return -ST_ENOMEM;
    }
    return 0;
}

struct jrt_thread *jrt_thread_attach(struct st_err *err)
{
    return jrt_thread_attach_sized(jrt_options.java_stack_bytes, err);
}

struct jrt_thread *jrt_thread_attach_sized(size_t stack_bytes, struct st_err *err)
{
    struct jrt_thread *thread = take_structure();
    if (thread == NULL) {
        (void)st_fail(err, ST_ENOMEM, "no memory for another thread");
        return NULL;
    }
    int r = fill_in(thread, stack_bytes);
    if (r < 0) {
        (void)st_fail_os(err, r, "making a thread's stacks");
        give_structure(thread);
        return NULL;
    }
    jgc_local_init(&thread->alloc);
    thread->state = JRT_IN_NATIVE;
    pthread_mutex_lock(&threads_lock);
    thread->living = true;
    thread->next = living;
    living = thread;
    living_count++;
    started_count++;
    peak_count = ST_MAX(peak_count, living_count);
    not_daemon_count++;
    pthread_mutex_unlock(&threads_lock);
    current = thread;
    jrt_to_vm(thread);
    return thread;
}

void jrt_thread_set_daemon(struct jrt_thread *thread, bool daemon)
{
    pthread_mutex_lock(&threads_lock);
    if (thread->daemon != daemon) {
        thread->daemon = daemon;
        not_daemon_count += daemon ? (uint32_t)-1 : 1;
    }
    pthread_mutex_unlock(&threads_lock);
}

void jrt_thread_detach(struct jrt_thread *thread)
{
    jgc_local_done(&thread->alloc);
    jrt_locals_free(thread);
    free(thread->critical);
    free(thread->held);
    /* Its references are gone; from here a collection need not wait for it, nor may it find it half
     * taken out. */
    thread->critical_count = 0;
    thread->held_count = 0;
    thread->top = NULL;
    thread->object.word = 0;
    thread->exception.word = 0;
    thread->native_stopped = NULL;
    __atomic_store_n(&thread->state, JRT_IN_NATIVE, __ATOMIC_SEQ_CST);
    pthread_mutex_lock(&stopper); /* no root walk is under way */
    pthread_mutex_lock(&threads_lock);
    struct jrt_thread **link = &living;
    while (*link != thread) {
        link = &(*link)->next;
    }
    *link = thread->next;
    thread->living = false;
    living_count--;
    not_daemon_count -= thread->daemon ? 0 : 1;
    pthread_mutex_unlock(&threads_lock);
    pthread_mutex_unlock(&stopper);
    current = NULL;
    (void)os_munmap(thread->stack, thread->stack_bytes);
    give_structure(thread);
    __atomic_add_fetch(&ends, 1, __ATOMIC_SEQ_CST);
    os_futex_wake(&ends, UINT32_MAX);
}

void jrt_thread_counts(uint32_t *ret_living, uint32_t *ret_not_daemons)
{
    pthread_mutex_lock(&threads_lock);
    *ret_living = living_count;
    *ret_not_daemons = not_daemon_count;
    pthread_mutex_unlock(&threads_lock);
}

void jrt_thread_numbers(struct jrt_thread_numbers *ret_numbers)
{
    pthread_mutex_lock(&threads_lock);
    *ret_numbers = (struct jrt_thread_numbers){.living = living_count,
                                               .not_daemons = not_daemon_count,
                                               .peak = peak_count,
                                               .started = started_count};
    pthread_mutex_unlock(&threads_lock);
}

void jrt_thread_reset_peak(void)
{
    pthread_mutex_lock(&threads_lock);
    peak_count = living_count;
    pthread_mutex_unlock(&threads_lock);
}

void jrt_threads_wait_alone(struct jrt_thread *thread)
{
    jrt_to_native(thread);
    for (;;) {
        uint32_t seen = __atomic_load_n(&ends, __ATOMIC_SEQ_CST);
        uint32_t all;
        uint32_t others;
        jrt_thread_counts(&all, &others);
        if (others <= (thread->daemon ? 0u : 1u)) {
            break;
        }
        os_futex_wait(&ends, seen);
    }
    jrt_to_vm(thread);
}

void jrt_threads_each(void (*visit)(struct jrt_thread *thread, void *argument), void *argument)
{
    pthread_mutex_lock(&threads_lock);
    for (struct jrt_thread *thread = living; thread != NULL; thread = thread->next) {
        visit(thread, argument);
    }
    pthread_mutex_unlock(&threads_lock);
}
