/*
 * Classes, methods and fields as the machine runs them. All of it lies in the metadata (job_meta.h)
 * of the class's loader and refers to itself by offsets, so that it can be mapped from a file
 * later. Text (names, descriptors) is symbols (jrt_symbol.h), compared by offset.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "jvm/object/job_object.h"

struct jrt_thread;
struct jrt_loader;

/* JVMS 17 5.5. */
enum jrt_class_state {
    JRT_CLASS_LOADED,
    JRT_CLASS_LINKING, /* [l] by the thread in init_thread */
    JRT_CLASS_LINKED,
    JRT_CLASS_INITIALIZING, /* [l] by the thread in init_thread */
    JRT_CLASS_READY,
    JRT_CLASS_ERROR /* its initialization failed: NoClassDefFoundError from now on */
};

/* The primitive types by the numbers that newarray and Unsafe use (JVMS 17 table 6.5.newarray-A).
 */
enum jrt_type {
    JRT_BOOLEAN = 4,
    JRT_CHAR,
    JRT_FLOAT,
    JRT_DOUBLE,
    JRT_BYTE,
    JRT_SHORT,
    JRT_INT,
    JRT_LONG,
    JRT_OBJECT,
    JRT_ARRAY,
    JRT_VOID
};

/* struct jrt_class.flags */
enum {
    JRT_CLASS_HIDDEN = 1, /* defined by JVM_LookupDefineClass as hidden */
    JRT_CLASS_ARRAY = 2,
    JRT_CLASS_PRIMITIVE = 4,  /* int, void ...: only a mirror */
    JRT_CLASS_UNVERIFIED = 8, /* of the boot loader, or below MagicAccessorImpl: trusted */
    JRT_CLASS_MAGIC = 16,     /* MagicAccessorImpl or below: no access checks */
    JRT_CLASS_HAS_CLINIT = 32,
    JRT_CLASS_DEFAULT_METHODS =
        64, /* an interface that declares non-abstract, non-static methods */
    JRT_CLASS_CLONEABLE = 128,
    JRT_CLASS_RECORD = 256,
    JRT_CLASS_SEALED = 512,
    JRT_CLASS_HANDLE = 1024, /* exactly MethodHandle or VarHandle: signature-polymorphic methods */
    JRT_CLASS_REFLECT_ACCESSOR =
        2048,             /* MethodAccessorImpl or below: not seen by security stack walks */
    JRT_CLASS_WEAK = 4096 /* hidden, and goes when nothing refers to it or its instances */
};

enum { JRT_DISPLAY = 8 }; /* superclasses that a subtype check finds by depth */

struct jrt_class {
    struct job_class object; /* first: what objects and the collector need */

    /* Identity. [I] */
    job_offset_t name;   /* symbol: java/lang/String, [I, int; a hidden class's has its + suffix */
    job_offset_t loader; /* struct jrt_loader; the boot loader's too */
    job_offset_t super;  /* 0: Object, interfaces' is Object */
    uint16_t access;     /* ACC_ of the class file */
    uint16_t flags2;     /* unused, zero */
    uint32_t flags;      /* JRT_CLASS_ */
    uint16_t major, minor;
    job_offset_t module;  /* [l] struct jrt_module; 0 until java.base is defined */
    job_offset_t package; /* [I] struct jrt_package; 0 for primitives */

    /* Subtypes: `depth` superclasses; display[depth] is the class itself. Interfaces and arrays of
     * interfaces are found in all_interfaces, which has inherited ones. [I] */
    uint16_t depth;
    uint16_t all_interface_count;
    job_offset_t display[JRT_DISPLAY];
    job_offset_t all_interfaces; /* job_offset_t[], superinterfaces of superinterfaces too: first
                                    those that come by the declared ones, each before its own, then
                                    the rest of the superclass's */
    job_offset_t interfaces;     /* job_offset_t[], the declared ones */
    uint16_t interface_count;
    uint16_t own_interface_count; /* of all_interfaces: those that come by the declared ones */
    uint16_t dimensions;          /* of an array class */
    uint16_t spare2;
    job_offset_t element;   /* of an array class: its component's class */
    uint8_t component_type; /* of an array class: enum jrt_type of its components; of a primitive:
                               itself */
    uint8_t spare[3];
    job_offset_t array_class; /* [a] the class of arrays of this, 0: not made yet */

