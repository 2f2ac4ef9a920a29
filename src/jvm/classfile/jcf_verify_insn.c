/*
 * What each instruction needs and leaves (JVMS 17 4.10.1.9). Those whose effect the table of
 * bytecodes tells in full go by it; the others are here, calls and fields in jcf_verify_call.c.
 */
#include "base/err.h"
#include "base/memops.h"
#include "jvm/classfile/jcf_verify_priv.h"

enum { MAJOR_ANY_PADDING = 51 };

static int bad_code(struct jcf_verifier *v, const char *message)
{
    struct jcf_context context = {JCF_FAULT_CODE, v->insn.at, 0, {0}, {0}};
    return jcf_verify_fail(v, &context, "%s", message);
}

/* The external name of the class: with dots. */
static struct jcf_text external_name(struct jcf_verifier *v)
{
    struct jcf_text name = jcf_class_name(v->class);
    uint8_t *to = st_arena_alloc(v->arena, name.length, 1);
    if (to == NULL) {
        return name;
    }
    for (uint32_t i = 0; i < name.length; i++) {
        to[i] = name.data[i] == '/' ? '.' : name.data[i];
    }
    return (struct jcf_text){to, name.length};
}

int jcf_verify_constant(struct jcf_verifier *v, uint16_t index, uint32_t tags)
{
    struct jcf_context context = {JCF_FAULT_CONSTANT, v->insn.at, index, {0}, {0}};
    if (index == 0 || index >= v->class->constant_count) {
        return jcf_verify_fail(v, &context, "Illegal constant pool index %d in class %.*s", index,
                               JCF_TEXT(external_name(v)));
    }
    if ((tags & (UINT32_C(1) << v->class->tags[index])) == 0) {
        return jcf_verify_fail(v, &context, "Illegal type at constant pool entry %d in class %.*s",
                               index, JCF_TEXT(external_name(v)));
    }
    return 0;
}

static int class_operand(struct jcf_verifier *v, struct jcf_vtype *ret_type)
{
    JCF_TRY(jcf_verify_constant(v, v->insn.index, UINT32_C(1) << JCF_TAG_CLASS));
    *ret_type = jcf_v_object(jcf_named(v->class, v->insn.index));
    return 0;
}

/* ---- constants ---- */

static int push_dynamic(struct jcf_verifier *v, uint16_t index, uint32_t tags)
{
    struct jcf_type_cursor cursor = jcf_types_of(jcf_member_at(v->class, index).descriptor);
    struct jcf_type type;
    if (!jcf_next_argument(&cursor, &type) || type.slots != (v->insn.op == JCF_OP_LDC2_W ? 2 : 1)) {
        return jcf_verify_constant(v, index, tags & ~(UINT32_C(1) << JCF_TAG_DYNAMIC));
    }
    return jcf_v_push(v, jcf_v_of(&type));
}

static int load_constant(struct jcf_verifier *v)
{
    uint16_t index = v->insn.index;
    uint32_t tags = UINT32_C(1) << JCF_TAG_DYNAMIC;
    if (v->insn.op == JCF_OP_LDC2_W) {
        tags |= (UINT32_C(1) << JCF_TAG_LONG) | (UINT32_C(1) << JCF_TAG_DOUBLE);
    } else {
        tags |= (UINT32_C(1) << JCF_TAG_INTEGER) | (UINT32_C(1) << JCF_TAG_FLOAT) |
                (UINT32_C(1) << JCF_TAG_STRING) | (UINT32_C(1) << JCF_TAG_CLASS) |
                (UINT32_C(1) << JCF_TAG_METHOD_HANDLE) | (UINT32_C(1) << JCF_TAG_METHOD_TYPE);
    }
    JCF_TRY(jcf_verify_constant(v, index, tags));
    switch (v->class->tags[index]) {
    case JCF_TAG_INTEGER:
        return jcf_v_push(v, jcf_v(JCF_V_INT));
    case JCF_TAG_FLOAT:
        return jcf_v_push(v, jcf_v(JCF_V_FLOAT));
    case JCF_TAG_LONG:
        return jcf_v_push(v, jcf_v(JCF_V_LONG));
    case JCF_TAG_DOUBLE:
        return jcf_v_push(v, jcf_v(JCF_V_DOUBLE));
    case JCF_TAG_STRING:
        return jcf_v_push(v, jcf_v_named("java/lang/String"));
    case JCF_TAG_CLASS:
        return jcf_v_push(v, jcf_v_named("java/lang/Class"));
    case JCF_TAG_METHOD_HANDLE:
        return jcf_v_push(v, jcf_v_named("java/lang/invoke/MethodHandle"));
    case JCF_TAG_METHOD_TYPE:
        return jcf_v_push(v, jcf_v_named("java/lang/invoke/MethodType"));
    default:
        return push_dynamic(v, index, tags);
    }
}

