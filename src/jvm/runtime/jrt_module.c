/*
 * Modules (jvm-interface.md 4.3): defined by the library's boot layer through JVM_DefineModule and
 * its like, kept here for the machine's own access checks (JVMS 17 5.4.4).
 *
 * Until java.base is defined there are no modules, and everything is accessible; its definition
 * sets the module of all classes that were loaded before.
 */
#include "jvm/runtime/jrt_module.h"

#include <stdlib.h>
#include <string.h>

#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_class_priv.h"
#include "jvm/runtime/jrt_known_priv.h"
#include "jvm/runtime/jrt_loader_priv.h"
#include "jvm/runtime/jrt_message.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"

static struct jrt_module *java_base; /* [a] NULL until it is defined */

static bool no_memory(struct jrt_thread *thread)
{
    return jrt_throw_oom(thread, JRT_OOM_METASPACE);
}

/* The unnamed module of a loader is known from when the loader is. */
static struct jrt_module *module_of(struct jrt_thread *thread, const struct job_object *object)
{
    const uint32_t data_at = JRT_AT(Module, moduleData);
    if (!jrt_int(object, data_at) && !jrt_ref(object, JRT_AT(Module, name)) &&
        jrt_ref(object, JRT_AT(Module, loader)) &&
        !jrt_loader_of(thread, jrt_ref(object, JRT_AT(Module, loader)))) {
        return NULL;
    }
    job_offset_t data = (job_offset_t)jrt_int(object, data_at);
    return data ? jrt_module_at(data) : NULL;
}

struct jrt_package *jrt_package_locked(struct jrt_loader *loader, job_offset_t name)
{
    job_offset_t at = jrt_table_find(&loader->packages, name);
    if (at) {
        return jrt_package_at(at);
    }
    struct jrt_package *package = jrt_meta(loader, JOB_META_WRITTEN, sizeof(*package));
    if (!package || !jrt_table_put(&loader->packages, name, job_offset(package))) {
        return NULL;
    }
    package->name = name;
    package->loader = job_offset(loader);
    package->module = java_base ? loader->unnamed : 0;
    return package;
}

static bool add_to_set(struct jrt_loader *loader, struct jrt_module_set *set,
                       const struct jrt_module *module)
{
    job_offset_t added = job_offset(module);
    job_offset_t *modules = set->count ? job_at(set->modules) : NULL;
    for (uint32_t i = 0; i < set->count; i++) {
        if (modules[i] == added) {
            return true;
        }
    }
    if (set->count == set->room) {
        uint32_t room = set->room ? set->room * 2 : 4;
        job_offset_t *grown = jrt_meta(loader, JOB_META_WRITTEN, room * sizeof(*grown));
        if (!grown) {
            return false;
        }
        if (set->count) {
            memcpy(grown, modules, set->count * sizeof(*grown));
        }
        set->modules = job_offset(grown);
        set->room = room;
        modules = grown;
    }
    modules[set->count++] = added;
    return true;
}

static bool in_set(const struct jrt_module_set *set, job_offset_t module)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (jrt_offsets(set->modules)[i] == module) {
            return true;
        }
    }
    return false;
}

/* -- Definition -- */

struct request {
    struct jrt_thread *thread;
    struct job_object *object;
    struct jrt_loader *loader;
    job_offset_t name;
    job_offset_t *packages; /* symbols */
    uint32_t count;
};

static struct job_object *field_of(const struct job_object *module, uint32_t at)
{
    return jrt_ref(module, at);
}

/* Why the request cannot be. */
struct refusal {
    bool defined;
    const struct jrt_package *package; /* that is in another module already */
};

static bool refused_locked(const struct request *r, bool base, struct refusal *refusal)
{
    for (job_offset_t at = r->loader->modules; at; at = jrt_module_at(at)->next) {
        if (jrt_module_at(at)->name == r->name) {
            refusal->defined = true;
            return true;
        }
    }
    for (uint32_t i = 0; i < r->count && !base; i++) {
        job_offset_t at = jrt_table_find(&r->loader->packages, r->packages[i]);
        const struct jrt_package *package = at ? jrt_package_at(at) : NULL;
        if (package &&
            (package->has_classes || (package->module && jrt_module_at(package->module)->name))) {
            refusal->package = package;
            return true;
        }
    }
    return false;
}

