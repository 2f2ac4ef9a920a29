/*
 * A class file, parsed (JVMS 17 chapter 4): what jcf_parse makes and how to ask it.
 *
 * The bytes stay where the caller has them; the parsed class refers to them by offset, and its
 * arrays lie in the caller's arena. Both must outlive it. Everything in it is checked: indices are
 * below their counts and of the right tag, ranges are inside the bytes, names and descriptors are
 * well-formed (in a trusted class, as far as HotSpot checks one: see jcf_parse.h), so that readers
 * need no checks of their own. Numbers in the bytes are big-endian: jcf_u2, jcf_u4.
 *
 * It is immutable, and any number of threads may read it.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "jvm/classfile/jcf_flags.h"

/* Bytes of the class file from `at`. What is absent has length 0 and at 0. */
struct jcf_range {
    uint32_t at;
    uint32_t length;
};

/* A text in modified UTF-8, without a closing zero: somebody's bytes. */
struct jcf_text {
    const uint8_t *data;
    uint32_t length;
};

/* What a constant holds; which member, tells its tag. */
union jcf_constant {
    struct jcf_range utf8; /* UTF8 */
    uint32_t bits;         /* INTEGER, FLOAT: the value's bits */
    uint64_t bits64;       /* LONG, DOUBLE */
    uint16_t index;        /* CLASS, STRING, METHOD_TYPE, MODULE, PACKAGE: of the UTF8 */
    struct {
        uint16_t class_index;
        uint16_t name_and_type;
    } member; /* FIELD, METHOD, INTERFACE_METHOD */
    struct {
        uint16_t name;
        uint16_t descriptor;
    } name_and_type; /* NAME_AND_TYPE: two UTF8 */
    struct {
        uint16_t kind; /* enum jcf_reference_kind */
        uint16_t reference;
    } handle; /* METHOD_HANDLE */
    struct {
        uint16_t bootstrap; /* index into jcf_class.bootstrap_methods */
        uint16_t name_and_type;
    } dynamic; /* DYNAMIC, INVOKE_DYNAMIC */
};

/* What attributes and annotations say of a class, a field or a method, in one bit each. Those after
 * JCF_MARK_VM are set only where jcf_parse_config.vm_annotations allows it. */
enum jcf_mark {
    JCF_MARK_SYNTHETIC = 1 << 0,  /* the attribute; the access flag is in the flags */
    JCF_MARK_DEPRECATED = 1 << 1, /* the attribute */
    JCF_MARK_VM = 1 << 2,         /* one of the following is set */
    JCF_MARK_CALLER_SENSITIVE = 1 << 3,
    JCF_MARK_FORCE_INLINE = 1 << 4,
    JCF_MARK_DONT_INLINE = 1 << 5,
    JCF_MARK_HIDDEN = 1 << 6,
    JCF_MARK_INTRINSIC_CANDIDATE = 1 << 7,
    JCF_MARK_RESERVED_STACK = 1 << 8,
    JCF_MARK_COMPILED_LAMBDA_FORM = 1 << 9,
    JCF_MARK_INJECTED_PROFILE = 1 << 10,
    JCF_MARK_SCOPED = 1 << 11,
    JCF_MARK_STABLE = 1 << 12,      /* field */
    JCF_MARK_CONTENDED = 1 << 13,   /* field, class */
    JCF_MARK_VALUE_BASED = 1 << 14, /* class */
};

/* Annotations as reflection wants them: the bytes of the attribute after its length, raw and not
 * looked into. */
struct jcf_annotations {
    struct jcf_range visible;
    struct jcf_range visible_types;
};

struct jcf_field {
    uint16_t flags; /* enum jcf_access */
    uint16_t name;  /* constants: UTF8 */
    uint16_t descriptor;
    uint16_t signature; /* generic, UTF8; 0: none */
    uint16_t constant;  /* ConstantValue of a static field; 0: none */
    uint16_t marks;     /* enum jcf_mark */
    struct jcf_annotations annotations;
};

struct jcf_method {
    uint16_t flags; /* enum jcf_access */
    uint16_t name;
    uint16_t descriptor;
    uint16_t signature; /* generic, UTF8; 0: none */
    uint16_t marks;     /* enum jcf_mark */
    /* Of arguments, with the receiver; 0 in a trusted class's native and abstract methods too only
     * where there are none. */
    uint16_t argument_slots;
    uint16_t max_stack;
    uint16_t max_locals;
    struct jcf_range code;            /* the instructions; length 0: native or abstract */
    struct jcf_range handlers;        /* exception_table: 8 bytes each, see jcf_handler_at */
    struct jcf_range code_attributes; /* of Code, from its attributes_count: see jcf_code.h */
    struct jcf_range stack_map;       /* StackMapTable: from number_of_entries */
    struct jcf_range exceptions;      /* declared ones: class constants, 2 bytes each */
    struct jcf_range parameters;      /* MethodParameters: name, flags; 4 bytes each */
    struct jcf_range parameter_annotations;
    struct jcf_range annotation_default;
    struct jcf_annotations annotations;
    uint16_t line_tables;     /* number of LineNumberTable attributes in Code */
    bool has_parameters;      /* a MethodParameters attribute is there, perhaps empty */
    bool has_local_variables; /* a LocalVariableTable */
};