/* ---- instructions that the table tells in full ---- */

static struct jcf_vtype type_of_letter(char letter)
{
    switch (letter) {
    case 'I':
        return jcf_v(JCF_V_INT);
    case 'J':
        return jcf_v(JCF_V_LONG);
    case 'F':
        return jcf_v(JCF_V_FLOAT);
    case 'D':
        return jcf_v(JCF_V_DOUBLE);
    case '1':
        return jcf_v(JCF_V_ANY1);
    default:
        return jcf_v(JCF_V_REFERENCE);
    }
}

static int pop_operands(struct jcf_verifier *v, const char *pops)
{
    struct jcf_vtype popped;
    uint32_t count = 0;
    while (pops[count] != 0) {
        count++;
    }
    while (count > 0) {
        JCF_TRY(jcf_v_pop_first(v, type_of_letter(pops[--count]), &popped));
    }
    return 0;
}

static int by_table(struct jcf_verifier *v)
{
    const struct jcf_op_facts *facts = &jcf_ops[v->insn.op];
    JCF_TRY(pop_operands(v, facts->pops));
    for (const char *push = facts->pushes; *push != 0; push++) {
        JCF_TRY(jcf_v_push(v, type_of_letter(*push)));
    }
    return 0;
}

/* ---- locals and arrays ---- */

static int load_local(struct jcf_verifier *v)
{
    struct jcf_vtype type;
    char letter = jcf_ops[v->insn.op].pushes[0];
    JCF_TRY(jcf_v_get_local(v, v->insn.index, type_of_letter(letter), &type));
    return jcf_v_push(v, type);
}

static int store_local(struct jcf_verifier *v)
{
    struct jcf_vtype type;
    JCF_TRY(jcf_v_pop_first(v, type_of_letter(jcf_ops[v->insn.op].pops[0]), &type));
    return jcf_v_set_local(v, v->insn.index, type);
}

/* Whether the type is null or an array that the instruction takes: of these element letters; '*':
 * any references. */
static bool is_array_for(struct jcf_vtype type, const char *letters)
{
    if (type.kind == JCF_V_NULL) {
        return true;
    }
    if (!jcf_v_is_array(type) || type.length < 2) {
        return false;
    }
    uint8_t element = type.data[1];
    if (letters[0] == '*') {
        return element == 'L' || element == '[';
    }
    return type.length == 2 && (element == (uint8_t)letters[0] || element == (uint8_t)letters[1]);
}

/* The arrays of iaload to saload and of iastore to sastore, by distance. */
static const char array_letters[8][3] = {"I", "J", "F", "D", "*", "BZ", "C", "S"};

