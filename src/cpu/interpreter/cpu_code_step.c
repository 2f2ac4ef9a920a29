/*
 * One instruction with all checks: what the fast path does not do, and every instruction where the
 * fast path may not run (single step, page crossings, code in devices' memory, the end of CS).
 */
#include "base/attr.h"
#include "base/memops.h"
#include "cpu/interpreter/cpu_code.h"
#include "cpu/interpreter/cpu_integer.h"
#include "x86/x86_decode.h"

/* ---- choosing and running a handler ---- */

static cpu_general *first_of(cpu_general *a, cpu_general *b, cpu_general *c)
{
    return a != NULL ? a : b != NULL ? b : c;
}

cpu_general *cpu_general_handler(const struct cpu *cpu, const struct x86_insn *insn)
{
    const struct x86_row *row = &x86_rows[insn->row];
    cpu_general *handler;

    if ((row->attributes & X86_HINT) != 0) {
        return cpu_int_nop;
    }
    if (!cpu_has_feature(cpu, row->feature) && (row->attributes & X86_ELSE_LEGACY) == 0) {
        return cpu_int_undefined;
    }
    if ((row->attributes & (X86_SIMD | X86_FPU)) != 0) {
        handler = first_of(cpu_vector_handler(row), cpu_integer_handler(row->op),
                           cpu_system_handler(row->op));
    } else if ((row->attributes & X86_SYSTEM) != 0) {
        handler = first_of(cpu_system_handler(row->op), cpu_integer_handler(row->op),
                           cpu_vector_handler(row));
    } else {
        handler = first_of(cpu_integer_handler(row->op), cpu_system_handler(row->op),
                           cpu_vector_handler(row));
    }
    /* A CPU without them has BSF and BSR there. */
    if ((row->op == X86_OP_TZCNT || row->op == X86_OP_LZCNT) &&
        !cpu_has_feature(cpu, row->feature)) {
        handler = cpu_int_scan;
    }
    return handler != NULL ? handler : cpu_int_undefined;
}

ST_NOINLINE enum cpu_result cpu_execute(struct cpu *cpu, const struct x86_insn *insn,
                                        cpu_general *handler)
{
    uint32_t attributes = x86_rows[insn->row].attributes;

    if ((attributes & (X86_PRIVILEGED | X86_NOT_REAL)) != 0) {
        /* An instruction that is not there is undefined at every level. */
        if (handler == cpu_int_undefined ||
            ((attributes & X86_NOT_REAL) != 0 && !cpu->protected_mode)) {
            return cpu_raise(cpu, CPU_UD);
        }
        if ((attributes & X86_PRIVILEGED) != 0 && cpu->cpl != 0) {
            return cpu_raise_error(cpu, CPU_GP, 0);
        }
    }
    return handler(cpu, insn);
}

/* ---- fetching ---- */

/* Bytes of code at cpu->rip. */
struct fetched {
    uint8_t bytes[X86_INSN_MAX + 1];
    unsigned got;
    unsigned allowed; /* by the limit of CS */
};

static uint64_t linear_rip(const struct cpu *cpu)
{
    return (cpu->segments[X86_CS].linear_base + cpu->rip) & cpu->linear_mask;
}

/* Adds the bytes at a linear address up to the end of its page. false: an exception was recorded.
 */
static bool fetch_page(struct cpu *cpu, struct fetched *f, uint64_t linear)
{
    unsigned offset = linear % MEM_PAGE_SIZE;
    unsigned size = ST_MIN(f->allowed - f->got, (unsigned)MEM_PAGE_SIZE - offset);
    struct cpu_page page;

    if (!cpu_fetch_page(cpu, linear, &page)) {
        return false;
    }
    if (page.host != NULL) {
        memcpy(f->bytes + f->got, page.host + offset, size);
        f->got += size;
        return true;
    }
    size = cpu_fetch_bytes(cpu, linear, f->bytes + f->got, size);
    f->got += size;
    /* A device that gives no code. */
    return size != 0 || cpu_raise_error(cpu, CPU_GP, 0) == CPU_NEXT;
}

