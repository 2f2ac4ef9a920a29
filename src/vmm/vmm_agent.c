/*
 * The host's end of the agent: see vmm_agent.h.
 *
 * A link is one connection: the control connection, or a process's. What goes to the guest waits in
 * `to_guest` for the guest's buffers; input is read from its descriptor only when nothing waits
 * there and the guest has granted a window. What comes from the guest waits in `from_guest`, at
 * most a record, until the descriptor that it is for takes it; the vsock device holds back the
 * rest.
 */
#include "vmm/vmm_agent.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/arith.h"
#include "base/attr.h"
#include "base/heap.h"
#include "base/print.h"
#include "format/fmt_agent.h"
#include "os/os_event.h"
#include "os/os_file.h"
#include "os/os_terminal.h"
#include "vmm/vmm_agent_priv.h"

enum {
    FROM_GUEST_MAX = FMT_AGENT_DATA_MAX + FMT_AGENT_HEAD_BYTES,
    KILLED = 137,
    TERMINAL_CHUNK = 512
};

enum stream_number { IN, OUT, ERR, STREAMS };

struct link {
    struct vmm_agent_peer peer;
    struct vmm_agent *agent;
    bool connected;
    struct st_buf to_guest;
    uint8_t from_guest[FROM_GUEST_MAX];
    size_t from_guest_size;
};

struct vmm_agent_process {
    struct link link;
    struct os_watch watches[STREAMS];
    bool always_ready[STREAMS]; /* a file, which cannot be waited for */
    bool started, input_ended;
    uint32_t window;
    size_t output_done;    /* of the record in from_guest */
    size_t chunk[STREAMS]; /* what a descriptor that is ready takes without waiting */
    int code;              /* once it has ended */
    char error[512];       /* why it did not start; empty: it ran */
};

struct vmm_agent {
    struct plat_sockets sockets;
    struct os_loop *loop;
    struct st_buf setup, start;
    struct link control;
    bool control_used;
    bool set_up;                        /* DONE has come */
    struct vmm_agent_process *workload; /* NULL: it does not run */
    struct vmm_agent_streams streams;   /* the workload's, until it is started */
    struct place {
        struct vmm_agent_session *session; /* NULL: free */
    } sessions[VMM_AGENT_SESSIONS_MAX];
    void (*started)(void *argument);
    void (*ended)(void *argument, const struct vmm_agent_end *end);
    void *argument;
};

/* What becomes of a record. */
enum heard {
    DONE,   /* it is dealt with */
    WAITS,  /* the descriptor it is for takes no more now */
    BROKEN, /* it may not come: the link ends */
    ENDS,   /* it was the process's last; process->end is set */
};
static enum heard hear(struct link *link, const struct fmt_agent_record *record);

/* ---- links ---- */

static void flush(struct link *link)
{
    while (link->connected && link->to_guest.length > 0) {
        size_t done = link->peer.stream.receive(link->peer.stream.device, link->to_guest.data,
                                                link->to_guest.length);

        if (done == 0) {
            return;
        }
        memmove(link->to_guest.data, link->to_guest.data + done, link->to_guest.length - done);
        link->to_guest.length -= done;
    }
}

static void read_input(struct vmm_agent_process *process);

static void link_resume(struct plat_stream *stream)
{
    struct link *link = ST_CONTAINER(stream, struct link, peer.stream);

    flush(link);
    if (link != &link->agent->control) {
        read_input(ST_CONTAINER(link, struct vmm_agent_process, link));
    }
}

/* Handles the records that are there. Not DONE: it stopped there. */
static enum heard parse(struct link *link)
{
    struct fmt_agent_record record;
    int64_t length;

    while ((length = fmt_agent_parse(link->from_guest, link->from_guest_size, &record)) > 0) {
        enum heard heard = hear(link, &record);

        if (heard != DONE) {
            return heard;
        }
        link->from_guest_size -= (size_t)length;
        memmove(link->from_guest, link->from_guest + length, link->from_guest_size);
    }
    return length < 0 ? BROKEN : DONE;
}

static void fail_link(struct link *link);
static void finish_link(struct link *link);

