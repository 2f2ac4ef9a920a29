/*
 * One mount of the config.
 *
 * The destination is opened inside the root first; whatever is then mounted is mounted on that
 * descriptor: a bind mount by open_tree and move_mount, a new file system by fchdir and mount on
 * ".". Neither looks at a path again.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/statfs.h>

#include "base/print.h"
#include "base/str.h"
#include "container/ctr_mount_path.h"
#include "container/ctr_rootfs_priv.h"
#include "os/os_file.h"
#include "os/os_mount.h"
#include "spec/spec_runtime.h"

int ctr_mount_set_propagation(int dir, const char *path, unsigned flags, unsigned long propagation)
{
    struct mount_attr attr = {.propagation = propagation & ~(unsigned long)MS_REC};
    return os_mount_setattr(
        dir, path, flags | ((propagation & MS_REC) != 0 ? (unsigned)AT_RECURSIVE : 0u), &attr);
}

int ctr_mount_clone(int fd, bool recursive)
{
    return os_open_tree(
        fd, "", OPEN_TREE_CLONE | AT_EMPTY_PATH | (recursive ? (unsigned)AT_RECURSIVE : 0u));
}

int ctr_mount_attach(int mount_fd, int target_fd)
{
    return os_move_mount(mount_fd, "", target_fd, "",
                         MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

int ctr_mount_new(int target_fd, const char *type, const char *source, unsigned long flags,
                  const char *data)
{
    int r = os_fchdir(target_fd);
    if (r < 0) {
        return r;
    }
    return os_mount(source, ".", type, flags, data);
}

int ctr_mount_set_attributes(int mount_fd, const struct ctr_mount_options *options, bool all)
{
    struct mount_attr attr = {.attr_set = options->set, .attr_clr = options->clear};
    int r = 0;
    if (all && (attr.attr_set | attr.attr_clr) != 0) {
        r = os_mount_setattr(mount_fd, "", AT_EMPTY_PATH, &attr);
    }
    attr = (struct mount_attr){.attr_set = options->rset, .attr_clr = options->rclear};
    if (r >= 0 && (attr.attr_set | attr.attr_clr) != 0) {
        r = os_mount_setattr(mount_fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr);
    }
    return r;
}

int ctr_mount_source_tree(const char *bundle, const struct spec_mount *mount,
                          const struct ctr_mount_options *options, struct st_err *err)
{
    char joined[PATH_MAX];
    const char *source = mount->source;
    if (source == NULL || source[0] == '\0') {
        return st_fail(err, ST_EINVAL, "mount %s: a bind mount without a source",
                       mount->destination);
    }
    if (source[0] != '/') {
        if (st_snprintf(joined, sizeof(joined), "%s/%s", bundle, source) >= sizeof(joined)) {
            return st_fail(err, ST_ENAMETOOLONG, "mount %s: source %s", mount->destination, source);
        }
        source = joined;
    }
    int tree =
        os_open_tree(AT_FDCWD, source,
                     OPEN_TREE_CLONE | (options->bind_recursive ? (unsigned)AT_RECURSIVE : 0u));
    if (tree < 0) {
        return st_fail_os(err, tree, "mount %s: source %s", mount->destination, source);
    }
    return tree;
}

/* The only files of /proc that may be mounted on: what a view of the container's resources is made
 * of. Anything else there would let a container hide from, or lie to, who reads its /proc. */
static const char *const proc_exceptions[] = {
    "cpuinfo",
    "diskstats",
    "meminfo",
    "stat",
    "swaps",
    "uptime",
    "loadavg",
    "slabinfo",
    "net/dev",
    "sys/kernel/ns_last_pid",
    "sys/crypto/fips_enabled",
};

static int check_destination(const struct spec_mount *mount, const char *clean, struct st_err *err)
{
    if (strcmp(clean, "/") == 0) {
        return st_fail(err, ST_EINVAL, "mount %s: nothing can be mounted on the root itself",
                       mount->destination);
    }
    const char *below = st_after_prefix(clean, "/proc/");
    if (below == NULL) {
        return 0;
    }
    for (size_t i = 0; i < ST_COUNT(proc_exceptions); i++) {
        if (strcmp(below, proc_exceptions[i]) == 0) {
            return 0;
        }
    }
    return st_fail(err, ST_EPERM,
                   "mount %s: it is inside /proc, where only files such as "
                   "/proc/cpuinfo can be mounted on",
                   mount->destination);
}

/* /proc and /sys are where later steps, and programs outside, look for the kernel's own: no link
 * may stand in for them. */
