/*
 * docker's --format templates: the part of Go's text/template that people use, over a JSON value.
 *
 *     {{.Name}} {{json .X.Y}} {{.}} {{$.X}} {{(index .Ports "80/tcp" 0).HostPort}} {{.X | upper}}
 *     {{if .A}}..{{else if .B}}..{{else}}..{{end}} {{with .X}}..{{end}}
 *     {{range .List}}..{{else}}..{{end}} {{range $key, $value := .Map}}..{{end}} {{$x := .Y}}
 *     and or not eq ne lt le gt ge index len json join split lower upper title trim truncate pad
 *     print println printf
 *
 * Trim marks ({{- -}}) and comments work; \t and \n in the text are a tab and a line end, as docker
 * has it. `{{.Label "key"}}`, a field with an argument, looks the argument up in the field's object
 * and is empty where that has no such key. Other text/template actions are errors. A field that an
 * object does not have is an error too (docker: "no entry for key"); a field of null is <no value>.
 * Not thread-safe; a template may be run many times.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "json/json_doc.h"

struct json_template;

/* Compiles text, which is copied. A "table " or "json" in front of everything is taken off or means
 * {{json .}}. Returns 0, -ST_EINVAL with what is wrong where, -ST_ELIMIT, -ST_ENOMEM. */
int json_template_new(const char *text, struct json_template **ret_template, struct st_err *err);

/* Did the text begin with "table "? Then the caller prints a head (by running the template over an
 * object of titles) and aligns the columns, which tabs part. */
bool json_template_is_table(const struct json_template *template);

/* Appends the text that the template makes of root, without a line end of its own. Returns 0,
 * -ST_EINVAL for what cannot be evaluated, -ST_ELIMIT for a run that takes too long,
 * -ST_ENOMEM, or the buffer's failure; what was appended before a failure stays. */
int json_template_run(const struct json_template *template, const struct json_value *root,
                      struct st_buf *to, struct st_err *err);

/* Returns NULL; takes NULL. */
struct json_template *json_template_free(struct json_template *template);
