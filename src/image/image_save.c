/*
 * Saving images as one archive. docker-archive is written as docker has done since version 25: an
 * OCI layout with a manifest.json beside it, whose layers are plain tars, so that every version of
 * docker and podman loads it.
 */
#include "image/image.h"

#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/heap.h"
#include "base/print.h"
#include "base/str.h"
#include "format/fmt_tar_write.h"
#include "image/image_inflate.h"
#include "image/image_store_priv.h"
#include "os/os_file.h"
#include "store/store_blob.h"

enum { COPY_BUFFER = 1 << 20 };

struct saved { /* one image */
    struct image_name name;
    struct spec_manifest *manifest;
    struct spec_image_config *config;
    size_t tag_count;
    char **tags; /* short, the ones that were asked for */
};

struct save {
    struct image_store *store;
    enum image_archive format;
    int fd;
    struct image_index index;
    size_t count;
    struct saved *images;
    size_t written_count;
    char (*written)[IMAGE_ID_SIZE]; /* blobs that are in the archive */
};

static int write_all(struct save *save, const struct st_buf *text, struct st_err *err)
{
    int r = st_buf_status(text);
    if (r == 0) {
        r = os_write_all(save->fd, text->data, text->length);
    }
    return r < 0 ? st_fail_os(err, r, "writing the archive") : 0;
}

static int write_header(struct save *save, const char *path, uint64_t size, struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(4096);
    bool is_folder = st_ends_with(path, "/");
    const struct fmt_tar_entry entry = {
        .type = is_folder ? FMT_TAR_FOLDER : FMT_TAR_FILE,
        .path = path,
        .link = "",
        .mode = is_folder ? 0755 : 0644,
        .size = size,
    };
    fmt_tar_write_header(&text, &entry);
    return write_all(save, &text, err);
}

static int write_padding(struct save *save, uint64_t size, struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(FMT_TAR_BLOCK);
    fmt_tar_write_padding(&text, size);
    return text.length == 0 ? 0 : write_all(save, &text, err);
}

static int write_file(struct save *save, const char *path, const struct st_buf *text,
                      struct st_err *err)
{
    int r = write_header(save, path, text->length, err);
    if (r == 0) {
        r = write_all(save, text, err);
    }
    return r < 0 ? r : write_padding(save, text->length, err);
}

/* ---- Blobs ---------------------------------------------------------------------------------- */

/* True, once, for each digest. */
static int is_new(struct save *save, const char *digest)
{
    for (size_t i = 0; i < save->written_count; i++) {
        if (st_streq(save->written[i], digest)) {
            return 0;
        }
    }
    void *grown = realloc(save->written, (save->written_count + 1) * sizeof(*save->written));
    if (grown == NULL) {
        return -ST_ENOMEM;
    }
    save->written = grown;
    st_strcopy(save->written[save->written_count++], IMAGE_ID_SIZE, digest);
    return 1;
}

/* Decompresses a blob: to the archive, or (with to_fd < 0) only to learn its size. */
static int inflate_blob(int blob_fd, int to_fd, uint64_t *ret_size)
{
    st_auto(free) uint8_t *input = malloc(COPY_BUFFER);
    st_auto(free) uint8_t *output = malloc(COPY_BUFFER);
    struct image_inflate *inflate = NULL;
    uint64_t size = 0;
    uint64_t offset = 0;
    size_t at = 0;
    size_t have = 0;
    int r = input == NULL || output == NULL ? -ST_ENOMEM : 0;
    while (r == 0) {
        size_t used = 0;
        size_t made = 0;
        if (inflate != NULL) {
            r = image_inflate_feed(inflate, input + at, have - at, output, COPY_BUFFER, &used,
                                   &made);
            at += used;
            size += made;
        }
        if (r == 0 && made > 0 && to_fd >= 0) {
            r = os_write_all(to_fd, output, made);
        }
        if (r < 0 || used > 0 || made > 0) {
            continue;
        }
        ssize_t got = os_pread(blob_fd, input, COPY_BUFFER, (off_t)offset);
        if (got <= 0) {
            r = (int)got;
            break;
        }
        offset += (uint64_t)got;
        at = 0;
        have = (size_t)got;
        if (inflate == NULL) {
            r = image_inflate_new(image_compression_of(input, have), &inflate);
        }
    }
    image_inflate_free(inflate);
    *ret_size = size;
    return r;
}

