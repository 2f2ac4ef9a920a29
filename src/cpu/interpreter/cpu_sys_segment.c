/* Loading segment registers, and asking about selectors (SDM 2: MOV, POP, LDS, LAR, LSL, VERR,
 * ARPL). */
#include "cpu/interpreter/cpu_flags.h"
#include "cpu/interpreter/cpu_handlers.h"

static enum cpu_result loaded(struct cpu *cpu, enum x86_seg seg, uint8_t mode_before)
{
    if (seg == X86_SS) {
        cpu->shadow = CPU_SHADOW_MOV_SS;
        return CPU_END;
    }
    return cpu_end_if(cpu->code_mode != mode_before);
}

enum cpu_result cpu_sys_load_segment(struct cpu *cpu, const struct x86_insn *insn)
{
    enum x86_seg seg = insn->operands[0].reg;
    uint8_t before = cpu->code_mode;
    uint64_t selector;

    if (!cpu_operand_read(cpu, insn, 1, &selector) ||
        !cpu_load_segment(cpu, seg, (uint16_t)selector)) {
        return CPU_FAULT;
    }
    return loaded(cpu, seg, before);
}

enum cpu_result cpu_sys_pop_segment(struct cpu *cpu, const struct x86_insn *insn)
{
    enum x86_seg seg = insn->operands[0].reg;
    uint8_t before = cpu->code_mode;
    struct cpu_stack stack;
    uint64_t selector;

    cpu_stack_current(cpu, &stack);
    if (!cpu_pop(cpu, &stack, &selector, insn->opsize) ||
        !cpu_load_segment(cpu, seg, (uint16_t)selector)) {
        return CPU_FAULT;
    }
    cpu_stack_commit(cpu, &stack);
    return loaded(cpu, seg, before);
}

/* LDS, LES, LSS, LFS, LGS. */
enum cpu_result cpu_sys_load_pointer(struct cpu *cpu, const struct x86_insn *insn)
{
    static const struct {
        uint16_t op;
        enum x86_seg seg;
    } targets[] = {{X86_OP_LES, X86_ES},
                   {X86_OP_LDS, X86_DS},
                   {X86_OP_LSS, X86_SS},
                   {X86_OP_LFS, X86_FS},
                   {X86_OP_LGS, X86_GS}};
    enum x86_seg seg = X86_ES;
    uint8_t before = cpu->code_mode;
    uint8_t bytes[10];
    uint16_t selector;

    for (unsigned i = 0; i < ST_COUNT(targets); i++) {
        if (targets[i].op == x86_rows[insn->row].op) {
            seg = targets[i].seg;
        }
    }
    if (!cpu_load_far_pointer(cpu, insn->mem.seg, cpu_effective(cpu, insn), bytes,
                              insn->opsize + 2u)) {
        return CPU_FAULT;
    }
    selector = (uint16_t)cpu_get(bytes + insn->opsize, 2);
    if (!cpu_load_segment(cpu, seg, selector)) {
        return CPU_FAULT;
    }
    cpu_gpr_put(cpu, insn->operands[0].reg, insn->opsize, cpu_get(bytes, insn->opsize));
    return loaded(cpu, seg, before);
}

static void set_zf(struct cpu *cpu, bool set)
{
    cpu->arith = set ? cpu->arith | CPU_ARITH_ZF : cpu->arith & ~(uint32_t)CPU_ARITH_ZF;
}

/* Whether CPL and RPL let the descriptor be seen. */
static bool visible(const struct cpu *cpu, const struct cpu_descriptor *d)
{
    const unsigned conforming = X86_SEG_S | X86_SEG_CODE | X86_SEG_CONFORMING;
    unsigned dpl = cpu_descriptor_dpl(d);

    return (d->attributes & conforming) == conforming ||
           (cpu->cpl <= dpl && (d->selector & 3u) <= dpl);
}

static bool type_in(const struct cpu_descriptor *d, uint16_t types)
{
    return (d->attributes & X86_SEG_S) != 0 || (types >> cpu_descriptor_type(d) & 1) != 0;
}