static int open_destination(struct ctr_rootfs *rootfs, const struct spec_mount *mount, bool file,
                            struct st_err *err)
{
    enum ctr_mount_path_kind kind = file ? CTR_MOUNT_PATH_FILE : CTR_MOUNT_PATH_FOLDER;
    int fd;
    if (st_streq(mount->type, "proc") || st_streq(mount->type, "sysfs")) {
        fd = ctr_mount_path_open_plain(rootfs->root_fd, mount->destination, O_DIRECTORY);
        if (fd == -ST_ENOENT) {
            fd = ctr_mount_path_make(rootfs->root_fd, mount->destination, kind);
            os_close(&fd);
            fd = ctr_mount_path_open_plain(rootfs->root_fd, mount->destination, O_DIRECTORY);
        }
        if (fd == -ST_ELOOP) {
            return st_fail(err, ST_EPERM,
                           "mount %s: the destination of a mount of type %s must "
                           "not be or pass a symbolic link",
                           mount->destination, mount->type);
        }
    } else {
        fd = ctr_mount_path_make(rootfs->root_fd, mount->destination, kind);
    }
    if (fd < 0) {
        return st_fail_os(err, fd, "mount %s: making the destination", mount->destination);
    }
    return fd;
}

static int is_folder(int fd)
{
    struct stat found;
    int r = os_fstat(fd, &found);
    return r < 0 ? r : S_ISDIR(found.st_mode);
}

/* Propagation is set when the mount is in its place, since a shared parent would change it. */
static int finish_mount(int mount_fd, const struct spec_mount *mount,
                        const struct ctr_mount_options *options, struct st_err *err)
{
    if (options->propagation == 0) {
        return 0;
    }
    int r = ctr_mount_set_propagation(mount_fd, "", AT_EMPTY_PATH,
                                      options->propagation |
                                          (options->propagation_recursive ? MS_REC : 0));
    if (r < 0) {
        return st_fail_os(err, r, "mount %s: its propagation", mount->destination);
    }
    return 0;
}

static int mount_bind(struct ctr_rootfs *rootfs, size_t index,
                      const struct ctr_mount_options *options, struct st_err *err)
{
    const struct spec_mount *mount = &rootfs->config->mounts[index];
    st_auto(fd) int tree = -1;
    if (rootfs->trees != NULL && rootfs->trees[index] >= 0) {
        tree = os_take_fd(rootfs->trees[index]);
    } else if (options->idmap) {
        return st_fail(err, ST_EPERM, "mount %s: an id-mapped mount needs a privileged caller",
                       mount->destination);
    } else {
        tree = ctr_mount_source_tree(rootfs->bundle, mount, options, err);
    }
    if (tree < 0) {
        return tree;
    }
    int folder = is_folder(tree);
    if (folder < 0) {
        return st_fail_os(err, folder, "mount %s: source %s", mount->destination, mount->source);
    }
    st_auto(fd) int target = open_destination(rootfs, mount, !folder, err);
    if (target < 0) {
        return target;
    }
    int r = ctr_mount_set_attributes(tree, options, true);
    if (r < 0) {
        return st_fail_os(err, r, "mount %s: setting its options", mount->destination);
    }
    r = ctr_mount_attach(tree, target);
    if (r < 0) {
        return st_fail_os(err, r, "mount %s: source %s", mount->destination, mount->source);
    }
    return finish_mount(tree, mount, options, err);
}

/* Without SELinux file systems refuse the context option, and there is nothing to label. */
static bool selinux_in_force(void)
{
    struct statfs st;
    return os_statfs("/sys/fs/selinux", &st) == 0 && (unsigned)st.f_type == SELINUX_MAGIC;
}

/* A tmpfs takes the mode of the folder that it covers unless one was asked for, and the label. */
static int new_mount_data(struct ctr_rootfs *rootfs, const struct spec_mount *mount, int target,
                          struct ctr_mount_options *options, struct st_err *err)
{
    struct st_buf *data = &options->data;
    bool tmpfs = st_streq(mount->type, "tmpfs");
    if (tmpfs && strstr(st_buf_string(data), "mode=") == NULL) {
        struct stat covered;
        int r = os_fstat(target, &covered);
        if (r < 0) {
            return st_fail_os(err, r, "mount %s", mount->destination);
        }
        st_buf_printf(data, "%smode=%o", data->length != 0 ? "," : "",
                      (unsigned)(covered.st_mode & 07777));
    }
    const struct spec_linux *linux_ = rootfs->config->linux_;
    if (linux_ != NULL && linux_->mount_label != NULL && linux_->mount_label[0] != '\0' &&
        !st_streq(mount->type, "proc") && !st_streq(mount->type, "sysfs") && selinux_in_force()) {
        st_buf_printf(data, "%scontext=\"%s\"", data->length != 0 ? "," : "", linux_->mount_label);
    }
    int r = st_buf_status(data);
    return r < 0 ? st_fail_os(err, r, "mount %s: its options", mount->destination) : 0;
}

/* In a user namespace that does not own the network, or while the host's view is partly covered,
 * the kernel makes no new proc or sysfs: the host's own is bound then, as its user could see it. */
