/* The parser of --format templates: see json_template.h. */
#include "base/heap.h"
#include "base/str.h"
#include "json/json_template_priv.h"

#define MAX_TEXT (64u << 10)
#define MAX_DEPTH 32

struct parser {
    struct json_doc *doc;
    const char *start;
    const char *p;
    unsigned depth_left;
    struct st_err *err;
};

/* How a list of nodes ended. */
enum ending { END_OF_TEXT, END_KEYWORD, ELSE_KEYWORD };

static int bad(const struct parser *s, const char *what)
{
    return st_fail(s->err, ST_EINVAL, "template: character %zu: %s", (size_t)(s->p - s->start) + 1,
                   what);
}

static int no_memory(const struct parser *s)
{
    return st_fail(s->err, ST_ENOMEM, "out of memory");
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static void skip_space(struct parser *s)
{
    while (is_space(*s->p)) {
        s->p++;
    }
}

static size_t word_length(const char *p)
{
    size_t length = 0;
    while (is_word(p[length])) {
        length++;
    }
    return length;
}

static bool at_end(const struct parser *s)
{
    return st_starts_with(s->p, "}}") || (s->p[0] == '-' && s->p[1] == '}' && s->p[2] == '}');
}

/* Is the next word `word`? Then it is consumed. */
static bool take_word(struct parser *s, const char *word)
{
    size_t length = st_strlen(word);
    if (word_length(s->p) != length || !st_starts_with(s->p, word)) {
        return false;
    }
    s->p += length;
    skip_space(s);
    return true;
}

static const char *copy(struct parser *s, const char *from, size_t length)
{
    char *to = json_doc_alloc(s->doc, length + 1, 1);
    if (to != NULL) {
        __builtin_memcpy(to, from, length);
    }
    return to;
}

/* Text of the template outside of actions: \t and \n are decoded. */
static int add_text(struct parser *s, const char *from, size_t length, struct json_tpl_node **ret)
{
    struct json_tpl_node *node = json_doc_alloc(s->doc, 1, sizeof(*node));
    char *to = json_doc_alloc(s->doc, length + 1, 1);
    if (node == NULL || to == NULL) {
        return no_memory(s);
    }
    node->kind = JSON_TPL_TEXT;
    node->text = to;
    for (size_t i = 0; i < length; i++) {
        if (from[i] == '\\' && i + 1 < length && (from[i + 1] == 't' || from[i + 1] == 'n')) {
            to[node->length++] = from[++i] == 't' ? '\t' : '\n';
        } else {
            to[node->length++] = from[i];
        }
    }
    *ret = node;
    return 0;
}

static int parse_string(struct parser *s, struct json_tpl_operand *operand)
{
    char quote = *s->p++;
    const char *from = s->p;
    while (*s->p != '\0' && *s->p != quote) {
        s->p += *s->p == '\\' && quote == '"' && s->p[1] != '\0' ? 2 : 1;
    }
    if (*s->p != quote) {
        return bad(s, "the string does not end");
    }
    char *to = json_doc_alloc(s->doc, (size_t)(s->p - from) + 1, 1);
    if (to == NULL) {
        return no_memory(s);
    }
    size_t length = 0;
    for (const char *q = from; q < s->p; q++) {
        if (quote == '"' && *q == '\\') {
            q++;
            to[length++] = *q == 'n' ? '\n' : *q == 't' ? '\t' : *q;
        } else {
            to[length++] = *q;
        }
    }
    s->p++;
    operand->kind = JSON_TPL_LITERAL;
    operand->literal = json_tpl_string(s->doc, to, length);
    return operand->literal != NULL ? 0 : no_memory(s);
}

static int parse_number(struct parser *s, struct json_tpl_operand *operand)
{
    char text[24];
    size_t length = s->p[0] == '-' ? 1 : 0;
    int64_t number = 0;
    while (s->p[length] >= '0' && s->p[length] <= '9') {
        length++;
    }
    if (length >= sizeof(text)) {
        return bad(s, "the number is too large");
    }
    __builtin_memcpy(text, s->p, length);
    text[length] = '\0';
    if (st_parse_i64(text, INT64_MIN, INT64_MAX, &number) < 0 || is_word(s->p[length])) {
        return bad(s, "this is not a whole number");
    }
    s->p += length;
    operand->kind = JSON_TPL_LITERAL;
    operand->literal = json_tpl_number(s->doc, number);
    return operand->literal != NULL ? 0 : no_memory(s);
}

static int parse_word(struct parser *s, struct json_tpl_operand *operand)
{
    size_t length = word_length(s->p);
    if (length == 0) {
        return bad(s, "a value is expected");
    }
    bool truth = length == 4 && st_starts_with(s->p, "true");
    if (truth || (length == 5 && st_starts_with(s->p, "false"))) {
        operand->kind = JSON_TPL_LITERAL;
        operand->literal = json_tpl_bool(s->doc, truth);
        s->p += length;
        return operand->literal != NULL ? 0 : no_memory(s);
    }
    if (length == 3 && st_starts_with(s->p, "nil")) {
        operand->kind = JSON_TPL_LITERAL;
        operand->literal = json_doc_alloc(s->doc, 1, sizeof(*operand->literal));
        s->p += length;
        return operand->literal != NULL ? 0 : no_memory(s);
    }
    operand->kind = JSON_TPL_CALL;
    operand->function = json_tpl_find(s->p, length);
    if (operand->function == NULL) {
        return st_fail(s->err, ST_EINVAL, "template: function \"%.*s\" is not defined",
                       (int)ST_MIN(length, (size_t)60), s->p);
    }
    s->p += length;
    return 0;
}

static int parse_pipe(struct parser *s, struct json_tpl_pipe **ret_pipe);

static int parse_fields(struct parser *s, struct json_tpl_operand *operand)
{
    while (*s->p == '.' && is_word(s->p[1])) {
        size_t length = word_length(s->p + 1);
        if (operand->fields_count == JSON_TPL_MAX_ARGS) {
            return bad(s, "the chain of fields is too long");
        }
        const char *name = copy(s, s->p + 1, length);
        if (name == NULL) {
            return no_memory(s);
        }
        operand->fields[operand->fields_count++] = name;
        s->p += 1 + length;
    }
    return 0;
}

static int parse_operand(struct parser *s, struct json_tpl_operand *operand)
{
    int r = 0;
    if (*s->p == '.') {
        operand->kind = JSON_TPL_DOT;
        s->p += is_word(s->p[1]) ? 0 : 1;
    } else if (*s->p == '$') {
        size_t length = word_length(s->p + 1);
        operand->kind = JSON_TPL_VARIABLE;
        operand->name = copy(s, s->p + 1, length);
        s->p += 1 + length;
        r = operand->name != NULL ? 0 : no_memory(s);
    } else if (*s->p == '(') {
        operand->kind = JSON_TPL_PAREN;
        s->p++;
        r = parse_pipe(s, &operand->pipe);
        if (r == 0 && *s->p != ')') {
            return bad(s, "')' is expected");
        }
        s->p++;
    } else if (*s->p == '"' || *s->p == '`') {
        r = parse_string(s, operand);
    } else if (*s->p == '-' || (*s->p >= '0' && *s->p <= '9')) {
        r = parse_number(s, operand);
    } else {
        r = parse_word(s, operand);
    }
    return r < 0 ? r : parse_fields(s, operand);
}

static int parse_command(struct parser *s, struct json_tpl_command **ret_command)
{
    struct json_tpl_command *command = json_doc_alloc(s->doc, 1, sizeof(*command));
    if (command == NULL) {
        return no_memory(s);
    }
    struct json_tpl_operand **link = &command->operands;
    size_t count = 0;
    skip_space(s);
    while (*s->p != '|' && *s->p != ')' && *s->p != '\0' && !at_end(s)) {
        struct json_tpl_operand *operand = json_doc_alloc(s->doc, 1, sizeof(*operand));
        if (operand == NULL) {
            return no_memory(s);
        }
        if (++count > JSON_TPL_MAX_ARGS) {
            return bad(s, "too many arguments");
        }
        int r = parse_operand(s, operand);
        if (r < 0) {
            return r;
        }
        *link = operand;
        link = &operand->next;
        skip_space(s);
    }
    if (count == 0) {
        return bad(s, "a value is expected");
    }
    *ret_command = command;
    return 0;
}

/* `$a :=` or `$a, $b :=`, if there is one. */
static int parse_declaration(struct parser *s, struct json_tpl_pipe *pipe)
{
    const char *back = s->p;
    for (size_t i = 0; i < 2 && *s->p == '$'; i++) {
        size_t length = word_length(s->p + 1);
        const char *name = copy(s, s->p + 1, length);
        if (name == NULL) {
            return no_memory(s);
        }
        pipe->variables[i] = name;
        s->p += 1 + length;
        skip_space(s);
        if (st_starts_with(s->p, ":=")) {
            s->p += 2;
            skip_space(s);
            return 0;
        }
        if (*s->p != ',') {
            break;
        }
        s->p++;
        skip_space(s);
    }
    pipe->variables[0] = pipe->variables[1] = NULL;
    s->p = back;
    return 0;
}

static int parse_pipe(struct parser *s, struct json_tpl_pipe **ret_pipe)
{
    struct json_tpl_pipe *pipe = json_doc_alloc(s->doc, 1, sizeof(*pipe));
    if (pipe == NULL) {
        return no_memory(s);
    }
    if (s->depth_left == 0) {
        return st_fail(s->err, ST_ELIMIT, "template: nested too deeply");
    }
    s->depth_left--;
    struct json_tpl_command **link = &pipe->commands;
    skip_space(s);
    int r = parse_declaration(s, pipe);
    for (bool more = true; r == 0 && more;) {
        r = parse_command(s, link);
        more = r == 0 && *s->p == '|';
        if (more) {
            s->p++;
            link = &(*link)->next;
        }
    }
    s->depth_left++;
    *ret_pipe = pipe;
    return r;
}

/* The closing braces, with the blanks that a trim mark takes away. */
static int close_action(struct parser *s)
{
    skip_space(s);
    if (!at_end(s)) {
        return bad(s, "\"}}\" is expected");
    }
    bool trim = *s->p == '-';
    s->p += trim ? 3 : 2;
    if (trim) {
        skip_space(s);
    }
    return 0;
}

static int parse_nodes(struct parser *s, struct json_tpl_node **ret_nodes, enum ending *ret_ending);

/* What follows `if`, `with` or `range`, up to and with its {{end}}. */
static int parse_block(struct parser *s, enum json_tpl_node_kind kind,
                       struct json_tpl_node **ret_node)
{
    enum ending ending = END_OF_TEXT;
    struct json_tpl_node *node = json_doc_alloc(s->doc, 1, sizeof(*node));
    if (node == NULL) {
        return no_memory(s);
    }
    if (s->depth_left == 0) {
        return st_fail(s->err, ST_ELIMIT, "template: nested too deeply");
    }
    s->depth_left--;
    node->kind = kind;
    int r = parse_pipe(s, &node->pipe);
    r = r < 0 ? r : close_action(s);
    r = r < 0 ? r : parse_nodes(s, &node->body, &ending);
    if (r == 0 && ending == ELSE_KEYWORD) {
        if (kind == JSON_TPL_IF && take_word(s, "if")) {
            r = parse_block(s, JSON_TPL_IF, &node->otherwise);
            ending = END_KEYWORD; /* the inner block took the {{end}} that both share */
        } else {
            r = close_action(s);
            r = r < 0 ? r : parse_nodes(s, &node->otherwise, &ending);
        }
    }
    if (r == 0 && ending != END_KEYWORD) {
        r = bad(s, "{{end}} is expected");
    }
    s->depth_left++;
    *ret_node = node;
    return r;
}

static int parse_print(struct parser *s, struct json_tpl_node **ret_node)
{
    struct json_tpl_node *node = json_doc_alloc(s->doc, 1, sizeof(*node));
    if (node == NULL) {
        return no_memory(s);
    }
    node->kind = JSON_TPL_PRINT;
    int r = parse_pipe(s, &node->pipe);
    *ret_node = node;
    return r < 0 ? r : close_action(s);
}

static int parse_action(struct parser *s, struct json_tpl_node **ret_node, enum ending *ret_ending)
{
    *ret_ending = END_OF_TEXT;
    *ret_node = NULL;
    if (st_starts_with(s->p, "/*")) {
        while (*s->p != '\0' && !st_starts_with(s->p, "*/")) {
            s->p++;
        }
        s->p += *s->p != '\0' ? 2 : 0;
        return close_action(s);
    }
    if (take_word(s, "if")) {
        return parse_block(s, JSON_TPL_IF, ret_node);
    }
    if (take_word(s, "with")) {
        return parse_block(s, JSON_TPL_WITH, ret_node);
    }
    if (take_word(s, "range")) {
        return parse_block(s, JSON_TPL_RANGE, ret_node);
    }
    if (take_word(s, "end")) {
        *ret_ending = END_KEYWORD;
        return close_action(s);
    }
    if (take_word(s, "else")) {
        *ret_ending = ELSE_KEYWORD; /* the block closes it: an `if` may follow */
        return 0;
    }
    return parse_print(s, ret_node);
}

static int parse_nodes(struct parser *s, struct json_tpl_node **ret_nodes, enum ending *ret_ending)
{
    struct json_tpl_node **link = ret_nodes;
    for (;;) {
        const char *from = s->p;
        while (*s->p != '\0' && !st_starts_with(s->p, "{{")) {
            s->p++;
        }
        bool trim = *s->p != '\0' && s->p[2] == '-' && is_space(s->p[3]);
        size_t length = (size_t)(s->p - from);
        while (trim && length > 0 && is_space(from[length - 1])) {
            length--;
        }
        if (length > 0) {
            int r = add_text(s, from, length, link);
            if (r < 0) {
                return r;
            }
            link = &(*link)->next;
        }
        if (*s->p == '\0') {
            *ret_ending = END_OF_TEXT;
            return 0;
        }
        s->p += trim ? 3 : 2;
        skip_space(s);
        int r = parse_action(s, link, ret_ending);
        if (r < 0 || *ret_ending != END_OF_TEXT) {
            return r;
        }
        link = *link != NULL ? &(*link)->next : link;
    }
}

static inline void st_cleanup_doc(struct json_doc **doc)
{
    json_doc_free(*doc);
}

int json_template_new(const char *text, struct json_template **ret_template, struct st_err *err)
{
    size_t length = st_strlen(text);
    if (length > MAX_TEXT) {
        return st_fail(err, ST_ELIMIT, "template: longer than %u bytes", MAX_TEXT);
    }
    st_auto(doc) struct json_doc *doc = json_doc_new();
    struct json_template *template = doc != NULL ? json_doc_alloc(doc, 1, sizeof(*template)) : NULL;
    if (template == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    const char *rest = st_after_prefix(text, "table ");
    template->is_table = rest != NULL;
    rest = rest != NULL ? rest : text;
    rest = st_streq(rest, "json") ? "{{json .}}" : rest;
    struct parser s = {.doc = doc, .start = rest, .p = rest, .depth_left = MAX_DEPTH, .err = err};
    enum ending ending = END_OF_TEXT;
    int r = parse_nodes(&s, &template->nodes, &ending);
    if (r == 0 && ending != END_OF_TEXT) {
        r = bad(&s, "there is nothing to end here");
    }
    if (r < 0) {
        return r;
    }
    template->doc = st_take(doc);
    *ret_template = template;
    return 0;
}

bool json_template_is_table(const struct json_template *template)
{
    return template->is_table;
}

struct json_template *json_template_free(struct json_template *template)
{
    if (template != NULL) {
        json_doc_free(template->doc);
    }
    return NULL;
}
