/*
 * Types of variables at a bytecode: see jin_look.h.
 *
 * Classes are verified, but what the verifier found is not kept, and old classes have no maps. So
 * the method is followed from its start until nothing changes: a state at each bytecode that is
 * jumped to, merged from all ways there. Only the kinds of cells are looked at. Where `ret` goes is
 * taken to be behind every jsr.
 */
#include <stdlib.h>
#include <string.h>

#include "jvm/classfile/jcf_descriptor.h"
#include "jvm/interpreter/jin_look.h"

enum { IS_LEADER = 1, IS_PENDING = 2, IS_AFTER_JSR = 4 };

struct flow {
    struct jin_translator names; /* the pool alone: to read descriptors */
    const struct jrt_method *method;
    const uint8_t *code;
    uint32_t length;
    uint32_t room;             /* cells of a state */
    uint8_t *marks;            /* by bytecode index */
    struct jin_cells **states; /* by bytecode index, of leaders that were come to */
    struct jin_cells *now;
    struct jin_cells *scratch;
    struct jin_cells *found; /* before the bytecode that is sought */
    bool failed;             /* no memory, or the code makes no sense */
    bool no_memory;
};

static size_t state_bytes(const struct flow *f)
{
    return sizeof(struct jin_cells) + f->room;
}

static uint8_t *stack_of(const struct flow *f, struct jin_cells *state)
{
    return state->cells + f->method->max_locals;
}

/* ---- cells ---- */

static void push(struct flow *f, enum jin_cell cell)
{
    if (f->now->depth >= f->method->max_stack) {
        f->failed = true;
        return;
    }
    stack_of(f, f->now)[f->now->depth++] = (uint8_t)cell;
}

static enum jin_cell pop(struct flow *f, uint32_t slots)
{
    if (slots > f->now->depth) {
        f->failed = true;
        return JIN_CELL_NOTHING;
    }
    f->now->depth -= slots;
    return (enum jin_cell)stack_of(f, f->now)[f->now->depth];
}

static bool is_wide(int letter)
{
    return letter == 'J' || letter == 'D';
}

enum jin_cell jin_cell_of(int letter)
{
    bool reference = letter == 'A' || letter == 'L' || letter == '[';
    return is_wide(letter) ? JIN_CELL_WIDE : reference ? JIN_CELL_REF : JIN_CELL_WORD;
}

/* Of a letter of the bytecodes' table or of a descriptor. */
static void push_type(struct flow *f, int letter)
{
    if (letter != 'V') {
        push(f, jin_cell_of(letter));
    }
    if (is_wide(letter)) {
        push(f, JIN_CELL_WIDE_END);
    }
}

static void set_local(struct flow *f, uint32_t index, enum jin_cell cell)
{
    uint8_t *locals = f->now->cells;
    uint32_t count = f->method->max_locals;
    uint32_t slots = cell == JIN_CELL_WIDE ? 2 : 1;
    if (index + slots > count) {
        f->failed = true;
        return;
    }
    if (index > 0 && locals[index] == JIN_CELL_WIDE_END) {
        locals[index - 1] = JIN_CELL_NOTHING;
    }
    if (index + slots < count && locals[index + slots] == JIN_CELL_WIDE_END) {
        locals[index + slots] = JIN_CELL_NOTHING;
    }
    locals[index] = (uint8_t)cell;
    if (slots == 2) {
        locals[index + 1] = JIN_CELL_WIDE_END;
    }
}

/* ---- instructions ---- */

/* dup and its kind: takes `top` and `under` slots, puts top (if `copy`), under, top. */
static void insert(struct flow *f, uint32_t top, uint32_t under, bool copy)
{
    uint8_t cells[4];
    uint32_t count = top + under;
    (void)pop(f, count);
    if (f->failed) {
        return;
    }
    memcpy(cells, stack_of(f, f->now) + f->now->depth, count);
    for (uint32_t i = 0; i < top; i++) {
        push(f, (enum jin_cell)cells[under + i]);
    }
    for (uint32_t i = 0; i < (copy ? count : under); i++) {
        push(f, (enum jin_cell)cells[i]);
    }
}

static void stack_op(struct flow *f, uint8_t op)
{
    switch (op) {
    case JCF_OP_POP:
    case JCF_OP_POP2:
        (void)pop(f, op == JCF_OP_POP ? 1 : 2);
        break;
    case JCF_OP_SWAP:
        insert(f, 1, 1, false);
        break;
    case JCF_OP_DUP:
    case JCF_OP_DUP_X1:
    case JCF_OP_DUP_X2:
        insert(f, 1, op - JCF_OP_DUP, true);
        break;
    default:
        insert(f, 2, op - JCF_OP_DUP2, true);
        break;
    }
}

static int constant_letter(const struct flow *f, uint16_t index)
{
    switch (f->names.pool->tags[index]) {
    case JCF_TAG_INTEGER:
    case JCF_TAG_FLOAT:
        return 'I';
    case JCF_TAG_LONG:
    case JCF_TAG_DOUBLE:
        return 'J';
    case JCF_TAG_DYNAMIC:
        return jin_descriptor(&f->names, index).data[0];
    default:
        return 'A';
    }
}

