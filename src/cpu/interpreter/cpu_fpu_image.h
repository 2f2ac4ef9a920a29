/*
 * Pieces of the images that FXSAVE and XSAVE have in memory (SDM 1 10.5, 13.4), to and from struct
 * cpu_fpu. The x87 state must be out of the host's FPU (cpu_fpu_unload_x87).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct cpu;

enum cpu_image {
    CPU_IMAGE_FCW = 0,
    CPU_IMAGE_FSW = 2,
    CPU_IMAGE_FTW = 4, /* abridged: a bit for each physical register, set: not empty */
    CPU_IMAGE_FOP = 6,
    CPU_IMAGE_FIP = 8,
    CPU_IMAGE_FCS = 12,
    CPU_IMAGE_FDP = 16,
    CPU_IMAGE_FDS = 20,
    CPU_IMAGE_MXCSR = 24,
    CPU_IMAGE_MXCSR_MASK = 28,
    CPU_IMAGE_ST = 32, /* by distance from the top, 16 bytes each */
    CPU_IMAGE_XMM = 160,
    CPU_IMAGE_LEGACY = 512,
    CPU_IMAGE_HEADER = 512, /* XSTATE_BV, XCOMP_BV, zeros to 576 */
    CPU_IMAGE_AVX = 576,    /* of the standard format */
    CPU_IMAGE_AVX_SIZE = 256,
    CPU_IMAGE_SIZE = 832,
    CPU_IMAGE_PKRU = 832, /* of the standard format */
    CPU_IMAGE_PKRU_SIZE = 8,
    CPU_IMAGE_WHOLE = 840,
};

enum cpu_component {
    CPU_COMPONENT_X87 = 1,
    CPU_COMPONENT_SSE = 2,
    CPU_COMPONENT_AVX = 4,
    CPU_COMPONENT_PKRU = 1 << 9,
};

/* Bytes 0-23 and 32-159 of an image. `wide`: FIP and FDP of 64 bits instead of 32 with selectors.
 * Loading from NULL is the initial state. */
void cpu_image_save_x87(const struct cpu *cpu, uint8_t *image, bool wide);
void cpu_image_load_x87(struct cpu *cpu, const uint8_t *image, bool wide);
/* Bytes 24-31. */
void cpu_image_save_mxcsr(const struct cpu *cpu, uint8_t *image);
/* `count` XMM registers from byte 160 on; and the upper halves of as many YMM registers. */
void cpu_image_save_xmm(const struct cpu *cpu, uint8_t *image, unsigned count);
void cpu_image_load_xmm(struct cpu *cpu, const uint8_t *image, unsigned count);
void cpu_image_save_avx(const struct cpu *cpu, uint8_t *upper, unsigned count);
void cpu_image_load_avx(struct cpu *cpu, const uint8_t *upper, unsigned count);
/* Which of the components are not in their initial state; PKRU, which is no part of struct cpu_fpu,
 * is not looked at. */
uint64_t cpu_image_in_use(const struct cpu *cpu);

/* Puts a status word right that was loaded: whether an unmasked exception waits (bits 7, 15). */
uint16_t cpu_image_status(uint16_t status, uint16_t control);
