/*
 * Arbitrary bytes as a program, in every mode: nothing that a guest runs makes the software CPU
 * abort or read outside its memory, and the fast path ends where instructions one by one do, with
 * the same registers and memory.
 *
 * Input: mode and flags (1 byte), privilege and segments (1), 16 registers (2 each: seeds), code.
 */
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "cpu/interpreter/cpu_int.h"
#include "cpu/interpreter/cpu_struct.h"
#include "vmm/vmm_platform.h"
#include "x86/x86_regs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    RAM_BYTES = 1 << 20,
    GDT = 0x1000,
    IDT = 0x2000,
    TSS = 0x3000,
    TABLES = 0x10000,
    CODE = 0x20000,
    STACK = 0x30000,
    HANDLERS = 0x40000,
    HEADER = 34,
    INSTRUCTIONS = 400,
    DEVICE_ACCESSES = 20000,
};

/* Two machines: one takes the fast path, one goes one by one. */
struct machine {
    struct vcpu_set set;
    struct mem_map memory;
    uint8_t *ram;
    struct vcpu_state state;
    struct vcpu_exit exit;
    unsigned accesses; /* of devices */
};
static struct machine machines[2];

/* A guest whose handlers fault for ever retires nothing: it is stopped by its CPU time. */
static volatile sig_atomic_t expired;

static void on_expiry(int number)
{
    (void)number;
    expired = 1;
    vcpu_kick(machines[0].set.vcpus[0]);
    vcpu_kick(machines[1].set.vcpus[0]);
}

static void arm(unsigned milliseconds)
{
    struct itimerval timer = {.it_value.tv_usec = (suseconds_t)milliseconds * 1000};

    (void)signal(SIGVTALRM, on_expiry);
    (void)setitimer(ITIMER_VIRTUAL, &timer, NULL);
}

/* A REP over gigabytes of nothing is not waited for. */
static void count_access(struct machine *m)
{
    if (++m->accesses > DEVICE_ACCESSES) {
        vcpu_kick(m->set.vcpus[0]);
    }
}

static uint64_t frozen_now(struct platform *platform)
{
    (void)platform;
    return 1000000;
}

static int fixed_random(struct platform *platform, void *ret_bytes, size_t size)
{
    (void)platform;
    memset(ret_bytes, 0x5a, size);
    return 0;
}

static void no_timer(struct platform *platform, struct plat_timer *timer, uint64_t deadline_ns)
{
    (void)platform;
    timer->deadline_ns = deadline_ns;
}

static uint64_t io_read(void *machine, uint16_t port, unsigned size)
{
    (void)size;
    count_access(machine);
    return port;
}

static void io_write(void *machine, uint16_t port, unsigned size, uint64_t value)
{
    (void)port;
    (void)size;
    (void)value;
    count_access(machine);
}

static uint64_t mmio_read(void *machine, uint64_t address, unsigned size)
{
    (void)size;
    count_access(machine);
    return address * 0x9e3779b97f4a7c15;
}

static void mmio_write(void *machine, uint64_t address, unsigned size, uint64_t value)
{
    (void)address;
    (void)size;
    (void)value;
    count_access(machine);
}

static void eoi(void *machine, uint8_t vector)
{
    (void)machine;
    (void)vector;
}

static int no_interrupt(void *machine)
{
    (void)machine;
    return -1;
}

static int64_t hypercall(void *machine, struct vcpu *vcpu, uint64_t number,
                         const uint64_t arguments[4])
{
    (void)machine;
    (void)vcpu;
    (void)arguments;
    return (int64_t)number;
}

