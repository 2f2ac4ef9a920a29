/* Tests of lists as docker prints them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/heap.h"
#include "strata/rows.h"

static void shows_sizes_with_three_digits(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0B"},           {999, "999B"},        {1000, "1kB"},         {1540, "1.54kB"},
        {4260000, "4.26MB"}, {42649600, "42.6MB"}, {77812345, "77.8MB"},  {123456789, "123MB"},
        {1000000000, "1GB"}, {1010000, "1.01MB"},  {UINT64_MAX, "18.4EB"}};
    for (size_t i = 0; i < ST_COUNT(cases); i++) {
        st_auto(buf) struct st_buf text = ST_BUF_HEAP(64);
        rows_size(&text, cases[i].bytes);
        assert_string_equal(st_buf_string(&text), cases[i].text);
    }
}

static void cuts_texts_at_characters(void **state)
{
    (void)state;
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(64);
    rows_short(&text, "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f", 3);
    assert_string_equal(st_buf_string(&text), "\xc3\xa4\xc3\xb6\xe2\x80\xa6");
    st_buf_reset(&text);
    rows_short(&text, "abc", 3);
    assert_string_equal(st_buf_string(&text), "abc");
}

/* What rows_end writes, read back through a pipe in place of standard output. */
static void printed(const char *format, const char *expected)
{
    static const struct rows_title titles[] = {{"A", "FIRST"}, {"B", "SECOND"}, {0}};
    char got[256] = "";
    int fds[2];
    int saved = dup(STDOUT_FILENO);
    struct st_err err = {0};
    struct rows rows;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(rows_begin(&rows, format, "table {{.A}}\t{{.B}}", titles, &err), 0);
    assert_int_equal(rows_add(&rows, "{\"A\":\"x\",\"B\":\"y\"}", &err), 0);
    assert_int_equal(rows_add(&rows, "{\"A\":\"longer text\",\"B\":\"\"}", &err), 0);
    dup2(fds[1], STDOUT_FILENO);
    int r = rows_end(&rows, &err);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(fds[1]);
    assert_int_equal(r, 0);
    assert_true(read(fds[0], got, sizeof got - 1) > 0);
    close(fds[0]);
    rows_done(&rows);
    assert_string_equal(got, expected);
}

static void prints_tables_templates_and_json(void **state)
{
    (void)state;
    printed(NULL, "FIRST         SECOND\nx             y\nlonger text   \n");
    printed("table {{.B}}\t{{.A}}", "SECOND    FIRST\ny         x\n          longer text\n");
    printed("{{.A}}!", "x!\nlonger text!\n");
    printed("json", "{\"A\":\"x\",\"B\":\"y\"}\n{\"A\":\"longer text\",\"B\":\"\"}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_sizes_with_three_digits),
        cmocka_unit_test(cuts_texts_at_characters),
        cmocka_unit_test(prints_tables_templates_and_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
