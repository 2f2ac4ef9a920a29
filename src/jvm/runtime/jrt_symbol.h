/*
 * Symbols: names and descriptors in modified UTF-8, each once, so that they are compared by offset.
 * They live as long as the machine, but for those apart.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "jvm/object/job_meta.h"

struct jrt_symbol {
    uint32_t hash;
    uint16_t length; /* bytes */
    char text[];     /* and a 0 */
};

/* The symbol of a text of up to 65,535 bytes, made if it is new; 0: out of memory. Any thread;
 * looking up takes no lock. */
job_offset_t jrt_symbol(const char *text, size_t length) ST_MUST_CHECK;
job_offset_t jrt_symbol_of(const char *text) ST_MUST_CHECK; /* up to its 0 */
/* Makes one in memory of sizeof(struct jrt_symbol) + length + 1 bytes that no look-up finds: for a
 * name that no other can be equal to, and that goes away. */
job_offset_t jrt_symbol_apart(struct jrt_symbol *memory, const char *text, uint16_t length);
/* The symbol if there is one, else 0. */
job_offset_t jrt_symbol_find(const char *text, size_t length);

static inline const struct jrt_symbol *jrt_symbol_at(job_offset_t symbol)
{
    return (const struct jrt_symbol *)job_at(symbol);
}
static inline const char *jrt_text(job_offset_t symbol)
{
    return jrt_symbol_at(symbol)->text;
}

int jrt_symbols_init(void) ST_MUST_CHECK;
