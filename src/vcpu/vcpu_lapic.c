/*
 * The local APIC's registers (SDM 3A 11.4 to 11.8, 11.12). In x2APIC mode they are MSRs with the
 * same meaning, so both doors lead to register_read and register_write; what differs (ICR of 64
 * bits, no DFR, reserved bits fault) is at the x2APIC door.
 */
#include "vcpu/vcpu_lapic.h"

#include "base/memops.h"
#include "vcpu/vcpu_lapic_priv.h"

enum {
    VERSION = 0x14 | ((VCPU_LVTS - 1) << 16),
    ICR_BITS = 0x000ccfff, /* vector, mode, destination mode, level, trigger, shorthand */
};

static const uint32_t lvt_bits[VCPU_LVTS] = {
    [VCPU_LVT_TIMER] = 0x700ff, [VCPU_LVT_THERMAL] = 0x107ff, [VCPU_LVT_PERF] = 0x107ff,
    [VCPU_LVT_LINT0] = 0x1a7ff, [VCPU_LVT_LINT1] = 0x1a7ff,   [VCPU_LVT_ERROR] = 0x100ff,
};

/* The highest vector in a 256-bit set, -1: empty. */
static int highest(const uint32_t words[8])
{
    for (int i = 7; i >= 0; i--) {
        uint32_t word = lapic_load(&words[i]);
        if (word != 0) {
            return i * 32 + 31 - __builtin_clz(word);
        }
    }
    return -1;
}

/* Recomputes the processor priority; what it held back may be deliverable now. */
static void update_priority(struct vcpu_lapic *lapic)
{
    int service = highest(lapic->isr);
    uint32_t in_service = service < 0 ? 0 : (uint32_t)service & 0xf0;

    lapic_store(&lapic->ppr, (lapic->tpr & 0xf0) >= in_service ? lapic->tpr : in_service);
    if (vcpu_lapic_pending(lapic) >= 0) {
        lapic->ops->notify(lapic->cpu);
    }
}

void vcpu_lapic_accept(struct vcpu_lapic *lapic, uint8_t vector, bool level)
{
    uint32_t bit = 1u << (vector & 31), before;
    unsigned word = vector / 32;

    if (vector < 16) {
        vcpu_lapic_error(lapic, LAPIC_ERROR_RECEIVE_VECTOR);
        return;
    }
    if ((lapic_load(&lapic->svr) & LAPIC_SVR_ENABLE) == 0 || !lapic_is_enabled(lapic)) {
        return;
    }
    if (level) {
        __atomic_fetch_or(&lapic->tmr[word], bit, __ATOMIC_RELAXED);
    } else {
        __atomic_fetch_and(&lapic->tmr[word], ~bit, __ATOMIC_RELAXED);
    }
    /* Pairs with vcpu_lapic_acknowledge: who sees the request sees its trigger mode. */
    before = __atomic_fetch_or(&lapic->irr[word], bit, __ATOMIC_ACQ_REL);
    if ((before & bit) == 0) {
        lapic->ops->notify(lapic->cpu);
    }
}

void vcpu_lapic_trigger(struct vcpu_lapic *lapic, enum vcpu_lapic_lvt which)
{
    uint32_t lvt = lapic_load(&lapic->lvt[which]);
    bool level = which == VCPU_LVT_LINT0 && (lvt & (1u << 15)) != 0;

    if ((lvt & LAPIC_LVT_MASKED) != 0) {
        return;
    }
    if (which == VCPU_LVT_TIMER || which == VCPU_LVT_ERROR) {
        vcpu_lapic_accept(lapic, (uint8_t)lvt, false);
        return;
    }
    switch ((lvt >> 8) & 7) {
    case LAPIC_FIXED:
        vcpu_lapic_accept(lapic, (uint8_t)lvt, level);
        break;
    case LAPIC_NMI:
        lapic->ops->nmi(lapic->cpu);
        break;
    case LAPIC_INIT:
        lapic->ops->init(lapic->cpu);
        break;
    case LAPIC_EXTINT:
        lapic->ops->notify(lapic->cpu);
        break;
    default:
        break;
    }
}

