/* The classes of lib/modules around a class that is checked. */
#include "class_world.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void world_open(struct world *world, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        perror(path);
        exit(1);
    }
    void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    struct st_err err = {0};
    memset(world, 0, sizeof(*world));
    world->arena = ST_ARENA_HEAP((size_t)1 << 31);
    if (bytes == MAP_FAILED ||
        fmt_jimage_open(bytes, (size_t)st.st_size, &world->image, &err) < 0) {
        fprintf(stderr, "%s: %s\n", path, err.msg);
        exit(1);
    }
}

static size_t package_length(struct jcf_text name)
{
    size_t length = name.length;
    while (length > 0 && name.data[length - 1] != '/') {
        length--;
    }
    return length > 0 ? length - 1 : 0;
}

const char *world_module(struct world *world, struct jcf_text name)
{
    const char *module =
        fmt_jimage_module_of(&world->image, (const char *)name.data, package_length(name));
    return module != NULL ? module : "";
}

static struct jcf_class **place_of(struct world *world, struct jcf_text name)
{
    uint32_t hash = 5381;
    for (uint32_t i = 0; i < name.length; i++) {
        hash = hash * 33 + name.data[i];
    }
    uint32_t at = hash % WORLD_PLACES;
    while (world->classes[at] != NULL && !jcf_text_same(jcf_class_name(world->classes[at]), name)) {
        at = (at + 1) % WORLD_PLACES;
    }
    return &world->classes[at];
}

static struct jcf_class *load(struct world *world, struct jcf_text name)
{
    char path[1024];
    struct fmt_jimage_entry entry;
    const char *module = world_module(world, name);
    int length =
        snprintf(path, sizeof(path), "%.*s.class", (int)name.length, (const char *)name.data);
    if (module[0] == 0 || (size_t)length >= sizeof(path) ||
        fmt_jimage_find(&world->image, module, strlen(module), path, (size_t)length, &entry) < 0) {
        return NULL;
    }
    struct jcf_class *class = st_arena_array(&world->arena, struct jcf_class, 1);
    struct jcf_parse_config config = {.trusted = true};
    struct jcf_error error;
    if (jcf_parse(entry.data, (size_t)entry.size, &config, &world->arena, class, &error) < 0) {
        return NULL;
    }
    return class;
}

/* A class of the image alone: what its classes see. */
static const struct jcf_class *find_in_image(struct world *world, struct jcf_text name)
{
    struct jcf_class **place = place_of(world, name);
    if (*place == NULL) {
        *place = load(world, name);
    }
    return *place;
}

const struct jcf_class *world_find(struct world *world, struct jcf_text name)
{
    if (world->own != NULL && jcf_text_same(name, jcf_class_name(world->own))) {
        return world->own;
    }
    return find_in_image(world, name);
}

/* ---- questions ---- */

/* The superclass is of the image, whose classes know nothing of an own one that is not of it. */
static const struct jcf_class *super_of(struct world *world, const struct jcf_class *class)
{
    if (class->super_class == 0) {
        return NULL;
    }
    struct jcf_text name = jcf_super_name(class);
    return world->shares_packages ? world_find(world, name) : find_in_image(world, name);
}

static bool is_subclass(struct world *world, const struct jcf_class *class,
                        const struct jcf_class *of)
{
    for (int steps = 0; class != NULL && steps < 1000; steps++) {
        if (class == of) {
            return true;
        }
        class = super_of(world, class);
    }
    return false;
}

/* Loads what a question needs; NULL and world->missing when there is no such class. */
static const struct jcf_class *need(struct world *world, struct jcf_text name)
{
    const struct jcf_class *class = world_find(world, name);
    if (class == NULL) {
        world->missing = "java/lang/NoClassDefFoundError";
    }
    return class;
}

static int is_assignable(void *context, struct jcf_text from, struct jcf_text to,
                         bool for_protected)
{
    struct world *world = context;
    const struct jcf_class *target = need(world, to);
    if (target == NULL) {
        return -1;
    }
    if ((target->flags & JCF_ACC_INTERFACE) != 0 &&
        (!for_protected || !jcf_text_is(from, "java/lang/Object"))) {
        return 1;
    }
    if (from.length > 0 && from.data[0] == '[') {
        return 0;
    }
    const struct jcf_class *source = need(world, from);
    return source == NULL ? -1 : is_subclass(world, source, target);
}

static int is_superclass(void *context, struct jcf_text name)
{
    struct world *world = context;
    const struct jcf_class *super = super_of(world, world->own);
    for (int steps = 0; super != NULL && steps < 1000; steps++) {
        if (jcf_text_same(jcf_class_name(super), name)) {
            return 1;
        }
        super = super_of(world, super);
    }
    return 0;
}

static bool same_package(struct world *world, const struct jcf_class *class)
{
    struct jcf_text a = jcf_class_name(class);
    struct jcf_text b = jcf_class_name(world->own);
    size_t length = package_length(a);
    return class == world->own || (world->shares_packages && length == package_length(b) &&
                                   memcmp(a.data, b.data, length) == 0);
}

static int is_protected_elsewhere(void *context, const struct jcf_member *member, bool is_method)
{
    struct world *world = context;
    const struct jcf_class *class = need(world, member->class_name);
    if (class == NULL) {
        return -1;
    }
    for (; class != NULL; class = super_of(world, class)) {
        const struct jcf_method *method =
            is_method ? jcf_find_method(class, member->name, member->descriptor) : NULL;
        const struct jcf_field *field =
            is_method ? NULL : jcf_find_field(class, member->name, member->descriptor);
        if (method != NULL || field != NULL) {
            unsigned flags = method != NULL ? method->flags : field->flags;
            return (flags & JCF_ACC_PROTECTED) != 0 && !same_package(world, class);
        }
    }
    return 0;
}

