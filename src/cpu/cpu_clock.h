/*
 * The time-stamp counter: the machine's clock in the guest's frequency, plus the vCPU's offset.
 * The vCPU's thread.
 */
#pragma once

#include "cpu/interpreter/cpu_struct.h"

/* The guest's TSC now. */
uint64_t cpu_tsc(const struct cpu *cpu);
/* Its frequency; the offset stays. */
void cpu_tsc_frequency(struct cpu *cpu, uint32_t khz);
/* WRMSR of the TSC and of IA32_TSC_ADJUST: the offset, and what follows from it, changes. */
void cpu_tsc_set(struct cpu *cpu, uint64_t value);
void cpu_tsc_adjust(struct cpu *cpu, uint64_t adjust);
/* IA32_TSC_DEADLINE. */
void cpu_tsc_deadline(struct cpu *cpu, uint64_t value);

/* KVM's paravirtual clock (kernel: Documentation/virt/kvm/x86/msr.rst): writes the page that the
 * MSR names. */
void cpu_kvm_clock_update(struct cpu *cpu);
void cpu_kvm_wall_clock(struct cpu *cpu, uint64_t address);
