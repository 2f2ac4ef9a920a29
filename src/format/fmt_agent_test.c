/* Records of the guest's agent. */
#include "format/fmt_agent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void carries_settings_in_order(void **state)
{
    struct st_buf payload = ST_BUF_HEAP(4096), bytes = ST_BUF_HEAP(4096);
    struct fmt_agent_record record;
    const char *key, *value;
    size_t length;
    uint32_t at = 0;

    (void)state;
    assert_int_equal(fmt_agent_add_setting(&payload, "arg", "echo"), 0);
    assert_int_equal(fmt_agent_add_setting(&payload, "arg", "a=b"), 0);
    assert_int_equal(fmt_agent_write(&bytes, FMT_AGENT_START, payload.data, payload.length), 0);
    assert_int_equal(fmt_agent_parse((uint8_t *)bytes.data, bytes.length - 1, &record), 0);
    assert_int_equal(fmt_agent_parse((uint8_t *)bytes.data, bytes.length, &record), bytes.length);
    assert_int_equal(record.type, FMT_AGENT_START);
    assert_true(fmt_agent_next_setting(&record, &at, &key, &length, &value));
    assert_int_equal(length, 3);
    assert_string_equal(value, "echo");
    assert_true(fmt_agent_next_setting(&record, &at, &key, &length, &value));
    assert_string_equal(value, "a=b");
    assert_false(fmt_agent_next_setting(&record, &at, &key, &length, &value));
    st_buf_done(&payload);
    st_buf_done(&bytes);
}

static void refuses_unknown_types_and_payloads_above_the_limit(void **state)
{
    static const uint8_t unknown[] = {0, 0, 0, 0, 99, 0, 0, 0};
    static const uint8_t large[] = {1, 128, 0, 0, FMT_AGENT_OUT, 0, 0, 0};
    static const uint8_t not_zero[] = {0, 0, 0, 0, FMT_AGENT_DONE, 0, 1, 0};
    struct fmt_agent_record record;

    (void)state;
    assert_int_equal(fmt_agent_parse(unknown, 8, &record), -ST_EINVAL);
    assert_int_equal(fmt_agent_parse(large, 8, &record), -ST_E2BIG);
    assert_int_equal(fmt_agent_parse(not_zero, 8, &record), -ST_EINVAL);
    assert_int_equal(fmt_agent_parse(unknown, 7, &record), 0);
}

static void settings_that_do_not_end_are_none(void **state)
{
    static const char text[] = {'a', '=', 'b', '\0', 'c', '=', 'd'};
    struct fmt_agent_record record = {
        .type = FMT_AGENT_SETUP, .payload = (const uint8_t *)text, .size = sizeof text};
    const char *key, *value;
    size_t length;
    uint32_t at = 0;

    (void)state;
    assert_true(fmt_agent_next_setting(&record, &at, &key, &length, &value));
    assert_false(fmt_agent_next_setting(&record, &at, &key, &length, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carries_settings_in_order),
        cmocka_unit_test(refuses_unknown_types_and_payloads_above_the_limit),
        cmocka_unit_test(settings_that_do_not_end_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
