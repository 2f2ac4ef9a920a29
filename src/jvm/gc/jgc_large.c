/*
 * Large objects: runs of pages, taken first fit from the top of the heap down, so that they and the
 * blocks of small objects grow towards each other. Blocks become pages when a run needs them and
 * blocks again when none of their pages is used.
 */
#include <string.h>

#include "base/arith.h"
#include "base/assert.h"
#include "jvm/gc/jgc_poison.h"
#include "jvm/gc/jgc_priv.h"

enum { FEW_PAGES = 16 };

static uint32_t *pages_of(uint32_t block)
{
    return jgc_heap.pages + (uint64_t)block * JGC_PAGES;
}

static bool is_free(uint32_t word)
{
    return word == JGC_PAGE_CLEAN || word == JGC_PAGE_DIRTY;
}

/* The lowest of `count` pages in a row that are free, looking down from page `from`; `blocks_left`
 * free blocks may become pages. UINT32_MAX: there are none. */
static uint32_t find_run(uint32_t from, uint32_t count, uint32_t blocks_left)
{
    struct jgc_heap *heap = &jgc_heap;
    uint32_t run = 0;
    uint32_t blocks = 0; /* that would become pages */
    uint32_t page = from;
    while (page > 0) {
        uint32_t at = (page - 1) / JGC_PAGES;
        const struct jgc_block *block = &heap->block[at];
        if (block->state == JGC_FREE) {
            uint32_t here = page - at * JGC_PAGES;
            blocks++;
            run = blocks > blocks_left ? 0 : run + here;
            blocks = blocks > blocks_left ? 0 : blocks;
            page -= here;
        } else if (block->state != JGC_LARGE) {
            run = blocks = 0;
            page = at * JGC_PAGES;
        } else {
            uint32_t word = heap->pages[page - 1];
            if (is_free(word)) {
                run++;
                page--;
            } else {
                run = blocks = 0;
                page -= (word & JGC_PAGE_FIRST) != 0 ? 1 : word + 1;
            }
        }
        if (run >= count) {
            return page + run - count;
        }
    }
    return UINT32_MAX;
}

static void become_pages_locked(uint32_t at)
{
    struct jgc_heap *heap = &jgc_heap;
    struct jgc_block *block = &heap->block[at];
    bool dirty = (block->flags & JGC_DIRTY) != 0;
    uint32_t *pages = pages_of(at);
    for (uint32_t i = 0; i < JGC_PAGES; i++) {
        pages[i] = dirty ? JGC_PAGE_DIRTY : JGC_PAGE_CLEAN;
    }
    jgc_forget_block(block, at);
    *block = (struct jgc_block){.state = JGC_LARGE, .flags = JGC_KNOWN};
    heap->free--;
    heap->free_dirty -= dirty;
    heap->large_bottom = ST_MIN(heap->large_bottom, at);
}

void *jgc_large_take_locked(size_t bytes, bool *ret_dirty)
{
    struct jgc_heap *heap = &jgc_heap;
    if (bytes > heap->bytes) {
        return NULL;
    }
    uint32_t count = (uint32_t)(ST_ALIGN_UP(bytes, JGC_PAGE_BYTES) >> JGC_PAGE_SHIFT);
    uint32_t blocks_left = heap->free > heap->reserve ? heap->free - heap->reserve : 0;
    uint32_t *from = &heap->large_from[count > FEW_PAGES];
    uint32_t first = find_run(*from, count, blocks_left);
    if (first == UINT32_MAX && *from < heap->blocks * JGC_PAGES) {
        first = find_run(heap->blocks * JGC_PAGES, count, blocks_left);
    }
    if (first == UINT32_MAX) {
        return NULL;
    }
    *from = first;
    for (uint32_t at = first / JGC_PAGES; at <= (first + count - 1) / JGC_PAGES; at++) {
        if (heap->block[at].state == JGC_FREE) {
            become_pages_locked(at);
        }
    }
    bool dirty = false;
    uint32_t *pages = heap->pages + first;
    for (uint32_t i = 0; i < count; i++) {
        dirty |= pages[i] == JGC_PAGE_DIRTY;
        pages[i] = i;
    }
    pages[0] = JGC_PAGE_FIRST | count;
    char *object = heap->base + ((uint64_t)first << JGC_PAGE_SHIFT);
    jgc_unpoison(object, (size_t)count << JGC_PAGE_SHIFT);
    jgc_set_bit(heap->starts, object);
    heap->large_pages += count;
    jgc_charge_locked((uint64_t)count << JGC_PAGE_SHIFT, true);
    *ret_dirty = dirty;
    return object;
}

struct job_object *jgc_large_at(const void *address)
{
    struct jgc_heap *heap = &jgc_heap;
    uint64_t page = jgc_offset(address) >> JGC_PAGE_SHIFT;
    uint32_t word = heap->pages[page];
    if (is_free(word)) {
        return NULL;
    }
    page -= (word & JGC_PAGE_FIRST) != 0 ? 0 : word;
    return (struct job_object *)(heap->base + (page << JGC_PAGE_SHIFT));
}

void jgc_large_unmark(void)
{
    struct jgc_heap *heap = &jgc_heap;
    for (uint32_t at = heap->large_bottom; at < heap->blocks; at++) {
        if (heap->block[at].state == JGC_LARGE) {
            jgc_clear_block_bits(heap->marks, at);
        }
    }
}

/* Gives the pages of a dead object back; the block's own pages alone, those of later blocks follow.
 */
static void sweep_block_locked(uint32_t at, bool *in_dead)
{
    struct jgc_heap *heap = &jgc_heap;
    uint32_t *pages = pages_of(at);
    uint32_t used = 0;
    uint32_t dirty = 0;
    for (uint32_t i = 0; i < JGC_PAGES; i++) {
        uint32_t word = pages[i];
        if (!is_free(word)) {
            if ((word & JGC_PAGE_FIRST) != 0) {
                char *object = jgc_block_at(at) + ((size_t)i << JGC_PAGE_SHIFT);
                *in_dead = !jgc_bit(heap->marks, object);
                heap->large_pages -= *in_dead ? word & ~JGC_PAGE_FIRST : 0;
            }
            if (*in_dead) {
                pages[i] = word = JGC_PAGE_DIRTY;
                jgc_poison(jgc_block_at(at) + ((size_t)i << JGC_PAGE_SHIFT), JGC_PAGE_BYTES);
            }
        }
        used += !is_free(word);
        dirty += word == JGC_PAGE_DIRTY;
    }
    if (used == 0) {
        heap->block[at] = (struct jgc_block){.state = JGC_FREE, .flags = JGC_KNOWN};
        heap->block[at].flags |= dirty > 0 ? JGC_DIRTY : 0;
    }
}

void jgc_sweep_large_locked(void)
{
    struct jgc_heap *heap = &jgc_heap;
    bool in_dead = false;
    for (uint32_t at = heap->large_bottom; at < heap->blocks; at++) {
        if (heap->block[at].state == JGC_LARGE) {
            sweep_block_locked(at, &in_dead);
        }
    }
    heap->large_from[0] = heap->large_from[1] = heap->blocks * JGC_PAGES;
    heap->live_large_bytes = heap->large_pages << JGC_PAGE_SHIFT;
}
