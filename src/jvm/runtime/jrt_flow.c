/*
 * The stack before each instruction, by passes over the code in its order, as far as HotSpot goes,
 * whose messages must be the same: until the instruction that is asked about has a stack, else
 * until a pass comes to no new instruction. What a way back brings to a place that was passed is
 * seen by a further pass alone. Where ways meet with different sources, a slot's source is unknown.
 * Handlers are there from the start; what follows a jsr is not reached by it, and ret leads
 * nowhere.
 */
#include "jvm/runtime/jrt_flow.h"

#include <string.h>

#include "jvm/classfile/jcf_code.h"
#include "jvm/runtime/jrt_class_priv.h"
#include "jvm/runtime/jrt_pool.h"

struct working {
    struct jrt_flow *flow;
    struct jrt_flow_stack *stack; /* what the instruction leaves */
    uint32_t room;
    bool added, bad;
};

uint32_t jrt_flow_value_slots(const char *descriptor)
{
    return *descriptor == 'V' ? 0 : *descriptor == 'J' || *descriptor == 'D' ? 2 : 1;
}

uint32_t jrt_flow_argument_slots(const char *descriptor)
{
    uint32_t slots = 0;
    for (const char *at = descriptor + 1; *at && *at != ')'; at++) {
        slots += jrt_flow_value_slots(at);
        while (*at == '[') {
            at++;
        }
        if (*at == 'L') {
            at = strchr(at, ';');
        }
    }
    return slots;
}

static void push(struct working *w, uint32_t slots, int32_t from)
{
    while (slots--) {
        if (w->stack->depth == w->room) {
            w->bad = true;
            return;
        }
        w->stack->from[w->stack->depth++] = from;
    }
}

static void pop(struct working *w, uint32_t slots)
{
    if (slots > w->stack->depth) {
        w->bad = true;
        slots = w->stack->depth;
    }
    w->stack->depth -= (uint16_t)slots;
}

/* Puts the `count` slots on top in again, `below` slots further down. */
static void duplicate(struct working *w, uint32_t count, uint32_t below)
{
    struct jrt_flow_stack *stack = w->stack;
    if (count + below > stack->depth || stack->depth + count > w->room) {
        w->bad = true;
        return;
    }
    for (uint32_t i = 0; i < count + below; i++) {
        stack->from[stack->depth + count - 1 - i] = stack->from[stack->depth - 1 - i];
    }
    for (uint32_t i = 0; i < count; i++) {
        stack->from[stack->depth - below - count + i] = stack->from[stack->depth + i];
    }
    stack->depth += (uint16_t)count;
}

static void move(struct working *w, uint8_t op)
{
    switch (op) {
    case JCF_OP_POP:
        pop(w, 1);
        break;
    case JCF_OP_POP2:
        pop(w, 2);
        break;
    case JCF_OP_DUP:
        duplicate(w, 1, 0);
        break;
    case JCF_OP_DUP_X1:
        duplicate(w, 1, 1);
        break;
    case JCF_OP_DUP_X2:
        duplicate(w, 1, 2);
        break;
    case JCF_OP_DUP2:
        duplicate(w, 2, 0);
        break;
    case JCF_OP_DUP2_X1:
        duplicate(w, 2, 1);
        break;
    case JCF_OP_DUP2_X2:
        duplicate(w, 2, 2);
        break;
    default: /* swap: as dup_x1 without the copy on top */
        duplicate(w, 1, 1);
        pop(w, 1);
        break;
    }
}

static uint32_t slots_of(const char *types)
{
    uint32_t slots = 0;
    for (; *types; types++) {
        slots += *types == '*' ? 0 : *types == 'J' || *types == 'D' ? 2 : 1;
    }
    return slots;
}

/* Instructions whose effect their constant tells. */
static void run_constant(struct working *w, const struct jcf_insn *insn)
{
    const struct jrt_class *in = jrt_class_at(w->flow->method->class_at);
    const struct jcf_op_facts *facts = &jcf_ops[insn->op];
    int32_t at = (int32_t)insn->at;
    if (insn->op == JCF_OP_LDC || insn->op == JCF_OP_LDC_W || insn->op == JCF_OP_LDC2_W) {
        push(w, insn->op == JCF_OP_LDC2_W ? 2 : 1, at);
        return;
    }
    if (insn->op == JCF_OP_MULTIANEWARRAY) {
        pop(w, (uint32_t)insn->value);
        push(w, 1, at);
        return;
    }
    struct jrt_member_name member;
    if (!jrt_pool_member(in, insn->index, &member)) {
        w->bad = true;
        return;
    }
    const char *descriptor = jrt_text(member.descriptor);
    if (facts->facts & JCF_FACT_INVOKE) {
        pop(w, jrt_flow_argument_slots(descriptor) + slots_of(facts->pops));
        const char *result = strchr(descriptor, ')');
        push(w, result ? jrt_flow_value_slots(result + 1) : 0, at);
        return;
    }
    bool puts = insn->op == JCF_OP_PUTFIELD || insn->op == JCF_OP_PUTSTATIC;
    pop(w, slots_of(facts->pops) + (puts ? jrt_flow_value_slots(descriptor) : 0));
    push(w, puts ? 0 : jrt_flow_value_slots(descriptor), at);
}

