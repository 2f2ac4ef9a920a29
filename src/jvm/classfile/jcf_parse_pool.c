/*
 * The constant pool (JVMS 17 4.4), in three passes: read, check what refers to what, check names
 * and descriptors.
 */
#include "base/err.h"
#include "base/memops.h"
#include "jvm/classfile/jcf_descriptor.h"
#include "jvm/classfile/jcf_parse_priv.h"
#include "jvm/classfile/jcf_utf8.h"

enum {
    MAJOR_SHORTEST_UTF8 = 48,
    MAJOR_HANDLES = 51,
    MAJOR_STATIC_INTERFACE = 52,
    MAJOR_DYNAMIC = 55,
    MAJOR_MODULES = 53
};

/* ---- reading ---- */

/* Bytes behind the tag of each constant; 0: no such tag, or of no fixed size. */
static const uint8_t content_size[JCF_TAG_PACKAGE + 1] = {
    [JCF_TAG_INTEGER] = 4,       [JCF_TAG_FLOAT] = 4,          [JCF_TAG_LONG] = 8,
    [JCF_TAG_DOUBLE] = 8,        [JCF_TAG_CLASS] = 2,          [JCF_TAG_STRING] = 2,
    [JCF_TAG_FIELD] = 4,         [JCF_TAG_METHOD] = 4,         [JCF_TAG_INTERFACE_METHOD] = 4,
    [JCF_TAG_NAME_AND_TYPE] = 4, [JCF_TAG_METHOD_HANDLE] = 3,  [JCF_TAG_METHOD_TYPE] = 2,
    [JCF_TAG_DYNAMIC] = 4,       [JCF_TAG_INVOKE_DYNAMIC] = 4, [JCF_TAG_MODULE] = 2,
    [JCF_TAG_PACKAGE] = 2,
};

static int read_utf8(struct jcf_parser *p, union jcf_constant *constant)
{
    JCF_TRY(jcf_need(p, 2));
    uint32_t length = jcf_take_u2(p);
    JCF_TRY(jcf_need(p, length));
    if (p->check && !jcf_utf8_is_legal(p->bytes + p->at, length, p->major >= MAJOR_SHORTEST_UTF8)) {
        return jcf_reject(p, "Illegal UTF8 string in constant pool in class file %.*s",
                          JCF_NAME(p));
    }
    constant->utf8 = (struct jcf_range){p->at, length};
    p->at += length;
    return 0;
}

/* The first version that has the tag. */
static int check_tag(struct jcf_parser *p, uint8_t tag)
{
    if (tag > JCF_TAG_PACKAGE || content_size[tag] == 0) {
        return jcf_reject(p, "Unknown constant tag %u in class file %.*s", tag, JCF_NAME(p));
    }
    if (tag >= JCF_TAG_MODULE) {
        if (p->major < MAJOR_MODULES) {
            return jcf_reject(p, "Unknown constant tag %u in class file %.*s", tag, JCF_NAME(p));
        }
        p->bad_tag = tag;
        return 0;
    }
    unsigned since = tag == JCF_TAG_DYNAMIC         ? MAJOR_DYNAMIC
                     : tag >= JCF_TAG_METHOD_HANDLE ? MAJOR_HANDLES
                                                    : 0;
    if (p->major < since) {
        return jcf_reject(p,
                          "Class file version does not support constant tag %u in class file %.*s",
                          tag, JCF_NAME(p));
    }
    return 0;
}

/* A constant of fixed size, all of it there. */
static void read_fixed(struct jcf_parser *p, uint8_t tag, union jcf_constant *constant)
{
    const uint8_t *at = p->bytes + p->at;
    p->at += content_size[tag];
    switch (tag) {
    case JCF_TAG_INTEGER:
    case JCF_TAG_FLOAT:
        constant->bits = jcf_u4(at);
        break;
    case JCF_TAG_LONG:
    case JCF_TAG_DOUBLE:
        constant->bits64 = ((uint64_t)jcf_u4(at) << 32) | jcf_u4(at + 4);
        break;
    case JCF_TAG_METHOD_HANDLE:
        constant->handle.kind = at[0];
        constant->handle.reference = jcf_u2(at + 1);
        break;
    case JCF_TAG_DYNAMIC:
    case JCF_TAG_INVOKE_DYNAMIC:
        constant->dynamic.bootstrap = jcf_u2(at);
        constant->dynamic.name_and_type = jcf_u2(at + 2);
        p->max_bootstrap = ST_MAX(p->max_bootstrap, (int32_t)constant->dynamic.bootstrap);
        break;
    case JCF_TAG_FIELD:
    case JCF_TAG_METHOD:
    case JCF_TAG_INTERFACE_METHOD:
        constant->member.class_index = jcf_u2(at);
        constant->member.name_and_type = jcf_u2(at + 2);
        break;
    case JCF_TAG_NAME_AND_TYPE:
        constant->name_and_type.name = jcf_u2(at);
        constant->name_and_type.descriptor = jcf_u2(at + 2);
        break;
    default:
        constant->index = jcf_u2(at);
        break;
    }
}

