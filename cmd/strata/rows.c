/* Lists and inspections as docker prints them: see rows.h. */
#include "strata/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/str.h"
#include "cli/cli_out.h"
#include "os/os_time.h"
#include "json/json_doc.h"
#include "json/json_write.h"

#define TEXT_MAX (256u << 20)
#define COLUMNS_MAX 64u
#define COLUMN_MIN 10u
#define COLUMN_GAP 3u

static const struct json_limits limits = {.max_bytes = 64u << 20, .max_depth = 100};

static void st_cleanup_doc(struct json_doc **doc)
{
    *doc = json_doc_free(*doc);
}

static int add_head(struct rows *rows, const struct rows_title *titles, struct st_err *err)
{
    st_auto(buf) struct st_buf head = ST_BUF_HEAP(1 << 16);
    struct json_writer w = {.to = &head};
    json_write_object(&w);
    for (; titles->field != NULL; titles++) {
        json_write_key_string(&w, titles->field, titles->title);
    }
    json_write_end(&w);
    return rows_add(rows, st_buf_string(&head), err);
}

int rows_begin(struct rows *rows, const char *format, const char *preset,
               const struct rows_title *titles, struct st_err *err)
{
    *rows = (struct rows){.text = ST_BUF_HEAP(TEXT_MAX)};
    if (st_streq(format, "json")) {
        return 0;
    }
    if (format == NULL || format[0] == '\0' || st_streq(format, "table")) {
        format = preset;
    }
    int r = json_template_new(format, &rows->template, err);
    if (r < 0) {
        return st_wrap(err, r, "--format");
    }
    rows->table = json_template_is_table(rows->template);
    return rows->table ? add_head(rows, titles, err) : 0;
}

int rows_add(struct rows *rows, const char *object, struct st_err *err)
{
    st_auto(doc) struct json_doc *doc = NULL;
    if (rows->template == NULL) {
        st_buf_text(&rows->text, object);
        return st_buf_char(&rows->text, '\n');
    }
    int r = json_parse(object, strlen(object), &limits, &doc, err);
    r = r < 0 ? r : json_template_run(rows->template, json_doc_root(doc), &rows->text, err);
    return r < 0 ? st_wrap(err, r, "--format") : st_buf_char(&rows->text, '\n');
}

/* Characters of the first `length` bytes of UTF-8. */
static size_t characters(const char *text, size_t length)
{
    size_t n = 0;
    for (size_t i = 0; i < length; i++) {
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    }
    return n;
}

/* A cell that a tab ends is padded to its column's width; what follows the last tab is not. */
static void align(const char *text, struct st_buf *to)
{
    size_t widths[COLUMNS_MAX] = {0};
    size_t column = 0;
    for (const char *at = text; *at != '\0';) {
        size_t length = strcspn(at, "\t\n");
        if (at[length] == '\t' && column < COLUMNS_MAX) {
            size_t width = characters(at, length) + COLUMN_GAP;
            width = ST_MAX(width, (size_t)COLUMN_MIN);
            widths[column] = ST_MAX(widths[column], width);
        }
        column = at[length] == '\n' ? 0 : column + 1;
        at += length + (at[length] != '\0');
    }
    column = 0;
    for (const char *at = text; *at != '\0';) {
        size_t length = strcspn(at, "\t\n");
        st_buf_append(to, at, length);
        if (at[length] == '\t' && column < COLUMNS_MAX) {
            for (size_t n = characters(at, length); n < widths[column]; n++) {
                st_buf_char(to, ' ');
            }
        } else if (at[length] == '\n') {
            st_buf_char(to, '\n');
        }
        column = at[length] == '\n' ? 0 : column + 1;
        at += length + (at[length] != '\0');
    }
}

int rows_end(struct rows *rows, struct st_err *err)
{
    st_auto(buf) struct st_buf aligned = ST_BUF_HEAP(TEXT_MAX);
    const struct st_buf *out = &rows->text;
    if (rows->table) {
        align(st_buf_string(&rows->text), &aligned);
        out = &aligned;
    }
    int r = cli_buf_out(out);
    return r < 0 ? st_fail_os(err, r, "writing to standard output") : 0;
}

void rows_done(struct rows *rows)
{
    rows->template = json_template_free(rows->template);
    st_buf_done(&rows->text);
}

void rows_size(struct st_buf *to, uint64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    uint64_t unit = 1;
    size_t power = 0;
    while (power + 1 < ST_COUNT(units) && bytes / unit >= 1000) {
        unit *= 1000;
        power++;
    }
    uint64_t whole = bytes / unit;
    unsigned decimals = power == 0 || whole >= 100 ? 0 : whole >= 10 ? 1 : 2;
    uint64_t scale = decimals == 0 ? 1 : decimals == 1 ? 10 : 100;
    uint64_t step = unit / scale == 0 ? 1 : unit / scale;
    uint64_t rounded = bytes / step + (bytes % step >= step / 2 && step > 1);
    uint64_t fraction = rounded % scale;
    st_buf_printf(to, "%llu", (unsigned long long)(rounded / scale));
    if (fraction != 0 && decimals == 2 && fraction % 10 != 0) {
        st_buf_printf(to, ".%02llu", (unsigned long long)fraction);
    } else if (fraction != 0) {
        st_buf_printf(to, ".%llu", (unsigned long long)(decimals == 2 ? fraction / 10 : fraction));
    }
    st_buf_text(to, units[power]);
}

void rows_short(struct st_buf *to, const char *text, size_t most)
{
    size_t length = strlen(text);
    if (characters(text, length) <= most) {
        st_buf_append(to, text, length);
        return;
    }
    size_t end = 0;
    for (size_t n = 0; text[end] != '\0'; end++) {
        n += ((unsigned char)text[end] & 0xc0) != 0x80;
        if (n == most) {
            break;
        }
    }
    st_buf_append(to, text, end);
    st_buf_text(to, "\xe2\x80\xa6");
}

void rows_time(struct st_buf *to, uint64_t realtime_ns)
{
    char text[OS_TIME_TEXT];
    os_time_rfc3339(realtime_ns, text);
    st_buf_printf(to, "%.*s %.*s +0000 UTC", 10, text, 8, text + 11);
}

static int inspect_by_template(const char *format, const struct st_buf *objects, size_t count,
                               struct st_err *err)
{
    st_auto(rows) struct rows rows;
    int r = rows_begin(&rows, format, "", NULL, err);
    for (size_t i = 0; r >= 0 && i < count; i++) {
        r = rows_add(&rows, st_buf_string(&objects[i]), err);
    }
    return r < 0 ? r : rows_end(&rows, err);
}

int rows_inspect(const char *format, const struct st_buf *objects, size_t count, struct st_err *err)
{
    st_auto(buf) struct st_buf out = ST_BUF_HEAP(TEXT_MAX);
    struct json_writer w = {.to = &out, .indent = 4};
    if (format != NULL && format[0] != '\0' && !st_streq(format, "json")) {
        return inspect_by_template(format, objects, count, err);
    }
    w.indent = format != NULL && format[0] != '\0' ? 0 : 4;
    json_write_array(&w);
    for (size_t i = 0; i < count; i++) {
        st_auto(doc) struct json_doc *doc = NULL;
        int r = json_parse(st_buf_string(&objects[i]), objects[i].length, &limits, &doc, err);
        if (r < 0) {
            return r;
        }
        json_write_value(&w, json_doc_root(doc));
    }
    json_write_end(&w);
    st_buf_char(&out, '\n');
    int r = cli_buf_out(&out);
    return r < 0 ? st_fail_os(err, r, "writing to standard output") : 0;
}
