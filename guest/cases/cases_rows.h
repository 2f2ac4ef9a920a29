/* How the bytes of a row of the instruction table look, for the generator
 * (tools/make_cases_rows.py). */
#pragma once

#include <stdint.h>

enum {
    CASES_ROW_OTHER = 1,    /* not of this image */
    CASES_ROW_REGISTER = 2, /* the opcode's low three bits are a register */
    CASES_ROW_MODRM = 4,
    CASES_ROW_DIGIT = 8,  /* ModRM.reg is given */
    CASES_ROW_FIXED = 16, /* all of ModRM is */
};

/* struct cases_row.prefix, when it is none of the mandatory ones (as VEX.pp has them). */
enum { CASES_ANY_PREFIX = 8, CASES_NO_REP };

/* Fields from mod3 on: 0: any; 1 + the value that the row wants. */
struct cases_row {
    uint8_t flags, map, prefix, opcode, modrm;
    uint8_t mod3, only64, y64, osize, asize, rexb;
};

/* By the row's number. */
extern const struct cases_row cases_rows[];
