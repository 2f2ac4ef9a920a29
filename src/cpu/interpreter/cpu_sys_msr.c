/* Model-specific registers, clocks, CPUID, FS and GS bases, hypercalls. */
#include "cpu/cpu_clock.h"
#include "cpu/cpu_cpuid.h"
#include "cpu/cpu_msr.h"
#include "cpu/interpreter/cpu_flags.h"
#include "cpu/interpreter/cpu_handlers.h"

static uint64_t edx_eax(const struct cpu *cpu)
{
    return (cpu->gpr[X86_RAX] & 0xffffffffu) | cpu->gpr[X86_RDX] << 32;
}

static void set_edx_eax(struct cpu *cpu, uint64_t value)
{
    cpu->gpr[X86_RAX] = value & 0xffffffffu;
    cpu->gpr[X86_RDX] = value >> 32;
}

enum cpu_result cpu_sys_rdmsr(struct cpu *cpu, const struct x86_insn *insn)
{
    uint64_t value;

    (void)insn;
    if (!cpu_msr_read(cpu, (uint32_t)cpu->gpr[X86_RCX], &value)) {
        return cpu_raise(cpu, CPU_GP);
    }
    set_edx_eax(cpu, value);
    return CPU_NEXT;
}

enum cpu_result cpu_sys_wrmsr(struct cpu *cpu, const struct x86_insn *insn)
{
    (void)insn;
    return cpu_msr_write(cpu, (uint32_t)cpu->gpr[X86_RCX], edx_eax(cpu)) ? CPU_END
                                                                         : cpu_raise(cpu, CPU_GP);
}

static bool tsc_forbidden(const struct cpu *cpu)
{
    return (cpu->cr4 & X86_CR4_TSD) != 0 && cpu->cpl != 0;
}

enum cpu_result cpu_sys_rdtsc(struct cpu *cpu, const struct x86_insn *insn)
{
    (void)insn;
    if (tsc_forbidden(cpu)) {
        return cpu_raise(cpu, CPU_GP);
    }
    set_edx_eax(cpu, cpu_tsc(cpu));
    return CPU_NEXT;
}

enum cpu_result cpu_sys_rdtscp(struct cpu *cpu, const struct x86_insn *insn)
{
    (void)insn;
    if (tsc_forbidden(cpu)) {
        return cpu_raise(cpu, CPU_GP);
    }
    set_edx_eax(cpu, cpu_tsc(cpu));
    cpu->gpr[X86_RCX] = cpu->tsc_aux & 0xffffffffu;
    return CPU_NEXT;
}

enum cpu_result cpu_sys_rdpid(struct cpu *cpu, const struct x86_insn *insn)
{
    cpu_register_write(cpu, &insn->operands[0], cpu->tsc_aux & 0xffffffffu);
    return CPU_NEXT;
}

/* AMD's four counters of old stand still, and there are no others. */
enum cpu_result cpu_sys_rdpmc(struct cpu *cpu, const struct x86_insn *insn)
{
    bool allowed = cpu->cpl == 0 || (cpu->cr4 & X86_CR4_PCE) != 0;
    bool there = cpu->shared->config.vendor == CPU_AMD && (uint32_t)cpu->gpr[X86_RCX] < 4;

    (void)insn;
    if (!allowed || !there) {
        return cpu_raise(cpu, CPU_GP);
    }
    set_edx_eax(cpu, 0);
    return CPU_NEXT;
}

enum cpu_result cpu_sys_cpuid(struct cpu *cpu, const struct x86_insn *insn)
{
    uint32_t out[4];

    (void)insn;
    cpu_cpuid(cpu, (uint32_t)cpu->gpr[X86_RAX], (uint32_t)cpu->gpr[X86_RCX], out);
    cpu->gpr[X86_RAX] = out[0];
    cpu->gpr[X86_RBX] = out[1];
    cpu->gpr[X86_RCX] = out[2];
    cpu->gpr[X86_RDX] = out[3];
    return CPU_NEXT;
}

enum cpu_result cpu_sys_swapgs(struct cpu *cpu, const struct x86_insn *insn)
{
    uint64_t base = cpu->segments[X86_GS].base;

    (void)insn;
    cpu->segments[X86_GS].base = cpu->kernel_gs_base;
    cpu->kernel_gs_base = base;
    cpu_segment_update(cpu, X86_GS);
    return CPU_NEXT;
}

static enum x86_seg base_segment(const struct x86_insn *insn)
{
    uint16_t op = x86_rows[insn->row].op;

    return op == X86_OP_RDFSBASE || op == X86_OP_WRFSBASE ? X86_FS : X86_GS;
}

enum cpu_result cpu_sys_read_base(struct cpu *cpu, const struct x86_insn *insn)
{
    if ((cpu->cr4 & X86_CR4_FSGSBASE) == 0) {
        return cpu_raise(cpu, CPU_UD);
    }
    cpu_register_write(cpu, &insn->operands[0], cpu->segments[base_segment(insn)].base);
    return CPU_NEXT;
}

enum cpu_result cpu_sys_write_base(struct cpu *cpu, const struct x86_insn *insn)
{
    uint64_t base = cpu_register_read(cpu, &insn->operands[0]);

    if ((cpu->cr4 & X86_CR4_FSGSBASE) == 0) {
        return cpu_raise(cpu, CPU_UD);
    }
    if (!cpu_canonical(base)) {
        return cpu_raise(cpu, CPU_GP);
    }
    cpu->segments[base_segment(insn)].base = base;
    cpu_segment_update(cpu, base_segment(insn));
    return CPU_NEXT;
}

enum cpu_result cpu_sys_hypercall(struct cpu *cpu, const struct x86_insn *insn)
{
    uint64_t mask = cpu_in_64(cpu) ? ~0ull : 0xffffffffu;
    uint64_t arguments[4] = {
        cpu->gpr[X86_RBX] & mask,
        cpu->gpr[X86_RCX] & mask,
        cpu->gpr[X86_RDX] & mask,
        cpu->gpr[X86_RSI] & mask,
    };

    (void)insn;
    cpu->gpr[X86_RAX] = (uint64_t)cpu_hypercall(cpu, cpu->gpr[X86_RAX] & mask, arguments) & mask;
    return CPU_END;
}

/* RDRAND and RDSEED. CF is clear where there is no random number. */
enum cpu_result cpu_sys_random(struct cpu *cpu, const struct x86_insn *insn)
{
    uint64_t value = 0;
    bool done;

    cpu_guest_leave(cpu);
    done = plat_random(cpu->platform, &value, insn->operands[0].width) >= 0;
    cpu_guest_enter(cpu);
    cpu_register_write(cpu, &insn->operands[0], done ? value : 0);
    cpu->arith = done ? CPU_ARITH_CF : 0;
    return CPU_NEXT;
}
