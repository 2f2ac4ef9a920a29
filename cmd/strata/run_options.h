/* The option tables that `run` and `create` share; `run` has a few of its own beside them. */
#pragma once

#include "cli/cli.h"

extern const struct cli_option run_process_options[];
extern const struct cli_option run_resource_options[];
extern const struct cli_option run_place_options[];
extern const struct cli_option run_security_options[];
