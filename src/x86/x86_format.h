/*
 * The disassembler: a decoded instruction as text in Intel's syntax, for the debugger and for logs.
 * Pure; any thread.
 */
#pragma once

#include "x86/x86_insn.h"

enum { X86_MNEMONIC_MAX = 32, X86_FORMAT_MAX = 128 };

/* Writes the mnemonic of a decoded instruction with the letter of the operand size where the
 * assembler has one (movsq, iretd, pushfq) into text[size], with a NUL, cut off if it does not fit.
 * X86_MNEMONIC_MAX suffices. */
void x86_format_mnemonic(const struct x86_insn *insn, char *ret_text, size_t size);

/* Writes prefixes, mnemonic and operands: "lock add dword ptr [rax+rcx*4+0x10], edx". `address` is
 * the instruction's own; targets of relative branches and [rip+...] are shown as addresses. As
 * above, X86_FORMAT_MAX suffices. Returns the length of the text. */
size_t x86_format(const struct x86_insn *insn, uint64_t address, char *ret_text, size_t size);
