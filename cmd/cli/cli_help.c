/* --help: what a program or a verb does, its options, examples and exit codes, for a terminal of 80
 * columns. */
#include <stdlib.h>

#include "base/heap.h"
#include "base/str.h"
#include "cli/cli_priv.h"

#define WIDTH 80u
#define COLUMN 28u /* where the descriptions begin */

static void spaces(struct st_buf *to, size_t n)
{
    while (n-- > 0) {
        st_buf_char(to, ' ');
    }
}

/* Appends text broken at spaces into lines that begin at column `indent`; the cursor is at column
 * `at` now. An empty line in the text parts paragraphs. Ends with a newline. */
static void wrapped(struct st_buf *to, const char *text, size_t indent, size_t at)
{
    while (*text != '\0') {
        size_t n = 0;
        if (text[0] == '\n' && text[1] == '\n') {
            st_buf_text(to, "\n\n");
            spaces(to, indent);
            at = indent;
            text += 2;
            continue;
        }
        if (*text == ' ' || *text == '\n') {
            text++;
            continue;
        }
        while (text[n] != '\0' && text[n] != ' ' && text[n] != '\n') {
            n++;
        }
        if (at > indent && at + 1 + n > WIDTH) {
            st_buf_char(to, '\n');
            spaces(to, indent);
            at = indent;
        } else if (at > indent) {
            st_buf_char(to, ' ');
            at++;
        }
        st_buf_append(to, text, n);
        at += n;
        text += n;
    }
    st_buf_char(to, '\n');
}

static void two_columns(struct st_buf *to, const char *left, const char *right)
{
    size_t n = st_strlen(left);
    st_buf_text(to, left);
    if (n + 2 > COLUMN) {
        st_buf_char(to, '\n');
        n = 0;
    }
    spaces(to, COLUMN - n);
    wrapped(to, right, COLUMN, COLUMN);
}

static void help_option(const struct cli_option *option, struct st_buf *to)
{
    st_auto(buf) struct st_buf left = ST_BUF_HEAP(256);
    st_auto(buf) struct st_buf right = ST_BUF_HEAP(4096);
    if (option->letter != 0) {
        st_buf_printf(&left, "  -%c, --%s", option->letter, option->name);
    } else {
        st_buf_printf(&left, "      --%s", option->name);
    }
    if (option->value != NULL) {
        st_buf_printf(&left, " %s", option->value);
    }
    st_buf_text(&right, option->help);
    if (option->choices != NULL) {
        st_buf_printf(&right, " One of %s.", option->choices);
    }
    if (option->fallback != NULL && option->fallback[0] != '\0') {
        st_buf_printf(&right, " Default: %s.", option->fallback);
    }
    if (option->env != NULL) {
        st_buf_printf(&right, " Variable: %s.", option->env);
    }
    two_columns(to, st_buf_string(&left), st_buf_string(&right));
}

static void help_options(const struct cli_program *program, const struct cli_verb *verb,
                         struct st_buf *to)
{
    const struct cli_option *const *tables = cli_tables(program, verb);
    bool first = true;
    for (size_t i = 0; i < CLI_TABLES && tables[i] != NULL; i++) {
        for (const struct cli_option *option = tables[i]; option->name != NULL; option++) {
            if (!cli_shown(option)) {
                continue;
            }
            if (first) {
                st_buf_text(to, "\nOptions:\n");
                first = false;
            }
            help_option(option, to);
        }
    }
    if (verb == NULL) {
        st_buf_text(to, first ? "\nOptions:\n" : "");
        two_columns(to, "      --help", "Show this help, or with a command the command's.");
        two_columns(to, "      --version", "Show the version.");
    }
}

static void help_verbs(const struct cli_verb *const *verbs, struct st_buf *to)
{
    st_buf_text(to, "\nCommands:\n");
    for (; *verbs != NULL; verbs++) {
        const struct cli_verb *verb = *verbs;
        st_auto(buf) struct st_buf left = ST_BUF_HEAP(256);
        if (verb->hidden) {
            continue;
        }
        st_buf_printf(&left, "  %s", verb->name);
        two_columns(to, st_buf_string(&left),
                    verb->same_as != NULL ? verb->same_as->summary : verb->summary);
    }
}

static void help_usage(const struct cli *cli, const struct cli_verb *const *verbs,
                       struct st_buf *to)
{
    st_buf_text(to, "Usage: ");
    cli_path(cli, ' ', to);
    if (cli->verb == NULL || cli->verb->options[0] != NULL) {
        st_buf_text(to, " [OPTION...]");
    }
    if (verbs != NULL) {
        st_buf_text(to, " COMMAND [ARG...]");
    } else if (cli->verb != NULL && cli->verb->arguments != NULL) {
        st_buf_printf(to, " %s", cli->verb->arguments);
    }
    st_buf_text(to, "\n\n");
}

static void help_aliases(const struct cli_verb *verb, struct st_buf *to)
{
    for (size_t i = 0; i < ST_COUNT(verb->aliases) && verb->aliases[i] != NULL; i++) {
        st_buf_printf(to, "%s%s", i == 0 ? "\nAlso called: " : ", ", verb->aliases[i]);
    }
    st_buf_text(to, verb->aliases[0] != NULL ? ".\n" : "");
}

void cli_help(const struct cli *cli, struct st_buf *to)
{
    const struct cli_verb *verb = cli->verb;
    const struct cli_program *program = cli->program;
    const struct cli_verb *const *verbs = verb != NULL ? verb->verbs : program->verbs;
    const char *about = verb != NULL ? verb->about : program->about;
    const struct cli_example *example = verb != NULL ? verb->examples : program->examples;
    const struct cli_exit *code = verb != NULL ? verb->exits : program->exits;

    help_usage(cli, verbs, to);
    wrapped(to, verb != NULL ? verb->summary : program->summary, 0, 0);
    if (about != NULL) {
        st_buf_char(to, '\n');
        wrapped(to, about, 0, 0);
    }
    if (verb != NULL) {
        help_aliases(verb, to);
    }
    if (verbs != NULL) {
        help_verbs(verbs, to);
    }
    help_options(program, verb, to);
    if (example != NULL) {
        st_buf_text(to, "\nExamples:\n");
    }
    for (; example != NULL && example->command != NULL; example++) {
        st_buf_printf(to, "  %s\n      ", example->command);
        wrapped(to, example->text, 6, 6);
    }
    if (code != NULL) {
        st_buf_text(to, "\nExit codes:\n");
    }
    for (; code != NULL && code->code != NULL; code++) {
        st_buf_printf(to, "  %s", code->code);
        spaces(to, st_strlen(code->code) < 6 ? 6 - st_strlen(code->code) : 1);
        wrapped(to, code->text, 8, 8);
    }
    if (verbs != NULL) {
        st_auto(buf) struct st_buf path = ST_BUF_HEAP(256);
        cli_path(cli, ' ', &path);
        st_buf_printf(to, "\nSee '%s COMMAND --help' for a command's options.\n",
                      st_buf_string(&path));
    }
}
