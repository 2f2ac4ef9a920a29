/*
 * index.json of the store: an OCI image index whose descriptors carry, as annotations, the name of
 * the image and what listing needs, so that a listing reads one file.
 */
#include "image/image_store_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/print.h"
#include "base/str.h"
#include "os/os_file.h"
#include "store/store_blob.h"

static const char key_name[] = "io.containerd.image.name";
static const char key_tag[] = "org.opencontainers.image.ref.name";
static const char key_id[] = "io.strata.image.id";
static const char key_created[] = "io.strata.image.created";
static const char key_bytes[] = "io.strata.image.bytes";
static const char key_orphan[] = "io.strata.image.orphan";

#define INDEX_MAX_BYTES ((size_t)SPEC_IMAGE_MAX_BYTES)

static int read_descriptor(const struct spec_descriptor *d, struct image_name *ret_name,
                           struct st_err *err)
{
    const char *created = spec_pair_find(d->annotations, d->annotations_count, key_created);
    const char *bytes = spec_pair_find(d->annotations, d->annotations_count, key_bytes);
    struct image_name name = {
        .full = spec_pair_find(d->annotations, d->annotations_count, key_name),
        .manifest = d->digest,
        .id = spec_pair_find(d->annotations, d->annotations_count, key_id),
        .manifest_size = d->size,
        .orphan = spec_pair_find(d->annotations, d->annotations_count, key_orphan) != NULL,
    };
    if (name.id == NULL || !store_digest_valid(name.id) || !store_digest_valid(d->digest)) {
        return st_fail(err, ST_ECORRUPT, "index.json: a descriptor has no %s", key_id);
    }
    if ((created != NULL && st_parse_i64(created, INT64_MIN, INT64_MAX, &name.created_s) < 0) ||
        (bytes != NULL && st_parse_u64(bytes, 10, UINT64_MAX, &name.bytes) < 0)) {
        return st_fail(err, ST_ECORRUPT, "index.json: an annotation of %s is no number", name.id);
    }
    *ret_name = name;
    return 0;
}

int image_index_read(struct image_store *store, struct image_index *ret_index, struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(INDEX_MAX_BYTES);
    struct spec_index *spec = NULL;
    struct image_index index = {0};
    int r = os_read_file(store->fd, "index.json", &text);
    if (r == -ST_ENOENT) {
        index.doc = json_doc_new();
        *ret_index = index;
        return index.doc == NULL ? st_fail_os(err, -ST_ENOMEM, "reading index.json") : 0;
    }
    if (r < 0) {
        return st_fail_os(err, r, "reading %s/index.json", store->path);
    }
    r = spec_index_parse(st_buf_string(&text), text.length, &spec, err);
    if (r < 0) {
        return st_wrap(err, r, "reading %s/index.json", store->path);
    }
    index.doc = spec->doc;
    index.names = calloc(spec->manifests_count + 1, sizeof(*index.names));
    index.capacity = spec->manifests_count + 1;
    r = index.names == NULL ? st_fail_os(err, -ST_ENOMEM, "reading index.json") : 0;
    for (size_t i = 0; r == 0 && i < spec->manifests_count; i++) {
        r = read_descriptor(&spec->manifests[i], &index.names[index.count++], err);
    }
    if (r < 0) {
        image_index_done(&index);
        return r;
    }
    *ret_index = index;
    return 0;
}

void image_index_done(struct image_index *index)
{
    json_doc_free(index->doc);
    free(index->names);
    *index = (struct image_index){0};
}

/* Texts of numbers that an index needs while it is written. */
struct numbers {
    char created[24];
    char bytes[24];
};

enum { ANNOTATIONS = 6 };

