/*
 * The slow path to memory: what the inline look-up of cpu_access.h does not find. Translates each
 * page of an access before anything is changed, calls the bus for devices, marks what is written.
 */
#include "cpu/cpu_exclusive.h"
#include "cpu/cpu_lapic.h"
#include "cpu/cpu_mmu.h"
#include "cpu/cpu_watch.h"
#include "cpu/interpreter/cpu_operand.h"

#include "base/memops.h"

/* ---- places ---- */

void cpu_place_physical(struct cpu *cpu, uint64_t physical, struct cpu_place *ret_place)
{
    const struct mem_slot *slot;

    *ret_place = (struct cpu_place){.physical = physical};
    if (cpu_lapic_at(cpu, physical)) {
        return;
    }
    slot = mem_find(cpu->memory, GPA(physical));
    if (slot != NULL) {
        ret_place->host = slot->host + (physical - slot->start);
        ret_place->bits = mem_bits(slot, physical);
        ret_place->rom = slot->kind == MEM_ROM;
    }
}

void cpu_place_written(struct cpu *cpu, const struct cpu_place *place, unsigned size)
{
    if (__atomic_load_n(&cpu->memory->log_dirty, __ATOMIC_RELAXED)) {
        __atomic_fetch_or(place->bits, MEM_PAGE_DIRTY, __ATOMIC_RELAXED);
    }
    /* Either this sees the mark of a vCPU that is about to decode, or that one sees the bytes. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if ((__atomic_load_n(place->bits, __ATOMIC_SEQ_CST) & MEM_PAGE_CODE) == 0) {
        return;
    }
    cpu_code_written(cpu, place->physical, size);
}

/* A run of at most 8 bytes that crosses no multiple of 8. */
static uint64_t device_read(struct cpu *cpu, uint64_t physical, unsigned size)
{
    const struct vcpu_bus *bus = &cpu->vcpu.set->bus;
    uint64_t value;

    if (cpu_lapic_at(cpu, physical)) {
        return cpu_lapic_mmio_read(cpu, physical, size);
    }
    cpu->vcpu.counters.exits[VCPU_COUNT_MMIO]++;
    cpu_guest_leave(cpu);
    value = bus->mmio_read(bus->machine, physical, size);
    cpu_guest_enter(cpu);
    return value;
}

static void device_write(struct cpu *cpu, uint64_t physical, unsigned size, uint64_t value)
{
    const struct vcpu_bus *bus = &cpu->vcpu.set->bus;

    if (cpu_lapic_at(cpu, physical)) {
        cpu_lapic_mmio_write(cpu, physical, size, value);
        return;
    }
    cpu->vcpu.counters.exits[VCPU_COUNT_MMIO]++;
    cpu_guest_leave(cpu);
    bus->mmio_write(bus->machine, physical, size, value);
    cpu_guest_enter(cpu);
}

/* Copies as other vCPUs must see it: 2, 4 and 8 bytes in one access. */
static void copy_bytes(void *to, const void *from, unsigned size)
{
    switch (size) {
    case 1:
    case 2:
    case 4:
    case 8:
        cpu_put(to, size, cpu_get(from, size));
        break;
    default:
        memcpy(to, from, size);
        break;
    }
}

void cpu_place_read(struct cpu *cpu, const struct cpu_place *place, void *ret_bytes, unsigned size)
{
    uint64_t at = place->physical;
    uint8_t *to = ret_bytes;

    if (place->host != NULL) {
        copy_bytes(ret_bytes, place->host, size);
        return;
    }
    while (size > 0) {
        unsigned run = ST_MIN(size, 8 - (unsigned)(at & 7));
        uint64_t value = device_read(cpu, at, run);

        memcpy(to, &value, run);
        at += run;
        to += run;
        size -= run;
    }
}

void cpu_place_write(struct cpu *cpu, const struct cpu_place *place, const void *bytes,
                     unsigned size)
{
    uint64_t at = place->physical;
    const uint8_t *from = bytes;

    if (place->rom) {
        return;
    }
    if (place->host != NULL) {
        copy_bytes(place->host, bytes, size);
        cpu_place_written(cpu, place, size);
        return;
    }
    while (size > 0) {
        unsigned run = ST_MIN(size, 8 - (unsigned)(at & 7));
        uint64_t value = 0;

        memcpy(&value, from, run);
        device_write(cpu, at, run, value);
        at += run;
        from += run;
        size -= run;
    }
}

/* ---- translation ---- */

/* A write entry, but for a page with decoded code. The mark is looked at again once the entry can
 * be seen: see cpu_tlb_protect. */
static void insert_write(struct cpu *cpu, uint64_t linear, uint8_t *page,
                         enum cpu_privilege privilege, uint64_t page_size, const uint8_t *bits)
{
    if ((__atomic_load_n(bits, __ATOMIC_SEQ_CST) & MEM_PAGE_CODE) != 0) {
        return;
    }
    cpu_tlb_insert(cpu, cpu->tlb_write, linear, page, privilege, page_size);
    if (cpu->vcpu.set->count > 1) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if ((__atomic_load_n(bits, __ATOMIC_SEQ_CST) & MEM_PAGE_CODE) != 0) {
            __atomic_store_n(&cpu->tlb_write[cpu_tlb_index(linear)].tag, 0, __ATOMIC_RELEASE);
        }
    }
}

