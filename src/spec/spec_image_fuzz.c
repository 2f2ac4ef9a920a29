/* Any bytes as each document of the image specification: what is accepted must be written, read
 * again and be the same. The first byte chooses the kind. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/heap.h"
#include "base/str.h"
#include "spec/spec_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROUND(kind)                                                                                \
    do {                                                                                           \
        struct spec_##kind *one = NULL;                                                            \
        struct spec_##kind *two = NULL;                                                            \
        if (spec_##kind##_parse(text, size, &one, &err) == 0) {                                    \
            ST_CHECK(spec_##kind##_write(one, 0, &first) == 0);                                    \
            ST_CHECK(spec_##kind##_parse(first.data, first.length, &two, &err) == 0);              \
            ST_CHECK(spec_##kind##_write(two, 0, &second) == 0);                                   \
            ST_CHECK(st_streq(first.data, second.data));                                           \
        }                                                                                          \
        spec_##kind##_free(one);                                                                   \
        spec_##kind##_free(two);                                                                   \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct st_err err = {0};
    st_auto(buf) struct st_buf first = ST_BUF_HEAP(64u << 20);
    st_auto(buf) struct st_buf second = ST_BUF_HEAP(64u << 20);
    if (size == 0) {
        return 0;
    }
    const char *text = (const char *)data + 1;
    size--;
    switch (data[0]) {
    case 'i':
        ROUND(index);
        break;
    case 'm':
        ROUND(manifest);
        break;
    case 'c':
        ROUND(image_config);
        break;
    case 'a':
        ROUND(archive);
        break;
    }
    return 0;
}
