/*
 * What the string instructions share: pointers, count and direction.
 */
#pragma once

#include "base/attr.h"
#include "cpu/interpreter/cpu_code.h"
#include "cpu/interpreter/cpu_operand.h"

struct cpu_string {
    struct cpu *cpu;
    uint64_t mask; /* of rSI, rDI and rCX: the address size */
    uint64_t step; /* added to rSI and rDI for each element, negative with DF */
    uint64_t left; /* elements to do */
    unsigned width;
    unsigned addrsize;
    enum x86_seg source; /* DS or the override; the target's is ES */
    bool repeated;
};

/* Begins the instruction whose elements are `width` bytes. false: nothing to do, rCX is 0. */
bool cpu_string_begin(struct cpu *cpu, const struct x86_insn *insn, unsigned width,
                      struct cpu_string *ret_string);

/* `count` elements are done: moves rSI (source), rDI (target) and, with REP, rCX. */
void cpu_string_advance(struct cpu_string *string, bool source, bool target, uint64_t count);

/* Whether the instruction is to be left for an event before its next element. */
bool cpu_string_interrupted(const struct cpu_string *string);
