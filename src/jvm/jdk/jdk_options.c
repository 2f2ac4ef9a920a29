/*
 * Options: see jdk_options.h. What is known stands in two tables, options by prefix and options
 * that are a word; -XX flags have a file of their own. What people must not believe to be there
 * (agents, debuggers, recorders) is refused by name.
 */
#include "jvm/jdk/jdk_options.h"

#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/heap.h"
#include "jvm/gc/jgc.h"
#include "jvm/jdk/jdk.h"
#include "jvm/jdk/jdk_cgroup.h"
#include "jvm/jdk/jdk_flags.h"
#include "jvm/jdk/jdk_given.h"
#include "jvm/jdk/jdk_log.h"
#include "jvm/runtime/jrt_vm.h"
#include "os/os_file.h"

enum {
    STACK_DEFAULT = 1 << 20,
    STACK_MIN = 136 << 10,
    TRACE_DEPTH = 1024,
    HEAP_MIN = 8 << 20,
    HEAP_LEAST = 2 << 20,
    START_LEAST = 1 << 20,
    SMALL_HEAP = 125 << 20 /* a usual heap: HotSpot's 96 MiB and its allowance for 64 bits */
};

struct parser {
    struct jdk_options *to;
    struct st_err *err;
    bool warned_reserved, base_patched;
    struct jdk_flag_reader flags;
    uint32_t numbered[8]; /* of jdk.module.addreads.N and its like */
    uint32_t boot_appends, patches;
};

/* ---- properties ---- */

const char *jdk_property_get(const struct jdk_options *options, const char *key)
{
    for (uint32_t i = options->property_count; i-- > 0;) {
        if (strcmp(options->properties[i].key, key) == 0) {
            return options->properties[i].value;
        }
    }
    return NULL;
}

int jdk_property_set(struct jdk_options *options, const char *key, const char *value, bool replace)
{
    char *text = strdup(value);
    if (text == NULL) {
        return -ST_ENOMEM;
    }
    for (uint32_t i = 0; i < options->property_count; i++) {
        if (strcmp(options->properties[i].key, key) == 0) {
            char **kept = &options->properties[i].value;
            free(replace ? *kept : text);
            *kept = replace ? text : *kept;
            return 0;
        }
    }
    struct jdk_property *grown =
        realloc(options->properties, (options->property_count + 1) * sizeof *grown);
    char *name = grown != NULL ? strdup(key) : NULL;
    if (grown != NULL) {
        options->properties = grown;
    }
    if (name == NULL) {
        free(text);
        return -ST_ENOMEM;
    }
    options->properties[options->property_count++] = (struct jdk_property){name, text};
    return 0;
}

void jdk_options_done(struct jdk_options *options)
{
    for (uint32_t i = 0; i < options->property_count; i++) {
        free(options->properties[i].key);
        free(options->properties[i].value);
    }
    for (uint32_t i = 0; i < options->assertion_count; i++) {
        free(options->assertions[i].name);
    }
    jdk_list_free(options->boot_append);
    jdk_list_free(options->patches);
    jdk_list_free(options->arguments);
    free(options->error_file);
    free(options->on_oom);
    free(options->properties);
    free(options->assertions);
    *options = (struct jdk_options){.heap_max = 0};
}

/* ---- values ---- */

static int bad_size(struct parser *p, const char *what, const char *option)
{
    return st_fail(p->err, ST_EINVAL, "Invalid %s: %s", what, option);
}

static int heap_min(struct parser *p, const char *option, const char *value)
{
    if (!jdk_parse_size(value, &p->to->heap_min)) {
        return bad_size(p, "initial heap size", option);
    }
    jdk_flag_given(p->to, "InitialHeapSize");
    return 0;
}

static int heap_max(struct parser *p, const char *option, const char *value)
{
    uint64_t bytes;
    if (!jdk_parse_size(value, &bytes) || bytes == 0) {
        return bad_size(p, "maximum heap size", option);
    }
    if (bytes > jgc_max_supported()) {
        return st_fail(p->err, ST_EINVAL, "%s: a heap is at most %llu MiB here", option,
                       (unsigned long long)(jgc_max_supported() >> 20));
    }
    p->to->heap_max = bytes;
    jdk_flag_given(p->to, "MaxHeapSize");
    return 0;
}

