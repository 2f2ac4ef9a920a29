/*
 * Hostile drivers: the first bytes choose the device and what happens, the rest is the guest's
 * memory, in which the queues lie. Nothing of it may make a device touch what is not its own.
 */
#include <stdlib.h>
#include <string.h>

#include "platform/plat_fake_test.h"
#include "virtio/vio_block.h"
#include "virtio/vio_console.h"
#include "virtio/vio_entropy.h"
#include "virtio/vio_net.h"
#include "virtio/vio_vsock.h"

enum { RAM_SIZE = 16 << 12, STEPS = 16, DISK_SIZE = 64 << 10, STREAMS = 4, FLIGHT_MAX = 256 };

struct world {
    struct plat_fake platform;
    struct mem_map memory;
    uint8_t *ram;
    uint8_t bits[RAM_SIZE >> 12];
    struct vio_device *device;
    struct plat_block block;
    struct plat_packet packet;
    struct plat_stream stream;
    struct plat_sockets sockets;
    struct plat_stream streams[STREAMS]; /* of sockets */
    bool in_use[STREAMS];
    struct plat_block_request *flight[FLIGHT_MAX];
    unsigned in_flight;
    uint8_t disk[DISK_SIZE];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- back ends ---- */

static void block_submit(struct plat_block *block, struct plat_block_request *request)
{
    struct world *world = ST_CONTAINER(block, struct world, block);

    world->flight[world->in_flight++] = request;
}

static void complete(struct world *world)
{
    while (world->in_flight > 0) {
        struct plat_block_request *request = world->flight[--world->in_flight];
        uint8_t *at = world->disk + request->at_bytes;

        for (unsigned i = 0; i < request->spans_count; i++) {
            const struct plat_span *span = &request->spans[i];

            if (request->op == PLAT_BLOCK_READ) {
                memcpy(span->data, at, span->size);
            } else {
                memcpy(at, span->data, span->size);
            }
            at += span->size;
        }
        request->done(request, 0);
    }
}

static void block_kick(struct plat_block *block)
{
    (void)block;
}

static void packet_send(struct plat_packet *packet, const struct plat_span *spans,
                        uint32_t spans_count, size_t size)
{
    size_t sum = 0;

    (void)packet;
    for (unsigned i = 0; i < spans_count; i++) {
        sum += spans[i].size;
    }
    if (sum != size) {
        abort();
    }
}

static void packet_ready(struct plat_packet *packet)
{
    (void)packet;
}

static size_t stream_write(struct plat_stream *stream, const void *bytes, size_t size)
{
    (void)stream;
    /* Now and then there is no room. */
    return size > 0 && ((const uint8_t *)bytes)[0] == 0xee ? 0 : size;
}

static void stream_resume(struct plat_stream *stream)
{
    (void)stream;
}

static const struct plat_stream_ops stream_ops = {.write = stream_write, .resume = stream_resume};

static struct plat_stream *take_stream(struct world *world)
{
    for (unsigned i = 0; i < STREAMS; i++) {
        if (!world->in_use[i]) {
            world->in_use[i] = true;
            world->streams[i] = (struct plat_stream){.ops = &stream_ops};
            return &world->streams[i];
        }
    }
    return NULL;
}

static struct plat_stream *sockets_connect(struct plat_sockets *sockets, uint32_t port)
{
    return port % 2 == 0 ? NULL : take_stream(ST_CONTAINER(sockets, struct world, sockets));
}

static void give_back(struct plat_sockets *sockets, struct plat_stream *stream)
{
    struct world *world = ST_CONTAINER(sockets, struct world, sockets);

    world->in_use[stream - world->streams] = false;
}

static void sockets_opened(struct plat_sockets *sockets, struct plat_stream *stream, bool accepted)
{
    if (!accepted) {
        give_back(sockets, stream);
    }
}

static void sockets_guest_ended(struct plat_sockets *sockets, struct plat_stream *stream)
{
    (void)sockets;
    (void)stream;
}

static void interrupt(void *transport, int queue)
{
    (void)transport;
    (void)queue;
}

/* ---- the driver ---- */

static void make(struct world *world, unsigned kind)
{
    static const struct plat_block_ops block_ops = {.submit = block_submit, .kick = block_kick};
    static const struct plat_packet_ops packet_ops = {.send = packet_send, .ready = packet_ready};
    static const struct plat_sockets_ops sockets_ops = {.connect = sockets_connect,
                                                        .opened = sockets_opened,
                                                        .guest_ended = sockets_guest_ended,
                                                        .closed = give_back};
    struct platform *platform = &world->platform.platform;

    world->block = (struct plat_block){
        .ops = &block_ops, .size_bytes = DISK_SIZE, .block_bytes = 512, .can_discard = true};
    world->packet = (struct plat_packet){.ops = &packet_ops, .mtu = 1500};
    world->stream.ops = &stream_ops;
    world->sockets.ops = &sockets_ops;
    switch (kind) {
    case 0:
        world->device = vio_block_new(platform, &world->memory, &world->block);
        break;
    case 1:
        world->device = vio_net_new(platform, &world->memory, &world->packet);
        break;
    case 2:
        world->device = vio_console_new(platform, &world->memory, &world->stream);
        break;
    case 3:
        world->device = vio_entropy_new(platform, &world->memory);
        break;
    default:
        world->device = vio_vsock_new(platform, &world->memory, 3, &world->sockets);
        break;
    }
    world->device->interrupt = interrupt;
}

static void negotiate(struct vio_device *device, uint8_t choice)
{
    vio_set_status(device, VIO_ACKNOWLEDGE | VIO_DRIVER);
    vio_set_features(device, 0, (choice & 1) != 0 ? (uint32_t)device->offered : 0);
    vio_set_features(device, 1, (uint32_t)(device->offered >> 32));
    vio_set_status(device, VIO_ACKNOWLEDGE | VIO_DRIVER | VIO_FEATURES_OK);
    for (unsigned i = 0; i < device->ops->queues_count; i++) {
        struct vio_queue *queue = &device->queues[i];

        queue->size = (uint16_t)(1u << (choice >> 1 & 7));
        queue->descriptors = i * 0x4000ull;
        queue->available = queue->descriptors + 0x1000;
        queue->used = queue->descriptors + 0x2000 + (choice >> 4 & 1) * 0xd000ull;
        (void)vio_queue_enable(queue);
    }
    vio_set_status(device, VIO_ACKNOWLEDGE | VIO_DRIVER | VIO_FEATURES_OK | VIO_DRIVER_OK);
}

static void from_host(struct world *world, uint8_t what)
{
    static uint8_t bytes[2000];
    size_t size = (size_t)what * 8;

    if (world->packet.receive != NULL) {
        (void)world->packet.receive(world->packet.device, bytes, size);
    }
    if (world->stream.receive != NULL) {
        (void)world->stream.receive(world->stream.device, bytes, size);
    }
    if (world->sockets.device == NULL) {
        return;
    }
    struct plat_stream *stream = &world->streams[what % STREAMS];

    if (world->in_use[what % STREAMS] && stream->device != NULL) {
        if ((what & 4) != 0) {
            (void)stream->receive(stream->device, bytes, size);
        } else if ((what & 8) != 0) {
            world->sockets.host_ended(world->sockets.device, stream);
        } else {
            world->sockets.host_closed(world->sockets.device, stream);
        }
    } else if ((stream = take_stream(world)) != NULL &&
               world->sockets.open(world->sockets.device, stream, what) < 0) {
        give_back(&world->sockets, stream);
    }
}

static void step(struct world *world, uint8_t what)
{
    switch (what >> 5) {
    case 0:
    case 1:
    case 2:
        vio_notify(world->device, what & 3);
        break;
    case 3:
        complete(world);
        break;
    case 4:
        from_host(world, what & 31);
        break;
    case 5:
        vio_set_status(world->device, 0);
        complete(world);
        negotiate(world->device, (uint8_t)(what << 1));
        break;
    case 6:
        vio_config_write(world->device, what & 31, 4, what);
        (void)vio_config_read(world->device, what & 31, 4);
        break;
    default:
        /* The driver makes more available. */
        world->ram[0x1002 + (what & 3) * 0x4000u] =
            (uint8_t)(world->ram[0x1002 + (what & 3) * 0x4000u] + 1);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world *world;

    if (size < STEPS + 2) {
        return 0;
    }
    world = calloc(1, sizeof *world);
    if (world == NULL || (world->ram = calloc(1, RAM_SIZE)) == NULL) {
        abort();
    }
    plat_fake_init(&world->platform);
    world->platform.locked = true;
    mem_map_init(&world->memory);
    if (mem_add(&world->memory, MEM_RAM, GPA(0), RAM_SIZE / 2, world->ram, world->bits) < 0 ||
        mem_add(&world->memory, MEM_RAM, GPA(RAM_SIZE / 2), RAM_SIZE / 2, world->ram + RAM_SIZE / 2,
                world->bits + (RAM_SIZE >> 13)) < 0) {
        abort();
    }
    size_t bytes = size - STEPS - 2 < RAM_SIZE ? size - STEPS - 2 : RAM_SIZE;
    memcpy(world->ram, data + STEPS + 2, bytes);
    make(world, data[0] % 5);
    negotiate(world->device, data[1]);
    for (unsigned i = 0; i < STEPS; i++) {
        step(world, data[2 + i]);
    }
    while (!vio_reset(world->device)) {
        complete(world);
    }
    vio_done(world->device);
    world->device->ops->free(world->device);
    free(world->ram);
    free(world);
    return 0;
}
