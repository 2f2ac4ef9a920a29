/*
 * The loop of the fast path, and its handlers that are no instruction's: looking code up, general
 * handlers, the slow way of a fast op. What they call and what keeps variables in memory is not to
 * be inlined (ST_NOINLINE): a function whose variables have an address makes no tail calls.
 */
#include "base/attr.h"
#include "cpu/interpreter/cpu_code.h"
#include "cpu/interpreter/cpu_fast.h"
#include "cpu/interpreter/cpu_integer.h"
#include "cpu/interpreter/cpu_simd.h"

/* ---- finding code ---- */

static uint64_t tag_of(const struct cpu *cpu)
{
    return (uint64_t)1 << 63 | (uint64_t)cpu->fetch_tag << 8 | cpu->code_mode;
}

/* Whether all of the page from cpu->rip on may be run without looking at the limit of CS. */
static bool within_limit(const struct cpu *cpu, unsigned offset)
{
    uint64_t limit = cpu->segments[X86_CS].limit;

    if ((cpu->code_mode & CPU_MODE_BITS) == X86_MODE_16) {
        limit = ST_MIN(limit, (uint64_t)0xffff);
    } else if ((cpu->code_mode & CPU_MODE_BITS) == X86_MODE_64 ||
               (cpu->code_mode & CPU_MODE_FLAT_CODE) != 0) {
        return true;
    }
    return cpu->rip <= limit && limit - cpu->rip >= MEM_PAGE_SIZE - offset;
}

/* The block at cpu->rip; NULL: an exception was recorded, or *ret_careful: no block can be there.
 */
static struct cpu_block *block_at(struct cpu *cpu, bool *ret_careful)
{
    uint64_t linear = (cpu->segments[X86_CS].linear_base + cpu->rip) & cpu->linear_mask;
    unsigned offset = linear % MEM_PAGE_SIZE;
    struct cpu_block *block;
    struct cpu_page page;

    *ret_careful = false;
    if (!within_limit(cpu, offset) || ((cpu->code_mode & CPU_MODE_BITS) == X86_MODE_64 &&
                                       (uint64_t)((int64_t)(cpu->rip << 16) >> 16) != cpu->rip)) {
        *ret_careful = true;
        return NULL;
    }
    if (!cpu_fetch_page(cpu, linear, &page)) {
        return NULL;
    }
    if (page.host == NULL) {
        *ret_careful = true;
        return NULL;
    }
    block = cpu_block_find(cpu->code, page.physical + offset, cpu->code_mode);
    return block != NULL ? block : cpu_block_decode(cpu, &page, offset);
}

/* After an instruction by itself: whether the fast path may go on at cpu->rip. */
static bool stays(struct cpu *cpu)
{
    struct cpu_code *code = cpu->code;

    if (code->result != CPU_NEXT && code->result != CPU_JUMPED) {
        return false;
    }
    code->result = CPU_JUMPED;
    return code->tag == tag_of(cpu);
}

ST_NOINLINE const struct cpu_op *cpu_code_find(struct cpu *cpu)
{
    struct cpu_code *code = cpu->code;

    code->result = CPU_FAULT;
    for (;;) {
        struct cpu_jump *slot = cpu_jump_slot(code, cpu->rip);
        struct cpu_block *block;
        bool careful;

        if (cpu->retired >= __atomic_load_n(&cpu->run_limit, __ATOMIC_RELAXED)) {
            code->result = CPU_AGAIN;
            return NULL;
        }
        block = block_at(cpu, &careful);
        if (block != NULL) {
            /* Addresses of code outside flat segments are not linear, and are looked up each time:
             * their limit is to be checked. */
            if ((cpu->code_mode & CPU_MODE_BITS) == X86_MODE_64 ||
                (cpu->code_mode & CPU_MODE_FLAT_CODE) != 0) {
                *slot = (struct cpu_jump){cpu->rip, code->tag, cpu_pool_offset(code, block->ops)};
            }
            cpu->gpr[CPU_GPR_PAGE] = cpu->rip - block->ops[0].offset;
            return block->ops;
        }
        if (!careful) {
            return NULL;
        }
        code->result = cpu_careful_step(cpu);
        if (!stays(cpu)) {
            return NULL;
        }
    }
}

CPU_FAST(find)
{
    cpu->arith = (uint32_t)flags;
    op = cpu_code_find(cpu);
    flags = cpu->arith;
    if (op == NULL) {
        return (struct cpu_next){NULL, flags};
    }
    CPU_ENTER(op);
}

/* The straight line goes on in another block. */
CPU_FAST(go_on)
{
    cpu->rip = (cpu->gpr[CPU_GPR_PAGE] + op->offset) & cpu->linear_mask;
    CPU_TO(find);
}

/* The bytes of this instruction have changed since it was decoded. */
CPU_FAST(stale)
{
    cpu->retired -= op->left;
    cpu->rip = cpu->gpr[CPU_GPR_PAGE] + op->offset;
    CPU_TO(find);
}

/* A branch within the page that has not been taken yet: finds where it leads and keeps that. */
CPU_FAST(link)
{
    struct cpu_op *from = (struct cpu_op *)cpu_pool_at(cpu->code, cpu_pool_offset(cpu->code, op));
    uint32_t flushes = cpu->code->flushes;
    uint64_t page = cpu->gpr[CPU_GPR_PAGE];

    cpu->rip = page + op->offset + op->length + (uint64_t)(int64_t)op->imm;
    cpu->arith = (uint32_t)flags;
    op = cpu_code_find(cpu);
    flags = cpu->arith;
    if (op == NULL) {
        return (struct cpu_next){NULL, flags};
    }
    if (flushes == cpu->code->flushes && from->handler != CPU_FAST_stale &&
        cpu->gpr[CPU_GPR_PAGE] == page) {
        from->jump = cpu_pool_offset(cpu->code, op);
    }
    CPU_ENTER(op);
}

