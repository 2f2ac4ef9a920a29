/* Being alone. Entering and wishing are ordered by sequentially consistent accesses: either the one
 * that enters sees the wish, or the one that wishes sees it inside and waits. Waiting is short, but
 * the one waited for may not be running just now: after some looks its core is given away. */
#include "cpu/cpu_exclusive.h"
#include "cpu/cpu_mmu.h"
#include "cpu/interpreter/cpu_fpu.h"

enum { LOOKS_BEFORE_YIELD = 200 };

static void wait_a_moment(struct cpu *cpu, unsigned *looks)
{
    if (++*looks < LOOKS_BEFORE_YIELD) {
        __builtin_ia32_pause();
    } else {
        plat_yield(cpu->platform);
    }
}

void cpu_guest_enter(struct cpu *cpu)
{
    uint32_t me = cpu->vcpu.index + 1;
    unsigned looks = 0;

    if (!cpu->running) {
        return;
    }
    for (;;) {
        uint32_t owner;

        __atomic_store_n(&cpu->in_guest, 1, __ATOMIC_SEQ_CST);
        owner = __atomic_load_n(&cpu->shared->exclusive, __ATOMIC_SEQ_CST);
        if (owner == 0 || owner == me) {
            return;
        }
        __atomic_store_n(&cpu->in_guest, 0, __ATOMIC_SEQ_CST);
        while (__atomic_load_n(&cpu->shared->exclusive, __ATOMIC_SEQ_CST) != 0) {
            wait_a_moment(cpu, &looks);
        }
    }
}

void cpu_guest_leave(struct cpu *cpu)
{
    cpu_fpu_leave(cpu);
    __atomic_store_n(&cpu->in_guest, 0, __ATOMIC_SEQ_CST);
}

void cpu_exclusive_begin(struct cpu *cpu)
{
    const struct vcpu_set *set = cpu->vcpu.set;
    uint32_t expected = 0;
    unsigned looks = 0;

    if (set->count == 1) {
        return;
    }
    cpu_guest_leave(cpu);
    while (!__atomic_compare_exchange_n(&cpu->shared->exclusive, &expected, cpu->vcpu.index + 1,
                                        false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        expected = 0;
        wait_a_moment(cpu, &looks);
    }
    cpu_guest_enter(cpu);
    for (unsigned i = 0; i < set->count; i++) {
        struct cpu *other = cpu_of(set->vcpus[i]);

        if (other == cpu) {
            continue;
        }
        if (__atomic_load_n(&other->in_guest, __ATOMIC_SEQ_CST) != 0) {
            cpu_attend(other, CPU_ATT_PAUSE);
        }
        looks = 0;
        while (__atomic_load_n(&other->in_guest, __ATOMIC_SEQ_CST) != 0) {
            wait_a_moment(cpu, &looks);
        }
    }
}

void cpu_exclusive_end(struct cpu *cpu)
{
    if (cpu->vcpu.set->count > 1) {
        __atomic_store_n(&cpu->shared->exclusive, 0, __ATOMIC_SEQ_CST);
    }
}

/* Whether another vCPU has a write entry for the page. Read while it runs: cpu_translate inserts an
 * entry, then looks for the mark of code; the mark was set before this reads the entries. One of
 * the two sees the other. */
static bool others_write(const struct cpu *cpu, const uint8_t *host_page)
{
    const struct vcpu_set *set = cpu->vcpu.set;

    for (unsigned i = 0; i < set->count; i++) {
        if (set->vcpus[i] != &cpu->vcpu &&
            cpu_tlb_has_host(cpu_of(set->vcpus[i])->tlb_write, host_page)) {
            return true;
        }
    }
    return false;
}

void cpu_tlb_protect(struct cpu *cpu, uint64_t physical_page)
{
    const struct vcpu_set *set = cpu->vcpu.set;
    struct cpu_place place;

    cpu_place_physical(cpu, physical_page, &place);
    if (place.host == NULL) {
        return;
    }
    cpu_tlb_drop_host(cpu->tlb_write, place.host);
    if (set->count == 1 || !others_write(cpu, place.host)) {
        return;
    }
    cpu_exclusive_begin(cpu);
    for (unsigned i = 0; i < set->count; i++) {
        cpu_tlb_drop_host(cpu_of(set->vcpus[i])->tlb_write, place.host);
    }
    cpu_exclusive_end(cpu);
}
