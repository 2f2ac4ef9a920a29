/* What a load is going to do: see image_plan.h, and image_store.c for how it survives a kill. */
#include "image/image_plan.h"

#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/heap.h"
#include "base/print.h"
#include "base/str.h"
#include "image/image_record.h"
#include "os/os_file.h"
#include "store/store_blob.h"

int image_plan_begin(struct image_store *store, const struct image_limits *limits,
                     struct image_plan *ret_plan, struct st_err *err)
{
    *ret_plan = (struct image_plan){.store = store, .work = STORE_WORK_NONE};
    if (limits != NULL) {
        ret_plan->limits = *limits;
    }
    int r = image_limits_complete(&ret_plan->limits, store->fd, err);
    if (r < 0) {
        return r;
    }
    r = os_flock(store->keep_fd, LOCK_SH);
    if (r < 0) {
        return st_fail_os(err, r, "locking %s", store->path);
    }
    return store_work_begin(store->work_fd, &ret_plan->work, err);
}

void image_plan_done(struct image_plan *plan)
{
    for (size_t i = 0; i < plan->layer_count; i++) {
        free(plan->layers[i].label);
    }
    for (size_t i = 0; i < plan->image_count; i++) {
        struct image_planned *image = &plan->images[i];
        for (size_t j = 0; j < image->name_count; j++) {
            free(image->names[j]);
        }
        free(image->names);
        free(image->layers);
        st_buf_done(&image->config);
        st_buf_done(&image->manifest);
    }
    free(plan->layers);
    free(plan->images);
    store_work_end(&plan->work);
    (void)os_flock(plan->store->keep_fd, LOCK_UN);
}

static int out_of_memory(struct st_err *err)
{
    return st_fail_os(err, -ST_ENOMEM, "planning what to load");
}

int image_plan_image(struct image_plan *plan, struct image_planned **ret_image, struct st_err *err)
{
    void *grown = realloc(plan->images, (plan->image_count + 1) * sizeof(*plan->images));
    if (grown == NULL) {
        return out_of_memory(err);
    }
    plan->images = grown;
    struct image_planned *image = &plan->images[plan->image_count++];
    *image = (struct image_planned){
        .config = ST_BUF_HEAP(SPEC_IMAGE_MAX_BYTES),
        .manifest = ST_BUF_HEAP(SPEC_IMAGE_MAX_BYTES),
    };
    *ret_image = image;
    return 0;
}

int image_plan_name(struct image_planned *image, const char *full, struct st_err *err)
{
    void *grown = realloc(image->names, (image->name_count + 1) * sizeof(*image->names));
    if (grown == NULL) {
        return out_of_memory(err);
    }
    image->names = grown;
    image->names[image->name_count] = strdup(full);
    return image->names[image->name_count++] == NULL ? out_of_memory(err) : 0;
}

/* Is the layer there, with a blob of the digest that is wanted? */
static void look_into_store(struct image_store *store, struct image_planned_layer *layer)
{
    struct image_record record;
    struct stat st;
    /* An uncompressed blob's digest is its diff ID. */
    const char *digest = layer->digest[0] != '\0' ? layer->digest : layer->diff_id;
    if (layer->diff_id[0] == '\0' ||
        image_record_read(store->layers_fd, layer->diff_id, &record, NULL) < 0 ||
        os_fstatat(store->blobs_fd, store_digest_hex(digest), &st, AT_SYMLINK_NOFOLLOW) < 0) {
        return;
    }
    layer->present = true;
    layer->file_bytes = record.bytes;
    layer->blob_bytes = (uint64_t)st.st_size;
    st_strcopy(layer->digest, sizeof(layer->digest), digest);
}

static int find_planned(const struct image_plan *plan, const struct image_planned_layer *layer,
                        size_t *ret_at)
{
    for (size_t i = 0; i < plan->layer_count && layer->diff_id[0] != '\0'; i++) {
        const struct image_planned_layer *other = &plan->layers[i];
        if (st_streq(other->diff_id, layer->diff_id) && st_streq(other->digest, layer->digest)) {
            *ret_at = i;
            return 1;
        }
    }
    return 0;
}

