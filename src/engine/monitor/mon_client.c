/*
 * The commands that talk to a monitor, and the bytes that go between them and the instance.
 *
 * Output is lossless: a chunk is read only when the one before has gone to every client that wants
 * it, so a client that does not read holds the instance up as a terminal would. There is one chunk
 * and one input buffer, whatever the number of clients.
 */
#include <errno.h>
#include <signal.h>

#include "base/attr.h"
#include "engine/monitor/mon_priv.h"
#include "os/os_event.h"
#include "os/os_file.h"
#include "os/os_process.h"
#include "os/os_socket.h"
#include "os/os_terminal.h"
#include "os/os_time.h"

#include <sys/uio.h>

int mon_client_send(int fd, int type, int flags, int a, const void *payload, size_t length)
{
    struct mon_record head = {.version = MON_PROTOCOL_VERSION,
                              .type = (uint8_t)type,
                              .flags = (uint16_t)flags,
                              .a = a,
                              .length = (uint32_t)length};
    struct iovec parts[] = {{&head, sizeof(head)}, {(void *)(uintptr_t)payload, length}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = length > 0 ? 2 : 1};

    ssize_t n = os_sendmsg(fd, &message, MSG_NOSIGNAL);
    return n < 0 ? (int)n : 0;
}

static void drop(struct monitor *m, struct mon_client *client)
{
    bool fed = client->wants & MON_WANT_INPUT;

    os_close(&client->fd);
    client->wants = 0;
    client->owes = false;
    if (fed && m->config.stdin_once) {
        m->input_ends = true;
    }
    mon_client_deliver(m);
}

struct mon_client *mon_client_add(struct monitor *m, int fd, unsigned wants)
{
    for (size_t i = 0; i < MON_CLIENTS_MAX; i++) {
        if (m->clients[i].fd < 0) {
            m->clients[i] = (struct mon_client){.fd = fd, .wants = wants};
            return &m->clients[i];
        }
    }
    os_close(&fd);
    return NULL;
}

void mon_client_accept(struct monitor *m)
{
    int fd = os_accept(m->listener, 0);

    if (fd >= 0) {
        (void)mon_client_add(m, fd, 0);
    }
}

void mon_client_deliver(struct monitor *m)
{
    m->chunk_held = false;
    for (size_t i = 0; i < MON_CLIENTS_MAX; i++) {
        struct mon_client *client = &m->clients[i];

        if (client->fd < 0 || !client->owes) {
            continue;
        }
        ssize_t n = os_send(client->fd, &m->chunk, sizeof(m->chunk.head) + m->chunk.head.length,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n == -EAGAIN) {
            m->chunk_held = true;
            continue;
        }
        client->owes = false;
        if (n < 0) { /* It is gone: poll says so next and it is dropped there. */
            client->wants &= ~(unsigned)MON_WANT_OUTPUT;
        }
    }
}

bool mon_client_take_output(struct monitor *m, int *fd, int stream)
{
    ssize_t n = os_read(*fd, m->chunk.bytes, sizeof(m->chunk.bytes));

    if (n == -EAGAIN) {
        return false;
    }
    if (n <= 0) { /* A terminal whose last other side is closed says EIO. */
        if (m->in_fd == *fd) {
            m->in_fd = -1;
        }
        os_close(fd);
        return false;
    }
    mon_log_write(&m->log, stream, m->chunk.bytes, (size_t)n);
    m->chunk.head = (struct mon_record){
        .version = MON_PROTOCOL_VERSION, .type = MON_OUTPUT, .b = stream, .length = (uint32_t)n};
    for (size_t i = 0; i < MON_CLIENTS_MAX; i++) {
        m->clients[i].owes = m->clients[i].fd >= 0 && (m->clients[i].wants & MON_WANT_OUTPUT);
    }
    mon_client_deliver(m);
    return true;
}