static size_t link_write(struct plat_stream *stream, const void *bytes, size_t size)
{
    struct link *link = ST_CONTAINER(stream, struct link, peer.stream);
    size_t part = ST_MIN(size, sizeof link->from_guest - link->from_guest_size);

    memcpy(link->from_guest + link->from_guest_size, bytes, part);
    link->from_guest_size += part;
    switch (parse(link)) {
    case DONE:
    case WAITS:
        return part;
    case BROKEN:
        fail_link(link);
        return size;
    case ENDS:
        finish_link(link);
        return size;
    }
    return size;
}

static void link_opened(struct vmm_agent_peer *peer, bool accepted)
{
    struct link *link = ST_CONTAINER(peer, struct link, peer);

    if (!accepted) {
        fail_link(link);
        return;
    }
    link->connected = true;
    flush(link);
}

static void link_closed(struct vmm_agent_peer *peer)
{
    struct link *link = ST_CONTAINER(peer, struct link, peer);

    /* link_close asked for it: it does the rest itself. */
    if (link->connected) {
        link->connected = false;
        fail_link(link);
    }
}

static const struct plat_stream_ops link_ops = {.write = link_write, .resume = link_resume};

static void link_init(struct link *link, struct vmm_agent *agent)
{
    link->peer = (struct vmm_agent_peer){
        .stream = {.ops = &link_ops}, .opened = link_opened, .closed = link_closed};
    link->agent = agent;
    link->connected = false;
    link->from_guest_size = 0;
    st_buf_done(&link->to_guest);
    link->to_guest = ST_BUF_HEAP(FMT_AGENT_PAYLOAD_MAX + (256 << 10));
}

/* Closes the connection without a word to whoever waits for its end. */
static void link_close(struct link *link)
{
    if (link->peer.stream.device != NULL) {
        struct plat_sockets *sockets = &link->agent->sockets;

        link->connected = false;
        sockets->host_closed(sockets->device, &link->peer.stream);
    }
    link->connected = false;
    st_buf_done(&link->to_guest);
}

/* ---- processes ---- */

static void close_stream(struct vmm_agent_process *process, enum stream_number n)
{
    os_loop_remove(process->link.agent->loop, &process->watches[n]);
    os_close(&process->watches[n].fd);
}

static void process_free(struct vmm_agent_process *process)
{
    process->link.agent->workload = NULL;
    link_close(&process->link);
    for (unsigned n = 0; n < STREAMS; n++) {
        close_stream(process, n);
    }
    free(process);
}

static void end_sessions(struct vmm_agent *agent);
static void connect_sessions(struct vmm_agent *agent);

static void tell_end(struct vmm_agent *agent, int code, const char *error)
{
    const struct vmm_agent_end end = {code, error};

    end_sessions(agent);
    agent->ended(agent->argument, &end);
}

static void end_process(struct vmm_agent_process *process, int code, const char *error)
{
    struct vmm_agent *agent = process->link.agent;

    process_free(process);
    tell_end(agent, code, error);
}

/* The process's last record has come. */
static void finish_link(struct link *link)
{
    struct vmm_agent_process *process = ST_CONTAINER(link, struct vmm_agent_process, link);
    char error[sizeof process->error];

    memcpy(error, process->error, sizeof error);
    end_process(process, process->code, error[0] == '\0' ? NULL : error);
}

/* The guest broke the protocol, or its connection. */
static void fail_link(struct link *link)
{
    struct vmm_agent *agent = link->agent;

    if (link == &agent->control) {
        link_close(link);
        return;
    }
    end_process(ST_CONTAINER(link, struct vmm_agent_process, link), KILLED,
                "the virtual machine's agent ended without a word");
}

/* Reads input as far as the window reaches, if nothing else waits to be sent. */
static void read_input(struct vmm_agent_process *process)
{
    struct os_watch *watch = &process->watches[IN];
    char bytes[FMT_AGENT_DATA_MAX];
    struct link *link = &process->link;

    while (watch->fd >= 0 && link->connected && process->window > 0 && link->to_guest.length == 0 &&
           !process->input_ended) {
        if (!os_is_ready(watch->fd, POLLIN)) {
            break;
        }
        ssize_t got = os_read(watch->fd, bytes, ST_MIN(sizeof bytes, (size_t)process->window));

        process->input_ended = got <= 0;
        got = got < 0 ? 0 : got;
        process->window -= (uint32_t)got;
        if (fmt_agent_write(&link->to_guest, FMT_AGENT_IN, bytes, (size_t)got) < 0) {
            break;
        }
        flush(link);
    }
    if (process->input_ended) {
        close_stream(process, IN);
    } else if (watch->fd >= 0 && !process->always_ready[IN]) {
        bool wanted = link->connected && process->window > 0 && link->to_guest.length == 0;

        os_loop_change(link->agent->loop, watch, wanted ? EPOLLIN : 0);
    }
}

