/*
 * differ [--cases N] [--seed N] [--row N] [--mode 64|32|16] [--verbose] [--count]
 *
 * Tries N cases (200) of each row of the instruction table that user code can enter, in 64-bit,
 * 32-bit and 16-bit code. Prints what differs; fails also for a row that could not be tried and has
 * no reason. --count runs nothing, and prints each row's number and how many cases there are of it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "differ.h"
#include "native_x86_64.h"
#include "x86/x86_decode.h"

struct options {
    unsigned cases;
    uint64_t seed;
    unsigned row;  /* 0: all */
    unsigned mode; /* 0: all */
    unsigned tell; /* differences told for each row */
    bool verbose;
    bool count; /* only how many there are */
};

static uint8_t *data = (uint8_t *)(uintptr_t)DIFFER_DATA;
static uint8_t pristine[DIFFER_DATA_BYTES];
static unsigned known_cases[4096]; /* cases of a row that this host does otherwise */

static unsigned bits_of(enum x86_mode mode)
{
    return mode == X86_MODE_64 ? 64 : mode == X86_MODE_32 ? 32 : 16;
}

static void tell_case(const struct differ_case *c, const char *what)
{
    printf("row %u %s, %u bits, %s:", c->insn.row, x86_op_name(x86_rows[c->insn.row].op),
           bits_of(c->mode), what);
    for (unsigned i = 0; i < c->length; i++) {
        printf(" %02x", c->bytes[i]);
    }
    printf("\n");
}

static void tell_state(const char *name, const struct differ_state *s)
{
    printf("  %s: rip %" PRIx64 " flags %" PRIx64 " vector %d error %x cr2 %" PRIx64 "\n   ", name,
           s->rip, s->rflags, s->vector, s->error, s->cr2);
    for (unsigned i = 0; i < 16; i++) {
        printf(" %" PRIx64, s->gpr[i]);
    }
    printf("\n");
}

/* Whether the host may have done a part of the instruction before it faulted. */
static bool leaves_traces(const struct differ_case *c, const struct differ_state *host)
{
    uint16_t op = x86_rows[c->insn.row].op;

    return host->vector != DIFFER_NO_FAULT && (op == X86_OP_ENTER || op == X86_OP_POPA);
}

static bool within_test(uint64_t address)
{
    return address >= DIFFER_DATA && address < DIFFER_CONST + DIFFER_CONST_BYTES;
}

/* What differs; NULL: nothing. */
static const char *compare(const struct differ_case *c, const struct differ_state *host,
                           const struct differ_state *soft)
{
    const struct x86_row *row = &x86_rows[c->insn.row];
    uint64_t undefined = row->flags_undefined | X86_TF | X86_RF;

    if (host->vector != soft->vector) {
        return differ_known_fault(c, host, soft) ? NULL : "vector";
    }
    if (host->vector != DIFFER_NO_FAULT) {
        undefined = X86_TF | X86_RF;
        /* What else is mapped in this process is not in the guest. */
        if (host->vector == 14 &&
            (host->cr2 != soft->cr2 || ((host->error ^ soft->error) & ~1u) != 0 ||
             (host->error != soft->error && within_test(host->cr2)))) {
            return "page fault";
        }
        if (host->vector == 13 && host->error != soft->error) {
            return "error code";
        }
    }
    if (memcmp(host->gpr, soft->gpr, sizeof host->gpr) != 0 && !leaves_traces(c, host)) {
        return "registers";
    }
    if (host->rip != soft->rip) {
        return "rip";
    }
    if (((host->rflags ^ soft->rflags) & ~undefined) != 0) {
        return "flags";
    }
    return NULL;
}

/* Runs the case everywhere. */
static const char *run_case(const struct differ_case *c, bool tell)
{
    static const char *const ways[] = {"fast", "careful"};
    struct differ_state host = c->before;
    uint8_t after[DIFFER_DATA_BYTES];
    const char *different = NULL;

    memcpy(data, pristine, sizeof pristine);
    differ_native(c, &host);
    memcpy(after, data, sizeof after);
    for (unsigned way = 0; way < 2 && different == NULL; way++) {
        struct differ_state soft = c->before;

        memcpy(differ_soft_data(), pristine, sizeof pristine);
        differ_soft_run(c, &soft, way == 1);
        different = compare(c, &host, &soft);
        if (different == NULL && !leaves_traces(c, &host) &&
            memcmp(after, differ_soft_data(), sizeof after) != 0) {
            different = "memory";
        }
        if (different != NULL && tell) {
            tell_case(c, different);
            printf("  %s way\n", ways[way]);
            tell_state("before", &c->before);
            tell_state("host  ", &host);
            tell_state("soft  ", &soft);
        }
    }
    return different;
}

/* One case of the row. false: these bytes are not one. */
static bool make_case(struct differ_case *c, enum x86_mode mode, uint16_t row,
                      const struct differ_rows *rows, struct differ_random *random)
{
    unsigned known = rows->count < DIFFER_TEMPLATES ? rows->count : DIFFER_TEMPLATES;
    int length;

    c->mode = mode;
    differ_bytes(c->bytes, mode, &rows->templates[differ_next(random) % known], random);
    length = x86_decode(mode, c->bytes, 15, &c->insn);
    if (length <= 0 || c->insn.row != row) {
        return false;
    }
    c->length = (unsigned)length;
    c->rip = (mode == X86_MODE_16 ? 0 : DIFFER_CODE) + 0x100 + differ_next(random) % 64;
    if (differ_known(c)) {
        known_cases[row]++;
        return false;
    }
    return differ_make(c, random, differ_fs_base());
}

