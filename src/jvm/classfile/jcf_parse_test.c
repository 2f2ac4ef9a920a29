/* Tests of the class-file parser on classes made by hand: what it says of good and of bad ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "jvm/classfile/jcf_code.h"
#include "jvm/classfile/jcf_made_test.h"
#include "jvm/classfile/jcf_parse.h"

struct parsed {
    struct st_arena arena;
    struct st_buf file;
    struct jcf_class class;
    struct jcf_error error;
    int result;
};

static struct jcf_text text(const char *string)
{
    return (struct jcf_text){(const uint8_t *)string, (uint32_t)strlen(string)};
}

static void parse(struct parsed *to, const char *name, bool preview)
{
    struct jcf_parse_config config = {.preview = preview};
    if (name != NULL) {
        config.name = text(name);
    }
    to->arena = ST_ARENA_HEAP(1 << 20);
    to->result =
        jcf_parse(to->file.data, to->file.length, &config, &to->arena, &to->class, &to->error);
}

static void done(struct parsed *p)
{
    st_arena_done(&p->arena);
    st_buf_done(&p->file);
}

/* class p/C with a field and a method with code, a line and a local. */
static struct made a_class(uint16_t major)
{
    struct made m = made_start(major);
    uint16_t this = made_class(&m, "p/C");
    uint16_t super = made_class(&m, "java/lang/Object");
    uint16_t field = made_utf8(&m, "count");
    uint16_t type = made_utf8(&m, "I");
    uint16_t value = made_utf8(&m, "ConstantValue");
    put_u1(&m.pool, 3);
    put_u4(&m.pool, 42);
    uint16_t constant = m.constants++;
    uint16_t method = made_utf8(&m, "run");
    uint16_t descriptor = made_utf8(&m, "(J)V");
    uint16_t code = made_utf8(&m, "Code");
    uint16_t lines = made_utf8(&m, "LineNumberTable");
    struct st_buf *rest = &m.rest;
    put_u2(rest, 0x21);
    put_u2(rest, this);
    put_u2(rest, super);
    put_u2(rest, 0);
    put_u2(rest, 1);
    put_u2(rest, 0x18);
    put_u2(rest, field);
    put_u2(rest, type);
    put_u2(rest, 1);
    put_u2(rest, value);
    put_u4(rest, 2);
    put_u2(rest, constant);
    put_u2(rest, 1);
    put_u2(rest, 1);
    put_u2(rest, method);
    put_u2(rest, descriptor);
    put_u2(rest, 1);
    put_u2(rest, code);
    put_u4(rest, 12 + 2 + 6 + 2 + 8);
    put_u2(rest, 0);
    put_u2(rest, 3);
    put_u4(rest, 2);
    put_u1(rest, 0);
    put_u1(rest, 0xB1);
    put_u2(rest, 0);
    put_u2(rest, 1);
    put_u2(rest, lines);
    put_u4(rest, 10);
    put_u2(rest, 2);
    put_u2(rest, 0);
    put_u2(rest, 7);
    put_u2(rest, 1);
    put_u2(rest, 9);
    put_u2(rest, 0);
    return m;
}

static void reads_a_class(void **state)
{
    (void)state;
    struct parsed p;
    struct made m = a_class(61);
    made_finish(&m, &p.file);
    parse(&p, "p/C", false);
    assert_int_equal(p.result, 0);
    assert_true(jcf_text_is(jcf_class_name(&p.class), "p/C"));
    assert_true(jcf_text_is(jcf_super_name(&p.class), "java/lang/Object"));
    assert_int_equal(p.class.field_count, 1);
    assert_int_equal(p.class.constants[p.class.fields[0].constant].bits, 42);
    const struct jcf_method *run = jcf_find_method(&p.class, text("run"), text("(J)V"));
    assert_non_null(run);
    assert_int_equal(run->argument_slots, 3);
    assert_int_equal(run->code.length, 2);
    assert_int_equal(jcf_line_of(&p.class, run, 0), 7);
    assert_int_equal(jcf_line_of(&p.class, run, 1), 9);
    struct jcf_local local;
    assert_false(jcf_local_at(&p.class, run, 0, 0, &local));
    assert_null(jcf_find_method(&p.class, text("run"), text("()V")));
    done(&p);
}

