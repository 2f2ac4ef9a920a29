/* The table of bytecodes, and the decoder. */
#include "jvm/classfile/jcf_bytecode.h"

#include "base/err.h"
#include "jvm/classfile/jcf_class.h"

/* Bytes of an instruction by its format, and the short names of the table. */
enum {
    LENGTH_NONE = 1,
    LENGTH_BYTE = 2,
    LENGTH_SHORT = 3,
    LENGTH_LOCAL = 2,
    LENGTH_INCREMENT = 3,
    LENGTH_CONSTANT1 = 2,
    LENGTH_CONSTANT2 = 3,
    LENGTH_INTERFACE = 5,
    LENGTH_DYNAMIC = 5,
    LENGTH_ARRAY_TYPE = 2,
    LENGTH_ARRAY_DIMS = 4,
    LENGTH_BRANCH2 = 3,
    LENGTH_BRANCH4 = 5,
    LENGTH_TABLE = 0,
    LENGTH_LOOKUP = 0,
    LENGTH_WIDE = 0,
    T_NOTHING = JCF_THROWS_NOTHING,
    T_NULL = JCF_THROWS_NULL,
    T_BOUNDS = JCF_THROWS_BOUNDS,
    T_STORE = JCF_THROWS_STORE,
    T_ARITH = JCF_THROWS_ARITH,
    T_SIZE = JCF_THROWS_SIZE,
    T_CAST = JCF_THROWS_CAST,
    T_MONITOR = JCF_THROWS_MONITOR,
    T_LINK = JCF_THROWS_LINK,
    T_MEMORY = JCF_THROWS_MEMORY,
    T_CALL = JCF_THROWS_CALL,
    T_ANY = JCF_THROWS_ANY,
    F_PLAIN = JCF_FACT_PLAIN,
    F_ENDS = JCF_FACT_ENDS,
    F_BRANCH = JCF_FACT_BRANCH,
    F_SWITCH = JCF_FACT_SWITCH,
    F_RETURN = JCF_FACT_RETURN,
    F_INVOKE = JCF_FACT_INVOKE,
    F_FIELD = JCF_FACT_FIELD,
    F_ARRAY = JCF_FACT_ARRAY,
    F_POOL = JCF_FACT_POOL,
    F_LOAD = JCF_FACT_LOAD,
    F_STORE = JCF_FACT_STORE,
    F_WIDE = JCF_FACT_WIDE,
    F_CONSTANT = JCF_FACT_CONSTANT,
    F_STACK = JCF_FACT_STACK,
};

