/*
 * A guest that attacks its devices (tests/vmm/attack_test.py). It prints READY and reads a letter
 * from COM1:
 *
 *     a  all attacks that end, one line each, then DONE where devices still work after a reset
 *     r  a ring is refilled by the second CPU for as long as the device serves it
 *     k  queues are notified without end       l  queues are broken and reset without end
 *     i  interrupts without end                m  all memory is written to without end
 *     e  all the entropy that there is         t  a triple fault
 */
#include "hostile/hostile.h"
#include "bare/bare_virtio.h"
#include "base/memops.h"

enum { VENDOR = 0x1af4, NET = 0x1041, BLOCK = 0x1042, ENTROPY = 0x1044, FIRST_VECTOR = 33 };
enum { COM1 = 0x3f8, IOAPIC = 0xfec00000u, LAPIC = 0xfee00000u, NO_VECTOR = 0xffff };
enum { RAM_TOP = 0x4000000 /* the machine has 64 MiB */ };

struct device {
    const char *name;
    unsigned id, queues;
    unsigned slot;
    struct bare_transport transport;
};

static struct device devices[] = {
    {"block", BLOCK, 1, 0, {0}}, {"net", NET, 2, 0, {0}}, {"entropy", ENTROPY, 1, 0, {0}}};
enum { DEVICES = sizeof devices / sizeof devices[0] };

static struct bare_ring rings[2];
static _Alignas(4096) struct bare_descriptor indirect[64];
static _Alignas(4096) uint8_t data[1 << 16];
static struct {
    uint32_t type, reserved;
    uint64_t sector;
} header;
static uint64_t seed = 88172645463325252u;

static uint32_t random32(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 16);
}

/* ---- rings ---- */

static void start(struct device *device)
{
    memset(rings, 0, sizeof rings);
    bare_virtio_negotiate(&device->transport, 1u << 28); /* indirect descriptors */
    for (unsigned i = 0; i < device->queues; i++) {
        bare_virtio_ring(&device->transport, &rings[i], (uint16_t)i, NO_VECTOR);
    }
    bare_write8(device->transport.common + 0x14, 15);
}

static void set(unsigned queue, unsigned at, uint64_t address, uint32_t length, unsigned flags,
                unsigned next)
{
    rings[queue].descriptors[at] =
        (struct bare_descriptor){address, length, (uint16_t)flags, (uint16_t)next};
}

static void offer(unsigned queue, unsigned head)
{
    bare_virtio_offer(&rings[queue], (uint16_t)head);
    bare_virtio_kick(&rings[queue]);
}

enum { NEXT = BARE_DESC_NEXT, WRITE = BARE_DESC_WRITE, INDIRECT = BARE_DESC_INDIRECT };

static void attack_at_random(unsigned q)
{
    for (unsigned i = 0; i < BARE_RING; i++) {
        set(q, i, random32() % (2 * RAM_TOP), random32() >> (random32() % 32), random32() % 8,
            random32() % BARE_RING);
        rings[q].available.entries[i] = (uint16_t)(random32() % BARE_RING);
    }
    rings[q].available.index = BARE_RING;
    bare_virtio_kick(&rings[q]);
}

