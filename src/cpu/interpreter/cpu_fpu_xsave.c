/*
 * Whole states to and from memory: FXSAVE, FXRSTOR, XSAVE, XSAVEOPT, XSAVEC, XRSTOR (SDM 1 10.5,
 * 13.7 to 13.11), and MXCSR's own instructions.
 */
#include "base/memops.h"
#include "cpu/cpu_sys.h"
#include "cpu/interpreter/cpu_access.h"
#include "cpu/interpreter/cpu_fpu_image.h"
#include "cpu/interpreter/cpu_simd.h"
#include "cpu/interpreter/cpu_struct.h"
#include "x86/x86_regs.h"

enum { FXSAVE_ALIGN = 16, XSAVE_ALIGN = 64, PIECE = 16, HEADER_SIZE = 64 };
#define COMPACTED (UINT64_C(1) << 63)

/* The memory operand. */
struct area {
    struct cpu *cpu;
    enum x86_seg seg;
    uint64_t offset;
};

/* false: #GP was recorded, its address is not a multiple of `align`. */
static bool find_area(struct cpu *cpu, const struct x86_insn *insn, unsigned align,
                      struct area *ret_area)
{
    uint64_t offset = cpu_effective(cpu, insn);
    enum x86_seg seg = (enum x86_seg)insn->mem.seg;

    if ((cpu->segments[seg].linear_base + offset) & (align - 1)) {
        (void)cpu_raise_error(cpu, CPU_GP, 0);
        return false;
    }
    *ret_area = (struct area){cpu, seg, offset};
    return true;
}

/* Bytes `from` to `to` of the area, multiples of 8, to and from the same place of `bytes`. */
static bool load(const struct area *area, uint8_t *bytes, unsigned from, unsigned to)
{
    uint64_t linear;

    if (cpu_segment_open(area->cpu, area->seg, area->offset + from, CPU_OPEN_READ, &linear)) {
        const void *host = cpu_tlb_read(area->cpu, linear, to - from);

        if (host != NULL) {
            memcpy(bytes + from, host, to - from);
            return true;
        }
    }
    for (unsigned at = from; at < to; at += PIECE) {
        unsigned size = to - at < PIECE ? to - at : PIECE;

        if (!cpu_load(area->cpu, area->seg, area->offset + at, bytes + at, size)) {
            return false;
        }
    }
    return true;
}

static bool store(const struct area *area, const uint8_t *bytes, unsigned from, unsigned to)
{
    uint64_t linear;

    if (cpu_segment_open(area->cpu, area->seg, area->offset + from, CPU_OPEN_WRITE, &linear)) {
        void *host = cpu_tlb_write(area->cpu, linear, to - from);

        if (host != NULL) {
            memcpy(host, bytes + from, to - from);
            return true;
        }
    }
    for (unsigned at = from; at < to; at += PIECE) {
        unsigned size = to - at < PIECE ? to - at : PIECE;

        if (!cpu_store(area->cpu, area->seg, area->offset + at, bytes + at, size)) {
            return false;
        }
    }
    return true;
}

/* The area is shorter than a page: its first and last bytes tell whether all can be stored. */
static bool probe(const struct area *area, unsigned size)
{
    return cpu_probe_store(area->cpu, area->seg, area->offset, 8) &&
           cpu_probe_store(area->cpu, area->seg, area->offset + size - 8, 8);
}

static unsigned registers(const struct x86_insn *insn)
{
    return insn->mode == X86_MODE_64 ? 16 : 8;
}

static bool mxcsr_is_valid(const uint8_t *image)
{
    uint32_t mxcsr;

    memcpy(&mxcsr, image + CPU_IMAGE_MXCSR, sizeof(mxcsr));
    return !(mxcsr & ~(uint32_t)CPU_MXCSR_MASK);
}

static void load_mxcsr(struct cpu *cpu, const uint8_t *image)
{
    uint32_t mxcsr;

    memcpy(&mxcsr, image + CPU_IMAGE_MXCSR, sizeof(mxcsr));
    cpu_fpu_set_mxcsr(cpu, mxcsr);
}

/* ---- FXSAVE, FXRSTOR ---- */

static enum cpu_result fxsave(struct cpu *cpu, const struct x86_insn *insn)
{
    uint8_t image[CPU_IMAGE_LEGACY] = {0};
    unsigned end = CPU_IMAGE_XMM + registers(insn) * 16;
    struct area area;

