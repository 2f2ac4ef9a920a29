/* The event loop: what is watched is called, what was removed is not. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "os/os_event.h"
#include "os/os_file.h"
#include "os/os_loop.h"
#include "os/os_thread.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void take(void *argument)
{
    pthread_mutex_lock(argument);
}

static void give(void *argument)
{
    pthread_mutex_unlock(argument);
}

struct side {
    struct os_watch watch;
    struct side *other;
    struct os_loop *loop;
    int called;
};

/* Whichever is called first removes the other and ends the loop. */
static void remove_other(void *argument, uint32_t events)
{
    struct side *side = argument;
    (void)events;
    side->called++;
    os_loop_remove(side->loop, &side->other->watch);
    os_loop_stop(side->loop);
}

static void never_calls_a_watch_that_was_removed_in_the_same_turn(void **state)
{
    (void)state;
    struct os_loop *loop;
    assert_int_equal(os_loop_new(take, give, &lock, &loop), 0);
    struct side sides[2];
    for (int i = 0; i < 2; i++) {
        sides[i] = (struct side){.other = &sides[1 - i], .loop = loop};
        sides[i].watch =
            (struct os_watch){.fd = os_eventfd(1, 0), .ready = remove_other, .argument = &sides[i]};
        assert_int_equal(os_loop_add(loop, &sides[i].watch, EPOLLIN), 0);
    }
    assert_int_equal(os_loop_run(loop), 0);
    /* The loop may turn once more before it sees that it was stopped. */
    assert_true(sides[0].called == 0 || sides[1].called == 0);
    assert_true(sides[0].called + sides[1].called > 0);
    os_loop_free(loop);
    os_close(&sides[0].watch.fd);
    os_close(&sides[1].watch.fd);
}

static void *run(void *argument)
{
    (void)os_loop_run(argument);
    return NULL;
}

static void count(void *argument, uint32_t events)
{
    (void)events;
    __atomic_add_fetch((int *)argument, 1, __ATOMIC_RELEASE);
}

static void takes_and_drops_many_watches_while_it_runs(void **state)
{
    (void)state;
    struct os_loop *loop;
    struct os_thread thread = {0};
    struct os_watch watches[100];
    int called = 0;
    assert_int_equal(os_loop_new(take, give, &lock, &loop), 0);
    assert_int_equal(os_thread_start(&thread, run, loop), 0);
    for (int i = 0; i < 100; i++) {
        watches[i] = (struct os_watch){.fd = os_eventfd(1, 0), .ready = count, .argument = &called};
        take(&lock);
        assert_int_equal(os_loop_add(loop, &watches[i], EPOLLIN | EPOLLET), 0);
        give(&lock);
    }
    while (__atomic_load_n(&called, __ATOMIC_ACQUIRE) < 100) {
    }
    for (int i = 0; i < 100; i++) {
        take(&lock);
        os_loop_remove(loop, &watches[i]);
        give(&lock);
        os_close(&watches[i].fd);
    }
    os_loop_stop(loop);
    os_thread_join(&thread);
    assert_int_equal(called, 100);
    os_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_calls_a_watch_that_was_removed_in_the_same_turn),
        cmocka_unit_test(takes_and_drops_many_watches_while_it_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
