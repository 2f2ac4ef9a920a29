/* Reading and writing structs by binding tables: see json_bind.h. */
#include "json/json_bind.h"

#include "base/heap.h"
#include "base/str.h"

/* Where the reader stands, for messages: a chain of frames on the C stack. */
struct place {
    const struct place *up;
    const char *name; /* NULL: an element of a list */
    size_t index;
};

struct reader {
    struct json_doc *doc;
    struct st_err *err;
};

static void render(const struct place *at, struct st_buf *to)
{
    if (at->up != NULL) {
        render(at->up, to);
    }
    if (at->name == NULL) {
        st_buf_printf(to, "[%zu]", at->index);
    } else if (at->name[0] != '\0') {
        st_buf_printf(to, "%s%s", to->length > 0 ? "." : "", at->name);
    }
}

/* A fixed piece of stack instead of the heap: a message must not fail. */
static void *no_growth(void *old, size_t size)
{
    (void)size;
    return old;
}

static void no_release(void *old)
{
    (void)old;
}

static const char *path_text(const struct place *at, char *bytes, size_t size)
{
    struct st_buf to = {.data = bytes,
                        .capacity = size,
                        .max = size - 1,
                        .resize = no_growth,
                        .release = no_release};
    bytes[0] = '\0';
    render(at, &to);
    return bytes[0] != '\0' ? bytes : "the document";
}

static int wrong(const struct reader *s, const struct place *at, const struct json_value *value,
                 const char *wanted)
{
    char bytes[400];
    const char *path = path_text(at, bytes, sizeof(bytes));
    if (value->type == JSON_STRING) {
        return st_fail(s->err, ST_EINVAL, "%s: \"%.60s\" is not %s", path, value->text, wanted);
    }
    if (value->type == JSON_NUMBER) {
        return st_fail(s->err, ST_EINVAL, "%s: %.*s is not %s", path,
                       (int)ST_MIN(value->count, 40u), value->text, wanted);
    }
    return st_fail(s->err, ST_EINVAL, "%s: %s is not %s", path, json_type_name(value->type),
                   wanted);
}

static int no_memory(const struct reader *s)
{
    return st_fail(s->err, ST_ENOMEM, "out of memory");
}

static int read_struct(const struct reader *s, const struct place *at,
                       const struct json_table *table, const struct json_value *value, void *to);

static int read_i64(const struct reader *s, const struct place *at, const struct json_value *value,
                    int64_t min, int64_t max, int64_t *ret_number)
{
    if (json_i64(value, min, max, ret_number) == 0) {
        return 0;
    }
    return wrong(s, at, value, value->type == JSON_NUMBER ? "a whole number in range" : "a number");
}

static int read_u64(const struct reader *s, const struct place *at, const struct json_value *value,
                    uint64_t max, uint64_t *ret_number)
{
    if (json_u64(value, max, ret_number) == 0) {
        return 0;
    }
    return wrong(s, at, value, value->type == JSON_NUMBER ? "a whole number in range" : "a number");
}

static int read_number(const struct reader *s, const struct place *at,
                       const struct json_field *field, const struct json_value *value, void *to)
{
    int64_t i = 0;
    uint64_t u = 0;
    int r = 0;
    switch ((enum json_kind)field->kind) {
    case JSON_KIND_I32:
        r = read_i64(s, at, value, INT32_MIN, INT32_MAX, &i);
        *(int32_t *)to = (int32_t)i;
        return r;
    case JSON_KIND_I64:
        r = read_i64(s, at, value, INT64_MIN, INT64_MAX, &i);
        *(int64_t *)to = i;
        return r;
    case JSON_KIND_U16:
        r = read_u64(s, at, value, UINT16_MAX, &u);
        *(uint16_t *)to = (uint16_t)u;
        return r;
    case JSON_KIND_U32:
        r = read_u64(s, at, value, UINT32_MAX, &u);
        *(uint32_t *)to = (uint32_t)u;
        return r;
    default:
        r = read_u64(s, at, value, UINT64_MAX, &u);
        *(uint64_t *)to = u;
        return r;
    }
}

