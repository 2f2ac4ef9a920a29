/*
 * Vector and x87 instructions: from a decoded instruction to a stub's key and arguments.
 */
#include "cpu/interpreter/cpu_simd.h"

#include <stddef.h>

#include "cpu/interpreter/cpu_struct.h"

_Static_assert(offsetof(struct cpu, fpu) % 8 == 0 && offsetof(struct cpu, gpr) % 8 == 0 &&
                   offsetof(struct cpu, fpu) + sizeof(struct cpu_fpu) < 8 * 65536u,
               "registers are told by 16 bits of 8-byte units");

static uint16_t gpr_at(unsigned number)
{
    return (uint16_t)((offsetof(struct cpu, gpr) + number * 8) / 8);
}

static uint16_t ymm_at(unsigned number)
{
    return (uint16_t)((offsetof(struct cpu, fpu.ymm) + number * 32) / 8);
}

/* The key's byte for a field and the stub's argument for it; NULL: the field has none. */
static uint8_t *field_of(struct cpu_simd_op *op, unsigned field, uint16_t **ret_at)
{
    switch (field) {
    case X86_FIELD_REG:
        *ret_at = &op->at[0];
        return &op->key.reg;
    case X86_FIELD_RM:
        *ret_at = &op->at[1];
        return &op->key.rm;
    case X86_FIELD_VVVV:
        *ret_at = &op->at[2];
        return &op->key.vvvv;
    default:
        *ret_at = NULL;
        return NULL;
    }
}

static uint8_t use_of(const struct x86_operand *operand)
{
    return (uint8_t)(((operand->access & X86_READ) ? CPU_STUB_LOAD : 0) |
                     ((operand->access & X86_WRITE) ? CPU_STUB_STORE : 0));
}

static void add_vector(struct cpu_simd_op *op, const struct x86_insn *insn,
                       const struct x86_operand *operand)
{
    uint16_t *at;
    uint8_t *field = field_of(op, operand->field, &at);
    uint8_t use = use_of(operand);

    if (field != NULL) {
        /* Without VEX what is not written stays as it was. */
        if ((use & CPU_STUB_STORE) && !insn->vex && operand->width < 16) {
            use |= CPU_STUB_LOAD;
        }
        *field = (uint8_t)((operand->kind == X86_YMM ? CPU_STUB_YMM : CPU_STUB_XMM) | use);
        *at = ymm_at(operand->reg);
        return;
    }
    op->at[3] = ymm_at(operand->reg);
    if (operand->field == X86_FIELD_IS4) {
        op->key.extra |= CPU_STUB_IS4;
    } else {
        op->key.extra |= (use & CPU_STUB_LOAD) ? CPU_STUB_XMM0 : 0;
        op->key.extra |= (use & CPU_STUB_STORE) ? CPU_STUB_XMM0_OUT : 0;
    }
}

static void add_gpr(struct cpu_simd_op *op, const struct x86_operand *operand)
{
    uint16_t *at;
    uint8_t *field = field_of(op, operand->field, &at);
    uint8_t use = use_of(operand);

    if (field != NULL) {
        *field = CPU_STUB_GPR | use;
        *at = gpr_at(operand->reg);
        return;
    }
    /* PCMPESTRx and PCMPxSTRI: lengths in rAX and rDX, the index in rCX. */
    op->at[2] = gpr_at(0);
    op->key.extra |= (use & CPU_STUB_LOAD) ? CPU_STUB_LENGTHS : 0;
    op->key.extra |= (use & CPU_STUB_STORE) ? CPU_STUB_INDEX_OUT : 0;
}

static void add_memory(struct cpu_simd_op *op, const struct x86_operand *operand, bool aligned)
{
    op->key.rm = CPU_STUB_MEMORY | use_of(operand);
    op->width = operand->width;
    op->align = aligned ? (uint8_t)(operand->width - 1) : 0;
    op->form = (operand->access & X86_WRITE) ? CPU_SIMD_STORE : CPU_SIMD_LOAD;
}

