/*
 * Intrinsics: methods of the class library that have a leaf (jrt_exec.h), C code that runs in place
 * of their bytecode. One row each in jis_leaves.def; a file for each kind of work.
 *
 * A leaf does exactly what the bytecode does where arguments are in order, and declines the rest:
 * the bytecode then throws what it throws. So no leaf has messages, and none trusts a caller.
 */
#pragma once

#include "jvm/runtime/jrt_exec.h"

/* By number, from 1. */
extern jrt_leaf_t *const jis_leaves[];

/* The number of a boot class's method's leaf; 0: it has none, or not on this CPU. */
uint16_t jis_find(const struct jrt_method *method);
