/* The platform of a Linux process: timers, the clock that stands still, code memory, faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/heap.h"
#include "os/os_thread.h"
#include "os/os_time.h"
#include "vmm/vmm_platform.h"

struct fixture {
    struct vmm_platform *vmm;
    struct platform *platform;
    struct os_thread thread;
    unsigned lines; /* seen by the log's sink */
    bool hog_ends;  /* [a] */
};

static void *run(void *argument)
{
    (void)vmm_platform_run(argument);
    return NULL;
}

static void sink(void *argument, enum plat_level level, const char *line)
{
    (void)level;
    (void)line;
    ((struct fixture *)argument)->lines++;
}

static void start(struct fixture *fixture)
{
    *fixture = (struct fixture){0};
    struct vmm_platform_config config = {
        .log = sink, .log_argument = fixture, .log_level = PLAT_INFO};
    assert_int_equal(vmm_platform_new(&config, &fixture->vmm, NULL), 0);
    fixture->platform = vmm_platform_base(fixture->vmm);
    assert_int_equal(os_thread_start(&fixture->thread, run, fixture->vmm), 0);
}

static void stop(struct fixture *fixture)
{
    vmm_platform_stop(fixture->vmm);
    os_thread_join(&fixture->thread);
    vmm_platform_free(fixture->vmm);
}

enum { TIMERS = 200 };

struct shot {
    struct plat_timer timer;
    struct platform *platform;
    uint64_t wanted;
    unsigned *order; /* counts up as they fire */
    unsigned place;
};

static void shoot(void *argument)
{
    struct shot *shot = argument;
    if (plat_now_ns(shot->platform) >= shot->wanted) {
        shot->place = ++*shot->order;
    }
}

static void wait_for(struct fixture *fixture, const unsigned *order, unsigned count)
{
    for (unsigned seen = 0; seen < count;) {
        os_sleep_ns(1000000);
        plat_lock(fixture->platform);
        seen = *order;
        plat_unlock(fixture->platform);
    }
}

static void timers_fire_in_order_and_never_early(void **state)
{
    (void)state;
    struct fixture fixture;
    static struct shot shots[TIMERS];
    unsigned order = 0;
    start(&fixture);
    plat_lock(fixture.platform);
    uint64_t now = plat_now_ns(fixture.platform);
    for (unsigned i = 0; i < TIMERS; i++) {
        shots[i] = (struct shot){.platform = fixture.platform, .order = &order};
        shots[i].timer = (struct plat_timer){.fire = shoot, .argument = &shots[i]};
        shots[i].wanted = now + 1000000 + (uint64_t)((i * 7919) % TIMERS) * 50000;
        plat_timer_set(fixture.platform, &shots[i].timer, shots[i].wanted);
    }
    for (unsigned i = 0; i < TIMERS; i += 4) {
        plat_timer_set(fixture.platform, &shots[i].timer, PLAT_NEVER);
    }
    plat_unlock(fixture.platform);
    wait_for(&fixture, &order, TIMERS - TIMERS / 4);
    for (unsigned i = 0; i < TIMERS; i++) {
        assert_int_equal(shots[i].timer.slot, 0);
        for (unsigned j = 0; j < TIMERS; j++) {
            if (i % 4 != 0 && j % 4 != 0 && shots[i].wanted < shots[j].wanted) {
                assert_true(shots[i].place < shots[j].place);
            }
        }
    }
    stop(&fixture);
}

static void the_clock_stands_still_while_paused(void **state)
{
    (void)state;
    struct fixture fixture;
    struct shot shot = {0};
    unsigned order = 0;
    start(&fixture);
    plat_lock(fixture.platform);
    vmm_platform_pause(fixture.vmm);
    vmm_platform_pause(fixture.vmm);
    uint64_t before = plat_now_ns(fixture.platform);
    shot = (struct shot){.platform = fixture.platform, .order = &order, .wanted = before + 1000};
    shot.timer = (struct plat_timer){.fire = shoot, .argument = &shot};
    plat_timer_set(fixture.platform, &shot.timer, shot.wanted);
    plat_unlock(fixture.platform);
    os_sleep_ns(30000000);
    assert_int_equal(plat_now_ns(fixture.platform), before);
    plat_lock(fixture.platform);
    assert_int_equal(order, 0);
    vmm_platform_resume(fixture.vmm);
    uint64_t after = plat_now_ns(fixture.platform);
    plat_unlock(fixture.platform);
    assert_true(after >= before && after < before + 25000000);
    wait_for(&fixture, &order, 1);
    stop(&fixture);
}

