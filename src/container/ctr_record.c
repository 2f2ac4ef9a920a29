/* The state file's text: see ctr_record.h. */
#include "container/ctr_record.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/print.h"
#include "base/str.h"
#include "container/ctr_id.h"
#include "json/json_bind.h"

#define MAGIC "strata-oci "
#define VERSION "1"

/* The longest first line, and the most that a record may have. */
enum { HEADER_MAX = 64, RECORD_MAX = 1 << 20 };

struct stored {
    const char *id;
    const char *bundle;
    const char *rootfs;
    const char *cgroup;
    const char *oci_version;
    int32_t pid;
    uint64_t start;
    uint64_t created;
    uint32_t uid;
    bool no_new_keyring;
    struct json_pair *annotations;
    size_t annotations_count;
};

static const struct json_field stored_fields[] = {
    JSON_STR(struct stored, "id", id),
    JSON_STR(struct stored, "bundle", bundle),
    JSON_STR(struct stored, "rootfs", rootfs),
    JSON_STR(struct stored, "cgroup", cgroup),
    JSON_STR(struct stored, "ociVersion", oci_version),
    JSON_I32(struct stored, "pid", pid, JSON_KEEP),
    JSON_U64(struct stored, "start", start, JSON_KEEP),
    JSON_U64(struct stored, "created", created, JSON_KEEP),
    JSON_U32(struct stored, "uid", uid, JSON_KEEP),
    JSON_BOOLEAN(struct stored, "noNewKeyring", no_new_keyring, 0),
    JSON_PAIRS(struct stored, "annotations", annotations),
};
static const struct json_table stored_table = JSON_TABLE(struct stored, stored_fields);

static int corrupt(struct st_err *err, const char *why)
{
    return st_fail(err, ST_ECORRUPT, "damaged state file: %s", why);
}

/* Splits the first line into its numbers. */
static int read_header(const char *text, size_t length, size_t *ret_header, uint64_t *ret_record,
                       uint64_t *ret_config, struct st_err *err)
{
    const char *end = memchr(text, '\n', ST_MIN(length, (size_t)HEADER_MAX));
    char line[HEADER_MAX];
    if (end == NULL || memchr(text, '\0', (size_t)(end - text)) != NULL) {
        return corrupt(err, "no first line");
    }
    memcpy(line, text, (size_t)(end - text));
    line[end - text] = '\0';
    const char *rest = st_after_prefix(line, MAGIC);
    if (rest == NULL) {
        return corrupt(err, "it begins with something else");
    }
    const char *numbers = st_after_prefix(rest, VERSION " ");
    if (numbers == NULL) {
        return st_fail(err, ST_EVERSION, "state file of another version: %s", rest);
    }
    char *space = strchr(numbers, ' ');
    if (space == NULL) {
        return corrupt(err, "first line is cut");
    }
    *space = '\0';
    if (st_parse_u64(numbers, 10, RECORD_MAX, ret_record) < 0 ||
        st_parse_u64(space + 1, 10, CTR_RECORD_MAX_BYTES, ret_config) < 0) {
        return corrupt(err, "bad lengths");
    }
    *ret_header = (size_t)(end - text) + 1;
    return 0;
}

static int check_stored(const struct stored *s, struct st_err *err)
{
    if (s->id == NULL || s->bundle == NULL || s->rootfs == NULL || s->cgroup == NULL ||
        s->oci_version == NULL) {
        return corrupt(err, "a member is missing");
    }
    if (ctr_id_check(s->id, NULL) < 0) {
        return corrupt(err, "bad ID");
    }
    if (s->bundle[0] != '/' || s->rootfs[0] != '/') {
        return corrupt(err, "a path is not absolute");
    }
    if (s->pid <= 0) {
        return corrupt(err, "bad process number");
    }
    return 0;
}

int ctr_record_read(const char *text, size_t length, struct ctr_record *ret_record,
                    struct st_err *err)
{
    static const struct json_limits limits = {.max_bytes = RECORD_MAX, .max_depth = 8};
    size_t header = 0;
    uint64_t record_length = 0, config_length = 0;
    int r = read_header(text, length, &header, &record_length, &config_length, err);
    if (r < 0) {
        return r;
    }
    if (record_length + config_length != length - header) {
        return corrupt(err, "its length is not what it says");
    }
    struct json_doc *doc = NULL;
    struct stored *s = NULL;
    r = json_bind_parse(&stored_table, text + header, record_length, &limits, (void **)&s, &doc,
                        err);
    if (r < 0) {
        return r == -ST_ENOMEM ? r : st_wrap(err, -ST_ECORRUPT, "damaged state file");
    }
    r = check_stored(s, err);
    if (r < 0) {
        json_doc_free(doc);
        return r;
    }
    *ret_record = (struct ctr_record){
        .id = s->id,
        .bundle = s->bundle,
        .rootfs = s->rootfs,
        .cgroup = s->cgroup,
        .oci_version = s->oci_version,
        .pid = s->pid,
        .start_ticks = s->start,
        .created_ns = s->created,
        .uid = s->uid,
        .no_new_keyring = s->no_new_keyring,
        .annotations = s->annotations,
        .annotations_count = s->annotations_count,
        .config = text + header + record_length,
        .config_length = config_length,
        .doc = doc,
    };
    return 0;
}

void ctr_record_done(struct ctr_record *record)
{
    record->doc = json_doc_free(record->doc);
}

int ctr_record_write(const struct ctr_record *record, struct st_buf *to)
{
    const struct stored s = {
        .id = record->id,
        .bundle = record->bundle,
        .rootfs = record->rootfs,
        .cgroup = record->cgroup,
        .oci_version = record->oci_version,
        .pid = record->pid,
        .start = record->start_ticks,
        .created = record->created_ns,
        .uid = record->uid,
        .no_new_keyring = record->no_new_keyring,
        .annotations = record->annotations,
        .annotations_count = record->annotations_count,
    };
    st_auto(buf) struct st_buf json = ST_BUF_HEAP(RECORD_MAX);
    struct json_writer writer = {.to = &json};
    json_bind_write(&stored_table, &s, &writer);
    st_buf_char(&json, '\n');
    if (st_buf_status(&json) < 0) {
        return st_buf_status(&json);
    }
    st_buf_printf(to, MAGIC VERSION " %zu %zu\n", json.length, record->config_length);
    st_buf_append(to, json.data, json.length);
    return st_buf_status(to);
}
