/* Virtqueues: what a good driver gets, and what a hostile one does not. */
#include "virtio/vio_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum {
    QUEUE_SIZE = 8,
    DESCRIPTORS = 0x0,
    AVAILABLE = 0x1000,
    USED = 0x2000,
    BUFFERS = 0x3000,
    ROOM = 16
};
enum { NEXT = 1, WRITE = 2, INDIRECT = 4 };

static uint8_t ram[8 * MEM_PAGE_SIZE], bits[8];
static struct mem_map memory;
static struct vio_queue queue;
static struct plat_span spans[ROOM];
static uint64_t addresses[ROOM];
static struct vio_chain chain;

static int make(void **state)
{
    (void)state;
    memset(ram, 0, sizeof ram);
    mem_map_init(&memory);
    queue = (struct vio_queue){.memory = &memory, .size_max = 256};
    vio_queue_reset(&queue);
    queue.size = QUEUE_SIZE;
    queue.descriptors = DESCRIPTORS;
    queue.available = AVAILABLE;
    queue.used = USED;
    chain = (struct vio_chain){.room = ROOM, .spans = spans, .addresses = addresses};
    /* Two slots, so that a buffer can span both. */
    if (mem_add(&memory, MEM_RAM, GPA(0), sizeof ram / 2, ram, bits) < 0 ||
        mem_add(&memory, MEM_RAM, GPA(sizeof ram / 2), sizeof ram / 2, ram + sizeof ram / 2,
                bits + 4) < 0) {
        return -1;
    }
    return vio_queue_enable(&queue);
}

static void put(uint64_t at, uint64_t value, unsigned size)
{
    memcpy(ram + at, &value, size);
}

static uint64_t get(uint64_t at, unsigned size)
{
    uint64_t value = 0;

    memcpy(&value, ram + at, size);
    return value;
}

static void describe(uint64_t table, unsigned index, uint64_t address, uint32_t size,
                     uint16_t flags, uint16_t next)
{
    put(table + index * 16, address, 8);
    put(table + index * 16 + 8, size, 4);
    put(table + index * 16 + 12, flags, 2);
    put(table + index * 16 + 14, next, 2);
}

static void offer(uint16_t head)
{
    uint16_t index = (uint16_t)get(AVAILABLE + 2, 2);

    put(AVAILABLE + 4 + index % QUEUE_SIZE * 2u, head, 2);
    put(AVAILABLE + 2, index + 1u, 2);
}

static void gives_the_pieces_of_a_chain_in_order(void **state)
{
    (void)state;
    memcpy(ram + BUFFERS, "question", 8);
    describe(DESCRIPTORS, 3, BUFFERS, 8, NEXT, 1);
    describe(DESCRIPTORS, 1, BUFFERS + 0x800, 0x1000, WRITE, 0); /* spans both slots */
    offer(3);
    char text[9] = "";

    assert_int_equal(vio_queue_pop(&queue, &chain), 1);
    assert_int_equal(chain.readable_count, 1);
    assert_int_equal(chain.writable_count, 2);
    assert_int_equal(chain.writable_bytes, 0x1000);
    assert_int_equal(vio_chain_read(&chain, 4, text, 8), 4);
    assert_string_equal(text, "tion");
    assert_int_equal(vio_chain_write(&memory, &chain, 0x7fe, "abcd", 4), 4);
    assert_memory_equal(ram + BUFFERS + 0xffe, "abcd", 4);
    vio_queue_push(&queue, chain.head, 4);
    assert_int_equal(get(USED + 2, 2), 1);
    assert_int_equal(get(USED + 4, 4), 3);
    assert_int_equal(get(USED + 8, 4), 4);
    assert_int_equal(vio_queue_pop(&queue, &chain), 0);
}

static void follows_one_level_of_indirection(void **state)
{
    (void)state;
    describe(BUFFERS, 0, BUFFERS + 0x100, 16, NEXT, 1);
    describe(BUFFERS, 1, BUFFERS + 0x200, 16, WRITE, 0);
    describe(DESCRIPTORS, 0, BUFFERS, 32, INDIRECT, 0);
    offer(0);
    assert_int_equal(vio_queue_pop(&queue, &chain), 1);
    assert_int_equal(chain.readable_bytes, 16);
    assert_int_equal(chain.writable_bytes, 16);

    describe(BUFFERS, 0, BUFFERS, 32, INDIRECT, 0);
    offer(0);
    assert_int_equal(vio_queue_pop(&queue, &chain), -ST_EINVAL);
}

static void trims_header_and_status(void **state)
{
    (void)state;
    describe(DESCRIPTORS, 0, BUFFERS, 10, NEXT, 1);
    describe(DESCRIPTORS, 1, BUFFERS + 16, 10, NEXT, 2);
    describe(DESCRIPTORS, 2, BUFFERS + 32, 10, NEXT | WRITE, 3);
    describe(DESCRIPTORS, 3, BUFFERS + 48, 1, WRITE, 0);
    offer(0);
    assert_int_equal(vio_queue_pop(&queue, &chain), 1);
    vio_chain_trim(&chain, 16, 2);
    assert_int_equal(chain.readable_count, 1);
    assert_int_equal(chain.addresses[0], BUFFERS + 22);
    assert_int_equal(chain.readable_bytes, 4);
    assert_int_equal(chain.writable_count, 1);
    assert_int_equal(chain.spans[1].size, 9);
}

