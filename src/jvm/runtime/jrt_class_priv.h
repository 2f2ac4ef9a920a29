/*
 * Of classes, for the runtime's own files.
 */
#pragma once

#include "jvm/classfile/jcf_flags.h"
#include "jvm/runtime/jrt_class.h"

/* Symbols are aligned to 8. */
static inline uint32_t jrt_name_hash(job_offset_t name)
{
    return (name >> 3) * 0x9e3779b1u >> 7;
}

/* The type that begins with this character of a descriptor. */
enum jrt_type jrt_type_of_char(char c);

/* Whether a method is selected by the receiver's class: no initializer, not static, not private. */
static inline bool jrt_is_virtual(const struct jrt_method *method)
{
    return !(method->access & (JCF_ACC_STATIC | JCF_ACC_PRIVATE)) &&
           !(method->flags & (JRT_METHOD_INITIALIZER | JRT_METHOD_CLASS_INITIALIZER));
}

static inline bool jrt_is_interface(const struct jrt_class *class)
{
    return (class->access & JCF_ACC_INTERFACE) != 0;
}

static inline const job_offset_t *jrt_offsets(job_offset_t list)
{
    return (const job_offset_t *)job_at(list);
}

/* A method of that name alone, the first one. */
struct jrt_method *jrt_declared_named(const struct jrt_class *class, job_offset_t name);
/* In the class and its superclasses; made methods are not seen. NULL: none. */
struct jrt_method *jrt_find_class_method(const struct jrt_class *class, job_offset_t name,
                                         job_offset_t descriptor);

/* The maximally-specific methods of the superinterfaces (JVMS 17 5.4.3.3), and which of them a
 * class has if none of its superclasses declares one. */
enum jrt_selection {
    JRT_SELECTED,          /* the only one that is not abstract: *ret_method */
    JRT_SELECTED_ABSTRACT, /* all are abstract: *ret_method is one of them */
    JRT_SELECTED_CONFLICT, /* *ret_method and *ret_other, and maybe more */
    JRT_SELECTED_NONE
};
enum jrt_selection jrt_select_interface_method(const struct jrt_class *class, job_offset_t name,
                                               job_offset_t descriptor,
                                               struct jrt_method **ret_method,
                                               struct jrt_method **ret_other);
