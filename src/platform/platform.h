/*
 * What code that runs anywhere (src/vcpu, cpu, devices, virtio, machine) asks of where it stands: a
 * Linux process (src/vmm), bare metal or firmware. One struct platform a machine.
 *
 * Locking. A machine has one device lock. All device code (port and memory-mapped accesses, timers
 * that fire, completions of back ends, resets) runs with it held; it is not recursive. A vCPU
 * thread does not hold it while it runs guest code, the bus takes it (src/machine). Functions below
 * say whether they want it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

struct platform;

enum plat_level { PLAT_ERROR, PLAT_WARN, PLAT_INFO, PLAT_DEBUG };

/* A one-shot timer; the storage is its user's and starts zeroed but for fire and argument. */
struct plat_timer {
    void (*fire)(void *argument); /* called with the device lock held */
    void *argument;
    uint64_t deadline_ns; /* [device lock] on plat_now_ns's clock; PLAT_NEVER: not set */
    uint32_t slot;        /* the platform's: place in its heap, 0 when not queued */
};
#define PLAT_NEVER UINT64_MAX

/* The fault that a guarded call took. */
struct plat_fault {
    uint8_t vector;      /* x86 exception vector: 0 #DE, 6 #UD, 13 #GP, 14 #PF, 16 #MF, 19 #XM;
                            PLAT_NO_FAULT: none */
    uint32_t error_code; /* of #PF and #GP, where the host tells it */
    uint64_t address;    /* of #PF */
    uint32_t mxcsr;      /* MXCSR at the fault: which exceptions were raised */
    uint16_t x87_status; /* x87 status word at the fault */
};
#define PLAT_NO_FAULT 255

/* Memory that is written through one address and executed through another (W^X). */
struct plat_code {
    uint8_t *write;      /* where code is written */
    const uint8_t *exec; /* where the same bytes run */
    size_t size;
};

struct plat_ops {
    uint64_t (*now_ns)(struct platform *platform);
    uint64_t (*wall_ns)(struct platform *platform);
    void (*timer_set)(struct platform *platform, struct plat_timer *timer, uint64_t deadline_ns);
    void (*log)(struct platform *platform, enum plat_level level, const char *module,
                const char *text);
    int (*random)(struct platform *platform, void *ret_bytes, size_t size);
    void *(*alloc)(struct platform *platform, size_t size);
    void (*free)(struct platform *platform, void *memory, size_t size);
    void (*lock)(struct platform *platform);
    void (*unlock)(struct platform *platform);
    int (*code_alloc)(struct platform *platform, size_t size, struct plat_code *ret_code);
    void (*code_free)(struct platform *platform, struct plat_code *code);
    void (*guarded_call)(struct platform *platform, void (*stub)(void *argument), void *argument,
                         struct plat_fault *ret_fault);
    void (*wake)(struct platform *platform, unsigned vcpu);
    void (*yield)(struct platform *platform);
};

struct platform {
    const struct plat_ops *ops; /* [I] every member is set */
};

/* The machine's clock in ns: monotonic, stands still while the machine is paused. Any thread. */
static inline uint64_t plat_now_ns(struct platform *platform)
{
    return platform->ops->now_ns(platform);
}

/* Time of day, ns since 1970-01-01 UTC. Any thread. */
static inline uint64_t plat_wall_ns(struct platform *platform)
{
    return platform->ops->wall_ns(platform);
}

/* Sets the timer to fire once at deadline_ns or soon after, replacing what was set; PLAT_NEVER
 * stops it. Device lock held. */
static inline void plat_timer_set(struct platform *platform, struct plat_timer *timer,
                                  uint64_t deadline_ns)
{
    platform->ops->timer_set(platform, timer, deadline_ns);
}

/* Bytes for keys and seeds. 0 or -ST_Exxx. Any thread. */
static inline int plat_random(struct platform *platform, void *ret_bytes, size_t size)
{
    return platform->ops->random(platform, ret_bytes, size);
}

/* Zeroed memory, 64-byte aligned (page-aligned from a page up); NULL: there is none. Any thread. */
static inline void *plat_alloc(struct platform *platform, size_t size)
{
    return platform->ops->alloc(platform, size);
}

static inline void plat_free(struct platform *platform, void *memory, size_t size)
{
    platform->ops->free(platform, memory, size);
}

/* Memory for code, in whole pages, filled with zeroes. 0 or -ST_ENOMEM. Any thread. */
static inline int plat_code_alloc(struct platform *platform, size_t size,
                                  struct plat_code *ret_code)
{
    return platform->ops->code_alloc(platform, size, ret_code);
}

static inline void plat_code_free(struct platform *platform, struct plat_code *code)
{
    platform->ops->code_free(platform, code);
}

static inline void plat_lock(struct platform *platform)
{
    platform->ops->lock(platform);
}
static inline void plat_unlock(struct platform *platform)
{
    platform->ops->unlock(platform);
}

/* Runs stub(argument) and tells the fault that it took, if any: the stub is then left where it was
 * and what it had written to memory stays. The stub calls nothing and saves what it must. Any
 * thread. */
static inline void plat_guarded_call(struct platform *platform, void (*stub)(void *argument),
                                     void *argument, struct plat_fault *ret_fault)
{
    platform->ops->guarded_call(platform, stub, argument, ret_fault);
}

/* The thread of this vCPU (its index), if it waits because vcpu_run told VCPU_EXIT_HALT, looks
 * again whether there is work. Called after the work became visible to vcpu_has_work. Any thread,
 * any lock held. */
static inline void plat_wake(struct platform *platform, unsigned vcpu)
{
    platform->ops->wake(platform, vcpu);
}

/* Lets another thread run, for those that wait a moment for one. Any thread, any lock held. */
static inline void plat_yield(struct platform *platform)
{
    platform->ops->yield(platform);
}

/* One line to the machine's log. What a guest can cause is rate-limited there and never above
 * PLAT_WARN. Any thread. */
void plat_log(struct platform *platform, enum plat_level level, const char *module,
              const char *format, ...) ST_PRINTF(4, 5);
