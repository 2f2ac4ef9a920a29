/* The heap walked and checked: what the last collection found live refers to nothing but that. */
#include "jvm/gc/jgc_priv.h"

void jgc_each_object(void (*visit)(void *argument, struct job_object *object), void *argument)
{
    struct jgc_heap *heap = &jgc_heap;
    for (uint32_t at = 0; at < heap->blocks; at++) {
        if (heap->block[at].state == JGC_FREE) {
            continue;
        }
        for (uint32_t i = 0; i < JGC_BLOCK_WORDS; i++) {
            uint64_t bits = heap->starts[(uint64_t)at * JGC_BLOCK_WORDS + i];
            for (; bits != 0; bits &= bits - 1) {
                size_t unit = i * 64 + (size_t)__builtin_ctzll(bits);
                visit(argument, (struct job_object *)(jgc_block_at(at) + unit * JOB_ALIGN));
            }
        }
    }
}

struct check {
    const struct job_object *object; /* whose slots are looked at */
    struct st_err *err;
    int result;
};

static bool is_start(jref_t ref)
{
    const void *address = job_from_ref(ref);
    return jgc_has(address) && jgc_heap.block[jgc_block_of(address)].state != JGC_FREE &&
           jgc_bit(jgc_heap.starts, address);
}

static int bad(struct check *check, const char *what, uint64_t value)
{
    if (check->result == 0) {
        check->result =
            st_fail(check->err, ST_ECORRUPT, "heap: object 0x%llx (class at 0x%x): %s 0x%llx",
                    (unsigned long long)(uintptr_t)check->object, check->object->class_at, what,
                    (unsigned long long)value);
    }
    return check->result;
}

static void check_slots(void *argument, jref_t *first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (first[i].word != 0 && !is_start(first[i])) {
            (void)bad(argument, "a slot refers to no object:", (uintptr_t)job_from_ref(first[i]));
        }
    }
}

static bool is_reference(uint8_t kind)
{
    return kind >= JOB_SOFT_REFERENCE && kind <= JOB_PHANTOM_REFERENCE;
}

static void check_object(void *argument, struct job_object *object)
{
    struct check *check = argument;
    if (check->result != 0) {
        return;
    }
    check->object = object;
    if (object->class_at == 0 || object->class_at % JOB_ALIGN != 0 || jgc_forwarded(object) ||
        !job_meta_has(job_class_of(object)) || job_class_of(object)->kind > JOB_PRIMITIVE_ARRAY) {
        (void)bad(check, "no class; lock word", object->lock);
        return;
    }
    const struct job_class *of = job_class_of(object);
    size_t bytes = job_object_bytes(object);
    bool large = jgc_heap.block[jgc_block_of(object)].state == JGC_LARGE;
    if (bytes < JOB_HEADER_BYTES || (large && bytes <= JGC_LARGE_BYTES) ||
        bytes > jgc_heap.bytes - jgc_offset(object) ||
        (!large && jgc_block_of((char *)object + bytes - 1) != jgc_block_of(object))) {
        (void)bad(check, "it cannot have so many bytes:", bytes);
        return;
    }
    if (of->mirror.word != 0 && !is_start(of->mirror)) {
        (void)bad(check, "its class has lost its mirror", of->mirror.word);
    }
    if (!large) {
        for (uint64_t i = jgc_offset(object); i < jgc_offset(object) + bytes; i += JGC_LINE_BYTES) {
            if (jgc_heap.lines[i >> JGC_LINE_SHIFT] == JGC_LINE_FREE) {
                (void)bad(check, "it lies in a free line", i);
            }
        }
    }
    job_visit_refs(object, check_slots, check);
    if (is_reference(of->kind)) {
        check_slots(check, job_field(object, job_layout.referent_at), 1);
        check_slots(check, job_field(object, job_layout.discovered_at), 1);
    }
}

int jgc_verify(struct st_err *err)
{
    struct check check = {.err = err};
    jgc_each_object(check_object, &check);
    return check.result;
}
