/* Blocks and their lines: who takes them, where holes are, and the sweep that finds what is free.
 */
#include <string.h>

#include "base/assert.h"
#include "jvm/gc/jgc_poison.h"
#include "jvm/gc/jgc_priv.h"
#include "os/os_memory.h"

void jgc_clear_block_bits(uint64_t *bits, uint32_t block)
{
    memset(bits + (uint64_t)block * JGC_BLOCK_WORDS, 0, JGC_BLOCK_WORDS * sizeof(uint64_t));
}

void jgc_forget_block(struct jgc_block *block, uint32_t at)
{
    if ((block->flags & JGC_KNOWN) != 0) {
        memset(jgc_lines_of(at), JGC_LINE_FREE, JGC_LINES);
        jgc_clear_block_bits(jgc_heap.starts, at);
        jgc_clear_block_bits(jgc_heap.marks, at);
    }
    block->flags |= JGC_KNOWN;
}

uint32_t jgc_take_free_locked(uint32_t spare)
{
    struct jgc_heap *heap = &jgc_heap;
    if (heap->free <= spare) {
        return UINT32_MAX;
    }
    bool dirty = heap->free_dirty > 0;
    uint32_t at = dirty ? heap->dirty_at : heap->clean_at;
    uint8_t wanted = dirty ? JGC_DIRTY : 0;
    while (heap->block[at].state != JGC_FREE || (heap->block[at].flags & JGC_DIRTY) != wanted) {
        at++;
        ST_ASSERT(at < heap->blocks);
    }
    heap->top = ST_MAX(heap->top, at + 1);
    *(dirty ? &heap->dirty_at : &heap->clean_at) = at + 1;
    heap->free--;
    heap->free_dirty -= dirty;
    struct jgc_block *block = &heap->block[at];
    block->state = JGC_TAKEN;
    block->live = 0;
    jgc_forget_block(block, at);
    return at;
}

uint32_t jgc_take_open_locked(bool immovable)
{
    struct jgc_heap *heap = &jgc_heap;
    uint32_t *from = immovable ? &heap->immovable_open_at : &heap->open_at;
    for (uint32_t at = *from; at < heap->top; at++) {
        struct jgc_block *block = &heap->block[at];
        if (block->state == JGC_OPEN && ((block->flags & JGC_IMMOVABLE) != 0) == immovable) {
            block->state = JGC_TAKEN;
            *from = at + 1;
            return at;
        }
    }
    *from = heap->top;
    return UINT32_MAX;
}

bool jgc_next_hole(uint32_t block, uint32_t *line, char **ret_start, char **ret_end)
{
    uint8_t *lines = jgc_lines_of(block);
    uint32_t from = *line;
    while (from < JGC_LINES && lines[from] != JGC_LINE_FREE) {
        from++;
    }
    if (from == JGC_LINES) {
        *line = JGC_LINES;
        return false;
    }
    uint32_t to = from + 1;
    while (to < JGC_LINES && lines[to] == JGC_LINE_FREE) {
        to++;
    }
    memset(lines + from, JGC_LINE_NEW, to - from);
    lines[from] = JGC_LINE_FIRST;
    *line = to;
    *ret_start = jgc_block_at(block) + ((size_t)from << JGC_LINE_SHIFT);
    *ret_end = jgc_block_at(block) + ((size_t)to << JGC_LINE_SHIFT);
    jgc_unpoison(*ret_start, (size_t)(*ret_end - *ret_start));
    struct jgc_block *of = &jgc_heap.block[block];
    if ((of->flags & JGC_DIRTY) != 0) {
        memset(*ret_start, 0, (size_t)(*ret_end - *ret_start));
    }
    of->flags |= JGC_STALE;
    return true;
}

uint32_t jgc_free_lines(uint32_t block)
{
    const uint8_t *lines = jgc_lines_of(block);
    uint32_t count = 0;
    for (uint32_t i = 0; i < JGC_LINES; i++) {
        count += lines[i] == JGC_LINE_FREE;
    }
    return count;
}

