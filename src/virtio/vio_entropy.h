/* The entropy device (virtio 1.2, 5.4): random bytes from the platform. */
#pragma once

#include "virtio/vio_device.h"

/* NULL: no memory. Freed by ops->free. */
struct vio_device *vio_entropy_new(struct platform *platform, struct mem_map *memory);
