/*
 * Vector and x87 instructions of the software CPU against this machine's CPU: random instructions
 * of every row of the table, with random registers and memory.
 *
 * vector_differ CASES [MNEMONIC|all [SEED]] tries so many cases of each row, each by the fast path
 * or with all checks in turn; status 0: none differs.
 *
 * vector_differ count CASES runs nothing, and prints each row's number and how many there are of
 * it.
 *
 * vector_differ time MNEMONIC... tells the ns that each takes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "vector_soft.h"
#include "x86/x86_insn.h"

enum {
    PASSES_MAX = 20000,
    LENIENT_AFTER = 300,
    X87_TRIES = 300,
    UNSUPPORTED = 6, /* #UD */
    GENERAL = 13,
    PAGE_FAULT = 14,
    SHOWN = 20, /* differences */
};

struct counts {
    unsigned cases, differ, unsupported;
};

static struct counts *counts;
static unsigned shown;
static uint8_t *memory;
static bool only_count;

static bool is_of_x87_image(uint16_t op)
{
    return op == X86_OP_FNSTENV || op == X86_OP_FNSAVE || op == X86_OP_FXSAVE ||
           op == X86_OP_XSAVE || op == X86_OP_XSAVEC || op == X86_OP_XSAVEOPT;
}

/* Where the host is not what the manuals say, or they leave it open. */
static bool is_known(const struct vector_case *c, const struct native_state *state, unsigned native,
                     unsigned soft)
{
    enum { MISALIGNED_MASK = 2 /* of MXCSR's third byte */ };
    uint16_t op = x86_rows[c->insn.row].op;

    /* AMD's MXCSR.MM is there on the host, and reserved for the guest. */
    if (soft == GENERAL && native == NATIVE_NO_FAULT && (state->xsave[26] & MISALIGNED_MASK)) {
        return true;
    }

    /* This CPU takes unaligned operands of SHA instructions. */
    if (op >= X86_OP_SHA1NEXTE && op <= X86_OP_SHA1RNDS4 && soft == GENERAL) {
        return true;
    }
    /* This CPU makes the x87 registers MMX ones even if the store faults. */
    if (op == X86_OP_MASKMOVQ && native == PAGE_FAULT && soft == PAGE_FAULT) {
        return true;
    }
    /* A masked store of nothing may fault or not. */
    return (op == X86_OP_MASKMOVDQU || op == X86_OP_VMASKMOVDQU || op == X86_OP_MASKMOVQ) &&
           native == PAGE_FAULT && soft == NATIVE_NO_FAULT;
}

/* Bytes of memory that differ; FIP, FDP and FOP of images are the guest's, not compared. */
static bool memory_differs(const struct vector_case *c, const uint8_t *native, const uint8_t *soft)
{
    enum { POINTERS = 24 };
    unsigned count = 0;

    for (unsigned i = 0; i < VECTOR_MEMORY_SIZE; i++) {
        count += native[i] != soft[i];
    }
    return is_of_x87_image(x86_rows[c->insn.row].op) ? count > POINTERS : count != 0;
}

static bool state_differs(const struct vector_case *c, const struct native_state *native,
                          const struct native_state *soft)
{
    uint64_t flags = X86_ARITH & ~(uint64_t)x86_rows[c->insn.row].flags_undefined;

    /* 32-bit code leaves the upper halves and the upper registers to chance. */
    for (unsigned i = 0; i < 16 && c->mode != X86_MODE_64; i++) {
        if (i < 8 && (uint32_t)native->gpr[i] != (uint32_t)soft->gpr[i]) {
            return true;
        }
    }
    return (c->mode == X86_MODE_64 && memcmp(native->gpr, soft->gpr, sizeof(native->gpr)) != 0) ||
           ((native->rflags ^ soft->rflags) & flags) != 0 ||
           memcmp(native->xsave, soft->xsave, 6) != 0 ||
           memcmp(native->xsave + 24, soft->xsave + 24, 4) != 0 ||
           memcmp(native->xsave + 32, soft->xsave + 32, 416 - 32) != 0 ||
           memcmp(native->xsave + 576, soft->xsave + 576, 256) != 0;
}

static void show_bytes(const char *what, unsigned at, const uint8_t *before, const uint8_t *native,
                       const uint8_t *soft, unsigned size)
{
    if (memcmp(native, soft, size) == 0) {
        return;
    }
    printf("  %s %u: before ", what, at);
    for (unsigned i = size; i-- > 0;) {
        printf("%02x", before[i]);
    }
    printf(" native ");
    for (unsigned i = size; i-- > 0;) {
        printf("%02x", native[i]);
    }
    printf(" soft ");
    for (unsigned i = size; i-- > 0;) {
        printf("%02x", soft[i]);
    }
    printf("\n");
}

