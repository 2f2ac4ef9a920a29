/* Serial port, keyboard controller, fw_cfg, and the test device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "devices/dev_fwcfg.h"
#include "devices/dev_i8042.h"
#include "devices/dev_serial.h"
#include "devices/dev_testdev.h"
#include "platform/plat_fake_test.h"

static struct plat_fake fake;
static struct mem_map memory;
static uint8_t ram[0x2000], ram_bits[2];
static struct dev_bus bus;
static struct dev_serial serial;
static struct dev_i8042 kbd;
static struct dev_fwcfg fwcfg;
static struct dev_testdev testdev;
static struct plat_stream stream;
static char written[64];
static size_t written_size, room;
static unsigned resumed, resets;
static bool levels[32];

static size_t stream_write(struct plat_stream *of, const void *bytes, size_t size)
{
    (void)of;
    size = size < room ? size : room;
    memcpy(written + written_size, bytes, size);
    written_size += size;
    room -= size;
    return size;
}

static void stream_resume(struct plat_stream *of)
{
    (void)of;
    resumed++;
}

static const struct plat_stream_ops stream_ops = {.write = stream_write, .resume = stream_resume};

static void on_line(void *owner, unsigned number, bool level)
{
    (void)owner;
    levels[number] = level;
}

static void on_reset(void *owner, unsigned number, bool level)
{
    (void)owner;
    (void)number;
    resets += level;
}

static int make(void **state)
{
    (void)state;
    plat_fake_init(&fake);
    fake.locked = true;
    memset(ram, 0, sizeof ram);
    memset(written, 0, sizeof written);
    memset(levels, 0, sizeof levels);
    written_size = 0;
    room = sizeof written;
    resumed = resets = 0;
    mem_map_init(&memory);
    assert_int_equal(mem_add(&memory, MEM_RAM, GPA(0), sizeof ram, ram, ram_bits), 0);
    dev_bus_init(&bus, &fake.platform, &memory);
    stream.ops = &stream_ops;
    dev_serial_init(&serial, &bus, 0x3f8, (struct dev_line){.set = on_line, .number = 4}, &stream);
    const struct dev_line keyboard = {.set = on_line, .number = 1};
    const struct dev_line reset = {.set = on_reset};
    dev_i8042_init(&kbd, &bus, keyboard, reset);
    dev_fwcfg_init(&fwcfg, &bus);
    dev_testdev_init(&testdev, &bus, (struct dev_line){.set = on_line});
    return 0;
}

static void out(uint16_t port, unsigned size, uint32_t value)
{
    dev_space_write(&bus.io, port, size, value);
}

static uint32_t in(uint16_t port, unsigned size)
{
    return (uint32_t)dev_space_read(&bus.io, port, size);
}

static void sends_and_interrupts_when_it_is_empty(void **state)
{
    (void)state;
    out(0x3fc, 1, 8);
    out(0x3f9, 1, 2);
    assert_true(levels[4]);
    assert_int_equal(in(0x3fa, 1), 2);
    assert_false(levels[4]);
    room = 0;
    out(0x3f8, 1, 'a');
    assert_int_equal(in(0x3fd, 1) & 0x60, 0); /* the stream is full */
    assert_false(levels[4]);
    room = 8;
    stream.ready(stream.device);
    assert_string_equal(written, "a");
    assert_int_equal(in(0x3fd, 1), 0x60);
    assert_true(levels[4]);
    out(0x3fc, 1, 0);
    assert_false(levels[4]); /* OUT2 is closed */
}

static void receives_into_its_fifo(void **state)
{
    (void)state;
    assert_int_equal(stream.receive(stream.device, "xy", 2), 1); /* no FIFO: one byte */
    assert_int_equal(in(0x3fd, 1) & 1, 1);
    assert_int_equal(in(0x3f8, 1), 'x');
    assert_int_equal(resumed, 1);
    out(0x3fa, 1, 0xc1); /* FIFO, trigger 14 */
    out(0x3fc, 1, 8);
    out(0x3f9, 1, 1);
    assert_int_equal(stream.receive(stream.device, "0123456789abcdefghij", 20), 16);
    assert_true(levels[4]);
    assert_int_equal(in(0x3fa, 1), 0xc4);
    for (unsigned i = 0; i < 4; i++) {
        (void)in(0x3f8, 1);
    }
    assert_int_equal(in(0x3fa, 1), 0xcc); /* below the trigger: timeout */
    out(0x3fa, 1, 0xc3);
    assert_false(levels[4]);
    assert_int_equal(resumed, 2);
    assert_int_equal(in(0x3fd, 1) & 1, 0);
}

static void loops_back(void **state)
{
    (void)state;
    out(0x3fc, 1, 0x1a);
    assert_int_equal(in(0x3fe, 1) & 0xf0, 0x90); /* as Linux looks for a port */
    out(0x3f8, 1, 'q');
    assert_int_equal(written_size, 0);
    assert_int_equal(in(0x3f8, 1), 'q');
    out(0x3fb, 1, 0x80);
    out(0x3f8, 1, 3);
    assert_int_equal(in(0x3f8, 1), 3); /* the divisor */
    out(0x3fb, 1, 3);
    out(0x3ff, 1, 0x5a);
    assert_int_equal(in(0x3ff, 1), 0x5a);
}

