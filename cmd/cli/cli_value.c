/* Values of options: converting their texts, and reading them by name. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/str.h"
#include "base/unit.h"
#include "cli/cli.h"
#include "cli/cli_priv.h"

int cli_parse_bool(const char *text, bool *ret_value)
{
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};
    for (size_t i = 0; i < ST_COUNT(yes); i++) {
        if (st_streq(text, yes[i])) {
            *ret_value = true;
            return 0;
        }
        if (st_streq(text, no[i])) {
            *ret_value = false;
            return 0;
        }
    }
    return -ST_EINVAL;
}

int cli_parse_size(const char *text, uint64_t *ret_bytes)
{
    return st_parse_size(text, ret_bytes);
}

int cli_parse_duration(const char *text, uint64_t *ret_ns)
{
    return st_parse_duration(text, ret_ns);
}

static bool is_choice(const char *choices, const char *text)
{
    size_t length = st_strlen(text);
    for (const char *at = choices; *at != '\0';) {
        size_t n = 0;
        while (at[n] != '\0' && at[n] != '|') {
            n++;
        }
        if (n == length && st_starts_with(at, text)) {
            return true;
        }
        at += n + (at[n] == '|');
    }
    return false;
}

int cli_convert(const struct cli_option *option, struct cli_value *value)
{
    bool flag = false;
    int64_t number = 0;
    int r = 0;
    switch ((enum cli_kind)option->kind) {
    case CLI_FLAG:
        r = cli_parse_bool(value->text, &flag);
        value->number = flag;
        break;
    case CLI_U64:
        r = st_parse_u64(value->text, 10, UINT64_MAX, &value->number);
        break;
    case CLI_I64:
        r = st_parse_i64(value->text, INT64_MIN, INT64_MAX, &number);
        value->number = (uint64_t)number;
        break;
    case CLI_SIZE:
        r = cli_parse_size(value->text, &value->number);
        break;
    case CLI_DURATION:
        r = cli_parse_duration(value->text, &value->number);
        break;
    case CLI_STRING:
    case CLI_LIST:
    case CLI_UNSUPPORTED:
        break;
    }
    if (r == 0 && option->choices != NULL && !is_choice(option->choices, value->text)) {
        r = -ST_EINVAL;
    }
    return r;
}

static const struct cli_option *option_named(const struct cli *cli, const char *name)
{
    size_t length = st_strlen(name);
    const struct cli_option *option = NULL;
    if (cli->verb != NULL) {
        option = cli_find_long(cli->program, cli->verb, name, length);
    }
    if (option == NULL) {
        option = cli_find_long(cli->program, NULL, name, length);
    }
    ST_CHECK(option != NULL);
    return option;
}

static const struct cli_value *last_value(const struct cli *cli, const struct cli_option *option)
{
    for (size_t i = cli->n_values; i-- > 0;) {
        if (cli->values[i].option == option) {
            return &cli->values[i];
        }
    }
    return NULL;
}

bool cli_given(const struct cli *cli, const char *name)
{
    return last_value(cli, option_named(cli, name)) != NULL;
}

/* The value that counts, as text and number. Environment and default were checked by cli_parse and
 * by the tables' test, so that converting cannot fail. */
static struct cli_value effective(const struct cli *cli, const char *name)
{
    const struct cli_option *option = option_named(cli, name);
    const struct cli_value *given = last_value(cli, option);
    struct cli_value value = {.option = option};
    if (given != NULL) {
        return *given;
    }
    if (option->env != NULL) {
        value.text = getenv(option->env);
    }
    if (value.text == NULL || value.text[0] == '\0') {
        value.text = option->fallback;
    }
    if (value.text != NULL && cli_convert(option, &value) < 0) {
        value.number = 0;
    }
    return value;
}

bool cli_flag(const struct cli *cli, const char *name)
{
    return effective(cli, name).number != 0;
}

const char *cli_text(const struct cli *cli, const char *name)
{
    return effective(cli, name).text;
}

uint64_t cli_number(const struct cli *cli, const char *name)
{
    return effective(cli, name).number;
}

int64_t cli_signed(const struct cli *cli, const char *name)
{
    return (int64_t)effective(cli, name).number;
}

const char *cli_next(const struct cli *cli, const char *name, size_t *cursor)
{
    const struct cli_option *option = option_named(cli, name);
    for (size_t i = *cursor; i < cli->n_values; i++) {
        if (cli->values[i].option == option) {
            *cursor = i + 1;
            return cli->values[i].text;
        }
    }
    *cursor = cli->n_values;
    return NULL;
}

size_t cli_count(const struct cli *cli, const char *name)
{
    size_t cursor = 0;
    size_t n = 0;
    while (cli_next(cli, name, &cursor) != NULL) {
        n++;
    }
    return n;
}
