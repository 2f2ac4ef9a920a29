/* MD5 (RFC 1321). */
#include "jvm/intrinsic/jis_digest.h"
#include "jvm/intrinsic/jis_priv.h"

/* The whole part of 2^32 |sin(i + 1)|. */
static const uint32_t sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

static inline uint32_t rotate(uint32_t word, unsigned by)
{
    return word << by | word >> (32 - by);
}

static inline uint32_t mix(unsigned round, uint32_t b, uint32_t c, uint32_t d)
{
    switch (round) {
    case 0:
        return d ^ (b & (c ^ d));
    case 1:
        return c ^ (d & (b ^ c));
    case 2:
        return b ^ c ^ d;
    default:
        return c ^ (b | ~d);
    }
}

static inline __attribute__((always_inline)) void steps(unsigned round, const uint8_t *block,
                                                        uint32_t s[4])
{
    static const uint8_t shifts[4][4] = {
        {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
    static const uint8_t strides[4] = {1, 5, 3, 7};
    static const uint8_t firsts[4] = {0, 1, 5, 0};
    uint32_t a = s[0];
    uint32_t b = s[1];
    uint32_t c = s[2];
    uint32_t d = s[3];
#pragma GCC unroll 16
    for (unsigned i = 0; i < 16; i++) {
        uint32_t word = jis_load_le32(block + 4 * ((firsts[round] + strides[round] * i) % 16));
        uint32_t sum = a + mix(round, b, c, d) + word + sines[16 * round + i];
        a = d;
        d = c;
        c = b;
        b += rotate(sum, shifts[round][i % 4]);
    }
    s[0] = a;
    s[1] = b;
    s[2] = c;
    s[3] = d;
}

void jis_md5(uint32_t state[4], const uint8_t *blocks, size_t count)
{
    for (; count > 0; count--, blocks += 64) {
        uint32_t s[4] = {state[0], state[1], state[2], state[3]};
        steps(0, blocks, s);
        steps(1, blocks, s);
        steps(2, blocks, s);
        steps(3, blocks, s);
        for (unsigned i = 0; i < 4; i++) {
            state[i] += s[i];
        }
    }
}
