/* The functions of --format templates and how values print: see json_template.h. */
#include <stdlib.h>

#include "base/heap.h"
#include "base/print.h"
#include "base/str.h"
#include "json/json_template_priv.h"
#include "json/json_write.h"

#define MAX_RESULT (4u << 20)

static int wrong(const struct json_tpl_run *run, const char *function, const char *what)
{
    return st_fail(run->err, ST_EINVAL, "template: error calling %s: %s", function, what);
}

static int made(const struct json_tpl_run *run, const struct json_value *value,
                const struct json_value **ret_value)
{
    *ret_value = value;
    return value != NULL ? 0 : st_fail(run->err, ST_ENOMEM, "out of memory");
}

const struct json_value *json_tpl_string(struct json_doc *doc, const char *text, size_t length)
{
    struct json_value *value = json_doc_alloc(doc, 1, sizeof(*value) + length + 1);
    if (value != NULL) {
        char *bytes = (char *)(value + 1);
        if (length > 0) {
            __builtin_memcpy(bytes, text, length);
        }
        value->type = JSON_STRING;
        value->text = bytes;
        value->count = (uint32_t)length;
    }
    return value;
}

const struct json_value *json_tpl_number(struct json_doc *doc, int64_t number)
{
    struct json_value *value = json_doc_alloc(doc, 1, sizeof(*value) + 24);
    if (value != NULL) {
        char *bytes = (char *)(value + 1);
        value->type = JSON_NUMBER;
        value->integral = true;
        value->negative = number < 0;
        value->magnitude = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
        value->count = (uint32_t)st_snprintf(bytes, 24, "%lld", (long long)number);
        value->text = bytes;
    }
    return value;
}

const struct json_value *json_tpl_bool(struct json_doc *doc, bool truth)
{
    struct json_value *value = json_doc_alloc(doc, 1, sizeof(*value));
    if (value != NULL) {
        value->type = JSON_BOOL;
        value->truth = truth;
    }
    return value;
}

bool json_tpl_is_true(const struct json_value *value)
{
    if (value == NULL) {
        return false;
    }
    switch (value->type) {
    case JSON_NULL:
        return false;
    case JSON_BOOL:
        return value->truth;
    case JSON_NUMBER:
        return !value->integral || value->magnitude != 0;
    case JSON_STRING:
    case JSON_ARRAY:
    case JSON_OBJECT:
        return value->count > 0;
    }
    return false;
}

static int print_members(const struct json_value *object, struct st_buf *to)
{
    struct json_doc *doc = json_doc_new();
    const struct json_value **sorted = doc != NULL ? json_tpl_sorted(doc, object) : NULL;
    if (sorted == NULL) {
        json_doc_free(doc);
        return -ST_ENOMEM;
    }
    st_buf_text(to, "map[");
    for (size_t i = 0; i < object->count; i++) {
        st_buf_printf(to, "%s%s:", i > 0 ? " " : "", sorted[i]->key);
        json_tpl_print(sorted[i], to);
    }
    json_doc_free(doc);
    return st_buf_char(to, ']');
}

int json_tpl_print(const struct json_value *value, struct st_buf *to)
{
    if (value == NULL) {
        return st_buf_text(to, "<no value>");
    }
    switch (value->type) {
    case JSON_NULL:
        return st_buf_text(to, "<nil>");
    case JSON_BOOL:
        return st_buf_text(to, value->truth ? "true" : "false");
    case JSON_NUMBER:
    case JSON_STRING:
        return st_buf_append(to, value->text, value->count);
    case JSON_ARRAY:
        st_buf_char(to, '[');
        for (const struct json_value *item = value->first; item != NULL; item = item->next) {
            json_tpl_print(item, to);
            if (item->next != NULL) {
                st_buf_char(to, ' ');
            }
        }
        return st_buf_char(to, ']');
    case JSON_OBJECT:
        return print_members(value, to);
    }
    return 0;
}

