/* --filter NAME=VALUE of the verbs that list. */
#pragma once

#include <stdlib.h>

#include "cli/cli.h"
#include "engine/engine.h"

struct verb_filters {
    struct engine_filter *list;
    size_t count;
    char **names; /* own the keys */
};

/* Reads all values of the verb's option "filter". The caller calls verb_filters_done. */
int verb_filters_read(const struct cli *cli, struct verb_filters *filters, struct st_err *err);

void verb_filters_done(struct verb_filters *filters);
static inline void st_cleanup_verb_filters(struct verb_filters *filters)
{
    verb_filters_done(filters);
}
