/*
 * The 8254 interval timer. A periodic tick that comes late is not lost: the ideal moments stay, and
 * up to CATCH_UP of them are made good at four times the rate, so that guests that count ticks keep
 * time. More than that, after the host slept, is dropped.
 */
#include "devices/dev_pit.h"

#include "base/memops.h"

enum { FREQUENCY = 1193182, CATCH_UP = 50, SHORTEST_NS = 50000, REFRESH_NS = 15085 };
#define SECOND_NS UINT64_C(1000000000)

/* Both stay within 64 bits for hundreds of years of machine time. */
static uint64_t clocks_of(uint64_t ns)
{
    return ns / SECOND_NS * FREQUENCY + ns % SECOND_NS * FREQUENCY / SECOND_NS;
}

static uint64_t ns_of(uint64_t clocks)
{
    return clocks / FREQUENCY * SECOND_NS +
           (clocks % FREQUENCY * SECOND_NS + FREQUENCY - 1) / FREQUENCY;
}

static bool is_periodic(const struct dev_pit_channel *channel)
{
    return channel->mode == 2 || channel->mode == 3;
}

static uint64_t elapsed(const struct dev_pit *pit, const struct dev_pit_channel *channel)
{
    return clocks_of(plat_now_ns(pit->platform) - channel->start_ns);
}

static uint16_t to_bcd(uint32_t value)
{
    return (uint16_t)(value / 1000 % 10 << 12 | value / 100 % 10 << 8 | value / 10 % 10 << 4 |
                      value % 10);
}

static uint32_t from_bcd(uint32_t value)
{
    return (value >> 12) * 1000 + (value >> 8 & 15) * 100 + (value >> 4 & 15) * 10 + (value & 15);
}

/* The counting element as it can be read. */
static uint16_t counter(const struct dev_pit *pit, const struct dev_pit_channel *channel)
{
    uint32_t modulus = channel->bcd ? 10000 : 65536, value;
    uint64_t clocks;

    if (channel->count == 0) {
        return 0;
    }
    clocks = channel->gate || !is_periodic(channel) ? elapsed(pit, channel) : 0;
    switch (channel->mode) {
    case 2:
        value = channel->count - (uint32_t)(clocks % channel->count);
        break;
    case 3: /* counts by two */
        value = channel->count - (uint32_t)(2 * clocks % channel->count);
        value &= ~1u;
        break;
    default:
        value = (uint32_t)((channel->count + (uint64_t)modulus - clocks % modulus) % modulus);
        break;
    }
    return channel->bcd ? to_bcd(value % modulus) : (uint16_t)value;
}

static bool out(const struct dev_pit *pit, const struct dev_pit_channel *channel)
{
    uint64_t clocks;

    if (channel->count == 0) {
        return channel->mode != 0;
    }
    clocks = elapsed(pit, channel);
    switch (channel->mode) {
    case 0:
    case 1:
        return clocks >= channel->count;
    case 2:
        return !channel->gate || clocks % channel->count != channel->count - 1;
    case 3:
        return !channel->gate || clocks % channel->count < (channel->count + 1) / 2;
    default:
        return clocks != channel->count;
    }
}

/* Sets channel 0's timer to its next tick. */
static void arm(struct dev_pit *pit)
{
    const struct dev_pit_channel *channel = &pit->channels[0];
    uint64_t now = plat_now_ns(pit->platform), at;

    if (channel->count == 0 || channel->mode == 1 || channel->mode == 5 ||
        (!is_periodic(channel) && pit->ticks > 0)) {
        plat_timer_set(pit->platform, &pit->timer, PLAT_NEVER);
        return;
    }
    pit->next_ns = channel->start_ns + ns_of((pit->ticks + 1) * channel->count);
    at = pit->next_ns;
    if (pit->ticks > 0) {
        uint64_t period = ns_of(channel->count);
        uint64_t shortest = period / 4 > SHORTEST_NS ? period / 4 : SHORTEST_NS;
        if (now > at && (now - at) / period > CATCH_UP) {
            pit->ticks = clocks_of(now - channel->start_ns) / channel->count - CATCH_UP;
        }
        at = at > now + shortest ? at : now + shortest;
    }
    plat_timer_set(pit->platform, &pit->timer, at);
}

static void fire(void *argument)
{
    struct dev_pit *pit = argument;

    /* The line falls for a moment and rises; one shots rise and stay. */
    dev_line_set(&pit->output, false);
    dev_line_set(&pit->output, true);
    pit->ticks++;
    arm(pit);
}

static void start(struct dev_pit *pit, unsigned which)
{
    struct dev_pit_channel *channel = &pit->channels[which];

    channel->start_ns = plat_now_ns(pit->platform);
    if (which == 0) {
        pit->ticks = 0;
        dev_line_set(&pit->output, channel->mode != 0);
        arm(pit);
    }
}

static void set_gate(struct dev_pit *pit, bool gate)
{
    struct dev_pit_channel *channel = &pit->channels[2];

    /* A rising gate triggers or restarts the counter in all modes but 0 and 4. */
    if (gate && !channel->gate && channel->mode != 0 && channel->mode != 4) {
        channel->start_ns = plat_now_ns(pit->platform);
    }
    channel->gate = gate;
}

static void load(struct dev_pit *pit, unsigned which, uint32_t value)
{
    struct dev_pit_channel *channel = &pit->channels[which];

    if (channel->bcd) {
        value = from_bcd(value);
    }
    channel->count = value != 0 ? value : channel->bcd ? 10000 : 65536;
    start(pit, which);
}