/* ---- general handlers ---- */

/* What comes after an instruction that was run by its general handler. */
ST_NOINLINE static struct cpu_next after_general(struct cpu *cpu, const struct cpu_op *op,
                                                 enum cpu_result result, unsigned length,
                                                 const void *table)
{
    uint64_t flags = cpu->arith;

    if (result == CPU_NEXT) {
        /* A longer or shorter instruction than was decoded: another CPU changed it under way. */
        if (CPU_UNLIKELY(length != op->length ||
                         __atomic_load_n(&cpu->run_limit, __ATOMIC_RELAXED) == 0)) {
            cpu->retired -= op->left - 1u;
            cpu->rip = (cpu->rip + length) & cpu->linear_mask;
            CPU_LEAVE(CPU_AGAIN);
        }
        if (op->left == 1) {
            CPU_ENTER(op + 1);
        }
        CPU_GO(op + 1, flags);
    }
    if (result == CPU_FAULT || result == CPU_AGAIN) {
        cpu->retired -= op->left;
        CPU_LEAVE(result);
    }
    cpu->retired -= op->left - 1u;
    if (result == CPU_JUMPED && cpu->code->tag == tag_of(cpu)) {
        CPU_TO(find);
    }
    if (result == CPU_END) {
        cpu->rip = (cpu->rip + length) & cpu->linear_mask;
    }
    CPU_LEAVE(result);
}

CPU_FAST(general)
{
    const struct x86_insn *insn = cpu_pool_at(cpu->code, op->insn);
    enum cpu_result result;

    cpu->rip = cpu->gpr[CPU_GPR_PAGE] + op->offset;
    cpu->arith = (uint32_t)flags;
    result = cpu_execute(cpu, insn, cpu_general_handler(cpu, insn));
    return after_general(cpu, op, result, insn->length, table);
}

/* A vector or x87 instruction that was prepared. */
CPU_FAST(simd_any)
{
    struct cpu_simd_op *simd = cpu_pool_at(cpu->code, op->insn);
    uint64_t offset =
        (cpu->gpr[op->base] + (cpu->gpr[op->index] << op->shift) + (uint64_t)(int64_t)op->disp) &
        cpu->linear_mask;

    cpu->rip = cpu->gpr[CPU_GPR_PAGE] + op->offset;
    cpu->arith = (uint32_t)flags;
    return after_general(cpu, op, cpu_simd_run(cpu, simd, offset), op->length, table);
}

/* A fast op that its fast handler cannot do: its instruction is decoded again and done with all
 * checks. */
CPU_FAST(slow)
{
    uint64_t retired = cpu->retired;
    enum cpu_result result;
    uint64_t start;

    cpu->rip = start = cpu->gpr[CPU_GPR_PAGE] + op->offset;
    cpu->arith = (uint32_t)flags;
    result = cpu_careful_step(cpu);
    /* It counts what it does by itself; the run has counted it already. */
    cpu->retired = retired;
    if (result == CPU_NEXT && op->left > 1 && cpu->rip == start + op->length) {
        cpu->rip = start;
        return after_general(cpu, op, result, op->length, table);
    }
    flags = cpu->arith;
    if (result == CPU_FAULT || result == CPU_AGAIN) {
        cpu->retired -= op->left;
        CPU_LEAVE(result);
    }
    cpu->retired -= op->left - 1u;
    if ((result == CPU_JUMPED || result == CPU_NEXT) && cpu->code->tag == tag_of(cpu)) {
        CPU_TO(find);
    }
    CPU_LEAVE(result);
}

/* An instruction that no block can hold: it leaves the page, or is none. */
CPU_FAST(careful)
{
    cpu->rip = cpu->gpr[CPU_GPR_PAGE] + op->offset;
    cpu->arith = (uint32_t)flags;
    if (cpu->retired >= __atomic_load_n(&cpu->run_limit, __ATOMIC_RELAXED)) {
        CPU_LEAVE(CPU_AGAIN);
    }
    cpu->code->result = cpu_careful_step(cpu);
    flags = cpu->arith;
    if (stays(cpu)) {
        CPU_TO(find);
    }
    return (struct cpu_next){NULL, flags};
}

/* ---- the loop ---- */

enum cpu_result cpu_code_run(struct cpu *cpu)
{
    struct cpu_code *code = cpu->code;
    struct cpu_next next;

    cpu_code_settle(cpu);
    code->running = true;
    code->tag = tag_of(cpu);
    next = cpu_fast_find(cpu, NULL, cpu->arith, cpu_fast_table);
    while (next.op != NULL) {
        next = cpu_fast_table[next.op->handler](cpu, next.op, next.flags, cpu_fast_table);
    }
    cpu->arith = (uint32_t)next.flags;
    /* The limit lies within a run: up to it one by one. */
    while (code->result == CPU_AGAIN &&
           cpu->retired < __atomic_load_n(&cpu->run_limit, __ATOMIC_RELAXED)) {
        code->result = cpu_careful_step(cpu);
        if (stays(cpu)) {
            code->result = CPU_AGAIN;
        }
    }
    code->running = false;
    return code->result;
}
