/*
 * Fast handlers: one decoded instruction in the fewest host instructions, for the cases that cannot
 * fault or that the software TLB answers. A handler that meets anything else has done nothing yet
 * and goes to cpu_fast_slow, which runs the instruction's general handler.
 *
 * A handler ends by going to the next op's: by a tail call where the compiler makes a jump of it
 * (CPU_TAIL_CALLS, set by the build where that is so), else by returning the op to the loop of
 * cpu_code_run. State in arguments stays in host registers: the CPU, the op, the arithmetic flags
 * (cpu_flags.h) and the table of handlers. op NULL leaves the fast path.
 */
#pragma once

#include "cpu/interpreter/cpu_alu.h"
#include "cpu/interpreter/cpu_code.h"
#include "cpu/interpreter/cpu_fast_list.h"
#include "cpu/interpreter/cpu_operand.h"

struct cpu_next {
    const struct cpu_op *op;
    uint64_t flags;
};

typedef struct cpu_next cpu_fast(struct cpu *cpu, const struct cpu_op *op, uint64_t flags,
                                 const void *table);

#define CPU_FAST_INDEX(name) CPU_FAST_##name,
enum cpu_fast_index { CPU_FAST_LIST(CPU_FAST_INDEX) CPU_FASTS };

#define CPU_FAST_DECLARE(name) cpu_fast cpu_fast_##name;
CPU_FAST_LIST(CPU_FAST_DECLARE)

/* By enum cpu_fast_index. */
extern cpu_fast *const cpu_fast_table[CPU_FASTS];

/* Whether the op keeps in op->jump where it leads. */
static inline bool cpu_fast_chains(uint16_t handler)
{
    return (handler >= CPU_FAST_jcc_near_0 && handler <= CPU_FAST_jcc_near_15) ||
           handler == CPU_FAST_jmp_near;
}

/* A handler is not inlined into another: gcc then makes calls of the tail calls that it inlined. */
#define CPU_FAST(name)                                                                             \
    ST_NOINLINE struct cpu_next cpu_fast_##name(                                                   \
        ST_UNUSED struct cpu *cpu, const struct cpu_op *op, uint64_t flags, const void *table)

/* Go to an op's handler. */
#ifdef CPU_TAIL_CALLS
#define CPU_GO(next_op, next_flags)                                                                \
    return ((cpu_fast *const *)table)[(next_op)->handler](cpu, (next_op), (next_flags), table)
#else
#define CPU_GO(next_op, next_flags)                                                                \
    do {                                                                                           \
        (void)table;                                                                               \
        return (struct cpu_next){(next_op), (next_flags)};                                         \
    } while (0)
#endif

/* Go on with a handler that is not an op's own. */
#define CPU_TO(name) return cpu_fast_##name(cpu, op, flags, table)

/* Leave the fast path; cpu->rip is right. */
#define CPU_LEAVE(why)                                                                             \
    do {                                                                                           \
        cpu->code->result = (why);                                                                 \
        return (struct cpu_next){NULL, flags};                                                     \
    } while (0)

#define CPU_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* Begin a run: count its instructions, unless the limit falls in it. */
#define CPU_ENTER(first_op)                                                                        \
    do {                                                                                           \
        const struct cpu_op *cpu_first = (first_op);                                               \
        uint64_t cpu_retired = cpu->retired + cpu_first->left;                                     \
                                                                                                   \
        if (CPU_UNLIKELY(cpu_retired > __atomic_load_n(&cpu->run_limit, __ATOMIC_RELAXED))) {      \
            cpu->rip = cpu->gpr[CPU_GPR_PAGE] + cpu_first->offset;                                 \
            CPU_LEAVE(CPU_AGAIN);                                                                  \
        }                                                                                          \
        cpu->retired = cpu_retired;                                                                \
        CPU_GO(cpu_first, flags);                                                                  \
    } while (0)

/* Go to a linear address of code by the cache of jumps. */
#define CPU_BRANCH(target_rip)                                                                     \
    do {                                                                                           \
        uint64_t cpu_rip = (target_rip);                                                           \
        struct cpu_code *cpu_code = cpu->code;                                                     \
        const struct cpu_jump *cpu_slot = cpu_jump_slot(cpu_code, cpu_rip);                        \
                                                                                                   \
        if (CPU_UNLIKELY(cpu_slot->rip != cpu_rip || cpu_slot->tag != cpu_code->tag)) {            \
            cpu->rip = cpu_rip;                                                                    \
            CPU_TO(find);                                                                          \
        }                                                                                          \
        op = cpu_pool_at(cpu_code, (uint32_t)cpu_slot->op);                                        \
        cpu->gpr[CPU_GPR_PAGE] = cpu_rip - op->offset;                                             \
        CPU_ENTER(op);                                                                             \
    } while (0)

/* Registers by width; bytes by their offset, so that AH is one. */
#define CPU_GET_8(number) (*((uint8_t *)cpu->gpr + (number)))
#define CPU_GET_16(number) (*(uint16_t *)&cpu->gpr[number])
#define CPU_GET_32(number) ((uint32_t)cpu->gpr[number])
#define CPU_GET_64(number) (cpu->gpr[number])
#define CPU_SET_8(number, value) (*((uint8_t *)cpu->gpr + (number)) = (value))
#define CPU_SET_16(number, value) (*(uint16_t *)&cpu->gpr[number] = (value))
#define CPU_SET_32(number, value) (cpu->gpr[number] = (uint32_t)(value))
#define CPU_SET_64(number, value) (cpu->gpr[number] = (value))

/* Linear addresses of the two forms of memory operands. */
#define CPU_LINEAR_m (cpu->gpr[op->base] + (uint64_t)(int64_t)op->disp)
#define CPU_LINEAR_x                                                                               \
    ((cpu->gpr[op->base] + (cpu->gpr[op->index] << op->shift) + (uint64_t)(int64_t)op->disp +      \
      cpu->segments[op->seg].linear_base) &                                                        \
     cpu->linear_mask)

/* Declares `at`, the memory operand of so many bits in host memory, or goes the slow way. */
#define CPU_MEMORY(access, form, bits)                                                             \
    struct cpu_unaligned_##bits *at = cpu_tlb_##access(cpu, CPU_LINEAR_##form, (bits) / 8);        \
                                                                                                   \
    if (CPU_UNLIKELY(at == NULL)) {                                                                \
        CPU_TO(slow);                                                                              \
    }

/* The op that begins at cpu->rip, decoded if need be, and the page set. NULL: leave, code->result
 * says why. */
const struct cpu_op *cpu_code_find(struct cpu *cpu);
