/*
 * Classes that belong together: members of classes (InnerClasses), nests, sealed hierarchies; and
 * the boot loader's packages.
 */
#include <stdlib.h>
#include <string.h>

#include "jvm/jdk/jdk_reflect.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_file.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_module.h"
#include "jvm/runtime/jrt_nest.h"
#include "jvm/runtime/jrt_pool.h"
#include "jvm/runtime/jrt_resolve.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"

enum { NAME_BYTES = 1024 };

/* ---- lists ---- */

static bool add(struct jrt_thread *thread, struct jdk_list *list, const struct jrt_class *class)
{
    if (list->count == list->room) {
        uint32_t room = list->room != 0 ? list->room * 2 : 16;
        job_offset_t *grown = realloc(list->classes, room * sizeof *grown);
        if (grown == NULL) {
            return jrt_throw_oom(thread, JRT_OOM_HEAP);
        }
        list->classes = grown;
        list->room = room;
    }
    list->classes[list->count++] = job_offset(class);
    return true;
}

void jdk_list_done(struct jdk_list *list)
{
    free(list->classes);
    *list = (struct jdk_list){.classes = NULL};
}

/* ---- InnerClasses ---- */

/* The class's attributes; false: it is an array's or a primitive's, and has none. */
static bool attributes_of(const struct jrt_class *class, struct jcf_class *ret_file)
{
    if (class->file == 0) {
        return false;
    }
    jrt_class_attributes(class, ret_file);
    return true;
}

static struct jdk_inner inner_at(const struct jcf_class *file, uint32_t number)
{
    struct jcf_inner_class entry = jcf_inner_class_at(file, number);
    return (struct jdk_inner){entry.inner, entry.outer, entry.name, entry.flags};
}

/* Whether a CLASS constant names the class, without loading anything. */
static bool names(const struct jrt_class *in, uint16_t index, const struct jrt_class *class)
{
    const struct jrt_class *resolved = jrt_pool_class_if_resolved(in, index);
    return resolved != NULL ? resolved == class : jrt_pool_named(in, index) == class->name;
}

bool jdk_own_inner(const struct jrt_class *class, struct jdk_inner *ret_inner)
{
    struct jcf_class file;
    if (!attributes_of(class, &file)) {
        return false;
    }
    for (uint32_t i = 0; i < jcf_inner_class_count(&file); i++) {
        struct jdk_inner entry = inner_at(&file, i);
        if (entry.inner != 0 && names(class, entry.inner, class)) {
            *ret_inner = entry;
            return true;
        }
    }
    return false;
}

/* Resolves a constant that names the class by its text; *ret_same: it means it, too. */
static bool means(struct jrt_thread *thread, const struct jrt_class *in, uint16_t index,
                  const struct jrt_class *class, bool *ret_same)
{
    *ret_same = false;
    if (!names(in, index, class)) {
        return true;
    }
    const struct jrt_class *found = jrt_resolve_class(thread, (struct jrt_class *)in, index);
    *ret_same = found == class;
    return found != NULL;
}

bool jdk_check_inner(struct jrt_thread *thread, const struct jrt_class *outer,
                     const struct jrt_class *inner)
{
    struct jcf_class file;
    bool same;
    if (attributes_of(outer, &file)) {
        for (uint32_t i = 0; i < jcf_inner_class_count(&file); i++) {
            struct jdk_inner entry = inner_at(&file, i);
            if (entry.inner == 0 || entry.outer == 0) {
                continue;
            }
            if (!means(thread, outer, entry.outer, outer, &same)) {
                return false;
            }
            if (same) {
                if (!means(thread, outer, entry.inner, inner, &same)) {
                    return false;
                }
                if (same) {
                    return true;
                }
            }
        }
    }
    char one[NAME_BYTES];
    char other[NAME_BYTES];
    return jrt_throw(
        thread, JRT_IncompatibleClassChangeError, "%s and %s disagree on InnerClasses attribute",
        jrt_external_name(outer, one, sizeof one), jrt_external_name(inner, other, sizeof other));
}

