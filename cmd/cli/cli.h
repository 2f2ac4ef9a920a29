/*
 * A program's command line, from one table.
 *
 * A program is a `struct cli_program`: options of its own and verbs, which nest (`strata image
 * ls`). The same rows parse argv and make --help, the man pages and the bash completion, so these
 * cannot disagree. Rows are constant data; this library keeps no global state, uses no stdio and no
 * locale.
 *
 *     static const struct cli_option run_options[] = {
 *         {.name = "name", .kind = CLI_STRING, .value = "NAME", .help = "Name the instance NAME."},
 *         {.name = "detach", .letter = 'd', .kind = CLI_FLAG, .help = "Print the ID and return."},
 *         {0},
 *     };
 *     const struct cli_verb strata_verb_run = {
 *         .name = "run", .summary = "Run a command in a new instance.",
 *         .options = {run_options}, .arguments = "IMAGE [COMMAND [ARG...]]", .min = 1, .max =
 * CLI_ANY, .command = true, .run = verb_run,
 *     };
 *
 * Parsing is GNU's as docker and runc practise it: `--opt=v`, `--opt v`, `-o v`, `-ov`, `-abc`,
 * `--flag=false`, `--` ends the options, options and arguments mix unless the verb runs a command.
 * The program's options stand before the verb. All texts that come from argv or the environment
 * stay where they are: they are never copied, and live as long as the process.
 *
 * Everything here belongs to one thread.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

#define CLI_ANY 0xffffu /* any number of arguments */
#define CLI_TABLES 6    /* option tables that a verb may have */

enum cli_kind {
    CLI_FLAG,        /* a boolean: --x, --x=false */
    CLI_STRING,      /* the last one given counts */
    CLI_LIST,        /* may be repeated: each one counts */
    CLI_U64,         /* a decimal number */
    CLI_I64,         /* a decimal number that may be negative */
    CLI_SIZE,        /* bytes: 512m, 1.5g, 64KiB; a unit is a power of 1024 */
    CLI_DURATION,    /* 1h30m, 250ms; delivered in nanoseconds */
    CLI_UNSUPPORTED, /* known to the program it stands in for: one line says that it isn't supported
                      */
};

/* What a value or an argument names, for completion. */
enum cli_complete {
    CLI_COMPLETE_NONE,
    CLI_COMPLETE_FILE,
    CLI_COMPLETE_FOLDER,
    CLI_COMPLETE_INSTANCE,
    CLI_COMPLETE_IMAGE,
    CLI_COMPLETE_VOLUME,
};

struct cli_option {
    const char *name;  /* long name without dashes; NULL ends a table */
    const char *value; /* name of the value in help ("PATH"); NULL for flags */
    const char
        *fallback;       /* default, as it would be typed; NULL: none. A flag's is "true" or NULL */
    const char *choices; /* "json|text": the only values allowed; NULL: any */
    const char *env;     /* variable that is read when the option isn't given; NULL: none */
    const char *help;    /* full sentences; NULL hides the option from help, man and completion */
    char letter;         /* short name, 0: none */
    uint8_t kind;        /* enum cli_kind */
    uint8_t complete;    /* enum cli_complete */
};

struct cli_example {
    const char *command; /* NULL ends a table */
    const char *text;    /* a full sentence that says what it does */
};

struct cli_exit {
    const char *code; /* "125", "0"; NULL ends a table */
    const char *text;
};

struct cli;

/* Runs a verb. Returns its exit status (0..255), or -ST_Exxx with *err filled in, which cli_main
 * prints. */
typedef int cli_run_fn(struct cli *cli, struct st_err *err);

struct cli_verb {
    const char *name;
    const char *aliases[4]; /* further names, for instance docker's */
    const char *summary;    /* one full sentence in the imperative: "List images." */
    const char *about;      /* further paragraphs, parted by an empty line; may be NULL */
    const struct cli_option *options[CLI_TABLES]; /* tables, each ended by {0} */
    const struct cli_verb *const *verbs; /* a group's verbs, NULL-terminated; NULL: not a group */
    const struct cli_verb *same_as;      /* this row is only another name of that verb */
    const char *arguments;               /* "CONTAINER [COMMAND [ARG...]]"; NULL: takes none */
    unsigned min, max;                   /* number of arguments; max may be CLI_ANY */
    uint8_t complete;                    /* enum cli_complete of the arguments */
    bool command;                        /* options end at the first argument */
    bool raw;    /* all that follows are arguments, --help too: only `help VERB` shows its help */
    bool hidden; /* not in help, man and completion */
    int failure; /* exit status of a failure; 0: the program's */
    const struct cli_example *examples;
    const struct cli_exit *exits;
    const char *see_also; /* "strata-create(1), strata-exec(1)" */
    cli_run_fn *run;      /* NULL for groups and other names */
};

