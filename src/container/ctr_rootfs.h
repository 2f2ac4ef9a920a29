/*
 * The container's file system: everything between "a new mount namespace" and "the process sees
 * only its root" (runtime-spec config.md: Root, Mounts; config-linux.md: Devices, Default Devices,
 * Rootfs Mount Propagation, Masked Paths, Readonly Paths, Mount Label).
 *
 * In the parent:      ctr_rootfs_init, ctr_rootfs_prepare, clone, ctr_rootfs_done
 * In the init child:  ctr_rootfs_mount -> [createContainer hooks] -> ctr_rootfs_console
 *                     -> ctr_rootfs_enter
 *
 * No path that a container can influence is ever resolved outside of the root: each destination is
 * opened by openat2(RESOLVE_IN_ROOT), and what is mounted on it is named by descriptors, so a link
 * that appears between a look and a mount changes nothing. What stands in for a masked file is the
 * host's /dev/null, verified to be device 1:3 on the open descriptor.
 *
 * The child has a copy of the parent's memory and descriptors (clone without CLONE_VM and
 * CLONE_FILES), is alone in it, and already has its new credentials (root of its user namespace),
 * namespaces and cgroups. Its umask is set to 0 by ctr_rootfs_mount. Not thread-safe.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct spec_runtime;
struct ctr_cgroup;

struct ctr_rootfs {
    /* Set by the caller, alive as long as this is used. */
    const struct spec_runtime *config;
    const char *bundle;              /* absolute path of the bundle */
    const struct ctr_cgroup *cgroup; /* for mounts of type cgroup; NULL or of mode none: no view */
    bool no_pivot;                   /* --no-pivot: MS_MOVE and chroot */
    bool user_namespace;             /* the container has its own user namespace */
    bool mount_namespace;            /* has its own mount namespace (new or joined); else chroot */
    bool cgroup_namespace;           /* has its own cgroup namespace (new or joined) */

    /* Of this module. */
    char *path;         /* of the root on the host, absolute */
    int root_fd;        /* O_PATH: the mounted root, -1 before ctr_rootfs_mount */
    int root_tree;      /* the root's tree, detached, opened by the parent; or -1 */
    int *trees;         /* for each mount: its source's tree, opened by the parent; or -1 */
    int *late_readonly; /* for each mount: its mount, to be made read-only at the end; or -1 */
    bool dev_bound;     /* /dev is the host's by a bind mount: left as it is */
    bool shared;        /* rootfsPropagation is shared */
};

/* Fills in the caller's part with zeros and this module's with "nothing open". */
void ctr_rootfs_init(struct ctr_rootfs *rootfs);

/* In the parent, before the clone: opens what the child could not (bind sources and the root if
 * there is a user namespace; id-mapped mounts, whose user namespaces are made here). The child
 * inherits it. Costs nothing where there is neither. Without privilege the sources are left to the
 * child. */
int ctr_rootfs_prepare(struct ctr_rootfs *rootfs, struct st_err *err);

/* Closes and frees what is open, in the parent after the clone. */
void ctr_rootfs_done(struct ctr_rootfs *rootfs);

static inline void st_cleanup_ctr_rootfs(struct ctr_rootfs *rootfs)
{
    ctr_rootfs_done(rootfs);
}

/* In the child: propagation, the root, all mounts, devices and links of /dev, and the working
 * folder if it is missing. Afterwards root_fd is the mounted root. The host is still visible. */
int ctr_rootfs_mount(struct ctr_rootfs *rootfs, struct st_err *err);

/* In the child, before ctr_rootfs_enter: mounts the terminal `pty` (the open slave side, of the
 * container's own devpts instance) on /dev/console. -ST_EINVAL when it is no pseudo terminal. */
int ctr_rootfs_console(struct ctr_rootfs *rootfs, int pty, struct st_err *err);

/* In the child: masked and read-only paths, read-only root, then pivot_root (or what stands in for
 * it). The host is gone afterwards and the working folder is "/". Closes root_fd. */
int ctr_rootfs_enter(struct ctr_rootfs *rootfs, struct st_err *err);

/* Where no mount namespace was asked for, the mounts are in the caller's: takes them away again
 * (delete). `path` is the root's on the host. Best effort. */
void ctr_rootfs_unmount(const char *path);
