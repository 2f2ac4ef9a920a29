/*
 * What the CPU says it is and can do: models, CPUID, and which bits of control registers follow
 * from it.
 */
#pragma once

#include "cpu/cpu.h"
#include "x86/x86_insn.h"

struct cpu;

/* Registers of CPUID that hold features. */
enum cpu_feature_word {
    CPU_WORD_1_EDX,
    CPU_WORD_1_ECX,
    CPU_WORD_7_EBX,
    CPU_WORD_7_ECX,
    CPU_WORD_7_EDX,
    CPU_WORD_D1_EAX, /* leaf 13, sub-leaf 1 */
    CPU_WORD_E1_EDX, /* leaf 80000001 */
    CPU_WORD_E1_ECX,
    CPU_WORD_E8_EBX, /* leaf 80000008 */
    CPU_WORD_E21_EAX,
    CPU_WORD_E21_ECX,
    CPU_WORDS,
};

enum {
    CPU_SIGNATURE = 0x00a10f11,       /* AMD's family 25, model 17, stepping 1 */
    CPU_SIGNATURE_INTEL = 0x000506e3, /* family 6, model 94 */
};

struct cpu_features {
    uint32_t words[CPU_WORDS];
    bool has[X86_FEATURES]; /* by enum x86_feature: rows of the instruction table */
};

/* The features of a configuration. -ST_EUNSUPPORTED: the host lacks one that the model needs for
 * its vector instructions, *err names it. Pure. */
int cpu_features_make(const struct cpu_config *config, struct cpu_features *ret_features,
                      struct st_err *err) ST_MUST_CHECK;

/* Whether CPUID shows a feature of the instruction table; 0 is always there. Any thread. */
bool cpu_has_feature(const struct cpu *cpu, uint16_t feature);

/* CPUID: EAX, EBX, ECX, EDX. The vCPU's thread. */
void cpu_cpuid(const struct cpu *cpu, uint32_t leaf, uint32_t subleaf, uint32_t ret_registers[4]);

/* Bits that may be set. */
uint64_t cpu_cr4_allowed(const struct cpu *cpu);
uint64_t cpu_efer_allowed(const struct cpu *cpu);
uint64_t cpu_xcr0_allowed(const struct cpu *cpu);
bool cpu_xcr0_valid(const struct cpu *cpu, uint64_t value);
