/* Fuzzes the jimage reader: every place of the table is read, and what is there is looked for. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "format/fmt_jimage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fmt_jimage image;
    struct st_err err;
    if (fmt_jimage_open(data, size, &image, &err) < 0) {
        return 0;
    }
    for (uint32_t place = 0; place < image.places && place < 1000; place++) {
        struct fmt_jimage_entry entry;
        int r = fmt_jimage_at(&image, place, &entry);
        if (r < 0 && r != -ST_EUNSUPPORTED) {
            continue;
        }
        ST_CHECK(r < 0 || (entry.data >= data && entry.data + entry.size <= data + size));
        struct fmt_jimage_entry found;
        (void)!fmt_jimage_find(&image, entry.module, strlen(entry.module), entry.base,
                               strlen(entry.base), &found);
        (void)fmt_jimage_module_of(&image, entry.parent, strlen(entry.parent));
    }
    return 0;
}
