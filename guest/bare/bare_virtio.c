/* A driver's side of virtio: see bare_virtio.h. Registers by their offsets in virtio 1.2, 4.1. */
#include "bare/bare_virtio.h"

struct bare_transport bare_virtio_find(unsigned slot)
{
    struct bare_transport transport = {0};

    for (unsigned at = bare_pci_read(slot, 0x34) & 0xfc; at != 0;) {
        uint32_t head = bare_pci_read(slot, at);
        unsigned bar = bare_pci_read(slot, at + 4) & 0xff;

        if ((head & 0xff) == 9 && bar < 6) {
            uint64_t where = bare_pci_bar(slot, bar) + bare_pci_read(slot, at + 8);
            uint8_t *pointer = (uint8_t *)(uintptr_t)where;

            switch (head >> 24) {
            case 1:
                transport.common = pointer;
                break;
            case 2:
                transport.notify = pointer;
                transport.notify_multiplier = bare_pci_read(slot, at + 16);
                break;
            case 4:
                transport.config = pointer;
                break;
            default:
                break;
            }
        }
        at = head >> 8 & 0xfc;
    }
    return transport;
}

void bare_virtio_negotiate(struct bare_transport *transport, uint32_t features)
{
    uint8_t *common = transport->common;

    bare_write8(common + 0x14, 0);
    while (*(volatile uint8_t *)(common + 0x14) != 0) {
        __asm__ volatile("pause");
    }
    bare_write8(common + 0x14, 3);
    bare_write32(common + 0x08, 0);
    bare_write32(common + 0x0c, features);
    bare_write32(common + 0x08, 1);
    bare_write32(common + 0x0c, 1);
    bare_write8(common + 0x14, 11);
}

void bare_virtio_ring(struct bare_transport *transport, struct bare_ring *ring, uint16_t number,
                      uint16_t vector)
{
    uint8_t *common = transport->common;
    const uint64_t areas[3] = {bare_address(ring->descriptors), bare_address(&ring->available),
                               bare_address(&ring->used)};

    ring->number = number;
    bare_write16(common + 0x16, number);
    bare_write16(common + 0x18, BARE_RING);
    bare_write16(common + 0x1a, vector);
    for (unsigned i = 0; i < 3; i++) {
        bare_write32(common + 0x20 + 8 * i, (uint32_t)areas[i]);
        bare_write32(common + 0x24 + 8 * i, (uint32_t)(areas[i] >> 32));
    }
    uint16_t offset = *(volatile uint16_t *)(void *)(common + 0x1e);
    ring->notify =
        (volatile uint16_t *)(void *)(transport->notify + offset * transport->notify_multiplier);
    bare_write16(common + 0x1c, 1);
}

void bare_virtio_offer(struct bare_ring *ring, uint16_t head)
{
    ring->available.entries[ring->available.index % BARE_RING] = head;
    __atomic_store_n(&ring->available.index, (uint16_t)(ring->available.index + 1),
                     __ATOMIC_RELEASE);
}

void bare_virtio_kick(struct bare_ring *ring)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    *ring->notify = ring->number;
}
