/* The collector, one thing at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "jvm/gc/jgc_poison.h"
#include "jvm/gc/jgc_world_test.h"

enum { ROOTS = 64 };

static struct {
    jref_t roots[ROOTS];
    jref_t weak[ROOTS];
    uint64_t words[ROOTS]; /* ambiguous */
    struct jgc_pause last;
    char log[160];
} held;

static struct jgc_local local;

static void visit_roots(void *argument, struct jgc_visitor *visitor)
{
    (void)argument;
    for (int i = 0; i < ROOTS; i++) {
        jgc_visit_slot(visitor, &held.roots[i]);
    }
    jgc_scan_words(visitor, held.words, held.words + ROOTS);
}

static void visit_weak(void *argument)
{
    (void)argument;
    for (int i = 0; i < ROOTS; i++) {
        jgc_update_weak(&held.weak[i]);
    }
}

static void finished(void *argument, const struct jgc_pause *pause)
{
    (void)argument;
    held.last = *pause;
}

static void keep_log(void *argument, const char *line)
{
    (void)argument;
    (void)snprintf(held.log, sizeof(held.log), "%s", line);
}

static const struct jgc_callbacks callbacks = {.stop_world = world_stop,
                                               .resume_world = world_resume,
                                               .visit_roots = visit_roots,
                                               .visit_weak = visit_weak,
                                               .finished = finished,
                                               .log = keep_log};

static void begin(struct jgc_config config)
{
    world_make_classes();
    memset(&held, 0, sizeof(held));
    config.verify = true;
    assert_int_equal(jgc_create(&config, &callbacks, NULL), 0);
    jgc_local_init(&local);
    world_enter();
}

static void end(void)
{
    world_leave();
    jgc_local_done(&local);
    jgc_destroy();
    job_meta_done();
}

static void refuses_heaps_that_cannot_be(void **state)
{
    (void)state;
    struct st_err err = {0};
    struct jgc_config config = {.max_bytes = 64 << 20};
    assert_int_equal(jgc_create(&config, &callbacks, &err), -ST_ESTATE);
    world_make_classes();
    config.max_bytes = jgc_max_supported() + 1;
    assert_int_equal(jgc_create(&config, &callbacks, &err), -ST_EINVAL);
    config.max_bytes = 1000;
    assert_int_equal(jgc_create(&config, &callbacks, &err), -ST_EINVAL);
    config = (struct jgc_config){.max_bytes = 4 << 20, .min_bytes = 8 << 20};
    assert_int_equal(jgc_create(&config, &callbacks, &err), -ST_EINVAL);
    config = (struct jgc_config){.max_bytes = 4 << 20, .base = 12345};
    assert_int_equal(jgc_create(&config, &callbacks, &err), -ST_EINVAL);
    config.base = 0x30000000;
    assert_int_equal(jgc_create(&config, &callbacks, &err), 0);
    assert_true(jgc_has((void *)0x30000000)); // NOLINT
    assert_int_equal(jgc_create(&config, &callbacks, &err), -ST_ESTATE);
    jgc_destroy();
    job_meta_done();
}

/* A list of `count` nodes, the last one first; held by root 0. */
static void make_list(uint32_t count)
{
    held.roots[0].word = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct job_object *node = new_node(&local, 1 + (int)(i % NODE_REFS_MAX), i);
        assert_non_null(node);
        jgc_store(node, node_slot(node, 0), held.roots[0]);
        held.roots[0] = job_to_ref(node);
    }
}

static void check_list(uint32_t count)
{
    jref_t at = held.roots[0];
    for (uint32_t i = count; i > 0; i--) {
        assert_true(at.word != 0);
        assert_int_equal(node_id(job_from_ref(at)), i - 1);
        at = *node_slot(job_from_ref(at), 0);
    }
    assert_int_equal(at.word, 0);
}

static void what_is_reachable_survives_and_the_rest_is_used_again(void **state)
{
    (void)state;
    begin((struct jgc_config){.max_bytes = 16 << 20});
    for (int round = 0; round < 100; round++) {
        make_list(20000);
        check_list(20000);
    }
    struct jgc_stats stats;
    jgc_get_stats(&stats);
    assert_true(stats.collections > 3);
    assert_true(stats.heap.used_bytes <= stats.heap.max_bytes);
    assert_true(stats.allocated_bytes > 100 * 20000 * 16);
    assert_true(jgc_local_allocated(&local, true) >= 100 * 20000 * 16);
    assert_non_null(strstr(held.log, "Pause Full (Allocation Failure)"));
    end();
}

