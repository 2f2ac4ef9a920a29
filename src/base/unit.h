/* Sizes and times as people write them. Pure, thread-safe. */
#pragma once

#include "base/attr.h"

/* "512", "64m", "1.5g", "64KiB", "10 MB": a unit is a power of 1024, its letter of bkmgtp in either
 * case, perhaps with B or iB behind. Returns 0, -ST_EINVAL, -ST_ERANGE. */
int st_parse_size(const char *text, uint64_t *ret_bytes) ST_MUST_CHECK;

/* "250ms", "1h30m", "1.5s", "0": numbers with the units ns us ms s m h, which must be there. */
int st_parse_duration(const char *text, uint64_t *ret_ns) ST_MUST_CHECK;
