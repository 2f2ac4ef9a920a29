/*
 * Reading an instance's log: docker's json-file, one object a line, in <home>/log and the rotated
 * log.1, log.2 ... behind it (engine/monitor/mon_log.h writes them).
 *
 * All files are opened before the first is read, newest first, so that a rotation meanwhile neither
 * loses nor repeats lines: a file that was renamed between two opens is met a second time and known
 * by its inode. To follow is to wait for inotify's events of the home folder, until the monitor is
 * gone and everything is read.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/print.h"
#include "base/str.h"
#include "engine/engine_priv.h"
#include "os/os_event.h"
#include "os/os_time.h"

enum {
    FILES_MAX = 1000,
    LINE_MAX_BYTES = 1 << 20,
    CHUNK = 65536,
    OUT_FLUSH = 65536,
    POLL_MS = 1000,      /* the longest that a missed event delays us */
    POLL_ENDING_MS = 50, /* the monitor has written "exit" and is about to go, or to restart */
};

struct reader {
    struct engine_instance *instance;
    const struct engine_logs_options *options;
    struct st_err *err;
    struct st_buf line;   /* the beginning of a line whose end is not read yet */
    struct st_buf out[2]; /* standard output, standard error */
    bool partial[2];      /* the stream's last record did not end its line */
    bool done;            /* --until is past */
};

/* ---- records ---- */

static int flush(struct reader *reader)
{
    const int fds[2] = {reader->options->out_fd, reader->options->err_fd};

    for (int i = 0; i < 2; i++) {
        int r = st_buf_status(&reader->out[i]);
        if (r >= 0 && reader->out[i].length > 0 && fds[i] >= 0) {
            r = os_write_all(fds[i], reader->out[i].data, reader->out[i].length);
        }
        if (r < 0) {
            return st_fail_os(reader->err, r, "writing the log");
        }
        st_buf_reset(&reader->out[i]);
    }
    return 0;
}

/* Puts one record out. Texts of the two streams keep their order by a flush at each change. */
static int put(struct reader *reader, int stream, const char *time, const char *text)
{
    struct st_buf *out = &reader->out[stream];
    size_t length = strlen(text);

    if (reader->out[!stream].length > 0 || out->length > OUT_FLUSH) {
        int r = flush(reader);
        if (r < 0) {
            return r;
        }
    }
    if (!reader->partial[stream]) {
        if (reader->options->timestamps) {
            st_buf_printf(out, "%s ", time);
        }
        if (reader->options->details) {
            st_buf_char(out, ' ');
        }
    }
    st_buf_append(out, text, length);
    reader->partial[stream] = length > 0 && text[length - 1] != '\n';
    return 0;
}

static int read_record(struct reader *reader, const char *line, size_t length)
{
    static const struct json_limits limits = {LINE_MAX_BYTES, 8};
    const struct engine_logs_options *options = reader->options;
    struct json_doc *doc = NULL;
    int64_t at = 0;
    int r = json_parse(line, length, &limits, &doc, NULL);

    if (r < 0) { /* A torn line of a monitor that was killed: the next ones are whole. */
        return r == -ST_ENOMEM ? r : 0;
    }
    const char *text = json_text(json_member(json_doc_root(doc), "log"));
    const char *stream = json_text(json_member(json_doc_root(doc), "stream"));
    const char *time = json_text(json_member(json_doc_root(doc), "time"));
    if (text != NULL && time != NULL && engine_parse_time(time, 0, &at, NULL) == 0) {
        if (options->until_ns > 0 && at > options->until_ns) {
            reader->done = true;
        } else if (at >= options->since_ns) {
            r = put(reader, st_streq(stream, "stderr"), time, text);
        }
    }
    json_doc_free(doc);
    return r < 0 ? r : 0;
}

/* Splits what was read into lines. */
static int take_bytes(struct reader *reader, const char *bytes, size_t length)
{
    while (length > 0 && !reader->done) {
        const char *end = memchr(bytes, '\n', length);
        size_t part = end == NULL ? length : (size_t)(end - bytes);
        int r = 0;

        if (end != NULL && reader->line.length == 0) {
            r = read_record(reader, bytes, part);
        } else {
            r = st_buf_append(&reader->line, bytes, part);
            if (r >= 0 && end != NULL) {
                r = read_record(reader, reader->line.data, reader->line.length);
            }
            if (end != NULL || r == -ST_ELIMIT) {
                st_buf_reset(&reader->line);
                r = r == -ST_ELIMIT ? 0 : r;
            }
        }
        if (r < 0) {
            return reader->err == NULL || reader->err->code == 0
                       ? st_fail_os(reader->err, r, "reading the log")
                       : r;
        }
        part += end != NULL;
        bytes += part;
        length -= part;
    }
    return 0;
}

