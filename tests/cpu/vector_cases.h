/*
 * Random cases of vector and x87 instructions: bytes, registers and memory.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "native_x86_64.h"
#include "x86/x86_insn.h"

enum {
    VECTOR_MEMORY_ADDRESS = 0x31000000,
    VECTOR_MEMORY_SIZE = 8192, /* two pages that may be written, and none behind them */
};

struct vector_random {
    uint64_t state;
};
uint64_t vector_random(struct vector_random *random);

/* One candidate encoding. */
struct vector_shape {
    uint8_t map; /* 0: x87 */
    uint8_t prefix, opcode;
    bool vex, w, l;
};

struct vector_case {
    enum x86_mode mode; /* 32- or 64-bit code */
    uint8_t bytes[X86_INSN_MAX];
    unsigned size;
    struct x86_insn insn;
    struct native_state state;
    uint8_t memory[VECTOR_MEMORY_SIZE];
};

/* The number of shapes, and one of them. */
unsigned vector_shapes(void);
struct vector_shape vector_shape(unsigned number);

/* Fills in an instruction of that shape for ret_case->mode. false: these bytes are none, or not of
 * the kind that is tested here. */
bool vector_instruction(struct vector_random *random, const struct vector_shape *shape,
                        struct vector_case *ret_case);
/* Its registers and memory. */
void vector_operands(struct vector_random *random, struct vector_case *c);
