/* What the verbs of images share. */
#pragma once

#include "cli/cli.h"
#include "image/image.h"

static inline void st_cleanup_image_store(struct image_store **store)
{
    *store = image_store_free(*store);
}

/* Opens the image store below --data. */
int verb_open_images(struct cli *cli, struct image_store **ret_store, struct st_err *err);

/* An image_report_fn that prints the line. */
void verb_image_report(void *context, const char *line);

/* The verbs of `strata image` that have no short form. */
extern const struct cli_verb strata_verb_image_bootstrap;
