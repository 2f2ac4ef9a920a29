/*
 * The verifier: each method in one pass over its code, with the frame that the instructions before
 * left or, where one is declared, that of the StackMapTable. The order of checks is HotSpot's.
 */
#include "jvm/classfile/jcf_verify.h"

#include "base/err.h"
#include "base/memops.h"
#include "jvm/classfile/jcf_verify_priv.h"

static int bad_code_at(struct jcf_verifier *v, uint32_t at, const char *message)
{
    struct jcf_context context = {JCF_FAULT_CODE, at, 0, {0}, {0}};
    return jcf_verify_fail(v, &context, "%s", message);
}

/* ---- before the code ---- */

/* Decodes the instruction at `at`. HotSpot has opcodes of its own behind the last of Java's; it
 * steps over them when it looks for the starts of instructions, and refuses them when it comes to
 * them: so a fault of the tables about the code is told first. Those of no fixed length are refused
 * at once. */
static int decode_at(struct jcf_verifier *v, uint32_t at, struct jcf_insn *ret_insn)
{
    enum { FIRST = JCF_OP_COUNT };
    static const uint8_t lengths[] = {
        1, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 1, /* breakpoint, fields, aload_0 */
        4, 4, 4, 2, 4, 3, 3, 0, 0, 2, 3, 1, 3, 3, 3, 1, 2,       /* accesses to nofast_iload */
    };
    uint8_t op = v->code[at];
    if (op >= FIRST && op - FIRST < (int)sizeof(lengths)) {
        uint32_t length = lengths[op - FIRST];
        if (length > 0 && length <= v->code_length - at) {
            *ret_insn = (struct jcf_insn){.at = at, .op = op, .length = length};
            return 0;
        }
    }
    if (jcf_insn_decode(v->code, v->code_length, at, ret_insn) < 0) {
        return bad_code_at(v, at, "Bad instruction");
    }
    return 0;
}

/* Where instructions begin. */
static int find_starts(struct jcf_verifier *v)
{
    v->starts = st_arena_array(v->arena, uint8_t, v->code_length);
    if (v->starts == NULL) {
        return jcf_fail_memory(v->error);
    }
    for (uint32_t at = 0; at < v->code_length;) {
        struct jcf_insn insn;
        JCF_TRY(decode_at(v, at, &insn));
        v->starts[at] = insn.op == JCF_OP_NEW ? JCF_START_NEW : JCF_START_INSN;
        at += insn.length;
    }
    return 0;
}

static bool starts_at(const struct jcf_verifier *v, uint32_t at)
{
    return at < v->code_length && v->starts[at] != JCF_START_NONE;
}

static int check_handler(struct jcf_verifier *v, struct jcf_handler handler)
{
    if (!starts_at(v, handler.start)) {
        return jcf_verify_format(v, "Illegal exception table start_pc %d", handler.start);
    }
    if (handler.end != v->code_length && !starts_at(v, handler.end)) {
        return jcf_verify_format(v, "Illegal exception table end_pc %d", handler.end);
    }
    if (!starts_at(v, handler.handler)) {
        return jcf_verify_format(v, "Illegal exception table handler_pc %d", handler.handler);
    }
    if (handler.type == 0) {
        return 0;
    }
    struct jcf_vtype type = jcf_v_object(jcf_named(v->class, handler.type));
    struct jcf_vtype throwable = jcf_v_named("java/lang/Throwable");
    int fits = jcf_v_assignable(v, throwable, type, false);
    JCF_TRY(fits);
    if (fits == 0) {
        struct jcf_context context = {JCF_FAULT_TYPE,
                                      handler.handler,
                                      0,
                                      {JCF_ORIGIN_CONSTANT, handler.type, type, NULL},
                                      {JCF_ORIGIN_IMPLICIT, 0, throwable, NULL}};
        return jcf_verify_fail(v, &context,
                               "Catch type is not a subclass of Throwable in exception handler %d",
                               handler.handler);
    }
    return 0;
}

static int check_handlers(struct jcf_verifier *v)
{
    v->handlers_from = v->code_length;
    v->handlers_to = 0;
    for (uint32_t i = 0; i < jcf_handler_count(v->method); i++) {
        struct jcf_handler handler = jcf_handler_at(v->class, v->method, i);
        JCF_TRY(check_handler(v, handler));
        v->handlers_from = ST_MIN(v->handlers_from, (uint32_t)handler.start);
        v->handlers_to = ST_MAX(v->handlers_to, (uint32_t)handler.end);
    }
    return 0;
}

