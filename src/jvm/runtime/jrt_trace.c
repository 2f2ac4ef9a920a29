/*
 * Throwable's stack trace: taken at once, decoded when somebody asks (jvm-interface.md 7.1).
 *
 * Throwable.backtrace is an Object[]: first an int[] of pairs (method as metadata offset, where it
 * stood in translated code) and whether hidden frames were left out on top, then the mirrors of
 * classes that could be unloaded while the trace lives.
 */
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_stack.h"
#include "jvm/runtime/jrt_throw.h"
#include "jvm/runtime/jrt_vm.h"

/* Leaves out the frames of making the throwable: fillInStackTrace and constructors of its classes.
 */
static void skip_construction(struct jrt_walk *walk, const struct job_object *throwable)
{
    const struct jrt_class *class = jrt_class_of(throwable);
    for (; walk->fp != NULL; jrt_walk_next(walk)) {
        const struct jrt_method *method = jrt_walk_method(walk);
        if (method->name != jrt_known.name_fillInStackTrace ||
            !jrt_is_subtype(class, jrt_class_at(method->class_at))) {
            break;
        }
    }
    for (; walk->fp != NULL; jrt_walk_next(walk)) {
        const struct jrt_method *method = jrt_walk_method(walk);
        if ((method->flags & JRT_METHOD_INITIALIZER) == 0 ||
            !jrt_is_subtype(class, jrt_class_at(method->class_at))) {
            break;
        }
    }
}

static bool may_unload(const struct jrt_method *method)
{
    const struct jrt_class *class = jrt_class_at(method->class_at);
    return (class->flags & JRT_CLASS_HIDDEN) != 0 || class->loader != jrt_known.boot_loader;
}

struct shape {
    bool hidden_top; /* the first frame is one that is not shown */
    uint32_t depth;
    uint32_t
        kept; /* frames whose class could be unloaded; of consecutive ones of a class the first */
};

static void count(struct jrt_walk walk, struct shape *ret_shape)
{
    uint32_t limit = jrt_options.trace_depth != 0 ? jrt_options.trace_depth : UINT32_MAX;
    job_offset_t last = 0;
    *ret_shape = (struct shape){0};
    ret_shape->hidden_top = walk.fp != NULL && jrt_frame_hidden(jrt_walk_method(&walk));
    for (; walk.fp != NULL && ret_shape->depth < limit; jrt_walk_next(&walk)) {
        const struct jrt_method *method = jrt_walk_method(&walk);
        if (jrt_frame_hidden(method)) {
            continue;
        }
        ret_shape->depth++;
        ret_shape->kept += may_unload(method) && method->class_at != last ? 1 : 0;
        last = method->class_at;
    }
}

static void record(struct jrt_walk walk, const struct shape *shape, struct job_array *kept,
                   int32_t *pairs)
{
    job_offset_t last = 0;
    uint32_t at = 1;
    for (uint32_t i = 0; i < shape->depth; jrt_walk_next(&walk)) {
        const struct jrt_method *method = jrt_walk_method(&walk);
        if (jrt_frame_hidden(method)) {
            continue;
        }
        pairs[2 * i] = (int32_t)job_offset(method);
        pairs[2 * i + 1] = (int32_t)jrt_frame_of(walk.fp)->pc;
        i++;
        if (may_unload(method) && method->class_at != last) {
            jgc_store(&kept->object, (jref_t *)job_elements(kept) + at++,
                      jrt_class_at(method->class_at)->object.mirror);
        }
        last = method->class_at;
    }
    pairs[2 * shape->depth] = shape->hidden_top;
}

void jrt_fill_stack_trace(struct jrt_thread *thread, struct job_object *throwable)
{
    struct jrt_walk walk;
    struct shape shape;
    jrt_set_ref(throwable, JRT_AT(Throwable, stackTrace), NULL);
    jrt_set_ref(throwable, JRT_AT(Throwable, backtrace), NULL);
    jrt_set_int(throwable, JRT_AT(Throwable, depth), 0);
    jrt_walk_start(&walk, thread);
    skip_construction(&walk, throwable);
    count(walk, &shape);
    struct job_array *kept = jrt_new_array(thread, jrt_known.object_array, (int32_t)shape.kept + 1);
    struct job_array *pairs = kept != NULL
                                  ? jrt_new_array(thread, jrt_known.primitive_array[JRT_INT],
                                                  (int32_t)shape.depth * 2 + 1)
                                  : NULL;
    if (pairs == NULL) {
        (void)jrt_catch(thread); /* a throwable without a trace is better than none */
        return;
    }
    jgc_store(&kept->object, job_elements(kept), job_to_ref(pairs));
    record(walk, &shape, kept, job_elements(pairs));
    jrt_set_ref(throwable, JRT_AT(Throwable, backtrace), &kept->object);
    jrt_set_int(throwable, JRT_AT(Throwable, depth), (int32_t)shape.depth);
}

/* The int[] of a trace; NULL: there is no trace. */
static const struct job_array *pairs_of(const struct job_object *throwable)
{
    const struct job_array *kept =
        (const struct job_array *)jrt_ref(throwable, JRT_AT(Throwable, backtrace));
    return kept != NULL ? (const struct job_array *)job_from_ref(*(jref_t *)job_elements(kept))
                        : NULL;
}

bool jrt_trace_frame(const struct job_object *throwable, uint32_t index,
                     struct jrt_method **ret_method, uint32_t *ret_bytecode_index)
{
    const struct job_array *pairs = pairs_of(throwable);
    if (pairs == NULL || index >= (uint32_t)pairs->length / 2) {
        return false;
    }
    const int32_t *words = job_elements(pairs);
    struct jrt_frame frame = {.method = (job_offset_t)words[2 * index],
                              .pc = (uint32_t)words[2 * index + 1]};
    *ret_method = jrt_method_at(frame.method);
    *ret_bytecode_index = jrt_exec->bytecode_index(&frame);
    return true;
}

bool jrt_trace_has_hidden_top(const struct job_object *throwable)
{
    const struct job_array *pairs = pairs_of(throwable);
    return pairs != NULL && ((const int32_t *)job_elements(pairs))[pairs->length - 1] != 0;
}

bool jrt_stack_trace_elements(struct jrt_thread *thread, struct job_object *throwable,
                              struct job_array *elements)
{
    int32_t depth = jrt_int(throwable, JRT_AT(Throwable, depth));
    if (elements->length != depth) {
        return jrt_throw(thread, JRT_IndexOutOfBoundsException, "%d elements for a trace of %d",
                         elements->length, depth);
    }
    for (int32_t i = 0; i < depth; i++) {
        struct jrt_method *method;
        uint32_t bytecode_index;
        struct job_object *element = job_from_ref(((jref_t *)job_elements(elements))[i]);
        if (element == NULL) {
            return jrt_throw_class(thread, jrt_known_class(thread, JRT_NullPointerException), NULL);
        }
        if (jrt_trace_frame(throwable, (uint32_t)i, &method, &bytecode_index) &&
            !jrt_fill_element(thread, element, method, bytecode_index)) {
            return false;
        }
    }
    return true;
}