static bool throw_refusal(const struct request *r, const struct refusal *refusal)
{
    if (refusal->defined) {
        return jrt_throw(r->thread, JRT_IllegalStateException, "Module %s is already defined",
                         jrt_text(r->name));
    }
    job_offset_t other = refusal->package->module;
    if (other && jrt_module_at(other)->name) {
        return jrt_throw(r->thread, JRT_IllegalStateException,
                         "Package %s for module %s is already in another module, %s, defined to "
                         "the class loader",
                         jrt_text(refusal->package->name), jrt_text(r->name),
                         jrt_text(jrt_module_at(other)->name));
    }
    return jrt_throw(r->thread, JRT_IllegalStateException,
                     "Package %s for module %s is already in the unnamed module for class loader",
                     jrt_text(refusal->package->name), jrt_text(r->name));
}

static struct jrt_module *make_locked(const struct request *r, bool open, job_offset_t version,
                                      job_offset_t location)
{
    struct jrt_module *module = jrt_meta(r->loader, JOB_META_WRITTEN, sizeof(*module));
    if (!module) {
        return NULL;
    }
    module->name = r->name;
    module->version = version;
    module->location = location;
    module->loader = job_offset(r->loader);
    module->object = job_to_ref(r->object);
    module->open = open;
    for (uint32_t i = 0; i < r->count; i++) {
        struct jrt_package *package = jrt_package_locked(r->loader, r->packages[i]);
        if (!package) {
            return NULL;
        }
        package->module = job_offset(module);
    }
    module->next = r->loader->modules;
    r->loader->modules = job_offset(module);
    jrt_set_int(r->object, JRT_AT(Module, moduleData), (int32_t)job_offset(module));
    return module;
}

static void set_module(struct jrt_class *class, void *argument)
{
    struct jrt_module *base = argument;
    if (class->module) {
        return;
    }
    const struct jrt_package *package = class->package ? jrt_package_at(class->package) : NULL;
    class->module = package && package->module ? package->module : job_offset(base);
    struct job_object *mirror = jrt_mirror(class);
    if (mirror) {
        jrt_set_ref(mirror, JRT_AT(Class, module),
                    job_from_ref(jrt_module_at(class->module)->object));
    }
}

/* java.base comes first: what was loaded before it is in it. */
static void base_defined(struct jrt_module *base)
{
    pthread_mutex_lock(&jrt_loaders_lock);
    struct jrt_table *packages = &jrt_boot_loader->packages;
    for (uint32_t i = 0; packages->mask && i <= packages->mask; i++) {
        job_offset_t at = jrt_table_value(packages, i);
        if (at && !jrt_package_at(at)->module) {
            jrt_package_at(at)->module = job_offset(base);
        }
    }
    __atomic_store_n(&java_base, base, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&jrt_loaders_lock);
    jrt_classes_each(set_module, base);
    for (uint32_t type = JRT_BOOLEAN; type <= JRT_VOID; type++) {
        if (jrt_known.primitive[type]) {
            set_module(jrt_known.primitive[type], base);
        }
        if (type <= JRT_LONG && jrt_known.primitive_array[type]) {
            set_module(jrt_known.primitive_array[type], base);
        }
    }
}

static bool check_prohibited(const struct request *r)
{
    if (jrt_is_boot(r->loader) || r->loader->platform) {
        return true;
    }
    for (uint32_t i = 0; i < r->count; i++) {
        const char *text = jrt_text(r->packages[i]);
        if (strncmp(text, "java", 4) == 0 && (text[4] == '/' || text[4] == 0)) {
            char name[JRT_MESSAGE_BYTES];
            return jrt_throw(
                r->thread, JRT_IllegalArgumentException,
                "Class loader (instance of): %s tried to define prohibited package name: %s",
                jrt_external_name(jrt_class_of(jrt_loader_object(r->loader)), name, sizeof(name)),
                text);
        }
    }
    return true;
}

