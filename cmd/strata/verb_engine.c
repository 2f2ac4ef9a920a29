/* What the verbs of instances share: see verb_engine.h. */
#include "strata/verb_engine.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/print.h"
#include "base/str.h"
#include "cli/cli_out.h"
#include "os/os_file.h"
#include "strata/rows.h"

/* How long one object's JSON may be. */
#define DESCRIPTION_MAX (64u << 20)

int verb_open(struct cli *cli, struct engine **ret_engine, struct st_err *err)
{
    struct engine_options options = {
        .data = cli_text(cli, "data"),
        .run = cli_text(cli, "run"),
    };
    return engine_open(&options, ret_engine, err);
}

int verb_open_instance(struct cli *cli, struct engine **ret_engine,
                       struct engine_instance **ret_instance, struct st_err *err)
{
    st_auto(engine) struct engine *engine = NULL;
    int r = verb_open(cli, &engine, err);
    r = r < 0 ? r : engine_find(engine, cli->args[0], ret_instance, err);
    if (r >= 0) {
        *ret_engine = st_take(engine);
    }
    return r;
}

int verb_each(struct cli *cli, verb_act_fn *act, bool print, struct st_err *err)
{
    st_auto(engine) struct engine *engine = NULL;
    int status = 0;
    int r = verb_open(cli, &engine, err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < cli->n_args; i++) {
        struct st_err failure = {0};
        r = act(cli, engine, cli->args[i], &failure);
        if (r < 0) {
            if (failure.code == 0) {
                st_fail_os(&failure, r, "%s %s", cli->verb->name, cli->args[i]);
            }
            cli_print_error(cli->program->name, &failure);
            status = 1;
        } else if (print) {
            r = cli_printf("%s\n", cli->args[i]);
            if (r < 0) {
                return st_fail_os(err, r, "writing to standard output");
            }
        }
    }
    return status;
}

int verb_inspect_each(struct cli *cli, verb_describe_fn *describe, void *context,
                      struct st_err *err)
{
    size_t count = 0;
    int status = 0;
    struct st_buf *objects = calloc(cli->n_args, sizeof(*objects));
    if (objects == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < cli->n_args; i++) {
        struct st_err failure = {0};
        objects[count] = ST_BUF_HEAP(DESCRIPTION_MAX);
        if (describe(cli, context, cli->args[i], &objects[count], &failure) < 0) {
            cli_print_error(cli->program->name, &failure);
            st_buf_done(&objects[count]);
            status = 1;
        } else {
            count++;
        }
    }
    int r = rows_inspect(cli_text(cli, "format"), objects, count, err);
    for (size_t i = 0; i < count; i++) {
        st_buf_done(&objects[i]);
    }
    free(objects);
    return r < 0 ? r : status;
}

int verb_pruned(const char *which, const struct st_buf *removed, uint64_t freed_bytes)
{
    st_auto(buf) struct st_buf out = ST_BUF_HEAP(32 << 20);
    if (removed->length > 0) {
        st_buf_printf(&out, "Deleted %s:\n%s\n", which, st_buf_string(removed));
    }
    st_buf_text(&out, "Total reclaimed space: ");
    rows_size(&out, freed_bytes);
    st_buf_char(&out, '\n');
    return cli_buf_out(&out);
}

void verb_warnings(const struct st_buf *lines)
{
    const char *at = st_buf_string(lines);
    while (*at != '\0') {
        char line[1100];
        size_t length = strcspn(at, "\n");
        if (length > 0) {
            size_t n = st_snprintf(line, sizeof line, "WARNING: %.*s\n", (int)length, at);
            (void)cli_write(STDERR_FILENO, line, ST_MIN(n, sizeof line - 1));
        }
        at += length + (at[length] == '\n');
    }
}

int verb_confirm(const char *question)
{
    char answer = 0;
    char next = 0;
    (void)cli_write(STDERR_FILENO, question, strlen(question));
    if (os_read(STDIN_FILENO, &answer, 1) != 1) {
        return 0;
    }
    while (answer != '\n' && os_read(STDIN_FILENO, &next, 1) == 1 && next != '\n') {
    }
    return answer == 'y' || answer == 'Y';
}
