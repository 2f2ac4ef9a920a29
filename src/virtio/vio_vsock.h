/*
 * The socket device (virtio 1.2, 5.10): stream sockets between guest and host. The host's side of
 * each connection is a struct plat_stream of the back end.
 */
#pragma once

#include "virtio/vio_device.h"

enum { VIO_VSOCK_HOST = 2, VIO_VSOCK_CONNECTIONS_MAX = 256 };

/* guest_cid: the guest's address, 3 to 2^32 - 2. `sockets` is the caller's and outlives the device,
 * which sets its functions. NULL: no memory. */
struct vio_device *vio_vsock_new(struct platform *platform, struct mem_map *memory,
                                 uint32_t guest_cid, struct plat_sockets *sockets);
