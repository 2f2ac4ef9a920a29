/*
 * Superclass and superinterfaces of a class that is being made (JVMS 17 5.3.5): loaded, checked,
 * and put down so that subtypes are found quickly. Also what is like it: package, hidden name.
 */
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/print.h"
#include "jvm/runtime/jrt_class_priv.h"
#include "jvm/runtime/jrt_define_priv.h"
#include "jvm/runtime/jrt_file.h"
#include "jvm/runtime/jrt_known_priv.h"
#include "jvm/runtime/jrt_message.h"
#include "jvm/runtime/jrt_meta.h"
#include "jvm/runtime/jrt_pool.h"
#include "jvm/runtime/jrt_resolve.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"

static job_offset_t symbol_of(struct jcf_text text)
{
    return jrt_symbol((const char *)text.data, text.length);
}

static const char *building_name(const struct jrt_building *b, char *text, uint32_t size)
{
    struct jrt_class named = {.name = b->name,
                              .flags = b->definition->hidden ? JRT_CLASS_HIDDEN : 0};
    return jrt_external_name(&named, text, size);
}

/* A stand-in for the class, good for access checks before it is made. */
static struct jrt_class stand_in(const struct jrt_building *b, job_offset_t package)
{
    const struct jrt_package *found = package ? jrt_package_at(package) : NULL;
    return (struct jrt_class){.name = b->name,
                              .loader = job_offset(b->loader),
                              .package = package,
                              .module = found ? found->module : 0,
                              .access = b->file.flags,
                              .super = b->super ? job_offset(b->super) : 0,
                              .flags = (b->definition->hidden ? JRT_CLASS_HIDDEN : 0) |
                                       (b->super ? b->super->flags & JRT_CLASS_MAGIC : 0)};
}

static job_offset_t package_of(struct jrt_building *b)
{
    if (b->definition->lookup) {
        return b->definition->lookup->package;
    }
    job_offset_t name = jrt_package_name(b->name);
    if (!name) {
        return 0;
    }
    pthread_mutex_lock(&jrt_loaders_lock);
    struct jrt_package *package = jrt_package_locked(b->loader, name);
    pthread_mutex_unlock(&jrt_loaders_lock);
    return package ? job_offset(package) : 0;
}

/* JVMS 17 5.3.5 on sealed classes: listed by name, in the same module, and where it is not public
 * in the same package. */
static bool permits(const struct jrt_class *super, const struct jrt_class *class)
{
    if (super->module != class->module ||
        (!(class->access & JCF_ACC_PUBLIC) && !jrt_same_package(super, class))) {
        return false;
    }
    struct jcf_class attributes;
    jrt_class_attributes(super, &attributes);
    for (uint32_t i = 0; i < attributes.permitted_subclasses.length; i += 2) {
        uint16_t index = jcf_u2(attributes.bytes + attributes.permitted_subclasses.at + i);
        if (jrt_pool_named(super, index) == class->name) {
            return true;
        }
    }
    return false;
}

static bool check_access(struct jrt_building *b, const struct jrt_class *class,
                         const struct jrt_class *super, bool interface)
{
    if (jrt_can_access_class(class, super)) {
        return true;
    }
    char places[4 * JRT_MESSAGE_BYTES];
    char one[JRT_MESSAGE_BYTES];
    char other[JRT_MESSAGE_BYTES];
    if ((super->access & JCF_ACC_PUBLIC) &&
        jrt_module_denial_text(class, super, places, sizeof(places))) {
        return jrt_throw(b->thread, JRT_IllegalAccessError, "%s check failed: %s",
                         interface ? "superinterface" : "superclass access", places);
    }
    return jrt_throw(b->thread, JRT_IllegalAccessError, "class %s cannot access its %s%s %s (%s)",
                     jrt_external_name(class, one, sizeof(one)),
                     !interface && (super->access & JCF_ACC_ABSTRACT) ? "abstract " : "",
                     interface ? "superinterface" : "superclass",
                     jrt_external_name(super, other, sizeof(other)),
                     jrt_places_text(class, super, places, sizeof(places)));
}

/* Below MagicAccessorImpl nothing is verified nor checked for access: only the library's own
 * loader for such classes has any. */
