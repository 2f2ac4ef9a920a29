/* The High Precision Event Timer. */
#include "devices/dev_hpet.h"

#include "base/memops.h"

enum {
    TICK_NS = 10,
    CONFIG_ENABLE = 1,
    CONFIG_LEGACY = 2,
    TIMER_LEVEL = 1 << 1,
    TIMER_ENABLE = 1 << 2,
    TIMER_PERIODIC = 1 << 3,
    TIMER_CAN_PERIODIC = 1 << 4,
    TIMER_64 = 1 << 5,
    TIMER_SET_VALUE = 1 << 6,
    TIMER_32_MODE = 1 << 8,
    TIMER_FSB = 1 << 14,
    TIMER_CAN_FSB = 1 << 15,
    TIMER_WRITABLE = 0x7f4e & ~TIMER_CAN_PERIODIC & ~TIMER_64,
    SHORTEST_TICKS = 5000, /* 50 us: how often a periodic timer may ask for this process */
};
/* Period in fs, vendor 8086h, legacy capable, 64 bits, three timers, revision 1. */
#define CAPABILITIES                                                                               \
    (UINT64_C(10000000) << 32 | UINT64_C(0x8086) << 16 | 0xa000 | (DEV_HPET_TIMERS - 1) << 8 | 1)
#define PINS UINT64_C(0x00f00000)

static uint64_t counter(const struct dev_hpet *hpet)
{
    uint64_t passed = 0;

    if ((hpet->config & CONFIG_ENABLE) != 0) {
        passed = (plat_now_ns(hpet->platform) - hpet->start_ns) / TICK_NS;
    }
    return hpet->counter + passed;
}

static bool is_32(const struct dev_hpet_timer *timer)
{
    return (timer->config & TIMER_32_MODE) != 0;
}

/* Ticks from now until the comparator is met, 1 at least. */
static uint64_t ticks_left(const struct dev_hpet_timer *timer, uint64_t now)
{
    uint64_t left = timer->comparator - now;

    left = is_32(timer) ? (uint32_t)left : left;
    return left == 0 ? 1 : left;
}

static unsigned index_of(const struct dev_hpet_timer *timer)
{
    return (unsigned)(timer - timer->hpet->timers);
}

static const struct dev_line *line_of(const struct dev_hpet_timer *timer)
{
    struct dev_hpet *hpet = timer->hpet;
    unsigned index = index_of(timer), pin = timer->config >> 9 & 31;

    if ((hpet->config & CONFIG_LEGACY) != 0 && index < 2) {
        return &hpet->legacy[index];
    }
    return (PINS >> pin & 1) != 0 ? &hpet->pins[pin] : NULL;
}

static void arm(struct dev_hpet_timer *timer)
{
    struct dev_hpet *hpet = timer->hpet;
    uint64_t now_ns = plat_now_ns(hpet->platform), left, at = PLAT_NEVER;

    if ((hpet->config & CONFIG_ENABLE) != 0 && (timer->config & TIMER_ENABLE) != 0) {
        left = ticks_left(timer, counter(hpet));
        /* A comparator that is this far off is for ever. */
        at = left < UINT64_MAX / 4 / TICK_NS ? now_ns + left * TICK_NS : PLAT_NEVER;
    }
    plat_timer_set(hpet->platform, &timer->timer, at);
}

static void interrupt(struct dev_hpet_timer *timer)
{
    struct dev_hpet *hpet = timer->hpet;
    const struct dev_line *line = line_of(timer);

    if ((timer->config & TIMER_FSB) != 0) {
        hpet->messages.send(hpet->messages.owner, timer->message >> 32, (uint32_t)timer->message);
    } else if ((timer->config & TIMER_LEVEL) != 0) {
        hpet->status |= UINT64_C(1) << index_of(timer);
        if (line != NULL) {
            dev_line_set(line, true);
        }
    } else if (line != NULL) {
        dev_line_set(line, true);
        dev_line_set(line, false);
    }
}

