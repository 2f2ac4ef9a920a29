/* Signals by name. Pure, any thread. */
#pragma once

#include "base/attr.h"

/* The number of a signal given as number (1 to 64) or as name in either case, with or without SIG:
 * "9", "KILL", "sigterm", "RTMIN+3", "SIGRTMAX-1". RTMIN and RTMAX are the kernel's, 34 as engines
 * count and 64. -ST_EINVAL: there is none. */
int os_signal_number(const char *text) ST_MUST_CHECK;

/* "SIGTERM"; NULL for a number without a name. Static storage. */
const char *os_signal_name(int number);