static int pop_array(struct jcf_verifier *v, unsigned which, struct jcf_vtype *ret_array)
{
    static const char wanted[8][20] = {"[I", "[J", "[F", "[D", "[Ljava/lang/Object;",
                                       "[B", "[C", "[S"};
    struct jcf_vtype index;
    if (v->insn.op < JCF_OP_ISTORE) {
        JCF_TRY(jcf_v_pop(v, jcf_v(JCF_V_INT), &index));
    }
    JCF_TRY(jcf_v_pop(v, jcf_v(JCF_V_REFERENCE), ret_array));
    if (!is_array_for(*ret_array, array_letters[which])) {
        struct jcf_vtype type = jcf_v_named(wanted[which]);
        struct jcf_origin is = {JCF_ORIGIN_STACK, v->now.stack_size, *ret_array, &v->now};
        struct jcf_context context = {
            JCF_FAULT_TYPE, v->insn.at, 0, is, {JCF_ORIGIN_IMPLICIT, 0, type, NULL}};
        return jcf_verify_fail(v, &context, "Bad type on operand stack in %s",
                               jcf_ops[v->insn.op].text);
    }
    return 0;
}

static int load_element(struct jcf_verifier *v)
{
    struct jcf_vtype array;
    JCF_TRY(pop_array(v, v->insn.op - JCF_OP_IALOAD, &array));
    if (v->insn.op != JCF_OP_AALOAD || array.kind == JCF_V_NULL) {
        char letter = jcf_ops[v->insn.op].pushes[0];
        return jcf_v_push(v, letter == 'A' ? jcf_v(JCF_V_NULL) : type_of_letter(letter));
    }
    struct jcf_type_cursor cursor =
        jcf_types_of((struct jcf_text){array.data + 1, array.length - 1});
    struct jcf_type element;
    if (!jcf_next_argument(&cursor, &element)) {
        return bad_code(v, "Bad type on operand stack");
    }
    return jcf_v_push(v, jcf_v_of(&element));
}

static int store_element(struct jcf_verifier *v)
{
    unsigned which = v->insn.op - JCF_OP_IASTORE;
    struct jcf_vtype value;
    struct jcf_vtype array;
    char letter = jcf_ops[v->insn.op].pops[2];
    JCF_TRY(jcf_v_pop(v, letter == 'A' ? jcf_v_named("java/lang/Object") : type_of_letter(letter),
                      &value));
    JCF_TRY(jcf_v_pop(v, jcf_v(JCF_V_INT), &value));
    return pop_array(v, which, &array);
}

/* ---- the stack ---- */

/* The slot below what was popped: of one slot, or the rest of a long or double whose second slot
 * `first` is. */
static int pop_rest(struct jcf_verifier *v, struct jcf_vtype first, struct jcf_vtype *ret_type)
{
    if (jcf_v_is_one_slot(first)) {
        return jcf_v_pop(v, jcf_v(JCF_V_ANY1), ret_type);
    }
    if (jcf_v_is_second(first)) {
        return jcf_v_pop(v, jcf_v(JCF_V_ANY2), ret_type);
    }
    struct jcf_context context = {JCF_FAULT_TYPE, v->insn.at, 0, jcf_v_top(v), {0}};
    return jcf_verify_fail(v, &context, "Bad type on operand stack");
}

static int push_slots(struct jcf_verifier *v, const struct jcf_vtype *slots, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        JCF_TRY(jcf_v_push_slot(v, slots[i]));
    }
    return 0;
}

/* dup, dup_x1, dup_x2 and swap: the top is one slot. */
static int move_one(struct jcf_verifier *v)
{
    struct jcf_vtype a;
    struct jcf_vtype b;
    struct jcf_vtype c;
    JCF_TRY(jcf_v_pop(v, jcf_v(JCF_V_ANY1), &a));
    if (v->insn.op == JCF_OP_DUP) {
        return push_slots(v, (struct jcf_vtype[]){a, a}, 2);
    }
    if (v->insn.op == JCF_OP_DUP_X2) {
        JCF_TRY(jcf_v_pop_slot(v, &b));
        JCF_TRY(pop_rest(v, b, &c));
        return push_slots(v, (struct jcf_vtype[]){a, c, b, a}, 4);
    }
    JCF_TRY(jcf_v_pop(v, jcf_v(JCF_V_ANY1), &b));
    bool swap = v->insn.op == JCF_OP_SWAP;
    return push_slots(v, (struct jcf_vtype[]){a, b, a}, swap ? 2 : 3);
}

