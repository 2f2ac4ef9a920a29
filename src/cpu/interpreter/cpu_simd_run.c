/*
 * Runs prepared vector and x87 instructions the careful way, which does whatever may be necessary;
 * the quick way is cpu_fast_vector.c's.
 *
 * With all exceptions masked a stub cannot fault. While the guest unmasks exceptions of MXCSR, the
 * stubs that may raise #XM run under the platform's guarded call; x87's unmasked exceptions are
 * raised by the next instruction that waits, which cpu_fpu_clear_way looks out for, so that the
 * host never takes one.
 */
#include "base/memops.h"
#include "cpu/interpreter/cpu_access.h"
#include "cpu/interpreter/cpu_fpu_image.h"
#include "cpu/interpreter/cpu_simd_call.h"
#include "x86/x86_regs.h"

enum { BOUNCE_BYTES = 64 };

/* A call of a stub. */
struct call {
    cpu_stub *stub;
    void *reg, *rm, *vvvv, *extra;
    uint32_t result;
};

static void call_guarded(void *argument)
{
    struct call *c = argument;

    c->result = c->stub(c->reg, c->rm, c->vvvv, c->extra);
}

/* A stub that may raise #XM. */
static enum cpu_result run_guarded(struct cpu *cpu, struct call *c)
{
    struct plat_fault fault;

    plat_guarded_call(cpu->platform, call_guarded, c, &fault);
    if (fault.vector == PLAT_NO_FAULT) {
        return CPU_NEXT;
    }
    if (cpu->fpu.x87_loaded) {
        /* The guarded call has cleared x87's exceptions. What MMX does to its state is done. */
        cpu_fpu_unload_x87(cpu);
        memcpy(cpu->fpu.x87 + CPU_IMAGE_FSW, &fault.x87_status, sizeof(fault.x87_status));
    }
    cpu_fpu_set_mxcsr(cpu, fault.mxcsr & CPU_MXCSR_MASK);
    return cpu_raise(cpu,
                     fault.vector == CPU_XM && (cpu->cr4 & X86_CR4_OSXMMEXCPT) ? CPU_XM : CPU_UD);
}

/* Whether a store of x87 that raised an unmasked exception has stored nothing. */
static bool is_withheld(const struct cpu *cpu, const struct cpu_simd_op *op)
{
    enum { INVALID = 1, OVERFLOW = 8, UNDERFLOW = 16 };
    uint16_t status, control;

    if (op->form != CPU_SIMD_X87_STORE || !(cpu->fpu.blocked & CPU_BLOCK_PENDING)) {
        return false;
    }
    __asm__ volatile("fnstsw %0" : "=m"(status));
    __asm__ volatile("fnstcw %0" : "=m"(control));
    return (status & ~control & (INVALID | OVERFLOW | UNDERFLOW)) != 0;
}

/* Where a memory operand that is not simply there is found: the memory itself or `bounce`. */
static bool find_memory(struct cpu *cpu, const struct cpu_simd_op *op, uint64_t offset,
                        void *bounce, void **ret_memory)
{
    enum x86_seg seg = (enum x86_seg)op->seg;
    bool store = op->form == CPU_SIMD_STORE || op->form == CPU_SIMD_X87_STORE;
    uint8_t open = store ? CPU_OPEN_WRITE : CPU_OPEN_READ;
    uint64_t linear;
    bool is_open = cpu_segment_open(cpu, seg, offset, open, &linear);

    if (linear & op->align) {
        (void)cpu_raise_error(cpu, CPU_GP, 0);
        return false;
    }
    if (is_open) {
        *ret_memory =
            store ? cpu_tlb_write(cpu, linear, op->width) : cpu_tlb_read(cpu, linear, op->width);
        if (*ret_memory != NULL) {
            return true;
        }
    }
    *ret_memory = bounce;
    return store ? cpu_probe_store(cpu, seg, offset, op->width)
                 : cpu_load(cpu, seg, offset, bounce, op->width);
}

ST_NOINLINE enum cpu_result cpu_simd_run(struct cpu *cpu, struct cpu_simd_op *op, uint64_t offset)
{
    struct cpu_fpu *fpu = &cpu->fpu;
    uint8_t bounce[BOUNCE_BYTES] __attribute__((aligned(BOUNCE_BYTES)));
    struct call c = {.reg = cpu_simd_storage(cpu, op->at[0]),
                     .rm = cpu_simd_storage(cpu, op->at[1]),
                     .vvvv = cpu_simd_storage(cpu, op->at[2]),
                     .extra = cpu_simd_storage(cpu, op->at[3])};

    if (cpu_fpu_clear_way(cpu, op->needs) != CPU_NEXT) {
        return CPU_FAULT;
    }
    if (op->width != 0) {
        if (!find_memory(cpu, op, offset, bounce, &c.rm)) {
            return CPU_FAULT;
        }
        /* A device's load has taken the guest's state out of the host's FPU. */
        if (cpu_fpu_clear_way(cpu, op->needs) != CPU_NEXT) {
            return CPU_FAULT;
        }
    }
    if (op->generation != fpu->generation) {
        op->stub = cpu_stubs_find(fpu->stubs, &op->key, &fpu->generation);
        op->generation = fpu->generation;
    }
    c.stub = cpu_simd_stub_of(cpu, op);
    if (op->key.extra & CPU_STUB_FLAGS_IN) {
        c.vvvv = (void *)(uintptr_t)cpu->arith;
    }
    if (op->needs & fpu->blocked & CPU_BLOCK_MXCSR) {
        if (run_guarded(cpu, &c) != CPU_NEXT) {
            return CPU_FAULT;
        }
    } else {
        call_guarded(&c);
    }
    if (op->form >= CPU_SIMD_X87) {
        cpu_simd_note_x87(cpu, op, cpu->rip);
        if (op->form != CPU_SIMD_X87) {
            cpu_simd_note_x87_data(cpu, op, offset);
        }
    }
    if (op->key.extra & CPU_STUB_FLAGS) {
        cpu->arith = c.result;
    }
    if (c.rm == bounce && (op->form == CPU_SIMD_STORE || op->form == CPU_SIMD_X87_STORE) &&
        !is_withheld(cpu, op)) {
        return cpu_store(cpu, (enum x86_seg)op->seg, offset, bounce, op->width) ? CPU_NEXT
                                                                                : CPU_FAULT;
    }
    return CPU_NEXT;
}