static int mount_host_view(const struct spec_mount *mount, int target)
{
    const char *path = NULL;
    long magic = 0;
    if (st_streq(mount->type, "proc")) {
        path = "/proc";
        magic = PROC_SUPER_MAGIC;
    } else if (st_streq(mount->type, "sysfs")) {
        path = "/sys";
        magic = SYSFS_MAGIC;
    } else {
        return -ST_EPERM;
    }
    st_auto(fd) int tree = os_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | (unsigned)AT_RECURSIVE);
    if (tree < 0) {
        return tree;
    }
    struct statfs found;
    int r = os_fstatfs(tree, &found);
    if (r < 0) {
        return r;
    }
    if ((long)found.f_type != magic) {
        return -ST_EPERM;
    }
    return ctr_mount_attach(tree, target);
}

static int copy_up(struct ctr_rootfs *rootfs, const struct spec_mount *mount, int covered,
                   struct st_err *err)
{
    st_auto(fd) int fresh = ctr_mount_path_open(rootfs->root_fd, mount->destination, O_DIRECTORY);
    int r = fresh < 0 ? fresh : ctr_mount_copy(covered, fresh);
    if (r < 0) {
        return st_fail_os(err, r, "mount %s: copying up what it covers", mount->destination);
    }
    return 0;
}

/* What the old mount call could not say, or must wait: recursive options, propagation, and
 * read-only for a tmpfs, into which later mounts may still have to make their destinations. */
static int finish_new(struct ctr_rootfs *rootfs, size_t index,
                      const struct ctr_mount_options *options, bool late_readonly,
                      struct st_err *err)
{
    const struct spec_mount *mount = &rootfs->config->mounts[index];
    if (options->propagation == 0 && !late_readonly && (options->rset | options->rclear) == 0) {
        return 0;
    }
    st_auto(fd) int top = ctr_mount_path_open(rootfs->root_fd, mount->destination, O_DIRECTORY);
    if (top < 0) {
        return st_fail_os(err, top, "mount %s", mount->destination);
    }
    int r = ctr_mount_set_attributes(top, options, false);
    if (r < 0) {
        return st_fail_os(err, r, "mount %s: setting its options", mount->destination);
    }
    r = finish_mount(top, mount, options, err);
    if (r >= 0 && late_readonly) {
        rootfs->late_readonly[index] = os_take_fd(top);
    }
    return r;
}

static int mount_file_system(struct ctr_rootfs *rootfs, size_t index,
                             struct ctr_mount_options *options, struct st_err *err)
{
    const struct spec_mount *mount = &rootfs->config->mounts[index];
    if (mount->type == NULL) {
        return st_fail(err, ST_EINVAL, "mount %s: it has no type", mount->destination);
    }
    st_auto(fd) int target = open_destination(rootfs, mount, false, err);
    if (target < 0) {
        return target;
    }
    if (st_streq(mount->type, "cgroup") || st_streq(mount->type, "cgroup2")) {
        return ctr_mount_cgroup(rootfs, target, mount->destination, options, err);
    }
    int r = new_mount_data(rootfs, mount, target, options, err);
    if (r < 0) {
        return r;
    }
    bool late_readonly = (options->flags & MS_RDONLY) != 0 && st_streq(mount->type, "tmpfs") &&
                         (options->flags & MS_REMOUNT) == 0;
    const char *source = mount->source != NULL ? mount->source : mount->type;
    r = ctr_mount_new(target, mount->type, source,
                      options->flags & ~(late_readonly ? (unsigned long)MS_RDONLY : 0ul),
                      options->data.length != 0 ? st_buf_string(&options->data) : NULL);
    if (r == -ST_EPERM && rootfs->user_namespace) {
        r = mount_host_view(mount, target);
    }
    if (r < 0) {
        return st_fail_os(err, r, "mount %s of type %s", mount->destination, mount->type);
    }
    if (options->copy_up) {
        r = copy_up(rootfs, mount, target, err);
        if (r < 0) {
            return r;
        }
    }
    return finish_new(rootfs, index, options, late_readonly, err);
}

int ctr_mount_one(struct ctr_rootfs *rootfs, size_t index, struct st_err *err)
{
    const struct spec_mount *mount = &rootfs->config->mounts[index];
    char clean[PATH_MAX];
    int r = ctr_mount_path_clean(mount->destination, clean, sizeof(clean));
    if (r < 0) {
        return st_fail_os(err, r, "mount %s", mount->destination);
    }
    r = check_destination(mount, clean, err);
    if (r < 0) {
        return r;
    }
    st_auto(ctr_mount_options) struct ctr_mount_options options;
    r = ctr_mount_options_read(mount, &options, err);
    if (r < 0) {
        return r;
    }
    if (options.bind) {
        return mount_bind(rootfs, index, &options, err);
    }
    return mount_file_system(rootfs, index, &options, err);
}
