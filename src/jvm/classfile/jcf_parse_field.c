/* Fields (JVMS 17 4.5), and what fields and methods have in common: duplicates and annotations. */
#include "base/err.h"
#include "base/memops.h"
#include "jvm/classfile/jcf_parse_priv.h"

enum { MAJOR_ANNOTATIONS = 49 };

/* ---- duplicates ---- */

static uint32_t hash_text(uint32_t hash, struct jcf_text text)
{
    uint32_t i = 0;
    for (; text.length - i >= 8; i += 8) {
        uint64_t word;
        memcpy(&word, text.data + i, sizeof(word));
        hash = (hash ^ (uint32_t)word) * 0x9E3779B1u;
        hash = (hash ^ (uint32_t)(word >> 32)) * 0x85EBCA77u;
    }
    for (; i < text.length; i++) {
        hash = (hash ^ text.data[i]) * 0x01000193u;
    }
    return hash ^ (hash >> 15);
}

int jcf_find_duplicate(struct jcf_parser *p, uint32_t count,
                       struct jcf_pair (*pair_at)(const struct jcf_parser *p, uint32_t number),
                       int32_t *ret_second)
{
    struct jcf_slot {
        uint32_t hash;
        uint32_t number; /* 0: free; else one more than the pair's */
    };
    uint32_t size = 8;
    while (size < count * 2) {
        size *= 2;
    }
    struct st_arena_mark mark = st_arena_mark(p->arena);
    struct jcf_slot *slots = st_arena_array(p->arena, struct jcf_slot, size);
    if (slots == NULL) {
        return jcf_fail_memory(p->error);
    }
    int32_t second = -1;
    for (uint32_t i = 0; i < count && second < 0; i++) {
        struct jcf_pair pair = pair_at(p, i);
        uint32_t hash = hash_text(hash_text(0x811C9DC5u, pair.name), pair.descriptor);
        uint32_t at = hash & (size - 1);
        for (; slots[at].number != 0; at = (at + 1) & (size - 1)) {
            if (slots[at].hash == hash) {
                struct jcf_pair other = pair_at(p, slots[at].number - 1);
                if (jcf_text_same(other.name, pair.name) &&
                    jcf_text_same(other.descriptor, pair.descriptor)) {
                    second = (int32_t)i;
                }
            }
        }
        slots[at] = (struct jcf_slot){hash, i + 1};
    }
    st_arena_rewind(p->arena, mark);
    *ret_second = second;
    return 0;
}

/* ---- attributes in common ---- */

int jcf_parse_signature(struct jcf_parser *p, uint16_t *ret_signature)
{
    JCF_TRY(jcf_need(p, 2));
    uint16_t index = jcf_take_u2(p);
    if (!jcf_is_tag(p, index, JCF_TAG_UTF8)) {
        return jcf_reject(
            p, "Invalid Signature attribute at constant pool index %u in class file %.*s", index,
            JCF_NAME(p));
    }
    *ret_signature = index;
    return 0;
}

int jcf_parse_annotations(struct jcf_parser *p, const struct jcf_attribute *attribute,
                          struct jcf_seen *seen, const char *what, struct jcf_annotations *to)
{
    struct jcf_range range = {attribute->at, attribute->length};
    const char *name;
    struct jcf_range *kept = NULL;
    switch (attribute->kind) {
    case JCF_ATTRIBUTE_VISIBLE:
        name = "RuntimeVisibleAnnotations";
        kept = &to->visible;
        break;
    case JCF_ATTRIBUTE_INVISIBLE:
        name = "RuntimeInvisibleAnnotations";
        break;
    case JCF_ATTRIBUTE_VISIBLE_TYPES:
        name = "RuntimeVisibleTypeAnnotations";
        kept = &to->visible_types;
        break;
    case JCF_ATTRIBUTE_INVISIBLE_TYPES:
        name = "RuntimeInvisibleTypeAnnotations";
        break;
    default:
        return 0;
    }
    if (jcf_seen_twice(seen, attribute->kind)) {
        return jcf_reject(p, "Multiple %s attributes%s in class file %.*s", name, what,
                          JCF_NAME(p));
    }
    JCF_TRY(jcf_need(p, attribute->length));
    if (kept != NULL) {
        *kept = range;
    }
    return 0;
}