    if (cpu_fpu_clear_way(cpu, CPU_BLOCK_X87) != CPU_NEXT ||
        !find_area(cpu, insn, FXSAVE_ALIGN, &area) || !probe(&area, CPU_IMAGE_LEGACY)) {
        return CPU_FAULT;
    }
    cpu_fpu_unload_x87(cpu);
    cpu_image_save_x87(cpu, image, insn->opsize == 8);
    cpu_image_save_mxcsr(cpu, image);
    cpu_image_save_xmm(cpu, image, registers(insn));
    return store(&area, image, 0, end) ? CPU_NEXT : CPU_FAULT;
}

static enum cpu_result fxrstor(struct cpu *cpu, const struct x86_insn *insn)
{
    uint8_t image[CPU_IMAGE_LEGACY];
    struct area area;

    if (cpu_fpu_clear_way(cpu, CPU_BLOCK_X87) != CPU_NEXT ||
        !find_area(cpu, insn, FXSAVE_ALIGN, &area) || !load(&area, image, 0, CPU_IMAGE_LEGACY)) {
        return CPU_FAULT;
    }
    if (!mxcsr_is_valid(image)) {
        return cpu_raise_error(cpu, CPU_GP, 0);
    }
    cpu_fpu_unload_x87(cpu);
    cpu_image_load_x87(cpu, image, insn->opsize == 8);
    cpu_image_load_xmm(cpu, image, registers(insn));
    load_mxcsr(cpu, image);
    return CPU_NEXT;
}

/* ---- XSAVE ---- */

/* false: an exception was recorded. */
static bool begin_xsave(struct cpu *cpu, const struct x86_insn *insn, struct area *ret_area,
                        uint64_t *ret_wanted)
{
    if (!(cpu->cr4 & X86_CR4_OSXSAVE)) {
        (void)cpu_raise(cpu, CPU_UD);
        return false;
    }
    if (cpu->cr0 & X86_CR0_TS) {
        (void)cpu_raise(cpu, CPU_NM);
        return false;
    }
    *ret_wanted = (cpu->gpr[X86_RDX] << 32 | (uint32_t)cpu->gpr[X86_RAX]) & cpu->xcr0;
    return find_area(cpu, insn, XSAVE_ALIGN, ret_area);
}

static uint64_t in_use_of(const struct cpu *cpu)
{
    return cpu_image_in_use(cpu) | (cpu->pkru != 0 ? CPU_COMPONENT_PKRU : 0);
}

/* Where PKRU is in an area that is compacted to these components: AVX alone may come before it. */
static unsigned compacted_pkru(uint64_t components)
{
    return CPU_IMAGE_AVX + ((components & CPU_COMPONENT_AVX) ? CPU_IMAGE_AVX_SIZE : 0);
}

/* The components of `components` to their places, PKRU at byte `pkru_at`. The area was probed. */
static bool store_components(const struct area *area, const struct x86_insn *insn,
                             uint64_t components, bool mxcsr, unsigned pkru_at)
{
    struct cpu *cpu = area->cpu;
    uint8_t image[CPU_IMAGE_WHOLE] = {0};
    unsigned count = registers(insn);

    if (components & CPU_COMPONENT_X87) {
        cpu_image_save_x87(cpu, image, insn->opsize == 8);
        if (!store(area, image, 0, CPU_IMAGE_MXCSR) ||
            !store(area, image, CPU_IMAGE_ST, CPU_IMAGE_XMM)) {
            return false;
        }
    }
    if (mxcsr) {
        cpu_image_save_mxcsr(cpu, image);
        if (!store(area, image, CPU_IMAGE_MXCSR, CPU_IMAGE_ST)) {
            return false;
        }
    }
    if (components & CPU_COMPONENT_SSE) {
        cpu_image_save_xmm(cpu, image, count);
        if (!store(area, image, CPU_IMAGE_XMM, CPU_IMAGE_XMM + count * 16)) {
            return false;
        }
    }
    if (components & CPU_COMPONENT_AVX) {
        cpu_image_save_avx(cpu, image + CPU_IMAGE_AVX, count);
        if (!store(area, image, CPU_IMAGE_AVX, CPU_IMAGE_AVX + count * 16)) {
            return false;
        }
    }
    if (components & CPU_COMPONENT_PKRU) {
        memcpy(image + pkru_at, &cpu->pkru, CPU_IMAGE_PKRU_SIZE);
        return store(area, image, pkru_at, pkru_at + CPU_IMAGE_PKRU_SIZE);
    }
    return true;
}

static unsigned standard_size(uint64_t components)
{
    return (components & CPU_COMPONENT_PKRU)  ? CPU_IMAGE_WHOLE
           : (components & CPU_COMPONENT_AVX) ? CPU_IMAGE_SIZE
                                              : CPU_IMAGE_AVX;
}