/* The attacks of one queue that was just set up; false: there are no more. */
static bool attack_chain(unsigned q, unsigned number)
{
    static const uint64_t places[] = {0,           RAM_TOP - 1, RAM_TOP,       IOAPIC,
                                      LAPIC,       0xe0000000u, 0xfffffff0u,   0x100000000u,
                                      ~0ull - 100, 1ull << 52,  0x8000000000u, 0xc0000000u};
    const unsigned count = sizeof places / sizeof places[0];
    uint64_t table = bare_address(indirect);

    if (number < 2 * count) { /* buffers where no RAM is, and across its end */
        set(q, 0, places[number / 2], number % 2 == 0 ? 4096 : 0xffffffffu, WRITE, 0);
        offer(q, 0);
        return true;
    }
    switch (number - 2 * count) {
    case 0: /* loops */
        set(q, 0, bare_address(data), 16, NEXT, 1);
        set(q, 1, bare_address(data), 16, NEXT, 0);
        offer(q, 0);
        break;
    case 1:
        set(q, 0, bare_address(data), 16, NEXT | WRITE, 0);
        offer(q, 0);
        break;
    case 2: /* out of the table */
        set(q, 0, bare_address(data), 16, NEXT, 60000);
        offer(q, 0);
        break;
    case 3:
        offer(q, 0xffff);
        break;
    case 4: /* indirect tables: in themselves, in others, of odd sizes, none */
        indirect[0] = (struct bare_descriptor){table, 16, INDIRECT, 0};
        set(q, 0, table, 16, INDIRECT, 0);
        offer(q, 0);
        break;
    case 5:
        set(q, 0, table, 17, INDIRECT, 0);
        offer(q, 0);
        break;
    case 6:
        set(q, 0, table, 0, INDIRECT, 0);
        offer(q, 0);
        break;
    case 7:
        set(q, 0, table, 0xfffffff0u, INDIRECT, 0);
        offer(q, 0);
        break;
    case 8:
        set(q, 0, table, 32, INDIRECT | NEXT, 1);
        offer(q, 0);
        break;
    case 9:
        set(q, 0, ~0ull - 15, 1024, INDIRECT, 0);
        offer(q, 0);
        break;
    case 10:
        for (unsigned i = 0; i < 64; i++) {
            indirect[i] =
                (struct bare_descriptor){bare_address(data), 1, NEXT, (uint16_t)((i + 1) % 64)};
        }
        set(q, 0, table, sizeof indirect, INDIRECT, 0);
        offer(q, 0);
        break;
    case 11: /* more chains than the ring has */
        rings[q].available.index = 0x8000;
        bare_virtio_kick(&rings[q]);
        break;
    case 12: /* sums beyond 32 bits, though each fits RAM */
        for (unsigned i = 0; i < 64; i++) {
            set(q, i, 0x100000, RAM_TOP - 0x100000, NEXT | WRITE, i + 1);
        }
        rings[q].descriptors[63].flags = WRITE;
        offer(q, 0);
        break;
    case 13: /* empty buffers; readable behind writable */
        set(q, 0, bare_address(data), 0, WRITE, 0);
        offer(q, 0);
        break;
    case 14:
        set(q, 0, bare_address(data), 16, NEXT | WRITE, 1);
        set(q, 1, bare_address(data), 16, 0, 0);
        offer(q, 0);
        break;
    case 15: /* the device writes over the rings that it reads */
        set(q, 0, bare_address(&rings[q]), sizeof rings[q], WRITE, 0);
        for (unsigned i = 0; i < 32; i++) {
            offer(q, 0);
        }
        break;
    case 16: /* all of it at random */
        attack_at_random(q);
        break;
    default:
        return false;
    }
    return true;
}

static void attack_chains(struct device *device)
{
    for (unsigned q = 0; q < device->queues; q++) {
        start(device);
        for (unsigned number = 0; attack_chain(q, number); number++) {
            start(device);
        }
    }
    bare_print("ATTACKED chains of %s\n", device->name);
}

/* Queues in places and of sizes that cannot be, enabled all the same. */
static void attack_rings(struct device *device)
{
    static const uint64_t places[] = {1,          RAM_TOP - 16, RAM_TOP,     IOAPIC,
                                      0xfffff000, ~0ull - 4095, 0xe0000000u, 0x100000000u};
    static const uint16_t sizes[] = {0, 1, 3, 64, 256, 32768, 65535};
    uint8_t *common = device->transport.common;

    for (unsigned i = 0; i < sizeof places / sizeof places[0]; i++) {
        for (unsigned s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            bare_virtio_negotiate(&device->transport, 0);
            bare_write16(common + 0x16, (uint16_t)(i == 7 ? 1000 : 0));
            bare_write16(common + 0x18, sizes[s]);
            for (unsigned area = 0; area < 3; area++) {
                bare_write32(common + 0x20 + 8 * area, (uint32_t)places[i]);
                bare_write32(common + 0x24 + 8 * area, (uint32_t)(places[i] >> 32));
            }
            bare_write16(common + 0x1c, 1);
            bare_write8(common + 0x14, 15);
            bare_write16(device->transport.notify, 0);
        }
    }
    bare_print("ATTACKED rings of %s\n", device->name);
}

static void read_disk(unsigned count)
{
    header.type = 0;
    header.sector = 0;
    for (unsigned i = 0; i < count; i++) {
        set(0, 3 * i, bare_address(&header), 16, NEXT, 3 * i + 1);
        set(0, 3 * i + 1, bare_address(data), sizeof data, NEXT | WRITE, 3 * i + 2);
        set(0, 3 * i + 2, bare_address(data), 1, WRITE, 0);
        bare_virtio_offer(&rings[0], (uint16_t)(3 * i));
    }
    bare_virtio_kick(&rings[0]);
}

