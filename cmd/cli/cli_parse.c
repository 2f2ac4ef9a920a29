/*
 * Parsing argv by a program's table: program's options, verbs, the verb's options and arguments.
 *
 * The arguments are gathered in argv itself, behind the reading position, so that nothing is
 * copied.
 * --help is recognised wherever an option may stand; a verb's own table may take it over, or take
 * over -h, which docker gives to `run --hostname`.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/cli_priv.h"

struct reader {
    struct cli *cli;
    char **argv; /* what follows the program's name */
    size_t n;
    size_t at;
    bool closed; /* `--` was read: only arguments follow */
    struct st_err *err;
};

const struct cli_option *const *cli_tables(const struct cli_program *program,
                                           const struct cli_verb *verb)
{
    return verb != NULL ? verb->options : program->options;
}

const struct cli_option *cli_find_long(const struct cli_program *program,
                                       const struct cli_verb *verb, const char *name, size_t length)
{
    const struct cli_option *const *tables = cli_tables(program, verb);
    for (size_t i = 0; i < CLI_TABLES && tables[i] != NULL; i++) {
        for (const struct cli_option *option = tables[i]; option->name != NULL; option++) {
            if (st_strlen(option->name) == length &&
                __builtin_memcmp(option->name, name, length) == 0) {
                return option;
            }
        }
    }
    return NULL;
}

const struct cli_option *cli_find_letter(const struct cli_program *program,
                                         const struct cli_verb *verb, char letter)
{
    const struct cli_option *const *tables = cli_tables(program, verb);
    for (size_t i = 0; i < CLI_TABLES && tables[i] != NULL; i++) {
        for (const struct cli_option *option = tables[i]; option->name != NULL; option++) {
            if (option->letter == letter) {
                return option;
            }
        }
    }
    return NULL;
}

const struct cli_verb *cli_find_verb(const struct cli_verb *const *verbs, const char *name)
{
    for (; verbs != NULL && *verbs != NULL; verbs++) {
        const struct cli_verb *verb = *verbs;
        bool found = st_streq(verb->name, name);
        for (size_t i = 0; !found && i < ST_COUNT(verb->aliases) && verb->aliases[i] != NULL; i++) {
            found = st_streq(verb->aliases[i], name);
        }
        if (found) {
            return verb;
        }
    }
    return NULL;
}

void cli_enter_verb(struct cli *cli, const struct cli_verb *row)
{
    size_t depth = 0;
    while (depth < ST_COUNT(cli->group) - 1 && cli->group[depth] != NULL) {
        depth++;
    }
    if (cli->verb != NULL && depth < ST_COUNT(cli->group) - 1) {
        cli->group[depth] = cli->verb;
    }
    cli->named = row;
    cli->verb = row->same_as != NULL ? row->same_as : row;
}

void cli_path(const struct cli *cli, char between, struct st_buf *to)
{
    st_buf_text(to, cli->program->name);
    for (size_t i = 0; i < ST_COUNT(cli->group) && cli->group[i] != NULL; i++) {
        st_buf_char(to, between);
        st_buf_text(to, cli->group[i]->name);
    }
    if (cli->verb != NULL) {
        st_buf_char(to, between);
        st_buf_text(to, cli->named->name);
    }
}

static void hint_help(const struct reader *in)
{
    struct st_buf path = ST_BUF_HEAP(512);
    cli_path(in->cli, ' ', &path);
    st_hint(in->err, "See '%s --help'.", st_buf_string(&path));
    st_buf_done(&path);
}

