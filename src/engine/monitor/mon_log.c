/* The json-file log: see mon_log.h. Lines that come in one read go out in one write. */
#include "engine/monitor/mon_log.h"

#include "base/attr.h"
#include "base/print.h"
#include "base/str.h"
#include "os/os_file.h"
#include "os/os_time.h"

/* One object at its longest: every byte as \u00xx, and the frame around. */
enum { OBJECT_MAX = MON_LOG_LINE * 6 + 128, OUT_SIZE = OBJECT_MAX + 65536 };

static char out[OUT_SIZE];
static size_t out_length;

int mon_log_open(struct mon_log *log, const char *path, int64_t max_bytes, int64_t max_files)
{
    log->path = path;
    log->fd = -1;
    log->max_bytes = max_bytes;
    log->max_files = max_files;
    if (path == NULL) {
        return 0;
    }
    int fd = os_open(path, O_WRONLY | O_CREAT | O_APPEND, 0640);
    if (fd < 0) {
        return fd;
    }
    off_t end = os_lseek(fd, 0, SEEK_END);
    log->size = end > 0 ? end : 0;
    log->fd = fd;
    return 0;
}

/* The length of a well-formed UTF-8 sequence at p, 0 if it is none. */
static size_t utf8_length(const unsigned char *p, size_t left)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = *p >= 0xf0 && *p < 0xf8 ? 4 : *p >= 0xe0 ? 3 : *p >= 0xc2 ? 2 : 0;

    if (*p < 0x80) {
        return 1;
    }
    if (n == 0 || *p >= 0xf8 || n > left) {
        return 0;
    }
    uint32_t code = *p & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (p[i] & 0x3f);
    }
    return code < least[n] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : n;
}

static size_t escape_char(char *to, unsigned char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *name = c == '\n'   ? "\\n"
                       : c == '\r' ? "\\r"
                       : c == '\t' ? "\\t"
                       : c == '"'  ? "\\\""
                       : c == '\\' ? "\\\\"
                                   : NULL;

    if (name != NULL) {
        to[0] = name[0];
        to[1] = name[1];
        return 2;
    }
    __builtin_memcpy(to, "\\u00", 4);
    to[4] = digits[c >> 4];
    to[5] = digits[c & 15];
    return 6;
}

static size_t escape(char *to, const char *text, size_t length)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t used = 0;

    for (size_t i = 0; i < length;) {
        size_t n = utf8_length(p + i, length - i);

        if (n == 0) {
            __builtin_memcpy(to + used, "\\ufffd", 6);
            used += 6;
            i++;
        } else if (n == 1 && (p[i] < 0x20 || p[i] == '"' || p[i] == '\\' || p[i] == '<' ||
                              p[i] == '>' || p[i] == '&')) {
            used += escape_char(to + used, p[i]);
            i++;
        } else {
            __builtin_memcpy(to + used, p + i, n);
            used += n;
            i += n;
        }
    }
    return used;
}

static void rotated_name(const struct mon_log *log, int64_t index, char *to, size_t size)
{
    st_snprintf(to, size, "%s.%lld", log->path, (long long)index);
}

static void rotate(struct mon_log *log)
{
    char from[4096];
    char to[4096];

    if (log->max_files > 1) {
        for (int64_t i = log->max_files - 1; i > 1; i--) {
            rotated_name(log, i - 1, from, sizeof(from));
            rotated_name(log, i, to, sizeof(to));
            (void)os_renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
        }
        rotated_name(log, 1, to, sizeof(to));
        (void)os_renameat2(AT_FDCWD, log->path, AT_FDCWD, to, 0);
        int fd = os_open(log->path, O_WRONLY | O_CREAT | O_APPEND, 0640);
        if (fd < 0) {
            return;
        }
        os_close(&log->fd);
        log->fd = fd;
    } else if (os_ftruncate(log->fd, 0) < 0) {
        return;
    }
    log->size = 0;
}

static void write_out(struct mon_log *log)
{
    if (out_length == 0) {
        return;
    }
    if (log->max_bytes > 0 && log->size > 0 && log->size + (int64_t)out_length > log->max_bytes) {
        rotate(log);
    }
    if (os_write_all(log->fd, out, out_length) == 0) {
        log->size += (int64_t)out_length;
    }
    out_length = 0;
}

static void put_object(struct mon_log *log, int stream, const char *text, size_t length)
{
    char time[OS_TIME_TEXT];

    if (out_length + OBJECT_MAX > OUT_SIZE) {
        write_out(log);
    }
    os_time_rfc3339(os_realtime_ns(), time);
    __builtin_memcpy(out + out_length, "{\"log\":\"", 8);
    out_length += 8;
    out_length += escape(out + out_length, text, length);
    out_length += st_snprintf(out + out_length, OUT_SIZE - out_length,
                              "\",\"stream\":\"%s\",\"time\":\"%s\"}\n",
                              stream == 2 ? "stderr" : "stdout", time);
}

void mon_log_write(struct mon_log *log, int stream, const char *bytes, size_t length)
{
    struct mon_log_stream *s = &log->streams[stream == 2];

    if (log->fd < 0) {
        return;
    }
    while (length > 0) {
        size_t room = MON_LOG_LINE - s->length;
        size_t part = ST_MIN(room, length);
        const char *end = __builtin_memchr(bytes, '\n', part);

        if (end != NULL) {
            part = (size_t)(end - bytes) + 1;
        }
        if (s->length == 0 && (end != NULL || part == MON_LOG_LINE)) {
            put_object(log, stream, bytes, part);
        } else {
            __builtin_memcpy(s->line + s->length, bytes, part);
            s->length += part;
            if (end != NULL || s->length == MON_LOG_LINE) {
                put_object(log, stream, s->line, s->length);
                s->length = 0;
            }
        }
        bytes += part;
        length -= part;
    }
    write_out(log);
}

void mon_log_flush(struct mon_log *log)
{
    for (int i = 0; i < 2; i++) {
        if (log->streams[i].length > 0) {
            put_object(log, i + 1, log->streams[i].line, log->streams[i].length);
            log->streams[i].length = 0;
        }
    }
    if (log->fd >= 0) {
        write_out(log);
    }
}
