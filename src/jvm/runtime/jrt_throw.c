/*
 * Exceptions that the machine throws. Ordinary ones are made as Java code would make them; those
 * that tell of exhausted memory or stack are made without running Java code, from objects that
 * stand ready if need be.
 */
#include "jvm/runtime/jrt_throw.h"

#include <stdlib.h>

#include "base/print.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_class_priv.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_known_priv.h"
#include "jvm/runtime/jrt_message.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw_priv.h"
#include "jvm/runtime/jrt_vm.h"

enum { MESSAGE_BYTES = 8192 };

static const char *const oom_texts[] = {
    [JRT_OOM_HEAP] = "Java heap space",
    [JRT_OOM_METASPACE] = "Metaspace",
    [JRT_OOM_ARRAY_SIZE] = "Requested array size exceeds VM limit",
    [JRT_OOM_GC_OVERHEAD] = "GC overhead limit exceeded",
    [JRT_OOM_THREAD] = ("unable to create native thread: possibly out of memory or "
                        "process/resource limits reached"),
};

static jref_t ready_oom[ST_COUNT(oom_texts)]; /* roots; made at boot */
static jref_t ready_overflow;
static bool ready; /* exceptions can be made by their constructors */

char jrt_early_message[512]; /* why boot failed before there were exceptions */

bool jrt_throw_null(struct jrt_thread *thread)
{
    return jrt_throw_class(thread, jrt_known_class(thread, JRT_NullPointerException), NULL);
}

bool jrt_throw_object(struct jrt_thread *thread, struct job_object *exception)
{
    thread->exception = job_to_ref(exception);
    return false;
}

struct job_object *jrt_catch(struct jrt_thread *thread)
{
    struct job_object *exception = job_from_ref(thread->exception);
    thread->exception.word = 0;
    return exception;
}

bool jrt_pending_is(const struct jrt_thread *thread, enum jrt_known_class class)
{
    const struct job_object *exception = job_from_ref(thread->exception);
    return exception && jrt_known.class[class] &&
           jrt_is_subtype(jrt_class_of(exception), jrt_known.class[class]);
}

/* The class has none of Throwable's constructors with that descriptor; a superclass has. */
static struct job_object *throw_no_constructor(struct jrt_thread *thread,
                                               const struct jrt_class *class,
                                               const char *descriptor)
{
    char name[JRT_MESSAGE_BYTES];
    char text[JRT_MESSAGE_BYTES];
    (void)jrt_throw(
        thread, JRT_NoSuchMethodError, "%s: method '%s' not found",
        jrt_external_name(class, name, sizeof(name)),
        jrt_method_text(NULL, jrt_text(jrt_known.name_init), descriptor, text, sizeof(text)));
    return NULL;
}

struct job_object *jrt_construct(struct jrt_thread *thread, struct jrt_class *class,
                                 const char *descriptor, struct job_object *argument)
{
    job_offset_t symbol = jrt_symbol_of(descriptor);
    struct jrt_method *constructor =
        symbol ? jrt_declared_method(class, jrt_known.name_init, symbol) : NULL;
    if (!jrt_init_class(thread, class)) {
        return NULL;
    }
    struct job_object *object = jrt_new(thread, class);
    if (!object) {
        return NULL;
    }
    if (!constructor) {
        return throw_no_constructor(thread, class, descriptor);
    }
    bool called = argument ? jrt_call(thread, constructor, NULL, object, argument)
                           : jrt_call(thread, constructor, NULL, object);
    return called ? object : NULL;
}

static struct job_object *make(struct jrt_thread *thread, struct jrt_class *class,
                               const char *message)
{
    struct job_object *string = message ? jrt_string_of(thread, message) : NULL;
    if (message && !string) {
        return NULL;
    }
    return jrt_construct(thread, class, message ? "(Ljava/lang/String;)V" : "()V", string);
}

bool jrt_throw_class(struct jrt_thread *thread, struct jrt_class *class, const char *message)
{
    struct job_object *exception = class ? make(thread, class, message) : NULL;
    return exception ? jrt_throw_object(thread, exception) : false;
}

static struct job_object *make_formatted(struct jrt_thread *thread, enum jrt_known_class which,
                                         const char *format, va_list args)
{
    char text[MESSAGE_BYTES];
    if (format) {
        (void)st_vsnprintf(text, sizeof(text), format, args);
    }
    if (!ready) {
        if (!jrt_early_message[0]) {
            (void)st_snprintf(jrt_early_message, sizeof(jrt_early_message), "%s: %s",
                              jrt_text(jrt_names.class[which]), format ? text : "");
        }
        return NULL;
    }
    struct jrt_class *class = jrt_known_class(thread, which);
    return class ? make(thread, class, format ? text : NULL) : NULL;
}

bool jrt_throw(struct jrt_thread *thread, enum jrt_known_class class, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct job_object *exception = make_formatted(thread, class, format, args);
    va_end(args);
    return exception ? jrt_throw_object(thread, exception) : false;
}

