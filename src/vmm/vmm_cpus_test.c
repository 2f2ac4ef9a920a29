/* The vCPUs' threads, over a vCPU that counts instead of computing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "os/os_time.h"
#include "vmm/vmm_cpus.h"

enum { COUNT = 4 };

/* Runs until it is kicked, then halts when it is told to. */
struct fake {
    struct vcpu base;
    uint64_t turns;   /* [a] times it was in guest code */
    uint32_t kicked;  /* [a] */
    uint32_t halts;   /* [a] it has nothing to do */
    uint32_t running; /* [a] */
    uint32_t next;    /* [a] an exit reason to give once, + 1 */
};

static struct fake *fake_of(struct vcpu *vcpu)
{
    return (struct fake *)vcpu;
}

static void fake_run(struct vcpu *vcpu, struct vcpu_exit *ret_exit)
{
    struct fake *fake = fake_of(vcpu);
    __atomic_store_n(&fake->running, 1, __ATOMIC_SEQ_CST);
    uint32_t next = 0;
    while (__atomic_exchange_n(&fake->kicked, 0, __ATOMIC_SEQ_CST) == 0 &&
           !__atomic_load_n(&fake->halts, __ATOMIC_SEQ_CST) && next == 0) {
        __atomic_add_fetch(&fake->turns, 1, __ATOMIC_SEQ_CST);
        next = __atomic_exchange_n(&fake->next, 0, __ATOMIC_SEQ_CST);
    }
    ret_exit->reason = next != 0 ? (enum vcpu_exit_reason)(next - 1)
                       : __atomic_load_n(&fake->halts, __ATOMIC_SEQ_CST) ? VCPU_EXIT_HALT
                                                                         : VCPU_EXIT_KICKED;
    __atomic_store_n(&fake->running, 0, __ATOMIC_SEQ_CST);
}

static void fake_kick(struct vcpu *vcpu)
{
    __atomic_store_n(&fake_of(vcpu)->kicked, 1, __ATOMIC_SEQ_CST);
}

static bool fake_has_work(struct vcpu *vcpu)
{
    return !__atomic_load_n(&fake_of(vcpu)->halts, __ATOMIC_SEQ_CST);
}

static const struct vcpu_ops fake_ops = {
    .name = "fake", .run = fake_run, .kick = fake_kick, .has_work = fake_has_work};

static struct fake fakes[COUNT];
static struct vcpu_set set;
static uint32_t events; /* [a] */

static void count_event(void *argument, struct vcpu *vcpu, const struct vcpu_exit *exit)
{
    (void)argument;
    (void)vcpu;
    assert_int_equal(exit->reason, VCPU_EXIT_SHUTDOWN);
    __atomic_add_fetch(&events, 1, __ATOMIC_SEQ_CST);
}

static struct vmm_cpus *start(void)
{
    struct vmm_cpus *cpus;
    set = (struct vcpu_set){.ops = &fake_ops, .count = COUNT};
    for (unsigned i = 0; i < COUNT; i++) {
        fakes[i] = (struct fake){.base = {.set = &set, .index = i}};
        set.vcpus[i] = &fakes[i].base;
    }
    struct vmm_cpus_config config = {.set = &set, .event = count_event};
    assert_int_equal(vmm_cpus_start(&config, &cpus, NULL), 0);
    return cpus;
}

static uint64_t turns(unsigned i)
{
    return __atomic_load_n(&fakes[i].turns, __ATOMIC_SEQ_CST);
}

static void wait_for_turn(unsigned i)
{
    uint64_t before = turns(i);
    while (turns(i) == before) {
        os_sleep_ns(100000);
    }
}

static void begin_stopped_and_stop_and_go(void **state)
{
    (void)state;
    struct vmm_cpus *cpus = start();
    os_sleep_ns(5000000);
    assert_int_equal(turns(0), 0);
    vmm_cpus_go(cpus, VMM_CPUS_ALL);
    for (unsigned round = 0; round < 50; round++) {
        wait_for_turn(round % COUNT);
        vmm_cpus_stop(cpus);
        for (unsigned i = 0; i < COUNT; i++) {
            assert_int_equal(__atomic_load_n(&fakes[i].running, __ATOMIC_SEQ_CST), 0);
        }
        vmm_cpus_stop(cpus);
        vmm_cpus_go(cpus, VMM_CPUS_ALL);
        uint64_t before = turns(1);
        os_sleep_ns(200000);
        assert_int_equal(turns(1), before);
        vmm_cpus_go(cpus, VMM_CPUS_ALL);
    }
    vmm_cpus_end(cpus);
}

static void sleep_while_halted_and_wake_for_work(void **state)
{
    (void)state;
    struct vmm_cpus *cpus = start();
    vmm_cpus_go(cpus, VMM_CPUS_ALL);
    for (unsigned round = 0; round < 200; round++) {
        __atomic_store_n(&fakes[2].halts, 1, __ATOMIC_SEQ_CST);
        os_sleep_ns(round * 1000);
        __atomic_store_n(&fakes[2].halts, 0, __ATOMIC_SEQ_CST);
        vmm_cpus_wake(cpus, 2);
        wait_for_turn(2);
    }
    __atomic_store_n(&fakes[2].halts, 1, __ATOMIC_SEQ_CST);
    os_sleep_ns(10000000);
    uint64_t used = vmm_cpus_time_ns(cpus, 2);
    os_sleep_ns(50000000);
    assert_true(vmm_cpus_time_ns(cpus, 2) - used < 5000000);
    vmm_cpus_stop(cpus); /* also of one that sleeps */
    vmm_cpus_go(cpus, VMM_CPUS_ALL);
    vmm_cpus_end(cpus);
}

static void one_with_an_event_is_held_until_it_may_go(void **state)
{
    (void)state;
    struct vmm_cpus *cpus = start();
    vmm_cpus_go(cpus, VMM_CPUS_ALL);
    __atomic_store_n(&fakes[3].next, VCPU_EXIT_SHUTDOWN + 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&events, __ATOMIC_SEQ_CST) == 0) {
        os_sleep_ns(100000);
    }
    uint64_t before = turns(3);
    wait_for_turn(0);
    assert_int_equal(turns(3), before);
    vmm_cpus_stop(cpus);
    vmm_cpus_go(cpus, 1 << 3);
    wait_for_turn(3);
    before = turns(0);
    os_sleep_ns(1000000);
    assert_int_equal(turns(0), before);
    vmm_cpus_stop(cpus);
    vmm_cpus_go(cpus, VMM_CPUS_ALL);
    wait_for_turn(0);
    vmm_cpus_end(cpus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begin_stopped_and_stop_and_go),
        cmocka_unit_test(sleep_while_halted_and_wake_for_work),
        cmocka_unit_test(one_with_an_event_is_held_until_it_may_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
