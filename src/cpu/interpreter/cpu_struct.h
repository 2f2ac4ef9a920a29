/*
 * struct cpu: one software CPU.
 *
 * The run state holds no pointer but the addends of the TLBs and the decode cache's, which are
 * dropped when a state is loaded or the memory map changes; so it may lie in memory of its own that
 * is copied or mapped elsewhere. Fields that compiled code will look at (registers, TLBs) are at
 * fixed offsets from the pointer.
 *
 * Threads: all fields belong to the vCPU's thread, but those marked [a] (atomic) and [I]
 * (immutable).
 */
#pragma once

#include "cpu/cpu.h"
#include "cpu/interpreter/cpu_fpu.h"
#include "vcpu/vcpu_lapic.h"
#include "vcpu/vcpu_state.h"
#include "x86/x86_insn.h"
#include "x86/x86_regs.h"

/* ---- software TLB ----
 *
 * A tag is the linear page with, in its 12 low bits, who may use the entry: the privilege class in
 * bits 0-1 and the number of the address space in bits 2-11. 0 is no entry (a space's number is
 * never 0). A look-up of `size` bytes at `linear` compares the entry at cpu_tlb_index(linear) with
 * ((linear + size - 1) & page mask) | cpu->tlb_tag: an access that crosses a page, a non-canonical
 * address, another privilege or another address space does not match. The host address is
 * linear + addend. What is in no table goes the slow way: devices, watched pages, pages with
 * decoded code (write), pages whose D bit is clear (write).
 */
enum {
    CPU_TLB_BITS = 12,
    CPU_TLB_SIZE = 1 << CPU_TLB_BITS,
    CPU_PAGE_SHIFT = 12,
    CPU_TLB_SPACES = 1024,   /* numbers of address spaces, 0 is none */
    CPU_TLB_REMEMBERED = 16, /* PCIDs whose number is known */
    CPU_TLB_FETCHED_BITMAP = 4096,
    CPU_TLB_LARGE_BITMAP = 1024, /* bits: which 2 MiB (and 1 GiB) regions may be of large pages */
};
#define CPU_PAGE_MASK (~(uint64_t)0xfff)

enum cpu_privilege {
    CPU_PRIV_SYSTEM = 0,   /* supervisor; with SMAP not at user pages */
    CPU_PRIV_USER = 1,     /* CPL 3 */
    CPU_PRIV_SMAP_OFF = 2, /* supervisor with EFLAGS.AC while SMAP is on */
    CPU_PRIV_NONE = 3,     /* no entry has it: every access is looked at (alignment checks) */
};

struct cpu_tlb_entry {
    uint64_t tag;
    uint64_t addend; /* host address less linear address */
};

static inline unsigned cpu_tlb_index(uint64_t linear)
{
    uint64_t page = linear >> CPU_PAGE_SHIFT;

    return (unsigned)(page ^ (page >> CPU_TLB_BITS)) & (CPU_TLB_SIZE - 1);
}

/* ---- segments ---- */
enum cpu_segment_open { CPU_OPEN_READ = 1, CPU_OPEN_WRITE = 2 };

struct cpu_segment {
    uint64_t base;        /* hidden part, also in 64-bit mode */
    uint64_t linear_base; /* the base in force: 0 for ES, CS, SS and DS in 64-bit mode */
    uint32_t limit;       /* bytes, granularity applied */
    uint16_t selector;
    uint16_t attributes; /* enum x86_segment_attributes */
    uint8_t open;        /* enum cpu_segment_open: such accesses need no check of type and limit */
};

struct cpu_table {
    uint64_t base;
    uint16_t limit;
};

/* ---- modes ---- */

/* What decoded code depends on. */
enum cpu_code_mode {
    CPU_MODE_BITS = 3,       /* enum x86_mode of CS */
    CPU_MODE_USER = 4,       /* CPL 3 */
    CPU_MODE_FLAT_DATA = 8,  /* DS, ES and SS have base 0, no limit, and can be read and written */
    CPU_MODE_FLAT_CODE = 16, /* CS has base 0 and no limit */
};

