/* What the files of the local APIC share. */
#pragma once

#include "vcpu/vcpu_lapic.h"

/* Offsets of the registers in the page (SDM 3A table 11-1); an x2APIC MSR is 0x800 + offset / 16.
 */
enum {
    LAPIC_ID = 0x20,
    LAPIC_VERSION = 0x30,
    LAPIC_TPR = 0x80,
    LAPIC_APR = 0x90,
    LAPIC_PPR = 0xa0,
    LAPIC_EOI = 0xb0,
    LAPIC_RRD = 0xc0,
    LAPIC_LDR = 0xd0,
    LAPIC_DFR = 0xe0,
    LAPIC_SVR = 0xf0,
    LAPIC_ISR = 0x100,
    LAPIC_TMR = 0x180,
    LAPIC_IRR = 0x200,
    LAPIC_ESR = 0x280,
    LAPIC_ICR_LOW = 0x300,
    LAPIC_ICR_HIGH = 0x310,
    LAPIC_LVT = 0x320, /* timer, thermal, perf, LINT0, LINT1, error: 16 bytes each */
    LAPIC_INITIAL_COUNT = 0x380,
    LAPIC_CURRENT_COUNT = 0x390,
    LAPIC_DIVIDE = 0x3e0,
    LAPIC_SELF_IPI = 0x3f0,
};

enum {
    LAPIC_BASE_BSP = 1u << 8,
    LAPIC_BASE_X2 = 1u << 10,
    LAPIC_BASE_ENABLE = 1u << 11,
    LAPIC_SVR_ENABLE = 1u << 8,
    LAPIC_LVT_MASKED = 1u << 16,
    LAPIC_ERROR_SEND_VECTOR = 1u << 5,
    LAPIC_ERROR_RECEIVE_VECTOR = 1u << 6,
    LAPIC_ERROR_REGISTER = 1u << 7,
};

enum lapic_delivery {
    LAPIC_FIXED = 0,
    LAPIC_LOWEST = 1,
    LAPIC_SMI = 2,
    LAPIC_NMI = 4,
    LAPIC_INIT = 5,
    LAPIC_SIPI = 6,
    LAPIC_EXTINT = 7,
};

static inline uint32_t lapic_load(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline void lapic_store(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static inline uint64_t lapic_base(const struct vcpu_lapic *lapic)
{
    return __atomic_load_n(&lapic->apic_base, __ATOMIC_RELAXED);
}

static inline bool lapic_is_enabled(const struct vcpu_lapic *lapic)
{
    return (lapic_base(lapic) & LAPIC_BASE_ENABLE) != 0;
}

static inline bool lapic_is_x2(const struct vcpu_lapic *lapic)
{
    return lapic_is_enabled(lapic) && (lapic_base(lapic) & LAPIC_BASE_X2) != 0;
}

/* The registers as after INIT; nothing is told and the timer is not touched. */
void vcpu_lapic_clear(struct vcpu_lapic *lapic);

/* Records errors and raises the error interrupt. Any thread. */
void vcpu_lapic_error(struct vcpu_lapic *lapic, uint32_t errors);

/* An interrupt arrives: sets IRR. Any thread. */
void vcpu_lapic_accept(struct vcpu_lapic *lapic, uint8_t vector, bool level);

/* An entry of the local vector table is triggered. Any thread. */
void vcpu_lapic_trigger(struct vcpu_lapic *lapic, enum vcpu_lapic_lvt which);

/* Carries out the interrupt command in icr_low and icr_high. Owner. */
void vcpu_lapic_send(struct vcpu_lapic *lapic);

/* ---- timer; owner ---- */
void vcpu_lapic_timer_init(struct vcpu_lapic *lapic);
uint32_t vcpu_lapic_timer_count(const struct vcpu_lapic *lapic);
void vcpu_lapic_timer_set_initial(struct vcpu_lapic *lapic, uint32_t count);
void vcpu_lapic_timer_set_divide(struct vcpu_lapic *lapic, uint32_t divide);
void vcpu_lapic_timer_set_lvt(struct vcpu_lapic *lapic, uint32_t lvt);
/* Goes on counting from `count`. */
void vcpu_lapic_timer_resume(struct vcpu_lapic *lapic, uint32_t count);
void vcpu_lapic_timer_stop(struct vcpu_lapic *lapic);
