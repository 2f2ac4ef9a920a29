/*
 * Devices and links of /dev, and the console (config-linux.md: Devices, Default Devices).
 *
 * Nodes are made by mknod where that is allowed. In a user namespace it is not: the host's node is
 * bind-mounted then, after a check on the open descriptor that it is the device that was asked for.
 */
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/str.h"
#include "container/ctr_mount_path.h"
#include "container/ctr_rootfs_priv.h"
#include "os/os_file.h"
#include "os/os_mount.h"
#include "spec/spec_runtime.h"

struct device {
    const char *path;
    mode_t mode; /* type and permissions */
    dev_t number;
    uid_t uid;
    gid_t gid;
};

static const struct {
    char path[14];
    uint8_t major, minor;
} default_devices[] = {
    {"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
    {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},
};

static const struct {
    const char *name;
    const char *target;
} links[] = {
    {"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
    {"stderr", "/proc/self/fd/2"}, {"core", "/proc/kcore"},      {"ptmx", "pts/ptmx"},
};

static bool is_device(const struct stat *found, const struct device *device)
{
    if ((found->st_mode & S_IFMT) != (device->mode & S_IFMT)) {
        return false;
    }
    return S_ISFIFO(found->st_mode) || found->st_rdev == device->number;
}

/* Binds the host's node over an empty file. */
static int bind_device(int folder, const char *name, const struct device *device)
{
    st_auto(fd) int tree = os_open_tree(AT_FDCWD, device->path, OPEN_TREE_CLONE);
    if (tree < 0) {
        return tree;
    }
    struct stat found;
    int r = os_fstat(tree, &found);
    if (r < 0) {
        return r;
    }
    if (!is_device(&found, device)) {
        return -ST_ENODEV;
    }
    r = os_mknodat(folder, name, S_IFREG | 0666, 0);
    if (r < 0 && r != -ST_EEXIST) {
        return r;
    }
    st_auto(fd) int target = os_openat(folder, name, O_PATH | O_NOFOLLOW, 0);
    if (target < 0) {
        return target;
    }
    r = os_fstat(target, &found);
    if (r < 0) {
        return r;
    }
    return S_ISLNK(found.st_mode) ? -ST_ELOOP : ctr_mount_attach(tree, target);
}

static int make_node(int folder, const char *name, const struct device *device)
{
    int r = os_mknodat(folder, name, device->mode, device->number);
    if (r == -ST_EEXIST) {
        struct stat found;
        r = os_fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW);
        if (r < 0 || is_device(&found, device)) {
            return r;
        }
        if (S_ISDIR(found.st_mode)) {
            return -ST_EISDIR;
        }
        r = os_unlinkat(folder, name, 0);
        if (r >= 0) {
            r = os_mknodat(folder, name, device->mode, device->number);
        }
    }
    if (r >= 0 && (device->uid != 0 || device->gid != 0)) {
        r = os_fchownat(folder, name, device->uid, device->gid, AT_SYMLINK_NOFOLLOW);
    }
    return r;
}

static int make_device(const struct ctr_rootfs *rootfs, int folder, const char *name,
                       const struct device *device, struct st_err *err)
{
    int r = rootfs->user_namespace && !S_ISFIFO(device->mode) ? -ST_EPERM
                                                              : make_node(folder, name, device);
    if (r == -ST_EPERM) {
        r = bind_device(folder, name, device);
    }
    return r < 0 ? st_fail_os(err, r, "device %s", device->path) : 0;
}

static int make_default_devices(struct ctr_rootfs *rootfs, int dev, struct st_err *err)
{
    for (size_t i = 0; i < ST_COUNT(default_devices); i++) {
        struct device device = {
            .path = default_devices[i].path,
            .mode = S_IFCHR | 0666,
            .number = makedev(default_devices[i].major, default_devices[i].minor),
        };
        int r = make_device(rootfs, dev, device.path + strlen("/dev/"), &device, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int device_type(const struct spec_device *spec, mode_t *ret_type)
{
    switch (spec->type != NULL ? spec->type[0] : '\0') {
    case 'c':
    case 'u':
        *ret_type = S_IFCHR;
        return 0;
    case 'b':
        *ret_type = S_IFBLK;
        return 0;
    case 'p':
        *ret_type = S_IFIFO;
        return 0;
    default:
        return -ST_EINVAL;
    }
}

static int make_config_device(struct ctr_rootfs *rootfs, const struct spec_device *spec,
                              struct st_err *err)
{
    mode_t type;
    const char *name;
    if (device_type(spec, &type) < 0) {
        return st_fail(err, ST_EINVAL, "device %s: its type is not c, u, b or p", spec->path);
    }
    struct device device = {
        .path = spec->path,
        .mode = type | (spec->has_file_mode ? spec->file_mode & 07777 : 0666),
        .number = type == S_IFIFO ? 0 : makedev((unsigned)spec->major, (unsigned)spec->minor),
        .uid = spec->has_uid ? spec->uid : 0,
        .gid = spec->has_gid ? spec->gid : 0,
    };
    st_auto(fd) int folder = ctr_mount_path_parent(rootfs->root_fd, spec->path, &name);
    if (folder < 0) {
        return st_fail_os(err, folder, "device %s", spec->path);
    }
    return make_device(rootfs, folder, name, &device, err);
}

static int make_links(int dev, struct st_err *err)
{
    for (size_t i = 0; i < ST_COUNT(links); i++) {
        int r = os_symlinkat(links[i].target, dev, links[i].name);
        if (r == -ST_EEXIST && strcmp(links[i].name, "ptmx") == 0) {
            /* A node of the host's instance would give terminals of the host. */
            r = os_unlinkat(dev, "ptmx", 0);
            r = r < 0 ? r : os_symlinkat(links[i].target, dev, "ptmx");
        }
        if (r < 0 && r != -ST_EEXIST) {
            return st_fail_os(err, r, "link /dev/%s", links[i].name);
        }
    }
    return 0;
}

int ctr_rootfs_devices(struct ctr_rootfs *rootfs, struct st_err *err)
{
    if (rootfs->dev_bound) {
        return 0;
    }
    st_auto(fd) int dev = ctr_mount_path_make(rootfs->root_fd, "/dev", CTR_MOUNT_PATH_FOLDER);
    if (dev < 0) {
        return st_fail_os(err, dev, "folder /dev");
    }
    int r = make_default_devices(rootfs, dev, err);
    const struct spec_linux *linux_ = rootfs->config->linux_;
    for (size_t i = 0; r >= 0 && linux_ != NULL && i < linux_->devices_count; i++) {
        r = make_config_device(rootfs, &linux_->devices[i], err);
    }
    return r < 0 ? r : make_links(dev, err);
}

/* The slave side of a pseudo terminal has one of these majors, whatever its instance. */
static bool is_pty(int fd)
{
    struct stat found;
    return os_fstat(fd, &found) >= 0 && S_ISCHR(found.st_mode) && major(found.st_rdev) >= 136 &&
           major(found.st_rdev) <= 143;
}

/* An O_PATH descriptor of /dev/console that is no link; it is made when missing. */
static int open_console(int dev)
{
    for (int tries = 0; tries < 2; tries++) {
        int r = os_mknodat(dev, "console", S_IFREG | 0600, 0);
        if (r < 0 && r != -ST_EEXIST) {
            return r;
        }
        st_auto(fd) int console = os_openat(dev, "console", O_PATH | O_NOFOLLOW, 0);
        struct stat found;
        r = console < 0 ? console : os_fstat(console, &found);
        if (r < 0) {
            return r;
        }
        if (!S_ISLNK(found.st_mode)) {
            return os_take_fd(console);
        }
        r = os_unlinkat(dev, "console", 0);
        if (r < 0) {
            return r;
        }
    }
    return -ST_ELOOP;
}

int ctr_rootfs_console(struct ctr_rootfs *rootfs, int pty, struct st_err *err)
{
    if (!is_pty(pty)) {
        return st_fail(err, ST_EINVAL, "console: not a pseudo terminal");
    }
    st_auto(fd) int dev = ctr_mount_path_make(rootfs->root_fd, "/dev", CTR_MOUNT_PATH_FOLDER);
    if (dev < 0) {
        return st_fail_os(err, dev, "folder /dev");
    }
    st_auto(fd) int console = open_console(dev);
    if (console < 0) {
        return st_fail_os(err, console, "/dev/console");
    }
    st_auto(fd) int tree = ctr_mount_clone(pty, false);
    int r = tree < 0 ? tree : ctr_mount_attach(tree, console);
    return r < 0 ? st_fail_os(err, r, "/dev/console: mounting the terminal") : 0;
}