bool cpu_translate(struct cpu *cpu, uint64_t linear, enum cpu_access_kind kind,
                   enum cpu_privilege privilege, struct cpu_place *ret_place)
{
    uint64_t physical = linear & 0xffffffffu;
    uint64_t page_size = 4096;
    uint8_t *page;

    if ((cpu->cr0 & X86_CR0_PG) != 0) {
        uint32_t fault = cpu_walk(cpu, linear, kind, privilege, &physical, &page_size);

        if (fault != 0) {
            cpu_raise_page_fault(cpu, linear, fault & ~(uint32_t)CPU_WALK_FAULT);
            return false;
        }
    }
    cpu_place_physical(cpu, physical, ret_place);
    if (ret_place->host == NULL) {
        return true;
    }
    page = ret_place->host - (linear & 0xfff);
    if (kind == CPU_FETCH) {
        cpu_tlb_insert(cpu, cpu->tlb_fetch, linear, page, privilege, page_size);
        cpu->fetch_physical[cpu_tlb_index(linear)] = physical & CPU_PAGE_MASK;
        return true;
    }
    if (cpu_watched_page(cpu, linear)) {
        return true;
    }
    cpu_tlb_insert(cpu, cpu->tlb_read, linear, page, privilege, page_size);
    if (kind == CPU_WRITE && !ret_place->rom) {
        if (__atomic_load_n(&cpu->memory->log_dirty, __ATOMIC_RELAXED)) {
            __atomic_fetch_or(ret_place->bits, MEM_PAGE_DIRTY, __ATOMIC_RELAXED);
        }
        insert_write(cpu, linear, page, privilege, page_size, ret_place->bits);
    }
    return true;
}

/* The places of both pages of an access; *ret_split: bytes in the first. */
static bool translate_all(struct cpu *cpu, uint64_t linear, unsigned size,
                          enum cpu_access_kind kind, enum cpu_privilege privilege,
                          struct cpu_place ret_places[2], unsigned *ret_split)
{
    uint64_t mask = cpu->long_mode ? ~0ull : 0xffffffffu;
    unsigned left = 4096 - (unsigned)(linear & 0xfff);

    *ret_split = ST_MIN(size, left);
    if (!cpu_translate(cpu, linear, kind, privilege, &ret_places[0])) {
        return false;
    }
    return size <= left ||
           cpu_translate(cpu, (linear + left) & mask, kind, privilege, &ret_places[1]);
}

