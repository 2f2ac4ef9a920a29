/* AES in plain C: a round is four look-ups a column, in tables that are computed at first use. */
#include <stdbool.h>
#include <string.h>

#include "jvm/intrinsic/jis_cipher.h"
#include "jvm/intrinsic/jis_priv.h"

static struct tables {
    uint32_t columns[2][256]; /* of encryption and of decryption: MixColumns of the box's value */
    uint8_t box[2][256];
    bool made;
} tables;

static uint8_t times(uint8_t a, uint8_t b)
{
    unsigned product = 0;
    unsigned shifted = a;
    for (; b != 0; b >>= 1) {
        product ^= (b & 1) != 0 ? shifted : 0;
        shifted = shifted << 1 ^ ((shifted & 0x80) != 0 ? 0x11b : 0);
    }
    return (uint8_t)product;
}

static uint8_t inverse(uint8_t a)
{
    uint8_t power = a; /* a^254 */
    for (unsigned i = 0; i < 6; i++) {
        power = times(times(power, power), a);
    }
    return times(power, power);
}

static uint32_t column(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return (uint32_t)a << 24 | (uint32_t)b << 16 | (uint32_t)c << 8 | d;
}

static void make(struct tables *t)
{
    for (unsigned i = 0; i < 256; i++) {
        unsigned x = inverse((uint8_t)i) * 0x101u;
        uint8_t s = (uint8_t)(x ^ x >> 4 ^ x >> 5 ^ x >> 6 ^ x >> 7 ^ 0x63);
        t->box[0][i] = s;
        t->box[1][s] = (uint8_t)i;
    }
    for (unsigned i = 0; i < 256; i++) {
        uint8_t s = t->box[0][i];
        uint8_t r = t->box[1][i];
        t->columns[0][i] = column(times(s, 2), s, s, times(s, 3));
        t->columns[1][i] = column(times(r, 14), times(r, 9), times(r, 13), times(r, 11));
    }
}

static const struct tables *get_tables(void)
{
    if (!__atomic_load_n(&tables.made, __ATOMIC_ACQUIRE)) {
        struct tables made = {.made = false};
        make(&made);
        memcpy(&tables, &made, offsetof(struct tables, made)); /* the same whoever writes it */
        __atomic_store_n(&tables.made, true, __ATOMIC_RELEASE);
    }
    return &tables;
}

static inline uint32_t turn(uint32_t word, unsigned by)
{
    return word >> by | word << (32 - by);
}

/* `step`: to which column a row's next byte comes from, 1 for encryption, 3 for decryption. */
static void block(const struct tables *t, unsigned way, const uint32_t *key, unsigned rounds,
                  const uint8_t *from, uint8_t *to)
{
    const unsigned step = way == 0 ? 1 : 3;
    const uint32_t *first = way == 0 ? key : key + 4;
    const uint32_t *last = way == 0 ? key + 4 * (size_t)rounds : key;
    uint32_t s[4];
    for (unsigned i = 0; i < 4; i++) {
        s[i] = jis_load_be32(from + (size_t)4 * i) ^ first[i];
    }
    for (unsigned round = 1; round < rounds; round++) {
        uint32_t next[4];
        first += 4;
        for (unsigned i = 0; i < 4; i++) {
            const uint32_t *columns = t->columns[way];
            next[i] = columns[s[i] >> 24] ^ turn(columns[s[(i + step) % 4] >> 16 & 0xff], 8) ^
                      turn(columns[s[(i + 2) % 4] >> 8 & 0xff], 16) ^
                      turn(columns[s[(i + 3 * step) % 4] & 0xff], 24) ^ first[i];
        }
        memcpy(s, next, sizeof s);
    }
    for (unsigned i = 0; i < 4; i++) {
        const uint8_t *box = t->box[way];
        uint32_t word = column(box[s[i] >> 24], box[s[(i + step) % 4] >> 16 & 0xff],
                               box[s[(i + 2) % 4] >> 8 & 0xff], box[s[(i + 3 * step) % 4] & 0xff]) ^
                        last[i];
        word = __builtin_bswap32(word);
        memcpy(to + (size_t)4 * i, &word, sizeof word);
    }
}

void jis_aes_encrypt(const uint32_t *key, unsigned rounds, const uint8_t *from, uint8_t *to,
                     size_t blocks)
{
    const struct tables *t = get_tables();
    for (size_t i = 0; i < blocks; i++) {
        block(t, 0, key, rounds, from + JIS_AES_BLOCK * i, to + JIS_AES_BLOCK * i);
    }
}

void jis_aes_decrypt(const uint32_t *key, unsigned rounds, const uint8_t *from, uint8_t *to,
                     size_t blocks)
{
    const struct tables *t = get_tables();
    for (size_t i = 0; i < blocks; i++) {
        block(t, 1, key, rounds, from + JIS_AES_BLOCK * i, to + JIS_AES_BLOCK * i);
    }
}

/* ---- GHASH ---- */

/* Carry-less; most significant half first. */
static void multiply(uint64_t a, uint64_t b, uint64_t *high, uint64_t *low)
{
    uint64_t h = 0;
    uint64_t l = 0;
    for (unsigned i = 0; i < 64; i++) {
        uint64_t mask = 0 - (b >> i & 1);
        l ^= a << i & mask;
        h ^= (i == 0 ? 0 : a >> (64 - i)) & mask;
    }
    *high ^= h;
    *low ^= l;
}

void jis_ghash(uint64_t state[2], const uint64_t subkey[2], const uint8_t *data, size_t blocks)
{
    for (; blocks > 0; blocks--, data += JIS_AES_BLOCK) {
        uint64_t high = state[0] ^ jis_load_be64(data);
        uint64_t low = state[1] ^ jis_load_be64(data + 8);
        uint64_t p[4] = {0, 0, 0, 0};
        multiply(high, subkey[0], &p[0], &p[1]);
        multiply(low, subkey[1], &p[2], &p[3]);
        multiply(high, subkey[1], &p[1], &p[2]);
        multiply(low, subkey[0], &p[1], &p[2]);
        jis_ghash_fold(p, state);
    }
}
