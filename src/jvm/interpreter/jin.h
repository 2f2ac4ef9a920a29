/*
 * The interpreter, as the rest of the machine sees it.
 *
 * A method is translated at its first call (jin_code.h) and interpreted by computed goto; Java
 * calls Java without a C frame. Everything else comes and goes through jrt_exec.h.
 */
#pragma once

/* Registers the interpreter as jrt_exec. Before jrt_vm_create. */
void jin_init(void);
