/*
 * Questions about classes that need no loading: members by name, subtypes, names.
 */
#include "jvm/runtime/jrt_class.h"

#include "jvm/classfile/jcf_flags.h"
#include "jvm/runtime/jrt_class_priv.h"
#include "jvm/runtime/jrt_symbol.h"

enum jrt_type jrt_type_of_char(char c)
{
    switch (c) {
    case 'Z':
        return JRT_BOOLEAN;
    case 'C':
        return JRT_CHAR;
    case 'F':
        return JRT_FLOAT;
    case 'D':
        return JRT_DOUBLE;
    case 'B':
        return JRT_BYTE;
    case 'S':
        return JRT_SHORT;
    case 'I':
        return JRT_INT;
    case 'J':
        return JRT_LONG;
    case '[':
        return JRT_ARRAY;
    case 'V':
        return JRT_VOID;
    default:
        return JRT_OBJECT;
    }
}

bool jrt_is_subtype(const struct jrt_class *class, const struct jrt_class *other)
{
    job_offset_t wanted = job_offset(other);
    for (;;) {
        if (class == other) {
            return true;
        }
        if (other->access & JCF_ACC_INTERFACE) {
            for (uint32_t i = 0; i < class->all_interface_count; i++) {
                if (jrt_offsets(class->all_interfaces)[i] == wanted) {
                    return true;
                }
            }
            return false;
        }
        if (!(other->flags & JRT_CLASS_ARRAY)) {
            break;
        }
        if (!(class->flags & JRT_CLASS_ARRAY)) {
            return false;
        }
        class = jrt_class_at(class->element);
        other = jrt_class_at(other->element);
        wanted = job_offset(other);
    }
    if (other->depth > class->depth) {
        return false;
    }
    if (other->depth < JRT_DISPLAY) {
        return class->display[other->depth] == wanted;
    }
    while (class->depth > other->depth) {
        class = jrt_class_at(class->super);
    }
    return class == other;
}

struct jrt_method *jrt_declared_method(const struct jrt_class *class, job_offset_t name,
                                       job_offset_t descriptor)
{
    if (!class->method_count) {
        return NULL;
    }
    const uint16_t *index = (const uint16_t *)job_at(class->method_index);
    struct jrt_method *methods = jrt_method_at(class->methods);
    for (uint32_t at = jrt_name_hash(name) & class->method_mask; index[at];
         at = (at + 1) & class->method_mask) {
        struct jrt_method *method = &methods[index[at] - 1];
        if (method->name == name && method->descriptor == descriptor) {
            return method;
        }
    }
    return NULL;
}

struct jrt_method *jrt_declared_named(const struct jrt_class *class, job_offset_t name)
{
    struct jrt_method *methods = jrt_method_at(class->methods);
    for (uint32_t i = 0; i < class->declared_method_count; i++) {
        if (methods[i].name == name) {
            return &methods[i];
        }
    }
    return NULL;
}

struct jrt_field *jrt_declared_field(const struct jrt_class *class, job_offset_t name,
                                     job_offset_t descriptor)
{
    struct jrt_field *fields = (struct jrt_field *)job_at(class->fields);
    for (uint32_t i = 0; i < class->field_count; i++) {
        if (fields[i].name == name && fields[i].descriptor == descriptor) {
            return &fields[i];
        }
    }
    return NULL;
}

/* JVMS 17 5.4.3.2: superinterfaces before the superclass, at each level. */
struct jrt_field *jrt_find_field(const struct jrt_class *class, job_offset_t name,
                                 job_offset_t descriptor)
{
    for (;; class = jrt_class_at(class->super)) {
        struct jrt_field *field = jrt_declared_field(class, name, descriptor);
        for (uint32_t i = 0; !field && i < class->own_interface_count; i++) {
            field = jrt_declared_field(jrt_class_at(jrt_offsets(class->all_interfaces)[i]), name,
                                       descriptor);
        }
        if (field || !class->super) {
            return field;
        }
    }
}

