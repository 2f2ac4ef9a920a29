/*
 * The walk of the guest's page tables (SDM 3A chapter 4): none, 32-bit with PSE, PAE, 4-level.
 *
 * Entries are read and their A and D bits set by the host's atomics, since other vCPUs and the
 * guest's own code change them at the same time: an entry that changed meanwhile is read again from
 * the top. An entry in no RAM reads as all ones, which has reserved bits set.
 */
#include "base/assert.h"
#include "cpu/cpu_mmu.h"

/* Physical address bits that this CPU does not have. */
static const uint64_t pte_beyond = X86_PTE_ADDRESS & ~CPU_PHYSICAL_MASK;

/* A kind of table: how many levels, which bits index each, how wide an entry is. */
struct shape {
    uint8_t levels;
    uint8_t index_bits;
    uint8_t entry_size;
};

struct walk {
    struct cpu *cpu;
    const struct shape *shape;
    uint64_t entry;
    uint64_t entry_at; /* physical */
    bool writable, user, no_execute;
    uint64_t page_size;
};

static const struct shape shape_32 = {2, 10, 4};
static const struct shape shape_pae = {2, 9, 8}; /* below the PDPTE registers */
static const struct shape shape_4 = {4, 9, 8};

static const struct shape *shape_of(const struct cpu *cpu)
{
    if (cpu->long_mode) {
        return &shape_4;
    }
    return (cpu->cr4 & X86_CR4_PAE) != 0 ? &shape_pae : &shape_32;
}

static uint64_t read_entry(const struct cpu *cpu, uint64_t at, unsigned size)
{
    uint64_t wide = ~0ull;
    uint32_t narrow = ~0u;

    if (size == 8) {
        return mem_read_u64(cpu->memory, GPA(at), &wide) < 0 ? ~0ull : wide;
    }
    return mem_read_u32(cpu->memory, GPA(at), &narrow) < 0 ? ~0ull : narrow;
}

/* Sets bits of an entry that is `entry`. false: it is something else by now. Tables in ROM stay as
 * they are. */