/* pop2, dup2, dup2_x1 and dup2_x2: the top is two slots. */
static int move_two(struct jcf_verifier *v)
{
    struct jcf_vtype a;
    struct jcf_vtype b;
    struct jcf_vtype c;
    struct jcf_vtype d;
    JCF_TRY(jcf_v_pop_slot(v, &a));
    JCF_TRY(pop_rest(v, a, &b));
    switch (v->insn.op) {
    case JCF_OP_POP2:
        return 0;
    case JCF_OP_DUP2:
        return push_slots(v, (struct jcf_vtype[]){b, a, b, a}, 4);
    case JCF_OP_DUP2_X1:
        JCF_TRY(jcf_v_pop(v, jcf_v(JCF_V_ANY1), &c));
        return push_slots(v, (struct jcf_vtype[]){b, a, c, b, a}, 5);
    default:
        JCF_TRY(jcf_v_pop_slot(v, &c));
        JCF_TRY(pop_rest(v, c, &d));
        return push_slots(v, (struct jcf_vtype[]){b, a, d, c, b, a}, 6);
    }
}

/* ---- jumps ---- */

static int check_switch(struct jcf_verifier *v)
{
    const struct jcf_insn *insn = &v->insn;
    uint32_t head = insn->op == JCF_OP_TABLESWITCH ? 12 : 8;
    if (v->class->major < MAJOR_ANY_PADDING) {
        for (uint32_t at = insn->at + 1; at < insn->entries - head; at++) {
            if (v->code[at] != 0) {
                return bad_code(v, "Nonzero padding byte in lookupswitch or tableswitch");
            }
        }
    }
    for (uint32_t i = 1; i < insn->count && insn->op == JCF_OP_LOOKUPSWITCH; i++) {
        if (jcf_switch_entry(v->code, insn, i - 1).key >= jcf_switch_entry(v->code, insn, i).key) {
            return bad_code(v, "Bad lookupswitch instruction");
        }
    }
    return 0;
}

static int do_switch(struct jcf_verifier *v)
{
    struct jcf_vtype popped;
    JCF_TRY(check_switch(v));
    JCF_TRY(jcf_v_pop(v, jcf_v(JCF_V_INT), &popped));
    JCF_TRY(jcf_verify_jump(v, (int64_t)v->insn.at + v->insn.value));
    for (uint32_t i = 0; i < v->insn.count; i++) {
        int64_t distance = jcf_switch_entry(v->code, &v->insn, i).distance;
        JCF_TRY(jcf_verify_jump(v, v->insn.at + distance));
    }
    return 0;
}

static int do_branch(struct jcf_verifier *v)
{
    JCF_TRY(pop_operands(v, jcf_ops[v->insn.op].pops));
    return jcf_verify_jump(v, (int64_t)v->insn.at + v->insn.value);
}

static int do_return(struct jcf_verifier *v)
{
    if (v->insn.op == JCF_OP_RETURN) {
        if (v->result.kind != JCF_V_TOP) {
            return bad_code(v, "Method expects a return value");
        }
        if (v->is_init && v->now.this_uninit) {
            return bad_code(v, "Constructor must call super() or this() before return");
        }
        return 0;
    }
    struct jcf_vtype type;
    JCF_TRY(jcf_v_pop(v, type_of_letter(jcf_ops[v->insn.op].pops[0]), &type));
    struct jcf_origin top = {JCF_ORIGIN_STACK, v->now.stack_size, type, &v->now};
    struct jcf_context context = {
        JCF_FAULT_TYPE, v->insn.at, 0, top, {JCF_ORIGIN_SIGNATURE, 0, v->result, NULL}};
    if (v->result.kind == JCF_V_TOP) {
        return jcf_verify_fail(v, &context, "Method does not expect a return value");
    }
    int fits = jcf_v_assignable(v, v->result, type, false);
    return fits != 0 ? fits : jcf_verify_fail(v, &context, "Bad return type");
}

/* ---- objects ---- */

