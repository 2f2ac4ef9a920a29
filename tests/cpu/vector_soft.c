/*
 * See vector_soft.h.
 */
#include "vector_soft.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cpu/cpu.h"
#include "cpu/interpreter/cpu_flags.h"
#include "cpu/interpreter/cpu_int.h"
#include "cpu/interpreter/cpu_struct.h"
#include "vmm/vmm_platform.h"
#include "x86/x86_regs.h"

enum {
    RAM_SIZE = 1 << 20,
    TABLES = 0x1000, /* PML4, PDPT, PD, PT of code, PT of data */
    PAGE_USER = 7,
    USER_CODE = 0x33,
    USER_DATA = 0x2b,
};

static struct vmm_platform *vmm;
static struct mem_map memory;
static struct vcpu_set set;
static uint8_t *ram, *page_bits;
static struct cpu *cpu;

static void put64(uint64_t at, uint64_t value)
{
    memcpy(ram + at, &value, sizeof(value));
}

static uint64_t index_at(uint64_t linear, unsigned level)
{
    return (linear >> (12 + 9 * level) & 511) * 8;
}

/* Maps a page of user code or data; tables below the PD are made for each 2 MiB. */
static void map(uint64_t linear, uint64_t physical, unsigned table)
{
    put64(TABLES + index_at(linear, 3), (TABLES + 0x1000) | PAGE_USER);
    put64(TABLES + 0x1000 + index_at(linear, 2), (TABLES + 0x2000) | PAGE_USER);
    put64(TABLES + 0x2000 + index_at(linear, 1), (TABLES + table * 0x1000u) | PAGE_USER);
    put64(TABLES + table * 0x1000u + index_at(linear, 0), physical | PAGE_USER);
}

static uint64_t nothing_read(void *machine, uint64_t address, unsigned size)
{
    (void)machine;
    (void)address;
    (void)size;
    return UINT64_MAX;
}

static void nothing_written(void *machine, uint64_t address, unsigned size, uint64_t value)
{
    (void)machine;
    (void)address;
    (void)size;
    (void)value;
}

bool vector_soft_mode(enum x86_mode mode)
{
    static struct vcpu_state state;
    struct st_err err;

    if (vcpu_get_state(set.vcpus[0], &state) < 0) {
        return false;
    }
    state.cr0 = X86_CR0_PE | X86_CR0_MP | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_PG;
    state.cr3 = TABLES;
    state.cr4 = X86_CR4_PAE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | X86_CR4_OSXSAVE;
    state.efer = X86_EFER_LME | X86_EFER_LMA | X86_EFER_NX;
    state.xcr0 = 7;
    for (unsigned i = 0; i < 6; i++) {
        state.segments[i] =
            (struct vcpu_segment){.selector = USER_DATA, .limit = 0xffffffff, .attributes = 0xc0f3};
    }
    state.segments[X86_CS].selector = USER_CODE;
    state.segments[X86_CS].attributes = mode == X86_MODE_64 ? 0xa0fb : 0xc0fb;
    state.rip = NATIVE_CODE_ADDRESS;
    if (vcpu_set_state(set.vcpus[0], &state, &err) < 0) {
        fprintf(stderr, "state: %s\n", err.msg);
        return false;
    }
    return true;
}

bool vector_soft_begin(void)
{
    const struct vmm_platform_config platform = {.log_level = PLAT_ERROR};
    const struct cpu_config config = {.model = CPU_HOST, .count = 1};
    struct st_err err;

    if (vmm_platform_new(&platform, &vmm, &err) < 0) {
        fprintf(stderr, "platform: %s\n", err.msg);
        return false;
    }
    set.platform = vmm_platform_base(vmm);
    ram = plat_alloc(set.platform, RAM_SIZE);
    page_bits = plat_alloc(set.platform, mem_page_bits_size(RAM_SIZE));
    mem_map_init(&memory);
    if (ram == NULL || page_bits == NULL ||
        mem_add(&memory, MEM_RAM, GPA(0), RAM_SIZE, ram, page_bits) < 0) {
        return false;
    }
    set.memory = &memory;
    set.bus.mmio_read = nothing_read;
    set.bus.mmio_write = nothing_written;
    if (cpu_set_create(&set, &config, &err) < 0) {
        fprintf(stderr, "cpu: %s\n", err.msg);
        return false;
    }
    cpu = cpu_of(set.vcpus[0]);
    map(NATIVE_CODE_ADDRESS, VECTOR_CODE_PHYSICAL, 3);
    for (unsigned at = 0; at < VECTOR_MEMORY_SIZE; at += MEM_PAGE_SIZE) {
        map(VECTOR_MEMORY_ADDRESS + at, VECTOR_MEMORY_PHYSICAL + at, 4);
    }
    return vector_soft_mode(X86_MODE_64);
}

