/* Decompression: see image_inflate.h. */
#include "image/image_inflate.h"

#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#ifdef IMAGE_HAVE_ISAL
#include <isa-l/igzip_lib.h>
#else
#include <zlib.h>
#endif

#include "base/attr.h"

struct image_inflate {
    enum image_compression compression;
    bool between; /* a member or frame has ended and no other has begun */
    bool padding; /* only zeros may follow */
    ZSTD_DStream *zstd;
#ifdef IMAGE_HAVE_ISAL
    struct inflate_state gzip;
#else
    z_stream gzip;
    bool gzip_ready;
#endif
};

enum image_compression image_compression_of(const uint8_t *bytes, size_t size)
{
    static const uint8_t zstd_magic[] = {0x28, 0xb5, 0x2f, 0xfd};
    if (size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b) {
        return IMAGE_GZIP;
    }
    if (size >= 4 && memcmp(bytes, zstd_magic, sizeof(zstd_magic)) == 0) {
        return IMAGE_ZSTD;
    }
    /* A zstd stream may begin with a skippable frame. */
    if (size >= 4 && (bytes[0] & 0xf0) == 0x50 && bytes[1] == 0x2a && bytes[2] == 0x4d &&
        bytes[3] == 0x18) {
        return IMAGE_ZSTD;
    }
    return IMAGE_PLAIN;
}

#ifdef IMAGE_HAVE_ISAL

static void begin_member(struct image_inflate *z)
{
    isal_inflate_init(&z->gzip);
    z->gzip.crc_flag = ISAL_GZIP;
}

static int feed_gzip(struct image_inflate *z, const uint8_t *from, size_t size, uint8_t *to,
                     size_t room, size_t *ret_used, size_t *ret_made)
{
    const uint32_t max = 1U << 30;
    z->gzip.next_in = (uint8_t *)(uintptr_t)from;
    z->gzip.avail_in = (uint32_t)ST_MIN(size, (size_t)max);
    z->gzip.next_out = to;
    z->gzip.avail_out = (uint32_t)ST_MIN(room, (size_t)max);
    int r = isal_inflate(&z->gzip);
    *ret_used = (size_t)(z->gzip.next_in - from);
    *ret_made = (size_t)(z->gzip.next_out - to);
    z->between = z->gzip.block_state == ISAL_BLOCK_FINISH;
    return r == ISAL_DECOMP_OK || r == ISAL_END_INPUT || r == ISAL_OUT_OVERFLOW ? 0 : -ST_ECORRUPT;
}

static int init_gzip(struct image_inflate *z)
{
    (void)z;
    return 0;
}

static void done_gzip(struct image_inflate *z)
{
    (void)z;
}

#else

static void begin_member(struct image_inflate *z)
{
    inflateReset(&z->gzip);
}

static int feed_gzip(struct image_inflate *z, const uint8_t *from, size_t size, uint8_t *to,
                     size_t room, size_t *ret_used, size_t *ret_made)
{
    const uInt max = 1U << 30;
    z->gzip.next_in = (Bytef *)(uintptr_t)from;
    z->gzip.avail_in = (uInt)ST_MIN(size, (size_t)max);
    z->gzip.next_out = to;
    z->gzip.avail_out = (uInt)ST_MIN(room, (size_t)max);
    int r = inflate(&z->gzip, Z_NO_FLUSH);
    *ret_used = (size_t)(z->gzip.next_in - from);
    *ret_made = (size_t)(z->gzip.next_out - to);
    z->between = r == Z_STREAM_END;
    return r == Z_OK || r == Z_STREAM_END || r == Z_BUF_ERROR ? 0 : -ST_ECORRUPT;
}

static int init_gzip(struct image_inflate *z)
{
    z->gzip_ready = inflateInit2(&z->gzip, 15 + 16) == Z_OK;
    return z->gzip_ready ? 0 : -ST_ENOMEM;
}

static void done_gzip(struct image_inflate *z)
{
    if (z->gzip_ready) {
        inflateEnd(&z->gzip);
    }
}

#endif

int image_inflate_new(enum image_compression compression, struct image_inflate **ret_inflate)
{
    int r = 0;
    struct image_inflate *z = calloc(1, sizeof(*z));
    if (z == NULL) {
        return -ST_ENOMEM;
    }
    z->compression = compression;
    if (compression == IMAGE_GZIP) {
        r = init_gzip(z);
        if (r == 0) {
            begin_member(z);
        }
    } else if (compression == IMAGE_ZSTD) {
        z->zstd = ZSTD_createDStream();
        r = z->zstd == NULL ? -ST_ENOMEM : 0;
    }
    if (r < 0) {
        image_inflate_free(z);
        return r;
    }
    *ret_inflate = z;
    return 0;
}

struct image_inflate *image_inflate_free(struct image_inflate *z)
{
    if (z != NULL) {
        if (z->compression == IMAGE_GZIP) {
            done_gzip(z);
        }
        ZSTD_freeDStream(z->zstd);
        free(z);
    }
    return NULL;
}

static int feed_zstd(struct image_inflate *z, const uint8_t *from, size_t size, uint8_t *to,
                     size_t room, size_t *ret_used, size_t *ret_made)
{
    ZSTD_inBuffer in = {.src = from, .size = size};
    ZSTD_outBuffer out = {.dst = to, .size = room};
    size_t r = ZSTD_decompressStream(z->zstd, &out, &in);
    *ret_used = in.pos;
    *ret_made = out.pos;
    z->between = r == 0; /* a next frame, if one follows, begins by itself */
    return ZSTD_isError(r) != 0 ? -ST_ECORRUPT : 0;
}

static int feed_plain(const uint8_t *from, size_t size, uint8_t *to, size_t room, size_t *ret_used,
                      size_t *ret_made)
{
    size_t part = ST_MIN(size, room);
    memcpy(to, from, part);
    *ret_used = *ret_made = part;
    return 0;
}

/* After a gzip member: another one, or zeros up to the end as some writers pad with. */
static int next_member(struct image_inflate *z, const uint8_t *from, size_t size, size_t *ret_used)
{
    if (!z->padding && from[0] != 0) {
        begin_member(z);
        z->between = false;
        return 0;
    }
    z->padding = true;
    for (size_t i = 0; i < size; i++) {
        if (from[i] != 0) {
            return -ST_ECORRUPT;
        }
    }
    *ret_used = size;
    return 0;
}

int image_inflate_feed(struct image_inflate *z, const uint8_t *from, size_t size, uint8_t *to,
                       size_t room, size_t *ret_used, size_t *ret_made)
{
    *ret_used = *ret_made = 0;
    if (z->compression == IMAGE_PLAIN) {
        return feed_plain(from, size, to, room, ret_used, ret_made);
    }
    if (z->compression == IMAGE_ZSTD) {
        return size == 0 && z->between ? 0 : feed_zstd(z, from, size, to, room, ret_used, ret_made);
    }
    if (z->between) {
        if (size == 0) {
            return 0;
        }
        int r = next_member(z, from, size, ret_used);
        if (r < 0 || z->between) {
            return r;
        }
    }
    return feed_gzip(z, from, size, to, room, ret_used, ret_made);
}

bool image_inflate_ended(const struct image_inflate *z)
{
    return z->compression == IMAGE_PLAIN || z->between;
}
