/* SHA-256: see sha256.h. The names of variables and the order of steps are those of FIPS 180-4,
 * section 6.2. */
#include "hash/sha256.h"

#include "base/attr.h"

const uint32_t hash_sha256_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t rotate_right(uint32_t x, unsigned n)
{
    return (x >> n) | (x << (32 - n));
}

static inline uint32_t load_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void schedule(const uint8_t *block, uint32_t w[64])
{
    for (unsigned t = 0; t < 16; t++) {
        w[t] = load_be32(block + (size_t)4 * t);
    }
    for (unsigned t = 16; t < 64; t++) {
        uint32_t s0 = rotate_right(w[t - 15], 7) ^ rotate_right(w[t - 15], 18) ^ (w[t - 15] >> 3);
        uint32_t s1 = rotate_right(w[t - 2], 17) ^ rotate_right(w[t - 2], 19) ^ (w[t - 2] >> 10);
        w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
}

/* A round. Instead of moving the eight variables on by one place, the next round (turn, modulo
 * eight) calls them by other names: V(n) is variable n of this one. */
static inline __attribute__((always_inline)) void compress_round(uint32_t v[8], unsigned turn,
                                                                 uint32_t word_and_constant)
{
#define V(n) v[((n)-turn) & 7]
    uint32_t sum1 = rotate_right(V(4), 6) ^ rotate_right(V(4), 11) ^ rotate_right(V(4), 25);
    uint32_t choose = (V(4) & V(5)) ^ (~V(4) & V(6));
    uint32_t t1 = V(7) + sum1 + choose + word_and_constant;
    uint32_t sum0 = rotate_right(V(0), 2) ^ rotate_right(V(0), 13) ^ rotate_right(V(0), 22);
    uint32_t majority = (V(0) & V(1)) ^ (V(0) & V(2)) ^ (V(1) & V(2));
    V(3) += t1;
    V(7) = t1 + sum0 + majority;
#undef V
}

static void compress(uint32_t state[8], const uint8_t *block)
{
    uint32_t w[64];
    uint32_t v[8];
    schedule(block, w);
    for (unsigned i = 0; i < 8; i++) {
        v[i] = state[i];
    }
    /* Eight rounds bring each variable back to its own place, so that they stay in registers. */
    for (unsigned t = 0; t < 64; t += 8) {
        compress_round(v, 0, w[t] + hash_sha256_constants[t]);
        compress_round(v, 1, w[t + 1] + hash_sha256_constants[t + 1]);
        compress_round(v, 2, w[t + 2] + hash_sha256_constants[t + 2]);
        compress_round(v, 3, w[t + 3] + hash_sha256_constants[t + 3]);
        compress_round(v, 4, w[t + 4] + hash_sha256_constants[t + 4]);
        compress_round(v, 5, w[t + 5] + hash_sha256_constants[t + 5]);
        compress_round(v, 6, w[t + 6] + hash_sha256_constants[t + 6]);
        compress_round(v, 7, w[t + 7] + hash_sha256_constants[t + 7]);
    }
    for (unsigned i = 0; i < 8; i++) {
        state[i] += v[i];
    }
}

void hash_sha256_blocks(uint32_t state[8], const uint8_t *blocks, size_t count)
{
    for (; count > 0; count--, blocks += 64) {
        compress(state, blocks);
    }
}

void hash_sha256_init(struct hash_sha256 *hash)
{
    static const uint32_t initial[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    };
    __builtin_memcpy(hash->state, initial, sizeof(initial));
    hash->length_bytes = 0;
}

void hash_sha256_add(struct hash_sha256 *hash, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    size_t waiting = hash->length_bytes % 64;
    hash->length_bytes += size;
    if (waiting > 0) {
        size_t part = ST_MIN(size, 64 - waiting);
        __builtin_memcpy(hash->block + waiting, at, part);
        at += part;
        size -= part;
        if (waiting + part < 64) {
            return;
        }
        compress(hash->state, hash->block);
    }
    hash_sha256_blocks(hash->state, at, size / 64);
    if (size % 64 > 0) {
        __builtin_memcpy(hash->block, at + size / 64 * 64, size % 64);
    }
}

void hash_sha256_end(struct hash_sha256 *hash, uint8_t ret_digest[HASH_SHA256_SIZE])
{
    static const uint8_t padding[64] = {0x80};
    uint8_t length[8];
    uint64_t bits = hash->length_bytes * 8;
    size_t waiting = hash->length_bytes % 64;
    for (unsigned i = 0; i < 8; i++) {
        length[i] = (uint8_t)(bits >> (56 - 8 * i));
    }
    hash_sha256_add(hash, padding, waiting < 56 ? 56 - waiting : 120 - waiting);
    hash_sha256_add(hash, length, sizeof(length));
    for (unsigned i = 0; i < HASH_SHA256_SIZE; i++) {
        ret_digest[i] = (uint8_t)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
    }
}

void hash_sha256_of(const void *bytes, size_t size, uint8_t ret_digest[HASH_SHA256_SIZE])
{
    struct hash_sha256 hash;
    hash_sha256_init(&hash);
    hash_sha256_add(&hash, bytes, size);
    hash_sha256_end(&hash, ret_digest);
}

void hash_sha256_hex(const uint8_t digest[HASH_SHA256_SIZE],
                     char ret_text[2 * HASH_SHA256_SIZE + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (unsigned i = 0; i < HASH_SHA256_SIZE; i++) {
        ret_text[2 * i] = digits[digest[i] >> 4];
        ret_text[2 * i + 1] = digits[digest[i] & 15];
    }
    ret_text[2 * (size_t)HASH_SHA256_SIZE] = '\0';
}
