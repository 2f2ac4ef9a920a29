/*
 * -XX flags: see jdk_flags.h. Three tables: all names with their types (one text, so that it needs
 * no relocation), the old names that HotSpot 17 warns of, and what is honoured here.
 */
#include "jvm/jdk/jdk_flags.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jvm/jdk/jdk.h"

/* "TYPE STATE NAME" of each flag, then those of our own. */
#define FLAG(type, state, name) #type " " #state " " #name "\0"
static const char names[] =
#include "jvm/jdk/jdk_flags.def"
    FLAG(uintx, product, GCStress) FLAG(bool, product, VerifyHeap);
#undef FLAG

enum { TYPE_BYTES = 10, STATE_BYTES = 14, NUMBER_BYTES = 24 };
struct known {
    char type[TYPE_BYTES], state[STATE_BYTES];
    const char *name;
};

static const struct {
    const char *name, *version, *instead;
    bool obsolete; /* ignored; else deprecated */
} old_names[] = {
    {"AllowRedefinitionToAddDeleteMethods", "13.0", NULL, false},
    {"AlwaysLockClassLoader", "17.0", NULL, false},
    {"AssertOnSuspendWaitFailure", "17.0", NULL, true},
    {"BiasedLockingBulkRebiasThreshold", "15.0", NULL, false},
    {"BiasedLockingBulkRevokeThreshold", "15.0", NULL, false},
    {"BiasedLockingDecayTime", "15.0", NULL, false},
    {"BiasedLockingStartupDelay", "15.0", NULL, false},
    {"CreateMinidumpOnCrash", "9.0", "CreateCoredumpOnCrash", false},
    {"CriticalJNINatives", "16.0", NULL, false},
    {"DefaultMaxRAMFraction", "8.0", "MaxRAMFraction", false},
    {"FlightRecorder", "13.0", NULL, false},
    {"InitialRAMFraction", "10.0", NULL, false},
    {"MaxGCMinorPauseMillis", "8.0", NULL, false},
    {"MaxRAMFraction", "10.0", NULL, false},
    {"MinRAMFraction", "10.0", NULL, false},
    {"PrintBiasedLockingStatistics", "15.0", NULL, false},
    {"PrintPreciseBiasedLockingStatistics", "15.0", NULL, false},
    {"TLABStats", "12.0", NULL, false},
    {"TraceSuspendWaitFailures", "17.0", NULL, true},
    {"UseBiasedLocking", "15.0", NULL, false},
    {"UseOptoBiasInlining", "15.0", NULL, false},
};

