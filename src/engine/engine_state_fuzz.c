/* Feeds arbitrary bytes to the readers of an instance's files: config, and state and exit. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "engine/engine_priv.h"
#include "engine/monitor/mon_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(16 << 20);
    struct engine_config *config = NULL;
    struct engine_state state = {0};
    struct mon_config orders;
    uint64_t start;
    struct st_err err;

    if (engine_config_parse((const char *)bytes, size, &config, &err) == 0) {
        /* What was read must be readable again when it is written. */
        struct engine_config *again = NULL;
        ST_CHECK(engine_config_write(config, &text) == 0);
        ST_CHECK(engine_config_parse(text.data, text.length, &again, &err) == 0);
        engine_config_free(again);
        engine_config_free(config);
    }
    (void)engine_state_parse((const char *)bytes, size, &state, &start, &err);
    char *copy = malloc(size + 1);
    if (copy != NULL) {
        memcpy(copy, bytes, size);
        copy[size] = 0;
        (void)mon_config_parse(copy, size, &orders);
        free(copy);
    }
    return 0;
}