static int read_constants(struct jcf_parser *p)
{
    uint32_t count = p->class->constant_count;
    for (uint32_t i = 1; i < count; i++) {
        JCF_TRY(jcf_need(p, 1));
        uint8_t tag = p->bytes[p->at++];
        if (tag == JCF_TAG_UTF8) {
            JCF_TRY(read_utf8(p, &p->constants[i]));
            p->tags[i] = tag;
            continue;
        }
        JCF_TRY(check_tag(p, tag));
        JCF_TRY(jcf_need(p, content_size[tag]));
        read_fixed(p, tag, &p->constants[i]);
        p->tags[i] = tag;
        if (tag == JCF_TAG_LONG || tag == JCF_TAG_DOUBLE) {
            if (i + 1 >= count) {
                return jcf_reject(p, "Invalid constant pool entry %u in class file %.*s", i,
                                  JCF_NAME(p));
            }
            i++;
        }
    }
    return 0;
}

/* ---- references ---- */

static int bad_index(struct jcf_parser *p, uint16_t index, const char *why)
{
    return jcf_reject(p, "Invalid constant pool index %u in class file %.*s%s", index, JCF_NAME(p),
                      why);
}

static int check_index(struct jcf_parser *p, uint16_t index, enum jcf_tag tag)
{
    return jcf_is_tag(p, index, tag) ? 0 : bad_index(p, index, "");
}

static int check_handle(struct jcf_parser *p, uint32_t number)
{
    uint16_t reference = p->constants[number].handle.reference;
    if (reference == 0 || reference >= p->class->constant_count) {
        return bad_index(p, reference, "");
    }
    uint8_t tag = p->tags[reference];
    switch (p->constants[number].handle.kind) {
    case JCF_REF_GET_FIELD:
    case JCF_REF_GET_STATIC:
    case JCF_REF_PUT_FIELD:
    case JCF_REF_PUT_STATIC:
        return tag == JCF_TAG_FIELD ? 0 : bad_index(p, reference, " (not a field)");
    case JCF_REF_INVOKE_VIRTUAL:
    case JCF_REF_NEW_INVOKE_SPECIAL:
        return tag == JCF_TAG_METHOD ? 0 : bad_index(p, reference, " (not a method)");
    case JCF_REF_INVOKE_STATIC:
    case JCF_REF_INVOKE_SPECIAL:
        if (tag == JCF_TAG_METHOD ||
            (tag == JCF_TAG_INTERFACE_METHOD && p->major >= MAJOR_STATIC_INTERFACE)) {
            return 0;
        }
        return bad_index(p, reference, " (not a method)");
    case JCF_REF_INVOKE_INTERFACE:
        return tag == JCF_TAG_INTERFACE_METHOD
                   ? 0
                   : bad_index(p, reference, " (not an interface method)");
    default:
        return jcf_reject(p, "Bad method handle kind at constant pool index %u in class file %.*s",
                          number, JCF_NAME(p));
    }
}

static int check_references(struct jcf_parser *p)
{
    uint32_t count = p->class->constant_count;
    for (uint32_t i = 1; i < count; i++) {
        const union jcf_constant *constant = &p->constants[i];
        switch (p->tags[i]) {
        case JCF_TAG_CLASS:
        case JCF_TAG_STRING:
        case JCF_TAG_METHOD_TYPE:
            JCF_TRY(check_index(p, constant->index, JCF_TAG_UTF8));
            break;
        case JCF_TAG_FIELD:
        case JCF_TAG_METHOD:
        case JCF_TAG_INTERFACE_METHOD:
            JCF_TRY(check_index(p, constant->member.class_index, JCF_TAG_CLASS));
            JCF_TRY(check_index(p, constant->member.name_and_type, JCF_TAG_NAME_AND_TYPE));
            break;
        case JCF_TAG_NAME_AND_TYPE:
            JCF_TRY(check_index(p, constant->name_and_type.name, JCF_TAG_UTF8));
            JCF_TRY(check_index(p, constant->name_and_type.descriptor, JCF_TAG_UTF8));
            break;
        case JCF_TAG_METHOD_HANDLE:
            JCF_TRY(check_handle(p, i));
            break;
        case JCF_TAG_DYNAMIC:
        case JCF_TAG_INVOKE_DYNAMIC:
            JCF_TRY(check_index(p, constant->dynamic.name_and_type, JCF_TAG_NAME_AND_TYPE));
            break;
        default:
            break;
        }
    }
    return 0;
}

