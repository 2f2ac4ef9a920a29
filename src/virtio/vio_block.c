/*
 * The block device. A request is a chain: header, data, status byte (5.2.6). Its data goes from and
 * to guest memory without a copy; a slot of the table below holds it while it is in flight.
 */
#include "virtio/vio_block.h"

#include "base/arith.h"
#include "base/memops.h"

#define F_SEG_MAX (1ull << 2)
#define F_RO (1ull << 5)
#define F_BLK_SIZE (1ull << 6)
#define F_FLUSH (1ull << 9)
#define F_DISCARD (1ull << 13)
#define F_WRITE_ZEROES (1ull << 14)

enum {
    SECTOR = 512,
    QUEUE_SIZE = 128,
    SEGMENTS = 126,
    PIECES = SEGMENTS + 8,
    RANGE_SECTORS_MAX = 1u << 22, /* of one discard or write-zeroes: 2 GiB */
    SERIAL_BYTES = 20,
};

enum request_type {
    TYPE_IN = 0,
    TYPE_OUT = 1,
    TYPE_FLUSH = 4,
    TYPE_GET_ID = 8,
    TYPE_DISCARD = 11,
    TYPE_WRITE_ZEROES = 13,
};
enum request_status { STATUS_OK = 0, STATUS_IOERR = 1, STATUS_UNSUPPORTED = 2 };

struct header {
    uint32_t type;
    uint32_t reserved;
    uint64_t sector;
};

struct range {
    uint64_t sector;
    uint32_t sectors;
    uint32_t flags; /* bit 0: unmap */
};

struct block_config {
    uint64_t capacity;
    uint32_t size_max;
    uint32_t seg_max;
    uint8_t geometry[4];
    uint32_t blk_size;
    uint8_t topology[8];
    uint8_t writeback;
    uint8_t unused0;
    uint16_t num_queues;
    uint32_t max_discard_sectors;
    uint32_t max_discard_seg;
    uint32_t discard_sector_alignment;
    uint32_t max_write_zeroes_sectors;
    uint32_t max_write_zeroes_seg;
    uint8_t write_zeroes_may_unmap;
    uint8_t unused1[3];
} ST_PACKED;
_Static_assert(sizeof(struct block_config) == 60, "virtio 1.2, 5.2.4");

struct slot {
    struct plat_block_request request;
    struct vio_block *owner;
    struct slot *next_free;
    struct vio_chain chain;  /* what is left is the data */
    uint64_t status_address; /* guest-physical, of the status byte */
    struct plat_span spans[PIECES];
    uint64_t addresses[PIECES];
};

struct vio_block {
    struct vio_device device;
    struct plat_block *block;
    struct slot *free;
    unsigned in_flight;
    bool serving; /* notify is taking chains: interrupts wait for its end */
    bool pushed;  /* something was given back meanwhile */
    struct slot slots[QUEUE_SIZE];
};

static void block_config(struct vio_device *device, uint8_t *ret_config)
{
    const struct plat_block *block = ST_CONTAINER(device, struct vio_block, device)->block;
    struct block_config config = {
        .capacity = block->size_bytes / SECTOR,
        .seg_max = SEGMENTS,
        .blk_size = block->block_bytes,
        .num_queues = 1,
        .max_discard_sectors = RANGE_SECTORS_MAX,
        .max_discard_seg = 1,
        .discard_sector_alignment = block->block_bytes / SECTOR,
        .max_write_zeroes_sectors = RANGE_SECTORS_MAX,
        .max_write_zeroes_seg = 1,
        .write_zeroes_may_unmap = 1,
    };

    memcpy(ret_config, &config, sizeof config);
}

/* Ends the request of a slot with its status byte. `written`: bytes of data the driver may look at.
 */
static void finish(struct slot *slot, enum request_status status, uint32_t written)
{
    struct vio_block *owner = slot->owner;
    uint16_t head = slot->chain.head;

    slot->next_free = owner->free;
    owner->free = slot;
    if (!owner->device.started) {
        return;
    }
    if (mem_write_u8(owner->device.memory, GPA(slot->status_address), (uint8_t)status) < 0) {
        vio_needs_reset(&owner->device, "a status byte is not in RAM");
        return;
    }
    owner->pushed = true;
    vio_push(&owner->device, 0, head, written + 1, owner->serving);
}

