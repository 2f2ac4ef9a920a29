/*
 * Sessions: each is a connection and a process. Output is read from the process only when what was
 * read before is with the host, input is taken only as far as it was granted; so a session holds at
 * most its buffers, and no session waits for another.
 */
#include "init/init.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* After <sys/socket.h>, which it needs. */
#include <linux/vm_sockets.h>

#include "base/print.h"

enum { SESSIONS_MAX = 256, WINDOW = 64 << 10, FAREWELL_MS = 5000 };

struct session {
    int connection; /* -1: unused */
    struct st_buf from_host, to_host;
    size_t sent;         /* of to_host */
    struct st_buf input; /* granted bytes that the process has not taken */
    bool input_ended, process_ended, exit_sent, main, detached;
    struct init_streams streams;
    int code;
};

static struct session sessions[SESSIONS_MAX];
static bool workload_ended; /* and the host knows */

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

static void end_session(struct session *s)
{
    if (s->streams.pid > 0 && !s->process_ended && !s->detached) {
        (void)kill(s->streams.pid, SIGHUP);
    }
    workload_ended |= s->main && s->exit_sent;
    close_fd(&s->connection);
    close_fd(&s->streams.in);
    close_fd(&s->streams.out);
    close_fd(&s->streams.err);
    st_buf_done(&s->from_host);
    st_buf_done(&s->to_host);
    st_buf_done(&s->input);
    /* The process goes on without a session; its end is still seen by waitpid. */
    *s = (struct session){.connection = -1, .streams = {0, -1, -1, -1}};
}

/* ---- to the host ---- */

