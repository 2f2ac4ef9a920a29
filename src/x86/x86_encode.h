/*
 * The encoder: from a row and operands to bytes. Pure; any thread.
 */
#pragma once

#include "x86/x86_insn.h"

/* Writes the instruction that *insn describes to ret_bytes. Looked at are: row, mode, opsize,
 * addrsize, lock, rep, seg_override, operands (explicit ones: kind, reg, width), mem, imm, imm2;
 * opcode alone for rows with a register in it is made from the operand. disp_size: the displacement
 * gets at least so many bytes, if the form has them (0: as few as possible), so that what was
 * decoded keeps its length where nothing else changed. A mem.seg that is not the default of its
 * base becomes a prefix also without seg_override. mem.disp with mem.rip is relative to the end of
 * what is encoded.
 * Returns the length, 1 to 15; -ST_EINVAL: no bytes mean that (a register that the row cannot name,
 * AH with REX, a displacement or immediate out of range, LOCK where it is not allowed). What is
 * returned has been decoded again and is the same row with the same operands. */
int x86_encode(const struct x86_insn *insn, uint8_t ret_bytes[X86_INSN_MAX]);
