/*
 * cases_count SHARE: how many cases the bare image has of each row of the instruction table
 * (guest/cases), by making them all: lines of the row's number, its mnemonic and the number of
 * cases.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cases/cases.h"

int main(int argc, char **argv)
{
    unsigned share = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 12;
    static struct cases_case c;

    for (uint16_t row = 1; row < x86_rows_count; row++) {
        unsigned made = 0;

        for (enum cases_mode mode = CASES_REAL; mode < CASES_MODES; mode++) {
            unsigned wanted = cases_wanted(row, mode, share);

            for (unsigned i = 0; i < wanted; i++) {
                made += cases_make(row, mode, 1, i, &c);
            }
        }
        printf("%u %s %u\n", row, x86_op_name(x86_rows[row].op), made);
    }
    return 0;
}
