/*
 * Where a virtual disk's blocks, a NIC's packets and a console's or socket's bytes really go. A
 * back end is made by whoever wires the machine up (src/vmm over src/disk and src/net; src/metal
 * over its drivers) and handed to a device. All functions and all callbacks: device lock held,
 * unless they say otherwise.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* A piece of host memory: guest memory pinned for a transfer in flight, or a device's own. */
struct plat_span {
    void *data;
    size_t size;
};

/* ---- blocks ---- */

enum plat_block_op {
    PLAT_BLOCK_READ,
    PLAT_BLOCK_WRITE,
    PLAT_BLOCK_FLUSH,
    PLAT_BLOCK_DISCARD,
    PLAT_BLOCK_WRITE_ZEROES
};

/* A transfer; the storage is the device's and stays until done is called, once for each submit. */
struct plat_block_request {
    enum plat_block_op op;
    uint64_t at_bytes;   /* multiple of 512 */
    uint64_t size_bytes; /* sum of the spans; the range's length for DISCARD and WRITE_ZEROES */
    const struct plat_span *spans;
    uint32_t spans_count;
    void (*done)(struct plat_block_request *request, int result); /* 0 or -ST_Exxx */
    uint64_t backend[8]; /* the back end's, while in flight */
};

struct plat_block;
struct plat_block_ops {
    /* Starts the transfer; done may be called before it returns. The device has checked the range.
     */
    void (*submit)(struct plat_block *block, struct plat_block_request *request);
    /* The device has submitted what it had: start what is queued. */
    void (*kick)(struct plat_block *block);
};
struct plat_block {
    const struct plat_block_ops *ops;
    uint64_t size_bytes;  /* multiple of 512 */
    uint32_t block_bytes; /* logical block: 512 or 4096 */
    bool read_only;
    bool can_discard;
    char serial[21];
};

/* ---- packets ---- */

struct plat_packet;
struct plat_packet_ops {
    /* One Ethernet frame without FCS, taken or dropped before it returns. */
    void (*send)(struct plat_packet *packet, const struct plat_span *spans, uint32_t spans_count,
                 size_t size);
    /* The device can take frames again after receive returned false. */
    void (*ready)(struct plat_packet *packet);
};
struct plat_packet {
    const struct plat_packet_ops *ops;
    /* The device's, set when it is attached: takes a frame; false when it has no room now. */
    bool (*receive)(void *device, const void *frame, size_t size);
    void *device;
    uint8_t mac[6];
    uint16_t mtu;
};

/* ---- streams of bytes: serial lines, consoles ---- */

struct plat_stream;
struct plat_stream_ops {
    /* Takes up to size bytes; returns how many (0: no room now, `ready` is called later). */
    size_t (*write)(struct plat_stream *stream, const void *bytes, size_t size);
    /* The device can take input again after receive took less than it was given. */
    void (*resume)(struct plat_stream *stream);
};
struct plat_stream {
    const struct plat_stream_ops *ops;
    /* The device's, set when it is attached: takes input, returns how much. */
    size_t (*receive)(void *device, const void *bytes, size_t size);
    void (*ready)(void *device); /* NULL allowed: the device polls */
    void *device;
};

/* ---- sockets: streams between the guest and programs of the host, by port ---- */

struct plat_sockets;
struct plat_sockets_ops {
    /* The guest connects to this port of the host. NULL: nobody listens. */
    struct plat_stream *(*connect)(struct plat_sockets *sockets, uint32_t port);
    /* The guest has answered what plat_sockets.open asked for; false: it refused, the stream is not
     * used again by the device. */
    void (*opened)(struct plat_sockets *sockets, struct plat_stream *stream, bool accepted);
    /* The guest sends no more. */
    void (*guest_ended)(struct plat_sockets *sockets, struct plat_stream *stream);
    /* Both are done or one gave up: the stream is the back end's to free. */
    void (*closed)(struct plat_sockets *sockets, struct plat_stream *stream);
};
struct plat_sockets {
    const struct plat_sockets_ops *ops;
    /* The device's, set when it is attached. Connects a stream to a port of the guest, `opened`
     * follows. -ST_ENOTCONN: no driver, or too many connections. */
    int (*open)(void *device, struct plat_stream *stream, uint32_t guest_port);
    /* The host sends no more on this stream; `closed` follows when the guest is done too. */
    void (*host_ended)(void *device, struct plat_stream *stream);
    /* The host gives up: `closed` is called before this returns. */
    void (*host_closed)(void *device, struct plat_stream *stream);
    void *device;
};