int image_plan_layer(struct image_plan *plan, struct image_planned *image,
                     const struct image_planned_layer *layer, struct st_err *err)
{
    size_t at = plan->layer_count;
    void *grown = realloc(image->layers, (image->layer_count + 1) * sizeof(*image->layers));
    if (grown == NULL) {
        return out_of_memory(err);
    }
    image->layers = grown;
    if (find_planned(plan, layer, &at) == 0) {
        grown = realloc(plan->layers, (plan->layer_count + 1) * sizeof(*plan->layers));
        char *label = strdup(layer->label);
        if (grown != NULL) {
            plan->layers = grown;
        }
        if (grown == NULL || label == NULL) {
            free(label);
            return out_of_memory(err);
        }
        struct image_planned_layer *added = &plan->layers[plan->layer_count++];
        *added = *layer;
        added->label = label;
        st_snprintf(added->name, sizeof(added->name), "layer-%zu", at);
        st_snprintf(added->blob_name, sizeof(added->blob_name), "blob-%zu", at);
        look_into_store(plan->store, added);
    }
    image->layers[image->layer_count++] = at;
    return 0;
}

int image_plan_make(struct image_plan *plan, struct st_err *err)
{
    for (size_t i = 0; i < plan->layer_count; i++) {
        struct image_planned_layer *layer = &plan->layers[i];
        if (layer->present) {
            continue;
        }
        struct image_layer_job job = {
            .read = layer->read == NULL ? image_range_read : layer->read,
            .read_context = layer->read == NULL ? (void *)&layer->range : layer->read_context,
            .wanted_digest = layer->digest[0] == '\0' ? NULL : layer->digest,
            .wanted_diff_id = layer->diff_id[0] == '\0' ? NULL : layer->diff_id,
            .label = layer->label,
            .work_fd = plan->work.fd,
            .limits = plan->limits,
        };
        st_strcopy(job.name, sizeof(job.name), layer->name);
        st_strcopy(job.blob_name, sizeof(job.blob_name), layer->blob_name);
        int r = image_layer_make(&job, err);
        if (r < 0) {
            return r;
        }
        st_strcopy(layer->digest, sizeof(layer->digest), job.digest);
        st_strcopy(layer->diff_id, sizeof(layer->diff_id), job.diff_id);
        layer->compression = job.compression;
        layer->blob_bytes = job.blob_bytes;
        layer->file_bytes = job.file_bytes;
    }
    return 0;
}

/* ---- Putting it in place ------------------------------------------------------------------- */

static const char *media_type_of(enum image_compression compression)
{
    switch (compression) {
    case IMAGE_PLAIN:
        break;
    case IMAGE_GZIP:
        return SPEC_OCI_LAYER_GZIP;
    case IMAGE_ZSTD:
        return SPEC_OCI_LAYER_ZSTD;
    }
    return SPEC_OCI_LAYER;
}

/* A manifest for an image that came without one. */
static int write_manifest(const struct image_plan *plan, struct image_planned *image)
{
    st_auto(free) struct spec_descriptor *layers = calloc(image->layer_count + 1, sizeof(*layers));
    if (layers == NULL) {
        return -ST_ENOMEM;
    }
    for (size_t i = 0; i < image->layer_count; i++) {
        const struct image_planned_layer *layer = &plan->layers[image->layers[i]];
        layers[i] = (struct spec_descriptor){
            .media_type = media_type_of(layer->compression),
            .digest = layer->digest,
            .size = (int64_t)layer->blob_bytes,
        };
    }
    const struct spec_manifest manifest = {
        .schema_version = 2,
        .media_type = SPEC_OCI_MANIFEST,
        .config = {.media_type = SPEC_OCI_CONFIG,
                   .digest = image->id,
                   .size = (int64_t)image->config.length},
        .layers = layers,
        .layers_count = image->layer_count,
    };
    return spec_manifest_write(&manifest, 0, &image->manifest);
}

static int place_layer(const struct image_plan *plan, const struct image_planned_layer *layer,
                       struct st_err *err)
{
    struct image_store *store = plan->store;
    int r = store_blob_keep(store->blobs_fd, layer->digest, plan->work.fd, layer->blob_name, err);
    if (r < 0) {
        return r;
    }
    r = os_renameat2(plan->work.fd, layer->name, store->layers_fd, store_digest_hex(layer->diff_id),
                     0);
    /* Another command may have loaded the same layer meanwhile. */
    return r < 0 && r != -ST_ENOTEMPTY && r != -ST_EEXIST
               ? st_fail_os(err, r, "keeping layer %s", layer->diff_id)
               : 0;
}

