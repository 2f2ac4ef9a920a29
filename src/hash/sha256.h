/*
 * SHA-256 (FIPS 180-4) for code without a C library. Hosted code that digests streams of many
 * megabytes uses libcrypto, which has the CPU's instructions for it. Pure; any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { HASH_SHA256_SIZE = 32 };

struct hash_sha256 {
    uint32_t state[8];
    uint64_t length_bytes;
    uint8_t block[64]; /* the first length_bytes % 64 are waiting */
};

void hash_sha256_init(struct hash_sha256 *hash);
void hash_sha256_add(struct hash_sha256 *hash, const void *bytes, size_t size);

/* Ends the computation; *hash must be initialised again before it is used again. */
void hash_sha256_end(struct hash_sha256 *hash, uint8_t ret_digest[HASH_SHA256_SIZE]);

/* All in one. */
void hash_sha256_of(const void *bytes, size_t size, uint8_t ret_digest[HASH_SHA256_SIZE]);

/* The compression function alone: `count` blocks of 64 bytes into a state (section 6.2.2), and the
 * constants of its rounds. */
void hash_sha256_blocks(uint32_t state[8], const uint8_t *blocks, size_t count);
extern const uint32_t hash_sha256_constants[64];

/* Lower-case hexadecimal digits and a zero. */
void hash_sha256_hex(const uint8_t digest[HASH_SHA256_SIZE],
                     char ret_text[2 * HASH_SHA256_SIZE + 1]);