static void the_largest_heap_holds_what_any_other_does(void **state)
{
    (void)state;
    begin((struct jgc_config){.max_bytes = jgc_max_supported()});
    held.roots[1] = job_to_ref(new_array(&local, classes.bytes, 4 << 20));
    const struct job_object *large = job_from_ref(held.roots[1]);
    make_list(20000);
    jgc_collect(&local, JGC_SYSTEM);
    check_list(20000);
    assert_ptr_equal(job_from_ref(held.roots[1]), large);
    assert_true((const char *)large - (const char *)job_from_ref(held.roots[0]) >
                (ptrdiff_t)(jgc_max_supported() / 2));
    end();
}

static void a_deep_list_does_not_overflow_a_small_mark_stack(void **state)
{
    (void)state;
    begin((struct jgc_config){.max_bytes = 64 << 20, .mark_stack = 16});
    make_list(200000);
    struct job_object *wide = new_array(&local, classes.ref_array, 100000);
    assert_non_null(wide);
    held.roots[1] = job_to_ref(wide);
    for (int i = 0; i < 100000; i++) {
        struct job_object *node = new_node(&local, 0, (uint32_t)i);
        assert_non_null(node);
        wide = job_from_ref(held.roots[1]);
        jgc_store(wide, (jref_t *)job_elements((struct job_array *)wide) + i, job_to_ref(node));
    }
    jgc_collect(&local, JGC_SYSTEM);
    check_list(200000);
    wide = job_from_ref(held.roots[1]);
    for (int i = 0; i < 100000; i++) {
        jref_t ref = ((jref_t *)job_elements((struct job_array *)wide))[i];
        assert_int_equal(node_id(job_from_ref(ref)), i);
    }
    end();
}

static void a_full_heap_fails_and_lives_on(void **state)
{
    (void)state;
    begin((struct jgc_config){.max_bytes = 4 << 20});
    uint32_t made = 0;
    for (;;) {
        struct job_object *node = new_node(&local, 2, made);
        if (node == NULL) {
            break;
        }
        jgc_store(node, node_slot(node, 0), held.roots[0]);
        held.roots[0] = job_to_ref(node);
        made++;
    }
    assert_int_equal(local.failure, JGC_HEAP_FULL);
    assert_true(made > (3 << 20) / 24);
    check_list(made);
    assert_null(new_array(&local, classes.bytes, 3 << 20));
    assert_int_equal(local.failure, JGC_HEAP_FULL);
    assert_null(new_array(&local, classes.ref_array, INT32_MAX));
    assert_int_equal(local.failure, JGC_SIZE_LIMIT);
    held.roots[0].word = 0;
    assert_non_null(new_array(&local, classes.bytes, 3 << 20));
    make_list(10000);
    check_list(10000);
    end();
}

static void large_objects_are_zeroed_stay_and_are_used_again(void **state)
{
    (void)state;
    begin((struct jgc_config){.max_bytes = 8 << 20});
    for (int round = 0; round < 400; round++) {
        int32_t length = 9000 + (round * 7919) % 600000;
        struct job_object *array = new_array(&local, classes.bytes, length);
        assert_non_null(array);
        unsigned char *bytes = job_elements((struct job_array *)array);
        assert_int_equal(bytes[0], 0);
        assert_int_equal(bytes[length / 2], 0);
        assert_int_equal(bytes[length - 1], 0);
        memset(bytes, 0x5a, (size_t)length);
        if (round % 10 == 0) {
            held.roots[round / 10 % 5] = job_to_ref(array);
            held.words[0] = (uint64_t)(uintptr_t)(bytes + length / 2);
        }
    }
    struct jgc_stats stats;
    jgc_get_stats(&stats);
    assert_true(stats.collections > 5);
    assert_true(stats.large_bytes > 0);
    end();
}

/* Half of the heap is free, but in no block of it. */
static void room_for_a_large_object_is_made_by_moving_small_ones(void **state)
{
    (void)state;
    begin((struct jgc_config){.max_bytes = 16 << 20});
    struct job_object *array = new_array(&local, classes.ref_array, 60000);
    held.roots[0] = job_to_ref(array);
    for (int i = 0; i < 60000 * 10; i++) {
        struct job_object *node = new_node(&local, 5 + i % 2, (uint32_t)i);
        assert_non_null(node);
        if (i % 4 == 0) {
            array = job_from_ref(held.roots[0]);
            jref_t *elements = job_elements((struct job_array *)array);
            jgc_store(array, &elements[i / 4 % 60000], job_to_ref(node));
        }
    }
    for (int i = 0; i < 60000; i++) {
        if (i % 5 != 0) {
            array = job_from_ref(held.roots[0]);
            ((jref_t *)job_elements((struct job_array *)array))[i].word = 0;
        }
    }
    held.roots[1] = job_to_ref(new_array(&local, classes.bytes, 12 << 20));
    assert_true(held.roots[1].word != 0);
    assert_true(held.last.moved_bytes > 0);
    array = job_from_ref(held.roots[0]);
    for (int i = 0; i < 60000; i += 5) {
        jref_t ref = ((jref_t *)job_elements((struct job_array *)array))[i];
        assert_int_equal(node_id(job_from_ref(ref)) / 4 % 60000, i);
    }
    end();
}

