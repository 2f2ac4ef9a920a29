/* What the CPU has besides the least that the architecture promises. Asked once. */
#pragma once

#include <stdbool.h>

struct jis_cpu {
    bool sha, aes, clmul, crc32c, fma;
};
const struct jis_cpu *jis_cpu(void);
