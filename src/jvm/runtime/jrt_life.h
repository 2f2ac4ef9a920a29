/*
 * A Java thread's life: java.lang.Thread.start, its end, and threads that native code attaches
 * (jvm-interface.md 8.3).
 */
#pragma once

#include "base/buf.h"
#include "jvm/runtime/jrt_thread.h"

/* Thread.start0. false: IllegalThreadStateException if it was started before, OutOfMemoryError if
 * the host gives no thread. The new one is registered when this returns; it runs Thread.run,
 * dispatches what that threw, and ends. */
bool jrt_thread_start(struct jrt_thread *thread, struct job_object *java_thread) ST_MUST_CHECK;

/* Makes the java.lang.Thread of an attached thread, by its constructor: name (NULL: the
 * constructor's own), group (NULL: the main group); added to the group, but for
 * the main thread, which the library adds itself. IN_VM. */
bool jrt_thread_make_object(struct jrt_thread *thread, const char *name, struct job_object *group,
                            bool daemon, bool add_to_group) ST_MUST_CHECK;

/* The end of a thread's Java life: a pending exception is dispatched (or described on standard
 * error when the library cannot), Thread.exit is called, the object says TERMINATED, who joins it
 * is woken. Then jrt_thread_detach. */
void jrt_thread_exit(struct jrt_thread *thread);

/* Thread.stop: the exception is thrown at the target's next poll, at once if it is the caller's. */
bool jrt_thread_stop(struct jrt_thread *thread, struct job_object *java_thread,
                     struct job_object *exception);

/* Adds a thread's name; nothing if it has none. */
void jrt_thread_name(const struct jrt_thread *thread, struct st_buf *to);

/* The groups that threads are made in; roots. Set at boot. */
extern jref_t jrt_system_group, jrt_main_group;
