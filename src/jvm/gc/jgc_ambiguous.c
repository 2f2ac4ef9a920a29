/*
 * Words that may be references. An address in the heap counts if it lies in an object: one that the
 * last collection left, which the starts show, or a later one. Those are found when a word first
 * leads to their block, by walking the holes that were handed out in it, so that allocation itself
 * keeps no record of them.
 */
#include "base/assert.h"
#include "jvm/gc/jgc_priv.h"

/* Sets the starts of what was made in a block since the last collection. */
static void derive_starts(uint32_t at)
{
    const uint8_t *lines = jgc_lines_of(at);
    char *block = jgc_block_at(at);
    for (uint32_t line = 0; line < JGC_LINES; line++) {
        if (lines[line] != JGC_LINE_FIRST) {
            continue;
        }
        uint32_t end_line = line + 1;
        while (end_line < JGC_LINES && lines[end_line] == JGC_LINE_NEW) {
            end_line++;
        }
        char *object = block + ((size_t)line << JGC_LINE_SHIFT);
        char *end = block + ((size_t)end_line << JGC_LINE_SHIFT);
        while (object < end && ((struct job_object *)object)->class_at != 0) {
            jgc_set_bit(jgc_heap.starts, object);
            object += job_object_bytes((struct job_object *)object);
        }
    }
    jgc_heap.block[at].flags &= (uint8_t)~JGC_STALE;
}

/* The last start at or before the bit, back to the block's first. */
static int64_t start_before(uint64_t bit)
{
    const uint64_t *starts = jgc_heap.starts;
    uint64_t word = bit / 64;
    uint64_t first = word & ~(uint64_t)(JGC_BLOCK_WORDS - 1);
    uint64_t bits = starts[word] << (63 - bit % 64) >> (63 - bit % 64);
    while (bits == 0) {
        if (word == first) {
            return -1;
        }
        bits = starts[--word];
    }
    return (int64_t)(word * 64 + 63 - (uint64_t)__builtin_clzll(bits));
}

struct job_object *jgc_object_at(const void *address)
{
    struct jgc_heap *heap = &jgc_heap;
    uint64_t offset = jgc_offset(address);
    if (offset >= heap->bytes) {
        return NULL;
    }
    uint32_t at = (uint32_t)(offset >> JGC_BLOCK_SHIFT);
    if (heap->block[at].state == JGC_FREE) {
        return NULL;
    }
    struct job_object *object;
    if (heap->block[at].state == JGC_LARGE) {
        object = jgc_large_at(address);
    } else {
        if ((heap->block[at].flags & JGC_STALE) != 0) {
            derive_starts(at);
        }
        int64_t bit = start_before(offset / JOB_ALIGN);
        object = bit < 0 ? NULL : (struct job_object *)(heap->base + bit * JOB_ALIGN);
    }
    if (object == NULL || (const char *)address >= (char *)object + job_object_bytes(object)) {
        return NULL;
    }
    return object;
}

static void consider(uint64_t address)
{
    if (address - (uint64_t)(uintptr_t)jgc_heap.base < jgc_heap.bytes) {
        struct job_object *object = jgc_object_at((const void *)(uintptr_t)address);
        if (object != NULL) {
            jgc_mark_pinned(object);
        }
    }
}

/* A compressed reference is that of an object, never into it: taken otherwise, small numbers would
 * keep large arrays. */
static void consider_ref(uint32_t ref)
{
    uint64_t address = (uint64_t)ref << JOB_REF_SHIFT;
    if (address - (uint64_t)(uintptr_t)jgc_heap.base < jgc_heap.bytes) {
        struct job_object *object = jgc_object_at((const void *)(uintptr_t)address);
        if (object == (const void *)(uintptr_t)address) {
            jgc_mark_pinned(object);
        }
    }
}

/* A stack is read as it is, with what the sanitizers put around its variables. */
__attribute__((no_sanitize("address", "thread", "undefined"))) void
jgc_scan_words(struct jgc_visitor *visitor, const void *lo, const void *hi)
{
    if (visitor->exact) {
        return;
    }
    for (const uint64_t *word = lo; word < (const uint64_t *)hi; word++) {
        uint64_t value = *word;
        consider(value);
        consider_ref((uint32_t)value);
        consider_ref((uint32_t)(value >> 32));
    }
}

void jgc_pin(struct jgc_visitor *visitor, struct job_object *object)
{
    if (!visitor->exact && object != NULL) {
        jgc_mark_pinned(object);
    }
}