void vcpu_lapic_error(struct vcpu_lapic *lapic, uint32_t errors)
{
    uint32_t before = __atomic_fetch_or(&lapic->error_pending, errors, __ATOMIC_RELAXED);
    uint32_t lvt = lapic_load(&lapic->lvt[VCPU_LVT_ERROR]);

    /* An error vector below 16 is itself an error: told once, not without end. */
    if ((before & errors) != errors && (lvt & 0xff) >= 16) {
        vcpu_lapic_trigger(lapic, VCPU_LVT_ERROR);
    }
}

int vcpu_lapic_pending(const struct vcpu_lapic *lapic)
{
    int vector = highest(lapic->irr);

    if (vector < 0 || ((uint32_t)vector & 0xf0) <= (lapic_load(&lapic->ppr) & 0xf0) ||
        (lapic_load(&lapic->svr) & LAPIC_SVR_ENABLE) == 0 || !lapic_is_enabled(lapic)) {
        return -1;
    }
    return vector;
}

int vcpu_lapic_acknowledge(struct vcpu_lapic *lapic)
{
    int vector = vcpu_lapic_pending(lapic);

    if (vector >= 0) {
        uint32_t bit = 1u << (vector & 31);
        __atomic_fetch_and(&lapic->irr[vector / 32], ~bit, __ATOMIC_ACQ_REL);
        lapic->isr[vector / 32] |= bit;
        lapic_store(&lapic->ppr, (uint32_t)vector & 0xf0);
    }
    return vector;
}

bool vcpu_lapic_pic_pending(const struct vcpu_lapic *lapic)
{
    uint32_t lvt = lapic_load(&lapic->lvt[VCPU_LVT_LINT0]);

    if (__atomic_load_n(&lapic->pic_level, __ATOMIC_ACQUIRE) == 0) {
        return false;
    }
    return !lapic_is_enabled(lapic) ||
           ((lvt & LAPIC_LVT_MASKED) == 0 && ((lvt >> 8) & 7) == LAPIC_EXTINT);
}

void vcpu_lapic_eoi(struct vcpu_lapic *lapic)
{
    int vector = highest(lapic->isr);
    uint32_t bit = 1u << (vector & 31);

    if (vector < 0) {
        return;
    }
    lapic->isr[vector / 32] &= ~bit;
    if ((lapic_load(&lapic->tmr[vector / 32]) & bit) != 0) {
        lapic->ops->eoi(lapic->cpu, (uint8_t)vector);
    }
    update_priority(lapic);
}

int vcpu_lapic_skippable(const struct vcpu_lapic *lapic)
{
    int vector = highest(lapic->isr), bits = 0;

    for (unsigned i = 0; i < 8; i++) {
        bits += __builtin_popcount(lapic->isr[i]);
    }
    if (bits != 1 || highest(lapic->irr) >= 0 ||
        (lapic_load(&lapic->tmr[vector / 32]) & (1u << (vector & 31))) != 0) {
        return -1;
    }
    return vector;
}

/* ---- registers ---- */

