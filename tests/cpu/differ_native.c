/* The host's side: the same memory in this process, and the instruction by native_x86_64.h. */
#include <asm/ldt.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "differ.h"
#include "native_x86_64.h"

uint64_t differ_fs_base(void)
{
    uint64_t base;

    __asm__("mov %%fs:0, %0" : "=r"(base));
    return base;
}

static bool map(uint64_t address, uint64_t size, int protection)
{
    return mmap((void *)(uintptr_t)address, size, protection,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_POPULATE, -1,
                0) == (void *)(uintptr_t)address;
}

enum { INT3 = 0xcc, FETCHED = 1 << 4 /* of a page fault's error code */ };

static struct native_state native;

/* Segments of 16-bit code, in this process's LDT. */
static bool set_descriptor(unsigned entry, uint64_t base, unsigned limit, bool code)
{
    struct user_desc descriptor = {
        .entry_number = entry,
        .base_addr = (unsigned)base,
        .limit = limit,
        .contents = code ? MODIFY_LDT_CONTENTS_CODE : MODIFY_LDT_CONTENTS_DATA,
    };

    return syscall(SYS_modify_ldt, 1, &descriptor, sizeof descriptor) == 0;
}

bool differ_native_open(void)
{
    /* The x87 and SSE state that a process begins with. */
    native.xsave[0] = 0x7f;
    native.xsave[1] = 0x03;
    native.xsave[24] = 0x80;
    native.xsave[25] = 0x1f;
    /* Pages that nobody touched yet are not there, which #PF would tell. */
    if (native_begin() < 0) {
        return false;
    }
    memset((void *)(uintptr_t)DIFFER_CODE, INT3, NATIVE_CODE_SIZE);
    return set_descriptor(DIFFER_CS_16 >> 3, DIFFER_CODE, NATIVE_CODE_SIZE - 1, true) &&
           set_descriptor(DIFFER_DS_16 >> 3, DIFFER_DATA,
                          DIFFER_DATA_BYTES + DIFFER_CONST_BYTES - 1, false) &&
           map(DIFFER_DATA, DIFFER_DATA_BYTES, PROT_READ | PROT_WRITE) &&
           map(DIFFER_CONST, DIFFER_CONST_BYTES, PROT_READ);
}

/* DS and ES are not loaded by the return from a signal; 64-bit code does not look at them. */
static void load_data_segments(unsigned selector)
{
    __asm__ volatile("mov %0, %%ds\n\tmov %0, %%es" : : "r"(selector));
}

void differ_native(const struct differ_case *c, struct differ_state *state)
{
    struct native_fault fault;

    memcpy(native.gpr, state->gpr, sizeof native.gpr);
    native.rflags = state->rflags;
    native.cs = c->mode == X86_MODE_64 ? 0 : c->mode == X86_MODE_32 ? 0x23 : DIFFER_CS_16;
    native.ss = c->mode == X86_MODE_16 ? DIFFER_DS_16 : 0x2b;
    native.cs_base = c->mode == X86_MODE_16 ? DIFFER_CODE : 0;
    load_data_segments(native.ss);
    native_run(&native, c->bytes, c->length, differ_offset(c), &fault);
    memset((void *)(uintptr_t)(DIFFER_CODE + differ_offset(c)), INT3, c->length + 1);
    memcpy(state->gpr, native.gpr, sizeof native.gpr);
    state->rflags = native.rflags;
    if (c->mode != X86_MODE_64) {
        /* The return to a 16-bit stack leaves the kernel's own stack in the upper half. */
        state->gpr[X86_RSP] &= 0xffffffff;
    }
    state->rip = fault.rip;
    state->vector = fault.vector;
    state->error = (uint32_t)fault.error;
    state->cr2 = fault.address;
    if (fault.vector == NATIVE_NO_FAULT || fault.vector == 3) {
        /* At an INT3 behind the bytes, or where they led. */
        state->vector = DIFFER_NO_FAULT;
        state->rip--;
    } else if (fault.vector == 14 && (fault.error & FETCHED) != 0 && fault.address == fault.rip) {
        state->vector = DIFFER_NO_FAULT;
    }
}