/* XSAVE, and XSAVEOPT, which leaves out what is in its initial state. */
static enum cpu_result save_standard(struct cpu *cpu, const struct x86_insn *insn, bool optimized)
{
    uint64_t wanted, in_use, found;
    uint8_t header[CPU_IMAGE_HEADER + 8];
    struct area area;

    if (!begin_xsave(cpu, insn, &area, &wanted) || !probe(&area, standard_size(wanted)) ||
        !load(&area, header, CPU_IMAGE_HEADER, CPU_IMAGE_HEADER + 8)) {
        return CPU_FAULT;
    }
    cpu_fpu_unload_x87(cpu);
    in_use = in_use_of(cpu);
    memcpy(&found, header + CPU_IMAGE_HEADER, sizeof(found));
    found = (found & ~wanted) | (in_use & wanted);
    memcpy(header + CPU_IMAGE_HEADER, &found, sizeof(found));
    if (!store_components(&area, insn, optimized ? wanted & in_use : wanted,
                          (wanted & (CPU_COMPONENT_SSE | CPU_COMPONENT_AVX)) != 0,
                          CPU_IMAGE_PKRU) ||
        !store(&area, header, CPU_IMAGE_HEADER, CPU_IMAGE_HEADER + 8)) {
        return CPU_FAULT;
    }
    return CPU_NEXT;
}

static enum cpu_result xsave(struct cpu *cpu, const struct x86_insn *insn)
{
    return save_standard(cpu, insn, false);
}

static enum cpu_result xsaveopt(struct cpu *cpu, const struct x86_insn *insn)
{
    return save_standard(cpu, insn, true);
}

static enum cpu_result xsavec(struct cpu *cpu, const struct x86_insn *insn)
{
    uint64_t wanted, header[2];
    uint8_t bytes[CPU_IMAGE_AVX];
    unsigned pkru_at;
    struct area area;

    if (!begin_xsave(cpu, insn, &area, &wanted)) {
        return CPU_FAULT;
    }
    pkru_at = compacted_pkru(wanted);
    if (!probe(&area, (wanted & CPU_COMPONENT_PKRU) ? pkru_at + CPU_IMAGE_PKRU_SIZE : pkru_at)) {
        return CPU_FAULT;
    }
    cpu_fpu_unload_x87(cpu);
    header[0] = in_use_of(cpu);
    if (cpu_fpu_mxcsr(cpu) != X86_MXCSR_RESET) {
        header[0] |= CPU_COMPONENT_SSE;
    }
    header[0] &= wanted;
    header[1] = wanted | COMPACTED;
    memcpy(bytes + CPU_IMAGE_HEADER, header, sizeof(header));
    /* AVX is the first component after the header, so that it lies where the standard format has
     * it.
     */
    if (!store_components(&area, insn, header[0], (header[0] & CPU_COMPONENT_SSE) != 0, pkru_at) ||
        !store(&area, bytes, CPU_IMAGE_HEADER, CPU_IMAGE_HEADER + (unsigned)sizeof(header))) {
        return CPU_FAULT;
    }
    return CPU_NEXT;
}

/* ---- XRSTOR ---- */

static bool header_is_valid(const struct cpu *cpu, const uint8_t *image)
{
    uint64_t words[HEADER_SIZE / 8], rest = 0;

    memcpy(words, image + CPU_IMAGE_HEADER, sizeof(words));
    for (unsigned i = 2; i < HEADER_SIZE / 8; i++) {
        rest |= words[i];
    }
    if (words[1] & COMPACTED) {
        return cpu_has_feature(cpu, X86_FEATURE_XSAVEC) && !(words[1] & ~COMPACTED & ~cpu->xcr0) &&
               !(words[0] & ~words[1]) && rest == 0;
    }
    /* Bytes 24 to 63 are not looked at (SDM 1 13.8.1). */
    return words[1] == 0 && words[2] == 0 && !(words[0] & ~cpu->xcr0);
}

static enum cpu_result xrstor(struct cpu *cpu, const struct x86_insn *insn)
{
    uint8_t image[CPU_IMAGE_WHOLE];
    uint64_t wanted, header[2], present, pkru = 0;
    unsigned pkru_at;
    bool compacted, mxcsr;
    struct area area;