static bool register_read(struct vcpu_lapic *lapic, uint32_t offset, uint32_t *ret_value)
{
    unsigned word = (offset >> 4) & 7;

    if (offset >= LAPIC_ISR && offset < LAPIC_ESR) {
        const uint32_t *words = offset < LAPIC_TMR   ? lapic->isr
                                : offset < LAPIC_IRR ? lapic->tmr
                                                     : lapic->irr;
        *ret_value = lapic_load(&words[word]);
        return true;
    }
    if (offset >= LAPIC_LVT && offset < LAPIC_LVT + 16 * VCPU_LVTS) {
        *ret_value = lapic->lvt[(offset - LAPIC_LVT) >> 4];
        return true;
    }
    switch (offset) {
    case LAPIC_ID:
        *ret_value = lapic_is_x2(lapic) ? lapic->apic_id : lapic->id;
        return true;
    case LAPIC_VERSION:
        *ret_value = VERSION;
        return true;
    case LAPIC_TPR:
        *ret_value = lapic->tpr;
        return true;
    case LAPIC_PPR:
        *ret_value = lapic->ppr;
        return true;
    case LAPIC_LDR:
        *ret_value = lapic->ldr;
        return true;
    case LAPIC_SVR:
        *ret_value = lapic->svr;
        return true;
    case LAPIC_ESR:
        *ret_value = lapic->esr;
        return true;
    case LAPIC_ICR_LOW:
        *ret_value = lapic->icr_low;
        return true;
    case LAPIC_INITIAL_COUNT:
        *ret_value = lapic->initial_count;
        return true;
    case LAPIC_CURRENT_COUNT:
        *ret_value = vcpu_lapic_timer_count(lapic);
        return true;
    case LAPIC_DIVIDE:
        *ret_value = lapic->divide;
        return true;
    default:
        return false;
    }
}

static void write_svr(struct vcpu_lapic *lapic, uint32_t value)
{
    lapic_store(&lapic->svr, value & 0x3ff);
    if ((value & LAPIC_SVR_ENABLE) == 0) {
        for (unsigned i = 0; i < VCPU_LVTS; i++) {
            lapic_store(&lapic->lvt[i], lapic->lvt[i] | LAPIC_LVT_MASKED);
        }
    }
    update_priority(lapic);
}

static void write_lvt(struct vcpu_lapic *lapic, enum vcpu_lapic_lvt which, uint32_t value)
{
    value &= lvt_bits[which];
    if ((lapic->svr & LAPIC_SVR_ENABLE) == 0) {
        value |= LAPIC_LVT_MASKED;
    }
    if (which == VCPU_LVT_TIMER) {
        vcpu_lapic_timer_set_lvt(lapic, value);
        return;
    }
    lapic_store(&lapic->lvt[which], value);
    if (vcpu_lapic_pic_pending(lapic)) {
        lapic->ops->notify(lapic->cpu);
    }
}

/* The registers that both modes write alike. false: there is none to write. */
static bool register_write(struct vcpu_lapic *lapic, uint32_t offset, uint32_t value)
{
    if (offset >= LAPIC_LVT && offset < LAPIC_LVT + 16 * VCPU_LVTS) {
        write_lvt(lapic, (enum vcpu_lapic_lvt)((offset - LAPIC_LVT) >> 4), value);
        return true;
    }
    switch (offset) {
    case LAPIC_TPR:
        lapic->tpr = value & 0xff;
        update_priority(lapic);
        return true;
    case LAPIC_EOI:
        vcpu_lapic_eoi(lapic);
        return true;
    case LAPIC_SVR:
        write_svr(lapic, value);
        return true;
    case LAPIC_ESR:
        lapic->esr = __atomic_exchange_n(&lapic->error_pending, 0, __ATOMIC_RELAXED);
        return true;
    case LAPIC_ICR_LOW:
        lapic->icr_low = value & ICR_BITS;
        vcpu_lapic_send(lapic);
        return true;
    case LAPIC_INITIAL_COUNT:
        vcpu_lapic_timer_set_initial(lapic, value);
        return true;
    case LAPIC_DIVIDE:
        vcpu_lapic_timer_set_divide(lapic, value);
        return true;
    default:
        return false;
    }
}

/* ---- the register page ---- */

bool vcpu_lapic_covers(const struct vcpu_lapic *lapic, uint64_t address)
{
    uint64_t base = lapic->apic_base;

    return (base & (LAPIC_BASE_ENABLE | LAPIC_BASE_X2)) == LAPIC_BASE_ENABLE &&
           (address ^ base) >> MEM_PAGE_SHIFT == 0;
}

