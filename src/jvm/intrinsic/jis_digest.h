/*
 * Compression functions of digests: `count` blocks into a state. Plain C, and the CPU's own
 * instructions where it has them. SHA-256 in plain C is hash_sha256_blocks.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef void jis_compress_t(uint32_t *state, const uint8_t *blocks, size_t count);

void jis_md5(uint32_t state[4], const uint8_t *blocks, size_t count);    /* 64 bytes a block */
void jis_sha1(uint32_t state[5], const uint8_t *blocks, size_t count);   /* 64 */
void jis_sha512(uint64_t state[8], const uint8_t *blocks, size_t count); /* 128 */
/* `rate` bytes a block, into 200 bytes. */
void jis_sha3(uint8_t state[200], size_t rate, const uint8_t *blocks, size_t count);

/* By the SHA instructions; the CPU must have them. */
void jis_sha1_cpu(uint32_t state[5], const uint8_t *blocks, size_t count);
void jis_sha256_cpu(uint32_t state[8], const uint8_t *blocks, size_t count);

/* The best there is on this CPU. */
jis_compress_t *jis_sha1_best(void);
jis_compress_t *jis_sha256_best(void);
