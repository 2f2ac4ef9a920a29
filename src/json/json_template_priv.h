/* A compiled template, and what its parser, its runner and its functions share. */
#pragma once

#include "json/json_template.h"

#define JSON_TPL_MAX_ARGS 16

struct json_tpl_run;

/* Computes a function of args; *ret_value may become NULL, which is Go's "no value". */
typedef int json_tpl_fn(struct json_tpl_run *run, const struct json_value *const *args,
                        size_t count, const struct json_value **ret_value);

struct json_tpl_function {
    const char *name;
    json_tpl_fn *call;
    uint8_t min_args;
    uint8_t max_args;
};

enum json_tpl_operand_kind {
    JSON_TPL_LITERAL,
    JSON_TPL_DOT,
    JSON_TPL_VARIABLE,
    JSON_TPL_CALL,
    JSON_TPL_PAREN,
};

struct json_tpl_operand {
    enum json_tpl_operand_kind kind;
    const struct json_value *literal;
    const char *name; /* of a variable, "" for $ */
    const struct json_tpl_function *function;
    struct json_tpl_pipe *pipe;
    const char *fields[JSON_TPL_MAX_ARGS]; /* the chain .A.B behind it */
    size_t fields_count;
    struct json_tpl_operand *next;
};

struct json_tpl_command {
    struct json_tpl_operand *operands;
    struct json_tpl_command *next;
};

struct json_tpl_pipe {
    const char *variables[2]; /* $a := or, for range, $a, $b := */
    struct json_tpl_command *commands;
};

enum json_tpl_node_kind {
    JSON_TPL_TEXT,
    JSON_TPL_PRINT,
    JSON_TPL_IF,
    JSON_TPL_WITH,
    JSON_TPL_RANGE,
};

struct json_tpl_node {
    enum json_tpl_node_kind kind;
    const char *text;
    size_t length;
    struct json_tpl_pipe *pipe;
    struct json_tpl_node *body;
    struct json_tpl_node *otherwise;
    struct json_tpl_node *next;
};

struct json_template {
    struct json_doc *doc; /* owns everything, this struct too */
    bool is_table;
    struct json_tpl_node *nodes;
};

struct json_tpl_run {
    struct json_doc *doc; /* what this run makes */
    struct st_buf *to;
    struct st_err *err;
    const struct json_value *root;
    unsigned steps_left;
    size_t variables_count;
    struct {
        const char *name;
        const struct json_value *value;
    } variables[32];
};

/* NULL: there is no such function. */
const struct json_tpl_function *json_tpl_find(const char *name, size_t length);

bool json_tpl_is_true(const struct json_value *value);

/* Appends the value as Go prints it. */
int json_tpl_print(const struct json_value *value, struct st_buf *to);

/* Members of an object ordered by name, as Go walks maps: an array of object->count in doc, NULL
 * when out of memory. */
const struct json_value **json_tpl_sorted(struct json_doc *doc, const struct json_value *object);

/* New values in doc: NULL when out of memory. */
const struct json_value *json_tpl_string(struct json_doc *doc, const char *text, size_t length);
const struct json_value *json_tpl_number(struct json_doc *doc, int64_t number);
const struct json_value *json_tpl_bool(struct json_doc *doc, bool truth);
