/*
 * The store of decoded blocks: taken from a pool by moving on, found by physical address and mode,
 * lost when their bytes change, and all forgotten when the pool is full.
 */
#include "base/assert.h"
#include "base/memops.h"
#include "cpu/interpreter/cpu_code.h"
#include "cpu/interpreter/cpu_fast.h"

/* Most that one block can take: its ops, and an instruction beside each. */
static const uint32_t block_bytes_max =
    sizeof(struct cpu_block) +
    (CPU_BLOCK_OPS + 2) * (sizeof(struct cpu_op) + sizeof(struct x86_insn) + 8);

struct cpu_code *cpu_code_new(struct cpu *cpu)
{
    struct cpu_code *code = plat_alloc(cpu->platform, sizeof *code);

    if (code != NULL) {
        code->pool_used = 8; /* 0 means none */
    }
    return code;
}

void cpu_code_free(struct cpu *cpu)
{
    if (cpu->code != NULL) {
        plat_free(cpu->platform, cpu->code, sizeof *cpu->code);
        cpu->code = NULL;
    }
}

/* ---- locks: held for a few instructions ---- */

static void lock(uint8_t *byte)
{
    while (__atomic_exchange_n(byte, 1, __ATOMIC_ACQUIRE) != 0) {
        __builtin_ia32_pause();
    }
}

static void unlock(uint8_t *byte)
{
    __atomic_store_n(byte, 0, __ATOMIC_RELEASE);
}

/* CPU 0's lock guards the code bits of all pages. */
static uint8_t *mark_lock(struct cpu *cpu)
{
    return &cpu_of(cpu->vcpu.set->vcpus[0])->code->mark_lock;
}

static uint16_t *holds_of(struct cpu_code *code, uint64_t page)
{
    return &code->holds[(page >> MEM_PAGE_SHIFT ^ page >> 24) & (CPU_HOLDS - 1)];
}

/* ---- look-up ---- */

static uint64_t key_of(uint64_t physical, uint8_t mode)
{
    return physical | (uint64_t)mode << 56;
}

static uint32_t *bucket_of(struct cpu_code *code, uint64_t key)
{
    uint64_t mixed = key * 0x9e3779b97f4a7c15;

    return &code->blocks[mixed >> 49];
}

struct cpu_block *cpu_block_find(struct cpu_code *code, uint64_t physical, uint8_t mode)
{
    uint64_t key = key_of(physical, mode);

    for (uint32_t at = *bucket_of(code, key); at != 0;) {
        struct cpu_block *block = cpu_pool_at(code, at);

        if (block->key == key) {
            return block;
        }
        at = block->next;
    }
    return NULL;
}

/* The page's entry; a free one where it has none. There is always a free one. */
static struct cpu_code_page *page_slot(struct cpu_code *code, uint64_t page)
{
    uint64_t mixed = page * 0x9e3779b97f4a7c15;

    for (uint32_t at = (uint32_t)(mixed >> 51);; at++) {
        struct cpu_code_page *slot = &code->pages[at & (CPU_PAGES - 1)];

        if (slot->page == 0 || slot->page == page + 1) {
            return slot;
        }
    }
}

/* ---- filling ---- */

static void forget_all(struct cpu_code *code)
{
    memset(code->jumps, 0, sizeof code->jumps);
    memset(code->blocks, 0, sizeof code->blocks);
    memset(code->pages, 0, sizeof code->pages);
    for (unsigned i = 0; i < CPU_HOLDS; i++) {
        __atomic_store_n(&code->holds[i], 0, __ATOMIC_SEQ_CST);
    }
    code->pool_used = 8;
    code->pages_used = 0;
    code->flushes++;
    code->flush_wanted = false;
}

/* Has stores to the page told from now on, by all vCPUs. */
static void mark_page(struct cpu *cpu, uint64_t page)
{
    struct mem_map *map = cpu->memory;
    const struct mem_slot *slot = mem_find(map, GPA(page));
    uint16_t *holds = holds_of(cpu->code, page);
    bool was;

    if (slot == NULL) {
        return;
    }
    lock(mark_lock(cpu));
    __atomic_store_n(holds, (uint16_t)(*holds + 1), __ATOMIC_SEQ_CST);
    was = (__atomic_fetch_or(mem_bits(slot, page), MEM_PAGE_CODE, __ATOMIC_SEQ_CST) &
           MEM_PAGE_CODE) != 0;
    unlock(mark_lock(cpu));
    if (!was) {
        cpu_tlb_protect(cpu, page);
    }
}

