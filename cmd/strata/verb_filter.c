/* --filter NAME=VALUE of the verbs that list. */
#include "strata/verb_filter.h"

#include <string.h>

int verb_filters_read(const struct cli *cli, struct verb_filters *filters, struct st_err *err)
{
    size_t count = cli_count(cli, "filter");
    size_t cursor = 0;
    const char *text;
    *filters = (struct verb_filters){0};
    if (count == 0) {
        return 0;
    }
    filters->list = calloc(count, sizeof *filters->list);
    filters->names = calloc(count, sizeof *filters->names);
    if (filters->list == NULL || filters->names == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory while reading the filters");
    }
    while ((text = cli_next(cli, "filter", &cursor)) != NULL) {
        const char *equals = strchr(text, '=');
        if (equals == NULL || equals == text) {
            return st_fail(err, ST_EINVAL, "invalid filter \"%s\": it must be NAME=VALUE", text);
        }
        char *name = strndup(text, (size_t)(equals - text));
        if (name == NULL) {
            return st_fail(err, ST_ENOMEM, "out of memory while reading the filters");
        }
        filters->names[filters->count] = name;
        filters->list[filters->count++] = (struct engine_filter){.key = name, .value = equals + 1};
    }
    return 0;
}

void verb_filters_done(struct verb_filters *filters)
{
    for (size_t i = 0; i < filters->count; i++) {
        free(filters->names[i]);
    }
    free(filters->names);
    free(filters->list);
    *filters = (struct verb_filters){0};
}
