/*
 * Where interrupt messages go: destinations of MSIs and interrupt commands (SDM 3A 11.6.2, 11.11,
 * 11.12.10), and what arrives there. Nothing here takes a lock: a local APIC that is changing its
 * ID or mode while a message is under way may miss it, as on hardware.
 */
#include "vcpu/vcpu_lapic_priv.h"

struct message {
    uint32_t target; /* ID or logical set */
    bool wide;       /* 32-bit destination (sent in x2APIC mode) */
    bool logical;
    bool level;
    bool assert;
    uint8_t vector;
    enum lapic_delivery delivery;
};

static bool is_broadcast(const struct message *message)
{
    return message->target == (message->wide ? UINT32_MAX : 0xffu);
}

static bool matches_logical(const struct vcpu_lapic *lapic, uint32_t target)
{
    uint32_t ldr = lapic_load(&lapic->ldr);

    if (lapic_is_x2(lapic)) {
        return ldr >> 16 == target >> 16 && (ldr & target & 0xffff) != 0;
    }
    ldr >>= 24;
    if (lapic_load(&lapic->dfr) >> 28 == 0xf) {
        return (ldr & target & 0xff) != 0;
    }
    return ldr >> 4 == ((target >> 4) & 0xf) && (ldr & target & 0xf) != 0;
}

static bool matches(const struct vcpu_lapic *lapic, const struct message *message)
{
    if (!lapic_is_enabled(lapic)) {
        return false;
    }
    if (is_broadcast(message)) {
        return true;
    }
    if (message->logical) {
        return matches_logical(lapic, message->target);
    }
    return message->target == (lapic_is_x2(lapic) ? lapic->apic_id : lapic_load(&lapic->id) >> 24);
}

static void deliver(struct vcpu_lapic *lapic, const struct message *message)
{
    switch (message->delivery) {
    case LAPIC_FIXED:
    case LAPIC_LOWEST:
        vcpu_lapic_accept(lapic, message->vector, message->level);
        return;
    case LAPIC_NMI:
        lapic->ops->nmi(lapic->cpu);
        return;
    case LAPIC_INIT:
        if (message->assert) {
            lapic->ops->init(lapic->cpu);
        }
        return;
    case LAPIC_SIPI:
        lapic->ops->sipi(lapic->cpu, message->vector);
        return;
    case LAPIC_SMI:
    case LAPIC_EXTINT:
        return; /* no system management mode; ExtINT comes over the PIC's line alone */
    }
}

/* Of the local APICs that the message names, the one with the lowest priority gets it. */
static void deliver_lowest(struct vcpu_lapic_set *set, const struct message *message)
{
    unsigned start = __atomic_fetch_add(&set->lowest_next, 1, __ATOMIC_RELAXED);
    struct vcpu_lapic *best = NULL;
    uint32_t best_ppr = UINT32_MAX;

    for (unsigned i = 0; i < set->count; i++) {
        struct vcpu_lapic *lapic = set->lapics[(start + i) % set->count];
        uint32_t ppr = lapic_load(&lapic->ppr);
        if (ppr < best_ppr && (lapic_load(&lapic->svr) & LAPIC_SVR_ENABLE) != 0 &&
            matches(lapic, message)) {
            best = lapic;
            best_ppr = ppr;
        }
    }
    if (best != NULL) {
        deliver(best, message);
    }
}

static void route(struct vcpu_lapic_set *set, const struct message *message)
{
    if (message->delivery == LAPIC_LOWEST) {
        deliver_lowest(set, message);
        return;
    }
    for (unsigned i = 0; i < set->count; i++) {
        if (matches(set->lapics[i], message)) {
            deliver(set->lapics[i], message);
        }
    }
}

void vcpu_lapic_send(struct vcpu_lapic *lapic)
{
    bool wide = lapic_is_x2(lapic);
    unsigned shorthand = (lapic->icr_low >> 18) & 3;
    struct message message = {
        .target = wide ? lapic->icr_high : lapic->icr_high >> 24,
        .wide = wide,
        .logical = (lapic->icr_low & (1u << 11)) != 0,
        /* Interrupt commands are edge-triggered but for INIT (SDM 3A 11.6.1). */
        .level = false,
        .assert = (lapic->icr_low & (1u << 14)) != 0 || (lapic->icr_low & (1u << 15)) == 0,
        .vector = (uint8_t)lapic->icr_low,
        .delivery = (enum lapic_delivery)((lapic->icr_low >> 8) & 7),
    };

    if (message.delivery <= LAPIC_LOWEST && message.vector < 16) {
        vcpu_lapic_error(lapic, LAPIC_ERROR_SEND_VECTOR);
        return;
    }
    if (shorthand == 0) {
        route(lapic->set, &message);
        return;
    }
    if (shorthand == 1) {
        deliver(lapic, &message);
        return;
    }
    for (unsigned i = 0; i < lapic->set->count; i++) {
        struct vcpu_lapic *other = lapic->set->lapics[i];
        if (lapic_is_enabled(other) && (shorthand == 2 || other != lapic)) {
            deliver(other, &message);
        }
    }
}

void vcpu_lapic_msi(struct vcpu_lapic_set *set, uint64_t address, uint32_t data)
{
    struct message message = {
        .target = (address >> 12) & 0xff,
        .logical = (address & 4) != 0,
        .level = (data & (1u << 15)) != 0,
        .assert = true,
        .vector = (uint8_t)data,
        .delivery = (enum lapic_delivery)((data >> 8) & 7),
    };

    route(set, &message);
}

void vcpu_lapic_inject(struct vcpu_lapic *lapic, uint8_t vector)
{
    vcpu_lapic_accept(lapic, vector, false);
}

void vcpu_lapic_pic_line(struct vcpu_lapic_set *set, bool level)
{
    for (unsigned i = 0; i < set->count; i++) {
        struct vcpu_lapic *lapic = set->lapics[i];
        uint32_t before = __atomic_exchange_n(&lapic->pic_level, level, __ATOMIC_ACQ_REL);
        if (level && before == 0) {
            if (lapic_is_enabled(lapic)) {
                vcpu_lapic_trigger(lapic, VCPU_LVT_LINT0);
            } else {
                lapic->ops->notify(lapic->cpu);
            }
        }
    }
}
