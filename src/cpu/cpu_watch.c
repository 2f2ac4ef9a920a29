/*
 * Debug registers: what matches. Pages with a data breakpoint are not kept in the TLB, so that the
 * slow path sees each access; code breakpoints have instructions run one by one.
 */
#include "cpu/cpu_watch.h"
#include "cpu/cpu_mmu.h"

/* A breakpoint, whoever set it. */
struct point {
    uint64_t first, last;
    unsigned type; /* enum cpu_break */
    uint64_t bit;  /* in trapped_dr6 */
};

/* The guest's i-th (0-3) or the debugger's (4-7). false: not in use. */
static bool get_point(const struct cpu *cpu, unsigned i, struct point *ret_point)
{
    static const uint8_t lengths[4] = {1, 2, 8, 4};
    unsigned length;
    uint64_t address;

    if (i >= 4) {
        if (i - 4 >= cpu->debug.count) {
            return false;
        }
        address = cpu->debug.points[i - 4].address;
        length = cpu->debug.points[i - 4].length;
        ret_point->type = cpu->debug.points[i - 4].type;
        ret_point->bit = 1ull << (32 + i - 4);
    } else {
        if ((cpu->dr7 >> i * 2 & 3) == 0) {
            return false;
        }
        length = lengths[cpu->dr7 >> (18 + i * 4) & 3];
        address = cpu->dr[i];
        ret_point->type = (unsigned)(cpu->dr7 >> (16 + i * 4)) & 3;
        ret_point->bit = 1ull << i;
    }
    ret_point->first = address & ~(uint64_t)(length - 1);
    ret_point->last = ret_point->first + length - 1;
    return true;
}

static bool any(const struct cpu *cpu)
{
    return (cpu->dr7 & 0xff) != 0 || cpu->debug.count != 0;
}

bool cpu_watched_page(const struct cpu *cpu, uint64_t linear)
{
    struct point point;

    if (!any(cpu)) {
        return false;
    }
    for (unsigned i = 0; i < 8; i++) {
        if (get_point(cpu, i, &point) && point.type % 2 == 1 &&
            ((point.first ^ linear) & CPU_PAGE_MASK) == 0) {
            return true;
        }
    }
    return false;
}

void cpu_watch(struct cpu *cpu, uint64_t linear, unsigned size, bool write)
{
    struct point point;

    if (!any(cpu)) {
        return;
    }
    for (unsigned i = 0; i < 8; i++) {
        if (get_point(cpu, i, &point) && linear <= point.last && linear + size - 1 >= point.first &&
            (point.type == CPU_BREAK_ACCESS || (point.type == CPU_BREAK_WRITE && write))) {
            cpu->trapped_dr6 |= point.bit;
            cpu_attend(cpu, CPU_ATT_TRAP);
        }
    }
}

void cpu_watch_io(struct cpu *cpu, uint16_t port, unsigned size)
{
    struct point point;

    if (!any(cpu) || (cpu->cr4 & X86_CR4_DE) == 0) {
        return;
    }
    for (unsigned i = 0; i < 4; i++) {
        if (get_point(cpu, i, &point) && point.type == CPU_BREAK_IO && port <= point.last &&
            port + size - 1u >= point.first) {
            cpu->trapped_dr6 |= point.bit;
            cpu_attend(cpu, CPU_ATT_TRAP);
        }
    }
}

uint64_t cpu_watch_code(const struct cpu *cpu, uint64_t linear)
{
    uint64_t matched = 0;
    struct point point;

    if (!any(cpu)) {
        return 0;
    }
    for (unsigned i = 0; i < 8; i++) {
        if (get_point(cpu, i, &point) && point.type == CPU_BREAK_CODE && point.first == linear) {
            matched |= point.bit;
        }
    }
    return matched;
}

void cpu_watch_update(struct cpu *cpu)
{
    bool step = cpu->debug.single_step || (cpu->rflags & X86_TF) != 0;
    struct point point;

    for (unsigned i = 0; i < 8; i++) {
        if (!get_point(cpu, i, &point)) {
            continue;
        }
        if (point.type == CPU_BREAK_CODE) {
            step = true;
        } else if (point.type % 2 == 1) {
            cpu_tlb_flush_page(cpu, point.first);
        }
    }
    if (step) {
        cpu_attend(cpu, CPU_ATT_STEP);
    } else {
        __atomic_fetch_and(&cpu->attention, ~(uint32_t)CPU_ATT_STEP, __ATOMIC_SEQ_CST);
    }
}