static int do_new(struct jcf_verifier *v)
{
    struct jcf_vtype type;
    JCF_TRY(class_operand(v, &type));
    if (jcf_v_is_array(type)) {
        struct jcf_context context = {
            JCF_FAULT_TYPE, v->insn.at, 0, {JCF_ORIGIN_CONSTANT, v->insn.index, type, NULL}, {0}};
        return jcf_verify_fail(v, &context, "Illegal new instruction");
    }
    struct jcf_vtype made = jcf_v(JCF_V_UNINIT);
    made.bci = (uint16_t)v->insn.at;
    return jcf_v_push(v, made);
}

/* "[" before an array's name, "[L;" around a class's. */
static int push_array_of(struct jcf_verifier *v, struct jcf_vtype element)
{
    bool is_array = jcf_v_is_array(element);
    uint32_t length = element.length + (is_array ? 1 : 3);
    uint8_t *name = st_arena_alloc(v->arena, length, 1);
    if (name == NULL) {
        return jcf_fail_memory(v->error);
    }
    uint8_t *at = name;
    *at++ = '[';
    if (!is_array) {
        *at++ = 'L';
    }
    memcpy(at, element.data, element.length);
    if (!is_array) {
        at[element.length] = ';';
    }
    return jcf_v_push(v, jcf_v_object((struct jcf_text){name, length}));
}

static uint32_t dimensions(struct jcf_vtype type)
{
    uint32_t count = 0;
    while (count < type.length && type.data[count] == '[') {
        count++;
    }
    return count;
}

static int do_newarray(struct jcf_verifier *v)
{
    static const char names[8][3] = {"[Z", "[C", "[F", "[D", "[B", "[S", "[I", "[J"};
    struct jcf_vtype type;
    if (v->insn.op == JCF_OP_ANEWARRAY) {
        struct jcf_vtype size;
        JCF_TRY(class_operand(v, &type));
        JCF_TRY(jcf_v_pop(v, jcf_v(JCF_V_INT), &size));
        if (dimensions(type) >= 255) {
            return bad_code(v, "Illegal anewarray instruction, array has more than 255 dimensions");
        }
        return push_array_of(v, type);
    }
    uint32_t which = (uint32_t)v->insn.index - JCF_ARRAY_BOOLEAN;
    if (which >= ST_COUNT(names)) {
        return bad_code(v, "Illegal newarray instruction");
    }
    JCF_TRY(jcf_v_pop(v, jcf_v(JCF_V_INT), &type));
    return jcf_v_push(v, jcf_v_named(names[which]));
}

static int do_multianewarray(struct jcf_verifier *v)
{
    struct jcf_vtype type;
    struct jcf_vtype size;
    JCF_TRY(class_operand(v, &type));
    if (!jcf_v_is_array(type)) {
        struct jcf_context context = {
            JCF_FAULT_TYPE, v->insn.at, 0, {JCF_ORIGIN_CONSTANT, v->insn.index, type, NULL}, {0}};
        return jcf_verify_fail(v, &context,
                               "Illegal constant pool index in multianewarray instruction");
    }
    uint32_t wanted = (uint32_t)v->insn.value;
    if (wanted < 1 || dimensions(type) < wanted) {
        struct jcf_context context = {JCF_FAULT_CODE, v->insn.at, 0, {0}, {0}};
        return jcf_verify_fail(v, &context, "Illegal dimension in multianewarray instruction: %d",
                               v->insn.value);
    }
    for (uint32_t i = 0; i < wanted; i++) {
        JCF_TRY(jcf_v_pop(v, jcf_v(JCF_V_INT), &size));
    }
    return jcf_v_push(v, type);
}

static int do_arraylength(struct jcf_verifier *v)
{
    struct jcf_vtype type;
    JCF_TRY(jcf_v_pop(v, jcf_v(JCF_V_REFERENCE), &type));
    if (type.kind != JCF_V_NULL && !jcf_v_is_array(type)) {
        struct jcf_origin is = {JCF_ORIGIN_STACK, v->now.stack_size, type, &v->now};
        struct jcf_context context = {JCF_FAULT_TYPE, v->insn.at, 0, is, {0}};
        return jcf_verify_fail(v, &context, "Bad type on operand stack in arraylength");
    }
    return jcf_v_push(v, jcf_v(JCF_V_INT));
}

