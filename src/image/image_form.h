/*
 * The form that an unpacked layer takes on disk: a folder for overlayfs; read-only file system
 * images are to come. A form gets a layer's entries one by one, checked and with OCI's whiteouts
 * understood, and makes something of them in the layer's folder. Private to the module.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "format/fmt_tar.h"

enum image_entry_kind {
    IMAGE_ENTRY_NODE,     /* what `tar` describes */
    IMAGE_ENTRY_WHITEOUT, /* `path` is not there any more, whatever lower layers have */
    IMAGE_ENTRY_OPAQUE,   /* the folder `path` hides all that lower layers have in it */
};

/* Paths are relative, without "." or "..", empty parts or a slash at the end; "" is the root. */
struct image_entry {
    enum image_entry_kind kind;
    const char *path;
    const char *link; /* of a hard link: as path; of a symbolic link: as it is */
    const struct fmt_tar_entry *tar;
};

struct image_form {
    const char *name; /* in the layer's record */

    /* Begins in an empty folder, which stays the caller's. All later calls come from the same
     * thread, whose umask is 0. */
    int (*begin)(int layer_fd, void **ret_state, struct st_err *err);

    /* One entry; its data follows if it is a file, then end. */
    int (*add)(void *state, const struct image_entry *entry, struct st_err *err);
    int (*data)(void *state, const uint8_t *bytes, size_t size, uint64_t offset,
                struct st_err *err);
    int (*end)(void *state, struct st_err *err);

    /* After the last entry. */
    int (*finish)(void *state, struct st_err *err);
    void (*free)(void *state); /* at any time; takes NULL */
};

/* `root/` below the layer's folder, ready to be an overlayfs lower folder. */
extern const struct image_form image_form_folder;
