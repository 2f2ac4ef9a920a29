/*
 * The tables by which virtual and interface methods are selected (JVMS 17 5.4.5, 5.4.6).
 *
 * A class's vtable begins with its superclass's. A declared method takes the slots of the methods
 * that it overrides, or a new one (a final method that overrides nothing has none). Then come slots
 * for methods of superinterfaces that no class declares: they hold the default method, an abstract
 * one, or, where defaults conflict, a made method that throws (an overpass). So every slot that is
 * called holds what to run, and what may not be run throws by itself.
 *
 * A class's itable has for each superinterface the methods that its own select.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/print.h"
#include "jvm/runtime/jrt_class_priv.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_known_priv.h"
#include "jvm/runtime/jrt_link_priv.h"
#include "jvm/runtime/jrt_message.h"
#include "jvm/runtime/jrt_meta.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"

enum {
    SCRATCH_MAX = 64 << 20,
    TRANSITIVE_MAJOR = 51 /* since this version overriding is transitive; before, what counts is the
                             method that stands in the slot */
};

struct tables {
    struct jrt_thread *thread;
    struct jrt_class *class;
    const struct jrt_class *super; /* NULL: Object's */
    job_offset_t *slots;           /* the vtable, in scratch */
    uint32_t count, inherited;
    struct st_arena scratch;
};

static bool same_name(const struct jrt_method *one, const struct jrt_method *other)
{
    return one->name == other->name && one->descriptor == other->descriptor;
}

static struct jrt_class *holder(const struct jrt_method *method)
{
    return jrt_class_at(method->class_at);
}

/* Whether what stands in a slot was put there for an interface. */
static bool is_interfaces(const struct jrt_method *method)
{
    return (method->flags & JRT_METHOD_OVERPASS) || jrt_is_interface(holder(method));
}

/* 5.4.5: overrides directly. */
static bool can_override(const struct jrt_class *class, const struct jrt_method *method)
{
    return (method->access & (JCF_ACC_PUBLIC | JCF_ACC_PROTECTED)) ||
           jrt_same_package(class, holder(method));
}

/* Whether a method of the class overrides the one in a slot: the slot's first method or any that
 * took its place in a superclass. */
static bool overrides_slot(const struct tables *t, uint32_t slot)
{
    for (const struct jrt_class *super = t->super; super && slot < super->vtable_length;
         super = super->super ? jrt_class_at(super->super) : NULL) {
        if (can_override(t->class, jrt_method_at(jrt_offsets(super->vtable)[slot]))) {
            return true;
        }
        if (t->class->major < TRANSITIVE_MAJOR) {
            break;
        }
    }
    return false;
}

static bool place_declared(struct tables *t, struct jrt_method *method)
{
    for (uint32_t i = 0; i < t->inherited; i++) {
        const struct jrt_method *other = jrt_method_at(t->slots[i]);
        if (!same_name(method, other) || !overrides_slot(t, i)) {
            continue;
        }
        if (!jrt_check_override(t->thread, t->class, method, other)) {
            return false;
        }
        t->slots[i] = job_offset(method);
        if (method->vtable_index == JRT_NO_VTABLE) {
            method->vtable_index = (int32_t)i;
        }
    }
    if (method->vtable_index == JRT_NO_VTABLE && !(method->access & JCF_ACC_FINAL)) {
        method->vtable_index = (int32_t)t->count;
        t->slots[t->count++] = job_offset(method);
    }
    return true;
}

/* The method that the class or a superclass declares to be selected; NULL: none. */
static struct jrt_method *class_method(const struct jrt_class *class, const struct jrt_method *like)
{
    for (;; class = jrt_class_at(class->super)) {
        struct jrt_method *method = jrt_declared_method(class, like->name, like->descriptor);
        if (method && jrt_is_virtual(method)) {
            return method;
        }
        if (!class->super) {
            return NULL;
        }
    }
}

