/*
 * The keyboard controller (Intel 8042 as in the PC/AT, ports 60h and 64h) with a keyboard that
 * answers commands but has no keys, and the fast A20 and reset port 92h. Software uses it to reset
 * the machine. The A20 gate is always open; its bit is remembered. Device lock held.
 */
#pragma once

#include "devices/dev_bus.h"

enum { DEV_I8042_QUEUE = 16 };

struct dev_i8042 {
    struct dev_line keyboard; /* [I] IRQ 1 */
    struct dev_line reset;    /* [I] raised when the guest resets the machine */
    uint8_t config;           /* command byte */
    uint8_t output_port;
    uint8_t command;          /* to the controller, that awaits a byte; 0: none */
    uint8_t keyboard_command; /* to the keyboard, likewise */
    bool last_was_command;
    uint8_t fast; /* port 92h */
    uint8_t queue[DEV_I8042_QUEUE];
    bool from_keyboard[DEV_I8042_QUEUE];
    unsigned queue_count;
    struct dev_region data, status, fast_port;
};

void dev_i8042_init(struct dev_i8042 *kbd, struct dev_bus *bus, struct dev_line keyboard,
                    struct dev_line reset);
void dev_i8042_reset(struct dev_i8042 *kbd);
