/*
 * A heap beside a model of it: operations read from bytes are done to both, and after each
 * collection both must agree on what is reachable, which references were cleared, and which became
 * pending. Included by the test of random operations and by the fuzzer.
 */
#pragma once

#include <stdlib.h>

#include "jvm/gc/jgc_world_test.h"

enum {
    MODEL_OBJECTS = 3000, /* that are in the model at once */
    MODEL_ROOTS = 24,
    MODEL_WEAK = 8,
    MODEL_SLOTS = 8, /* of an array's elements that are used */
    MODEL_MB = 2
};

enum model_type { TYPE_NONE, TYPE_NODE, TYPE_ARRAY, TYPE_BYTES, TYPE_REFERENCE };

struct model_object {
    enum model_type type;
    uint32_t size; /* node: references, array: elements, bytes: length, reference: kind */
    uint32_t slots[MODEL_SLOTS]; /* numbers of objects, 0: null */
    uint32_t referent;
    bool active;              /* reference: was neither cleared nor made pending */
    bool pending;             /* it is on the pending list, or was taken off it */
    bool listed;              /* it is on the pending list */
    bool reached;             /* strongly, at this collection */
    bool kept;                /* reached, or kept by a final reference */
    struct job_object *place; /* while the graph is compared */
};

struct model {
    const uint8_t *data;
    size_t size;
    struct jgc_local local;
    struct model_object objects[MODEL_OBJECTS + 1];
    uint32_t free[MODEL_OBJECTS]; /* numbers that no object has */
    uint32_t free_count;
    jref_t roots[MODEL_ROOTS];
    uint32_t root_ids[MODEL_ROOTS];
    uint64_t words[MODEL_ROOTS]; /* ambiguous */
    uint32_t word_ids[MODEL_ROOTS];
    jref_t word_places[MODEL_ROOTS]; /* what they mean: it does not move */
    jref_t weak[MODEL_WEAK];
    uint32_t weak_ids[MODEL_WEAK];
    uint32_t collections;
    bool soft_cleared;
    uint32_t visited[MODEL_OBJECTS + 1];
};

static struct model model;

static uint32_t model_byte(void)
{
    if (model.size == 0) {
        return 0;
    }
    model.size--;
    return *model.data++;
}

static void model_visit_roots(void *argument, struct jgc_visitor *visitor)
{
    (void)argument;
    for (int i = 0; i < MODEL_ROOTS; i++) {
        jgc_visit_slot(visitor, &model.roots[i]);
    }
    jgc_scan_words(visitor, model.words, model.words + MODEL_ROOTS);
}

static void model_visit_weak(void *argument)
{
    (void)argument;
    for (int i = 0; i < MODEL_WEAK; i++) {
        jgc_update_weak(&model.weak[i]);
    }
}

/* -- What the model says of a collection -- */

static void model_push(uint32_t id, bool kept, uint32_t *stack, uint32_t *count)
{
    struct model_object *object = &model.objects[id];
    if (id != 0 && !object->kept) {
        object->kept = true;
        object->reached = !kept;
        stack[(*count)++] = id;
    }
}

/* Reaches all that can be reached from the stack; in the second pass references are strong. */
static void model_reach(bool kept, uint32_t *stack, uint32_t count)
{
    while (count > 0) {
        struct model_object *object = &model.objects[stack[--count]];
        uint32_t slots = object->type == TYPE_NODE || object->type == TYPE_ARRAY
                             ? ST_MIN(object->size, (uint32_t)MODEL_SLOTS)
                             : 0;
        for (uint32_t i = 0; i < slots; i++) {
            model_push(object->slots[i], kept, stack, &count);
        }
        if (object->type != TYPE_REFERENCE || object->referent == 0) {
            continue;
        }
        bool soft = object->size == JOB_SOFT_REFERENCE - JOB_SOFT_REFERENCE;
        if (kept || !object->active || (soft && !model.soft_cleared)) {
            model_push(object->referent, kept, stack, &count);
        }
    }
}

