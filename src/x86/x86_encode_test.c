/* Encoder, emitter and disassembler: known instructions there and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "x86/x86_decode.h"
#include "x86/x86_emit.h"
#include "x86/x86_encode.h"
#include "x86/x86_format.h"

static const struct {
    enum x86_mode mode;
    const char *bytes;
    const char *text;
} known[] = {
    {X86_MODE_64, "\x48\x8b\x44\x9d\xf8", "mov rax, qword ptr [rbp+rbx*4-0x8]"},
    {X86_MODE_64, "\xf0\x41\x01\x14\x24", "lock add dword ptr [r12], edx"},
    {X86_MODE_64, "\x65\x48\x8b\x04\x25\x28\x01\x01\x01", "mov rax, qword ptr gs:[0x1010128]"},
    {X86_MODE_64, "\x48\x8d\x05\x10\x01\x01\x01", "lea rax, [rip+0x1010110] ; 0x1011117"},
    {X86_MODE_64, "\x40\xb4\x05", "mov spl, 0x5"},
    {X86_MODE_64, "\xb4\x05", "mov ah, 0x5"},
    {X86_MODE_64, "\x0f\x84\x10\x01\x01\x01", "jz 0x1011116"},
    {X86_MODE_64, "\xf3\x48\xa5", "rep movsq qword ptr es:[rdi], qword ptr ds:[rsi]"},
    {X86_MODE_64, "\x66\xf2\x0f\x38\xf1\xc1", "crc32 eax, cx"},
    {X86_MODE_64, "\xc5\xf4\x58\xc2", "vaddps ymm0, ymm1, ymm2"},
    {X86_MODE_64, "\xc4\xe2\x69\x92\x04\x88", "vgatherdps xmm0, dword ptr [rax+xmm1*4], xmm2"},
    {X86_MODE_64, "\xc4\xe3\x71\x4a\xc2\x30", "vblendvps xmm0, xmm1, xmm2, xmm3"},
    {X86_MODE_64, "\xd8\xc3", "fadd st, st(3)"},
    {X86_MODE_32, "\x9a\x01\x02\x03\x04\x05\x06", "call far 0x605:0x4030201"},
    {X86_MODE_32, "\x64\xa1\x18\x01\x01\x01", "mov eax, dword ptr fs:[0x1010118]"},
    {X86_MODE_16, "\x26\x01\x42\x10", "add word ptr es:[bp+si+0x10], ax"},
    {X86_MODE_16, "\xc8\x04\x01\x02", "enter 0x104, 0x2"},
    {X86_MODE_64, "\x0f\x22\xc0", "mov cr0, rax"},
    {X86_MODE_64, "\x49\x90", "xchg r8, rax"},
    {X86_MODE_64, "\x48\xb8\x01\x02\x03\x04\x05\x06\x07\x08", "mov rax, 0x807060504030201"},
};

static void known_instructions_have_their_text_and_go_back_to_their_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ST_COUNT(known); i++) {
        struct x86_insn insn;
        size_t size = strlen(known[i].bytes);
        assert_int_equal(x86_decode(known[i].mode, (const uint8_t *)known[i].bytes, size, &insn),
                         (int)size);
        char text[X86_FORMAT_MAX];
        assert_int_equal(x86_format(&insn, 0x1000, text, sizeof(text)), strlen(known[i].text));
        assert_string_equal(text, known[i].text);
        uint8_t bytes[X86_INSN_MAX];
        assert_int_equal(x86_encode(&insn, bytes), (int)size);
        assert_memory_equal(bytes, known[i].bytes, size);
    }
}

static void text_is_cut_off_at_its_end(void **state)
{
    (void)state;
    struct x86_insn insn;
    assert_int_equal(x86_decode(X86_MODE_64, (const uint8_t *)"\x48\x01\xd0", 3, &insn), 3);
    char text[8];
    assert_int_equal(x86_format(&insn, 0, text, sizeof(text)), 7);
    assert_string_equal(text, "add rax");
    insn.row = 0;
    x86_format(&insn, 0, text, sizeof(text));
    assert_string_equal(text, "(bad)");
}

static void refuses_what_no_bytes_mean(void **state)
{
    (void)state;
    struct x86_insn insn;
    uint8_t bytes[X86_INSN_MAX];
    /* mov ah, r8b: AH cannot be named beside REX. */
    assert_int_equal(x86_decode(X86_MODE_64, (const uint8_t *)"\x88\xc4", 2, &insn), 2);
    insn.operands[1].reg = 8;
    assert_int_equal(x86_encode(&insn, bytes), -ST_EINVAL);
    /* A displacement of more than 32 bits, rSP as an index, LOCK before MOV. */
    assert_int_equal(x86_decode(X86_MODE_64, (const uint8_t *)"\x8b\x04\x48", 3, &insn), 3);
    struct x86_insn bad = insn;
    bad.mem.disp = INT64_C(0x80000000);
    assert_int_equal(x86_encode(&bad, bytes), -ST_EINVAL);
    bad = insn;
    bad.mem.index = X86_RSP;
    assert_int_equal(x86_encode(&bad, bytes), -ST_EINVAL);
    bad = insn;
    bad.lock = true;
    assert_int_equal(x86_encode(&bad, bytes), -ST_EINVAL);
    bad = insn;
    bad.row = x86_rows_count;
    assert_int_equal(x86_encode(&bad, bytes), -ST_EINVAL);
}

