/* Control and debug registers, TLB and cache control, HLT, MONITOR and MWAIT, XCR0. */
#include "cpu/cpu_cpuid.h"
#include "cpu/interpreter/cpu_fpu.h"
#include "cpu/interpreter/cpu_handlers.h"

static unsigned register_size(const struct cpu *cpu)
{
    return cpu_in_64(cpu) ? 8 : 4;
}

static enum cpu_result read_cr(struct cpu *cpu, const struct x86_insn *insn)
{
    uint64_t value = 0;

    switch (insn->operands[1].reg) {
    case 0:
        value = cpu->cr0;
        break;
    case 2:
        value = cpu->cr2;
        break;
    case 3:
        value = cpu->cr3;
        break;
    case 4:
        value = cpu->cr4;
        break;
    case 8:
        value = vcpu_lapic_cr8(&cpu->lapic);
        break;
    default:
        return cpu_raise(cpu, CPU_UD);
    }
    cpu_gpr_put(cpu, insn->operands[0].reg, register_size(cpu), value);
    return CPU_NEXT;
}

static enum cpu_result write_cr(struct cpu *cpu, const struct x86_insn *insn)
{
    uint64_t value = cpu_gpr_get(cpu, insn->operands[1].reg, register_size(cpu));
    bool done = true;

    switch (insn->operands[0].reg) {
    case 0:
        done = cpu_set_cr0(cpu, value);
        break;
    case 2:
        cpu->cr2 = value;
        break;
    case 3:
        done = cpu_set_cr3(cpu, value);
        break;
    case 4:
        done = cpu_set_cr4(cpu, value);
        break;
    case 8:
        if (value > 15) {
            return cpu_raise(cpu, CPU_GP);
        }
        vcpu_lapic_set_cr8(&cpu->lapic, (uint8_t)value);
        break;
    default:
        return cpu_raise(cpu, CPU_UD);
    }
    return done ? CPU_END : CPU_FAULT;
}

/* DR4 and DR5 are DR6 and DR7, but with CR4.DE. false: an exception was recorded. */
static bool debug_register(struct cpu *cpu, unsigned number, unsigned *ret_number)
{
    if (number == 4 || number == 5) {
        if ((cpu->cr4 & X86_CR4_DE) != 0) {
            cpu_raise(cpu, CPU_UD);
            return false;
        }
        number += 2;
    }
    if ((cpu->dr7 & X86_DR7_GD) != 0) {
        cpu_raise(cpu, CPU_DB);
        cpu->fault.dr6 = X86_DR6_BD;
        return false;
    }
    *ret_number = number;
    return true;
}

static enum cpu_result read_dr(struct cpu *cpu, const struct x86_insn *insn)
{
    unsigned number;
    uint64_t value;

    if (!debug_register(cpu, insn->operands[1].reg, &number)) {
        return CPU_FAULT;
    }
    value = number < 4 ? cpu->dr[number] : number == 6 ? cpu->dr6 : cpu->dr7;
    cpu_gpr_put(cpu, insn->operands[0].reg, register_size(cpu), value);
    return CPU_NEXT;
}

static enum cpu_result write_dr(struct cpu *cpu, const struct x86_insn *insn)
{
    uint64_t value = cpu_gpr_get(cpu, insn->operands[1].reg, register_size(cpu));
    unsigned number;

    if (!debug_register(cpu, insn->operands[0].reg, &number)) {
        return CPU_FAULT;
    }
    if (number < 4) {
        cpu->dr[number] = value;
    } else if (value >> 32 != 0) {
        return cpu_raise(cpu, CPU_GP);
    } else if (number == 6) {
        cpu->dr6 = (value & 0xe00f) | X86_DR6_FIXED;
        return CPU_NEXT;
    } else {
        cpu->dr7 = (value & 0xffff23ffu) | X86_DR7_FIXED;
    }
    cpu_watch_update(cpu);
    return CPU_END;
}