struct jcf_verify_env world_env(struct world *world)
{
    return (struct jcf_verify_env){
        .context = world,
        .is_assignable = is_assignable,
        .is_superclass = is_superclass,
        .is_protected_elsewhere = is_protected_elsewhere,
    };
}

/* ---- a definition ---- */

#define NO_CLASS "java/lang/NoClassDefFoundError"
#define CIRCULAR "java/lang/ClassCircularityError"
#define CHANGED "java/lang/IncompatibleClassChangeError"
#define NO_ACCESS "java/lang/IllegalAccessError"

/* Loads an interface as soon as it is named. */
static int load_interface(void *context, struct jcf_text class_name, struct jcf_text interface)
{
    struct world *world = context;
    const struct jcf_class *class = world_find(world, interface);
    if (jcf_text_same(class_name, interface)) {
        world->missing = CIRCULAR;
    } else if (class == NULL) {
        world->missing = NO_CLASS;
    } else if ((class->flags & JCF_ACC_INTERFACE) == 0) {
        world->missing = CHANGED;
    }
    return world->missing != NULL ? -1 : 0;
}

/* What is wrong with a superclass or superinterface; NULL: nothing. Not looked at: whether its
 * package is exported. */
static const char *check_super(struct world *world, struct jcf_text name, bool interface)
{
    if (jcf_text_same(name, jcf_class_name(world->own))) {
        return CIRCULAR;
    }
    const struct jcf_class *super = world_find(world, name);
    if (super == NULL) {
        return NO_CLASS;
    }
    if (!interface && (super->flags & JCF_ACC_INTERFACE) != 0) {
        return CHANGED;
    }
    if (super->is_sealed || (super->flags & JCF_ACC_FINAL) != 0) {
        return CHANGED;
    }
    return (super->flags & JCF_ACC_PUBLIC) == 0 ? NO_ACCESS : NULL;
}

static const char *check_supers(struct world *world)
{
    const struct jcf_class *own = world->own;
    for (uint32_t i = 0; i < own->interface_count; i++) {
        const char *wrong = check_super(world, jcf_named(own, own->interfaces[i]), true);
        if (wrong != NULL) {
            return wrong;
        }
    }
    return check_super(world, jcf_super_name(own), false);
}

/* Final methods of superclasses may not be overridden. */
static bool overrides_final(struct world *world)
{
    const struct jcf_class *own = world->own;
    for (uint32_t i = 0; i < own->method_count; i++) {
        const struct jcf_method *method = &own->methods[i];
        struct jcf_text name = jcf_utf8(own, method->name);
        if ((method->flags & (JCF_ACC_STATIC | JCF_ACC_PRIVATE)) != 0 || name.data[0] == '<' ||
            (own->flags & JCF_ACC_INTERFACE) != 0) {
            continue;
        }
        struct jcf_text descriptor = jcf_utf8(own, method->descriptor);
        const struct jcf_class *super = super_of(world, own);
        for (; super != NULL; super = super_of(world, super)) {
            const struct jcf_method *other = jcf_find_method(super, name, descriptor);
            if (other != NULL && (other->flags & JCF_ACC_FINAL) != 0 &&
                (other->flags & (JCF_ACC_STATIC | JCF_ACC_PRIVATE)) == 0 &&
                (other->flags & (JCF_ACC_PUBLIC | JCF_ACC_PROTECTED)) != 0) {
                return true;
            }
        }
    }
    return false;
}

static bool refused(const char *error, const char *message, const char **ret_error,
                    const char **ret_message)
{
    *ret_error = error;
    *ret_message = message;
    return false;
}

bool world_check(struct world *world, const void *bytes, size_t size, struct jcf_text name,
                 struct st_arena *arena, const char **ret_error, const char **ret_message)
{
    struct jcf_parse_config config = {
        .name = name, .load_interface = load_interface, .context = world};
    struct jcf_class *class = &world->checked;
    struct jcf_error error;
    world->missing = NULL;
    if (jcf_parse(bytes, size, &config, arena, class, &error) < 0) {
        if (error.kind == JCF_ERROR_PENDING) {
            return refused(world->missing, "", ret_error, ret_message);
        }
        return refused(jcf_error_class(error.kind), error.message, ret_error, ret_message);
    }
    world->own = class;
    const char *wrong = check_supers(world);
    if (wrong != NULL) {
        return refused(wrong, "", ret_error, ret_message);
    }
    if (overrides_final(world)) {
        return refused(CHANGED, "", ret_error, ret_message);
    }
    if (class->major < JCF_MAJOR_TYPED) {
        return refused("old", "", ret_error, ret_message);
    }
    struct jcf_verify_env env = world_env(world);
    if (jcf_verify(class, &env, arena, &error) == 0) {
        return true;
    }
    if (class->major == JCF_MAJOR_TYPED) {
        return refused("old", "", ret_error, ret_message);
    }
    if (error.kind == JCF_ERROR_PENDING) {
        return refused(world->missing, "", ret_error, ret_message);
    }
    return refused(jcf_error_class(error.kind), error.message, ret_error, ret_message);
}
