/*
 * What an archive's entry means in a layer (image-spec, layer.md): its path made clean or refused,
 * whiteouts told from nodes. Pure. Private to the module.
 */
#pragma once

#include "image/image_form.h"

enum { IMAGE_PATH_SIZE = FMT_TAR_MAX_NAME + 1 };

/* Copies an archive's path without "./", doubled and leading slashes and a slash at the end. An
 * absolute path is below the layer's root. -ST_EINVAL for a path with "..", which could leave it.
 */
int image_entry_clean(const char *path, char ret_path[IMAGE_PATH_SIZE], struct st_err *err);

/* Understands one entry; `path` and `link` are room for the clean paths that it points to. Returns
 * 1, or 0 for one that means nothing (another program's own notes), or -ST_EINVAL. */
int image_entry_read(const struct fmt_tar_entry *tar, char path[IMAGE_PATH_SIZE],
                     char link[IMAGE_PATH_SIZE], struct image_entry *ret_entry, struct st_err *err);
