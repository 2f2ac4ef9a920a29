/*
 * Memory that lives as long as a class.
 */
#pragma once

#include "jvm/runtime/jrt_class.h"

/* Zeroed memory of the arena of the class's loader, aligned to 8. Any thread. NULL, without an
 * exception: the metadata's range is used up. */
void *jrt_class_meta(struct jrt_class *class, enum job_meta_kind kind, size_t size) ST_MUST_CHECK;
