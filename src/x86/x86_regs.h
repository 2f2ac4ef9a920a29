/*
 * Control registers, model-specific registers, descriptors and page tables: bits and numbers as the
 * architecture has them (SDM 3A chapters 2, 3, 4, 7, 17; SDM 4 for MSRs). AMD's where said.
 */
#pragma once

#include <stdint.h>

/* ---- control registers (SDM 3A 2.5) ---- */

enum x86_cr0 {
    X86_CR0_PE = 1 << 0,
    X86_CR0_MP = 1 << 1,
    X86_CR0_EM = 1 << 2,
    X86_CR0_TS = 1 << 3,
    X86_CR0_ET = 1 << 4, /* reads as one */
    X86_CR0_NE = 1 << 5,
    X86_CR0_WP = 1 << 16,
    X86_CR0_AM = 1 << 18,
    X86_CR0_NW = 1 << 29,
    X86_CR0_CD = 1 << 30,
};
#define X86_CR0_PG UINT64_C(0x80000000)

#define X86_CR3_PWT UINT64_C(0x8)
#define X86_CR3_PCD UINT64_C(0x10)
#define X86_CR3_PCID UINT64_C(0xfff)             /* with CR4.PCIDE */
#define X86_CR3_NO_FLUSH (UINT64_C(1) << 63)     /* of the value written, with CR4.PCIDE */
#define X86_CR3_PAE_ADDRESS UINT64_C(0xffffffe0) /* page-directory-pointer table, 32 bytes */

enum x86_cr4 {
    X86_CR4_VME = 1 << 0,
    X86_CR4_PVI = 1 << 1,
    X86_CR4_TSD = 1 << 2,
    X86_CR4_DE = 1 << 3,
    X86_CR4_PSE = 1 << 4,
    X86_CR4_PAE = 1 << 5,
    X86_CR4_MCE = 1 << 6,
    X86_CR4_PGE = 1 << 7,
    X86_CR4_PCE = 1 << 8,
    X86_CR4_OSFXSR = 1 << 9,
    X86_CR4_OSXMMEXCPT = 1 << 10,
    X86_CR4_UMIP = 1 << 11,
    X86_CR4_LA57 = 1 << 12,
    X86_CR4_VMXE = 1 << 13,
    X86_CR4_SMXE = 1 << 14,
    X86_CR4_FSGSBASE = 1 << 16,
    X86_CR4_PCIDE = 1 << 17,
    X86_CR4_OSXSAVE = 1 << 18,
    X86_CR4_SMEP = 1 << 20,
    X86_CR4_SMAP = 1 << 21,
    X86_CR4_PKE = 1 << 22,
    X86_CR4_CET = 1 << 23,
    X86_CR4_PKS = 1 << 24,
};

enum x86_xcr0 {
    X86_XCR0_X87 = 1 << 0,
    X86_XCR0_SSE = 1 << 1,
    X86_XCR0_AVX = 1 << 2,
    X86_XCR0_BNDREGS = 1 << 3,
    X86_XCR0_BNDCSR = 1 << 4,
    X86_XCR0_OPMASK = 1 << 5,
    X86_XCR0_ZMM_HIGH = 1 << 6,
    X86_XCR0_HIGH_ZMM = 1 << 7,
    X86_XCR0_PKRU = 1 << 9,
};

enum x86_efer {
    X86_EFER_SCE = 1 << 0,
    X86_EFER_LME = 1 << 8,
    X86_EFER_LMA = 1 << 10,
    X86_EFER_NX = 1 << 11,
    X86_EFER_SVME = 1 << 12,  /* AMD */
    X86_EFER_LMSLE = 1 << 13, /* AMD */
    X86_EFER_FFXSR = 1 << 14, /* AMD */
};

/* ---- debug registers (SDM 3B 18.2) ---- */

#define X86_DR6_FIXED UINT64_C(0xffff0ff0) /* bits that read as one (RTM, BLD included) */
#define X86_DR7_FIXED UINT64_C(0x400)
enum x86_dr6 {
    X86_DR6_B0 = 1 << 0, /* B1 to B3 follow */
    X86_DR6_BD = 1 << 13,
    X86_DR6_BS = 1 << 14,
    X86_DR6_BT = 1 << 15,
};
enum x86_dr7 {
    X86_DR7_L0 = 1 << 0, /* L and G of breakpoint n at 2n and 2n + 1 */
    X86_DR7_G0 = 1 << 1,
    X86_DR7_LE = 1 << 8,
    X86_DR7_GE = 1 << 9,
    X86_DR7_RTM = 1 << 11,
    X86_DR7_GD = 1 << 13,
    X86_DR7_RW0 = 16, /* shift: R/W of n at 16 + 4n, LEN at 18 + 4n */
    X86_DR7_LEN0 = 18,
};

