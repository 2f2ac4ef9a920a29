/*
 * Monitors: see jrt_monitor.h.
 *
 * An inflated monitor's `owner` word is a futex: 0 free, the owner's number, CONTENDED besides if
 * somebody may sleep on it. Waiters of Object.wait stand in a list that only the owner changes;
 * each sleeps on its thread's `wake` word until its entry says notified, the time is over or the
 * thread is interrupted. Before it sleeps it spins, for as long as that has been of use to its
 * thread: threads that hand each other work do so faster than a sleeper is woken. Who is parked
 * does not spin: its lock is in Java code, which spins where it is of use.
 *
 * A monitor stays bound to its object until the world is stopped, and `users` counts threads that
 * are on their way into it, so an index read from a header stays good for a thread that is not
 * stopped: between reading and using it there is no poll.
 */
#include "jvm/runtime/jrt_monitor.h"

#include "jvm/object/job_lock.h"

#include <sched.h>
#include <stdlib.h>

#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_throw.h"
#include "jvm/runtime/jrt_vm.h"
#include "os/os_thread.h"
#include "os/os_time.h"

enum {
    CONTENDED = 1u << 31,
    CHUNK_BITS = 8,
    CHUNK = 1 << CHUNK_BITS,
    CHUNKS = 1 << 16,  /* 16 million monitors */
    SPINS = 40,        /* of one who enters */
    SPINS_LEAST = 64,  /* of one who waits, and where it begins */
    SPINS_MOST = 1024, /* some 15 us */
};

struct waiter {
    struct waiter *next;
    struct jrt_thread *thread;
    uint32_t notified; /* [a] */
    uint32_t blocked;  /* [a] it is counted as blocked by the monitor */
};

struct monitor {
    uint32_t owner; /* [a] */
    uint32_t depth; /* [owner] enters beyond the first */
    uint32_t users; /* [a] threads that enter or wait */
    uint32_t hash;  /* [a] 0: none yet */
    jref_t object;  /* [table] weak; 0: unused */
    uint32_t next_unused;
    struct waiter *waiters;  /* [owner] in the order they came */
    struct waiter *notified; /* [owner] those to wake when the monitor is released */
};

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static struct monitor *chunks[CHUNKS]; /* [a] each set once */
static uint32_t made;                  /* [table] monitors ever made */
static uint32_t unused;                /* [table] index + 1 of the first unused one */

/* Thread.threadStatus: what java.lang.Thread.State is read from (jvm-interface.md 8.3). */
enum {
    STATUS_RUNNABLE = 0x5,
    STATUS_SLEEPING = 0xE1,
    STATUS_WAITING = 0x191,
    STATUS_WAITING_TIMED = 0x1A1,
    STATUS_PARKED = 0x291,
    STATUS_PARKED_TIMED = 0x2A1,
    STATUS_BLOCKED = 0x401
};

static void set_status(struct jrt_thread *thread, int32_t status)
{
    if (thread->object.word != 0) {
        jrt_set_int(job_from_ref(thread->object), JRT_AT(Thread, threadStatus), status);
    }
}

static struct monitor *monitor_at(uint32_t index)
{
    return &__atomic_load_n(&chunks[index >> CHUNK_BITS], __ATOMIC_ACQUIRE)[index & (CHUNK - 1)];
}

static uint32_t inflated_word(uint32_t index)
{
    return index << JOB_LOCK_TAG_BITS | JOB_LOCK_INFLATED;
}

static uint32_t index_of(uint32_t word)
{
    return word >> JOB_LOCK_TAG_BITS;
}

/* A monitor that nobody knows yet, zeroed; false: no memory. */
static bool take_monitor(uint32_t *ret_index)
{
    bool found = false;
    pthread_mutex_lock(&table_lock);
    if (unused != 0) {
        *ret_index = unused - 1;
        unused = monitor_at(*ret_index)->next_unused;
        found = true;
    } else if (made < (uint32_t)CHUNK * CHUNKS) {
        struct monitor **chunk = &chunks[made >> CHUNK_BITS];
        if (*chunk == NULL) {
            struct monitor *memory = calloc(CHUNK, sizeof *memory);
            __atomic_store_n(chunk, memory, __ATOMIC_RELEASE);
        }
        found = *chunk != NULL;
        if (found) {
            *ret_index = made++;
        }
    }
    pthread_mutex_unlock(&table_lock);
    return found;
}

