/* Model-specific registers, and what guests ask KVM for. The vCPU's thread. */
#pragma once

#include "cpu/interpreter/cpu_struct.h"

/* false: #GP, nothing changed. */
bool cpu_msr_read(struct cpu *cpu, uint32_t msr, uint64_t *ret_value);
bool cpu_msr_write(struct cpu *cpu, uint32_t msr, uint64_t value);

/* VMCALL, VMMCALL: the result for RAX. */
int64_t cpu_hypercall(struct cpu *cpu, uint64_t number, const uint64_t arguments[4]);
