/*
 * The translator: from bytecode to 3-address code (jin_code.h), in one pass.
 *
 * It keeps the operand stack in its head: loads and constants write nothing, an instruction's
 * operands are wherever they are, and a store changes the instruction before it to write the local
 * at once. Before an instruction that is jumped to (a leader), and before a branch, every operand
 * is written to the slot that its depth gives it, so all ways to a leader agree. Code is translated
 * in the order of the bytecode; what is reached only from further down is translated after it.
 *
 * Code of verified classes is sound. What unverified code could do wrong to the translator itself
 * (stack under- and overflow, jumps into nowhere) is checked and fails with VerifyError.
 */
#include <stdlib.h>
#include <string.h>

#include "jvm/interpreter/jin_translate_priv.h"
#include "jvm/runtime/jrt_intrinsic.h"
#include "jvm/runtime/jrt_meta.h"
#include "jvm/runtime/jrt_throw.h"

enum {
    LONG_BRANCH_FROM = 20000, /* bytes of code from which distances may need more than 16 bits */
    SLOTS_MAX = 65000,
    SPARE_SLOTS = 6 /* a callee's header; what dup and its kind need */
};

/* ---- arithmetic: one row an opcode ---- */

struct arithmetic {
    uint8_t op;           /* enum jcf_op */
    uint8_t from, to;     /* widths of operands and of the result */
    uint8_t second;       /* width of the second operand, 0: none */
    uint16_t code;        /* enum jin_op */
    uint16_t code_number; /* with a 16-bit number as second operand; 0: none */
};

#define BOTH(name) JIN_##name, JIN_##name##_N
static const struct arithmetic arithmetic[] = {
    {JCF_OP_IADD, 1, 1, 1, BOTH(ADD)},       {JCF_OP_ISUB, 1, 1, 1, JIN_SUB, 0},
    {JCF_OP_IMUL, 1, 1, 1, BOTH(MUL)},       {JCF_OP_IAND, 1, 1, 1, BOTH(AND)},
    {JCF_OP_IOR, 1, 1, 1, BOTH(OR)},         {JCF_OP_IXOR, 1, 1, 1, BOTH(XOR)},
    {JCF_OP_ISHL, 1, 1, 1, BOTH(SHL)},       {JCF_OP_ISHR, 1, 1, 1, BOTH(SHR)},
    {JCF_OP_IUSHR, 1, 1, 1, BOTH(USHR)},     {JCF_OP_IDIV, 1, 1, 1, JIN_DIV, 0},
    {JCF_OP_IREM, 1, 1, 1, JIN_REM, 0},      {JCF_OP_INEG, 1, 1, 0, JIN_NEG, 0},
    {JCF_OP_LADD, 2, 2, 2, BOTH(LADD)},      {JCF_OP_LSUB, 2, 2, 2, JIN_LSUB, 0},
    {JCF_OP_LMUL, 2, 2, 2, BOTH(LMUL)},      {JCF_OP_LAND, 2, 2, 2, BOTH(LAND)},
    {JCF_OP_LOR, 2, 2, 2, BOTH(LOR)},        {JCF_OP_LXOR, 2, 2, 2, BOTH(LXOR)},
    {JCF_OP_LSHL, 2, 2, 1, BOTH(LSHL)},      {JCF_OP_LSHR, 2, 2, 1, BOTH(LSHR)},
    {JCF_OP_LUSHR, 2, 2, 1, BOTH(LUSHR)},    {JCF_OP_LDIV, 2, 2, 2, JIN_LDIV, 0},
    {JCF_OP_LREM, 2, 2, 2, JIN_LREM, 0},     {JCF_OP_LNEG, 2, 2, 0, JIN_LNEG, 0},
    {JCF_OP_FADD, 1, 1, 1, JIN_FADD, 0},     {JCF_OP_FSUB, 1, 1, 1, JIN_FSUB, 0},
    {JCF_OP_FMUL, 1, 1, 1, JIN_FMUL, 0},     {JCF_OP_FDIV, 1, 1, 1, JIN_FDIV, 0},
    {JCF_OP_FREM, 1, 1, 1, JIN_FREM, 0},     {JCF_OP_FNEG, 1, 1, 0, JIN_FNEG, 0},
    {JCF_OP_DADD, 2, 2, 2, JIN_DADD, 0},     {JCF_OP_DSUB, 2, 2, 2, JIN_DSUB, 0},
    {JCF_OP_DMUL, 2, 2, 2, JIN_DMUL, 0},     {JCF_OP_DDIV, 2, 2, 2, JIN_DDIV, 0},
    {JCF_OP_DREM, 2, 2, 2, JIN_DREM, 0},     {JCF_OP_DNEG, 2, 2, 0, JIN_DNEG, 0},
    {JCF_OP_I2L, 1, 2, 0, JIN_I2L, 0},       {JCF_OP_I2F, 1, 1, 0, JIN_I2F, 0},
    {JCF_OP_I2D, 1, 2, 0, JIN_I2D, 0},       {JCF_OP_L2I, 2, 1, 0, JIN_L2I, 0},
    {JCF_OP_L2F, 2, 1, 0, JIN_L2F, 0},       {JCF_OP_L2D, 2, 2, 0, JIN_L2D, 0},
    {JCF_OP_F2I, 1, 1, 0, JIN_F2I, 0},       {JCF_OP_F2L, 1, 2, 0, JIN_F2L, 0},
    {JCF_OP_F2D, 1, 2, 0, JIN_F2D, 0},       {JCF_OP_D2I, 2, 1, 0, JIN_D2I, 0},
    {JCF_OP_D2L, 2, 2, 0, JIN_D2L, 0},       {JCF_OP_D2F, 2, 1, 0, JIN_D2F, 0},
    {JCF_OP_I2B, 1, 1, 0, JIN_I2B, 0},       {JCF_OP_I2C, 1, 1, 0, JIN_I2C, 0},
    {JCF_OP_I2S, 1, 1, 0, JIN_I2S, 0},       {JCF_OP_ARRAYLENGTH, 1, 1, 0, JIN_LENGTH, 0},
    {JCF_OP_IALOAD, 1, 1, 1, JIN_LOAD_W, 0}, {JCF_OP_LALOAD, 1, 2, 1, JIN_LOAD_L, 0},
    {JCF_OP_FALOAD, 1, 1, 1, JIN_LOAD_W, 0}, {JCF_OP_DALOAD, 1, 2, 1, JIN_LOAD_L, 0},
    {JCF_OP_AALOAD, 1, 1, 1, JIN_LOAD_W, 0}, {JCF_OP_BALOAD, 1, 1, 1, JIN_LOAD_B, 0},
    {JCF_OP_CALOAD, 1, 1, 1, JIN_LOAD_C, 0}, {JCF_OP_SALOAD, 1, 1, 1, JIN_LOAD_S, 0},
    {JCF_OP_LCMP, 2, 1, 2, JIN_LCMP, 0},     {JCF_OP_FCMPL, 1, 1, 1, JIN_FCMPL, 0},
    {JCF_OP_FCMPG, 1, 1, 1, JIN_FCMPG, 0},   {JCF_OP_DCMPL, 2, 1, 2, JIN_DCMPL, 0},
    {JCF_OP_DCMPG, 2, 1, 2, JIN_DCMPG, 0},
};
#undef BOTH