/* ---- names and descriptors ---- */

static int bad_descriptor(struct jcf_parser *p, const char *what, struct jcf_text name,
                          struct jcf_text text)
{
    return jcf_reject(p, "%s \"%.*s\" in class %.*s has illegal signature \"%.*s\"", what,
                      JCF_TEXT(name), JCF_NAME(p), JCF_TEXT(text));
}

static int descriptor_fault(struct jcf_parser *p, enum jcf_descriptor_fault fault, const char *what,
                            struct jcf_text name, struct jcf_text text)
{
    switch (fault) {
    case JCF_DESCRIPTOR_GOOD:
        return 0;
    case JCF_DESCRIPTOR_BAD:
        return bad_descriptor(p, what, name, text);
    case JCF_DESCRIPTOR_BAD_NAME:
        return jcf_reject(
            p, "Class name is empty or contains illegal character in descriptor in class file %.*s",
            JCF_NAME(p));
    case JCF_DESCRIPTOR_TOO_DEEP:
        return jcf_reject(p,
                          "Array type descriptor has more than 255 dimensions in class file %.*s",
                          JCF_NAME(p));
    }
    return 0;
}

int jcf_check_field_descriptor(struct jcf_parser *p, struct jcf_text name, struct jcf_text text)
{
    if (!p->check) {
        return 0;
    }
    return descriptor_fault(p, jcf_descriptor_field_fault(text, p->old_names), "Field", name, text);
}

int jcf_check_method_descriptor(struct jcf_parser *p, struct jcf_text name, struct jcf_text text,
                                uint32_t *ret_slots)
{
    uint32_t slots = 0;
    if (p->check) {
        enum jcf_descriptor_fault fault = jcf_descriptor_method_fault(text, p->old_names, &slots);
        JCF_TRY(descriptor_fault(p, fault, "Method", name, text));
        /* Initializers return nothing. */
        if (name.length > 0 && name.data[0] == '<' && text.data[text.length - 1] != 'V') {
            return bad_descriptor(p, "Method", name, text);
        }
    }
    if (ret_slots != NULL) {
        *ret_slots = slots;
    }
    return 0;
}

int jcf_check_field_name(struct jcf_parser *p, struct jcf_text name)
{
    if (p->check_names && !jcf_name_is_field(name, p->old_names)) {
        return jcf_reject(p, "Illegal field name \"%.*s\" in class %.*s", JCF_TEXT(name),
                          JCF_NAME(p));
    }
    return 0;
}

int jcf_check_method_name(struct jcf_parser *p, struct jcf_text name)
{
    if (p->check_names && !jcf_name_is_method(name, p->old_names)) {
        return jcf_reject(p, "Illegal method name \"%.*s\" in class %.*s", JCF_TEXT(name),
                          JCF_NAME(p));
    }
    return 0;
}

static int check_class_name(struct jcf_parser *p, struct jcf_text name)
{
    if (p->check_names && !jcf_name_is_class(name, p->old_names)) {
        return jcf_reject(p, "Illegal class name \"%.*s\" in class file %.*s", JCF_TEXT(name),
                          JCF_NAME(p));
    }
    return 0;
}

static bool is_method_descriptor(struct jcf_text text)
{
    return text.length > 0 && text.data[0] == '(';
}

static int check_pair(struct jcf_parser *p, const union jcf_constant *constant)
{
    struct jcf_text name = jcf_text_at(p, constant->name_and_type.name);
    struct jcf_text text = jcf_text_at(p, constant->name_and_type.descriptor);
    uint16_t empty = text.length == 0   ? constant->name_and_type.descriptor
                     : name.length == 0 ? constant->name_and_type.name
                                        : 0;
    if (empty != 0) {
        return jcf_reject(p, "Illegal zero length constant pool entry at %d in class %.*s", empty,
                          JCF_NAME(p));
    }
    if (is_method_descriptor(text)) {
        JCF_TRY(jcf_check_method_name(p, name));
        return jcf_check_method_descriptor(p, name, text, NULL);
    }
    JCF_TRY(jcf_check_field_name(p, name));
    return jcf_check_field_descriptor(p, name, text);
}

