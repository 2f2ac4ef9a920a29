/* The console device (virtio 1.2, 5.3) with one port over a struct plat_stream. */
#pragma once

#include "virtio/vio_device.h"

/* `stream` is the caller's and outlives the device, which sets its receive and ready. NULL: no
 * memory. */
struct vio_device *vio_console_new(struct platform *platform, struct mem_map *memory,
                                   struct plat_stream *stream);
/* The terminal has this size now. */
void vio_console_resize(struct vio_device *device, uint16_t columns, uint16_t rows);
