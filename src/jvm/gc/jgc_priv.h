/*
 * The heap as its own files see it: blocks, lines, pages, and the tables beside it.
 *
 * Lock order: the world's stop, then heap.lock. A collection holds the lock from its first step to
 * its last; mutators hold it to take a block or pages. [world]: written in a collection alone.
 */
#pragma once

#include <pthread.h>

#include "jvm/gc/jgc.h"

enum {
    JGC_BLOCK_SHIFT = 15,
    JGC_BLOCK_BYTES = 1 << JGC_BLOCK_SHIFT,
    JGC_LINE_SHIFT = 7,
    JGC_LINE_BYTES = 1 << JGC_LINE_SHIFT,
    JGC_LINES = JGC_BLOCK_BYTES / JGC_LINE_BYTES, /* in a block */
    JGC_PAGE_SHIFT = 12,
    JGC_PAGE_BYTES = 1 << JGC_PAGE_SHIFT,
    JGC_PAGES = JGC_BLOCK_BYTES / JGC_PAGE_BYTES,       /* in a block */
    JGC_BLOCK_WORDS = JGC_BLOCK_BYTES / JOB_ALIGN / 64, /* of a bitmap, for a block */
    JGC_PREFETCHED = 8,                                 /* objects between stack and scan */
    JGC_SLICE = 512,                                    /* elements of an array scanned at once */
    JGC_ALLOWANCE = 2 << 20
};

enum jgc_block_state {
    JGC_FREE,  /* nothing in it */
    JGC_OPEN,  /* has free lines for whoever takes it */
    JGC_TAKEN, /* a thread allocates in it, or it is full */
    JGC_LARGE  /* pages of large objects */
};

enum jgc_block_flag {
    JGC_DIRTY = 1,      /* its memory may not be zero */
    JGC_IMMOVABLE = 2,  /* for jgc_alloc_immovable */
    JGC_CANDIDATE = 4,  /* [world] what can be moved out of it is */
    JGC_STALE = 8,      /* has objects since the last collection that the starts do not show */
    JGC_KNOWN = 32,     /* the tables may have something of it: kept for good */
    JGC_OVERFLOWED = 16 /* [world] has marked objects that did not fit the mark stack */
};

/* What a line's byte says. Between collections; in one a line is free or live. */
enum jgc_line {
    JGC_LINE_FREE,
    JGC_LINE_LIVE,
    JGC_LINE_NEW,  /* handed out since the last collection */
    JGC_LINE_FIRST /* the same, the first one of a hole */
};

struct jgc_block {
    uint8_t state; /* enum jgc_block_state */
    uint8_t flags; /* enum jgc_block_flag, or-ed */
    uint16_t live; /* lines that the last collection marked */
};

/* A page's word in a block of large objects: free, or the object's first page with its count, or
 * how far behind the first. */
enum { JGC_PAGE_CLEAN = 0, JGC_PAGE_DIRTY = 0x7fffffff };
static const uint32_t JGC_PAGE_FIRST = 0x80000000;

struct jgc_visitor {
    bool exact; /* which of the two kinds of roots it heeds */
};

struct jgc_heap {
    /* -- [I] -- */
    char *base;
    uint64_t bytes;
    uint32_t blocks;
    uint32_t reserve;  /* blocks that only a collection takes, to copy to */
    uint64_t begin_ns; /* when it was made */
    struct jgc_config config;
    struct jgc_callbacks callbacks;

    /* -- tables beside the heap -- */
    struct jgc_block *block;
    uint8_t *lines; /* enum jgc_line */
    uint32_t *pages;
    uint64_t *starts; /* bit an object start: what the last collection marked, and derived ones */
    uint64_t *marks;  /* [world] */

    pthread_mutex_t lock;

    /* -- [lock] -- */
    struct jgc_local *locals;
    struct jgc_local immovable;
    uint32_t top;          /* no block from here up to large_bottom was ever used */
    uint32_t large_bottom; /* no block below it was ever for large objects */
    uint32_t open_at;      /* where to look for an open block */
    uint32_t dirty_at;     /* ... for a free one with memory */
    uint32_t clean_at;     /* ... for another free one */
    uint32_t free;         /* blocks */
    uint32_t free_dirty;
    uint32_t immovable_open_at;
    uint32_t large_from[2]; /* block above which there are no pages for few, for many */
    int64_t budget;         /* bytes until the next collection */
    uint64_t allowance;     /* what the budget begins with */
    uint64_t large_pages;   /* of live and new objects */
    uint64_t live_bytes;    /* after the last collection */
    uint64_t live_large_bytes;
    uint64_t charged; /* bytes handed out since then */
    uint64_t charged_large;
    uint64_t needed_bytes;   /* memory that is not given back yet */
    uint64_t done_allocated; /* by threads that have gone */
    uint64_t last_end_ns;
    struct jgc_stats stats;

    uint64_t watch;      /* [a] of jgc_watch */
    uint64_t epoch;      /* [a] collections begun */
    int64_t stress_left; /* [a] allocations until one */
    jref_t pending;      /* [lock] */