static const struct arithmetic *arithmetic_of(uint8_t op)
{
    static uint8_t index[256]; /* row + 1; the same whoever fills it in */
    if (index[JCF_OP_IADD] == 0) {
        for (unsigned i = ST_COUNT(arithmetic); i-- > 0;) {
            __atomic_store_n(&index[arithmetic[i].op], (uint8_t)(i + 1), __ATOMIC_RELEASE);
        }
    }
    return index[op] != 0 ? &arithmetic[index[op] - 1] : NULL;
}

/* The branch that lcmp and its like make with the if that follows; 0: none follows, or it is jumped
 * to. */
static enum jin_op fused_compare(const struct jin_translator *t, enum jin_op compare)
{
    static const uint16_t first[] = {[JIN_LCMP - JIN_LCMP] = JIN_IF_LEQ,
                                     [JIN_FCMPL - JIN_LCMP] = JIN_IF_FLEQ,
                                     [JIN_FCMPG - JIN_LCMP] = JIN_IF_FGEQ,
                                     [JIN_DCMPL - JIN_LCMP] = JIN_IF_DLEQ,
                                     [JIN_DCMPG - JIN_LCMP] = JIN_IF_DGEQ};
    uint32_t next = t->at + 1;
    if (compare < JIN_LCMP || compare > JIN_DCMPG || next >= t->length ||
        (t->marks[next] & JIN_MARK_LEADER) != 0 || t->code[next] < JCF_OP_IFEQ ||
        t->code[next] > JCF_OP_IFLE) {
        return 0;
    }
    return (enum jin_op)(first[compare - JIN_LCMP] + (t->code[next] - JCF_OP_IFEQ));
}

/* Before an instruction that may go back: every loop stops when it is asked to. */
static void poll_here(struct jin_translator *t)
{
    jin_place_here(t);
    (void)jin_emit(t, JIN_POLL, 0, 0, 0);
}

