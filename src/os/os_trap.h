/*
 * Faults of this process's own code: one registry for SIGSEGV, SIGBUS, SIGFPE and SIGILL.
 *
 * A thread that expects faults (a stub that runs a guest's instruction, a null check of compiled
 * code, a file that may be cut under its mapping) pushes a handler; the newest is asked first. A
 * fault that no handler of its thread takes goes to whatever action the process had before, so the
 * registry can live in other people's programs. Nothing is installed until os_trap_install.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

#include "base/attr.h"

/* A handler of the thread that pushed it. The storage is the caller's until it is popped. */
struct os_trap {
    /* In signal context: takes the fault by changing *context, to which the thread returns, and
     * returns true; false: not mine. Calls only what a signal handler may. */
    bool (*handle)(struct os_trap *trap, const siginfo_t *info, ucontext_t *context);
    struct os_trap *outer; /* the registry's */
};

/* Installs the process's actions where they are not installed: also again, where somebody replaced
 * them (cmocka does so around each test). 0 or -errno. Any thread. */
int os_trap_install(void) ST_MUST_CHECK;

/* The calling thread's newest handler; popped in reverse order, by the same thread. */
void os_trap_push(struct os_trap *trap);
void os_trap_pop(struct os_trap *trap);

enum { OS_TRAP_NONE = 255 };

/* What a guarded call took, as the CPU tells it. */
struct os_trap_fault {
    uint8_t vector;      /* the exception's; OS_TRAP_NONE: the stub returned */
    uint32_t error_code; /* as the CPU pushed it */
    uint64_t address;    /* CR2, of a page fault */
    uint32_t mxcsr;      /* at the fault */
    uint16_t x87_status; /* at the fault */
};

/* Calls stub(argument) and tells the fault that it took, if any; it is then left where it was, with
 * the registers, MXCSR and x87 control word that a C function's caller relies on as they were
 * before. The stub calls nothing that holds locks or owns memory. os_trap_install was called. Any
 * thread; x86-64 only. */
void os_trap_guarded_call(void (*stub)(void *argument), void *argument,
                          struct os_trap_fault *ret_fault);
