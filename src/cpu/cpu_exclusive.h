/*
 * Being alone: one vCPU stops all others outside guest code, for what the host's atomics cannot do
 * and for changing other vCPUs' TLBs.
 *
 * A vCPU is in guest code (cpu->in_guest) between cpu_guest_enter and cpu_guest_leave, but not
 * during the callbacks of the bus: so whoever waits for the device lock does not hold up one that
 * wants to be alone.
 */
#pragma once

#include "cpu/cpu_cpuid.h"
#include "cpu/interpreter/cpu_access.h"

/* Shared by the vCPUs of a set. */
struct cpu_shared {
    uint32_t exclusive;       /* [a] 1 + index of the vCPU that wants to be or is alone; 0: none */
    uint32_t alive;           /* vCPUs that are not freed */
    struct cpu_config config; /* [I] tsc_khz is set */
    struct cpu_features features; /* [I] */
    struct vcpu_lapic_set lapics;
};

/* The vCPU's thread. cpu_guest_enter waits while another one is alone, and does nothing outside of
 * cpu_run (a state is read or loaded); cpu_guest_leave takes the
 * guest's state out of the host's FPU, so that anything may be called then. */
void cpu_guest_enter(struct cpu *cpu);
void cpu_guest_leave(struct cpu *cpu);
