/*
 * Class loaders: their data, dictionaries, and how a class is found (JVMS 17 5.3).
 *
 * Locks: jrt_loaders_lock (see jrt_loader_priv.h); a loader's `making` is taken for each piece of
 * metadata and may be held under it.
 */
#include "jvm/runtime/jrt_loader.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/print.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_class_priv.h"
#include "jvm/runtime/jrt_define_priv.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_known_priv.h"
#include "jvm/runtime/jrt_loader_priv.h"
#include "jvm/runtime/jrt_message.h"
#include "jvm/runtime/jrt_meta.h"
#include "jvm/runtime/jrt_monitor.h"
#include "jvm/runtime/jrt_nest.h"
#include "jvm/runtime/jrt_references.h"
#include "jvm/runtime/jrt_resolve_priv.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"
#include "jvm/runtime/jrt_unload.h"
#include "jvm/runtime/jrt_vm.h"

pthread_mutex_t jrt_loaders_lock = PTHREAD_MUTEX_INITIALIZER;
struct jrt_loader *jrt_boot_loader;

static struct job_arena system_arena; /* [l] loaders' data and classes themselves */
static job_offset_t all_loaders;      /* [l] without the boot loader */
static job_offset_t dead_slots;       /* of unloaded classes that caches may still know */
static uint32_t dead_count;
static uint32_t last_serial;         /* [l] */
static uint32_t last_hidden;         /* [a] */
static struct jrt_loading *loadings; /* [l] */

/* Pieces of one kind. Those that were given back are used again: a list by their member `next`. */
struct pieces {
    job_offset_t free; /* [l] */
    size_t size, next_at;
};
#define PIECES(type)                                                                               \
    {                                                                                              \
        .size = sizeof(type), .next_at = offsetof(type, next)                                      \
    }
static struct pieces loader_pieces = PIECES(struct jrt_loader);
static struct pieces memory_pieces = PIECES(struct jrt_memory);
static struct pieces class_pieces = PIECES(struct jrt_class);
#undef PIECES

/* A piece of zeros; NULL: no memory. */
static void *take_piece_locked(struct pieces *of)
{
    if (!of->free) {
        return job_arena_alloc(&system_arena, JOB_META_WRITTEN, of->size);
    }
    char *piece = job_at(of->free);
    memcpy(&of->free, piece + of->next_at, sizeof(of->free));
    return memset(piece, 0, of->size);
}

static void give_piece_locked(struct pieces *of, void *piece)
{
    memcpy((char *)piece + of->next_at, &of->free, sizeof(of->free));
    of->free = job_offset(piece);
}

static void *take(struct jrt_memory *memory, enum job_meta_kind kind, size_t size)
{
    pthread_mutex_lock(&memory->making);
    void *taken = job_arena_alloc(&memory->arena, kind, size ? size : 1);
    pthread_mutex_unlock(&memory->making);
    return taken;
}

void *jrt_meta(struct jrt_loader *loader, enum job_meta_kind kind, size_t size)
{
    return take(&loader->memory, kind, size);
}

void *jrt_class_meta(struct jrt_class *class, enum job_meta_kind kind, size_t size)
{
    return take(class->memory ? job_at(class->memory) : &jrt_loader_at(class->loader)->memory, kind,
                size);
}

struct jrt_memory *jrt_memory_new(void)
{
    pthread_mutex_lock(&jrt_loaders_lock);
    struct jrt_memory *memory = take_piece_locked(&memory_pieces);
    pthread_mutex_unlock(&jrt_loaders_lock);
    if (memory) {
        pthread_mutex_init(&memory->making, NULL);
    }
    return memory;
}

void jrt_memory_free(struct jrt_memory *memory)
{
    job_arena_done(&memory->arena);
    pthread_mutex_lock(&jrt_loaders_lock);
    give_piece_locked(&memory_pieces, memory);
    pthread_mutex_unlock(&jrt_loaders_lock);
}

struct jrt_class *jrt_class_slot(void)
{
    pthread_mutex_lock(&jrt_loaders_lock);
    struct jrt_class *class = take_piece_locked(&class_pieces);
    pthread_mutex_unlock(&jrt_loaders_lock);
    return class;
}

void jrt_class_slot_dead(struct jrt_class *class)
{
    class->next = dead_slots;
    dead_slots = job_offset(class);
    dead_count++;
}

