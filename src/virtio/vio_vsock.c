/*
 * The socket device.
 *
 * What the guest sends goes to the host's stream at once, or into the connection's ring, whose size
 * is the credit that the guest has. What the host sends goes into receive buffers as far as the
 * guest's credit and buffers reach; the rest stays with the stream, which is resumed later. Control
 * packets that wait for a receive buffer are flags of their connection (`owed`), so they cannot
 * pile up; resets for connections that do not exist wait in a short list, and the transmit queue
 * waits while it is full.
 */
#include "virtio/vio_vsock.h"

#include "base/memops.h"
#include "virtio/vio_vsock_packet.h"

enum { RECEIVE = 0, TRANSMIT = 1, EVENT = 2 };
enum {
    QUEUE_SIZE = 128,
    PIECES = 128 + 8,
    RING_BYTES = 64 << 10,
    STRAYS_MAX = 64,
    CONFIG_BYTES = 8,
};

enum state { UNUSED, OPENING, CONNECTED };

struct connection {
    enum state state;
    uint32_t guest_port, host_port;
    uint32_t owed; /* bits 1 << enum vsock_op: packets to send */
    bool guest_ended, host_ended;
    bool input_wanted;     /* the stream waits to be resumed */
    uint32_t guest_buffer; /* the guest's credit, as it last said */
    uint32_t guest_forwarded;
    uint32_t sent;           /* bytes sent to the guest, modulo 2^32 */
    uint32_t forwarded;      /* bytes handed to the stream */
    uint32_t told_forwarded; /* as the guest last heard */
    uint32_t ring_start, ring_used;
    uint8_t *ring; /* RING_BYTES */
    struct plat_stream *stream;
    struct vsock *vsock;
};

struct vsock {
    struct vio_device device;
    struct plat_sockets *sockets;
    uint64_t guest_cid;
    uint32_t next_host_port;
    unsigned strays_count;
    struct vsock_header strays[STRAYS_MAX];
    struct plat_span spans[2][PIECES]; /* by queue */
    uint64_t addresses[2][PIECES];
    struct connection connections[VIO_VSOCK_CONNECTIONS_MAX];
};

static struct vsock *vsock_of(struct vio_device *device)
{
    return ST_CONTAINER(device, struct vsock, device);
}

static void vsock_config(struct vio_device *device, uint8_t *ret_config)
{
    memcpy(ret_config, &vsock_of(device)->guest_cid, CONFIG_BYTES);
}

static struct vio_chain empty_chain(struct vsock *vsock, unsigned queue)
{
    return (struct vio_chain){
        .room = PIECES, .spans = vsock->spans[queue], .addresses = vsock->addresses[queue]};
}

/* ---- connections ---- */

static struct connection *find(struct vsock *vsock, uint32_t guest_port, uint32_t host_port)
{
    for (unsigned i = 0; i < VIO_VSOCK_CONNECTIONS_MAX; i++) {
        struct connection *c = &vsock->connections[i];

        if (c->state != UNUSED && c->guest_port == guest_port && c->host_port == host_port) {
            return c;
        }
    }
    return NULL;
}

static struct connection *take(struct vsock *vsock)
{
    for (unsigned i = 0; i < VIO_VSOCK_CONNECTIONS_MAX; i++) {
        struct connection *c = &vsock->connections[i];

        if (c->state == UNUSED) {
            uint8_t *ring =
                c->ring != NULL ? c->ring : plat_alloc(vsock->device.platform, RING_BYTES);

            if (ring == NULL) {
                return NULL;
            }
            *c = (struct connection){.vsock = vsock, .ring = ring};
            return c;
        }
    }
    return NULL;
}

/* Forgets the connection; the stream goes back to its owner. */
static void drop(struct connection *c)
{
    struct plat_stream *stream = c->stream;
    bool opening = c->state == OPENING;

    c->state = UNUSED;
    c->stream = NULL;
    if (stream == NULL) {
        return;
    }
    stream->receive = NULL;
    stream->ready = NULL;
    stream->device = NULL;
    if (opening) {
        c->vsock->sockets->ops->opened(c->vsock->sockets, stream, false);
    } else {
        c->vsock->sockets->ops->closed(c->vsock->sockets, stream);
    }
}

static struct vsock_header header_of(const struct connection *c, enum vsock_op op)
{
    return (struct vsock_header){.source_cid = VIO_VSOCK_HOST,
                                 .target_cid = c->vsock->guest_cid,
                                 .source_port = c->host_port,
                                 .target_port = c->guest_port,
                                 .type = VSOCK_STREAM,
                                 .op = (uint16_t)op,
                                 .buffer_size = RING_BYTES,
                                 .forwarded_count = c->forwarded};
}

/* ---- to the guest ---- */

/* Sends a header and up to `size` bytes; false: no receive buffer. *ret_taken: bytes that fitted.
 */
