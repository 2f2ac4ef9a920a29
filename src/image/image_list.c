/* Listing: names, inspection and history in docker's shapes. */
#include "image/image_store_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/heap.h"
#include "base/str.h"
#include "image/image_record.h"
#include "store/store_digest.h"

/* Days since 1970-01-01 in the proleptic Gregorian calendar. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    static const uint16_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    int64_t past = year - 1;
    int64_t days = past * 365 + past / 4 - past / 100 + past / 400 - 719162;
    return days + before[month - 1] + (leap && month > 2) + day - 1;
}

static bool read_digits(const char **at, size_t count, int64_t max, int64_t *ret_number)
{
    int64_t number = 0;
    for (size_t i = 0; i < count; i++, (*at)++) {
        if (**at < '0' || **at > '9') {
            return false;
        }
        number = number * 10 + (**at - '0');
    }
    *ret_number = number;
    return number <= max;
}

static bool read_char(const char **at, char c)
{
    bool same = **at == c;
    *at += same;
    return same;
}

int64_t image_time_parse(const char *text)
{
    int64_t y, mo, d, h, mi, s, oh, om;
    const char *at = text;
    if (text == NULL || !read_digits(&at, 4, 9999, &y) || !read_char(&at, '-') ||
        !read_digits(&at, 2, 12, &mo) || !read_char(&at, '-') || !read_digits(&at, 2, 31, &d) ||
        !(read_char(&at, 'T') || read_char(&at, 't') || read_char(&at, ' ')) ||
        !read_digits(&at, 2, 23, &h) || !read_char(&at, ':') || !read_digits(&at, 2, 59, &mi) ||
        !read_char(&at, ':') || !read_digits(&at, 2, 60, &s) || y < 1 || mo < 1 || d < 1) {
        return 0;
    }
    int64_t seconds = days_of(y, mo, d) * 86400 + h * 3600 + mi * 60 + s;
    at += read_char(&at, '.') ? strspn(at, "0123456789") : 0;
    char sign = *at;
    if (sign != '+' && sign != '-') {
        return seconds;
    }
    at++;
    if (!read_digits(&at, 2, 23, &oh) || !read_char(&at, ':') || !read_digits(&at, 2, 59, &om)) {
        return 0;
    }
    return seconds - (sign == '+' ? 1 : -1) * (oh * 3600 + om * 60);
}

/* Reads the index under the shared lock, which is dropped again: for looking, a moment's truth is
 * enough. */
static int read_index(struct image_store *store, struct image_index *ret_index, struct st_err *err)
{
    st_auto(image_lock) struct image_lock lock = {.fd = -1};
    int r = image_lock_take(store, LOCK_SH, &lock, err);
    return r < 0 ? r : image_index_read(store, ret_index, err);
}

static int fill_listed(struct image_listed *item, const struct image_name *name)
{
    st_strcopy(item->id, sizeof(item->id), name->id);
    st_strcopy(item->manifest, sizeof(item->manifest), name->manifest);
    item->created_s = name->created_s;
    item->size_bytes = name->bytes;
    st_auto(free) char *brief = name->full == NULL ? NULL : image_name_short(name->full);
    char *colon = brief == NULL ? NULL : strrchr(brief, ':');
    if (colon != NULL) {
        *colon = '\0';
    }
    item->repository = strdup(brief == NULL ? "<none>" : brief);
    item->tag = strdup(colon == NULL ? "<none>" : colon + 1);
    return item->repository == NULL || item->tag == NULL ? -ST_ENOMEM : 0;
}

static int compare_listed(const void *a, const void *b)
{
    const struct image_listed *left = a;
    const struct image_listed *right = b;
    if (left->created_s != right->created_s) {
        return left->created_s < right->created_s ? 1 : -1;
    }
    int order = strcmp(left->repository, right->repository);
    return order != 0 ? order : strcmp(left->tag, right->tag);
}

int image_list_all(struct image_store *store, struct image_list *ret_list, struct st_err *err)
{
    st_auto(image_index) struct image_index index = {0};
    struct image_list list = {0};
    int r = read_index(store, &index, err);
    if (r < 0) {
        return r;
    }
    list.items = calloc(index.count + 1, sizeof(*list.items));
    r = list.items == NULL ? -ST_ENOMEM : 0;
    for (size_t i = 0; r == 0 && i < index.count; i++) {
        if (!index.names[i].orphan) {
            r = fill_listed(&list.items[list.count++], &index.names[i]);
        }
    }
    if (r < 0) {
        image_list_done(&list);
        return st_fail_os(err, r, "listing images");
    }
    qsort(list.items, list.count, sizeof(*list.items), compare_listed);
    *ret_list = list;
    return 0;
}

void image_list_done(struct image_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].repository);
        free(list->items[i].tag);
    }
    free(list->items);
    *list = (struct image_list){0};
}

/* ---- Inspection ---------------------------------------------------------------------------- */

static void write_names(const struct image_index *index, const char *id, struct json_writer *w)
{
    json_write_key(w, "RepoTags");
    json_write_array(w);
    for (size_t i = 0; i < index->count; i++) {
        if (st_streq(index->names[i].id, id) && index->names[i].full != NULL) {
            st_auto(free) char *brief = image_name_short(index->names[i].full);
            json_write_string(w, brief);
        }
    }
    json_write_end(w);
    json_write_key(w, "RepoDigests");
    json_write_array(w);
    json_write_end(w);
}