/* A conditional branch. Operands were popped, the rest of the stack flushed. */
static void branch(struct jin_translator *t, enum jin_op op, uint32_t a, uint32_t b,
                   uint32_t target)
{
    jin_keep_state(t, target);
    if (target <= t->at) {
        poll_here(t);
    }
    if (!t->long_branches) {
        jin_fixup(t, jin_emit(t, op, a, b, 0), target, 0, false);
        return;
    }
    /* The opposite one over a jump: the kinds stand in pairs EQ NE, LT GE, GT LE. */
    static const uint16_t firsts[] = {JIN_IF_EQ,   JIN_IF_EQ_N, JIN_IF_LEQ, JIN_IF_FLEQ,
                                      JIN_IF_FGEQ, JIN_IF_DLEQ, JIN_IF_DGEQ};
    unsigned i = ST_COUNT(firsts) - 1;
    while (firsts[i] > op) {
        i--;
    }
    enum jin_op opposite = (enum jin_op)(firsts[i] + ((op - firsts[i]) ^ 1u));
    (void)jin_emit(t, opposite, a, b, 2);
    jin_fixup(t, jin_emit(t, JIN_GOTO, 0, 0, 0), target, 0, true);
}

static uint32_t target_of(struct jin_translator *t, int32_t distance)
{
    int64_t target = (int64_t)t->at + distance;
    if (target < 0 || target >= t->length || (t->marks[target] & JIN_MARK_LEADER) == 0) {
        jin_fail(t, "a branch leads out of the code");
        return t->at;
    }
    return (uint32_t)target;
}

/* lcmp; ifxx in one. Returns the bytes of both. */
static uint32_t compare_and_branch(struct jin_translator *t, enum jin_op op, unsigned width)
{
    uint32_t at = t->at + 1;
    int32_t distance = (int16_t)(t->code[at + 1] << 8 | t->code[at + 2]);
    jin_flush(t, 2);
    struct jin_operand b = jin_pop(t, width);
    struct jin_operand a = jin_pop(t, width);
    uint32_t slot_b = jin_slot(t, &b);
    uint32_t slot_a = jin_slot(t, &a);
    branch(t, op, slot_a, slot_b, target_of(t, distance + 1));
    return 4;
}

static uint32_t arithmetic_op(struct jin_translator *t, const struct arithmetic *row)
{
    if ((jcf_ops[row->op].throws) != 0) {
        jin_place_here(t);
    }
    enum jin_op fused = fused_compare(t, (enum jin_op)row->code);
    if (fused != 0) {
        return compare_and_branch(t, fused, row->from);
    }
    struct jin_operand b = {.kind = JIN_IN_SLOT};
    if (row->second != 0) {
        b = jin_pop(t, row->second);
    }
    struct jin_operand a = jin_pop(t, row->from);
    if (row->second == 1 && row->code_number != 0 && jin_is_short(&b)) {
        uint32_t slot_a = jin_slot(t, &a);
        uint16_t to = jin_push_made(t, row->to);
        (void)jin_emit(t, (enum jin_op)row->code_number, to, slot_a, (uint16_t)b.number);
        return 1;
    }
    if (row->op == JCF_OP_ISUB && jin_is_short(&b) && b.number != INT16_MIN) {
        uint32_t slot_a = jin_slot(t, &a);
        uint16_t to = jin_push_made(t, 1);
        (void)jin_emit(t, JIN_ADD_N, to, slot_a, (uint16_t)-b.number);
        return 1;
    }
    uint32_t slot_b = row->second != 0 ? jin_slot(t, &b) : 0;
    uint32_t slot_a = jin_slot(t, &a);
    uint16_t to = jin_push_made(t, row->to);
    (void)jin_emit(t, (enum jin_op)row->code, to, slot_a, slot_b);
    return 1;
}

/* ---- constants, locals ---- */

static bool constant_op(struct jin_translator *t, const struct jcf_insn *insn)
{
    static const int64_t wide[] = {[JCF_OP_LCONST_0 - JCF_OP_LCONST_0] = 0,
                                   [JCF_OP_LCONST_1 - JCF_OP_LCONST_0] = 1,
                                   [JCF_OP_DCONST_0 - JCF_OP_LCONST_0] = 0,
                                   [JCF_OP_DCONST_1 - JCF_OP_LCONST_0] = 0x3ff0000000000000};
    static const int32_t floats[] = {0, 0x3f800000, 0x40000000};
    switch (insn->op) {
    case JCF_OP_ACONST_NULL:
        jin_push_number(t, 0);
        return true;
    case JCF_OP_LCONST_0:
    case JCF_OP_LCONST_1:
    case JCF_OP_DCONST_0:
    case JCF_OP_DCONST_1:
        jin_push(t, (struct jin_operand){
                        .kind = JIN_WIDE,
                        .width = 2,
                        .number = (int32_t)jin_wide_constant(t, wide[insn->op - JCF_OP_LCONST_0])});
        return true;
    case JCF_OP_FCONST_0:
    case JCF_OP_FCONST_1:
    case JCF_OP_FCONST_2:
        jin_push_number(t, floats[insn->op - JCF_OP_FCONST_0]);
        return true;
    default:
        break;
    }
    if (insn->op >= JCF_OP_ICONST_M1 && insn->op <= JCF_OP_SIPUSH) {
        jin_push_number(t, insn->value);
        return true;
    }
    return false;
}

