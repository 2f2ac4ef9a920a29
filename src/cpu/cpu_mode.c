/*
 * Modes: what the control registers, EFER and the segments together make of the CPU (SDM 3A 2.5, 4,
 * 9.8.5), and the checks of whoever changes them.
 */
#include "cpu/cpu_cpuid.h"
#include "cpu/cpu_sys.h"
#include "cpu/interpreter/cpu_fpu.h"

/* ---- what follows ---- */

static uint8_t segment_opens(const struct cpu *cpu, enum x86_seg seg)
{
    const struct cpu_segment *s = &cpu->segments[seg];
    bool code = (s->attributes & X86_SEG_CODE) != 0;
    bool rw = (s->attributes & X86_SEG_WRITABLE) != 0;

    if (cpu_in_64(cpu)) {
        return CPU_OPEN_READ | CPU_OPEN_WRITE;
    }
    if ((s->attributes & (X86_SEG_P | X86_SEG_S)) != (X86_SEG_P | X86_SEG_S) ||
        s->limit != 0xffffffffu || (!code && (s->attributes & X86_SEG_DOWN) != 0)) {
        return 0;
    }
    if (!cpu->protected_mode) {
        return CPU_OPEN_READ | CPU_OPEN_WRITE;
    }
    if (code) {
        return rw ? CPU_OPEN_READ : 0;
    }
    return rw ? CPU_OPEN_READ | CPU_OPEN_WRITE : CPU_OPEN_READ;
}

static bool flat(const struct cpu *cpu, enum x86_seg seg)
{
    const struct cpu_segment *s = &cpu->segments[seg];

    return s->linear_base == 0 && s->open == (CPU_OPEN_READ | CPU_OPEN_WRITE);
}

static void update_code_mode(struct cpu *cpu)
{
    const struct cpu_segment *cs = &cpu->segments[X86_CS];
    uint8_t mode = cpu->code_mode & CPU_MODE_BITS;

    if (cpu->cpl == 3) {
        mode |= CPU_MODE_USER;
    }
    if (flat(cpu, X86_DS) && flat(cpu, X86_ES) && flat(cpu, X86_SS)) {
        mode |= CPU_MODE_FLAT_DATA;
    }
    if (cs->linear_base == 0 && (cpu_in_64(cpu) || cs->limit == 0xffffffffu)) {
        mode |= CPU_MODE_FLAT_CODE;
    }
    cpu->code_mode = mode;
}

static void update_segment(struct cpu *cpu, enum x86_seg seg)
{
    struct cpu_segment *s = &cpu->segments[seg];

    s->linear_base = cpu_in_64(cpu) && seg < X86_FS ? 0 : s->base;
    s->open = segment_opens(cpu, seg);
    if (seg == X86_SS) {
        bool big = (s->attributes & X86_SEG_DB) != 0;

        cpu->stack_size = cpu_in_64(cpu) ? 8 : big ? 4 : 2;
        cpu->stack_mask = cpu_in_64(cpu) ? ~0ull : big ? 0xffffffffu : 0xffff;
    }
}

void cpu_segment_update(struct cpu *cpu, enum x86_seg seg)
{
    update_segment(cpu, seg);
    update_code_mode(cpu);
}

void cpu_mode_update(struct cpu *cpu)
{
    uint16_t cs = cpu->segments[X86_CS].attributes;
    bool protected_mode = (cpu->cr0 & X86_CR0_PE) != 0;

    cpu->long_mode = (cpu->efer & X86_EFER_LMA) != 0;
    cpu->v86 = protected_mode && !cpu->long_mode && (cpu->rflags & X86_VM) != 0;
    cpu->protected_mode = protected_mode && !cpu->v86;
    if (cpu->long_mode && (cs & X86_SEG_L) != 0) {
        cpu->code_mode = X86_MODE_64;
    } else {
        cpu->code_mode = (cs & X86_SEG_DB) != 0 ? X86_MODE_32 : X86_MODE_16;
    }
    cpu->linear_mask = cpu_in_64(cpu) ? ~0ull : 0xffffffffu;
    for (enum x86_seg seg = X86_ES; seg <= X86_GS; seg++) {
        update_segment(cpu, seg);
    }
    update_code_mode(cpu);
    cpu_tlb_update_tag(cpu);
    cpu_fpu_mode_update(cpu);
}

void cpu_set_flags(struct cpu *cpu, uint64_t value, uint64_t mask)
{
    uint64_t before = cpu->rflags;
    uint64_t changed;

    cpu_set_rflags(cpu, value, mask);
    changed = cpu->rflags ^ before;
    if ((changed & X86_AC) != 0) {
        cpu_tlb_update_tag(cpu);
    }
    if ((changed & X86_TF) != 0) {
        cpu_watch_update(cpu);
    }
    if ((changed & cpu->rflags & X86_IF) != 0 && cpu->interrupt_waiting) {
        cpu_attend(cpu, CPU_ATT_IRQ);
    }
}

/* ---- control registers ---- */

static bool general_protection(struct cpu *cpu)
{
    cpu_raise(cpu, CPU_GP);
    return false;
}

