/* Folders: walking, making and removing. Any thread. */
#pragma once

#include <dirent.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/heap.h"

struct os_dir; /* an open folder being read */

/* Opens dir/path (a link as last part is not followed unless path is "."). The caller frees it. */
int os_dir_open(int dir, const char *path, struct os_dir **ret_dir);

/* Takes ownership of an open folder's descriptor, also on failure. */
int os_dir_from_fd(int fd, struct os_dir **ret_dir);

/* The next entry but "." and "..", with its type (DT_*); its name is valid until the next call.
 * Returns 1, 0 at the end, or -errno. */
int os_dir_next(struct os_dir *dir, const char **ret_name, unsigned char *ret_type);

/* The folder's descriptor, for calls relative to it. */
int os_dir_fd(const struct os_dir *dir);

void os_dir_free(struct os_dir *dir);

static inline void st_cleanup_os_dir(struct os_dir **dir)
{
    os_dir_free(*dir);
}

/* Makes a folder and the missing ones above it, with this mode. 0 when it is there already. */
int os_make_dirs(int dir, const char *path, mode_t mode);

/* Removes dir/path with all below it, following no link and crossing no mount. 0 when it is not
 * there. */
int os_remove_tree(int dir, const char *path);