static unsigned width_of_letter(char letter)
{
    return letter == 'J' || letter == 'D' ? 2 : 1;
}

static bool local_op(struct jin_translator *t, const struct jcf_insn *insn)
{
    const struct jcf_op_facts *facts = &jcf_ops[insn->op];
    if ((facts->facts & JCF_FACT_LOAD) != 0 && insn->op != JCF_OP_IINC && insn->op != JCF_OP_RET) {
        jin_push_slot(t, insn->index, width_of_letter(facts->pushes[0]));
        return true;
    }
    if (insn->op == JCF_OP_IINC) {
        jin_spill_local(t, insn->index);
        (void)jin_emit(t, JIN_ADD_N, insn->index, insn->index, (uint16_t)insn->value);
        return true;
    }
    if ((facts->facts & JCF_FACT_STORE) != 0) {
        struct jin_operand operand = jin_pop(t, width_of_letter(facts->pops[0]));
        jin_spill_local(t, insn->index);
        jin_move_to(t, insn->index, &operand);
        return true;
    }
    return false;
}

/* ---- branches ---- */

static void if_number(struct jin_translator *t, const struct jcf_insn *insn, enum jin_op op)
{
    jin_flush(t, 1);
    struct jin_operand a = jin_pop(t, 1);
    branch(t, op, jin_slot(t, &a), 0, target_of(t, insn->value));
}

static void if_two(struct jin_translator *t, const struct jcf_insn *insn, unsigned kind)
{
    jin_flush(t, 2);
    struct jin_operand b = jin_pop(t, 1);
    struct jin_operand a = jin_pop(t, 1);
    if (jin_is_short(&b)) {
        branch(t, (enum jin_op)(JIN_IF_EQ_N + kind), jin_slot(t, &a), (uint16_t)b.number,
               target_of(t, insn->value));
        return;
    }
    uint32_t slot_b = jin_slot(t, &b);
    branch(t, (enum jin_op)(JIN_IF_EQ + kind), jin_slot(t, &a), slot_b, target_of(t, insn->value));
}

static void jump(struct jin_translator *t, uint32_t target)
{
    jin_flush(t, 0);
    jin_keep_state(t, target);
    bool back = target <= t->at;
    if (back) {
        jin_place_here(t);
    }
    jin_fixup(t, jin_emit(t, back ? JIN_GOTO_BACK : JIN_GOTO, 0, 0, 0), target, 0, true);
}

static bool goes_back(const struct jin_translator *t, const struct jcf_insn *insn)
{
    bool back = insn->value <= 0;
    for (uint32_t i = 0; i < insn->count && !back; i++) {
        back = jcf_switch_entry(t->code, insn, i).distance <= 0;
    }
    return back;
}

static void switch_op(struct jin_translator *t, const struct jcf_insn *insn)
{
    jin_flush(t, 1);
    struct jin_operand key = jin_pop(t, 1);
    uint32_t slot = jin_slot(t, &key);
    if (goes_back(t, insn)) {
        poll_here(t);
    }
    uint32_t site = jin_site(t, 0, 0);
    bool table = insn->op == JCF_OP_TABLESWITCH;
    uint32_t words = t->word_count;
    (void)jin_word(t, table ? insn->low : (int32_t)insn->count);
    if (table) {
        (void)jin_word(t, (int32_t)insn->count);
    }
    uint32_t code = jin_emit(t, table ? JIN_TABLE_SWITCH : JIN_LOOKUP_SWITCH, slot, site, 0);
    uint32_t target = target_of(t, insn->value);
    jin_keep_state(t, target);
    jin_fixup(t, code, target, jin_word(t, 0) + 1, false);
    for (uint32_t i = 0; !table && i < insn->count; i++) {
        (void)jin_word(t, jcf_switch_entry(t->code, insn, i).key);
    }
    for (uint32_t i = 0; i < insn->count && !t->failed; i++) {
        target = target_of(t, jcf_switch_entry(t->code, insn, i).distance);
        jin_keep_state(t, target);
        jin_fixup(t, code, target, jin_word(t, 0) + 1, false);
    }
    if (!t->failed) {
        t->sites[site].at = words;
    }
}

