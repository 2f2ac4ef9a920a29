/* Tests of the command-line library on a small program of every kind of row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/heap.h"
#include "cli/cli.h"
#include "cli/cli_priv.h"

static const struct cli_option globals[] = {
    {.name = "root", .kind = CLI_STRING, .value = "FOLDER", .fallback = "/run", .help = "Keep."},
    {.name = "log-format",
     .kind = CLI_STRING,
     .value = "FORMAT",
     .choices = "text|json",
     .fallback = "text",
     .help = "Write."},
    {.name = "debug", .kind = CLI_FLAG, .help = "Say more."},
    {0},
};

static const struct cli_option run_options[] = {
    {.name = "interactive", .letter = 'i', .kind = CLI_FLAG, .help = "Keep input open."},
    {.name = "tty", .letter = 't', .kind = CLI_FLAG, .help = "Make a terminal."},
    {.name = "env", .letter = 'e', .kind = CLI_LIST, .value = "NAME=VALUE", .help = "Set."},
    {.name = "memory", .letter = 'm', .kind = CLI_SIZE, .value = "BYTES", .help = "Limit."},
    {.name = "timeout", .kind = CLI_DURATION, .value = "TIME", .fallback = "10s", .help = "Wait."},
    {.name = "hostname", .letter = 'h', .kind = CLI_STRING, .value = "NAME", .help = "Name."},
    {.name = "weight", .kind = CLI_I64, .value = "N", .env = "CLI_TEST_WEIGHT", .help = "Weigh."},
    {.name = "link", .kind = CLI_UNSUPPORTED},
    {0},
};

static int run_nothing(struct cli *cli, struct st_err *err)
{
    (void)cli;
    (void)err;
    return 0;
}

static const struct cli_verb verb_run = {
    .name = "run",
    .summary = "Run a command.",
    .about = ".dots and 'quotes' - and \\ too.\n\nA second paragraph.",
    .options = {run_options},
    .arguments = "IMAGE [COMMAND [ARG...]]",
    .min = 1,
    .max = CLI_ANY,
    .command = true,
    .failure = 125,
    .run = run_nothing,
};

static const struct cli_option ls_options[] = {
    {.name = "quiet", .letter = 'q', .kind = CLI_FLAG, .help = "Show IDs only."},
    {0},
};

static const struct cli_verb verb_ls = {
    .name = "ls",
    .aliases = {"list"},
    .summary = "List images.",
    .options = {ls_options},
    .arguments = "[NAME]",
    .max = 1,
    .run = run_nothing,
};

static const struct cli_verb verb_image = {
    .name = "image",
    .summary = "Work with images.",
    .verbs = (const struct cli_verb *const[]){&verb_ls, NULL},
};

static const struct cli_verb verb_images = {.name = "images", .same_as = &verb_ls};

static const struct cli_verb verb_pass = {
    .name = "pass",
    .summary = "Pass words on.",
    .arguments = "[WORD...]",
    .max = CLI_ANY,
    .raw = true,
    .run = run_nothing,
};

static const struct cli_verb *const verbs[] = {&verb_run, &verb_image, &verb_images, &verb_pass,
                                               NULL};

static const struct cli_program program = {
    .name = "prog",
    .version = "1",
    .summary = "Try things.",
    .options = {globals},
    .verbs = verbs,
    .failure = 1,
    .single_dash_long = true,
};

#define PARSE(cli, err, ...)                                                                       \
    ({                                                                                             \
        static const char *argv[] = {"prog", __VA_ARGS__, NULL};                                   \
        *(err) = (struct st_err){0};                                                               \
        cli_parse((cli), &program, (int)(sizeof argv / sizeof argv[0]) - 1, (char **)argv, (err)); \
    })

static void reads_every_form_of_option(void **state)
{
    (void)state;
    struct cli cli;
    struct st_err err;
    size_t cursor = 0;
    assert_int_equal(PARSE(&cli, &err, "--root", "/a", "-log-format=json", "run", "-it", "-ea=b",
                           "-e", "c", "--env=d", "-m=1.5g", "--timeout", "1m30s", "-h", "host",
                           "--weight=-3", "img", "-x", "--", "y"),
                     0);
    assert_ptr_equal(cli.verb, &verb_run);
    assert_string_equal(cli_text(&cli, "root"), "/a");
    assert_string_equal(cli_text(&cli, "log-format"), "json");
    assert_false(cli_flag(&cli, "debug"));
    assert_true(cli_flag(&cli, "interactive") && cli_flag(&cli, "tty"));
    assert_string_equal(cli_next(&cli, "env", &cursor), "a=b");
    assert_string_equal(cli_next(&cli, "env", &cursor), "c");
    assert_string_equal(cli_next(&cli, "env", &cursor), "d");
    assert_null(cli_next(&cli, "env", &cursor));
    assert_int_equal(cli_number(&cli, "memory"), 3ull << 29);
    assert_int_equal(cli_number(&cli, "timeout"), 90000000000ull);
    assert_string_equal(cli_text(&cli, "hostname"), "host");
    assert_int_equal(cli_signed(&cli, "weight"), -3);
    assert_int_equal(cli.n_args, 4);
    assert_string_equal(cli.args[1], "-x");
    cli_done(&cli);
}

static void mixes_options_and_arguments_unless_a_command_follows(void **state)
{
    (void)state;
    struct cli cli;
    struct st_err err;
    assert_int_equal(PARSE(&cli, &err, "image", "list", "name", "-q"), 0);
    assert_ptr_equal(cli.verb, &verb_ls);
    assert_ptr_equal(cli.group[0], &verb_image);
    assert_true(cli_flag(&cli, "quiet"));
    assert_int_equal(cli.n_args, 1);
    assert_string_equal(cli.args[0], "name");
    assert_null(cli.args[1]);
    cli_done(&cli);
    assert_int_equal(PARSE(&cli, &err, "images", "--quiet=false", "--", "-name"), 0);
    assert_ptr_equal(cli.verb, &verb_ls);
    assert_false(cli_flag(&cli, "quiet"));
    assert_true(cli_given(&cli, "quiet"));
    assert_string_equal(cli.args[0], "-name");
    cli_done(&cli);
}

static void takes_values_from_defaults_and_environment(void **state)
{
    (void)state;
    struct cli cli;
    struct st_err err;
    setenv("CLI_TEST_WEIGHT", "7", 1);
    assert_int_equal(PARSE(&cli, &err, "run", "img"), 0);
    assert_int_equal(cli_number(&cli, "timeout"), 10000000000ull);
    assert_int_equal(cli_signed(&cli, "weight"), 7);
    assert_false(cli_given(&cli, "weight"));
    cli_done(&cli);
    setenv("CLI_TEST_WEIGHT", "much", 1);
    assert_int_equal(PARSE(&cli, &err, "run", "img"), -ST_EINVAL);
    assert_non_null(strstr(err.msg, "CLI_TEST_WEIGHT"));
    unsetenv("CLI_TEST_WEIGHT");
    cli_done(&cli);
}

static void names_what_is_wrong_and_the_nearest_right(void **state)
{
    (void)state;
    struct cli cli;
    struct st_err err;
    assert_int_equal(PARSE(&cli, &err, "run", "--intercative", "img"), -ST_EINVAL);
    assert_string_equal(err.msg, "unknown option --intercative; did you mean --interactive?");
    assert_string_equal(err.hint, "See 'prog run --help'.");
    assert_int_equal(cli_failure(&cli), 125);
    assert_int_equal(PARSE(&cli, &err, "run", "--link", "a", "img"), -ST_EUNSUPPORTED);
    assert_string_equal(err.msg, "option --link is not supported");
    assert_int_equal(PARSE(&cli, &err, "run", "-m", "lots", "img"), -ST_EINVAL);
    assert_non_null(strstr(err.msg, "\"lots\" for -m"));
    assert_int_equal(PARSE(&cli, &err, "run", "img", "--memory"), 0);
    assert_int_equal(PARSE(&cli, &err, "run", "--memory"), -ST_EINVAL);
    assert_string_equal(err.msg, "option --memory needs a value");
    assert_int_equal(PARSE(&cli, &err, "run"), -ST_EINVAL);
    assert_int_equal(PARSE(&cli, &err, "image", "ls", "a", "b"), -ST_EINVAL);
    assert_int_equal(PARSE(&cli, &err, "image", "lsx"), -ST_EINVAL);
    assert_string_equal(err.hint, "See 'prog image --help'.");
    assert_int_equal(cli_failure(&cli), 1);
    assert_int_equal(PARSE(&cli, &err, "rnu"), -ST_EINVAL);
    assert_string_equal(err.msg, "unknown command \"rnu\"; did you mean run?");
    assert_int_equal(PARSE(&cli, &err, "--log-format", "xml", "run", "img"), -ST_EINVAL);
    assert_non_null(strstr(err.msg, "text|json"));
}

static void answers_help_where_an_option_may_stand(void **state)
{
    (void)state;
    struct cli cli;
    struct st_err err;
    assert_int_equal(PARSE(&cli, &err, "run", "--help"), 0);
    assert_int_equal(cli.asked, CLI_ASKED_HELP);
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(1 << 16);
    cli_help(&cli, &text);
    assert_non_null(strstr(st_buf_string(&text), "Usage: prog run [OPTION...] IMAGE"));
    assert_non_null(strstr(st_buf_string(&text), "  -m, --memory BYTES"));
    assert_null(strstr(st_buf_string(&text), "--link"));
    assert_int_equal(PARSE(&cli, &err, "image"), 0);
    assert_int_equal(cli.asked, CLI_ASKED_HELP);
    assert_int_equal(PARSE(&cli, &err, "help", "image", "ls"), 0);
    assert_ptr_equal(cli.verb, &verb_ls);
    st_buf_reset(&text);
    assert_int_equal(PARSE(&cli, &err, "images", "--help"), 0);
    cli_help(&cli, &text);
    assert_non_null(strstr(st_buf_string(&text), "Usage: prog images [OPTION...]"));
    assert_int_equal(PARSE(&cli, &err, "run", "img", "--help"), 0);
    assert_int_equal(cli.asked, CLI_ASKED_RUN);
    assert_int_equal(PARSE(&cli, &err, "-v"), 0);
    assert_int_equal(cli.asked, CLI_ASKED_VERSION);
}

static void leaves_the_words_of_a_raw_verb_alone(void **state)
{
    (void)state;
    struct cli cli;
    struct st_err err;
    assert_int_equal(PARSE(&cli, &err, "--debug", "pass", "--help", "--", "-x", "--debug=no"), 0);
    assert_int_equal(cli.asked, CLI_ASKED_RUN);
    assert_int_equal(cli.n_args, 4);
    assert_string_equal(cli.args[0], "--help");
    assert_string_equal(cli.args[1], "--");
    assert_string_equal(cli.args[3], "--debug=no");
    cli_done(&cli);
    assert_int_equal(PARSE(&cli, &err, "pass"), 0);
    assert_int_equal(cli.n_args, 0);
    assert_int_equal(PARSE(&cli, &err, "help", "pass"), 0);
    assert_int_equal(cli.asked, CLI_ASKED_HELP);
}

static void quotes_roff(void **state)
{
    (void)state;
    struct cli cli = {.program = &program, .verb = &verb_run, .named = &verb_run};
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(1 << 16);
    cli_man(&cli, &text);
    assert_non_null(
        strstr(st_buf_string(&text), "\n\\&.dots and \\(aqquotes\\(aq \\- and \\e too."));
    assert_non_null(strstr(st_buf_string(&text), "\\-\\-link"));
    st_buf_reset(&text);
    cli_man_pages(&program, &text);
    assert_string_equal(
        st_buf_string(&text),
        "prog.1\nprog-run.1 run\nprog-image.1 image\nprog-image-ls.1 image ls\nprog-pass.1 pass\n");
}

static void reads_sizes_and_times(void **state)
{
    (void)state;
    uint64_t n = 0;
    assert_int_equal(cli_parse_size("64KiB", &n), 0);
    assert_int_equal(n, 65536);
    assert_int_equal(cli_parse_size("10", &n), 0);
    assert_int_equal(n, 10);
    assert_int_equal(cli_parse_size("5B", &n), 0);
    assert_int_equal(cli_parse_size("5x", &n), -ST_EINVAL);
    assert_int_equal(cli_parse_size("", &n), -ST_EINVAL);
    assert_int_equal(cli_parse_size("-5", &n), -ST_EINVAL);
    assert_int_equal(cli_parse_size("99999999999999999999", &n), -ST_ERANGE);
    assert_int_equal(cli_parse_size("99999999p", &n), -ST_ERANGE);
    assert_int_equal(cli_parse_duration("1.5s", &n), 0);
    assert_int_equal(n, 1500000000);
    assert_int_equal(cli_parse_duration("1h2m3ms", &n), 0);
    assert_int_equal(n, 3720003000000ull);
    assert_int_equal(cli_parse_duration("5", &n), -ST_EINVAL);
    assert_int_equal(cli_parse_duration("9999999999h", &n), -ST_ERANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_form_of_option),
        cmocka_unit_test(mixes_options_and_arguments_unless_a_command_follows),
        cmocka_unit_test(takes_values_from_defaults_and_environment),
        cmocka_unit_test(names_what_is_wrong_and_the_nearest_right),
        cmocka_unit_test(answers_help_where_an_option_may_stand),
        cmocka_unit_test(leaves_the_words_of_a_raw_verb_alone),
        cmocka_unit_test(quotes_roff),
        cmocka_unit_test(reads_sizes_and_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
