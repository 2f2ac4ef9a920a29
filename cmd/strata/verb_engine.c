/* What the verbs of instances share: see verb_engine.h. */
#include "strata/verb_engine.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/print.h"
#include "base/str.h"
#include "cli/cli_out.h"
#include "os/os_file.h"

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