static bool branch_op(struct jin_translator *t, const struct jcf_insn *insn)
{
    uint8_t op = insn->op;
    if (op >= JCF_OP_IFEQ && op <= JCF_OP_IFLE) {
        if_number(t, insn, (enum jin_op)(JIN_IF_EQ_N + (op - JCF_OP_IFEQ)));
    } else if (op >= JCF_OP_IF_ICMPEQ && op <= JCF_OP_IF_ICMPLE) {
        if_two(t, insn, op - JCF_OP_IF_ICMPEQ);
    } else if (op == JCF_OP_IF_ACMPEQ || op == JCF_OP_IF_ACMPNE) {
        if_two(t, insn, op - JCF_OP_IF_ACMPEQ);
    } else if (op == JCF_OP_IFNULL || op == JCF_OP_IFNONNULL) {
        if_number(t, insn, op == JCF_OP_IFNULL ? JIN_IF_EQ_N : JIN_IF_NE_N);
    } else if (op == JCF_OP_GOTO || op == JCF_OP_GOTO_W) {
        jump(t, target_of(t, insn->value));
    } else if (op == JCF_OP_TABLESWITCH || op == JCF_OP_LOOKUPSWITCH) {
        switch_op(t, insn);
    } else if (op == JCF_OP_JSR || op == JCF_OP_JSR_W) {
        jin_jsr(t, target_of(t, insn->value), t->at + insn->length);
    } else if (op == JCF_OP_RET) {
        jin_ret(t, insn->index);
    } else {
        return false;
    }
    return true;
}

/* ---- the rest that needs no constant pool ---- */

static void return_op(struct jin_translator *t, uint8_t op)
{
    static const uint16_t narrow[JRT_VOID + 1] = {[JRT_BOOLEAN] = JIN_RETURN_Z,
                                                  [JRT_BYTE] = JIN_RETURN_B,
                                                  [JRT_CHAR] = JIN_RETURN_C,
                                                  [JRT_SHORT] = JIN_RETURN_S};
    jin_place_here(t);
    if (op == JCF_OP_RETURN) {
        bool init = t->method->intrinsic == JRT_INTRINSIC_objectInit;
        (void)jin_emit(t, init ? JIN_RETURN_INIT : JIN_RETURN, 0, 0, 0);
        return;
    }
    bool wide = op == JCF_OP_LRETURN || op == JCF_OP_DRETURN;
    struct jin_operand value = jin_pop(t, wide ? 2 : 1);
    enum jin_op code = wide ? JIN_RETURN_L : JIN_RETURN_W;
    if (op == JCF_OP_IRETURN && narrow[t->method->return_type] != 0) {
        code = (enum jin_op)narrow[t->method->return_type];
    }
    (void)jin_emit(t, code, jin_slot(t, &value), 0, 0);
}

static void store_element(struct jin_translator *t, uint8_t op)
{
    static const uint16_t codes[] = {[JCF_OP_IASTORE - JCF_OP_IASTORE] = JIN_STORE_W,
                                     [JCF_OP_LASTORE - JCF_OP_IASTORE] = JIN_STORE_L,
                                     [JCF_OP_FASTORE - JCF_OP_IASTORE] = JIN_STORE_W,
                                     [JCF_OP_DASTORE - JCF_OP_IASTORE] = JIN_STORE_L,
                                     [JCF_OP_AASTORE - JCF_OP_IASTORE] = JIN_STORE_A,
                                     [JCF_OP_BASTORE - JCF_OP_IASTORE] = JIN_STORE_B,
                                     [JCF_OP_CASTORE - JCF_OP_IASTORE] = JIN_STORE_C,
                                     [JCF_OP_SASTORE - JCF_OP_IASTORE] = JIN_STORE_C};
    jin_place_here(t);
    struct jin_operand value = jin_pop(t, op == JCF_OP_LASTORE || op == JCF_OP_DASTORE ? 2 : 1);
    struct jin_operand index = jin_pop(t, 1);
    struct jin_operand array = jin_pop(t, 1);
    uint32_t slot_value = jin_slot(t, &value);
    uint32_t slot_index = jin_slot(t, &index);
    (void)jin_emit(t, (enum jin_op)codes[op - JCF_OP_IASTORE], jin_slot(t, &array), slot_index,
                   slot_value);
}

static void one_operand(struct jin_translator *t, enum jin_op code)
{
    jin_place_here(t);
    struct jin_operand operand = jin_pop(t, 1);
    (void)jin_emit(t, code, jin_slot(t, &operand), 0, 0);
}

static bool plain_op(struct jin_translator *t, const struct jcf_insn *insn)
{
    uint8_t op = insn->op;
    if (op >= JCF_OP_IRETURN && op <= JCF_OP_RETURN) {
        return_op(t, op);
    } else if (op >= JCF_OP_IASTORE && op <= JCF_OP_SASTORE) {
        store_element(t, op);
    } else if (op == JCF_OP_ATHROW) {
        one_operand(t, JIN_THROW);
    } else if (op == JCF_OP_MONITORENTER) {
        one_operand(t, JIN_ENTER);
    } else if (op == JCF_OP_MONITOREXIT) {
        one_operand(t, JIN_LEAVE);
    } else if (op == JCF_OP_NEWARRAY) {
        jin_place_here(t);
        struct jin_operand length = jin_pop(t, 1);
        uint32_t slot = jin_slot(t, &length);
        uint16_t to = jin_push_made(t, 1);
        (void)jin_emit(t, JIN_NEW_ARRAY, to, slot, insn->index);
    } else {
        return op == JCF_OP_NOP;
    }
    return true;
}

