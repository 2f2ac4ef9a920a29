/* Tests of the table of bytecodes and of the decoder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "jvm/classfile/jcf_bytecode.h"

static void table_has_no_holes_and_no_two_of_a_name(void **state)
{
    (void)state;
    assert_int_equal(JCF_OP_COUNT, 202);
    for (unsigned i = 0; i < JCF_OP_COUNT; i++) {
        assert_true(jcf_ops[i].text[0] != 0);
        for (unsigned j = 0; j < i; j++) {
            assert_string_not_equal(jcf_ops[i].text, jcf_ops[j].text);
        }
    }
    assert_string_equal(jcf_ops[0x60].text, "iadd");
    assert_string_equal(jcf_ops[0xb9].text, "invokeinterface");
    assert_string_equal(jcf_ops[0xc9].text, "jsr_w");
}

static void decodes_operands(void **state)
{
    (void)state;
    static const uint8_t code[] = {JCF_OP_ICONST_M1,
                                   JCF_OP_ALOAD_3,
                                   JCF_OP_DSTORE_2,
                                   JCF_OP_BIPUSH,
                                   0x80,
                                   JCF_OP_SIPUSH,
                                   0xff,
                                   0xfe,
                                   JCF_OP_IINC,
                                   5,
                                   0xff,
                                   JCF_OP_GOTO,
                                   0xff,
                                   0xf0,
                                   JCF_OP_MULTIANEWARRAY,
                                   0x12,
                                   0x34,
                                   2};
    struct jcf_insn insn;
    assert_int_equal(jcf_insn_decode(code, sizeof(code), 0, &insn), 0);
    assert_int_equal(insn.value, -1);
    assert_int_equal(jcf_insn_decode(code, sizeof(code), 1, &insn), 0);
    assert_int_equal(insn.index, 3);
    assert_int_equal(jcf_insn_decode(code, sizeof(code), 2, &insn), 0);
    assert_int_equal(insn.index, 2);
    assert_int_equal(jcf_insn_decode(code, sizeof(code), 3, &insn), 0);
    assert_int_equal(insn.value, -128);
    assert_int_equal(jcf_insn_decode(code, sizeof(code), 5, &insn), 0);
    assert_int_equal(insn.value, -2);
    assert_int_equal(jcf_insn_decode(code, sizeof(code), 8, &insn), 0);
    assert_int_equal(insn.index, 5);
    assert_int_equal(insn.value, -1);
    assert_int_equal(jcf_insn_decode(code, sizeof(code), 11, &insn), 0);
    assert_int_equal(insn.value, -16);
    assert_int_equal(jcf_insn_decode(code, sizeof(code), 14, &insn), 0);
    assert_int_equal(insn.index, 0x1234);
    assert_int_equal(insn.value, 2);
    assert_int_equal(jcf_insn_length(code, sizeof(code) - 1, 14), 0);
}

static void decodes_wide_forms(void **state)
{
    (void)state;
    static const uint8_t code[] = {JCF_OP_WIDE, JCF_OP_IINC, 1,          2, 0xff,
                                   0,           JCF_OP_WIDE, JCF_OP_RET, 3, 4,
                                   JCF_OP_WIDE, JCF_OP_NOP,  0,          0};
    struct jcf_insn insn;
    assert_int_equal(jcf_insn_decode(code, sizeof(code), 0, &insn), 0);
    assert_int_equal(insn.op, JCF_OP_IINC);
    assert_int_equal(insn.index, 0x102);
    assert_int_equal(insn.value, -256);
    assert_int_equal(insn.length, 6);
    assert_int_equal(jcf_insn_decode(code, sizeof(code), 6, &insn), 0);
    assert_int_equal(insn.op, JCF_OP_RET);
    assert_int_equal(insn.length, 4);
    assert_int_equal(jcf_insn_decode(code, sizeof(code), 10, &insn), -ST_ECORRUPT);
    assert_int_equal(jcf_insn_decode(code, 9, 6, &insn), -ST_ECORRUPT);
    assert_int_equal(jcf_insn_decode(code, 7, 6, &insn), -ST_ECORRUPT);
}

static void decodes_switches_and_bounds_them(void **state)
{
    (void)state;
    static const uint8_t table[] = {JCF_OP_NOP, JCF_OP_TABLESWITCH,
                                    0,          0,
                                    0,          0,
                                    0,          20,
                                    0xff,       0xff,
                                    0xff,       0xff,
                                    0,          0,
                                    0,          0,
                                    0,          0,
                                    0,          7,
                                    0xff,       0xff,
                                    0xff,       0xff};
    struct jcf_insn insn;
    assert_int_equal(jcf_insn_decode(table, sizeof(table), 1, &insn), 0);
    assert_int_equal(insn.value, 20);
    assert_int_equal(insn.count, 2);
    assert_int_equal(insn.length, 23);
    assert_int_equal(jcf_switch_entry(table, &insn, 1).key, 0);
    assert_int_equal(jcf_switch_entry(table, &insn, 1).distance, -1);
    for (uint32_t length = 2; length < sizeof(table); length++) {
        assert_int_equal(jcf_insn_decode(table, length, 1, &insn), -ST_ECORRUPT);
    }
    static const uint8_t lookup[] = {
        JCF_OP_LOOKUPSWITCH, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 8};
    assert_int_equal(jcf_insn_decode(lookup, sizeof(lookup), 0, &insn), 0);
    assert_int_equal(insn.count, 1);
    assert_int_equal(jcf_switch_entry(lookup, &insn, 0).key, 5);
    assert_int_equal(jcf_switch_entry(lookup, &insn, 0).distance, 8);
    static const uint8_t huge[] = {
        JCF_OP_TABLESWITCH, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff};
    assert_int_equal(jcf_insn_decode(huge, sizeof(huge), 0, &insn), -ST_ECORRUPT);
    static const uint8_t negative[] = {
        JCF_OP_LOOKUPSWITCH, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
    assert_int_equal(jcf_insn_decode(negative, sizeof(negative), 0, &insn), -ST_ECORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_has_no_holes_and_no_two_of_a_name),
        cmocka_unit_test(decodes_operands),
        cmocka_unit_test(decodes_wide_forms),
        cmocka_unit_test(decodes_switches_and_bounds_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
