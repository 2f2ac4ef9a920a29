/* Any bytes as records: parsed and written again they are the same, and settings end where the
 * payload does. */
#include <stdlib.h>
#include <string.h>

#include "format/fmt_agent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fmt_agent_record record;
    int64_t length;

    while ((length = fmt_agent_parse(data, size, &record)) > 0) {
        struct st_buf again = ST_BUF_HEAP(2 << 20);
        const char *key, *value;
        size_t key_length;
        uint32_t at = 0;

        if (fmt_agent_write(&again, record.type, record.payload, record.size) < 0 ||
            again.length != (size_t)length || memcmp(again.data, data, again.length) != 0) {
            abort();
        }
        st_buf_done(&again);
        while (fmt_agent_next_setting(&record, &at, &key, &key_length, &value)) {
            if (strlen(value) > record.size || memchr(key, '=', key_length) != NULL) {
                abort();
            }
        }
        if (at > record.size) {
            abort();
        }
        (void)fmt_agent_u32(&record);
        data += length;
        size -= (size_t)length;
    }
    return 0;
}
