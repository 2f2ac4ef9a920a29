/*
 * From a decoded instruction to the op of a fast handler. What has none is run by its general
 * handler: rare operands, what needs checks of segments, LOCK.
 */
#include "base/attr.h"
#include "cpu/interpreter/cpu_code.h"
#include "cpu/interpreter/cpu_fast.h"
#include "cpu/interpreter/cpu_simd.h"

/* An instruction on its way to an op. */
struct lowering {
    const struct cpu *cpu;
    const struct x86_insn *insn;
    const struct x86_operand *a, *b; /* first and second operand */
    struct cpu_op *op;
    enum x86_mode mode;
};

/* The number by which a handler finds a register: that of a byte is its offset. */
static uint8_t number_of(const struct x86_operand *operand)
{
    if (operand->kind == X86_GPR_HIGH) {
        return (uint8_t)(operand->reg * 8 + 1);
    }
    return operand->width == 1 ? (uint8_t)(operand->reg * 8) : operand->reg;
}

static bool is_register(const struct x86_operand *operand)
{
    return operand->kind == X86_GPR || operand->kind == X86_GPR_HIGH;
}

static bool is_memory(const struct x86_operand *operand)
{
    return operand->kind == X86_MEM || operand->kind == X86_MOFFS;
}

/* Whether a value fits the op's 32-bit immediate. */
static bool fits(int64_t value)
{
    return value == (int32_t)value;
}

/* Puts the memory operand into the op. Returns its form: 0 for _m, 1 for _x, -1 where no fast
 * handler can reach it. `checked` false: it is only an address (LEA). */
static int lower_memory(const struct lowering *l, bool checked)
{
    const struct x86_insn *insn = l->insn;
    const struct x86_mem *mem = &insn->mem;
    struct cpu_op *op = l->op;
    int64_t disp = mem->disp;
    bool based = mem->seg == X86_FS || mem->seg == X86_GS;

    if (insn->addrsize != (l->mode == X86_MODE_64 ? 8 : 4) || l->mode == X86_MODE_16 || mem->vsib) {
        return -1;
    }
    /* 32-bit code: DS, ES and SS are known to be flat, or it has checks. */
    if (l->mode == X86_MODE_32 && checked &&
        (based || mem->seg == X86_CS || (l->cpu->code_mode & CPU_MODE_FLAT_DATA) == 0)) {
        return -1;
    }
    op->base = mem->base >= 0 ? (uint8_t)mem->base : CPU_GPR_ZERO;
    op->index = mem->index >= 0 ? (uint8_t)mem->index : CPU_GPR_ZERO;
    op->shift = (uint8_t)__builtin_ctz(mem->scale | 8);
    op->seg = based && checked ? mem->seg : X86_DS;
    if (mem->rip) {
        op->base = CPU_GPR_PAGE;
        disp += op->offset + insn->length;
    }
    if (!fits(disp)) {
        return -1;
    }
    op->disp = (int32_t)disp;
    /* LEA in 32-bit code adds no base, but DS may have one. */
    if (!checked && l->mode == X86_MODE_32 && (l->cpu->code_mode & CPU_MODE_FLAT_DATA) == 0) {
        return -1;
    }
    return l->mode == X86_MODE_64 && mem->index < 0 && !(based && checked) ? 0 : 1;
}

static unsigned width_index(unsigned width)
{
    return (unsigned)__builtin_ctz(width | 8);
}

/* Two operands by CPU_FAST_FORMS: rr 0, ri 1, rm 2-3, mr 4-5, mi 6-7. */
static bool lower_two(const struct lowering *l, unsigned first)
{
    unsigned handler = first + width_index(l->a->width) * 8;
    bool immediate = l->b->kind == X86_IMM;
    struct cpu_op *op = l->op;
    int form;

    if (immediate) {
        if (l->a->width == 8 && !fits(l->insn->imm)) {
            return false;
        }
        op->imm = (int32_t)l->insn->imm;
    }
    if (is_register(l->a)) {
        op->target = number_of(l->a);
        if (immediate) {
            op->handler = (uint16_t)(handler + 1);
            return true;
        }
        if (is_register(l->b)) {
            op->source = number_of(l->b);
            op->handler = (uint16_t)handler;
            return true;
        }
        form = is_memory(l->b) ? lower_memory(l, true) : -1;
        op->handler = (uint16_t)(handler + 2 + (unsigned)form);
        return form >= 0;
    }
    if (!is_memory(l->a) || (!immediate && !is_register(l->b))) {
        return false;
    }
    form = lower_memory(l, true);
    op->handler = (uint16_t)(handler + (immediate ? 6 : 4) + (unsigned)form);
    if (!immediate) {
        op->source = number_of(l->b);
    }
    return form >= 0;
}

