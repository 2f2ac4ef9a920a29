/*
 * The image store: names, images, and layers that are ready to mount.
 *
 * Images are kept in an OCI image layout (image-spec 1.1, image-layout.md) with one folder more for
 * the unpacked layers; docs/state.md describes it. All calls may be made by any number of processes
 * at once; a handle belongs to one thread at a time. Whatever a process that was killed left half
 * made is removed by the next image_store_open.
 *
 * Results follow base/err.h. Of note: -ST_ENOTFOUND for a name that is not there, -ST_ECONFLICT
 * where an instance or a second name stands in the way of a removal, -ST_ECORRUPT for an image
 * whose bytes are not what their digests say, -ST_ELIMIT for one that exceeds a limit.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

/* "sha256:" and 64 hexadecimal digits, with the closing zero. */
#define IMAGE_ID_SIZE 72

struct image_store;
struct spec_image_config;

/* Opens the store below data_dir (normally store_data_dir()), makes it when it is not there yet,
 * and sweeps what killed processes left behind. */
int image_store_open(const char *data_dir, struct image_store **ret_store, struct st_err *err);

/* Returns NULL; takes NULL. */
struct image_store *image_store_free(struct image_store *store);

/* ---- Images, as the engine needs them ---------------------------------------------------- */

enum image_layer_kind {
    IMAGE_LAYER_FOLDER, /* `path` is a folder for overlayfs's lowerdir= */
};

struct image_layer {
    char diff_id[IMAGE_ID_SIZE];
    enum image_layer_kind kind;
    char *path; /* absolute; nobody may change what is in it */
};

struct image {
    char id[IMAGE_ID_SIZE];       /* digest of the config: docker's image ID */
    char manifest[IMAGE_ID_SIZE]; /* digest of the manifest */
    char *name;                   /* as docker shows it ("busybox:latest"); NULL if found by ID */
    const struct spec_image_config *config; /* owned by the image */
    size_t layer_count;
    struct image_layer *layers; /* top to bottom, the order of overlayfs's lowerdir= */
    char *layers_dir; /* what all paths begin with (without the slash), for mount options that would
                         be too long otherwise */
};

/* Finds an image by name ("busybox", "busybox:1.35", "docker.io/library/busybox", "x@sha256:..."),
 * by ID or by an unambiguous beginning of its ID. -ST_ENOTFOUND: no such image. */
int image_find(struct image_store *store, const char *reference, struct image **ret_image,
               struct st_err *err);

/* As image_find, and records that the instance uses the image, so that neither a removal nor a
 * prune takes its layers away. An instance uses one image at most: -ST_EEXIST. */
int image_acquire(struct image_store *store, const char *reference, const char *instance_id,
                  struct image **ret_image, struct st_err *err);

/* Ends the use; it is no error if there was none. Call it when the instance is removed. */
int image_release(struct image_store *store, const char *instance_id, struct st_err *err);

/* Calls `each` for every recorded use, in no order; a negative result ends the walk and is
 * returned. The engine finds uses here that outlived their instance. */
typedef int image_use_fn(void *context, const char *instance_id, const char *image_id);
int image_each_use(struct image_store *store, image_use_fn *each, void *context,
                   struct st_err *err);

struct image *image_free(struct image *image);
static inline void st_cleanup_image(struct image **image)
{
    image_free(*image);
}

/* ---- Names ------------------------------------------------------------------------------- */

/* The full form of a name: "docker.io/library/busybox:latest" for "busybox". -ST_EINVAL for what is
 * no name. The caller frees. */
int image_name_full(const char *name, char **ret_full, struct st_err *err);

/* The form that docker shows: "busybox:latest". The caller frees; NULL when out of memory. */
char *image_name_short(const char *full);

/* ---- Listing ----------------------------------------------------------------------------- */

struct image_listed {
    char id[IMAGE_ID_SIZE];
    char manifest[IMAGE_ID_SIZE];
    char *repository;    /* as docker shows it; "<none>" for an image without a name */
    char *tag;           /* as docker shows it */
    int64_t created_s;   /* seconds since 1970, from the config; 0 if it does not say */
    uint64_t size_bytes; /* of all unpacked layers */
};

struct image_list {
    size_t count;
    struct image_listed *items; /* newest first */
};

int image_list_all(struct image_store *store, struct image_list *ret_list, struct st_err *err);
void image_list_done(struct image_list *list);
static inline void st_cleanup_image_list(struct image_list *list)
{
    image_list_done(list);
}

struct image_history_item {
    int64_t created_s;
    char *created_by;
    char *comment;
    uint64_t size_bytes; /* 0 for a step without a layer */
    bool is_top;         /* this row carries the image's ID */
};

struct image_history {
    char id[IMAGE_ID_SIZE];
    size_t count;
    struct image_history_item *items; /* newest first */
};

int image_history_of(struct image_store *store, const char *reference,
                     struct image_history *ret_history, struct st_err *err);
void image_history_done(struct image_history *history);
static inline void st_cleanup_image_history(struct image_history *history)
{
    image_history_done(history);
}

/* Appends docker's `image inspect` object (no brackets around it, no newline after it). */
int image_inspect(struct image_store *store, const char *reference, struct st_buf *to,
                  struct st_err *err);

/* ---- Changing ---------------------------------------------------------------------------- */

