/*
 * Marking, and moving in the same pass.
 *
 * What is ambiguous is marked first, in place; only then exact roots and the heap are traced, and
 * what lies in a block that is to be emptied and has no mark yet moves when it is first met: its
 * header then says where to (job_lock.h). Marked objects wait on a stack of bounded size; one that
 * does not fit is left marked in a block that is noted, and such blocks are walked when the stack
 * is empty. Between the stack and the scan is a ring of objects whose memory is on its way.
 */
#include <string.h>

#include "base/assert.h"
#include "jvm/gc/jgc_poison.h"
#include "jvm/gc/jgc_priv.h"
#include "jvm/object/job_lock.h"

/* -- Copying -- */

static char *copy_room(size_t bytes)
{
    struct jgc_heap *heap = &jgc_heap;
    if (bytes > (size_t)(heap->copy_end - heap->copy_cursor)) {
        uint32_t block = jgc_take_free_locked(0);
        if (block == UINT32_MAX) {
            return NULL;
        }
        heap->block[block].flags |= JGC_DIRTY;
        heap->copy_cursor = jgc_block_at(block);
        heap->copy_end = heap->copy_cursor + JGC_BLOCK_BYTES;
    }
    char *at = heap->copy_cursor;
    heap->copy_cursor += bytes;
    return at;
}

/* Moves an object out of a block that is to be emptied; null if there is no room. */
static jref_t move(struct job_object *object)
{
    size_t bytes = job_object_bytes(object);
    char *to = copy_room(bytes);
    if (to == NULL) {
        return (jref_t){0};
    }
    jgc_unpoison(to, bytes);
    memcpy(to, object, bytes);
    jref_t place = job_to_ref(to);
    object->lock = JOB_LOCK_FORWARDED;
    object->class_at = place.word;
    jgc_heap.copied_bytes += bytes;
    return place;
}

/* -- The mark stack -- */

static void push(struct job_object *object, uint32_t element)
{
    struct jgc_heap *heap = &jgc_heap;
    if (__builtin_expect(heap->stack_count == heap->stack_max, 0)) {
        heap->block[jgc_block_of(object)].flags |= JGC_OVERFLOWED;
        heap->overflowed = true;
        return;
    }
    heap->stack[heap->stack_count++] = (uint64_t)element << 32 | job_to_ref(object).word;
}

static bool test_and_mark(const struct job_object *object)
{
    uint64_t at = jgc_offset(object) / JOB_ALIGN;
    uint64_t *word = &jgc_heap.marks[at / 64];
    uint64_t bit = 1ULL << (at % 64);
    if ((*word & bit) != 0) {
        return true;
    }
    *word |= bit;
    return false;
}

void jgc_mark_pinned(struct job_object *object)
{
    if (!test_and_mark(object)) {
        push(object, 0);
    }
}

static jref_t mark_moving(struct job_object *object)
{
    struct jgc_heap *heap = &jgc_heap;
    if ((heap->block[jgc_block_of(object)].flags & JGC_CANDIDATE) == 0) {
        jgc_mark_pinned(object);
        return job_to_ref(object);
    }
    if (jgc_forwarded(object)) {
        return (jref_t){object->class_at};
    }
    if (!jgc_bit(heap->marks, object)) {
        jref_t place = move(object);
        if (place.word != 0) {
            object = job_from_ref(place);
        }
        jgc_mark_pinned(object);
    }
    return job_to_ref(object);
}

jref_t jgc_mark_ref(jref_t ref)
{
    struct job_object *object = job_from_ref(ref);
    if (jgc_heap.evacuating) {
        return mark_moving(object);
    }
    jgc_mark_pinned(object);
    return ref;
}

/* -- Scanning -- */

static void mark_slots(jref_t *slots, size_t count)
{
    if (jgc_heap.evacuating) {
        for (size_t i = 0; i < count; i++) {
            if (slots[i].word != 0) {
                jref_t place = mark_moving(job_from_ref(slots[i]));
                if (place.word != slots[i].word) {
                    slots[i] = place;
                }
            }
        }
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (slots[i].word != 0) {
            jgc_mark_pinned(job_from_ref(slots[i]));
        }
    }
}

/* Once a class and collection: its mirror is live while there are objects of it. */
static void mark_class(const struct job_class *of)
{
    struct jgc_heap *heap = &jgc_heap;
    job_offset_t at = job_offset(of);
    uint64_t *word = &heap->class_marks[at / JOB_ALIGN / 64];
    uint64_t bit = 1ULL << (at / JOB_ALIGN % 64);
    if (__builtin_expect((*word & bit) != 0, 1)) {
        return;
    }
    *word |= bit;
    heap->classes[heap->class_count++] = at;
    if (of->mirror.word != 0) {
        jgc_mark_pinned(job_from_ref(of->mirror));
    }
}