/* MOV to or from a segment, control or debug register. */
enum cpu_result cpu_sys_mov(struct cpu *cpu, const struct x86_insn *insn)
{
    if (insn->operands[0].kind == X86_SEG) {
        return cpu_sys_load_segment(cpu, insn);
    }
    if (insn->operands[0].kind == X86_CR) {
        return write_cr(cpu, insn);
    }
    if (insn->operands[0].kind == X86_DR) {
        return write_dr(cpu, insn);
    }
    return insn->operands[1].kind == X86_CR ? read_cr(cpu, insn) : read_dr(cpu, insn);
}

enum cpu_result cpu_sys_clts(struct cpu *cpu, const struct x86_insn *insn)
{
    (void)insn;
    cpu->cr0 &= ~(uint64_t)X86_CR0_TS;
    cpu_mode_update(cpu);
    return CPU_NEXT;
}

enum cpu_result cpu_sys_hlt(struct cpu *cpu, const struct x86_insn *insn)
{
    (void)insn;
    __atomic_store_n(&cpu->activity, VCPU_HALTED, __ATOMIC_SEQ_CST);
    return CPU_END;
}

/* A CPU that spins waits for another one, which may need this one's core to go on. */
enum cpu_result cpu_sys_pause(struct cpu *cpu, const struct x86_insn *insn)
{
    enum { PAUSES_BEFORE_YIELD = 128 };

    (void)insn;
    if (cpu->vcpu.set->count > 1 && ++cpu->pauses % PAUSES_BEFORE_YIELD == 0) {
        cpu_guest_leave(cpu);
        plat_yield(cpu->platform);
        cpu_guest_enter(cpu);
    }
    return CPU_NEXT;
}

/* WBINVD and its like: caches are the host's. */
enum cpu_result cpu_sys_nothing(struct cpu *cpu, const struct x86_insn *insn)
{
    (void)cpu;
    (void)insn;
    return CPU_NEXT;
}

enum cpu_result cpu_sys_undefined(struct cpu *cpu, const struct x86_insn *insn)
{
    (void)insn;
    return cpu_raise(cpu, CPU_UD);
}

static uint64_t linear_operand(const struct cpu *cpu, const struct x86_insn *insn)
{
    return (cpu->segments[insn->mem.seg].linear_base + cpu_effective(cpu, insn)) & cpu->linear_mask;
}

enum cpu_result cpu_sys_invlpg(struct cpu *cpu, const struct x86_insn *insn)
{
    uint64_t linear = linear_operand(cpu, insn);

    if (!cpu->long_mode || cpu_canonical(linear)) {
        cpu_tlb_flush_page(cpu, linear);
    }
    return CPU_END;
}

enum cpu_result cpu_sys_invpcid(struct cpu *cpu, const struct x86_insn *insn)
{
    uint64_t type = cpu_gpr_get(cpu, insn->operands[0].reg, register_size(cpu));
    uint64_t descriptor[2];
    bool needs_pcid = type < 2;

    if (cpu->v86) {
        return cpu_raise(cpu, CPU_GP);
    }
    if (!cpu_load(cpu, insn->mem.seg, cpu_effective(cpu, insn), descriptor, 16)) {
        return CPU_FAULT;
    }
    if (type > 3 || descriptor[0] >> 12 != 0 ||
        (needs_pcid && (cpu->cr4 & X86_CR4_PCIDE) == 0 && descriptor[0] != 0) ||
        (type == 0 && !cpu_canonical(descriptor[1]))) {
        return cpu_raise(cpu, CPU_GP);
    }
    switch (type) {
    case 0:
        cpu_tlb_flush_page(cpu, descriptor[1]);
        break;
    case 1:
        cpu_tlb_forget(cpu, (uint16_t)descriptor[0]);
        break;
    default:
        cpu_tlb_flush(cpu);
        break;
    }
    return CPU_END;
}

/* CLFLUSH, CLFLUSHOPT, CLWB: a load as far as faults go. */
enum cpu_result cpu_sys_clflush(struct cpu *cpu, const struct x86_insn *insn)
{
    uint8_t byte;

