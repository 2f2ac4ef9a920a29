/*
 * Moves the guest's MXCSR and x87 state into the host's FPU and out of it, and keeps the word of
 * what stands in an instruction's way.
 */
#include "base/memops.h"
#include "cpu/interpreter/cpu_fpu_image.h"
#include "cpu/interpreter/cpu_simd.h"
#include "cpu/interpreter/cpu_struct.h"
#include "x86/x86_regs.h"

enum { EXCEPTION_SUMMARY = 0x80 /* of the x87 status word */, XCR0_NEEDED = 6 };

/* ---- the host's registers ---- */

static uint32_t host_mxcsr(void)
{
    uint32_t mxcsr;

    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    return mxcsr;
}

static void set_host_mxcsr(uint32_t mxcsr)
{
    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
}

/* FXRSTOR overwrites vector registers behind the compiler's back: callers that have them (with
 * link-time optimisation) must see a call. */
static __attribute__((noinline)) void load_image(const uint8_t *image)
{
    __asm__ volatile("fxrstor64 (%0)" : : "r"(image) : "memory");
}

static void save_image(uint8_t *image)
{
    __asm__ volatile("fxsave64 (%0)" : : "r"(image) : "memory");
}

/* ---- in and out ---- */

static void load_mxcsr(struct cpu_fpu *fpu)
{
    fpu->host_mxcsr = host_mxcsr();
    set_host_mxcsr(fpu->mxcsr);
    fpu->mxcsr_loaded = true;
    if ((fpu->mxcsr & X86_MXCSR_MASKS) == X86_MXCSR_MASKS) {
        fpu->blocked &= (uint8_t)~CPU_BLOCK_MXCSR;
    }
}

static void load_x87(struct cpu_fpu *fpu)
{
    uint32_t mxcsr = host_mxcsr();

    __asm__ volatile("fnstcw %0" : "=m"(fpu->host_fcw));
    memset(fpu->x87 + CPU_IMAGE_FOP, 0, CPU_IMAGE_MXCSR - CPU_IMAGE_FOP);
    memcpy(fpu->x87 + CPU_IMAGE_MXCSR, &mxcsr, sizeof(mxcsr));
    load_image(fpu->x87);
    fpu->x87_loaded = true;
    fpu->blocked &= (uint8_t)~CPU_BLOCK_STACK;
}

void cpu_fpu_unload_x87(struct cpu *cpu)
{
    struct cpu_fpu *fpu = &cpu->fpu;

    if (fpu->x87_loaded) {
        save_image(fpu->x87);
        __asm__ volatile("fninit\n\tfldcw %0" : : "m"(fpu->host_fcw));
        fpu->x87_loaded = false;
        fpu->blocked |= CPU_BLOCK_STACK;
    }
}

void cpu_fpu_unload_mxcsr(struct cpu *cpu)
{
    struct cpu_fpu *fpu = &cpu->fpu;

    if (fpu->mxcsr_loaded) {
        fpu->mxcsr = host_mxcsr() & CPU_MXCSR_MASK;
        set_host_mxcsr(fpu->host_mxcsr);
        fpu->mxcsr_loaded = false;
        fpu->blocked |= CPU_BLOCK_MXCSR;
    }
}

void cpu_fpu_leave(struct cpu *cpu)
{
    cpu_fpu_unload_x87(cpu);
    cpu_fpu_unload_mxcsr(cpu);
}

uint32_t cpu_fpu_mxcsr(const struct cpu *cpu)
{
    return cpu->fpu.mxcsr_loaded ? host_mxcsr() & CPU_MXCSR_MASK : cpu->fpu.mxcsr;
}

void cpu_fpu_set_mxcsr(struct cpu *cpu, uint32_t mxcsr)
{
    struct cpu_fpu *fpu = &cpu->fpu;

    fpu->mxcsr = mxcsr;
    if (fpu->mxcsr_loaded) {
        set_host_mxcsr(mxcsr);
    }
    if (fpu->mxcsr_loaded && (mxcsr & X86_MXCSR_MASKS) == X86_MXCSR_MASKS) {
        fpu->blocked &= (uint8_t)~CPU_BLOCK_MXCSR;
    } else {
        fpu->blocked |= CPU_BLOCK_MXCSR;
    }
}

void cpu_fpu_fcw_changed(struct cpu *cpu, uint16_t fcw)
{
    if (~fcw & X86_MXCSR_EXCEPTIONS) {
        cpu->fpu.blocked |= CPU_BLOCK_PENDING;
    } else {
        cpu->fpu.blocked &= (uint8_t)~CPU_BLOCK_PENDING;
    }
}

/* ---- what stands in the way ---- */

void cpu_fpu_mode_update(struct cpu *cpu)
{
    struct cpu_fpu *fpu = &cpu->fpu;
    bool em = (cpu->cr0 & X86_CR0_EM) != 0, ts = (cpu->cr0 & X86_CR0_TS) != 0;

    fpu->blocked &= CPU_BLOCK_MXCSR | CPU_BLOCK_STACK | CPU_BLOCK_PENDING;
    if (em || ts) {
        fpu->blocked |= CPU_BLOCK_X87 | CPU_BLOCK_MMX;
    }
    if (ts && (cpu->cr0 & X86_CR0_MP)) {
        fpu->blocked |= CPU_BLOCK_WAIT;
    }
    if (em || ts || !(cpu->cr4 & X86_CR4_OSFXSR)) {
        fpu->blocked |= CPU_BLOCK_SSE;
    }
    if (ts || !(cpu->cr4 & X86_CR4_OSXSAVE) || (cpu->xcr0 & XCR0_NEEDED) != XCR0_NEEDED) {
        fpu->blocked |= CPU_BLOCK_AVX;
    }
}

