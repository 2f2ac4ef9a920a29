/* The PCI transport as a driver meets it, with an entropy device behind it. */
#include "virtio/vio_pci.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "platform/plat_fake_test.h"
#include "virtio/vio_entropy.h"

enum { SLOT = 4, COMMON = 0, ISR = 0x1000, NOTIFY = 0x3000 };

static struct plat_fake fake;
static struct mem_map memory;
static struct dev_bus bus;
static struct dev_pci_host host;
static uint8_t ram[8 * MEM_PAGE_SIZE], bits[8];
static uint64_t bar;
static unsigned sent;
static uint32_t sent_data;
static bool line;

static void send(void *owner, uint64_t address, uint32_t data)
{
    (void)owner;
    (void)address;
    sent++;
    sent_data = data;
}

static void on_intx(void *owner, unsigned number, bool level)
{
    (void)owner;
    (void)number;
    line = level;
}

static void on_reset(void *owner, unsigned number, bool level)
{
    (void)owner;
    (void)number;
    (void)level;
}

static uint32_t config(unsigned at, unsigned size)
{
    return dev_pci_config_read(&host, SLOT, at, size);
}

static int make(void **state)
{
    (void)state;
    plat_fake_init(&fake);
    fake.locked = true;
    memset(ram, 0, sizeof ram);
    memset(&host, 0, sizeof host);
    mem_map_init(&memory);
    assert_int_equal(mem_add(&memory, MEM_RAM, GPA(0), sizeof ram, ram, bits), 0);
    dev_bus_init(&bus, &fake.platform, &memory);
    host.messages.send = send;
    host.reset.set = on_reset;
    for (unsigned i = 0; i < 4; i++) {
        host.intx[i] = (struct dev_line){.set = on_intx, .number = i};
    }
    dev_pci_host_init(&host, &bus, 0xe0000000);
    assert_int_equal(
        vio_pci_plug(&host, &fake.platform, vio_entropy_new(&fake.platform, &memory), SLOT), SLOT);
    dev_pci_host_reset(&host, 0xc0000000, 0xe0000000, 0xc000, (const uint8_t[4]){10, 11, 10, 11});
    bar = (uint64_t)config(DEV_PCI_BAR0 + 4, 4) << 32 | (config(DEV_PCI_BAR0, 4) & ~0xfu);
    sent = 0;
    line = false;
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    dev_pci_host_done(&host);
    return 0;
}

static uint64_t get(uint64_t at, unsigned size)
{
    return dev_space_read(&bus.mmio, bar + at, size);
}

static void put(uint64_t at, unsigned size, uint64_t value)
{
    dev_space_write(&bus.mmio, bar + at, size, value);
}

/* A driver's way to DRIVER_OK, with one chain of 8 writable bytes at 0x3000. */
static void drive(void)
{
    put(COMMON + 0x14, 1, 0);
    put(COMMON + 0x14, 1, 3);
    put(COMMON + 0x08, 4, 1);
    put(COMMON + 0x0c, 4, 1);
    put(COMMON + 0x14, 1, 11);
    assert_int_equal(get(COMMON + 0x14, 1), 11);
    put(COMMON + 0x16, 2, 0);
    put(COMMON + 0x18, 2, 8);
    put(COMMON + 0x1a, 2, 1);
    put(COMMON + 0x20, 4, 0x0000);
    put(COMMON + 0x28, 8, 0x1000);
    put(COMMON + 0x30, 8, 0x2000);
    put(COMMON + 0x1c, 2, 1);
    assert_int_equal(get(COMMON + 0x1c, 2), 1);
    put(COMMON + 0x14, 1, 15);
    memcpy(ram, "\0\x30\0\0\0\0\0\0\x08\0\0\0\x02\0\0\0", 16);
    ram[0x1002] = 1;
    put(NOTIFY, 2, 0);
}

static void shows_what_a_driver_looks_for(void **state)
{
    unsigned seen = 0;

    (void)state;
    assert_int_equal(config(0, 4), 0x10441af4);
    assert_int_equal(config(8, 1), 1);
    for (unsigned at = config(DEV_PCI_CAPABILITIES, 1); at != 0; at = config(at + 1, 1)) {
        if (config(at, 1) == 9) {
            seen |= 1u << config(at + 3, 1);
        }
    }
    /* Common, notify, ISR and the window; there is no device configuration. */
    assert_int_equal(seen, 1 << 1 | 1 << 2 | 1 << 3 | 1 << 5);
    assert_int_equal(get(COMMON + 0x12, 2), 1);
    put(COMMON, 4, 1);
    assert_int_equal(get(COMMON + 4, 4), 1);
}

