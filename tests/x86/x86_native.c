/*
 * Our decoder against this machine's CPU: runs prefixes, opcodes and ModRM bytes one by one and
 * compares what is #UD and how long the others are, in 64-bit and 32-bit code.
 *
 * Usage: x86_native STEP FIRST    every STEP-th of 2^25 combinations from FIRST on
 *
 * What the two may differ in: features that the CPU lacks (none of their rows runs), instructions
 * for CPL 0, and the list below. What it runs beyond our opcodes is counted alone: it has
 * extensions that we have not.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "native_x86_64.h"
#include "x86/x86_decode.h"
#include "x86/x86_format.h"

enum {
    DATA = 0x20000000,
    DATA_SIZE = 1 << 20,
    CODE = 1024,
    CS_32 = 0x23,
    SS_32 = 0x2b,
    BREAKPOINT = 3,
    UD = 6,
    INT3 = 0xcc,
    WINDOW = 40,
    SHOWN = 40,
};

/* One combination as its bits say. */
struct pick {
    unsigned modrm, opcode, pp, map, w, l, vex, vvvv, b;
};

struct
try {
    enum x86_mode mode;
    struct pick pick;
    uint8_t bytes[X86_INSN_MAX];
    int length; /* x86_decode's result */
    struct x86_insn insn;
    struct native_fault fault;
};

/* By feature: how many ran, and how many did not though they decode. */
static uint64_t ran[X86_FEATURES], refused[X86_FEATURES];
static uint64_t tried, beyond, listed, wrong;

static struct pick unpack(uint64_t n)
{
    return (struct pick){.modrm = n & 255,
                         .opcode = n >> 8 & 255,
                         .pp = n >> 16 & 3,
                         .map = n >> 18 & 3,
                         .w = n >> 20 & 1,
                         .l = n >> 21 & 1,
                         .vex = n >> 22 & 1,
                         .vvvv = n >> 23 & 1 ? 4 : 0,
                         .b = n >> 24 & 1};
}

static void write_bytes(struct try *t)
{
    static const uint8_t pps[] = {0, 0x66, 0xf3, 0xf2};
    const struct pick *p = &t->pick;
    bool wide = t->mode == X86_MODE_64;
    unsigned at = 0;
    memset(t->bytes, 0, sizeof(t->bytes));
    if (p->vex) {
        t->bytes[at++] = 0xc4;
        t->bytes[at++] = (uint8_t)(0xe0 ^ (wide ? p->b << 5 : 0) ^ p->map);
        t->bytes[at++] = (uint8_t)(p->w << 7 | (~p->vvvv & 15) << 3 | p->l << 2 | p->pp);
    } else {
        if (p->pp != 0) {
            t->bytes[at++] = pps[p->pp];
        }
        if (wide && (p->w | p->l | p->b)) {
            t->bytes[at++] = (uint8_t)(0x40 | p->w << 3 | p->l << 2 | p->b);
        }
        if (p->map > 0) {
            t->bytes[at++] = 0x0f;
        }
        if (p->map > 1) {
            t->bytes[at++] = p->map == 2 ? 0x38 : 0x3a;
        }
    }
    t->bytes[at++] = (uint8_t)p->opcode;
    t->bytes[at++] = (uint8_t)p->modrm;
}

/* Opcodes that are none (escapes and prefixes) or that must not be run here: POPF, INT, MWAITX,
 * WRPKRU, and those that are undefined by definition (UD0, UD1, UD2). */
static bool is_left_out(const struct pick *p)
{
    static const char first[] = "\x0f\x26\x2e\x36\x3e\x40\x41\x42\x43\x44\x45\x46\x47\x48\x49\x4a"
                                "\x4b\x4c\x4d\x4e\x4f\x62\x64\x65\x66\x67\x8f\x9d\xc4\xc5\xcd\xf0"
                                "\xf2\xf3";
    static const char second[] = "\x0b\x38\x3a\xb9\xff";
    if (p->vex || p->map > 1) {
        return false;
    }
    if (p->map == 0) {
        return memchr(first, (int)p->opcode, sizeof(first) - 1) != NULL;
    }
    return memchr(second, (int)p->opcode, sizeof(second) - 1) != NULL ||
           (p->opcode == 1 && (p->modrm == 0xfb || p->modrm == 0xef));
}

