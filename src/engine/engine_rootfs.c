/*
 * The files of an instance: which layers its root is made of, and what is copied out of it into a
 * new volume. The mount itself is the monitor's (monitor/mon_mount.h).
 */
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>

#include "base/print.h"
#include "base/str.h"
#include "engine/engine_copy.h"
#include "engine/engine_isolation.h"
#include "os/os_dir.h"

static int entry(struct st_buf *to, const char *key, const char *value)
{
    st_buf_printf(to, "%s=%s", key, value);
    return st_buf_char(to, 0);
}

/* lowerdir's text: the layers from top to bottom, relative to the folder that they are all in. */
static int write_layers(const struct image *image, struct st_buf *to)
{
    st_auto(buf) struct st_buf lower = ST_BUF_HEAP(65536);

    for (size_t i = 0; i < image->layer_count; i++) {
        const char *path = image->layers[i].path;
        const char *rest = st_after_prefix(path, image->layers_dir);

        while (rest != NULL && *rest == '/') {
            rest++;
        }
        st_buf_printf(&lower, "%s%s", i > 0 ? ":" : "", rest != NULL ? rest : path);
    }
    int r = st_buf_status(&lower);
    if (r < 0) {
        return r;
    }
    entry(to, "layers", image->layers_dir);
    return entry(to, "lower", st_buf_string(&lower));
}

static int image_layers(struct engine_instance *instance, struct st_buf *to, struct st_err *err)
{
    struct image_store *store;
    int r = engine_images(instance->engine, &store, err);

    if (r >= 0 && instance->image == NULL) {
        r = image_find(store, instance->config->image_id, &instance->image, err);
    }
    return r < 0 ? r : write_layers(instance->image, to);
}

/* The one layer of an instance without an image, in its home. */
static int own_layer(const struct engine_instance *instance, struct st_buf *to, struct st_err *err)
{
    st_auto(free) char *home = engine_home_path(instance);
    st_auto(free) char *layers = home == NULL ? NULL : engine_path(home, "rootfs", NULL);
    st_auto(free) char *lower = layers == NULL ? NULL : engine_path(layers, "lower", NULL);

    if (lower == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    int r = os_make_dirs(AT_FDCWD, lower, 0755);
    r = r < 0 ? st_fail_os(err, r, "making the root of %s", instance->config->name)
              : engine_isolation_of(instance->config)->root(lower, err);
    if (r < 0) {
        return r;
    }
    entry(to, "layers", layers);
    return entry(to, "lower", "lower");
}

int engine_rootfs_entries(struct engine_instance *instance, struct st_buf *to, struct st_err *err)
{
    int r = instance->config->image_id == NULL ? own_layer(instance, to, err)
                                               : image_layers(instance, to, err);
    if (r < 0 || instance->in_run) {
        return r; /* An instance that goes with its end keeps its changes in memory. */
    }
    st_auto(free) char *home = engine_home_path(instance);
    st_auto(free) char *upper = home == NULL ? NULL : engine_path(home, "rootfs", "upper");
    st_auto(free) char *work = home == NULL ? NULL : engine_path(home, "rootfs", "work");
    if (upper == NULL || work == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    if (os_access(AT_FDCWD, work, F_OK, 0) < 0) {
        r = os_make_dirs(AT_FDCWD, upper, 0755);
        r = r < 0 ? r : os_make_dirs(AT_FDCWD, work, 0755);
        if (r < 0) {
            return st_fail_os(err, r, "making the writable layer of %s", instance->config->name);
        }
    }
    entry(to, "upper", upper);
    return entry(to, "work", work);
}

/* Is there anything in the folder? */
static bool is_empty(const char *path)
{
    st_auto(os_dir) struct os_dir *dir = NULL;
    const char *name;
    unsigned char type;

    return os_dir_open(AT_FDCWD, path, &dir) >= 0 && os_dir_next(dir, &name, &type) == 0;
}

int engine_rootfs_fill(int root, const char *target, const char *volume, struct st_err *err)
{
    if (!is_empty(volume)) {
        return 0;
    }
    st_auto(fd) int from = os_openat2(root, target, O_RDONLY | O_DIRECTORY, 0, RESOLVE_IN_ROOT);
    if (from < 0) { /* The image has no such folder: there is nothing to copy. */
        return from == -ST_ENOENT || from == -ST_ENOTDIR
                   ? 0
                   : st_fail_os(err, from, "reading %s of the image", target);
    }
    st_auto(fd) int to = os_open(volume, O_RDONLY | O_DIRECTORY, 0);
    int r = to < 0 ? to : engine_copy_tree(from, to);
    return r < 0 ? st_fail_os(err, r, "filling the volume for %s from the image", target) : 0;
}
