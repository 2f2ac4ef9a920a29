/* Fast handlers of vector instructions: a call of their stub (cpu_simd.h), where nothing stands in
 * the way and memory is there. */
#include "cpu/interpreter/cpu_fast.h"
#include "cpu/interpreter/cpu_simd_call.h"

/* Declares `simd`, or goes the careful way. */
#define CPU_SIMD_READY                                                                             \
    ;                                                                                              \
    const struct cpu_simd_op *simd = cpu_pool_at(cpu->code, op->insn);                             \
                                                                                                   \
    if (CPU_UNLIKELY(!cpu_simd_is_free(cpu, simd))) {                                              \
        CPU_TO(simd_any);                                                                          \
    }

#define CPU_SIMD_MEMORY(access, form)                                                              \
    ;                                                                                              \
    uint64_t linear = CPU_LINEAR_##form;                                                           \
    void *memory = cpu_tlb_##access(cpu, linear, simd->width);                                     \
                                                                                                   \
    if (CPU_UNLIKELY(memory == NULL || (linear & simd->align) != 0)) {                             \
        CPU_TO(simd_any);                                                                          \
    }

#define SIMD_PLACE(name, access, form)                                                             \
    CPU_FAST(simd_##name##_##form)                                                                 \
    {                                                                                              \
        CPU_SIMD_READY;                                                                            \
        CPU_SIMD_MEMORY(access, form);                                                             \
        (void)cpu_simd_call_at(cpu, simd, memory);                                                 \
        CPU_GO(op + 1, flags);                                                                     \
    }
#define SIMD_FLAGS_PLACE(form)                                                                     \
    CPU_FAST(simd_flags_##form)                                                                    \
    {                                                                                              \
        CPU_SIMD_READY;                                                                            \
        CPU_SIMD_MEMORY(read, form);                                                               \
        flags = cpu_simd_call_at(cpu, simd, memory);                                               \
        CPU_GO(op + 1, flags);                                                                     \
    }

CPU_FAST(simd_r)
{
    CPU_SIMD_READY;
    (void)cpu_simd_call(cpu, simd);
    CPU_GO(op + 1, flags);
}

CPU_FAST(simd_flags_r)
{
    CPU_SIMD_READY;
    flags = cpu_simd_call(cpu, simd);
    CPU_GO(op + 1, flags);
}

SIMD_PLACE(load, read, m)
SIMD_PLACE(load, read, x)
SIMD_PLACE(store, write, m)
SIMD_PLACE(store, write, x)
SIMD_FLAGS_PLACE(m)
SIMD_FLAGS_PLACE(x)

/* x87 without memory: FIP is the instruction's. */
CPU_FAST(simd_x87_r)
{
    CPU_SIMD_READY;
    (void)cpu_simd_call(cpu, simd);
    cpu_simd_note_x87(cpu, simd, cpu->gpr[CPU_GPR_PAGE] + op->offset);
    CPU_GO(op + 1, flags);
}

/* FCMOVcc, FCOMI and their kind: flags go in, and come out where the instruction writes them. */
CPU_FAST(simd_x87_flags)
{
    CPU_SIMD_READY;
    uint32_t after = cpu_simd_stub_of(cpu, simd)(
        cpu_simd_storage(cpu, simd->at[0]), cpu_simd_storage(cpu, simd->at[1]),
        (void *)(uintptr_t)flags, cpu_simd_storage(cpu, simd->at[3]));

    cpu_simd_note_x87(cpu, simd, cpu->gpr[CPU_GPR_PAGE] + op->offset);
    if (simd->key.extra & CPU_STUB_FLAGS) {
        flags = after;
    }
    CPU_GO(op + 1, flags);
}

#define SIMD_X87_PLACE(name, access, form)                                                         \
    CPU_FAST(simd_x87_##name##_##form)                                                             \
    {                                                                                              \
        CPU_SIMD_READY;                                                                            \
        CPU_SIMD_MEMORY(access, form);                                                             \
        (void)cpu_simd_call_at(cpu, simd, memory);                                                 \
        cpu_simd_note_x87(cpu, simd, cpu->gpr[CPU_GPR_PAGE] + op->offset);                         \
        cpu_simd_note_x87_data(                                                                    \
            cpu, simd, (linear - cpu->segments[simd->seg].linear_base) & cpu->linear_mask);        \
        CPU_GO(op + 1, flags);                                                                     \
    }
SIMD_X87_PLACE(load, read, m)
SIMD_X87_PLACE(load, read, x)
SIMD_X87_PLACE(store, write, m)
SIMD_X87_PLACE(store, write, x)
