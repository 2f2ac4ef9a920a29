/* Any bytes as config.json: what is accepted must be written, read again and be the same. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/heap.h"
#include "base/str.h"
#include "spec/spec_runtime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spec_runtime *config = NULL;
    struct spec_runtime *again = NULL;
    struct st_err err = {0};
    st_auto(buf) struct st_buf first = ST_BUF_HEAP(64u << 20);
    st_auto(buf) struct st_buf second = ST_BUF_HEAP(64u << 20);
    if (spec_runtime_parse((const char *)data, size, &config, &err) < 0) {
        return 0;
    }
    ST_CHECK(spec_runtime_write(config, 2, &first) == 0);
    ST_CHECK(spec_runtime_parse(first.data, first.length, &again, &err) == 0);
    ST_CHECK(spec_runtime_write(again, 2, &second) == 0);
    ST_CHECK(st_streq(first.data, second.data));
    spec_runtime_free(config);
    spec_runtime_free(again);
    return 0;
}
