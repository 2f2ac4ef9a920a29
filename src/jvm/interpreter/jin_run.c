/*
 * The interpreter's loop: computed goto over translated code (jin_code.h). Java calls Java inside
 * it, without a C frame each; jin_run_ops.inc has what each instruction does.
 *
 * In registers: pc, fp, the frame's code and the thread. What leaves the loop (SYNC) first stores
 * where the frame stands and that it is on top. An instruction is read by its op first (acquire):
 * it may be replaced by another thread that resolves it.
 */
#include <math.h>

#include "base/assert.h"
#include "jvm/classfile/jcf_flags.h"
#include "jvm/interpreter/jin_priv.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_references.h"
#include "jvm/runtime/jrt_throw.h"
#include "jvm/runtime/jrt_vm.h"

static inline char *object_in(const union jrt_slot *slot)
{
    return (char *)((uintptr_t)slot->ref.word << JOB_REF_SHIFT);
}

/* A resolved reference of the class whose code it is. */
static inline struct job_object *kept_by(const struct jin_code *code, uint32_t index)
{
    return jrt_reference(jrt_class_at(jrt_method_at(code->method)->class_at), index);
}

static inline char *object_at(jref_t ref)
{
    return (char *)((uintptr_t)ref.word << JOB_REF_SHIFT);
}

/* lookupswitch: the distance for a key, by halving. `words`: see jin_code.h. */
static int32_t look_up(const int32_t *words, int32_t key)
{
    const int32_t *keys = words + 2;
    int32_t low = 0;
    int32_t high = words[0] - 1;
    while (low <= high) {
        int32_t middle = (low + high) / 2;
        if (keys[middle] == key) {
            return keys[words[0] + middle];
        }
        if (keys[middle] < key) {
            low = middle + 1;
        } else {
            high = middle - 1;
        }
    }
    return words[1];
}

/* f2i and its kind (JLS 17 5.1.3): NaN is 0, what is too large the largest. */
static inline int32_t to_int(double value)
{
    if (value >= -2147483648.0 && value < 2147483648.0) {
        return (int32_t)value;
    }
    return value != value ? 0 : value < 0 ? INT32_MIN : INT32_MAX;
}

static inline int64_t to_long(double value)
{
    if (value >= -9223372036854775808.0 && value < 9223372036854775808.0) {
        return (int64_t)value;
    }
    return value != value ? 0 : value < 0 ? INT64_MIN : INT64_MAX;
}

/* The first word of a frame: its caller, from LINK_OF_C on called by C. One word from the call to
 * the frame: halves that are stored apart and read together stall each call. */
#define LINK_OF_C ((uint64_t)JRT_FRAME_ENTRY << 32)

static inline void push_frame(union jrt_slot *fp, uint64_t link, const struct jrt_method *method)
{
    fp[-2].word = link;
    fp[-1].word = job_offset(method);
}

#define DISPATCH() goto *labels[__atomic_load_n(&pc->op, __ATOMIC_ACQUIRE)]
#define NEXT()                                                                                     \
    do {                                                                                           \
        pc++;                                                                                      \
        DISPATCH();                                                                                \
    } while (0)
#define SYNC()                                                                                     \
    do {                                                                                           \
        jrt_frame_of(fp)->pc = (uint32_t)(pc - code->insns);                                       \
        thread->top = fp;                                                                          \
    } while (0)

bool jin_run(struct jrt_thread *thread, struct jrt_method *method, union jrt_slot *fp,
             union jrt_slot *ret_result)
{
    static const void *const labels[JIN_OP_COUNT] = {
#define JIN_OP(name, roles) &&op_##name,
#include "jvm/interpreter/jin_ops.def"
#undef JIN_OP
    };
    static const void *const entries[JIN_ENTRIES] = {
        [JIN_ENTRY_TRANSLATE] = &&entry_translate,   [JIN_ENTRY_RUN] = &&entry_run,
        [JIN_ENTRY_RUN_LOCKED] = &&entry_run_locked, [JIN_ENTRY_NATIVE] = &&entry_native,
        [JIN_ENTRY_ABSTRACT] = &&entry_abstract,     [JIN_ENTRY_INVOKE_BASIC] = &&entry_polymorphic,
        [JIN_ENTRY_LINK_TO] = &&entry_polymorphic,   [JIN_ENTRY_LEAF] = &&entry_leaf,
    };
    struct jin_code *code = NULL;
    struct jin_insn *pc = NULL;
    union jrt_slot *callee = fp; /* of a call: its first local */
    union jrt_slot result = {.word = 0};
    const struct job_array *bounds_of = NULL;
    uint64_t link = (thread->top != NULL ? (uint64_t)(thread->top - thread->stack) : 0) | LINK_OF_C;
    goto *entries[__atomic_load_n(&method->entry, __ATOMIC_ACQUIRE)];

#include "jvm/interpreter/jin_run_calls.inc"
#include "jvm/interpreter/jin_run_ops.inc"
}