bool jrt_slots_are_due(void)
{
    enum { DUE = 1024 };
    return dead_count >= DUE;
}

void jrt_slots_again(void)
{
    while (dead_slots) {
        struct jrt_class *class = jrt_class_at(dead_slots);
        dead_slots = class->next;
        give_piece_locked(&class_pieces, class);
    }
    dead_count = 0;
}

static struct jrt_loader *loader_new_locked(void)
{
    struct jrt_loader *loader = take_piece_locked(&loader_pieces);
    if (loader) {
        pthread_mutex_init(&loader->memory.making, NULL);
        loader->serial = ++last_serial;
        loader->known.loader = loader->packages.loader = loader;
    }
    return loader;
}

int jrt_loaders_init(void)
{
    pthread_mutex_lock(&jrt_loaders_lock);
    jrt_boot_loader = loader_new_locked();
    pthread_mutex_unlock(&jrt_loaders_lock);
    if (!jrt_boot_loader) {
        return -ST_ENOMEM;
    }
    jrt_known.boot_loader = job_offset(jrt_boot_loader);
    return 0;
}

static struct jrt_loader *loader_made_locked(struct job_object *object)
{
    struct jrt_loader *loader = loader_new_locked();
    struct jrt_module *unnamed =
        loader ? jrt_meta(loader, JOB_META_WRITTEN, sizeof(*unnamed)) : NULL;
    if (!unnamed) {
        return NULL;
    }
    struct job_object *module = jrt_ref(object, JRT_AT(ClassLoader, unnamedModule));
    unnamed->loader = job_offset(loader);
    unnamed->object = job_to_ref(module);
    unnamed->open = true;
    if (module) {
        jrt_set_int(module, JRT_AT(Module, moduleData), (int32_t)job_offset(unnamed));
    }
    loader->unnamed = loader->modules = job_offset(unnamed);
    loader->object = job_to_ref(object);
    const char *class_name = jrt_text(jrt_class_of(object)->name);
    loader->platform =
        jrt_class_of(object)->loader == jrt_known.boot_loader &&
        strcmp(class_name, "jdk/internal/loader/ClassLoaders$PlatformClassLoader") == 0;
    loader->next = all_loaders;
    all_loaders = job_offset(loader);
    return loader;
}

/* Whose constructor did not run is no loader: the machine ends, as HotSpot does. */
static void check_unnamed_module(const struct job_object *loader)
{
    const struct job_object *module = jrt_ref(loader, JRT_AT(ClassLoader, unnamedModule));
    if (module && jrt_is_subtype(jrt_class_of(module), jrt_known.class[JRT_Module])) {
        return;
    }
    char name[JRT_MESSAGE_BYTES];
    char what[2 * JRT_MESSAGE_BYTES];
    (void)st_snprintf(what, sizeof(what),
                      "The unnamed module for ClassLoader %s, is null or not an instance of "
                      "java.lang.Module. The class loader has not been initialized correctly.",
                      jrt_external_name(jrt_class_of(loader), name, sizeof(name)));
    if (jrt_options.fatal) {
        jrt_options.fatal(what);
    }
}

struct jrt_loader *jrt_loader_of(struct jrt_thread *thread, struct job_object *object)
{
    if (!object) {
        return jrt_boot_loader;
    }
    uint32_t at = JRT_AT(ClassLoader, loaderData);
    job_offset_t data = (job_offset_t)jrt_int(object, at);
    if (data) {
        return jrt_loader_at(data);
    }
    check_unnamed_module(object);
    pthread_mutex_lock(&jrt_loaders_lock);
    data = (job_offset_t)jrt_int(object, at);
    struct jrt_loader *loader = data ? jrt_loader_at(data) : loader_made_locked(object);
    if (loader) {
        jrt_set_int(object, at, (int32_t)job_offset(loader));
    }
    pthread_mutex_unlock(&jrt_loaders_lock);
    if (!loader) {
        (void)jrt_throw_oom(thread, JRT_OOM_METASPACE);
    }
    return loader;
}

struct job_object *jrt_loader_object(const struct jrt_loader *loader)
{
    return job_from_ref(loader->object);
}

uint32_t jrt_next_hidden_serial(void)
{
    return __atomic_add_fetch(&last_hidden, 1, __ATOMIC_RELAXED);
}