static bool define(const struct request *r, bool open, job_offset_t version, job_offset_t location)
{
    bool base = strcmp(jrt_text(r->name), "java.base") == 0;
    struct refusal refusal = {0};
    pthread_mutex_lock(&jrt_loaders_lock);
    bool refused = refused_locked(r, base, &refusal);
    struct jrt_module *module = refused ? NULL : make_locked(r, open, version, location);
    pthread_mutex_unlock(&jrt_loaders_lock);
    if (refused) {
        return throw_refusal(r, &refusal);
    }
    if (!module) {
        return no_memory(r->thread);
    }
    if (base) {
        base_defined(module);
    }
    return true;
}

bool jrt_define_module(struct jrt_thread *thread, struct job_object *object, bool open,
                       const char *version, const char *location, const char *const *packages,
                       uint32_t count)
{
    if (!object) {
        return jrt_throw(thread, JRT_NullPointerException, "Null module object");
    }
    const struct job_object *name = field_of(object, JRT_AT(Module, name));
    if (!name) {
        return jrt_throw(thread, JRT_IllegalArgumentException, "Module name cannot be null");
    }
    struct jrt_loader *loader = jrt_loader_of(thread, field_of(object, JRT_AT(Module, loader)));
    job_offset_t *symbols = loader ? malloc((count + 1) * sizeof(*symbols)) : NULL;
    if (!symbols) {
        return loader ? no_memory(thread) : false;
    }
    struct request r = {thread, object, loader, jrt_string_symbol(name, false), symbols, count};
    bool ok = r.name != 0;
    for (uint32_t i = 0; ok && i < count; i++) {
        symbols[i] = jrt_symbol_of(packages[i]);
        ok = symbols[i] != 0;
    }
    job_offset_t version_symbol = version ? jrt_symbol_of(version) : 0;
    job_offset_t location_symbol = location ? jrt_symbol_of(location) : 0;
    if (!ok || (version && !version_symbol) || (location && !location_symbol)) {
        ok = no_memory(thread);
    } else {
        ok = check_prohibited(&r) && define(&r, open, version_symbol, location_symbol);
    }
    free(symbols);
    return ok;
}

bool jrt_set_boot_unnamed_module(struct jrt_thread *thread, struct job_object *object)
{
    if (!object) {
        return jrt_throw(thread, JRT_NullPointerException, "Null module object");
    }
    if (field_of(object, JRT_AT(Module, name)) || field_of(object, JRT_AT(Module, loader))) {
        return jrt_throw(thread, JRT_IllegalArgumentException,
                         "Not the unnamed module of the boot loader");
    }
    struct jrt_module *module = jrt_meta(jrt_boot_loader, JOB_META_WRITTEN, sizeof(*module));
    if (!module) {
        return no_memory(thread);
    }
    module->loader = job_offset(jrt_boot_loader);
    module->object = job_to_ref(object);
    module->open = true;
    pthread_mutex_lock(&jrt_loaders_lock);
    module->next = jrt_boot_loader->modules;
    jrt_boot_loader->modules = jrt_boot_loader->unnamed = job_offset(module);
    pthread_mutex_unlock(&jrt_loaders_lock);
    jrt_set_int(object, JRT_AT(Module, moduleData), (int32_t)job_offset(module));
    return true;
}

bool jrt_add_reads(struct jrt_thread *thread, struct job_object *from, struct job_object *to)
{
    struct jrt_module *reader = from ? module_of(thread, from) : NULL;
    struct jrt_module *read = to ? module_of(thread, to) : NULL;
    if (!from) {
        return jrt_throw(thread, JRT_NullPointerException, "from_module is null");
    }
    if (!reader || (to && !read)) {
        return jrt_throw(thread, JRT_IllegalArgumentException, "%s is not valid",
                         reader ? "to_module" : "from_module");
    }
    if (reader == read || !reader->name) {
        return true;
    }
    bool added = true;
    pthread_mutex_lock(&jrt_loaders_lock);
    if (read) {
        added = add_to_set(jrt_loader_at(reader->loader), &reader->reads, read);
    } else {
        reader->reads_unnamed = true;
    }
    pthread_mutex_unlock(&jrt_loaders_lock);
    return added || no_memory(thread);
}

