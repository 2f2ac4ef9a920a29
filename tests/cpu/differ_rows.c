/* Which bytes lead to each row, and which rows are not tried. */
#include <string.h>

#include "differ.h"
#include "x86/x86_decode.h"

static unsigned write_template(uint8_t *bytes, enum x86_mode mode, const struct differ_template *t)
{
    unsigned at = 0;

    if (t->space >= 4) {
        bytes[at++] = 0xc4;
        bytes[at++] = (uint8_t)(0xe0 | (t->space - 3));
        bytes[at++] = (uint8_t)(0x78 | t->prefix | (t->l ? 4 : 0) | (t->w ? 0x80 : 0));
    } else {
        if (t->prefix != 0) {
            bytes[at++] = t->prefix;
        }
        if (t->w && mode == X86_MODE_64) {
            bytes[at++] = 0x48;
        }
        if (t->space > 0) {
            bytes[at++] = 0x0f;
        }
        if (t->space > 1) {
            bytes[at++] = t->space == 2 ? 0x38 : 0x3a;
        }
    }
    bytes[at++] = t->opcode;
    bytes[at++] = t->modrm;
    memset(bytes + at, 0x11, 15 - at);
    return at;
}

static void try_template(enum x86_mode mode, const struct differ_template *t,
                         struct differ_rows *rows, struct differ_random *random)
{
    uint8_t bytes[16];
    struct x86_insn insn;
    struct differ_rows *row;

    write_template(bytes, mode, t);
    if (x86_decode(mode, bytes, 15, &insn) <= 0) {
        return;
    }
    /* A random eight of all there are. */
    row = &rows[insn.row];
    if (row->count < DIFFER_TEMPLATES) {
        row->templates[row->count] = *t;
    } else {
        uint64_t at = differ_next(random) % (row->count + 1);

        if (at < DIFFER_TEMPLATES) {
            row->templates[at] = *t;
        }
    }
    row->count++;
}

static void try_modrms(enum x86_mode mode, struct differ_template t, struct differ_rows *rows,
                       struct differ_random *random)
{
    for (unsigned modrm = 0; modrm < 256; modrm++) {
        t.modrm = (uint8_t)modrm;
        try_template(mode, &t, rows, random);
    }
}

void differ_find_rows(enum x86_mode mode, struct differ_rows *rows)
{
    static const uint8_t prefixes[] = {0, 0x66, 0xf3, 0xf2};
    struct differ_random random = {1};

    for (unsigned serial = 0; serial < 7 * 256 * 16; serial++) {
        struct differ_template t = {
            .space = (uint8_t)(serial / (256 * 16)),
            .opcode = (uint8_t)(serial / 16),
            .w = (serial & 4) != 0,
            .l = (serial & 8) != 0,
        };

        if (t.space < 4 && t.l) {
            continue;
        }
        t.prefix = t.space < 4 ? prefixes[serial & 3] : (uint8_t)(serial & 3);
        try_modrms(mode, t, rows, &random);
    }
}

/* ---- what is not tried ---- */

