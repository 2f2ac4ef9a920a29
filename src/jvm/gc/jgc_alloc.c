/*
 * Allocation by threads: bumping through holes, blocks and pages when those are used up, and a
 * collection when there is nothing to be had.
 */
#include <string.h>

#include "base/assert.h"
#include "jvm/gc/jgc_priv.h"

enum { ATTEMPTS = 10 };

enum outcome {
    MADE,
    WANTED, /* a collection is due */
    FULL    /* there is no room */
};

typedef enum outcome make_t(struct jgc_local *local, size_t bytes, void **ret_object);

/* An allocation that is attempted again and again. */
struct attempt {
    make_t *make;
    struct jgc_local *local;
    size_t bytes;
    enum outcome outcome;
    void *object;
};

void jgc_charge_locked(uint64_t bytes, bool large)
{
    struct jgc_heap *heap = &jgc_heap;
    heap->budget -= (int64_t)bytes;
    heap->charged += bytes;
    heap->charged_large += large ? bytes : 0;
    if (jgc_used_locked() >= __atomic_load_n(&heap->watch, __ATOMIC_RELAXED) &&
        heap->callbacks.reached != NULL) {
        struct jgc_usage usage = jgc_usage_locked();
        heap->callbacks.reached(heap->callbacks.argument, &usage);
    }
}

static void add_allocated(struct jgc_local *local, uint64_t bytes)
{
    __atomic_store_n(&local->allocated, local->allocated + bytes, __ATOMIC_RELAXED);
}

/* The hole that the cursor is in becomes [start, end). */
static void set_hole(struct jgc_local *local, char *start, char *end)
{
    add_allocated(local, (uint64_t)(local->cursor - local->hole));
    local->hole = local->cursor = start;
    local->end = end;
    local->limit = jgc_heap.config.stress_every == 0 ? end : start;
}

static void set_medium_hole(struct jgc_local *local, char *start, char *end)
{
    add_allocated(local, (uint64_t)(local->medium_cursor - local->medium_hole));
    local->medium_hole = local->medium_cursor = start;
    local->medium_end = end;
}

void jgc_retire_locked(struct jgc_local *local)
{
    set_hole(local, NULL, NULL);
    set_medium_hole(local, NULL, NULL);
    local->block = local->medium_block = 0;
    local->line = 0;
}

void jgc_local_init(struct jgc_local *local)
{
    struct jgc_heap *heap = &jgc_heap;
    pthread_mutex_lock(&heap->lock);
    local->next = heap->locals;
    local->link = &heap->locals;
    if (local->next != NULL) {
        local->next->link = &local->next;
    }
    heap->locals = local;
    pthread_mutex_unlock(&heap->lock);
}

void jgc_local_done(struct jgc_local *local)
{
    struct jgc_heap *heap = &jgc_heap;
    pthread_mutex_lock(&heap->lock);
    if (local->block != 0) {
        jgc_return_block_locked(local->block - 1, local->cursor, local->end);
    }
    if (local->medium_block != 0) {
        jgc_return_block_locked(local->medium_block - 1, local->medium_cursor, local->medium_end);
    }
    jgc_retire_locked(local);
    heap->done_allocated += local->allocated;
    *local->link = local->next;
    if (local->next != NULL) {
        local->next->link = local->link;
    }
    pthread_mutex_unlock(&heap->lock);
    *local = (struct jgc_local){0};
}

uint64_t jgc_local_allocated(const struct jgc_local *local, bool self)
{
    uint64_t bytes = __atomic_load_n(&local->allocated, __ATOMIC_RELAXED);
    if (self) {
        bytes += (uint64_t)(local->cursor - local->hole);
        bytes += (uint64_t)(local->medium_cursor - local->medium_hole);
    }
    return bytes;
}

static bool due_locked(void)
{
    return jgc_heap.budget <= 0;
}