/* Sends what is there; false: the connection is gone. */
static bool flush(struct session *s)
{
    while (s->sent < s->to_host.length) {
        ssize_t done = send(s->connection, s->to_host.data + s->sent, s->to_host.length - s->sent,
                            MSG_DONTWAIT | MSG_NOSIGNAL);

        if (done < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        s->sent += (size_t)done;
    }
    st_buf_reset(&s->to_host);
    s->sent = 0;
    return true;
}

static void fail(struct session *s, int code, const char *text)
{
    char payload[1024] = {0};

    payload[0] = (char)code;
    (void)st_snprintf(payload + 4, sizeof payload - 4, "%s", text);
    (void)fmt_agent_write(&s->to_host, FMT_AGENT_FAILED, payload, 4 + strlen(payload + 4));
    s->code = code;
    s->process_ended = s->exit_sent = true;
}

/* Moves output on, if nothing waits to be sent. */
static void take_output(struct session *s, int *fd, enum fmt_agent_type type)
{
    static char bytes[FMT_AGENT_DATA_MAX];
    ssize_t got;

    if (*fd < 0 || s->to_host.length > 0) {
        return;
    }
    got = read(*fd, bytes, sizeof bytes);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    /* A terminal that nobody has open any more says EIO. */
    if (got <= 0) {
        close_fd(fd);
        got = 0;
    }
    (void)fmt_agent_write(&s->to_host, type, bytes, (size_t)got);
}

/* When the process has ended and what it wrote is sent, its exit code is. */
static void finish(struct session *s)
{
    struct pollfd outputs[2] = {{.fd = s->streams.out, .events = POLLIN},
                                {.fd = s->streams.err, .events = POLLIN}};

    if (!s->process_ended || s->exit_sent || s->to_host.length > 0) {
        return;
    }
    if (s->streams.out < 0 && s->streams.err < 0) {
        outputs[0].fd = s->streams.in; /* a terminal, or nothing */
    }
    /* Output of others that hold the stream open is not waited for. */
    if (poll(outputs, 2, 0) > 0 && ((outputs[0].revents | outputs[1].revents) & POLLIN) != 0) {
        return;
    }
    (void)fmt_agent_write_u32(&s->to_host, FMT_AGENT_EXIT, (uint32_t)s->code);
    s->exit_sent = true;
}

/* ---- from the host ---- */

static void set_nonblocking(int fd)
{
    if (fd >= 0) {
        (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    }
}

static void start(struct session *s, const struct fmt_agent_record *record)
{
    static struct init_process process;
    char error[1000];
    int code;

    if (s->streams.pid != 0 || init_process_parse(record, &process, error, sizeof error) < 0) {
        fail(s, 125, s->streams.pid != 0 ? "a session has one process" : error);
        return;
    }
    s->main = process.main;
    s->detached = process.detached;
    code = init_process_start(&process, &s->streams, error, sizeof error);
    if (code != 0) {
        fail(s, code, error);
        return;
    }
    if (process.tty) {
        s->streams.out = dup(s->streams.in);
    }
    set_nonblocking(s->streams.in);
    set_nonblocking(s->streams.out);
    set_nonblocking(s->streams.err);
    (void)fmt_agent_write_u32(&s->to_host, FMT_AGENT_STARTED, (uint32_t)s->streams.pid);
    if (s->streams.in >= 0) {
        (void)fmt_agent_write_u32(&s->to_host, FMT_AGENT_WINDOW, WINDOW);
    }
}

/* Gives the process what it takes of its input. */
static void give_input(struct session *s)
{
    ssize_t done;

    if (s->streams.in >= 0 && s->input.length > 0) {
        done = write(s->streams.in, s->input.data, s->input.length);
        if (done < 0 && errno != EAGAIN && errno != EINTR) {
            done = (ssize_t)s->input
                       .length; /* it has closed its input: what is sent is lost, as in a pipe */
        }
        if (done > 0) {
            memmove(s->input.data, s->input.data + done, s->input.length - (size_t)done);
            s->input.length -= (size_t)done;
            (void)fmt_agent_write_u32(&s->to_host, FMT_AGENT_WINDOW, (uint32_t)done);
        }
    }
    if (s->input_ended && s->input.length == 0 && s->streams.in >= 0) {
        /* A terminal ends its input by a character. */
        if (s->streams.err < 0 && isatty(s->streams.in)) {
            (void)!write(s->streams.in, "\004", 1);
            s->input_ended = false;
        } else {
            close_fd(&s->streams.in);
        }
    }
}

/* false: the session ends. */
static bool handle(struct session *s, const struct fmt_agent_record *record)
{
    struct winsize size;

    switch (record->type) {
    case FMT_AGENT_START:
        start(s, record);
        return true;
    case FMT_AGENT_IN:
        if (s->input.length + record->size > WINDOW) {
            return false;
        }
        (void)st_buf_append(&s->input, record->payload, record->size);
        s->input_ended |= record->size == 0;
        give_input(s);
        return true;
    case FMT_AGENT_SIGNAL:
        if (s->streams.pid > 0 && !s->process_ended) {
            (void)kill(s->streams.pid, (int)fmt_agent_u32(record));
        }
        return true;
    case FMT_AGENT_RESIZE:
        size = (struct winsize){.ws_row = (unsigned short)fmt_agent_u32(record),
                                .ws_col = (unsigned short)(fmt_agent_u32(record) >> 16)};
        if (s->streams.in >= 0) {
            (void)ioctl(s->streams.in, TIOCSWINSZ, &size);
        }
        return true;
    case FMT_AGENT_READY:
    case FMT_AGENT_DONE:
    case FMT_AGENT_FAILED:
    case FMT_AGENT_STARTED:
    case FMT_AGENT_OUT:
    case FMT_AGENT_ERR:
    case FMT_AGENT_EXIT:
    case FMT_AGENT_WINDOW:
    case FMT_AGENT_SETUP:
    case FMT_AGENT_POWER_OFF:
        return false;
    }
    return false;
}

/* Reads and handles what has come; false: the session ends. */
static bool hear(struct session *s)
{
    struct fmt_agent_record record;
    int64_t length;
    ssize_t got;

    if (st_buf_reserve(&s->from_host, 16384) < 0) {
        return false;
    }
    got = recv(s->connection, s->from_host.data + s->from_host.length, 16384, MSG_DONTWAIT);
    if (got <= 0) {
        return got < 0 && (errno == EAGAIN || errno == EINTR);
    }
    st_buf_added(&s->from_host, (size_t)got);
    while ((length = fmt_agent_parse((const uint8_t *)s->from_host.data, s->from_host.length,
                                     &record)) > 0) {
        if (!handle(s, &record)) {
            return false;
        }
        memmove(s->from_host.data, s->from_host.data + length,
                s->from_host.length - (size_t)length);
        s->from_host.length -= (size_t)length;
    }
    return length == 0;
}

/* ---- the loop ---- */

int init_sessions_listen(void)
{
    struct sockaddr_vm address = {
        .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = FMT_AGENT_PORT};
    int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    for (unsigned i = 0; i < SESSIONS_MAX; i++) {
        sessions[i] = (struct session){.connection = -1, .streams = {0, -1, -1, -1}};
    }
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 64) < 0) {
        close_fd(&fd);
    }
    return fd;
}