/* ---- blocks ---- */

uint8_t *jin_state_here(struct jin_translator *t)
{
    uint8_t *state = malloc(2 + t->count);
    if (state == NULL) {
        jin_fail(t, NULL);
        return NULL;
    }
    state[0] = (uint8_t)t->count;
    state[1] = (uint8_t)(t->count >> 8);
    for (uint32_t i = 0; i < t->count; i++) {
        state[2 + i] = t->stack[i].width;
    }
    return state;
}

void jin_keep_state(struct jin_translator *t, uint32_t target)
{
    if (t->failed || t->states[target] != NULL) {
        return;
    }
    t->states[target] = jin_state_here(t);
    if (t->routine_of != NULL) {
        t->routine_of[target] = t->routine;
    }
    t->marks[target] |= JIN_MARK_KNOWN;
}

static void take_state(struct jin_translator *t, uint32_t at)
{
    const uint8_t *state = t->states[at];
    uint32_t count = state[0] | (uint32_t)state[1] << 8;
    t->count = 0;
    t->depth = 0;
    t->routine = t->routine_of != NULL ? t->routine_of[at] : 0;
    for (uint32_t i = 0; i < count; i++) {
        jin_push_slot(t, t->base + t->depth, state[2 + i]);
    }
}

static uint32_t translate_one(struct jin_translator *t, const struct jcf_insn *insn)
{
    const struct arithmetic *row = arithmetic_of(insn->op);
    if (row != NULL) {
        return arithmetic_op(t, row);
    }
    if (!constant_op(t, insn) && !local_op(t, insn) && !branch_op(t, insn) && !plain_op(t, insn)) {
        if ((jcf_ops[insn->op].facts & JCF_FACT_STACK) != 0) {
            jin_stack_op(t, insn);
        } else {
            jin_member_op(t, insn);
        }
    }
    return insn->length;
}

/* From a leader whose stack is known to where the code does not go on, or to what is translated
 * already. */
static void translate_from(struct jin_translator *t, uint32_t at)
{
    take_state(t, at);
    for (;;) {
        t->at = at;
        if ((t->marks[at] & JIN_MARK_LEADER) != 0) {
            jin_flush(t, 0);
            jin_keep_state(t, at);
            if ((t->marks[at] & JIN_MARK_DONE) != 0) {
                jin_fixup(t, jin_emit(t, JIN_GOTO, 0, 0, 0), at, 0, true);
                return;
            }
            t->marks[at] |= JIN_MARK_DONE;
            t->insn_of[at] = t->insn_count;
            t->barrier = t->insn_count;
        }
        struct jcf_insn insn;
        if (t->failed || jcf_insn_decode(t->code, t->length, at, &insn) < 0) {
            jin_fail(t, "an instruction is cut off");
            return;
        }
        if (at == t->stop) {
            t->stopped = true;
            jin_fail(t, "it was to stop here");
            return;
        }
        if (t->routine_of != NULL) {
            jin_tell_handlers(t, at);
        }
        insn.index = jin_local(t, &insn);
        at += translate_one(t, &insn);
        if ((jcf_ops[insn.op].facts & JCF_FACT_ENDS) != 0) {
            return;
        }
        if (at >= t->length) {
            jin_fail(t, "control flow falls through code end");
            return;
        }
    }
}

static void mark(struct jin_translator *t, int64_t target, uint8_t how)
{
    if (target >= 0 && target < t->length) {
        t->marks[target] |= how;
    } else {
        jin_fail(t, "a branch leads out of the code");
    }
}

static void mark_leaders(struct jin_translator *t)
{
    struct jcf_insn insn;
    mark(t, 0, JIN_MARK_LEADER);
    for (uint32_t at = 0; at < t->length && !t->failed; at += insn.length) {
        if (jcf_insn_decode(t->code, t->length, at, &insn) < 0) {
            jin_fail(t, "an instruction is cut off");
            return;
        }
        uint16_t facts = jcf_ops[insn.op].facts;
        if ((facts & (JCF_FACT_BRANCH | JCF_FACT_SWITCH)) != 0) {
            mark(t, (int64_t)at + insn.value, JIN_MARK_LEADER);
        }
        for (uint32_t i = 0; (facts & JCF_FACT_SWITCH) != 0 && i < insn.count; i++) {
            mark(t, (int64_t)at + jcf_switch_entry(t->code, &insn, i).distance, JIN_MARK_LEADER);
        }
        if ((insn.op == JCF_OP_JSR || insn.op == JCF_OP_JSR_W) && at + insn.length < t->length) {
            mark(t, at + insn.length, JIN_MARK_LEADER);
        }
    }
    const struct jrt_handler *handlers = job_at(t->method->handlers);
    for (uint32_t i = 0; i < t->method->handler_count; i++) {
        mark(t, handlers[i].target, JIN_MARK_LEADER | JIN_MARK_HANDLER);
    }
}

