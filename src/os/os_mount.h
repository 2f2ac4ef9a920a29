/* Mounts: thin wrappers, see os_file.h for the rules. Constants are <linux/mount.h>'s. */
#pragma once

#include <linux/mount.h>
#include <stdint.h>

#include "base/err.h"

/* The C library's <sys/mount.h> and <linux/mount.h> clash, so the old calls' flags are named here
 * as Linux has them. */
int os_mount(const char *source, const char *target, const char *type, unsigned long flags,
             const void *data);
int os_umount(const char *target, int flags);
int os_open_tree(int dir, const char *path, unsigned flags);
int os_move_mount(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);
int os_fsopen(const char *type, unsigned flags);
int os_fsconfig(int fs_fd, unsigned command, const char *key, const void *value, int aux);
int os_fsmount(int fs_fd, unsigned flags, unsigned attributes);
int os_fspick(int dir, const char *path, unsigned flags);
int os_mount_setattr(int dir, const char *path, unsigned flags, const struct mount_attr *attr);
int os_pivot_root(const char *new_root, const char *put_old);
int os_chroot(const char *path);
