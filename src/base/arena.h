/*
 * Memory that is freed all at once: an allocation moves a pointer, arena_rewind and arena_done give
 * everything back.
 *
 *     struct st_arena arena = ST_ARENA_HEAP(64 << 20);
 *     int *numbers = st_arena_array(&arena, int, count);     NULL: no memory, or over the limit
 *     ...
 *     st_arena_done(&arena);
 *
 * Blocks come from two functions of the owner, so that bare code can use it. What was rewound is
 * poisoned under AddressSanitizer. Not thread-safe.
 */
#pragma once

#include "base/attr.h"

struct st_arena_block;

struct st_arena {
    uint8_t *at; /* the free part of the newest block */
    uint8_t *end;
    struct st_arena_block *blocks; /* newest first */
    size_t taken;                  /* bytes of all blocks */
    size_t max;                    /* the most bytes that blocks may take */
    void *(*take)(void *old, size_t size);
    void (*release)(void *block);
};

/* A place in an arena, from st_arena_mark. */
struct st_arena_mark {
    uint8_t *at;
    struct st_arena_block *block;
};

/* On the C library's heap, for hosted modules: the includer has <stdlib.h>. */
#define ST_ARENA_HEAP(max_bytes)                                                                   \
    ((struct st_arena){.max = (max_bytes), .take = realloc, .release = free})

/* `size` bytes, aligned to `align` (a power of two, at most 16), not cleared; valid until the arena
 * is rewound behind them or done. NULL when the limit is reached or `take` has none. A size of 0
 * gives a pointer too. */
void *st_arena_alloc(struct st_arena *arena, size_t size, size_t align) ST_MUST_CHECK;

/* The same for an array, cleared; NULL also when its size does not fit. */
void *st_arena_zeroed(struct st_arena *arena, size_t count, size_t size,
                      size_t align) ST_MUST_CHECK;

#define st_arena_array(arena, type, count)                                                         \
    ((type *)st_arena_zeroed((arena), (count), sizeof(type), _Alignof(type)))

/* Where the arena stands, and back to there: what was allocated since is gone. */
struct st_arena_mark st_arena_mark(const struct st_arena *arena);
void st_arena_rewind(struct st_arena *arena, struct st_arena_mark mark);

/* Frees all blocks; the arena can be used anew. */
void st_arena_done(struct st_arena *arena);

static inline void st_cleanup_arena(struct st_arena *arena)
{
    st_arena_done(arena);
}
