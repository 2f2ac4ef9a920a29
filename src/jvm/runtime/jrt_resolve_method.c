/*
 * Resolution and linking of methods (JVMS 17 5.4.3.3, 5.4.3.4, 6.5.invoke*), with the texts of
 * HotSpot's errors.
 */
#include "jvm/runtime/jrt_invoke.h"
#include "jvm/runtime/jrt_known_priv.h"
#include "jvm/runtime/jrt_message.h"
#include "jvm/runtime/jrt_nest.h"
#include "jvm/runtime/jrt_resolve_priv.h"

static struct jrt_class *holder_of(const struct jrt_method *method)
{
    return jrt_class_at(method->class_at);
}

struct texts {
    char holder[JRT_MESSAGE_BYTES];
    char method[2 * JRT_MESSAGE_BYTES];
};

/* "void p.C.m(int)" as the class that the code names has it. */
static const char *written(const struct jrt_link *link, struct texts *texts)
{
    return jrt_method_text(jrt_external_name(link->class, texts->holder, sizeof(texts->holder)),
                           jrt_text(link->name), jrt_text(link->descriptor), texts->method,
                           sizeof(texts->method));
}

static const char *written_of(const struct jrt_method *method, struct texts *texts)
{
    struct jrt_link link = {
        .class = holder_of(method), .name = method->name, .descriptor = method->descriptor};
    return written(&link, texts);
}

static struct jrt_method *not_found(struct jrt_thread *thread, const struct jrt_link *link)
{
    struct texts texts;
    (void)jrt_throw(thread, JRT_NoSuchMethodError, "'%s'", written(link, &texts));
    return NULL;
}

static bool check_kind(struct jrt_thread *thread, const struct jrt_link *link, bool as_interface)
{
    struct texts texts;
    bool is_interface = jrt_is_interface(link->class);
    if (as_interface != is_interface) {
        jrt_external_name(link->class, texts.holder, sizeof(texts.holder));
        return jrt_throw(thread, JRT_IncompatibleClassChangeError,
                         as_interface ? "Found class %s, but interface was expected"
                                      : "Found interface %s, but class was expected",
                         texts.holder);
    }
    if (link->tag && (link->tag == JCF_TAG_INTERFACE_METHOD) != as_interface) {
        return jrt_throw(thread, JRT_IncompatibleClassChangeError,
                         as_interface ? "Method '%s' must be InterfaceMethodref constant"
                                      : "Method '%s' must be Methodref constant",
                         written(link, &texts));
    }
    return true;
}

static bool check_access(struct jrt_thread *thread, const struct jrt_link *link,
                         const struct jrt_method *method)
{
    struct jrt_class *holder = holder_of(method);
    if (!link->from) {
        return true;
    }
    uint16_t access = method->access;
    /* 6.5: clone of an array is public. */
    if ((link->class->flags & JRT_CLASS_ARRAY) && method->name == jrt_names.clone) {
        access = JCF_ACC_PUBLIC;
    }
    if (jrt_can_access_member(thread, link->from, link->class, holder, access)) {
        return true;
    }
    if (jrt_failed(thread)) {
        return false;
    }
    struct texts texts;
    char from[JRT_MESSAGE_BYTES];
    char places[6 * JRT_MESSAGE_BYTES];
    char nest_text[4 * JRT_MESSAGE_BYTES];
    const char *nest = access & JCF_ACC_PRIVATE ? jrt_nest_error_text(thread, link->from, holder,
                                                                      nest_text, sizeof(nest_text))
                                                : "";
    return nest &&
           jrt_throw(thread, JRT_IllegalAccessError,
                     "class %s tried to access %s%s%smethod '%s' (%s)%s",
                     jrt_external_name(link->from, from, sizeof(from)),
                     method->access & JCF_ACC_ABSTRACT ? "abstract " : "",
                     method->access & JCF_ACC_PROTECTED ? "protected " : "",
                     method->access & JCF_ACC_PRIVATE ? "private " : "", written_of(method, &texts),
                     jrt_places_text(link->from, holder, places, sizeof(places)), nest);
}

