/* The network device (virtio 1.2, 5.1) over a struct plat_packet: one pair of queues, no offloads;
 * large frames instead, if the back end takes them (its mtu). */
#pragma once

#include "virtio/vio_device.h"

/* `packet` is the caller's and outlives the device, which sets its receive. NULL: no memory. */
struct vio_device *vio_net_new(struct platform *platform, struct mem_map *memory,
                               struct plat_packet *packet);
/* The cable is plugged in or out. Device lock held. */
void vio_net_set_link(struct vio_device *device, bool up);
