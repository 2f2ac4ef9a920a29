/* The 8259 pair and the I/O APIC. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "devices/dev_ioapic.h"
#include "devices/dev_pic.h"
#include "platform/plat_fake_test.h"

static struct plat_fake fake;
static struct mem_map memory;
static struct dev_bus bus;
static struct dev_pic pic;
static struct dev_ioapic ioapic;
static bool intr;
static unsigned sent;
static uint64_t sent_address;
static uint32_t sent_data;

static void on_intr(void *owner, unsigned number, bool level)
{
    (void)owner;
    (void)number;
    intr = level;
}

static void send(void *owner, uint64_t address, uint32_t data)
{
    (void)owner;
    sent++;
    sent_address = address;
    sent_data = data;
}

static void out(uint16_t port, uint8_t value)
{
    dev_space_write(&bus.io, port, 1, value);
}

static uint8_t in(uint16_t port)
{
    return (uint8_t)dev_space_read(&bus.io, port, 1);
}

/* As every PC's system does it: vectors 20h and 28h, all inputs open. */
static int make(void **state)
{
    (void)state;
    plat_fake_init(&fake);
    fake.locked = true;
    dev_bus_init(&bus, &fake.platform, &memory);
    intr = false;
    sent = 0;
    dev_pic_init(&pic, &bus, (struct dev_line){.set = on_intr});
    dev_ioapic_init(&ioapic, &bus, 0xfec00000, (struct dev_messages){.send = send});
    for (unsigned i = 0; i < 2; i++) {
        uint16_t port = i == 0 ? 0x20 : 0xa0;
        out(port, 0x11);
        out(port + 1, i == 0 ? 0x20 : 0x28);
        out(port + 1, i == 0 ? 4 : 2);
        out(port + 1, 1);
        out(port + 1, 0);
    }
    return 0;
}

static void takes_edges_in_order_of_priority(void **state)
{
    (void)state;
    dev_pic_set(&pic, 4, true);
    dev_pic_set(&pic, 1, true);
    assert_true(intr);
    assert_int_equal(dev_pic_acknowledge(&pic), 0x21);
    assert_false(intr); /* 4 waits for the end of 1 */
    out(0x20, 0x20);
    assert_true(intr);
    assert_int_equal(dev_pic_acknowledge(&pic), 0x24);
    dev_pic_set(&pic, 0, true);
    assert_int_equal(dev_pic_acknowledge(&pic), 0x20); /* nests */
    out(0x20, 0x0b);
    assert_int_equal(in(0x20), 0x11);
    out(0x20, 0x20);
    out(0x20, 0x20);
    assert_int_equal(in(0x20), 0);
    assert_int_equal(dev_pic_acknowledge(&pic), -1);
    dev_pic_set(&pic, 4, true); /* no edge */
    assert_false(intr);
}

static void passes_the_second_chip_through_input_2(void **state)
{
    (void)state;
    dev_pic_set(&pic, 12, true);
    assert_true(intr);
    assert_int_equal(dev_pic_acknowledge(&pic), 0x2c);
    dev_pic_set(&pic, 8, true);
    assert_false(intr); /* the first chip still serves input 2 */
    out(0xa0, 0x20);
    out(0x20, 0x20);
    assert_true(intr);
    out(0xa1, 0x01);
    assert_false(intr);
    assert_int_equal(dev_pic_acknowledge(&pic), -1); /* it went away before it was taken */
    out(0xa1, 0);
    dev_pic_set(&pic, 8, false);
    assert_true(intr); /* an edge is kept though the line fell */
    assert_int_equal(dev_pic_acknowledge(&pic), 0x28);
}

static void repeats_levels_until_they_fall(void **state)
{
    (void)state;
    out(0x4d1, 0xff);
    assert_int_equal(in(0x4d1), 0xde);
    dev_pic_set(&pic, 10, true);
    assert_int_equal(dev_pic_acknowledge(&pic), 0x2a);
    out(0xa0, 0x20);
    out(0x20, 0x20);
    assert_true(intr);
    dev_pic_set(&pic, 10, false);
    assert_false(intr);
}

