/*
 * Arenas. Blocks are a list, newest first; sizes double from 4 KiB to 256 KiB, so that a small use
 * stays small, and a request larger than that has a block of its own size.
 */
#include "base/arena.h"

#include <stdbool.h>

#include "base/arith.h"
#include "base/assert.h"
#include "base/memops.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
void __asan_poison_memory_region(void const volatile *from, size_t size);
void __asan_unpoison_memory_region(void const volatile *from, size_t size);
#define POISON(from, size) __asan_poison_memory_region((from), (size))
#define UNPOISON(from, size) __asan_unpoison_memory_region((from), (size))
enum { RED_ZONE = 16 };
#else
#define POISON(from, size) ((void)(from), (void)(size))
#define UNPOISON(from, size) ((void)(from), (void)(size))
enum { RED_ZONE = 0 };
#endif

enum { FIRST_BLOCK = 4096, LARGEST_BLOCK = 256 * 1024, MAX_ALIGN = 16 };

struct st_arena_block {
    struct st_arena_block *older;
    size_t size; /* with this head */
} __attribute__((aligned(MAX_ALIGN)));

static uint8_t *start_of(struct st_arena_block *block)
{
    return (uint8_t *)(block + 1);
}

static bool grow(struct st_arena *arena, size_t wanted)
{
    size_t least;
    if (st_add_overflows(wanted, sizeof(struct st_arena_block) + MAX_ALIGN, &least)) {
        return false;
    }
    size_t size = arena->blocks != NULL ? arena->blocks->size * 2 : FIRST_BLOCK;
    size = ST_MIN(size, (size_t)LARGEST_BLOCK);
    size_t room = arena->max - arena->taken;
    size = ST_MAX(ST_MIN(size, room), least);
    if (size > room) {
        return false;
    }
    struct st_arena_block *block = arena->take(NULL, size);
    if (block == NULL) {
        return false;
    }
    block->older = arena->blocks;
    block->size = size;
    arena->blocks = block;
    arena->taken += size;
    arena->at = start_of(block);
    arena->end = (uint8_t *)block + size;
    POISON(arena->at, (size_t)(arena->end - arena->at));
    return true;
}

void *st_arena_alloc(struct st_arena *arena, size_t size, size_t align)
{
    ST_ASSERT(align > 0 && align <= MAX_ALIGN && (align & (align - 1)) == 0);
    uintptr_t from = ST_ALIGN_UP((uintptr_t)arena->at, align);
    size_t full;
    if (st_add_overflows(size, (size_t)RED_ZONE, &full)) {
        return NULL;
    }
    if (arena->at == NULL || from > (uintptr_t)arena->end || full > (uintptr_t)arena->end - from) {
        if (!grow(arena, full)) {
            return NULL;
        }
        from = ST_ALIGN_UP((uintptr_t)arena->at, align);
    }
    arena->at = (uint8_t *)from + full;
    UNPOISON((void *)from, size);
    return (void *)from;
}

void *st_arena_zeroed(struct st_arena *arena, size_t count, size_t size, size_t align)
{
    size_t bytes;
    if (st_mul_overflows(count, size, &bytes)) {
        return NULL;
    }
    void *memory = st_arena_alloc(arena, bytes, align);
    if (memory != NULL) {
        memset(memory, 0, bytes);
    }
    return memory;
}

struct st_arena_mark st_arena_mark(const struct st_arena *arena)
{
    return (struct st_arena_mark){.at = arena->at, .block = arena->blocks};
}

static void drop_newest(struct st_arena *arena)
{
    struct st_arena_block *block = arena->blocks;
    arena->blocks = block->older;
    arena->taken -= block->size;
    UNPOISON(start_of(block), block->size - sizeof(*block));
    arena->release(block);
}

void st_arena_rewind(struct st_arena *arena, struct st_arena_mark mark)
{
    while (arena->blocks != mark.block) {
        drop_newest(arena);
    }
    arena->at = mark.at;
    arena->end = mark.block != NULL ? (uint8_t *)mark.block + mark.block->size : NULL;
    if (mark.block != NULL) {
        POISON(arena->at, (size_t)(arena->end - arena->at));
    }
}

void st_arena_done(struct st_arena *arena)
{
    while (arena->blocks != NULL) {
        drop_newest(arena);
    }
    arena->at = NULL;
    arena->end = NULL;
}
