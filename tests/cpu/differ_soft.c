/* The software CPU's side: a machine of one CPU at CPL 3, whose page tables give the addresses that
 * this process has. No exception is delivered: what was recorded is told. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cpu/interpreter/cpu_flags.h"
#include "cpu/interpreter/cpu_int.h"
#include "differ.h"
#include "vmm/vmm_platform.h"
#include "x86/x86_regs.h"

enum {
    RAM_BYTES = 8 << 20,
    TABLES = 0x10000, /* PML4, PDPT, PD, and a PT each of data and code */
    DATA_AT = 0x200000,
    CODE_AT = 0x300000,
    CODE_BYTES = 0x1000,
    SELECTOR_64 = 0x33,
    SELECTOR_32 = 0x23,
    SELECTOR_DATA = 0x2b,
};

static struct vcpu_set set;
static struct mem_map memory;
static struct cpu *cpu;
static uint8_t *ram;

static uint64_t read_none(void *machine, uint64_t address, unsigned size)
{
    (void)machine;
    (void)address;
    (void)size;
    return ~0ull;
}

static void write_none(void *machine, uint64_t address, unsigned size, uint64_t value)
{
    (void)machine;
    (void)address;
    (void)size;
    (void)value;
}

static void put_entry(uint64_t table, unsigned index, uint64_t value)
{
    memcpy(ram + table + index * 8, &value, 8);
}

static void map_pages(uint64_t table, uint64_t linear, uint64_t physical, uint64_t bytes,
                      uint64_t bits)
{
    for (uint64_t at = 0; at < bytes; at += 0x1000) {
        put_entry(table, (unsigned)((linear + at) >> 12 & 511), (physical + at) | bits);
    }
}

static void make_tables(void)
{
    const uint64_t upper = X86_PTE_P | X86_PTE_RW | X86_PTE_US;
    const uint64_t data = TABLES + 0x3000;
    const uint64_t code = TABLES + 0x4000;

    put_entry(TABLES, 0, (TABLES + 0x1000) | upper);
    put_entry(TABLES + 0x1000, 0, (TABLES + 0x2000) | upper);
    put_entry(TABLES + 0x2000, DIFFER_DATA >> 21, data | upper);
    put_entry(TABLES + 0x2000, DIFFER_CODE >> 21, code | upper);
    map_pages(data, DIFFER_DATA, DATA_AT, DIFFER_DATA_BYTES, upper | X86_PTE_NX);
    map_pages(data, DIFFER_CONST, DATA_AT + DIFFER_DATA_BYTES, DIFFER_CONST_BYTES,
              X86_PTE_P | X86_PTE_US | X86_PTE_NX);
    map_pages(code, DIFFER_CODE, CODE_AT, CODE_BYTES, upper);
}

static struct vcpu_segment segment(uint16_t selector, uint16_t attributes, uint64_t base)
{
    return (struct vcpu_segment){
        .base = base, .limit = ~0u, .selector = selector, .attributes = attributes};
}

/* The state that all cases of a mode begin from. */
static bool set_mode(enum x86_mode mode)
{
    static struct vcpu_state state;
    bool is_64 = mode == X86_MODE_64;
    struct st_err err;

    vcpu_state_reset(&state, 0, true);
    state.cr0 =
        X86_CR0_PE | X86_CR0_MP | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_AM | X86_CR0_PG;
    state.cr4 = X86_CR4_PAE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | X86_CR4_OSXSAVE |
                X86_CR4_FSGSBASE | X86_CR4_UMIP;
    state.cr3 = TABLES;
    state.efer = X86_EFER_LME | X86_EFER_LMA | X86_EFER_NX | X86_EFER_SCE;
    state.xcr0 = 7;
    state.segments[X86_CS] = segment(is_64 ? SELECTOR_64 : SELECTOR_32, is_64 ? 0xa0fb : 0xc0fb, 0);
    for (unsigned i = 0; i < 6; i++) {
        if (i != X86_CS) {
            state.segments[i] = segment(SELECTOR_DATA, 0xc0f3, 0);
        }
    }
    if (mode == X86_MODE_16) {
        for (unsigned i = 0; i < 6; i++) {
            state.segments[i] = segment(DIFFER_DS_16, 0x00f3, DIFFER_DATA);
            state.segments[i].limit = DIFFER_DATA_BYTES + DIFFER_CONST_BYTES - 1;
        }
        state.segments[X86_CS] = segment(DIFFER_CS_16, 0x00fb, DIFFER_CODE);
        state.segments[X86_CS].limit = CODE_BYTES - 1;
    }
    state.segments[X86_FS] = segment(0, 0xc0f3, is_64 ? differ_fs_base() : 0);
    state.segments[X86_GS] = segment(0, 0xc0f3, 0);
    /* It ends before it says where an I/O map is. */
    state.tr = (struct vcpu_segment){.limit = 0x5f, .selector = 0x40, .attributes = 0x8b};
    return vcpu_set_state(&cpu->vcpu, &state, &err) == 0;
}

