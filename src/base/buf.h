/*
 * A growing byte string with a limit. The text always ends with a zero that the length does not
 * count.
 *
 *     st_auto(buf) struct st_buf text = ST_BUF_HEAP(1 << 20);
 *     r = st_buf_printf(&text, "%s=%u", key, value);
 *
 * An error sticks: after the first failure every append fails with the same code, so a run of
 * appends may be checked once, at the end, by st_buf_status. Not thread-safe.
 */
#pragma once

#include <stdarg.h>

#include "base/attr.h"

struct st_buf {
    char *data; /* NULL while nothing was appended */
    size_t length;
    size_t capacity;
    size_t max; /* the most bytes it may hold */
    int status; /* 0, or the first failure: -ST_ENOMEM, -ST_ELIMIT */
    void *(*resize)(void *old, size_t size);
    void (*release)(void *old);
};

/* On the C library's heap, for hosted modules: the includer has <stdlib.h>. */
#define ST_BUF_HEAP(max_bytes)                                                                     \
    ((struct st_buf){.max = (max_bytes), .resize = realloc, .release = free})

/* Each append returns 0 or the buffer's failure: -ST_ENOMEM, -ST_ELIMIT. */
int st_buf_append(struct st_buf *buf, const void *bytes, size_t length);
int st_buf_text(struct st_buf *buf, const char *text);
int st_buf_char(struct st_buf *buf, char c);
int st_buf_printf(struct st_buf *buf, const char *format, ...) ST_PRINTF(2, 3);
int st_buf_vprintf(struct st_buf *buf, const char *format, va_list args);

/* Room for `extra` more bytes at data + length, for a reader; st_buf_added then says how many were
 * put there. */
int st_buf_reserve(struct st_buf *buf, size_t extra) ST_MUST_CHECK;
void st_buf_added(struct st_buf *buf, size_t length);

/* Empties the text and its failure, keeps the memory. */
void st_buf_reset(struct st_buf *buf);

/* 0 or the first failure. */
int st_buf_status(const struct st_buf *buf);

/* The text, never NULL. Owned by the buffer and valid until the next change. */
const char *st_buf_string(const struct st_buf *buf);

/* Hands the text over to the caller, who frees it; NULL after a failure. The buffer is empty
 * afterwards. */
char *st_buf_steal(struct st_buf *buf);

void st_buf_done(struct st_buf *buf);

static inline void st_cleanup_buf(struct st_buf *buf)
{
    st_buf_done(buf);
}