/* A look-up for a privilege that need not be the current one. */
static void *look(const struct cpu *cpu, const struct cpu_tlb_entry *table, uint64_t linear,
                  unsigned size, enum cpu_privilege privilege)
{
    const struct cpu_tlb_entry *entry = &table[cpu_tlb_index(linear)];
    uint64_t tag = ((linear + size - 1) & CPU_PAGE_MASK) | (uint64_t)cpu->space << 2 | privilege;

    return entry->tag == tag ? (void *)(uintptr_t)(linear + entry->addend) : NULL;
}

static bool check_canonical(struct cpu *cpu, uint64_t linear, unsigned size)
{
    if (cpu->long_mode && (!cpu_canonical(linear) || !cpu_canonical(linear + size - 1))) {
        cpu_raise(cpu, CPU_GP);
        return false;
    }
    return true;
}

bool cpu_linear_access(struct cpu *cpu, uint64_t linear, void *bytes, unsigned size, bool write,
                       enum cpu_privilege privilege)
{
    struct cpu_place places[2];
    unsigned split;
    void *host = look(cpu, write ? cpu->tlb_write : cpu->tlb_read, linear, size, privilege);

    if (host != NULL) {
        copy_bytes(write ? host : bytes, write ? bytes : host, size);
        return true;
    }
    if (!check_canonical(cpu, linear, size) ||
        !translate_all(cpu, linear, size, write ? CPU_WRITE : CPU_READ, privilege, places,
                       &split)) {
        return false;
    }
    cpu_watch(cpu, linear, size, write);
    for (unsigned i = 0, at = 0; i < 2 && at < size; i++) {
        unsigned run = i == 0 ? split : size - split;

        if (write) {
            cpu_place_write(cpu, &places[i], (const uint8_t *)bytes + at, run);
        } else {
            cpu_place_read(cpu, &places[i], (uint8_t *)bytes + at, run);
        }
        at += run;
    }
    return true;
}

bool cpu_linear_probe(struct cpu *cpu, uint64_t linear, unsigned size, bool write,
                      enum cpu_privilege privilege)
{
    struct cpu_place places[2];
    unsigned split;

    return look(cpu, write ? cpu->tlb_write : cpu->tlb_read, linear, size, privilege) != NULL ||
           (check_canonical(cpu, linear, size) &&
            translate_all(cpu, linear, size, write ? CPU_WRITE : CPU_READ, privilege, places,
                          &split));
}

/* ---- by segment ---- */

static bool segment_fault(struct cpu *cpu, enum x86_seg seg)
{
    cpu_raise(cpu, seg == X86_SS ? CPU_SS : CPU_GP);
    return false;
}

/* Whether seg:offset to offset + size - 1 is within the segment. */
static bool within_limit(const struct cpu_segment *segment, uint64_t offset, unsigned size)
{
    uint64_t last = offset + size - 1;

    if ((segment->attributes & (X86_SEG_S | X86_SEG_CODE | X86_SEG_DOWN)) ==
        (X86_SEG_S | X86_SEG_DOWN)) {
        uint64_t top = (segment->attributes & X86_SEG_DB) != 0 ? 0xffffffffu : 0xffff;

        return offset > segment->limit && last <= top;
    }
    return last <= segment->limit;
}

bool cpu_segment_check(struct cpu *cpu, enum x86_seg seg, uint64_t offset, unsigned size,
                       bool write, uint64_t *ret_linear)
{
    const struct cpu_segment *segment = &cpu->segments[seg];

    *ret_linear = (segment->linear_base + offset) & cpu->linear_mask;
    if ((cpu->code_mode & CPU_MODE_BITS) == X86_MODE_64) {
        return (cpu_canonical(*ret_linear) && cpu_canonical(*ret_linear + size - 1)) ||
               segment_fault(cpu, seg);
    }
    if ((segment->open & (write ? CPU_OPEN_WRITE : CPU_OPEN_READ)) != 0) {
        return true;
    }
    if (cpu->protected_mode) {
        bool code = (segment->attributes & X86_SEG_CODE) != 0;
        bool rw = (segment->attributes & X86_SEG_WRITABLE) != 0;

        if ((segment->attributes & X86_SEG_P) == 0) {
            return segment_fault(cpu, seg);
        }
        if (write ? code || !rw : code && !rw) {
            return segment_fault(cpu, seg);
        }
    }
    return within_limit(segment, offset, size) || segment_fault(cpu, seg);
}