static void write_descriptor(const struct image_name *name, struct numbers *numbers,
                             struct json_pair *pairs, struct spec_descriptor *ret_descriptor)
{
    size_t count = 0;
    st_snprintf(numbers->created, sizeof(numbers->created), "%lld", (long long)name->created_s);
    st_snprintf(numbers->bytes, sizeof(numbers->bytes), "%llu", (unsigned long long)name->bytes);
    if (name->full != NULL) {
        const char *tag = strrchr(name->full, ':');
        pairs[count++] = (struct json_pair){.key = key_name, .value = name->full};
        pairs[count++] = (struct json_pair){.key = key_tag, .value = tag == NULL ? "" : tag + 1};
    }
    pairs[count++] = (struct json_pair){.key = key_id, .value = name->id};
    pairs[count++] = (struct json_pair){.key = key_created, .value = numbers->created};
    pairs[count++] = (struct json_pair){.key = key_bytes, .value = numbers->bytes};
    if (name->orphan) {
        pairs[count++] = (struct json_pair){.key = key_orphan, .value = "true"};
    }
    *ret_descriptor = (struct spec_descriptor){
        .media_type = SPEC_OCI_MANIFEST,
        .digest = name->manifest,
        .size = name->manifest_size,
        .annotations = pairs,
        .annotations_count = count,
    };
}

int image_index_write(struct image_store *store, const struct image_index *index,
                      struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(INDEX_MAX_BYTES);
    st_auto(free) struct spec_descriptor *descriptors =
        calloc(index->count + 1, sizeof(*descriptors));
    st_auto(free) struct json_pair *pairs = calloc(index->count * ANNOTATIONS + 1, sizeof(*pairs));
    st_auto(free) struct numbers *numbers = calloc(index->count + 1, sizeof(*numbers));
    if (descriptors == NULL || pairs == NULL || numbers == NULL) {
        return st_fail_os(err, -ST_ENOMEM, "writing index.json");
    }
    for (size_t i = 0; i < index->count; i++) {
        write_descriptor(&index->names[i], &numbers[i], pairs + i * ANNOTATIONS, &descriptors[i]);
    }
    const struct spec_index spec = {
        .schema_version = 2,
        .media_type = SPEC_OCI_INDEX,
        .manifests = descriptors,
        .manifests_count = index->count,
    };
    int r = spec_index_write(&spec, 0, &text);
    if (r < 0 || index->count > SPEC_INDEX_MAX_MANIFESTS) {
        return st_fail(err, ST_ELIMIT, "the image store is full: it can hold %u names",
                       SPEC_INDEX_MAX_MANIFESTS);
    }
    r = os_replace_file(store->fd, "index.json", text.data, text.length, 0600, true);
    return r < 0 ? st_fail_os(err, r, "writing %s/index.json", store->path) : 0;
}

void image_index_drop(struct image_index *index, size_t at)
{
    memmove(&index->names[at], &index->names[at + 1],
            (index->count - at - 1) * sizeof(*index->names));
    index->count--;
}

size_t image_index_count(const struct image_index *index, const char *id)
{
    size_t count = 0;
    for (size_t i = 0; i < index->count; i++) {
        count += st_streq(index->names[i].id, id);
    }
    return count;
}

/* The name moves over; an image that loses its last name stays, without one. Entries without a name
 * of the image that gets one go. */
static void take_from_others(struct image_index *index, const struct image_name *name)
{
    for (size_t i = index->count; i-- > 0;) {
        struct image_name *other = &index->names[i];
        bool same_image = st_streq(other->id, name->id);
        bool same_name = name->full != NULL && st_streq(other->full, name->full);
        bool nameless = other->full == NULL || other->orphan;
        bool replaced =
            same_image && (same_name || (nameless && name->full != NULL) || other->orphan);
        if (replaced || (same_name && image_index_count(index, other->id) > 1)) {
            image_index_drop(index, i);
        } else if (same_name) {
            other->full = NULL;
        }
    }
}

