/*
 * sun.security.provider: the block functions of MessageDigests. Their state is an array in a field
 * of the digest.
 */
#include "jvm/intrinsic/jis_digest.h"

#include <string.h>

#include "jvm/intrinsic/jis_priv.h"
#include "jvm/runtime/jrt_symbol.h"

static struct jis_field state_ints = {"state", "[I", 0};
static struct jis_field state_longs = {"state", "[J", 0};
static struct jis_field state_bytes = {"state", "[B", 0};
static struct jis_field buffer = {"buffer", "[B", 0};
static struct jis_field block_size = {"blockSize", "I", 0};

enum kind { MD5, SHA1, SHA256, SHA512, SHA3, KINDS };

static uint32_t *ints_of(const struct job_object *digest, int32_t count)
{
    return jis_ints((struct job_array *)jis_referred(&state_ints, digest), 0, count);
}

/* Compresses `blocks` blocks of `args[1]` from `from` on. false: something is not as it should be,
 * and nothing was done. */
static bool compress(enum kind kind, const struct job_object *digest, const struct job_array *array,
                     int32_t from, int32_t bytes, int32_t block)
{
    const uint8_t *data = jis_bytes(array, from, bytes);
    size_t count = (size_t)(uint32_t)bytes / (size_t)(uint32_t)block;
    if (data == NULL) {
        return false;
    }
    if (kind == SHA512) {
        struct job_array *longs = (struct job_array *)jis_referred(&state_longs, digest);
        uint64_t *state = jis_longs(longs, 0, 8);
        if (state != NULL) {
            jis_sha512(state, data, count);
        }
        return state != NULL;
    }
    if (kind == SHA3) {
        struct job_array *state_array = (struct job_array *)jis_referred(&state_bytes, digest);
        uint8_t *state = jis_bytes(state_array, 0, 200);
        if (state != NULL) {
            jis_sha3(state, (size_t)(uint32_t)block, data, count);
        }
        return state != NULL;
    }
    uint32_t *state = ints_of(digest, kind == SHA256 ? 8 : kind == SHA1 ? 5 : 4);
    if (state == NULL) {
        return false;
    }
    jis_compress_t *function = kind == SHA256 ? jis_sha256_best()
                               : kind == SHA1 ? jis_sha1_best()
                                              : jis_md5;
    function(state, data, count);
    return true;
}

/* (byte[] data, int from): one block. */
static bool one_block(enum kind kind, int32_t block, const union jrt_slot *args)
{
    const struct job_object *digest = job_from_ref(args[0].ref);
    return digest != NULL && compress(kind, digest, jis_array(&args[1]), args[2].i, block, block);
}

JIS(md5_block)
{
    return one_block(MD5, 64, args);
}

JIS(sha1_block)
{
    return one_block(SHA1, 64, args);
}

JIS(sha256_block)
{
    return one_block(SHA256, 64, args);
}

JIS(sha512_block)
{
    return one_block(SHA512, 128, args);
}

static bool is_sha3_block(int32_t block)
{
    return block > 0 && block < 200 && block % 8 == 0;
}

/* As many bytes as the digest's buffer has. */
JIS(sha3_block)
{
    const struct job_object *digest = job_from_ref(args[0].ref);
    const struct job_array *whole =
        digest != NULL ? (struct job_array *)jis_referred(&buffer, digest) : NULL;
    return whole != NULL && is_sha3_block(whole->length) && one_block(SHA3, whole->length, args);
}

/* Which of the digests an object is, by the class of the library that it extends; KINDS: another.
 */
static enum kind kind_of(const struct job_object *digest)
{
    static const char *const names[KINDS] = {[MD5] = "sun/security/provider/MD5",
                                             [SHA1] = "sun/security/provider/SHA",
                                             [SHA256] = "sun/security/provider/SHA2",
                                             [SHA512] = "sun/security/provider/SHA5",
                                             [SHA3] = "sun/security/provider/SHA3"};
    for (const struct jrt_class *class = jrt_class_of(digest); class->super != 0;
         class = jrt_class_at(class->super)) {
        for (unsigned i = 0; i < KINDS; i++) {
            if (strcmp(jrt_text(class->name), names[i]) == 0) {
                return (enum kind)i;
            }
        }
    }
    return KINDS;
}

/* (byte[] data, int from, int limit): blocks that begin at `from` to `limit`; where it stopped. */
JIS(digest_blocks)
{
    const struct job_object *digest = job_from_ref(args[0].ref);
    uint32_t at = digest != NULL ? jis_offset(&block_size, digest) : 0;
    int32_t block = at != 0 ? *(const int32_t *)job_field(digest, at) : 0;
    int32_t from = args[2].i;
    int32_t limit = args[3].i;
    if (block <= 0 || from < 0 || limit < from || limit > INT32_MAX - block) {
        return false;
    }
    enum kind kind = kind_of(digest);
    if (kind == KINDS ||
        (kind == SHA3 ? !is_sha3_block(block) : block != (kind == SHA512 ? 128 : 64))) {
        return false;
    }
    int32_t bytes = (limit - from) / block * block + block;
    if (!compress(kind, digest, jis_array(&args[1]), from, bytes, block)) {
        return false;
    }
    result->word = (uint32_t)(from + bytes);
    return true;
}