static int add_value(struct reader *in, const struct cli_option *option, const char *text,
                     const char *shown)
{
    struct cli *cli = in->cli;
    struct cli_value value = {.option = option, .text = text};
    if (option->kind == CLI_UNSUPPORTED) {
        return st_fail(in->err, ST_EUNSUPPORTED, "option %s is not supported", shown);
    }
    if (cli_convert(option, &value) < 0) {
        const char *wanted = "";
        switch ((enum cli_kind)option->kind) {
        case CLI_FLAG:
            wanted = "it must be true or false";
            break;
        case CLI_U64:
            wanted = "it must be a number that is not negative";
            break;
        case CLI_I64:
            wanted = "it must be a number";
            break;
        case CLI_SIZE:
            wanted = "it must be a size such as 64m or 1.5g";
            break;
        case CLI_DURATION:
            wanted = "it must be a time such as 250ms, 10s or 1h30m";
            break;
        case CLI_STRING:
        case CLI_LIST:
        case CLI_UNSUPPORTED:
            wanted = option->choices != NULL ? option->choices : "";
            break;
        }
        int r = st_fail(in->err, ST_EINVAL, "invalid value \"%s\" for %s: %s%s", text, shown,
                        option->choices != NULL ? "it must be one of " : "", wanted);
        hint_help(in);
        return r;
    }
    if (cli->n_values == cli->values_capacity) {
        size_t capacity = cli->values_capacity == 0 ? 16 : cli->values_capacity * 2;
        struct cli_value *grown = realloc(cli->values, capacity * sizeof *grown);
        if (grown == NULL) {
            return st_fail(in->err, ST_ENOMEM, "out of memory while reading the command line");
        }
        cli->values = grown;
        cli->values_capacity = capacity;
    }
    cli->values[cli->n_values++] = value;
    return 0;
}

static int missing_value(struct reader *in, const char *shown)
{
    int r = st_fail(in->err, ST_EINVAL, "option %s needs a value", shown);
    hint_help(in);
    return r;
}

static int unknown_option(struct reader *in, const char *typed)
{
    struct cli_guess guess = {.typed = typed};
    const struct cli_option *const *tables = cli_tables(in->cli->program, in->cli->verb);
    while (*guess.typed == '-') {
        guess.typed++;
    }
    for (size_t i = 0; i < CLI_TABLES && tables[i] != NULL; i++) {
        for (const struct cli_option *option = tables[i]; option->name != NULL; option++) {
            if (option->help != NULL) {
                cli_guess_try(&guess, option->name);
            }
        }
    }
    size_t length = 0;
    while (typed[length] != '\0' && typed[length] != '=') {
        length++;
    }
    int r = guess.best != NULL && typed[1] == '-'
                ? st_fail(in->err, ST_EINVAL, "unknown option %.*s; did you mean --%s?",
                          (int)length, typed, guess.best)
                : st_fail(in->err, ST_EINVAL, "unknown option %.*s", (int)length, typed);
    hint_help(in);
    return r;
}

/* `name` points behind the dashes of the word that is being read. Returns 1 if the word was a long
 * option, 0 if there is none of that name. */
static int read_long(struct reader *in, const char *word, const char *name)
{
    char shown[80];
    size_t length = 0;
    while (name[length] != '\0' && name[length] != '=') {
        length++;
    }
    const struct cli_option *option = cli_find_long(in->cli->program, in->cli->verb, name, length);
    if (option == NULL) {
        return 0;
    }
    (void)st_strcopy(shown, sizeof shown, "--");
    (void)st_strcopy(shown + 2, sizeof shown - 2, option->name);
    const char *text = name[length] == '=' ? name + length + 1 : NULL;
    in->at++;
    if (text == NULL && option->kind == CLI_FLAG) {
        text = "true";
    }
    if (text == NULL && option->kind != CLI_UNSUPPORTED) {
        if (in->at == in->n) {
            return missing_value(in, shown);
        }
        text = in->argv[in->at++];
    }
    int r = add_value(in, option, text, option->kind == CLI_UNSUPPORTED ? word : shown);
    return r < 0 ? r : 1;
}

/* -abc, -ovalue, -o=value, -o value. */
static int read_letters(struct reader *in, const char *word)
{
    in->at++;
    for (const char *at = word + 1; *at != '\0'; at++) {
        char shown[] = {'-', *at, '\0'};
        const struct cli_option *option = cli_find_letter(in->cli->program, in->cli->verb, *at);
        const char *text = at[1] == '=' ? at + 2 : NULL;
        if (option == NULL && *at == 'h') {
            in->cli->asked = CLI_ASKED_HELP;
            continue;
        }
        if (option == NULL) {
            return unknown_option(in, shown);
        }
        if (option->kind == CLI_FLAG) {
            int r = add_value(in, option, text != NULL ? text : "true", shown);
            if (r < 0 || text != NULL) {
                return r;
            }
            continue;
        }
        if (text == NULL && at[1] != '\0') {
            text = at + 1;
        }
        if (text == NULL && option->kind != CLI_UNSUPPORTED) {
            if (in->at == in->n) {
                return missing_value(in, shown);
            }
            text = in->argv[in->at++];
        }
        return add_value(in, option, text, shown);
    }
    return 0;
}

