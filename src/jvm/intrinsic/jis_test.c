/* The kernels behind leaves: known answers, and the CPU's instructions beside plain C. That methods
 * do what their bytecode does is tests/jvm/run's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "hash/sha256.h"
#include "jvm/intrinsic/jis_checksum.h"
#include "jvm/intrinsic/jis_cipher.h"
#include "jvm/intrinsic/jis_cpu.h"
#include "jvm/intrinsic/jis_digest.h"

enum { BYTES = 4096 };

static uint8_t data[BYTES];

static void fill(void)
{
    uint32_t word = 12345;
    for (unsigned i = 0; i < BYTES; i++) {
        word = word * 1664525 + 1013904223;
        data[i] = (uint8_t)(word >> 24);
    }
}

/* "abc", padded to one block whose length is in its last eight bytes. */
static void padded(uint8_t *block, size_t size, bool big_endian)
{
    memset(block, 0, size);
    memcpy(block, "abc\x80", 4);
    block[big_endian ? size - 1 : size - 8] = 24;
}

static void digests_of_abc_are_those_of_the_standards(void **state ST_UNUSED)
{
    uint8_t block[128];
    uint32_t md5[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    padded(block, 64, false);
    jis_md5(md5, block, 1);
    assert_int_equal(md5[0], 0x98500190);
    assert_int_equal(md5[3], 0x727fe128);
    uint32_t sha1[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    padded(block, 64, true);
    jis_sha1(sha1, block, 1);
    assert_int_equal(sha1[0], 0xa9993e36);
    assert_int_equal(sha1[4], 0x9cd0d89d);
    uint32_t sha256[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    hash_sha256_blocks(sha256, block, 1);
    assert_int_equal(sha256[0], 0xba7816bf);
    assert_int_equal(sha256[7], 0xf20015ad);
    uint64_t sha512[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                          0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                          0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
    padded(block, 128, true);
    jis_sha512(sha512, block, 1);
    assert_true(sha512[0] == 0xddaf35a193617aba);
    assert_true(sha512[7] == 0x2a9ac94fa54ca49f);
    uint8_t sha3[200] = {0};
    uint8_t rate[136] = "abc\x06";
    rate[135] = 0x80;
    jis_sha3(sha3, sizeof rate, rate, 1);
    static const uint8_t sha3_256[] = {0x3a, 0x98, 0x5d, 0xa7, 0x4f, 0xe2, 0x25, 0xb2};
    assert_memory_equal(sha3, sha3_256, sizeof sha3_256);
}

static void the_cpus_digests_are_the_same(void **state ST_UNUSED)
{
    if (!jis_cpu()->sha) {
        skip();
    }
    for (size_t blocks = 0; blocks <= 5; blocks++) {
        uint32_t plain[8] = {1, 2, 3, 4, 5, 6, 7, 8};
        uint32_t fast[8] = {1, 2, 3, 4, 5, 6, 7, 8};
        jis_sha1(plain, data + blocks, blocks);
        jis_sha1_cpu(fast, data + blocks, blocks);
        assert_memory_equal(plain, fast, sizeof plain);
        hash_sha256_blocks(plain, data + blocks, blocks);
        jis_sha256_cpu(fast, data + blocks, blocks);
        assert_memory_equal(plain, fast, sizeof plain);
    }
}

/* FIPS 197, appendix A.1 and B: the first and last words of the key, a block. */
static const uint32_t encryption_key[44] = {
    0x2b7e1516, 0x28aed2a6, 0xabf71588, 0x09cf4f3c, 0xa0fafe17, 0x88542cb1, 0x23a33939, 0x2a6c7605,
    0xf2c295f2, 0x7a96b943, 0x5935807a, 0x7359f67f, 0x3d80477d, 0x4716fe3e, 0x1e237e44, 0x6d7a883b,
    0xef44a541, 0xa8525b7f, 0xb671253b, 0xdb0bad00, 0xd4d1c6f8, 0x7c839d87, 0xcaf2b8bc, 0x11f915bc,
    0x6d88a37a, 0x110b3efd, 0xdbf98641, 0xca0093fd, 0x4e54f70e, 0x5f5fc9f3, 0x84a64fb2, 0x4ea6dc4f,
    0xead27321, 0xb58dbad2, 0x312bf560, 0x7f8d292f, 0xac7766f3, 0x19fadc21, 0x28d12941, 0x575c006e,
    0xd014f9a8, 0xc9ee2589, 0xe13f0cc8, 0xb6630ca6};

static void aes_is_the_standards_and_the_cpus_is_the_same(void **state ST_UNUSED)
{
    static const uint8_t plain[16] = {0x32, 0x43, 0xf6, 0xa8, 0x88, 0x5a, 0x30, 0x8d,
                                      0x31, 0x31, 0x98, 0xa2, 0xe0, 0x37, 0x07, 0x34};
    static const uint8_t expected[16] = {0x39, 0x25, 0x84, 0x1d, 0x02, 0xdc, 0x09, 0xfb,
                                         0xdc, 0x11, 0x85, 0x97, 0x19, 0x6a, 0x0b, 0x32};
    uint8_t out[16];
    jis_aes_encrypt(encryption_key, 10, plain, out, 1);
    assert_memory_equal(out, expected, sizeof out);
    if (!jis_cpu()->aes) {
        skip();
    }
    uint32_t key[JIS_AES_KEY_WORDS];
    memcpy(key, data, sizeof key);
    for (unsigned rounds = 10; rounds <= 14; rounds += 2) {
        uint8_t one[20 * JIS_AES_BLOCK];
        uint8_t other[sizeof one];
        jis_aes_encrypt(key, rounds, data + rounds, one, 20);
        jis_aes_encrypt_cpu(key, rounds, data + rounds, other, 20);
        assert_memory_equal(one, other, sizeof one);
        jis_aes_decrypt(key, rounds, data + rounds, one, 20);
        jis_aes_decrypt_cpu(key, rounds, data + rounds, other, 20);
        assert_memory_equal(one, other, sizeof one);
    }
}

static void ghash_by_either_way_is_the_same(void **state ST_UNUSED)
{
    /* SP 800-38D test case 2 of the GCM submission: GHASH of one block of ciphertext and lengths.
     */
    static const uint64_t subkey[2] = {0x66e94bd4ef8a2c3b, 0x884cfa59ca342b2e};
    static const uint8_t blocks[32] = {0x03, 0x88, 0xda, 0xce, 0x60, 0xb6, 0xa3, 0x92,
                                       0xf3, 0x28, 0xc2, 0xb9, 0x71, 0xb2, 0xfe, 0x78,
                                       0,    0,    0,    0,    0,    0,    0,    0,
                                       0,    0,    0,    0,    0,    0,    0,    0x80};
    uint64_t plain[2] = {0, 0};
    jis_ghash(plain, subkey, blocks, 2);
    assert_true(plain[0] == 0xf38cbb1ad69223dc && plain[1] == 0xc3457ae5b6b0f885);
    if (!jis_cpu()->clmul) {
        skip();
    }
    uint64_t fast[2] = {plain[0], plain[1]};
    jis_ghash(plain, subkey, data, 33);
    jis_ghash_cpu(fast, subkey, data, 33);
    assert_memory_equal(plain, fast, sizeof plain);
}

static void checksums_by_either_way_are_the_same(void **state ST_UNUSED)
{
    static const uint8_t digits[] = "123456789";
    assert_int_equal(~jis_crc32(~0u, digits, 9), 0xcbf43926);
    assert_int_equal(~jis_crc32c(~0u, digits, 9), 0xe3069283);
    assert_int_equal(jis_adler32(1, digits, 9), 0x091e01de);
    for (size_t size = 0; size < 300; size++) {
        if (jis_cpu()->clmul) {
            assert_int_equal(jis_crc32(77, data + size, size),
                             jis_crc32_cpu(77, data + size, size));
        }
        if (jis_cpu()->crc32c) {
            assert_int_equal(jis_crc32c(77, data + size, size),
                             jis_crc32c_cpu(77, data + size, size));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_of_abc_are_those_of_the_standards),
        cmocka_unit_test(the_cpus_digests_are_the_same),
        cmocka_unit_test(aes_is_the_standards_and_the_cpus_is_the_same),
        cmocka_unit_test(ghash_by_either_way_is_the_same),
        cmocka_unit_test(checksums_by_either_way_are_the_same)};
    fill();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
