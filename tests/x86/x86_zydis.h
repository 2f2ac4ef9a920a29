/* One instruction as we and as Zydis decode it. */
#pragma once

#include <Zydis/Zydis.h>

#include "x86/x86_insn.h"

struct zy_case {
    enum x86_mode mode;
    const uint8_t *bytes;
    size_t size; /* bytes that may be read */
    int result;  /* x86_decode's */
    struct x86_insn insn;
    ZyanStatus z_status;
    ZydisDecodedInstruction z;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

void zy_init(void);
/* Decodes c->bytes by both. Returns what differs; NULL: nothing. */
const char *zy_compare(struct zy_case *c);
/* Decodes by one of them and returns the length, 1 for what is no instruction. */
unsigned zy_decode_only(struct zy_case *c, bool zydis);
void zy_print(const struct zy_case *c, const char *what);

/* Why a difference is as it should be; NULL: it is not known. */
const char *zy_known(const struct zy_case *c, const char *what);
