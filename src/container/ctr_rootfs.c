/*
 * Building the container's root and going into it. See ctr_rootfs.h for the order of things.
 *
 * The root is a bind mount of root.path on itself, so that it can become the root of the mount
 * namespace; root_fd names it from then on and the path is not used again.
 */
#include "container/ctr_rootfs.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/print.h"
#include "base/str.h"
#include "container/ctr_mount_path.h"
#include "container/ctr_rootfs_priv.h"
#include "os/os_file.h"
#include "os/os_mount.h"
#include "os/os_process.h"
#include "spec/spec_runtime.h"

void ctr_rootfs_init(struct ctr_rootfs *rootfs)
{
    *rootfs = (struct ctr_rootfs){.root_fd = -1, .root_tree = -1};
}

static void close_all(int **fds, size_t count)
{
    for (size_t i = 0; *fds != NULL && i < count; i++) {
        os_close(&(*fds)[i]);
    }
    free(*fds);
    *fds = NULL;
}

void ctr_rootfs_done(struct ctr_rootfs *rootfs)
{
    size_t count = rootfs->config != NULL ? rootfs->config->mounts_count : 0;
    os_close(&rootfs->root_fd);
    os_close(&rootfs->root_tree);
    close_all(&rootfs->trees, count);
    close_all(&rootfs->late_readonly, count);
    free(rootfs->path);
    rootfs->path = NULL;
}

static int *new_fds(size_t count)
{
    int *fds = calloc(count + 1, sizeof(*fds));
    for (size_t i = 0; fds != NULL && i < count; i++) {
        fds[i] = -1;
    }
    return fds;
}

static int name_root(struct ctr_rootfs *rootfs, struct st_err *err)
{
    const struct spec_root *root = rootfs->config->root;
    st_auto(buf) struct st_buf path = ST_BUF_HEAP(PATH_MAX);
    if (rootfs->path != NULL) {
        return 0;
    }
    if (root == NULL || root->path == NULL || root->path[0] == '\0') {
        return st_fail(err, ST_EINVAL, "root: the config has no root.path");
    }
    if (root->path[0] != '/') {
        st_buf_text(&path, rootfs->bundle);
        st_buf_char(&path, '/');
    }
    st_buf_text(&path, root->path);
    int r = st_buf_status(&path);
    if (r < 0) {
        return st_fail_os(err, r, "root %s", root->path);
    }
    rootfs->path = st_buf_steal(&path);
    return 0;
}

/* What the propagation of the whole tree becomes before anything is mounted: never shared with the
 * host unless that was asked for. */
static unsigned long first_propagation(const struct ctr_rootfs *rootfs)
{
    const struct spec_linux *linux_ = rootfs->config->linux_;
    unsigned long wanted = 0;
    if (linux_ != NULL && linux_->rootfs_propagation != NULL) {
        wanted = ctr_mount_propagation(linux_->rootfs_propagation) & ~(unsigned long)MS_REC;
    }
    return wanted == 0 || wanted == MS_UNBINDABLE ? MS_SLAVE : wanted;
}

static int prepare_mount(struct ctr_rootfs *rootfs, size_t index, struct st_err *err)
{
    const struct spec_mount *mount = &rootfs->config->mounts[index];
    st_auto(ctr_mount_options) struct ctr_mount_options options;
    int r = ctr_mount_options_read(mount, &options, err);
    if (r < 0 || !options.bind || (!rootfs->user_namespace && !options.idmap)) {
        return r;
    }
    st_auto(fd) int tree = ctr_mount_source_tree(rootfs->bundle, mount, &options, err);
    if (tree == -ST_EPERM && !options.idmap) {
        return 0;
    }
    if (tree < 0) {
        return tree;
    }
    if (rootfs->mount_namespace) {
        r = ctr_mount_set_propagation(tree, "", AT_EMPTY_PATH, first_propagation(rootfs) | MS_REC);
        if (r < 0) {
            return st_fail_os(err, r, "mount %s: its propagation", mount->destination);
        }
    }
    if (options.idmap) {
        st_auto(fd) int user = ctr_mount_idmap_namespace(rootfs, mount, err);
        if (user < 0) {
            return user;
        }
        struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned)user};
        r = os_mount_setattr(
            tree, "", AT_EMPTY_PATH | (options.idmap_recursive ? (unsigned)AT_RECURSIVE : 0u),
            &attr);
        if (r < 0) {
            return st_fail_os(err, r, "mount %s: mapping the ids of %s", mount->destination,
                              mount->source);
        }
    }
    rootfs->trees[index] = os_take_fd(tree);
    return 0;
}