static int stack_size(struct parser *p, const char *option, const char *value)
{
    uint64_t bytes;
    if (!jdk_parse_size(value, &bytes)) {
        return bad_size(p, "thread stack size", option);
    }
    if (bytes > 1u << 30) {
        return st_fail(p->err, ST_EINVAL,
                       "Invalid thread stack size: %s\n"
                       "The specified size exceeds the maximum representable size.",
                       option);
    }
    p->to->stack_bytes = bytes;
    jdk_flag_given(p->to, "ThreadStackSize");
    return 0;
}

static int young_size(struct parser *p, const char *option, const char *value)
{
    uint64_t bytes;
    return jdk_parse_size(value, &bytes) && bytes != 0
               ? 0
               : bad_size(p, "initial young generation size", option);
}

/* -Xmaxf and -Xminf: a share, of which the flag has percents. */
static int free_ratio(struct parser *p, const char *option, const char *value)
{
    bool most = option[2] == 'm' && option[3] == 'a';
    char *end;
    double share = strtod(value, &end) * 100;
    if (*value == '\0' || *end != '\0') {
        return st_fail(p->err, ST_EINVAL, "Bad %s heap free percentage size: %s",
                       most ? "max" : "min", option);
    }
    int percent = fabs(share) < INT_MAX ? (int)share : INT_MIN;
    return percent >= 0 && percent <= 100
               ? 0
               : st_fail(p->err, ST_EINVAL,
                         "uintx M%sHeapFreeRatio=%llu is outside the allowed range [ 0 ... 100 ]",
                         most ? "ax" : "in", (unsigned long long)percent);
}

static int code_size(struct parser *p, const char *option, const char *value)
{
    uint64_t bytes;
    return jdk_parse_size(value, &bytes)
               ? 0
               : st_fail(p->err, ST_EINVAL, "Invalid maximum code cache size: %s.", option);
}

static int ignored(struct parser *p ST_UNUSED, const char *option ST_UNUSED,
                   const char *value ST_UNUSED)
{
    return 0;
}

/* jdk.module.NAME and jdk.module.NAME.* are what options make, not -D. */
static bool is_reserved(const char *key)
{
    static const char prefix[] = "jdk.module.";
    static const char *const names[] = {"addexports", "addmods",      "addopens",
                                        "addreads",   "limitmods",    "patch",
                                        "path",       "upgrade.path", "enable.native.access"};
    for (unsigned i = 0; strncmp(key, prefix, sizeof prefix - 1) == 0 && i < ST_COUNT(names); i++) {
        const char *name = key + sizeof prefix - 1;
        size_t length = strlen(names[i]);
        if (strncmp(name, names[i], length) == 0 && (name[length] == '\0' || name[length] == '.')) {
            return true;
        }
    }
    return false;
}

static void warn_reserved(struct parser *p)
{
    if (!p->warned_reserved) {
        jdk_print(stderr,
                  JDK_VM_NAME " warning: Ignoring system property options whose names match the "
                              "'-Djdk.module.*'. names that are reserved for internal use.\n");
    }
    p->warned_reserved = true;
}

static int define_key(struct parser *p, const char *option, const char *key, const char *value)
{
    static const char management[] = "com.sun.management";
    bool empty = *value == '\0' || strcmp(value, "\"\"") == 0;
    if (is_reserved(key)) {
        warn_reserved(p);
        return 0;
    }
    if (strcmp(key, "java.ext.dirs") == 0 && !empty) {
        return st_fail(p->err, ST_ERANGE, "%s is not supported.  Use -classpath instead.", option);
    }
    if (strcmp(key, "java.endorsed.dirs") == 0 && !empty) {
        return st_fail(p->err, ST_ERANGE,
                       "%s is not supported. Endorsed standards and standalone APIs\n"
                       "in modular form will be supported via the concept of upgradeable modules.",
                       option);
    }
    if (strncmp(key, management, sizeof management - 1) == 0) {
        p->to->management_agent = true;
        jdk_flag_given(p->to, "ManagementServer");
    }
    return jdk_property_set(p->to, key, value, true);
}

