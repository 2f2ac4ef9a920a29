/*
 * A platform for tests: one thread, a clock that stands until it is told to go, timers in a list,
 * memory from the C library. Include it into a test's .c file; its functions are static.
 */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "platform/platform.h"

enum { PLAT_FAKE_TIMERS = 128 };

struct plat_fake {
    struct platform platform;
    uint64_t now_ns, wall_ns;
    bool locked;
    struct plat_timer *timers[PLAT_FAKE_TIMERS];
    unsigned timers_count;
    uint64_t random;
};

static uint64_t plat_fake_now(struct platform *platform)
{
    return ((struct plat_fake *)platform)->now_ns;
}

static uint64_t plat_fake_wall(struct platform *platform)
{
    struct plat_fake *fake = (struct plat_fake *)platform;
    return fake->wall_ns + fake->now_ns;
}

static void plat_fake_timer_set(struct platform *platform, struct plat_timer *timer,
                                uint64_t deadline_ns)
{
    struct plat_fake *fake = (struct plat_fake *)platform;

    ST_CHECK(fake->locked);
    timer->deadline_ns = deadline_ns;
    for (unsigned i = 0; i < fake->timers_count; i++) {
        if (fake->timers[i] == timer) {
            return;
        }
    }
    if (deadline_ns != PLAT_NEVER) {
        ST_CHECK(fake->timers_count < PLAT_FAKE_TIMERS);
        fake->timers[fake->timers_count++] = timer;
    }
}

static void plat_fake_log(struct platform *platform, enum plat_level level, const char *module,
                          const char *text)
{
    (void)platform;
    (void)level;
    (void)module;
    (void)text;
}

static int plat_fake_random(struct platform *platform, void *ret_bytes, size_t size)
{
    struct plat_fake *fake = (struct plat_fake *)platform;

    for (size_t i = 0; i < size; i++) {
        fake->random = fake->random * 6364136223846793005u + 1442695040888963407u;
        ((uint8_t *)ret_bytes)[i] = (uint8_t)(fake->random >> 56);
    }
    return 0;
}

static void *plat_fake_alloc(struct platform *platform, size_t size)
{
    size_t align = size >= 4096 ? 4096 : 64;
    void *memory = aligned_alloc(align, (size + align - 1) / align * align);

    (void)platform;
    if (memory != NULL) {
        memset(memory, 0, size);
    }
    return memory;
}

static void plat_fake_free(struct platform *platform, void *memory, size_t size)
{
    (void)platform;
    (void)size;
    free(memory);
}

static void plat_fake_lock(struct platform *platform)
{
    struct plat_fake *fake = (struct plat_fake *)platform;

    ST_CHECK(!fake->locked);
    fake->locked = true;
}

static void plat_fake_unlock(struct platform *platform)
{
    struct plat_fake *fake = (struct plat_fake *)platform;

    ST_CHECK(fake->locked);
    fake->locked = false;
}

static const struct plat_ops plat_fake_ops = {
    .now_ns = plat_fake_now,
    .wall_ns = plat_fake_wall,
    .timer_set = plat_fake_timer_set,
    .log = plat_fake_log,
    .random = plat_fake_random,
    .alloc = plat_fake_alloc,
    .free = plat_fake_free,
    .lock = plat_fake_lock,
    .unlock = plat_fake_unlock,
};

static inline void plat_fake_init(struct plat_fake *fake)
{
    memset(fake, 0, sizeof *fake);
    fake->platform.ops = &plat_fake_ops;
}

/* The timer that fires next, NULL: none is set. */
static inline struct plat_timer *plat_fake_next(struct plat_fake *fake)
{
    struct plat_timer *next = NULL;

    for (unsigned i = 0; i < fake->timers_count; i++) {
        struct plat_timer *timer = fake->timers[i];
        if (timer->deadline_ns != PLAT_NEVER &&
            (next == NULL || timer->deadline_ns < next->deadline_ns)) {
            next = timer;
        }
    }
    return next;
}

/* Lets time go on, firing what falls due. Device lock not held. */
static inline void plat_fake_advance(struct plat_fake *fake, uint64_t ns)
{
    uint64_t end = fake->now_ns + ns;

    for (struct plat_timer *timer;
         (timer = plat_fake_next(fake)) != NULL && timer->deadline_ns <= end;) {
        fake->now_ns = timer->deadline_ns > fake->now_ns ? timer->deadline_ns : fake->now_ns;
        timer->deadline_ns = PLAT_NEVER;
        plat_fake_lock(&fake->platform);
        timer->fire(timer->argument);
        plat_fake_unlock(&fake->platform);
    }
    fake->now_ns = end;
}
