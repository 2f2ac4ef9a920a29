/*
 * Where accesses to ports and to memory that is not RAM go: regions of devices in two address
 * spaces, and the interrupt lines between devices. All functions and all callbacks: device lock
 * held. Everything that comes through here is the guest's: any offset, size and value.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "memory/mem.h"
#include "platform/platform.h"

/* A range of addresses that a device answers. The storage is the device's. */
struct dev_region {
    uint64_t start, size;
    /* offset < size; access_bytes is 1, 2, 4 or (memory) 1 to 8; an access that begins in the
     * region may reach past its end, what lies there is undefined. NULL read: all ones; NULL write:
     * ignored. */
    uint64_t (*read)(void *device, uint64_t offset, unsigned access_bytes);
    void (*write)(void *device, uint64_t offset, unsigned access_bytes, uint64_t value);
    void *device;
};

enum { DEV_REGIONS_MAX = 64, DEV_MOVING_MAX = 128 };

/* One address space. Fixed regions are sorted and never overlap; moving ones (PCI's BARs) may lie
 * anywhere the guest puts them: a fixed one wins, then the one that was added first. */
struct dev_space {
    struct dev_region *fixed[DEV_REGIONS_MAX];
    unsigned fixed_count;
    struct dev_region *moving[DEV_MOVING_MAX];
    unsigned moving_count;
};

struct dev_bus {
    struct platform *platform; /* [I] */
    struct mem_map *memory;    /* [I] for devices that read and write guest memory */
    struct dev_space io, mmio;
};

void dev_bus_init(struct dev_bus *bus, struct platform *platform, struct mem_map *memory);

/* Adds a region that stays. It must not overlap another fixed one, and there must be room: the
 * machine's own plan, so a check. */
void dev_space_add(struct dev_space *space, struct dev_region *region);

/* Adds and removes a region that the guest moves. false: there is no room. Removing one that is not
 * there does nothing. */
bool dev_space_add_moving(struct dev_space *space, struct dev_region *region);
void dev_space_remove_moving(struct dev_space *space, struct dev_region *region);

/* An access by the guest. Reads of nothing give all ones of the size. */
uint64_t dev_space_read(struct dev_space *space, uint64_t address, unsigned access_bytes);
void dev_space_write(struct dev_space *space, uint64_t address, unsigned access_bytes,
                     uint64_t value);

/* An interrupt line's driving end, given to a device by the machine. set NULL: not connected. */
struct dev_line {
    void (*set)(void *owner, unsigned number, bool level);
    void *owner;
    unsigned number;
};

static inline void dev_line_set(const struct dev_line *line, bool level)
{
    if (line->set != NULL) {
        line->set(line->owner, line->number, level);
    }
}

/* Where messages (MSI, MSI-X, the IOAPIC's) go. */
struct dev_messages {
    void (*send)(void *owner, uint64_t address, uint32_t data);
    void *owner;
};

/* `value` cut to the size of an access of 1 to 8 bytes. */
static inline uint64_t dev_cut(uint64_t value, unsigned access_bytes)
{
    return access_bytes >= 8 ? value : value & ((UINT64_C(1) << (8 * access_bytes)) - 1);
}
