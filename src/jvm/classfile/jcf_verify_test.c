/* Tests of the verifier on methods made by hand: what it accepts and in which words it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "jvm/classfile/jcf_bytecode.h"
#include "jvm/classfile/jcf_made_test.h"
#include "jvm/classfile/jcf_parse.h"
#include "jvm/classfile/jcf_verify.h"

/* The constants of every class made here. */
enum {
    THIS = 2,
    OBJECT = 4,
    CODE = 5,
    STACK_MAP = 6,
    METHOD_NAME = 7,
    METHOD_TYPE = 8,
    OBJECT_INIT = 14, /* java/lang/Object.<init>()V */
    STRING = 16,
};

struct checked {
    struct st_arena arena;
    struct st_buf file;
    struct jcf_error error;
    int result;
    int asked; /* questions of assignability */
    int answer;
};

static int is_assignable(void *context, struct jcf_text from, struct jcf_text to, bool protected)
{
    (void)from;
    (void)to;
    (void)protected;
    struct checked *checked = context;
    checked->asked++;
    return checked->answer;
}

static int no(void *context, struct jcf_text name)
{
    (void)context;
    (void)name;
    return 0;
}

static int not_protected(void *context, const struct jcf_member *member, bool is_method)
{
    (void)context;
    (void)member;
    (void)is_method;
    return 0;
}

static void put_code(struct st_buf *rest, const uint8_t *code, size_t length, const uint8_t *map,
                     size_t map_length)
{
    put_u2(rest, CODE);
    put_u4(rest, (uint32_t)(12 + length + (map_length > 0 ? 6 + map_length : 0)));
    put_u2(rest, 2);
    put_u2(rest, 3);
    put_u4(rest, (uint32_t)length);
    st_buf_append(rest, code, length);
    put_u2(rest, 0);
    put_u2(rest, map_length > 0 ? 1 : 0);
    if (map_length > 0) {
        put_u2(rest, STACK_MAP);
        put_u4(rest, (uint32_t)map_length);
        st_buf_append(rest, map, map_length);
    }
}

/* Verifies class p/C with one method of two stack slots and three locals. */
static void check(struct checked *c, const char *name, const char *type, unsigned flags,
                  const uint8_t *code, size_t length, const uint8_t *map, size_t map_length)
{
    struct made m = made_start(61);
    assert_int_equal(made_class(&m, "p/C"), THIS);
    assert_int_equal(made_class(&m, "java/lang/Object"), OBJECT);
    assert_int_equal(made_utf8(&m, "Code"), CODE);
    assert_int_equal(made_utf8(&m, "StackMapTable"), STACK_MAP);
    assert_int_equal(made_utf8(&m, name), METHOD_NAME);
    assert_int_equal(made_utf8(&m, type), METHOD_TYPE);
    assert_int_equal(made_member(&m, 10, "java/lang/Object", "<init>", "()V"), OBJECT_INIT);
    assert_int_equal(made_class(&m, "java/lang/String"), STRING);
    struct st_buf *rest = &m.rest;
    put_u2(rest, 0x21);
    put_u2(rest, THIS);
    put_u2(rest, OBJECT);
    put_u2(rest, 0);
    put_u2(rest, 0);
    put_u2(rest, 1);
    put_u2(rest, flags);
    put_u2(rest, METHOD_NAME);
    put_u2(rest, METHOD_TYPE);
    put_u2(rest, 1);
    put_code(rest, code, length, map, map_length);
    put_u2(rest, 0);
    made_finish(&m, &c->file);
    struct jcf_parse_config config = {0};
    struct jcf_class class;
    c->arena = ST_ARENA_HEAP(1 << 20);
    assert_int_equal(jcf_parse(c->file.data, c->file.length, &config, &c->arena, &class, &c->error),
                     0);
    struct jcf_verify_env env = {c, is_assignable, no, not_protected, NULL};
    c->result = jcf_verify(&class, &env, &c->arena, &c->error);
}

static void done(struct checked *c)
{
    st_arena_done(&c->arena);
    st_buf_done(&c->file);
}

static void refused(struct checked *c, enum jcf_error_kind kind, const char *begins)
{
    assert_int_equal(c->result, -ST_ECORRUPT);
    assert_int_equal(c->error.kind, kind);
    if (begins != NULL) {
        assert_memory_equal(c->error.message, begins, strlen(begins));
    }
    done(c);
}

#define CHECK_STATIC(c, type, ...)                                                                 \
    do {                                                                                           \
        static const uint8_t check_code[] = {__VA_ARGS__};                                         \
        check((c), "m", (type), 9, check_code, sizeof(check_code), NULL, 0);                       \
    } while (0)

static void accepts_straight_code(void **state)
{
    (void)state;
    struct checked c = {0};
    CHECK_STATIC(&c, "(I)I", JCF_OP_ILOAD_0, JCF_OP_ICONST_1, JCF_OP_IADD, JCF_OP_IRETURN);
    assert_int_equal(c.result, 0);
    done(&c);
}

static void accepts_a_constructor_that_calls_its_superclass(void **state)
{
    (void)state;
    static const uint8_t good[] = {JCF_OP_ALOAD_0, JCF_OP_INVOKESPECIAL, 0, OBJECT_INIT,
                                   JCF_OP_RETURN};
    struct checked c = {0};
    check(&c, "<init>", "()V", 1, good, sizeof(good), NULL, 0);
    assert_int_equal(c.result, 0);
    done(&c);
    static const uint8_t bad[] = {JCF_OP_RETURN};
    check(&c, "<init>", "()V", 1, bad, sizeof(bad), NULL, 0);
    refused(&c, JCF_ERROR_VERIFY, "Constructor must call super() or this() before return\n");
}