static void show(const struct vector_case *c, const struct native_state *native,
                 const struct native_state *soft, unsigned native_vector, unsigned soft_vector)
{
    uint32_t mxcsr;

    if (shown++ >= SHOWN) {
        return;
    }
    memcpy(&mxcsr, c->state.xsave + 24, sizeof(mxcsr));
    printf("%s:", x86_op_name(x86_rows[c->insn.row].op));
    for (unsigned i = 0; i < c->size; i++) {
        printf(" %02x", c->bytes[i]);
    }
    printf(" native vector %u soft %u, MXCSR %04x FCW %02x%02x, flags %lx %lx\n", native_vector,
           soft_vector, mxcsr, c->state.xsave[1], c->state.xsave[0],
           (unsigned long)(native->rflags & X86_ARITH), (unsigned long)(soft->rflags & X86_ARITH));
    for (unsigned i = 0; i < 16; i++) {
        show_bytes("register", i, (const uint8_t *)&c->state.gpr[i],
                   (const uint8_t *)&native->gpr[i], (const uint8_t *)&soft->gpr[i], 8);
    }
    for (unsigned i = 0; i < NATIVE_XSAVE; i += i < 32 ? 8 : 16) {
        show_bytes("XSAVE byte", i, c->state.xsave + i, native->xsave + i, soft->xsave + i,
                   i < 32 ? 8 : 16);
    }
}

static void run_case(const struct vector_case *c, bool fast)
{
    static uint8_t native_memory[VECTOR_MEMORY_SIZE], soft_memory[VECTOR_MEMORY_SIZE];
    struct native_state native = c->state, soft = c->state;
    struct counts *count = &counts[c->insn.row];
    struct native_fault fault;
    unsigned vector;

    memcpy(memory, c->memory, VECTOR_MEMORY_SIZE);
    native_run(&native, c->bytes, c->size, 0, &fault);
    memcpy(native_memory, memory, VECTOR_MEMORY_SIZE);
    if (fault.vector == UNSUPPORTED) {
        count->unsupported++;
        return;
    }
    vector = vector_soft_run(c, fast, &soft, soft_memory);
    count->cases++;
    if (vector == fault.vector && !state_differs(c, &native, &soft) &&
        !memory_differs(c, native_memory, soft_memory)) {
        return;
    }
    if (!is_known(c, &native, fault.vector, vector)) {
        count->differ++;
        show(c, &native, &soft, fault.vector, vector);
        for (unsigned i = 0; i < VECTOR_MEMORY_SIZE && shown < SHOWN; i += 16) {
            show_bytes("memory", i, c->memory + i, native_memory + i, soft_memory + i, 16);
        }
    }
}

static bool is_full(const struct counts *count, unsigned wanted)
{
    return count->cases >= wanted || count->unsupported > 8;
}

/* One case of the shape, of a row that has not enough. */
static void try_shape(struct vector_random *random, enum x86_mode mode, unsigned number,
                      unsigned wanted, const char *only, bool fast)
{
    static struct vector_case c;
    struct vector_shape shape = vector_shape(number);

    c.mode = mode;
    if (vector_instruction(random, &shape, &c) && !is_full(&counts[c.insn.row], wanted) &&
        (only == NULL || strcmp(only, x86_op_name(x86_rows[c.insn.row].op)) == 0)) {
        if (only_count) {
            counts[c.insn.row].cases++;
            return;
        }
        vector_operands(random, &c);
        run_case(&c, fast);
    }
}

/* `lenient`: rows that no case was found of do not count. */
static bool all_full(unsigned wanted, const char *only, bool lenient)
{
    for (unsigned row = 1; row < x86_rows_count; row++) {
        if ((x86_rows[row].attributes & (X86_FPU | X86_SIMD)) && !is_full(&counts[row], wanted) &&
            !(lenient && counts[row].cases == 0) &&
            (only == NULL || strcmp(only, x86_op_name(x86_rows[row].op)) == 0)) {
            return false;
        }
    }
    return true;
}

static int report(enum x86_mode mode, unsigned wanted, const char *only)
{
    unsigned long cases = 0, differ = 0;
    unsigned rows = 0, full = 0, unsupported = 0;

    for (unsigned row = 1; row < x86_rows_count; row++) {
        /* Rows of whole states have neither attribute; some rows are 64-bit code's alone. */
        if (counts[row].cases == 0 &&
            (!(x86_rows[row].attributes & (X86_FPU | X86_SIMD)) || mode != X86_MODE_64)) {
            continue;
        }
        rows++;
        cases += counts[row].cases;
        differ += counts[row].differ;
        full += counts[row].cases >= wanted;
        unsupported += counts[row].cases < wanted && counts[row].unsupported != 0;
        if (counts[row].cases < wanted && counts[row].unsupported == 0 && only == NULL) {
            printf("row %u, %s: only %u cases\n", row, x86_op_name(x86_rows[row].op),
                   counts[row].cases);
        }
        if (counts[row].differ != 0) {
            printf("row %u, %s: %u of %u cases differ\n", row, x86_op_name(x86_rows[row].op),
                   counts[row].differ, counts[row].cases);
        }
    }
    printf("%lu cases of %u rows (%u rows have %u, %u are not or not in all forms of this CPU), "
           "%lu differ\n",
           cases, rows, full, wanted, unsupported, differ);
    return differ == 0 && (only != NULL || full + unsupported == rows) ? 0 : 1;
}

