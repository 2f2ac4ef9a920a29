/*
 * A PCI function: its configuration header, base address registers, capabilities and interrupts.
 */
#include "devices/dev_pci.h"

#include "base/assert.h"
#include "base/memops.h"
#include "devices/dev_pci_priv.h"

enum { CAPABILITY_MSIX = 0x11, MSIX_PENDING_AT = 0x800, MSIX_BAR_BYTES = 0x1000 };

void dev_pci_init(struct dev_pci *pci, uint16_t vendor, uint16_t device, uint32_t class_code,
                  uint8_t revision, uint8_t pin)
{
    const struct dev_pci_ops *ops = pci->ops;

    memset(pci, 0, sizeof *pci);
    pci->ops = ops;
    dev_pci_put16(pci->config, 0, vendor);
    dev_pci_put16(pci->config, 2, device);
    dev_pci_put32(pci->config, 8, class_code << 8 | revision);
    pci->config[DEV_PCI_INTERRUPT_PIN] = pin;
    pci->capabilities_end = 0x40;
    dev_pci_put16(pci->writable, DEV_PCI_COMMAND,
                  DEV_PCI_COMMAND_IO | DEV_PCI_COMMAND_MEMORY | DEV_PCI_COMMAND_MASTER | 0x140 |
                      DEV_PCI_COMMAND_INTX_OFF);
    pci->writable[0x0c] = 0xff; /* cache line size */
    pci->writable[DEV_PCI_INTERRUPT_LINE] = 0xff;
}

void dev_pci_add_bar(struct dev_pci *pci, unsigned number, enum dev_pci_bar_kind kind,
                     uint64_t size, uint64_t (*read)(void *, uint64_t, unsigned),
                     void (*write)(void *, uint64_t, unsigned, uint64_t), void *device)
{
    unsigned at = DEV_PCI_BAR0 + 4 * number;
    struct dev_pci_bar *bar = &pci->bars[number];

    ST_CHECK(number < DEV_PCI_BARS && size >= 16 && (size & (size - 1)) == 0);
    ST_CHECK(kind != DEV_PCI_BAR_MEMORY_64 || number + 1 < DEV_PCI_BARS);
    bar->kind = kind;
    bar->region = (struct dev_region){.size = size, .read = read, .write = write, .device = device};
    dev_pci_put32(pci->writable, at, (uint32_t) ~(size - 1));
    if (kind == DEV_PCI_BAR_IO) {
        pci->config[at] = 1;
        pci->writable[at] &= 0xfc;
    } else if (kind == DEV_PCI_BAR_MEMORY_64) {
        pci->config[at] = 4;
        dev_pci_put32(pci->writable, at + 4, (uint32_t)(~(size - 1) >> 32));
    }
}

uint8_t dev_pci_add_capability(struct dev_pci *pci, uint8_t id, const void *body, size_t size)
{
    uint8_t at = pci->capabilities_end;

    ST_CHECK(at >= 0x40 && size + 2 <= (size_t)DEV_PCI_CONFIG_BYTES - at);
    pci->config[at] = id;
    pci->config[at + 1] = pci->config[DEV_PCI_CAPABILITIES];
    memcpy(&pci->config[at + 2], body, size);
    pci->config[DEV_PCI_CAPABILITIES] = at;
    pci->config[DEV_PCI_STATUS] |= PCI_STATUS_CAPABILITIES;
    /* 0: full. */
    pci->capabilities_end = (uint8_t)(at + ST_MIN((size + 2 + 3) & ~(size_t)3, (size_t)(256 - at)));
    return at;
}

/* ---- MSI-X (PCI 3.0 section 6.8.2) ---- */

static bool msix_is_masked(const struct dev_pci *pci, unsigned vector)
{
    return (dev_pci_get16(pci, pci->msix_at + 2u) & PCI_MSIX_MASK_ALL) != 0 ||
           (pci->msix[vector].control & 1) != 0;
}

static void msix_send(struct dev_pci *pci, unsigned vector)
{
    const struct dev_messages *messages = &pci->host->messages;

    if (dev_pci_is_master(pci)) {
        messages->send(messages->owner, pci->msix[vector].address, pci->msix[vector].data);
    }
}