static bool send(struct vsock *vsock, struct vsock_header header, const uint8_t *bytes,
                 uint32_t size, uint32_t *ret_taken)
{
    struct vio_chain chain = empty_chain(vsock, RECEIVE);

    if (!vio_pop(&vsock->device, RECEIVE, &chain)) {
        return false;
    }
    if (chain.writable_bytes < sizeof header) {
        vio_needs_reset(&vsock->device, "a receive buffer has no room for a header");
        return false;
    }
    size = ST_MIN(size, chain.writable_bytes - (uint32_t)sizeof header);
    header.length = size;
    (void)vio_chain_write(vsock->device.memory, &chain, 0, &header, sizeof header);
    (void)vio_chain_write(vsock->device.memory, &chain, sizeof header, bytes, size);
    vsock->device.counts.in++;
    vsock->device.counts.in_bytes += size;
    vio_push(&vsock->device, RECEIVE, chain.head, (uint32_t)sizeof header + size, false);
    *ret_taken = size;
    return true;
}

static bool send_strays(struct vsock *vsock)
{
    uint32_t none;

    while (vsock->strays_count > 0) {
        if (!send(vsock, vsock->strays[vsock->strays_count - 1], NULL, 0, &none)) {
            return false;
        }
        vsock->strays_count--;
    }
    return true;
}

/* Sends what a connection owes; false: no receive buffer. A connection that sent a reset is gone.
 */
static bool send_owed(struct connection *c)
{
    static const enum vsock_op order[] = {VSOCK_RESET,  VSOCK_REQUEST,        VSOCK_RESPONSE,
                                          VSOCK_CREDIT, VSOCK_CREDIT_REQUEST, VSOCK_SHUTDOWN};
    uint32_t none;

    for (unsigned i = 0; i < ST_COUNT(order) && c->owed != 0; i++) {
        struct vsock_header header = header_of(c, order[i]);

        if ((c->owed & 1u << order[i]) == 0) {
            continue;
        }
        header.flags = order[i] == VSOCK_SHUTDOWN ? VSOCK_NO_SEND : 0;
        if (!send(c->vsock, header, NULL, 0, &none)) {
            return false;
        }
        c->owed &= ~(1u << order[i]);
        c->told_forwarded = c->forwarded;
        if (order[i] == VSOCK_RESET) {
            c->owed = 0;
            drop(c);
        }
    }
    return true;
}

static void owe(struct connection *c, enum vsock_op op)
{
    c->owed |= 1u << op;
    (void)send_owed(c);
}

/* The stream has input: sends as much as credit and buffers allow. */
static size_t receive(void *connection, const void *bytes, size_t size)
{
    struct connection *c = connection;
    struct vio_device *device = &c->vsock->device;
    const uint8_t *from = bytes;
    size_t done = 0;

    vio_turn_begin(device);
    /* A connection that is to be reset takes nothing: its end is told when the reset goes, and not
     * from in here, where the stream is at work. */
    while (done < size && c->state == CONNECTED && (c->owed & 1u << VSOCK_RESET) == 0) {
        /* A guest that lowers its buffer size may owe us credit: then there is none. */
        uint32_t in_flight = c->sent - c->guest_forwarded;
        uint32_t credit = c->guest_buffer > in_flight ? c->guest_buffer - in_flight : 0;
        uint32_t part = (uint32_t)ST_MIN(size - done, (size_t)credit);

        if (part == 0 || !send_strays(c->vsock) || !send_owed(c) ||
            !send(c->vsock, header_of(c, VSOCK_DATA), from + done, part, &part)) {
            break;
        }
        c->told_forwarded = c->forwarded;
        c->sent += part;
        done += part;
    }
    if (done < size) {
        c->input_wanted = true;
    }
    vio_turn_end(device);
    return done;
}

static void resume(struct connection *c)
{
    if (c->state == CONNECTED && c->input_wanted && !c->host_ended) {
        c->input_wanted = false;
        c->stream->ops->resume(c->stream);
    }
}

/* ---- from the guest ---- */

/* Hands the ring's bytes to the stream, as many as it takes. */
static void drain(struct connection *c)
{
    while (c->state == CONNECTED && c->ring_used > 0) {
        uint32_t run = ST_MIN(c->ring_used, RING_BYTES - c->ring_start);
        size_t done = c->stream->ops->write(c->stream, c->ring + c->ring_start, run);

        c->ring_start = (c->ring_start + (uint32_t)done) % RING_BYTES;
        c->ring_used -= (uint32_t)done;
        c->forwarded += (uint32_t)done;
        if (done < run) {
            break;
        }
    }
    if (c->state != CONNECTED) {
        return;
    }
    if (c->guest_ended && c->ring_used == 0) {
        c->vsock->sockets->ops->guest_ended(c->vsock->sockets, c->stream);
        if (c->state == CONNECTED && c->host_ended) {
            owe(c, VSOCK_RESET);
        }
        return;
    }
    /* The guest hears of its credit before it has used half of it up. */
    if (c->forwarded - c->told_forwarded >= RING_BYTES / 2) {
        owe(c, VSOCK_CREDIT);
    }
}

