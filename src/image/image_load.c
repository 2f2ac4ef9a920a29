/*
 * Loading images: docker-archive (manifest.json, as `docker save` writes it) and OCI layouts
 * (image-spec, image-layout.md), both as archives or folders. Whatever names a digest is checked
 * against it: index, manifest, config, layer; and a layer against its diff ID in the config.
 */
#include "image/image.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/print.h"
#include "base/str.h"
#include "image/image_plan.h"
#include "image/image_source.h"
#include "store/store_digest.h"

enum { MAX_DEPTH = 4 }; /* of indexes in indexes */

struct load {
    struct image_plan *plan;
    struct image_source *source;
};

static int read_checked(struct load *load, const char *digest, int64_t size, struct st_buf *to,
                        struct st_err *err)
{
    char path[STORE_DIGEST_SIZE + 16];
    char found[STORE_DIGEST_SIZE];
    st_snprintf(path, sizeof(path), "blobs/sha256/%s", store_digest_hex(digest));
    int r = image_source_read(load->source, path, to, err);
    if (r < 0) {
        return r;
    }
    if (size >= 0 && to->length != (uint64_t)size) {
        return st_fail(err, ST_ECORRUPT, "%s has %zu bytes, but should have %lld", path, to->length,
                       (long long)size);
    }
    r = store_digest_of(to->data, to->length, found);
    if (r < 0) {
        return st_fail_os(err, r, "digesting %s", path);
    }
    if (!st_streq(found, digest)) {
        return st_fail(err, ST_ECORRUPT, "%s is damaged: its digest is %s", path, found);
    }
    return 0;
}

static int check_config(const struct spec_image_config *config, size_t layers, struct st_err *err)
{
    if (config->rootfs.diff_ids_count != layers) {
        return st_fail(err, ST_ECORRUPT, "the image has %zu layers, but its config speaks of %zu",
                       layers, config->rootfs.diff_ids_count);
    }
    if (config->os != NULL && config->os[0] != '\0' && !st_streq(config->os, "linux")) {
        return st_fail(err, ST_EUNSUPPORTED, "the image is for %s, not for linux", config->os);
    }
    return 0;
}

/* ---- OCI layouts ---------------------------------------------------------------------------- */

