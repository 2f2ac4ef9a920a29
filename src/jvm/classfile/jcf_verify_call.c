/* Fields and calls, with the rules of protected members and of constructors (JVMS 17 4.10.1.8). */
#include "base/err.h"
#include "base/memops.h"
#include "jvm/classfile/jcf_verify_priv.h"

enum { MAJOR_DYNAMIC = 51, MAJOR_STATIC_INTERFACE = 52 };

static int bad_code(struct jcf_verifier *v, const char *message)
{
    struct jcf_context context = {JCF_FAULT_CODE, v->insn.at, 0, {0}, {0}};
    return jcf_verify_fail(v, &context, "%s", message);
}

static struct jcf_origin from_constant(uint16_t index, struct jcf_vtype type)
{
    return (struct jcf_origin){JCF_ORIGIN_CONSTANT, index, type, NULL};
}

static struct jcf_origin implicit(struct jcf_vtype type)
{
    return (struct jcf_origin){JCF_ORIGIN_IMPLICIT, 0, type, NULL};
}

static struct jcf_origin popped(const struct jcf_verifier *v, struct jcf_vtype type)
{
    return (struct jcf_origin){JCF_ORIGIN_STACK, v->now.stack_size, type, &v->now};
}

static int pending(struct jcf_verifier *v, int result)
{
    if (result < 0) {
        *v->error = (struct jcf_error){.kind = JCF_ERROR_PENDING};
        return -ST_ECORRUPT;
    }
    return result;
}

/* Is the member, if it is a protected one of a superclass in another package, used on what is at
 * least of this class? 1: yes, or it is no such member. */
static int protected_use_good(struct jcf_verifier *v, const struct jcf_member *member,
                              bool is_method, struct jcf_vtype receiver)
{
    if (jcf_v_same(receiver, v->this_type)) {
        return 1;
    }
    void *context = v->env->context;
    int r = pending(v, v->env->is_superclass(context, member->class_name));
    if (r <= 0) {
        return r < 0 ? r : 1;
    }
    r = pending(v, v->env->is_protected_elsewhere(context, member, is_method));
    if (r <= 0) {
        return r < 0 ? r : 1;
    }
    if (is_method && jcf_v_is_array(receiver) && jcf_text_is(member->name, "clone") &&
        jcf_text_is(member->class_name, "java/lang/Object")) {
        return 1; /* which arrays make public */
    }
    return jcf_v_assignable(v, v->this_type, receiver, true);
}

/* ---- fields ---- */

/* A field of this class may be set before the superclass's constructor has run. */
static struct jcf_vtype putfield_receiver(struct jcf_verifier *v, const struct jcf_member *member,
                                          struct jcf_vtype receiver)
{
    if (receiver.kind == JCF_V_UNINIT_THIS &&
        jcf_text_same(member->class_name, jcf_v_name(v->this_type)) &&
        jcf_find_field(v->class, member->name, member->descriptor) != NULL) {
        return v->this_type;
    }
    return receiver;
}

static int field_receiver(struct jcf_verifier *v, const struct jcf_member *member)
{
    struct jcf_vtype of = jcf_v_object(member->class_name);
    struct jcf_vtype receiver;
    if (v->insn.op == JCF_OP_PUTFIELD) {
        JCF_TRY(jcf_v_pop_slot(v, &receiver));
        struct jcf_vtype is = putfield_receiver(v, member, receiver);
        int fits = jcf_v_assignable(v, of, is, false);
        JCF_TRY(fits);
        if (fits == 0) {
            struct jcf_context context = {JCF_FAULT_TYPE, v->insn.at, 0, popped(v, receiver),
                                          from_constant(v->insn.index, of)};
            return jcf_verify_fail(v, &context, "Bad type on operand stack in putfield");
        }
        receiver = is;
    } else {
        JCF_TRY(jcf_v_pop(v, of, &receiver));
    }
    int good = protected_use_good(v, member, false, receiver);
    JCF_TRY(good);
    if (good == 0) {
        struct jcf_context context = {JCF_FAULT_TYPE, v->insn.at, 0, popped(v, receiver),
                                      implicit(v->this_type)};
        return jcf_verify_fail(v, &context, "Bad access to protected data in %s",
                               jcf_ops[v->insn.op].text);
    }
    return 0;
}

