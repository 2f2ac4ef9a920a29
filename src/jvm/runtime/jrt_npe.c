/*
 * Helpful messages of NullPointerExceptions that the machine threw (JEP 358): what could not be
 * done, and which expression was null.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/heap.h"
#include "jvm/classfile/jcf_code.h"
#include "jvm/runtime/jrt_class_priv.h"
#include "jvm/runtime/jrt_file.h"
#include "jvm/runtime/jrt_flow.h"
#include "jvm/runtime/jrt_message.h"
#include "jvm/runtime/jrt_pool.h"
#include "jvm/runtime/jrt_stack.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_throw.h"

enum { SCRATCH_MAX = 64 << 20, TEXT_MAX = 1 << 16, DETAIL_MAX = 5 };

struct telling {
    const struct jrt_flow *flow;
    const struct jrt_class *in;
    struct st_buf text;
};

/* java.lang.Object and java.lang.String are told without their package. */
static const char *short_name(const char *name)
{
    return strcmp(name, "java.lang.Object") == 0 || strcmp(name, "java.lang.String") == 0
               ? name + 10
               : name;
}

static void tell_type(struct telling *t, const char **at)
{
    char text[JRT_MESSAGE_BYTES];
    *at = jrt_type_text(*at, text, sizeof(text));
    size_t length = strcspn(text, "[");
    char brackets[JRT_MESSAGE_BYTES];
    memcpy(brackets, text + length, strlen(text + length) + 1);
    text[length] = 0;
    st_buf_text(&t->text, short_name(text));
    st_buf_text(&t->text, brackets);
}

static void tell_class(struct telling *t, job_offset_t name)
{
    char text[JRT_MESSAGE_BYTES];
    struct jrt_class named = {.name = name};
    st_buf_text(&t->text, short_name(jrt_external_name(&named, text, sizeof(text))));
}

static bool member_of(const struct telling *t, const struct jcf_insn *insn,
                      struct jrt_member_name *ret_member)
{
    return jrt_pool_member(t->in, insn->index, ret_member);
}

static void tell_method(struct telling *t, const struct jrt_member_name *member)
{
    const char *at = jrt_text(member->descriptor) + 1;
    if (member->class_name) {
        tell_class(t, member->class_name);
        st_buf_char(&t->text, '.');
    }
    st_buf_printf(&t->text, "%s(", jrt_text(member->name));
    while (*at && *at != ')') {
        tell_type(t, &at);
        if (*at != ')') {
            st_buf_text(&t->text, ", ");
        }
    }
    st_buf_char(&t->text, ')');
}

/* The parameter that begins in a slot: its number from 1; 0: none does. */
static uint32_t parameter_at(const struct jrt_method *method, uint32_t slot)
{
    uint32_t at = method->access & JCF_ACC_STATIC ? 0 : 1;
    uint32_t number = 1;
    for (const char *text = jrt_text(method->descriptor) + 1; *text != ')'; text++, number++) {
        if (at == slot) {
            return number;
        }
        at += jrt_flow_value_slots(text);
        while (*text == '[') {
            text++;
        }
        if (*text == 'L') {
            text = strchr(text, ';');
        }
    }
    return 0;
}

static void tell_local(struct telling *t, uint32_t at, uint32_t slot)
{
    const struct jrt_method *method = t->flow->method;
    struct jcf_class class;
    struct jcf_method attributes;
    struct jcf_local local;
    jrt_class_attributes(t->in, &class);
    jrt_method_attributes(method, &attributes);
    if (attributes.has_local_variables && jcf_local_at(&class, &attributes, slot, at, &local)) {
        job_offset_t name = jrt_pool_symbol(t->in, local.name);
        st_buf_text(&t->text, name ? jrt_text(name) : "...");
        return;
    }
    const struct jrt_flow_stack *stack = t->flow->stacks[at];
    bool written = slot >= 64 || (stack && (stack->written >> slot & 1));
    uint32_t parameter = written ? 0 : parameter_at(method, slot);
    if (!written && slot == 0 && !(method->access & JCF_ACC_STATIC)) {
        st_buf_text(&t->text, "this");
    } else if (parameter) {
        st_buf_printf(&t->text, "<parameter%u>", parameter);
    } else {
        st_buf_printf(&t->text, "<local%u>", slot);
    }
}