static uint32_t xapic_read(struct vcpu_lapic *lapic, uint32_t offset)
{
    uint32_t value = 0;

    switch (offset) {
    case LAPIC_DFR:
        return lapic->dfr;
    case LAPIC_ICR_HIGH:
        return lapic->icr_high;
    case LAPIC_APR:
    case LAPIC_RRD:
    case LAPIC_EOI:
        return 0;
    default:
        if (!register_read(lapic, offset, &value)) {
            vcpu_lapic_error(lapic, LAPIC_ERROR_REGISTER);
        }
        return value;
    }
}

uint64_t vcpu_lapic_mmio_read(struct vcpu_lapic *lapic, uint32_t offset, unsigned size)
{
    unsigned at = offset & 15;

    (void)size; /* what lies beside a register is undefined: 0 */
    return at < 4 ? (uint64_t)xapic_read(lapic, offset & ~15u & 0xfff) >> (8 * at) : 0;
}

void vcpu_lapic_mmio_write(struct vcpu_lapic *lapic, uint32_t offset, unsigned size, uint64_t value)
{
    uint32_t word = (uint32_t)value;

    if ((offset & 15) != 0 || size < 4) {
        return;
    }
    switch (offset) {
    case LAPIC_ID:
        lapic_store(&lapic->id, word & 0xff000000);
        break;
    case LAPIC_LDR:
        lapic_store(&lapic->ldr, word & 0xff000000);
        break;
    case LAPIC_DFR:
        lapic_store(&lapic->dfr, word | 0x0fffffff);
        break;
    case LAPIC_ICR_HIGH:
        lapic->icr_high = word & 0xff000000;
        break;
    default:
        if (!register_write(lapic, offset & 0xfff, word)) {
            vcpu_lapic_error(lapic, LAPIC_ERROR_REGISTER);
        }
        break;
    }
}

/* ---- x2APIC ---- */

bool vcpu_lapic_msr_read(struct vcpu_lapic *lapic, uint32_t msr, uint64_t *ret_value)
{
    uint32_t offset = (msr & 0xff) << 4, value;

    if (!lapic_is_x2(lapic)) {
        return false;
    }
    if (offset == LAPIC_ICR_LOW) {
        *ret_value = (uint64_t)lapic->icr_high << 32 | lapic->icr_low;
        return true;
    }
    if (!register_read(lapic, offset, &value)) {
        return false;
    }
    *ret_value = value;
    return true;
}

/* The bits that a write may have set in x2APIC mode. */
static uint64_t writable_bits(uint32_t offset)
{
    if (offset >= LAPIC_LVT && offset < LAPIC_LVT + 16 * VCPU_LVTS) {
        /* Read-only status bits may be written with what they read as. */
        return lvt_bits[(offset - LAPIC_LVT) >> 4] | 1u << 12 | 1u << 14;
    }
    switch (offset) {
    case LAPIC_TPR:
        return 0xff;
    case LAPIC_SVR:
        return 0x3ff;
    case LAPIC_ICR_LOW:
        return UINT64_C(0xffffffff00000000) | ICR_BITS | 1u << 12;
    case LAPIC_INITIAL_COUNT:
        return UINT32_MAX;
    case LAPIC_DIVIDE:
        return 0xb;
    case LAPIC_SELF_IPI:
        return 0xff;
    default:
        return 0;
    }
}

bool vcpu_lapic_msr_write(struct vcpu_lapic *lapic, uint32_t msr, uint64_t value)
{
    uint32_t offset = (msr & 0xff) << 4;

    if (!lapic_is_x2(lapic) || (value & ~writable_bits(offset)) != 0) {
        return false;
    }
    if (offset == LAPIC_SELF_IPI) {
        if ((value & 0xff) < 16) {
            vcpu_lapic_error(lapic, LAPIC_ERROR_SEND_VECTOR);
        } else {
            vcpu_lapic_accept(lapic, (uint8_t)value, false);
        }
        return true;
    }
    if (offset == LAPIC_ICR_LOW) {
        lapic->icr_high = (uint32_t)(value >> 32);
    }
    return register_write(lapic, offset, (uint32_t)value);
}

