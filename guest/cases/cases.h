/*
 * Cases: one instruction each, in one mode, with the whole state before it. The generator makes
 * them from a seed, the same everywhere (on the host, where their number for each row is asked for,
 * and in the guest); the guest's monitor runs them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cases/cases_layout.h"
#include "x86/x86_insn.h"

/* What the CPU is in. The number is the level of privilege. */
enum cases_mode {
    CASES_REAL,
    CASES_V86,
    CASES_16_0, /* protected mode, 16-bit code */
    CASES_16_3,
    CASES_32_0,
    CASES_32_3,
    CASES_C16_0, /* long mode's compatibility mode */
    CASES_C16_3,
    CASES_C32_0,
    CASES_C32_3,
    CASES_64_0,
    CASES_64_3,
    CASES_MODES
};

/* How it is addressed there. Long mode has its own. */
enum cases_paging { CASES_PAGING_NONE, CASES_PAGING_32, CASES_PAGING_PAE, CASES_PAGING_LONG };

enum {
    CASES_POKES = 8,
    CASES_WINDOW = 0x800,                          /* bytes of data that count, */
    CASES_WINDOW_AT = CASES_DATA + 0x8000 - 0x400, /* over the edge of a page */
    CASES_STACK_WINDOW = 0x400,                    /* and of stack, around where it begins */
    CASES_STACK_WINDOW_AT = CASES_STACK + 0x8000 - 0x200,
    CASES_STACK_0_BYTES = 0x80, /* ... and of level 0's */
    CASES_IP = 0x100,           /* where cases begin, or a little behind */
    /* Pages of the data, the stack and the code that are special under paging: offsets. */
    CASES_PAGE_ABSENT = 0xa000,
    CASES_PAGE_READ_ONLY = 0xb000,
    CASES_PAGE_OTHER = 0xc000, /* the user's in the kernel's table, the kernel's in the user's */
    CASES_PAGE_NX = 0xd000,    /* not executable; an ordinary page with 32-bit paging */
};

/* What a case is about, as bits: machines that do not check it at all are not given it. */
enum cases_about {
    CASES_ABOUT_SEGMENTS = 1, /* an access that the segment does not allow: null, type, limit */
    CASES_ABOUT_RESERVED =
        2, /* reserved bits, and sets of bits that are not allowed, in a control register */
};

/* A value in memory before the case. */
struct cases_poke {
    uint32_t at; /* physical */
    uint8_t size;
    uint64_t value;
};

struct cases_case {
    uint16_t row;
    uint8_t mode;   /* enum cases_mode */
    uint8_t paging; /* enum cases_paging */
    uint8_t length;
    uint8_t bytes[X86_INSN_MAX];
    uint64_t gpr[16];
    uint64_t ip; /* offset in CS */
    uint64_t rflags;
    uint16_t segments[6]; /* selectors by enum x86_seg */
    uint64_t fs_base, gs_base;
    uint32_t cr0, cr4; /* whole */
    uint64_t dr7;
    bool no_syscall;       /* EFER.SCE off */
    uint8_t root_register; /* 1 + the register that the address of CR3 is added to, 0: none */
    uint8_t about;         /* enum cases_about */
    uint32_t needs;        /* bits of CR4 that the CPU has to have */
    uint8_t pokes_count;
    struct cases_poke pokes[CASES_POKES];
    struct x86_insn insn; /* as decoded */
};

enum { CASES_MSRS = 12 };

/* The state that a case leaves. Of 64-bit words alone, in the order in which it is told. */
struct cases_after {
    uint64_t gpr[16];
    uint64_t rip, rflags, vector, error;
    uint64_t segments[6];
    uint64_t cr0, cr2, cr3, cr4;
    uint64_t gdt_base, gdt_limit, idt_base, idt_limit, ldtr, tr;
    uint64_t dr[6]; /* 0 to 3, 6, 7 */
    uint64_t xcr0, cr8;
    uint64_t msrs[CASES_MSRS];      /* in the order of cases_msrs */
    uint64_t memory, stack, tables; /* digests: data, stacks, descriptor and page tables and TSSs */
};

/* ---- the generator ---- */

struct cases_random {
    uint64_t state;
};
uint64_t cases_next(struct cases_random *random);
unsigned cases_below(struct cases_random *random, unsigned limit);
bool cases_chance(struct cases_random *random, unsigned percent);

/* Whether the row has cases at all in that mode. */
bool cases_has(uint16_t row, enum cases_mode mode);
/* How many are made of it there. `share`: of each row and mode at least so many, rows that few
 * modes have get more, so that each has 200 at least. */
unsigned cases_wanted(uint16_t row, enum cases_mode mode, unsigned share);
/* Makes the case of that number. false: there is none of it in that mode. */
bool cases_make(uint16_t row, enum cases_mode mode, uint64_t seed, unsigned number,
                struct cases_case *ret_case);
const char *cases_mode_name(enum cases_mode mode);

/* ---- running them ---- */

extern const uint32_t cases_msrs[CASES_MSRS];

/* Sets everything up, once. */
void cases_open(void);
void cases_run(const struct cases_case *c, struct cases_after *ret_after);
/* The bits of CR4 that this CPU has. */
uint32_t cases_cr4_supported(void);
/* Prints what CPUID says of features: lines "F word value", as src/cpu/cpu_features.def names
 * words. */
void cases_print_features(void);
/* What counts of it: overwrites what the manual leaves undefined after that case. */
void cases_mask(const struct cases_case *c, struct cases_after *after);
