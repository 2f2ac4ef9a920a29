/*
 * Any bytes: the first chooses the mode, the rest are decoded one instruction after another from a
 * buffer that ends where they end. What decodes must have a text, and its encoding must decode to
 * the same row; cutting it off anywhere must ask for more.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "x86/x86_decode.h"
#include "x86/x86_encode.h"
#include "x86/x86_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int decode_exact(enum x86_mode mode, const uint8_t *bytes, size_t size,
                        struct x86_insn *insn)
{
    uint8_t *copy = malloc(size != 0 ? size : 1);
    ST_CHECK(copy != NULL);
    memcpy(copy, bytes, size);
    int r = x86_decode(mode, copy, size, insn);
    free(copy);
    return r;
}

static void check_good(enum x86_mode mode, const uint8_t *bytes, const struct x86_insn *insn)
{
    struct x86_insn other;
    uint8_t encoded[X86_INSN_MAX];
    char text[X86_FORMAT_MAX];
    ST_CHECK(insn->row != 0 && insn->row < x86_rows_count &&
             insn->operands_count <= X86_OPERANDS_MAX);
    ST_CHECK(x86_format(insn, 0, text, sizeof(text)) < sizeof(text) - 1);
    for (size_t cut = 0; cut < insn->length; cut++) {
        ST_CHECK(decode_exact(mode, bytes, cut, &other) == -ST_EAGAIN);
    }
    int length = x86_encode(insn, encoded);
    ST_CHECK(length > 0 && length <= insn->length);
    ST_CHECK(decode_exact(mode, encoded, (size_t)length, &other) == length);
    ST_CHECK(other.row == insn->row && other.imm == insn->imm && other.opsize == insn->opsize);
    ST_CHECK(memcmp(other.operands, insn->operands, sizeof(other.operands)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    enum x86_mode mode = (enum x86_mode)(data[0] % 3);
    for (size_t at = 1; at < size;) {
        struct x86_insn insn;
        int r = decode_exact(mode, data + at, size - at, &insn);
        if (r > 0) {
            ST_CHECK(r == insn.length && (size_t)r <= size - at && r <= X86_INSN_MAX);
            check_good(mode, data + at, &insn);
            at += (size_t)r;
        } else {
            ST_CHECK(r == -ST_EINVAL || r == -ST_E2BIG ||
                     (r == -ST_EAGAIN && size - at < X86_INSN_MAX));
            ST_CHECK(insn.row == 0);
            at++;
        }
    }
    return 0;
}
