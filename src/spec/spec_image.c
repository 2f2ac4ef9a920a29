/* The documents of the OCI image specification: see spec_image.h. */
#include "spec/spec_image.h"

#include "base/str.h"
#include "json/json_bind.h"

static const struct json_limits limits = {.max_bytes = SPEC_IMAGE_MAX_BYTES, .max_depth = 32};

#define T struct spec_platform
static const struct json_field platform_fields[] = {
    JSON_STR(T, "architecture", architecture),
    JSON_STR(T, "os", os),
    JSON_STR(T, "os.version", os_version),
    JSON_STR(T, "variant", variant),
};
static const struct json_table platform = JSON_TABLE(T, platform_fields);
#undef T

#define T struct spec_descriptor
static const struct json_field descriptor_fields[] = {
    JSON_STR(T, "mediaType", media_type),
    JSON_STR(T, "artifactType", artifact_type),
    JSON_STR(T, "digest", digest),
    JSON_I64(T, "size", size, JSON_KEEP),
    JSON_STRINGS(T, "urls", urls),
    JSON_PAIRS(T, "annotations", annotations),
    JSON_STRUCT(T, "platform", platform, struct spec_platform, &platform),
};
static const struct json_table descriptor = JSON_TABLE(T, descriptor_fields);
#undef T

#define T struct spec_index
static const struct json_field index_fields[] = {
    JSON_I32(T, "schemaVersion", schema_version, JSON_KEEP),
    JSON_STR(T, "mediaType", media_type),
    JSON_STRUCTS(T, "manifests", manifests, struct spec_descriptor, &descriptor),
    JSON_PAIRS(T, "annotations", annotations),
};
static const struct json_table index_table = JSON_TABLE(T, index_fields);
#undef T

#define T struct spec_manifest
static const struct json_field manifest_fields[] = {
    JSON_I32(T, "schemaVersion", schema_version, JSON_KEEP),
    JSON_STR(T, "mediaType", media_type),
    JSON_EMBED(T, "config", config, struct spec_descriptor, &descriptor),
    JSON_STRUCTS(T, "layers", layers, struct spec_descriptor, &descriptor),
    JSON_PAIRS(T, "annotations", annotations),
};
static const struct json_table manifest_table = JSON_TABLE(T, manifest_fields);
#undef T

#define T struct spec_healthcheck
static const struct json_field healthcheck_fields[] = {
    JSON_STRINGS(T, "Test", test),
    JSON_I64(T, "Interval", interval_ns, 0),
    JSON_I64(T, "Timeout", timeout_ns, 0),
    JSON_I64(T, "StartPeriod", start_period_ns, 0),
    JSON_I64(T, "StartInterval", start_interval_ns, 0),
    JSON_I32(T, "Retries", retries, 0),
};
static const struct json_table healthcheck = JSON_TABLE(T, healthcheck_fields);
#undef T

#define T struct spec_image_run
static const struct json_field run_fields[] = {
    JSON_STR(T, "User", user),
    JSON_KEYS(T, "ExposedPorts", exposed_ports),
    JSON_STRINGS(T, "Env", env),
    JSON_STRINGS(T, "Entrypoint", entrypoint),
    JSON_STRINGS(T, "Cmd", cmd),
    JSON_STRUCT(T, "Healthcheck", healthcheck, struct spec_healthcheck, &healthcheck),
    JSON_BOOLEAN(T, "ArgsEscaped", args_escaped, 0),
    JSON_KEYS(T, "Volumes", volumes),
    JSON_STR(T, "WorkingDir", working_dir),
    JSON_STRINGS(T, "OnBuild", on_build),
    JSON_PAIRS(T, "Labels", labels),
    JSON_STR(T, "StopSignal", stop_signal),
    JSON_STRINGS(T, "Shell", shell),
};
static const struct json_table run_table = JSON_TABLE(T, run_fields);
#undef T

#define T struct spec_image_rootfs
static const struct json_field rootfs_fields[] = {
    JSON_STR(T, "type", type),
    JSON_STRINGS(T, "diff_ids", diff_ids),
};
static const struct json_table rootfs = JSON_TABLE(T, rootfs_fields);
#undef T