static void model_clear(uint32_t kind, bool kept)
{
    for (uint32_t id = 1; id <= MODEL_OBJECTS; id++) {
        struct model_object *object = &model.objects[id];
        if (object->type == TYPE_REFERENCE && object->reached && object->active &&
            object->size == kind && object->referent != 0) {
            const struct model_object *referent = &model.objects[object->referent];
            if (kept ? !referent->kept : !referent->reached) {
                object->referent = 0;
                object->active = false;
                object->pending = object->listed = true;
            }
        }
    }
}

static void model_finalize(uint32_t *stack)
{
    uint32_t count = 0;
    for (uint32_t id = 1; id <= MODEL_OBJECTS; id++) {
        struct model_object *object = &model.objects[id];
        if (object->type == TYPE_REFERENCE && object->reached && object->active &&
            object->size == JOB_FINAL_REFERENCE - JOB_SOFT_REFERENCE && object->referent != 0 &&
            !model.objects[object->referent].reached) {
            object->active = false;
            object->pending = object->listed = true;
            model_push(object->referent, true, stack, &count);
        }
    }
    model_reach(true, stack, count);
}

static void model_collect(bool soft_cleared)
{
    static uint32_t stack[MODEL_OBJECTS + 1];
    uint32_t count = 0;
    model.soft_cleared = soft_cleared;
    for (uint32_t id = 1; id <= MODEL_OBJECTS; id++) {
        model.objects[id].reached = model.objects[id].kept = false;
    }
    for (int i = 0; i < MODEL_ROOTS; i++) {
        model_push(model.root_ids[i], false, stack, &count);
        model_push(model.word_ids[i], false, stack, &count);
    }
    for (uint32_t id = 1; id <= MODEL_OBJECTS; id++) {
        model_push(model.objects[id].listed ? id : 0, false, stack, &count);
    }
    model_reach(false, stack, count);
    model_clear(JOB_SOFT_REFERENCE - JOB_SOFT_REFERENCE, false);
    model_clear(JOB_WEAK_REFERENCE - JOB_SOFT_REFERENCE, false);
    model_finalize(stack);
    model_clear(JOB_PHANTOM_REFERENCE - JOB_SOFT_REFERENCE, true);
    for (int i = 0; i < MODEL_WEAK; i++) {
        model.weak_ids[i] = model.objects[model.weak_ids[i]].kept ? model.weak_ids[i] : 0;
    }
    for (uint32_t id = 1; id <= MODEL_OBJECTS; id++) {
        if (model.objects[id].type != TYPE_NONE && !model.objects[id].kept) {
            model.objects[id] = (struct model_object){0};
            model.free[model.free_count++] = id;
        }
    }
}

/* -- Both compared -- */

static uint32_t model_id_of(const struct job_object *object)
{
    switch ((enum job_kind)job_class_of(object)->kind) {
    case JOB_PRIMITIVE_ARRAY:
        return *(const uint32_t *)job_elements((const struct job_array *)object);
    case JOB_REF_ARRAY: {
        /* The last element is a node without references that has the number. */
        const struct job_array *array = (const struct job_array *)object;
        const jref_t *elements = job_elements(array);
        return node_id(job_from_ref(elements[array->length - 1]));
    }
    case JOB_SOFT_REFERENCE:
    case JOB_WEAK_REFERENCE:
    case JOB_FINAL_REFERENCE:
    case JOB_PHANTOM_REFERENCE:
        return *(const uint32_t *)job_field(object, REFERENCE_ID_AT);
    case JOB_INSTANCE:
    case JOB_MIRROR:
        break;
    }
    return node_id(object);
}

static uint32_t compare_count;

static void model_meet(jref_t ref, uint32_t id)
{
    ST_CHECK((ref.word == 0) == (id == 0));
    if (id == 0) {
        return;
    }
    struct job_object *object = job_from_ref(ref);
    ST_CHECK(jgc_has(object) && model_id_of(object) == id);
    if (model.objects[id].place == NULL) {
        model.objects[id].place = object;
        model.visited[compare_count++] = id;
    }
    ST_CHECK(model.objects[id].place == object);
}