bool cpu_check_alignment(struct cpu *cpu, uint64_t linear, unsigned size)
{
    if ((cpu->tlb_tag & 3) == CPU_PRIV_NONE && size <= 8 && (linear & (size - 1)) != 0) {
        cpu_raise(cpu, CPU_AC);
        return false;
    }
    return true;
}

static bool check_alignment(struct cpu *cpu, uint64_t linear, unsigned size)
{
    /* Contents of table registers are dwords to it. Vectors have rules of their own. */
    return size >= 16 || cpu_check_alignment(cpu, linear, size == 6 || size == 10 ? 4 : size);
}

bool cpu_load(struct cpu *cpu, enum x86_seg seg, uint64_t offset, void *ret_bytes, unsigned size)
{
    uint64_t linear;

    return cpu_segment_check(cpu, seg, offset, size, false, &linear) &&
           check_alignment(cpu, linear, size) &&
           cpu_linear_access(cpu, linear, ret_bytes, size, false, cpu_privilege(cpu));
}

bool cpu_load_far_pointer(struct cpu *cpu, enum x86_seg seg, uint64_t offset, void *ret_bytes,
                          unsigned size)
{
    uint64_t linear;

    return cpu_segment_check(cpu, seg, offset, size, false, &linear) &&
           cpu_check_alignment(cpu, linear, size == 4 ? 2 : 4) &&
           cpu_linear_access(cpu, linear, ret_bytes, size, false, cpu_privilege(cpu));
}

bool cpu_store(struct cpu *cpu, enum x86_seg seg, uint64_t offset, const void *bytes, unsigned size)
{
    uint64_t linear;

    return cpu_segment_check(cpu, seg, offset, size, true, &linear) &&
           check_alignment(cpu, linear, size) &&
           cpu_linear_access(cpu, linear, (void *)(uintptr_t)bytes, size, true, cpu_privilege(cpu));
}

bool cpu_probe_store(struct cpu *cpu, enum x86_seg seg, uint64_t offset, unsigned size)
{
    uint64_t linear;

    return cpu_segment_check(cpu, seg, offset, size, true, &linear) &&
           check_alignment(cpu, linear, size) &&
           cpu_linear_probe(cpu, linear, size, true, cpu_privilege(cpu));
}

bool cpu_load_linear(struct cpu *cpu, uint64_t linear, void *ret_bytes, unsigned size, bool system)
{
    return cpu_linear_access(cpu, linear, ret_bytes, size, false,
                             system ? CPU_PRIV_SYSTEM : cpu_privilege(cpu));
}

bool cpu_store_linear(struct cpu *cpu, uint64_t linear, const void *bytes, unsigned size,
                      bool system)
{
    return cpu_linear_access(cpu, linear, (void *)(uintptr_t)bytes, size, true,
                             system ? CPU_PRIV_SYSTEM : cpu_privilege(cpu));
}

/* ---- read, modify, write ---- */

bool cpu_rmw_begin(struct cpu *cpu, enum x86_seg seg, uint64_t offset, unsigned size, bool locked,
                   struct cpu_rmw *ret_rmw)
{
    enum cpu_privilege privilege = cpu_privilege(cpu);
    struct cpu_place *places = ret_rmw->places;
    uint64_t linear;
    unsigned split;

