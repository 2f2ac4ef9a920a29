/* Registers of a crash report on x86-64: see jdk_crash.h. */
#include "jvm/jdk/jdk_crash.h"

#include <ucontext.h>

#include "base/attr.h"

static const struct {
    const char *name;
    int index;
} registers[] = {{"RAX", REG_RAX}, {"RBX", REG_RBX}, {"RCX", REG_RCX}, {"RDX", REG_RDX},
                 {"RSP", REG_RSP}, {"RBP", REG_RBP}, {"RSI", REG_RSI}, {"RDI", REG_RDI},
                 {"R8 ", REG_R8},  {"R9 ", REG_R9},  {"R10", REG_R10}, {"R11", REG_R11},
                 {"R12", REG_R12}, {"R13", REG_R13}, {"R14", REG_R14}, {"R15", REG_R15},
                 {"RIP", REG_RIP}, {"EFL", REG_EFL}};

const void *jdk_crash_place(const void *context)
{
    return (const void *)(uintptr_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
}

const char *jdk_crash_register(const void *context, unsigned which, uint64_t *ret_value)
{
    if (which >= ST_COUNT(registers)) {
        return NULL;
    }
    *ret_value = (uint64_t)((const ucontext_t *)context)->uc_mcontext.gregs[registers[which].index];
    return registers[which].name;
}