static bool check_constraints(struct jrt_thread *thread, const struct jrt_link *link,
                              const struct jrt_method *method)
{
    const struct jrt_class *holder = holder_of(method);
    job_offset_t type;
    if (!link->from || link->unconstrained || link->from->loader == holder->loader ||
        jrt_constrain(thread, jrt_loader_at(link->from->loader), jrt_loader_at(holder->loader),
                      method->descriptor, &type)) {
        return true;
    }
    if (jrt_failed(thread)) {
        return false;
    }
    struct texts texts;
    char one_loader[JRT_MESSAGE_BYTES];
    char other_loader[JRT_MESSAGE_BYTES];
    char one_place[2 * JRT_MESSAGE_BYTES];
    char other_place[2 * JRT_MESSAGE_BYTES];
    return jrt_throw(
        thread, JRT_LinkageError,
        "loader constraint violation: when resolving %s '%s' the class loader %s of the current "
        "class, %s, and the class loader %s for the method's defining class, %s, have different "
        "Class objects for the type %s used in the signature (%s; %s)",
        jrt_is_interface(link->class) ? "interface method" : "method", written(link, &texts),
        jrt_loader_text(jrt_loader_at(link->from->loader), one_loader, sizeof(one_loader)),
        jrt_text(link->from->name),
        jrt_loader_text(jrt_loader_at(holder->loader), other_loader, sizeof(other_loader)),
        jrt_text(holder->name), jrt_text(type),
        jrt_place_and_parent_text(link->from, one_place, sizeof(one_place)),
        jrt_place_and_parent_text(holder, other_place, sizeof(other_place)));
}

/* 5.4.3.4: an interface's method is its own, or a public one of Object's that is not static, or its
 * superinterfaces'. */
static struct jrt_method *find(const struct jrt_link *link)
{
    struct jrt_method *method = jrt_find_class_method(link->class, link->name, link->descriptor);
    if (method && jrt_is_interface(link->class) && !jrt_is_interface(holder_of(method)) &&
        (method->access & (JCF_ACC_PUBLIC | JCF_ACC_STATIC)) != JCF_ACC_PUBLIC) {
        method = NULL;
    }
    if (!method) {
        struct jrt_method *other;
        (void)jrt_select_interface_method(link->class, link->name, link->descriptor, &method,
                                          &other);
    }
    return method;
}

/* The method that is named, whatever the instruction. */
static struct jrt_method *find_checked(struct jrt_thread *thread, const struct jrt_link *link,
                                       bool as_interface)
{
    if (!check_kind(thread, link, as_interface)) {
        return NULL;
    }
    if (link->known) {
        return link->known;
    }
    struct jrt_method *method = find(link);
    if (!method) {
        return not_found(thread, link);
    }
    return check_access(thread, link, method) && check_constraints(thread, link, method) ? method
                                                                                         : NULL;
}

static bool set_direct(struct jrt_call_target *target, struct jrt_method *method)
{
    *target = (struct jrt_call_target){.kind = JRT_CALL_DIRECT, .method = method};
    return true;
}

static bool link_static(struct jrt_thread *thread, const struct jrt_link *link,
                        struct jrt_call_target *target)
{
    struct jrt_method *method = find_checked(thread, link, jrt_is_interface(link->class));
    struct texts texts;
    if (!method) {
        return false;
    }
    if (!(method->access & JCF_ACC_STATIC)) {
        return jrt_throw(thread, JRT_IncompatibleClassChangeError, "Expected static method '%s'",
                         written_of(method, &texts));
    }
    return set_direct(target, method);
}

