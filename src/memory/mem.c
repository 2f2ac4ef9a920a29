/* Guest-physical memory. Slots are few, sorted and searched by halves. */
#include "memory/mem.h"

#include "base/arith.h"
#include "base/assert.h"
#include "base/memops.h"

/* Physical addresses have at most 52 bits (AMD APM 2, 5.1). */
static const uint64_t space_end = 1ull << 52;

void mem_map_init(struct mem_map *map)
{
    *map = (struct mem_map){.generation = 1};
}

static void new_generation(struct mem_map *map)
{
    /* Pairs with the acquire of whoever compares a remembered generation. */
    __atomic_add_fetch(&map->generation, 1, __ATOMIC_RELEASE);
}

int mem_add(struct mem_map *map, enum mem_kind kind, gpa_t start, uint64_t size, uint8_t *host,
            uint8_t *page_bits)
{
    uint32_t at = 0;
    uint64_t end;

    if ((start.v | size) % MEM_PAGE_SIZE != 0 || size == 0 ||
        st_add_overflows(start.v, size, &end) || end > space_end) {
        return -ST_EINVAL;
    }
    if (map->slots_count == MEM_SLOTS_MAX) {
        return -ST_ELIMIT;
    }
    while (at < map->slots_count && map->slots[at].start < start.v) {
        at++;
    }
    if ((at > 0 && map->slots[at - 1].start + map->slots[at - 1].size > start.v) ||
        (at < map->slots_count && map->slots[at].start < end)) {
        return -ST_EINVAL;
    }
    memmove(&map->slots[at + 1], &map->slots[at], (map->slots_count - at) * sizeof map->slots[0]);
    map->slots[at] = (struct mem_slot){start.v, size, host, kind, page_bits};
    map->slots_count++;
    new_generation(map);
    return 0;
}

int mem_remove(struct mem_map *map, gpa_t start)
{
    for (uint32_t i = 0; i < map->slots_count; i++) {
        if (map->slots[i].start == start.v) {
            map->slots_count--;
            memmove(&map->slots[i], &map->slots[i + 1],
                    (map->slots_count - i) * sizeof map->slots[0]);
            new_generation(map);
            return 0;
        }
    }
    return -ST_ENOENT;
}

const struct mem_slot *mem_find(const struct mem_map *map, gpa_t address)
{
    uint32_t low = 0;
    uint32_t high = map->slots_count;

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        const struct mem_slot *slot = &map->slots[middle];

        if (address.v < slot->start) {
            high = middle;
        } else if (address.v - slot->start >= slot->size) {
            low = middle + 1;
        } else {
            return slot;
        }
    }
    return NULL;
}

/* Whether all of the range lies in slots, and in RAM if it is to be written. */
static bool covered(const struct mem_map *map, uint64_t at, uint64_t size, bool written)
{
    uint64_t end;

    if (st_add_overflows(at, size, &end)) {
        return false;
    }
    while (at < end) {
        const struct mem_slot *slot = mem_find(map, GPA(at));

        if (slot == NULL || (written && slot->kind != MEM_RAM)) {
            return false;
        }
        at = slot->start + slot->size;
    }
    return true;
}

static void mark_page(struct mem_map *map, const struct mem_slot *slot, uint64_t at)
{
    uint8_t *bits = mem_bits(slot, at);

    if (__atomic_load_n(&map->log_dirty, __ATOMIC_RELAXED)) {
        __atomic_fetch_or(bits, MEM_PAGE_DIRTY, __ATOMIC_RELAXED);
    }
    /* Sequentially consistent with a vCPU that marks the page and then decodes from it: either it
     * sees the new bytes or this sees the mark. */
    if ((__atomic_load_n(bits, __ATOMIC_SEQ_CST) & MEM_PAGE_CODE) != 0 &&
        map->watch.code_written != NULL) {
        map->watch.code_written(map->watch.argument, at & ~(uint64_t)(MEM_PAGE_SIZE - 1));
    }
}

void mem_written(struct mem_map *map, gpa_t at, size_t size)
{
    uint64_t end = at.v + size;

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (uint64_t page = at.v & ~(uint64_t)(MEM_PAGE_SIZE - 1); page < end; page += MEM_PAGE_SIZE) {
        const struct mem_slot *slot = mem_find(map, GPA(page));

        if (slot != NULL) {
            mark_page(map, slot, page);
        }
    }
}