/* The buffer's text as a value; the buffer is emptied. */
static int take_text(const struct json_tpl_run *run, struct st_buf *text,
                     const struct json_value **ret_value)
{
    int r = st_buf_status(text);
    if (r < 0) {
        st_buf_done(text);
        return st_fail_os(run->err, r, "template");
    }
    r = made(run, json_tpl_string(run->doc, st_buf_string(text), text->length), ret_value);
    st_buf_done(text);
    return r;
}

static int call_json(struct json_tpl_run *run, const struct json_value *const *args, size_t count,
                     const struct json_value **ret_value)
{
    struct st_buf text = ST_BUF_HEAP(MAX_RESULT);
    struct json_writer w = {.to = &text};
    (void)count;
    if (args[0] == NULL) {
        json_write_null(&w);
    } else {
        json_write_value(&w, args[0]);
    }
    return take_text(run, &text, ret_value);
}

static int call_join(struct json_tpl_run *run, const struct json_value *const *args, size_t count,
                     const struct json_value **ret_value)
{
    struct st_buf text = ST_BUF_HEAP(MAX_RESULT);
    const char *between = json_text(args[1]);
    (void)count;
    if (between == NULL ||
        (args[0] != NULL && args[0]->type != JSON_ARRAY && args[0]->type != JSON_NULL)) {
        return wrong(run, "join", "a list and a string are wanted");
    }
    const struct json_value *item =
        args[0] != NULL && args[0]->type == JSON_ARRAY ? args[0]->first : NULL;
    for (; item != NULL; item = item->next) {
        json_tpl_print(item, &text);
        st_buf_text(&text, item->next != NULL ? between : "");
    }
    return take_text(run, &text, ret_value);
}

static int call_split(struct json_tpl_run *run, const struct json_value *const *args, size_t count,
                      const struct json_value **ret_value)
{
    const char *text = json_text(args[0]);
    const char *between = json_text(args[1]);
    struct json_value *list = json_doc_alloc(run->doc, 1, sizeof(*list));
    (void)count;
    if (text == NULL || between == NULL || between[0] == '\0') {
        return wrong(run, "split", "two strings are wanted");
    }
    if (list == NULL) {
        return made(run, NULL, ret_value);
    }
    list->type = JSON_ARRAY;
    const struct json_value **link = &list->first;
    for (const char *p = text;; p++) {
        if (*p != '\0' && !st_starts_with(p, between)) {
            continue;
        }
        const struct json_value *piece = json_tpl_string(run->doc, text, (size_t)(p - text));
        if (piece == NULL) {
            return made(run, NULL, ret_value);
        }
        *link = piece;
        link = (const struct json_value **)&piece->next;
        list->count++;
        if (*p == '\0') {
            break;
        }
        text = p + st_strlen(between);
        p = text - 1;
    }
    *ret_value = list;
    return 0;
}

/* Upper, lower and title case of ASCII letters; others stay. */
static int change_case(struct json_tpl_run *run, const struct json_value *value, char how,
                       const struct json_value **ret_value)
{
    struct st_buf text = ST_BUF_HEAP(MAX_RESULT);
    json_tpl_print(value, &text);
    bool begins = true;
    for (size_t i = 0; i < text.length && st_buf_status(&text) == 0; i++) {
        char c = text.data[i];
        bool is_lower = c >= 'a' && c <= 'z';
        bool is_upper = c >= 'A' && c <= 'Z';
        if ((how == 'u' && is_lower) || (how == 't' && is_lower && begins) ||
            (how == 'l' && is_upper)) {
            text.data[i] = (char)(c ^ 0x20);
        }
        begins = c == ' ' || c == '\t' || c == '\n';
    }
    return take_text(run, &text, ret_value);
}

static int call_lower(struct json_tpl_run *run, const struct json_value *const *args, size_t count,
                      const struct json_value **ret_value)
{
    (void)count;
    return change_case(run, args[0], 'l', ret_value);
}

static int call_upper(struct json_tpl_run *run, const struct json_value *const *args, size_t count,
                      const struct json_value **ret_value)
{
    (void)count;
    return change_case(run, args[0], 'u', ret_value);
}

static int call_title(struct json_tpl_run *run, const struct json_value *const *args, size_t count,
                      const struct json_value **ret_value)
{
    (void)count;
    return change_case(run, args[0], 't', ret_value);
}

