/*
 * Differential test of the software CPU: random instructions on it and, in this process, on the
 * host's CPU; state and memory afterwards must be the same.
 *
 * Both see the same addresses below 4 GiB: a page of code; data, read-only data and nothing after
 * it; in this process by mmap, in the guest by page tables of its own. 16-bit code has segments: CS
 * is the page of code, the others are the data with what is read-only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "x86/x86_insn.h"

enum {
    DIFFER_BASE = 0x10000000,
    DIFFER_CODE = 0x30000000, /* a page, native_x86_64.h's */
    DIFFER_DATA = DIFFER_BASE + 0x10000,
    DIFFER_DATA_BYTES = 0x4000,
    DIFFER_CONST = DIFFER_DATA + DIFFER_DATA_BYTES,
    DIFFER_CONST_BYTES = 0x1000,
    /* Selectors of 16-bit code. */
    DIFFER_CS_16 = 0x07,
    DIFFER_DS_16 = 0x0f,
};

/* What an instruction reads and writes beside memory. */
struct differ_state {
    uint64_t gpr[16];
    uint64_t rip;
    uint64_t rflags;
    /* Afterwards: the fault taken. */
    uint8_t vector; /* DIFFER_NO_FAULT: none */
    uint32_t error;
    uint64_t cr2;
};
#define DIFFER_NO_FAULT 255

struct differ_case {
    enum x86_mode mode;
    uint8_t bytes[16];
    unsigned length;
    uint64_t rip; /* where it stands; in 16-bit code relative to CS */
    struct x86_insn insn;
    struct differ_state before;
};

/* A stream of random numbers that a seed repeats (xorshift64*). */
struct differ_random {
    uint64_t state;
};
uint64_t differ_next(struct differ_random *random);

/* Fills in registers and bytes that the instruction of *c, decoded, finds its memory by. false: it
 * is not fit for this test. */
bool differ_make(struct differ_case *c, struct differ_random *random, uint64_t fs_base);
/* The bytes that tell a row from others, found by trying all. */
struct differ_template {
    uint8_t space;  /* 0: one byte, 1: 0F, 2: 0F38, 3: 0F3A; 4 to 6: VEX of those */
    uint8_t prefix; /* 0, 66, F2, F3; of VEX: pp */
    bool w, l;
    uint8_t opcode;
    uint8_t modrm;
};

/* Finds up to DIFFER_TEMPLATES of each row of that mode. */
enum { DIFFER_TEMPLATES = 8 };
struct differ_rows {
    unsigned count;
    struct differ_template templates[DIFFER_TEMPLATES];
};
void differ_find_rows(enum x86_mode mode, struct differ_rows *rows);

/* Random bytes of which the first are near an instruction of the template. */
void differ_bytes(uint8_t *ret_bytes, enum x86_mode mode, const struct differ_template *t,
                  struct differ_random *random);

/* Where the case's instruction stands in the page of code. */
static inline unsigned differ_offset(const struct differ_case *c)
{
    return (unsigned)(c->mode == X86_MODE_16 ? c->rip : c->rip - DIFFER_CODE);
}

/* Why user code cannot try this row here; NULL: it can. */
const char *differ_excluded(uint16_t row);

/* Whether this host's CPU, AMD's, is known to do otherwise than Intel's manual, which the software
 * CPU follows. */
bool differ_known(const struct differ_case *c);
/* ... by the faults taken. */
bool differ_known_fault(const struct differ_case *c, const struct differ_state *host,
                        const struct differ_state *soft);

/* The host's CPU. *state is before and after; the data area is changed. */
bool differ_native_open(void);
void differ_native(const struct differ_case *c, struct differ_state *state);

/* The software CPU. `careful`: by the general handlers, else by the fast path. */
bool differ_soft_open(void);
bool differ_soft_has(uint16_t feature);
void differ_soft_run(const struct differ_case *c, struct differ_state *state, bool careful);
/* Its data area, DIFFER_DATA_BYTES. */
uint8_t *differ_soft_data(void);
uint64_t differ_fs_base(void);
