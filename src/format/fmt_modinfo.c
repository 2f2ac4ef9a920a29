/* Section .modinfo of kernel modules. */
#include "format/fmt_modinfo.h"

#include "base/memops.h"
#include "base/str.h"

enum {
    FILE_HEADER = 64,
    SECTION_HEADER = 64,
    CLASS_64 = 2,
    LITTLE_ENDIAN = 1,
};

struct section {
    uint32_t name;
    uint64_t offset, size;
};

static uint64_t get(const uint8_t *at, unsigned size)
{
    uint64_t value = 0;

    memcpy(&value, at, size);
    return value;
}

static bool within(uint64_t offset, uint64_t size, uint64_t whole)
{
    return offset <= whole && size <= whole - offset;
}

/* at points to a whole header. false: the section lies outside the file. */
static bool read_section(const uint8_t *at, uint64_t file_size, struct section *ret_section)
{
    ret_section->name = (uint32_t)get(at, 4);
    ret_section->offset = get(at + 24, 8);
    ret_section->size = get(at + 32, 8);
    return within(ret_section->offset, ret_section->size, file_size);
}

int fmt_modinfo_parse(const void *bytes, size_t size, struct fmt_modinfo *ret_info)
{
    static const char wanted[] = ".modinfo";
    const uint8_t *file = bytes;
    struct section names, section;

    if (size < FILE_HEADER || memcmp(file, "\177ELF", 4) != 0 || file[4] != CLASS_64 ||
        file[5] != LITTLE_ENDIAN || get(file + 58, 2) != SECTION_HEADER) {
        return -ST_ENOEXEC;
    }
    uint64_t offset = get(file + 40, 8);
    uint64_t count = get(file + 60, 2);
    uint64_t names_at = get(file + 62, 2);
    if (!within(offset, count * SECTION_HEADER, size) || names_at >= count ||
        !read_section(file + offset + names_at * SECTION_HEADER, size, &names)) {
        return -ST_ECORRUPT;
    }
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t *at = file + offset + i * SECTION_HEADER;
        uint32_t name = (uint32_t)get(at, 4);
        if (!within(name, sizeof(wanted), names.size) ||
            memcmp(file + names.offset + name, wanted, sizeof(wanted)) != 0) {
            continue;
        }
        if (!read_section(at, size, &section) ||
            (section.size > 0 && file[section.offset + section.size - 1] != 0)) {
            return -ST_ECORRUPT;
        }
        ret_info->texts = (const char *)file + section.offset;
        ret_info->size = (size_t)section.size;
        return 0;
    }
    return -ST_ENOTFOUND;
}

const char *fmt_modinfo_get(const struct fmt_modinfo *info, const char *key)
{
    for (size_t at = 0; at < info->size; at += st_strlen(info->texts + at) + 1) {
        const char *value = st_after_prefix(info->texts + at, key);
        if (value != NULL && *value == '=') {
            return value + 1;
        }
    }
    return NULL;
}