bool jdk_declared_classes(struct jrt_thread *thread, struct jrt_class *class,
                          struct jdk_list *ret_list)
{
    struct jcf_class file;
    if (!attributes_of(class, &file)) {
        return true;
    }
    for (uint32_t i = 0; i < jcf_inner_class_count(&file); i++) {
        struct jdk_inner entry = inner_at(&file, i);
        bool member;
        if (entry.inner == 0 || entry.outer == 0) {
            continue;
        }
        if (!means(thread, class, entry.outer, class, &member)) {
            return false;
        }
        if (!member) {
            continue;
        }
        const struct jrt_class *inner = jrt_resolve_class(thread, class, entry.inner);
        if (inner == NULL || !jdk_check_inner(thread, class, inner) ||
            !add(thread, ret_list, inner)) {
            return false;
        }
    }
    return true;
}

/* ---- nests, sealed classes ---- */

struct jrt_class *jdk_nest_host(struct jrt_thread *thread, struct jrt_class *class)
{
    return jrt_nest_host(thread, class);
}

/* The class of a constant; NULL: there is none, then nothing is pending, or something that is no
 * LinkageError is. */
static struct jrt_class *class_if_there(struct jrt_thread *thread, struct jrt_class *in,
                                        uint16_t index)
{
    struct jrt_class *class = jrt_resolve_class(thread, in, index);
    if (class == NULL && jrt_pending_is(thread, JRT_LinkageError)) {
        (void)jrt_catch(thread);
    }
    return class;
}

bool jdk_nest_members(struct jrt_thread *thread, struct jrt_class *host, struct jdk_list *ret_list)
{
    struct jcf_class file;
    if (host == NULL || !add(thread, ret_list, host)) {
        return false;
    }
    if (!attributes_of(host, &file)) {
        return true;
    }
    for (uint32_t i = 0; i < file.nest_members.length; i += 2) {
        struct jrt_class *member =
            class_if_there(thread, host, jcf_u2(file.bytes + file.nest_members.at + i));
        const struct jrt_class *its_host = member != NULL ? jrt_nest_host(thread, member) : NULL;
        if (jrt_failed(thread) || (its_host == host && !add(thread, ret_list, member))) {
            return false;
        }
    }
    return true;
}

bool jdk_permitted_subclasses(struct jrt_thread *thread, struct jrt_class *class,
                              struct jdk_list *ret_list)
{
    struct jcf_class file;
    if (!attributes_of(class, &file)) {
        return true;
    }
    for (uint32_t i = 0; i < file.permitted_subclasses.length; i += 2) {
        const struct jrt_class *subclass =
            class_if_there(thread, class, jcf_u2(file.bytes + file.permitted_subclasses.at + i));
        if (jrt_failed(thread) || (subclass != NULL && !add(thread, ret_list, subclass))) {
            return false;
        }
    }
    return true;
}

/* ---- packages of the boot loader ---- */

struct found_packages {
    job_offset_t wanted; /* 0: all */
    const char *source;  /* of the wanted one */
    const char **names;
    uint32_t count, room;
};

static void note_package(const char *name, const char *location, void *argument)
{
    struct found_packages *found = argument;
    if (found->wanted != 0) {
        if (strcmp(name, jrt_text(found->wanted)) == 0) {
            found->source = location;
        }
        return;
    }
    if (found->count < found->room) {
        found->names[found->count] = name;
    }
    found->count++;
}

struct job_object *jdk_package_source(struct jrt_thread *thread, job_offset_t name)
{
    struct found_packages found = {.wanted = name};
    jrt_boot_packages_each(note_package, &found);
    struct job_object *source = found.source != NULL ? jrt_string_of(thread, found.source) : NULL;
    return source != NULL ? jrt_intern(thread, source) : NULL;
}

struct job_object *jdk_system_packages(struct jrt_thread *thread)
{
    struct found_packages found = {.count = 0};
    jrt_boot_packages_each(note_package, &found);
    found.room = found.count;
    found.count = 0;
    found.names = calloc(found.room + 1, sizeof *found.names);
    if (found.names == NULL) {
        (void)jrt_throw_oom(thread, JRT_OOM_HEAP);
        return NULL;
    }
    jrt_boot_packages_each(note_package, &found);
    uint32_t count = ST_MIN(found.count, found.room);
    struct job_array *array = jrt_new_array(thread, jrt_known.string_array, (int32_t)count);
    for (uint32_t i = 0; array != NULL && i < count; i++) {
        struct job_object *name = jrt_string_of(thread, found.names[i]);
        if (name != NULL) {
            jgc_store(&array->object, (jref_t *)job_elements(array) + i, job_to_ref(name));
        } else {
            array = NULL;
        }
    }
    free(found.names);
    return array != NULL ? &array->object : NULL;
}
