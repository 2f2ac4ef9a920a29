/* Several threads that allocate, share objects, come and go, and stop for each other's collections.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "jvm/gc/jgc_world_test.h"
#include "os/os_thread.h"

enum { THREADS = 4, SHARED = 32, LIST = 300 };

struct mutator {
    struct os_thread thread;
    jref_t root;
    uint32_t number;
    uint32_t rounds;
    bool immovable;
};

static struct mutator mutators[THREADS];
static jref_t shared;   /* an array whose elements any thread exchanges */
static uint32_t pauses; /* [a] */

static void visit_roots(void *argument, struct jgc_visitor *visitor)
{
    (void)argument;
    for (int i = 0; i < THREADS; i++) {
        jgc_visit_slot(visitor, &mutators[i].root);
    }
    jgc_visit_slot(visitor, &shared);
}

static void visit_weak(void *argument)
{
    (void)argument;
}

static void finished(void *argument, const struct jgc_pause *pause)
{
    (void)argument, (void)pause;
    __atomic_add_fetch(&pauses, 1, __ATOMIC_RELAXED);
}

static void check_list(jref_t at, uint32_t number)
{
    for (uint32_t i = LIST; i > 0; i--) {
        ST_CHECK(at.word != 0 && node_id(job_from_ref(at)) == (number << 16 | i));
        at = *node_slot(job_from_ref(at), 0);
    }
    ST_CHECK(at.word == 0);
}

/* Gives a list to the others and takes one that some thread made. */
static void exchange(struct mutator *self, uint32_t at)
{
    struct job_object *array = job_from_ref(shared);
    jref_t *slot = (jref_t *)job_elements((struct job_array *)array) + at % SHARED;
    jref_t got = jgc_exchange(array, slot, self->root);
    self->root = got;
    if (got.word != 0) {
        check_list(got, node_id(job_from_ref(got)) >> 16);
    }
    jref_t expected = got;
    (void)jgc_cas(array, slot, &expected, (jref_t){0});
}

static void one_round(struct mutator *self, struct jgc_local *local, uint32_t round)
{
    self->root.word = 0;
    for (uint32_t i = 1; i <= LIST; i++) {
        struct job_object *node =
            new_node(local, 1 + (int)(i % NODE_REFS_MAX), self->number << 16 | i);
        ST_CHECK(node != NULL);
        jgc_store(node, node_slot(node, 0), self->root);
        self->root = job_to_ref(node);
        world_poll();
    }
    ST_CHECK(new_array(local, classes.bytes, 100 + (int32_t)(round * 37 % 20000)) != NULL);
    check_list(self->root, self->number);
    exchange(self, round * 7 + self->number);
}

static void *mutate(void *argument)
{
    struct mutator *self = argument;
    for (uint32_t round = 0; round < self->rounds;) {
        struct jgc_local local = {0};
        jgc_local_init(&local);
        world_enter();
        for (uint32_t i = 0; i < 20 && round < self->rounds; i++, round++) {
            one_round(self, &local, round);
        }
        if (self->immovable) {
            ST_CHECK(world_give_class(jgc_alloc_immovable(&local, 16), classes.node[0]) != NULL);
            jgc_collect(&local, JGC_SYSTEM);
        }
        world_leave();
        jgc_local_done(&local);
    }
    return NULL;
}

static void run(struct jgc_config config, uint32_t rounds)
{
    world_make_classes();
    config.verify = true;
    const struct jgc_callbacks callbacks = {.stop_world = world_stop,
                                            .resume_world = world_resume,
                                            .visit_roots = visit_roots,
                                            .visit_weak = visit_weak,
                                            .finished = finished};
    assert_int_equal(jgc_create(&config, &callbacks, NULL), 0);
    struct jgc_local local = {0};
    jgc_local_init(&local);
    world_enter();
    shared = job_to_ref(new_array(&local, classes.ref_array, SHARED));
    memset(mutators, 0, sizeof(mutators));
    for (uint32_t i = 0; i < THREADS; i++) {
        mutators[i].number = i + 1;
        mutators[i].rounds = rounds;
        mutators[i].immovable = i == 0;
        assert_int_equal(os_thread_start(&mutators[i].thread, mutate, &mutators[i]), 0);
    }
    world_leave();
    for (int i = 0; i < THREADS; i++) {
        os_thread_join(&mutators[i].thread);
    }
    struct jgc_stats stats;
    jgc_get_stats(&stats);
    assert_true(stats.collections > 2);
    assert_true(stats.collections == pauses);
    pauses = 0;
    jgc_local_done(&local);
    jgc_destroy();
    job_meta_done();
}

static void threads_stop_for_each_other(void **state)
{
    (void)state;
    run((struct jgc_config){.max_bytes = 4 << 20, .allowance_bytes = 256 << 10}, 300);
}

static void threads_stop_while_everything_moves(void **state)
{
    (void)state;
    run((struct jgc_config){.max_bytes = 6 << 20, .evacuate = true}, 300);
}

static void threads_stop_at_every_hundredth_allocation(void **state)
{
    (void)state;
    run((struct jgc_config){.max_bytes = 8 << 20, .evacuate = true, .stress_every = 100}, 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_stop_for_each_other),
        cmocka_unit_test(threads_stop_while_everything_moves),
        cmocka_unit_test(threads_stop_at_every_hundredth_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
