/*
 * The translator's state: see jin_translate.c. Seen by its parts only.
 */
#pragma once

#include "jvm/classfile/jcf_bytecode.h"
#include "jvm/interpreter/jin_code.h"
#include "jvm/runtime/jrt_pool.h"

/* An operand on the virtual stack. */
struct jin_operand {
    enum jin_operand_kind {
        JIN_IN_SLOT, /* in a frame's slot: a local, or a canonical one at its depth or below */
        JIN_NUMBER,  /* a 32-bit constant, null among them */
        JIN_WIDE     /* a 64-bit constant */
    } kind;
    uint8_t width;  /* 1 or 2 */
    uint16_t slot;  /* JIN_IN_SLOT */
    uint16_t depth; /* slots below it */
    int32_t number; /* JIN_NUMBER; JIN_WIDE: index */
    uint32_t
        made; /* JIN_IN_SLOT: 1 + the instruction that wrote it for this operand alone; 0: not so */
};

struct jin_fixup {
    uint32_t insn;   /* of the branch; of a switch's word: its instruction */
    uint32_t target; /* bytecode index */
    uint32_t word;   /* of a switch: index of the word, + 1 */
    bool far;        /* a 32-bit distance in b and c */
};

enum { JIN_MARK_LEADER = 1, JIN_MARK_KNOWN = 2, JIN_MARK_DONE = 4, JIN_MARK_HANDLER = 8 };

/* What the stack is when a leader is reached: widths of the operands, all in canonical slots. */
struct jin_entry_state {
    uint16_t count;
    uint8_t widths[]; /* in the translator's scratch */
};

/* A jsr: what follows it has the stack that its subroutine's ret leaves. */
struct jin_return {
    uint32_t target;  /* where the subroutine begins */
    uint32_t after;   /* bytecode index */
    uint32_t routine; /* that the jsr is in itself, as in jin_translator */
    uint8_t *state;   /* before the jsr */
};

struct jin_translator {
    struct jrt_thread *thread;
    struct jrt_method *method;
    struct jrt_class *class;
    const struct jrt_pool *pool;
    const uint8_t *code;
    uint32_t length;
    uint32_t at;   /* the bytecode that is translated */
    uint32_t base; /* first canonical slot */
    uint32_t stop; /* bytecode index to stop at; UINT32_MAX: to the end */
    bool stopped;
    bool long_branches;
    bool failed;        /* memory, or code that makes no sense: `reason` */
    const char *reason; /* NULL: memory */

    uint8_t *marks;    /* by bytecode index */
    uint32_t *insn_of; /* by bytecode index, of leaders */
    uint8_t **states;  /* by bytecode index, of leaders: a count (2 bytes) and widths */

    /* Of methods with jsr alone. */
    uint32_t routine;     /* where the subroutine begins that is translated, + 1; 0: not known */
    uint32_t *routine_of; /* by bytecode index, of leaders */
    uint8_t **left;       /* by bytecode index, of subroutines: the state at their ret */
    struct jin_return *returns;
    uint32_t return_count, return_room;

    struct jin_operand *stack;
    uint32_t count; /* operands */
    uint32_t depth; /* slots */
    uint32_t max_depth;
    uint32_t deepest;     /* that it was */
    uint16_t *renumbered; /* by local; NULL: all are what they are */
    uint32_t barrier;     /* instructions before it are not changed any more */

    struct jin_insn *insns;
    uint32_t insn_count, insn_room;
    struct jin_site *sites;
    uint32_t site_count, site_room;
    struct jin_place *places;
    uint32_t place_count, place_room;
    int32_t *words;
    uint32_t word_count, word_room;
    int64_t *wide;
    uint32_t wide_count, wide_room;
    struct jin_fixup *fixups;
    uint32_t fixup_count, fixup_room;
};

/* jin_translate.c. Translates up to a bytecode, for nothing but what is known there: the operands,
 * locals numbered anew. Then, in any case, jin_translator_done. false: it was not come to, or
 * there is no memory (reason is NULL). */
bool jin_translate_until(struct jin_translator *t, struct jrt_thread *thread,
                         struct jrt_method *method, uint32_t at) ST_MUST_CHECK;
void jin_translator_done(struct jin_translator *t);

/* The stack as it is, in an entry of `states`. NULL: no memory, and failed. */
uint8_t *jin_state_here(struct jin_translator *t);
/* Notes it for when the leader is translated. Everything on it is flushed. */
void jin_keep_state(struct jin_translator *t, uint32_t target);

/* jin_translate_routine.c: jsr and ret. */
bool jin_routines_prepare(struct jin_translator *t) ST_MUST_CHECK;
void jin_routines_done(struct jin_translator *t);
void jin_jsr(struct jin_translator *t, uint32_t target, uint32_t after);
void jin_ret(struct jin_translator *t, uint32_t local);
/* Handlers of the code at `at` are of its subroutine. */
void jin_tell_handlers(struct jin_translator *t, uint32_t at);
/* Makes known what follows a jsr whose subroutine was not seen to return. false: there is none. */
bool jin_return_anyway(struct jin_translator *t);

/* jin_emit.c: the virtual stack and what is written. All are nothing after a failure. */
void jin_fail(struct jin_translator *t, const char *reason);
uint32_t jin_emit(struct jin_translator *t, enum jin_op op, uint32_t a, uint32_t b, uint32_t c);
void jin_place_here(struct jin_translator *t); /* the next instruction stands for the bytecode */
uint32_t jin_site(struct jin_translator *t, uint16_t pool_index, uint32_t count);
uint32_t jin_word(struct jin_translator *t, int32_t value);
uint32_t jin_wide_constant(struct jin_translator *t, int64_t value);
void jin_fixup(struct jin_translator *t, uint32_t insn, uint32_t target, uint32_t word, bool far);

struct jin_operand jin_pop(struct jin_translator *t, unsigned width);
void jin_push(struct jin_translator *t, struct jin_operand operand);
/* An operand in the canonical slot of the present depth, which the next instruction emitted writes.
 */
uint16_t jin_push_made(struct jin_translator *t, unsigned width);
void jin_push_slot(struct jin_translator *t, uint32_t slot, unsigned width);
void jin_push_number(struct jin_translator *t, int32_t number);
/* The slot in which a popped operand is, after writing constants there. */
uint16_t jin_slot(struct jin_translator *t, const struct jin_operand *operand);
/* Whether it is a number that fits 16 signed bits. */
bool jin_is_short(const struct jin_operand *operand);
/* Writes every operand but the `but` last ones to its canonical slot. */
void jin_flush(struct jin_translator *t, uint32_t but);
/* Before local `slot` is written: operands that are in it get slots of their own. */
void jin_spill_local(struct jin_translator *t, uint32_t slot);
/* Moves a popped operand to a slot, by changing the instruction that made it where that can be. */
void jin_move_to(struct jin_translator *t, uint32_t slot, const struct jin_operand *operand);

/* jin_translate_locals.c. Numbers locals anew; returns how many there are then. */
uint32_t jin_renumber_locals(struct jin_translator *t);
/* The local that an instruction names; its index where it names none. */
uint16_t jin_local(const struct jin_translator *t, const struct jcf_insn *insn);

/* jin_translate_stack.c: dup and its kind. */
void jin_stack_op(struct jin_translator *t, const struct jcf_insn *insn);
/* jin_translate_member.c: what names the constant pool. */
void jin_member_op(struct jin_translator *t, const struct jcf_insn *insn);
/* A descriptor's text of a NAME_AND_TYPE that a member or dynamic entry names. */
struct jcf_text jin_descriptor(const struct jin_translator *t, uint16_t index);
