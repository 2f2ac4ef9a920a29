/*
 * The streams of a running instance on a command's own descriptors: bytes both ways, the terminal's
 * size, signals, and the keys that detach.
 *
 * Input is sent without ever waiting: a monitor that holds output for us takes no input, so waiting
 * to send while not receiving could stop both for ever.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#include "base/print.h"
#include "base/str.h"
#include "engine/engine_priv.h"
#include "engine/monitor/mon_protocol.h"
#include "os/os_event.h"
#include "os/os_process.h"
#include "os/os_socket.h"
#include "os/os_terminal.h"

#define DEFAULT_KEYS "ctrl-p,ctrl-q"

enum { KEYS_MAX = 16 };

struct carrier {
    struct engine_stream *stream;
    const struct engine_attach_options *options;
    int in_fd; /* -1 once it has ended */
    int signals;
    bool raw;
    struct termios saved;
    sigset_t saved_mask;
    uint8_t keys[KEYS_MAX];
    size_t keys_count;
    size_t keys_seen;
    struct {
        struct mon_record head;
        char bytes[MON_PAYLOAD_MAX];
    } out; /* the record that waits to be sent */
    bool out_waits;
    bool end_waits; /* MON_INPUT_END is to follow */
    struct mon_record head;
    char bytes[MON_PAYLOAD_MAX];
};

int engine_detach_keys_parse(const char *text, uint8_t *ret_keys, size_t max, size_t *ret_count,
                             struct st_err *err)
{
    static const char controls[] = "@abcdefghijklmnopqrstuvwxyz[\\]^_";
    size_t n = 0;

    for (const char *at = text; *at != 0;) {
        const char *end = strchrnul(at, ',');
        const char *control = end - at == 6 ? st_after_prefix(at, "ctrl-") : NULL;
        const char *found = control == NULL ? NULL : strchr(controls, *control);

        if (n == max || (end - at != 1 && found == NULL)) {
            return st_fail(err, ST_EINVAL, "Invalid detach keys (%s)", text);
        }
        ret_keys[n++] = found != NULL ? (uint8_t)(found - controls) : (uint8_t)*at;
        at = *end == 0 ? end : end + 1;
    }
    *ret_count = n;
    return 0;
}

/* ---- sending ---- */

static int send_waiting(struct carrier *c)
{
    if (!c->out_waits) {
        return 0;
    }
    ssize_t n = os_send(c->stream->fd, &c->out, sizeof(c->out.head) + c->out.head.length,
                        MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n == -ST_EAGAIN) {
        return 0;
    }
    c->out_waits = false;
    if (n == -ST_ECONNRESET) { /* It left unread input behind: for a sender it has left. */
        return -ST_EPIPE;
    }
    if (n >= 0 && c->end_waits) {
        c->end_waits = false;
        c->out.head = (struct mon_record){.version = MON_PROTOCOL_VERSION, .type = MON_INPUT_END};
        c->out_waits = true;
        return send_waiting(c);
    }
    return n < 0 ? (int)n : 0;
}

