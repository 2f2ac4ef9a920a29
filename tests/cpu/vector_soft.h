/*
 * The software CPU's side of the vector test: a machine with one CPU in user mode whose
 * pages of code and data have the addresses that the process has them at.
 */
#pragma once

#include "native_x86_64.h"
#include "vector_cases.h"

/* false: it cannot be made, and was told on stderr. */
bool vector_soft_begin(void);
void vector_soft_end(void);

/* Whether code is 32- or 64-bit from now on; 64 at the beginning. false: as above. */
bool vector_soft_mode(enum x86_mode mode);

/* The CPU, and its memory at VECTOR_MEMORY_ADDRESS (VECTOR_MEMORY_PHYSICAL without paging). */
struct vcpu *vector_soft_cpu(void);
uint8_t *vector_soft_memory(void);
/* Writes code to NATIVE_CODE_ADDRESS (VECTOR_CODE_PHYSICAL). */
void vector_soft_code(const uint8_t *bytes, size_t size);
enum { VECTOR_CODE_PHYSICAL = 0x10000, VECTOR_MEMORY_PHYSICAL = 0x20000 };

/* Runs the case's instruction, by the fast path or with all checks, from *state and the case's
 * memory; ret_memory is the memory after. Returns the vector of the exception that was recorded,
 * NATIVE_NO_FAULT: none. */
unsigned vector_soft_run(const struct vector_case *c, bool fast, struct native_state *state,
                         uint8_t *ret_memory);

/* ns that one run of `count` copies of the instruction takes for each. */
double vector_soft_time(const struct vector_case *c, unsigned count);
