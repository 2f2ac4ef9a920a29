/*
 * A machine for tests of the software CPU: one or more CPUs, 16 MiB of RAM at 0, ports and devices
 * that remember what was done. Programs are bytes; a test says in which mode they run and looks at
 * the state after. Include it into a test's .c file; its functions are static.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cpu/cpu.h"
#include "cpu/interpreter/cpu_struct.h"
#include "platform/plat_fake_test.h"
#include "x86/x86_regs.h"

enum {
    RAM_SIZE = 16 << 20,
    /* Where things are. */
    GDT = 0x1000,
    IDT = 0x2000,
    TSS = 0x3000,
    TABLES = 0x10000, /* page tables: PML4, PDPT, PD, PT (first 2 MiB) */
    CODE = 0x20000,
    STACK = 0x30000,       /* top */
    STACK_INNER = 0x34000, /* CPL 0's by the TSS */
    HANDLERS = 0x40000,    /* HLT for each vector, 16 bytes apart */
    DATA = 0x50000,
    /* Selectors. */
    SEL_CODE = 0x08,
    SEL_DATA = 0x10,
    SEL_USER_CODE = 0x18,
    SEL_USER_DATA = 0x20,
    SEL_TSS = 0x28, /* two entries */
    SEL_CODE16 = 0x38,
    SEL_SPARE = 0x40,
    GDT_ENTRIES = 32,
};

struct test_machine {
    struct plat_fake fake;
    struct mem_map memory;
    struct vcpu_set set;
    uint8_t *ram;
    uint8_t *page_bits;
    struct vcpu_state state;
    struct vcpu_exit exit;
    uint64_t last_value;
    uint16_t last_port;
    uint64_t last_address;
    int pic_vector;
    int eoi_vector;
};

static struct test_machine tm;

static int fake_code_alloc(struct platform *platform, size_t size, struct plat_code *ret_code)
{
    ret_code->write = plat_fake_alloc(platform, size);
    ret_code->exec = ret_code->write;
    ret_code->size = size;
    return 0;
}

static void fake_code_free(struct platform *platform, struct plat_code *code)
{
    plat_fake_free(platform, code->write, code->size);
}

static void fake_guarded_call(struct platform *platform, void (*stub)(void *argument),
                              void *argument, struct plat_fault *ret_fault)
{
    (void)platform;
    stub(argument);
    ret_fault->vector = PLAT_NO_FAULT;
}

static void fake_wake(struct platform *platform, unsigned vcpu)
{
    (void)platform;
    (void)vcpu;
}

static void fake_yield(struct platform *platform)
{
    (void)platform;
}

static uint64_t test_io_read(void *machine, uint16_t port, unsigned size)
{
    (void)machine;
    tm.last_port = port;
    return 0x11223344u >> (32 - size * 8);
}

static void test_io_write(void *machine, uint16_t port, unsigned size, uint64_t value)
{
    (void)machine;
    (void)size;
    tm.last_port = port;
    tm.last_value = value;
}

static uint64_t test_mmio_read(void *machine, uint64_t address, unsigned size)
{
    (void)machine;
    (void)size;
    tm.last_address = address;
    return 0x8877665544332211u;
}

static void test_mmio_write(void *machine, uint64_t address, unsigned size, uint64_t value)
{
    (void)machine;
    (void)size;
    tm.last_address = address;
    tm.last_value = value;
}

static void test_eoi(void *machine, uint8_t vector)
{
    (void)machine;
    tm.eoi_vector = vector;
}

static int test_pic(void *machine)
{
    int vector = tm.pic_vector;

    (void)machine;
    tm.pic_vector = -1;
    vcpu_pic_line(&tm.set, false);
    return vector;
}

static int64_t test_hypercall(void *machine, struct vcpu *vcpu, uint64_t number,
                              const uint64_t arguments[4])
{
    (void)machine;
    (void)vcpu;
    (void)number;
    (void)arguments;
    return -1000;
}

static void put8(uint64_t at, const void *bytes, size_t size)
{
    /* Through the door, so that decoded instructions are forgotten. */
    assert_int_equal(mem_write(&tm.memory, GPA(at), bytes, size), 0);
}

static void put64(uint64_t at, uint64_t value)
{
    put8(at, &value, 8);
}

static ST_UNUSED uint64_t get64(uint64_t at)
{
    uint64_t value;

    memcpy(&value, tm.ram + at, 8);
    return value;
}

static ST_UNUSED uint32_t get32(uint64_t at)
{
    return (uint32_t)get64(at);
}

