/*
 * JNI references: see jrt_handle.h.
 *
 * Local references are words of a chain of blocks, filled in order; a set begins at a mark. A
 * deleted word is taken back if it is the last one; holes further down are found again when a block
 * is full and enough were deleted in the set. Global and weak ones lie in blocks that stay, with a
 * list of free words.
 */
#include "jvm/runtime/jrt_handle.h"

#include <pthread.h>
#include <stdlib.h>

#include "jvm/runtime/jrt_throw.h"

enum { BLOCK_WORDS = 60, TABLE_WORDS = 510, HOLES_WORTH_A_SEARCH = 30 };

struct word {
    jref_t ref;
    uint32_t used; /* of tables: 1 */
    struct word *next_free;
};

struct jrt_handle_block {
    struct jrt_handle_block *before, *after; /* after: kept for later when it is not in use */
    uint64_t words[BLOCK_WORDS];             /* a jref_t each, 8 bytes apart */
};

struct jrt_handles {
    struct jrt_handle_block first;
    struct jrt_handle_block *block;       /* the last one in use */
    uint32_t count;                       /* words in use of it */
    struct jrt_handle_block *start_block; /* where the set begins */
    uint32_t start_count;
    uint32_t deleted; /* in this set, not used again */
    uint64_t *holes[HOLES_WORTH_A_SEARCH];
    uint32_t hole_count;
};

struct jrt_handles *jrt_locals_new(void)
{
    struct jrt_handles *locals = calloc(1, sizeof *locals);
    if (locals != NULL) {
        locals->block = &locals->first;
        locals->start_block = &locals->first;
    }
    return locals;
}

void jrt_locals_free(struct jrt_thread *thread)
{
    struct jrt_handle_block *block = thread->locals->first.after;
    while (block != NULL) {
        struct jrt_handle_block *after = block->after;
        free(block);
        block = after;
    }
    free(thread->locals);
    thread->locals = NULL;
}

void jrt_locals_push(struct jrt_thread *thread, struct jrt_locals_mark *ret_mark)
{
    struct jrt_handles *locals = thread->locals;
    *ret_mark = (struct jrt_locals_mark){.block = locals->block,
                                         .count = locals->count,
                                         .start_block = locals->start_block,
                                         .start_count = locals->start_count};
    locals->start_block = locals->block;
    locals->start_count = locals->count;
    locals->deleted = 0;
    locals->hole_count = 0;
}

void jrt_locals_pop(struct jrt_thread *thread, const struct jrt_locals_mark *mark)
{
    struct jrt_handles *locals = thread->locals;
    locals->block = mark->block;
    locals->count = mark->count;
    locals->start_block = mark->start_block;
    locals->start_count = mark->start_count;
    locals->deleted = 0;
    locals->hole_count = 0;
}

/* Finds deleted words of the set; true if there are some now. */
static bool search_holes(struct jrt_handles *locals)
{
    struct jrt_handle_block *block = locals->start_block;
    uint32_t at = locals->start_count;
    while (locals->hole_count < HOLES_WORTH_A_SEARCH) {
        uint32_t end = block == locals->block ? locals->count : BLOCK_WORDS;
        for (; at < end && locals->hole_count < HOLES_WORTH_A_SEARCH; at++) {
            if (block->words[at] == 0) {
                locals->holes[locals->hole_count++] = &block->words[at];
            }
        }
        if (block == locals->block) {
            break;
        }
        block = block->after;
        at = 0;
    }
    locals->deleted -= ST_MIN(locals->deleted, locals->hole_count);
    return locals->hole_count != 0;
}

static bool add_block(struct jrt_handles *locals)
{
    struct jrt_handle_block *block = locals->block->after;
    if (block == NULL) {
        block = malloc(sizeof *block);
        if (block == NULL) {
            return false;
        }
        block->before = locals->block;
        block->after = NULL;
        locals->block->after = block;
    }
    locals->block = block;
    locals->count = 0;
    return true;
}