/* One operand by CPU_FAST_PLACES: r 0, m 1, x 2. */
static bool lower_place(const struct lowering *l, const struct x86_operand *operand, unsigned first,
                        uint8_t *number)
{
    int form;

    if (is_register(operand)) {
        *number = number_of(operand);
        l->op->handler = (uint16_t)first;
        return true;
    }
    form = is_memory(operand) ? lower_memory(l, true) : -1;
    l->op->handler = (uint16_t)(first + 1 + (unsigned)form);
    return form >= 0;
}

static bool lower_one(const struct lowering *l, unsigned first)
{
    return lower_place(l, l->a, first + width_index(l->a->width) * 3, &l->op->target);
}

/* Extensions. To 64 bits a zero extension is that to 32. */
static bool lower_extend(const struct lowering *l, bool is_signed)
{
    unsigned from = l->b->width;
    unsigned to = l->a->width;
    unsigned handler;

    if (to < 4 || to == from) {
        return false;
    }
    if (!is_signed) {
        handler = from == 1 ? CPU_FAST_movzx_8_32_r : CPU_FAST_movzx_16_32_r;
    } else if (from == 4) {
        handler = CPU_FAST_movsx_32_64_r;
    } else if (to == 4) {
        handler = from == 1 ? CPU_FAST_movsx_8_32_r : CPU_FAST_movsx_16_32_r;
    } else {
        handler = from == 1 ? CPU_FAST_movsx_8_64_r : CPU_FAST_movsx_16_64_r;
    }
    l->op->target = l->a->reg;
    return lower_place(l, l->b, handler, &l->op->source);
}

/* By CPU_FAST_SHIFT: 32_i 0, 32_c 1, 64_i 2, 64_c 3. */
static bool lower_shift(const struct lowering *l, unsigned first)
{
    if (l->a->kind != X86_GPR || l->a->width < 4) {
        return false;
    }
    l->op->target = l->a->reg;
    l->op->imm = l->b->kind == X86_CONST_1 ? 1 : (int32_t)l->insn->imm;
    l->op->handler =
        (uint16_t)(first + (l->a->width == 8 ? 2 : 0) + (l->b->kind == X86_GPR ? 1 : 0));
    return true;
}

/* A handler for 32 bits, its neighbour at `step` for 64; both operands registers. */
static bool lower_registers(const struct lowering *l, unsigned first, unsigned step)
{
    if (l->a->kind != X86_GPR || l->b->kind != X86_GPR || l->a->width < 4) {
        return false;
    }
    l->op->target = l->a->reg;
    l->op->source = l->b->reg;
    l->op->handler = (uint16_t)(first + (l->a->width == 8 ? step : 0));
    return true;
}

static bool lower_imul(const struct lowering *l)
{
    const struct x86_insn *insn = l->insn;
    bool wide = l->a->width == 8;

    if (l->a->width < 4 || (insn->map == 0 && insn->imm_size == 0)) {
        return false;
    }
    l->op->target = l->a->reg;
    if (insn->imm_size == 0) {
        return lower_place(l, l->b, wide ? CPU_FAST_imul_64_r : CPU_FAST_imul_32_r, &l->op->source);
    }
    if (l->b->kind != X86_GPR) {
        return false;
    }
    l->op->source = l->b->reg;
    l->op->imm = (int32_t)insn->imm;
    l->op->handler = wide ? CPU_FAST_imul_64_ri : CPU_FAST_imul_32_ri;
    return true;
}

static bool lower_bt(const struct lowering *l)
{
    if (l->a->kind != X86_GPR || l->a->width < 4) {
        return false;
    }
    if (l->b->kind == X86_GPR) {
        return lower_registers(l, CPU_FAST_bt_32_r, CPU_FAST_bt_64_r - CPU_FAST_bt_32_r);
    }
    l->op->target = l->a->reg;
    l->op->imm = (int32_t)l->insn->imm;
    l->op->handler = l->a->width == 8 ? CPU_FAST_bt_64_i : CPU_FAST_bt_32_i;
    return true;
}

