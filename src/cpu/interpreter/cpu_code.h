/*
 * Decoded instructions: what the fast path runs.
 *
 *   struct cpu_code (one for each vCPU, memory of its own)
 *     jumps[]    (rip, mode, address space) -> op: where branches look first
 *     blocks[]   (physical address, mode) -> block, hash chains
 *     pages[]    physical page -> its blocks, and which of its 64-byte pieces hold code
 *     pool       blocks, one after the other; when it is full all is forgotten
 *
 * A block is the ops of consecutive instructions of one page, over branches not taken, up to a
 * branch that always leaves. A run is a part of it that ends with a branch: its instructions are
 * counted as retired when it is entered (cpu_op.left of its first op), and what was not done is
 * taken off when it is left early. Blocks hold no host address and no linear one, so they hold for
 * every mapping of their page. References are offsets into the pool.
 *
 * Bytes of blocks change: each op of a block that a store hits becomes CPU_FAST_stale, which looks
 * the instruction up anew, so that also the block being run is left before its next instruction.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cpu/interpreter/cpu_access.h"
#include "cpu/interpreter/cpu_int.h"
#include "cpu/interpreter/cpu_struct.h"

/* One instruction, decoded for one fast handler. */
struct cpu_op {
    uint16_t handler; /* enum cpu_fast_index */
    uint8_t length;   /* bytes */
    uint8_t left;     /* instructions of its run from this one on; 0: not an instruction */
    uint16_t offset;  /* in the page */
    uint8_t target;   /* register operands: numbers, for bytes offsets into the registers */
    uint8_t source;
    uint8_t base; /* memory: registers, CPU_GPR_ZERO and CPU_GPR_PAGE among them */
    uint8_t index;
    uint8_t shift; /* of the index */
    uint8_t seg;
    int32_t disp;
    union {
        struct {
            int32_t imm;
            uint32_t jump; /* pool offset of the op that a branch leads to; 0: not known */
        };
        uint64_t imm64;
        uint32_t insn; /* pool offset of a struct x86_insn */
    };
};

struct cpu_block {
    uint64_t key;       /* physical address, mode in the upper bits */
    uint32_t next;      /* in the hash chain: pool offsets, 0: none */
    uint32_t page_next; /* among the page's blocks */
    uint16_t bytes;     /* of guest code */
    uint16_t ops_count;
    uint32_t dead; /* code was written: not to be entered any more */
    struct cpu_op ops[];
};

struct cpu_code_page {
    uint64_t page;     /* physical address + 1, 0: free */
    uint64_t granules; /* 64-byte pieces that hold instructions of live blocks */
    uint32_t blocks;   /* first; pool offset */
    uint32_t live;     /* blocks not dead */
};

struct cpu_jump {
    uint64_t rip;
    uint64_t tag;
    uint64_t op; /* pool offset */
};

/* A decoded instruction off the fast path, good as long as its bytes are the same. */
struct cpu_careful {
    uint8_t bytes[X86_INSN_MAX + 1];
    uint8_t mode;
    uint8_t length; /* 0: empty */

    struct x86_insn insn;
};

enum {
    CPU_JUMPS = 4096,
    CPU_BLOCKS = 32768,
    CPU_PAGES = 8192,
    CPU_CAREFULS = 1024,
    CPU_HOLDS = 4096,
    CPU_POOL_BYTES = 12 << 20,
    CPU_BLOCK_OPS = 96,
    CPU_PENDING = 32,
};

struct cpu_code {
    uint64_t tag;           /* of the jumps that hold now: fetch_tag and code_mode */
    enum cpu_result result; /* why the fast path was left */
    bool single;            /* one instruction, one iteration of REP */
    bool running;
    bool flush_wanted;
    uint32_t flushes; /* how often the pool was emptied */
    uint32_t pool_used;
    uint32_t pages_used;

    /* Pages written by others, to be forgotten. */
    uint8_t pending_lock;          /* [a] */
    uint8_t pending_any;           /* [a] */
    uint8_t mark_lock;             /* [a] of CPU 0: guards MEM_PAGE_CODE of all pages */
    uint32_t pending_count;        /* [pending_lock]; more than CPU_PENDING: all */
    uint64_t pending[CPU_PENDING]; /* [pending_lock] */
    /* How many pages with live blocks have this hash; read by other vCPUs. */
    uint16_t holds[CPU_HOLDS]; /* [a] */

    struct cpu_jump jumps[CPU_JUMPS];
    uint32_t blocks[CPU_BLOCKS];
    struct cpu_code_page pages[CPU_PAGES];
    struct cpu_careful carefuls[CPU_CAREFULS];
    uint8_t pool[CPU_POOL_BYTES] __attribute__((aligned(64)));
};

/* Whether the running instruction is to stop after one iteration. */
static inline bool cpu_code_single(const struct cpu *cpu)
{
    return cpu->code->single;
}

static inline void *cpu_pool_at(const struct cpu_code *code, uint32_t offset)
{
    return (void *)(code->pool + offset);
}

static inline uint32_t cpu_pool_offset(const struct cpu_code *code, const void *at)
{
    return (uint32_t)((const uint8_t *)at - code->pool);
}

static inline struct cpu_jump *cpu_jump_slot(struct cpu_code *code, uint64_t rip)
{
    return &code->jumps[(rip ^ rip >> 12) & (CPU_JUMPS - 1)];
}

/* ---- cpu_code_store.c ---- */

/* The live block that begins there, NULL: none. */
struct cpu_block *cpu_block_find(struct cpu_code *code, uint64_t physical, uint8_t mode);
/* Room for a block of that many ops and bytes beside them; everything is forgotten first when there
 * is none. Then the page is marked and its bytes may be read. */
void cpu_code_reserve(struct cpu *cpu, uint64_t physical_page);
/* Takes bytes from the pool, 8-byte aligned; there is room after cpu_code_reserve. */
void *cpu_pool_take(struct cpu_code *code, uint32_t bytes);
/* Enters a block that was filled in. */
void cpu_block_add(struct cpu *cpu, struct cpu_block *block);
/* Carries out what others wished, and a flush. Between instructions. */
void cpu_code_settle(struct cpu *cpu);

/* ---- cpu_code_decode.c ---- */

/* Decodes the block at cpu->rip, which lies at `offset` of the page. */
struct cpu_block *cpu_block_decode(struct cpu *cpu, const struct cpu_page *page, unsigned offset);

/* ---- cpu_code_lower.c ---- */

/* The fast op of a decoded instruction, all but offset, left and length. false: there is none, the
 * general handler is to run it. */
bool cpu_lower(const struct cpu *cpu, const struct x86_insn *insn, struct cpu_op *ret_op);
/* The same for vector and x87 instructions. What they need beside the op goes into the pool. */
bool cpu_lower_vector(struct cpu *cpu, const struct x86_insn *insn, struct cpu_op *ret_op);

/* ---- cpu_code_step.c ---- */

/* The handler that runs this instruction on this CPU: the undefined instruction's where its feature
 * is not there. */
cpu_general *cpu_general_handler(const struct cpu *cpu, const struct x86_insn *insn);
/* Checks of privilege and mode that no handler makes, then the handler. cpu->rip is the
 * instruction's. */
enum cpu_result cpu_execute(struct cpu *cpu, const struct x86_insn *insn, cpu_general *handler);
/* The instruction at cpu->rip, fetched and decoded with all checks and run by its general handler.
 * Advances cpu->rip and counts it, unless CPU_FAULT or CPU_AGAIN. */
enum cpu_result cpu_careful_step(struct cpu *cpu);
