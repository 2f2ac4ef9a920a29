/*
 * How the CPU and its local APIC meet: memory-mapped accesses, what the APIC tells the CPU, and
 * KVM's paravirtual end of interrupt.
 */
#pragma once

#include "cpu/interpreter/cpu_struct.h"

extern const struct vcpu_lapic_ops cpu_lapic_ops;

/* Whether the physical address is in this vCPU's memory-mapped APIC. */
static inline bool cpu_lapic_at(const struct cpu *cpu, uint64_t physical)
{
    return vcpu_lapic_covers(&cpu->lapic, physical);
}

uint64_t cpu_lapic_mmio_read(struct cpu *cpu, uint64_t physical, unsigned size);
void cpu_lapic_mmio_write(struct cpu *cpu, uint64_t physical, unsigned size, uint64_t value);

/* An NMI for this CPU. Any thread. */
void cpu_nmi(struct cpu *cpu);

/* Paravirtual EOI: before the APIC's state is looked at, what the guest did with the flag is
 * settled; after an interrupt was taken, the flag may be set. */
void cpu_pv_eoi_settle(struct cpu *cpu);
void cpu_pv_eoi_offer(struct cpu *cpu);
