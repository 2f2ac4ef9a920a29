/* A layer's record: see image_record.h. */
#include "image/image_record.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/heap.h"
#include "base/print.h"
#include "base/str.h"
#include "image/image_form.h"
#include "os/os_file.h"
#include "store/store_digest.h"
#include "json/json_bind.h"

enum {
    RECORD_VERSION = 1,
    RECORD_MAX_BYTES = 4096,
};

static const char file_name[] = "layer.json";

struct stored {
    int32_t version;
    const char *diff_id;
    const char *form;
    uint64_t bytes;
    uint64_t entries;
};

static const struct json_field stored_fields[] = {
    JSON_I32(struct stored, "version", version, JSON_KEEP),
    JSON_STR(struct stored, "diffId", diff_id),
    JSON_STR(struct stored, "form", form),
    JSON_U64(struct stored, "bytes", bytes, JSON_KEEP),
    JSON_U64(struct stored, "entries", entries, JSON_KEEP),
};
static const struct json_table stored_table = JSON_TABLE(struct stored, stored_fields);

int image_record_write(const struct image_record *record, const char *diff_id, int layer_fd,
                       struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(RECORD_MAX_BYTES);
    struct json_writer writer = {.to = &text};
    const struct stored stored = {
        .version = RECORD_VERSION,
        .diff_id = diff_id,
        .form = record->form,
        .bytes = record->bytes,
        .entries = record->entries,
    };
    json_bind_write(&stored_table, &stored, &writer);
    st_buf_char(&text, '\n');
    st_auto(fd) int fd = os_openat(layer_fd, file_name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    int r = st_buf_status(&text);
    if (r == 0) {
        r = fd < 0 ? fd : os_write_all(fd, text.data, text.length);
    }
    return r < 0 ? st_fail_os(err, r, "writing the record of layer %s", diff_id) : 0;
}

static int check(const struct stored *stored, const char *diff_id, struct image_record *ret_record,
                 struct st_err *err)
{
    if (stored->version != RECORD_VERSION || !st_streq(stored->form, image_form_folder.name)) {
        return st_fail(err, ST_EVERSION,
                       "layer %s was unpacked by another version of strata (record version %d, "
                       "form \"%s\")",
                       diff_id, stored->version, stored->form == NULL ? "" : stored->form);
    }
    if (!st_streq(stored->diff_id, diff_id)) {
        return st_fail(err, ST_ECORRUPT, "the record of layer %s is another layer's", diff_id);
    }
    *ret_record = (struct image_record){
        .form = image_form_folder.name,
        .bytes = stored->bytes,
        .entries = stored->entries,
    };
    return 0;
}

int image_record_read(int layers_fd, const char *diff_id, struct image_record *ret_record,
                      struct st_err *err)
{
    const struct json_limits limits = {.max_bytes = RECORD_MAX_BYTES, .max_depth = 4};
    char path[STORE_HEX_SIZE + sizeof(file_name) + 1];
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(RECORD_MAX_BYTES);
    struct json_doc *doc = NULL;
    void *stored = NULL;
    st_snprintf(path, sizeof(path), "%s/%s", store_digest_hex(diff_id), file_name);
    int r = os_read_file(layers_fd, path, &text);
    if (r == -ST_ENOENT) {
        return st_fail(err, ST_ENOTFOUND, "there is no layer %s", diff_id);
    }
    if (r < 0) {
        return st_fail_os(err, r, "reading the record of layer %s", diff_id);
    }
    r = json_bind_parse(&stored_table, st_buf_string(&text), text.length, &limits, &stored, &doc,
                        err);
    if (r < 0) {
        return st_wrap(err, r, "the record of layer %s", diff_id);
    }
    r = check(stored, diff_id, ret_record, err);
    json_doc_free(doc);
    return r;
}