/* x2APIC's logical ID follows from the ID (SDM 3A 11.12.10.2). */
static uint32_t x2_ldr(const struct vcpu_lapic *lapic)
{
    return (lapic->apic_id >> 4) << 16 | 1u << (lapic->apic_id & 15);
}

bool vcpu_lapic_set_base(struct vcpu_lapic *lapic, uint64_t value)
{
    uint64_t reserved = 0xff | 1u << 9 | ~((UINT64_C(1) << lapic->physical_bits) - 1);
    uint64_t old = lapic->apic_base, mode = LAPIC_BASE_ENABLE | LAPIC_BASE_X2;

    if ((value & reserved) != 0 || (value & mode) == LAPIC_BASE_X2) {
        return false;
    }
    /* From x2APIC mode only to off, from off only to xAPIC mode (SDM 3A 11.12.5). */
    if (((old & mode) == mode && (value & mode) == LAPIC_BASE_ENABLE) ||
        ((old & mode) == 0 && (value & mode) == mode)) {
        return false;
    }
    __atomic_store_n(&lapic->apic_base, value, __ATOMIC_RELAXED);
    if ((old & mode) == (value & mode)) {
        return true;
    }
    if ((value & mode) == mode) {
        lapic_store(&lapic->ldr, x2_ldr(lapic));
        lapic->icr_high = 0;
    } else if ((value & mode) == LAPIC_BASE_ENABLE || (old & LAPIC_BASE_X2) != 0) {
        /* All but the ID is lost when it is switched off; here, when it comes back. */
        lapic_store(&lapic->id, lapic->apic_id << 24);
        vcpu_lapic_reset(lapic);
    }
    lapic->ops->notify(lapic->cpu);
    return true;
}

uint8_t vcpu_lapic_cr8(const struct vcpu_lapic *lapic)
{
    return (uint8_t)(lapic->tpr >> 4);
}

void vcpu_lapic_set_cr8(struct vcpu_lapic *lapic, uint8_t value)
{
    lapic->tpr = (value & 15u) << 4;
    update_priority(lapic);
}

/* ---- life and state ---- */

void vcpu_lapic_clear(struct vcpu_lapic *lapic)
{
    for (unsigned i = 0; i < 8; i++) {
        lapic_store(&lapic->irr[i], 0);
        lapic_store(&lapic->tmr[i], 0);
        lapic->isr[i] = 0;
    }
    for (unsigned i = 0; i < VCPU_LVTS; i++) {
        lapic_store(&lapic->lvt[i], LAPIC_LVT_MASKED);
    }
    lapic_store(&lapic->ldr, lapic_is_x2(lapic) ? x2_ldr(lapic) : 0);
    lapic_store(&lapic->dfr, UINT32_MAX);
    lapic_store(&lapic->svr, 0xff);
    lapic_store(&lapic->ppr, 0);
    lapic_store(&lapic->error_pending, 0);
    lapic->tpr = 0;
    lapic->esr = 0;
    lapic->icr_low = 0;
    lapic->icr_high = 0;
    lapic->initial_count = 0;
    lapic->divide = 0;
    lapic->counter_left = 0;
}

void vcpu_lapic_init(struct vcpu_lapic *lapic, struct vcpu_lapic_set *set,
                     struct platform *platform, uint32_t apic_id, uint8_t physical_bits,
                     const struct vcpu_lapic_ops *ops, void *cpu)
{
    memset(lapic, 0, sizeof *lapic);
    lapic->ops = ops;
    lapic->cpu = cpu;
    lapic->set = set;
    lapic->platform = platform;
    lapic->apic_id = apic_id;
    lapic->physical_bits = physical_bits;
    lapic->id = apic_id << 24;
    lapic->apic_base = 0xfee00000 | LAPIC_BASE_ENABLE | (set->count == 0 ? LAPIC_BASE_BSP : 0);
    vcpu_lapic_clear(lapic);
    vcpu_lapic_timer_init(lapic);
    set->lapics[set->count++] = lapic;
}

