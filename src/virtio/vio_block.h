/* The block device (virtio 1.2, 5.2) over a struct plat_block. */
#pragma once

#include "virtio/vio_device.h"

/* `block` is the caller's and outlives the device. NULL: no memory. Freed by ops->free, when
 * nothing is in flight. */
struct vio_device *vio_block_new(struct platform *platform, struct mem_map *memory,
                                 struct plat_block *block);
