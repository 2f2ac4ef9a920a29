/* Split virtqueues: see vio_queue.h. Names of fields and flags are those of virtio 1.2,
 * section 2.7. */
#include "virtio/vio_queue.h"

#include "base/arith.h"
#include "base/memops.h"

enum {
    DESC_F_NEXT = 1,
    DESC_F_WRITE = 2,
    DESC_F_INDIRECT = 4,
    AVAIL_F_NO_INTERRUPT = 1,
    USED_F_NO_NOTIFY = 1,
};

struct descriptor {
    uint64_t addr;
    uint32_t len;
    uint16_t flags;
    uint16_t next;
};
_Static_assert(sizeof(struct descriptor) == 16, "virtio 1.2, 2.7.5");

struct used_element {
    uint32_t id;
    uint32_t len;
};

void vio_queue_reset(struct vio_queue *queue)
{
    *queue = (struct vio_queue){
        .memory = queue->memory, .size_max = queue->size_max, .size = queue->size_max};
}

static int broke(struct vio_queue *queue)
{
    queue->broken = true;
    return -ST_EINVAL;
}

/* Whether the area is RAM from end to end. */
static bool in_ram(struct vio_queue *queue, uint64_t at, uint64_t size)
{
    uint8_t *data;

    while (size > 0) {
        int64_t run = mem_slice(queue->memory, GPA(at), size, true, &data);

        if (run <= 0) {
            return false;
        }
        at += (uint64_t)run;
        size -= (uint64_t)run;
    }
    return true;
}

int vio_queue_enable(struct vio_queue *queue)
{
    uint16_t size = queue->size;

    if (size == 0 || (size & (size - 1)) != 0 || size > queue->size_max ||
        queue->descriptors % 16 != 0 || queue->available % 2 != 0 || queue->used % 4 != 0) {
        return broke(queue);
    }
    if (!in_ram(queue, queue->descriptors, (uint64_t)size * sizeof(struct descriptor)) ||
        !in_ram(queue, queue->available, 6 + (uint64_t)size * 2) ||
        !in_ram(queue, queue->used, 6 + (uint64_t)size * sizeof(struct used_element))) {
        return broke(queue);
    }
    queue->ready = true;
    return 0;
}

/* Adds the buffer of a descriptor to the chain. */
static int add_pieces(struct vio_queue *queue, struct vio_chain *chain,
                      const struct descriptor *desc)
{
    bool written = (desc->flags & DESC_F_WRITE) != 0;
    uint16_t *count = written ? &chain->writable_count : &chain->readable_count;
    uint32_t *bytes = written ? &chain->writable_bytes : &chain->readable_bytes;
    uint64_t at = desc->addr;
    uint32_t left = desc->len;

    if ((!written && chain->writable_count > 0) || st_add_overflows(*bytes, left, bytes)) {
        return -ST_EINVAL;
    }
    while (left > 0) {
        unsigned place = (unsigned)chain->readable_count + chain->writable_count;
        uint8_t *data;
        int64_t run = mem_slice(queue->memory, GPA(at), left, written, &data);

        if (run <= 0 || place == chain->room) {
            return -ST_EINVAL;
        }
        chain->spans[place] = (struct plat_span){data, (size_t)run};
        chain->addresses[place] = at;
        (*count)++;
        at += (uint64_t)run;
        left -= (uint32_t)run;
    }
    return 0;
}

/* Walks a table of descriptors from `index` on. `indirect`: it is one that a descriptor points to.
 */
static int walk(struct vio_queue *queue, struct vio_chain *chain, uint64_t table, uint32_t size,
                uint32_t index, bool indirect)
{
    struct descriptor desc;

    /* A chain that is longer than its table has a loop. */
    for (uint32_t steps = 0; steps < size; steps++) {
        if (index >= size || mem_read(queue->memory, GPA(table + (uint64_t)index * sizeof desc),
                                      &desc, sizeof desc) < 0) {
            return -ST_EINVAL;
        }
        if ((desc.flags & DESC_F_INDIRECT) != 0) {
            if (indirect || (desc.flags & DESC_F_NEXT) != 0 || desc.len % sizeof desc != 0 ||
                desc.len == 0 || desc.len / sizeof desc > chain->room) {
                return -ST_EINVAL;
            }
            return walk(queue, chain, desc.addr, desc.len / (uint32_t)sizeof desc, 0, true);
        }
        if (add_pieces(queue, chain, &desc) < 0) {
            return -ST_EINVAL;
        }
        if ((desc.flags & DESC_F_NEXT) == 0) {
            return 0;
        }
        index = desc.next;
    }
    return -ST_EINVAL;
}

int vio_queue_pop(struct vio_queue *queue, struct vio_chain *chain)
{
    uint16_t index;
    uint16_t waiting;
    uint16_t head;
    uint64_t slot;

    if (!queue->ready || queue->broken) {
        return queue->broken ? -ST_EINVAL : 0;
    }
    /* The index is read with acquire: the entries before it are there. */
    if (mem_read_u16(queue->memory, GPA(queue->available + 2), &index) < 0) {
        return broke(queue);
    }
    waiting = (uint16_t)(index - queue->next_available);
    /* Found empty: the driver is to tell of the next chain (with event indices it is quiet until it
     * passes one), and what it added before it could know is looked for once more. */
    if (waiting == 0) {
        vio_queue_want_notify(queue, true);
        if (queue->broken || mem_read_u16(queue->memory, GPA(queue->available + 2), &index) < 0) {
            return broke(queue);
        }
        waiting = (uint16_t)(index - queue->next_available);
    }
    if (waiting == 0) {
        return 0;
    }
    slot = queue->available + 4 + 2ull * (queue->next_available & (queue->size - 1u));
    if (waiting > queue->size || mem_read_u16(queue->memory, GPA(slot), &head) < 0 ||
        head >= queue->size) {
        return broke(queue);
    }
    *chain = (struct vio_chain){
        .head = head, .room = chain->room, .spans = chain->spans, .addresses = chain->addresses};
    if (walk(queue, chain, queue->descriptors, queue->size, head, false) < 0) {
        return broke(queue);
    }
    queue->next_available++;
    return 1;
}

