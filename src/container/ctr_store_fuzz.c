/* Feeds arbitrary bytes to the reader of state files. */
#include <stddef.h>
#include <stdint.h>

#include "container/ctr_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct ctr_record record;
    struct st_err err;
    if (ctr_record_read((const char *)bytes, size, &record, &err) == 0) {
        ctr_record_done(&record);
    }
    return 0;
}