static bool set_entry_bits(struct cpu *cpu, const struct walk *walk, uint64_t bits)
{
    struct cpu_place place;
    bool done;

    cpu_place_physical(cpu, walk->entry_at, &place);
    if (place.host == NULL || place.rom) {
        return true;
    }
    if (walk->shape->entry_size == 8) {
        uint64_t expected = walk->entry;

        done = __atomic_compare_exchange_n((uint64_t *)place.host, &expected, expected | bits,
                                           false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    } else {
        uint32_t expected = (uint32_t)walk->entry;

        done = __atomic_compare_exchange_n((uint32_t *)place.host, &expected,
                                           expected | (uint32_t)bits, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_SEQ_CST);
    }
    if (done) {
        cpu_place_written(cpu, &place, walk->shape->entry_size);
    }
    return done;
}

/* Whether an entry that is present, at a level (1: the last), has a reserved bit set. */
static bool reserved(const struct walk *walk, unsigned level)
{
    const struct cpu *cpu = walk->cpu;
    uint64_t entry = walk->entry;
    bool large = level > 1 && (entry & X86_PTE_PS) != 0;

    if (walk->shape == &shape_32) {
        /* PSE-36: bits 13-20 are address bits 32-39. */
        return large && (cpu->cr4 & X86_CR4_PSE) != 0 && (entry & 1u << 21) != 0;
    }
    if ((entry & pte_beyond) != 0 ||
        ((entry & X86_PTE_NX) != 0 && (cpu->efer & X86_EFER_NX) == 0)) {
        return true;
    }
    /* Without long mode bits 52-62 are reserved. */
    if (walk->shape == &shape_pae && (entry & 0x7ff0000000000000ull) != 0) {
        return true;
    }
    if (!large) {
        return false;
    }
    switch (level) {
    case 2:
        return (entry & 0x1fe000) != 0;
    case 3:
        return (entry & 0x3fffe000) != 0;
    default:
        return true;
    }
}

/* Goes through the levels. Returns 0, or CPU_WALK_FAULT with P and RSVD. A bits are set if `mark`;
 * the last entry is left in *walk. CPU_WALK_RETRY: an entry changed. */
enum { CPU_WALK_RETRY = 1 << 17 };

static uint32_t descend(struct walk *walk, uint64_t linear, uint64_t table, bool mark)
{
    struct cpu *cpu = walk->cpu;
    const struct shape *shape = walk->shape;

    for (unsigned level = shape->levels; level > 0; level--) {
        unsigned shift = CPU_PAGE_SHIFT + (level - 1) * shape->index_bits;
        uint64_t index = linear >> shift & ((1u << shape->index_bits) - 1);

        walk->entry_at = table + index * shape->entry_size;
        walk->entry = read_entry(cpu, walk->entry_at, shape->entry_size);
        if ((walk->entry & X86_PTE_P) == 0) {
            return CPU_WALK_FAULT;
        }
        if (reserved(walk, level)) {
            return CPU_WALK_FAULT | X86_PF_P | X86_PF_RSVD;
        }
        walk->writable &= (walk->entry & X86_PTE_RW) != 0;
        walk->user &= (walk->entry & X86_PTE_US) != 0;
        walk->no_execute |= shape->entry_size == 8 && (walk->entry & X86_PTE_NX) != 0;
        if (level == 1 || ((walk->entry & X86_PTE_PS) != 0 &&
                           (shape != &shape_32 || (cpu->cr4 & X86_CR4_PSE) != 0))) {
            walk->page_size = 1ull << shift;
            return 0;
        }
        if (mark && (walk->entry & X86_PTE_A) == 0 && !set_entry_bits(cpu, walk, X86_PTE_A)) {
            return CPU_WALK_RETRY;
        }
        table = walk->entry & (shape->entry_size == 8 ? X86_PTE_ADDRESS : X86_PTE_ADDRESS_32);
    }
    ST_UNREACHABLE();
}

/* The physical address of `linear` by the last entry. */
static uint64_t target(const struct walk *walk, uint64_t linear)
{
    uint64_t offset = linear & (walk->page_size - 1);

    if (walk->shape == &shape_32) {
        if (walk->page_size > 4096) {
            return (walk->entry & 0xffc00000u) | (walk->entry >> 13 & 0xff) << 32 | offset;
        }
        return (walk->entry & X86_PTE_ADDRESS_32) | offset;
    }
    return (walk->entry & X86_PTE_ADDRESS & ~(walk->page_size - 1)) | offset;
}

static bool permitted(const struct walk *walk, enum cpu_access_kind kind,
                      enum cpu_privilege privilege)
{
    const struct cpu *cpu = walk->cpu;

    if (kind == CPU_FETCH && walk->no_execute) {
        return false;
    }
    if (privilege == CPU_PRIV_USER) {
        return walk->user && (kind != CPU_WRITE || walk->writable);
    }
    if (walk->user) {
        if (kind == CPU_FETCH) {
            return (cpu->cr4 & X86_CR4_SMEP) == 0;
        }
        if ((cpu->cr4 & X86_CR4_SMAP) != 0 && privilege != CPU_PRIV_SMAP_OFF) {
            return false;
        }
    }
    return kind != CPU_WRITE || walk->writable || (cpu->cr0 & X86_CR0_WP) == 0;
}

/* Whether the rights of the page's protection key forbid the access (SDM 3A 4.6.2). */
static bool key_denies(const struct walk *walk, enum cpu_access_kind kind,
                       enum cpu_privilege privilege)
{
    const struct cpu *cpu = walk->cpu;
    unsigned key = (unsigned)(walk->entry >> X86_PTE_KEY_SHIFT & 15);
    uint64_t rights = (walk->user ? cpu->pkru : cpu->pkrs) >> 2 * key & 3;

    if (rights == 0 || kind == CPU_FETCH || !cpu->long_mode ||
        (cpu->cr4 & (walk->user ? X86_CR4_PKE : X86_CR4_PKS)) == 0) {
        return false;
    }
    return (rights & 1) != 0 ||
           (kind == CPU_WRITE && (privilege == CPU_PRIV_USER || (cpu->cr0 & X86_CR0_WP) != 0));
}

/* The bits of an error code that tell of the access rather than of the tables. */
static uint32_t access_bits(const struct cpu *cpu, enum cpu_access_kind kind,
                            enum cpu_privilege privilege)
{
    uint32_t bits = privilege == CPU_PRIV_USER ? X86_PF_U : 0;
    bool no_execute = (cpu->cr4 & X86_CR4_PAE) != 0 && (cpu->efer & X86_EFER_NX) != 0;

    if (kind == CPU_WRITE) {
        bits |= X86_PF_W;
    }
    if (kind == CPU_FETCH && (no_execute || (cpu->cr4 & X86_CR4_SMEP) != 0)) {
        bits |= X86_PF_I;
    }
    return bits;
}

/* Where the walk begins. false: a PDPTE is not present. */
static bool root(struct walk *walk, uint64_t linear, uint64_t *ret_table)
{
    const struct cpu *cpu = walk->cpu;

    walk->writable = true;
    walk->user = true;
    walk->no_execute = false;
    if (walk->shape == &shape_pae) {
        uint64_t pdpte = cpu->pdpte[linear >> 30 & 3];

        *ret_table = pdpte & X86_PTE_ADDRESS;
        return (pdpte & X86_PTE_P) != 0;
    }
    *ret_table = cpu->cr3 & (cpu->long_mode ? X86_PTE_ADDRESS : X86_PTE_ADDRESS_32);
    return true;
}

enum { WALK_TRIES = 1000 };

uint32_t cpu_walk(struct cpu *cpu, uint64_t linear, enum cpu_access_kind kind,
                  enum cpu_privilege privilege, uint64_t *ret_physical, uint64_t *ret_page_size)
{
    struct walk walk = {.cpu = cpu, .shape = shape_of(cpu)};
    uint32_t access = access_bits(cpu, kind, privilege);

    cpu->vcpu.counters.exits[VCPU_COUNT_TLB_MISS]++;
    for (unsigned tries = 0;; tries++) {
        uint64_t table;
        uint64_t bits = kind == CPU_WRITE ? X86_PTE_A | X86_PTE_D : X86_PTE_A;
        uint32_t result;

        if (!root(&walk, linear, &table)) {
            return CPU_WALK_FAULT | access;
        }
        /* Another vCPU that changes tables without end does not hold this one up without end. */
        result = descend(&walk, linear, table, tries < WALK_TRIES);
        if (result == CPU_WALK_RETRY) {
            continue;
        }
        if (result != 0) {
            return result | access;
        }
        if (key_denies(&walk, kind, privilege)) {
            return CPU_WALK_FAULT | X86_PF_P | X86_PF_PK | access;
        }
        if (!permitted(&walk, kind, privilege)) {
            return CPU_WALK_FAULT | X86_PF_P | access;
        }
        if ((walk.entry & bits) == bits || set_entry_bits(cpu, &walk, bits) ||
            tries >= WALK_TRIES) {
            *ret_physical = target(&walk, linear);
            *ret_page_size = walk.page_size;
            return 0;
        }
    }
}

int cpu_walk_debug(struct cpu *cpu, uint64_t linear, uint64_t *ret_physical)
{
    struct walk walk = {.cpu = cpu, .shape = shape_of(cpu)};
    uint64_t table;

    if ((cpu->cr0 & X86_CR0_PG) == 0) {
        *ret_physical = linear & 0xffffffffu;
        return 0;
    }
    if (!cpu_canonical(linear) || !root(&walk, linear, &table) ||
        descend(&walk, linear, table, false) != 0) {
        return -ST_EFAULT;
    }
    *ret_physical = target(&walk, linear);
    return 0;
}

bool cpu_load_pdptes(struct cpu *cpu, uint64_t cr3)
{
    uint64_t pdpte[4];
    /* Bits 1-2 and 5-8, and what no physical address has. */
    const uint64_t must_be_zero = 0x1e6 | pte_beyond | 0xfff0000000000000ull;

    for (unsigned i = 0; i < 4; i++) {
        pdpte[i] = read_entry(cpu, (cr3 & 0xffffffe0u) + i * 8, 8);
        if ((pdpte[i] & X86_PTE_P) != 0 && (pdpte[i] & must_be_zero) != 0) {
            return false;
        }
    }
    for (unsigned i = 0; i < 4; i++) {
        cpu->pdpte[i] = pdpte[i];
    }
    return true;
}
