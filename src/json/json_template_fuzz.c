/* Any bytes as a template, run over a value that has one of everything. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/heap.h"
#include "base/str.h"
#include "json/json_template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char root[] = "{\"A\":{\"B\":[1,-2,\"x\",null,true],\"C\":1.5},\"S\":\"text\","
                               "\"M\":{\"k\":\"v\",\"j\":\"w\"},\"N\":null,\"L\":[\"a\",\"b\"]}";
    static const struct json_limits limits = {.max_bytes = 4096, .max_depth = 16};
    struct st_err err = {0};
    struct json_doc *doc = NULL;
    struct json_template *template = NULL;
    st_auto(buf) struct st_buf out = ST_BUF_HEAP(1u << 20);
    st_auto(free) char *text = malloc(size + 1);
    if (text == NULL) {
        return 0;
    }
    if (size > 0) {
        __builtin_memcpy(text, data, size);
    }
    text[size] = '\0';
    ST_CHECK(json_parse(root, sizeof(root) - 1, &limits, &doc, NULL) == 0);
    if (json_template_new(text, &template, &err) == 0) {
        json_template_run(template, json_doc_root(doc), &out, &err);
    }
    json_template_free(template);
    json_doc_free(doc);
    return 0;
}