static bool check_reflection(struct jrt_building *b, const struct jrt_class *super)
{
    static const char package[] = "jdk/internal/reflect";
    const struct job_object *loader = jrt_loader_object(b->loader);
    char one[JRT_MESSAGE_BYTES];
    char other[JRT_MESSAGE_BYTES];
    char place[JRT_MESSAGE_BYTES];
    size_t length = sizeof(package) - 1;
    const char *name = jrt_text(super->name);
    if (!loader || strncmp(name, package, length) != 0 || strrchr(name, '/') != name + length ||
        jrt_is_subtype(jrt_class_of(loader), jrt_known.class[JRT_DelegatingClassLoader])) {
        return true;
    }
    return jrt_throw(
        b->thread, JRT_IllegalAccessError, "class %s loaded by %s cannot access %s superclass %s",
        building_name(b, one, sizeof(one)), jrt_loader_text(b->loader, place, sizeof(place)),
        package, jrt_external_name(super, other, sizeof(other)));
}

static bool check_super(struct jrt_building *b, const struct jrt_class *class)
{
    const struct jrt_class *super = b->super;
    char one[JRT_MESSAGE_BYTES];
    char other[JRT_MESSAGE_BYTES];
    building_name(b, one, sizeof(one));
    jrt_external_name(super, other, sizeof(other));
    if (jrt_is_interface(super)) {
        return jrt_throw(b->thread, JRT_IncompatibleClassChangeError,
                         "class %s has interface %s as super class", one, other);
    }
    if (super->access & JCF_ACC_FINAL) {
        return jrt_throw(b->thread, JRT_IncompatibleClassChangeError,
                         "class %s cannot inherit from final class %s", one, other);
    }
    if ((super->flags & JRT_CLASS_SEALED) && !permits(super, class)) {
        return jrt_throw(b->thread, JRT_IncompatibleClassChangeError,
                         "class %s cannot inherit from sealed class %s", one, other);
    }
    return check_reflection(b, super) && check_access(b, class, super, false);
}

static bool throw_no_interface(const struct jrt_building *b, const struct jrt_class *class)
{
    char one[JRT_MESSAGE_BYTES];
    char other[JRT_MESSAGE_BYTES];
    char place[2 * JRT_MESSAGE_BYTES];
    return jrt_throw(b->thread, JRT_IncompatibleClassChangeError,
                     "class %s can not implement %s, because it is not an interface (%s)",
                     building_name(b, one, sizeof(one)),
                     jrt_external_name(class, other, sizeof(other)),
                     jrt_place_text(class, place, sizeof(place)));
}

static bool check_interface(struct jrt_building *b, const struct jrt_class *class,
                            const struct jrt_class *interface)
{
    char one[JRT_MESSAGE_BYTES];
    char other[JRT_MESSAGE_BYTES];
    building_name(b, one, sizeof(one));
    jrt_external_name(interface, other, sizeof(other));
    if ((interface->flags & JRT_CLASS_SEALED) && !permits(interface, class)) {
        return jrt_throw(b->thread, JRT_IncompatibleClassChangeError,
                         "class %s cannot %s sealed interface %s", one,
                         b->file.flags & JCF_ACC_INTERFACE ? "extend" : "implement", other);
    }
    return check_access(b, class, interface, true);
}

/* A final method of a superclass is not overridden (JVMS 17 5.3.5). */
static bool check_final_methods(struct jrt_building *b)
{
    const struct jrt_class *class = b->class;
    const struct jrt_method *methods = jrt_method_at(class->methods);
    if (jrt_is_interface(class) || !b->super) {
        return true;
    }
    for (uint32_t i = 0; i < class->method_count; i++) {
        const struct jrt_method *method = &methods[i];
        if (!jrt_is_virtual(method)) {
            continue;
        }
        for (const struct jrt_class *super = b->super;; super = jrt_class_at(super->super)) {
            const struct jrt_method *other =
                jrt_declared_method(super, method->name, method->descriptor);
            if (other && (other->access & JCF_ACC_FINAL) && jrt_is_virtual(other) &&
                ((other->access & (JCF_ACC_PUBLIC | JCF_ACC_PROTECTED)) ||
                 jrt_same_package(class, super))) {
                char one[JRT_MESSAGE_BYTES];
                char name[JRT_MESSAGE_BYTES];
                return jrt_throw(b->thread, JRT_IncompatibleClassChangeError,
                                 "class %s overrides final method %s.%s%s",
                                 jrt_external_name(class, one, sizeof(one)),
                                 jrt_external_name(super, name, sizeof(name)),
                                 jrt_text(other->name), jrt_text(other->descriptor));
            }
            if (!super->super) {
                break;
            }
        }
    }
    return true;
}