/* It leaves this process's hands, loads a segment or goes back and round. */
static bool is_dangerous(const struct x86_insn *insn)
{
    static const uint16_t ops[] = {X86_OP_SYSCALL,  X86_OP_SYSENTER, X86_OP_WRFSBASE,
                                   X86_OP_WRGSBASE, X86_OP_CALLF,    X86_OP_JMPF,
                                   X86_OP_RETF,     X86_OP_IRET,     X86_OP_XRSTOR,
                                   X86_OP_INT3,     X86_OP_INT1,     X86_OP_INTO};
    for (size_t i = 0; i < ST_COUNT(ops); i++) {
        if (x86_rows[insn->row].op == ops[i]) {
            return true;
        }
    }
    for (unsigned i = 0; i < insn->operands_count; i++) {
        const struct x86_operand *op = &insn->operands[i];
        if ((op->kind == X86_SEG && (op->access & X86_WRITE)) ||
            (op->kind == X86_REL && insn->imm < 0)) {
            return true;
        }
    }
    return false;
}

/* Differences with a reason. NULL: none is known. */
static const char *reason(const struct try *t)
{
    const struct pick *p = &t->pick;
    uint16_t op = x86_rows[t->insn.row].op;
    if (t->length > 0) {
        if (x86_rows[t->insn.row].attributes & X86_PRIVILEGED) {
            return "#UD or #GP: CPL 0 alone";
        }
        if (op == X86_OP_RSM || op == X86_OP_RDPKRU || op == X86_OP_XGETBV) {
            return "the state in which it may be run is not this one";
        }
        if (op == X86_OP_NOP && p->opcode == 0x0d) {
            return "0F 0D with a register: NOP for Intel, #UD for AMD";
        }
        if (op == X86_OP_VPEXTRD || op == X86_OP_VPINSRD) {
            return "VEX.W 1 in 32-bit code: ignored for Intel, #UD for AMD";
        }
        return NULL;
    }
    if (!p->vex && p->map == 1 && (p->opcode == 1 || p->opcode == 0x2b)) {
        return "SVM and others after 0F 01; MOVNTSS, MOVNTSD";
    }
    if (p->vex && p->map > 1 && p->l == 1 && p->pp == 1) {
        return "VAES, VPCLMULQDQ; VEX.W 0 with VPERMQ";
    }
    return NULL;
}

/* Whether any row has this opcode in its map, so that its forms are ours to know. */
static bool is_our_opcode(const struct try *t)
{
    struct try other = {.mode = t->mode, .pick = t->pick};
    for (unsigned n = 0; n < 4 * 4 * 256; n++) {
        other.pick.modrm = n & 255;
        other.pick.pp = n >> 8 & 3;
        other.pick.l = n >> 10 & 1;
        other.pick.w = n >> 11 & 1;
        other.pick.vvvv = 0;
        write_bytes(&other);
        if (x86_decode(other.mode, other.bytes, sizeof(other.bytes), &other.insn) > 0) {
            return true;
        }
    }
    return false;
}

static void print(const struct try *t, const char *what)
{
    char text[X86_FORMAT_MAX] = "-";
    if (t->length > 0) {
        x86_format(&t->insn, 0, text, sizeof(text));
    }
    printf("%s bits, %s:", t->mode == X86_MODE_64 ? "64" : "32", what);
    for (unsigned i = 0; i < sizeof(t->bytes); i++) {
        printf(" %02x", t->bytes[i]);
    }
    printf(" %s, length %d, vector %u, rip + %" PRId64 "\n", text, t->length, t->fault.vector,
           (int64_t)(t->fault.rip - NATIVE_CODE_ADDRESS - CODE));
}

/* The bytes stand before INT3s: an instruction that is longer on the CPU takes some of them in. */
static bool is_undefined(const struct try *t)
{
    return t->fault.vector == UD && t->fault.rip == NATIVE_CODE_ADDRESS + CODE;
}

