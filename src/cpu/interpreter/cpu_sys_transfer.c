/* Far transfers, software interrupts and fast system calls. */
#include "cpu/interpreter/cpu_handlers.h"

/* The target of a far jump or call: immediate or in memory. */
static bool far_target(struct cpu *cpu, const struct x86_insn *insn, uint16_t *ret_selector,
                       uint64_t *ret_offset)
{
    uint8_t bytes[10];

    if (insn->operands[0].kind == X86_FAR) {
        *ret_selector = (uint16_t)insn->imm2;
        *ret_offset = (uint64_t)insn->imm;
        return true;
    }
    if (!cpu_load_far_pointer(cpu, insn->mem.seg, cpu_effective(cpu, insn), bytes,
                              insn->opsize + 2u)) {
        return false;
    }
    *ret_offset = cpu_get(bytes, insn->opsize);
    *ret_selector = (uint16_t)cpu_get(bytes + insn->opsize, 2);
    return true;
}

enum cpu_result cpu_sys_callf(struct cpu *cpu, const struct x86_insn *insn)
{
    uint16_t selector;
    uint64_t offset;

    return far_target(cpu, insn, &selector, &offset)
               ? cpu_far_call(cpu, selector, offset, insn->opsize, cpu_next_rip(cpu, insn))
               : CPU_FAULT;
}

enum cpu_result cpu_sys_jmpf(struct cpu *cpu, const struct x86_insn *insn)
{
    uint16_t selector;
    uint64_t offset;

    return far_target(cpu, insn, &selector, &offset)
               ? cpu_far_jump(cpu, selector, offset, insn->opsize, cpu_next_rip(cpu, insn))
               : CPU_FAULT;
}

enum cpu_result cpu_sys_retf(struct cpu *cpu, const struct x86_insn *insn)
{
    return cpu_far_return(cpu, insn->opsize, insn->imm_size > 0 ? (uint16_t)insn->imm : 0);
}

enum cpu_result cpu_sys_iret(struct cpu *cpu, const struct x86_insn *insn)
{
    return cpu_iret(cpu, insn->opsize, cpu_next_rip(cpu, insn));
}

static enum cpu_result soft(struct cpu *cpu, const struct x86_insn *insn, uint8_t vector,
                            enum cpu_interrupt_kind kind)
{
    struct cpu_interrupt interrupt = {
        .vector = vector,
        .kind = kind,
        .rip = cpu_next_rip(cpu, insn),
        .rflags = cpu_rflags(cpu),
    };

    if (!cpu_interrupt(cpu, &interrupt)) {
        return CPU_FAULT;
    }
    cpu->no_step = true;
    return CPU_JUMPED;
}

enum cpu_result cpu_sys_int(struct cpu *cpu, const struct x86_insn *insn)
{
    if (cpu_v86_traps(cpu)) {
        return cpu_raise(cpu, CPU_GP);
    }
    return soft(cpu, insn, (uint8_t)insn->imm, CPU_SOFTWARE);
}

enum cpu_result cpu_sys_int3(struct cpu *cpu, const struct x86_insn *insn)
{
    if (cpu->debug.catch_int3) {
        cpu->debug_int3 = true;
        cpu_attend(cpu, CPU_ATT_TRAP);
        return CPU_AGAIN;
    }
    return soft(cpu, insn, CPU_BP, CPU_SOFTWARE);
}

enum cpu_result cpu_sys_into(struct cpu *cpu, const struct x86_insn *insn)
{
    return (cpu_rflags(cpu) & X86_OF) != 0 ? soft(cpu, insn, CPU_OF, CPU_SOFTWARE) : CPU_NEXT;
}

enum cpu_result cpu_sys_int1(struct cpu *cpu, const struct x86_insn *insn)
{
    /* A data breakpoint of a MOV SS before it is told by this #DB. */
    if ((cpu->trapped_dr6 & 0xf) != 0) {
        cpu->dr6 = (cpu->dr6 & ~0xfull) | (cpu->trapped_dr6 & 0xf);
        cpu->trapped_dr6 &= ~0xfull;
    }
    return soft(cpu, insn, CPU_DB, CPU_EXCEPTION);
}

/* ---- fast system calls: flat segments without reading descriptors ---- */

static void flat_segments(struct cpu *cpu, uint16_t cs, uint16_t ss, unsigned cpl, bool wide)
{
    uint16_t dpl = (uint16_t)(cpl << X86_SEG_DPL_SHIFT);
    struct cpu_descriptor code = {
        .limit = 0xffffffffu,
        .attributes = X86_SEG_P | X86_SEG_S | X86_SEG_CODE | X86_SEG_WRITABLE | X86_SEG_ACCESSED |
                      X86_SEG_G | dpl | (wide ? X86_SEG_L : X86_SEG_DB),
    };

    cpu->segments[X86_SS] = (struct cpu_segment){
        .limit = 0xffffffffu,
        .selector = (uint16_t)((ss & 0xfffcu) | cpl),
        .attributes = X86_SEG_P | X86_SEG_S | X86_SEG_WRITABLE | X86_SEG_ACCESSED | X86_SEG_G |
                      X86_SEG_DB | dpl,
    };
    cpu_set_cs(cpu, &code, cs, cpl);
}

