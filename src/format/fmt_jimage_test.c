/* Tests of the jimage reader, on an image made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/fmt_jimage.h"

enum { PLACES = 3, SIZE = 28 + PLACES * 8 + 64 + 64 + 32 };

static void put_word(uint8_t *image, size_t at, uint32_t word)
{
    memcpy(image + at, &word, 4);
}

static uint32_t hash(uint32_t seed, const char *name)
{
    for (; *name != 0; name++) {
        seed = (seed * 0x01000193u) ^ (uint8_t)*name;
    }
    return seed & 0x7FFFFFFF;
}

static size_t put_number(uint8_t *at, unsigned kind, uint8_t value)
{
    at[0] = (uint8_t)(kind << 3);
    at[1] = value;
    return 2;
}

/* "/m/p/q/A.class", "/packages/p.q" and a compressed "/m/z". The first two names meet at one place
 * and are parted by a second hash; the third has its place named. */
static void make_image(uint8_t *image)
{
    static const char strings[] =
        "\0m\0p/q\0A\0class\0packages\0p\0q\0z"; /* 0 1 3 7 9 15 24 26 28 */
    static const char *const names[PLACES] = {"/m/p/q/A.class", "/packages/p.q", "/m/z"};
    static const uint8_t parts[PLACES][7] = {
        {1, 3, 7, 9, 0, 0, 5}, {15, 0, 24, 26, 8, 0, 8}, {1, 0, 28, 0, 16, 4, 9}};
    memset(image, 0, SIZE);
    put_word(image, 0, 0xCAFEDADA);
    put_word(image, 4, 0x10000);
    put_word(image, 12, PLACES);
    put_word(image, 16, PLACES);
    put_word(image, 20, 64);
    put_word(image, 24, 64);
    size_t locations = 28 + PLACES * 8;
    size_t at = 0;
    unsigned shared = hash(0x01000193, names[0]) % PLACES;
    assert_int_equal(hash(0x01000193, names[1]) % PLACES, shared);
    uint32_t seed = 1;
    while (hash(seed, names[0]) % PLACES != 0 || hash(seed, names[1]) % PLACES != 1) {
        seed++;
    }
    put_word(image, 28 + shared * 4, seed);
    unsigned other = hash(0x01000193, names[2]) % PLACES;
    assert_int_not_equal(other, shared);
    put_word(image, 28 + other * 4, (uint32_t)(-1 - 2));
    for (unsigned i = 0; i < PLACES; i++) {
        put_word(image, 28 + PLACES * 4 + i * 4, (uint32_t)at);
        for (unsigned kind = 1; kind <= 7; kind++) {
            at += put_number(image + locations + at, kind, parts[i][kind - 1]);
        }
        at++;
    }
    memcpy(image + locations + 64, strings, sizeof(strings));
    uint8_t *content = image + locations + 128;
    memcpy(content, "bytes", 5);
    put_word(image, locations + 128 + 8, 0);
    put_word(image, locations + 128 + 12, 1);
}

static void finds_resources_and_packages(void **state)
{
    (void)state;
    uint8_t *bytes = malloc(SIZE);
    make_image(bytes);
    struct fmt_jimage image;
    struct fmt_jimage_entry entry;
    assert_int_equal(fmt_jimage_open(bytes, SIZE, &image, NULL), 0);
    assert_int_equal(fmt_jimage_find(&image, "m", 1, "p/q/A.class", 11, &entry), 0);
    assert_int_equal(entry.size, 5);
    assert_memory_equal(entry.data, "bytes", 5);
    assert_string_equal(fmt_jimage_module_of(&image, "p/q", 3), "m");
    assert_null(fmt_jimage_module_of(&image, "p", 1));
    assert_int_equal(fmt_jimage_find(&image, "m", 1, "p/q/B.class", 11, &entry), -ST_ENOENT);
    assert_int_equal(fmt_jimage_find(&image, "m", 1, "z", 1, &entry), -ST_EUNSUPPORTED);
    assert_int_equal(fmt_jimage_at(&image, 0, &entry), 0);
    assert_string_equal(entry.base, "A");
    free(bytes);
}

static void refuses_other_files(void **state)
{
    (void)state;
    uint8_t bytes[SIZE];
    struct fmt_jimage image;
    make_image(bytes);
    assert_int_equal(fmt_jimage_open(bytes, 27, &image, NULL), -ST_ENOEXEC);
    assert_int_equal(fmt_jimage_open(bytes, 100, &image, NULL), -ST_ECORRUPT);
    put_word(bytes, 4, 0x20000);
    assert_int_equal(fmt_jimage_open(bytes, SIZE, &image, NULL), -ST_EVERSION);
    put_word(bytes, 0, 0xDADAFECA);
    assert_int_equal(fmt_jimage_open(bytes, SIZE, &image, NULL), -ST_EVERSION);
    put_word(bytes, 0, 1);
    assert_int_equal(fmt_jimage_open(bytes, SIZE, &image, NULL), -ST_ENOEXEC);
}

static void stays_inside_whatever_the_bytes(void **state)
{
    (void)state;
    for (size_t changed = 28; changed < SIZE; changed++) {
        uint8_t *bytes = malloc(SIZE);
        make_image(bytes);
        bytes[changed] = 0xFF;
        struct fmt_jimage image;
        struct fmt_jimage_entry entry;
        assert_int_equal(fmt_jimage_open(bytes, SIZE, &image, NULL), 0);
        for (uint32_t place = 0; place < image.places; place++) {
            if (fmt_jimage_at(&image, place, &entry) == 0) {
                assert_true(entry.data + entry.size <= bytes + SIZE);
            }
        }
        (void)!fmt_jimage_find(&image, "m", 1, "p/q/A.class", 11, &entry);
        (void)fmt_jimage_module_of(&image, "p/q", 3);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_resources_and_packages),
        cmocka_unit_test(refuses_other_files),
        cmocka_unit_test(stays_inside_whatever_the_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