/* Another block to bump through. */
static enum outcome take_block(uint32_t *ret_block, bool only_free)
{
    struct jgc_heap *heap = &jgc_heap;
    enum outcome outcome = MADE;
    pthread_mutex_lock(&heap->lock);
    if (due_locked()) {
        outcome = WANTED;
    } else {
        uint32_t block = only_free ? UINT32_MAX : jgc_take_open_locked(false);
        if (block == UINT32_MAX) {
            block = jgc_take_free_locked(heap->reserve);
        }
        if (block == UINT32_MAX) {
            outcome = FULL;
        } else {
            jgc_charge_locked((uint64_t)jgc_free_lines(block) << JGC_LINE_SHIFT, false);
            *ret_block = block;
        }
    }
    pthread_mutex_unlock(&heap->lock);
    return outcome;
}

static void *bump(struct jgc_local *local, size_t bytes)
{
    char *at = local->cursor;
    local->cursor = at + bytes;
    local->limit = jgc_heap.config.stress_every == 0 ? local->end : local->cursor;
    return at;
}

/* Bumps through the next hole that is large enough. */
static enum outcome bump_through_holes(struct jgc_local *local, size_t bytes, void **ret_object)
{
    while (bytes > (size_t)(local->end - local->cursor)) {
        char *start;
        char *end;
        if (local->block != 0 && jgc_next_hole(local->block - 1, &local->line, &start, &end)) {
            set_hole(local, start, end);
            continue;
        }
        uint32_t block;
        enum outcome outcome = take_block(&block, false);
        if (outcome != MADE) {
            return outcome;
        }
        local->block = block + 1;
        local->line = 0;
    }
    *ret_object = bump(local, bytes);
    return MADE;
}

/* Of more than a line: rather than look for a large hole, goes to a free block apart. */
static enum outcome bump_medium(struct jgc_local *local, size_t bytes, void **ret_object)
{
    if (bytes > (size_t)(local->medium_end - local->medium_cursor)) {
        uint32_t block;
        enum outcome outcome = take_block(&block, true);
        if (outcome != MADE) {
            return outcome == WANTED ? WANTED : bump_through_holes(local, bytes, ret_object);
        }
        char *start;
        char *end;
        uint32_t line = 0;
        bool whole = jgc_next_hole(block, &line, &start, &end);
        ST_CHECK(whole && end - start == JGC_BLOCK_BYTES);
        set_medium_hole(local, start, end);
        local->medium_block = block + 1;
    }
    *ret_object = local->medium_cursor;
    local->medium_cursor += bytes;
    return MADE;
}

static enum outcome make_large(struct jgc_local *local, size_t bytes, void **ret_object)
{
    struct jgc_heap *heap = &jgc_heap;
    bool dirty = false;
    void *object = NULL;
    pthread_mutex_lock(&heap->lock);
    bool due = due_locked();
    if (!due) {
        object = jgc_large_take_locked(bytes, &dirty);
        heap->want_compaction |= object == NULL;
    }
    pthread_mutex_unlock(&heap->lock);
    if (object == NULL) {
        return due ? WANTED : FULL;
    }
    if (dirty) {
        memset(object, 0, bytes);
    }
    add_allocated(local, bytes);
    *ret_object = object;
    return MADE;
}

static enum outcome make(struct jgc_local *local, size_t bytes, void **ret_object)
{
    if (bytes > JGC_LARGE_BYTES) {
        return make_large(local, bytes, ret_object);
    }
    if (bytes > (size_t)(local->end - local->cursor) && bytes > JGC_LINE_BYTES) {
        return bump_medium(local, bytes, ret_object);
    }
    return bump_through_holes(local, bytes, ret_object);
}