/* SYSCALL and SYSRET trap if TF is set at their end, not if it was at their beginning. */
static void step_by_new_flags(struct cpu *cpu)
{
    cpu->no_step = true;
    if ((cpu->rflags & X86_TF) != 0) {
        cpu->trapped_dr6 |= X86_DR6_BS;
        cpu_attend(cpu, CPU_ATT_TRAP);
    }
}

/* AMD's CPUs have no SYSENTER in long mode, Intel's no SYSCALL but in 64-bit mode (APM 3 and SDM
 * 2B, of either). */
static bool maker_has(const struct cpu *cpu, bool sysenter)
{
    if (cpu->shared->config.vendor == CPU_INTEL) {
        return sysenter || cpu_in_64(cpu);
    }
    return !sysenter || !cpu->long_mode;
}

enum cpu_result cpu_sys_syscall(struct cpu *cpu, const struct x86_insn *insn)
{
    uint16_t cs = (uint16_t)(cpu->star >> 32) & 0xfffcu;
    uint64_t next = cpu_next_rip(cpu, insn);
    uint64_t target;

    if ((cpu->efer & X86_EFER_SCE) == 0 || (cpu->cr0 & X86_CR0_PE) == 0 || !maker_has(cpu, false)) {
        return cpu_raise(cpu, CPU_UD);
    }
    cpu->gpr[X86_RCX] = next;
    if (cpu->long_mode) {
        target = cpu_in_64(cpu) ? cpu->lstar : cpu->cstar;
        cpu->gpr[X86_R8 + 3] = cpu_rflags(cpu) & ~(uint64_t)X86_RF;
        cpu_set_flags(cpu, 0, (cpu->sfmask & 0xffffffffu & ~2ull) | X86_RF);
    } else {
        target = cpu->star & 0xffffffffu;
        cpu_set_flags(cpu, 0, X86_VM | X86_IF | X86_RF);
    }
    flat_segments(cpu, cs, cs + 8, 0, cpu->long_mode);
    cpu->rip = target;
    step_by_new_flags(cpu);
    return CPU_JUMPED;
}

enum cpu_result cpu_sys_sysret(struct cpu *cpu, const struct x86_insn *insn)
{
    uint16_t base = (uint16_t)(cpu->star >> 48);
    bool wide = insn->opsize == 8;
    uint64_t target = cpu->gpr[X86_RCX];

    if ((cpu->efer & X86_EFER_SCE) == 0 || !maker_has(cpu, false)) {
        return cpu_raise(cpu, CPU_UD);
    }
    if (!cpu->protected_mode || cpu->cpl != 0 || (wide && !cpu_canonical(target))) {
        return cpu_raise(cpu, CPU_GP);
    }
    if (cpu_in_64(cpu)) {
        cpu_set_flags(cpu, cpu->gpr[X86_R8 + 3], 0x3c7fd5);
    } else {
        cpu_set_flags(cpu, X86_IF, X86_IF);
    }
    flat_segments(cpu, wide ? base + 16 : base, base + 8, 3, wide);
    cpu->rip = wide ? target : target & 0xffffffffu;
    step_by_new_flags(cpu);
    return CPU_JUMPED;
}

enum cpu_result cpu_sys_sysenter(struct cpu *cpu, const struct x86_insn *insn)
{
    uint16_t cs = (uint16_t)cpu->sysenter_cs & 0xfffcu;
    uint64_t mask = cpu->long_mode ? ~0ull : 0xffffffffu;

    (void)insn;
    if (!maker_has(cpu, true)) {
        return cpu_raise(cpu, CPU_UD);
    }
    if ((cpu->cr0 & X86_CR0_PE) == 0 || cs == 0) {
        return cpu_raise(cpu, CPU_GP);
    }
    cpu_set_flags(cpu, 0, X86_VM | X86_IF | X86_RF);
    flat_segments(cpu, cs, cs + 8, 0, cpu->long_mode);
    cpu->gpr[X86_RSP] = cpu->sysenter_esp & mask;
    cpu->rip = cpu->sysenter_eip & mask;
    return CPU_JUMPED;
}

enum cpu_result cpu_sys_sysexit(struct cpu *cpu, const struct x86_insn *insn)
{
    uint16_t cs = (uint16_t)cpu->sysenter_cs & 0xfffcu;
    bool wide = insn->opsize == 8;
    uint64_t mask = wide ? ~0ull : 0xffffffffu;
    uint64_t rip = cpu->gpr[X86_RDX] & mask;
    uint64_t rsp = cpu->gpr[X86_RCX] & mask;

    if (!maker_has(cpu, true)) {
        return cpu_raise(cpu, CPU_UD);
    }
    if ((cpu->cr0 & X86_CR0_PE) == 0 || cs == 0 || cpu->cpl != 0 ||
        (wide && (!cpu_canonical(rip) || !cpu_canonical(rsp)))) {
        return cpu_raise(cpu, CPU_GP);
    }
    cs += wide ? 32 : 16;
    flat_segments(cpu, cs, cs + 8, 3, wide);
    cpu->gpr[X86_RSP] = rsp;
    cpu->rip = rip;
    return CPU_JUMPED;
}