static const char *compare(const struct try *t)
{
    if (is_undefined(t) != (t->length <= 0)) {
        return is_undefined(t) ? "the CPU has #UD" : "the CPU runs it";
    }
    if (x86_rows[t->insn.row].attributes & X86_BRANCH) {
        return NULL;
    }
    uint64_t length = t->fault.rip - NATIVE_CODE_ADDRESS - CODE - 1; /* the INT3's */
    return t->length > 0 && t->fault.vector == BREAKPOINT && length != (uint64_t)t->length
               ? "length"
               : NULL;
}

static void judge(const struct try *t)
{
    const char *what = compare(t);
    uint16_t feature = x86_rows[t->insn.row].feature;
    tried++;
    if (t->length > 0 && !is_undefined(t)) {
        ran[feature]++;
    }
    if (what == NULL) {
        return;
    }
    if (reason(t) != NULL) {
        listed++;
    } else if (t->length > 0 && is_undefined(t) && feature != X86_FEATURE_NONE &&
               ran[feature] == 0) {
        refused[feature]++;
    } else if (t->length <= 0 && !is_our_opcode(t)) {
        beyond++;
    } else {
        wrong++;
        if (wrong <= SHOWN) {
            print(t, what);
        }
    }
}

static void run_mode(enum x86_mode mode, uint64_t step, uint64_t first)
{
    struct native_state start = {.rflags = 0x202};
    start.xsave[0] = 0x7f; /* FCW 037F, MXCSR 1F80, x87, SSE and AVX in XSTATE_BV */
    start.xsave[1] = 3;
    start.xsave[24] = 0x80;
    start.xsave[25] = 0x1f;
    start.xsave[512] = 7;
    for (unsigned i = 0; i < 16; i++) {
        start.gpr[i] = DATA + DATA_SIZE / 2;
    }
    if (mode == X86_MODE_32) {
        start.cs = CS_32;
        start.ss = SS_32;
    }
    struct native_state state = start;
    struct native_fault fault;
    uint8_t traps[2 * CODE]; /* wherever a branch goes */
    memset(traps, INT3, sizeof(traps));
    native_run(&state, traps, sizeof(traps), 0, &fault);
    for (uint64_t n = first; n < UINT64_C(1) << 25; n += step) {
        struct try t = {.mode = mode, .pick = unpack(n)};
        write_bytes(&t);
        t.length = x86_decode(mode, t.bytes, sizeof(t.bytes), &t.insn);
        if (is_left_out(&t.pick) || (t.length > 0 && is_dangerous(&t.insn))) {
            continue;
        }
        if (t.length > 0 && t.insn.mem.rip) {
            t.bytes[t.insn.disp_at + 1] = 4; /* not into its own INT3s */
        }
        uint8_t code[WINDOW];
        memset(code, INT3, sizeof(code));
        memcpy(code, t.bytes, t.length > 0 ? (size_t)t.length : sizeof(t.bytes));
        state = start;
        native_run(&state, code, sizeof(code), CODE, &t.fault);
        judge(&t);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3 || strtoull(argv[1], NULL, 0) == 0) {
        fprintf(stderr, "usage: x86_native STEP FIRST\n");
        return 2;
    }
    void *data = mmap((void *)DATA, DATA_SIZE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (data == MAP_FAILED || native_begin() < 0) {
        printf("SKIPPED: no memory at the addresses that the test wants\n");
        return 77;
    }
    run_mode(X86_MODE_64, strtoull(argv[1], NULL, 0), strtoull(argv[2], NULL, 0));
    run_mode(X86_MODE_32, strtoull(argv[1], NULL, 0), strtoull(argv[2], NULL, 0));
    for (unsigned i = 1; i < X86_FEATURES; i++) {
        if (refused[i] != 0) {
            printf("this CPU lacks %s: %" PRIu64 " not compared\n", x86_feature_name(i),
                   refused[i]);
        }
    }
    printf("%" PRIu64 " run, %" PRIu64 " beyond our opcodes, %" PRIu64
           " differ for a listed reason, %" PRIu64 " for none\n",
           tried, beyond, listed, wrong);
    return native_status(wrong != 0);
}
