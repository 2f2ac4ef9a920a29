/* The outer loop: events, deliveries and runs of instructions; see cpu_run.c. */
#pragma once

#include "cpu/interpreter/cpu_struct.h"

/* vcpu_ops.run. */
void cpu_run(struct vcpu *vcpu, struct vcpu_exit *ret_exit);

/* vcpu_ops.has_work. Any thread. */
bool cpu_has_work(struct vcpu *vcpu);

/* ---- state (cpu_state.c) ---- */
int cpu_get_state(struct vcpu *vcpu, struct vcpu_state *ret_state);
int cpu_set_state(struct vcpu *vcpu, const struct vcpu_state *state, struct st_err *err);

/* What INIT resets (SDM 3A table 10-1): all but the FPU, MTRRs, clocks and most MSRs. */
void cpu_init_reset(struct cpu *cpu);
