/* Questions to a parsed class. */
#include "jvm/classfile/jcf_class.h"

#include "base/memops.h"
#include "base/str.h"

bool jcf_text_is(struct jcf_text text, const char *string)
{
    size_t length = st_strlen(string);
    return text.length == length && memcmp(text.data, string, length) == 0;
}

bool jcf_text_same(struct jcf_text a, struct jcf_text b)
{
    return a.length == b.length && (a.data == b.data || memcmp(a.data, b.data, a.length) == 0);
}

struct jcf_text jcf_class_name(const struct jcf_class *class)
{
    return jcf_named(class, class->this_class);
}

struct jcf_text jcf_super_name(const struct jcf_class *class)
{
    if (class->super_class == 0) {
        return (struct jcf_text){class->bytes, 0};
    }
    return jcf_named(class, class->super_class);
}

struct jcf_member jcf_member_at(const struct jcf_class *class, uint16_t index)
{
    const union jcf_constant *constant = &class->constants[index];
    uint8_t tag = class->tags[index];
    bool is_dynamic = tag == JCF_TAG_DYNAMIC || tag == JCF_TAG_INVOKE_DYNAMIC;
    uint16_t pair = is_dynamic ? constant->dynamic.name_and_type : constant->member.name_and_type;
    struct jcf_member member = {
        .class_name = {class->bytes, 0},
        .name = jcf_utf8(class, class->constants[pair].name_and_type.name),
        .descriptor = jcf_utf8(class, class->constants[pair].name_and_type.descriptor),
    };
    if (!is_dynamic) {
        member.class_name = jcf_named(class, constant->member.class_index);
    }
    return member;
}

const struct jcf_method *jcf_find_method(const struct jcf_class *class, struct jcf_text name,
                                         struct jcf_text descriptor)
{
    for (uint32_t i = 0; i < class->method_count; i++) {
        const struct jcf_method *method = &class->methods[i];
        if (jcf_text_same(jcf_utf8(class, method->name), name) &&
            jcf_text_same(jcf_utf8(class, method->descriptor), descriptor)) {
            return method;
        }
    }
    return NULL;
}

const struct jcf_field *jcf_find_field(const struct jcf_class *class, struct jcf_text name,
                                       struct jcf_text descriptor)
{
    for (uint32_t i = 0; i < class->field_count; i++) {
        const struct jcf_field *field = &class->fields[i];
        if (jcf_text_same(jcf_utf8(class, field->name), name) &&
            jcf_text_same(jcf_utf8(class, field->descriptor), descriptor)) {
            return field;
        }
    }
    return NULL;
}

struct jcf_inner_class jcf_inner_class_at(const struct jcf_class *class, uint32_t number)
{
    const uint8_t *at = class->bytes + class->inner_classes.at + number * 8;
    return (struct jcf_inner_class){jcf_u2(at), jcf_u2(at + 2), jcf_u2(at + 4), jcf_u2(at + 6)};
}