/* The slot of the class's vtable that stands for an interface's method. */
static bool set_inherited(struct jrt_thread *thread, const struct jrt_link *link,
                          struct jrt_method *method, struct jrt_call_target *target)
{
    const job_offset_t *slots = jrt_offsets(link->class->vtable);
    for (uint32_t i = link->class->vtable_length; i-- > 0;) {
        const struct jrt_method *other = jrt_method_at(slots[i]);
        if (other->name == method->name && other->descriptor == method->descriptor) {
            *target =
                (struct jrt_call_target){.kind = JRT_CALL_VIRTUAL, .method = method, .index = i};
            return true;
        }
    }
    (void)not_found(thread, link);
    return false;
}

static bool is_final(const struct jrt_method *method)
{
    return (method->access & (JCF_ACC_PRIVATE | JCF_ACC_FINAL)) ||
           (holder_of(method)->access & JCF_ACC_FINAL);
}

/* By the receiver's class, unless there is only one method that it can be. */
static bool set_virtual(struct jrt_call_target *target, struct jrt_method *method)
{
    if (is_final(method) || method->vtable_index == JRT_NO_VTABLE) {
        return set_direct(target, method);
    }
    *target = (struct jrt_call_target){
        .kind = JRT_CALL_VIRTUAL, .method = method, .index = (uint32_t)method->vtable_index};
    return true;
}

static bool link_virtual(struct jrt_thread *thread, const struct jrt_link *link,
                         struct jrt_call_target *target)
{
    struct jrt_method *method = find_checked(thread, link, false);
    struct texts texts;
    if (!method) {
        return false;
    }
    if (method->access & JCF_ACC_STATIC) {
        return jrt_throw(thread, JRT_IncompatibleClassChangeError,
                         "Expecting non-static method '%s'", written_of(method, &texts));
    }
    if (jrt_is_interface(holder_of(method)) && (method->access & JCF_ACC_PRIVATE)) {
        return jrt_throw(thread, JRT_IncompatibleClassChangeError,
                         "private interface method requires invokespecial, not invokevirtual: "
                         "method '%s'",
                         written_of(method, &texts));
    }
    if (!jrt_link_class(thread, link->class)) {
        return false;
    }
    if (jrt_is_interface(holder_of(method))) {
        return set_inherited(thread, link, method, target);
    }
    return set_virtual(target, method);
}

static bool link_interface(struct jrt_thread *thread, const struct jrt_link *link,
                           struct jrt_call_target *target)
{
    struct jrt_method *method = find_checked(thread, link, true);
    struct texts texts;
    if (!method) {
        return false;
    }
    if (method->access & JCF_ACC_STATIC) {
        return jrt_throw(thread, JRT_IncompatibleClassChangeError,
                         "Expected instance not static method '%s'", written_of(method, &texts));
    }
    if (!jrt_link_class(thread, holder_of(method))) {
        return false;
    }
    if (!jrt_is_interface(holder_of(method))) { /* Object's */
        (void)set_virtual(target, method);
        target->receiver_check = link->class;
        return true;
    }
    if (method->access & JCF_ACC_PRIVATE) {
        (void)set_direct(target, method);
        target->receiver_check = link->class;
        return true;
    }
    *target = (struct jrt_call_target){.kind = JRT_CALL_INTERFACE, .method = method};
    return true;
}

static bool is_direct_superinterface(const struct jrt_class *class,
                                     const struct jrt_class *interface)
{
    bool direct = class == interface;
    for (uint32_t i = 0; i < class->interface_count; i++) {
        direct |= jrt_offsets(class->interfaces)[i] == job_offset(interface);
    }
    return direct;
}

/* Static methods on the way are none. */
static struct jrt_method *find_instance(const struct jrt_link *link)
{
    struct jrt_link at = *link;
    struct jrt_method *method = find(&at);
    while (method && (method->access & JCF_ACC_STATIC)) {
        if (!holder_of(method)->super) {
            return NULL;
        }
        at.class = jrt_class_at(holder_of(method)->super);
        method = find(&at);
    }
    return method;
}