static int define(struct parser *p, const char *option, const char *value)
{
    const char *equals = strchr(value, '=');
    char *key = strndup(value, equals != NULL ? (size_t)(equals - value) : strlen(value));
    int r = key != NULL ? define_key(p, option, key, equals != NULL ? equals + 1 : "") : -ST_ENOMEM;
    free(key);
    return r;
}

static int property(struct parser *p, const char *key, const char *value)
{
    return jdk_property_set(p->to, key, value, true);
}

/* key.N, numbered from 0. */
static int numbered(struct parser *p, unsigned which, const char *key, const char *value)
{
    char name[64];
    (void)snprintf(name, sizeof name, "%s.%u", key, p->numbered[which]++);
    return property(p, name, value);
}

static int add_reads(struct parser *p, const char *option ST_UNUSED, const char *value)
{
    return numbered(p, 0, "jdk.module.addreads", value);
}

static int add_exports(struct parser *p, const char *option ST_UNUSED, const char *value)
{
    return numbered(p, 1, "jdk.module.addexports", value);
}

static int add_opens(struct parser *p, const char *option ST_UNUSED, const char *value)
{
    return numbered(p, 2, "jdk.module.addopens", value);
}

static int add_modules(struct parser *p, const char *option ST_UNUSED, const char *value)
{
    return numbered(p, 3, "jdk.module.addmods", value);
}

static int native_access(struct parser *p, const char *option ST_UNUSED, const char *value)
{
    return numbered(p, 4, "jdk.module.enable.native.access", value);
}

/* MODULE=PATH: the boot loader looks there for classes of its modules. */
static int patch_module(struct parser *p, const char *option ST_UNUSED, const char *value)
{
    static const char base[] = "java.base=";
    if (strchr(value, '=') == NULL) {
        return st_fail(p->err, ST_ERANGE, "Missing '=' in --patch-module specification");
    }
    if (strncmp(value, base, sizeof base - 1) == 0) {
        if (p->base_patched) {
            return st_fail(p->err, ST_ELIMIT,
                           "Cannot specify java.base more than once to --patch-module");
        }
        p->base_patched = true;
    }
    int r = jdk_list_append(&p->to->patches, p->patches++, value);
    return r < 0 ? r : numbered(p, 5, "jdk.module.patch", value);
}

static int limit_modules(struct parser *p, const char *option ST_UNUSED, const char *value)
{
    return property(p, "jdk.module.limitmods", value);
}

static int module_path(struct parser *p, const char *option ST_UNUSED, const char *value)
{
    return property(p, "jdk.module.path", value);
}

static int upgrade_path(struct parser *p, const char *option ST_UNUSED, const char *value)
{
    return property(p, "jdk.module.upgrade.path", value);
}

static int illegal_access(struct parser *p ST_UNUSED, const char *option,
                          const char *value ST_UNUSED)
{
    jdk_print(stderr, JDK_VM_NAME " warning: Ignoring option %s; support was removed in 17.0\n",
              option);
    return 0;
}

static int boot_append(struct parser *p, const char *option ST_UNUSED, const char *value)
{
    const char *before = jdk_property_get(p->to, "jdk.boot.class.path.append");
    char *all = NULL;
    if (asprintf(&all, "%s%s%s", before != NULL ? before : "", before != NULL && *before ? ":" : "",
                 value) < 0) {
        return -ST_ENOMEM;
    }
    int r = property(p, "jdk.boot.class.path.append", all);
    free(all);
    char *paths = r >= 0 ? strdup(value) : NULL;
    char *rest = paths;
    for (char *path; r >= 0 && (path = strsep(&rest, ":")) != NULL;) {
        r = jdk_list_append(&p->to->boot_append, p->boot_appends++, path);
    }
    free(paths);
    return r;
}

static int refused(struct parser *p, const char *option, const char *value ST_UNUSED)
{
    return st_fail(p->err, ST_EUNSUPPORTED,
                   "%s: agents, debugging and recording are not in this virtual machine yet",
                   option);
}