int image_index_add(struct image_index *index, const struct image_name *name)
{
    struct image_name copy = *name;
    copy.manifest = json_doc_copy(index->doc, name->manifest);
    copy.id = json_doc_copy(index->doc, name->id);
    copy.full = json_doc_copy(index->doc, name->full);
    if (copy.manifest == NULL || copy.id == NULL || (name->full != NULL && copy.full == NULL)) {
        return -ST_ENOMEM;
    }
    if (index->count == index->capacity) {
        size_t capacity = 2 * index->capacity + 8;
        void *grown = realloc(index->names, capacity * sizeof(*index->names));
        if (grown == NULL) {
            return -ST_ENOMEM;
        }
        index->names = grown;
        index->capacity = capacity;
    }
    take_from_others(index, &copy);
    bool has_entry = false;
    for (size_t i = 0; i < index->count; i++) {
        has_entry = has_entry || st_streq(index->names[i].id, copy.id);
    }
    if (copy.full != NULL || !has_entry) {
        index->names[index->count++] = copy;
    }
    return 0;
}

static bool looks_like_id(const char *text)
{
    size_t digits = strspn(text, "0123456789abcdef");
    return digits >= 2 && digits <= 64 && text[digits] == '\0';
}

static int find_id(const struct image_index *index, const char *hex, size_t *ret_at,
                   struct st_err *err)
{
    const char *found = NULL;
    for (size_t i = 0; i < index->count; i++) {
        const struct image_name *name = &index->names[i];
        if (name->orphan || !st_starts_with(store_digest_hex(name->id), hex)) {
            continue;
        }
        if (found != NULL && !st_streq(found, name->id)) {
            return st_fail(err, ST_ECONFLICT, "%s is the beginning of more than one image's ID",
                           hex);
        }
        if (found == NULL) {
            *ret_at = i;
        }
        found = name->id;
    }
    return found == NULL ? -ST_ENOTFOUND : 0;
}

/* A name with a digest: the manifest's, or (as some tools write) the image's. */
static int find_digest(const struct image_index *index, const char *digest, size_t *ret_at)
{
    for (size_t i = 0; i < index->count; i++) {
        const struct image_name *name = &index->names[i];
        if (!name->orphan && (st_streq(name->manifest, digest) || st_streq(name->id, digest))) {
            *ret_at = i;
            return 0;
        }
    }
    return -ST_ENOTFOUND;
}

int image_index_find(const struct image_index *index, const char *reference, size_t *ret_at,
                     bool *ret_by_id, struct st_err *err)
{
    st_auto(free) char *full = NULL;
    const char *at_sign = strchr(reference, '@');
    const char *hex = st_after_prefix(reference, "sha256:");
    *ret_by_id = true;
    int r = -ST_ENOTFOUND;
    if (at_sign != NULL && store_digest_valid(at_sign + 1)) {
        r = find_digest(index, at_sign + 1, ret_at);
    } else if (hex != NULL && looks_like_id(hex)) {
        r = strlen(hex) == 64 ? find_digest(index, reference, ret_at) : -ST_ENOTFOUND;
        r = r < 0 ? find_id(index, hex, ret_at, err) : r;
    } else {
        r = image_name_full(reference, &full, err);
        if (r < 0) {
            return r;
        }
        for (size_t i = 0; i < index->count; i++) {
            if (st_streq(index->names[i].full, full)) {
                *ret_by_id = false;
                *ret_at = i;
                return 0;
            }
        }
        r = looks_like_id(reference) ? find_id(index, reference, ret_at, err) : -ST_ENOTFOUND;
    }
    if (r == -ST_ENOTFOUND) {
        return st_fail(err, ST_ENOTFOUND, "No such image: %s", reference);
    }
    return r;
}

int image_read_manifest(struct image_store *store, const char *digest,
                        struct spec_manifest **ret_manifest, struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(SPEC_IMAGE_MAX_BYTES);
    int r = store_blob_read(store->blobs_fd, digest, &text, err);
    return r < 0 ? r : spec_manifest_parse(st_buf_string(&text), text.length, ret_manifest, err);
}

int image_read_config(struct image_store *store, const char *digest,
                      struct spec_image_config **ret_config, struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(SPEC_IMAGE_MAX_BYTES);
    int r = store_blob_read(store->blobs_fd, digest, &text, err);
    return r < 0 ? r : spec_image_config_parse(st_buf_string(&text), text.length, ret_config, err);
}