/* ---- model-specific registers ---- */

enum x86_msr {
    X86_MSR_P5_MC_ADDR = 0x0,
    X86_MSR_P5_MC_TYPE = 0x1,
    X86_MSR_TSC = 0x10,
    X86_MSR_PLATFORM_ID = 0x17,
    X86_MSR_APIC_BASE = 0x1b,
    X86_MSR_FEATURE_CONTROL = 0x3a,
    X86_MSR_TSC_ADJUST = 0x3b,
    X86_MSR_SPEC_CTRL = 0x48,
    X86_MSR_PRED_CMD = 0x49,
    X86_MSR_BIOS_UPDT_TRIG = 0x79,
    X86_MSR_BIOS_SIGN_ID = 0x8b,
    X86_MSR_PMC0 = 0xc1,
    X86_MSR_MPERF = 0xe7,
    X86_MSR_APERF = 0xe8,
    X86_MSR_MTRR_CAP = 0xfe,
    X86_MSR_ARCH_CAPABILITIES = 0x10a,
    X86_MSR_FLUSH_CMD = 0x10b,
    X86_MSR_SYSENTER_CS = 0x174,
    X86_MSR_SYSENTER_ESP = 0x175,
    X86_MSR_SYSENTER_EIP = 0x176,
    X86_MSR_MCG_CAP = 0x179,
    X86_MSR_MCG_STATUS = 0x17a,
    X86_MSR_MCG_CTL = 0x17b,
    X86_MSR_PERFEVTSEL0 = 0x186,
    X86_MSR_PERF_STATUS = 0x198,
    X86_MSR_PERF_CTL = 0x199,
    X86_MSR_MISC_ENABLE = 0x1a0,
    X86_MSR_DEBUGCTL = 0x1d9,
    X86_MSR_LAST_BRANCH_FROM = 0x1db,
    X86_MSR_LAST_BRANCH_TO = 0x1dc,
    X86_MSR_LAST_INT_FROM = 0x1dd,
    X86_MSR_LAST_INT_TO = 0x1de,
    X86_MSR_MTRR_PHYS_BASE0 = 0x200, /* base and mask of n at 0x200 + 2n and 0x201 + 2n */
    X86_MSR_MTRR_PHYS_MASK0 = 0x201,
    X86_MSR_MTRR_FIX_64K_00000 = 0x250,
    X86_MSR_MTRR_FIX_16K_80000 = 0x258,
    X86_MSR_MTRR_FIX_16K_A0000 = 0x259,
    X86_MSR_MTRR_FIX_4K_C0000 = 0x268, /* to 0x26f */
    X86_MSR_MTRR_FIX_4K_F8000 = 0x26f,
    X86_MSR_PAT = 0x277,
    X86_MSR_MTRR_DEF_TYPE = 0x2ff,
    X86_MSR_MC0_CTL = 0x400, /* CTL, STATUS, ADDR, MISC of bank n from 0x400 + 4n */
    X86_MSR_TSC_DEADLINE = 0x6e0,
    X86_MSR_PKRS = 0x6e1,
    X86_MSR_X2APIC = 0x800, /* to 0x8ff: xAPIC offset >> 4 */
    X86_MSR_XSS = 0xda0,
    X86_MSR_KVM_WALL_CLOCK = 0x4b564d00,
    X86_MSR_KVM_SYSTEM_TIME = 0x4b564d01,
    X86_MSR_KVM_ASYNC_PF = 0x4b564d02,
    X86_MSR_KVM_STEAL_TIME = 0x4b564d03,
    X86_MSR_KVM_EOI = 0x4b564d04,
    X86_MSR_KVM_POLL_CONTROL = 0x4b564d05,
    X86_MSR_KVM_WALL_CLOCK_OLD = 0x11,
    X86_MSR_KVM_SYSTEM_TIME_OLD = 0x12,
};
#define X86_MSR_EFER 0xc0000080u
#define X86_MSR_STAR 0xc0000081u
#define X86_MSR_LSTAR 0xc0000082u
#define X86_MSR_CSTAR 0xc0000083u
#define X86_MSR_SFMASK 0xc0000084u
#define X86_MSR_FS_BASE 0xc0000100u
#define X86_MSR_GS_BASE 0xc0000101u
#define X86_MSR_KERNEL_GS_BASE 0xc0000102u
#define X86_MSR_TSC_AUX 0xc0000103u
/* AMD's. */
#define X86_MSR_K8_SYSCFG 0xc0010010u
#define X86_MSR_K7_HWCR 0xc0010015u
#define X86_MSR_K8_TOP_MEM1 0xc001001au
#define X86_MSR_K8_INT_PENDING 0xc0010055u
#define X86_MSR_VM_CR 0xc0010114u
#define X86_MSR_VM_HSAVE_PA 0xc0010117u
#define X86_MSR_AMD_PATCH_LEVEL 0xc0010058u
#define X86_MSR_AMD_LS_CFG 0xc0011020u
#define X86_MSR_AMD_DE_CFG 0xc0011029u

