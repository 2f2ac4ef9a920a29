/* Which features a model has, of those that cpu_features.def lists. */
#include "base/str.h"
#include "cpu/cpu_cpuid.h"

struct feature {
    const char *name;
    uint8_t word; /* enum cpu_feature_word */
    uint8_t bit;
    uint8_t model; /* enum cpu_model: the first that has it */
    bool host;     /* the host must have it */
};

static const struct feature features[] = {
#define X(name, word, bit, model, host) {name, CPU_WORD_##word, bit, model, host},
#include "cpu/cpu_features.def"
#undef X
};

static void host_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t ret_registers[4])
{
    __asm__ volatile("cpuid"
                     : "=a"(ret_registers[0]), "=b"(ret_registers[1]), "=c"(ret_registers[2]),
                       "=d"(ret_registers[3])
                     : "a"(leaf), "c"(subleaf));
}

/* The host's registers that say what its vector instructions are. */
static void host_words(uint32_t ret_words[CPU_WORDS])
{
    uint32_t r[4];
    uint32_t last;

    for (unsigned i = 0; i < CPU_WORDS; i++) {
        ret_words[i] = 0;
    }
    host_cpuid(0, 0, r);
    last = r[0];
    host_cpuid(1, 0, r);
    ret_words[CPU_WORD_1_ECX] = r[2];
    ret_words[CPU_WORD_1_EDX] = r[3];
    if (last >= 7) {
        host_cpuid(7, 0, r);
        ret_words[CPU_WORD_7_EBX] = r[1];
        ret_words[CPU_WORD_7_ECX] = r[2];
        ret_words[CPU_WORD_7_EDX] = r[3];
    }
    if (last >= 13) {
        host_cpuid(13, 1, r);
        ret_words[CPU_WORD_D1_EAX] = r[0];
    }
}

static void mark_row_feature(struct cpu_features *made, const char *name)
{
    for (uint16_t i = 1; i < X86_FEATURES; i++) {
        made->has[i] |= st_streq(x86_feature_name(i), name);
    }
}

int cpu_features_make(const struct cpu_config *config, struct cpu_features *ret_features,
                      struct st_err *err)
{
    struct cpu_features made = {.has[0] = true};
    uint32_t host[CPU_WORDS];

    host_words(host);
    for (unsigned i = 0; i < ST_COUNT(features); i++) {
        const struct feature *f = &features[i];
        bool missing = f->host && (host[f->word] >> f->bit & 1) == 0;

        if (f->model > config->model || (missing && config->model == CPU_HOST)) {
            continue;
        }
        if (missing) {
            return st_fail(err, ST_EUNSUPPORTED, "CPU model %s needs %s, which the host lacks",
                           cpu_model_name(config->model), f->name);
        }
        made.words[f->word] |= 1u << f->bit;
        mark_row_feature(&made, f->name);
    }
    /* Rows in VEX encoding that need two. */
    made.has[X86_FEATURE_VEX_AES] = made.has[X86_FEATURE_AVX] && made.has[X86_FEATURE_AES];
    made.has[X86_FEATURE_VEX_PCLMUL] = made.has[X86_FEATURE_AVX] && made.has[X86_FEATURE_PCLMUL];
    if (config->monitor) {
        made.words[CPU_WORD_1_ECX] |= 1u << 3;
        mark_row_feature(&made, "monitor");
    }
    if (config->count > 1) {
        made.words[CPU_WORD_1_EDX] |= 1u << 28; /* HTT: more than one logical processor */
        made.words[CPU_WORD_E1_ECX] |= 1u << 1; /* ... which are cores */
    }
    /* AMD's copy of leaf 1's EDX. */
    made.words[CPU_WORD_E1_EDX] |= made.words[CPU_WORD_1_EDX] & 0x0183f3ff;
    *ret_features = made;
    return 0;
}

/* ---- models ---- */

static const char *const model_names[CPU_MODELS] = {
    [CPU_BASELINE] = "baseline", [CPU_V2] = "v2", [CPU_V3] = "v3", [CPU_HOST] = "host"};

const char *cpu_model_name(enum cpu_model model)
{
    return model_names[model];
}

int cpu_model_find(const char *name, enum cpu_model *ret_model)
{
    for (unsigned i = 0; i < CPU_MODELS; i++) {
        if (st_streq(name, model_names[i])) {
            *ret_model = i;
            return 0;
        }
    }
    return -ST_EINVAL;
}