/* Reads from *at to the end as it is now. */
static int read_on(struct reader *reader, int fd, off_t *at)
{
    char bytes[CHUNK];

    while (!reader->done) {
        ssize_t n = os_pread(fd, bytes, sizeof(bytes), *at);
        if (n <= 0) {
            return n < 0 ? st_fail_os(reader->err, (int)n, "reading the log") : 0;
        }
        *at += n;
        int r = take_bytes(reader, bytes, (size_t)n);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* ---- files ---- */

struct files {
    int fds[FILES_MAX]; /* newest first */
    size_t count;
};

static void files_done(struct files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        os_close(&files->fds[i]);
    }
    free(files);
}

static bool is_open(const struct files *files, int fd)
{
    struct stat ours;
    struct stat theirs;

    if (files->count == 0 || os_fstat(fd, &ours) < 0 ||
        os_fstat(files->fds[files->count - 1], &theirs) < 0) {
        return false;
    }
    return ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
}

static int open_files(const struct engine_instance *instance, struct files **ret_files,
                      struct st_err *err)
{
    struct files *files = calloc(1, sizeof(*files));
    char name[16] = "log";

    if (files == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    for (unsigned i = 1; files->count < FILES_MAX; i++) {
        int fd = os_openat(instance->home_fd, name, O_RDONLY, 0);
        if (fd < 0 && fd != -ST_ENOENT) {
            files_done(files);
            return st_fail_os(err, fd, "opening the log of %s", instance->config->name);
        }
        if (fd < 0) {
            break;
        }
        if (is_open(files, fd)) {
            os_close(&fd);
        } else {
            files->fds[files->count++] = fd;
        }
        st_snprintf(name, sizeof(name), "log.%u", i);
    }
    *ret_files = files;
    return 0;
}

/* Where the last *left lines of the file begin; *left becomes what older files must supply. */
static int find_tail(int fd, int64_t *left, off_t *ret_at)
{
    char bytes[CHUNK];
    struct stat status;
    int r = os_fstat(fd, &status);
    off_t end = status.st_size;
    bool last = true; /* the newline that ends the file begins no line */

    if (r < 0) {
        return r;
    }
    while (end > 0) {
        size_t size = end < CHUNK ? (size_t)end : CHUNK;
        ssize_t n = os_pread(fd, bytes, size, end - (off_t)size);
        if (n != (ssize_t)size) {
            return n < 0 ? (int)n : -ST_EIO;
        }
        for (size_t i = size; i-- > 0;) {
            if (bytes[i] == '\n' && !last && --*left == 0) {
                *ret_at = end - (off_t)size + (off_t)i + 1;
                return 0;
            }
            last = false;
        }
        end -= (off_t)size;
    }
    *left -= status.st_size > 0;
    *ret_at = 0;
    return 0;
}

/* Reads what is there now; *ret_at is where the newest file ended. */
static int read_files(struct reader *reader, const struct files *files, off_t *ret_at)
{
    size_t first = files->count;
    off_t at = 0;
    int64_t left = reader->options->tail;

    *ret_at = 0;
    if (left == 0 && files->count > 0) {
        struct stat status;
        int r = os_fstat(files->fds[0], &status);
        *ret_at = status.st_size;
        return r < 0 ? st_fail_os(reader->err, r, "reading the log") : 0;
    }
    for (size_t i = 0; left > 0 && i < files->count; i++) {
        int r = find_tail(files->fds[i], &left, &at);
        if (r < 0) {
            return st_fail_os(reader->err, r, "reading the log");
        }
        first = i + 1;
    }
    for (size_t i = first; i-- > 0;) {
        int r = read_on(reader, files->fds[i], &at);
        if (r < 0) {
            return r;
        }
        *ret_at = at;
        at = 0;
    }
    return flush(reader);
}

/* ---- following ---- */

/* Goes on in the file that "log" is now, if it is another one or was cut. */
static int renew(struct reader *reader, int *fd, off_t *at)
{
    struct stat ours;
    struct stat there;
    int home = reader->instance->home_fd;

    if (*fd >= 0 && os_fstat(*fd, &ours) == 0 && ours.st_size < *at) {
        *at = 0;
    }
    if (os_fstatat(home, "log", &there, AT_SYMLINK_NOFOLLOW) < 0 ||
        (*fd >= 0 && os_fstat(*fd, &ours) == 0 && ours.st_ino == there.st_ino)) {
        return 0;
    }
    int next = os_openat(home, "log", O_RDONLY, 0);
    if (next < 0) {
        return 0;
    }
    int r = *fd < 0 ? 0 : read_on(reader, *fd, at);
    os_close(fd);
    *fd = next;
    *at = 0;
    return r;
}

static int await_change(const struct reader *reader, int events, int timeout_ms)
{
    struct pollfd ready = {.fd = events, .events = POLLIN};
    char ignored[4096];
    int64_t until = reader->options->until_ns;

    if (until > 0) {
        int64_t left_ms = (until - (int64_t)os_realtime_ns()) / 1000000 + 1;
        left_ms = ST_MAX(left_ms, 0);
        timeout_ms = (int)ST_MIN((int64_t)timeout_ms, left_ms);
    }
    int r = os_poll(&ready, 1, timeout_ms);
    if (r > 0) {
        (void)os_read(events, ignored, sizeof(ignored));
    }
    return r == -ST_EINTR ? 0 : r;
}

/* Is the end that --until sets reached? */
static bool is_over(const struct reader *reader)
{
    int64_t until = reader->options->until_ns;

    return reader->done || (until > 0 && (int64_t)os_realtime_ns() > until);
}

static int follow(struct reader *reader, int events, int *fd, off_t at)
{
    struct engine_instance *instance = reader->instance;
    bool alive = true;
    int r = 0;

    while (r >= 0 && alive && !is_over(reader)) {
        /* Whether it lives is asked before reading, so that its last words are read. */
        r = engine_has_monitor(instance, reader->err);
        alive = r == 1;
        r = r < 0 ? r : renew(reader, fd, &at);
        r = r < 0 || *fd < 0 ? r : read_on(reader, *fd, &at);
        r = r < 0 ? r : flush(reader);
        if (r >= 0 && alive && !is_over(reader)) {
            bool ending = os_access(instance->home_fd, "exit", F_OK, 0) == 0;
            r = await_change(reader, events, ending ? POLL_ENDING_MS : POLL_MS);
            r = r < 0 ? st_fail_os(reader->err, r, "waiting for the log") : 0;
        }
    }
    return r;
}

static int watch_home(const struct engine_instance *instance, struct st_err *err)
{
    st_auto(free) char *path = engine_home_path(instance);
    st_auto(fd) int events = os_inotify(IN_CLOEXEC | IN_NONBLOCK);
    int r = path == NULL ? -ST_ENOMEM : events;

    r = r < 0 ? r
              : os_inotify_add(events, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF);
    return r < 0 ? st_fail_os(err, r, "watching the log of %s", instance->config->name)
                 : os_take_fd(events);
}

int engine_logs(struct engine_instance *instance, const struct engine_logs_options *options,
                struct st_err *err)
{
    struct reader reader = {
        .instance = instance,
        .options = options,
        .err = err,
        .line = ST_BUF_HEAP(LINE_MAX_BYTES),
        .out = {ST_BUF_HEAP(4 << 20), ST_BUF_HEAP(4 << 20)},
    };
    struct files *files = NULL;
    st_auto(fd) int events = -1;
    off_t at = 0;

    if (st_streq(instance->config->logging.driver, "none")) {
        return st_fail(err, ST_EUNSUPPORTED, "the log driver none of %s keeps nothing to read",
                       instance->config->name);
    }
    int r = options->follow ? (events = watch_home(instance, err)) : 0;
    r = r < 0 ? r : open_files(instance, &files, err);
    r = r < 0 || files == NULL ? r : read_files(&reader, files, &at);
    if (r >= 0 && files != NULL && options->follow) {
        int fd = files->count > 0 ? files->fds[0] : -1;
        if (files->count > 0) {
            files->fds[0] = -1;
        }
        r = follow(&reader, events, &fd, at);
        os_close(&fd);
    }
    if (files != NULL) {
        files_done(files);
    }
    st_buf_done(&reader.line);
    st_buf_done(&reader.out[0]);
    st_buf_done(&reader.out[1]);
    return r < 0 ? r : 0;
}
