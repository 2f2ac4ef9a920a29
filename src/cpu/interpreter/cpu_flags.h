/*
 * The six arithmetic flags. They are kept as AX stands after LAHF and SETO AL (SDM 2, LAHF),
 * because that is how the host's own instructions hand them over in two cheap steps; the bits above
 * 15 mean nothing. The other flags are struct cpu's rflags.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cpu/interpreter/cpu_struct.h"

enum cpu_arith_bits {
    CPU_ARITH_OF = 1u << 0,
    CPU_ARITH_CF = 1u << 8,
    CPU_ARITH_PF = 1u << 10,
    CPU_ARITH_AF = 1u << 12,
    CPU_ARITH_ZF = 1u << 14,
    CPU_ARITH_SF = 1u << 15,
    CPU_ARITH_ALL =
        CPU_ARITH_OF | CPU_ARITH_CF | CPU_ARITH_PF | CPU_ARITH_AF | CPU_ARITH_ZF | CPU_ARITH_SF,
};

/* As RFLAGS has them, and back. */
static inline uint64_t cpu_arith_to_rflags(uint32_t arith)
{
    return (arith >> 8 & (X86_ARITH & 0xff)) | (uint64_t)(arith & CPU_ARITH_OF) << 11;
}

static inline uint32_t cpu_arith_from_rflags(uint64_t rflags)
{
    return (uint32_t)(rflags & (X86_ARITH & 0xff)) << 8 | (uint32_t)(rflags >> 11 & 1);
}

/* Whether condition `code`, the low nibble of Jcc's opcode (SDM 2, appendix B.1.4.7), holds. */
static inline bool cpu_condition(uint32_t arith, unsigned code)
{
    bool holds;

    switch (code >> 1) {
    case 0:
        holds = (arith & CPU_ARITH_OF) != 0;
        break;
    case 1:
        holds = (arith & CPU_ARITH_CF) != 0;
        break;
    case 2:
        holds = (arith & CPU_ARITH_ZF) != 0;
        break;
    case 3:
        holds = (arith & (CPU_ARITH_CF | CPU_ARITH_ZF)) != 0;
        break;
    case 4:
        holds = (arith & CPU_ARITH_SF) != 0;
        break;
    case 5:
        holds = (arith & CPU_ARITH_PF) != 0;
        break;
    case 6:
        holds = ((arith >> 15 ^ arith) & 1) != 0;
        break;
    default:
        holds = (arith & CPU_ARITH_ZF) != 0 || ((arith >> 15 ^ arith) & 1) != 0;
        break;
    }
    return holds != ((code & 1) != 0);
}
