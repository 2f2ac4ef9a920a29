/* The decoder on single instructions whose meaning is known from the manual. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "x86/x86_decode.h"

static struct x86_insn decoded(enum x86_mode mode, const char *bytes, size_t size)
{
    struct x86_insn insn;
    assert_int_equal(x86_decode(mode, (const uint8_t *)bytes, size, &insn), (int)size);
    assert_int_equal(insn.length, size);
    return insn;
}

static int result(enum x86_mode mode, const char *bytes, size_t size)
{
    struct x86_insn insn;
    int r = x86_decode(mode, (const uint8_t *)bytes, size, &insn);
    assert_true(r > 0 || insn.row == 0);
    return r;
}

#define DECODED(mode, bytes) decoded(X86_MODE_##mode, bytes, sizeof(bytes) - 1)
#define RESULT(mode, bytes) result(X86_MODE_##mode, bytes, sizeof(bytes) - 1)

static void decodes_operands_of_the_three_modes(void **state)
{
    (void)state;
    struct x86_insn insn = DECODED(64, "\x4c\x8b\x44\x9d\xf8"); /* mov r8, [rbp+rbx*4-8] */
    assert_int_equal(x86_rows[insn.row].op, X86_OP_MOV);
    assert_int_equal(insn.operands_count, 2);
    assert_int_equal(insn.operands[0].kind, X86_GPR);
    assert_int_equal(insn.operands[0].reg, X86_R8);
    assert_int_equal(insn.operands[0].width, 8);
    assert_int_equal(insn.operands[0].access, X86_WRITE);
    assert_int_equal(insn.operands[1].kind, X86_MEM);
    assert_int_equal(insn.mem.base, X86_RBP);
    assert_int_equal(insn.mem.index, X86_RBX);
    assert_int_equal(insn.mem.scale, 4);
    assert_int_equal(insn.mem.disp, -8);
    assert_int_equal(insn.mem.seg, X86_SS);
    assert_int_equal(insn.disp_at, 4);

    insn = DECODED(16, "\x26\x01\x42\x10"); /* add es:[bp+si+16], ax */
    assert_int_equal(x86_rows[insn.row].op, X86_OP_ADD);
    assert_int_equal(insn.opsize, 2);
    assert_int_equal(insn.mem.base, X86_RBP);
    assert_int_equal(insn.mem.index, X86_RSI);
    assert_int_equal(insn.mem.seg, X86_ES);

    insn = DECODED(32, "\x67\xa1\x34\x12"); /* mov eax, [0x1234] */
    assert_int_equal(insn.operands[1].kind, X86_MOFFS);
    assert_int_equal(insn.mem.disp, 0x1234);
    assert_int_equal(insn.operands[0].width, 4);
}

static void knows_the_byte_registers(void **state)
{
    (void)state;
    assert_int_equal(DECODED(64, "\x88\xe0").operands[1].kind, X86_GPR_HIGH);
    assert_int_equal(DECODED(64, "\x40\x88\xe0").operands[1].kind, X86_GPR);
    assert_int_equal(DECODED(64, "\x40\x88\xe0").operands[1].reg, X86_RSP);
    assert_int_equal(DECODED(32, "\xb7\x01").operands[0].reg, X86_RBX);
}

static void takes_sizes_from_prefixes_and_mode(void **state)
{
    (void)state;
    assert_int_equal(DECODED(64, "\x50").operands[0].width, 8);
    assert_int_equal(DECODED(64, "\x66\x50").operands[0].width, 2);
    assert_int_equal(DECODED(64, "\x66\x48\x50").operands[0].width, 8);
    assert_int_equal(DECODED(64, "\x66\xe9\0\0\0\0").opsize, 8);
    assert_int_equal(DECODED(16, "\x66\xe9\0\0\0\0").opsize, 4);
    assert_int_equal(x86_rows[DECODED(64, "\x48\x98").row].op, X86_OP_CDQE);
    assert_int_equal(x86_rows[DECODED(64, "\x67\xe3\x05").row].op, X86_OP_JECXZ);
    /* REX counts right before the opcode only. */
    assert_int_equal(DECODED(64, "\x48\x66\x01\xc0").operands[0].width, 2);
    assert_int_equal(DECODED(64, "\x48\xb8\1\2\3\4\5\6\7\x88").imm, (int64_t)0x8807060504030201);
    assert_int_equal(DECODED(64, "\x48\xc7\xc0\xff\xff\xff\xff").imm, -1);
}