static bool lower_lea(const struct lowering *l)
{
    int form = lower_memory(l, false);

    if (form < 0 || l->a->width < 4) {
        return false;
    }
    l->op->target = l->a->reg;
    l->op->handler = (uint16_t)((l->a->width == 8 ? CPU_FAST_lea_64_m : CPU_FAST_lea_32_m) + form);
    return true;
}

static bool lower_xchg(const struct lowering *l)
{
    return lower_registers(l, CPU_FAST_xchg_32_r, CPU_FAST_xchg_64_r - CPU_FAST_xchg_32_r);
}

static bool lower_mov(const struct lowering *l)
{
    if (l->a->kind == X86_GPR && l->b->kind == X86_IMM && l->a->width == 8 && !fits(l->insn->imm)) {
        l->op->target = l->a->reg;
        l->op->imm64 = (uint64_t)l->insn->imm;
        l->op->handler = CPU_FAST_mov_64_i64;
        return true;
    }
    return lower_two(l, CPU_FAST_mov_8_rr);
}

/* Stack operands of 8 bytes in 64-bit code, of 4 in flat 32-bit code. */
static bool stack_fits(const struct lowering *l)
{
    if (l->mode == X86_MODE_64) {
        return l->insn->opsize == 8;
    }
    return l->mode == X86_MODE_32 && l->insn->opsize == 4 &&
           (l->cpu->code_mode & CPU_MODE_FLAT_DATA) != 0;
}

static bool lower_push(const struct lowering *l)
{
    bool wide = l->mode == X86_MODE_64;
    int form;

    if (!stack_fits(l)) {
        return false;
    }
    if (l->a->kind == X86_IMM) {
        l->op->imm = (int32_t)l->insn->imm;
        l->op->handler = wide ? CPU_FAST_push_64_i : CPU_FAST_push_32_i;
        return true;
    }
    if (l->a->kind == X86_GPR) {
        l->op->source = l->a->reg;
        l->op->handler = wide ? CPU_FAST_push_64_r : CPU_FAST_push_32_r;
        return true;
    }
    form = wide && is_memory(l->a) ? lower_memory(l, true) : -1;
    l->op->handler = (uint16_t)(CPU_FAST_push_64_m + form);
    return form >= 0;
}

static bool lower_pop(const struct lowering *l)
{
    if (!stack_fits(l) || l->a->kind != X86_GPR) {
        return false;
    }
    l->op->target = l->a->reg;
    l->op->handler = l->mode == X86_MODE_64 ? CPU_FAST_pop_64_r : CPU_FAST_pop_32_r;
    return true;
}

/* Whether relative branches of this instruction need no check of their target. */
static bool flat_branch(const struct lowering *l)
{
    return l->mode == X86_MODE_64 || (l->mode == X86_MODE_32 && l->insn->opsize == 4 &&
                                      (l->cpu->code_mode & CPU_MODE_FLAT_CODE) != 0);
}

/* A relative branch, `near` where it stays in the page. */
static bool lower_relative(const struct lowering *l, unsigned near, unsigned far)
{
    int64_t target = l->op->offset + l->insn->length + l->insn->imm;

    if (!flat_branch(l)) {
        return false;
    }
    l->op->imm = (int32_t)l->insn->imm;
    l->op->jump = 0;
    l->op->handler = (uint16_t)(target >= 0 && target < MEM_PAGE_SIZE ? near : far);
    return true;
}

static bool lower_indirect(const struct lowering *l, unsigned first)
{
    if (l->mode != X86_MODE_64 || l->insn->opsize != 8) {
        return false;
    }
    return lower_place(l, l->a, first, &l->op->source);
}