/* In the kernel where it can: not to a file that is opened to append. */
static ssize_t copy_some(int to_fd, int from_fd, size_t size)
{
    ssize_t sent = os_sendfile(to_fd, from_fd, size);
    if (sent != -ST_EINVAL) {
        return sent;
    }
    st_auto(free) uint8_t *buffer = malloc(size);
    ssize_t got = buffer == NULL ? -ST_ENOMEM : os_read(from_fd, buffer, size);
    int r = got <= 0 ? 0 : os_write_all(to_fd, buffer, (size_t)got);
    return r < 0 ? r : got;
}

static int write_blob(struct save *save, const char *digest, struct st_err *err)
{
    char path[IMAGE_ID_SIZE + 16];
    st_auto(fd) int fd = -1;
    uint64_t size;
    int r = is_new(save, digest);
    if (r <= 0) {
        return r < 0 ? st_fail_os(err, r, "writing the archive") : 0;
    }
    r = store_blob_open(save->store->blobs_fd, digest, &fd, &size, err);
    if (r < 0) {
        return r;
    }
    st_snprintf(path, sizeof(path), "blobs/sha256/%s", store_digest_hex(digest));
    r = write_header(save, path, size, err);
    uint64_t left = size;
    while (r == 0 && left > 0) {
        ssize_t sent = copy_some(save->fd, fd, (size_t)ST_MIN(left, (uint64_t)COPY_BUFFER));
        if (sent <= 0) {
            return st_fail_os(err, sent < 0 ? (int)sent : -ST_ECORRUPT, "writing blob %s", digest);
        }
        left -= (uint64_t)sent;
    }
    return r < 0 ? r : write_padding(save, size, err);
}

/* A layer as a plain tar, named by its diff ID. */
static int write_plain_layer(struct save *save, const char *digest, const char *diff_id,
                             struct st_err *err)
{
    char path[IMAGE_ID_SIZE + 16];
    st_auto(fd) int fd = -1;
    uint64_t size;
    uint64_t written;
    if (st_streq(digest, diff_id)) {
        return write_blob(save, digest, err);
    }
    int r = is_new(save, diff_id);
    if (r <= 0) {
        return r < 0 ? st_fail_os(err, r, "writing the archive") : 0;
    }
    r = store_blob_open(save->store->blobs_fd, digest, &fd, &size, err);
    if (r < 0) {
        return r;
    }
    r = inflate_blob(fd, -1, &size);
    if (r < 0) {
        return st_fail_os(err, r, "reading blob %s", digest);
    }
    st_snprintf(path, sizeof(path), "blobs/sha256/%s", store_digest_hex(diff_id));
    r = write_header(save, path, size, err);
    if (r < 0) {
        return r;
    }
    r = inflate_blob(fd, save->fd, &written);
    if (r < 0 || written != size) {
        return st_fail_os(err, r < 0 ? r : -ST_ECORRUPT, "writing layer %s", diff_id);
    }
    return write_padding(save, size, err);
}

/* A text as a blob of its own. */
static int write_text_blob(struct save *save, const struct st_buf *text,
                           char ret_digest[IMAGE_ID_SIZE], struct st_err *err)
{
    char path[IMAGE_ID_SIZE + 16];
    int r = store_digest_of(text->data, text->length, ret_digest);
    if (r == 0) {
        r = is_new(save, ret_digest);
    }
    if (r < 0) {
        return st_fail_os(err, r, "writing the archive");
    }
    st_snprintf(path, sizeof(path), "blobs/sha256/%s", store_digest_hex(ret_digest));
    return r == 0 ? 0 : write_file(save, path, text, err);
}

/* ---- Images --------------------------------------------------------------------------------- */

/* Blobs of the image, as they are for OCI; for docker its layers plain, with a manifest to match.
 */
