/* Records of the guest's agent: see fmt_agent.h. */
#include "format/fmt_agent.h"

#include "base/str.h"

/* The most that a record's payload may be; 0: the type does not exist (a type without payload has
 * 1). */
static uint32_t limit_of(uint32_t type)
{
    switch (type) {
    case FMT_AGENT_READY:
    case FMT_AGENT_FAILED:
        return 4096;
    case FMT_AGENT_DONE:
    case FMT_AGENT_POWER_OFF:
        return 1;
    case FMT_AGENT_STARTED:
    case FMT_AGENT_EXIT:
    case FMT_AGENT_WINDOW:
    case FMT_AGENT_SIGNAL:
    case FMT_AGENT_RESIZE:
        return 4;
    case FMT_AGENT_OUT:
    case FMT_AGENT_ERR:
    case FMT_AGENT_IN:
        return FMT_AGENT_DATA_MAX;
    case FMT_AGENT_SETUP:
    case FMT_AGENT_START:
        return FMT_AGENT_PAYLOAD_MAX;
    default:
        return 0;
    }
}

static uint32_t get_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static void put_u32(uint8_t *bytes, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

int64_t fmt_agent_parse(const uint8_t *bytes, size_t size, struct fmt_agent_record *ret_record)
{
    uint32_t payload;
    uint32_t type;

    if (size < FMT_AGENT_HEAD_BYTES) {
        return 0;
    }
    payload = get_u32(bytes);
    type = (uint32_t)bytes[4] | (uint32_t)bytes[5] << 8;
    if (limit_of(type) == 0 || bytes[6] != 0 || bytes[7] != 0) {
        return -ST_EINVAL;
    }
    if (payload > limit_of(type)) {
        return -ST_E2BIG;
    }
    if (size - FMT_AGENT_HEAD_BYTES < payload) {
        return 0;
    }
    *ret_record = (struct fmt_agent_record){.type = (enum fmt_agent_type)type,
                                            .payload = bytes + FMT_AGENT_HEAD_BYTES,
                                            .size = payload};
    return (int64_t)payload + FMT_AGENT_HEAD_BYTES;
}

int fmt_agent_write(struct st_buf *to, enum fmt_agent_type type, const void *payload, size_t size)
{
    uint8_t head[FMT_AGENT_HEAD_BYTES] = {0};

    if (size > limit_of(type)) {
        return -ST_E2BIG;
    }
    put_u32(head, (uint32_t)size);
    head[4] = (uint8_t)type;
    head[5] = (uint8_t)((unsigned)type >> 8);
    (void)st_buf_append(to, head, sizeof head);
    return st_buf_append(to, payload, size);
}

int fmt_agent_write_u32(struct st_buf *to, enum fmt_agent_type type, uint32_t value)
{
    uint8_t payload[4];

    put_u32(payload, value);
    return fmt_agent_write(to, type, payload, sizeof payload);
}

uint32_t fmt_agent_u32(const struct fmt_agent_record *record)
{
    return record->size < 4 ? 0 : get_u32(record->payload);
}

bool fmt_agent_next_setting(const struct fmt_agent_record *record, uint32_t *at,
                            const char **ret_key, size_t *ret_key_length, const char **ret_value)
{
    const char *text = (const char *)record->payload + *at;
    size_t left = record->size - *at;
    size_t key = 0;
    size_t end;

    while (key < left && text[key] != '=' && text[key] != '\0') {
        key++;
    }
    if (key == 0 || key == left || text[key] != '=') {
        return false;
    }
    for (end = key; end < left && text[end] != '\0'; end++) {
    }
    if (end == left) {
        return false;
    }
    *ret_key = text;
    *ret_key_length = key;
    *ret_value = text + key + 1;
    *at += (uint32_t)end + 1;
    return true;
}

int fmt_agent_add_setting(struct st_buf *payload, const char *key, const char *value)
{
    (void)st_buf_text(payload, key);
    (void)st_buf_char(payload, '=');
    return st_buf_append(payload, value, st_strlen(value) + 1);
}
