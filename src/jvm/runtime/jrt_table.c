/*
 * Removed entries keep their symbol, so that probing goes on behind them, until the table grows.
 */
#include "jvm/runtime/jrt_table.h"

#include <stdlib.h>

#include "jvm/runtime/jrt_loader_priv.h"

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

static uint64_t *take(struct jrt_loader *loader, uint32_t count)
{
    return loader ? jrt_meta(loader, JOB_META_WRITTEN, count * sizeof(uint64_t))
                  : calloc(count, sizeof(uint64_t));
}

static bool grow(struct jrt_table *table)
{
    uint32_t count = table->mask ? (table->mask + 1) * 2 : FIRST_ENTRIES;
    struct jrt_table grown = {
        .loader = table->loader, .mask = count - 1, .entries = take(table->loader, count)};
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
    if (!table->loader) {
        free(table->entries);
    }
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
