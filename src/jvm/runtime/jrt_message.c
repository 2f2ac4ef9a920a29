/*
 * HotSpot 17's wording, so that programs that parse messages find what they look for.
 */
#include "jvm/runtime/jrt_message.h"

#include <string.h>

#include "base/print.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_class_priv.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_loader_priv.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"

const char *jrt_loader_text(const struct jrt_loader *loader, char *text, uint32_t size)
{
    const struct job_object *object = jrt_loader_object(loader);
    if (!object) {
        (void)st_snprintf(text, size, "%s", "'bootstrap'");
        return text;
    }
    const struct job_object *name = jrt_ref(object, JRT_AT(ClassLoader, nameAndId));
    if (name) {
        (void)jrt_string_utf8(name, text, size);
    } else { /* its constructor has not come so far */
        jrt_external_name(jrt_class_of(object), text, size);
    }
    return text;
}

/* The library's own modules are not told with their version. */
static bool tells_version(const struct jrt_module *module)
{
    const char *location = module->location ? jrt_text(module->location) : "";
    return module->version && module->location && strncmp(location, "jrt:/java.", 10) != 0 &&
           strncmp(location, "jrt:/jdk.", 9) != 0;
}

/* "module m of loader 'app'" */
static const char *module_text(const struct jrt_class *class, char *text, uint32_t size)
{
    char loader[JRT_MESSAGE_BYTES];
    const struct jrt_module *module = class->module ? jrt_module_at(class->module) : NULL;
    jrt_loader_text(jrt_loader_at(class->loader), loader, sizeof(loader));
    if (module && module->name) {
        bool version = tells_version(module);
        (void)st_snprintf(text, size, "module %s%s%s of loader %s", jrt_text(module->name),
                          version ? "@" : "", version ? jrt_text(module->version) : "", loader);
    } else if (!module) { /* before there are modules everything is in java.base */
        (void)st_snprintf(text, size, "module java.base of loader %s", loader);
    } else {
        (void)st_snprintf(text, size, "unnamed module of loader %s", loader);
    }
    return text;
}

const char *jrt_place_text(const struct jrt_class *class, char *text, uint32_t size)
{
    char name[JRT_MESSAGE_BYTES];
    char module[2 * JRT_MESSAGE_BYTES];
    (void)st_snprintf(text, size, "%s is in %s", jrt_external_name(class, name, sizeof(name)),
                      module_text(class, module, sizeof(module)));
    return text;
}

static bool is_builtin(const struct jrt_loader *loader)
{
    const struct job_object *object = jrt_loader_object(loader);
    return !object || loader->platform ||
           (jrt_class_of(object)->loader == jrt_known.boot_loader &&
            strcmp(jrt_text(jrt_class_of(object)->name),
                   "jdk/internal/loader/ClassLoaders$AppClassLoader") == 0);
}

const char *jrt_place_and_parent_text(const struct jrt_class *class, char *text, uint32_t size)
{
    char place[3 * JRT_MESSAGE_BYTES];
    char parent_text[JRT_MESSAGE_BYTES] = "'bootstrap'";
    const struct jrt_loader *loader = jrt_loader_at(class->loader);
    jrt_place_text(class, place, sizeof(place));
    if (is_builtin(loader)) {
        (void)st_snprintf(text, size, "%s", place);
        return text;
    }
    const struct job_object *object = jrt_loader_object(loader);
    const struct job_object *parent = jrt_ref(object, JRT_AT(ClassLoader, parent));
    const struct job_object *name = parent ? jrt_ref(parent, JRT_AT(ClassLoader, nameAndId)) : NULL;
    if (name) {
        (void)jrt_string_utf8(name, parent_text, sizeof(parent_text));
    }
    (void)st_snprintf(text, size, "%s, parent loader %s", place, parent_text);
    return text;
}

const char *jrt_places_text(const struct jrt_class *one, const struct jrt_class *other, char *text,
                            uint32_t size)
{
    char first[3 * JRT_MESSAGE_BYTES];
    char second[3 * JRT_MESSAGE_BYTES];
    if (one->module == other->module && one->loader == other->loader) {
        char name[JRT_MESSAGE_BYTES];
        char other_name[JRT_MESSAGE_BYTES];
        (void)st_snprintf(text, size, "%s and %s are in %s",
                          jrt_external_name(one, name, sizeof(name)),
                          jrt_external_name(other, other_name, sizeof(other_name)),
                          module_text(one, first, sizeof(first)));
    } else {
        (void)st_snprintf(text, size, "%s; %s", jrt_place_text(one, first, sizeof(first)),
                          jrt_place_text(other, second, sizeof(second)));
    }
    return text;
}

static void denial_module_text(const struct jrt_module *module, char *text, uint32_t size)
{
    if (module->name) {
        (void)st_snprintf(text, size, "module %s", jrt_text(module->name));
    } else { /* told apart by its object's hash */
        struct job_object *object = job_from_ref(module->object);
        uint32_t hash = object ? (uint32_t)jrt_identity_hash(jrt_current(), object) : 0;
        (void)st_snprintf(text, size, "unnamed module @0x%x", hash);
    }
}