int jcf_verify_field(struct jcf_verifier *v)
{
    JCF_TRY(jcf_verify_constant(v, v->insn.index, UINT32_C(1) << JCF_TAG_FIELD));
    struct jcf_member member = jcf_member_at(v->class, v->insn.index);
    struct jcf_vtype of = jcf_v_object(member.class_name);
    if (jcf_v_is_array(of)) {
        struct jcf_text name = jcf_class_name(v->class);
        struct jcf_context context = {
            JCF_FAULT_TYPE, v->insn.at, 0, from_constant(v->insn.index, of), {0}};
        return jcf_verify_fail(v, &context,
                               "Expecting reference to class in class %.*s at constant pool index "
                               "%d",
                               JCF_TEXT(name), v->insn.index);
    }
    struct jcf_type_cursor cursor = jcf_types_of(member.descriptor);
    struct jcf_type type = {0};
    if (!jcf_next_argument(&cursor, &type)) {
        return bad_code(v, "Bad instruction");
    }
    struct jcf_vtype value = jcf_v_of(&type);
    struct jcf_vtype ignored;
    bool puts = v->insn.op == JCF_OP_PUTFIELD || v->insn.op == JCF_OP_PUTSTATIC;
    if (puts) {
        JCF_TRY(jcf_v_pop(v, value, &ignored));
    }
    if (v->insn.op == JCF_OP_GETFIELD || v->insn.op == JCF_OP_PUTFIELD) {
        JCF_TRY(field_receiver(v, &member));
    }
    return puts ? 0 : jcf_v_push(v, value);
}

/* ---- constructors ---- */

/* Marks a pc to be walked from; false: it has been, or none is there. */
static bool walk_to(uint8_t *seen, uint16_t *pending_pcs, uint32_t *count, int64_t pc,
                    uint32_t length)
{
    if (pc < 0 || pc >= length || seen[pc] != 0) {
        return false;
    }
    seen[pc] = 1;
    pending_pcs[(*count)++] = (uint16_t)pc;
    return true;
}

struct walk {
    struct jcf_verifier *v;
    uint8_t *seen;
    uint16_t *pcs;
    uint32_t count;
};

static void walk_on(struct walk *w, const struct jcf_insn *insn)
{
    uint32_t length = w->v->code_length;
    uint16_t facts = jcf_ops[insn->op].facts;
    if ((facts & (JCF_FACT_BRANCH | JCF_FACT_SWITCH)) != 0) {
        walk_to(w->seen, w->pcs, &w->count, (int64_t)insn->at + insn->value, length);
    }
    for (uint32_t i = 0; i < insn->count && (facts & JCF_FACT_SWITCH) != 0; i++) {
        int64_t target = (int64_t)insn->at + jcf_switch_entry(w->v->code, insn, i).distance;
        walk_to(w->seen, w->pcs, &w->count, target, length);
    }
    if (insn->op == JCF_OP_ATHROW) {
        for (uint32_t i = 0; i < jcf_handler_count(w->v->method); i++) {
            struct jcf_handler handler = jcf_handler_at(w->v->class, w->v->method, i);
            if (insn->at >= handler.start && insn->at < handler.end) {
                walk_to(w->seen, w->pcs, &w->count, handler.handler, length);
            }
        }
    }
    if ((facts & JCF_FACT_ENDS) == 0) {
        walk_to(w->seen, w->pcs, &w->count, (int64_t)insn->at + insn->length, length);
    }
}

/* Does no way from `pc` on lead to a return? (A loop without end leads to none.) */
static int never_returns(struct jcf_verifier *v, uint32_t pc)
{
    struct st_arena_mark mark = st_arena_mark(v->arena);
    struct walk w = {v, st_arena_array(v->arena, uint8_t, v->code_length),
                     st_arena_array(v->arena, uint16_t, v->code_length), 0};
    if (w.seen == NULL || w.pcs == NULL) {
        return jcf_fail_memory(v->error);
    }
    walk_to(w.seen, w.pcs, &w.count, pc, v->code_length);
    int result = 1;
    while (w.count > 0 && result == 1) {
        struct jcf_insn insn;
        if (jcf_insn_decode(v->code, v->code_length, w.pcs[--w.count], &insn) < 0 ||
            (jcf_ops[insn.op].facts & JCF_FACT_RETURN) != 0) {
            result = 0;
        } else {
            walk_on(&w, &insn);
        }
    }
    st_arena_rewind(v->arena, mark);
    return result;
}

/* Where a constructor calls another inside a try block, the handlers must not return: the object
 * would be half made. */
static int check_try_around_init(struct jcf_verifier *v)
{
    for (uint32_t i = 0; i < jcf_handler_count(v->method); i++) {
        struct jcf_handler handler = jcf_handler_at(v->class, v->method, i);
        if (v->insn.at < handler.start || v->insn.at >= handler.end) {
            continue;
        }
        int never = never_returns(v, handler.handler);
        JCF_TRY(never);
        if (never == 0) {
            return bad_code(v, "Bad <init> method call from after the start of a try block");
        }
    }
    return 0;
}