/* Is there an id-mapped mount? A look at the options without reading them all. */
static bool has_idmap(const struct spec_mount *mount)
{
    if (mount->uid_mappings_count != 0 || mount->gid_mappings_count != 0) {
        return true;
    }
    for (size_t i = 0; i < mount->options_count; i++) {
        if (st_streq(mount->options[i], "idmap") || st_streq(mount->options[i], "ridmap")) {
            return true;
        }
    }
    return false;
}

int ctr_rootfs_prepare(struct ctr_rootfs *rootfs, struct st_err *err)
{
    const struct spec_runtime *config = rootfs->config;
    int r = name_root(rootfs, err);
    if (r < 0) {
        return r;
    }
    if (rootfs->user_namespace && rootfs->mount_namespace) {
        st_auto(fd) int tree =
            os_open_tree(AT_FDCWD, rootfs->path, OPEN_TREE_CLONE | (unsigned)AT_RECURSIVE);
        if (tree >= 0) {
            r = ctr_mount_set_propagation(tree, "", AT_EMPTY_PATH,
                                          first_propagation(rootfs) | MS_REC);
            rootfs->root_tree = os_take_fd(tree);
        } else {
            r = tree == -ST_EPERM ? 0 : tree;
        }
        if (r < 0) {
            return st_fail_os(err, r, "root %s", rootfs->path);
        }
    }
    for (size_t i = 0; i < config->mounts_count; i++) {
        if (!rootfs->user_namespace && !has_idmap(&config->mounts[i])) {
            continue;
        }
        if (rootfs->trees == NULL) {
            rootfs->trees = new_fds(config->mounts_count);
            if (rootfs->trees == NULL) {
                return st_fail(err, ST_ENOMEM, "mounts");
            }
        }
        r = prepare_mount(rootfs, i, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* Makes the mount that holds the root private: only the top of a mount can be changed, so the first
 * folder upwards that can be is it. */
static int make_parent_private(const char *path)
{
    char folder[PATH_MAX];
    if (!st_strcopy(folder, sizeof(folder), path)) {
        return -ST_ENAMETOOLONG;
    }
    for (;;) {
        int r = ctr_mount_set_propagation(AT_FDCWD, folder, 0, MS_PRIVATE);
        if (r != -ST_EINVAL || strcmp(folder, "/") == 0) {
            return r;
        }
        char *slash = strrchr(folder, '/');
        if (slash == NULL) {
            return r;
        }
        slash[slash == folder] = '\0';
    }
}

static int attach_root(struct ctr_rootfs *rootfs)
{
    st_auto(fd) int tree = -1;
    if (rootfs->root_tree >= 0) {
        tree = os_take_fd(rootfs->root_tree);
    } else {
        tree = os_open_tree(AT_FDCWD, rootfs->path, OPEN_TREE_CLONE | (unsigned)AT_RECURSIVE);
    }
    if (tree < 0) {
        return tree;
    }
    int r = os_move_mount(tree, "", AT_FDCWD, rootfs->path,
                          MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS);
    if (r == -ST_EACCES) {
        /* The container's root may not look into the folders above; any place will do. */
        r = os_move_mount(tree, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH);
    }
    if (r >= 0) {
        rootfs->root_fd = os_take_fd(tree);
    }
    return r;
}

static int mount_root(struct ctr_rootfs *rootfs, struct st_err *err)
{
    if (!rootfs->mount_namespace) {
        rootfs->root_fd = os_open(rootfs->path, O_PATH | O_DIRECTORY, 0);
        return rootfs->root_fd < 0 ? st_fail_os(err, rootfs->root_fd, "root %s", rootfs->path) : 0;
    }
    unsigned long propagation = first_propagation(rootfs);
    int r = ctr_mount_set_propagation(AT_FDCWD, "/", 0, propagation | MS_REC);
    if (r < 0) {
        return st_fail_os(err, r, "root: propagation of the mount namespace");
    }
    rootfs->shared = propagation == MS_SHARED;
    if (rootfs->shared) {
        r = make_parent_private(rootfs->path);
        if (r < 0) {
            return st_fail_os(err, r, "root %s: its parent mount", rootfs->path);
        }
    }
    r = attach_root(rootfs);
    return r < 0 ? st_fail_os(err, r, "root %s", rootfs->path) : 0;
}

static bool binds_dev(const struct spec_mount *mount)
{
    char clean[PATH_MAX];
    if (ctr_mount_path_clean(mount->destination, clean, sizeof(clean)) < 0 ||
        strcmp(clean, "/dev") != 0) {
        return false;
    }
    bool bind = st_streq(mount->type, "bind");
    for (size_t i = 0; !bind && i < mount->options_count; i++) {
        bind = st_streq(mount->options[i], "bind") || st_streq(mount->options[i], "rbind");
    }
    return bind;
}

/* The working folder is made as root, before the root becomes read-only. */
static int make_working_folder(struct ctr_rootfs *rootfs, struct st_err *err)
{
    const struct spec_process *process = rootfs->config->process;
    if (process == NULL || process->cwd == NULL || strcmp(process->cwd, "/") == 0) {
        return 0;
    }
    st_auto(fd) int folder =
        ctr_mount_path_make(rootfs->root_fd, process->cwd, CTR_MOUNT_PATH_FOLDER);
    return folder < 0 ? st_fail_os(err, folder, "working folder %s", process->cwd) : 0;
}

int ctr_rootfs_mount(struct ctr_rootfs *rootfs, struct st_err *err)
{
    const struct spec_runtime *config = rootfs->config;
    (void)os_umask(0);
    int r = name_root(rootfs, err);
    if (r < 0) {
        return r;
    }
    rootfs->late_readonly = new_fds(config->mounts_count);
    if (rootfs->late_readonly == NULL) {
        return st_fail(err, ST_ENOMEM, "mounts");
    }
    r = mount_root(rootfs, err);
    for (size_t i = 0; r >= 0 && i < config->mounts_count; i++) {
        rootfs->dev_bound = rootfs->dev_bound || binds_dev(&config->mounts[i]);
        r = ctr_mount_one(rootfs, i, err);
    }
    if (r >= 0) {
        r = ctr_rootfs_devices(rootfs, err);
    }
    return r < 0 ? r : make_working_folder(rootfs, err);
}

static int set_readonly(struct ctr_rootfs *rootfs, struct st_err *err)
{
    struct mount_attr readonly = {.attr_set = MOUNT_ATTR_RDONLY};
    int r = 0;
    for (size_t i = 0; i < rootfs->config->mounts_count; i++) {
        if (rootfs->late_readonly[i] < 0) {
            continue;
        }
        r = os_mount_setattr(rootfs->late_readonly[i], "", AT_EMPTY_PATH, &readonly);
        if (r < 0) {
            return st_fail_os(err, r, "mount %s: making it read-only",
                              rootfs->config->mounts[i].destination);
        }
    }
    if (rootfs->config->root->readonly && rootfs->mount_namespace) {
        r = os_mount_setattr(rootfs->root_fd, "", AT_EMPTY_PATH, &readonly);
    }
    return r < 0 ? st_fail_os(err, r, "root: making it read-only") : 0;
}

static bool on_same_mount(int fd, const char *path)
{
    struct statx one;
    struct statx other;
    return os_statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &one) == 0 &&
           os_statx(AT_FDCWD, path, 0, STATX_MNT_ID, &other) == 0 &&
           one.stx_mnt_id == other.stx_mnt_id;
}

/* Where the runtime itself runs in a chroot, its root is not the namespace's, and pivoting would
 * change that one alone: who joins the namespace later, as `exec` does, would stand in the host's.
 * Joining one's own namespace takes one to its root, or to the new root where that is mounted on
 * top of it, which is one step too far. Where joining isn't permitted, nothing is different from
 * before. */
static int leave_chroot(const struct ctr_rootfs *rootfs)
{
    st_auto(fd) int before = os_open("/", O_PATH | O_DIRECTORY, 0);
    st_auto(fd) int own = os_open("/proc/self/ns/mnt", O_RDONLY, 0);
    if (before < 0 || own < 0 || os_setns(own, CLONE_NEWNS) < 0 ||
        !on_same_mount(rootfs->root_fd, "/")) {
        return 0;
    }
    int r = os_fchdir(before);
    return r < 0 ? r : os_chroot(".");
}

/* The old root is stacked on the new one's top, where "." still names it, and is let go. */
static int pivot(struct ctr_rootfs *rootfs)
{
    int r = leave_chroot(rootfs);
    r = r < 0 ? r : os_fchdir(rootfs->root_fd);
    if (r >= 0) {
        r = os_pivot_root(".", ".");
    }
    if (r >= 0 && rootfs->shared) {
        /* Or letting go would take the host's own mounts away. */
        r = ctr_mount_set_propagation(AT_FDCWD, ".", 0, MS_SLAVE | MS_REC);
    }
    return r < 0 ? r : os_umount(".", CTR_MNT_DETACH);
}

/* Hides the host's proc and sysfs, which stay below the moved root and could be found again with
 * the right to mount: they are taken away, or covered where they are locked. */
static int hide_host_views(const char *root)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(16u << 20);
    int r = os_read_file(AT_FDCWD, "/proc/self/mountinfo", &text);
    if (r < 0) {
        return r;
    }
    size_t root_length = strlen(root);
    char *rest = text.data;
    for (char *line; rest != NULL && (line = strtok_r(NULL, "\n", &rest)) != NULL;) {
        char *type = strstr(line, " - ");
        char *words = line;
        const char *point = NULL;
        for (int i = 0; i < 5 && words != NULL; i++) {
            point = strtok_r(NULL, " ", &words);
        }
        if (type == NULL || point == NULL ||
            (!st_starts_with(type, " - proc ") && !st_starts_with(type, " - sysfs "))) {
            continue;
        }
        if (strncmp(point, root, root_length) == 0) {
            continue;
        }
        r = os_umount(point, CTR_MNT_DETACH);
        if (r == -ST_EINVAL || r == -ST_EPERM) {
            r = os_mount("tmpfs", point, "tmpfs", MS_RDONLY, NULL);
        }
        if (r < 0 && r != -ST_ENOENT) {
            return r;
        }
    }
    return 0;
}

static int move_root(struct ctr_rootfs *rootfs)
{
    int r = hide_host_views(rootfs->path);
    if (r >= 0) {
        r = os_fchdir(rootfs->root_fd);
    }
    if (r >= 0) {
        r = os_mount(".", "/", NULL, MS_MOVE, NULL);
    }
    return r < 0 ? r : os_chroot(".");
}

static int change_root(struct ctr_rootfs *rootfs)
{
    if (rootfs->mount_namespace) {
        return rootfs->no_pivot ? move_root(rootfs) : pivot(rootfs);
    }
    int r = os_fchdir(rootfs->root_fd);
    return r < 0 ? r : os_chroot(".");
}

int ctr_rootfs_enter(struct ctr_rootfs *rootfs, struct st_err *err)
{
    int r = ctr_rootfs_mask(rootfs, err);
    if (r >= 0) {
        r = set_readonly(rootfs, err);
    }
    if (r < 0) {
        return r;
    }
    r = change_root(rootfs);
    if (r >= 0) {
        r = os_chdir("/");
    }
    if (r < 0) {
        return st_fail_os(err, r, "root: changing into %s", rootfs->path);
    }
    const struct spec_linux *linux_ = rootfs->config->linux_;
    if (linux_ != NULL && linux_->rootfs_propagation != NULL && rootfs->mount_namespace) {
        unsigned long wanted = ctr_mount_propagation(linux_->rootfs_propagation);
        if (wanted == 0) {
            return st_fail(err, ST_EINVAL, "rootfsPropagation %s: unknown",
                           linux_->rootfs_propagation);
        }
        r = ctr_mount_set_propagation(AT_FDCWD, "/", 0, wanted);
        if (r < 0) {
            return st_fail_os(err, r, "rootfsPropagation %s", linux_->rootfs_propagation);
        }
    }
    os_close(&rootfs->root_fd);
    return 0;
}

void ctr_rootfs_unmount(const char *path)
{
    char target[PATH_MAX];
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(16u << 20);
    size_t length = strlen(path);
    if (os_read_file(AT_FDCWD, "/proc/self/mountinfo", &text) < 0) {
        return;
    }
    /* The last mounted first: each line's mount is above those of the lines before it. */
    for (size_t end = text.length; end > 0;) {
        size_t start = end;
        while (start > 0 && text.data[start - 1] != '\n') {
            start--;
        }
        text.data[end - (text.data[end - 1] == '\n')] = '\0';
        char *words = text.data + start;
        const char *point = NULL;
        for (int i = 0; i < 5 && words != NULL; i++) {
            point = strtok_r(NULL, " ", &words);
        }
        if (point != NULL && strncmp(point, path, length) == 0 && point[length] == '/' &&
            st_strcopy(target, sizeof(target), point)) {
            (void)os_umount(target, CTR_MNT_DETACH);
        }
        end = start == 0 ? 0 : start - 1;
    }
}
