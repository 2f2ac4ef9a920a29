/* What the descriptor tables of cases hold, for the monitor that writes them and the generator that
 * chooses from them: indexes of descriptors, the same in the tables of protected and of long mode
 * as far as both have them. */
#pragma once

#include <stdint.h>

enum cases_descriptor {
    CASES_NULL,
    CASES_HARNESS_64,
    CASES_HARNESS_DATA,
    CASES_HARNESS_32,
    CASES_HARNESS_16,
    CASES_HARNESS_DATA_16,
    CASES_CODE16_0, /* base CASES_CODE, limit FFFF */
    CASES_CODE32_0,
    CASES_CODE16_3,
    CASES_CODE32_3,
    CASES_DATA16_0, /* base CASES_DATA, limit FFFF */
    CASES_DATA32_0, /* base 0, all of 4 GiB */
    CASES_DATA16_3,
    CASES_DATA32_3,
    CASES_STACK16_0, /* base CASES_STACK, limit FFFF */
    CASES_STACK32_0,
    CASES_STACK16_3,
    CASES_STACK32_3,
    CASES_DOWN16_3, /* expands down: offsets from 8000 to FFFF of CASES_DATA */
    CASES_DOWN32_3, /* ... from CASES_DATA + 8000 */
    CASES_READ_ONLY_3,
    CASES_EXECUTE_ONLY_3,
    CASES_CONFORMING_0,
    CASES_CONFORMING_3,
    CASES_ABSENT_DATA_3,
    CASES_ABSENT_CODE_0,
    CASES_SMALL_3, /* base CASES_DATA + 8000, limit 1F */
    CASES_DATA_1,
    CASES_DATA_2,
    CASES_CODE32_1,
    CASES_STACK32_1,
    /* For SYSCALL and SYSENTER, in this order; the two of 64-bit code are data in protected mode.
     */
    CASES_FAST_CODE_0,
    CASES_FAST_DATA_0,
    CASES_FAST_CODE_3,
    CASES_FAST_DATA_3,
    CASES_FAST_CODE64_3,
    CASES_FAST_DATA64_3,
    CASES_CODE64_0,
    CASES_CODE64_3,
    CASES_CODE_L_AND_D,
    CASES_RESERVED_8, /* system types that do not exist */
    CASES_RESERVED_13,
    CASES_INTERRUPT_GATE, /* has no place in this table */
    CASES_PLAIN,          /* the last of those of 8 bytes */
    /* Of 16 bytes in long mode: every second. */
    CASES_LDT_1 = CASES_PLAIN + 1,
    CASES_LDT_ABSENT = CASES_LDT_1 + 2,
    CASES_TSS_1 = CASES_LDT_ABSENT + 2, /* the current one */
    CASES_TSS_2 = CASES_TSS_1 + 2,
    CASES_TSS_286 = CASES_TSS_2 + 2,    /* protected mode only */
    CASES_TSS_NONE = CASES_TSS_286 + 2, /* not present */
    CASES_GATE_0 =
        CASES_TSS_NONE + 2, /* call gates: to CASES_CODE32_0 or, in long mode, CASES_CODE64_0 */
    CASES_GATE_PARAMETERS = CASES_GATE_0 + 2,
    CASES_GATE_286 = CASES_GATE_PARAMETERS + 2,
    CASES_GATE_PRIVILEGED = CASES_GATE_286 + 2, /* of level 0's alone */
    CASES_GATE_ABSENT = CASES_GATE_PRIVILEGED + 2,
    CASES_GATE_DATA = CASES_GATE_ABSENT + 2, /* leads to data */
    CASES_GATE_CONFORMING = CASES_GATE_DATA + 2,
    CASES_GATE_NULL = CASES_GATE_CONFORMING + 2,
    CASES_GATE_TASK = CASES_GATE_NULL + 2,  /* protected mode only */
    CASES_TSS_FAULTS = CASES_GATE_TASK + 2, /* of vectors 8, 10 and 12: protected mode only */
    CASES_DESCRIPTORS = CASES_TSS_FAULTS + 6,
};

enum cases_local {
    CASES_LOCAL_CODE_3,
    CASES_LOCAL_DATA_3,
    CASES_LOCAL_ABSENT,
    CASES_LOCAL_CODE_0,
    CASES_LOCALS
};

#define CASES_SELECTOR(index, rpl) ((uint16_t)((index)*8 + (rpl)))
#define CASES_LOCAL(index, rpl) ((uint16_t)((index)*8 + 4 + (rpl)))

/* The fixed values of MSRs that say where system calls lead. */
#define CASES_LSTAR (CASES_CODE + 0x5000)
#define CASES_CSTAR (CASES_CODE + 0x6000)
#define CASES_SYSENTER (CASES_CODE + 0x7000)

/* Writes both GDTs and LDTs, both IDTs and the TSSs to where cases_layout.h has them. */
void cases_tables_write(void);

/* The roots of page tables, and the low tables' entries that cases look at. */
struct cases_roots {
    uint32_t monitor, legacy[2], pae[2], four[2]; /* [1]: for cases of level 3 */
};
extern struct cases_roots cases_roots;
void cases_paging_make(void);
/* Sets the entries of the special pages anew / a digest of what their bits have become. */
void cases_paging_reset(void);
uint64_t cases_paging_digest(uint64_t digest, unsigned paging, unsigned user);
/* A running digest of memory; size is a multiple of 8. */
uint64_t cases_digest(uint64_t digest, const void *from, unsigned size);
