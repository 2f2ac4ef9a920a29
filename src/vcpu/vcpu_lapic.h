/*
 * The local APIC of a software vCPU (SDM 3A chapter 11): xAPIC and x2APIC registers, its timer, and
 * the routing of interrupts between the local APICs of one machine. Hardware-assisted CPUs that
 * have their own (KVM) don't use it.
 *
 * Threads. Registers belong to the vCPU's thread; what comes in (vcpu_lapic_msi, other CPUs' IPIs,
 * the timer, the PIC's line) only sets bits by atomics, from any thread, and calls ops->notify.
 * Fields are marked: [I] immutable, [o] the owner's, [a] atomic, written by any thread or by the
 * owner alone but read by others, [l] device lock. Functions take the device lock for a moment to
 * set the timer, so the owner calls them without it; those marked "any thread" never take it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "platform/platform.h"
#include "vcpu/vcpu.h"
#include "vcpu/vcpu_state.h"

struct vcpu_lapic;

/* What a local APIC asks of its CPU. All are set. None may take the device lock or a lock under
 * which vcpu_lapic_* is called; all but eoi come from any thread. */
struct vcpu_lapic_ops {
    /* There may be an interrupt to take: look at vcpu_lapic_pending and vcpu_lapic_pic_pending
     * before the next instruction. Also called on the owner's thread, when a register write makes
     * an interrupt deliverable. */
    void (*notify)(void *cpu);
    void (*nmi)(void *cpu);
    void (*init)(void *cpu);
    void (*sipi)(void *cpu, uint8_t vector);
    /* End of a level-triggered interrupt, for the IOAPICs. Owner's thread. */
    void (*eoi)(void *cpu, uint8_t vector);
};

/* The local APICs of one machine, for routing. Zeroed, then filled by vcpu_lapic_init. */
struct vcpu_lapic_set {
    struct vcpu_lapic *lapics[VCPU_MAX]; /* [I] once all CPUs are made */
    unsigned count;                      /* [I] */
    uint32_t lowest_next;                /* [a] where the search for lowest priority begins */
};

enum vcpu_lapic_lvt {
    VCPU_LVT_TIMER,
    VCPU_LVT_THERMAL,
    VCPU_LVT_PERF,
    VCPU_LVT_LINT0,
    VCPU_LVT_LINT1,
    VCPU_LVT_ERROR,
    VCPU_LVTS
};

struct vcpu_lapic {
    const struct vcpu_lapic_ops *ops; /* [I] */
    void *cpu;                        /* [I] argument of ops */
    struct vcpu_lapic_set *set;       /* [I] */
    struct platform *platform;        /* [I] */
    uint32_t apic_id;                 /* [I] initial APIC ID, all of x2APIC's */
    uint8_t physical_bits;            /* [I] for IA32_APIC_BASE's reserved bits */

    uint64_t apic_base;      /* [a] IA32_APIC_BASE; owner writes */
    uint32_t id;             /* [a] xAPIC's ID register, 31-24; owner writes */
    uint32_t ldr, dfr, svr;  /* [a] owner writes */
    uint32_t ppr;            /* [a] owner writes */
    uint32_t lvt[VCPU_LVTS]; /* [a] owner writes */
    uint32_t irr[8], tmr[8]; /* [a] */
    uint32_t error_pending;  /* [a] errors since ESR was written last */
    uint32_t pic_level;      /* [a] level of LINT0 */
    uint64_t tsc_deadline;   /* [a] IA32_TSC_DEADLINE, 0: not armed */

    uint32_t tpr, isr[8];      /* [o] */
    uint32_t esr;              /* [o] as last latched */
    uint32_t icr_low;          /* [o] */
    uint32_t icr_high;         /* [o] destination: 31-24 in xAPIC mode, all in x2APIC mode */
    uint32_t initial_count;    /* [o] */
    uint32_t divide;           /* [o] divide configuration register */
    uint32_t counter_left;     /* [o] current count at counter_start_ns, 0: stopped */
    uint64_t counter_start_ns; /* [o] */

    struct plat_timer timer;  /* [l] */
    uint64_t timer_period_ns; /* [l] 0: not periodic */
    uint64_t timer_next_ns;   /* [l] when a periodic one fires next */
};

/* Makes a local APIC as after power-up and puts it into the set. Storage is the caller's and stays
 * where it is until vcpu_lapic_done. */
void vcpu_lapic_init(struct vcpu_lapic *lapic, struct vcpu_lapic_set *set,
                     struct platform *platform, uint32_t apic_id, uint8_t physical_bits,
                     const struct vcpu_lapic_ops *ops, void *cpu);

/* Stops the timer. No thread of the machine runs. */
void vcpu_lapic_done(struct vcpu_lapic *lapic);

