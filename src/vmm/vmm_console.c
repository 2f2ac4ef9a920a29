/*
 * A serial line's other end: see vmm_console.h.
 *
 * The program's descriptors may be shared with a shell, so they stay blocking: what is written is
 * what poll says that there is room for. Files, which poll and epoll do not know, always have room.
 */
#include "vmm/vmm_console.h"

#include <stdlib.h>
#include <string.h>

#include "os/os_event.h"
#include "os/os_file.h"
#include "os/os_socket.h"

enum { OUT_BYTES = 16384, IN_BYTES = 512, CHUNK = 512 };

struct end { /* one source of input */
    struct vmm_console *console;
    struct os_watch watch;
    bool always; /* a file: epoll does not take it */
    bool over;
    uint8_t bytes[IN_BYTES];
    size_t at, length; /* what the device had no room for */
};

struct vmm_console {
    struct plat_stream stream; /* first */
    struct vmm_console_config config;
    struct end in;
    struct end clients[VMM_CONSOLE_CLIENTS];
    struct os_watch out; /* watched while output waits */
    uint8_t waiting[OUT_BYTES];
    size_t waiting_at, waiting_length;
    bool escaped; /* the escape key was typed */
};

/* ---- output ---- */

void vmm_console_flush(struct vmm_console *console)
{
    while (console->waiting_length > 0 && os_is_ready(console->config.out_fd, POLLOUT)) {
        size_t size = ST_MIN(console->waiting_length, (size_t)CHUNK);
        ssize_t written =
            os_write(console->config.out_fd, console->waiting + console->waiting_at, size);
        if (written <= 0) {
            /* Nobody reads it any more: the machine goes on without. */
            written = (ssize_t)console->waiting_length;
        }
        console->waiting_at += (size_t)written;
        console->waiting_length -= (size_t)written;
    }
    if (console->waiting_length == 0) {
        console->waiting_at = 0;
    }
}

static void out_ready(void *argument, uint32_t events)
{
    struct vmm_console *console = argument;
    (void)events;
    vmm_console_flush(console);
    if (console->waiting_length == 0) {
        os_loop_remove(console->config.loop, &console->out);
        if (console->stream.ready != NULL) {
            console->stream.ready(console->stream.device);
        }
    }
}

static void drop_client(struct end *client)
{
    os_loop_remove(client->console->config.loop, &client->watch);
    os_close(&client->watch.fd);
}