/* That the descriptor of a member is one of its sort, and its name allowed for it. */
static int check_member(struct jcf_parser *p, uint8_t tag, uint16_t pair)
{
    uint16_t name_index = p->constants[pair].name_and_type.name;
    struct jcf_text name = jcf_text_at(p, name_index);
    struct jcf_text text = jcf_text_at(p, p->constants[pair].name_and_type.descriptor);
    bool is_method = is_method_descriptor(text);
    if (tag == JCF_TAG_FIELD || tag == JCF_TAG_DYNAMIC) {
        const char *what = tag == JCF_TAG_FIELD ? "Field" : "CONSTANT_Dynamic";
        return is_method ? bad_descriptor(p, what, name, text) : 0;
    }
    if (!is_method) {
        return bad_descriptor(p, "Method", name, text);
    }
    if (tag == JCF_TAG_METHOD && name.length > 0 && name.data[0] == '<' &&
        !jcf_text_is(name, "<init>")) {
        return jcf_reject(p, "Bad method name at constant pool index %u in class file %.*s",
                          name_index, JCF_NAME(p));
    }
    return 0;
}

/* That a handle that makes objects names <init>, and one that calls does not. */
static int check_handle_name(struct jcf_parser *p, const union jcf_constant *constant)
{
    uint16_t kind = constant->handle.kind;
    if (kind < JCF_REF_INVOKE_VIRTUAL || kind > JCF_REF_NEW_INVOKE_SPECIAL) {
        return 0;
    }
    uint16_t pair = p->constants[constant->handle.reference].member.name_and_type;
    uint16_t name_index = p->constants[pair].name_and_type.name;
    bool is_init = jcf_text_is(jcf_text_at(p, name_index), "<init>");
    bool makes = kind == JCF_REF_NEW_INVOKE_SPECIAL;
    if (is_init == makes) {
        return 0;
    }
    return jcf_reject(p, "Bad %s name at constant pool index %u in class file %.*s",
                      makes ? "constructor" : "method", name_index, JCF_NAME(p));
}

static int check_names(struct jcf_parser *p)
{
    static const char type[] = "type";
    uint32_t count = p->class->constant_count;
    for (uint32_t i = 1; i < count; i++) {
        const union jcf_constant *constant = &p->constants[i];
        switch (p->tags[i]) {
        case JCF_TAG_CLASS:
            JCF_TRY(check_class_name(p, jcf_text_at(p, constant->index)));
            break;
        case JCF_TAG_NAME_AND_TYPE:
            JCF_TRY(check_pair(p, constant));
            break;
        case JCF_TAG_FIELD:
        case JCF_TAG_METHOD:
        case JCF_TAG_INTERFACE_METHOD:
            JCF_TRY(check_member(p, p->tags[i], constant->member.name_and_type));
            break;
        case JCF_TAG_DYNAMIC:
        case JCF_TAG_INVOKE_DYNAMIC:
            JCF_TRY(check_member(p, p->tags[i], constant->dynamic.name_and_type));
            break;
        case JCF_TAG_METHOD_HANDLE:
            JCF_TRY(check_handle_name(p, constant));
            break;
        case JCF_TAG_METHOD_TYPE: {
            struct jcf_text name = {(const uint8_t *)type, sizeof(type) - 1};
            JCF_TRY(jcf_check_method_descriptor(p, name, jcf_text_at(p, constant->index), NULL));
            break;
        }
        default:
            break;
        }
    }
    return 0;
}

int jcf_parse_pool(struct jcf_parser *p)
{
    JCF_TRY(jcf_need(p, 3));
    uint16_t count = jcf_take_u2(p);
    if (count < 1) {
        return jcf_reject(p, "Illegal constant pool size %u in class file %.*s", count,
                          JCF_NAME(p));
    }
    p->constants = st_arena_array(p->arena, union jcf_constant, count);
    p->tags = st_arena_array(p->arena, uint8_t, count);
    p->attribute_kinds = st_arena_array(p->arena, uint8_t, count);
    if (p->constants == NULL || p->tags == NULL || p->attribute_kinds == NULL) {
        return jcf_fail_memory(p->error);
    }
    p->class->constant_count = count;
    p->class->constants = p->constants;
    p->class->tags = p->tags;
    JCF_TRY(read_constants(p));
    JCF_TRY(check_references(p));
    return p->check ? check_names(p) : 0;
}
