/*
 * x87's control instructions: what reads, writes or resets its environment (SDM 1 8.1.10 has the
 * formats), FWAIT and EMMS.
 */
#include "base/memops.h"
#include "cpu/interpreter/cpu_fpu_image.h"
#include "cpu/interpreter/cpu_simd.h"
#include "cpu/interpreter/cpu_struct.h"
#include "x86/x86_regs.h"

enum { SAVE_MAX = 108, ST_BYTES = 10, TAG_VALID = 0, TAG_ZERO = 1, TAG_SPECIAL = 2, TAG_EMPTY = 3 };

/* An environment in the form of the mode and operand size: seven words or double words. */
struct environment {
    uint16_t control, status, tags;
    uint32_t fip, fdp;
    uint16_t fcs, fds, fop;
};

static bool has_selectors(const struct cpu *cpu)
{
    return cpu->protected_mode;
}

/* ---- tags ---- */

static unsigned tag_of(const uint8_t *st)
{
    uint64_t significand;
    uint16_t exponent;

    memcpy(&significand, st, sizeof(significand));
    memcpy(&exponent, st + 8, sizeof(exponent));
    exponent &= 0x7fff;
    if (exponent == 0 && significand == 0) {
        return TAG_ZERO;
    }
    return exponent == 0 || exponent == 0x7fff || !(significand >> 63) ? TAG_SPECIAL : TAG_VALID;
}

static uint16_t full_tags(const uint8_t *image)
{
    unsigned top = image[CPU_IMAGE_FSW + 1] >> 3 & 7, tags = 0;

    for (unsigned i = 0; i < 8; i++) {
        const uint8_t *st = image + CPU_IMAGE_ST + ((i - top) & 7) * 16;
        bool used = (image[CPU_IMAGE_FTW] >> i & 1) != 0;

        tags |= (used ? tag_of(st) : (unsigned)TAG_EMPTY) << 2 * i;
    }
    return (uint16_t)tags;
}

static uint8_t abridged_tags(uint16_t tags)
{
    unsigned abridged = 0;

    for (unsigned i = 0; i < 8; i++) {
        abridged |= (tags >> 2 * i & 3u) != TAG_EMPTY ? 1u << i : 0;
    }
    return (uint8_t)abridged;
}

/* ---- the two sizes and two modes ---- */

static void put(uint8_t *bytes, unsigned index, bool wide, uint32_t value)
{
    if (wide) {
        memcpy(bytes + index * 4, &value, 4);
    } else {
        memcpy(bytes + index * 2, &value, 2);
    }
}

static uint32_t get(const uint8_t *bytes, unsigned index, bool wide)
{
    uint32_t value = 0;

    memcpy(&value, bytes + index * (wide ? 4 : 2), wide ? 4 : 2);
    return value;
}

static void write_environment(const struct cpu *cpu, uint8_t *bytes, bool wide)
{
    const struct cpu_fpu *fpu = &cpu->fpu;
    const uint32_t high = 0xffff0000u; /* reserved halves are stored as ones */
    uint32_t fip = (uint32_t)fpu->fip, fdp = (uint32_t)fpu->fdp;
    uint16_t control, status;

    memcpy(&control, fpu->x87 + CPU_IMAGE_FCW, sizeof(control));
    memcpy(&status, fpu->x87 + CPU_IMAGE_FSW, sizeof(status));
    put(bytes, 0, wide, control | high);
    put(bytes, 1, wide, status | high);
    put(bytes, 2, wide, full_tags(fpu->x87) | high);
    if (has_selectors(cpu)) {
        put(bytes, 3, wide, fip);
        put(bytes, 4, wide, fpu->fcs | (uint32_t)fpu->fop << 16);
        put(bytes, 5, wide, fdp);
        put(bytes, 6, wide, fpu->fds | high);
        return;
    }
    fip += (uint32_t)fpu->fcs << 4;
    fdp += (uint32_t)fpu->fds << 4;
    put(bytes, 3, wide, (fip & 0xffff) | high);
    put(bytes, 5, wide, (fdp & 0xffff) | high);
    if (wide) {
        put(bytes, 4, true, (fip >> 16) << 12 | fpu->fop);
        put(bytes, 6, true, (fdp >> 16) << 12);
    } else {
        put(bytes, 4, false, (fip >> 16 & 15) << 12 | fpu->fop);
        put(bytes, 6, false, (fdp >> 16 & 15) << 12);
    }
}

/* The image has the registers by their distance from the top: another top is another order. */
static void turn_to(struct cpu_fpu *fpu, uint16_t status)
{
    unsigned by = ((unsigned)status >> 11) - (fpu->x87[CPU_IMAGE_FSW + 1] >> 3);
    uint8_t turned[8][16];

    for (unsigned i = 0; i < 8; i++) {
        memcpy(turned[i], fpu->x87 + CPU_IMAGE_ST + ((i + by) & 7) * 16, 16);
    }
    memcpy(fpu->x87 + CPU_IMAGE_ST, turned, sizeof(turned));
}

