/* Strings without a C library: comparing, and strict parsing of numbers. All functions are pure and
 * thread-safe. */
#pragma once

#include <stdbool.h>

#include "base/attr.h"

size_t st_strlen(const char *text);

/* Same text? Two NULLs are equal, a NULL and a text are not. */
bool st_streq(const char *a, const char *b);

/* Does text begin with prefix? */
bool st_starts_with(const char *text, const char *prefix);

/* What follows prefix in text; NULL when text does not begin with it. */
const char *st_after_prefix(const char *text, const char *prefix);

/* Does text end with suffix? */
bool st_ends_with(const char *text, const char *suffix);

/* Copies text and its zero if it fits into size bytes. Returns false, with an empty text in `to`,
 * when it doesn't. */
bool st_strcopy(char *to, size_t size, const char *text);

/* Parses the whole text as an unsigned number in base 8, 10 or 16, without sign, spaces or prefix.
 * Returns 0, -ST_EINVAL for anything but digits, -ST_ERANGE for a number above max. */
int st_parse_u64(const char *text, unsigned base, uint64_t max, uint64_t *ret_value) ST_MUST_CHECK;

/* As st_parse_u64 for a decimal number that may begin with '-'; -ST_ERANGE outside min..max. */
int st_parse_i64(const char *text, int64_t min, int64_t max, int64_t *ret_value) ST_MUST_CHECK;
