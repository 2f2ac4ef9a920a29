/*
 * A hostile guest: any accesses to any port and device memory, interrupts acknowledged and ended at
 * any moment, bytes coming in on the serial line, time going on. Nothing may crash, and no amount
 * of guest time may make the timers fire without end.
 */
#include <stdint.h>
#include <string.h>

#include "devices/dev_debug.h"
#include "devices/dev_fwcfg.h"
#include "devices/dev_hpet.h"
#include "devices/dev_i8042.h"
#include "devices/dev_ioapic.h"
#include "devices/dev_pci.h"
#include "devices/dev_pic.h"
#include "devices/dev_pit.h"
#include "devices/dev_pm.h"
#include "devices/dev_rtc.h"
#include "devices/dev_serial.h"
#include "devices/dev_testdev.h"
#include "platform/plat_fake_test.h"

enum { ECAM = 0x0, IOAPIC = 0x200000, HPET = 0x300000, MMIO_END = 0x310000, RAM_BYTES = 0x4000 };
/* Bytes of input that one step takes. */
enum { STEP = 12 };

static struct {
    struct plat_fake fake;
    struct mem_map memory;
    struct dev_bus bus;
    struct dev_pic pic;
    struct dev_ioapic ioapic;
    struct dev_pit pit;
    struct dev_hpet hpet;
    struct dev_rtc rtc;
    struct dev_pm pm;
    struct dev_i8042 kbd;
    struct dev_serial serial;
    struct dev_fwcfg fwcfg;
    struct dev_debug debug;
    struct dev_testdev testdev;
    struct dev_pci_host pci;
    struct dev_pci function;
    struct plat_stream stream;
    unsigned messages, fired;
} m;
static uint8_t ram[RAM_BYTES], ram_bits[RAM_BYTES >> MEM_PAGE_SHIFT];

static void send(void *owner, uint64_t address, uint32_t data)
{
    (void)owner;
    (void)address;
    m.messages += data & 1;
}

static void on_line(void *owner, unsigned number, bool level)
{
    (void)owner;
    (void)number;
    m.fired += level;
}

static void both(void *owner, unsigned number, bool level)
{
    (void)owner;
    dev_pic_set(&m.pic, number & 15, level);
    dev_ioapic_set(&m.ioapic, number, level);
}

static size_t stream_write(struct plat_stream *stream, const void *bytes, size_t size)
{
    (void)stream;
    (void)bytes;
    return m.fired % 3 == 0 ? 0 : size > 3 ? 3 : size;
}

static void stream_resume(struct plat_stream *stream)
{
    (void)stream;
}

static const struct plat_stream_ops stream_ops = {.write = stream_write, .resume = stream_resume};

static uint64_t bar_read(void *device, uint64_t offset, unsigned access_bytes)
{
    struct dev_pci *pci = device;
    dev_pci_intx(pci, (offset & 1) != 0);
    dev_pci_msix_raise(pci, (unsigned)offset);
    return access_bytes;
}

static void bar_write(void *device, uint64_t offset, unsigned access_bytes, uint64_t value)
{
    (void)value;
    bar_read(device, offset, access_bytes);
}

static void function_reset(struct dev_pci *pci)
{
    pci->intx_level = false;
}

static void panicked(void *owner)
{
    (void)owner;
}

static const struct dev_pci_ops function_ops = {.reset = function_reset};

