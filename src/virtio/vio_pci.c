/* The PCI transport: see vio_pci.h. Registers and capabilities are named as in virtio 1.2, 4.1.4.
 */
#include "virtio/vio_pci.h"

#include "base/memops.h"

enum {
    VENDOR = 0x1af4,
    DEVICE_BASE = 0x1040,
    REVISION = 1,
    CAPABILITY_VENDOR = 9,
    STRUCTURES_BAR = 0,
    MSIX_BAR = 2,
    BAR_BYTES = 0x4000,
    NOTIFY_MULTIPLIER = 4,
};

/* Where the structures lie in the BAR. */
enum { COMMON = 0x0000, ISR = 0x1000, CONFIG = 0x2000, NOTIFY = 0x3000, STRUCTURE_BYTES = 0x1000 };

enum cfg_type { COMMON_CFG = 1, NOTIFY_CFG = 2, ISR_CFG = 3, DEVICE_CFG = 4, PCI_CFG = 5 };

/* Registers of the common configuration structure. */
enum common {
    DEVICE_FEATURE_SELECT = 0x00,
    DEVICE_FEATURE = 0x04,
    DRIVER_FEATURE_SELECT = 0x08,
    DRIVER_FEATURE = 0x0c,
    CONFIG_MSIX_VECTOR = 0x10,
    NUM_QUEUES = 0x12,
    DEVICE_STATUS = 0x14,
    CONFIG_GENERATION = 0x15,
    QUEUE_SELECT = 0x16,
    QUEUE_SIZE = 0x18,
    QUEUE_MSIX_VECTOR = 0x1a,
    QUEUE_ENABLE = 0x1c,
    QUEUE_NOTIFY_OFF = 0x1e,
    QUEUE_DESC = 0x20,
    QUEUE_DRIVER = 0x28,
    QUEUE_DEVICE = 0x30,
    COMMON_BYTES = 0x38,
};

enum { ISR_QUEUE = 1, ISR_CONFIG = 2 };

/* A capability, less its ID and next pointer. */
struct capability {
    uint8_t cap_len;
    uint8_t cfg_type;
    uint8_t bar;
    uint8_t id;
    uint8_t padding[2];
    uint8_t offset[4]; /* little-endian; they are not aligned */
    uint8_t length[4];
    uint8_t last[4]; /* NOTIFY_CFG: the multiplier; PCI_CFG: the data window */
};
_Static_assert(sizeof(struct capability) == 18, "virtio 1.2, 4.1.4");

struct vio_pci {
    struct dev_pci pci;
    struct platform *platform;
    struct vio_device *device;
    uint32_t device_feature_select, driver_feature_select;
    uint16_t queue_select;
    uint16_t config_vector;
    uint16_t queue_vectors[VIO_QUEUES_MAX];
    uint8_t isr;
    uint8_t window_at; /* of the PCI_CFG capability in configuration space */
};

static struct vio_queue *selected(struct vio_pci *transport)
{
    struct vio_device *device = transport->device;

    return transport->queue_select < device->ops->queues_count
               ? &device->queues[transport->queue_select]
               : NULL;
}

/* ---- interrupts ---- */

static void update_intx(struct vio_pci *transport)
{
    dev_pci_intx(&transport->pci, transport->isr != 0 && !dev_pci_has_msix(&transport->pci));
}

static void interrupt(void *owner, int queue)
{
    struct vio_pci *transport = owner;

    if (dev_pci_has_msix(&transport->pci)) {
        dev_pci_msix_raise(&transport->pci, queue == VIO_CONFIG_CHANGED
                                                ? transport->config_vector
                                                : transport->queue_vectors[queue]);
        return;
    }
    transport->isr |= queue == VIO_CONFIG_CHANGED ? ISR_CONFIG : ISR_QUEUE;
    update_intx(transport);
}

static uint16_t usable_vector(const struct vio_pci *transport, uint64_t vector)
{
    return vector < transport->pci.msix_count ? (uint16_t)vector : DEV_PCI_NO_VECTOR;
}

/* ---- the common configuration structure ---- */

