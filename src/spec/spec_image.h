/*
 * The documents of the OCI image specification 1.1 (and their docker v2 schema 2 twins): index,
 * manifest, image configuration; and docker-archive's manifest.json. All of them come from
 * strangers: reading bounds text and counts and checks what later code relies on.
 *
 * The conventions of spec_runtime.h hold: NULL strings and lists are absent, everything that a
 * parse returns lives in the root's `doc` until the _free of its kind, hand-made structs own
 * nothing. Pure; not thread-safe while being changed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "json/json_doc.h"

/* The largest document that is read, as registries bound it. */
#define SPEC_IMAGE_MAX_BYTES (4u << 20)
/* The most layers of an image, and manifests of an index. */
#define SPEC_IMAGE_MAX_LAYERS 512
#define SPEC_INDEX_MAX_MANIFESTS 8192
/* "sha256:" and 64 digits, without the closing zero. */
#define SPEC_DIGEST_LENGTH 71

#define SPEC_OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define SPEC_OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define SPEC_OCI_CONFIG "application/vnd.oci.image.config.v1+json"
#define SPEC_OCI_LAYER "application/vnd.oci.image.layer.v1.tar"
#define SPEC_OCI_LAYER_GZIP "application/vnd.oci.image.layer.v1.tar+gzip"
#define SPEC_OCI_LAYER_ZSTD "application/vnd.oci.image.layer.v1.tar+zstd"
#define SPEC_DOCKER_INDEX "application/vnd.docker.distribution.manifest.list.v2+json"
#define SPEC_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define SPEC_DOCKER_CONFIG "application/vnd.docker.container.image.v1+json"
#define SPEC_DOCKER_LAYER "application/vnd.docker.image.rootfs.diff.tar"
#define SPEC_DOCKER_LAYER_GZIP "application/vnd.docker.image.rootfs.diff.tar.gzip"

enum spec_media {
    SPEC_MEDIA_UNKNOWN,
    SPEC_MEDIA_INDEX,
    SPEC_MEDIA_MANIFEST,
    SPEC_MEDIA_CONFIG,
    SPEC_MEDIA_LAYER,
    SPEC_MEDIA_LAYER_GZIP,
    SPEC_MEDIA_LAYER_ZSTD,
};

struct spec_platform {
    const char *architecture; /* Go's names: "amd64", "arm64" */
    const char *os;
    const char *os_version;
    const char *variant; /* "v8" */
};

struct spec_descriptor {
    const char *media_type;
    const char *artifact_type;
    const char *digest; /* of valid syntax, sha256 */
    int64_t size;       /* bytes, >= 0 */
    const char **urls;
    size_t urls_count;
    struct json_pair *annotations;
    size_t annotations_count;
    struct spec_platform *platform;
};

struct spec_index { /* also docker's manifest list, and the index.json of an OCI layout */
    struct json_doc *doc;
    int32_t schema_version; /* 2 */
    const char *media_type;
    struct spec_descriptor *manifests;
    size_t manifests_count;
    struct json_pair *annotations;
    size_t annotations_count;
};

struct spec_manifest {
    struct json_doc *doc;
    int32_t schema_version; /* 2 */
    const char *media_type;
    struct spec_descriptor config;
    struct spec_descriptor *layers; /* lowest first */
    size_t layers_count;
    struct json_pair *annotations;
    size_t annotations_count;
};

struct spec_healthcheck { /* times in nanoseconds */
    const char **test;
    size_t test_count;
    int64_t interval_ns;
    int64_t timeout_ns;
    int64_t start_period_ns;
    int64_t start_interval_ns;
    int32_t retries;
};

struct spec_image_run { /* the member `config` of an image configuration */
    const char *user;
    const char **exposed_ports; /* "80/tcp" */
    size_t exposed_ports_count;
    const char **env;
    size_t env_count;
    const char **entrypoint;
    size_t entrypoint_count;
    const char **cmd;
    size_t cmd_count;
    const char **volumes; /* absolute folders */
    size_t volumes_count;
    const char *working_dir;
    struct json_pair *labels;
    size_t labels_count;
    const char *stop_signal;
    bool args_escaped;
    struct spec_healthcheck *healthcheck;
    const char **shell;
    size_t shell_count;
    const char **on_build;
    size_t on_build_count;
};

struct spec_image_rootfs {
    const char *type; /* "layers" */
    const char **diff_ids;
    size_t diff_ids_count;
};

struct spec_image_history {
    const char *created; /* RFC 3339 */
    const char *created_by;
    const char *author;
    const char *comment;
    bool empty_layer;
};

struct spec_image_config {
    struct json_doc *doc;
    const char *created; /* RFC 3339 */
    const char *author;
    const char *architecture;
    const char *os;
    const char *os_version;
    const char *variant;
    struct spec_image_run *config;
    struct spec_image_rootfs rootfs;
    struct spec_image_history *history;
    size_t history_count;
};

struct spec_archive_image { /* one element of docker-archive's manifest.json; paths in the tar */
    const char *config;
    const char **repo_tags;
    size_t repo_tags_count;
    const char **layers; /* lowest first */
    size_t layers_count;
};

struct spec_archive {
    struct json_doc *doc;
    struct spec_archive_image *images;
    size_t images_count;
};

/* Each parse: 0; -ST_ELIMIT, -ST_EINVAL with the member's path, -ST_ENOMEM. Each free returns NULL
 * and takes NULL. Each write appends the document on one line (indent 0) or indented, and returns 0
 * or the buffer's failure. */
int spec_index_parse(const char *text, size_t length, struct spec_index **ret_index,
                     struct st_err *err);
int spec_index_write(const struct spec_index *index, unsigned indent, struct st_buf *to);
struct spec_index *spec_index_free(struct spec_index *index);

int spec_manifest_parse(const char *text, size_t length, struct spec_manifest **ret_manifest,
                        struct st_err *err);
int spec_manifest_write(const struct spec_manifest *manifest, unsigned indent, struct st_buf *to);
struct spec_manifest *spec_manifest_free(struct spec_manifest *manifest);

/* Also checks that there are not more layers in the history than in rootfs. */
int spec_image_config_parse(const char *text, size_t length, struct spec_image_config **ret_config,
                            struct st_err *err);
int spec_image_config_write(const struct spec_image_config *config, unsigned indent,
                            struct st_buf *to);
struct spec_image_config *spec_image_config_free(struct spec_image_config *config);

/* The run part alone (docker's Config). NULL is written as an empty object. */
int spec_image_run_write(const struct spec_image_run *run, unsigned indent, struct st_buf *to);

int spec_archive_parse(const char *text, size_t length, struct spec_archive **ret_archive,
                       struct st_err *err);
int spec_archive_write(const struct spec_archive *archive, unsigned indent, struct st_buf *to);
struct spec_archive *spec_archive_free(struct spec_archive *archive);

/* What a media type means, whichever of the two families it is of. NULL: unknown. */
enum spec_media spec_media_of(const char *media_type);

/* "sha256:" and 64 lower-case hexadecimal digits? No other algorithm is taken. */
bool spec_digest_is_valid(const char *digest);

/* The value of an annotation or label, NULL if there is none. */
const char *spec_pair_find(const struct json_pair *pairs, size_t count, const char *key);
