/* x86-64: see engine_machine.h. */
#include "engine/engine_machine.h"

#include <stddef.h>

const char *const engine_machine_archs[] = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32",
                                            NULL};
const char *const engine_machine_syscalls[] = {"arch_prctl", "modify_ldt", NULL};
const char *const engine_machine_names[] = {"amd64", "x32", "x86", NULL};
