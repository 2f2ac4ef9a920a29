/* The timers of a machine: see vmm_timers.h. */
#include "vmm/vmm_timers.h"

#include "os/os_event.h"
#include "os/os_file.h"

static void put(struct vmm_timers *timers, uint32_t at, struct plat_timer *timer)
{
    timers->heap[at] = timer;
    timer->slot = at + 1;
}

static void sift_up(struct vmm_timers *timers, uint32_t at, struct plat_timer *timer)
{
    while (at > 0) {
        uint32_t parent = (at - 1) / 2;
        if (timers->heap[parent]->deadline_ns <= timer->deadline_ns) {
            break;
        }
        put(timers, at, timers->heap[parent]);
        at = parent;
    }
    put(timers, at, timer);
}

static void sift_down(struct vmm_timers *timers, uint32_t at, struct plat_timer *timer)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= timers->count) {
            break;
        }
        if (child + 1 < timers->count &&
            timers->heap[child + 1]->deadline_ns < timers->heap[child]->deadline_ns) {
            child++;
        }
        if (timer->deadline_ns <= timers->heap[child]->deadline_ns) {
            break;
        }
        put(timers, at, timers->heap[child]);
        at = child;
    }
    put(timers, at, timer);
}

static void remove_timer(struct vmm_timers *timers, struct plat_timer *timer)
{
    uint32_t at = timer->slot - 1;
    struct plat_timer *last = timers->heap[--timers->count];
    timer->slot = 0;
    if (last != timer) {
        if (at > 0 && last->deadline_ns < timers->heap[(at - 1) / 2]->deadline_ns) {
            sift_up(timers, at, last);
        } else {
            sift_down(timers, at, last);
        }
    }
}

/* Sets the timerfd to the first deadline, if it is not. */
static void arm(struct vmm_timers *timers)
{
    uint64_t first = timers->count == 0 || timers->held ? PLAT_NEVER : timers->heap[0]->deadline_ns;
    if (first == timers->armed_ns) {
        return;
    }
    uint64_t delay = 0; /* of a timerfd: never */
    if (first != PLAT_NEVER) {
        uint64_t now = plat_now_ns(timers->platform);
        delay = first > now ? first - now : 1;
    }
    timers->armed_ns = first;
    (void)os_timerfd_set(timers->watch.fd, delay, 0);
}

static void fire(void *argument, uint32_t events)
{
    struct vmm_timers *timers = argument;
    uint64_t count;
    (void)events;
    (void)os_read(timers->watch.fd, &count, sizeof count);
    timers->armed_ns = PLAT_NEVER;
    uint64_t now = plat_now_ns(timers->platform);
    while (!timers->held && timers->count > 0 && timers->heap[0]->deadline_ns <= now) {
        struct plat_timer *timer = timers->heap[0];
        remove_timer(timers, timer);
        timer->deadline_ns = PLAT_NEVER;
        timer->fire(timer->argument);
    }
    arm(timers);
}

int vmm_timers_init(struct vmm_timers *timers, struct platform *platform, struct os_loop *loop)
{
    *timers = (struct vmm_timers){
        .platform = platform,
        .loop = loop,
        .armed_ns = PLAT_NEVER,
        .watch = {.fd = os_timerfd(), .ready = fire, .argument = timers},
    };
    if (timers->watch.fd < 0) {
        return timers->watch.fd;
    }
    int r = os_loop_add(loop, &timers->watch, EPOLLIN);
    if (r < 0) {
        os_close(&timers->watch.fd);
    }
    return r;
}

void vmm_timers_done(struct vmm_timers *timers)
{
    os_loop_remove(timers->loop, &timers->watch);
    os_close(&timers->watch.fd);
}

void vmm_timers_set(struct vmm_timers *timers, struct plat_timer *timer, uint64_t deadline_ns)
{
    if (timer->slot != 0) {
        remove_timer(timers, timer);
    }
    timer->deadline_ns = deadline_ns;
    if (deadline_ns != PLAT_NEVER) {
        if (timers->count == VMM_TIMERS_MAX) {
            plat_log(timers->platform, PLAT_ERROR, "vmm", "more than %u timers", VMM_TIMERS_MAX);
            return;
        }
        sift_up(timers, timers->count++, timer);
    }
    arm(timers);
}

void vmm_timers_hold(struct vmm_timers *timers, bool held)
{
    timers->held = held;
    arm(timers);
}