static uint32_t read_queue(struct vio_pci *transport, uint64_t at)
{
    const struct vio_queue *queue = selected(transport);

    if (queue == NULL) {
        return at == QUEUE_MSIX_VECTOR ? DEV_PCI_NO_VECTOR : 0;
    }
    switch (at) {
    case QUEUE_SIZE:
        return queue->size;
    case QUEUE_MSIX_VECTOR:
        return transport->queue_vectors[transport->queue_select];
    case QUEUE_ENABLE:
        return queue->ready;
    case QUEUE_NOTIFY_OFF:
        return transport->queue_select;
    case QUEUE_DESC:
        return (uint32_t)queue->descriptors;
    case QUEUE_DESC + 4:
        return (uint32_t)(queue->descriptors >> 32);
    case QUEUE_DRIVER:
        return (uint32_t)queue->available;
    case QUEUE_DRIVER + 4:
        return (uint32_t)(queue->available >> 32);
    case QUEUE_DEVICE:
        return (uint32_t)queue->used;
    case QUEUE_DEVICE + 4:
        return (uint32_t)(queue->used >> 32);
    default:
        return 0;
    }
}

static uint32_t read_common(struct vio_pci *transport, uint64_t at)
{
    const struct vio_device *device = transport->device;

    switch (at) {
    case DEVICE_FEATURE_SELECT:
        return transport->device_feature_select;
    case DEVICE_FEATURE:
        return transport->device_feature_select > 1
                   ? 0
                   : (uint32_t)(device->offered >> (32 * transport->device_feature_select));
    case DRIVER_FEATURE_SELECT:
        return transport->driver_feature_select;
    case DRIVER_FEATURE:
        return transport->driver_feature_select > 1
                   ? 0
                   : (uint32_t)(device->features >> (32 * transport->driver_feature_select));
    case CONFIG_MSIX_VECTOR:
        return transport->config_vector;
    case NUM_QUEUES:
        return device->ops->queues_count;
    case DEVICE_STATUS:
        return vio_status(device);
    case CONFIG_GENERATION:
        return device->generation;
    case QUEUE_SELECT:
        return transport->queue_select;
    default:
        return read_queue(transport, at);
    }
}

/* Replaces one half of an address. */
static void set_half(uint64_t *address, unsigned half, uint64_t value)
{
    uint64_t mask = 0xffffffffull << (32 * half);

    *address = (*address & ~mask) | (value << (32 * half) & mask);
}

static void write_queue(struct vio_pci *transport, uint64_t at, uint64_t value)
{
    struct vio_queue *queue = selected(transport);

    if (queue == NULL) {
        return;
    }
    if (at == QUEUE_MSIX_VECTOR) {
        transport->queue_vectors[transport->queue_select] = usable_vector(transport, value);
        return;
    }
    /* An enabled queue stays as it is until the device is reset. */
    if (queue->ready || transport->device->resetting) {
        return;
    }
    switch (at) {
    case QUEUE_SIZE:
        queue->size = (uint16_t)value;
        break;
    case QUEUE_ENABLE:
        if (value == 1 && vio_queue_enable(queue) < 0) {
            vio_needs_reset(transport->device, "a virtqueue is set up wrongly");
        }
        break;
    case QUEUE_DESC:
    case QUEUE_DESC + 4:
        set_half(&queue->descriptors, at != QUEUE_DESC, value);
        break;
    case QUEUE_DRIVER:
    case QUEUE_DRIVER + 4:
        set_half(&queue->available, at != QUEUE_DRIVER, value);
        break;
    case QUEUE_DEVICE:
    case QUEUE_DEVICE + 4:
        set_half(&queue->used, at != QUEUE_DEVICE, value);
        break;
    default:
        break;
    }
}

static void forget(struct vio_pci *transport)
{
    transport->isr = 0;
    transport->config_vector = DEV_PCI_NO_VECTOR;
    for (unsigned i = 0; i < VIO_QUEUES_MAX; i++) {
        transport->queue_vectors[i] = DEV_PCI_NO_VECTOR;
    }
    update_intx(transport);
}

