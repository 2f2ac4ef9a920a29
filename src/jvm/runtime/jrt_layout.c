/*
 * Placing fields: largest first, each group of a size side by side, gaps filled with smaller ones.
 */
#include "jvm/runtime/jrt_layout.h"

#include "jvm/classfile/jcf_flags.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_known_priv.h"
#include "jvm/runtime/jrt_meta.h"

/* By size; references are of the same size as int, but kept together. */
enum group { WIDE, WORD, REFERENCE, HALF, BYTE, GROUP_COUNT };

static const uint8_t group_bytes[GROUP_COUNT] = {8, 4, 4, 2, 1};

/* The places of offsets that wait to be given, by group. */
struct waiting {
    uint32_t **offsets[GROUP_COUNT];
    uint32_t count[GROUP_COUNT], next[GROUP_COUNT];
};

static enum group group_of(uint8_t type)
{
    switch (type) {
    case JRT_LONG:
    case JRT_DOUBLE:
        return WIDE;
    case JRT_INT:
    case JRT_FLOAT:
        return WORD;
    case JRT_CHAR:
    case JRT_SHORT:
        return HALF;
    case JRT_BYTE:
    case JRT_BOOLEAN:
        return BYTE;
    default:
        return REFERENCE;
    }
}

static enum group group_of_injected(char type)
{
    return type == 'J' ? WIDE : type == 'I' ? WORD : REFERENCE;
}

static bool wait_for(struct waiting *waiting, enum group group, uint32_t *offset, uint32_t capacity,
                     struct st_arena *scratch)
{
    if (!waiting->offsets[group]) {
        waiting->offsets[group] = st_arena_array(scratch, uint32_t *, capacity);
        if (!waiting->offsets[group]) {
            return false;
        }
    }
    waiting->offsets[group][waiting->count[group]++] = offset;
    return true;
}

static bool take(struct waiting *waiting, enum group group, uint32_t *at)
{
    if (waiting->next[group] == waiting->count[group] || *at % group_bytes[group]) {
        return false;
    }
    *waiting->offsets[group][waiting->next[group]++] = *at;
    *at += group_bytes[group];
    return true;
}

/* Brings *at to a multiple of `align`, with small fields in the gap where there are some. */
static void fill_gap(struct waiting *waiting, uint32_t *at, uint32_t align)
{
    while (*at % align) {
        bool filled = align > 4 && (take(waiting, WORD, at) || take(waiting, REFERENCE, at));
        if (!filled && !(align > 2 && take(waiting, HALF, at)) && !take(waiting, BYTE, at)) {
            *at = (*at + 1);
        }
    }
}

static uint32_t place(struct waiting *waiting, uint32_t at, const enum group *order)
{
    for (int i = 0; i < GROUP_COUNT; i++) {
        enum group group = order[i];
        if (waiting->next[group] < waiting->count[group]) {
            fill_gap(waiting, &at, group_bytes[group]);
            while (take(waiting, group, &at)) {
            }
        }
    }
    return at;
}

static int compare_runs(const struct job_ref_run *one, const struct job_ref_run *other)
{
    return one->first < other->first ? -1 : one->first > other->first;
}

/* Adds a reference at `at` to the runs, which are in order of places but for the newest ones. */
static uint32_t add_to_runs(struct job_ref_run *runs, uint32_t count, uint32_t at)
{
    uint16_t first = (uint16_t)(at / 4);
    for (uint32_t i = 0; i < count; i++) {
        if (runs[i].first + runs[i].count == first) {
            runs[i].count++;
            return count;
        }
        if (first + 1 == runs[i].first) {
            runs[i].first--;
            runs[i].count++;
            return count;
        }
    }
    struct job_ref_run run = {first, 1};
    uint32_t place_at = count;
    while (place_at && compare_runs(&run, &runs[place_at - 1]) < 0) {
        runs[place_at] = runs[place_at - 1];
        place_at--;
    }
    runs[place_at] = run;
    return count + 1;
}

