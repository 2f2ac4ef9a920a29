/*
 * The High Precision Event Timer (IA-PC HPET 1.0a): a 64-bit counter at 100 MHz, three timers with
 * periodic mode, legacy replacement of PIT and RTC, routing to pins 20 to 23 of the I/O APIC or as
 * messages. Device lock held.
 */
#pragma once

#include "devices/dev_bus.h"

enum { DEV_HPET_TIMERS = 3, DEV_HPET_PINS = 24 };

struct dev_hpet_timer {
    struct dev_hpet *hpet;
    uint64_t config;     /* without capability bits */
    uint64_t comparator; /* periodic: what it is compared with next */
    uint64_t period;
    uint64_t message; /* FSB route: address in 63-32, data in 31-0 */
    bool set_accumulator;
    struct plat_timer timer;
};

struct dev_hpet {
    struct platform *platform;           /* [I] */
    struct dev_messages messages;        /* [I] */
    struct dev_line pins[DEV_HPET_PINS]; /* [I] by global interrupt number */
    struct dev_line legacy[2];           /* [I] in place of PIT and RTC */
    struct dev_line legacy_taken;        /* [I] raised while legacy replacement is on */
    uint64_t config, status;
    uint64_t counter;  /* value at start_ns, or where it stands */
    uint64_t start_ns; /* when it was switched on */
    struct dev_hpet_timer timers[DEV_HPET_TIMERS];
    struct dev_region region;
};

/* The lines and messages are filled in by the caller before. */
void dev_hpet_init(struct dev_hpet *hpet, struct dev_bus *bus, uint64_t start);
void dev_hpet_reset(struct dev_hpet *hpet);
void dev_hpet_done(struct dev_hpet *hpet);
