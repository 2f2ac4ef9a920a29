/* The verbs of `strata`, one row a command. Each stands in a file verb_*.c; strata_main.c lists
 * them. */
#pragma once

#include "cli/cli.h"

/* Instances. */
extern const struct cli_verb strata_verb_attach;
extern const struct cli_verb strata_verb_cp;
extern const struct cli_verb strata_verb_create;
extern const struct cli_verb strata_verb_exec;
extern const struct cli_verb strata_verb_inspect;
extern const struct cli_verb strata_verb_kill;
extern const struct cli_verb strata_verb_logs;
extern const struct cli_verb strata_verb_pause;
extern const struct cli_verb strata_verb_port;
extern const struct cli_verb strata_verb_ps;
extern const struct cli_verb strata_verb_rename;
extern const struct cli_verb strata_verb_restart;
extern const struct cli_verb strata_verb_rm;
extern const struct cli_verb strata_verb_run;
extern const struct cli_verb strata_verb_start;
extern const struct cli_verb strata_verb_stop;
extern const struct cli_verb strata_verb_unpause;
extern const struct cli_verb strata_verb_wait;

/* Images. */
extern const struct cli_verb strata_verb_image;
extern const struct cli_verb strata_verb_image_history;
extern const struct cli_verb strata_verb_image_import;
extern const struct cli_verb strata_verb_image_load;
extern const struct cli_verb strata_verb_image_ls;
extern const struct cli_verb strata_verb_image_rm;
extern const struct cli_verb strata_verb_image_save;
extern const struct cli_verb strata_verb_image_tag;

/* Volumes. */
extern const struct cli_verb strata_verb_volume;

/* Virtual machines. */
extern const struct cli_verb strata_verb_vm;

/* Java. */
extern const struct cli_verb strata_verb_java;

/* What strata-monitor execs. */
extern const struct cli_verb strata_verb_internal_cleanup;
