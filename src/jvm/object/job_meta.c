/*
 * The range of class metadata: see job_meta.h.
 *
 * It is cut into granules of 1 MiB, each for one kind of chunks. In a granule chunks are powers of
 * two from 1 KiB, found and joined again as buddies are; one of a granule or more is a run of
 * granules. Chunks that are free are always zero: small ones are cleared when they are given back,
 * large ones go back to the host. What is known of a chunk lies beside the range, so that a free
 * page of it is never touched.
 */
#include "jvm/object/job_meta.h"

#include <pthread.h>
#include <string.h>

#include "base/arith.h"
#include "base/assert.h"
#include "os/os_memory.h"

enum {
    UNIT_SHIFT = 10,
    GRANULE_SHIFT = 20,
    ORDERS = GRANULE_SHIFT - UNIT_SHIFT, /* of chunks below a granule */
    GRANULES_MAX = 4095,
    UNITS_A_GRANULE = 1 << ORDERS,
    RETURNED_ORDER = 6, /* chunks of 64 KiB and more go back to the host */
    GROWTH_MAX = 256 << 10
};

enum granule { GRANULE_FREE, GRANULE_READ, GRANULE_WRITTEN, GRANULE_RUN };

/* Of the first unit of a free chunk. */
struct unit {
    uint32_t next; /* in its list, 0: none (unit 0 is never free) */
    uint32_t previous;
    uint8_t order_plus_one; /* 0: not the start of a free chunk */
};

struct job_arena_chunk {
    struct job_arena_chunk *next;
    uint32_t bytes;
    uint32_t kind;
};

char *job_meta_base;

static struct {
    pthread_mutex_t lock;
    uint64_t size;                         /* [I] */
    struct unit *units;                    /* [lock] as the rest, mapped apart */
    uint32_t free[JOB_META_KINDS][ORDERS]; /* heads of lists of units */
    uint64_t used;
    uint64_t peak;
    uint8_t granules[GRANULES_MAX]; /* enum granule */
    uint64_t watch;                 /* [a] as the next: of job_meta_watch */
    void (*reached)(void);
} meta = {.lock = PTHREAD_MUTEX_INITIALIZER, .watch = UINT64_MAX};

static size_t units_bytes(void)
{
    return (meta.size >> UNIT_SHIFT) * sizeof(struct unit);
}

static int map(void *wish, size_t size, int flags, void **ret_address)
{
    return os_mmap(wish, size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0, ret_address);
}

int job_meta_init(uint64_t wish, uint64_t size, struct st_err *err)
{
    if (job_meta_base != NULL) {
        return st_fail(err, ST_ESTATE, "class metadata has its place already");
    }
    if (size == 0 || size % (1 << GRANULE_SHIFT) != 0 || size >> GRANULE_SHIFT > GRANULES_MAX) {
        return st_fail(err, ST_EINVAL, "class metadata: %llu bytes are not 1 to %d MiB",
                       (unsigned long long)size, GRANULES_MAX);
    }
    void *base = NULL;
    int r =
        map((void *)(uintptr_t)wish, size, wish != 0 ? MAP_FIXED_NOREPLACE : 0, &base); // NOLINT
    if (r < 0 && wish != 0) {
        r = map(NULL, size, 0, &base);
    }
    if (r < 0) {
        return st_fail_os(err, r, "reserving %llu MiB for class metadata",
                          (unsigned long long)(size >> GRANULE_SHIFT));
    }
    meta.size = size;
    void *units = NULL;
    r = map(NULL, units_bytes(), 0, &units);
    if (r < 0) {
        (void)os_munmap(base, size);
        return st_fail_os(err, r, "reserving the map of class metadata");
    }
    meta.units = units;
    job_meta_base = base;
    return 0;
}

void job_meta_done(void)
{
    if (job_meta_base == NULL) {
        return;
    }
    (void)os_munmap(job_meta_base, meta.size);
    (void)os_munmap(meta.units, units_bytes());
    job_meta_base = NULL;
    meta.units = NULL;
    meta.used = meta.peak = 0;
    memset(meta.free, 0, sizeof(meta.free));
    memset(meta.granules, 0, sizeof(meta.granules));
}

uint64_t job_meta_size(void)
{
    return meta.size;
}

bool job_meta_has(const void *address)
{
    return (uintptr_t)address - (uintptr_t)job_meta_base < meta.size;
}