static void model_check_contents(const struct model_object *object)
{
    struct job_object *place = object->place;
    if (object->type == TYPE_BYTES) {
        const uint8_t *bytes = job_elements((struct job_array *)place);
        ST_CHECK(((struct job_array *)place)->length == (int32_t)object->size);
        for (uint32_t i = 4; i < object->size; i += 61) {
            ST_CHECK(bytes[i] == (uint8_t)(object->size + i));
        }
    } else if (object->type == TYPE_REFERENCE) {
        model_meet(*(jref_t *)job_field(place, REFERENT_AT), object->referent);
        jref_t next = *(jref_t *)job_field(place, NEXT_AT);
        bool is_final = object->size == JOB_FINAL_REFERENCE - JOB_SOFT_REFERENCE;
        ST_CHECK(next.word == (is_final && object->pending ? job_to_ref(place).word : 0));
    } else {
        jref_t *slots = object->type == TYPE_NODE
                            ? node_slot(place, 0)
                            : (jref_t *)job_elements((struct job_array *)place);
        for (uint32_t i = 0; i < ST_MIN(object->size, (uint32_t)MODEL_SLOTS); i++) {
            model_meet(slots[i], object->slots[i]);
        }
    }
}

static void model_compare(void)
{
    compare_count = 0;
    for (int i = 0; i < MODEL_ROOTS; i++) {
        model_meet(model.roots[i], model.root_ids[i]);
        model_meet(model.word_places[i], model.word_ids[i]);
    }
    for (int i = 0; i < MODEL_WEAK; i++) {
        model_meet(model.weak[i], model.weak_ids[i]);
    }
    /* What a reference that nothing else reaches makes pending is met too. */
    jref_t pending = jgc_take_pending();
    while (pending.word != 0) {
        struct job_object *reference = job_from_ref(pending);
        uint32_t id = model_id_of(reference);
        ST_CHECK(model.objects[id].type == TYPE_REFERENCE && model.objects[id].pending);
        model.objects[id].listed = false;
        model_meet(pending, id);
        jref_t *link = job_field(reference, DISCOVERED_AT);
        pending = *link;
        link->word = 0;
        *(uint32_t *)job_field(reference, STAMP_AT) = 1; /* was pending */
    }
    for (uint32_t i = 0; i < compare_count; i++) {
        const struct model_object *object = &model.objects[model.visited[i]];
        model_check_contents(object);
        if (object->type == TYPE_REFERENCE) {
            uint32_t was = *(const uint32_t *)job_field(object->place, STAMP_AT);
            ST_CHECK((was != 0) == object->pending);
        }
    }
    for (uint32_t i = 0; i < compare_count; i++) {
        model.objects[model.visited[i]].place = NULL;
    }
}

/* -- Operations -- */

static void model_finished(void *argument, const struct jgc_pause *pause)
{
    (void)argument;
    model.collections++;
    model_collect(pause->cause == JGC_LAST);
}

/* For a debugger: what the verifier said last. */
static char model_said[400];

static void model_log(void *argument, const char *line)
{
    (void)argument;
    (void)snprintf(model_said, sizeof(model_said), "%s", line);
}

static uint32_t model_new_id(enum model_type type, uint32_t size)
{
    uint32_t id = model.free[--model.free_count];
    model.objects[id] = (struct model_object){.type = type, .size = size, .active = true};
    return id;
}

static void model_set_root(uint32_t at, struct job_object *object, uint32_t id)
{
    model.roots[at] = job_to_ref(object);
    model.root_ids[at] = id;
}

/* A length that may be small, medium or large. */
static int32_t model_length(void)
{
    uint32_t kind = model_byte();
    uint32_t low = model_byte();
    if (kind < 160) {
        return (int32_t)(4 + low / 4);
    }
    return (int32_t)(kind < 245 ? 4 + low * 32 : 4 + low * 512);
}

