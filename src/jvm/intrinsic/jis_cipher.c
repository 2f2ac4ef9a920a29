/*
 * com.sun.crypto.provider: AES's blocks, its modes of operation, and GHASH. A mode is taken where
 * its cipher is AES; others (DES ...) are the bytecode's.
 */
#include "jvm/intrinsic/jis_cipher.h"

#include <string.h>

#include "jvm/intrinsic/jis_cpu.h"
#include "jvm/intrinsic/jis_priv.h"
#include "jvm/runtime/jrt_symbol.h"

enum { BATCH = 8 * JIS_AES_BLOCK };

static struct jis_field key_words = {"K", "[I", 0};
static struct jis_field cipher_of = {"embeddedCipher", "Lcom/sun/crypto/provider/SymmetricCipher;",
                                     0};
static struct jis_field previous = {"r", "[B", 0};
static struct jis_field counter_bytes = {"counter", "[B", 0};
static struct jis_field key_stream = {"encryptedCounter", "[B", 0};
static struct jis_field used_of = {"used", "I", 0};

struct cipher {
    const uint32_t *key;
    unsigned rounds;
};

/* An AESCrypt's key. */
static bool take_cipher(const struct job_object *aes, struct cipher *ret)
{
    const struct job_array *words =
        aes != NULL ? (struct job_array *)jis_referred(&key_words, aes) : NULL;
    if (words == NULL || (words->length != 44 && words->length != 52 && words->length != 60)) {
        return false;
    }
    *ret = (struct cipher){.key = jis_ints(words, 0, words->length),
                           .rounds = (unsigned)words->length / 4 - 1};
    return true;
}

/* A mode's, if that is AES. */
static bool take_mode(const struct job_object *mode, struct cipher *ret)
{
    const struct job_object *cipher = mode != NULL ? jis_referred(&cipher_of, mode) : NULL;
    return cipher != NULL &&
           strcmp(jrt_text(jrt_class_of(cipher)->name), "com/sun/crypto/provider/AESCrypt") == 0 &&
           take_cipher(cipher, ret);
}

static void encrypt(const struct cipher *cipher, const uint8_t *from, uint8_t *to, size_t blocks)
{
    jis_aes_t *function = jis_cpu()->aes ? jis_aes_encrypt_cpu : jis_aes_encrypt;
    function(cipher->key, cipher->rounds, from, to, blocks);
}

static void decrypt(const struct cipher *cipher, const uint8_t *from, uint8_t *to, size_t blocks)
{
    jis_aes_t *function = jis_cpu()->aes ? jis_aes_decrypt_cpu : jis_aes_decrypt;
    function(cipher->key, cipher->rounds, from, to, blocks);
}

static void add(uint8_t *to, const uint8_t *a, const uint8_t *b, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        to[i] = a[i] ^ b[i];
    }
}

/* (byte[] in, int at, int count, byte[] out, int at) after `this`: both ranges, not of one array
 * unless they are the same, so that blocks may be read ahead. */
static bool take_ranges(const union jrt_slot *args, int32_t count, const uint8_t **ret_in,
                        uint8_t **ret_out)
{
    *ret_in = jis_bytes(jis_array(&args[1]), args[2].i, count);
    *ret_out = jis_bytes(jis_array(&args[4]), args[5].i, count);
    return *ret_in != NULL && *ret_out != NULL &&
           (args[1].ref.word != args[4].ref.word || args[2].i == args[5].i);
}

/* (byte[] in, int at, byte[] out, int at) */
static bool one_block(const union jrt_slot *args,
                      void (*work)(const struct cipher *, const uint8_t *, uint8_t *, size_t))
{
    struct cipher cipher;
    const uint8_t *in = jis_bytes(jis_array(&args[1]), args[2].i, JIS_AES_BLOCK);
    uint8_t *out = jis_bytes(jis_array(&args[3]), args[4].i, JIS_AES_BLOCK);
    if (in == NULL || out == NULL || !take_cipher(job_from_ref(args[0].ref), &cipher)) {
        return false;
    }
    work(&cipher, in, out, 1);
    return true;
}

JIS(aes_encrypt_block)
{
    return one_block(args, encrypt);
}

JIS(aes_decrypt_block)
{
    return one_block(args, decrypt);
}

static bool all_blocks(const union jrt_slot *args, union jrt_slot *result,
                       void (*work)(const struct cipher *, const uint8_t *, uint8_t *, size_t))
{
    struct cipher cipher;
    const uint8_t *in;
    uint8_t *out;
    int32_t count = args[3].i;
    if (count < 0 || count % JIS_AES_BLOCK != 0 || !take_ranges(args, count, &in, &out) ||
        !take_mode(job_from_ref(args[0].ref), &cipher)) {
        return false;
    }
    work(&cipher, in, out, (size_t)(uint32_t)count / JIS_AES_BLOCK);
    result->word = (uint32_t)count;
    return true;
}

JIS(ecb_encrypt)
{
    return all_blocks(args, result, encrypt);
}

JIS(ecb_decrypt)
{
    return all_blocks(args, result, decrypt);
}

/* What CBC needs: `chain` is the block before, kept in the mode. */
static bool take_cbc(const union jrt_slot *args, struct cipher *ret_cipher, const uint8_t **ret_in,
                     uint8_t **ret_out, uint8_t **ret_chain)
{
    const struct job_object *mode = job_from_ref(args[0].ref);
    int32_t count = args[3].i;
    if (count < 0 || count % JIS_AES_BLOCK != 0 || !take_ranges(args, count, ret_in, ret_out) ||
        !take_mode(mode, ret_cipher)) {
        return false;
    }
    *ret_chain = jis_bytes((struct job_array *)jis_referred(&previous, mode), 0, JIS_AES_BLOCK);
    return *ret_chain != NULL;
}

