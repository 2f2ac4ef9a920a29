/*
 * Locks of threads: see jdk_locks.h.
 */
#include "jvm/jdk/jdk_locks.h"

#include <time.h>

#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_held.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_loader.h"
#include "jvm/runtime/jrt_monitor.h"
#include "jvm/runtime/jrt_symbol.h"

#define SYNCHRONIZER "java/util/concurrent/locks/AbstractOwnableSynchronizer"

void jdk_synchronizers_find(struct jrt_thread *thread, struct jdk_synchronizers *ret)
{
    const struct jrt_class *class =
        jrt_loaded_class(jrt_loader_of(thread, NULL), jrt_symbol_of(SYNCHRONIZER));
    const struct jrt_field *owner =
        class != NULL ? jrt_find_field(class, jrt_symbol_of("exclusiveOwnerThread"),
                                       jrt_symbol_of("Ljava/lang/Thread;"))
                      : NULL;
    *ret = (struct jdk_synchronizers){.class = owner != NULL ? class : NULL,
                                      .owner_at = owner != NULL ? owner->offset : 0};
}

bool jdk_is_synchronizer(const struct jdk_synchronizers *known, const struct job_object *object)
{
    return known->class != NULL && object != NULL &&
           jrt_is_subtype(jrt_class_of(object), known->class);
}

struct numbered {
    uint32_t number;
    jref_t object;
};

static void match_number(struct jrt_thread *each, void *argument)
{
    struct numbered *numbered = argument;
    if (each->number == numbered->number) {
        numbered->object = each->object;
    }
}

/* The Thread object of an owner's number in locks; 0: none. */
static struct job_object *thread_of_number(uint32_t number)
{
    struct numbered numbered = {.number = number};
    if (number != 0) {
        jrt_threads_each(match_number, &numbered);
    }
    return job_from_ref(numbered.object);
}

void jdk_waiting_of(const struct jrt_thread *thread, const struct jdk_synchronizers *known,
                    struct jdk_waiting *ret)
{
    const struct job_object *object = job_from_ref(thread->object);
    *ret = (struct jdk_waiting){.status = jrt_int(object, JRT_AT(Thread, threadStatus))};
    ret->lock = jrt_monitor_wanted(thread, &ret->notified);
    if (ret->lock != NULL) {
        ret->owner = thread_of_number(jrt_monitor_owner(ret->lock));
    } else {
        ret->lock = jrt_ref(object, JRT_AT(Thread, parkBlocker));
        ret->owner =
            jdk_is_synchronizer(known, ret->lock) ? jrt_ref(ret->lock, known->owner_at) : NULL;
    }
    if (ret->owner == object) { /* it has just got it */
        ret->owner = NULL;
    }
}

struct job_object *jdk_frame_monitor(const struct jrt_thread *thread, union jrt_slot *fp,
                                     uint32_t which)
{
    uint32_t held;
    const struct jrt_held *entries = jrt_held_of(thread, fp, &held);
    if (which < held) {
        return job_from_ref(entries[held - 1 - which].object);
    }
    return which == held ? jrt_exec->locked(fp) : NULL;
}

int64_t jdk_cpu_time_ns(int os_id)
{
    /* The kernel's clock of a thread's time: clock_getres(2), "CPU-time clocks". */
    enum { PER_THREAD_SCHEDULED = 6 };
    struct timespec time;
    clockid_t clock = (clockid_t)((~(unsigned)os_id) << 3 | PER_THREAD_SCHEDULED);
    return clock_gettime(clock, &time) == 0 ? (int64_t)time.tv_sec * 1000000000 + time.tv_nsec : -1;
}
