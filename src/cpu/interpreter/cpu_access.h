/*
 * The fast path to guest memory: one look-up in the software TLB, inline. What it does not find
 * goes to cpu_load, cpu_store and cpu_fetch_page, which fill the tables in.
 */
#pragma once

#include "cpu/interpreter/cpu_int.h"
#include "cpu/interpreter/cpu_struct.h"

/* The host address of `size` bytes (at most a page) at a linear address in one of the tables.
 * NULL: not there (unmapped, another page's half, device, watched, code in the write table). */
static inline void *cpu_tlb_look(const struct cpu *cpu, const struct cpu_tlb_entry *table,
                                 uint64_t linear, unsigned size)
{
    const struct cpu_tlb_entry *entry = &table[cpu_tlb_index(linear)];
    uint64_t tag = ((linear + size - 1) & CPU_PAGE_MASK) | cpu->tlb_tag;

    return entry->tag == tag ? (void *)(uintptr_t)(linear + entry->addend) : NULL;
}

/* At the current privilege: to read, and to write or to read and write (where one may write one may
 * read). A host address is good until the next call that may fault, walk or leave guest code. */
static inline void *cpu_tlb_read(const struct cpu *cpu, uint64_t linear, unsigned size)
{
    return cpu_tlb_look(cpu, cpu->tlb_read, linear, size);
}

static inline void *cpu_tlb_write(const struct cpu *cpu, uint64_t linear, unsigned size)
{
    return cpu_tlb_look(cpu, cpu->tlb_write, linear, size);
}

/* The linear address of seg:offset where the segment is open for the access (enum
 * cpu_segment_open), so that only paging has to be asked. */
static inline bool cpu_segment_open(const struct cpu *cpu, enum x86_seg seg, uint64_t offset,
                                    uint8_t access, uint64_t *ret_linear)
{
    const struct cpu_segment *segment = &cpu->segments[seg];

    *ret_linear = (segment->linear_base + offset) & cpu->linear_mask;
    return (segment->open & access) != 0;
}

/* A page of code. */
struct cpu_page {
    const uint8_t *host; /* start of the page; NULL: a device's */
    uint64_t physical;   /* its guest-physical address */
};

/* The page that holds a linear address, for execution at the current privilege. false: an exception
 * was recorded. */
bool cpu_fetch_page(struct cpu *cpu, uint64_t linear, struct cpu_page *ret_page);

/* Copies up to `size` bytes of code from a linear address, across pages and from devices. Returns
 * how many were got: fewer than size where the next page cannot be fetched; no exception is
 * recorded then. */
unsigned cpu_fetch_bytes(struct cpu *cpu, uint64_t linear, uint8_t *ret_bytes, unsigned size);

/* ---- read, modify, write ---- */

/* Where a guest's byte lies, found for one access. */
struct cpu_place {
    uint64_t physical; /* guest-physical address of the byte */
    uint8_t *host;     /* where it lies here; NULL: a device or nothing */
    uint8_t *bits;     /* the page's enum mem_page_bits; NULL without host */
    bool rom;
};

/* The operand of one instruction that reads and writes it: `at` is the memory itself, or `bounce`
 * where there is none to point to (devices, page crossings, code, watched pages). Operate on `at`
 * (by a host atomic for a locked access), then end. */
struct cpu_rmw {
    uint8_t bounce[16] __attribute__((aligned(16)));
    void *at;
    struct cpu_place places[2]; /* of its bytes in the first page and in the second */
    uint8_t size;
    uint8_t split;  /* bytes in the first page */
    bool exclusive; /* all other vCPUs are stopped until cpu_rmw_end */
};

/* Begins with all checks of a write (and, as a write implies it, of a read). `locked` makes what
 * cannot be done by a host atomic exclusive. false: an exception was recorded, nothing to end. */
bool cpu_rmw_begin(struct cpu *cpu, enum x86_seg seg, uint64_t offset, unsigned size, bool locked,
                   struct cpu_rmw *ret_rmw);
/* Stores what was bounced. `write` false: the operand stays as it was. Cannot fault. */
void cpu_rmw_end(struct cpu *cpu, struct cpu_rmw *rmw, bool write);

/* ---- other vCPUs ---- */

/* Stops all other vCPUs of the set outside guest code until cpu_exclusive_end. What was translated
 * before it began is to be translated again. Not nested. */
void cpu_exclusive_begin(struct cpu *cpu);
void cpu_exclusive_end(struct cpu *cpu);

/* Drops all write entries, of all vCPUs of the set, that lead to this physical page. Other vCPUs
 * that are in guest code are stopped for it. */
void cpu_tlb_protect(struct cpu *cpu, uint64_t physical_page);

/* ---- ports ---- */

/* Whether `size` ports at `port` may be used at the current privilege (IOPL, TSS bit map). false:
 * an exception was recorded. */
bool cpu_io_allowed(struct cpu *cpu, uint16_t port, unsigned size);
uint32_t cpu_io_read(struct cpu *cpu, uint16_t port, unsigned size);
void cpu_io_write(struct cpu *cpu, uint16_t port, unsigned size, uint32_t value);
