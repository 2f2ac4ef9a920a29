/* Names of containers. Pure. */
#pragma once

#include "base/err.h"

/* The longest name, without its zero. */
enum { CTR_ID_MAX = 1024 };

/* A name is 1 to CTR_ID_MAX of the letters, digits and "_+-.", and neither "." nor "..". Returns 0
 * or -ST_EINVAL. */
int ctr_id_check(const char *id, struct st_err *err);
