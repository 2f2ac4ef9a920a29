/* SHA-1 and the SHA-2 family (FIPS 180-4). */
#include "hash/sha256.h"
#include "jvm/intrinsic/jis_cpu.h"
#include "jvm/intrinsic/jis_digest.h"
#include "jvm/intrinsic/jis_priv.h"

static inline uint32_t left(uint32_t word, unsigned by)
{
    return word << by | word >> (32 - by);
}

static inline uint64_t right64(uint64_t word, unsigned by)
{
    return word >> by | word << (64 - by);
}

static inline __attribute__((always_inline)) void sha1_steps(unsigned round, uint32_t w[16],
                                                             uint32_t s[5])
{
    static const uint32_t constants[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
#pragma GCC unroll 20
    for (unsigned i = 20 * round; i < 20 * round + 20; i++) {
        if (i >= 16) {
            w[i % 16] = left(w[(i + 13) % 16] ^ w[(i + 8) % 16] ^ w[(i + 2) % 16] ^ w[i % 16], 1);
        }
        uint32_t mixed = round == 0   ? s[3] ^ (s[1] & (s[2] ^ s[3]))
                         : round == 2 ? (s[1] & s[2]) | (s[3] & (s[1] | s[2]))
                                      : s[1] ^ s[2] ^ s[3];
        uint32_t next = left(s[0], 5) + mixed + s[4] + constants[round] + w[i % 16];
        s[4] = s[3];
        s[3] = s[2];
        s[2] = left(s[1], 30);
        s[1] = s[0];
        s[0] = next;
    }
}

void jis_sha1(uint32_t state[5], const uint8_t *blocks, size_t count)
{
    for (; count > 0; count--, blocks += 64) {
        uint32_t w[16];
        for (unsigned i = 0; i < 16; i++) {
            w[i] = jis_load_be32(blocks + (size_t)4 * i);
        }
        uint32_t s[5] = {state[0], state[1], state[2], state[3], state[4]};
        sha1_steps(0, w, s);
        sha1_steps(1, w, s);
        sha1_steps(2, w, s);
        sha1_steps(3, w, s);
        for (unsigned i = 0; i < 5; i++) {
            state[i] += s[i];
        }
    }
}

/* The first bits of the fractional parts of the cube roots of the first primes. */
static const uint64_t sha512_constants[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
    0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
    0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
    0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
    0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
    0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
    0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
    0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
    0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
    0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
    0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
    0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
    0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
    0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
    0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
};

void jis_sha512(uint64_t state[8], const uint8_t *blocks, size_t count)
{
    for (; count > 0; count--, blocks += 128) {
        uint64_t w[80];
        for (unsigned i = 0; i < 16; i++) {
            w[i] = jis_load_be64(blocks + (size_t)8 * i);
        }
        for (unsigned i = 16; i < 80; i++) {
            uint64_t x = w[i - 15];
            uint64_t y = w[i - 2];
            w[i] = w[i - 16] + (right64(x, 1) ^ right64(x, 8) ^ x >> 7) + w[i - 7] +
                   (right64(y, 19) ^ right64(y, 61) ^ y >> 6);
        }
        uint64_t s[8];
        __builtin_memcpy(s, state, sizeof s);
#pragma GCC unroll 8
        for (unsigned i = 0; i < 80; i++) {
            uint64_t e = s[4];
            uint64_t a = s[0];
            uint64_t first = s[7] + (right64(e, 14) ^ right64(e, 18) ^ right64(e, 41)) +
                             (s[6] ^ (e & (s[5] ^ s[6]))) + sha512_constants[i] + w[i];
            uint64_t second = (right64(a, 28) ^ right64(a, 34) ^ right64(a, 39)) +
                              ((a & s[1]) | (s[2] & (a | s[1])));
            s[7] = s[6];
            s[6] = s[5];
            s[5] = e;
            s[4] = s[3] + first;
            s[3] = s[2];
            s[2] = s[1];
            s[1] = a;
            s[0] = first + second;
        }
        for (unsigned i = 0; i < 8; i++) {
            state[i] += s[i];
        }
    }
}

jis_compress_t *jis_sha1_best(void)
{
    return jis_cpu()->sha ? jis_sha1_cpu : jis_sha1;
}

jis_compress_t *jis_sha256_best(void)
{
    return jis_cpu()->sha ? jis_sha256_cpu : hash_sha256_blocks;
}