/* What is honoured: where it goes. A number's unit is `unit` bytes of the member. */
#define MEMBER(name) offsetof(struct jdk_options, name)
#define NO_LIMIT 0, 0
#define UNSIGNED_MOST ((int64_t)UINT64_MAX)
static const struct honoured {
    const char *name;
    size_t at;
    uint32_t width;    /* of the member */
    uint32_t unit;     /* 0: 1 */
    bool inverted;     /* the member says the contrary */
    int64_t low, high; /* equal: all of its type. Of an unsigned one the same bits */
} honoured[] = {
    {"ActiveProcessorCount", MEMBER(processors), 4, 0, false, INT32_MIN, INT32_MAX},
    {"BytecodeVerificationLocal", MEMBER(verify_boot), 1, 0, false, NO_LIMIT},
    {"BytecodeVerificationRemote", MEMBER(verify_other), 1, 0, false, NO_LIMIT},
    {"CompactStrings", MEMBER(wide_strings), 1, 0, true, NO_LIMIT},
    {"CrashOnOutOfMemoryError", MEMBER(crash_on_oom), 1, 0, false, NO_LIMIT},
    {"CreateCoredumpOnCrash", MEMBER(no_core), 1, 0, true, NO_LIMIT},
    {"DisableExplicitGC", MEMBER(no_explicit_gc), 1, 0, false, NO_LIMIT},
    {"ErrorFile", MEMBER(error_file), 8, 0, false, NO_LIMIT},
    {"ExitOnOutOfMemoryError", MEMBER(exit_on_oom), 1, 0, false, NO_LIMIT},
    {"GCStress", MEMBER(stress_every), 8, 0, false, NO_LIMIT},
    {"InitialHeapSize", MEMBER(heap_min), 8, 0, false, NO_LIMIT},
    {"InitialRAMFraction", MEMBER(initial_ram_fraction), 8, 0, false, 1, UNSIGNED_MOST},
    {"InitialRAMPercentage", MEMBER(initial_ram_percent), 8, 0, false, 0, 100},
    {"ManagementServer", MEMBER(management_agent), 1, 0, false, NO_LIMIT},
    {"MaxDirectMemorySize", MEMBER(max_direct_bytes), 8, 0, false, 0, INT64_MAX},
    {"MaxHeapSize", MEMBER(heap_max), 8, 0, false, NO_LIMIT},
    {"MaxJavaStackTraceDepth", MEMBER(trace_depth), 4, 0, false, 0, 1073741823},
    {"MaxRAM", MEMBER(max_ram), 8, 0, false, NO_LIMIT},
    {"MaxRAMFraction", MEMBER(max_ram_fraction), 8, 0, false, 1, UNSIGNED_MOST},
    {"MaxRAMPercentage", MEMBER(max_ram_percent), 8, 0, false, 0, 100},
    {"MinRAMFraction", MEMBER(min_ram_fraction), 8, 0, false, 1, UNSIGNED_MOST},
    {"MinRAMPercentage", MEMBER(min_ram_percent), 8, 0, false, 0, 100},
    {"OnOutOfMemoryError", MEMBER(on_oom), 8, 0, false, NO_LIMIT},
    {"PrintCommandLineFlags", MEMBER(print_given_flags), 1, 0, false, NO_LIMIT},
    {"PrintFlagsFinal", MEMBER(print_flags), 1, 0, false, NO_LIMIT},
    {"PrintGC", MEMBER(print_gc), 1, 0, false, NO_LIMIT},
    {"PrintGCDetails", MEMBER(print_gc_details), 1, 0, false, NO_LIMIT},
    {"PrintVMOptions", MEMBER(print_options), 1, 0, false, NO_LIMIT},
    {"ReduceSignalUsage", MEMBER(reduce_signals), 1, 0, false, NO_LIMIT},
    {"ShowCodeDetailsInExceptionMessages", MEMBER(show_code_details), 1, 0, false, NO_LIMIT},
    {"ThreadStackSize", MEMBER(stack_bytes), 8, 1024, false, 0, 1 << 20},
    {"UseContainerSupport", MEMBER(no_container), 1, 0, true, NO_LIMIT},
    {"VerifyHeap", MEMBER(verify_heap), 1, 0, false, NO_LIMIT},
};
#undef MEMBER
#undef NO_LIMIT
#undef UNSIGNED_MOST
static_assert(ST_COUNT(honoured) <= 64, "a bit of given_flags for each");

/* What people must not believe to be there. */
static const struct {
    const char *name, *what;
} absent[] = {
    {"HeapDumpAfterFullGC", "heap dumps are"},
    {"HeapDumpBeforeFullGC", "heap dumps are"},
    {"HeapDumpOnOutOfMemoryError", "heap dumps are"},
    {"FlightRecorder", "flight recording is"},
};

/* ---- names ---- */

static void read_entry(const char *entry, struct known *ret)
{
    const char *state = strchr(entry, ' ') + 1;
    ret->name = strchr(state, ' ') + 1;
    (void)snprintf(ret->type, sizeof ret->type, "%.*s", (int)(state - entry - 1), entry);
    (void)snprintf(ret->state, sizeof ret->state, "%.*s", (int)(ret->name - state - 1), state);
}

static bool same(const char *name, const char *text, size_t length)
{
    return strncmp(name, text, length) == 0 && name[length] == '\0';
}

static bool find_name(const char *text, size_t length, struct known *ret)
{
    for (const char *entry = names; *entry != '\0'; entry += strlen(entry) + 1) {
        const char *name = strrchr(entry, ' ') + 1;
        if (same(name, text, length)) {
            read_entry(entry, ret);
            return true;
        }
    }
    return false;
}

double jdk_likeness(const char *one, size_t length, const char *other, size_t other_length)
{
    unsigned hits = 0;
    for (size_t i = 0; i + 1 < length; i++) {
        for (size_t k = 0; k + 1 < other_length; k++) {
            if (one[i] == other[k] && one[i + 1] == other[k + 1]) {
                hits++;
                break;
            }
        }
    }
    return 2.0 * hits / (double)(length + other_length);
}

