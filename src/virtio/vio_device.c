/* What all virtio devices share: see vio_device.h. */
#include "virtio/vio_device.h"

#include "base/assert.h"
#include "base/memops.h"

/* ---- turns ---- */

void vio_turn_begin(struct vio_device *device)
{
    if (device->turns++ == 0) {
        device->chains = VIO_TURN_CHAINS;
    }
}

void vio_turn_end(struct vio_device *device)
{
    device->turns--;
    if (device->turns == 0 && device->left != 0 && device->next_turn.deadline_ns == PLAT_NEVER) {
        plat_timer_set(device->platform, &device->next_turn,
                       plat_now_ns(device->platform) + VIO_TURN_GAP_NS);
    }
}

static void next_turn(void *argument)
{
    struct vio_device *device = argument;
    uint32_t left = device->left;

    device->left = 0;
    for (unsigned i = 0; i < device->ops->queues_count; i++) {
        if ((left >> i & 1) != 0 && device->started) {
            vio_turn_begin(device);
            device->ops->notify(device, i);
            vio_turn_end(device);
        }
    }
}

static void no_next_turn(struct vio_device *device)
{
    device->left = 0;
    if (device->next_turn.deadline_ns != PLAT_NEVER) {
        plat_timer_set(device->platform, &device->next_turn, PLAT_NEVER);
    }
}

/* ---- life ---- */

void vio_init(struct vio_device *device, const struct vio_ops *ops, struct platform *platform,
              struct mem_map *memory)
{
    ST_CHECK(ops->queues_count <= VIO_QUEUES_MAX && ops->config_size <= VIO_CONFIG_MAX);
    device->ops = ops;
    device->platform = platform;
    device->memory = memory;
    device->next_turn =
        (struct plat_timer){.fire = next_turn, .argument = device, .deadline_ns = PLAT_NEVER};
    device->offered = ops->features | VIO_F_INDIRECT_DESC | VIO_F_EVENT_IDX | VIO_F_VERSION_1;
    for (unsigned i = 0; i < ops->queues_count; i++) {
        device->queues[i].memory = memory;
        device->queues[i].size_max = ops->queue_size;
        vio_queue_reset(&device->queues[i]);
    }
}

void vio_done(struct vio_device *device)
{
    no_next_turn(device);
}

static void finish_reset(struct vio_device *device)
{
    for (unsigned i = 0; i < device->ops->queues_count; i++) {
        vio_queue_reset(&device->queues[i]);
    }
    device->features = 0;
    device->status = 0;
    device->resetting = false;
}

void vio_reset_done(struct vio_device *device)
{
    if (device->resetting) {
        finish_reset(device);
    }
}

bool vio_reset(struct vio_device *device)
{
    bool was_started = device->started;

    if (device->resetting) {
        return false;
    }
    device->started = false;
    device->resetting = true;
    no_next_turn(device);
    if (was_started && !device->ops->stop(device)) {
        return false;
    }
    /* stop may have ended the last transfer itself. */
    vio_reset_done(device);
    return true;
}

uint8_t vio_status(const struct vio_device *device)
{
    return device->status;
}

void vio_set_status(struct vio_device *device, uint8_t status)
{
    uint8_t new_bits = (uint8_t)(status & ~device->status);

    if (status == 0) {
        (void)vio_reset(device);
        return;
    }
    if (device->resetting) {
        return;
    }
    /* Only a reset clears bits; NEEDS_RESET is ours to set. */
    status = (uint8_t)((status & ~VIO_NEEDS_RESET) | device->status);
    if ((new_bits & VIO_FEATURES_OK) != 0 &&
        ((device->features & ~device->offered) != 0 || (device->features & VIO_F_VERSION_1) == 0)) {
        status = (uint8_t)(status & ~VIO_FEATURES_OK);
    }
    device->status = status;
    if ((new_bits & VIO_DRIVER_OK) != 0 && (status & VIO_FEATURES_OK) != 0 &&
        (status & (VIO_FAILED | VIO_NEEDS_RESET)) == 0) {
        for (unsigned i = 0; i < device->ops->queues_count; i++) {
            device->queues[i].event_index = (device->features & VIO_F_EVENT_IDX) != 0;
        }
        device->started = true;
        vio_turn_begin(device);
        device->ops->start(device);
        vio_turn_end(device);
    }
}

void vio_set_features(struct vio_device *device, unsigned half, uint32_t value)
{
    if (half > 1 || (device->status & VIO_FEATURES_OK) != 0) {
        return;
    }
    device->features = half == 0 ? (device->features & ~0xffffffffull) | value
                                 : (device->features & 0xffffffffull) | (uint64_t)value << 32;
}

uint32_t vio_config_read(struct vio_device *device, uint32_t at, uint32_t size)
{
    uint8_t config[VIO_CONFIG_MAX + 4] = {0};
    uint32_t value = 0;

    if (at < device->ops->config_size && size <= 4) {
        device->ops->config(device, config);
        memset(config + device->ops->config_size, 0, sizeof config - device->ops->config_size);
        memcpy(&value, config + at, size);
    }
    return value;
}

void vio_config_write(struct vio_device *device, uint32_t at, uint32_t size, uint32_t value)
{
    if (device->ops->config_write != NULL && size <= 4 && at < device->ops->config_size &&
        size <= device->ops->config_size - at) {
        device->ops->config_write(device, at, size, value);
    }
}

void vio_notify(struct vio_device *device, unsigned queue)
{
    if (device->started && queue < device->ops->queues_count) {
        device->counts.notifications++;
        vio_turn_begin(device);
        device->ops->notify(device, queue);
        vio_turn_end(device);
    }
}

void vio_needs_reset(struct vio_device *device, const char *why)
{
    if ((device->status & VIO_NEEDS_RESET) != 0) {
        return;
    }
    plat_log(device->platform, PLAT_WARN, device->ops->name, "needs a reset: %s", why);
    device->status |= VIO_NEEDS_RESET;
    vio_interrupt(device, VIO_CONFIG_CHANGED);
}

void vio_interrupt(struct vio_device *device, int queue)
{
    if (device->started) {
        device->counts.interrupts++;
        device->interrupt(device->transport, queue);
    }
}

bool vio_pop(struct vio_device *device, unsigned queue, struct vio_chain *chain)
{
    int r;

    if (!device->started || (device->status & VIO_NEEDS_RESET) != 0) {
        return false;
    }
    if (device->turns > 0 && device->chains == 0) {
        device->left |= 1u << queue;
        return false;
    }
    r = vio_queue_pop(&device->queues[queue], chain);
    if (r < 0) {
        vio_needs_reset(device, "the driver broke a virtqueue");
    } else if (device->turns > 0) {
        device->chains -= (unsigned)r;
    }
    return r > 0;
}

void vio_push(struct vio_device *device, unsigned queue, uint16_t head, uint32_t written, bool more)
{
    struct vio_queue *ring = &device->queues[queue];

    /* What ends while the device is being reset is nobody's any more. */
    if (!device->started) {
        return;
    }
    vio_queue_push(ring, head, written);
    if (!more && vio_queue_wants_interrupt(ring)) {
        vio_interrupt(device, (int)queue);
    }
    if (ring->broken) {
        vio_needs_reset(device, "the driver's used ring is not in RAM");
    }
}

void vio_config_changed(struct vio_device *device)
{
    device->generation++;
    vio_interrupt(device, VIO_CONFIG_CHANGED);
}
