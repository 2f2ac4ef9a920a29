/*
 * A collection from the world's stop to its end, and how much is allocated until the next one.
 *
 * The allowance starts small, so that the same few pages are used again and again, and grows while
 * collecting takes more than a twentieth of the time, or with what is live.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "jvm/gc/jgc_priv.h"
#include "jvm/object/job_meta.h"
#include "os/os_time.h"

static const char *const cause_names[] = {[JGC_ALLOCATION] = "Allocation Failure",
                                          [JGC_SYSTEM] = "System.gc()",
                                          [JGC_STRESS] = "GC Stress",
                                          [JGC_LAST] = "Last Ditch",
                                          [JGC_METADATA] = "Metadata GC Threshold"};

enum {
    KB = 1 << 10,
    MB = 1 << 20,
    DEAR_PER_MILLE = 50,   /* of the time since the last collection: the allowance grows */
    CHEAP_PER_MILLE = 12,  /* ... shrinks */
    MOST_BYTES = 64 << 20, /* of it, or twice what is live */
    FORGET_MS = 10000
};

const char *jgc_cause_name(enum jgc_cause cause)
{
    return cause_names[cause];
}

uint64_t jgc_used_locked(void)
{
    const struct jgc_heap *heap = &jgc_heap;
    return heap->live_bytes + heap->live_large_bytes + heap->charged;
}

static uint64_t capacity_locked(void)
{
    const struct jgc_heap *heap = &jgc_heap;
    uint64_t live = heap->live_bytes + heap->live_large_bytes;
    uint64_t wanted = ST_MAX(live + heap->allowance, jgc_used_locked());
    return ST_MIN(ST_MAX(wanted, heap->config.min_bytes), heap->bytes);
}

/* What may be allocated before the next collection. */
static void set_budget_locked(uint64_t pause_ns, uint64_t between_ns)
{
    struct jgc_heap *heap = &jgc_heap;
    uint64_t live = heap->live_bytes + heap->live_large_bytes;
    uint64_t per_mille = pause_ns * 1000 / (pause_ns + between_ns + 1);
    if (per_mille > DEAR_PER_MILLE) {
        uint64_t most = ST_MIN(ST_MAX((uint64_t)MOST_BYTES, 2 * live), heap->bytes);
        heap->allowance = ST_MIN(heap->allowance * 2, most);
    } else if (per_mille < CHEAP_PER_MILLE) {
        heap->allowance -= heap->allowance / 8;
    }
    uint64_t least = heap->config.allowance_bytes;
    least = ST_MAX(least, live / 2);
    least = ST_MAX(least, heap->config.min_bytes > live ? heap->config.min_bytes - live : 0);
    heap->allowance = ST_MAX(heap->allowance, least);
    heap->budget = (int64_t)heap->allowance;
    heap->charged = heap->charged_large = 0;
}

/*
 * Free memory goes back to the host when it has not been needed for seconds: what was used before a
 * collection is kept, and forgotten in proportion to the time that passes. A page that is wanted
 * again costs 2.4 us.
 */
static void release_memory_locked(uint64_t before_bytes, uint64_t since_ns)
{
    struct jgc_heap *heap = &jgc_heap;
    uint64_t forgotten = heap->needed_bytes * ST_MIN(since_ns / 1000000, (uint64_t)FORGET_MS);
    heap->needed_bytes -= forgotten / FORGET_MS;
    uint64_t live = heap->live_bytes + heap->live_large_bytes;
    heap->needed_bytes = ST_MAX(heap->needed_bytes, before_bytes);
    heap->needed_bytes = ST_MAX(heap->needed_bytes, live + heap->allowance);
    jgc_release_memory_locked(heap->needed_bytes - live + MB);
}

struct jgc_usage jgc_usage_locked(void)
{
    const struct jgc_heap *heap = &jgc_heap;
    return (struct jgc_usage){
        .init_bytes = ST_MAX(heap->config.min_bytes, heap->config.allowance_bytes),
        .used_bytes = jgc_used_locked(),
        .committed_bytes = capacity_locked(),
        .max_bytes = heap->bytes,
    };
}

static void record_peak_locked(void)
{
    struct jgc_usage now = jgc_usage_locked();
    if (now.used_bytes >= jgc_heap.stats.peak.used_bytes) {
        jgc_heap.stats.peak = now;
    }
}

static void begin_locked(enum jgc_cause cause)
{
    struct jgc_heap *heap = &jgc_heap;
    for (struct jgc_local *local = heap->locals; local != NULL; local = local->next) {
        jgc_retire_locked(local);
    }
    jgc_retire_locked(&heap->immovable);
    heap->clear_soft = cause == JGC_LAST;
    uint32_t per_mb = heap->config.soft_ms_per_mb;
    uint64_t live = heap->live_bytes + heap->live_large_bytes;
    heap->soft_limit_ms =
        (int64_t)((heap->bytes - ST_MIN(live, heap->bytes)) / KB * per_mb / (MB / KB));
    heap->pending_added = 0;
    heap->compacting = heap->want_compaction;
    heap->want_compaction = false;
}

static void trace_locked(void)
{
    struct jgc_heap *heap = &jgc_heap;
    struct jgc_visitor visitor = {.exact = false};
    jgc_mark_begin();
    heap->callbacks.visit_roots(heap->callbacks.argument, &visitor);
    jgc_mark_lines();
    heap->discovering = true;
    visitor.exact = true;
    jgc_visit_slot(&visitor, &heap->pending);
    heap->callbacks.visit_roots(heap->callbacks.argument, &visitor);
    jgc_mark_drain();
    jgc_process_references();
    heap->callbacks.visit_weak(heap->callbacks.argument);
}

/* SoftReference.clock is the time of the last collection, in milliseconds from the heap's
 * beginning. */
