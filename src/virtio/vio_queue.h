/*
 * Split virtqueues (virtio 1.2, 2.7) as the device sees them, with indirect descriptors (2.7.5.3)
 * and event indices (2.7.10). The driver is hostile: every index, address and length is copied
 * once, checked and bounded; whatever it writes, the device answers with a chain, with nothing, or
 * with -ST_EINVAL, after which the queue stays broken until the device is reset.
 *
 * All functions: device lock held.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "memory/mem.h"
#include "platform/plat_backend.h"

enum { VIO_QUEUE_SIZE_MAX = 1024 };

struct vio_queue {
    struct mem_map *memory; /* [I] */
    uint16_t size_max;      /* [I] what the device offers, a power of two */
    bool event_index;       /* negotiated */
    bool broken;
    bool ready;           /* enabled by the driver */
    uint16_t size;        /* chosen by the driver */
    uint64_t descriptors; /* guest-physical addresses of the three areas */
    uint64_t available;
    uint64_t used;
    uint16_t next_available; /* index of the next entry that the device looks at */
    uint16_t next_used;      /* index that the device writes next */
    uint16_t told_used;      /* next_used when the driver was last told, for event_index */
    bool told_valid;
};

/* A chain of buffers that the driver made available. The readable pieces come first. */
struct vio_chain {
    uint16_t head; /* names the chain when it is given back */
    uint16_t readable_count, writable_count;
    uint32_t readable_bytes, writable_bytes;
    /* The caller's arrays of `room` elements each: host and guest-physical addresses of the pieces.
     * A descriptor is one piece unless it spans slots of the memory map; a driver that sends more
     * than there is room for breaks its queue. */
    uint16_t room;
    struct plat_span *spans;
    uint64_t *addresses;
};

/* Back to the state after a reset; memory and size_max stay. */
void vio_queue_reset(struct vio_queue *queue);

/* The driver enables it. Returns 0; -ST_EINVAL, and it is broken: size not a power of two or too
 * large, an area misaligned or not in RAM. */
int vio_queue_enable(struct vio_queue *queue);

/* Takes the next chain. 1: *chain is filled in (its arrays too); 0: there is none, and the driver
 * notifies of the next; -ST_EINVAL: the queue is broken. */
int vio_queue_pop(struct vio_queue *queue, struct vio_chain *chain);

/* Gives the last chain that was taken back, as if it had not been looked at. */
void vio_queue_unpop(struct vio_queue *queue);

/* Puts the chain on the used ring, `written` bytes of its writable pieces being new. */
void vio_queue_push(struct vio_queue *queue, uint16_t head, uint32_t written);

/* Whether the driver wants to be told of what was pushed since the last call. */
bool vio_queue_wants_interrupt(struct vio_queue *queue);

/* Asks to be notified of new chains, or not to be while they are fetched anyway. vio_queue_pop asks
 * by itself when it finds none. */
void vio_queue_want_notify(struct vio_queue *queue, bool wanted);

/* Marks the first `bytes` bytes of the writable pieces as written by the device (mem_written). */
void vio_chain_written(struct mem_map *memory, const struct vio_chain *chain, uint32_t bytes);

/* Drops the first `readable` bytes of the readable pieces and the last `writable` bytes of the
 * writable ones (at most what there is): what is left is the payload. */
void vio_chain_trim(struct vio_chain *chain, uint32_t readable, uint32_t writable);

/* Copies from the readable pieces, from byte `from` on. Returns how many there were, at most size.
 */
uint32_t vio_chain_read(const struct vio_chain *chain, uint32_t from, void *ret_bytes,
                        uint32_t size);

/* Copies to the writable pieces, from byte `to` on, and marks them. Returns how many fitted. */
uint32_t vio_chain_write(struct mem_map *memory, const struct vio_chain *chain, uint32_t to,
                         const void *bytes, uint32_t size);