/* -Xbootclasspath: and /p: */
static int gone(struct parser *p, const char *option, const char *value ST_UNUSED)
{
    return st_fail(p->err, ST_ERANGE, "%.*s is no longer a supported option.",
                   (int)strcspn(option, ":"), option);
}

static int unknown_of(struct parser *p, const char *option, const char *value ST_UNUSED)
{
    return p->flags.lenient ? 0
                            : st_fail(p->err, ST_EINVAL, "Unrecognized %s option: %s",
                                      option[2] == 'c' ? "check" : "verification", option);
}

/* -XX:Flags=FILE: flags without -XX:, a # begins a comment. */
static int flags_file(struct parser *p, const char *option ST_UNUSED, const char *path)
{
    enum { FILE_BYTES = 1 << 20 };
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(FILE_BYTES);
    if (os_read_file(AT_FDCWD, path, &text) < 0) {
        return st_fail(p->err, ST_EINVAL, "Could not open settings file %s", path);
    }
    char *whole = strdup(st_buf_string(&text));
    char *rest = whole;
    int r = whole != NULL ? 0 : -ST_ENOMEM;
    for (char *line; r >= 0 && (line = strsep(&rest, "\n")) != NULL;) {
        line[strcspn(line, "#")] = '\0';
        for (char *flag; r >= 0 && (flag = strsep(&line, " \t\r")) != NULL;) {
            r = *flag != '\0' ? jdk_flag_take(&p->flags, flag, p->err) : 0;
        }
    }
    free(whole);
    return r;
}

/* ---- assertions: -ea[:package...|:class] ---- */

static int assertion(struct parser *p, bool enable, const char *of)
{
    struct jdk_assertion *grown =
        realloc(p->to->assertions, (p->to->assertion_count + 1) * sizeof *grown);
    if (grown == NULL) {
        return -ST_ENOMEM;
    }
    p->to->assertions = grown;
    struct jdk_assertion one = {.enable = enable};
    size_t length = strlen(of);
    if (*of != '\0') {
        one.package = length >= 3 && strcmp(of + length - 3, "...") == 0;
        one.name = strndup(of, one.package ? length - 3 : length);
        if (one.name == NULL) {
            return -ST_ENOMEM;
        }
        for (char *at = one.name; *at != '\0'; at++) {
            *at = *at == '.' ? '/' : *at;
        }
    }
    grown[p->to->assertion_count++] = one;
    return 0;
}

static int enable_assertions(struct parser *p, const char *option ST_UNUSED, const char *value)
{
    return assertion(p, true, value);
}

static int disable_assertions(struct parser *p, const char *option ST_UNUSED, const char *value)
{
    return assertion(p, false, value);
}

/* ---- logs ---- */

/* -Xlog's older names. */
static int log_as(struct parser *p, const char *text)
{
    return jdk_log_option(text, &p->to->printed, p->err);
}

static int log_verbose(struct parser *p, const char *what)
{
    static const char *const names[][2] = {{"", ":class+load,class+unload"},
                                           {":class", ":class+load,class+unload"},
                                           {":module", ":module+load,module+unload"},
                                           {":gc", ":gc"},
                                           {":jni", ":jni+resolve=debug"}};
    for (unsigned i = 0; i < ST_COUNT(names); i++) {
        if (strcmp(names[i][0], what) == 0) {
            return log_as(p, names[i][1]);
        }
    }
    return 0; /* as HotSpot takes it */
}

static int log_gc(struct parser *p, const char *option ST_UNUSED, const char *value)
{
    char *text = NULL;
    jdk_log_print(JDK_LOG_WARNING, "gc", "-Xloggc is deprecated. Will use -Xlog:gc:%s instead.",
                  value);
    if (asprintf(&text, ":gc:%s", value) < 0) {
        return -ST_ENOMEM;
    }
    int r = log_as(p, text);
    free(text);
    return r;
}

static int log_option(struct parser *p, const char *option ST_UNUSED, const char *value)
{
    return log_as(p, value);
}