static void stream_ready(void *connection)
{
    drain(connection);
}

static void attach(struct connection *c, struct plat_stream *stream)
{
    c->stream = stream;
    stream->receive = receive;
    stream->ready = stream_ready;
    stream->device = c;
}

static void stray(struct vsock *vsock, const struct vsock_header *header)
{
    /* The transmit queue is not looked at while the list is full. */
    vsock->strays[vsock->strays_count++] = (struct vsock_header){
        .source_cid = VIO_VSOCK_HOST,
        .target_cid = vsock->guest_cid,
        .source_port = header->target_port,
        .target_port = header->source_port,
        .type = header->type,
        .op = VSOCK_RESET,
    };
    (void)send_strays(vsock);
}

static void request(struct vsock *vsock, const struct vsock_header *header)
{
    struct connection *c = take(vsock);
    struct plat_stream *stream =
        c == NULL ? NULL : vsock->sockets->ops->connect(vsock->sockets, header->target_port);

    if (stream == NULL) {
        stray(vsock, header);
        return;
    }
    c->state = CONNECTED;
    c->guest_port = header->source_port;
    c->host_port = header->target_port;
    c->guest_buffer = header->buffer_size;
    c->guest_forwarded = header->forwarded_count;
    c->input_wanted = true;
    attach(c, stream);
    owe(c, VSOCK_RESPONSE);
    resume(c);
}

static void data(struct connection *c, const struct vio_chain *chain, uint32_t length)
{
    uint32_t at = (c->ring_start + c->ring_used) % RING_BYTES;
    uint32_t first = ST_MIN(length, RING_BYTES - at);

    if (length > RING_BYTES - c->ring_used || c->guest_ended) {
        owe(c, VSOCK_RESET); /* more than its credit */
        return;
    }
    (void)vio_chain_read(chain, 0, c->ring + at, first);
    (void)vio_chain_read(chain, first, c->ring, length - first);
    c->ring_used += length;
    drain(c);
}

static void shut_down(struct connection *c, uint32_t flags)
{
    if ((flags & VSOCK_NO_RECEIVE) != 0 && (flags & VSOCK_NO_SEND) != 0) {
        c->host_ended = true; /* what the host still sends is for nobody */
    }
    if ((flags & VSOCK_NO_SEND) != 0 && !c->guest_ended) {
        c->guest_ended = true;
        drain(c);
    }
}

static void opened(struct connection *c)
{
    if (c->state != OPENING) {
        owe(c, VSOCK_RESET);
        return;
    }
    c->state = CONNECTED;
    c->input_wanted = true;
    c->vsock->sockets->ops->opened(c->vsock->sockets, c->stream, true);
    resume(c);
}

static void packet(struct vsock *vsock, const struct vio_chain *chain,
                   const struct vsock_header *header)
{
    struct connection *c;

    if (header->source_cid != vsock->guest_cid) {
        return;
    }
    if (header->target_cid != VIO_VSOCK_HOST || header->type != VSOCK_STREAM) {
        if (header->op != VSOCK_RESET) {
            stray(vsock, header);
        }
        return;
    }
    c = find(vsock, header->source_port, header->target_port);
    if (c == NULL) {
        if (header->op == VSOCK_REQUEST) {
            request(vsock, header);
        } else if (header->op != VSOCK_RESET) {
            stray(vsock, header);
        }
        return;
    }
    c->guest_buffer = header->buffer_size;
    c->guest_forwarded = header->forwarded_count;
    switch (header->op) {
    case VSOCK_RESPONSE:
        opened(c);
        break;
    case VSOCK_RESET:
        drop(c);
        break;
    case VSOCK_SHUTDOWN:
        shut_down(c, header->flags);
        break;
    case VSOCK_DATA:
        if (c->state == CONNECTED) {
            data(c, chain, header->length);
        }
        break;
    case VSOCK_CREDIT:
        break;
    case VSOCK_CREDIT_REQUEST:
        owe(c, VSOCK_CREDIT);
        break;
    default:
        owe(c, VSOCK_RESET);
        break;
    }
    resume(c);
}