/* Throws it, with `cause` where it can be made its cause. */
static bool throw_caused(struct jrt_thread *thread, struct job_object *exception,
                         struct job_object *cause)
{
    return exception &&
           jrt_call(thread, jrt_known.method[JRT_METHOD_throwableInitCause], NULL, exception,
                    cause) &&
           jrt_throw_object(thread, exception);
}

bool jrt_throw_class_caused(struct jrt_thread *thread, struct jrt_class *class, const char *message)
{
    struct job_object *cause = jrt_catch(thread);
    return throw_caused(thread, make(thread, class, message), cause);
}

bool jrt_throw_caused(struct jrt_thread *thread, enum jrt_known_class class, const char *format,
                      ...)
{
    struct job_object *cause = jrt_catch(thread);
    va_list args;
    va_start(args, format);
    struct job_object *exception = make_formatted(thread, class, format, args);
    va_end(args);
    return throw_caused(thread, exception, cause);
}

/* Made without its constructor, with a stack trace if there is memory for it. */
static bool throw_bare(struct jrt_thread *thread, struct jrt_class *class, jref_t stand_in)
{
    size_t bytes = class->object.instance_bytes;
    struct job_object *exception = jgc_alloc(&thread->alloc, bytes);
    if (!exception) {
        thread->exception = stand_in;
        return false;
    }
    exception->class_at = job_offset(class);
    const struct job_object *model = job_from_ref(stand_in);
    if (model) {
        jrt_set_ref(exception, JRT_AT(Throwable, detailMessage),
                    jrt_ref(model, JRT_AT(Throwable, detailMessage)));
    }
    jrt_fill_stack_trace(thread, exception);
    return jrt_throw_object(thread, exception);
}

bool jrt_throw_oom(struct jrt_thread *thread, enum jrt_oom which)
{
    static __thread bool throwing __attribute__((tls_model("initial-exec")));
    if (!ready) {
        (void)st_snprintf(jrt_early_message, sizeof(jrt_early_message), "%s", oom_texts[which]);
        return false;
    }
    if (jrt_options.out_of_memory && which != JRT_OOM_THREAD) {
        jrt_options.out_of_memory(thread, oom_texts[which]);
    }
    if (throwing) { /* while a trace was made for another one */
        thread->exception = ready_oom[which];
        return false;
    }
    throwing = true;
    (void)throw_bare(thread, jrt_known.class[JRT_OutOfMemoryError], ready_oom[which]);
    throwing = false;
    return false;
}

bool jrt_throw_stack_overflow(struct jrt_thread *thread)
{
    return throw_bare(thread, jrt_known.class[JRT_StackOverflowError], ready_overflow);
}

static struct job_object *ready_one(struct jrt_thread *thread, enum jrt_known_class which,
                                    const char *message)
{
    struct jrt_class *class = jrt_known.class[which];
    /* Linked, for whoever catches it may call its methods. */
    struct job_object *exception = jrt_link_class(thread, class) ? jrt_new(thread, class) : NULL;
    struct job_object *string = message && exception ? jrt_string_of(thread, message) : NULL;
    if (string) {
        jrt_set_ref(exception, JRT_AT(Throwable, detailMessage), string);
    }
    return message && !string ? NULL : exception;
}

bool jrt_throw_init(struct jrt_thread *thread)
{
    for (uint32_t i = 0; i < ST_COUNT(oom_texts); i++) {
        struct job_object *exception = ready_one(thread, JRT_OutOfMemoryError, oom_texts[i]);
        if (!exception) {
            return false;
        }
        ready_oom[i] = job_to_ref(exception);
    }
    struct job_object *overflow = ready_one(thread, JRT_StackOverflowError, NULL);
    ready_overflow = job_to_ref(overflow);
    ready = overflow != NULL;
    return ready;
}

bool jrt_has_room(struct jrt_thread *thread)
{
    enum { SLACK_BYTES = 8 * 1024 };
    return (char *)__builtin_frame_address(0) - SLACK_BYTES >= thread->native_limit ||
           jrt_throw_stack_overflow(thread);
}

void jrt_throw_roots(struct jgc_visitor *visitor)
{
    for (uint32_t i = 0; i < ST_COUNT(ready_oom); i++) {
        jgc_visit_slot(visitor, &ready_oom[i]);
    }
    jgc_visit_slot(visitor, &ready_overflow);
}

/* "abstract void m(int)", with the class where `class_name` is one. */
static const char *abstract_text(const struct jrt_method *method, const char *class_name,
                                 char *text, uint32_t size)
{
    char written[JRT_MESSAGE_BYTES];
    (void)st_snprintf(text, size, "%s%s", method->access & JCF_ACC_ABSTRACT ? "abstract " : "",
                      jrt_method_text(class_name, jrt_text(method->name),
                                      jrt_text(method->descriptor), written, sizeof(written)));
    return text;
}

