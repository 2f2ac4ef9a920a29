/*
 * Exceptions at boot and as roots, for the runtime's own files.
 */
#pragma once

#include "jvm/runtime/jrt_throw.h"

/* Makes the exceptions that stand ready; from then on exceptions are thrown, before it
 * jrt_early_message has what was. */
bool jrt_throw_init(struct jrt_thread *thread) ST_MUST_CHECK;
void jrt_throw_roots(struct jgc_visitor *visitor);
extern char jrt_early_message[512];

/* A new object, constructed with one argument, or none where it is NULL. NULL: an exception is
 * pending. */
struct job_object *jrt_construct(struct jrt_thread *thread, struct jrt_class *class,
                                 const char *descriptor, struct job_object *argument);
