/*
 * Instructions that name the constant pool are written unresolved; the first thread that runs one
 * comes here, has it resolved, writes what came of it into the site and then replaces the
 * instruction, under a lock, at once (64 bits). An instruction whose class is still being
 * initialized by this very thread stays as it is: other threads have to wait for the class when
 * they come to it.
 */
#include <pthread.h>
#include <string.h>

#include "base/assert.h"
#include "jvm/classfile/jcf_bytecode.h"
#include "jvm/classfile/jcf_flags.h"
#include "jvm/interpreter/jin_priv.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_throw.h"

enum { FAR_OFFSET = 1 << 16 };

static pthread_mutex_t replacing = PTHREAD_MUTEX_INITIALIZER;

/* What is resolved. */
struct work {
    struct jrt_thread *thread;
    struct jin_code *code;
    struct jin_insn *at;
    struct jin_insn insn; /* as it was */
    struct jin_site *site;
    struct jrt_method *method;
    struct jrt_class *class; /* whose pool it is */
    union jrt_slot *fp;
};

static struct jin_insn load(struct jin_insn *at)
{
    uint64_t word = __atomic_load_n((uint64_t *)at, __ATOMIC_ACQUIRE);
    struct jin_insn insn;
    memcpy(&insn, &word, sizeof insn);
    return insn;
}