/* What an invokespecial of the method calls: 6.5.invokespecial's selection. */
static struct jrt_method *select_special(struct jrt_thread *thread, const struct jrt_link *link,
                                         struct jrt_method *method)
{
    const struct jrt_class *from = link->from;
    struct jrt_method *selected = method;
    bool up = from && from != link->class && !jrt_is_interface(link->class) &&
              jrt_is_subtype(from, link->class) && !(method->flags & JRT_METHOD_INITIALIZER) &&
              !(method->access & JCF_ACC_PRIVATE);
    if (up && from->super) {
        const struct jrt_link above = {
            .class = jrt_class_at(from->super), .name = link->name, .descriptor = link->descriptor};
        selected = find_instance(&above);
        if (!selected) {
            (void)jrt_throw_abstract(thread, method, method, from);
            return NULL;
        }
    }
    if (jrt_is_interface(holder_of(selected)) && !(selected->access & JCF_ACC_PRIVATE)) {
        struct jrt_method *other = NULL;
        struct jrt_method *best = NULL;
        const struct jrt_class *start = up ? jrt_class_at(from->super) : link->class;
        if (start != holder_of(selected) &&
            jrt_select_interface_method(start, link->name, link->descriptor, &best, &other) ==
                JRT_SELECTED_CONFLICT) {
            struct texts one;
            struct texts two;
            jrt_external_name(holder_of(best), one.holder, sizeof(one.holder));
            jrt_external_name(holder_of(other), two.holder, sizeof(two.holder));
            (void)jrt_throw(thread, JRT_IncompatibleClassChangeError,
                            "Conflicting default methods: %s.%s %s.%s",
                            jrt_text(holder_of(best)->name), jrt_text(best->name),
                            jrt_text(holder_of(other)->name), jrt_text(other->name));
            return NULL;
        }
    }
    if (selected->access & JCF_ACC_ABSTRACT) {
        (void)jrt_throw_abstract(thread, selected, selected, NULL);
        return NULL;
    }
    return selected;
}

static bool link_special(struct jrt_thread *thread, const struct jrt_link *link,
                         struct jrt_call_target *target)
{
    struct texts texts;
    struct jrt_method *method = find_checked(thread, link, jrt_is_interface(link->class));
    if (!method) {
        return false;
    }
    if ((method->flags & JRT_METHOD_INITIALIZER) && holder_of(method) != link->class) {
        jrt_external_name(link->class, texts.holder, sizeof(texts.holder));
        return jrt_throw(thread, JRT_NoSuchMethodError, "%s: method '%s' not found", texts.holder,
                         written_of(method, &texts));
    }
    if (link->from && jrt_is_interface(link->class) &&
        !is_direct_superinterface(link->from, link->class)) {
        char from[JRT_MESSAGE_BYTES];
        return jrt_throw(thread, JRT_IncompatibleClassChangeError,
                         "Interface method reference: '%s', is in an indirect superinterface of %s",
                         written(link, &texts), jrt_external_name(link->from, from, sizeof(from)));
    }
    if (method->access & JCF_ACC_STATIC) {
        return jrt_throw(thread, JRT_IncompatibleClassChangeError,
                         "Expecting non-static method '%s'", written_of(method, &texts));
    }
    struct jrt_method *selected = select_special(thread, link, method);
    if (!selected) {
        return false;
    }
    (void)set_direct(target, selected);
    if (link->from && jrt_is_interface(link->from) && !(selected->flags & JRT_METHOD_INITIALIZER)) {
        target->receiver_check = link->from;
    }
    return true;
}

bool jrt_link_method(struct jrt_thread *thread, const struct jrt_link *link, enum jrt_invoke invoke,
                     struct jrt_call_target *ret_target)
{
    switch (invoke) {
    case JRT_INVOKEVIRTUAL:
        return link_virtual(thread, link, ret_target);
    case JRT_INVOKESPECIAL:
        return link_special(thread, link, ret_target);
    case JRT_INVOKESTATIC:
        return link_static(thread, link, ret_target);
    case JRT_INVOKEINTERFACE:
        return link_interface(thread, link, ret_target);
    }
    return false;
}