static enum outcome make_immovable(struct jgc_local *local, size_t bytes, void **ret_object)
{
    if (bytes > JGC_LARGE_BYTES) {
        return make_large(local, bytes, ret_object);
    }
    struct jgc_heap *heap = &jgc_heap;
    struct jgc_local *shared = &heap->immovable;
    enum outcome outcome = MADE;
    pthread_mutex_lock(&heap->lock);
    while (outcome == MADE && bytes > (size_t)(shared->end - shared->cursor)) {
        char *start;
        char *end;
        if (shared->block != 0 && jgc_next_hole(shared->block - 1, &shared->line, &start, &end)) {
            set_hole(shared, start, end);
            continue;
        }
        uint32_t block = due_locked() ? UINT32_MAX : jgc_take_open_locked(true);
        if (due_locked()) {
            outcome = WANTED;
        } else if (block == UINT32_MAX) {
            block = jgc_take_free_locked(heap->reserve);
            outcome = block == UINT32_MAX ? FULL : MADE;
        }
        if (outcome == MADE) {
            heap->block[block].flags |= JGC_IMMOVABLE;
            jgc_charge_locked((uint64_t)jgc_free_lines(block) << JGC_LINE_SHIFT, false);
            shared->block = block + 1;
            shared->line = 0;
        }
    }
    if (outcome == MADE) {
        *ret_object = bump(shared, bytes);
        add_allocated(local, bytes);
    }
    pthread_mutex_unlock(&heap->lock);
    return outcome;
}

static uint64_t moved_bytes(void)
{
    struct jgc_heap *heap = &jgc_heap;
    pthread_mutex_lock(&heap->lock);
    uint64_t bytes = heap->stats.moved_bytes;
    pthread_mutex_unlock(&heap->lock);
    return bytes;
}

static void attempt_again(void *argument)
{
    struct attempt *attempt = argument;
    attempt->outcome = attempt->make(attempt->local, attempt->bytes, &attempt->object);
}

/*
 * Attempts until it is made or the heap is full even without soft references. After a collection
 * the attempt comes before other threads run, or they might take all that it has freed, again and
 * again.
 */
static void *insist(struct jgc_local *local, size_t bytes, make_t *make_it)
{
    struct jgc_heap *heap = &jgc_heap;
    if (bytes == 0 || bytes > 1ULL << (32 + JOB_REF_SHIFT)) {
        local->failure = JGC_SIZE_LIMIT;
        return NULL;
    }
    ST_ASSERT(bytes % JOB_ALIGN == 0);
    uint64_t every = heap->config.stress_every;
    if (every != 0 && __atomic_sub_fetch(&heap->stress_left, 1, __ATOMIC_RELAXED) <= 0) {
        __atomic_store_n(&heap->stress_left, (int64_t)every, __ATOMIC_RELAXED);
        jgc_collect(local, JGC_STRESS);
    }
    struct attempt attempt = {.make = make_it, .local = local, .bytes = bytes};
    struct jgc_request request = {.then = attempt_again, .argument = &attempt};
    request.epoch = __atomic_load_n(&heap->epoch, __ATOMIC_RELAXED);
    attempt_again(&attempt);
    uint64_t moved = 0;
    for (int full = 0; attempt.outcome != MADE;) {
        full += attempt.outcome == FULL;
        /* Room for a large object may come of moving others, which takes room itself. */
        if (full > 2 && (bytes <= JGC_LARGE_BYTES || full > ATTEMPTS || moved == moved_bytes())) {
            local->failure = JGC_HEAP_FULL;
            return NULL;
        }
        moved = moved_bytes();
        request.always = full >= 2;
        request.cause = request.always ? JGC_LAST : JGC_ALLOCATION;
        attempt.outcome = WANTED;
        jgc_collect_for(local, &request);
        if (attempt.outcome == WANTED) {
            /* Another thread collected first. */
            request.epoch = __atomic_load_n(&heap->epoch, __ATOMIC_RELAXED);
            attempt_again(&attempt);
        }
    }
    return attempt.object;
}

void *jgc_alloc_slow(struct jgc_local *local, size_t bytes)
{
    return insist(local, bytes, make);
}

void *jgc_alloc_immovable(struct jgc_local *local, size_t bytes)
{
    return insist(local, bytes, make_immovable);
}
