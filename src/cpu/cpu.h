/*
 * The software CPU: an x86-64 processor in freestanding C behind src/vcpu's seam.
 */
#pragma once

#include "vcpu/vcpu.h"

/* A named set of CPUID features. */
enum cpu_model {
    CPU_BASELINE, /* x86-64: what every 64-bit CPU has */
    CPU_V2,       /* x86-64-v2: to SSE4.2, POPCNT, CMPXCHG16B */
    CPU_V3,       /* x86-64-v3: AVX2, FMA, BMI, F16C, MOVBE, LZCNT */
    CPU_HOST,     /* all that the host has and this CPU knows */
    CPU_MODELS,
};

/* "baseline", "v2", "v3", "host". */
const char *cpu_model_name(enum cpu_model model);
/* -ST_EINVAL: no such model. */
int cpu_model_find(const char *name, enum cpu_model *ret_model);

enum cpu_vendor { CPU_AMD, CPU_INTEL };

/* Registers of CPUID that hold features: see cpu_cpuid.h. */
enum { CPU_FEATURE_WORDS = 11 };

struct cpu_config {
    enum cpu_model model;
    bool monitor;     /* show MONITOR/MWAIT in CPUID */
    uint32_t tsc_khz; /* the guest's TSC frequency; 0: 1 GHz */
    unsigned count;   /* vCPUs of the machine, for CPUID's topology */
    enum cpu_vendor vendor;
    uint32_t on[CPU_FEATURE_WORDS], off[CPU_FEATURE_WORDS]; /* changes to the model's features */
};

/* Parses what people write after --cpu: a model, then changes: "v3", "host,-avx2,+monitor",
 * "v2,vendor=intel". Features are named as in Linux's /proc/cpuinfo. Sets model, vendor, monitor,
 * on and off of *config. -ST_EINVAL: *err says what is not known. Pure. */
int cpu_model_parse(const char *text, struct cpu_config *config, struct st_err *err);

/* Fills `set` in (ops; platform, memory and bus are set by the caller before) with config->count
 * software CPUs in reset state: CPU 0 runs from the reset vector, the others wait for SIPI.
 * -ST_EUNSUPPORTED: the host lacks a feature of the model, *err names it. -ST_ENOMEM. */
int cpu_set_create(struct vcpu_set *set, const struct cpu_config *config, struct st_err *err);

/* vcpu_run ends with VCPU_EXIT_BUDGET once the vCPU has retired this many instructions in all;
 * UINT64_MAX: never. The vCPU's thread, or vCPU stopped. */
void cpu_set_budget(struct vcpu *vcpu, uint64_t retired);

/* Frees them. No thread runs any. NULLs set->vcpus. */
void cpu_set_free(struct vcpu_set *set);

/* Makes vcpu_run return VCPU_EXIT_BUDGET after this many more instructions are retired; UINT64_MAX:
 * never. vCPU stopped. */
void cpu_set_budget(struct vcpu *vcpu, uint64_t instructions);