/* A signature-polymorphic method is accessed, and called by the right instruction, like any other:
 * those that trust their arguments are java.lang.invoke's own. */
static bool check_polymorphic(struct jrt_thread *thread, struct jrt_class *in,
                              job_offset_t descriptor, const struct jrt_method *polymorphic,
                              enum jrt_invoke invoke)
{
    struct jrt_method called = *polymorphic; /* as messages tell it */
    called.descriptor = descriptor;
    const struct jrt_link link = {
        .class = holder_of(&called), .name = called.name, .descriptor = descriptor, .from = in};
    struct texts texts;
    if (!check_access(thread, &link, &called)) {
        return false;
    }
    bool is_static = (called.access & JCF_ACC_STATIC) != 0;
    return is_static == (invoke == JRT_INVOKESTATIC) ||
           jrt_throw(thread, JRT_IncompatibleClassChangeError,
                     is_static ? "Expecting non-static method '%s'" : "Expected static method '%s'",
                     written_of(&called, &texts));
}

bool jrt_resolve_method(struct jrt_thread *thread, struct jrt_class *in, uint16_t index,
                        enum jrt_invoke invoke, struct jrt_call_target *ret_target)
{
    const struct jrt_pool *pool = jrt_pool_of(in);
    struct jrt_class *class = jrt_resolve_class(thread, in, jrt_pool_high(pool, index));
    struct jrt_member_name member;
    if (!class) {
        return false;
    }
    if (!jrt_pool_member(in, index, &member)) {
        return jrt_throw_oom(thread, JRT_OOM_METASPACE);
    }
    if ((class->flags & JRT_CLASS_HANDLE) &&
        (invoke == JRT_INVOKEVIRTUAL || invoke == JRT_INVOKESTATIC)) {
        const struct jrt_method *polymorphic = jrt_polymorphic_of(class, member.name);
        if (polymorphic && (polymorphic->intrinsic || invoke == JRT_INVOKEVIRTUAL)) {
            return check_polymorphic(thread, in, member.descriptor, polymorphic, invoke) &&
                   jrt_resolve_polymorphic(thread, in, index, polymorphic, ret_target);
        }
    }
    uint32_t *place = jrt_pool_resolved(pool, index);
    uint32_t word = __atomic_load_n(place, __ATOMIC_ACQUIRE);
    const struct jrt_link link = {.class = class,
                                  .name = member.name,
                                  .descriptor = member.descriptor,
                                  .from = in,
                                  .known = word ? jrt_method_at(word) : NULL,
                                  .tag = pool->tags[index]};
    if (!jrt_link_method(thread, &link, invoke, ret_target)) {
        return false;
    }
    if (invoke != JRT_INVOKESPECIAL) { /* which may select another one */
        __atomic_store_n(place, job_offset(ret_target->method), __ATOMIC_RELEASE);
    }
    return true;
}

bool jrt_throw_receiver(struct jrt_thread *thread, const struct jrt_class *receiver,
                        const struct jrt_class *wanted, enum jrt_invoke invoke)
{
    char one[JRT_MESSAGE_BYTES];
    char other[JRT_MESSAGE_BYTES];
    jrt_external_name(receiver, one, sizeof(one));
    jrt_external_name(wanted, other, sizeof(other));
    if (invoke == JRT_INVOKESPECIAL) {
        return jrt_throw(thread, JRT_IllegalAccessError,
                         "Receiver class %s must be the current class or a subtype of interface %s",
                         one, other);
    }
    return jrt_throw(thread, JRT_IncompatibleClassChangeError,
                     "Class %s does not implement the requested interface %s", one, other);
}