static int write_image(struct save *save, struct saved *image, struct spec_descriptor *ret_manifest,
                       char manifest_digest[IMAGE_ID_SIZE], struct st_err *err)
{
    const struct spec_manifest *manifest = image->manifest;
    const struct spec_image_config *config = image->config;
    st_auto(free) struct spec_descriptor *layers =
        calloc(manifest->layers_count + 1, sizeof(*layers));
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(SPEC_IMAGE_MAX_BYTES);
    *ret_manifest = (struct spec_descriptor){
        .media_type = SPEC_OCI_MANIFEST,
        .digest = image->name.manifest,
        .size = image->name.manifest_size,
    };
    if (layers == NULL || manifest->layers_count != config->rootfs.diff_ids_count) {
        return st_fail_os(err, layers == NULL ? -ST_ENOMEM : -ST_ECORRUPT, "saving image %s",
                          image->name.id);
    }
    int r = write_blob(save, image->name.id, err);
    for (size_t i = 0; r == 0 && i < manifest->layers_count; i++) {
        const char *digest = manifest->layers[i].digest;
        const char *diff_id = config->rootfs.diff_ids[i];
        uint64_t size = 0;
        st_auto(fd) int fd = -1;
        if (save->format == IMAGE_ARCHIVE_OCI) {
            r = write_blob(save, digest, err);
            continue;
        }
        r = write_plain_layer(save, digest, diff_id, err);
        if (r == 0) {
            r = store_blob_open(save->store->blobs_fd, digest, &fd, &size, err);
        }
        if (r == 0 && !st_streq(digest, diff_id)) {
            r = inflate_blob(fd, -1, &size);
        }
        layers[i] = (struct spec_descriptor){
            .media_type = SPEC_OCI_LAYER, .digest = diff_id, .size = (int64_t)size};
    }
    if (r < 0 || save->format == IMAGE_ARCHIVE_OCI) {
        return r < 0 ? r : write_blob(save, image->name.manifest, err);
    }
    const struct spec_manifest plain = {
        .schema_version = 2,
        .media_type = SPEC_OCI_MANIFEST,
        .config = manifest->config,
        .layers = layers,
        .layers_count = manifest->layers_count,
    };
    r = spec_manifest_write(&plain, 0, &text);
    if (r < 0) {
        return st_fail_os(err, r, "saving image %s", image->name.id);
    }
    ret_manifest->digest = manifest_digest;
    ret_manifest->size = (int64_t)text.length;
    return write_text_blob(save, &text, manifest_digest, err);
}

enum { PAIRS = 2 }; /* annotations of a descriptor */

static size_t descriptors_of(const struct save *save)
{
    size_t count = 0;
    for (size_t i = 0; i < save->count; i++) {
        count += ST_MAX(save->images[i].tag_count, (size_t)1);
    }
    return count;
}

/* index.json has one descriptor a name. */
static int write_index(struct save *save, const struct spec_descriptor *manifests,
                       struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(SPEC_IMAGE_MAX_BYTES);
    size_t total = descriptors_of(save);
    st_auto(free) struct spec_descriptor *all = calloc(total + 1, sizeof(*all));
    st_auto(free) struct json_pair *pairs = calloc(total * PAIRS + 1, sizeof(*pairs));
    size_t count = 0;
    int r = all == NULL || pairs == NULL ? -ST_ENOMEM : 0;
    char **fulls = calloc(total + 1, sizeof(*fulls));
    for (size_t i = 0; r == 0 && fulls != NULL && i < save->count; i++) {
        const struct saved *image = &save->images[i];
        all[count] = manifests[i];
        for (size_t j = 0; r == 0 && j < image->tag_count; j++) {
            r = image_name_full(image->tags[j], &fulls[count], err);
            if (r < 0) {
                break;
            }
            struct json_pair *pair = &pairs[count * PAIRS];
            pair[0].key = "io.containerd.image.name";
            pair[0].value = fulls[count];
            pair[1].key = "org.opencontainers.image.ref.name";
            pair[1].value =
                save->format == IMAGE_ARCHIVE_OCI ? fulls[count] : strrchr(fulls[count], ':') + 1;
            all[count] = manifests[i];
            all[count].annotations = pair;
            all[count].annotations_count = PAIRS;
            count += j + 1 < image->tag_count;
        }
        count++;
    }
    const struct spec_index index = {
        .schema_version = 2,
        .media_type = SPEC_OCI_INDEX,
        .manifests = all,
        .manifests_count = count,
    };
    if (r == 0) {
        r = fulls == NULL ? -ST_ENOMEM : spec_index_write(&index, 0, &text);
    }
    for (size_t i = 0; fulls != NULL && i < total; i++) {
        free(fulls[i]);
    }
    free(fulls);
    return r < 0 ? st_fail_os(err, r, "writing index.json")
                 : write_file(save, "index.json", &text, err);
}

static int write_docker_manifest(struct save *save, struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(SPEC_IMAGE_MAX_BYTES);
    struct json_writer w = {.to = &text};
    json_write_array(&w);
    for (size_t i = 0; i < save->count; i++) {
        const struct saved *image = &save->images[i];
        char path[IMAGE_ID_SIZE + 16];
        st_snprintf(path, sizeof(path), "blobs/sha256/%s", store_digest_hex(image->name.id));
        json_write_object(&w);
        json_write_key_string(&w, "Config", path);
        json_write_key(&w, "RepoTags");
        json_write_array(&w);
        for (size_t j = 0; j < image->tag_count; j++) {
            json_write_string(&w, image->tags[j]);
        }
        json_write_end(&w);
        json_write_key(&w, "Layers");
        json_write_array(&w);
        for (size_t j = 0; j < image->config->rootfs.diff_ids_count; j++) {
            st_snprintf(path, sizeof(path), "blobs/sha256/%s",
                        store_digest_hex(image->config->rootfs.diff_ids[j]));
            json_write_string(&w, path);
        }
        json_write_end(&w);
        json_write_end(&w);
    }
    json_write_end(&w);
    return write_file(save, "manifest.json", &text, err);
}

