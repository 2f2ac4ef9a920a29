/*
 * What tests of the collector share: classes as a runtime would make them, and a world of threads
 * that stop where they allow it. Included by test programs alone.
 */
#pragma once

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "jvm/gc/jgc.h"

/* -- Classes. A node is: its number at 8, its references from 12. -- */

enum { NODE_REFS_MAX = 6, NODE_ID_AT = 8, NODE_REFS_AT = 12 };
enum {
    REFERENT_AT = 8,
    QUEUE_AT = 12,
    NEXT_AT = 16,
    DISCOVERED_AT = 20,
    STAMP_AT = 24,
    REFERENCE_ID_AT = 32,
    REFERENCE_BYTES = 40
};
enum { MIRROR_LOADER_AT = 8, MIRROR_CLASS_AT = 12, MIRROR_BYTES = 16, CLOCK_AT = 16 };

struct world_classes {
    struct job_arena arena;
    struct job_class *mirror;                  /* java.lang.Class */
    struct job_class *node[NODE_REFS_MAX + 1]; /* by how many references */
    struct job_class *ref_array;
    struct job_class *bytes;        /* byte[] */
    struct job_class *reference[4]; /* by kind - JOB_SOFT_REFERENCE */
};

static struct world_classes classes;

static struct job_class *world_class(struct job_arena *arena, enum job_kind kind, uint32_t bytes,
                                     uint16_t first_ref, uint16_t refs)
{
    struct job_class *made = job_arena_alloc(arena, JOB_META_WRITTEN, sizeof(*made));
    struct job_ref_run *run = job_arena_alloc(arena, JOB_META_READ, sizeof(*run));
    ST_CHECK(made != NULL && run != NULL);
    made->kind = (uint8_t)kind;
    made->instance_bytes = (bytes + 7) / 8 * 8;
    if (refs > 0) {
        *run = (struct job_ref_run){.first = first_ref / 4, .count = refs};
        made->ref_runs = job_offset(run);
        made->ref_run_count = 1;
    }
    return made;
}

static void world_make_classes(void)
{
    ST_CHECK(job_meta_init(0, 8 << 20, NULL) == 0);
    memset(&classes, 0, sizeof(classes));
    struct job_arena *arena = &classes.arena;
    classes.mirror = world_class(arena, JOB_MIRROR, MIRROR_BYTES, MIRROR_LOADER_AT, 1);
    for (uint32_t i = 0; i <= NODE_REFS_MAX; i++) {
        classes.node[i] =
            world_class(arena, JOB_INSTANCE, NODE_REFS_AT + i * 4, NODE_REFS_AT, (uint16_t)i);
    }
    classes.ref_array = world_class(arena, JOB_REF_ARRAY, 0, 0, 0);
    classes.ref_array->element_shift = 2;
    classes.ref_array->elements_at = JOB_ELEMENTS_AT;
    classes.bytes = world_class(arena, JOB_PRIMITIVE_ARRAY, 0, 0, 0);
    classes.bytes->elements_at = JOB_WIDE_ELEMENTS_AT;
    for (int i = 0; i < 4; i++) {
        /* `queue` and `next` are ordinary fields. */
        classes.reference[i] = world_class(arena, (enum job_kind)(JOB_SOFT_REFERENCE + i),
                                           REFERENCE_BYTES, QUEUE_AT, 2);
    }
    classes.reference[0]->static_bytes = 8;
    job_layout = (struct job_layout){
        .mirror_class_at = MIRROR_CLASS_AT,
        .referent_at = REFERENT_AT,
        .queue_at = QUEUE_AT,
        .next_at = NEXT_AT,
        .discovered_at = DISCOVERED_AT,
        .soft_timestamp_at = STAMP_AT,
        .soft_clock_at = CLOCK_AT,
        .soft_class = job_offset(classes.reference[0]),
    };
}

/* -- The world: threads that count as running but for where they allow a stop. -- */

struct world {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint32_t running;   /* [lock] threads */
    bool stopping;      /* [lock] */
    uint32_t stop_word; /* [a] the same, for polls */
};

static struct world world = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, false, 0};

static inline void world_enter(void)
{
    pthread_mutex_lock(&world.lock);
    while (world.stopping) {
        pthread_cond_wait(&world.changed, &world.lock);
    }
    world.running++;
    pthread_mutex_unlock(&world.lock);
}

static inline void world_leave(void)
{
    pthread_mutex_lock(&world.lock);
    world.running--;
    pthread_cond_broadcast(&world.changed);
    pthread_mutex_unlock(&world.lock);
}

static inline void world_poll(void)
{
    if (__atomic_load_n(&world.stop_word, __ATOMIC_RELAXED) != 0) {
        world_leave();
        world_enter();
    }
}

static void world_stop(void *argument, struct jgc_local *self)
{
    (void)argument, (void)self;
    pthread_mutex_lock(&world.lock);
    while (world.stopping) {
        world.running--;
        pthread_cond_broadcast(&world.changed);
        while (world.stopping) {
            pthread_cond_wait(&world.changed, &world.lock);
        }
        world.running++;
    }
    world.stopping = true;
    __atomic_store_n(&world.stop_word, 1, __ATOMIC_RELAXED);
    while (world.running > 1) {
        pthread_cond_wait(&world.changed, &world.lock);
    }
    pthread_mutex_unlock(&world.lock);
}

static void world_resume(void *argument, struct jgc_local *self)
{
    (void)argument, (void)self;
    pthread_mutex_lock(&world.lock);
    world.stopping = false;
    __atomic_store_n(&world.stop_word, 0, __ATOMIC_RELAXED);
    pthread_cond_broadcast(&world.changed);
    pthread_mutex_unlock(&world.lock);
}

/* -- Objects -- */

static inline struct job_object *world_give_class(void *memory, const struct job_class *of)
{
    struct job_object *object = memory;
    if (object != NULL) {
        ST_CHECK(object->lock == 0 && object->class_at == 0);
        object->class_at = job_offset(of);
    }
    return object;
}

static inline struct job_object *new_node(struct jgc_local *local, int refs, uint32_t id)
{
    const struct job_class *of = classes.node[refs];
    struct job_object *object = world_give_class(jgc_alloc(local, of->instance_bytes), of);
    if (object != NULL) {
        *(uint32_t *)job_field(object, NODE_ID_AT) = id;
    }
    return object;
}

static inline struct job_object *new_array(struct jgc_local *local, const struct job_class *of,
                                           int32_t length)
{
    struct job_object *object = world_give_class(jgc_alloc(local, job_array_bytes(of, length)), of);
    if (object != NULL) {
        ((struct job_array *)object)->length = length;
    }
    return object;
}

static inline struct job_object *new_mirror(struct jgc_local *local, struct job_class *of)
{
    size_t bytes = MIRROR_BYTES + (of->static_bytes + 7) / 8 * 8;
    struct job_object *object = world_give_class(jgc_alloc_immovable(local, bytes), classes.mirror);
    if (object != NULL) {
        *(job_offset_t *)job_field(object, MIRROR_CLASS_AT) = job_offset(of);
        of->mirror = job_to_ref(object);
    }
    return object;
}

static inline jref_t *node_slot(struct job_object *node, int at)
{
    return (jref_t *)job_field(node, NODE_REFS_AT) + at;
}

static inline uint32_t node_id(const struct job_object *node)
{
    return *(const uint32_t *)job_field(node, NODE_ID_AT);
}
