/* The heap's place and tables: see jgc.h. */
#include "jvm/gc/jgc.h"

#include <assert.h>

#include "base/arith.h"
#include "base/assert.h"
#include "jvm/gc/jgc_poison.h"
#include "jvm/gc/jgc_priv.h"
#include "os/os_memory.h"
#include "os/os_time.h"

/* Where a heap may lie, and in which steps its place is looked for: upwards from `place_first`,
 * where few numbers of programs look like addresses, then downwards. */
#if JGC_UNDER_ASAN
enum { STEP = 256 << 20 };
static const uint64_t place_first = 256 << 20;
static const uint64_t place_end = 0x7fff8000;
static const uint64_t most_bytes = 1 << 30;
#else
enum { STEP = 1 << 30 };
static const uint64_t place_first = 16ULL << 30;
static const uint64_t place_end = 32ULL << 30;
static const uint64_t most_bytes = 31ULL << 30;
#endif

enum { DEFAULT_STACK = 256 << 10, LEAST_BYTES = 1 << 20, SOFT_MS_PER_MB = 1000 };

static_assert(JGC_BLOCK_WORDS * 64 * JOB_ALIGN == JGC_BLOCK_BYTES,
              "a block's bits are whole words");

struct jgc_heap jgc_heap;

uint64_t jgc_max_supported(void)
{
    return most_bytes;
}

bool jgc_has(const void *address)
{
    return jgc_offset(address) < jgc_heap.bytes;
}

static int reserve(uint64_t wish, size_t size, void **ret_address)
{
    int r =
        os_mmap((void *)(uintptr_t)wish, size, PROT_READ | PROT_WRITE, // NOLINT
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (wish != 0 ? MAP_FIXED_NOREPLACE : 0),
                -1, 0, ret_address);
    /* A kernel that does not know MAP_FIXED_NOREPLACE takes the place for a wish. */
    if (r == 0 && wish != 0 && *ret_address != (void *)(uintptr_t)wish) { // NOLINT
        (void)os_munmap(*ret_address, size);
        return -ST_EEXIST;
    }
    return r;
}

static int reserve_heap(uint64_t wish, uint64_t bytes, struct st_err *err)
{
    void *base = NULL;
    int r = -ST_ENOMEM;
    if (wish != 0) {
        r = reserve(wish, bytes, &base);
    }
    for (uint64_t at = place_first; r < 0 && at + bytes <= place_end; at += STEP) {
        r = reserve(at, bytes, &base);
    }
    uint64_t top = (place_end - bytes) / STEP * STEP;
    for (uint64_t at = ST_MIN(top, place_first - STEP); r < 0 && at >= STEP; at -= STEP) {
        r = reserve(at, bytes, &base);
    }
    if (r < 0) {
        /* HotSpot's words. */
        return st_fail(err, ST_ENOMEM, "Could not reserve enough space for %lluKB object heap",
                       (unsigned long long)(bytes >> 10));
    }
    jgc_heap.base = base;
    jgc_heap.bytes = bytes;
    jgc_heap.blocks = (uint32_t)(bytes >> JGC_BLOCK_SHIFT);
    return 0;
}

/* The tables: where each pointer is, and its bytes. */
struct table {
    void **at;
    size_t bytes;
};

enum { TABLES = 8 };

static void list_tables(struct table ret_tables[TABLES])
{
    struct jgc_heap *heap = &jgc_heap;
    size_t bits = heap->bytes / JOB_ALIGN / 8;
    size_t metadata = job_meta_size();
    const struct table tables[TABLES] = {
        {(void **)&heap->block, heap->blocks * sizeof(struct jgc_block)},
        {(void **)&heap->lines, heap->bytes >> JGC_LINE_SHIFT},
        {(void **)&heap->pages, (heap->bytes >> JGC_PAGE_SHIFT) * sizeof(uint32_t)},
        {(void **)&heap->starts, bits},
        {(void **)&heap->marks, bits},
        {(void **)&heap->stack, heap->stack_max * sizeof(uint64_t)},
        {(void **)&heap->class_marks, metadata / JOB_ALIGN / 8},
        {(void **)&heap->classes, metadata / sizeof(struct job_class) * sizeof(job_offset_t)},
    };
    for (int i = 0; i < TABLES; i++) {
        ret_tables[i] = tables[i];
    }
}

