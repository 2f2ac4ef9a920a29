/*
 * Soft, weak, final and phantom references (java.lang.ref; jvm-interface.md 8.2).
 *
 * While marking, a reference object whose referent has no mark yet is not followed but put on the
 * list of its kind, linked by `discovered`; the last one links to itself, so that null means: on no
 * list. When marking is through, soft and weak references to what is not live are cleared; then
 * final ones keep theirs alive and become inactive (`next` is the object itself); then phantom ones
 * are cleared. All of these are put before the pending list, again by `discovered`, its last one
 * null.
 */
#include "base/assert.h"
#include "jvm/gc/jgc_priv.h"

static jref_t *slot_of(struct job_object *reference, uint16_t at)
{
    return job_field(reference, at);
}

/* The policy of HotSpot's: a soft reference lives as long as it was last read, at the last
 * collection, within so many milliseconds a free megabyte. */
static bool keeps_soft(const struct job_object *reference)
{
    if (jgc_heap.clear_soft) {
        return false;
    }
    int64_t read = *(const int64_t *)job_field(reference, job_layout.soft_timestamp_at);
    return jgc_heap.soft_clock_ms - read <= jgc_heap.soft_limit_ms;
}

bool jgc_discover(struct job_object *reference, enum job_kind kind)
{
    if (job_layout.referent_at == 0) {
        return true; /* too early for one to have a referent */
    }
    jref_t referent = *slot_of(reference, job_layout.referent_at);
    if (referent.word == 0 || slot_of(reference, job_layout.next_at)->word != 0) {
        return false; /* not active */
    }
    jref_t *link = slot_of(reference, job_layout.discovered_at);
    if (!jgc_heap.discovering) {
        /* Scanned again, as its block overflowed, while its list waits to be processed. */
        return link->word != 0;
    }
    if (jgc_is_live(job_from_ref(referent))) {
        return false;
    }
    if (kind == JOB_SOFT_REFERENCE && keeps_soft(reference)) {
        return false;
    }
    if (link->word == 0) {
        jref_t self = job_to_ref(reference);
        jref_t *head = &jgc_heap.discovered[kind - JOB_SOFT_REFERENCE];
        *link = head->word != 0 ? *head : self;
        *head = self;
    }
    return true;
}

static void make_pending(struct job_object *reference)
{
    *slot_of(reference, job_layout.discovered_at) = jgc_heap.pending;
    jgc_heap.pending = job_to_ref(reference);
    jgc_heap.pending_added++;
}

/* Takes the first one off the list of a kind; NULL: it is empty. */
static struct job_object *take_discovered(jref_t *head)
{
    if (head->word == 0) {
        return NULL;
    }
    struct job_object *reference = job_from_ref(*head);
    jref_t *link = slot_of(reference, job_layout.discovered_at);
    *head = link->word == head->word ? (jref_t){0} : *link;
    *link = (jref_t){0};
    return reference;
}

static void clear_dead(enum job_kind kind)
{
    jref_t *head = &jgc_heap.discovered[kind - JOB_SOFT_REFERENCE];
    struct job_object *reference;
    while ((reference = take_discovered(head)) != NULL) {
        jref_t *referent = slot_of(reference, job_layout.referent_at);
        jgc_update_weak(referent);
        if (referent->word == 0) {
            make_pending(reference);
        }
    }
}

static void keep_final_alive(void)
{
    jref_t *head = &jgc_heap.discovered[JOB_FINAL_REFERENCE - JOB_SOFT_REFERENCE];
    jref_t dead = {0}; /* linked by `discovered`, the last one to null */
    struct job_object *reference;
    /* All are judged before any keeps its referent alive: two that refer to each other are both
     * dead. */
    while ((reference = take_discovered(head)) != NULL) {
        jref_t *referent = slot_of(reference, job_layout.referent_at);
        struct job_object *object = job_from_ref(*referent);
        if (jgc_is_live(object)) {
            *referent = job_to_ref(jgc_new_place(object));
        } else {
            *slot_of(reference, job_layout.discovered_at) = dead;
            dead = job_to_ref(reference);
        }
    }
    while (dead.word != 0) {
        reference = job_from_ref(dead);
        dead = *slot_of(reference, job_layout.discovered_at);
        jref_t *referent = slot_of(reference, job_layout.referent_at);
        *referent = jgc_mark_ref(*referent);
        *slot_of(reference, job_layout.next_at) = job_to_ref(reference);
        make_pending(reference);
    }
    jgc_mark_drain();
}

void jgc_process_references(void)
{
    jgc_heap.discovering = false;
    clear_dead(JOB_SOFT_REFERENCE);
    clear_dead(JOB_WEAK_REFERENCE);
    keep_final_alive();
    clear_dead(JOB_PHANTOM_REFERENCE);
}

jref_t jgc_take_pending(void)
{
    struct jgc_heap *heap = &jgc_heap;
    pthread_mutex_lock(&heap->lock);
    jref_t pending = heap->pending;
    heap->pending = (jref_t){0};
    pthread_mutex_unlock(&heap->lock);
    return pending;
}

bool jgc_has_pending(void)
{
    return __atomic_load_n(&jgc_heap.pending.word, __ATOMIC_RELAXED) != 0;
}