static void fire(void *argument)
{
    struct dev_hpet_timer *timer = argument;
    uint64_t now = counter(timer->hpet), late;

    if ((timer->config & TIMER_PERIODIC) != 0 && timer->period != 0) {
        uint64_t period = timer->period;
        /* Whole periods, so that the phase stays; missed ones are one interrupt. */
        if (period < SHORTEST_TICKS) {
            period *= (SHORTEST_TICKS + period - 1) / period;
        }
        late = now - timer->comparator;
        late = is_32(timer) ? (uint32_t)late : late;
        late = late > UINT64_MAX / 2 ? 0 : late;
        timer->comparator += (late / period + 1) * period;
        if (is_32(timer)) {
            timer->comparator = (uint32_t)timer->comparator;
        }
        arm(timer);
    } else if (is_32(timer)) {
        /* A one-shot of 32 bits comes again when the counter wraps. */
        plat_timer_set(timer->hpet->platform, &timer->timer,
                       plat_now_ns(timer->hpet->platform) + (UINT64_C(1) << 32) * TICK_NS);
    }
    interrupt(timer);
}

static uint64_t timer_word(const struct dev_hpet_timer *timer, unsigned offset)
{
    switch (offset) {
    case 0:
        return timer->config | PINS << 32 | TIMER_CAN_PERIODIC | TIMER_64 | TIMER_CAN_FSB;
    case 8:
        return timer->comparator;
    case 16:
        return timer->message;
    default:
        return 0;
    }
}

static uint64_t word_read(struct dev_hpet *hpet, uint64_t offset)
{
    if (offset >= 0x100 && offset < 0x100 + 0x20 * DEV_HPET_TIMERS) {
        return timer_word(&hpet->timers[(offset - 0x100) / 0x20], offset & 0x1f);
    }
    switch (offset) {
    case 0x00:
        return CAPABILITIES;
    case 0x10:
        return hpet->config;
    case 0x20:
        return hpet->status;
    case 0xf0:
        return counter(hpet);
    default:
        return 0;
    }
}

static void write_config(struct dev_hpet *hpet, uint64_t value)
{
    uint64_t before = hpet->config, changed = (before ^ value) & 3;

    if ((changed & CONFIG_LEGACY) != 0) {
        dev_line_set(&hpet->legacy_taken, (value & CONFIG_LEGACY) != 0);
    }
    if ((changed & CONFIG_ENABLE) != 0) {
        hpet->counter = counter(hpet);
        hpet->start_ns = plat_now_ns(hpet->platform);
    }
    hpet->config = value & 3;
    for (unsigned i = 0; i < DEV_HPET_TIMERS; i++) {
        arm(&hpet->timers[i]);
    }
}

static void write_status(struct dev_hpet *hpet, uint64_t value)
{
    for (unsigned i = 0; i < DEV_HPET_TIMERS; i++) {
        const struct dev_line *line = line_of(&hpet->timers[i]);
        if ((value >> i & 1) != 0 && (hpet->status >> i & 1) != 0) {
            hpet->status &= ~(UINT64_C(1) << i);
            if (line != NULL) {
                dev_line_set(line, false);
            }
        }
    }
}

/* Writes of half a register: `mask` says which bits are written. */
static void write_comparator(struct dev_hpet_timer *timer, uint64_t value, uint64_t mask)
{
    uint64_t whole = (timer->comparator & ~mask) | (value & mask);

    if (is_32(timer)) {
        whole = (uint32_t)whole;
    }
    if ((timer->config & TIMER_PERIODIC) == 0 || timer->set_accumulator) {
        timer->comparator = whole;
    }
    if ((timer->config & TIMER_PERIODIC) != 0) {
        timer->period = (timer->period & ~mask) | (value & mask);
        timer->period = is_32(timer) ? (uint32_t)timer->period : timer->period;
    }
    /* A pair of 32-bit writes sets one value: the flag falls with the upper half. */
    if (mask != 0xffffffff || is_32(timer)) {
        timer->set_accumulator = false;
    }
    arm(timer);
}