static void read_environment(struct cpu *cpu, const uint8_t *bytes, bool wide)
{
    struct cpu_fpu *fpu = &cpu->fpu;
    uint16_t control = (uint16_t)get(bytes, 0, wide), status = (uint16_t)get(bytes, 1, wide);
    uint32_t fip = get(bytes, 3, wide), code = get(bytes, 4, wide);
    uint32_t fdp = get(bytes, 5, wide), data = get(bytes, 6, wide);

    control = (uint16_t)((control & 0x1f3f) | 0x40);
    status = cpu_image_status(status, control);
    turn_to(fpu, status);
    memcpy(fpu->x87 + CPU_IMAGE_FCW, &control, sizeof(control));
    memcpy(fpu->x87 + CPU_IMAGE_FSW, &status, sizeof(status));
    fpu->x87[CPU_IMAGE_FTW] = abridged_tags((uint16_t)get(bytes, 2, wide));
    if (has_selectors(cpu)) {
        fpu->fip = fip;
        fpu->fcs = (uint16_t)code;
        fpu->fop = wide ? code >> 16 & 0x7ff : fpu->fop;
        fpu->fdp = fdp;
        fpu->fds = (uint16_t)data;
    } else {
        fpu->fip = (fip & 0xffff) | (code >> 12) << 16;
        fpu->fop = code & 0x7ff;
        fpu->fdp = (fdp & 0xffff) | (data >> 12) << 16;
        fpu->fcs = 0;
        fpu->fds = 0;
    }
    cpu_fpu_fcw_changed(cpu, control);
}

/* ---- memory, in pieces that cpu_load takes ---- */

enum { PIECE = 16 };

static bool load(struct cpu *cpu, const struct x86_insn *insn, uint8_t *ret_bytes, unsigned size)
{
    uint64_t offset = cpu_effective(cpu, insn);

    for (unsigned at = 0; at < size; at += PIECE) {
        unsigned piece = size - at < PIECE ? size - at : PIECE;

        if (!cpu_load(cpu, (enum x86_seg)insn->mem.seg, offset + at, ret_bytes + at, piece)) {
            return false;
        }
    }
    return true;
}

static bool store(struct cpu *cpu, const struct x86_insn *insn, const uint8_t *bytes, unsigned size)
{
    uint64_t offset = cpu_effective(cpu, insn);
    enum x86_seg seg = (enum x86_seg)insn->mem.seg;

    if (!cpu_probe_store(cpu, seg, offset, 2) || !cpu_probe_store(cpu, seg, offset + size - 2, 2)) {
        return false;
    }
    for (unsigned at = 0; at < size; at += PIECE) {
        unsigned piece = size - at < PIECE ? size - at : PIECE;

        if (!cpu_store(cpu, seg, offset + at, bytes + at, piece)) {
            return false;
        }
    }
    return true;
}

/* ---- handlers ---- */

static enum cpu_result fninit(struct cpu *cpu, const struct x86_insn *insn)
{
    (void)insn;
    if (cpu_fpu_clear_way(cpu, CPU_BLOCK_X87 | CPU_BLOCK_STACK) != CPU_NEXT) {
        return CPU_FAULT;
    }
    __asm__ volatile("fninit");
    cpu->fpu.fip = 0;
    cpu->fpu.fdp = 0;
    cpu->fpu.fcs = 0;
    cpu->fpu.fds = 0;
    cpu->fpu.fop = 0;
    cpu_fpu_fcw_changed(cpu, X86_FCW_INIT);
    return CPU_NEXT;
}

static enum cpu_result fldcw(struct cpu *cpu, const struct x86_insn *insn)
{
    const unsigned needs = CPU_BLOCK_X87 | CPU_BLOCK_STACK | CPU_BLOCK_PENDING;
    uint16_t control;

    if (cpu_fpu_clear_way(cpu, needs) != CPU_NEXT ||
        !load(cpu, insn, (uint8_t *)&control, sizeof(control)) ||
        cpu_fpu_clear_way(cpu, needs) != CPU_NEXT) {
        return CPU_FAULT;
    }
    __asm__ volatile("fldcw %0" : : "m"(control));
    cpu_fpu_fcw_changed(cpu, control);
    return CPU_NEXT;
}

static enum cpu_result fwait(struct cpu *cpu, const struct x86_insn *insn)
{
    (void)insn;
    if (cpu->fpu.blocked & CPU_BLOCK_PENDING) {
        return cpu_fpu_clear_way(cpu, CPU_BLOCK_WAIT | CPU_BLOCK_STACK | CPU_BLOCK_PENDING);
    }
    return cpu_fpu_clear_way(cpu, CPU_BLOCK_WAIT);
}

static enum cpu_result fnstsw(struct cpu *cpu, const struct x86_insn *insn)
{
    uint16_t status;