static void msix_send_pending(struct dev_pci *pci, unsigned vector)
{
    uint64_t bit = UINT64_C(1) << (vector % 64);

    if ((pci->msix_pending[vector / 64] & bit) != 0 && dev_pci_has_msix(pci) &&
        !msix_is_masked(pci, vector)) {
        pci->msix_pending[vector / 64] &= ~bit;
        msix_send(pci, vector);
    }
}

static uint32_t msix_word(const struct dev_pci *pci, uint64_t offset)
{
    unsigned vector = (unsigned)(offset / 16);

    if (offset >= MSIX_PENDING_AT) {
        unsigned word = (unsigned)(offset - MSIX_PENDING_AT) / 4;
        return word < DEV_PCI_MSIX_MAX / 32
                   ? (uint32_t)(pci->msix_pending[word / 2] >> (32 * (word & 1)))
                   : 0;
    }
    if (vector >= pci->msix_count) {
        return 0;
    }
    switch (offset & 12) {
    case 0:
        return (uint32_t)pci->msix[vector].address;
    case 4:
        return (uint32_t)(pci->msix[vector].address >> 32);
    case 8:
        return pci->msix[vector].data;
    default:
        return pci->msix[vector].control;
    }
}

static uint64_t msix_read(void *device, uint64_t offset, unsigned access_bytes)
{
    const struct dev_pci *pci = device;
    uint64_t value = msix_word(pci, offset & ~UINT64_C(3));

    if (access_bytes == 8 && (offset & 7) == 0) {
        value |= (uint64_t)msix_word(pci, offset + 4) << 32;
    }
    return value >> (8 * (offset & 3));
}

static void msix_write_word(struct dev_pci *pci, uint64_t offset, uint32_t value)
{
    unsigned vector = (unsigned)(offset / 16);
    struct dev_pci_msix_entry *entry;

    if (offset >= MSIX_PENDING_AT || vector >= pci->msix_count) {
        return;
    }
    entry = &pci->msix[vector];
    switch (offset & 12) {
    case 0:
        entry->address = (entry->address & ~UINT64_C(0xffffffff)) | (value & ~3u);
        break;
    case 4:
        entry->address = (entry->address & 0xffffffff) | (uint64_t)value << 32;
        break;
    case 8:
        entry->data = value;
        break;
    default:
        entry->control = value & 1;
        msix_send_pending(pci, vector);
        break;
    }
}

static void msix_write(void *device, uint64_t offset, unsigned access_bytes, uint64_t value)
{
    /* Only whole, aligned words and pairs of words are defined. */
    if (access_bytes >= 4 && (offset & (access_bytes - 1)) == 0) {
        msix_write_word(device, offset, (uint32_t)value);
        if (access_bytes == 8) {
            msix_write_word(device, offset + 4, (uint32_t)(value >> 32));
        }
    }
}

void dev_pci_add_msix(struct dev_pci *pci, unsigned bar, unsigned vectors)
{
    uint8_t body[10] = {0};

    ST_CHECK(vectors >= 1 && vectors <= DEV_PCI_MSIX_MAX);
    dev_pci_put16(body, 0, (uint16_t)(vectors - 1));
    dev_pci_put32(body, 2, bar);
    dev_pci_put32(body, 6, MSIX_PENDING_AT | bar);
    pci->msix_count = (uint16_t)vectors;
    pci->msix_at = dev_pci_add_capability(pci, CAPABILITY_MSIX, body, sizeof body);
    dev_pci_put16(pci->writable, pci->msix_at + 2u, PCI_MSIX_ENABLE | PCI_MSIX_MASK_ALL);
    dev_pci_add_bar(pci, bar, DEV_PCI_BAR_MEMORY, MSIX_BAR_BYTES, msix_read, msix_write, pci);
    for (unsigned i = 0; i < DEV_PCI_MSIX_MAX; i++) {
        pci->msix[i].control = 1;
    }
}

bool dev_pci_has_msix(const struct dev_pci *pci)
{
    return pci->msix_at != 0 && (dev_pci_get16(pci, pci->msix_at + 2u) & PCI_MSIX_ENABLE) != 0;
}

