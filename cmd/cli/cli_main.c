/* The life of a program's command: parse, answer --help and --generate, run the verb, report. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/heap.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/cli_out.h"
#include "cli/cli_priv.h"

/* The most that a help text, a man page or a completion script can be. */
#define TEXT_MAX (1u << 20)

/* --generate man [VERB...] | man-pages | bash-completion */
static int generate(struct cli *cli, struct st_buf *to, struct st_err *err)
{
    const char *what = cli->n_args > 0 ? cli->args[0] : "";
    if (st_streq(what, "bash-completion")) {
        cli_bash(cli->program, to);
        return 0;
    }
    if (st_streq(what, "man-pages")) {
        cli_man_pages(cli->program, to);
        return 0;
    }
    if (!st_streq(what, "man")) {
        return st_fail(err, ST_EINVAL, "--generate makes man, man-pages or bash-completion");
    }
    const struct cli_verb *const *verbs = cli->program->verbs;
    for (size_t i = 1; i < cli->n_args; i++) {
        const struct cli_verb *verb = cli_find_verb(verbs, cli->args[i]);
        if (verb == NULL) {
            return st_fail(err, ST_EINVAL, "unknown command \"%s\"", cli->args[i]);
        }
        cli_enter_verb(cli, verb);
        verbs = cli->verb->verbs;
    }
    cli_man(cli, to);
    return 0;
}

static int answer(struct cli *cli, struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(TEXT_MAX);
    int r = 0;
    switch ((enum cli_asked)cli->asked) {
    case CLI_ASKED_HELP:
        cli_help(cli, &text);
        break;
    case CLI_ASKED_VERSION:
        st_buf_printf(&text, "%s %s\n", cli->program->name, cli->program->version);
        break;
    case CLI_ASKED_GENERATE:
        r = generate(cli, &text, err);
        break;
    case CLI_ASKED_RUN:
        ST_UNREACHABLE();
    }
    if (r == 0) {
        r = cli_buf_out(&text);
    }
    return r < 0 && err->code == 0 ? st_fail_os(err, r, "writing to standard output") : r;
}

int cli_main(const struct cli_program *program, int argc, char **argv)
{
    struct cli cli;
    struct st_err err = {0};
    int r = cli_parse(&cli, program, argc, argv, &err);
    if (r == 0 && cli.asked != CLI_ASKED_RUN) {
        r = answer(&cli, &err);
    } else if (r == 0) {
        r = program->prepare != NULL ? program->prepare(&cli, &err) : 0;
        r = r < 0 ? r : (cli.verb != NULL ? cli.verb->run : program->run)(&cli, &err);
    }
    if (r < 0) {
        if (err.code == 0) {
            st_fail_os(&err, r, "%s", cli.verb != NULL ? cli.verb->name : program->name);
        }
        if (program->report != NULL) {
            program->report(&cli, &err);
        } else {
            cli_print_error(program->name, &err);
        }
        r = cli_failure(&cli);
    }
    cli_done(&cli);
    return r;
}
