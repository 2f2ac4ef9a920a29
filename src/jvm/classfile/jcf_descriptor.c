/* Descriptors and names: checks, and the walk over checked ones. */
#include "jvm/classfile/jcf_descriptor.h"

enum { MAX_DIMENSIONS = 255 };

static struct jcf_text text_of(const uint8_t *from, const uint8_t *to)
{
    return (struct jcf_text){from, (uint32_t)(to - from)};
}

/* ---- names ---- */

enum name_kind { NAME_CLASS, NAME_FIELD, NAME_METHOD };

/* Bytes that a name may not have everywhere, by what they are to it. */
enum { ANGLE = 1, SLASH = 2, NEVER = 4 };
static const uint8_t name_bytes[256] = {
    ['.'] = NEVER, [';'] = NEVER, ['['] = NEVER, ['/'] = SLASH, ['<'] = ANGLE, ['>'] = ANGLE,
};

/* An unqualified name (4.2.2), or for a class several with / between them (4.2.1). */
static bool is_name(struct jcf_text name, enum name_kind kind)
{
    unsigned banned =
        NEVER | (kind == NAME_CLASS ? 0u : SLASH) | (kind == NAME_METHOD ? ANGLE : 0u);
    const uint8_t *piece = name.data; /* what follows the last slash: it must not be empty */
    const uint8_t *end = name.data + name.length;
    for (const uint8_t *at = piece; at < end; at++) {
        unsigned byte = name_bytes[*at];
        if (byte == 0) {
            continue;
        }
        if ((byte & banned) != 0 || (byte == SLASH && at == piece)) {
            return false;
        }
        if (byte == SLASH) {
            piece = at + 1;
        }
    }
    return piece < end;
}

static bool starts_identifier(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || c >= 0x80;
}

/* The end of the Java identifier (identifiers with / between, where `slashes`) that begins at
 * `from`; NULL: none does. As loose as HotSpot, for which only the first part has to begin as an
 * identifier does, and a / may stand before all and behind all. */
static const uint8_t *skip_identifier(const uint8_t *from, const uint8_t *end, bool slashes)
{
    bool begun = false;
    bool slash = false;
    for (const uint8_t *at = from; at < end; at++) {
        if (starts_identifier(*at) || (begun && *at >= '0' && *at <= '9')) {
            begun = true;
            slash = false;
        } else if (*at != '/' || !slashes) {
            return begun ? at : NULL;
        } else if (slash) {
            return NULL;
        } else {
            slash = true;
        }
    }
    return begun ? end : NULL;
}

static bool is_identifier(struct jcf_text name, bool slashes)
{
    return skip_identifier(name.data, name.data + name.length, slashes) == name.data + name.length;
}

bool jcf_name_is_class(struct jcf_text name, bool old_names)
{
    if (name.length == 0) {
        return false;
    }
    if (name.data[0] == '[') {
        return jcf_descriptor_field_fault(name, old_names) == JCF_DESCRIPTOR_GOOD;
    }
    return old_names ? is_identifier(name, true) : is_name(name, NAME_CLASS);
}

bool jcf_name_is_field(struct jcf_text name, bool old_names)
{
    return old_names ? is_identifier(name, false) : is_name(name, NAME_FIELD);
}

bool jcf_name_is_method(struct jcf_text name, bool old_names)
{
    if (name.length > 0 && name.data[0] == '<') {
        return jcf_text_is(name, "<init>") || jcf_text_is(name, "<clinit>");
    }
    return old_names ? is_identifier(name, false) : is_name(name, NAME_METHOD);
}

/* ---- checks ---- */

struct checker {
    const uint8_t *at, *end;
    bool old_names;
    uint8_t kind; /* of the last type */
};

/* The class name behind an L, and its semicolon. */
static enum jcf_descriptor_fault check_class(struct checker *c)
{
    const uint8_t *from = c->at;
    if (c->old_names) {
        const uint8_t *end = skip_identifier(from, c->end, true);
        if (end == NULL || end == c->end || *end != ';') {
            return JCF_DESCRIPTOR_BAD;
        }
        c->at = end + 1;
        return JCF_DESCRIPTOR_GOOD;
    }
    const uint8_t *end = from;
    while (end < c->end && *end != ';') {
        end++;
    }
    if (end == c->end) {
        return JCF_DESCRIPTOR_BAD;
    }
    if (!is_name(text_of(from, end), NAME_CLASS)) {
        return JCF_DESCRIPTOR_BAD_NAME;
    }
    c->at = end + 1;
    return JCF_DESCRIPTOR_GOOD;
}

