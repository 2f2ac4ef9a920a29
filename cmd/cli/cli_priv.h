/* What the parts of the command-line library know of each other. */
#pragma once

#include "base/buf.h"
#include "cli/cli.h"

/* The option of that long name (`length` bytes of name) or letter among the verb's tables, or the
 * program's where verb is NULL. NULL: none. */
const struct cli_option *cli_find_long(const struct cli_program *program,
                                       const struct cli_verb *verb, const char *name,
                                       size_t length);
const struct cli_option *cli_find_letter(const struct cli_program *program,
                                         const struct cli_verb *verb, char letter);

/* The row of that name or alias in a table. */
const struct cli_verb *cli_find_verb(const struct cli_verb *const *verbs, const char *name);

/* Goes from cli->verb on to the verb of a row that is below it. */
void cli_enter_verb(struct cli *cli, const struct cli_verb *row);

/* The tables of options of a verb, or the program's where verb is NULL: CLI_TABLES entries, NULLs
 * last. */
const struct cli_option *const *cli_tables(const struct cli_program *program,
                                           const struct cli_verb *verb);

/* Is it shown to people? */
static inline bool cli_shown(const struct cli_option *option)
{
    return option->help != NULL && option->kind != CLI_UNSUPPORTED;
}

/* Appends "strata image ls", parted by `between`, without the verb where cli has none. */
void cli_path(const struct cli *cli, char between, struct st_buf *to);

/* The nearest of the names that is near enough to be a slip of the finger; NULL: none. */
struct cli_guess {
    const char *typed;
    const char *best;
    unsigned distance;
};
void cli_guess_try(struct cli_guess *guess, const char *name);

/* Checks and converts a value's text: fills value->number. */
int cli_convert(const struct cli_option *option, struct cli_value *value);

/* Append the whole help, man page or completion. The man page is the one of cli->verb, or the
 * program's where that is NULL. cli_man_pages appends a line a page: "NAME WORDS...". */
void cli_help(const struct cli *cli, struct st_buf *to);
void cli_man(const struct cli *cli, struct st_buf *to);
void cli_man_pages(const struct cli_program *program, struct st_buf *to);
void cli_bash(const struct cli_program *program, struct st_buf *to);