static bool is_locked(const struct jdk_flag_reader *reader, const struct known *flag)
{
    if (strncmp(flag->name, "Unlock", 6) == 0) {
        return false;
    }
    return (strcmp(flag->state, "diagnostic") == 0 && !reader->diagnostic) ||
           (strcmp(flag->state, "experimental") == 0 && !reader->experimental);
}

static int unknown(struct jdk_flag_reader *reader, const char *text, size_t length,
                   struct st_err *err)
{
    struct known flag;
    struct known best = {.name = NULL};
    double most = 0.7;
    int r = st_fail(err, ST_EINVAL, "Unrecognized VM option '%s'", text);
    for (const char *entry = names; *entry != '\0'; entry += strlen(entry) + 1) {
        read_entry(entry, &flag);
        double like =
            is_locked(reader, &flag) ? 0 : jdk_likeness(text, length, flag.name, strlen(flag.name));
        if (like > most) {
            most = like;
            best = flag;
        }
    }
    if (best.name != NULL) {
        bool truth = strcmp(best.type, "bool") == 0;
        st_hint(err, "Did you mean '%s%s%s'? ", truth ? "(+/-)" : "", best.name,
                truth ? "" : "=<value>");
    }
    return r;
}

/* ---- values ---- */

bool jdk_parse_size(const char *text, uint64_t *ret_number)
{
    char *end;
    if (!isdigit((unsigned char)*text)) {
        return false;
    }
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    errno = 0;
    unsigned long long number = strtoull(text, &end, hex ? 16 : 10);
    const char *units = "kmgt";
    const char *unit = *end != '\0' ? strchr(units, tolower((unsigned char)*end)) : NULL;
    unsigned shift = unit != NULL ? 10 * (unsigned)(unit - units + 1) : 0;
    *ret_number = number << shift;
    return errno == 0 && end[unit != NULL] == '\0' && number <= UINT64_MAX >> shift;
}

static bool is_unsigned(const char *type)
{
    return strncmp(type, "int", 3) != 0;
}

/* A number as its type has them. False: it is none. */
static bool parse_number(const char *type, const char *text, int64_t *ret_number)
{
    bool is_signed = !is_unsigned(type);
    bool minus = is_signed && *text == '-';
    bool narrow = strcmp(type, "int") == 0 || strcmp(type, "uint") == 0;
    uint64_t most = !is_signed ? (narrow ? UINT32_MAX : UINT64_MAX)
                               : (narrow ? INT32_MAX : INT64_MAX) + (uint64_t)minus;
    uint64_t number;
    if (!jdk_parse_size(text + minus, &number) || number > most) {
        return false;
    }
    *ret_number = (int64_t)(minus ? 0 - number : number);
    return true;
}

/* Digits, a point and digits, or 0x and digits: HotSpot takes no other form of them. */
static bool parse_double(const char *text, double *ret_number)
{
    static const char digits[] = "0123456789";
    uint64_t number;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        bool good = jdk_parse_size(text, &number);
        *ret_number = good ? (double)number : 0;
        return good;
    }
    size_t whole = strspn(text, digits);
    const char *end = text + whole;
    size_t fraction = *end == '.' ? strspn(end + 1, digits) : 0;
    *ret_number = strtod(text, NULL);
    return whole != 0 &&
           (*end == '.' ? fraction != 0 && end[1 + fraction] == '\0' : *end == '\0') &&
           isfinite(*ret_number);
}

static int improper(struct st_err *err, const char *text)
{
    return st_fail(err, ST_EINVAL, "Improperly specified VM option '%s'", text);
}

/* A list's texts stand below each other. */
static int set_text(char **kept, bool is_list, const char *value)
{
    bool add = is_list && *kept != NULL && **kept != '\0';
    char *text;
    if (asprintf(&text, "%s%s%s", add ? *kept : "", add ? "\n" : "", value) < 0) {
        return -ST_ENOMEM;
    }
    free(*kept);
    *kept = text;
    return 0;
}

static const char *number_text(bool has_no_sign, int64_t number, char text[static NUMBER_BYTES])
{
    (void)snprintf(text, NUMBER_BYTES, has_no_sign ? "%llu" : "%lld", (unsigned long long)number);
    return text;
}