static void tell_clients(struct vmm_console *console, const void *bytes, size_t size)
{
    for (unsigned i = 0; i < VMM_CONSOLE_CLIENTS; i++) {
        struct end *client = &console->clients[i];
        if (client->watch.fd >= 0) {
            ssize_t sent = os_send(client->watch.fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (sent < 0 && sent != -ST_EAGAIN) {
                drop_client(client);
            }
        }
    }
}

static size_t stream_write(struct plat_stream *stream, const void *bytes, size_t size)
{
    struct vmm_console *console = (struct vmm_console *)stream;
    if (console->config.out_fd < 0) {
        tell_clients(console, bytes, size);
        return size;
    }
    size_t used = console->waiting_at + console->waiting_length;
    if (used + size > OUT_BYTES) {
        memmove(console->waiting, console->waiting + console->waiting_at, console->waiting_length);
        console->waiting_at = 0;
        used = console->waiting_length;
    }
    size_t taken = ST_MIN(size, OUT_BYTES - used);
    memcpy(console->waiting + used, bytes, taken);
    console->waiting_length += taken;
    tell_clients(console, bytes, taken);
    vmm_console_flush(console);
    if (console->waiting_length > 0 && console->out.slot == 0 &&
        os_loop_add(console->config.loop, &console->out, EPOLLOUT) < 0) {
        console->waiting_length = 0;
    }
    return taken;
}

/* ---- input ---- */

/* Takes the escape key's sequences out of what was typed. Returns what is left. */
static size_t filter(struct vmm_console *console, uint8_t *bytes, size_t size)
{
    size_t left = 0;
    for (size_t i = 0; i < size; i++) {
        if (console->escaped) {
            console->escaped = false;
            if (bytes[i] != VMM_CONSOLE_ESCAPE) {
                console->config.key(console->config.argument, (char)bytes[i]);
                continue;
            }
        } else if (bytes[i] == VMM_CONSOLE_ESCAPE) {
            console->escaped = true;
            continue;
        }
        bytes[left++] = bytes[i];
    }
    return left;
}

/* Gives the device what it takes. */
static void deliver(struct end *end)
{
    struct plat_stream *stream = &end->console->stream;
    if (end->length > 0 && stream->receive != NULL) {
        size_t taken = stream->receive(stream->device, end->bytes + end->at, end->length);
        end->at += taken;
        end->length -= taken;
    }
}

static void read_more(struct end *end)
{
    struct vmm_console *console = end->console;
    bool client = end != &console->in;
    ssize_t got = client ? os_recv(end->watch.fd, end->bytes, IN_BYTES, MSG_DONTWAIT)
                         : os_read(end->watch.fd, end->bytes, IN_BYTES);
    if (got == -ST_EAGAIN) {
        return;
    }
    if (got <= 0) {
        end->over = true;
        if (client) {
            drop_client(end);
        } else {
            os_loop_remove(console->config.loop, &end->watch);
        }
        return;
    }
    end->at = 0;
    end->length =
        !client && console->config.escape ? filter(console, end->bytes, (size_t)got) : (size_t)got;
}

static void in_ready(void *argument, uint32_t events)
{
    struct end *end = argument;
    (void)events;
    if (end->length == 0 && !end->over) {
        read_more(end);
    }
    deliver(end);
    if (end->length > 0) { /* wait for stream_resume */
        os_loop_change(end->console->config.loop, &end->watch, 0);
    }
}

static void resume_end(struct end *end)
{
    deliver(end);
    while (end->always && end->length == 0 && !end->over) {
        read_more(end);
        deliver(end);
    }
    if (end->length == 0) {
        os_loop_change(end->console->config.loop, &end->watch, EPOLLIN);
    }
}

static void stream_resume(struct plat_stream *stream)
{
    struct vmm_console *console = (struct vmm_console *)stream;
    resume_end(&console->in);
    for (unsigned i = 0; i < VMM_CONSOLE_CLIENTS; i++) {
        resume_end(&console->clients[i]);
    }
}

static const struct plat_stream_ops ops = {.write = stream_write, .resume = stream_resume};

static void end_init(struct vmm_console *console, struct end *end, int fd)
{
    *end = (struct end){.console = console,
                        .watch = {.fd = fd, .ready = in_ready, .argument = end},
                        .over = fd < 0};
}

int vmm_console_new(const struct vmm_console_config *config, struct vmm_console **ret_console)
{
    struct vmm_console *console = calloc(1, sizeof *console);
    if (console == NULL) {
        return -ST_ENOMEM;
    }
    console->stream.ops = &ops;
    console->config = *config;
    console->out = (struct os_watch){.fd = config->out_fd, .ready = out_ready, .argument = console};
    end_init(console, &console->in, config->in_fd);
    for (unsigned i = 0; i < VMM_CONSOLE_CLIENTS; i++) {
        end_init(console, &console->clients[i], -1);
    }
    if (config->in_fd >= 0) {
        int r = os_loop_add(config->loop, &console->in.watch, EPOLLIN);
        console->in.always = r == -ST_EPERM;
        if (r < 0 && r != -ST_EPERM) {
            free(console);
            return r;
        }
    }
    *ret_console = console;
    return 0;
}

void vmm_console_free(struct vmm_console *console)
{
    if (console == NULL) {
        return;
    }
    os_loop_remove(console->config.loop, &console->in.watch);
    os_loop_remove(console->config.loop, &console->out);
    for (unsigned i = 0; i < VMM_CONSOLE_CLIENTS; i++) {
        if (console->clients[i].watch.fd >= 0) {
            drop_client(&console->clients[i]);
        }
    }
    free(console);
}

struct plat_stream *vmm_console_stream(struct vmm_console *console)
{
    return &console->stream;
}

int vmm_console_attach(struct vmm_console *console, int fd)
{
    for (unsigned i = 0; i < VMM_CONSOLE_CLIENTS; i++) {
        struct end *client = &console->clients[i];
        if (client->watch.fd < 0) {
            end_init(console, client, fd);
            int r = os_loop_add(console->config.loop, &client->watch, EPOLLIN);
            if (r < 0) {
                os_close(&client->watch.fd);
            }
            return r;
        }
    }
    os_close(&fd);
    return -ST_ELIMIT;
}