static void emit(struct x86_buffer *buffer, uint16_t op, struct x86_arg a, struct x86_arg b)
{
    struct x86_arg args[] = {a, b};
    assert_true(x86_emit_op(buffer, op, args, 2) > 0);
}

static void builds_the_shortest_encoding(void **state)
{
    (void)state;
    uint8_t code[64];
    struct x86_buffer buffer = {.bytes = code, .size = sizeof(code)};
    emit(&buffer, X86_OP_ADD, x86_arg_gpr(X86_RAX, 8), x86_arg_imm(1));
    emit(&buffer, X86_OP_MOV, x86_arg_mem(X86_RSP, 16, 8), x86_arg_gpr(X86_R8, 8));
    emit(&buffer, X86_OP_SHL, x86_arg_gpr(X86_RCX, 4), x86_arg_imm(1));
    emit(&buffer, X86_OP_MOVAPS, x86_arg_reg(X86_XMM, 9, 16), x86_arg_mem(X86_RBP, 0, 16));
    emit(&buffer, X86_OP_MOV, x86_arg_gpr(X86_RDX, 8), x86_arg_imm(INT64_C(0x123456789a)));
    static const char wanted[] = "\x48\x83\xc0\x01"
                                 "\x4c\x89\x44\x24\x10"
                                 "\xd1\xe1"
                                 "\x44\x0f\x28\x4d\x00"
                                 "\x48\xba\x9a\x78\x56\x34\x12\x00\x00\x00";
    assert_int_equal(buffer.used, sizeof(wanted) - 1);
    assert_memory_equal(code, wanted, sizeof(wanted) - 1);
    struct x86_arg args[] = {x86_arg_gpr(X86_RAX, 8), x86_arg_gpr(X86_RCX, 4)};
    assert_int_equal(x86_emit_op(&buffer, X86_OP_ADD, args, 2), -ST_EINVAL);
}

static void branches_find_labels_before_and_after_them(void **state)
{
    (void)state;
    uint8_t code[64];
    struct x86_buffer buffer = {.bytes = code, .size = sizeof(code)};
    struct x86_label top = {0}, end = {0};
    x86_bind(&buffer, &top);
    assert_int_equal(x86_emit_branch(&buffer, X86_OP_JZ, &end), 6);
    assert_int_equal(x86_emit_branch(&buffer, X86_OP_JMP, &end), 5);
    assert_int_equal(x86_emit_branch(&buffer, X86_OP_JMP, &top), 2);
    assert_int_equal(x86_emit_branch(&buffer, X86_OP_CALL, &top), 5);
    x86_bind(&buffer, &end);
    static const char wanted[] = "\x0f\x84\x0c\0\0\0\xe9\x07\0\0\0\xeb\xf3\xe8\xee\xff\xff\xff";
    assert_int_equal(buffer.used, sizeof(wanted) - 1);
    assert_memory_equal(code, wanted, sizeof(wanted) - 1);
    assert_int_equal(x86_emit_branch(&buffer, X86_OP_ADD, &top), -ST_EINVAL);
    buffer.size = buffer.used + 4;
    assert_int_equal(x86_emit_branch(&buffer, X86_OP_CALL, &top), -ST_ENOMEM);
    assert_true(buffer.full);
    assert_int_equal(buffer.used, sizeof(wanted) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_instructions_have_their_text_and_go_back_to_their_bytes),
        cmocka_unit_test(text_is_cut_off_at_its_end),
        cmocka_unit_test(refuses_what_no_bytes_mean),
        cmocka_unit_test(builds_the_shortest_encoding),
        cmocka_unit_test(branches_find_labels_before_and_after_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
