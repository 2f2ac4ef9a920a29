/*
 * Masked and read-only paths (config-linux.md).
 *
 * A masked file is covered by the host's /dev/null, a masked folder by an empty read-only tmpfs of
 * which there is one for all. The null device comes from the host and is checked on the open
 * descriptor, never from the container's own /dev, in which another container that shares a volume
 * could put a link. A read-only path is bound on itself, by one descriptor for source and target.
 */
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "container/ctr_mount_path.h"
#include "container/ctr_rootfs_priv.h"
#include "os/os_file.h"
#include "os/os_mount.h"
#include "spec/spec_runtime.h"

struct covers {
    int null;  /* O_PATH of the host's /dev/null, verified */
    int empty; /* a read-only tmpfs */
    bool used; /* it is attached, at the first masked folder: kernels before 6.15 cannot clone a
                  detached mount */
};

static int open_null(struct covers *covers)
{
    if (covers->null >= 0) {
        return 0;
    }
    st_auto(fd) int null = os_open("/dev/null", O_PATH | O_NOFOLLOW, 0);
    if (null < 0) {
        return null;
    }
    struct stat found;
    int r = os_fstat(null, &found);
    if (r < 0) {
        return r;
    }
    if (!S_ISCHR(found.st_mode) || found.st_rdev != makedev(1, 3)) {
        return -ST_ENODEV;
    }
    covers->null = os_take_fd(null);
    return 0;
}

static int open_empty(struct covers *covers)
{
    if (covers->empty >= 0) {
        return 0;
    }
    st_auto(fd) int fs = os_fsopen("tmpfs", 0);
    if (fs < 0) {
        return fs;
    }
    int r = os_fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0);
    if (r >= 0) {
        r = os_fsconfig(fs, FSCONFIG_SET_STRING, "nr_blocks", "1", 0);
    }
    if (r >= 0) {
        r = os_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
    }
    if (r >= 0) {
        r = os_fsmount(
            fs, 0, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    }
    if (r >= 0) {
        covers->empty = r;
    }
    return r < 0 ? r : 0;
}

static int mask_path(int root_fd, const char *path, struct covers *covers)
{
    st_auto(fd) int target = ctr_mount_path_open(root_fd, path, 0);
    if (target == -ST_ENOENT || target == -ST_ENOTDIR) {
        return 0;
    }
    struct stat found;
    int r = target < 0 ? target : os_fstat(target, &found);
    if (r < 0) {
        return r;
    }
    bool folder = S_ISDIR(found.st_mode);
    r = folder ? open_empty(covers) : open_null(covers);
    if (r < 0) {
        return r;
    }
    if (folder && !covers->used) {
        covers->used = true;
        return ctr_mount_attach(covers->empty, target);
    }
    st_auto(fd) int cover = ctr_mount_clone(folder ? covers->empty : covers->null, false);
    return cover < 0 ? cover : ctr_mount_attach(cover, target);
}

static int protect_path(int root_fd, const char *path)
{
    st_auto(fd) int target = ctr_mount_path_open(root_fd, path, 0);
    if (target == -ST_ENOENT || target == -ST_ENOTDIR) {
        return 0;
    }
    if (target < 0) {
        return target;
    }
    st_auto(fd) int tree = ctr_mount_clone(target, true);
    if (tree < 0) {
        return tree;
    }
    struct mount_attr readonly = {.attr_set = MOUNT_ATTR_RDONLY};
    int r = os_mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &readonly);
    return r < 0 ? r : ctr_mount_attach(tree, target);
}

int ctr_rootfs_mask(struct ctr_rootfs *rootfs, struct st_err *err)
{
    const struct spec_linux *linux_ = rootfs->config->linux_;
    struct covers covers = {-1, -1, false};
    int r = 0;
    if (linux_ == NULL) {
        return 0;
    }
    for (size_t i = 0; r >= 0 && i < linux_->readonly_paths_count; i++) {
        r = protect_path(rootfs->root_fd, linux_->readonly_paths[i]);
        if (r < 0) {
            r = st_fail_os(err, r, "read-only path %s", linux_->readonly_paths[i]);
        }
    }
    for (size_t i = 0; r >= 0 && i < linux_->masked_paths_count; i++) {
        r = mask_path(rootfs->root_fd, linux_->masked_paths[i], &covers);
        if (r < 0) {
            r = st_fail_os(err, r, "masked path %s", linux_->masked_paths[i]);
        }
    }
    os_close(&covers.null);
    os_close(&covers.empty);
    return r;
}
