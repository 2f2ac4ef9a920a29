/*
 * The JSON parser (RFC 8259): recursive descent over a private copy of the text, in which strings
 * are unescaped where they stand, so that a string costs no memory of its own. See json_doc.h.
 */
#include "base/arith.h"
#include "base/heap.h"
#include "base/str.h"
#include "json/json_doc_priv.h"
#include "json/json_utf8_priv.h"

struct parser {
    struct json_doc *doc;
    char *start;
    char *p;
    char *end; /* *end is a zero, which is part of no token */
    const char *original;
    unsigned depth_left;
    struct st_err *err;
};

static inline void st_cleanup_doc(struct json_doc **doc)
{
    json_doc_free(*doc);
}

static int bad(const struct parser *s, const char *at, const char *what)
{
    size_t line = 1;
    size_t column = 1;
    for (const char *q = s->original; q < s->original + (at - s->start); q++) {
        column = *q == '\n' ? 1 : column + 1;
        line += *q == '\n';
    }
    return st_fail(s->err, ST_EINVAL, "JSON line %zu, column %zu: %s", line, column, what);
}

static void skip_space(struct parser *s)
{
    while (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r') {
        s->p++;
    }
}

static int hex4(const char *p, unsigned *ret_unit)
{
    unsigned unit = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        unsigned digit;
        if (c >= '0' && c <= '9') {
            digit = (unsigned)(c - '0');
        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            digit = (unsigned)((c | 0x20) - 'a' + 10);
        } else {
            return -ST_EINVAL;
        }
        unit = unit << 4 | digit;
    }
    *ret_unit = unit;
    return 0;
}

static char *put_utf8(char *to, unsigned code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return to;
}

/* \uXXXX with s->p behind the u: the code point, with a surrogate pair taken as one. A surrogate
 * that stands alone becomes U+FFFD, as in Go. */
static int unicode_escape(struct parser *s, unsigned *ret_code)
{
    unsigned unit;
    unsigned low;
    if (hex4(s->p, &unit) < 0) {
        return bad(s, s->p, "\\u needs four hexadecimal digits");
    }
    s->p += 4;
    if (unit >= 0xd800 && unit <= 0xdbff && s->p[0] == '\\' && s->p[1] == 'u' &&
        hex4(s->p + 2, &low) == 0 && low >= 0xdc00 && low <= 0xdfff) {
        s->p += 6;
        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    } else if (unit >= 0xd800 && unit <= 0xdfff) {
        unit = 0xfffd;
    } else if (unit == 0) {
        return bad(s, s->p - 6, "a string must not hold a zero character");
    }
    *ret_code = unit;
    return 0;
}

static int escape(struct parser *s, char **to)
{
    static const char from[] = "\"\\/bfnrt";
    static const char into[] = "\"\\/\b\f\n\r\t";
    char c = s->p[1];
    s->p += 2;
    if (c == 'u') {
        unsigned code = 0;
        int r = unicode_escape(s, &code);
        if (r < 0) {
            return r;
        }
        *to = put_utf8(*to, code);
        return 0;
    }
    for (size_t i = 0; i < sizeof(from) - 1; i++) {
        if (from[i] == c) {
            *(*to)++ = into[i];
            return 0;
        }
    }
    return bad(s, s->p - 2, "unknown escape in a string");
}