void vector_soft_end(void)
{
    set.ops->free(set.vcpus[0]);
    plat_free(set.platform, ram, RAM_SIZE);
    plat_free(set.platform, page_bits, mem_page_bits_size(RAM_SIZE));
    vmm_platform_free(vmm);
}

struct vcpu *vector_soft_cpu(void)
{
    return set.vcpus[0];
}

uint8_t *vector_soft_memory(void)
{
    return ram + VECTOR_MEMORY_PHYSICAL;
}

void vector_soft_code(const uint8_t *bytes, size_t size)
{
    memcpy(ram + VECTOR_CODE_PHYSICAL, bytes, size);
    cpu_code_written(cpu, VECTOR_CODE_PHYSICAL, (unsigned)size);
}

static void load(const struct vector_case *c, const struct native_state *state)
{
    memcpy(ram + VECTOR_MEMORY_PHYSICAL, c->memory, VECTOR_MEMORY_SIZE);
    memcpy(cpu->gpr, state->gpr, sizeof(state->gpr));
    cpu_set_rflags(cpu, state->rflags, X86_ARITH);
    cpu_fpu_set(cpu, state->xsave);
    cpu->rip = NATIVE_CODE_ADDRESS;
    cpu->fault.pending = false;
}

unsigned vector_soft_run(const struct vector_case *c, bool fast, struct native_state *state,
                         uint8_t *ret_memory)
{
    /* HLT behind it is the fast path's end, which is not reached. */
    uint8_t bytes[X86_INSN_MAX + 1];
    enum cpu_result result;

    memcpy(bytes, c->bytes, c->size);
    bytes[c->size] = 0xf4;
    vector_soft_code(bytes, c->size + 1);
    load(c, state);
    if (fast) {
        cpu->run_limit = cpu->retired + 2;
        result = cpu_code_run(cpu);
        /* The HLT faults at CPL 3: that is its end. */
        if (result == CPU_FAULT && cpu->rip == NATIVE_CODE_ADDRESS + c->size) {
            cpu->fault.pending = false;
            result = CPU_NEXT;
        }
    } else {
        result = cpu_code_step(cpu);
    }
    cpu_fpu_leave(cpu);
    memcpy(state->gpr, cpu->gpr, sizeof(state->gpr));
    state->rflags = cpu_rflags(cpu);
    cpu_fpu_get(cpu, state->xsave);
    memcpy(ret_memory, ram + VECTOR_MEMORY_PHYSICAL, VECTOR_MEMORY_SIZE);
    return result == CPU_FAULT ? cpu->fault.vector : NATIVE_NO_FAULT;
}

double vector_soft_time(const struct vector_case *c, unsigned count)
{
    enum { COPIES = 64, LOOP = 5 };
    uint8_t code[COPIES * X86_INSN_MAX + LOOP];
    struct timespec start, end;
    unsigned size = 0;
    int32_t back;

    for (unsigned i = 0; i < COPIES; i++) {
        memcpy(code + size, c->bytes, c->size);
        size += c->size;
    }
    code[size] = 0xe9; /* JMP to the beginning */
    back = -(int32_t)(size + LOOP);
    memcpy(code + size + 1, &back, sizeof(back));
    vector_soft_code(code, size + LOOP);
    load(c, &c->state);
    cpu->run_limit = cpu->retired + COPIES;
    (void)cpu_code_run(cpu);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
    cpu->run_limit = cpu->retired + count;
    (void)cpu_code_run(cpu);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    cpu_fpu_leave(cpu);
    return ((double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec)) /
           count;
}
