/* Instructions that name an entry of the constant pool: written unresolved (jin_resolve.c makes
 * them what they are). */
#include "jvm/classfile/jcf_descriptor.h"
#include "jvm/interpreter/jin_translate_priv.h"

static struct jcf_text utf8(const struct jin_translator *t, uint16_t index)
{
    const uint8_t *text = jrt_pool_bytes(t->pool) + jrt_pool_value(t->pool, index);
    return (struct jcf_text){.data = text, .length = (uint16_t)(text[-2] << 8 | text[-1])};
}

struct jcf_text jin_descriptor(const struct jin_translator *t, uint16_t index)
{
    uint16_t name_and_type = jrt_pool_low(t->pool, index);
    return utf8(t, jrt_pool_low(t->pool, name_and_type));
}

static unsigned width_of(const struct jcf_text *descriptor)
{
    return descriptor->data[0] == 'J' || descriptor->data[0] == 'D' ? 2 : 1;
}

static void load_constant(struct jin_translator *t, const struct jcf_insn *insn)
{
    uint8_t tag = t->pool->tags[insn->index];
    switch (tag) {
    case JCF_TAG_INTEGER:
    case JCF_TAG_FLOAT:
        jin_push_number(t, (int32_t)jrt_pool_value(t->pool, insn->index));
        return;
    case JCF_TAG_LONG:
    case JCF_TAG_DOUBLE:
        jin_push(t, (struct jin_operand){.kind = JIN_WIDE,
                                         .width = 2,
                                         .number = (int32_t)jin_wide_constant(
                                             t, (int64_t)jrt_pool_wide(t->pool, insn->index))});
        return;
    default:
        break;
    }
    jin_place_here(t);
    uint32_t site = jin_site(t, insn->index, 0);
    uint16_t to = jin_push_made(t, insn->op == JCF_OP_LDC2_W ? 2 : 1);
    (void)jin_emit(t, JIN_LDC_U, to, site, 0);
}

static void field_op(struct jin_translator *t, const struct jcf_insn *insn)
{
    struct jcf_text descriptor = jin_descriptor(t, insn->index);
    unsigned width = width_of(&descriptor);
    jin_place_here(t);
    uint32_t site = jin_site(t, insn->index, 0);
    struct jin_operand value = {.kind = JIN_IN_SLOT};
    struct jin_operand object = {.kind = JIN_IN_SLOT};
    bool put = insn->op == JCF_OP_PUTFIELD || insn->op == JCF_OP_PUTSTATIC;
    bool fixed = insn->op == JCF_OP_GETSTATIC || insn->op == JCF_OP_PUTSTATIC;
    if (put) {
        value = jin_pop(t, width);
    }
    if (!fixed) {
        object = jin_pop(t, 1);
    }
    uint32_t slot_value = put ? jin_slot(t, &value) : 0;
    uint32_t slot_object = fixed ? 0 : jin_slot(t, &object);
    if (put) {
        (void)(fixed ? jin_emit(t, JIN_PUTS_U, site, slot_value, 0)
                     : jin_emit(t, JIN_PUT_U, slot_object, site, slot_value));
        return;
    }
    uint16_t to = jin_push_made(t, width);
    (void)(fixed ? jin_emit(t, JIN_GETS_U, to, site, 0)
                 : jin_emit(t, JIN_GET_U, to, slot_object, site));
}

/* Arguments go to where the callee's locals will be: two slots above their own places, the last
 * first. */
static void arguments(struct jin_translator *t, uint32_t slots)
{
    while (slots > 0 && !t->failed) {
        struct jin_operand operand = jin_pop(t, t->count != 0 ? t->stack[t->count - 1].width : 1);
        if (operand.width > slots) {
            jin_fail(t, "operand stack does not fit the call");
            return;
        }
        slots -= operand.width;
        jin_move_to(t, t->base + operand.depth + JRT_FRAME_SLOTS, &operand);
    }
}

static void call(struct jin_translator *t, const struct jcf_insn *insn)
{
    struct jcf_signature signature;
    jcf_signature_of(jin_descriptor(t, insn->index), &signature);
    bool receiver = insn->op != JCF_OP_INVOKESTATIC && insn->op != JCF_OP_INVOKEDYNAMIC;
    uint32_t slots = signature.slots + (receiver ? 1u : 0u);
    arguments(t, slots);
    jin_place_here(t);
    uint32_t site = jin_site(t, insn->index, slots);
    (void)jin_emit(t, insn->op == JCF_OP_INVOKEDYNAMIC ? JIN_CALL_DYNAMIC_U : JIN_CALL_U,
                   t->base + t->depth + JRT_FRAME_SLOTS, site, insn->op);
    if (signature.result.slots != 0) {
        jin_push_slot(t, t->base + t->depth, signature.result.slots);
    }
}

static void multi_array(struct jin_translator *t, const struct jcf_insn *insn)
{
    uint32_t dimensions = (uint32_t)insn->value;
    jin_flush(t, 0);
    for (uint32_t i = 0; i < dimensions; i++) {
        (void)jin_pop(t, 1);
    }
    jin_place_here(t);
    uint32_t site = jin_site(t, insn->index, dimensions);
    (void)jin_emit(t, JIN_NEW_MULTI_U, t->base + t->depth, site, 0);
    jin_push_slot(t, t->base + t->depth, 1);
}

static void object_op(struct jin_translator *t, const struct jcf_insn *insn)
{
    jin_place_here(t);
    uint32_t site = jin_site(t, insn->index, 0);
    if (insn->op == JCF_OP_NEW) {
        uint16_t to = jin_push_made(t, 1);
        (void)jin_emit(t, JIN_NEW_U, to, site, 0);
        return;
    }
    struct jin_operand operand = jin_pop(t, 1);
    uint32_t slot = jin_slot(t, &operand);
    if (insn->op == JCF_OP_CHECKCAST) {
        (void)jin_emit(t, JIN_CAST_U, slot, site, 0);
        operand.made = 0; /* what made it stays before the check */
        if (operand.kind != JIN_IN_SLOT) {
            operand = (struct jin_operand){.kind = JIN_IN_SLOT, .width = 1, .slot = (uint16_t)slot};
        }
        jin_push(t, operand);
        return;
    }
    uint16_t to = jin_push_made(t, 1);
    (void)jin_emit(t, insn->op == JCF_OP_INSTANCEOF ? JIN_INSTANCE_U : JIN_NEW_REFS_U, to, slot,
                   site);
}

void jin_member_op(struct jin_translator *t, const struct jcf_insn *insn)
{
    if (insn->index >= t->pool->count && insn->op != JCF_OP_NEWARRAY) {
        jin_fail(t, "a constant's index is out of range");
        return;
    }
    switch (insn->op) {
    case JCF_OP_LDC:
    case JCF_OP_LDC_W:
    case JCF_OP_LDC2_W:
        load_constant(t, insn);
        break;
    case JCF_OP_GETFIELD:
    case JCF_OP_PUTFIELD:
    case JCF_OP_GETSTATIC:
    case JCF_OP_PUTSTATIC:
        field_op(t, insn);
        break;
    case JCF_OP_INVOKEVIRTUAL:
    case JCF_OP_INVOKESPECIAL:
    case JCF_OP_INVOKESTATIC:
    case JCF_OP_INVOKEINTERFACE:
    case JCF_OP_INVOKEDYNAMIC:
        call(t, insn);
        break;
    case JCF_OP_MULTIANEWARRAY:
        multi_array(t, insn);
        break;
    default:
        object_op(t, insn);
        break;
    }
}
