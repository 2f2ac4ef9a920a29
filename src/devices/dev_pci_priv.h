/* What the host bridge and the functions share. */
#pragma once

#include "devices/dev_pci.h"

enum {
    PCI_STATUS_INTERRUPT = 0x08,
    PCI_STATUS_CAPABILITIES = 0x10,
    PCI_MSIX_ENABLE = 0x8000,
    PCI_MSIX_MASK_ALL = 0x4000,
};

static inline uint16_t dev_pci_get16(const struct dev_pci *pci, unsigned at)
{
    return (uint16_t)(pci->config[at] | pci->config[at + 1] << 8);
}

static inline uint32_t dev_pci_get32(const struct dev_pci *pci, unsigned at)
{
    return dev_pci_get16(pci, at) | (uint32_t)dev_pci_get16(pci, at + 2) << 16;
}

static inline void dev_pci_put16(uint8_t *config, unsigned at, uint16_t value)
{
    config[at] = (uint8_t)value;
    config[at + 1] = (uint8_t)(value >> 8);
}

static inline void dev_pci_put32(uint8_t *config, unsigned at, uint32_t value)
{
    dev_pci_put16(config, at, (uint16_t)value);
    dev_pci_put16(config, at + 2, (uint16_t)(value >> 16));
}

/* What follows from the command register, the BARs and the MSI-X control word. */
void dev_pci_update(struct dev_pci *pci);

/* Takes a function's regions off the bus and drops its interrupt line. */
void dev_pci_unmap(struct dev_pci *pci);