/* Replaces the instruction and fills its site in, unless another thread did. */
static enum jin_resolved replace(const struct work *w, struct jin_insn insn, struct jin_site site)
{
    uint64_t word;
    memcpy(&word, &insn, sizeof word);
    pthread_mutex_lock(&replacing);
    if (load(w->at).op == w->insn.op) {
        w->site->at = site.at;
        w->site->extra = site.extra;
        w->site->cached = site.cached;
        __atomic_store_n((uint64_t *)w->at, word, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&replacing);
    return JIN_RESOLVED_AGAIN;
}

static struct jin_insn with_op(const struct work *w, enum jin_op op)
{
    struct jin_insn insn = w->insn;
    insn.op = (uint16_t)op;
    return insn;
}

static enum jin_resolved resolve_constant(const struct work *w)
{
    union jrt_slot value = {.word = 0};
    enum jrt_type type;
    uint32_t kept;
    if (!jrt_resolve_constant(w->thread, w->class, w->site->pool_index, &value, &type, &kept)) {
        return JIN_RESOLVED_FAILED;
    }
    if (kept != 0) {
        return replace(w, with_op(w, JIN_LDC_REF), (struct jin_site){.at = kept});
    }
    return replace(
        w, with_op(w, JIN_LDC_WORD),
        (struct jin_site){.at = (uint32_t)value.word, .extra = (uint32_t)(value.word >> 32)});
}

/* Which of the five widths (B C S W L) a type's reads are, as distance from the first. */
static int read_kind(uint8_t type)
{
    switch (type) {
    case JRT_BOOLEAN:
    case JRT_BYTE:
        return 0;
    case JRT_CHAR:
        return 1;
    case JRT_SHORT:
        return 2;
    case JRT_LONG:
    case JRT_DOUBLE:
        return 4;
    default:
        return 3;
    }
}

/* Of writes: Z B C W L A. */
static int write_kind(uint8_t type)
{
    switch (type) {
    case JRT_BOOLEAN:
        return 0;
    case JRT_BYTE:
        return 1;
    case JRT_CHAR:
    case JRT_SHORT:
        return 2;
    case JRT_LONG:
    case JRT_DOUBLE:
        return 4;
    case JRT_OBJECT:
    case JRT_ARRAY:
        return 5;
    default:
        return 3;
    }
}

static enum jin_resolved resolve_get(const struct work *w)
{
    const struct jrt_field *field =
        jrt_resolve_field(w->thread, w->class, w->site->pool_index, JRT_GETFIELD, w->method);
    if (field == NULL) {
        return JIN_RESOLVED_FAILED;
    }
    struct jin_site site = {.at = job_offset(field), .extra = field->offset};
    if (field->offset >= FAR_OFFSET) {
        return replace(w, with_op(w, JIN_GET_FAR), site);
    }
    struct jin_insn insn = with_op(w, (enum jin_op)(JIN_GET_B + read_kind(field->type)));
    insn.c = (uint16_t)field->offset;
    return replace(w, insn, site);
}

static enum jin_resolved resolve_put(const struct work *w)
{
    const struct jrt_field *field =
        jrt_resolve_field(w->thread, w->class, w->site->pool_index, JRT_PUTFIELD, w->method);
    if (field == NULL) {
        return JIN_RESOLVED_FAILED;
    }
    struct jin_site site = {.at = job_offset(field), .extra = field->offset};
    if (field->offset >= FAR_OFFSET || (field->access & JCF_ACC_VOLATILE) != 0) {
        return replace(w, with_op(w, JIN_PUT_FAR), site);
    }
    struct jin_insn insn = with_op(w, (enum jin_op)(JIN_PUT_Z + write_kind(field->type)));
    insn.b = (uint16_t)field->offset;
    return replace(w, insn, site);
}

static enum jin_resolved resolve_static(const struct work *w, bool put)
{
    enum jrt_field_use use = put ? JRT_PUTSTATIC : JRT_GETSTATIC;
    struct jrt_field *field =
        jrt_resolve_field(w->thread, w->class, w->site->pool_index, use, w->method);
    if (field == NULL) {
        return JIN_RESOLVED_FAILED;
    }
    struct jrt_class *class = jrt_class_at(field->class_at);
    if (!jrt_init_class(w->thread, class)) {
        return JIN_RESOLVED_FAILED;
    }
    struct jin_site site = {.at = job_offset(field), .extra = field->offset};
    if (!jrt_is_initialized(class)) {
        if (put) {
            jin_put_far(&site, jrt_mirror(class), &w->fp[w->insn.b]);
        } else {
            jin_get_far(&site, jrt_mirror(class), &w->fp[w->insn.a]);
        }
        return JIN_RESOLVED_DONE;
    }
    if (put && (field->access & JCF_ACC_VOLATILE) != 0) {
        return replace(w, with_op(w, JIN_PUTS_FAR), site);
    }
    site.at = field->class_at;
    return replace(w,
                   with_op(w, (enum jin_op)(put ? JIN_PUTS_Z + write_kind(field->type)
                                                : JIN_GETS_B + read_kind(field->type))),
                   site);
}

static enum jin_resolved resolve_new(const struct work *w)
{
    struct jrt_class *class = jrt_resolve_class(w->thread, w->class, w->site->pool_index);
    if (class == NULL) {
        return JIN_RESOLVED_FAILED;
    }
    if (!jrt_check_instances(w->thread, class, true) || !jrt_init_class(w->thread, class)) {
        return JIN_RESOLVED_FAILED;
    }
    if (!jrt_is_initialized(class)) {
        struct job_object *made = jrt_new(w->thread, class);
        w->fp[w->insn.a].word = job_to_ref(made).word;
        return made == NULL ? JIN_RESOLVED_FAILED : JIN_RESOLVED_DONE;
    }
    return replace(w, with_op(w, JIN_NEW), (struct jin_site){.at = job_offset(class)});
}

static enum jin_resolved resolve_class(const struct work *w, enum jin_op op)
{
    struct jrt_class *class = jrt_resolve_class(w->thread, w->class, w->site->pool_index);
    if (class != NULL && op == JIN_NEW_REFS) {
        class = jrt_array_class(w->thread, class);
    }
    if (class == NULL) {
        return JIN_RESOLVED_FAILED;
    }
    return replace(w, with_op(w, op), (struct jin_site){.at = job_offset(class)});
}

/* checkcast and instanceof of null name no class. */
static enum jin_resolved resolve_check(const struct work *w, bool cast)
{
    if (w->fp[cast ? w->insn.a : w->insn.b].ref.word == 0) {
        if (!cast) {
            w->fp[w->insn.a].word = 0;
        }
        return JIN_RESOLVED_DONE;
    }
    return resolve_class(w, cast ? JIN_CAST : JIN_INSTANCE);
}

static enum jin_resolved handle_call(const struct work *w, const struct jrt_call_target *target,
                                     bool receiver)
{
    if (!jrt_init_class(w->thread, jrt_class_at(target->method->class_at))) {
        return JIN_RESOLVED_FAILED;
    }
    if (receiver) { /* what the collector knows of the frame is of a call without an appendix */
        __atomic_store_n(&w->code->live, 0, __ATOMIC_RELAXED);
    }
    return replace(w, with_op(w, JIN_CALL_HANDLE),
                   (struct jin_site){.at = job_offset(target->method),
                                     .extra = target->appendix_index,
                                     .cached = receiver ? JIN_HANDLE_HAS_RECEIVER : 0});
}

static enum jin_resolved checked_call(const struct work *w, const struct jrt_call_target *target,
                                      enum jrt_invoke invoke)
{
    uint32_t flags = invoke == JRT_INVOKESPECIAL ? JIN_CHECKED_SPECIAL : 0;
    flags |= target->kind == JRT_CALL_VIRTUAL ? JIN_CHECKED_VIRTUAL : 0;
    return replace(w, with_op(w, JIN_CALL_CHECKED),
                   (struct jin_site){.at = job_offset(target->method),
                                     .extra = job_offset(target->receiver_check),
                                     .cached = flags});
}

static enum jin_resolved direct_call(const struct work *w, const struct jrt_call_target *target,
                                     struct jrt_method **ret_method)
{
    struct jrt_class *class = jrt_class_at(target->method->class_at);
    struct jin_site site = {.at = job_offset(target->method)};
    if ((target->method->access & JCF_ACC_STATIC) == 0) {
        return replace(w, with_op(w, JIN_CALL_DIRECT), site);
    }
    if (target->kind == JRT_CALL_DIRECT && !jrt_init_class(w->thread, class)) {
        return JIN_RESOLVED_FAILED;
    }
    if (target->kind == JRT_CALL_DIRECT && !jrt_is_initialized(class)) {
        *ret_method = target->method;
        return JIN_RESOLVED_CALL;
    }
    site.extra = jin_leaf(target->method);
    return replace(w, with_op(w, site.extra != 0 ? JIN_CALL_LEAF : JIN_CALL_STATIC), site);
}

static enum jin_resolved resolve_call(const struct work *w, struct jrt_method **ret_method)
{
    static const uint8_t invokes[] = {
        [JCF_OP_INVOKEVIRTUAL - JCF_OP_INVOKEVIRTUAL] = JRT_INVOKEVIRTUAL,
        [JCF_OP_INVOKESPECIAL - JCF_OP_INVOKEVIRTUAL] = JRT_INVOKESPECIAL,
        [JCF_OP_INVOKESTATIC - JCF_OP_INVOKEVIRTUAL] = JRT_INVOKESTATIC,
        [JCF_OP_INVOKEINTERFACE - JCF_OP_INVOKEVIRTUAL] = JRT_INVOKEINTERFACE};
    struct jrt_call_target target;
    enum jrt_invoke invoke = (enum jrt_invoke)invokes[w->insn.c - JCF_OP_INVOKEVIRTUAL];
    if (!jrt_resolve_method(w->thread, w->class, w->site->pool_index, invoke, &target)) {
        return JIN_RESOLVED_FAILED;
    }
    struct jin_insn insn;
    if (target.receiver_check != NULL) {
        return checked_call(w, &target, invoke);
    }
    switch (target.kind) {
    case JRT_CALL_DIRECT:
    case JRT_CALL_POLYMORPHIC:
        return direct_call(w, &target, ret_method);
    case JRT_CALL_VIRTUAL:
        insn = with_op(w, JIN_CALL_VIRTUAL);
        insn.c = (uint16_t)target.index;
        return replace(w, insn, (struct jin_site){.at = job_offset(target.method)});
    case JRT_CALL_INTERFACE:
        return replace(w, with_op(w, JIN_CALL_INTERFACE),
                       (struct jin_site){.at = job_offset(target.method)});
    case JRT_CALL_HANDLE:
        return handle_call(w, &target, true);
    }
    ST_UNREACHABLE();
}

static enum jin_resolved resolve_dynamic(const struct work *w)
{
    struct jrt_call_target target;
    uint32_t bytecode_index = jin_bytecode_index(w->code, (uint32_t)(w->at - w->code->insns));
    if (!jrt_resolve_call_site(w->thread, w->method, bytecode_index, w->site->pool_index,
                               &target)) {
        return JIN_RESOLVED_FAILED;
    }
    return handle_call(w, &target, false);
}

static uint16_t site_index(const struct jin_insn *insn)
{
    switch (insn->op) {
    case JIN_PUTS_U:
        return insn->a;
    case JIN_GET_U:
    case JIN_NEW_REFS_U:
    case JIN_INSTANCE_U:
        return insn->c;
    default:
        return insn->b;
    }
}

enum jin_resolved jin_resolve(struct jrt_thread *thread, struct jin_code *code,
                              struct jin_insn *insn, union jrt_slot *fp,
                              struct jrt_method **ret_method)
{
    struct work w = {.thread = thread, .code = code, .at = insn, .insn = load(insn), .fp = fp};
    w.site = &jin_sites(code)[site_index(&w.insn)];
    w.method = jrt_method_at(code->method);
    w.class = jrt_class_at(w.method->class_at);
    switch (w.insn.op) {
    case JIN_LDC_U:
        return resolve_constant(&w);
    case JIN_GET_U:
        return resolve_get(&w);
    case JIN_PUT_U:
        return resolve_put(&w);
    case JIN_GETS_U:
        return resolve_static(&w, false);
    case JIN_PUTS_U:
        return resolve_static(&w, true);
    case JIN_NEW_U:
        return resolve_new(&w);
    case JIN_NEW_REFS_U:
        return resolve_class(&w, JIN_NEW_REFS);
    case JIN_NEW_MULTI_U:
        return resolve_class(&w, JIN_NEW_MULTI);
    case JIN_CAST_U:
        return resolve_check(&w, true);
    case JIN_INSTANCE_U:
        return resolve_check(&w, false);
    case JIN_CALL_U:
        return resolve_call(&w, ret_method);
    case JIN_CALL_DYNAMIC_U:
        return resolve_dynamic(&w);
    default:
        return JIN_RESOLVED_AGAIN; /* another thread was faster */
    }
}
