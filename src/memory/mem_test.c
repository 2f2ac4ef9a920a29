/* Guest-physical memory: slots, the checked door, the watch over decoded pages. */
#include "memory/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static uint8_t low[4 * MEM_PAGE_SIZE], high[2 * MEM_PAGE_SIZE], rom[MEM_PAGE_SIZE];
static uint8_t low_bits[4], high_bits[2], rom_bits[1];
static uint64_t last_written;

static void code_written(void *argument, uint64_t page_start)
{
    (void)argument;
    last_written = page_start;
}

static void make(struct mem_map *map)
{
    memset(low_bits, 0, sizeof low_bits);
    mem_map_init(map);
    map->watch.code_written = code_written;
    assert_int_equal(mem_add(map, MEM_RAM, GPA(0x4000), sizeof high, high, high_bits), 0);
    assert_int_equal(mem_add(map, MEM_RAM, GPA(0), sizeof low, low, low_bits), 0);
    assert_int_equal(mem_add(map, MEM_ROM, GPA(0xf0000), sizeof rom, rom, rom_bits), 0);
}

static void refuses_slots_that_overlap_or_are_not_whole_pages(void **state)
{
    struct mem_map map;

    (void)state;
    make(&map);
    assert_int_equal(mem_add(&map, MEM_RAM, GPA(0x5000), 0x1000, low, low_bits), -ST_EINVAL);
    assert_int_equal(mem_add(&map, MEM_RAM, GPA(0x3000), 0x1000, low, low_bits), -ST_EINVAL);
    assert_int_equal(mem_add(&map, MEM_RAM, GPA(0x6000), 0x800, low, low_bits), -ST_EINVAL);
    assert_int_equal(mem_add(&map, MEM_RAM, GPA(0x6000), 0, low, low_bits), -ST_EINVAL);
    assert_int_equal(mem_add(&map, MEM_RAM, GPA(~0xfffull), 0x1000, low, low_bits), -ST_EINVAL);
    assert_int_equal(map.slots_count, 3);
}

static void copies_across_adjacent_slots_and_nothing_beyond_them(void **state)
{
    struct mem_map map;
    char text[8] = "";

    (void)state;
    make(&map);
    assert_int_equal(mem_write(&map, GPA(0x3ffc), "abcdefg", 8), 0);
    assert_memory_equal(low + 0x3ffc, "abcd", 4);
    assert_memory_equal(high, "efg", 4);
    assert_int_equal(mem_read(&map, GPA(0x3ffc), text, 8), 0);
    assert_string_equal(text, "abcdefg");

    high[sizeof high - 1] = 7;
    assert_int_equal(mem_write(&map, GPA(0x5fff), "xy", 2), -ST_EFAULT);
    assert_int_equal(high[sizeof high - 1], 7);
    assert_int_equal(mem_read(&map, GPA(UINT64_MAX), text, 2), -ST_EFAULT);
    assert_int_equal(mem_write(&map, GPA(0xf0000), "x", 1), -ST_EFAULT);
    assert_int_equal(mem_write_u32(&map, GPA(0xf0000), 1), -ST_EFAULT);
    assert_int_equal(mem_read(&map, GPA(0xf0000), text, 1), 0);
}

static void tells_of_writes_to_decoded_pages_alone(void **state)
{
    struct mem_map map;

    (void)state;
    make(&map);
    last_written = 0;
    low_bits[2] = MEM_PAGE_CODE;
    assert_int_equal(mem_write_u64(&map, GPA(0x1000), 1), 0);
    assert_int_equal(last_written, 0);
    assert_int_equal(mem_fill(&map, GPA(0x1fff), 1, 2), 0);
    assert_int_equal(last_written, 0x2000);
}

static void keeps_dirty_bits_only_while_asked_to(void **state)
{
    struct mem_map map;

    (void)state;
    make(&map);
    assert_int_equal(mem_write_u8(&map, GPA(0x1000), 1), 0);
    assert_int_equal(low_bits[1], 0);
    map.log_dirty = true;
    assert_int_equal(mem_write(&map, GPA(0x1fff), "ab", 2), 0);
    assert_int_equal(low_bits[1], MEM_PAGE_DIRTY);
    assert_int_equal(low_bits[2], MEM_PAGE_DIRTY);
}

static void gives_slices_of_one_slot_and_a_new_generation_for_each_change(void **state)
{
    struct mem_map map;
    uint8_t *data;
    uint32_t generation;

    (void)state;
    make(&map);
    assert_int_equal(mem_slice(&map, GPA(0x3000), 0x2000, true, &data), 0x1000);
    assert_ptr_equal(data, low + 0x3000);
    assert_int_equal(mem_slice(&map, GPA(0xf0000), 16, true, &data), -ST_EFAULT);
    generation = map.generation;
    assert_int_equal(mem_remove(&map, GPA(0x4000)), 0);
    assert_int_equal(mem_remove(&map, GPA(0x4000)), -ST_ENOENT);
    assert_int_not_equal(map.generation, generation);
    assert_null(mem_find(&map, GPA(0x4000)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_slots_that_overlap_or_are_not_whole_pages),
        cmocka_unit_test(copies_across_adjacent_slots_and_nothing_beyond_them),
        cmocka_unit_test(tells_of_writes_to_decoded_pages_alone),
        cmocka_unit_test(keeps_dirty_bits_only_while_asked_to),
        cmocka_unit_test(gives_slices_of_one_slot_and_a_new_generation_for_each_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
