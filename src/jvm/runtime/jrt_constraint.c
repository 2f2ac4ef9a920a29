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

/* The name as messages have it; a symbol, since the message outlives this. */
static const char *dotted(job_offset_t name)
{
    const struct jrt_class named = {.name = name};
    char text[JRT_MESSAGE_BYTES];
    job_offset_t symbol = jrt_symbol_of(jrt_external_name(&named, text, sizeof(text)));
    return jrt_text(symbol ? symbol : name);
}

bool jrt_constrain(struct jrt_thread *thread, const struct jrt_loader *one,
                   const struct jrt_loader *other, job_offset_t descriptor, const char **ret_type)
{
    if (one == other) {
        return true;
    }
    for (const char *at = strchr(jrt_text(descriptor), 'L'); at; at = strchr(at, 'L')) {
        const char *end = strchr(at, ';');
        job_offset_t name = jrt_symbol(at + 1, (size_t)(end - at - 1));
        enum outcome outcome = name ? constrain_name(name, one, other) : NO_MEMORY;
        if (outcome == NO_MEMORY) {
            return jrt_throw_oom(thread, JRT_OOM_METASPACE);
        }
        if (outcome == VIOLATED) {
            *ret_type = dotted(name);
            return false;
        }
        at = end;
    }
    return true;
}

bool jrt_constraint_allows_locked(const struct jrt_loader *loader, job_offset_t name,
                                  struct jrt_class *class)
{
    struct constraint *constraint = find_locked(name, loader);
    if (constraint && !constraint->class) {
        constraint->class = class;
    }
    return !constraint || constraint->class == class;
}

const struct jrt_class *jrt_constraint_class(const struct jrt_loader *loader, job_offset_t name)
{
    pthread_mutex_lock(&jrt_loaders_lock);
    const struct constraint *constraint = find_locked(name, loader);
    const struct jrt_class *class = constraint ? constraint->class : NULL;
    pthread_mutex_unlock(&jrt_loaders_lock);
    return class;
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

/* Who the two classes of a violated constraint are. */
struct parties {
    char name[JRT_MESSAGE_BYTES], method[JRT_MESSAGE_BYTES];
    char one[JRT_MESSAGE_BYTES], other[JRT_MESSAGE_BYTES];
    char one_loader[JRT_MESSAGE_BYTES], other_loader[JRT_MESSAGE_BYTES];
    char one_place[2 * JRT_MESSAGE_BYTES], other_place[2 * JRT_MESSAGE_BYTES];
};

static void describe(struct parties *p, const struct jrt_class *class,
                     const struct jrt_method *method, const struct jrt_class *other)
{
    const struct jrt_class *one = jrt_class_at(method->class_at);
    jrt_external_name(class, p->name, sizeof(p->name));
    jrt_external_name(one, p->one, sizeof(p->one));
    jrt_external_name(other, p->other, sizeof(p->other));
    jrt_method_text(p->one, jrt_text(method->name), jrt_text(method->descriptor), p->method,
                    sizeof(p->method));
    jrt_loader_text(jrt_loader_at(one->loader), p->one_loader, sizeof(p->one_loader));
    jrt_loader_text(jrt_loader_at(other->loader), p->other_loader, sizeof(p->other_loader));
    jrt_place_and_parent_text(one, p->one_place, sizeof(p->one_place));
    jrt_place_and_parent_text(other, p->other_place, sizeof(p->other_place));
}

static bool agree(struct jrt_thread *thread, const struct jrt_method *method,
                  const struct jrt_method *other, const char **ret_type)
{
    job_offset_t one_loader = jrt_class_at(method->class_at)->loader;
    job_offset_t other_loader = jrt_class_at(other->class_at)->loader;
    return one_loader == other_loader || (method->flags & JRT_METHOD_OVERPASS) ||
           jrt_constrain(thread, jrt_loader_at(one_loader), jrt_loader_at(other_loader),
                         method->descriptor, ret_type);
}

bool jrt_check_override(struct jrt_thread *thread, const struct jrt_class *class,
                        const struct jrt_method *method, const struct jrt_method *overridden)
{
    const char *type;
    if (agree(thread, method, overridden, &type)) {
        return true;
    }
    if (jrt_failed(thread)) {
        return false;
    }
    struct parties p;
    describe(&p, class, method, jrt_class_at(overridden->class_at));
    return jrt_throw(
        thread, JRT_LinkageError,
        "loader constraint violation for class %s: when selecting overriding method '%s' the class "
        "loader %s of the selected method's type %s, and the class loader %s for its super type %s "
        "have different Class objects for the type %s used in the signature (%s; %s)",
        p.name, p.method, p.one_loader, p.one, p.other_loader, p.other, type, p.one_place,
        p.other_place);
}

bool jrt_check_selection(struct jrt_thread *thread, const struct jrt_class *class,
                         const struct jrt_method *method, const struct jrt_method *selected)
{
    const char *type;
    if (agree(thread, selected, method, &type)) {
        return true;
    }
    if (jrt_failed(thread)) {
        return false;
    }
    const struct jrt_class *holder = jrt_class_at(selected->class_at);
    struct parties p;
    describe(&p, class, method, holder);
    return jrt_throw(
        thread, JRT_LinkageError,
        "loader constraint violation in interface itable initialization for class %s: when "
        "selecting method '%s' the class loader %s for super interface %s, and the class loader %s "
        "of the selected method's %s, %s have different Class objects for the type %s used in the "
        "signature (%s; %s)",
        p.name, p.method, p.one_loader, p.one, p.other_loader,
        jrt_is_interface(holder) ? "interface" : "class", p.other, type, p.one_place,
        p.other_place);
}