static void refuses_what_is_no_instruction(void **state)
{
    (void)state;
    assert_int_equal(RESULT(64, "\x06"), -ST_EINVAL);         /* push es */
    assert_int_equal(RESULT(64, "\xf0\x01\xc0"), -ST_EINVAL); /* lock add eax, eax */
    assert_int_equal(RESULT(64, "\xf0\x8b\x00"), -ST_EINVAL); /* lock mov */
    assert_int_equal(RESULT(64, "\xf0\x01\x00"), 3);          /* lock add [rax], eax */
    assert_int_equal(RESULT(32, "\x8e\xc8"), -ST_EINVAL);     /* mov cs, eax */
    assert_int_equal(RESULT(64, "\x0f\x20\xc8"), -ST_EINVAL); /* mov rax, cr1 */
    assert_int_equal(RESULT(64, "\xc4\xe2\x78\xf2\xc0"), 5);  /* andn */
    assert_int_equal(RESULT(64, "\x66\xc4\xe2\x78\xf2\xc0"), -ST_EINVAL);
    assert_int_equal(RESULT(64, "\x62\xf1\x7c\x48\x28\xc0"), -ST_EINVAL); /* EVEX */
    assert_int_equal(RESULT(32, "\x62\x00"), 2);                          /* bound */
    assert_int_equal(RESULT(32, "\xc4\x00"), 2);                          /* les */
}

static void tells_what_is_cut_off_from_what_is_too_long(void **state)
{
    (void)state;
    static const char insn[] = "\x48\x81\x84\x98\1\2\3\4\5\6\7\x08"; /* add [..], imm32 */
    for (size_t size = 0; size < sizeof(insn) - 1; size++) {
        assert_int_equal(result(X86_MODE_64, insn, size), -ST_EAGAIN);
    }
    assert_int_equal(RESULT(64, "\x48\x81\x84\x98\1\2\3\4\5\6\7\x08"), 12);
    char bytes[40];
    memset(bytes, 0x66, sizeof(bytes));
    assert_int_equal(result(X86_MODE_64, bytes, 14), -ST_EAGAIN);
    assert_int_equal(result(X86_MODE_64, bytes, 15), -ST_E2BIG);
    assert_int_equal(result(X86_MODE_64, bytes, 40), -ST_E2BIG);
    bytes[14] = (char)0x90;
    assert_int_equal(result(X86_MODE_64, bytes, 40), 15);
    bytes[14] = 0x66;
    bytes[15] = (char)0x90;
    assert_int_equal(result(X86_MODE_64, bytes, 40), -ST_E2BIG);
}

static void rows_have_names_and_consistent_facts(void **state)
{
    (void)state;
    for (unsigned i = 1; i < x86_rows_count; i++) {
        const struct x86_row *row = &x86_rows[i];
        assert_true(row->op > X86_OP_NONE && row->op < X86_OPS);
        assert_true(x86_op_name(row->op)[0] != 0);
        assert_int_equal(row->flags_written & row->flags_undefined, 0);
        assert_true(!(row->attributes & X86_NOT_64) || !(row->attributes & X86_ONLY_64));
        assert_true(row->op >= x86_rows[i - 1].op);
    }
    assert_string_equal(x86_op_name(X86_OP_ADD), "add");
    assert_string_equal(x86_feature_name(X86_FEATURE_BMI1), "bmi1");
    assert_string_equal(x86_op_name(0), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_operands_of_the_three_modes),
        cmocka_unit_test(knows_the_byte_registers),
        cmocka_unit_test(takes_sizes_from_prefixes_and_mode),
        cmocka_unit_test(refuses_what_is_no_instruction),
        cmocka_unit_test(tells_what_is_cut_off_from_what_is_too_long),
        cmocka_unit_test(rows_have_names_and_consistent_facts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
