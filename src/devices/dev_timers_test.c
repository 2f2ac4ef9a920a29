/* PIT, HPET, real-time clock and ACPI's timer over a clock that the test moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "devices/dev_hpet.h"
#include "devices/dev_pit.h"
#include "devices/dev_pm.h"
#include "devices/dev_rtc.h"
#include "platform/plat_fake_test.h"

enum { PIT, HPET, RTC, SCI, OFF, TAKEN, LINES };
#define HPET_AT UINT64_C(0xfed00000)
#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)

static struct plat_fake fake;
static struct mem_map memory;
static struct dev_bus bus;
static struct dev_pit pit;
static struct dev_hpet hpet;
static struct dev_rtc rtc;
static struct dev_pm pm;
static bool levels[LINES];
static unsigned edges[LINES], sent;

static void on_line(void *owner, unsigned number, bool level)
{
    (void)owner;
    edges[number] += level && !levels[number];
    levels[number] = level;
}

static void send(void *owner, uint64_t address, uint32_t data)
{
    (void)owner;
    assert_int_equal(address, 0xfee00000);
    assert_int_equal(data, 0x33);
    sent++;
}

static int make(void **state)
{
    struct dev_line line = {.set = on_line};

    (void)state;
    plat_fake_init(&fake);
    fake.wall_ns = UINT64_C(1709208000) * SECOND; /* 2024-02-29 12:00:00 UTC */
    memset(levels, 0, sizeof levels);
    memset(edges, 0, sizeof edges);
    sent = 0;
    dev_bus_init(&bus, &fake.platform, &memory);
    plat_lock(&fake.platform);
    line.number = PIT;
    dev_pit_init(&pit, &bus, line);
    memset(&hpet, 0, sizeof hpet);
    hpet.messages.send = send;
    hpet.pins[20] = hpet.pins[21] = hpet.pins[22] = hpet.legacy[0] =
        (struct dev_line){.set = on_line, .number = HPET};
    hpet.legacy_taken = (struct dev_line){.set = on_line, .number = TAKEN};
    dev_hpet_init(&hpet, &bus, HPET_AT);
    line.number = RTC;
    dev_rtc_init(&rtc, &bus, line);
    line.number = SCI;
    dev_pm_init(&pm, &bus, 0x600, line, (struct dev_line){.set = on_line, .number = OFF});
    plat_unlock(&fake.platform);
    return 0;
}

static void out(uint16_t port, unsigned size, uint32_t value)
{
    plat_lock(&fake.platform);
    dev_space_write(&bus.io, port, size, value);
    plat_unlock(&fake.platform);
}

static uint32_t in(uint16_t port, unsigned size)
{
    uint64_t value;

    plat_lock(&fake.platform);
    value = dev_space_read(&bus.io, port, size);
    plat_unlock(&fake.platform);
    return (uint32_t)value;
}

static void write_hpet(uint64_t offset, uint64_t value)
{
    plat_lock(&fake.platform);
    dev_space_write(&bus.mmio, HPET_AT + offset, 8, value);
    plat_unlock(&fake.platform);
}

static uint64_t read_hpet(uint64_t offset, unsigned size)
{
    uint64_t value;

    plat_lock(&fake.platform);
    value = dev_space_read(&bus.mmio, HPET_AT + offset, size);
    plat_unlock(&fake.platform);
    return value;
}

static void set_pit(unsigned channel, unsigned mode, uint32_t count)
{
    out(0x43, 1, channel << 6 | 0x30 | mode << 1);
    out((uint16_t)(0x40 + channel), 1, count & 0xff);
    out((uint16_t)(0x40 + channel), 1, count >> 8 & 0xff);
}

static void the_pit_ticks_without_drift(void **state)
{
    (void)state;
    set_pit(0, 2, 11932); /* 100 Hz, but for 15 ppm */
    plat_fake_advance(&fake, 100 * SECOND);
    assert_in_range(edges[PIT], 9999, 10000);
    fake.now_ns += 200 * MS; /* 20 ticks late: all are made good */
    plat_fake_advance(&fake, 800 * MS);
    assert_in_range(edges[PIT], 10099, 10100);
    fake.now_ns += 100 * SECOND; /* the host slept: most are dropped */
    plat_fake_advance(&fake, 2 * SECOND);
    assert_in_range(edges[PIT], 10340, 10360);
}