static void the_controller_answers_and_resets(void **state)
{
    (void)state;
    out(0x64, 1, 0xaa);
    assert_int_equal(in(0x64, 1) & 1, 1);
    assert_int_equal(in(0x60, 1), 0x55);
    out(0x64, 1, 0x60);
    out(0x60, 1, 0x45);
    out(0x64, 1, 0x20);
    assert_int_equal(in(0x60, 1), 0x45);
    out(0x60, 1, 0xf2);
    assert_true(levels[1]);
    assert_int_equal(in(0x60, 1), 0xfa);
    assert_int_equal(in(0x60, 1), 0xab);
    assert_int_equal(in(0x60, 1), 0x83);
    assert_false(levels[1]);
    assert_int_equal(in(0x64, 1) & 1, 0);
    out(0x60, 1, 0xed);
    out(0x60, 1, 7);
    assert_int_equal(in(0x60, 1), 0xfa);
    assert_int_equal(in(0x60, 1), 0xfa);
    assert_int_equal(resets, 0);
    out(0x64, 1, 0xfe);
    assert_int_equal(resets, 1);
    out(0x64, 1, 0xd1);
    out(0x60, 1, 0x02);
    assert_int_equal(resets, 2);
    out(0x92, 1, 3);
    assert_int_equal(resets, 3);
    for (unsigned i = 0; i < 100; i++) {
        out(0x60, 1, 0xff); /* nobody reads: the queue is bounded */
    }
}

static void put_be(uint8_t *to, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        to[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    }
}

static void gives_files_by_ports_and_dma(void **state)
{
    char text[5] = "";

    (void)state;
    assert_int_equal(dev_fwcfg_add_file(&fwcfg, "opt/name", "contents", 8), 0);
    assert_int_equal(dev_fwcfg_add_file(&fwcfg, "", "x", 1), -ST_EINVAL);
    assert_int_equal(dev_fwcfg_add_number(&fwcfg, DEV_FWCFG_CPUS, 4, 2), 0);
    out(0x510, 2, 0);
    for (unsigned i = 0; i < 4; i++) {
        text[i] = (char)in(0x511, 1);
    }
    assert_string_equal(text, "QEMU");
    assert_int_equal(in(0x511, 1), 0);
    out(0x510, 2, DEV_FWCFG_CPUS);
    assert_int_equal(in(0x511, 1), 4);
    put_be(ram + 0x100, 0x0019000a, 4); /* select the directory, read */
    put_be(ram + 0x104, 68, 4);
    put_be(ram + 0x108, 0x200, 8);
    out(0x518, 4, __builtin_bswap32(0x100));
    assert_int_equal(ram[0x203], 1);
    assert_int_equal(ram[0x207], 8);
    assert_int_equal(ram[0x209], 0x20);
    assert_string_equal((char *)ram + 0x20c, "opt/name");
    assert_memory_equal(ram + 0x100, "\0\0\0\0", 4);
    put_be(ram + 0x100, 0x0020000a, 4);
    put_be(ram + 0x104, 16, 4); /* more than it has: zeroes follow */
    memset(ram + 0x200, 0xff, 16);
    out(0x518, 4, __builtin_bswap32(0x100));
    assert_memory_equal(ram + 0x200, "contents\0\0\0\0\0\0\0\0", 16);
    put_be(ram + 0x100, 0x0020000a, 4);
    put_be(ram + 0x108, 0x7fffffff, 8); /* no memory there */
    out(0x518, 4, __builtin_bswap32(0x100));
    assert_int_equal(ram[0x103], 1);
}

static void the_test_device_remembers_and_pulls_lines(void **state)
{
    (void)state;
    out(0xe0, 4, 0x12345678);
    assert_int_equal(in(0xe1, 1), 0x56);
    out(0xe2, 2, 0xabcd);
    assert_int_equal(in(0xe0, 4), 0xabcd5678);
    out(0x2000 + 14, 1, 1);
    assert_true(levels[14]);
    out(0x2000 + 14, 1, 0);
    assert_false(levels[14]);
    dev_space_write(&bus.mmio, 0xff00fffc, 8, UINT64_C(0x1122334455667788));
    assert_int_equal(dev_space_read(&bus.mmio, 0xff00fffc, 8), 0x55667788);
    assert_int_equal(dev_space_read(&bus.mmio, 0xff010000, 4), 0xffffffff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(sends_and_interrupts_when_it_is_empty, make),
        cmocka_unit_test_setup(receives_into_its_fifo, make),
        cmocka_unit_test_setup(loops_back, make),
        cmocka_unit_test_setup(the_controller_answers_and_resets, make),
        cmocka_unit_test_setup(gives_files_by_ports_and_dma, make),
        cmocka_unit_test_setup(the_test_device_remembers_and_pulls_lines, make),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