void mon_client_feed_input(struct monitor *m)
{
    while (m->input_left > 0 && m->in_fd >= 0) {
        ssize_t n = os_write(m->in_fd, m->input.bytes + m->input_at, m->input_left);

        if (n == -EAGAIN) {
            return;
        }
        if (n < 0) {
            break;
        }
        m->input_at += (size_t)n;
        m->input_left -= (size_t)n;
    }
    m->input_left = 0;
    if (m->input_ends && !m->config.tty) {
        os_close(&m->in_fd);
    }
}

int mon_client_signal(struct monitor *m, int number, bool stop)
{
    if (stop) {
        m->stop_asked = true;
    }
    if (m->phase == MON_PHASE_BACKING_OFF && stop) {
        m->resume_mono_ns = os_monotonic_ns();
        return 0;
    }
    if (m->phase == MON_PHASE_STARTING && (stop || number == SIGKILL)) {
        return os_pidfd_send_signal(m->pidfd, SIGKILL); /* Nothing of it has run. */
    }
    if (m->phase != MON_PHASE_RUNNING) {
        return -ESRCH;
    }
    return m->config.workload ? mon_machine_signal(m, number)
                              : os_pidfd_send_signal(m->pidfd, number);
}

static void resize(struct monitor *m, int rows, int columns)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};

    m->rows = (unsigned)rows;
    m->columns = (unsigned)columns;
    if (m->config.tty && m->out_fd >= 0) {
        (void)os_window_size_set(m->out_fd, &size);
        mon_machine_resize(m);
    }
}

/* One that cannot be answered must not wait for it: it asks again over a new connection. */
static void answer(struct monitor *m, struct mon_client *client, int type, int a)
{
    if (mon_client_send(client->fd, type, 0, a, NULL, 0) < 0) {
        drop(m, client);
    }
}

static void handle(struct monitor *m, struct mon_client *client, const struct mon_record *head)
{
    switch (head->type) {
    case MON_HELLO:
        client->wants = head->flags;
        answer(m, client, MON_STARTED, (int)m->pid);
        break;
    case MON_INPUT:
        m->input_at = 0;
        m->input_left = head->length;
        mon_client_feed_input(m);
        break;
    case MON_INPUT_END:
        m->input_ends = true;
        mon_client_feed_input(m);
        break;
    case MON_RESIZE:
        resize(m, head->a, head->b);
        break;
    case MON_SIGNAL: {
        int r = mon_client_signal(m, head->a, head->flags & MON_SIGNAL_STOP);
        answer(m, client, MON_DONE, -r);
        break;
    }
    default:
        drop(m, client);
    }
}

void mon_client_read(struct monitor *m, struct mon_client *client)
{
    ssize_t n = os_recv(client->fd, &m->input, sizeof(m->input), MSG_DONTWAIT);

    if (n == -EAGAIN) {
        return;
    }
    bool whole = n >= (ssize_t)sizeof(m->input.head) &&
                 m->input.head.version == MON_PROTOCOL_VERSION &&
                 m->input.head.length == (size_t)n - sizeof(m->input.head);
    if (!whole) {
        drop(m, client);
        return;
    }
    struct mon_record head = m->input.head;
    handle(m, client, &head);
}

bool mon_client_tell_exit(struct monitor *m, bool last, bool by_owner)
{
    bool taken = false;

    for (size_t i = 0; i < MON_CLIENTS_MAX; i++) {
        struct mon_client *client = &m->clients[i];
        bool owner = client->wants & MON_WANT_OWNER;
        bool now = last ? owner == by_owner
                        : (client->wants & MON_WANT_NEXT_EXIT) != 0 && !owner == !by_owner;

        if (client->fd < 0 || !now) {
            continue;
        }
        bool sent = mon_client_send(client->fd, MON_EXIT, last && owner ? MON_EXIT_CLEAN_UP : 0,
                                    m->exit_code, NULL, 0) == 0;
        taken |= sent && last && owner;
        os_close(&client->fd);
        client->wants = 0;
    }
    return taken;
}