JIS(cbc_encrypt)
{
    struct cipher cipher;
    const uint8_t *in;
    uint8_t *out;
    uint8_t *chain;
    if (!take_cbc(args, &cipher, &in, &out, &chain)) {
        return false;
    }
    uint8_t block[JIS_AES_BLOCK];
    memcpy(block, chain, sizeof block);
    for (int32_t i = 0; i < args[3].i; i += JIS_AES_BLOCK) {
        add(block, block, in + i, sizeof block);
        encrypt(&cipher, block, block, 1);
        memcpy(out + i, block, sizeof block);
    }
    memcpy(chain, block, sizeof block);
    result->word = (uint32_t)args[3].i;
    return true;
}

JIS(cbc_decrypt)
{
    struct cipher cipher;
    const uint8_t *in;
    uint8_t *out;
    uint8_t *chain;
    if (!take_cbc(args, &cipher, &in, &out, &chain)) {
        return false;
    }
    uint8_t before[JIS_AES_BLOCK + BATCH]; /* what is added: the block before, then the blocks */
    memcpy(before, chain, JIS_AES_BLOCK);
    for (int32_t i = 0; i < args[3].i; i += BATCH) {
        size_t bytes = (size_t)(args[3].i - i < BATCH ? args[3].i - i : BATCH);
        uint8_t plain[BATCH];
        memcpy(before + JIS_AES_BLOCK, in + i, bytes);
        decrypt(&cipher, before + JIS_AES_BLOCK, plain, bytes / JIS_AES_BLOCK);
        add(out + i, plain, before, bytes);
        memmove(before, before + bytes, JIS_AES_BLOCK);
    }
    memcpy(chain, before, JIS_AES_BLOCK);
    result->word = (uint32_t)args[3].i;
    return true;
}

/* ---- counter mode ---- */

struct counting {
    struct cipher cipher;
    uint8_t *counter, *stream; /* a block each, of the mode */
    int32_t *used_at;          /* of the mode */
    int32_t used;              /* bytes of the stream */
};

static bool take_counting(const struct job_object *mode, struct counting *ret)
{
    uint32_t used_at = mode != NULL ? jis_offset(&used_of, mode) : 0;
    if (used_at == 0 || !take_mode(mode, &ret->cipher)) {
        return false;
    }
    ret->counter =
        jis_bytes((struct job_array *)jis_referred(&counter_bytes, mode), 0, JIS_AES_BLOCK);
    ret->stream = jis_bytes((struct job_array *)jis_referred(&key_stream, mode), 0, JIS_AES_BLOCK);
    ret->used_at = job_field(mode, used_at);
    ret->used = *ret->used_at; /* once: another thread may write it */
    return ret->counter != NULL && ret->stream != NULL && ret->used >= 0 &&
           ret->used <= JIS_AES_BLOCK;
}

static void increment(uint8_t counter[JIS_AES_BLOCK])
{
    for (unsigned i = JIS_AES_BLOCK; i-- > 0 && ++counter[i] == 0;) {
    }
}

JIS(ctr_crypt)
{
    struct counting c;
    const uint8_t *in;
    uint8_t *out;
    int32_t count = args[3].i;
    if (!take_ranges(args, count, &in, &out) || !take_counting(job_from_ref(args[0].ref), &c)) {
        return false;
    }
    int32_t at = 0;
    while (at < count && c.used < JIS_AES_BLOCK) {
        out[at] = in[at] ^ c.stream[c.used++];
        at++;
    }
    while (at < count) {
        uint8_t stream[BATCH];
        size_t bytes = (size_t)(count - at < BATCH ? count - at : BATCH);
        size_t blocks = (bytes + JIS_AES_BLOCK - 1) / JIS_AES_BLOCK;
        for (size_t i = 0; i < blocks; i++) {
            memcpy(stream + JIS_AES_BLOCK * i, c.counter, JIS_AES_BLOCK);
            increment(c.counter);
        }
        encrypt(&c.cipher, stream, stream, blocks);
        add(out + at, in + at, stream, bytes);
        memcpy(c.stream, stream + JIS_AES_BLOCK * (blocks - 1), JIS_AES_BLOCK);
        c.used = (int32_t)(bytes - JIS_AES_BLOCK * (blocks - 1));
        at += (int32_t)bytes;
    }
    *c.used_at = c.used;
    result->word = (uint32_t)count;
    return true;
}

/* (byte[] data, int from, int blocks, long[] state, long[] subkey) */
JIS(ghash_blocks)
{
    int32_t blocks = args[2].i;
    if (blocks < 0 || blocks > INT32_MAX / JIS_AES_BLOCK) {
        return false;
    }
    const uint8_t *data = jis_bytes(jis_array(&args[0]), args[1].i, JIS_AES_BLOCK * blocks);
    uint64_t *state = jis_longs(jis_array(&args[3]), 0, 2);
    const uint64_t *subkey = jis_longs(jis_array(&args[4]), 0, 2);
    if (data == NULL || state == NULL || subkey == NULL || state == subkey) {
        return false;
    }
    jis_ghash_t *function = jis_cpu()->clmul ? jis_ghash_cpu : jis_ghash;
    function(state, subkey, data, (size_t)(uint32_t)blocks);
    return true;
}
