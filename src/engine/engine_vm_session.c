/*
 * A process beside the workload of a virtual machine: the agent's records (docs/vm-agent.md) on a
 * connection that strata-vm only carries. What comes from the guest is taken as hostile: it is
 * parsed as far as the limits of the records reach, and written to our streams as it is.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>

#include "base/str.h"
#include "engine/engine_vm_image.h"
#include "format/fmt_agent.h"
#include "os/os_event.h"
#include "os/os_process.h"
#include "os/os_socket.h"
#include "os/os_terminal.h"

enum { RECORD_MAX = FMT_AGENT_DATA_MAX + FMT_AGENT_HEAD_BYTES, TEXT_MAX = 512, CODE_KILLED = 137 };

struct session {
    int fd;
    const struct engine_vm_streams *streams;
    bool detach;
    int in; /* -1 once it has ended */
    int signals;
    bool raw;
    struct termios saved;
    sigset_t saved_mask;
    uint32_t window;
    size_t length; /* of what came */
    char bytes[RECORD_MAX];
    bool started;
    int code;
    char failure[TEXT_MAX]; /* why it did not start */
};

static int send_record(struct session *s, enum fmt_agent_type type, const void *payload,
                       size_t size)
{
    st_auto(buf) struct st_buf record = ST_BUF_HEAP(FMT_AGENT_PAYLOAD_MAX + 64);
    int r = fmt_agent_write(&record, type, payload, size);

    for (size_t at = 0; r >= 0 && at < record.length;) {
        ssize_t n = os_send(s->fd, record.data + at, record.length - at, MSG_NOSIGNAL);
        r = n < 0 ? (int)n : 0;
        at += n < 0 ? 0 : (size_t)n;
    }
    return r;
}

static void send_size(struct session *s)
{
    struct winsize size;

    if (s->streams->tty && os_window_size_get(s->streams->in, &size) >= 0) {
        const uint8_t payload[4] = {(uint8_t)size.ws_row, (uint8_t)(size.ws_row >> 8),
                                    (uint8_t)size.ws_col, (uint8_t)(size.ws_col >> 8)};
        (void)send_record(s, FMT_AGENT_RESIZE, payload, sizeof(payload));
    }
}

static int take_input(struct session *s)
{
    char bytes[FMT_AGENT_DATA_MAX];
    ssize_t n = os_read(s->in, bytes, ST_MIN(sizeof(bytes), (size_t)s->window));

    if (n == -ST_EAGAIN) {
        return 0;
    }
    n = n < 0 ? 0 : n;
    s->window -= (uint32_t)n;
    if (n == 0) {
        s->in = -1;
    }
    return send_record(s, FMT_AGENT_IN, bytes, (size_t)n);
}

static void keep_failure(struct session *s, const struct fmt_agent_record *record)
{
    size_t n = 0;

    s->code = (int)(fmt_agent_u32(record) & 255);
    for (uint32_t i = 4; i < record->size && n < sizeof(s->failure) - 1; i++) {
        uint8_t c = record->payload[i];
        s->failure[n++] = c < ' ' || c == 127 ? ' ' : (char)c; /* it goes to a terminal */
    }
    s->failure[n] = 0;
}

/* 1: it is over. */
static int hear(struct session *s, const struct fmt_agent_record *record)
{
    uint32_t more = fmt_agent_u32(record);

    switch (record->type) {
    case FMT_AGENT_STARTED:
        s->started = true;
        return s->detach;
    case FMT_AGENT_OUT:
    case FMT_AGENT_ERR: {
        int fd = record->type == FMT_AGENT_OUT ? s->streams->out : s->streams->err;
        if (fd >= 0) { /* A reader that went away is no reason to leave the process alone. */
            (void)os_write_all(fd, record->payload, record->size);
        }
        return 0;
    }
    case FMT_AGENT_WINDOW:
        s->window = more > UINT32_MAX - s->window ? UINT32_MAX : s->window + more;
        return 0;
    case FMT_AGENT_EXIT:
        s->code = (int)(more & 255);
        return 1;
    case FMT_AGENT_FAILED:
        keep_failure(s, record);
        return 1;
    default:
        return -ST_EINVAL;
    }
}

