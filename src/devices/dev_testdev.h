/*
 * The device that kvm-unit-tests' x86 suite expects (its lib/x86/asm/ and QEMU's pc-testdev): ports
 * that remember what was written, 24 interrupt lines, a piece of memory that is a device. Device
 * lock held.
 */
#pragma once

#include "devices/dev_bus.h"

enum { DEV_TESTDEV_MEMORY = 0x10000, DEV_TESTDEV_LINES = 24 };

struct dev_testdev {
    struct dev_line lines; /* [I] number: the line's, added to its own */
    uint32_t value;
    uint8_t memory[DEV_TESTDEV_MEMORY];
    struct dev_region ports, byte_port, line_ports, region;
};

void dev_testdev_init(struct dev_testdev *testdev, struct dev_bus *bus, struct dev_line lines);
