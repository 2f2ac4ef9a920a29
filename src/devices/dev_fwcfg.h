/*
 * The firmware configuration device (QEMU's fw_cfg: docs/specs/fw_cfg.rst there): named and
 * numbered items that firmware and guests read by ports 510h (selector) and 511h (data) or by DMA
 * through port 514h. Items are read-only. Device lock held.
 */
#pragma once

#include "base/err.h"
#include "devices/dev_bus.h"

enum { DEV_FWCFG_FILES = 48, DEV_FWCFG_ITEMS = 80, DEV_FWCFG_NAME = 56 };

/* Numbered items that are not files. */
enum {
    DEV_FWCFG_RAM_SIZE = 0x03,
    DEV_FWCFG_CPUS = 0x05,
    DEV_FWCFG_KERNEL_SIZE = 0x08,
    DEV_FWCFG_INITRD_SIZE = 0x0b,
    DEV_FWCFG_MAX_CPUS = 0x0f,
    DEV_FWCFG_KERNEL_DATA = 0x11,
    DEV_FWCFG_INITRD_DATA = 0x12,
    DEV_FWCFG_COMMAND_LINE_SIZE = 0x14,
    DEV_FWCFG_COMMAND_LINE_DATA = 0x15,
};

struct dev_fwcfg_item {
    uint16_t key;
    uint32_t size;
    const uint8_t *bytes; /* NULL: the number in `number`, little-endian */
    uint64_t number;
};

struct dev_fwcfg {
    struct dev_bus *bus; /* [I] */
    struct dev_fwcfg_item items[DEV_FWCFG_ITEMS];
    unsigned items_count;
    unsigned files_count;
    uint8_t directory[4 + 64 * DEV_FWCFG_FILES]; /* item 19h */
    uint16_t key;
    uint32_t offset;
    uint32_t dma_high; /* upper half of the DMA address, as written */
    struct dev_region ports, dma;
};

void dev_fwcfg_init(struct dev_fwcfg *fwcfg, struct dev_bus *bus);
void dev_fwcfg_reset(struct dev_fwcfg *fwcfg);

/* Adds an item. Bytes are the caller's and stay. A number takes `size` bytes, 2, 4 or 8.
 * -ST_ELIMIT: too many, or larger than 4 GiB. */
int dev_fwcfg_add_bytes(struct dev_fwcfg *fwcfg, uint16_t key, const void *bytes,
                        size_t size) ST_MUST_CHECK;
int dev_fwcfg_add_number(struct dev_fwcfg *fwcfg, uint16_t key, uint64_t value,
                         unsigned size) ST_MUST_CHECK;

/* Adds a file under a name of at most 55 bytes. -ST_EINVAL: no such name; -ST_ELIMIT. */
int dev_fwcfg_add_file(struct dev_fwcfg *fwcfg, const char *name, const void *bytes,
                       size_t size) ST_MUST_CHECK;
