/* What the handlers of system instructions share. Each is of the general kind; privilege, LOCK and
 * features have been checked by the row's attributes. */
#pragma once

#include "cpu/cpu_sys.h"
#include "cpu/interpreter/cpu_operand.h"

/* The address of the instruction after this one. */
static inline uint64_t cpu_next_rip(const struct cpu *cpu, const struct x86_insn *insn)
{
    uint64_t next = cpu->rip + insn->length;

    return cpu_in_64(cpu) ? next : next & 0xffffffffu;
}

/* How a handler ends that has loaded a segment register or flags: what is decoded may depend on
 * it. */
static inline enum cpu_result cpu_end_if(bool changed)
{
    return changed ? CPU_END : CPU_NEXT;
}

/* Whether IN, OUT, CLI, STI, PUSHF and so on are forbidden in virtual-8086 mode. */
static inline bool cpu_v86_traps(const struct cpu *cpu)
{
    return cpu->v86 && cpu_iopl(cpu) < 3;
}

cpu_general cpu_sys_pushf, cpu_sys_popf, cpu_sys_cli, cpu_sys_sti, cpu_sys_clac, cpu_sys_stac;
cpu_general cpu_sys_load_segment, cpu_sys_pop_segment, cpu_sys_load_pointer;
cpu_general cpu_sys_lar, cpu_sys_lsl, cpu_sys_verify, cpu_sys_arpl;
cpu_general cpu_sys_store_table, cpu_sys_load_table, cpu_sys_store_selector, cpu_sys_lldt,
    cpu_sys_ltr, cpu_sys_smsw, cpu_sys_lmsw;
cpu_general cpu_sys_callf, cpu_sys_jmpf, cpu_sys_retf, cpu_sys_iret;
cpu_general cpu_sys_int, cpu_sys_int3, cpu_sys_into, cpu_sys_int1;
cpu_general cpu_sys_syscall, cpu_sys_sysret, cpu_sys_sysenter, cpu_sys_sysexit;
cpu_general cpu_sys_mov, cpu_sys_clts, cpu_sys_hlt, cpu_sys_nothing, cpu_sys_pause, cpu_sys_invlpg,
    cpu_sys_invpcid, cpu_sys_clflush, cpu_sys_monitor, cpu_sys_mwait, cpu_sys_xgetbv,
    cpu_sys_xsetbv, cpu_sys_rdpkru, cpu_sys_wrpkru, cpu_sys_undefined;
cpu_general cpu_sys_rdmsr, cpu_sys_wrmsr, cpu_sys_rdtsc, cpu_sys_rdtscp, cpu_sys_rdpid,
    cpu_sys_rdpmc, cpu_sys_cpuid, cpu_sys_swapgs, cpu_sys_read_base, cpu_sys_write_base,
    cpu_sys_hypercall, cpu_sys_random;
