/*
 * Monitors, and the waits of threads: Object.wait, park, sleep.
 *
 * An object is locked in its header (thin, job_lock.h); contention, wait, a hash and depth beyond
 * 256 inflate it to a monitor. Idle monitors go away while the world is stopped.
 */
#pragma once

#include "jvm/runtime/jrt_thread.h"

/* monitorenter, monitorexit of an object that is not NULL. IN_VM or IN_JAVA. Enter may block (the
 * world may be stopped meanwhile); it fails only for lack of memory. Exit: false with
 * IllegalMonitorStateException if the thread does not own the monitor. */
bool jrt_monitor_enter(struct jrt_thread *thread, struct job_object *object) ST_MUST_CHECK;
bool jrt_monitor_exit(struct jrt_thread *thread, struct job_object *object) ST_MUST_CHECK;
/* JNI's MonitorEnter and MonitorExit: what a thread entered so and did not leave when it ends,
 * jrt_monitors_release leaves. */
bool jrt_monitor_enter_native(struct jrt_thread *thread, struct job_object *object) ST_MUST_CHECK;
bool jrt_monitor_exit_native(struct jrt_thread *thread, struct job_object *object) ST_MUST_CHECK;
void jrt_monitors_release(struct jrt_thread *thread);
bool jrt_monitor_owned(struct jrt_thread *thread, struct job_object *object);
/* Object.wait (milliseconds; 0: for ever), notify. false: an exception is pending (not owner,
 * interrupted). */
bool jrt_monitor_wait(struct jrt_thread *thread, struct job_object *object,
                      int64_t milliseconds) ST_MUST_CHECK;
bool jrt_monitor_notify(struct jrt_thread *thread, struct job_object *object,
                        bool all) ST_MUST_CHECK;

/* Unsafe.park: absolute: until `time` milliseconds since the epoch; else for `time` ns, 0: for
 * ever. */
void jrt_park(struct jrt_thread *thread, bool absolute, int64_t time);
void jrt_unpark(struct job_object *java_thread); /* NULL or not alive: nothing */
/* Thread.yield, which an interrupt does not concern. */
void jrt_yield(struct jrt_thread *thread);
/* Thread.sleep; 0 yields. false: InterruptedException, or IllegalArgumentException for a negative
 * time. */
bool jrt_sleep(struct jrt_thread *thread, int64_t milliseconds) ST_MUST_CHECK;
/* Wakes a thread whose `interrupted` field was set. */
void jrt_interrupt(struct job_object *java_thread);

/* Object.hashCode: positive, never 0, the same as long as the object lives. */
int32_t jrt_identity_hash(struct jrt_thread *thread, struct job_object *object);

/* World stopped, after marking: monitors follow their objects or go with them; idle ones are taken
 * back. */
void jrt_monitors_sweep(void);

/* What an object's monitor is, for thread dumps (world stopped): the owner's number, 0: none. */
uint32_t jrt_monitor_owner(const struct job_object *object);
/* The object of the monitor that the thread enters or waits on; NULL: none. `ret_waits`: it is in
 * Object.wait. */
struct job_object *jrt_monitor_wanted(const struct jrt_thread *thread, bool *ret_waits);