uint64_t job_meta_used(void)
{
    return __atomic_load_n(&meta.used, __ATOMIC_RELAXED);
}

uint64_t job_meta_peak(void)
{
    return __atomic_load_n(&meta.peak, __ATOMIC_RELAXED);
}

void job_meta_reset_peak(void)
{
    pthread_mutex_lock(&meta.lock);
    __atomic_store_n(&meta.peak, meta.used, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&meta.lock);
}

void job_meta_watch(uint64_t used_bytes, void (*reached)(void))
{
    __atomic_store_n(&meta.reached, reached, __ATOMIC_RELAXED);
    __atomic_store_n(&meta.watch, used_bytes, __ATOMIC_RELEASE);
}

static void put_free_locked(enum job_meta_kind kind, unsigned order, uint32_t at)
{
    uint32_t head = meta.free[kind][order];
    meta.units[at] = (struct unit){.next = head, .order_plus_one = (uint8_t)(order + 1)};
    if (head != 0) {
        meta.units[head].previous = at;
    }
    meta.free[kind][order] = at;
}

static void take_free_locked(enum job_meta_kind kind, unsigned order, uint32_t at)
{
    struct unit *unit = &meta.units[at];
    if (unit->previous != 0) {
        meta.units[unit->previous].next = unit->next;
    } else {
        meta.free[kind][order] = unit->next;
    }
    if (unit->next != 0) {
        meta.units[unit->next].previous = unit->previous;
    }
    *unit = (struct unit){0};
}

/* The first of `count` free granules in a row from `from` on, which then are `now`; -1: there are
 * not as many. */
static int take_granules_locked(size_t from, size_t count, enum granule now)
{
    size_t all = meta.size >> GRANULE_SHIFT;
    size_t run = 0;
    for (size_t i = from; i < all; i++) {
        run = meta.granules[i] == GRANULE_FREE ? run + 1 : 0;
        if (run == count) {
            memset(&meta.granules[i + 1 - count], (int)now, count);
            return (int)(i + 1 - count);
        }
    }
    return -1;
}

/* The units of granule 0 but for the first, which offset 0 is in: one free chunk of each order. */
static void first_granule_locked(enum job_meta_kind kind)
{
    for (unsigned order = 0; order < ORDERS; order++) {
        put_free_locked(kind, order, 1U << order);
    }
}

static uint32_t take_chunk_locked(enum job_meta_kind kind, unsigned order)
{
    unsigned found = order;
    while (found < ORDERS && meta.free[kind][found] == 0) {
        found++;
    }
    if (found == ORDERS) {
        int granule = take_granules_locked(0, 1, (enum granule)(GRANULE_READ + kind));
        if (granule < 0) {
            return 0;
        }
        if (granule == 0) {
            first_granule_locked(kind);
            return take_chunk_locked(kind, order);
        }
        uint32_t half = (uint32_t)granule << ORDERS;
        found = ORDERS - 1;
        put_free_locked(kind, found, half + UNITS_A_GRANULE / 2);
        put_free_locked(kind, found, half);
    }
    uint32_t at = meta.free[kind][found];
    take_free_locked(kind, found, at);
    while (found > order) {
        found--;
        put_free_locked(kind, found, at + (1U << found));
    }
    return at;
}

static void *unit_address(uint32_t at)
{
    return job_meta_base + ((size_t)at << UNIT_SHIFT);
}

static void give_chunk_locked(enum job_meta_kind kind, unsigned order, uint32_t at)
{
    unsigned was = order;
    uint32_t returned = at;
    while (order < ORDERS) {
        uint32_t buddy = at ^ (1U << order);
        if (buddy == 0 || meta.units[buddy].order_plus_one != order + 1) {
            break;
        }
        take_free_locked(kind, order, buddy);
        at &= ~(1U << order);
        order++;
    }
    /* What has become large goes back to the host whole; the rest is cleared. */
    if (order >= RETURNED_ORDER) {
        size_t bytes = (size_t)1 << (order + UNIT_SHIFT);
        if (os_madvise(unit_address(at), bytes, MADV_DONTNEED) < 0) {
            memset(unit_address(returned), 0, (size_t)1 << (was + UNIT_SHIFT));
        }
    } else {
        memset(unit_address(returned), 0, (size_t)1 << (was + UNIT_SHIFT));
    }
    if (order == ORDERS) {
        meta.granules[at >> ORDERS] = GRANULE_FREE;
    } else {
        put_free_locked(kind, order, at);
    }
}

