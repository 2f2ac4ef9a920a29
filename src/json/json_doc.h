/*
 * JSON documents: bounded text in, a read-only tree out.
 *
 * A document is one arena: the text (copied once, strings unescaped in place), the tree and,
 * through json_doc_alloc, whatever a reader derives from it. json_doc_free ends all of it at once.
 * Numbers keep all 64 bits, signed and unsigned (OCI's rlimits and seccomp arguments need both). Of
 * members with the same name the last one wins, as in Go. Strings are strict UTF-8 without U+0000.
 * Not thread-safe while parsing or allocating; a tree may be read by any number of threads.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum json_type {
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

/* Fields are for reading only. */
struct json_value {
    enum json_type type;
    bool truth;       /* of a JSON_BOOL */
    bool integral;    /* a JSON_NUMBER without fraction and exponent that fits 64 bits */
    bool negative;    /* the number's sign; magnitude holds the absolute value */
    uint32_t count;   /* elements or members; bytes of a string or of a number's text */
    const char *key;  /* of a member of an object, else NULL */
    const char *text; /* JSON_STRING: ends with a zero; JSON_NUMBER: as written, ends nowhere */
    union {
        uint64_t magnitude;             /* of a JSON_NUMBER that is integral */
        const struct json_value *first; /* of an array or object */
    };
    const struct json_value *next; /* the sibling */
};

struct json_doc;

struct json_pair { /* one member of a map of strings */
    const char *key;
    const char *value;
};

struct json_limits {
    size_t max_bytes;   /* at most UINT32_MAX / 2 */
    unsigned max_depth; /* below JSON_WRITE_DEPTH where the tree is written again */
};

/* Parses the whole text. Returns 0; -ST_ELIMIT for too much text or depth, -ST_EINVAL for what is
 * not JSON (err says line and column), -ST_ENOMEM. */
int json_parse(const char *text, size_t length, const struct json_limits *limits,
               struct json_doc **ret_doc, struct st_err *err);

/* A document without a tree, for what is built by hand. NULL when out of memory. */
struct json_doc *json_doc_new(void);

/* Returns NULL; takes NULL. */
struct json_doc *json_doc_free(struct json_doc *doc);

/* NULL only for a document of json_doc_new. */
const struct json_value *json_doc_root(const struct json_doc *doc);

/* Zeroed memory, aligned for any type, that lives as long as the document. NULL: out of memory. */
void *json_doc_alloc(struct json_doc *doc, size_t count, size_t size);

/* A copy of text in the document; NULL: out of memory (or text was NULL). */
const char *json_doc_copy(struct json_doc *doc, const char *text);

/* The member of an object, NULL if it has none of that name, is null or no object. */
const struct json_value *json_member(const struct json_value *object, const char *name);

/* The text of a string value, NULL for NULL and for every other type. */
const char *json_text(const struct json_value *value);

/* The value as a 64-bit number: 0, or -ST_ERANGE when it is no whole number in the range. */
int json_i64(const struct json_value *value, int64_t min, int64_t max, int64_t *ret_number);
int json_u64(const struct json_value *value, uint64_t max, uint64_t *ret_number);

/* "a string", "a number" ...: for messages. */
const char *json_type_name(enum json_type type);
