/*
 * -Xlog[:WHAT[:OUTPUT[:DECORATORS[:OPTIONS]]]]: see jdk_log.h. WHAT is TAG[+TAG...][*][=LEVEL],...
 * Tags that HotSpot has and the machine writes nothing under are taken and stay silent.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/heap.h"
#include "jvm/jdk/jdk.h"
#include "jvm/jdk/jdk_flags.h"
#include "jvm/jdk/jdk_log.h"

/* HotSpot 17's tags, sorted. */
static const char tags[] =
    "add age alloc annotation arguments attach barrier biasedlocking blocks bot "
    "breakpoint bytecode cds census class classhisto cleanup codecache compaction "
    "compilation condy constantpool constraints container coops cpu cset data "
    "datacreation dcmd decoder defaultmethods director dump dynamic ergo event exceptions "
    "exit fingerprint free freelist gc handshake hashtables heap humongous ihop iklass "
    "indy init inlining install interpreter itables jfr jit jni jvmci jvmti lambda "
    "library liveness load loader logging malloc map mark marking membername memops "
    "metadata metaspace methodcomparator methodhandles mirror mmu module monitorinflation "
    "monitormismatch nestmates nmethod nmt normalize numa objecttagging obsolete "
    "oldobject oom oopmap oops oopstorage os owner pagesize parser patch path perf "
    "periodic phases plab placeholders preorder preview promotion protectiondomain "
    "ptrqueue purge record redefine ref refine region reloc remset resolve safepoint "
    "sampling scavenge sealed setting smr stackbarrier stackmap stacktrace stackwalk "
    "start startup startuptime state stats streaming stringdedup stringtable subclass "
    "survivor suspend sweep symboltable system table task thread throttle time timer tlab "
    "tracking trimnative unload unshareable update valuebasedclasses verification verify "
    "vmmutex vmoperation vmthread vtables vtablestubs workgang";

static const double alike = 0.5; /* for "Did you mean" */

struct selection {
    char *tags; /* with a comma after each; NULL: all */
    bool wildcard;
    enum jdk_log_level level;
};

enum { TEXT_BYTES = 64 << 10 };

/* ---- names ---- */

/* The next word of a text, and its length; 0 at the end. */
static const char *next_word(const char *at, size_t *length)
{
    at += *length;
    at += *at == ' ';
    *length = strcspn(at, " ");
    return at;
}

static bool is_tag(const char *name)
{
    size_t length = 0;
    for (const char *tag = next_word(tags, &length); length != 0; tag = next_word(tag, &length)) {
        if (strlen(name) == length && strncmp(tag, name, length) == 0) {
            return true;
        }
    }
    return false;
}

static void invalid_tag(const char *name)
{
    char best[32] = "";
    double most = alike;
    size_t length = 0;
    for (const char *tag = next_word(tags, &length); length != 0; tag = next_word(tag, &length)) {
        double like = jdk_likeness(tag, length, name, strlen(name));
        if (like >= most) {
            most = like;
            (void)snprintf(best, sizeof best, "%.*s", (int)length, tag);
        }
    }
    jdk_log_print(JDK_LOG_ERROR, "logging", "Invalid tag '%s' in log selection.%s%s%s", name,
                  *best != '\0' ? " Did you mean '" : "", best, *best != '\0' ? "'?" : "");
}

static int find_level(const char *name, enum jdk_log_level *ret_level)
{
    const char *best = NULL;
    double most = alike;
    for (unsigned i = JDK_LOG_OFF; i <= JDK_LOG_TRACE; i++) {
        const char *level = jdk_log_levels[i];
        double like = jdk_likeness(level, strlen(level), name, strlen(name));
        if (strcmp(level, name) == 0) {
            *ret_level = (enum jdk_log_level)i;
            return 0;
        }
        if (like >= most) {
            most = like;
            best = level;
        }
    }
    jdk_log_print(JDK_LOG_ERROR, "logging", "Invalid level '%s' in log selection.%s%s%s", name,
                  best != NULL ? " Did you mean '" : "", best != NULL ? best : "",
                  best != NULL ? "'?" : "");
    return -ST_EINVAL;
}

