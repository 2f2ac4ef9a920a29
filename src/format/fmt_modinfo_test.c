/* What modules say of themselves: a module made by hand, whole and damaged. */
#include "format/fmt_modinfo.h"

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char texts[] =
    "license=GPL\0depends=virtio_ring,virtio\0dependsnot=x\0name=virtio_pci";
static const char names[] = "\0.shstrtab\0.modinfo";

struct module {
    Elf64_Ehdr head;
    Elf64_Shdr sections[3];
    char names[sizeof(names)];
    char texts[sizeof(texts)];
};

static struct module make(void)
{
    struct module m = {
        .head = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                 .e_type = ET_REL,
                 .e_shoff = offsetof(struct module, sections),
                 .e_shentsize = sizeof(Elf64_Shdr),
                 .e_shnum = 3,
                 .e_shstrndx = 1},
        .sections = {[1] = {.sh_name = 1,
                            .sh_offset = offsetof(struct module, names),
                            .sh_size = sizeof(names)},
                     [2] = {.sh_name = 11,
                            .sh_offset = offsetof(struct module, texts),
                            .sh_size = sizeof(texts)}},
    };
    memcpy(m.names, names, sizeof(names));
    memcpy(m.texts, texts, sizeof(texts));
    return m;
}

static void finds_values_by_their_whole_key(void **state)
{
    struct module m = make();
    struct fmt_modinfo info;

    (void)state;
    assert_int_equal(fmt_modinfo_parse(&m, sizeof(m), &info), 0);
    assert_string_equal(fmt_modinfo_get(&info, "depends"), "virtio_ring,virtio");
    assert_string_equal(fmt_modinfo_get(&info, "name"), "virtio_pci");
    assert_null(fmt_modinfo_get(&info, "depend"));
    assert_null(fmt_modinfo_get(&info, "softdep"));
}

static void tells_what_is_no_module(void **state)
{
    struct module m = make();
    struct fmt_modinfo info;

    (void)state;
    assert_int_equal(fmt_modinfo_parse(&m, 63, &info), -ST_ENOEXEC);
    m.head.e_ident[EI_CLASS] = ELFCLASS32;
    assert_int_equal(fmt_modinfo_parse(&m, sizeof(m), &info), -ST_ENOEXEC);
    m = make();
    m.names[12] = 'M';
    assert_int_equal(fmt_modinfo_parse(&m, sizeof(m), &info), -ST_ENOTFOUND);
}

static void refuses_what_lies_outside_of_the_file(void **state)
{
    struct module m = make();
    struct fmt_modinfo info;

    (void)state;
    assert_int_equal(fmt_modinfo_parse(&m, sizeof(m) - 1, &info), -ST_ECORRUPT);
    m.texts[sizeof(texts) - 1] = 'x'; /* the last text has no end */
    assert_int_equal(fmt_modinfo_parse(&m, sizeof(m), &info), -ST_ECORRUPT);
    m = make();
    m.head.e_shoff = UINT64_MAX - 8;
    assert_int_equal(fmt_modinfo_parse(&m, sizeof(m), &info), -ST_ECORRUPT);
    m = make();
    m.head.e_shstrndx = 3;
    assert_int_equal(fmt_modinfo_parse(&m, sizeof(m), &info), -ST_ECORRUPT);
    m = make();
    m.sections[1].sh_size = UINT64_MAX;
    assert_int_equal(fmt_modinfo_parse(&m, sizeof(m), &info), -ST_ECORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_values_by_their_whole_key),
        cmocka_unit_test(tells_what_is_no_module),
        cmocka_unit_test(refuses_what_lies_outside_of_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
