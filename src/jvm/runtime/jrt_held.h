/*
 * Which monitors the synchronized statements of a thread's frames hold (JVMS 17 2.11.10, structured
 * locking): a frame leaves no monitor that it did not enter, and ends with none.
 *
 * One list a thread, in the order of its frames. Changed by the thread alone, in VM or in Java;
 * read by others while the world is stopped.
 */
#pragma once

#include "jvm/runtime/jrt_thread.h"

/* Slow parts of what is below. */
bool jrt_held_grow(struct jrt_thread *thread) ST_MUST_CHECK;
bool jrt_held_take_lower(struct jrt_thread *thread, const struct jrt_held *entry);

/* Room for one more. false: OutOfMemoryError; StackOverflowError for more than the stack has slots:
 * each stands for a monitor that is entered once more. */
static inline bool jrt_held_room(struct jrt_thread *thread)
{
    return thread->held_count < thread->held_room || jrt_held_grow(thread);
}

static inline uint32_t jrt_held_frame(const struct jrt_thread *thread, const union jrt_slot *fp)
{
    return (uint32_t)(fp - thread->stack);
}

static inline struct jrt_held jrt_held_entry(const struct jrt_thread *thread,
                                             const union jrt_slot *fp,
                                             const struct job_object *object)
{
    return (struct jrt_held){.frame = jrt_held_frame(thread, fp), .object = job_to_ref(object)};
}

/* Notes what was entered, after jrt_held_room. `fp` is on top. */
static inline void jrt_held_add(struct jrt_thread *thread, const union jrt_slot *fp,
                                const struct job_object *object)
{
    thread->held[thread->held_count++] = jrt_held_entry(thread, fp, object);
}

/* Takes out the last entry of the object in the frame on top. false: there is none. */
static inline bool jrt_held_take(struct jrt_thread *thread, const union jrt_slot *fp,
                                 const struct job_object *object)
{
    struct jrt_held entry = jrt_held_entry(thread, fp, object);
    uint32_t last = thread->held_count - 1;
    if (thread->held_count != 0 && thread->held[last].frame == entry.frame &&
        thread->held[last].object.word == entry.object.word) {
        thread->held_count = last;
        return true;
    }
    return jrt_held_take_lower(thread, &entry);
}

/* What the frame on top entered last; NULL: it holds nothing. */
struct job_object *jrt_held_last(const struct jrt_thread *thread, const union jrt_slot *fp);

/* The entries of any frame, oldest first: *ret_count of them. */
const struct jrt_held *jrt_held_of(const struct jrt_thread *thread, const union jrt_slot *fp,
                                   uint32_t *ret_count);

void jrt_held_visit(struct jrt_thread *thread, struct jgc_visitor *visitor);
