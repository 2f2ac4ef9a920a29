/* Capabilities, limits and scheduling by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/resource.h>

#include "os/os_identity.h"
#include "sandbox/sbx_caps.h"
#include "sandbox/sbx_rlimit.h"
#include "sandbox/sbx_sched.h"

static void names_every_capability_and_limit(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sbx_cap_count(); i++) {
        assert_int_equal(sbx_cap_number(sbx_cap_name(i)), i);
    }
    assert_int_equal(sbx_cap_number("cap_chown"), 0);
    assert_int_equal(sbx_cap_number("CHOWN"), -ST_EINVAL);
    assert_int_equal(sbx_cap_number("CAP_BPF"), 39);
    assert_int_equal(sbx_rlimit_number("RLIMIT_NPROC"), RLIMIT_NPROC);
    assert_int_equal(sbx_rlimit_number("RLIMIT_MSGQUEUE"), RLIMIT_MSGQUEUE);
    assert_int_equal(sbx_rlimit_number("NPROC"), -ST_EINVAL);
}

static void lowers_a_limit_and_clamps_one_that_it_may_not_raise(void **state)
{
    (void)state;
    struct rlimit now;
    assert_int_equal(sbx_rlimit_set(0, RLIMIT_NOFILE, 500, 600), 0);
    int r = sbx_rlimit_set(0, RLIMIT_NOFILE, 550, 700);
    assert_int_equal(os_prlimit(0, RLIMIT_NOFILE, NULL, &now), 0);
    assert_int_equal(now.rlim_cur, 550);
    assert_int_equal(now.rlim_max, r == 1 ? 600 : 700);
    assert_int_equal(sbx_rlimit_set(0, RLIMIT_NOFILE, 20, 10), -ST_EINVAL);
}

static void parses_lists_of_cpus(void **state)
{
    (void)state;
    cpu_set_t set;
    assert_int_equal(sbx_cpu_list_parse("0-2,7", &set), 0);
    assert_int_equal(CPU_COUNT(&set), 4);
    assert_true(CPU_ISSET(7, &set));
    assert_int_equal(sbx_cpu_list_parse("3-1", &set), -ST_EINVAL);
    assert_int_equal(sbx_cpu_list_parse("1,,2", &set), -ST_EINVAL);
    assert_int_equal(sbx_cpu_list_parse("4096", &set), -ST_ERANGE);
}

static void names_what_it_cannot_schedule(void **state)
{
    (void)state;
    struct st_err err = {0};
    struct sbx_sched sched = {.policy = "SCHED_NONE"};
    assert_int_equal(sbx_sched_set(&sched, &err), -ST_EINVAL);
    assert_string_equal(err.msg, "scheduler: unknown policy SCHED_NONE");
    sched = (struct sbx_sched){.policy = "SCHED_BATCH", .nice = 1};
    assert_int_equal(sbx_sched_set(&sched, &err), 0);
    assert_int_equal(sbx_ioprio_set("IOPRIO_CLASS_BE", 8, &err), -ST_EINVAL);
    assert_int_equal(sbx_ioprio_set("IOPRIO_CLASS_BE", 7, &err), 0);
    assert_int_equal(sbx_personality_set("BSD", &err), -ST_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_every_capability_and_limit),
        cmocka_unit_test(lowers_a_limit_and_clamps_one_that_it_may_not_raise),
        cmocka_unit_test(parses_lists_of_cpus),
        cmocka_unit_test(names_what_it_cannot_schedule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