/* ---- what is selected ---- */

static bool has_tag(const char *list, const char *tag, size_t length)
{
    for (; *list != '\0'; list += strcspn(list, ",") + (strchr(list, ',') != NULL)) {
        if (strcspn(list, ",") == length && strncmp(list, tag, length) == 0) {
            return true;
        }
    }
    return false;
}

/* Takes "gc+init" apart. */
static int take_tags(char *text, struct selection *one)
{
    st_auto(buf) struct st_buf list = ST_BUF_HEAP(TEXT_BYTES);
    if (strcmp(text, "all") == 0) {
        return 0;
    }
    for (char *tag; (tag = strsep(&text, "+")) != NULL;) {
        if (!is_tag(tag)) {
            invalid_tag(tag);
            return -ST_EINVAL;
        }
        if (has_tag(st_buf_string(&list), tag, strlen(tag))) {
            jdk_log_print(JDK_LOG_ERROR, "logging", "Log selection contains duplicates of tag %s.",
                          tag);
            return -ST_EINVAL;
        }
        (void)st_buf_printf(&list, "%s,", tag);
    }
    one->tags = st_buf_status(&list) >= 0 ? st_buf_steal(&list) : NULL;
    return one->tags != NULL ? 0 : -ST_ENOMEM;
}

static int take_selection(char *text, struct selection *one)
{
    char *level = strchr(text, '=');
    *one = (struct selection){.level = JDK_LOG_INFO};
    if (level != NULL) {
        *level++ = '\0';
    }
    size_t length = strlen(text);
    if (length != 0 && text[length - 1] == '*') {
        one->wildcard = true;
        text[length - 1] = '\0';
    }
    int r = take_tags(text, one);
    if (r >= 0 && level != NULL) {
        r = find_level(level, &one->level);
    }
    return r;
}

static bool selects(const struct selection *one, const char *kind)
{
    unsigned wanted = 0;
    unsigned had = 1;
    if (one->tags == NULL) {
        return true;
    }
    for (const char *at = one->tags; *at != '\0'; at += strcspn(at, ",") + 1) {
        wanted++;
        if (!has_tag(kind, at, strcspn(at, ","))) {
            return false;
        }
    }
    for (; *kind != '\0'; kind++) {
        had += *kind == ',';
    }
    return one->wildcard || wanted == had;
}

static void apply(const struct selection *list, unsigned count, unsigned output)
{
    for (uint32_t kind = 0; kind < jdk_log_kinds(); kind++) {
        for (unsigned i = 0; i < count; i++) {
            if (selects(&list[i], jdk_log_kind_tags(kind))) {
                jdk_log_take(output, kind, list[i].level);
            }
        }
    }
}

/* ---- decorators ---- */

static int take_decorators(char *text, uint32_t *ret_set)
{
    uint32_t set = 0;
    if (strcmp(text, "none") == 0) {
        *ret_set = 0;
        return 0;
    }
    for (char *name; (name = strsep(&text, ",")) != NULL;) {
        unsigned i = 0;
        while (i < JDK_LOG_DECORATORS && strcmp(jdk_log_decorators[i].name, name) != 0 &&
               strcmp(jdk_log_decorators[i].brief, name) != 0) {
            i++;
        }
        if (i == JDK_LOG_DECORATORS) {
            jdk_log_print(JDK_LOG_ERROR, "logging", "Invalid decorator '%s'.", name);
            return -ST_EINVAL;
        }
        set |= 1u << i;
    }
    *ret_set = set;
    return 0;
}

/* ---- the whole ---- */

/* The part up to the next colon that is not in quotes; quotes go. NULL: there is none. */
static char *next_part(char **rest)
{
    char *part = *rest;
    char *to = part;
    bool quoted = false;
    if (part == NULL) {
        return NULL;
    }
    char *from = part;
    for (; *from != '\0' && (quoted || *from != ':'); from++) {
        if (*from == '"') {
            quoted = !quoted;
        } else {
            *to++ = *from;
        }
    }
    *rest = *from == ':' ? from + 1 : NULL;
    *to = '\0';
    return part;
}