static void tells_of_stack_and_ends(void **state)
{
    (void)state;
    struct checked c = {0};
    CHECK_STATIC(&c, "()I", JCF_OP_IRETURN);
    refused(&c, JCF_ERROR_VERIFY, "Operand stack underflow\n");
    CHECK_STATIC(&c, "()V", JCF_OP_ICONST_0, JCF_OP_ICONST_0, JCF_OP_ICONST_0, JCF_OP_RETURN);
    refused(&c, JCF_ERROR_VERIFY, "Operand stack overflow\n");
    CHECK_STATIC(&c, "()V", JCF_OP_ICONST_0);
    refused(&c, JCF_ERROR_VERIFY, "Control flow falls through code end\n");
    CHECK_STATIC(&c, "()V", JCF_OP_ICONST_0, JCF_OP_IRETURN);
    refused(&c, JCF_ERROR_VERIFY, "Method does not expect a return value\n");
    CHECK_STATIC(&c, "()V", JCF_OP_ILOAD_3, JCF_OP_RETURN);
    refused(&c, JCF_ERROR_VERIFY, "Local variable table overflow\n");
    CHECK_STATIC(&c, "()V", JCF_OP_JSR, 0, 3, JCF_OP_RETURN);
    refused(&c, JCF_ERROR_VERIFY, "Bad instruction: a8\n");
    CHECK_STATIC(&c, "()V", 0xFF);
    refused(&c, JCF_ERROR_VERIFY, "Bad instruction\n");
}

static void tells_the_details_as_hotspot_does(void **state)
{
    (void)state;
    struct checked c = {0};
    CHECK_STATIC(&c, "(Ljava/lang/Object;)I", JCF_OP_ALOAD_0, JCF_OP_IRETURN);
    refused(&c, JCF_ERROR_VERIFY,
            "Bad type on operand stack\n"
            "Exception Details:\n"
            "  Location:\n"
            "    p/C.m(Ljava/lang/Object;)I @1: ireturn\n"
            "  Reason:\n"
            "    Type 'java/lang/Object' (current frame, stack[0]) is not assignable to integer\n"
            "  Current Frame:\n"
            "    bci: @1\n"
            "    flags: { }\n"
            "    locals: { 'java/lang/Object' }\n"
            "    stack: { 'java/lang/Object' }\n"
            "  Bytecode:\n"
            "    0000000: 2aac                                   \n");
}

static void asks_about_classes_that_it_does_not_know(void **state)
{
    (void)state;
    struct checked c = {.answer = 1};
    CHECK_STATIC(&c, "(Ljava/lang/Object;)Ljava/lang/String;", JCF_OP_ALOAD_0, JCF_OP_ARETURN);
    assert_int_equal(c.result, 0);
    assert_int_equal(c.asked, 1);
    done(&c);
    c.answer = 0;
    CHECK_STATIC(&c, "(Ljava/lang/Object;)Ljava/lang/String;", JCF_OP_ALOAD_0, JCF_OP_ARETURN);
    refused(&c, JCF_ERROR_VERIFY, "Bad return type\n");
    c.answer = -1;
    CHECK_STATIC(&c, "(Ljava/lang/Object;)Ljava/lang/String;", JCF_OP_ALOAD_0, JCF_OP_ARETURN);
    refused(&c, JCF_ERROR_PENDING, NULL);
    c.asked = 0;
    CHECK_STATIC(&c, "(Ljava/lang/String;)Ljava/lang/Object;", JCF_OP_ALOAD_0, JCF_OP_ARETURN);
    assert_int_equal(c.result, 0);
    done(&c);
    CHECK_STATIC(&c, "([[I)[Ljava/lang/Object;", JCF_OP_ALOAD_0, JCF_OP_ARETURN);
    assert_int_equal(c.result, 0);
    assert_int_equal(c.asked, 0);
    done(&c);
}

static void compares_frames_at_jumps(void **state)
{
    (void)state;
    static const uint8_t code[] = {JCF_OP_ILOAD_0, JCF_OP_IFEQ,  0, 5, JCF_OP_NOP,
                                   JCF_OP_NOP,     JCF_OP_RETURN};
    struct checked c = {0};
    check(&c, "m", "(I)V", 9, code, sizeof(code), NULL, 0);
    refused(&c, JCF_ERROR_VERIFY, "Expecting a stackmap frame at branch target 6\n");
    static const uint8_t same[] = {0, 1, 6};
    check(&c, "m", "(I)V", 9, code, sizeof(code), same, sizeof(same));
    assert_int_equal(c.result, 0);
    done(&c);
    static const uint8_t one_more[] = {0, 1, 252, 0, 6, 1};
    check(&c, "m", "(I)V", 9, code, sizeof(code), one_more, sizeof(one_more));
    refused(&c, JCF_ERROR_VERIFY, "Inconsistent stackmap frames at branch target 6\n");
    static const uint8_t cut[] = {0, 2, 6};
    check(&c, "m", "(I)V", 9, code, sizeof(code), cut, sizeof(cut));
    refused(&c, JCF_ERROR_CLASS_FORMAT,
            "StackMapTable format error: access beyond the end of attribute");
    static const uint8_t reserved[] = {0, 1, 200};
    check(&c, "m", "(I)V", 9, code, sizeof(code), reserved, sizeof(reserved));
    refused(&c, JCF_ERROR_CLASS_FORMAT, "StackMapTable format error: reserved frame type");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_straight_code),
        cmocka_unit_test(accepts_a_constructor_that_calls_its_superclass),
        cmocka_unit_test(tells_of_stack_and_ends),
        cmocka_unit_test(tells_the_details_as_hotspot_does),
        cmocka_unit_test(asks_about_classes_that_it_does_not_know),
        cmocka_unit_test(compares_frames_at_jumps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
