/* Model-specific registers (SDM 4, AMD APM 2 appendix A, KVM's by Linux's msr.rst). */
#include "cpu/cpu_msr.h"

#include "cpu/cpu_clock.h"
#include "cpu/cpu_cpuid.h"
#include "cpu/cpu_lapic.h"
#include "cpu/cpu_sys.h"

#define MSR_K7_EVNTSEL0 0xc0010000u
#define MSR_AMD_NB_CFG 0xc001001fu

/* IA32_ARCH_CAPABILITIES, Intel's: not affected by Meltdown (0), L1TF on entry (3), SSB (4), MDS
 * (5), page size change (6), TAA (8), MMIO stale data (13-15), BHI (20), PBRSB (24), GDS (26), RFDS
 * (27), ITS (62). */
#define ARCH_CAPABILITIES 0x400000000d10e179ull

enum {
    MSR_MTRR_CAP = X86_MTRR_CAP_FIXED | X86_MTRR_CAP_WC | VCPU_MTRR_VARIABLE,
    HWCR_TSC_FREQUENCY = 1 << 24, /* the TSC counts with P0's frequency */
    DE_CFG_LFENCE = 1 << 1,       /* LFENCE waits for all before it */
};

/* AMD's event counters of old, which all its CPUs have: they count nothing here. */
static bool event_counter(uint32_t msr)
{
    return msr >= MSR_K7_EVNTSEL0 && msr < MSR_K7_EVNTSEL0 + 8;
}

/* Which of the eleven fixed-range registers. -1: none. */
static int fixed_mtrr(uint32_t msr)
{
    switch (msr) {
    case X86_MSR_MTRR_FIX_64K_00000:
        return 0;
    case X86_MSR_MTRR_FIX_16K_80000:
        return 1;
    case X86_MSR_MTRR_FIX_16K_A0000:
        return 2;
    default:
        return msr >= X86_MSR_MTRR_FIX_4K_C0000 && msr <= X86_MSR_MTRR_FIX_4K_F8000
                   ? (int)(3 + msr - X86_MSR_MTRR_FIX_4K_C0000)
                   : -1;
    }
}

/* A field of struct cpu that is read and written as it is. NULL: not such a register. */
static uint64_t *plain(struct cpu *cpu, uint32_t msr)
{
    int fixed = fixed_mtrr(msr);

    if (fixed >= 0) {
        return &cpu->mtrr_fixed[fixed];
    }
    if (msr >= X86_MSR_MTRR_PHYS_BASE0 && msr < X86_MSR_MTRR_PHYS_BASE0 + 2 * VCPU_MTRR_VARIABLE) {
        struct vcpu_mtrr *mtrr = &cpu->mtrr[(msr - X86_MSR_MTRR_PHYS_BASE0) / 2];

        return msr % 2 == 0 ? &mtrr->base : &mtrr->mask;
    }
    switch (msr) {
    case X86_MSR_SYSENTER_CS:
        return &cpu->sysenter_cs;
    case X86_MSR_SYSENTER_ESP:
        return &cpu->sysenter_esp;
    case X86_MSR_SYSENTER_EIP:
        return &cpu->sysenter_eip;
    case X86_MSR_STAR:
        return &cpu->star;
    case X86_MSR_LSTAR:
        return &cpu->lstar;
    case X86_MSR_CSTAR:
        return &cpu->cstar;
    case X86_MSR_SFMASK:
        return &cpu->sfmask;
    case X86_MSR_FS_BASE:
        return &cpu->segments[X86_FS].base;
    case X86_MSR_GS_BASE:
        return &cpu->segments[X86_GS].base;
    case X86_MSR_KERNEL_GS_BASE:
        return &cpu->kernel_gs_base;
    case X86_MSR_TSC_AUX:
        return &cpu->tsc_aux;
    case X86_MSR_PAT:
        return &cpu->pat;
    case X86_MSR_MTRR_DEF_TYPE:
        return &cpu->mtrr_def_type;
    case X86_MSR_MISC_ENABLE:
        return &cpu->misc_enable;
    case X86_MSR_DEBUGCTL:
        return &cpu->debugctl;
    case X86_MSR_MCG_STATUS:
        return &cpu->mcg_status;
    case X86_MSR_PKRS:
        return (cpu->shared->features.words[CPU_WORD_7_ECX] >> 31) != 0 ? &cpu->pkrs : NULL;
    case X86_MSR_KVM_POLL_CONTROL:
        return &cpu->kvm_poll_control;
    default:
        return NULL;
    }
}

