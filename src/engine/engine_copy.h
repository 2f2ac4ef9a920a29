/* Copies of folders with owners, modes, times, extended attributes and hard links kept. */
#pragma once

#include "base/err.h"

/* Copies everything below the folder `from` into the folder `to`, and the attributes of `from`
 * itself. Follows no links. Both stay the caller's. */
int engine_copy_tree(int from, int to) ST_MUST_CHECK;