const struct jcf_op_facts jcf_ops[JCF_OP_COUNT] = {
#define JCF_OP(number, name, text, format, pops, pushes, throws, facts)                            \
    [number] = {text, pops, pushes, JCF_FORMAT_##format, LENGTH_##format, throws, facts},
#include "jvm/classfile/jcf_bytecode.def"
#undef JCF_OP
};

static int32_t s4(const uint8_t *at)
{
    return (int32_t)jcf_u4(at);
}

/* tableswitch and lookupswitch: padding to a multiple of four from the method's start, the default,
 * and what follows. */
static int decode_switch(const uint8_t *code, uint32_t length, struct jcf_insn *insn)
{
    uint32_t at = (insn->at + 4) & ~(uint32_t)3;
    bool is_table = insn->op == JCF_OP_TABLESWITCH;
    uint32_t head = is_table ? 12 : 8;
    if (at > length || length - at < head) {
        return -ST_ECORRUPT;
    }
    insn->value = s4(code + at);
    insn->low = 0;
    uint64_t count;
    if (is_table) {
        int64_t low = s4(code + at + 4);
        int64_t high = s4(code + at + 8);
        if (low > high) {
            return -ST_ECORRUPT;
        }
        insn->low = (int32_t)low;
        count = (uint64_t)(high - low) + 1;
    } else {
        int32_t pairs = s4(code + at + 4);
        if (pairs < 0) {
            return -ST_ECORRUPT;
        }
        count = (uint32_t)pairs;
    }
    at += head;
    uint64_t bytes = count * (is_table ? 4 : 8);
    if (bytes > length - at) {
        return -ST_ECORRUPT;
    }
    insn->count = (uint32_t)count;
    insn->entries = at;
    insn->length = at + (uint32_t)bytes - insn->at;
    return 0;
}

static int decode_wide(const uint8_t *code, uint32_t length, struct jcf_insn *insn)
{
    uint32_t left = length - insn->at;
    if (left < 2 || code[insn->at + 1] >= JCF_OP_COUNT) {
        return -ST_ECORRUPT;
    }
    uint8_t op = code[insn->at + 1];
    if ((jcf_ops[op].facts & JCF_FACT_WIDE) == 0) {
        return -ST_ECORRUPT;
    }
    insn->op = op;
    insn->wide = true;
    insn->length = op == JCF_OP_IINC ? 6 : 4;
    if (left < insn->length) {
        return -ST_ECORRUPT;
    }
    insn->index = jcf_u2(code + insn->at + 2);
    if (op == JCF_OP_IINC) {
        insn->value = (int16_t)jcf_u2(code + insn->at + 4);
    }
    return 0;
}

/* The operand that is part of the opcode. */
static void decode_implied(struct jcf_insn *insn)
{
    uint8_t op = insn->op;
    if (op >= JCF_OP_ICONST_M1 && op <= JCF_OP_ICONST_5) {
        insn->value = op - JCF_OP_ICONST_0;
    } else if (op >= JCF_OP_ILOAD_0 && op <= JCF_OP_ALOAD_3) {
        insn->index = (op - JCF_OP_ILOAD_0) & 3;
    } else if (op >= JCF_OP_ISTORE_0 && op <= JCF_OP_ASTORE_3) {
        insn->index = (op - JCF_OP_ISTORE_0) & 3;
    }
}

static void decode_operands(const uint8_t *at, struct jcf_insn *insn)
{
    switch ((enum jcf_format)jcf_ops[insn->op].format) {
    case JCF_FORMAT_NONE:
        decode_implied(insn);
        break;
    case JCF_FORMAT_BYTE:
        insn->value = (int8_t)at[1];
        break;
    case JCF_FORMAT_SHORT:
    case JCF_FORMAT_BRANCH2:
        insn->value = (int16_t)jcf_u2(at + 1);
        break;
    case JCF_FORMAT_BRANCH4:
        insn->value = s4(at + 1);
        break;
    case JCF_FORMAT_LOCAL:
    case JCF_FORMAT_CONSTANT1:
    case JCF_FORMAT_ARRAY_TYPE:
        insn->index = at[1];
        break;
    case JCF_FORMAT_INCREMENT:
        insn->index = at[1];
        insn->value = (int8_t)at[2];
        break;
    case JCF_FORMAT_CONSTANT2:
    case JCF_FORMAT_DYNAMIC:
        insn->index = jcf_u2(at + 1);
        break;
    case JCF_FORMAT_INTERFACE:
    case JCF_FORMAT_ARRAY_DIMS:
        insn->index = jcf_u2(at + 1);
        insn->value = at[3];
        break;
    case JCF_FORMAT_TABLE:
    case JCF_FORMAT_LOOKUP:
    case JCF_FORMAT_WIDE:
        break;
    }
}

int jcf_insn_decode(const uint8_t *code, uint32_t length, uint32_t at, struct jcf_insn *ret_insn)
{
    uint8_t op = code[at];
    if (op >= JCF_OP_COUNT) {
        return -ST_ECORRUPT;
    }
    struct jcf_insn insn = {.at = at, .op = op, .length = jcf_ops[op].length};
    int r = 0;
    if (op == JCF_OP_WIDE) {
        r = decode_wide(code, length, &insn);
    } else if (insn.length == 0) {
        r = decode_switch(code, length, &insn);
    } else if (length - at < insn.length) {
        r = -ST_ECORRUPT;
    } else {
        decode_operands(code + at, &insn);
    }
    if (r == 0) {
        *ret_insn = insn;
    }
    return r;
}

uint32_t jcf_insn_length(const uint8_t *code, uint32_t length, uint32_t at)
{
    struct jcf_insn insn;
    return jcf_insn_decode(code, length, at, &insn) == 0 ? insn.length : 0;
}

struct jcf_switch_entry jcf_switch_entry(const uint8_t *code, const struct jcf_insn *insn,
                                         uint32_t number)
{
    const uint8_t *at = code + insn->entries;
    if (insn->op == JCF_OP_TABLESWITCH) {
        return (struct jcf_switch_entry){(int32_t)((uint32_t)insn->low + number),
                                         s4(at + (size_t)number * 4)};
    }
    at += (size_t)number * 8;
    return (struct jcf_switch_entry){s4(at), s4(at + 4)};
}