static void initialize(struct jcf_verifier *v, struct jcf_vtype from, struct jcf_vtype to)
{
    for (uint32_t i = 0; i < v->now.locals_size; i++) {
        if (jcf_v_same(v->now.locals[i], from)) {
            v->now.locals[i] = to;
        }
    }
    for (uint32_t i = 0; i < v->now.stack_size; i++) {
        if (jcf_v_same(v->now.stack[i], from)) {
            v->now.stack[i] = to;
        }
    }
    if (from.kind == JCF_V_UNINIT_THIS) {
        v->now.this_uninit = false;
    }
}

static int init_this(struct jcf_verifier *v, struct jcf_vtype of, struct jcf_vtype receiver)
{
    if (!jcf_v_same(of, v->this_type) && !jcf_text_same(jcf_v_name(of), v->super_name)) {
        struct jcf_context context = {JCF_FAULT_TYPE, v->insn.at, 0, implicit(of),
                                      implicit(v->this_type)};
        return jcf_verify_fail(v, &context, "Bad <init> method call");
    }
    JCF_TRY(check_try_around_init(v));
    initialize(v, receiver, v->this_type);
    v->was_uninit = true;
    return 0;
}

static int init_new(struct jcf_verifier *v, const struct jcf_member *member,
                    struct jcf_vtype receiver)
{
    struct jcf_vtype of = jcf_v_object(member->class_name);
    if ((uint32_t)receiver.bci + 3 > v->code_length || v->code[receiver.bci] != JCF_OP_NEW) {
        return bad_code(v, "Expecting new instruction");
    }
    uint16_t index = jcf_u2(v->code + receiver.bci + 1);
    JCF_TRY(jcf_verify_constant(v, index, UINT32_C(1) << JCF_TAG_CLASS));
    struct jcf_vtype made = jcf_v_object(jcf_named(v->class, index));
    if (!jcf_v_same(made, of)) {
        struct jcf_context context = {JCF_FAULT_TYPE, v->insn.at, 0, from_constant(index, made),
                                      from_constant(v->insn.index, of)};
        return jcf_verify_fail(v, &context, "Call to wrong <init> method");
    }
    int good = protected_use_good(v, member, true, made);
    JCF_TRY(good);
    if (good == 0) {
        struct jcf_context context = {JCF_FAULT_TYPE, v->insn.at, 0, from_constant(index, made),
                                      implicit(v->this_type)};
        return jcf_verify_fail(v, &context, "Bad access to protected <init> method");
    }
    if (v->insn.at >= v->handlers_from && v->insn.at < v->handlers_to) {
        JCF_TRY(jcf_verify_handlers(v));
    }
    initialize(v, receiver, made);
    return 0;
}

static int call_init(struct jcf_verifier *v, const struct jcf_member *member)
{
    struct jcf_vtype receiver;
    JCF_TRY(jcf_v_pop(v, jcf_v(JCF_V_REFERENCE), &receiver));
    if (receiver.kind == JCF_V_UNINIT_THIS) {
        return init_this(v, jcf_v_object(member->class_name), receiver);
    }
    if (receiver.kind == JCF_V_UNINIT) {
        return init_new(v, member, receiver);
    }
    struct jcf_context context = {JCF_FAULT_TYPE, v->insn.at, 0, popped(v, receiver), {0}};
    return jcf_verify_fail(v, &context, "Bad operand type when invoking <init>");
}

/* ---- calls ---- */

static bool is_direct_interface(const struct jcf_class *class, struct jcf_text name)
{
    for (uint32_t i = 0; i < class->interface_count; i++) {
        if (jcf_text_same(jcf_named(class, class->interfaces[i]), name)) {
            return true;
        }
    }
    return false;
}

/* invokespecial of a method: of this class, of a superclass or of a direct superinterface. */
static int check_special(struct jcf_verifier *v, const struct jcf_member *member)
{
    struct jcf_vtype of = jcf_v_object(member->class_name);
    if (jcf_v_same(of, v->this_type) || jcf_text_same(member->class_name, v->super_name) ||
        is_direct_interface(v->class, member->class_name)) {
        return 0;
    }
    int fits = jcf_v_assignable(v, of, v->this_type, false);
    JCF_TRY(fits);
    if (fits == 0) {
        return bad_code(v, "Bad invokespecial instruction: current class isn't assignable to "
                           "reference class.");
    }
    if (v->class->tags[v->insn.index] == JCF_TAG_INTERFACE_METHOD) {
        return bad_code(v, "Bad invokespecial instruction: interface method reference is in an "
                           "indirect superinterface.");
    }
    return 0;
}

