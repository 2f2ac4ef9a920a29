/*
 * Guest-physical memory: RAM and ROM slots, dirty bits, pages that hold decoded code, and the one
 * checked door to all of it. What is not in a slot is a device or nothing: the bus of src/machine.
 *
 * The map is changed (slots added, moved, removed) only with the device lock held and all vCPUs
 * out of guest code; reading it needs no lock. Each change makes a new generation, after which
 * nothing that was derived from the map (TLB addends, slices) is used again.
 *
 * Bytes of RAM are shared with the vCPUs and change at any time: copy once, check the copy.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

enum { MEM_PAGE_SHIFT = 12, MEM_PAGE_SIZE = 1 << MEM_PAGE_SHIFT, MEM_SLOTS_MAX = 32 };

/* A guest-physical address. */
typedef struct {
    uint64_t v;
} gpa_t;
#define GPA(address) ((gpa_t){(address)})

enum mem_kind {
    MEM_RAM,
    MEM_ROM, /* writes by the guest are ignored; mem_write fails */
};

/* What is known of a page of a slot: bits of an atomic byte. */
enum mem_page_bits {
    MEM_PAGE_DIRTY = 1, /* written since the bit was last taken; kept only while logging is on */
    MEM_PAGE_CODE = 2,  /* some vCPU may hold decoded instructions of it */
};

struct mem_slot {
    uint64_t start;     /* [I] guest-physical, page-aligned */
    uint64_t size;      /* [I] bytes, multiple of a page */
    uint8_t *host;      /* [I] where it is mapped here */
    enum mem_kind kind; /* [I] */
    uint8_t *page_bits; /* [a] one byte a page, the caller's memory, zeroed */
};

/* Told, on the writing thread, of each write through this door to a page marked MEM_PAGE_CODE. */
struct mem_watch {
    void (*code_written)(void *argument, uint64_t page_start);
    void *argument;
};

struct mem_map {
    struct mem_slot slots[MEM_SLOTS_MAX]; /* sorted by start */
    uint32_t slots_count;
    uint32_t generation; /* [a] */
    bool log_dirty;      /* [a] set MEM_PAGE_DIRTY */
    struct mem_watch watch;
};

void mem_map_init(struct mem_map *map);

/* Bytes of page_bits that a slot of this size needs. */
static inline size_t mem_page_bits_size(uint64_t size)
{
    return (size_t)(size >> MEM_PAGE_SHIFT);
}

/* Adds a slot. -ST_EINVAL: not page-aligned, empty, past the 52-bit space or overlapping another;
 * -ST_ELIMIT: MEM_SLOTS_MAX are there. */
int mem_add(struct mem_map *map, enum mem_kind kind, gpa_t start, uint64_t size, uint8_t *host,
            uint8_t *page_bits) ST_MUST_CHECK;

/* Removes the slot that begins at start. -ST_ENOENT: there is none. */
int mem_remove(struct mem_map *map, gpa_t start) ST_MUST_CHECK;

/* The slot that holds the address, NULL: a device or nothing. Valid for this generation. */
const struct mem_slot *mem_find(const struct mem_map *map, gpa_t address);

/* The address of a page's byte of bits within its slot. */
static inline uint8_t *mem_bits(const struct mem_slot *slot, uint64_t address)
{
    return &slot->page_bits[(address - slot->start) >> MEM_PAGE_SHIFT];
}

/* Copies from RAM or ROM; ranges may span adjacent slots. -ST_EFAULT: some byte is in no slot, then
 * nothing is copied. Any thread. */
int mem_read(const struct mem_map *map, gpa_t from, void *ret_bytes, size_t size) ST_MUST_CHECK;

/* Copies to RAM; marks pages dirty and tells the watch. -ST_EFAULT: some byte is in no slot or in
 * ROM, then nothing is copied. Any thread. */
int mem_write(struct mem_map *map, gpa_t to, const void *bytes, size_t size) ST_MUST_CHECK;

/* As mem_write of `value` size times. */
int mem_fill(struct mem_map *map, gpa_t to, uint8_t value, uint64_t size) ST_MUST_CHECK;

/* Little-endian values; aligned ones are read and written in one access, as virtqueues need. */
int mem_read_u8(const struct mem_map *map, gpa_t from, uint8_t *ret_value) ST_MUST_CHECK;
int mem_read_u16(const struct mem_map *map, gpa_t from, uint16_t *ret_value) ST_MUST_CHECK;
int mem_read_u32(const struct mem_map *map, gpa_t from, uint32_t *ret_value) ST_MUST_CHECK;
int mem_read_u64(const struct mem_map *map, gpa_t from, uint64_t *ret_value) ST_MUST_CHECK;
int mem_write_u8(struct mem_map *map, gpa_t to, uint8_t value) ST_MUST_CHECK;
int mem_write_u16(struct mem_map *map, gpa_t to, uint16_t value) ST_MUST_CHECK;
int mem_write_u32(struct mem_map *map, gpa_t to, uint32_t value) ST_MUST_CHECK;
int mem_write_u64(struct mem_map *map, gpa_t to, uint64_t value) ST_MUST_CHECK;

/* The longest run of one slot from the address, at most size bytes, for I/O in flight: valid until
 * the generation changes, so a device gives its slices back (finishes or cancels its I/O) before
 * the map changes. `written` says that the device will write to it: the pages are marked dirty and
 * the watch is told by mem_written, which is called when the bytes are there. Returns the length,
 * -ST_EFAULT: no slot, or ROM and written. */
int64_t mem_slice(struct mem_map *map, gpa_t from, size_t size, bool written, uint8_t **ret_data);
void mem_written(struct mem_map *map, gpa_t at, size_t size);
