/* Fast handlers of branches and of the stack. */
#include "cpu/interpreter/cpu_fast.h"

/* ---- direct branches ---- */

/* Where a relative branch leads. */
static inline uint64_t target_of(const struct cpu *cpu, const struct cpu_op *op)
{
    return (cpu->gpr[CPU_GPR_PAGE] + op->offset + op->length + (uint64_t)(int64_t)op->imm) &
           cpu->linear_mask;
}

/* Within the page: the op it leads to is kept. */
#define TAKE_NEAR()                                                                                \
    do {                                                                                           \
        if (CPU_UNLIKELY(op->jump == 0)) {                                                         \
            CPU_TO(link);                                                                          \
        }                                                                                          \
        CPU_ENTER((const struct cpu_op *)cpu_pool_at(cpu->code, op->jump));                        \
    } while (0)

/* A branch that is not taken goes on with the run that follows it. */
#define JUMP_IF(code)                                                                              \
    CPU_FAST(jcc_near_##code)                                                                      \
    {                                                                                              \
        if (cpu_condition((uint32_t)flags, code)) {                                                \
            TAKE_NEAR();                                                                           \
        }                                                                                          \
        CPU_ENTER(op + 1);                                                                         \
    }                                                                                              \
    CPU_FAST(jcc_far_##code)                                                                       \
    {                                                                                              \
        if (cpu_condition((uint32_t)flags, code)) {                                                \
            CPU_BRANCH(target_of(cpu, op));                                                        \
        }                                                                                          \
        CPU_ENTER(op + 1);                                                                         \
    }
JUMP_IF(0)
JUMP_IF(1)
JUMP_IF(2)
JUMP_IF(3)
JUMP_IF(4)
JUMP_IF(5)
JUMP_IF(6)
JUMP_IF(7)
JUMP_IF(8)
JUMP_IF(9)
JUMP_IF(10)
JUMP_IF(11)
JUMP_IF(12)
JUMP_IF(13)
JUMP_IF(14)
JUMP_IF(15)

CPU_FAST(jmp_near)
{
    TAKE_NEAR();
}

CPU_FAST(jmp_far)
{
    CPU_BRANCH(target_of(cpu, op));
}

/* ---- calls and returns ---- */

/* Whether 64-bit code may be fetched from there. */
static inline bool canonical(uint64_t rip)
{
    return (uint64_t)((int64_t)(rip << 16) >> 16) == rip;
}

/* Declares `at`, where a value is pushed at the new top of the stack. */
#define PUSH_AT(bits)                                                                              \
    uint64_t top = (cpu->gpr[X86_RSP] - (bits) / 8) & cpu->stack_mask;                             \
    struct cpu_unaligned_##bits *at = cpu_tlb_write(cpu, top, (bits) / 8);                         \
                                                                                                   \
    if (CPU_UNLIKELY(at == NULL)) {                                                                \
        CPU_TO(slow);                                                                              \
    }

#define NEXT_RIP (cpu->gpr[CPU_GPR_PAGE] + op->offset + op->length)

CPU_FAST(call_64)
{
    PUSH_AT(64);
    at->v = NEXT_RIP;
    cpu->gpr[X86_RSP] = top;
    CPU_BRANCH(target_of(cpu, op));
}

/* 32-bit code, flat, with a 32-bit stack. */
CPU_FAST(call_32)
{
    if (CPU_UNLIKELY(cpu->stack_mask != 0xffffffff)) {
        CPU_TO(slow);
    }
    PUSH_AT(32);
    at->v = (uint32_t)NEXT_RIP;
    cpu->gpr[X86_RSP] = top;
    CPU_BRANCH(target_of(cpu, op));
}

#define CALL_TO(form, declare, get)                                                                \
    CPU_FAST(call_64_##form)                                                                       \
    {                                                                                              \
        declare;                                                                                   \
        uint64_t target = get;                                                                     \
                                                                                                   \
        if (CPU_UNLIKELY(!canonical(target))) {                                                    \
            CPU_TO(slow);                                                                          \
        }                                                                                          \
        {                                                                                          \
            PUSH_AT(64);                                                                           \
            at->v = NEXT_RIP;                                                                      \
            cpu->gpr[X86_RSP] = top;                                                               \
        }                                                                                          \
        CPU_BRANCH(target);                                                                        \
    }                                                                                              \
    CPU_FAST(jmp_64_##form)                                                                        \
    {                                                                                              \
        declare;                                                                                   \
        uint64_t target = get;                                                                     \
                                                                                                   \
        if (CPU_UNLIKELY(!canonical(target))) {                                                    \
            CPU_TO(slow);                                                                          \
        }                                                                                          \
        CPU_BRANCH(target);                                                                        \
    }

/* The memory operand under a name that PUSH_AT's does not hide. */
#define POINTER(form)                                                                              \
    const struct cpu_unaligned_64 *from = cpu_tlb_read(cpu, CPU_LINEAR_##form, 8);                 \
                                                                                                   \
    if (CPU_UNLIKELY(from == NULL)) {                                                              \
        CPU_TO(slow);                                                                              \
    }
CALL_TO(r, (void)0, cpu->gpr[op->source])
CALL_TO(m, POINTER(m), from->v)
CALL_TO(x, POINTER(x), from->v)

CPU_FAST(ret_64)
{
    const struct cpu_unaligned_64 *at = cpu_tlb_read(cpu, cpu->gpr[X86_RSP], 8);
    uint64_t target;

    if (CPU_UNLIKELY(at == NULL)) {
        CPU_TO(slow);
    }
    target = at->v;
    if (CPU_UNLIKELY(!canonical(target))) {
        CPU_TO(slow);
    }
    cpu->gpr[X86_RSP] += 8 + (uint64_t)op->imm;
    CPU_BRANCH(target);
}

CPU_FAST(ret_32)
{
    uint64_t top = cpu->gpr[X86_RSP];
    const struct cpu_unaligned_32 *at;

    if (CPU_UNLIKELY(cpu->stack_mask != 0xffffffff)) {
        CPU_TO(slow);
    }
    at = cpu_tlb_read(cpu, (uint32_t)top, 4);
    if (CPU_UNLIKELY(at == NULL)) {
        CPU_TO(slow);
    }
    cpu->gpr[X86_RSP] = (uint32_t)(top + 4 + (uint64_t)op->imm);
    CPU_BRANCH(at->v);
}

/* ---- PUSH POP LEAVE ---- */

#define PUSH(name, bits, declare, get)                                                             \
    CPU_FAST(name)                                                                                 \
    {                                                                                              \
        declare;                                                                                   \
        uint##bits##_t value = (uint##bits##_t)(get);                                              \
        PUSH_AT(bits);                                                                             \
                                                                                                   \
        at->v = value;                                                                             \
        cpu->gpr[X86_RSP] = top;                                                                   \
        CPU_GO(op + 1, flags);                                                                     \
    }
/* A 32-bit stack alone has no upper half to keep. */
#define STACK_OF_32()                                                                              \
    if (CPU_UNLIKELY(cpu->stack_mask != 0xffffffff)) {                                             \
        CPU_TO(slow);                                                                              \
    }

PUSH(push_64_r, 64, (void)0, cpu->gpr[op->source])
PUSH(push_64_i, 64, (void)0, (int64_t)op->imm)
PUSH(push_64_m, 64, POINTER(m), from->v)
PUSH(push_64_x, 64, POINTER(x), from->v)
PUSH(push_32_r, 32, STACK_OF_32(), cpu->gpr[op->source])
PUSH(push_32_i, 32, STACK_OF_32(), op->imm)

CPU_FAST(pop_64_r)
{
    const struct cpu_unaligned_64 *at = cpu_tlb_read(cpu, cpu->gpr[X86_RSP], 8);
    uint64_t value;

    if (CPU_UNLIKELY(at == NULL)) {
        CPU_TO(slow);
    }
    value = at->v;
    cpu->gpr[X86_RSP] += 8;
    cpu->gpr[op->target] = value;
    CPU_GO(op + 1, flags);
}

CPU_FAST(pop_32_r)
{
    uint64_t top = cpu->gpr[X86_RSP];
    const struct cpu_unaligned_32 *at;
    uint32_t value;

    STACK_OF_32();
    at = cpu_tlb_read(cpu, (uint32_t)top, 4);
    if (CPU_UNLIKELY(at == NULL)) {
        CPU_TO(slow);
    }
    value = at->v;
    cpu->gpr[X86_RSP] = (uint32_t)(top + 4);
    cpu->gpr[op->target] = value;
    CPU_GO(op + 1, flags);
}

CPU_FAST(leave_64)
{
    uint64_t frame = cpu->gpr[X86_RBP];
    const struct cpu_unaligned_64 *at = cpu_tlb_read(cpu, frame, 8);

    if (CPU_UNLIKELY(at == NULL)) {
        CPU_TO(slow);
    }
    cpu->gpr[X86_RBP] = at->v;
    cpu->gpr[X86_RSP] = frame + 8;
    CPU_GO(op + 1, flags);
}