/* Returns how many cases differ; *ret_tried how many there were. */
static unsigned run_row(const struct options *options, enum x86_mode mode, uint16_t row,
                        const struct differ_rows *rows, unsigned *ret_tried)
{
    struct differ_random random = {options->seed * 0x9e3779b97f4a7c15 + row * 3u + mode + 1};
    static struct differ_case c;
    unsigned different = 0;
    unsigned tried = 0;

    for (unsigned i = 0; i < options->cases * 200 && tried < options->cases; i++) {
        memset(&c, 0, sizeof c);
        if (make_case(&c, mode, row, rows, &random)) {
            tried++;
            different += !options->count && run_case(&c, different < options->tell) != NULL;
        }
    }
    *ret_tried = tried;
    return different;
}

static unsigned run_mode(const struct options *options, enum x86_mode mode, unsigned *tried_rows)
{
    static struct differ_rows rows[4096];
    unsigned failed = 0;

    memset(rows, 0, sizeof rows);
    differ_find_rows(mode, rows);
    for (uint16_t row = 1; row < x86_rows_count; row++) {
        const struct x86_row *facts = &x86_rows[row];
        unsigned tried, different;

        if ((options->row != 0 && row != options->row) || differ_excluded(row) != NULL ||
            rows[row].count == 0 || (!options->count && !differ_soft_has(facts->feature))) {
            continue;
        }
        different = run_row(options, mode, row, &rows[row], &tried);
        tried_rows[row] += tried;
        if (different != 0) {
            printf("FAILED row %u %s, %u bits: %u of %u cases\n", row, x86_op_name(facts->op),
                   bits_of(mode), different, tried);
            failed++;
        } else if (options->verbose && !options->count) {
            printf("row %u %s: %u cases\n", row, x86_op_name(facts->op), tried);
        }
    }
    return failed;
}

static unsigned check_coverage(const struct options *options, const unsigned *tried)
{
    unsigned missing = 0;

    for (uint16_t row = 1; row < x86_rows_count; row++) {
        const struct x86_row *facts = &x86_rows[row];
        const char *why = differ_excluded(row);

        if (why == NULL && !differ_soft_has(facts->feature)) {
            why = "this host's CPU has not got it";
        }
        if (why == NULL && tried[row] == 0 && known_cases[row] != 0) {
            why = "this host is AMD's, which does otherwise";
        }
        if (why == NULL && tried[row] < options->cases) {
            printf("FAILED row %u %s: %u cases only\n", row, x86_op_name(facts->op), tried[row]);
            missing++;
        } else if (why != NULL && options->verbose) {
            printf("row %u %s: not tried: %s\n", row, x86_op_name(facts->op), why);
        }
    }
    return missing;
}

int main(int argc, char **argv)
{
    struct options options = {.cases = 200, .seed = 1, .tell = 2};
    static unsigned tried[4096];
    struct differ_random random = {0x1234567};
    unsigned failed = 0;
    uint64_t total = 0;

    for (int i = 1; i < argc; i++) {
        unsigned long number = i + 1 < argc ? strtoul(argv[i + 1], NULL, 0) : 0;

        if (strcmp(argv[i], "--verbose") == 0 || strcmp(argv[i], "--count") == 0) {
            options.verbose |= argv[i][2] == 'v';
            options.count |= argv[i][2] == 'c';
            continue;
        }
        if (strcmp(argv[i], "--cases") == 0) {
            options.cases = (unsigned)number;
        } else if (strcmp(argv[i], "--seed") == 0) {
            options.seed = number;
        } else if (strcmp(argv[i], "--row") == 0) {
            options.row = (unsigned)number;
        } else if (strcmp(argv[i], "--mode") == 0) {
            options.mode = (unsigned)number;
        } else if (strcmp(argv[i], "--tell") == 0) {
            options.tell = (unsigned)number;
        } else {
            fprintf(stderr, "differ: %s?\n", argv[i]);
            return 2;
        }
        i++;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!options.count && (!differ_soft_open() || !differ_native_open())) {
        return 1;
    }
    for (unsigned i = 0; i < sizeof pristine; i++) {
        pristine[i] = (uint8_t)(differ_next(&random) >> 32);
    }
    for (unsigned mode = X86_MODE_16; mode <= X86_MODE_64; mode++) {
        if (options.mode == 0 || options.mode == bits_of((enum x86_mode)mode)) {
            failed += run_mode(&options, (enum x86_mode)mode, tried);
        }
    }
    if (options.count) {
        for (uint16_t row = 1; row < x86_rows_count; row++) {
            printf("%u %u\n", row, tried[row]);
        }
        return 0;
    }
    if (options.row == 0 && options.mode == 0) {
        failed += check_coverage(&options, tried);
    }
    for (unsigned i = 0; i < 4096; i++) {
        total += tried[i];
    }
    printf("%" PRIu64 " cases, %u rows failed\n", total, failed);
    return native_status(failed != 0);
}