    /* -- [world]: marking -- */
    uint64_t *stack; /* object in the low half, next element in the high */
    uint32_t stack_count;
    uint32_t stack_max;
    uint64_t ring[JGC_PREFETCHED];
    uint32_t ring_at;
    bool overflowed;
    bool evacuating;
    bool discovering;
    bool clear_soft;
    bool want_evacuation;  /* free lines are many, and scattered */
    bool want_compaction;  /* [lock] a large object found no room */
    bool compacting;       /* free blocks are to be together */
    uint64_t *class_marks; /* bit a class in the metadata */
    job_offset_t *classes; /* those whose bit is set */
    uint32_t class_count;
    jref_t discovered[4]; /* by kind - JOB_SOFT_REFERENCE */
    int64_t soft_clock_ms;
    int64_t soft_limit_ms;
    char *copy_cursor;
    char *copy_end;
    uint64_t copied_bytes;
    uint64_t pending_added;
};

extern struct jgc_heap jgc_heap;

static inline uint64_t jgc_offset(const void *address)
{
    return (uint64_t)((uintptr_t)address - (uintptr_t)jgc_heap.base);
}

static inline uint32_t jgc_block_of(const void *address)
{
    return (uint32_t)(jgc_offset(address) >> JGC_BLOCK_SHIFT);
}

static inline char *jgc_block_at(uint32_t block)
{
    return jgc_heap.base + ((uint64_t)block << JGC_BLOCK_SHIFT);
}

static inline uint8_t *jgc_lines_of(uint32_t block)
{
    return jgc_heap.lines + (uint64_t)block * JGC_LINES;
}

static inline bool jgc_bit(const uint64_t *bits, const void *address)
{
    uint64_t at = jgc_offset(address) / JOB_ALIGN;
    return bits[at / 64] >> (at % 64) & 1;
}

static inline void jgc_set_bit(uint64_t *bits, const void *address)
{
    uint64_t at = jgc_offset(address) / JOB_ALIGN;
    bits[at / 64] |= 1ULL << (at % 64);
}

static inline void jgc_clear_bit(uint64_t *bits, const void *address)
{
    uint64_t at = jgc_offset(address) / JOB_ALIGN;
    bits[at / 64] &= ~(1ULL << (at % 64));
}

static inline bool jgc_forwarded(const struct job_object *object)
{
    return (object->lock & 3) == 3;
}

/* -- jgc_block.c -- */

/* A free block, of memory that is there already if there is one; it is TAKEN then, its lines free,
 * its starts and marks none. `spare` blocks stay. UINT32_MAX: there is none. */
uint32_t jgc_take_free_locked(uint32_t spare);
/* A block with free lines, for the immovable or the others; UINT32_MAX: there is none. */
uint32_t jgc_take_open_locked(bool immovable);
/* Clears what the tables have of a block that had another use; a fresh one's are not touched. */
void jgc_forget_block(struct jgc_block *block, uint32_t at);
/* Clears the block's bits in a bitmap. */
void jgc_clear_block_bits(uint64_t *bits, uint32_t block);
/* The lines of a block that are free from *line on, as a hole, zeroed; false: there are none. */
bool jgc_next_hole(uint32_t block, uint32_t *line, char **ret_start, char **ret_end);
/* How many lines of the block are free. */
uint32_t jgc_free_lines(uint32_t block);
/* A thread is done with the block, whose hole is unused from `from` to `end`. */
void jgc_return_block_locked(uint32_t block, const char *from, const char *end);
/* After marking: what has no mark is free. Gives memory back to the host down to `keep` bytes. */
void jgc_sweep_blocks_locked(void);
void jgc_release_memory_locked(uint64_t keep);

/* -- jgc_large.c -- */

/* Pages for an object; NULL: there are not as many in a row. */
void *jgc_large_take_locked(size_t bytes, bool *ret_dirty);
void jgc_large_unmark(void);
void jgc_sweep_large_locked(void);
/* The large object that the address lies in; NULL: none. */
struct job_object *jgc_large_at(const void *address);

/* -- jgc_alloc.c -- */

/* Takes from what may be allocated before the next collection. */
void jgc_charge_locked(uint64_t bytes, bool large);

/* The thread's holes are given up (a collection begins). */
void jgc_retire_locked(struct jgc_local *local);

/* -- jgc_ambiguous.c -- */

/* The start of the object that the address lies in; NULL: none. */
struct job_object *jgc_object_at(const void *address);

/* -- jgc_mark.c -- */

void jgc_mark_begin(void);
/* Lines say what is marked from here on; blocks to move out of are chosen. */
void jgc_mark_lines(void);
/* The object is live and stays in place. */
void jgc_mark_pinned(struct job_object *object);
/* The object is live: its place after this. */
jref_t jgc_mark_ref(jref_t ref);
/* Until there is nothing to scan. */
void jgc_mark_drain(void);
void jgc_mark_end(void);

/* -- jgc_reference.c -- */

/* A reference object that is being scanned: true if it was discovered, so that its referent is not
 * to be marked now. */
bool jgc_discover(struct job_object *reference, enum job_kind kind);
/* Marking is through: clears, keeps alive and makes pending. */
void jgc_process_references(void);

/* -- jgc_collect.c -- */

/* A collection that a thread asks for. */
struct jgc_request {
    enum jgc_cause cause;
    bool always;                  /* else only if there was none since `epoch` was read */
    uint64_t epoch;               /* of the heap */
    void (*then)(void *argument); /* at its end, before other threads run; NULL: nothing */
    void *argument;
};
void jgc_collect_for(struct jgc_local *local, const struct jgc_request *request);
uint64_t jgc_used_locked(void);
struct jgc_usage jgc_usage_locked(void);
