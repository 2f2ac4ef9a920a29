/* Running a compiled template over a value: see json_template.h. */
#include <stdlib.h>

#include "base/heap.h"
#include "base/str.h"
#include "json/json_template_priv.h"

#define MAX_STEPS 1000000u

static const struct json_value null_value = {.type = JSON_NULL};

static int fail(const struct json_tpl_run *run, const char *what, const char *name)
{
    return st_fail(run->err, ST_EINVAL, "template: %s \"%.100s\"", what, name);
}

static int run_pipe(struct json_tpl_run *run, const struct json_tpl_pipe *pipe,
                    const struct json_value *dot, const struct json_value **ret_value);

static int variable(const struct json_tpl_run *run, const char *name,
                    const struct json_value **ret_value)
{
    if (name[0] == '\0') {
        *ret_value = run->root;
        return 0;
    }
    for (size_t i = run->variables_count; i-- > 0;) {
        if (st_streq(run->variables[i].name, name)) {
            *ret_value = run->variables[i].value;
            return 0;
        }
    }
    return fail(run, "undefined variable", name);
}

static int set_variable(struct json_tpl_run *run, const char *name, const struct json_value *value)
{
    if (run->variables_count == ST_COUNT(run->variables)) {
        return st_fail(run->err, ST_ELIMIT, "template: too many variables");
    }
    run->variables[run->variables_count].name = name;
    run->variables[run->variables_count++].value = value;
    return 0;
}

static int field(const struct json_tpl_run *run, const struct json_value *of, const char *name,
                 const struct json_value **ret_value)
{
    if (of == NULL || of->type == JSON_NULL) {
        *ret_value = NULL;
        return 0;
    }
    if (of->type != JSON_OBJECT) {
        return st_fail(run->err, ST_EINVAL, "template: can't evaluate field %.100s in %s", name,
                       json_type_name(of->type));
    }
    *ret_value = json_member(of, name);
    return *ret_value != NULL ? 0 : fail(run, "no entry for key", name);
}

/* One operand without its arguments. */
static int run_operand(struct json_tpl_run *run, const struct json_tpl_operand *operand,
                       const struct json_value *dot, const struct json_value **ret_value)
{
    const struct json_value *value = NULL;
    int r = 0;
    switch (operand->kind) {
    case JSON_TPL_LITERAL:
        value = operand->literal;
        break;
    case JSON_TPL_DOT:
        value = dot;
        break;
    case JSON_TPL_VARIABLE:
        r = variable(run, operand->name, &value);
        break;
    case JSON_TPL_PAREN:
        r = run_pipe(run, operand->pipe, dot, &value);
        break;
    case JSON_TPL_CALL:
        if (operand->function->min_args > 0) {
            return fail(run, "arguments are missing for", operand->function->name);
        }
        r = operand->function->call(run, NULL, 0, &value);
        break;
    }
    for (size_t i = 0; r == 0 && i < operand->fields_count; i++) {
        r = field(run, value, operand->fields[i], &value);
    }
    *ret_value = value;
    return r;
}

/* {{.Label "key"}}: a look-up in the object that the field is. */
static int run_method(struct json_tpl_run *run, const struct json_value *of,
                      const struct json_value *const *args, size_t count,
                      const struct json_value **ret_value)
{
    const char *key = count == 1 ? json_text(args[0]) : NULL;
    if (of == NULL || of->type != JSON_OBJECT || key == NULL) {
        return st_fail(run->err, ST_EINVAL, "template: a value was given arguments");
    }
    *ret_value = json_member(of, key);
    if (*ret_value == NULL) {
        *ret_value = json_tpl_string(run->doc, "", 0);
    }
    return 0;
}

static int run_command(struct json_tpl_run *run, const struct json_tpl_command *command,
                       const struct json_value *dot, bool has_last, const struct json_value *last,
                       const struct json_value **ret_value)
{
    const struct json_tpl_operand *head = command->operands;
    const struct json_value *args[JSON_TPL_MAX_ARGS + 1];
    const struct json_value *value = NULL;
    size_t count = 0;
    int r = 0;
    for (const struct json_tpl_operand *o = head->next; o != NULL && r == 0; o = o->next) {
        r = run_operand(run, o, dot, &args[count++]);
    }
    if (has_last) {
        args[count++] = last;
    }
    if (r < 0) {
        return r;
    }
    if (head->kind != JSON_TPL_CALL || head->fields_count > 0) {
        r = run_operand(run, head, dot, &value);
        if (r == 0 && count > 0) {
            r = run_method(run, value, args, count, &value);
        }
    } else if (count < head->function->min_args || count > head->function->max_args) {
        return fail(run, "wrong number of arguments for", head->function->name);
    } else {
        r = head->function->call(run, args, count, &value);
    }
    *ret_value = value;
    return r;
}

static int run_pipe(struct json_tpl_run *run, const struct json_tpl_pipe *pipe,
                    const struct json_value *dot, const struct json_value **ret_value)
{
    const struct json_value *value = NULL;
    bool has_last = false;
    for (const struct json_tpl_command *c = pipe->commands; c != NULL; c = c->next) {
        int r = run_command(run, c, dot, has_last, value, &value);
        if (r < 0) {
            return r;
        }
        has_last = true;
    }
    *ret_value = value;
    return 0;
}