bool jrt_throw_abstract(struct jrt_thread *thread, const struct jrt_method *resolved,
                        const struct jrt_method *selected, const struct jrt_class *receiver)
{
    char one[JRT_MESSAGE_BYTES];
    char other[JRT_MESSAGE_BYTES];
    char written[JRT_MESSAGE_BYTES];
    char more[2 * JRT_MESSAGE_BYTES] = "";
    if (selected->flags & JRT_METHOD_OVERPASS) {
        return jrt_throw(thread, (enum jrt_known_class)(selected->native >> 32), "%s",
                         jrt_text((job_offset_t)selected->native));
    }
    const struct jrt_class *holder = jrt_class_at(selected->class_at);
    jrt_external_name(holder, other, sizeof(other));
    if (!receiver) {
        return jrt_throw(thread, JRT_AbstractMethodError, "'%s'",
                         jrt_method_text(other, jrt_text(selected->name),
                                         jrt_text(selected->descriptor), written, sizeof(written)));
    }
    if (resolved != selected) {
        (void)st_snprintf(more, sizeof(more), " Selected method is '%s'.",
                          abstract_text(selected, other, written, sizeof(written)));
    }
    const struct jrt_class *class = jrt_class_at(resolved->class_at);
    return jrt_throw(thread, JRT_AbstractMethodError,
                     "Receiver class %s does not define or inherit an implementation of the "
                     "resolved method '%s' of %s%s.%s",
                     jrt_external_name(receiver, one, sizeof(one)),
                     abstract_text(resolved, NULL, written, sizeof(written)),
                     jrt_is_interface(class)            ? "interface "
                     : class->access & JCF_ACC_ABSTRACT ? "abstract class "
                                                        : "class ",
                     jrt_external_name(class, other, sizeof(other)), more);
}

bool jrt_throw_abstract_interface(struct jrt_thread *thread, const struct jrt_method *resolved,
                                  const struct jrt_method *selected,
                                  const struct jrt_class *receiver)
{
    bool overpass = selected->flags & JRT_METHOD_OVERPASS;
    bool conflict = overpass && selected->native >> 32 == JRT_IncompatibleClassChangeError;
    bool declared = !overpass && !jrt_is_interface(jrt_class_at(selected->class_at));
    return jrt_throw_abstract(thread, resolved,
                              conflict || !(declared || overpass) ? resolved : selected, receiver);
}

static bool has_instance_code(const struct jrt_class *interface)
{
    const struct jrt_method *methods = jrt_method_at(interface->methods);
    for (uint32_t i = 0; i < interface->declared_method_count; i++) {
        if (!(methods[i].access & (JCF_ACC_ABSTRACT | JCF_ACC_STATIC))) {
            return true;
        }
    }
    return false;
}

bool jrt_is_abstract_slot(const struct jrt_class *class, const struct jrt_method *selected)
{
    const job_offset_t *vtable = job_at(class->vtable);
    uint32_t slot = 0;
    if ((selected->flags & JRT_METHOD_OVERPASS) ||
        !jrt_is_interface(jrt_class_at(selected->class_at))) {
        return false;
    }
    while (slot < class->vtable_length && vtable[slot] != job_offset(selected)) {
        slot++;
    }
    while (class->super && slot < jrt_class_at(class->super)->vtable_length) {
        class = jrt_class_at(class->super);
    }
    const job_offset_t *interfaces = job_at(class->all_interfaces);
    for (uint32_t i = 0; i < class->all_interface_count; i++) {
        if (has_instance_code(jrt_class_at(interfaces[i]))) {
            return true;
        }
    }
    return false;
}

bool jrt_throw_abstract_slot(struct jrt_thread *thread, const struct jrt_class *class,
                             const struct jrt_method *selected)
{
    return jrt_throw(thread, JRT_AbstractMethodError, "Method %s.%s%s is abstract",
                     jrt_text(class->name), jrt_text(selected->name),
                     jrt_text(selected->descriptor));
}

bool jrt_check_instances(struct jrt_thread *thread, const struct jrt_class *class, bool error)
{
    char name[JRT_MESSAGE_BYTES];
    bool mirror = class == jrt_known.class[JRT_Class];
    if (class->flags & JRT_CLASS_PRIMITIVE) {
        return jrt_throw_class(thread, jrt_known_class(thread, JRT_InstantiationException), NULL);
    }
    if (!mirror && !(class->access & (JCF_ACC_ABSTRACT | JCF_ACC_INTERFACE)) &&
        !(class->flags & JRT_CLASS_ARRAY)) {
        return true;
    }
    enum jrt_known_class access = error ? JRT_IllegalAccessError : JRT_IllegalAccessException;
    enum jrt_known_class other = error ? JRT_InstantiationError : JRT_InstantiationException;
    return jrt_throw(thread, mirror ? access : other, "%s",
                     jrt_external_name(class, name, sizeof(name)));
}
