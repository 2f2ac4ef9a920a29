/*
 * CRC-32 by carry-less multiplication: what is before the last bytes is folded into them, 64 and
 * then 16 bytes at a time (Gopal and others, "Fast CRC Computation for Generic Polynomials Using
 * PCLMULQDQ Instruction"). CRC-32C has an instruction of its own.
 */
#include <immintrin.h>

#include "jvm/intrinsic/jis_checksum.h"

#define FOLD(x, by)                                                                                \
    _mm_xor_si128(_mm_clmulepi64_si128((x), (by), 0x00), _mm_clmulepi64_si128((x), (by), 0x11))

__attribute__((target("pclmul,sse4.1"))) uint32_t jis_crc32_cpu(uint32_t crc, const uint8_t *data,
                                                                size_t size)
{
    if (size < 64) {
        return jis_crc32(crc, data, size);
    }
    /* x^(4 * 128 + 32), x^(4 * 128 - 32); x^(128 + 32), x^(128 - 32): modulo the polynomial, in
       the order of its bits. */
    const __m128i by_64 = _mm_set_epi64x(0x1c6e41596, 0x154442bd4);
    const __m128i by_16 = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
    const __m128i *at = (const __m128i *)data;
    __m128i x[4];
    for (unsigned i = 0; i < 4; i++) {
        x[i] = _mm_loadu_si128(at++);
    }
    x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128((int)crc));
    for (size -= 64; size >= 64; size -= 64) {
        for (unsigned i = 0; i < 4; i++) {
            x[i] = _mm_xor_si128(FOLD(x[i], by_64), _mm_loadu_si128(at++));
        }
    }
    for (unsigned i = 1; i < 4; i++) {
        x[i] = _mm_xor_si128(FOLD(x[i - 1], by_16), x[i]);
    }
    __m128i last = x[3];
    for (; size >= 16; size -= 16) {
        last = _mm_xor_si128(FOLD(last, by_16), _mm_loadu_si128(at++));
    }
    uint8_t rest[16];
    _mm_storeu_si128((__m128i *)rest, last);
    return jis_crc32(jis_crc32(0, rest, sizeof rest), (const uint8_t *)at, size);
}

__attribute__((target("sse4.2"))) uint32_t jis_crc32c_cpu(uint32_t crc, const uint8_t *data,
                                                          size_t size)
{
    uint64_t wide = crc;
    for (; size >= 8; size -= 8, data += 8) {
        uint64_t word;
        __builtin_memcpy(&word, data, sizeof word);
        wide = _mm_crc32_u64(wide, word);
    }
    crc = (uint32_t)wide;
    for (; size > 0; size--) {
        crc = _mm_crc32_u8(crc, *data++);
    }
    return crc;
}