static void ambiguous_words_pin_and_exact_slots_follow(void **state)
{
    (void)state;
    begin((struct jgc_config){.max_bytes = 16 << 20, .evacuate = true});
    struct job_object *parent = new_node(&local, 2, 1);
    held.roots[0] = job_to_ref(parent);
    struct job_object *pinned = new_node(&local, 1, 2);
    jgc_store(parent, node_slot(parent, 0), job_to_ref(pinned));
    struct job_object *moved = new_node(&local, 1, 3);
    jgc_store(parent, node_slot(parent, 1), job_to_ref(moved));
    struct job_object *high = new_node(&local, 1, 4);
    struct job_object *lost = new_node(&local, 1, 5);
    held.weak[0] = job_to_ref(high);
    held.weak[1] = job_to_ref(lost);
    held.weak[2] = job_to_ref(moved);
    held.words[3] = (uint64_t)(uintptr_t)pinned + 13;            /* into it */
    held.words[4] = (uint64_t)job_to_ref(high).word << 32 | 123; /* a half */
    held.words[5] = job_to_ref(lost).word + 1;                   /* nobody's reference */
    jgc_collect(&local, JGC_SYSTEM);
    assert_ptr_not_equal(job_from_ref(held.roots[0]), parent);
    parent = job_from_ref(held.roots[0]);
    assert_int_equal(node_id(parent), 1);
    assert_ptr_equal(job_from_ref(*node_slot(parent, 0)), pinned);
    assert_ptr_not_equal(job_from_ref(*node_slot(parent, 1)), moved);
    assert_int_equal(node_id(job_from_ref(*node_slot(parent, 1))), 3);
    assert_ptr_equal(job_from_ref(held.weak[0]), high);
    assert_int_equal(held.weak[1].word, 0);
#if JGC_UNDER_ASAN
    assert_true(__asan_address_is_poisoned(lost));
    assert_false(__asan_address_is_poisoned(pinned));
#endif
    assert_int_equal(held.weak[2].word, node_slot(parent, 1)->word);
    assert_true(held.last.moved_bytes > 0);
    /* Starts that a collection left, not only derived ones. */
    jgc_collect(&local, JGC_SYSTEM);
    assert_ptr_equal(job_from_ref(*node_slot(job_from_ref(held.roots[0]), 0)), pinned);
    assert_ptr_equal(job_from_ref(held.weak[0]), high);
    held.words[4] = 0;
    jgc_collect(&local, JGC_SYSTEM);
    assert_int_equal(held.weak[0].word, 0);
    end();
}

static void a_class_lives_as_long_as_its_objects(void **state)
{
    (void)state;
    begin((struct jgc_config){.max_bytes = 16 << 20, .evacuate = true});
    struct job_class *of = classes.node[3];
    of->static_bytes = 8;
    of->static_refs = 1;
    struct job_object *mirror = new_mirror(&local, of);
    struct job_object *kept_by_static = new_node(&local, 0, 77);
    jgc_store(mirror, job_field(mirror, MIRROR_BYTES), job_to_ref(kept_by_static));
    held.roots[0] = job_to_ref(new_node(&local, 3, 1));
    held.weak[0] = job_to_ref(mirror);
    held.weak[1] = job_to_ref(kept_by_static);
    jgc_collect(&local, JGC_SYSTEM);
    jgc_collect(&local, JGC_SYSTEM);
    assert_ptr_equal(job_from_ref(held.weak[0]), mirror);
    assert_int_equal(((jref_t *)job_field(mirror, MIRROR_BYTES))->word, held.weak[1].word);
    held.roots[0].word = 0;
    jgc_collect(&local, JGC_SYSTEM);
    assert_int_equal(held.weak[0].word, 0);
    assert_int_equal(held.weak[1].word, 0);
    of->mirror.word = 0;
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_heaps_that_cannot_be),
        cmocka_unit_test(what_is_reachable_survives_and_the_rest_is_used_again),
        cmocka_unit_test(the_largest_heap_holds_what_any_other_does),
        cmocka_unit_test(a_deep_list_does_not_overflow_a_small_mark_stack),
        cmocka_unit_test(a_full_heap_fails_and_lives_on),
        cmocka_unit_test(large_objects_are_zeroed_stay_and_are_used_again),
        cmocka_unit_test(room_for_a_large_object_is_made_by_moving_small_ones),
        cmocka_unit_test(ambiguous_words_pin_and_exact_slots_follow),
        cmocka_unit_test(a_class_lives_as_long_as_its_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