static int set_number(char *member, const struct honoured *to, const struct known *flag,
                      int64_t number, const char *text, struct st_err *err)
{
    bool bits = is_unsigned(flag->type);
    bool inside = bits ? (uint64_t)number - (uint64_t)to->low <= (uint64_t)(to->high - to->low)
                       : number >= to->low && number <= to->high;
    if (to->low != to->high && !inside) {
        char texts[3][NUMBER_BYTES];
        return st_fail(err, ST_EINVAL,
                       "%s %s=%s is outside the allowed range [ %s ... %s ]\n"
                       "Improperly specified VM option '%s'",
                       flag->type, flag->name, number_text(bits, number, texts[0]),
                       number_text(bits, to->low, texts[1]), number_text(bits, to->high, texts[2]),
                       text);
    }
    uint64_t wide = (uint64_t)number * (to->unit != 0 ? to->unit : 1);
    uint32_t narrow = (uint32_t)wide;
    memcpy(member, to->width == 4 ? (const void *)&narrow : &wide, to->width);
    return 0;
}

static int set_double(char *member, const struct honoured *to, const struct known *flag,
                      double number, const char *text, struct st_err *err)
{
    char range[128]; /* st_fail has no %f */
    if (!(number >= (double)to->low && number <= (double)to->high)) {
        (void)snprintf(range, sizeof range, "=%f is outside the allowed range [ %f ... %f ]",
                       number, (double)to->low, (double)to->high);
        return st_fail(err, ST_EINVAL, "double %s%s\nImproperly specified VM option '%s'",
                       flag->name, range, text);
    }
    memcpy(member, &number, sizeof number);
    return 0;
}

/* `to` NULL: the value is only looked at. */
static int set_value(struct jdk_flag_reader *reader, const struct honoured *to,
                     const struct known *flag, const char *value, const char *text,
                     struct st_err *err)
{
    char *member = to != NULL ? (char *)reader->to + to->at : NULL;
    int64_t number;
    double real;
    if (strncmp(flag->type, "ccstr", 5) == 0) {
        bool is_list = strcmp(flag->type, "ccstrlist") == 0;
        return to != NULL ? set_text((char **)(void *)member, is_list, value) : 0;
    }
    if (strcmp(flag->type, "double") == 0) {
        return !parse_double(value, &real) ? improper(err, text)
               : to != NULL                ? set_double(member, to, flag, real, text, err)
                                           : 0;
    }
    return !parse_number(flag->type, value, &number) ? improper(err, text)
           : to != NULL ? set_number(member, to, flag, number, text, err)
                        : 0;
}

/* ---- one flag ---- */

static const struct honoured *find_honoured(const char *name)
{
    for (unsigned i = 0; i < ST_COUNT(honoured); i++) {
        if (strcmp(honoured[i].name, name) == 0) {
            return &honoured[i];
        }
    }
    return NULL;
}

void jdk_flag_given(struct jdk_options *options, const char *name)
{
    options->given_flags |= UINT64_C(1) << (find_honoured(name) - honoured);
}

bool jdk_flag_is_given(const struct jdk_options *options, const char *name)
{
    return (options->given_flags >> (find_honoured(name) - honoured) & 1) != 0;
}

static void warn_ignored(struct jdk_flag_reader *reader, const char *text)
{
    if (!reader->warned && !reader->lenient) {
        reader->warned = true;
        jdk_print(stderr,
                  JDK_VM_NAME " warning: -XX:%s and the like are HotSpot's own and are ignored "
                              "here\n",
                  text);
    }
}

/* False: it is none of those. */
static bool warn_absent(const char *name)
{
    for (unsigned i = 0; i < ST_COUNT(absent); i++) {
        if (strcmp(absent[i].name, name) == 0) {
            jdk_print(stderr, JDK_VM_NAME " warning: -XX:+%s: %s not in this virtual machine yet\n",
                      name, absent[i].what);
            return true;
        }
    }
    return false;
}

/* Collectors that were chosen: more than one is an error, though there is only ours. */
static void note_collector(struct jdk_flag_reader *reader, const char *name, bool on)
{
    static const char *const collectors[] = {"UseEpsilonGC", "UseG1GC",         "UseParallelGC",
                                             "UseSerialGC",  "UseShenandoahGC", "UseZGC"};
    for (unsigned i = 0; i < ST_COUNT(collectors); i++) {
        if (strcmp(collectors[i], name) == 0) {
            reader->collectors = (reader->collectors & ~(1u << i)) | (unsigned)on << i;
        }
    }
}

