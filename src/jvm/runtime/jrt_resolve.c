/*
 * Resolution of classes and fields (JVMS 17 5.4.3.1, 5.4.3.2), outcomes that are kept, handlers.
 */
#include <string.h>

#include "jvm/runtime/jrt_message.h"
#include "jvm/runtime/jrt_meta.h"
#include "jvm/runtime/jrt_nest.h"
#include "jvm/runtime/jrt_references.h"
#include "jvm/runtime/jrt_resolve_priv.h"
#include "jvm/runtime/jrt_string.h"

pthread_mutex_t jrt_resolution_lock = PTHREAD_MUTEX_INITIALIZER;

struct jrt_failure {
    job_offset_t next;
    job_offset_t message; /* symbol, 0: none */
    uint64_t site;
    job_offset_t class; /* of the error */
    job_offset_t cause; /* class of its cause, 0: none */
    job_offset_t cause_message;
};

static struct jrt_failure *find_failure_locked(const struct jrt_class *in, uint64_t site)
{
    job_offset_t at = in->failures;
    while (at && ((struct jrt_failure *)job_at(at))->site != site) {
        at = ((struct jrt_failure *)job_at(at))->next;
    }
    return at ? job_at(at) : NULL;
}

static job_offset_t message_of(const struct job_object *throwable)
{
    const struct job_object *message = jrt_ref(throwable, JRT_AT(Throwable, detailMessage));
    return message ? jrt_string_symbol(message, false) : 0;
}

/* What an error without a message is thrown with the next time: what the entry names. */
static job_offset_t named_at(const struct jrt_class *in, uint64_t site)
{
    const struct jrt_pool *pool = jrt_pool_of(in);
    struct jrt_member_name member;
    if (site >= pool->count) {
        return 0;
    }
    uint16_t index = (uint16_t)site;
    switch (pool->tags[index]) {
    case JCF_TAG_CLASS:
    case JCF_TAG_METHOD_TYPE:
        return jrt_pool_named(in, index);
    case JCF_TAG_METHOD_HANDLE:
        return jrt_pool_member(in, jrt_pool_low(pool, index), &member) ? member.name : 0;
    case JCF_TAG_DYNAMIC:
        return jrt_pool_member(in, index, &member) ? member.name : 0;
    default:
        return 0;
    }
}

void jrt_keep_failure(struct jrt_thread *thread, struct jrt_class *in, uint64_t site)
{
    if (!jrt_pending_is(thread, JRT_LinkageError)) {
        return;
    }
    struct job_object *error = jrt_catch(thread);
    /* Of call sites there is no cause to be told again, as there is none on HotSpot. */
    bool entry = site < jrt_pool_of(in)->count;
    const struct job_object *cause = entry ? jrt_ref(error, JRT_AT(Throwable, cause)) : NULL;
    cause = cause != error ? cause : NULL;
    struct jrt_failure *failure = jrt_class_meta(in, JOB_META_WRITTEN, sizeof(*failure));
    bool kept = failure && jrt_depend(thread, in, jrt_class_of(error)) &&
                (!cause || jrt_depend(thread, in, jrt_class_of(cause)));
    (void)jrt_throw_object(thread, error);
    if (!kept) {
        return;
    }
    job_offset_t message = message_of(error);
    failure->message = message ? message : named_at(in, site);
    failure->site = site;
    failure->class = job_offset(jrt_class_of(error));
    failure->cause = cause ? job_offset(jrt_class_of(cause)) : 0;
    failure->cause_message = cause ? message_of(cause) : 0;
    pthread_mutex_lock(&jrt_resolution_lock);
    if (!find_failure_locked(in, site)) {
        failure->next = in->failures;
        in->failures = job_offset(failure);
    }
    pthread_mutex_unlock(&jrt_resolution_lock);
}

bool jrt_throw_kept(struct jrt_thread *thread, struct jrt_class *in, uint64_t site)
{
    pthread_mutex_lock(&jrt_resolution_lock);
    const struct jrt_failure *failure = find_failure_locked(in, site);
    pthread_mutex_unlock(&jrt_resolution_lock);
    if (!failure) {
        return false;
    }
    struct jrt_class *class = jrt_class_at(failure->class);
    const char *message = failure->message ? jrt_text(failure->message) : NULL;
    if (!failure->cause) {
        (void)jrt_throw_class(thread, class, message);
        return true;
    }
    (void)jrt_throw_class(thread, jrt_class_at(failure->cause),
                          failure->cause_message ? jrt_text(failure->cause_message) : NULL);
    (void)jrt_throw_class_caused(thread, class, message);
    return true;
}