bool jrt_loading_begin(struct jrt_loading *loading)
{
    bool fresh = true;
    pthread_mutex_lock(&jrt_loaders_lock);
    for (const struct jrt_loading *at = loadings; at && fresh; at = at->next) {
        fresh = at->thread != loading->thread || at->loader != loading->loader ||
                at->name != loading->name;
    }
    if (fresh) {
        loading->next = loadings;
        loadings = loading;
    }
    pthread_mutex_unlock(&jrt_loaders_lock);
    return fresh;
}

void jrt_loading_end(struct jrt_loading *loading)
{
    pthread_mutex_lock(&jrt_loaders_lock);
    struct jrt_loading **at = &loadings;
    while (*at != loading) {
        at = &(*at)->next;
    }
    *at = loading->next;
    pthread_mutex_unlock(&jrt_loaders_lock);
}

struct jrt_class *jrt_loaded_class(struct jrt_loader *loader, job_offset_t name)
{
    pthread_mutex_lock(&jrt_loaders_lock);
    job_offset_t class = jrt_table_find(&loader->known, name);
    pthread_mutex_unlock(&jrt_loaders_lock);
    return class ? jrt_class_at(class) : NULL;
}

enum added { ADDED, THERE_ALREADY, FORBIDDEN, NO_MEMORY, LACKS_MEMBER };

/* To a loader's dictionary; *class becomes the one that is there already, or that is wanted. */
static enum added add_locked(struct jrt_loader *loader, job_offset_t name, struct jrt_class **class)
{
    job_offset_t old = jrt_table_find(&loader->known, name);
    if (old) {
        *class = jrt_class_at(old);
        return THERE_ALREADY;
    }
    struct jrt_class *wanted = jrt_constrained_locked(loader, name, *class);
    if (wanted != *class) {
        *class = wanted;
        return FORBIDDEN;
    }
    return jrt_table_put(&loader->known, name, job_offset(*class)) ? ADDED : NO_MEMORY;
}

/* Puts a class that was made into its loader's list, and its dictionary unless it is hidden. */
static enum added publish(struct jrt_class **class)
{
    struct jrt_loader *loader = jrt_loader_at((*class)->loader);
    pthread_mutex_lock(&jrt_loaders_lock);
    enum added added = ADDED;
    if (!((*class)->flags & JRT_CLASS_HIDDEN)) {
        struct jrt_class *made = *class;
        added = add_locked(loader, made->name, class);
        /* Under the lock: whoever finds the class finds what is known of it. */
        if (added == ADDED && jrt_is_boot(loader) && !jrt_known_made(made)) {
            added = LACKS_MEMBER;
        }
    }
    if (added == ADDED) {
        (*class)->next = loader->classes;
        loader->classes = job_offset(*class);
    }
    pthread_mutex_unlock(&jrt_loaders_lock);
    return added;
}

static struct jrt_class *throw_forbidden(struct jrt_thread *thread, const struct jrt_loader *loader,
                                         const struct jrt_class *class,
                                         const struct jrt_class *other)
{
    char text[JRT_MESSAGE_BYTES];
    char other_text[JRT_MESSAGE_BYTES];
    char name[JRT_MESSAGE_BYTES];
    char place[2 * JRT_MESSAGE_BYTES];
    (void)jrt_throw(thread, JRT_LinkageError,
                    "loader constraint violation: loader %s wants to load %s %s. A different %s "
                    "with the same name was previously loaded by %s. (%s)",
                    jrt_loader_text(loader, text, sizeof(text)),
                    jrt_is_interface(class) ? "interface" : "class",
                    jrt_external_name(class, name, sizeof(name)),
                    jrt_is_interface(other) ? "interface" : "class",
                    jrt_loader_text(jrt_loader_at(other->loader), other_text, sizeof(other_text)),
                    jrt_place_and_parent_text(other, place, sizeof(place)));
    return NULL;
}

static void log_load(const struct jrt_class *class, const char *source)
{
    if (jrt_options.log_class && jrt_options.log_line) {
        char name[JRT_MESSAGE_BYTES];
        char line[2 * JRT_MESSAGE_BYTES];
        (void)st_snprintf(line, sizeof(line), "%s source: %s",
                          jrt_external_name(class, name, sizeof(name)),
                          source ? source : "unknown");
        jrt_options.log_line("class,load", line);
    }
}

