/* The I/O APIC. */
#include "devices/dev_ioapic.h"

#include "base/memops.h"

enum {
    REGISTER_SELECT = 0x00,
    REGISTER_WINDOW = 0x10,
    REGISTER_EOI = 0x40,
    VERSION = 0x20 | (DEV_IOAPIC_PINS - 1) << 16,
    ENTRY_REMOTE_IRR = 1u << 14,
    ENTRY_LEVEL = 1u << 15,
    ENTRY_MASKED = 1u << 16,
};
/* What the guest can write in an entry: not delivery status and remote IRR. */
#define ENTRY_WRITABLE UINT64_C(0xff0000000001afff)

static void send(struct dev_ioapic *ioapic, unsigned pin)
{
    uint64_t entry = ioapic->entries[pin];
    uint64_t target = entry >> 56, logical = entry >> 11 & 1;

    /* Vector, delivery mode and trigger mode lie in the same bits of both; the level bit says
     * assert. */
    ioapic->messages.send(ioapic->messages.owner, 0xfee00000 | target << 12 | logical << 2,
                          (uint32_t)(entry & 0x87ff) | 1u << 14);
}

/* Sends what a level-triggered pin asks for, unless it has already and was not answered. */
static void update(struct dev_ioapic *ioapic, unsigned pin)
{
    uint64_t entry = ioapic->entries[pin];

    if ((ioapic->lines >> pin & 1) != 0 && (entry & ENTRY_LEVEL) != 0 &&
        (entry & (ENTRY_MASKED | ENTRY_REMOTE_IRR)) == 0) {
        ioapic->entries[pin] |= ENTRY_REMOTE_IRR;
        send(ioapic, pin);
    }
}

void dev_ioapic_set(void *opaque, unsigned pin, bool level)
{
    struct dev_ioapic *ioapic = opaque;
    uint32_t bit;
    bool before;

    if (pin >= DEV_IOAPIC_PINS) {
        return;
    }
    bit = 1u << pin;
    before = (ioapic->lines & bit) != 0;
    ioapic->lines = level ? ioapic->lines | bit : ioapic->lines & ~bit;
    if ((ioapic->entries[pin] & ENTRY_LEVEL) != 0) {
        update(ioapic, pin);
    } else if (level && !before && (ioapic->entries[pin] & ENTRY_MASKED) == 0) {
        send(ioapic, pin);
    }
}

void dev_ioapic_eoi(struct dev_ioapic *ioapic, uint8_t vector)
{
    for (unsigned pin = 0; pin < DEV_IOAPIC_PINS; pin++) {
        if ((uint8_t)ioapic->entries[pin] == vector &&
            (ioapic->entries[pin] & ENTRY_REMOTE_IRR) != 0) {
            ioapic->entries[pin] &= ~(uint64_t)ENTRY_REMOTE_IRR;
            update(ioapic, pin);
        }
    }
}

static uint32_t window_read(const struct dev_ioapic *ioapic)
{
    unsigned pin = (ioapic->index - 0x10u) / 2;

    switch (ioapic->index) {
    case 0:
    case 2:
        return (uint32_t)ioapic->id << 24;
    case 1:
        return VERSION;
    default:
        if (ioapic->index < 0x10 || pin >= DEV_IOAPIC_PINS) {
            return 0;
        }
        return (uint32_t)(ioapic->entries[pin] >> (32 * (ioapic->index & 1)));
    }
}

static void window_write(struct dev_ioapic *ioapic, uint32_t value)
{
    unsigned pin = (ioapic->index - 0x10u) / 2, shift = 32 * (ioapic->index & 1);
    uint64_t mask = ENTRY_WRITABLE & (UINT64_C(0xffffffff) << shift);

    if (ioapic->index == 0) {
        ioapic->id = value >> 24 & 0xf;
    } else if (ioapic->index >= 0x10 && pin < DEV_IOAPIC_PINS) {
        uint64_t *entry = &ioapic->entries[pin];
        *entry = (*entry & ~mask) | ((uint64_t)value << shift & mask);
        if ((*entry & ENTRY_LEVEL) == 0) {
            /* Guests without directed EOI end an interrupt so. */
            *entry &= ~(uint64_t)ENTRY_REMOTE_IRR;
        }
        update(ioapic, pin);
    }
}

static uint64_t ioapic_read(void *device, uint64_t offset, unsigned access_bytes)
{
    struct dev_ioapic *ioapic = device;

    (void)access_bytes;
    switch (offset) {
    case REGISTER_SELECT:
        return ioapic->index;
    case REGISTER_WINDOW:
        return window_read(ioapic);
    default:
        return 0;
    }
}

static void ioapic_write(void *device, uint64_t offset, unsigned access_bytes, uint64_t value)
{
    struct dev_ioapic *ioapic = device;

    (void)access_bytes;
    switch (offset) {
    case REGISTER_SELECT:
        ioapic->index = (uint8_t)value;
        break;
    case REGISTER_WINDOW:
        window_write(ioapic, (uint32_t)value);
        break;
    case REGISTER_EOI:
        dev_ioapic_eoi(ioapic, (uint8_t)value);
        break;
    default:
        break;
    }
}

void dev_ioapic_init(struct dev_ioapic *ioapic, struct dev_bus *bus, uint64_t start,
                     struct dev_messages messages)
{
    memset(ioapic, 0, sizeof *ioapic);
    ioapic->messages = messages;
    ioapic->region = (struct dev_region){.start = start,
                                         .size = 0x1000,
                                         .read = ioapic_read,
                                         .write = ioapic_write,
                                         .device = ioapic};
    dev_space_add(&bus->mmio, &ioapic->region);
    dev_ioapic_reset(ioapic);
}

void dev_ioapic_reset(struct dev_ioapic *ioapic)
{
    ioapic->index = 0;
    ioapic->id = 0;
    for (unsigned pin = 0; pin < DEV_IOAPIC_PINS; pin++) {
        ioapic->entries[pin] = ENTRY_MASKED;
    }
}
