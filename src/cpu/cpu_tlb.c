/*
 * The upkeep of the software TLB.
 *
 * Nothing is searched for when an address space is left: each has a number that is part of the tag,
 * and a flush takes a new number. When numbers run out (and when addends hold no more) the tables
 * are cleared. Pages of PCIDs keep their number while it is remembered. Global pages are cached
 * once for each address space, which the manual allows (SDM 3A 4.10.2.4).
 *
 * Entries are of 4 KiB. What comes from a larger page is noted in two hashed sets of regions, so
 * that INVLPG inside of it drops everything rather than a part.
 */
#include "base/memops.h"
#include "cpu/cpu_mmu.h"

static unsigned large_bit(uint64_t linear)
{
    uint64_t region = linear >> 21;

    return (unsigned)(region ^ (region >> 10)) % CPU_TLB_LARGE_BITMAP;
}

static unsigned fetched_bit(uint64_t linear)
{
    uint64_t page = linear >> CPU_PAGE_SHIFT;

    return (unsigned)(page ^ (page >> 12)) % CPU_TLB_FETCHED_BITMAP;
}

static bool test_bit(const uint64_t *set, unsigned bit)
{
    return (set[bit / 64] >> bit % 64 & 1) != 0;
}

static void set_bit(uint64_t *set, unsigned bit)
{
    set[bit / 64] |= 1ull << bit % 64;
}

void cpu_tlb_update_tag(struct cpu *cpu)
{
    uint64_t privilege = cpu_privilege(cpu);

    /* With alignment checks nothing may be found, so that all accesses are looked at. */
    if (cpu->cpl == 3 && (cpu->cr0 & X86_CR0_AM) != 0 && (cpu->rflags & X86_AC) != 0) {
        privilege = CPU_PRIV_NONE;
    }
    cpu->tlb_tag = (uint64_t)cpu->space << 2 | privilege;
}

/* A new number in a cleared or not yet full range. */
static void new_space(struct cpu *cpu)
{
    if (cpu->space_next >= CPU_TLB_SPACES) {
        cpu_tlb_clear(cpu);
        return;
    }
    cpu->space = cpu->space_next++;
    cpu->fetch_tag = ++cpu->fetch_tag_next;
    cpu_tlb_update_tag(cpu);
}

static void forget_spaces(struct cpu *cpu)
{
    for (unsigned i = 0; i < CPU_TLB_REMEMBERED; i++) {
        cpu->remembered[i].space = 0;
    }
}

static uint16_t current_pcid(const struct cpu *cpu)
{
    return (cpu->cr4 & X86_CR4_PCIDE) != 0 ? cpu->cr3 & 0xfff : 0;
}

/* Writes down which number the PCID in force has. */
static void remember(struct cpu *cpu, uint16_t pcid)
{
    unsigned at = cpu->remembered_next;

    for (unsigned i = 0; i < CPU_TLB_REMEMBERED; i++) {
        if (cpu->remembered[i].space != 0 && cpu->remembered[i].pcid == pcid) {
            at = i;
        }
    }
    if (at == cpu->remembered_next) {
        cpu->remembered_next = (at + 1) % CPU_TLB_REMEMBERED;
    }
    cpu->remembered[at].pcid = pcid;
    cpu->remembered[at].space = cpu->space;
    cpu->remembered[at].fetch_tag = cpu->fetch_tag;
}

/* Other vCPUs may be reading it, see cpu_tlb_protect. */
static void clear_entry(struct cpu_tlb_entry *entry)
{
    __atomic_store_n(&entry->tag, 0, __ATOMIC_RELEASE);
}

void cpu_tlb_clear(struct cpu *cpu)
{
    memset(cpu->tlb_read, 0, sizeof cpu->tlb_read);
    for (unsigned i = 0; i < CPU_TLB_SIZE; i++) {
        clear_entry(&cpu->tlb_write[i]);
    }
    memset(cpu->tlb_fetch, 0, sizeof cpu->tlb_fetch);
    cpu->space_next = 1;
    cpu_tlb_flush(cpu);
}

void cpu_tlb_flush(struct cpu *cpu)
{
    cpu->vcpu.counters.exits[VCPU_COUNT_TLB_FLUSH]++;
    forget_spaces(cpu);
    memset(cpu->large_2m, 0, sizeof cpu->large_2m);
    memset(cpu->fetched, 0, sizeof cpu->fetched);
    cpu->large_1g = false;
    new_space(cpu);
    remember(cpu, current_pcid(cpu));
}