/* A method of the class that throws `exception` with a message (symbol) when it is called. */
static struct jrt_method *overpass(struct tables *t, const struct jrt_method *like,
                                   enum jrt_known_class exception, const char *message)
{
    job_offset_t symbol = jrt_symbol(message, ST_MIN(strlen(message), (size_t)UINT16_MAX));
    struct jrt_method *method = jrt_class_meta(t->class, JOB_META_WRITTEN, sizeof(*method));
    if (!method || !symbol) {
        (void)jrt_throw_oom(t->thread, JRT_OOM_METASPACE);
        return NULL;
    }
    method->class_at = job_offset(t->class);
    method->name = like->name;
    method->descriptor = like->descriptor;
    method->access = JCF_ACC_PUBLIC | JCF_ACC_ABSTRACT;
    method->flags = JRT_METHOD_OVERPASS;
    method->arg_slots = like->arg_slots;
    method->max_locals = like->arg_slots;
    method->return_type = like->return_type;
    method->vtable_index = JRT_NO_VTABLE;
    method->slot = UINT16_MAX;
    method->native = (uint64_t)exception << 32 | symbol;
    jrt_exec->set_entry(method);
    return method;
}

static struct jrt_method *conflict(struct tables *t, const struct jrt_method *one,
                                   const struct jrt_method *other)
{
    char text[2 * JRT_MESSAGE_BYTES];
    (void)st_snprintf(text, sizeof(text), "Conflicting default methods: %s.%s %s.%s",
                      jrt_text(holder(one)->name), jrt_text(one->name),
                      jrt_text(holder(other)->name), jrt_text(other->name));
    return overpass(t, one, JRT_IncompatibleClassChangeError, text);
}

/* The slot that stands for an interface's method; UINT32_MAX: none yet. */
static uint32_t interface_slot(const struct tables *t, const struct jrt_method *method)
{
    for (uint32_t i = 0; i < t->count; i++) {
        const struct jrt_method *other = jrt_method_at(t->slots[i]);
        if (same_name(method, other) && is_interfaces(other)) {
            return i;
        }
    }
    return UINT32_MAX;
}

/* Sees to it that a slot holds what the class inherits for an interface's method. */
static bool place_inherited(struct tables *t, const struct jrt_method *method)
{
    if (class_method(t->class, method)) {
        return true;
    }
    struct jrt_method *selected;
    struct jrt_method *other;
    enum jrt_selection selection =
        jrt_select_interface_method(t->class, method->name, method->descriptor, &selected, &other);
    uint32_t slot = interface_slot(t, method);
    if (selection == JRT_SELECTED_CONFLICT) {
        if (slot != UINT32_MAX && holder(jrt_method_at(t->slots[slot])) == t->class) {
            return true; /* by another of the interfaces that conflict */
        }
        selected = conflict(t, selected, other);
        if (!selected) {
            return false;
        }
    }
    if (slot == UINT32_MAX) {
        slot = t->count++;
    }
    t->slots[slot] = job_offset(selected);
    return true;
}

static bool has_interface(const struct jrt_class *class, job_offset_t interface)
{
    for (uint32_t i = 0; class && i < class->all_interface_count; i++) {
        if (jrt_offsets(class->all_interfaces)[i] == interface) {
            return true;
        }
    }
    return false;
}

static bool place_interfaces(struct tables *t)
{
    for (uint32_t i = 0; i < t->class->own_interface_count; i++) {
        job_offset_t at = jrt_offsets(t->class->all_interfaces)[i];
        if (has_interface(t->super, at)) {
            continue;
        }
        struct jrt_class *interface = jrt_class_at(at);
        struct jrt_method *methods = jrt_method_at(interface->methods);
        for (uint32_t j = 0; j < interface->declared_method_count; j++) {
            if (jrt_is_virtual(&methods[j]) && !place_inherited(t, &methods[j])) {
                return false;
            }
        }
    }
    return true;
}

static bool make_vtable(struct tables *t)
{
    struct jrt_class *class = t->class;
    struct jrt_method *methods = jrt_method_at(class->methods);
    size_t room = t->inherited + class->method_count;
    for (uint32_t i = 0; i < class->own_interface_count; i++) {
        room += jrt_class_at(jrt_offsets(class->all_interfaces)[i])->declared_method_count;
    }
    t->slots = st_arena_alloc(&t->scratch, room * sizeof(*t->slots), sizeof(*t->slots));
    if (!t->slots || room > UINT16_MAX) {
        return jrt_throw_oom(t->thread, JRT_OOM_METASPACE);
    }
    if (t->inherited) {
        memcpy(t->slots, job_at(t->super->vtable), t->inherited * sizeof(*t->slots));
    }
    t->count = t->inherited;
    for (uint32_t i = 0; i < class->declared_method_count; i++) {
        if (jrt_is_virtual(&methods[i]) && !place_declared(t, &methods[i])) {
            return false;
        }
    }
    if (!place_interfaces(t)) {
        return false;
    }
    job_offset_t *kept = jrt_class_meta(t->class, JOB_META_READ, t->count * sizeof(*kept));
    if (!kept) {
        return jrt_throw_oom(t->thread, JRT_OOM_METASPACE);
    }
    memcpy(kept, t->slots, t->count * sizeof(*kept));
    class->vtable = job_offset(kept);
    class->vtable_length = (uint16_t)t->count;
    return true;
}