    ret_rmw->size = (uint8_t)size;
    ret_rmw->exclusive = false;
    if (!cpu_segment_check(cpu, seg, offset, size, true, &linear) ||
        !check_alignment(cpu, linear, size) || !check_canonical(cpu, linear, size) ||
        !translate_all(cpu, linear, size, CPU_WRITE, privilege, places, &split)) {
        return false;
    }
    ret_rmw->split = (uint8_t)split;
    cpu_watch(cpu, linear, size, true);
    if (places[0].host != NULL && !places[0].rom &&
        (split == size || (places[1].host == places[0].host + split && !places[1].rom))) {
        ret_rmw->at = places[0].host;
        return true;
    }
    ret_rmw->at = ret_rmw->bounce;
    if (locked) {
        cpu_exclusive_begin(cpu);
        ret_rmw->exclusive = true;
        /* What others changed before they stopped counts. */
        if (!translate_all(cpu, linear, size, CPU_WRITE, privilege, places, &split)) {
            cpu_exclusive_end(cpu);
            return false;
        }
    }
    cpu_place_read(cpu, &places[0], ret_rmw->bounce, split);
    if (split < size) {
        cpu_place_read(cpu, &places[1], ret_rmw->bounce + split, size - split);
    }
    return true;
}

void cpu_rmw_end(struct cpu *cpu, struct cpu_rmw *rmw, bool write)
{
    bool direct = rmw->at != rmw->bounce;
    unsigned rest = rmw->size - rmw->split;

    if (write && direct) {
        cpu_place_written(cpu, &rmw->places[0], rmw->split);
        if (rest > 0) {
            cpu_place_written(cpu, &rmw->places[1], rest);
        }
    } else if (write) {
        cpu_place_write(cpu, &rmw->places[0], rmw->bounce, rmw->split);
        if (rest > 0) {
            cpu_place_write(cpu, &rmw->places[1], rmw->bounce + rmw->split, rest);
        }
    }
    if (rmw->exclusive) {
        cpu_exclusive_end(cpu);
    }
}

/* ---- code ---- */

bool cpu_fetch_page(struct cpu *cpu, uint64_t linear, struct cpu_page *ret_page)
{
    /* AC opens no user page to be executed. */
    enum cpu_privilege privilege = cpu->cpl == 3 ? CPU_PRIV_USER : CPU_PRIV_SYSTEM;
    const uint8_t *host = look(cpu, cpu->tlb_fetch, linear, 1, privilege);
    struct cpu_place place;

    if (host != NULL) {
        ret_page->host = host - (linear & 0xfff);
        ret_page->physical = cpu->fetch_physical[cpu_tlb_index(linear)];
        return true;
    }
    if (!check_canonical(cpu, linear, 1) ||
        !cpu_translate(cpu, linear, CPU_FETCH, privilege, &place)) {
        return false;
    }
    ret_page->host = place.host == NULL ? NULL : place.host - (linear & 0xfff);
    ret_page->physical = place.physical & CPU_PAGE_MASK;
    return true;
}

unsigned cpu_fetch_bytes(struct cpu *cpu, uint64_t linear, uint8_t *ret_bytes, unsigned size)
{
    uint64_t mask = cpu->long_mode ? ~0ull : 0xffffffffu;
    enum cpu_privilege privilege = cpu->cpl == 3 ? CPU_PRIV_USER : CPU_PRIV_SYSTEM;
    struct cpu_fault before = cpu->fault;
    unsigned got = 0;

    while (got < size) {
        uint64_t at = (linear + got) & mask;
        unsigned run = ST_MIN(size - got, 4096 - (unsigned)(at & 0xfff));
        struct cpu_place place;

        if (!check_canonical(cpu, at, 1) || !cpu_translate(cpu, at, CPU_FETCH, privilege, &place)) {
            cpu->fault = before;
            break;
        }
        cpu_place_read(cpu, &place, ret_bytes + got, run);
        got += run;
    }
    return got;
}