static bool tell_source(struct telling *t, uint32_t at, uint32_t slot, int detail, bool inner);

static void tell_element(struct telling *t, uint32_t at, int detail, bool inner)
{
    if (!tell_source(t, at, 1, detail - 1, inner)) {
        st_buf_text(&t->text, "<array>");
    }
    st_buf_char(&t->text, '[');
    if (!tell_source(t, at, 0, detail, true)) {
        st_buf_text(&t->text, "...");
    }
    st_buf_char(&t->text, ']');
}

static bool tell_field(struct telling *t, const struct jcf_insn *insn, int detail, bool inner)
{
    struct jrt_member_name member;
    if (!member_of(t, insn, &member)) {
        return false;
    }
    if (insn->op == JCF_OP_GETSTATIC) {
        tell_class(t, member.class_name);
        st_buf_char(&t->text, '.');
    } else if (tell_source(t, insn->at, 0, detail - 1, inner)) {
        st_buf_char(&t->text, '.');
    }
    st_buf_text(&t->text, jrt_text(member.name));
    return true;
}

static bool tell_insn(struct telling *t, const struct jcf_insn *insn, int detail, bool inner)
{
    uint16_t facts = jcf_ops[insn->op].facts;
    if ((facts & JCF_FACT_LOAD) && strpbrk(jcf_ops[insn->op].pushes, "IA")) {
        tell_local(t, insn->at, insn->index);
        return true;
    }
    switch (insn->op) {
    case JCF_OP_ACONST_NULL:
        st_buf_text(&t->text, "null");
        return true;
    case JCF_OP_ICONST_M1:
    case JCF_OP_ICONST_0:
    case JCF_OP_ICONST_1:
    case JCF_OP_ICONST_2:
    case JCF_OP_ICONST_3:
    case JCF_OP_ICONST_4:
    case JCF_OP_ICONST_5:
    case JCF_OP_BIPUSH:
    case JCF_OP_SIPUSH:
        st_buf_printf(&t->text, "%d", insn->value);
        return true;
    case JCF_OP_GETSTATIC:
    case JCF_OP_GETFIELD:
        return tell_field(t, insn, detail, inner);
    case JCF_OP_IALOAD:
    case JCF_OP_AALOAD:
        tell_element(t, insn->at, detail, inner);
        return true;
    case JCF_OP_INVOKEVIRTUAL:
    case JCF_OP_INVOKESPECIAL:
    case JCF_OP_INVOKESTATIC:
    case JCF_OP_INVOKEINTERFACE: {
        struct jrt_member_name member;
        if (!member_of(t, insn, &member)) {
            return false;
        }
        if (detail == DETAIL_MAX && !inner) {
            st_buf_text(&t->text, " because the return value of \"");
        }
        tell_method(t, &member);
        return true;
    }
    default:
        return false;
    }
}

static bool is_call(uint8_t op)
{
    return op == JCF_OP_INVOKEVIRTUAL || op == JCF_OP_INVOKESPECIAL || op == JCF_OP_INVOKESTATIC ||
           op == JCF_OP_INVOKEINTERFACE;
}

/* The expression in a slot of the stack before `at`. false: nothing can be said of it. */
static bool tell_source(struct telling *t, uint32_t at, uint32_t slot, int detail, bool inner)
{
    int32_t from = jrt_flow_from(t->flow, at, slot);
    struct jcf_insn insn;
    if (detail <= 0 || from < 0 ||
        jcf_insn_decode(t->flow->code, t->flow->length, (uint32_t)from, &insn) < 0) {
        return false;
    }
    /* HotSpot leaves this there when it cannot tell of the instruction: invokedynamic, ldc. */
    if (detail == DETAIL_MAX && !inner && !is_call(insn.op)) {
        st_buf_text(&t->text, " because \"");
    }
    return tell_insn(t, &insn, detail, inner);
}