/* What INIT does to it (SDM 3A 11.4.7.3): all registers as after power-up but the APIC ID and
 * IA32_APIC_BASE. Owner. */
void vcpu_lapic_reset(struct vcpu_lapic *lapic);

/* Registers from and to the architectural state: apic_base, the 1 KiB page, tsc_deadline (the
 * caller arms it by vcpu_lapic_set_deadline). Owner, or vCPU stopped. */
void vcpu_lapic_save(struct vcpu_lapic *lapic, struct vcpu_state *ret_state);
void vcpu_lapic_load(struct vcpu_lapic *lapic, const struct vcpu_state *state);

/* ---- how the CPU reaches the registers; owner ---- */

/* Whether the physical address is in the register page: xAPIC mode and within its 4 KiB. Ask before
 * mapping a page of RAM: the page lies over whatever is below it. */
bool vcpu_lapic_covers(const struct vcpu_lapic *lapic, uint64_t address);

/* Accesses to the page; offset 0-4095, size 1 to 8. Only aligned 4-byte accesses are defined by the
 * manual; others read what overlaps the register and write nothing. */
uint64_t vcpu_lapic_mmio_read(struct vcpu_lapic *lapic, uint32_t offset, unsigned size);
void vcpu_lapic_mmio_write(struct vcpu_lapic *lapic, uint32_t offset, unsigned size,
                           uint64_t value);

/* RDMSR and WRMSR of 0x800 to 0x8ff. false: #GP (not in x2APIC mode, no such register, reserved
 * bits). */
bool vcpu_lapic_msr_read(struct vcpu_lapic *lapic, uint32_t msr, uint64_t *ret_value);
bool vcpu_lapic_msr_write(struct vcpu_lapic *lapic, uint32_t msr, uint64_t value);

/* WRMSR of IA32_APIC_BASE. false: #GP (reserved bits, a change of mode that is not allowed). What
 * is mapped may have changed: the CPU flushes TLB entries of the old and new page, and CPUID's APIC
 * bit follows bit 11. RDMSR: the field apic_base. */
bool vcpu_lapic_set_base(struct vcpu_lapic *lapic, uint64_t value);

/* CR8: bits 7-4 of the task priority, 0 to 15. */
uint8_t vcpu_lapic_cr8(const struct vcpu_lapic *lapic);
void vcpu_lapic_set_cr8(struct vcpu_lapic *lapic, uint8_t value);

/* IA32_TSC_DEADLINE. `value` is the guest's, deadline_ns the same moment on plat_now_ns's clock,
 * rounded up (the CPU knows its TSC; when that is changed it calls this again with the value read).
 * value 0 disarms. Ignored unless the timer is in TSC-deadline mode; reads are 0 then and after it
 * fired. */
void vcpu_lapic_set_deadline(struct vcpu_lapic *lapic, uint64_t value, uint64_t deadline_ns);
uint64_t vcpu_lapic_deadline(const struct vcpu_lapic *lapic);

/* ---- taking interrupts ---- */

/* The vector that the CPU would be given if RFLAGS.IF is set, -1: none. Any thread (exact on the
 * owner's). */
int vcpu_lapic_pending(const struct vcpu_lapic *lapic);

/* The CPU takes the pending interrupt now: moves it from IRR to ISR. Returns the vector; -1: there
 * is none. Owner. */
int vcpu_lapic_acknowledge(struct vcpu_lapic *lapic);

/* Whether the PIC asks for an interrupt and gets through to the CPU: LINT0 is in the mode ExtINT
 * and not masked, or the APIC is switched off by IA32_APIC_BASE. Takes precedence over the APIC's
 * own. The vector is given by vcpu_bus.pic_acknowledge. Any thread. */
bool vcpu_lapic_pic_pending(const struct vcpu_lapic *lapic);

/* As a write to the EOI register; for KVM's paravirtual EOI. Owner. */
void vcpu_lapic_eoi(struct vcpu_lapic *lapic);

/* For KVM's paravirtual EOI: the vector in service if its EOI may be left out for now: edge
 * triggered, alone in ISR, and nothing waits in IRR. -1: the guest must write EOI. Owner. */
int vcpu_lapic_skippable(const struct vcpu_lapic *lapic);

/* ---- what comes in; any thread ---- */

/* A message-signalled interrupt (SDM 3A 11.11), from devices and the IOAPIC. */
void vcpu_lapic_msi(struct vcpu_lapic_set *set, uint64_t address, uint32_t data);

/* The level of the PIC's INTR, wired to LINT0 of every local APIC. */
void vcpu_lapic_pic_line(struct vcpu_lapic_set *set, bool level);

/* A fixed interrupt that the CPU itself or its supervisor makes (KVM's PV IPI hypercall): vector
 * 16 to 255, edge-triggered. */
void vcpu_lapic_inject(struct vcpu_lapic *lapic, uint8_t vector);
