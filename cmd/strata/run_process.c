/* The process that an instance runs: its command, variables, user, terminal and standard streams.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "strata/run_config_priv.h"

struct variables {
    size_t capacity;
};

static int add_variable(struct run_parse *p, const char *text, struct variables *to)
{
    struct engine_process *process = &p->config->process;
    if (process->env_count + 1 >= to->capacity) {
        const char **grown = NULL;
        to->capacity = to->capacity == 0 ? 16 : to->capacity * 2;
        int r = run_alloc(p, to->capacity, sizeof *grown, &grown);
        if (r < 0) {
            return r;
        }
        if (process->env_count > 0) {
            memcpy(grown, process->env, process->env_count * sizeof *grown);
        }
        process->env = grown;
    }
    process->env[process->env_count++] = text;
    return 0;
}

/* "NAME=VALUE" of the caller's environment. Returns 1, 0 if it has no such variable, or a failure.
 */
static int from_environment(struct run_parse *p, const char *name, const char **ret_text)
{
    const char *value = getenv(name);
    if (value == NULL) {
        return 0;
    }
    char *text = NULL;
    size_t name_length = strlen(name);
    size_t value_length = strlen(value);
    int r = run_alloc(p, name_length + value_length + 2, 1, &text);
    if (r < 0) {
        return r;
    }
    memcpy(text, name, name_length);
    text[name_length] = '=';
    memcpy(text + name_length + 1, value, value_length);
    *ret_text = text;
    return 1;
}

static int env_line(struct run_parse *p, const char *line, void *data)
{
    if (strchr(line, '=') == NULL) {
        int r = from_environment(p, line, &line);
        if (r <= 0) {
            return r;
        }
    }
    return add_variable(p, line, data);
}

/* A variable without a value that the caller doesn't have stays a bare name: the engine takes it
 * off the image's variables, as docker does. */
int run_fill_env(struct run_parse *p)
{
    struct variables to = {0};
    size_t cursor = 0;
    const char *text;
    while ((text = cli_next(p->cli, "env-file", &cursor)) != NULL) {
        int r = run_each_line(p, "env-file", text, env_line, &to);
        if (r < 0) {
            return r;
        }
    }
    cursor = 0;
    while ((text = cli_next(p->cli, "env", &cursor)) != NULL) {
        int r = 0;
        if (text[0] == '=' || text[0] == '\0') {
            return run_invalid(p, "env", text, "the name of the variable is missing");
        }
        if (strchr(text, '=') == NULL) {
            r = from_environment(p, text, &text);
        }
        r = r < 0 ? r : add_variable(p, text, &to);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int fill_command(struct run_parse *p)
{
    struct engine_process *process = &p->config->process;
    const char *entrypoint = cli_text(p->cli, "entrypoint");
    if (p->cli->n_args > 1) {
        process->cmd = (const char **)p->cli->args + 1;
        process->cmd_count = p->cli->n_args - 1;
    }
    if (entrypoint == NULL) {
        return 0;
    }
    int r = run_alloc(p, 2, sizeof *process->entrypoint, &process->entrypoint);
    if (r == 0 && entrypoint[0] != '\0') {
        process->entrypoint[0] = entrypoint;
        process->entrypoint_count = 1;
    }
    return r;
}

static int fill_streams(struct run_parse *p)
{
    struct engine_process *process = &p->config->process;
    size_t cursor = 0;
    const char *stream;
    bool detach = st_streq(p->cli->verb->name, "run") && cli_flag(p->cli, "detach");
    process->tty = cli_flag(p->cli, "tty");
    process->open_stdin = cli_flag(p->cli, "interactive");
    if (detach && cli_given(p->cli, "attach")) {
        return st_fail(p->err, ST_EINVAL,
                       "conflicting options: --attach and --detach exclude each other");
    }
    if (detach) {
        return 0;
    }
    while ((stream = cli_next(p->cli, "attach", &cursor)) != NULL) {
        if (strcasecmp(stream, "stdin") == 0) {
            process->attach_stdin = true;
        } else if (strcasecmp(stream, "stdout") == 0) {
            process->attach_stdout = true;
        } else if (strcasecmp(stream, "stderr") == 0) {
            process->attach_stderr = true;
        } else {
            return run_invalid(p, "attach", stream, "streams are stdin, stdout and stderr");
        }
    }
    if (cursor == 0 || cli_count(p->cli, "attach") == 0) {
        process->attach_stdin = process->open_stdin;
        process->attach_stdout = true;
        process->attach_stderr = true;
    }
    process->stdin_once = process->open_stdin && process->attach_stdin;
    return 0;
}

int run_fill_process(struct run_parse *p)
{
    struct engine_process *process = &p->config->process;
    int r = fill_command(p);
    r = r == 0 ? run_fill_env(p) : r;
    r = r == 0 ? fill_streams(p) : r;
    r = r == 0 ? run_list(p, "group-add", &process->groups, &process->groups_count) : r;
    if (r < 0) {
        return r;
    }
    process->cwd = cli_text(p->cli, "workdir");
    if (process->cwd != NULL && process->cwd[0] != '/' && process->cwd[0] != '\0') {
        return run_invalid(p, "workdir", process->cwd, "it must be an absolute path");
    }
    process->user = cli_text(p->cli, "user");
    process->init = cli_flag(p->cli, "init");
    process->stop_signal = cli_text(p->cli, "stop-signal");
    if (process->stop_signal != NULL && engine_signal_number(process->stop_signal) < 0) {
        return run_invalid(p, "stop-signal", process->stop_signal, "there is no such signal");
    }
    process->has_stop_timeout_s = cli_given(p->cli, "stop-timeout");
    process->stop_timeout_s = cli_signed(p->cli, "stop-timeout");
    return 0;
}
