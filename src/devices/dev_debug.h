/*
 * Ports by which a guest speaks to whoever runs it: debug consoles (Bochs's E9h, SeaBIOS's 402h),
 * the exit port F4h of tests, pvpanic (505h; QEMU's docs/specs/pvpanic.rst). Device lock held.
 */
#pragma once

#include "devices/dev_bus.h"
#include "platform/plat_backend.h"

enum { DEV_DEBUG_PVPANIC_PORT = 0x505 };

struct dev_debug {
    struct plat_stream *console;               /* [I] */
    void (*exit)(void *owner, uint32_t value); /* [I] */
    void (*panicked)(void *owner);             /* [I] */
    void *owner;                               /* [I] */
    struct dev_region console_ports[2], exit_port, panic_port;
};

/* console and exit may be NULL: the ports are not there. What the stream does not take is lost. */
void dev_debug_init(struct dev_debug *debug, struct dev_bus *bus, struct plat_stream *console,
                    void (*exit)(void *owner, uint32_t value), void (*panicked)(void *owner),
                    void *owner);
