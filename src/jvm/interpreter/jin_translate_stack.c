/* pop, dup and their kind, mostly without a word of code. */
#include "base/assert.h"
#include "jvm/interpreter/jin_translate_priv.h"

enum { MOST = 4 /* operands that one of them moves */ };

/* The `count` operands on top, the deepest first. */
struct group {
    struct jin_operand of[MOST];
    unsigned count;
};

/* Pops operands of `slots` slots in all. */
static struct group pop_slots(struct jin_translator *t, unsigned slots)
{
    struct group group = {.count = 0};
    struct jin_operand popped[MOST];
    while (slots > 0 && !t->failed && group.count < MOST) {
        unsigned width = t->count != 0 ? t->stack[t->count - 1].width : 1;
        if (width > slots) {
            jin_fail(t, "an instruction splits a long or double");
            break;
        }
        popped[group.count++] = jin_pop(t, width);
        slots -= width;
    }
    for (unsigned i = 0; i < group.count; i++) {
        group.of[i] = popped[group.count - 1 - i];
        group.of[i].made = 0; /* it may stand twice from here on */
    }
    return group;
}

static bool is_canonical(const struct jin_translator *t, const struct jin_operand *operand)
{
    return operand->kind == JIN_IN_SLOT && operand->slot >= t->base;
}

/* Copies operands that are in canonical slots out of the way, above all that the operation touches.
 */
static void save(struct jin_translator *t, struct group *group, uint32_t *free)
{
    for (unsigned i = 0; i < group->count; i++) {
        if (is_canonical(t, &group->of[i])) {
            (void)jin_emit(t, JIN_MOV, *free, group->of[i].slot, 0);
            group->of[i].slot = (uint16_t)*free;
            (*free)++;
        }
    }
}

/* Pushes them again; those that were saved get their canonical slots. */
static void push_saved(struct jin_translator *t, const struct group *group)
{
    for (unsigned i = 0; i < group->count; i++) {
        struct jin_operand operand = group->of[i];
        if (is_canonical(t, &operand)) {
            uint32_t slot = t->base + t->depth;
            (void)jin_emit(t, JIN_MOV, slot, operand.slot, 0);
            operand.slot = (uint16_t)slot;
        }
        jin_push(t, operand);
    }
}

/* ..., under, top -> ..., top (if `copy`), under, top. */
static void insert(struct jin_translator *t, unsigned top_slots, unsigned under_slots, bool copy)
{
    struct group top = pop_slots(t, top_slots);
    struct group under = pop_slots(t, under_slots);
    /* Behind what the result needs: nothing reads those slots between here and the pushes. */
    uint32_t free = t->base + t->depth + 2 * top_slots + under_slots;
    save(t, &top, &free);
    save(t, &under, &free);
    if (copy) {
        push_saved(t, &top);
        push_saved(t, &under);
        push_saved(t, &top);
    } else {
        push_saved(t, &top);
        push_saved(t, &under);
    }
}

/* dup_x1 of a value that was just computed over a local or constant: one move. The usual case, of
 * x.f++. */
static bool insert_over_local(struct jin_translator *t)
{
    if (t->count < 2) {
        return false;
    }
    struct jin_operand top = t->stack[t->count - 1];
    struct jin_operand under = t->stack[t->count - 2];
    if (top.width != 1 || under.width != 1 || !is_canonical(t, &top) || is_canonical(t, &under)) {
        return false;
    }
    (void)jin_pop(t, 1);
    (void)jin_pop(t, 1);
    uint32_t slot = t->base + t->depth;
    (void)jin_emit(t, JIN_MOV, slot, top.slot, 0);
    under.made = 0;
    jin_push_slot(t, slot, 1);
    jin_push(t, under);
    jin_push_slot(t, slot, 1);
    return true;
}

static void duplicate(struct jin_translator *t, unsigned slots)
{
    struct group group = pop_slots(t, slots);
    for (unsigned times = 0; times < 2; times++) {
        for (unsigned i = 0; i < group.count; i++) {
            jin_push(t, group.of[i]);
        }
    }
}

void jin_stack_op(struct jin_translator *t, const struct jcf_insn *insn)
{
    switch (insn->op) {
    case JCF_OP_POP:
        (void)pop_slots(t, 1);
        break;
    case JCF_OP_POP2:
        (void)pop_slots(t, 2);
        break;
    case JCF_OP_DUP:
        duplicate(t, 1);
        break;
    case JCF_OP_DUP2:
        duplicate(t, 2);
        break;
    case JCF_OP_DUP_X1:
        if (!insert_over_local(t)) {
            insert(t, 1, 1, true);
        }
        break;
    case JCF_OP_DUP_X2:
        insert(t, 1, 2, true);
        break;
    case JCF_OP_DUP2_X1:
        insert(t, 2, 1, true);
        break;
    case JCF_OP_DUP2_X2:
        insert(t, 2, 2, true);
        break;
    case JCF_OP_SWAP:
        insert(t, 1, 1, false);
        break;
    default:
        ST_UNREACHABLE();
    }
}
