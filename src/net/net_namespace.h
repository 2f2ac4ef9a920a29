/* Doing something in another network namespace for a moment, in the calling thread alone. */
#pragma once

#include "base/err.h"

/* Runs `call`, which returns a descriptor or fails, with the thread in `netns` (a descriptor), and
 * comes back. The result is the call's; its descriptor is closed should the way back fail, which
 * is an error that the caller must treat as fatal for the thread. */
typedef int (*net_namespace_fn)(void *data, struct st_err *err);
int net_namespace_call(int netns, net_namespace_fn call, void *data, struct st_err *err);