/* #UD where the instruction does not exist, #NM where the state is another task's (SDM 3A 2.5, 13.1
 * and volume 2 2.4). */
static enum cpu_result raise_blocked(struct cpu *cpu, unsigned standing)
{
    bool em = (cpu->cr0 & X86_CR0_EM) != 0;

    if ((standing & CPU_BLOCK_AVX) &&
        (!(cpu->cr4 & X86_CR4_OSXSAVE) || (cpu->xcr0 & XCR0_NEEDED) != XCR0_NEEDED)) {
        return cpu_raise(cpu, CPU_UD);
    }
    if ((standing & CPU_BLOCK_SSE) && (em || !(cpu->cr4 & X86_CR4_OSFXSR))) {
        return cpu_raise(cpu, CPU_UD);
    }
    if ((standing & CPU_BLOCK_MMX) && em) {
        return cpu_raise(cpu, CPU_UD);
    }
    return cpu_raise(cpu, CPU_NM);
}

/* An unmasked x87 exception waits. With CR0.NE clear a PC would send IRQ 13 through its chips and
 * let the interrupt's handler have exceptions ignored; there are no such wires here (nor under
 * KVM), so it is dropped. */
static enum cpu_result look_for_pending(struct cpu *cpu)
{
    uint16_t status;

    __asm__ volatile("fnstsw %0" : "=m"(status));
    if (!(status & EXCEPTION_SUMMARY)) {
        return CPU_NEXT;
    }
    if (cpu->cr0 & X86_CR0_NE) {
        return cpu_raise(cpu, CPU_MF);
    }
    __asm__ volatile("fnclex");
    return CPU_NEXT;
}

enum cpu_result cpu_fpu_clear_way(struct cpu *cpu, unsigned needs)
{
    enum {
        FORBIDDEN = CPU_BLOCK_X87 | CPU_BLOCK_WAIT | CPU_BLOCK_MMX | CPU_BLOCK_SSE | CPU_BLOCK_AVX
    };
    struct cpu_fpu *fpu = &cpu->fpu;
    unsigned standing = fpu->blocked & needs;

    if (standing & FORBIDDEN) {
        return raise_blocked(cpu, standing);
    }
    if (standing & CPU_BLOCK_STACK) {
        load_x87(fpu);
    }
    if ((standing & CPU_BLOCK_PENDING) && look_for_pending(cpu) != CPU_NEXT) {
        return CPU_FAULT;
    }
    if ((standing & CPU_BLOCK_MXCSR) && !fpu->mxcsr_loaded) {
        load_mxcsr(fpu);
    }
    return CPU_NEXT;
}

/* ---- the whole ---- */

int cpu_fpu_new(struct cpu *cpu)
{
    struct cpu_fpu *fpu = &cpu->fpu;
    uint8_t nothing[CPU_IMAGE_SIZE] = {0};

    fpu->stubs = cpu_stubs_new(cpu->platform);
    if (fpu->stubs == NULL) {
        return -ST_ENOMEM;
    }
    fpu->stub_code = cpu_stubs_code(fpu->stubs);
    cpu_fpu_set(cpu, nothing);
    cpu_fpu_mode_update(cpu);
    return 0;
}

void cpu_fpu_free(struct cpu *cpu)
{
    cpu_stubs_free(cpu->fpu.stubs, cpu->platform);
    cpu->fpu.stubs = NULL;
}

void cpu_fpu_get(struct cpu *cpu, uint8_t *ret_xsave)
{
    uint64_t components = CPU_COMPONENT_X87 | CPU_COMPONENT_SSE | CPU_COMPONENT_AVX;

    cpu_fpu_leave(cpu);
    memset(ret_xsave, 0, CPU_IMAGE_SIZE);
    cpu_image_save_x87(cpu, ret_xsave, true);
    cpu_image_save_mxcsr(cpu, ret_xsave);
    cpu_image_save_xmm(cpu, ret_xsave, 16);
    cpu_image_save_avx(cpu, ret_xsave + CPU_IMAGE_AVX, 16);
    memcpy(ret_xsave + CPU_IMAGE_HEADER, &components, sizeof(components));
}

void cpu_fpu_set(struct cpu *cpu, const uint8_t *xsave)
{
    uint64_t components;
    uint32_t mxcsr;

    cpu_fpu_leave(cpu);
    cpu->fpu.blocked |= CPU_BLOCK_STACK;
    memcpy(&components, xsave + CPU_IMAGE_HEADER, sizeof(components));
    cpu_image_load_x87(cpu, (components & CPU_COMPONENT_X87) ? xsave : NULL, true);
    cpu_image_load_xmm(cpu, (components & CPU_COMPONENT_SSE) ? xsave : NULL, 16);
    cpu_image_load_avx(cpu, (components & CPU_COMPONENT_AVX) ? xsave + CPU_IMAGE_AVX : NULL, 16);
    memcpy(&mxcsr, xsave + CPU_IMAGE_MXCSR, sizeof(mxcsr));
    cpu_fpu_set_mxcsr(cpu, (components & (CPU_COMPONENT_SSE | CPU_COMPONENT_AVX))
                               ? mxcsr & CPU_MXCSR_MASK
                               : X86_MXCSR_RESET);
}
