/*
 * A hash table from symbols to offsets: open addressing, linear probing. Guarded by its owner.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "jvm/object/job_meta.h"

struct jrt_loader;

struct jrt_table {
    struct jrt_loader *loader; /* whose metadata it lies in and goes with; NULL: the C heap */
    uint32_t used, mask;       /* mask 0: empty; used counts removed ones, too */
    uint64_t *entries; /* symbol in the upper half, value in the lower; 0 in the lower: removed */
};

/* The value; 0: not there. */
uint32_t jrt_table_find(const struct jrt_table *table, job_offset_t symbol);
/* Adds, or replaces the symbol's value (not 0). false: out of memory. */
bool jrt_table_put(struct jrt_table *table, job_offset_t symbol, uint32_t value) ST_MUST_CHECK;
/* Entry `at` <= mask; 0 where there is none. */
static inline uint32_t jrt_table_value(const struct jrt_table *table, uint32_t at)
{
    return table->entries ? (uint32_t)table->entries[at] : 0;
}