static int add_oci_layers(struct load *load, struct image_planned *image,
                          const struct spec_manifest *manifest,
                          const struct spec_image_config *config, struct st_err *err)
{
    for (size_t i = 0; i < manifest->layers_count; i++) {
        const struct spec_descriptor *d = &manifest->layers[i];
        char path[STORE_DIGEST_SIZE + 16];
        char label[STORE_DIGEST_SIZE + 16];
        struct image_planned_layer layer = {0};
        st_snprintf(path, sizeof(path), "blobs/sha256/%s", store_digest_hex(d->digest));
        st_snprintf(label, sizeof(label), "layer %s", d->digest);
        int r = image_source_find(load->source, path, &layer.range, err);
        if (r < 0) {
            return r;
        }
        if (layer.range.left != (uint64_t)d->size) {
            return st_fail(err, ST_ECORRUPT, "%s has %llu bytes, but should have %lld", label,
                           (unsigned long long)layer.range.left, (long long)d->size);
        }
        layer.label = label;
        st_strcopy(layer.digest, sizeof(layer.digest), d->digest);
        st_strcopy(layer.diff_id, sizeof(layer.diff_id), config->rootfs.diff_ids[i]);
        r = image_plan_layer(load->plan, image, &layer, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* The name of an image in a layout: a full one, or a tag of the layout's own name. */
static int name_oci_image(struct load *load, struct image_planned *image,
                          const struct spec_descriptor *d, struct st_err *err)
{
    st_auto(free) char *full = NULL;
    st_auto(buf) struct st_buf tagged = ST_BUF_HEAP(1024);
    const char *name =
        spec_pair_find(d->annotations, d->annotations_count, "io.containerd.image.name");
    const char *base = image_source_base(load->source);
    if (name == NULL) {
        name = spec_pair_find(d->annotations, d->annotations_count,
                              "org.opencontainers.image.ref.name");
        if (name != NULL && strpbrk(name, "/:") == NULL && base != NULL) {
            for (const char *c = base; *c != '\0'; c++) {
                st_buf_char(&tagged, (char)tolower((unsigned char)*c));
            }
            st_buf_printf(&tagged, ":%s", name);
            name = st_buf_string(&tagged);
        }
    }
    /* What is no name leaves the image without one: it was told apart by nothing else. */
    if (name == NULL || image_name_full(name, &full, NULL) < 0) {
        return 0;
    }
    return image_plan_name(image, full, err);
}

static int load_manifest(struct load *load, const struct spec_descriptor *d,
                         const struct spec_descriptor *named, struct st_err *err)
{
    struct image_planned *image;
    struct spec_manifest *manifest = NULL;
    struct spec_image_config *config = NULL;
    int r = image_plan_image(load->plan, &image, err);
    if (r == 0) {
        r = read_checked(load, d->digest, d->size, &image->manifest, err);
    }
    if (r == 0) {
        r = spec_manifest_parse(st_buf_string(&image->manifest), image->manifest.length, &manifest,
                                err);
    }
    if (r == 0 && spec_media_of(manifest->config.media_type) != SPEC_MEDIA_CONFIG) {
        r = st_fail(err, ST_EUNSUPPORTED, "manifest %s is no image's: its config is of type \"%s\"",
                    d->digest,
                    manifest->config.media_type == NULL ? "" : manifest->config.media_type);
    }
    if (r == 0) {
        r = read_checked(load, manifest->config.digest, manifest->config.size, &image->config, err);
    }
    if (r == 0) {
        r = spec_image_config_parse(st_buf_string(&image->config), image->config.length, &config,
                                    err);
    }
    if (r == 0) {
        r = check_config(config, manifest->layers_count, err);
    }
    if (r == 0) {
        image->created_s = image_time_parse(config->created);
        r = add_oci_layers(load, image, manifest, config, err);
    }
    if (r == 0) {
        r = name_oci_image(load, image, named, err);
    }
    spec_manifest_free(manifest);
    spec_image_config_free(config);
    return r;
}

static bool is_for_host(const struct spec_descriptor *d)
{
    const struct spec_platform *p = d->platform;
    return p == NULL || (st_streq(p->os, "linux") && st_streq(p->architecture, IMAGE_ARCHITECTURE));
}

static int load_descriptor(struct load *load, const struct spec_descriptor *d,
                           const struct spec_descriptor *named, unsigned depth, struct st_err *err);

/* An index inside: the image for this machine is in it. */
static int load_index(struct load *load, const struct spec_descriptor *d,
                      const struct spec_descriptor *named, unsigned depth, struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(SPEC_IMAGE_MAX_BYTES);
    struct spec_index *index = NULL;
    if (depth == MAX_DEPTH) {
        return st_fail(err, ST_ELIMIT, "more than %d indexes stand one in the other", MAX_DEPTH);
    }
    int r = read_checked(load, d->digest, d->size, &text, err);
    if (r == 0) {
        r = spec_index_parse(st_buf_string(&text), text.length, &index, err);
    }
    if (r < 0) {
        return r;
    }
    r = -ST_ENOTFOUND;
    for (size_t i = 0; i < index->manifests_count && r == -ST_ENOTFOUND; i++) {
        if (is_for_host(&index->manifests[i])) {
            r = load_descriptor(load, &index->manifests[i], named, depth + 1, err);
            break;
        }
    }
    if (r == -ST_ENOTFOUND) {
        r = st_fail(err, ST_ENOTFOUND, "index %s has no image for linux/%s", d->digest,
                    IMAGE_ARCHITECTURE);
    }
    spec_index_free(index);
    return r;
}

static int load_descriptor(struct load *load, const struct spec_descriptor *d,
                           const struct spec_descriptor *named, unsigned depth, struct st_err *err)
{
    switch (spec_media_of(d->media_type)) {
    case SPEC_MEDIA_INDEX:
        return load_index(load, d, named, depth, err);
    case SPEC_MEDIA_MANIFEST:
        return load_manifest(load, d, named, err);
    case SPEC_MEDIA_UNKNOWN:
    case SPEC_MEDIA_CONFIG:
    case SPEC_MEDIA_LAYER:
    case SPEC_MEDIA_LAYER_GZIP:
    case SPEC_MEDIA_LAYER_ZSTD:
        break;
    }
    return st_fail(err, ST_EUNSUPPORTED, "%s is no image: it is of type \"%s\"", d->digest,
                   d->media_type == NULL ? "" : d->media_type);
}

static int load_layout(struct load *load, struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(SPEC_IMAGE_MAX_BYTES);
    struct spec_index *index = NULL;
    int r = image_source_read(load->source, "index.json", &text, err);
    if (r < 0) {
        return r;
    }
    r = spec_index_parse(st_buf_string(&text), text.length, &index, err);
    if (r < 0) {
        return st_wrap(err, r, "index.json");
    }
    if (index->manifests_count == 0) {
        r = st_fail(err, ST_ENOTFOUND, "index.json names no image");
    }
    for (size_t i = 0; r == 0 && i < index->manifests_count; i++) {
        r = load_descriptor(load, &index->manifests[i], &index->manifests[i], 0, err);
    }
    spec_index_free(index);
    return r;
}

/* ---- docker-archive ------------------------------------------------------------------------- */

/* The digest that a member's name claims: "blobs/sha256/HEX", "HEX.json", "HEX.tar"; "" if none. */
static void claimed_digest(const char *name, char ret_digest[STORE_DIGEST_SIZE])
{
    const char *slash = strrchr(name, '/');
    const char *base = slash == NULL ? name : slash + 1;
    st_snprintf(ret_digest, STORE_DIGEST_SIZE, "sha256:%.64s", base);
    bool ends = strlen(base) == 64 || (strlen(base) > 64 && base[64] == '.');
    if (!ends || !store_digest_valid(ret_digest)) {
        ret_digest[0] = '\0';
    }
}

static int read_archive_config(struct load *load, const struct spec_archive_image *from,
                               struct image_planned *image, struct spec_image_config **ret_config,
                               struct st_err *err)
{
    char claimed[STORE_DIGEST_SIZE];
    char found[STORE_DIGEST_SIZE];
    int r = image_source_read(load->source, from->config, &image->config, err);
    if (r < 0) {
        return r;
    }
    claimed_digest(from->config, claimed);
    r = store_digest_of(image->config.data, image->config.length, found);
    if (r < 0) {
        return st_fail_os(err, r, "digesting %s", from->config);
    }
    if (claimed[0] != '\0' && !st_streq(claimed, found)) {
        return st_fail(err, ST_ECORRUPT, "%s is damaged: its digest is %s", from->config, found);
    }
    r = spec_image_config_parse(st_buf_string(&image->config), image->config.length, ret_config,
                                err);
    return r < 0 ? st_wrap(err, r, "%s", from->config) : 0;
}

static int add_archive_layers(struct load *load, const struct spec_archive_image *from,
                              struct image_planned *image, const struct spec_image_config *config,
                              struct st_err *err)
{
    for (size_t i = 0; i < from->layers_count; i++) {
        struct image_planned_layer layer = {.label = (char *)(uintptr_t)from->layers[i]};
        int r = image_source_find(load->source, from->layers[i], &layer.range, err);
        if (r < 0) {
            return r;
        }
        if (st_starts_with(from->layers[i], "blobs/sha256/")) {
            claimed_digest(from->layers[i], layer.digest);
        }
        st_strcopy(layer.diff_id, sizeof(layer.diff_id), config->rootfs.diff_ids[i]);
        r = image_plan_layer(load->plan, image, &layer, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int load_archive_image(struct load *load, const struct spec_archive_image *from,
                              struct st_err *err)
{
    struct image_planned *image;
    struct spec_image_config *config = NULL;
    int r = image_plan_image(load->plan, &image, err);
    if (r == 0) {
        r = read_archive_config(load, from, image, &config, err);
    }
    if (r == 0) {
        r = check_config(config, from->layers_count, err);
    }
    if (r == 0) {
        image->created_s = image_time_parse(config->created);
        r = add_archive_layers(load, from, image, config, err);
    }
    for (size_t i = 0; r == 0 && i < from->repo_tags_count; i++) {
        st_auto(free) char *full = NULL;
        r = image_name_full(from->repo_tags[i], &full, err);
        if (r == 0) {
            r = image_plan_name(image, full, err);
        }
    }
    spec_image_config_free(config);
    return r;
}

static int load_archive(struct load *load, struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(SPEC_IMAGE_MAX_BYTES);
    struct spec_archive *archive = NULL;
    int r = image_source_read(load->source, "manifest.json", &text, err);
    if (r < 0) {
        return r;
    }
    r = spec_archive_parse(st_buf_string(&text), text.length, &archive, err);
    if (r < 0) {
        return st_wrap(err, r, "manifest.json");
    }
    if (archive->images_count == 0) {
        r = st_fail(err, ST_ENOTFOUND, "manifest.json names no image");
    }
    for (size_t i = 0; r == 0 && i < archive->images_count; i++) {
        r = load_archive_image(load, &archive->images[i], err);
    }
    spec_archive_free(archive);
    return r;
}

static int load_source(struct load *load, struct st_err *err)
{
    /* docker's archives are OCI layouts as well, but what they mean stands in manifest.json. */
    if (image_source_has(load->source, "manifest.json")) {
        return load_archive(load, err);
    }
    if (image_source_has(load->source, "index.json") &&
        image_source_has(load->source, "oci-layout")) {
        return load_layout(load, err);
    }
    return st_fail(err, ST_EINVAL,
                   "this is no image: there is neither a manifest.json (docker-archive) nor an "
                   "index.json with an oci-layout (OCI)");
}

int image_load(struct image_store *store, const char *path, int fd,
               const struct image_limits *limits, image_report_fn *report, void *context,
               struct st_err *err)
{
    struct image_plan plan;
    struct load load = {.plan = &plan};
    int r = image_plan_begin(store, limits, &plan, err);
    if (r == 0) {
        r = image_source_open(path, fd, plan.work.fd, &plan.limits, &load.source, err);
    }
    if (r == 0) {
        r = load_source(&load, err);
    }
    if (r == 0) {
        r = image_plan_make(&plan, err);
    }
    if (r == 0) {
        r = image_plan_commit(&plan, report, context, err);
    }
    image_source_free(load.source);
    image_plan_done(&plan);
    return r;
}