static void serves_a_chain_and_raises_its_vector(void **state)
{
    (void)state;
    /* Vector 1 of the table in BAR 2: data 0x31, unmasked; MSI-X on. */
    uint64_t table = config(DEV_PCI_BAR0 + 8, 4) & ~0xfu;
    unsigned at = config(DEV_PCI_CAPABILITIES, 1);

    while (config(at, 1) != 0x11) {
        at = config(at + 1, 1);
    }
    dev_space_write(&bus.mmio, table + 16, 4, 0xfee00000);
    dev_space_write(&bus.mmio, table + 24, 4, 0x31);
    dev_space_write(&bus.mmio, table + 28, 4, 0);
    dev_pci_config_write(&host, SLOT, at + 2, 2, 0x8000);
    dev_pci_config_write(&host, SLOT, DEV_PCI_COMMAND, 2,
                         DEV_PCI_COMMAND_MEMORY | DEV_PCI_COMMAND_MASTER);
    drive();
    assert_int_equal(ram[0x2002], 1);
    assert_int_equal(ram[0x2008], 8);
    assert_int_equal(sent, 1);
    assert_int_equal(sent_data, 0x31);
    assert_false(line);
}

static void uses_the_line_until_the_driver_reads_why(void **state)
{
    (void)state;
    drive();
    assert_int_equal(sent, 0);
    assert_true(line);
    assert_int_equal(get(ISR, 1), 1);
    assert_false(line);
    assert_int_equal(get(ISR, 1), 0);
}

static void forgets_everything_at_a_reset(void **state)
{
    (void)state;
    drive();
    put(COMMON + 0x14, 1, 0);
    assert_int_equal(get(COMMON + 0x14, 1), 0);
    assert_int_equal(get(COMMON + 0x1c, 2), 0);
    assert_false(line);
    drive();
    assert_int_equal(ram[0x2002], 1);
}

static void refuses_features_without_version_1(void **state)
{
    (void)state;
    put(COMMON + 0x14, 1, 3);
    put(COMMON + 0x14, 1, 11);
    assert_int_equal(get(COMMON + 0x14, 1), 3);
}

static void reaches_the_bar_through_configuration_space(void **state)
{
    unsigned at = config(DEV_PCI_CAPABILITIES, 1);

    (void)state;
    while (config(at, 1) != 9 || config(at + 3, 1) != 5) {
        at = config(at + 1, 1);
    }
    dev_pci_config_write(&host, SLOT, at + 4, 1, 0);
    dev_pci_config_write(&host, SLOT, at + 8, 4, COMMON + 0x12);
    dev_pci_config_write(&host, SLOT, at + 12, 4, 2);
    assert_int_equal(config(at + 16, 2), 1);
    /* Not a size that it has: nothing happens. */
    dev_pci_config_write(&host, SLOT, at + 12, 4, 3);
    (void)config(at + 16, 4);
    dev_pci_config_write(&host, SLOT, at + 8, 4, 0xffffffff);
    dev_pci_config_write(&host, SLOT, at + 16, 4, 1);
}

static void a_queue_that_is_set_up_wrongly_needs_a_reset(void **state)
{
    (void)state;
    put(COMMON + 0x14, 1, 3);
    put(COMMON + 0x18, 2, 7);
    put(COMMON + 0x1c, 2, 1);
    assert_int_equal(get(COMMON + 0x14, 1) & VIO_NEEDS_RESET, VIO_NEEDS_RESET);
}

static unsigned filled;

/* Another CPU of the guest, which makes a chain available for each that is served. */
static int fill_and_refill(struct platform *platform, void *ret_bytes, size_t size)
{
    uint16_t available;

    (void)platform;
    memset(ret_bytes, 0x55, size);
    memcpy(&available, ram + 0x1002, sizeof available);
    available++;
    memcpy(ram + 0x1002, &available, sizeof available);
    filled++;
    return 0;
}

static void a_ring_that_is_refilled_is_served_in_turns(void **state)
{
    static struct plat_ops ops;

    (void)state;
    ops = plat_fake_ops;
    ops.random = fill_and_refill;
    fake.platform.ops = &ops;
    filled = 0;
    drive();
    assert_int_equal(filled, VIO_TURN_CHAINS);
    /* The rest comes when the lock has been free. */
    for (unsigned turn = 2; turn < 5; turn++) {
        fake.locked = false;
        plat_fake_advance(&fake, VIO_TURN_GAP_NS);
        fake.locked = true;
        assert_int_equal(filled, turn * VIO_TURN_CHAINS);
    }
    put(COMMON + 0x14, 1, 0);
    assert_null(plat_fake_next(&fake));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)
    const struct CMUnitTest tests[] = {
        TEST(shows_what_a_driver_looks_for),
        TEST(serves_a_chain_and_raises_its_vector),
        TEST(uses_the_line_until_the_driver_reads_why),
        TEST(forgets_everything_at_a_reset),
        TEST(refuses_features_without_version_1),
        TEST(reaches_the_bar_through_configuration_space),
        TEST(a_queue_that_is_set_up_wrongly_needs_a_reset),
        TEST(a_ring_that_is_refilled_is_served_in_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