void vio_queue_unpop(struct vio_queue *queue)
{
    queue->next_available--;
}

void vio_queue_push(struct vio_queue *queue, uint16_t head, uint32_t written)
{
    struct used_element element = {head, written};
    uint64_t slot = queue->used + 4 + sizeof element * (queue->next_used & (queue->size - 1u));

    if (queue->broken || !queue->ready) {
        return;
    }
    queue->next_used++;
    /* The index is written after the element, in one access. */
    if (mem_write(queue->memory, GPA(slot), &element, sizeof element) < 0 ||
        mem_write_u16(queue->memory, GPA(queue->used + 2), queue->next_used) < 0) {
        queue->broken = true;
    }
}

bool vio_queue_wants_interrupt(struct vio_queue *queue)
{
    uint16_t value;
    uint16_t told = queue->told_used;
    bool told_valid = queue->told_valid;

    if (queue->broken || !queue->ready) {
        return false;
    }
    queue->told_used = queue->next_used;
    queue->told_valid = true;
    if (queue->event_index) {
        /* The used index is visible before used_event is read (2.7.10.1): mem_write_u16 is
         * sequentially consistent. */
        if (mem_read_u16(queue->memory, GPA(queue->available + 4 + 2ull * queue->size), &value) <
            0) {
            queue->broken = true;
            return false;
        }
        return !told_valid ||
               (uint16_t)(queue->next_used - value - 1) < (uint16_t)(queue->next_used - told);
    }
    if (mem_read_u16(queue->memory, GPA(queue->available), &value) < 0) {
        queue->broken = true;
        return false;
    }
    return (value & AVAIL_F_NO_INTERRUPT) == 0;
}

void vio_queue_want_notify(struct vio_queue *queue, bool wanted)
{
    int r = 0;

    if (queue->broken || !queue->ready) {
        return;
    }
    if (!queue->event_index) {
        r = mem_write_u16(queue->memory, GPA(queue->used), wanted ? 0 : USED_F_NO_NOTIFY);
    } else if (wanted) {
        r = mem_write_u16(queue->memory, GPA(queue->used + 4 + 8ull * queue->size),
                          queue->next_available);
    }
    if (r < 0) {
        queue->broken = true;
    }
}

void vio_chain_written(struct mem_map *memory, const struct vio_chain *chain, uint32_t bytes)
{
    unsigned end = (unsigned)chain->readable_count + chain->writable_count;

    for (unsigned i = chain->readable_count; i < end && bytes > 0; i++) {
        size_t size = ST_MIN(chain->spans[i].size, (size_t)bytes);

        mem_written(memory, GPA(chain->addresses[i]), size);
        bytes -= (uint32_t)size;
    }
}

void vio_chain_trim(struct vio_chain *chain, uint32_t readable, uint32_t writable)
{
    unsigned gone = 0;

    readable = ST_MIN(readable, chain->readable_bytes);
    writable = ST_MIN(writable, chain->writable_bytes);
    chain->readable_bytes -= readable;
    chain->writable_bytes -= writable;
    while (gone < chain->readable_count && readable >= chain->spans[gone].size) {
        readable -= (uint32_t)chain->spans[gone].size;
        gone++;
    }
    chain->spans += gone;
    chain->addresses += gone;
    chain->readable_count = (uint16_t)(chain->readable_count - gone);
    chain->room = (uint16_t)(chain->room - gone);
    if (readable > 0) {
        chain->spans[0].data = (uint8_t *)chain->spans[0].data + readable;
        chain->spans[0].size -= readable;
        chain->addresses[0] += readable;
    }
    while (writable > 0) {
        struct plat_span *last = &chain->spans[chain->readable_count + chain->writable_count - 1];

        if (last->size > writable) {
            last->size -= writable;
            break;
        }
        writable -= (uint32_t)last->size;
        chain->writable_count--;
    }
}

uint32_t vio_chain_read(const struct vio_chain *chain, uint32_t from, void *ret_bytes,
                        uint32_t size)
{
    uint8_t *to = ret_bytes;
    uint32_t done = 0;

    for (unsigned i = 0; i < chain->readable_count && done < size; i++) {
        const struct plat_span *span = &chain->spans[i];

        if (from >= span->size) {
            from -= (uint32_t)span->size;
            continue;
        }
        uint32_t part = (uint32_t)ST_MIN(span->size - from, (size_t)(size - done));
        memcpy(to + done, (const uint8_t *)span->data + from, part);
        done += part;
        from = 0;
    }
    return done;
}

uint32_t vio_chain_write(struct mem_map *memory, const struct vio_chain *chain, uint32_t to,
                         const void *bytes, uint32_t size)
{
    const uint8_t *from = bytes;
    uint32_t done = 0;

    for (unsigned i = 0; i < chain->writable_count && done < size; i++) {
        unsigned place = chain->readable_count + i;
        const struct plat_span *span = &chain->spans[place];

        if (to >= span->size) {
            to -= (uint32_t)span->size;
            continue;
        }
        uint32_t part = (uint32_t)ST_MIN(span->size - to, (size_t)(size - done));
        memcpy((uint8_t *)span->data + to, from + done, part);
        mem_written(memory, GPA(chain->addresses[place] + to), part);
        done += part;
        to = 0;
    }
    return done;
}
