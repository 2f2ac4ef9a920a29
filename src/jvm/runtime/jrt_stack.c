/* Walking Java stacks: see jrt_stack.h. */
#include "jvm/runtime/jrt_stack.h"

#include "jvm/runtime/jrt_known.h"

void jrt_walk_start(struct jrt_walk *walk, const struct jrt_thread *thread)
{
    *walk = (struct jrt_walk){.thread = thread, .fp = thread->top};
}

void jrt_walk_next(struct jrt_walk *walk)
{
    uint32_t caller = jrt_frame_of(walk->fp)->caller;
    walk->fp = caller != 0 ? walk->thread->stack + caller : NULL;
}

bool jrt_frame_hidden(const struct jrt_method *method)
{
    return (method->flags & JRT_METHOD_HIDDEN) != 0;
}

static bool is_method_invoke(const struct jrt_method *method)
{
    return method->class_at == job_offset(jrt_known.class[JRT_Method]) &&
           method->name == jrt_known.name_invoke;
}

bool jrt_frame_ignored_by_security(const struct jrt_method *method)
{
    const struct jrt_class *class = jrt_class_at(method->class_at);
    return (method->flags & (JRT_METHOD_LF_COMPILED | JRT_METHOD_POLYMORPHIC)) != 0 ||
           (class->flags & JRT_CLASS_REFLECT_ACCESSOR) != 0 || is_method_invoke(method);
}