/* Instructions of x87 that do not look for a pending exception and leave FIP alone. */
static bool is_control(uint16_t op)
{
    return op == X86_OP_FNSTCW || op == X86_OP_FNSTSW || op == X86_OP_FNCLEX || op == X86_OP_FENI ||
           op == X86_OP_FDISI || op == X86_OP_FSETPM;
}

/* What must not stand in its way. */
static uint8_t needs_of(const struct x86_insn *insn, const struct x86_row *row, bool has_mmx,
                        bool has_vector)
{
    uint8_t needs = 0;

    if (row->attributes & X86_FPU) {
        needs = CPU_BLOCK_X87 | CPU_BLOCK_STACK;
        return is_control(row->op) ? needs : needs | CPU_BLOCK_PENDING;
    }
    if (insn->vex) {
        needs |= CPU_BLOCK_AVX;
    } else if (has_vector || !has_mmx) {
        needs |= CPU_BLOCK_SSE;
    }
    if (has_mmx) {
        needs |= CPU_BLOCK_MMX | CPU_BLOCK_STACK | CPU_BLOCK_PENDING;
    }
    if (row->attributes & X86_FPX) {
        needs |= CPU_BLOCK_MXCSR;
    }
    return needs;
}

/* VEX.W does not make an operand one of 64 bits outside 64-bit mode; where it is a part of the
 * opcode it counts. */
static bool counts_w(const struct cpu_simd_op *op, const struct x86_insn *insn, bool has_gpr)
{
    return (insn->rex & 8) && (insn->mode == X86_MODE_64 || !(has_gpr || op->width == 4));
}

static void set_encoding(struct cpu_simd_op *op, const struct x86_insn *insn, bool has_gpr)
{
    struct cpu_stub_key *key = &op->key;

    key->opcode = insn->opcode;
    key->encoding =
        (uint8_t)(insn->map | (insn->vex ? CPU_STUB_VEX : 0) | (insn->vex_l ? CPU_STUB_L : 0) |
                  (counts_w(op, insn, has_gpr) ? CPU_STUB_W : 0) |
                  (insn->imm_size != 0 ? CPU_STUB_IMMEDIATE : 0));
    if (insn->map != 0) {
        key->encoding |= (uint8_t)(insn->prefix << CPU_STUB_PREFIX_SHIFT);
        /* Stores that go around the caches are made plain ones: their weak order would be for the
         * interpreter's stores too. */
        if (insn->map == 1 && insn->opcode == 0x2b) {
            key->opcode = 0x29;
        } else if (insn->map == 1 && insn->opcode == 0xe7) {
            key->opcode = 0x7f;
        }
    } else {
        key->encoding &= (uint8_t)~CPU_STUB_W;
    }
    key->imm = insn->imm_size != 0 ? (uint8_t)insn->imm : 0;
    key->modrm = insn->modrm & 0x3f;
    if ((key->reg & 7) != CPU_STUB_NONE) {
        key->modrm &= 7;
    }
    if ((key->rm & 7) != CPU_STUB_NONE) {
        key->modrm &= 0x38;
    }
    if (key->extra & CPU_STUB_IS4) {
        key->imm &= 15;
    }
}

static void set_form(struct cpu_simd_op *op, const struct x86_insn *insn, const struct x86_row *row)
{
    if (row->flags_written & X86_ARITH) {
        op->key.extra |= CPU_STUB_FLAGS;
        op->form = op->form == CPU_SIMD_LOAD ? CPU_SIMD_LOAD_FLAGS : CPU_SIMD_FLAGS;
    }
    if (!(row->attributes & X86_FPU)) {
        return;
    }
    if (row->flags_written & X86_ARITH || row->flags_read & X86_ARITH) {
        op->key.extra |= CPU_STUB_FLAGS_IN; /* FCOMI that faults leaves them */
    }
    if (!is_control(row->op)) {
        op->fop = (uint16_t)((insn->opcode & 7u) << 8 | insn->modrm);
        op->form = op->form == CPU_SIMD_LOAD    ? CPU_SIMD_X87_LOAD
                   : op->form == CPU_SIMD_STORE ? CPU_SIMD_X87_STORE
                                                : CPU_SIMD_X87;
    }
}