static void input_ready(void *argument, uint32_t events)
{
    (void)events;
    read_input(argument);
}

/* Writes a record of output on; false: the rest waits for the descriptor. */
static bool write_output(struct vmm_agent_process *process, enum stream_number n,
                         const struct fmt_agent_record *record)
{
    struct os_watch *watch = &process->watches[n];

    if (record->size == 0) {
        close_stream(process, n);
        return true;
    }
    while (watch->fd >= 0 && process->output_done < record->size) {
        if (!os_is_ready(watch->fd, POLLOUT)) {
            os_loop_change(process->link.agent->loop, watch, EPOLLOUT);
            return false;
        }
        size_t size = ST_MIN(record->size - process->output_done, process->chunk[n]);
        ssize_t done = os_write(watch->fd, record->payload + process->output_done, size);

        if (done < 0) {
            close_stream(process, n); /* nobody reads it: it is lost, as in a pipe */
            break;
        }
        process->output_done += (size_t)done;
    }
    process->output_done = 0;
    return true;
}

static void output_ready(void *argument, uint32_t events)
{
    struct vmm_agent_process *process = argument;
    struct link *link = &process->link;

    (void)events;
    for (unsigned n = OUT; n <= ERR; n++) {
        if (process->watches[n].fd >= 0 && !process->always_ready[n]) {
            os_loop_change(link->agent->loop, &process->watches[n], 0);
        }
    }
    switch (parse(link)) {
    case DONE:
        if (link->peer.stream.ready != NULL) {
            link->peer.stream.ready(link->peer.stream.device);
        }
        return;
    case WAITS:
        return;
    case BROKEN:
        fail_link(link);
        return;
    case ENDS:
        finish_link(link);
        return;
    }
}

static int watch_streams(struct vmm_agent_process *process, const struct vmm_agent_streams *streams)
{
    const int fds[STREAMS] = {streams->in, streams->out, streams->err};

    for (unsigned n = 0; n < STREAMS; n++) {
        process->watches[n] = (struct os_watch){
            .fd = fds[n], .ready = n == IN ? input_ready : output_ready, .argument = process};
    }
    for (unsigned n = 0; n < STREAMS; n++) {
        int r = fds[n] < 0 ? 0 : os_loop_add(process->link.agent->loop, &process->watches[n], 0);

        process->chunk[n] = fds[n] >= 0 && os_is_terminal(fds[n]) ? TERMINAL_CHUNK : PIPE_BUF;
        process->always_ready[n] = r == -ST_EPERM;
        if (r < 0 && r != -ST_EPERM) {
            return r;
        }
    }
    return 0;
}

static int start_workload(struct vmm_agent *agent)
{
    struct vmm_agent_process *process = calloc(1, sizeof *process);
    int r;

    if (process == NULL) {
        return -ST_ENOMEM;
    }
    link_init(&process->link, agent);
    agent->workload = process;
    r = watch_streams(process, &agent->streams);
    agent->streams = (struct vmm_agent_streams){-1, -1, -1}; /* the watches' now */
    r = r < 0 ? r
              : fmt_agent_write(&process->link.to_guest, FMT_AGENT_START, agent->start.data,
                                agent->start.length);
    r = r < 0 ? r
              : agent->sockets.open(agent->sockets.device, &process->link.peer.stream,
                                    FMT_AGENT_PORT);
    if (r < 0) {
        process_free(process);
    }
    return r;
}

/* ---- records ---- */

/* The payload of FAILED after its code, as a line of text. */
static void failure_text(const struct fmt_agent_record *record, char *ret_text, size_t size)
{
    size_t length = record->size < 4 ? 0 : record->size - 4;

    (void)st_snprintf(ret_text, size, "%.*s", (int)length,
                      length == 0 ? "" : (const char *)record->payload + 4);
    for (char *c = ret_text; *c != '\0'; c++) {
        *c = (unsigned char)*c < ' ' || *c == 127 ? ' '
                                                  : *c; /* the guest's text goes to a terminal */
    }
}