static struct jrt_class *throw_duplicate(struct jrt_thread *thread, const struct jrt_class *class)
{
    char loader[JRT_MESSAGE_BYTES];
    char name[JRT_MESSAGE_BYTES];
    char place[JRT_MESSAGE_BYTES];
    (void)jrt_throw(thread, JRT_LinkageError,
                    "loader %s attempted duplicate %s definition for %s. (%s)",
                    jrt_loader_text(jrt_loader_at(class->loader), loader, sizeof(loader)),
                    jrt_is_interface(class) ? "interface" : "class",
                    jrt_external_name(class, name, sizeof(name)),
                    jrt_place_and_parent_text(class, place, sizeof(place)));
    return NULL;
}

/* ClassLoader.addClass: keeps the class alive with its loader. */
static bool add_to_loader(struct jrt_thread *thread, const struct jrt_class *class)
{
    struct job_object *loader = jrt_loader_object(jrt_loader_at(class->loader));
    if (!loader || (class->flags & JRT_CLASS_WEAK)) {
        return true;
    }
    return jrt_call(thread, jrt_known.method[JRT_METHOD_addClass], NULL, loader, jrt_mirror(class));
}

/* Superclasses of other loaders live as long as the class does. */
static bool depend_on_supers(struct jrt_thread *thread, struct jrt_class *class)
{
    if (class->super && !jrt_depend(thread, class, jrt_class_at(class->super))) {
        return false;
    }
    for (uint32_t i = 0; i < class->interface_count; i++) {
        if (!jrt_depend(thread, class, jrt_class_at(jrt_offsets(class->interfaces)[i]))) {
            return false;
        }
    }
    return true;
}

/* Classes and loaders that nothing refers to take memory that the heap does not know of: a
 * collection when there is much more of it than the last one left. */
static void collect_metadata(struct jrt_thread *thread)
{
    enum { FIRST = 40 << 20, STEP = 24 << 20 };
    static uint64_t limit = FIRST; /* [a] */
    uint64_t seen = __atomic_load_n(&limit, __ATOMIC_RELAXED);
    if (job_meta_used() < seen ||
        !__atomic_compare_exchange_n(&limit, &seen, UINT64_MAX, false, __ATOMIC_RELAXED,
                                     __ATOMIC_RELAXED)) {
        return;
    }
    jgc_collect(&thread->alloc, JGC_METADATA);
    uint64_t left = job_meta_used();
    __atomic_store_n(&limit, left + ST_MAX((uint64_t)STEP, left / 2), __ATOMIC_RELAXED);
}

struct jrt_class *jrt_define_class(struct jrt_thread *thread, struct jrt_loader *loader,
                                   const struct jrt_definition *definition)
{
    collect_metadata(thread);
    struct jrt_class *class = jrt_make_class(thread, loader, definition);
    if (!class) {
        return NULL;
    }
    const struct jrt_class *nest = NULL; /* that no loader keeps */
    if (definition->hidden && !definition->strong) {
        class->flags |= JRT_CLASS_WEAK;
    }
    if (definition->hidden && definition->nestmate) {
        const struct jrt_class *host = jrt_nest_host(thread, definition->lookup);
        if (!host) {
            return NULL;
        }
        class->nest_host = job_offset(host);
        nest = host->flags & JRT_CLASS_HIDDEN ? host : NULL;
    } else if (definition->hidden) {
        class->nest_host = job_offset(class);
    }
    if (!jrt_make_mirror(thread, class)) {
        return NULL;
    }
    struct job_object *mirror = jrt_mirror(class);
    if (mirror && definition->protection_domain) {
        jrt_set_ref(mirror, JRT_AT(Class, protectionDomain), definition->protection_domain);
    }
    if (mirror && definition->class_data) {
        jrt_set_ref(mirror, JRT_AT(Class, classData), definition->class_data);
    }
    if (!depend_on_supers(thread, class) ||
        (nest && !jrt_add_reference(thread, class, jrt_mirror(nest)))) {
        return NULL;
    }
    struct jrt_class *published = class;
    switch (publish(&published)) {
    case ADDED:
        break;
    case THERE_ALREADY:
        return definition->keep_old ? published : throw_duplicate(thread, class);
    case FORBIDDEN:
        return throw_forbidden(thread, loader, class, published);
    case NO_MEMORY:
        (void)jrt_throw_oom(thread, JRT_OOM_METASPACE);
        return NULL;
    case LACKS_MEMBER:
        (void)jrt_throw(thread, JRT_InternalError,
                        "class %s of the library lacks a member that the machine needs",
                        jrt_text(class->name));
        return NULL;
    }
    log_load(class, definition->source);
    bool added = add_to_loader(thread, class);
    /* Held until here: nothing else keeps a new class, and what its mirror refers to, alive. */
    __asm__ volatile("" : : "r"(mirror));
    return added ? class : NULL;
}

