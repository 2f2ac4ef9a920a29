/*
 * Pieces of the images of FXSAVE and XSAVE.
 */
#include "cpu/interpreter/cpu_fpu_image.h"

#include "base/memops.h"
#include "cpu/interpreter/cpu_simd.h"
#include "cpu/interpreter/cpu_struct.h"
#include "x86/x86_regs.h"

enum { POINTERS_SIZE = CPU_IMAGE_MXCSR - CPU_IMAGE_FIP, ST_SIZE = CPU_IMAGE_XMM - CPU_IMAGE_ST };

uint16_t cpu_image_status(uint16_t status, uint16_t control)
{
    unsigned waiting = (status & ~control & X86_MXCSR_EXCEPTIONS) ? 0x8080 : 0;

    return (uint16_t)((status & 0x7f7f) | waiting);
}

void cpu_image_save_x87(const struct cpu *cpu, uint8_t *image, bool wide)
{
    const struct cpu_fpu *fpu = &cpu->fpu;

    memcpy(image, fpu->x87, CPU_IMAGE_FOP);
    memcpy(image + CPU_IMAGE_ST, fpu->x87 + CPU_IMAGE_ST, ST_SIZE);
    memcpy(image + CPU_IMAGE_FOP, &fpu->fop, sizeof(fpu->fop));
    memset(image + CPU_IMAGE_FIP, 0, POINTERS_SIZE);
    memcpy(image + CPU_IMAGE_FIP, &fpu->fip, wide ? 8 : 4);
    memcpy(image + CPU_IMAGE_FDP, &fpu->fdp, wide ? 8 : 4);
    if (!wide) {
        memcpy(image + CPU_IMAGE_FCS, &fpu->fcs, sizeof(fpu->fcs));
        memcpy(image + CPU_IMAGE_FDS, &fpu->fds, sizeof(fpu->fds));
    }
}

void cpu_image_load_x87(struct cpu *cpu, const uint8_t *image, bool wide)
{
    struct cpu_fpu *fpu = &cpu->fpu;
    uint16_t control = X86_FCW_INIT, status = 0;

    fpu->fip = 0;
    fpu->fdp = 0;
    fpu->fcs = 0;
    fpu->fds = 0;
    fpu->fop = 0;
    memset(fpu->x87, 0, sizeof(fpu->x87));
    if (image != NULL) {
        memcpy(&control, image, sizeof(control));
        memcpy(&status, image + CPU_IMAGE_FSW, sizeof(status));
        memcpy(fpu->x87 + CPU_IMAGE_FTW, image + CPU_IMAGE_FTW, 1);
        memcpy(fpu->x87 + CPU_IMAGE_ST, image + CPU_IMAGE_ST, ST_SIZE);
        memcpy(&fpu->fop, image + CPU_IMAGE_FOP, sizeof(fpu->fop));
        fpu->fop &= 0x7ff;
        memcpy(&fpu->fip, image + CPU_IMAGE_FIP, wide ? 8 : 4);
        memcpy(&fpu->fdp, image + CPU_IMAGE_FDP, wide ? 8 : 4);
        if (!wide) {
            memcpy(&fpu->fcs, image + CPU_IMAGE_FCS, sizeof(fpu->fcs));
            memcpy(&fpu->fds, image + CPU_IMAGE_FDS, sizeof(fpu->fds));
        }
    }
    control = (uint16_t)((control & 0x1f3f) | 0x40); /* bits 6 and 7, 13-15 are fixed */
    status = cpu_image_status(status, control);
    memcpy(fpu->x87, &control, sizeof(control));
    memcpy(fpu->x87 + CPU_IMAGE_FSW, &status, sizeof(status));
    for (unsigned i = 0; i < 8; i++) {
        memset(fpu->x87 + CPU_IMAGE_ST + i * 16 + 10, 0, 6);
    }
    cpu_fpu_fcw_changed(cpu, control);
}

void cpu_image_save_mxcsr(const struct cpu *cpu, uint8_t *image)
{
    uint32_t mxcsr = cpu_fpu_mxcsr(cpu), mask = CPU_MXCSR_MASK;

    memcpy(image + CPU_IMAGE_MXCSR, &mxcsr, sizeof(mxcsr));
    memcpy(image + CPU_IMAGE_MXCSR_MASK, &mask, sizeof(mask));
}

void cpu_image_save_xmm(const struct cpu *cpu, uint8_t *image, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        memcpy(image + CPU_IMAGE_XMM + i * 16, cpu->fpu.ymm[i], 16);
    }
}

void cpu_image_load_xmm(struct cpu *cpu, const uint8_t *image, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (image == NULL) {
            memset(cpu->fpu.ymm[i], 0, 16);
        } else {
            memcpy(cpu->fpu.ymm[i], image + CPU_IMAGE_XMM + i * 16, 16);
        }
    }
}

void cpu_image_save_avx(const struct cpu *cpu, uint8_t *upper, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        memcpy(upper + i * 16, cpu->fpu.ymm[i] + 16, 16);
    }
}

void cpu_image_load_avx(struct cpu *cpu, const uint8_t *upper, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (upper == NULL) {
            memset(cpu->fpu.ymm[i] + 16, 0, 16);
        } else {
            memcpy(cpu->fpu.ymm[i] + 16, upper + i * 16, 16);
        }
    }
}

static bool is_zero(const uint8_t *bytes, unsigned size)
{
    uint64_t all = 0;

    for (unsigned i = 0; i < size; i += 8) {
        uint64_t word;

        memcpy(&word, bytes + i, sizeof(word));
        all |= word;
    }
    return all == 0;
}

static bool is_initial_x87(const struct cpu_fpu *fpu)
{
    static const uint8_t control_status_tags[] = {X86_FCW_INIT & 0xff, X86_FCW_INIT >> 8, 0, 0, 0};

    return memcmp(fpu->x87, control_status_tags, sizeof(control_status_tags)) == 0 &&
           fpu->fip == 0 && fpu->fdp == 0 && fpu->fcs == 0 && fpu->fds == 0 && fpu->fop == 0 &&
           is_zero(fpu->x87 + CPU_IMAGE_ST, ST_SIZE);
}

uint64_t cpu_image_in_use(const struct cpu *cpu)
{
    const struct cpu_fpu *fpu = &cpu->fpu;
    uint64_t components = is_initial_x87(fpu) ? 0 : CPU_COMPONENT_X87;

    for (unsigned i = 0; i < 16; i++) {
        components |= is_zero(fpu->ymm[i], 16) ? 0 : CPU_COMPONENT_SSE;
        components |= is_zero(fpu->ymm[i] + 16, 16) ? 0 : CPU_COMPONENT_AVX;
    }
    return components;
}
