/* The entropy device. */
#include "virtio/vio_entropy.h"

enum {
    PIECES = 16,
    /* Bytes for one chain; a driver that wants more asks again. */
    BYTES_MAX = 4096,
};

struct entropy {
    struct vio_device device;
    struct plat_span spans[PIECES];
    uint64_t addresses[PIECES];
    uint8_t bytes[BYTES_MAX];
};

static void no_config(struct vio_device *device, uint8_t *ret_config)
{
    (void)device;
    (void)ret_config;
}

static void serve(struct vio_device *device, unsigned queue)
{
    struct entropy *entropy = ST_CONTAINER(device, struct entropy, device);
    struct vio_chain chain = {
        .room = PIECES, .spans = entropy->spans, .addresses = entropy->addresses};

    while (vio_pop(device, queue, &chain)) {
        uint32_t size = ST_MIN(chain.writable_bytes, (uint32_t)BYTES_MAX);

        if (plat_random(device->platform, entropy->bytes, size) < 0) {
            vio_needs_reset(device, "the host has no random bytes");
            return;
        }
        size = vio_chain_write(device->memory, &chain, 0, entropy->bytes, size);
        device->counts.in++;
        device->counts.in_bytes += size;
        vio_push(device, queue, chain.head, size, false);
        chain = (struct vio_chain){
            .room = PIECES, .spans = entropy->spans, .addresses = entropy->addresses};
    }
}

static void start(struct vio_device *device)
{
    serve(device, 0);
}

static bool stop(struct vio_device *device)
{
    (void)device;
    return true;
}

static void entropy_free(struct vio_device *device)
{
    plat_free(device->platform, ST_CONTAINER(device, struct entropy, device),
              sizeof(struct entropy));
}

static const struct vio_ops entropy_ops = {
    .name = "virtio-rng",
    .type = VIO_ENTROPY,
    .class_code = 0x00ff00,
    .queues_count = 1,
    .queue_size = 64,
    .config = no_config,
    .start = start,
    .notify = serve,
    .stop = stop,
    .free = entropy_free,
};

struct vio_device *vio_entropy_new(struct platform *platform, struct mem_map *memory)
{
    struct entropy *entropy = plat_alloc(platform, sizeof *entropy);

    if (entropy == NULL) {
        return NULL;
    }
    vio_init(&entropy->device, &entropy_ops, platform, memory);
    return &entropy->device;
}