bool jrt_check_overrides(struct jrt_building *building)
{
    return building->class->flags & JRT_CLASS_UNVERIFIED || check_final_methods(building);
}

static struct jrt_class *super_named(const struct jrt_building *b, job_offset_t name)
{
    struct jrt_class *super = jrt_need_class(b->thread, b->loader, name);
    return super && jrt_check_package(b->thread, b->loader, b->definition->protection_domain, super)
               ? super
               : NULL;
}

static bool load_them(struct jrt_building *b)
{
    const struct jcf_class *file = &b->file;
    if (file->super_class) {
        job_offset_t name = symbol_of(jcf_named(file, file->super_class));
        b->super = name ? super_named(b, name)
                        : (void *)(uintptr_t)jrt_throw_oom(b->thread, JRT_OOM_METASPACE);
        if (!b->super) {
            return false;
        }
    }
    b->interfaces = st_arena_array(b->scratch, struct jrt_class *, file->interface_count);
    if (!b->interfaces) {
        return jrt_throw_oom(b->thread, JRT_OOM_HEAP);
    }
    for (uint32_t i = 0; i < file->interface_count; i++) {
        job_offset_t name = symbol_of(jcf_named(file, file->interfaces[i]));
        b->interfaces[i] = name ? super_named(b, name) : NULL;
        if (!b->interfaces[i]) {
            return name ? false : jrt_throw_oom(b->thread, JRT_OOM_METASPACE);
        }
    }
    return true;
}

int jrt_load_interface(void *building, struct jcf_text class_name, struct jcf_text interface)
{
    struct jrt_building *b = building;
    job_offset_t name = symbol_of(interface);
    struct jrt_loading loading = {
        .thread = b->thread, .loader = b->loader, .name = symbol_of(class_name)};
    if (!name || !loading.name) {
        return jrt_throw_oom(b->thread, JRT_OOM_METASPACE) ? 0 : -ST_ENOMEM;
    }
    if (!jrt_loading_begin(&loading)) {
        (void)jrt_throw(b->thread, JRT_ClassCircularityError, "%s", jrt_text(loading.name));
        return -ST_ECORRUPT;
    }
    const struct jrt_class *class = jrt_need_class(b->thread, b->loader, name);
    jrt_loading_end(&loading);
    if (!class) {
        return -ST_ECORRUPT;
    }
    if (!b->name) {
        b->name = loading.name; /* until it is known to be another */
    }
    return jrt_is_interface(class) || throw_no_interface(b, class) ? 0 : -ST_ECORRUPT;
}

bool jrt_load_supers(struct jrt_building *b)
{
    struct jrt_loading loading = {.thread = b->thread, .loader = b->loader, .name = b->name};
    bool anything = b->file.super_class || b->file.interface_count;
    if (!anything) {
        return true;
    }
    if (!jrt_loading_begin(&loading)) {
        return jrt_throw(b->thread, JRT_ClassCircularityError, "%s", jrt_text(b->name));
    }
    bool loaded = load_them(b);
    jrt_loading_end(&loading);
    if (!loaded) {
        return false;
    }
    job_offset_t package = package_of(b);
    if (!package) {
        return jrt_throw_oom(b->thread, JRT_OOM_METASPACE);
    }
    struct jrt_class class = stand_in(b, package);
    if (b->super && !check_super(b, &class)) {
        return false;
    }
    for (uint32_t i = 0; i < b->file.interface_count; i++) {
        if (!check_interface(b, &class, b->interfaces[i])) {
            return false;
        }
    }
    return true;
}

static bool add_interface(job_offset_t *list, uint32_t *count, uint32_t room, job_offset_t added)
{
    for (uint32_t i = 0; i < *count; i++) {
        if (list[i] == added) {
            return true;
        }
    }
    if (*count == room) {
        return false;
    }
    list[(*count)++] = added;
    return true;
}

