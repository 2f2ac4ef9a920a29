/* The options of a machine: those of strata-vm, which strata vm run and create take too. */
#pragma once

#include "cli/cli.h"

extern const struct cli_option vm_machine_options[]; /* what the machine is */
extern const struct cli_option vm_process_options[]; /* how strata-vm runs it */
