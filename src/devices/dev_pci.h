/*
 * PCI: the host bridge (configuration by ports CF8h and CFCh and by the memory window of PCI
 * Express's ECAM), and what each PCI function is made of: configuration space with write masks,
 * base address registers, capabilities, INTx and MSI-X. PCI 3.0, PCI Express base 3.0 (7.2.2).
 * One bus, 32 slots. All functions: device lock held.
 *
 * A device embeds struct dev_pci, zeroes it, sets ops and calls dev_pci_init, then describes its
 * BARs and capabilities, then dev_pci_plug. The machine assigns addresses as firmware would.
 *
 *     vio->pci.ops = &virtio_pci_ops;
 *     dev_pci_init(&vio->pci, 0x1af4, 0x1042, 0x018000, 1, 1);
 *     dev_pci_add_bar(&vio->pci, 4, DEV_PCI_BAR_MEMORY_64, 0x4000, read, write, vio);
 *     dev_pci_add_msix(&vio->pci, 1, queues + 1);
 *     at = dev_pci_add_capability(&vio->pci, 9, bytes, sizeof bytes);
 *     r = dev_pci_plug(host, &vio->pci, slot);
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "devices/dev_bus.h"

enum {
    DEV_PCI_SLOTS = 32,
    DEV_PCI_CONFIG_BYTES = 256,
    DEV_PCI_BARS = 6,
    DEV_PCI_MSIX_MAX = 128, /* vectors a function */
    DEV_PCI_NO_VECTOR = 0xffff,
};

/* Offsets in configuration space. */
enum {
    DEV_PCI_COMMAND = 0x04,
    DEV_PCI_STATUS = 0x06,
    DEV_PCI_BAR0 = 0x10,
    DEV_PCI_SUBSYSTEM_VENDOR = 0x2c,
    DEV_PCI_CAPABILITIES = 0x34,
    DEV_PCI_INTERRUPT_LINE = 0x3c,
    DEV_PCI_INTERRUPT_PIN = 0x3d,
};

enum {
    DEV_PCI_COMMAND_IO = 1,
    DEV_PCI_COMMAND_MEMORY = 2,
    DEV_PCI_COMMAND_MASTER = 4,
    DEV_PCI_COMMAND_INTX_OFF = 0x400,
};

enum dev_pci_bar_kind {
    DEV_PCI_BAR_NONE,
    DEV_PCI_BAR_IO,
    DEV_PCI_BAR_MEMORY,
    DEV_PCI_BAR_MEMORY_64
};

struct dev_pci_bar {
    enum dev_pci_bar_kind kind;
    bool mapped;
    struct dev_region region; /* size is a power of two */
};

/* One entry of the MSI-X table as the guest sees it. */
struct dev_pci_msix_entry {
    uint64_t address;
    uint32_t data;
    uint32_t control; /* bit 0: masked */
};

struct dev_pci;
struct dev_pci_host;

struct dev_pci_ops {
    /* The guest has written configuration bytes; they are in config already. NULL allowed. */
    void (*config_written)(struct dev_pci *pci, unsigned at, unsigned access_bytes);
    /* The guest is about to read them: a device may refresh what is in config. NULL allowed. */
    void (*config_reading)(struct dev_pci *pci, unsigned at, unsigned access_bytes);
    /* The machine is reset: all state as after power-up; dev_pci has reset its own. */
    void (*reset)(struct dev_pci *pci);
    /* The machine goes away: give everything back. The function is unplugged. NULL allowed. */
    void (*free)(struct dev_pci *pci);
};

struct dev_pci {
    const struct dev_pci_ops *ops; /* [I] */
    struct dev_pci_host *host;     /* [I] NULL: not plugged */
    uint8_t slot;                  /* [I] */
    uint8_t config[DEV_PCI_CONFIG_BYTES];
    uint8_t writable[DEV_PCI_CONFIG_BYTES]; /* [I] mask of bits that the guest may write */
    struct dev_pci_bar bars[DEV_PCI_BARS];
    uint8_t capabilities_end; /* [I] first free byte */
    bool intx_level;          /* what the device asks for; Interrupt Status */
    uint8_t msix_at;          /* [I] offset of the MSI-X capability, 0: none */
    uint16_t msix_count;      /* [I] */
    struct dev_pci_msix_entry msix[DEV_PCI_MSIX_MAX];
    uint64_t msix_pending[DEV_PCI_MSIX_MAX / 64];
    uint8_t after_reset[DEV_PCI_CONFIG_BYTES]; /* [I] config once plugged */
};

