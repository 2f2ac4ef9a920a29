/* Decoding of blocks. */
#include "base/attr.h"
#include "base/memops.h"
#include "cpu/interpreter/cpu_code.h"
#include "cpu/interpreter/cpu_fast.h"
#include "cpu/interpreter/cpu_integer.h"
#include "x86/x86_decode.h"

/* Whether the instruction always leaves the straight line, so that nothing after it belongs to the
 * block. */
static bool ends_block(const struct cpu_op *op, const struct x86_insn *insn)
{
    uint32_t attributes = x86_rows[insn->row].attributes;

    if (op->handler == CPU_FAST_careful) {
        return true;
    }
    return (attributes & X86_BRANCH) != 0 && (attributes & X86_CONDITIONAL) == 0;
}

/* Whether what follows begins a run of its own: only branches that count it when they enter it. */
static bool ends_run(const struct cpu_op *op)
{
    return op->handler >= CPU_FAST_jcc_near_0 && op->handler <= CPU_FAST_jcc_far_15;
}

/* Decodes one instruction into the op, `offset` in the page. Returns its length; 0: it has to be
 * run by cpu_careful_step (it leaves the page, or is none). The general handler's instruction goes
 * into the pool. */
static unsigned decode_one(struct cpu *cpu, const uint8_t *page, unsigned offset, struct cpu_op *op)
{
    uint8_t bytes[X86_INSN_MAX];
    unsigned size = ST_MIN((unsigned)MEM_PAGE_SIZE - offset, (unsigned)X86_INSN_MAX);
    struct x86_insn insn, *kept;
    int length;

    *op = (struct cpu_op){.handler = CPU_FAST_careful, .offset = (uint16_t)offset};
    /* Other vCPUs may be writing: decode a copy. */
    memcpy(bytes, page + offset, size);
    length = x86_decode((enum x86_mode)(cpu->code_mode & CPU_MODE_BITS), bytes, size, &insn);
    if (length <= 0) {
        return 0;
    }
    op->length = (uint8_t)length;
    if (cpu_general_handler(cpu, &insn) == cpu_int_undefined ||
        !(cpu_lower(cpu, &insn, op) || cpu_lower_vector(cpu, &insn, op))) {
        kept = cpu_pool_take(cpu->code, sizeof *kept);
        *kept = insn;
        *op = (struct cpu_op){.handler = CPU_FAST_general,
                              .length = (uint8_t)length,
                              .offset = (uint16_t)offset,
                              .insn = cpu_pool_offset(cpu->code, kept)};
    }
    if (ends_block(op, &insn)) {
        op->left = 1; /* tells the caller; set for good by count_runs */
    }
    return (unsigned)length;
}

/* Sets cpu_op.left from the end of each run back to its beginning. */
static void count_runs(struct cpu_block *block)
{
    unsigned left = 0;

    for (unsigned i = block->ops_count; i-- > 0;) {
        struct cpu_op *op = &block->ops[i];

        if (op->handler == CPU_FAST_go_on || op->handler == CPU_FAST_careful) {
            left = 0;
        } else {
            left = ends_run(op) ? 1 : left + 1;
        }
        op->left = (uint8_t)left;
    }
}

struct cpu_block *cpu_block_decode(struct cpu *cpu, const struct cpu_page *page, unsigned offset)
{
    struct cpu_code *code = cpu->code;
    struct cpu_op ops[CPU_BLOCK_OPS + 1];
    struct cpu_block *block;
    unsigned at = offset;
    unsigned count = 0;
    bool ended = false;

    cpu_code_reserve(cpu, page->physical);
    while (!ended && count < CPU_BLOCK_OPS && at < MEM_PAGE_SIZE) {
        unsigned length = decode_one(cpu, page->host, at, &ops[count]);

        ended = length == 0 || ops[count].left != 0;
        at += length;
        count++;
    }
    /* A general handler may yet go on after what looks like the end. */
    if (!ended || ops[count - 1].handler == CPU_FAST_general) {
        ops[count++] = (struct cpu_op){.handler = CPU_FAST_go_on, .offset = (uint16_t)at};
    }
    block = cpu_pool_take(code, (uint32_t)(sizeof *block + count * sizeof ops[0]));
    *block = (struct cpu_block){
        .key = page->physical + offset,
        .bytes = (uint16_t)ST_MAX(at - offset, 1u),
        .ops_count = (uint16_t)count,
    };
    memcpy(block->ops, ops, count * sizeof ops[0]);
    count_runs(block);
    cpu_block_add(cpu, block);
    return block;
}
