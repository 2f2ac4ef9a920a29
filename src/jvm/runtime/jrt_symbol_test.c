/*
 * Symbols: each text once, however many there are.
 */
#include "jvm/runtime/jrt_symbol.h"

#include <setjmp.h>
#include <stdio.h>

#include <cmocka.h>

static int make_metadata(void **state)
{
    (void)state;
    assert_int_equal(job_meta_init(0, 64 << 20, NULL), 0);
    assert_int_equal(jrt_symbols_init(), 0);
    return 0;
}

static void equal_texts_are_one_symbol(void **state)
{
    (void)state;
    job_offset_t one = jrt_symbol_of("java/lang/String");
    assert_int_not_equal(one, 0);
    assert_int_equal(jrt_symbol("java/lang/String;", 16), one);
    assert_int_equal(jrt_symbol_find("java/lang/String", 16), one);
    assert_string_equal(jrt_text(one), "java/lang/String");
    assert_int_not_equal(jrt_symbol_of("java/lang/Strinh"), one);
    assert_int_not_equal(jrt_symbol_of(""), 0);
}

static void what_was_never_made_is_not_found(void **state)
{
    (void)state;
    assert_int_equal(jrt_symbol_find("nobody", 6), 0);
}

static void the_table_grows(void **state)
{
    (void)state;
    enum { COUNT = 50000 };
    static job_offset_t symbols[COUNT];
    char text[32];
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(text, sizeof(text), "name%d", i);
        symbols[i] = jrt_symbol_of(text);
    }
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(text, sizeof(text), "name%d", i);
        assert_int_equal(jrt_symbol_of(text), symbols[i]);
        assert_string_equal(jrt_text(symbols[i]), text);
    }
}

static void texts_that_are_too_long_are_refused(void **state)
{
    (void)state;
    static char text[UINT16_MAX + 1];
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = 'x';
    }
    assert_int_equal(jrt_symbol(text, UINT16_MAX + 1), 0);
    assert_int_not_equal(jrt_symbol(text, UINT16_MAX), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_texts_are_one_symbol),
        cmocka_unit_test(what_was_never_made_is_not_found),
        cmocka_unit_test(the_table_grows),
        cmocka_unit_test(texts_that_are_too_long_are_refused),
    };
    return cmocka_run_group_tests(tests, make_metadata, NULL);
}
