/* The device of kvm-unit-tests. */
#include "devices/dev_testdev.h"

#include "base/memops.h"

static uint64_t ports_read(void *device, uint64_t offset, unsigned access_bytes)
{
    struct dev_testdev *testdev = device;

    (void)access_bytes;
    return offset < 4 ? testdev->value >> (8 * offset) : UINT64_MAX;
}

/* Ports E0h-E3h remember; E4h asks to drop the mapping of a page, which is always possible: there
 * is nothing to do. */
static void ports_write(void *device, uint64_t offset, unsigned access_bytes, uint64_t value)
{
    struct dev_testdev *testdev = device;
    unsigned shift = 8 * (offset & 3);
    uint32_t mask = (uint32_t)dev_cut(UINT64_MAX, access_bytes) << shift;

    if (offset < 4) {
        testdev->value = (testdev->value & ~mask) | ((uint32_t)value << shift & mask);
    }
}

static void line_write(void *device, uint64_t offset, unsigned access_bytes, uint64_t value)
{
    struct dev_testdev *testdev = device;

    (void)access_bytes;
    if (testdev->lines.set != NULL) {
        testdev->lines.set(testdev->lines.owner, testdev->lines.number + (unsigned)offset,
                           (uint8_t)value != 0);
    }
}

static uint64_t memory_read(void *device, uint64_t offset, unsigned access_bytes)
{
    struct dev_testdev *testdev = device;
    uint64_t value = 0;

    memcpy(&value, testdev->memory + offset, ST_MIN(access_bytes, DEV_TESTDEV_MEMORY - offset));
    return value;
}

static void memory_write(void *device, uint64_t offset, unsigned access_bytes, uint64_t value)
{
    struct dev_testdev *testdev = device;

    memcpy(testdev->memory + offset, &value, ST_MIN(access_bytes, DEV_TESTDEV_MEMORY - offset));
}

void dev_testdev_init(struct dev_testdev *testdev, struct dev_bus *bus, struct dev_line lines)
{
    memset(testdev, 0, sizeof *testdev);
    testdev->lines = lines;
    testdev->ports = (struct dev_region){
        .start = 0xe0, .size = 8, .read = ports_read, .write = ports_write, .device = testdev};
    testdev->byte_port = (struct dev_region){
        .start = 0xe8, .size = 1, .read = ports_read, .write = ports_write, .device = testdev};
    testdev->line_ports = (struct dev_region){
        .start = 0x2000, .size = DEV_TESTDEV_LINES, .write = line_write, .device = testdev};
    testdev->region = (struct dev_region){.start = 0xff000000,
                                          .size = DEV_TESTDEV_MEMORY,
                                          .read = memory_read,
                                          .write = memory_write,
                                          .device = testdev};
    dev_space_add(&bus->io, &testdev->ports);
    dev_space_add(&bus->io, &testdev->byte_port);
    dev_space_add(&bus->io, &testdev->line_ports);
    dev_space_add(&bus->mmio, &testdev->region);
}
