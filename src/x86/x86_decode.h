/*
 * The decoder. Pure and bounded: never reads past `size`, any bytes give an answer. Any thread.
 */
#pragma once

#include "x86/x86_insn.h"

/* Decodes the instruction at `bytes`, of which `size` may be read.
 * Returns its length and fills *ret_insn in;
 * -ST_EAGAIN: all bytes are a proper beginning, more are needed (never with size >= 15);
 * -ST_EINVAL: these bytes are no instruction in that mode (#UD): ret_insn->length says how many
 * were looked at; -ST_E2BIG: longer than 15 bytes (#GP). A LOCK prefix where it is not allowed is
 * -ST_EINVAL. Features (CPUID) are not looked at: that is the caller's, by x86_rows[row].feature.
 */
int x86_decode(enum x86_mode mode, const uint8_t *bytes, size_t size, struct x86_insn *ret_insn);
