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
    for (unsigned i = 1; i < X86_FEATURES; i++) {
        made->has[i] |= st_streq(x86_feature_name((uint16_t)i), name);
    }
}

_Static_assert((int)CPU_WORDS == CPU_FEATURE_WORDS, "cpu.h counts the words that we have");

int cpu_features_make(const struct cpu_config *config, struct cpu_features *ret_features,
                      struct st_err *err)
{
    struct cpu_features made = {.has[0] = true};
    uint32_t host[CPU_WORDS];

    host_words(host);
    for (unsigned i = 0; i < ST_COUNT(features); i++) {
        const struct feature *f = &features[i];
        bool missing = f->host && (host[f->word] >> f->bit & 1) == 0;
        bool on = (config->on[f->word] >> f->bit & 1) != 0;

        if ((config->off[f->word] >> f->bit & 1) != 0) {
            continue;
        }
        if (!on && (f->model > config->model || (missing && config->model == CPU_HOST))) {
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
    if (config->vendor == CPU_INTEL) {
        made.words[CPU_WORD_7_EDX] |= 1u << 29; /* IA32_ARCH_CAPABILITIES */
    } else {
        /* A copy of leaf 1's EDX. */
        made.words[CPU_WORD_E1_EDX] |= made.words[CPU_WORD_1_EDX] & 0x0183f3ff;
    }
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

/* Names of /proc/cpuinfo, and QEMU's, where they are not the ones of cpu_features.def. */
static const struct {
    const char *name, *ours;
} aliases[] = {
    {"pni", "sse3"},
    {"pclmulqdq", "pclmul"},
    {"tsc_deadline_timer", "deadline"},
    {"sha_ni", "sha"},
    {"abm", "lzcnt"},
    {"3dnowprefetch", "prefetchw"},
    {"tsc-deadline", "deadline"},
    {"sse4.1", "sse4_1"},
    {"sse4.2", "sse4_2"},
    {"tsc-adjust", "tsc_adjust"},
};

static const struct feature *find_feature(const char *name)
{
    for (unsigned i = 0; i < ST_COUNT(aliases); i++) {
        if (st_streq(aliases[i].name, name)) {
            name = aliases[i].ours;
        }
    }
    for (unsigned i = 0; i < ST_COUNT(features); i++) {
        if (st_streq(features[i].name, name)) {
            return &features[i];
        }
    }
    return NULL;
}

/* "+NAME", "-NAME", "vendor=NAME". */
static int apply_change(const char *item, struct cpu_config *config, struct st_err *err)
{
    bool on = item[0] == '+';
    const char *vendor = st_after_prefix(item, "vendor=");
    const struct feature *f;

    if (vendor != NULL && (st_streq(vendor, "intel") || st_streq(vendor, "GenuineIntel"))) {
        config->vendor = CPU_INTEL;
        return 0;
    }
    if (vendor != NULL && (st_streq(vendor, "amd") || st_streq(vendor, "AuthenticAMD"))) {
        config->vendor = CPU_AMD;
        return 0;
    }
    if (!on && item[0] != '-') {
        return st_fail(err, ST_EINVAL, "\"%s\" is none of +FEATURE, -FEATURE, vendor=amd|intel",
                       item);
    }
    if (st_streq(item + 1, "monitor")) {
        config->monitor = on;
        return 0;
    }
    f = find_feature(item + 1);
    if (f == NULL) {
        return st_fail(err, ST_EINVAL, "this CPU does not know the feature \"%s\"", item + 1);
    }
    config->on[f->word] = (config->on[f->word] & ~(1u << f->bit)) | (uint32_t)on << f->bit;
    config->off[f->word] = (config->off[f->word] & ~(1u << f->bit)) | (uint32_t)!on << f->bit;
    return 0;
}

int cpu_model_parse(const char *text, struct cpu_config *config, struct st_err *err)
{
    struct cpu_config made = *config;

    for (bool first = true, more = true; more; first = false) {
        char item[32];
        size_t length = 0;

        while (text[length] != '\0' && text[length] != ',') {
            if (length + 1 == sizeof item) {
                return st_fail(err, ST_EINVAL, "no CPU model or feature has a name as long as %s",
                               text);
            }
            item[length] = text[length];
            length++;
        }
        item[length] = '\0';
        more = text[length] == ',';
        text += length + more;
        if (first) {
            if (cpu_model_find(item, &made.model) < 0) {
                return st_fail(err, ST_EINVAL,
                               "\"%s\" is none of the CPU models baseline, v2, v3, host", item);
            }
        } else {
            int r = apply_change(item, &made, err);

            if (r < 0) {
                return r;
            }
        }
    }
    *config = made;
    return 0;
}