static void reset_in_flight(void)
{
    for (unsigned i = 0; i < 100; i++) {
        start(&devices[0]);
        read_disk(20);
        bare_write8(devices[0].transport.common + 0x14, 0);
        bare_write16(devices[0].transport.notify, 0);
    }
    bare_print("ATTACKED by resets of transfers in flight\n");
}

/* ---- PCI ---- */

static void attack_bars(void)
{
    static const uint32_t places[] = {0,           0x200000,    0x3fff000,   IOAPIC,     LAPIC,
                                      0xe0000000u, 0xfffff000u, 0xc0000000u, 0xfed00000u};
    uint32_t saved[DEVICES][6];

    for (unsigned d = 0; d < DEVICES; d++) {
        for (unsigned bar = 0; bar < 6; bar++) {
            saved[d][bar] = bare_pci_read(devices[d].slot, 0x10 + 4 * bar);
        }
    }
    for (unsigned i = 0; i < sizeof places / sizeof places[0]; i++) {
        for (unsigned d = 0; d < DEVICES; d++) { /* all of them in one place, high halves too */
            for (unsigned bar = 0; bar < 6; bar++) {
                bare_pci_write(devices[d].slot, 0x10 + 4 * bar,
                               bar == 1 || bar == 3 ? (i % 2 == 0 ? 0 : ~0u) : places[i]);
            }
        }
        for (unsigned at = 0; at < 0x4000; at += 252) {
            volatile uint32_t *where = (volatile uint32_t *)(uintptr_t)(0xc0000000u + at);
            *where = *where + random32();
        }
    }
    for (unsigned d = 0; d < DEVICES; d++) {
        for (unsigned bar = 0; bar < 6; bar++) {
            bare_pci_write(devices[d].slot, 0x10 + 4 * bar, saved[d][bar]);
        }
    }
    bare_print("ATTACKED by BARs\n");
}

/* Random words into the configuration of all devices, then what they had. */
static void attack_configuration(void)
{
    static uint32_t saved[32][64];

    for (unsigned slot = 0; slot < 32; slot++) {
        for (unsigned at = 0; at < 64; at++) {
            saved[slot][at] = bare_pci_read(slot, 4 * at);
        }
        for (unsigned i = 0; i < 300; i++) {
            bare_pci_write(slot, random32() % 256, random32());
            (void)bare_pci_read(slot, random32() % 256);
        }
        for (unsigned at = 0; at < 64; at++) {
            bare_pci_write(slot, 4 * at, saved[slot][at]);
        }
    }
    bare_print("ATTACKED by configuration space\n");
}

/* Messages to addresses that are none, by a table that is written beyond its end. */
static void attack_messages(struct device *device)
{
    volatile uint32_t *table =
        (volatile uint32_t *)(uintptr_t)bare_pci_bar(device->slot, 2); /* as strata-vm has it */

    for (unsigned i = 0; i < 1024; i++) {
        table[i] = random32();
    }
    for (unsigned i = 0; i < 4; i++) {
        table[4 * i] = i == 0 ? 0x1000 : i == 1 ? ~0u : LAPIC | random32() % 0x100000;
        table[4 * i + 1] = i == 3 ? 1 : 0;
        table[4 * i + 2] = random32();
        table[4 * i + 3] = 0;
    }
    bare_pci_msix(device->slot, 0, 0);
    start(device);
    bare_write16(device->transport.common + 0x10, 3);
    bare_write16(device->transport.common + 0x10, 0);
    (void)attack_chain(0, 26);
    bare_print("ATTACKED by messages of %s\n", device->name);
}

/* ---- without end ---- */

static volatile bool second_runs;

void hostile_second(void)
{
    bare_interrupts_load();
    second_runs = true;
    for (;;) { /* always something there, never more than fits */
        __atomic_store_n(&rings[0].available.index, (uint16_t)(rings[0].used.index + BARE_RING - 1),
                         __ATOMIC_RELEASE);
    }
}

static void start_second(void)
{
    volatile uint32_t *lapic = (volatile uint32_t *)(uintptr_t)LAPIC;

    memcpy((void *)HOSTILE_TRAMPOLINE, hostile_trampoline,
           (size_t)(hostile_trampoline_end - hostile_trampoline));
    lapic[0x300 / 4] = 0xc4500; /* INIT to all others */
    lapic[0x300 / 4] = 0xc4600 | HOSTILE_TRAMPOLINE >> 12;
    while (!second_runs) {
        __asm__ volatile("pause");
    }
}

