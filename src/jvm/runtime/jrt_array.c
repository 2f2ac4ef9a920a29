/*
 * Array classes (JVMS 17 5.3.3), made when they are first asked for, and the primitive types.
 * An array class belongs to the loader of its innermost element's class and lives as long.
 */
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/print.h"
#include "jvm/runtime/jrt_class_priv.h"
#include "jvm/runtime/jrt_define_priv.h"
#include "jvm/runtime/jrt_known_priv.h"
#include "jvm/runtime/jrt_loader_priv.h"
#include "jvm/runtime/jrt_references.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"

enum { DIMENSIONS_MAX = 255 };

static const struct primitive {
    const char *name, *array;
    uint8_t shift, elements_at;
} primitives[JRT_VOID + 1] = {
    [JRT_BOOLEAN] = {"boolean", "[Z", 0, JOB_WIDE_ELEMENTS_AT}, /* as byte[]: baload reads both */
    [JRT_CHAR] = {"char", "[C", 1, JOB_ELEMENTS_AT},
    [JRT_FLOAT] = {"float", "[F", 2, JOB_ELEMENTS_AT},
    [JRT_DOUBLE] = {"double", "[D", 3, JOB_WIDE_ELEMENTS_AT},
    [JRT_BYTE] = {"byte", "[B", 0, JOB_WIDE_ELEMENTS_AT},
    [JRT_SHORT] = {"short", "[S", 1, JOB_ELEMENTS_AT},
    [JRT_INT] = {"int", "[I", 2, JOB_ELEMENTS_AT},
    [JRT_LONG] = {"long", "[J", 3, JOB_WIDE_ELEMENTS_AT},
    [JRT_VOID] = {"void", NULL, 0, 0},
};

/* What an array class has of Object, once Object is there. */
static void set_object(struct jrt_class *class)
{
    const struct jrt_class *object = jrt_known.class[JRT_Object];
    static job_offset_t interfaces; /* of all array classes: Cloneable, Serializable */
    if (!object) {
        return;
    }
    jrt_set_display(class, object);
    class->vtable = object->vtable;
    class->vtable_length = object->vtable_length;
    if (!interfaces && jrt_known.class[JRT_Cloneable] && jrt_known.class[JRT_Serializable]) {
        job_offset_t *list = jrt_meta(jrt_boot_loader, JOB_META_READ, 2 * sizeof(*list));
        if (list) {
            list[0] = job_offset(jrt_known.class[JRT_Cloneable]);
            list[1] = job_offset(jrt_known.class[JRT_Serializable]);
            interfaces = job_offset(list);
        }
    }
    if (interfaces) {
        class->interfaces = class->all_interfaces = interfaces;
        class->interface_count = class->all_interface_count = class->own_interface_count = 2;
    }
}

static struct jrt_class *bare_class(struct jrt_loader *loader, job_offset_t name)
{
    struct jrt_class *class = name ? jrt_class_slot() : NULL;
    if (class) {
        class->name = name;
        class->loader = job_offset(loader);
        class->access = JCF_ACC_PUBLIC | JCF_ACC_FINAL | JCF_ACC_ABSTRACT;
        class->state = JRT_CLASS_READY;
        jrt_set_display(class, NULL);
    }
    return class;
}

/* The class of arrays of `element`, not published. */
static struct jrt_class *make_array(struct jrt_class *element, job_offset_t name)
{
    struct jrt_class *class = bare_class(jrt_loader_at(element->loader), name);
    if (!class) {
        return NULL;
    }
    uint16_t visible = JCF_ACC_PUBLIC | JCF_ACC_PRIVATE | JCF_ACC_PROTECTED;
    class->access = (uint16_t)((element->access & visible) | JCF_ACC_FINAL | JCF_ACC_ABSTRACT);
    class->flags = JRT_CLASS_ARRAY | JRT_CLASS_CLONEABLE | JRT_CLASS_UNVERIFIED |
                   (element->flags & JRT_CLASS_WEAK);
    class->element = job_offset(element);
    class->dimensions = (uint16_t)(element->dimensions + 1);
    class->package = element->package;
    class->module = element->module;
    class->nest_host = job_offset(class);
    class->object.instance_bytes = JOB_HEADER_BYTES + 8;
    if (element->flags & JRT_CLASS_PRIMITIVE) {
        const struct primitive *primitive = &primitives[element->component_type];
        class->component_type = element->component_type;
        class->object.kind = JOB_PRIMITIVE_ARRAY;
        class->object.element_shift = primitive->shift;
        class->object.elements_at = primitive->elements_at;
    } else {
        class->component_type = element->flags & JRT_CLASS_ARRAY ? JRT_ARRAY : JRT_OBJECT;
        class->object.kind = JOB_REF_ARRAY;
        class->object.element_shift = 2;
        class->object.elements_at = JOB_ELEMENTS_AT;
    }
    set_object(class);
    return class;
}