/* Reads WHAT into a list of the caller's. */
static int take_selections(char *text, struct selection *list, unsigned *ret_count)
{
    int r = 0;
    for (char *one; r >= 0 && (one = strsep(&text, ",")) != NULL; (*ret_count)++) {
        r = take_selection(one, &list[*ret_count]);
    }
    return r;
}

/* "stdout", "stderr", "file=NAME" or just a name. */
static int find_output(const char *name, const char *options, unsigned *ret_output)
{
    char *full = NULL;
    if (name == NULL || *name == '\0') {
        name = "stdout";
    } else if (strchr(name, '=') == NULL && strcmp(name, "stdout") != 0 &&
               strcmp(name, "stderr") != 0) {
        if (asprintf(&full, "file=%s", name) < 0) {
            return -ST_ENOMEM;
        }
        name = full;
    }
    int r = jdk_log_output(name, options, ret_output);
    free(full);
    return r;
}

static int configure(char *text)
{
    char all[] = "all";
    char *what = next_part(&text);
    const char *name = next_part(&text);
    char *decorators = next_part(&text);
    const char *options = next_part(&text);
    uint32_t set = 0;
    unsigned output = 0;
    unsigned count = 0;
    what = what == NULL || *what == '\0' ? all : what;
    struct selection *list = calloc(strlen(what) + 1, sizeof *list);
    int r = list != NULL ? take_selections(what, list, &count) : -ST_ENOMEM;
    bool decorated = decorators != NULL && *decorators != '\0';
    if (r >= 0 && decorated) {
        r = take_decorators(decorators, &set);
    }
    if (r >= 0) {
        r = find_output(name, options, &output);
    }
    if (r >= 0) {
        apply(list, count, output);
    }
    if (r >= 0 && decorated) {
        jdk_log_decorate(output, set);
    }
    for (unsigned i = 0; i < count; i++) {
        free(list[i].tags);
    }
    free(list);
    return r;
}

static void print_help(void)
{
    jdk_print(stdout,
              "-Xlog[:WHAT[:OUTPUT[:DECORATORS[:OPTIONS]]]]\n"
              "  WHAT is TAG[+TAG...][*][=LEVEL],...; with * other tags may stand beside "
              "them. Without it: all=info\n"
              "  OUTPUT is stdout, stderr or file=NAME, %%p in it the process, %%t the time\n"
              "  OPTIONS of files: filecount=N,filesize=N[k|m|g]\n"
              "  -Xlog:disable turns everything off\n\nLevels:");
    for (unsigned i = JDK_LOG_OFF; i <= JDK_LOG_TRACE; i++) {
        jdk_print(stdout, " %s", jdk_log_levels[i]);
    }
    jdk_print(stdout, "\nDecorators: none");
    for (unsigned i = 0; i < JDK_LOG_DECORATORS; i++) {
        jdk_print(stdout, " %s(%s)", jdk_log_decorators[i].name, jdk_log_decorators[i].brief);
    }
    jdk_print(stdout, "\nWhat this machine writes:");
    for (uint32_t kind = 0; kind < jdk_log_kinds(); kind++) {
        jdk_print(stdout, " %s", jdk_log_kind_tags(kind));
    }
    jdk_print(stdout, "\nTags: %s\n", tags);
    (void)fflush(stdout);
}

int jdk_log_option(const char *text, bool *ret_help, struct st_err *err)
{
    int r = 0;
    if (strcmp(text, ":help") == 0) {
        print_help();
        *ret_help = true;
    } else if (strcmp(text, ":disable") == 0) {
        jdk_log_disable();
    } else if (*text != '\0' && *text != ':') {
        r = -ST_EINVAL;
    } else if (strcmp(text, ":async") != 0) { /* a line is written where it is made */
        char *copy = strdup(*text == ':' ? text + 1 : text);
        r = copy != NULL ? configure(copy) : -ST_ENOMEM;
        free(copy);
    }
    return r >= 0 ? r
                  : st_fail(err, r == -ST_ENOMEM ? ST_ENOMEM : ST_EINVAL,
                            "Invalid -Xlog option '-Xlog%s', see error log for details.", text);
}
