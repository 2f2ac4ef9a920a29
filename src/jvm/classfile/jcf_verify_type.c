/* Verification types, what is assignable to what, and the operations on the current frame. */
#include "base/err.h"
#include "base/str.h"
#include "jvm/classfile/jcf_verify_priv.h"

/* ---- types ---- */

struct jcf_vtype jcf_v_named(const char *name)
{
    return jcf_v_object((struct jcf_text){(const uint8_t *)name, (uint32_t)st_strlen(name)});
}

bool jcf_v_same(struct jcf_vtype a, struct jcf_vtype b)
{
    if (a.kind != b.kind) {
        return false;
    }
    if (a.kind == JCF_V_OBJECT) {
        return jcf_text_same(jcf_v_name(a), jcf_v_name(b));
    }
    return a.kind != JCF_V_UNINIT || a.bci == b.bci;
}

bool jcf_v_is_array(struct jcf_vtype type)
{
    return type.kind == JCF_V_OBJECT && type.length > 0 && type.data[0] == '[';
}

bool jcf_v_is_one_slot(struct jcf_vtype type)
{
    switch ((enum jcf_vkind)type.kind) {
    case JCF_V_INT:
    case JCF_V_FLOAT:
    case JCF_V_NULL:
    case JCF_V_OBJECT:
    case JCF_V_UNINIT_THIS:
    case JCF_V_UNINIT:
        return true;
    default:
        return false;
    }
}

bool jcf_v_is_second(struct jcf_vtype type)
{
    return type.kind == JCF_V_LONG2 || type.kind == JCF_V_DOUBLE2;
}

struct jcf_vtype jcf_v_second(struct jcf_vtype type)
{
    return jcf_v(type.kind == JCF_V_LONG     ? JCF_V_LONG2
                 : type.kind == JCF_V_DOUBLE ? JCF_V_DOUBLE2
                                             : JCF_V_TOP);
}

struct jcf_vtype jcf_v_of(const struct jcf_type *type)
{
    switch (type->kind) {
    case 'B':
    case 'C':
    case 'I':
    case 'S':
    case 'Z':
        return jcf_v(JCF_V_INT);
    case 'F':
        return jcf_v(JCF_V_FLOAT);
    case 'J':
        return jcf_v(JCF_V_LONG);
    case 'D':
        return jcf_v(JCF_V_DOUBLE);
    case 'L':
    case '[':
        return jcf_v_object(jcf_type_name(type));
    default:
        return jcf_v(JCF_V_TOP);
    }
}

static bool is_reference(struct jcf_vtype type)
{
    return type.kind == JCF_V_OBJECT || type.kind == JCF_V_NULL;
}

/* The elements of two arrays: both references, then *to and *from become them; else false. */
static bool take_elements(struct jcf_vtype *to, struct jcf_vtype *from)
{
    struct jcf_type_cursor a = jcf_types_of((struct jcf_text){to->data + 1, to->length - 1});
    struct jcf_type_cursor b = jcf_types_of((struct jcf_text){from->data + 1, from->length - 1});
    struct jcf_type of_to;
    struct jcf_type of_from;
    if (!jcf_next_argument(&a, &of_to) || !jcf_next_argument(&b, &of_from)) {
        return false;
    }
    *to = jcf_v_of(&of_to);
    *from = jcf_v_of(&of_from);
    return to->kind == JCF_V_OBJECT && from->kind == JCF_V_OBJECT;
}

static int object_assignable(struct jcf_verifier *v, struct jcf_vtype to, struct jcf_vtype from,
                             bool for_protected)
{
    while (!jcf_v_same(to, from)) {
        if (!jcf_v_is_array(to)) {
            if (jcf_text_is(jcf_v_name(to), "java/lang/Object")) {
                return 1;
            }
            int r = v->env->is_assignable(v->env->context, jcf_v_name(from), jcf_v_name(to),
                                          for_protected);
            if (r < 0) {
                *v->error = (struct jcf_error){.kind = JCF_ERROR_PENDING};
                return -ST_ECORRUPT;
            }
            return r;
        }
        if (!jcf_v_is_array(from) || !take_elements(&to, &from)) {
            return 0;
        }
    }
    return 1;
}

int jcf_v_assignable(struct jcf_verifier *v, struct jcf_vtype to, struct jcf_vtype from,
                     bool for_protected)
{
    switch ((enum jcf_vkind)to.kind) {
    case JCF_V_TOP:
        return 1;
    case JCF_V_ANY1:
        return jcf_v_is_one_slot(from);
    case JCF_V_ANY2:
        return from.kind == JCF_V_LONG || from.kind == JCF_V_DOUBLE;
    case JCF_V_REFERENCE:
        return is_reference(from) || from.kind == JCF_V_UNINIT || from.kind == JCF_V_UNINIT_THIS;
    case JCF_V_OBJECT:
        if (from.kind != JCF_V_OBJECT) {
            return from.kind == JCF_V_NULL;
        }
        return object_assignable(v, to, from, for_protected);
    default:
        return jcf_v_same(to, from);
    }
}

/* ---- the current frame ---- */

struct jcf_origin jcf_v_top(const struct jcf_verifier *v)
{
    uint32_t at = v->now.stack_size > 0 ? v->now.stack_size - 1 : 0;
    struct jcf_vtype type = v->now.stack_size > 0 ? v->now.stack[at] : jcf_v(JCF_V_TOP);
    return (struct jcf_origin){JCF_ORIGIN_STACK, at, type, &v->now};
}