/* A descriptor of a flat segment by its access byte and flags nibble. */
static uint64_t descriptor(uint32_t base, uint32_t limit, uint8_t access, uint8_t flags)
{
    return (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)access << 40 |
           (uint64_t)(limit >> 16 & 15) << 48 | (uint64_t)flags << 52 |
           (uint64_t)(base >> 24) << 56;
}

static uint64_t gate(uint16_t selector, uint32_t offset, uint8_t type)
{
    return (offset & 0xffff) | (uint64_t)selector << 16 | (uint64_t)type << 40 |
           (uint64_t)(offset >> 16) << 48;
}

static int machine_setup_config(const struct cpu_config *config)
{
    static struct plat_ops ops;
    struct st_err err;
    int r;

    memset(&tm, 0, sizeof tm);
    plat_fake_init(&tm.fake);
    ops = plat_fake_ops;
    ops.code_alloc = fake_code_alloc;
    ops.code_free = fake_code_free;
    ops.guarded_call = fake_guarded_call;
    ops.wake = fake_wake;
    ops.yield = fake_yield;
    tm.fake.platform.ops = &ops;
    tm.ram = plat_fake_alloc(&tm.fake.platform, RAM_SIZE);
    tm.page_bits = plat_fake_alloc(&tm.fake.platform, mem_page_bits_size(RAM_SIZE));
    mem_map_init(&tm.memory);
    r = mem_add(&tm.memory, MEM_RAM, GPA(0), RAM_SIZE, tm.ram, tm.page_bits);
    assert_int_equal(r, 0);
    tm.set.platform = &tm.fake.platform;
    tm.set.memory = &tm.memory;
    tm.set.bus = (struct vcpu_bus){.io_read = test_io_read,
                                   .io_write = test_io_write,
                                   .mmio_read = test_mmio_read,
                                   .mmio_write = test_mmio_write,
                                   .eoi = test_eoi,
                                   .pic_acknowledge = test_pic,
                                   .hypercall = test_hypercall};
    tm.pic_vector = -1;
    tm.eoi_vector = -1;
    if (cpu_set_create(&tm.set, config, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(vcpu_get_state(tm.set.vcpus[0], &tm.state), 0);
    return 0;
}

static ST_UNUSED int machine_setup_model(enum cpu_model model, unsigned count)
{
    const struct cpu_config config = {.model = model, .count = count};

    return machine_setup_config(&config);
}

static int machine_setup(void **state)
{
    (void)state;
    return machine_setup_model(CPU_BASELINE, 1);
}

static int machine_teardown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < tm.set.count; i++) {
        if (tm.set.vcpus[i] != NULL) {
            tm.set.ops->free(tm.set.vcpus[i]);
        }
    }
    plat_fake_free(&tm.fake.platform, tm.ram, RAM_SIZE);
    plat_fake_free(&tm.fake.platform, tm.page_bits, 0);
    return 0;
}

static struct vcpu_segment segment(uint16_t selector, uint64_t base, uint32_t limit,
                                   uint16_t attributes)
{
    return (struct vcpu_segment){
        .selector = selector, .base = base, .limit = limit, .attributes = attributes};
}

/* The tables that protected mode and long mode use: flat segments, a TSS, an IDT whose gates lead
 * to HLT, an identity map of the first 4 MiB for 4-level paging. */
static void write_tables(bool wide)
{
    put64(GDT + SEL_CODE, descriptor(0, 0xfffff, 0x9b, wide ? 0xa : 0xc));
    put64(GDT + SEL_DATA, descriptor(0, 0xfffff, 0x93, 0xc));
    put64(GDT + SEL_USER_CODE, descriptor(0, 0xfffff, 0xfb, wide ? 0xa : 0xc));
    put64(GDT + SEL_USER_DATA, descriptor(0, 0xfffff, 0xf3, 0xc));
    put64(GDT + SEL_TSS, descriptor(TSS, 0x2fff, 0x8b, 0));
    put64(GDT + SEL_TSS + 8, 0);
    put64(GDT + SEL_CODE16, descriptor(0, 0xffff, 0x9b, 0));
    for (unsigned vector = 0; vector < 256; vector++) {
        uint32_t handler = HANDLERS + vector * 16;

        tm.ram[handler] = 0xf4;
        put64(IDT + vector * (wide ? 16 : 8), gate(SEL_CODE, handler, 0x8e));
        if (wide) {
            put64(IDT + vector * 16 + 8, 0);
        }
    }
    put64(TSS + 4, STACK_INNER); /* RSP0, ESP0 */
    if (!wide) {
        put64(TSS + 4, STACK_INNER | (uint64_t)SEL_DATA << 32);
    }
    put64(TSS + 0x66, 0x68);
    put64(TABLES, TABLES + 0x1007);
    put64(TABLES + 0x1000, TABLES + 0x2007);
    put64(TABLES + 0x2000, TABLES + 0x3007);
    put64(TABLES + 0x2008, 0x200000 | 0x87);
    for (unsigned i = 0; i < 512; i++) {
        put64(TABLES + 0x3000 + i * 8, (uint64_t)i << 12 | 7);
    }
}

