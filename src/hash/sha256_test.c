/* SHA-256 against the examples of FIPS 180-4 and against itself in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hash/sha256.h"

static void digests_to(const char *text, const char *wanted)
{
    uint8_t digest[HASH_SHA256_SIZE];
    char hex[2 * HASH_SHA256_SIZE + 1];
    hash_sha256_of(text, strlen(text), digest);
    hash_sha256_hex(digest, hex);
    assert_string_equal(hex, wanted);
}

static void digests_the_examples_of_the_standard(void **state)
{
    (void)state;
    digests_to("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    digests_to("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digests_to("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
               "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void pieces_of_any_size_digest_as_the_whole(void **state)
{
    (void)state;
    uint8_t bytes[300];
    uint8_t whole[HASH_SHA256_SIZE];
    uint8_t pieces[HASH_SHA256_SIZE];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 7);
    }
    hash_sha256_of(bytes, sizeof(bytes), whole);
    for (size_t step = 1; step <= sizeof(bytes); step++) {
        struct hash_sha256 hash;
        hash_sha256_init(&hash);
        for (size_t at = 0; at < sizeof(bytes); at += step) {
            size_t left = sizeof(bytes) - at;
            hash_sha256_add(&hash, bytes + at, left < step ? left : step);
        }
        hash_sha256_end(&hash, pieces);
        assert_memory_equal(whole, pieces, sizeof(whole));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_the_examples_of_the_standard),
        cmocka_unit_test(pieces_of_any_size_digest_as_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
