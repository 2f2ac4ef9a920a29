/* What the files of the runtime configuration share: its binding tables. */
#pragma once

#include <assert.h>

#include "spec/spec_runtime.h"
#include "json/json_bind.h"

extern const struct json_names spec_namespace_names;
extern const struct json_names spec_action_names;
extern const struct json_names spec_op_names;
extern const struct json_table spec_process_table;
extern const struct json_table spec_resources_table;
extern const struct json_table spec_runtime_table;