    if (cpu_fpu_clear_way(cpu, CPU_BLOCK_X87 | CPU_BLOCK_STACK) != CPU_NEXT) {
        return CPU_FAULT;
    }
    if (insn->operands[0].kind == X86_MEM) {
        uint8_t bytes[2];

        __asm__ volatile("fnstsw %0" : "=m"(status));
        memcpy(bytes, &status, sizeof(bytes));
        return store(cpu, insn, bytes, sizeof(bytes)) ? CPU_NEXT : CPU_FAULT;
    }
    __asm__ volatile("fnstsw %0" : "=a"(status));
    cpu->gpr[X86_RAX] = (cpu->gpr[X86_RAX] & ~UINT64_C(0xffff)) | status;
    return CPU_NEXT;
}

static enum cpu_result fnstenv(struct cpu *cpu, const struct x86_insn *insn)
{
    bool wide = insn->opsize != 2;
    uint8_t bytes[28];
    uint16_t control;

    if (cpu_fpu_clear_way(cpu, CPU_BLOCK_X87) != CPU_NEXT) {
        return CPU_FAULT;
    }
    cpu_fpu_unload_x87(cpu);
    write_environment(cpu, bytes, wide);
    if (!store(cpu, insn, bytes, wide ? 28 : 14)) {
        return CPU_FAULT;
    }
    memcpy(&control, cpu->fpu.x87, sizeof(control));
    control |= X86_MXCSR_EXCEPTIONS;
    memcpy(cpu->fpu.x87, &control, sizeof(control));
    /* With all masked none waits. */
    cpu->fpu.x87[CPU_IMAGE_FSW] &= 0x7f;
    cpu->fpu.x87[CPU_IMAGE_FSW + 1] &= 0x7f;
    cpu_fpu_fcw_changed(cpu, control);
    return CPU_NEXT;
}

static enum cpu_result fldenv(struct cpu *cpu, const struct x86_insn *insn)
{
    bool wide = insn->opsize != 2;
    uint8_t bytes[28];

    if (cpu_fpu_clear_way(cpu, CPU_BLOCK_X87 | CPU_BLOCK_STACK | CPU_BLOCK_PENDING) != CPU_NEXT ||
        !load(cpu, insn, bytes, wide ? 28 : 14)) {
        return CPU_FAULT;
    }
    cpu_fpu_unload_x87(cpu);
    read_environment(cpu, bytes, wide);
    return CPU_NEXT;
}

static enum cpu_result fnsave(struct cpu *cpu, const struct x86_insn *insn)
{
    bool wide = insn->opsize != 2;
    unsigned size = wide ? 28 : 14;
    uint8_t bytes[SAVE_MAX];

    if (cpu_fpu_clear_way(cpu, CPU_BLOCK_X87) != CPU_NEXT) {
        return CPU_FAULT;
    }
    cpu_fpu_unload_x87(cpu);
    write_environment(cpu, bytes, wide);
    for (unsigned i = 0; i < 8; i++) {
        memcpy(bytes + size + i * ST_BYTES, cpu->fpu.x87 + CPU_IMAGE_ST + i * 16, ST_BYTES);
    }
    if (!store(cpu, insn, bytes, size + 8 * ST_BYTES)) {
        return CPU_FAULT;
    }
    /* As FNINIT: tags empty, the registers' contents as they were. */
    return fninit(cpu, insn);
}

static enum cpu_result frstor(struct cpu *cpu, const struct x86_insn *insn)
{
    bool wide = insn->opsize != 2;
    unsigned size = wide ? 28 : 14;
    uint8_t bytes[SAVE_MAX];

    if (cpu_fpu_clear_way(cpu, CPU_BLOCK_X87 | CPU_BLOCK_STACK | CPU_BLOCK_PENDING) != CPU_NEXT ||
        !load(cpu, insn, bytes, size + 8 * ST_BYTES)) {
        return CPU_FAULT;
    }
    cpu_fpu_unload_x87(cpu);
    read_environment(cpu, bytes, wide);
    for (unsigned i = 0; i < 8; i++) {
        memcpy(cpu->fpu.x87 + CPU_IMAGE_ST + i * 16, bytes + size + i * ST_BYTES, ST_BYTES);
    }
    return CPU_NEXT;
}

static enum cpu_result emms(struct cpu *cpu, const struct x86_insn *insn)
{
    (void)insn;
    if (cpu_fpu_clear_way(cpu, CPU_BLOCK_MMX | CPU_BLOCK_STACK | CPU_BLOCK_PENDING) != CPU_NEXT) {
        return CPU_FAULT;
    }
    __asm__ volatile("emms");
    return CPU_NEXT;
}

cpu_general *cpu_fpu_env_handler(uint16_t op)
{
    switch (op) {
    case X86_OP_FNINIT:
        return fninit;
    case X86_OP_FLDCW:
        return fldcw;
    case X86_OP_FWAIT:
        return fwait;
    case X86_OP_FNSTSW:
        return fnstsw;
    case X86_OP_FNSTENV:
        return fnstenv;
    case X86_OP_FLDENV:
        return fldenv;
    case X86_OP_FNSAVE:
        return fnsave;
    case X86_OP_FRSTOR:
        return frstor;
    case X86_OP_EMMS:
        return emms;
    default:
        return NULL;
    }
}