static void close_soft(void)
{
    cpu_set_free(&set);
}

bool differ_soft_open(void)
{
    static const struct vmm_platform_config config = {.log_level = PLAT_ERROR};
    static const struct vcpu_bus bus = {
        .mmio_read = read_none,
        .mmio_write = write_none,
    };
    static const struct cpu_config model = {.model = CPU_HOST, .count = 1};
    struct vmm_platform *platform;
    struct st_err err;

    ram = mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mem_map_init(&memory);
    if (ram == MAP_FAILED || vmm_platform_new(&config, &platform, &err) < 0 ||
        mem_add(&memory, MEM_RAM, GPA(0), RAM_BYTES, ram,
                calloc(1, mem_page_bits_size(RAM_BYTES))) < 0) {
        return false;
    }
    set.platform = vmm_platform_base(platform);
    set.memory = &memory;
    set.bus = bus;
    if (cpu_set_create(&set, &model, &err) < 0) {
        return false;
    }
    (void)atexit(close_soft);
    cpu = cpu_of(set.vcpus[0]);
    make_tables();
    return true;
}

bool differ_soft_has(uint16_t feature)
{
    return cpu_has_feature(cpu, feature);
}

uint8_t *differ_soft_data(void)
{
    return ram + DATA_AT;
}

/* Puts the bytes there, and behind them what stops the CPU. */
static void write_code(const struct differ_case *c)
{
    uint64_t at = CODE_AT + differ_offset(c);
    uint8_t bytes[18];

    memcpy(bytes, c->bytes, c->length);
    memcpy(bytes + c->length, "\x0f\x0b", 2);
    if (mem_write(&memory, GPA(at), bytes, c->length + 2) < 0) {
        abort();
    }
}

static void take_state(struct differ_state *state, bool stopped)
{
    memcpy(state->gpr, cpu->gpr, sizeof state->gpr);
    state->rip = cpu->rip;
    state->rflags = cpu_rflags(cpu);
    state->vector = cpu->fault.pending && !stopped ? cpu->fault.vector : DIFFER_NO_FAULT;
    state->error = cpu->fault.has_error ? cpu->fault.error : 0;
    state->cr2 = cpu->fault.vector == CPU_PF ? cpu->fault.cr2 : 0;
}

void differ_soft_run(const struct differ_case *c, struct differ_state *state, bool careful)
{
    static int mode = -1;
    bool branch = (x86_rows[c->insn.row].attributes & X86_BRANCH) != 0;
    enum cpu_result result;

    if (mode != (int)c->mode) {
        mode = (int)c->mode;
        if (!set_mode(c->mode)) {
            abort();
        }
    }
    write_code(c);
    memcpy(cpu->gpr, state->gpr, sizeof state->gpr);
    cpu->rip = state->rip;
    cpu_set_rflags(cpu, state->rflags, X86_ARITH | X86_DF | X86_IF);
    memset(&cpu->fault, 0, sizeof cpu->fault);
    cpu->retired = 0;
    /* A branch alone, without what is behind it; others up to UD2. */
    cpu->run_limit = careful ? UINT64_MAX : branch ? 1 : 16;
    if (!careful) {
        result = cpu_code_run(cpu);
        /* Patching the code had it leave. */
        if (result == CPU_AGAIN && cpu->retired == 0) {
            cpu->run_limit = branch ? 1 : 16;
            (void)cpu_code_run(cpu);
        }
    } else {
        do {
            result = cpu_code_step(cpu);
        } while (result == CPU_AGAIN);
    }
    take_state(state, !careful && cpu->retired == 1);
}
