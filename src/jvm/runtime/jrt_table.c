/*
 * Removed entries keep their symbol, so that probing goes on behind them, until the table grows.
 */
#include "jvm/runtime/jrt_table.h"

#include <stdlib.h>

enum { FIRST_ENTRIES = 16 };

static uint32_t start_of(const struct jrt_table *table, job_offset_t symbol)
{
    return (symbol >> 3) * 0x9e3779b1u >> 5 & table->mask;
}

/* Its entry, or the empty one where it would be. */
static uint32_t entry_of(const struct jrt_table *table, job_offset_t symbol)
{
    uint32_t at = start_of(table, symbol);
    while (table->entries[at] && (uint32_t)(table->entries[at] >> 32) != symbol) {
        at = (at + 1) & table->mask;
    }
    return at;
}

uint32_t jrt_table_find(const struct jrt_table *table, job_offset_t symbol)
{
    return table->mask ? (uint32_t)table->entries[entry_of(table, symbol)] : 0;
}

static bool grow(struct jrt_table *table)
{
    uint32_t count = table->mask ? (table->mask + 1) * 2 : FIRST_ENTRIES;
    struct jrt_table grown = {.mask = count - 1, .entries = calloc(count, sizeof(uint64_t))};
    if (!grown.entries) {
        return false;
    }
    for (uint32_t i = 0; table->mask && i <= table->mask; i++) {
        uint64_t entry = table->entries[i];
        if ((uint32_t)entry) {
            grown.entries[entry_of(&grown, (job_offset_t)(entry >> 32))] = entry;
            grown.used++;
        }
    }
    free(table->entries);
    *table = grown;
    return true;
}

bool jrt_table_put(struct jrt_table *table, job_offset_t symbol, uint32_t value)
{
    if (table->used >= table->mask / 4 * 3 && !grow(table)) {
        return false;
    }
    uint32_t at = entry_of(table, symbol);
    table->used += table->entries[at] == 0;
    table->entries[at] = (uint64_t)symbol << 32 | value;
    return true;
}

void jrt_table_remove(struct jrt_table *table, job_offset_t symbol)
{
    if (table->mask) {
        uint32_t at = entry_of(table, symbol);
        if (table->entries[at]) {
            table->entries[at] = (uint64_t)symbol << 32;
        }
    }
}

void jrt_table_done(struct jrt_table *table)
{
    free(table->entries);
    *table = (struct jrt_table){0};
}
