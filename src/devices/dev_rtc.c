/* The real-time clock and CMOS memory. */
#include "devices/dev_rtc.h"

#include "base/memops.h"

enum {
    SECONDS = 0,
    SECONDS_ALARM = 1,
    MINUTES = 2,
    MINUTES_ALARM = 3,
    HOURS = 4,
    HOURS_ALARM = 5,
    WEEKDAY = 6,
    DAY = 7,
    MONTH = 8,
    YEAR = 9,
    REGISTER_A = 10,
    REGISTER_B = 11,
    REGISTER_C = 12,
    REGISTER_D = 13,
    A_UPDATING = 0x80,
    B_SET = 0x80,
    B_PERIODIC = 0x40,
    B_ALARM = 0x20,
    B_UPDATE = 0x10,
    B_BINARY = 0x04,
    B_24_HOURS = 0x02,
    C_INTERRUPT = 0x80,
    C_PERIODIC = 0x40,
    C_ALARM = 0x20,
    C_UPDATE = 0x10,
    UPDATE_NS = 244000, /* how long before the second UIP is up */
};
#define SECOND_NS UINT64_C(1000000000)

struct calendar {
    unsigned second, minute, hour, weekday, day, month, year; /* weekday 1: Sunday */
};

static unsigned days_in(unsigned month, unsigned year)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

static void to_calendar(uint64_t seconds, struct calendar *ret_calendar)
{
    uint64_t days = seconds / 86400;
    struct calendar c = {.second = (unsigned)(seconds % 60),
                         .minute = (unsigned)(seconds / 60 % 60),
                         .hour = (unsigned)(seconds / 3600 % 24),
                         .weekday = (unsigned)((days + 4) % 7) + 1,
                         .month = 1,
                         .year = 1970};

    /* Years are skipped 400 at a time, so a time far off takes no longer. */
    c.year += (unsigned)(days / 146097 % 25) * 400;
    days %= 146097;
    while (days >= 365u + (days_in(2, c.year) == 29)) {
        days -= 365u + (days_in(2, c.year) == 29);
        c.year++;
    }
    while (days >= days_in(c.month, c.year)) {
        days -= days_in(c.month, c.year);
        c.month++;
    }
    c.day = (unsigned)days + 1;
    *ret_calendar = c;
}

static uint64_t to_seconds(const struct calendar *c)
{
    uint64_t days = 0;

    for (unsigned year = 1970; year < c->year; year++) {
        days += 365u + (days_in(2, year) == 29);
    }
    for (unsigned month = 1; month < c->month; month++) {
        days += days_in(month, c->year);
    }
    return (days + c->day - 1) * 86400 + c->hour * 3600u + c->minute * 60u + c->second;
}

static uint64_t guest_ns(const struct dev_rtc *rtc)
{
    if ((rtc->bytes[REGISTER_B] & B_SET) != 0) {
        return rtc->frozen_ns;
    }
    return plat_wall_ns(rtc->platform) + (uint64_t)rtc->offset_ns;
}

static uint8_t encode(const struct dev_rtc *rtc, unsigned value)
{
    bool binary = (rtc->bytes[REGISTER_B] & B_BINARY) != 0;
    return (uint8_t)(binary ? value : value / 10 % 10 << 4 | value % 10);
}

static unsigned decode(const struct dev_rtc *rtc, uint8_t byte)
{
    bool binary = (rtc->bytes[REGISTER_B] & B_BINARY) != 0;
    return binary ? byte : (byte >> 4) * 10u + (byte & 15u);
}

static uint8_t encode_hour(const struct dev_rtc *rtc, unsigned hour)
{
    if ((rtc->bytes[REGISTER_B] & B_24_HOURS) != 0) {
        return encode(rtc, hour);
    }
    return encode(rtc, (hour + 11) % 12 + 1) | (hour >= 12 ? 0x80 : 0);
}

static unsigned decode_hour(const struct dev_rtc *rtc, uint8_t byte)
{
    if ((rtc->bytes[REGISTER_B] & B_24_HOURS) != 0) {
        return decode(rtc, byte) % 24;
    }
    return decode(rtc, byte & 0x7f) % 12 + ((byte & 0x80) != 0 ? 12 : 0);
}

static uint8_t clock_byte(const struct dev_rtc *rtc, unsigned index)
{
    struct calendar now;

    to_calendar(guest_ns(rtc) / SECOND_NS, &now);
    switch (index) {
    case SECONDS:
        return encode(rtc, now.second);
    case MINUTES:
        return encode(rtc, now.minute);
    case HOURS:
        return encode_hour(rtc, now.hour);
    case WEEKDAY:
        return encode(rtc, now.weekday);
    case DAY:
        return encode(rtc, now.day);
    case MONTH:
        return encode(rtc, now.month);
    case YEAR:
        return encode(rtc, now.year % 100);
    default:
        return encode(rtc, now.year / 100);
    }
}

