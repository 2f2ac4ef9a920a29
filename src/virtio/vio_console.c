/* The console device. Output that the stream has no room for stays in its chain until it has. */
#include "virtio/vio_console.h"

#include "base/memops.h"

#define F_SIZE (1ull << 0)
#define F_EMERG_WRITE (1ull << 2)

enum { INPUT = 0, OUTPUT = 1 };
enum { QUEUE_SIZE = 64, PIECES = 64 };

struct console_config {
    uint16_t columns, rows;
    uint32_t ports;
    uint32_t emergency;
};
_Static_assert(sizeof(struct console_config) == 12, "virtio 1.2, 5.3.4");

struct console {
    struct vio_device device;
    struct plat_stream *stream;
    uint16_t columns, rows;
    bool input_wanted;   /* the stream was refused input for want of buffers */
    bool output_pending; /* `output` is a chain of which `written` bytes are out */
    uint32_t written;
    struct vio_chain output;
    struct plat_span spans[2][PIECES]; /* by queue */
    uint64_t addresses[2][PIECES];
};

static struct console *console_of(struct vio_device *device)
{
    return ST_CONTAINER(device, struct console, device);
}

static void console_config(struct vio_device *device, uint8_t *ret_config)
{
    struct console *console = console_of(device);
    struct console_config config = {.columns = console->columns, .rows = console->rows, .ports = 1};

    memcpy(ret_config, &config, sizeof config);
}

static void emergency_write(struct vio_device *device, uint32_t at, uint32_t size, uint32_t value)
{
    struct console *console = console_of(device);
    char byte = (char)value;

    if (at == offsetof(struct console_config, emergency) && size > 0) {
        (void)console->stream->ops->write(console->stream, &byte, 1);
    }
}

static struct vio_chain empty_chain(struct console *console, unsigned queue)
{
    return (struct vio_chain){
        .room = PIECES, .spans = console->spans[queue], .addresses = console->addresses[queue]};
}

/* Writes what is left of the pending chain; false: the stream is full. */
static bool write_out(struct console *console)
{
    uint32_t skip = console->written;

    for (unsigned i = 0; i < console->output.readable_count; i++) {
        const struct plat_span *span = &console->output.spans[i];

        if (skip >= span->size) {
            skip -= (uint32_t)span->size;
            continue;
        }
        size_t left = span->size - skip;
        size_t done =
            console->stream->ops->write(console->stream, (uint8_t *)span->data + skip, left);

        console->written += (uint32_t)done;
        console->device.counts.out_bytes += done;
        if (done < left) {
            return false;
        }
        skip = 0;
    }
    return true;
}

static void output(struct console *console)
{
    while (true) {
        if (!console->output_pending) {
            console->output = empty_chain(console, OUTPUT);
            if (!vio_pop(&console->device, OUTPUT, &console->output)) {
                return;
            }
            console->output_pending = true;
            console->written = 0;
        }
        if (!write_out(console)) {
            return; /* the stream calls when it has room */
        }
        console->output_pending = false;
        vio_push(&console->device, OUTPUT, console->output.head, 0, false);
    }
}

static void stream_ready(void *device)
{
    struct console *console = device;

    if (console->device.started) {
        vio_turn_begin(&console->device);
        output(console);
        vio_turn_end(&console->device);
    }
}

static size_t receive(void *device, const void *bytes, size_t size)
{
    struct console *console = device;
    const uint8_t *from = bytes;
    size_t done = 0;

    vio_turn_begin(&console->device);
    while (done < size) {
        struct vio_chain chain = empty_chain(console, INPUT);
        uint32_t part;

        if (!vio_pop(&console->device, INPUT, &chain)) {
            console->input_wanted = true;
            break;
        }
        part = vio_chain_write(console->device.memory, &chain, 0, from + done,
                               (uint32_t)ST_MIN(size - done, (size_t)UINT32_MAX));
        vio_push(&console->device, INPUT, chain.head, part, false);
        done += part;
    }
    vio_turn_end(&console->device);
    console->device.counts.in_bytes += done;
    return done;
}

static void notify(struct vio_device *device, unsigned queue)
{
    struct console *console = console_of(device);

    if (queue == OUTPUT) {
        output(console);
    } else if (console->input_wanted) {
        console->input_wanted = false;
        console->stream->ops->resume(console->stream);
    }
}

static void start(struct vio_device *device)
{
    notify(device, OUTPUT);
    notify(device, INPUT);
}

static bool stop(struct vio_device *device)
{
    console_of(device)->output_pending = false;
    return true;
}

void vio_console_resize(struct vio_device *device, uint16_t columns, uint16_t rows)
{
    struct console *console = console_of(device);

    console->columns = columns;
    console->rows = rows;
    vio_config_changed(device);
}

static void console_free(struct vio_device *device)
{
    struct console *console = console_of(device);

    console->stream->receive = NULL;
    console->stream->ready = NULL;
    plat_free(device->platform, console, sizeof *console);
}

static const struct vio_ops console_ops = {
    .name = "virtio-console",
    .type = VIO_CONSOLE,
    .class_code = 0x078000,
    .queues_count = 2,
    .queue_size = QUEUE_SIZE,
    .features = F_SIZE | F_EMERG_WRITE,
    .config_size = sizeof(struct console_config),
    .config = console_config,
    .config_write = emergency_write,
    .start = start,
    .notify = notify,
    .stop = stop,
    .free = console_free,
};

struct vio_device *vio_console_new(struct platform *platform, struct mem_map *memory,
                                   struct plat_stream *stream)
{
    struct console *console = plat_alloc(platform, sizeof *console);

    if (console == NULL) {
        return NULL;
    }
    vio_init(&console->device, &console_ops, platform, memory);
    console->stream = stream;
    console->columns = 80;
    console->rows = 25;
    console->input_wanted = true;
    stream->receive = receive;
    stream->ready = stream_ready;
    stream->device = console;
    return &console->device;
}
