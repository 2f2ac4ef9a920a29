/*
 * What threads wait for and hold, for thread dumps and the management beans. Everything but
 * `jdk_synchronizers_find` is asked while the world is stopped.
 */
#pragma once

#include "jvm/runtime/jrt_thread.h"

/* The class of locks of java.util.concurrent that know their owner. */
struct jdk_synchronizers {
    const struct jrt_class *class; /* NULL: it is not loaded, so there are none */
    uint32_t owner_at;             /* its field exclusiveOwnerThread */
};
/* In VM. */
void jdk_synchronizers_find(struct jrt_thread *thread, struct jdk_synchronizers *ret);
bool jdk_is_synchronizer(const struct jdk_synchronizers *known, const struct job_object *object);

/* What a living thread waits for: a monitor or what it is parked for, and the Thread that has it.
 */
struct jdk_waiting {
    int32_t status; /* Thread.threadStatus */
    bool notified;  /* it is in Object.wait */
    struct job_object *lock;
    struct job_object *owner; /* NULL: not known, or nobody */
};
void jdk_waiting_of(const struct jrt_thread *thread, const struct jdk_synchronizers *known,
                    struct jdk_waiting *ret);

/* The monitors that a frame has locked, by number from 0, newest first: those of its synchronized
 * statements, then its own if its method is synchronized. NULL: there are not so many. */
struct job_object *jdk_frame_monitor(const struct jrt_thread *thread, union jrt_slot *fp,
                                     uint32_t which);

/* A thread's time on CPUs in ns; -1: it has ended. */
int64_t jdk_cpu_time_ns(int os_id);