static void queue(struct carrier *c, int type, int a, int b)
{
    struct mon_record head = {
        .version = MON_PROTOCOL_VERSION, .type = (uint8_t)type, .a = a, .b = b};

    /* Small and seldom: if it does not fit now it is given up. */
    (void)os_send(c->stream->fd, &head, sizeof(head), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Looks for the detach keys in what was typed. Returns how many bytes to pass on, and whether the
 * keys are complete. Keys that turn out to be no part of the sequence are passed on late. */
static size_t filter_keys(struct carrier *c, const char *typed, size_t length, char *to,
                          bool *ret_detach)
{
    size_t n = 0;

    *ret_detach = false;
    for (size_t i = 0; i < length; i++) {
        if (c->keys_count > 0 && (uint8_t)typed[i] == c->keys[c->keys_seen]) {
            if (++c->keys_seen == c->keys_count) {
                *ret_detach = true;
                return n;
            }
            continue;
        }
        memcpy(to + n, c->keys, c->keys_seen);
        n += c->keys_seen;
        c->keys_seen = 0;
        if (c->keys_count > 0 && (uint8_t)typed[i] == c->keys[0] && c->keys_count > 1) {
            c->keys_seen = 1;
        } else {
            to[n++] = typed[i];
        }
    }
    return n;
}

/* 1: the detach keys were typed. */
static int take_input(struct carrier *c)
{
    char typed[MON_PAYLOAD_MAX - KEYS_MAX];
    bool detach = false;
    ssize_t n = os_read(c->in_fd, typed, sizeof(typed));

    if (n == -ST_EAGAIN) {
        return 0;
    }
    if (n <= 0) {
        c->in_fd = -1;
        c->out.head = (struct mon_record){.version = MON_PROTOCOL_VERSION, .type = MON_INPUT_END};
        c->out_waits = true;
        return send_waiting(c);
    }
    size_t length = filter_keys(c, typed, (size_t)n, c->out.bytes, &detach);
    if (length > 0) {
        c->out.head = (struct mon_record){
            .version = MON_PROTOCOL_VERSION, .type = MON_INPUT, .length = (uint32_t)length};
        c->out_waits = true;
        int r = send_waiting(c);
        if (r < 0) {
            return r;
        }
    }
    return detach;
}

/* ---- receiving ---- */

/* 1: the instance has ended. */
static int take_record(struct carrier *c)
{
    int r = engine_control_receive(c->stream->fd, &c->head, c->bytes);

    if (r < 0) {
        return r;
    }
    if (c->head.type == MON_OUTPUT) {
        int fd = c->head.b == 2 ? c->options->err_fd : c->options->out_fd;
        if (fd >= 0) {
            /* A reader that went away is no reason to leave the instance alone. */
            (void)os_write_all(fd, c->bytes, c->head.length);
        }
        return 0;
    }
    if (c->head.type != MON_EXIT) {
        return 0;
    }
    c->stream->ended = true;
    c->stream->clean_up = c->head.flags & MON_EXIT_CLEAN_UP;
    c->stream->exit_code = c->head.a;
    return 1;
}

static void send_size(struct carrier *c)
{
    struct winsize size;

    if (c->options->tty && os_window_size_get(c->options->in_fd, &size) >= 0) {
        queue(c, MON_RESIZE, size.ws_row, size.ws_col);
    }
}

static void take_signal(struct carrier *c)
{
    struct signalfd_siginfo info;

    if (os_read(c->signals, &info, sizeof(info)) != (ssize_t)sizeof(info)) {
        return;
    }
    if (info.ssi_signo == SIGWINCH) {
        send_size(c);
    } else if (c->options->sig_proxy) {
        queue(c, MON_SIGNAL, (int)info.ssi_signo, 0);
    }
}

/* ---- the terminal and signals of this process ---- */

static int set_up(struct carrier *c, struct st_err *err)
{
    const struct engine_attach_options *o = c->options;
    const char *keys = o->detach_keys == NULL ? DEFAULT_KEYS : o->detach_keys;
    static const int passed[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,
                                 SIGUSR1, SIGUSR2, SIGCONT, SIGALRM};
    sigset_t set;
    int r = o->tty ? engine_detach_keys_parse(keys, c->keys, KEYS_MAX, &c->keys_count, err) : 0;

    if (r < 0) {
        return r;
    }
    sigemptyset(&set);
    sigaddset(&set, SIGWINCH);
    sigaddset(&set, SIGPIPE);
    for (size_t i = 0; o->sig_proxy && i < ST_COUNT(passed); i++) {
        sigaddset(&set, passed[i]);
    }
    r = os_sigprocmask(SIG_BLOCK, &set, &c->saved_mask);
    sigdelset(&set, SIGPIPE);
    c->signals = r < 0 ? r : os_signalfd(-1, &set, SFD_NONBLOCK);
    if (c->signals < 0) {
        return st_fail_os(err, c->signals, "watching signals");
    }
    if (o->tty && o->in_fd >= 0 && os_tcgetattr(o->in_fd, &c->saved) >= 0) {
        struct termios state = c->saved;
        cfmakeraw(&state);
        r = os_tcsetattr(o->in_fd, &state);
        c->raw = r >= 0;
    }
    return r < 0 ? st_fail_os(err, r, "setting the terminal up") : 0;
}

static void restore(struct carrier *c)
{
    if (c->raw) {
        (void)os_tcsetattr(c->options->in_fd, &c->saved);
    }
    os_close(&c->signals);
    (void)os_sigprocmask(SIG_SETMASK, &c->saved_mask, NULL);
}

/* An enum engine_attach_end or a failure. */
static int carry(struct carrier *c)
{
    for (;;) {
        struct pollfd polls[] = {
            {.fd = c->stream->fd, .events = (short)(POLLIN | (c->out_waits ? POLLOUT : 0))},
            {.fd = c->out_waits ? -1 : c->in_fd, .events = POLLIN},
            {.fd = c->signals, .events = POLLIN},
        };
        int r = os_poll(polls, ST_COUNT(polls), -1);

        if (r == -ST_EINTR) {
            continue;
        }
        if (r >= 0 && polls[2].revents) {
            take_signal(c);
        }
        if (r >= 0 && polls[0].revents & (POLLIN | POLLHUP | POLLERR)) {
            r = take_record(c);
            if (r == 1) {
                return ENGINE_ATTACH_EXITED;
            }
        }
        if (r >= 0 && polls[0].revents & POLLOUT) {
            r = send_waiting(c);
        }
        if (r >= 0 && polls[1].revents) {
            r = take_input(c);
            if (r == 1) {
                return ENGINE_ATTACH_DETACHED;
            }
        }
        if (r == -ST_EPIPE) { /* What it said last is still to be read. */
            c->out_waits = false;
            c->in_fd = -1;
        } else if (r == -ST_ECONNRESET) {
            return ENGINE_ATTACH_LOST;
        } else if (r < 0) {
            return r;
        }
    }
}

int engine_stream_run(struct engine_stream *stream, const struct engine_attach_options *options,
                      int *ret_exit_code, struct st_err *err)
{
    struct carrier *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    c->stream = stream;
    c->options = options;
    c->in_fd = options->in_fd;
    c->signals = -1;
    int r = set_up(c, err);
    if (r >= 0) {
        send_size(c);
        r = carry(c);
        if (r < 0) {
            st_fail_os(err, r, "talking to the monitor");
        }
    }
    restore(c);
    free(c);
    if (r == ENGINE_ATTACH_EXITED) {
        *ret_exit_code = stream->exit_code;
    }
    return r;
}

int engine_attach(struct engine_instance *instance, bool with_stdin,
                  struct engine_stream **ret_stream, struct st_err *err)
{
    char bytes[MON_PAYLOAD_MAX];
    struct mon_record head;
    struct engine_state state;
    int r = engine_state_read(instance, &state, err);

    if (r < 0) {
        return r;
    }
    if (state.status == ENGINE_PAUSED) {
        return st_fail(err, ST_ESTATE, "You cannot attach to a paused container, unpause it first");
    }
    if (state.status != ENGINE_RUNNING) {
        return st_fail(err, ST_ESTATE, "You cannot attach to a stopped container, start it first");
    }
    struct engine_stream *stream = calloc(1, sizeof(*stream));
    if (stream == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    stream->instance = instance;
    stream->fd = engine_control_connect(instance, err);
    if (stream->fd < 0) {
        r = stream->fd;
        free(stream);
        return r;
    }
    unsigned wants = MON_WANT_OUTPUT | MON_WANT_NEXT_EXIT | (with_stdin ? MON_WANT_INPUT : 0);
    r = engine_control_send(stream->fd, MON_HELLO, (int)wants, 0, 0, NULL, 0);
    r = r < 0 ? r : engine_control_answer(stream->fd, &head, bytes);
    if (r < 0) {
        st_fail_os(err, r, "the monitor of %s", instance->config->name);
        os_close(&stream->fd);
        free(stream);
        return r;
    }
    *ret_stream = stream;
    return 0;
}

int engine_stream_finish(struct engine_stream *stream, struct st_err *err)
{
    int r = 0;

    if (stream == NULL) {
        return 0;
    }
    os_close(&stream->fd);
    if (stream->owner && stream->ended && stream->clean_up) {
        r = engine_cleanup(stream->instance->engine, stream->instance->config->id, err);
    }
    free(stream);
    return r;
}