void cpu_code_reserve(struct cpu *cpu, uint64_t physical_page)
{
    struct cpu_code *code = cpu->code;
    struct cpu_code_page *slot;

    if (code->pool_used + block_bytes_max > CPU_POOL_BYTES || code->pages_used >= CPU_PAGES / 2) {
        forget_all(code);
    }
    slot = page_slot(code, physical_page);
    if (slot->page == 0) {
        slot->page = physical_page + 1;
        code->pages_used++;
        cpu->vcpu.counters.exits[VCPU_COUNT_PAGE_DECODED]++;
    }
    if (slot->live == 0) {
        mark_page(cpu, physical_page);
    }
    slot->live++; /* the block to come */
}

void *cpu_pool_take(struct cpu_code *code, uint32_t bytes)
{
    void *taken = cpu_pool_at(code, code->pool_used);

    code->pool_used += (bytes + 7) & ~7u;
    ST_CHECK(code->pool_used <= CPU_POOL_BYTES);
    return taken;
}

/* Which 64-byte pieces of its page the bytes are in. */
static uint64_t granules_of(unsigned offset, unsigned size)
{
    unsigned first = offset / 64;
    unsigned last = (offset + size - 1) / 64;

    return ~0ull << first & ~0ull >> (63 - last);
}

void cpu_block_add(struct cpu *cpu, struct cpu_block *block)
{
    struct cpu_code *code = cpu->code;
    uint64_t physical = block->key;
    uint8_t mode = cpu->code_mode;
    uint32_t offset = cpu_pool_offset(code, block);
    struct cpu_code_page *slot = page_slot(code, physical & CPU_PAGE_MASK);
    uint32_t *bucket;

    block->key = key_of(physical, mode);
    bucket = bucket_of(code, block->key);
    block->next = *bucket;
    *bucket = offset;
    block->page_next = slot->blocks;
    slot->blocks = offset;
    slot->granules |= granules_of(physical % MEM_PAGE_SIZE, block->bytes);
}

/* ---- losing ---- */

static void unlink_block(struct cpu_code *code, struct cpu_block *block)
{
    uint32_t offset = cpu_pool_offset(code, block);
    uint32_t *link = bucket_of(code, block->key);

    while (*link != offset) {
        link = &((struct cpu_block *)cpu_pool_at(code, *link))->next;
    }
    *link = block->next;
    block->dead = 1;
    for (unsigned i = 0; i < block->ops_count; i++) {
        block->ops[i].handler = CPU_FAST_stale;
    }
}

/* Forgets branches of the page's blocks that lead to ops in [from, to). */
static void unchain(struct cpu_code *code, struct cpu_code_page *slot, uint32_t from, uint32_t to)
{
    for (uint32_t at = slot->blocks; at != 0;) {
        struct cpu_block *block = cpu_pool_at(code, at);

        for (unsigned i = 0; i < block->ops_count; i++) {
            struct cpu_op *op = &block->ops[i];

            if (op->left == 1 && cpu_fast_chains(op->handler) && op->jump >= from &&
                op->jump < to) {
                op->jump = 0;
            }
        }
        at = block->page_next;
    }
}

