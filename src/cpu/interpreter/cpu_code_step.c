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
        if ((attributes & X86_NOT_REAL) != 0 && !cpu->protected_mode) {
            return cpu_raise(cpu, CPU_UD);
        }
        if ((attributes & X86_PRIVILEGED) != 0 && cpu->cpl != 0) {
            return cpu_raise_error(cpu, CPU_GP, 0);
        }
    }
    return handler(cpu, insn);
}

/* ---- fetching ---- */

/* The bytes at cpu->rip that may be fetched, up to 15. Returns how many; 0: an exception was
 * recorded. *ret_limit says that what follows them is past the limit of CS. */
static unsigned fetch(struct cpu *cpu, uint8_t *ret_bytes, bool *ret_limit)
{
    const struct cpu_segment *cs = &cpu->segments[X86_CS];
    uint64_t linear = (cs->linear_base + cpu->rip) & cpu->linear_mask;
    unsigned want = X86_INSN_MAX;
    struct cpu_page page;
    unsigned got;

    *ret_limit = false;
    if ((cpu->code_mode & CPU_MODE_BITS) == X86_MODE_64) {
        if ((uint64_t)((int64_t)(cpu->rip << 16) >> 16) != cpu->rip) {
            (void)cpu_raise_error(cpu, CPU_GP, 0);
            return 0;
        }
    } else if (cpu->rip > cs->limit) {
        (void)cpu_raise_error(cpu, CPU_GP, 0);
        return 0;
    } else if (cs->limit - cpu->rip < want - 1) {
        want = (unsigned)(cs->limit - cpu->rip) + 1;
        *ret_limit = true;
    }
    if (!cpu_fetch_page(cpu, linear, &page)) {
        return 0;
    }
    got = cpu_fetch_bytes(cpu, linear, ret_bytes, want);
    if (got < want) {
        *ret_limit = false;
    }
    return got;
}

/* What fetching past the bytes that were got raises. */
static enum cpu_result raise_beyond(struct cpu *cpu, unsigned got, bool limit)
{
    uint64_t linear = cpu->segments[X86_CS].linear_base + cpu->rip + got;
    struct cpu_page page;

    if (limit || cpu_fetch_page(cpu, linear & cpu->linear_mask, &page)) {
        return cpu_raise_error(cpu, CPU_GP, 0);
    }
    return CPU_FAULT;
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

ST_NOINLINE enum cpu_result cpu_careful_step(struct cpu *cpu)
{
    uint8_t bytes[X86_INSN_MAX + 1] = {0};
    uint8_t mode = cpu->code_mode & CPU_MODE_BITS;
    struct cpu_careful *careful;
    uint64_t hash;
    bool limit;
    int length;
    unsigned got = fetch(cpu, bytes, &limit);

    if (got == 0) {
        return CPU_FAULT;
    }
    hash = (cpu->rip ^ cpu->rip >> 10) & (CPU_CAREFULS - 1);
    careful = &cpu->code->carefuls[hash];
    if (careful->length == 0 || careful->length > got || careful->mode != mode ||
        memcmp(careful->bytes, bytes, careful->length) != 0) {
        careful->length = 0;
        careful->mode = mode;
        length = x86_decode((enum x86_mode)mode, bytes, got, &careful->insn);
        if (length == -ST_EAGAIN) {
            return raise_beyond(cpu, got, limit);
        }
        if (length < 0) {
            return length == -ST_E2BIG ? cpu_raise_error(cpu, CPU_GP, 0) : cpu_raise(cpu, CPU_UD);
        }
        careful->length = careful->insn.length;
        memcpy(careful->bytes, bytes, sizeof bytes);
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