static int do_cast(struct jcf_verifier *v)
{
    struct jcf_vtype type;
    struct jcf_vtype popped;
    JCF_TRY(class_operand(v, &type));
    JCF_TRY(jcf_v_pop(v, jcf_v_named("java/lang/Object"), &popped));
    return jcf_v_push(v, v->insn.op == JCF_OP_INSTANCEOF ? jcf_v(JCF_V_INT) : type);
}

static int increment(struct jcf_verifier *v)
{
    struct jcf_vtype type;
    JCF_TRY(jcf_v_get_local(v, v->insn.index, jcf_v(JCF_V_INT), &type));
    return jcf_v_set_local(v, v->insn.index, type);
}

static int do_throw(struct jcf_verifier *v)
{
    struct jcf_vtype popped;
    return jcf_v_pop(v, jcf_v_named("java/lang/Throwable"), &popped);
}

static int by_opcode(struct jcf_verifier *v)
{
    switch (v->insn.op) {
    case JCF_OP_ACONST_NULL:
        return jcf_v_push(v, jcf_v(JCF_V_NULL));
    case JCF_OP_LDC:
    case JCF_OP_LDC_W:
    case JCF_OP_LDC2_W:
        return load_constant(v);
    case JCF_OP_POP2:
    case JCF_OP_DUP2:
    case JCF_OP_DUP2_X1:
    case JCF_OP_DUP2_X2:
        return move_two(v);
    case JCF_OP_DUP:
    case JCF_OP_DUP_X1:
    case JCF_OP_DUP_X2:
    case JCF_OP_SWAP:
        return move_one(v);
    case JCF_OP_IINC:
        return increment(v);
    case JCF_OP_NEW:
        return do_new(v);
    case JCF_OP_NEWARRAY:
    case JCF_OP_ANEWARRAY:
        return do_newarray(v);
    case JCF_OP_MULTIANEWARRAY:
        return do_multianewarray(v);
    case JCF_OP_ARRAYLENGTH:
        return do_arraylength(v);
    case JCF_OP_ATHROW:
        return do_throw(v);
    case JCF_OP_CHECKCAST:
    case JCF_OP_INSTANCEOF:
        return do_cast(v);
    default:
        return by_table(v);
    }
}

int jcf_verify_insn(struct jcf_verifier *v)
{
    uint16_t facts = jcf_ops[v->insn.op].facts;
    v->falls = (facts & JCF_FACT_ENDS) == 0;
    if (v->insn.op == JCF_OP_JSR || v->insn.op == JCF_OP_JSR_W || v->insn.op == JCF_OP_RET) {
        struct jcf_context context = {JCF_FAULT_CODE, v->insn.at, 0, {0}, {0}};
        return jcf_verify_fail(v, &context, "Bad instruction: %02x", v->insn.op);
    }
    if ((facts & JCF_FACT_INVOKE) != 0) {
        return jcf_verify_invoke(v);
    }
    if ((facts & JCF_FACT_FIELD) != 0) {
        return jcf_verify_field(v);
    }
    if ((facts & JCF_FACT_RETURN) != 0) {
        return do_return(v);
    }
    if ((facts & JCF_FACT_BRANCH) != 0) {
        return do_branch(v);
    }
    if ((facts & JCF_FACT_SWITCH) != 0) {
        return do_switch(v);
    }
    if ((facts & JCF_FACT_ARRAY) != 0) {
        return jcf_ops[v->insn.op].pushes[0] != 0 ? load_element(v) : store_element(v);
    }
    if ((facts & JCF_FACT_LOAD) != 0 && v->insn.op != JCF_OP_IINC) {
        return load_local(v);
    }
    if ((facts & JCF_FACT_STORE) != 0 && v->insn.op != JCF_OP_IINC) {
        return store_local(v);
    }
    return by_opcode(v);
}