    return cpu_load(cpu, insn->mem.seg, cpu_effective(cpu, insn), &byte, 1) ? CPU_NEXT : CPU_FAULT;
}

enum cpu_result cpu_sys_monitor(struct cpu *cpu, const struct x86_insn *insn)
{
    uint64_t offset = cpu_gpr_get(cpu, X86_RAX, insn->addrsize);
    enum x86_seg seg = insn->seg_override == X86_SEG_NONE ? X86_DS : insn->seg_override;
    uint8_t byte;

    if (cpu->cpl != 0) {
        return cpu_raise(cpu, CPU_UD);
    }
    if ((cpu->gpr[X86_RCX] & 0xffffffffu) != 0) {
        return cpu_raise(cpu, CPU_GP);
    }
    return cpu_load(cpu, seg, offset, &byte, 1) ? CPU_NEXT : CPU_FAULT;
}

/* Waits for nothing: a wake-up without reason is always allowed. */
enum cpu_result cpu_sys_mwait(struct cpu *cpu, const struct x86_insn *insn)
{
    (void)insn;
    if (cpu->cpl != 0) {
        return cpu_raise(cpu, CPU_UD);
    }
    return (cpu->gpr[X86_RCX] & 0xfffffffeu) != 0 ? cpu_raise(cpu, CPU_GP) : CPU_END;
}

enum cpu_result cpu_sys_xgetbv(struct cpu *cpu, const struct x86_insn *insn)
{
    (void)insn;
    if ((cpu->cr4 & X86_CR4_OSXSAVE) == 0) {
        return cpu_raise(cpu, CPU_UD);
    }
    if ((cpu->gpr[X86_RCX] & 0xffffffffu) != 0) {
        return cpu_raise(cpu, CPU_GP);
    }
    cpu->gpr[X86_RAX] = cpu->xcr0 & 0xffffffffu;
    cpu->gpr[X86_RDX] = cpu->xcr0 >> 32;
    return CPU_NEXT;
}

enum cpu_result cpu_sys_xsetbv(struct cpu *cpu, const struct x86_insn *insn)
{
    uint64_t value = (cpu->gpr[X86_RAX] & 0xffffffffu) | cpu->gpr[X86_RDX] << 32;

    (void)insn;
    if ((cpu->cr4 & X86_CR4_OSXSAVE) == 0) {
        return cpu_raise(cpu, CPU_UD);
    }
    if ((cpu->gpr[X86_RCX] & 0xffffffffu) != 0 || !cpu_xcr0_valid(cpu, value)) {
        return cpu_raise(cpu, CPU_GP);
    }
    cpu->xcr0 = value;
    cpu_mode_update(cpu);
    return CPU_END;
}

enum cpu_result cpu_sys_rdpkru(struct cpu *cpu, const struct x86_insn *insn)
{
    (void)insn;
    if ((cpu->cr4 & X86_CR4_PKE) == 0) {
        return cpu_raise(cpu, CPU_UD);
    }
    if ((cpu->gpr[X86_RCX] & 0xffffffffu) != 0) {
        return cpu_raise(cpu, CPU_GP);
    }
    cpu->gpr[X86_RAX] = cpu->pkru;
    cpu->gpr[X86_RDX] = 0;
    return CPU_NEXT;
}

enum cpu_result cpu_sys_wrpkru(struct cpu *cpu, const struct x86_insn *insn)
{
    (void)insn;
    if ((cpu->cr4 & X86_CR4_PKE) == 0) {
        return cpu_raise(cpu, CPU_UD);
    }
    if (((cpu->gpr[X86_RCX] | cpu->gpr[X86_RDX]) & 0xffffffffu) != 0) {
        return cpu_raise(cpu, CPU_GP);
    }
    cpu_set_pkru(cpu, (uint32_t)cpu->gpr[X86_RAX]);
    return CPU_END;
}