static void open_machine(struct machine *m, struct platform *platform)
{
    const struct cpu_config config = {.model = CPU_HOST, .count = 1, .monitor = true};
    struct st_err err;
    uint8_t *bits = calloc(1, mem_page_bits_size(RAM_BYTES));

    m->ram = mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mem_map_init(&m->memory);
    if (m->ram == MAP_FAILED || bits == NULL ||
        mem_add(&m->memory, MEM_RAM, GPA(0), RAM_BYTES, m->ram, bits) < 0) {
        abort();
    }
    m->set.platform = platform;
    m->set.memory = &m->memory;
    m->set.bus = (struct vcpu_bus){io_read, io_write,     mmio_read, mmio_write,
                                   eoi,     no_interrupt, hypercall, m};
    if (cpu_set_create(&m->set, &config, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        abort();
    }
}

static void close_all(void)
{
    cpu_set_free(&machines[0].set);
    cpu_set_free(&machines[1].set);
}

static void open_all(void)
{
    static const struct vmm_platform_config config = {.log_level = PLAT_ERROR};
    static struct plat_ops ops;
    struct vmm_platform *vmm;
    struct platform *platform;
    struct st_err err;

    if (machines[0].ram != NULL) {
        return;
    }
    if (vmm_platform_new(&config, &vmm, &err) < 0) {
        abort();
    }
    platform = vmm_platform_base(vmm);
    ops = *platform->ops;
    ops.now_ns = frozen_now;
    ops.wall_ns = frozen_now;
    ops.random = fixed_random;
    ops.timer_set = no_timer;
    platform->ops = &ops;
    open_machine(&machines[0], platform);
    open_machine(&machines[1], platform);
    (void)atexit(close_all);
}

/* ---- the state before ---- */

static void put(struct machine *m, uint64_t at, uint64_t value)
{
    memcpy(m->ram + at, &value, 8);
}

static struct vcpu_segment segment(uint16_t selector, uint64_t base, uint32_t limit,
                                   uint16_t attributes)
{
    return (struct vcpu_segment){
        .selector = selector, .base = base, .limit = limit, .attributes = attributes};
}

/* Flat descriptors for both privileges, gates to code that goes on, an identity map. */
static void write_memory(struct machine *m, bool wide)
{
    static const uint64_t descriptors[] = {0,
                                           0x00cf9b000000ffff,
                                           0x00cf93000000ffff,
                                           0x00cffb000000ffff,
                                           0x00cff3000000ffff,
                                           0x00008b0030000067,
                                           0,
                                           0x00009b000000ffff,
                                           0x000093000000ffff,
                                           0x00af9b000000ffff,
                                           0x00affb000000ffff};

    memset(m->ram, 0, RAM_BYTES);
    memcpy(m->ram + GDT, descriptors, sizeof descriptors);
    for (unsigned vector = 0; vector < 32; vector++) {
        uint64_t handler = HANDLERS + vector * 16;
        uint64_t entry = (handler & 0xffff) | (wide ? 0x48u : 0x08u) << 16 | 0x8eull << 40 |
                         (handler >> 16) << 48;

        m->ram[handler] = 0xf4;
        put(m, IDT + vector * (wide ? 16 : 8), entry);
    }
    put(m, TSS + 4, STACK + 0x8000);
    put(m, TABLES, TABLES + 0x1007);
    put(m, TABLES + 0x1000, TABLES + 0x2007);
    put(m, TABLES + 0x2000, TABLES + 0x3007);
    for (unsigned i = 0; i < 256; i++) {
        put(m, TABLES + 0x3000 + i * 8, (uint64_t)i << 12 | 7);
    }
}

static void protected_state(struct vcpu_state *s, unsigned bits, bool user, bool flat)
{
    uint16_t dpl = user ? 0x60 : 0;
    uint16_t code = bits == 64 ? (user ? 0x53 : 0x48) : bits == 16 ? 0x38 : user ? 0x1b : 0x08;
    uint16_t type = bits == 64 ? 0xa09b : bits == 16 ? 0x009b : 0xc09b;

    s->cr0 = X86_CR0_PE | X86_CR0_MP | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP;
    for (unsigned i = 0; i < 6; i++) {
        s->segments[i] = segment(user ? 0x23 : 0x10, flat ? 0 : i * 0x100,
                                 flat ? 0xffffffff : 0x3ffff, 0xc093 | dpl);
    }
    s->segments[X86_CS] = segment(code, 0, bits == 16 ? 0x2ffff : 0xffffffff, type | dpl);
    s->tr = segment(0x28, TSS, 0x67, 0x8b);
    s->gdtr.base = GDT;
    s->gdtr.limit = 11 * 8 - 1;
    s->idtr.base = IDT;
    s->idtr.limit = 0xfff;
    if (bits == 64) {
        s->cr0 |= X86_CR0_PG;
        s->cr4 = X86_CR4_PAE;
        s->cr3 = TABLES;
        s->efer = X86_EFER_LME | X86_EFER_LMA | X86_EFER_NX | X86_EFER_SCE;
    }
}

static void set_state(struct machine *m, const uint8_t *data, size_t size)
{
    static const unsigned widths[] = {0, 16, 32, 64};
    struct vcpu_state *s = &m->state;
    unsigned bits = widths[data[0] & 3];
    bool user = (data[1] & 1) != 0 && bits != 16;
    struct st_err err;

    write_memory(m, bits == 64);
    memcpy(m->ram + CODE, data + HEADER, ST_MIN(size - HEADER, (size_t)0x8000));
    vcpu_state_reset(s, 0, true);
    if (bits == 0) {
        s->segments[X86_CS].selector = CODE >> 4;
        s->segments[X86_CS].base = CODE;
    } else {
        protected_state(s, bits, user, (data[1] & 4) == 0);
    }
    s->rip = bits == 0 ? 0 : CODE;
    s->cr4 |= X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | (data[0] & 4 ? X86_CR4_OSXSAVE : 0);
    s->xcr0 = 7;
    for (unsigned i = 0; i < 16; i++) {
        uint64_t seed = data[2 + i * 2] | data[3 + i * 2] << 8;

        s->gpr[i] = data[0] & 8 ? seed * 0x9e3779b97f4a7c15 : CODE + seed;
    }
    s->gpr[X86_RSP] = (STACK + s->gpr[X86_RSP] % 0x1000) & (bits == 0 ? 0xffff : UINT32_MAX);
    s->rflags = 2 | (data[0] & 16 ? X86_DF : 0) | (data[0] & 32 ? X86_ARITH : 0) |
                (data[0] & 64 && !user ? X86_IF : 0);
    if (vcpu_set_state(m->set.vcpus[0], s, &err) < 0) {
        abort();
    }
    cpu_code_flush(cpu_of(m->set.vcpus[0]));
}

/* ---- running and comparing ---- */

static bool ended(const struct machine *m)
{
    return m->exit.reason != VCPU_EXIT_BUDGET && m->exit.reason != VCPU_EXIT_KICKED;
}

static void run(struct machine *m, uint64_t at_once)
{
    struct vcpu *vcpu = m->set.vcpus[0];
    struct cpu *cpu = cpu_of(vcpu);
    uint64_t end = cpu->retired + INSTRUCTIONS;
    unsigned turns = 0;

    do {
        cpu_set_budget(vcpu, ST_MIN(end, cpu->retired + at_once));
        vcpu_run(vcpu, &m->exit);
    } while (!ended(m) && cpu->retired < end && m->accesses <= DEVICE_ACCESSES && !expired &&
             turns++ < INSTRUCTIONS * 2);
    if (vcpu_get_state(vcpu, &m->state) < 0) {
        abort();
    }
}

/* Interrupts come between blocks, or between instructions: not the same. */
static bool comparable(const struct machine *m)
{
    return m->set.vcpus[0]->counters.exits[VCPU_COUNT_INTERRUPT] == 0 &&
           m->accesses <= DEVICE_ACCESSES && !expired;
}

static const char *difference(const struct machine *a, const struct machine *b)
{
    if (a->state.rip != b->state.rip) {
        return "rip";
    }
    if (memcmp(a->state.gpr, b->state.gpr, sizeof a->state.gpr) != 0) {
        return "registers";
    }
    if (a->state.rflags != b->state.rflags) {
        return "flags";
    }
    if (memcmp(a->state.segments, b->state.segments, sizeof a->state.segments) != 0) {
        return "segments";
    }
    if (a->state.cr2 != b->state.cr2) {
        return "CR2";
    }
    if (memcmp(a->state.xsave, b->state.xsave, sizeof a->state.xsave) != 0) {
        return "vector or x87 state";
    }
    return memcmp(a->ram, b->ram, RAM_BYTES) != 0 ? "memory" : NULL;
}

static void compare(const struct machine *a, const struct machine *b)
{
    const char *what = difference(a, b);

    if (what != NULL) {
        fprintf(stderr, "%s differs. Fast path: rip %lx flags %lx; one by one: rip %lx flags %lx\n",
                what, (unsigned long)a->state.rip, (unsigned long)a->state.rflags,
                (unsigned long)b->state.rip, (unsigned long)b->state.rflags);
        for (unsigned i = 0; i < 16; i++) {
            fprintf(stderr, "%u: %lx %lx\n", i, (unsigned long)a->state.gpr[i],
                    (unsigned long)b->state.gpr[i]);
        }
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size <= HEADER || size > 0x4000) {
        return 0;
    }
    open_all();
    expired = 0;
    arm(300);
    for (unsigned i = 0; i < 2; i++) {
        set_state(&machines[i], data, size);
        machines[i].set.vcpus[0]->counters.exits[VCPU_COUNT_INTERRUPT] = 0;
        cpu_of(machines[i].set.vcpus[0])->retired = 0;
        machines[i].accesses = 0;
        run(&machines[i], i == 0 ? INSTRUCTIONS : 1);
    }
    arm(0);
    if (comparable(&machines[0]) && comparable(&machines[1])) {
        compare(&machines[0], &machines[1]);
    }
    return 0;
}