static int read_name(const struct reader *s, const struct place *at, const struct json_names *names,
                     const struct json_value *value, void *to)
{
    char path[400];
    if (value->type != JSON_STRING) {
        return wrong(s, at, value, "a string");
    }
    for (size_t i = 0; i < names->count; i++) {
        if (names->names[i] != NULL && st_streq(names->names[i], value->text)) {
            *(unsigned *)to = (unsigned)i;
            return 0;
        }
    }
    return st_fail(s->err, ST_EINVAL, "%s: unknown %s \"%.60s\"", path_text(at, path, sizeof(path)),
                   names->what, value->text);
}

/* Strings of an array, or the names of an object's members. */
static int read_strings(const struct reader *s, const struct place *at,
                        const struct json_value *value, bool keys, void *to, size_t *ret_count)
{
    if (value->type != (keys ? JSON_OBJECT : JSON_ARRAY)) {
        return wrong(s, at, value, keys ? "an object" : "an array");
    }
    const char **list = json_doc_alloc(s->doc, (size_t)value->count + 1, sizeof(*list));
    if (list == NULL) {
        return no_memory(s);
    }
    size_t i = 0;
    for (const struct json_value *item = value->first; item != NULL; item = item->next, i++) {
        const struct place here = {.up = at, .index = i};
        if (!keys && item->type != JSON_STRING) {
            return wrong(s, &here, item, "a string");
        }
        list[i] = keys ? item->key : item->text;
    }
    *(const char ***)to = list;
    *ret_count = i;
    return 0;
}

static int read_u32s(const struct reader *s, const struct place *at, const struct json_value *value,
                     void *to, size_t *ret_count)
{
    if (value->type != JSON_ARRAY) {
        return wrong(s, at, value, "an array");
    }
    uint32_t *list = json_doc_alloc(s->doc, (size_t)value->count + 1, sizeof(*list));
    if (list == NULL) {
        return no_memory(s);
    }
    size_t i = 0;
    for (const struct json_value *item = value->first; item != NULL; item = item->next, i++) {
        const struct place here = {.up = at, .index = i};
        uint64_t number = 0;
        int r = read_u64(s, &here, item, UINT32_MAX, &number);
        if (r < 0) {
            return r;
        }
        list[i] = (uint32_t)number;
    }
    *(uint32_t **)to = list;
    *ret_count = i;
    return 0;
}

static int read_pairs(const struct reader *s, const struct place *at,
                      const struct json_value *value, void *to, size_t *ret_count)
{
    if (value->type != JSON_OBJECT) {
        return wrong(s, at, value, "an object");
    }
    struct json_pair *pairs = json_doc_alloc(s->doc, (size_t)value->count + 1, sizeof(*pairs));
    if (pairs == NULL) {
        return no_memory(s);
    }
    size_t i = 0;
    for (const struct json_value *item = value->first; item != NULL; item = item->next, i++) {
        const struct place here = {.up = at, .name = item->key};
        if (item->type != JSON_STRING && item->type != JSON_NULL) {
            return wrong(s, &here, item, "a string");
        }
        pairs[i].key = item->key;
        pairs[i].value = item->type == JSON_STRING ? item->text : "";
    }
    *(struct json_pair **)to = pairs;
    *ret_count = i;
    return 0;
}

/* The elements of an array, or with map the members of an object. */
static int read_structs(const struct reader *s, const struct place *at,
                        const struct json_field *field, const struct json_value *value, void *to,
                        size_t *ret_count)
{
    const struct json_table *table = field->sub;
    bool map = field->kind == JSON_KIND_MAP;
    if (value->type != (map ? JSON_OBJECT : JSON_ARRAY)) {
        return wrong(s, at, value, map ? "an object" : "an array");
    }
    char *list = json_doc_alloc(s->doc, (size_t)value->count + 1, table->size);
    if (list == NULL) {
        return no_memory(s);
    }
    size_t i = 0;
    for (const struct json_value *item = value->first; item != NULL; item = item->next, i++) {
        const struct place here = {.up = at, .name = item->key, .index = i};
        char *element = list + i * table->size;
        if (map) {
            *(const char **)(void *)element = item->key;
        }
        int r = item->type == JSON_NULL ? 0 : read_struct(s, &here, table, item, element);
        if (r < 0) {
            return r;
        }
    }
    *(void **)to = list;
    *ret_count = i;
    return 0;
}

