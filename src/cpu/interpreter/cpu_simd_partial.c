/*
 * Vector instructions whose memory operand is not one piece: masked moves and gathers, element by
 * element.
 *
 * An element whose mask bit is clear is not touched at all: it cannot fault. A masked store faults
 * before it has stored anything. A gather that faults has done the elements before and cleared
 * their mask (SDM 2, VPGATHERDD).
 */
#include "base/memops.h"
#include "cpu/interpreter/cpu_fpu_image.h"
#include "cpu/interpreter/cpu_simd.h"
#include "cpu/interpreter/cpu_struct.h"

enum { VECTOR_MAX = 32 };

static uint8_t *register_of(struct cpu *cpu, const struct x86_operand *operand)
{
    return cpu->fpu.ymm[operand->reg];
}

static unsigned vector_bytes(const struct x86_insn *insn)
{
    return insn->vex_l ? VECTOR_MAX : VECTOR_MAX / 2;
}

/* Whether the top bit of the element is set. */
static bool is_selected(const uint8_t *mask, unsigned element, unsigned size)
{
    return (mask[(element + 1) * size - 1] & 0x80) != 0;
}

/* The address of an element of a memory operand within its segment. */
static uint64_t add_to(const struct x86_insn *insn, uint64_t offset, uint64_t more)
{
    uint64_t mask = insn->addrsize == 8 ? UINT64_MAX : (UINT64_C(1) << insn->addrsize * 8) - 1;

    return (offset + more) & mask;
}

/* Stores the selected elements of `size` bytes among `bytes`, or none. */
static enum cpu_result store_selected(struct cpu *cpu, const struct x86_insn *insn,
                                      enum x86_seg seg, uint64_t offset, const uint8_t *values,
                                      const uint8_t *mask, unsigned size, unsigned bytes)
{
    for (unsigned i = 0; i < bytes / size; i++) {
        if (is_selected(mask, i, size) &&
            !cpu_probe_store(cpu, seg, add_to(insn, offset, i * size), size)) {
            return CPU_FAULT;
        }
    }
    for (unsigned i = 0; i < bytes / size; i++) {
        if (is_selected(mask, i, size) &&
            !cpu_store(cpu, seg, add_to(insn, offset, i * size), values + i * size, size)) {
            return CPU_FAULT;
        }
    }
    return CPU_NEXT;
}

/* ---- VMASKMOVPS and its kind ---- */

static enum cpu_result vmaskmov(struct cpu *cpu, const struct x86_insn *insn)
{
    const uint8_t *mask = register_of(cpu, &insn->operands[1]);
    unsigned bytes = vector_bytes(insn);
    uint16_t op = x86_rows[insn->row].op;
    unsigned size = op == X86_OP_VMASKMOVPD || op == X86_OP_VPMASKMOVQ ? 8 : 4;
    enum x86_seg seg = (enum x86_seg)insn->mem.seg;
    uint8_t result[VECTOR_MAX] = {0};
    uint64_t offset;

    if (cpu_fpu_clear_way(cpu, CPU_BLOCK_AVX) != CPU_NEXT) {
        return CPU_FAULT;
    }
    offset = cpu_effective(cpu, insn);
    if (insn->operands[0].kind == X86_MEM) {
        return store_selected(cpu, insn, seg, offset, register_of(cpu, &insn->operands[2]), mask,
                              size, bytes);
    }
    for (unsigned i = 0; i < bytes / size; i++) {
        if (is_selected(mask, i, size) &&
            !cpu_load(cpu, seg, add_to(insn, offset, i * size), result + i * size, size)) {
            return CPU_FAULT;
        }
    }
    memcpy(register_of(cpu, &insn->operands[0]), result, sizeof(result));
    return CPU_NEXT;
}

/* ---- MASKMOVDQU, MASKMOVQ ---- */

/* To seg:rDI. */
static enum cpu_result maskmov(struct cpu *cpu, const struct x86_insn *insn, const uint8_t *values,
                               const uint8_t *mask, unsigned bytes)
{
    enum x86_seg seg =
        insn->seg_override == X86_SEG_NONE ? X86_DS : (enum x86_seg)insn->seg_override;

    return store_selected(cpu, insn, seg, add_to(insn, cpu->gpr[X86_RDI], 0), values, mask, 1,
                          bytes);
}

static enum cpu_result maskmovdqu(struct cpu *cpu, const struct x86_insn *insn)
{
    if (cpu_fpu_clear_way(cpu, insn->vex ? CPU_BLOCK_AVX : CPU_BLOCK_SSE) != CPU_NEXT) {
        return CPU_FAULT;
    }
    return maskmov(cpu, insn, register_of(cpu, &insn->operands[0]),
                   register_of(cpu, &insn->operands[1]), 16);
}