static void fails_at_every_shorter_length(void **state)
{
    (void)state;
    struct parsed p;
    struct made m = a_class(61);
    made_finish(&m, &p.file);
    size_t whole = p.file.length;
    struct jcf_parse_config config = {0};
    for (size_t length = 0; length < whole; length++) {
        p.arena = ST_ARENA_HEAP(1 << 20);
        uint8_t *cut = malloc(length > 0 ? length : 1);
        memcpy(cut, p.file.data, length);
        assert_int_equal(jcf_parse(cut, length, &config, &p.arena, &p.class, &p.error),
                         -ST_ECORRUPT);
        assert_int_equal(p.error.kind, JCF_ERROR_CLASS_FORMAT);
        free(cut);
        st_arena_done(&p.arena);
    }
    st_buf_char(&p.file, 0);
    parse(&p, NULL, false);
    assert_string_equal(p.error.message, "Extra bytes at the end of class file p/C");
    done(&p);
}

static void expect(struct parsed *p, enum jcf_error_kind kind, const char *message)
{
    assert_int_equal(p->result, -ST_ECORRUPT);
    assert_string_equal(p->error.message, message);
    assert_int_equal(p->error.kind, kind);
    done(p);
}

static void tells_of_versions_in_hotspots_words(void **state)
{
    (void)state;
    static const struct {
        uint16_t major, minor;
        const char *message;
    } cases[] = {
        {70, 0,
         "Hello has been compiled by a more recent version of the Java Runtime (class file version "
         "70.0), this version of the Java Runtime only recognizes class file versions up to 61.0"},
        {61, 1,
         "Hello (class file version 61.1) was compiled with an invalid non-zero minor version"},
        {61, 65535,
         "Preview features are not enabled for Hello (class file version 61.65535). Try running "
         "with "
         "'--enable-preview'"},
        {44, 0, "Hello (class file version 44.0) was compiled with an invalid major version"},
    };
    for (size_t i = 0; i < ST_COUNT(cases); i++) {
        struct parsed p;
        struct made m = a_class(cases[i].major);
        m.minor = cases[i].minor;
        made_finish(&m, &p.file);
        parse(&p, "Hello", false);
        expect(&p, JCF_ERROR_UNSUPPORTED_VERSION, cases[i].message);
    }
    struct parsed p;
    struct made m = a_class(61);
    m.minor = 65535;
    made_finish(&m, &p.file);
    parse(&p, NULL, true);
    assert_int_equal(p.result, 0);
    done(&p);
}

static void tells_of_names_and_magic(void **state)
{
    (void)state;
    struct parsed p;
    struct made m = a_class(61);
    made_finish(&m, &p.file);
    parse(&p, "Hello", false);
    expect(&p, JCF_ERROR_NO_CLASS_DEF, "Hello (wrong name: p/C)");
    m = a_class(61);
    made_finish(&m, &p.file);
    p.file.data[0] = 0;
    parse(&p, "Hello", false);
    expect(&p, JCF_ERROR_CLASS_FORMAT, "Incompatible magic value 16693950 in class file Hello");
}

static void runs_out_of_memory_in_order(void **state)
{
    (void)state;
    struct parsed p;
    struct made m = a_class(61);
    made_finish(&m, &p.file);
    struct jcf_parse_config config = {0};
    p.arena = ST_ARENA_HEAP(64);
    assert_int_equal(jcf_parse(p.file.data, p.file.length, &config, &p.arena, &p.class, &p.error),
                     -ST_ENOMEM);
    assert_int_equal(p.error.kind, JCF_ERROR_NO_MEMORY);
    done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_class),
        cmocka_unit_test(fails_at_every_shorter_length),
        cmocka_unit_test(tells_of_versions_in_hotspots_words),
        cmocka_unit_test(tells_of_names_and_magic),
        cmocka_unit_test(runs_out_of_memory_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