/* Tries all shapes until there are enough cases of each row. */
static void try_all(enum x86_mode mode, unsigned wanted, const char *only, uint64_t seed)
{
    struct vector_random random = {UINT64_C(88172645463325252) + mode + seed};

    memset(counts, 0, x86_rows_count * sizeof(*counts));
    for (unsigned pass = 0; pass < PASSES_MAX; pass++) {
        /* Some rows are 64-bit code's alone. */
        if (all_full(wanted, only, mode != X86_MODE_64 && pass > LENIENT_AFTER)) {
            break;
        }
        for (unsigned number = 0; number < vector_shapes(); number++) {
            unsigned tries = vector_shape(number).map == 0 ? X87_TRIES : 1;

            for (unsigned i = 0; i < tries; i++) {
                try_shape(&random, mode, number, wanted, only, pass & 1);
            }
        }
    }
}

static int differ(enum x86_mode mode, unsigned wanted, const char *only, uint64_t seed)
{
    if (!vector_soft_mode(mode)) {
        return 1;
    }
    printf("%d-bit code\n", 16 << mode);
    try_all(mode, wanted, only, seed);
    return report(mode, wanted, only);
}

/* How many cases there are of each row in 64-bit code. */
static int tell_counts(unsigned wanted)
{
    only_count = true;
    try_all(X86_MODE_64, wanted, NULL, 0);
    for (unsigned row = 1; row < x86_rows_count; row++) {
        printf("%u %u\n", row, counts[row].cases);
    }
    return 0;
}

/* Times one register form and one memory form of a mnemonic. */
static void measure(const char *name)
{
    enum { TRIES = 100, COUNT = 200000, RUNS = 30 };
    struct vector_random random = {1};
    bool done[2] = {false};

    for (unsigned i = 0; i < TRIES * vector_shapes() && !(done[0] && done[1]); i++) {
        static struct vector_case c = {.mode = X86_MODE_64};
        struct vector_shape shape = vector_shape(i % vector_shapes());
        bool in_memory;
        double best = 1e9;
        uint32_t mxcsr = 0x1f80;
        uint16_t control = 0x37f;

        if (!vector_instruction(&random, &shape, &c) ||
            strcmp(name, x86_op_name(x86_rows[c.insn.row].op)) != 0) {
            continue;
        }
        in_memory = c.insn.modrm < 0xc0;
        vector_operands(&random, &c);
        if (done[in_memory] || (in_memory && (c.insn.mem.index >= 0 || c.insn.mem.base < 0))) {
            continue;
        }
        memset(c.state.xsave, 0, NATIVE_XSAVE);
        memcpy(c.state.xsave, &control, sizeof(control));
        memcpy(c.state.xsave + 24, &mxcsr, sizeof(mxcsr));
        c.state.xsave[512] = 7;
        if (in_memory) {
            c.state.gpr[c.insn.mem.base] = VECTOR_MEMORY_ADDRESS + 1024 - (uint64_t)c.insn.mem.disp;
        }
        for (unsigned run = 0; run < RUNS; run++) {
            double ns = vector_soft_time(&c, COUNT);

            best = ns < best ? ns : best;
        }
        printf("%-12s %-9s %6.2f ns\n", name, in_memory ? "memory" : "registers", best);
        done[in_memory] = true;
    }
}

int main(int argc, char **argv)
{
    int status = 0;

    counts = calloc(x86_rows_count, sizeof(*counts));
    if (counts != NULL && argc > 2 && strcmp(argv[1], "count") == 0) {
        status = tell_counts((unsigned)strtoul(argv[2], NULL, 10));
        free(counts);
        return status;
    }
    memory = mmap((void *)(uintptr_t)VECTOR_MEMORY_ADDRESS, VECTOR_MEMORY_SIZE,
                  PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (counts == NULL || memory == MAP_FAILED || !vector_soft_begin() || native_begin() < 0) {
        fprintf(stderr, "vector_differ: cannot begin\n");
        return 1;
    }
    if (argc > 1 && strcmp(argv[1], "time") == 0) {
        for (int i = 2; i < argc; i++) {
            measure(argv[i]);
        }
    } else {
        unsigned wanted = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 200;
        const char *only = argc > 2 && strcmp(argv[2], "all") != 0 ? argv[2] : NULL;
        uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;

        status = differ(X86_MODE_64, wanted, only, seed);
        status |= differ(X86_MODE_32, wanted, only, seed);
    }
    vector_soft_end();
    free(counts);
    return native_status(status != 0);
}