static bool lower_branch(const struct lowering *l, uint16_t op)
{
    const struct x86_insn *insn = l->insn;
    bool relative = insn->operands[0].kind == X86_REL;

    switch (op) {
    case X86_OP_JMP:
        return relative ? lower_relative(l, CPU_FAST_jmp_near, CPU_FAST_jmp_far)
                        : lower_indirect(l, CPU_FAST_jmp_64_r);
    case X86_OP_CALL:
        if (!relative) {
            return lower_indirect(l, CPU_FAST_call_64_r);
        }
        if (!stack_fits(l)) {
            return false;
        }
        return l->mode == X86_MODE_64 ? lower_relative(l, CPU_FAST_call_64, CPU_FAST_call_64)
                                      : lower_relative(l, CPU_FAST_call_32, CPU_FAST_call_32);
    case X86_OP_RET:
        if (!stack_fits(l) || !flat_branch(l)) {
            return false;
        }
        l->op->imm = insn->imm_size != 0 ? (int32_t)(insn->imm & 0xffff) : 0;
        l->op->handler = l->mode == X86_MODE_64 ? CPU_FAST_ret_64 : CPU_FAST_ret_32;
        return true;
    default:
        return lower_relative(l, CPU_FAST_jcc_near_0 + (insn->opcode & 15u),
                              CPU_FAST_jcc_far_0 + (insn->opcode & 15u));
    }
}

static bool lower_setcc(const struct lowering *l)
{
    if (!is_register(l->a)) {
        return false;
    }
    l->op->target = number_of(l->a);
    l->op->handler = (uint16_t)(CPU_FAST_setcc_0 + (l->insn->opcode & 15));
    return true;
}

static bool lower_plain(const struct lowering *l, unsigned handler)
{
    l->op->handler = (uint16_t)handler;
    return true;
}

static bool lower_bswap(const struct lowering *l)
{
    l->op->target = l->a->reg;
    l->op->handler = l->insn->opsize == 8 ? CPU_FAST_bswap_64 : CPU_FAST_bswap_32;
    return l->insn->opsize >= 4;
}

static bool lower_arithmetic(const struct lowering *l, uint16_t op)
{
    switch (op) {
    case X86_OP_ADD:
        return lower_two(l, CPU_FAST_add_8_rr);
    case X86_OP_OR:
        return lower_two(l, CPU_FAST_or_8_rr);
    case X86_OP_ADC:
        return lower_two(l, CPU_FAST_adc_8_rr);
    case X86_OP_SBB:
        return lower_two(l, CPU_FAST_sbb_8_rr);
    case X86_OP_AND:
        return lower_two(l, CPU_FAST_and_8_rr);
    case X86_OP_SUB:
        return lower_two(l, CPU_FAST_sub_8_rr);
    case X86_OP_XOR:
        return lower_two(l, CPU_FAST_xor_8_rr);
    case X86_OP_CMP:
        return lower_two(l, CPU_FAST_cmp_8_rr);
    case X86_OP_TEST:
        return lower_two(l, CPU_FAST_test_8_rr);
    case X86_OP_INC:
        return lower_one(l, CPU_FAST_inc_8_r);
    case X86_OP_DEC:
        return lower_one(l, CPU_FAST_dec_8_r);
    case X86_OP_NEG:
        return lower_one(l, CPU_FAST_neg_8_r);
    case X86_OP_NOT:
        return lower_one(l, CPU_FAST_not_8_r);
    case X86_OP_ROL:
        return lower_shift(l, CPU_FAST_rol_32_i);
    case X86_OP_ROR:
        return lower_shift(l, CPU_FAST_ror_32_i);
    case X86_OP_SHL:
        return lower_shift(l, CPU_FAST_shl_32_i);
    case X86_OP_SHR:
        return lower_shift(l, CPU_FAST_shr_32_i);
    case X86_OP_SAR:
        return lower_shift(l, CPU_FAST_sar_32_i);
    default:
        return false;
    }
}

