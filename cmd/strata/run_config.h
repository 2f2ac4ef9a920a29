/*
 * From docker's options to the engine's configuration.
 *
 * run_config_fill reads what `strata run` or `strata create` was given into a struct engine_config;
 * what was not given stays NULL or zero, and the engine completes it from the image. It checks what
 * docker's client checks (spelling, files, options that exclude each other); ranges and names are
 * the engine's to check.
 */
#pragma once

#include "cli/cli.h"
#include "engine/engine.h"
#include "json/json_doc.h"

struct run_config {
    struct engine_config config;
    struct json_doc *memory; /* owns the config's lists and texts that are not argv's */
};

/* engine: to find the instances that container:NAME means. Returns 0 or -ST_Exxx; run_config_done
 * is due in both cases. */
int run_config_fill(struct cli *cli, struct engine *engine, struct run_config *ret_config,
                    struct st_err *err);
void run_config_done(struct run_config *config);
