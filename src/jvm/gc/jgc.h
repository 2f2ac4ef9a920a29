/*
 * The Java heap and its collector: mark-region (Immix), stop-the-world, conservative in stacks and
 * exact in the heap.
 *
 *      base                                                                     base + max
 *      +--------+--------+--------+- - - - - - - - - - - -+--------+--------+--------+
 *      | block  | block  | block  |   free blocks         | pages of large objects   |
 *      +--------+--------+--------+- - - - - - - - - - - -+--------+--------+--------+
 *       32 KiB, in lines of 128 bytes; taken from below    taken from above
 *
 * Objects up to 8 KiB are made by bumping a cursor through the free lines of a block that the
 * thread has for itself. A collection marks what is reachable, marks the lines that it lies in, and
 * copies what can be moved out of sparse blocks in the same pass; then lines without a mark are
 * free, and blocks without a marked line go to whoever needs one. Larger objects have pages of
 * their own and never move.
 *
 * All that the collector knows of objects (marks, starts, lines) is in tables beside the heap:
 * nothing is written to an object but its new place when it moves.
 *
 * How generations fit in later (sticky marks): a minor collection keeps the marks, lines and starts
 * of the one before, so that what is marked is old; its roots are the callbacks' and the objects
 * that a barrier logged, a marked object being logged once, at its first store since the last
 * collection, by jgc_store, the one door of all reference stores. The bit "logged" is a table like
 * the marks. Only unmarked objects are traced, and those in lines that were free at the last
 * collection are copied; what this file promises stays as it is.
 *
 * Who may do what: threads that run Java code or code of the VM hold plain references across calls,
 * but the world is stopped only where they allow it: in the allocation functions and jgc_collect,
 * and where the runtime polls. An object must have its header, and an array its length, a mirror
 * its class, before the thread that made it allows the world to be stopped again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "jvm/object/job_object.h"

enum {
    /* Objects of more than this have pages of their own, but for those that just fit where the
     * thread is: allocating inline asks for the room alone. */
    JGC_LARGE_BYTES = 8192
};

/* Why there is no object. */
enum jgc_failure {
    JGC_HEAP_FULL, /* after collecting and clearing all soft references: "Java heap space" */
    JGC_SIZE_LIMIT /* no heap could hold it: "Requested array size exceeds VM limit" */
};

/* What a thread that makes objects has of its own, embedded in the runtime's thread. Zeroed before
 * jgc_local_init. */
struct jgc_local {
    char *cursor; /* [o] first, and in this order: compiled code allocates by them */
    char *limit;  /* [o] */
    /* Private from here on. */
    char *hole;          /* [o] where the cursor began */
    char *end;           /* [o] where the hole ends; limit, but where each allocation is counted */
    char *medium_hole;   /* [o] the same for objects of more than a line that do not fit */
    char *medium_cursor; /* [o] */
    char *medium_end;    /* [o] */
    uint32_t block;      /* [o] the hole's block, + 1 */
    uint32_t line;       /* [o] where to look for its next one */
    uint32_t medium_block;    /* [o] + 1 */
    enum jgc_failure failure; /* [o] of the last allocation that failed */
    uint64_t allocated;       /* [a] bytes, without those of the present holes */
    struct jgc_local *next;   /* [heap] */
    struct jgc_local **link;  /* [heap] */
};

/* What starts a collection, as the log has it. */
enum jgc_cause {
    JGC_ALLOCATION, /* "Allocation Failure" */
    JGC_SYSTEM,     /* "System.gc()" */
    JGC_STRESS,     /* "GC Stress" */
    JGC_LAST,       /* "Last Ditch": also clears all soft references */
    JGC_METADATA,   /* "Metadata GC Threshold" */
    JGC_CAUSES
};

const char *jgc_cause_name(enum jgc_cause cause);

/* Of the heap. */
struct jgc_usage {
    uint64_t init_bytes;
    uint64_t used_bytes;
    uint64_t committed_bytes;
    uint64_t max_bytes;
};

/* One collection. */
struct jgc_pause {
    uint64_t number; /* from 0 */
    enum jgc_cause cause;
    struct jgc_usage before;
    struct jgc_usage after;
    uint64_t meta_before_bytes; /* job_meta_used */
    uint64_t meta_after_bytes;
    uint64_t begin_ns;    /* os_monotonic_ns */
    uint64_t ns;          /* from the world's stop to its end */
    uint64_t moved_bytes; /* copied out of sparse blocks */
    uint64_t references;  /* added to the pending list */
};

struct jgc_visitor;

