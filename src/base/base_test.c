/* Errors, formatted text, strings and buffers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/heap.h"
#include "base/print.h"
#include "base/str.h"

#define SAME_AS_LIBC(...)                                                                          \
    do {                                                                                           \
        char ours[256];                                                                            \
        char theirs[256];                                                                          \
        size_t our_length = st_snprintf(ours, sizeof(ours), __VA_ARGS__);                          \
        int their_length = snprintf(theirs, sizeof(theirs), __VA_ARGS__);                          \
        assert_string_equal(ours, theirs);                                                         \
        assert_int_equal(our_length, their_length);                                                \
    } while (0)

static void formats_as_the_c_library_does(void **state)
{
    (void)state;
    SAME_AS_LIBC("%d %i %u %x %X %o", -5, 2147483647, 4294967295U, 0xbeefU, 0xBEEFU, 0755U);
    SAME_AS_LIBC("%lld %llu %zu %jd", -9223372036854775807LL - 1, ~0ULL, (size_t)7, (intmax_t)-3);
    SAME_AS_LIBC("[%5d] [%-5d] [%05d] [%05d]", 42, 42, 42, -42);
    SAME_AS_LIBC("[%8s] [%-8s] [%.3s] [%.*s] %c%%", "text", "text", "abcdef", 2, "xyz", 'c');
    SAME_AS_LIBC("%02x%02x", 1U, 255U);
}

static void cuts_text_that_does_not_fit(void **state)
{
    (void)state;
    char text[4];
    assert_int_equal(st_snprintf(text, sizeof(text), "%s", "abcdef"), 6);
    assert_string_equal(text, "abc");
    assert_int_equal(st_snprintf(NULL, 0, "%d", 1234), 4);
}

static void parses_only_whole_numbers_in_range(void **state)
{
    (void)state;
    uint64_t u = 0;
    int64_t i = 0;
    assert_int_equal(st_parse_u64("18446744073709551615", 10, UINT64_MAX, &u), 0);
    assert_true(u == UINT64_MAX);
    assert_int_equal(st_parse_u64("18446744073709551616", 10, UINT64_MAX, &u), -ST_ERANGE);
    assert_int_equal(st_parse_u64("755", 8, 07777, &u), 0);
    assert_int_equal(u, 0755);
    assert_int_equal(st_parse_u64("8", 8, 07777, &u), -ST_EINVAL);
    assert_int_equal(st_parse_u64("", 10, 9, &u), -ST_EINVAL);
    assert_int_equal(st_parse_u64("+1", 10, 9, &u), -ST_EINVAL);
    assert_int_equal(st_parse_u64("10", 10, 9, &u), -ST_ERANGE);
    assert_int_equal(st_parse_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &i), 0);
    assert_true(i == INT64_MIN);
    assert_int_equal(st_parse_i64("-1", 0, 5, &i), -ST_ERANGE);
    assert_int_equal(st_parse_i64("-", INT64_MIN, INT64_MAX, &i), -ST_EINVAL);
}

static void an_error_says_what_where_and_how_to_mend_it(void **state)
{
    (void)state;
    struct st_err err = {0};
    assert_int_equal(st_fail(&err, ST_EINVAL, "disk %s: %d", "a", 7), -ST_EINVAL);
    assert_string_equal(err.msg, "disk a: 7");
    st_hint(&err, "use 8");
    assert_int_equal(st_wrap(&err, -ST_EINVAL, "starting %s", "vm"), -ST_EINVAL);
    assert_string_equal(err.msg, "starting vm: disk a: 7");
    assert_string_equal(err.hint, "use 8");
    assert_int_equal(st_fail_os(&err, -ST_ENOENT, "opening %s", "/x"), -ST_ENOENT);
    assert_string_equal(err.msg, "opening /x: no such file or directory");
    assert_int_equal(st_fail_os(&err, -77, "x"), -77);
    assert_string_equal(err.msg, "x: error 77");
    assert_int_equal(st_fail(NULL, ST_EIO, "nobody reads this"), -ST_EIO);
}

static void a_buffer_grows_up_to_its_limit_and_remembers_the_failure(void **state)
{
    (void)state;
    st_auto(buf) struct st_buf buf = ST_BUF_HEAP(100);
    assert_string_equal(st_buf_string(&buf), "");
    for (int i = 0; i < 25; i++) {
        assert_int_equal(st_buf_printf(&buf, "%02d,", i), 0);
    }
    assert_int_equal(buf.length, 75);
    assert_int_equal(st_buf_append(&buf, "01234567890123456789012345", 26), -ST_ELIMIT);
    assert_int_equal(st_buf_char(&buf, 'x'), -ST_ELIMIT);
    assert_int_equal(st_buf_status(&buf), -ST_ELIMIT);
    assert_null(st_buf_steal(&buf));
    st_buf_reset(&buf);
    assert_int_equal(st_buf_text(&buf, "again"), 0);
    char *text = st_buf_steal(&buf);
    assert_string_equal(text, "again");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_as_the_c_library_does),
        cmocka_unit_test(cuts_text_that_does_not_fit),
        cmocka_unit_test(parses_only_whole_numbers_in_range),
        cmocka_unit_test(an_error_says_what_where_and_how_to_mend_it),
        cmocka_unit_test(a_buffer_grows_up_to_its_limit_and_remembers_the_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