static void switch_flag(struct jdk_flag_reader *reader, const struct known *flag,
                        const struct honoured *to, bool on, const char *text)
{
    if (to != NULL) {
        *((char *)reader->to + to->at) = on != to->inverted;
    } else if (strcmp(flag->name, "UnlockDiagnosticVMOptions") == 0) {
        reader->diagnostic = on;
    } else if (strcmp(flag->name, "UnlockExperimentalVMOptions") == 0) {
        reader->experimental = on;
    } else if (strcmp(flag->name, "IgnoreUnrecognizedVMOptions") == 0) {
        reader->lenient = on;
    } else if (!on || !warn_absent(flag->name)) {
        note_collector(reader, flag->name, on);
        warn_ignored(reader, text);
    }
}

/* What is wrong with a known flag that was not written as one of its type. */
static int wrong_form(const struct known *flag, bool has_sign, const char *text, struct st_err *err)
{
    bool truth = strcmp(flag->type, "bool") == 0;
    if (truth && !has_sign) {
        return st_fail(err, ST_EINVAL, "Missing +/- setting for VM option '%s'", text);
    }
    if (!truth && has_sign) {
        return st_fail(err, ST_EINVAL, "Unexpected +/- setting in VM option '%s'", text);
    }
    return improper(err, text);
}

static int locked(const struct known *flag, struct st_err *err)
{
    bool diagnostic = strcmp(flag->state, "diagnostic") == 0;
    return st_fail(err, ST_EINVAL,
                   "Error: VM option '%s' is %s and must be enabled via -XX:+Unlock%sVMOptions.\n"
                   "Error: The unlock option must precede '%s'.",
                   flag->name, flag->state, diagnostic ? "Diagnostic" : "Experimental", flag->name);
}

/* Warns of a name that is going or gone. Its new name; NULL: it is to be ignored. */
static const char *warn_old(const char *name, size_t length)
{
    for (unsigned i = 0; i < ST_COUNT(old_names); i++) {
        if (!same(old_names[i].name, name, length)) {
            continue;
        }
        const char *instead = old_names[i].instead;
        if (old_names[i].obsolete) {
            jdk_print(stderr,
                      JDK_VM_NAME " warning: Ignoring option %s; support was removed in %s\n",
                      old_names[i].name, old_names[i].version);
            return NULL;
        }
        jdk_print(stderr,
                  JDK_VM_NAME " warning: Option %s was deprecated in version %s and will likely be "
                              "removed in a future release.%s%s%s\n",
                  old_names[i].name, old_names[i].version, instead != NULL ? " Use option " : "",
                  instead != NULL ? instead : "", instead != NULL ? " instead." : "");
        return instead != NULL ? instead : name;
    }
    return name;
}

static int take_known(struct jdk_flag_reader *reader, const struct known *flag, const char *all,
                      struct st_err *err)
{
    bool has_sign = *all == '+' || *all == '-';
    const char *text = all + has_sign;
    const char *equals = strchr(text, '=');
    const struct honoured *to = find_honoured(flag->name);
    bool truth = strcmp(flag->type, "bool") == 0;
    if (is_locked(reader, flag)) {
        return locked(flag, err);
    }
    if (truth != has_sign || truth != (equals == NULL)) {
        return wrong_form(flag, has_sign, text, err);
    }
    if (to != NULL) {
        reader->to->given_flags |= UINT64_C(1) << (to - honoured);
    }
    if (truth) {
        switch_flag(reader, flag, to, *all == '+', all);
        return 0;
    }
    int r = set_value(reader, to, flag, equals + 1, text, err);
    if (r >= 0 && to == NULL && strcmp(flag->name, "HeapDumpPath") != 0) { /* said with the dumps */
        warn_ignored(reader, all);
    }
    return r;
}

int jdk_flag_take(struct jdk_flag_reader *reader, const char *text, struct st_err *err)
{
    struct known flag;
    bool has_sign = *text == '+' || *text == '-';
    const char *name = text + has_sign;
    size_t length = strcspn(name, "=");
    const char *meant = warn_old(name, length);
    if (meant == NULL) {
        return 0;
    }
    if (find_name(meant, meant == name ? length : strlen(meant), &flag) &&
        (meant == name || (strcmp(flag.type, "bool") == 0) == has_sign)) {
        return take_known(reader, &flag, text, err);
    }
    if (*name == '#') { /* taken out by its author */
        jdk_print(stderr, "Unrecognized VM option '%s'\n", name);
        return 0;
    }
    return reader->lenient ? 0 : unknown(reader, name, length, err);
}

