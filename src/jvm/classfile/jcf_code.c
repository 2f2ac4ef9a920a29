/* Line numbers and local variables, found in the attributes of Code when they are asked for. */
#include "jvm/classfile/jcf_code.h"

/* Steps through the attributes behind `code_attributes`; the parser has checked their lengths. */
struct attribute {
    struct jcf_text name;
    uint32_t at, length;
};

static bool next_attribute(const struct jcf_class *class, uint32_t *at, uint32_t *left,
                           struct attribute *ret_attribute)
{
    if (*left == 0) {
        return false;
    }
    const uint8_t *p = class->bytes + *at;
    ret_attribute->name = jcf_utf8(class, jcf_u2(p));
    ret_attribute->length = jcf_u4(p + 2);
    ret_attribute->at = *at + 6;
    *at += 6 + ret_attribute->length;
    *left -= 1;
    return true;
}

bool jcf_next_line(const struct jcf_class *class, const struct jcf_method *method,
                   struct jcf_line_cursor *cursor, struct jcf_line *ret_line)
{
    if (!cursor->begun) {
        cursor->begun = true;
        cursor->attribute = method->code_attributes.at + 2;
        cursor->attributes_left =
            method->line_tables > 0 ? jcf_u2(class->bytes + method->code_attributes.at) : 0;
    }
    while (cursor->at == cursor->end) {
        struct attribute attribute;
        if (!next_attribute(class, &cursor->attribute, &cursor->attributes_left, &attribute)) {
            return false;
        }
        if (jcf_text_is(attribute.name, "LineNumberTable")) {
            cursor->at = attribute.at + 2;
            cursor->end = attribute.at + attribute.length;
        }
    }
    const uint8_t *p = class->bytes + cursor->at;
    *ret_line = (struct jcf_line){jcf_u2(p), jcf_u2(p + 2)};
    cursor->at += 4;
    return true;
}

int32_t jcf_line_of(const struct jcf_class *class, const struct jcf_method *method, uint32_t pc)
{
    struct jcf_line_cursor cursor = {0};
    struct jcf_line line;
    int32_t best = -1;
    int32_t best_pc = -1;
    while (jcf_next_line(class, method, &cursor, &line)) {
        if (line.pc == pc) {
            return line.line;
        }
        if (line.pc < pc && line.pc >= best_pc) {
            best = line.line;
            best_pc = line.pc;
        }
    }
    return best;
}

bool jcf_next_local(const struct jcf_class *class, const struct jcf_method *method,
                    struct jcf_local_cursor *cursor, struct jcf_local *ret_local)
{
    if (!cursor->begun) {
        cursor->begun = true;
        cursor->attribute = method->code_attributes.at + 2;
        cursor->attributes_left =
            method->has_local_variables ? jcf_u2(class->bytes + method->code_attributes.at) : 0;
    }
    while (cursor->at == cursor->end) {
        struct attribute attribute;
        if (!next_attribute(class, &cursor->attribute, &cursor->attributes_left, &attribute)) {
            return false;
        }
        if (jcf_text_is(attribute.name, "LocalVariableTable")) {
            cursor->at = attribute.at + 2;
            cursor->end = attribute.at + attribute.length;
        }
    }
    const uint8_t *p = class->bytes + cursor->at;
    *ret_local =
        (struct jcf_local){jcf_u2(p), jcf_u2(p + 2), jcf_u2(p + 4), jcf_u2(p + 6), jcf_u2(p + 8)};
    cursor->at += 10;
    return true;
}

bool jcf_local_at(const struct jcf_class *class, const struct jcf_method *method, uint32_t slot,
                  uint32_t pc, struct jcf_local *ret_local)
{
    struct jcf_local_cursor cursor = {0};
    struct jcf_local local;
    while (jcf_next_local(class, method, &cursor, &local)) {
        if (local.slot == slot && pc >= local.start && pc - local.start < local.length) {
            *ret_local = local;
            return true;
        }
    }
    return false;
}