static void call(struct flow *f, const struct jcf_insn *insn, bool finish)
{
    struct jcf_signature signature;
    bool receiver = insn->op != JCF_OP_INVOKESTATIC && insn->op != JCF_OP_INVOKEDYNAMIC;
    jcf_signature_of(jin_descriptor(&f->names, insn->index), &signature);
    (void)pop(f, signature.slots + (receiver ? 1u : 0u));
    if (finish) {
        push_type(f, signature.result.kind);
    }
}

/* The letter that * stands for. */
static int named_letter(const struct flow *f, const struct jcf_insn *insn)
{
    bool field = (jcf_ops[insn->op].facts & JCF_FACT_FIELD) != 0;
    return field ? jin_descriptor(&f->names, insn->index).data[0] : constant_letter(f, insn->index);
}

static void plain_op(struct flow *f, const struct jcf_insn *insn)
{
    const struct jcf_op_facts *facts = &jcf_ops[insn->op];
    uint32_t slots = 0;
    for (const char *at = facts->pops; *at != '\0'; at++) {
        if (*at == '*' && insn->op == JCF_OP_MULTIANEWARRAY) {
            slots += (uint32_t)insn->value;
        } else {
            slots += is_wide(*at == '*' ? named_letter(f, insn) : *at) ? 2 : 1;
        }
    }
    (void)pop(f, slots);
    for (const char *at = facts->pushes; *at != '\0'; at++) {
        push_type(f, *at == '*' ? named_letter(f, insn) : *at);
    }
}

static void apply(struct flow *f, const struct jcf_insn *insn)
{
    const struct jcf_op_facts *facts = &jcf_ops[insn->op];
    if ((facts->facts & JCF_FACT_STACK) != 0) {
        stack_op(f, insn->op);
    } else if ((facts->facts & JCF_FACT_INVOKE) != 0) {
        call(f, insn, true);
    } else if ((facts->facts & JCF_FACT_STORE) != 0 && insn->op != JCF_OP_IINC) {
        set_local(f, insn->index, pop(f, is_wide(facts->pops[0]) ? 2 : 1));
    } else {
        plain_op(f, insn);
    }
}

/* ---- ways ---- */

/* Merges a state into that of a leader. */
static void merge(struct flow *f, const struct jin_cells *from, uint32_t target)
{
    if (target >= f->length || (f->marks[target] & IS_LEADER) == 0) {
        f->failed = true;
        return;
    }
    struct jin_cells *to = f->states[target];
    if (to == NULL) {
        to = malloc(state_bytes(f));
        if (to == NULL) {
            f->failed = f->no_memory = true;
            return;
        }
        memcpy(to, from, state_bytes(f));
        f->states[target] = to;
        f->marks[target] |= IS_PENDING;
        return;
    }
    if (to->depth != from->depth) {
        return; /* another subroutine's */
    }
    uint32_t used = f->method->max_locals + from->depth;
    for (uint32_t i = 0; i < used; i++) {
        if (to->cells[i] != from->cells[i] && to->cells[i] != JIN_CELL_NOTHING) {
            to->cells[i] = JIN_CELL_NOTHING;
            f->marks[target] |= IS_PENDING;
        }
    }
}

static void merge_handlers(struct flow *f, uint32_t at)
{
    const struct jrt_handler *handlers = job_at(f->method->handlers);
    for (uint32_t i = 0; i < f->method->handler_count && !f->failed; i++) {
        if (at >= handlers[i].start && at < handlers[i].end && f->method->max_stack > 0) {
            memcpy(f->scratch, f->now, state_bytes(f));
            f->scratch->depth = 1;
            stack_of(f, f->scratch)[0] = JIN_CELL_REF;
            merge(f, f->scratch, handlers[i].target);
        }
    }
}

static void follow_ways(struct flow *f, const struct jcf_insn *insn)
{
    uint16_t facts = jcf_ops[insn->op].facts;
    if ((facts & (JCF_FACT_BRANCH | JCF_FACT_SWITCH)) != 0) {
        merge(f, f->now, insn->at + (uint32_t)insn->value);
    }
    for (uint32_t i = 0; (facts & JCF_FACT_SWITCH) != 0 && i < insn->count && !f->failed; i++) {
        merge(f, f->now, insn->at + (uint32_t)jcf_switch_entry(f->code, insn, i).distance);
    }
    for (uint32_t at = 0; insn->op == JCF_OP_RET && at < f->length && !f->failed; at++) {
        if ((f->marks[at] & IS_AFTER_JSR) != 0) {
            merge(f, f->now, at);
        }
    }
}