static void accept_session(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    for (unsigned i = 0; fd >= 0 && i < SESSIONS_MAX; i++) {
        struct session *s = &sessions[i];

        if (s->connection < 0) {
            s->connection = fd;
            s->from_host = s->to_host = ST_BUF_HEAP(FMT_AGENT_PAYLOAD_MAX + (64 << 10));
            s->input = ST_BUF_HEAP(WINDOW + 1);
            return;
        }
    }
    close_fd(&fd);
}

static void reap(void)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (unsigned i = 0; i < SESSIONS_MAX; i++) {
            if (sessions[i].connection >= 0 && sessions[i].streams.pid == pid) {
                sessions[i].process_ended = true;
                sessions[i].code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            }
        }
    }
}

enum { PER_SESSION = 4, FIXED = 3 };

static unsigned collect(struct pollfd *fds, struct session **owners)
{
    unsigned count = 0;

    for (unsigned i = 0; i < SESSIONS_MAX; i++) {
        struct session *s = &sessions[i];
        struct pollfd *fd = &fds[PER_SESSION * count];
        bool room = s->to_host.length == 0;

        if (s->connection < 0) {
            continue;
        }
        fd[0] = (struct pollfd){s->connection, (short)(POLLIN | (room ? 0 : POLLOUT)), 0};
        fd[1] = (struct pollfd){s->input.length > 0 ? s->streams.in : -1, POLLOUT, 0};
        fd[2] = (struct pollfd){room ? s->streams.out : -1, POLLIN, 0};
        fd[3] = (struct pollfd){room ? s->streams.err : -1, POLLIN, 0};
        owners[count++] = s;
    }
    return count;
}

static void serve_session(struct session *s, const struct pollfd *fds)
{
    if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !hear(s)) {
        end_session(s);
        return;
    }
    if (fds[1].revents != 0) {
        give_input(s);
    }
    if (fds[2].revents != 0) {
        take_output(s, &s->streams.out, FMT_AGENT_OUT);
    }
    if (fds[3].revents != 0) {
        take_output(s, &s->streams.err, FMT_AGENT_ERR);
    }
    /* What was read is sent first: only then can it be seen that nothing is left. */
    bool alive = flush(s);
    if (alive) {
        finish(s);
        alive = flush(s);
    }
    if (!alive) {
        end_session(s);
    }
}

/* Whether the host wants the machine off. */
static bool control_says_off(int control)
{
    char bytes[64];
    ssize_t got = recv(control, bytes, sizeof bytes, MSG_DONTWAIT);

    return got >= 0 || (errno != EAGAIN && errno != EINTR);
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool main_has_exited(void)
{
    for (unsigned i = 0; i < SESSIONS_MAX; i++) {
        if (sessions[i].connection >= 0 && sessions[i].main && sessions[i].exit_sent) {
            return true;
        }
    }
    return false;
}

void init_sessions_serve(int control, int listener)
{
    static struct pollfd fds[FIXED + PER_SESSION * SESSIONS_MAX];
    static struct session *owners[SESSIONS_MAX];
    struct signalfd_siginfo ignored;
    uint64_t farewell_ms = 0;
    sigset_t child;
    int signals;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &child, NULL);
    signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    while (!workload_ended) {
        unsigned count = collect(fds + FIXED, owners);

        fds[0] = (struct pollfd){control, POLLIN, 0};
        fds[1] = (struct pollfd){listener, POLLIN, 0};
        fds[2] = (struct pollfd){signals, POLLIN, 0};
        (void)poll(fds, FIXED + PER_SESSION * count, farewell_ms != 0 ? 100 : -1);
        while (read(signals, &ignored, sizeof ignored) > 0) {
        }
        reap();
        for (unsigned i = 0; i < count; i++) {
            serve_session(owners[i], &fds[FIXED + PER_SESSION * i]);
        }
        if (fds[1].revents != 0) {
            accept_session(listener);
        }
        if (fds[0].revents != 0 && control_says_off(control)) {
            return;
        }
        /* The host closes the workload's session when it has read its end; one that does not is not
         * waited for. */
        if (farewell_ms == 0 && main_has_exited()) {
            farewell_ms = now_ms() + FAREWELL_MS;
        }
        if (farewell_ms != 0 && now_ms() > farewell_ms) {
            return;
        }
    }
}