static void write_common(struct vio_pci *transport, uint64_t at, uint64_t value)
{
    switch (at) {
    case DEVICE_FEATURE_SELECT:
        transport->device_feature_select = (uint32_t)value;
        break;
    case DRIVER_FEATURE_SELECT:
        transport->driver_feature_select = (uint32_t)value;
        break;
    case DRIVER_FEATURE:
        vio_set_features(transport->device, transport->driver_feature_select, (uint32_t)value);
        break;
    case CONFIG_MSIX_VECTOR:
        transport->config_vector = usable_vector(transport, value);
        break;
    case DEVICE_STATUS:
        vio_set_status(transport->device, (uint8_t)value);
        if ((uint8_t)value == 0) {
            forget(transport);
        }
        break;
    case QUEUE_SELECT:
        transport->queue_select = (uint16_t)value;
        break;
    default:
        write_queue(transport, at, value);
        break;
    }
}

/* ---- the BAR ---- */

static uint64_t bar_read(void *owner, uint64_t offset, unsigned access_bytes)
{
    struct vio_pci *transport = owner;
    uint64_t at = offset % STRUCTURE_BYTES;
    uint64_t value = 0;

    switch (offset - at) {
    case COMMON:
        /* A driver reads each register at its own size, 64-bit ones in halves or at once (4.1.3.1).
         */
        value = read_common(transport, at);
        if (access_bytes == 8) {
            value |= (uint64_t)read_common(transport, at + 4) << 32;
        }
        break;
    case ISR:
        if (at == 0) {
            value = transport->isr;
            transport->isr = 0;
            update_intx(transport);
        }
        break;
    case CONFIG:
        value =
            vio_config_read(transport->device, (uint32_t)at, access_bytes < 4 ? access_bytes : 4);
        if (access_bytes == 8) {
            value |= (uint64_t)vio_config_read(transport->device, (uint32_t)at + 4, 4) << 32;
        }
        break;
    default:
        break;
    }
    return dev_cut(value, access_bytes);
}

static void bar_write(void *owner, uint64_t offset, unsigned access_bytes, uint64_t value)
{
    struct vio_pci *transport = owner;
    uint64_t at = offset % STRUCTURE_BYTES;

    value = dev_cut(value, access_bytes);
    switch (offset - at) {
    case COMMON:
        write_common(transport, at, value);
        if (access_bytes == 8) {
            write_common(transport, at + 4, value >> 32);
        }
        break;
    case CONFIG:
        vio_config_write(transport->device, (uint32_t)at, access_bytes, (uint32_t)value);
        break;
    case NOTIFY:
        vio_notify(transport->device, (unsigned)(at / NOTIFY_MULTIPLIER));
        break;
    default:
        break;
    }
}

/* ---- the window in configuration space (4.1.4.9) ---- */

static uint32_t get32(const uint8_t *bytes)
{
    uint32_t value;

    memcpy(&value, bytes, sizeof value);
    return value;
}

/* The access that the window stands for; false: it is none. */
static bool window(struct vio_pci *transport, uint32_t *ret_offset, uint32_t *ret_length,
                   uint8_t **ret_data)
{
    struct capability *cap = (struct capability *)&transport->pci.config[transport->window_at + 2];

    *ret_offset = get32(cap->offset);
    *ret_length = get32(cap->length);
    *ret_data = cap->last;
    return cap->bar == STRUCTURES_BAR && *ret_offset < BAR_BYTES &&
           (*ret_length == 1 || *ret_length == 2 || *ret_length == 4) &&
           *ret_offset % *ret_length == 0;
}

static bool touches_window(const struct vio_pci *transport, unsigned at, unsigned access_bytes)
{
    unsigned data = transport->window_at + 2u + (unsigned)offsetof(struct capability, last);

    return at < data + 4 && at + access_bytes > data;
}

static void config_written(struct dev_pci *pci, unsigned at, unsigned access_bytes)
{
    struct vio_pci *transport = ST_CONTAINER(pci, struct vio_pci, pci);
    uint32_t offset, length;
    uint8_t *data;

    if (touches_window(transport, at, access_bytes) && window(transport, &offset, &length, &data)) {
        bar_write(transport, offset, length, get32(data));
    }
    update_intx(transport);
}

