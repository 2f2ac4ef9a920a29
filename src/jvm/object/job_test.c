/* Class metadata's range and arenas; sizes and reference slots of objects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "jvm/object/job_lock.h"
#include "jvm/object/job_object.h"

enum { SIZE = 16 << 20 };

static int reserve(void **state)
{
    (void)state;
    return job_meta_init(0, SIZE, NULL);
}

static int release(void **state)
{
    (void)state;
    job_meta_done();
    return 0;
}

static void refuses_sizes_that_are_no_megabytes_and_a_second_range(void **state)
{
    (void)state;
    struct st_err err = {0};
    assert_int_equal(job_meta_init(0, 4096, &err), -ST_EINVAL);
    assert_int_equal(job_meta_init(0, 0, &err), -ST_EINVAL);
    assert_int_equal(job_meta_init(0, 4ULL << 30, &err), -ST_EINVAL);
    assert_int_equal(job_meta_init(0, SIZE, &err), 0);
    assert_int_equal(job_meta_init(0, SIZE, &err), -ST_ESTATE);
    job_meta_done();
    job_meta_done();
}

static void takes_the_place_that_is_wished_or_another(void **state)
{
    (void)state;
    assert_int_equal(job_meta_init(0x30000000, SIZE, NULL), 0);
    assert_ptr_equal(job_meta_base, (void *)0x30000000); // NOLINT
    job_meta_done();
    int here;
    uintptr_t taken = (uintptr_t)&here & ~(uintptr_t)0xfff;
    assert_int_equal(job_meta_init(taken, SIZE, NULL), 0);
    assert_ptr_not_equal(job_meta_base, (void *)taken); // NOLINT
    assert_false(job_meta_has(&here));
    job_meta_done();
}

static void memory_of_an_arena_is_zeroed_aligned_and_in_the_range(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        struct job_arena arena = {0};
        for (size_t size = 1; size < 200000; size += size / 3 + 1) {
            for (int kind = 0; kind < JOB_META_KINDS; kind++) {
                unsigned char *memory = job_arena_alloc(&arena, (enum job_meta_kind)kind, size);
                assert_non_null(memory);
                assert_int_equal((uintptr_t)memory % 8, 0);
                assert_true(job_meta_has(memory) && job_meta_has(memory + size - 1));
                assert_true(job_offset(memory) != 0);
                assert_ptr_equal(job_at(job_offset(memory)), memory);
                for (size_t i = 0; i < size; i++) {
                    assert_int_equal(memory[i], 0);
                }
                memset(memory, 0xa5, size);
            }
        }
        assert_true(job_meta_used() > 0);
        job_arena_done(&arena);
        assert_int_equal(job_meta_used(), 0);
    }
    assert_true(job_meta_peak() > 200000);
}

static void kinds_do_not_share_pages(void **state)
{
    (void)state;
    struct job_arena arenas[20] = {0};
    for (int i = 0; i < 20; i++) {
        char *read = job_arena_alloc(&arenas[i], JOB_META_READ, 100);
        char *written = job_arena_alloc(&arenas[i], JOB_META_WRITTEN, 100);
        assert_true(job_offset(read) >> 20 != job_offset(written) >> 20);
    }
    /* 20 small arenas take 2 KiB each. */
    assert_int_equal(job_meta_used(), 20 * 2 * 1024);
    for (int i = 0; i < 20; i++) {
        job_arena_done(&arenas[i]);
    }
}

static void a_used_up_range_gives_null_and_all_of_it_comes_back(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        struct job_arena arena = {0};
        size_t sum = 0;
        while (job_arena_alloc(&arena, JOB_META_READ, 1000) != NULL) {
            sum += 1000;
        }
        assert_true(sum > SIZE / 10 * 9);
        assert_null(job_arena_alloc(&arena, JOB_META_WRITTEN, 1));
        assert_null(job_arena_alloc(&arena, JOB_META_READ, SIZE_MAX - 4));
        job_arena_done(&arena);
    }
    struct job_arena large = {0};
    assert_null(job_arena_alloc(&large, JOB_META_READ, SIZE));
    assert_non_null(job_arena_alloc(&large, JOB_META_READ, SIZE - (3 << 20)));
    assert_non_null(job_arena_alloc(&large, JOB_META_WRITTEN, 300));
    assert_null(job_arena_alloc(&large, JOB_META_READ, 2 << 20));
    job_arena_done(&large);
    assert_non_null(job_arena_alloc(&large, JOB_META_READ, 3 << 20));
    job_arena_done(&large);
}

static uint64_t seed = 1;

static uint32_t random_below(uint32_t below)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(seed >> 33) % below;
}

/* Every block holds its own pattern until its arena goes: no two overlap. */
static void arenas_that_come_and_go_do_not_overlap(void **state)
{
    (void)state;
    enum { ARENAS = 40, BLOCKS = 30 };
    static struct {
        struct job_arena arena;
        unsigned char *block[BLOCKS];
        size_t size[BLOCKS];
        int count;
    } all[ARENAS];
    for (int step = 0; step < 20000; step++) {
        uint32_t at = random_below(ARENAS);
        if (all[at].count == BLOCKS || random_below(50) == 0) {
            for (int i = 0; i < all[at].count; i++) {
                assert_int_equal(all[at].block[i][0], (unsigned char)at + 1);
                assert_int_equal(all[at].block[i][all[at].size[i] - 1], (unsigned char)at + 1);
            }
            job_arena_done(&all[at].arena);
            all[at].count = 0;
            continue;
        }
        size_t size = 1 + random_below(1U << random_below(17));
        unsigned char *block =
            job_arena_alloc(&all[at].arena, (enum job_meta_kind)random_below(2), size);
        if (block == NULL) {
            continue;
        }
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(block[i], 0);
        }
        memset(block, (int)at + 1, size);
        all[at].block[all[at].count] = block;
        all[at].size[all[at].count++] = size;
    }
    for (int at = 0; at < ARENAS; at++) {
        job_arena_done(&all[at].arena);
    }
    assert_int_equal(job_meta_used(), 0);
}

