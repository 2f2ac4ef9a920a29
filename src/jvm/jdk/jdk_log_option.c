/*
 * -Xlog[:WHAT[:OUTPUT[:DECORATORS[:OPTIONS]]]]: see jdk_log.h. WHAT is TAG[+TAG...][*][=LEVEL],...
 * Tags that HotSpot has and the machine writes nothing under are taken and stay silent. What there
 * is to say about an option is said when it has been done, on the outputs that there are then.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/heap.h"
#include "jvm/jdk/jdk.h"
#include "jvm/jdk/jdk_flags.h"
#include "jvm/jdk/jdk_log.h"
#include "jvm/jdk/jdk_log_tags.h"

struct selection {
    struct jdk_log_tags tags;
    enum jdk_log_level level;
};

enum { TEXT_BYTES = 1 << 20, SELECTIONS_MAX = 320 };

/* ---- what is selected ---- */

static int find_level(const char *name, enum jdk_log_level *ret_level, struct st_buf *said)
{
    const char *best = NULL;
    double most = JDK_LOG_ALIKE;
    for (unsigned i = JDK_LOG_OFF; i <= JDK_LOG_TRACE; i++) {
        const char *level = jdk_log_levels[i];
        double like = jdk_likeness(level, strlen(level), name, strlen(name));
        if (strcasecmp(level, name) == 0) {
            *ret_level = (enum jdk_log_level)i;
            return 0;
        }
        if (like >= most) {
            most = like;
            best = level;
        }
    }
    (void)st_buf_printf(said, "Invalid level '%s' in log selection.%s%s%s\n", name,
                        best != NULL ? " Did you mean '" : "", best != NULL ? best : "",
                        best != NULL ? "'?" : "");
    return -ST_EINVAL;
}

/* "gc+init" */
static int take_tags(char *text, struct jdk_log_tags *tags, struct st_buf *said)
{
    const char *first = text;
    const char *twice = NULL;
    for (const char *name; (name = strsep(&text, "+")) != NULL;) {
        const char *tag = jdk_log_tag(name);
        if (tag == NULL) {
            (void)st_buf_printf(said, "Invalid tag '%s' in log selection.", name);
            jdk_log_tag_alike(name, said);
            (void)st_buf_char(said, '\n');
            return -ST_EINVAL;
        }
        if (tags->count == JDK_LOG_TAGS_MAX) {
            (void)st_buf_printf(
                said, "Too many tags in log selection '%s' (can only have up to %d tags).\n", first,
                JDK_LOG_TAGS_MAX);
            return -ST_EINVAL;
        }
        twice = twice == NULL && jdk_log_tags_have(tags, tag) ? name : twice;
        tags->of[tags->count++] = tag;
    }
    if (twice != NULL) {
        (void)st_buf_printf(said, "Log selection contains duplicates of tag %s.\n", twice);
    }
    return twice != NULL ? -ST_EINVAL : 0;
}

static int take_selection(char *text, struct selection *one, struct st_buf *said)
{
    char *level = strchr(text, '=');
    *one = (struct selection){.level = JDK_LOG_INFO};
    if (level != NULL) {
        *level++ = '\0';
        int r = find_level(level, &one->level, said);
        if (r < 0) {
            return r;
        }
    }
    if (strcmp(text, "all") == 0) {
        one->tags.wildcard = true;
        return 0;
    }
    char *star = strchr(text, '*');
    if (star != NULL && star[1] == '\0') {
        one->tags.wildcard = true;
        *star = '\0';
    }
    return take_tags(text, &one->tags, said);
}

/* Reads WHAT into a list of the caller's. */
static int take_selections(char *text, struct selection *list, unsigned *ret_count,
                           struct st_buf *said)
{
    int r = 0;
    for (char *one; r >= 0 && (one = strsep(&text, ",")) != NULL; (*ret_count)++) {
        if (*ret_count == SELECTIONS_MAX) {
            (void)st_buf_printf(
                said, "Can not have more than %d log selections in a single configuration.\n",
                SELECTIONS_MAX);
            return -ST_EINVAL;
        }
        r = take_selection(one, &list[*ret_count], said);
    }
    return r;
}

static void apply(const struct selection *list, unsigned count, unsigned output)
{
    for (uint32_t kind = 0; kind < jdk_log_kinds(); kind++) {
        for (unsigned i = 0; i < count; i++) {
            if (jdk_log_tags_select(&list[i].tags, jdk_log_kind_tags(kind))) {
                jdk_log_take(output, kind, list[i].level);
            }
        }
    }
}

/* Says which selections are of no lines, neither of ours nor of HotSpot's. */
static void tell_empty(const struct selection *list, unsigned count, struct st_buf *said)
{
    for (unsigned i = 0; i < count; i++) {
        if (!jdk_log_tags_select_any(&list[i].tags)) {
            (void)st_buf_text(said, "No tag set matches selection: ");
            jdk_log_tags_text(&list[i].tags, said);
            (void)st_buf_char(said, '.');
            jdk_log_tags_alike(&list[i].tags, said);
            (void)st_buf_char(said, '\n');
        }
    }
}

/* ---- decorators ---- */