static void config_reading(struct dev_pci *pci, unsigned at, unsigned access_bytes)
{
    struct vio_pci *transport = ST_CONTAINER(pci, struct vio_pci, pci);
    uint32_t offset, length, value;
    uint8_t *data;

    if (touches_window(transport, at, access_bytes) && window(transport, &offset, &length, &data)) {
        value = (uint32_t)bar_read(transport, offset, length);
        memcpy(data, &value, sizeof value);
    }
}

/* ---- life ---- */

static void pci_reset(struct dev_pci *pci)
{
    struct vio_pci *transport = ST_CONTAINER(pci, struct vio_pci, pci);

    (void)vio_reset(transport->device);
    transport->device_feature_select = 0;
    transport->driver_feature_select = 0;
    transport->queue_select = 0;
    forget(transport);
}

static void pci_free(struct dev_pci *pci)
{
    struct vio_pci *transport = ST_CONTAINER(pci, struct vio_pci, pci);

    vio_done(transport->device);
    transport->device->ops->free(transport->device);
    plat_free(transport->platform, transport, sizeof *transport);
}

static uint8_t add_structure(struct vio_pci *transport, enum cfg_type type, uint32_t offset,
                             uint32_t length, uint32_t last)
{
    struct capability cap = {.cfg_type = (uint8_t)type, .bar = STRUCTURES_BAR};
    size_t size = type == NOTIFY_CFG || type == PCI_CFG ? sizeof cap : sizeof cap - sizeof cap.last;

    cap.cap_len = (uint8_t)(size + 2);
    memcpy(cap.offset, &offset, sizeof offset);
    memcpy(cap.length, &length, sizeof length);
    memcpy(cap.last, &last, sizeof last);
    return dev_pci_add_capability(&transport->pci, CAPABILITY_VENDOR, &cap, size);
}

int vio_pci_plug(struct dev_pci_host *host, struct platform *platform, struct vio_device *device,
                 unsigned slot)
{
    static const struct dev_pci_ops ops = {.config_written = config_written,
                                           .config_reading = config_reading,
                                           .reset = pci_reset,
                                           .free = pci_free};
    struct vio_pci *transport = device == NULL ? NULL : plat_alloc(platform, sizeof *transport);
    struct dev_pci *pci;
    uint8_t *writable;
    int r;

    if (transport == NULL) {
        if (device != NULL) {
            device->ops->free(device);
        }
        return -ST_ENOMEM;
    }
    transport->platform = platform;
    transport->device = device;
    device->interrupt = interrupt;
    device->transport = transport;
    pci = &transport->pci;
    pci->ops = &ops;
    dev_pci_init(pci, VENDOR, (uint16_t)(DEVICE_BASE + device->ops->type), device->ops->class_code,
                 REVISION, 1);
    dev_pci_add_bar(pci, STRUCTURES_BAR, DEV_PCI_BAR_MEMORY_64, BAR_BYTES, bar_read, bar_write,
                    transport);
    dev_pci_add_msix(pci, MSIX_BAR, device->ops->queues_count + 1u);
    (void)add_structure(transport, COMMON_CFG, COMMON, COMMON_BYTES, 0);
    (void)add_structure(transport, ISR_CFG, ISR, 1, 0);
    if (device->ops->config_size > 0) {
        (void)add_structure(transport, DEVICE_CFG, CONFIG, device->ops->config_size, 0);
    }
    (void)add_structure(transport, NOTIFY_CFG, NOTIFY,
                        device->ops->queues_count * NOTIFY_MULTIPLIER, NOTIFY_MULTIPLIER);
    transport->window_at = add_structure(transport, PCI_CFG, 0, 0, 0);
    writable = &pci->writable[transport->window_at + 2];
    memset(writable + offsetof(struct capability, bar), 0xff, 1);
    memset(writable + offsetof(struct capability, offset), 0xff, 12);
    for (unsigned i = 0; i < VIO_QUEUES_MAX; i++) {
        transport->queue_vectors[i] = DEV_PCI_NO_VECTOR;
    }
    transport->config_vector = DEV_PCI_NO_VECTOR;
    r = dev_pci_plug(host, pci, slot);
    if (r < 0) {
        pci_free(pci);
    }
    return r;
}
