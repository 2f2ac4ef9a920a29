/* The network device where its driver runs out of buffers. */
#include "virtio/vio_net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "platform/plat_fake_test.h"

enum {
    DESCRIPTORS = 0,
    AVAILABLE = 0x1000,
    USED = 0x2000,
    BUFFERS = 0x3000,
    BUFFER = 0x400,
    SIZE = 8
};

static struct plat_fake fake;
static struct mem_map memory;
static uint8_t ram[16 * MEM_PAGE_SIZE], bits[16];
static struct vio_device *device;
static struct plat_packet packet;
static unsigned readied;

static void send(struct plat_packet *of, const struct plat_span *spans, uint32_t spans_count,
                 size_t size)
{
    (void)of;
    (void)spans;
    (void)spans_count;
    (void)size;
}

static void ready(struct plat_packet *of)
{
    (void)of;
    readied++;
}

static void interrupt(void *transport, int queue)
{
    (void)transport;
    (void)queue;
}

static uint16_t get(unsigned at)
{
    uint16_t value;

    memcpy(&value, ram + at, sizeof value);
    return value;
}

/* The driver adds receive buffer number n. */
static void add(uint16_t n)
{
    uint64_t address = BUFFERS + n * (uint64_t)BUFFER;
    uint32_t size = BUFFER;
    uint16_t write = 2, index = get(AVAILABLE + 2), head = n % SIZE;

    memcpy(ram + DESCRIPTORS + head * 16, &address, 8);
    memcpy(ram + DESCRIPTORS + head * 16 + 8, &size, 4);
    memcpy(ram + DESCRIPTORS + head * 16 + 12, &write, 2);
    memcpy(ram + AVAILABLE + 4 + index % SIZE * 2, &head, 2);
    index++;
    memcpy(ram + AVAILABLE + 2, &index, 2);
}

static void make(uint64_t left_out)
{
    static const struct plat_packet_ops ops = {.send = send, .ready = ready};

    plat_fake_init(&fake);
    fake.locked = true;
    mem_map_init(&memory);
    memset(ram, 0, sizeof ram);
    assert_int_equal(mem_add(&memory, MEM_RAM, GPA(0), sizeof ram, ram, bits), 0);
    packet = (struct plat_packet){.ops = &ops, .mtu = 1500};
    device = vio_net_new(&fake.platform, &memory, &packet);
    device->interrupt = interrupt;
    vio_set_status(device, VIO_ACKNOWLEDGE | VIO_DRIVER);
    vio_set_features(device, 0, (uint32_t)(device->offered & ~left_out));
    vio_set_features(device, 1, (uint32_t)(device->offered >> 32));
    vio_set_status(device, VIO_ACKNOWLEDGE | VIO_DRIVER | VIO_FEATURES_OK);
    for (unsigned i = 0; i < 2; i++) {
        struct vio_queue *queue = &device->queues[i];

        queue->size = SIZE;
        queue->descriptors = DESCRIPTORS + i * 0x8000ull;
        queue->available = queue->descriptors + AVAILABLE;
        queue->used = queue->descriptors + USED;
        assert_int_equal(vio_queue_enable(queue), 0);
    }
    vio_set_status(device, VIO_ACKNOWLEDGE | VIO_DRIVER | VIO_FEATURES_OK | VIO_DRIVER_OK);
    readied = 0;
}

/* A frame of two buffers comes when there is one: it waits, and the driver's next buffer is one
 * that it tells of. */
static void waits(uint64_t left_out)
{
    uint8_t frame[1500] = {0x11};

    make(left_out);
    add(0);
    assert_false(packet.receive(packet.device, frame, sizeof frame));
    assert_int_equal(get(USED + 2), 0);
    if (left_out == 0) {
        /* The driver tells when its index passes this one: from 1 to 2. */
        assert_int_equal(get(USED + 4 + 8 * SIZE), 1);
    } else {
        assert_int_equal(get(USED), 0);
    }
    add(1);
    vio_notify(device, 0);
    assert_int_equal(readied, 1);
    assert_true(packet.receive(packet.device, frame, sizeof frame));
    assert_int_equal(get(USED + 2), 2);
    assert_int_equal(ram[BUFFERS + 10], 2); /* num_buffers */
    assert_int_equal(ram[BUFFERS + 12], 0x11);
    device->ops->free(device);
}

static void a_frame_waits_for_buffers_and_is_told_of_them(void **state)
{
    (void)state;
    waits(0);
}

static void also_where_the_driver_has_no_event_indices(void **state)
{
    (void)state;
    waits(VIO_F_EVENT_IDX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_waits_for_buffers_and_is_told_of_them),
        cmocka_unit_test(also_where_the_driver_has_no_event_indices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
