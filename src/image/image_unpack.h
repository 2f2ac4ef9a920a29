/*
 * Unpacking a layer's tar stream into a form, within limits. Private to the module. All calls for
 * one layer come from one thread, whose umask is 0.
 */
#pragma once

#include "image/image_form.h"

struct image_unpack_limits {
    uint64_t max_bytes; /* of file data */
    uint64_t max_entries;
};

struct image_unpack;

/* Begins in layer_fd, an empty folder of the caller's. */
int image_unpack_new(const struct image_form *form, int layer_fd,
                     const struct image_unpack_limits *limits, struct image_unpack **ret_unpack,
                     struct st_err *err);

/* The next bytes of the tar. */
int image_unpack_feed(struct image_unpack *unpack, const uint8_t *bytes, size_t size,
                      struct st_err *err);

/* The stream is over. Says how many bytes the layer's files have and how many entries there were.
 */
int image_unpack_finish(struct image_unpack *unpack, uint64_t *ret_bytes, uint64_t *ret_entries,
                        struct st_err *err);

/* Returns NULL; takes NULL. */
struct image_unpack *image_unpack_free(struct image_unpack *unpack);
