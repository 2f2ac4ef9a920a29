/*
 * The symbol table: open addressing with linear probing. An entry is one 64-bit word, the hash in
 * its upper half and the symbol's offset in the lower, so that most misses touch no symbol.
 *
 * Looking up takes no lock: a table is only added to, and one that became too small is replaced by
 * one of twice the size and kept (all old ones together are smaller than the newest). A reader that
 * misses in an old table tries again under the lock, as whoever wants to add one does.
 */
#include "jvm/runtime/jrt_symbol.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ENTRIES = 1 << 14 };

struct table {
    uint32_t mask;
    uint32_t used; /* [l] */
    struct table *older;
    _Atomic uint64_t entries[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct table *_Atomic newest; /* released when complete, acquired by readers */
static struct job_arena arena;       /* [l] the symbols */

static uint64_t load64(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

/* Eight bytes a step, folded by multiplications; texts are short, so the tail counts most. */
static uint32_t hash_of(const char *text, size_t length)
{
    const uint64_t factor = 0x9e3779b97f4a7c15u;
    uint64_t hash = length * factor;
    while (length >= 8) {
        hash = (hash ^ load64(text)) * factor;
        hash ^= hash >> 32;
        text += 8;
        length -= 8;
    }
    uint64_t tail = 0;
    memcpy(&tail, text, length);
    hash = (hash ^ tail) * factor;
    return (uint32_t)(hash >> 32);
}

static job_offset_t find(struct table *table, uint32_t hash, const char *text, size_t length,
                         uint32_t *ret_at)
{
    uint32_t at = hash & table->mask;
    for (;;) {
        uint64_t entry = atomic_load_explicit(&table->entries[at], memory_order_acquire);
        if (!entry) {
            *ret_at = at;
            return 0;
        }
        if ((uint32_t)(entry >> 32) == hash) {
            const struct jrt_symbol *symbol = jrt_symbol_at((job_offset_t)entry);
            if (symbol->length == length && memcmp(symbol->text, text, length) == 0) {
                return (job_offset_t)entry;
            }
        }
        at = (at + 1) & table->mask;
    }
}

static struct table *table_new(uint32_t entries)
{
    struct table *table = calloc(1, sizeof(*table) + entries * sizeof(table->entries[0]));
    if (table) {
        table->mask = entries - 1;
    }
    return table;
}

static struct table *grown_locked(struct table *old)
{
    struct table *table = table_new((old->mask + 1) * 2);
    if (!table) {
        return NULL;
    }
    for (uint32_t i = 0; i <= old->mask; i++) {
        uint64_t entry = old->entries[i];
        if (entry) {
            uint32_t at = (uint32_t)(entry >> 32) & table->mask;
            while (table->entries[at]) {
                at = (at + 1) & table->mask;
            }
            table->entries[at] = entry;
        }
    }
    table->used = old->used;
    table->older = old;
    atomic_store_explicit(&newest, table, memory_order_release); /* pairs with symbol's load */
    return table;
}

static job_offset_t add_locked(const char *text, size_t length, uint32_t hash)
{
    struct table *table = newest;
    uint32_t at = 0;
    job_offset_t found = find(table, hash, text, length, &at);
    if (found) {
        return found;
    }
    if (table->used > table->mask / 8 * 5) {
        table = grown_locked(table);
        if (!table) {
            return 0;
        }
        (void)find(table, hash, text, length, &at);
    }
    struct jrt_symbol *symbol =
        job_arena_alloc(&arena, JOB_META_READ, sizeof(*symbol) + length + 1);
    if (!symbol) {
        return 0;
    }
    symbol->hash = hash;
    symbol->length = (uint16_t)length;
    memcpy(symbol->text, text, length);
    table->used++;
    uint64_t entry = (uint64_t)hash << 32 | job_offset(symbol);
    atomic_store_explicit(&table->entries[at], entry, memory_order_release); /* pairs with find */
    return (job_offset_t)entry;
}

job_offset_t jrt_symbol(const char *text, size_t length)
{
    if (length > UINT16_MAX) {
        return 0;
    }
    uint32_t hash = hash_of(text, length);
    uint32_t at;
    job_offset_t found =
        find(atomic_load_explicit(&newest, memory_order_acquire), hash, text, length, &at);
    if (found) {
        return found;
    }
    pthread_mutex_lock(&lock);
    found = add_locked(text, length, hash);
    pthread_mutex_unlock(&lock);
    return found;
}

job_offset_t jrt_symbol_apart(struct jrt_symbol *memory, const char *text, uint16_t length)
{
    memory->hash = hash_of(text, length);
    memory->length = length;
    memcpy(memory->text, text, length);
    memory->text[length] = 0;
    return job_offset(memory);
}

job_offset_t jrt_symbol_of(const char *text)
{
    return jrt_symbol(text, strlen(text));
}

job_offset_t jrt_symbol_find(const char *text, size_t length)
{
    uint32_t at;
    return find(atomic_load_explicit(&newest, memory_order_acquire), hash_of(text, length), text,
                length, &at);
}

int jrt_symbols_init(void)
{
    struct table *table = table_new(FIRST_ENTRIES);
    if (!table) {
        return -ST_ENOMEM;
    }
    newest = table;
    return 0;
}
