/*
 * Monitors that frames hold: see jrt_held.h.
 */
#include "jvm/runtime/jrt_held.h"

#include <stdlib.h>

#include "jvm/runtime/jrt_throw.h"

enum { ROOM_FIRST = 16 };

bool jrt_held_grow(struct jrt_thread *thread)
{
    if (thread->held_room >= thread->stack_bytes / sizeof(union jrt_slot)) {
        return jrt_throw_stack_overflow(thread);
    }
    uint32_t room = thread->held_room == 0 ? ROOM_FIRST : thread->held_room * 2;
    struct jrt_held *grown = realloc(thread->held, room * sizeof *grown);
    if (grown == NULL) {
        return jrt_throw_oom(thread, JRT_OOM_HEAP);
    }
    thread->held = grown;
    thread->held_room = room;
    return true;
}

bool jrt_held_take_lower(struct jrt_thread *thread, const struct jrt_held *entry)
{
    for (uint32_t i = thread->held_count; i-- > 0 && thread->held[i].frame == entry->frame;) {
        if (thread->held[i].object.word == entry->object.word) {
            thread->held_count--;
            for (; i < thread->held_count; i++) {
                thread->held[i] = thread->held[i + 1];
            }
            return true;
        }
    }
    return false;
}

struct job_object *jrt_held_last(const struct jrt_thread *thread, const union jrt_slot *fp)
{
    if (thread->held_count == 0) {
        return NULL;
    }
    const struct jrt_held *last = &thread->held[thread->held_count - 1];
    return last->frame == jrt_held_frame(thread, fp) ? job_from_ref(last->object) : NULL;
}

const struct jrt_held *jrt_held_of(const struct jrt_thread *thread, const union jrt_slot *fp,
                                   uint32_t *ret_count)
{
    uint32_t frame = jrt_held_frame(thread, fp);
    uint32_t low = 0;
    uint32_t high = thread->held_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (thread->held[middle].frame < frame) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *ret_count = 0;
    while (low + *ret_count < thread->held_count && thread->held[low + *ret_count].frame == frame) {
        ++*ret_count;
    }
    return *ret_count != 0 ? &thread->held[low] : NULL;
}

void jrt_held_visit(struct jrt_thread *thread, struct jgc_visitor *visitor)
{
    for (uint32_t i = 0; i < thread->held_count; i++) {
        jgc_visit_slot(visitor, &thread->held[i].object);
    }
}