/* A handler that no code leads to begins with the exception alone. */
static void enter_handler(struct jin_translator *t, uint32_t at)
{
    t->count = 0;
    t->depth = 0;
    t->routine = t->routine_of != NULL ? t->routine_of[at] : 0;
    jin_push_slot(t, t->base, 1);
    jin_keep_state(t, at);
}

/* What is known and not translated yet, once through the code. false: there was nothing. */
static bool translate_known(struct jin_translator *t, bool handlers)
{
    bool more = false;
    for (uint32_t at = 0; at < t->length && !t->failed; at++) {
        bool handler = handlers && (t->marks[at] & JIN_MARK_HANDLER) != 0;
        if ((t->marks[at] & JIN_MARK_DONE) != 0 ||
            (!handler && (t->marks[at] & JIN_MARK_KNOWN) == 0)) {
            continue;
        }
        if (handler && t->states[at] == NULL) {
            enter_handler(t, at);
        }
        if (!t->failed) {
            translate_from(t, at);
            more = true;
        }
        if (handler && t->routine_of != NULL) {
            return true;
        }
    }
    return more;
}

/* Where there are subroutines, handlers wait for what is known without them. */
static void translate_blocks(struct jin_translator *t)
{
    jin_keep_state(t, 0);
    bool handlers = t->routine_of == NULL;
    for (bool more = true; more && !t->failed;) {
        more = translate_known(t, handlers);
        if (t->routine_of == NULL) {
            continue;
        }
        bool asked = handlers;
        handlers = !more && !asked;
        more = more || !asked || jin_return_anyway(t);
    }
    (void)jin_emit(t, JIN_UNREACHABLE, 0, 0, 0);
}

static void fix(struct jin_translator *t)
{
    for (uint32_t i = 0; i < t->fixup_count && !t->failed; i++) {
        const struct jin_fixup *fixup = &t->fixups[i];
        if ((t->marks[fixup->target] & JIN_MARK_DONE) == 0) {
            jin_fail(t, "a branch leads into the middle of an instruction");
            return;
        }
        int32_t distance = (int32_t)(t->insn_of[fixup->target] - fixup->insn);
        struct jin_insn *insn = &t->insns[fixup->insn];
        if (fixup->word != 0) {
            t->words[fixup->word - 1] = distance;
        } else if (fixup->far) {
            insn->b = (uint16_t)distance;
            insn->c = (uint16_t)((uint32_t)distance >> 16);
        } else if (distance == (int16_t)distance) {
            insn->c = (uint16_t)distance;
        } else {
            t->long_branches = true; /* once more, with room */
            return;
        }
    }
}

/* ---- the result ---- */

static uint32_t count_leaders(const struct jin_translator *t)
{
    uint32_t count = 0;
    for (uint32_t at = 0; at < t->length; at++) {
        count += (t->marks[at] & JIN_MARK_HANDLER) != 0;
    }
    return count;
}

/* A part of the result; it may be empty. */
static void put(void *to, const void *from, size_t bytes)
{
    if (bytes != 0) {
        memcpy(to, from, bytes);
    }
}

static uint32_t frame_slots(const struct jin_translator *t)
{
    return t->base + (t->renumbered != NULL ? t->deepest : t->max_depth) + SPARE_SLOTS;
}