static int write_archive(struct save *save, struct st_err *err)
{
    st_auto(free) struct spec_descriptor *manifests = calloc(save->count + 1, sizeof(*manifests));
    st_auto(free) char(*digests)[IMAGE_ID_SIZE] = calloc(save->count + 1, sizeof(*digests));
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(4096);
    if (manifests == NULL || digests == NULL) {
        return st_fail_os(err, -ST_ENOMEM, "writing the archive");
    }
    int r = write_header(save, "blobs/", 0, err);
    if (r == 0) {
        r = write_header(save, "blobs/sha256/", 0, err);
    }
    for (size_t i = 0; r == 0 && i < save->count; i++) {
        r = write_image(save, &save->images[i], &manifests[i], digests[i], err);
    }
    if (r == 0) {
        r = write_index(save, manifests, err);
    }
    if (r == 0 && save->format == IMAGE_ARCHIVE_DOCKER) {
        r = write_docker_manifest(save, err);
    }
    if (r == 0) {
        st_buf_text(&text, "{\"imageLayoutVersion\":\"1.0.0\"}");
        r = write_file(save, "oci-layout", &text, err);
    }
    if (r < 0) {
        return r;
    }
    st_buf_reset(&text);
    fmt_tar_write_end(&text);
    return write_all(save, &text, err);
}

/* ---- What is to be saved ----------------------------------------------------------------------
 */

static int add_tag(struct saved *image, const char *full)
{
    void *grown = realloc(image->tags, (image->tag_count + 1) * sizeof(*image->tags));
    if (grown == NULL) {
        return -ST_ENOMEM;
    }
    image->tags = grown;
    char *brief = image_name_short(full);
    image->tags[image->tag_count] = brief;
    image->tag_count += brief != NULL;
    return brief == NULL ? -ST_ENOMEM : 0;
}

static int add_image(struct save *save, const char *reference, struct st_err *err)
{
    size_t at;
    bool by_id;
    size_t i = 0;
    int r = image_index_find(&save->index, reference, &at, &by_id, err);
    if (r < 0) {
        return r;
    }
    const struct image_name *name = &save->index.names[at];
    while (i < save->count && !st_streq(save->images[i].name.id, name->id)) {
        i++;
    }
    if (i == save->count) {
        save->images[save->count++].name = *name;
        r = image_read_manifest(save->store, name->manifest, &save->images[i].manifest, err);
        if (r == 0) {
            r = image_read_config(save->store, name->id, &save->images[i].config, err);
        }
    }
    if (r == 0 && !by_id) {
        r = add_tag(&save->images[i], name->full);
    }
    return r;
}

int image_save(struct image_store *store, const char *const *references, size_t count,
               enum image_archive format, int fd, struct st_err *err)
{
    struct save save = {.store = store, .format = format, .fd = fd};
    struct image_lock lock = {.fd = -1};
    int r = os_flock(store->keep_fd, LOCK_SH); /* so that nothing goes while it is written */
    if (r < 0) {
        return st_fail_os(err, r, "locking %s", store->path);
    }
    r = image_lock_take(store, LOCK_SH, &lock, err);
    if (r == 0) {
        r = image_index_read(store, &save.index, err);
        image_lock_drop(&lock);
    }
    save.images = calloc(count + 1, sizeof(*save.images));
    if (r == 0 && save.images == NULL) {
        r = st_fail_os(err, -ST_ENOMEM, "saving images");
    }
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = add_image(&save, references[i], err);
    }
    if (r == 0) {
        r = write_archive(&save, err);
    }
    for (size_t i = 0; save.images != NULL && i < save.count; i++) {
        for (size_t j = 0; j < save.images[i].tag_count; j++) {
            free(save.images[i].tags[j]);
        }
        free(save.images[i].tags);
        spec_manifest_free(save.images[i].manifest);
        spec_image_config_free(save.images[i].config);
    }
    free(save.images);
    free(save.written);
    image_index_done(&save.index);
    (void)os_flock(store->keep_fd, LOCK_UN);
    return r;
}
