/*
 * One layer from its archive into the store's form, in one pass over the bytes:
 *
 *     caller's thread                                      second thread
 *     read -> digest -> blob file -> decompress -> diff ID -> | tar -> files
 *
 * Everything is made inside a work folder of the caller's; only the caller moves it to where others
 * see it. Private to the module.
 */
#pragma once

#include <sys/types.h>

#include "image/image.h"
#include "image/image_inflate.h"

/* Where bytes come from: returns how many it read, 0 at the end, or -errno. */
typedef ssize_t image_read_fn(void *context, void *to, size_t size);

struct image_range { /* a part of a file, as an image_read_fn's context */
    int fd;
    uint64_t offset;
    uint64_t left;
};
ssize_t image_range_read(void *context, void *to, size_t size);

struct image_layer_job {
    image_read_fn *read;
    void *read_context;
    const char *wanted_digest;  /* of the bytes as they are read; NULL: any */
    const char *wanted_diff_id; /* of the tar in them; NULL: any */
    const char *label;          /* for messages */
    int work_fd;                /* the folder `name` and the file `blob_name` are made here */
    char name[24];
    char blob_name[24];
    struct image_limits limits; /* no field is 0 */

    /* What came out. */
    enum image_compression compression;
    char digest[IMAGE_ID_SIZE];
    char diff_id[IMAGE_ID_SIZE];
    uint64_t blob_bytes;
    uint64_t tar_bytes;
    uint64_t file_bytes;
    uint64_t entries;
};

/* Does it; on failure what was made stays in the work folder. -ST_ECORRUPT for a layer that is torn
 * or not what it was said to be, -ST_EINVAL for entries that are refused, -ST_ELIMIT. */
int image_layer_make(struct image_layer_job *job, struct st_err *err);

/* Fills in the defaults; those that depend on the disk from the file system of dir_fd. */
int image_limits_complete(struct image_limits *limits, int dir_fd, struct st_err *err);
