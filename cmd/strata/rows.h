/*
 * Lists as docker prints them: each row is a JSON object, and a template makes its line.
 *
 *     st_auto(rows) struct rows rows;
 *     r = rows_begin(&rows, cli_text(cli, "format"), "table {{.ID}}\t{{.Name}}", titles, err);
 *     r = rows_add(&rows, st_buf_string(&object), err);     for each row
 *     r = rows_end(&rows, err);                             prints everything
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "json/json_template.h"

struct rows_title {
    const char *field;
    const char *title; /* what a table's head says for it; NULL field ends a list */
};

struct rows {
    struct json_template *template; /* NULL: each row is printed as JSON */
    bool table;
    struct st_buf text;
};

/* format: what the user gave to --format: NULL or "table" is `preset`, "json" prints each row as it
 * is, everything else is a template. */
int rows_begin(struct rows *rows, const char *format, const char *preset,
               const struct rows_title *titles, struct st_err *err);

int rows_add(struct rows *rows, const char *object, struct st_err *err);

/* Aligns a table's columns and writes everything to standard output. */
int rows_end(struct rows *rows, struct st_err *err);

void rows_done(struct rows *rows);
static inline void st_cleanup_rows(struct rows *rows)
{
    rows_done(rows);
}

/* Appends "4.26MB", three digits in powers of 1000, as docker shows sizes. */
void rows_size(struct st_buf *to, uint64_t bytes);

/* Appends the text cut to `most` characters, the last of which is an ellipsis where it was cut. */
void rows_short(struct st_buf *to, const char *text, size_t most);

/* "2026-01-31 12:00:00 +0000 UTC". */
void rows_time(struct st_buf *to, uint64_t realtime_ns);

/* Prints objects, each a JSON text, as docker's inspect does: as one indented array, or each by the
 * template, a line each. */
int rows_inspect(const char *format, const struct st_buf *objects, size_t count,
                 struct st_err *err);
