/*
 * The 8254 interval timer (Intel 8254 data sheet) and the system control port 61h through which
 * software sees channel 2 and the refresh clock. Counters are computed from the machine's clock;
 * only channel 0's interrupt takes a timer. Device lock held.
 */
#pragma once

#include "devices/dev_bus.h"

struct dev_pit_channel {
    uint64_t start_ns; /* when counting began */
    uint32_t count;    /* 1 to 65536, 0: never written */
    uint16_t latch;
    uint8_t status_latch;
    uint8_t mode, access; /* 0 to 5; 1 low, 2 high, 3 both bytes */
    uint8_t low_byte;     /* first byte of a write of both */
    bool bcd, gate, latched, status_latched;
    bool write_high, read_high; /* the next byte is the second one */
};

struct dev_pit {
    struct platform *platform; /* [I] */
    struct dev_line output;    /* [I] channel 0 */
    struct dev_pit_channel channels[3];
    struct plat_timer timer;
    uint64_t next_ns; /* when channel 0 should tick next */
    uint64_t ticks;   /* ticks since start_ns */
    uint8_t speaker;  /* low bits of port 61h */
    struct dev_region ports, control;
};

void dev_pit_init(struct dev_pit *pit, struct dev_bus *bus, struct dev_line output);
void dev_pit_reset(struct dev_pit *pit);
void dev_pit_done(struct dev_pit *pit);
