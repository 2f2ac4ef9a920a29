/* Any bytes, as a kernel module: what is found lies within the file and ends. */
#include <stdint.h>

#include "base/assert.h"
#include "base/str.h"
#include "format/fmt_modinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fmt_modinfo info;

    if (fmt_modinfo_parse(data, size, &info) < 0) {
        return 0;
    }
    const char *value = fmt_modinfo_get(&info, "depends");
    if (value != NULL) {
        ST_CHECK(value >= (const char *)data &&
                 value + st_strlen(value) < (const char *)data + size);
    }
    return 0;
}
