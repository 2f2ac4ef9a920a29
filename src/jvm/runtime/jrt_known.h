/*
 * The classes, fields and methods of the library that the machine knows by name (rows in
 * jrt_known.def).
 *
 *     jrt_known.class[JRT_String]            its class; NULL before boot loaded it
 *     JRT_AT(String, value)                  byte offset of a field
 *     jrt_known.method[JRT_METHOD_loadClass]
 */
#pragma once

#include "jvm/runtime/jrt_class.h"
#include "jvm/runtime/jrt_known.def"

#define JRT_KNOWN_CLASS_ENUM(name, text) JRT_##name,
enum jrt_known_class {
    JRT_KNOWN_CLASSES(JRT_KNOWN_CLASS_ENUM, JRT_KNOWN_CLASS_ENUM) JRT_KNOWN_CLASS_COUNT
};

/* The ones that must be there come first. */
#define JRT_KNOWN_COUNT_ONE(name, text) +1
#define JRT_KNOWN_COUNT_NONE(name, text)
enum { JRT_KNOWN_REQUIRED = 0 JRT_KNOWN_CLASSES(JRT_KNOWN_COUNT_ONE, JRT_KNOWN_COUNT_NONE) };

#define JRT_KNOWN_FIELD_ENUM(class, field, descriptor) JRT_AT_##class##_##field,
enum jrt_known_field {
    JRT_KNOWN_FIELDS(JRT_KNOWN_FIELD_ENUM, JRT_KNOWN_FIELD_ENUM)
        JRT_INJECTED_FIELDS(JRT_KNOWN_FIELD_ENUM) JRT_KNOWN_FIELD_COUNT
};

#define JRT_KNOWN_METHOD_ENUM(id, class, name, descriptor) JRT_METHOD_##id,
enum jrt_known_method { JRT_KNOWN_METHODS(JRT_KNOWN_METHOD_ENUM) JRT_KNOWN_METHOD_COUNT };

struct jrt_known {
    struct jrt_class *class[JRT_KNOWN_CLASS_COUNT];
    struct jrt_class *primitive[JRT_VOID + 1];       /* by enum jrt_type: int ... void */
    struct jrt_class *primitive_array[JRT_LONG + 1]; /* by enum jrt_type of the components */
    struct jrt_class *object_array, *class_array, *string_array;
    uint32_t field[JRT_KNOWN_FIELD_COUNT]; /* byte offsets; of statics: in the mirror */
    struct jrt_method *method[JRT_KNOWN_METHOD_COUNT];
    job_offset_t boot_loader; /* struct jrt_loader of the boot loader */
    /* Symbols that are compared with often. */
    job_offset_t name_init, name_clinit, name_invoke, name_fillInStackTrace;
};
extern struct jrt_known jrt_known; /* filled at boot, then constant but for optional classes */

#define JRT_AT(known, name) (jrt_known.field[JRT_AT_##known##_##name])

/* An optional known class, loaded and initialized if it is not yet. NULL: an exception is pending.
 */
struct jrt_class *jrt_known_class(struct jrt_thread *thread,
                                  enum jrt_known_class which) ST_MUST_CHECK;
