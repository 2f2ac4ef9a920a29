/*
 * AES (FIPS 197) with a key that AESCrypt has expanded, and GHASH (NIST SP 800-38D). In plain C,
 * and by the CPU's instructions (_cpu), which the CPU must have.
 *
 * The key's first four words are added to the state first when a block is encrypted, last when one
 * is decrypted; what follows is in the order of use. Keys of decryption are those of the equivalent
 * inverse cipher (5.3.5).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { JIS_AES_BLOCK = 16, JIS_AES_KEY_WORDS = 60 };

typedef void jis_aes_t(const uint32_t *key, unsigned rounds, const uint8_t *from, uint8_t *to,
                       size_t blocks);
void jis_aes_encrypt(const uint32_t *key, unsigned rounds, const uint8_t *from, uint8_t *to,
                     size_t blocks);
void jis_aes_decrypt(const uint32_t *key, unsigned rounds, const uint8_t *from, uint8_t *to,
                     size_t blocks);
void jis_aes_encrypt_cpu(const uint32_t *key, unsigned rounds, const uint8_t *from, uint8_t *to,
                         size_t blocks);
void jis_aes_decrypt_cpu(const uint32_t *key, unsigned rounds, const uint8_t *from, uint8_t *to,
                         size_t blocks);

/* state = (state + block) * subkey for each block; both as two big-endian numbers. */
typedef void jis_ghash_t(uint64_t state[2], const uint64_t subkey[2], const uint8_t *data,
                         size_t blocks);
void jis_ghash(uint64_t state[2], const uint64_t subkey[2], const uint8_t *data, size_t blocks);
void jis_ghash_cpu(uint64_t state[2], const uint64_t subkey[2], const uint8_t *data, size_t blocks);

/* A product of 256 bits, most significant first, modulo GHASH's polynomial. Bits stand in the
 * order of the specification turned round, so the product is one bit too low. */
static inline void jis_ghash_fold(const uint64_t product[4], uint64_t state[2])
{
    uint64_t v3 = product[0] << 1 | product[1] >> 63;
    uint64_t v2 = product[1] << 1 | product[2] >> 63;
    uint64_t v1 = product[2] << 1 | product[3] >> 63;
    uint64_t v0 = product[3] << 1;
    v2 ^= v0 ^ v0 >> 1 ^ v0 >> 2 ^ v0 >> 7;
    v1 ^= v0 << 63 ^ v0 << 62 ^ v0 << 57;
    v3 ^= v1 ^ v1 >> 1 ^ v1 >> 2 ^ v1 >> 7;
    v2 ^= v1 << 63 ^ v1 << 62 ^ v1 << 57;
    state[0] = v3;
    state[1] = v2;
}
