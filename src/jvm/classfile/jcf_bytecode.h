/*
 * Bytecodes: the facts of jcf_bytecode.def as a table, and the decoder of instructions. The decoder
 * never reads behind the code and accepts any bytes.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"

enum jcf_op {
#define JCF_OP(number, name, text, format, pops, pushes, throws, facts) JCF_OP_##name = (number),
#include "jvm/classfile/jcf_bytecode.def"
#undef JCF_OP
    JCF_OP_COUNT, /* the defined ones are below: 202 (breakpoint, impdep1 and 2 are not) */
};

enum jcf_format {
    JCF_FORMAT_NONE,       /* 1 byte */
    JCF_FORMAT_BYTE,       /* signed 8-bit value */
    JCF_FORMAT_SHORT,      /* signed 16-bit value */
    JCF_FORMAT_LOCAL,      /* number of a local: 8 bits, with wide 16 */
    JCF_FORMAT_INCREMENT,  /* number of a local and a signed value: 8 bits each, with wide 16 */
    JCF_FORMAT_CONSTANT1,  /* index of a constant, 8 bits */
    JCF_FORMAT_CONSTANT2,  /* index of a constant, 16 bits */
    JCF_FORMAT_INTERFACE,  /* index of a constant, count of argument slots, a zero byte */
    JCF_FORMAT_DYNAMIC,    /* index of a constant, two zero bytes */
    JCF_FORMAT_ARRAY_TYPE, /* enum jcf_array_type, 8 bits */
    JCF_FORMAT_ARRAY_DIMS, /* index of a constant, number of dimensions */
    JCF_FORMAT_BRANCH2,    /* signed distance from the opcode, 16 bits */
    JCF_FORMAT_BRANCH4,    /* 32 bits */
    JCF_FORMAT_TABLE,      /* tableswitch */
    JCF_FORMAT_LOOKUP,     /* lookupswitch */
    JCF_FORMAT_WIDE,       /* the prefix */
};

enum jcf_throws {
    JCF_THROWS_NOTHING = 0,
    JCF_THROWS_NULL = 1 << 0,    /* NullPointerException */
    JCF_THROWS_BOUNDS = 1 << 1,  /* ArrayIndexOutOfBoundsException */
    JCF_THROWS_STORE = 1 << 2,   /* ArrayStoreException */
    JCF_THROWS_ARITH = 1 << 3,   /* ArithmeticException */
    JCF_THROWS_SIZE = 1 << 4,    /* NegativeArraySizeException */
    JCF_THROWS_CAST = 1 << 5,    /* ClassCastException */
    JCF_THROWS_MONITOR = 1 << 6, /* IllegalMonitorStateException */
    JCF_THROWS_LINK = 1 << 7,    /* LinkageErrors of resolution */
    JCF_THROWS_MEMORY = 1 << 8,  /* OutOfMemoryError */
    JCF_THROWS_CALL = 1 << 9,    /* whatever code it runs throws: a callee, an initializer */
    JCF_THROWS_ANY = 1 << 10,    /* its operand */
};

enum jcf_fact {
    JCF_FACT_PLAIN = 0,
    JCF_FACT_ENDS = 1 << 0,      /* the next instruction is not reached from it */
    JCF_FACT_BRANCH = 1 << 1,    /* may jump to its operand's target */
    JCF_FACT_SWITCH = 1 << 2,    /* jumps to one of many */
    JCF_FACT_RETURN = 1 << 3,    /* leaves the method */
    JCF_FACT_INVOKE = 1 << 4,    /* calls a method */
    JCF_FACT_FIELD = 1 << 5,     /* reads or writes a field */
    JCF_FACT_ARRAY = 1 << 6,     /* reads or writes an element */
    JCF_FACT_POOL = 1 << 7,      /* has a constant as operand */
    JCF_FACT_LOAD = 1 << 8,      /* reads a local */
    JCF_FACT_STORE = 1 << 9,     /* writes a local */
    JCF_FACT_WIDE = 1 << 10,     /* may follow wide */
    JCF_FACT_CONSTANT = 1 << 11, /* pushes a constant */
    JCF_FACT_STACK = 1 << 12,    /* moves slots of the stack only */
};

enum jcf_array_type { /* newarray */
                      JCF_ARRAY_BOOLEAN = 4,
                      JCF_ARRAY_CHAR = 5,
                      JCF_ARRAY_FLOAT = 6,
                      JCF_ARRAY_DOUBLE = 7,
                      JCF_ARRAY_BYTE = 8,
                      JCF_ARRAY_SHORT = 9,
                      JCF_ARRAY_INT = 10,
                      JCF_ARRAY_LONG = 11,
};

struct jcf_op_facts {
    char text[16]; /* "invokeinterface" is the longest: 15 */
    char pops[5];
    char pushes[7];
    uint8_t format;  /* enum jcf_format */
    uint8_t length;  /* with the opcode, without wide; 0: a switch or wide */
    uint16_t throws; /* enum jcf_throws */
    uint16_t facts;  /* enum jcf_fact */
};

/* By opcode, JCF_OP_COUNT of them. */
extern const struct jcf_op_facts jcf_ops[JCF_OP_COUNT];

/* An instruction, decoded. */
struct jcf_insn {
    uint32_t at;     /* of the opcode, or of its wide */
    uint32_t length; /* all of it */
    uint8_t op;      /* enum jcf_op, never wide */
    bool wide;
    /* A local's number, a constant's index or an array type; 0 where there is none. The numbers in
     * iload_0 and its like are operands too. */
    uint16_t index;
    /* The value of bipush, sipush, iconst_*, iinc; the dimensions of multianewarray, the count of
     * invokeinterface; for a branch its target, for a switch its default's, as distance from `at`.
     */
    int32_t value;
    int32_t low;      /* tableswitch */
    uint32_t count;   /* switches: entries beside the default */
    uint32_t entries; /* switches: where they begin in the code; see jcf_switch_entry */
};

/* Decodes the instruction at `at` < length. Returns 0, -ST_ECORRUPT for one that is cut off, an
 * opcode that does not exist, a wide before what has no wide form, or a switch whose low is above
 * its high or whose count is negative. Padding, zero bytes, order of keys, targets and indices are
 * not looked at. */
int jcf_insn_decode(const uint8_t *code, uint32_t length, uint32_t at,
                    struct jcf_insn *ret_insn) ST_MUST_CHECK;

/* Its length alone; 0 where jcf_insn_decode fails. */
uint32_t jcf_insn_length(const uint8_t *code, uint32_t length, uint32_t at);

/* Entry `number` < insn->count of a switch: the key, and the target as distance from insn->at. */
struct jcf_switch_entry {
    int32_t key;
    int32_t distance;
};
struct jcf_switch_entry jcf_switch_entry(const uint8_t *code, const struct jcf_insn *insn,
                                         uint32_t number);