bool jrt_depend(struct jrt_thread *thread, struct jrt_class *in, const struct jrt_class *on)
{
    if (!(on->flags & JRT_CLASS_WEAK) &&
        (on->loader == in->loader || on->loader == jrt_known.boot_loader)) {
        return true;
    }
    return jrt_add_reference(thread, in, jrt_mirror(on)) != 0;
}

bool jrt_check_class_access(struct jrt_thread *thread, const struct jrt_class *from,
                            const struct jrt_class *to)
{
    while (to->flags & JRT_CLASS_ARRAY) {
        to = jrt_class_at(to->element);
    }
    if (jrt_can_access_class(from, to)) {
        return true;
    }
    char text[4 * JRT_MESSAGE_BYTES];
    if (to->access & JCF_ACC_PUBLIC && jrt_module_denial_text(from, to, text, sizeof(text))) {
        return jrt_throw(thread, JRT_IllegalAccessError, "%s", text);
    }
    char one[JRT_MESSAGE_BYTES];
    char other[JRT_MESSAGE_BYTES];
    return jrt_throw(thread, JRT_IllegalAccessError, "failed to access class %s from class %s (%s)",
                     jrt_external_name(to, one, sizeof(one)),
                     jrt_external_name(from, other, sizeof(other)),
                     jrt_places_text(to, from, text, sizeof(text)));
}

