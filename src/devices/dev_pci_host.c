/*
 * The PCI host bridge: both doors to configuration space, plugging functions in, and giving them
 * addresses as firmware would.
 */
#include "base/arith.h"
#include "base/assert.h"
#include "base/memops.h"
#include "devices/dev_pci_priv.h"

enum { ADDRESS_ENABLE = 1u << 31, ECAM_BYTES = 1 << 20 };

/* An access is at most 4 bytes and ends with configuration space. */
static unsigned bytes_within(unsigned at, unsigned access_bytes)
{
    unsigned left = DEV_PCI_CONFIG_BYTES - at;

    access_bytes = access_bytes < 4 ? access_bytes : 4;
    return access_bytes < left ? access_bytes : left;
}

uint32_t dev_pci_config_read(struct dev_pci_host *host, unsigned slot, unsigned at,
                             unsigned access_bytes)
{
    struct dev_pci *pci = slot < DEV_PCI_SLOTS ? host->slots[slot] : NULL;
    uint32_t value = 0;

    if (pci == NULL) {
        return UINT32_MAX;
    }
    if (at >= DEV_PCI_CONFIG_BYTES) {
        return 0; /* no extended capability */
    }
    access_bytes = bytes_within(at, access_bytes);
    if (pci->ops->config_reading != NULL) {
        pci->ops->config_reading(pci, at, access_bytes);
    }
    for (unsigned i = 0; i < access_bytes; i++) {
        value |= (uint32_t)pci->config[at + i] << (8 * i);
    }
    return value;
}

void dev_pci_config_write(struct dev_pci_host *host, unsigned slot, unsigned at,
                          unsigned access_bytes, uint32_t value)
{
    struct dev_pci *pci = slot < DEV_PCI_SLOTS ? host->slots[slot] : NULL;

    if (pci == NULL || at >= DEV_PCI_CONFIG_BYTES) {
        return;
    }
    access_bytes = bytes_within(at, access_bytes);
    for (unsigned i = 0; i < access_bytes; i++) {
        uint8_t mask = pci->writable[at + i], byte = (uint8_t)(value >> (8 * i));
        pci->config[at + i] = (uint8_t)((pci->config[at + i] & ~mask) | (byte & mask));
    }
    dev_pci_update(pci);
    if (pci->ops->config_written != NULL) {
        pci->ops->config_written(pci, at, access_bytes);
    }
}

/* Slot and function of bus:device.function as both doors encode it; -1: not our bus or a function
 * that no slot has. */
static int slot_of(uint32_t address)
{
    return (address >> 8 & 0xff) == 0 && (address & 7) == 0 ? (int)(address >> 3 & 31) : -1;
}

static uint64_t port_read(void *device, uint64_t offset, unsigned access_bytes)
{
    struct dev_pci_host *host = device;
    int slot = slot_of(host->address >> 8);

    if (offset == 1 && access_bytes == 1) {
        return host->reset_control;
    }
    if (offset < 4) {
        return access_bytes == 4 && offset == 0 ? host->address : UINT64_MAX;
    }
    if ((host->address & ADDRESS_ENABLE) == 0 || slot < 0) {
        return UINT64_MAX;
    }
    return dev_pci_config_read(host, (unsigned)slot,
                               (host->address & 0xfc) + (unsigned)(offset - 4), access_bytes);
}

/* Port CF9h (ICH9 13.7.5) lies among the bridge's: bit 2 going from 0 to 1 resets. */
static void write_reset_control(struct dev_pci_host *host, uint8_t value)
{
    bool reset = (value & 4) != 0 && (host->reset_control & 4) == 0;

    host->reset_control = value & 0x0e;
    if (reset) {
        dev_line_set(&host->reset, true);
    }
}

static void port_write(void *device, uint64_t offset, unsigned access_bytes, uint64_t value)
{
    struct dev_pci_host *host = device;
    int slot = slot_of(host->address >> 8);

    if (offset == 1 && access_bytes == 1) {
        write_reset_control(host, (uint8_t)value);
    } else if (offset < 4) {
        if (access_bytes == 4 && offset == 0) {
            host->address = (uint32_t)value & 0x80fffffc;
        }
    } else if ((host->address & ADDRESS_ENABLE) != 0 && slot >= 0) {
        dev_pci_config_write(host, (unsigned)slot, (host->address & 0xfc) + (unsigned)(offset - 4),
                             access_bytes, (uint32_t)value);
    }
}

static uint64_t ecam_read(void *device, uint64_t offset, unsigned access_bytes)
{
    int slot = slot_of((uint32_t)(offset >> 12));

    if (slot < 0) {
        return UINT64_MAX;
    }
    return dev_pci_config_read(device, (unsigned)slot, offset & 0xfff, access_bytes);
}

static void ecam_write(void *device, uint64_t offset, unsigned access_bytes, uint64_t value)
{
    int slot = slot_of((uint32_t)(offset >> 12));

    if (slot >= 0) {
        dev_pci_config_write(device, (unsigned)slot, offset & 0xfff, access_bytes, (uint32_t)value);
    }
}