static void transmit(struct vsock *vsock)
{
    struct vio_chain chain = empty_chain(vsock, TRANSMIT);
    struct vsock_header header;

    while (vsock->strays_count < STRAYS_MAX && vio_pop(&vsock->device, TRANSMIT, &chain)) {
        uint16_t head = chain.head;

        if (vio_chain_read(&chain, 0, &header, sizeof header) != sizeof header) {
            vio_needs_reset(&vsock->device, "a packet without header");
            return;
        }
        vio_chain_trim(&chain, sizeof header, 0);
        if (header.length > chain.readable_bytes) {
            vio_needs_reset(&vsock->device, "a packet shorter than it says");
            return;
        }
        vsock->device.counts.out++;
        vsock->device.counts.out_bytes += header.length;
        packet(vsock, &chain, &header);
        vio_push(&vsock->device, TRANSMIT, head, 0, false);
        chain = empty_chain(vsock, TRANSMIT);
    }
}

/* There are receive buffers again: what waits for them goes first. */
static void refilled(struct vsock *vsock)
{
    if (!send_strays(vsock)) {
        return;
    }
    for (unsigned i = 0; i < VIO_VSOCK_CONNECTIONS_MAX; i++) {
        struct connection *c = &vsock->connections[i];

        if (c->state != UNUSED) {
            if (!send_owed(c)) {
                return;
            }
            resume(c);
        }
    }
    transmit(vsock);
}

static void notify(struct vio_device *device, unsigned queue)
{
    if (queue == TRANSMIT) {
        transmit(vsock_of(device));
    } else if (queue == RECEIVE) {
        refilled(vsock_of(device));
    }
}

static void start(struct vio_device *device)
{
    notify(device, TRANSMIT);
}

static void drop_all(struct vsock *vsock)
{
    for (unsigned i = 0; i < VIO_VSOCK_CONNECTIONS_MAX; i++) {
        if (vsock->connections[i].state != UNUSED) {
            drop(&vsock->connections[i]);
        }
    }
    vsock->strays_count = 0;
}

static bool stop(struct vio_device *device)
{
    drop_all(vsock_of(device));
    return true;
}

/* ---- from the host ---- */

static int open_to_guest(void *device, struct plat_stream *stream, uint32_t guest_port)
{
    struct vsock *vsock = device;
    struct connection *c = vsock->device.started ? take(vsock) : NULL;

    if (c == NULL) {
        return -ST_ENOTCONN;
    }
    do {
        /* Ports from 2^30 on: listeners of the host have small ones. */
        vsock->next_host_port = (vsock->next_host_port + 1) & 0x3fffffff;
        c->host_port = 0x40000000 + vsock->next_host_port;
    } while (find(vsock, guest_port, c->host_port) != NULL);
    c->guest_port = guest_port;
    c->state = OPENING;
    attach(c, stream);
    owe(c, VSOCK_REQUEST);
    return 0;
}

static void host_ended(void *device, struct plat_stream *stream)
{
    struct connection *c = stream->device;

    (void)device;
    if (c->host_ended) {
        return;
    }
    c->host_ended = true;
    if (c->guest_ended && c->ring_used == 0) {
        owe(c, VSOCK_RESET);
    } else {
        owe(c, VSOCK_SHUTDOWN);
    }
}

static void host_closed(void *device, struct plat_stream *stream)
{
    struct connection *c = stream->device;
    struct vsock *vsock = device;
    struct vsock_header header = {
        .source_port = c->guest_port, .target_port = c->host_port, .type = VSOCK_STREAM};

    c->state = CONNECTED;
    drop(c);
    if (vsock->device.started && vsock->strays_count < STRAYS_MAX) {
        stray(vsock, &header);
    }
}

static void vsock_free(struct vio_device *device)
{
    struct vsock *vsock = vsock_of(device);

    drop_all(vsock);
    for (unsigned i = 0; i < VIO_VSOCK_CONNECTIONS_MAX; i++) {
        if (vsock->connections[i].ring != NULL) {
            plat_free(device->platform, vsock->connections[i].ring, RING_BYTES);
        }
    }
    plat_free(device->platform, vsock, sizeof *vsock);
}

static const struct vio_ops vsock_ops = {
    .name = "virtio-vsock",
    .type = VIO_VSOCK,
    .class_code = 0x078000,
    .queues_count = 3,
    .queue_size = QUEUE_SIZE,
    .config_size = CONFIG_BYTES,
    .config = vsock_config,
    .start = start,
    .notify = notify,
    .stop = stop,
    .free = vsock_free,
};

struct vio_device *vio_vsock_new(struct platform *platform, struct mem_map *memory,
                                 uint32_t guest_cid, struct plat_sockets *sockets)
{
    struct vsock *vsock = plat_alloc(platform, sizeof *vsock);

    if (vsock == NULL) {
        return NULL;
    }
    vio_init(&vsock->device, &vsock_ops, platform, memory);
    vsock->sockets = sockets;
    vsock->guest_cid = guest_cid;
    sockets->open = open_to_guest;
    sockets->host_ended = host_ended;
    sockets->host_closed = host_closed;
    sockets->device = vsock;
    return &vsock->device;
}
