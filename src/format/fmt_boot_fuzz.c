/* Any bytes, as a kernel of each format: what a parser accepts lies within the file. */
#include <stdint.h>

#include "base/assert.h"
#include "format/fmt_bzimage.h"
#include "format/fmt_elf.h"
#include "format/fmt_multiboot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at_elf(const uint8_t *data, size_t size)
{
    static struct fmt_elf elf;

    if (fmt_elf_parse(data, size, &elf, NULL) < 0) {
        return;
    }
    ST_CHECK(elf.segments_count > 0 && elf.segments_count <= FMT_ELF_SEGMENTS);
    for (unsigned i = 0; i < elf.segments_count; i++) {
        ST_CHECK(elf.segments[i].offset <= size);
        ST_CHECK(elf.segments[i].size <= size - elf.segments[i].offset);
        ST_CHECK(elf.segments[i].memory_size >= elf.segments[i].size);
    }
    (void)fmt_elf_physical_entry(&elf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fmt_bzimage image;
    struct fmt_multiboot header;

    look_at_elf(data, size);
    if (fmt_bzimage_parse(data, size, &image, NULL) >= 0) {
        ST_CHECK(image.kernel_offset + image.kernel_size == size && image.kernel_size > 0);
        ST_CHECK(image.header_size <= 0x290 - FMT_BZIMAGE_PARAMS_HEADER);
    }
    if (fmt_multiboot_parse(data, size, &header, NULL) >= 0 && header.has_addresses) {
        ST_CHECK(header.load_offset <= size && header.load_size <= size - header.load_offset);
        ST_CHECK(header.memory_size >= header.load_size);
    }
    return 0;
}
