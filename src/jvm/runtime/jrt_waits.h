/*
 * How often and how long a thread has been kept waiting: what java.lang.management tells of
 * monitors that it was blocked by, and of its waits, sleeps and parks. Times are taken while
 * somebody asks for them alone; a count costs an increment before a thread is given up anyway.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct jrt_thread;

/* For one reason. Changed while the thread is in VM, or by the owner of the monitor that it waits
 * on; so nobody changes it while the world is stopped. */
struct jrt_waits {
    uint64_t count;
    uint64_t ns;       /* of those that are over */
    uint64_t since_ns; /* when the present one began; 0: there is none, or it is not timed */
};

void jrt_wait_begin(struct jrt_waits *waits);
void jrt_wait_end(struct jrt_waits *waits);

/* Whether waits are timed that begin from now on. Returns what it was. */
bool jrt_waits_time(bool on);
bool jrt_waits_timed(void);
/* World stopped: the time so far, with that of the present wait. */
uint64_t jrt_waits_ns(const struct jrt_waits *waits);

/* Forgets the counts, or the times, of a thread (NULL: of all). A wait that goes on is not timed
 * any more. World stopped. */
enum jrt_waits_part { JRT_WAITS_COUNT, JRT_WAITS_TIME };
void jrt_waits_reset(struct jrt_thread *thread, enum jrt_waits_part part);