void vcpu_lapic_done(struct vcpu_lapic *lapic)
{
    vcpu_lapic_timer_stop(lapic);
}

void vcpu_lapic_reset(struct vcpu_lapic *lapic)
{
    vcpu_lapic_timer_stop(lapic);
    vcpu_lapic_clear(lapic);
}

static void put(uint8_t *page, uint32_t offset, uint32_t value)
{
    memcpy(page + offset, &value, sizeof value);
}

static uint32_t get(const uint8_t *page, uint32_t offset)
{
    uint32_t value;

    memcpy(&value, page + offset, sizeof value);
    return value;
}

void vcpu_lapic_save(struct vcpu_lapic *lapic, struct vcpu_state *ret_state)
{
    uint8_t *page = ret_state->lapic;
    uint32_t value;

    memset(page, 0, VCPU_LAPIC_BYTES);
    for (uint32_t offset = 0; offset < VCPU_LAPIC_BYTES; offset += 16) {
        if (register_read(lapic, offset, &value)) {
            put(page, offset, value);
        }
    }
    put(page, LAPIC_DFR, lapic->dfr);
    put(page, LAPIC_ICR_HIGH, lapic->icr_high);
    ret_state->apic_base = lapic->apic_base;
    ret_state->tsc_deadline = vcpu_lapic_deadline(lapic);
}

void vcpu_lapic_load(struct vcpu_lapic *lapic, const struct vcpu_state *state)
{
    const uint8_t *page = state->lapic;

    vcpu_lapic_timer_stop(lapic);
    __atomic_store_n(&lapic->apic_base, state->apic_base, __ATOMIC_RELAXED);
    vcpu_lapic_clear(lapic);
    lapic_store(&lapic->id,
                lapic_is_x2(lapic) ? lapic->apic_id << 24 : get(page, LAPIC_ID) & 0xff000000);
    lapic_store(&lapic->ldr, lapic_is_x2(lapic) ? x2_ldr(lapic) : get(page, LAPIC_LDR));
    lapic_store(&lapic->dfr, get(page, LAPIC_DFR) | 0x0fffffff);
    lapic->tpr = get(page, LAPIC_TPR) & 0xff;
    lapic->esr = get(page, LAPIC_ESR);
    lapic->icr_low = get(page, LAPIC_ICR_LOW) & ICR_BITS;
    lapic->icr_high = get(page, LAPIC_ICR_HIGH);
    lapic->initial_count = get(page, LAPIC_INITIAL_COUNT);
    lapic->divide = get(page, LAPIC_DIVIDE) & 0xb;
    lapic_store(&lapic->svr, get(page, LAPIC_SVR) & 0x3ff);
    for (uint32_t i = 0; i < VCPU_LVTS; i++) {
        lapic_store(&lapic->lvt[i], get(page, LAPIC_LVT + 16 * i) & lvt_bits[i]);
    }
    for (uint32_t i = 0; i < 8; i++) {
        /* Vectors below 16 are in no CPU's IRR or ISR. */
        uint32_t valid = i == 0 ? 0xffff0000 : UINT32_MAX;
        lapic->isr[i] = get(page, LAPIC_ISR + 16 * i) & valid;
        lapic_store(&lapic->tmr[i], get(page, LAPIC_TMR + 16 * i) & valid);
        lapic_store(&lapic->irr[i], get(page, LAPIC_IRR + 16 * i) & valid);
    }
    vcpu_lapic_timer_resume(lapic, get(page, LAPIC_CURRENT_COUNT));
    update_priority(lapic);
    lapic->ops->notify(lapic->cpu);
}
