/*
 * Where state lives (docs/state.md): the data folder, which a reboot keeps, and the run folder,
 * which it does not. Read from the environment, so call these before other threads change it.
 */
#pragma once

#include "base/err.h"

/* $STRATA_DATA; else /var/lib/strata for root, and for others $XDG_DATA_HOME/strata or
 * ~/.local/share/strata. Absolute; not made. The caller frees. */
int store_data_dir(char **ret_path, struct st_err *err);

/* $STRATA_RUN; else /run/strata for root, and for others $XDG_RUNTIME_DIR/strata. */
int store_run_dir(char **ret_path, struct st_err *err);
