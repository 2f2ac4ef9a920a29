/*
 * The verifier's types, frames and state, and its parts. A part returns 0 (or what it says), or a
 * negative result with the error recorded.
 */
#pragma once

#include "jvm/classfile/jcf_bytecode.h"
#include "jvm/classfile/jcf_code.h"
#include "jvm/classfile/jcf_descriptor.h"
#include "jvm/classfile/jcf_verify.h"

#define JCF_TRY(call)                                                                              \
    do {                                                                                           \
        int jcf_result_of_call = (call);                                                           \
        if (jcf_result_of_call < 0) {                                                              \
            return jcf_result_of_call;                                                             \
        }                                                                                          \
    } while (0)

/* Arguments for %.*s. */
#define JCF_TEXT(text) (int)(text).length, (const char *)(text).data

/* ---- types (JVMS 17 4.10.1.2) ---- */

enum jcf_vkind {
    JCF_V_TOP,
    JCF_V_INT,
    JCF_V_FLOAT,
    JCF_V_LONG,
    JCF_V_LONG2, /* the second slot */
    JCF_V_DOUBLE,
    JCF_V_DOUBLE2,
    JCF_V_NULL,
    JCF_V_OBJECT, /* a class or an array, by name */
    JCF_V_UNINIT_THIS,
    JCF_V_UNINIT, /* made by the new at `bci` */
    /* What an instruction wants. */
    JCF_V_ANY1,      /* one slot */
    JCF_V_ANY2,      /* the first slot of two */
    JCF_V_REFERENCE, /* initialized or not */
};

struct jcf_vtype {
    const uint8_t *data; /* JCF_V_OBJECT: its name */
    uint32_t length;
    uint16_t bci; /* JCF_V_UNINIT */
    uint8_t kind;
};

struct jcf_vframe {
    struct jcf_vtype
        *locals; /* those of the current frame have max_locals places, the rest is top */
    struct jcf_vtype *stack;
    uint32_t offset;
    uint32_t locals_size;
    uint32_t stack_size;
    bool this_uninit;
};

/* ---- state ---- */

struct jcf_verifier {
    const struct jcf_class *class;
    const struct jcf_verify_env *env;
    struct st_arena *arena;
    struct jcf_error *error;
    struct jcf_vtype this_type;
    struct jcf_text super_name;

    /* Of the method. */
    const struct jcf_method *method;
    struct jcf_text name, descriptor;
    const uint8_t *code;
    uint32_t code_length;
    uint8_t *starts;         /* enum jcf_start, by offset */
    struct jcf_vtype result; /* top: void */
    bool is_init;
    uint32_t handlers_from, handlers_to; /* instructions that may have a handler */
    struct jcf_vframe *maps;
    uint32_t map_count;
    struct jcf_vframe now;
    uint32_t stack_before; /* its stack's size before the instruction */

    /* Of the instruction. */
    struct jcf_insn insn;
    bool falls;      /* the next instruction is reached from it */
    bool was_uninit; /* it made this initialized: handlers are entered as before */
};

enum jcf_start { JCF_START_NONE, JCF_START_INSN, JCF_START_NEW };

/* ---- faults: what the message's details tell ---- */

enum jcf_fault {
    JCF_FAULT_CODE,
    JCF_FAULT_TYPE,
    JCF_FAULT_FLAGS,
    JCF_FAULT_CONSTANT,
    JCF_FAULT_LOCAL,
    JCF_FAULT_LOCALS_SIZE,
    JCF_FAULT_STACK_SIZE,
    JCF_FAULT_OVERFLOW,
    JCF_FAULT_UNDERFLOW,
    JCF_FAULT_NO_MAP,
    JCF_FAULT_BAD_MAP,
};

enum jcf_origin_kind {
    JCF_ORIGIN_NONE,
    JCF_ORIGIN_LOCAL,
    JCF_ORIGIN_STACK,
    JCF_ORIGIN_MAP_LOCAL,
    JCF_ORIGIN_MAP_STACK,
    JCF_ORIGIN_CONSTANT,
    JCF_ORIGIN_SIGNATURE,
    JCF_ORIGIN_IMPLICIT,
    JCF_ORIGIN_FRAME, /* only its frame is shown */
};

