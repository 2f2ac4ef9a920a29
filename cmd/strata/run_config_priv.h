/* What the parts of run_config know of each other: each fills its part of the configuration. */
#pragma once

#include "strata/run_config.h"

struct run_parse {
    struct cli *cli;
    struct engine *engine;
    struct engine_config *config;
    struct json_doc *memory;
    struct st_err *err;
};

int run_fill_process(struct run_parse *p);
/* The variables alone: exec has them too. */
int run_fill_env(struct run_parse *p);

int run_fill_resources(struct run_parse *p);
int run_fill_mounts(struct run_parse *p);
int run_fill_network(struct run_parse *p);
int run_fill_security(struct run_parse *p);

/* ---- run_machine.c: --isolation vm ---- */

/* Refuses by name the options that a virtual machine does not have. */
int run_check_machine(struct run_parse *p);
/* After all others: the network, and what they said that a virtual machine does not have. */
int run_fill_machine(struct run_parse *p);

/* ---- run_machine.c: --isolation jvm ---- */

/* Refuses by name the options that a Java application does not have. */
int run_check_java(struct run_parse *p);

/* Memory of the configuration: never NULL where it returns 0. */
int run_alloc(struct run_parse *p, size_t count, size_t size, void *ret_memory);
int run_copy(struct run_parse *p, const char *text, size_t length, const char **ret_copy);

/* The values of a list option, ended by NULL. */
int run_list(struct run_parse *p, const char *option, const char ***ret_list, size_t *ret_count);

/* The values of a list option of NAME=VALUE; without '=' the value is "". */
int run_pairs(struct run_parse *p, const char *option, struct json_pair **ret_pairs,
              size_t *ret_count);

/* "invalid argument "VALUE" for --OPTION: " and the rest. Returns -ST_EINVAL. */
int run_invalid(struct run_parse *p, const char *option, const char *value, const char *format, ...)
    ST_PRINTF(4, 5);

/* NULL for NULL, "container:ID" for "container:NAME", otherwise the text itself. */
int run_resolve_mode(struct run_parse *p, const char *mode, const char **ret_mode);

/* Calls `each` for every line of a file of NAME=VALUE: without comments, empty lines and leading
 * spaces, its name checked. `what` names the option. */
typedef int run_line_fn(struct run_parse *p, const char *line, void *data);
int run_each_line(struct run_parse *p, const char *what, const char *path, run_line_fn *each,
                  void *data);
