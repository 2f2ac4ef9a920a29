/* Writing JSON: see json_write.h. */
#include "json/json_write.h"

#include "base/assert.h"
#include "base/str.h"
#include "json/json_doc.h"
#include "json/json_utf8_priv.h"

static void new_line(struct json_writer *w)
{
    if (w->indent > 0) {
        st_buf_char(w->to, '\n');
        for (unsigned i = 0; i < w->indent * w->depth; i++) {
            st_buf_char(w->to, ' ');
        }
    }
}

/* What stands between the item before and the next one. */
static void before_item(struct json_writer *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (w->begun) {
        st_buf_char(w->to, ',');
    }
    w->begun = true;
    if (w->depth > 0) {
        new_line(w);
    }
}

static void open_collection(struct json_writer *w, char opener, char closer)
{
    ST_CHECK(w->depth < JSON_WRITE_DEPTH);
    before_item(w);
    st_buf_char(w->to, opener);
    w->closers[w->depth++] = closer;
    w->begun = false;
}

void json_write_object(struct json_writer *w)
{
    open_collection(w, '{', '}');
}

void json_write_array(struct json_writer *w)
{
    open_collection(w, '[', ']');
}

void json_write_end(struct json_writer *w)
{
    ST_CHECK(w->depth > 0);
    w->depth--;
    if (w->begun) {
        new_line(w);
    }
    st_buf_char(w->to, w->closers[w->depth]);
    w->begun = true;
}

void json_write_key(struct json_writer *w, const char *key)
{
    before_item(w);
    json_write_quoted(w->to, key);
    st_buf_text(w->to, w->indent > 0 ? ": " : ":");
    w->after_key = true;
}

static void quote_one(struct st_buf *to, unsigned char c)
{
    static const char from[] = "\"\\\b\f\n\r\t";
    static const char into[] = "\"\\bfnrt";
    for (size_t i = 0; i < sizeof(from) - 1; i++) {
        if (from[i] == (char)c) {
            const char pair[2] = {'\\', into[i]};
            st_buf_append(to, pair, 2);
            return;
        }
    }
    st_buf_printf(to, "\\u%04x", c);
}

void json_write_quoted(struct st_buf *to, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    const unsigned char *end = p + st_strlen(text);
    const unsigned char *plain = p; /* what is copied as it is begins here */
    st_buf_char(to, '"');
    while (p < end) {
        size_t n = 1;
        if (*p >= 0x80) {
            n = json_utf8_length(p, (size_t)(end - p));
        } else if (*p < 0x20 || *p == '"' || *p == '\\' || *p == 0x7f) {
            n = 0;
        }
        if (n > 0) {
            p += n;
            continue;
        }
        st_buf_append(to, plain, (size_t)(p - plain));
        if (*p >= 0x80) {
            st_buf_text(to, "\xef\xbf\xbd");
        } else {
            quote_one(to, *p);
        }
        plain = ++p;
    }
    st_buf_append(to, plain, (size_t)(p - plain));
    st_buf_char(to, '"');
}

void json_write_string(struct json_writer *w, const char *text)
{
    if (text == NULL) {
        json_write_null(w);
        return;
    }
    before_item(w);
    json_write_quoted(w->to, text);
}

void json_write_raw(struct json_writer *w, const char *json)
{
    before_item(w);
    st_buf_text(w->to, json);
}

void json_write_bool(struct json_writer *w, bool truth)
{
    json_write_raw(w, truth ? "true" : "false");
}

void json_write_null(struct json_writer *w)
{
    json_write_raw(w, "null");
}

void json_write_i64(struct json_writer *w, int64_t number)
{
    before_item(w);
    st_buf_printf(w->to, "%lld", (long long)number);
}

void json_write_u64(struct json_writer *w, uint64_t number)
{
    before_item(w);
    st_buf_printf(w->to, "%llu", (unsigned long long)number);
}

void json_write_value(struct json_writer *w, const struct json_value *value)
{
    switch (value->type) {
    case JSON_NULL:
        json_write_null(w);
        break;
    case JSON_BOOL:
        json_write_bool(w, value->truth);
        break;
    case JSON_NUMBER:
        before_item(w);
        st_buf_append(w->to, value->text, value->count);
        break;
    case JSON_STRING:
        json_write_string(w, value->text);
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        if (value->type == JSON_OBJECT) {
            json_write_object(w);
        } else {
            json_write_array(w);
        }
        for (const struct json_value *item = value->first; item != NULL; item = item->next) {
            if (item->key != NULL) {
                json_write_key(w, item->key);
            }
            json_write_value(w, item);
        }
        json_write_end(w);
        break;
    }
}

void json_write_key_string(struct json_writer *w, const char *key, const char *text)
{
    json_write_key(w, key);
    json_write_string(w, text);
}

void json_write_key_bool(struct json_writer *w, const char *key, bool truth)
{
    json_write_key(w, key);
    json_write_bool(w, truth);
}

void json_write_key_i64(struct json_writer *w, const char *key, int64_t number)
{
    json_write_key(w, key);
    json_write_i64(w, number);
}

void json_write_key_u64(struct json_writer *w, const char *key, uint64_t number)
{
    json_write_key(w, key);
    json_write_u64(w, number);
}
