/* The open store, and its index, as the files of this module share them. */
#pragma once

#include "image/image.h"
#include "spec/spec_image.h"
#include "store/store_digest.h"
#include "store/store_work.h"
#include "json/json_bind.h"

/* What the file `package` of the folder `kernel` begins with; the package's file name follows. */
#define IMAGE_KERNEL_RECORD "strata-kernel 1 "

struct image_store {
    char *path;    /* absolute, of the folder images/ */
    int fd;        /* images/ */
    int blobs_fd;  /* images/blobs/sha256 */
    int layers_fd; /* images/layers */
    int work_fd;   /* images/work */
    int uses_fd;   /* images/uses */
    int lock_fd;   /* images/lock: held shared while the index is read together with what it names,
                      exclusive while it changes */
    int keep_fd; /* images/keep: held shared from looking for a blob or layer that is there already
                    to naming it in the index, exclusive (without waiting) while unreferenced ones
                    are removed */
};

/* A lock that ends with its scope. Each is an open file description's own, so it is re-entrant
 * nowhere: functions that want the lock held say so. */
struct image_lock {
    int fd;
};
int image_lock_take(const struct image_store *store, int operation, struct image_lock *ret_lock,
                    struct st_err *err);
void image_lock_drop(struct image_lock *lock);
static inline void st_cleanup_image_lock(struct image_lock *lock)
{
    image_lock_drop(lock);
}

/* Removes every blob and layer that the index does not need, unless another command may be about to
 * need one: returns 0 and leaves it to a later sweep then (*ret_done is false). The exclusive lock
 * is held. What is removed first moves into the work folder. */
int image_collect(struct image_store *store, struct store_work *work, bool *ret_done,
                  uint64_t *freed_bytes, struct st_err *err);

/* ---- The index: which names mean which manifest ------------------------------------------- */

/* One descriptor of index.json. */
struct image_name {
    const char *full; /* "docker.io/library/x:latest"; NULL: the image has no name */
    const char *manifest;
    const char *id;
    int64_t manifest_size;
    int64_t created_s; /* of the image */
    uint64_t bytes;    /* of its layers' files */
    bool orphan;       /* removed, but still in use: not to be seen */
};

struct image_index {
    struct json_doc *doc; /* owns all texts */
    size_t count;
    size_t capacity;
    struct image_name *names;
};

/* Reads index.json; a store without one has an empty index. Some lock is held. */
int image_index_read(struct image_store *store, struct image_index *ret_index, struct st_err *err);
/* Replaces index.json, durably. The exclusive lock is held. */
int image_index_write(struct image_store *store, const struct image_index *index,
                      struct st_err *err);
/* Adds a name (its texts are copied) after taking it from who has it now; a nameless entry is added
 * only if the image has none. */
int image_index_add(struct image_index *index, const struct image_name *name);
/* Removes the entry, keeping the order of the others. */
void image_index_drop(struct image_index *index, size_t at);
/* How many entries the image has. */
size_t image_index_count(const struct image_index *index, const char *id);
void image_index_done(struct image_index *index);
static inline void st_cleanup_image_index(struct image_index *index)
{
    image_index_done(index);
}

/* What a reference means: the position of a name, or of any name of the image with that ID. Sets
 * *ret_by_id for the latter. -ST_ENOTFOUND, -ST_EINVAL, -ST_ECONFLICT (an ambiguous ID). */
int image_index_find(const struct image_index *index, const char *reference, size_t *ret_at,
                     bool *ret_by_id, struct st_err *err);

/* Reads the manifest or the config of an entry. The caller frees. */
int image_read_manifest(struct image_store *store, const char *digest,
                        struct spec_manifest **ret_manifest, struct st_err *err);
int image_read_config(struct image_store *store, const char *digest,
                      struct spec_image_config **ret_config, struct st_err *err);

/* The first instance that uses the image: *ret_instance is NULL if none does; the caller frees. */
int image_first_use(struct image_store *store, const char *id, char **ret_instance,
                    struct st_err *err);

/* The digest that names the disk of an image's merged layers in `roots`: 0 or -errno. */
int image_root_digest(const struct spec_image_config *config, char ret_digest[STORE_DIGEST_SIZE]);

/* Seconds since 1970 of an RFC 3339 time, 0 for what is none. */
int64_t image_time_parse(const char *text);