struct jrt_class *jrt_resolve_class(struct jrt_thread *thread, struct jrt_class *in, uint16_t index)
{
    uint32_t *place = jrt_pool_resolved(jrt_pool_of(in), index);
    uint32_t word = __atomic_load_n(place, __ATOMIC_ACQUIRE);
    if (word > JRT_POOL_FAILED) {
        return jrt_class_at(word);
    }
    if (word == JRT_POOL_FAILED && jrt_throw_kept(thread, in, index)) {
        return NULL;
    }
    job_offset_t name = jrt_pool_named(in, index);
    struct jrt_class *class = name ? jrt_need_class_for(thread, in, name) : NULL;
    if (!name) {
        (void)jrt_throw_oom(thread, JRT_OOM_METASPACE);
    }
    uint32_t made = 0;
    if (class && jrt_check_class_access(thread, in, class) && jrt_depend(thread, in, class)) {
        made = job_offset(class);
    } else if (jrt_pending_is(thread, JRT_LinkageError)) {
        jrt_keep_failure(thread, in, index);
        made = JRT_POOL_FAILED;
    } else {
        return NULL; /* may succeed another time */
    }
    /* The first outcome is everybody's. */
    word = 0;
    if (!__atomic_compare_exchange_n(place, &word, made, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        made = word;
    }
    if (made == JRT_POOL_FAILED) {
        if (!jrt_failed(thread)) {
            (void)jrt_throw_kept(thread, in, index);
        }
        return NULL;
    }
    (void)jrt_catch(thread);
    return jrt_class_at(made);
}

struct jrt_class *jrt_class_of_descriptor(struct jrt_thread *thread, const char *descriptor,
                                          size_t length, struct jrt_class *in)
{
    if (length == 1) {
        return jrt_known.primitive[jrt_type_of_char(descriptor[0])];
    }
    job_offset_t name = descriptor[0] == 'L' ? jrt_symbol(descriptor + 1, length - 2)
                                             : jrt_symbol(descriptor, length);
    if (!name) {
        (void)jrt_throw_oom(thread, JRT_OOM_METASPACE);
        return NULL;
    }
    return jrt_need_class_for(thread, in, name);
}

struct jrt_class *jrt_class_of_type(struct jrt_thread *thread, const char *type, size_t length,
                                    struct jrt_class *in)
{
    struct jrt_class *class = jrt_class_of_descriptor(thread, type, length, in);
    return class && jrt_check_class_access(thread, in, class) ? class : NULL;
}

struct jrt_class *jrt_class_by_name(struct jrt_thread *thread, job_offset_t name,
                                    struct jrt_class *in)
{
    const struct jrt_symbol *symbol = jrt_symbol_at(name);
    bool type =
        symbol->length == 1 || (symbol->text[0] == 'L' && symbol->text[symbol->length - 1] == ';');
    return type ? jrt_class_of_type(thread, symbol->text, symbol->length, in)
                : jrt_need_class_for(thread, in, name);
}

/* -- Fields -- */

static bool throw_field_access(struct jrt_thread *thread, struct jrt_class *in,
                               const struct jrt_field *field)
{
    struct jrt_class *holder = jrt_class_at(field->class_at);
    char one[JRT_MESSAGE_BYTES];
    char other[JRT_MESSAGE_BYTES];
    char places[6 * JRT_MESSAGE_BYTES];
    char nest_text[4 * JRT_MESSAGE_BYTES];
    const char *nest = field->access & JCF_ACC_PRIVATE
                           ? jrt_nest_error_text(thread, in, holder, nest_text, sizeof(nest_text))
                           : "";
    return nest && jrt_throw(thread, JRT_IllegalAccessError,
                             "class %s tried to access %s%sfield %s.%s (%s)%s",
                             jrt_external_name(in, one, sizeof(one)),
                             field->access & JCF_ACC_PROTECTED ? "protected " : "",
                             field->access & JCF_ACC_PRIVATE ? "private " : "",
                             jrt_external_name(holder, other, sizeof(other)), jrt_text(field->name),
                             jrt_places_text(in, holder, places, sizeof(places)), nest);
}

/* What depends on the instruction. */
static bool check_use(struct jrt_thread *thread, const struct jrt_class *in,
                      const struct jrt_class *through, const struct jrt_field *field,
                      enum jrt_field_use use, const struct jrt_method *method)
{
    const struct jrt_class *holder = jrt_class_at(field->class_at);
    bool is_static = use == JRT_GETSTATIC || use == JRT_PUTSTATIC;
    char one[JRT_MESSAGE_BYTES];
    char other[JRT_MESSAGE_BYTES];
    if (is_static != ((field->access & JCF_ACC_STATIC) != 0)) {
        return jrt_throw(thread, JRT_IncompatibleClassChangeError, "Expected %s field %s.%s",
                         is_static ? "static" : "non-static",
                         jrt_external_name(through, one, sizeof(one)), jrt_text(field->name));
    }
    if (!(field->access & JCF_ACC_FINAL) || use == JRT_GETFIELD || use == JRT_GETSTATIC) {
        return true;
    }
    if (in != holder) {
        return jrt_throw(thread, JRT_IllegalAccessError,
                         "Update to %s final field %s.%s attempted from a different class (%s) "
                         "than the field's declaring class",
                         is_static ? "static" : "non-static",
                         jrt_external_name(through, one, sizeof(one)), jrt_text(field->name),
                         jrt_external_name(in, other, sizeof(other)));
    }
    uint32_t initializer = is_static ? JRT_METHOD_CLASS_INITIALIZER : JRT_METHOD_INITIALIZER;
    if (method && in->major >= 53 && !(method->flags & initializer)) {
        return jrt_throw(thread, JRT_IllegalAccessError,
                         "Update to %s final field %s.%s attempted from a different method (%s) "
                         "than the initializer method %s ",
                         is_static ? "static" : "non-static",
                         jrt_external_name(through, one, sizeof(one)), jrt_text(field->name),
                         jrt_text(method->name), is_static ? "<clinit>" : "<init>");
    }
    return true;
}

static bool constrain_field(struct jrt_thread *thread, const struct jrt_class *in,
                            const struct jrt_field *field)
{
    const struct jrt_class *holder = jrt_class_at(field->class_at);
    job_offset_t type;
    if (jrt_constrain(thread, jrt_loader_at(in->loader), jrt_loader_at(holder->loader),
                      field->descriptor, &type)) {
        return true;
    }
    if (jrt_failed(thread)) {
        return false;
    }
    char one[JRT_MESSAGE_BYTES];
    char other[JRT_MESSAGE_BYTES];
    char loader[JRT_MESSAGE_BYTES];
    char other_loader[JRT_MESSAGE_BYTES];
    char place[2 * JRT_MESSAGE_BYTES];
    char other_place[2 * JRT_MESSAGE_BYTES];
    char type_text[JRT_MESSAGE_BYTES];
    const struct jrt_class named = {.name = type};
    jrt_external_name(&named, type_text, sizeof(type_text));
    return jrt_throw(
        thread, JRT_LinkageError,
        "loader constraint violation: when resolving field \"%s\" of type %s, the class loader %s "
        "of the current class, %s, and the class loader %s for the field's defining class, %s, "
        "have different Class objects for type %s (%s; %s)",
        jrt_text(field->name), type_text,
        jrt_loader_text(jrt_loader_at(in->loader), loader, sizeof(loader)),
        jrt_external_name(in, one, sizeof(one)),
        jrt_loader_text(jrt_loader_at(holder->loader), other_loader, sizeof(other_loader)),
        jrt_external_name(holder, other, sizeof(other)), type_text,
        jrt_place_and_parent_text(in, place, sizeof(place)),
        jrt_place_and_parent_text(holder, other_place, sizeof(other_place)));
}

static struct jrt_field *find_field(struct jrt_thread *thread, struct jrt_class *in,
                                    struct jrt_class *through, uint16_t index)
{
    struct jrt_member_name member;
    if (!jrt_pool_member(in, index, &member)) {
        (void)jrt_throw_oom(thread, JRT_OOM_METASPACE);
        return NULL;
    }
    struct jrt_field *field = through->flags & JRT_CLASS_ARRAY
                                  ? NULL
                                  : jrt_find_field(through, member.name, member.descriptor);
    if (!field) {
        (void)jrt_throw(thread, JRT_NoSuchFieldError, "%s", jrt_text(member.name));
        return NULL;
    }
    if (!jrt_can_access_member(thread, in, through, jrt_class_at(field->class_at), field->access)) {
        if (!jrt_failed(thread)) {
            (void)throw_field_access(thread, in, field);
        }
        return NULL;
    }
    return constrain_field(thread, in, field) ? field : NULL;
}

struct jrt_field *jrt_resolve_field(struct jrt_thread *thread, struct jrt_class *in, uint16_t index,
                                    enum jrt_field_use use, const struct jrt_method *method)
{
    const struct jrt_pool *pool = jrt_pool_of(in);
    struct jrt_class *through = jrt_resolve_class(thread, in, jrt_pool_high(pool, index));
    if (!through) {
        return NULL;
    }
    uint32_t *place = jrt_pool_resolved(pool, index);
    uint32_t word = __atomic_load_n(place, __ATOMIC_ACQUIRE);
    struct jrt_field *field = word ? job_at(word) : find_field(thread, in, through, index);
    if (!field || !check_use(thread, in, through, field, use, method)) {
        return NULL;
    }
    __atomic_store_n(place, job_offset(field), __ATOMIC_RELEASE);
    return field;
}

/* The handler's number, or -1. *ret_caught: the class that could not be resolved made it stop. */
static int find_handler(struct jrt_thread *thread, struct jrt_method *method,
                        uint32_t bytecode_index, const struct job_object *exception,
                        bool *ret_failed)
{
    const struct jrt_handler *handlers = job_at(method->handlers);
    struct jrt_class *in = jrt_class_at(method->class_at);
    *ret_failed = false;
    for (uint32_t i = 0; i < method->handler_count; i++) {
        const struct jrt_handler *handler = &handlers[i];
        if (bytecode_index < handler->start || bytecode_index >= handler->end) {
            continue;
        }
        if (!handler->catch_index) {
            return (int)i;
        }
        const struct jrt_class *caught = jrt_resolve_class(thread, in, handler->catch_index);
        if (!caught) {
            *ret_failed = true;
            return (int)i;
        }
        if (jrt_is_subtype(jrt_class_of(exception), caught)) {
            return (int)i;
        }
    }
    return -1;
}

int jrt_find_handler(struct jrt_thread *thread, struct jrt_method *method, uint32_t bytecode_index,
                     struct job_object **exception)
{
    const struct jrt_handler *handlers = job_at(method->handlers);
    /* Nothing else may be pending while classes are resolved. */
    (void)jrt_catch(thread);
    /* Where a class cannot be resolved, the error is thrown as if at that handler. */
    for (uint32_t tries = 0; tries <= method->handler_count; tries++) {
        bool failed;
        int found = find_handler(thread, method, bytecode_index, *exception, &failed);
        if (!failed) {
            return found < 0 ? -1 : handlers[found].target;
        }
        *exception = jrt_catch(thread);
        bytecode_index = handlers[found].target;
    }
    return -1;
}