static void expect_broken(void)
{
    assert_int_equal(vio_queue_pop(&queue, &chain), -ST_EINVAL);
    /* And it stays so. */
    assert_int_equal(vio_queue_pop(&queue, &chain), -ST_EINVAL);
    assert_int_equal(get(USED + 2, 2), 0);
}

static void rejects_a_chain_that_loops(void **state)
{
    (void)state;
    describe(DESCRIPTORS, 0, BUFFERS, 1, NEXT, 1);
    describe(DESCRIPTORS, 1, BUFFERS, 1, NEXT, 0);
    offer(0);
    expect_broken();
}

static void rejects_buffers_outside_of_ram(void **state)
{
    (void)state;
    describe(DESCRIPTORS, 0, sizeof ram - 4, 8, 0, 0);
    offer(0);
    expect_broken();
}

static void rejects_readable_after_writable(void **state)
{
    (void)state;
    describe(DESCRIPTORS, 0, BUFFERS, 1, NEXT | WRITE, 1);
    describe(DESCRIPTORS, 1, BUFFERS, 1, 0, 0);
    offer(0);
    expect_broken();
}

static void rejects_indices_beyond_the_table(void **state)
{
    (void)state;
    describe(DESCRIPTORS, 0, BUFFERS, 1, NEXT, QUEUE_SIZE);
    offer(0);
    expect_broken();
    assert_int_equal(make(NULL), 0);
    offer(QUEUE_SIZE);
    expect_broken();
    assert_int_equal(make(NULL), 0);
    put(AVAILABLE + 2, QUEUE_SIZE + 1, 2);
    expect_broken();
}

static void rejects_lengths_that_overflow(void **state)
{
    (void)state;
    describe(DESCRIPTORS, 0, UINT64_MAX - 3, UINT32_MAX, 0, 0);
    offer(0);
    expect_broken();
}

static void rejects_areas_that_are_not_ram_or_not_aligned(void **state)
{
    (void)state;
    vio_queue_reset(&queue);
    queue.size = QUEUE_SIZE;
    queue.used = sizeof ram - 8;
    queue.available = AVAILABLE;
    assert_int_equal(vio_queue_enable(&queue), -ST_EINVAL);
    vio_queue_reset(&queue);
    queue.size = QUEUE_SIZE;
    queue.descriptors = 8;
    assert_int_equal(vio_queue_enable(&queue), -ST_EINVAL);
    vio_queue_reset(&queue);
    queue.size = 7;
    assert_int_equal(vio_queue_enable(&queue), -ST_EINVAL);
}

static void tells_the_driver_when_it_wants_to_be_told(void **state)
{
    (void)state;
    vio_queue_push(&queue, 0, 0);
    assert_true(vio_queue_wants_interrupt(&queue));
    put(AVAILABLE, 1, 2);
    vio_queue_push(&queue, 0, 0);
    assert_false(vio_queue_wants_interrupt(&queue));

    /* With event indices: when used passes used_event. */
    assert_int_equal(make(NULL), 0);
    queue.event_index = true;
    vio_queue_push(&queue, 0, 0);
    assert_true(vio_queue_wants_interrupt(&queue));
    put(AVAILABLE + 4 + 2 * QUEUE_SIZE, 2, 2);
    vio_queue_push(&queue, 0, 0);
    assert_false(vio_queue_wants_interrupt(&queue));
    vio_queue_push(&queue, 0, 0);
    assert_true(vio_queue_wants_interrupt(&queue));
    vio_queue_want_notify(&queue, true);
    assert_int_equal(get(USED + 4 + 8 * QUEUE_SIZE, 2), queue.next_available);
}

static void asks_for_a_notification_when_it_finds_the_ring_empty(void **state)
{
    (void)state;
    queue.event_index = true;
    describe(DESCRIPTORS, 0, BUFFERS, 1, 0, 0);
    offer(0);
    assert_int_equal(vio_queue_pop(&queue, &chain), 1);
    assert_int_equal(get(USED + 4 + 8 * QUEUE_SIZE, 2), 0);
    assert_int_equal(vio_queue_pop(&queue, &chain), 0);
    assert_int_equal(get(USED + 4 + 8 * QUEUE_SIZE, 2), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, make)
    const struct CMUnitTest tests[] = {
        TEST(gives_the_pieces_of_a_chain_in_order),
        TEST(follows_one_level_of_indirection),
        TEST(trims_header_and_status),
        TEST(rejects_a_chain_that_loops),
        TEST(rejects_buffers_outside_of_ram),
        TEST(rejects_readable_after_writable),
        TEST(rejects_indices_beyond_the_table),
        TEST(rejects_lengths_that_overflow),
        TEST(rejects_areas_that_are_not_ram_or_not_aligned),
        TEST(tells_the_driver_when_it_wants_to_be_told),
        TEST(asks_for_a_notification_when_it_finds_the_ring_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