static void set_soft_clock(uint64_t now_ns)
{
    jgc_heap.soft_clock_ms = (int64_t)((now_ns - jgc_heap.begin_ns) / 1000000);
    if (job_layout.soft_class == 0 || job_layout.soft_clock_at == 0) {
        return;
    }
    const struct job_class *soft = job_at(job_layout.soft_class);
    if (soft->mirror.word != 0) {
        int64_t *clock = job_field(job_from_ref(soft->mirror), job_layout.soft_clock_at);
        __atomic_store_n(clock, jgc_heap.soft_clock_ms, __ATOMIC_RELAXED);
    }
}

static void verify_locked(void)
{
    struct st_err err = {0};
    if (jgc_verify(&err) < 0) {
        if (jgc_heap.callbacks.log != NULL) {
            jgc_heap.callbacks.log(jgc_heap.callbacks.argument, err.msg);
        }
        ST_CHECK(!"the heap is sound");
    }
}

static void tell(const struct jgc_pause *pause)
{
    const struct jgc_callbacks *callbacks = &jgc_heap.callbacks;
    if (callbacks->log == NULL) {
        return;
    }
    char line[160];
    uint64_t us = pause->ns / 1000;
    (void)snprintf(line, sizeof(line),
                   "GC(%" PRIu64 ") Pause Full (%s) %" PRIu64 "M->%" PRIu64 "M(%" PRIu64
                   "M) %" PRIu64 ".%03" PRIu64 "ms",
                   pause->number, cause_names[pause->cause], pause->before.used_bytes / MB,
                   pause->after.used_bytes / MB, (pause->after.committed_bytes + MB - 1) / MB,
                   us / 1000, us % 1000);
    callbacks->log(callbacks->argument, line);
}

/* The world is stopped. */
static void collect(enum jgc_cause cause, uint64_t begin_ns, struct jgc_pause *ret_pause)
{
    struct jgc_heap *heap = &jgc_heap;
    pthread_mutex_lock(&heap->lock);
    struct jgc_pause pause = {.number = heap->stats.collections,
                              .cause = cause,
                              .before = jgc_usage_locked(),
                              .meta_before_bytes = job_meta_used(),
                              .begin_ns = begin_ns};
    record_peak_locked();
    heap->stats.allocated_bytes += heap->charged;
    begin_locked(cause);
    trace_locked();
    jgc_sweep_large_locked();
    jgc_sweep_blocks_locked();
    jgc_mark_end();
    heap->evacuating = false;
    uint64_t end_ns = os_monotonic_ns();
    pause.ns = end_ns - begin_ns;
    uint64_t since_ns = begin_ns - ST_MIN(begin_ns, heap->last_end_ns);
    set_budget_locked(pause.ns, since_ns);
    release_memory_locked(pause.before.used_bytes, since_ns);
    set_soft_clock(end_ns);
    pause.after = jgc_usage_locked();
    pause.meta_after_bytes = job_meta_used();
    pause.moved_bytes = heap->copied_bytes;
    pause.references = heap->pending_added;
    heap->stats.collections++;
    heap->stats.collected_ns += pause.ns;
    heap->stats.longest_ns = ST_MAX(heap->stats.longest_ns, pause.ns);
    heap->stats.moved_bytes += pause.moved_bytes;
    heap->stats.last_finished_ns = heap->last_end_ns = end_ns;
    heap->stats.last = pause;
    if (heap->config.verify) {
        verify_locked();
    }
    __atomic_store_n(&heap->epoch, heap->epoch + 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&heap->lock);
    tell(&pause);
    *ret_pause = pause;
}

void jgc_collect_for(struct jgc_local *local, const struct jgc_request *request)
{
    struct jgc_heap *heap = &jgc_heap;
    const struct jgc_callbacks *callbacks = &heap->callbacks;
    struct jgc_pause pause;
    uint64_t begin_ns = os_monotonic_ns();
    callbacks->stop_world(callbacks->argument, local);
    bool mine =
        request->always || __atomic_load_n(&heap->epoch, __ATOMIC_RELAXED) == request->epoch;
    if (mine) {
        collect(request->cause, begin_ns, &pause);
        if (callbacks->collected != NULL) {
            callbacks->collected(callbacks->argument, &pause);
        }
        if (request->then != NULL) {
            request->then(request->argument);
        }
    }
    callbacks->resume_world(callbacks->argument, local);
    if (mine && callbacks->finished != NULL) {
        callbacks->finished(callbacks->argument, &pause);
    }
}

void jgc_collect(struct jgc_local *local, enum jgc_cause cause)
{
    const struct jgc_request request = {
        .cause = cause,
        .epoch = __atomic_load_n(&jgc_heap.epoch, __ATOMIC_RELAXED),
        .always = cause == JGC_SYSTEM || cause == JGC_LAST,
    };
    jgc_collect_for(local, &request);
}

void jgc_get_stats(struct jgc_stats *ret_stats)
{
    struct jgc_heap *heap = &jgc_heap;
    pthread_mutex_lock(&heap->lock);
    record_peak_locked();
    *ret_stats = heap->stats;
    ret_stats->allocated_bytes += heap->charged;
    ret_stats->large_bytes = heap->live_large_bytes + heap->charged_large;
    ret_stats->heap = jgc_usage_locked();
    pthread_mutex_unlock(&heap->lock);
}

void jgc_reset_peak(void)
{
    pthread_mutex_lock(&jgc_heap.lock);
    jgc_heap.stats.peak = jgc_usage_locked();
    pthread_mutex_unlock(&jgc_heap.lock);
}

void jgc_watch(uint64_t used_bytes)
{
    __atomic_store_n(&jgc_heap.watch, used_bytes, __ATOMIC_RELAXED);
}
