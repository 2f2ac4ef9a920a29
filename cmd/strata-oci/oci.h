/* What the files of this program share. */
#pragma once

#include "cli/cli.h"
#include "cli/cli_log.h"
#include "container/ctr.h"

struct oci {
    struct ctr_runtime runtime;
    struct cli_log log;
    char root[4096];
};

static inline struct oci *oci_of(const struct cli *cli)
{
    return cli->user;
}

/* The exit status of a verb that ran a program: reports a failure here where its status is not that
 * of all others. */
int oci_finish(struct cli *cli, int result, int status, struct st_err *err);

/* The verbs. */
extern const struct cli_verb oci_verb_create, oci_verb_delete, oci_verb_events, oci_verb_exec,
    oci_verb_features, oci_verb_kill, oci_verb_list, oci_verb_pause, oci_verb_ps, oci_verb_resume,
    oci_verb_run, oci_verb_spec, oci_verb_start, oci_verb_state, oci_verb_update;
