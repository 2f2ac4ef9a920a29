/* What both ways to compute SHA-256 add to the message's words. */
#pragma once

#include <stdint.h>

extern const uint32_t jis_sha256_constants[64];