enum cpu_gpr {
    CPU_GPR_ZERO = 16, /* always 0: no base, no index */
    CPU_GPR_PAGE = 17, /* cpu_code_run's own */
    CPU_GPRS,
};

/* ---- events ---- */

/* Why the fast path is left. */
enum cpu_attention {
    CPU_ATT_KICK = 1u << 0,  /* leave cpu_run */
    CPU_ATT_IRQ = 1u << 1,   /* look whether an interrupt can be taken */
    CPU_ATT_NMI = 1u << 2,   /* an NMI came */
    CPU_ATT_INIT = 1u << 3,  /* INIT came */
    CPU_ATT_SIPI = 1u << 4,  /* SIPI came, vector in sipi_vector */
    CPU_ATT_PAUSE = 1u << 5, /* another vCPU wants to be alone, see cpu_exclusive_begin */
    CPU_ATT_STEP = 1u << 6,  /* own: TF, code breakpoints or the debugger: one by one */
    CPU_ATT_TRAP = 1u << 7,  /* own: a data breakpoint matched */
};

enum cpu_shadow { CPU_SHADOW_NONE, CPU_SHADOW_STI, CPU_SHADOW_MOV_SS };

/* An exception that was recorded and not yet delivered. */
struct cpu_fault {
    uint64_t cr2; /* of #PF */
    uint64_t dr6; /* of #DB: bits to set */
    uint32_t error;
    uint8_t vector;
    bool pending;
    bool has_error;
};

struct cpu_code;
struct cpu_shared;

struct cpu {
    struct vcpu vcpu; /* first */

    /* -- bindings [I] -- */
    struct platform *platform;
    struct mem_map *memory;
    struct cpu_shared *shared; /* of all vCPUs of the set */

    /* -- integer run state -- */
    uint64_t gpr[CPU_GPRS] __attribute__((aligned(64))); /* by enum x86_gpr, then enum cpu_gpr */
    uint64_t rip;
    uint32_t arith;     /* the six arithmetic flags as AX after LAHF; SETO AL: 0 OF, 8 CF, 10 PF, 12
                         * AF, 14 ZF, 15 SF */
    uint32_t attention; /* [a] enum cpu_attention */
    uint64_t rflags;    /* all others; bit 1 set */
    uint64_t retired;   /* instructions; exact whenever cpu_code_run has returned */
    uint64_t budget;    /* retired instructions at which cpu_run ends */
    uint64_t run_limit; /* [a] cpu_code_run returns where retired reaches it; 0: soon */

    /* What follows from the control registers and CS; kept by cpu_mode_update. */
    uint64_t tlb_tag;     /* of the current privilege and address space */
    uint64_t linear_mask; /* ~0 in 64-bit mode, else 32 bits */
    uint64_t stack_mask;  /* 16, 32 or 64 bits, by SS */
    uint32_t fetch_tag;   /* another one whenever a linear address of code may be mapped otherwise;
                           * the same again when an address space comes back by its PCID */
    uint8_t code_mode;    /* enum cpu_code_mode */
    uint8_t cpl;
    bool protected_mode; /* CR0.PE and not virtual-8086 mode */
    bool v86;
    bool long_mode;     /* EFER.LMA */
    uint8_t stack_size; /* 2, 4, 8 */

    struct cpu_segment segments[6]; /* by enum x86_seg */
    struct cpu_segment ldtr, tr;
    struct cpu_table gdtr, idtr;

    uint64_t cr0, cr2, cr3, cr4, xcr0; /* CR8 is the local APIC's TPR */
    uint64_t pdpte[4];                 /* PAE: loaded with CR3 */
    uint64_t pkru, pkrs;               /* rights by protection key: 2 bits each, 32 in all */
    uint64_t dr[4], dr6, dr7;

