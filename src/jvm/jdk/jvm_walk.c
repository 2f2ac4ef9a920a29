/*
 * JVM_ functions of java.lang.StackWalker (jvm-interface.md 7.6).
 *
 * callStackWalk fills a first batch of frames and calls doStackWalk, which runs the user's function
 * and may ask for more; the walk lies in the C frame of the former, and the anchor that Java
 * carries between them names it. A walk that ended, or is another thread's, is not in the thread's
 * list.
 */
#include <stdlib.h>
#include <string.h>

#include "jvm/jdk/jdk.h"
#include "jvm/jdk/jdk_jni.h"
#include "jvm/jdk/jdk_locks.h"
#include "jvm/jdk/jdk_member.h"
#include "jvm/jdk/jvm.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_stack.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"

/* Bits of `mode`. */
enum {
    CLASSES_ONLY = 0x2, /* the buffer is a Class[] */
    CALLER_CLASS = 0x4, /* StackWalker.getCallerClass */
    SHOW_HIDDEN = 0x20,
    LIVE_FRAMES = 0x100
};

enum { OWNER_AT = 0 }; /* the buffer's element that holds the walking thread */

struct stack_walk {
    struct jrt_walk walk; /* at the last frame that was delivered */
    struct stack_walk *outer;
};

static __thread struct stack_walk *walks;

/* ---- filling the buffer ---- */

static bool skipped(const struct jrt_method *method, jlong mode)
{
    return ((mode & SHOW_HIDDEN) == 0 || (mode & CALLER_CLASS) != 0) && jrt_frame_hidden(method);
}

static struct job_array *new_objects(struct jrt_thread *thread, uint32_t length)
{
    struct jrt_class *class = jrt_array_class(thread, jrt_known.class[JRT_Object]);
    return class != NULL ? jrt_new_array(thread, class, (int32_t)length) : NULL;
}

/* A reference, or what the library has for all else: 64 bits. false: an exception is pending. */
static bool variable_value(struct jrt_thread *thread, const union jrt_slot *fp,
                           const struct jrt_variable *variable, jref_t *ret)
{
    union jrt_slot value = {.word = variable->constant ? variable->word : fp[variable->slot].word};
    union jrt_slot primitive;
    switch (variable->kind) {
    case JRT_VARIABLE_REF:
        *ret = value.ref;
        return true;
    case JRT_VARIABLE_NOTHING:
        value.word = 0;
        break;
    case JRT_VARIABLE_WORD:
        value.word = (uint32_t)value.word;
        break;
    case JRT_VARIABLE_WIDE:
        break;
    }
    bool good = jrt_call(thread, jrt_known.method[JRT_METHOD_longPrimitive], &primitive,
                         (int64_t)value.word);
    *ret = good ? primitive.ref : (jref_t){.word = 0};
    return good;
}

/* The values of `count` variables in an array in a field, which keeps its empty one if there are
 * none. */
static bool put_values(struct jrt_thread *thread, const union jrt_slot *fp, struct job_object *info,
                       uint32_t field_at, const struct jrt_variable *variables, uint32_t count)
{
    struct job_array *values = count != 0 ? new_objects(thread, count) : NULL;
    if (values == NULL) {
        return count == 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        jref_t value;
        if (!variable_value(thread, fp, &variables[i], &value)) {
            return false;
        }
        jgc_store(&values->object, (jref_t *)job_elements(values) + i, value);
    }
    jrt_set_ref(info, field_at, &values->object);
    return true;
}

/* The one of its method first, then those of synchronized statements from the outermost on. */
static bool put_monitors(struct jrt_thread *thread, union jrt_slot *fp, struct job_object *info)
{
    uint32_t count = 0;
    while (jdk_frame_monitor(thread, fp, count) != NULL) {
        count++;
    }
    struct job_array *values = count != 0 ? new_objects(thread, count) : NULL;
    if (values == NULL) {
        return count == 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        jgc_store(&values->object, (jref_t *)job_elements(values) + i,
                  job_to_ref(jdk_frame_monitor(thread, fp, count - 1 - i)));
    }
    jrt_set_ref(info, JRT_AT(LiveStackFrameInfo, monitors), &values->object);
    return true;
}