static void model_new_bytes(uint32_t root)
{
    int32_t length = model_length();
    struct job_object *object = new_array(&model.local, classes.bytes, length);
    if (object == NULL) {
        return;
    }
    uint32_t id = model_new_id(TYPE_BYTES, (uint32_t)length);
    uint8_t *bytes = job_elements((struct job_array *)object);
    for (int32_t i = 0; i < length; i += 61) {
        ST_CHECK(bytes[i] == 0);
    }
    for (int32_t i = 4; i < length; i += 61) {
        bytes[i] = (uint8_t)(length + i);
    }
    memcpy(bytes, &id, sizeof(id));
    model_set_root(root, object, id);
}

static void model_new_array(uint32_t root)
{
    int32_t length = model_length() / 4 + MODEL_SLOTS + 1;
    /* Its number's node is held by an ambiguous word meanwhile, which no model object knows. */
    struct job_object *number = new_node(&model.local, 0, 0);
    if (number == NULL) {
        return;
    }
    model.words[0] = (uint64_t)(uintptr_t)number;
    model.word_ids[0] = model.word_places[0].word = 0;
    struct job_object *object = new_array(&model.local, classes.ref_array, length);
    if (object != NULL) {
        uint32_t id = model_new_id(TYPE_ARRAY, (uint32_t)length);
        *(uint32_t *)job_field(number, NODE_ID_AT) = id;
        jref_t *elements = job_elements((struct job_array *)object);
        jgc_store(object, &elements[length - 1], job_to_ref(number));
        jgc_store(object, &elements[0], model.roots[root]);
        model.objects[id].slots[0] = model.root_ids[root];
        model_set_root(root, object, id);
    }
    model.words[0] = 0;
}

static void model_new_node(uint32_t root)
{
    uint32_t refs = model_byte() % (NODE_REFS_MAX + 1);
    struct job_object *object = new_node(&model.local, (int)refs, 0);
    if (object != NULL) {
        uint32_t id = model_new_id(TYPE_NODE, refs);
        *(uint32_t *)job_field(object, NODE_ID_AT) = id;
        if (refs > 1) { /* what was there is kept, so that there come to be more and more */
            jgc_store(object, node_slot(object, 1), model.roots[root]);
            model.objects[id].slots[1] = model.root_ids[root];
        }
        model_set_root(root, object, id);
    }
}

static void model_new_reference(uint32_t root, uint32_t referent)
{
    uint32_t kind = model_byte() % 4;
    const struct job_class *of = classes.reference[kind];
    struct job_object *object = world_give_class(jgc_alloc(&model.local, of->instance_bytes), of);
    if (object != NULL) {
        uint32_t id = model_new_id(TYPE_REFERENCE, kind);
        *(uint32_t *)job_field(object, REFERENCE_ID_AT) = id;
        model.objects[id].referent = model.root_ids[referent];
        jgc_store(object, job_field(object, REFERENT_AT), model.roots[referent]);
        model_set_root(root, object, id);
    }
}

static jref_t *model_slots(uint32_t root, uint32_t *ret_count)
{
    const struct model_object *object = &model.objects[model.root_ids[root]];
    struct job_object *place = job_from_ref(model.roots[root]);
    *ret_count = ST_MIN(object->size, (uint32_t)MODEL_SLOTS);
    if (model.root_ids[root] == 0 || *ret_count == 0) {
        return NULL;
    }
    return object->type == TYPE_NODE    ? node_slot(place, 0)
           : object->type == TYPE_ARRAY ? job_elements((struct job_array *)place)
                                        : NULL;
}

