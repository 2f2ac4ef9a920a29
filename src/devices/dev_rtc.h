/*
 * The real-time clock and CMOS memory (Motorola MC146818A; ports 70h and 71h). The clock follows
 * the platform's time of day plus what the guest has set it off by. Device lock held.
 */
#pragma once

#include "devices/dev_bus.h"

enum { DEV_RTC_BYTES = 128 };

/* Bytes of CMOS memory that a PC's firmware fills in. */
enum {
    DEV_RTC_SHUTDOWN_STATUS = 0x0f,
    DEV_RTC_CENTURY = 0x32,
};

struct dev_rtc {
    struct platform *platform; /* [I] */
    struct dev_line output;    /* [I] IRQ 8 */
    uint8_t index;
    uint8_t bytes[DEV_RTC_BYTES]; /* clock registers here hold what was written last */
    int64_t offset_ns;            /* guest's time less the platform's */
    uint64_t frozen_ns;           /* guest's time while updates are switched off (SET) */
    uint64_t alarm_seen_s;        /* second for which the alarm was told */
    uint64_t update_seen_s;
    uint64_t next_period_ns;
    struct plat_timer second, period;
    struct dev_region ports;
};

void dev_rtc_init(struct dev_rtc *rtc, struct dev_bus *bus, struct dev_line output);

/* Registers as after power-up; time and memory stay, as a battery has it. */
void dev_rtc_reset(struct dev_rtc *rtc);
void dev_rtc_done(struct dev_rtc *rtc);
