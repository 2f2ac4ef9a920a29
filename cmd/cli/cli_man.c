/* The man pages: roff with the man macros, one page a program or a verb. */
#include <stdlib.h>

#include "base/heap.h"
#include "base/str.h"
#include "cli/cli_priv.h"

/* Appends text so that roff shows it as it is: dashes stay dashes, a leading dot is no request. */
static void quoted(struct st_buf *to, const char *text)
{
    bool line_start = true;
    for (; *text != '\0'; text++) {
        if (line_start && (*text == '.' || *text == '\'')) {
            st_buf_text(to, "\\&");
        }
        line_start = *text == '\n';
        if (*text == '\\') {
            st_buf_text(to, "\\e");
        } else if (*text == '-') {
            st_buf_text(to, "\\-");
        } else if (*text == '\'') {
            st_buf_text(to, "\\(aq");
        } else if (*text == '"') {
            st_buf_text(to, "\\(dq");
        } else if (*text == '~') {
            st_buf_text(to, "\\(ti");
        } else if (*text == '^') {
            st_buf_text(to, "\\(ha");
        } else {
            st_buf_char(to, *text);
        }
    }
}

/* Paragraphs: an empty line in the text becomes .PP. */
static void paragraphs(struct st_buf *to, const char *text)
{
    st_auto(buf) struct st_buf part = ST_BUF_HEAP(1 << 16);
    for (; *text != '\0'; text++) {
        if (text[0] == '\n' && text[1] == '\n') {
            quoted(to, st_buf_string(&part));
            st_buf_text(to, "\n.PP\n");
            st_buf_reset(&part);
            text++;
        } else {
            st_buf_char(&part, *text);
        }
    }
    quoted(to, st_buf_string(&part));
    st_buf_char(to, '\n');
}

static void man_option(const struct cli_option *option, struct st_buf *to)
{
    st_buf_text(to, ".TP\n\\fB");
    if (option->letter != 0) {
        st_buf_printf(to, "\\-%c\\fR, \\fB", option->letter);
    }
    st_buf_text(to, "\\-\\-");
    quoted(to, option->name);
    st_buf_text(to, "\\fR");
    if (option->value != NULL) {
        st_buf_text(to, " \\fI");
        quoted(to, option->value);
        st_buf_text(to, "\\fR");
    }
    st_buf_char(to, '\n');
    quoted(to, option->help);
    st_buf_char(to, '\n');
    if (option->choices != NULL) {
        st_buf_text(to, "One of ");
        quoted(to, option->choices);
        st_buf_text(to, ".\n");
    }
    if (option->fallback != NULL && option->fallback[0] != '\0') {
        st_buf_text(to, "Default: ");
        quoted(to, option->fallback);
        st_buf_text(to, ".\n");
    }
    if (option->env != NULL) {
        st_buf_printf(to, "Variable: %s.\n", option->env);
    }
}

static void man_options(const struct cli_program *program, const struct cli_verb *verb,
                        const char *heading, struct st_buf *to)
{
    const struct cli_option *const *tables = cli_tables(program, verb);
    bool first = true;
    for (size_t i = 0; i < CLI_TABLES && tables[i] != NULL; i++) {
        for (const struct cli_option *option = tables[i]; option->name != NULL; option++) {
            if (!cli_shown(option)) {
                continue;
            }
            if (first) {
                st_buf_text(to, heading);
                first = false;
            }
            man_option(option, to);
        }
    }
    if (verb == NULL) {
        st_buf_text(to, first ? heading : "");
        st_buf_text(to, ".TP\n\\fB\\-\\-help\\fR\nShow the help of the program or of a command.\n"
                        ".TP\n\\fB\\-\\-version\\fR\nShow the version.\n");
    }
}

/* What a person who comes from docker looks for in vain. */
static void man_unsupported(const struct cli_program *program, const struct cli_verb *verb,
                            struct st_buf *to)
{
    const struct cli_option *const *tables = cli_tables(program, verb);
    bool first = true;
    for (size_t i = 0; i < CLI_TABLES && tables[i] != NULL; i++) {
        for (const struct cli_option *option = tables[i]; option->name != NULL; option++) {
            if (option->kind != CLI_UNSUPPORTED) {
                continue;
            }
            st_buf_text(to, first ? ".SH OPTIONS THAT ARE NOT SUPPORTED\n"
                                    "These options of docker are refused by name:\n"
                                  : ",\n");
            st_buf_text(to, "\\-\\-");
            quoted(to, option->name);
            first = false;
        }
    }
    st_buf_text(to, first ? "" : ".\n");
}

static void man_synopsis(const struct cli *cli, const struct cli_verb *const *verbs,
                         struct st_buf *to)
{
    st_auto(buf) struct st_buf path = ST_BUF_HEAP(256);
    cli_path(cli, ' ', &path);
    st_buf_text(to, ".SH SYNOPSIS\n\\fB");
    quoted(to, st_buf_string(&path));
    st_buf_text(to, "\\fR");
    if (cli->verb == NULL || cli->verb->options[0] != NULL) {
        st_buf_text(to, " [\\fIOPTION\\fR...]");
    }
    if (verbs != NULL) {
        st_buf_text(to, " \\fICOMMAND\\fR [\\fIARG\\fR...]");
    } else if (cli->verb != NULL && cli->verb->arguments != NULL) {
        st_buf_text(to, " \\fI");
        quoted(to, cli->verb->arguments);
        st_buf_text(to, "\\fR");
    }
    st_buf_char(to, '\n');
}

