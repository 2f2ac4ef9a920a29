/* What the verbs of instances share: opening the engine, and one action on each named instance. */
#pragma once

#include "cli/cli.h"
#include "engine/engine.h"

static inline void st_cleanup_engine(struct engine **engine)
{
    *engine = engine_close(*engine);
}

/* Opens the engine below --data and --run. */
int verb_open(struct cli *cli, struct engine **ret_engine, struct st_err *err);

/* Opens the engine and finds the instance that the first argument names. Both are the caller's. */
int verb_open_instance(struct cli *cli, struct engine **ret_engine,
                       struct engine_instance **ret_instance, struct st_err *err);

/* Does something to an instance. `ref` is how the user named it. */
typedef int verb_act_fn(struct cli *cli, struct engine *engine, const char *ref,
                        struct st_err *err);

/* Acts on each argument and prints it when that went well; a failure is shown and the next one is
 * tried. Returns the exit status: 0, or 1 after a failure. */
int verb_each(struct cli *cli, verb_act_fn *act, bool print, struct st_err *err);

/* Appends what there is to know about the object that the user named, as JSON. context: the
 * caller's. */
typedef int verb_describe_fn(struct cli *cli, void *context, const char *ref, struct st_buf *to,
                             struct st_err *err);

/* Describes each argument and prints all as --format says; a failure is shown and the next one is
 * tried. Returns the exit status: 0, or 1 after a failure. */
int verb_inspect_each(struct cli *cli, verb_describe_fn *describe, void *context,
                      struct st_err *err);

/* Ends a prune: says which ("Images") were removed, if any, and how much room that made. */
int verb_pruned(const char *which, const struct st_buf *removed, uint64_t freed_bytes);

/* The text of standard error's warnings, a line each: "WARNING: ...". */
void verb_warnings(const struct st_buf *lines);

/* Asks on standard error and reads the answer of standard input: 1 yes, 0 no. */
int verb_confirm(const char *question);
