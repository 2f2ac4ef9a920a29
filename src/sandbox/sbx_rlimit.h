/* Resource limits (getrlimit(2)) by name. Any thread. */
#pragma once

#include <sys/types.h>

#include "base/err.h"

/* The number of a limit named RLIMIT_X, or -ST_EINVAL. */
int sbx_rlimit_number(const char *name);

/* The names, in the order of their numbers, NULL at the end. */
const char *const *sbx_rlimit_names(void);

/* Sets a limit of a process, 0: this one. Where it may not be raised that far (no CAP_SYS_RESOURCE)
 * it is set to the hard limit in force instead, and 1 is returned; 0 when it was set as wanted;
 * -ST_EINVAL when soft is above hard. */
int sbx_rlimit_set(pid_t pid, int number, uint64_t soft, uint64_t hard);
