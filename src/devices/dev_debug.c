/* Ports by which a guest speaks to whoever runs it. */
#include "devices/dev_debug.h"

#include "base/memops.h"

enum { PRESENT = 0xe9, PANICKED = 1, CRASH_KERNEL = 2 };

static uint64_t console_read(void *device, uint64_t offset, unsigned access_bytes)
{
    (void)device;
    (void)offset;
    (void)access_bytes;
    return PRESENT;
}

static void console_write(void *device, uint64_t offset, unsigned access_bytes, uint64_t value)
{
    struct dev_debug *debug = device;
    uint8_t byte = (uint8_t)value;

    (void)offset;
    (void)access_bytes;
    (void)debug->console->ops->write(debug->console, &byte, 1);
}

static void exit_write(void *device, uint64_t offset, unsigned access_bytes, uint64_t value)
{
    struct dev_debug *debug = device;

    (void)offset;
    (void)access_bytes;
    debug->exit(debug->owner, (uint32_t)value);
}

static uint64_t panic_read(void *device, uint64_t offset, unsigned access_bytes)
{
    (void)device;
    (void)offset;
    (void)access_bytes;
    return PANICKED | CRASH_KERNEL; /* the events it understands */
}

static void panic_write(void *device, uint64_t offset, unsigned access_bytes, uint64_t value)
{
    struct dev_debug *debug = device;

    (void)offset;
    (void)access_bytes;
    if ((value & (PANICKED | CRASH_KERNEL)) != 0) {
        debug->panicked(debug->owner);
    }
}

static size_t refuse(void *device, const void *bytes, size_t size)
{
    (void)device;
    (void)bytes;
    return size; /* nobody reads a debug console's input */
}

void dev_debug_init(struct dev_debug *debug, struct dev_bus *bus, struct plat_stream *console,
                    void (*exit)(void *owner, uint32_t value), void (*panicked)(void *owner),
                    void *owner)
{
    static const uint16_t console_at[2] = {0xe9, 0x402};

    memset(debug, 0, sizeof *debug);
    debug->console = console;
    debug->exit = exit;
    debug->panicked = panicked;
    debug->owner = owner;
    if (console != NULL) {
        console->device = debug;
        console->receive = refuse;
        console->ready = NULL;
        for (unsigned i = 0; i < 2; i++) {
            debug->console_ports[i] = (struct dev_region){.start = console_at[i],
                                                          .size = 1,
                                                          .read = console_read,
                                                          .write = console_write,
                                                          .device = debug};
            dev_space_add(&bus->io, &debug->console_ports[i]);
        }
    }
    if (exit != NULL) {
        debug->exit_port =
            (struct dev_region){.start = 0xf4, .size = 4, .write = exit_write, .device = debug};
        dev_space_add(&bus->io, &debug->exit_port);
    }
    debug->panic_port = (struct dev_region){.start = DEV_DEBUG_PVPANIC_PORT,
                                            .size = 1,
                                            .read = panic_read,
                                            .write = panic_write,
                                            .device = debug};
    dev_space_add(&bus->io, &debug->panic_port);
}
