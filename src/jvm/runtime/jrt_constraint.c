/*
 * Loader constraints (JVMS 17 5.3.4): sets of loaders for which a name must mean one class. A set
 * knows the class as soon as one of its loaders has it.
 */
#include <stdlib.h>
#include <string.h>

#include "jvm/runtime/jrt_link_priv.h"
#include "jvm/runtime/jrt_message.h"
#include "jvm/runtime/jrt_resolve_priv.h"

struct constraint {
    struct constraint *next; /* of the same name, or in the list of all */
    job_offset_t name;
    struct jrt_class *class; /* NULL: not loaded yet */
    uint32_t count, room;
    const struct jrt_loader **loaders;
};

enum { BUCKETS = 256 };
static struct constraint *buckets[BUCKETS]; /* [loaders] by name */

static struct constraint **bucket_of(job_offset_t name)
{
    return &buckets[jrt_name_hash(name) % BUCKETS];
}

static struct constraint *find_locked(job_offset_t name, const struct jrt_loader *loader)
{
    for (struct constraint *at = *bucket_of(name); at; at = at->next) {
        for (uint32_t i = 0; at->name == name && i < at->count; i++) {
            if (at->loaders[i] == loader) {
                return at;
            }
        }
    }
    return NULL;
}

static bool add_loader(struct constraint *constraint, const struct jrt_loader *loader)
{
    if (constraint->count == constraint->room) {
        uint32_t room = constraint->room ? constraint->room * 2 : 4;
        const struct jrt_loader **grown =
            realloc(constraint->loaders, room * sizeof(*constraint->loaders));
        if (!grown) {
            return false;
        }
        constraint->loaders = grown;
        constraint->room = room;
    }
    constraint->loaders[constraint->count++] = loader;
    return true;
}

static struct constraint *new_locked(job_offset_t name)
{
    struct constraint *constraint = calloc(1, sizeof(*constraint));
    if (constraint) {
        struct constraint **bucket = bucket_of(name);
        constraint->name = name;
        constraint->next = *bucket;
        *bucket = constraint;
    }
    return constraint;
}

static void remove_locked(struct constraint *constraint)
{
    struct constraint **at = bucket_of(constraint->name);
    while (*at != constraint) {
        at = &(*at)->next;
    }
    *at = constraint->next;
    free(constraint->loaders);
    free(constraint);
}

enum outcome { AGREED, VIOLATED, NO_MEMORY };

static enum outcome join_locked(job_offset_t name, const struct jrt_loader *one,
                                const struct jrt_loader *other, struct jrt_class *class)
{
    struct constraint *first = find_locked(name, one);
    struct constraint *second = find_locked(name, other);
    struct constraint *kept = first ? first : second ? second : new_locked(name);
    if (!kept || (!first && !add_loader(kept, one))) {
        return NO_MEMORY;
    }
    if (!second && !add_loader(kept, other)) {
        return NO_MEMORY;
    }
    if (first && second && first != second) {
        for (uint32_t i = 0; i < second->count; i++) {
            if (!add_loader(first, second->loaders[i])) {
                return NO_MEMORY;
            }
        }
        remove_locked(second);
    }
    kept->class = class ? class : kept->class;
    return AGREED;
}

static struct jrt_class *known_locked(job_offset_t name, const struct jrt_loader *loader)
{
    job_offset_t at = jrt_table_find(&loader->known, name);
    const struct constraint *constraint = at ? NULL : find_locked(name, loader);
    return at ? jrt_class_at(at) : constraint ? constraint->class : NULL;
}

static enum outcome constrain_name(job_offset_t name, const struct jrt_loader *one,
                                   const struct jrt_loader *other)
{
    pthread_mutex_lock(&jrt_loaders_lock);
    struct jrt_class *first = known_locked(name, one);
    struct jrt_class *second = known_locked(name, other);
    enum outcome outcome = first && second && first != second
                               ? VIOLATED
                               : join_locked(name, one, other, first ? first : second);
    pthread_mutex_unlock(&jrt_loaders_lock);
    return outcome;
}

bool jrt_constrain(struct jrt_thread *thread, const struct jrt_loader *one,
                   const struct jrt_loader *other, job_offset_t descriptor, job_offset_t *ret_type)
{
    if (one == other) {
        return true;
    }
    const char *text = jrt_text(descriptor);
    for (const char *at = strchr(text, 'L'); at; at = strchr(at, 'L')) {
        const char *end = strchr(at, ';');
        job_offset_t name = jrt_symbol(at + 1, (size_t)(end - at - 1));
        enum outcome outcome = name ? constrain_name(name, one, other) : NO_MEMORY;
        if (outcome == NO_MEMORY) {
            return jrt_throw_oom(thread, JRT_OOM_METASPACE);
        }
        if (outcome == VIOLATED) {
            const char *start = at;
            while (start > text && start[-1] == '[') {
                start--;
            }
            *ret_type = start == at ? name : jrt_symbol(start, (size_t)(end + 1 - start));
            return *ret_type ? false : jrt_throw_oom(thread, JRT_OOM_METASPACE);
        }
        at = end;
    }
    return true;
}