static int call_trim(struct json_tpl_run *run, const struct json_value *const *args, size_t count,
                     const struct json_value **ret_value)
{
    const char *text = json_text(args[0]);
    (void)count;
    if (text == NULL) {
        return wrong(run, "trim", "a string is wanted");
    }
    size_t length = st_strlen(text);
    while (length > 0 && (text[0] == ' ' || text[0] == '\t' || text[0] == '\n')) {
        text++;
        length--;
    }
    while (length > 0 &&
           (text[length - 1] == ' ' || text[length - 1] == '\t' || text[length - 1] == '\n')) {
        length--;
    }
    return made(run, json_tpl_string(run->doc, text, length), ret_value);
}

static int call_truncate(struct json_tpl_run *run, const struct json_value *const *args,
                         size_t count, const struct json_value **ret_value)
{
    const char *text = json_text(args[0]);
    uint64_t most = 0;
    (void)count;
    if (text == NULL || json_u64(args[1], MAX_RESULT, &most) < 0) {
        return wrong(run, "truncate", "a string and a length are wanted");
    }
    size_t length = 0;
    for (uint64_t letters = 0; text[length] != '\0'; length++) {
        letters += ((unsigned char)text[length] & 0xc0) != 0x80; /* not inside a UTF-8 sequence */
        if (letters > most) {
            break;
        }
    }
    return made(run, json_tpl_string(run->doc, text, length), ret_value);
}

static int call_pad(struct json_tpl_run *run, const struct json_value *const *args, size_t count,
                    const struct json_value **ret_value)
{
    struct st_buf text = ST_BUF_HEAP(MAX_RESULT);
    uint64_t left = 0;
    uint64_t right = 0;
    (void)count;
    if (json_u64(args[1], 1000, &left) < 0 || json_u64(args[2], 1000, &right) < 0) {
        return wrong(run, "pad", "a string and two numbers are wanted");
    }
    for (uint64_t i = 0; i < left; i++) {
        st_buf_char(&text, ' ');
    }
    json_tpl_print(args[0], &text);
    for (uint64_t i = 0; i < right; i++) {
        st_buf_char(&text, ' ');
    }
    return take_text(run, &text, ret_value);
}

static int print_all(struct json_tpl_run *run, const struct json_value *const *args, size_t count,
                     bool line, const struct json_value **ret_value)
{
    struct st_buf text = ST_BUF_HEAP(MAX_RESULT);
    for (size_t i = 0; i < count; i++) {
        /* Go's print puts a blank between two operands where neither is a string. */
        bool strings = i > 0 && (json_text(args[i]) != NULL || json_text(args[i - 1]) != NULL);
        if (i > 0 && (line || !strings)) {
            st_buf_char(&text, ' ');
        }
        json_tpl_print(args[i], &text);
    }
    st_buf_text(&text, line ? "\n" : "");
    return take_text(run, &text, ret_value);
}

static int call_print(struct json_tpl_run *run, const struct json_value *const *args, size_t count,
                      const struct json_value **ret_value)
{
    return print_all(run, args, count, false, ret_value);
}

static int call_println(struct json_tpl_run *run, const struct json_value *const *args,
                        size_t count, const struct json_value **ret_value)
{
    return print_all(run, args, count, true, ret_value);
}

/* One conversion of printf: -, a width and one of s v d t q. */
static void format_one(struct st_buf *to, char conversion, bool left, size_t width,
                       const struct json_value *value)
{
    struct st_buf text = ST_BUF_HEAP(MAX_RESULT);
    if (conversion == 'q' && json_text(value) != NULL) {
        json_write_quoted(&text, value->text);
    } else {
        json_tpl_print(value, &text);
    }
    size_t blanks = text.length < width ? width - text.length : 0;
    for (size_t i = 0; !left && i < blanks; i++) {
        st_buf_char(to, ' ');
    }
    st_buf_append(to, st_buf_string(&text), text.length);
    for (size_t i = 0; left && i < blanks; i++) {
        st_buf_char(to, ' ');
    }
    st_buf_done(&text);
}

