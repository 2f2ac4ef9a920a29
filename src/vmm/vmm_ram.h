/*
 * A machine's RAM: one memfd, mapped once, in as many slots of the memory map as the PC's layout
 * wants. Nothing else assumes how it is mapped (docs/design/vm.md, section 6).
 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "memory/mem.h"

struct vmm_ram {
    int fd;        /* the memfd */
    uint8_t *host; /* size bytes */
    uint64_t size;
    uint8_t *page_bits; /* mem_page_bits_size(size) bytes */
};

/* Makes the RAM and adds its slots to the map. -ST_EINVAL: a size that the PC does not take;
 * -ST_ENOMEM. */
int vmm_ram_init(struct vmm_ram *ram, uint64_t size, struct mem_map *map,
                 struct st_err *err) ST_MUST_CHECK;

/* Nobody uses the map any more. Does nothing for one that was not initialised but zeroed. */
void vmm_ram_done(struct vmm_ram *ram);

/* Bytes of it that the guest (or a loader) has touched. */
uint64_t vmm_ram_used_bytes(const struct vmm_ram *ram);