static int verbose(struct parser *p, const char *option ST_UNUSED, const char *value)
{
    return log_verbose(p, value);
}

/* -XX:+PrintGC and PrintGCDetails, once all flags are known. */
static int log_flags(struct parser *p)
{
    const bool wanted[] = {p->to->print_gc, p->to->print_gc_details};
    static const char *const names[][2] = {{"PrintGC", ":gc"}, {"PrintGCDetails", ":gc*"}};
    int r = 0;
    for (unsigned i = 0; r >= 0 && i < ST_COUNT(names); i++) {
        if (wanted[i]) {
            jdk_log_print(JDK_LOG_WARNING, "gc", "-XX:+%s is deprecated. Will use -Xlog%s instead.",
                          names[i][0], names[i][1]);
            r = log_as(p, names[i][1]);
        }
    }
    return r;
}

/* ---- the tables ---- */

static const struct {
    const char *prefix;
    int (*take)(struct parser *p, const char *option, const char *value);
} prefixes[] = {
    {"-D", define},
    {"-Xmx", heap_max},
    {"-XX:MaxHeapSize=", heap_max},
    {"-Xms", heap_min},
    {"-Xss", stack_size},
    {"-Xmn", young_size},
    {"-Xbootclasspath/a:", boot_append},
    {"--add-reads=", add_reads},
    {"--add-exports=", add_exports},
    {"--add-opens=", add_opens},
    {"--add-modules=", add_modules},
    {"--enable-native-access=", native_access},
    {"--patch-module=", patch_module},
    {"--limit-modules=", limit_modules},
    {"--module-path=", module_path},
    {"--upgrade-module-path=", upgrade_path},
    {"--illegal-access=", illegal_access},
    {"-ea:", enable_assertions},
    {"-enableassertions:", enable_assertions},
    {"-da:", disable_assertions},
    {"-disableassertions:", disable_assertions},
    {"-agentlib:", refused},
    {"-agentpath:", refused},
    {"-javaagent:", refused},
    {"-Xrunjdwp", refused},
    {"-XX:StartFlightRecording", refused},
    {"-XX:FlightRecorderOptions", refused},
    {"-Xrun", refused},
    {"-verbose", verbose},
    {"-Xloggc:", log_gc},
    {"-Xlog", log_option},
    {"-Xmaxf", free_ratio},
    {"-Xminf", free_ratio},
    {"-Xmaxjitcodesize", code_size},
    {"-Xbootclasspath:", gone},
    {"-Xbootclasspath/p:", gone},
    {"-XX:SharedArchiveFile", ignored},
    {"-Xcheck", unknown_of},
    {"-Xverify:", unknown_of},
    {"-XX:Flags=", flags_file},
};

/* Options that are one word. False: not one of them. */
static bool word(struct parser *p, const char *option)
{
    struct jdk_options *to = p->to;
    static const char *const accepted[] = {
        "-Xint",       "-Xmixed",      "-Xcomp",   "-Xbatch",  "-Xnoclassgc",     "-Xshare:on",
        "-Xshare:off", "-Xshare:auto", "-Xfuture", "-Xverify", "-Xverify:remote", "-Xverify:all",
        "-Xdebug",     "-Xnoagent",    "-client",  "-server"};
    for (unsigned i = 0; i < ST_COUNT(accepted); i++) {
        if (strcmp(option, accepted[i]) == 0) {
            return true;
        }
    }
    if (strcmp(option, "-Xprof") == 0) {
        jdk_print(stderr,
                  JDK_VM_NAME " warning: Ignoring option -Xprof; support was removed in 10.0\n");
    } else if (strcmp(option, "-Xcheck:jni") == 0) {
        jdk_print(stderr, JDK_VM_NAME " warning: -Xcheck:jni: calls are not checked here\n");
    } else if (strcmp(option, "-Xinternalversion") == 0) {
        jdk_print(stdout, "%s (%s) for linux-amd64, built with %s\n", JDK_VM_NAME, STRATA_VERSION,
                  __VERSION__);
        to->printed = true;
    } else if (strcmp(option, "-Xrs") == 0) {
        to->reduce_signals = true;
    } else if (strcmp(option, "-Xverify:none") == 0) {
        to->verify_other = false;
        jdk_print(
            stderr, JDK_VM_NAME
            " warning: Options -Xverify:none and -noverify were deprecated in JDK 13 and will "
            "likely be removed in a future release.\n");
    } else if (strcmp(option, "--enable-preview") == 0) {
        to->preview = true;
    } else if (strcmp(option, "-esa") == 0 || strcmp(option, "-enablesystemassertions") == 0) {
        to->system_assertions = true;
    } else if (strcmp(option, "-dsa") == 0 || strcmp(option, "-disablesystemassertions") == 0) {
        to->system_assertions = false;
    } else {
        return false;
    }
    return true;
}

