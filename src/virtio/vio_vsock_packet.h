/* Packets of the socket device: their header and what it says (virtio 1.2, 5.10.6). */
#pragma once

#include <stdint.h>

#include "base/attr.h"

enum vsock_op {
    VSOCK_REQUEST = 1,
    VSOCK_RESPONSE = 2,
    VSOCK_RESET = 3,
    VSOCK_SHUTDOWN = 4,
    VSOCK_DATA = 5,
    VSOCK_CREDIT = 6,
    VSOCK_CREDIT_REQUEST = 7,
};
enum { VSOCK_STREAM = 1 };
enum vsock_shutdown { VSOCK_NO_RECEIVE = 1, VSOCK_NO_SEND = 2 };

struct vsock_header {
    uint64_t source_cid;
    uint64_t target_cid;
    uint32_t source_port;
    uint32_t target_port;
    uint32_t length;
    uint16_t type;
    uint16_t op;
    uint32_t flags;
    uint32_t buffer_size; /* buf_alloc: bytes that the sender takes before it has to forward some */
    uint32_t forwarded_count; /* fwd_cnt: bytes that it has forwarded, modulo 2^32 */
} ST_PACKED;
_Static_assert(sizeof(struct vsock_header) == 44, "virtio 1.2, 5.10.6");