static int call_printf(struct json_tpl_run *run, const struct json_value *const *args, size_t count,
                       const struct json_value **ret_value)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(MAX_RESULT);
    const char *p = json_text(args[0]);
    size_t next = 1;
    if (p == NULL) {
        return wrong(run, "printf", "a format is wanted");
    }
    for (; *p != '\0'; p++) {
        size_t width = 0;
        bool left = false;
        if (*p != '%' || *++p == '%') {
            st_buf_char(&text, *p);
            continue;
        }
        if (*p == '-') {
            left = true;
            p++;
        }
        for (; *p >= '0' && *p <= '9' && width < 1000; p++) {
            width = width * 10 + (size_t)(*p - '0');
        }
        if (*p != 's' && *p != 'v' && *p != 'd' && *p != 't' && *p != 'q') {
            return wrong(run, "printf", "only %s %v %d %t %q are supported");
        }
        if (next == count) {
            return wrong(run, "printf", "an argument is missing");
        }
        format_one(&text, *p, left, width, args[next++]);
    }
    return take_text(run, &text, ret_value);
}

static int index_one(struct json_tpl_run *run, const struct json_value *of,
                     const struct json_value *key, const struct json_value **ret_value)
{
    if (of != NULL && of->type == JSON_ARRAY) {
        uint64_t at = 0;
        if (json_u64(key, UINT32_MAX, &at) < 0 || at >= of->count) {
            return wrong(run, "index", "index out of range");
        }
        *ret_value = of->first;
        for (; at > 0; at--) {
            *ret_value = (*ret_value)->next;
        }
        return 0;
    }
    if (of == NULL || of->type != JSON_OBJECT || json_text(key) == NULL) {
        return wrong(run, "index", "a list and a number or a map and a string are wanted");
    }
    *ret_value = json_member(of, key->text);
    if (*ret_value == NULL && (of->first == NULL || of->first->type == JSON_STRING)) {
        return made(run, json_tpl_string(run->doc, "", 0), ret_value);
    }
    return 0;
}

static int call_index(struct json_tpl_run *run, const struct json_value *const *args, size_t count,
                      const struct json_value **ret_value)
{
    const struct json_value *value = args[0];
    for (size_t i = 1; i < count; i++) {
        int r = index_one(run, value, args[i], &value);
        if (r < 0) {
            return r;
        }
    }
    *ret_value = value;
    return 0;
}

static int call_len(struct json_tpl_run *run, const struct json_value *const *args, size_t count,
                    const struct json_value **ret_value)
{
    (void)count;
    if (args[0] == NULL || args[0]->type == JSON_BOOL || args[0]->type == JSON_NUMBER) {
        return wrong(run, "len", "a string, list or map is wanted");
    }
    return made(run, json_tpl_number(run->doc, args[0]->count), ret_value);
}

static int call_and(struct json_tpl_run *run, const struct json_value *const *args, size_t count,
                    const struct json_value **ret_value)
{
    (void)run;
    size_t i = 0;
    while (i + 1 < count && json_tpl_is_true(args[i])) {
        i++;
    }
    *ret_value = args[i];
    return 0;
}

static int call_or(struct json_tpl_run *run, const struct json_value *const *args, size_t count,
                   const struct json_value **ret_value)
{
    (void)run;
    size_t i = 0;
    while (i + 1 < count && !json_tpl_is_true(args[i])) {
        i++;
    }
    *ret_value = args[i];
    return 0;
}

static int call_not(struct json_tpl_run *run, const struct json_value *const *args, size_t count,
                    const struct json_value **ret_value)
{
    (void)count;
    return made(run, json_tpl_bool(run->doc, !json_tpl_is_true(args[0])), ret_value);
}

static bool equal(const struct json_value *a, const struct json_value *b)
{
    if (a == NULL || b == NULL || a->type != b->type) {
        return a == b;
    }
    switch (a->type) {
    case JSON_NULL:
        return true;
    case JSON_BOOL:
        return a->truth == b->truth;
    case JSON_NUMBER:
        if (a->integral && b->integral) {
            return a->magnitude == b->magnitude && a->negative == b->negative;
        }
        return a->count == b->count && __builtin_memcmp(a->text, b->text, a->count) == 0;
    case JSON_STRING:
        return st_streq(a->text, b->text);
    case JSON_ARRAY:
    case JSON_OBJECT:
        return false;
    }
    return false;
}

