/* Tests of what people read and write: spans, states, commands and times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/engine.h"

#define SECOND INT64_C(1000000000)
#define HOUR (3600 * SECOND)

static void tells_spans_as_docker_does(void **state)
{
    (void)state;
    static const struct {
        int64_t span;
        const char *text;
    } cases[] = {
        {0, "Less than a second"},       {SECOND, "1 second"},        {59 * SECOND, "59 seconds"},
        {60 * SECOND, "About a minute"}, {120 * SECOND, "2 minutes"}, {HOUR, "About an hour"},
        {5 * HOUR, "5 hours"},           {48 * HOUR, "2 days"},       {14 * 24 * HOUR, "2 weeks"},
        {60 * 24 * HOUR, "2 months"},    {800 * 24 * HOUR, "2 years"}};
    for (size_t i = 0; i < ST_COUNT(cases); i++) {
        st_auto(buf) struct st_buf text = ST_BUF_HEAP(64);
        assert_int_equal(engine_duration_text(cases[i].span, &text), 0);
        assert_string_equal(st_buf_string(&text), cases[i].text);
    }
}

static void tells_states_as_docker_does(void **state)
{
    (void)state;
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(64);
    struct engine_item item = {.state = {.status = ENGINE_PAUSED, .started_ns = SECOND}};
    engine_status_text(&item, 3 * SECOND, &text);
    assert_string_equal(st_buf_string(&text), "Up 2 seconds (Paused)");
    st_buf_reset(&text);
    item.state.status = ENGINE_EXITED;
    item.state.exit_code = 137;
    engine_status_text(&item, 2 * HOUR, &text);
    assert_string_equal(st_buf_string(&text), "Exited (137) 2 hours ago");
}

static void joins_entry_point_and_command(void **state)
{
    (void)state;
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(64);
    const char *entrypoint[] = {"/init", NULL};
    const char *cmd[] = {"sh", "-c", "a b", NULL};
    struct engine_config config = {
        .process = {.entrypoint = entrypoint, .entrypoint_count = 1, .cmd = cmd, .cmd_count = 3}};
    assert_int_equal(engine_command_text(&config, &text), 0);
    assert_string_equal(st_buf_string(&text), "/init sh -c 'a b'");
}

static void reads_times_in_every_form(void **state)
{
    (void)state;
    int64_t now = INT64_C(1700000000) * SECOND;
    int64_t ns = 0;
    setenv("TZ", "UTC", 1);
    assert_int_equal(engine_parse_time("10m", now, &ns, NULL), 0);
    assert_int_equal(ns, now - 600 * SECOND);
    assert_int_equal(engine_parse_time("1700000000.25", now, &ns, NULL), 0);
    assert_int_equal(ns, now + SECOND / 4);
    assert_int_equal(engine_parse_time("2023-11-14T22:13:20Z", now, &ns, NULL), 0);
    assert_int_equal(ns, now);
    assert_int_equal(engine_parse_time("2023-11-15T00:13:20.5+02:00", now, &ns, NULL), 0);
    assert_int_equal(ns, now + SECOND / 2);
    assert_int_equal(engine_parse_time("2023-11-14", now, &ns, NULL), 0);
    assert_int_equal(ns, INT64_C(1699920000) * SECOND);
    assert_int_equal(engine_parse_time("0", now, &ns, NULL), 0);
    assert_int_equal(ns, 0);
    assert_int_equal(engine_parse_time("2023-13-01", now, &ns, NULL), -ST_EINVAL);
    assert_int_equal(engine_parse_time("yesterday", now, &ns, NULL), -ST_EINVAL);
    assert_int_equal(engine_parse_time("", now, &ns, NULL), -ST_EINVAL);
    assert_int_equal(engine_parse_time("99999999999999999999", now, &ns, NULL), -ST_EINVAL);
}

static void knows_signals_by_name_and_number(void **state)
{
    (void)state;
    assert_int_equal(engine_signal_number("KILL"), 9);
    assert_int_equal(engine_signal_number("sigterm"), 15);
    assert_int_equal(engine_signal_number("34"), 34);
    assert_int_equal(engine_signal_number("RTMIN+2"), 36);
    assert_int_equal(engine_signal_number("SIGRTMAX"), 64);
    assert_int_equal(engine_signal_number("0"), -ST_EINVAL);
    assert_int_equal(engine_signal_number("65"), -ST_EINVAL);
    assert_int_equal(engine_signal_number("NOPE"), -ST_EINVAL);
    assert_int_equal(engine_signal_number(""), -ST_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_spans_as_docker_does),
        cmocka_unit_test(tells_states_as_docker_does),
        cmocka_unit_test(joins_entry_point_and_command),
        cmocka_unit_test(reads_times_in_every_form),
        cmocka_unit_test(knows_signals_by_name_and_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
