/*
 * Paging: the software TLB's upkeep, the walk of the guest's tables, and what a translated page is.
 * All functions: the vCPU's thread.
 */
#pragma once

#include "cpu/interpreter/cpu_access.h"
#include "x86/x86_regs.h"

enum { CPU_PHYSICAL_BITS = 46 };
#define CPU_PHYSICAL_MASK ((1ull << CPU_PHYSICAL_BITS) - 1)

enum cpu_access_kind { CPU_READ, CPU_WRITE, CPU_FETCH };

static inline bool cpu_canonical(uint64_t linear)
{
    return (uint64_t)((int64_t)(linear << 16) >> 16) == linear;
}

/* Who asks, for accesses of the program itself. */
static inline enum cpu_privilege cpu_privilege(const struct cpu *cpu)
{
    if (cpu->cpl == 3) {
        return CPU_PRIV_USER;
    }
    return (cpu->cr4 & X86_CR4_SMAP) != 0 && (cpu->rflags & X86_AC) != 0 ? CPU_PRIV_SMAP_OFF
                                                                         : CPU_PRIV_SYSTEM;
}

/* Finds the page and fills the TLB in. The address is canonical. false: #PF was recorded. */
bool cpu_translate(struct cpu *cpu, uint64_t linear, enum cpu_access_kind kind,
                   enum cpu_privilege privilege, struct cpu_place *ret_place);

/* What the physical address is, without tables. */
void cpu_place_physical(struct cpu *cpu, uint64_t physical, struct cpu_place *ret_place);

/* Bytes of RAM at the place have been stored: marks the page dirty, and tells whoever has decoded
 * instructions of it. */
void cpu_place_written(struct cpu *cpu, const struct cpu_place *place, unsigned size);

/* At a linear address for a given privilege; no check of segments or alignment, but of canonical
 * form (#GP). Up to 64 bytes, or what lies in two pages. */
bool cpu_linear_access(struct cpu *cpu, uint64_t linear, void *bytes, unsigned size, bool write,
                       enum cpu_privilege privilege);
bool cpu_linear_probe(struct cpu *cpu, uint64_t linear, unsigned size, bool write,
                      enum cpu_privilege privilege);

/* Guest-physical memory and devices, up to 8 bytes in an aligned 8: what lies at a place. */
void cpu_place_read(struct cpu *cpu, const struct cpu_place *place, void *ret_bytes, unsigned size);
void cpu_place_write(struct cpu *cpu, const struct cpu_place *place, const void *bytes,
                     unsigned size);

/* Type, limit, canonical form. *ret_linear is set. false: an exception was recorded. */
/* #AC of a program at CPL 3 that wants it; size: 1, 2, 4 or 8, more is never misaligned. */
bool cpu_check_alignment(struct cpu *cpu, uint64_t linear, unsigned size);
bool cpu_segment_check(struct cpu *cpu, enum x86_seg seg, uint64_t offset, unsigned size,
                       bool write, uint64_t *ret_linear);

/* The walk alone, nothing marked or checked but presence: the debugger's. -ST_EFAULT. */
int cpu_walk_debug(struct cpu *cpu, uint64_t linear, uint64_t *ret_physical);

/* The walk with all checks; sets A and D. Returns 0, or the error code of a page fault or'ed with
 * CPU_WALK_FAULT. *ret_page_size: bytes that the last entry maps. */
enum { CPU_WALK_FAULT = 1 << 16 };
uint32_t cpu_walk(struct cpu *cpu, uint64_t linear, enum cpu_access_kind kind,
                  enum cpu_privilege privilege, uint64_t *ret_physical, uint64_t *ret_page_size);

/* Loads the four PDPTEs from CR3's table. false: a reserved bit is set (#GP), nothing changed. */
bool cpu_load_pdptes(struct cpu *cpu, uint64_t cr3);

/* ---- upkeep of the TLB ---- */

/* A page at `linear`, `page_size` as the guest's tables have it, is found at `host`. */
void cpu_tlb_insert(struct cpu *cpu, struct cpu_tlb_entry *table, uint64_t linear, uint8_t *host,
                    enum cpu_privilege privilege, uint64_t page_size);

/* Recomputes tlb_tag after a change of CPL, AC, CR0.AM, CR4.SMAP or the address space. */
void cpu_tlb_update_tag(struct cpu *cpu);

/* CR3 has been loaded: another address space. keep: what its PCID has cached stays. */
void cpu_tlb_switch(struct cpu *cpu, bool keep);
/* Drops what a PCID has cached (INVPCID). */
void cpu_tlb_forget(struct cpu *cpu, uint16_t pcid);
/* Drops all of all address spaces, and in all of them one page. */
void cpu_tlb_flush(struct cpu *cpu);
void cpu_tlb_flush_page(struct cpu *cpu, uint64_t linear);
/* Clears the tables: addends hold no more. */
void cpu_tlb_clear(struct cpu *cpu);
/* Whether an entry leads to a page of the host; the table may be another vCPU's that runs. */
bool cpu_tlb_has_host(const struct cpu_tlb_entry *table, const uint8_t *host_page);
/* Drops what leads to a page of the host. */
void cpu_tlb_drop_host(struct cpu_tlb_entry *table, const uint8_t *host_page);