    /* Members. [I once linked] */
    job_offset_t methods; /* struct jrt_method[]: declared, in class-file order, then made ones */
    job_offset_t fields;  /* struct jrt_field[]: declared, in class-file order */
    uint16_t method_count, field_count;
    uint16_t declared_method_count; /* without made ones (overpasses) */
    uint16_t vtable_length;
    job_offset_t method_index; /* uint16_t[method_mask + 1]: 1 + index of a method by its name's
                                  hash, linear probing; 0: nothing (more) of that hash */
    uint32_t method_mask;
    job_offset_t vtable; /* job_offset_t[] of struct jrt_method */
    job_offset_t itable; /* struct jrt_itable[itable_count], then 0 */
    uint32_t itable_count;

    /* The class file: constant pool (jrt_pool.h), attributes' raw bytes. [I] */
    job_offset_t pool; /* struct jrt_pool; 0 for arrays and primitives */
    job_offset_t file; /* struct jrt_class_file: what reflection asks for */

    /* Life. [l] the class's init lock is its mirror's init monitor */
    uint32_t state;         /* [a] enum jrt_class_state */
    uint32_t init_thread;   /* [l] number of the thread that links or initializes it */
    job_offset_t nest_host; /* [a] 0: not found out */
    uint32_t failure; /* [a] index in its references of why its initialization failed, 0: none */
    job_offset_t failures;    /* [l] of resolution: struct jrt_failure list */
    job_offset_t sites;       /* [l] call sites that are linked: struct jrt_site list */
    uint32_t reference_count; /* [l] of its resolved references, jrt_references.h */
    uint32_t hidden_serial;   /* of a hidden class: the number in its name */
    job_offset_t next;        /* [l] in its loader's list */
    uint32_t fields_end;      /* [I] where instance fields end, not rounded up */
    job_offset_t memory;      /* [I] its own, of a weak hidden class; 0: its loader's */
};

/* struct jrt_method.flags */
enum {
    JRT_METHOD_CALLER_SENSITIVE = 1,
    JRT_METHOD_HIDDEN = 2,      /* @Hidden, or of a hidden class */
    JRT_METHOD_LF_COMPILED = 4, /* @LambdaForm$Compiled */
    JRT_METHOD_SCOPED = 8,
    JRT_METHOD_OVERPASS = 16,    /* made by the linker, abstract: calling it is jrt_throw_abstract,
                                  * which throws what the linker found (conflicting defaults, a
                                  * selected method that is not public). `native` says what */
    JRT_METHOD_INITIALIZER = 64, /* <init> */
    JRT_METHOD_CLASS_INITIALIZER = 128,
    JRT_METHOD_POLYMORPHIC = 256, /* invokeBasic, linkTo*: `intrinsic` says which */
    JRT_METHOD_FORCE_INLINE = 512,
    JRT_METHOD_DONT_INLINE = 1024,
    JRT_METHOD_RESERVED_STACK = 2048,
    JRT_METHOD_HAS_JSR = 4096,
    JRT_METHOD_BOOT = 8192,         /* of the boot loader: may have a leaf (jrt_exec.h) */
    JRT_METHOD_FAST_NATIVE = 65536, /* `native` is a jrt_fast_native_t (jrt_exec.h) */
    JRT_METHOD_LEAF_SOUGHT = 131072 /* [a] `leaf` is what it will be */
};

enum { JRT_NO_VTABLE = -1 };

/* A method. The part above the line is read at each call. */
struct jrt_method {
    uint32_t
        entry; /* [a] how it is entered: an offset that the execution engine gave (jrt_exec.h) */
    job_offset_t class_at; /* [I] struct jrt_class that declares it */
    job_offset_t code;     /* [a] the engine's: translated code, 0 before its first call */
    uint16_t arg_slots;    /* [I] receiver included; long and double take two */
    uint16_t max_locals;   /* [I] of native methods: arg_slots */
    uint16_t max_stack;
    uint16_t access;       /* [I] ACC_ */
    uint32_t flags;        /* [I] JRT_METHOD_ */
    int32_t vtable_index;  /* [I once linked] JRT_NO_VTABLE: called directly */
    uint16_t itable_index; /* [I] of an interface's method */
    uint16_t intrinsic;    /* [I] enum jrt_intrinsic (jrt_intrinsic.h), 0: none */
    /* -------- */
    job_offset_t name, descriptor; /* [I] symbols */
    job_offset_t bytecode;         /* [I] uint8_t[], as in the class file */
    uint32_t bytecode_length;      /* [I] 0: native or abstract */
    job_offset_t handlers;         /* [I] struct jrt_handler[] */
    uint16_t handler_count;
    uint8_t return_type; /* [I] enum jrt_type */
    uint8_t spare;
    job_offset_t file; /* [I] struct jrt_method_file: line numbers, annotations, exceptions ... */
    uint64_t native;   /* [a] address of a native method's code, 0: not looked up; the engine's stub
                          calls it */
    uint32_t calls;    /* [a, may lose counts] for the compilers to come */
    uint16_t slot;     /* [I] index in its class's methods: what reflection's `slot` holds */
    uint16_t leaf;     /* [a] number of its leaf (jrt_exec.h), 0: none */
};