static void transfer_done(struct plat_block_request *request, int result)
{
    struct slot *slot = ST_CONTAINER(request, struct slot, request);
    struct vio_block *owner = slot->owner;
    uint32_t written = 0;

    struct vio_counts *counts = &owner->device.counts;
    owner->in_flight--;
    if (result != 0) {
        counts->errors++;
    } else if (request->op == PLAT_BLOCK_READ) {
        counts->in++;
        counts->in_bytes += request->size_bytes;
    } else if (request->op == PLAT_BLOCK_WRITE) {
        counts->out++;
        counts->out_bytes += request->size_bytes;
    } else {
        counts->other++;
    }
    if (result == 0 && request->op == PLAT_BLOCK_READ) {
        written = slot->chain.writable_bytes;
        vio_chain_written(owner->device.memory, &slot->chain, written);
    }
    finish(slot, result == 0 ? STATUS_OK : STATUS_IOERR, written);
    if (!owner->device.started && owner->in_flight == 0) {
        vio_reset_done(&owner->device);
    }
}

static void submit(struct slot *slot, enum plat_block_op op, uint64_t at_bytes, uint64_t size_bytes)
{
    struct vio_block *owner = slot->owner;
    const struct vio_chain *chain = &slot->chain;

    slot->request = (struct plat_block_request){
        .op = op,
        .at_bytes = at_bytes,
        .size_bytes = size_bytes,
        .spans = op == PLAT_BLOCK_READ ? chain->spans + chain->readable_count : chain->spans,
        .spans_count = op == PLAT_BLOCK_READ ? chain->writable_count : chain->readable_count,
        .done = transfer_done,
    };
    if (op != PLAT_BLOCK_READ && op != PLAT_BLOCK_WRITE) {
        slot->request.spans_count = 0;
    }
    owner->in_flight++;
    owner->block->ops->submit(owner->block, &slot->request);
}

/* Whether the range is whole blocks within the disk. */
static bool in_disk(const struct plat_block *block, uint64_t sector, uint64_t bytes)
{
    uint64_t at;
    uint64_t end;

    return !st_mul_overflows(sector, (uint64_t)SECTOR, &at) && !st_add_overflows(at, bytes, &end) &&
           end <= block->size_bytes && at % block->block_bytes == 0 &&
           bytes % block->block_bytes == 0;
}

static void read_or_write(struct slot *slot, const struct header *header)
{
    struct plat_block *block = slot->owner->block;
    bool write = header->type == TYPE_OUT;
    uint32_t bytes = write ? slot->chain.readable_bytes : slot->chain.writable_bytes;

    if (bytes == 0 || !in_disk(block, header->sector, bytes) || (write && block->read_only)) {
        slot->owner->device.counts.errors++;
        finish(slot, STATUS_IOERR, 0);
        return;
    }
    submit(slot, write ? PLAT_BLOCK_WRITE : PLAT_BLOCK_READ, header->sector * SECTOR, bytes);
}

static void discard_or_zero(struct slot *slot, const struct header *header)
{
    struct plat_block *block = slot->owner->block;
    bool discard = header->type == TYPE_DISCARD;
    struct range range;

    if (block->read_only || !block->can_discard) {
        finish(slot, STATUS_UNSUPPORTED, 0);
        return;
    }
    if (slot->chain.readable_bytes != sizeof range ||
        vio_chain_read(&slot->chain, 0, &range, sizeof range) != sizeof range ||
        range.sectors > RANGE_SECTORS_MAX ||
        !in_disk(block, range.sector, (uint64_t)range.sectors * SECTOR)) {
        finish(slot, STATUS_IOERR, 0);
        return;
    }
    if (range.flags > (discard ? 0u : 1u)) {
        finish(slot, STATUS_UNSUPPORTED, 0);
        return;
    }
    submit(slot, discard ? PLAT_BLOCK_DISCARD : PLAT_BLOCK_WRITE_ZEROES, range.sector * SECTOR,
           (uint64_t)range.sectors * SECTOR);
}