bool jrt_add_exports(struct jrt_thread *thread, struct job_object *from, const char *name,
                     enum jrt_export_to kind, struct job_object *to)
{
    if (!name || !from || (kind == JRT_EXPORT_TO && !to)) {
        return jrt_throw(thread, JRT_NullPointerException,
                         !name   ? "package is null"
                         : !from ? "from_module is null"
                                 : "to_module is null");
    }
    struct jrt_module *module = module_of(thread, from);
    struct jrt_module *target = to ? module_of(thread, to) : NULL;
    if (!module || (kind == JRT_EXPORT_TO && !target)) {
        return jrt_throw(thread, JRT_IllegalArgumentException, "%s is not valid",
                         module ? "to_module" : "from_module");
    }
    if (!module->name || module->open) {
        return true; /* everything of it is exported */
    }
    struct jrt_loader *loader = jrt_loader_at(module->loader);
    job_offset_t symbol = jrt_symbol_of(name);
    pthread_mutex_lock(&jrt_loaders_lock);
    job_offset_t at = symbol ? jrt_table_find(&loader->packages, symbol) : 0;
    struct jrt_package *package = at ? jrt_package_at(at) : NULL;
    bool known = package && package->module == job_offset(module);
    bool added = true;
    if (known && kind == JRT_EXPORT_TO_ALL) {
        package->exported = true;
    } else if (known && kind == JRT_EXPORT_TO_ALL_UNNAMED) {
        package->exported_unnamed = true;
    } else if (known) {
        added = add_to_set(loader, &package->exports, target);
    }
    pthread_mutex_unlock(&jrt_loaders_lock);
    if (!known) {
        return jrt_throw(thread, JRT_IllegalArgumentException,
                         "Package %s not found in from_module %s", name, jrt_text(module->name));
    }
    return added || no_memory(thread);
}

enum jrt_module_access jrt_module_access(const struct jrt_class *from, const struct jrt_class *to)
{
    if (from->module == to->module || !from->module || !to->module) {
        return JRT_ACCESS_OK;
    }
    const struct jrt_module *reader = jrt_module_at(from->module);
    const struct jrt_module *module = jrt_module_at(to->module);
    enum jrt_module_access access = JRT_ACCESS_OK;
    pthread_mutex_lock(&jrt_loaders_lock);
    if (reader->name && module != java_base) {
        bool reads = module->name ? in_set(&reader->reads, to->module)
                                  : reader->reads_unnamed || in_set(&reader->reads, to->module);
        access = reads ? JRT_ACCESS_OK : JRT_ACCESS_NOT_READ;
    }
    if (access == JRT_ACCESS_OK && module->name && !module->open) {
        const struct jrt_package *package = jrt_package_at(to->package);
        bool exported = package->exported || (!reader->name && package->exported_unnamed) ||
                        in_set(&package->exports, from->module);
        access = exported ? JRT_ACCESS_OK : JRT_ACCESS_NOT_EXPORTED;
    }
    pthread_mutex_unlock(&jrt_loaders_lock);
    return access;
}

const char *jrt_boot_module_of(job_offset_t package)
{
    const char *name = NULL;
    pthread_mutex_lock(&jrt_loaders_lock);
    job_offset_t at = java_base ? jrt_table_find(&jrt_boot_loader->packages, package) : 0;
    job_offset_t module = at ? jrt_package_at(at)->module : 0;
    if (module && jrt_module_at(module)->name) {
        name = jrt_text(jrt_module_at(module)->name);
    }
    pthread_mutex_unlock(&jrt_loaders_lock);
    return name;
}

void jrt_boot_packages_each(void (*visit)(const char *name, const char *location, void *argument),
                            void *argument)
{
    pthread_mutex_lock(&jrt_loaders_lock);
    const struct jrt_table *packages = &jrt_boot_loader->packages;
    for (uint32_t i = 0; packages->mask && i <= packages->mask; i++) {
        job_offset_t at = jrt_table_value(packages, i);
        const struct jrt_package *package = at ? jrt_package_at(at) : NULL;
        if (package && package->has_classes && package->source) {
            visit(jrt_text(package->name), jrt_text(package->source), argument);
        }
    }
    pthread_mutex_unlock(&jrt_loaders_lock);
}
