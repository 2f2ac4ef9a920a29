/* A growing byte string with a limit: see buf.h. */
#include "base/buf.h"

#include "base/arith.h"
#include "base/err.h"
#include "base/print.h"
#include "base/str.h"

int st_buf_reserve(struct st_buf *buf, size_t extra)
{
    size_t wanted;
    if (buf->status < 0) {
        return buf->status;
    }
    if (st_add_overflows(buf->length, extra, &wanted) || wanted > buf->max) {
        return buf->status = -ST_ELIMIT;
    }
    if (wanted < buf->capacity) {
        return 0;
    }
    size_t capacity = buf->capacity < 64 ? 64 : buf->capacity;
    while (capacity <= wanted) {
        if (st_mul_overflows(capacity, 2, &capacity)) {
            return buf->status = -ST_ENOMEM;
        }
    }
    char *data = buf->resize(buf->data, capacity);
    if (data == NULL) {
        return buf->status = -ST_ENOMEM;
    }
    buf->data = data;
    buf->capacity = capacity;
    buf->data[buf->length] = '\0';
    return 0;
}

void st_buf_added(struct st_buf *buf, size_t length)
{
    buf->length += length;
    buf->data[buf->length] = '\0';
}

int st_buf_append(struct st_buf *buf, const void *bytes, size_t length)
{
    int r = st_buf_reserve(buf, length);
    if (r < 0 || length == 0) {
        return r;
    }
    __builtin_memcpy(buf->data + buf->length, bytes, length);
    st_buf_added(buf, length);
    return 0;
}

int st_buf_text(struct st_buf *buf, const char *text)
{
    return st_buf_append(buf, text, st_strlen(text));
}

int st_buf_char(struct st_buf *buf, char c)
{
    return st_buf_append(buf, &c, 1);
}

int st_buf_vprintf(struct st_buf *buf, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    size_t length = st_vsnprintf(NULL, 0, format, args);
    int r = st_buf_reserve(buf, length + 1);
    if (r == 0) {
        st_vsnprintf(buf->data + buf->length, length + 1, format, again);
        st_buf_added(buf, length);
    }
    va_end(again);
    return r;
}

int st_buf_printf(struct st_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int r = st_buf_vprintf(buf, format, args);
    va_end(args);
    return r;
}

void st_buf_reset(struct st_buf *buf)
{
    buf->length = 0;
    buf->status = 0;
    if (buf->data != NULL) {
        buf->data[0] = '\0';
    }
}

int st_buf_status(const struct st_buf *buf)
{
    return buf->status;
}

const char *st_buf_string(const struct st_buf *buf)
{
    return buf->data != NULL ? buf->data : "";
}

char *st_buf_steal(struct st_buf *buf)
{
    if (buf->status == 0 && buf->data == NULL) {
        (void)!st_buf_reserve(buf, 1);
    }
    char *data = buf->status == 0 ? buf->data : NULL;
    if (data != NULL) {
        buf->data = NULL;
    }
    st_buf_done(buf);
    return data;
}

void st_buf_done(struct st_buf *buf)
{
    if (buf->data != NULL) {
        buf->release(buf->data);
    }
    buf->data = NULL;
    buf->length = 0;
    buf->capacity = 0;
}