const char *jrt_module_denial_text(const struct jrt_class *from, const struct jrt_class *to,
                                   char *text, uint32_t size)
{
    enum jrt_module_access access = jrt_module_access(from, to);
    if (access == JRT_ACCESS_OK) {
        return NULL;
    }
    const struct jrt_module *reader = jrt_module_at(from->module);
    const struct jrt_module *module = jrt_module_at(to->module);
    char one[JRT_MESSAGE_BYTES];
    char other[JRT_MESSAGE_BYTES];
    char reader_text[JRT_MESSAGE_BYTES];
    char module_name[JRT_MESSAGE_BYTES];
    char package[JRT_MESSAGE_BYTES];
    denial_module_text(reader, reader_text, sizeof(reader_text));
    denial_module_text(module, module_name, sizeof(module_name));
    jrt_external_name(from, one, sizeof(one));
    jrt_external_name(to, other, sizeof(other));
    if (access == JRT_ACCESS_NOT_READ) {
        (void)st_snprintf(text, size,
                          "class %s (in %s) cannot access class %s (in %s) because %s does not "
                          "read %s",
                          one, reader_text, other, module_name, reader_text, module_name);
        return text;
    }
    const struct jrt_symbol *name = jrt_symbol_at(jrt_package_at(to->package)->name);
    struct jrt_class named = {.name = job_offset(name)};
    jrt_external_name(&named, package, sizeof(package));
    (void)st_snprintf(text, size,
                      "class %s (in %s) cannot access class %s (in %s) because %s does not export "
                      "%s to %s",
                      one, reader_text, other, module_name, module_name, package, reader_text);
    return text;
}

static size_t append(char *text, uint32_t size, size_t at, const char *more, size_t length)
{
    for (size_t i = 0; i < length && at + 1 < size; i++) {
        text[at++] = more[i];
    }
    if (size) {
        text[at] = 0;
    }
    return at;
}

static const char *primitive_text(char c)
{
    enum jrt_type type = jrt_type_of_char(c);
    return jrt_text(jrt_known.primitive[type]->name);
}

const char *jrt_type_text(const char *descriptor, char *text, uint32_t size)
{
    uint32_t dimensions = 0;
    while (*descriptor == '[') {
        dimensions++;
        descriptor++;
    }
    size_t at = 0;
    if (*descriptor == 'L') {
        descriptor++;
        for (; *descriptor && *descriptor != ';'; descriptor++) {
            at = append(text, size, at, *descriptor == '/' ? "." : descriptor, 1);
        }
        descriptor += *descriptor == ';';
    } else if (*descriptor) {
        const char *name = primitive_text(*descriptor);
        at = append(text, size, at, name, strlen(name));
        descriptor++;
    }
    while (dimensions--) {
        at = append(text, size, at, "[]", 2);
    }
    return descriptor;
}

const char *jrt_method_text(const char *class_name, const char *name, const char *descriptor,
                            char *text, uint32_t size)
{
    char type[JRT_MESSAGE_BYTES];
    const char *result = strchr(descriptor, ')');
    size_t at = 0;
    if (result) {
        (void)jrt_type_text(result + 1, type, sizeof(type));
        at = append(text, size, at, type, strlen(type));
        at = append(text, size, at, " ", 1);
    }
    if (class_name) {
        at = append(text, size, at, class_name, strlen(class_name));
        at = append(text, size, at, ".", 1);
    }
    at = append(text, size, at, name, strlen(name));
    at = append(text, size, at, "(", 1);
    const char *next = descriptor + (*descriptor == '(');
    while (*next && *next != ')') {
        next = jrt_type_text(next, type, sizeof(type));
        at = append(text, size, at, type, strlen(type));
        at = *next && *next != ')' ? append(text, size, at, ", ", 2) : at;
    }
    (void)append(text, size, at, ")", 1);
    return text;
}

/* What casts tell of an array is where its innermost elements are. */
bool jrt_throw_cast(struct jrt_thread *thread, const struct jrt_class *from,
                    const struct jrt_class *to)
{
    char one[JRT_MESSAGE_BYTES];
    char other[JRT_MESSAGE_BYTES];
    char places[6 * JRT_MESSAGE_BYTES];
    return jrt_throw(thread, JRT_ClassCastException, "class %s cannot be cast to class %s (%s)",
                     jrt_external_name(from, one, sizeof(one)),
                     jrt_external_name(to, other, sizeof(other)),
                     jrt_places_text(from, to, places, sizeof(places)));
}

bool jrt_throw_not_public(struct jrt_thread *thread, const struct jrt_class *class,
                          const struct jrt_method *method, const struct jrt_method *target)
{
    const struct jrt_class *interface = jrt_class_at(method->class_at);
    const struct jrt_class *holder = jrt_class_at(target->class_at);
    char one[JRT_MESSAGE_BYTES];
    char other[JRT_MESSAGE_BYTES];
    char written[JRT_MESSAGE_BYTES];
    return jrt_throw(thread, JRT_IllegalAccessError,
                     "class %s tried to access %smethod '%s' (selected for class %s)",
                     jrt_external_name(interface, one, sizeof(one)),
                     target->access & JCF_ACC_PROTECTED ? "protected " : "",
                     jrt_method_text(jrt_external_name(holder, other, sizeof(other)),
                                     jrt_text(target->name), jrt_text(target->descriptor), written,
                                     sizeof(written)),
                     jrt_text(class->name));
}