/* The descriptor that operand 1 selects. 1: found and to be seen, 0: not, -1: exception. */
static int ask(struct cpu *cpu, const struct x86_insn *insn, unsigned operand,
               struct cpu_descriptor *ret_descriptor)
{
    uint64_t selector;
    int found;

    if (!cpu_operand_read(cpu, insn, operand, &selector)) {
        return -1;
    }
    found = cpu_descriptor_look(cpu, (uint16_t)selector, ret_descriptor);
    return found > 0 ? visible(cpu, ret_descriptor) : found;
}

enum cpu_result cpu_sys_lar(struct cpu *cpu, const struct x86_insn *insn)
{
    const uint16_t types = cpu->long_mode ? 1 << X86_TYPE_LDT | 1 << X86_TYPE_TSS |
                                                1 << X86_TYPE_TSS_BUSY | 1 << X86_TYPE_CALL_GATE
                                          : 0x1a3e;
    struct cpu_descriptor d;
    int found = ask(cpu, insn, 1, &d);

    if (found < 0) {
        return CPU_FAULT;
    }
    found = found > 0 && type_in(&d, types);
    set_zf(cpu, found);
    if (found) {
        uint64_t rights = (d.attributes & 0xffu) << 8 | (d.attributes & 0xf000u) << 8;

        cpu_gpr_put(cpu, insn->operands[0].reg, insn->opsize, rights);
    }
    return CPU_NEXT;
}

enum cpu_result cpu_sys_lsl(struct cpu *cpu, const struct x86_insn *insn)
{
    const uint16_t types =
        cpu->long_mode ? 1 << X86_TYPE_LDT | 1 << X86_TYPE_TSS | 1 << X86_TYPE_TSS_BUSY
                       : 1 << X86_TYPE_TSS16 | 1 << X86_TYPE_LDT | 1 << X86_TYPE_TSS16_BUSY |
                             1 << X86_TYPE_TSS | 1 << X86_TYPE_TSS_BUSY;
    struct cpu_descriptor d;
    int found = ask(cpu, insn, 1, &d);

    if (found < 0) {
        return CPU_FAULT;
    }
    found = found > 0 && type_in(&d, types);
    set_zf(cpu, found);
    if (found) {
        cpu_gpr_put(cpu, insn->operands[0].reg, insn->opsize, d.limit);
    }
    return CPU_NEXT;
}

/* VERR and VERW. */
enum cpu_result cpu_sys_verify(struct cpu *cpu, const struct x86_insn *insn)
{
    struct cpu_descriptor d;
    int found = ask(cpu, insn, 0, &d);
    bool may = false;

    if (found < 0) {
        return CPU_FAULT;
    }
    if (found > 0 && (d.attributes & X86_SEG_S) != 0) {
        bool code = (d.attributes & X86_SEG_CODE) != 0;
        bool rw = (d.attributes & X86_SEG_WRITABLE) != 0;

        may = x86_rows[insn->row].op == X86_OP_VERR ? !code || rw : !code && rw;
    }
    set_zf(cpu, may);
    return CPU_NEXT;
}

enum cpu_result cpu_sys_arpl(struct cpu *cpu, const struct x86_insn *insn)
{
    uint64_t target;
    uint64_t source;

    if (!cpu_operand_read(cpu, insn, 0, &target) || !cpu_operand_read(cpu, insn, 1, &source)) {
        return CPU_FAULT;
    }
    if ((target & 3) < (source & 3)) {
        if (!cpu_operand_write(cpu, insn, 0, (target & ~3ull) | (source & 3))) {
            return CPU_FAULT;
        }
        set_zf(cpu, true);
    } else {
        /* The memory must be writable all the same. */
        if (!cpu_operand_write(cpu, insn, 0, target)) {
            return CPU_FAULT;
        }
        set_zf(cpu, false);
    }
    return CPU_NEXT;
}