static void write_count(struct dev_pit *pit, unsigned which, uint8_t value)
{
    struct dev_pit_channel *channel = &pit->channels[which];

    switch (channel->access) {
    case 1:
        load(pit, which, value);
        break;
    case 2:
        load(pit, which, (uint32_t)value << 8);
        break;
    default:
        if (channel->write_high) {
            load(pit, which, (uint32_t)value << 8 | channel->low_byte);
        } else {
            channel->low_byte = value;
        }
        channel->write_high = !channel->write_high;
        break;
    }
}

static void latch_count(struct dev_pit *pit, struct dev_pit_channel *channel)
{
    if (!channel->latched) {
        channel->latch = counter(pit, channel);
        channel->latched = true;
    }
}

static void read_back(struct dev_pit *pit, uint8_t value)
{
    for (unsigned i = 0; i < 3; i++) {
        struct dev_pit_channel *channel = &pit->channels[i];
        if ((value >> (i + 1) & 1) == 0) {
            continue;
        }
        if ((value & 0x20) == 0) {
            latch_count(pit, channel);
        }
        if ((value & 0x10) == 0 && !channel->status_latched) {
            channel->status_latch =
                (uint8_t)((out(pit, channel) ? 0x80 : 0) | (channel->count == 0 ? 0x40 : 0) |
                          channel->access << 4 | channel->mode << 1 | channel->bcd);
            channel->status_latched = true;
        }
    }
}

static void write_control(struct dev_pit *pit, uint8_t value)
{
    struct dev_pit_channel *channel;

    if (value >> 6 == 3) {
        read_back(pit, value);
        return;
    }
    channel = &pit->channels[value >> 6];
    if ((value >> 4 & 3) == 0) {
        latch_count(pit, channel);
        return;
    }
    channel->access = value >> 4 & 3;
    channel->mode = (value >> 1 & 7) > 5 ? value >> 1 & 3 : value >> 1 & 7;
    channel->bcd = (value & 1) != 0;
    channel->count = 0;
    channel->write_high = channel->read_high = false;
    channel->latched = channel->status_latched = false;
    if (value >> 6 == 0) {
        arm(pit);
        dev_line_set(&pit->output, channel->mode != 0);
    }
}

static uint8_t read_count(struct dev_pit *pit, struct dev_pit_channel *channel)
{
    uint16_t value = channel->latched ? channel->latch : counter(pit, channel);
    bool high = channel->access == 2 || (channel->access == 3 && channel->read_high);

    if (channel->status_latched) {
        channel->status_latched = false;
        return channel->status_latch;
    }
    if (channel->access == 3) {
        channel->read_high = !channel->read_high;
        if (!high) {
            /* The second byte belongs to the same value only if it was latched. */
            return (uint8_t)value;
        }
    }
    channel->latched = false;
    return (uint8_t)(high ? value >> 8 : value);
}

static uint64_t port_read(void *device, uint64_t offset, unsigned access_bytes)
{
    struct dev_pit *pit = device;

    (void)access_bytes;
    return offset < 3 ? read_count(pit, &pit->channels[offset]) : 0xff;
}

static void port_write(void *device, uint64_t offset, unsigned access_bytes, uint64_t value)
{
    (void)access_bytes;
    if (offset < 3) {
        write_count(device, (unsigned)offset, (uint8_t)value);
    } else {
        write_control(device, (uint8_t)value);
    }
}

static uint64_t control_read(void *device, uint64_t offset, unsigned access_bytes)
{
    struct dev_pit *pit = device;
    unsigned refresh = plat_now_ns(pit->platform) / REFRESH_NS & 1;

    (void)offset;
    (void)access_bytes;
    return pit->speaker | refresh << 4 | (out(pit, &pit->channels[2]) ? 0x20u : 0);
}

static void control_write(void *device, uint64_t offset, unsigned access_bytes, uint64_t value)
{
    struct dev_pit *pit = device;

    (void)offset;
    (void)access_bytes;
    pit->speaker = value & 0x0f;
    set_gate(pit, (value & 1) != 0);
}

void dev_pit_init(struct dev_pit *pit, struct dev_bus *bus, struct dev_line output)
{
    memset(pit, 0, sizeof *pit);
    pit->platform = bus->platform;
    pit->output = output;
    pit->timer.fire = fire;
    pit->timer.argument = pit;
    pit->timer.deadline_ns = PLAT_NEVER;
    pit->ports = (struct dev_region){
        .start = 0x40, .size = 4, .read = port_read, .write = port_write, .device = pit};
    pit->control = (struct dev_region){
        .start = 0x61, .size = 1, .read = control_read, .write = control_write, .device = pit};
    dev_space_add(&bus->io, &pit->ports);
    dev_space_add(&bus->io, &pit->control);
    dev_pit_reset(pit);
}

void dev_pit_reset(struct dev_pit *pit)
{
    memset(pit->channels, 0, sizeof pit->channels);
    for (unsigned i = 0; i < 3; i++) {
        pit->channels[i].gate = i < 2;
        pit->channels[i].access = 3;
        pit->channels[i].mode = 3;
    }
    pit->speaker = 0;
    pit->ticks = 0;
    arm(pit);
    dev_line_set(&pit->output, false);
}

void dev_pit_done(struct dev_pit *pit)
{
    plat_timer_set(pit->platform, &pit->timer, PLAT_NEVER);
}
