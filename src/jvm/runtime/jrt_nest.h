/*
 * Nests (JVMS 17 5.4.4).
 */
#pragma once

#include "jvm/runtime/jrt_class.h"
#include "jvm/runtime/jrt_thread.h"

/* The host of the class's nest, found out at the first call and kept: itself where its NestHost is
 * wrong. NULL: an exception that is no LinkageError is pending. */
struct jrt_class *jrt_nest_host(struct jrt_thread *thread, struct jrt_class *class) ST_MUST_CHECK;

/* Why two classes are in no nest as their NestHosts have it, for the message of an
 * IllegalAccessError about a private member: ", (Type ... is not a nest member ...)"; "": their
 * nests are in order. NULL: an exception is pending. */
const char *jrt_nest_error_text(struct jrt_thread *thread, struct jrt_class *from,
                                struct jrt_class *to, char *text, uint32_t size) ST_MUST_CHECK;
