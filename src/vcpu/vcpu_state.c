/* The architectural state of an x86 CPU after RESET#. */
#include "vcpu/vcpu_state.h"

#include "base/memops.h"

enum {
    SEGMENT_DATA = 0x0093, /* present, writable, accessed */
    SEGMENT_CODE = 0x009b,
    SEGMENT_LDT = 0x0082,
    SEGMENT_TSS = 0x008b,
};

static void put(uint8_t *page, uint32_t offset, uint32_t value)
{
    memcpy(page + offset, &value, sizeof value);
}

/* Registers of the local APIC after power-up (SDM 3A 11.4.7.1). */
static void reset_lapic(uint8_t *page, uint32_t apic_id)
{
    put(page, 0x20, apic_id << 24);
    put(page, 0x30, 0x00050014);
    put(page, 0xe0, UINT32_MAX);
    put(page, 0xf0, 0xff);
    for (uint32_t lvt = 0x320; lvt <= 0x370; lvt += 0x10) {
        put(page, lvt, 1u << 16);
    }
}

void vcpu_state_reset(struct vcpu_state *state, uint32_t apic_id, bool boot_processor)
{
    const uint16_t fcw = 0x40;
    const uint32_t mxcsr = 0x1f80;

    memset(state, 0, sizeof *state);
    state->rip = 0xfff0;
    state->rflags = 2;
    for (unsigned i = 0; i < 6; i++) {
        state->segments[i].limit = 0xffff;
        state->segments[i].attributes = SEGMENT_DATA;
    }
    state->segments[1].selector = 0xf000;
    state->segments[1].base = 0xffff0000;
    state->segments[1].attributes = SEGMENT_CODE;
    state->ldtr.limit = 0xffff;
    state->ldtr.attributes = SEGMENT_LDT;
    state->tr.limit = 0xffff;
    state->tr.attributes = SEGMENT_TSS;
    state->gdtr.limit = 0xffff;
    state->idtr.limit = 0xffff;
    state->cr0 = 0x60000010;
    state->xcr0 = 1;
    state->dr6 = 0xffff0ff0;
    state->dr7 = 0x400;
    state->pat = UINT64_C(0x0007040600070406);
    state->misc_enable = 1; /* fast strings */
    state->kvm_poll_control = 1;
    state->apic_base = 0xfee00000 | 1u << 11 | (boot_processor ? 1u << 8 : 0);
    state->activity = boot_processor ? VCPU_RUNNING : VCPU_WAIT_FOR_SIPI;
    reset_lapic(state->lapic, apic_id);

    /* The x87 control word, the tags as FXSAVE has them (5555h: no register is empty), MXCSR;
     * XSTATE_BV names x87 and SSE. */
    memcpy(state->xsave, &fcw, sizeof fcw);
    state->xsave[4] = 0xff;
    memcpy(state->xsave + 24, &mxcsr, sizeof mxcsr);
    state->xsave[512] = 3;
}