    if (!begin_xsave(cpu, insn, &area, &wanted) || !load(&area, image, 0, CPU_IMAGE_AVX)) {
        return CPU_FAULT;
    }
    if (!header_is_valid(cpu, image)) {
        return cpu_raise_error(cpu, CPU_GP, 0);
    }
    memcpy(header, image + CPU_IMAGE_HEADER, sizeof(header));
    compacted = (header[1] & COMPACTED) != 0;
    present = header[0] & wanted;
    mxcsr = compacted ? (present & CPU_COMPONENT_SSE) != 0
                      : (wanted & (CPU_COMPONENT_SSE | CPU_COMPONENT_AVX)) != 0;
    if (mxcsr && !mxcsr_is_valid(image)) {
        return cpu_raise_error(cpu, CPU_GP, 0);
    }
    if ((present & CPU_COMPONENT_AVX) &&
        !load(&area, image, CPU_IMAGE_AVX, CPU_IMAGE_AVX + registers(insn) * 16)) {
        return CPU_FAULT;
    }
    pkru_at = compacted ? compacted_pkru(header[1]) : CPU_IMAGE_PKRU;
    if (present & CPU_COMPONENT_PKRU) {
        if (!load(&area, image, pkru_at, pkru_at + CPU_IMAGE_PKRU_SIZE)) {
            return CPU_FAULT;
        }
        memcpy(&pkru, image + pkru_at, sizeof(pkru));
    }
    cpu_fpu_unload_x87(cpu);
    if (wanted & CPU_COMPONENT_X87) {
        cpu_image_load_x87(cpu, (present & CPU_COMPONENT_X87) ? image : NULL, insn->opsize == 8);
    }
    if (wanted & CPU_COMPONENT_SSE) {
        cpu_image_load_xmm(cpu, (present & CPU_COMPONENT_SSE) ? image : NULL, registers(insn));
    }
    if (wanted & CPU_COMPONENT_AVX) {
        cpu_image_load_avx(cpu, (present & CPU_COMPONENT_AVX) ? image + CPU_IMAGE_AVX : NULL,
                           registers(insn));
    }
    if (mxcsr) {
        load_mxcsr(cpu, image);
    } else if (compacted && (wanted & CPU_COMPONENT_SSE)) {
        cpu_fpu_set_mxcsr(cpu, X86_MXCSR_RESET);
    }
    if (wanted & CPU_COMPONENT_PKRU) {
        cpu_set_pkru(cpu, (uint32_t)pkru);
        return CPU_END;
    }
    return CPU_NEXT;
}

/* ---- MXCSR ---- */

static unsigned mxcsr_needs(const struct x86_insn *insn)
{
    return insn->vex ? CPU_BLOCK_AVX : CPU_BLOCK_SSE;
}

static enum cpu_result ldmxcsr(struct cpu *cpu, const struct x86_insn *insn)
{
    uint32_t mxcsr;

    if (cpu_fpu_clear_way(cpu, mxcsr_needs(insn)) != CPU_NEXT ||
        !cpu_load(cpu, (enum x86_seg)insn->mem.seg, cpu_effective(cpu, insn), &mxcsr,
                  sizeof(mxcsr))) {
        return CPU_FAULT;
    }
    if (mxcsr & ~(uint32_t)CPU_MXCSR_MASK) {
        return cpu_raise_error(cpu, CPU_GP, 0);
    }
    cpu_fpu_set_mxcsr(cpu, mxcsr);
    return CPU_NEXT;
}

static enum cpu_result stmxcsr(struct cpu *cpu, const struct x86_insn *insn)
{
    uint32_t mxcsr;

    if (cpu_fpu_clear_way(cpu, mxcsr_needs(insn)) != CPU_NEXT) {
        return CPU_FAULT;
    }
    mxcsr = cpu_fpu_mxcsr(cpu);
    return cpu_store(cpu, (enum x86_seg)insn->mem.seg, cpu_effective(cpu, insn), &mxcsr,
                     sizeof(mxcsr))
               ? CPU_NEXT
               : CPU_FAULT;
}

cpu_general *cpu_fpu_xsave_handler(uint16_t op)
{
    switch (op) {
    case X86_OP_FXSAVE:
        return fxsave;
    case X86_OP_FXRSTOR:
        return fxrstor;
    case X86_OP_XSAVE:
        return xsave;
    case X86_OP_XSAVEOPT:
        return xsaveopt;
    case X86_OP_XSAVEC:
        return xsavec;
    case X86_OP_XRSTOR:
        return xrstor;
    case X86_OP_LDMXCSR:
    case X86_OP_VLDMXCSR:
        return ldmxcsr;
    case X86_OP_STMXCSR:
    case X86_OP_VSTMXCSR:
        return stmxcsr;
    default:
        return NULL;
    }
}
