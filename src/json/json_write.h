/*
 * Writing JSON, keys in the order given:
 *
 *     struct json_writer w = {.to = &buf, .indent = 4};
 *     json_write_object(&w);
 *     json_write_key(&w, "id");
 *     json_write_string(&w, id);
 *     json_write_end(&w);
 *
 * Failures stick to the buffer (st_buf_status); the functions return nothing. Unbalanced calls are
 * a bug of the caller. Nesting is at most JSON_WRITE_DEPTH. Not thread-safe.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct json_value;

#define JSON_WRITE_DEPTH 128

struct json_writer {
    struct st_buf *to;
    unsigned indent; /* spaces a level; 0: everything on one line, without spaces */
    /* The rest is private and begins as zeros. */
    unsigned depth;
    bool begun;     /* the open collection has an item */
    bool after_key; /* a member's value comes next */
    char closers[JSON_WRITE_DEPTH];
};

void json_write_object(struct json_writer *w);
void json_write_array(struct json_writer *w);
/* Ends the innermost open object or array. */
void json_write_end(struct json_writer *w);

void json_write_key(struct json_writer *w, const char *key);

/* NULL is written as null; bytes that are not UTF-8 become U+FFFD. */
void json_write_string(struct json_writer *w, const char *text);
void json_write_bool(struct json_writer *w, bool truth);
void json_write_i64(struct json_writer *w, int64_t number);
void json_write_u64(struct json_writer *w, uint64_t number);
void json_write_null(struct json_writer *w);
void json_write_value(struct json_writer *w, const struct json_value *value);
/* Text that is JSON already, as one value. */
void json_write_raw(struct json_writer *w, const char *json);

/* Key and value in one call. */
void json_write_key_string(struct json_writer *w, const char *key, const char *text);
void json_write_key_bool(struct json_writer *w, const char *key, bool truth);
void json_write_key_i64(struct json_writer *w, const char *key, int64_t number);
void json_write_key_u64(struct json_writer *w, const char *key, uint64_t number);

/* Appends text as a JSON string with its quotes. */
void json_write_quoted(struct st_buf *to, const char *text);