static bool lower_other(const struct lowering *l, uint16_t op)
{
    switch (op) {
    case X86_OP_MOV:
        return lower_mov(l);
    case X86_OP_MOVZX:
        return lower_extend(l, false);
    case X86_OP_MOVSX:
    case X86_OP_MOVSXD:
        return lower_extend(l, true);
    case X86_OP_LEA:
        return lower_lea(l);
    case X86_OP_IMUL:
        return lower_imul(l);
    case X86_OP_BT:
        return lower_bt(l);
    case X86_OP_BSWAP:
        return lower_bswap(l);
    case X86_OP_XCHG:
        return lower_xchg(l);
    case X86_OP_CWDE:
        return lower_plain(l, CPU_FAST_cwde);
    case X86_OP_CDQE:
        return lower_plain(l, CPU_FAST_cdqe);
    case X86_OP_CDQ:
        return lower_plain(l, CPU_FAST_cdq);
    case X86_OP_CQO:
        return lower_plain(l, CPU_FAST_cqo);
    case X86_OP_NOP:
        return lower_plain(l, CPU_FAST_nop);
    case X86_OP_PUSH:
        return lower_push(l);
    case X86_OP_POP:
        return lower_pop(l);
    case X86_OP_LEAVE:
        return l->mode == X86_MODE_64 && stack_fits(l) && lower_plain(l, CPU_FAST_leave_64);
    default:
        return false;
    }
}

bool cpu_lower(const struct cpu *cpu, const struct x86_insn *insn, struct cpu_op *ret_op)
{
    const struct x86_row *row = &x86_rows[insn->row];
    const struct lowering l = {
        .cpu = cpu,
        .insn = insn,
        .a = &insn->operands[0],
        .b = &insn->operands[1],
        .op = ret_op,
        .mode = (enum x86_mode)(cpu->code_mode & CPU_MODE_BITS),
    };

    if (insn->lock || (row->attributes & (X86_SYSTEM | X86_SIMD | X86_FPU | X86_PRIVILEGED)) != 0) {
        return false;
    }
    if ((row->attributes & X86_HINT) != 0) {
        return lower_plain(&l, CPU_FAST_nop);
    }
    if (row->op >= X86_OP_CMOVO && row->op <= X86_OP_CMOVG) {
        return lower_registers(&l, CPU_FAST_cmov_32_0 + (insn->opcode & 15u), 16);
    }
    if (row->op >= X86_OP_SETO && row->op <= X86_OP_SETG) {
        return lower_setcc(&l);
    }
    if ((row->op >= X86_OP_JO && row->op <= X86_OP_JG) || row->op == X86_OP_JMP ||
        row->op == X86_OP_CALL || row->op == X86_OP_RET) {
        return lower_branch(&l, row->op);
    }
    return lower_arithmetic(&l, row->op) || lower_other(&l, row->op);
}

/* ---- vector and x87 instructions ---- */

bool cpu_lower_vector(struct cpu *cpu, const struct x86_insn *insn, struct cpu_op *ret_op)
{
    static const uint16_t handlers[] = {
        [CPU_SIMD_REGISTERS] = CPU_FAST_simd_r,
        [CPU_SIMD_LOAD] = CPU_FAST_simd_load_m,
        [CPU_SIMD_STORE] = CPU_FAST_simd_store_m,
        [CPU_SIMD_FLAGS] = CPU_FAST_simd_flags_r,
        [CPU_SIMD_LOAD_FLAGS] = CPU_FAST_simd_flags_m,
        [CPU_SIMD_X87] = CPU_FAST_simd_x87_r,
        [CPU_SIMD_X87_LOAD] = CPU_FAST_simd_x87_load_m,
        [CPU_SIMD_X87_STORE] = CPU_FAST_simd_x87_store_m,
    };
    const struct lowering l = {
        .cpu = cpu,
        .insn = insn,
        .op = ret_op,
        .mode = (enum x86_mode)(cpu->code_mode & CPU_MODE_BITS),
    };
    struct cpu_simd_op simd, *kept;
    int form = 0;

    /* What is not there outside protected mode has that checked by its general handler. */
    if (l.mode == X86_MODE_16 || (insn->vex && l.mode != X86_MODE_64) ||
        !cpu_simd_prepare(cpu, insn, &simd)) {
        return false;
    }
    if (simd.width != 0) {
        form = lower_memory(&l, true);
    } else {
        ret_op->base = CPU_GPR_ZERO;
        ret_op->index = CPU_GPR_ZERO;
    }
    if (form < 0) {
        return false;
    }
    ret_op->handler = (simd.key.extra & CPU_STUB_FLAGS_IN)
                          ? (uint16_t)CPU_FAST_simd_x87_flags
                          : (uint16_t)(handlers[simd.form] + (unsigned)form);
    kept = cpu_pool_take(cpu->code, sizeof *kept);
    *kept = simd;
    ret_op->insn = cpu_pool_offset(cpu->code, kept);
    return true;
}