static void model_operation(uint32_t operation, uint32_t a, uint32_t b)
{
    uint32_t count;
    jref_t *slots;
    switch (operation) {
    case 0:
    case 1:
        model_new_node(a);
        break;
    case 2:
        model_new_bytes(a);
        break;
    case 3:
        model_new_array(a);
        break;
    case 4:
        model_new_reference(a, b);
        break;
    case 5:
    case 6:
    case 7:
        slots = model_slots(a, &count);
        if (slots != NULL) {
            uint32_t at = model_byte() % count;
            jgc_store(job_from_ref(model.roots[a]), &slots[at], model.roots[b]);
            model.objects[model.root_ids[a]].slots[at] = model.root_ids[b];
        }
        break;
    case 8:
        slots = model_slots(b, &count);
        if (slots != NULL) {
            uint32_t at = model_byte() % count;
            model.root_ids[a] = model.objects[model.root_ids[b]].slots[at];
            model.roots[a] = slots[at];
        }
        break;
    case 9:
        model.roots[a].word = 0;
        model.root_ids[a] = 0;
        break;
    case 10: {
        uint64_t address = (uint64_t)(uintptr_t)job_from_ref(model.roots[b]);
        uint32_t form = model_byte();
        model.words[a] = form < 80    ? address
                         : form < 160 ? address + (address == 0 ? 0 : form % 8)
                         : form < 208 ? model.roots[b].word | (uint64_t)form << 56
                                      : (uint64_t)model.roots[b].word << 32 | form;
        model.word_ids[a] = model.root_ids[b];
        model.word_places[a] = model.roots[b];
        break;
    }
    case 11:
        model.words[a] = 0;
        model.word_ids[a] = model.word_places[a].word = 0;
        break;
    case 12:
        model.weak[a % MODEL_WEAK] = model.roots[b];
        model.weak_ids[a % MODEL_WEAK] = model.root_ids[b];
        break;
    default:
        jgc_collect(&model.local, b % 4 == 0 ? JGC_LAST : JGC_SYSTEM);
        break;
    }
}

/* Runs the operations of `size` bytes; the first ones configure the heap. */
static void model_run(const uint8_t *data, size_t size)
{
    memset(&model, 0, sizeof(model));
    model.data = data;
    model.size = size;
    for (uint32_t id = MODEL_OBJECTS; id > 0; id--) {
        model.free[model.free_count++] = id;
    }
    world_make_classes();
    uint32_t how = model_byte();
    const struct jgc_config config = {
        .max_bytes = MODEL_MB << 20,
        .allowance_bytes = (how & 1) != 0 ? 256 << 10 : 0,
        .stress_every = (how & 2) != 0 ? 1 + model_byte() % 50 : 0,
        .verify = true,
        .evacuate = (how & 4) != 0,
        .mark_stack = (how & 8) != 0 ? 1 + model_byte() % 16 : 0,
        .soft_ms_per_mb = 1U << 30,
    };
    const struct jgc_callbacks callbacks = {.stop_world = world_stop,
                                            .resume_world = world_resume,
                                            .visit_roots = model_visit_roots,
                                            .visit_weak = model_visit_weak,
                                            .finished = model_finished,
                                            .log = model_log};
    ST_CHECK(jgc_create(&config, &callbacks, NULL) == 0);
    jgc_local_init(&model.local);
    world_enter();
    uint32_t compared = 0;
    while (model.size > 0) {
        uint32_t operation = model_byte() % 14;
        uint32_t a = model_byte() % MODEL_ROOTS;
        uint32_t b = model_byte() % MODEL_ROOTS;
        if ((operation == 13 || operation == 9 || operation == 8) && model_byte() < 200) {
            operation = 1;
        }
        if (model.free_count == 0) {
            jgc_collect(&model.local, JGC_SYSTEM);
            for (uint32_t i = 0; i < MODEL_ROOTS && model.free_count == 0; i++) {
                model.roots[i].word = model.root_ids[i] = 0;
                model.words[i] = model.word_ids[i] = model.word_places[i].word = 0;
            }
            jgc_collect(&model.local, JGC_SYSTEM);
            ST_CHECK(model.free_count > 0);
        }
        model_operation(operation, a, b);
        if (model.collections != compared) {
            compared = model.collections;
            model_compare();
        }
    }
    jgc_collect(&model.local, JGC_LAST);
    model_compare();
    world_leave();
    jgc_local_done(&model.local);
    jgc_destroy();
    job_meta_done();
}