bool cpu_msr_read(struct cpu *cpu, uint32_t msr, uint64_t *ret_value)
{
    const uint64_t *field = plain(cpu, msr);
    bool done;

    if (field != NULL) {
        *ret_value = *field;
        return true;
    }
    if (msr >= X86_MSR_X2APIC && msr <= X86_MSR_X2APIC + 0xff) {
        cpu_pv_eoi_settle(cpu);
        cpu_guest_leave(cpu);
        done = vcpu_lapic_msr_read(&cpu->lapic, msr, ret_value);
        cpu_guest_enter(cpu);
        return done;
    }
    switch (msr) {
    case X86_MSR_EFER:
        *ret_value = cpu->efer;
        return true;
    case X86_MSR_TSC:
        *ret_value = cpu_tsc(cpu);
        return true;
    case X86_MSR_TSC_ADJUST:
        *ret_value = cpu->tsc_adjust;
        return true;
    case X86_MSR_TSC_DEADLINE:
        *ret_value = vcpu_lapic_deadline(&cpu->lapic);
        return true;
    case X86_MSR_APIC_BASE:
        *ret_value = cpu->lapic.apic_base;
        return true;
    case X86_MSR_MTRR_CAP:
        *ret_value = MSR_MTRR_CAP;
        return true;
    case X86_MSR_K7_HWCR:
        *ret_value = HWCR_TSC_FREQUENCY;
        return true;
    case X86_MSR_AMD_DE_CFG:
        *ret_value = DE_CFG_LFENCE;
        return true;
    case X86_MSR_ARCH_CAPABILITIES:
        *ret_value = ARCH_CAPABILITIES;
        return cpu->shared->config.vendor == CPU_INTEL;
    case X86_MSR_KVM_SYSTEM_TIME:
    case X86_MSR_KVM_SYSTEM_TIME_OLD:
        *ret_value = cpu->kvm_system_time;
        return true;
    case X86_MSR_KVM_WALL_CLOCK:
    case X86_MSR_KVM_WALL_CLOCK_OLD:
        *ret_value = cpu->kvm_wall_clock;
        return true;
    case X86_MSR_KVM_ASYNC_PF:
        *ret_value = cpu->kvm_async_pf;
        return true;
    case X86_MSR_KVM_STEAL_TIME:
        *ret_value = cpu->kvm_steal_time;
        return true;
    case X86_MSR_KVM_EOI:
        *ret_value = cpu->kvm_eoi;
        return true;
    case X86_MSR_P5_MC_ADDR:
    case X86_MSR_P5_MC_TYPE:
    case X86_MSR_PLATFORM_ID:
    case X86_MSR_BIOS_SIGN_ID:
    case X86_MSR_MCG_CAP: /* no banks */
    case X86_MSR_K8_SYSCFG:
    case X86_MSR_K8_INT_PENDING:
    case MSR_AMD_NB_CFG:
        *ret_value = 0;
        return true;
    default:
        *ret_value = 0;
        return event_counter(msr);
    }
}

static bool memory_type(uint64_t type)
{
    return type <= X86_MEMORY_WB && type != 2 && type != 3;
}

/* Eight types in eight bytes; PAT also knows UC-. */
static bool memory_types(uint64_t value, bool pat)
{
    for (unsigned i = 0; i < 8; i++, value >>= 8) {
        if (!memory_type(value & 0xff) && !(pat && (value & 0xff) == X86_MEMORY_UC_MINUS)) {
            return false;
        }
    }
    return true;
}

/* Whether a plain register takes the value. */
static bool valid(uint32_t msr, uint64_t value)
{
    if (fixed_mtrr(msr) >= 0) {
        return memory_types(value, false);
    }
    if (msr >= X86_MSR_MTRR_PHYS_BASE0 && msr < X86_MSR_MTRR_PHYS_BASE0 + 2 * VCPU_MTRR_VARIABLE) {
        if ((value & ~CPU_PHYSICAL_MASK) != 0) {
            return false;
        }
        return msr % 2 == 0 ? (value & 0xf00) == 0 && memory_type(value & 0xff)
                            : (value & 0x7ff) == 0;
    }
    switch (msr) {
    case X86_MSR_SYSENTER_ESP:
    case X86_MSR_SYSENTER_EIP:
    case X86_MSR_LSTAR:
    case X86_MSR_CSTAR:
    case X86_MSR_FS_BASE:
    case X86_MSR_GS_BASE:
    case X86_MSR_KERNEL_GS_BASE:
        return cpu_canonical(value);
    case X86_MSR_TSC_AUX:
    case X86_MSR_SFMASK:
    case X86_MSR_SYSENTER_CS:
    case X86_MSR_PKRS:
        return value >> 32 == 0;
    case X86_MSR_PAT:
        return memory_types(value, true);
    case X86_MSR_MTRR_DEF_TYPE:
        return memory_type(value & 0xff) &&
               (value & ~(X86_MTRR_DEF_FIXED | X86_MTRR_DEF_ENABLE | 0xff)) == 0;
    case X86_MSR_DEBUGCTL:
        return (value & ~(X86_DEBUGCTL_LBR | X86_DEBUGCTL_BTF)) == 0;
    case X86_MSR_MCG_STATUS:
        return value == 0;
    default:
        return true;
    }
}