/* From a leader to the next, or to where the code does not go on. */
static void follow_from(struct flow *f, uint32_t at, uint32_t sought)
{
    bool first = true;
    struct jcf_insn insn;
    memcpy(f->now, f->states[at], state_bytes(f));
    f->marks[at] &= (uint8_t)~IS_PENDING;
    while (!f->failed) {
        if (at >= f->length || jcf_insn_decode(f->code, f->length, at, &insn) < 0) {
            f->failed = true;
            return;
        }
        if (!first && (f->marks[at] & IS_LEADER) != 0) {
            merge(f, f->now, at);
            return;
        }
        first = false;
        merge_handlers(f, at);
        if (at == sought) {
            memcpy(f->found, f->now, state_bytes(f));
        }
        apply(f, &insn);
        follow_ways(f, &insn);
        if ((jcf_ops[insn.op].facts & JCF_FACT_ENDS) != 0) {
            return;
        }
        at += insn.length;
    }
}

static void mark(struct flow *f, int64_t target, unsigned how)
{
    if (target >= 0 && target < f->length) {
        f->marks[target] |= (uint8_t)how;
    }
}

static void mark_leaders(struct flow *f)
{
    struct jcf_insn insn;
    mark(f, 0, IS_LEADER);
    for (uint32_t at = 0; at < f->length; at += insn.length) {
        if (jcf_insn_decode(f->code, f->length, at, &insn) < 0) {
            f->failed = true;
            return;
        }
        uint16_t facts = jcf_ops[insn.op].facts;
        if ((facts & (JCF_FACT_BRANCH | JCF_FACT_SWITCH)) != 0) {
            mark(f, (int64_t)at + insn.value, IS_LEADER);
        }
        for (uint32_t i = 0; (facts & JCF_FACT_SWITCH) != 0 && i < insn.count; i++) {
            mark(f, (int64_t)at + jcf_switch_entry(f->code, &insn, i).distance, IS_LEADER);
        }
        if (insn.op == JCF_OP_JSR || insn.op == JCF_OP_JSR_W) {
            mark(f, at + insn.length, IS_LEADER | IS_AFTER_JSR);
        }
    }
    const struct jrt_handler *handlers = job_at(f->method->handlers);
    for (uint32_t i = 0; i < f->method->handler_count; i++) {
        mark(f, handlers[i].target, IS_LEADER);
    }
}

/* ---- the whole ---- */

struct jcf_text jin_look_descriptor(const struct jrt_method *method)
{
    const char *text = jrt_text(method->descriptor);
    return (struct jcf_text){.data = (const uint8_t *)text, .length = (uint16_t)strlen(text)};
}

static void set_arguments(struct flow *f)
{
    struct jcf_type type;
    uint32_t index = 0;
    struct jcf_type_cursor cursor = jcf_types_of(jin_look_descriptor(f->method));
    if ((f->method->access & JCF_ACC_STATIC) == 0) {
        set_local(f, index++, JIN_CELL_REF);
    }
    while (jcf_next_argument(&cursor, &type)) {
        set_local(f, index, jin_cell_of(type.kind));
        index += type.slots;
    }
}

static void follow(struct flow *f, uint32_t sought)
{
    set_arguments(f);
    mark_leaders(f);
    if (!f->failed) {
        merge(f, f->now, 0);
    }
    for (bool more = true; more && !f->failed;) {
        more = false;
        for (uint32_t at = 0; at < f->length && !f->failed; at++) {
            if ((f->marks[at] & IS_PENDING) != 0) {
                follow_from(f, at, sought);
                more = true;
            }
        }
    }
}

/* The state at a call is that without its arguments. */
static void drop_arguments(struct flow *f, uint32_t at)
{
    struct jcf_insn insn;
    if (jcf_insn_decode(f->code, f->length, at, &insn) == 0 &&
        (jcf_ops[insn.op].facts & JCF_FACT_INVOKE) != 0) {
        memcpy(f->now, f->found, state_bytes(f));
        call(f, &insn, false);
        f->found->depth = f->now->depth;
    }
}

struct jin_cells *jin_cells_at(const struct jrt_method *method, uint32_t at)
{
    struct flow f = {.names = {.pool = jrt_pool_of(jrt_class_at(method->class_at))},
                     .method = method,
                     .code = job_at(method->bytecode),
                     .length = method->bytecode_length,
                     .room = (uint32_t)method->max_locals + method->max_stack};
    f.marks = calloc(f.length, 1);
    f.states = calloc(f.length, sizeof(struct jin_cells *));
    f.now = calloc(1, state_bytes(&f));
    f.scratch = calloc(1, state_bytes(&f));
    f.found = calloc(1, state_bytes(&f));
    f.no_memory = f.marks == NULL || f.states == NULL || f.now == NULL || f.scratch == NULL ||
                  f.found == NULL;
    f.failed = f.no_memory;
    if (!f.failed) {
        follow(&f, at);
    }
    if (!f.failed) {
        drop_arguments(&f, at);
    }
    for (uint32_t i = 0; f.states != NULL && i < f.length; i++) {
        free(f.states[i]);
    }
    free(f.marks);
    free(f.states);
    free(f.now);
    free(f.scratch);
    if (f.no_memory) {
        free(f.found);
        f.found = NULL;
    } else if (f.failed) {
        memset(f.found, 0, state_bytes(&f));
    }
    return f.found;
}