/* s->p is at the opening quote. */
static int string(struct parser *s, const char **ret_text, uint32_t *ret_length)
{
    char *start = ++s->p;
    char *to = start;
    for (;;) {
        unsigned char c = (unsigned char)*s->p;
        if (c == '"') {
            break;
        }
        if (c == '\\') {
            int r = escape(s, &to);
            if (r < 0) {
                return r;
            }
        } else if (c >= 0x20 && c < 0x80) {
            *to++ = *s->p++;
        } else if (c < 0x20) {
            return bad(s, s->p,
                       s->p == s->end ? "the string does not end"
                                      : "control character in a string");
        } else {
            size_t n = json_utf8_length((unsigned char *)s->p, (size_t)(s->end - s->p));
            if (n == 0) {
                return bad(s, s->p, "the string is not UTF-8");
            }
            for (; n > 0; n--) {
                *to++ = *s->p++;
            }
        }
    }
    *to = '\0';
    s->p++;
    *ret_text = start;
    *ret_length = (uint32_t)(to - start);
    return 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int number(struct parser *s, struct json_value *value)
{
    const char *start = s->p;
    value->type = JSON_NUMBER;
    value->text = start;
    value->integral = true;
    if (*s->p == '-') {
        value->negative = true;
        s->p++;
    }
    if (!is_digit(*s->p)) {
        return bad(s, start, "a value is expected");
    }
    if (s->p[0] == '0' && is_digit(s->p[1])) {
        return bad(s, start, "a number must not begin with 0");
    }
    for (; is_digit(*s->p); s->p++) {
        uint64_t grown;
        if (st_mul_overflows(value->magnitude, UINT64_C(10), &grown) ||
            st_add_overflows(grown, (uint64_t)(*s->p - '0'), &grown)) {
            value->integral = false;
        }
        value->magnitude = grown;
    }
    if (*s->p == '.') {
        value->integral = false;
        if (!is_digit(*++s->p)) {
            return bad(s, s->p, "a digit is expected after the decimal point");
        }
        while (is_digit(*s->p)) {
            s->p++;
        }
    }
    if (*s->p == 'e' || *s->p == 'E') {
        value->integral = false;
        s->p++;
        if (*s->p == '+' || *s->p == '-') {
            s->p++;
        }
        if (!is_digit(*s->p)) {
            return bad(s, s->p, "a digit is expected in the exponent");
        }
        while (is_digit(*s->p)) {
            s->p++;
        }
    }
    value->count = (uint32_t)(s->p - start);
    return 0;
}

static int word(struct parser *s, const char *name, struct json_value *value, enum json_type type)
{
    size_t length = st_strlen(name);
    if (!st_starts_with(s->p, name)) {
        return bad(s, s->p, "a value is expected");
    }
    s->p += length;
    value->type = type;
    value->truth = name[0] == 't';
    return 0;
}

static int parse_value(struct parser *s, struct json_value *value);

static int member_key(struct parser *s, struct json_value *member)
{
    uint32_t length;
    if (*s->p != '"') {
        return bad(s, s->p, "a member's name in quotes is expected");
    }
    int r = string(s, &member->key, &length);
    if (r < 0) {
        return r;
    }
    skip_space(s);
    if (*s->p != ':') {
        return bad(s, s->p, "':' is expected");
    }
    s->p++;
    skip_space(s);
    return 0;
}

/* The elements of an array or the members of an object; s->p is at the opening bracket. */
static int collection(struct parser *s, struct json_value *value, char close)
{
    const struct json_value **link = &value->first;
    value->type = close == '}' ? JSON_OBJECT : JSON_ARRAY;
    if (s->depth_left == 0) {
        return st_fail(s->err, ST_ELIMIT, "JSON is nested too deeply");
    }
    s->depth_left--;
    s->p++;
    skip_space(s);
    while (value->count > 0 || *s->p != close) {
        struct json_value *item = json_doc_alloc(s->doc, 1, sizeof(*item));
        if (item == NULL) {
            return st_fail(s->err, ST_ENOMEM, "out of memory");
        }
        int r = value->type == JSON_OBJECT ? member_key(s, item) : 0;
        r = r < 0 ? r : parse_value(s, item);
        if (r < 0) {
            return r;
        }
        *link = item;
        link = (const struct json_value **)&item->next;
        value->count++;
        skip_space(s);
        if (*s->p == close) {
            break;
        }
        if (*s->p != ',') {
            return bad(s, s->p, close == '}' ? "',' or '}' is expected" : "',' or ']' is expected");
        }
        s->p++;
        skip_space(s);
    }
    s->p++;
    s->depth_left++;
    return 0;
}

static int parse_value(struct parser *s, struct json_value *value)
{
    switch (*s->p) {
    case '{':
        return collection(s, value, '}');
    case '[':
        return collection(s, value, ']');
    case '"':
        value->type = JSON_STRING;
        return string(s, &value->text, &value->count);
    case 't':
        return word(s, "true", value, JSON_BOOL);
    case 'f':
        return word(s, "false", value, JSON_BOOL);
    case 'n':
        return word(s, "null", value, JSON_NULL);
    default:
        return number(s, value);
    }
}

int json_parse(const char *text, size_t length, const struct json_limits *limits,
               struct json_doc **ret_doc, struct st_err *err)
{
    if (length > limits->max_bytes || length > UINT32_MAX / 2) {
        return st_fail(err, ST_ELIMIT, "JSON text of %zu bytes is longer than %zu", length,
                       limits->max_bytes);
    }
    st_auto(doc) struct json_doc *doc = json_doc_create(length + 1);
    struct json_value *root = doc == NULL ? NULL : json_doc_alloc(doc, 1, sizeof(*root));
    if (root == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    if (length > 0) {
        __builtin_memcpy(doc->text, text, length);
    }
    doc->text[length] = '\0';
    doc->root = root;
    struct parser s = {.doc = doc,
                       .start = doc->text,
                       .p = doc->text,
                       .end = doc->text + length,
                       .original = text,
                       .depth_left = limits->max_depth,
                       .err = err};
    skip_space(&s);
    int r = parse_value(&s, root);
    if (r < 0) {
        return r;
    }
    skip_space(&s);
    if (s.p != s.end) {
        return bad(&s, s.p, "there is more after the value");
    }
    *ret_doc = st_take(doc);
    return 0;
}