/* ---- fields ---- */

static int check_flags(struct jcf_parser *p, unsigned flags)
{
    if (!p->check) {
        return 0;
    }
    unsigned visibility = flags & (JCF_ACC_PUBLIC | JCF_ACC_PRIVATE | JCF_ACC_PROTECTED);
    bool illegal;
    if ((p->class->flags & JCF_ACC_INTERFACE) != 0) {
        unsigned wanted = JCF_ACC_PUBLIC | JCF_ACC_STATIC | JCF_ACC_FINAL;
        unsigned banned = JCF_ACC_PRIVATE | JCF_ACC_PROTECTED | JCF_ACC_VOLATILE |
                          JCF_ACC_TRANSIENT | (p->old_names ? 0u : (unsigned)JCF_ACC_ENUM);
        illegal = (flags & (wanted | banned)) != wanted;
    } else {
        unsigned both = JCF_ACC_FINAL | JCF_ACC_VOLATILE;
        illegal = (visibility & (visibility - 1)) != 0 || (flags & both) == both;
    }
    if (illegal) {
        return jcf_reject(p, "Illegal field modifiers in class %.*s: 0x%X", JCF_NAME(p), flags);
    }
    return 0;
}

/* ConstantValue (4.7.2): that the constant is of the field's type. */
static int check_constant(struct jcf_parser *p, const struct jcf_field *field)
{
    uint16_t index = field->constant;
    struct jcf_text type = jcf_text_at(p, field->descriptor);
    if (index == 0 || index >= p->class->constant_count) {
        return jcf_reject(
            p, "Bad initial value index %u in ConstantValue attribute in class file %.*s", index,
            JCF_NAME(p));
    }
    uint8_t tag = p->tags[index];
    uint8_t wanted;
    switch (type.length > 0 ? type.data[0] : 0) {
    case 'J':
        wanted = JCF_TAG_LONG;
        break;
    case 'F':
        wanted = JCF_TAG_FLOAT;
        break;
    case 'D':
        wanted = JCF_TAG_DOUBLE;
        break;
    case 'B':
    case 'C':
    case 'S':
    case 'Z':
    case 'I':
        wanted = JCF_TAG_INTEGER;
        break;
    case 'L':
        if (!jcf_text_is(type, "Ljava/lang/String;") || tag != JCF_TAG_STRING) {
            return jcf_reject(p, "Bad string initial value in class file %.*s", JCF_NAME(p));
        }
        return 0;
    default:
        return jcf_reject(p, "Unable to set initial value %u in class file %.*s", index,
                          JCF_NAME(p));
    }
    if (tag != wanted) {
        return jcf_reject(p, "Inconsistent constant value type in class file %.*s", JCF_NAME(p));
    }
    return 0;
}

static int parse_constant_value(struct jcf_parser *p, const struct jcf_attribute *attribute,
                                struct jcf_field *field)
{
    if ((field->flags & JCF_ACC_STATIC) == 0) {
        return 0;
    }
    if (field->constant != 0) {
        return jcf_reject(p, "Duplicate ConstantValue attribute in class file %.*s", JCF_NAME(p));
    }
    if (attribute->length != 2) {
        return jcf_reject(p, "Invalid ConstantValue field attribute length %u in class file %.*s",
                          attribute->length, JCF_NAME(p));
    }
    JCF_TRY(jcf_need(p, 2));
    field->constant = jcf_take_u2(p);
    return check_constant(p, field);
}

