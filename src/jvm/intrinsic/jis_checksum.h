/*
 * Checksums: `crc` is the register, neither inverted before nor after. In plain C, and by the CPU's
 * instructions (_cpu), which the CPU must have.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

uint32_t jis_crc32(uint32_t crc, const uint8_t *data, size_t size);  /* IEEE 802.3 */
uint32_t jis_crc32c(uint32_t crc, const uint8_t *data, size_t size); /* Castagnoli */
uint32_t jis_crc32_cpu(uint32_t crc, const uint8_t *data, size_t size);
uint32_t jis_crc32c_cpu(uint32_t crc, const uint8_t *data, size_t size);
uint32_t jis_adler32(uint32_t adler, const uint8_t *data, size_t size); /* RFC 1950 */