struct jrt_method *jrt_find_class_method(const struct jrt_class *class, job_offset_t name,
                                         job_offset_t descriptor)
{
    for (;; class = jrt_class_at(class->super)) {
        struct jrt_method *method = jrt_declared_method(class, name, descriptor);
        if (method && !(method->flags & JRT_METHOD_OVERPASS)) {
            return method;
        }
        if (!class->super) {
            return NULL;
        }
    }
}

/* Whether one of the interfaces that has the method is below `interface`. */
static bool has_more_specific(const struct jrt_class *class, const struct jrt_class *interface,
                              job_offset_t name, job_offset_t descriptor)
{
    for (uint32_t i = 0; i < class->all_interface_count; i++) {
        const struct jrt_class *other = jrt_class_at(jrt_offsets(class->all_interfaces)[i]);
        if (other != interface && jrt_is_subtype(other, interface)) {
            const struct jrt_method *method = jrt_declared_method(other, name, descriptor);
            if (method && !(method->access & (JCF_ACC_PRIVATE | JCF_ACC_STATIC))) {
                return true;
            }
        }
    }
    return false;
}

enum jrt_selection jrt_select_interface_method(const struct jrt_class *class, job_offset_t name,
                                               job_offset_t descriptor,
                                               struct jrt_method **ret_method,
                                               struct jrt_method **ret_other)
{
    struct jrt_method *concrete = NULL;
    struct jrt_method *abstract = NULL;
    struct jrt_method *second = NULL;
    for (uint32_t i = 0; i < class->all_interface_count; i++) {
        struct jrt_class *interface = jrt_class_at(jrt_offsets(class->all_interfaces)[i]);
        struct jrt_method *method = jrt_declared_method(interface, name, descriptor);
        if (!method || (method->access & (JCF_ACC_PRIVATE | JCF_ACC_STATIC)) ||
            has_more_specific(class, interface, name, descriptor)) {
            continue;
        }
        if (method->access & JCF_ACC_ABSTRACT) {
            abstract = abstract ? abstract : method;
        } else if (!concrete) {
            concrete = method;
        } else {
            second = second ? second : method;
        }
    }
    *ret_method = concrete ? concrete : abstract;
    *ret_other = second;
    if (!concrete) {
        return abstract ? JRT_SELECTED_ABSTRACT : JRT_SELECTED_NONE;
    }
    return second ? JRT_SELECTED_CONFLICT : JRT_SELECTED;
}

struct jrt_method *jrt_find_method(const struct jrt_class *class, job_offset_t name,
                                   job_offset_t descriptor)
{
    struct jrt_method *method = jrt_find_class_method(class, name, descriptor);
    if (!method) {
        struct jrt_method *other;
        (void)jrt_select_interface_method(class, name, descriptor, &method, &other);
    }
    return method;
}

struct jrt_method *jrt_interface_method(const struct jrt_class *class,
                                        const struct jrt_method *method)
{
    const struct jrt_itable *itable = (const struct jrt_itable *)job_at(class->itable);
    for (uint32_t i = 0; i < class->itable_count; i++) {
        if (itable[i].interface == method->class_at) {
            return jrt_method_at(jrt_offsets(itable[i].methods)[method->itable_index]);
        }
    }
    return NULL;
}

const char *jrt_external_name(const struct jrt_class *class, char *text, uint32_t size)
{
    const struct jrt_symbol *name = jrt_symbol_at(class->name);
    uint32_t length = name->length < size ? name->length : size - 1;
    const struct jrt_class *inner = class;
    while (inner->flags & JRT_CLASS_ARRAY) {
        inner = jrt_class_at(inner->element);
    }
    bool dots = true;
    for (uint32_t i = 0; i < length; i++) {
        char c = name->text[i];
        if (c == '+' && (inner->flags & JRT_CLASS_HIDDEN)) {
            dots = false;
            c = '/';
        } else if (c == '/' && dots) {
            c = '.';
        }
        text[i] = c;
    }
    text[length] = 0;
    return text;
}
