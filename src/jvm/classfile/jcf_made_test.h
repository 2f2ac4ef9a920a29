/*
 * A class file put together piece by piece, for tests: constants first, then the rest, as bytes.
 */
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

struct made {
    struct st_buf pool; /* constants, without their count */
    struct st_buf rest; /* everything behind the pool */
    uint16_t constants; /* the next one's number */
    uint16_t minor, major;
};

static inline struct made made_start(uint16_t major)
{
    return (struct made){ST_BUF_HEAP(1 << 20), ST_BUF_HEAP(1 << 20), 1, 0, major};
}

static inline void put_u1(struct st_buf *to, unsigned value)
{
    st_buf_char(to, (char)value);
}

static inline void put_u2(struct st_buf *to, unsigned value)
{
    put_u1(to, value >> 8);
    put_u1(to, value & 0xFF);
}

static inline void put_u4(struct st_buf *to, uint32_t value)
{
    put_u2(to, value >> 16);
    put_u2(to, value & 0xFFFF);
}

static inline uint16_t made_utf8(struct made *m, const char *text)
{
    put_u1(&m->pool, 1);
    put_u2(&m->pool, (unsigned)strlen(text));
    st_buf_text(&m->pool, text);
    return m->constants++;
}

static inline uint16_t made_class(struct made *m, const char *name)
{
    uint16_t text = made_utf8(m, name);
    put_u1(&m->pool, 7);
    put_u2(&m->pool, text);
    return m->constants++;
}

/* A constant of two numbers: FIELD, METHOD, INTERFACE_METHOD, NAME_AND_TYPE. */
static inline uint16_t made_pair(struct made *m, unsigned tag, unsigned a, unsigned b)
{
    put_u1(&m->pool, tag);
    put_u2(&m->pool, a);
    put_u2(&m->pool, b);
    return m->constants++;
}

static inline uint16_t made_member(struct made *m, unsigned tag, const char *class,
                                   const char *name, const char *descriptor)
{
    uint16_t of = made_class(m, class);
    uint16_t text = made_utf8(m, name);
    uint16_t type = made_utf8(m, descriptor);
    return made_pair(m, tag, of, made_pair(m, 12, text, type));
}

/* All of it, in *ret_file, and frees the pieces. */
static inline void made_finish(struct made *m, struct st_buf *ret_file)
{
    *ret_file = ST_BUF_HEAP(1 << 21);
    put_u4(ret_file, 0xCAFEBABE);
    put_u2(ret_file, m->minor);
    put_u2(ret_file, m->major);
    put_u2(ret_file, m->constants);
    st_buf_append(ret_file, st_buf_string(&m->pool), m->pool.length);
    st_buf_append(ret_file, st_buf_string(&m->rest), m->rest.length);
    st_buf_done(&m->pool);
    st_buf_done(&m->rest);
}
