/* Linux's boot image. */
#include "format/fmt_bzimage.h"

#include "base/memops.h"

enum {
    HEADER_AT = 0x1f1,
    MAGIC_AT = 0x202,
    HEADER_MAX = 0x290 - HEADER_AT, /* what struct boot_params has room for */
    LOADED_HIGH = 1,
    KERNEL_64 = 1,
};

static uint64_t get(const uint8_t *bytes, unsigned at, unsigned size)
{
    uint64_t value = 0;

    memcpy(&value, bytes + at, size);
    return value;
}

bool fmt_bzimage_is(const void *bytes, size_t size)
{
    return size >= 0x268 && memcmp((const uint8_t *)bytes + MAGIC_AT, "HdrS", 4) == 0;
}

int fmt_bzimage_parse(const void *data, size_t size, struct fmt_bzimage *ret_image,
                      struct st_err *err)
{
    const uint8_t *bytes = data;
    struct fmt_bzimage image = {0};
    size_t sectors;

    if (!fmt_bzimage_is(data, size)) {
        return st_fail(err, ST_ENOEXEC, "not a Linux boot image");
    }
    image.version = (uint16_t)get(bytes, 0x206, 2);
    if (image.version < 0x204 || (bytes[0x211] & LOADED_HIGH) == 0) {
        return st_fail(err, ST_ENOEXEC, "Linux boot image of protocol %x.%02x: too old",
                       image.version >> 8, image.version & 0xffu);
    }
    sectors = bytes[HEADER_AT] != 0 ? bytes[HEADER_AT] : 4;
    image.kernel_offset = (sectors + 1) * 512;
    if (image.kernel_offset >= size) {
        return st_fail(err, ST_ECORRUPT, "Linux boot image ends within its setup code");
    }
    image.kernel_size = size - image.kernel_offset;
    image.header_size = (size_t)(MAGIC_AT - HEADER_AT) + bytes[0x201];
    if (image.header_size > HEADER_MAX) {
        image.header_size = HEADER_MAX;
    }
    image.initrd_max = (uint32_t)get(bytes, 0x22c, 4);
    image.command_line_max = image.version >= 0x206 ? (uint32_t)get(bytes, 0x238, 4) : 255;
    image.preferred = 0x100000;
    image.init_size = (uint32_t)ST_MIN(image.kernel_size, (size_t)UINT32_MAX);
    if (image.version >= 0x205) {
        image.relocatable = bytes[0x234] != 0;
        image.alignment = (uint32_t)get(bytes, 0x230, 4);
    }
    if (image.version >= 0x20a) {
        image.preferred = get(bytes, 0x258, 8);
        image.init_size = ST_MAX(image.init_size, (uint32_t)get(bytes, 0x260, 4));
    }
    if (image.version >= 0x20c) {
        image.has_64_entry = (get(bytes, 0x236, 2) & KERNEL_64) != 0 && image.kernel_size > 0x200;
    }
    if ((image.alignment & (image.alignment - 1)) != 0 ||
        image.preferred + image.init_size < image.preferred) {
        return st_fail(err, ST_ECORRUPT, "Linux boot image: its addresses make no sense");
    }
    *ret_image = image;
    return 0;
}