/* The guest sets one part of the time. Parts that do not make a date are brought into range. */
static void set_clock_byte(struct dev_rtc *rtc, unsigned index, uint8_t byte)
{
    uint64_t ns = guest_ns(rtc), set;
    struct calendar c;

    to_calendar(ns / SECOND_NS, &c);
    switch (index) {
    case SECONDS:
        c.second = decode(rtc, byte) % 60;
        break;
    case MINUTES:
        c.minute = decode(rtc, byte) % 60;
        break;
    case HOURS:
        c.hour = decode_hour(rtc, byte);
        break;
    case DAY:
        c.day = decode(rtc, byte);
        break;
    case MONTH:
        c.month = (decode(rtc, byte) + 11) % 12 + 1;
        break;
    case YEAR:
        c.year = c.year / 100 * 100 + decode(rtc, byte) % 100;
        break;
    case DEV_RTC_CENTURY:
        c.year = decode(rtc, byte) % 100 * 100 + c.year % 100;
        break;
    default:
        return; /* the weekday follows from the date */
    }
    c.year = c.year < 1970 ? 1970 : c.year;
    c.day = c.day < 1 ? 1 : c.day > days_in(c.month, c.year) ? days_in(c.month, c.year) : c.day;
    set = to_seconds(&c) * SECOND_NS + ns % SECOND_NS;
    rtc->frozen_ns = set;
    rtc->offset_ns = (int64_t)(set - plat_wall_ns(rtc->platform));
}

static bool alarm_matches(const struct dev_rtc *rtc)
{
    struct calendar now;
    const uint8_t *bytes = rtc->bytes;

    to_calendar(guest_ns(rtc) / SECOND_NS, &now);
    /* Two ones on top: any value. */
    return (bytes[SECONDS_ALARM] >= 0xc0 || bytes[SECONDS_ALARM] == encode(rtc, now.second)) &&
           (bytes[MINUTES_ALARM] >= 0xc0 || bytes[MINUTES_ALARM] == encode(rtc, now.minute)) &&
           (bytes[HOURS_ALARM] >= 0xc0 || bytes[HOURS_ALARM] == encode_hour(rtc, now.hour));
}

/* Flags of register C that are enabled in register B raise the line. */
static void update_line(struct dev_rtc *rtc)
{
    uint8_t flags = rtc->bytes[REGISTER_C] & rtc->bytes[REGISTER_B] & 0x70;

    rtc->bytes[REGISTER_C] =
        (uint8_t)((rtc->bytes[REGISTER_C] & 0x70) | (flags != 0 ? C_INTERRUPT : 0));
    dev_line_set(&rtc->output, flags != 0);
}

/* The alarm and the end of update are noticed when somebody looks, or by the timer if they
 * interrupt. */
static void catch_up(struct dev_rtc *rtc)
{
    uint64_t second = guest_ns(rtc) / SECOND_NS;

    if ((rtc->bytes[REGISTER_B] & B_SET) != 0 || second == rtc->update_seen_s) {
        return;
    }
    rtc->update_seen_s = second;
    rtc->bytes[REGISTER_C] |= C_UPDATE;
    if (second != rtc->alarm_seen_s && alarm_matches(rtc)) {
        rtc->alarm_seen_s = second;
        rtc->bytes[REGISTER_C] |= C_ALARM;
    }
    update_line(rtc);
}

static void arm_second(struct dev_rtc *rtc)
{
    uint8_t b = rtc->bytes[REGISTER_B];
    uint64_t at = PLAT_NEVER;

    if ((b & (B_ALARM | B_UPDATE)) != 0 && (b & B_SET) == 0) {
        at = plat_now_ns(rtc->platform) + SECOND_NS - guest_ns(rtc) % SECOND_NS;
    }
    plat_timer_set(rtc->platform, &rtc->second, at);
}

static void fire_second(void *argument)
{
    struct dev_rtc *rtc = argument;

    catch_up(rtc);
    arm_second(rtc);
}

/* 0: no periodic interrupt. */
static uint64_t period_ns(const struct dev_rtc *rtc)
{
    unsigned rate = rtc->bytes[REGISTER_A] & 15;

    if (rate == 0 || (rtc->bytes[REGISTER_B] & B_PERIODIC) == 0) {
        return 0;
    }
    rate = rate < 3 ? rate + 7 : rate;
    return (SECOND_NS << (rate - 1)) / 32768;
}

static void arm_period(struct dev_rtc *rtc)
{
    uint64_t period = period_ns(rtc), now = plat_now_ns(rtc->platform);

    if (period != 0) {
        if (rtc->next_period_ns <= now) {
            rtc->next_period_ns += ((now - rtc->next_period_ns) / period + 1) * period;
        } else if (rtc->next_period_ns - now > period) {
            rtc->next_period_ns = now + period;
        }
    }
    plat_timer_set(rtc->platform, &rtc->period, period != 0 ? rtc->next_period_ns : PLAT_NEVER);
}