void cpu_tlb_switch(struct cpu *cpu, bool keep)
{
    uint16_t pcid = current_pcid(cpu);

    for (unsigned i = 0; i < CPU_TLB_REMEMBERED; i++) {
        if (cpu->remembered[i].space == 0 || cpu->remembered[i].pcid != pcid) {
            continue;
        }
        if (keep) {
            cpu->space = cpu->remembered[i].space;
            cpu->fetch_tag = cpu->remembered[i].fetch_tag;
            cpu_tlb_update_tag(cpu);
            return;
        }
        cpu->remembered[i].space = 0;
    }
    new_space(cpu);
    remember(cpu, pcid);
}

void cpu_tlb_forget(struct cpu *cpu, uint16_t pcid)
{
    if (pcid == current_pcid(cpu)) {
        cpu_tlb_switch(cpu, false);
        return;
    }
    for (unsigned i = 0; i < CPU_TLB_REMEMBERED; i++) {
        if (cpu->remembered[i].pcid == pcid) {
            cpu->remembered[i].space = 0;
        }
    }
}

static void drop_page(struct cpu_tlb_entry *table, uint64_t linear)
{
    struct cpu_tlb_entry *entry = &table[cpu_tlb_index(linear)];

    if ((entry->tag & CPU_PAGE_MASK) == (linear & CPU_PAGE_MASK)) {
        clear_entry(entry);
    }
}

void cpu_tlb_flush_page(struct cpu *cpu, uint64_t linear)
{
    if (cpu->large_1g || test_bit(cpu->large_2m, large_bit(linear))) {
        cpu_tlb_flush(cpu);
        return;
    }
    drop_page(cpu->tlb_read, linear);
    drop_page(cpu->tlb_write, linear);
    drop_page(cpu->tlb_fetch, linear);
    if (test_bit(cpu->fetched, fetched_bit(linear))) {
        /* Code may have been found by this page in any of the address spaces. */
        memset(cpu->fetched, 0, sizeof cpu->fetched);
        for (unsigned i = 0; i < CPU_TLB_REMEMBERED; i++) {
            cpu->remembered[i].fetch_tag = ++cpu->fetch_tag_next;
        }
        cpu->fetch_tag = ++cpu->fetch_tag_next;
        remember(cpu, current_pcid(cpu));
    }
}

void cpu_tlb_insert(struct cpu *cpu, struct cpu_tlb_entry *table, uint64_t linear, uint8_t *host,
                    enum cpu_privilege privilege, uint64_t page_size)
{
    struct cpu_tlb_entry *entry = &table[cpu_tlb_index(linear)];

    if (table == cpu->tlb_fetch) {
        set_bit(cpu->fetched, fetched_bit(linear));
    }
    if (page_size > 1u << CPU_PAGE_SHIFT) {
        set_bit(cpu->large_2m, large_bit(linear));
        /* A 4 MiB page is two regions. */
        if (page_size > 1u << 21) {
            set_bit(cpu->large_2m, large_bit(linear ^ 1u << 21));
        }
        cpu->large_1g |= page_size > 1u << 22;
    }
    /* Other vCPUs read the entry, see cpu_tlb_protect. */
    __atomic_store_n(&entry->addend, (uint64_t)(uintptr_t)host - (linear & CPU_PAGE_MASK),
                     __ATOMIC_RELAXED);
    __atomic_store_n(&entry->tag, (linear & CPU_PAGE_MASK) | (uint64_t)cpu->space << 2 | privilege,
                     __ATOMIC_RELEASE);
}

/* An entry that changes meanwhile is taken for one that leads there, or the page it leads to was
 * marked before it was made. */
bool cpu_tlb_has_host(const struct cpu_tlb_entry *table, const uint8_t *host_page)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < CPU_TLB_SIZE; i++) {
        uint64_t tag = __atomic_load_n(&table[i].tag, __ATOMIC_ACQUIRE);
        uint64_t addend = __atomic_load_n(&table[i].addend, __ATOMIC_ACQUIRE);
        bool changed = __atomic_load_n(&table[i].tag, __ATOMIC_ACQUIRE) != tag;

        if (tag != 0 &&
            (changed || (tag & CPU_PAGE_MASK) + addend == (uint64_t)(uintptr_t)host_page)) {
            return true;
        }
    }
    return false;
}

void cpu_tlb_drop_host(struct cpu_tlb_entry *table, const uint8_t *host_page)
{
    for (unsigned i = 0; i < CPU_TLB_SIZE; i++) {
        uint64_t linear = table[i].tag & CPU_PAGE_MASK;

        if (table[i].tag != 0 && linear + table[i].addend == (uint64_t)(uintptr_t)host_page) {
            clear_entry(&table[i]);
        }
    }
}