static void code_is_written_at_one_address_and_run_at_another(void **state)
{
    (void)state;
    struct fixture fixture;
    struct plat_code code;
    static const uint8_t give_42[] = {0xb8, 42, 0, 0, 0, 0xc3}; /* mov eax, 42; ret */
    start(&fixture);
    assert_int_equal(plat_code_alloc(fixture.platform, 100, &code), 0);
    memcpy(code.write, give_42, sizeof give_42);
    int (*function)(void);
    memcpy(&function, &code.exec, sizeof function);
    assert_int_equal(function(), 42);
    plat_code_free(fixture.platform, &code);
    stop(&fixture);
}

static void undefined(void *argument)
{
    (void)argument;
    __asm__ volatile("ud2");
}

static void a_guarded_call_tells_the_fault(void **state)
{
    (void)state;
    struct fixture fixture;
    struct plat_fault fault;
    start(&fixture);
    plat_guarded_call(fixture.platform, undefined, NULL, &fault);
    assert_int_equal(fault.vector, 6);
    stop(&fixture);
}

static void a_flood_of_lines_is_cut_and_told(void **state)
{
    (void)state;
    struct fixture fixture;
    start(&fixture);
    for (unsigned i = 0; i < 5000; i++) {
        plat_log(fixture.platform, PLAT_WARN, "test", "line %u\n", i);
        plat_log(fixture.platform, PLAT_DEBUG, "test", "dropped");
    }
    assert_in_range(fixture.lines, 100, 400);
    plat_log(fixture.platform, PLAT_ERROR, "test", "the end");
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(1 << 16);
    assert_int_equal(vmm_platform_log_tail(fixture.vmm, &text), 0);
    assert_non_null(strstr(st_buf_string(&text), "lines left out\nerror test: the end\n"));
    assert_non_null(strstr(st_buf_string(&text), "warn test: line 99?\n"));
    assert_null(strstr(st_buf_string(&text), "dropped"));
    stop(&fixture);
}

static void memory_is_aligned_and_zeroed(void **state)
{
    (void)state;
    struct fixture fixture;
    start(&fixture);
    for (size_t size = 1; size < 20000; size = size * 3 + 1) {
        uint8_t *memory = plat_alloc(fixture.platform, size);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % (size >= 4096 ? 4096 : 64), 0);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(memory[i], 0);
        }
        memset(memory, 0xff, size);
        plat_free(fixture.platform, memory, size);
    }
    plat_free(fixture.platform, NULL, 10000);
    stop(&fixture);
}

/* Lets go of the device lock only to take it again at once. */
static void *hog(void *argument)
{
    struct fixture *fixture = argument;
    while (!__atomic_load_n(&fixture->hog_ends, __ATOMIC_RELAXED)) {
        uint64_t until = os_monotonic_ns() + 2000000;
        plat_lock(fixture->platform);
        while (os_monotonic_ns() < until) {
        }
        plat_unlock(fixture->platform);
    }
    return NULL;
}

static void the_device_lock_comes_to_who_waits_for_it(void **state)
{
    struct fixture fixture = {.vmm = NULL};
    struct os_thread thread;
    const uint64_t enough_ns = 20 * UINT64_C(1000000000);
    (void)state;
    start(&fixture);
    assert_int_equal(os_thread_start(&thread, hog, &fixture), 0);
    uint64_t begun = os_monotonic_ns();
    for (unsigned i = 0; i < 50; i++) {
        plat_lock(fixture.platform);
        plat_unlock(fixture.platform);
    }
    assert_true(os_monotonic_ns() - begun < enough_ns);
    __atomic_store_n(&fixture.hog_ends, true, __ATOMIC_RELAXED);
    os_thread_join(&thread);
    stop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_in_order_and_never_early),
        cmocka_unit_test(the_clock_stands_still_while_paused),
        cmocka_unit_test(code_is_written_at_one_address_and_run_at_another),
        cmocka_unit_test(a_guarded_call_tells_the_fault),
        cmocka_unit_test(a_flood_of_lines_is_cut_and_told),
        cmocka_unit_test(memory_is_aligned_and_zeroed),
        cmocka_unit_test(the_device_lock_comes_to_who_waits_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
