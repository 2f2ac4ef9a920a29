/*
 * How often and how long threads wait: see jrt_waits.h.
 */
#include "jvm/runtime/jrt_waits.h"

#include "jvm/runtime/jrt_thread.h"
#include "os/os_time.h"

static bool timed; /* [a] */

void jrt_wait_begin(struct jrt_waits *waits)
{
    waits->count++;
    if (__atomic_load_n(&timed, __ATOMIC_RELAXED)) {
        waits->since_ns = os_monotonic_ns();
    }
}

void jrt_wait_end(struct jrt_waits *waits)
{
    if (waits->since_ns != 0) {
        waits->ns += os_monotonic_ns() - waits->since_ns;
        waits->since_ns = 0;
    }
}

bool jrt_waits_time(bool on)
{
    return __atomic_exchange_n(&timed, on, __ATOMIC_RELAXED);
}

bool jrt_waits_timed(void)
{
    return __atomic_load_n(&timed, __ATOMIC_RELAXED);
}

uint64_t jrt_waits_ns(const struct jrt_waits *waits)
{
    return waits->ns + (waits->since_ns != 0 ? os_monotonic_ns() - waits->since_ns : 0);
}

static void reset(struct jrt_waits *waits, enum jrt_waits_part part)
{
    switch (part) {
    case JRT_WAITS_COUNT:
        waits->count = 0;
        break;
    case JRT_WAITS_TIME:
        waits->ns = waits->since_ns = 0;
        break;
    }
}

static void reset_one(struct jrt_thread *thread, void *argument)
{
    enum jrt_waits_part part = *(enum jrt_waits_part *)argument;
    reset(&thread->blocked, part);
    reset(&thread->waited, part);
}

void jrt_waits_reset(struct jrt_thread *thread, enum jrt_waits_part part)
{
    if (thread != NULL) {
        reset_one(thread, &part);
    } else {
        jrt_threads_each(reset_one, &part);
    }
}
