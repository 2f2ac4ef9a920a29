/* Primitive values that reflection converts (JLS 17 5.1.2). */
#pragma once

#include "jvm/runtime/jrt_thread.h"

/* Makes a value of type `from` one of type `to` if that is a widening conversion or the same type;
 * false: it is not. */
bool jdk_widen(union jrt_slot *value, enum jrt_type from, enum jrt_type to) ST_MUST_CHECK;
