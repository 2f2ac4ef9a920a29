/* The network device. */
#include "virtio/vio_net.h"

#include "base/memops.h"

#define F_MTU (1ull << 3)
#define F_MAC (1ull << 5)
#define F_MRG_RXBUF (1ull << 15)
#define F_STATUS (1ull << 16)

enum { RECEIVE = 0, TRANSMIT = 1 };
enum {
    QUEUE_SIZE = 256,
    PIECES = 256 + 8,
    FRAME_MAX = 65535 + 18, /* the largest IP packet with its Ethernet header and VLAN tag */
    FRAME_MIN = 14,
    CHAINS_MAX = 64, /* of one received frame, with mergeable buffers */
    LINK_UP = 1,
};

/* Before each frame. num_buffers is there for all drivers of version 1. */
struct header {
    uint8_t flags, gso_type;
    uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};
_Static_assert(sizeof(struct header) == 12, "virtio 1.2, 5.1.6");

struct net_config {
    uint8_t mac[6];
    uint16_t status;
    uint16_t max_virtqueue_pairs;
    uint16_t mtu;
};
_Static_assert(sizeof(struct net_config) == 12, "virtio 1.2, 5.1.4");

struct net {
    struct vio_device device;
    struct plat_packet *packet;
    bool link_up;
    bool full; /* the back end waits for ready */
    struct plat_span spans[PIECES];
    uint64_t addresses[PIECES];
};

static void net_config(struct vio_device *device, uint8_t *ret_config)
{
    struct net *net = ST_CONTAINER(device, struct net, device);
    struct net_config config = {
        .status = net->link_up ? LINK_UP : 0, .max_virtqueue_pairs = 1, .mtu = net->packet->mtu};

    memcpy(config.mac, net->packet->mac, sizeof config.mac);
    memcpy(ret_config, &config, sizeof config);
}

static struct vio_chain empty_chain(struct net *net)
{
    return (struct vio_chain){.room = PIECES, .spans = net->spans, .addresses = net->addresses};
}

static void transmit(struct net *net)
{
    struct vio_queue *queue = &net->device.queues[TRANSMIT];
    struct vio_chain chain = empty_chain(net);
    bool pushed = false;

    /* Notifications of what comes while the ring is emptied are not needed. */
    vio_queue_want_notify(queue, false);
    while (vio_pop(&net->device, TRANSMIT, &chain)) {
        vio_chain_trim(&chain, sizeof(struct header), 0);
        if (net->link_up && chain.readable_bytes >= FRAME_MIN &&
            chain.readable_bytes <= FRAME_MAX) {
            net->device.counts.out++;
            net->device.counts.out_bytes += chain.readable_bytes;
            net->packet->ops->send(net->packet, chain.spans, chain.readable_count,
                                   chain.readable_bytes);
        } else {
            net->device.counts.errors++;
        }
        vio_push(&net->device, TRANSMIT, chain.head, 0, true);
        pushed = true;
        chain = empty_chain(net);
    }
    if (pushed && net->device.started && vio_queue_wants_interrupt(queue)) {
        vio_interrupt(&net->device, TRANSMIT);
    }
}

/* Fills one chain with the frame from byte `from` on, after `before` bytes of header. */
static uint32_t fill(struct net *net, const struct vio_chain *chain, const uint8_t *frame,
                     size_t from, size_t size, uint32_t before)
{
    return vio_chain_write(net->device.memory, chain, before, frame + from,
                           (uint32_t)(size - from));
}

/* Gives back what was taken; vio_pop has asked to be told of the buffers that come after it. */
static bool no_room(struct net *net, unsigned taken)
{
    for (; taken > 0; taken--) {
        vio_queue_unpop(&net->device.queues[RECEIVE]);
    }
    net->full = true;
    return false;
}