/* Fetches those of the first page. false: an exception was recorded. */
static bool fetch(struct cpu *cpu, struct fetched *f)
{
    const struct cpu_segment *cs = &cpu->segments[X86_CS];

    f->allowed = X86_INSN_MAX;
    if ((cpu->code_mode & CPU_MODE_BITS) == X86_MODE_64) {
        if ((uint64_t)((int64_t)(cpu->rip << 16) >> 16) != cpu->rip) {
            return cpu_raise_error(cpu, CPU_GP, 0) == CPU_NEXT;
        }
    } else if (cpu->rip > cs->limit) {
        return cpu_raise_error(cpu, CPU_GP, 0) == CPU_NEXT;
    } else if (cs->limit - cpu->rip < X86_INSN_MAX - 1) {
        f->allowed = (unsigned)(cs->limit - cpu->rip) + 1;
    }
    return fetch_page(cpu, f, linear_rip(cpu));
}

/* The instruction needs more: what the next page has, which is not looked at before. false: an
 * exception was recorded. */
static bool fetch_more(struct cpu *cpu, struct fetched *f)
{
    if (f->got == f->allowed) {
        return cpu_raise_error(cpu, CPU_GP, 0) == CPU_NEXT;
    }
    return fetch_page(cpu, f, (linear_rip(cpu) + f->got) & cpu->linear_mask);
}

static enum cpu_result run_decoded(struct cpu *cpu, const struct cpu_careful *careful)
{
    uint64_t next = cpu->rip + careful->insn.length;
    enum cpu_result result =
        cpu_execute(cpu, &careful->insn, cpu_general_handler(cpu, &careful->insn));

    if (result == CPU_NEXT || result == CPU_END) {
        if (careful->mode != X86_MODE_64) {
            /* IP wraps with 16 bits where that is the code's size. */
            next &= careful->mode == X86_MODE_16 ? 0xffff : 0xffffffff;
        }
        cpu->rip = next;
    }
    if (result != CPU_FAULT && result != CPU_AGAIN) {
        cpu->retired++;
    }
    return result;
}

/* Decodes what was fetched, and fetches the rest if there is one. Returns x86_decode's result;
 * -ST_EFAULT: an exception was recorded. */
static int decode(struct cpu *cpu, struct fetched *f, struct x86_insn *ret_insn)
{
    enum x86_mode mode = (enum x86_mode)(cpu->code_mode & CPU_MODE_BITS);
    int length = x86_decode(mode, f->bytes, f->got, ret_insn);

    while (length == -ST_EAGAIN) {
        if (!fetch_more(cpu, f)) {
            return -ST_EFAULT;
        }
        length = x86_decode(mode, f->bytes, f->got, ret_insn);
    }
    return length;
}

ST_NOINLINE enum cpu_result cpu_careful_step(struct cpu *cpu)
{
    uint8_t mode = cpu->code_mode & CPU_MODE_BITS;
    struct fetched f = {0};
    struct cpu_careful *careful;
    int length;

    if (!fetch(cpu, &f)) {
        return CPU_FAULT;
    }
    careful = &cpu->code->carefuls[(cpu->rip ^ cpu->rip >> 10) & (CPU_CAREFULS - 1)];
    if (careful->length == 0 || careful->length > f.got || careful->mode != mode ||
        memcmp(careful->bytes, f.bytes, careful->length) != 0) {
        careful->length = 0;
        careful->mode = mode;
        length = decode(cpu, &f, &careful->insn);
        if (length == -ST_EFAULT) {
            return CPU_FAULT;
        }
        if (length < 0) {
            return length == -ST_E2BIG ? cpu_raise_error(cpu, CPU_GP, 0) : cpu_raise(cpu, CPU_UD);
        }
        careful->length = careful->insn.length;
        memcpy(careful->bytes, f.bytes, sizeof careful->bytes);
    }
    return run_decoded(cpu, careful);
}

enum cpu_result cpu_code_step(struct cpu *cpu)
{
    enum cpu_result result;

    cpu->code->single = true;
    result = cpu_careful_step(cpu);
    cpu->code->single = false;
    return result;
}
