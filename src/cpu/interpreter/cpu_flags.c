/* RFLAGS as a whole, put together from its two halves. */
#include "cpu/interpreter/cpu_flags.h"

#include "cpu/interpreter/cpu_int.h"

uint64_t cpu_rflags(const struct cpu *cpu)
{
    return cpu->rflags | cpu_arith_to_rflags(cpu->arith);
}

void cpu_set_rflags(struct cpu *cpu, uint64_t value, uint64_t mask)
{
    uint64_t flags = (cpu_rflags(cpu) & ~mask) | (value & mask);

    cpu->arith = cpu_arith_from_rflags(flags);
    cpu->rflags = (flags & ~(uint64_t)X86_ARITH) | 2;
}
