/*
 * The emitter: writes instructions one after another into a buffer of the caller's, for stubs,
 * translators and compilers. Everything is kept as offsets into the buffer, which may be moved or
 * mapped elsewhere at any time. No allocation; any thread, one at a time for one buffer.
 */
#pragma once

#include "x86/x86_insn.h"

struct x86_buffer {
    uint8_t *bytes; /* the caller's */
    uint32_t size;
    uint32_t used;
    bool full; /* something did not fit: all that follows is refused too */
};

/* A place in the code that branches may name before it is known. Zero-initialized: not known. */
struct x86_label {
    uint32_t last; /* 1 + offset of the last 4-byte field that waits for it, each of which holds the
                      `last` before it; 0: none waits */
    uint32_t at;
    bool bound;
};

/* An explicit operand to be. */
struct x86_arg {
    struct x86_operand operand;
    struct x86_mem mem;
    int64_t imm;
};

static inline struct x86_arg x86_arg_reg(enum x86_kind kind, unsigned reg, unsigned width)
{
    return (struct x86_arg){
        .operand = {.kind = (uint8_t)kind, .reg = (uint8_t)reg, .width = (uint8_t)width}};
}

static inline struct x86_arg x86_arg_gpr(unsigned reg, unsigned width)
{
    return x86_arg_reg(X86_GPR, reg, width);
}

/* [base + disp] of the default segment; base -1: disp alone. */
static inline struct x86_arg x86_arg_mem(int base, int64_t disp, unsigned width)
{
    uint8_t seg = base == X86_RSP || base == X86_RBP ? X86_SS : X86_DS;
    return (struct x86_arg){
        .operand = {.kind = X86_MEM, .width = (uint8_t)width},
        .mem = {.base = (int8_t)base, .index = -1, .scale = 1, .seg = seg, .disp = disp}};
}

static inline struct x86_arg x86_arg_imm(int64_t imm)
{
    return (struct x86_arg){.operand = {.kind = X86_IMM}, .imm = imm};
}

/* Fills *ret_insn in with the shortest encoding of op with these explicit operands, which have the
 * widths that the decoder shows (vector registers of scalar instructions: 4 or 8; 0: memory whose
 * width the row does not tell). -ST_EINVAL: there is none in that mode. */
int x86_build(enum x86_mode mode, uint16_t op, const struct x86_arg *args, unsigned count,
              struct x86_insn *ret_insn);

/* Appends an instruction (x86_encode). Returns its length; -ST_EINVAL as x86_encode; -ST_ENOMEM:
 * the buffer is full, nothing is written. */
int x86_emit(struct x86_buffer *buffer, const struct x86_insn *insn);

/* x86_build and x86_emit in 64-bit mode. */
int x86_emit_op(struct x86_buffer *buffer, uint16_t op, const struct x86_arg *args, unsigned count);

/* Appends a jump, conditional jump or call (X86_OP_JMP, X86_OP_JZ, X86_OP_CALL ...) in 64-bit mode
 * to the label: with a 1-byte offset if the label is bound and near. -ST_EINVAL: not such an op;
 * -ST_ENOMEM. */
int x86_emit_branch(struct x86_buffer *buffer, uint16_t op, struct x86_label *label);

/* Makes the end of what is written so far the label's place and completes all that waits for it. A
 * label is bound once. */
void x86_bind(struct x86_buffer *buffer, struct x86_label *label);
