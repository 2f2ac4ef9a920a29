/*
 * Access flags of classes, fields and methods (JVMS 17 tables 4.1-B, 4.5-A, 4.6-A, 4.7.6-A), the
 * tags of constants (4.4) and the kinds of method handles (5.4.3.5). Numbers of the format.
 */
#pragma once

#include <stdint.h>

enum jcf_access {
    JCF_ACC_PUBLIC = 0x0001,
    JCF_ACC_PRIVATE = 0x0002,
    JCF_ACC_PROTECTED = 0x0004,
    JCF_ACC_STATIC = 0x0008,
    JCF_ACC_FINAL = 0x0010,
    JCF_ACC_SUPER = 0x0020,        /* class */
    JCF_ACC_SYNCHRONIZED = 0x0020, /* method */
    JCF_ACC_VOLATILE = 0x0040,     /* field */
    JCF_ACC_BRIDGE = 0x0040,       /* method */
    JCF_ACC_TRANSIENT = 0x0080,    /* field */
    JCF_ACC_VARARGS = 0x0080,      /* method */
    JCF_ACC_NATIVE = 0x0100,
    JCF_ACC_INTERFACE = 0x0200,
    JCF_ACC_ABSTRACT = 0x0400,
    JCF_ACC_STRICT = 0x0800,
    JCF_ACC_SYNTHETIC = 0x1000,
    JCF_ACC_ANNOTATION = 0x2000,
    JCF_ACC_ENUM = 0x4000,
    JCF_ACC_MODULE = 0x8000,   /* class */
    JCF_ACC_MANDATED = 0x8000, /* method parameter */
};

/* What may be set in the flags that reflection shows. */
enum {
    JCF_ACC_OF_CLASS = JCF_ACC_PUBLIC | JCF_ACC_FINAL | JCF_ACC_SUPER | JCF_ACC_INTERFACE |
                       JCF_ACC_ABSTRACT | JCF_ACC_ANNOTATION | JCF_ACC_ENUM | JCF_ACC_SYNTHETIC,
    JCF_ACC_OF_FIELD = JCF_ACC_PUBLIC | JCF_ACC_PRIVATE | JCF_ACC_PROTECTED | JCF_ACC_STATIC |
                       JCF_ACC_FINAL | JCF_ACC_VOLATILE | JCF_ACC_TRANSIENT | JCF_ACC_ENUM |
                       JCF_ACC_SYNTHETIC,
    JCF_ACC_OF_METHOD = JCF_ACC_PUBLIC | JCF_ACC_PRIVATE | JCF_ACC_PROTECTED | JCF_ACC_STATIC |
                        JCF_ACC_FINAL | JCF_ACC_SYNCHRONIZED | JCF_ACC_BRIDGE | JCF_ACC_VARARGS |
                        JCF_ACC_NATIVE | JCF_ACC_ABSTRACT | JCF_ACC_STRICT | JCF_ACC_SYNTHETIC,
};

enum jcf_tag {
    JCF_TAG_NONE = 0, /* entry 0, and the one after a long or double */
    JCF_TAG_UTF8 = 1,
    JCF_TAG_INTEGER = 3,
    JCF_TAG_FLOAT = 4,
    JCF_TAG_LONG = 5,
    JCF_TAG_DOUBLE = 6,
    JCF_TAG_CLASS = 7,
    JCF_TAG_STRING = 8,
    JCF_TAG_FIELD = 9,
    JCF_TAG_METHOD = 10,
    JCF_TAG_INTERFACE_METHOD = 11,
    JCF_TAG_NAME_AND_TYPE = 12,
    JCF_TAG_METHOD_HANDLE = 15,
    JCF_TAG_METHOD_TYPE = 16,
    JCF_TAG_DYNAMIC = 17,
    JCF_TAG_INVOKE_DYNAMIC = 18,
    JCF_TAG_MODULE = 19,
    JCF_TAG_PACKAGE = 20,
};

enum jcf_reference_kind {
    JCF_REF_GET_FIELD = 1,
    JCF_REF_GET_STATIC = 2,
    JCF_REF_PUT_FIELD = 3,
    JCF_REF_PUT_STATIC = 4,
    JCF_REF_INVOKE_VIRTUAL = 5,
    JCF_REF_INVOKE_STATIC = 6,
    JCF_REF_INVOKE_SPECIAL = 7,
    JCF_REF_NEW_INVOKE_SPECIAL = 8,
    JCF_REF_INVOKE_INTERFACE = 9,
};