static void run(struct working *w, const struct jcf_insn *insn)
{
    const struct jcf_op_facts *facts = &jcf_ops[insn->op];
    if (facts->facts & JCF_FACT_STACK) {
        move(w, insn->op);
        return;
    }
    if (insn->op == JCF_OP_CHECKCAST) {
        return; /* what is cast comes from where it came from */
    }
    if (strchr(facts->pops, '*') || strchr(facts->pushes, '*')) {
        run_constant(w, insn);
        return;
    }
    pop(w, slots_of(facts->pops));
    push(w, slots_of(facts->pushes), (int32_t)insn->at);
    if (((facts->facts & JCF_FACT_STORE) || insn->op == JCF_OP_IINC) && insn->index < 64) {
        w->stack->written |= (uint64_t)1 << insn->index;
    }
}

static struct jrt_flow_stack *new_stack(struct jrt_flow *flow, uint32_t room)
{
    return st_arena_zeroed(flow->arena, 1, sizeof(struct jrt_flow_stack) + room * sizeof(int32_t),
                           8);
}

/* What is on the stack when control comes to `target`. */
static void arrive(struct working *w, uint32_t target)
{
    struct jrt_flow *flow = w->flow;
    if (target >= flow->length) {
        w->bad = true;
        return;
    }
    struct jrt_flow_stack *there = flow->stacks[target];
    if (!there) {
        there = new_stack(flow, w->stack->depth);
        if (!there) {
            w->bad = true;
            return;
        }
        memcpy(there, w->stack, sizeof(*there) + w->stack->depth * sizeof(int32_t));
        flow->stacks[target] = there;
        w->added = true;
        return;
    }
    if (there->depth != w->stack->depth) {
        w->bad = true;
        return;
    }
    there->written |= w->stack->written;
    for (uint32_t i = 0; i < there->depth; i++) {
        if (there->from[i] != w->stack->from[i]) {
            there->from[i] = JRT_FLOW_UNKNOWN;
        }
    }
}

static void arrive_by(struct working *w, const struct jcf_insn *insn)
{
    uint16_t facts = jcf_ops[insn->op].facts;
    if (facts & (JCF_FACT_BRANCH | JCF_FACT_SWITCH)) {
        arrive(w, insn->at + (uint32_t)insn->value);
    }
    for (uint32_t i = 0; (facts & JCF_FACT_SWITCH) && i < insn->count && !w->bad; i++) {
        struct jcf_switch_entry entry = jcf_switch_entry(w->flow->code, insn, i);
        arrive(w, insn->at + (uint32_t)entry.distance);
    }
    if (!(facts & JCF_FACT_ENDS)) {
        arrive(w, insn->at + insn->length);
    }
}

/* A handler begins with the exception alone. */
static void arrive_at_handlers(struct working *w)
{
    const struct jrt_method *method = w->flow->method;
    const struct jrt_handler *handlers = job_at(method->handlers);
    w->stack->depth = 1;
    w->stack->from[0] = JRT_FLOW_UNKNOWN;
    for (uint32_t i = 0; i < method->handler_count && !w->bad; i++) {
        arrive(w, handlers[i].target);
    }
}

/* Over all of the code once; ends earlier at `end`, once it has a stack. */
static void pass(struct working *w, uint32_t end)
{
    struct jrt_flow *flow = w->flow;
    struct jcf_insn insn;
    for (uint32_t at = 0; at < flow->length && !w->bad; at += insn.length) {
        const struct jrt_flow_stack *stack = flow->stacks[at];
        if (at == end && stack) {
            w->added = false;
            return;
        }
        if (jcf_insn_decode(flow->code, flow->length, at, &insn) < 0) {
            w->bad = true;
            return;
        }
        if (stack) {
            memcpy(w->stack, stack, sizeof(*stack) + stack->depth * sizeof(int32_t));
            run(w, &insn);
            if (!w->bad) {
                arrive_by(w, &insn);
            }
        }
    }
}

bool jrt_flow_make(struct jrt_flow *flow, const struct jrt_method *method, uint32_t end,
                   struct st_arena *arena)
{
    *flow = (struct jrt_flow){.method = method,
                              .code = job_at(method->bytecode),
                              .length = method->bytecode_length,
                              .arena = arena};
    uint32_t room = method->max_stack + 8u; /* swap's detour takes one more */
    flow->stacks = st_arena_array(arena, struct jrt_flow_stack *, flow->length);
    struct working w = {.flow = flow, .stack = new_stack(flow, room), .room = room};
    if (!flow->stacks || !w.stack) {
        return false;
    }
    arrive(&w, 0);
    arrive_at_handlers(&w);
    while (w.added && !w.bad) {
        w.added = false;
        pass(&w, end);
    }
    return !w.bad;
}