static int place_image(struct image_plan *plan, struct image_planned *image, struct st_err *err)
{
    struct image_store *store = plan->store;
    int r = store_blob_put(store->blobs_fd, plan->work.fd, image->config.data, image->config.length,
                           image->id, err);
    if (r == 0 && image->manifest.length == 0) {
        r = write_manifest(plan, image);
        r = r < 0 ? st_fail_os(err, r, "writing a manifest") : 0;
    }
    if (r == 0) {
        r = store_blob_put(store->blobs_fd, plan->work.fd, image->manifest.data,
                           image->manifest.length, image->manifest_digest, err);
    }
    return r;
}

static int add_to_index(const struct image_plan *plan, const struct image_planned *image,
                        struct image_index *index)
{
    struct image_name name = {
        .manifest = image->manifest_digest,
        .id = image->id,
        .manifest_size = (int64_t)image->manifest.length,
        .created_s = image->created_s,
    };
    for (size_t i = 0; i < image->layer_count; i++) {
        name.bytes += plan->layers[image->layers[i]].file_bytes;
    }
    int r = image->name_count == 0 ? image_index_add(index, &name) : 0;
    for (size_t i = 0; r == 0 && i < image->name_count; i++) {
        name.full = image->names[i];
        r = image_index_add(index, &name);
    }
    return r;
}

static int place_all(struct image_plan *plan, struct st_err *err)
{
    st_auto(image_index) struct image_index index = {0};
    struct image_store *store = plan->store;
    int r = image_index_read(store, &index, err);
    for (size_t i = 0; r == 0 && i < plan->layer_count; i++) {
        r = plan->layers[i].present ? 0 : place_layer(plan, &plan->layers[i], err);
    }
    for (size_t i = 0; r == 0 && i < plan->image_count; i++) {
        r = place_image(plan, &plan->images[i], err);
    }
    if (r < 0) {
        return r;
    }
    r = os_syncfs(store->fd); /* everything that index.json is about to name */
    for (size_t i = 0; r == 0 && i < plan->image_count; i++) {
        r = add_to_index(plan, &plan->images[i], &index);
    }
    return r < 0 ? st_fail_os(err, r, "keeping the image") : image_index_write(store, &index, err);
}

static void report_image(const struct image_planned *image, image_report_fn *report, void *context)
{
    char line[1200];
    for (size_t i = 0; i < image->name_count; i++) {
        st_auto(free) char *brief = image_name_short(image->names[i]);
        st_snprintf(line, sizeof(line), "Loaded image: %s",
                    brief == NULL ? image->names[i] : brief);
        report(context, line);
    }
    if (image->name_count == 0) {
        st_snprintf(line, sizeof(line), "Loaded image ID: %s", image->id);
        report(context, line);
    }
}

int image_plan_commit(struct image_plan *plan, image_report_fn *report, void *context,
                      struct st_err *err)
{
    struct image_lock lock = {.fd = -1};
    bool done;
    uint64_t freed = 0;
    /* Most of what must reach the disk does so before others have to wait. */
    int r = os_syncfs(plan->store->fd);
    if (r < 0) {
        return st_fail_os(err, r, "keeping the image");
    }
    r = image_lock_take(plan->store, LOCK_EX, &lock, err);
    if (r < 0) {
        return r;
    }
    r = store_work_mark(&plan->work, err);
    if (r == 0) {
        r = place_all(plan, err);
    }
    if (r < 0) { /* take back what was put in place, now or, if others are at work, later */
        (void)os_flock(plan->store->keep_fd, LOCK_UN);
        if (image_collect(plan->store, &plan->work, &done, &freed, NULL) < 0 || !done) {
            os_close(&plan->work.fd);
        }
    }
    image_lock_drop(&lock);
    for (size_t i = 0; r == 0 && report != NULL && i < plan->image_count; i++) {
        report_image(&plan->images[i], report, context);
    }
    return r;
}
