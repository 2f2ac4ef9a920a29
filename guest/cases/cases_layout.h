/*
 * Where the image's cases keep what is not its own: all in the first 640 KiB, at the same physical
 * and linear addresses in every mode, since real mode reaches nothing else. For C and assembler.
 *
 *   0x01000  16-bit code of the harness            0x20000  code of cases: 64 KiB of INT3
 *   0x04000  the context: state in, state out      0x30000  data of cases, the window in its middle
 *   0x07000  nothing: what a wild stack hits       0x50000  stack of cases, likewise
 *   0x10000  descriptor tables, TSSs               0x60000  stacks of privileged levels
 */
#pragma once

#define CASES_CODE_16 0x1000
#define CASES_STUBS_16 0x1800 /* 8 bytes each */
#define CASES_CONTEXT 0x4000
#define CASES_STACK_16 0x6000

#define CASES_GDT 0x10000
#define CASES_GDT_64 0x10400
#define CASES_LDT 0x10800
#define CASES_LDT_64 0x10900
#define CASES_TABLES_BYTES 0xa00 /* all four */
#define CASES_IDT 0x11000
#define CASES_IDT_64 0x12000
#define CASES_TSS 0x13000
#define CASES_TSS_OTHER 0x16000
#define CASES_TSS_16 0x16100
#define CASES_TSS_FAULT 0x16200 /* of vectors 8, 10 and 12, 128 bytes each */
#define CASES_TSS_64 0x17000

#define CASES_CODE 0x20000
#define CASES_DATA 0x30000
#define CASES_STACK 0x50000
#define CASES_STACK_0 0x68000 /* the tops of levels 0 to 2 */
#define CASES_STACK_1 0x69000
#define CASES_STACK_2 0x6a000
#define CASES_STACK_IST 0x6c000
#define CASES_STACK_32 0x6f000

/* Selectors of the harness, in both tables. */
#define CASES_SEL_CODE_64 0x08
#define CASES_SEL_DATA 0x10
#define CASES_SEL_CODE_32 0x18
#define CASES_SEL_CODE_16 0x20
#define CASES_SEL_DATA_16 0x28

/* What harness and monitor have in force. */
#define CASES_CR0 0x80010033 /* PG, WP, NE, ET, MP, PE */
#define CASES_CR4 0x40620    /* OSXSAVE, OSXMMEXCPT, OSFXSR, PAE */

/* The context's fields. */
#define CONTEXT_GPR (CASES_CONTEXT + 0x000)
#define CONTEXT_RIP (CASES_CONTEXT + 0x080)
#define CONTEXT_RFLAGS (CASES_CONTEXT + 0x088)
#define CONTEXT_ES (CASES_CONTEXT + 0x090)
#define CONTEXT_CS (CASES_CONTEXT + 0x098)
#define CONTEXT_SS (CASES_CONTEXT + 0x0a0)
#define CONTEXT_DS (CASES_CONTEXT + 0x0a8)
#define CONTEXT_FS (CASES_CONTEXT + 0x0b0)
#define CONTEXT_GS (CASES_CONTEXT + 0x0b8)
#define CONTEXT_CR0 (CASES_CONTEXT + 0x0c0)
#define CONTEXT_CR2 (CASES_CONTEXT + 0x0c8)
#define CONTEXT_CR3 (CASES_CONTEXT + 0x0d0)
#define CONTEXT_CR4 (CASES_CONTEXT + 0x0d8)
#define CONTEXT_VECTOR (CASES_CONTEXT + 0x0e0)
#define CONTEXT_ERROR (CASES_CONTEXT + 0x0e8)
#define CONTEXT_GDTR (CASES_CONTEXT + 0x0f0)
#define CONTEXT_IDTR (CASES_CONTEXT + 0x100)
#define CONTEXT_LDTR (CASES_CONTEXT + 0x110)
#define CONTEXT_TR (CASES_CONTEXT + 0x118)
#define CONTEXT_FS_BASE (CASES_CONTEXT + 0x120)
#define CONTEXT_GS_BASE (CASES_CONTEXT + 0x128)
#define CONTEXT_LINK (CASES_CONTEXT + 0x130) /* the task that a fault left by a task gate */
#define CONTEXT_KIND (CASES_CONTEXT + 0x138) /* CASES_KIND_x */
#define CONTEXT_FAR (CASES_CONTEXT + 0x140)  /* where it begins, for far jumps */
#define CONTEXT_LSS (CASES_CONTEXT + 0x148)  /* its stack, for LSS */
#define CONTEXT_RSP (CASES_CONTEXT + 0x150)  /* the monitor's */
#define CONTEXT_RUNS (CASES_CONTEXT + 0x158) /* a case is under way */
#define CONTEXT_ROOT (CASES_CONTEXT + 0x160) /* CR3 of the monitor */
#define CONTEXT_GDTR_64 (CASES_CONTEXT + 0x170)
#define CONTEXT_IDTR_64 (CASES_CONTEXT + 0x180)
#define CONTEXT_GDTR_32 (CASES_CONTEXT + 0x190)
#define CONTEXT_BYTES 0x1a0

#define CASES_KIND_LONG 0
#define CASES_KIND_SYSTEM 1 /* protected mode, level 0 */
#define CASES_KIND_USER 2
#define CASES_KIND_V86 3
#define CASES_KIND_REAL 4

#define CASES_NO_ERROR 0xffffffff
#define CASES_SCRUB 0xcccccccc /* over the frames of the harness's own exceptions */