void jgc_return_block_locked(uint32_t block, const char *from, const char *end)
{
    struct jgc_heap *heap = &jgc_heap;
    size_t first = (size_t)(from - jgc_block_at(block) + JGC_LINE_BYTES - 1) >> JGC_LINE_SHIFT;
    size_t last = (size_t)(end - jgc_block_at(block)) >> JGC_LINE_SHIFT;
    if (first < last) {
        memset(jgc_lines_of(block) + first, JGC_LINE_FREE, last - first);
    }
    if (jgc_free_lines(block) > 0) {
        heap->block[block].state = JGC_OPEN;
        heap->open_at = ST_MIN(heap->open_at, block);
    }
}

/* All of the block but its live objects. */
static void poison_dead(uint32_t at)
{
    char *block = jgc_block_at(at);
    const char *end = block; /* of the last live object */
    for (uint32_t i = 0; i < JGC_BLOCK_WORDS; i++) {
        uint64_t bits = jgc_heap.marks[(uint64_t)at * JGC_BLOCK_WORDS + i];
        for (; bits != 0; bits &= bits - 1) {
            size_t unit = i * 64 + (size_t)__builtin_ctzll(bits);
            const char *object = block + unit * JOB_ALIGN;
            jgc_poison(end, (size_t)(object - end));
            end = object + job_object_bytes((const struct job_object *)object);
        }
    }
    jgc_poison(end, (size_t)(block + JGC_BLOCK_BYTES - end));
}

void jgc_sweep_blocks_locked(void)
{
    struct jgc_heap *heap = &jgc_heap;
    heap->free = heap->free_dirty = 0;
    uint64_t live_lines = 0;
    uint64_t used_blocks = 0;
    for (uint32_t at = 0; at < heap->blocks; at++) {
        if (at == heap->top && at < heap->large_bottom) {
            heap->free += heap->large_bottom - at;
            at = heap->large_bottom;
            if (at == heap->blocks) {
                break;
            }
        }
        struct jgc_block *block = &heap->block[at];
        if (block->state == JGC_OPEN || block->state == JGC_TAKEN) {
            uint32_t count = jgc_free_lines(at);
            if (JGC_UNDER_ASAN) {
                poison_dead(at);
            }
            block->live = (uint16_t)(JGC_LINES - count);
            block->flags &= JGC_IMMOVABLE | JGC_KNOWN;
            block->flags |= JGC_DIRTY;
            block->state = count == JGC_LINES ? JGC_FREE : count > 0 ? JGC_OPEN : JGC_TAKEN;
            if (block->state == JGC_FREE) {
                block->flags &= (uint8_t)~JGC_IMMOVABLE;
            } else {
                live_lines += block->live;
                used_blocks++;
            }
        }
        if (block->state == JGC_FREE) {
            heap->free++;
            heap->free_dirty += (block->flags & JGC_DIRTY) != 0;
        }
    }
    heap->open_at = heap->immovable_open_at = heap->dirty_at = heap->clean_at = 0;
    heap->live_bytes = live_lines << JGC_LINE_SHIFT;
    uint64_t holes = (used_blocks << JGC_BLOCK_SHIFT) - heap->live_bytes;
    heap->want_evacuation = holes > (1 << 20) && holes > used_blocks << (JGC_BLOCK_SHIFT - 2);
}

void jgc_release_memory_locked(uint64_t keep)
{
    struct jgc_heap *heap = &jgc_heap;
    uint64_t kept = (uint64_t)heap->free_dirty << JGC_BLOCK_SHIFT;
    /* From the top down, neighbours at once. */
    uint32_t end = heap->blocks;
    while (end > 0 && kept > keep) {
        if (end == heap->large_bottom && heap->top < end) {
            end = heap->top;
            continue;
        }
        struct jgc_block *block = &heap->block[end - 1];
        if (block->state != JGC_FREE || (block->flags & JGC_DIRTY) == 0) {
            end--;
            continue;
        }
        uint32_t from = end;
        while (from > 0 && kept > keep && heap->block[from - 1].state == JGC_FREE &&
               (heap->block[from - 1].flags & JGC_DIRTY) != 0) {
            from--;
            kept -= JGC_BLOCK_BYTES;
        }
        if (os_madvise(jgc_block_at(from), (size_t)(end - from) << JGC_BLOCK_SHIFT, MADV_DONTNEED) <
            0) {
            return;
        }
        for (uint32_t at = from; at < end; at++) {
            heap->block[at].flags &= (uint8_t)~JGC_DIRTY;
            heap->free_dirty--;
        }
        end = from;
    }
}