#define X86_APIC_BASE_BSP (UINT64_C(1) << 8)
#define X86_APIC_BASE_X2APIC (UINT64_C(1) << 10)
#define X86_APIC_BASE_ENABLE (UINT64_C(1) << 11)

#define X86_MISC_ENABLE_FAST_STRINGS (UINT64_C(1) << 0)
#define X86_MISC_ENABLE_BTS_UNAVAILABLE (UINT64_C(1) << 11)
#define X86_MISC_ENABLE_PEBS_UNAVAILABLE (UINT64_C(1) << 12)
#define X86_MISC_ENABLE_MONITOR (UINT64_C(1) << 18)
#define X86_MISC_ENABLE_LIMIT_CPUID (UINT64_C(1) << 22)
#define X86_MISC_ENABLE_XD_DISABLE (UINT64_C(1) << 34)

#define X86_DEBUGCTL_LBR (UINT64_C(1) << 0)
#define X86_DEBUGCTL_BTF (UINT64_C(1) << 1)

#define X86_MTRR_DEF_FIXED (UINT64_C(1) << 10)
#define X86_MTRR_DEF_ENABLE (UINT64_C(1) << 11)
#define X86_MTRR_CAP_FIXED (UINT64_C(1) << 8)
#define X86_MTRR_CAP_WC (UINT64_C(1) << 10)
#define X86_MTRR_MASK_VALID (UINT64_C(1) << 11)
#define X86_PAT_RESET UINT64_C(0x0007040600070406)

/* Memory types of MTRRs and PAT (SDM 3A table 12-2). */
enum x86_memory_type {
    X86_MEMORY_UC = 0,
    X86_MEMORY_WC = 1,
    X86_MEMORY_WT = 4,
    X86_MEMORY_WP = 5,
    X86_MEMORY_WB = 6,
    X86_MEMORY_UC_MINUS = 7, /* PAT only */
};

/* ---- page tables (SDM 3A chapter 4) ---- */

#define X86_PTE_P (UINT64_C(1) << 0)
#define X86_PTE_RW (UINT64_C(1) << 1)
#define X86_PTE_US (UINT64_C(1) << 2)
#define X86_PTE_PWT (UINT64_C(1) << 3)
#define X86_PTE_PCD (UINT64_C(1) << 4)
#define X86_PTE_A (UINT64_C(1) << 5)
#define X86_PTE_D (UINT64_C(1) << 6)
#define X86_PTE_PS (UINT64_C(1) << 7)  /* of a directory entry: a large page */
#define X86_PTE_PAT (UINT64_C(1) << 7) /* of a 4 KiB page */
#define X86_PTE_G (UINT64_C(1) << 8)
#define X86_PTE_PAT_LARGE (UINT64_C(1) << 12)
#define X86_PTE_KEY_SHIFT 59 /* protection key, 4 bits */
#define X86_PTE_NX (UINT64_C(1) << 63)
#define X86_PTE_ADDRESS UINT64_C(0x000ffffffffff000) /* less what MAXPHYADDR reserves */
#define X86_PTE_ADDRESS_32 UINT64_C(0xfffff000)
#define X86_PAGE_SHIFT 12
#define X86_PAGE_SIZE 4096

/* Error code of #PF. */
enum x86_pf {
    X86_PF_P = 1 << 0, /* a protection violation, not a page that is not there */
    X86_PF_W = 1 << 1,
    X86_PF_U = 1 << 2,
    X86_PF_RSVD = 1 << 3,
    X86_PF_I = 1 << 4,
    X86_PF_PK = 1 << 5,
};

