/*
 * The local APIC's timer (SDM 3A 11.5.4). It counts at 1 GHz, as KVM's does, so a count is a
 * nanosecond before division. The current count is not kept but computed from the clock: it was
 * counter_left at counter_start_ns. Only the moment of the interrupt is given to the platform.
 */
#include "vcpu/vcpu_lapic_priv.h"

enum { MODE_SHIFT = 17, ONE_SHOT = 0, PERIODIC = 1, DEADLINE = 2, SHORTEST_PERIOD_NS = 20000 };

static unsigned mode(const struct vcpu_lapic *lapic)
{
    return (lapic_load(&lapic->lvt[VCPU_LVT_TIMER]) >> MODE_SHIFT) & 3;
}

/* log2 of the divider: bits 3, 1, 0 are 0 (by 2) to 6 (by 128), 7 (by 1). */
static unsigned divide_shift(uint32_t divide)
{
    return (((divide & 3) | ((divide >> 1) & 4)) + 1) & 7;
}

static void set(struct vcpu_lapic *lapic, uint64_t deadline_ns, uint64_t period_ns)
{
    plat_lock(lapic->platform);
    lapic->timer_period_ns = period_ns;
    lapic->timer_next_ns = deadline_ns;
    plat_timer_set(lapic->platform, &lapic->timer, deadline_ns);
    plat_unlock(lapic->platform);
}

/* Device lock held, any thread. */
static void fire(void *argument)
{
    struct vcpu_lapic *lapic = argument;

    /* Pairs with vcpu_lapic_set_deadline under the device lock: one that was just set anew has
     * replaced this timer and does not come here. */
    __atomic_store_n(&lapic->tsc_deadline, 0, __ATOMIC_RELAXED);
    if (lapic->timer_period_ns != 0) {
        uint64_t period = ST_MAX(lapic->timer_period_ns, (uint64_t)SHORTEST_PERIOD_NS);
        uint64_t now = plat_now_ns(lapic->platform);
        /* Periods that passed while nobody looked are one interrupt; the phase stays. */
        uint64_t late = now > lapic->timer_next_ns ? now - lapic->timer_next_ns : 0;
        lapic->timer_next_ns += (late / period + 1) * period;
        plat_timer_set(lapic->platform, &lapic->timer, lapic->timer_next_ns);
    }
    vcpu_lapic_trigger(lapic, VCPU_LVT_TIMER);
}

void vcpu_lapic_timer_init(struct vcpu_lapic *lapic)
{
    lapic->timer = (struct plat_timer){
        .fire = fire,
        .argument = lapic,
        .deadline_ns = PLAT_NEVER,
    };
}

uint32_t vcpu_lapic_timer_count(const struct vcpu_lapic *lapic)
{
    uint64_t elapsed;

    if (lapic->counter_left == 0) {
        return 0;
    }
    elapsed =
        (plat_now_ns(lapic->platform) - lapic->counter_start_ns) >> divide_shift(lapic->divide);
    if (elapsed < lapic->counter_left) {
        return (uint32_t)(lapic->counter_left - elapsed);
    }
    if (mode(lapic) != PERIODIC || lapic->initial_count == 0) {
        return 0;
    }
    return (uint32_t)(lapic->initial_count -
                      (elapsed - lapic->counter_left) % lapic->initial_count);
}

void vcpu_lapic_timer_resume(struct vcpu_lapic *lapic, uint32_t count)
{
    unsigned shift = divide_shift(lapic->divide);
    uint64_t now = plat_now_ns(lapic->platform);

    lapic->counter_left = count;
    lapic->counter_start_ns = now;
    if (count == 0 || mode(lapic) > PERIODIC) {
        lapic->counter_left = 0;
        set(lapic, PLAT_NEVER, 0);
        return;
    }
    set(lapic, now + ((uint64_t)count << shift),
        mode(lapic) == PERIODIC ? (uint64_t)lapic->initial_count << shift : 0);
}

void vcpu_lapic_timer_stop(struct vcpu_lapic *lapic)
{
    lapic->counter_left = 0;
    set(lapic, PLAT_NEVER, 0);
    __atomic_store_n(&lapic->tsc_deadline, 0, __ATOMIC_RELAXED);
}

void vcpu_lapic_timer_set_initial(struct vcpu_lapic *lapic, uint32_t count)
{
    if (mode(lapic) == DEADLINE) {
        return;
    }
    lapic->initial_count = count;
    vcpu_lapic_timer_resume(lapic, count);
}

void vcpu_lapic_timer_set_divide(struct vcpu_lapic *lapic, uint32_t divide)
{
    uint32_t count = vcpu_lapic_timer_count(lapic);

    lapic->divide = divide & 0xb;
    if (mode(lapic) != DEADLINE) {
        vcpu_lapic_timer_resume(lapic, count);
    }
}

void vcpu_lapic_timer_set_lvt(struct vcpu_lapic *lapic, uint32_t lvt)
{
    uint32_t count = vcpu_lapic_timer_count(lapic);
    unsigned before = mode(lapic), after = (lvt >> MODE_SHIFT) & 3;

    lapic_store(&lapic->lvt[VCPU_LVT_TIMER], lvt);
    if (before == after) {
        return;
    }
    if (before == DEADLINE || after == DEADLINE) {
        lapic->initial_count = 0;
        vcpu_lapic_timer_stop(lapic);
    } else {
        vcpu_lapic_timer_resume(lapic, count);
    }
}

void vcpu_lapic_set_deadline(struct vcpu_lapic *lapic, uint64_t value, uint64_t deadline_ns)
{
    bool due = value != 0 && deadline_ns <= plat_now_ns(lapic->platform);

    if (mode(lapic) != DEADLINE) {
        return;
    }
    plat_lock(lapic->platform);
    __atomic_store_n(&lapic->tsc_deadline, due ? 0 : value, __ATOMIC_RELAXED);
    lapic->timer_period_ns = 0;
    plat_timer_set(lapic->platform, &lapic->timer, value != 0 && !due ? deadline_ns : PLAT_NEVER);
    plat_unlock(lapic->platform);
    if (due) {
        /* Before the next instruction, as a CPU does it. */
        vcpu_lapic_trigger(lapic, VCPU_LVT_TIMER);
    }
}

uint64_t vcpu_lapic_deadline(const struct vcpu_lapic *lapic)
{
    return __atomic_load_n(&lapic->tsc_deadline, __ATOMIC_RELAXED);
}