struct jcf_origin {
    enum jcf_origin_kind kind;
    uint32_t index;
    struct jcf_vtype type;
    const struct jcf_vframe *frame;
};

struct jcf_context {
    enum jcf_fault fault;
    uint32_t bci;
    uint32_t index;
    struct jcf_origin is, wanted;
};

/* jcf_verify_message.c: VerifyError with its details; ClassFormatError, " in method '...'" added
 * (jcf_verify_format) or not (jcf_verify_map_format: "StackMapTable format error: WHAT"). */
int jcf_verify_fail(struct jcf_verifier *v, const struct jcf_context *context, const char *format,
                    ...) ST_PRINTF(3, 4);
int jcf_verify_format(struct jcf_verifier *v, const char *format, ...) ST_PRINTF(2, 3);
int jcf_verify_map_format(struct jcf_verifier *v, const char *what);

/* ---- jcf_verify_type.c ---- */

static inline struct jcf_vtype jcf_v(enum jcf_vkind kind)
{
    return (struct jcf_vtype){.kind = (uint8_t)kind};
}

static inline struct jcf_vtype jcf_v_object(struct jcf_text name)
{
    return (struct jcf_vtype){.data = name.data, .length = name.length, .kind = JCF_V_OBJECT};
}

static inline struct jcf_text jcf_v_name(struct jcf_vtype type)
{
    return (struct jcf_text){type.data, type.length};
}

struct jcf_vtype jcf_v_named(const char *name);
bool jcf_v_same(struct jcf_vtype a, struct jcf_vtype b);
bool jcf_v_is_array(struct jcf_vtype type);
bool jcf_v_is_one_slot(struct jcf_vtype type); /* any1 takes it */
bool jcf_v_is_second(struct jcf_vtype type);   /* of a long or double */
/* The second slot's type of a long or double; top for every other. */
struct jcf_vtype jcf_v_second(struct jcf_vtype type);
/* The type of a descriptor's type; top for V. */
struct jcf_vtype jcf_v_of(const struct jcf_type *type);

/* 1 if a value of type `from` may be used as `to`, 0 if not. */
int jcf_v_assignable(struct jcf_verifier *v, struct jcf_vtype to, struct jcf_vtype from,
                     bool for_protected);

/* The current frame's stack and locals. A long or double is pushed and popped with both slots. */
int jcf_v_push(struct jcf_verifier *v, struct jcf_vtype type);
int jcf_v_push_slot(struct jcf_verifier *v, struct jcf_vtype type);
int jcf_v_pop(struct jcf_verifier *v, struct jcf_vtype wanted, struct jcf_vtype *ret_type);
/* The same, but a long or double is judged by its first slot alone, which is always below its
 * second: so do HotSpot's arithmetic and stores, and the message tells. */
int jcf_v_pop_first(struct jcf_verifier *v, struct jcf_vtype wanted, struct jcf_vtype *ret_type);
/* The slot on top, whatever it is. */
int jcf_v_pop_slot(struct jcf_verifier *v, struct jcf_vtype *ret_type);
int jcf_v_get_local(struct jcf_verifier *v, uint32_t index, struct jcf_vtype wanted,
                    struct jcf_vtype *ret_type);
int jcf_v_set_local(struct jcf_verifier *v, uint32_t index, struct jcf_vtype type);
struct jcf_origin jcf_v_top(const struct jcf_verifier *v); /* the top of the stack, for messages */

/* ---- jcf_verify_map.c ---- */

int jcf_verify_maps(struct jcf_verifier *v);
/* At an instruction: it has a frame where it must, and the current one fits it and becomes it. */
int jcf_verify_arrive(struct jcf_verifier *v, uint32_t *map);
/* The current frame fits the one at a jump's target. */
int jcf_verify_jump(struct jcf_verifier *v, int64_t target);
/* The handlers of the instruction fit. */
int jcf_verify_handlers(struct jcf_verifier *v);

/* ---- jcf_verify_insn.c, jcf_verify_call.c ---- */

int jcf_verify_insn(struct jcf_verifier *v);
int jcf_verify_field(struct jcf_verifier *v);
int jcf_verify_invoke(struct jcf_verifier *v);
/* The operand is a constant of one of these tags (bits 1 << enum jcf_tag). */
int jcf_verify_constant(struct jcf_verifier *v, uint16_t index, uint32_t tags);
