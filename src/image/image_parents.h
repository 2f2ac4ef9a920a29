/*
 * Open folders of a layer that is being unpacked, by their paths: entries of an archive mostly
 * stand beside the one before. Every folder is opened with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS,
 * so no link in the layer, however it came there, leads anywhere. Private to the module.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { IMAGE_PARENTS = 16 };

struct image_parents {
    int root_fd; /* the caller's */
    unsigned clock;
    struct {
        int fd;
        unsigned used; /* the clock's value then; 0: free */
        char *path;
    } slots[IMAGE_PARENTS];
};

void image_parents_init(struct image_parents *parents, int root_fd);
void image_parents_done(struct image_parents *parents);

/* Forgets the folder path and those below it, because it was removed. */
void image_parents_forget(struct image_parents *parents, const char *path);

/* The folder that path stands in (an O_PATH descriptor that stays ours and is valid until the next
 * call but one) and the last part of path. With `make`, folders that are not there are made, as
 * root with mode 0755. -ST_ENOENT; -ST_ELOOP when a part is a link; -ST_ENOTDIR. */
int image_parents_of(struct image_parents *parents, const char *path, bool make, int *ret_fd,
                     const char **ret_name);
