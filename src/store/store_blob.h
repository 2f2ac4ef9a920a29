/*
 * Blobs by their digest, in the layout of OCI's image-spec (`blobs/sha256/HEX`). A blob is written
 * into a work folder and moves to its place when its digest is known, so what is there is whole.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "store/store_digest.h"

/* Keeps dir/name as the blob `digest`, which the caller computed from the same bytes. blobs_fd is
 * the folder blobs/sha256. It is no error if the blob is there already. Not durable by itself. */
int store_blob_keep(int blobs_fd, const char *digest, int dir_fd, const char *name,
                    struct st_err *err);

/* Writes a small blob, by way of the work folder. */
int store_blob_put(int blobs_fd, int work_fd, const void *bytes, size_t size,
                   char ret_digest[STORE_DIGEST_SIZE], struct st_err *err);

/* Reads a whole blob of at most to->max bytes and checks its digest: -ST_ECORRUPT when it is
 * another, -ST_ENOTFOUND when there is none. */
int store_blob_read(int blobs_fd, const char *digest, struct st_buf *to, struct st_err *err);

/* Opens a blob for reading; -ST_ENOTFOUND. */
int store_blob_open(int blobs_fd, const char *digest, int *ret_fd, uint64_t *ret_size,
                    struct st_err *err);

bool store_blob_exists(int blobs_fd, const char *digest);
