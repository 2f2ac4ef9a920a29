/*
 * Walking a thread's Java stack, newest frame first: its own, or another's while the world is
 * stopped.
 */
#pragma once

#include "jvm/runtime/jrt_thread.h"

struct jrt_walk {
    const struct jrt_thread *thread;
    union jrt_slot *fp; /* NULL: at the end */
};

void jrt_walk_start(struct jrt_walk *walk, const struct jrt_thread *thread);
void jrt_walk_next(struct jrt_walk *walk);
static inline struct jrt_method *jrt_walk_method(const struct jrt_walk *walk)
{
    return jrt_method_at(jrt_frame_of(walk->fp)->method);
}

/* The three predicates of jvm-interface.md section 7: not to be merged. */
bool jrt_frame_hidden(const struct jrt_method *method);              /* Throwable, StackWalker */
bool jrt_frame_ignored_by_security(const struct jrt_method *method); /* getCallerClass & co */

/* A frame of a throwable's trace; false: it has no such frame. */
bool jrt_trace_frame(const struct job_object *throwable, uint32_t index,
                     struct jrt_method **ret_method, uint32_t *ret_bytecode_index);

/* Whether frames that are not shown (hidden ones) were on top of it. */
bool jrt_trace_has_hidden_top(const struct job_object *throwable);

/* Line of a bytecode index: -2 native, -1 unknown. */
int32_t jrt_line_number(const struct jrt_method *method, uint32_t bytecode_index);

/* Fills a StackTraceElement object for a method and bytecode index. */
bool jrt_fill_element(struct jrt_thread *thread, struct job_object *element,
                      struct jrt_method *method, uint32_t bytecode_index);
