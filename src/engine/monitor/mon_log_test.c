/* The json-file log: lines, long lines, odd bytes, rotation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/print.h"
#include "engine/monitor/mon_log.h"
#include "os/os_file.h"

static char folder[] = "/tmp/mon-log-XXXXXX";
static char path[64];
static struct mon_log mon;

static int set_up(void **state)
{
    (void)state;
    memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    st_snprintf(path, sizeof(path), "%s/log", folder);
    memset(&mon, 0, sizeof(mon));
    return 0;
}

static int tear_down(void **state)
{
    char name[80];

    (void)state;
    os_close(&mon.fd);
    for (int i = 0; i < 4; i++) {
        st_snprintf(name, sizeof(name), i == 0 ? "%s" : "%s.%d", path, i);
        (void)os_unlinkat(AT_FDCWD, name, 0);
    }
    return os_unlinkat(AT_FDCWD, folder, AT_REMOVEDIR);
}

static void write_text(int stream, const char *text)
{
    mon_log_write(&mon, stream, text, strlen(text));
}

static void joins_pieces_of_a_line_and_keeps_streams_apart(void **state)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(65536);

    (void)state;
    assert_int_equal(mon_log_open(&mon, path, 0, 1), 0);
    write_text(1, "one ");
    write_text(2, "other\n");
    write_text(1, "line\nlast");
    mon_log_flush(&mon);
    assert_int_equal(os_read_file(AT_FDCWD, path, &text), 0);
    const char *other = strstr(st_buf_string(&text), "{\"log\":\"other\\n\",\"stream\":\"stderr\"");
    const char *line =
        strstr(st_buf_string(&text), "{\"log\":\"one line\\n\",\"stream\":\"stdout\"");
    const char *last = strstr(st_buf_string(&text), "{\"log\":\"last\",\"stream\":\"stdout\"");
    assert_non_null(other);
    assert_non_null(line);
    assert_non_null(last);
    assert_true(other < line && line < last);
}

static void escapes_what_json_cannot_hold(void **state)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(65536);

    (void)state;
    assert_int_equal(mon_log_open(&mon, path, 0, 1), 0);
    write_text(1, "a\"b\\c\x01\xff\xc3\xa4<\t\n");
    assert_int_equal(os_read_file(AT_FDCWD, path, &text), 0);
    assert_non_null(
        strstr(st_buf_string(&text), "\"a\\\"b\\\\c\\u0001\\ufffd\xc3\xa4\\u003c\\t\\n\""));
}

static void cuts_a_line_without_end(void **state)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(1 << 20);
    char *many = calloc(1, 2 * MON_LOG_LINE + 2);

    (void)state;
    assert_non_null(many);
    memset(many, 'x', 2 * MON_LOG_LINE + 1);
    assert_int_equal(mon_log_open(&mon, path, 0, 1), 0);
    write_text(1, many);
    write_text(1, "\n");
    free(many);
    assert_int_equal(os_read_file(AT_FDCWD, path, &text), 0);
    unsigned objects = 0;
    for (const char *at = st_buf_string(&text); (at = strstr(at, "{\"log\"")) != NULL; at++) {
        objects++;
    }
    assert_int_equal(objects, 3);
    assert_non_null(strstr(st_buf_string(&text), "\"x\\n\""));
}

static void rotates_and_keeps_as_many_files_as_asked(void **state)
{
    char name[80];

    (void)state;
    assert_int_equal(mon_log_open(&mon, path, 300, 3), 0);
    for (int i = 0; i < 40; i++) {
        write_text(1, "some line of output\n");
    }
    for (int i = 1; i < 3; i++) {
        st_snprintf(name, sizeof(name), "%s.%d", path, i);
        assert_int_equal(os_access(AT_FDCWD, name, F_OK, 0), 0);
    }
    st_snprintf(name, sizeof(name), "%s.3", path);
    assert_int_equal(os_access(AT_FDCWD, name, F_OK, 0), -ST_ENOENT);
    assert_true(mon.size <= 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(joins_pieces_of_a_line_and_keeps_streams_apart, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(escapes_what_json_cannot_hold, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cuts_a_line_without_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rotates_and_keeps_as_many_files_as_asked, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