struct jrt_class *jrt_constrained_locked(const struct jrt_loader *loader, job_offset_t name,
                                         struct jrt_class *class)
{
    struct constraint *constraint = find_locked(name, loader);
    if (constraint && !constraint->class) {
        constraint->class = class;
    }
    return constraint ? constraint->class : class;
}

void jrt_constraints_forget(const struct jrt_loader *loader)
{
    for (uint32_t i = 0; i < BUCKETS; i++) {
        for (struct constraint *at = buckets[i], *next; at; at = next) {
            next = at->next;
            for (uint32_t j = 0; j < at->count;) {
                if (at->loaders[j] == loader) {
                    at->loaders[j] = at->loaders[--at->count];
                } else {
                    j++;
                }
            }
            if (at->count < 2 || (at->class && jrt_loader_at(at->class->loader) == loader)) {
                remove_locked(at);
            }
        }
    }
}

/* What both messages about tables need: how the method is written, of which loaders its class and
 * the one that it was found for are, where they are, and the type that they see differently. */
struct disagreement {
    char class[JRT_MESSAGE_BYTES], type[JRT_MESSAGE_BYTES], method[JRT_MESSAGE_BYTES];
    char one[JRT_MESSAGE_BYTES], one_loader[JRT_MESSAGE_BYTES], one_place[2 * JRT_MESSAGE_BYTES];
    char other[JRT_MESSAGE_BYTES], other_loader[JRT_MESSAGE_BYTES];
    char other_place[2 * JRT_MESSAGE_BYTES];
};

static void describe_class(const struct jrt_class *class, char *name, char *loader, char *place)
{
    jrt_external_name(class, name, JRT_MESSAGE_BYTES);
    jrt_loader_text(jrt_loader_at(class->loader), loader, JRT_MESSAGE_BYTES);
    jrt_place_and_parent_text(class, place, 2 * JRT_MESSAGE_BYTES);
}

static void describe(const struct jrt_class *class, const struct jrt_method *one,
                     const struct jrt_method *other, job_offset_t type, struct disagreement *d)
{
    const struct jrt_class named = {.name = type};
    jrt_external_name(class, d->class, sizeof(d->class));
    jrt_external_name(&named, d->type, sizeof(d->type));
    describe_class(jrt_class_at(one->class_at), d->one, d->one_loader, d->one_place);
    describe_class(jrt_class_at(other->class_at), d->other, d->other_loader, d->other_place);
    jrt_method_text(d->one, jrt_text(one->name), jrt_text(one->descriptor), d->method,
                    sizeof(d->method));
}

/* Whether the loaders of two methods' classes disagree in a type of the descriptor of `typed`, one
 * of the two; *ret_d tells of it then. false: they agree, or an exception is pending. */
static bool disagree(struct jrt_thread *thread, const struct jrt_class *class,
                     const struct jrt_method *typed, const struct jrt_method *one,
                     const struct jrt_method *other, struct disagreement *ret_d)
{
    job_offset_t loader = jrt_class_at(one->class_at)->loader;
    job_offset_t other_loader = jrt_class_at(other->class_at)->loader;
    job_offset_t type;
    if (loader == other_loader || (typed->flags & JRT_METHOD_OVERPASS) ||
        jrt_constrain(thread, jrt_loader_at(loader), jrt_loader_at(other_loader), typed->descriptor,
                      &type) ||
        jrt_failed(thread)) {
        return false;
    }
    describe(class, one, other, type, ret_d);
    return true;
}

bool jrt_check_override(struct jrt_thread *thread, const struct jrt_class *class,
                        const struct jrt_method *method, const struct jrt_method *overridden)
{
    struct disagreement d;
    if (!disagree(thread, class, method, method, overridden, &d)) {
        return !jrt_failed(thread);
    }
    return jrt_throw(
        thread, JRT_LinkageError,
        "loader constraint violation for class %s: when selecting overriding method '%s' the class "
        "loader %s of the selected method's type %s, and the class loader %s for its super type %s "
        "have different Class objects for the type %s used in the signature (%s; %s)",
        d.class, d.method, d.one_loader, d.one, d.other_loader, d.other, d.type, d.one_place,
        d.other_place);
}

bool jrt_check_implementation(struct jrt_thread *thread, const struct jrt_class *class,
                              const struct jrt_method *method, const struct jrt_method *selected)
{
    struct disagreement d;
    if (!disagree(thread, class, selected, method, selected, &d)) {
        return !jrt_failed(thread);
    }
    return jrt_throw(
        thread, JRT_LinkageError,
        "loader constraint violation in interface itable initialization for class %s: when "
        "selecting method '%s' the class loader %s for super interface %s, and the class loader %s "
        "of the selected method's %s, %s have different Class objects for the type %s used in the "
        "signature (%s; %s)",
        d.class, d.method, d.one_loader, d.one, d.other_loader,
        jrt_is_interface(jrt_class_at(selected->class_at)) ? "interface" : "class", d.other, d.type,
        d.one_place, d.other_place);
}
