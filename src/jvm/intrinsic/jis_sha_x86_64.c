/* SHA-1 and SHA-256 by the CPU's SHA instructions (Intel SDM volume 2, SHA1RNDS4 and its kind). */
#include <immintrin.h>

#include "hash/sha256.h"
#include "jvm/intrinsic/jis_digest.h"

#define SHA __attribute__((target("sha,sse4.1,ssse3")))

/* Four rounds of SHA-1 of one kind with the next four words; `e` comes in as the state before the
 * last four. */
#define FOUR(kind, words)                                                                          \
    do {                                                                                           \
        __m128i jis_before = abcd;                                                                 \
        abcd = _mm_sha1rnds4_epu32(abcd, _mm_sha1nexte_epu32(e, (words)), (kind));                 \
        e = jis_before;                                                                            \
    } while (0)
/* The message schedule: the four words after m0 .. m3. */
#define SCHEDULE(m0, m1, m2, m3)                                                                   \
    _mm_sha1msg2_epu32(_mm_xor_si128(_mm_sha1msg1_epu32((m0), (m1)), (m2)), (m3))

SHA void jis_sha1_cpu(uint32_t state[5], const uint8_t *blocks, size_t count)
{
    const __m128i turn = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);
    __m128i abcd = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0x1b);
    __m128i last = _mm_set_epi32((int)state[4], 0, 0, 0);
    for (; count > 0; count--, blocks += 64) {
        const __m128i *at = (const __m128i *)blocks;
        __m128i first = abcd;
        __m128i m[4];
        for (int i = 0; i < 4; i++) {
            m[i] = _mm_shuffle_epi8(_mm_loadu_si128(at + i), turn);
        }
        /* The first four: E is as it is, not turned from an A. */
        __m128i e = abcd;
        abcd = _mm_sha1rnds4_epu32(abcd, _mm_add_epi32(last, m[0]), 0);
        FOUR(0, m[1]);
        FOUR(0, m[2]);
        FOUR(0, m[3]);
#pragma GCC unroll 16
        for (int i = 4; i < 20; i++) {
            m[i % 4] = SCHEDULE(m[i % 4], m[(i + 1) % 4], m[(i + 2) % 4], m[(i + 3) % 4]);
            if (i < 5) {
                FOUR(0, m[i % 4]);
            } else if (i < 10) {
                FOUR(1, m[i % 4]);
            } else if (i < 15) {
                FOUR(2, m[i % 4]);
            } else {
                FOUR(3, m[i % 4]);
            }
        }
        last = _mm_sha1nexte_epu32(e, last);
        abcd = _mm_add_epi32(abcd, first);
    }
    _mm_storeu_si128((__m128i *)state, _mm_shuffle_epi32(abcd, 0x1b));
    state[4] = (uint32_t)_mm_extract_epi32(last, 3);
}

SHA void jis_sha256_cpu(uint32_t state[8], const uint8_t *blocks, size_t count)
{
    const __m128i turn = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    /* The instructions want ABEF and CDGH, most significant first. */
    __m128i dcba = _mm_loadu_si128((const __m128i *)state);
    __m128i hgfe = _mm_loadu_si128((const __m128i *)(state + 4));
    __m128i badc = _mm_shuffle_epi32(dcba, 0xb1);
    __m128i efgh = _mm_shuffle_epi32(hgfe, 0x1b);
    __m128i abef = _mm_alignr_epi8(badc, efgh, 8);
    __m128i cdgh = _mm_blend_epi16(efgh, badc, 0xf0);
    for (; count > 0; count--, blocks += 64) {
        const __m128i *at = (const __m128i *)blocks;
        __m128i first_abef = abef;
        __m128i first_cdgh = cdgh;
        __m128i m[4];
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            if (i < 4) {
                m[i] = _mm_shuffle_epi8(_mm_loadu_si128(at + i), turn);
            } else {
                __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(m[i % 4], m[(i + 1) % 4]),
                                            _mm_alignr_epi8(m[(i + 3) % 4], m[(i + 2) % 4], 4));
                m[i % 4] = _mm_sha256msg2_epu32(sum, m[(i + 3) % 4]);
            }
            __m128i words = _mm_add_epi32(
                m[i % 4],
                _mm_loadu_si128((const __m128i *)(hash_sha256_constants + (size_t)4 * i)));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, words);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(words, 0x0e));
        }
        abef = _mm_add_epi32(abef, first_abef);
        cdgh = _mm_add_epi32(cdgh, first_cdgh);
    }
    __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
    __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}
