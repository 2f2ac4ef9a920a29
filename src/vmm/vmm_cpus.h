/*
 * The threads of a machine's vCPUs: one each, which runs guest code, sleeps while the guest halts,
 * and is stopped and let go by whoever looks after the machine.
 *
 * A vCPU is out of guest code, and its state may be looked at and changed, from the return of
 * vmm_cpus_stop until vmm_cpus_go. Stops nest: guest code runs when each has been taken back.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "vcpu/vcpu.h"

struct vmm_cpus;

#define VMM_CPUS_ALL UINT64_MAX

struct vmm_cpus_config {
    struct vcpu_set *set; /* with all vCPUs made; outlives the threads */
    /* Called on each vCPU's thread before anything else; a failure ends the start. NULL allowed. */
    int (*enter)(void *argument, struct vcpu *vcpu);
    /* A vCPU left guest code with VCPU_EXIT_SHUTDOWN, _DEBUG, _BUDGET or _FAILED. On its thread,
     * which is then held, as if stopped, until the next vmm_cpus_go; must not call vmm_cpus_*. */
    void (*event)(void *argument, struct vcpu *vcpu, const struct vcpu_exit *exit);
    void *argument;
};

/* Starts the threads, stopped once. 0 or -ST_Exxx. */
int vmm_cpus_start(const struct vmm_cpus_config *config, struct vmm_cpus **ret_cpus,
                   struct st_err *err) ST_MUST_CHECK;
/* Ends the threads, wherever they are. NULL allowed. */
void vmm_cpus_end(struct vmm_cpus *cpus);

/* Stops all vCPUs and waits until they are. Any thread but theirs; not with the device lock held,
 * which they may wait for. */
void vmm_cpus_stop(struct vmm_cpus *cpus);
/* Takes one stop back. When none is left those of the mask run (bit: index), others stay where they
 * are until the next call. */
void vmm_cpus_go(struct vmm_cpus *cpus, uint64_t mask);

/* For plat_wake: lets a vCPU that sleeps look for work again. Any thread, any lock. */
void vmm_cpus_wake(void *cpus, unsigned vcpu);

/* Nanoseconds of CPU time that the vCPU's thread has used; 0 where the host does not tell. Any
 * thread. */
uint64_t vmm_cpus_time_ns(const struct vmm_cpus *cpus, unsigned vcpu);
