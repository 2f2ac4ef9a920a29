/* java.util.zip's checksums, and these in plain C: eight bytes a step by tables made at first use.
 */
#include "jvm/intrinsic/jis_checksum.h"

#include <string.h>

#include "jvm/intrinsic/jis_cpu.h"
#include "jvm/intrinsic/jis_priv.h"

enum { ADLER_BASE = 65521, ADLER_STEP = 5552 /* bytes whose sums fit 32 bits */ };

struct crc_tables {
    uint32_t of[8][256]; /* of a byte with that many behind it */
    bool made;
};

static const uint32_t (*get_tables(struct crc_tables *tables, uint32_t polynomial))[256]
{
    if (!__atomic_load_n(&tables->made, __ATOMIC_ACQUIRE)) {
        uint32_t of[8][256];
        for (unsigned i = 0; i < 256; i++) {
            uint32_t crc = i;
            for (unsigned bit = 0; bit < 8; bit++) {
                crc = crc >> 1 ^ ((crc & 1) != 0 ? polynomial : 0);
            }
            of[0][i] = crc;
        }
        for (unsigned k = 1; k < 8; k++) {
            for (unsigned i = 0; i < 256; i++) {
                of[k][i] = of[k - 1][i] >> 8 ^ of[0][of[k - 1][i] & 0xff];
            }
        }
        memcpy(tables->of, of, sizeof of); /* the same whoever writes it */
        __atomic_store_n(&tables->made, true, __ATOMIC_RELEASE);
    }
    return tables->of;
}

static uint32_t by_tables(const uint32_t (*of)[256], uint32_t crc, const uint8_t *data, size_t size)
{
    for (; size >= 8; size -= 8, data += 8) {
        uint32_t low = jis_load_le32(data) ^ crc;
        uint32_t high = jis_load_le32(data + 4);
        crc = of[7][low & 0xff] ^ of[6][low >> 8 & 0xff] ^ of[5][low >> 16 & 0xff] ^
              of[4][low >> 24] ^ of[3][high & 0xff] ^ of[2][high >> 8 & 0xff] ^
              of[1][high >> 16 & 0xff] ^ of[0][high >> 24];
    }
    for (; size > 0; size--) {
        crc = crc >> 8 ^ of[0][(crc ^ *data++) & 0xff];
    }
    return crc;
}

uint32_t jis_crc32(uint32_t crc, const uint8_t *data, size_t size)
{
    static struct crc_tables tables;
    return by_tables(get_tables(&tables, 0xedb88320), crc, data, size);
}

uint32_t jis_crc32c(uint32_t crc, const uint8_t *data, size_t size)
{
    static struct crc_tables tables;
    return by_tables(get_tables(&tables, 0x82f63b78), crc, data, size);
}

uint32_t jis_adler32(uint32_t adler, const uint8_t *data, size_t size)
{
    uint32_t a = adler & 0xffff;
    uint32_t b = adler >> 16;
    while (size > 0) {
        size_t step = size < ADLER_STEP ? size : ADLER_STEP;
        size -= step;
        for (; step > 0; step--) {
            a += *data++;
            b += a;
        }
        a %= ADLER_BASE;
        b %= ADLER_BASE;
    }
    return b << 16 | a;
}

static uint32_t crc32_best(uint32_t crc, const uint8_t *data, size_t size)
{
    return jis_cpu()->clmul ? jis_crc32_cpu(crc, data, size) : jis_crc32(crc, data, size);
}

/* ---- the methods ---- */

/* (int crc, int byte) */
JIS(crc32_update)
{
    uint8_t byte = (uint8_t)args[1].i;
    result->word = ~jis_crc32(~(uint32_t)args[0].i, &byte, 1);
    return true;
}

/* (int crc, byte[], int at, int count) */
JIS(crc32_update_bytes)
{
    const uint8_t *data = jis_bytes(jis_array(&args[1]), args[2].i, args[3].i);
    if (data == NULL) {
        return false;
    }
    uint32_t crc = ~crc32_best(~(uint32_t)args[0].i, data, (size_t)(uint32_t)args[3].i);
    result->word = crc;
    return true;
}

/* (int crc, byte[], int begin, int end); the register itself */
JIS(crc32c_update_bytes)
{
    int32_t begin = args[2].i;
    int32_t end = args[3].i;
    const uint8_t *data =
        begin >= 0 && end >= begin ? jis_bytes(jis_array(&args[1]), begin, end - begin) : NULL;
    if (data == NULL) {
        return false;
    }
    size_t size = (size_t)(uint32_t)(end - begin);
    result->word = jis_cpu()->crc32c ? jis_crc32c_cpu((uint32_t)args[0].i, data, size)
                                     : jis_crc32c((uint32_t)args[0].i, data, size);
    return true;
}

/* (int adler, byte[], int at, int count) */
JIS(adler32_update_bytes)
{
    const uint8_t *data = jis_bytes(jis_array(&args[1]), args[2].i, args[3].i);
    if (data == NULL) {
        return false;
    }
    result->word = jis_adler32((uint32_t)args[0].i, data, (size_t)(uint32_t)args[3].i);
    return true;
}
