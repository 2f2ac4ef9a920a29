/* Port input and output. */
#include "cpu/interpreter/cpu_integer.h"
#include "cpu/interpreter/cpu_string.h"

/* The port is operand n: an immediate byte or DX. */
static uint16_t port_of(const struct cpu *cpu, const struct x86_insn *insn, unsigned n)
{
    return insn->operands[n].kind == X86_IMM ? (uint8_t)insn->imm : (uint16_t)cpu->gpr[X86_RDX];
}

enum cpu_result cpu_int_in(struct cpu *cpu, const struct x86_insn *insn)
{
    unsigned width = insn->operands[0].width;
    uint16_t port = port_of(cpu, insn, 1);

    if (!cpu_io_allowed(cpu, port, width)) {
        return CPU_FAULT;
    }
    cpu_gpr_put(cpu, X86_RAX, width, cpu_io_read(cpu, port, width));
    return CPU_NEXT;
}

enum cpu_result cpu_int_out(struct cpu *cpu, const struct x86_insn *insn)
{
    unsigned width = insn->operands[1].width;
    uint16_t port = port_of(cpu, insn, 0);

    if (!cpu_io_allowed(cpu, port, width)) {
        return CPU_FAULT;
    }
    cpu_io_write(cpu, port, width, (uint32_t)cpu_gpr_get(cpu, X86_RAX, width));
    return CPU_NEXT;
}

enum cpu_result cpu_int_ins(struct cpu *cpu, const struct x86_insn *insn)
{
    uint16_t port = (uint16_t)cpu->gpr[X86_RDX];
    struct cpu_string string;

    /* Also a REP of nothing has to be allowed. */
    if (!cpu_io_allowed(cpu, port, insn->operands[0].width)) {
        return CPU_FAULT;
    }
    if (!cpu_string_begin(cpu, insn, insn->operands[0].width, &string)) {
        return CPU_NEXT;
    }
    do {
        uint64_t offset = cpu->gpr[X86_RDI] & string.mask;
        uint32_t value;

        /* The port is read only when the element can be stored. */
        if (!cpu_probe_store(cpu, X86_ES, offset, string.width)) {
            return CPU_FAULT;
        }
        value = cpu_io_read(cpu, port, string.width);
        if (!cpu_store(cpu, X86_ES, offset, &value, string.width)) {
            return CPU_FAULT;
        }
        cpu_string_advance(&string, false, true, 1);
        if (cpu_string_interrupted(&string)) {
            return CPU_AGAIN;
        }
    } while (string.left != 0);
    return CPU_NEXT;
}

enum cpu_result cpu_int_outs(struct cpu *cpu, const struct x86_insn *insn)
{
    uint16_t port = (uint16_t)cpu->gpr[X86_RDX];
    struct cpu_string string;

    /* Also a REP of nothing has to be allowed. */
    if (!cpu_io_allowed(cpu, port, insn->operands[1].width)) {
        return CPU_FAULT;
    }
    if (!cpu_string_begin(cpu, insn, insn->operands[1].width, &string)) {
        return CPU_NEXT;
    }
    do {
        uint32_t value = 0;

        if (!cpu_load(cpu, string.source, cpu->gpr[X86_RSI] & string.mask, &value, string.width)) {
            return CPU_FAULT;
        }
        cpu_io_write(cpu, port, string.width, value);
        cpu_string_advance(&string, true, false, 1);
        if (cpu_string_interrupted(&string)) {
            return CPU_AGAIN;
        }
    } while (string.left != 0);
    return CPU_NEXT;
}
