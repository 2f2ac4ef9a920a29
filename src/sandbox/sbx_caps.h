/* Capabilities: names, and putting the five sets in force (capabilities(7)). Any thread; they
 * change that thread. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/* Sets as bit masks: bit n is capability n. */
struct sbx_caps {
    uint64_t bounding;
    uint64_t effective;
    uint64_t permitted;
    uint64_t inheritable;
    uint64_t ambient;
};

/* The number of a capability named CAP_X, in any case, or -ST_EINVAL. */
int sbx_cap_number(const char *name);

/* The name (CAP_X) of a number, or NULL. */
const char *sbx_cap_name(unsigned number);

/* How many capabilities this build knows: numbers 0 to count - 1 have names. */
unsigned sbx_cap_count(void);

/* A mask of all capabilities that the running kernel has. */
uint64_t sbx_caps_all(void);

/* Drops what is not in `keep` from the bounding set; needs CAP_SETPCAP while anything is left to
 * drop. */
int sbx_caps_bound(uint64_t keep);

/* Puts effective, permitted and inheritable in force, then clears the ambient set and raises
 * `ambient` in it. Bits that the kernel or the thread lacks are an error (-ST_EPERM), but for
 * ambient ones, which are skipped when they are not both permitted and inheritable. */
int sbx_caps_apply(const struct sbx_caps *sets);