static bool place(struct net *net, const void *frame, size_t size)
{
    bool mergeable = (net->device.features & F_MRG_RXBUF) != 0;
    struct header header = {.num_buffers = 1};
    uint64_t header_address = 0;
    uint16_t heads[CHAINS_MAX];
    uint32_t lengths[CHAINS_MAX];
    unsigned count = 0;
    size_t done = 0;

    if (!net->device.started || !net->link_up || size < FRAME_MIN || size > FRAME_MAX) {
        net->device.counts.errors++;
        return true; /* a frame for nobody is dropped */
    }
    while (done < size) {
        struct vio_chain chain = empty_chain(net);
        uint32_t before = count == 0 ? (uint32_t)sizeof header : 0;

        if (!vio_pop(&net->device, RECEIVE, &chain)) {
            return (net->device.status & VIO_NEEDS_RESET) != 0 ? true : no_room(net, count);
        }
        if (chain.writable_bytes <= before ||
            (!mergeable && chain.writable_bytes - before < size)) {
            /* Too small for the frame: the driver's own fault, so the frame is lost, not the order.
             */
            net->device.counts.errors++;
            vio_push(&net->device, RECEIVE, chain.head, 0, false);
            return true;
        }
        if (count == 0) {
            header_address = chain.addresses[chain.readable_count];
            if (vio_chain_write(net->device.memory, &chain, 0, &header, sizeof header) !=
                sizeof header) {
                return true;
            }
        }
        uint32_t part = fill(net, &chain, frame, done, size, before);
        done += part;
        heads[count] = chain.head;
        lengths[count] = part + before;
        count++;
        if (count == CHAINS_MAX && done < size) {
            vio_needs_reset(&net->device, "receive buffers are too small");
            return true;
        }
    }
    header.num_buffers = (uint16_t)count;
    if (count > 1 &&
        mem_write(net->device.memory, GPA(header_address + offsetof(struct header, num_buffers)),
                  &header.num_buffers, sizeof header.num_buffers) < 0) {
        vio_needs_reset(&net->device, "a receive buffer is not in RAM");
        return true;
    }
    for (unsigned i = 0; i < count; i++) {
        vio_push(&net->device, RECEIVE, heads[i], lengths[i], i + 1 < count);
    }
    net->device.counts.in++;
    net->device.counts.in_bytes += size;
    return true;
}

static bool receive(void *device, const void *frame, size_t size)
{
    struct net *net = device;
    bool taken;

    vio_turn_begin(&net->device);
    taken = place(net, frame, size);
    vio_turn_end(&net->device);
    return taken;
}

static void notify(struct vio_device *device, unsigned queue)
{
    struct net *net = ST_CONTAINER(device, struct net, device);

    if (queue == TRANSMIT) {
        transmit(net);
    } else if (net->full) {
        net->full = false;
        vio_queue_want_notify(&device->queues[RECEIVE], false);
        net->packet->ops->ready(net->packet);
    }
}

static void start(struct vio_device *device)
{
    struct net *net = ST_CONTAINER(device, struct net, device);

    vio_queue_want_notify(&device->queues[RECEIVE], false);
    net->full = false;
    net->packet->ops->ready(net->packet);
    transmit(net);
}

static bool stop(struct vio_device *device)
{
    ST_CONTAINER(device, struct net, device)->full = false;
    return true;
}

void vio_net_set_link(struct vio_device *device, bool up)
{
    struct net *net = ST_CONTAINER(device, struct net, device);

    if (net->link_up != up) {
        net->link_up = up;
        vio_config_changed(device);
    }
}

static void net_free(struct vio_device *device)
{
    struct net *net = ST_CONTAINER(device, struct net, device);

    net->packet->receive = NULL;
    plat_free(device->platform, net, sizeof *net);
}

static const struct vio_ops net_ops = {
    .name = "virtio-net",
    .type = VIO_NET,
    .class_code = 0x020000,
    .queues_count = 2,
    .queue_size = QUEUE_SIZE,
    .features = F_MAC | F_MTU | F_MRG_RXBUF | F_STATUS,
    .config_size = sizeof(struct net_config),
    .config = net_config,
    .start = start,
    .notify = notify,
    .stop = stop,
    .free = net_free,
};

struct vio_device *vio_net_new(struct platform *platform, struct mem_map *memory,
                               struct plat_packet *packet)
{
    struct net *net = plat_alloc(platform, sizeof *net);

    if (net == NULL) {
        return NULL;
    }
    vio_init(&net->device, &net_ops, platform, memory);
    net->packet = packet;
    net->link_up = true;
    packet->receive = receive;
    packet->device = net;
    return &net->device;
}
