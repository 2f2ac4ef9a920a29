/*
 * The state of x87, MMX, SSE and AVX of a software CPU, and who holds it.
 *
 * Vector registers always lie in struct cpu_fpu: a stub (cpu_simd_stub.h) loads what its
 * instruction names and stores what it wrote. MXCSR and the x87 registers (MMX are the same) are
 * put into the host's own FPU by the first instruction that needs them and stay there until
 * cpu_fpu_leave, so that exception flags, rounding, the stack's top and tags need no software at
 * all. Consequences:
 *  - freestanding code between guest instructions has no vector or x87 registers (it is built with
 *    -mgeneral-regs-only), so it neither sees nor harms them;
 *  - whatever else is called (a device's back end, a log) would compute with the guest's rounding
 *    and fault by its unmasked exceptions: cpu_fpu_leave comes first;
 *  - a signal handler is safe: Linux gives it a fresh FPU and takes the old one back at its return.
 *
 * x87's FIP, FCS, FDP, FDS and FOP are the guest's addresses and kept in software.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct cpu;
struct cpu_stubs;

/* What may stand in the way of an instruction; each needs some of them to be clear. */
enum cpu_fpu_block {
    CPU_BLOCK_X87 = 1 << 0,     /* CR0.EM or CR0.TS: x87 is not to be used */
    CPU_BLOCK_WAIT = 1 << 1,    /* CR0.MP and CR0.TS: nor is FWAIT */
    CPU_BLOCK_MMX = 1 << 2,     /* CR0.EM or CR0.TS */
    CPU_BLOCK_SSE = 1 << 3,     /* ... or CR4.OSFXSR clear */
    CPU_BLOCK_AVX = 1 << 4,     /* CR0.TS, CR4.OSXSAVE clear, or XCR0 without SSE and AVX */
    CPU_BLOCK_MXCSR = 1 << 5,   /* the guest's MXCSR is not loaded, or it unmasks an exception */
    CPU_BLOCK_STACK = 1 << 6,   /* the guest's x87 registers are not loaded */
    CPU_BLOCK_PENDING = 1 << 7, /* the x87 control word unmasks an exception: one may be pending */
};

struct cpu_fpu {
    uint8_t ymm[16][32] __attribute__((aligned(32)));
    /* While not loaded: the guest's x87 state as FXSAVE64 has it. Its pointers, MXCSR and XMM
     * registers mean nothing. */
    uint8_t x87[512] __attribute__((aligned(64)));
    uint64_t fip, fdp; /* offsets of x87's last instruction and of its memory operand */
    uint16_t fcs, fds, fop;
    uint8_t blocked; /* enum cpu_fpu_block */
    bool mxcsr_loaded, x87_loaded;
    uint32_t mxcsr; /* the guest's; its exception flags only while not loaded */
    uint32_t host_mxcsr;
    uint16_t host_fcw;
    uint32_t generation; /* of the stubs, see cpu_simd.h */
    struct cpu_stubs *stubs;
    const uint8_t *stub_code;
};

/* Makes room for the vCPU's stubs and sets the state of power-up. 0, or -ST_Exxx of the platform.
 */
int cpu_fpu_new(struct cpu *cpu);
void cpu_fpu_free(struct cpu *cpu);

/* To be called after each change of CR0, CR4 or XCR0. */
void cpu_fpu_mode_update(struct cpu *cpu);

/* Takes the guest's state out of the host's FPU, where it is there, and puts what was there before
 * back. Cheap if there is nothing to do. */
void cpu_fpu_leave(struct cpu *cpu);

/* The guest's state as a standard-format XSAVE area of 832 bytes at least (x87, SSE, AVX),
 * XSTATE_BV and all; and from one. cpu_fpu_set takes what cannot be loaded (reserved bits of MXCSR)
 * as zero. */
void cpu_fpu_get(struct cpu *cpu, uint8_t *ret_xsave);
void cpu_fpu_set(struct cpu *cpu, const uint8_t *xsave);