static enum cpu_result maskmovq(struct cpu *cpu, const struct x86_insn *insn)
{
    struct cpu_fpu *fpu = &cpu->fpu;
    unsigned top;
    const uint8_t *values, *mask;

    if (cpu_fpu_clear_way(cpu, CPU_BLOCK_MMX | CPU_BLOCK_STACK | CPU_BLOCK_PENDING) != CPU_NEXT) {
        return CPU_FAULT;
    }
    cpu_fpu_unload_x87(cpu);
    top = fpu->x87[CPU_IMAGE_FSW + 1] >> 3 & 7;
    values = fpu->x87 + CPU_IMAGE_ST + ((insn->operands[0].reg - top) & 7u) * 16;
    mask = fpu->x87 + CPU_IMAGE_ST + ((insn->operands[1].reg - top) & 7u) * 16;
    if (maskmov(cpu, insn, values, mask, 8) != CPU_NEXT) {
        return CPU_FAULT;
    }
    /* An MMX instruction marks all registers as used and the first as the top. */
    if (top != 0) {
        uint8_t turned[8][16];

        for (unsigned i = 0; i < 8; i++) {
            memcpy(turned[i], fpu->x87 + CPU_IMAGE_ST + ((i - top) & 7) * 16, 16);
        }
        memcpy(fpu->x87 + CPU_IMAGE_ST, turned, sizeof(turned));
        fpu->x87[CPU_IMAGE_FSW + 1] &= 0xc7;
    }
    fpu->x87[CPU_IMAGE_FTW] = 0xff;
    return CPU_NEXT;
}

/* ---- gathers ---- */

/* The address that element `element` of the index register stands for. */
static uint64_t gather_address(struct cpu *cpu, const struct x86_insn *insn, uint64_t base,
                               unsigned element, unsigned index_size)
{
    const uint8_t *indexes = cpu->fpu.ymm[insn->mem.index];
    uint64_t index;

    if (index_size == 8) {
        memcpy(&index, indexes + element * 8, 8);
    } else {
        int32_t small;

        memcpy(&small, indexes + element * 4, 4);
        index = (uint64_t)(int64_t)small;
    }
    return add_to(insn, base, index * insn->mem.scale);
}

static enum cpu_result gather(struct cpu *cpu, const struct x86_insn *insn)
{
    uint8_t *target = register_of(cpu, &insn->operands[0]);
    uint8_t *mask = register_of(cpu, &insn->operands[2]);
    unsigned size = (insn->rex & 8) ? 8 : 4, index_size = (insn->opcode & 1) ? 8 : 4;
    unsigned count = vector_bytes(insn) / (size > index_size ? size : index_size);
    struct x86_insn without = *insn; /* its address without the index */
    uint64_t base;

    if (cpu_fpu_clear_way(cpu, CPU_BLOCK_AVX) != CPU_NEXT) {
        return CPU_FAULT;
    }
    without.mem.index = -1;
    base = cpu_effective(cpu, &without);
    for (unsigned i = 0; i < count; i++) {
        uint8_t value[8];

        if (is_selected(mask, i, size)) {
            if (!cpu_load(cpu, (enum x86_seg)insn->mem.seg,
                          gather_address(cpu, insn, base, i, index_size), value, size)) {
                return CPU_FAULT;
            }
            memcpy(target + i * size, value, size);
        }
        memset(mask + i * size, 0, size);
    }
    memset(mask, 0, VECTOR_MAX);
    memset(target + count * size, 0, VECTOR_MAX - count * size);
    return CPU_NEXT;
}

cpu_general *cpu_simd_partial_handler(uint16_t op)
{
    switch (op) {
    case X86_OP_VMASKMOVPS:
    case X86_OP_VMASKMOVPD:
    case X86_OP_VPMASKMOVD:
    case X86_OP_VPMASKMOVQ:
        return vmaskmov;
    case X86_OP_MASKMOVQ:
        return maskmovq;
    case X86_OP_MASKMOVDQU:
    case X86_OP_VMASKMOVDQU:
        return maskmovdqu;
    case X86_OP_VPGATHERDD:
    case X86_OP_VPGATHERDQ:
    case X86_OP_VPGATHERQD:
    case X86_OP_VPGATHERQQ:
    case X86_OP_VGATHERDPS:
    case X86_OP_VGATHERDPD:
    case X86_OP_VGATHERQPS:
    case X86_OP_VGATHERQPD:
        return gather;
    default:
        return NULL;
    }
}