static void flat_state(unsigned cpl, bool wide)
{
    struct vcpu_state *s = &tm.state;
    uint16_t dpl = (uint16_t)(cpl << 5);
    uint16_t code = cpl == 3 ? SEL_USER_CODE | 3 : SEL_CODE;
    uint16_t data = cpl == 3 ? SEL_USER_DATA | 3 : SEL_DATA;

    write_tables(wide);
    s->cr0 = X86_CR0_PE | X86_CR0_ET | X86_CR0_NE;
    for (unsigned i = 0; i < 6; i++) {
        s->segments[i] = segment(data, 0, 0xffffffff, 0xc093 | dpl);
    }
    s->segments[X86_CS] = segment(code, 0, 0xffffffff, (wide ? 0xa09b : 0xc09b) | dpl);
    s->tr = segment(SEL_TSS, TSS, 0x2fff, 0x8b);
    s->gdtr.base = GDT;
    s->gdtr.limit = GDT_ENTRIES * 8 - 1;
    s->idtr.base = IDT;
    s->idtr.limit = 0xfff;
    s->rip = CODE;
    s->gpr[X86_RSP] = STACK;
}

static ST_UNUSED void protected_mode(unsigned cpl)
{
    flat_state(cpl, false);
}

static ST_UNUSED void long_mode(unsigned cpl)
{
    flat_state(cpl, true);
    tm.state.cr0 |= X86_CR0_PG | X86_CR0_WP;
    tm.state.cr4 = X86_CR4_PAE;
    tm.state.cr3 = TABLES;
    tm.state.efer = X86_EFER_LME | X86_EFER_LMA | X86_EFER_NX | X86_EFER_SCE;
}

static ST_UNUSED void real_mode(void)
{
    tm.state.segments[X86_CS].selector = CODE >> 4;
    tm.state.segments[X86_CS].base = CODE;
    tm.state.rip = 0;
    tm.state.gpr[X86_RSP] = 0x8000;
    for (unsigned i = 0; i < 256; i++) {
        uint32_t target = (HANDLERS >> 4) << 16 | i * 16;

        memcpy(tm.ram + i * 4, &target, 4);
        tm.ram[HANDLERS + i * 16] = 0xf4;
    }
}

/* Runs the program at CODE from tm.state until it halts or leaves otherwise. */
static ST_UNUSED void run_again(void)
{
    cpu_set_budget(tm.set.vcpus[0], cpu_of(tm.set.vcpus[0])->retired + 100000);
    vcpu_run(tm.set.vcpus[0], &tm.exit);
    assert_int_equal(vcpu_get_state(tm.set.vcpus[0], &tm.state), 0);
}

static void set_state(void)
{
    struct st_err err;

    if (vcpu_set_state(tm.set.vcpus[0], &tm.state, &err) < 0) {
        fail_msg("%s", err.msg);
    }
}

static void run_bytes(const uint8_t *bytes, size_t size)
{
    put8(CODE, bytes, size);
    set_state();
    run_again();
}
#define RUN(...)                                                                                   \
    do {                                                                                           \
        static const uint8_t program[] = {__VA_ARGS__};                                            \
        run_bytes(program, sizeof program);                                                        \
    } while (0)

/* The program halted at its own HLT, or in the handler of a vector. */
static ST_UNUSED void assert_halted(uint64_t rip)
{
    assert_int_equal(tm.exit.reason, VCPU_EXIT_HALT);
    assert_int_equal(tm.state.rip, rip);
}

static ST_UNUSED void assert_vector(unsigned vector)
{
    assert_int_equal(tm.exit.reason, VCPU_EXIT_HALT);
    assert_int_equal(tm.state.segments[X86_CS].base + tm.state.rip, HANDLERS + vector * 16 + 1);
}

/* The error code and the return address of a 64-bit frame on the stack in force. */
static ST_UNUSED uint64_t frame64(unsigned slot)
{
    return get64(tm.state.gpr[X86_RSP] + slot * 8);
}

static ST_UNUSED uint32_t frame32(unsigned slot)
{
    return get32(tm.state.gpr[X86_RSP] + slot * 4);
}