void dev_pci_msix_raise(struct dev_pci *pci, unsigned vector)
{
    if (vector >= pci->msix_count || pci->host == NULL || !dev_pci_has_msix(pci)) {
        return;
    }
    if (msix_is_masked(pci, vector)) {
        pci->msix_pending[vector / 64] |= UINT64_C(1) << (vector % 64);
    } else {
        msix_send(pci, vector);
    }
}

/* ---- INTx ---- */

static void update_intx(struct dev_pci *pci)
{
    struct dev_pci_host *host = pci->host;
    unsigned pin = pci->config[DEV_PCI_INTERRUPT_PIN], line;
    bool level = pci->intx_level && !dev_pci_has_msix(pci) &&
                 (dev_pci_get16(pci, DEV_PCI_COMMAND) & DEV_PCI_COMMAND_INTX_OFF) == 0;
    uint32_t bit = 1u << pci->slot;

    if (host == NULL || pin == 0) {
        return;
    }
    line = dev_pci_line(pci->slot, pin);
    if (((host->intx_levels[line] & bit) != 0) == level) {
        return;
    }
    host->intx_levels[line] ^= bit;
    dev_line_set(&host->intx[line], host->intx_levels[line] != 0);
}

void dev_pci_intx(struct dev_pci *pci, bool level)
{
    pci->intx_level = level;
    pci->config[DEV_PCI_STATUS] = (uint8_t)((pci->config[DEV_PCI_STATUS] & ~PCI_STATUS_INTERRUPT) |
                                            (level ? PCI_STATUS_INTERRUPT : 0));
    update_intx(pci);
}

/* ---- what follows from configuration ---- */

static void unmap_bar(struct dev_pci *pci, struct dev_pci_bar *bar)
{
    struct dev_bus *bus = pci->host->bus;

    if (bar->mapped) {
        dev_space_remove_moving(bar->kind == DEV_PCI_BAR_IO ? &bus->io : &bus->mmio, &bar->region);
        bar->mapped = false;
    }
}

static void update_bar(struct dev_pci *pci, unsigned number)
{
    struct dev_pci_bar *bar = &pci->bars[number];
    struct dev_bus *bus = pci->host->bus;
    unsigned at = DEV_PCI_BAR0 + 4 * number;
    uint64_t start = dev_pci_get32(pci, at);
    uint8_t wanted = bar->kind == DEV_PCI_BAR_IO ? DEV_PCI_COMMAND_IO : DEV_PCI_COMMAND_MEMORY;
    bool on = (pci->config[DEV_PCI_COMMAND] & wanted) != 0;

    if (bar->kind == DEV_PCI_BAR_NONE) {
        return;
    }
    if (bar->kind == DEV_PCI_BAR_MEMORY_64) {
        start |= (uint64_t)dev_pci_get32(pci, at + 4) << 32;
    }
    start &= ~(bar->region.size - 1);
    /* While a guest sizes a BAR it holds ones; nothing is there then. */
    if (start == 0 || start + (bar->region.size - 1) < start ||
        (bar->kind == DEV_PCI_BAR_IO && start > 0xffff) ||
        (bar->kind == DEV_PCI_BAR_MEMORY && start + bar->region.size > UINT32_MAX)) {
        on = false;
    }
    if (on == bar->mapped && (!on || start == bar->region.start)) {
        return;
    }
    unmap_bar(pci, bar);
    if (on) {
        bar->region.start = start;
        bar->mapped =
            dev_space_add_moving(bar->kind == DEV_PCI_BAR_IO ? &bus->io : &bus->mmio, &bar->region);
    }
}

void dev_pci_update(struct dev_pci *pci)
{
    for (unsigned i = 0; i < DEV_PCI_BARS; i++) {
        update_bar(pci, i);
    }
    for (unsigned i = 0; i < pci->msix_count; i++) {
        msix_send_pending(pci, i);
    }
    update_intx(pci);
}

void dev_pci_unmap(struct dev_pci *pci)
{
    dev_pci_intx(pci, false);
    for (unsigned i = 0; i < DEV_PCI_BARS; i++) {
        unmap_bar(pci, &pci->bars[i]);
    }
}
