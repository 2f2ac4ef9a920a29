/* Clocks and randomness. Any thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Nanoseconds of CLOCK_MONOTONIC, and of CLOCK_REALTIME since 1970. */
uint64_t os_monotonic_ns(void);
uint64_t os_realtime_ns(void);

/* Sleeps at least this long. */
void os_sleep_ns(uint64_t ns);

/* Lets another thread of this core run. */
void os_yield(void);

/* The longest text that os_time_rfc3339 makes, with its zero. */
enum { OS_TIME_TEXT = 32 };

/* A time as RFC 3339 has it, in UTC with nanoseconds: 2026-01-31T12:00:00.123456789Z. */
void os_time_rfc3339(uint64_t realtime_ns, char ret_text[OS_TIME_TEXT]);

/* Fills with bytes of the kernel's generator. */
int os_random(void *to, size_t size);
