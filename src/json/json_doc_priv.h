/* What the parser knows of a document beyond json_doc.h. */
#pragma once

#include "json/json_doc.h"

struct json_chunk;

struct json_doc {
    struct json_chunk *chunks; /* newest first */
    const struct json_value *root;
    char text[]; /* the parser's copy, changed by unescaping */
};

/* A document with room for text_bytes; NULL when out of memory. */
struct json_doc *json_doc_create(size_t text_bytes);