static void the_pit_fires_once_in_mode_0_and_4(void **state)
{
    (void)state;
    set_pit(0, 0, 1193);
    assert_false(levels[PIT]);
    plat_fake_advance(&fake, MS + 1000);
    assert_true(levels[PIT]);
    plat_fake_advance(&fake, SECOND);
    assert_int_equal(edges[PIT], 1);
    set_pit(0, 4, 1193);
    plat_fake_advance(&fake, SECOND);
    assert_int_equal(edges[PIT], 2);
}

static void the_pit_counts_down_and_latches(void **state)
{
    unsigned low, high;

    (void)state;
    set_pit(2, 0, 0xffff);
    out(0x61, 1, 1);
    plat_fake_advance(&fake, 10 * MS);
    out(0x43, 1, 0x80);
    plat_fake_advance(&fake, 10 * MS);
    low = in(0x42, 1);
    high = in(0x42, 1);
    assert_in_range(high << 8 | low, 65535 - 11933, 65535 - 11930);
    assert_int_equal(in(0x61, 1) & 0x21, 1);
    plat_fake_advance(&fake, 40 * MS);
    assert_int_equal(in(0x61, 1) & 0x21, 0x21); /* its output is high now */
    out(0x43, 1, 0xe8);                         /* read back status of channel 2 */
    assert_int_equal(in(0x42, 1), 0xb0);
    set_pit(0, 3, 0);
    plat_fake_advance(&fake, SECOND);
    assert_in_range(edges[PIT], 18, 19);
}

static void the_hpet_counts_and_compares(void **state)
{
    (void)state;
    assert_int_equal(read_hpet(0, 4), 0x8086a201);
    assert_int_equal(read_hpet(4, 4), 10000000);
    write_hpet(0x108, 100000);
    write_hpet(0x100, 20 << 9 | 4); /* timer 0: pin 20, on */
    write_hpet(0x10, 1);
    plat_fake_advance(&fake, 999999);
    assert_int_equal(edges[HPET], 0);
    assert_int_equal(read_hpet(0xf0, 8), 99999);
    plat_fake_advance(&fake, 1);
    assert_int_equal(edges[HPET], 1);
    write_hpet(0x10, 0);
    plat_fake_advance(&fake, SECOND);
    assert_int_equal(read_hpet(0xf0, 8), 100000); /* stands */
}

static void the_hpet_repeats_in_place_of_the_pit(void **state)
{
    (void)state;
    write_hpet(0x100, 1 << 6 | 1 << 3 | 4); /* periodic, its first value is set */
    write_hpet(0x108, 100000);
    write_hpet(0x108, 100000);
    write_hpet(0x10, 3);
    assert_true(levels[TAKEN]);
    plat_fake_advance(&fake, SECOND);
    assert_int_equal(edges[HPET], 1000);
    write_hpet(0x10, 1);
    assert_false(levels[TAKEN]);
    write_hpet(0x100, 1 << 3);
    write_hpet(0x128, read_hpet(0xf0, 8) + 1000);
    write_hpet(0x130, UINT64_C(0xfee00000) << 32 | 0x33);
    write_hpet(0x120, 1 << 14 | 4); /* as a message */
    plat_fake_advance(&fake, SECOND);
    assert_int_equal(sent, 1);
}

static void the_hpet_holds_a_level_until_it_is_cleared(void **state)
{
    (void)state;
    write_hpet(0x148, 1000);
    write_hpet(0x140, 22 << 9 | 4 | 2);
    write_hpet(0x10, 1);
    plat_fake_advance(&fake, MS);
    assert_true(levels[HPET]);
    assert_int_equal(read_hpet(0x20, 4), 4);
    write_hpet(0x20, 4);
    assert_false(levels[HPET]);
    assert_int_equal(read_hpet(0x20, 4), 0);
}

static uint8_t cmos(uint8_t index)
{
    out(0x70, 1, index);
    return (uint8_t)in(0x71, 1);
}

static void set_cmos(uint8_t index, uint8_t value)
{
    out(0x70, 1, index);
    out(0x71, 1, value);
}