static int read_pointer(const struct reader *s, const struct place *at,
                        const struct json_table *table, const struct json_value *value, void **to)
{
    void *one = json_doc_alloc(s->doc, 1, table->size);
    if (one == NULL) {
        return no_memory(s);
    }
    int r = read_struct(s, at, table, value, one);
    if (r == 0) {
        *to = one;
    }
    return r;
}

static int read_field(const struct reader *s, const struct place *at,
                      const struct json_field *field, const struct json_value *value, char *base)
{
    void *to = base + field->offset;
    size_t *count = (size_t *)(void *)(base + field->aux);
    switch ((enum json_kind)field->kind) {
    case JSON_KIND_STRING:
        if (value->type != JSON_STRING) {
            return wrong(s, at, value, "a string");
        }
        *(const char **)to = value->text;
        return 0;
    case JSON_KIND_BOOL:
        if (value->type != JSON_BOOL) {
            return wrong(s, at, value, "true or false");
        }
        *(bool *)to = value->truth;
        return 0;
    case JSON_KIND_I32:
    case JSON_KIND_U16:
    case JSON_KIND_U32:
    case JSON_KIND_I64:
    case JSON_KIND_U64:
        return read_number(s, at, field, value, to);
    case JSON_KIND_ENUM:
        return read_name(s, at, field->sub, value, to);
    case JSON_KIND_STRINGS:
    case JSON_KIND_KEYS:
        return read_strings(s, at, value, field->kind == JSON_KIND_KEYS, to, count);
    case JSON_KIND_U32S:
        return read_u32s(s, at, value, to, count);
    case JSON_KIND_PAIRS:
        return read_pairs(s, at, value, to, count);
    case JSON_KIND_STRUCT:
        return read_pointer(s, at, field->sub, value, to);
    case JSON_KIND_EMBED:
        return read_struct(s, at, field->sub, value, to);
    case JSON_KIND_STRUCTS:
    case JSON_KIND_MAP:
        return read_structs(s, at, field, value, to, count);
    case JSON_KIND_RAW:
        *(const struct json_value **)to = value;
        return 0;
    }
    return 0;
}

static int read_struct(const struct reader *s, const struct place *at,
                       const struct json_table *table, const struct json_value *value, void *to)
{
    if (value->type != JSON_OBJECT) {
        return wrong(s, at, value, "an object");
    }
    for (const struct json_value *member = value->first; member != NULL; member = member->next) {
        for (size_t i = 0; i < table->count; i++) {
            const struct json_field *field = &table->fields[i];
            if (field->name[0] != member->key[0] || !st_streq(field->name, member->key)) {
                continue;
            }
            const struct place here = {.up = at, .name = field->name};
            int r = member->type == JSON_NULL ? 0 : read_field(s, &here, field, member, to);
            if (r < 0) {
                return r;
            }
            if ((field->flags & JSON_HAS) != 0) {
                *(bool *)((char *)to + field->aux) = member->type != JSON_NULL;
            }
            break;
        }
    }
    return 0;
}

int json_bind_read(const struct json_table *table, struct json_doc *doc,
                   const struct json_value *value, void *ret_struct, struct st_err *err)
{
    const struct reader s = {.doc = doc, .err = err};
    const struct place root = {.name = ""};
    return read_struct(&s, &root, table, value, ret_struct);
}

static inline void st_cleanup_doc(struct json_doc **doc)
{
    json_doc_free(*doc);
}