#define T struct spec_image_history
static const struct json_field history_fields[] = {
    JSON_STR(T, "created", created),
    JSON_STR(T, "created_by", created_by),
    JSON_STR(T, "author", author),
    JSON_STR(T, "comment", comment),
    JSON_BOOLEAN(T, "empty_layer", empty_layer, 0),
};
static const struct json_table history = JSON_TABLE(T, history_fields);
#undef T

#define T struct spec_image_config
static const struct json_field config_fields[] = {
    JSON_STR(T, "created", created),
    JSON_STR(T, "author", author),
    JSON_STR(T, "architecture", architecture),
    JSON_STR(T, "os", os),
    JSON_STR(T, "os.version", os_version),
    JSON_STR(T, "variant", variant),
    JSON_STRUCT(T, "config", config, struct spec_image_run, &run_table),
    JSON_EMBED(T, "rootfs", rootfs, struct spec_image_rootfs, &rootfs),
    JSON_STRUCTS(T, "history", history, struct spec_image_history, &history),
};
static const struct json_table config_table = JSON_TABLE(T, config_fields);
#undef T

#define T struct spec_archive_image
static const struct json_field archive_fields[] = {
    JSON_STR(T, "Config", config),
    JSON_STRINGS(T, "RepoTags", repo_tags),
    JSON_STRINGS(T, "Layers", layers),
};
static const struct json_table archive_table = JSON_TABLE(T, archive_fields);
#undef T

static int write_document(const struct json_table *table, const void *from, unsigned indent,
                          struct st_buf *to)
{
    struct json_writer w = {.to = to, .indent = indent};
    json_bind_write(table, from, &w);
    return st_buf_status(to);
}

bool spec_digest_is_valid(const char *digest)
{
    const char *hex = digest != NULL ? st_after_prefix(digest, "sha256:") : NULL;
    if (hex == NULL || st_strlen(hex) != 64) {
        return false;
    }
    for (; *hex != '\0'; hex++) {
        if (!((*hex >= '0' && *hex <= '9') || (*hex >= 'a' && *hex <= 'f'))) {
            return false;
        }
    }
    return true;
}

static int check_descriptor(const char *where, const struct spec_descriptor *d, struct st_err *err)
{
    if (!spec_digest_is_valid(d->digest)) {
        return st_fail(err, ST_EINVAL, "%s: \"%.100s\" is not a sha256 digest", where,
                       d->digest != NULL ? d->digest : "");
    }
    if (d->size < 0) {
        return st_fail(err, ST_EINVAL, "%s: the size is below zero", where);
    }
    return 0;
}