static enum jcf_descriptor_fault check_type(struct checker *c, bool void_too)
{
    unsigned dimensions = 0;
    while (c->at < c->end && *c->at == '[') {
        c->at++;
        if (++dimensions > MAX_DIMENSIONS) {
            return JCF_DESCRIPTOR_TOO_DEEP;
        }
    }
    if (c->at == c->end) {
        return JCF_DESCRIPTOR_BAD;
    }
    uint8_t kind = *c->at++;
    c->kind = dimensions > 0 ? '[' : kind;
    switch (kind) {
    case 'B':
    case 'C':
    case 'D':
    case 'F':
    case 'I':
    case 'J':
    case 'S':
    case 'Z':
        return JCF_DESCRIPTOR_GOOD;
    case 'L':
        return check_class(c);
    case 'V':
        return void_too && dimensions == 0 ? JCF_DESCRIPTOR_GOOD : JCF_DESCRIPTOR_BAD;
    default:
        return JCF_DESCRIPTOR_BAD;
    }
}

enum jcf_descriptor_fault jcf_descriptor_field_fault(struct jcf_text text, bool old_names)
{
    struct checker c = {text.data, text.data + text.length, old_names, 0};
    enum jcf_descriptor_fault fault = check_type(&c, false);
    return fault == JCF_DESCRIPTOR_GOOD && c.at != c.end ? JCF_DESCRIPTOR_BAD : fault;
}

enum jcf_descriptor_fault jcf_descriptor_method_fault(struct jcf_text text, bool old_names,
                                                      uint32_t *ret_slots)
{
    struct checker c = {text.data, text.data + text.length, old_names, 0};
    uint32_t slots = 0;
    if (c.at == c.end || *c.at++ != '(') {
        return JCF_DESCRIPTOR_BAD;
    }
    while (c.at < c.end && *c.at != ')') {
        enum jcf_descriptor_fault fault = check_type(&c, false);
        if (fault != JCF_DESCRIPTOR_GOOD) {
            return fault;
        }
        slots += c.kind == 'J' || c.kind == 'D' ? 2 : 1;
    }
    if (c.at == c.end) {
        return JCF_DESCRIPTOR_BAD;
    }
    c.at++;
    enum jcf_descriptor_fault fault = check_type(&c, true);
    if (fault == JCF_DESCRIPTOR_GOOD && c.at != c.end) {
        return JCF_DESCRIPTOR_BAD;
    }
    *ret_slots = slots;
    return fault;
}

/* ---- the walk ---- */

struct jcf_type_cursor jcf_types_of(struct jcf_text descriptor)
{
    const uint8_t *from = descriptor.data;
    const uint8_t *end = from + descriptor.length;
    return (struct jcf_type_cursor){descriptor.length > 0 && *from == '(' ? from + 1 : from, end};
}

/* Takes one type; at the end there is V. */
static void take_type(struct jcf_type_cursor *cursor, struct jcf_type *ret_type)
{
    const uint8_t *from = cursor->at;
    const uint8_t *at = from;
    while (at < cursor->end && *at == '[') {
        at++;
    }
    if (at < cursor->end && *at == 'L') {
        while (at < cursor->end && *at != ';') {
            at++;
        }
    }
    if (at < cursor->end) {
        at++;
    }
    cursor->at = at;
    uint8_t kind = from < at ? *from : 'V';
    ret_type->kind = kind;
    ret_type->slots = kind == 'V' ? 0 : kind == 'J' || kind == 'D' ? 2 : 1;
    ret_type->text = text_of(from, at);
}

bool jcf_next_argument(struct jcf_type_cursor *cursor, struct jcf_type *ret_type)
{
    if (cursor->at == cursor->end || *cursor->at == ')') {
        return false;
    }
    take_type(cursor, ret_type);
    return true;
}

void jcf_result(struct jcf_type_cursor *cursor, struct jcf_type *ret_type)
{
    struct jcf_type skipped;
    while (jcf_next_argument(cursor, &skipped)) {
    }
    if (cursor->at < cursor->end) {
        cursor->at++;
    }
    take_type(cursor, ret_type);
}

void jcf_signature_of(struct jcf_text descriptor, struct jcf_signature *ret_signature)
{
    struct jcf_type_cursor cursor = jcf_types_of(descriptor);
    struct jcf_type type;
    ret_signature->arguments = 0;
    ret_signature->slots = 0;
    while (jcf_next_argument(&cursor, &type)) {
        ret_signature->arguments++;
        ret_signature->slots += type.slots;
    }
    jcf_result(&cursor, &ret_signature->result);
}

struct jcf_text jcf_type_name(const struct jcf_type *type)
{
    if (type->kind != 'L' || type->text.length < 2) {
        return type->text;
    }
    return (struct jcf_text){type->text.data + 1, type->text.length - 2};
}