/* Reads the option in argv[at]. */
static int read_option(struct reader *in)
{
    const char *word = in->argv[in->at];
    bool two_dashes = word[1] == '-';
    const struct cli *cli = in->cli;
    int r = 0;
    if (two_dashes || (cli->program->single_dash_long && word[2] != '\0')) {
        r = read_long(in, word, word + (two_dashes ? 2 : 1));
    }
    if (r != 0) {
        return r < 0 ? r : 0;
    }
    if (st_streq(word, "--help") || (cli->program->single_dash_long && st_streq(word, "-help"))) {
        in->at++;
        in->cli->asked = CLI_ASKED_HELP;
        return 0;
    }
    if (cli->verb == NULL &&
        (st_streq(word, "--version") ||
         (st_streq(word, "-v") && cli_find_letter(cli->program, NULL, 'v') == NULL))) {
        in->at++;
        in->cli->asked = CLI_ASKED_VERSION;
        return 0;
    }
    if (two_dashes || (cli->program->single_dash_long && word[2] != '\0' &&
                       cli_find_letter(cli->program, cli->verb, word[1]) == NULL)) {
        return unknown_option(in, word);
    }
    return read_letters(in, word);
}

/* Reads options up to the first argument, or to the end that `--` sets. */
static int read_options(struct reader *in)
{
    while (in->at < in->n && in->cli->asked == CLI_ASKED_RUN) {
        const char *word = in->argv[in->at];
        if (st_streq(word, "--")) {
            in->at++;
            in->closed = true;
            return 0;
        }
        if (word[0] != '-' || word[1] == '\0') {
            return 0;
        }
        int r = read_option(in);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* Reads options and arguments to the end, and moves the arguments together. */
static int read_mixed(struct reader *in)
{
    size_t first = in->at;
    size_t kept = in->at;
    while (!in->closed) {
        int r = read_options(in);
        if (r < 0) {
            return r;
        }
        if (in->at == in->n || in->closed || in->cli->asked != CLI_ASKED_RUN) {
            break;
        }
        in->argv[kept++] = in->argv[in->at++];
    }
    while (in->at < in->n) {
        in->argv[kept++] = in->argv[in->at++];
    }
    in->argv[kept] = NULL;
    in->n = kept;
    in->at = first;
    return 0;
}

static int unknown_verb(struct reader *in, const struct cli_verb *const *verbs, const char *typed)
{
    struct cli_guess guess = {.typed = typed};
    for (size_t i = 0; verbs[i] != NULL; i++) {
        if (!verbs[i]->hidden) {
            cli_guess_try(&guess, verbs[i]->name);
        }
    }
    int r = guess.best != NULL
                ? st_fail(in->err, ST_EINVAL, "unknown command \"%s\"; did you mean %s?", typed,
                          guess.best)
                : st_fail(in->err, ST_EINVAL, "unknown command \"%s\"", typed);
    hint_help(in);
    return r;
}

static int check_count(struct reader *in)
{
    const struct cli_verb *verb = in->cli->verb;
    size_t n = in->cli->n_args;
    int r = 0;
    if (n < verb->min) {
        r = st_fail(in->err, ST_EINVAL, "%s needs %s %u argument%s, %zu given: %s", verb->name,
                    verb->max == verb->min ? "exactly" : "at least", verb->min,
                    verb->min == 1 ? "" : "s", n, verb->arguments);
    } else if (verb->max == 0 && n > 0) {
        r = st_fail(in->err, ST_EINVAL, "%s takes no arguments, \"%s\" was given", verb->name,
                    in->cli->args[0]);
    } else if (verb->max != CLI_ANY && n > verb->max) {
        r = st_fail(in->err, ST_EINVAL, "%s takes at most %u argument%s, %zu given: %s", verb->name,
                    verb->max, verb->max == 1 ? "" : "s", n, verb->arguments);
    }
    if (r < 0) {
        hint_help(in);
    }
    return r;
}

/* Checks the variables that stand in for options that weren't given. */
static int check_environment(struct reader *in, const struct cli_verb *verb)
{
    const struct cli_program *program = in->cli->program;
    const struct cli_option *const *tables = cli_tables(program, verb);
    for (size_t i = 0; i < CLI_TABLES && tables[i] != NULL; i++) {
        for (const struct cli_option *option = tables[i]; option->name != NULL; option++) {
            struct cli_value value = {.option = option};
            value.text = option->env != NULL ? getenv(option->env) : NULL;
            if (value.text != NULL && value.text[0] != '\0' && cli_convert(option, &value) < 0) {
                return st_fail(in->err, ST_EINVAL, "invalid value \"%s\" of $%s (option --%s)",
                               value.text, option->env, option->name);
            }
        }
    }
    return 0;
}

/* Follows the words down to a verb: each group may have --help asked of it. */
static int read_verb(struct reader *in)
{
    struct cli *cli = in->cli;
    const struct cli_verb *const *verbs = cli->program->verbs;
    while (in->at < in->n) {
        const char *word = in->argv[in->at];
        if (cli->verb != NULL && word[0] == '-') {
            int r = read_options(in);
            if (r < 0 || cli->asked != CLI_ASKED_RUN) {
                return r;
            }
            continue;
        }
        const struct cli_verb *verb = cli_find_verb(verbs, word);
        if (verb == NULL) {
            return unknown_verb(in, verbs, word);
        }
        in->at++;
        cli_enter_verb(cli, verb);
        if (cli->verb->verbs == NULL) {
            return 0;
        }
        verbs = cli->verb->verbs;
    }
    cli->asked = CLI_ASKED_HELP;
    return 0;
}

/* A program without verbs takes options alone. */
static int read_no_arguments(struct reader *in)
{
    if (in->at + 1 == in->n && st_streq(in->argv[in->at], "help")) {
        in->cli->asked = CLI_ASKED_HELP;
        return 0;
    }
    if (in->at < in->n) {
        int r = st_fail(in->err, ST_EINVAL, "unexpected argument \"%s\"", in->argv[in->at]);
        hint_help(in);
        return r;
    }
    return check_environment(in, NULL);
}

/* `help VERB...` and the hidden --generate stand for themselves. */
static bool read_special(struct reader *in)
{
    struct cli *cli = in->cli;
    if (in->at < in->n && st_streq(in->argv[in->at], "--generate")) {
        cli->asked = CLI_ASKED_GENERATE;
        cli->args = in->argv + in->at + 1;
        cli->n_args = in->n - in->at - 1;
        return true;
    }
    return false;
}

int cli_parse(struct cli *cli, const struct cli_program *program, int argc, char **argv,
              struct st_err *err)
{
    static char *no_arguments[] = {NULL};
    struct reader in = {.cli = cli, .argv = argv, .n = (size_t)argc, .err = err};
    *cli = (struct cli){.program = program, .args = no_arguments};
    in.at = argc > 0 ? 1 : 0;
    if (read_special(&in)) {
        return 0;
    }
    int r = read_options(&in);
    if (r < 0 || cli->asked != CLI_ASKED_RUN) {
        return r;
    }
    if (program->verbs == NULL) {
        return read_no_arguments(&in);
    }
    if (in.at < in.n && st_streq(argv[in.at], "help") &&
        cli_find_verb(program->verbs, "help") == NULL) {
        in.at++;
        r = read_verb(&in);
        cli->asked = CLI_ASKED_HELP;
        return r;
    }
    r = read_verb(&in);
    if (r < 0 || cli->asked != CLI_ASKED_RUN) {
        return r;
    }
    if (!cli->verb->raw) {
        r = cli->verb->command ? read_options(&in) : read_mixed(&in);
    }
    if (r < 0 || cli->asked != CLI_ASKED_RUN) {
        return r;
    }
    cli->args = in.argv + in.at;
    cli->n_args = in.n - in.at;
    r = check_count(&in);
    if (r == 0) {
        r = check_environment(&in, NULL);
    }
    return r == 0 ? check_environment(&in, cli->verb) : r;
}

void cli_done(struct cli *cli)
{
    free(cli->values);
    cli->values = NULL;
    cli->n_values = 0;
}

int cli_failure(const struct cli *cli)
{
    return cli->verb != NULL && cli->verb->failure != 0 ? cli->verb->failure
                                                        : cli->program->failure;
}
