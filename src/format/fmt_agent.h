/*
 * Records between a virtual machine's hypervisor process and the agent in its guest
 * (docs/vm-agent.md): a head of eight bytes and a payload. Each side takes what the other sends as
 * hostile. Pure.
 *
 *     size   u32  bytes of payload, at most FMT_AGENT_PAYLOAD_MAX
 *     type   u16  enum fmt_agent_type
 *     zero   u16
 *
 * Values are little-endian. A payload of settings is a run of texts "key=value", each ended by a
 * zero.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

enum {
    FMT_AGENT_VERSION = 1,
    FMT_AGENT_HEAD_BYTES = 8,
    FMT_AGENT_PAYLOAD_MAX = 1 << 20,
    FMT_AGENT_DATA_MAX = 32 << 10, /* of IN, OUT and ERR */
    FMT_AGENT_PORT = 1,            /* vsock port on both sides */
};

enum fmt_agent_type {
    /* By the guest. */
    FMT_AGENT_READY = 1, /* settings: version */
    FMT_AGENT_DONE = 2,  /* what was asked for is done */
    FMT_AGENT_FAILED =
        3, /* it could not be done; payload: u32 exit code that a shell would give, text */
    FMT_AGENT_STARTED = 4, /* the process runs; u32 pid */
    FMT_AGENT_OUT = 5,     /* bytes of its standard output or terminal; none: it is closed */
    FMT_AGENT_ERR = 6,     /* bytes of its standard error; none: it is closed */
    FMT_AGENT_EXIT = 7,    /* u32 exit code as a shell tells it; the last record */
    FMT_AGENT_WINDOW = 8,  /* u32: so many more bytes of IN may be sent */
    /* By the host. */
    FMT_AGENT_SETUP = 16,     /* settings of the machine */
    FMT_AGENT_START = 17,     /* settings of a process */
    FMT_AGENT_IN = 18,        /* bytes for its standard input or terminal; none: it ends */
    FMT_AGENT_SIGNAL = 19,    /* u32 */
    FMT_AGENT_RESIZE = 20,    /* u16 rows, u16 columns */
    FMT_AGENT_POWER_OFF = 21, /* stop everything in good order */
};

struct fmt_agent_record {
    enum fmt_agent_type type;
    const uint8_t *payload; /* in the parsed bytes */
    uint32_t size;
};

/* Looks at the beginning of `bytes`. Returns the record's whole length and fills *ret_record in; 0:
 * not all of it is there yet; -ST_EINVAL: a type that does not exist, or not zero where zero
 * belongs; -ST_E2BIG: a payload above the limit of its type. */
int64_t fmt_agent_parse(const uint8_t *bytes, size_t size, struct fmt_agent_record *ret_record);

/* Appends a record. 0; -ST_E2BIG; or the buffer's failure. */
int fmt_agent_write(struct st_buf *to, enum fmt_agent_type type, const void *payload, size_t size);

/* Appends a record whose payload is one number, or two of 16 bits. */
int fmt_agent_write_u32(struct st_buf *to, enum fmt_agent_type type, uint32_t value);

/* The u32 at the payload's start; 0 when it is shorter. */
uint32_t fmt_agent_u32(const struct fmt_agent_record *record);

/* Goes through a payload of settings: *at begins at 0. false: there are no more, or what is left is
 * none. */
bool fmt_agent_next_setting(const struct fmt_agent_record *record, uint32_t *at,
                            const char **ret_key, size_t *ret_key_length, const char **ret_value);

/* Appends a setting to a payload under construction. key has no '='. */
int fmt_agent_add_setting(struct st_buf *payload, const char *key, const char *value);
