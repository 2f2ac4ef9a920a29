/*
 * CPUID. The CPU says that it is AMD's, family 25, as kernels then know it free of Meltdown and its
 * kin, and take the bits of leaf 80000021 for what else they need not work around. The hypervisor's
 * leaves are KVM's, so that kernels find the paravirtual clock, EOI and wake-up that they know.
 */
#include "cpu/cpu_cpuid.h"

#include "base/memops.h"
#include "cpu/cpu_mmu.h"
#include "cpu/cpu_sys.h"

enum {
    LEAF_LAST = 13,
    LEAF_KVM = 0x40000000,
    LINEAR_BITS = 48,
    XSAVE_AVX_OFFSET = 576,
    XSAVE_AVX_SIZE = 256,
    XSAVE_PKRU_OFFSET = XSAVE_AVX_OFFSET + XSAVE_AVX_SIZE,
    XSAVE_PKRU_SIZE = 8,
};
#define LEAF_EXTENDED 0x80000000u
#define LEAF_EXTENDED_LAST 0x80000021u

/* Features of KVM's leaf 40000001. */
enum kvm_feature {
    KVM_CLOCK = 1u << 0,
    KVM_NO_IO_DELAY = 1u << 1,
    KVM_CLOCK2 = 1u << 3,
    KVM_PV_EOI = 1u << 6,
    KVM_PV_UNHALT = 1u << 7,
    KVM_SEND_IPI = 1u << 11,
    KVM_POLL_CONTROL = 1u << 12,
    KVM_CLOCK_STABLE = 1u << 24,
};

struct registers {
    uint32_t eax, ebx, ecx, edx;
};

static uint32_t word(const struct cpu *cpu, enum cpu_feature_word which)
{
    return cpu->shared->features.words[which];
}

bool cpu_has_feature(const struct cpu *cpu, uint16_t feature)
{
    return cpu->shared->features.has[feature];
}

static bool has_bit(const struct cpu *cpu, enum cpu_feature_word which, unsigned bit)
{
    return (word(cpu, which) >> bit & 1) != 0;
}

/* ---- what follows from the features ---- */

uint64_t cpu_cr4_allowed(const struct cpu *cpu)
{
    static const struct {
        uint32_t cr4;
        uint8_t word, bit; /* of the feature that it switches on */
    } switches[] = {
        {X86_CR4_UMIP, CPU_WORD_7_ECX, 2},   {X86_CR4_FSGSBASE, CPU_WORD_7_EBX, 0},
        {X86_CR4_PCIDE, CPU_WORD_1_ECX, 17}, {X86_CR4_OSXSAVE, CPU_WORD_1_ECX, 26},
        {X86_CR4_SMEP, CPU_WORD_7_EBX, 7},   {X86_CR4_SMAP, CPU_WORD_7_EBX, 20},
        {X86_CR4_PKE, CPU_WORD_7_ECX, 3},    {X86_CR4_PKS, CPU_WORD_7_ECX, 31},
    };
    uint64_t bits = X86_CR4_TSD | X86_CR4_DE | X86_CR4_PSE | X86_CR4_PAE | X86_CR4_MCE |
                    X86_CR4_PGE | X86_CR4_PCE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT;

    for (unsigned i = 0; i < ST_COUNT(switches); i++) {
        if (has_bit(cpu, (enum cpu_feature_word)switches[i].word, switches[i].bit)) {
            bits |= switches[i].cr4;
        }
    }
    return bits;
}

/* Automatic IBRS, AMD's (APM 2 3.1.7). */
#define EFER_AUTO_IBRS (1u << 21)

uint64_t cpu_efer_allowed(const struct cpu *cpu)
{
    (void)cpu;
    return X86_EFER_SCE | X86_EFER_LME | X86_EFER_LMA | X86_EFER_NX | EFER_AUTO_IBRS;
}

uint64_t cpu_xcr0_allowed(const struct cpu *cpu)
{
    uint64_t bits = X86_XCR0_X87 | X86_XCR0_SSE;

    bits |= has_bit(cpu, CPU_WORD_1_ECX, 28) ? X86_XCR0_AVX : 0;
    return has_bit(cpu, CPU_WORD_7_ECX, 3) ? bits | X86_XCR0_PKRU : bits;
}