static void give_monitor(uint32_t index)
{
    pthread_mutex_lock(&table_lock);
    *monitor_at(index) = (struct monitor){.next_unused = unused};
    unused = index + 1;
    pthread_mutex_unlock(&table_lock);
}

/* The object's monitor; what its header said of owner, depth and hash is in it. NULL: no memory. */
static struct monitor *inflate(struct job_object *object)
{
    uint32_t index = 0;
    bool have = false;
    for (;;) {
        uint32_t word = __atomic_load_n(&object->lock, __ATOMIC_ACQUIRE);
        if (job_lock_tag(word) == JOB_LOCK_INFLATED) {
            if (have) {
                give_monitor(index);
            }
            return monitor_at(index_of(word));
        }
        if (!have && !take_monitor(&index)) {
            return NULL;
        }
        have = true;
        struct monitor *monitor = monitor_at(index);
        bool thin = job_lock_tag(word) == JOB_LOCK_THIN;
        monitor->object = job_to_ref(object);
        monitor->owner = thin ? word >> JOB_LOCK_OWNER_AT : 0;
        monitor->depth = thin ? (word & JOB_LOCK_DEPTH_MASK) >> JOB_LOCK_DEPTH_AT : 0;
        monitor->hash = thin ? 0 : word >> JOB_LOCK_TAG_BITS;
        if (__atomic_compare_exchange_n(&object->lock, &word, inflated_word(index), false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            return monitor;
        }
    }
}

static bool try_owner(struct monitor *monitor, uint32_t value)
{
    uint32_t expected = 0;
    return __atomic_compare_exchange_n(&monitor->owner, &expected, value, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

/* Whoever notifies a waiter has it blocked, or it does so itself when its time is over. */
static void count_blocked(struct jrt_thread *thread, struct waiter *waiter)
{
    if (waiter == NULL || __atomic_exchange_n(&waiter->blocked, 1, __ATOMIC_RELAXED) == 0) {
        jrt_wait_begin(&thread->blocked);
    }
}

/* Sleeps in native state until the monitor is the thread's, which may have been a waiter. */
static void enter_contended(struct jrt_thread *thread, struct monitor *monitor,
                            struct waiter *waiter)
{
    for (int i = 0; i < SPINS; i++) {
        if (try_owner(monitor, thread->number)) {
            return;
        }
        __builtin_ia32_pause();
    }
    count_blocked(thread, waiter);
    jrt_to_native(thread);
    for (;;) {
        uint32_t owner = __atomic_load_n(&monitor->owner, __ATOMIC_RELAXED);
        if (owner == 0) {
            if (try_owner(monitor, thread->number | CONTENDED)) {
                break;
            }
        } else if ((owner & CONTENDED) != 0 ||
                   __atomic_compare_exchange_n(&monitor->owner, &owner, owner | CONTENDED, false,
                                               __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
            os_futex_wait(&monitor->owner, owner | CONTENDED);
        }
    }
    jrt_to_vm(thread);
}

static void wake(struct jrt_thread *thread)
{
    __atomic_add_fetch(&thread->wake, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&thread->asleep, __ATOMIC_SEQ_CST)) {
        os_futex_wake(&thread->wake, 1);
    }
}

/* Wakes who was notified, the first when the monitor is free: sooner it would only sleep again. A
 * waiter is gone once the monitor is free; its thread's `wake` is not. */
static void release(struct monitor *monitor)
{
    struct jrt_thread *first = NULL;
    if (monitor->notified != NULL) {
        first = monitor->notified->thread;
        for (struct waiter *other = monitor->notified->next; other != NULL; other = other->next) {
            wake(other->thread);
        }
        monitor->notified = NULL;
    }
    uint32_t before = __atomic_exchange_n(&monitor->owner, 0, __ATOMIC_RELEASE);
    if ((before & CONTENDED) != 0) {
        os_futex_wake(&monitor->owner, 1);
    }
    if (first != NULL) {
        wake(first);
    }
}

static bool owns(const struct jrt_thread *thread, const struct monitor *monitor)
{
    return (__atomic_load_n(&monitor->owner, __ATOMIC_RELAXED) & ~(uint32_t)CONTENDED) ==
           thread->number;
}

static bool enter_monitor(struct jrt_thread *thread, struct job_object *object)
{
    struct monitor *monitor = inflate(object);
    if (monitor == NULL) {
        return jrt_throw_oom(thread, JRT_OOM_HEAP);
    }
    if (owns(thread, monitor)) {
        monitor->depth++;
        return true;
    }
    if (try_owner(monitor, thread->number)) {
        return true;
    }
    __atomic_add_fetch(&monitor->users, 1, __ATOMIC_ACQ_REL);
    uint32_t state = thread->state;
    thread->waits_for = index_of(object->lock) + 1;
    set_status(thread, STATUS_BLOCKED);
    enter_contended(thread, monitor, NULL);
    jrt_wait_end(&thread->blocked);
    set_status(thread, STATUS_RUNNABLE);
    thread->waits_for = 0;
    __atomic_store_n(&thread->state, state, __ATOMIC_RELEASE);
    __atomic_sub_fetch(&monitor->users, 1, __ATOMIC_ACQ_REL);
    return true;
}

bool jrt_monitor_enter(struct jrt_thread *thread, struct job_object *object)
{
    uint32_t word = __atomic_load_n(&object->lock, __ATOMIC_RELAXED);
    uint32_t mine = thread->number << JOB_LOCK_OWNER_AT | JOB_LOCK_THIN;
    if (word == JOB_LOCK_FREE) {
        if (__atomic_compare_exchange_n(&object->lock, &word, mine, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
            return true;
        }
    }
    if ((word & ~(uint32_t)JOB_LOCK_DEPTH_MASK) == mine &&
        (word & JOB_LOCK_DEPTH_MASK) != JOB_LOCK_DEPTH_MASK) {
        uint32_t deeper = word + JOB_LOCK_DEPTH_ONE;
        if (__atomic_compare_exchange_n(&object->lock, &word, deeper, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED)) {
            return true;
        }
    }
    return enter_monitor(thread, object);
}

static bool not_owner(struct jrt_thread *thread)
{
    return jrt_throw(thread, JRT_IllegalMonitorStateException, "current thread is not owner");
}

bool jrt_monitor_exit(struct jrt_thread *thread, struct job_object *object)
{
    uint32_t word = __atomic_load_n(&object->lock, __ATOMIC_RELAXED);
    uint32_t mine = thread->number << JOB_LOCK_OWNER_AT | JOB_LOCK_THIN;
    /* Only inflation by another thread can come between. */
    while ((word & ~(uint32_t)JOB_LOCK_DEPTH_MASK) == mine) {
        uint32_t left = word == mine ? JOB_LOCK_FREE : word - JOB_LOCK_DEPTH_ONE;
        if (__atomic_compare_exchange_n(&object->lock, &word, left, false, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED)) {
            return true;
        }
    }
    if (job_lock_tag(word) != JOB_LOCK_INFLATED) {
        return not_owner(thread);
    }
    struct monitor *monitor = monitor_at(index_of(word));
    if (!owns(thread, monitor)) {
        return not_owner(thread);
    }
    if (monitor->depth != 0) {
        monitor->depth--;
    } else {
        release(monitor);
    }
    return true;
}

bool jrt_monitor_enter_native(struct jrt_thread *thread, struct job_object *object)
{
    if (!enter_monitor(thread, object)) { /* inflated, so that it can be found */
        return false;
    }
    thread->native_locks++;
    return true;
}

bool jrt_monitor_exit_native(struct jrt_thread *thread, struct job_object *object)
{
    if (!jrt_monitor_exit(thread, object)) {
        return false;
    }
    thread->native_locks -= thread->native_locks != 0;
    return true;
}

void jrt_monitors_release(struct jrt_thread *thread)
{
    if (thread->native_locks == 0) {
        return;
    }
    pthread_mutex_lock(&table_lock);
    uint32_t count = made;
    pthread_mutex_unlock(&table_lock);
    for (uint32_t i = 0; i < count; i++) {
        struct monitor *monitor = monitor_at(i);
        if (owns(thread, monitor)) {
            monitor->depth = 0;
            release(monitor);
        }
    }
    thread->native_locks = 0;
}

uint32_t jrt_monitor_owner(const struct job_object *object)
{
    uint32_t word = __atomic_load_n(&object->lock, __ATOMIC_ACQUIRE);
    switch (job_lock_tag(word)) {
    case JOB_LOCK_THIN:
        return word >> JOB_LOCK_OWNER_AT;
    case JOB_LOCK_INFLATED:
        return __atomic_load_n(&monitor_at(index_of(word))->owner, __ATOMIC_RELAXED) &
               ~(uint32_t)CONTENDED;
    case JOB_LOCK_FREE:
    case JOB_LOCK_FORWARDED:
        break;
    }
    return 0;
}

bool jrt_monitor_owned(struct jrt_thread *thread, struct job_object *object)
{
    return jrt_monitor_owner(object) == thread->number;
}

/* A fresh hash of 30 bits, not 0: xorshift, a thread its own sequence. */
static uint32_t next_hash(struct jrt_thread *thread)
{
    uint32_t hash;
    do {
        thread->hash_seed ^= thread->hash_seed << 13;
        thread->hash_seed ^= thread->hash_seed >> 7;
        thread->hash_seed ^= thread->hash_seed << 17;
        hash = (uint32_t)(thread->hash_seed >> 17) & JOB_HASH_MAX;
    } while (hash == 0);
    return hash;
}

int32_t jrt_identity_hash(struct jrt_thread *thread, struct job_object *object)
{
    uint32_t word = __atomic_load_n(&object->lock, __ATOMIC_RELAXED);
    uint32_t hash;
    if (word == JOB_LOCK_FREE) {
        hash = next_hash(thread);
        if (__atomic_compare_exchange_n(&object->lock, &word, hash << JOB_LOCK_TAG_BITS, false,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
            return (int32_t)hash;
        }
    }
    if (job_lock_tag(word) == JOB_LOCK_FREE) {
        return (int32_t)(word >> JOB_LOCK_TAG_BITS);
    }
    struct monitor *monitor = inflate(object);
    if (monitor == NULL) {
        /* No memory for a monitor: the hash of a locked object must wait until it is unlocked. */
        sched_yield();
        jrt_poll(thread);
        return jrt_identity_hash(thread, object);
    }
    hash = __atomic_load_n(&monitor->hash, __ATOMIC_RELAXED);
    if (hash == 0) {
        uint32_t fresh = next_hash(thread);
        hash = __atomic_compare_exchange_n(&monitor->hash, &hash, fresh, false, __ATOMIC_RELAXED,
                                           __ATOMIC_RELAXED)
                   ? fresh
                   : hash;
    }
    return (int32_t)hash;
}

static bool interrupted(const struct jrt_thread *thread)
{
    return thread->object.word != 0 &&
           jrt_byte(job_from_ref(thread->object), JRT_AT(Thread, interrupted)) != 0;
}

/* Takes the interrupt away and throws InterruptedException. */
static bool throw_interrupted(struct jrt_thread *thread, const char *message)
{
    jrt_set_byte(job_from_ref(thread->object), JRT_AT(Thread, interrupted), 0);
    if (message == NULL) {
        return jrt_throw_class(thread, jrt_known_class(thread, JRT_InterruptedException), NULL);
    }
    return jrt_throw(thread, JRT_InterruptedException, "%s", message);
}

/* Now plus a time that may be huge. */
static int64_t deadline_after(int64_t nanoseconds)
{
    int64_t now = (int64_t)os_monotonic_ns();
    return nanoseconds > INT64_MAX - now ? INT64_MAX : now + nanoseconds;
}

static int64_t milliseconds_ns(int64_t milliseconds)
{
    return milliseconds > INT64_MAX / 1000000 ? INT64_MAX : milliseconds * 1000000;
}

/* One sleep on the thread's word, in native state, with `seen` read before what is waited for was
 * checked. */
static void sleep_once(struct jrt_thread *thread, uint32_t seen, bool realtime, int64_t deadline)
{
    uint32_t state = thread->state;
    jrt_to_native(thread);
    __atomic_store_n(&thread->asleep, 1, __ATOMIC_SEQ_CST);
    if (deadline == INT64_MAX) {
        os_futex_wait(&thread->wake, seen);
    } else {
        os_futex_wait_until(&thread->wake, seen, realtime, deadline);
    }
    __atomic_store_n(&thread->asleep, 0, __ATOMIC_RELAXED);
    jrt_to_vm(thread);
    __atomic_store_n(&thread->state, state, __ATOMIC_RELEASE);
}

static void add_waiter(struct monitor *monitor, struct waiter *waiter)
{
    struct waiter **link = &monitor->waiters;
    while (*link != NULL) {
        link = &(*link)->next;
    }
    *link = waiter;
}

static void remove_waiter(struct monitor *monitor, struct waiter *waiter)
{
    for (struct waiter **link = &monitor->waiters; *link != NULL; link = &(*link)->next) {
        if (*link == waiter) {
            *link = waiter->next;
            return;
        }
    }
}

/* Whether the thread was woken while it spun, in VM: the world waits that long for it. */
static bool spin(struct jrt_thread *thread, uint32_t seen)
{
    uint32_t spins = ST_MAX(thread->spins, (uint32_t)SPINS_LEAST);
    if (jrt_options.processors < 2) {
        return false;
    }
    for (uint32_t i = 0; i < spins; i++) {
        if (__atomic_load_n(&thread->wake, __ATOMIC_ACQUIRE) != seen) {
            thread->spins = ST_MIN(spins * 2, (uint32_t)SPINS_MOST);
            return true;
        }
        __builtin_ia32_pause();
    }
    thread->spins = spins / 2;
    return false;
}

/* Until notified, the deadline or an interrupt. */
static void wait_for_notify(struct jrt_thread *thread, const struct waiter *waiter,
                            int64_t deadline)
{
    for (;;) {
        uint32_t seen = __atomic_load_n(&thread->wake, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&waiter->notified, __ATOMIC_ACQUIRE) || interrupted(thread) ||
            (deadline != INT64_MAX && (int64_t)os_monotonic_ns() >= deadline)) {
            return;
        }
        if (!spin(thread, seen)) {
            sleep_once(thread, seen, false, deadline);
        }
    }
}

static bool wait_on(struct jrt_thread *thread, struct job_object *object, int64_t milliseconds)
{
    if (milliseconds < 0) {
        return jrt_throw(thread, JRT_IllegalArgumentException, "timeout value is negative");
    }
    if (!jrt_monitor_owned(thread, object)) {
        return not_owner(thread);
    }
    if (interrupted(thread)) {
        return throw_interrupted(thread, NULL);
    }
    struct monitor *monitor = inflate(object);
    if (monitor == NULL) {
        return jrt_throw_oom(thread, JRT_OOM_HEAP);
    }
    struct waiter waiter = {.thread = thread};
    int64_t deadline =
        milliseconds == 0 ? INT64_MAX : deadline_after(milliseconds_ns(milliseconds));
    uint32_t depth = monitor->depth;
    __atomic_add_fetch(&monitor->users, 1, __ATOMIC_ACQ_REL);
    add_waiter(monitor, &waiter);
    thread->waits_for = index_of(__atomic_load_n(&object->lock, __ATOMIC_RELAXED)) + 1;
    set_status(thread, milliseconds == 0 ? STATUS_WAITING : STATUS_WAITING_TIMED);
    monitor->depth = 0;
    release(monitor);
    wait_for_notify(thread, &waiter, deadline);
    set_status(thread, STATUS_BLOCKED);
    uint32_t state = thread->state;
    enter_contended(thread, monitor, &waiter);
    jrt_wait_end(&thread->blocked);
    __atomic_store_n(&thread->state, state, __ATOMIC_RELEASE);
    set_status(thread, STATUS_RUNNABLE);
    thread->waits_for = 0;
    monitor->depth = depth;
    bool notified = waiter.notified != 0;
    if (!notified) {
        remove_waiter(monitor, &waiter);
    }
    __atomic_sub_fetch(&monitor->users, 1, __ATOMIC_ACQ_REL);
    /* One who was notified returns normally and stays interrupted (JLS 17 17.2.4). */
    return notified || !interrupted(thread) || throw_interrupted(thread, NULL);
}

bool jrt_monitor_wait(struct jrt_thread *thread, struct job_object *object, int64_t milliseconds)
{
    jrt_wait_begin(&thread->waited);
    bool good = wait_on(thread, object, milliseconds);
    jrt_wait_end(&thread->waited);
    return good;
}

bool jrt_monitor_notify(struct jrt_thread *thread, struct job_object *object, bool all)
{
    if (!jrt_monitor_owned(thread, object)) {
        return not_owner(thread);
    }
    uint32_t word = __atomic_load_n(&object->lock, __ATOMIC_RELAXED);
    if (job_lock_tag(word) != JOB_LOCK_INFLATED) {
        return true; /* who waits inflates */
    }
    struct monitor *monitor = monitor_at(index_of(word));
    struct waiter **last = &monitor->notified;
    while (*last != NULL) {
        last = &(*last)->next;
    }
    while (monitor->waiters != NULL) {
        struct waiter *waiter = monitor->waiters;
        monitor->waiters = waiter->next;
        waiter->next = NULL;
        *last = waiter;
        last = &waiter->next;
        count_blocked(waiter->thread, waiter);
        set_status(waiter->thread, STATUS_BLOCKED);
        __atomic_store_n(&waiter->notified, 1, __ATOMIC_RELEASE);
        if (!all) {
            break;
        }
    }
    return true;
}

void jrt_yield(struct jrt_thread *thread)
{
    uint32_t state = thread->state;
    jrt_to_native(thread);
    sched_yield();
    jrt_to_vm(thread);
    __atomic_store_n(&thread->state, state, __ATOMIC_RELEASE);
}

/* Until the deadline or an interrupt. */
static bool sleep_until(struct jrt_thread *thread, int64_t deadline)
{
    for (;;) {
        uint32_t seen = __atomic_load_n(&thread->wake, __ATOMIC_SEQ_CST);
        if (interrupted(thread)) {
            return throw_interrupted(thread, "sleep interrupted");
        }
        if ((int64_t)os_monotonic_ns() >= deadline || thread->async_exception.word != 0) {
            return true;
        }
        sleep_once(thread, seen, false, deadline);
    }
}

bool jrt_sleep(struct jrt_thread *thread, int64_t milliseconds)
{
    if (milliseconds < 0) {
        return jrt_throw(thread, JRT_IllegalArgumentException, "timeout value is negative");
    }
    if (interrupted(thread)) {
        return throw_interrupted(thread, "sleep interrupted");
    }
    int64_t deadline = deadline_after(milliseconds_ns(milliseconds));
    jrt_wait_begin(&thread->waited);
    set_status(thread, STATUS_SLEEPING);
    if (milliseconds == 0) {
        jrt_yield(thread);
    }
    bool good = sleep_until(thread, deadline);
    set_status(thread, STATUS_RUNNABLE);
    jrt_wait_end(&thread->waited);
    return good;
}

static void park(struct jrt_thread *thread, bool absolute, int64_t time)
{
    int64_t deadline = INT64_MAX;
    if (absolute) {
        deadline = milliseconds_ns(time);
    } else if (time > 0) {
        deadline = deadline_after(time);
    }
    uint32_t seen = __atomic_load_n(&thread->wake, __ATOMIC_SEQ_CST);
    if (__atomic_exchange_n(&thread->permit, 0, __ATOMIC_SEQ_CST) != 0 || interrupted(thread) ||
        time < 0 || (absolute && time == 0)) {
        return;
    }
    set_status(thread, deadline == INT64_MAX ? STATUS_PARKED : STATUS_PARKED_TIMED);
    sleep_once(thread, seen, absolute, deadline);
    __atomic_store_n(&thread->permit, 0, __ATOMIC_SEQ_CST);
    set_status(thread, STATUS_RUNNABLE);
}

void jrt_park(struct jrt_thread *thread, bool absolute, int64_t time)
{
    jrt_wait_begin(&thread->waited);
    park(thread, absolute, time);
    jrt_wait_end(&thread->waited);
}

static struct jrt_thread *thread_of(const struct job_object *java_thread)
{
    return java_thread != NULL
               ? (struct jrt_thread *)(uintptr_t)jrt_long(java_thread, JRT_AT(Thread, eetop))
               : NULL;
}

void jrt_unpark(struct job_object *java_thread)
{
    struct jrt_thread *thread = thread_of(java_thread);
    if (thread != NULL && __atomic_exchange_n(&thread->permit, 1, __ATOMIC_SEQ_CST) == 0) {
        wake(thread);
    }
}

void jrt_interrupt(struct job_object *java_thread)
{
    struct jrt_thread *thread = thread_of(java_thread);
    if (thread != NULL) {
        wake(thread);
    }
}

struct job_object *jrt_monitor_wanted(const struct jrt_thread *thread, bool *ret_waits)
{
    if (thread->waits_for == 0) {
        return NULL;
    }
    const struct monitor *monitor = monitor_at(thread->waits_for - 1);
    *ret_waits = false;
    for (const struct waiter *waiter = monitor->waiters; waiter != NULL; waiter = waiter->next) {
        *ret_waits = *ret_waits || waiter->thread == thread;
    }
    return job_from_ref(monitor->object);
}

static bool idle(const struct monitor *monitor)
{
    return monitor->owner == 0 && monitor->users == 0 && monitor->waiters == NULL;
}

void jrt_monitors_sweep(void)
{
    uint32_t all = made;
    for (uint32_t index = 0; index < all; index++) {
        struct monitor *monitor = monitor_at(index);
        if (monitor->object.word == 0) {
            continue;
        }
        jgc_update_weak(&monitor->object);
        if (monitor->object.word == 0) {
            give_monitor(index);
        } else if (idle(monitor)) {
            job_from_ref(monitor->object)->lock = monitor->hash << JOB_LOCK_TAG_BITS;
            give_monitor(index);
        }
    }
}
