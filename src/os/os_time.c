/* Clocks and randomness: see os_time.h. */
#include "os/os_time.h"

#include <sched.h>
#include <sys/random.h>
#include <time.h>

#include "base/print.h"
#include "os/os_priv.h"

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

uint64_t os_monotonic_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t os_realtime_ns(void)
{
    return clock_ns(CLOCK_REALTIME);
}

void os_sleep_ns(uint64_t ns)
{
    struct timespec rest = {
        .tv_sec = (time_t)(ns / 1000000000U),
        .tv_nsec = (long)(ns % 1000000000U),
    };
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &rest, &rest) == EINTR) {
    }
}

void os_yield(void)
{
    (void)sched_yield();
}

void os_time_rfc3339(uint64_t realtime_ns, char ret_text[OS_TIME_TEXT])
{
    time_t seconds = (time_t)(realtime_ns / 1000000000U);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    st_snprintf(ret_text, OS_TIME_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d.%09uZ", parts.tm_year + 1900,
                parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                (unsigned)(realtime_ns % 1000000000U));
}

int os_random(void *to, size_t size)
{
    char *at = to;
    while (size > 0) {
        ssize_t got = OS_RETRY(getrandom(at, size, 0));
        if (got < 0) {
            return (int)got;
        }
        at += got;
        size -= (size_t)got;
    }
    return 0;
}