struct jrt_class *jrt_boot_class(struct jrt_thread *thread, job_offset_t name)
{
    struct jrt_class *class = jrt_loaded_class(jrt_boot_loader, name);
    struct jrt_boot_bytes found;
    if (class || jrt_boot_find(name, &found) != JRT_BOOT_FOUND) {
        return class;
    }
    struct jrt_definition definition = {.bytes = found.bytes,
                                        .size = found.size,
                                        .name = name,
                                        .source = found.source,
                                        .keep_old = true};
    class = jrt_define_class(thread, jrt_boot_loader, &definition);
    if (class) {
        job_offset_t source = jrt_symbol_of(found.source);
        pthread_mutex_lock(&jrt_loaders_lock);
        jrt_package_at(class->package)->source = source;
        pthread_mutex_unlock(&jrt_loaders_lock);
    }
    jrt_boot_done(&found);
    return class;
}

/* Records that a loader found a class that maybe another one defined: from now on it is asked no
 * more for that name (JVMS 17 5.3.5). */
static struct jrt_class *record(struct jrt_thread *thread, struct jrt_loader *loader,
                                job_offset_t name, struct jrt_class *class)
{
    pthread_mutex_lock(&jrt_loaders_lock);
    struct jrt_class *recorded = class;
    enum added added = add_locked(loader, name, &recorded);
    pthread_mutex_unlock(&jrt_loaders_lock);
    if (added == FORBIDDEN) {
        return throw_forbidden(thread, loader, class, recorded);
    }
    if (added == NO_MEMORY) {
        (void)jrt_throw_oom(thread, JRT_OOM_METASPACE);
        return NULL;
    }
    return recorded;
}

static struct job_object *dotted_name(struct jrt_thread *thread, job_offset_t name)
{
    const struct jrt_symbol *symbol = jrt_symbol_at(name);
    st_auto(free) char *text = malloc(symbol->length + 1u);
    if (!text) {
        (void)jrt_throw_oom(thread, JRT_OOM_HEAP);
        return NULL;
    }
    for (uint32_t i = 0; i <= symbol->length; i++) {
        text[i] = symbol->text[i] == '/' ? '.' : symbol->text[i];
    }
    return jrt_string(thread, text, symbol->length);
}

/* Asks a loader's loadClass. NULL without an exception: it gave none, or one of another name. */
static struct jrt_class *ask_loader(struct jrt_thread *thread, struct jrt_loader *loader,
                                    job_offset_t name)
{
    struct job_object *object = jrt_loader_object(loader);
    struct job_object *string = dotted_name(thread, name);
    if (!string) {
        return NULL;
    }
    struct jrt_method *method =
        jrt_virtual_method(jrt_class_of(object), jrt_known.method[JRT_METHOD_loadClass]);
    union jrt_slot result = {0};
    if (!jrt_call(thread, method, &result, object, string)) {
        return NULL;
    }
    struct job_object *mirror = job_from_ref(result.ref);
    struct jrt_class *class = mirror ? jrt_class_of_mirror(mirror) : NULL;
    return class && class->name == name ? class : NULL;
}

static struct jrt_class *load_by_java(struct jrt_thread *thread, struct jrt_loader *loader,
                                      job_offset_t name)
{
    struct job_object *object = jrt_loader_object(loader);
    bool parallel = jrt_ref(object, JRT_AT(ClassLoader, parallelLockMap)) != NULL;
    if (!parallel && !jrt_monitor_enter(thread, object)) {
        return NULL;
    }
    struct jrt_class *class = parallel ? NULL : jrt_loaded_class(loader, name);
    if (!class) {
        class = ask_loader(thread, loader, name);
        class = class ? record(thread, loader, name, class) : NULL;
    }
    if (!parallel) {
        struct job_object *pending = jrt_catch(thread);
        if (!jrt_monitor_exit(thread, object)) {
            class = NULL;
        } else if (pending) {
            (void)jrt_throw_object(thread, pending);
        }
    }
    return class;
}