/* Gives the image that `reference` means the name `name` as well; a name that another image has
 * moves over. */
int image_tag(struct image_store *store, const char *reference, const char *name,
              struct st_err *err);

/* Called once for each line that a verb reports: "Untagged: x:latest", "Deleted: sha256:...",
 * "Loaded image: x:latest". */
typedef void image_report_fn(void *context, const char *line);

/* Takes a name away and, with the last one, the image and its layers; by ID all names at once.
 * -ST_ECONFLICT, unless `force`: an instance uses the image, or an ID has several names. With force
 * an image in use loses its names; its layers go with its last use. */
int image_remove(struct image_store *store, const char *reference, bool force,
                 image_report_fn *report, void *context, struct st_err *err);

/* Removes images without a name, with `all` those that no instance uses, and every layer and blob
 * that nothing needs. */
int image_prune(struct image_store *store, bool all, image_report_fn *report, void *context,
                uint64_t *ret_freed_bytes, struct st_err *err);

struct image_limits {           /* 0 in a field: the default */
    uint64_t max_layer_bytes;   /* of one uncompressed layer; default: what the disk has free */
    uint64_t max_layer_entries; /* default 4 million */
    uint32_t max_ratio;         /* of uncompressed to compressed bytes, looked at after the first
                                   256 MiB; default 250 */
};

/* Loads every image of a docker-archive, an oci-archive (both also compressed as a whole) or an OCI
 * layout folder, told apart by content. `path` NULL reads `fd`, a file or a pipe, which stays open.
 * On failure the store is as before. */
int image_load(struct image_store *store, const char *path, int fd,
               const struct image_limits *limits, image_report_fn *report, void *context,
               struct st_err *err);

enum image_archive {
    IMAGE_ARCHIVE_DOCKER, /* what docker and podman load: manifest.json, layers uncompressed */
    IMAGE_ARCHIVE_OCI,    /* the OCI layout as a tar */
};

/* Writes the images as one archive to fd. */
int image_save(struct image_store *store, const char *const *references, size_t count,
               enum image_archive format, int fd, struct st_err *err);

struct image_import {
    const char *name;        /* NULL: the image gets no name */
    const char *created_by;  /* for the history */
    const char *const *cmd;  /* ends with NULL; may be NULL */
    const char *const *env;  /* ends with NULL; may be NULL */
    const char *working_dir; /* may be NULL */
    const char *author;      /* may be NULL */
    int64_t created_s;
};

/* Makes an image of one layer from a tar (plain, gzip or zstd) that is read from fd to its end. */
int image_import_tar(struct image_store *store, int fd, const struct image_import *import,
                     const struct image_limits *limits, char ret_id[IMAGE_ID_SIZE],
                     struct st_err *err);

/* ---- First images, without a registry ------------------------------------------------------ */

/* Makes busybox:latest from the machine's static busybox. */
int image_bootstrap_busybox(struct image_store *store, char ret_id[IMAGE_ID_SIZE],
                            struct st_err *err);

struct image_bootstrap_debian { /* NULL in a member: the default */
    const char *suite;          /* the machine's own */
    const char *variant;        /* mmdebstrap's: minbase */
    const char *mirror;         /* mmdebstrap's choice */
    const char *include;        /* further packages, separated by commas; none */
};

/* Makes debian:VERSION and debian:latest with mmdebstrap, whose own messages go to standard error.
 * -ST_ENOTFOUND, with the package to install as hint, when there is no mmdebstrap. */
int image_bootstrap_debian(struct image_store *store, const struct image_bootstrap_debian *options,
                           char ret_id[IMAGE_ID_SIZE], struct st_err *err);

/* Brings the kernel of virtual machines into the store: Debian's newest cloud kernel that apt
 * knows, with the modules that a machine of ours loads. Appends a line, without its end, that says
 * what was done; one that is there already is left alone. Messages of apt and dpkg-deb go to
 * standard error. -ST_ENOTFOUND: no apt, or no such package. */
int image_bootstrap_kernel(struct image_store *store, struct st_buf *ret_line, struct st_err *err);

/* ---- What a virtual machine of an image boots --------------------------------------------- */

struct image_boot {
    char *kernel; /* absolute paths in the store */
    char *initrd; /* the kernel's modules and process 1 */
};

/* Finds the kernel that image_bootstrap_kernel brought, and the initial RAM file system for it and
 * the program at init_path (strata-guest-init), which is made when the store has none of them yet.
 * A newer kernel in the store takes both files away: open them soon. -ST_ENOTFOUND, with the
 * command that helps as hint: there is no kernel; -ST_EVERSION: another version of Strata put it
 * there. */
int image_boot_find(struct image_store *store, const char *init_path, struct image_boot *ret_boot,
                    struct st_err *err);
void image_boot_done(struct image_boot *boot);

/* Finds the image's merged layers as a read-only EROFS disk; one is made, with mkfs.erofs, when the
 * store has none for these layers yet. It lives as long as an image has these layers: acquire the
 * image. *ret_path is absolute; the caller frees. -ST_ENOTFOUND, with the package to install as
 * hint: there is no mkfs.erofs; -ST_ELIMIT: more layers than can be mounted at once (some 50). */
int image_root_find(struct image_store *store, const struct image *image, char **ret_path,
                    struct st_err *err);