static bool set_interfaces(struct jrt_building *b)
{
    struct jrt_class *class = b->class;
    uint32_t declared = b->file.interface_count;
    uint32_t room = declared + (b->super ? b->super->all_interface_count : 0);
    for (uint32_t i = 0; i < declared; i++) {
        room += b->interfaces[i]->all_interface_count;
    }
    if (!declared) { /* the same as the superclass's */
        class->all_interfaces = b->super ? b->super->all_interfaces : 0;
        class->all_interface_count = b->super ? b->super->all_interface_count : 0;
        return true;
    }
    job_offset_t *list = st_arena_array(b->scratch, job_offset_t, room);
    if (!list || room > UINT16_MAX) {
        return false;
    }
    uint32_t count = 0;
    bool fits = true;
    for (uint32_t i = 0; i < declared; i++) {
        const struct jrt_class *interface = b->interfaces[i];
        fits &= add_interface(list, &count, room, job_offset(interface));
        for (uint32_t j = 0; j < interface->all_interface_count; j++) {
            fits &= add_interface(list, &count, room, jrt_offsets(interface->all_interfaces)[j]);
        }
    }
    class->own_interface_count = (uint16_t)count;
    for (uint32_t j = 0; b->super && j < b->super->all_interface_count; j++) {
        fits &= add_interface(list, &count, room, jrt_offsets(b->super->all_interfaces)[j]);
    }
    job_offset_t *kept =
        jrt_class_meta(b->class, JOB_META_READ, (count + declared) * sizeof(job_offset_t));
    if (!fits || !kept) {
        return false;
    }
    memcpy(kept, list, count * sizeof(*kept));
    class->all_interfaces = job_offset(kept);
    class->all_interface_count = (uint16_t)count;
    for (uint32_t i = 0; i < declared; i++) {
        kept[count + i] = job_offset(b->interfaces[i]);
    }
    class->interfaces = job_offset(kept + count);
    class->interface_count = (uint16_t)declared;
    return true;
}

void jrt_set_display(struct jrt_class *class, const struct jrt_class *super)
{
    if (super) {
        class->super = job_offset(super);
        class->depth = (uint16_t)(super->depth + 1);
        memcpy(class->display, super->display, sizeof(class->display));
    }
    if (class->depth < JRT_DISPLAY) {
        class->display[class->depth] = job_offset(class);
    }
}

bool jrt_set_supers(struct jrt_building *b)
{
    if (b->super && b->super->depth == UINT16_MAX) {
        return jrt_throw(b->thread, JRT_ClassFormatError, "too many superclasses");
    }
    jrt_set_display(b->class, b->super);
    return set_interfaces(b) || jrt_throw_oom(b->thread, JRT_OOM_METASPACE);
}

bool jrt_set_package(struct jrt_building *b)
{
    b->class->package = package_of(b);
    if (!b->class->package) {
        return false;
    }
    struct jrt_package *package = jrt_package_at(b->class->package);
    pthread_mutex_lock(&jrt_loaders_lock);
    package->has_classes = true;
    b->class->module = package->module;
    pthread_mutex_unlock(&jrt_loaders_lock);
    return true;
}

job_offset_t jrt_package_name(job_offset_t class_name)
{
    const struct jrt_symbol *name = jrt_symbol_at(class_name);
    const char *text = name->text;
    while (*text == '[') {
        text++;
    }
    if (text != name->text && *text == 'L') {
        text++;
    }
    const char *end = text;
    for (const char *at = text; *at && *at != '+'; at++) {
        end = *at == '/' ? at : end;
    }
    return jrt_symbol(text, (size_t)(end - text));
}

job_offset_t jrt_hidden_name(struct jrt_building *b, struct jcf_text name)
{
    enum { SUFFIX = 32 };
    b->serial = jrt_next_hidden_serial();
    st_auto(free) char *text =
        name.length <= UINT16_MAX - SUFFIX ? malloc(name.length + SUFFIX) : NULL;
    if (!text) {
        return 0;
    }
    memcpy(text, name.data, name.length);
    int more = st_snprintf(text + name.length, SUFFIX, "+0x%016x", b->serial);
    uint16_t length = (uint16_t)(name.length + (size_t)more);
    if (!b->memory) {
        return jrt_symbol(text, length);
    }
    struct jrt_symbol *symbol =
        job_arena_alloc(&b->memory->arena, JOB_META_READ, sizeof(*symbol) + length + 1u);
    return symbol ? jrt_symbol_apart(symbol, text, length) : 0;
}