static int take_decorators(char *text, uint32_t *ret_set, struct st_buf *said)
{
    uint32_t set = 0;
    if (text == NULL || *text == '\0') {
        *ret_set = JDK_LOG_USUAL;
        return 0;
    }
    if (strcasecmp(text, "none") == 0) {
        *ret_set = 0;
        return 0;
    }
    for (char *name; (name = strsep(&text, ",")) != NULL;) {
        unsigned i = 0;
        while (i < JDK_LOG_DECORATORS && strcasecmp(jdk_log_decorators[i].name, name) != 0 &&
               strcasecmp(jdk_log_decorators[i].brief, name) != 0) {
            i++;
        }
        if (i == JDK_LOG_DECORATORS) {
            (void)st_buf_printf(said, "Invalid decorator '%s'.\n", name);
            return -ST_EINVAL;
        }
        set |= 1u << i;
    }
    *ret_set = set;
    return 0;
}

/* ---- outputs ---- */

/* Takes the quotes off a name or, behind the type, off the rest of it. */
static int unquote(char *name, char *equals, struct st_buf *said)
{
    char *quoted = equals != NULL ? equals + 1 : name;
    char *end = strchr(name, '"');
    if (end == NULL) {
        return 0;
    }
    end = end == quoted ? strchr(quoted + 1, '"') : NULL;
    if (end == NULL || end[1] != '\0') {
        (void)st_buf_text(said,
                          "Output name can not be partially quoted. Either surround the whole "
                          "name with quotation marks, or do not use quotation marks at all.\n");
        return -ST_EINVAL;
    }
    *end = '\0';
    memmove(quoted, quoted + 1, strlen(quoted));
    return 0;
}

/* "stdout", "stderr", "file=NAME" or just a name, which may stand in quotes; "#1" is the second
 * output that there is. */
static int find_output(char *name, const char *options, unsigned *ret_output, struct st_buf *said)
{
    char *full = NULL;
    if (name == NULL || *name == '\0') {
        return jdk_log_output("stdout", options, ret_output, said);
    }
    if (*name == '#') {
        return jdk_log_output_at(name, options, ret_output, said);
    }
    char *equals = strchr(name, '=');
    const char *quote = strchr(name, '"');
    equals = quote != NULL && equals > quote ? NULL : equals; /* it is the name's */
    bool is_stream = strcmp(name, "stdout") == 0 || strcmp(name, "stderr") == 0;
    int r = unquote(name, equals, said);
    if (r >= 0 && asprintf(&full, "%s%s", equals == NULL && !is_stream ? "file=" : "", name) < 0) {
        full = NULL;
        r = -ST_ENOMEM;
    }
    r = r >= 0 ? jdk_log_output(full, options, ret_output, said) : r;
    free(full);
    return r;
}

/* ---- the whole ---- */

/* The end of a part: a colon that is not in quotes, or the text's. NULL: a quote is not closed. */
static char *end_of_part(char *part)
{
    part += strcspn(part, ":\"");
    while (*part == '"') {
        char *close = strchr(part + 1, '"');
        if (close == NULL) {
            return NULL;
        }
        part = close + 1 + strcspn(close + 1, ":\"");
    }
    return part;
}

enum { WHAT, OUTPUT, DECORATORS, OPTIONS, PARTS };

static int split(char *text, char *parts[PARTS])
{
    for (unsigned i = 0; i < PARTS && text != NULL; i++) {
        char *end = end_of_part(text);
        if (end == NULL) {
            jdk_log_print(JDK_LOG_ERROR, "logging",
                          "Missing terminating quote in -Xlog option '%s'", text);
            return -ST_EINVAL;
        }
        parts[i] = text;
        text = *end == ':' ? end + 1 : NULL;
        *end = '\0';
    }
    if (text != NULL) {
        jdk_log_print(JDK_LOG_WARNING, "logging", "Ignoring excess -Xlog options: \"%s\"", text);
    }
    return 0;
}

static int configure_parts(char *parts[PARTS], struct selection *list, struct st_buf *said)
{
    char all[] = "all";
    uint32_t decorators = 0;
    unsigned output = 0;
    unsigned count = 0;
    char *what = parts[WHAT] != NULL && *parts[WHAT] != '\0' ? parts[WHAT] : all;
    int r = take_selections(what, list, &count, said);
    r = r >= 0 ? take_decorators(parts[DECORATORS], &decorators, said) : r;
    r = r >= 0 ? find_output(parts[OUTPUT], parts[OPTIONS], &output, said) : r;
    if (r >= 0) {
        apply(list, count, output);
        jdk_log_decorate(output, decorators);
        tell_empty(list, count, said);
    }
    return r;
}

static int configure(char *text)
{
    char *parts[PARTS] = {NULL};
    st_auto(buf) struct st_buf said = ST_BUF_HEAP(TEXT_BYTES);
    struct selection *list = calloc(SELECTIONS_MAX, sizeof *list);
    int r = list != NULL ? split(text, parts) : -ST_ENOMEM;
    r = r >= 0 ? configure_parts(parts, list, &said) : r;
    free(list);
    char *lines = st_buf_steal(&said);
    char *rest = lines;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && rest != NULL;) {
        jdk_log_at(r >= 0 ? JDK_LOG_WARNING : JDK_LOG_ERROR, "logging", line);
    }
    free(lines);
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
    jdk_print(stdout, "\nTags: %s\n", jdk_log_tag_names);
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
