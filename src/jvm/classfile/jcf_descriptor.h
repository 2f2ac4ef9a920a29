/*
 * Descriptors (JVMS 17 4.3) and names (4.2): checked and walked. Texts are modified UTF-8.
 */
#pragma once

#include "jvm/classfile/jcf_class.h"

/* A type of a descriptor. */
struct jcf_type {
    uint8_t kind;         /* one of "BCDFIJSZ", 'V' as a result, 'L' class, '[' array */
    uint8_t slots;        /* 1, for J and D 2, for V 0 */
    struct jcf_text text; /* all of it: "I", "Ljava/lang/String;", "[[J" */
};

/* The internal name of a class type ("java/lang/String"), of an array its whole text: what a CLASS
 * constant would hold. */
struct jcf_text jcf_type_name(const struct jcf_type *type);

/* Whether the text is one field descriptor, one method descriptor. `old_names`: of a class file
 * below version 49, where the names of classes are made of Java identifiers (characters above 127
 * count as such). Class names have at least one character and obey 4.2.1. The number of arguments
 * is not limited here. */
enum jcf_descriptor_fault {
    JCF_DESCRIPTOR_GOOD,
    JCF_DESCRIPTOR_BAD,
    JCF_DESCRIPTOR_BAD_NAME, /* a class name that is empty or has an illegal character */
    JCF_DESCRIPTOR_TOO_DEEP, /* more than 255 dimensions */
};
enum jcf_descriptor_fault jcf_descriptor_field_fault(struct jcf_text text, bool old_names);
/* ret_slots: those of the arguments, without a receiver. */
enum jcf_descriptor_fault jcf_descriptor_method_fault(struct jcf_text text, bool old_names,
                                                      uint32_t *ret_slots);

/* Walks the types of a checked field or method descriptor: arguments, then (for a method) the
 * result. Never reads outside the text, whatever it is.
 *
 *     struct jcf_type_cursor cursor = jcf_types_of(descriptor);
 *     while (jcf_next_argument(&cursor, &type)) { ... }
 *     jcf_result(&cursor, &type);
 */
struct jcf_type_cursor {
    const uint8_t *at, *end;
};
struct jcf_type_cursor jcf_types_of(struct jcf_text descriptor);
bool jcf_next_argument(struct jcf_type_cursor *cursor, struct jcf_type *ret_type);
void jcf_result(struct jcf_type_cursor *cursor, struct jcf_type *ret_type);

/* The whole of a method descriptor at once. Only the descriptors of declared methods are limited to
 * 255 slots, not those of constants. */
struct jcf_signature {
    uint32_t arguments; /* number of them */
    uint32_t slots;     /* theirs, without a receiver */
    struct jcf_type result;
};
void jcf_signature_of(struct jcf_text descriptor, struct jcf_signature *ret_signature);

/* Legal names (4.2.1, 4.2.2). A class name may be an array's ("[I", "[Lp/C;"). A method name may be
 * <init> or <clinit>, and has no other < or >. `old_names`: as above. */
bool jcf_name_is_class(struct jcf_text name, bool old_names);
bool jcf_name_is_field(struct jcf_text name, bool old_names);
bool jcf_name_is_method(struct jcf_text name, bool old_names);