static int take(struct parser *p, const char *option)
{
    if (strcmp(option, "-ea") == 0 || strcmp(option, "-enableassertions") == 0) {
        return assertion(p, true, "");
    }
    if (strcmp(option, "-da") == 0 || strcmp(option, "-disableassertions") == 0) {
        return assertion(p, false, "");
    }
    if (word(p, option)) {
        return 0;
    }
    if (strcmp(option, "-Xshare:dump") == 0) {
        return st_fail(p->err, ST_EUNSUPPORTED,
                       "%s: archives of classes are not in this virtual machine yet", option);
    }
    for (unsigned i = 0; i < ST_COUNT(prefixes); i++) {
        size_t length = strlen(prefixes[i].prefix);
        if (strncmp(option, prefixes[i].prefix, length) == 0) {
            return prefixes[i].take(p, option, option + length);
        }
    }
    if (strncmp(option, "-XX:", 4) == 0) {
        return jdk_flag_take(&p->flags, option + 4, p->err);
    }
    return p->flags.lenient ? 0
                            : st_fail(p->err, ST_EUNSUPPORTED, "Unrecognized option: %s", option);
}

/* Wherever it stands, it holds for all. */
static bool is_lenient(const JavaVMInitArgs *arguments, const struct jdk_options *options)
{
    bool lenient = arguments->ignoreUnrecognized != 0;
    for (uint32_t i = 0; i < options->argument_count; i++) {
        lenient = lenient || strcmp(options->arguments[i], "-XX:+IgnoreUnrecognizedVMOptions") == 0;
    }
    return lenient;
}

/* The functions that an embedder passes. */
static void take_hooks(const JavaVMInitArgs *arguments, struct jdk_options *to)
{
    for (jint i = 0; i < arguments->nOptions; i++) {
        const JavaVMOption *option = &arguments->options[i];
        if (strcmp(option->optionString, "vfprintf") == 0) {
            to->print = (int (*)(void *, const char *, va_list))option->extraInfo;
        } else if (strcmp(option->optionString, "exit") == 0) {
            to->exit = (void (*)(jint))option->extraInfo;
        } else if (strcmp(option->optionString, "abort") == 0) {
            to->abort = (void (*)(void))option->extraInfo;
        }
    }
}

static void defaults(struct jdk_options *options)
{
    *options = (struct jdk_options){.stack_bytes = STACK_DEFAULT,
                                    .verify_other = true,
                                    .show_code_details = true,
                                    .trace_depth = TRACE_DEPTH,
                                    .max_ram = UINT64_C(128) << 30,
                                    .max_ram_percent = 25,
                                    .max_ram_fraction = 4,
                                    .min_ram_percent = 50,
                                    .min_ram_fraction = 2,
                                    .initial_ram_fraction = 64,
                                    .processors = -1};
}

/* The heap's sizes that were not given: shares of the memory there is, as HotSpot has them, the
 * larger one where memory is so small that it still gives less than a usual heap; and not more than
 * half of the addresses that a limit leaves. */