struct jcf_component { /* of a record */
    uint16_t name;
    uint16_t descriptor;
    uint16_t signature; /* 0: none */
    struct jcf_annotations annotations;
};

/* A bootstrap method: its arguments are `count` constants, 2 bytes each, at `arguments`. */
struct jcf_bootstrap {
    uint16_t handle; /* METHOD_HANDLE */
    uint16_t count;
    uint32_t arguments; /* offset into the bytes */
};

struct jcf_class {
    const uint8_t *bytes;
    uint32_t size;
    uint16_t minor;
    uint16_t major;

    uint16_t flags;          /* enum jcf_access, as in the file less what is not a class's */
    uint16_t marks;          /* enum jcf_mark */
    uint16_t this_class;     /* CLASS */
    uint16_t super_class;    /* CLASS; 0: java.lang.Object */
    uint16_t constant_count; /* entries, with entry 0 */
    uint16_t interface_count;
    uint16_t field_count;
    uint16_t method_count;
    const uint8_t *tags; /* enum jcf_tag */
    const union jcf_constant *constants;
    const uint32_t *utf8_at;    /* NULL; where a class was put together again without its constants:
                                   of each UTF8 where its text begins in the bytes */
    const uint16_t *interfaces; /* CLASS */
    const struct jcf_field *fields;
    const struct jcf_method *methods;

    uint16_t signature;        /* generic, UTF8; 0: none */
    uint16_t source_file;      /* UTF8; 0: none */
    uint16_t enclosing_class;  /* CLASS; 0: no EnclosingMethod */
    uint16_t enclosing_method; /* NAME_AND_TYPE; 0: none */
    uint16_t nest_host;        /* CLASS; 0: none */
    uint16_t bootstrap_count;
    uint16_t component_count;
    bool is_record; /* has a Record attribute, perhaps without components */
    bool is_sealed; /* has PermittedSubclasses; JVMS 17 4.7.31 */
    bool has_nest_members;
    bool has_inner_classes;
    bool has_finalizer; /* declares finalize()V with code that may do something */
    bool has_static_initializer;
    bool has_default_methods; /* an interface with a method that is neither abstract nor static */
    struct jcf_range source_debug;
    struct jcf_range inner_classes;        /* inner, outer, name, flags; 8 bytes each */
    struct jcf_range nest_members;         /* CLASS, 2 bytes each */
    struct jcf_range permitted_subclasses; /* CLASS, 2 bytes each */
    const struct jcf_bootstrap *bootstrap_methods;
    const struct jcf_component *components;
    struct jcf_annotations annotations;
    /* What this_class is called instead, and nothing else of that name: a hidden class. Data NULL:
     * as in the file. */
    struct jcf_text this_name;
};

static inline uint16_t jcf_u2(const uint8_t *at)
{
    return (uint16_t)((at[0] << 8) | at[1]);
}

static inline uint32_t jcf_u4(const uint8_t *at)
{
    return ((uint32_t)at[0] << 24) | ((uint32_t)at[1] << 16) | ((uint32_t)at[2] << 8) | at[3];
}

/* The text of a UTF8 constant. */
static inline struct jcf_text jcf_utf8(const struct jcf_class *class, uint16_t index)
{
    if (class->utf8_at) {
        const uint8_t *text = class->bytes + class->utf8_at[index];
        return (struct jcf_text){text, jcf_u2(text - 2)};
    }
    struct jcf_range range = class->constants[index].utf8;
    return (struct jcf_text){class->bytes + range.at, range.length};
}

/* The name of a CLASS (also of a MODULE or PACKAGE), the text of a STRING or METHOD_TYPE. */
static inline struct jcf_text jcf_named(const struct jcf_class *class, uint16_t index)
{
    if (index == class->this_class && class->this_name.data) {
        return class->this_name;
    }
    return jcf_utf8(class, class->constants[index].index);
}

/* The internal name of the class itself, and of its superclass (length 0 for java.lang.Object). */
struct jcf_text jcf_class_name(const struct jcf_class *class);
struct jcf_text jcf_super_name(const struct jcf_class *class);

/* Class, name and descriptor of a FIELD, METHOD or INTERFACE_METHOD; of a DYNAMIC or INVOKE_DYNAMIC
 * name and descriptor, with an empty class. */
struct jcf_member {
    struct jcf_text class_name;
    struct jcf_text name;
    struct jcf_text descriptor;
};
struct jcf_member jcf_member_at(const struct jcf_class *class, uint16_t index);

/* The text equals a C string; two texts are the same bytes. */
bool jcf_text_is(struct jcf_text text, const char *string);
bool jcf_text_same(struct jcf_text a, struct jcf_text b);

/* The method of this name and descriptor, the field likewise; NULL: not declared here. Linear. */
const struct jcf_method *jcf_find_method(const struct jcf_class *class, struct jcf_text name,
                                         struct jcf_text descriptor);
const struct jcf_field *jcf_find_field(const struct jcf_class *class, struct jcf_text name,
                                       struct jcf_text descriptor);

/* An entry of InnerClasses (JVMS 4.7.6); outer and name are 0 where there is none. */
struct jcf_inner_class {
    uint16_t inner, outer, name, flags;
};
static inline uint32_t jcf_inner_class_count(const struct jcf_class *class)
{
    return class->inner_classes.length / 8;
}
struct jcf_inner_class jcf_inner_class_at(const struct jcf_class *class, uint32_t number);
