/* What the parts of the generator share. */
#pragma once

#include "cases/cases.h"
#include "cases/cases_tables.h"

/* Facts of the mode. */
unsigned cases_level(const struct cases_case *c);
bool cases_in_64(const struct cases_case *c);
bool cases_in_long(const struct cases_case *c);
bool cases_is_8086(const struct cases_case *c); /* real or virtual-8086 mode */

uint64_t cases_value(struct cases_random *random);
/* The base of a segment before the case. */
uint64_t cases_base(const struct cases_case *c, enum x86_seg seg);
/* Writes into the instruction / into memory (linear, that is physical) before the case. */
void cases_patch(struct cases_case *c, unsigned at, unsigned size, uint64_t value);
void cases_poke(struct cases_case *c, uint64_t at, unsigned size, uint64_t value);

/* Leads memory, strings and the stack to where they may be. false: this instruction cannot be led.
 */
bool cases_aim(struct cases_case *c, struct cases_random *random);
/* Tells whether the case, as it has become, is about what segments allow. */
void cases_judge(struct cases_case *c);
/* The linear address of the memory operand as aimed, 0: there is none. */
uint64_t cases_memory(const struct cases_case *c);
/* ... of the top of the stack. */
uint64_t cases_stack(const struct cases_case *c);
/* Sets the operand that the instruction reads: a register or memory. false: it cannot have that
 * value. */
bool cases_set_source(struct cases_case *c, unsigned operand, uint64_t value);

/* Gives the instruction what it is about: selectors, targets, ports, values of control registers.
 * false: not this one (it would end the harness, or means nothing new). */
bool cases_special(struct cases_case *c, struct cases_random *random);
/* The parts of it: of far transfers and returns. */
uint16_t cases_selector(const struct cases_case *c, struct cases_random *random);
bool cases_transfer(struct cases_case *c, struct cases_random *random);
