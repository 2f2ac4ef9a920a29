/*
 * States of classes and the steps of linking, for the runtime's own files.
 */
#pragma once

#include "jvm/runtime/jrt_loader_priv.h"

/* From a state to the one in which one thread is at it. */
struct jrt_states {
    uint32_t from, busy;
};
/* Waits until no other thread is at it; then, if the class is in the first state, puts it into the
 * second for this thread. Returns the state that it found: `from` means that jrt_end_state must
 * follow. */
uint32_t jrt_begin_state(struct jrt_thread *thread, struct jrt_class *class,
                         const struct jrt_states *states);
void jrt_end_state(struct jrt_class *class, enum jrt_class_state state);

bool jrt_verify_class(struct jrt_thread *thread, struct jrt_class *class) ST_MUST_CHECK;
/* vtable and itable. */
bool jrt_make_tables(struct jrt_thread *thread, struct jrt_class *class) ST_MUST_CHECK;
/* JVMS 17 5.4.2: an overriding method and what it overrides agree in the classes they name, where
 * their loaders differ. */
bool jrt_check_override(struct jrt_thread *thread, const struct jrt_class *class,
                        const struct jrt_method *method,
                        const struct jrt_method *overridden) ST_MUST_CHECK;
/* The same of an interface's method and the one that a class selects for it. */
bool jrt_check_implementation(struct jrt_thread *thread, const struct jrt_class *class,
                              const struct jrt_method *method,
                              const struct jrt_method *selected) ST_MUST_CHECK;