/* Error code with a selector. */
enum x86_selector_error {
    X86_ERROR_EXT = 1 << 0,
    X86_ERROR_IDT = 1 << 1,
    X86_ERROR_TI = 1 << 2,
};

/* ---- segments (SDM 3A 3.4, 5.8, 8.2) ---- */

enum x86_selector {
    X86_SELECTOR_RPL = 3,
    X86_SELECTOR_TI = 4,
    X86_SELECTOR_INDEX = 0xfff8,
};

/* An 8-byte descriptor as a number: bits and fields. */
#define X86_DESC_TYPE_SHIFT 40 /* 4 bits; with S (1 << 4), DPL (2 bits at 5), P (1 << 7) above */
#define X86_DESC_S (UINT64_C(1) << 44)
#define X86_DESC_DPL_SHIFT 45
#define X86_DESC_P (UINT64_C(1) << 47)
#define X86_DESC_AVL (UINT64_C(1) << 52)
#define X86_DESC_L (UINT64_C(1) << 53)
#define X86_DESC_DB (UINT64_C(1) << 54)
#define X86_DESC_G (UINT64_C(1) << 55)
#define X86_DESC_ACCESSED (UINT64_C(1) << 40)

static inline uint32_t x86_desc_base(uint64_t desc)
{
    return (uint32_t)(desc >> 16 & 0xffffff) | (uint32_t)(desc >> 32 & 0xff000000);
}

/* In bytes, granularity applied. */
static inline uint32_t x86_desc_limit(uint64_t desc)
{
    uint32_t limit = (uint32_t)(desc & 0xffff) | (uint32_t)(desc >> 32 & 0xf0000);
    return desc & X86_DESC_G ? limit << 12 | 0xfff : limit;
}

/* A gate's target: selector and the offset's low 32 bits. */
static inline uint16_t x86_gate_selector(uint64_t desc)
{
    return (uint16_t)(desc >> 16);
}

static inline uint32_t x86_gate_offset(uint64_t desc)
{
    return (uint32_t)(desc & 0xffff) | (uint32_t)(desc >> 32 & 0xffff0000);
}

/* Attributes of a segment: descriptor bits 40-47 in 0-7, 52-55 in 12-15 (struct vcpu_segment). */
enum x86_segment_attributes {
    X86_SEG_ACCESSED = 1 << 0,
    X86_SEG_WRITABLE = 1 << 1,   /* data */
    X86_SEG_READABLE = 1 << 1,   /* code */
    X86_SEG_DOWN = 1 << 2,       /* data: expands down */
    X86_SEG_CONFORMING = 1 << 2, /* code */
    X86_SEG_CODE = 1 << 3,
    X86_SEG_TYPE = 15,
    X86_SEG_S = 1 << 4, /* code or data, not a system segment */
    X86_SEG_DPL_SHIFT = 5,
    X86_SEG_P = 1 << 7,
    X86_SEG_AVL = 1 << 12,
    X86_SEG_L = 1 << 13,
    X86_SEG_DB = 1 << 14,
    X86_SEG_G = 1 << 15,
};

/* Types of system segments and gates. */
enum x86_system_type {
    X86_TYPE_TSS16 = 1,
    X86_TYPE_LDT = 2,
    X86_TYPE_TSS16_BUSY = 3,
    X86_TYPE_CALL_GATE16 = 4,
    X86_TYPE_TASK_GATE = 5,
    X86_TYPE_INTERRUPT_GATE16 = 6,
    X86_TYPE_TRAP_GATE16 = 7,
    X86_TYPE_TSS = 9,
    X86_TYPE_TSS_BUSY = 11,
    X86_TYPE_CALL_GATE = 12,
    X86_TYPE_INTERRUPT_GATE = 14,
    X86_TYPE_TRAP_GATE = 15,
};

/* MXCSR and x87 (SDM 1 10.2.3, 8.1). */
#define X86_MXCSR_RESET 0x1f80u
#define X86_MXCSR_EXCEPTIONS 0x3fu
#define X86_MXCSR_DAZ 0x40u
#define X86_MXCSR_MASKS 0x1f80u
#define X86_MXCSR_FTZ 0x8000u
#define X86_FCW_RESET 0x40u
#define X86_FCW_INIT 0x37fu
