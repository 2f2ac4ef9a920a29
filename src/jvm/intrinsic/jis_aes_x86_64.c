/* AES by AESENC and its kind, GHASH by PCLMULQDQ (Intel SDM volume 2). */
#include <immintrin.h>

#include "jvm/intrinsic/jis_cipher.h"

#define AES __attribute__((target("aes,ssse3,sse4.1")))

enum { AT_ONCE = 8 }; /* blocks: one instruction's latency is that of several others */

/* The rounds' keys, as bytes. */
AES static inline void load_key(const uint32_t *key, unsigned rounds, __m128i ret[15])
{
    const __m128i turn = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    for (unsigned i = 0; i <= rounds; i++) {
        ret[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(key + (size_t)4 * i)), turn);
    }
}

AES void jis_aes_encrypt_cpu(const uint32_t *key, unsigned rounds, const uint8_t *from, uint8_t *to,
                             size_t blocks)
{
    __m128i k[15];
    load_key(key, rounds, k);
    const __m128i *in = (const __m128i *)from;
    __m128i *out = (__m128i *)to;
    for (; blocks >= AT_ONCE; blocks -= AT_ONCE, in += AT_ONCE, out += AT_ONCE) {
        __m128i s[AT_ONCE];
        for (unsigned i = 0; i < AT_ONCE; i++) {
            s[i] = _mm_xor_si128(_mm_loadu_si128(in + i), k[0]);
        }
        for (unsigned round = 1; round < rounds; round++) {
            for (unsigned i = 0; i < AT_ONCE; i++) {
                s[i] = _mm_aesenc_si128(s[i], k[round]);
            }
        }
        for (unsigned i = 0; i < AT_ONCE; i++) {
            _mm_storeu_si128(out + i, _mm_aesenclast_si128(s[i], k[rounds]));
        }
    }
    for (; blocks > 0; blocks--) {
        __m128i s = _mm_xor_si128(_mm_loadu_si128(in++), k[0]);
        for (unsigned round = 1; round < rounds; round++) {
            s = _mm_aesenc_si128(s, k[round]);
        }
        _mm_storeu_si128(out++, _mm_aesenclast_si128(s, k[rounds]));
    }
}

AES void jis_aes_decrypt_cpu(const uint32_t *key, unsigned rounds, const uint8_t *from, uint8_t *to,
                             size_t blocks)
{
    __m128i k[15];
    load_key(key, rounds, k);
    const __m128i *in = (const __m128i *)from;
    __m128i *out = (__m128i *)to;
    for (; blocks >= AT_ONCE; blocks -= AT_ONCE, in += AT_ONCE, out += AT_ONCE) {
        __m128i s[AT_ONCE];
        for (unsigned i = 0; i < AT_ONCE; i++) {
            s[i] = _mm_xor_si128(_mm_loadu_si128(in + i), k[1]);
        }
        for (unsigned round = 2; round <= rounds; round++) {
            for (unsigned i = 0; i < AT_ONCE; i++) {
                s[i] = _mm_aesdec_si128(s[i], k[round]);
            }
        }
        for (unsigned i = 0; i < AT_ONCE; i++) {
            _mm_storeu_si128(out + i, _mm_aesdeclast_si128(s[i], k[0]));
        }
    }
    for (; blocks > 0; blocks--) {
        __m128i s = _mm_xor_si128(_mm_loadu_si128(in++), k[1]);
        for (unsigned round = 2; round <= rounds; round++) {
            s = _mm_aesdec_si128(s, k[round]);
        }
        _mm_storeu_si128(out++, _mm_aesdeclast_si128(s, k[0]));
    }
}

__attribute__((target("pclmul,ssse3,sse4.1"))) void
jis_ghash_cpu(uint64_t state[2], const uint64_t subkey[2], const uint8_t *data, size_t blocks)
{
    const __m128i turn = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);
    const __m128i key = _mm_set_epi64x((long long)subkey[0], (long long)subkey[1]);
    for (; blocks > 0; blocks--, data += JIS_AES_BLOCK) {
        __m128i x = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)data), turn);
        x = _mm_xor_si128(x, _mm_set_epi64x((long long)state[0], (long long)state[1]));
        __m128i low = _mm_clmulepi64_si128(x, key, 0x00);
        __m128i high = _mm_clmulepi64_si128(x, key, 0x11);
        __m128i middle =
            _mm_xor_si128(_mm_clmulepi64_si128(x, key, 0x10), _mm_clmulepi64_si128(x, key, 0x01));
        low = _mm_xor_si128(low, _mm_slli_si128(middle, 8));
        high = _mm_xor_si128(high, _mm_srli_si128(middle, 8));
        uint64_t product[4] = {
            (uint64_t)_mm_extract_epi64(high, 1), (uint64_t)_mm_extract_epi64(high, 0),
            (uint64_t)_mm_extract_epi64(low, 1), (uint64_t)_mm_extract_epi64(low, 0)};
        jis_ghash_fold(product, state);
    }
}