static void fire_period(void *argument)
{
    struct dev_rtc *rtc = argument;

    rtc->bytes[REGISTER_C] |= C_PERIODIC;
    update_line(rtc);
    arm_period(rtc);
}

static void write_b(struct dev_rtc *rtc, uint8_t value)
{
    uint8_t before = rtc->bytes[REGISTER_B];

    if ((value & B_SET) != 0 && (before & B_SET) == 0) {
        rtc->frozen_ns = guest_ns(rtc);
        value &= (uint8_t)~B_UPDATE;
    } else if ((value & B_SET) == 0 && (before & B_SET) != 0) {
        rtc->offset_ns = (int64_t)(rtc->frozen_ns - plat_wall_ns(rtc->platform));
    }
    rtc->bytes[REGISTER_B] = value;
    update_line(rtc);
    arm_second(rtc);
    arm_period(rtc);
}

static uint8_t read_register(struct dev_rtc *rtc, unsigned index)
{
    uint8_t value;

    switch (index) {
    case SECONDS:
    case MINUTES:
    case HOURS:
    case WEEKDAY:
    case DAY:
    case MONTH:
    case YEAR:
    case DEV_RTC_CENTURY:
        return clock_byte(rtc, index);
    case REGISTER_A:
        value = rtc->bytes[REGISTER_A];
        if ((rtc->bytes[REGISTER_B] & B_SET) == 0 &&
            guest_ns(rtc) % SECOND_NS >= SECOND_NS - UPDATE_NS) {
            value |= A_UPDATING;
        }
        return value;
    case REGISTER_C:
        catch_up(rtc);
        value = rtc->bytes[REGISTER_C];
        rtc->bytes[REGISTER_C] = 0;
        update_line(rtc);
        return value;
    case REGISTER_D:
        return 0x80; /* the battery is good */
    default:
        return rtc->bytes[index];
    }
}

static void write_register(struct dev_rtc *rtc, unsigned index, uint8_t value)
{
    switch (index) {
    case SECONDS:
    case MINUTES:
    case HOURS:
    case WEEKDAY:
    case DAY:
    case MONTH:
    case YEAR:
    case DEV_RTC_CENTURY:
        set_clock_byte(rtc, index, value);
        arm_second(rtc);
        break;
    case REGISTER_A:
        rtc->bytes[REGISTER_A] = value & 0x7f;
        arm_period(rtc);
        break;
    case REGISTER_B:
        write_b(rtc, value);
        break;
    case REGISTER_C:
    case REGISTER_D:
        break;
    default:
        rtc->bytes[index] = value;
        break;
    }
}

static uint64_t port_read(void *device, uint64_t offset, unsigned access_bytes)
{
    struct dev_rtc *rtc = device;

    (void)access_bytes;
    return offset == 0 ? 0xff : read_register(rtc, rtc->index);
}

static void port_write(void *device, uint64_t offset, unsigned access_bytes, uint64_t value)
{
    struct dev_rtc *rtc = device;

    if (offset == 0) {
        rtc->index = value & 0x7f; /* bit 7 masks NMI, which has no other source here */
        if (access_bytes > 1) {
            write_register(rtc, rtc->index, (uint8_t)(value >> 8));
        }
    } else {
        write_register(rtc, rtc->index, (uint8_t)value);
    }
}

void dev_rtc_init(struct dev_rtc *rtc, struct dev_bus *bus, struct dev_line output)
{
    memset(rtc, 0, sizeof *rtc);
    rtc->platform = bus->platform;
    rtc->output = output;
    rtc->second =
        (struct plat_timer){.fire = fire_second, .argument = rtc, .deadline_ns = PLAT_NEVER};
    rtc->period =
        (struct plat_timer){.fire = fire_period, .argument = rtc, .deadline_ns = PLAT_NEVER};
    rtc->ports = (struct dev_region){
        .start = 0x70, .size = 2, .read = port_read, .write = port_write, .device = rtc};
    dev_space_add(&bus->io, &rtc->ports);
    rtc->bytes[REGISTER_A] = 0x26;
    rtc->bytes[REGISTER_B] = B_24_HOURS;
    dev_rtc_reset(rtc);
}

void dev_rtc_reset(struct dev_rtc *rtc)
{
    rtc->index = 0;
    rtc->bytes[REGISTER_C] = 0;
    write_b(rtc, rtc->bytes[REGISTER_B] & (B_BINARY | B_24_HOURS));
    rtc->update_seen_s = guest_ns(rtc) / SECOND_NS;
}

void dev_rtc_done(struct dev_rtc *rtc)
{
    plat_timer_set(rtc->platform, &rtc->second, PLAT_NEVER);
    plat_timer_set(rtc->platform, &rtc->period, PLAT_NEVER);
}