/* Legacy PAE paging reads its PDPTEs when a control register is loaded (SDM 3A 4.4.1). */
static bool reload_pdptes(struct cpu *cpu, uint64_t cr0, uint64_t cr4, uint64_t cr3)
{
    if ((cr0 & X86_CR0_PG) == 0 || (cr4 & X86_CR4_PAE) == 0 || (cpu->efer & X86_EFER_LME) != 0) {
        return true;
    }
    return cpu_load_pdptes(cpu, cr3) || general_protection(cpu);
}

bool cpu_set_cr0(struct cpu *cpu, uint64_t value)
{
    uint64_t changed;
    bool turns_on;

    if (value >> 32 != 0 || ((value & X86_CR0_PG) != 0 && (value & X86_CR0_PE) == 0) ||
        ((value & X86_CR0_NW) != 0 && (value & X86_CR0_CD) == 0)) {
        return general_protection(cpu);
    }
    value = (value & (X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_NE | X86_CR0_WP |
                      X86_CR0_AM | X86_CR0_NW | X86_CR0_CD | X86_CR0_PG)) |
            X86_CR0_ET;
    changed = value ^ cpu->cr0;
    turns_on = (changed & value & X86_CR0_PG) != 0;
    if (turns_on && (cpu->efer & X86_EFER_LME) != 0) {
        unsigned tss = cpu->tr.attributes & 0xf;

        if ((cpu->cr4 & X86_CR4_PAE) == 0 || (cpu->segments[X86_CS].attributes & X86_SEG_L) != 0 ||
            tss == X86_TYPE_TSS16 || tss == X86_TYPE_TSS16_BUSY) {
            return general_protection(cpu);
        }
    }
    if ((changed & X86_CR0_PG) != 0 && !turns_on &&
        (cpu_in_64(cpu) || (cpu->cr4 & X86_CR4_PCIDE) != 0)) {
        return general_protection(cpu);
    }
    if ((changed & (X86_CR0_PG | X86_CR0_CD | X86_CR0_NW)) != 0 &&
        !reload_pdptes(cpu, value, cpu->cr4, cpu->cr3)) {
        return false;
    }
    cpu->cr0 = value;
    if ((changed & X86_CR0_PG) != 0) {
        if (turns_on && (cpu->efer & X86_EFER_LME) != 0) {
            cpu->efer |= X86_EFER_LMA;
        } else {
            cpu->efer &= ~(uint64_t)X86_EFER_LMA;
        }
    }
    if ((changed & (X86_CR0_PG | X86_CR0_WP | X86_CR0_PE)) != 0) {
        cpu_tlb_flush(cpu);
    }
    cpu_mode_update(cpu);
    return true;
}

bool cpu_set_cr3(struct cpu *cpu, uint64_t value)
{
    bool keep = false;

    if (cpu->long_mode) {
        if ((cpu->cr4 & X86_CR4_PCIDE) != 0) {
            keep = value >> 63 != 0;
            value &= ~(1ull << 63);
        }
        if ((value & ~CPU_PHYSICAL_MASK) != 0) {
            return general_protection(cpu);
        }
    } else {
        value &= 0xffffffffu;
        if (!reload_pdptes(cpu, cpu->cr0, cpu->cr4, value)) {
            return false;
        }
    }
    cpu->cr3 = value;
    cpu_tlb_switch(cpu, keep);
    return true;
}

void cpu_set_pkru(struct cpu *cpu, uint32_t value)
{
    if (cpu->pkru != value) {
        cpu->pkru = value;
        cpu_tlb_flush(cpu);
    }
}

bool cpu_set_cr4(struct cpu *cpu, uint64_t value)
{
    uint64_t changed = value ^ cpu->cr4;
    const uint64_t paging = X86_CR4_PAE | X86_CR4_PSE | X86_CR4_PGE | X86_CR4_SMEP;

    if ((value & ~cpu_cr4_allowed(cpu)) != 0 || (cpu->long_mode && (value & X86_CR4_PAE) == 0)) {
        return general_protection(cpu);
    }
    if ((changed & value & X86_CR4_PCIDE) != 0 && (!cpu->long_mode || (cpu->cr3 & 0xfff) != 0)) {
        return general_protection(cpu);
    }
    if ((changed & paging) != 0 && !reload_pdptes(cpu, cpu->cr0, value, cpu->cr3)) {
        return false;
    }
    cpu->cr4 = value;
    if ((changed & (paging | X86_CR4_SMAP | X86_CR4_PCIDE | X86_CR4_PKE | X86_CR4_PKS)) != 0) {
        cpu_tlb_flush(cpu);
    }
    cpu_mode_update(cpu);
    cpu_watch_update(cpu);
    return true;
}

bool cpu_set_efer(struct cpu *cpu, uint64_t value)
{
    uint64_t changed;

    if ((value & ~cpu_efer_allowed(cpu)) != 0) {
        return general_protection(cpu);
    }
    value = (value & ~(uint64_t)X86_EFER_LMA) | (cpu->efer & X86_EFER_LMA);
    changed = value ^ cpu->efer;
    if ((changed & X86_EFER_LME) != 0 && (cpu->cr0 & X86_CR0_PG) != 0) {
        return general_protection(cpu);
    }
    cpu->efer = value;
    if ((changed & X86_EFER_NX) != 0) {
        cpu_tlb_flush(cpu);
    }
    cpu_mode_update(cpu);
    return true;
}