/* 6.5.invokeinterface: a selected method that is neither public nor private may not be called. */
static struct jrt_method *not_public(struct tables *t, const struct jrt_method *method,
                                     const struct jrt_method *selected)
{
    char other[JRT_MESSAGE_BYTES];
    char text[2 * JRT_MESSAGE_BYTES];
    char written[JRT_MESSAGE_BYTES];
    (void)st_snprintf(text, sizeof(text), "'%s'",
                      jrt_method_text(jrt_external_name(holder(selected), other, sizeof(other)),
                                      jrt_text(selected->name), jrt_text(selected->descriptor),
                                      written, sizeof(written)));
    return overpass(t, method, JRT_IllegalAccessError, text);
}

static struct jrt_method *selected_for(struct tables *t, struct jrt_method *method)
{
    struct jrt_method *selected = class_method(t->class, method);
    if (selected) {
        return selected->access & JCF_ACC_PUBLIC ? selected : not_public(t, method, selected);
    }
    uint32_t slot = interface_slot(t, method);
    return slot == UINT32_MAX ? method : jrt_method_at(t->slots[slot]);
}

static uint32_t virtual_count(const struct jrt_class *interface)
{
    const struct jrt_method *methods = jrt_method_at(interface->methods);
    uint32_t count = 0;
    for (uint32_t i = 0; i < interface->declared_method_count; i++) {
        count += jrt_is_virtual(&methods[i]);
    }
    return count;
}

static bool make_itable(struct tables *t)
{
    struct jrt_class *class = t->class;
    struct jrt_itable *itable =
        jrt_class_meta(t->class, JOB_META_READ, class->all_interface_count * sizeof(*itable));
    if (!itable) {
        return jrt_throw_oom(t->thread, JRT_OOM_METASPACE);
    }
    for (uint32_t i = 0; i < class->all_interface_count; i++) {
        job_offset_t at = jrt_offsets(class->all_interfaces)[i];
        struct jrt_class *interface = jrt_class_at(at);
        struct jrt_method *methods = jrt_method_at(interface->methods);
        uint32_t count = virtual_count(interface);
        job_offset_t *selected = jrt_class_meta(t->class, JOB_META_READ, count * sizeof(*selected));
        if (!selected) {
            return jrt_throw_oom(t->thread, JRT_OOM_METASPACE);
        }
        for (uint32_t j = 0; j < interface->declared_method_count; j++) {
            if (!jrt_is_virtual(&methods[j])) {
                continue;
            }
            struct jrt_method *method = selected_for(t, &methods[j]);
            if (!method || !jrt_check_implementation(t->thread, class, &methods[j], method)) {
                return false;
            }
            selected[methods[j].itable_index] = job_offset(method);
        }
        itable[i] = (struct jrt_itable){at, job_offset(selected)};
    }
    class->itable = job_offset(itable);
    class->itable_count = class->all_interface_count;
    return true;
}

static bool declares_virtual(const struct jrt_class *class)
{
    const struct jrt_method *methods = jrt_method_at(class->methods);
    for (uint32_t i = 0; i < class->declared_method_count; i++) {
        if (jrt_is_virtual(&methods[i])) {
            return true;
        }
    }
    return false;
}

bool jrt_make_tables(struct jrt_thread *thread, struct jrt_class *class)
{
    if (jrt_is_interface(class)) {
        return true;
    }
    const struct jrt_class *super = class->super ? jrt_class_at(class->super) : NULL;
    if (super && !class->interface_count && !declares_virtual(class)) {
        class->vtable = super->vtable;
        class->vtable_length = super->vtable_length;
        class->itable = super->itable;
        class->itable_count = super->itable_count;
        return true;
    }
    struct tables t = {.thread = thread,
                       .class = class,
                       .super = super,
                       .inherited = super ? super->vtable_length : 0,
                       .scratch = ST_ARENA_HEAP(SCRATCH_MAX)};
    bool made = make_vtable(&t) && make_itable(&t);
    st_arena_done(&t.scratch);
    return made;
}
