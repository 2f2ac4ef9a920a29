/*
 * Locks of frames: monitorenter and monitorexit, and synchronized methods (JVMS 17 2.11.10, 6.5). A
 * frame leaves only what it entered, and what it still holds at its end is an
 * IllegalMonitorStateException: thrown by the return, or in place of the exception that ends it.
 */
#include "jvm/classfile/jcf_flags.h"
#include "jvm/interpreter/jin_priv.h"
#include "jvm/runtime/jrt_held.h"
#include "jvm/runtime/jrt_monitor.h"
#include "jvm/runtime/jrt_throw.h"

/* What HotSpot's interpreter throws has no message. */
static bool throw_state(struct jrt_thread *thread)
{
    (void)jrt_catch(thread);
    return jrt_throw(thread, JRT_IllegalMonitorStateException, NULL);
}

static bool exit_monitor(struct jrt_thread *thread, struct job_object *object)
{
    return jrt_monitor_exit(thread, object) || throw_state(thread);
}

static bool is_synchronized(const struct jrt_frame *frame)
{
    return (jrt_method_at(frame->method)->access & JCF_ACC_SYNCHRONIZED) != 0;
}

/* Whether a synchronized method has left its own lock: what it enters next takes that place, unless
 * it is entered once more, as in HotSpot's interpreter. */
static bool own_place_is_free(const struct jrt_thread *thread, const union jrt_slot *fp,
                              const struct job_object *object)
{
    uint32_t count;
    const struct jrt_frame *frame = jrt_frame_of((union jrt_slot *)fp);
    if ((frame->flags & (JRT_FRAME_LOCKED | JRT_FRAME_MONITORS)) != JRT_FRAME_MONITORS ||
        !is_synchronized(frame)) {
        return false;
    }
    const struct jrt_held *held = jrt_held_of(thread, fp, &count);
    while (count-- > 0) {
        if (held[count].object.word == job_to_ref(object).word) {
            return false;
        }
    }
    return true;
}

bool jin_enter(struct jrt_thread *thread, const struct jin_code *code, union jrt_slot *fp,
               struct job_object *object)
{
    if (!jrt_held_room(thread) || !jrt_monitor_enter(thread, object)) {
        return false;
    }
    if (own_place_is_free(thread, fp, object)) {
        fp[code->locals - 1].word = job_to_ref(object).word;
        jrt_frame_of(fp)->flags |= JRT_FRAME_LOCKED;
    } else {
        jrt_held_add(thread, fp, object);
        jrt_frame_of(fp)->flags |= JRT_FRAME_MONITORS;
    }
    return true;
}

bool jin_leave(struct jrt_thread *thread, const struct jin_code *code, union jrt_slot *fp,
               struct job_object *object)
{
    struct jrt_frame *frame = jrt_frame_of(fp);
    if ((frame->flags & JRT_FRAME_MONITORS) != 0 && jrt_held_take(thread, fp, object)) {
        return exit_monitor(thread, object);
    }
    if ((frame->flags & JRT_FRAME_LOCKED) != 0 &&
        fp[code->locals - 1].ref.word == job_to_ref(object).word) {
        frame->flags = (frame->flags & ~(uint32_t)JRT_FRAME_LOCKED) | JRT_FRAME_MONITORS;
        return exit_monitor(thread, object);
    }
    return throw_state(thread);
}

struct job_object *jin_lock_of(const struct jrt_method *method, const union jrt_slot *fp)
{
    return (method->access & JCF_ACC_STATIC) != 0 ? jrt_mirror(jrt_class_at(method->class_at))
                                                  : job_from_ref(fp[0].ref);
}

struct job_object *jin_locked(const union jrt_slot *fp)
{
    const struct jrt_frame *frame = jrt_frame_of((union jrt_slot *)fp);
    const struct jrt_method *method = jrt_method_at(frame->method);
    if ((frame->flags & JRT_FRAME_LOCKED) == 0) {
        return NULL;
    }
    return (frame->flags & JRT_FRAME_NATIVE) != 0
               ? jin_lock_of(method, fp)
               : job_from_ref(fp[jin_code_of(method)->locals - 1].ref);
}

bool jin_enter_method(struct jrt_thread *thread, struct jrt_method *method,
                      const struct jin_code *code, union jrt_slot *fp)
{
    struct job_object *lock = jin_lock_of(method, fp);
    fp[code->locals - 1].word = job_to_ref(lock).word;
    if (!jrt_monitor_enter(thread, lock)) {
        return false;
    }
    jrt_frame_of(fp)->flags |= JRT_FRAME_LOCKED;
    return true;
}

/* Unlocks what a synchronized method locked. */
static bool leave_method(struct jrt_thread *thread, const struct jin_code *code, union jrt_slot *fp)
{
    struct jrt_frame *frame = jrt_frame_of(fp);
    if ((frame->flags & JRT_FRAME_LOCKED) == 0) {
        return !is_synchronized(frame) || throw_state(thread);
    }
    /* The other flag stays, so that a second end of the frame comes here, too. */
    frame->flags = (frame->flags & ~(uint32_t)JRT_FRAME_LOCKED) | JRT_FRAME_MONITORS;
    return exit_monitor(thread, job_from_ref(fp[code->locals - 1].ref));
}

bool jin_return(struct jrt_thread *thread, const struct jin_code *code, union jrt_slot *fp)
{
    return leave_method(thread, code, fp) &&
           (jrt_held_last(thread, fp) == NULL || throw_state(thread));
}

void jin_unwind(struct jrt_thread *thread, const struct jin_code *code, union jrt_slot *fp)
{
    struct job_object *exception = jrt_catch(thread);
    bool good = leave_method(thread, code, fp);
    struct job_object *object = jrt_held_last(thread, fp);
    while (object != NULL) {
        (void)jrt_held_take(thread, fp, object);
        good = exit_monitor(thread, object) && throw_state(thread);
        object = jrt_held_last(thread, fp);
    }
    if (good) {
        (void)jrt_throw_object(thread, exception);
    }
}