static void size_heap(struct jdk_options *options)
{
    uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t limit = options->no_container ? 0 : jdk_cgroup_memory();
    memory = limit != 0 && limit < memory ? limit : memory;
    memory = ST_MIN(memory, options->max_ram);
    uint64_t addresses = jrt_address_limit() / 2;
    uint64_t large = (uint64_t)((double)memory * options->max_ram_percent / 100);
    uint64_t small = (uint64_t)((double)memory * options->min_ram_percent / 100);
    if (options->heap_max == 0) {
        uint64_t heap = small < SMALL_HEAP ? small : ST_MAX(large, (uint64_t)SMALL_HEAP);
        heap = ST_MIN(heap, addresses);
        heap = ST_MAX(heap, (uint64_t)HEAP_MIN);
        heap = ST_MAX(heap, options->heap_min);
        options->heap_max = ST_MIN(heap, jgc_max_supported());
    }
    if (options->heap_min == 0 && options->initial_ram_percent != 0) {
        uint64_t heap = (uint64_t)((double)memory * options->initial_ram_percent / 100);
        heap = ST_MIN(heap, addresses);
        options->heap_min = ST_MIN(heap, options->heap_max);
    }
}

/* The old way to say a share of memory; percentages win. */
static void take_fraction(const struct jdk_options *options, const char *name, const char *newer,
                          uint64_t fraction, double *percent)
{
    if (jdk_flag_is_given(options, name) && !jdk_flag_is_given(options, newer)) {
        *percent = 100.0 / (double)fraction;
    }
}

static void take_fractions(struct jdk_options *options)
{
    take_fraction(options, "MaxRAMFraction", "MaxRAMPercentage", options->max_ram_fraction,
                  &options->max_ram_percent);
    take_fraction(options, "MinRAMFraction", "MinRAMPercentage", options->min_ram_fraction,
                  &options->min_ram_percent);
    take_fraction(options, "InitialRAMFraction", "InitialRAMPercentage",
                  options->initial_ram_fraction, &options->initial_ram_percent);
}

/* What several options say together. HotSpot's numbers and words. */
static int check_sizes(struct jdk_options *options, struct st_err *err)
{
    if (options->stack_bytes == 0) {
        options->stack_bytes = STACK_DEFAULT;
    }
    if (options->stack_bytes < STACK_MIN) {
        return st_fail(err, ST_ERANGE,
                       "\nThe Java thread stack size specified is too small. Specify at least %dk",
                       STACK_MIN >> 10);
    }
    if (options->heap_max != 0 && options->heap_max < HEAP_LEAST) {
        return st_fail(err, ST_ELIMIT, "Too small maximum heap");
    }
    if (options->heap_min != 0 && options->heap_min < START_LEAST) {
        return st_fail(err, ST_ELIMIT, "Too small initial heap");
    }
    take_fractions(options);
    size_heap(options);
    if (options->heap_min > options->heap_max) {
        return st_fail(err, ST_ELIMIT,
                       "Initial heap size set to a larger value than the maximum heap size");
    }
    return 0;
}

/* What all options say together. */
static int conclude(struct parser *p)
{
    int r = log_flags(p);
    if (r >= 0 && p->to->management_agent) {
        r = add_modules(p, NULL, "jdk.management.agent");
    }
    if (r >= 0 && (p->flags.collectors & (p->flags.collectors - 1)) != 0) {
        r = st_fail(p->err, ST_ELIMIT, "Multiple garbage collectors selected");
    }
    return r >= 0 ? check_sizes(p->to, p->err) : r;
}

int jdk_options_parse(const JavaVMInitArgs *arguments, struct jdk_options *ret_options,
                      struct st_err *err)
{
    struct parser p = {.to = ret_options, .err = err, .flags = {.to = ret_options}};
    defaults(ret_options);
    take_hooks(arguments, ret_options);
    int r = jdk_options_gather(arguments, ret_options, err);
    p.flags.lenient = is_lenient(arguments, ret_options);
    for (uint32_t i = 0; r >= 0 && !ret_options->printed && i < ret_options->argument_count; i++) {
        r = take(&p, ret_options->arguments[i]);
    }
    if (r >= 0 && !ret_options->printed) {
        r = conclude(&p);
    }
    if (r == -ST_ENOMEM && err != NULL && err->msg[0] == '\0') {
        (void)st_fail(err, ST_ENOMEM, "out of memory while reading the options");
    }
    return r;
}