static const struct {
    uint16_t op;
    const char *why;
} excluded[] = {
    {X86_OP_SYSCALL, "enters this host's kernel"},
    {X86_OP_SYSENTER, "enters this host's kernel"},
    {X86_OP_INT, "enters this host's kernel"},
    {X86_OP_INT3, "enters this host's kernel"},
    {X86_OP_INT1, "enters this host's kernel"},
    {X86_OP_INTO, "enters this host's kernel"},
    {X86_OP_VMCALL, "asks this host's hypervisor"},
    {X86_OP_VMMCALL, "asks this host's hypervisor"},
    {X86_OP_CPUID, "gives the host's own values"},
    {X86_OP_RDTSC, "gives the host's own values"},
    {X86_OP_RDTSCP, "gives the host's own values"},
    {X86_OP_RDPMC, "gives the host's own values"},
    {X86_OP_RDPID, "gives the host's own values"},
    {X86_OP_RDRAND, "random by design"},
    {X86_OP_RDSEED, "random by design"},
    {X86_OP_XGETBV, "gives the host's own values"},
    {X86_OP_RDPKRU, "gives the host's own values"},
    {X86_OP_WRPKRU, "takes this process's memory away"},
    {X86_OP_SGDT, "gives the host's own values, or is emulated by its kernel"},
    {X86_OP_SIDT, "gives the host's own values, or is emulated by its kernel"},
    {X86_OP_SLDT, "gives the host's own values, or is emulated by its kernel"},
    {X86_OP_STR, "gives the host's own values, or is emulated by its kernel"},
    {X86_OP_SMSW, "gives the host's own values, or is emulated by its kernel"},
    {X86_OP_LAR, "reads this host's descriptor tables"},
    {X86_OP_LSL, "reads this host's descriptor tables"},
    {X86_OP_VERR, "reads this host's descriptor tables"},
    {X86_OP_VERW, "reads this host's descriptor tables"},
    {X86_OP_LDS, "loads from this host's descriptor tables"},
    {X86_OP_LES, "loads from this host's descriptor tables"},
    {X86_OP_LSS, "loads from this host's descriptor tables"},
    {X86_OP_LFS, "loads from this host's descriptor tables"},
    {X86_OP_LGS, "loads from this host's descriptor tables"},
    {X86_OP_CALLF, "loads from this host's descriptor tables"},
    {X86_OP_JMPF, "loads from this host's descriptor tables"},
    {X86_OP_RETF, "loads from this host's descriptor tables"},
    {X86_OP_IRET, "loads from this host's descriptor tables"},
    {X86_OP_RDFSBASE, "this process lives by FS"},
    {X86_OP_WRFSBASE, "this process lives by FS"},
    {X86_OP_RDGSBASE, "GS is the host's"},
    {X86_OP_WRGSBASE, "GS is the host's"},
    {X86_OP_PUSHF, "sees the trap flag that steps it on the host"},
    {X86_OP_CLI, "its fault is emulated by this host's kernel"},
    {X86_OP_STI, "its fault is emulated by this host's kernel"},
    {X86_OP_MONITOR, "CPUID has it only where asked for"},
    {X86_OP_MWAIT, "CPUID has it only where asked for"},
    {X86_OP_FXSAVE, "vector and x87 instructions have a test of their own"},
    {X86_OP_FXRSTOR, "vector and x87 instructions have a test of their own"},
    {X86_OP_XSAVE, "vector and x87 instructions have a test of their own"},
    {X86_OP_XSAVEC, "vector and x87 instructions have a test of their own"},
    {X86_OP_XSAVEOPT, "vector and x87 instructions have a test of their own"},
    {X86_OP_XRSTOR, "vector and x87 instructions have a test of their own"},
    {X86_OP_POPF, "changes the trap flag that steps it on the host"},
};

/* MOV and POP of a segment register. */
static bool loads_segment(uint16_t row)
{
    const struct x86_row *facts = &x86_rows[row];

    return (facts->op == X86_OP_MOV || facts->op == X86_OP_POP) &&
           (facts->attributes & (X86_SYSTEM | X86_PRIVILEGED)) == X86_SYSTEM;
}

const char *differ_excluded(uint16_t row)
{
    for (unsigned i = 0; i < sizeof excluded / sizeof excluded[0]; i++) {
        if (excluded[i].op == x86_rows[row].op) {
            return excluded[i].why;
        }
    }
    if ((x86_rows[row].attributes & (X86_SIMD | X86_FPU)) != 0) {
        return "vector and x87 instructions have a test of their own";
    }
    return loads_segment(row) ? "loads from this host's descriptor tables" : NULL;
}

static bool is_amd(void)
{
    uint32_t a = 0, b, c, d;

    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
    return b == 0x68747541;
}

bool differ_known(const struct differ_case *c)
{
    const struct x86_insn *insn = &c->insn;

    if (!is_amd()) {
        return false;
    }
    /* Near branches with 66 in 64-bit code go to 16 bits. */
    if (c->mode == X86_MODE_64 && insn->has_66 &&
        (x86_rows[insn->row].attributes & X86_BRANCH) != 0) {
        return true;
    }
    /* The condition of LOOPE and LOOPNE is that of a REP prefix. */
    if (insn->rep != 0 && insn->map == 0 && (insn->opcode == 0xe0 || insn->opcode == 0xe1)) {
        return true;
    }
    /* PREFETCHW of a register is no NOP. */
    return insn->map == 1 && insn->opcode == 0x0d && insn->modrm >= 0xc0;
}

bool differ_known_fault(const struct differ_case *c, const struct differ_state *host,
                        const struct differ_state *soft)
{
    /* ARPL that changes nothing may do so in what cannot be written. */
    if (is_amd() && x86_rows[c->insn.row].op == X86_OP_ARPL && host->vector == DIFFER_NO_FAULT &&
        soft->vector == 14) {
        return true;
    }
    /* Pushes before it looks where the call leads. */
    return is_amd() && x86_rows[c->insn.row].op == X86_OP_CALL && soft->vector == 13 &&
           (host->vector == 14 || host->vector == 12);
}