static struct job_class *new_class(struct job_arena *arena, enum job_kind kind, uint32_t bytes)
{
    struct job_class *made = job_arena_alloc(arena, JOB_META_WRITTEN, sizeof(*made));
    assert_non_null(made);
    made->kind = (uint8_t)kind;
    made->instance_bytes = bytes;
    return made;
}

static void sizes_of_arrays_are_rounded_and_bounded(void **state)
{
    (void)state;
    struct job_arena arena = {0};
    struct job_class *ints = new_class(&arena, JOB_PRIMITIVE_ARRAY, 0);
    ints->element_shift = 2;
    ints->elements_at = JOB_ELEMENTS_AT;
    assert_int_equal(job_array_bytes(ints, 0), 16);
    assert_int_equal(job_array_bytes(ints, 1), 16);
    assert_int_equal(job_array_bytes(ints, 2), 24);
    assert_int_equal(job_array_bytes(ints, JOB_ARRAY_MAX),
                     ((size_t)JOB_ARRAY_MAX * 4 + 12 + 7) / 8 * 8);
    assert_int_equal(job_array_bytes(ints, INT32_MAX), 0);
    ints->element_shift = 0;
    ints->elements_at = JOB_WIDE_ELEMENTS_AT;
    assert_int_equal(job_array_bytes(ints, 3), 24);
    job_arena_done(&arena);
}

struct seen {
    size_t slots;
    uint32_t sum;
};

static void see(void *argument, jref_t *first, size_t count)
{
    struct seen *seen = argument;
    for (size_t i = 0; i < count; i++) {
        seen->slots++;
        seen->sum += first[i].word;
    }
}

static struct seen seen_of(void *object)
{
    struct seen seen = {0};
    job_visit_refs(object, see, &seen);
    return seen;
}

static void visits_fields_statics_and_elements(void **state)
{
    (void)state;
    struct job_arena arena = {0};
    job_layout.mirror_class_at = 12;
    struct job_class *plain = new_class(&arena, JOB_INSTANCE, 32);
    struct job_ref_run *runs = job_arena_alloc(&arena, JOB_META_READ, 2 * sizeof(*runs));
    runs[0] = (struct job_ref_run){.first = 2, .count = 1};
    runs[1] = (struct job_ref_run){.first = 5, .count = 2};
    plain->ref_runs = job_offset(runs);
    plain->ref_run_count = 2;
    plain->static_bytes = 12;
    plain->static_refs = 2;
    union {
        struct job_object object;
        struct job_array array;
        uint32_t word[12];
    } made = {.object.class_at = job_offset(plain)};
    for (unsigned i = 2; i < 8; i++) {
        made.word[i] = 1U << i;
    }
    assert_int_equal(job_object_bytes(&made.object), 32);
    assert_int_equal(seen_of(&made).slots, 3);
    assert_int_equal(seen_of(&made).sum, 1 << 2 | 1 << 5 | 1 << 6);

    struct job_class *mirror = new_class(&arena, JOB_MIRROR, 16);
    made.object.class_at = job_offset(mirror);
    made.word[3] = job_offset(plain);
    assert_int_equal(job_object_bytes(&made.object), 32);
    assert_int_equal(seen_of(&made).slots, 2);
    assert_int_equal(seen_of(&made).sum, 1 << 4 | 1 << 5);
    made.word[3] = 0;
    assert_int_equal(job_object_bytes(&made.object), 16);
    assert_int_equal(seen_of(&made).slots, 0);

    struct job_class *refs = new_class(&arena, JOB_REF_ARRAY, 0);
    refs->element_shift = 2;
    refs->elements_at = JOB_ELEMENTS_AT;
    made.object.class_at = job_offset(refs);
    made.array.length = 4;
    assert_int_equal(job_object_bytes(&made.object), 32);
    assert_int_equal(seen_of(&made).sum, 1 << 4 | 1 << 5 | 1 << 6);
    refs->kind = JOB_PRIMITIVE_ARRAY;
    assert_int_equal(seen_of(&made).slots, 0);
    job_layout = (struct job_layout){0};
    job_arena_done(&arena);
}

static void references_are_addresses_shifted(void **state)
{
    (void)state;
    void *place = (void *)0x412345678; // NOLINT
    assert_int_equal(job_to_ref(place).word, 0x412345678 >> 3);
    assert_ptr_equal(job_from_ref(job_to_ref(place)), place);
    assert_int_equal(job_lock_tag(JOB_LOCK_DEPTH_ONE | JOB_LOCK_THIN), JOB_LOCK_THIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_sizes_that_are_no_megabytes_and_a_second_range),
        cmocka_unit_test(takes_the_place_that_is_wished_or_another),
        cmocka_unit_test_setup_teardown(memory_of_an_arena_is_zeroed_aligned_and_in_the_range,
                                        reserve, release),
        cmocka_unit_test_setup_teardown(kinds_do_not_share_pages, reserve, release),
        cmocka_unit_test_setup_teardown(a_used_up_range_gives_null_and_all_of_it_comes_back,
                                        reserve, release),
        cmocka_unit_test_setup_teardown(arenas_that_come_and_go_do_not_overlap, reserve, release),
        cmocka_unit_test_setup_teardown(sizes_of_arrays_are_rounded_and_bounded, reserve, release),
        cmocka_unit_test_setup_teardown(visits_fields_statics_and_elements, reserve, release),
        cmocka_unit_test(references_are_addresses_shifted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
