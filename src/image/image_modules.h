/* Modules that a virtual machine's initial RAM file system loads. Private to the module. */
#pragma once

#include "base/err.h"

/* Copies the modules that a virtual machine of ours needs, and those that they need, from an
 * unpacked tree (tree_fd is its lib/modules/RELEASE, tree_path the same folder for messages and
 * programs) into to_fd as NN-NAME.ko: the order of the names is the order of loading. Dependencies
 * are what the modules themselves say (format/fmt_modinfo.h). Nothing is synced. Returns how many;
 * -ST_ENOTFOUND: the tree lacks one. */
int image_modules_take(int tree_fd, const char *tree_path, int to_fd, struct st_err *err);