static bool prepare_zeroing(struct cpu *cpu, const struct x86_insn *insn,
                            struct cpu_simd_op *ret_op)
{
    struct cpu_simd_op op = {.form = CPU_SIMD_REGISTERS, .needs = CPU_BLOCK_AVX};

    op.key.encoding = CPU_STUB_VEX | (insn->vex_l ? CPU_STUB_L : 0);
    op.key.extra = CPU_STUB_ZEROING;
    op.key.imm = insn->mode == X86_MODE_64 ? 16 : 8;
    op.at[0] = ymm_at(0);
    op.stub = cpu_stubs_find(cpu->fpu.stubs, &op.key, &cpu->fpu.generation);
    op.generation = cpu->fpu.generation;
    *ret_op = op;
    return true;
}

/* Of what is not run by stubs. */
static cpu_general *own_handler(uint16_t op)
{
    cpu_general *handler = cpu_fpu_env_handler(op);

    if (handler == NULL) {
        handler = cpu_fpu_xsave_handler(op);
    }
    if (handler == NULL) {
        handler = cpu_simd_partial_handler(op);
    }
    return handler;
}

bool cpu_simd_prepare(struct cpu *cpu, const struct x86_insn *insn, struct cpu_simd_op *ret_op)
{
    const struct x86_row *row = &x86_rows[insn->row];
    struct cpu_simd_op op = {0};
    bool has_mmx = false, has_vector = false, has_gpr = false;

    if (!(row->attributes & (X86_FPU | X86_SIMD)) || own_handler(row->op) != NULL) {
        return false;
    }
    if (row->op == X86_OP_VZEROUPPER || row->op == X86_OP_VZEROALL) {
        return prepare_zeroing(cpu, insn, ret_op);
    }
    for (unsigned i = 0; i < insn->operands_count; i++) {
        const struct x86_operand *operand = &insn->operands[i];

        if (operand->kind == X86_XMM || operand->kind == X86_YMM) {
            add_vector(&op, insn, operand);
            has_vector = true;
        } else if (operand->kind == X86_GPR) {
            add_gpr(&op, operand);
            has_gpr = true;
        } else if (operand->kind == X86_MEM) {
            add_memory(&op, operand, (row->attributes & X86_ALIGNED) != 0);
        } else if (operand->kind == X86_MMX) {
            has_mmx = true;
        }
    }
    set_encoding(&op, insn, has_gpr);
    set_form(&op, insn, row);
    op.seg = insn->mem.seg;
    op.needs = needs_of(insn, row, has_mmx, has_vector);
    op.stub = cpu_stubs_find(cpu->fpu.stubs, &op.key, &cpu->fpu.generation);
    op.generation = cpu->fpu.generation;
    *ret_op = op;
    return true;
}

/* The general handler of what is prepared. */
static enum cpu_result prepare_and_run(struct cpu *cpu, const struct x86_insn *insn)
{
    struct cpu_simd_op op;

    if (!cpu_simd_prepare(cpu, insn, &op)) {
        return cpu_raise(cpu, CPU_UD);
    }
    return cpu_simd_run(cpu, &op, op.width != 0 ? cpu_effective(cpu, insn) : 0);
}

cpu_general *cpu_vector_handler(const struct x86_row *row)
{
    cpu_general *handler = own_handler(row->op);

    return handler == NULL && (row->attributes & (X86_FPU | X86_SIMD)) ? prepare_and_run : handler;
}