bool cpu_xcr0_valid(const struct cpu *cpu, uint64_t value)
{
    return (value & X86_XCR0_X87) != 0 && (value & ~cpu_xcr0_allowed(cpu)) == 0 &&
           ((value & X86_XCR0_AVX) == 0 || (value & X86_XCR0_SSE) != 0);
}

/* ---- leaves ---- */

static uint32_t core_bits(const struct cpu *cpu)
{
    uint32_t bits = 0;

    while (1u << bits < cpu->shared->config.count) {
        bits++;
    }
    return bits;
}

static struct registers vendor(const struct cpu *cpu, uint32_t last)
{
    if (cpu->shared->config.vendor == CPU_INTEL) {
        return (struct registers){last, 0x756e6547, 0x6c65746e, 0x49656e69}; /* GenuineIntel */
    }
    return (struct registers){last, 0x68747541, 0x444d4163, 0x69746e65}; /* AuthenticAMD */
}

static uint32_t signature(const struct cpu *cpu)
{
    return cpu->shared->config.vendor == CPU_INTEL ? CPU_SIGNATURE_INTEL : CPU_SIGNATURE;
}

static void leaf_1(const struct cpu *cpu, struct registers *r)
{
    uint32_t count = cpu->shared->config.count;

    r->eax = signature(cpu);
    r->ebx = 8u << 8 | (count > 1 ? count << 16 : 0) | cpu->vcpu.apic_id << 24;
    r->ecx = word(cpu, CPU_WORD_1_ECX);
    r->edx = word(cpu, CPU_WORD_1_EDX);
    if ((cpu->cr4 & X86_CR4_OSXSAVE) != 0) {
        r->ecx |= 1u << 27;
    }
    if ((cpu->lapic.apic_base & X86_APIC_BASE_ENABLE) == 0) {
        r->edx &= ~(1u << 9);
    }
}

/* Topology: one thread a core. */
static void leaf_11(const struct cpu *cpu, uint32_t subleaf, struct registers *r)
{
    if (subleaf == 0) {
        *r = (struct registers){0, 1, 1 << 8, 0};
    } else if (subleaf == 1) {
        *r = (struct registers){core_bits(cpu), cpu->shared->config.count, 2 << 8 | 1, 0};
    } else {
        r->ecx = subleaf & 0xff;
    }
    r->edx = cpu->vcpu.apic_id;
}

static uint32_t xsave_size(uint64_t xcr0)
{
    if ((xcr0 & X86_XCR0_PKRU) != 0) {
        return XSAVE_PKRU_OFFSET + XSAVE_PKRU_SIZE;
    }
    return (xcr0 & X86_XCR0_AVX) != 0 ? XSAVE_AVX_OFFSET + XSAVE_AVX_SIZE : XSAVE_AVX_OFFSET;
}

static uint32_t compacted_size(uint64_t xcr0)
{
    return XSAVE_AVX_OFFSET + ((xcr0 & X86_XCR0_AVX) != 0 ? XSAVE_AVX_SIZE : 0) +
           ((xcr0 & X86_XCR0_PKRU) != 0 ? XSAVE_PKRU_SIZE : 0);
}

static void leaf_13(const struct cpu *cpu, uint32_t subleaf, struct registers *r)
{
    uint64_t allowed = cpu_xcr0_allowed(cpu);

    if (!has_bit(cpu, CPU_WORD_1_ECX, 26)) {
        return;
    }
    switch (subleaf) {
    case 0:
        *r = (struct registers){(uint32_t)allowed, xsave_size(cpu->xcr0), xsave_size(allowed), 0};
        break;
    case 1:
        r->eax = word(cpu, CPU_WORD_D1_EAX);
        r->ebx = compacted_size(cpu->xcr0);
        break;
    case 2:
        if ((allowed & X86_XCR0_AVX) != 0) {
            *r = (struct registers){XSAVE_AVX_SIZE, XSAVE_AVX_OFFSET, 0, 0};
        }
        break;
    case 9:
        if ((allowed & X86_XCR0_PKRU) != 0) {
            *r = (struct registers){XSAVE_PKRU_SIZE, XSAVE_PKRU_OFFSET, 0, 0};
        }
        break;
    default:
        break;
    }
}