static int check_operand(struct jcf_verifier *v)
{
    uint32_t tags = UINT32_C(1) << JCF_TAG_METHOD;
    switch (v->insn.op) {
    case JCF_OP_INVOKEINTERFACE:
        tags = UINT32_C(1) << JCF_TAG_INTERFACE_METHOD;
        break;
    case JCF_OP_INVOKEDYNAMIC:
        tags = UINT32_C(1) << JCF_TAG_INVOKE_DYNAMIC;
        if (v->class->major < MAJOR_DYNAMIC) {
            struct jcf_text name = jcf_class_name(v->class);
            return jcf_verify_format(v,
                                     "invokedynamic instructions not supported by this class file "
                                     "version (%d), class %.*s",
                                     v->class->major, JCF_TEXT(name));
        }
        break;
    case JCF_OP_INVOKESPECIAL:
    case JCF_OP_INVOKESTATIC:
        if (v->class->major >= MAJOR_STATIC_INTERFACE) {
            tags |= UINT32_C(1) << JCF_TAG_INTERFACE_METHOD;
        }
        break;
    default:
        break;
    }
    return jcf_verify_constant(v, v->insn.index, tags);
}

/* The bytes behind the index, and names with < that may not be called. */
static int check_form(struct jcf_verifier *v, const struct jcf_member *member, uint32_t slots)
{
    const uint8_t *at = v->code + v->insn.at;
    if (v->insn.op == JCF_OP_INVOKEINTERFACE) {
        if (at[3] != slots + 1) {
            return bad_code(v, "Inconsistent args count operand in invokeinterface");
        }
        if (at[4] != 0) {
            return bad_code(v, "Fourth operand byte of invokeinterface must be zero");
        }
    }
    if (v->insn.op == JCF_OP_INVOKEDYNAMIC && (at[3] != 0 || at[4] != 0)) {
        return bad_code(v, "Third and fourth operand bytes of invokedynamic must be zero");
    }
    if (member->name.length > 0 && member->name.data[0] == '<') {
        if (v->insn.op != JCF_OP_INVOKESPECIAL || !jcf_text_is(member->name, "<init>")) {
            return bad_code(v, "Illegal call to internal method");
        }
        return 0;
    }
    return v->insn.op == JCF_OP_INVOKESPECIAL ? check_special(v, member) : 0;
}

/* Pops the arguments, the last first. */
static int pop_arguments(struct jcf_verifier *v, struct jcf_text descriptor, uint32_t count)
{
    struct st_arena_mark mark = st_arena_mark(v->arena);
    struct jcf_vtype *types = st_arena_array(v->arena, struct jcf_vtype, count);
    if (types == NULL) {
        return jcf_fail_memory(v->error);
    }
    struct jcf_type_cursor cursor = jcf_types_of(descriptor);
    struct jcf_type type;
    for (uint32_t i = 0; i < count && jcf_next_argument(&cursor, &type); i++) {
        types[i] = jcf_v_of(&type);
    }
    struct jcf_vtype ignored;
    while (count > 0) {
        JCF_TRY(jcf_v_pop(v, types[--count], &ignored));
    }
    st_arena_rewind(v->arena, mark);
    return 0;
}

static int pop_receiver(struct jcf_verifier *v, const struct jcf_member *member)
{
    struct jcf_vtype receiver;
    if (jcf_text_is(member->name, "<init>")) {
        return call_init(v, member);
    }
    if (v->insn.op == JCF_OP_INVOKESPECIAL) {
        return jcf_v_pop(v, v->this_type, &receiver);
    }
    JCF_TRY(jcf_v_pop(v, jcf_v_object(member->class_name), &receiver));
    if (v->insn.op != JCF_OP_INVOKEVIRTUAL) {
        return 0;
    }
    int good = protected_use_good(v, member, true, receiver);
    JCF_TRY(good);
    if (good == 0) {
        struct jcf_context context = {JCF_FAULT_TYPE, v->insn.at, 0, popped(v, receiver),
                                      implicit(v->this_type)};
        return jcf_verify_fail(v, &context, "Bad access to protected data in invokevirtual");
    }
    return 0;
}

int jcf_verify_invoke(struct jcf_verifier *v)
{
    JCF_TRY(check_operand(v));
    struct jcf_member member = jcf_member_at(v->class, v->insn.index);
    struct jcf_signature signature;
    jcf_signature_of(member.descriptor, &signature);
    JCF_TRY(check_form(v, &member, signature.slots));
    JCF_TRY(pop_arguments(v, member.descriptor, signature.arguments));
    if (v->insn.op != JCF_OP_INVOKESTATIC && v->insn.op != JCF_OP_INVOKEDYNAMIC) {
        JCF_TRY(pop_receiver(v, &member));
    }
    if (signature.result.kind == 'V') {
        return 0;
    }
    return jcf_v_push(v, jcf_v_of(&signature.result));
}