/* ---- what they are ---- */

uint32_t jdk_flag_count(void)
{
    return ST_COUNT(honoured);
}

void jdk_flag_get(const struct jdk_options *options, uint32_t which, struct jdk_flag *ret_flag)
{
    const struct honoured *from = &honoured[which];
    const char *member = (const char *)options + from->at;
    struct known flag = {.type = ""};
    (void)find_name(from->name, strlen(from->name), &flag);
    *ret_flag = (struct jdk_flag){.name = from->name,
                                  .kind = JDK_FLAG_NUMBER,
                                  .is_unsigned = is_unsigned(flag.type),
                                  .given = (options->given_flags >> which & 1) != 0};
    if (strcmp(flag.type, "bool") == 0) {
        ret_flag->kind = JDK_FLAG_BOOL;
        ret_flag->truth = (*(const bool *)member) != from->inverted;
    } else if (strncmp(flag.type, "ccstr", 5) == 0) {
        ret_flag->kind = JDK_FLAG_TEXT;
        memcpy((void *)&ret_flag->text, member, sizeof ret_flag->text);
    } else if (strcmp(flag.type, "double") == 0) {
        ret_flag->kind = JDK_FLAG_DOUBLE;
        memcpy(&ret_flag->real, member, sizeof ret_flag->real);
    } else if (from->width == 4) {
        int32_t number;
        memcpy(&number, member, sizeof number);
        ret_flag->number = number;
    } else {
        memcpy(&ret_flag->number, member, sizeof ret_flag->number);
        ret_flag->number /= from->unit != 0 ? from->unit : 1;
    }
}

static void value_text(const struct jdk_flag *flag, char *text, size_t size)
{
    char number[NUMBER_BYTES];
    switch (flag->kind) {
    case JDK_FLAG_BOOL:
        (void)snprintf(text, size, "%s", flag->truth ? "true" : "false");
        break;
    case JDK_FLAG_NUMBER:
        (void)snprintf(text, size, "%s", number_text(flag->is_unsigned, flag->number, number));
        break;
    case JDK_FLAG_DOUBLE:
        (void)snprintf(text, size, "%f", flag->real);
        break;
    case JDK_FLAG_TEXT:
        (void)snprintf(text, size, "%s", flag->text != NULL ? flag->text : "");
        break;
    }
}

void jdk_flags_print(const struct jdk_options *options)
{
    enum { VALUE_COLUMNS = 51, TEXT_BYTES = 4096 };
    char text[TEXT_BYTES];
    jdk_print(stdout, "[Global flags]\n");
    for (uint32_t i = 0; i < ST_COUNT(honoured); i++) {
        struct known known = {.type = ""};
        struct jdk_flag flag;
        (void)find_name(honoured[i].name, strlen(honoured[i].name), &known);
        jdk_flag_get(options, i, &flag);
        value_text(&flag, text, sizeof text);
        int used = (int)strlen(text) + (int)strlen(known.state) + 2;
        jdk_print(stdout, "%9s %-40s = %s%*s{%s} {%s}\n", known.type, flag.name, text,
                  ST_MAX(VALUE_COLUMNS - used, 1), "", known.state,
                  flag.given ? "command line" : "default");
    }
}

void jdk_flags_print_given(const struct jdk_options *options)
{
    enum { TEXT_BYTES = 4096 };
    char text[TEXT_BYTES];
    for (uint32_t i = 0; i < ST_COUNT(honoured); i++) {
        struct jdk_flag flag;
        jdk_flag_get(options, i, &flag);
        bool sized =
            strcmp(flag.name, "MaxHeapSize") == 0 || strcmp(flag.name, "InitialHeapSize") == 0;
        if (flag.kind == JDK_FLAG_BOOL && flag.given) {
            jdk_print(stdout, "-XX:%c%s ", flag.truth ? '+' : '-', flag.name);
        } else if (flag.kind != JDK_FLAG_BOOL && (flag.given || sized)) {
            value_text(&flag, text, sizeof text);
            jdk_print(stdout, "-XX:%s=%s ", flag.name, text);
        }
    }
    jdk_print(stdout, "\n");
}
