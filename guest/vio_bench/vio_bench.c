/*
 * How much work a virtio disk and network card do for how much of the host's time: posts rings that
 * were prepared before, sleeps until they are used and prints what was completed. The host measures
 * its CPU seconds between two lines (bench/vm/virtio.py), so that the guest's clock does not
 * matter.
 *
 *     START name          transfers begin
 *     END name count      so many are complete
 *     DONE                all of it
 */
#include "bare/bare_virtio.h"
#include "base/memops.h"

enum { VENDOR = 0x1af4, BLOCK = 0x1042, NET = 0x1041 };
enum { RING = BARE_RING, VECTOR_BLOCK = 33, VECTOR_NET = 37 };

static struct bare_ring block_ring, receive_ring, transmit_ring;
static _Alignas(4096) uint8_t data[16][1 << 20];
static struct {
    uint32_t type, reserved;
    uint64_t sector;
} headers[16];
static volatile uint8_t statuses[16];

/* ---- disks ---- */

static void prepare_block(unsigned depth, uint32_t size, bool write)
{
    for (unsigned i = 0; i < depth; i++) {
        struct bare_descriptor *d = &block_ring.descriptors[3 * i];

        headers[i].type = write ? 1 : 0;
        d[0] = (struct bare_descriptor){bare_address(&headers[i]), 16, BARE_DESC_NEXT,
                                        (uint16_t)(3 * i + 1)};
        d[1] = (struct bare_descriptor){bare_address(data[i]), size,
                                        (uint16_t)(BARE_DESC_NEXT | (write ? 0 : BARE_DESC_WRITE)),
                                        (uint16_t)(3 * i + 2)};
        d[2] = (struct bare_descriptor){bare_address(&statuses[i]), 1, BARE_DESC_WRITE, 0};
    }
}

static void bench_block(const char *name, unsigned depth, uint32_t size, bool write, bool random,
                        uint64_t sectors, unsigned count)
{
    uint16_t seen_used = block_ring.used.index;
    uint32_t seen = bare_interrupts[VECTOR_BLOCK - 32];
    uint64_t seed = 1, next = 0;
    unsigned started = 0, done = 0;
    uint16_t ready[16];
    unsigned ready_count = depth;

    prepare_block(depth, size, write);
    for (unsigned i = 0; i < depth; i++) {
        ready[i] = (uint16_t)i;
    }
    bare_print("START %s\n", name);
    while (done < count) {
        bool posted = false;

        while (ready_count > 0 && started < count) {
            unsigned slot = ready[--ready_count];

            seed = seed * 6364136223846793005u + 1442695040888963407u;
            headers[slot].sector =
                random ? (seed >> 33) % (sectors / (size / 512)) * (size / 512) : next;
            next = next + 2ull * (size / 512) > sectors ? 0 : next + size / 512;
            bare_virtio_offer(&block_ring, (uint16_t)(3 * slot));
            started++;
            posted = true;
        }
        if (posted) {
            bare_virtio_kick(&block_ring);
        }
        while (block_ring.used.index == seen_used) {
            seen = bare_wait(VECTOR_BLOCK, seen);
        }
        seen = bare_interrupts[VECTOR_BLOCK - 32];
        while (block_ring.used.index != seen_used) {
            unsigned slot = block_ring.used.entries[seen_used % RING].id / 3;

            if (statuses[slot] != 0) {
                bare_print("status %u\n", statuses[slot]);
                bare_exit(1);
            }
            ready[ready_count++] = (uint16_t)slot;
            seen_used++;
            done++;
        }
    }
    bare_print("END %s %u\n", name, done);
}

static void block(void)
{
    int slot = bare_pci_find(VENDOR, BLOCK);
    struct bare_transport transport;
    uint64_t sectors;

    if (slot < 0) {
        bare_print("no virtio disk\n");
        return;
    }
    transport = bare_virtio_find((unsigned)slot);
    bare_virtio_negotiate(&transport, 0);
    bare_pci_msix((unsigned)slot, 2, VECTOR_BLOCK - 1);
    bare_write16(transport.common + 0x10, 0);
    bare_virtio_ring(&transport, &block_ring, 0, 1);
    bare_write8(transport.common + 0x14, 15);
    sectors = *(volatile uint64_t *)(void *)transport.config;
    bench_block("block_warm_up", 16, 1 << 20, false, false, sectors, (unsigned)(sectors >> 11));
    bench_block("block_read_4k_qd1", 1, 4096, false, true, sectors, 20000);
    bench_block("block_read_4k_qd16", 16, 4096, false, true, sectors, 60000);
    bench_block("block_write_4k_qd16", 16, 4096, true, true, sectors, 60000);
    bench_block("block_read_1m", 4, 1 << 20, false, false, sectors, 2000);
    bench_block("block_write_1m", 4, 1 << 20, true, false, sectors, 1000);
}

/* ---- network cards ---- */