static enum heard heard_by_process(struct vmm_agent_process *process,
                                   const struct fmt_agent_record *record)
{
    /* Its start comes first, and once; or the word that there is none. */
    bool begins = record->type == FMT_AGENT_STARTED || record->type == FMT_AGENT_FAILED;
    if (process->started == begins) {
        return BROKEN;
    }
    switch (record->type) {
    case FMT_AGENT_STARTED:
        process->started = true;
        if (process->link.agent->started != NULL) {
            process->link.agent->started(process->link.agent->argument);
        }
        connect_sessions(process->link.agent);
        return DONE;
    case FMT_AGENT_WINDOW:
        if (st_add_overflows(process->window, fmt_agent_u32(record), &process->window)) {
            process->window = UINT32_MAX;
        }
        read_input(process);
        return DONE;
    case FMT_AGENT_OUT:
        return write_output(process, OUT, record) ? DONE : WAITS;
    case FMT_AGENT_ERR:
        return write_output(process, ERR, record) ? DONE : WAITS;
    case FMT_AGENT_EXIT:
        process->code = (int)(fmt_agent_u32(record) & 255);
        return ENDS;
    case FMT_AGENT_FAILED:
        process->code = (int)(fmt_agent_u32(record) & 255);
        failure_text(record, process->error, sizeof process->error);
        return ENDS;
    default:
        return BROKEN;
    }
}

static enum heard heard_by_control(struct vmm_agent *agent, const struct fmt_agent_record *record)
{
    char error[512];

    switch (record->type) {
    case FMT_AGENT_READY:
        if (fmt_agent_write(&agent->control.to_guest, FMT_AGENT_SETUP, agent->setup.data,
                            agent->setup.length) < 0) {
            return BROKEN;
        }
        flush(&agent->control);
        return DONE;
    case FMT_AGENT_DONE:
        if (agent->set_up) {
            return BROKEN;
        }
        agent->set_up = true;
        if (start_workload(agent) < 0) {
            tell_end(agent, 125, "the virtual machine's agent takes no process");
            return BROKEN;
        }
        return DONE;
    case FMT_AGENT_FAILED:
        failure_text(record, error, sizeof error);
        tell_end(agent, 125, error);
        return DONE;
    default:
        return BROKEN;
    }
}

static enum heard hear(struct link *link, const struct fmt_agent_record *record)
{
    if (link == &link->agent->control) {
        return heard_by_control(link->agent, record);
    }
    return heard_by_process(ST_CONTAINER(link, struct vmm_agent_process, link), record);
}

/* ---- what the device calls ---- */

static struct vmm_agent *agent_of(struct plat_sockets *sockets)
{
    return ST_CONTAINER(sockets, struct vmm_agent, sockets);
}

/* The guest connects: only its agent has a reason to. */
static struct plat_stream *guest_connects(struct plat_sockets *sockets, uint32_t port)
{
    struct vmm_agent *agent = agent_of(sockets);

    if (port != FMT_AGENT_PORT || agent->control_used) {
        return NULL;
    }
    agent->control_used = true;
    agent->control.connected = true;
    return &agent->control.peer.stream;
}

static void stream_opened(struct plat_sockets *sockets, struct plat_stream *stream, bool accepted)
{
    struct vmm_agent_peer *peer = ST_CONTAINER(stream, struct vmm_agent_peer, stream);

    (void)sockets;
    peer->opened(peer, accepted);
}

static void guest_ended(struct plat_sockets *sockets, struct plat_stream *stream)
{
    (void)sockets;
    (void)stream;
}

static void stream_closed(struct plat_sockets *sockets, struct plat_stream *stream)
{
    struct vmm_agent_peer *peer = ST_CONTAINER(stream, struct vmm_agent_peer, stream);

    (void)sockets;
    peer->closed(peer);
}

/* ---- sessions of others ---- */

static void session_ended(void *argument)
{
    struct place *place = argument;
    struct vmm_agent_session *session = place->session;

    place->session = NULL;
    vmm_agent_session_free(session);
}