static void the_clock_tells_the_time(void **state)
{
    (void)state;
    plat_fake_advance(&fake, 11 * 3600 * SECOND + 3599 * SECOND);
    assert_int_equal(cmos(4), 0x23);
    assert_int_equal(cmos(2), 0x59);
    assert_int_equal(cmos(0), 0x59);
    assert_int_equal(cmos(7), 0x29);
    assert_int_equal(cmos(8), 0x02);
    assert_int_equal(cmos(9), 0x24);
    assert_int_equal(cmos(0x32), 0x20);
    assert_int_equal(cmos(6), 5); /* Thursday */
    assert_int_equal(cmos(10) & 0x80, 0);
    plat_fake_advance(&fake, SECOND - 100000);
    assert_int_equal(cmos(10) & 0x80, 0x80);
    plat_fake_advance(&fake, 100000);
    assert_int_equal(cmos(7), 0x01);
    assert_int_equal(cmos(8), 0x03);
    set_cmos(11, 0x00); /* twelve hours, BCD */
    assert_int_equal(cmos(4), 0x12);
}

static void the_clock_can_be_set(void **state)
{
    (void)state;
    set_cmos(11, 0x82);
    set_cmos(9, 0x99);
    set_cmos(0x32, 0x19);
    set_cmos(8, 0x12);
    set_cmos(7, 0x31);
    set_cmos(4, 0x23);
    set_cmos(2, 0x59);
    set_cmos(0, 0x58);
    plat_fake_advance(&fake, 10 * SECOND);
    assert_int_equal(cmos(0), 0x58);
    set_cmos(11, 0x06); /* 24 hours, binary */
    plat_fake_advance(&fake, 2 * SECOND);
    assert_int_equal(cmos(9), 0);
    assert_int_equal(cmos(0x32), 20);
    assert_int_equal(cmos(8), 1);
    plat_lock(&fake.platform);
    dev_rtc_reset(&rtc);
    plat_unlock(&fake.platform);
    assert_int_equal(cmos(0x32), 20); /* a battery keeps it */
    set_cmos(0x40, 0x77);
    assert_int_equal(cmos(0x40), 0x77);
}

static void the_clock_interrupts(void **state)
{
    (void)state;
    set_cmos(5, 0xff);
    set_cmos(3, 0xff);
    set_cmos(1, 0x05);
    set_cmos(11, 0x22);
    plat_fake_advance(&fake, 4 * SECOND);
    assert_int_equal(edges[RTC], 0);
    plat_fake_advance(&fake, SECOND);
    assert_int_equal(edges[RTC], 1);
    assert_int_equal(cmos(12) & 0xa0, 0xa0);
    assert_false(levels[RTC]);
    set_cmos(11, 0x42); /* periodic, 1024 Hz; each is taken */
    for (unsigned i = 0; i < 1024; i++) {
        plat_fake_advance(&fake, 976563);
        (void)cmos(12);
    }
    assert_in_range(edges[RTC], 1020, 1026);
    set_cmos(11, 0x12);
    edges[RTC] = 0;
    (void)cmos(12);
    plat_fake_advance(&fake, SECOND);
    assert_int_equal(edges[RTC], 1);
    set_cmos(11, 0x02);
    assert_null(plat_fake_next(&fake));
}

static void the_pm_timer_runs_and_overflows(void **state)
{
    uint32_t before = in(0x608, 4);

    (void)state;
    plat_fake_advance(&fake, SECOND);
    assert_int_equal(in(0x608, 4) - before, 3579545);
    out(0x602, 2, 1);
    plat_fake_advance(&fake, 598 * SECOND);
    assert_false(levels[SCI]);
    plat_fake_advance(&fake, 2 * SECOND); /* 2^31 ticks are 599.9 s */
    assert_true(levels[SCI]);
    assert_int_equal(in(0x600, 2), 1);
    out(0x600, 2, 1);
    assert_false(levels[SCI]);
    assert_int_equal(in(0x604, 2), 1); /* ACPI mode */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_pit_ticks_without_drift, make),
        cmocka_unit_test_setup(the_pit_fires_once_in_mode_0_and_4, make),
        cmocka_unit_test_setup(the_pit_counts_down_and_latches, make),
        cmocka_unit_test_setup(the_hpet_counts_and_compares, make),
        cmocka_unit_test_setup(the_hpet_repeats_in_place_of_the_pit, make),
        cmocka_unit_test_setup(the_hpet_holds_a_level_until_it_is_cleared, make),
        cmocka_unit_test_setup(the_clock_tells_the_time, make),
        cmocka_unit_test_setup(the_clock_can_be_set, make),
        cmocka_unit_test_setup(the_clock_interrupts, make),
        cmocka_unit_test_setup(the_pm_timer_runs_and_overflows, make),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
