/* Finding images, and who uses them: a use is a symbolic link `uses/INSTANCE` to the image's ID, so
 * that it is made and read in one call each. */
#include "image/image_store_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/heap.h"
#include "base/str.h"
#include "os/os_dir.h"
#include "os/os_file.h"
#include "store/store_digest.h"

struct image *image_free(struct image *image)
{
    if (image != NULL) {
        for (size_t i = 0; i < image->layer_count; i++) {
            free(image->layers[i].path);
        }
        free(image->layers);
        free(image->layers_dir);
        free(image->name);
        spec_image_config_free((struct spec_image_config *)(uintptr_t)image->config);
        free(image);
    }
    return NULL;
}

static bool has_layer(const struct image *image, const char *diff_id)
{
    for (size_t i = 0; i < image->layer_count; i++) {
        if (st_streq(image->layers[i].diff_id, diff_id)) {
            return true;
        }
    }
    return false;
}

/* Top to bottom. A layer that comes twice (empty ones do) counts where it is topmost: below that,
 * nothing of it could be seen, and overlayfs does not take a folder twice. */
static int add_layers(struct image_store *store, struct image *image)
{
    const struct spec_image_rootfs *rootfs = &image->config->rootfs;
    st_auto(buf) struct st_buf path = ST_BUF_HEAP(4096);
    st_buf_printf(&path, "%s/layers", store->path);
    image->layers_dir = st_buf_steal(&path);
    image->layers = calloc(rootfs->diff_ids_count + 1, sizeof(*image->layers));
    if (image->layers_dir == NULL || image->layers == NULL) {
        return -ST_ENOMEM;
    }
    for (size_t i = rootfs->diff_ids_count; i-- > 0;) {
        const char *diff_id = rootfs->diff_ids[i];
        if (has_layer(image, diff_id)) {
            continue;
        }
        st_buf_reset(&path);
        st_buf_printf(&path, "%s/%s/root", image->layers_dir, store_digest_hex(diff_id));
        struct image_layer *layer = &image->layers[image->layer_count];
        layer->path = st_buf_steal(&path);
        if (layer->path == NULL) {
            return -ST_ENOMEM;
        }
        layer->kind = IMAGE_LAYER_FOLDER;
        st_strcopy(layer->diff_id, sizeof(layer->diff_id), diff_id);
        image->layer_count++;
    }
    return 0;
}

static int make_image(struct image_store *store, const struct image_name *name, bool by_id,
                      struct image **ret_image, struct st_err *err)
{
    struct spec_image_config *config = NULL;
    struct image *image = calloc(1, sizeof(*image));
    if (image == NULL) {
        return st_fail_os(err, -ST_ENOMEM, "reading an image");
    }
    int r = image_read_config(store, name->id, &config, err);
    if (r < 0) {
        image_free(image);
        return st_wrap(err, r, "image %s", name->id);
    }
    image->config = config;
    st_strcopy(image->id, sizeof(image->id), name->id);
    st_strcopy(image->manifest, sizeof(image->manifest), name->manifest);
    if (!by_id && name->full != NULL) {
        image->name = image_name_short(name->full);
        r = image->name == NULL ? -ST_ENOMEM : 0;
    }
    if (r == 0) {
        r = add_layers(store, image);
    }
    if (r < 0) {
        image_free(image);
        return st_fail_os(err, r, "reading image %s", name->id);
    }
    *ret_image = image;
    return 0;
}

static int find(struct image_store *store, const char *reference, const char *instance_id,
                struct image **ret_image, struct st_err *err)
{
    st_auto(image_index) struct image_index index = {0};
    st_auto(image_lock) struct image_lock lock = {.fd = -1};
    size_t at;
    bool by_id;
    int r = image_lock_take(store, LOCK_SH, &lock, err);
    if (r < 0 || (r = image_index_read(store, &index, err)) < 0 ||
        (r = image_index_find(&index, reference, &at, &by_id, err)) < 0) {
        return r;
    }
    if (instance_id != NULL) {
        r = os_symlinkat(index.names[at].id, store->uses_fd, instance_id);
        if (r < 0) {
            return st_fail_os(err, r, "recording that %s uses image %s", instance_id, reference);
        }
    }
    r = make_image(store, &index.names[at], by_id, ret_image, err);
    if (r < 0 && instance_id != NULL) {
        (void)os_unlinkat(store->uses_fd, instance_id, 0);
    }
    return r;
}

int image_find(struct image_store *store, const char *reference, struct image **ret_image,
               struct st_err *err)
{
    return find(store, reference, NULL, ret_image, err);
}

int image_acquire(struct image_store *store, const char *reference, const char *instance_id,
                  struct image **ret_image, struct st_err *err)
{
    if (instance_id[0] == '\0' || instance_id[0] == '.' || strchr(instance_id, '/') != NULL) {
        return st_fail(err, ST_EINVAL, "\"%s\" is no instance's ID", instance_id);
    }
    return find(store, reference, instance_id, ret_image, err);
}

int image_release(struct image_store *store, const char *instance_id, struct st_err *err)
{
    int r = os_unlinkat(store->uses_fd, instance_id, 0);
    return r < 0 && r != -ST_ENOENT
               ? st_fail_os(err, r, "recording that %s uses no image", instance_id)
               : 0;
}

int image_each_use(struct image_store *store, image_use_fn *each, void *context, struct st_err *err)
{
    st_auto(os_dir) struct os_dir *dir = NULL;
    const char *name;
    char id[IMAGE_ID_SIZE];
    int r = os_dir_open(store->uses_fd, ".", &dir);
    while (r >= 0 && (r = os_dir_next(dir, &name, NULL)) > 0) {
        r = os_readlinkat(store->uses_fd, name, id, sizeof(id));
        if (r == -ST_ENOENT || r == -ST_EINVAL) { /* released meanwhile; no link */
            continue;
        }
        if (r >= 0 && store_digest_valid(id)) {
            r = each(context, name, id);
            if (r < 0) {
                return r;
            }
        }
    }
    return r < 0 ? st_fail_os(err, r, "reading who uses images") : 0;
}

struct first_use {
    const char *id;
    char *instance;
};

static int look_at_use(void *context, const char *instance_id, const char *image_id)
{
    struct first_use *first = context;
    if (first->instance == NULL && st_streq(first->id, image_id)) {
        first->instance = strdup(instance_id);
        return first->instance == NULL ? -ST_ENOMEM : 0;
    }
    return 0;
}

int image_first_use(struct image_store *store, const char *id, char **ret_instance,
                    struct st_err *err)
{
    struct first_use first = {.id = id};
    int r = image_each_use(store, look_at_use, &first, err);
    if (r < 0) {
        free(first.instance);
        return r;
    }
    *ret_instance = first.instance;
    return 0;
}
