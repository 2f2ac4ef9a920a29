/* The host's side: the same memory in this process, and the instruction by native_x86_64.h. */
#include <string.h>
#include <sys/mman.h>
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
    return map(DIFFER_DATA, DIFFER_DATA_BYTES, PROT_READ | PROT_WRITE) &&
           map(DIFFER_CONST, DIFFER_CONST_BYTES, PROT_READ);
}

/* DS and ES are not loaded by the return from a signal; 64-bit code does not look at them. */
static void load_data_segments(void)
{
    __asm__ volatile("mov %0, %%ds\n\tmov %0, %%es" : : "r"(0x2b));
}

void differ_native(const struct differ_case *c, struct differ_state *state)
{
    struct native_fault fault;

    memcpy(native.gpr, state->gpr, sizeof native.gpr);
    native.rflags = state->rflags;
    native.cs = c->mode == X86_MODE_64 ? 0 : 0x23;
    native.ss = 0x2b;
    load_data_segments();
    native_run(&native, c->bytes, c->length, (unsigned)(c->rip - DIFFER_CODE), &fault);
    memset((void *)(uintptr_t)c->rip, INT3, c->length + 1);
    memcpy(state->gpr, native.gpr, sizeof native.gpr);
    state->rflags = native.rflags;
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