static struct jin_code *pack(struct jin_translator *t)
{
    uint32_t leaders = count_leaders(t);
    uint32_t at = (uint32_t)sizeof(struct jin_code) + t->insn_count * (uint32_t)sizeof *t->insns;
    uint32_t wide = at;
    at += t->wide_count * (uint32_t)sizeof *t->wide;
    uint32_t sites = at;
    at += t->site_count * (uint32_t)sizeof *t->sites;
    uint32_t places = at;
    at += t->place_count * (uint32_t)sizeof *t->places;
    uint32_t words = at;
    at += t->word_count * (uint32_t)sizeof *t->words;
    uint32_t leaders_at = at;
    at += leaders * (uint32_t)sizeof(struct jin_leader);
    struct jin_code *code = jrt_class_meta(t->class, JOB_META_WRITTEN, at);
    if (code == NULL) {
        jin_fail(t, NULL);
        return NULL;
    }
    *code = (struct jin_code){.method = job_offset(t->method),
                              .frame_slots = frame_slots(t),
                              .locals = t->base,
                              .insn_count = t->insn_count,
                              .site_count = t->site_count,
                              .place_count = t->place_count,
                              .word_count = t->word_count,
                              .wide_count = t->wide_count,
                              .leader_count = leaders,
                              .sites = sites,
                              .places = places,
                              .words = words,
                              .wide = wide,
                              .leaders = leaders_at};
    put(code->insns, t->insns, t->insn_count * sizeof *t->insns);
    put((char *)code + wide, t->wide, t->wide_count * sizeof *t->wide);
    put((char *)code + sites, t->sites, t->site_count * sizeof *t->sites);
    put((char *)code + places, t->places, t->place_count * sizeof *t->places);
    put((char *)code + words, t->words, t->word_count * sizeof *t->words);
    struct jin_leader *leader = (struct jin_leader *)((char *)code + leaders_at);
    for (uint32_t i = 0; i < t->length; i++) {
        if ((t->marks[i] & JIN_MARK_HANDLER) != 0) {
            *leader++ = (struct jin_leader){.bytecode_index = i, .insn = t->insn_of[i]};
        }
    }
    return code;
}

void jin_translator_done(struct jin_translator *t)
{
    for (uint32_t i = 0; t->states != NULL && i < t->length; i++) {
        free(t->states[i]);
    }
    jin_routines_done(t);
    free(t->marks);
    free(t->insn_of);
    free(t->states);
    free(t->stack);
    free(t->renumbered);
    free(t->insns);
    free(t->sites);
    free(t->places);
    free(t->words);
    free(t->wide);
    free(t->fixups);
}

static void prepare(struct jin_translator *t, struct jrt_thread *thread, struct jrt_method *method,
                    bool long_branches)
{
    bool locked = (method->access & JCF_ACC_SYNCHRONIZED) != 0;
    *t = (struct jin_translator){.thread = thread,
                                 .method = method,
                                 .class = jrt_class_at(method->class_at),
                                 .code = job_at(method->bytecode),
                                 .length = method->bytecode_length,
                                 .base = method->max_locals + (locked ? 1u : 0u),
                                 .max_depth = method->max_stack,
                                 .stop = UINT32_MAX,
                                 .long_branches = long_branches};
    t->pool = jrt_pool_of(t->class);
    t->marks = calloc(t->length, 1);
    t->insn_of = calloc(t->length, sizeof *t->insn_of);
    t->states = calloc(t->length, sizeof *t->states);
    t->stack = calloc(t->max_depth + 1u, sizeof *t->stack);
    if (t->marks == NULL || t->insn_of == NULL || t->states == NULL || t->stack == NULL ||
        !jin_routines_prepare(t)) {
        jin_fail(t, NULL);
    } else if (frame_slots(t) > SLOTS_MAX) {
        t->base = jin_renumber_locals(t) + (locked ? 1u : 0u);
    }
}

static struct jin_code *translate(struct jin_translator *t)
{
    if (!t->failed) {
        mark_leaders(t);
    }
    if (!t->failed) {
        translate_blocks(t);
        bool long_before = t->long_branches;
        fix(t);
        if (t->long_branches != long_before) {
            return NULL;
        }
    }
    if (!t->failed && frame_slots(t) > SLOTS_MAX) {
        jin_fail(t, "more than 65,000 slots in a frame");
    }
    return t->failed ? NULL : pack(t);
}

bool jin_translate_until(struct jin_translator *t, struct jrt_thread *thread,
                         struct jrt_method *method, uint32_t at)
{
    prepare(t, thread, method, method->bytecode_length >= LONG_BRANCH_FROM);
    t->stop = at;
    if (!t->failed) {
        mark_leaders(t);
    }
    if (!t->failed) {
        translate_blocks(t);
    }
    return t->stopped;
}

bool jin_translate(struct jrt_thread *thread, struct jrt_method *method)
{
    struct jin_translator t;
    bool long_branches = method->bytecode_length >= LONG_BRANCH_FROM;
    prepare(&t, thread, method, long_branches);
    struct jin_code *code = translate(&t);
    if (code == NULL && !t.failed) {
        jin_translator_done(&t);
        prepare(&t, thread, method, true);
        code = translate(&t);
    }
    bool failed = t.failed;
    const char *reason = t.reason;
    jin_translator_done(&t);
    if (failed && reason == NULL) {
        return jrt_throw_oom(thread, JRT_OOM_METASPACE);
    }
    if (failed) {
        return jrt_throw(thread, JRT_VerifyError, "%s.%s%s: %s",
                         jrt_text(jrt_class_at(method->class_at)->name), jrt_text(method->name),
                         jrt_text(method->descriptor), reason);
    }
    __atomic_store_n(&method->code, job_offset(code), __ATOMIC_RELEASE);
    return true;
}
