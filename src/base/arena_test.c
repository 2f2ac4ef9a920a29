/* Tests of arenas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"

static void gives_aligned_and_cleared_memory(void **state)
{
    (void)state;
    struct st_arena arena = ST_ARENA_HEAP(1 << 20);
    char *byte = st_arena_alloc(&arena, 1, 1);
    assert_non_null(byte);
    uint64_t *words = st_arena_array(&arena, uint64_t, 100);
    assert_non_null(words);
    assert_int_equal((uintptr_t)words % 8, 0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(words[i], 0);
    }
    assert_non_null(st_arena_alloc(&arena, 0, 1));
    st_arena_done(&arena);
    assert_int_equal(arena.taken, 0);
}

static void rewinds_across_blocks(void **state)
{
    (void)state;
    struct st_arena arena = ST_ARENA_HEAP(1 << 20);
    char *kept = st_arena_alloc(&arena, 10, 1);
    assert_non_null(kept);
    memset(kept, 7, 10);
    struct st_arena_mark mark = st_arena_mark(&arena);
    size_t taken = arena.taken;
    char *next = st_arena_alloc(&arena, 1, 1);
    for (int i = 0; i < 100; i++) {
        assert_non_null(st_arena_alloc(&arena, 1000, 8));
    }
    st_arena_rewind(&arena, mark);
    assert_int_equal(arena.taken, taken);
    assert_int_equal(kept[9], 7);
    assert_ptr_equal(st_arena_alloc(&arena, 1, 1), next);
    st_arena_done(&arena);
}

static void rewinds_to_the_empty_arena(void **state)
{
    (void)state;
    struct st_arena arena = ST_ARENA_HEAP(1 << 20);
    struct st_arena_mark mark = st_arena_mark(&arena);
    assert_non_null(st_arena_alloc(&arena, 100, 8));
    st_arena_rewind(&arena, mark);
    assert_int_equal(arena.taken, 0);
    assert_non_null(st_arena_alloc(&arena, 100, 8));
    st_arena_done(&arena);
}

static void refuses_what_is_over_its_limit(void **state)
{
    (void)state;
    struct st_arena arena = ST_ARENA_HEAP(10000);
    assert_null(st_arena_alloc(&arena, 20000, 8));
    assert_null(st_arena_alloc(&arena, SIZE_MAX, 8));
    assert_null(st_arena_zeroed(&arena, SIZE_MAX / 2, 8, 8));
    char *most = st_arena_alloc(&arena, 9000, 8);
    assert_non_null(most);
    memset(most, 1, 9000);
    assert_null(st_arena_alloc(&arena, 2000, 8));
    assert_true(arena.taken <= 10000);
    st_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_aligned_and_cleared_memory),
        cmocka_unit_test(rewinds_across_blocks),
        cmocka_unit_test(rewinds_to_the_empty_arena),
        cmocka_unit_test(refuses_what_is_over_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