static void end_sessions(struct vmm_agent *agent)
{
    for (unsigned i = 0; i < VMM_AGENT_SESSIONS_MAX; i++) {
        session_ended(&agent->sessions[i]);
    }
}

/* Those that came before the workload ran. */
static void connect_sessions(struct vmm_agent *agent)
{
    for (unsigned i = 0; i < VMM_AGENT_SESSIONS_MAX; i++) {
        if (agent->sessions[i].session != NULL) {
            vmm_agent_session_connect(agent->sessions[i].session);
        }
    }
}

bool vmm_agent_is_full(const struct vmm_agent *agent)
{
    for (unsigned i = 0; i < VMM_AGENT_SESSIONS_MAX; i++) {
        if (agent->sessions[i].session == NULL) {
            return false;
        }
    }
    return true;
}

int vmm_agent_session(struct vmm_agent *agent, int fd)
{
    for (unsigned i = 0; i < VMM_AGENT_SESSIONS_MAX; i++) {
        struct place *place = &agent->sessions[i];

        if (place->session != NULL) {
            continue;
        }
        place->session =
            vmm_agent_session_new(&agent->sockets, agent->loop, fd, session_ended, place);
        if (place->session == NULL) {
            return -ST_ENOMEM;
        }
        if (agent->workload != NULL && agent->workload->started) {
            vmm_agent_session_connect(place->session);
        }
        return 0;
    }
    os_close(&fd);
    return -ST_ELIMIT;
}

/* ---- life ---- */

int vmm_agent_new(const struct vmm_agent_config *config, struct vmm_agent **ret_agent)
{
    static const struct plat_sockets_ops ops = {.connect = guest_connects,
                                                .opened = stream_opened,
                                                .guest_ended = guest_ended,
                                                .closed = stream_closed};
    struct vmm_agent *agent;

    if (config->setup_size > FMT_AGENT_PAYLOAD_MAX || config->start_size > FMT_AGENT_PAYLOAD_MAX) {
        return -ST_E2BIG;
    }
    agent = calloc(1, sizeof *agent);
    if (agent == NULL) {
        return -ST_ENOMEM;
    }
    agent->sockets.ops = &ops;
    agent->loop = config->loop;
    agent->streams = config->streams;
    agent->started = config->started;
    agent->ended = config->ended;
    agent->argument = config->argument;
    agent->setup = agent->start = ST_BUF_HEAP(FMT_AGENT_PAYLOAD_MAX);
    link_init(&agent->control, agent);
    if (st_buf_append(&agent->setup, config->setup, config->setup_size) < 0 ||
        st_buf_append(&agent->start, config->start, config->start_size) < 0) {
        vmm_agent_free(agent);
        return -ST_ENOMEM;
    }
    *ret_agent = agent;
    return 0;
}

void vmm_agent_free(struct vmm_agent *agent)
{
    if (agent == NULL) {
        return;
    }
    end_sessions(agent);
    if (agent->workload != NULL) {
        process_free(agent->workload);
    }
    link_close(&agent->control);
    st_buf_done(&agent->setup);
    st_buf_done(&agent->start);
    os_close(&agent->streams.in);
    os_close(&agent->streams.out);
    os_close(&agent->streams.err);
    free(agent);
}

struct plat_sockets *vmm_agent_sockets(struct vmm_agent *agent)
{
    return &agent->sockets;
}

struct vmm_agent_process *vmm_agent_workload(struct vmm_agent *agent)
{
    return agent->workload;
}

void vmm_agent_signal(struct vmm_agent_process *process, int signal_number)
{
    if (fmt_agent_write_u32(&process->link.to_guest, FMT_AGENT_SIGNAL, (uint32_t)signal_number) ==
        0) {
        flush(&process->link);
    }
}

void vmm_agent_resize(struct vmm_agent_process *process, uint16_t rows, uint16_t columns)
{
    if (fmt_agent_write_u32(&process->link.to_guest, FMT_AGENT_RESIZE,
                            (uint32_t)columns << 16 | rows) == 0) {
        flush(&process->link);
    }
}

void vmm_agent_power_off(struct vmm_agent *agent)
{
    if (agent->control.connected &&
        fmt_agent_write(&agent->control.to_guest, FMT_AGENT_POWER_OFF, "", 0) == 0) {
        flush(&agent->control);
    }
}