static void rotates_ends_by_itself_and_can_be_polled(void **state)
{
    (void)state;
    dev_pic_set(&pic, 3, true);
    assert_int_equal(dev_pic_acknowledge(&pic), 0x23);
    out(0x20, 0xa0); /* rotating end: 3 is lowest now, 4 highest */
    dev_pic_set(&pic, 3, false);
    dev_pic_set(&pic, 3, true);
    dev_pic_set(&pic, 5, true);
    assert_int_equal(dev_pic_acknowledge(&pic), 0x25);
    out(0x20, 0x65); /* specific end */
    out(0x20, 0x0c);
    assert_int_equal(in(0x20), 0x83);
    out(0x20, 0x11); /* automatic end of interrupt */
    out(0x21, 0x40);
    out(0x21, 4);
    out(0x21, 3);
    dev_pic_set(&pic, 6, true);
    assert_int_equal(dev_pic_acknowledge(&pic), 0x46);
    out(0x20, 0x0b);
    assert_int_equal(in(0x20), 0);
}

static void write_entry(unsigned pin, uint32_t low, uint32_t high)
{
    dev_space_write(&bus.mmio, 0xfec00000, 4, 0x11 + 2 * pin);
    dev_space_write(&bus.mmio, 0xfec00010, 4, high);
    dev_space_write(&bus.mmio, 0xfec00000, 4, 0x10 + 2 * pin);
    dev_space_write(&bus.mmio, 0xfec00010, 4, low);
}

static uint32_t read_entry(unsigned pin)
{
    dev_space_write(&bus.mmio, 0xfec00000, 4, 0x10 + 2 * pin);
    return (uint32_t)dev_space_read(&bus.mmio, 0xfec00010, 4);
}

static void sends_edges_once(void **state)
{
    (void)state;
    dev_ioapic_set(&ioapic, 5, true);
    assert_int_equal(sent, 0);
    dev_ioapic_set(&ioapic, 5, false);
    write_entry(5, 0x0931, 0x03000000); /* lowest priority, logical, CPUs 0 and 1 */
    dev_ioapic_set(&ioapic, 5, true);
    dev_ioapic_set(&ioapic, 5, true);
    assert_int_equal(sent, 1);
    assert_int_equal(sent_address, 0xfee03004);
    assert_int_equal(sent_data, 0x4131);
    dev_ioapic_set(&ioapic, 24, true);
    dev_ioapic_set(&ioapic, 1000, true);
    assert_int_equal(sent, 1);
}

static void holds_levels_until_their_end(void **state)
{
    (void)state;
    write_entry(17, 0xa055, 0);
    dev_ioapic_set(&ioapic, 17, true);
    assert_int_equal(sent, 1);
    assert_int_equal(read_entry(17), 0xe055); /* remote IRR */
    dev_ioapic_set(&ioapic, 17, false);
    dev_ioapic_set(&ioapic, 17, true);
    assert_int_equal(sent, 1);
    dev_ioapic_eoi(&ioapic, 0x54);
    assert_int_equal(sent, 1);
    dev_ioapic_eoi(&ioapic, 0x55);
    assert_int_equal(sent, 2);
    dev_ioapic_set(&ioapic, 17, false);
    dev_space_write(&bus.mmio, 0xfec00040, 4, 0x55); /* the EOI register */
    assert_int_equal(sent, 2);
    assert_int_equal(read_entry(17), 0xa055);
    write_entry(17, 0x1a055, 0);
    dev_ioapic_set(&ioapic, 17, true);
    assert_int_equal(sent, 2);
    write_entry(17, 0xa055, 0); /* unmasked while it asks */
    assert_int_equal(sent, 3);
    dev_space_write(&bus.mmio, 0xfec00000, 4, 1);
    assert_int_equal(dev_space_read(&bus.mmio, 0xfec00010, 4), 0x170020);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(takes_edges_in_order_of_priority, make),
        cmocka_unit_test_setup(passes_the_second_chip_through_input_2, make),
        cmocka_unit_test_setup(repeats_levels_until_they_fall, make),
        cmocka_unit_test_setup(rotates_ends_by_itself_and_can_be_polled, make),
        cmocka_unit_test_setup(sends_edges_once, make),
        cmocka_unit_test_setup(holds_levels_until_their_end, make),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
