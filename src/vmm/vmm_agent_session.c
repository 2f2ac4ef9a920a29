/*
 * Sessions of others: bytes between a stream socket of the host, at which a command stands
 * (strata exec, strata cp), and a connection to the guest's agent. What they say to each other is
 * not looked at: both ends parse it themselves, and neither trusts the other.
 *
 * A chunk of each direction at most is held here: what the guest sends waits in the device's ring
 * until the socket takes it, what the host sends is read only when the chunk before has gone.
 */
#include <stdlib.h>

#include "base/attr.h"
#include "format/fmt_agent.h"
#include "os/os_file.h"
#include "os/os_socket.h"
#include "vmm/vmm_agent_priv.h"

enum { CHUNK = 32 << 10 };

struct vmm_agent_session {
    struct vmm_agent_peer peer;
    struct plat_sockets *sockets;
    struct os_loop *loop;
    struct os_watch watch;
    bool connected;
    bool full; /* the socket takes no more now */
    size_t at, used;
    uint8_t chunk[CHUNK]; /* on its way to the guest */
    void (*ended)(void *argument);
    void *argument;
};

static void wait_for(struct vmm_agent_session *session)
{
    bool reads = session->connected && session->used == 0;

    os_loop_change(session->loop, &session->watch,
                   (reads ? EPOLLIN : 0) | (session->full ? EPOLLOUT : 0));
}

static void end(struct vmm_agent_session *session)
{
    session->ended(session->argument); /* which frees it */
}

/* Moves the chunk on. */
static void flush(struct vmm_agent_session *session)
{
    struct plat_stream *stream = &session->peer.stream;

    if (session->connected && session->used > 0) {
        size_t done = stream->receive(stream->device, session->chunk + session->at, session->used);

        session->at += done;
        session->used -= done;
    }
    wait_for(session);
}

static void socket_ready(void *argument, uint32_t events)
{
    struct vmm_agent_session *session = argument;
    struct plat_stream *stream = &session->peer.stream;

    if (session->full && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) {
        session->full = false;
        wait_for(session);
        if (session->connected && stream->ready != NULL) {
            stream->ready(stream->device); /* it may end here */
            return;
        }
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) {
        return;
    }
    if (session->used > 0) {
        /* Whoever stood there is gone, which would be told again and again. */
        if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
            end(session);
        }
        return;
    }
    ssize_t got = os_recv(session->watch.fd, session->chunk, sizeof session->chunk, MSG_DONTWAIT);
    if (got == -ST_EAGAIN) {
        return;
    }
    if (got <= 0) { /* whoever stood there is gone: the guest is told by the connection's end */
        end(session);
        return;
    }
    session->at = 0;
    session->used = (size_t)got;
    flush(session);
}

static size_t from_guest(struct plat_stream *stream, const void *bytes, size_t size)
{
    struct vmm_agent_session *session = ST_CONTAINER(stream, struct vmm_agent_session, peer.stream);
    ssize_t done = os_send(session->watch.fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (done == -ST_EAGAIN) {
        session->full = true;
        wait_for(session);
        return 0;
    }
    if (done < 0) {
        end(session);
        return size;
    }
    if ((size_t)done < size) {
        session->full = true;
        wait_for(session);
    }
    return (size_t)done;
}

static void resume(struct plat_stream *stream)
{
    flush(ST_CONTAINER(stream, struct vmm_agent_session, peer.stream));
}

static void opened(struct vmm_agent_peer *peer, bool accepted)
{
    struct vmm_agent_session *session = ST_CONTAINER(peer, struct vmm_agent_session, peer);

    if (!accepted) {
        end(session);
        return;
    }
    session->connected = true;
    flush(session);
}

static void closed(struct vmm_agent_peer *peer)
{
    struct vmm_agent_session *session = ST_CONTAINER(peer, struct vmm_agent_session, peer);

    if (session->connected) { /* else it is vmm_agent_session_free that closes it */
        session->connected = false;
        end(session);
    }
}

struct vmm_agent_session *vmm_agent_session_new(struct plat_sockets *sockets, struct os_loop *loop,
                                                int fd, void (*ended)(void *argument),
                                                void *argument)
{
    static const struct plat_stream_ops ops = {.write = from_guest, .resume = resume};
    struct vmm_agent_session *session = calloc(1, sizeof *session);

    if (session == NULL) {
        os_close(&fd);
        return NULL;
    }
    session->peer =
        (struct vmm_agent_peer){.stream = {.ops = &ops}, .opened = opened, .closed = closed};
    session->sockets = sockets;
    session->loop = loop;
    session->ended = ended;
    session->argument = argument;
    session->watch = (struct os_watch){.fd = fd, .ready = socket_ready, .argument = session};
    /* Until it is connected only the socket's end is of interest, which is always told. */
    if (os_loop_add(loop, &session->watch, 0) < 0) {
        os_close(&session->watch.fd);
        free(session);
        return NULL;
    }
    return session;
}

void vmm_agent_session_connect(struct vmm_agent_session *session)
{
    struct plat_sockets *sockets = session->sockets;

    if (sockets->open(sockets->device, &session->peer.stream, FMT_AGENT_PORT) < 0) {
        end(session);
    }
}

void vmm_agent_session_free(struct vmm_agent_session *session)
{
    if (session == NULL) {
        return;
    }
    session->connected = false;
    if (session->peer.stream.device != NULL) {
        session->sockets->host_closed(session->sockets->device, &session->peer.stream);
    }
    os_loop_remove(session->loop, &session->watch);
    os_close(&session->watch.fd);
    free(session);
}
