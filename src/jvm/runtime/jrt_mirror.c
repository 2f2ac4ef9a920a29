/*
 * Mirrors: the java.lang.Class of a class, with the class's static fields behind its own.
 * Constants (ConstantValue) are stored when it is made, as HotSpot does. It never moves.
 */
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_class_priv.h"
#include "jvm/runtime/jrt_define_priv.h"
#include "jvm/runtime/jrt_known_priv.h"
#include "jvm/runtime/jrt_loader_priv.h"
#include "jvm/runtime/jrt_pool.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_throw.h"

static bool set_constant(struct jrt_thread *thread, struct job_object *mirror,
                         const struct jrt_class *class, const struct jrt_field *field)
{
    const struct jrt_pool *pool = jrt_pool_of(class);
    uint16_t index = field->constant_index;
    uint32_t bits = jrt_pool_value(pool, index);
    void *at = job_field(mirror, field->offset);
    switch ((enum jrt_type)field->type) {
    case JRT_BOOLEAN:
        *(uint8_t *)at = bits & 1;
        break;
    case JRT_BYTE:
        *(uint8_t *)at = (uint8_t)bits;
        break;
    case JRT_CHAR:
    case JRT_SHORT:
        *(uint16_t *)at = (uint16_t)bits;
        break;
    case JRT_INT:
    case JRT_FLOAT:
        *(uint32_t *)at = bits;
        break;
    case JRT_LONG:
    case JRT_DOUBLE:
        *(uint64_t *)at = jrt_pool_wide(pool, index);
        break;
    case JRT_OBJECT:
    case JRT_ARRAY:
    case JRT_VOID: {
        if (pool->tags[index] != JCF_TAG_STRING) {
            break;
        }
        job_offset_t symbol = jrt_pool_named(class, index);
        struct job_object *string = symbol ? jrt_intern_symbol(thread, symbol) : NULL;
        if (!string) {
            return symbol ? false : jrt_throw_oom(thread, JRT_OOM_METASPACE);
        }
        jrt_set_ref(mirror, field->offset, string);
        break;
    }
    }
    return true;
}

static bool set_constants(struct jrt_thread *thread, struct job_object *mirror,
                          const struct jrt_class *class)
{
    const struct jrt_field *fields = (const struct jrt_field *)job_at(class->fields);
    for (uint32_t i = 0; i < class->field_count; i++) {
        if (fields[i].constant_index && (fields[i].access & JCF_ACC_STATIC) &&
            !set_constant(thread, mirror, class, &fields[i])) {
            return false;
        }
    }
    return true;
}

static struct job_object *module_object(const struct jrt_class *class)
{
    return class->module ? job_from_ref(jrt_module_at(class->module)->object) : NULL;
}

bool jrt_make_mirror(struct jrt_thread *thread, struct jrt_class *class)
{
    struct jrt_class *mirrors = jrt_known.class[JRT_Class];
    if (!jrt_mirror_bytes()) {
        return true;
    }
    size_t bytes = mirrors->object.instance_bytes + class->object.static_bytes;
    struct job_object *mirror = jgc_alloc_immovable(&thread->alloc, bytes);
    if (!mirror) {
        return jrt_throw_oom(thread, JRT_OOM_HEAP);
    }
    mirror->class_at = job_offset(mirrors);
    *(job_offset_t *)job_field(mirror, JRT_AT(Class, klass)) = job_offset(class);
    jrt_set_ref(mirror, JRT_AT(Class, classLoader),
                jrt_loader_object(jrt_loader_at(class->loader)));
    jrt_set_ref(mirror, JRT_AT(Class, module), module_object(class));
    if (class->flags & JRT_CLASS_ARRAY) {
        jrt_set_ref(mirror, JRT_AT(Class, componentType), jrt_mirror(jrt_class_at(class->element)));
    }
    class->object.mirror = job_to_ref(mirror);
    if (!set_constants(thread, mirror, class)) {
        return false;
    }
    /* Held here until the last allocation is done: nothing else refers to it yet. */
    __asm__ volatile("" : : "r"(mirror));
    return true;
}

static void move_statics(struct jrt_class *class, void *argument)
{
    (void)argument;
    jrt_lay_out_statics_again(class);
    (void)!jrt_known_made(class);
}

/* The list does not change meanwhile: there is one thread. */
bool jrt_fix_mirrors(struct jrt_thread *thread)
{
    jrt_mirrors_begin();
    jrt_classes_each(move_statics, NULL);
    jrt_complete_arrays();
    for (uint32_t type = JRT_BOOLEAN; type <= JRT_VOID; type++) {
        struct jrt_class *class = jrt_known.primitive[type];
        struct jrt_class *array = type <= JRT_LONG ? jrt_known.primitive_array[type] : NULL;
        if (class &&
            (!jrt_make_mirror(thread, class) || (array && !jrt_make_mirror(thread, array)))) {
            return false;
        }
    }
    for (job_offset_t at = jrt_boot_loader->classes; at; at = jrt_class_at(at)->next) {
        if (!jrt_mirror(jrt_class_at(at)) && !jrt_make_mirror(thread, jrt_class_at(at))) {
            return false;
        }
    }
    return true;
}