static int call_eq(struct json_tpl_run *run, const struct json_value *const *args, size_t count,
                   const struct json_value **ret_value)
{
    bool any = false;
    for (size_t i = 1; i < count; i++) {
        any = any || equal(args[0], args[i]);
    }
    return made(run, json_tpl_bool(run->doc, any), ret_value);
}

static int call_ne(struct json_tpl_run *run, const struct json_value *const *args, size_t count,
                   const struct json_value **ret_value)
{
    (void)count;
    return made(run, json_tpl_bool(run->doc, !equal(args[0], args[1])), ret_value);
}

/* Is args[0] before (or with strict false, not after) args[1]; with swap the other way round? */
static int compare(struct json_tpl_run *run, const struct json_value *const *args, bool swap,
                   bool strict, const struct json_value **ret_value)
{
    const struct json_value *a = args[swap ? 1 : 0];
    const struct json_value *b = args[swap ? 0 : 1];
    int64_t left = 0;
    int64_t right = 0;
    int order;
    if (json_text(a) != NULL && json_text(b) != NULL) {
        order = __builtin_strcmp(a->text, b->text);
    } else if (json_i64(a, INT64_MIN, INT64_MAX, &left) == 0 &&
               json_i64(b, INT64_MIN, INT64_MAX, &right) == 0) {
        order = (left > right) - (left < right);
    } else {
        return wrong(run, "a comparison", "two whole numbers or two strings are wanted");
    }
    return made(run, json_tpl_bool(run->doc, strict ? order < 0 : order <= 0), ret_value);
}

static int call_lt(struct json_tpl_run *run, const struct json_value *const *args, size_t count,
                   const struct json_value **ret_value)
{
    (void)count;
    return compare(run, args, false, true, ret_value);
}

static int call_le(struct json_tpl_run *run, const struct json_value *const *args, size_t count,
                   const struct json_value **ret_value)
{
    (void)count;
    return compare(run, args, false, false, ret_value);
}

static int call_gt(struct json_tpl_run *run, const struct json_value *const *args, size_t count,
                   const struct json_value **ret_value)
{
    (void)count;
    return compare(run, args, true, true, ret_value);
}

static int call_ge(struct json_tpl_run *run, const struct json_value *const *args, size_t count,
                   const struct json_value **ret_value)
{
    (void)count;
    return compare(run, args, true, false, ret_value);
}

const struct json_tpl_function *json_tpl_find(const char *name, size_t length)
{
    static const struct json_tpl_function table[] = {
        {"and", call_and, 1, JSON_TPL_MAX_ARGS},
        {"eq", call_eq, 2, JSON_TPL_MAX_ARGS},
        {"ge", call_ge, 2, 2},
        {"gt", call_gt, 2, 2},
        {"index", call_index, 1, JSON_TPL_MAX_ARGS},
        {"join", call_join, 2, 2},
        {"json", call_json, 1, 1},
        {"le", call_le, 2, 2},
        {"len", call_len, 1, 1},
        {"lower", call_lower, 1, 1},
        {"lt", call_lt, 2, 2},
        {"ne", call_ne, 2, 2},
        {"not", call_not, 1, 1},
        {"or", call_or, 1, JSON_TPL_MAX_ARGS},
        {"pad", call_pad, 3, 3},
        {"print", call_print, 0, JSON_TPL_MAX_ARGS},
        {"printf", call_printf, 1, JSON_TPL_MAX_ARGS},
        {"println", call_println, 0, JSON_TPL_MAX_ARGS},
        {"split", call_split, 2, 2},
        {"title", call_title, 1, 1},
        {"trim", call_trim, 1, 1},
        {"truncate", call_truncate, 2, 2},
        {"upper", call_upper, 1, 1},
    };
    for (size_t i = 0; i < ST_COUNT(table); i++) {
        if (st_strlen(table[i].name) == length && st_starts_with(name, table[i].name)) {
            return &table[i];
        }
    }
    return NULL;
}