static bool fill_live(struct jrt_thread *thread, union jrt_slot *fp, struct job_object *info)
{
    enum { INTERPRETED = 1 };
    struct jrt_variables *all = jrt_exec->variables(thread, fp);
    jrt_set_int(info, JRT_AT(LiveStackFrameInfo, mode), INTERPRETED);
    bool good =
        all != NULL &&
        put_values(thread, fp, info, JRT_AT(LiveStackFrameInfo, locals), all->of, all->locals) &&
        put_values(thread, fp, info, JRT_AT(LiveStackFrameInfo, operands), all->of + all->locals,
                   all->operands) &&
        put_monitors(thread, fp, info);
    free(all);
    return good;
}

static bool fill_frame(struct jrt_thread *thread, const struct jrt_walk *walk, jlong mode,
                       struct job_array *frames, int32_t at)
{
    struct jrt_method *method = jrt_walk_method(walk);
    jref_t *elements = job_elements(frames);
    if ((mode & CLASSES_ONLY) != 0) {
        jgc_store(&frames->object, &elements[at], jrt_class_at(method->class_at)->object.mirror);
        return true;
    }
    struct job_object *info = job_from_ref(elements[at]);
    struct job_object *member =
        info != NULL ? jrt_ref(info, JRT_AT(StackFrameInfo, memberName)) : NULL;
    if (member == NULL) {
        return jrt_throw(thread, JRT_InternalError, "a frame buffer with a hole at %d", at);
    }
    uint32_t bytecode_index = jrt_exec->bytecode_index(jrt_frame_of(walk->fp));
    jrt_set_int(info, JRT_AT(StackFrameInfo, bci), (int32_t)bytecode_index);
    return jdk_member_set_method(thread, member, method) &&
           ((mode & LIVE_FRAMES) == 0 || fill_live(thread, walk->fp, info));
}

/* Fills up to `count` elements from `at`, beginning with the frame that the walk is at. Returns the
 * end of what was filled; -1: an exception is pending. */
static int32_t fill(struct jrt_thread *thread, struct jrt_walk *walk, jlong mode,
                    struct job_array *frames, int32_t at, int32_t count)
{
    const bool callers = (mode & (CLASSES_ONLY | CALLER_CLASS)) == (CLASSES_ONLY | CALLER_CLASS);
    int32_t end = at;
    for (; walk->fp != NULL; jrt_walk_next(walk)) {
        const struct jrt_method *method = jrt_walk_method(walk);
        if (skipped(method, mode)) {
            continue;
        }
        if (callers && end == at && (method->flags & JRT_METHOD_CALLER_SENSITIVE) != 0) {
            char text[1024];
            jdk_describe_method(method, text, sizeof text);
            (void)jrt_throw(thread, JRT_UnsupportedOperationException,
                            "StackWalker::getCallerClass called from @CallerSensitive '%s' method",
                            text);
            return -1;
        }
        if (!fill_frame(thread, walk, mode, frames, end)) {
            return -1;
        }
        if (++end - at == count) {
            break;
        }
    }
    return end;
}

/* ---- the walk ---- */

/* Frames of StackWalker, of AbstractStackWalker and of its direct subclasses. */
static bool is_walking(const struct jrt_class *class)
{
    job_offset_t walker = job_offset(jrt_known.class[JRT_AbstractStackWalker]);
    return job_offset(class) == walker || class->super == walker ||
           (class->loader == jrt_known.boot_loader &&
            strcmp(jrt_text(class->name), "java/lang/StackWalker") == 0);
}

static void start(struct jrt_thread *thread, struct jrt_walk *walk, int32_t skip)
{
    jrt_walk_start(walk, thread);
    while (walk->fp != NULL && is_walking(jrt_class_at(jrt_walk_method(walk)->class_at))) {
        jrt_walk_next(walk);
    }
    for (; walk->fp != NULL && skip > 0; skip--) {
        jrt_walk_next(walk);
    }
}