static void mark_lines(const struct job_object *object, size_t bytes)
{
    if (bytes > JGC_LARGE_BYTES && jgc_heap.block[jgc_block_of(object)].state == JGC_LARGE) {
        return;
    }
    uint64_t first = jgc_offset(object) >> JGC_LINE_SHIFT;
    uint64_t last = (jgc_offset(object) + bytes - 1) >> JGC_LINE_SHIFT;
    do {
        jgc_heap.lines[first] = JGC_LINE_LIVE;
    } while (first++ < last);
}

static void scan_elements(struct job_array *array, uint32_t from)
{
    uint32_t length = (uint32_t)array->length;
    if (length - from > JGC_SLICE) {
        push(&array->object, from + JGC_SLICE);
        length = from + JGC_SLICE;
    }
    mark_slots((jref_t *)job_elements(array) + from, length - from);
}

static void scan_fields(struct job_object *object, const struct job_class *of)
{
    const struct job_ref_run *run = job_at(of->ref_runs);
    const struct job_ref_run *end = run + of->ref_run_count;
    for (; run < end; run++) {
        mark_slots(job_field(object, run->first * 4U), run->count);
    }
}

static void scan(struct job_object *object, uint32_t from)
{
    const struct job_class *of = job_class_of(object);
    if (from > 0) {
        scan_elements((struct job_array *)object, from);
        return;
    }
    mark_class(of);
    size_t bytes = of->instance_bytes;
    switch ((enum job_kind)of->kind) {
    case JOB_INSTANCE:
        scan_fields(object, of);
        break;
    case JOB_PRIMITIVE_ARRAY:
        bytes = job_array_bytes(of, ((struct job_array *)object)->length);
        break;
    case JOB_REF_ARRAY:
        bytes = job_array_bytes(of, ((struct job_array *)object)->length);
        scan_elements((struct job_array *)object, 0);
        break;
    case JOB_MIRROR: {
        const struct job_class *mirrored = job_mirrored(object);
        bytes = job_object_bytes(object);
        scan_fields(object, of);
        if (mirrored != NULL) {
            mark_slots(job_field(object, of->instance_bytes), mirrored->static_refs);
        }
        break;
    }
    case JOB_SOFT_REFERENCE:
    case JOB_WEAK_REFERENCE:
    case JOB_FINAL_REFERENCE:
    case JOB_PHANTOM_REFERENCE:
        scan_fields(object, of);
        if (!jgc_discover(object, (enum job_kind)of->kind)) {
            mark_slots(job_field(object, job_layout.referent_at), 1);
            mark_slots(job_field(object, job_layout.discovered_at), 1);
        }
        break;
    }
    mark_lines(object, bytes);
}

static void scan_entry(uint64_t entry)
{
    scan(job_from_ref((jref_t){(uint32_t)entry}), (uint32_t)(entry >> 32));
}

/* Through the ring: an object is scanned when JGC_PREFETCHED others have been asked for since. */
static void drain_stack(void)
{
    struct jgc_heap *heap = &jgc_heap;
    uint32_t empty = 0;
    while (empty < JGC_PREFETCHED) {
        uint64_t entry = 0;
        if (heap->stack_count > 0) {
            entry = heap->stack[--heap->stack_count];
            __builtin_prefetch(job_from_ref((jref_t){(uint32_t)entry}));
        }
        uint64_t oldest = heap->ring[heap->ring_at];
        heap->ring[heap->ring_at] = entry;
        heap->ring_at = (heap->ring_at + 1) % JGC_PREFETCHED;
        if (oldest != 0) {
            scan_entry(oldest);
            empty = 0;
        } else {
            empty = entry == 0 ? empty + 1 : 0;
        }
    }
}

/* What did not fit the stack: everything marked in the noted blocks is scanned, again perhaps. */
static void scan_overflowed(void)
{
    struct jgc_heap *heap = &jgc_heap;
    heap->overflowed = false;
    for (uint32_t at = 0; at < heap->blocks; at++) {
        if ((heap->block[at].flags & JGC_OVERFLOWED) == 0) {
            continue;
        }
        heap->block[at].flags &= (uint8_t)~JGC_OVERFLOWED;
        for (uint32_t i = 0; i < JGC_BLOCK_WORDS; i++) {
            uint64_t bits = heap->marks[(uint64_t)at * JGC_BLOCK_WORDS + i];
            for (; bits != 0; bits &= bits - 1) {
                uint32_t unit = i * 64 + (uint32_t)__builtin_ctzll(bits);
                scan((struct job_object *)(jgc_block_at(at) + (size_t)unit * JOB_ALIGN), 0);
                drain_stack();
            }
        }
    }
}

void jgc_mark_drain(void)
{
    drain_stack();
    while (jgc_heap.overflowed) {
        scan_overflowed();
    }
}

/* -- Before and after -- */