enum { NET_HEADER = 12 };

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint16_t checksum(const uint8_t *bytes, unsigned size)
{
    uint32_t sum = 0;

    for (unsigned i = 0; i < size; i += 2) {
        sum += (uint32_t)bytes[i] << 8 | (i + 1 < size ? bytes[i + 1] : 0);
    }
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

/* An echo request to the user-mode network's gateway, 10.0.2.2, of `size` bytes with its Ethernet
 * header. */
static void make_echo(uint8_t *frame, const uint8_t mac[6], unsigned size)
{
    static const uint8_t gateway_mac[6] = {0x52, 0x55, 10, 0, 2, 2};
    uint8_t *ip = frame + 14;
    uint8_t *icmp = ip + 20;

    memset(frame, 0, size);
    memcpy(frame, gateway_mac, 6);
    memcpy(frame + 6, mac, 6);
    put16(frame + 12, 0x0800);
    ip[0] = 0x45;
    put16(ip + 2, size - 14);
    ip[8] = 64;
    ip[9] = 1;
    memcpy(ip + 12, "\x0a\x00\x02\x0f\x0a\x00\x02\x02", 8);
    put16(ip + 10, checksum(ip, 20));
    icmp[0] = 8;
    put16(icmp + 2, checksum(icmp, size - 34));
}

static void make_arp(uint8_t *frame, const uint8_t mac[6])
{
    memset(frame, 0, 60);
    memset(frame, 0xff, 6);
    memcpy(frame + 6, mac, 6);
    memcpy(frame + 12, "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01", 10);
    memcpy(frame + 22, mac, 6);
    memcpy(frame + 28, "\x0a\x00\x02\x0f", 4);
    memcpy(frame + 38, "\x0a\x00\x02\x02", 4);
}

static void post_receive(unsigned i, unsigned size)
{
    receive_ring.descriptors[i] = (struct bare_descriptor){
        bare_address(data[8 + i % 8] + (i / 8) * 131072), size, BARE_DESC_WRITE, 0};
    bare_virtio_offer(&receive_ring, (uint16_t)i);
}

/* Sends `count` frames, `batch` at a time. `answered`: each is answered by a frame, which is waited
 * for. */
static void bench_net(const char *name, unsigned size, unsigned batch, bool answered,
                      unsigned count)
{
    uint16_t sent_used = transmit_ring.used.index, came_used = receive_ring.used.index;
    uint32_t seen = bare_interrupts[VECTOR_NET - 32];
    unsigned done = 0;

    for (unsigned i = 0; i < batch; i++) {
        transmit_ring.descriptors[i] =
            (struct bare_descriptor){bare_address(data[0]), NET_HEADER + size, 0, 0};
    }
    bare_print("START %s\n", name);
    while (done < count) {
        uint16_t came_end = (uint16_t)(came_used + (answered ? batch : 0));

        for (unsigned i = 0; i < batch; i++) {
            bare_virtio_offer(&transmit_ring, (uint16_t)i);
        }
        bare_virtio_kick(&transmit_ring);
        sent_used = (uint16_t)(sent_used + batch);
        while (transmit_ring.used.index != sent_used ||
               (int16_t)(came_end - receive_ring.used.index) > 0) {
            seen = bare_wait(VECTOR_NET, seen);
        }
        seen = bare_interrupts[VECTOR_NET - 32];
        while (came_used != receive_ring.used.index) {
            bare_virtio_offer(&receive_ring,
                              (uint16_t)receive_ring.used.entries[came_used % RING].id);
            came_used++;
        }
        bare_virtio_kick(&receive_ring);
        done += batch;
    }
    bare_print("END %s %u\n", name, done);
}

static void net(void)
{
    int slot = bare_pci_find(VENDOR, NET);
    struct bare_transport transport;
    uint8_t mac[6];

    if (slot < 0) {
        bare_print("no virtio network card\n");
        return;
    }
    transport = bare_virtio_find((unsigned)slot);
    bare_virtio_negotiate(&transport, 1u << 5); /* MAC */
    bare_pci_msix((unsigned)slot, 3, VECTOR_NET - 1);
    bare_write16(transport.common + 0x10, 0);
    bare_virtio_ring(&transport, &receive_ring, 0, 1);
    bare_virtio_ring(&transport, &transmit_ring, 1, 1);
    bare_write8(transport.common + 0x14, 15);
    for (unsigned i = 0; i < 6; i++) {
        mac[i] = ((volatile uint8_t *)transport.config)[i];
    }
    for (unsigned i = 0; i < RING; i++) {
        post_receive(i, 66000);
    }
    bare_virtio_kick(&receive_ring);
    memset(data[0], 0, NET_HEADER);
    make_arp(data[0] + NET_HEADER, mac);
    bench_net("net_arp", 60, 1, true, 1);
    make_echo(data[0] + NET_HEADER, mac, 1514);
    bench_net("net_echo_1500", 1514, 16, true, 32000);
    /* A type that nobody listens to: sending alone. */
    put16(data[0] + NET_HEADER + 12, 0x88b5);
    bench_net("net_send_1500", 1514, 16, false, 64000);
    bench_net("net_send_64k", 65530, 16, false, 32000);
}

void bare_main(void)
{
    bare_interrupts_init();
    block();
    net();
    bare_print("DONE\n");
    bare_exit(0);
}
