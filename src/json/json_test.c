/* Tests of the JSON parser and writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/heap.h"
#include "json/json_doc.h"
#include "json/json_write.h"

static const struct json_limits limits = {.max_bytes = 1000, .max_depth = 8};

static int parse(const char *text, struct json_doc **ret_doc)
{
    return json_parse(text, strlen(text), &limits, ret_doc, NULL);
}

static void writes_what_it_read(void **state)
{
    (void)state;
    static const char *const same[] = {
        "null",
        "true",
        "[]",
        "{}",
        "[1,-2,3.5e-7,18446744073709551616]",
        "\"\"",
        "{\"a\":{\"b\":[{}]},\"\":\"\xc3\xa9\xf0\x9f\x98\x80\"}",
        "\"\\\"\\\\\\n\\u0001\"",
    };
    for (size_t i = 0; i < ST_COUNT(same); i++) {
        struct json_doc *doc = NULL;
        st_auto(buf) struct st_buf text = ST_BUF_HEAP(4096);
        struct json_writer w = {.to = &text};
        assert_int_equal(parse(same[i], &doc), 0);
        json_write_value(&w, json_doc_root(doc));
        assert_string_equal(st_buf_string(&text), same[i]);
        json_doc_free(doc);
    }
}

static void unescapes_strings_and_lets_the_last_member_win(void **state)
{
    (void)state;
    struct json_doc *doc = NULL;
    assert_int_equal(parse(" {\"a\" : 1, \"a\":\"\\u00e9\\ud83d\\ude00\\ud83d\\/\\t\" "
                           ",\"n\":-9223372036854775808}\n",
                           &doc),
                     0);
    const struct json_value *root = json_doc_root(doc);
    assert_string_equal(json_text(json_member(root, "a")),
                        "\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbd/\t");
    int64_t number = 0;
    uint64_t positive = 0;
    assert_int_equal(json_i64(json_member(root, "n"), INT64_MIN, INT64_MAX, &number), 0);
    assert_true(number == INT64_MIN);
    assert_int_equal(json_u64(json_member(root, "n"), UINT64_MAX, &positive), -ST_ERANGE);
    assert_null(json_member(root, "b"));
    json_doc_free(doc);
}

static void refuses_what_is_not_json(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "{\"a\"}",
        "{1:2}",
        "01",
        "1.",
        "-",
        "+1",
        "1e",
        "nul",
        "\"",
        "\"\\x\"",
        "\"\\u12g\"",
        "\"\x01\"",
        "\"\xff\"",
        "\"\xed\xa0\x80\"",
        "\"\\u0000\"",
        "[1 2]",
        "[[[[[[[[[1]]]]]]]]]",
    };
    for (size_t i = 0; i < ST_COUNT(bad); i++) {
        struct json_doc *doc = NULL;
        assert_true(parse(bad[i], &doc) < 0);
    }
}

static void indents_and_mends_bytes_that_are_not_utf8(void **state)
{
    (void)state;
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(4096);
    struct json_writer w = {.to = &text, .indent = 2};
    json_write_object(&w);
    json_write_key_string(&w, "a", "x\xffy");
    json_write_key(&w, "b");
    json_write_array(&w);
    json_write_end(&w);
    json_write_key(&w, "c");
    json_write_array(&w);
    json_write_u64(&w, 1);
    json_write_null(&w);
    json_write_end(&w);
    json_write_end(&w);
    assert_string_equal(
        st_buf_string(&text),
        "{\n  \"a\": \"x\xef\xbf\xbdy\",\n  \"b\": [],\n  \"c\": [\n    1,\n    null\n  ]\n}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_it_read),
        cmocka_unit_test(unescapes_strings_and_lets_the_last_member_win),
        cmocka_unit_test(refuses_what_is_not_json),
        cmocka_unit_test(indents_and_mends_bytes_that_are_not_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
