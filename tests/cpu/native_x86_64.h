/*
 * Runs bytes on this machine's CPU, in this process, with all registers given and told: the oracle
 * of the differential tests, for code at CPL 3: 64-bit, or what a selector of this process says.
 *
 * A signal handler's return loads every register at once, and the trap behind the bytes, or the
 * fault that they take, saves them. Memory is the process's own. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NATIVE_XSAVE = 832,
    NATIVE_NO_FAULT = 255,
    NATIVE_CODE_ADDRESS = 0x30000000,
    NATIVE_CODE_SIZE = 4096
};

struct native_state {
    uint64_t gpr[16]; /* by the registers' numbers */
    uint64_t rflags;
    uint64_t cs_base; /* of the segment that cs selects: RIP is relative to it */
    uint16_t cs, ss;  /* selectors; 0: this process's own (64-bit). 0x23 is flat 32-bit code */
    uint8_t xsave[NATIVE_XSAVE] __attribute__((aligned(64))); /* standard format: x87, SSE, AVX */
};

struct native_fault {
    uint8_t vector; /* NATIVE_NO_FAULT: the bytes ran to their end */
    uint64_t error, address, rip;
};

/* Maps NATIVE_CODE_ADDRESS and takes SIGTRAP, SIGSEGV, SIGILL, SIGFPE and SIGBUS, whose handlers
 * before are asked for what does not come from here. 0 or -1. */
int native_begin(void);

/* Copies the bytes to `offset` of the code page and runs them. */
void native_run(struct native_state *state, const uint8_t *bytes, size_t size, unsigned offset,
                struct native_fault *ret_fault);

/* A test's exit status. What differs fails it on a CPU of AMD's alone, whose ways with what the
 * manuals leave open are the ones that are listed; on another maker's it is skipped, and says so.
 */
int native_status(bool differs);