static void give_id(struct slot *slot)
{
    struct vio_block *owner = slot->owner;
    uint32_t size =
        vio_chain_write(owner->device.memory, &slot->chain, 0, owner->block->serial, SERIAL_BYTES);

    finish(slot, STATUS_OK, size);
}

static void handle(struct slot *slot)
{
    struct vio_chain *chain = &slot->chain;
    struct header header;

    if (vio_chain_read(chain, 0, &header, sizeof header) != sizeof header ||
        chain->writable_count == 0) {
        vio_needs_reset(&slot->owner->device, "a request without header or status");
        slot->next_free = slot->owner->free;
        slot->owner->free = slot;
        return;
    }
    unsigned last = (unsigned)chain->readable_count + chain->writable_count - 1;

    slot->status_address = chain->addresses[last] + chain->spans[last].size - 1;
    vio_chain_trim(chain, sizeof header, 1);
    switch (header.type) {
    case TYPE_IN:
    case TYPE_OUT:
        read_or_write(slot, &header);
        break;
    case TYPE_FLUSH:
        submit(slot, PLAT_BLOCK_FLUSH, 0, 0);
        break;
    case TYPE_DISCARD:
    case TYPE_WRITE_ZEROES:
        discard_or_zero(slot, &header);
        break;
    case TYPE_GET_ID:
        give_id(slot);
        break;
    default:
        finish(slot, STATUS_UNSUPPORTED, 0);
        break;
    }
}

static void serve(struct vio_device *device, unsigned queue)
{
    struct vio_block *owner = ST_CONTAINER(device, struct vio_block, device);

    owner->serving = true;
    owner->pushed = false;
    /* There is a slot for each entry of the ring, so none is left only if the driver reuses heads.
     */
    while (owner->free != NULL) {
        struct slot *slot = owner->free;

        slot->chain =
            (struct vio_chain){.room = PIECES, .spans = slot->spans, .addresses = slot->addresses};
        if (!vio_pop(device, queue, &slot->chain)) {
            break;
        }
        owner->free = slot->next_free;
        handle(slot);
    }
    if (owner->in_flight > 0) {
        owner->block->ops->kick(owner->block);
    }
    owner->serving = false;
    if (owner->pushed && device->started && vio_queue_wants_interrupt(&device->queues[queue])) {
        vio_interrupt(device, (int)queue);
    }
}

static void start(struct vio_device *device)
{
    serve(device, 0);
}

static bool stop(struct vio_device *device)
{
    return ST_CONTAINER(device, struct vio_block, device)->in_flight == 0;
}

static void block_free(struct vio_device *device)
{
    plat_free(device->platform, ST_CONTAINER(device, struct vio_block, device),
              sizeof(struct vio_block));
}

static const struct vio_ops block_ops = {
    .name = "virtio-blk",
    .type = VIO_BLOCK,
    .class_code = 0x010000,
    .queues_count = 1,
    .queue_size = QUEUE_SIZE,
    .features = F_SEG_MAX | F_BLK_SIZE | F_FLUSH,
    .config_size = sizeof(struct block_config),
    .config = block_config,
    .start = start,
    .notify = serve,
    .stop = stop,
    .free = block_free,
};

struct vio_device *vio_block_new(struct platform *platform, struct mem_map *memory,
                                 struct plat_block *block)
{
    struct vio_block *owner = plat_alloc(platform, sizeof *owner);

    if (owner == NULL) {
        return NULL;
    }
    vio_init(&owner->device, &block_ops, platform, memory);
    owner->block = block;
    if (block->read_only) {
        owner->device.offered |= F_RO;
    } else if (block->can_discard) {
        owner->device.offered |= F_DISCARD | F_WRITE_ZEROES;
    }
    for (unsigned i = QUEUE_SIZE; i-- > 0;) {
        owner->slots[i].owner = owner;
        owner->slots[i].next_free = owner->free;
        owner->free = &owner->slots[i];
    }
    return &owner->device;
}