    /* -- model-specific registers -- */
    uint64_t efer, star, lstar, cstar, sfmask, kernel_gs_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t pat, tsc_aux, misc_enable, debugctl, spec_ctrl;
    uint64_t mtrr_def_type, mtrr_fixed[11];
    struct vcpu_mtrr mtrr[VCPU_MTRR_VARIABLE];
    uint64_t mcg_status;
    uint64_t kvm_system_time, kvm_wall_clock, kvm_async_pf, kvm_steal_time, kvm_eoi;
    uint64_t kvm_poll_control;
    uint64_t tsc_offset, tsc_adjust;
    uint64_t tsc_mul; /* ticks in 2^32 ns */
    uint32_t tsc_khz;
    uint32_t kvm_clock_version;

    /* -- events -- */
    struct cpu_fault fault;
    enum vcpu_activity activity; /* [a] written by its thread, read by any */
    enum cpu_shadow shadow;      /* after STI or MOV SS: the next instruction is run by itself */
    bool nmi_masked;
    bool interrupt_waiting; /* one is there that IF or the TPR forbids */
    uint8_t nmi_pending;    /* how many: one may be latched while one is about to be taken */
    uint32_t nmi_arrived;   /* [a] since CPU_ATT_NMI was last looked at */
    uint8_t sipi_vector;    /* [a] */
    bool kvm_unhalted;      /* [a] KVM's kick: HLT ends whatever IF */
    bool kvm_eoi_offered;   /* the flag of KVM's paravirtual EOI is set */
    uint32_t pauses;        /* PAUSE instructions, for giving the core away now and then */
    bool running;           /* within cpu_run */
    bool debug_int3;        /* the debugger's INT3 was hit */
    bool debug_told;        /* the breakpoint at debug_told_at has been told: go on from it */
    uint64_t debug_told_at; /* linear */
    bool no_step;           /* the instruction took TF away as it began something else */
    bool injected;          /* an interrupt to be delivered first, from a state that was loaded */
    uint8_t injected_vector;
    uint32_t in_guest;    /* [a] 1: may touch guest memory, see cpu_exclusive_begin */
    uint64_t trapped_dr6; /* data breakpoints that matched in this instruction */

    /* -- the debugger's wishes -- */
    struct vcpu_debug debug;

    struct cpu_fpu fpu;

    /* -- decoded instructions -- */
    struct cpu_code *code;

    /* -- local APIC -- */
    struct vcpu_lapic lapic;

    /* -- address spaces -- */
    uint32_t memory_generation; /* of the map that TLBs and decode cache were filled from */
    uint16_t space;             /* number of the one in force, 1 to CPU_TLB_SPACES - 1 */
    uint16_t space_next;        /* first number not given out since tables were cleared */
    unsigned remembered_next;
    struct {
        uint32_t fetch_tag;
        uint16_t pcid;
        uint16_t space; /* 0: slot is free */
    } remembered[CPU_TLB_REMEMBERED];
    uint32_t fetch_tag_next;
    uint64_t fetched[CPU_TLB_FETCHED_BITMAP / 64]; /* hashed pages that code was fetched from since
                                                    * fetch_tag was last renewed by INVLPG */
    uint64_t large_2m[CPU_TLB_LARGE_BITMAP / 64];  /* hashed regions with large pages cached */
    bool large_1g;

    struct cpu_tlb_entry tlb_read[CPU_TLB_SIZE] __attribute__((aligned(64)));
    struct cpu_tlb_entry tlb_write[CPU_TLB_SIZE] __attribute__((aligned(64)));
    struct cpu_tlb_entry tlb_fetch[CPU_TLB_SIZE] __attribute__((aligned(64)));
    uint64_t fetch_physical[CPU_TLB_SIZE]; /* the guest-physical pages of tlb_fetch */
};

static inline struct cpu *cpu_of(struct vcpu *vcpu)
{
    return (struct cpu *)vcpu;
}

/* Sets bits of the attention word and has cpu_code_run return. Any thread. */
static inline void cpu_attend(struct cpu *cpu, uint32_t bits)
{
    __atomic_fetch_or(&cpu->attention, bits, __ATOMIC_SEQ_CST);
    __atomic_store_n(&cpu->run_limit, 0, __ATOMIC_SEQ_CST);
}