static int check_descriptors(const char *where, const struct spec_descriptor *list, size_t count,
                             size_t max, struct st_err *err)
{
    if (count > max) {
        return st_fail(err, ST_ELIMIT, "%s: %zu entries are more than %zu", where, count, max);
    }
    for (size_t i = 0; i < count; i++) {
        int r = check_descriptor(where, &list[i], err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int check_head(int32_t schema_version, const char *media_type, enum spec_media wanted,
                      struct st_err *err)
{
    if (schema_version != 2) {
        return st_fail(err, ST_EINVAL, "schemaVersion: %d is not supported, only 2",
                       schema_version);
    }
    if (media_type != NULL && media_type[0] != '\0' && spec_media_of(media_type) != wanted) {
        return st_fail(err, ST_EINVAL, "mediaType: \"%.100s\" is not expected here", media_type);
    }
    return 0;
}

int spec_index_parse(const char *text, size_t length, struct spec_index **ret_index,
                     struct st_err *err)
{
    struct json_doc *doc = NULL;
    void *root = NULL;
    int r = json_bind_parse(&index_table, text, length, &limits, &root, &doc, err);
    if (r < 0) {
        return r;
    }
    struct spec_index *found = root;
    found->doc = doc;
    r = check_head(found->schema_version, found->media_type, SPEC_MEDIA_INDEX, err);
    r = r < 0 ? r
              : check_descriptors("manifests", found->manifests, found->manifests_count,
                                  SPEC_INDEX_MAX_MANIFESTS, err);
    if (r < 0) {
        json_doc_free(doc);
        return r;
    }
    *ret_index = found;
    return 0;
}

int spec_index_write(const struct spec_index *index, unsigned indent, struct st_buf *to)
{
    return write_document(&index_table, index, indent, to);
}

struct spec_index *spec_index_free(struct spec_index *index)
{
    if (index != NULL) {
        json_doc_free(index->doc);
    }
    return NULL;
}

int spec_manifest_parse(const char *text, size_t length, struct spec_manifest **ret_manifest,
                        struct st_err *err)
{
    struct json_doc *doc = NULL;
    void *root = NULL;
    int r = json_bind_parse(&manifest_table, text, length, &limits, &root, &doc, err);
    if (r < 0) {
        return r;
    }
    struct spec_manifest *found = root;
    found->doc = doc;
    r = check_head(found->schema_version, found->media_type, SPEC_MEDIA_MANIFEST, err);
    r = r < 0 ? r : check_descriptor("config", &found->config, err);
    r = r < 0 ? r
              : check_descriptors("layers", found->layers, found->layers_count,
                                  SPEC_IMAGE_MAX_LAYERS, err);
    if (r < 0) {
        json_doc_free(doc);
        return r;
    }
    *ret_manifest = found;
    return 0;
}

int spec_manifest_write(const struct spec_manifest *manifest, unsigned indent, struct st_buf *to)
{
    return write_document(&manifest_table, manifest, indent, to);
}

struct spec_manifest *spec_manifest_free(struct spec_manifest *manifest)
{
    if (manifest != NULL) {
        json_doc_free(manifest->doc);
    }
    return NULL;
}

static int check_config(const struct spec_image_config *config, struct st_err *err)
{
    const struct spec_image_rootfs *root = &config->rootfs;
    size_t filled = 0;
    if (root->type != NULL && !st_streq(root->type, "layers")) {
        return st_fail(err, ST_EINVAL, "rootfs.type: \"%.40s\" is not \"layers\"", root->type);
    }
    if (root->diff_ids_count > SPEC_IMAGE_MAX_LAYERS) {
        return st_fail(err, ST_ELIMIT, "rootfs.diff_ids: %zu entries are more than %d",
                       root->diff_ids_count, SPEC_IMAGE_MAX_LAYERS);
    }
    for (size_t i = 0; i < root->diff_ids_count; i++) {
        if (!spec_digest_is_valid(root->diff_ids[i])) {
            return st_fail(err, ST_EINVAL,
                           "rootfs.diff_ids[%zu]: \"%.100s\" is not a sha256 digest", i,
                           root->diff_ids[i]);
        }
    }
    for (size_t i = 0; i < config->history_count; i++) {
        filled += !config->history[i].empty_layer;
    }
    if (filled > root->diff_ids_count) {
        return st_fail(err, ST_EINVAL, "history: %zu steps with a layer, but %zu diff_ids", filled,
                       root->diff_ids_count);
    }
    return 0;
}

int spec_image_config_parse(const char *text, size_t length, struct spec_image_config **ret_config,
                            struct st_err *err)
{
    struct json_doc *doc = NULL;
    void *root = NULL;
    int r = json_bind_parse(&config_table, text, length, &limits, &root, &doc, err);
    if (r < 0) {
        return r;
    }
    struct spec_image_config *found = root;
    found->doc = doc;
    r = check_config(found, err);
    if (r < 0) {
        json_doc_free(doc);
        return r;
    }
    *ret_config = found;
    return 0;
}

int spec_image_config_write(const struct spec_image_config *config, unsigned indent,
                            struct st_buf *to)
{
    return write_document(&config_table, config, indent, to);
}

struct spec_image_config *spec_image_config_free(struct spec_image_config *config)
{
    if (config != NULL) {
        json_doc_free(config->doc);
    }
    return NULL;
}

int spec_image_run_write(const struct spec_image_run *run, unsigned indent, struct st_buf *to)
{
    static const struct spec_image_run empty;
    return write_document(&run_table, run != NULL ? run : &empty, indent, to);
}

int spec_archive_parse(const char *text, size_t length, struct spec_archive **ret_archive,
                       struct st_err *err)
{
    struct json_doc *doc = NULL;
    int r = json_parse(text, length, &limits, &doc, err);
    if (r < 0) {
        return r;
    }
    const struct json_value *root = json_doc_root(doc);
    size_t count = root->type == JSON_ARRAY ? root->count : 0;
    struct spec_archive *archive = json_doc_alloc(doc, 1, sizeof(*archive));
    struct spec_archive_image *images = json_doc_alloc(doc, count + 1, sizeof(*images));
    if (root->type != JSON_ARRAY) {
        r = st_fail(err, ST_EINVAL, "%s is not an array of images", json_type_name(root->type));
    } else if (archive == NULL || images == NULL) {
        r = st_fail(err, ST_ENOMEM, "out of memory");
    } else {
        size_t i = 0;
        for (const struct json_value *item = root->first; item != NULL && r == 0;
             item = item->next, i++) {
            r = json_bind_read(&archive_table, doc, item, &images[i], err);
            if (r == 0 && images[i].config == NULL) {
                r = st_fail(err, ST_EINVAL, "[%zu].Config: must be set", i);
            }
            if (r == 0 && images[i].layers_count > SPEC_IMAGE_MAX_LAYERS) {
                r = st_fail(err, ST_ELIMIT, "[%zu].Layers: %zu entries are more than %d", i,
                            images[i].layers_count, SPEC_IMAGE_MAX_LAYERS);
            }
        }
    }
    if (r < 0) {
        json_doc_free(doc);
        return r;
    }
    archive->doc = doc;
    archive->images = images;
    archive->images_count = count;
    *ret_archive = archive;
    return 0;
}

int spec_archive_write(const struct spec_archive *archive, unsigned indent, struct st_buf *to)
{
    struct json_writer w = {.to = to, .indent = indent};
    json_write_array(&w);
    for (size_t i = 0; i < archive->images_count; i++) {
        json_bind_write(&archive_table, &archive->images[i], &w);
    }
    json_write_end(&w);
    return st_buf_status(to);
}

struct spec_archive *spec_archive_free(struct spec_archive *archive)
{
    if (archive != NULL) {
        json_doc_free(archive->doc);
    }
    return NULL;
}

enum spec_media spec_media_of(const char *media_type)
{
    static const struct {
        const char *name;
        enum spec_media media;
    } table[] = {
        {SPEC_OCI_INDEX, SPEC_MEDIA_INDEX},
        {SPEC_OCI_MANIFEST, SPEC_MEDIA_MANIFEST},
        {SPEC_OCI_CONFIG, SPEC_MEDIA_CONFIG},
        {SPEC_OCI_LAYER, SPEC_MEDIA_LAYER},
        {SPEC_OCI_LAYER_GZIP, SPEC_MEDIA_LAYER_GZIP},
        {SPEC_OCI_LAYER_ZSTD, SPEC_MEDIA_LAYER_ZSTD},
        {SPEC_DOCKER_INDEX, SPEC_MEDIA_INDEX},
        {SPEC_DOCKER_MANIFEST, SPEC_MEDIA_MANIFEST},
        {SPEC_DOCKER_CONFIG, SPEC_MEDIA_CONFIG},
        {SPEC_DOCKER_LAYER, SPEC_MEDIA_LAYER},
        {SPEC_DOCKER_LAYER_GZIP, SPEC_MEDIA_LAYER_GZIP},
    };
    for (size_t i = 0; media_type != NULL && i < ST_COUNT(table); i++) {
        if (st_streq(media_type, table[i].name)) {
            return table[i].media;
        }
    }
    return SPEC_MEDIA_UNKNOWN;
}

const char *spec_pair_find(const struct json_pair *pairs, size_t count, const char *key)
{
    const char *found = NULL;
    for (size_t i = 0; i < count; i++) {
        if (st_streq(pairs[i].key, key)) {
            found = pairs[i].value;
        }
    }
    return found;
}