int json_bind_parse(const struct json_table *table, const char *text, size_t length,
                    const struct json_limits *limits, void **ret_struct, struct json_doc **ret_doc,
                    struct st_err *err)
{
    st_auto(doc) struct json_doc *doc = NULL;
    int r = json_parse(text, length, limits, &doc, err);
    if (r < 0) {
        return r;
    }
    void *one = json_doc_alloc(doc, 1, table->size);
    if (one == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    r = json_bind_read(table, doc, json_doc_root(doc), one, err);
    if (r < 0) {
        return r;
    }
    *ret_struct = one;
    *ret_doc = st_take(doc);
    return 0;
}

static bool present(const struct json_field *field, const char *base)
{
    const void *at = base + field->offset;
    if ((field->flags & JSON_HAS) != 0) {
        return *(const bool *)(base + field->aux);
    }
    if ((field->flags & JSON_KEEP) != 0) {
        return true;
    }
    switch ((enum json_kind)field->kind) {
    case JSON_KIND_BOOL:
        return *(const bool *)at;
    case JSON_KIND_U16:
        return *(const uint16_t *)at != 0;
    case JSON_KIND_I32:
    case JSON_KIND_U32:
        return *(const uint32_t *)at != 0;
    case JSON_KIND_I64:
    case JSON_KIND_U64:
        return *(const uint64_t *)at != 0;
    case JSON_KIND_ENUM:
    case JSON_KIND_EMBED:
        return true;
    case JSON_KIND_STRING:
    case JSON_KIND_STRINGS:
    case JSON_KIND_KEYS:
    case JSON_KIND_U32S:
    case JSON_KIND_PAIRS:
    case JSON_KIND_STRUCT:
    case JSON_KIND_STRUCTS:
    case JSON_KIND_MAP:
    case JSON_KIND_RAW:
        return *(void *const *)at != NULL;
    }
    return false;
}

static void write_list(const struct json_field *field, const void *at, size_t count,
                       struct json_writer *w)
{
    const struct json_table *table = field->sub;
    const char *const *strings = *(const char *const *const *)at;
    const struct json_pair *pairs = *(const struct json_pair *const *)at;
    const char *structs = *(const char *const *)at;
    bool map = field->kind == JSON_KIND_MAP;
    bool object = map || field->kind == JSON_KIND_PAIRS || field->kind == JSON_KIND_KEYS;
    (object ? json_write_object : json_write_array)(w);
    for (size_t i = 0; i < count; i++) {
        if (field->kind == JSON_KIND_PAIRS) {
            json_write_key_string(w, pairs[i].key, pairs[i].value);
        } else if (field->kind == JSON_KIND_KEYS) {
            json_write_key(w, strings[i]);
            json_write_object(w);
            json_write_end(w);
        } else if (field->kind == JSON_KIND_STRINGS) {
            json_write_string(w, strings[i]);
        } else if (field->kind == JSON_KIND_U32S) {
            json_write_u64(w, (*(const uint32_t *const *)at)[i]);
        } else {
            if (map) {
                json_write_key(w, *(const char *const *)(const void *)(structs + i * table->size));
            }
            json_bind_write(table, structs + i * table->size, w);
        }
    }
    json_write_end(w);
}

static void write_field(const struct json_field *field, const char *base, struct json_writer *w)
{
    const void *at = base + field->offset;
    const struct json_names *names = field->sub;
    switch ((enum json_kind)field->kind) {
    case JSON_KIND_STRING:
        json_write_string(w, *(const char *const *)at);
        break;
    case JSON_KIND_BOOL:
        json_write_bool(w, *(const bool *)at);
        break;
    case JSON_KIND_I32:
        json_write_i64(w, *(const int32_t *)at);
        break;
    case JSON_KIND_U16:
        json_write_u64(w, *(const uint16_t *)at);
        break;
    case JSON_KIND_U32:
        json_write_u64(w, *(const uint32_t *)at);
        break;
    case JSON_KIND_I64:
        json_write_i64(w, *(const int64_t *)at);
        break;
    case JSON_KIND_U64:
        json_write_u64(w, *(const uint64_t *)at);
        break;
    case JSON_KIND_ENUM:
        json_write_string(w, names->names[*(const unsigned *)at]);
        break;
    case JSON_KIND_STRUCT:
        json_bind_write(field->sub, *(void *const *)at, w);
        break;
    case JSON_KIND_EMBED:
        json_bind_write(field->sub, at, w);
        break;
    case JSON_KIND_RAW:
        json_write_value(w, *(const struct json_value *const *)at);
        break;
    case JSON_KIND_STRINGS:
    case JSON_KIND_KEYS:
    case JSON_KIND_U32S:
    case JSON_KIND_PAIRS:
    case JSON_KIND_STRUCTS:
    case JSON_KIND_MAP:
        write_list(field, at, *(const size_t *)(const void *)(base + field->aux), w);
        break;
    }
}

void json_bind_write(const struct json_table *table, const void *from, struct json_writer *w)
{
    json_write_object(w);
    for (size_t i = 0; i < table->count; i++) {
        if (present(&table->fields[i], from)) {
            json_write_key(w, table->fields[i].name);
            write_field(&table->fields[i], from, w);
        }
    }
    json_write_end(w);
}
