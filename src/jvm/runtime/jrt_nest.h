/*
 * Nests (JVMS 17 5.4.4).
 */
#pragma once

#include "jvm/runtime/jrt_class.h"
#include "jvm/runtime/jrt_thread.h"

/* The host of the class's nest, found out at the first call and kept: itself where its NestHost is
 * wrong. NULL: an exception that is no LinkageError is pending. */
struct jrt_class *jrt_nest_host(struct jrt_thread *thread, struct jrt_class *class) ST_MUST_CHECK;
/* Why the NestHosts of two classes, asked before, are wrong: ", (...)" for each that is; "" for
 * none.
 */
const char *jrt_nest_errors(const struct jrt_class *one, const struct jrt_class *other, char *text,
                            uint32_t size);
