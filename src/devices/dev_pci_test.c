/* PCI: finding functions, sizing and moving BARs, messages and interrupt lines. */
#include "devices/dev_pci.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "platform/plat_fake_test.h"

static struct plat_fake fake;
static struct mem_map memory;
static struct dev_bus bus;
static struct dev_pci_host host;
static struct dev_pci card;
static uint64_t sent_address;
static uint32_t sent_data;
static unsigned sent, resets;
static bool lines[4];

static void send(void *owner, uint64_t address, uint32_t data)
{
    (void)owner;
    sent++;
    sent_address = address;
    sent_data = data;
}

static void on_intx(void *owner, unsigned number, bool level)
{
    (void)owner;
    lines[number] = level;
}

static void on_reset(void *owner, unsigned number, bool level)
{
    (void)owner;
    (void)number;
    resets += level;
}

static uint64_t bar_read(void *device, uint64_t offset, unsigned access_bytes)
{
    (void)device;
    (void)access_bytes;
    return 0x1000 + offset;
}

static void card_reset(struct dev_pci *pci)
{
    dev_pci_intx(pci, false);
}

static const struct dev_pci_ops card_ops = {.reset = card_reset};

static int make(void **state)
{
    (void)state;
    plat_fake_init(&fake);
    fake.locked = true;
    mem_map_init(&memory);
    dev_bus_init(&bus, &fake.platform, &memory);
    memset(&host, 0, sizeof host);
    memset(&card, 0, sizeof card);
    sent = resets = 0;
    host.messages.send = send;
    host.reset.set = on_reset;
    for (unsigned i = 0; i < 4; i++) {
        host.intx[i] = (struct dev_line){.set = on_intx, .number = i};
    }
    dev_pci_host_init(&host, &bus, 0xe0000000);
    card.ops = &card_ops;
    dev_pci_init(&card, 0x1af4, 0x1042, 0x018000, 1, 1);
    dev_pci_add_bar(&card, 0, DEV_PCI_BAR_IO, 0x20, bar_read, NULL, &card);
    dev_pci_add_msix(&card, 1, 4);
    dev_pci_add_bar(&card, 4, DEV_PCI_BAR_MEMORY_64, 0x4000, bar_read, NULL, &card);
    assert_int_equal(dev_pci_plug(&host, &card, 3), 3);
    assert_int_equal(dev_pci_plug(&host, &card, 3), -ST_EBUSY);
    dev_pci_host_reset(&host, 0xc0000000, 0xe0000000, 0xc000, (const uint8_t[4]){10, 11, 10, 11});
    return 0;
}

static uint32_t config(unsigned at, unsigned size)
{
    dev_space_write(&bus.io, 0xcf8, 4, 0x80000000u | 3 << 11 | (at & 0xfc));
    return (uint32_t)dev_space_read(&bus.io, 0xcfc + (at & 3), size);
}

static void set_config(unsigned at, unsigned size, uint32_t value)
{
    dev_space_write(&bus.io, 0xcf8, 4, 0x80000000u | 3 << 11 | (at & 0xfc));
    dev_space_write(&bus.io, 0xcfc + (at & 3), size, value);
}

static void finds_functions_by_both_doors(void **state)
{
    (void)state;
    assert_int_equal(config(0, 4), 0x10421af4);
    assert_int_equal(config(0xb, 1), 0x01);
    assert_int_equal(dev_space_read(&bus.mmio, 0xe0018000, 4), 0x10421af4);
    assert_int_equal(dev_space_read(&bus.mmio, 0xe0018002, 2), 0x1042);
    assert_int_equal(dev_space_read(&bus.mmio, 0xe0018100, 4), 0);
    assert_int_equal(dev_space_read(&bus.mmio, 0xe0020000, 4), 0xffffffff);
    assert_int_equal(dev_space_read(&bus.mmio, 0xe0019000, 4), 0xffffffff);
    assert_int_equal(dev_space_read(&bus.mmio, 0xe0000000, 4), 0x00081b36);
    dev_space_write(&bus.io, 0xcf8, 4, 0x80010000);
    assert_int_equal(dev_space_read(&bus.io, 0xcfc, 4), 0xffffffff);
    assert_int_equal(config(0x34, 1), 0x40);
    assert_int_equal(config(0x40, 4), 0x00030011);
}

