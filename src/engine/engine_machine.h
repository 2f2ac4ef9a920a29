/* What the system-call policies need to know of the CPU family that this is built for; one file in
 * a folder named after it (x86_64/, aarch64/). Lists end with NULL. */
#pragma once

/* Architectures that a default policy is for, the native one first. */
extern const char *const engine_machine_archs[];

/* System calls that only this family has and that the default policy allows. */
extern const char *const engine_machine_syscalls[];

/* The family and its relatives as docker's profiles name them. */
extern const char *const engine_machine_names[];
