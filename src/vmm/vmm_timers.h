/*
 * The timers of a machine: a heap by deadline on one timerfd of the event loop. The device lock
 * guards all of it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "os/os_loop.h"
#include "platform/platform.h"

enum { VMM_TIMERS_MAX = 1024 };

struct vmm_timers {
    struct platform *platform; /* [I] whose clock the deadlines are on */
    struct os_loop *loop;      /* [I] */
    struct os_watch watch;
    struct plat_timer *heap[VMM_TIMERS_MAX]; /* slot n of a timer is heap[n - 1] */
    uint32_t count;
    uint64_t armed_ns; /* what the timerfd is set to; PLAT_NEVER: nothing */
    bool held;         /* the machine is paused */
};

/* 0 or -ST_Exxx. */
int vmm_timers_init(struct vmm_timers *timers, struct platform *platform,
                    struct os_loop *loop) ST_MUST_CHECK;
void vmm_timers_done(struct vmm_timers *timers);

/* As plat_timer_set. A timer beyond VMM_TIMERS_MAX at once is not queued, which the log tells: a
 * machine has a fixed number, far below. */
void vmm_timers_set(struct vmm_timers *timers, struct plat_timer *timer, uint64_t deadline_ns);

/* While held nothing fires. */
void vmm_timers_hold(struct vmm_timers *timers, bool held);
