/*
 * Runs prepared vector and x87 instructions: the quick way where nothing stands in the way and the
 * memory operand is in the TLB, and the careful way.
 *
 * With all exceptions masked a stub cannot fault. While the guest unmasks exceptions of MXCSR, the
 * stubs that may raise #XM run under the platform's guarded call; x87's unmasked exceptions are
 * raised by the next instruction that waits, which cpu_fpu_clear_way looks out for, so that the
 * host never takes one.
 */
#include "base/memops.h"
#include "cpu/interpreter/cpu_access.h"
#include "cpu/interpreter/cpu_fpu_image.h"
#include "cpu/interpreter/cpu_simd.h"
#include "x86/x86_regs.h"

enum { BOUNCE_BYTES = 64 };

/* A call of a stub. */
struct call {
    cpu_stub *stub;
    void *reg, *rm, *vvvv, *extra;
    uint32_t result;
};

static inline void *storage(struct cpu *cpu, uint16_t at)
{
    return (uint64_t *)cpu + at;
}

static inline cpu_stub *stub_of(const struct cpu *cpu, const struct cpu_simd_op *op)
{
    return (cpu_stub *)(uintptr_t)(cpu->fpu.stub_code + op->stub);
}

/* With the memory operand, or NULL: a register. */
static inline uint32_t call(struct cpu *cpu, const struct cpu_simd_op *op, void *memory)
{
    return stub_of(cpu, op)(storage(cpu, op->at[0]),
                            memory != NULL ? memory : storage(cpu, op->at[1]),
                            storage(cpu, op->at[2]), storage(cpu, op->at[3]));
}

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

/* x87's pointers to what it did last. */
static void note_x87(struct cpu *cpu, const struct cpu_simd_op *op, enum x86_seg seg,
                     uint64_t offset)
{
    struct cpu_fpu *fpu = &cpu->fpu;

    if (op->form < CPU_SIMD_X87) {
        return;
    }
    fpu->fip = cpu->rip;
    fpu->fcs = cpu->segments[X86_CS].selector;
    fpu->fop = op->fop;
    if (op->form != CPU_SIMD_X87) {
        fpu->fdp = offset;
        fpu->fds = cpu->segments[seg].selector;
    }
}

/* Where a memory operand that is not simply there is found: the memory itself or `bounce`. */
static bool find_memory(struct cpu *cpu, const struct cpu_simd_op *op, enum x86_seg seg,
                        uint64_t offset, void *bounce, void **ret_memory)
{
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

/* The careful way. */
static enum cpu_result run_carefully(struct cpu *cpu, struct cpu_simd_op *op, enum x86_seg seg,
                                     uint64_t offset)
{
    struct cpu_fpu *fpu = &cpu->fpu;
    uint8_t bounce[BOUNCE_BYTES] __attribute__((aligned(BOUNCE_BYTES)));
    struct call c = {.reg = storage(cpu, op->at[0]),
                     .rm = storage(cpu, op->at[1]),
                     .vvvv = storage(cpu, op->at[2]),
                     .extra = storage(cpu, op->at[3])};

    if (cpu_fpu_clear_way(cpu, op->needs) != CPU_NEXT) {
        return CPU_FAULT;
    }
    if (op->width != 0) {
        if (!find_memory(cpu, op, seg, offset, bounce, &c.rm)) {
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
    c.stub = stub_of(cpu, op);
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
    note_x87(cpu, op, seg, offset);
    if (op->key.extra & CPU_STUB_FLAGS) {
        cpu->arith = c.result;
    }
    if (c.rm == bounce && (op->form == CPU_SIMD_STORE || op->form == CPU_SIMD_X87_STORE) &&
        !is_withheld(cpu, op)) {
        return cpu_store(cpu, seg, offset, bounce, op->width) ? CPU_NEXT : CPU_FAULT;
    }
    return CPU_NEXT;
}

/* A memory operand that is simply there; NULL: it is not. */
static inline void *quick_memory(struct cpu *cpu, const struct cpu_simd_op *op, enum x86_seg seg,
                                 uint64_t offset, bool store)
{
    uint64_t linear;

    if (!cpu_segment_open(cpu, seg, offset, store ? CPU_OPEN_WRITE : CPU_OPEN_READ, &linear) ||
        (linear & op->align)) {
        return NULL;
    }
    return store ? cpu_tlb_write(cpu, linear, op->width) : cpu_tlb_read(cpu, linear, op->width);
}

enum cpu_result cpu_simd_run(struct cpu *cpu, struct cpu_simd_op *op, enum x86_seg seg,
                             uint64_t offset)
{
    struct cpu_fpu *fpu = &cpu->fpu;
    void *memory;

    if (__builtin_expect(op->generation != fpu->generation || (fpu->blocked & op->needs), 0)) {
        return run_carefully(cpu, op, seg, offset);
    }
    switch ((enum cpu_simd_form)op->form) {
    case CPU_SIMD_REGISTERS:
        (void)call(cpu, op, NULL);
        return CPU_NEXT;
    case CPU_SIMD_LOAD:
    case CPU_SIMD_STORE:
        memory = quick_memory(cpu, op, seg, offset, op->form == CPU_SIMD_STORE);
        if (memory == NULL) {
            break;
        }
        (void)call(cpu, op, memory);
        return CPU_NEXT;
    case CPU_SIMD_FLAGS:
        cpu->arith = call(cpu, op, NULL);
        return CPU_NEXT;
    case CPU_SIMD_LOAD_FLAGS:
        memory = quick_memory(cpu, op, seg, offset, false);
        if (memory == NULL) {
            break;
        }
        cpu->arith = call(cpu, op, memory);
        return CPU_NEXT;
    case CPU_SIMD_X87_LOAD:
    case CPU_SIMD_X87_STORE:
        memory = quick_memory(cpu, op, seg, offset, op->form == CPU_SIMD_X87_STORE);
        if (memory == NULL) {
            break;
        }
        (void)call(cpu, op, memory);
        note_x87(cpu, op, seg, offset);
        return CPU_NEXT;
    case CPU_SIMD_X87:
        if (op->key.extra != 0) {
            break; /* FCMOV, FCOMI: flags */
        }
        (void)call(cpu, op, NULL);
        note_x87(cpu, op, seg, offset);
        return CPU_NEXT;
    }
    return run_carefully(cpu, op, seg, offset);
}
