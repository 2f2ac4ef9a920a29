/*
 * Where images are loaded from, as a set of files with names: a folder, or a tar archive that is a
 * regular file (others, and compressed ones, are copied into the work folder first, so that an
 * index at the archive's end is found before the layers are read). Names are the source's and are
 * not trusted. Private to the module.
 */
#pragma once

#include "image/image_layer.h"

struct image_source;

/* path NULL: fd, which stays the caller's. */
int image_source_open(const char *path, int fd, int work_fd, const struct image_limits *limits,
                      struct image_source **ret_source, struct st_err *err);
/* Returns NULL; takes NULL. */
struct image_source *image_source_free(struct image_source *source);

/* A file of the source as a range, valid as long as the source. Links in the source are followed
 * within it. -ST_ENOTFOUND. */
int image_source_find(struct image_source *source, const char *name, struct image_range *ret_range,
                      struct st_err *err);
bool image_source_has(struct image_source *source, const char *name);

/* Reads a whole small file; `to` has the limit. */
int image_source_read(struct image_source *source, const char *name, struct st_buf *to,
                      struct st_err *err);

/* The last part of the path it was opened by, without a suffix such as .tar.gz; NULL if there was
 * none. */
const char *image_source_base(const struct image_source *source);