static int overflow(struct jcf_verifier *v)
{
    struct jcf_context context = {JCF_FAULT_OVERFLOW, v->now.offset, 0, jcf_v_top(v), {0}};
    context.is.kind = JCF_ORIGIN_FRAME;
    return jcf_verify_fail(v, &context, "Operand stack overflow");
}

int jcf_v_push_slot(struct jcf_verifier *v, struct jcf_vtype type)
{
    if (v->now.stack_size >= v->method->max_stack) {
        return overflow(v);
    }
    v->now.stack[v->now.stack_size++] = type;
    return 0;
}

int jcf_v_push(struct jcf_verifier *v, struct jcf_vtype type)
{
    if (type.kind != JCF_V_LONG && type.kind != JCF_V_DOUBLE) {
        return jcf_v_push_slot(v, type);
    }
    if (v->now.stack_size + 2 > v->method->max_stack) {
        return overflow(v);
    }
    v->now.stack[v->now.stack_size++] = type;
    v->now.stack[v->now.stack_size++] = jcf_v_second(type);
    return 0;
}

static int underflow(struct jcf_verifier *v)
{
    struct jcf_context context = {JCF_FAULT_UNDERFLOW, v->now.offset, 0, jcf_v_top(v), {0}};
    context.is.kind = JCF_ORIGIN_FRAME;
    return jcf_verify_fail(v, &context, "Operand stack underflow");
}

int jcf_v_pop_slot(struct jcf_verifier *v, struct jcf_vtype *ret_type)
{
    if (v->now.stack_size == 0) {
        return underflow(v);
    }
    *ret_type = v->now.stack[--v->now.stack_size];
    return 0;
}

static int pop_one(struct jcf_verifier *v, struct jcf_vtype wanted, struct jcf_vtype *ret_type)
{
    if (v->now.stack_size == 0) {
        return underflow(v);
    }
    struct jcf_vtype type = v->now.stack[v->now.stack_size - 1];
    int fits = jcf_v_assignable(v, wanted, type, false);
    JCF_TRY(fits);
    if (fits == 0) {
        struct jcf_context context = {
            JCF_FAULT_TYPE, v->now.offset, 0, jcf_v_top(v), {JCF_ORIGIN_IMPLICIT, 0, wanted, NULL}};
        return jcf_verify_fail(v, &context, "Bad type on operand stack");
    }
    v->now.stack_size--;
    *ret_type = type;
    return 0;
}

int jcf_v_pop(struct jcf_verifier *v, struct jcf_vtype wanted, struct jcf_vtype *ret_type)
{
    struct jcf_vtype second = jcf_v_second(wanted);
    if (second.kind != JCF_V_TOP) {
        JCF_TRY(pop_one(v, second, ret_type));
    }
    return pop_one(v, wanted, ret_type);
}

int jcf_v_pop_first(struct jcf_verifier *v, struct jcf_vtype wanted, struct jcf_vtype *ret_type)
{
    if (jcf_v_second(wanted).kind != JCF_V_TOP) {
        JCF_TRY(jcf_v_pop_slot(v, ret_type));
    }
    return pop_one(v, wanted, ret_type);
}

static int bad_local(struct jcf_verifier *v, uint32_t index, const char *message)
{
    struct jcf_context context = {JCF_FAULT_LOCAL, v->now.offset, index, {0}, {0}};
    return jcf_verify_fail(v, &context, "%s", message);
}

static int check_local(struct jcf_verifier *v, uint32_t index, struct jcf_vtype wanted)
{
    struct jcf_vtype type = v->now.locals[index];
    int fits = jcf_v_assignable(v, wanted, type, false);
    if (fits != 0) {
        return fits;
    }
    struct jcf_context context = {JCF_FAULT_TYPE,
                                  v->now.offset,
                                  0,
                                  {JCF_ORIGIN_LOCAL, index, type, &v->now},
                                  {JCF_ORIGIN_IMPLICIT, 0, wanted, NULL}};
    return jcf_verify_fail(v, &context, "Bad local variable type");
}

int jcf_v_get_local(struct jcf_verifier *v, uint32_t index, struct jcf_vtype wanted,
                    struct jcf_vtype *ret_type)
{
    struct jcf_vtype second = jcf_v_second(wanted);
    if (second.kind != JCF_V_TOP) {
        if (index + 1 >= v->now.locals_size) {
            return bad_local(v, index, "get long/double overflows locals");
        }
        JCF_TRY(check_local(v, index, wanted));
        JCF_TRY(check_local(v, index + 1, second));
    } else {
        if (index >= v->method->max_locals) {
            return bad_local(v, index, "Local variable table overflow");
        }
        JCF_TRY(check_local(v, index, wanted));
        v->now.locals_size = ST_MAX(v->now.locals_size, index + 1);
    }
    *ret_type = v->now.locals[index];
    return 0;
}

int jcf_v_set_local(struct jcf_verifier *v, uint32_t index, struct jcf_vtype type)
{
    struct jcf_vtype second = jcf_v_second(type);
    uint32_t last = second.kind != JCF_V_TOP ? index + 1 : index;
    if (last >= v->method->max_locals) {
        return bad_local(v, index, "Local variable table overflow");
    }
    struct jcf_vtype *locals = v->now.locals;
    /* Half of a long or double is no use any more. */
    if (locals[last].kind == JCF_V_LONG || locals[last].kind == JCF_V_DOUBLE) {
        locals[last + 1] = jcf_v(JCF_V_TOP);
    }
    if (jcf_v_is_second(locals[index])) {
        locals[index - 1] = jcf_v(JCF_V_TOP);
    }
    locals[index] = type;
    if (last > index) {
        locals[last] = second;
    }
    v->now.locals_size = ST_MAX(v->now.locals_size, last + 1);
    return 0;
}
