/* Boot images: ELF with and without the PVH note, Linux's setup header, multiboot 1 and 2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "format/fmt_bzimage.h"
#include "format/fmt_elf.h"
#include "format/fmt_multiboot.h"

static uint8_t file[0x3000];

static void put(size_t at, uint64_t value, unsigned size)
{
    memcpy(file + at, &value, size);
}

static int clear(void **state)
{
    (void)state;
    memset(file, 0, sizeof file);
    return 0;
}

static void put_segment(size_t at, uint32_t type, uint64_t offset, uint64_t virtual,
                        uint64_t physical, uint64_t size, uint64_t memory_size)
{
    put(at, type, 4);
    put(at + 8, offset, 8);
    put(at + 16, virtual, 8);
    put(at + 24, physical, 8);
    put(at + 32, size, 8);
    put(at + 40, memory_size, 8);
    put(at + 48, 4, 8);
}

static void make_elf(void)
{
    memcpy(file, "\177ELF\2\1\1", 7);
    put(16, 2, 2);
    put(18, 62, 2);
    put(24, 0xffffffff80001010, 8);
    put(32, 64, 8);
    put(54, 56, 2);
    put(56, 2, 2);
    put_segment(64, 1, 0x1000, 0xffffffff80001000, 0x1000000, 0x200, 0x5000);
    put_segment(120, 4, 0x2000, 0, 0, 36, 36);
    put(0x2000, 4, 4); /* a note of another kind */
    put(0x2004, 0, 4);
    put(0x2008, 7, 4);
    memcpy(file + 0x200c, "Xen", 4);
    put(0x2010, 4, 4);
    put(0x2014, 4, 4);
    put(0x2018, 18, 4);
    memcpy(file + 0x201c, "Xen", 4);
    put(0x2020, 0x1000040, 4);
}

static void reads_an_elf_with_its_pvh_entry(void **state)
{
    struct fmt_elf elf;

    (void)state;
    make_elf();
    assert_int_equal(fmt_elf_parse(file, sizeof file, &elf, NULL), 0);
    assert_true(elf.is_64);
    assert_int_equal(elf.segments_count, 1);
    assert_int_equal(elf.segments[0].physical, 0x1000000);
    assert_int_equal(elf.segments[0].memory_size, 0x5000);
    assert_true(elf.has_pvh);
    assert_int_equal(elf.pvh_entry, 0x1000040);
    assert_int_equal(fmt_elf_physical_entry(&elf), 0x1000010);
}

static void refuses_elf_files_that_lie(void **state)
{
    struct fmt_elf elf;
    struct st_err err = {0};

    (void)state;
    make_elf();
    assert_int_equal(fmt_elf_parse(file, 0x11ff, &elf, &err), -ST_ECORRUPT);
    put(104, 0x10, 8); /* smaller in memory than in the file */
    assert_int_equal(fmt_elf_parse(file, sizeof file, &elf, &err), -ST_ECORRUPT);
    make_elf();
    put(18, 40, 2);
    assert_int_equal(fmt_elf_parse(file, sizeof file, &elf, &err), -ST_ENOEXEC);
    make_elf();
    put(32, UINT64_MAX - 8, 8);
    assert_int_equal(fmt_elf_parse(file, sizeof file, &elf, &err), -ST_ECORRUPT);
    make_elf();
    put(0x2000, UINT32_MAX, 4); /* a note without end: no PVH entry is found */
    assert_int_equal(fmt_elf_parse(file, sizeof file, &elf, &err), 0);
    assert_false(elf.has_pvh);
}

static void reads_the_setup_header(void **state)
{
    struct fmt_bzimage image;

    (void)state;
    file[0x1f1] = 3;
    put(0x200, 0x6aeb, 2); /* a jump over the header, whose length it tells */
    memcpy(file + 0x202, "HdrS", 4);
    put(0x206, 0x20f, 2);
    file[0x211] = 1;
    put(0x22c, 0x7fffffff, 4);
    put(0x230, 0x200000, 4);
    file[0x234] = 1;
    put(0x236, 0x2f, 2);
    put(0x238, 2047, 4);
    put(0x258, 0x1000000, 8);
    put(0x260, 0x2000000, 4);
    assert_int_equal(fmt_bzimage_parse(file, sizeof file, &image, NULL), 0);
    assert_int_equal(image.kernel_offset, 2048);
    assert_int_equal(image.header_size, 0x26c - 0x1f1);
    assert_true(image.has_64_entry && image.relocatable);
    assert_int_equal(image.preferred, 0x1000000);
    assert_int_equal(image.init_size, 0x2000000);
    assert_int_equal(fmt_bzimage_parse(file, 2048, &image, NULL), -ST_ECORRUPT);
    file[0x211] = 0;
    assert_int_equal(fmt_bzimage_parse(file, sizeof file, &image, NULL), -ST_ENOEXEC);
}

static void finds_a_multiboot_header(void **state)
{
    struct fmt_multiboot header;

    (void)state;
    assert_int_equal(fmt_multiboot_parse(file, sizeof file, &header, NULL), -ST_ENOEXEC);
    put(0x104, 0x1badb002, 4);
    put(0x108, 0x10003, 4);
    put(0x10c, 0u - 0x1badb002u - 0x10003u, 4);
    put(0x110, 0x100104, 4);
    put(0x114, 0x100004, 4);
    put(0x118, 0x100804, 4);
    put(0x11c, 0x101000, 4);
    put(0x120, 0x100200, 4);
    assert_int_equal(fmt_multiboot_parse(file, sizeof file, &header, NULL), 0);
    assert_int_equal(header.version, 1);
    assert_true(header.has_addresses && header.has_entry && header.page_align_modules);
    assert_int_equal(header.load_offset, 4);
    assert_int_equal(header.load_size, 0x800);
    assert_int_equal(header.memory_size, 0xffc);
    assert_int_equal(header.entry, 0x100200);
    put(0x118, 0x200000, 4);
    assert_int_equal(fmt_multiboot_parse(file, sizeof file, &header, NULL), -ST_ECORRUPT);
}

static void finds_a_multiboot_2_header(void **state)
{
    struct fmt_multiboot header;

    (void)state;
    put(0x208, 0xe85250d6, 4);
    put(0x210, 40, 4);
    put(0x214, 0u - 0xe85250d6u - 40u, 4);
    put(0x218, 3, 2); /* entry */
    put(0x21c, 12, 4);
    put(0x220, 0x101234, 4);
    put(0x228, 0, 4);
    put(0x22c, 8, 4);
    assert_int_equal(fmt_multiboot_parse(file, sizeof file, &header, NULL), 0);
    assert_int_equal(header.version, 2);
    assert_true(header.has_entry && !header.has_addresses);
    assert_int_equal(header.entry, 0x101234);
    put(0x218, 9, 2); /* a tag that nobody knows is required */
    assert_int_equal(fmt_multiboot_parse(file, sizeof file, &header, NULL), -ST_EUNSUPPORTED);
    put(0x21c, 4, 4);
    assert_int_equal(fmt_multiboot_parse(file, sizeof file, &header, NULL), -ST_ECORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(reads_an_elf_with_its_pvh_entry, clear),
        cmocka_unit_test_setup(refuses_elf_files_that_lie, clear),
        cmocka_unit_test_setup(reads_the_setup_header, clear),
        cmocka_unit_test_setup(finds_a_multiboot_header, clear),
        cmocka_unit_test_setup(finds_a_multiboot_2_header, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
