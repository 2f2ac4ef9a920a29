/*
 * Data and I/O breakpoints of the guest's debug registers and of the debugger.
 */
#pragma once

#include "cpu/interpreter/cpu_struct.h"

/* DR7's R/W fields. */
enum cpu_break { CPU_BREAK_CODE = 0, CPU_BREAK_WRITE = 1, CPU_BREAK_IO = 2, CPU_BREAK_ACCESS = 3 };

/* Whether a data breakpoint lies in the page, so that its accesses must be looked at. */
bool cpu_watched_page(const struct cpu *cpu, uint64_t linear);

/* Notes which data breakpoints an access matches: a trap after this instruction. */
void cpu_watch(struct cpu *cpu, uint64_t linear, unsigned size, bool write);
void cpu_watch_io(struct cpu *cpu, uint16_t port, unsigned size);

/* Which code breakpoints match the instruction at this linear address: bits of DR6, the debugger's
 * in bits 32-35. */
uint64_t cpu_watch_code(const struct cpu *cpu, uint64_t linear);

/* DR7, CR4.DE or the debugger's wishes changed: drops TLB entries that hide accesses, and sets
 * whether instructions are run one by one. */
void cpu_watch_update(struct cpu *cpu);