static int check_locals(struct jcf_verifier *v)
{
    struct jcf_local_cursor cursor = {0};
    struct jcf_local local;
    while (jcf_next_local(v->class, v->method, &cursor, &local)) {
        if (!starts_at(v, local.start)) {
            return jcf_verify_format(v, "Illegal local variable table start_pc %d", local.start);
        }
        uint32_t end = (uint32_t)local.start + local.length;
        if (end != v->code_length && !starts_at(v, end)) {
            return jcf_verify_format(v, "Illegal local variable table length %d", local.length);
        }
    }
    return 0;
}

/* The frame at the method's entry. */
static int enter(struct jcf_verifier *v)
{
    const struct jcf_method *method = v->method;
    v->now = (struct jcf_vframe){
        .locals = st_arena_array(v->arena, struct jcf_vtype, method->max_locals),
        .stack = st_arena_array(v->arena, struct jcf_vtype, method->max_stack),
    };
    if (v->now.locals == NULL || v->now.stack == NULL) {
        return jcf_fail_memory(v->error);
    }
    uint32_t at = 0;
    if ((method->flags & JCF_ACC_STATIC) == 0) {
        bool uninit = v->is_init && !jcf_text_is(jcf_v_name(v->this_type), "java/lang/Object");
        v->now.this_uninit = uninit;
        v->now.locals[at++] = uninit ? jcf_v(JCF_V_UNINIT_THIS) : v->this_type;
    }
    struct jcf_type_cursor cursor = jcf_types_of(v->descriptor);
    struct jcf_type type;
    /* In a class parsed as trusted a V may stand among the arguments: it takes no slot. */
    while (jcf_next_argument(&cursor, &type) && at + ST_MAX(type.slots, 1) <= method->max_locals) {
        v->now.locals[at] = jcf_v_of(&type);
        if (type.slots == 2) {
            v->now.locals[at + 1] = jcf_v_second(v->now.locals[at]);
        }
        at += type.slots;
    }
    v->now.locals_size = at;
    jcf_result(&cursor, &type);
    v->result = jcf_v_of(&type);
    return 0;
}

/* ---- the code ---- */

static int verify_insn_at(struct jcf_verifier *v, uint32_t at, uint32_t *map)
{
    JCF_TRY(decode_at(v, at, &v->insn));
    v->now.offset = at;
    v->was_uninit = false;
    v->stack_before = v->now.stack_size;
    JCF_TRY(jcf_verify_arrive(v, map));
    v->stack_before = v->now.stack_size;
    if (v->insn.op >= JCF_OP_COUNT) {
        struct jcf_context context = {JCF_FAULT_CODE, at, 0, {0}, {0}};
        return jcf_verify_fail(v, &context, "Bad instruction: %02x", v->insn.op);
    }
    bool may_throw = at >= v->handlers_from && at < v->handlers_to;
    bool stores = (jcf_ops[v->insn.op].facts & JCF_FACT_STORE) != 0 && v->insn.op != JCF_OP_IINC;
    if (may_throw && stores) { /* with the locals before the store */
        JCF_TRY(jcf_verify_handlers(v));
    }
    JCF_TRY(jcf_verify_insn(v));
    if (may_throw && !stores) {
        JCF_TRY(jcf_verify_handlers(v));
    }
    return 0;
}

static int verify_method(struct jcf_verifier *v)
{
    JCF_TRY(enter(v));
    JCF_TRY(find_starts(v));
    JCF_TRY(check_handlers(v));
    JCF_TRY(check_locals(v));
    JCF_TRY(jcf_verify_maps(v));
    uint32_t map = 0;
    v->falls = true;
    for (uint32_t at = 0; at < v->code_length; at += v->insn.length) {
        JCF_TRY(verify_insn_at(v, at, &map));
    }
    if (v->falls) {
        return bad_code_at(v, v->code_length, "Control flow falls through code end");
    }
    return 0;
}

int jcf_verify(const struct jcf_class *class, const struct jcf_verify_env *env,
               struct st_arena *arena, struct jcf_error *ret_error)
{
    struct jcf_error error = {0};
    for (uint32_t i = 0; i < class->method_count; i++) {
        const struct jcf_method *method = &class->methods[i];
        if (method->code.length == 0) {
            continue;
        }
        struct st_arena_mark mark = st_arena_mark(arena);
        struct jcf_verifier verifier = {
            .class = class,
            .env = env,
            .arena = arena,
            .error = &error,
            .this_type = jcf_v_object(jcf_class_name(class)),
            .super_name = jcf_super_name(class),
            .method = method,
            .name = jcf_utf8(class, method->name),
            .descriptor = jcf_utf8(class, method->descriptor),
            .code = class->bytes + method->code.at,
            .code_length = method->code.length,
        };
        verifier.is_init = jcf_text_is(verifier.name, "<init>");
        int r = verify_method(&verifier);
        if (r < 0) {
            *ret_error = error;
            return r;
        }
        st_arena_rewind(arena, mark);
    }
    return 0;
}
