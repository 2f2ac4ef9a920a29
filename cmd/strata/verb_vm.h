/* What the files of `strata vm` share. */
#pragma once

#include "cli/cli.h"

extern const struct cli_verb strata_verb_vm_gdb;
