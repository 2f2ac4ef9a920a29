/*
 * Mounts of type cgroup: the container's view of its control groups.
 *
 * With a version 2 hierarchy alone it is that hierarchy. With version 1 it is a small tmpfs with a
 * folder for each hierarchy: a mount of its own if the container has a cgroup namespace (whose root
 * is the container's cgroup), else a bind mount of the container's cgroup.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/statfs.h>

#include "base/print.h"
#include "base/str.h"
#include "container/ctr_cgroup.h"
#include "container/ctr_mount_path.h"
#include "container/ctr_rootfs_priv.h"
#include "os/os_file.h"
#include "os/os_mount.h"

static const char cgroup_root[] = "/sys/fs/cgroup";

static int bind_folder(const char *source, int target, bool recursive,
                       const struct ctr_mount_options *options)
{
    st_auto(fd) int tree =
        os_open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | (recursive ? (unsigned)AT_RECURSIVE : 0u));
    if (tree < 0) {
        return tree;
    }
    int r = ctr_mount_set_attributes(tree, options, true);
    return r < 0 ? r : ctr_mount_attach(tree, target);
}

static int mount_v2(struct ctr_rootfs *rootfs, int target, const struct ctr_mount_options *options)
{
    int r = ctr_mount_new(target, "cgroup2", "cgroup", options->flags,
                          options->data.length != 0 ? st_buf_string(&options->data) : NULL);
    if (r != -ST_EPERM && r != -ST_EBUSY) {
        return r;
    }
    /* A user namespace without a cgroup namespace of its own may not mount it. */
    char path[PATH_MAX];
    if (!rootfs->cgroup_namespace || rootfs->cgroup == NULL ||
        ctr_cgroup_path(rootfs->cgroup, NULL, path, sizeof(path)) < 0) {
        st_strcopy(path, sizeof(path), cgroup_root);
    }
    return bind_folder(path, target, true, options);
}

static int mount_hierarchy(struct ctr_rootfs *rootfs, const struct ctr_cgroup_hierarchy *hierarchy,
                           int target, const struct ctr_mount_options *options)
{
    char text[PATH_MAX];
    if (!rootfs->cgroup_namespace) {
        if (st_snprintf(text, sizeof(text), "%s%s", hierarchy->mount, hierarchy->path) >=
            sizeof(text)) {
            return -ST_ENAMETOOLONG;
        }
        return bind_folder(text, target, false, options);
    }
    if (hierarchy->v2) {
        return ctr_mount_new(target, "cgroup2", "cgroup", options->flags, NULL);
    }
    bool named = st_starts_with(hierarchy->names, "name=");
    st_snprintf(text, sizeof(text), "%s%s", named ? "none," : "", hierarchy->names);
    return ctr_mount_new(target, "cgroup", "cgroup", options->flags, text);
}

/* "cpu" and "cpuacct" are links to "cpu,cpuacct", as programs look for them. */
static int link_controllers(int folder, const char *names, const char *base)
{
    if (strchr(names, ',') == NULL) {
        return 0;
    }
    while (*names != '\0') {
        char name[NAME_MAX + 1];
        size_t length = strcspn(names, ",");
        if (length >= sizeof(name)) {
            return -ST_ENAMETOOLONG;
        }
        memcpy(name, names, length);
        name[length] = '\0';
        int r = strcmp(name, base) == 0 ? 0 : os_symlinkat(base, folder, name);
        if (r < 0) {
            return r;
        }
        names += length + (names[length] == ',');
    }
    return 0;
}

static int mount_v1_folder(struct ctr_rootfs *rootfs, const struct ctr_cgroup_hierarchy *hierarchy,
                           int folder, const struct ctr_mount_options *options)
{
    const char *base = strrchr(hierarchy->mount, '/') + 1;
    int r = os_mkdirat(folder, base, 0755);
    if (r < 0) {
        return r;
    }
    st_auto(fd) int target = os_openat(folder, base, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
    r = target < 0 ? target : mount_hierarchy(rootfs, hierarchy, target, options);
    return r < 0 ? r : link_controllers(folder, hierarchy->names, base);
}

static int mount_v1(struct ctr_rootfs *rootfs, int target, const char *destination,
                    const struct ctr_mount_options *options)
{
    const struct ctr_cgroup *cgroup = rootfs->cgroup;
    int r = ctr_mount_new(target, "tmpfs", "tmpfs", options->flags & ~(unsigned long)MS_RDONLY,
                          "mode=755");
    if (r < 0) {
        return r;
    }
    st_auto(fd) int folder = ctr_mount_path_open(rootfs->root_fd, destination, O_DIRECTORY);
    if (folder < 0) {
        return folder;
    }
    for (size_t i = 0; cgroup != NULL && i < cgroup->count; i++) {
        const struct ctr_cgroup_hierarchy *hierarchy = &cgroup->hierarchies[i];
        r = mount_v1_folder(rootfs, hierarchy, folder, options);
        if (r < 0) {
            return r;
        }
    }
    if ((options->set & MOUNT_ATTR_RDONLY) != 0) {
        struct mount_attr readonly = {.attr_set = MOUNT_ATTR_RDONLY};
        return os_mount_setattr(folder, "", AT_EMPTY_PATH, &readonly);
    }
    return 0;
}

static bool host_is_v2(const struct ctr_cgroup *cgroup)
{
    if (cgroup != NULL && cgroup->mode != CTR_CGROUP_NONE) {
        return cgroup->mode == CTR_CGROUP_V2;
    }
    struct statfs found;
    return os_statfs(cgroup_root, &found) >= 0 && found.f_type == CGROUP2_SUPER_MAGIC;
}

int ctr_mount_cgroup(struct ctr_rootfs *rootfs, int target_fd, const char *destination,
                     const struct ctr_mount_options *options, struct st_err *err)
{
    int r;
    if (host_is_v2(rootfs->cgroup)) {
        r = mount_v2(rootfs, target_fd, options);
    } else {
        r = mount_v1(rootfs, target_fd, destination, options);
    }
    if (r < 0) {
        return st_fail_os(err, r, "mount %s: control groups", destination);
    }
    return 0;
}