static void man_verbs(const struct cli *cli, const struct cli_verb *const *verbs, struct st_buf *to)
{
    st_buf_text(to, ".SH COMMANDS\n");
    for (; *verbs != NULL; verbs++) {
        const struct cli_verb *verb = (*verbs)->same_as != NULL ? (*verbs)->same_as : *verbs;
        if ((*verbs)->hidden) {
            continue;
        }
        st_buf_text(to, ".TP\n\\fB");
        quoted(to, (*verbs)->name);
        st_buf_text(to, "\\fR");
        if (verb->arguments != NULL) {
            st_buf_text(to, " \\fI");
            quoted(to, verb->arguments);
            st_buf_text(to, "\\fR");
        }
        st_buf_char(to, '\n');
        paragraphs(to, verb->summary);
        if (cli->program->one_page && verb == *verbs) {
            if (verb->about != NULL) {
                st_buf_text(to, ".IP\n");
                quoted(to, verb->about);
                st_buf_char(to, '\n');
            }
            man_options(cli->program, verb, ".RS\n", to);
            st_buf_text(to, verb->options[0] != NULL ? ".RE\n" : "");
        }
    }
}

static void man_tail(const struct cli *cli, struct st_buf *to)
{
    const struct cli_verb *verb = cli->verb;
    const struct cli_program *program = cli->program;
    const struct cli_example *example = verb != NULL ? verb->examples : program->examples;
    const struct cli_exit *code = verb != NULL ? verb->exits : program->exits;
    const char *see = verb != NULL ? verb->see_also : program->see_also;

    if (code != NULL) {
        st_buf_text(to, ".SH EXIT STATUS\n");
    }
    for (; code != NULL && code->code != NULL; code++) {
        st_buf_printf(to, ".TP\n\\fB%s\\fR\n", code->code);
        paragraphs(to, code->text);
    }
    if (verb == NULL && program->files != NULL) {
        st_buf_text(to, ".SH FILES\n");
        paragraphs(to, program->files);
    }
    if (example != NULL) {
        st_buf_text(to, ".SH EXAMPLES\n");
    }
    for (; example != NULL && example->command != NULL; example++) {
        st_buf_text(to, ".TP\n\\fB");
        quoted(to, example->command);
        st_buf_text(to, "\\fR\n");
        paragraphs(to, example->text);
    }
    if (see != NULL || verb != NULL) {
        st_buf_text(to, ".SH SEE ALSO\n");
        if (verb != NULL) {
            quoted(to, program->name);
            st_buf_text(to, see != NULL ? "(1),\n" : "(1)\n");
        }
        quoted(to, see != NULL ? see : "");
        st_buf_text(to, see != NULL ? "\n" : "");
    }
}

void cli_man(const struct cli *cli, struct st_buf *to)
{
    const struct cli_verb *verb = cli->verb;
    const struct cli_program *program = cli->program;
    const struct cli_verb *const *verbs = verb != NULL ? verb->verbs : program->verbs;
    const char *about = verb != NULL ? verb->about : program->about;
    const char *summary = verb != NULL ? verb->summary : program->summary;
    st_auto(buf) struct st_buf title = ST_BUF_HEAP(256);

    cli_path(cli, '-', &title);
    st_buf_text(to, ".TH \"");
    quoted(to, st_buf_string(&title));
    st_buf_text(to, "\" 1 \"\" \"Strata " STRATA_VERSION "\" \"Strata\"\n.SH NAME\n");
    quoted(to, st_buf_string(&title));
    st_buf_text(to, " \\- ");
    size_t n = st_strlen(summary);
    st_auto(buf) struct st_buf line = ST_BUF_HEAP(4096);
    st_buf_append(&line, summary, n > 0 && summary[n - 1] == '.' ? n - 1 : n);
    quoted(to, st_buf_string(&line));
    st_buf_char(to, '\n');
    man_synopsis(cli, verbs, to);
    st_buf_text(to, ".SH DESCRIPTION\n");
    paragraphs(to, summary);
    if (about != NULL) {
        st_buf_text(to, ".PP\n");
        paragraphs(to, about);
    }
    man_options(program, verb, ".SH OPTIONS\n", to);
    if (verb != NULL) {
        man_unsupported(program, verb, to);
    }
    if (verbs != NULL) {
        man_verbs(cli, verbs, to);
    }
    man_tail(cli, to);
}

static void page_lines(const struct cli_program *program, const struct cli_verb *const *verbs,
                       const char *page, const char *words, struct st_buf *to)
{
    for (; verbs != NULL && *verbs != NULL; verbs++) {
        const struct cli_verb *verb = *verbs;
        if (verb->hidden || verb->same_as != NULL) {
            continue;
        }
        st_auto(buf) struct st_buf sub_page = ST_BUF_HEAP(256);
        st_auto(buf) struct st_buf sub_words = ST_BUF_HEAP(256);
        st_buf_printf(&sub_page, "%s-%s", page, verb->name);
        st_buf_printf(&sub_words, "%s %s", words, verb->name);
        st_buf_printf(to, "%s.1%s\n", st_buf_string(&sub_page), st_buf_string(&sub_words));
        page_lines(program, verb->verbs, st_buf_string(&sub_page), st_buf_string(&sub_words), to);
    }
}

void cli_man_pages(const struct cli_program *program, struct st_buf *to)
{
    st_buf_printf(to, "%s.1\n", program->name);
    if (!program->one_page) {
        page_lines(program, program->verbs, program->name, "", to);
    }
}
