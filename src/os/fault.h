/*
 * Fault injection, in builds with -Dfault_injection=true and only there: each call of this module
 * can be made to fail, in children and the programs they execute too.
 *
 * A test makes a file of sizeof(struct os_fault_plan) bytes, names it in the environment variable
 * STRATA_FAULT_PLAN and runs a command. Every process of the family maps the file and counts its
 * calls in it; the call whose number is fail_at (from 1; 0: none) fails with fail_errno. Afterwards
 * the file says how many calls there were and which failed.
 */
#pragma once

#include <stdint.h>

struct os_fault_plan {
    uint32_t calls;      /* counted by all processes, atomically */
    uint32_t fail_at;    /* the test's */
    uint32_t fail_errno; /* the test's */
    uint32_t failed;     /* 1 once the call was made to fail */
    char name[48];       /* its wrapper's name */
};

#ifdef ST_FAULT_INJECTION
/* The errno that this call must fail with, or 0. Called by OS_CALL alone. Any thread. */
int os_fault_next(const char *name);
#endif
