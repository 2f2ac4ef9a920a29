/*
 * What the collector asks of classes and loaders: mirrors and modules that are roots, and after
 * marking which loaders died. A dead loader's classes, constants and code are given back at once.
 */
#include "jvm/runtime/jrt_unload.h"
#include "jvm/runtime/jrt_class_priv.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_known.h"

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

/* Classes whose mirrors died leave the list; their memory goes with the loader. */
static void drop_dead_classes(struct jrt_loader *loader)
{
    job_offset_t *link = &loader->classes;
    while (*link) {
        struct jrt_class *class = jrt_class_at(*link);
        if (class->object.mirror.word && !jgc_is_live(jrt_mirror(class))) {
            *link = class->next;
            unloaded++;
            jrt_exec->forget_class(class);
        } else {
            link = &class->next;
        }
    }
}

static void forget_loader(struct jrt_loader *loader)
{
    for (job_offset_t at = loader->classes; at; at = jrt_class_at(at)->next) {
        unloaded++;
        jrt_exec->forget_class(jrt_class_at(at));
    }
    jrt_constraints_forget(loader);
    job_arena_done(&loader->arena);
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
        for (job_offset_t at = loader->modules; at; at = jrt_module_at(at)->next) {
            jgc_update_weak(&jrt_module_at(at)->object);
        }
    }
    jrt_free_loaders(forget_loader);
}
