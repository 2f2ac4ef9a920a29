/* The configuration that run and create ask for: memory, lists, files, and what stands by itself.
 */
#include "strata/run_config.h"

#include <stdlib.h>
#include <string.h>

#include "base/print.h"
#include "base/str.h"
#include "os/os_file.h"
#include "strata/run_config_priv.h"
#include "strata/run_options.h"

/* The most that a file of variables or labels may hold. */
#define FILE_MAX (4u << 20)

int run_alloc(struct run_parse *p, size_t count, size_t size, void *ret_memory)
{
    void *memory = json_doc_alloc(p->memory, count, size);
    if (memory == NULL) {
        return st_fail(p->err, ST_ENOMEM, "out of memory while reading the options");
    }
    *(void **)ret_memory = memory;
    return 0;
}

int run_copy(struct run_parse *p, const char *text, size_t length, const char **ret_copy)
{
    char *copy = NULL;
    int r = run_alloc(p, length + 1, 1, &copy);
    if (r == 0 && copy != NULL) {
        memcpy(copy, text, length);
        *ret_copy = copy;
    }
    return r;
}

int run_list(struct run_parse *p, const char *option, const char ***ret_list, size_t *ret_count)
{
    size_t count = cli_count(p->cli, option);
    size_t cursor = 0;
    const char **list = NULL;
    if (count == 0) {
        return 0;
    }
    int r = run_alloc(p, count + 1, sizeof *list, &list);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < count; i++) {
        list[i] = cli_next(p->cli, option, &cursor);
    }
    *ret_list = list;
    *ret_count = count;
    return 0;
}

static int split_pair(struct run_parse *p, const char *text, struct json_pair *to)
{
    const char *equals = strchr(text, '=');
    size_t length = equals != NULL ? (size_t)(equals - text) : strlen(text);
    to->value = equals != NULL ? equals + 1 : "";
    return run_copy(p, text, length, &to->key);
}

int run_pairs(struct run_parse *p, const char *option, struct json_pair **ret_pairs,
              size_t *ret_count)
{
    size_t count = cli_count(p->cli, option);
    size_t cursor = 0;
    struct json_pair *pairs = NULL;
    if (count == 0) {
        return 0;
    }
    int r = run_alloc(p, count, sizeof *pairs, &pairs);
    for (size_t i = 0; r == 0 && i < count; i++) {
        const char *text = cli_next(p->cli, option, &cursor);
        r = text[0] == '=' ? run_invalid(p, option, text, "the name is missing")
                           : split_pair(p, text, &pairs[i]);
    }
    if (r == 0) {
        *ret_pairs = pairs;
        *ret_count = count;
    }
    return r;
}

int run_invalid(struct run_parse *p, const char *option, const char *value, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    st_vsnprintf(text, sizeof text, format, args);
    va_end(args);
    int r = st_fail(p->err, ST_EINVAL, "invalid value \"%s\" for --%s: %s", value, option, text);
    st_hint(p->err, "See 'strata %s --help'.", p->cli->verb->name);
    return r;
}

int run_resolve_mode(struct run_parse *p, const char *mode, const char **ret_mode)
{
    const char *name = mode != NULL ? st_after_prefix(mode, "container:") : NULL;
    if (name == NULL) {
        *ret_mode = mode;
        return 0;
    }
    st_auto(engine_instance) struct engine_instance *instance = NULL;
    char text[16 + ENGINE_ID_LENGTH];
    if (name[0] == '\0') {
        return st_fail(p->err, ST_EINVAL, "container: wants the name of an instance behind it");
    }
    int r = engine_find(p->engine, name, &instance, p->err);
    if (r < 0) {
        return r;
    }
    size_t n = st_snprintf(text, sizeof text, "container:%s", engine_instance_id(instance));
    return run_copy(p, text, n, ret_mode);
}

static int check_line(struct run_parse *p, const char *what, const char *path, const char *line)
{
    size_t n = 0;
    while (line[n] != '\0' && line[n] != '=') {
        if (line[n] == ' ' || line[n] == '\t') {
            return st_fail(p->err, ST_EINVAL, "--%s %s: the name in \"%s\" contains whitespace",
                           what, path, line);
        }
        n++;
    }
    return n > 0 ? 0
                 : st_fail(p->err, ST_EINVAL, "--%s %s: no name on the line \"%s\"", what, path,
                           line);
}

int run_each_line(struct run_parse *p, const char *what, const char *path, run_line_fn *each,
                  void *data)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(FILE_MAX);
    int r = os_read_file(AT_FDCWD, path, &text);
    if (r < 0) {
        return st_fail_os(p->err, r, "--%s %s", what, path);
    }
    const char *at = st_buf_string(&text);
    if (strlen(at) != text.length) {
        return st_fail(p->err, ST_EINVAL, "--%s %s: the file is no text", what, path);
    }
    if (st_starts_with(at, "\xef\xbb\xbf")) {
        at += 3;
    }
    while (r == 0 && *at != '\0') {
        size_t length = strcspn(at, "\n");
        const char *next = at + length + (at[length] == '\n');
        const char *line = "";
        if (length > 0 && at[length - 1] == '\r') {
            length--;
        }
        while (length > 0 && (*at == ' ' || *at == '\t')) {
            at++;
            length--;
        }
        if (length > 0 && *at != '#') {
            r = run_copy(p, at, length, &line);
            r = r == 0 ? check_line(p, what, path, line) : r;
            r = r == 0 ? each(p, line, data) : r;
        }
        at = next;
    }
    return r;
}