/* Loses the page's blocks that hold any of the bytes. */
static void lose(struct cpu *cpu, uint64_t physical, unsigned size)
{
    struct cpu_code *code = cpu->code;
    uint64_t page = physical & CPU_PAGE_MASK;
    unsigned start = (unsigned)(physical - page);
    struct cpu_code_page *slot = page_slot(code, page);
    uint64_t granules = 0;
    uint32_t *link;

    if (slot->page == 0 || (slot->granules & granules_of(start, size)) == 0) {
        return;
    }
    link = &slot->blocks;
    while (*link != 0) {
        struct cpu_block *block = cpu_pool_at(code, *link);
        unsigned at = block->key % MEM_PAGE_SIZE;

        if (at < start + size && start < at + block->bytes) {
            uint32_t from = *link;

            *link = block->page_next;
            unlink_block(code, block);
            unchain(code, slot, from,
                    from + (uint32_t)(sizeof *block + block->ops_count * sizeof block->ops[0]));
            slot->live--;
        } else {
            granules |= granules_of(at, block->bytes);
            link = &block->page_next;
        }
    }
    slot->granules = granules;
    cpu->vcpu.counters.exits[VCPU_COUNT_CODE_WRITTEN]++;
    if (slot->live == 0) {
        uint16_t *holds = holds_of(code, page);

        __atomic_store_n(holds, (uint16_t)(*holds - 1), __ATOMIC_SEQ_CST);
    }
}

/* A page that no vCPU has blocks of is written to without asking again. */
static void unmark_page(struct cpu *cpu, uint64_t page)
{
    struct vcpu_set *set = cpu->vcpu.set;
    const struct mem_slot *slot = mem_find(cpu->memory, GPA(page));
    bool held = false;

    if (slot == NULL) {
        return;
    }
    lock(mark_lock(cpu));
    for (unsigned i = 0; i < set->count; i++) {
        held = held ||
               __atomic_load_n(holds_of(cpu_of(set->vcpus[i])->code, page), __ATOMIC_SEQ_CST) != 0;
    }
    if (!held) {
        __atomic_fetch_and(mem_bits(slot, page), (uint8_t)~MEM_PAGE_CODE, __ATOMIC_SEQ_CST);
    }
    unlock(mark_lock(cpu));
}

void cpu_code_written_elsewhere(struct cpu *cpu, uint64_t physical_page)
{
    struct cpu_code *code = cpu->code;

    if (__atomic_load_n(holds_of(code, physical_page), __ATOMIC_SEQ_CST) == 0) {
        return;
    }
    lock(&code->pending_lock);
    if (code->pending_count < CPU_PENDING) {
        code->pending[code->pending_count++] = physical_page;
    } else {
        code->pending_count = CPU_PENDING + 1;
    }
    __atomic_store_n(&code->pending_any, 1, __ATOMIC_SEQ_CST);
    unlock(&code->pending_lock);
    __atomic_store_n(&cpu->run_limit, 0, __ATOMIC_SEQ_CST);
}

void cpu_code_written(struct cpu *cpu, uint64_t physical, unsigned size)
{
    struct vcpu_set *set = cpu->vcpu.set;

    while (size > 0) {
        uint64_t page = physical & CPU_PAGE_MASK;
        unsigned part = (unsigned)ST_MIN((uint64_t)size, page + MEM_PAGE_SIZE - physical);

        lose(cpu, physical, part);
        for (unsigned i = 0; i < set->count; i++) {
            if (set->vcpus[i] != &cpu->vcpu) {
                cpu_code_written_elsewhere(cpu_of(set->vcpus[i]), page);
            }
        }
        if (page_slot(cpu->code, page)->live == 0) {
            unmark_page(cpu, page);
        }
        physical += part;
        size -= part;
    }
}

void cpu_code_flush(struct cpu *cpu)
{
    cpu->code->flush_wanted = true;
    if (!cpu->code->running) {
        cpu_code_settle(cpu);
    } else {
        __atomic_store_n(&cpu->run_limit, 0, __ATOMIC_SEQ_CST);
    }
}

void cpu_code_settle(struct cpu *cpu)
{
    struct cpu_code *code = cpu->code;

    if (__atomic_load_n(&code->pending_any, __ATOMIC_SEQ_CST) != 0) {
        lock(&code->pending_lock);
        code->flush_wanted = code->flush_wanted || code->pending_count > CPU_PENDING;
        for (uint32_t i = 0; i < ST_MIN(code->pending_count, (uint32_t)CPU_PENDING); i++) {
            lose(cpu, code->pending[i], MEM_PAGE_SIZE);
        }
        code->pending_count = 0;
        __atomic_store_n(&code->pending_any, 0, __ATOMIC_SEQ_CST);
        unlock(&code->pending_lock);
    }
    if (code->flush_wanted) {
        forget_all(code);
    }
}
