/* Keccak-f[1600] and its sponge's input (FIPS 202). */
#include "jvm/intrinsic/jis_digest.h"
#include "jvm/intrinsic/jis_priv.h"

enum { ROUNDS = 24, LANES = 25 };

static const uint64_t round_constants[ROUNDS] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
    0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

static inline uint64_t rotate(uint64_t word, unsigned by)
{
    return by == 0 ? word : word << by | word >> (64 - by);
}

/* Lane x, y is a[x + 5 y]. */
static void permute(uint64_t a[LANES])
{
    /* How far a lane turns (rho), in the order in which pi visits them from lane 1, and where it
       goes. */
    static const uint8_t turns[24] = {1,  3,  6,  10, 15, 21, 28, 36, 45, 55, 2,  14,
                                      27, 41, 56, 8,  25, 43, 62, 18, 39, 61, 20, 44};
    static const uint8_t places[24] = {10, 7,  11, 17, 18, 3, 5,  16, 8,  21, 24, 4,
                                       15, 23, 19, 13, 12, 2, 20, 14, 22, 9,  6,  1};
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t parity[5];
        for (unsigned x = 0; x < 5; x++) {
            parity[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
        }
#pragma GCC unroll 5
        for (unsigned x = 0; x < 5; x++) {
            uint64_t change = parity[(x + 4) % 5] ^ rotate(parity[(x + 1) % 5], 1);
            for (unsigned y = 0; y < LANES; y += 5) {
                a[x + y] ^= change;
            }
        }
        uint64_t moving = a[1];
#pragma GCC unroll 24
        for (unsigned i = 0; i < 24; i++) {
            uint64_t next = a[places[i]];
            a[places[i]] = rotate(moving, turns[i]);
            moving = next;
        }
        for (unsigned y = 0; y < LANES; y += 5) {
            uint64_t row[5] = {a[y], a[y + 1], a[y + 2], a[y + 3], a[y + 4]};
            for (unsigned x = 0; x < 5; x++) {
                a[y + x] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
            }
        }
        a[0] ^= round_constants[round];
    }
}

void jis_sha3(uint8_t state[200], size_t rate, const uint8_t *blocks, size_t count)
{
    uint64_t lanes[LANES];
    for (unsigned i = 0; i < LANES; i++) {
        lanes[i] = jis_load_le64(state + (size_t)8 * i);
    }
    for (; count > 0; count--, blocks += rate) {
        for (size_t i = 0; i < rate / 8; i++) {
            lanes[i] ^= jis_load_le64(blocks + 8 * i);
        }
        permute(lanes);
    }
    __builtin_memcpy(state, lanes, sizeof lanes);
}