static void write_timer_config(struct dev_hpet_timer *timer, uint64_t value)
{
    const struct dev_line *line = line_of(timer);
    uint64_t bit = UINT64_C(1) << index_of(timer);

    if ((timer->hpet->status & bit) != 0 && line != NULL) {
        dev_line_set(line, false);
    }
    timer->hpet->status &= ~bit;
    timer->set_accumulator = (value & TIMER_SET_VALUE) != 0;
    timer->config = value & TIMER_WRITABLE & ~(uint64_t)TIMER_SET_VALUE;
    if (is_32(timer)) {
        timer->comparator = (uint32_t)timer->comparator;
        timer->period = (uint32_t)timer->period;
    }
    arm(timer);
}

static void word_write(struct dev_hpet *hpet, uint64_t offset, uint64_t value, uint64_t mask)
{
    if (offset >= 0x100 && offset < 0x100 + 0x20 * DEV_HPET_TIMERS) {
        struct dev_hpet_timer *timer = &hpet->timers[(offset - 0x100) / 0x20];
        switch (offset & 0x1f) {
        case 0:
            write_timer_config(timer, (timer->config & ~mask) | (value & mask));
            break;
        case 8:
            write_comparator(timer, value, mask);
            break;
        case 16:
            timer->message = (timer->message & ~mask) | (value & mask);
            break;
        default:
            break;
        }
        return;
    }
    switch (offset) {
    case 0x10:
        write_config(hpet, (hpet->config & ~mask) | (value & mask));
        break;
    case 0x20:
        write_status(hpet, value & mask);
        break;
    case 0xf0:
        if ((hpet->config & CONFIG_ENABLE) == 0) {
            hpet->counter = (hpet->counter & ~mask) | (value & mask);
        }
        break;
    default:
        break;
    }
}

static uint64_t hpet_read(void *device, uint64_t offset, unsigned access_bytes)
{
    (void)access_bytes;
    return word_read(device, offset & ~UINT64_C(7)) >> (8 * (offset & 7));
}

static void hpet_write(void *device, uint64_t offset, unsigned access_bytes, uint64_t value)
{
    unsigned shift = 8 * (offset & 7);

    if (access_bytes == 8 && shift == 0) {
        word_write(device, offset, value, UINT64_MAX);
    } else if (access_bytes == 4 && (shift & 31) == 0) {
        word_write(device, offset & ~UINT64_C(7), value << shift, UINT64_C(0xffffffff) << shift);
    }
}

void dev_hpet_init(struct dev_hpet *hpet, struct dev_bus *bus, uint64_t start)
{
    hpet->platform = bus->platform;
    hpet->region = (struct dev_region){
        .start = start, .size = 0x400, .read = hpet_read, .write = hpet_write, .device = hpet};
    for (unsigned i = 0; i < DEV_HPET_TIMERS; i++) {
        hpet->timers[i].hpet = hpet;
        hpet->timers[i].timer.fire = fire;
        hpet->timers[i].timer.argument = &hpet->timers[i];
        hpet->timers[i].timer.deadline_ns = PLAT_NEVER;
    }
    dev_space_add(&bus->mmio, &hpet->region);
    dev_hpet_reset(hpet);
}

void dev_hpet_reset(struct dev_hpet *hpet)
{
    write_status(hpet, UINT64_MAX);
    write_config(hpet, 0);
    hpet->counter = 0;
    for (unsigned i = 0; i < DEV_HPET_TIMERS; i++) {
        struct dev_hpet_timer *timer = &hpet->timers[i];
        timer->config = 0;
        timer->comparator = UINT64_MAX;
        timer->period = 0;
        timer->message = 0;
        timer->set_accumulator = false;
        arm(timer);
    }
}

void dev_hpet_done(struct dev_hpet *hpet)
{
    for (unsigned i = 0; i < DEV_HPET_TIMERS; i++) {
        plat_timer_set(hpet->platform, &hpet->timers[i].timer, PLAT_NEVER);
    }
}
