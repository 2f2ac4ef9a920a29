/* 64-bit Arm: see engine_machine.h. */
#include "engine/engine_machine.h"

#include <stddef.h>

const char *const engine_machine_archs[] = {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", NULL};
const char *const engine_machine_syscalls[] = {"arm_fadvise64_64",
                                               "arm_sync_file_range",
                                               "sync_file_range2",
                                               "breakpoint",
                                               "cacheflush",
                                               "set_tls",
                                               NULL};
const char *const engine_machine_names[] = {"arm64", "arm", NULL};
