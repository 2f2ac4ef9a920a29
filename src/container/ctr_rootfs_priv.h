/* What the parts of the container's file system share: ctr_rootfs*.c and ctr_mount*.c. */
#pragma once

#include "container/ctr_mount_option.h"
#include "container/ctr_rootfs.h"

struct spec_mount;

/* umount2's flag, which <linux/mount.h> has not. */
enum { CTR_MNT_DETACH = 2 };

/* Makes one mount of the config inside the root. */
int ctr_mount_one(struct ctr_rootfs *rootfs, size_t index, struct st_err *err);

/* Opens a mount's source as a detached tree, with attributes, propagation and id mapping as asked.
 * bundle: what a relative source begins at. */
int ctr_mount_source_tree(const char *bundle, const struct spec_mount *mount,
                          const struct ctr_mount_options *options, struct st_err *err);

/* Applies what options ask for to the mount (attached or not), save for its propagation. */
int ctr_mount_set_attributes(int mount_fd, const struct ctr_mount_options *options, bool all);

/* propagation: MS_*, with MS_REC. flags: AT_* besides. */
int ctr_mount_set_propagation(int dir, const char *path, unsigned flags, unsigned long propagation);

/* A clone of what fd names, which is not attached anywhere. */
int ctr_mount_clone(int fd, bool recursive);

/* Mounts mount_fd on the file or folder that target_fd names. */
int ctr_mount_attach(int mount_fd, int target_fd);

/* Mounts a new file system on the folder by the old call, which is cheaper than the new ones and
 * takes data of any length. */
int ctr_mount_new(int target_fd, const char *type, const char *source, unsigned long flags,
                  const char *data);

/* A mount of type cgroup or cgroup2 on target (path `destination` inside of the root). */
int ctr_mount_cgroup(struct ctr_rootfs *rootfs, int target_fd, const char *destination,
                     const struct ctr_mount_options *options, struct st_err *err);

/* Copies all below one open folder into another, empty one: owners, modes, times, links. */
int ctr_mount_copy(int from_fd, int to_fd);

/* A user namespace for an id-mapped mount: the mount's own mappings, else those of the container.
 * Returns a descriptor. */
int ctr_mount_idmap_namespace(const struct ctr_rootfs *rootfs, const struct spec_mount *mount,
                              struct st_err *err);

/* Makes the devices and links of /dev. */
int ctr_rootfs_devices(struct ctr_rootfs *rootfs, struct st_err *err);

/* Masks and write-protects the config's paths. */
int ctr_rootfs_mask(struct ctr_rootfs *rootfs, struct st_err *err);
