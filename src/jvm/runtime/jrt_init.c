/*
 * Initialization (JVMS 17 5.5). What a failed one threw is kept, for the NoClassDefFoundError of
 * later uses.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/heap.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_class_priv.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_known_priv.h"
#include "jvm/runtime/jrt_life.h"
#include "jvm/runtime/jrt_link_priv.h"
#include "jvm/runtime/jrt_message.h"
#include "jvm/runtime/jrt_references.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw_priv.h"
#include "jvm/runtime/jrt_vm.h"

/* Step 7's superinterfaces: those that declare default methods, their own superinterfaces first. */
static bool init_interfaces(struct jrt_thread *thread, const struct jrt_class *class)
{
    for (uint32_t i = 0; i < class->interface_count; i++) {
        struct jrt_class *interface = jrt_class_at(jrt_offsets(class->interfaces)[i]);
        if (!init_interfaces(thread, interface)) {
            return false;
        }
        if ((interface->flags & JRT_CLASS_DEFAULT_METHODS) && !jrt_init_class(thread, interface)) {
            return false;
        }
    }
    return true;
}

static bool init_supers(struct jrt_thread *thread, const struct jrt_class *class)
{
    if (jrt_is_interface(class)) {
        return true;
    }
    return (!class->super || jrt_init_class(thread, jrt_class_at(class->super))) &&
           init_interfaces(thread, class);
}

static void log_init(const struct jrt_class *class)
{
    if (jrt_options.log_init && jrt_options.log_line) {
        char name[JRT_MESSAGE_BYTES];
        jrt_options.log_line("class,init", jrt_external_name(class, name, sizeof(name)));
    }
}

static bool run_initializer(struct jrt_thread *thread, const struct jrt_class *class)
{
    if (!(class->flags & JRT_CLASS_HAS_CLINIT)) {
        return true;
    }
    struct jrt_method *method =
        jrt_declared_method(class, jrt_known.name_clinit, jrt_names.void_method);
    log_init(class);
    return !method || !(method->flags & JRT_METHOD_CLASS_INITIALIZER) ||
           jrt_call(thread, method, NULL);
}

/* Gives an error the trace that `thrown` says it has, which its maker may have set; where it throws
 * instead, the error's own stays. */
static void take_trace(struct jrt_thread *thread, struct job_object *error,
                       struct job_object *thrown)
{
    union jrt_slot trace = {.word = 0};
    struct jrt_method *method =
        jrt_virtual_method(jrt_class_of(thrown), jrt_known.method[JRT_METHOD_getStackTrace]);
    if (jrt_call(thread, method, &trace, thrown)) {
        jrt_set_ref(error, JRT_AT(Throwable, stackTrace), job_from_ref(trace.ref));
        jrt_set_ref(error, JRT_AT(Throwable, backtrace), NULL);
    } else {
        (void)jrt_catch(thread);
    }
}

/* Keeps, for later, an ExceptionInInitializerError that tells of `thrown` and has its trace. */
static void keep_cause(struct jrt_thread *thread, struct jrt_class *class,
                       struct job_object *thrown)
{
    char name[JRT_MESSAGE_BYTES];
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(1 << 20);
    const struct job_object *detail = jrt_ref(thrown, JRT_AT(Throwable, detailMessage));
    (void)st_buf_printf(&text, "Exception %s%s",
                        jrt_external_name(jrt_class_of(thrown), name, sizeof(name)),
                        detail ? ": " : "");
    jrt_string_add(detail, &text);
    (void)st_buf_text(&text, " [in thread \"");
    jrt_thread_name(thread, &text);
    (void)st_buf_text(&text, "\"]");
    struct jrt_class *error = jrt_known_class(thread, JRT_ExceptionInInitializerError);
    struct job_object *string = error ? jrt_string_of(thread, st_buf_string(&text)) : NULL;
    struct job_object *cause =
        string ? jrt_construct(thread, error, "(Ljava/lang/String;)V", string) : NULL;
    if (cause) {
        take_trace(thread, cause, thrown);
        uint32_t index = jrt_add_reference(thread, class, cause);
        __atomic_store_n(&class->failure, index, __ATOMIC_RELEASE);
    }
    (void)jrt_catch(thread);
}

/* Steps 10 and 11: what the initializer threw, wrapped if it is no Error, is thrown. */
static bool fail(struct jrt_thread *thread, struct jrt_class *class)
{
    struct job_object *thrown = jrt_catch(thread);
    keep_cause(thread, class, thrown);
    jrt_end_state(class, JRT_CLASS_ERROR);
    if (jrt_is_subtype(jrt_class_of(thrown), jrt_known.class[JRT_Error])) {
        return jrt_throw_object(thread, thrown);
    }
    struct jrt_class *error = jrt_known_class(thread, JRT_ExceptionInInitializerError);
    struct job_object *wrapped =
        error ? jrt_construct(thread, error, "(Ljava/lang/Throwable;)V", thrown) : NULL;
    return wrapped ? jrt_throw_object(thread, wrapped) : false;
}

static bool throw_failed_before(struct jrt_thread *thread, const struct jrt_class *class)
{
    char name[JRT_MESSAGE_BYTES];
    jrt_external_name(class, name, sizeof(name));
    uint32_t index = __atomic_load_n(&class->failure, __ATOMIC_ACQUIRE);
    struct job_object *cause = index ? jrt_reference(class, index) : NULL;
    if (!cause) {
        return jrt_throw(thread, JRT_NoClassDefFoundError, "Could not initialize class %s", name);
    }
    (void)jrt_throw_object(thread, cause);
    return jrt_throw_caused(thread, JRT_NoClassDefFoundError, "Could not initialize class %s",
                            name);
}

bool jrt_init_class(struct jrt_thread *thread, struct jrt_class *class)
{
    static const struct jrt_states initializing = {JRT_CLASS_LINKED, JRT_CLASS_INITIALIZING};
    if (jrt_is_initialized(class)) {
        return true;
    }
    if (!jrt_has_room(thread) || !jrt_link_class(thread, class)) {
        return false;
    }
    uint32_t state = jrt_begin_state(thread, class, &initializing);
    if (state == JRT_CLASS_ERROR) {
        return throw_failed_before(thread, class);
    }
    if (state != JRT_CLASS_LINKED) {
        return true; /* ready, or this thread is at it */
    }
    if (!init_supers(thread, class)) {
        struct job_object *thrown = jrt_catch(thread);
        keep_cause(thread, class, thrown);
        jrt_end_state(class, JRT_CLASS_ERROR);
        return jrt_throw_object(thread, thrown);
    }
    if (!run_initializer(thread, class)) {
        return fail(thread, class);
    }
    jrt_end_state(class, JRT_CLASS_READY);
    return true;
}

struct jrt_class *jrt_known_class(struct jrt_thread *thread, enum jrt_known_class which)
{
    struct jrt_class *class = __atomic_load_n(&jrt_known.class[which], __ATOMIC_ACQUIRE);
    if (!class) {
        class = jrt_need_class(thread, jrt_boot_loader, jrt_names.class[which]);
    }
    return class && jrt_init_class(thread, class) ? class : NULL;
}
