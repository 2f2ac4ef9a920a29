/* Tests of modified UTF-8, names and descriptors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "jvm/classfile/jcf_descriptor.h"
#include "jvm/classfile/jcf_utf8.h"

static struct jcf_text text(const char *string)
{
    return (struct jcf_text){(const uint8_t *)string, (uint32_t)strlen(string)};
}

static bool legal(const char *bytes, size_t length, bool shortest)
{
    return jcf_utf8_is_legal((const uint8_t *)bytes, length, shortest);
}

static void knows_legal_utf8(void **state)
{
    (void)state;
    assert_true(legal("", 0, true));
    assert_true(legal("plain text of some length", 25, true));
    assert_false(legal("plain text\0of some length", 25, true));
    assert_true(legal("\xC0\x80", 2, true));
    assert_false(legal("\xC1\x81", 2, true));
    assert_true(legal("\xC1\x81", 2, false));
    assert_true(legal("\xE2\x82\xAC", 3, true));
    assert_false(legal("\xE0\x82\xAC", 3, true));
    assert_true(legal("\xED\xA0\x80\xED\xB0\x80", 6, true));
    assert_false(legal("\xE2\x82", 2, true));
    assert_false(legal("\x80", 1, true));
    assert_false(legal("\xF0\x90\x80\x80", 4, true));
    assert_false(legal("1234567\xC3", 8, true));
}

static void codes_and_decodes_every_unit(void **state)
{
    (void)state;
    for (uint32_t unit = 0; unit < 0x10000; unit++) {
        uint16_t in = (uint16_t)unit;
        uint16_t out = 1;
        uint8_t bytes[3];
        size_t size = jcf_utf8_encode(&in, 1, bytes);
        assert_int_equal(size, jcf_utf8_size(&in, 1));
        assert_true(jcf_utf8_is_legal(bytes, size, true));
        bool latin1;
        assert_int_equal(jcf_utf8_units(bytes, size, &latin1), 1);
        assert_int_equal(latin1, unit < 0x100);
        jcf_utf8_to_utf16(bytes, size, &out);
        assert_int_equal(out, unit);
    }
    uint8_t latin1[32];
    jcf_utf8_to_latin1((const uint8_t *)"0123456789\xC3\xA9t\xC3\xA9", 15, latin1);
    assert_memory_equal(latin1, "0123456789\xE9t\xE9", 13);
}

static void checks_names(void **state)
{
    (void)state;
    assert_true(jcf_name_is_class(text("java/lang/Object"), false));
    assert_true(jcf_name_is_class(text("[[Lp/C;"), false));
    assert_true(jcf_name_is_class(text("a-b c"), false));
    assert_false(jcf_name_is_class(text("a-b"), true));
    assert_false(jcf_name_is_class(text("1a"), true));
    assert_true(jcf_name_is_class(text("a/1b"), true));
    assert_false(jcf_name_is_class(text("a//b"), true));
    assert_true(jcf_name_is_class(text("a/"), true));
    assert_false(jcf_name_is_class(text(""), false));
    assert_false(jcf_name_is_class(text("/a"), false));
    assert_false(jcf_name_is_class(text("a//b"), false));
    assert_false(jcf_name_is_class(text("a/"), false));
    assert_false(jcf_name_is_class(text("a.b"), false));
    assert_false(jcf_name_is_class(text("[V"), false));
    assert_true(jcf_name_is_field(text("<x"), false));
    assert_false(jcf_name_is_field(text("a/b"), false));
    assert_true(jcf_name_is_method(text("<init>"), false));
    assert_true(jcf_name_is_method(text("<clinit>"), true));
    assert_false(jcf_name_is_method(text("<other>"), false));
    assert_false(jcf_name_is_method(text("a>b"), false));
}

static enum jcf_descriptor_fault method_fault(const char *string, uint32_t *slots)
{
    return jcf_descriptor_method_fault(text(string), false, slots);
}

static void checks_descriptors(void **state)
{
    (void)state;
    uint32_t slots = 0;
    assert_int_equal(method_fault("(IJ[DLp/C;)V", &slots), JCF_DESCRIPTOR_GOOD);
    assert_int_equal(slots, 5);
    assert_int_equal(method_fault("(V)V", &slots), JCF_DESCRIPTOR_BAD);
    assert_int_equal(method_fault("()", &slots), JCF_DESCRIPTOR_BAD);
    assert_int_equal(method_fault("()II", &slots), JCF_DESCRIPTOR_BAD);
    assert_int_equal(method_fault("(I", &slots), JCF_DESCRIPTOR_BAD);
    assert_int_equal(method_fault("(L;)V", &slots), JCF_DESCRIPTOR_BAD_NAME);
    assert_int_equal(method_fault("(La.b;)V", &slots), JCF_DESCRIPTOR_BAD_NAME);
    char deep[300];
    memset(deep, '[', sizeof(deep));
    deep[255] = 'I';
    struct jcf_text type = {(const uint8_t *)deep, 256};
    assert_int_equal(jcf_descriptor_field_fault(type, false), JCF_DESCRIPTOR_GOOD);
    deep[255] = '[';
    deep[256] = 'I';
    type.length = 257;
    assert_int_equal(jcf_descriptor_field_fault(type, false), JCF_DESCRIPTOR_TOO_DEEP);
}

static void walks_types(void **state)
{
    (void)state;
    struct jcf_type_cursor cursor = jcf_types_of(text("(I[[JLp/C;)[Z"));
    struct jcf_type type;
    assert_true(jcf_next_argument(&cursor, &type));
    assert_int_equal(type.kind, 'I');
    assert_true(jcf_next_argument(&cursor, &type));
    assert_true(jcf_text_is(type.text, "[[J"));
    assert_int_equal(type.slots, 1);
    assert_true(jcf_next_argument(&cursor, &type));
    assert_true(jcf_text_is(jcf_type_name(&type), "p/C"));
    assert_false(jcf_next_argument(&cursor, &type));
    jcf_result(&cursor, &type);
    assert_true(jcf_text_is(jcf_type_name(&type), "[Z"));
    struct jcf_signature signature;
    jcf_signature_of(text("(DJ)V"), &signature);
    assert_int_equal(signature.slots, 4);
    assert_int_equal(signature.arguments, 2);
    assert_int_equal(signature.result.slots, 0);
    jcf_signature_of(text("(L"), &signature);
    assert_int_equal(signature.result.kind, 'V');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_legal_utf8), cmocka_unit_test(codes_and_decodes_every_unit),
        cmocka_unit_test(checks_names),     cmocka_unit_test(checks_descriptors),
        cmocka_unit_test(walks_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