struct cli_program {
    const char *name;
    const char *version; /* what --version prints after the name, may have several lines */
    const char *summary; /* one full sentence */
    const char *about;
    const struct cli_option *options[CLI_TABLES];
    const struct cli_verb *const *verbs; /* NULL-terminated; NULL: a program of one purpose */
    cli_run_fn *run;                     /* without verbs: what it does; it takes no arguments */
    const struct cli_example *examples;
    const struct cli_exit *exits;
    const char *files; /* paragraphs of the man page's FILES, may be NULL */
    const char *see_also;
    int failure;           /* exit status of a failure and of wrong usage */
    bool single_dash_long; /* `-root DIR` is `--root DIR`, as Go's flag package has it */
    bool one_page;         /* the man page holds all verbs; otherwise each verb has its own */

    /* Called when the program's own options are known, before the verb runs; opens logs and so on.
     * NULL: nothing to do. Returns 0 or -ST_Exxx. */
    int (*prepare)(struct cli *cli, struct st_err *err);

    /* Shows a failure; NULL: cli_print_error. `cli` has the program's options as far as parsing
     * came. */
    void (*report)(struct cli *cli, const struct st_err *err);
};

struct cli_value {
    const struct cli_option *option;
    const char *text;
    uint64_t number;
};

/* What was given. */
struct cli {
    const struct cli_program *program;
    const struct cli_verb *verb;     /* NULL until known */
    const struct cli_verb *named;    /* its row in the table: itself, or another name of it */
    const struct cli_verb *group[3]; /* the groups above it, outermost first, NULL-terminated */
    struct cli_value *values;
    size_t n_values;
    size_t values_capacity;
    char **args; /* the arguments, NULL-terminated; args[0] is the first after the verb */
    size_t n_args;
    int asked;  /* enum cli_asked */
    void *user; /* the program's, set by its prepare */
};

enum cli_asked {
    CLI_ASKED_RUN,
    CLI_ASKED_HELP,
    CLI_ASKED_VERSION,
    CLI_ASKED_GENERATE, /* args[0] says what */
};

/* Parses, runs the verb or prints what was asked for, reports failures, frees everything.
 * Returns the exit status. argv is permuted. */
int cli_main(const struct cli_program *program, int argc, char **argv);

/* Parses only; for cli_main and tests. *cli is initialised here and always wants cli_done. Returns
 * 0, or -ST_EINVAL / -ST_EUNSUPPORTED / -ST_ENOMEM with message and hint. argv is permuted. */
int cli_parse(struct cli *cli, const struct cli_program *program, int argc, char **argv,
              struct st_err *err);
void cli_done(struct cli *cli);

/* The exit status of a failure of what was parsed so far: the verb's or the program's. */
int cli_failure(const struct cli *cli);

/*
 * Reading values. `name` is a long name of the verb's or else of the program's tables; a name that
 * neither has is a bug and traps.
 */

/* Was it on the command line (not the environment, not the default)? */
bool cli_given(const struct cli *cli, const char *name);

bool cli_flag(const struct cli *cli, const char *name);

/* The text: the last one given, else the environment's, else the default, else NULL. */
const char *cli_text(const struct cli *cli, const char *name);

/* The number of a CLI_U64, CLI_SIZE (bytes) or CLI_DURATION (ns); 0 without value and default. */
uint64_t cli_number(const struct cli *cli, const char *name);

/* The number of a CLI_I64. */
int64_t cli_signed(const struct cli *cli, const char *name);

/* Walks through the values of a CLI_LIST in the order given: start with *cursor = 0. NULL: no more.
 */
const char *cli_next(const struct cli *cli, const char *name, size_t *cursor);
size_t cli_count(const struct cli *cli, const char *name);

/* Parsers of value texts, also for values inside other values. Return 0, -ST_EINVAL, -ST_ERANGE. */
int cli_parse_size(const char *text, uint64_t *ret_bytes) ST_MUST_CHECK;
int cli_parse_duration(const char *text, uint64_t *ret_ns) ST_MUST_CHECK;
int cli_parse_bool(const char *text, bool *ret_value) ST_MUST_CHECK;
