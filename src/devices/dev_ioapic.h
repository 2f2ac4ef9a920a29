/*
 * The I/O APIC (Intel 82093AA; ICH9 13.5): 24 pins, each with a redirection entry that makes a
 * message to the local APICs of it. Pins are told whether their device asks; polarity is the
 * board's matter and not looked at. Device lock held.
 */
#pragma once

#include "devices/dev_bus.h"

enum { DEV_IOAPIC_PINS = 24 };

struct dev_ioapic {
    struct dev_messages messages; /* [I] */
    uint8_t index;
    uint8_t id;
    uint32_t lines;                    /* levels of the pins */
    uint64_t entries[DEV_IOAPIC_PINS]; /* redirection table */
    struct dev_region region;
};

void dev_ioapic_init(struct dev_ioapic *ioapic, struct dev_bus *bus, uint64_t start,
                     struct dev_messages messages);
void dev_ioapic_reset(struct dev_ioapic *ioapic);

/* The level of a pin, 0 to 23. `ioapic` is a struct dev_ioapic, so that it fits a dev_line. */
void dev_ioapic_set(void *ioapic, unsigned pin, bool level);

/* A local APIC has ended a level-triggered interrupt of this vector. */
void dev_ioapic_eoi(struct dev_ioapic *ioapic, uint8_t vector);
