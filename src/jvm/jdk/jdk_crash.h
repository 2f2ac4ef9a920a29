/* What a crash report asks of the CPU: a file for each family. `context` is a signal handler's
 * third argument. Any thread, in a signal handler. */
#pragma once

#include <stdint.h>

/* The instruction at which the thread was. */
const void *jdk_crash_place(const void *context);
/* Name and value of the register `which`, from 0; NULL: there are no more. */
const char *jdk_crash_register(const void *context, unsigned which, uint64_t *ret_value);