static void sizes_and_moves_bars(void **state)
{
    uint32_t start = config(0x20, 4), port = config(0x10, 4);

    (void)state;
    assert_int_equal(start & 0xf, 4);
    assert_int_equal(dev_space_read(&bus.mmio, (start & ~0xfu) + 8, 4), 0x1008);
    assert_int_equal(port & 3, 1);
    assert_int_equal(dev_space_read(&bus.io, port & ~3u, 4), 0x1000);
    set_config(0x20, 4, 0xffffffff);
    set_config(0x24, 4, 0xffffffff);
    assert_int_equal(config(0x20, 4), 0xffffc004);
    assert_int_equal(config(0x24, 4), 0xffffffff);
    set_config(0x20, 4, 0xd0000000);
    set_config(0x24, 4, 0x12);
    assert_int_equal(dev_space_read(&bus.mmio, UINT64_C(0x12d0000004), 4), 0x1004);
    assert_int_equal(dev_space_read(&bus.mmio, (start & ~0xfu) + 8, 4), 0xffffffff);
    set_config(0x10, 4, 0xffffffff);
    assert_int_equal(config(0x10, 4), 0xffffffe1);
    set_config(4, 2, 0);
    assert_int_equal(dev_space_read(&bus.mmio, UINT64_C(0x12d0000004), 4), 0xffffffff);
    set_config(0, 4, 0);
    assert_int_equal(config(0, 4), 0x10421af4);
}

static void sends_messages_and_keeps_masked_ones(void **state)
{
    uint64_t table = config(0x14, 4) & ~0xfu;

    (void)state;
    dev_pci_msix_raise(&card, 2);
    assert_int_equal(sent, 0);
    set_config(4, 2, 7);
    set_config(0x42, 2, 0x8000);
    dev_space_write(&bus.mmio, table + 32, 4, 0xfee01000);
    dev_space_write(&bus.mmio, table + 40, 4, 0x55);
    dev_pci_msix_raise(&card, 2);
    assert_int_equal(sent, 0);
    assert_int_equal(dev_space_read(&bus.mmio, table + 0x800, 8), 4);
    dev_space_write(&bus.mmio, table + 44, 4, 0);
    assert_int_equal(sent, 1);
    assert_int_equal(sent_address, 0xfee01000);
    assert_int_equal(sent_data, 0x55);
    dev_pci_msix_raise(&card, 2);
    assert_int_equal(sent, 2);
    set_config(0x42, 2, 0xc000);
    dev_pci_msix_raise(&card, 2);
    assert_int_equal(sent, 2);
    set_config(0x42, 2, 0x8000);
    assert_int_equal(sent, 3);
    dev_pci_msix_raise(&card, 4);
    dev_pci_msix_raise(&card, DEV_PCI_NO_VECTOR);
    assert_int_equal(sent, 3);
}

static void drives_its_interrupt_line(void **state)
{
    (void)state;
    assert_int_equal(config(0x3c, 2), 0x0100 | 11);
    dev_pci_intx(&card, true);
    assert_true(lines[3]);
    assert_int_equal(config(6, 1) & 8, 8);
    set_config(4, 2, 0x403);
    assert_false(lines[3]);
    set_config(4, 2, 3);
    assert_true(lines[3]);
    set_config(0x42, 2, 0x8000); /* MSI-X takes its place */
    assert_false(lines[3]);
    set_config(0x42, 2, 0);
    dev_pci_intx(&card, false);
    assert_false(lines[3]);
}

static void resets_by_port_cf9(void **state)
{
    (void)state;
    dev_space_write(&bus.io, 0xcf9, 1, 2);
    assert_int_equal(resets, 0);
    dev_space_write(&bus.io, 0xcf9, 1, 6);
    dev_space_write(&bus.io, 0xcf9, 1, 6);
    assert_int_equal(resets, 1);
    assert_int_equal(dev_space_read(&bus.io, 0xcf9, 1), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(finds_functions_by_both_doors, make),
        cmocka_unit_test_setup(sizes_and_moves_bars, make),
        cmocka_unit_test_setup(sends_messages_and_keeps_masked_ones, make),
        cmocka_unit_test_setup(drives_its_interrupt_line, make),
        cmocka_unit_test_setup(resets_by_port_cf9, make),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
