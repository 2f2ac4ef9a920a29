/*
 * The arena of a JSON document and the look-ups in its tree: see json_doc.h. The parser is in
 * json_parse.c.
 */
#include "json/json_doc.h"

#include <stdlib.h>

#include "base/arith.h"
#include "base/str.h"
#include "json/json_doc_priv.h"
#include "json/json_utf8_priv.h"

#define FIRST_CHUNK (8u << 10)
#define NEXT_CHUNK (32u << 10)

struct json_chunk {
    struct json_chunk *next;
    size_t used;
    size_t size;
    _Alignas(16) char bytes[];
};

struct json_doc *json_doc_create(size_t text_bytes)
{
    struct json_doc *doc = malloc(sizeof(*doc) + text_bytes);
    if (doc != NULL) {
        doc->chunks = NULL;
        doc->root = NULL;
    }
    return doc;
}

struct json_doc *json_doc_new(void)
{
    return json_doc_create(1);
}

struct json_doc *json_doc_free(struct json_doc *doc)
{
    if (doc != NULL) {
        for (struct json_chunk *chunk = doc->chunks; chunk != NULL;) {
            struct json_chunk *next = chunk->next;
            free(chunk);
            chunk = next;
        }
        free(doc);
    }
    return NULL;
}

const struct json_value *json_doc_root(const struct json_doc *doc)
{
    return doc->root;
}

void *json_doc_alloc(struct json_doc *doc, size_t count, size_t size)
{
    size_t bytes;
    if (st_mul_overflows(count, size, &bytes) || bytes > SIZE_MAX / 2) {
        return NULL;
    }
    bytes = ST_ALIGN_UP(bytes, 16);
    struct json_chunk *chunk = doc->chunks;
    if (chunk == NULL || chunk->size - chunk->used < bytes) {
        size_t room = ST_MAX(chunk == NULL ? FIRST_CHUNK : NEXT_CHUNK, bytes);
        chunk = calloc(1, sizeof(*chunk) + room);
        if (chunk == NULL) {
            return NULL;
        }
        chunk->size = room;
        chunk->next = doc->chunks;
        doc->chunks = chunk;
    }
    void *piece = chunk->bytes + chunk->used;
    chunk->used += bytes;
    return piece;
}

const char *json_doc_copy(struct json_doc *doc, const char *text)
{
    if (text == NULL) {
        return NULL;
    }
    size_t length = st_strlen(text);
    char *copy = json_doc_alloc(doc, length + 1, 1);
    if (copy != NULL) {
        __builtin_memcpy(copy, text, length);
    }
    return copy;
}

const struct json_value *json_member(const struct json_value *object, const char *name)
{
    const struct json_value *found = NULL;
    if (object != NULL && object->type == JSON_OBJECT) {
        for (const struct json_value *member = object->first; member; member = member->next) {
            if (st_streq(member->key, name)) {
                found = member;
            }
        }
    }
    return found;
}

const char *json_text(const struct json_value *value)
{
    return value != NULL && value->type == JSON_STRING ? value->text : NULL;
}

int json_i64(const struct json_value *value, int64_t min, int64_t max, int64_t *ret_number)
{
    if (value == NULL || value->type != JSON_NUMBER || !value->integral) {
        return -ST_ERANGE;
    }
    int64_t number;
    if (value->negative) {
        if (value->magnitude > (uint64_t)INT64_MAX + 1) {
            return -ST_ERANGE;
        }
        number = (int64_t)(0 - value->magnitude);
    } else {
        if (value->magnitude > INT64_MAX) {
            return -ST_ERANGE;
        }
        number = (int64_t)value->magnitude;
    }
    if (number < min || number > max) {
        return -ST_ERANGE;
    }
    *ret_number = number;
    return 0;
}

int json_u64(const struct json_value *value, uint64_t max, uint64_t *ret_number)
{
    if (value == NULL || value->type != JSON_NUMBER || !value->integral ||
        (value->negative && value->magnitude != 0) || value->magnitude > max) {
        return -ST_ERANGE;
    }
    *ret_number = value->magnitude;
    return 0;
}

const char *json_type_name(enum json_type type)
{
    switch (type) {
    case JSON_NULL:
        return "null";
    case JSON_BOOL:
        return "true or false";
    case JSON_NUMBER:
        return "a number";
    case JSON_STRING:
        return "a string";
    case JSON_ARRAY:
        return "an array";
    case JSON_OBJECT:
        return "an object";
    }
    return "?";
}

size_t json_utf8_length(const unsigned char *p, size_t left)
{
    size_t length;
    if (p[0] < 0x80) {
        return 1;
    }
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        length = 2;
    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        length = 3;
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        length = 4;
    } else {
        return 0;
    }
    if (left < length) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)) {
        return 0;
    }
    return length;
}
