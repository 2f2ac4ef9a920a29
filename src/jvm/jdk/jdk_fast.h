/*
 * Native methods of the library that the machine itself supplies, called without JNI's ceremony: in
 * the VM's state, with plain references in slots (jrt_exec.h, fast natives). A row each, by class.
 */
#pragma once

#include "jvm/runtime/jrt_exec.h"

struct jdk_fast {
    const char *name, *descriptor;
    jrt_fast_native_t *function;
};

struct jdk_fast_class {
    const char *class;           /* internal name */
    const struct jdk_fast *rows; /* ended by a row without name */
};

extern const struct jdk_fast jdk_fast_unsafe[];
extern const struct jdk_fast jdk_fast_handles[];
extern const struct jdk_fast jdk_fast_object[];
extern const struct jdk_fast jdk_fast_class[];
extern const struct jdk_fast jdk_fast_system[];
extern const struct jdk_fast jdk_fast_thread[];
extern const struct jdk_fast jdk_fast_string[];
extern const struct jdk_fast jdk_fast_reference[];
extern const struct jdk_fast jdk_fast_perf[];

/* The function for a native method of the boot loader; NULL: there is none. */
jrt_fast_native_t *jdk_fast_find(const struct jrt_method *method);
