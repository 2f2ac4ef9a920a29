/*
 * Where the values on a method's operand stack come from: for each instruction, the instruction
 * that pushed each slot. For messages about null values (JEP 358).
 */
#pragma once

#include "base/arena.h"
#include "jvm/classfile/jcf_bytecode.h"
#include "jvm/runtime/jrt_class.h"

enum { JRT_FLOW_UNKNOWN = -1 }; /* pushed by more than one instruction, or by nothing of it */

struct jrt_flow_stack {
    uint64_t written; /* which of the first 64 locals were stored to on the way */
    uint16_t depth;
    int32_t from[]; /* bytecode indices */
};

struct jrt_flow {
    const struct jrt_method *method;
    const uint8_t *code;
    uint32_t length;
    struct jrt_flow_stack **stacks; /* before the instruction at each index; NULL: not reached */
    struct st_arena *arena;
};

/* What is known before the instruction at `end`. All of it lies in the arena. false: out of memory,
 * or code that is not well-formed. */
bool jrt_flow_make(struct jrt_flow *flow, const struct jrt_method *method, uint32_t end,
                   struct st_arena *arena) ST_MUST_CHECK;

/* Who pushed the slot (0: the top) of the stack before the instruction at `at`. */
static inline int32_t jrt_flow_from(const struct jrt_flow *flow, uint32_t at, uint32_t slot)
{
    const struct jrt_flow_stack *stack = flow->stacks[at];
    return stack && slot < stack->depth ? stack->from[stack->depth - 1 - slot] : JRT_FLOW_UNKNOWN;
}

/* Slots of a method descriptor's arguments; of its result, or of a field's type. */
uint32_t jrt_flow_argument_slots(const char *descriptor);
uint32_t jrt_flow_value_slots(const char *descriptor);