static bool set_runs(struct jrt_class *class, const struct waiting *waiting,
                     struct st_arena *scratch)
{
    const struct job_class *super =
        class->super ? &jrt_class_at(class->super)->object : &(struct job_class){0};
    const struct job_ref_run *inherited = super->ref_run_count ? job_at(super->ref_runs) : NULL;
    uint32_t room = super->ref_run_count + waiting->count[REFERENCE];
    struct job_ref_run *runs = st_arena_array(scratch, struct job_ref_run, room);
    if (!runs) {
        return false;
    }
    uint32_t count = super->ref_run_count;
    for (uint32_t i = 0; i < count; i++) {
        runs[i] = inherited[i];
    }
    for (uint32_t i = 0; i < waiting->count[REFERENCE]; i++) {
        uint32_t at = *waiting->offsets[REFERENCE][i];
        if (!jrt_is_weak_field(class, at)) {
            count = add_to_runs(runs, count, at);
        }
    }
    class->object.ref_run_count = count;
    if (!waiting->count[REFERENCE]) {
        class->object.ref_runs = super->ref_runs;
        return true;
    }
    struct job_ref_run *kept = jrt_class_meta(class, JOB_META_READ, count * sizeof(*kept));
    if (!kept) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        kept[i] = runs[i];
    }
    class->object.ref_runs = job_offset(kept);
    return true;
}

static bool lay_out_statics(struct jrt_class *class, struct st_arena *scratch)
{
    static const enum group order[] = {REFERENCE, WIDE, WORD, HALF, BYTE};
    struct jrt_field *fields = (struct jrt_field *)job_at(class->fields);
    struct waiting waiting = {0};
    for (uint32_t i = 0; i < class->field_count; i++) {
        if ((fields[i].access & JCF_ACC_STATIC) &&
            !wait_for(&waiting, group_of(fields[i].type), &fields[i].offset, class->field_count,
                      scratch)) {
            return false;
        }
    }
    uint32_t start = jrt_mirror_bytes();
    uint32_t end = place(&waiting, start, order);
    class->object.static_bytes = (end - start + JOB_ALIGN - 1) & ~(JOB_ALIGN - 1u);
    class->object.static_refs = waiting.count[REFERENCE];
    return true;
}

void jrt_lay_out_statics_again(struct jrt_class *class)
{
    struct jrt_field *fields = (struct jrt_field *)job_at(class->fields);
    for (uint32_t i = 0; i < class->field_count; i++) {
        if (fields[i].access & JCF_ACC_STATIC) {
            fields[i].offset += jrt_mirror_bytes();
        }
    }
}

bool jrt_lay_out(struct jrt_class *class, struct st_arena *scratch)
{
    static const enum group order[] = {WIDE, WORD, REFERENCE, HALF, BYTE};
    struct jrt_field *fields = (struct jrt_field *)job_at(class->fields);
    struct waiting waiting = {0};
    uint32_t capacity = class->field_count + JRT_INJECTED_MAX;
    for (uint32_t i = 0; i < class->field_count; i++) {
        if (!(fields[i].access & JCF_ACC_STATIC) &&
            !wait_for(&waiting, group_of(fields[i].type), &fields[i].offset, capacity, scratch)) {
            return false;
        }
    }
    struct jrt_injection injections[JRT_INJECTED_MAX];
    uint32_t injected =
        class->loader == jrt_known.boot_loader ? jrt_injected_of(class->name, injections) : 0;
    for (uint32_t i = 0; i < injected; i++) {
        if (!wait_for(&waiting, group_of_injected(injections[i].type), injections[i].offset,
                      capacity, scratch)) {
            return false;
        }
    }
    uint32_t start = class->super ? jrt_class_at(class->super)->fields_end : JOB_HEADER_BYTES;
    class->fields_end = place(&waiting, start, order);
    class->object.instance_bytes = (class->fields_end + JOB_ALIGN - 1) & ~(JOB_ALIGN - 1u);
    /* The offset of a run is 16 bits of words. */
    if (class->fields_end / 4 > UINT16_MAX) {
        return false;
    }
    return set_runs(class, &waiting, scratch) && lay_out_statics(class, scratch);
}