static bool check_buffer(struct jrt_thread *thread, const struct job_array *frames, int32_t at,
                         int32_t count)
{
    if (frames == NULL) {
        return jrt_throw_null(thread);
    }
    if (at <= OWNER_AT || count < 0 || at > frames->length || count > frames->length - at) {
        return jrt_throw(thread, JRT_IllegalArgumentException, "not enough space in buffers");
    }
    return true;
}

static struct job_object *walk_stack(struct jrt_thread *thread, struct job_object *stream,
                                     jlong mode, int32_t skip, int32_t count, int32_t at,
                                     struct job_array *frames)
{
    struct stack_walk self = {.outer = walks};
    int32_t end = at;
    if (!check_buffer(thread, frames, at, count)) {
        return NULL;
    }
    start(thread, &self.walk, skip);
    if (count > 0) {
        end = fill(thread, &self.walk, mode, frames, at, count);
        if (end < 0) {
            return NULL;
        }
        if (end == at) {
            (void)jrt_throw(thread, JRT_InternalError, "stack walk: decode failed");
            return NULL;
        }
    }
    jref_t *elements = job_elements(frames);
    union jrt_slot result = {.word = 0};
    walks = &self;
    jgc_store(&frames->object, &elements[OWNER_AT], thread->object);
    bool good = jrt_call(thread, jrt_known.method[JRT_METHOD_doStackWalk], &result, stream,
                         (int64_t)(uintptr_t)&self, (int)skip, (int)count, (int)at, (int)end);
    walks = self.outer;
    elements = job_elements(frames);
    bool owned = elements[OWNER_AT].word == thread->object.word;
    jgc_store(&frames->object, &elements[OWNER_AT], job_to_ref(NULL));
    if (good && !owned) {
        good = jrt_throw(thread, JRT_InternalError, "doStackWalk: corrupted buffers on exit");
    }
    return good ? job_from_ref(result.ref) : NULL;
}

jobject JVM_CallStackWalk(JNIEnv *env, jobject stream, jlong mode, jint skip, jint count, jint at,
                          jobject frames)
{
    JDK_ENTER(env);
    JDK_RETURN(jrt_local(thread, walk_stack(thread, jrt_get(stream), mode, skip, count, at,
                                            (struct job_array *)jrt_get(frames))));
}

/* The walk that an anchor names, if it is one of this thread and the buffer is its. */
static struct stack_walk *walk_of(const struct jrt_thread *thread, jlong anchor,
                                  const struct job_array *frames)
{
    struct stack_walk *walk = walks;
    while (walk != NULL && (jlong)(uintptr_t)walk != anchor) {
        walk = walk->outer;
    }
    bool owned = ((const jref_t *)job_elements(frames))[OWNER_AT].word == thread->object.word;
    return owned ? walk : NULL;
}

static int32_t more(struct jrt_thread *thread, jlong mode, jlong anchor, int32_t count, int32_t at,
                    struct job_array *frames)
{
    if (!check_buffer(thread, frames, at, count)) {
        return 0;
    }
    struct stack_walk *walk = walk_of(thread, anchor, frames);
    if (walk == NULL) {
        (void)jrt_throw(thread, JRT_InternalError, "doStackWalk: corrupted buffers");
        return 0;
    }
    if (walk->walk.fp == NULL || count == 0) {
        return at;
    }
    jrt_walk_next(&walk->walk);
    int32_t end = fill(thread, &walk->walk, mode, frames, at, count);
    return end < 0 ? 0 : end;
}

jint JVM_MoreStackWalk(JNIEnv *env, jobject stream ST_UNUSED, jlong mode, jlong anchor, jint count,
                       jint at, jobject frames)
{
    JDK_ENTER(env);
    JDK_RETURN(more(thread, mode, anchor, count, at, (struct job_array *)jrt_get(frames)));
}