static int parse_attribute(struct jcf_parser *p, const struct jcf_attribute *attribute,
                           struct jcf_seen *seen, struct jcf_field *field)
{
    bool is_deprecated = attribute->kind == JCF_ATTRIBUTE_DEPRECATED;
    switch (attribute->kind) {
    case JCF_ATTRIBUTE_CONSTANT_VALUE:
        return parse_constant_value(p, attribute, field);
    case JCF_ATTRIBUTE_SYNTHETIC:
    case JCF_ATTRIBUTE_DEPRECATED:
        if (attribute->length != 0) {
            return jcf_reject(p, "Invalid %s field attribute length %u in class file %.*s",
                              is_deprecated ? "Deprecated" : "Synthetic", attribute->length,
                              JCF_NAME(p));
        }
        field->marks |= is_deprecated ? JCF_MARK_DEPRECATED : JCF_MARK_SYNTHETIC;
        return 0;
    case JCF_ATTRIBUTE_SIGNATURE:
        if (p->major < MAJOR_ANNOTATIONS) {
            return 0;
        }
        if (field->signature != 0) {
            return jcf_reject(p, "Multiple Signature attributes for field in class file %.*s",
                              JCF_NAME(p));
        }
        if (attribute->length != 2) {
            return jcf_reject(p, "Wrong size %u for field's Signature attribute in class file %.*s",
                              attribute->length, JCF_NAME(p));
        }
        return jcf_parse_signature(p, &field->signature);
    default:
        if (p->major < MAJOR_ANNOTATIONS) {
            return 0;
        }
        return jcf_parse_annotations(p, attribute, seen, " for field", &field->annotations);
    }
}

static int parse_field(struct jcf_parser *p, struct jcf_field *field)
{
    JCF_TRY(jcf_need(p, 8));
    field->flags = jcf_take_u2(p) & JCF_ACC_OF_FIELD;
    JCF_TRY(check_flags(p, field->flags));
    field->name = jcf_take_u2(p);
    if (!jcf_is_tag(p, field->name, JCF_TAG_UTF8)) {
        return jcf_reject(p, "Invalid constant pool index %u for field name in class file %.*s",
                          field->name, JCF_NAME(p));
    }
    struct jcf_text name = jcf_text_at(p, field->name);
    JCF_TRY(jcf_check_field_name(p, name));
    field->descriptor = jcf_take_u2(p);
    if (!jcf_is_tag(p, field->descriptor, JCF_TAG_UTF8)) {
        return jcf_reject(p,
                          "Invalid constant pool index %u for field signature in class file %.*s",
                          field->descriptor, JCF_NAME(p));
    }
    JCF_TRY(jcf_check_field_descriptor(p, name, jcf_text_at(p, field->descriptor)));
    struct jcf_seen seen = {0};
    for (uint32_t left = jcf_take_u2(p); left > 0; left--) {
        struct jcf_attribute attribute;
        JCF_TRY(jcf_attribute_head(p, "Invalid field attribute index", &attribute));
        JCF_TRY(parse_attribute(p, &attribute, &seen, field));
        JCF_TRY(jcf_attribute_skip(p, &attribute));
    }
    if (p->config->vm_annotations && field->annotations.visible.length > 0) {
        field->marks |= jcf_annotation_marks(p, field->annotations.visible, JCF_ANNOTATED_FIELD);
    }
    return 0;
}

static struct jcf_pair field_pair(const struct jcf_parser *p, uint32_t number)
{
    const struct jcf_field *field = &p->class->fields[number];
    return (struct jcf_pair){jcf_text_at(p, field->name), jcf_text_at(p, field->descriptor)};
}

int jcf_parse_fields(struct jcf_parser *p)
{
    JCF_TRY(jcf_need(p, 2));
    uint16_t count = jcf_take_u2(p);
    /* Room for as many as there can be: behind them the file ends. */
    uint32_t most = ST_MIN((uint32_t)count, (p->size - p->at) / 8);
    struct jcf_field *fields = st_arena_array(p->arena, struct jcf_field, most);
    if (fields == NULL) {
        return jcf_fail_memory(p->error);
    }
    p->class->field_count = count;
    p->class->fields = fields;
    for (uint32_t i = 0; i < count; i++) {
        JCF_TRY(parse_field(p, &fields[i]));
    }
    if (!p->check || count < 2) {
        return 0;
    }
    int32_t second = -1;
    JCF_TRY(jcf_find_duplicate(p, count, field_pair, &second));
    if (second >= 0) {
        struct jcf_pair pair = field_pair(p, (uint32_t)second);
        return jcf_reject(
            p, "Duplicate field name \"%.*s\" with signature \"%.*s\" in class file %.*s",
            JCF_TEXT(pair.name), JCF_TEXT(pair.descriptor), JCF_NAME(p));
    }
    return 0;
}
