/* What the manual leaves undefined after an instruction, and what is each machine's own. */
#include "base/memops.h"
#include "cases/cases.h"
#include "x86/x86_regs.h"

/* Registers that get values of the machine's own: clock, counters, identification, chance. */
static void mask_values(const struct cases_case *c, struct cases_after *after)
{
    switch (x86_rows[c->row].op) {
    case X86_OP_RDTSCP:
        after->gpr[X86_RCX] = 0;
        after->gpr[X86_RAX] = after->gpr[X86_RDX] = 0;
        break;
    case X86_OP_RDTSC:
    case X86_OP_RDPMC:
        after->gpr[X86_RAX] = after->gpr[X86_RDX] = 0;
        break;
    case X86_OP_CPUID:
        memset(after->gpr, 0, 4 * sizeof after->gpr[0]);
        break;
    case X86_OP_RDRAND:
    case X86_OP_RDSEED:
    case X86_OP_RDPID:
        after->gpr[c->insn.operands[0].reg] = 0;
        after->rflags &= ~(uint64_t)X86_CF;
        break;
    case X86_OP_IN:
    case X86_OP_INS:
        /* What a port answers behind which nobody is. */
        after->gpr[X86_RAX] = after->memory = 0;
        break;
    case X86_OP_BSWAP:
        if (c->insn.opsize == 2) {
            after->gpr[c->insn.operands[0].reg] = 0;
        }
        break;
    case X86_OP_LAR: {
        /* Bits 16 to 19 (SDM 2A, LAR). */
        uint64_t undefined = c->insn.opsize > 2 ? 0xf0000 : 0;

        after->gpr[c->insn.operands[0].reg] &= ~undefined;
        break;
    }
    default:
        break;
    }
}

/* By how many bits the operand is shifted or rotated; 1 if it is no such instruction. */
static unsigned shift_count(const struct cases_case *c)
{
    const struct x86_operand *count = &c->insn.operands[c->insn.operands_count > 2 ? 2 : 1];
    unsigned mask = c->insn.opsize == 8 && c->insn.operands[0].width == 8 ? 63 : 31;

    switch (x86_rows[c->row].op) {
    case X86_OP_ROL:
    case X86_OP_ROR:
    case X86_OP_RCL:
    case X86_OP_RCR:
    case X86_OP_SHL:
    case X86_OP_SHR:
    case X86_OP_SAR:
    case X86_OP_SHLD:
    case X86_OP_SHRD:
        return count->kind == X86_IMM   ? (unsigned)c->insn.imm & mask
               : count->kind == X86_GPR ? (unsigned)c->gpr[X86_RCX] & mask
                                        : 1;
    default:
        return 1;
    }
}

void cases_mask(const struct cases_case *c, struct cases_after *after)
{
    const struct x86_row *row = &x86_rows[c->row];

    /* RF in the image of the flags: SDM 3A 6.8.3 has it set by faults, and leaves traps open. */
    after->rflags &= ~(uint64_t)X86_RF;
    if (after->vector != 3) {
        return;
    }
    after->rflags &= ~(uint64_t)row->flags_undefined;
    /* OF is that of a shift by one alone. */
    if (shift_count(c) > 1) {
        after->rflags &= ~(uint64_t)X86_OF;
    }
    mask_values(c, after);
}