/* What the runtime does for the collector; none may be NULL but `log`, `collected`, `reached` and
 * `finished`. */
struct jgc_callbacks {
    void *argument;
    /* Returns when every other attached thread stands still (or runs native code and cannot come
     * back). `self` is the calling thread's. If another thread is at it already the caller stands
     * still for it first, then stops the world itself. */
    void (*stop_world)(void *argument, struct jgc_local *self);
    void (*resume_world)(void *argument, struct jgc_local *self);
    /* Calls jgc_scan_words for native stacks, saved registers and live slots of Java frames (the
     * calling thread's too), jgc_pin for objects that must stay where they are (JNI's critical
     * arrays), jgc_visit_slot or jgc_visit_pointer for all else that holds objects alive: JNI
     * references, mirrors of the boot loader's classes, threads. Called twice in a collection:
     * first the visitor heeds only what is ambiguous, then only what is exact. */
    void (*visit_roots)(void *argument, struct jgc_visitor *visitor);
    /* After marking: jgc_update_weak for slots that hold weakly (string table, JNI's weak
     * references, monitors), jgc_is_live for what else goes with its object, such as a class with
     * its mirror. */
    void (*visit_weak)(void *argument);
    /* At a collection's end, before the world runs again. */
    void (*collected)(void *argument, const struct jgc_pause *pause);
    /* An allocation has brought what is used to what jgc_watch said. The heap is locked: calls
     * nothing of this header but jgc_watch. */
    void (*reached)(void *argument, const struct jgc_usage *usage);
    /* The world runs again; on the thread that collected, which may have memory for an object that
     * has no header yet: does not allow the world to be stopped. `pause->references` > 0: wake who
     * waits for the pending list. */
    void (*finished)(void *argument, const struct jgc_pause *pause);
    /* A line for -Xlog:gc without its decorations. The world may be stopped. */
    void (*log)(void *argument, const char *line);
};

struct jgc_config {
    uint64_t min_bytes;       /* -Xms: so much is used before collecting; 0: not said */
    uint64_t max_bytes;       /* -Xmx, rounded up to 64 KiB; at least 1 MiB */
    uint64_t base;            /* wished address, a multiple of 1 MiB; 0: as jvm.md decides */
    uint64_t allowance_bytes; /* allocated between two collections at first; 0: 2 MiB */
    uint64_t stress_every;    /* collect at every so many allocations; 0: no */
    bool verify;              /* walk the heap after each collection */
    bool evacuate;            /* copy all that can be moved at each collection (tests) */
    uint32_t mark_stack;      /* entries; 0: 256 Ki. Tests have it overflow. */
    uint32_t soft_ms_per_mb;  /* -XX:SoftRefLRUPolicyMSPerMB; UINT32_MAX: 1000 */
};

/* Reserves the heap of the process, once. `config` and `callbacks` are copied. -ST_EINVAL: a size
 * or place that cannot be; -ST_ENOMEM: no room for the heap below 32 GiB, or for its tables. */
int jgc_create(const struct jgc_config *config, const struct jgc_callbacks *callbacks,
               struct st_err *err) ST_MUST_CHECK;
/* Gives everything back (tests); no thread is attached. */
void jgc_destroy(void);
/* The most that -Xmx may be in this build. */
uint64_t jgc_max_supported(void);

/* A thread begins and ends to make objects. On the thread itself, or while it does not run. */
void jgc_local_init(struct jgc_local *local);
void jgc_local_done(struct jgc_local *local);
/* Bytes that the thread has allocated: exact on the thread itself, else as of its last block. */
uint64_t jgc_local_allocated(const struct jgc_local *local, bool self);

void *jgc_alloc_slow(struct jgc_local *local, size_t bytes) ST_MUST_CHECK;

/* `bytes` (a multiple of 8) of zeroed memory for an object. May collect. NULL: see local->failure;
 * of 0 bytes, which is what job_array_bytes has for too many elements, JGC_SIZE_LIMIT. */
static inline void *jgc_alloc(struct jgc_local *local, size_t bytes)
{
    char *at = local->cursor;
    if (bytes - 1 < (size_t)(local->limit - at)) {
        local->cursor = at + bytes;
        return at;
    }
    return jgc_alloc_slow(local, bytes);
}

/* As jgc_alloc, for an object that never moves: mirrors, and what native code keeps for good. */
void *jgc_alloc_immovable(struct jgc_local *local, size_t bytes) ST_MUST_CHECK;

/* Collects now; returns after it, or after another thread's that began meanwhile (but for
 * JGC_SYSTEM and JGC_LAST, which always have one of their own). */