bool jrt_make_primitives(void)
{
    for (uint32_t type = JRT_BOOLEAN; type <= JRT_VOID; type++) {
        const struct primitive *primitive = &primitives[type];
        if (!primitive->name) {
            continue;
        }
        struct jrt_class *class = bare_class(jrt_boot_loader, jrt_symbol_of(primitive->name));
        if (!class) {
            return false;
        }
        class->flags = JRT_CLASS_PRIMITIVE | JRT_CLASS_UNVERIFIED;
        class->component_type = (uint8_t)type;
        class->nest_host = job_offset(class);
        class->object.instance_bytes = JOB_HEADER_BYTES;
        jrt_known.primitive[type] = class;
        struct jrt_class *array =
            primitive->array ? make_array(class, jrt_symbol_of(primitive->array)) : NULL;
        if (array) {
            class->array_class = job_offset(array);
            jrt_known.primitive_array[type] = array;
        } else if (primitive->array) {
            return false;
        }
    }
    return true;
}

void jrt_complete_arrays(void)
{
    for (uint32_t type = JRT_BOOLEAN; type <= JRT_LONG; type++) {
        set_object(jrt_known.primitive_array[type]);
    }
}

static job_offset_t array_name(const struct jrt_class *element)
{
    const struct jrt_symbol *name = jrt_symbol_at(element->name);
    size_t size = name->length + 4u;
    st_auto(free) char *text = malloc(size);
    bool nested = (element->flags & JRT_CLASS_ARRAY) != 0;
    return text ? jrt_symbol(text, st_snprintf(text, size, nested ? "[%s" : "[L%s;", name->text))
                : 0;
}

struct jrt_class *jrt_array_class(struct jrt_thread *thread, struct jrt_class *element)
{
    job_offset_t at = __atomic_load_n(&element->array_class, __ATOMIC_ACQUIRE);
    if (at) {
        return jrt_class_at(at);
    }
    struct jrt_class *class = make_array(element, array_name(element));
    if (!class) {
        (void)jrt_throw_oom(thread, JRT_OOM_METASPACE);
        return NULL;
    }
    if (!jrt_make_mirror(thread, class)) {
        return NULL;
    }
    struct jrt_loader *loader = jrt_loader_at(class->loader);
    pthread_mutex_lock(&jrt_loaders_lock);
    at = element->array_class;
    if (!at) {
        at = job_offset(class);
        class->next = loader->classes;
        loader->classes = at;
        __atomic_store_n(&element->array_class, at, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&jrt_loaders_lock);
    /* Nothing else refers to its mirror where there is no such array. */
    if (at == job_offset(class) && (!jrt_is_boot(loader) || (class->flags & JRT_CLASS_WEAK)) &&
        !jrt_add_reference(thread, element, jrt_mirror(class))) {
        return NULL;
    }
    return jrt_class_at(at);
}

bool jrt_parse_array_name(job_offset_t name, struct jrt_array_name *ret)
{
    const struct jrt_symbol *symbol = jrt_symbol_at(name);
    const char *text = symbol->text;
    size_t length = symbol->length;
    uint32_t dimensions = 0;
    while (length && *text == '[') {
        text++;
        length--;
        dimensions++;
    }
    if (!dimensions || dimensions > DIMENSIONS_MAX || !length) {
        return false;
    }
    enum jrt_type type = length == 1 ? jrt_type_of_char(text[0]) : JRT_OBJECT;
    struct jrt_array_name array = {.dimensions = dimensions};
    if (type != JRT_OBJECT && type != JRT_ARRAY && type != JRT_VOID) {
        array.primitive = jrt_known.primitive[type];
    } else if (length > 2 && text[0] == 'L' && text[length - 1] == ';') {
        array.element = jrt_symbol(text + 1, length - 2);
    } else {
        return false;
    }
    *ret = array;
    return true;
}
