/*
 * Accesses to memory outside the heap, which may be a mapping of a file that somebody made shorter:
 * what lies behind the file's end is a SIGBUS, and here a result. Each is false then; what was to
 * be loaded or copied is done in part. Any thread; a file for each family of CPUs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

/* A value of 1, 2, 4 or 8 bytes, in one access; loads are as strong as volatile ones, stores as
 * releases. */
bool jrt_raw_load(const void *at, size_t size, void *ret_value) ST_MUST_CHECK;
bool jrt_raw_store(void *at, size_t size, const void *value) ST_MUST_CHECK;
/* The places may overlap. */
bool jrt_raw_copy(void *to, const void *from, size_t bytes) ST_MUST_CHECK;
bool jrt_raw_fill(void *to, int byte, size_t bytes) ST_MUST_CHECK;

/* In a handler of SIGBUS, with its third argument: true if the fault was in one of these, which
 * goes on with its end. */
bool jrt_raw_leave(void *context);
