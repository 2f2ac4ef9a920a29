/* java.util.Base64: whole groups of three bytes and of four letters. */
#include "jvm/intrinsic/jis_priv.h"

enum { NO_LETTER = 0x80 };

static const char letters[2][65] = {
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"};

/* (byte[] from, int begin, int end, byte[] to, int at, boolean url); `this` first */
JIS(base64_encode)
{
    int32_t begin = args[2].i;
    int32_t end = args[3].i;
    if (begin < 0 || end < begin || (end - begin) % 3 != 0) {
        return false;
    }
    int32_t groups = (end - begin) / 3;
    if (groups > JOB_ARRAY_MAX / 4) {
        return false;
    }
    const uint8_t *from = jis_bytes(jis_array(&args[1]), begin, end - begin);
    uint8_t *to = jis_bytes(jis_array(&args[4]), args[5].i, 4 * groups);
    if (from == NULL || to == NULL || args[1].ref.word == args[4].ref.word) {
        return false;
    }
    const char *letter = letters[args[6].i & 1];
    for (int32_t i = 0; i < groups; i++, from += 3, to += 4) {
        uint32_t bits = (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];
        to[0] = (uint8_t)letter[bits >> 18];
        to[1] = (uint8_t)letter[bits >> 12 & 63];
        to[2] = (uint8_t)letter[bits >> 6 & 63];
        to[3] = (uint8_t)letter[bits & 63];
    }
    return true;
}

static void fill(uint8_t values[256], const char *letter)
{
    for (unsigned i = 0; i < 256; i++) {
        values[i] = NO_LETTER;
    }
    for (unsigned i = 0; i < 64; i++) {
        values[(uint8_t)letter[i]] = (uint8_t)i;
    }
}

static const uint8_t *values_of(unsigned url)
{
    static uint8_t values[2][256]; /* the same whoever fills it in */
    static bool filled[2];
    if (!__atomic_load_n(&filled[url], __ATOMIC_ACQUIRE)) {
        uint8_t made[256];
        fill(made, letters[url]);
        for (unsigned i = 0; i < 256; i++) {
            __atomic_store_n(&values[url][i], made[i], __ATOMIC_RELAXED);
        }
        __atomic_store_n(&filled[url], true, __ATOMIC_RELEASE);
    }
    return values[url];
}

/* (byte[] from, int begin, int end, byte[] to, int at, boolean url, boolean mime): bytes made
 * before the first group that has anything but letters. */
JIS(base64_decode)
{
    int32_t begin = args[2].i;
    int32_t end = args[3].i;
    if (begin < 0 || end < begin) {
        return false;
    }
    int32_t groups = (end - begin) / 4;
    const uint8_t *from = jis_bytes(jis_array(&args[1]), begin, 4 * groups);
    uint8_t *to = jis_bytes(jis_array(&args[4]), args[5].i, 3 * groups);
    if (from == NULL || to == NULL || args[1].ref.word == args[4].ref.word) {
        return false;
    }
    const uint8_t *value = values_of((unsigned)args[6].i & 1);
    int32_t made = 0;
    for (; groups > 0; groups--, from += 4, made += 3) {
        uint32_t a = value[from[0]];
        uint32_t b = value[from[1]];
        uint32_t c = value[from[2]];
        uint32_t d = value[from[3]];
        if (((a | b | c | d) & NO_LETTER) != 0) {
            break;
        }
        uint32_t bits = a << 18 | b << 12 | c << 6 | d;
        to[made] = (uint8_t)(bits >> 16);
        to[made + 1] = (uint8_t)(bits >> 8);
        to[made + 2] = (uint8_t)bits;
    }
    result->word = (uint32_t)made;
    return true;
}