/* A zeroed chunk of at least `bytes`, which are rounded up to what it has. */
static void *chunk_new(enum job_meta_kind kind, size_t *bytes)
{
    if (*bytes > meta.size) {
        return NULL;
    }
    void *chunk = NULL;
    pthread_mutex_lock(&meta.lock);
    if (*bytes > (1 << (GRANULE_SHIFT - 1))) {
        *bytes = ST_ALIGN_UP(*bytes, 1 << GRANULE_SHIFT);
        /* Not granule 0: offset 0 is nothing. */
        int granule = take_granules_locked(1, *bytes >> GRANULE_SHIFT, GRANULE_RUN);
        chunk = granule < 0 ? NULL : job_meta_base + ((size_t)granule << GRANULE_SHIFT);
    } else {
        unsigned order = 0;
        while (((size_t)1 << (order + UNIT_SHIFT)) < *bytes) {
            order++;
        }
        *bytes = (size_t)1 << (order + UNIT_SHIFT);
        uint32_t at = take_chunk_locked(kind, order);
        chunk = at == 0 ? NULL : unit_address(at);
    }
    if (chunk != NULL) {
        __atomic_store_n(&meta.used, meta.used + *bytes, __ATOMIC_RELAXED);
        __atomic_store_n(&meta.peak, ST_MAX(meta.peak, meta.used), __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&meta.lock);
    if (job_meta_used() >= __atomic_load_n(&meta.watch, __ATOMIC_ACQUIRE)) {
        __atomic_load_n(&meta.reached, __ATOMIC_RELAXED)();
    }
    return chunk;
}

static void chunk_free(struct job_arena_chunk *chunk)
{
    enum job_meta_kind kind = (enum job_meta_kind)chunk->kind;
    size_t bytes = chunk->bytes;
    job_offset_t at = job_offset(chunk);
    pthread_mutex_lock(&meta.lock);
    __atomic_store_n(&meta.used, meta.used - bytes, __ATOMIC_RELAXED);
    if (bytes >= 1 << GRANULE_SHIFT) {
        if (os_madvise(chunk, bytes, MADV_DONTNEED) < 0) {
            memset(chunk, 0, bytes);
        }
        memset(&meta.granules[at >> GRANULE_SHIFT], GRANULE_FREE, bytes >> GRANULE_SHIFT);
    } else {
        unsigned order = (unsigned)__builtin_ctzll(bytes) - UNIT_SHIFT;
        give_chunk_locked(kind, order, at >> UNIT_SHIFT);
    }
    pthread_mutex_unlock(&meta.lock);
}

void *job_arena_alloc(struct job_arena *arena, enum job_meta_kind kind, size_t size)
{
    if (size > meta.size) {
        return NULL;
    }
    size = ST_ALIGN_UP(size, 8);
    if (size > (size_t)(arena->limit[kind] - arena->cursor[kind])) {
        size_t wanted = size + sizeof(struct job_arena_chunk);
        size_t bytes = ST_MAX(wanted, ST_MIN(arena->bytes[kind], (uint64_t)GROWTH_MAX));
        struct job_arena_chunk *chunk = chunk_new(kind, &bytes);
        if (chunk == NULL && bytes > wanted) {
            bytes = wanted;
            chunk = chunk_new(kind, &bytes);
        }
        if (chunk == NULL) {
            return NULL;
        }
        *chunk = (struct job_arena_chunk){
            .next = arena->chunks, .bytes = (uint32_t)bytes, .kind = (uint32_t)kind};
        arena->chunks = chunk;
        arena->bytes[kind] += bytes;
        /* The chunk with more room left is the one to go on with. */
        char *rest = (char *)chunk + wanted;
        char *limit = (char *)chunk + bytes;
        if (limit - rest > arena->limit[kind] - arena->cursor[kind]) {
            arena->cursor[kind] = rest;
            arena->limit[kind] = limit;
        }
        return chunk + 1;
    }
    void *memory = arena->cursor[kind];
    arena->cursor[kind] += size;
    return memory;
}

void job_arena_done(struct job_arena *arena)
{
    struct job_arena_chunk *chunk = arena->chunks;
    while (chunk != NULL) {
        struct job_arena_chunk *next = chunk->next;
        chunk_free(chunk);
        chunk = next;
    }
    *arena = (struct job_arena){0};
}