static void basic(const struct cpu *cpu, uint32_t leaf, uint32_t subleaf, struct registers *r)
{
    switch (leaf) {
    case 0:
        *r = vendor(cpu, LEAF_LAST);
        break;
    case 1:
        leaf_1(cpu, r);
        break;
    case 5:
        if (cpu->shared->config.monitor) {
            *r = (struct registers){64, 64, 3, 0};
        }
        break;
    case 6:
        r->eax = 1u << 2; /* the APIC's timer never stops */
        break;
    case 7:
        if (subleaf == 0) {
            r->ebx = word(cpu, CPU_WORD_7_EBX);
            r->ecx = word(cpu, CPU_WORD_7_ECX);
            r->edx = word(cpu, CPU_WORD_7_EDX);
            if ((cpu->cr4 & X86_CR4_PKE) != 0) {
                r->ecx |= 1u << 4;
            }
        }
        break;
    case 11:
        leaf_11(cpu, subleaf, r);
        break;
    case 13:
        leaf_13(cpu, subleaf, r);
        break;
    default:
        break;
    }
}

static void kvm(const struct cpu *cpu, uint32_t leaf, struct registers *r)
{
    (void)cpu;
    if (leaf == LEAF_KVM) {
        *r = (struct registers){LEAF_KVM + 1, 0x4b4d564b, 0x564b4d56, 0x4d}; /* KVMKVMKVM */
    } else if (leaf == LEAF_KVM + 1) {
        r->eax = KVM_CLOCK | KVM_NO_IO_DELAY | KVM_CLOCK2 | KVM_PV_EOI | KVM_PV_UNHALT |
                 KVM_SEND_IPI | KVM_POLL_CONTROL | KVM_CLOCK_STABLE;
    }
}

static void extended(const struct cpu *cpu, uint32_t leaf, struct registers *r)
{
    static const char brand[48] = "Strata Software CPU";

    switch (leaf) {
    case LEAF_EXTENDED:
        *r = vendor(cpu, LEAF_EXTENDED_LAST);
        break;
    case LEAF_EXTENDED + 1:
        *r = (struct registers){signature(cpu), 0, word(cpu, CPU_WORD_E1_ECX),
                                word(cpu, CPU_WORD_E1_EDX)};
        break;
    case LEAF_EXTENDED + 2:
    case LEAF_EXTENDED + 3:
    case LEAF_EXTENDED + 4:
        memcpy(r, brand + (leaf - LEAF_EXTENDED - 2) * 16, 16);
        break;
    case LEAF_EXTENDED + 5: /* 32 KiB of data and of code, 8 ways, 64-byte lines */
        *r = (struct registers){0xff40ff40, 0xff40ff40, 0x20080140, 0x20080140};
        break;
    case LEAF_EXTENDED + 6: /* 1 MiB of L2, 8 ways; 16 MiB of L3, 16 ways */
        *r = (struct registers){0, 0x42004200, 0x04006140, 0x00808140};
        break;
    case LEAF_EXTENDED + 7:
        r->edx = 1u << 8; /* the TSC's rate is constant */
        break;
    case LEAF_EXTENDED + 8:
        r->eax = LINEAR_BITS << 8 | CPU_PHYSICAL_BITS;
        r->ebx = word(cpu, CPU_WORD_E8_EBX);
        r->ecx = core_bits(cpu) << 12 | (cpu->shared->config.count - 1);
        break;
    case LEAF_EXTENDED_LAST:
        r->eax = word(cpu, CPU_WORD_E21_EAX);
        r->ecx = word(cpu, CPU_WORD_E21_ECX);
        break;
    default:
        break;
    }
}

void cpu_cpuid(const struct cpu *cpu, uint32_t leaf, uint32_t subleaf, uint32_t ret_registers[4])
{
    struct registers r = {0, 0, 0, 0};

    if (leaf <= LEAF_LAST) {
        basic(cpu, leaf, subleaf, &r);
    } else if (leaf >> 28 == 4) {
        kvm(cpu, leaf, &r);
    } else if (leaf >= LEAF_EXTENDED) {
        extended(cpu, leaf, &r);
    }
    memcpy(ret_registers, &r, sizeof r);
}