/* Reads and handles what has come. 1: it is over. */
static int take_records(struct session *s)
{
    struct fmt_agent_record record;
    int64_t length;
    ssize_t n = os_recv(s->fd, s->bytes + s->length, sizeof(s->bytes) - s->length, 0);

    if (n <= 0) {
        return n < 0 ? (int)n : -ST_ECONNRESET;
    }
    s->length += (size_t)n;
    while ((length = fmt_agent_parse((const uint8_t *)s->bytes, s->length, &record)) > 0) {
        int r = hear(s, &record);
        if (r != 0) {
            return r;
        }
        s->length -= (size_t)length;
        memmove(s->bytes, s->bytes + length, s->length);
    }
    return (int)length;
}

static int set_up(struct session *s, struct st_err *err)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGWINCH);
    int r = os_sigprocmask(SIG_BLOCK, &set, &s->saved_mask);
    s->signals = r < 0 ? r : os_signalfd(-1, &set, SFD_NONBLOCK);
    if (s->signals < 0) {
        return st_fail_os(err, s->signals, "watching signals");
    }
    if (s->streams->tty && os_tcgetattr(s->streams->in, &s->saved) >= 0) {
        struct termios state = s->saved;
        cfmakeraw(&state);
        r = os_tcsetattr(s->streams->in, &state);
        s->raw = r >= 0;
    }
    return r < 0 ? st_fail_os(err, r, "setting the terminal up") : 0;
}

static void restore(struct session *s)
{
    if (s->raw) {
        (void)os_tcsetattr(s->streams->in, &s->saved);
    }
    if (s->signals >= 0) {
        os_close(&s->signals);
        (void)os_sigprocmask(SIG_SETMASK, &s->saved_mask, NULL);
    }
}

/* 1: it is over. */
static int carry(struct session *s)
{
    for (;;) {
        struct pollfd polls[] = {
            {.fd = s->fd, .events = POLLIN},
            {.fd = s->window > 0 ? s->in : -1, .events = POLLIN},
            {.fd = s->signals, .events = POLLIN},
        };
        struct signalfd_siginfo info;
        int r = os_poll(polls, ST_COUNT(polls), -1);

        if (r == -ST_EINTR) {
            continue;
        }
        if (r >= 0 && polls[2].revents != 0) {
            (void)os_read(s->signals, &info, sizeof(info));
            send_size(s);
        }
        if (r >= 0 && polls[0].revents != 0) {
            r = take_records(s);
            if (r != 0) {
                return r;
            }
        }
        if (r >= 0 && polls[1].revents != 0) {
            r = take_input(s);
            r = r == -ST_EPIPE ? 0 : r; /* What it said last is still to be read. */
        }
        if (r < 0) {
            return r;
        }
    }
}

int engine_vm_session(int fd, const struct st_buf *start, const struct engine_vm_streams *streams,
                      bool detach, int *ret_code, struct st_err *err)
{
    struct session *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    s->fd = fd;
    s->streams = streams;
    s->in = streams->in;
    s->detach = detach;
    s->signals = -1;
    int r = st_buf_status(start);
    r = r < 0 ? r : send_record(s, FMT_AGENT_START, start->data, start->length);
    if (r < 0) {
        st_fail_os(err, r, "talking to the machine");
    } else {
        r = set_up(s, err);
    }
    if (r >= 0) {
        r = carry(s);
        r = r < 0 ? st_fail_os(err, r, "talking to the machine") : 0;
    }
    restore(s);
    *ret_code = r == -ST_ECONNRESET && s->started ? CODE_KILLED : s->code;
    if (r >= 0 && s->failure[0] != 0) {
        r = st_fail(err, ST_EIO, "%s", s->failure);
    }
    free(s);
    return r;
}
