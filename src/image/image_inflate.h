/*
 * Decompression of gzip (by igzip where it was built in, else zlib) and zstd, as a stream. What the
 * stream is follows from its first bytes, not from what anybody claims. Private to the module; one
 * thread a stream.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum image_compression {
    IMAGE_PLAIN,
    IMAGE_GZIP,
    IMAGE_ZSTD,
};

enum { IMAGE_MAGIC_BYTES = 4 };

/* By the first bytes (fewer than IMAGE_MAGIC_BYTES at the end of a short input). */
enum image_compression image_compression_of(const uint8_t *bytes, size_t size);

struct image_inflate;

int image_inflate_new(enum image_compression compression, struct image_inflate **ret_inflate);
/* Returns NULL; takes NULL. */
struct image_inflate *image_inflate_free(struct image_inflate *inflate);

/* Uses up some of the input and makes some output: says how much of each. Output that isn't full
 * and input that is used up mean that more input is needed. -ST_ECORRUPT, -ST_ENOMEM. */
int image_inflate_feed(struct image_inflate *inflate, const uint8_t *from, size_t size, uint8_t *to,
                       size_t room, size_t *ret_used, size_t *ret_made);

/* Did the input end where the stream does? */
bool image_inflate_ended(const struct image_inflate *inflate);
