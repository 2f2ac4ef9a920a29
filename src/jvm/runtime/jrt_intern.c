/*
 * The table of interned strings: literals and String.intern. Open addressing; an entry is a hash
 * and a weak reference. Strings are made before the lock is taken, for under it nothing may be
 * allocated in the heap.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "jvm/classfile/jcf_utf8.h"
#include "jvm/runtime/jrt_string_priv.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"
#include "jvm/runtime/jrt_vm.h"

enum { FIRST_ENTRIES = 1 << 12 };

struct entry {
    uint32_t hash;
    jref_t string; /* 0: empty, or, with a hash, removed */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry *entries; /* [l] */
static uint32_t mask, used;   /* [l] used: removed ones too */

int jrt_interns_init(void)
{
    entries = calloc(FIRST_ENTRIES, sizeof(*entries));
    mask = FIRST_ENTRIES - 1;
    return entries ? 0 : -ST_ENOMEM;
}

/* Never 0. */
static uint32_t hash_of(const struct jrt_chars *chars)
{
    const uint64_t factor = 0x9e3779b97f4a7c15u;
    size_t size = (size_t)chars->count << chars->coder;
    const uint8_t *at = chars->bytes;
    uint64_t hash = size;
    for (; size >= 8; size -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        hash = (hash ^ word) * factor;
        hash ^= hash >> 32;
    }
    uint64_t tail = 0;
    memcpy(&tail, at, size);
    hash = (hash ^ tail) * factor;
    return (uint32_t)(hash >> 32) | 1;
}

static bool equals(const struct job_object *string, const struct jrt_chars *chars)
{
    struct jrt_chars other = jrt_chars_of(string);
    return other.count == chars->count && other.coder == chars->coder &&
           memcmp(other.bytes, chars->bytes, (size_t)chars->count << chars->coder) == 0;
}

static struct job_object *find_locked(const struct jrt_chars *chars, uint32_t hash)
{
    for (uint32_t at = hash & mask; entries[at].hash; at = (at + 1) & mask) {
        struct job_object *string = job_from_ref(entries[at].string);
        if (string && entries[at].hash == hash && equals(string, chars)) {
            return string;
        }
    }
    return NULL;
}

static void put_locked(struct entry *table, uint32_t table_mask, uint32_t hash, jref_t string)
{
    uint32_t at = hash & table_mask;
    while (table[at].hash) {
        at = (at + 1) & table_mask;
    }
    table[at] = (struct entry){hash, string};
}

static bool grow_locked(void)
{
    uint32_t live = 0;
    for (uint32_t i = 0; i <= mask; i++) {
        live += entries[i].string.word != 0;
    }
    uint32_t size = live > mask / 4 ? (mask + 1) * 2 : mask + 1;
    struct entry *table = calloc(size, sizeof(*table));
    if (!table) {
        return false;
    }
    for (uint32_t i = 0; i <= mask; i++) {
        if (entries[i].string.word) {
            put_locked(table, size - 1, entries[i].hash, entries[i].string);
        }
    }
    free(entries);
    entries = table;
    mask = size - 1;
    used = live;
    return true;
}

static struct job_object *intern(struct jrt_thread *thread, struct job_object *string,
                                 const struct jrt_chars *chars, uint32_t hash)
{
    pthread_mutex_lock(&lock);
    struct job_object *found = find_locked(chars, hash);
    bool full = !found && used > mask / 8 * 5 && !grow_locked() && used == mask;
    if (!found && !full) {
        put_locked(entries, mask, hash, job_to_ref(string));
        used++;
    }
    pthread_mutex_unlock(&lock);
    if (full) {
        (void)jrt_throw_oom(thread, JRT_OOM_HEAP);
        return NULL;
    }
    return found ? found : string;
}

struct job_object *jrt_intern(struct jrt_thread *thread, struct job_object *string)
{
    struct jrt_chars chars = jrt_chars_of(string);
    return intern(thread, string, &chars, hash_of(&chars));
}

struct job_object *jrt_intern_name(struct jrt_thread *thread, const struct jrt_class *class)
{
    char small[256];
    uint32_t size = jrt_symbol_at(class->name)->length + 1u;
    char *name = size <= sizeof(small) ? small : malloc(size);
    if (!name) {
        (void)jrt_throw_oom(thread, JRT_OOM_HEAP);
        return NULL;
    }
    struct job_object *string = jrt_string_of(thread, jrt_external_name(class, name, size));
    if (name != small) {
        free(name);
    }
    return string ? jrt_intern(thread, string) : NULL;
}

struct job_object *jrt_intern_symbol(struct jrt_thread *thread, job_offset_t symbol)
{
    const struct jrt_symbol *text = jrt_symbol_at(symbol);
    const uint8_t *utf8 = (const uint8_t *)text->text;
    bool latin1;
    size_t count = jcf_utf8_units(utf8, text->length, &latin1);
    latin1 = latin1 && !jrt_options.wide_strings;
    uint16_t small[256];
    uint16_t *units = count <= ST_COUNT(small) ? small : malloc(count * 2);
    if (!units) {
        (void)jrt_throw_oom(thread, JRT_OOM_HEAP);
        return NULL;
    }
    struct jrt_chars chars = {(const uint8_t *)units, (uint32_t)count, latin1 ? 0 : 1};
    if (latin1) {
        jcf_utf8_to_latin1(utf8, text->length, (uint8_t *)units);
    } else {
        jcf_utf8_to_utf16(utf8, text->length, units);
    }
    uint32_t hash = hash_of(&chars);
    pthread_mutex_lock(&lock);
    struct job_object *string = find_locked(&chars, hash);
    pthread_mutex_unlock(&lock);
    if (!string) {
        string = jrt_string_of_bytes(thread, &chars);
        string = string ? intern(thread, string, &chars, hash) : NULL;
    }
    if (units != small) {
        free(units);
    }
    return string;
}

void jrt_interns_update(void)
{
    for (uint32_t i = 0; i <= mask; i++) {
        if (entries[i].string.word) {
            jgc_update_weak(&entries[i].string);
        }
    }
}
