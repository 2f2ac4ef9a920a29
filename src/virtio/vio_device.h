/*
 * What all virtio devices share (virtio 1.2, chapters 2 and 3): status, features, queues,
 * configuration changes. A transport (vio_pci.h) is above it, a device's own file below.
 *
 * A driver can fill a ring from one CPU while the device empties it on another's thread, with the
 * device lock held: a device takes so many chains a turn, what is left waits for a turn of the
 * platform's own, and others come in between.
 *
 * All functions: device lock held.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "platform/platform.h"
#include "virtio/vio_queue.h"

/* Device types (5), device status bits (2.1) and features of every device (6). */
enum vio_type { VIO_NET = 1, VIO_BLOCK = 2, VIO_CONSOLE = 3, VIO_ENTROPY = 4, VIO_VSOCK = 19 };
enum vio_status {
    VIO_ACKNOWLEDGE = 1,
    VIO_DRIVER = 2,
    VIO_DRIVER_OK = 4,
    VIO_FEATURES_OK = 8,
    VIO_NEEDS_RESET = 64,
    VIO_FAILED = 128,
};
#define VIO_F_INDIRECT_DESC (1ull << 28)
#define VIO_F_EVENT_IDX (1ull << 29)
#define VIO_F_VERSION_1 (1ull << 32)

enum { VIO_QUEUES_MAX = 3, VIO_CONFIG_CHANGED = -1 };
enum { VIO_TURN_CHAINS = 256, VIO_TURN_GAP_NS = 20000 };

struct vio_device;

struct vio_ops {
    const char *name;
    enum vio_type type;
    uint32_t class_code;   /* PCI's class, subclass and interface */
    uint16_t queues_count; /* at most VIO_QUEUES_MAX */
    uint16_t queue_size;   /* offered for each */
    uint64_t features;     /* offered besides those of every device */
    uint32_t config_size;  /* bytes of its configuration structure */
    /* Copies the structure as it is now. */
    void (*config)(struct vio_device *device, uint8_t *ret_config);
    /* NULL: the driver cannot write any of it. */
    void (*config_write)(struct vio_device *device, uint32_t at, uint32_t size, uint32_t value);
    /* Features are negotiated and DRIVER_OK is set: queues may be used. */
    void (*start)(struct vio_device *device);
    /* New chains in a queue, or ones that were left. The device is started. */
    void (*notify)(struct vio_device *device, unsigned queue);
    /* Stops. false: transfers are in flight, vio_reset_done follows when the last has ended. */
    bool (*stop)(struct vio_device *device);
    void (*free)(struct vio_device *device);
};

/* Counted since creation; readable by any thread, each value on its own. */
struct vio_counts {
    uint64_t in, in_bytes;   /* to the guest: blocks read, frames and bytes received */
    uint64_t out, out_bytes; /* from it */
    uint64_t other;          /* flushes, discards and the like */
    uint64_t errors;         /* requests that failed, frames dropped */
    uint64_t notifications, interrupts;
};

/* Embedded at the start of each device. */
struct vio_device {
    const struct vio_ops *ops; /* [I] */
    struct platform *platform; /* [I] */
    struct mem_map *memory;    /* [I] */
    uint64_t offered;          /* [I] features */
    uint64_t features;         /* negotiated */
    uint8_t status;
    bool started;
    bool resetting;     /* the driver sees status 0 when this is over */
    uint8_t generation; /* of the configuration, for the driver's reads */
    struct vio_queue queues[VIO_QUEUES_MAX];
    struct plat_timer next_turn;
    unsigned turns;  /* that are under way, one in another */
    unsigned chains; /* that this turn may still take */
    uint32_t left;   /* bits of queues for the next turn */
    struct vio_counts counts;
    /* The transport's: tells the driver of used buffers of a queue or VIO_CONFIG_CHANGED. */
    void (*interrupt)(void *transport, int queue);
    void *transport;
};

enum { VIO_CONFIG_MAX = 64 };

/* Makes the common part; ops->config_size is at most VIO_CONFIG_MAX. */
void vio_init(struct vio_device *device, const struct vio_ops *ops, struct platform *platform,
              struct mem_map *memory);

/* ---- for the transport ---- */

/* Value of the status register. */
uint8_t vio_status(const struct vio_device *device);
/* The driver writes it: 0 resets (3.1.1 has the order of the rest, which is enforced). */
void vio_set_status(struct vio_device *device, uint8_t status);
/* The driver's features, half 0 or 1; ignored after FEATURES_OK. */
void vio_set_features(struct vio_device *device, unsigned half, uint32_t value);
/* Reads 1, 2 or 4 bytes of the configuration structure; zeroes beyond it. */
uint32_t vio_config_read(struct vio_device *device, uint32_t at, uint32_t size);
void vio_config_write(struct vio_device *device, uint32_t at, uint32_t size, uint32_t value);
void vio_notify(struct vio_device *device, unsigned queue);
/* Machine reset: as the driver's, but at once. false: transfers are in flight, run the back ends
 * and ask again. */
bool vio_reset(struct vio_device *device);

/* Before ops->free. */
void vio_done(struct vio_device *device);

/* ---- for devices ---- */

/* Around what takes chains, unless that is ops->start or ops->notify: a back end's input, room in
 * its output. What a turn leaves in a queue comes again as ops->notify. */
void vio_turn_begin(struct vio_device *device);
void vio_turn_end(struct vio_device *device);

/* The next chain, as vio_queue_pop; a broken queue makes the device need a reset and counts as
 * empty, as does the end of a turn. The driver of an empty one is asked to tell of what comes. */
bool vio_pop(struct vio_device *device, unsigned queue, struct vio_chain *chain);
/* Tells the driver of used buffers, or of VIO_CONFIG_CHANGED. */
void vio_interrupt(struct vio_device *device, int queue);
/* Gives a chain back and tells the driver if it wants to know; `more`: others follow at once, tell
 * it then. */
void vio_push(struct vio_device *device, unsigned queue, uint16_t head, uint32_t written,
              bool more);
/* The driver did what no driver may: it has to reset the device (2.1.2). */
void vio_needs_reset(struct vio_device *device, const char *why);
/* The configuration structure has changed. */
void vio_config_changed(struct vio_device *device);
/* The last transfer in flight of a device that was stopped has ended. */
void vio_reset_done(struct vio_device *device);