static void write_driver(const struct image *image, struct json_writer *w)
{
    st_auto(buf) struct st_buf lower = ST_BUF_HEAP(1 << 20);
    for (size_t i = 1; i < image->layer_count; i++) {
        st_buf_printf(&lower, "%s%s", i == 1 ? "" : ":", image->layers[i].path);
    }
    json_write_key(w, "GraphDriver");
    json_write_object(w);
    json_write_key(w, "Data");
    json_write_object(w);
    if (lower.length > 0) {
        json_write_key_string(w, "LowerDir", st_buf_string(&lower));
    }
    if (image->layer_count > 0) {
        json_write_key_string(w, "UpperDir", image->layers[0].path);
    }
    json_write_end(w);
    json_write_key_string(w, "Name", "overlay2");
    json_write_end(w);
}

static const char *text_or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

static int write_image(const struct image_index *index, const struct image *image, uint64_t bytes,
                       struct st_buf *to)
{
    struct json_writer w = {.to = to};
    const struct spec_image_config *config = image->config;
    st_auto(buf) struct st_buf run = ST_BUF_HEAP(SPEC_IMAGE_MAX_BYTES);
    int r = spec_image_run_write(config->config, 0, &run);
    if (r < 0) {
        return r;
    }
    const char *comment =
        config->history_count == 0 ? NULL : config->history[config->history_count - 1].comment;
    json_write_object(&w);
    json_write_key_string(&w, "Id", image->id);
    write_names(index, image->id, &w);
    json_write_key_string(&w, "Parent", "");
    json_write_key_string(&w, "Comment", text_or_empty(comment));
    json_write_key_string(&w, "Created", text_or_empty(config->created));
    json_write_key_string(&w, "DockerVersion", "");
    json_write_key_string(&w, "Author", text_or_empty(config->author));
    json_write_key(&w, "Config");
    json_write_raw(&w, st_buf_string(&run));
    json_write_key_string(&w, "Architecture", text_or_empty(config->architecture));
    if (config->variant != NULL) {
        json_write_key_string(&w, "Variant", config->variant);
    }
    json_write_key_string(&w, "Os", text_or_empty(config->os));
    json_write_key_u64(&w, "Size", bytes);
    write_driver(image, &w);
    json_write_key(&w, "RootFS");
    json_write_object(&w);
    json_write_key_string(&w, "Type", "layers");
    json_write_key(&w, "Layers");
    json_write_array(&w);
    for (size_t i = 0; i < config->rootfs.diff_ids_count; i++) {
        json_write_string(&w, config->rootfs.diff_ids[i]);
    }
    json_write_end(&w);
    json_write_end(&w);
    json_write_key(&w, "Metadata");
    json_write_object(&w);
    json_write_key_string(&w, "LastTagTime", "0001-01-01T00:00:00Z");
    json_write_end(&w);
    json_write_end(&w);
    return st_buf_status(to);
}

int image_inspect(struct image_store *store, const char *reference, struct st_buf *to,
                  struct st_err *err)
{
    st_auto(image_index) struct image_index index = {0};
    st_auto(image) struct image *image = NULL;
    uint64_t bytes = 0;
    int r = read_index(store, &index, err);
    if (r < 0 || (r = image_find(store, reference, &image, err)) < 0) {
        return r;
    }
    for (size_t i = 0; i < index.count; i++) {
        bytes = st_streq(index.names[i].id, image->id) ? index.names[i].bytes : bytes;
    }
    r = write_image(&index, image, bytes, to);
    return r < 0 ? st_fail_os(err, r, "inspecting %s", reference) : 0;
}

/* ---- History ------------------------------------------------------------------------------- */

static int fill_history(struct image_store *store, const struct spec_image_config *config,
                        struct image_history *history, struct st_err *err)
{
    size_t steps = ST_MAX(config->history_count, config->rootfs.diff_ids_count);
    size_t layer = 0;
    bool told = config->history_count > 0;
    history->items = calloc(steps + 1, sizeof(*history->items));
    if (history->items == NULL) {
        return st_fail_os(err, -ST_ENOMEM, "reading a history");
    }
    history->count = told ? config->history_count : config->rootfs.diff_ids_count;
    for (size_t i = 0; i < history->count; i++) {
        const struct spec_image_history *step = told ? &config->history[i] : NULL;
        struct image_history_item *item = &history->items[history->count - 1 - i];
        struct image_record record = {0};
        item->created_s = image_time_parse(step == NULL ? config->created : step->created);
        item->created_by = strdup(text_or_empty(step == NULL ? NULL : step->created_by));
        item->comment = strdup(text_or_empty(step == NULL ? NULL : step->comment));
        item->is_top = i + 1 == history->count;
        if ((step == NULL || !step->empty_layer) && layer < config->rootfs.diff_ids_count) {
            int r =
                image_record_read(store->layers_fd, config->rootfs.diff_ids[layer++], &record, err);
            if (r < 0) {
                return r;
            }
            item->size_bytes = record.bytes;
        }
        if (item->created_by == NULL || item->comment == NULL) {
            return st_fail_os(err, -ST_ENOMEM, "reading a history");
        }
    }
    return 0;
}

int image_history_of(struct image_store *store, const char *reference,
                     struct image_history *ret_history, struct st_err *err)
{
    st_auto(image) struct image *image = NULL;
    struct image_history history = {0};
    int r = image_find(store, reference, &image, err);
    if (r < 0) {
        return r;
    }
    st_strcopy(history.id, sizeof(history.id), image->id);
    r = fill_history(store, image->config, &history, err);
    if (r < 0) {
        image_history_done(&history);
        return r;
    }
    *ret_history = history;
    return 0;
}

void image_history_done(struct image_history *history)
{
    for (size_t i = 0; i < history->count && history->items != NULL; i++) {
        free(history->items[i].created_by);
        free(history->items[i].comment);
    }
    free(history->items);
    *history = (struct image_history){0};
}