void jgc_collect(struct jgc_local *local, enum jgc_cause cause);

/* Every store of a reference to the heap. `object` holds the slot; neither it nor the reference may
 * be held anywhere else as compressed halves that the collector does not see. */
static inline void jgc_store(struct job_object *object, jref_t *slot, jref_t ref)
{
    (void)object;
    __atomic_store_n(&slot->word, ref.word, __ATOMIC_RELAXED);
}

static inline void jgc_store_release(struct job_object *object, jref_t *slot, jref_t ref)
{
    (void)object;
    __atomic_store_n(&slot->word, ref.word, __ATOMIC_RELEASE);
}

static inline void jgc_store_volatile(struct job_object *object, jref_t *slot, jref_t ref)
{
    (void)object;
    __atomic_store_n(&slot->word, ref.word, __ATOMIC_SEQ_CST);
}

/* Stores `ref` if the slot holds *expected, else sets *expected to what it holds. Strong, volatile.
 */
static inline bool jgc_cas(struct job_object *object, jref_t *slot, jref_t *expected, jref_t ref)
{
    (void)object;
    return __atomic_compare_exchange_n(&slot->word, &expected->word, ref.word, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static inline jref_t jgc_exchange(struct job_object *object, jref_t *slot, jref_t ref)
{
    (void)object;
    return (jref_t){__atomic_exchange_n(&slot->word, ref.word, __ATOMIC_SEQ_CST)};
}

/* After `count` references from `first` on were copied into the object by other means. */
static inline void jgc_stored(struct job_object *object, jref_t *first, size_t count)
{
    (void)object, (void)first, (void)count;
}

/* Any thread: whether the address lies in the heap's range. */
bool jgc_has(const void *address);

/* -- In callbacks of a collection alone -- */

/* visit_roots: the words (aligned) from lo up to hi may hold addresses of objects or into them, or
 * compressed references of objects in either half; what they mean is live and stays in place. */
void jgc_scan_words(struct jgc_visitor *visitor, const void *lo, const void *hi);
/* visit_roots: the object is live and stays in place. */
void jgc_pin(struct jgc_visitor *visitor, struct job_object *object);
/* visit_roots: the object in the slot is live; the slot is updated if it moves. Null is allowed. */
void jgc_visit_slot(struct jgc_visitor *visitor, jref_t *slot);
void jgc_visit_pointer(struct jgc_visitor *visitor, struct job_object **slot);

/* visit_weak: of an object that was in the heap before; not null. */
bool jgc_is_live(const struct job_object *object);
/* Where a live object is now. */
struct job_object *jgc_new_place(struct job_object *object);
/* Clears the slot if its object is not live, else has it hold the new place; null stays null. */
void jgc_update_weak(jref_t *slot);

/* -- References (jvm-interface.md 8.2) -- */

/* Hands over the list of java.lang.ref.Reference objects that a collection made pending, linked by
 * `discovered`; null if there is none. Attached threads. */
jref_t jgc_take_pending(void);
bool jgc_has_pending(void);

/* -- What management and logs ask; any thread -- */

struct jgc_stats {
    struct jgc_usage heap;
    struct jgc_usage peak; /* since jgc_reset_peak */
    uint64_t large_bytes;  /* of what is used: objects with pages of their own */
    uint64_t collections;
    uint64_t collected_ns;     /* in all of them */
    uint64_t longest_ns;       /* pause */
    uint64_t allocated_bytes;  /* ever, by all threads, as of their last blocks */
    uint64_t moved_bytes;      /* ever */
    uint64_t last_finished_ns; /* os_monotonic_ns at the end of the last one; 0: there was none */
    struct jgc_pause last;     /* zeroed: there was none */
};

void jgc_get_stats(struct jgc_stats *ret_stats);
void jgc_reset_peak(void);
/* Has callbacks.reached called for each allocation of a block or large object that finds as much or
 * more used, until another value is set; UINT64_MAX: for none. Takes no lock. */
void jgc_watch(uint64_t used_bytes);

/* Walks the heap; the world is stopped or only the caller is attached. Calls visit for every object
 * that the last collection found live (later ones may be missing). */
void jgc_each_object(void (*visit)(void *argument, struct job_object *object), void *argument);

/* Checks every reference of what the last collection found live: it is null or the start of an
 * object of a sane class. The world is stopped. Returns 0, or -ST_ECORRUPT with the first that is
 * not. */
int jgc_verify(struct st_err *err) ST_MUST_CHECK;
