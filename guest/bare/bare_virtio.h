/*
 * A driver's side of virtio 1.2 over PCI, for bare test guests: the structures of a device, its
 * status, and split virtqueues of 64 entries.
 */
#pragma once

#include "bare/bare.h"

enum { BARE_RING = 64, BARE_DESC_NEXT = 1, BARE_DESC_WRITE = 2, BARE_DESC_INDIRECT = 4 };

struct bare_descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
};

/* A virtqueue of the driver. */
struct bare_ring {
    _Alignas(4096) struct bare_descriptor descriptors[BARE_RING];
    struct {
        uint16_t flags, index, entries[BARE_RING], used_event;
    } available;
    _Alignas(4096) struct {
        uint16_t flags;
        volatile uint16_t index;
        struct {
            uint32_t id, length;
        } entries[BARE_RING];
        uint16_t available_event;
    } used;
    volatile uint16_t *notify;
    uint16_t number;
};

struct bare_transport {
    uint8_t *common, *config;
    uint8_t *notify;
    uint32_t notify_multiplier;
};

static inline uint64_t bare_address(const volatile void *at)
{
    return (uint64_t)(uintptr_t)at;
}

/* Registers, each at its own size. */
static inline void bare_write8(uint8_t *at, uint8_t value)
{
    *(volatile uint8_t *)at = value;
}

static inline void bare_write16(uint8_t *at, uint16_t value)
{
    *(volatile uint16_t *)(void *)at = value;
}

static inline void bare_write32(uint8_t *at, uint32_t value)
{
    *(volatile uint32_t *)(void *)at = value;
}

/* Where the structures of the device in this slot are; zeroes: it has none. */
struct bare_transport bare_virtio_find(unsigned slot);

/* Resets the device and negotiates version 1 and what `features` has of the low half, up to
 * FEATURES_OK. The driver is ready when it writes 15 to the status register (common + 14h). */
void bare_virtio_negotiate(struct bare_transport *transport, uint32_t features);

/* Enables a queue of BARE_RING entries; vector: of MSI-X, FFFFh: none. */
void bare_virtio_ring(struct bare_transport *transport, struct bare_ring *ring, uint16_t number,
                      uint16_t vector);

/* Makes a chain available. */
void bare_virtio_offer(struct bare_ring *ring, uint16_t head);

/* Tells the device. */
void bare_virtio_kick(struct bare_ring *ring);