int dev_pci_plug(struct dev_pci_host *host, struct dev_pci *pci, unsigned slot)
{
    for (unsigned i = 0; slot == DEV_PCI_SLOTS && i < DEV_PCI_SLOTS; i++) {
        slot = host->slots[i] == NULL ? i : slot;
    }
    if (slot == DEV_PCI_SLOTS) {
        return -ST_ENOSPC;
    }
    if (slot > DEV_PCI_SLOTS) {
        return -ST_EINVAL;
    }
    if (host->slots[slot] != NULL) {
        return -ST_EBUSY;
    }
    pci->slot = (uint8_t)slot;
    pci->host = host;
    memcpy(pci->after_reset, pci->config, sizeof pci->config);
    host->slots[slot] = pci;
    return (int)slot;
}

static void bridge_reset(struct dev_pci *pci)
{
    (void)pci;
}

static const struct dev_pci_ops bridge_ops = {.reset = bridge_reset};

void dev_pci_host_init(struct dev_pci_host *host, struct dev_bus *bus, uint64_t ecam_start)
{
    int slot;

    host->bus = bus;
    host->ports = (struct dev_region){
        .start = 0xcf8, .size = 8, .read = port_read, .write = port_write, .device = host};
    host->ecam = (struct dev_region){.start = ecam_start,
                                     .size = ECAM_BYTES,
                                     .read = ecam_read,
                                     .write = ecam_write,
                                     .device = host};
    dev_space_add(&bus->io, &host->ports);
    dev_space_add(&bus->mmio, &host->ecam);
    /* The generic PCI Express host bridge's ID in Red Hat's list for virtual machines. */
    host->bridge.ops = &bridge_ops;
    dev_pci_init(&host->bridge, 0x1b36, 0x0008, 0x060000, 0, 0);
    slot = dev_pci_plug(host, &host->bridge, 0);
    ST_CHECK(slot == 0);
}

/* A place for a BAR of this size, 0: the window is full. */
static uint64_t place(uint64_t *next, uint64_t end, uint64_t size)
{
    uint64_t start = ST_ALIGN_UP(*next, size);

    if (start < *next || start > end || size > end - start) {
        return 0;
    }
    *next = start + size;
    return start;
}

/* All BARs, largest first, so that alignment wastes little. */
static void place_bars(struct dev_pci_host *host, bool io, uint64_t next, uint64_t end)
{
    for (uint64_t size = UINT64_C(1) << (io ? 8 : 31); size >= 4; size >>= 1) {
        for (unsigned i = 0; i < DEV_PCI_SLOTS * DEV_PCI_BARS; i++) {
            struct dev_pci *pci = host->slots[i / DEV_PCI_BARS];
            unsigned number = i % DEV_PCI_BARS;
            if (pci != NULL && pci->bars[number].kind != DEV_PCI_BAR_NONE &&
                (pci->bars[number].kind == DEV_PCI_BAR_IO) == io &&
                pci->bars[number].region.size == size) {
                unsigned at = DEV_PCI_BAR0 + 4 * number;
                uint32_t start = (uint32_t)place(&next, end, size);
                dev_pci_put32(pci->config, at, start | (pci->after_reset[at] & 0xf));
            }
        }
    }
}

static void reset_function(struct dev_pci *pci)
{
    dev_pci_unmap(pci);
    memcpy(pci->config, pci->after_reset, sizeof pci->config);
    memset(pci->msix, 0, sizeof pci->msix);
    memset(pci->msix_pending, 0, sizeof pci->msix_pending);
    for (unsigned i = 0; i < DEV_PCI_MSIX_MAX; i++) {
        pci->msix[i].control = 1;
    }
    pci->ops->reset(pci);
}

void dev_pci_host_reset(struct dev_pci_host *host, uint64_t memory_start, uint64_t memory_end,
                        uint16_t io_start, const uint8_t irqs[4])
{
    host->address = 0;
    host->reset_control = 0;
    for (unsigned slot = 0; slot < DEV_PCI_SLOTS; slot++) {
        if (host->slots[slot] != NULL) {
            reset_function(host->slots[slot]);
        }
    }
    place_bars(host, false, memory_start, memory_end);
    place_bars(host, true, io_start, 0x10000);
    for (unsigned slot = 0; slot < DEV_PCI_SLOTS; slot++) {
        struct dev_pci *pci = host->slots[slot];
        if (pci != NULL) {
            unsigned pin = pci->config[DEV_PCI_INTERRUPT_PIN];
            if (pin != 0) {
                pci->config[DEV_PCI_INTERRUPT_LINE] = irqs[dev_pci_line(slot, pin)];
            }
            pci->config[DEV_PCI_COMMAND] |= DEV_PCI_COMMAND_IO | DEV_PCI_COMMAND_MEMORY;
            dev_pci_update(pci);
        }
    }
}

void dev_pci_host_done(struct dev_pci_host *host)
{
    for (unsigned slot = 0; slot < DEV_PCI_SLOTS; slot++) {
        struct dev_pci *pci = host->slots[slot];
        if (pci != NULL) {
            dev_pci_unmap(pci);
            host->slots[slot] = NULL;
            if (pci->ops->free != NULL) {
                pci->ops->free(pci);
            }
        }
    }
}