/* What failed, and the slot of what was null. false: not an instruction that throws it. */
static bool tell_action(struct telling *t, const struct jcf_insn *insn, uint32_t *ret_slot)
{
    static const char *const elements[] = {"int",    "long",         "float", "double",
                                           "object", "byte/boolean", "char",  "short"};
    struct jrt_member_name member;
    uint8_t op = insn->op;
    if (op >= JCF_OP_IALOAD && op <= JCF_OP_SALOAD) {
        st_buf_printf(&t->text, "Cannot load from %s array", elements[op - JCF_OP_IALOAD]);
        *ret_slot = 1;
        return true;
    }
    if (op >= JCF_OP_IASTORE && op <= JCF_OP_SASTORE) {
        st_buf_printf(&t->text, "Cannot store to %s array", elements[op - JCF_OP_IASTORE]);
        *ret_slot = op == JCF_OP_LASTORE || op == JCF_OP_DASTORE ? 3 : 2;
        return true;
    }
    *ret_slot = 0;
    switch (op) {
    case JCF_OP_ARRAYLENGTH:
        return st_buf_text(&t->text, "Cannot read the array length") >= 0;
    case JCF_OP_ATHROW:
        return st_buf_text(&t->text, "Cannot throw exception") >= 0;
    case JCF_OP_MONITORENTER:
        return st_buf_text(&t->text, "Cannot enter synchronized block") >= 0;
    case JCF_OP_MONITOREXIT:
        return st_buf_text(&t->text, "Cannot exit synchronized block") >= 0;
    default:
        break;
    }
    if (op != JCF_OP_GETFIELD && op != JCF_OP_PUTFIELD &&
        !(is_call(op) && op != JCF_OP_INVOKESTATIC)) {
        return false;
    }
    if (!member_of(t, insn, &member)) {
        return false;
    }
    if (!is_call(op)) {
        *ret_slot = op == JCF_OP_PUTFIELD ? jrt_flow_value_slots(jrt_text(member.descriptor)) : 0;
        return st_buf_printf(&t->text, "Cannot %s field \"%s\"",
                             op == JCF_OP_PUTFIELD ? "assign" : "read", jrt_text(member.name)) >= 0;
    }
    if (member.name == jrt_known.name_init) {
        return false; /* made by the code itself */
    }
    st_buf_text(&t->text, "Cannot invoke \"");
    tell_method(t, &member);
    *ret_slot = jrt_flow_argument_slots(jrt_text(member.descriptor));
    return st_buf_char(&t->text, '"') >= 0;
}

static bool tell(struct telling *t, uint32_t at)
{
    struct jcf_insn insn;
    uint32_t slot;
    if (at >= t->flow->length || jcf_insn_decode(t->flow->code, t->flow->length, at, &insn) < 0 ||
        !tell_action(t, &insn, &slot)) {
        return false;
    }
    if (tell_source(t, at, slot, DETAIL_MAX, false)) {
        st_buf_text(&t->text, "\" is null");
    }
    return st_buf_status(&t->text) == 0;
}

struct job_object *jrt_npe_message(struct jrt_thread *thread, struct job_object *throwable)
{
    struct jrt_method *method;
    uint32_t at;
    if (jrt_trace_has_hidden_top(throwable) || !jrt_trace_frame(throwable, 0, &method, &at) ||
        !method->bytecode_length) {
        return NULL;
    }
    st_auto(arena) struct st_arena arena = ST_ARENA_HEAP(SCRATCH_MAX);
    struct jrt_flow flow;
    struct telling telling = {
        .flow = &flow, .in = jrt_class_at(method->class_at), .text = ST_BUF_HEAP(TEXT_MAX)};
    struct job_object *message = NULL;
    if (jrt_flow_make(&flow, method, at, &arena) && tell(&telling, at)) {
        message = jrt_string(thread, st_buf_string(&telling.text), telling.text.length);
    }
    st_buf_done(&telling.text);
    return message;
}
