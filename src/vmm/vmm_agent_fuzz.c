/*
 * A guest that lies to its agent's protocol, and commands beside it that come, talk and go: the
 * input is a script of what the socket device and the commands do. Nothing of it may reach freed
 * memory, hang or end the process.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "os/os_file.h"
#include "os/os_loop.h"
#include "os/os_socket.h"
#include "vmm/vmm_agent.h"

enum { STREAMS = 6, COMMANDS = 4, STEPS_MAX = 256 };

/* What the device has of a connection. */
struct connection {
    struct plat_stream *stream; /* NULL: none */
    bool opening;
    size_t room; /* how much the guest takes yet */
};

struct world {
    struct os_loop *loop;
    struct vmm_agent *agent;
    struct plat_sockets *sockets;
    struct connection connections[STREAMS];
    int commands[COMMANDS]; /* our ends of sessions; -1: none */
    int output;             /* our end of the workload's standard output */
    unsigned ended, started;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- the device ---- */

static size_t receive(void *device, const void *bytes, size_t size)
{
    struct connection *c = device;
    size_t part = ST_MIN(size, c->room);

    (void)bytes;
    c->room -= part;
    return part;
}

static void ready(void *device)
{
    (void)device;
}

static void attach(struct connection *c, struct plat_stream *stream, bool opening)
{
    *c = (struct connection){.stream = stream, .opening = opening, .room = 100};
    stream->receive = receive;
    stream->ready = ready;
    stream->device = c;
}

static void detach(struct world *world, struct connection *c)
{
    struct plat_stream *stream = c->stream;
    bool opening = c->opening;

    c->stream = NULL;
    stream->receive = NULL;
    stream->ready = NULL;
    stream->device = NULL;
    if (opening) {
        world->sockets->ops->opened(world->sockets, stream, false);
    } else {
        world->sockets->ops->closed(world->sockets, stream);
    }
}

/* The sockets' device is the world. */
static int open_to_guest(void *device, struct plat_stream *stream, uint32_t port)
{
    struct world *world = device;

    (void)port;
    for (unsigned i = 0; i < STREAMS; i++) {
        if (world->connections[i].stream == NULL) {
            attach(&world->connections[i], stream, true);
            return 0;
        }
    }
    return -ST_ENOTCONN;
}

static void host_closed(void *device, struct plat_stream *stream)
{
    struct connection *c = stream->device;

    c->opening = false;
    detach(device, c);
}

static void guest_connects(struct world *world, uint32_t port)
{
    for (unsigned i = 0; i < STREAMS; i++) {
        if (world->connections[i].stream == NULL) {
            struct plat_stream *stream = world->sockets->ops->connect(world->sockets, port);
            if (stream != NULL) {
                attach(&world->connections[i], stream, false);
                stream->ops->resume(stream);
            }
            return;
        }
    }
}

/* ---- the script ---- */

static void started(void *argument)
{
    struct world *world = argument;
    world->started++;
}

static void ended(void *argument, const struct vmm_agent_end *end)
{
    struct world *world = argument;
    ST_CHECK(end->code >= 0 && end->code <= 255);
    world->ended++;
}

static void serve(struct world *world)
{
    os_loop_stop(world->loop);
    (void)os_loop_run(world->loop);
}

static void command(struct world *world, uint8_t what, const uint8_t *bytes, size_t size)
{
    int *fd = &world->commands[what % COMMANDS];
    int fds[2];

    if (*fd < 0) {
        if (os_socketpair(SOCK_STREAM, fds) == 0) {
            *fd = fds[0];
            (void)vmm_agent_session(world->agent, fds[1]);
        }
    } else if ((what & 64) != 0) {
        os_close(fd);
    } else {
        (void)os_send(*fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

static void step(struct world *world, uint8_t what, uint8_t which, const uint8_t *bytes,
                 size_t size)
{
    struct connection *c = &world->connections[which % STREAMS];
    struct plat_stream *stream = c->stream;
    char drained[4096];

    switch (what % 8) {
    case 0:
        guest_connects(world, (which & 64) != 0 ? which : 1);
        break;
    case 1: /* the guest sends, as far as it is taken */
        if (stream != NULL && !c->opening) {
            (void)stream->ops->write(stream, bytes, size);
        }
        break;
    case 2:
        if (stream != NULL && c->opening) {
            c->opening = false;
            world->sockets->ops->opened(world->sockets, stream, true);
        }
        break;
    case 3:
        if (stream != NULL) {
            detach(world, c);
        }
        break;
    case 4:
        if (stream != NULL && !c->opening) {
            c->room += size * 4096;
            stream->ops->resume(stream);
        }
        break;
    case 5:
        command(world, which, bytes, size);
        break;
    case 6:
        (void)os_recv(world->output, drained, sizeof drained, MSG_DONTWAIT);
        serve(world);
        break;
    default:
        if (vmm_agent_workload(world->agent) != NULL) {
            vmm_agent_signal(vmm_agent_workload(world->agent), which);
            vmm_agent_resize(vmm_agent_workload(world->agent), which, what);
        } else {
            vmm_agent_power_off(world->agent);
        }
        break;
    }
}

static void no_lock(void *argument)
{
    (void)argument;
}

static void make(struct world *world)
{
    int output[2], input[2];

    ST_CHECK(os_loop_new(no_lock, no_lock, NULL, &world->loop) == 0);
    ST_CHECK(os_socketpair(SOCK_STREAM, output) == 0 && os_pipe(input, 0) == 0);
    (void)os_write(input[1], "what the workload reads", 23);
    os_close(&input[1]);
    world->output = output[0];
    struct vmm_agent_config config = {
        .loop = world->loop,
        .setup = "root=x",
        .setup_size = 7,
        .start = "arg=x",
        .start_size = 6,
        .streams = {.in = input[0], .out = output[1], .err = os_dup(output[1])},
        .started = started,
        .ended = ended,
        .argument = world,
    };
    ST_CHECK(vmm_agent_new(&config, &world->agent) == 0);
    world->sockets = vmm_agent_sockets(world->agent);
    world->sockets->open = open_to_guest;
    world->sockets->host_closed = host_closed;
    world->sockets->device = world;
    for (unsigned i = 0; i < COMMANDS; i++) {
        world->commands[i] = -1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world world = {.output = -1};

    make(&world);
    /* A step: what, which, how many bytes, and those. */
    for (unsigned i = 0; i < STEPS_MAX && size >= 3; i++) {
        size_t length = ST_MIN((size_t)data[2], size - 3);
        step(&world, data[0], data[1], data + 3, length);
        data += 3 + length;
        size -= 3 + length;
    }
    for (unsigned i = 0; i < STREAMS; i++) { /* as the device does when it goes */
        if (world.connections[i].stream != NULL) {
            detach(&world, &world.connections[i]);
        }
    }
    vmm_agent_free(world.agent);
    for (unsigned i = 0; i < COMMANDS; i++) {
        os_close(&world.commands[i]);
    }
    os_close(&world.output);
    ST_CHECK(world.started <= 1);
    os_loop_free(world.loop);
    return 0;
}
