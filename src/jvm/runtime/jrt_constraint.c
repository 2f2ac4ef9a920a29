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
            *ret_type = jrt_text(name);
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

bool jrt_check_override(struct jrt_thread *thread, const struct jrt_class *class,
                        const struct jrt_method *method, const struct jrt_method *overridden)
{
    const struct jrt_class *holder = jrt_class_at(method->class_at);
    const struct jrt_class *other = jrt_class_at(overridden->class_at);
    const char *type;
    if (holder->loader == other->loader || (method->flags & JRT_METHOD_OVERPASS) ||
        jrt_constrain(thread, jrt_loader_at(holder->loader), jrt_loader_at(other->loader),
                      method->descriptor, &type)) {
        return true;
    }
    if (jrt_failed(thread)) {
        return false;
    }
    char name[JRT_MESSAGE_BYTES];
    char one_name[JRT_MESSAGE_BYTES];
    char other_name[JRT_MESSAGE_BYTES];
    char one_loader[JRT_MESSAGE_BYTES];
    char other_loader[JRT_MESSAGE_BYTES];
    char written[JRT_MESSAGE_BYTES];
    char one_place[2 * JRT_MESSAGE_BYTES];
    char other_place[2 * JRT_MESSAGE_BYTES];
    jrt_external_name(holder, one_name, sizeof(one_name));
    return jrt_throw(
        thread, JRT_LinkageError,
        "loader constraint violation for class %s: when selecting overriding method '%s' the class "
        "loader %s of the selected method's type %s, and the class loader %s for its super type %s "
        "have different Class objects for the type %s used in the signature (%s; %s)",
        jrt_external_name(class, name, sizeof(name)),
        jrt_method_text(one_name, jrt_text(method->name), jrt_text(method->descriptor), written,
                        sizeof(written)),
        jrt_loader_text(jrt_loader_at(holder->loader), one_loader, sizeof(one_loader)), one_name,
        jrt_loader_text(jrt_loader_at(other->loader), other_loader, sizeof(other_loader)),
        jrt_external_name(other, other_name, sizeof(other_name)), type,
        jrt_place_and_parent_text(holder, one_place, sizeof(one_place)),
        jrt_place_and_parent_text(other, other_place, sizeof(other_place)));
}