/* NULL without an exception: there is no such class. */
static struct jrt_class *find_instance(struct jrt_thread *thread, struct jrt_loader *loader,
                                       job_offset_t name)
{
    struct jrt_class *class = jrt_loaded_class(loader, name);
    if (class) {
        return class;
    }
    return jrt_is_boot(loader) ? jrt_boot_class(thread, name) : load_by_java(thread, loader, name);
}

static struct jrt_class *find(struct jrt_thread *thread, struct jrt_loader *loader,
                              job_offset_t name)
{
    struct jrt_array_name array;
    if (jrt_text(name)[0] != '[' || !jrt_parse_array_name(name, &array)) {
        return find_instance(thread, loader, name);
    }
    if (!array.primitive && !array.element) {
        (void)jrt_throw_oom(thread, JRT_OOM_METASPACE);
        return NULL;
    }
    struct jrt_class *class =
        array.primitive ? array.primitive : find_instance(thread, loader, array.element);
    while (class && array.dimensions--) {
        class = jrt_array_class(thread, class);
    }
    return class;
}

static struct jrt_class *load(struct jrt_thread *thread, struct jrt_loader *loader,
                              job_offset_t name, bool need)
{
    struct jrt_class *class = find(thread, loader, name);
    if (class) {
        return class;
    }
    if (!jrt_failed(thread)) {
        (void)jrt_throw(thread, need ? JRT_NoClassDefFoundError : JRT_ClassNotFoundException, "%s",
                        jrt_text(name));
    } else if (need && jrt_pending_is(thread, JRT_ClassNotFoundException)) {
        (void)jrt_throw_caused(thread, JRT_NoClassDefFoundError, "%s", jrt_text(name));
    }
    return NULL;
}

struct jrt_class *jrt_load_class(struct jrt_thread *thread, struct jrt_loader *loader,
                                 job_offset_t name)
{
    return load(thread, loader, name, false);
}

struct jrt_class *jrt_need_class(struct jrt_thread *thread, struct jrt_loader *loader,
                                 job_offset_t name)
{
    return load(thread, loader, name, true);
}

static void each_of(const struct jrt_loader *loader,
                    void (*visit)(struct jrt_class *class, void *argument), void *argument)
{
    for (job_offset_t at = loader->classes; at; at = jrt_class_at(at)->next) {
        visit(jrt_class_at(at), argument);
    }
}

void jrt_classes_each(void (*visit)(struct jrt_class *class, void *argument), void *argument)
{
    pthread_mutex_lock(&jrt_loaders_lock);
    each_of(jrt_boot_loader, visit, argument);
    for (job_offset_t at = all_loaders; at; at = jrt_loader_at(at)->next) {
        each_of(jrt_loader_at(at), visit, argument);
    }
    pthread_mutex_unlock(&jrt_loaders_lock);
}

struct jrt_loader *jrt_first_loader(void)
{
    return all_loaders ? jrt_loader_at(all_loaders) : NULL;
}

struct jrt_loader *jrt_next_loader(const struct jrt_loader *loader)
{
    return loader->next ? jrt_loader_at(loader->next) : NULL;
}

/* Other loaders may have found classes of a dead one; they will not again. */
static void forget_found(struct jrt_loader *loader)
{
    for (uint32_t i = 0; loader->known.mask && i <= loader->known.mask; i++) {
        job_offset_t class = jrt_table_value(&loader->known, i);
        if (class && jrt_class_at(class)->loader != jrt_known.boot_loader &&
            !jrt_loader_at(jrt_class_at(class)->loader)->object.word) {
            loader->known.entries[i] &= ~(uint64_t)UINT32_MAX;
        }
    }
}

void jrt_free_loaders(void (*forget)(struct jrt_loader *loader))
{
    bool any = false;
    for (job_offset_t at = all_loaders; at; at = jrt_loader_at(at)->next) {
        any |= !jrt_loader_at(at)->object.word;
    }
    if (!any) {
        return;
    }
    forget_found(jrt_boot_loader);
    for (job_offset_t at = all_loaders; at; at = jrt_loader_at(at)->next) {
        if (jrt_loader_at(at)->object.word) {
            forget_found(jrt_loader_at(at));
        }
    }
    for (job_offset_t *link = &all_loaders; *link;) {
        struct jrt_loader *loader = jrt_loader_at(*link);
        if (loader->object.word) {
            link = &loader->next;
            continue;
        }
        *link = loader->next;
        forget(loader);
        give_piece_locked(&loader_pieces, loader);
    }
}