void jgc_mark_begin(void)
{
    struct jgc_heap *heap = &jgc_heap;
    for (uint32_t at = 0; at < heap->top; at++) {
        if (heap->block[at].state == JGC_OPEN || heap->block[at].state == JGC_TAKEN) {
            jgc_clear_block_bits(heap->marks, at);
        }
    }
    jgc_large_unmark();
    heap->copy_cursor = heap->copy_end = NULL;
    heap->copied_bytes = 0;
    heap->evacuating = false;
}

/* How many lines of a block are likely to be live: the marked ones, and one in eight of the new. */
static uint32_t likely_live(uint32_t at)
{
    uint32_t used = JGC_LINES - jgc_free_lines(at);
    uint32_t live = jgc_heap.block[at].live;
    return live + (used > live ? (used - live) / 8 : 0);
}

static bool is_movable(uint32_t at)
{
    const struct jgc_block *block = &jgc_heap.block[at];
    return (block->state == JGC_OPEN || block->state == JGC_TAKEN) &&
           (block->flags & JGC_IMMOVABLE) == 0;
}

static void make_candidate(uint32_t at)
{
    jgc_heap.block[at].flags |= JGC_CANDIDATE;
    jgc_heap.evacuating = true;
}

/* The sparsest blocks, as many as there is room to copy to. */
static void choose_sparse(void)
{
    struct jgc_heap *heap = &jgc_heap;
    uint32_t sparse[JGC_LINES + 1] = {0}; /* how many blocks have so many lines */
    for (uint32_t at = 0; at < heap->top; at++) {
        if (is_movable(at)) {
            sparse[likely_live(at)]++;
        }
    }
    int64_t room = (int64_t)heap->free * JGC_LINES;
    uint32_t below = 0; /* so many lines */
    while (below < JGC_LINES / 2 && room >= (int64_t)sparse[below] * below) {
        room -= (int64_t)sparse[below] * below;
        below++;
    }
    for (uint32_t at = 0; at < heap->top; at++) {
        if (is_movable(at) && likely_live(at) < below) {
            make_candidate(at);
        }
    }
}

/* Blocks from the top down, so that free ones come to lie beside each other there. */
static void choose_topmost(void)
{
    int64_t room = (int64_t)jgc_heap.free * JGC_LINES;
    for (uint32_t at = jgc_heap.top; at > 0; at--) {
        if (is_movable(at - 1)) {
            room -= likely_live(at - 1);
            if (room < 0 && !jgc_heap.config.evacuate) {
                return;
            }
            make_candidate(at - 1);
        }
    }
}

void jgc_mark_lines(void)
{
    struct jgc_heap *heap = &jgc_heap;
    if (heap->config.evacuate || heap->compacting) {
        choose_topmost();
    } else if (heap->want_evacuation) {
        choose_sparse();
    }
    for (uint32_t at = 0; at < heap->top; at++) {
        if (heap->block[at].state == JGC_OPEN || heap->block[at].state == JGC_TAKEN) {
            memset(jgc_lines_of(at), JGC_LINE_FREE, JGC_LINES);
        }
    }
}

void jgc_mark_end(void)
{
    struct jgc_heap *heap = &jgc_heap;
    for (uint32_t i = 0; i < heap->class_count; i++) {
        heap->class_marks[heap->classes[i] / JOB_ALIGN / 64] = 0;
    }
    heap->class_count = 0;
    uint64_t *marks = heap->marks;
    heap->marks = heap->starts;
    heap->starts = marks;
}

void jgc_visit_slot(struct jgc_visitor *visitor, jref_t *slot)
{
    if (visitor->exact && slot->word != 0) {
        jref_t place = jgc_mark_ref(*slot);
        if (place.word != slot->word) {
            *slot = place;
        }
    }
}

void jgc_visit_pointer(struct jgc_visitor *visitor, struct job_object **slot)
{
    if (visitor->exact && *slot != NULL) {
        struct job_object *place = job_from_ref(jgc_mark_ref(job_to_ref(*slot)));
        if (place != *slot) {
            *slot = place;
        }
    }
}

bool jgc_is_live(const struct job_object *object)
{
    return jgc_bit(jgc_heap.marks, object) ||
           ((jgc_heap.block[jgc_block_of(object)].flags & JGC_CANDIDATE) != 0 &&
            jgc_forwarded(object));
}

struct job_object *jgc_new_place(struct job_object *object)
{
    if ((jgc_heap.block[jgc_block_of(object)].flags & JGC_CANDIDATE) != 0 &&
        jgc_forwarded(object)) {
        return job_from_ref((jref_t){object->class_at});
    }
    return object;
}

void jgc_update_weak(jref_t *slot)
{
    if (slot->word == 0) {
        return;
    }
    struct job_object *object = job_from_ref(*slot);
    *slot = jgc_is_live(object) ? job_to_ref(jgc_new_place(object)) : (jref_t){0};
}