static void make(void)
{
    struct dev_line line = {.set = both};
    struct dev_messages messages = {.send = send};
    int r;

    memset(&m, 0, sizeof m);
    plat_fake_init(&m.fake);
    m.fake.wall_ns = UINT64_C(1700000000000000000);
    m.fake.locked = true;
    mem_map_init(&m.memory);
    r = mem_add(&m.memory, MEM_RAM, GPA(0x8000), RAM_BYTES, ram, ram_bits);
    ST_CHECK(r == 0);
    dev_bus_init(&m.bus, &m.fake.platform, &m.memory);
    dev_pic_init(&m.pic, &m.bus, (struct dev_line){.set = on_line});
    dev_ioapic_init(&m.ioapic, &m.bus, IOAPIC, messages);
    dev_pit_init(&m.pit, &m.bus, line);
    m.hpet.messages = messages;
    for (unsigned i = 0; i < DEV_HPET_PINS; i++) {
        m.hpet.pins[i] = (struct dev_line){.set = both, .number = i};
    }
    m.hpet.legacy[0] = line;
    dev_hpet_init(&m.hpet, &m.bus, HPET);
    line.number = 8;
    m.hpet.legacy[1] = line;
    dev_rtc_init(&m.rtc, &m.bus, line);
    line.number = 9;
    dev_pm_init(&m.pm, &m.bus, 0x600, line, (struct dev_line){.set = on_line});
    line.number = 1;
    dev_i8042_init(&m.kbd, &m.bus, line, (struct dev_line){.set = on_line});
    line.number = 4;
    m.stream.ops = &stream_ops;
    dev_serial_init(&m.serial, &m.bus, 0x3f8, line, &m.stream);
    dev_fwcfg_init(&m.fwcfg, &m.bus);
    r = dev_fwcfg_add_file(&m.fwcfg, "file", "contents", 8);
    ST_CHECK(r == 0);
    dev_debug_init(&m.debug, &m.bus, NULL, NULL, panicked, NULL);
    line.number = 0;
    dev_testdev_init(&m.testdev, &m.bus, line);
    m.pci.messages = messages;
    m.pci.reset = (struct dev_line){.set = on_line};
    for (unsigned i = 0; i < 4; i++) {
        m.pci.intx[i] = (struct dev_line){.set = both, .number = 16 + i};
    }
    dev_pci_host_init(&m.pci, &m.bus, ECAM);
    m.function.ops = &function_ops;
    dev_pci_init(&m.function, 0x1af4, 0x1042, 0x010000, 1, 1);
    dev_pci_add_bar(&m.function, 0, DEV_PCI_BAR_IO, 32, bar_read, bar_write, &m.function);
    dev_pci_add_msix(&m.function, 1, 5);
    dev_pci_add_bar(&m.function, 4, DEV_PCI_BAR_MEMORY_64, 0x4000, bar_read, bar_write,
                    &m.function);
    r = dev_pci_plug(&m.pci, &m.function, 1);
    ST_CHECK(r == 1);
    dev_pci_host_reset(&m.pci, 0x400000, 0x10000000, 0xc000, (const uint8_t[4]){10, 11, 10, 11});
}

/* Where devices are, so that most accesses meet one. */
static const uint32_t ports[] = {0x20,  0x21,  0xa0,  0xa1,  0x4d0, 0x40,  0x42,   0x43,
                                 0x60,  0x61,  0x64,  0x70,  0x71,  0x92,  0xcf8,  0xcf9,
                                 0xcfc, 0xcfe, 0x3f8, 0x3fa, 0x3fc, 0x510, 0x511,  0x514,
                                 0x518, 0x600, 0x602, 0x604, 0x608, 0xe0,  0x2000, 0xc000};
static const uint32_t memories[] = {ECAM,         ECAM + 0x8000, ECAM + 0x8010,  IOAPIC,
                                    IOAPIC + 16,  IOAPIC + 64,   HPET,           HPET + 16,
                                    HPET + 0x100, HPET + 0x108,  HPET + 0xf0,    0x400000,
                                    0x400800,     0x404000,      0xff000000 - 4, 0xff00fffc};

static void step(const uint8_t *at)
{
    unsigned size = 1u << (at[0] >> 3 & 3);
    uint64_t value, address;

    memcpy(&value, at + 4, 8);
    switch (at[0] & 7) {
    case 0:
    case 1:
        address = (ports[at[1] % ST_COUNT(ports)] + at[2] % 8u) & 0xffff;
        size = size > 4 ? 4 : size;
        if ((at[0] & 1) != 0) {
            dev_space_write(&m.bus.io, address, size, value);
        } else {
            (void)dev_space_read(&m.bus.io, address, size);
        }
        break;
    case 2:
    case 3:
        address = memories[at[1] % ST_COUNT(memories)] + at[2] + (at[3] & 7u) * 0x20;
        if ((at[0] & 1) != 0) {
            dev_space_write(&m.bus.mmio, address, size, value);
        } else {
            (void)dev_space_read(&m.bus.mmio, address, size);
        }
        break;
    case 4:
        (void)dev_pic_acknowledge(&m.pic);
        break;
    case 5:
        dev_ioapic_eoi(&m.ioapic, at[1]);
        break;
    case 6:
        (void)m.stream.receive(m.stream.device, at + 1, ST_MIN(at[0] >> 3, STEP - 1));
        m.stream.ready(m.stream.device);
        break;
    default:
        m.fake.locked = false;
        m.fired = 0;
        plat_fake_advance(&m.fake, (value & 0xffffff) + (at[1] == 0 ? 1000000000 : 0));
        /* 1 s at the highest rate that any timer is allowed, and its catching up. */
        ST_CHECK(m.fired < 400000);
        m.fake.locked = true;
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t bytes[STEP];

    make();
    for (size_t at = 0; at + sizeof bytes <= size && at < 4096; at += sizeof bytes) {
        memcpy(bytes, data + at, sizeof bytes);
        step(bytes);
    }
    dev_pci_host_done(&m.pci);
    return 0;
}