static int run_nodes(struct json_tpl_run *run, const struct json_tpl_node *nodes,
                     const struct json_value *dot);

static int run_range(struct json_tpl_run *run, const struct json_tpl_node *node,
                     const struct json_value *over, const struct json_value *dot)
{
    const char *const *names = node->pipe->variables;
    const struct json_value **sorted = NULL;
    size_t mark = run->variables_count;
    if (over == NULL || over->type == JSON_NULL ||
        ((over->type == JSON_ARRAY || over->type == JSON_OBJECT) && over->count == 0)) {
        return run_nodes(run, node->otherwise, dot);
    }
    if (over->type == JSON_OBJECT) {
        sorted = json_tpl_sorted(run->doc, over);
        if (sorted == NULL) {
            return st_fail(run->err, ST_ENOMEM, "out of memory");
        }
    } else if (over->type != JSON_ARRAY) {
        return st_fail(run->err, ST_EINVAL, "template: range can't iterate over %s",
                       json_type_name(over->type));
    }
    const struct json_value *item = over->first;
    for (size_t i = 0; i < over->count; i++, item = item->next) {
        const struct json_value *value = sorted != NULL ? sorted[i] : item;
        int r = 0;
        if (names[1] != NULL) {
            const struct json_value *key =
                sorted != NULL ? json_tpl_string(run->doc, value->key, st_strlen(value->key))
                               : json_tpl_number(run->doc, (int64_t)i);
            r = set_variable(run, names[0], key);
            r = r < 0 ? r : set_variable(run, names[1], value);
        } else if (names[0] != NULL) {
            r = set_variable(run, names[0], value);
        }
        r = r < 0 ? r : run_nodes(run, node->body, value);
        run->variables_count = mark;
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int run_node(struct json_tpl_run *run, const struct json_tpl_node *node,
                    const struct json_value *dot)
{
    const struct json_value *value = NULL;
    if (node->kind == JSON_TPL_TEXT) {
        return st_buf_append(run->to, node->text, node->length);
    }
    if (run->steps_left == 0) {
        return st_fail(run->err, ST_ELIMIT, "template: it runs too long");
    }
    run->steps_left--;
    size_t mark = run->variables_count;
    int r = run_pipe(run, node->pipe, dot, &value);
    if (r == 0 && node->kind != JSON_TPL_RANGE && node->pipe->variables[0] != NULL) {
        r = set_variable(run, node->pipe->variables[0], value);
    }
    if (r < 0) {
        return r;
    }
    switch (node->kind) {
    case JSON_TPL_TEXT:
    case JSON_TPL_PRINT:
        /* A declaration prints nothing and lives until its list of nodes ends. */
        return node->pipe->variables[0] != NULL ? 0 : json_tpl_print(value, run->to);
    case JSON_TPL_IF:
        r = run_nodes(run, json_tpl_is_true(value) ? node->body : node->otherwise, dot);
        break;
    case JSON_TPL_WITH:
        r = json_tpl_is_true(value) ? run_nodes(run, node->body, value)
                                    : run_nodes(run, node->otherwise, dot);
        break;
    case JSON_TPL_RANGE:
        r = run_range(run, node, value, dot);
        break;
    }
    run->variables_count = mark;
    return r;
}

static int run_nodes(struct json_tpl_run *run, const struct json_tpl_node *nodes,
                     const struct json_value *dot)
{
    size_t mark = run->variables_count;
    int r = 0;
    for (; nodes != NULL && r == 0; nodes = nodes->next) {
        r = run_node(run, nodes, dot);
    }
    run->variables_count = mark;
    return r;
}

int json_template_run(const struct json_template *template, const struct json_value *root,
                      struct st_buf *to, struct st_err *err)
{
    struct json_tpl_run run = {.doc = json_doc_new(),
                               .to = to,
                               .err = err,
                               .root = root != NULL ? root : &null_value,
                               .steps_left = MAX_STEPS};
    if (run.doc == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    int r = run_nodes(&run, template->nodes, run.root);
    json_doc_free(run.doc);
    return r < 0 ? r : st_buf_status(to);
}

static int by_key(const void *a, const void *b)
{
    const char *left = (*(const struct json_value *const *)a)->key;
    const char *right = (*(const struct json_value *const *)b)->key;
    while (*left != '\0' && *left == *right) {
        left++;
        right++;
    }
    return (unsigned char)*left - (unsigned char)*right;
}

const struct json_value **json_tpl_sorted(struct json_doc *doc, const struct json_value *object)
{
    const struct json_value **list = json_doc_alloc(doc, (size_t)object->count + 1, sizeof(*list));
    size_t count = 0;
    for (const struct json_value *m = object->first; list != NULL && m != NULL; m = m->next) {
        list[count++] = m;
    }
    if (list != NULL) {
        qsort(list, count, sizeof(*list), by_key);
    }
    return list;
}
