/*
 * struct platform for a Linux process: the machine's clock and timers, the device lock, the event
 * loop that back ends share, memory, code memory, guarded calls and the log.
 *
 * One I/O thread runs the loop (vmm_platform_run); everything that it calls holds the device lock.
 */
#pragma once

#include "base/buf.h"
#include "os/os_loop.h"
#include "platform/platform.h"

struct vmm_platform;

struct vmm_platform_config {
    /* Takes the log's lines, one at a time, without newline; NULL: only the ring keeps them. It
     * blocks whoever logs, and must not log. */
    void (*log)(void *argument, enum plat_level level, const char *line);
    void *log_argument;
    enum plat_level log_level; /* what is less important is dropped */
};

/* 0 or -ST_Exxx. It installs the process's handlers of faults (os_trap.h). */
int vmm_platform_new(const struct vmm_platform_config *config, struct vmm_platform **ret_vmm,
                     struct st_err *err) ST_MUST_CHECK;
/* No other thread uses it. NULL allowed. */
void vmm_platform_free(struct vmm_platform *vmm);

/* What the machine's code is given. Lives as long as vmm. */
struct platform *vmm_platform_base(struct vmm_platform *vmm);

/* The loop, whose lock is the device lock. */
struct os_loop *vmm_platform_loop(struct vmm_platform *vmm);

/* Serves timers and back ends until vmm_platform_stop. 0 or -ST_Exxx. One thread. */
int vmm_platform_run(struct vmm_platform *vmm);
/* Ends vmm_platform_run. Any thread. */
void vmm_platform_stop(struct vmm_platform *vmm);

/* Stops the machine's clock and its timers, and lets them go on. The vCPUs are stopped. Device lock
 * held. Doing it twice is doing it once. */
void vmm_platform_pause(struct vmm_platform *vmm);
void vmm_platform_resume(struct vmm_platform *vmm);

/* Who is told of plat_wake: set once, before any vCPU runs. Until then wake-ups are dropped. */
void vmm_platform_on_wake(struct vmm_platform *vmm, void (*wake)(void *argument, unsigned vcpu),
                          void *argument);

/* Appends the last lines of the log. Any thread. */
int vmm_platform_log_tail(struct vmm_platform *vmm, struct st_buf *to);