static int reserve_tables(struct st_err *err)
{
    struct table tables[TABLES];
    list_tables(tables);
    for (int i = 0; i < TABLES; i++) {
        int r = reserve(0, tables[i].bytes, tables[i].at);
        if (r < 0) {
            return st_fail_os(err, r, "heap: reserving %zu bytes of tables", tables[i].bytes);
        }
    }
    return 0;
}

static void release(void)
{
    struct table tables[TABLES];
    list_tables(tables);
    for (int i = 0; i < TABLES; i++) {
        if (*tables[i].at != NULL) {
            (void)os_munmap(*tables[i].at, tables[i].bytes);
        }
    }
    if (jgc_heap.base != NULL) {
        jgc_unpoison(jgc_heap.base, jgc_heap.bytes);
        (void)os_munmap(jgc_heap.base, jgc_heap.bytes);
    }
    jgc_heap = (struct jgc_heap){0};
}

static int check_config(const struct jgc_config *config, struct st_err *err)
{
    if (jgc_heap.base != NULL) {
        return st_fail(err, ST_ESTATE, "heap: there is one already");
    }
    if (job_meta_size() == 0) {
        return st_fail(err, ST_ESTATE, "heap: class metadata has no place yet");
    }
    if (config->max_bytes < LEAST_BYTES || config->max_bytes > most_bytes) {
        return st_fail(err, ST_EINVAL, "heap: %llu bytes are not 1 to %llu MiB",
                       (unsigned long long)config->max_bytes,
                       (unsigned long long)(most_bytes >> 20));
    }
    if (config->min_bytes > config->max_bytes) {
        return st_fail(err, ST_EINVAL, "heap: initial size %llu is more than the most, %llu",
                       (unsigned long long)config->min_bytes,
                       (unsigned long long)config->max_bytes);
    }
    if (config->base % (1 << 20) != 0 || config->base > place_end - config->max_bytes) {
        return st_fail(err, ST_EINVAL, "heap: it cannot lie at 0x%llx",
                       (unsigned long long)config->base);
    }
    return 0;
}

int jgc_create(const struct jgc_config *config, const struct jgc_callbacks *callbacks,
               struct st_err *err)
{
    int r = check_config(config, err);
    if (r < 0) {
        return r;
    }
    struct jgc_heap *heap = &jgc_heap;
    heap->config = *config;
    heap->callbacks = *callbacks;
    if (heap->config.allowance_bytes == 0) {
        heap->config.allowance_bytes = JGC_ALLOWANCE;
    }
    if (heap->config.soft_ms_per_mb == UINT32_MAX) {
        heap->config.soft_ms_per_mb = SOFT_MS_PER_MB;
    }
    heap->stack_max = config->mark_stack == 0 ? DEFAULT_STACK : config->mark_stack;
    r = reserve_heap(config->base, ST_ALIGN_UP(config->max_bytes, 64 << 10), err);
    if (r == 0) {
        r = reserve_tables(err);
    }
    if (r < 0) {
        release();
        return r;
    }
    pthread_mutex_init(&heap->lock, NULL);
    heap->free = heap->large_bottom = heap->blocks;
    heap->reserve = 1 + heap->blocks / 40;
    heap->large_from[0] = heap->large_from[1] = heap->blocks * JGC_PAGES;
    heap->allowance = ST_MAX(heap->config.allowance_bytes, heap->config.min_bytes);
    heap->watch = UINT64_MAX;
    heap->budget = (int64_t)heap->allowance;
    heap->begin_ns = heap->last_end_ns = os_monotonic_ns();
    heap->stress_left = (int64_t)config->stress_every;
    return 0;
}

void jgc_destroy(void)
{
    if (jgc_heap.base == NULL) {
        return;
    }
    ST_CHECK(jgc_heap.locals == NULL);
    pthread_mutex_destroy(&jgc_heap.lock);
    release();
}
