/*
 * Exceptions from C: made, thrown (made pending), asked for. All IN_VM.
 */
#pragma once

#include <stdarg.h>

#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_thread.h"

/* Makes an exception of a known class with a message (modified UTF-8; NULL: none) and makes it
 * pending; a stack trace is taken as by its constructor, which is called. If that fails, what it
 * threw is pending instead. Always returns false. */
bool jrt_throw(struct jrt_thread *thread, enum jrt_known_class class, const char *format, ...)
    ST_PRINTF(3, 4);
/* The same of any class; NULL: what making it threw is pending already. */
bool jrt_throw_class(struct jrt_thread *thread, struct jrt_class *class, const char *message);
/* As above, with the exception that is pending as its cause. */
bool jrt_throw_class_caused(struct jrt_thread *thread, struct jrt_class *class,
                            const char *message);
bool jrt_throw_caused(struct jrt_thread *thread, enum jrt_known_class class, const char *format,
                      ...) ST_PRINTF(3, 4);
/* NullPointerException without a message. */
bool jrt_throw_null(struct jrt_thread *thread);
/* Makes an exception object pending. */
bool jrt_throw_object(struct jrt_thread *thread, struct job_object *exception);
/* OutOfMemoryError of which there is one ready for each message, thrown without allocation;
 * StackOverflowError. */
enum jrt_oom {
    JRT_OOM_HEAP,
    JRT_OOM_METASPACE,
    JRT_OOM_ARRAY_SIZE,
    JRT_OOM_GC_OVERHEAD,
    JRT_OOM_THREAD
};
bool jrt_throw_oom(struct jrt_thread *thread, enum jrt_oom which);
bool jrt_throw_stack_overflow(struct jrt_thread *thread);
/* Whether there is room on the native stack for C code that may be entered by itself again;
 * StackOverflowError. */
bool jrt_has_room(struct jrt_thread *thread) ST_MUST_CHECK;

/* Takes the pending exception away. */
struct job_object *jrt_catch(struct jrt_thread *thread);
/* The pending exception's class is `class` or below. */
bool jrt_pending_is(const struct jrt_thread *thread, enum jrt_known_class class);

/* Throwable.fillInStackTrace (jvm-interface.md section 7.1), and what decodes it later. */
void jrt_fill_stack_trace(struct jrt_thread *thread, struct job_object *throwable);
/* Fills elements[] (StackTraceElement objects) of a throwable. */
bool jrt_stack_trace_elements(struct jrt_thread *thread, struct job_object *throwable,
                              struct job_array *elements);
/* ClassCastException for an object of class `from`, with the modules' names. */
bool jrt_throw_cast(struct jrt_thread *thread, const struct jrt_class *from,
                    const struct jrt_class *to);
/* Whether the class may have instances that are no arrays. If not: InstantiationException, or
 * IllegalAccessException for Class, or the errors of those names. */
bool jrt_check_instances(struct jrt_thread *thread, const struct jrt_class *class,
                         bool error) ST_MUST_CHECK;
/* What calling an abstract method throws: AbstractMethodError, or what the linker made an overpass
 * for. The call's `resolved` method selected the other; `receiver`: NULL if there is none. */
bool jrt_throw_abstract(struct jrt_thread *thread, const struct jrt_method *resolved,
                        const struct jrt_method *selected, const struct jrt_class *receiver);
/* The same for an interface's method that was called as such: of a method that no class declares no
 * word is said, and conflicting defaults are none at all. */
bool jrt_throw_abstract_interface(struct jrt_thread *thread, const struct jrt_method *resolved,
                                  const struct jrt_method *selected,
                                  const struct jrt_class *receiver);
/* Whether a slot of the class's vtable holds an interface's abstract method in place of which
 * HotSpot has a method of the class that throws: where an interface of the class that the slot
 * begins with has a default method, be it another. Then that says which method is abstract. */
bool jrt_is_abstract_slot(const struct jrt_class *class, const struct jrt_method *selected);
bool jrt_throw_abstract_slot(struct jrt_thread *thread, const struct jrt_class *class,
                             const struct jrt_method *selected);
/* IllegalAccessError: an interface's method selects one of the class that is not public. (The
 * linker puts an overpass into the itable for it.) */
bool jrt_throw_not_public(struct jrt_thread *thread, const struct jrt_class *class,
                          const struct jrt_method *method, const struct jrt_method *target);

/* "Cannot invoke ..." for a NullPointerException that the machine threw (JEP 358); NULL: nothing to
 * say, or an exception is pending. */
struct job_object *jrt_npe_message(struct jrt_thread *thread, struct job_object *throwable);