static void refill(void)
{
    start(&devices[2]);
    set(0, 0, bare_address(data), 4096, WRITE, 0);
    start_second();
    bare_print("ENDLESS\n");
    for (;;) { /* a ring that got too far ahead is broken: again */
        rings[0].available.index = 0;
        start(&devices[2]);
        set(0, 0, bare_address(data), 4096, WRITE, 0);
        bare_virtio_kick(&rings[0]);
    }
}

static void notify(void)
{
    start(&devices[1]);
    bare_print("ENDLESS\n");
    for (;;) {
        offer(0, 0);
        offer(1, 0);
    }
}

static void break_and_reset(void)
{
    bare_print("ENDLESS\n");
    for (;;) {
        for (unsigned d = 0; d < DEVICES; d++) {
            start(&devices[d]);
            offer(0, 0xffff);
        }
    }
}

/* COM1's empty transmitter holds its line, which the IOAPIC has as level-triggered. */
static void storm(void)
{
    volatile uint32_t *ioapic = (volatile uint32_t *)(uintptr_t)IOAPIC;

    bare_print("ENDLESS\n");
    ioapic[0] = 0x10 + 2 * 4;
    ioapic[4] = 0x8000 | FIRST_VECTOR;
    bare_out8(COM1 + 4, 8);
    bare_out8(COM1 + 1, 2);
    for (;;) {
        __asm__ volatile("sti; nop");
    }
}

static void fill_memory(void)
{
    bare_print("ENDLESS\n");
    for (;;) {
        for (uint64_t at = 0x1000000; at < RAM_TOP; at += 4096) {
            (*(volatile uint64_t *)(uintptr_t)at)++;
        }
    }
}

static void drain_entropy(void)
{
    start(&devices[2]);
    bare_print("ENDLESS\n");
    for (;;) {
        for (unsigned i = 0; i < BARE_RING; i++) {
            set(0, i, bare_address(data), 4096, WRITE, 0);
            bare_virtio_offer(&rings[0], (uint16_t)i);
        }
        bare_virtio_kick(&rings[0]);
    }
}

static void triple_fault(void)
{
    static const uint8_t nothing[10];

    bare_print("ENDLESS\n");
    __asm__ volatile("lidt %0; ud2" ::"m"(nothing));
}

/* ---- all that ends ---- */

/* A disk that was attacked reads a sector, the entropy device gives bytes. */
static bool still_work(void)
{
    start(&devices[0]);
    memset(data, 0xee, sizeof data);
    read_disk(1);
    while (rings[0].used.index != 1) {
        __asm__ volatile("pause");
    }
    if (rings[0].used.entries[0].length != sizeof data + 1 || data[0] != 0) {
        return false;
    }
    start(&devices[2]);
    set(0, 0, bare_address(data), 16, WRITE, 0);
    offer(0, 0);
    return rings[0].used.index == 1 && rings[0].used.entries[0].length == 16;
}

static void all(void)
{
    for (unsigned d = 0; d < DEVICES; d++) {
        attack_chains(&devices[d]);
        attack_rings(&devices[d]);
        attack_messages(&devices[d]);
    }
    reset_in_flight();
    attack_bars();
    attack_configuration();
    bare_print(still_work() ? "DONE\n" : "BROKEN\n");
    bare_exit(0);
}

void bare_main(void)
{
    char letter;

    bare_interrupts_init();
    for (unsigned d = 0; d < DEVICES; d++) {
        int slot = bare_pci_find(VENDOR, (uint16_t)devices[d].id);

        if (slot < 0) {
            bare_print("no %s\n", devices[d].name);
            bare_exit(1);
        }
        devices[d].slot = (unsigned)slot;
        devices[d].transport = bare_virtio_find((unsigned)slot);
    }
    bare_print("READY\n");
    while ((bare_in8(COM1 + 5) & 1) == 0) {
    }
    letter = (char)bare_in8(COM1);
    switch (letter) {
    case 'a':
        all();
        break;
    case 'r':
        refill();
        break;
    case 'k':
        notify();
        break;
    case 'l':
        break_and_reset();
        break;
    case 'i':
        storm();
        break;
    case 'm':
        fill_memory();
        break;
    case 'e':
        drain_entropy();
        break;
    case 't':
        triple_fault();
        break;
    default:
        break;
    }
    bare_exit(2);
}
