/*
 * Paths inside a root that is not trusted. Links are followed as the container would follow them:
 * they never lead out of the root. All opens are by openat2(RESOLVE_IN_ROOT) without magic links.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/* Opens path (absolute or relative: from the root) with O_PATH and these flags. */
int ctr_mount_path_open(int root_fd, const char *path, int flags);

/* As before, with no link at all on the way. */
int ctr_mount_path_open_plain(int root_fd, const char *path, int flags);

enum ctr_mount_path_kind {
    CTR_MOUNT_PATH_FOLDER,
    CTR_MOUNT_PATH_FILE,
};

/* Opens path with O_PATH after making what is missing: folders of mode 0755, or an empty file of
 * mode 0644 as the last part. A link that leads nowhere is followed and its target is made. */
int ctr_mount_path_make(int root_fd, const char *path, enum ctr_mount_path_kind kind);

/* Opens the folder that holds path's last part, making what is missing, and points *ret_name at
 * that part inside of path (no slash follows it). -ST_EINVAL for a path that ends in "/", "." or
 * "..". */
int ctr_mount_path_parent(int root_fd, const char *path, const char **ret_name);

/* The path without "." and "..", double or closing slashes, absolute. -ST_ENAMETOOLONG if it does
 * not fit. Pure, for comparing; never for opening. */
int ctr_mount_path_clean(const char *path, char *ret_path, size_t size);