/* An exception handler (JVMS 17 4.7.3), in bytecode indices. */
struct jrt_handler {
    uint16_t start, end, target;
    uint16_t catch_index; /* constant pool; 0: any */
};

struct jrt_field {
    job_offset_t class_at; /* [I] that declares it */
    job_offset_t name, descriptor;
    uint32_t offset; /* [I] bytes from the start of the object, or of the mirror if static */
    uint16_t access;
    uint8_t type;            /* enum jrt_type */
    uint8_t flags;           /* JRT_FIELD_ */
    uint16_t slot;           /* index in its class's fields */
    uint16_t constant_index; /* ConstantValue, 0: none */
    job_offset_t file;       /* struct jrt_field_file */
};
enum { JRT_FIELD_STABLE = 1, JRT_FIELD_TRUSTED_FINAL = 2, JRT_FIELD_INJECTED = 4 };

/* An interface's methods in a class: methods[itable_index] of struct jrt_method. */
struct jrt_itable {
    job_offset_t interface;
    job_offset_t methods; /* job_offset_t[] */
};

static inline struct jrt_class *jrt_class_at(job_offset_t offset)
{
    return (struct jrt_class *)job_at(offset);
}

static inline struct jrt_method *jrt_method_at(job_offset_t offset)
{
    return (struct jrt_method *)job_at(offset);
}

static inline struct jrt_class *jrt_class_of(const struct job_object *object)
{
    return (struct jrt_class *)job_class_of(object);
}

/* The class that a java.lang.Class stands for. */
static inline struct jrt_class *jrt_class_of_mirror(const struct job_object *mirror)
{
    return jrt_class_at(*(const uint32_t *)((const char *)mirror + job_layout.mirror_class_at));
}

static inline struct job_object *jrt_mirror(const struct jrt_class *class)
{
    return job_from_ref(class->object.mirror);
}

/* The class's static fields' place in memory. */
static inline void *jrt_statics(const struct jrt_class *class, const struct jrt_field *field)
{
    return (char *)jrt_mirror(class) + field->offset;
}

/* Whether `class` is `other`, a subclass or implements it (JVMS 17 6.5.instanceof). Linked or not.
 */
bool jrt_is_subtype(const struct jrt_class *class, const struct jrt_class *other);

/* Declared member by name and descriptor symbols; NULL if it does not declare it. */
struct jrt_method *jrt_declared_method(const struct jrt_class *class, job_offset_t name,
                                       job_offset_t descriptor);
struct jrt_field *jrt_declared_field(const struct jrt_class *class, job_offset_t name,
                                     job_offset_t descriptor);
/* Also in superclasses (methods: and superinterfaces), without access checks; NULL: none. */
struct jrt_method *jrt_find_method(const struct jrt_class *class, job_offset_t name,
                                   job_offset_t descriptor);
struct jrt_field *jrt_find_field(const struct jrt_class *class, job_offset_t name,
                                 job_offset_t descriptor);

/* What is called for `method` of an interface on an object of `class`; NULL: the class does not
 * implement the interface. May be abstract, then calling it throws AbstractMethodError. */
struct jrt_method *jrt_interface_method(const struct jrt_class *class,
                                        const struct jrt_method *method);
/* What is called for a virtual `method` on an object of `class`. */
static inline struct jrt_method *jrt_virtual_method(const struct jrt_class *class,
                                                    const struct jrt_method *method)
{
    const job_offset_t *vtable = (const job_offset_t *)job_at(class->vtable);
    return jrt_method_at(method->vtable_index < 0 ? job_offset(method)
                                                  : vtable[method->vtable_index]);
}

/* Links (verifies, lays out, JVMS 17 5.4) or initializes (5.5) a class. false: an exception is
 * pending. */
bool jrt_link_class(struct jrt_thread *thread, struct jrt_class *class) ST_MUST_CHECK;
bool jrt_init_class(struct jrt_thread *thread, struct jrt_class *class) ST_MUST_CHECK;
static inline bool jrt_is_initialized(const struct jrt_class *class)
{
    return __atomic_load_n(&class->state, __ATOMIC_ACQUIRE) == JRT_CLASS_READY;
}

/* The class of arrays whose components are of `class`. NULL: an exception is pending. */
struct jrt_class *jrt_array_class(struct jrt_thread *thread, struct jrt_class *class) ST_MUST_CHECK;

/* The class's name as Class.getName gives it, into `text` (cut to `size`); returns text. */
const char *jrt_external_name(const struct jrt_class *class, char *text, uint32_t size);
