/*
 * Formatted text without a C library: %s %.*s %c %d %i %u %x %X %o %p %% with h, l, ll, z and j, a
 * width (with 0 and -), and a precision for %s. Nothing else: an unknown conversion is copied as it
 * is. Thread-safe.
 */
#pragma once

#include <stdarg.h>

#include "base/attr.h"

/* Writes at most size bytes including the closing zero (nothing if size is 0).
 * Returns the length that the whole text has, so >= size means that it was cut. */
size_t st_snprintf(char *to, size_t size, const char *format, ...) ST_PRINTF(3, 4);
size_t st_vsnprintf(char *to, size_t size, const char *format, va_list args);