static int add_label(struct run_parse *p, const char *line, void *data)
{
    struct engine_config *config = p->config;
    size_t *capacity = data;
    struct json_pair *grown = NULL;
    int r = 0;
    if (config->labels_count == *capacity) {
        *capacity = *capacity == 0 ? 8 : *capacity * 2;
        r = run_alloc(p, *capacity, sizeof *grown, &grown);
        if (r < 0) {
            return r;
        }
        if (config->labels_count > 0) {
            memcpy(grown, config->labels, config->labels_count * sizeof *grown);
        }
        config->labels = grown;
    }
    return split_pair(p, line, &config->labels[config->labels_count++]);
}

static int fill_labels(struct run_parse *p)
{
    size_t cursor = 0;
    size_t capacity = 0;
    const char *text;
    while ((text = cli_next(p->cli, "label-file", &cursor)) != NULL) {
        int r = run_each_line(p, "label-file", text, add_label, &capacity);
        if (r < 0) {
            return r;
        }
    }
    cursor = 0;
    while ((text = cli_next(p->cli, "label", &cursor)) != NULL) {
        int r = text[0] == '=' || text[0] == '\0'
                    ? run_invalid(p, "label", text, "the name is missing")
                    : add_label(p, text, &capacity);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int fill_restart(struct run_parse *p)
{
    static const char *const policies[] = {"no", "always", "unless-stopped", "on-failure"};
    const char *text = cli_text(p->cli, "restart");
    if (text == NULL || text[0] == '\0') {
        return 0;
    }
    size_t length = strcspn(text, ":");
    struct engine_restart *restart = &p->config->restart;
    for (size_t i = 0; i < ST_COUNT(policies); i++) {
        if (strlen(policies[i]) == length && strncmp(policies[i], text, length) == 0) {
            restart->policy = policies[i];
        }
    }
    if (restart->policy == NULL) {
        return run_invalid(p, "restart", text,
                           "the policy must be no, always, on-failure or unless-stopped");
    }
    if (text[length] == ':' && !st_streq(restart->policy, "on-failure")) {
        return run_invalid(p, "restart", text, "only on-failure takes a number of attempts");
    }
    if (text[length] == ':' &&
        st_parse_i64(text + length + 1, 0, INT32_MAX, &restart->max_retries) < 0) {
        return run_invalid(p, "restart", text, "the number of attempts must not be negative");
    }
    if (p->config->auto_remove && !st_streq(restart->policy, "no")) {
        return st_fail(p->err, ST_EINVAL,
                       "conflicting options: --restart and --rm exclude each other");
    }
    return 0;
}

static int fill_logging(struct run_parse *p)
{
    struct engine_logging *logging = &p->config->logging;
    logging->driver = cli_text(p->cli, "log-driver");
    int r = run_pairs(p, "log-opt", &logging->options, &logging->options_count);
    if (r < 0) {
        return r;
    }
    if (logging->driver != NULL && !st_streq(logging->driver, "json-file") &&
        !st_streq(logging->driver, "none")) {
        return st_fail(p->err, ST_EUNSUPPORTED,
                       "log driver %s is not supported: json-file and none are", logging->driver);
    }
    if (logging->options_count > 0 && st_streq(logging->driver, "none")) {
        return st_fail(p->err, ST_EINVAL, "invalid log options for driver none");
    }
    return 0;
}

/* What there is no choice in yet: say so rather than do something else. */
static int check_image_options(struct run_parse *p)
{
    static const char *const platforms[] = {("linux/" STRATA_ARCH), "linux", STRATA_ARCH};
    const char *platform = cli_text(p->cli, "platform");
    bool known = platform == NULL || platform[0] == '\0';
    for (size_t i = 0; !known && i < ST_COUNT(platforms); i++) {
        known = st_streq(platform, platforms[i]);
    }
    if (!known) {
        return st_fail(p->err, ST_EUNSUPPORTED, "--platform %s is not supported: only %s is",
                       platform, platforms[0]);
    }
    if (st_streq(cli_text(p->cli, "pull"), "always")) {
        return st_fail(p->err, ST_EUNSUPPORTED, "--pull always is not supported");
    }
    const char *isolation = cli_text(p->cli, "isolation");
    if (st_streq(isolation, "vm")) {
        p->config->isolation = "vm";
        return run_check_machine(p);
    }
    if (st_streq(isolation, "jvm")) {
        p->config->isolation = "jvm";
        p->config->no_image = true;
        return run_check_java(p);
    }
    if (!st_streq(isolation, "container") && !st_streq(isolation, "default")) {
        return st_fail(p->err, ST_EUNSUPPORTED,
                       "--isolation %s is not supported: container, vm and jvm are", isolation);
    }
    p->config->isolation = "container";
    return 0;
}

int run_config_fill(struct cli *cli, struct engine *engine, struct run_config *ret_config,
                    struct st_err *err)
{
    *ret_config = (struct run_config){.memory = json_doc_new()};
    struct run_parse p = {.cli = cli,
                          .engine = engine,
                          .config = &ret_config->config,
                          .memory = ret_config->memory,
                          .err = err};
    static int (*const parts[])(struct run_parse *) = {
        check_image_options, run_fill_process, fill_labels,     fill_restart,      fill_logging,
        run_fill_resources,  run_fill_network, run_fill_mounts, run_fill_security, run_fill_machine,
    };
    if (p.memory == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory while reading the options");
    }
    p.config->name = cli_text(cli, "name");
    p.config->image = cli->args[0];
    p.config->auto_remove = cli_flag(cli, "rm");
    for (size_t i = 0; i < ST_COUNT(parts); i++) {
        int r = parts[i](&p);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

void run_config_done(struct run_config *config)
{
    config->memory = json_doc_free(config->memory);
}