/* The host address of `at` in its slot and how many bytes of the slot follow, at most size. */
static uint8_t *run_of(const struct mem_slot *slot, uint64_t at, uint64_t size, uint64_t *ret_run)
{
    ST_CHECK(slot != NULL);
    *ret_run = ST_MIN(size, slot->start + slot->size - at);
    return slot->host + (at - slot->start);
}

int mem_read(const struct mem_map *map, gpa_t from, void *ret_bytes, size_t size)
{
    uint8_t *to = ret_bytes;
    uint64_t run;

    if (!covered(map, from.v, size, false)) {
        return -ST_EFAULT;
    }
    for (uint64_t at = from.v; size > 0; at += run, to += run, size -= run) {
        const uint8_t *host = run_of(mem_find(map, GPA(at)), at, size, &run);

        memcpy(to, host, run);
    }
    return 0;
}

int mem_write(struct mem_map *map, gpa_t to, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    uint64_t run;
    size_t left = size;

    if (!covered(map, to.v, size, true)) {
        return -ST_EFAULT;
    }
    for (uint64_t at = to.v; left > 0; at += run, from += run, left -= run) {
        uint8_t *host = run_of(mem_find(map, GPA(at)), at, left, &run);

        memcpy(host, from, run);
    }
    mem_written(map, to, size);
    return 0;
}

int mem_fill(struct mem_map *map, gpa_t to, uint8_t value, uint64_t size)
{
    uint64_t run;
    uint64_t left = size;

    if (!covered(map, to.v, size, true)) {
        return -ST_EFAULT;
    }
    for (uint64_t at = to.v; left > 0; at += run, left -= run) {
        uint8_t *host = run_of(mem_find(map, GPA(at)), at, left, &run);

        memset(host, value, run);
    }
    mem_written(map, to, size);
    return 0;
}

int64_t mem_slice(struct mem_map *map, gpa_t from, size_t size, bool written, uint8_t **ret_data)
{
    const struct mem_slot *slot = mem_find(map, from);
    uint64_t run;

    if (slot == NULL || (written && slot->kind != MEM_RAM)) {
        return -ST_EFAULT;
    }
    *ret_data = run_of(slot, from.v, size, &run);
    return (int64_t)run;
}

/* An aligned value lies in one page, so one access is enough and other threads see all of it or
 * nothing; others go by bytes. */
#define MEM_VALUE(bits)                                                                            \
    int mem_read_u##bits(const struct mem_map *map, gpa_t from, uint##bits##_t *ret_value)         \
    {                                                                                              \
        const struct mem_slot *slot = mem_find(map, from);                                         \
                                                                                                   \
        if (from.v % sizeof *ret_value != 0) {                                                     \
            return mem_read(map, from, ret_value, sizeof *ret_value);                              \
        }                                                                                          \
        if (slot == NULL) {                                                                        \
            return -ST_EFAULT;                                                                     \
        }                                                                                          \
        *ret_value = __atomic_load_n((uint##bits##_t *)(slot->host + (from.v - slot->start)),      \
                                     __ATOMIC_ACQUIRE);                                            \
        return 0;                                                                                  \
    }                                                                                              \
                                                                                                   \
    int mem_write_u##bits(struct mem_map *map, gpa_t to, uint##bits##_t value)                     \
    {                                                                                              \
        const struct mem_slot *slot = mem_find(map, to);                                           \
                                                                                                   \
        if (to.v % sizeof value != 0) {                                                            \
            return mem_write(map, to, &value, sizeof value);                                       \
        }                                                                                          \
        if (slot == NULL || slot->kind != MEM_RAM) {                                               \
            return -ST_EFAULT;                                                                     \
        }                                                                                          \
        __atomic_store_n((uint##bits##_t *)(slot->host + (to.v - slot->start)), value,             \
                         __ATOMIC_SEQ_CST);                                                        \
        mark_page(map, slot, to.v);                                                                \
        return 0;                                                                                  \
    }

MEM_VALUE(8)
MEM_VALUE(16)
MEM_VALUE(32)
MEM_VALUE(64)
