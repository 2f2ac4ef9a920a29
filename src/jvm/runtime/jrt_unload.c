/*
 * What the collector asks of classes and loaders: mirrors and modules that are roots, and after
 * marking which loaders died. A dead loader's classes, constants and code are given back at once.
 */
#include "jvm/runtime/jrt_unload.h"
#include "base/print.h"
#include "jvm/runtime/jrt_class_priv.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_loader_priv.h"
#include "jvm/runtime/jrt_message.h"
#include "jvm/runtime/jrt_vm.h"

/* The boot loader's classes are there for good, but for weak hidden ones: those live while somebody
 * refers to them. The world is stopped: no lock is needed. */
void jrt_loaders_roots(struct jgc_visitor *visitor)
{
    for (job_offset_t at = jrt_boot_loader->classes; at; at = jrt_class_at(at)->next) {
        struct jrt_class *class = jrt_class_at(at);
        if (!(class->flags & JRT_CLASS_WEAK)) {
            jgc_visit_slot(visitor, &class->object.mirror);
        }
    }
    for (uint32_t type = JRT_BOOLEAN; type <= JRT_VOID; type++) {
        if (jrt_known.primitive[type]) {
            jgc_visit_slot(visitor, &jrt_known.primitive[type]->object.mirror);
        }
        if (type <= JRT_LONG && jrt_known.primitive_array[type]) {
            jgc_visit_slot(visitor, &jrt_known.primitive_array[type]->object.mirror);
        }
    }
    for (job_offset_t at = jrt_boot_loader->modules; at; at = jrt_module_at(at)->next) {
        jgc_visit_slot(visitor, &jrt_module_at(at)->object);
    }
}

static uint64_t unloaded; /* [a] classes, ever; written while the world is stopped */

uint64_t jrt_unloaded_classes(void)
{
    return __atomic_load_n(&unloaded, __ATOMIC_RELAXED);
}

/* A class that is in no list any more. Its loader's memory, or its own, is given back. */
static void forget(struct jrt_class *class)
{
    if (jrt_options.log_unload && jrt_options.log_line) {
        char name[JRT_MESSAGE_BYTES];
        char line[2 * JRT_MESSAGE_BYTES];
        (void)st_snprintf(line, sizeof(line), "unloading class %s %p",
                          jrt_external_name(class, name, sizeof(name)), (void *)class);
        jrt_options.log_line("class,unload", line);
    }
    unloaded++;
    jrt_exec->forget_class(class);
    if (class->memory) {
        jrt_memory_free(job_at(class->memory));
    }
}

/* Classes whose mirrors died leave the list. What lies in the loader's memory goes with it. */
static void drop_dead_classes(struct jrt_loader *loader)
{
    job_offset_t *link = &loader->classes;
    while (*link) {
        struct jrt_class *class = jrt_class_at(*link);
        if (!class->object.mirror.word || jgc_is_live(jrt_mirror(class))) {
            link = &class->next;
            continue;
        }
        *link = class->next;
        bool own = class->memory != 0;
        forget(class);
        if (own) {
            jrt_class_slot_dead(class);
        }
    }
}

static void forget_loader(struct jrt_loader *loader)
{
    while (loader->classes) {
        struct jrt_class *class = jrt_class_at(loader->classes);
        loader->classes = class->next;
        forget(class);
        jrt_class_slot_dead(class);
    }
    jrt_constraints_forget(loader);
    jrt_domains_forget(loader);
    job_arena_done(&loader->memory.arena);
}

static void forget_receivers_of(const struct jrt_loader *loader)
{
    for (job_offset_t at = loader->classes; at; at = jrt_class_at(at)->next) {
        jrt_exec->forget_receivers(jrt_class_at(at));
    }
}

/* Unloaded classes' slots are used again once nobody's cache knows them. */
static void use_slots_again(void)
{
    if (!jrt_slots_are_due() || !jrt_exec->forget_receivers) {
        return;
    }
    forget_receivers_of(jrt_boot_loader);
    for (struct jrt_loader *loader = jrt_first_loader(); loader; loader = jrt_next_loader(loader)) {
        forget_receivers_of(loader);
    }
    jrt_slots_again();
}

void jrt_loaders_update(void)
{
    drop_dead_classes(jrt_boot_loader);
    for (struct jrt_loader *loader = jrt_first_loader(); loader; loader = jrt_next_loader(loader)) {
        jgc_update_weak(&loader->object);
        if (!loader->object.word) {
            continue;
        }
        drop_dead_classes(loader);
        jrt_domains_update(loader);
        for (job_offset_t at = loader->modules; at; at = jrt_module_at(at)->next) {
            jgc_update_weak(&jrt_module_at(at)->object);
        }
    }
    jrt_free_loaders(forget_loader);
    use_slots_again();
}