jrt_handle_t jrt_local(struct jrt_thread *thread, struct job_object *object)
{
    struct jrt_handles *locals = thread->locals;
    if (object == NULL) {
        return NULL;
    }
    bool full = locals->hole_count == 0 && locals->count == BLOCK_WORDS;
    if (full && locals->deleted >= HOLES_WORTH_A_SEARCH) {
        full = !search_holes(locals);
    }
    if (full && !add_block(locals)) {
        (void)jrt_throw_oom(thread, JRT_OOM_HEAP);
        return NULL;
    }
    uint64_t *word = locals->hole_count != 0 ? locals->holes[--locals->hole_count]
                                             : &locals->block->words[locals->count++];
    *word = job_to_ref(object).word;
    return word;
}

void jrt_local_delete(struct jrt_thread *thread, jrt_handle_t handle)
{
    struct jrt_handles *locals = thread->locals;
    uint64_t *word = handle;
    if (word == NULL) {
        return;
    }
    if ((union jrt_slot *)word >= thread->stack && (union jrt_slot *)word < thread->stack_limit) {
        return; /* an argument: its frame keeps it */
    }
    *word = 0;
    if (locals->count != 0 && word == &locals->block->words[locals->count - 1] &&
        (locals->block != locals->start_block || locals->count > locals->start_count)) {
        locals->count--;
    } else {
        locals->deleted++;
    }
}

static uint64_t *end_of(struct jrt_handles *locals, struct jrt_handle_block *block)
{
    return block->words + (block == locals->block ? locals->count : BLOCK_WORDS);
}

void jrt_locals_visit(struct jrt_thread *thread, struct jgc_visitor *visitor)
{
    struct jrt_handles *locals = thread->locals;
    if (locals == NULL) {
        return;
    }
    for (struct jrt_handle_block *block = &locals->first;; block = block->after) {
        for (uint64_t *word = block->words; word < end_of(locals, block); word++) {
            if (*word != 0) {
                jgc_visit_slot(visitor, (jref_t *)word);
            }
        }
        if (block == locals->block) {
            break;
        }
    }
}

/* Global and weak references. */
struct table {
    pthread_mutex_t lock;
    struct block {
        struct block *next;
        struct word words[TABLE_WORDS];
    } * blocks;        /* [lock] */
    struct word *free; /* [lock] */
    uint32_t count;    /* [lock] */
};

static struct table globals = {.lock = PTHREAD_MUTEX_INITIALIZER};
static struct table weaks = {.lock = PTHREAD_MUTEX_INITIALIZER};

enum { TAG_WEAK = 1, TAG_GLOBAL = 2, TAG_MASK = 3 };

static bool grow(struct table *table)
{
    struct block *block = calloc(1, sizeof *block);
    if (block == NULL) {
        return false;
    }
    block->next = table->blocks;
    table->blocks = block;
    for (uint32_t i = TABLE_WORDS; i-- > 0;) {
        block->words[i].next_free = table->free;
        table->free = &block->words[i];
    }
    return true;
}

static jrt_handle_t add(struct table *table, const struct job_object *object, uintptr_t tag)
{
    if (object == NULL) {
        return NULL;
    }
    pthread_mutex_lock(&table->lock);
    struct word *word = table->free != NULL || grow(table) ? table->free : NULL;
    if (word != NULL) {
        table->free = word->next_free;
        word->ref = job_to_ref(object);
        word->used = 1;
        table->count++;
    }
    pthread_mutex_unlock(&table->lock);
    return word != NULL ? (char *)word + tag : NULL;
}

static void take_away(struct table *table, jrt_handle_t handle)
{
    if (handle == NULL) {
        return;
    }
    struct word *word = (struct word *)((uintptr_t)handle & ~(uintptr_t)TAG_MASK);
    pthread_mutex_lock(&table->lock);
    if (word->used) {
        word->ref.word = 0;
        word->used = 0;
        word->next_free = table->free;
        table->free = word;
        table->count--;
    }
    pthread_mutex_unlock(&table->lock);
}

jrt_handle_t jrt_global(const struct job_object *object)
{
    return add(&globals, object, TAG_GLOBAL);
}

