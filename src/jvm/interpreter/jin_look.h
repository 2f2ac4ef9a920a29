/*
 * What the types of a method's variables are at a bytecode: for who looks at a frame.
 */
#pragma once

#include "jvm/interpreter/jin_translate_priv.h"

enum jin_cell {
    JIN_CELL_NOTHING, /* unset, or not the same on all ways there */
    JIN_CELL_WORD,
    JIN_CELL_WIDE,
    JIN_CELL_WIDE_END, /* the second slot */
    JIN_CELL_REF
};

struct jin_cells {
    uint32_t depth;  /* slots of operands; at a call without its arguments */
    uint8_t cells[]; /* enum jin_cell: max_locals, then max_stack of which depth are used */
};

/* By a letter of the bytecodes' table or of a descriptor: of a long or double the first slot's. */
enum jin_cell jin_cell_of(int letter);
struct jcf_text jin_look_descriptor(const struct jrt_method *method);
/* Follows the method's bytecode to `at`. To be freed. Nothing is known of
 * code that makes no sense. NULL: no memory. */
struct jin_cells *jin_cells_at(const struct jrt_method *method, uint32_t at) ST_MUST_CHECK;