struct dev_pci_host {
    struct dev_bus *bus;          /* [I] */
    struct dev_messages messages; /* [I] */
    struct dev_line reset;        /* [I] raised by a write to port CF9h that resets */
    struct dev_line intx[4];      /* [I] the four interrupt lines behind the swizzle */
    uint32_t intx_levels[4];      /* which slots hold the line */
    uint32_t address;             /* CF8h */
    uint8_t reset_control;        /* CF9h */
    struct dev_pci *slots[DEV_PCI_SLOTS];
    struct dev_pci bridge; /* 00:00.0 */
    struct dev_region ports, ecam;
};

/* ---- for devices ---- */

/* Fills in the configuration header of a function of type 0. class_code: base class, sub-class and
 * interface. pin: 0 none, 1 INTA. */
void dev_pci_init(struct dev_pci *pci, uint16_t vendor, uint16_t device, uint32_t class_code,
                  uint8_t revision, uint8_t pin);

/* Describes a BAR: size a power of two, at least 16 (I/O: at most 256); a 64-bit one takes two
 * numbers. Before dev_pci_plug. */
void dev_pci_add_bar(struct dev_pci *pci, unsigned number, enum dev_pci_bar_kind kind,
                     uint64_t size, uint64_t (*read)(void *, uint64_t, unsigned),
                     void (*write)(void *, uint64_t, unsigned, uint64_t), void *device);

/* Adds a capability; `body` is what follows its ID and next pointer. Returns its offset. All its
 * bytes are read-only until `writable` says otherwise. Before dev_pci_plug. */
uint8_t dev_pci_add_capability(struct dev_pci *pci, uint8_t id, const void *body, size_t size);

/* Adds MSI-X with a memory BAR of its own for table and pending bits. vectors: 1 to
 * DEV_PCI_MSIX_MAX. Before dev_pci_plug. */
void dev_pci_add_msix(struct dev_pci *pci, unsigned bar, unsigned vectors);

/* Puts the function into a slot. -ST_EBUSY: the slot is taken; -ST_EINVAL: there is none. slot
 * DEV_PCI_SLOTS: the first free one; -ST_ENOSPC: all are taken. Returns the slot. */
int dev_pci_plug(struct dev_pci_host *host, struct dev_pci *pci, unsigned slot) ST_MUST_CHECK;

/* Whether the guest lets the function read and write memory. */
static inline bool dev_pci_is_master(const struct dev_pci *pci)
{
    return (pci->config[DEV_PCI_COMMAND] & DEV_PCI_COMMAND_MASTER) != 0;
}

/* Whether MSI-X is switched on; the device then uses it and leaves INTx alone. */
bool dev_pci_has_msix(const struct dev_pci *pci);

/* Sends the message of an MSI-X vector, or marks it pending while it is masked. Vectors that are
 * not there, and DEV_PCI_NO_VECTOR, are ignored. */
void dev_pci_msix_raise(struct dev_pci *pci, unsigned vector);

/* The level of the function's INTx. */
void dev_pci_intx(struct dev_pci *pci, bool level);

/* ---- for the machine ---- */

/* Makes the host bridge at the ports and, of ecam_start, the window for one bus (1 MiB). The lines
 * and messages are filled in by the caller before. */
void dev_pci_host_init(struct dev_pci_host *host, struct dev_bus *bus, uint64_t ecam_start);

/* All functions as after power-up, then BARs placed by size in the two windows as firmware would,
 * memory and ports switched on, Interrupt Line set to irqs[line] for each function with a pin. */
void dev_pci_host_reset(struct dev_pci_host *host, uint64_t memory_start, uint64_t memory_end,
                        uint16_t io_start, const uint8_t irqs[4]);

/* Calls free of every function. */
void dev_pci_host_done(struct dev_pci_host *host);

/* Which of the host's four lines pin 1-4 of a slot is wired to: the usual swizzle. */
static inline unsigned dev_pci_line(unsigned slot, unsigned pin)
{
    return (slot + pin - 1) & 3;
}

/* The configuration mechanism's two doors, for the machine's bus. */
uint32_t dev_pci_config_read(struct dev_pci_host *host, unsigned slot, unsigned at,
                             unsigned access_bytes);
void dev_pci_config_write(struct dev_pci_host *host, unsigned slot, unsigned at,
                          unsigned access_bytes, uint32_t value);