jrt_handle_t jrt_weak(const struct job_object *object)
{
    return add(&weaks, object, TAG_WEAK);
}

void jrt_global_delete(jrt_handle_t handle)
{
    take_away(&globals, handle);
}

void jrt_weak_delete(jrt_handle_t handle)
{
    take_away(&weaks, handle);
}

void jrt_handle_counts(uint32_t *ret_globals, uint32_t *ret_weaks)
{
    *ret_globals = __atomic_load_n(&globals.count, __ATOMIC_RELAXED);
    *ret_weaks = __atomic_load_n(&weaks.count, __ATOMIC_RELAXED);
}

void jrt_globals_visit(struct jgc_visitor *visitor)
{
    for (struct block *block = globals.blocks; block != NULL; block = block->next) {
        for (uint32_t i = 0; i < TABLE_WORDS; i++) {
            if (block->words[i].ref.word != 0) {
                jgc_visit_slot(visitor, &block->words[i].ref);
            }
        }
    }
}

void jrt_weaks_clear(void)
{
    for (struct block *block = weaks.blocks; block != NULL; block = block->next) {
        for (uint32_t i = 0; i < TABLE_WORDS; i++) {
            jgc_update_weak(&block->words[i].ref);
        }
    }
}

static bool in_table(struct table *table, const struct word *word)
{
    bool found = false;
    pthread_mutex_lock(&table->lock);
    for (struct block *block = table->blocks; block != NULL && !found; block = block->next) {
        found = word >= block->words && word < block->words + TABLE_WORDS && word->used;
    }
    pthread_mutex_unlock(&table->lock);
    return found;
}

static bool is_local(struct jrt_thread *thread, const uint64_t *word)
{
    struct jrt_handles *locals = thread->locals;
    if ((const union jrt_slot *)word >= thread->stack &&
        (const union jrt_slot *)word < thread->stack_limit) {
        return (uint32_t)*word != 0;
    }
    for (struct jrt_handle_block *block = &locals->first;; block = block->after) {
        if (word >= block->words && word < end_of(locals, block)) {
            return *word != 0;
        }
        if (block == locals->block) {
            return false;
        }
    }
}

enum jrt_handle_kind jrt_handle_kind(struct jrt_thread *thread, jrt_handle_t handle)
{
    uintptr_t tag = (uintptr_t)handle & TAG_MASK;
    const struct word *word = (const struct word *)((uintptr_t)handle - tag);
    if (handle == NULL) {
        return JRT_HANDLE_INVALID;
    }
    if (tag == TAG_GLOBAL) {
        return in_table(&globals, word) ? JRT_HANDLE_GLOBAL : JRT_HANDLE_INVALID;
    }
    if (tag == TAG_WEAK) {
        return in_table(&weaks, word) ? JRT_HANDLE_WEAK : JRT_HANDLE_INVALID;
    }
    return is_local(thread, handle) ? JRT_HANDLE_LOCAL : JRT_HANDLE_INVALID;
}

/* ---- critical regions ---- */

bool jrt_critical_enter(struct jrt_thread *thread, struct job_array *array)
{
    if (thread->critical_count == thread->critical_room) {
        uint32_t room = thread->critical_room == 0 ? 8 : thread->critical_room * 2;
        struct job_object **grown = realloc(thread->critical, room * sizeof(*grown));
        if (grown == NULL) {
            return jrt_throw_oom(thread, JRT_OOM_HEAP);
        }
        thread->critical = grown;
        thread->critical_room = room;
    }
    thread->critical[thread->critical_count++] = &array->object;
    return true;
}

void jrt_critical_leave(struct jrt_thread *thread, const struct job_array *array)
{
    for (uint32_t i = thread->critical_count; i-- > 0;) {
        if (thread->critical[i] == &array->object) {
            thread->critical[i] = thread->critical[--thread->critical_count];
            return;
        }
    }
}

void jrt_critical_visit(struct jrt_thread *thread, struct jgc_visitor *visitor)
{
    for (uint32_t i = 0; i < thread->critical_count; i++) {
        jgc_pin(visitor, thread->critical[i]);
    }
}
