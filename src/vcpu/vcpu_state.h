/*
 * The architectural state of an x86 CPU, neutral of who runs it. What a snapshot holds and a
 * debugger sees. Values are as the guest would read them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { VCPU_XSAVE_BYTES = 4096, VCPU_LAPIC_BYTES = 1024, VCPU_MTRR_VARIABLE = 8 };

/* A segment register with its hidden part. */
struct vcpu_segment {
    uint64_t base;
    uint32_t limit; /* in bytes, granularity applied */
    uint16_t selector;
    uint16_t attributes; /* descriptor bits 40-47 in 0-7 (type, S, DPL, P), 52-55 in 12-15 (AVL, L,
                          * D/B, G); P clear: unusable (a null selector) */
};

enum vcpu_activity {
    VCPU_RUNNING,
    VCPU_HALTED,
    VCPU_WAIT_FOR_SIPI,
    VCPU_SHUT_DOWN,
};

/* What was interrupted before it was delivered. */
struct vcpu_events {
    bool exception_pending; /* to be delivered before the next instruction */
    bool exception_has_error;
    uint8_t exception_vector;
    uint32_t exception_error;
    bool interrupt_injected; /* accepted from PIC or APIC, delivery was interrupted by an exit */
    bool interrupt_soft;
    uint8_t interrupt_vector;
    bool interrupt_shadow; /* after STI or MOV SS */
    bool nmi_pending;
    bool nmi_masked; /* until IRET */
    bool init_pending;
    bool sipi_pending;
    uint8_t sipi_vector;
};

struct vcpu_mtrr {
    uint64_t base, mask;
};

struct vcpu_state {
    uint64_t gpr[16]; /* by enum x86_gpr */
    uint64_t rip;
    uint64_t rflags;
    struct vcpu_segment segments[6]; /* by enum x86_seg */
    struct vcpu_segment ldtr, tr;
    struct {
        uint64_t base;
        uint16_t limit;
    } gdtr, idtr;
    uint64_t cr0, cr2, cr3, cr4, cr8, xcr0;
    uint64_t pkru, pkrs; /* the first is no part of xsave here */
    uint64_t dr[4], dr6, dr7;

    uint64_t efer, star, lstar, cstar, sfmask, kernel_gs_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t pat, tsc_aux, misc_enable, debugctl, spec_ctrl;
    uint64_t mtrr_def_type, mtrr_fixed[11];
    struct vcpu_mtrr mtrr[VCPU_MTRR_VARIABLE];
    uint64_t mcg_status;

    /* Guest TSC = (host's clock in ns * tsc_khz / 10^6) + tsc_offset; tsc_adjust is the MSR. */
    uint64_t tsc; /* the value at the moment of get_state */
    uint64_t tsc_adjust;
    uint32_t tsc_khz;
    uint64_t tsc_deadline; /* IA32_TSC_DEADLINE; 0: not armed */

    /* KVM's paravirtual MSRs (kernel: Documentation/virt/kvm/x86/msr.rst). */
    uint64_t kvm_system_time, kvm_wall_clock, kvm_async_pf, kvm_steal_time, kvm_eoi,
        kvm_poll_control;

    uint64_t apic_base;              /* IA32_APIC_BASE */
    uint8_t lapic[VCPU_LAPIC_BYTES]; /* registers at their xAPIC offsets, ID in xAPIC or x2APIC
                                        format by apic_base */
    enum vcpu_activity activity;
    struct vcpu_events events;

    uint8_t xsave[VCPU_XSAVE_BYTES]
        __attribute__((aligned(64))); /* standard format, XSTATE_BV valid */
};

/* The state after power-up or RESET# (SDM 3A table 10-1) of a CPU with this APIC ID, the boot
 * processor or one that waits for SIPI. Clocks and features are zero: the implementation keeps its
 * own. */
void vcpu_state_reset(struct vcpu_state *state, uint32_t apic_id, bool boot_processor);