static bool write_plain(struct cpu *cpu, uint32_t msr, uint64_t *field, uint64_t value)
{
    if (!valid(msr, value)) {
        return false;
    }
    *field = value;
    if (msr == X86_MSR_FS_BASE) {
        cpu_segment_update(cpu, X86_FS);
    } else if (msr == X86_MSR_GS_BASE) {
        cpu_segment_update(cpu, X86_GS);
    } else if (msr == X86_MSR_PKRS) {
        cpu_tlb_flush(cpu);
    }
    return true;
}

static bool set_apic_base(struct cpu *cpu, uint64_t value)
{
    bool x2apic = (cpu->shared->features.words[CPU_WORD_1_ECX] >> 21 & 1) != 0;
    bool done;

    if ((value & X86_APIC_BASE_X2APIC) != 0 && !x2apic) {
        return false;
    }
    cpu_guest_leave(cpu);
    done = vcpu_lapic_set_base(&cpu->lapic, value);
    cpu_guest_enter(cpu);
    if (done) {
        /* Another page is memory now, or none. */
        cpu_tlb_flush(cpu);
    }
    return done;
}

/* KVM's; those whose feature is not shown in CPUID take 0 alone. */
static bool write_kvm(struct cpu *cpu, uint32_t msr, uint64_t value)
{
    switch (msr) {
    case X86_MSR_KVM_SYSTEM_TIME:
    case X86_MSR_KVM_SYSTEM_TIME_OLD:
        cpu->kvm_system_time = value;
        cpu_kvm_clock_update(cpu);
        return true;
    case X86_MSR_KVM_WALL_CLOCK:
    case X86_MSR_KVM_WALL_CLOCK_OLD:
        cpu->kvm_wall_clock = value;
        cpu_kvm_wall_clock(cpu, value);
        return true;
    case X86_MSR_KVM_EOI:
        if ((value & 2) != 0) {
            return false;
        }
        cpu_pv_eoi_settle(cpu);
        cpu->kvm_eoi = value;
        return true;
    case X86_MSR_KVM_ASYNC_PF:
    case X86_MSR_KVM_STEAL_TIME:
        return value == 0;
    default:
        return false;
    }
}

bool cpu_msr_write(struct cpu *cpu, uint32_t msr, uint64_t value)
{
    uint64_t *field = plain(cpu, msr);
    bool done;

    if (field != NULL) {
        return write_plain(cpu, msr, field, value);
    }
    if (msr >= X86_MSR_X2APIC && msr <= X86_MSR_X2APIC + 0xff) {
        cpu_pv_eoi_settle(cpu);
        cpu_guest_leave(cpu);
        done = vcpu_lapic_msr_write(&cpu->lapic, msr, value);
        cpu_guest_enter(cpu);
        return done;
    }
    switch (msr) {
    case X86_MSR_EFER:
        return cpu_set_efer(cpu, value);
    case X86_MSR_TSC:
        cpu_tsc_set(cpu, value);
        return true;
    case X86_MSR_TSC_ADJUST:
        cpu_tsc_adjust(cpu, value);
        return true;
    case X86_MSR_TSC_DEADLINE:
        cpu_tsc_deadline(cpu, value);
        return true;
    case X86_MSR_APIC_BASE:
        return set_apic_base(cpu, value);
    case X86_MSR_BIOS_SIGN_ID:
    case X86_MSR_K7_HWCR:
    case X86_MSR_AMD_DE_CFG:
    case MSR_AMD_NB_CFG:
    case X86_MSR_P5_MC_ADDR:
    case X86_MSR_P5_MC_TYPE:
        return true; /* as AMD's and KVM's: taken, without effect */
    default:
        return event_counter(msr) || write_kvm(cpu, msr, value);
    }
}
